#!/usr/bin/env bats
# The same seed gives the same bytes: for any number of threads, from a file or a pipe,
# however the data are divided, and again. checkpoint.bats stops and resumes.

bats_require_minimum_version 1.5.0

setup_file() {
	load models
	cd "$BATS_FILE_TMPDIR"
	make_trainings
}

setup() {
	load models
	cd "$BATS_TEST_TMPDIR"
	ln -s "$BATS_FILE_TMPDIR"/*.{net,tns,cnn,idx} .
}

# the_same DATA OPTION ...: one run's bytes however many threads, and twice.
the_same() {
	local data=$1 model=$2 n
	shift 2
	cnn-step -q --threads 1 "$@" $model $data > one.cnn
	for n in 1 2 3 4; do
		cnn-step -q --threads $n "$@" $model $data | cmp - one.cnn ||
			{ echo "--threads $n $*"; return 1; }
	done
	cnn-step -q "$@" $model $data | cmp - one.cnn
}

# --- threads ----------------------------------------------------------------------

@test "any number of threads: the seed's network" {
	the_same train.tns seed.cnn --epochs 2
	the_same train.tns seed.cnn --batch 50               # microbatches of 16, 16, 16, 2
	the_same train.tns seed.cnn --batch 150
	the_same train.tns seed.cnn --optimizer sgd --momentum 0.9 --lr 0.05
}

@test "any number of threads: microbatches of other sizes" {
	for s in 1 5 16 64; do
		the_same data.tns tiny.cnn --shard-size $s --batch 64
	done
}

@test "any number of threads: batch norm, dropout and add" {
	the_same data.tns mixed.cnn --epochs 3               # batches of 64 and 39
	the_same data.tns mixed.cnn --batch 50 --epochs 2    # 50, 50 and 3
	the_same data.tns mixed.cnn --batch 103 --shard-size 7
	the_same data.tns mixed.cnn --batch 51               # a last batch of one sample
}

@test "any number of threads: clipped gradients" {
	for amp in off bf16 fp16; do
		cnn-step -q -t 1 --amp $amp --grad-clip 0.25 -e 2 -b 40 mixed.cnn data.tns > one
		for t in 2 3 5; do
			cnn-step -q -t $t --amp $amp --grad-clip 0.25 -e 2 -b 40 mixed.cnn data.tns | cmp - one
		done
		run -1 cmp -s one <(cnn-step -q --amp $amp -e 2 -b 40 mixed.cnn data.tns)
	done
	# A norm that is never reached changes no weight.
	cnn-step -q --grad-clip 1e30 -e 2 -b 40 mixed.cnn data.tns > high
	cnn-step -q -e 2 -b 40 mixed.cnn data.tns > free
	[ "$(stat_of digest high)" = "$(stat_of digest free)" ]
	run -2 --separate-stderr cnn-step --grad-clip -1 mixed.cnn data.tns -o out
	says "cnn-step: --grad-clip: -1: *"
}

@test "any number of threads: half precision" {
	the_same train.tns seed.cnn --amp bf16
	the_same data.tns mixed.cnn --amp fp16 --epochs 2
}

@test "any number of threads: other providers" {
	all=$(printf -- '--provider %s=ref ' conv2d linear maxpool2d avgpool2d relu)
	the_same data.tns mixed.cnn $all
	the_same data.tns mixed.cnn --no-fuse
}

@test "any number of threads: smaller instruction sets" {
	[ "$(uname -m)" = x86_64 ] || return 0
	for isa in sse41 avx2; do
		status=0
		cnn-step -q --isa $isa --steps 1 seed.cnn train.tns > y || status=$?
		[ $status != 3 ] || break    # a CPU without it
		the_same train.tns seed.cnn --isa $isa
	done
}

@test "any number of threads: evaluation" {
	cnn-step -q mixed.cnn data.tns > m
	cnn-eval --tsv --threads 1 m data.tns > want
	cnn-predict --threads 1 m data.tns > want.tns
	for n in 2 3 4; do
		cnn-eval --tsv --threads $n m data.tns | cmp - want
		cnn-predict --threads $n m data.tns | cmp - want.tns
	done
}

# --- where the data come from -----------------------------------------------------

@test "from a file, a pipe, other records, several operands" {
	cnn-step -q --epochs 2 mixed.cnn data.tns > want
	cat data.tns | cnn-step -q --epochs 2 mixed.cnn | cmp - want
	tensor-cat --batch 7 data.tns > sevens
	cnn-step -q --epochs 2 mixed.cnn sevens | cmp - want
	tensor-cat --batch 1 data.tns | cnn-step -q --epochs 2 mixed.cnn | cmp - want
	cnn-step -q --epochs 2 mixed.cnn i.idx l.idx | cmp - want
	tensor-cat --range :50 data.tns > p
	tensor-cat --range 50: data.tns > q
	cnn-step -q --epochs 2 p mixed.cnn q | cmp - want
}

@test "what changes no result changes no byte" {
	cnn-step -q --epochs 2 mixed.cnn data.tns > want
	cnn-step -v --epochs 2 --val data.tns --metrics m --checkpoint c \
		--checkpoint-every 1 --device cpu --max-memory 500 -o got mixed.cnn data.tns 2> /dev/null
	cmp got want
	(cd / && cnn-step -q --epochs 2 "$OLDPWD/mixed.cnn" "$OLDPWD/data.tns") | cmp - want
	TZ=Asia/Tokyo LC_ALL=C.UTF-8 HOME=/ cnn-step -q --epochs 2 mixed.cnn data.tns | cmp - want
}

@test "the seed decides" {
	cnn-step -q mixed.cnn data.tns > want
	cnn-step -q --seed 0 mixed.cnn data.tns | cmp - want
	cnn-step -q --seed 1 mixed.cnn data.tns > one
	[ "$(stat_of digest one)" != "$(stat_of digest want)" ]
	# without a shuffle it decides on the dropout alone
	a=$(cnn-step -q --no-shuffle mixed.cnn data.tns | stat_of digest -)
	b=$(cnn-step -q --no-shuffle --seed 1 mixed.cnn data.tns | stat_of digest -)
	[ "$a" != "$b" ]
	a=$(cnn-step -q --no-shuffle tiny.cnn data.tns | stat_of digest -)
	b=$(cnn-step -q --no-shuffle --seed 1 tiny.cnn data.tns | stat_of digest -)
	[ "$a" = "$b" ]
}

@test "--stream gives the weights of --no-shuffle" {
	for m in tiny mixed; do
		cnn-step -q --strip --no-shuffle --schedule constant $m.cnn data.tns |
			stat_of digest - > want
		cnn-step -q --strip --stream $m.cnn data.tns | stat_of digest - | cmp - want
		tensor-cat --batch 7 data.tns | cnn-step -q --strip --stream $m.cnn |
			stat_of digest - | cmp - want
		tensor-cat --batch 1 data.tns | cnn-step -q --strip --stream $m.cnn --threads 1 |
			stat_of digest - | cmp - want
	done
	cnn-step -q --strip --no-shuffle --batch 10 --steps 4 tiny.cnn data.tns | stat_of digest - > want
	cnn-step -q --strip --stream --batch 10 --steps 4 tiny.cnn data.tns | stat_of digest - | cmp - want
}

# --- what it comes to ----------------------------------------------------------------

# The reference layers take exp and sqrt from libm, and a compiler may contract
# what they add and multiply, so not their last bits are pinned but the weights'
# figures, to a ten-thousandth of the weights' range. They change with the
# initial weights, the shuffle, the dropout and the order of a batch, and then a
# commit says why.
# logits MODEL > FILE: what the model says of the data, a number a line
logits() {
	cnn-predict -q -p conv2d=ref -p linear=ref -p maxpool2d=ref -p relu=ref -p flatten=ref \
		--no-fuse "$1" train.tns | tensor-cat -q --fields logits --to npy |
		perl -e 'local $/; $_ = <STDIN>; print "$_\n" for
			unpack "f<*", substr $_, 10 + unpack "v", substr $_, 8, 2'
}

# Training magnifies what was rounded otherwise; a few steps only add it up.
@test "fused, not fused and by the reference layers: within 1e-5" {
	step="cnn-step -q --steps 3 --batch 50 --optimizer sgd --lr 0.05 seed.cnn train.tns"
	all=$(printf -- '--provider %s=ref ' conv2d linear maxpool2d relu flatten)
	logits <($step --no-fuse $all) > want
	[ "$(wc -l < want)" -eq 1500 ]
	logits seed.cnn > before
	for how in "" --no-fuse "$all" "-p conv2d=onednn -p linear=onednn"; do
		logits <($step $how) | paste want - before | awk -v how="$how" '
			{ d = $1 - $2; if (d < 0) d = -d; if (d > worst) worst = d
			  if ($1 > most) most = $1; if ($1 != $3) moved++ }
			END { print how ": " worst / most; exit worst > 1e-5 * most || moved < 1400 }'
	done
}

@test "a short training by the reference layers comes to the recorded figures" {
	all=$(printf -- '--provider %s=ref ' conv2d linear maxpool2d avgpool2d relu flatten)
	cnn-step -q --strip --epochs 2 --batch 40 --optimizer sgd --momentum 0.9 --lr 0.1 \
		--schedule constant $all mixed.cnn data.tns > m
	tensor-stat --tsv m | awk -F'\t' 'match($1, /\.(min|max|mean|std)$/) {
		name = substr($1, 1, RSTART - 1)
		if (name != last) printf "%s%s", (last == "" ? "" : "\n"), name
		last = name
		printf " %.6f", $2 } END { print "" }' > got
	# To the bit: if this changes, the commit that does it says why. (Other processors
	# than x86-64 may round sums of products once.)
	[ "$(uname -m)" != x86_64 ] || [ "$(stat_of digest m)" = 67fbc5d4a0b42bcb ]
	cat > want <<-'END'
		a.weight -0.286472 0.269933 -0.013492 0.167590
		a.bias -0.050333 0.271725 0.048789 0.130738
		batchnorm2d1.weight 0.971170 0.988983 0.980642 0.007936
		batchnorm2d1.bias -0.035824 -0.013112 -0.023891 0.008729
		batchnorm2d1.running_mean -0.189706 0.074646 -0.021911 0.100133
		batchnorm2d1.running_var 0.534593 0.552864 0.541615 0.007024
		b.weight -0.198490 0.232276 0.002734 0.097378
		fc.weight -0.159665 0.183438 -0.002447 0.072507
		fc.bias -0.106852 0.084536 -0.005006 0.064315
	END
	awk 'NR == FNR { for (i = 2; i <= 5; i++) w[$1, i] = $i; n++; next }
		{ m++; r = w[$1, 3] - w[$1, 2]; for (i = 2; i <= 5; i++)
			if (($i - w[$1, i]) ^ 2 > (1e-6 + 1e-4 * r) ^ 2) bad = 1 }
		END { exit bad || n != 9 || m != 9 }' want got || { diff want got; false; }
}
