#!/bin/bash
# choice.sh - tests which engines the tools choose and what a model stores of it
#
#   BUILD=build BIN=bin tests/cudnn/choice.sh
#
# Trains on the cuDNN of fake.h, which describes its engines, with the plugins of
# cuda/cudnn for convolutions and those of cuda/native for the rest. Prints TAP.
set -u

BUILD=$(realpath "${BUILD:-build}") BIN=$(realpath "${BIN:-bin}")
set_dir=$BUILD/tests/cudnn/plugins
if [ ! -e "$set_dir/cuda/cudnn/conv.so" ]; then
	printf 'ok 1 - the choice of engines # SKIP no cuDNN\n1..1\n'
	exit 0
fi
unset CNN_PLUGIN_PATH CNN_CUDA_CHECK FAKE_CUDNN_LESS FAKE_CUDNN_SLOW FAKE_CUDNN_BIG
export NO_COLOR=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
# Tools in this folder find only the plugins that they are given.
mkdir bin && cp "$BIN"/* bin
PATH=$work/bin:$PATH

count=0
# ok TEXT COMMAND...: passes if the command succeeds
ok() {
	local text=$1
	count=$((count + 1))
	shift
	if "$@" > said 2>&1; then
		echo "ok $count - $text"
	else
		echo "not ok $count - $text"
		sed 's/^/# /' said | head -n 20
	fi
}

by_cudnn=(-p conv2d=cudnn -p conv2d+relu=cudnn -p conv2d+relu+conv2d=cudnn)

# Trains on the simulated GPU; messages go to standard error.
train() {
	cnn-step --plugin-dir "$set_dir" --device cuda --batch 16 "${by_cudnn[@]}" "$@"
}

# engines: the "ENGINE GRAPH SAMPLES" that -vv reports, once each
engines() {
	sed -nE 's/.*: ([a-z+]+) of ([0-9]+) samples: engine ([0-9]+),.*/\3 \1 \2/p' "$1" | sort -u
}

# fails CODE WORDS COMMAND...: passes if it ends with that code and prints the words
fails() {
	local code=$1 words=$2 status=0
	shift 2
	"$@" 2> err || status=$?
	cat err
	[ $status = "$code" ] && grep -q -- "$words" err
}

cat > net <<END
input 8x10x10
conv1: conv2d out=16 kernel=3
relu
conv2: conv2d out=8 kernel=3 bias=false
maxpool2d kernel=2
conv3: conv2d out=16 kernel=3x2 padding=1
relu
flatten
linear out=10
cross_entropy
END
perl -e 'srand 1; print pack "C4 N4", 0, 0, 8, 4, 36, 8, 10, 10;
	print pack "C*", map { int rand 256 } 1 .. 36 * 800' > i.idx
perl -e 'print pack "C4 N C36", 0, 0, 8, 1, 36, map { $_ * 7 % 10 } 1 .. 36' > l.idx
tensor-cat i.idx l.idx -o data.tns && cnn-init net > net.cnn || exit 1

# --- by default ----------------------------------------------------------------------

plain() {
	train net.cnn data.tns -vv -o a.cnn 2> a.err || return
	[ -n "$(engines a.err)" ] && ! engines a.err | grep -v '^2 '
}
ok "in float the first engine that is deterministic and doesn't round" plain

fused() {
	cnn-info --training --plugin-dir "$set_dir" --device cuda "${by_cudnn[@]}" net.cnn |
		tee info
	[ "$(grep -c 'conv.*cuda/cudnn' info)" = 3 ] && grep -q 'relu1.*same run' info &&
		grep -q 'conv2 .*same run' info && grep -q 'relu2.*same run' info
}
ok "convolutions and their relus are computed by cudnn" fused

last_batch() {
	engines a.err | grep -q ' 4$' && engines a.err | grep -q ' 16$'
}
ok "plans are made for 16 samples and for the last 4" last_batch

half() {
	train net.cnn data.tns --amp bf16 -vv -o h.cnn 2> h.err || return
	! engines h.err | grep -v '^4 ' && engines h.err | grep -q 'dgrad+relu'
}
ok "in half the first that is deterministic, and relu's gradient in dgrad's kernel" half

repeated() {
	train net.cnn data.tns -o b.cnn && cmp a.cnn b.cnn &&
		CNN_CUDA_CHECK=1 train net.cnn data.tns -o c.cnn && cmp a.cnn c.cnn &&
		train --no-graph net.cnn data.tns -o c.cnn && cmp a.cnn c.cnn
}
ok "the same bytes again, recorded or not" repeated

ok "--fast lets in what isn't deterministic" fails 3 "the fake cuDNN said no" \
	train --fast net.cnn data.tns -o f.cnn
ok "--tf32 lets in what rounds" fails 3 "the fake cuDNN said no" \
	train --tf32 net.cnn data.tns -o f.cnn

# --- without cuDNN -------------------------------------------------------------------

unopened() {
	LD_DEBUG=libs cnn-info --training --plugin-dir "$set_dir" --device cuda net.cnn 2> loaded
	grep -q 'cuda/cudnn/conv.so' loaded && ! grep libfakecudnn loaded
}
ok "cuDNN is not opened for a net that does not use it" unopened

# A library of that name without its functions.
mkdir empty && echo 'int nothing;' | cc -shared -fPIC -x c -o empty/libfakecudnn.so -
ok "without cuDNN nothing is computed by it: exit 3" \
	fails 3 "conv1: no provider cudnn of conv2d" env LD_LIBRARY_PATH="$work/empty" \
	cnn-step --plugin-dir "$set_dir" --device cuda -p conv2d=cudnn net.cnn data.tns
ok "and -v says why" fails 3 "cuda/cudnn: libfakecudnn.so lacks a function" \
	env LD_LIBRARY_PATH="$work/empty" \
	cnn-step -v --plugin-dir "$set_dir" --device cuda -p conv2d=cudnn net.cnn data.tns

# --- timed ---------------------------------------------------------------------------

tuned() {
	FAKE_CUDNN_SLOW=1 train --tune net.cnn data.tns -vv -o t.cnn 2> t.err || return
	# On a busy machine a timing may be wrong once, even by a factor of ten.
	engines t.err > chosen
	cat chosen
	[ "$(grep -c '^1 ' chosen)" -gt "$(grep -vc '^1 ' chosen)" ]
}
ok "--tune takes the fastest" tuned

crowded() {
	export HOSTCUDA_MEMORY=$((256 << 20)) FAKE_CUDNN_BIG=1
	FAKE_CUDNN_SLOW=1 train --tune net.cnn data.tns -vv -o r.cnn 2> r.err || return
	engines r.err | grep ' 4$' | tee chosen.few
	grep -q '^2 ' chosen.few && ! grep '^1 ' chosen.few
}
ok "an engine that finds no room is passed over, and nothing is left of it" crowded
unset HOSTCUDA_MEMORY FAKE_CUDNN_BIG

ok "no room for the engine that there is: exit 3" fails 3 "workspace of 5.*out of memory" \
	env HOSTCUDA_MEMORY=$((256 << 20)) FAKE_CUDNN_BIG=2 cnn-step --plugin-dir "$set_dir" \
	--device cuda --batch 16 "${by_cudnn[@]}" net.cnn data.tns -o w.cnn

val() {
	train net.cnn data.tns --epochs 2 --val data.tns -o x.cnn &&
		train net.cnn data.tns --epochs 2 -o y.cnn && cmp x.cnn y.cnn
}
ok "another executor beside: the handle has no stream that is no more" val

resumed() {
	cnn-step --plugin-dir "$set_dir" --device cuda --resume t.cnn data.tns --epochs 2 -vv \
		-o u.cnn 2> u.err || return
	# --tune also timed kernels that the model does not use.
	engines u.err | tee again
	[ -s again ] && [ -z "$(comm -13 <(sort chosen) <(sort again))" ]
}
ok "a resume takes the engines that the model has" resumed

without() {
	FAKE_CUDNN_LESS=1 cnn-step --plugin-dir "$set_dir" --device cuda --resume t.cnn \
		data.tns --epochs 2 -o u.cnn
}
ok "and goes on with no others" fails 3 "engine 1, which the model requires" without

again() {
	FAKE_CUDNN_LESS=1 train t.cnn data.tns -o v.cnn
}
ok "a new training from its weights may take what is there" again

echo "1..$count"
