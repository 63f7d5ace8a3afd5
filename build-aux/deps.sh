#!/bin/sh
# deps.sh - installs the dependencies, by their Debian names
#
#   build-aux/deps.sh [--check] SET...      sets: run dev lint bench npm
#
# Prints what is missing and installs it with apt-get, as root or through sudo. If
# neither is possible, it prints the command to type and exits 1. --check only prints
# what is missing, and exits 0.
set -eu

# One per line: set, how to detect it, packages (the first of those separated by | that
# apt knows). cmd: a command; c: a header; pc: a pkg-config name; py: a module of
# Debian's Python; perl: a module of Perl; path: a file.
table='
run  cmd:cc                gcc
run  c:stdio.h             libc6-dev
run  cmd:make              make
run  cmd:pkg-config        pkg-config
run  pc:msgpack-c|msgpack  libmsgpack-c-dev|libmsgpack-dev
run  pc:libxxhash          libxxhash-dev
run  pc:libarchive         libarchive-dev
run  pc:libpng             libpng-dev
run  pc:zlib               zlib1g-dev
run  c:bzlib.h             libbz2-dev
run  pc:liblzma            liblzma-dev
run  pc:libzstd            libzstd-dev
run  pc:libcrypto          libssl-dev
run  pc:libcurl            libcurl4-openssl-dev
run  c:dnnl.h              libdnnl-dev
run  path:/etc/ssl/certs/ca-certificates.crt  ca-certificates
dev  cmd:bats              bats
dev  cmd:clang             clang
dev  fuzzer                libclang-rt-dev
dev  cmd:g++               g++
dev  cmd:valgrind          valgrind
dev  cmd:mandoc            mandoc
dev  cmd:openssl           openssl
dev  cmd:strace            strace
dev  cmd:xz                xz-utils
dev  cmd:zip               zip
dev  perl:JSON::PP         perl
dev  cmd:python3           python3
dev  py:numpy              python3-numpy
dev  py:msgpack            python3-msgpack
dev  py:msgpack_numpy      python3-msgpack-numpy
dev  py:torch              python3-torch
dev  cmd:npm               npm
dev  path:/usr/share/datasets/fashion-mnist  dataset-fashion-mnist
lint cmd:clang             clang
lint cmd:clang-tidy        clang-tidy
lint cmd:clang-format      clang-format
lint cmd:cppcheck          cppcheck
lint cmd:mandoc            mandoc
bench py:torch             python3-torch
bench path:/usr/lib/*/openblas-pthread/libblas.so.3  libopenblas0-pthread
bench path:/usr/include/tiny_dnn/tiny_dnn.h  tiny-dnn
bench cmd:gnuplot          gnuplot-nox|gnuplot
bench cmd:strace           strace
npm  cmd:npm               npm
'

# --- detection -------------------------------------------------------------------

pkgconf() {
	"${PKG_CONFIG:-pkg-config}" --exists "$1" 2> /dev/null
}

have() {
	case $1 in
	cmd:g++) command -v "${CXX:-g++}" > /dev/null ;;
	cmd:cc) set -- ${CC:-cc}; command -v "$1" > /dev/null ;;    # "ccache gcc"
	fuzzer) echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
		clang -fsanitize=fuzzer -x c -o /dev/null - 2> /dev/null ;;
	cmd:*) command -v "${1#cmd:}" > /dev/null ;;
	c:*) echo "#include <${1#c:}>" |
		${CC:-cc} ${CPPFLAGS-} -E -x c - > /dev/null 2>&1 ;;
	pc:*'|'*) name=${1#pc:}; pkgconf "${name%|*}" || pkgconf "${name#*|}" ;;
	pc:*) pkgconf "${1#pc:}" ;;
	py:*) /usr/bin/python3 -c "import importlib.util as u, sys
sys.exit(u.find_spec('${1#py:}') is None)" 2> /dev/null ;;
	perl:*) perl "-M${1#perl:}" -e 1 2> /dev/null ;;
	path:*) ls ${1#path:} > /dev/null 2>&1 ;;    # a pattern
	esac
}

# missing SET...: prints the lines of the table for missing dependencies
missing() {
	echo "$table" | while read -r set what packages; do
		case " $* " in
		*" $set "*) have "$what" || echo "$what $packages" ;;
		esac
	done
}

# --- apt ---------------------------------------------------------------------------

known() {
	apt-cache show "$1" > /dev/null 2>&1
}

# Of `a|b`, prints the one that apt knows, or a.
choose() {
	for packages; do
		first=${packages%|*}
		if [ "$first" != "$packages" ] && ! known "$first" && known "${packages#*|}"; then
			first=${packages#*|}
		fi
		printf '%s ' "$first"
	done
}

check=
if [ "${1-}" = --check ]; then
	check=yes
	shift
fi
lines=$(missing "$@")
[ -n "$lines" ] || exit 0
packages=$(echo "$lines" | cut -d' ' -f2- | sort -u)

if [ "$check" ]; then
	# shellcheck disable=SC2046,SC2086
	echo "missing: $(echo "$lines" | cut -d' ' -f1 | sed 's/^[a-z]*://' | xargs) (Debian: $(choose $packages | xargs))" >&2
	exit 0
fi

if ! command -v apt-get > /dev/null; then
	echo "missing: $(echo "$lines" | cut -d' ' -f1 | sed 's/^[a-z]*://' | xargs)" >&2
	echo "There is no apt-get here: install them as your system does it." >&2
	exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
	if sudo -n true 2> /dev/null; then
		sudo='sudo -n'
	elif [ -t 0 ] && command -v sudo > /dev/null; then
		sudo=sudo
	else
		# shellcheck disable=SC2046,SC2086
		echo "Packages are missing, and only root can install them. Type, as root:" >&2
		echo "    apt-get update && apt-get install --no-install-recommends $(choose $packages | xargs)" >&2
		exit 1
	fi
fi
# The package lists may be old or missing.
echo "Some packages are missing; asking apt for its lists."
$sudo apt-get -qq update || echo "deps.sh: apt-get update failed; going on with the old lists" >&2
# shellcheck disable=SC2046,SC2086
set -- $(choose $packages)
echo "Installing: $*"
$sudo env DEBIAN_FRONTEND=noninteractive \
	apt-get -qq install -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" < /dev/null || {
	echo "deps.sh: apt-get could not install them; what it said is above" >&2
	exit 1
}
