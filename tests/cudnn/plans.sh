#!/bin/bash
# plans.sh - tests that cuDNN builds plans of the cuDNN provider's graphs
#
#   BUILD=build tests/cudnn/plans.sh            (FULL=1: every graph)
#
# For an A100 and an H100 that are not present. Each graph is built in a process of its
# own, by the provider's own code ($BUILD/tests/cudnn/plans), as many at a time as there
# are cores. Each graph of a convolution must have at least 5 distinct deterministic
# engines whose plans build (in bf16 with groups: 1). The default policy must admit at
# least one of them. The provider must choose one, and choose the same by its number.
# Graphs whose engines are compiled when the plan is made need a driver. The toolkit's
# stub of it lets them be compiled and refuses to load them; "compiled" means only that.
# Without a GPU, no test can check the results. Prints TAP.
set -u

BUILD=${BUILD:-build} FULL=${FULL:-} CUDA=${CUDA:-/usr/local/cuda}
plans=$BUILD/tests/cudnn/plans
if [ ! -x "$plans" ]; then
	printf 'ok 1 - cuDNN builds plans # SKIP no cuDNN\n1..1\n'
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- requirements -------------------------------------------------------------------

batches="1 32 96 128"
if [ -n "$FULL" ]; then
	some=$batches more=bf16
else
	some=96 more=
fi

# convolutions SM KIND: prints lines of TEST and the arguments of plans
convolutions() {
	local n dtype
	for n in $batches; do
		# conv1 has one channel; the provider supports that only in float.
		echo "conv1 $1 $2 f32 $n 1x28x28 32 3 1 0 1 1"
		for dtype in f32 f16; do
			echo "conv2 $1 $2 $dtype $n 32x13x13 64 3 1 0 1 1"
		done
	done
	for n in $some; do
		echo "conv2 $1 $2 bf16 $n 32x13x13 64 3 1 0 1 1"
		for dtype in f32 f16 $more; do
			echo "grouped $1 $2 $dtype $n 32x14x15 48 3x2 2x1 1x0 1x2 4"
		done
	done
}

# compiled SM: the same for engines that are compiled when the plan is made
compiled() {
	local n dtype kind
	for n in $some; do
		for dtype in f32 f16 $more; do
			echo "compiled $1 dgrad+relu $dtype $n 32x13x13 64 3 1 0 1 1"
			for kind in maxpool maxpool+index maxpool-backward avgpool \
				avgpool-backward; do
				echo "compiled $1 $kind $dtype $n 64x11x11 64 2 2 0 1 1"
				[ -z "$FULL" ] ||
					echo "compiled $1 $kind $dtype $n 8x14x15 8 3x2 2x1 1x0 1 1"
			done
		done
	done
}

list() {
	local sm kind
	for sm in 80 90; do
		for kind in conv conv+bias conv+bias+relu dgrad wgrad; do
			convolutions $sm $kind
		done
		[ ! -e "$work/libcuda.so.1" ] || compiled $sm
	done
}

# --- one graph ------------------------------------------------------------------------

# value NAME LINE
value() {
	local rest=${2##*"$1="}
	echo "${rest%% *}"
}

# graph NUMBER TEST SM KIND DTYPE N SHAPE...: prints the result without "ok N"
graph() {
	local number=$1 test=$2 said status=0 good=1 least=5 what
	shift 2
	[ "$test $3" != "grouped bf16" ] || least=1
	[ "$test" != compiled ] || export LD_LIBRARY_PATH=$work${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
	said=$("$plans" "$@" 2>&1) || status=$?
	what="sm_$1 $2 $3 batch $4 ($test $5):"
	if [ $status != 0 ]; then
		good=0 what="$what exit status $status: ${said//$'\n'/; }"
	elif [ "$test" = compiled ]; then
		[ "$(value compiled "$said")" -ge 1 ] || good=0
		what="$what $(value compiled "$said") compiled"
	else
		[ "$(value plans "$said")" -ge $least ] || good=0
		[ "$(value allowed "$said")" -ge 1 ] || good=0
		[ "$(value chosen "$said")" -ge 0 ] || good=0
		[ "$(value again "$said")" = "$(value chosen "$said")" ] || good=0
		what="$what $(value plans "$said") deterministic engines with plans,"
		what="$what $(value allowed "$said") let in, $(value chosen "$said") chosen"
	fi
	[ $good = 1 ] || printf 'not '
	printf 'ok %d - %s\n' "$number" "$what"
}
export -f graph value
export work plans

[ ! -e "$CUDA/lib64/stubs/libcuda.so" ] ||
	cp "$CUDA/lib64/stubs/libcuda.so" "$work/libcuda.so.1"
list > "$work/list"
count=$(wc -l < "$work/list")
# shellcheck disable=SC2016
awk '{ print NR, $0 }' "$work/list" |
	xargs -P "${TEST_JOBS:-$(nproc)}" -I{} bash -c 'graph $1 > "$work/${1%% *}.tap"' graph {}
for ((i = 1; i <= count; i++)); do
	cat "$work/$i.tap" 2> /dev/null || echo "not ok $i - nothing was said"
done

# --- loaded libraries -----------------------------------------------------------------

# ok GOOD TEXT
ok() {
	count=$((count + 1))
	[ "$1" = 1 ] || printf 'not '
	printf 'ok %d - %s\n' $count "$2"
}

# loaded COMMAND...: prints the large libraries that it loads
loaded() {
	LD_DEBUG=libs "$@" 2>&1 | grep 'calling init' | grep -oE 'lib(cublasLt|cublas|nvrtc)\.so' |
		sort -u | tr '\n' ' '
}

one=(90 conv+bias+relu f16 128 32x13x13 64 3 1 0 1 1)
chosen=$(value chosen "$("$plans" "${one[@]}")")
big=$(loaded "$plans" -e "$chosen" "${one[@]}")
good=0
[ -n "$big" ] || good=1
ok $good "the plan of an engine that is named loads no cublasLt ($big)"
for plugin in "$BUILD"/plugins/cuda/cudnn/*.so; do
	[ -e "$plugin" ] || continue
	needs=$(ldd -r "$plugin" 2>&1 | grep -E 'not found|undefined|libcuda\.|libcublas|libnvrtc')
	good=0
	[ -n "$needs" ] || good=1
	ok $good "$(basename "$plugin") is loaded without a driver and without cublasLt $needs"
done
# cuDNN 9.19 loads it whenever a heuristics descriptor is created.
echo "# what cuDNN's heuristics load by themselves: $(loaded "$plans" "${one[@]}")"
echo "1..$count"
