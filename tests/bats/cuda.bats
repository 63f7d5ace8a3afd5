#!/usr/bin/env bats
# The tools on a GPU, with the plugins' own kernels on the host runtime of
# tests/hostcuda: the whole cuda set trains and evaluates, through recording and
# replay, the same bytes for every order of the threads; and what goes wrong on a
# GPU is told of, with nothing lost.

bats_require_minimum_version 1.5.0

setup_file() {
	load models
	cd "$BATS_FILE_TMPDIR"
	# Tools that stand here find the CPU's plugins, and the GPU's for the host
	# runtime only where they are told to.
	mkdir -p tools plugins/cuda lib/cnntools/plugins
	cp "$BIN"/* tools
	(umask 022; cp -r "$BUILD/plugins/cpu" lib/cnntools/plugins
	[ ! -d "$BUILD/hostcuda/plugins" ] ||
		cp -r "$BUILD/hostcuda/plugins/cuda/native" plugins/cuda)
	tiny > tiny.net
	mixed > mixed.net
	fused > fused.net
	for n in tiny mixed fused; do cnn-init $n.net > $n.cnn; done
	images i.idx 70 8 8
	labels l.idx 70
	tensor-cat i.idx l.idx -o data.tns
	mnist-fetch -q -d strokes -n 400 train > train.tns
	mnist-fetch -q -d strokes -n 100 test > test.tns
}

setup() {
	load models
	cd "$BATS_TEST_TMPDIR"
	ln -s "$BATS_FILE_TMPDIR"/*.{net,tns,cnn,idx} .
	export NO_COLOR=1
	PATH=$BATS_FILE_TMPDIR/tools:$PATH
	plugins=$BATS_FILE_TMPDIR/plugins
	[ -d "$plugins/cuda/native" ] || skip "tests/hostcuda is not built"
}

# A net of the seed's form for 28x28 pictures, small enough to be emulated.
fused() {
	cat <<-END
		input 1x28x28
		conv1: conv2d out=8 kernel=3 stride=2
		relu
		maxpool2d kernel=2
		conv2: conv2d out=16 kernel=3
		relu
		maxpool2d kernel=2
		flatten
		fc1: linear out=24
		relu
		fc2: linear out=10
		cross_entropy
	END
}

# gpu TOOL ARGUMENT ...
gpu() {
	local tool=$1
	shift
	"$tool" --plugin-dir "$plugins" --device cuda "$@"
}

# near A B LIMIT: the losses of two tables of metrics, step for step.
near() {
	paste <(cut -f 4 "$1") <(cut -f 4 "$2") | awk -v limit="$3" '
		NR > 1 { d = $1 - $2; d = d < 0 ? -d : d; if (d > worst) worst = d; n++ }
		END { print n " steps, at most " worst " apart"; exit !(n > 0 && worst <= limit) }'
}

# --- what is there ------------------------------------------------------------------

@test "cnn-info names the GPU, its capability, memory and driver" {
	run -0 --separate-stderr cnn-info --plugin-dir "$plugins" --devices
	[[ ${lines[1]} == "device  cuda "*"hostcuda"*"9.0"*"driver 13.0"*" GiB" ]]
	HOSTCUDA_DEVICES=2 run -0 cnn-info --plugin-dir "$plugins" --devices
	[[ ${lines[2]} == "device  cuda:1 "* ]]
}

@test "no GPU, or a driver too old: one line, exit 3; auto takes the CPU" {
	export HOSTCUDA_DEVICES=0
	run -0 --separate-stderr cnn-info --plugin-dir "$plugins" --devices
	[[ ${lines[1]} == "device  cuda   none: "* ]]
	run -3 --separate-stderr gpu cnn-step tiny.cnn data.tns
	says "cnn-step: *no CUDA*"
	[ ${#stderr_lines[@]} = 1 ]
	cnn-step -q --plugin-dir "$plugins" --device auto tiny.cnn data.tns |
		cmp - <(cnn-step -q --device cpu tiny.cnn data.tns)
	unset HOSTCUDA_DEVICES
	HOSTCUDA_DRIVER=12000 run -3 --separate-stderr gpu cnn-step tiny.cnn data.tns
	says "cnn-step: *driver*"
	run -3 --separate-stderr cnn-step --plugin-dir "$plugins" \
		--device cuda:7 tiny.cnn data.tns
	says "cnn-step: *cuda:7*"
}

@test "auto takes the GPU that is there" {
	cnn-step -q --plugin-dir "$plugins" --steps 2 tiny.cnn data.tns > auto
	cmp auto <(gpu cnn-step -q --steps 2 tiny.cnn data.tns)
	grep -qa cuda/native auto
}

# --- training ---------------------------------------------------------------------------

@test "a hundred steps in float: the losses of the CPU" {
	for d in cpu cuda; do
		cnn-step -q --plugin-dir "$plugins" --device $d \
			--steps 100 -b 16 -m $d.tsv fused.cnn train.tns > /dev/null
	done
	near cpu.tsv cuda.tsv 1e-3
}

@test "the same bytes for every order of the threads, recorded or not" {
	for amp in off fp16 bf16; do
		HOSTCUDA_SEED=1 gpu cnn-step -q --amp $amp -e 2 -b 24 fused.cnn \
			test.tns > one
		for seed in 2 3; do
			HOSTCUDA_SEED=$seed gpu cnn-step -q --amp $amp -e 2 -b 24 fused.cnn \
				test.tns | cmp - one
		done
		gpu cnn-step -q --amp $amp -e 2 -b 24 --no-graph fused.cnn test.tns | cmp - one
	done
}

@test "steps are recorded once for each size and replayed" {
	# 3 epochs of 24 24 22: two sizes, the first step of each as it comes.
	HOSTCUDA_STATS=1 run -0 --separate-stderr gpu cnn-step -e 3 -b 24 -q -o out \
		tiny.cnn data.tns
	[[ $stderr == *" replays=7 "* ]]
	HOSTCUDA_STATS=1 run -0 --separate-stderr gpu cnn-step -e 3 -b 24 -q -o out \
		--no-graph tiny.cnn data.tns
	[[ $stderr == *" replays=0 "* ]]
}

@test "sums over the batch, dropout, two inputs: as on the CPU" {
	for d in cpu cuda; do
		cnn-step -q --plugin-dir "$plugins" --device $d \
			--steps 12 -b 24 -m $d.tsv mixed.cnn data.tns > $d.out
	done
	near cpu.tsv cuda.tsv 1e-4
	HOSTCUDA_SEED=5 gpu cnn-step -q --steps 12 -b 24 mixed.cnn data.tns | cmp - cuda.out
}

@test "batch normalization of numbers far from 0: as of numbers near 0" {
	printf '%s\n' 'input 1x8x8' batchnorm2d flatten 'linear out=10' cross_entropy | cnn-init > bn.cnn
	labels l64.idx 64
	for base in 0 16777216; do
		far $base > far.npy
		tensor-cat -F image=far.npy -F label=l64.idx -o far.tns
		gpu cnn-step -q -b 50 -n 1 -m $base.tsv -o $base.cnn bn.cnn far.tns
	done
	near 0.tsv 16777216.tsv 1e-5
}

@test "--no-fuse: the same but for rounding" {
	gpu cnn-step -q --steps 10 -b 16 -m a.tsv fused.cnn train.tns > /dev/null
	gpu cnn-step -q --steps 10 -b 16 -m b.tsv --no-fuse fused.cnn train.tns > /dev/null
	near a.tsv b.tsv 1e-5
}

@test "it learns, in each precision" {
	for amp in off fp16 bf16; do
		gpu cnn-step -q --amp $amp --lr 0.01 -e 8 -b 16 fused.cnn train.tns > $amp.cnn
		gpu cnn-eval --tsv $amp.cnn test.tns > gpu.tsv
		cnn-eval --tsv $amp.cnn test.tns > cpu.tsv
		awk '$1 == "accuracy" { print; exit !($2 > 0.4) }' gpu.tsv
		paste gpu.tsv cpu.tsv | awk '$1 == "accuracy" { exit !($2 == $4) }'
	done
}

@test "sgd, weight decay and a stream" {
	for d in cpu cuda; do
		cnn-step -q --plugin-dir "$plugins" --device $d --steps 6 \
			-b 24 --optimizer sgd --momentum 0.9 --lr 0.05 --weight-decay 0.01 \
			-m $d.tsv tiny.cnn data.tns > /dev/null
	done
	near cpu.tsv cuda.tsv 1e-4
	gpu cnn-step -q --stream -b 24 tiny.cnn data.tns |
		gpu cnn-eval --tsv data.tns > a
	gpu cnn-step -q --no-shuffle --schedule constant -b 24 tiny.cnn data.tns |
		gpu cnn-eval --tsv data.tns | cmp - a
}

@test "clipped gradients: as on the CPU, recorded or not, for every order of the threads" {
	for d in cpu cuda; do
		cnn-step -q --plugin-dir "$plugins" --device $d --grad-clip 0.25 --optimizer sgd --lr 0.5 \
			--steps 12 -b 24 -m $d.tsv mixed.cnn data.tns > $d.out
	done
	near cpu.tsv cuda.tsv 1e-4
	cnn-step -q --plugin-dir "$plugins" --device cpu --optimizer sgd --lr 0.5 \
		--steps 12 -b 24 -m free.tsv mixed.cnn data.tns > /dev/null
	run -1 near free.tsv cuda.tsv 1e-4
	HOSTCUDA_SEED=5 gpu cnn-step -q --grad-clip 0.25 --optimizer sgd --lr 0.5 --steps 12 -b 24 \
		--no-graph mixed.cnn data.tns | cmp - cuda.out
	gpu cnn-step -q --amp fp16 --grad-clip 0.25 -e 2 -b 24 fused.cnn test.tns > one
	gpu cnn-step -q --amp fp16 --grad-clip 0.25 -e 2 -b 24 --no-graph fused.cnn test.tns | cmp - one
}

@test "stopped and resumed, in float and in fp16 with its scale" {
	for amp in off fp16; do
		gpu cnn-step -q --amp $amp -e 3 -b 24 tiny.cnn data.tns > whole
		gpu cnn-step -q --amp $amp -e 3 -b 24 --steps 4 -c part.cnn \
			--checkpoint-every 2 tiny.cnn data.tns > four.cnn
		cmp part.cnn four.cnn
		gpu cnn-step -q --resume four.cnn data.tns | cmp - whole
	done
}

@test "a resume stays on the device of the checkpoint" {
	gpu cnn-step -q -e 3 -b 24 tiny.cnn data.tns > whole
	gpu cnn-step -q -e 3 -b 24 --steps 4 tiny.cnn data.tns > four.cnn
	cnn-step -q --plugin-dir "$plugins" --resume four.cnn data.tns | cmp - whole
	run -2 --separate-stderr cnn-step --plugin-dir "$plugins" --device cpu --resume \
		four.cnn data.tns -o out
	says "cnn-step: --device: conflicts with the checkpoint (omit it *"
	cnn-step -q --device cpu -e 3 -b 24 tiny.cnn data.tns > whole
	cnn-step -q --device cpu -e 3 -b 24 --steps 4 tiny.cnn data.tns > four.cnn
	cnn-step -q --plugin-dir "$plugins" --resume four.cnn data.tns | cmp - whole
	run -2 --separate-stderr gpu cnn-step --resume four.cnn data.tns -o out
	says "cnn-step: --device: conflicts with the checkpoint (omit it *"
}

@test "cnn-predict gives the CPU's logits" {
	gpu cnn-predict --tsv tiny.cnn data.tns | cut -f 1,2 > gpu
	cnn-predict --tsv tiny.cnn data.tns | cut -f 1,2 | cmp - gpu
}

@test "the loss scale falls at an overflow, and the step is skipped" {
	# One step that is good, and too long; behind it nothing is a number.
	for d in cpu cuda; do
		for n in 1 2 4; do
			cnn-step -q --plugin-dir "$plugins" --device $d --amp fp16 -b 24 -e 3 \
				--lr 1e5 --steps $n tiny.cnn data.tns -o $d.cnn
			perl -0777 -ne '/loss_scale\xcb(.{8})/s and print unpack("d>", $1), " "' $d.cnn
			perl -0777 -ne '/updates([\0-\x7f])/ and print ord $1, "\n"' $d.cnn
		done > $d.scales
		cat $d.scales
		[ "$(tr '\n' , < $d.scales)" = "65536 1,32768 1,8192 1," ]
	done
}

@test "a skipped step leaves the running statistics as they were" {
	for d in cpu cuda; do
		for n in 1 2 3; do
			cnn-step -q --plugin-dir "$plugins" --device $d --amp fp16 -b 24 -e 3 \
				--lr 1e6 --optimizer sgd --steps $n mixed.cnn data.tns > out
			tensor-stat --tsv out | grep 'running_' > $n.stats
			perl -0777 -ne '/updates([\0-\x7f])/ and print ord $1, "\n"' out
		done > $d.updates
		[ -s 1.stats ]
		# The first step is made, and its weights let the others overflow.
		[ "$(tr '\n' , < $d.updates)" = 1,1,1, ]
		cmp 1.stats 2.stats
		cmp 1.stats 3.stats
	done
}

@test "--time-epochs times recorded steps by the device's clock" {
	gpu cnn-step -q -e 3 -b 24 tiny.cnn data.tns > want
	HOSTCUDA_STATS=1 gpu cnn-step -q -e 3 -b 24 --time-epochs -o out tiny.cnn data.tns 2> said
	cmp out want
	grep -q ' replays=7 ' said
	[ "$(grep -cE '^cnn-step: epoch [123]: [0-9]+\.[0-9]{3} ms, 70 samples$' said)" = 3 ]
}

@test "--profile tells of each operation" {
	run -0 --separate-stderr gpu cnn-step --profile --steps 4 -b 24 -q -o out tiny.cnn data.tns
	[[ $stderr == *"conv2d"*"forward"* || $stderr == *"conv1"*"forward"* ]]
	[[ $stderr == *"conv1"*"backward"* ]]
	[[ $stderr == *"gather"*"update"* ]]
	[[ $stderr == *"mean of 3 steps"* ]]
}

# --- what goes wrong --------------------------------------------------------------------

@test "bf16 on a card that can't: exit 3, and why" {
	HOSTCUDA_SM=75 run -3 --separate-stderr gpu cnn-step --amp bf16 tiny.cnn data.tns
	says "cnn-step: *7.5, bfloat16 needs 8.0"
	HOSTCUDA_SM=75 gpu cnn-step -q --amp fp16 --steps 2 tiny.cnn data.tns > /dev/null
}

@test "conformance asks nothing of a card in bf16 that can't" {
	HOSTCUDA_SM=75 "$BUILD/tests/conformance/conformance" --plugin-dir "$plugins" \
		--reference "$BUILD/reference" cuda/native > said
	grep -q '^ok .*native f16' said
	run -1 grep 'native bf16' said
}

@test "conformance of plugins by name covers those, and misses none quietly" {
	conformance=("$BUILD/tests/conformance/conformance" --plugin-dir "$plugins"
		--reference "$BUILD/reference" cuda/native)
	"${conformance[@]}" relu adam > said
	grep -q '^ok .*cuda/native f32: relu of' said
	grep -q '^ok .*native adam' said
	run -1 grep -E 'conv2d|maxpool2d|sgd|gather|advance' said
	run -1 "${conformance[@]}" relu softmax
	[[ $output == *"not ok "*" cuda/native has softmax"* ]]
}

@test "out of memory on the device: exit 3" {
	HOSTCUDA_MEMORY=20000 run -3 --separate-stderr gpu cnn-step -o out tiny.cnn data.tns
	says "cnn-step: *memory*"
	# Where the second graph is made, in the midst of it.
	HOSTCUDA_GRAPHS=1 run -3 --separate-stderr gpu cnn-step -q -e 3 -b 24 -c part.cnn \
		--checkpoint-every 3 -o out tiny.cnn data.tns
	[[ $stderr == "cnn-step: "*"out of memory"* ]]
	[ ! -e out ]
	gpu cnn-step -q --resume part.cnn data.tns |
		cmp - <(gpu cnn-step -q -e 3 -b 24 tiny.cnn data.tns)
}

@test "a device that is lost: exit 3, the last checkpoint intact" {
	run -3 --separate-stderr env HOSTCUDA_LOST=60 "$(command -v cnn-step)" -q \
		--plugin-dir "$plugins" --device cuda -e 40 -b 24 \
		-c part.cnn --checkpoint-every 1 -o out tiny.cnn data.tns
	[ ! -e out ]
	[[ $stderr == "cnn-step: "* ]]
	[ -s part.cnn ]
	gpu cnn-step -q --resume part.cnn data.tns |
		cmp - <(gpu cnn-step -q -e 40 -b 24 tiny.cnn data.tns)
}

@test "CNN_CUDA_CHECK=1: the same result, and a failure names its kernel" {
	CNN_CUDA_CHECK=1 gpu cnn-step -q --steps 3 tiny.cnn data.tns |
		cmp - <(gpu cnn-step -q --steps 3 tiny.cnn data.tns)
	CNN_CUDA_CHECK=1 HOSTCUDA_LOST=25 run -3 --separate-stderr gpu cnn-step -q -b 8 \
		-o out tiny.cnn data.tns
	echo "$stderr"
	[[ $stderr =~ gather|conv|linear|pool|relu|cross_entropy|total|adam|advance ]]
	# The kernel by its own name, of the several that a call may be.
	for n in 22 23 24 25 26 27 28 29 30 31 32 33 34; do
		CNN_CUDA_CHECK=1 HOSTCUDA_LOST=$n run -3 --separate-stderr gpu cnn-step -q \
			-b 8 -o out tiny.cnn data.tns
		echo "$n: $stderr" >> told
	done
	grep -E 'cuda: conv_(forward|backward): [a-z_(]+' told
}

# --- the real set, without a GPU --------------------------------------------------------

@test "without a GPU: --device cuda exits 3 with a line, all else runs" {
	[ -d "$BUILD/plugins/cuda/native" ] || skip "no nvcc"
	! nvidia-smi > /dev/null 2>&1 || skip "there is a GPU"
	PATH=$BIN:$PATH
	run -3 --separate-stderr cnn-step --device cuda tiny.cnn data.tns
	says "cnn-step: *"
	[ ${#stderr_lines[@]} = 1 ]
	cnn-step -q --steps 1 tiny.cnn data.tns > /dev/null
}

@test "the kernels ask in one header where they run, and PTX stands there alone" {
	cd "$BATS_TEST_DIRNAME/../../plugins/cuda/native"
	grep -nE '^[[:space:]]*#[[:space:]]*(if|elif)|CNN_HOSTCUDA|__CUDA_ARCH__|\<asm\>' \
		*.c *.cu *.h > "$BATS_TEST_TMPDIR/asked"
	run -1 grep -vE '^gpu\.h:|#ifndef [A-Z_]+_H$|#ifdef __cplusplus$' \
		"$BATS_TEST_TMPDIR/asked"
}

@test "the tools link nothing of CUDA" {
	for tool in "$BIN"/*; do
		ldd "$tool" > linked
		grep -q libc linked
		run -1 grep -e libcuda -e libcudnn -e libnvidia linked
	done
}
