#!/bin/bash
# bundle.sh - makes a folder to copy to a machine with a GPU, with gpu-check.sh in it
#
#   make gpu-bundle                    (BIN, BUILD and CUDA come from the Makefile)
#   tests/gpu/bundle.sh [FOLDER [DATA]]
#
# Copies to FOLDER ($BUILD/gpu-bundle) the tools, the plugins for the CPU (only ref) and
# for CUDA, the conformance test with its oracle, MNIST (compressed), and the shared
# libraries that a bare Ubuntu 24.04 with CUDA 13 lacks. DATA ($BUILD/gpu-data) keeps
# train.tns.xz and test.tns.xz, which are made if they are missing. Fails if the bundle
# is larger than 60 MiB. Leaves out the libraries that the machine with the GPU has:
# glibc, libstdc++, CUDA, cuDNN. Leaves out mnist-fetch, which needs libcurl and 30 more
# libraries, and cnn-plugin-check, whose engine is in the conformance test.
set -euo pipefail
export LC_ALL=C
umask 022
trap 'echo "bundle.sh: line $LINENO: failed" >&2' ERR

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
BUILD=${BUILD:-build} BIN=${BIN:-bin} CUDA=${CUDA:-/usr/local/cuda}
most=$((60 << 20))
out=${1:-$BUILD/gpu-bundle}
data=${2:-$BUILD/gpu-data}

die() {
	echo "bundle.sh: $*" >&2
	exit 1
}

for program in strip xz ldd; do
	command -v $program > /dev/null || die "no $program"
done
rm -rf "$out"
plugins=$out/lib/cnntools/plugins
mkdir -p "$out/bin" "$out/tests" "$out/data" "$plugins/cpu"

# --- programs and plugins --------------------------------------------------------

for tool in "$BIN"/*; do
	case ${tool##*/} in
	mnist-fetch | cnn-plugin-check) ;;
	*) cp "$tool" "$out/bin/" ;;
	esac
done
cp "$BUILD/tests/conformance/conformance" "$out/tests/"

# plugins FROM TO: copies the .so files of a provider's folder
plugins() {
	[ -n "$(find "$1" -name '*.so' 2> /dev/null)" ] || return 1
	mkdir -p "$2"
	cp "$1"/*.so "$2/"
}
plugins "$BUILD/plugins/cpu/ref" "$plugins/cpu/ref" || die "no cpu/ref: run make"
plugins "$BUILD/reference/cpu/ref" "$out/tests/reference/cpu/ref" ||
	die "no oracle in double: run make test-programs"
for provider in native cudnn; do
	plugins "$BUILD/plugins/cuda/$provider" "$plugins/cuda/$provider" ||
		echo "bundle.sh: no cuda/$provider to bundle" >&2
done
find "$out" -type f -exec strip --strip-unneeded {} +

# --- libraries -------------------------------------------------------------------

# needed FILE...: the shared libraries they need that the GPU's machine lacks
needed() {
	LD_LIBRARY_PATH=$CUDA/lib64 ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' |
		sort -u | grep -vE '/(ld-linux|lib(c|m|dl|rt|pthread|util|resolv|stdc\+\+|gcc_s)\.so|lib(cuda|cudnn|cublas|nv))'
}

# stub_icu LIBRARY: makes an empty library in place of ICU's tables. These have 30 MB,
# and are only used for XML in an archive, but the loader requires the library. ICU
# reports an error if it needs the tables.
stub_icu() {
	local name=${1##*/} version
	version=${name##*.}
	echo "const long long icudt${version}_dat[8] = { 0 };" |
		${CC:-cc} -shared -fPIC -nostdlib -Wl,-soname,"$name" -x c - -o "$out/lib/$name"
}

# For unpacking the plugins. These share many kernels, so that packing them together
# reduces them to a tenth.
cp "$(command -v xz)" "$out/bin/"

mapfile -t wanted < <(find "$out" -type f \( -name '*.so' -o -path '*/bin/*' -o -name conformance \))
for library in $(needed "${wanted[@]}"); do
	case $library in
	*/libicudata.so.*) stub_icu "$library" ;;
	*) cp -L "$library" "$out/lib/" ;;
	esac
done

tar -C "$out/lib/cnntools" --sort=name --owner=root --group=root -cf - plugins |
	xz -9 > "$out/plugins.tar.xz"
rm -r "$out/lib/cnntools"

# --- data and scripts --------------------------------------------------------------

mkdir -p "$data"
for part in train test; do
	[ ! -s "$data/$part.tns.xz" ] || continue
	"$BIN/mnist-fetch" -q "$part" -o "$data/$part.tns" || die "no MNIST"
	xz -T0 "$data/$part.tns"
done
cp "$data"/{train,test}.tns.xz "$out/data/"

cp "$here"/{gpu-check,report,facts,correct,speed,peers,env}.sh \
	"$here"/{with,torch_mnist.py,README.md} examples/seed.net "$out/"
{ git describe --always --dirty 2> /dev/null || echo unknown; } > "$out/commit"

# --- the size ----------------------------------------------------------------------

bytes() {
	find "$@" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }'
}
show() {
	local what=$1
	shift
	awk -v what="$what" -v n="$(bytes "$@")" 'BEGIN { printf "%-10s %6.1f MiB\n", what, n / 1048576 }'
}
show tools "$out/bin" "$out/tests"
show plugins "$out/plugins.tar.xz"
show libraries "$out/lib"
show data "$out/data"
show "$out" "$out"
[ "$(bytes "$out")" -le $most ] || die "$out is larger than 60 MiB"
