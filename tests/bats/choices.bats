#!/usr/bin/env bats
# The kernels that are chosen for each net of the panel, at each level of the
# instruction set. They follow from predicted costs alone, so they are the same on each
# machine. To record what is chosen now, after a look at what changed:
#   CHOICES=record bats tests/bats/choices.bats; git diff tests/bats/choices.txt

bats_require_minimum_version 1.5.0

setup_file() {
	load tensors
	cd "$BATS_FILE_TMPDIR"
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	for net in "$top"/tests/bench/panel/*.net "$top"/examples/*.net; do
		cnn-init "$net" > "$(basename "$net" .net).cnn"
	done
	levels=sse41
	for level in avx2 avx512 avx512_bf16; do
		! cnn-info --isa $level seed.cnn > /dev/null 2>&1 || levels+=" $level"
	done
	export levels
}

setup() {
	load tensors
	cd "$BATS_FILE_TMPDIR"
	recorded=$BATS_TEST_DIRNAME/choices.txt
}

# types LEVEL: the types of numbers that are tried
types() {
	[ "$1" = avx512_bf16 ] && echo off bf16 || echo off
}

# choices: from cnn-info's table, each run of layers with its provider, in order, and how
# many tensors are copied between them. Equal runs are counted where there are many.
choices() {
	awk '
	$NF == "run)" { run = run "+" $2; next }
	/ cpu\/[a-z]+ *$/ { flush(); run = $2; provider = substr($NF, 5) }
	/^tensors copied/ { copies = $NF }
	END {
		flush()
		for (i = 1; i <= n; i++)
			if (n <= 40)
				printf " %s", runs[i]
			else if (!seen[runs[i]]++)
				printf " %s*%d", runs[i], count[runs[i]]
		printf " copies=%d", copies
	}
	function flush() {
		if (run == "")
			return
		runs[++n] = run "=" provider
		count[runs[n]]++
	}'
}

# all_choices LEVEL: a line for each net
all_choices() {
	local model type way
	for model in *.cnn; do
		for type in $(types "$1"); do
			for way in "" --training; do
				echo "${model%.cnn} $1 $type ${way:---inference}:$(
					cnn-info $way --isa "$1" --amp "$type" "$model" | choices)"
			done
		done
	done
}

@test "the kernels for the panel are those on record" {
	cnn-info | grep -q onednn || skip "cpu/onednn is not built"
	for level in $levels; do
		all_choices $level > now
		if [ "${CHOICES-}" = record ]; then
			{ grep -v " $level " "$recorded" || true; cat now; } > new
			cp new "$recorded"
		fi
		grep " $level " "$recorded" | diff - now
	done
}

@test "no kernel of the panel is oneDNN's reference implementation" {
	cnn-info | grep -q onednn || skip "cpu/onednn is not built"
	perl -e 'for (["grey", 28, 1], ["colour", 32, 3]) {
		my ($name, $size, $channels) = @$_;
		open F, ">", "$name.idx";
		print F pack "N5", 0x804, 16, $channels, $size, $size;
		print F map { chr $_ * 7 % 251 } 1 .. 16 * $channels * $size * $size }
		open F, ">", "l.idx"; print F pack "N2 C*", 0x801, 16, map { $_ % 10 } 1 .. 16'
	tensor-cat -q grey.idx l.idx -o grey.tns
	tensor-cat -q colour.idx l.idx -o colour.tns
	: > said
	for model in *.cnn; do
		data=colour.tns
		! cnn-info "$model" | grep -q '^input .* 1x28x28 ' || data=grey.tns
		for level in $levels; do
			for type in $(types $level); do
				echo "$model $level $type" >> said
				DNNL_VERBOSE=1 ONEDNN_VERBOSE=1 cnn-step -q -t 1 -b 16 -n 1 \
					--isa $level --amp $type -o trained "$model" $data >> said
			done
		done
	done
	grep -q 'onednn_verbose.*exec.*jit' said
	! grep -E '^[a-z0-9-]+\.cnn |,ref:any,|,simple:any,' said | grep -B 1 ':any,'
}

@test "oneDNN refuses a convolution of which it only has the reference implementation" {
	cnn-info | grep -q onednn || skip "cpu/onednn is not built"
	perl -e 'print pack("N4", 0x803, 16, 28, 28), map { chr $_ * 7 % 251 } 1 .. 16 * 784' > x.idx
	perl -e 'print pack "N2 C*", 0x801, 16, map { $_ % 10 } 1 .. 16' > y.idx
	tensor-cat -q x.idx y.idx -o data.tns
	if DNNL_VERBOSE=1 ONEDNN_VERBOSE=1 cnn-step -q -t 1 -b 16 -n 1 -p conv2d=onednn \
		-o trained lenet5.cnn data.tns > said 2> why; then
		! grep ',convolution,ref' said
	else
		grep -x 'cnn-step: c3: no provider onednn of conv2d on cpu in float32 supports its arguments' why
	fi
}
