#!/usr/bin/env bats
# Operands that are compressed, or archives of others.

bats_require_minimum_version 1.5.0

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
}

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
	refused "are truncated"
	{ cat good; echo garbage; } > x
	refused "unexpected bytes after the gzip data"
	{ cat good; head -c 100000 /dev/zero; } > x      # a tape's, or a device's
	tensor-cat x | tensor-cat --to idx | cmp - l
	{ cat good; head -c 100 /dev/zero; echo garbage; } > x
	refused "unexpected bytes after the gzip data"
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

@test "an archive cut between two members is refused: its producer died" {
	two
	tar cf whole.tar -C in a.idx sub/b.idx
	# header and contents of the first, and nothing that says "end"
	size=$((512 + ($(stat -c %s in/a.idx) + 511) / 512 * 512))
	head -c $size whole.tar > x
	run -1 --separate-stderr tensor-cat x -o out
	[ "$stderr" = "tensor-cat: x: truncated archive" ]
	gzip x
	run -1 --separate-stderr tensor-cat x.gz -o out
	[ "$stderr" = "tensor-cat: x.gz: truncated archive" ]
	[ ! -e out ]
	# one block of zeros will do, as for tar
	head -c $size whole.tar > x
	head -c 512 /dev/zero >> x
	tensor-cat x | tensor-cat --to idx | cmp - in/a.idx
}

@test "a zip without its table of contents is refused, one with a comment is not" {
	two
	(cd in && zip -q ../whole.zip a.idx sub/b.idx)
	for cut in 1 21 22 60 100; do
		head -c -$cut whole.zip > x
		run -1 --separate-stderr tensor-cat x -o out
		[[ $stderr == "tensor-cat: x: "* ]]
		[ ! -e out ]
	done
	printf 'a comment with PK\5\6 in it' | zip -qz whole.zip
	tensor-cat whole.zip | cmp - want
	# however it comes in pieces
	perl -e '$| = 1; syswrite STDOUT, $_ while sysread STDIN, $_, 1' < whole.zip | tensor-cat | cmp - want
}

@test "names that lead out of the archive are refused" {
	two
	tar cf x --transform 's,^,../,' -P -C in a.idx
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == *"x:../a.idx: the member's name points outside"* ]]
	tar cPf x "$PWD/in/a.idx"
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == *"points outside"* ]]
	tar cf x --transform 's,^,a/../,' -P -C in a.idx
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == *"points outside"* ]]
	tar cf x --transform 's,^,a..b/..c/,' -P -C in a.idx    # this one does not
	tensor-cat x | tensor-cat --to idx | cmp - in/a.idx
}

@test "folders and hidden files in an archive are passed over" {
	two
	echo junk > in/.DS_Store
	tar cf x -C in .DS_Store a.idx sub
	tensor-cat x | cmp - want
}

@test "links in an archive are refused: what they stand for would be missing" {
	two
	ln -s /etc/passwd in/link
	tar cf x -C in a.idx link sub
	run -1 --separate-stderr tensor-cat x -o out
	[[ $stderr == "tensor-cat: x:link: is a link, which is not followed"* ]]
	ln in/a.idx in/zlink
	tar cf x -C in a.idx sub zlink
	run -1 --separate-stderr tensor-cat x -o out
	[[ $stderr == "tensor-cat: x:zlink: is a link, which is not followed"* ]]
	[ ! -e out ]
	cp in/sub/b.idx in/sub/c.idx
	tar cf x --hard-dereference -C in a.idx zlink sub/b.idx sub/c.idx
	tensor-cat x -o out
	[ "$(stat_of samples out)" = 60 ]
}

@test "devices and FIFOs with another's contents are passed over, links refused" {
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
		case $type in
		[12])
			run -1 --separate-stderr tensor-cat x
			[[ $stderr == "tensor-cat: x:a.idx: is a link, "* ]]
			continue ;;
		esac
		tensor-cat x | tensor-cat --to idx | cmp - in/a.idx
		{ cat bad; head -c 1024 /dev/zero; } > x
		run -1 --separate-stderr tensor-cat x
		[[ $stderr == "tensor-cat: x: the archive contains no files" ]]
	done
}

@test "what else an archive may hold is passed over and counted" {
	two
	mkdir in/__MACOSX
	echo hello | tee in/README in/.DS_Store in/Thumbs.db in/__MACOSX/a.idx > in/x.png
	touch in/empty
	tar cf x -C in a.idx README .DS_Store Thumbs.db __MACOSX x.png sub empty
	run --separate-stderr tensor-cat x -o out
	[ "$status" = 0 ]
	[[ $stderr == "tensor-cat: warning: x: files of other formats in the archive were \
passed over: 6, the first is x:README" ]]
	cmp out want
	cat x | tensor-cat | cmp - want
	tensor-cat -q x > out 2> said
	[ ! -s said ]
}

@test "an archive of no known format is an error" {
	two
	echo hello > in/README
	tar cf x -C in README
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == "tensor-cat: x: the archive contains no file of a known format "*": \
the first of 1 is x:README" ]]
	mkdir empty
	tar cf x empty
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == "tensor-cat: x: the archive contains no files" ]]
	tar cf inner -C in a.idx
	tar cf middle inner
	tensor-cat middle | tensor-cat --to idx | cmp - in/a.idx
	tar cf x middle
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == *"archives are nested too deeply"* ]]
}

@test "a zip is read by its directory, which a pipe has only at its end" {
	two
	"$PYTHON" - <<-'END'
		import zipfile
		for n, names in ("twice", ("a.idx", "b.idx", "a.idx")), ("ok", ("b.idx", "a.idx")):
		    with zipfile.ZipFile(n, "w") as z:
		        for i, name in enumerate(names):
		            data = bytearray(open("in/a.idx" if name == "a.idx" else "in/sub/b.idx", "rb").read())
		            if names.count(name) == 2 and i == 0: data[16] ^= 255
		            z.writestr(name, bytes(data))
		# One member is in the file, but not in the directory.
		with zipfile.ZipFile("stale", "w") as z:
		    z.writestr("old.idx", open("in/a.idx", "rb").read())
		    z.writestr("a.idx", open("in/a.idx", "rb").read())
		    del z.NameToInfo["old.idx"]
		    z.filelist = [i for i in z.filelist if i.filename != "old.idx"]
	END
	run --separate-stderr tensor-cat twice -o out
	[ "$status" = 0 ]
	[[ $stderr == "tensor-cat: warning: twice: a.idx: occurs again in the archive: the \
last one counts" ]]
	tensor-cat ok | cmp - out
	tensor-cat - < twice | cmp - out
	cat twice > /dev/null
	run -1 --separate-stderr bash -c "cat twice | tensor-cat"
	[[ $stderr == "tensor-cat: standard input: two members are called a.idx: "* ]]
	tensor-cat stale | tensor-cat --to idx | cmp - in/a.idx
	tar cf again -C in a.idx a.idx --hard-dereference
	run -1 --separate-stderr tensor-cat again
	[[ $stderr == "tensor-cat: again: two members are called a.idx: "* ]]
}

@test "names of members are in UTF-8, whatever the locale" {
	two
	"$PYTHON" - <<-'END'
		import tarfile, zipfile
		with zipfile.ZipFile("z", "w") as z:
		    z.write("in/a.idx", "größe.idx")
		    z.write("in/sub/b.idx", "数字/b.idx")
		    z.writestr("数字/\u202e.txt", "x")
		for format in "PAX", "GNU":
		    with tarfile.open(format, "w", format=getattr(tarfile, format + "_FORMAT")) as t:
		        t.add("in/a.idx", "größe.idx")
		        t.add("in/sub/b.idx", "数字/b.idx")
	END
	for locale in C C.UTF-8 nowhere; do
		for file in z PAX GNU; do
			LC_ALL=$locale tensor-cat -q $file | cmp - want
			cat $file | LC_ALL=$locale tensor-cat -q | cmp - want
		done
	done
	run --separate-stderr tensor-cat z -o out
	[[ $stderr == *": 1, the first is z:数字/???.txt" ]]
	# A name that cannot be converted
	perl -pe 's/größe/gr\xff\xfe\xff\xfee/' GNU > bad
	perl -0777 -pe 'substr($_, 148, 8) = " " x 8;
		substr($_, 148, 8) = sprintf "%06o\0 ", unpack "%32C*", substr $_, 0, 512' bad > x
	tensor-cat x | cmp - want
}

@test "zeros may follow compressed data, other bytes may not" {
	two
	for tool in gzip xz zstd bzip2 lz4; do
		command -v $tool > /dev/null || continue
		$tool -c < in/a.idx > a
		$tool -c < in/sub/b.idx > b
		for zeros in 1 5 512 100000; do
			{ cat a; head -c $zeros /dev/zero; } > x
			tensor-cat x b | cmp - want
			cat x | tensor-cat - b | cmp - want
		done
		for tail in garbage 'garbage that is longer than a header' PK; do
			{ cat a; echo "$tail"; } > x
			{ cat a; head -c 600 /dev/zero; echo "$tail"; } > y
			for file in x y; do
				run -1 --separate-stderr tensor-cat $file -o out
				[[ $stderr == "tensor-cat: $file: unexpected bytes after the "*" data" ]] ||
					{ echo "$tool: $stderr"; return 1; }
				[ ! -e out ]
			done
		done
		head -c -1 a > x
		run -1 --separate-stderr tensor-cat x -o out
		[[ $stderr == "tensor-cat: x: "* ]] || { echo "$tool: $stderr"; return 1; }
		head -c 300 in/a.idx | $tool -c > x
		tail -c +301 in/a.idx | $tool -c >> x
		tensor-cat x b | cmp - want
	done
}

@test "an old tar is known by its checksum" {
	two
	tar cf x --format=v7 -C in a.idx sub/b.idx
	tensor-cat x | cmp - want
	cat x | tensor-cat | cmp - want
	printf 'b' | dd of=x bs=1 conv=notrunc status=none
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == "tensor-cat: x: unknown format"* ]]
}

@test "--fields decides which arrays of an archive are read" {
	"$PYTHON" - <<-'END'
		import numpy as np
		np.savez("k.npz", x_test=np.zeros((4, 5, 5), "u1"), x_train=np.ones((10, 5, 5), "u1"),
		    y_train=np.arange(10), y_test=np.arange(4))
		np.savez("i.npz", np.ones((10, 5, 5), "u1"))
		np.savez("l.npz", np.arange(10))
	END
	tensor-cat -f x_train,y_train k.npz -o out
	[ "$(stat_of samples out)" = 10 ]
	[ "$(stat_of x_train.min out)" = 1 ]
	[ "$(stat_of y_train.max out)" = 9 ]
	cat k.npz | tensor-cat -f x_train,y_train | cmp - out
	run -1 --separate-stderr tensor-cat -f x_train,y_trai k.npz
	[[ $stderr == *"no field y_trai (fields: x_train)" ]]
	run -1 --separate-stderr tensor-cat -f foo k.npz
	[[ $stderr == *"(the fields are: x_test, x_train, y_train, y_test)" ]]
	run -1 --separate-stderr tensor-cat k.npz
	[[ $stderr == *"10 samples of x_train, but k.npz:x_test.npy has 4 of x_test" ]]
	# An archive of one array is a file for --field.
	tensor-cat -F image=i.npz -F label=l.npz -o out
	[ "$(stat_of samples out)" = 10 ]
	[ "$(stat_of label.max out)" = 9 ]
	[ "$(stat_of image.shape out)" = 1x5x5 ]
	run -2 --separate-stderr tensor-cat -F image=k.npz
	[[ $stderr == "tensor-cat: k.npz: an archive of several files is not allowed in --field" ]]
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
