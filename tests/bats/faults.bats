#!/usr/bin/env bats
# The world around a tool: producers that are killed, slow ends of a pipe, signals
# that interrupt, disks and memory that run out. What becomes of single calls that
# fail is tests/faults/run's.

bats_require_minimum_version 1.5.0

setup_file() {
	load models
	cd "$BATS_FILE_TMPDIR"
	make_files
	cnn-step -q --epochs 1 --threads 1 init.cnn data.tns > model.cnn
	mnist-fetch -q -d strokes -n 400 train > big.tns
	cat > wide.net <<-'END'
		input 1x8x8
		flatten
		linear out=2000
		cross_entropy
	END
	cnn-init wide.net > wide.cnn
	${CC:-cc} -std=gnu17 -D_GNU_SOURCE -O1 -shared -fPIC -o shim.so \
		"$BATS_TEST_DIRNAME/../faults/shim.c" -ldl || true    # where there is none
}

setup() {
	load models
	use_files
	mkdir work                       # for what is left behind to be seen
	mv ./*.{net,tns,cnn,idx} work
	cd work
	before=$(ls -A)
}

# try COMMAND: sets status and stderr, which is a pipe. (bats's run has its own
# thoughts on 127, and would keep its files where ours are counted.)
try() {
	status=0
	stderr=$(bash -c "$1" 2>&1 < /dev/null > ../printed) || status=$?
}

# is_sanitized: then there's no word on memory, and no shim before the sanitizer
is_sanitized() {
	ldd "$BIN/tensor-cat" | grep -q libasan
}

# fails TOOL: what was tried gave exit 1 and a message of the tool's.
fails() {
	[ "$status" = 1 ] && [[ $stderr == "$1: "* ]] || { echo "$1: $status: $stderr"; return 1; }
}

# alone: nothing was left beside the files that were there.
alone() {
	[ "$(ls -A)" = "$before" ] || { ls -A; return 1; }
}

# Tools that write much to where -o says, and their result there.
writers=("tensor-cat big.tns" "tensor-cat --batch 7 big.tns" "tensor-shuf big.tns"
	"tensor-cat --fields image --to npy big.tns" "cnn-init wide.net"
	"cnn-step -q --threads 1 wide.cnn data.tns" "cnn-predict --threads 1 wide.cnn data.tns"
	"mnist-fetch -q -d strokes -n 400 train")
# Tools that read standard input.
readers=("tensor-cat" "tensor-cat --batch 7" "tensor-shuf" "tensor-stat --json" "tensor-view"
	"cnn-step -q --threads 1 init.cnn" "cnn-step -q --threads 1 --stream init.cnn"
	"cnn-eval --threads 1 model.cnn" "cnn-predict --threads 1 --tsv model.cnn"
	"cnn-predict --threads 1 model.cnn")

@test "a producer that is killed, at any place" {
	local size=$(stat -Lc %s data.tns)

	for tool in "${readers[@]}"; do
		for n in 0 100 $((size / 2)) $((size - 1)); do
			try "{ head -c $n data.tns; kill -9 \$BASHPID; } | exec $tool"
			fails "${tool%% *}"
			[[ $stderr == *"truncated"* || $stderr == *"is empty"* ]] || { echo "$tool, $n: $stderr"; false; }
			alone
		done
	done
}

# slowly: copies a few bytes at a time, and dawdles
slowly() {
	perl -e 'binmode STDIN; binmode STDOUT; $| = 1; my ($n, $buf) = 0;
		while (sysread STDIN, $buf, 1 + $n * 37 % 900) {
			syswrite STDOUT, $buf;
			select undef, undef, undef, 0.002 if $n++ % 8 == 0;
		}'
}

@test "slow producers and consumers get the same bytes, signals or not" {
	local shim=$BATS_FILE_TMPDIR/shim.so
	for tool in "${readers[@]}"; do
		$tool < data.tns > want 2> said
		slowly < data.tns | $tool 2> said | slowly > got
		cmp want got || { echo "$tool"; false; }
		! is_sanitized && [ -e "$shim" ] || continue
		# An alarm each second millisecond, and no call that is taken up again.
		slowly < data.tns | FAULT_TICK=2000 LD_PRELOAD=$shim $tool 2> said | slowly > got
		cmp want got || { echo "$tool with alarms: $(cat said)"; false; }
	done
}

# There the kernel would write over what lies below. The shim looks.
@test "no signal is handled while a library has moved the stack pointer" {
	local shim=$BATS_FILE_TMPDIR/shim.so
	{ ! is_sanitized && [ -e "$shim" ]; } || skip "no shim"
	printf '%s\n' "input 1x28x28" flatten "linear out=10" cross_entropy > one.net
	cnn-init one.net > one.cnn
	mnist-fetch -q -d strokes -n 2000 train > digits.tns
	for choice in "" "-p linear=onednn" "-p linear=native" "-p linear=ref"; do
		FAULT_TICK=200 LD_PRELOAD=$shim cnn-step -q -t 1 -e 1 $choice one.cnn \
			digits.tns > trained.cnn
		FAULT_TICK=200 LD_PRELOAD=$shim cnn-predict --tsv -t 1 $choice trained.cnn \
			digits.tns > got
	done
}

@test "a file that may grow no further is a failed write" {
	for tool in "${writers[@]}"; do
		try "ulimit -f 100; exec $tool -o out"
		fails "${tool%% *}"
		[[ $stderr == *"File too large"* ]]
		alone
		try "ulimit -f 100; exec $tool > out"
		fails "${tool%% *}"
		rm out
	done
	try \
		"ulimit -f 0; exec cnn-step -q --threads 1 --metrics m -o out init.cnn data.tns"
	fails cnn-step
	rm -f m
	alone
	for tool in "tensor-stat big.tns" "tensor-view -n 100 big.tns" "cnn-info" \
		"cnn-eval --threads 1 model.cnn data.tns"; do
		try "ulimit -f 0; exec $tool > out"
		fails "${tool%% *}"
	done
}

# That is where a network's file system says that there was no room.
@test "a close that fails is a failed write" {
	local shim=$BATS_FILE_TMPDIR/shim.so n told=0
	[ -e "$shim" ] || skip "the shim is for Linux on x86-64"
	! is_sanitized || skip "a sanitizer wants to be loaded first"
	for ((n = 1; n < 200; n++)); do
		try "FAULT=close FAULT_AS=EIO FAULT_N=$n LD_PRELOAD=$shim exec tensor-cat -o out data.tns"
		if [ "$status" = 0 ]; then
			cmp out data.tns
			rm out
			[ $told = 0 ] || break
			continue
		fi
		fails tensor-cat
		[[ $stderr != *"out: can't write: Input/output error"* ]] || told=1
		alone
	done
	[ $told = 1 ]
}

@test "a disk that fills up" {
	unshare -m true 2> /dev/null || skip "no right to mount"
	mkdir disk
	for tool in "${writers[@]}"; do
		# What is there is kept, and nothing is left beside it.
		try "exec unshare -m bash -c 'mount -t tmpfs -o size=128k none disk &&
			echo precious > disk/out && { $tool -o disk/out; code=\$?;
			ls -A disk; cat disk/out; exit \$code; }'"
		fails "${tool%% *}"
		[[ $stderr == *"disk/out: "*"No space left on device"* ]]
		[ "$(cat ../printed)" = $'out\nprecious' ] || { echo "$tool: $(cat ../printed)"; false; }
	done
}

# The shared libraries alone take some memory, so the first limits are too low to
# start at all: what the dynamic linker says then is not the tools' to choose. And
# by ref: oneDNN 2 does not look whether it got the memory for code it makes.
@test "memory that runs out at any point is told of" {
	! is_sanitized || skip "a sanitizer needs terabytes of it"
	local ref="--device cpu --provider conv2d=ref --provider linear=ref --provider relu=ref
		--provider maxpool2d=ref"
	ref=${ref//$'\n'/ }
	for tool in "tensor-cat --batch 300 -o out big.tns" "tensor-shuf -o out big.tns" \
		"tensor-stat big.tns" "tensor-view --png out big.tns" "cnn-init -o out wide.net" \
		"cnn-step -q --threads 2 $ref -o out wide.cnn data.tns" \
		"cnn-eval --threads 2 $ref model.cnn data.tns" \
		"cnn-predict --threads 2 $ref -o out wide.cnn data.tns" \
		"cnn-info $ref model.cnn" \
		"mnist-fetch -q -d strokes -n 400 -o out train"; do
		started=0
		for ((limit = 4000; limit < 400000; limit += limit / 32)); do
			try "ulimit -v $limit && exec $tool"
			[ "$status" != 0 ] || break
			if [[ $stderr == "${tool%% *}: "* &&
				$stderr != *"error while loading shared libraries"* ]]; then
				started=1
				[ "$status" = 1 ] || [ "$status" = 3 ]
			else                     # once it has started, it always does
				[ $started = 0 ]
			fi || { echo "$tool: $limit: $status: $stderr"; false; }
			alone
		done
		[ "$status" = 0 ]
		rm -f out
	done
}
