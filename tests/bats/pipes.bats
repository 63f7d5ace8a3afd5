#!/usr/bin/env bats
# Pipes whose other end takes its time, descriptors that do not block, and outputs that
# are also inputs.

bats_require_minimum_version 1.5.0

setup_file() {
	load tensors
	load models
	cd "$BATS_FILE_TMPDIR"
	tiny > tiny.net
	data two.tns 2 8 8
	tensor-cat -b 1 two.tns > data.tns
	cnn-init -q tiny.net > m.cnn
}

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
	ln -s "$BATS_FILE_TMPDIR"/*.{net,tns,cnn} .
}

# first_record FILE: the offset after the first record
first_record() {
	"$PYTHON" - "$1" <<-'END'
		import msgpack, sys
		u = msgpack.Unpacker(open(sys.argv[1], "rb"), raw=True)
		u.skip()
		u.skip()
		print(u.tell())
	END
}

# answers TOOL...: the tool gets the first of two samples and half of the second, and
# must write the first record of its output before it gets the rest.
answers() {
	local first want
	"$@" < data.tns > whole
	first=$(($(first_record data.tns) + 20))
	want=$(first_record whole)
	answers_early "$first" "$want" "$@"
}

# answers_early FIRST WANT TOOL...: after FIRST bytes of data.tns, it has written WANT
# bytes of the file `whole`.
answers_early() {
	local first=$1 want=$2
	shift 2
	[ "$want" -gt 0 ]
	mkfifo in out
	"$@" < in > out &
	exec 5> in 6< out
	head -c "$first" data.tns >&5
	timeout 60 head -c "$want" <&6 > early
	cmp early <(head -c "$want" whole)
	tail -c +$((first + 1)) data.tns >&5
	exec 5>&-
	cat <&6 >> early
	exec 6<&-
	wait $!
	cmp early whole
}

@test "tensor-cat passes a record on while its input pauses" {
	answers tensor-cat
}

@test "cnn-predict answers while its input pauses" {
	answers cnn-predict -b 1 -t 1 m.cnn -
}

@test "cnn-predict --tsv answers while its input pauses" {
	cnn-predict --tsv -b 1 -t 1 m.cnn - < data.tns > whole
	[ "$(wc -l < whole)" = 3 ]
	answers_early $(($(first_record data.tns) + 20)) "$(head -n 2 whole | wc -c)" \
		cnn-predict --tsv -b 1 -t 1 m.cnn -
}

@test "an answer that cannot be written while the input pauses is an error" {
	local first status=0
	first=$(first_record data.tns)
	mkfifo in
	cnn-predict --tsv -b 1 -t 1 m.cnn - < in > /dev/full 2> said &
	exec 5> in
	head -c "$first" data.tns >&5
	sleep 0.5
	tail -c +$((first + 1)) data.tns >&5
	exec 5>&-
	wait $! || status=$?
	[ "$status" = 1 ]
	[[ $(< said) == *"standard output: can't write: No space left on device" ]]
}

@test "standard input and output may be O_NONBLOCK" {
	"$PYTHON" - <<-'END'
		import os, subprocess, time
		data = open("data.tns", "rb").read()
		ours, theirs = os.pipe(), os.pipe()
		os.set_blocking(ours[0], False)
		os.set_blocking(theirs[1], False)
		p = subprocess.Popen(["tensor-cat", "-", *["data.tns"] * 500],
		    stdin=ours[0], stdout=theirs[1])
		os.close(ours[0]); os.close(theirs[1])
		time.sleep(.3)
		os.write(ours[1], data[:50])
		time.sleep(.3)
		os.write(ours[1], data[50:])
		os.close(ours[1])
		time.sleep(.3)        # the pipe is full
		open("got", "wb").write(open(theirs[0], "rb").read())
		assert p.wait() == 0
	END
	[ "$(wc -c < got)" -gt 65536 ]
	tensor-cat data.tns $(yes data.tns | head -n 500) | cmp - got
}

@test "no tool appends its input to itself" {
	local size
	data s.tns 20 8 8
	size=$(wc -c < s.tns)
	for tool in "tensor-cat s.tns" "tensor-cat -" "tensor-shuf s.tns" \
	    "tensor-cat two.tns s.tns" "cnn-predict m.cnn s.tns" \
	    "tensor-cat s.tns -o /dev/stdout"; do
		run --separate-stderr bash -c "$tool < s.tns >> s.tns"
		[ "$status" = 2 ] || { echo "$tool: $status"; return 1; }
		[[ $stderr == *": standard output: is also an input"* ||
			$stderr == *": is also an output"* ]] || { echo "$stderr"; return 1; }
		[ "$(wc -c < s.tns)" = "$size" ]
	done
	cp m.cnn x.cnn
	size=$(wc -c < x.cnn)
	run -2 bash -c "cnn-step x.cnn two.tns >> x.cnn"
	[ "$(wc -c < x.cnn)" = "$size" ]
}

@test "an output may replace an input" {
	data s.tns 20 8 8
	tensor-cat s.tns -o s.tns
	tensor-cat s.tns > again
	cmp again s.tns || tensor-stat s.tns
	tensor-stat s.tns | grep -q "20 samples"
}
