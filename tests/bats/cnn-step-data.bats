#!/usr/bin/env bats
# cnn-step: where model and data come from, and those that do not fit.

bats_require_minimum_version 1.5.0

setup_file() {
	load models
	cd "$BATS_FILE_TMPDIR"
	make_files
}

setup() {
	load models
	use_files
}

# --- operands -------------------------------------------------------------------

@test "it learns" {
	mnist-fetch -q -d strokes -n 400 train > train.tns
	cnn-init "$BATS_TEST_DIRNAME/../../examples/seed.net" |
		cnn-step -q --epochs 4 --lr 0.002 train.tns > trained.cnn
	accuracy=$(cnn-eval --tsv trained.cnn train.tns | awk '$1 == "accuracy" { print $2 }')
	awk "BEGIN { exit !($accuracy > 0.8) }" || { echo "$accuracy"; false; }
}

@test "operands in any order, from files, pipes and FIFOs" {
	cnn-step -q init.cnn data.tns > want
	cnn-step -q data.tns init.cnn | cmp - want
	cnn-step -q data.tns < init.cnn | cmp - want
	cnn-step -q init.cnn < data.tns | cmp - want
	cnn-step -q - data.tns < init.cnn | cmp - want
	cnn-step -q init.cnn - < data.tns | cmp - want
	cat init.cnn data.tns | cnn-step -q | cmp - want
	cat data.tns init.cnn | cnn-step -q | cmp - want
	cat init.cnn data.tns > both
	cnn-step -q both | cmp - want
	cnn-init tiny.net | cnn-step -q data.tns | cmp - want
	mkfifo m d
	cat init.cnn > m & cat data.tns > d &
	cnn-step -q d m | cmp - want
	cat data.tns > d &
	cnn-step -q -o got init.cnn d
	cmp got want
}

@test "two IDX files are a data set; several data operands are one" {
	cnn-step -q init.cnn data.tns > want
	cnn-step -q init.cnn i.idx l.idx | cmp - want
	cnn-step -q l.idx i.idx init.cnn | cmp - want
	cnn-step -q i.idx l.idx < init.cnn | cmp - want
	tensor-cat --range :30 data.tns -o p.tns
	tensor-cat --range 30: data.tns -o q.tns
	cnn-step -q p.tns init.cnn q.tns | cmp - want
	cat p.tns q.tns | cnn-step -q init.cnn | cmp - want
	gzip -c i.idx > i.gz
	cnn-step -q init.cnn i.gz l.idx | cmp - want
}

@test "--image and --label name the fields" {
	cnn-step -q init.cnn data.tns > want
	{ printf '\0\0\10\4\0\0\0\144\0\0\0\1\0\0\0\10\0\0\0\10'; tail -c +17 i.idx; } > i4.idx
	tensor-cat --field picture=i4.idx --field truth=l.idx -o named.tns
	cnn-step -q --image picture --label truth init.cnn named.tns > got
	[ "$(stat_of digest got)" = "$(stat_of digest want)" ]
	run -1 --separate-stderr cnn-step -q init.cnn named.tns -o out
	says "cnn-step: named.tns: no field image (fields: picture, truth): choose another with --image"
	run -1 --separate-stderr cnn-step -q --image picture init.cnn named.tns -o out
	says "cnn-step: named.tns: no field label (fields: picture, truth): choose another with --label"
}

@test "two models are a usage error" {
	for line in "cnn-step init.cnn init.cnn data.tns" "cnn-step init.cnn data.tns init.cnn" \
		"cat init.cnn | cnn-step init.cnn - data.tns" \
		"cat init.cnn init.cnn data.tns | cnn-step" \
		"cnn-step --stream init.cnn init.cnn data.tns"; do
		run -2 --separate-stderr bash -c "$line -o out"
		says "cnn-step: *: second model: only one is allowed"
	done
	run -2 --separate-stderr cnn-step - - -o out < init.cnn
	says "cnn-step: standard input can be read only once"
}

@test "what is missing is asked of standard input, and named" {
	run -1 --separate-stderr cnn-step init.cnn -o out < /dev/null
	says "cnn-step: standard input is empty: no data given?"
	run -1 --separate-stderr cnn-step --stream init.cnn -o out < /dev/null
	says "cnn-step: standard input is empty: no data given?"
	for o in "" --stream; do
		run -1 --separate-stderr cnn-step $o data.tns -o out < /dev/null
		says "cnn-step: standard input is empty: no model given?"
	done
	run -1 --separate-stderr cnn-step -o out < /dev/null
	says "cnn-step: standard input is empty: no data given?"
	run -1 --separate-stderr cnn-step -o out < init.cnn
	says "cnn-step: no data in any operand or in standard input"
	run -1 --separate-stderr cnn-step -o out < data.tns
	says "cnn-step: no model in any operand or in standard input"
	run -1 --separate-stderr cnn-step data.tns -o out < data.tns
	says "cnn-step: no model in any operand or in standard input"
	run -1 --separate-stderr cnn-step --stream -o out < data.tns
	says "cnn-step: *begins with a model"
	run -1 --separate-stderr cnn-step nowhere data.tns -o out
	says "cnn-step: nowhere: *No such file*"
	run -1 --separate-stderr cnn-step tiny.net data.tns -o out
	says "cnn-step: tiny.net: unknown format*"
}

# --- data that do not fit ---------------------------------------------------------

@test "another shape is refused with both named" {
	run -1 --separate-stderr cnn-step init.cnn wide.tns -o out
	says "cnn-step: *1x4x5*1x8x8"
	run -1 --separate-stderr cnn-step --stream init.cnn wide.tns -o out
	says "cnn-step: *1x4x5*1x8x8"
	run -1 --separate-stderr cnn-step init.cnn data.tns wide.tns -o out
	says "cnn-step: wide.tns: *1x4x5*1x8x8"
	run -1 --separate-stderr cnn-step --stream init.cnn data.tns wide.tns -o out
	says "cnn-step: wide.tns: *1x4x5*1x8x8"
	run -1 --separate-stderr cnn-step --val wide.tns init.cnn data.tns -o out
	says "cnn-step: wide.tns: *1x4x5*1x8x8"
}

@test "labels that are missing or no class" {
	run -1 --separate-stderr cnn-step init.cnn i.idx -o out
	says "cnn-step: i.idx: no field label (fields: image): choose another with --label"
	with_label 77 10 l.idx > bad.idx
	tensor-cat i.idx bad.idx -o bad.tns
	run -1 --separate-stderr cnn-step init.cnn bad.tns -o out
	says "cnn-step: bad.tns: sample 77: label 10, but the net has 10 classes"
	run -1 --separate-stderr cnn-step init.cnn data.tns bad.tns data.tns -o out
	says "cnn-step: bad.tns: sample 77: label 10, but the net has 10 classes"
	run -1 --separate-stderr cnn-step bad.tns init.cnn -o out
	says "cnn-step: bad.tns: sample 77: label 10, but the net has 10 classes"
	run -1 --separate-stderr cnn-step --batch 30 --stream init.cnn bad.tns -o out
	says "cnn-step: *sample 77: label 10, but the net has 10 classes"
	cat data.tns bad.tns > more.tns
	run -1 --separate-stderr cnn-step --stream init.cnn more.tns -o out
	says "cnn-step: more.tns: sample 177: label 10, *"
	run -1 --separate-stderr cnn-step --epochs 3 --metrics m --val bad.tns init.cnn data.tns -o out
	says "cnn-step: bad.tns: sample 77: label 10, *"
	[ ! -e m ]                               # nothing was trained for nothing
}

@test "a wrong label is named with its file and its number there" {
	local o
	with_label 77 10 l.idx > bad.idx
	tensor-cat i.idx bad.idx -o bad.tns
	cat data.tns bad.tns > more.tns
	for o in "" "--stream --batch 60" "--stream --batch 7"; do
		for line in "init.cnn data.tns bad.tns data.tns|bad.tns: sample 77" \
			"data.tns bad.tns data.tns init.cnn|bad.tns: sample 77" \
			"init.cnn data.tns data.tns more.tns|more.tns: sample 177" \
			"init.cnn more.tns more.tns|more.tns: sample 177" \
			"init.cnn none.tns data.tns none.tns bad.tns|bad.tns: sample 77" \
			"init.cnn i.idx bad.idx|bad.idx: sample 77" \
			"init.cnn data.tns i.idx l.idx i.idx bad.idx|bad.idx: sample 77" \
			"init.cnn l.idx l.idx bad.idx i.idx i.idx i.idx|bad.idx: sample 77" \
			"l.idx bad.idx i.idx i.idx init.cnn data.tns|bad.idx: sample 77"; do
			run -1 --separate-stderr cnn-step $o ${line%|*} -o out
			says "cnn-step: ${line#*|}: label 10, but the net has 10 classes"
		done
		run -1 --separate-stderr bash -c "cat bad.tns | cnn-step $o -o out init.cnn data.tns -"
		says "cnn-step: standard input: sample 77: label 10, *"
	done
	run -1 --separate-stderr cnn-eval init.cnn data.tns bad.tns -o out
	says "cnn-eval: bad.tns: sample 77: label 10, but the net has 10 classes"
	run -1 --separate-stderr cnn-eval init.cnn i.idx l.idx i.idx bad.idx -o out
	says "cnn-eval: bad.idx: sample 77: label 10, but the net has 10 classes"
	tar -chf both.tar data.tns bad.tns
	run -1 --separate-stderr cnn-step --val both.tar init.cnn data.tns -o out
	says "cnn-step: both.tar*bad.tns*: sample 77: label 10, but the net has 10 classes"
	run -1 --separate-stderr bash -c "cat bad.tns | cnn-step --val - init.cnn data.tns -o out"
	says "cnn-step: standard input: sample 77: label 10, *"
	# A label that no class can have.
	perl -e 'print pack("N2 N*", 0xc01, 100, (1) x 60, 0xffffffff, (1) x 39)' > minus.idx
	run -1 --separate-stderr cnn-step init.cnn data.tns i.idx minus.idx -o out
	says "cnn-step: minus.idx: sample 60: label -1 is not a class"
	run -1 --separate-stderr cnn-step i.idx minus.idx data.tns init.cnn -o out
	says "cnn-step: minus.idx: sample 60: label -1 is not a class"
	# A label that is missing.
	tensor-cat -q i.idx -o unlabelled.tns
	for line in "init.cnn data.tns unlabelled.tns data.tns" "unlabelled.tns init.cnn data.tns" \
		"data.tns unlabelled.tns init.cnn"; do
		for o in "" --stream; do
			run -1 --separate-stderr cnn-step $o $line -o out
			says "cnn-step: unlabelled.tns: *field label*"
		done
	done
}

@test "data without a sample" {
	run -1 --separate-stderr cnn-step init.cnn none.tns -o out
	says "cnn-step: *no samples"
	run -1 --separate-stderr cnn-step --stream init.cnn none.tns -o out
	says "cnn-step: *no samples"
	run -1 --separate-stderr cnn-step --val none.tns init.cnn data.tns -o out
	says "cnn-step: none.tns: *no samples"
	cnn-step -q init.cnn none.tns data.tns none.tns > got
	cnn-step -q init.cnn data.tns | cmp - got
}

@test "a damaged end trains nothing, with --stream writes nothing" {
	head -c -3 data.tns > cut
	run -1 --separate-stderr cnn-step --metrics m init.cnn cut -o out
	says "cnn-step: cut: *truncated *"
	[ ! -e m ]
	run -1 --separate-stderr cnn-step --stream --batch 10 init.cnn cut -o out
	says "cnn-step: cut: *truncated *"
	run -1 --separate-stderr bash -c "cnn-step --stream --batch 10 init.cnn cut > piped"
	[ ! -s piped ]
	run -1 --separate-stderr bash -c "head -c 3000 data.tns | cnn-step init.cnn -o out"
	says "cnn-step: standard input: *truncated *"
	head -c -3 init.cnn > cut
	run -1 --separate-stderr cnn-step cut data.tns -o out
	says "cnn-step: cut: *truncated *"
}

@test "a net without a loss can't be trained, one without parameters can" {
	grep -v cross tiny.net | cnn-init > no.cnn
	run -1 --separate-stderr cnn-step no.cnn data.tns -o out
	says "cnn-step: *no loss to train with*"
	printf 'input 1x8x8\nflatten\ncross_entropy\n' | cnn-init > none.cnn
	labels l64 100
	cnn-step -q none.cnn i.idx l64 > got
	[ "$(stat_of records got)" = 0 ]
}

# two: a net that reads two fields and has two losses.
two() {
	cat <<-END
		input 1x8x8
		o: input 1x8x8 field=other
		a: conv2d out=2 kernel=3 from=input
		b: conv2d out=2 kernel=3 from=o
		sum: add from=a,b
		relu
		flat: flatten
		fc: linear out=10
		aux: linear out=10 from=flat
		first: cross_entropy from=fc
		second: cross_entropy from=aux
	END
}

# other FILE: data with the fields image, other and label
other() {
	images o.idx 100 8 8
	perl -0777 -pe 'substr($_, 16) = reverse substr($_, 16)' o.idx > r.idx
	{ printf '\0\0\10\4\0\0\0\144\0\0\0\1\0\0\0\10\0\0\0\10'; tail -c +17 i.idx; } > i4.idx
	{ printf '\0\0\10\4\0\0\0\144\0\0\0\1\0\0\0\10\0\0\0\10'; tail -c +17 r.idx; } > r4.idx
	tensor-cat -F image=i4.idx -F other=r4.idx -F label=l.idx -o "$1"
}

@test "labels with a scale" {
	tensor-cat data.tns | perl -0777 -pe \
		's/\x82(\xa5dtype\xa5uint8\xa5shape\x90)/\x83$1\xa5scale\x02/ or die' > scaled.tns
	run -1 --separate-stderr cnn-step init.cnn scaled.tns -o out
	says "cnn-step: scaled.tns: field label: has a scale or an offset, but *whole numbers"
}

@test "a last batch that a layer cannot be trained with" {
	printf '%s\n' 'input 1x8x8' 'conv2d out=2 kernel=8' batchnorm2d flatten 'linear out=10' \
		cross_entropy | cnn-init > bn.cnn
	run -1 --separate-stderr cnn-step -b 33 -c ck bn.cnn data.tns -o out
	says "cnn-step: batchnorm2d1: training needs at least 2 samples in a batch, but the last batch of an epoch has 1: choose another --batch"
	[ ! -e ck ]
	cnn-step -q -b 33 --steps 3 -o part bn.cnn data.tns
	run -1 --separate-stderr cnn-step --resume part data.tns -o out
	says "cnn-step: batchnorm2d1: *the last batch of an epoch has 1: *"
	run -1 --separate-stderr cnn-step -b 1 bn.cnn data.tns -o out
	says "cnn-step: batchnorm2d1: *a batch has 1: choose another --batch"
	cnn-step -q -b 34 -o done.cnn bn.cnn data.tns
	# The end of a stream is not known before.
	run -1 --separate-stderr cnn-step --stream -b 33 bn.cnn data.tns -o out
	says "cnn-step: data.tns: batchnorm2d: training needs more than one value per channel"
}

@test "batch normalization of numbers far from 0" {
	printf '%s\n' 'input 1x8x8' batchnorm2d flatten 'linear out=10' cross_entropy | cnn-init > bn.cnn
	labels l64.idx 64
	for base in 0 16777216; do
		far $base > far.npy
		tensor-cat -F image=far.npy -F label=l64.idx -o far.tns
		cnn-step -q -b 50 -n 1 -m $base.tsv -o $base.cnn bn.cnn far.tns
		cnn-step -q -b 50 -n 1 -t 1 bn.cnn far.tns | cmp - $base.cnn
	done
	# Only the running mean differs, and metrics do not show it.
	cmp 0.tsv 16777216.tsv
}

@test "batch normalization of a constant channel without eps: as in PyTorch" {
	printf '%s\n' 'input 1x8x8' 'batchnorm2d eps=0' flatten 'linear out=10 bias=false' cross_entropy | cnn-init > bn.cnn
	perl -e 'print pack("N4", 0x803, 30, 8, 8), "\7" x 1920' > sevens.idx
	labels l30.idx 30
	tensor-cat sevens.idx l30.idx -o sevens.tns
	for provider in native ref; do
		cnn-step -q -b 15 -p batchnorm2d=$provider -m m.tsv -o trained.cnn bn.cnn sevens.tns
		# The output is the bias, 0: each class is as likely as another.
		[ "$(cut -f 4 m.tsv | sed -n 2p)" = 2.30258512 ] || { cat m.tsv; false; }
		cnn-eval --tsv trained.cnn sevens.tns | grep -P '^loss\t[0-9.]+$'
	done
}

# range_of FIELD MODEL: its least and its largest number
range_of() {
	echo "$(stat_of "$1.min" "$2") $(stat_of "$1.max" "$2")"
}

@test "moments that decay become zero, not subnormal" {
	# An image, then black ones: the gradients of fc.weight are 0 from step 2 on.
	perl -e 'print pack("N4", 0x803, 60, 8, 8), "\7" x 64, "\0" x 3776' > dark.idx
	labels l60.idx 60
	tensor-cat dark.idx l60.idx -o dark.tns
	printf '%s\n' 'input 1x8x8' flatten 'fc: linear out=10' cross_entropy | cnn-init > fc.cnn
	for threads in 1 2; do
		for steps in 20 41; do
			cnn-step -q -t $threads -b 1 --no-shuffle -n $steps -o $steps.cnn \
				--optimizer adam:beta1=0.1,beta2=0.1 fc.cnn dark.tns
		done
		for moment in m v; do
			[[ $(range_of fc.weight@adam.$moment 20.cnn) == *e-* ]]
			[ "$(range_of fc.weight@adam.$moment 41.cnn)" = "0 0" ]
		done
	done
}

@test "subnormal data with a scale are what they say" {
	need_python msgpack_numpy
	for scale in 1 1e39; do
		"$PYTHON" - $scale > $scale.tns <<-'END'
			import msgpack, msgpack_numpy, sys, numpy as np
			scale = float(sys.argv[1])
			f = sys.stdout.buffer
			def put(item): f.write(msgpack.packb(item, default=msgpack_numpy.encode))
			put({"tensor-stream": 1, "kind": "data", "fields": {
			    "image": {"dtype": "float32", "shape": [1, 8, 8], "scale": scale}}})
			put({"image": (np.arange(640).reshape(10, 1, 8, 8) / 640 / scale).astype("f4")})
			put({"end": {}})
		END
	done
	printf '%s\n' 'input 1x8x8' flatten 'fc: linear out=10' cross_entropy | cnn-init > fc.cnn
	cnn-predict --tsv fc.cnn 1.tns | cut -f 2 > want
	cnn-predict --tsv fc.cnn 1e39.tns | cut -f 2 | cmp - want
	[ "$(sort -u want | wc -l)" -gt 2 ]
}

@test "more classes than a confusion matrix has" {
	printf '%s\n' 'input 1x8x8' flatten 'linear out=5000 bias=false' cross_entropy | cnn-init > many.cnn
	cnn-step -q --val data.tns -m m.tsv -o trained.cnn many.cnn data.tns
	cnn-eval --tsv trained.cnn data.tns > v
	[ "$(cut -f 1 v)" = "$(printf '%s\n' accuracy loss samples correct)" ]
	[ "$(cnn-predict --tsv trained.cnn data.tns | awk 'NR > 1 { n += $2 == $4 } END { print n + 0 }')" = \
		"$(awk '$1 == "correct" { print $2 }' v)" ]
	[ "$(cnn-eval trained.cnn data.tns | wc -l)" = 2 ]
	cnn-eval --json trained.cnn data.tns | grep '"classes": \[\], "confusion": \[\]'
}

@test "a net that reads neither image nor label, in any order" {
	printf '%s\n' 'input 1x8x8 field=picture' flatten 'fc: linear out=10' \
		't: input scalar field=truth' 'cross_entropy from=fc,t' | cnn-init > n.cnn
	{ printf '\0\0\10\4\0\0\0\144\0\0\0\1\0\0\0\10\0\0\0\10'; tail -c +17 i.idx; } > i4.idx
	tensor-cat --field picture=i4.idx --field truth=l.idx -o named.tns
	cnn-step -q n.cnn named.tns > want
	cnn-step -q named.tns n.cnn | cmp - want
	cnn-step -q --val named.tns named.tns n.cnn | cmp - want
	run -1 --separate-stderr cnn-step --val data.tns named.tns n.cnn -o out
	says "cnn-step: data.tns: no field picture (fields: image, label)"
	run -1 --separate-stderr cnn-step data.tns n.cnn -o out
	says "cnn-step: data.tns: no field picture (fields: image, label)"
}

@test "a net of two fields and two losses: trained, resumed, evaluated, used" {
	two | cnn-init > two.cnn
	other both.tns
	cnn-step -q -t 1 -b 16 -e 3 two.cnn both.tns > want
	cnn-step -q -t 2 -b 16 -e 3 both.tns two.cnn | cmp - want
	cnn-step -q -b 16 -e 3 --steps 10 two.cnn both.tns > part
	cnn-step -q --resume part both.tns | cmp - want
	cnn-step -q -b 16 --strip --stream two.cnn both.tns > streamed
	cnn-step -q -b 16 --strip --no-shuffle --schedule constant two.cnn both.tns > held
	[ "$(stat_of digest streamed)" = "$(stat_of digest held)" ]
	# Both losses count, and the hits are those of the first.
	cnn-eval --tsv want both.tns > v
	cnn-step -q -b 16 -e 3 --val both.tns --metrics m two.cnn both.tns > v.cnn
	cmp v.cnn want
	cnn-predict --tsv want both.tns > p
	[ "$(awk 'NR > 1 { n += $2 == $4 } END { print n }' p)" = "$(awk '$1 == "correct" { print $2 }' v)" ]
	# The data may come first, and lack fields that no net reads.
	cnn-step -q -b 16 -e 3 both.tns two.cnn | cmp - want
	tensor-cat --fields image,other both.tns -o bare.tns
	run -1 --separate-stderr cnn-step bare.tns two.cnn -o out
	says "cnn-step: bare.tns: no field label (fields: image, other): choose another with --label"
	run -1 --separate-stderr cnn-step --val bare.tns two.cnn both.tns -o out
	says "cnn-step: bare.tns: no field label (fields: image, other): choose another with --label"
	# Targets are not needed to predict.
	tensor-cat --fields image,other both.tns -o bare.tns
	cnn-predict --tsv want bare.tns | cut -f 1-3 | cmp - <(cut -f 1-3 p)
	run -1 --separate-stderr cnn-predict want data.tns -o out
	says "cnn-predict: data.tns: no field other (fields: image, label)"
	run -1 --separate-stderr cnn-step two.cnn data.tns -o out
	says "cnn-step: data.tns: no field other (fields: image, label)"
	run -1 --separate-stderr cnn-step two.cnn bare.tns -o out
	says "cnn-step: bare.tns: no field label (fields: image, other): choose another with --label"
}

@test "the objective is the sum of the losses" {
	cnn-step -q --optimizer sgd --lr 0.02 --strip init.cnn data.tns > doubled
	{ cat tiny.net; echo 'again: cross_entropy from=fc1'; } | cnn-init > twice.cnn
	cnn-step -q --optimizer sgd --lr 0.01 --strip --metrics m twice.cnn data.tns > both
	[ "$(stat_of digest both)" = "$(stat_of digest doubled)" ]
	cnn-eval --tsv init.cnn data.tns > one
	cnn-eval --tsv twice.cnn data.tns > two
	awk '$1 == "loss" { print 2 * $2 }' one > want
	awk '$1 == "loss" { print 1 * $2 }' two | cmp - want
	diff <(grep -v ^loss one) <(grep -v ^loss two)
}

@test "the data's other fields do no harm" {
	other both.tns
	cnn-step -q init.cnn data.tns > want
	cnn-step -q init.cnn both.tns > got
	[ "$(stat_of digest got)" = "$(stat_of digest want)" ]
	cnn-step -q both.tns init.cnn > got
	[ "$(stat_of digest got)" = "$(stat_of digest want)" ]
}

@test "the labels of the data do not matter to a net with another target" {
	cnn-init - > kind.cnn <<-END
		input 1x8x8
		kind: input scalar field=kind
		flat: flatten from=input
		fc: linear out=2
		cross_entropy from=fc,kind
	END
	{ printf '\0\0\10\1\0\0\0\144'; perl -e 'print pack "C*", map { $_ % 2 } 1 .. 100'; } > k.idx
	tensor-cat -F image=i.idx -F kind=k.idx -F label=l.idx -o kinds.tns
	cnn-step -q --val kinds.tns --metrics m kind.cnn kinds.tns > out
	cnn-eval --tsv out kinds.tns | grep '^accuracy'
	run -1 --separate-stderr cnn-step -q --val data.tns kind.cnn kinds.tns
	[[ $stderr == *"data.tns: no field kind (fields: image, label)"* ]] || { echo "$stderr"; false; }
}

# --- what is known before the first step -----------------------------------------

# untouched: the failed run made neither a table nor a checkpoint.
untouched() {
	[ ! -e m.tsv ] && [ ! -e c.cnn ]
}

# Gives a file 2000 commands of 165 bytes as its history.
long_history() {
	rewrite_header "$1" 'h["history"] = [
		{"tool": "x" * 120, "version": "0", "options": {"number": i}} for i in range(2000)]'
}

@test "a history that grows too long is folded, and says so once" {
	need_python msgpack
	cp init.cnn long.cnn
	long_history long.cnn
	run -0 --separate-stderr cnn-step -e 3 -b 50 long.cnn data.tns -o want
	[ "$(grep -c "^cnn-step: the history takes more than 256 KiB: its oldest [0-9]* commands are replaced by their number and a digest$" <<< "$stderr")" = 1 ]
	n=$(tensor-stat --tsv want | sed -n 's/^history\t\[{"folded": \([0-9]*\), "xxh3": "[0-9a-f]\{16\}"}, .*"tool": "cnn-step".*/\1/p')
	[ $((n + $(tensor-stat want | grep -c "history  xxx"))) = 2000 ]
	[[ $(tensor-stat --tsv want | grep ^history) == *'"cnn-step"'*'"steps": 6,'* ]]
	# A resume has the same.
	cnn-step -q -e 3 -b 50 -n 3 long.cnn data.tns > part
	run -0 --separate-stderr cnn-step --resume part data.tns -o got
	[[ $stderr != *history* ]]
	cmp got want
	run -0 --separate-stderr cnn-step want data.tns -o got
	[[ $stderr != *history* ]]
	cnn-step -q --stream long.cnn data.tns > got
	[[ $(tensor-stat got | grep -m 1 history) == "  history  {\"folded\": $n, "* ]]
}

@test "so is that of data" {
	need_python msgpack
	cp data.tns long.tns
	long_history long.tns
	for run in "tensor-shuf" "tensor-cat --fields image" "cnn-predict init.cnn"; do
		run -0 --separate-stderr $run long.tns -o got
		[[ $stderr == "${run%% *}: the history takes more than 256 KiB: "* ]]
		[[ $(tensor-stat got | grep -m 1 history) == '  history  {"folded": '* ]]
		[[ $(tensor-stat got | grep history | tail -n 1) == "  history  ${run%% *} "* ]]
	done
}

@test "a model does not replace the table of its run" {
	for o in "-o m.tsv" "-c m.tsv -o out"; do
		run -2 --separate-stderr cnn-step -m m.tsv $o init.cnn data.tns
		says "cnn-step: --metrics: m.tsv: the model is written to the same file"
		untouched
	done
	cnn-step -q -m /dev/null -o /dev/null init.cnn data.tns
}

@test "a model that can't be written is refused before the first step" {
	need_python msgpack
	cp init.cnn big.cnn
	rewrite_header big.cnn 'h["meta"]["pad"] = "x" * ((1 << 20) - (16 << 10))'
	for o in "" --strip --stream; do
		[ -n "$o" ] || o=-mm.tsv
		run -1 --separate-stderr cnn-step $o -c c.cnn big.cnn data.tns -o out
		says "cnn-step: c.cnn: header of * bytes is too large (at most 10*): its list of classes, *"
		untouched
	done
	run -1 --separate-stderr cnn-step -m m.tsv big.cnn data.tns -o out
	says "cnn-step: out: header of * bytes is too large *"
	run -1 --separate-stderr cnn-step -m m.tsv big.cnn data.tns
	says "cnn-step: standard output: header of * bytes is too large *"
	untouched
	# Its weights alone have room.
	cp init.cnn big.cnn
	rewrite_header big.cnn 'h["meta"]["pad"] = "x" * ((1 << 20) - (16 << 10) - 1000)'
	run -1 --separate-stderr cnn-step -m m.tsv big.cnn data.tns -o out
	says "cnn-step: out: header of * bytes is too large *"
	cnn-step -q --strip big.cnn data.tns > /dev/null
	# Classes come with the data.
	cp data.tns named.tns
	rewrite_header named.tns \
		'h["fields"]["label"]["classes"] = [str(i) + "x" * 100000 for i in range(10)]'
	for o in -mm.tsv --stream; do
		cp init.cnn big.cnn
		rewrite_header big.cnn 'h["meta"]["pad"] = "x" * 50000'
		run -1 --separate-stderr cnn-step $o big.cnn named.tns -o out
		says "cnn-step: out: header of * bytes is too large *"
		untouched
	done
}

@test "a validation that can't be done is refused before the first step" {
	classes named.tns a b c d e f g h i j
	classes other.tns a b c d e f g h i J
	cnn-step -q init.cnn named.tns > named.cnn
	run -1 --separate-stderr cnn-step -m m.tsv -c c.cnn --val other.tns named.cnn data.tns -o out
	says "cnn-step: other.tns: field label: class 9 is J, but j in the model"
	untouched
	# It takes 16 samples at a time, the training one.
	cat > wide.net <<-'END'
		input 1x8x8
		conv2d out=256 kernel=1
		relu
		avgpool2d kernel=8
		flatten
		linear out=10
		cross_entropy
	END
	cnn-init wide.net > wide.cnn
	run -1 --separate-stderr cnn-step --max-memory 1 -t 1 -b 1 --shard-size 1 --no-fuse -p conv2d=ref -p relu=ref \
		-m m.tsv -c c.cnn --val data.tns wide.cnn data.tns -o out
	says "cnn-step: data.tns: *--max-memory*"
	untouched
	cnn-step -q --max-memory 1 -t 1 -b 1 --shard-size 1 -n 1 --no-fuse -p conv2d=ref -p relu=ref wide.cnn data.tns > /dev/null
}
