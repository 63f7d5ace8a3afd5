#!/usr/bin/env bats
# A run that is killed at any moment, and taken up again as often as that happens,
# ends with the bytes of one that never stopped: the model and its metrics. FULL=1 kills
# more often.

bats_require_minimum_version 1.5.0

setup_file() {
	load models
	cd "$BATS_FILE_TMPDIR"
	mixed > mixed.net
	cnn-init mixed.net > init.cnn
	images i.idx 103 8 8
	labels l.idx 103
	tensor-cat i.idx l.idx -o data.tns
}

setup() {
	load models
	cd "$BATS_TEST_TMPDIR"
	ln -s "$BATS_FILE_TMPDIR"/*.{net,tns,cnn} .
	export NO_COLOR=1
}

# The run: 40 epochs of 7 steps.
options=(--threads 2 --epochs 40 --batch 16 --val data.tns --metrics m.tsv
	--checkpoint c.cnn --checkpoint-every 2 -o out.cnn)
run_all() {
	cnn-step -q "${options[@]}" "$@"
}

# What never stopped, in whole/.
keep_whole() {
	run_all init.cnn data.tns
	mkdir whole
	mv out.cnn m.tsv whole
	rm c.cnn
}

# step_of CHECKPOINT
step_of() {
	cnn-info "$1" | sed -n 's/^checkpoint: step \([0-9]*\),.*/\1/p'
}

@test "killed at random moments: the bytes of a run that never was" {
	local n=0 between=0 start step before=0 kills=20
	[ -z "${FULL-}" ] || kills=100
	start=$(date +%s%N)
	keep_whole
	took=$((($(date +%s%N) - start) / 1000000))
	RANDOM=${SEED:-11}
	# On a busy machine many are killed before the first checkpoint: then more follow.
	while [ $n -lt $kills ] || { [ $between -lt 15 ] && [ $n -lt 200 ]; }; do
		# Each life goes a little further: some way into what is left.
		if [ -e c.cnn ]; then
			set -- --resume c.cnn data.tns
		else
			set -- init.cnn data.tns
		fi
		cnn-step -q "${options[@]}" "$@" 3>&- & pid=$!
		sleep "$(awk -v ms=$((RANDOM % (took / 8 + 1) + 5)) 'BEGIN { print ms / 1000 }')"
		if ! kill -KILL $pid 2> /dev/null; then
			wait $pid || true
			# It came to its end first: from the beginning again.
			cmp out.cnn whole/out.cnn
			rm -f out.cnn c.cnn m.tsv
			before=0
			continue
		fi
		wait $pid || true
		n=$((n + 1))
		[ ! -e c.cnn ] || step=$(step_of c.cnn)
		echo "# kill $n: checkpoint of step ${step:-none}" >&3
		if [ -e c.cnn ]; then
			between=$((between + 1))
			[ "$step" -ge "$before" ]
			before=$step
		fi
	done
	[ $between -ge 15 ] || { echo "only $between between a checkpoint and the end"; false; }
	run_all --resume c.cnn data.tns
	cmp out.cnn whole/out.cnn
	cmp m.tsv whole/m.tsv
}

@test "killed while a checkpoint is written: the one before is whole" {
	local k
	keep_whole
	# A checkpoint is synced, then its folder: an odd sync is the file's.
	for k in 3 21 77; do
		rm -f c.cnn m.tsv
		strace -f -qq -o trace -e trace=fsync -e inject=fsync:signal=KILL:when=$k \
			cnn-step -q "${options[@]}" init.cnn data.tns || true
		[ ! -e out.cnn ]
		ls c.cnn.?????? > /dev/null       # it was being written
		tensor-stat -q c.cnn > /dev/null
		run_all --resume c.cnn data.tns
		cmp out.cnn whole/out.cnn
		cmp m.tsv whole/m.tsv
		rm -f c.cnn.?????? out.cnn
	done
}

@test "killed in the validation of an epoch: neither the epoch nor its line is lost" {
	local k epoch
	options=(--threads 2 --epochs 4 --batch 16 --val data.tns --metrics m.tsv
		--checkpoint c.cnn -o out.cnn)
	keep_whole
	# The names, then a write per step, and one for the validation of an epoch.
	for epoch in 1 2 4; do
		rm -f c.cnn m.tsv
		strace -f -qq -o trace -P "$PWD/m.tsv" -e trace=write \
			-e inject=write:signal=KILL:when=$((1 + epoch * 8)) \
			cnn-step -q "${options[@]}" init.cnn data.tns || true
		[ ! -e out.cnn ]
		[ "$(step_of c.cnn)" = $((epoch * 7)) ]
		[ "$(wc -l < m.tsv)" = $((epoch * 7)) ]
		run_all --resume c.cnn data.tns
		cmp out.cnn whole/out.cnn
		cmp m.tsv whole/m.tsv
		rm out.cnn
	done
}

@test "a second run on a table of metrics is refused before its first step" {
	local pid
	cnn-step -q --epochs 9000 --batch 16 --metrics m.tsv -o out.cnn init.cnn data.tns \
		2> said 3>&- &
	pid=$!
	until [ -s m.tsv ] && [ "$(wc -l < m.tsv)" -gt 3 ]; do sleep 0.01; done
	cnn-step -q --steps 1 -o part init.cnn data.tns
	for what in init.cnn "--resume part"; do
		run -1 --separate-stderr cnn-step -m m.tsv -c other.cnn $what data.tns -o out
		says "cnn-step: m.tsv: another run is writing its metrics to this file"
		[ ! -e other.cnn ]
	done
	kill -KILL $pid
	wait $pid || true
	[ "$(sed -n 4p m.tsv | cut -f 1)" = 3 ]      # what the first wrote is there
	cnn-step -q --steps 1 -m m.tsv init.cnn data.tns > /dev/null
	[ "$(wc -l < m.tsv)" = 2 ]
}

@test "SIGINT and SIGTERM finish the step, write the checkpoint, end by the signal" {
	local signal status pid
	run_all init.cnn data.tns
	mv out.cnn whole.cnn
	mv m.tsv whole.tsv
	for signal in INT TERM; do
		rm -f c.cnn m.tsv
		# A script's background job ignores SIGINT, and so would the tool.
		env --default-signal=INT cnn-step --threads 2 --epochs 40 --batch 16 \
			--val data.tns --metrics m.tsv --checkpoint c.cnn \
			--checkpoint-every 9999 -o out.cnn init.cnn data.tns 2> said 3>&- &
		pid=$!
		until [ -s m.tsv ] && [ "$(wc -l < m.tsv)" -gt 3 ]; do sleep 0.01; done
		kill -$signal $pid
		status=0
		wait $pid || status=$?
		[ $status = $((128 + $(kill -l $signal))) ]
		[ ! -e out.cnn ]
		[ "$(ls | grep -c '\.cnn\.')" = 0 ]
		grep -q "stopped by a signal after step $(step_of c.cnn); resume from c.cnn" said
		[ "$(tail -n 1 m.tsv | cut -f 1)" = "$(step_of c.cnn)" ]
		run_all --resume c.cnn data.tns
		cmp out.cnn whole.cnn
		cmp m.tsv whole.tsv
		rm out.cnn
	done
}

# traced TOOL ...: what was synced and renamed, in order
traced() {
	ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 strace -f -y -qq -o trace -e trace=fsync,fdatasync,rename,renameat,renameat2 "$@"
	sed -nE 's/^[0-9]+ +//; s/^f(data)?sync\([0-9]+<([^>]*)>.*= 0$/sync \2/p;
		s/^rename[^"]*"([^"]*)"[^"]*"([^"]*)".*= 0$/rename \1 \2/p' trace |
		sed -E 's/\.[A-Za-z0-9]{6}\b/.temporary/g; s,'"$PWD"'/,,g'
}

@test "what is written is on the disk before it has the name, and then the name is" {
	mkdir to
	for tool in "tensor-cat -o to/x data.tns" "cnn-init -o to/x mixed.net" \
		"cnn-step -q --checkpoint to/x --epochs 1 -o /dev/null init.cnn data.tns" \
		"cnn-step -q --steps 1 -o to/x init.cnn data.tns" \
		"cnn-predict -o to/x init.cnn data.tns" "tensor-shuf -o to/x data.tns"; do
		traced $tool > got
		printf '%s\n' "sync to/x.temporary" "rename to/x.temporary to/x" "sync to" |
			diff - got || { echo "$tool"; false; }
	done
}

@test "a second signal ends it at once" {
	local pid status=0
	env --default-signal=INT cnn-step --threads 2 --epochs 4000 --batch 16 \
		--metrics m.tsv --checkpoint c.cnn --checkpoint-every 99999 \
		-o out.cnn init.cnn data.tns 2> said 3>&- &
	pid=$!
	until [ -s m.tsv ] && [ "$(wc -l < m.tsv)" -gt 3 ]; do sleep 0.01; done
	# Both are there when it goes on.
	kill -STOP $pid
	kill -INT $pid
	kill -TERM $pid
	kill -CONT $pid
	wait $pid || status=$?
	[ $status = 130 ] || [ $status = 143 ]
	[ ! -e c.cnn ]
	run -1 grep stopped said
	[ "$(ls | grep -c '\.cnn\.')" = 0 ]
}

# ended SIGNAL PID: sends it, and checks that the process ends by it.
ended() {
	local status=0
	kill -"$1" "$2"
	wait "$2" || status=$?
	[ $status = $((128 + $(kill -l "$1"))) ]
	[ ! -e out.cnn ]
	[ "$(ls | grep -c '\.cnn\.')" = 0 ]
}

# rows N: waits until the table of metrics has that many steps.
rows() {
	until [ -s m.tsv ] && [ "$(wc -l < m.tsv)" -gt "$1" ]; do sleep 0.01; done
}

@test "without --checkpoint a signal's message says what is lost" {
	local options="--threads 2 --batch 16 --metrics m.tsv -o out.cnn init.cnn" pid
	env --default-signal=INT cnn-step --epochs 4000 $options data.tns 2> said 3>&- & pid=$!
	rows 3
	ended INT $pid
	grep -qE '^cnn-step: stopped by a signal after step [0-9]+: the training is lost \(next time, keep it with -c FILE\)$' said
	[ "$(grep -c 'resume\|: finished' said)" = 0 ]
}

@test "--stream: a signal is heard while it waits for data" {
	local signal pid
	mkfifo pipe
	cnn-step -q --stream -b 16 -n 6 init.cnn data.tns > want.cnn
	for signal in INT TERM HUP; do
		rm -f c.cnn m.tsv
		env --default-signal=$signal cnn-step --stream -b 16 --metrics m.tsv \
			-c c.cnn -o out.cnn init.cnn pipe 2> said 3>&- 7>&- & pid=$!
		exec 7> pipe
		head -c -3 data.tns >&7          # all samples, but not the end
		rows 6
		until grep -q '^State:.S' /proc/$pid/status; do sleep 0.01; done
		ended $signal $pid
		exec 7>&-
		grep -q "^cnn-step: stopped by a signal after step 6; the model is in c.cnn$" said
		[ "$(weights c.cnn)" = "$(weights want.cnn)" ]
		[ "$(cut -f1 m.tsv | tail -n 1)" = 6 ]
	done
}

@test "--stream: a signal before the first step keeps an older checkpoint" {
	local pid
	mkfifo pipe
	echo older > c.cnn
	env --default-signal=TERM cnn-step --stream --metrics m.tsv -c c.cnn -o out.cnn \
		init.cnn pipe 2> said 3>&- 7>&- & pid=$!
	exec 7> pipe
	head -c 3000 data.tns >&7
	rows 0
	until grep -q '^State:.S' /proc/$pid/status; do sleep 0.01; done
	ended TERM $pid
	exec 7>&-
	grep -q "^cnn-step: stopped by a signal after step 0: nothing was trained$" said
	[ "$(cat c.cnn)" = older ]
}

@test "--stream: a signal finishes the step, and a second one ends it at once" {
	local pid feeder
	mkfifo pipe
	while :; do cat data.tns; done > pipe 2> /dev/null 3>&- & feeder=$!
	env --default-signal=INT cnn-step --stream -b 1 --metrics m.tsv -c c.cnn -o out.cnn \
		init.cnn < pipe 2> said 3>&- & pid=$!
	rows 300
	ended INT $pid
	wait $feeder || true
	[ "$(cut -f1 m.tsv | tail -n 1)" = "$(step_of c.cnn)" ]
	grep -q "^cnn-step: stopped by a signal after step $(step_of c.cnn); the model is in c.cnn$" said

	rm c.cnn m.tsv
	while :; do cat data.tns; done > pipe 2> /dev/null 3>&- & feeder=$!
	env --default-signal=INT cnn-step --stream -b 1 --metrics m.tsv -c c.cnn -o out.cnn \
		init.cnn < pipe 2> said 3>&- & pid=$!
	rows 300
	kill -STOP $pid
	kill -INT $pid
	kill -TERM $pid
	kill -CONT $pid
	status=0
	wait $pid || status=$?
	wait $feeder || true
	[ $status = 130 ] || [ $status = 143 ]
	[ ! -e c.cnn ]
	run -1 grep stopped said
}

@test "a signal that comes when the last step is done ends it at once" {
	mkfifo pipe
	sleep 30 < pipe & holder=$!
	cnn-init -q "$BATS_TEST_DIRNAME/../../examples/seed.net" > seed.cnn
	mnist-fetch -q -d strokes -n 10 train > ten.tns
	env --default-signal=TERM cnn-step -q -n 1 -m m.tsv seed.cnn ten.tns > pipe 3>&- & pid=$!
	# It is at work on the model, of which a pipe takes the beginning.
	until [ -s m.tsv ] && [ "$(wc -l < m.tsv)" = 2 ]; do sleep 0.01; done
	sleep 0.3
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	kill $holder
	[ $status = 143 ]
}

@test "ended by a signal while it reads: no file is left" {
	mkfifo pipe
	ulimit -c 0                      # SIGQUIT would leave a core
	for signal in INT TERM HUP QUIT PIPE XCPU; do
		env --default-signal=$signal tensor-cat -o out.tns data.tns pipe 3>&- & pid=$!
		exec 7> pipe
		head -c 4000 data.tns >&7
		until [ "$(ls | grep -c '^out.tns')" = 1 ]; do sleep 0.01; done
		kill -$signal $pid
		status=0
		wait $pid || status=$?
		exec 7>&-
		[ $status = $((128 + $(kill -l $signal))) ]
		[ "$(ls | grep -c '^out.tns')" = 0 ] || { echo "$signal"; false; }
	done
}

@test "--epochs may be raised on a resume" {
	cnn-step -q --schedule constant --epochs 2 -o two.cnn init.cnn data.tns
	cnn-step -q --resume --epochs 3 two.cnn data.tns |
		cmp - <(cnn-step -q --schedule constant --epochs 3 init.cnn data.tns)
}
