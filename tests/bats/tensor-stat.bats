#!/usr/bin/env bats
# tensor-stat: what a stream holds.

bats_require_minimum_version 1.5.0

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
}

# floats FILE VALUE...: a field f of float64
floats() {
	perl -e 'print pack("N2 (d>)*", 0xE01, scalar @ARGV, @ARGV)' -- "${@:2}" > f.idx
	tensor-cat --field f=f.idx -o "$1"
}

@test "counts, ranges and classes of a data set" {
	data a 25
	[ "$(stat_of kind a)" = data ]
	[ "$(stat_of records a)" = 1 ]
	[ "$(stat_of samples a)" = 25 ]
	[ "$(stat_of image.dtype a)" = uint8 ]
	[ "$(stat_of image.shape a)" = 1x4x5 ]
	[ "$(stat_of label.shape a)" = scalar ]
	[ "$(stat_of label.min a)" = 0 ]
	[ "$(stat_of label.max a)" = 9 ]
	[ "$(stat_of label.count.4 a)" = 3 ]
	[ "$(stat_of label.count.5 a)" = 2 ]
	[ -z "$(stat_of label.count.10 a)" ]
	[ "$(stat_of label.count.other a)" = 0 ]
}

@test "means and deviations are right" {
	floats f 1e9 1000000001 1000000002 1000000003
	[ "$(stat_of f.mean f)" = 1e+09 ]            # nine digits are printed
	[ "$(stat_of f.std f)" = 1.11803399 ]        # sqrt(1.25), not lost in 1e9
	floats f -1 0 2.5
	[ "$(stat_of f.mean f)" = 0.5 ]
	[ "$(stat_of f.min f)" = -1 ]
	[ "$(stat_of f.max f)" = 2.5 ]
	data a 251
	awk 'BEGIN { for (i = 0; i < 251; i++) for (p = 0; p < 20; p++) {
			x = (37 * i + p) % 251; n++; s += x; q += x * x }
		printf "%.9g %.9g\n", s / n, sqrt(q / n - (s / n) ^ 2) }' > want
	[ "$(stat_of image.mean a) $(stat_of image.std a)" = "$(cat want)" ]
}

@test "what is no number is counted apart" {
	floats f 1 nan 3 inf -inf
	[ "$(stat_of f.notfinite f)" = 3 ]
	[ "$(stat_of f.mean f)" = 2 ]
	[ "$(stat_of f.max f)" = 3 ]
	floats f nan
	[ -z "$(stat_of f.mean f)" ]
	run -0 tensor-stat --json f
	run -0 tensor-stat f
}

@test "the digest is the content's, however it is cut" {
	data a 100
	tensor-cat --batch 7 a -o b
	[ "$(stat_of records b)" = 15 ]
	[ "$(stat_of digest b)" = "$(stat_of digest a)" ]
	diff <(tensor-stat --tsv a | grep -v ^records) <(tensor-stat --tsv b | grep -v ^records)
	tensor-cat --range 1: a -o c
	[ "$(stat_of digest c)" != "$(stat_of digest a)" ]
	tensor-cat --fields label,image a -o d
	[ "$(stat_of digest d)" != "$(stat_of digest a)" ]
	[[ $(stat_of digest a) =~ ^[0-9a-f]{16}$ ]]
}

@test "every segment has its own lines" {
	data a 3
	data b 4 5 4
	run -0 bash -c 'tensor-stat --tsv a b | grep -E "^(segment|samples|image.shape)"'
	[ "$output" = "segment	1
samples	3
image.shape	1x4x5
segment	2
samples	4
image.shape	1x5x4" ]
	[ "$(tensor-stat a b | grep -c ^segment)" = 2 ]
	[ "$(cat a b | tensor-stat --json | wc -l)" = 2 ]
}

@test "models, scales, classes and meta" {
	need_python msgpack_numpy
	"$PYTHON" - <<-'END'
		import msgpack, msgpack_numpy, numpy as np
		f = open("x", "wb")
		def put(item): f.write(msgpack.packb(item, default=msgpack_numpy.encode))
		put({"tensor-stream": 1, "kind": "data", "fields": {
		    "image": {"dtype": "uint8", "shape": [4], "scale": 0.5, "offset": -1.0},
		    "label": {"dtype": "int16", "shape": [], "classes": ["cat", "d\to\x1bg", "eel"]}},
		    "meta": {"dataset": "pets"}})
		put({"image": np.ones((3, 4), "u1"), "label": np.array([1, -1, 9], "<i2")})
		put({"end": {"records": 1, "samples": 3}})
		put({"tensor-stream": 1, "kind": "model", "fields": {
		    "w": {"dtype": "float32", "shape": [2, 3]}}})
		put({"w": np.full((2, 3), 0.5, "<f4")})
		put({"end": {"records": 1, "samples": 0}})
	END
	tensor-stat --tsv x > t
	grep -qx 'image.scale	0.5' t
	grep -qx 'image.offset	-1' t
	grep -qx 'label.count.1	1' t
	grep -qx 'label.count.9	1' t
	grep -qx 'label.count.other	1' t
	grep -qx 'label.class.1	d\\to\\u001bg' t
	grep -qx 'kind	model' t
	grep -qx 'w.shape	2x3' t
	grep -qx 'w.mean	0.5' t
	run -1 grep -q $'\033' t
	tensor-stat x > people
	run -1 grep -q $'\033' people
	grep -q 'label    0 .* 0  cat' people
	grep -q 'meta  "dataset": "pets"' people
	tensor-stat --json x > j
	"$PYTHON" - <<-'END'
		import json
		d, m = [json.loads(line) for line in open("j")]
		assert d["fields"]["label"]["classes"] == ["cat", "d\to\x1bg", "eel"]
		assert d["fields"]["image"]["scale"] == 0.5 and d["labels"][1] == 1, d
		assert d["meta"] == {"dataset": "pets"} and d["other_labels"] == 1, d
		assert m["kind"] == "model" and "samples" not in m and m["fields"]["w"]["std"] == 0
	END
}

@test "field names are padded by characters, and do not drive a terminal" {
	need_python msgpack_numpy
	"$PYTHON" - <<-'END'
		import msgpack, msgpack_numpy, numpy as np
		f = open("x", "wb")
		def put(item): f.write(msgpack.packb(item, default=msgpack_numpy.encode))
		put({"tensor-stream": 1, "kind": "data", "fields": {
		    name: {"dtype": "uint8", "shape": []} for name in ("größe-数字", "a\u009b\u202e", "short")}})
		put({name: np.zeros(2, "u1") for name in ("größe-数字", "a\u009b\u202e", "short")})
		put({"end": {}})
	END
	run -0 tensor-stat x
	[[ ${lines[1]} == "  field     type      shape "* ]]
	[[ ${lines[2]} == "  größe-数字  uint8     scalar "* ]]
	[[ ${lines[3]} == "  a?????    uint8     scalar "* ]]
	[[ ${lines[4]} == "  short     uint8     scalar "* ]]
	tensor-stat --tsv x | grep -qxF 'a\u009b\u202e.dtype	uint8'
}

@test "JSON is JSON, not finite numbers and all" {
	need_python json
	floats f 1 nan
	data a 5
	tensor-stat --json f a | "$PYTHON" -c '
import json, sys
f, a = [json.loads(line, parse_constant=lambda c: 1/0) for line in sys.stdin]
assert f["fields"]["f"]["notfinite"] == 1 and f["fields"]["f"]["mean"] == 1
assert a["labels"] == [1, 1, 1, 1, 1] and a["history"][0]["tool"] == "tensor-cat"'
}

@test "large numbers: whole where they are, null where they are none" {
	need_python numpy
	"$PYTHON" - <<-'END'
		import numpy as np
		np.save("i.npy", np.array([1234567890123, -9007199254740992]))
		np.save("f.npy", np.array([-1.7e308, 1.7e308]))
		np.save("s.npy", np.array([0, 1e200, 2e200]))
		np.save("e.npy", np.array([0.1, 0.1], "f8"))
	END
	tensor-cat --field i=i.npy > i
	[ "$(stat_of i.max i) $(stat_of i.min i)" = "1234567890123 -9007199254740992" ]
	tensor-cat --field f=f.npy > f
	[ "$(stat_of f.mean f)" = inf ]
	[ "$(stat_of f.std f)" = nan ]
	[ "$(stat_of f.max f)" = 1.7e+308 ] || [ "$(stat_of f.max f)" = 1.6999999999999999e+308 ]
	tensor-cat --field s=s.npy > s
	[ "$(stat_of s.mean s)" = 1e+200 ]
	[ "$(stat_of s.std s)" = inf ] || [ "$(stat_of s.std s)" = nan ]
	tensor-stat f s > people
	grep -q '^  f .* nan$' people
	run -1 grep -e -nan people
	tensor-cat --field e=e.npy > e
	[ "$(stat_of e.max e)" = 0.10000000000000001 ]
	tensor-stat --json i f s | "$PYTHON" -c '
import json, sys
i, f, s = [json.loads(line, parse_constant=lambda c: 1/0)["fields"] for line in sys.stdin]
assert i["i"]["max"] == 1234567890123
assert f["f"]["mean"] is None and f["f"]["std"] is None and s["s"]["std"] is None'
}

@test "a damaged stream is refused" {
	data a 5
	head -c -3 a > bad
	run -1 --separate-stderr tensor-stat bad
	[[ $stderr == "tensor-stat: bad: "* ]]
	run -1 --separate-stderr tensor-stat /dev/null
	[[ $stderr == *"empty file"* ]]
	run -1 tensor-stat absent
}

@test "misuse, and a full disk" {
	data a 5
	run -2 --separate-stderr tensor-stat --tsv --json a
	[[ $stderr == "tensor-stat: --tsv and --json are mutually exclusive"* ]]
	run -2 tensor-stat --nonsense a
	run -0 --separate-stderr tensor-stat --help
	[[ $output == "Usage: tensor-stat"* ]]
	[ -c /dev/full ] || skip "no /dev/full"
	run -1 --separate-stderr bash -c 'tensor-stat a > /dev/full'
	[[ $stderr == *"standard output: can't write: No space left"* ]]
}
