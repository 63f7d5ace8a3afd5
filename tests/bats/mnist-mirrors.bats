# mnist-fetch and mirrors that are down, slow, cut off, or lie.

bats_require_minimum_version 1.5.0
load fetch

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
	CNN_MIRRORS="http://no-such-host.invalid http://127.0.0.1:1 $url/good" fetch -v
	fetched
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
	[[ $stderr == *"/die: the connection was lost"* ]]
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
	# If-Range has the rest refused; without it the digest would, a request later.
	[ "$(grep -c " $images.gz " "$state/log")" -eq 2 ]
}

@test "answers that are no file leave what has come" {
	serve
	mkdir -p "$cache"
	head -c 3000000 "$fashion/$images.gz" >"$cache/$images.gz.part"
	for mood in odd300 odd302 empty200 empty204; do
		CNN_MIRRORS=$url/$mood fetch
		[ "$status" -eq 1 ]
		case $mood in
		odd* | *204) [[ $stderr == *"/$mood: the server returned status ${mood: -3}"* ]] ;;
		*) [[ $stderr == *"/$mood: the response is empty"* ]] ;;
		esac
		cmp -n 3000000 "$cache/$images.gz.part" "$fashion/$images.gz"
	done
	CNN_MIRRORS=$url/good fetch
	fetched
	grep -q "^good $images.gz bytes=3000000-$" "$state/log"
}

@test "a rest that is a link is not followed" {
	serve
	mkdir -p "$cache"
	echo mine >"$BATS_TEST_TMPDIR/mine"
	ln -s "$BATS_TEST_TMPDIR/mine" "$cache/$images.gz.part"
	CNN_MIRRORS=$url/good fetch
	[ "$status" -eq 1 ]
	[ "$(cat "$BATS_TEST_TMPDIR/mine")" = mine ]
}

@test "no room: told at once, and what came is kept" {
	serve
	mkdir -p "$cache"
	cp "$fashion/$images.gz" "$cache/$images.gz.part"
	# what is unpacked would be larger than a file may be
	run --separate-stderr bash -c "ulimit -f 5000; CNN_MIRRORS='$url/good $url/other' \
		mnist-fetch -d fashion-mnist -o '$out' test"
	[ "$status" -eq 1 ]
	[[ $stderr == *"fashion-mnist: "*"can't write: File too large" ]]
	[ "${#stderr_lines[@]}" -eq 1 ]
	cmp "$cache/$images.gz.part" "$fashion/$images.gz"
	[ "$(grep -c " $images.gz " "$state/log")" -eq 1 ]
	CNN_MIRRORS=$url/good fetch
	fetched
}

@test "a proxy that refuses is named" {
	serve
	# This server knows no CONNECT: 501.
	https_proxy=$url CNN_MIRRORS=https://mirror.invalid/x fetch
	[ "$status" -eq 1 ]
	[[ $stderr == *"https://mirror.invalid/x: the proxy returned status 501"* ]]
}

@test "a password in a URL is not shown" {
	need_fashion
	CNN_MIRRORS=http://joe:secret@127.0.0.1:1/x fetch -v
	[ "$status" -eq 1 ]
	[[ $stderr == *"http://127.0.0.1:1/x: "* && $stderr != *secret* && $stderr != *joe* ]]
	fetch --from http://joe:secret@127.0.0.1:1/x
	[[ $stderr == *"http://127.0.0.1:1/x: "* && $stderr != *secret* ]]
}

@test "a mirror that stands still" {
	serve
	CNN_MIRRORS="$url/stall $url/silent" fetch --timeout 1
	[ "$status" -eq 1 ]
	[[ $stderr == *"/stall: no data arrived for 1 s"* ]]
	[[ $stderr == *"/silent: the server does not respond"* ]]
}

@test "a busy server" {
	serve
	CNN_MIRRORS=$url/busy fetch
	[ "$status" -eq 1 ]
	[[ $stderr == *"the server returned status 503"* ]]
	[ "$(requests)" -eq 3 ]
}

@test "a web page instead of the file" {
	serve
	mkdir -p "$cache"
	head -c 1000 "$fashion/$images.gz" >"$cache/$images.gz.part"
	CNN_MIRRORS=$url/html fetch
	[ "$status" -eq 1 ]
	[[ $stderr == *"/html: the server sent a web page, not the file"* ]]
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
	[[ $stderr == *"/crooked: "*"trying again from the start"* ]]
	[ "$(grep -c "^crooked $images.gz -$" "$state/log")" -eq 2 ]
}

@test "wrong contents everywhere" {
	need_fashion
	mkdir "$BATS_TEST_TMPDIR/swapped"
	cp "$fashion/train-images-idx3-ubyte.gz" "$BATS_TEST_TMPDIR/swapped/$images.gz"
	fetch --from "$BATS_TEST_TMPDIR/swapped"
	[ "$status" -eq 1 ]
	[[ $stderr == *"longer than the requested file"* ]]
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
	[[ ${stderr_lines[1]} == *"/missing: the server returned status 404"* ]]
	[[ ${stderr_lines[2]} == *"/html: the server sent a web page"* ]]
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
