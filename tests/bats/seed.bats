#!/usr/bin/env bats
# examples/seed.mk, on a few pictures: chains of models at several rates, and a table of
# their accuracies. A changed setting makes new files; the old setting finds its own.

bats_require_minimum_version 1.5.0

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
	examples=$BATS_TEST_DIRNAME/../../examples
	for set in few other; do
		mkdir -p out/$set
		for split in train test; do
			images $split.idx 48 28 28
			labels $split-labels.idx 48
			tensor-cat -q $split.idx $split-labels.idx -o out/$set/$split.tns
		done
	done
}

# seed SETTING...: what make prints; a command of the recipes is a line of it
seed() {
	make -f "$examples/seed.mk" BIN="$BIN" OUT=out DATASET=few LRS='0.001 0.02' \
		LINKS=1 STEPS=2 BATCH=16 "$@"
}

# accuracy LR STEPS...: of a chain of that many links, trained without make
accuracy() {
	local lr=$1 first=$2 steps
	cnn-init --seed 1 "$examples/seed.net" |
		cnn-step -q --lr "$lr" --batch 16 --seed 1 --steps "$first" out/few/train.tns > model
	for steps in "${@:3}"; do
		cnn-step -q --resume --steps "$steps" model out/few/train.tns -o model
	done
	cnn-eval --tsv model out/few/test.tns | awk '$1 == "accuracy" { printf "%.4f", $2 }'
}

# trained FILE: how many models were trained
trained() {
	grep -c '^cnn-step ' "$1" || true
}

@test "more links continue the chains, and fewer need no work" {
	seed > said
	[ "$(trained said)" = 2 ]
	seed > first
	printf 'steps\tlr=0.001\tlr=0.02\n2\t%s\t%s\n' "$(accuracy 0.001 2)" \
		"$(accuracy 0.02 2)" | diff - first
	seed LINKS=3 > said
	[ "$(trained said)" = 4 ]
	run -1 grep '^cnn-init' said
	seed LINKS=3 > table
	{
		cat first
		printf '4\t%s\t%s\n' "$(accuracy 0.001 2 2)" "$(accuracy 0.02 2 2)"
		printf '6\t%s\t%s\n' "$(accuracy 0.001 2 2 2)" "$(accuracy 0.02 2 2 2)"
	} | diff - table
	seed | diff - first
}

@test "each setting has its own files" {
	seed > /dev/null
	seed > first
	sed 's/out=128/out=16/' "$examples/seed.net" > other.net
	for setting in STEPS=3 BATCH=8 SEED=2 DATASET=other NET=other.net; do
		seed "$setting" > said
		[ "$(trained said)" = 2 ] || { echo "$setting"; cat said; false; }
		seed | diff - first
		seed "$setting" > table
		[ "$(trained table)" = 0 ] && [ "$(wc -l < table)" = 2 ]
	done
	seed STEPS=3 | tail -n 1 | grep "^3	$(accuracy 0.001 3)	$(accuracy 0.02 3)$"
}

@test "a new rate is one chain, and the table has the rates in the given order" {
	seed > /dev/null
	seed LRS='0.02 0.005 0.001' > said
	[ "$(trained said)" = 1 ]
	seed LRS='0.02 0.005 0.001' > table
	[ "$(head -n 1 table)" = 'steps	lr=0.02	lr=0.005	lr=0.001' ]
	printf '2\t%s\t%s\t%s\n' "$(accuracy 0.02 2)" "$(accuracy 0.005 2)" \
		"$(accuracy 0.001 2)" | diff - <(tail -n +2 table)
}

@test "a net that is edited is another net, until it is edited back" {
	cp "$examples/seed.net" mine.net
	seed NET=mine.net > /dev/null
	seed NET=mine.net > first
	echo '# more' >> mine.net
	seed NET=mine.net > said
	[ "$(trained said)" = 2 ]
	cp "$examples/seed.net" mine.net
	touch -d 'now + 10 seconds' mine.net
	seed NET=mine.net | diff - first
}

@test "newer data train all chains anew" {
	seed > /dev/null
	touch -d 'now + 10 seconds' out/few/train.tns
	seed > said
	[ "$(trained said)" = 2 ]
}

@test "a training that fails prints no table and leaves no model" {
	head -c 10000 out/few/train.tns > cut
	mv cut out/few/train.tns
	run -2 seed
	[[ $output == *"cnn-step: out/few/train.tns: record 0: truncated"* ]]
	[[ $output != *"steps	lr="* ]]
	[ -z "$(find out -name '1.*')" ]
}
