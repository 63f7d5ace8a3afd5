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

# named FILE FIELD=NAME ...: one black picture of 4 x 5 pixels, whose fields have the
# class of that name (as Python writes it)
named() {
	"$PYTHON" - "$@" <<-'END'
		import sys, msgpack, msgpack_numpy, numpy as np
		f = open(sys.argv[1], "wb")
		def put(item): f.write(msgpack.packb(item, default=msgpack_numpy.encode))
		fields = {"image": {"dtype": "uint8", "shape": [1, 4, 5]}}
		record = {"image": np.zeros((1, 1, 4, 5), "u1")}
		for text in sys.argv[2:]:
		    field, name = text.split("=", 1)
		    name = name.encode("latin1").decode("unicode_escape")
		    fields[field] = {"dtype": "uint8", "shape": [], "classes": ["-", name]}
		    record[field] = np.ones(1, "u1")
		put({"tensor-stream": 1, "kind": "data", "fields": fields})
		put(record)
		put({"end": {}})
	END
}

# art FILE: a grey PNG, "#" for white, "." for grey and " " for black
art() {
	tensor-cat --to idx "$1" | perl -0777 -ne 'my (undef, undef, $h, $w) = unpack("N4");
		my @p = unpack("C*", substr($_, 16));
		for my $y (0 .. $h - 1) {
			print map({ $_ > 200 ? "#" : $_ > 20 ? "." : " " } @p[$y * $w .. ($y + 1) * $w - 1]), "\n";
		}'
}

@test "--png: the label is written above the image" {
	need_python msgpack_numpy
	named x label=4g
	tensor-view --png x.png x
	art x.png | diff - <(sed 's/^	*//; s/|$//' <<-'END'
		................|
		....#...........|
		...##...........|
		..#.#...####....|
		.#..#..#...#....|
		.#####.#...#....|
		....#...####....|
		....#......#....|
		........###.....|
		................|
		     ...........|
		     ...........|
		     ...........|
		     ...........|
	END
	)
	tensor-view --scale 8 --png x8.png x
	art x8.png | awk 'NR <= 20 && NR % 2' | sed 's/\(.\)./\1/g; s/^ //' | cut -c 1-16 |
		diff - <(art x.png | head -n 10)
	# Each row of a sheet has captions, and room for the widest.
	data a 4
	tensor-view --png a.png a
	tensor-cat a.png | stat_of image.shape - | grep -x 1x30x22
}

@test "--png: label > class, with the names of the classes" {
	need_python msgpack_numpy
	named both label=cat class=dog
	named same label='cat > dog'
	tensor-view --png - both > both.png
	tensor-view --png - same | cmp - both.png
	named only class=dog
	named same label='> dog'
	tensor-view --png - only > only.png
	tensor-view --png - same | cmp - only.png
	named other word=cat class=dog
	tensor-view --label word --png - other | cmp - both.png
	tensor-view --label none --png - other | cmp - only.png
	named long label=123456789012345678901234567890 class=123456789012345678901234
	named same label=1234567890123456789012.. class=123456789012345678901234
	tensor-view --png - long > long.png
	tensor-view --png - same | cmp - long.png
}

@test "any name can be shown, and is drawn in ASCII" {
	need_python msgpack_numpy
	# One for each character, and for each byte of a control character
	for pair in 'd\x1bg d?g' 'd\ng d?g' 'd\x9bg d??g' 'd\u202eg d???g' 'd\xe9g d?g' 'd\u20acg d?g'; do
		named x "label=${pair% *}"
		named same "label=${pair#* }"
		tensor-view --png x.png x
		tensor-view --png - same | cmp - x.png || { echo "$pair"; false; }
	done
	named x 'label=d\u202eg' 'class=\x9b1m'
	[ "$(tensor-view x | head -n 1)" = "0: d???g -> ??1m" ]
}

@test "--png: no two characters look the same, and only the blank is blank" {
	need_python msgpack_numpy
	"$PYTHON" - <<-'END'
		import msgpack, msgpack_numpy, numpy as np
		f = open("x", "wb")
		def put(item): f.write(msgpack.packb(item, default=msgpack_numpy.encode))
		names = [chr(c) for c in range(32, 127)]
		put({"tensor-stream": 1, "kind": "data", "fields": {
		    "image": {"dtype": "uint8", "shape": [4, 5]},
		    "label": {"dtype": "uint8", "shape": [], "classes": names}}})
		put({"image": np.zeros((95, 4, 5), "u1"), "label": np.arange(95, dtype="u1")})
		put({"end": {}})
	END
	tensor-view -n 95 -c 1 --png - x | art - |
		awk 'NR % 16 == 1 { if (NR > 1) print all; all = "" }
			(NR - 1) % 16 < 10 { all = all "|" $0 } END { print all }' > characters
	[ "$(sort -u characters | wc -l)" = 95 ]
	[ "$(grep -c '#' characters)" = 94 ]
	run -1 grep '#' <(head -n 1 characters)
}

@test "--png --scale magnifies each pixel" {
	images i 4 4 5
	tensor-view -n 4 -c 2 --png one.png i
	tensor-view -n 4 -c 2 --png three.png --scale 3 i
	tensor-cat three.png | stat_of image.shape - | grep -x 1x26x32
	tensor-cat --to idx one.png > one
	tensor-cat --to idx three.png > three
	perl -0777 -e 'sub load { open my $f, "<", $_[0]; my $d = <$f>; [unpack("C*", substr($d, 16))] }
		my ($one, $three) = map { load($_) } @ARGV;
		for my $y (0 .. 25) {
			for my $x (0 .. 31) {
				my ($r, $c) = (int($y / 14), int($x / 17));
				my ($v, $u) = ($y - 14 * $r, $x - 17 * $c);
				my $want = $v >= 12 || $u >= 15 ? 64 :
					$one->[(6 * $r + int($v / 3)) * 12 + 7 * $c + int($u / 3)];
				$three->[$y * 32 + $x] == $want or die "$y $x\n";
			}
		}' one three
}

@test "--scale: misuse, and a sheet that is too large" {
	images i 4 28 28
	for scale in 0 65 x ''; do
		run -2 tensor-view --png out.png --scale "$scale" i
	done
	run -2 --separate-stderr tensor-view --scale 2 i
	[[ $stderr == "tensor-view: --scale applies only to --png"* ]]
	images many 40 28 28
	run -2 --separate-stderr tensor-view --png out.png -n 40 -c 40 --scale 64 many
	[[ $stderr == "tensor-view: --png: the sheet would be too large, 71758 x 1792 pixels: "* ]]
	run -2 --separate-stderr tensor-view --png out.png -n 40 -c 1 --scale 64 many
	[[ $stderr == *"too large, 1792 x 71758 pixels"* ]]
	images large 2 900 1000
	run -2 --separate-stderr tensor-view --png out.png --scale 32 -n 2 -c 2 large
	[[ $stderr == *"too large, 64002 x 28800 pixels"* ]]
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
