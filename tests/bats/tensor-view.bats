#!/usr/bin/env bats
# tensor-view: pictures in characters, and as a contact sheet.

bats_require_minimum_version 1.5.0

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
}

# picture FILE W HEX...: one grey picture a row of pixels
picture() {
	perl -e 'my ($w, @rows) = @ARGV;
		print pack("N4", 0x803, 1, scalar @rows, $w), map { pack("H*", $_) } @rows' \
		"${@:2}" > "$1"
}

@test "a picture in ASCII: two rows of pixels a line, dark to light" {
	picture i 4 000000ff 0000ffff 0080ffff
	run -0 --separate-stderr tensor-view i
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = "  =@" ] || { printf '%q\n' "${lines[@]}"; false; }
	[ "${lines[2]}" = " =@@" ] || { printf '%q\n' "${lines[@]}"; false; }
	[ "${#lines[@]}" = 3 ]
	[ -z "$stderr" ]
}

@test "captions are the labels" {
	data a 3
	run -0 tensor-view --columns 1 a
	[ "${lines[0]}" = "0: 0" ]
	[ "${lines[3]}" = "1: 1" ]
	[ "${lines[6]}" = "2: 2" ]
}

@test "--count, --columns and the width" {
	data a 30 4 10
	[ "$(tensor-view a | grep -c '^[0-9]*: ')" = 2 ]          # 12 pictures, 6 in 80 columns
	[ "$(tensor-view -n 30 a | grep -c '^[0-9]*: ')" = 5 ]
	[ "$(tensor-view -n 30 -c 3 a | grep -c '^[0-9]*: ')" = 10 ]
	[ "$(tensor-view -n 2 a | grep -c '^[0-9]*: ')" = 1 ]
	[ "$(tensor-view -n 99 a | grep -o '[0-9][0-9]*: [0-9]' | wc -l)" = 30 ]
	[ "$(tensor-view -n 2 a | awk 'NR == 2 { print length }')" = 22 ]
}

@test "pictures wider than the line are shrunk" {
	images i 1 200 300
	tensor-view i > out
	awk 'length > 80 { bad = 1 } END { exit bad || NR > 40 }' out
}

@test "classes are marked where they are wrong" {
	need_python msgpack_numpy
	"$PYTHON" - <<-'END'
		import msgpack, msgpack_numpy, numpy as np
		f = open("x", "wb")
		def put(item): f.write(msgpack.packb(item, default=msgpack_numpy.encode))
		names = ["cat", "d\x1bg"]
		put({"tensor-stream": 1, "kind": "model",
		     "fields": {"w": {"dtype": "float32", "shape": [1]}}})
		put({"w": np.zeros(1, "<f4")})
		put({"end": {}})
		put({"tensor-stream": 1, "kind": "data", "fields": {
		    "image": {"dtype": "float32", "shape": [3, 4, 12]},
		    "label": {"dtype": "int64", "shape": [], "classes": names},
		    "class": {"dtype": "int64", "shape": [], "classes": names}}})
		put({"image": np.random.rand(2, 3, 4, 12).astype("<f4"), "label": np.array([0, 0]),
		     "class": np.array([0, 1])})
		put({"end": {}})
	END
	run -0 tensor-view -c 1 x
	[ "${lines[0]}" = "0: cat -> cat" ]
	[ "${lines[3]}" = "1: cat -> d?g !" ]
	run -0 tensor-view -c 1 --label class x
	[ "${lines[3]}" = "1: d?g -> d?g" ]
	[ "$(tensor-view x | wc -l)" = 3 ]
}

@test "captions are cut and padded by characters, and no name drives a terminal" {
	need_python msgpack_numpy
	"$PYTHON" - <<-'END'
		import msgpack, msgpack_numpy, numpy as np
		f = open("x", "wb")
		def put(item): f.write(msgpack.packb(item, default=msgpack_numpy.encode))
		names = ["äöü" * 30, "a\u009b31m\u202eb", "数字"]
		put({"tensor-stream": 1, "kind": "data", "fields": {
		    "image": {"dtype": "uint8", "shape": [2, 8]},
		    "label": {"dtype": "int64", "shape": [], "classes": names}}})
		put({"image": np.zeros((3, 2, 8), "u1"), "label": np.arange(3)})
		put({"end": {}})
	END
	run -0 tensor-view -c 1 x
	[ "${lines[0]}" = "0: $(printf 'äöü%.0s' {1..20})" ]
	[ "${lines[2]}" = "1: a??31m???b" ]
	[ "${lines[4]}" = "2: 数字" ]
	run -0 tensor-view -c 3 x
	[ "${lines[0]}" = "0: äöüäö  1: a??31  2: 数字" ]
}

@test "colours and half blocks only in a terminal, without NO_COLOR" {
	command -v script > /dev/null || skip "no script(1)"
	picture i 2 00ff ff80
	unset NO_COLOR
	TERM=xterm script -qec "tensor-view i" /dev/null > out
	[ "$(tr -d '\r' < out | tail -n 1)" = \
		$'\033[38;5;16m\033[48;5;231m\xe2\x96\x80\033[38;5;231m\033[48;5;244m\xe2\x96\x80\033[0m' ] ||
		{ cat -v out; false; }
	NO_COLOR=1 TERM=xterm script -qec "tensor-view i" /dev/null > out
	run -1 grep -q $'\033' out
	tensor-view i > out
	run -1 grep -q $'\033' out
}

@test "--png writes a contact sheet" {
	images i 4 4 5
	tensor-view --png out.png -n 4 -c 2 i
	tensor-cat out.png -o s
	[ "$(stat_of image.shape s)" = 1x10x12 ]
	# The third picture's first row is row 6 of the sheet, from column 0 on.
	tensor-cat out.png --to idx | tail -c +17 | tail -c +$((6 * 12 + 1)) | head -c 5 > row
	tail -c +$((16 + 2 * 20 + 1)) i | head -c 5 | cmp - row
	tensor-cat --range :1 --to idx i -o first
	tensor-view --png - -n 1 i | tensor-cat --to idx | cmp - first
	tensor-view --png out.png -n 3 i         # two by two, one place empty
	tensor-cat out.png -o s
	[ "$(stat_of image.shape s)" = 1x10x12 ]
}

@test "--png keeps colour" {
	need_python numpy
	"$PYTHON" -c '
import numpy as np
np.save("x", np.arange(2*3*4*5, dtype="u1").reshape(2, 3, 4, 5))'
	tensor-view -n 1 --png out.png x.npy
	tensor-cat --range :1 x.npy | tensor-cat --to npy -o a
	tensor-cat --to npy out.png | cmp - a
}

@test "what is no picture is refused" {
	labels l 3
	run -1 --separate-stderr tensor-view l
	[[ $stderr == "tensor-view: l: no field image (see --image)" ]]
	run -1 --separate-stderr tensor-view --image label l
	[[ $stderr == *"scalar is not an image"* ]]
	images i 0 4 5
	run -1 --separate-stderr tensor-view i
	[[ $stderr == "tensor-view: no images" ]]
}

@test "a stream is read to its end" {
	data a 2000 28 28
	head -c -3 a > bad
	run -1 --separate-stderr tensor-view -n 1 bad
	[[ $stderr == "tensor-view: bad: "* ]]
	run -0 bash -c 'set -o pipefail; cat a | tensor-view -n 1'
}

@test "misuse, and a full disk" {
	data a 3
	run -2 tensor-view -n 0 a
	run -2 tensor-view --columns x a
	run -0 --separate-stderr tensor-view --help
	[[ $output == "Usage: tensor-view"* ]]
	run -1 tensor-view --png /no/such/folder/x.png a
	[ -c /dev/full ] || skip "no /dev/full"
	run -1 --separate-stderr bash -c 'tensor-view a > /dev/full'
	[[ $stderr == *"No space left"* ]]
}
