#!/usr/bin/env bats
# Operands in foreign formats: IDX, npy, PNG.

bats_require_minimum_version 1.5.0

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
}

# --- IDX -----------------------------------------------------------------------

# idx TYPE PACK VALUE...: a file of one axis
idx() {
	perl -e 'binmode STDOUT; my ($type, $pack) = splice @ARGV, 0, 2;
		print pack("n C C N ($pack)*", 0, hex $type, 1, scalar @ARGV, @ARGV)' "$@"
}

@test "IDX: every type has its values" {
	while read -r type pack name values min max; do
		idx "$type" "$pack" ${values//,/ } > x
		tensor-cat --field f=x -o out
		[ "$(stat_of f.dtype out)" = "$name" ]
		[ "$(stat_of f.min out)" = "$min" ]
		[ "$(stat_of f.max out)" = "$max" ]
		tensor-cat --to idx out | cmp - x
	done <<-END
		08 C uint8 1,200,3 1 200
		09 c int8 1,-100,3 -100 3
		0B s> int16 1,-300,258 -300 258
		0C l> int32 1,-70000,65538 -70000 65538
		0D f> float32 1.5,-2.25,3 -2.25 3
		0E d> float64 1.5,-2.25,1e100 -2.25 1e+100
	END
}

@test "IDX: a header that lies is refused" {
	printf '\0\0\x0a\1\0\0\0\1x' > x
	refused "unknown format"
	printf '\0\0\x08\x09%036d' 0 > x
	refused "9 axes"
	printf '\0\0\x08\3\0\0\0\1\xff\xff\xff\xff\xff\xff\xff\xff' > x
	refused "larger than"
	printf '\0\0\x08\2\0\0\0\2\0\0\0\0' > x
	refused "no elements"
	printf '\0\0\x08\2\0\0\0\2\0' > x
	refused "truncated"
}

@test "IDX: a little-endian file is recognised" {
	local big="an IDX file with a little-endian header: the numbers of IDX files are big-endian (numpy: '>i4')"

	perl -e 'print pack("L<4 C*", 0x803, 2, 3, 4, 1 .. 24)' > x
	refused "$big"
	perl -e 'print pack("L<2 C*", 0x801, 60000, (1) x 60000)' > x
	refused "$big"
	# only the axes are
	perl -e 'print pack("N L<3 C*", 0x803, 2, 3, 4, 1 .. 24)' > x
	refused "$big"
	perl -e 'print pack("N L< C*", 0x801, 60000, (1) x 60000)' > x
	refused "$big"
	perl -e 'print pack("N L<2 L<*", 0xc02, 2, 3, 1 .. 6)' > x
	refused "$big"
	# other files that begin so are not IDX, or are truncated
	perl -e 'print pack("L<4 C*", 0x803, 2, 0x1000000, 4, 1 .. 24)' > x
	refused "unknown format"
	perl -e 'print pack("L<4 C*", 0x809, 2, 3, 4, 1 .. 24)' > x
	refused "unknown format"
	perl -e 'print pack("N L< C*", 0x801, 60000, (1) x 60001)' > x
	refused "truncated"
}

@test "IDX: too few and too many bytes are refused" {
	images x 3 4 5
	truncate -s -1 x
	refused "truncated"
	images x 3 4 5
	echo >> x
	refused "unexpected bytes"
	images x 0 4 5
	echo >> x
	refused "unexpected bytes"
}

@test "IDX: a size that is not there allocates nothing" {
	printf '\0\0\x08\2\x7f\xff\xff\xff\3\0\0\0' > x    # 2^31 samples of 48 MiB
	(ulimit -v 400000; tensor-cat --version) || skip "no tool runs in 400 MB"
	run -1 --separate-stderr bash -c \
		'ulimit -v 400000; tensor-cat --field f=x > out'
	[[ $stderr == *"truncated"* ]]
}

@test "IDX: no samples are a data set of none" {
	images i 0 4 5
	labels l 0
	tensor-cat i l -o out
	[ "$(stat_of samples out)" = 0 ]
	[ "$(stat_of image.shape out)" = 1x4x5 ]
}

# --- npy -----------------------------------------------------------------------

# npy DICT [BYTES]: a file of version 1 with that header as it stands
npy() {
	perl -e 'binmode STDOUT; my ($dict, $data) = @ARGV;
		print "\x93NUMPY\1\0", pack("v", length $dict), $dict, $data' "$1" "$2" > x
}

@test "npy: every type and order has numpy's values" {
	need_python numpy
	for type in '|u1' '|i1' '<i2' '>i2' '<i4' '>i4' '<i8' '>i8' '<f2' '>f2' \
	    '<f4' '>f4' '<f8' '>f8' '|b1'; do
		"$PYTHON" - "$type" <<-'END'
			import sys, numpy as np
			t = np.dtype(sys.argv[1])
			a = np.array([[1, 0, 3], [100, 5, 6]], dtype="f8").astype(t)
			np.save("x", a, allow_pickle=False)
			np.save("want", a.astype(t.newbyteorder("<")), allow_pickle=False)
		END
		tensor-cat --field f=x.npy -o out
		tensor-cat --to npy out -o back
		cmp back want.npy
	done
}

@test "npy: versions 2 and 3 are read" {
	need_python numpy
	for version in 2 3; do
		"$PYTHON" - $version <<-'END'
			import sys, numpy as np
			a = np.arange(6, dtype="<f4").reshape(2, 3)
			with open("x", "wb") as f:
			    np.lib.format.write_array(f, a, (int(sys.argv[1]), 0))
			np.save("want", a)
		END
		tensor-cat --field f=x | tensor-cat --to npy | cmp - want.npy
	done
}

@test "npy: a type is spelled as numpy takes it" {
	need_python numpy
	local count=0

	"$PYTHON" - > spellings <<-'END'
		import numpy as np
		names = "uint8 ubyte uint16 uint32 uint64 int8 byte int16 short int32 int64 " \
		    "float16 half float32 single float64 double bool"
		codes = "u1 u2 u4 u8 i1 i2 i4 i8 f2 f4 f8 b1 B H I Q b h i q e f d ?"
		for s in names.split() + [o + c for o in ("", "<", ">", "=", "|") for c in codes.split()]:
		    print(s)
	END
	while read -r spelling; do
		"$PYTHON" - "$spelling" <<-'END'
			import sys, numpy as np
			t = np.dtype(sys.argv[1])
			a = np.array([0, 1, 100], dtype="f8").astype(t)
			head = "{'descr': '%s', 'fortran_order': False, 'shape': (3,), }" % sys.argv[1]
			open("x", "wb").write(b"\x93NUMPY\1\0" + bytes([len(head), 0]) + head.encode() + a.tobytes())
			wide = {"u2": "<i4", "u4": "<i8", "u8": "<i8"}.get(t.str[1:], t.newbyteorder("<"))
			np.save("want", a.astype(wide), allow_pickle=False)
		END
		tensor-cat --field f=x | tensor-cat --to npy | cmp - want.npy
		count=$((count + 1))
	done < spellings
	[ "$count" = 138 ]
}

@test "npy: unsigned integers keep their values" {
	need_python numpy
	for order in '<' '>'; do
		"$PYTHON" - $order <<-'END'
			import sys, numpy as np
			for name, wide, top in (("u2", "<i4", 2**16), ("u4", "<i8", 2**32), ("u8", "<i8", 2**63)):
			    a = np.array([[0, 1, 255], [256, top - 1, top // 2]], dtype=sys.argv[1] + name)
			    np.save(name, a)
			    np.save(name + "F", np.asfortranarray(a))
			    np.save("want-" + name, a.astype(wide))
			np.save("x", np.array([[1, 2], [3, 2**63]], dtype=sys.argv[1] + "u8"))
		END
		for type in u2 u4 u8; do
			for suffix in "" F; do
				tensor-cat --field f=$type$suffix.npy | tensor-cat --to npy |
					cmp - want-$type.npy
			done
		done
		mv x.npy x
		refused "sample 1: a value is above the highest of int64"
	done
}

@test "npy: Fortran order has the values of C order" {
	need_python numpy
	local count=0

	"$PYTHON" - <<-'END'
		import numpy as np
		shapes = ((2, 3), (3, 2), (5, 1, 7), (4, 3, 2, 2), (7, 2, 1, 3, 2), (1, 2, 3), (2,) * 8,
		          (100, 300, 20))
		for i, shape in enumerate(shapes):
		    for type in ("<u1", "<i2", ">i4", "<f8", ">f8"):
		        a = np.arange(np.prod(shape)).astype(type).reshape(shape)
		        name = "%d%s" % (i, type[1:] + "lb"[type[0] == ">"])
		        np.save(name + ".f", np.asfortranarray(a))
		        np.save(name + ".c", a)
	END
	for f in *.f.npy; do
		grep -aq "'fortran_order': True" "$f"
		tensor-cat --field f="$f" | tensor-cat --to npy > got
		tensor-cat --field f="${f/.f/.c}" | tensor-cat --to npy | cmp - got
		gzip -c "$f" > x.gz
		tensor-cat --field f=x.gz | tensor-cat --to npy | cmp - got
		count=$((count + 1))
	done
	[ "$count" = 40 ]
	"$PYTHON" -c 'import numpy as np
i = np.arange(60, dtype="u1").reshape(3, 4, 5)
np.savez("a", image=np.asfortranarray(i), label=[1, 2, 3])
np.savez("b", image=i, label=[1, 2, 3])'
	tensor-cat -o want b.npz
	tensor-cat a.npz | cmp - want
}

@test "npy: Fortran order needs as much memory as there are bytes" {
	npy "{'descr': '<f4', 'fortran_order': True, 'shape': (100000000, 1000), }" 12345678
	(ulimit -v 400000; tensor-cat --version) || skip "no tool runs in 400 MB"
	run -1 --separate-stderr bash -c 'ulimit -v 400000; tensor-cat --field f=x > out'
	[[ $stderr == "tensor-cat: x: truncated at byte "* ]]
	cp x big
	truncate -s 600000000 big
	run -1 --separate-stderr bash -c 'ulimit -v 400000; tensor-cat --field f=big > out'
	[[ $stderr == "tensor-cat: big: out of memory: an array in Fortran order must fit in memory (381469 MiB); save it with numpy.ascontiguousarray()" ]]
	rm out
	gzip -1 < big > x
	rm big
	refused "unpacks to more than 100 times its size"
	npy "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }" 12345678901234567
	refused "unexpected bytes after the array"
	npy "{'descr': '<f4', 'fortran_order': True, 'shape': (0, 2), }" 1
	refused "unexpected bytes after the array"
}

@test "npy: other types are refused by name" {
	for type in '<c8' '<V2' '<M8[s]' '|S3' '<f16' '' '~f4' '<' '<float32' 'F4' 'l' int \
	    ' f4' 'f4 ' '>>f4'; do
		npy "{'descr': '$type', 'fortran_order': False, 'shape': (2,), }
" 12345678
		refused "type '$type' is not supported"
	done
	npy "{'descr': 'O', 'fortran_order': False, 'shape': (2,), }
" 12345678
	refused "pickle"
	npy "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }
" 12345678
	refused "pickle"
	npy "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }
" 12345678
	refused "structured types are not supported"
}

@test "npy: Fortran order along one axis is C order; blanks may end a header" {
	npy "{'descr': '|u1', 'fortran_order': True, 'shape': (3,), }" "$(printf '\1\2\3')"
	tensor-cat --field f=x > got
	[ "$(stat_of f.shape got) $(stat_of f.max got)" = "scalar 3" ]
	npy "{'descr': '|u1', 'fortran_order': True, 'shape': (1, 3, 1), }" "$(printf '\1\2\3')"
	tensor-cat --field f=x > got
	[ "$(stat_of f.shape got) $(stat_of f.max got)" = "3x1 3" ]
	for end in '' $'\n' $'\t\n' $'\n\n'; do
		npy "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }$end" "$(printf '\1\2\3')"
		tensor-cat --field f=x > got
	done
	npy "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), } x" "$(printf '\1\2\3')"
	refused "unexpected data after the dictionary"
}

@test "npy: white space may stand between all parts of a header" {
	local s=$' \t\r\n\f'

	npy "${s}{$s'descr'$s:$s'|u1'$s,$s'fortran_order'$s:${s}False$s,$s'shape'$s:$s(${s}1${s},${s}2$s,$s)$s,$s}$s" 12
	tensor-cat --field f=x > got
	[ "$(stat_of f.shape got) $(stat_of f.max got)" = "2 50" ]
	npy "{'descr': '|u1', 'fortran_order': False, 'shape': (1,"$'\v'"2)}" 12
	refused "npy header: "
}

@test "npy: a header is parsed, not evaluated" {
	local head="{'descr': '|u1', 'fortran_order': False, 'shape':"

	npy "$head (2,), }
" 12
	tensor-cat --field f=x -o ok
	[ "$(stat_of samples ok)" = 2 ]
	for shape in '(2)' '2,' '[2]' '(-2,)' '(2.0,)' '(1+1,)' '(2 2,)' '(,)' '()' \
	    '(99999999999999999999,)' '(1,1,1,1,1,1,1,1,2)' '(0x2,)' 'exit()'; do
		npy "$head $shape, }
" 12
		refused "npy header: "
	done
	for dict in '' '{' "{'descr': '|u1'}" "$head (2,), 'x': 1}" \
	    "$head (2,), 'shape': (2,)}" "$head (2,)} x" "$head (2,)" \
	    "{'descr': '|u1' 'fortran_order': False, 'shape': (2,)}" \
	    "{'descr': '|u1', 'fortran_order': 0, 'shape': (2,)}" \
	    "{'descr': '|\\x751', 'fortran_order': False, 'shape': (2,)}"; do
		npy "$dict
" 12
		refused "npy header: "
	done
}

@test "npy: other versions, and headers longer than the file, are refused" {
	printf '\x93NUMPY\4\0\x02\0{}' > x
	refused "not an npy file of version"
	printf '\x93NUMPY\1\1\x02\0{}' > x
	refused "not an npy file of version"
	printf '\x93NUMPY\2\0\xff\xff\xff\x7f{}' > x
	refused "too long"
	printf '\x93NUMPY\1\0\xff\x7f{}' > x
	refused "truncated"
}

@test "npy: too few and too many elements are refused" {
	local head="{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }
"

	npy "$head" 123
	refused "truncated"
	npy "$head" 12345
	refused "unexpected bytes"
}

# --- PNG -----------------------------------------------------------------------

# png NAME COLOUR DEPTH [CHUNK...]: a 3 x 2 PNG whose raw rows come from standard
# input in hexadecimal; a chunk is TYPE=HEX, put before the pixels.
png() {
	"$PYTHON" -c '
import struct, sys, zlib
def chunk(t, d):
    return struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
name, colour, depth = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rows = [b"\0" + bytes.fromhex(r) for r in sys.stdin.read().split()]
out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, depth, colour, 0, 0, 0))
for c in sys.argv[4:]:
    t, d = c.split("=")
    out += chunk(t.encode(), bytes.fromhex(d))
out += chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")
open(name, "wb").write(out)' "$@"
}

# bytes FILE: the pixels that tensor-cat reads from a PNG, in hexadecimal
pixels() {
	tensor-cat "$1" | tensor-cat --to npy | tail -c +129 | od -An -v -tx1 |
		tr -d ' \n'
}

@test "PNG: grey of 8, 1 and 16 bits" {
	need_python zlib
	png x 0 8 <<< "0010ff 7f8001"
	[ "$(pixels x)" = 0010ff7f8001 ]
	png x 0 1 <<< "a0 40"
	[ "$(pixels x)" = ff00ff00ff00 ]
	png x 0 16 <<< "000010ffffff 7f8080800101"
	[ "$(pixels x)" = 0011ff7f8001 ]
	tensor-cat x -o out
	[ "$(stat_of image.shape out)" = 1x2x3 ]
}

@test "PNG: RGB and palettes are three planes" {
	need_python zlib
	png x 2 8 <<< "010203040506070809 111213141516171819"
	[ "$(pixels x)" = 010407111417020508121518030609131619 ]
	png x 3 8 PLTE=0102030405060a0b0c <<< "000102 020100"
	[ "$(pixels x)" = 01040a0a040102050b0b050203060c0c0603 ]
	tensor-cat x -o out
	[ "$(stat_of image.shape out)" = 3x2x3 ]
}

@test "PNG: a palette of greys is one plane" {
	need_python zlib
	png x 3 8 PLTE=0101017f7f7ffefefe <<< "000102 020100"
	[ "$(pixels x)" = 017ffefe7f01 ]
	tensor-cat x -o out
	[ "$(stat_of image.shape out)" = 1x2x3 ]
	rm out
	png x 3 1 PLTE=000000ffffff <<< "a0 40"
	[ "$(pixels x)" = ff00ff00ff00 ]
	# transparency that no pixel has
	png x 3 8 PLTE=0101017f7f7ffefefe tRNS=ffff00 <<< "000101 010100"
	[ "$(pixels x)" = 017f7f7f7f01 ]
	png x 3 8 PLTE=0101017f7f7ffefefe tRNS=ffff00 <<< "000102 010100"
	refused "transparent"
	# one colour, even an unused one, makes it a coloured picture
	png x 3 8 PLTE=0101017f7f7ffefeff <<< "000101 010100"
	tensor-cat x -o out
	[ "$(stat_of image.shape out)" = 3x2x3 ]
}

@test "PNG: alpha is dropped if opaque, else the picture refused" {
	need_python zlib
	png x 4 8 <<< "01ff02ff03ff 04ff05ff06ff"
	[ "$(pixels x)" = 010203040506 ]
	png x 4 8 <<< "01ff02ff03ff 04ff05fe06ff"
	refused "transparent"
	png x 6 8 <<< "010203ff040506ff070809ff 111213ff141516ff171819ff"
	[ "$(pixels x)" = 010407111417020508121518030609131619 ]
	png x 3 8 PLTE=010203040506 tRNS=ff00 <<< "000100 000000"
	refused "transparent"
	png x 0 8 tRNS=0005 <<< "000102 030405"
	refused "transparent"
}

@test "PNG: what tensor-cat writes it reads" {
	images i 1 28 28
	tensor-cat i --to png -o x.png
	tensor-cat x.png --to idx | cmp - i
}

@test "PNG: interlaced ones" {
	need_python zlib
	images i 1 13 11
	"$PYTHON" - <<-'END'
		import struct, zlib
		def chunk(t, d):
		    return struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
		pixels = open("i", "rb").read()[16:]
		raw = b""
		for y0, x0, dy, dx in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4),
		                       (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)):
		    for y in range(y0, 13, dy):
		        raw += b"\0" + bytes(pixels[y * 11 + x] for x in range(x0, 11, dx))
		open("x", "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR",
		    struct.pack(">IIBBBBB", 11, 13, 8, 0, 0, 0, 1)) +
		    chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))
	END
	tensor-cat x --to idx | cmp - i
}

@test "PNG: what libpng warns of is a warning, given once" {
	need_python zlib
	png x 0 8 <<< "0010ff 7f8001"
	tensor-cat --to npy x > want
	png x 0 8 <<< "0010ff 7f8001 112233"
	run -0 --separate-stderr tensor-cat --to npy -o got x
	cmp got want
	[ "$stderr" = "tensor-cat: warning: x: IDAT: Too much image data" ]
	run -0 --separate-stderr tensor-cat -q --to npy -o got x
	[ "$stderr" = "" ]
	# a wrong checksum of a chunk that is not needed
	png x 0 8 tEXt=4100 <<< "0010ff 7f8001"
	perl -pi -e 'BEGIN { $/ = undef } s/(tEXtA\0)./$1\x55/s' x
	run -0 --separate-stderr tensor-cat --to npy -o got x
	cmp got want
	[ "$stderr" = "tensor-cat: warning: x: tEXt: CRC error" ]
	# operands beyond the 64th are opened twice
	for n in {10..79}; do cp x $n.png; done
	run -0 --separate-stderr tensor-cat -v -o got ??.png
	[ "$(stat_of samples got)" = 70 ]
	[ "$(grep -c "CRC error" <<< "$stderr")" = 70 ]
}

@test "PNG: bytes after its end are a warning" {
	images i 1 28 28
	tensor-cat i --to png -o good
	{ cat good; echo; } > x
	run -0 --separate-stderr tensor-cat --to idx -o out x
	cmp out i
	[ "$stderr" = "tensor-cat: warning: x: bytes after the picture are ignored (1)" ]
	{ cat good; head -c 100000 /dev/zero; } | gzip > x.gz
	run -0 --separate-stderr tensor-cat --to idx -o out x.gz
	cmp out i
	[[ $stderr == *"x.gz: bytes after the picture are ignored (100000)" ]]
	# the checksum is verified all the same
	rm out
	perl -pe 'BEGIN { $/ = undef } substr($_, -8, 1) ^= "\1"' x.gz > x
	refused ""
}

@test "PNG: damage and early ends are refused" {
	images i 1 28 28
	tensor-cat i --to png -o good
	head -c 100 good > x
	refused "truncated"
	head -c -1 good > x
	refused "truncated"
	perl -pe 'BEGIN { $/ = undef } substr($_, 60, 1) ^= "\1"' good > x
	refused ""
}

@test "PNG: a picture larger than can be carried is refused at its head" {
	need_python zlib
	"$PYTHON" - <<-'END'
		import struct, zlib
		def chunk(t, d):
		    return struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
		open("x", "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR",
		    struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)) +
		    chunk(b"IDAT", b"") + chunk(b"IEND", b""))
	END
	refused "larger than 64 MiB"
}
