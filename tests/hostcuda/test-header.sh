#!/bin/sh
# test-header.sh - checks that include/cuda_runtime_api.h agrees with the toolkit's
# header: the same values, and compatible prototypes. Prints TAP.
#
#	test-header.sh [FOLDER]		the toolkit's, /usr/local/cuda
set -u

cd "$(dirname "$0")" || exit 1
toolkit=${1:-/usr/local/cuda}
ours=include/cuda_runtime_api.h
theirs=$toolkit/include/cuda_runtime_api.h
if [ ! -e "$theirs" ]; then
	printf '1..1\nok 1 - the headers agree # skip no CUDA toolkit\n'
	exit
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0 bad=0

# claim TEXT STATUS
claim() {
	n=$((n + 1))
	if [ "$2" = 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' "$tmp/log"
		bad=1
	fi
}

# compile NAME FOLDER: compiles $tmp/NAME.c to $tmp/NAME with a folder of headers
compile() {
	${CC:-cc} -Wall -Wextra -Werror -I"$2" -o "$tmp/$1" "$tmp/$1.c" > "$tmp/log" 2>&1
}

# show NAME LINES: runs a program that prints the values of LINES, with both headers
show() {
	printf '#include <cuda_runtime_api.h>\n#include <stdio.h>\nint main(void)\n{\n%s\nreturn 0;\n}\n' \
		"$2" > "$tmp/$1.c"
	compile "$1" include && "$tmp/$1" > "$tmp/ours" &&
		compile "$1" "$toolkit/include" && "$tmp/$1" > "$tmp/theirs" &&
		diff "$tmp/ours" "$tmp/theirs" > "$tmp/log"
}

show values "$({
	sed -n 's/^	\(cuda[A-Za-z0-9]*\) = [0-9].*/\1/p' $ours
	sed -n 's/^#define \(cuda[A-Za-z]*\|CUDART_VERSION\) .*/\1/p' $ours
} | sed 's/.*/printf("& %lld\\n", (long long)&);/')"
claim "constants have CUDA's values" $?

show members "struct cudaDeviceProp p; $(sed -n '/^struct cudaDeviceProp {/,/^}/s/^	.* \([A-Za-z0-9]*\)\(\[.*\]\)\{0,1\};/printf("\1 %zu\\n", sizeof p.\1);/p' $ours)"
claim "a device's properties have CUDA's sizes" $?

{
	printf '#include "%s"\n#define HOSTCUDA_DEFAULT(value)\n' "$theirs"
	sed -n '/pragma GCC visibility push/,/pragma GCC visibility pop/p' $ours | grep -v pragma
	echo 'int main(void) { return 0; }'
} > "$tmp/prototypes.c"
compile prototypes "$toolkit/include"
claim "prototypes are CUDA's" $?

echo "1..$n"
exit $bad
