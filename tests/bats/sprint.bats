#!/usr/bin/env bats
# examples/sprint.mk, on a few pictures: a model for each seed, and a table that adds
# them up.

bats_require_minimum_version 1.5.0

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
	sprint=$BATS_TEST_DIRNAME/../../examples/sprint.mk
	mkdir -p out/few
	for split in train test; do
		images $split.idx 96 28 28
		labels $split-labels.idx 96
		tensor-cat -q $split.idx $split-labels.idx -o out/few/$split.tns
	done
}

sprint() {
	make -f "$sprint" BIN="$BIN" OUT=out DATASET=few "$@"
}

# model SEED: the path of its model, if there is one of that name
model() {
	find out -name "$1.cnn"
}

@test "the table has the seeds, the median of the seconds and the mean accuracy" {
	sprint SEEDS='1 2 3 4' > said
	tail -n 6 said > table.tsv
	[ "$(cut -f 1 table.tsv | tr '\n' ' ')" = 'seed 1 2 3 4 all ' ]
	for seed in 1 2 3 4; do
		cnn-eval --tsv $(model $seed) out/few/test.tns | grep -Fx "accuracy	$(
			awk -F '\t' -v seed=$seed '$1 == seed { print $3 }' table.tsv)"
	done
	run -1 cmp -s $(model 1) $(model 2)
	awk -F '\t' '{ print $2 }' table.tsv | sed '1d; $d' | sort -n > seconds
	awk -F '\t' -v low="$(sed -n 2p seconds)" -v high="$(sed -n 3p seconds)" '
		NR > 1 && $1 != "all" { sum += $3 }
		$1 == "all" { ok = $2 >= low && $2 <= high && ($3 - sum / 4) ^ 2 < 1e-8 }
		END { exit !ok }' table.tsv
}

@test "the line that is printed makes the same model" {
	sprint SEEDS=7 > said
	cp "$(model 7)" kept.cnn
	head -n 1 said | grep "^cnn-init --seed 7 .* | cnn-step --seed 7 .* out/few/train.tns -o $(model 7)\$" > line
	bash -o pipefail line
	cmp "$(model 7)" kept.cnn
}

@test "each setting has its own files, and the old ones are used again" {
	sprint SEEDS='1 2' > /dev/null
	sprint SEEDS='1 2' > first
	[ "$(wc -l < first)" = 4 ]
	sprint SEEDS='2 3' > said
	[ "$(grep -c '^cnn-init' said)" = 1 ]
	sprint SEEDS='2 3' | cut -f 1 | xargs | grep -Fx 'seed 2 3 all'
	cp -r out/few out/other
	find out/other -name '[0-9]*' -delete
	{ cat "${sprint%.mk}.net"; echo '# another'; } > sprint.net
	recipe='--device cpu --batch 32 --lr 0.001'
	for setting in DATASET=other NET=sprint.net "RECIPE=$recipe"; do
		sprint SEEDS='1 2' "$setting" > said
		[ "$(grep -c '^cnn-init' said)" = 2 ]
		sprint SEEDS='1 2' "$setting" | diff - <(tail -n 4 said)
		sprint SEEDS='1 2' | diff - first
	done
}

@test "a training that fails leaves no model and no table" {
	head -c 10000 out/few/train.tns > cut
	mv cut out/few/train.tns
	run -2 sprint SEEDS='1 2'
	[[ $output == *"cnn-step: out/few/train.tns: record 0: truncated"* ]]
	[[ $output != *"seed	seconds"* ]]
	[ -z "$(model '[0-9]')" ]
}
