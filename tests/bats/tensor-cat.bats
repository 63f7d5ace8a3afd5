#!/usr/bin/env bats
# tensor-cat: copies with checks, converts, repairs.

bats_require_minimum_version 1.5.0

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
}

# --- as cat ---------------------------------------------------------------------

@test "alone it is cat" {
	data a 2000 28 28
	data b 5
	cat a b > want
	tensor-cat a b | cmp - want
	cat a | tensor-cat - b | cmp - want
	tensor-cat < want | cmp - want
	tensor-cat -o out want
	cmp out want
	tensor-cat --to stream want | cmp - want
}

@test "streams of foreign writers are copied byte for byte" {
	need_python msgpack_numpy
	"$PYTHON" - <<-'END'
		import sys, msgpack, msgpack_numpy, numpy as np
		def put(item): f.write(msgpack.packb(item, default=msgpack_numpy.encode))
		f = open("x", "wb")
		put({"tensor-stream": 1, "kind": "data", "odd": [1, None, {"k": 2.5}]})
		for n in 2, 3:
		    put({"image": np.zeros((n, 1, 4, 5), "u1"), "label": np.arange(n, dtype=">i8")})
		put({"end": {"records": 2, "samples": 5}})
		put({"tensor-stream": 1, "kind": "data"})
		put({"end": {}})
	END
	tensor-cat x | cmp - x
	tensor-cat x x | cmp - <(cat x x)
	[ "$(tensor-cat x | tensor-stat --tsv | awk '$1 == "samples"' | head -1)" = "samples	5" ]
}

@test "a damaged stream is refused, and no file is left" {
	data a 2000 28 28
	size=$(stat -c %s a)
	for at in 0 30 $((size / 2)) $((size - 24)) $((size - 3)); do
		perl -pe "BEGIN { \$/ = undef } substr(\$_, $at, 1) ^= \"\\x11\"" a > bad
		run -1 --separate-stderr tensor-cat bad -o out
		[[ $stderr == "tensor-cat: bad: "* ]]
		[ ! -e out ]
	done
	for size in 10 $((size / 2)) $((size - 1)); do
		head -c $size a > bad
		run -1 --separate-stderr tensor-cat bad -o out
		[[ $stderr == "tensor-cat: bad: "* ]]
		[ ! -e out ]
	done
	: > empty
	run -1 tensor-cat a empty -o out
	[ "$(echo out*)" = 'out*' ]              # no temporary file either
	run -1 bash -c 'false | tensor-cat > out'
	[ ! -s out ]
}

@test "a dead producer's reader fails" {
	data a 2000 28 28
	run -1 --separate-stderr bash -c 'head -c 500000 a | tensor-cat > out'
	[[ $stderr == *"standard input"* ]]
}

@test "copying adds no history, arrays and selections do" {
	images i 4 4 5
	labels l 4
	tensor-cat i l -o a
	history=$(tensor-stat --tsv a | grep ^history)
	[[ $history == *'[{"tool": "tensor-cat", "version": "'*'", "options": {}}]' ]]
	tensor-cat a -o b
	[ "$(tensor-stat --tsv b | grep ^history)" = "$history" ]
	tensor-cat --batch 2 a -o c
	[ "$(tensor-stat --tsv c | grep ^history)" = "$history" ]
	tensor-cat --range :02 --fields label a -o d
	[[ $(tensor-stat --tsv d | grep ^history) == *'"options": {"range": "0:2", "fields": "label"}}]' ]]
}

# --- shapes -----------------------------------------------------------------------

# array FILE PYTHON: an npy file of the array that the expression makes
array() {
	"$PYTHON" -c "import sys, numpy as np; np.save(sys.argv[1], $2, allow_pickle=False)" "$1"
}

# same FILE FIELD NPY: the field is the array
same() {
	tensor-cat -q --fields "$2" --to npy "$1" | cmp - "$3"
}

@test "--reshape gives samples another shape" {
	need_python numpy
	array x.npy 'np.arange(24, dtype="u1").reshape(2, 12)'
	array want.npy 'np.arange(24, dtype="u1").reshape(2, 1, 3, 4)'
	array flat.npy 'np.arange(24, dtype="u1").reshape(2, 12)'
	tensor-cat --field image=x.npy --reshape 1x3x4 -o out
	same out image want.npy
	[[ $(tensor-stat --tsv out | grep ^history) == *'"reshape": ["1x3x4"]'* ]]
	tensor-cat --reshape image=12 out -o back
	same back image flat.npy
	# the only field needs no name
	tensor-cat --field x=x.npy --reshape 1x3x4 -o out
	same out x want.npy
	# of two fields, each its own
	tensor-cat --field a=x.npy --field b=x.npy --reshape a=1x3x4 --reshape b=2x6 -o out
	same out a want.npy
	[ "$(stat_of b.shape out)" = 2x6 ]
	# scalars
	labels l 3
	tensor-cat --reshape label=1x1 l -o out
	[ "$(stat_of label.shape out)" = 1x1 ]
	tensor-cat --reshape scalar out | tensor-cat --to idx | cmp - l
}

@test "--reshape: what does not fit, and misuse" {
	data a 3
	run -1 --separate-stderr tensor-cat --reshape 1x4x6 -o out a
	[ "$stderr" = "tensor-cat: a: --reshape: image has samples of 1x4x5, which can't become 1x4x6" ]
	run -1 --separate-stderr tensor-cat --reshape x=20 -o out a
	[ "$stderr" = "tensor-cat: a: --reshape: no field x (fields: image, label)" ]
	run -1 --separate-stderr tensor-cat --reshape 20 --fields label -o out a
	[[ $stderr == *"label has samples of scalar, which can't become 20" ]]
	for text in "" x 0 1x 1xx2 x2 01 1x-1 1,2 =1 a= "1 " 1x1x1x1x1x1x1x1 \
	    99999999999999999999 4294967296x4294967296; do
		run -2 --separate-stderr tensor-cat --reshape "$text" -o out a
		[[ $stderr == "tensor-cat: --reshape: $text: must be SHAPE or FIELD=SHAPE, such as 1x28x28"* ]]
	done
	run -2 --separate-stderr tensor-cat --reshape 20 --reshape 4x5 -o out a
	[[ $stderr == *"--reshape: 4x5: the field has a shape already"* ]]
	run -2 tensor-cat --reshape x=20 --reshape x=4x5 -o out a
	[ ! -e out ]
}

@test "--squeeze drops axes of length 1 of all fields" {
	need_python numpy
	array image.npy 'np.arange(12, dtype="u1").reshape(2, 1, 2, 1, 3)'
	array x.npy 'np.arange(2, dtype="f4").reshape(2, 1, 1)'
	array want.npy 'np.arange(12, dtype="u1").reshape(2, 2, 3)'
	array want-x.npy 'np.arange(2, dtype="f4")'
	tensor-cat --field image=image.npy --field x=x.npy --squeeze -o out
	same out image want.npy
	same out x want-x.npy
	# pictures with the channels behind
	array image.npy 'np.arange(12, dtype="u1").reshape(2, 2, 3, 1)'
	tensor-cat --squeeze --reshape 1x2x3 image.npy -o out
	[ "$(stat_of image.shape out)" = 1x2x3 ]
	[[ $(tensor-stat --tsv out | grep ^history) == *'"squeeze": true'* ]]
}

@test "--transpose swaps the last two axes, of every type" {
	need_python numpy
	for type in u1 '<i2' '<f4' '<f8'; do
		array x.npy "np.arange(2 * 3 * 4 * 5).astype('$type').reshape(2, 3, 4, 5)"
		array want.npy "np.ascontiguousarray(np.arange(2 * 3 * 4 * 5).astype('$type').reshape(2, 3, 4, 5).swapaxes(2, 3))"
		tensor-cat --transpose x.npy -o out
		same out image want.npy
		tensor-cat --transpose out -o back
		same back image x.npy
		tensor-cat --transpose --batch 1 out -o back
		same back image x.npy
	done
	# as EMNIST is published: records of several sizes, a range, labels beside
	images i 2000 28 20
	labels l 2000
	tensor-cat -q --batch 7 i l -o a
	tensor-cat --transpose --range 3:1990 a -o t
	[ "$(stat_of image.shape t)" = 1x20x28 ]
	"$PYTHON" -c 'import numpy as np
a = np.fromfile("i", "u1")[16:].reshape(2000, 1, 28, 20)[3:1990]
np.save("want", np.ascontiguousarray(a.swapaxes(2, 3)))'
	same t image want.npy
	tensor-cat --fields label --range 3:1990 a | tensor-cat --to npy > want.l
	same t label want.l
	# a flat picture gets its shape first
	array x.npy 'np.arange(12, dtype="u1").reshape(2, 6)'
	array want.npy 'np.ascontiguousarray(np.arange(12, dtype="u1").reshape(2, 2, 3).swapaxes(1, 2))'
	tensor-cat --transpose --reshape 2x3 --field image=x.npy -o out
	same out image want.npy
	run -1 --separate-stderr tensor-cat --transpose -o none l
	[ "$stderr" = "tensor-cat: l: --transpose: label has samples of scalar: needs two axes" ]
	[ ! -e none ]
}

@test "--column makes a label of rows of numbers" {
	need_python numpy
	images i 5 4 5
	perl -e 'binmode STDOUT; print pack("N3 N*", 0xc02, 5, 8, map { 1000 * $_ } 0 .. 39)' > q.idx
	array q.npy 'np.arange(0, 40000, 1000, dtype="u2").reshape(5, 8)'
	for column in 0 3 7; do
		array want.npy "np.arange(0, 40000, 1000, dtype='<i4').reshape(5, 8)[:, $column].copy()"
		for f in q.idx q.npy; do
			tensor-cat --column $column i $f -o out
			same out label want.npy
			[ "$(stat_of image.shape out)" = 1x4x5 ]
			tensor-cat --field label=$f | tensor-cat --column $column -o out
			same out label want.npy
			tensor-cat --field x=$f --column $column -o out
			same out x want.npy
		done
	done
	[[ $(tensor-stat --tsv out | grep ^history) == *'"column": 7'* ]]
	run -1 --separate-stderr tensor-cat --column 8 -o none i q.idx
	[ "$stderr" = "tensor-cat: i: --column 8: label has 8 columns, counted from 0" ]
	run -1 --separate-stderr tensor-cat --column 0 -o none i
	[[ $stderr == "tensor-cat: i: --column: image has samples of 1x4x5: must be a row of numbers" ]]
	run -2 --separate-stderr tensor-cat i q.idx
	[[ $stderr == "tensor-cat: q.idx: int32 5x8 is neither images nor labels: "* ]]
	labels l 5
	tensor-cat --column 0 l | tensor-cat --to idx | cmp - l
	[ ! -e none ]
}

@test "new shapes: models pass, compatible segments join, --repair takes none" {
	printf 'input 1x4x5\nflatten\nlinear out=10\ncross_entropy\n' | cnn-init -o m.cnn
	need_python numpy
	array flat.npy 'np.arange(40, dtype="u1").reshape(2, 20)'
	images i 3 4 5
	tensor-cat -q --field image=flat.npy -o a
	tensor-cat -q i -o b
	tensor-cat --reshape 1x4x5 m.cnn a b -o out
	[ "$(tensor-stat --tsv out | grep -c '^segment')" = 2 ]
	[ "$(stat_of samples out)" = 5 ]
	head -c "$(stat -c %s m.cnn)" out | cmp - m.cnn
	for option in --squeeze --transpose "--reshape 1" "--column 1"; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr tensor-cat --repair $option a
		[[ $stderr == *"--repair can't be combined with"* ]]
	done
}

# --- selections -------------------------------------------------------------------

# label values of a stream, one a line
label_values() {
	tensor-cat --fields label --to idx "$@" | tail -c +9 | od -An -v -tu1 -w1 | tr -d ' '
}

@test "--range selects samples over all segments, wherever records end" {
	data a 7
	data b 5
	tensor-cat --batch 3 a -o a3
	for range in 0:12 : 5:9 3:4 :8 9: 12: 6:7 0:0 11:99; do
		label_values a b > all
		first=${range%:*} last=${range#*:}
		awk -v a="${first:-0}" -v b="${last:-99}" 'NR > a && NR <= b' all > want
		label_values --range $range a b 2> /dev/null | cmp - want
		label_values --range $range a3 b 2> /dev/null | cmp - want
	done
	[ "$(tensor-cat --range 5:9 a b | tensor-stat --tsv | grep -c ^segment)" = 1 ]
}

@test "--range beyond the samples selects none, and says so" {
	data a 7
	run -0 --separate-stderr tensor-cat --range 7: a -o out
	[ "$stderr" = "tensor-cat: --range 7:: selects no samples (there are 7)" ]
	[ "$(stat_of samples out)" = 0 ]
	run -0 --separate-stderr tensor-cat -q --range 7: a -o out
	[ -z "$stderr" ]
}

@test "--range still checks what it leaves out" {
	data a 2000 28 28
	head -c -10 a > bad
	run -1 tensor-cat --range 0:1 bad -o out
	[ ! -e out ]
}

@test "--range: misuse" {
	data a 3
	for range in '' 5 a:b 1:2:3 5:3 ' 1:2' 99999999999999999999: 0x1:; do
		run -2 --separate-stderr tensor-cat --range "$range" a
		[[ $stderr == "tensor-cat: --range: $range: "* ]]
		[ -z "$output" ]
	done
	run -2 --separate-stderr tensor-cat --range=-2: a
	[[ $stderr == *"not supported"* ]]
}

@test "--fields selects and orders" {
	data a 3
	tensor-cat --fields label a -o out
	[ "$(tensor-stat --tsv out | grep -c dtype)" = 1 ]
	tensor-cat --fields label,image a -o out
	[ "$(tensor-stat --tsv out | grep dtype | cut -f1 | xargs)" = "label.dtype image.dtype" ]
	tensor-cat --fields image,label out | tensor-cat --fields image --to idx -o x
	tensor-cat --fields image --to idx a | cmp - x
}

@test "--fields: misuse" {
	data a 3
	run -1 --separate-stderr tensor-cat --fields image,labels a
	[ "$stderr" = "tensor-cat: a: no field labels (fields: image, label)" ]
	for fields in '' , a, ,a a,,b; do
		run -2 --separate-stderr tensor-cat --fields "$fields" a
		[[ $stderr == *"empty name"* ]]
	done
	run -2 --separate-stderr tensor-cat --fields image,image a
	[[ $stderr == *"is given twice"* ]]
}

@test "--batch cuts anew, across segments that agree" {
	data a 7
	data b 5
	data c 4 5 4
	tensor-cat --batch 4 a b c -o out
	[ "$(tensor-stat --tsv out | awk '$1 == "records"' | xargs)" = "records 3 records 1" ]
	[ "$(tensor-stat --tsv out | awk '$1 == "samples"' | xargs)" = "samples 12 samples 4" ]
	tensor-cat --batch 1000 out -o one
	[ "$(tensor-stat --tsv one | awk '$1 == "records"' | xargs)" = "records 1 records 1" ]
	label_values --range :12 out > some
	label_values a b | cmp - some
	run -2 tensor-cat --batch 0 a
	run -2 tensor-cat --batch x a
}

@test "--batch gives the same bytes however it was cut before" {
	data a 50
	tensor-cat --batch 3 a -o a3
	tensor-cat --batch 11 a -o a11
	tensor-cat --batch 7 a3 -o x
	tensor-cat --batch 7 a11 | cmp - x
}

# --- formats ----------------------------------------------------------------------

@test "--to idx gives back the file, --to npy what numpy writes" {
	images i 30 28 28
	labels l 30
	tensor-cat i l -o a
	tensor-cat --fields image --to idx a | cmp - i
	tensor-cat --fields label --to idx a | cmp - l
	tensor-cat i --to npy -o i.npy
	tensor-cat i.npy --to idx | cmp - i
	need_python numpy
	"$PYTHON" - <<-'END'
		import numpy as np
		a = np.frombuffer(open("i", "rb").read()[16:], "u1").reshape(30, 1, 28, 28)
		np.save("want", a)
	END
	cmp i.npy want.npy
}

@test "--to: joins what agrees, refuses what does not" {
	images i 3 4 5
	images j 2 4 5
	images k 2 5 4
	tensor-cat i j --to idx -o out
	tail -c +17 i > want; tail -c +17 j >> want
	tail -c +17 out | cmp - want
	run -1 --separate-stderr tensor-cat i k --to idx -o bad
	[[ $stderr == "tensor-cat: k: "*"--to idx writes a single array" ]]
	[ ! -e bad ]
}

@test "--to: misuse" {
	data a 3
	run -2 --separate-stderr tensor-cat --to idx a
	[ "$stderr" = "tensor-cat: --to idx takes one field: choose it with --fields (image, label)" ]
	run -2 tensor-cat --to jpeg a
	run -1 --separate-stderr tensor-cat --to png --fields image a
	[[ $stderr == *"one uint8 image"* ]]
	run -1 --separate-stderr tensor-cat --to png --fields label --range :1 a
	[[ $stderr == *"one uint8 image"* ]]
	tensor-cat --to png --fields image --range 1:2 a | tensor-cat --to idx |
		cmp - <(tensor-cat --to idx --fields image --range 1:2 a)
	need_python numpy
	"$PYTHON" -c 'import numpy as np; np.save("x", np.arange(3))'
	run -1 --separate-stderr tensor-cat --to idx x.npy
	[[ $stderr == *"IDX has no type for int64"* ]]
}

@test "models pass as they are, and no other format takes them" {
	need_python msgpack_numpy
	data a 6
	"$PYTHON" - <<-'END'
		import msgpack, msgpack_numpy, numpy as np
		f = open("m", "wb")
		def put(item): f.write(msgpack.packb(item, default=msgpack_numpy.encode))
		put({"tensor-stream": 1, "kind": "model", "fields": {
		    "w": {"dtype": "float32", "shape": [2, 3]},
		    "b": {"dtype": "float32", "shape": [2]}}})
		put({"w": np.ones((2, 3), "<f4")})
		put({"b": np.ones(2, "<f4")})
		put({"end": {"records": 2, "samples": 0}})
	END
	cat m a > ma
	tensor-cat ma | cmp - ma
	tensor-cat --range 0:6 a -o r
	tensor-cat --range 0:6 ma | cmp - <(cat m r)
	run -1 --separate-stderr tensor-cat --to npy m
	[[ $stderr == *"can't write a model as npy"* ]]
}

# --- repair -----------------------------------------------------------------------

@test "--repair keeps whole records and writes an end" {
	data a 2000 28 28
	head -c 1200000 a > cut
	run -1 tensor-cat cut
	run -0 --separate-stderr tensor-cat --repair cut -o out
	[[ $stderr == *"kept 2 records, 1334 samples" ]]
	[[ $stderr == "tensor-cat: cut: record 2: "* ]]
	tensor-cat out > /dev/null
	tensor-cat --range :1334 a | tensor-cat --fields image --to idx -o want
	tensor-cat --fields image --to idx out | cmp - want
	tensor-cat --repair < cut | cmp - out
}

@test "--repair keeps the segments before, and leaves whole streams alone" {
	data a 20
	data b 2000 28 28
	cat a b > whole
	run -0 --separate-stderr tensor-cat --repair whole -o out
	[ "$stderr" = "tensor-cat: kept 4 records, 2020 samples" ]
	cmp out whole
	head -c $(($(stat -c %s whole) - 20)) whole > cut    # only the end is gone
	tensor-cat --repair cut -o out
	cmp out whole
	head -c $(($(stat -c %s a) + 30)) whole > cut        # inside b's header
	tensor-cat --repair cut -o out
	cmp out a
	{ cat a; echo junk; } > cut
	tensor-cat --repair cut -o out
	cmp out a
}

@test "--repair keeps nothing that its end denies" {
	data a 2000 28 28
	perl -pe 'BEGIN { $/ = undef } substr($_, 5000, 1) ^= "\1"' a > bad
	run -1 --separate-stderr tensor-cat --repair bad -o out
	[[ $stderr == "tensor-cat: nothing can be recovered: bad: end: "* ]]
	[ ! -e out ]
}

@test "--repair: nothing kept is a failure, misuse is usage" {
	data a 2000 28 28
	head -c 1000 a > cut
	run -1 --separate-stderr tensor-cat --repair cut -o out
	[ ! -e out ]
	images i 3 4 5
	run -2 --separate-stderr tensor-cat --repair i
	[[ $stderr == *"nothing to repair"* ]]
	run -2 tensor-cat --repair a a
	run -2 tensor-cat --repair --range 0:1 a
}

# --- manners ----------------------------------------------------------------------

@test "--help and --version go to standard output" {
	run -0 --separate-stderr tensor-cat --help
	[[ $output == "Usage: tensor-cat "* && $output == *--repair* && -z $stderr ]]
	run -0 --separate-stderr tensor-cat --version
	[[ $output == "tensor-cat (cnntools) "* ]]
	run -2 --separate-stderr tensor-cat --no-such-option
	[[ -z $output && $stderr == "tensor-cat: "* ]]
}

@test "a full disk is a failure" {
	[ -c /dev/full ] || skip "no /dev/full"
	data a 3
	run -1 --separate-stderr bash -c 'tensor-cat a > /dev/full'
	[[ $stderr == "tensor-cat: standard output: "*"No space left"* ]]
	run -1 tensor-cat a -o /dev/full
}

@test "a reader that goes away ends it by SIGPIPE" {
	data a 2000 28 28
	run -141 bash -c 'set -o pipefail; tensor-cat a a a | head -c 10 > /dev/null'
}

@test "binary is not written to a terminal, nor a terminal read" {
	command -v script > /dev/null || skip "no script(1)"
	data a 3
	run -2 script -qec "tensor-cat a" /dev/null
	[[ $output == *"standard output: is a terminal"* ]]
	run -2 script -qec "tensor-cat > out" /dev/null
	[[ $output == *"standard input: is a terminal"* ]]
}
