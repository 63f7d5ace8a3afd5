#!/bin/sh
# lint.sh - runs compilers and checkers; no output means no findings
#
#   build-aux/lint.sh [gcc|clang|arrows|format|tidy|cppcheck|mandoc]...     (all)
#
# gcc and clang build everything with WERROR=1, except the files for nvcc, for which
# warnings are always errors. They use folders of their own below build/lint. arrows
# reads the objects of gcc. format compares the sources with what clang-format makes of
# them. .clang-tidy lists clang-tidy's checks, with reasons.
set -u

cd "$(dirname "$0")/.." || exit 1
jobs=$(nproc)
out=build/lint
mkdir -p "$out"
bad=0
trap 'rm -f "$out"/tmp.*' EXIT

# report NAME STATUS: shows the output, if there was any
report() {
	if [ "$2" = 0 ]; then
		echo "ok   lint $1"
	else
		echo "FAIL lint $1"
		sed 's/^/    /' "$out/$1.log"
		bad=1
	fi
}

sources() {
	find libcore formats tools plugins tests examples -name '*.c' "$@" | sort
}

compiler() {
	command -v "$1" > /dev/null || { echo "skip lint $1: not installed"; return; }
	status=0
	make --no-print-directory -k -j"$jobs" CC="$1" WERROR=1 CFLAGS='-O2 -g' \
		BUILD="$out/$1" BIN="$out/$1/bin" NVCC= all test-programs \
		> "$out/$1.make" 2> "$out/$1.log" || status=1
	report "$1" $status
}

check_arrows() {
	status=0
	build-aux/arrows.sh "$out/gcc" > "$out/arrows.log" 2>&1 || status=1
	report arrows $status
}

# Other versions of clang-format lay some lines out differently.
check_format() {
	command -v "${CLANG_FORMAT:-clang-format}" > /dev/null || { echo "skip lint format: not installed"; return; }
	"${CLANG_FORMAT:-clang-format}" --version | grep -q 'version 14\.' ||
		{ echo "skip lint format: needs version 14 of clang-format"; return; }
	status=0
	build-aux/format.sh --dry-run -Werror > "$out/format.log" 2>&1 || status=1
	report format $status
}

# The Makefile's flags. error.c defines the functions that analyzer.h wraps. Plugins do
# not see the host's headers.
tidy() {
	command -v clang-tidy > /dev/null || { echo "skip lint tidy: not installed"; return; }
	status=0
	flags='-std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DCNN_VERSION="0" -Ilibcore/include -iquote libcore -iquote .'
	without='^$'
	[ -e /usr/include/dnnl.h ] || without="$without|onednn"
	cuda=${CUDA:-/usr/local/cuda}/include
	[ -e "$cuda/cudnn_graph.h" ] || without="$without|plugins/cuda|tests/cudnn"
	host="$flags -Itests/hostcuda/include"
	# It has no form without these.
	tiles="$flags -mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16 -mamx-tile -mamx-bf16"
	flags="$flags -isystem $cuda"
	{ sources ! -path 'plugins/*' ! -path '*/bad/*' ! -path 'examples/*' ! -name error.c ! -path '*/loader/*' \
			! -path 'tests/hostcuda/*' | grep -vE "$without" |
		xargs -P "$jobs" -n 1 sh -c 'flags=$1; shift
			exec clang-tidy --quiet "$@" -- $flags -include build-aux/analyzer.h' sh "$flags"
	# shellcheck disable=SC2086
	clang-tidy --quiet plugins/cpu/native/amx-kernels.c -- $tiles
	sources -path 'plugins/*' -o -name error.c -o -name '*.c' -path 'examples/*' |
		grep -vE "$without|amx-kernels" |
		xargs -P "$jobs" -n 1 sh -c 'flags=$1; shift
			exec clang-tidy --quiet "$@" -- $flags' sh "$flags"
	sources -path 'tests/hostcuda/*' ! -path '*/bad/*' |
		xargs -P "$jobs" -n 1 sh -c 'flags=$1; shift
			exec clang-tidy --quiet "$@" -- $flags' sh "$host"; } \
		2>&1 | grep -vE '^[0-9]+ warnings? (generated|treated as errors?)' > "$out/tidy.log"
	! grep -qE '(error|warning):' "$out/tidy.log" || status=1
	report tidy $status
}

check_cpp() {
	command -v cppcheck > /dev/null || { echo "skip lint cppcheck: not installed"; return; }
	status=0
	cppcheck -q -j "$jobs" --std=c11 --enable=warning,performance,portability \
		--inline-suppr --suppressions-list=build-aux/cppcheck.supp --error-exitcode=1 \
		-Ilibcore/include -Ilibcore -I. -D_GNU_SOURCE -D__linux__ '-DCNN_VERSION="0"' \
		libcore formats tools plugins tests examples > "$out/cppcheck.log" 2>&1 || status=1
	report cppcheck $status
}

check_man() {
	command -v mandoc > /dev/null || { echo "skip lint mandoc: not installed"; return; }
	status=0
	mandoc -Tlint -W warning man/*.[157] > "$out/mandoc.log" 2>&1 || status=1
	report mandoc $status
}

[ $# -gt 0 ] || set -- gcc clang arrows format tidy cppcheck mandoc
for what; do
	case $what in
	gcc | clang) compiler "$what" ;;
	arrows) check_arrows ;;
	format) check_format ;;
	tidy) tidy ;;
	cppcheck) check_cpp ;;
	mandoc) check_man ;;
	*) echo "usage: lint.sh [gcc|clang|arrows|format|tidy|cppcheck|mandoc]..." >&2; exit 2 ;;
	esac
done
exit $bad
