#!/usr/bin/env bats
# tests/gpu/gpu-check.sh, with the CUDA plugins on the host runtime of tests/hostcuda,
# and with programs that stand for those of a machine with a GPU.

bats_require_minimum_version 1.5.0

setup_file() {
	load models
	cd "$BATS_FILE_TMPDIR"
	[ -d "$BUILD/hostcuda/plugins/cuda/native" ] || return 0
	mkdir -p plugins/cuda data programs
	cp -r "$BUILD/hostcuda/plugins/cuda/native" plugins/cuda
	[ ! -d "$BUILD/tests/cudnn/plugins/cuda/cudnn" ] ||
		cp -r "$BUILD/tests/cudnn/plugins/cuda/cudnn" plugins/cuda
	for name in train test; do
		mnist-fetch -q -d strokes -n 24 $name -o data/$name.tns
		xz data/$name.tns
	done
	"$BATS_TEST_DIRNAME/../gpu/bundle.sh" "$PWD/bundle" "$PWD/data" > said
	programs
}

setup() {
	[ -z "${SANITIZED-}" ] || skip "its parts have limits of time"
	load models
	cd "$BATS_TEST_TMPDIR"
	[ -d "$BUILD/hostcuda/plugins/cuda/native" ] || skip "tests/hostcuda is not built"
	unset GPU_CHECK_DEVICE
	export GPU_CHECK_PYTHON=none
	plugins=$BATS_FILE_TMPDIR/plugins
	PATH=$BATS_FILE_TMPDIR/programs:$PATH
}

# What nvidia-smi, ncu and compute-sanitizer print, in short.
programs() {
	cat > programs/nvidia-smi <<-'END'
		#!/bin/bash
		case $* in
		*--query-gpu=compute_cap*) echo 9.0 ;;
		*--query-gpu=*) echo 'NVIDIA H100 80GB HBM3, 81559 MiB, 9.0, 580.159.04, Disabled, P0, 345 MHz, 1980 MHz' ;;
		*) echo 'Persistence Mode : Disabled' ;;
		esac
	END
	# Three steps of two kernels, and one kernel before them.
	cat > programs/ncu <<-'END'
		#!/bin/bash
		while [ "$1" != --log-file ]; do shift; done
		file=$2
		while [ "$1" != --metrics ]; do shift; done
		IFS=, read -ra metrics <<< "$2"
		shift 2
		"$@" || exit
		{
			echo '==PROF== Connected to process 42'
			printf '"ID","Process ID","Process Name","Host Name","Kernel Name","Context","Stream","Block Size","Grid Size","Device","CC","Section Name","Metric Name","Metric Unit","Metric Value"\n'
			id=0
			for name in 'reorder(lay, lay)' {1,2,3}; do
				case $name in
				[123]) names=('void conv_forward<__half, (int)8>(conv_shape, T1 *)' 'advance(cnn_state *, cnn_advance)') ;;
				*) names=("$name") ;;
				esac
				for kernel in "${names[@]}"; do
					for metric in "${metrics[@]}"; do
						printf '"%d","42","cnn-step","127.0.0.1","%s","1","13","(256, 1, 1)","(392, 1, 1)","0","9.0","Command line profiler metrics","%s","ns","%d,%03d"\n' \
							$id "$kernel" "$metric" $((id + 1)) 500
					done
					id=$((id + 1))
				done
			done
		} > "$file"
	END
	cat > programs/compute-sanitizer <<-'END'
		#!/bin/bash
		while [ "$1" != --log-file ]; do shift; done
		echo '========= COMPUTE-SANITIZER' > "$2"
		file=$2
		shift 2
		"$@" || exit
		echo '========= ERROR SUMMARY: 0 errors' >> "$file"
	END
	printf '#!/bin/sh\nexit 1\n' > programs/nvcc
	chmod +x programs/*
}

check() {
	run --separate-stderr "$BATS_FILE_TMPDIR/bundle/gpu-check.sh" --quick --plugins "$plugins" "$@"
	echo "$output"
	echo "$stderr"
	cat gpu-report/check.log 2> /dev/null || true
}

# reported KEY VALUE: is there such a line?
reported() {
	awk -F '\t' -v key="$1" -v value="$2" '
		$1 == key && $2 == value { found = 1 }
		END { exit !found }' gpu-report/report.tsv || { echo "no $1 $2"; return 1; }
}

# value KEY
value() {
	awk -F '\t' -v key="$1" '$1 == key { print $2 }' gpu-report/report.tsv
}

@test "gpu-check: everything, and all of it right" {
	export GPU_CHECK_PYTHON=/usr/bin/python3 GPU_CHECK_TORCH_DEVICE=cpu
	check
	[ "$status" = 0 ]
	reported card 'NVIDIA H100 80GB HBM3'
	reported persistence Disabled
	for family in conv2d linear flatten relu maxpool2d avgpool2d batchnorm2d dropout add \
		cross_entropy optimizer device; do
		reported check.conformance.native.$family pass
	done
	for key in data devices libraries loss.f32 loss.fp16 loss.fp16.begin loss.bf16 \
		accuracy.epochs twice.own.f32 no-graph.own.f32 resume.own.f32 checked.own.f32 \
		loss.own.f32 loss.own.f32.few twice.own.fp16 twice.own.bf16 no-fuse \
		accuracy.f32 accuracy.fp16 accuracy.bf16 evaluate sanitizer.memcheck.own.fp16 \
		sanitizer.racecheck.own.fp16 sanitizer.initcheck.own.fp16; do
		reported check.$key pass
	done
	if [ -d "$plugins/cuda/cudnn" ]; then
		reported check.conformance.cudnn.conv2d pass
		reported check.conformance.cudnn.conv2d+relu pass
		reported check.twice.library.f32 pass
		reported check.sanitizer.memcheck.library.fp16 pass
		[[ $(value time.epoch.library.b16.fp16) == [0-9]* ]]
	fi
	for key in epoch.b16.fp16 epoch.b16.f32 epoch.b16.bf16 start start.held start.cpu \
		from-start.saved from-start.exit torch.import; do
		[[ $(value time.$key) == [0-9]* ]] || { echo "no time.$key"; false; }
	done
	[[ $(value torch.eager.b16.f32) == [0-9]* ]]
	[[ $(value ratio.eager.b16.f32) == [0-9]* ]]
	reported profile made
	# The last step alone: the third, whose kernels are numbers 6 and 7 of all.
	reported kernels.b16 2
	[ "$(sed -n 2p gpu-report/kernels.tsv)" = "$(printf '%s\t' 16 1 'conv_forward<__half, 8>' \
		392x1x1 256x1x1 6500 6500 6500 6500)6500" ]
	[ "$(sed -n 3p gpu-report/kernels.tsv | cut -f 2,3,6)" = "$(printf '2\tadvance\t7500')" ]
	reported time.kernels.b16 14
	# No more comes back from some machines.
	[ "$(find gpu-report -type f | wc -l)" -le 8 ]
	[ -z "$(find gpu-report -mindepth 3)" ]
	# Nothing that was left out has no reason, and no check has two results.
	awk -F '\t' '$2 == "left-out" && $4 == "" { bad = 1; print } END { exit bad }' \
		gpu-report/report.tsv
	[ -z "$(cut -f 1 gpu-report/report.tsv | grep '^check' | sort | uniq -d)" ]
}

@test "gpu-check: a failure is one line, and what comes after it is not lost" {
	cp -r "$plugins" broken
	root=$BATS_TEST_DIRNAME/../..
	(umask 022; ${CC:-cc} -I"$root/libcore/include" -fPIC -shared -fvisibility=hidden \
		-DDEVICE='"cuda"' -DPROVIDER='"native"' -DNAME='"norm"' -DRUN='"batchnorm2d"' \
		-o broken/cuda/native/norm.so "$root/tests/unit/loader/plugin.c")
	plugins=$PWD/broken
	check facts conformance starts
	[ "$status" = 1 ]
	reported check.conformance.native.batchnorm2d fail
	for family in conv2d relu device dropout; do
		reported check.conformance.native.$family pass
	done
	[[ $(value time.start) == [0-9]* ]]
	[[ ${lines[-2]} == "  fail  conformance.native.batchnorm2d: "*" not ok"* ]]
	[[ ${lines[-1]} == *" passed, 1 failed, "* ]]
}

@test "gpu-check: a part that hangs is dropped, and the next one runs" {
	mkdir programs
	printf '#!/bin/sh\nexec sleep 100\n' | tee programs/ncu programs/nvidia-smi > programs/compute-sanitizer
	chmod +x programs/*
	PATH=$PWD/programs:$PATH GPU_CHECK_LIMIT=2 check kernels sanitize starts
	# compute-sanitizer is what was to be seen, and was not.
	[ "$status" = 1 ]
	reported timeout.kernels 2
	[[ $(value kernels.b16) == left-out ]]
	[[ $(value check.sanitizer.memcheck.own.fp16) == unreached ]]
	[[ $(value time.start) == [0-9]* ]]
	# Where the machine does not answer, that is a failure, and the rest is tried.
	PATH=$PWD/programs:$PATH GPU_CHECK_LIMIT=2 check facts starts
	[ "$status" = 1 ]
	reported check.facts.in-time fail
	[[ $(value time.start) == [0-9]* ]]
}

@test "gpu-check: where counters may not be read, that is the result" {
	mkdir programs
	cat > programs/ncu <<-'END'
		#!/bin/bash
		while [ "$1" != --log-file ]; do shift; done
		echo '==ERROR== ERR_NVGPUCTRPERM - The user does not have permission to access NVIDIA GPU Performance Counters' > "$2"
		exit 1
	END
	chmod +x programs/ncu
	PATH=$PWD/programs:$PATH check kernels
	[ "$status" = 0 ]
	reported kernels.b16 left-out
	grep -q 'ERR_NVGPUCTRPERM' gpu-report/report.tsv
	[ ! -e gpu-report/kernels.tsv ]
}

@test "gpu-check: several plugin folders are timed beside each other" {
	check --plugins other="$plugins" epochs
	[ "$status" = 0 ]
	[[ $(value time.epoch.b16.fp16) == [0-9]* ]]
	[[ $(value time.epoch.other.b16.fp16) == [0-9]* ]]
}

@test "gpu-check: --build builds there, and uses what it built" {
	mkdir source
	printf 'cuda:\n\tmkdir -p $(BUILD)/plugins/cuda && cp -r %s $(BUILD)/plugins/cuda && echo arch $(CUDA_ARCHS)\n' \
		"$plugins/cuda/native" > source/Makefile
	run "$BATS_FILE_TMPDIR/bundle/gpu-check.sh" --quick --build source trajectory
	echo "$output"
	[ "$status" = 0 ]
	reported check.build pass
	reported check.loss.f32 pass
	grep -q '^arch 90' gpu-report/check.log
	# A build that fails is told, and the bundle's plugins are tried all the same.
	printf 'cuda:\n\tfalse\n' > source/Makefile
	run "$BATS_FILE_TMPDIR/bundle/gpu-check.sh" --quick --build source trajectory
	[ "$status" = 1 ]
	reported check.build fail
}

@test "gpu-check: no GPU, and bad usage" {
	check=$BATS_FILE_TMPDIR/bundle/gpu-check.sh
	printf '#!/bin/sh\nexit 9\n' > nvidia-smi
	chmod +x nvidia-smi
	PATH=$PWD:$PATH HOSTCUDA_DEVICES=0 run -3 --separate-stderr "$check" --quick --plugins "$plugins"
	[[ $stderr == "gpu-check.sh: no GPU: "* ]]
	[ ${#stderr_lines[@]} = 1 ]
	[ ! -e gpu-report ]
	for wrong in --fast nonsense '--plugins nowhere' "--plugins own=$plugins" '--build nowhere' -o; do
		# shellcheck disable=SC2086  # words
		run -2 --separate-stderr "$check" $wrong
		[[ $stderr == "gpu-check.sh: "* ]]
		[ ${#stderr_lines[@]} = 1 ]
	done
	run -0 "$check" --help
	[[ ${lines[0]} == "gpu-check.sh - "* ]]
	for part in facts conformance trajectory epochs kernels starts peer exact training; do
		[[ $output == *" $part "* || $output == *" $part"$'\n'* ]]
	done
}
