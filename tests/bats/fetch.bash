# fetch.bash - what the tests of mnist-fetch share. Real files come from Debian's
# package dataset-fashion-mnist, through the loopback (tests/http/serve.py).

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
