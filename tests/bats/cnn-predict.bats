#!/usr/bin/env bats
# cnn-predict: adds what a model says to the data.

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

@test "logits and class are added, and the data stay" {
	cnn-predict model.cnn data.tns > p
	[ "$(tensor-stat --tsv p | grep 'dtype\|shape' | xargs)" = "image.dtype uint8 image.shape 1x8x8 label.dtype uint8 label.shape scalar logits.dtype float32 logits.shape 10 class.dtype int32 class.shape scalar" ]
	tensor-cat --fields image --to idx p | cmp - <(tensor-cat --fields image --to idx data.tns)
	tensor-cat --fields label --to idx p | cmp - l.idx
	[[ $(tensor-stat --tsv p | grep ^history) == *'"tool": "cnn-predict"'*'"options": {"image": "image", "amp": "off"'* ]]
	tensor-cat --fields class --to npy p | tail -c +129 | od -An -v -td4 -w4 | tr -d ' ' > classes
	cnn-predict --tsv model.cnn data.tns | tail -n +2 | cut -f2 | cmp - classes
	run -1 --separate-stderr cnn-predict model.cnn p -o out
	says "cnn-predict: p: already contains predictions *"
	tensor-cat --fields image,label p | cnn-predict --tsv model.cnn |
		cmp - <(cnn-predict --tsv model.cnn data.tns)
}

@test "--tsv: index, class, probability, label" {
	cnn-predict --tsv model.cnn data.tns > p
	[ "$(head -1 p)" = "index	class	probability	label" ]
	[ "$(wc -l < p)" = 101 ]
	awk -F'\t' 'NR > 1 && ($1 != NR - 2 || $2 !~ /^[0-9]$/ || $3 < 0.1 || $3 > 1 || $4 != (NR - 2) % 10) { exit 1 }' p
	cnn-predict --tsv model.cnn i.idx > q
	awk -F'\t' 'NR > 1 && $4 != "-" { exit 1 }' q
	diff <(cut -f1-3 p) <(cut -f1-3 q)
}

@test "labels are never required" {
	cnn-predict model.cnn i.idx > p
	[ "$(tensor-stat --tsv p | grep -c 'dtype')" = 3 ]
	# and those that no model knows of do no harm
	with_label 77 200 l.idx > odd.idx
	cnn-predict --tsv model.cnn i.idx odd.idx > q
	[ "$(sed -n 79p q | cut -f4)" = 200 ]
	cnn-predict model.cnn i.idx odd.idx > /dev/null
}

@test "operands in any order, from files, pipes and FIFOs" {
	cnn-predict model.cnn data.tns > want
	cnn-predict data.tns model.cnn | cmp - want
	cnn-predict data.tns < model.cnn | cmp - want
	cnn-predict model.cnn < data.tns | cmp - want
	cat model.cnn data.tns | cnn-predict | cmp - want
	cnn-predict -o got model.cnn data.tns
	cmp got want
	mkfifo m d
	cat model.cnn > m & cat data.tns > d &
	cnn-predict d m | cmp - want
	# several operands: each its own segment, the index goes on
	cnn-predict model.cnn data.tns data.tns > two
	[ "$(tensor-stat --tsv two | grep -c ^segment)" = 2 ]
	[ "$(cnn-predict --tsv data.tns model.cnn data.tns | tail -1 | cut -f1)" = 199 ]
}

@test "neither threads nor batches nor records change a prediction" {
	cnn-predict --threads 1 model.cnn data.tns > want
	for o in "--threads 2" "--threads 3" "--batch 1" "--batch 7"; do
		cnn-predict $o model.cnn data.tns > got
		cnn-predict $o --tsv model.cnn data.tns | cut -f1-2 | cmp - <(cnn-predict --tsv model.cnn data.tns | cut -f1-2)
	done
	for o in "--threads 2" "--threads 3"; do
		cnn-predict $o model.cnn data.tns | cmp - want
	done
	tensor-cat --batch 7 data.tns | cnn-predict model.cnn > got
	[ "$(stat_of records got)" = 15 ]            # as they came
	[ "$(stat_of samples got)" = 100 ]
}

@test "no bit tells where records end, and they end where they did" {
	mnist-fetch -q -d strokes -n 600 train > strokes.tns
	cnn-init "$BATS_TEST_DIRNAME/../../examples/seed.net" > seed.cnn
	tensor-cat -b 600 strokes.tns | cnn-predict seed.cnn > want
	for b in 1 7 17 257 599; do
		tensor-cat -b $b strokes.tns > cut
		cnn-predict seed.cnn cut > got
		[ "$(stat_of records got)" = "$(stat_of records cut)" ]
		tensor-cat -b 600 got | cmp - <(tensor-cat -b 600 want)
	done
}

@test "it answers as the data come" {
	mkfifo d
	tensor-cat --batch 10 data.tns > ten
	cnn-predict --tsv model.cnn d > got & pid=$!
	exec 7> d
	head -c $(($(stat -c %s ten) - 100)) ten >&7
	tail -c 100 ten >&7
	exec 7>&-
	wait $pid
	[ "$(wc -l < got)" = 101 ]
	# nothing is written under its name when the end is bad
	head -c -3 ten > cut
	run -1 --separate-stderr cnn-predict model.cnn cut -o out
	says "cnn-predict: cut: *truncated *"
}

@test "no sample gives a stream of none" {
	cnn-predict model.cnn none.tns > p
	[ "$(stat_of samples p)" = 0 ]
	[ "$(cnn-predict --tsv model.cnn none.tns)" = "index	class	probability	label" ]
}

@test "--image names the field" {
	{ printf '\0\0\10\4\0\0\0\144\0\0\0\1\0\0\0\10\0\0\0\10'; tail -c +17 i.idx; } > i4.idx
	tensor-cat --field picture=i4.idx --field truth=l.idx -o named.tns
	cnn-predict --tsv --image picture --label truth model.cnn named.tns |
		cmp - <(cnn-predict --tsv model.cnn data.tns)
	run -1 --separate-stderr cnn-predict model.cnn named.tns -o out
	says "cnn-predict: named.tns: no field image (fields: picture, truth): choose another with --image"
}

@test "what does not fit is refused" {
	run -1 --separate-stderr cnn-predict model.cnn wide.tns -o out
	says "cnn-predict: wide.tns: *1x4x5*1x8x8"
	run -2 --separate-stderr cnn-predict model.cnn model.cnn data.tns -o out
	says "cnn-predict: model.cnn: second model: only one is allowed"
	run -1 --separate-stderr cnn-predict model.cnn -o out < /dev/null
	says "cnn-predict: standard input is empty: no data given?"
	run -1 --separate-stderr cnn-predict -o out < model.cnn
	says "cnn-predict: no data in any operand or in standard input"
	run -1 --separate-stderr cnn-predict -o out < data.tns
	says "cnn-predict: *begins with a model"
	run -1 --separate-stderr cnn-predict model.cnn nowhere -o out
	says "cnn-predict: nowhere: *No such file*"
}

@test "--provider, --no-fuse, --device, --max-memory, --amp" {
	for o in "--provider conv2d=ref --provider linear=ref" --no-fuse "--amp bf16" "--amp fp16"; do
		cnn-predict --tsv $o model.cnn data.tns | awk -F'\t' 'NR == FNR { p[$1] = $3; next }
			FNR > 1 && ($3 - p[$1]) ^ 2 > 1e-4 { exit 1 }' <(cnn-predict --tsv model.cnn data.tns) -
	done
	run -3 --separate-stderr cnn-predict --provider conv2d=magic model.cnn data.tns -o out
	says "cnn-predict: *magic*"
	run -2 --separate-stderr cnn-predict --provider conv2d model.cnn data.tns -o out
	says "cnn-predict: --provider: conv2d: *"
	printf 'input 1x8x8\nflatten\nlinear out=10000\nlinear out=10\n' | cnn-init > big.cnn
	run -1 --separate-stderr cnn-predict --max-memory 2 big.cnn data.tns -o out
	says "cnn-predict: *--max-memory*"
	cnn-info --devices | grep -q '^device  cuda   none' || skip "a CUDA device is there"
	run -3 --separate-stderr cnn-predict --device cuda model.cnn data.tns -o out
	says "cnn-predict: *cuda*"
}

# tiny_samples SAMPLES RECORD: samples of one byte, RECORD in each record, in a stream
tiny_samples() {
	"$PYTHON" - "$@" <<-'END'
		import msgpack, msgpack_numpy, sys, numpy as np
		samples, size = map(int, sys.argv[1:])
		def put(item): sys.stdout.buffer.write(msgpack.packb(item, default=msgpack_numpy.encode))
		put({"tensor-stream": 1, "kind": "data", "fields": {
		    "image": {"dtype": "uint8", "shape": [1]}, "n": {"dtype": "uint8", "shape": []}}})
		for at in range(0, samples, size or 1):
		    n = np.arange(at, min(at + size, samples) if size else at, dtype="u8").astype("u1")
		    put({"image": n[:, None], "n": n})
		put({"end": {}})
	END
}

@test "memory is bounded by bytes, not by samples or records" {
	local limit=400000
	ldd "$BIN/cnn-predict" | grep -q libasan && limit=unlimited
	printf 'input 1\nlinear out=1000\ncross_entropy\n' | cnn-init > wide.cnn
	# Predictions 2000 times as large as their samples, 480 MB in all
	tiny_samples 120000 120000 > x
	(ulimit -v $limit; cnn-predict -t 1 wide.cnn x > out)
	[ "$(stat_of samples out)" = 120000 ]
	[ "$(stat_of records out)" = 58 ]
	tensor-cat -f logits,class,n -b 500 out > got
	tiny_samples 120000 700 | cnn-predict -t 1 wide.cnn - |
		tensor-cat -f logits,class,n -b 500 | cmp - got
	# Records of no samples, and of one sample in a large batch
	tiny_samples 200000 0 > x
	(ulimit -v $limit; cnn-predict -t 1 wide.cnn x > out)
	[ "$(stat_of records out)" = 200000 ]
	tiny_samples 30000 1 > x
	(ulimit -v $limit; cnn-predict -t 1 -b 30000 wide.cnn x > out)
	[ "$(stat_of records out)" = 30000 ]
	rm x out got
}

@test "misuse" {
	for o in "--batch 0" "--threads x" "--amp int8" "--max-memory x"; do
		set -- $o
		run -2 --separate-stderr cnn-predict $1=$2 model.cnn data.tns -o out
		says "cnn-predict: $1: $2: *"
	done
	run -2 --separate-stderr cnn-predict --json model.cnn data.tns -o out
	says "cnn-predict: *--json*"
}

@test "--help, --version, a full disk, a terminal, a reader that goes away" {
	run -0 --separate-stderr cnn-predict --help
	[[ $output == "Usage: cnn-predict "*--tsv* && -z $stderr ]]
	run -0 --separate-stderr cnn-predict -V
	[[ $output == "cnn-predict (cnntools) "* && -z $stderr ]]
	for o in "" --tsv; do
		run -1 --separate-stderr bash -c "cnn-predict $o model.cnn data.tns > /dev/full"
		[[ $stderr == "cnn-predict: standard output: "*"No space left"* ]]
	done
	cat $(yes data.tns | head -50) > more.tns
	run -141 bash -c 'set -o pipefail; cnn-predict --tsv model.cnn more.tns | head -1 > /dev/null'
	command -v script > /dev/null || skip "no script(1)"
	run -2 script -qec "cnn-predict model.cnn data.tns" /dev/null
	[[ $output == *"standard output: is a terminal"* ]]
	run -0 script -qec "cnn-predict --tsv model.cnn data.tns" /dev/null
}
