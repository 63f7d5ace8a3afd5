#!/usr/bin/env bats
# Hostile streams: damaged at every byte, made to swallow memory, full disks,
# readers that go away. hostile.c says what is asked of a tool.
#
# FULL=1 tries every byte, else every third, from one on that SEED decides; builds with
# sanitizers try every seventh.

bats_require_minimum_version 1.5.0

setup_file() {
	load tensors
	cd "$BATS_FILE_TMPDIR"
	${CC:-cc} -std=gnu17 -D_GNU_SOURCE -O1 -o hostile "$BATS_TEST_DIRNAME/hostile.c"
	cat > tiny.net <<-'END'
		input 1x8x8
		conv1: conv2d out=2 kernel=3
		relu
		maxpool2d kernel=2
		flatten
		fc1: linear out=10
		cross_entropy
	END
	data data.tns 48 8 8
	cnn-init -q tiny.net > init.cnn
	cnn-step -q --epochs 1 --batch 16 --threads 1 init.cnn data.tns > model.cnn
	mnist-fetch -q -d strokes -n 300 train > big.tns
}

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
	export NO_COLOR=1
	ln -s "$BATS_FILE_TMPDIR"/*.{net,tns,cnn} .
}

# hostile STRIDE FILE TOOL [ARG ...]: cut and flipped, side by side.
hostile() {
	local stride=$1 file=$2 cut
	shift 2
	if [ -n "${SANITIZED-}" ]; then
		stride=$((7 * stride))
	elif [ -z "${FULL-}" ]; then
		stride=$((3 * stride))
	fi
	stride=$stride:$((${SEED:-1} % stride))
	"$BATS_FILE_TMPDIR/hostile" cut $stride "$file" "$@" > cut.log & cut=$!
	run "$BATS_FILE_TMPDIR/hostile" flip $stride "$file" "$@"
	wait $cut && [ "$status" = 0 ] || { cat cut.log; echo "$output"; return 1; }
}

# Bounds a tool's address space, where no sanitizer needs terabytes of it.
bounded() {
	ldd "$BIN/$1" | grep -q libasan || ulimit -v 400000
	"$@"
}

# refuses FILE PATTERN: every tool that reads data says so, with exit 1.
refuses() {
	local tool
	for tool in tensor-cat tensor-stat tensor-shuf; do
		run -1 --separate-stderr bounded $tool "$1"
		[ -z "$output" ] || [ $tool = tensor-cat ]
		[[ $stderr == "$tool: $1: "*$2* ]] || { echo "$tool: $stderr"; return 1; }
	done
	run -1 --separate-stderr bounded cnn-eval model.cnn "$1"
	[[ $stderr == "cnn-eval: $1: "*$2* ]] || { echo "$stderr"; return 1; }
}

# header [BYTES]: the start of a segment of data, in printf's notation.
header='\x82\xadtensor-stream\x01\xa4kind\xa4data'

# --- damage ---------------------------------------------------------------------

@test "the streams are of the size that is meant" {
	for f in data.tns model.cnn; do
		size=$(stat -Lc %s $f)
		[ $size -ge 3000 ] && [ $size -le 6500 ] || { echo "$f: $size"; false; }
	done
}

@test "damaged data: tensor-cat" {
	hostile 1 data.tns tensor-cat -o {o} {}
}

@test "a damaged model: tensor-cat" {
	hostile 1 model.cnn tensor-cat -o {o} {}
}

@test "damaged data: the other tools" {
	hostile 11 data.tns tensor-stat {}
	hostile 31 data.tns tensor-stat --json {}
	hostile 29 data.tns tensor-shuf -o {o} {}
	hostile 31 data.tns tensor-view {}
	hostile 29 data.tns tensor-cat --range 3:5 -o {o} {}
	hostile 29 data.tns tensor-cat --fields image --to npy -o {o} {}
}

@test "damaged data: cnn-eval, cnn-predict" {
	hostile 53 data.tns cnn-eval model.cnn {}
	hostile 53 data.tns cnn-predict -o {o} model.cnn {}
	hostile 61 data.tns cnn-predict --tsv model.cnn {}
}

@test "damaged data: cnn-step trains nothing" {
	hostile 29 data.tns cnn-step -q -o {o} init.cnn {}
	hostile 61 data.tns cnn-step -q --stream --no-shuffle -o {o} init.cnn {}
	hostile 61 data.tns cnn-step -q -o {o} --val {} init.cnn data.tns
}

@test "a damaged model: the tools that take one" {
	hostile 29 model.cnn tensor-stat {}
	hostile 31 model.cnn cnn-info {}
	hostile 41 model.cnn cnn-eval {} data.tns
	hostile 41 model.cnn cnn-predict -o {o} {} data.tns
	hostile 41 model.cnn cnn-step -q -o {o} {} data.tns
	hostile 41 model.cnn cnn-step -q --resume --epochs 2 -o {o} {} data.tns
}

@test "data that do not fit are named" {
	data wide.tns 12 9 9
	tensor-cat --fields image data.tns > bare.tns
	tensor-cat --fields label data.tns > blind.tns
	for tool in "cnn-step -q -o y init.cnn" "cnn-step -q -o y --stream init.cnn" \
		"cnn-eval model.cnn" "cnn-predict -o y model.cnn" \
		"cnn-step -q -o y init.cnn data.tns --val"; do
		run -1 --separate-stderr $tool wide.tns
		# (held in memory, the data of several operands are one set)
		[[ $stderr == *1x9x9*1x8x8* ]] &&
			{ [[ $stderr == *": wide.tns: "* ]] || [[ $tool == *init.cnn ]]; } ||
			{ echo "$tool: $stderr"; false; }
		run -1 --separate-stderr $tool blind.tns
		[[ $stderr == *"blind.tns: no field image"* ]] || { echo "$tool: $stderr"; false; }
		[[ $tool == cnn-predict* ]] && continue
		run -1 --separate-stderr $tool bare.tns
		[[ $stderr == *"bare.tns: no field label"* ]] || { echo "$tool: $stderr"; false; }
	done
	[ ! -e y ]
}

@test "damage in the second segment, behind a good one" {
	head -c -100 data.tns > cut
	for second in cut tiny.net; do
		cat data.tns $second > x
		for tool in "tensor-cat -o y" "tensor-shuf -o y" tensor-stat \
			"cnn-step -q -o y init.cnn" "cnn-eval model.cnn" \
			"cnn-predict -o y model.cnn"; do
			run -1 --separate-stderr $tool x
			[[ $stderr == "${tool%% *}: x: "* ]]
			[ ! -e y ]
		done
	done
}

@test "a dead producer in a pipe" {
	for tool in "tensor-cat -o y" "tensor-shuf -o y" tensor-stat \
		"cnn-step -q -o y init.cnn" "cnn-eval model.cnn" \
		"cnn-predict -o y model.cnn"; do
		run -1 --separate-stderr bash -c "head -c 2000 data.tns | $tool"
		[[ $stderr == *"truncated"* ]]
		run -1 --separate-stderr bash -c "false | $tool"
		[[ $stderr == *"is empty: no data given?"* ]]
		[ ! -e y ]
	done
}

# --- lies -----------------------------------------------------------------------

@test "garbage is refused" {
	head -c 4096 /dev/zero > zeros
	perl -e 'srand 1; print pack "C*", map { int rand 256 } 1 .. 4096' > noise
	yes 'no tensors here' | head -n 200 > text
	for f in zeros noise text tiny.net; do
		refuses $f ''
	done
	run -1 --separate-stderr cnn-info noise
	[[ $stderr == "cnn-info: noise: "* ]]
}

@test "a wrong digest, wrong counts" {
	perl -pe 's/(xxh3\xb0)(.)/$1 . ($2 eq "0" ? "1" : "0")/e' data.tns > x
	refuses x 'digest'
	perl -pe 's/(\xa7samples)\x30/$1\x31/' data.tns > x
	refuses x 'declares 49 samples, but 48 were read'
	perl -pe 's/(\xa7records)\x01/$1\x02/' data.tns > x
	refuses x 'declares 2 records, but 1 were read'
	perl -pe 's/(xxh3\xb0)(.)/$1 . ($2 eq "0" ? "1" : "0")/e' model.cnn > x
	run -1 --separate-stderr cnn-info x
	[[ $stderr == "cnn-info: x: "*digest* ]]
}

@test "lengths that nothing stands behind reserve nothing" {
	for head in "\xdd\xff\xff\xff\xff" "\xdf\xff\xff\xff\xff" \
		"\xc6\xff\xff\xff\xff" "\xdb\xff\xff\xff\xff" "\xc9\xff\xff\xff\xff\x01" \
		"\xdc\xff\xff" "\xde\xff\xff" "\x81"; do
		# first of all, as a header's value, as an item, in a record
		printf "$head" > x; refuses x ''
		printf '\x83\xadtensor-stream\x01\xa4kind\xa4data\xa4meta'"$head" > x; refuses x ''
		printf "$header$head" > x; refuses x ''
		printf "$header"'\x81\xa5image'"$head" > x; refuses x ''
		printf "$header"'\x81\xa5image\x85\xc4\x02nd\xc3\xc4\x04type'"$head" > x; refuses x ''
		printf "$header"'\x81\xa5image\x85\xc4\x02nd\xc3\xc4\x04data'"$head" > x; refuses x ''
	done
}

@test "shapes that nothing stands behind reserve nothing" {
	tensor='\x81\xa5image\x85\xc4\x02nd\xc3\xc4\x04type\xa3<f4\xc4\x04kind\xc4\x00\xc4\x05shape'
	huge='\xcf\xff\xff\xff\xff\xff\xff\xff\xff'
	for shape in "\x91$huge" "\x92$huge$huge" "\x93\x01$huge\x02" \
		"\x91\xce\x7f\xff\xff\xff" '\x98\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f' \
		'\x91\xff' '\x99\x01\x01\x01\x01\x01\x01\x01\x01\x01' '\x90'; do
		printf "$header$tensor$shape"'\xc4\x04data\xc4\x00' > x
		refuses x 'record 0'
	done
	# a header that promises a huge field, and one that promises many
	printf '\x83\xadtensor-stream\x01\xa4kind\xa4data\xa6fields\x81\xa5image\x82\xa5dtype\xa5uint8\xa5shape\x92'"$huge$huge" > x
	refuses x 'header'
	perl -e 'print "\x83\xadtensor-stream\x01\xa4kind\xa4data\xa6fields\xdd\xff\xff\xff\xff"' > x
	refuses x 'header'
}

@test "nesting without end is refused" {
	perl -e 'print "\x81\xa1a" x 100000' > x
	refuses x ''
	perl -e 'print "\x83\xadtensor-stream\x01\xa4kind\xa4data\xa4meta", "\x81\xa1a" x 100000' > x
	refuses x 'header'
	perl -e 'print "\x82\xadtensor-stream\x01\xa4kind\xa4data", "\x91" x 100000' > x
	refuses x 'record 0'
}

@test "headers and ends have a bound, and the bound is enough" {
	perl -e 'print "\x83\xadtensor-stream\x01\xa4kind\xa4data\xa4meta\x81\xa1a\xc6", pack("N", 1 << 20), "x" x (1 << 20)' > x
	refuses x 'header'
	perl -e 'print "\x83\xadtensor-stream\x01\xa4kind\xa4data\xa4meta\x81\xa1a\xc6", pack("N", 1000000), "x" x 1000000, "\x81\xa3end\x80"' > x
	run -0 tensor-cat -o y x
	cmp x y
	perl -e 'print "\x82\xadtensor-stream\x01\xa4kind\xa4data\x81\xa3end\x81\xa1x\xc6", pack("N", 2 << 20), "x" x (2 << 20)' > x
	refuses x ''
}

@test "a pickle is refused by name" {
	printf "$header"'\x81\xa5image\x85\xc4\x02nd\xc3\xc4\x04type\xa2|O\xc4\x04kind\xc4\x01O\xc4\x05shape\x91\x01\xc4\x04data\xc4\x04\x80\x04N.' > x
	refuses x 'pickle'
}

@test "versions and kinds to come are refused" {
	printf '\x82\xadtensor-stream\x02\xa4kind\xa4data\x81\xa3end\x80' > x
	refuses x 'version 2'
	printf '\x82\xadtensor-stream\x01\xa4kind\xa4song\x81\xa3end\x80' > x
	refuses x 'kind'
	printf '\x82\xa4kind\xa4data\xadtensor-stream\x01\x81\xa3end\x80' > x
	refuses x ''
}

@test "names that could be taken for another item, or drive a terminal" {
	tensor='\x85\xc4\x02nd\xc3\xc4\x04type\xa3|u1\xc4\x04kind\xc4\x00\xc4\x05shape\x91\x01\xc4\x04data\xc4\x01a'
	for name in '\xadtensor-stream' '\xa0' '\xa4a\x1b[m' '\xa3a\nb'; do
		printf "$header\x81$name$tensor" > x
		refuses x 'record 0'
	done
	printf "$header\x82\xa3end$tensor\xa1a$tensor" > x
	refuses x 'record 0'
}

@test "class names that would drive a terminal or break a table" {
	need_python msgpack_numpy
	"$PYTHON" - > evil.tns <<-'END'
		import msgpack, msgpack_numpy as mn, sys, numpy as np
		put = lambda item: sys.stdout.buffer.write(msgpack.packb(item, default=mn.encode))
		put({"tensor-stream": 1, "kind": "data", "fields": {
		    "image": {"dtype": "uint8", "shape": [1, 8, 8]},
		    "label": {"dtype": "uint8", "shape": [], "classes": ["a\tb", "\x1b[31m", "c\nd", "a\u0085b", "a\u009bb", "\u202ec"]}}})
		put({"image": np.zeros((10, 1, 8, 8), "u1"), "label": np.arange(10, dtype="u1")})
		put({"end": {}})
	END
	cnn-step -q init.cnn evil.tns > evil.cnn
	cnn-predict -q evil.cnn evil.tns > predicted.tns
	cnn-predict --tsv evil.cnn evil.tns > tsv
	[ "$(wc -l < tsv)" = 11 ]
	awk -F'\t' 'NF != 4 { exit 1 }' tsv
	tail -n +2 tsv | cut -f4 | sort | diff - <(printf '%s\n' 'a?b' '?[31m' 'c?d' 'a??b#3' 'a??b#4' '???c' 6 7 8 9 | sort)
	cnn-eval --tsv evil.cnn evil.tns > tsv
	awk -F'\t' 'NF != 2 + ($1 == "confusion") + (NR > 4) { exit 1 }' tsv
	[ "$(cut -f 1,2 tsv | grep ^recall | sort | uniq -d | wc -l)" = 0 ]
	for tool in "tensor-stat evil.tns" "tensor-stat --tsv evil.tns" "tensor-view evil.tns" \
		"tensor-view predicted.tns" "cnn-eval evil.cnn evil.tns" "cnn-eval --tsv evil.cnn evil.tns" \
		"cnn-predict --tsv evil.cnn evil.tns" "cnn-info evil.cnn"; do
		$tool > said
		! grep -qP '\x1b|\xc2[\x80-\x9f]|\xe2\x80\xae' said || { echo "$tool"; false; }
	done
	# The names themselves stay.
	tensor-stat --json predicted.tns | grep -F '["a\tb", "\u001b[31m", "c\nd", "a\u0085b", "a\u009bb", "\u202ec"]'
}

@test "a model whose net is hostile" {
	perl -e 'my ($from, $to) = @ARGV[0, 1]; local $/; $_ = <STDIN>;
		s/\Q$from\E/$to/ or die; print' 'out=10' 'out=99' < init.cnn > x
	run -1 --separate-stderr cnn-info x           # the digest, before the shape
	[[ $stderr == "cnn-info: x: "* ]]
	# the same without a digest: every record has the wrong shape for the net
	perl -e 'local $/; $_ = <STDIN>; s/out=10/out=99/ or die; s/xxh3\xb0/xxhx\xb0/ or die;
		print' < init.cnn > x
	for tool in cnn-info "cnn-eval data.tns" "cnn-step -q -o y data.tns"; do
		run -1 --separate-stderr $tool x
		[[ $stderr == "${tool%% *}: x: "*fc1* ]] || { echo "$tool: $stderr"; false; }
	done
	perl -e 'local $/; $_ = <STDIN>; s/relu\n/r..u\n/ or die; s/xxh3\xb0/xxhx\xb0/ or die;
		print' < init.cnn > x
	run -1 --separate-stderr cnn-info x
	[[ $stderr == "cnn-info: x"* ]]
	perl -e 'local $/; $_ = <STDIN>; s/relu\n/relv\n/ or die; s/xxh3\xb0/xxhx\xb0/ or die;
		print' < init.cnn > x
	run -3 --separate-stderr cnn-info x
	[[ $stderr == "cnn-info: x"*"relv: no such layer type"* ]]
	run -3 --separate-stderr cnn-step -q -o y x data.tns
	[ ! -e y ]
}

@test "a model whose header declares other parameters than arrive" {
	need_python msgpack_numpy
	cat > change.py <<-'END'
		import msgpack, msgpack_numpy, sys
		name, change = sys.argv[1:]
		for item in msgpack.Unpacker(sys.stdin.buffer, object_hook=msgpack_numpy.decode):
		    if "tensor-stream" in item:
		        field = item["fields"].setdefault(name, {"dtype": "float32", "shape": [1]})
		        exec(change)
		    if "end" in item:
		        del item["end"]["xxh3"]
		    sys.stdout.buffer.write(msgpack.packb(item, default=msgpack_numpy.encode))
	END
	"$PYTHON" change.py fc1.bias 'pass' < model.cnn > x
	cnn-eval --tsv x data.tns > got
	cnn-eval --tsv model.cnn data.tns | cmp - got
	while IFS='|' read -r name change why; do
		"$PYTHON" change.py "$name" "$change" < model.cnn > x
		for tool in cnn-info "cnn-eval data.tns" "cnn-predict -o y data.tns" "cnn-step -q -o y data.tns"; do
			run -1 --separate-stderr $tool x
			[[ $stderr == "${tool%% *}: x: "*"$name: "*"$why"* ]] || { echo "$tool: $stderr"; false; }
			[ -z "$output" ] && [ ! -e y ]
		done
	done <<-'END'
		fc1.bias|field["shape"] = [11]|the header declares float32 11, which does not fit the net's 10
		fc1.bias|field["shape"] = [9]|the header declares float32 9, which does not fit the net's 10
		fc1.bias|field["shape"] = [10, 1]|the header declares float32 10x1, which does not fit the net's 10
		fc1.bias@adam.m|field["shape"] = [11]|the header declares float32 11, which does not fit the net's 10
		fc1.bias|field["dtype"] = "int32"|the header declares int32 10, which does not fit the net's 10
		fc1.bias|field["dtype"] = "float64"|float32 10 does not match the header's float64 10
		fc2.bias|pass|the net has no such parameter
		fc2.bias@adam.m|pass|the net has no such parameter
	END
}

# --- the other end ----------------------------------------------------------------

@test "a full disk is exit 1, for every tool that writes" {
	for tool in "mnist-fetch -d strokes -n 10 train" "tensor-cat data.tns" \
		"tensor-shuf data.tns" "tensor-stat data.tns" "tensor-view data.tns" \
		"tensor-cat --fields image --to npy data.tns" \
		"cnn-init tiny.net" "cnn-step -q init.cnn data.tns" \
		"cnn-eval model.cnn data.tns" "cnn-eval --tsv model.cnn data.tns" \
		"cnn-eval --json model.cnn data.tns" \
		"cnn-predict model.cnn data.tns" "cnn-predict --tsv model.cnn data.tns" \
		"cnn-info model.cnn" "cnn-info" "tensor-cat --help" "cnn-step --version"; do
		run -1 --separate-stderr bash -c "$tool > /dev/full"
		[[ $stderr == "${tool%% *}: "*"No space left on device"* ]] ||
			{ echo "$tool: $stderr"; false; }
	done
}

@test "a reader that goes away ends the writer by SIGPIPE" {
	cat > wide.net <<-'END'
		input 1x8x8
		flatten
		linear out=400
		cross_entropy
	END
	cnn-init wide.net > wide.cnn
	for tool in "mnist-fetch -d strokes -n 1000 train" "tensor-cat big.tns" \
		"tensor-shuf big.tns" "tensor-cat --fields image --to npy big.tns" \
		"cnn-init wide.net" "cnn-step -q wide.cnn data.tns" \
		"cnn-predict wide.cnn data.tns"; do
		run -141 --separate-stderr bash -c "set -o pipefail; $tool | head -c 100 > /dev/null"
		[ -z "$stderr" ] || { echo "$tool: $stderr"; false; }
	done
}

@test "an output that can't be made costs nothing that was there" {
	echo precious > y
	for tool in "tensor-cat -o y x" "cnn-step -q -o y init.cnn x" "cnn-init -o y x"; do
		echo garbage > x
		run -1 --separate-stderr $tool
		[ "$(cat y)" = precious ]
	done
	run -1 --separate-stderr tensor-cat -o nowhere/y data.tns
	[[ $stderr == "tensor-cat: nowhere/y"* ]]
	[ "$(ls -A | grep -c '^\.')" = 0 ]              # no temporary file either
}
