#!/usr/bin/env bats
# cpu/native's convolution on AMX's tiles, with its instructions emulated: what tiles are
# loaded and multiplied, not how a CPU does it. tests.mk builds it without the kernels
# of other instruction sets.

bats_require_minimum_version 1.5.0

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
	plugin=$BUILD/tests/amx/conv.so
	cnn-info --isa avx512_bf16 --devices > isa 2>&1 ||
		skip "the rest of the kernel needs a CPU with avx512_bf16"
}

@test "the AMX kernel passes the checks of a plugin" {
	cnn-plugin-check "$plugin" > checks
	grep -E "^ok +conv2d +[1-9][0-9]* cases" checks
	grep -E "^ok +conv2d\+relu +[1-9][0-9]* cases" checks
	! grep FAIL checks
}

@test "also for kernels of one pixel, rows within a tile, and odd numbers of blocks" {
	cnn-plugin-check --no-gradients "$plugin" > checks \
		-n "conv2d out=40 kernel=1" -i 24x5x7 \
		-n "conv2d out=33 kernel=5x3 padding=2x1" -i 17x9x11 \
		-n "conv2d out=16 kernel=3 dilation=2x3 padding=4x0 | relu" -i 70x7x12 \
		-n "conv2d out=100 kernel=2 bias=false" -i 16x33x2
	[[ $(awk '$2 == "conv2d" { print $3 }' checks) -gt 11 ]]
	! grep FAIL checks
}

@test "a CPU without AMX refuses amx_bf16, and says what it has" {
	[[ $(cnn-step --help) == *amx_bf16* ]]
	if grep -q amx_bf16 /proc/cpuinfo; then
		run -0 cnn-info --isa amx_bf16 --devices
	else
		run -3 cnn-info --isa amx_bf16 --devices
		[[ $output == *"--isa: amx_bf16: this CPU supports at most avx512_bf16"* ]]
	fi
}
