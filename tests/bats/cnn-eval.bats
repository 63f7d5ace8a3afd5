#!/usr/bin/env bats
# cnn-eval: how well a model does.

bats_require_minimum_version 1.5.0

setup_file() {
	load models
	cd "$BATS_FILE_TMPDIR"
	make_files
	cnn-step -q --epochs 3 init.cnn data.tns > model.cnn
}

setup() {
	load models
	use_files
}

# value KEY ...: of --tsv in the file t
value() {
	KEY=$(printf '%s\t' "$@") FIELDS=$(($# + 1)) awk -F'\t' '
		NF == ENVIRON["FIELDS"] && index($0, ENVIRON["KEY"]) == 1 { print $NF }' t
}

@test "the figures are those of the predictions" {
	cnn-eval --tsv model.cnn data.tns > t
	cnn-predict --tsv model.cnn data.tns > p
	awk -F'\t' 'NR > 1 { n++; right += $2 == $4; of[$4]++; as[$2]++; both[$4] += $2 == $4; c[$4 "/" $2]++ }
		END { printf "accuracy\t%.9g\n", right / n; print "samples\t" n; print "correct\t" right
			for (i = 0; i < 10; i++) {
				printf "recall\t%d\t%.9g\n", i, both[i] / of[i]
				if (as[i]) printf "precision\t%d\t%.9g\n", i, both[i] / as[i]
				print "samples\t" i "\t" of[i]
				for (k = 0; k < 10; k++) print "confusion\t" i "\t" k "\t" c[i "/" k] + 0
			} }' p > want
	[ "$(wc -l < want)" -gt 120 ]
	run -1 grep -vxFf t want
	[ -z "$output" ]
	[ "$(value correct)" -gt 0 ]
}

@test "the loss is that of cross entropy" {
	cnn-eval --tsv model.cnn data.tns > t
	# the probability of the class that is true, out of the logits
	need_python msgpack_numpy
	cnn-predict model.cnn data.tns > p
	"$PYTHON" - "$(value loss)" <<-'END'
		import sys, msgpack, msgpack_numpy, numpy as np
		loss = n = 0
		for item in msgpack.Unpacker(open("p", "rb"), object_hook=msgpack_numpy.decode):
		    if "logits" in item:
		        x = item["logits"].astype("f8")
		        y = item["label"]
		        loss += (np.log(np.exp(x).sum(1)) - x[np.arange(len(y)), y]).sum()
		        n += len(y)
		assert n == 100 and abs(loss / n / float(sys.argv[1]) - 1) < 1e-6, (loss / n, sys.argv)
	END
}

@test "--tsv, --json and the table say the same" {
	cnn-eval --tsv model.cnn data.tns > t
	run -0 --separate-stderr cnn-eval model.cnn data.tns
	[ -z "$stderr" ]
	[[ $output == "accuracy "*" % ($(value correct) of 100)"$'\n'"loss "*"confusion matrix (rows: "* ]]
	cnn-eval --json model.cnn data.tns > j
	[ "$(wc -l < j)" = 1 ]
	perl -MJSON::PP -e 'local $/; my $j = decode_json(<STDIN>);
		print join("\t", $j->{samples}, $j->{correct}, $j->{classes}[3]{name},
			$j->{classes}[3]{recall}, $j->{confusion}[2][2]), "\n";
		exit !(@{$j->{confusion}} == 10 && abs($j->{loss} - $ARGV[0]) < 1e-7)' \
		"$(value loss)" < j > got
	[ "$(cat got)" = "100	$(value correct)	3	$(value recall 3)	$(value confusion 2 2)" ]
	run -2 --separate-stderr cnn-eval --tsv --json model.cnn data.tns -o out
	says "cnn-eval: --tsv and --json are mutually exclusive"*
}

@test "operands in any order, from files, pipes and FIFOs, to a file" {
	cnn-eval --tsv model.cnn data.tns > want
	cnn-eval --tsv data.tns model.cnn | cmp - want
	cnn-eval --tsv data.tns < model.cnn | cmp - want
	cnn-eval --tsv model.cnn < data.tns | cmp - want
	cat model.cnn data.tns | cnn-eval --tsv | cmp - want
	cnn-eval --tsv i.idx model.cnn l.idx | cmp - want
	cnn-eval --tsv model.cnn i.idx l.idx -o got
	cmp got want
	tensor-cat --range :30 data.tns -o p.tns
	tensor-cat --range 30: data.tns -o q.tns
	cnn-eval --tsv p.tns model.cnn q.tns | cmp - want
	tensor-cat --batch 7 data.tns | cnn-eval --tsv model.cnn | cmp - want
	mkfifo m d
	cat model.cnn > m & cat data.tns > d &
	cnn-eval --tsv d m | cmp - want
	run -1 --separate-stderr bash -c "cat data.tns model.cnn | cnn-eval -o out"
	says "cnn-eval: standard input: contains data, but *begins with a model"
}

@test "neither threads nor batches nor records change a figure" {
	for n in 1 2 3; do images i$n 1500 8 8; labels l$n 1500; done
	cnn-eval --tsv --threads 1 model.cnn i1 l1 > want
	for o in "--threads 2" "--threads 3" "--batch 1" "--batch 7" "--batch 1024"; do
		cnn-eval --tsv $o model.cnn i1 l1 | grep -v ^loss | diff - <(grep -v ^loss want)
	done
	cnn-eval --tsv --threads 2 model.cnn i1 l1 | cmp - want
	for n in 1 2 3; do tensor-cat i$n l$n; done | cnn-eval --tsv model.cnn > t
	[ "$(value samples)" = 4500 ]
	[ "$(value accuracy)" = "$(awk '$1 == "accuracy" { print $2 }' want)" ]
}

@test "no digit tells where records end" {
	mnist-fetch -q -d strokes -n 600 train > strokes.tns
	cnn-init "$BATS_TEST_DIRNAME/../../examples/seed.net" > seed.cnn
	tensor-cat -b 600 strokes.tns | cnn-eval --tsv seed.cnn > want
	for b in 1 7 17 257 599; do
		tensor-cat -b $b strokes.tns | cnn-eval --tsv seed.cnn | cmp - want
	done
}

# large N SIDE: an IDX file of N images of one grey each, to standard output
large() {
	perl -e 'my ($n, $side) = @ARGV; print pack("N4", 0x803, $n, $side, $side);
		print chr(37 * $_ % 251) x $side ** 2 for 0 .. $n - 1' "$@"
}

# pooled SIDE: a net of images of that side that has few parameters
pooled() {
	printf '%s\n' "input 1x$1x$1" "avgpool2d kernel=$(($1 / 8))" flatten "linear out=10" \
		cross_entropy | cnn-init
}

@test "a few large samples are held at a time, and no digit tells how many" {
	pooled 256 > pooled.cnn
	labels l300 300
	large 300 256 > i300
	tensor-cat -q -b 300 i300 l300 -o all.tns
	cnn-eval --tsv -b 7 pooled.cnn all.tns > want
	for b in 1 13 128; do
		tensor-cat -q -b $b all.tns | cnn-eval --tsv -b 7 pooled.cnn | cmp - want
	done
	pooled 1024 > pooled.cnn
	local limit=400000                             # KiB, of 300 MiB of samples and the rest
	! ldd "$BIN/cnn-eval" | grep -q libasan || limit=unlimited
	(ulimit -v $limit; cnn-eval --tsv -t 1 -b 4 pooled.cnn <(large 300 1024) l300) > t
	[ "$(value samples)" = 300 ]
}

# hurt VALUE: x.tns and y.tns are parts of data.tns with a pixel VALUE in samples 3 and 5
# of y.tns, as floats
hurt() {
	need_python numpy
	"$PYTHON" - "$1" <<-'END'
		import sys, numpy as np
		x = np.frombuffer(open("i.idx", "rb").read()[16:], "u1").reshape(100, 1, 8, 8) / np.float32(255)
		x = x.astype("f4")
		x[43, 0, 2, 2] = x[45, 0, 7, 7] = float(sys.argv[1])
		np.save("i.npy", x)
	END
	tensor-cat -q -F image=i.npy -F label=l.idx -o all.tns
	tensor-cat -q --range :40 all.tns -o x.tns
	tensor-cat -q --range 40: all.tns -o y.tns
}

@test "samples whose logits are not finite are counted, and fail with --strict" {
	local why="samples have logits that are not finite, the first in y.tns: do the model or the data contain NaN or infinity? (tensor-stat counts them)"
	for value in nan inf; do
		hurt $value
		# The linear layer reads each pixel, so that no relu or pooling drops a NaN.
		printf '%s\n' 'input 1x8x8' flatten 'linear out=10' cross_entropy | cnn-init > flat.cnn
		for o in "" --tsv --json; do
			run -0 --separate-stderr cnn-eval $o flat.cnn x.tns y.tns
			[ "$stderr" = "cnn-eval: 2 of 100 $why" ]
			[[ $output != *-nan* ]]
			want=$output
			run -1 --separate-stderr cnn-eval --strict $o flat.cnn x.tns y.tns
			[ "$stderr" = "cnn-eval: 2 of 100 $why" ]
			[ "$output" = "$want" ]
			run -1 --separate-stderr cnn-eval --strict $o flat.cnn x.tns y.tns -o file
			[ "$(cat file)" = "$want" ]
			run -0 --separate-stderr cnn-eval -q $o flat.cnn x.tns y.tns
			[ -z "$stderr" ]
			run -0 --separate-stderr cnn-eval --strict $o flat.cnn x.tns
			[ -z "$stderr" ]
		done
		cnn-eval -q --tsv flat.cnn x.tns y.tns > t
		[ "$(value loss)" = nan ]
		cnn-eval -q --json flat.cnn x.tns y.tns | grep '"loss": null, "samples": 100'
		cnn-predict -q --tsv flat.cnn y.tns | awk -F'\t' '$3 == "nan"' > lost
		[ "$(cut -f 1 lost)" = $'3\n5' ]
		run -1 bash -c "cnn-predict -q --tsv flat.cnn y.tns | grep -e -nan"
	done
}

@test "a model of nothing but NaN" {
	hurt nan
	perl -0777 -pe 's/(conv1.weight.*?\xc4\x48)(.{72})/$1 . "\0\0\xc0\xff" x 18/es; s/xxh3\xb0/xxhx\xb0/' init.cnn > nan.cnn
	[ "$(tensor-stat --tsv nan.cnn | grep ^conv1.weight.notfinite)" = "conv1.weight.notfinite	18" ]
	run -0 --separate-stderr cnn-eval nan.cnn data.tns
	[[ $stderr == "cnn-eval: 100 of 100 samples have logits that are not finite, the first in data.tns: "* ]]
	[[ $output == *"loss      nan"* && $output != *-nan* ]]
	run -1 --separate-stderr cnn-eval --strict --tsv nan.cnn data.tns
	[[ $output != *-nan* ]]
}

@test "a net without a loss is evaluated without" {
	grep -v cross tiny.net | cnn-init > no.cnn
	cnn-eval --tsv no.cnn data.tns > t
	[ "$(value loss)" = nan ]
	[ "$(value samples)" = 100 ]
	cnn-eval --json no.cnn data.tns | grep -q '"loss": null'
	[[ $(cnn-eval no.cnn data.tns) != *loss* ]]
}

# mistaken NAME NAME NAME: m.cnn and m.tns, whose samples are all predicted as the first
# class: 9 rightly, 3 that are of the second, 2 that are of the third
mistaken() {
	need_python msgpack_numpy
	local p=$(cnn-predict --tsv init.cnn same.tns | cut -f 2 | tail -1)
	"$PYTHON" - "$p" "$@" <<-'END'
		import msgpack, msgpack_numpy, sys, numpy as np
		p = int(sys.argv[1])
		names = ["other %d" % i for i in range(10)]
		order = [(p + k) % 10 for k in (0, 4, 7)]
		for i, name in zip(order, sys.argv[2:]): names[i] = name
		f = open("m.tns", "wb")
		def put(item): f.write(msgpack.packb(item, default=msgpack_numpy.encode))
		put({"tensor-stream": 1, "kind": "data", "fields": {
		    "image": {"dtype": "uint8", "shape": [1, 8, 8]},
		    "label": {"dtype": "uint8", "shape": [], "classes": names}}})
		put({"image": np.full((14, 1, 8, 8), 100, "u1"), "label": np.repeat(order, [9, 3, 2]).astype("u1")})
		put({"end": {}})
	END
	cnn-step -q --lr 0 --optimizer sgd init.cnn m.tns > m.cnn
}

@test "the manual's recipe finds the most frequent mistake, whatever the classes are called" {
	perl -e 'print pack("N4", 0x803, 1, 8, 8), chr(100) x 64' > same.idx
	tensor-cat same.idx -o same.tns
	sed -n '/^Find the most frequent/,/^\.Ed/p' "$BATS_TEST_DIRNAME/../../man/cnn-eval.1" |
		sed -n 's/\\e/\\/; s/trained.cnn test.tns/m.cnn m.tns/; s/^[$>] //p' > recipe
	[ "$(wc -l < recipe)" = 3 ]
	mistaken T-shirt/top Dress/skirt Coat
	[ "$(bash recipe)" = "confusion	Dress/skirt	T-shirt/top	3" ]
	mistaken 'a / b' 'it'"'"'s "this" $1 \n' 'a'
	[ "$(bash recipe)" = 'confusion	it'"'"'s "this" $1 \n	a / b	3' ]
	mistaken 1 01 1.0
	[ "$(bash recipe)" = "confusion	01	1	3" ]
	mistaken '' ' ' '  '
	[ "$(bash recipe)" = "confusion	 		3" ]
}

@test "classes of equal names have keys of their own" {
	need_python msgpack_numpy
	classes pets cat $'a\x1b' $'a\xc2\x9b' dog cat $'a\t' 'b#1'
	cnn-step -q init.cnn pets > named.cnn
	cnn-eval --tsv named.cnn pets > t
	[ "$(sed -n 's/^samples\t\(.*\)\t.*/\1/p' t)" = "$(printf '%s\n' 'cat#0' 'a?#1' 'a??' dog 'cat#4' 'a?#5' 'b#1#6' 7 8 9)" ]
	[ "$(cut -f 1-3 t | grep ^confusion | sort -u | wc -l)" = 100 ]
	[ "$(value samples 'cat#4')" = 3 ]
	cnn-eval named.cnn pets | grep '^cat#4  .* 3 '
	cnn-eval --json named.cnn pets | perl -MJSON::PP -e 'local $/;
		print join("|", map { $_->{name} } @{decode_json(<STDIN>)->{classes}})' > got
	[ "$(cat got)" = $'cat|a\x1b|a\x9b|dog|cat|a\t|b#1|7|8|9' ]
}

@test "of a large confusion matrix, only the entries that are not zero" {
	for n in 100 101; do
		printf '%s\n' 'input 1x8x8' flatten "linear out=$n" cross_entropy | cnn-init > $n.cnn
		cnn-eval --tsv $n.cnn data.tns > $n.t
		cnn-eval --json $n.cnn data.tns > $n.j
		cnn-predict --tsv $n.cnn data.tns | awk -F'\t' 'NR > 1 { c[$4 "\t" $2]++ }
			END { for (k in c) print "confusion\t" k "\t" c[k] }' | sort > $n.want
		[ "$(grep -c ^recall $n.t)" = $n ]
		[ "$(cnn-eval $n.cnn data.tns | wc -l)" = $((n + 4)) ]
	done
	[ "$(grep -c ^confusion 100.t)" = 10000 ]
	grep ^confusion 100.t | grep -v '	0$' | sort | diff - 100.want
	grep ^confusion 101.t | sort | diff - 101.want
	perl -MJSON::PP -e 'local $/; my $j = decode_json(<STDIN>); exit exists $j->{confusion_entries};
		' < 100.j
	perl -MJSON::PP -e 'local $/; my $j = decode_json(<STDIN>); exit 1 if exists $j->{confusion};
		print join("\t", "confusion", @$_), "\n" for @{$j->{confusion_entries}}' < 101.j |
		sort | diff - 101.want
}

@test "classes have names where the data have them" {
	need_python msgpack_numpy
	"$PYTHON" - <<-'END'
		import msgpack, msgpack_numpy, numpy as np
		f = open("pets", "wb")
		def put(item): f.write(msgpack.packb(item, default=msgpack_numpy.encode))
		put({"tensor-stream": 1, "kind": "data", "fields": {
		    "image": {"dtype": "uint8", "shape": [1, 8, 8]},
		    "label": {"dtype": "uint8", "shape": [], "classes": ["c%d" % i for i in range(9)]}}})
		put({"image": np.arange(20 * 64, dtype="u1").reshape(20, 1, 8, 8), "label": np.arange(20, dtype="u1") % 10})
		put({"end": {}})
	END
	for o in "" --stream; do
		cnn-step -q $o init.cnn pets > named.cnn
		cnn-eval --tsv named.cnn data.tns > t
		[ "$(value samples c3)" = 10 ]
		[ "$(value samples 9)" = 10 ]            # the list was too short for it
		cnn-predict --tsv named.cnn pets | cut -f4 | sed -n 5p | grep -qx c3
	done
}

@test "the table's columns are padded and cut by characters" {
	need_python msgpack_numpy
	classes pets "Größe" "数字数字数字数字" cat
	cnn-step -q init.cnn pets > named.cnn
	cnn-eval named.cnn pets > t
	grep -q '^Größe                  7 ' t
	grep -q '^数字数字数字数字               7 ' t
	grep -q '^                Größe 数字数字数字    cat ' t
}

@test "classes that are called otherwise are not taken for the model's" {
	need_python msgpack_numpy
	classes pets cat dog eel
	classes others dog cat eel
	cnn-step -q init.cnn pets > pets.cnn
	cnn-eval --tsv pets.cnn pets > t
	[ "$(value samples cat)" = 7 ]
	run -1 --separate-stderr cnn-eval pets.cnn others -o out
	says "cnn-eval: others: field label: class 0 is dog, but cat in the model"
	run -1 --separate-stderr cnn-eval pets.cnn pets others -o out
	says "cnn-eval: others: field label: class 0 is dog, but cat in the data before it"
	classes more cat dog eel fox
	run -1 --separate-stderr cnn-eval pets.cnn more -o out
	says "cnn-eval: more: field label: class 3 is fox, but none in the model"
	# what is learnt anew is called anew
	cnn-step -q pets.cnn others > others.cnn
	cnn-eval others.cnn others > out
	rm out
	run -1 --separate-stderr cnn-step -q init.cnn pets others -o out
	says "cnn-step: others: field label: class 0 is dog, but cat in the data before it"
	run -1 --separate-stderr cnn-step -q --val others init.cnn pets -o out
	says "cnn-step: others: field label: class 0 is dog, but cat in the training data"
}

@test "--image and --label name the fields" {
	cnn-eval --tsv model.cnn data.tns > want
	{ printf '\0\0\10\4\0\0\0\144\0\0\0\1\0\0\0\10\0\0\0\10'; tail -c +17 i.idx; } > i4.idx
	tensor-cat --field picture=i4.idx --field truth=l.idx -o named.tns
	cnn-eval --tsv --image picture --label truth model.cnn named.tns | cmp - want
	run -1 --separate-stderr cnn-eval model.cnn named.tns -o out
	says "cnn-eval: named.tns: no field image (fields: picture, truth): choose another with --image"
}

@test "what does not fit is refused" {
	run -1 --separate-stderr cnn-eval model.cnn wide.tns -o out
	says "cnn-eval: wide.tns: *1x4x5*1x8x8"
	run -1 --separate-stderr cnn-eval model.cnn i.idx -o out
	says "cnn-eval: i.idx: no field label (fields: image): choose another with --label"
	with_label 77 10 l.idx > bad.idx
	tensor-cat i.idx bad.idx -o bad.tns
	run -1 --separate-stderr cnn-eval model.cnn bad.tns -o out
	says "cnn-eval: bad.tns: sample 77: label 10, but the net has 10 classes"
	cat $(yes data.tns | head -12) bad.tns > more.tns
	run -1 --separate-stderr cnn-eval model.cnn more.tns -o out
	says "cnn-eval: more.tns: sample 1277: label 10, but *"
	run -1 --separate-stderr cnn-eval model.cnn none.tns -o out
	says "cnn-eval: the data contain no samples"
	run -2 --separate-stderr cnn-eval model.cnn model.cnn data.tns -o out
	says "cnn-eval: model.cnn: second model: only one is allowed"
	run -2 --separate-stderr bash -c "cat model.cnn data.tns init.cnn | cnn-eval -o out"
	says "cnn-eval: standard input: second model: only one is allowed"
	run -1 --separate-stderr cnn-eval model.cnn -o out < /dev/null
	says "cnn-eval: standard input is empty: no data given?"
	run -1 --separate-stderr cnn-eval -o out < model.cnn
	says "cnn-eval: no data in any operand or in standard input"
	run -1 --separate-stderr cnn-eval -o out < data.tns
	says "cnn-eval: *begins with a model"
	head -c -3 data.tns > cut
	run -1 --separate-stderr cnn-eval model.cnn cut -o out
	says "cnn-eval: cut: *truncated *"
}

@test "--amp, --provider, --no-fuse, --device, --max-memory" {
	cnn-eval --tsv model.cnn data.tns > t
	for o in "--provider conv2d=ref" "--provider conv2d=ref --provider linear=ref" --no-fuse; do
		b=$(cnn-eval --tsv $o model.cnn data.tns | awk '$1 == "loss" { print $2 }')
		awk "BEGIN { exit !(($(value loss) / $b - 1) ^ 2 < 1e-12) }"
	done
	for o in "--amp bf16" "--amp fp16"; do
		b=$(cnn-eval --tsv $o model.cnn data.tns | awk '$1 == "loss" { print $2 }')
		awk "BEGIN { exit !(($(value loss) / $b - 1) ^ 2 < 1e-3) }"
	done
	run -3 --separate-stderr cnn-eval --provider conv2d=magic model.cnn data.tns -o out
	says "cnn-eval: *magic*"
	run -2 --separate-stderr cnn-eval --provider conv2d model.cnn data.tns -o out
	says "cnn-eval: --provider: conv2d: *"
	printf 'input 1x8x8\nflatten\nlinear out=10000\nlinear out=10\n' | cnn-init > big.cnn
	run -1 --separate-stderr cnn-eval --max-memory 2 big.cnn data.tns -o out
	says "cnn-eval: *--max-memory*"
	run -2 --separate-stderr cnn-eval --device tpu model.cnn data.tns -o out
	says "cnn-eval: *tpu*"
	cnn-info --devices | grep -q '^device  cuda   none' || skip "a CUDA device is there"
	run -3 --separate-stderr cnn-eval --device cuda model.cnn data.tns -o out
	says "cnn-eval: *cuda*"
}

@test "misuse" {
	for o in "--batch 0" "--batch 65537" "--threads x" "--amp int8" "--max-memory x"; do
		set -- $o
		run -2 --separate-stderr cnn-eval $1=$2 model.cnn data.tns -o out
		says "cnn-eval: $1: $2: *"
	done
	run -2 --separate-stderr cnn-eval --csv model.cnn data.tns -o out
	says "cnn-eval: *--csv*"
}

@test "--help, --version, a full disk, a terminal" {
	run -0 --separate-stderr cnn-eval --help
	[[ $output == "Usage: cnn-eval "*--json* && -z $stderr ]]
	run -0 --separate-stderr cnn-eval -V
	[[ $output == "cnn-eval (cnntools) "* && -z $stderr ]]
	for o in "" --tsv --json; do
		run -1 --separate-stderr bash -c "cnn-eval $o model.cnn data.tns > /dev/full"
		[[ $stderr == "cnn-eval: standard output: "*"No space left"* ]]
	done
	run -1 cnn-eval model.cnn data.tns -o nowhere/x
	command -v script > /dev/null || skip "no script(1)"
	run -2 script -qec "cnn-eval model.cnn" /dev/null
	[[ $output == *"data operands are missing, and standard input is a terminal"* ]]
	run -0 script -qec "cnn-eval model.cnn data.tns" /dev/null    # text may go there
}
