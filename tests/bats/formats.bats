#!/usr/bin/env bats
# What an operand may be: IDX, npy, PNG, and archives of these.

bats_require_minimum_version 1.5.0

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
}

# refused TEXT: what tensor-cat says of the file `x`, read as field f; nothing
# may come out.
refused() {
	run -1 --separate-stderr tensor-cat --field f=x -o out
	[[ $stderr == "tensor-cat: x"*"$1"* ]] || { echo "$stderr"; false; }
	[ ! -e out ]
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
	refused "in no known format"
	printf '\0\0\x08\x09%036d' 0 > x
	refused "9 axes"
	printf '\0\0\x08\3\0\0\0\1\xff\xff\xff\xff\xff\xff\xff\xff' > x
	refused "larger than"
	printf '\0\0\x08\2\0\0\0\2\0\0\0\0' > x
	refused "no elements"
	printf '\0\0\x08\2\0\0\0\2\0' > x
	refused "ends early"
}

@test "IDX: too few and too many bytes are refused" {
	images x 3 4 5
	truncate -s -1 x
	refused "ends early"
	images x 3 4 5
	echo >> x
	refused "bytes follow"
	images x 0 4 5
	echo >> x
	refused "bytes follow"
}

@test "IDX: a size that is not there allocates nothing" {
	printf '\0\0\x08\2\x7f\xff\xff\xff\3\0\0\0' > x    # 2^31 samples of 48 MiB
	(ulimit -v 400000; tensor-cat --version) || skip "no tool runs in 400 MB"
	run -1 --separate-stderr bash -c \
		'ulimit -v 400000; tensor-cat --field f=x > out'
	[[ $stderr == *"ends early"* ]]
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

@test "npy: Fortran order and other types are refused by name" {
	npy "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1), }
" 12345678
	refused "Fortran"
	for type in '<u2' '<u4' '<c8' '<V2' '<M8[s]' '|S3' '<f16' 'f4' '|f4' '' '~f4'; do
		npy "{'descr': '$type', 'fortran_order': False, 'shape': (2,), }
" 12345678
		refused "type '$type' is not taken"
	done
	npy "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }
" 12345678
	refused "pickle"
	npy "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }
" 12345678
	refused "fields are not taken"
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
	npy "$head (2,), }" 12           # no newline
	refused "npy header: "
}

@test "npy: other versions, and headers longer than the file, are refused" {
	printf '\x93NUMPY\4\0\x02\0{}' > x
	refused "no npy file of version"
	printf '\x93NUMPY\1\1\x02\0{}' > x
	refused "no npy file of version"
	printf '\x93NUMPY\2\0\xff\xff\xff\x7f{}' > x
	refused "too long"
	printf '\x93NUMPY\1\0\xff\x7f{}' > x
	refused "ends early"
}

@test "npy: too few and too many elements are refused" {
	local head="{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }
"

	npy "$head" 123
	refused "ends early"
	npy "$head" 12345
	refused "bytes follow"
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

@test "PNG: damage, early ends and bytes behind are refused" {
	images i 1 28 28
	tensor-cat i --to png -o good
	head -c 100 good > x
	refused "ends early"
	head -c -1 good > x
	refused "ends early"
	{ cat good; echo; } > x
	refused "bytes follow"
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

# --- archives ------------------------------------------------------------------

two() {
	mkdir -p in/sub
	images in/a.idx 30 4 5
	labels in/sub/b.idx 30
	tensor-cat in/a.idx in/sub/b.idx -o want
}

@test "compressed files are read as what they hold" {
	two
	for tool in gzip xz zstd bzip2 lz4; do
		command -v $tool > /dev/null || continue
		$tool -c < in/a.idx > a
		$tool -c < in/sub/b.idx > b
		$tool -c < want > stream
		tensor-cat a b | cmp - want
		tensor-cat stream | cmp - want
		cat a | tensor-cat - b | cmp - want
	done
}

@test "members of an archive are operands" {
	two
	tar cf x.tar -C in a.idx sub/b.idx
	tensor-cat x.tar | cmp - want
	gzip -c x.tar | tensor-cat | cmp - want
	gzip in/sub/b.idx
	tar czf x.tgz -C in a.idx sub/b.idx.gz
	tensor-cat x.tgz | cmp - want
	if command -v zip > /dev/null; then
		(cd in && zip -qr ../x.zip a.idx sub/b.idx.gz)
		tensor-cat x.zip | cmp - want
		cat x.zip | tensor-cat | cmp - want
	fi
}

@test "an archive may hold streams, and stand beside other operands" {
	two
	data other 7
	tar cf x.tar want other
	cat want other want > all
	tensor-cat x.tar want | cmp - all
}

@test "npz: members are fields of their name" {
	need_python numpy
	"$PYTHON" - <<-'END'
		import numpy as np
		a = np.arange(2*3*4, dtype="u1").reshape(2, 3, 4)
		np.savez("x.npz", image=a, label=np.arange(2), score=a.reshape(2, 12) / 2)
		np.savez_compressed("y.npz", image=a, label=np.arange(2), score=a.reshape(2, 12) / 2)
	END
	tensor-cat x.npz -o x
	tensor-cat y.npz | cmp - x
	[ "$(stat_of image.shape x)" = 1x3x4 ]
	[ "$(stat_of label.dtype x)" = int64 ]
	[ "$(stat_of score.shape x)" = 12 ]
	[ "$(stat_of score.max x)" = 11.5 ]
}

@test "gzip: a wrong checksum, a cut and bytes behind are refused" {
	labels l 1000
	gzip -nc l > good
	perl -pe 'BEGIN { $/ = undef } substr($_, -7, 1) ^= "\1"' good > x
	refused "incorrect data check"
	head -c -3 good > x
	refused "end early"
	{ cat good; echo garbage; } > x
	refused "bytes follow the gzip data"
	head -c 500 l | gzip -nc > x
	tail -c +501 l | gzip -nc >> x           # two members make one file
	tensor-cat x | tensor-cat --to idx | cmp - l
}

@test "a cut archive is refused, and names the archive" {
	two
	head -c 100000 /dev/urandom > in/z
	tar cJf x -C in a.idx sub/b.idx z
	truncate -s -100 x
	run -1 --separate-stderr tensor-cat x -o out
	[[ $stderr == "tensor-cat: x"* ]]
	[ ! -e out ]
	tar cf x -C in a.idx
	truncate -s 600 x
	run -1 --separate-stderr tensor-cat x -o out
	[[ $stderr == "tensor-cat: x"* ]]
}

@test "names that lead out of the archive are refused" {
	two
	tar cf x --transform 's,^,../,' -P -C in a.idx
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == *"x:../a.idx: the member's name leads out"* ]]
	tar cPf x "$PWD/in/a.idx"
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == *"leads out"* ]]
	tar cf x --transform 's,^,a/../,' -P -C in a.idx
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == *"leads out"* ]]
	tar cf x --transform 's,^,a..b/..c/,' -P -C in a.idx    # this one does not
	tensor-cat x | tensor-cat --to idx | cmp - in/a.idx
}

@test "links, folders and hidden files in an archive are passed over" {
	two
	ln -s /etc/passwd in/link
	ln in/a.idx in/zlink
	echo junk > in/.DS_Store
	tar cf x -C in .DS_Store a.idx link sub zlink
	tensor-cat x | cmp - want
}

@test "devices, FIFOs and links with another's contents are passed over" {
	two
	tar cf good -C in a.idx
	# The same member, with its bytes, as each kind of thing but a file.
	for type in 1 2 3 4 5 6; do
		perl -0777 -pe 'BEGIN { $t = shift }
			substr($_, 156, 1) = $t;
			substr($_, 157, 11) = "/etc/passwd" if $t =~ /[12]/;
			substr($_, 329, 16) = "0000001\0000005\0" if $t =~ /[34]/;
			substr($_, 124, 12) = "00000000000\0";
			substr($_, 148, 8) = " " x 8;
			substr($_, 148, 8) = sprintf "%06o\0 ", unpack "%32C*", substr $_, 0, 512;
			$_ = substr $_, 0, 512' $type good > bad
		cat bad good > x
		tar tvf x > listed 2> said      # tar takes it for one
		[ "$(cut -c1 listed | head -n 1)" = "$(printf %s hlcbdp | cut -c $type)" ]
		tensor-cat x | tensor-cat --to idx | cmp - in/a.idx
		{ cat bad; head -c 1024 /dev/zero; } > x
		run -1 --separate-stderr tensor-cat x
		[[ $stderr == "tensor-cat: x: an archive that holds no file" ]]
	done
}

@test "what else an archive may hold is an error, not silence" {
	two
	echo hello > in/README
	tar cf x -C in a.idx README
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == "tensor-cat: x:README: in no known format"* ]]
	mkdir empty
	tar cf x empty
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == "tensor-cat: x: an archive that holds no file" ]]
	tar cf inner -C in a.idx
	tar cf middle inner
	tensor-cat middle | tensor-cat --to idx | cmp - in/a.idx
	tar cf x middle
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == *"an archive in an archive in an archive"* ]]
}

@test "a bomb in an archive is refused while it unpacks" {
	perl -e 'print pack("N4", 0x803, 400000, 28, 28)' > head
	{ cat head; head -c $((400000 * 784)) /dev/zero; } > bomb
	echo > other
	tar cf - bomb other | gzip -1 > x
	rm bomb
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == *"unpacks to more than 100 times its size"* ]]
}

# --- operands ------------------------------------------------------------------

@test "pairs of arrays are joined, in whatever order" {
	images i 9 4 5
	labels l 9
	tensor-cat i l -o a
	tensor-cat l i -o b
	[ "$(stat_of samples a)" = 9 ]
	tensor-cat --fields image,label b | tensor-stat --tsv | grep -v history > b.tsv
	tensor-stat --tsv a | grep -v history | cmp - b.tsv
	tensor-cat i l i l -o c
	[ "$(tensor-stat --tsv c | grep -c '^segment')" = 2 ]
	cat a a | cmp - c
}

@test "arrays of one field follow one another before they are joined" {
	images i 9 4 5
	labels l 9
	labels m 18
	tensor-cat i i m -o out
	[ "$(stat_of samples out)" = 18 ]
	tensor-cat i i l l -o two
	[ "$(stat_of samples two)" = 18 ]
	[ "$(tensor-stat --tsv two | grep -c '^segment')" = 1 ]
}

@test "arrays of different length are not joined" {
	images i 9 4 5
	labels l 8
	run -1 --separate-stderr tensor-cat i l -o out
	[ "$stderr" = "tensor-cat: l: 8 samples of label, where i brought 9 of image" ]
	[ ! -e out ]
}

@test "more pictures than files may be open" {
	images i 1 4 5
	tensor-cat i --to png -o x.png
	for n in {1..100}; do cp x.png $n.png; done
	labels l 100
	run -0 bash -c 'ulimit -n 90; tensor-cat {1..100}.png l > out'
	[ "$(stat_of samples out)" = 100 ]
	[ "$(stat_of label.count.3 out)" = 10 ]
	[ "$(tensor-stat --tsv out | grep -c '^segment')" = 1 ]
}

@test "pictures of different size are different segments" {
	images i 1 4 5
	images j 1 5 4
	tensor-cat i j -o out
	[ "$(tensor-stat --tsv out | grep -c '^segment')" = 2 ]
}

@test "an array that is neither image nor label must be named" {
	perl -e 'print pack("N3 C*", 0x802, 3, 2, 1 .. 6)' > x
	run -2 --separate-stderr tensor-cat x
	[[ $stderr == "tensor-cat: x: uint8 3x2 is neither images nor labels; "*"--field NAME=x" ]]
	tensor-cat --field code=x -o out
	[ "$(stat_of code.shape out)" = 2 ]
	labels l 3
	tensor-cat --field code=x l -o out
	[ "$(stat_of code.max out)" = 6 ]
	[ "$(stat_of label.max out)" = 2 ]
}

@test "--field: misuse" {
	images i 3 4 5
	data d 3
	for text in x =i x= ; do
		run -2 --separate-stderr tensor-cat --field "$text"
		[[ $stderr == *"must be NAME=FILE"* ]]
	done
	run -2 --separate-stderr tensor-cat --field x=d
	[[ $stderr == *"a tensor stream names its own fields"* ]]
	tar cf x.tar i
	run -2 --separate-stderr tensor-cat --field x=x.tar
	[[ $stderr == *"no operand of --field"* ]]
	run -1 tensor-cat --field x=absent
}

@test "standard input is read once, a FIFO in its turn" {
	images i 3 4 5
	labels l 3
	tensor-cat i l -o want
	run -2 --separate-stderr bash -c 'tensor-cat - - < i'
	[[ $stderr == *"only once"* ]]
	mkfifo f
	cat l > f &
	tensor-cat i f | cmp - want
	wait
	tensor-cat i - < l | cmp - want
	tensor-cat --field image=- l < i | cmp - want
}

@test "files in no known format, empty ones and folders are refused" {
	echo hello > x
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == "tensor-cat: x: in no known format"* ]]
	: > x
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == "tensor-cat: x: is empty"* ]]
	mkdir d
	run -1 --separate-stderr tensor-cat d
	[[ $stderr == "tensor-cat: d: "* ]]
	run -1 --separate-stderr tensor-cat absent
	[[ $stderr == "tensor-cat: absent: "*"No such file"* ]]
}
