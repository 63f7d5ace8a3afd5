#!/usr/bin/env bats
# examples/sprint.mk, on a few pictures: a model for each seed, and a table that adds
# them up.

bats_require_minimum_version 1.5.0

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
	sprint=$BATS_TEST_DIRNAME/../../examples/sprint.mk
	mkdir out
	for split in train test; do
		images $split.idx 96 28 28
		labels $split-labels.idx 96
		tensor-cat -q $split.idx $split-labels.idx -o out/$split.tns
	done
}

sprint() {
	make -f "$sprint" BIN="$BIN" OUT=out "$@"
}

@test "the table has the seeds, the median of the seconds and the mean accuracy" {
	sprint SEEDS='1 2 3 4' > said
	tail -n 6 said | diff - out/table.tsv
	[ "$(cut -f 1 out/table.tsv | tr '\n' ' ')" = 'seed 1 2 3 4 all ' ]
	for seed in 1 2 3 4; do
		cnn-eval --tsv out/$seed.cnn out/test.tns | grep -Fx "accuracy	$(
			awk -F '\t' -v seed=$seed '$1 == seed { print $3 }' out/table.tsv)"
	done
	! cmp -s out/1.cnn out/2.cnn
	awk -F '\t' '{ print $2 }' out/table.tsv | sed '1d; $d' | sort -n > seconds
	awk -F '\t' -v low="$(sed -n 2p seconds)" -v high="$(sed -n 3p seconds)" '
		NR > 1 && $1 != "all" { sum += $3 }
		$1 == "all" { ok = $2 >= low && $2 <= high && ($3 - sum / 4) ^ 2 < 1e-8 }
		END { exit !ok }' out/table.tsv
}

@test "the line that is printed makes the same model" {
	sprint SEEDS=7 > said
	cp out/7.cnn kept.cnn
	head -n 1 said | grep '^cnn-init --seed 7 .* | cnn-step --seed 7 .* out/train.tns -o out/7.cnn$' > line
	bash -o pipefail line
	cmp out/7.cnn kept.cnn
}

@test "a training that fails leaves no model and no table" {
	head -c 10000 out/train.tns > cut
	mv cut out/train.tns
	run -2 sprint SEEDS='1 2'
	[[ $output == *"cnn-step: out/train.tns: record 0: truncated"* ]]
	[ ! -e out/1.cnn ] && [ ! -e out/table.tsv ]
}
