#!/usr/bin/env bats
# --resume: a run that is stopped and resumed gives the bytes of one that never stopped,
# with the options and providers of its checkpoint; other data, options or checkpoints
# are refused. resume.bats kills runs.

bats_require_minimum_version 1.5.0

setup_file() {
	load models
	cd "$BATS_FILE_TMPDIR"
	make_trainings
}

setup() {
	load models
	cd "$BATS_TEST_TMPDIR"
	ln -s "$BATS_FILE_TMPDIR"/*.{net,tns,cnn,idx} .
}

# resumes MODEL OPTION ...: stopped after every number of steps and resumed, it
# is the run that never stopped, its metrics too.
resumes() {
	local model=$1 total k
	shift
	rm -f whole.tsv
	cnn-step -q --epochs 3 --metrics whole.tsv "$@" $model data.tns > whole.cnn
	total=$(($(wc -l < whole.tsv) - 1))
	for ((k = 1; k <= total; k += total > 8 ? 3 : 1)); do
		rm -f m.tsv
		cnn-step -q --epochs 3 --steps $k --metrics m.tsv "$@" $model data.tns > part.cnn
		[ "$(wc -l < m.tsv)" = $((k + 1)) ]
		cnn-step -q --epochs 3 --resume --metrics m.tsv part.cnn data.tns > got.cnn
		cmp got.cnn whole.cnn || { echo "stopped after $k of $total: $*"; return 1; }
		cmp m.tsv whole.tsv || { diff m.tsv whole.tsv; return 1; }
	done
}

@test "resume: the bytes of a run that never stopped" {
	resumes tiny.cnn
	resumes tiny.cnn --batch 103
	resumes mixed.cnn --batch 25
	resumes mixed.cnn --optimizer sgd --momentum 0.9 --lr 0.1 --weight-decay 0.01
	resumes mixed.cnn --no-shuffle --schedule cosine --seed 7 --shard-size 5 --batch 40
	resumes tiny.cnn --schedule linear
}

@test "resume: clipped gradients, and a checkpoint from before there were any" {
	cnn-step -q -e 3 -b 24 --grad-clip 0.25 tiny.cnn data.tns > whole
	cnn-step -q -e 3 -b 24 --grad-clip 0.25 -n 4 tiny.cnn data.tns > part
	cnn-step -q --resume part data.tns | cmp - whole
	run -2 --separate-stderr cnn-step --resume --grad-clip 0.5 part data.tns -o out
	says "cnn-step: --grad-clip: conflicts with the checkpoint (omit it *"
	cnn-step -q -e 3 -b 24 tiny.cnn data.tns > whole
	cnn-step -q -e 3 -b 24 -n 4 tiny.cnn data.tns |
		perl -0777 -pe 's/(training.*?)\xa9grad_clip\xcb.{8}/$1\xa9grad_cli_\xcb\0\0\0\0\0\0\0\0/s or die;
			s/(\xa3end)\x83(.*)\xa4xxh3\xb0.{16}$/$1\x82$2/s' > part
	cnn-step -q --resume part data.tns | tensor-stat --tsv | grep -v digest > got
	tensor-stat --tsv whole | grep -v digest | cmp - got
	[ -s got ]
}

@test "resume: half precision with its loss scale" {
	resumes mixed.cnn --amp bf16
	resumes mixed.cnn --amp fp16
	# a rate that blows up: gradients are inf, steps are skipped, the scale halves
	resumes tiny.cnn --amp fp16 --optimizer sgd --lr 1000 --batch 20
}

@test "resume: one step after the other, by other numbers of threads" {
	cnn-step -q --steps 7 --batch 30 mixed.cnn data.tns > want
	cnn-step -q --steps 1 --batch 30 mixed.cnn data.tns > now.cnn
	for n in 2 1 3 4 1 2; do
		cnn-step -q --steps 1 --resume --threads $n -o now.cnn now.cnn data.tns
	done
	cmp now.cnn want
}

@test "resume: from a checkpoint that a killed run left" {
	cnn-step -q --epochs 100000 --batch 20 --checkpoint c --checkpoint-every 1 \
		--metrics m.tsv mixed.cnn data.tns > /dev/null & pid=$!
	until [ -e c ]; do kill -0 $pid; sleep 0.01; done
	kill -9 $pid
	wait $pid || :
	# whatever it had come to, the rest is what it would have been
	k=$(cnn-info c | sed -n 's/^checkpoint: step \([0-9]*\),.*/\1/p')
	cnn-step -q --resume --epochs 100000 --steps 3 --metrics m.tsv c data.tns > got
	cnn-step -q --epochs 100000 --steps $((k + 3)) --metrics w.tsv --batch 20 mixed.cnn data.tns | cmp - got
	cmp m.tsv w.tsv
}

@test "resume: more epochs than were meant at first" {
	cnn-step -q --schedule constant --epochs 4 mixed.cnn data.tns > want
	cnn-step -q --schedule constant --epochs 1 mixed.cnn data.tns > one
	cnn-step -q --epochs 4 --resume one data.tns | cmp - want
	cnn-step -q --schedule constant --epochs 2 mixed.cnn data.tns | cnn-step -q --epochs 4 --resume data.tns | cmp - want
	# none are left: the same again
	cnn-step -q --epochs 4 --resume want data.tns | cmp - want
}

@test "resume: epochs that are not given come from the checkpoint" {
	cnn-step -q --epochs 3 mixed.cnn data.tns > want
	cnn-step -q --epochs 3 --steps 3 mixed.cnn data.tns > part
	cnn-step -q --resume part data.tns | cmp - want
	cnn-step -q --resume --steps 2 part data.tns > next
	cnn-step -q --resume next data.tns | cmp - want
	run -0 --separate-stderr cnn-step --resume want data.tns -o got
	[[ $stderr == "cnn-step: nothing to do: the model already has "* ]]
	cmp got want
	# where --steps said how far there are none
	cnn-step -q --steps 3 mixed.cnn data.tns > part
	cnn-step -q --steps 7 mixed.cnn data.tns > want
	cnn-step -q --resume --steps 4 part data.tns | cmp - want
}

@test "resume: options that contradict are a usage error, the same ones are not" {
	cnn-step -q --steps 1 --batch 30 --seed 3 mixed.cnn data.tns > part
	for o in "--batch 31" "--lr 0.002" "--optimizer sgd" "--momentum 0.5" "--weight-decay 1" \
		"--schedule linear" "--amp bf16" "--shard-size 8" "--seed 4" --no-shuffle; do
		run -2 --separate-stderr cnn-step --resume $o part data.tns -o out
		says "cnn-step: ${o% *}: conflicts with the checkpoint (omit it *"
	done
	cnn-step -q --resume --epochs 2 part data.tns > want
	cnn-step -q --resume --epochs 2 --batch 30 --lr 0.001 --optimizer adam --momentum 0 \
		--weight-decay 0 --schedule constant --amp off --shard-size 16 --seed 3 \
		part data.tns | cmp - want
	cnn-step -q --no-shuffle --steps 1 mixed.cnn data.tns > part
	cnn-step -q --resume --no-shuffle part data.tns > /dev/null
}

@test "resume: arguments of the optimizer" {
	resumes tiny.cnn --optimizer adam:beta1=0.5,beta2=0.75,eps=1e-3 --weight-decay 0.1
	o=adam:beta1=0.5,weight_decay=0.1
	cnn-step -q -e 2 --steps 1 --optimizer $o tiny.cnn data.tns > part
	cnn-step -q --resume part data.tns > want
	for same in $o adam adam:beta1=0.5 adam:beta2=0.999,weight_decay=0.1 \
		"adam --weight-decay 0.1" "adam --momentum 0"; do
		cnn-step -q --resume --optimizer $same part data.tns | cmp - want
	done
	for other in sgd adam:beta1=0.6 adam:beta1=0.5,eps=1e-7 adam:weight_decay=0; do
		run -2 --separate-stderr cnn-step --resume --optimizer $other part data.tns -o out
		says "cnn-step: --optimizer: conflicts with the checkpoint (omit it *"
	done
	run -2 --separate-stderr cnn-step --resume --optimizer sgd:beta1=0.5 part data.tns -o out
	says "cnn-step: --optimizer: sgd: beta1=: unknown argument (known: momentum, weight_decay)*"
	run -2 --separate-stderr cnn-step --resume --optimizer $o --weight-decay 0.1 part data.tns -o out
	says "cnn-step: --weight-decay: is also given in --optimizer: $o"
}

@test "resume: other data are refused" {
	cnn-step -q --steps 1 mixed.cnn data.tns > part
	tensor-cat --range :102 data.tns > short
	tensor-shuf data.tns > other
	with_label 50 9 l.idx > l2
	tensor-cat i.idx l2 > relabelled
	for d in short other relabelled; do
		run -1 --separate-stderr cnn-step --resume part $d -o out
		says "cnn-step: *the data are not those that the checkpoint was trained on*"
	done
	tensor-cat --batch 9 data.tns | cnn-step -q --resume --epochs 2 part > a
	cnn-step -q --resume --epochs 2 part data.tns | cmp - a
}

# providers_of CHECKPOINT: who computed it, a run a line.
providers_of() {
	LC_ALL=C grep -aoE '[a-z0-9+_]+=cpu/[a-z]+' "$1"
}

@test "resume: the checkpoint's providers go on, whatever would be chosen now" {
	local ref="-p conv2d=ref -p relu=ref"
	cnn-step -q --steps 1 tiny.cnn data.tns | providers_of - > best
	for how in "$ref" --no-fuse "$ref -p linear=ref -p flatten=ref" ""; do
		cnn-step -q --epochs 3 $how tiny.cnn data.tns > want
		cnn-step -q --epochs 3 --steps 3 $how tiny.cnn data.tns > part
		cnn-step -q --resume part data.tns | cmp - want
		cnn-step -q --resume --device auto part data.tns | cmp - want
		cnn-step -q --resume $how part data.tns | cmp - want
		[ -z "$how" ] || ! cmp -s <(providers_of part) best
	done
}

@test "resume: what --tune chose goes on, and is not measured again" {
	cnn-step -v --tune --epochs 2 --steps 1 -o part mixed.cnn data.tns 2> log
	for p in ref onednn native; do grep -- "--tune: .*cpu/$p/.* us (predicted: " log; done
	cnn-step -v --resume -o one part data.tns 2> log
	! grep -- --tune: log
	cnn-step -q --resume --threads 1 part data.tns | cmp - one
	cmp <(providers_of part) <(providers_of one)
	# Another command that is resumed, but without --tune, measures nothing.
	cnn-step -v --epochs 2 --steps 1 -o part mixed.cnn data.tns 2> log
	! grep -- --tune: log
	run -2 --separate-stderr cnn-step -q --resume --tune part data.tns -o out
	says "cnn-step: --tune: conflicts *"
}

@test "resume: other providers than the checkpoint's are a usage error" {
	cnn-step -q --steps 1 tiny.cnn data.tns > part
	providers_of part | grep '+.*=cpu/'      # there is a run that --no-fuse would cut
	for o in "-p relu=ref" "-p conv2d=ref -p linear=ref" "-p conv2d+relu=onednn" --no-fuse \
		"--no-fuse -p linear=ref"; do
		run -2 --separate-stderr cnn-step --resume $o part data.tns -o out
		says "cnn-step: --[np]*: conflicts with the checkpoint (omit it *"
	done
	run -3 --separate-stderr cnn-step --resume -p relu=magic part data.tns -o out
	says "cnn-step: --provider: relu=magic: *has no kernel relu*"
	cnn-step -q --steps 1 --no-fuse -p relu=ref tiny.cnn data.tns > part
	run -2 --separate-stderr cnn-step --resume -p conv2d+relu=onednn part data.tns -o out
	says "cnn-step: --provider: conflicts *"
}

# forge FROM TO: a checkpoint whose text is another, and its end without a digest
forge() {
	perl -0777 -pe 'BEGIN { ($a, $b) = splice @ARGV, 0, 2 } s/\Q$a/$b/;
		s/(\xa3end)\x83(.*)\xa4xxh3\xb0.{16}$/$1\x82$2/s' "$@"
}

@test "resume: a checkpoint whose provider is not here, or makes no sense" {
	cnn-step -q --steps 1 -p relu=ref tiny.cnn data.tns > part
	forge relu1=cpu/ref relu1=cpu/ref part > got
	cnn-step -q --resume got data.tns > /dev/null
	forge relu1=cpu/ref relu1=cpu/xyz part > forged
	run -3 --separate-stderr cnn-step --resume forged data.tns -o out
	says "cnn-step: relu1: the checkpoint used cpu/xyz, which is not available, *"
	# weights are free of it
	cnn-step -q forged data.tns > /dev/null
	# A name is compared, and becomes no path.
	forge relu1=cpu/ref relu1=cpu/../ part > forged
	run -3 --separate-stderr cnn-step --resume forged data.tns -o out
	says "cnn-step: relu1: *"
	forge relu1=cpu/ref relux=cpu/ref part > forged
	run -1 --separate-stderr cnn-step --resume forged data.tns -o out
	says "cnn-step: *providers are invalid: none for relu1"
	first=$(providers_of part | head -n 1)
	for device in tpu cpx; do
		forge "$first" "${first/=cpu/=$device}" part > forged
		run -1 --separate-stderr cnn-step --resume forged data.tns -o out
		says "cnn-step: *providers are missing or invalid"
	done
	forge providers provider_ part > forged
	run -1 --separate-stderr cnn-step --resume forged data.tns -o out
	says "cnn-step: *providers are missing or invalid"
}

@test "resume: numbers that the command line would not have taken" {
	cnn-step -q -e 2 --steps 1 --optimizer sgd --momentum 0.5 --lr 0.125 tiny.cnn data.tns > part
	for change in '\xa2lr\xcb\x3f:\xa2lr\xcb\xbf:lr' '\xa2lr\xcb\x3f:\xa2lr\xcb\x7f:lr' \
		'\xa6epochs\x02:\xa6epochs\x00:epochs'; do
		IFS=: read -r from to name <<< "$change"
		perl -0777 -pe "s/(training.*?)$from/\$1$to/s or die; s/(\xa3end)\x83(.*)\xa4xxh3\xb0.{16}\$/\$1\x82\$2/s" part > forged
		run -1 --separate-stderr cnn-step --resume forged data.tns -o out
		[[ $stderr == "cnn-step: "*"checkpoint's $name is missing or invalid" ]] || { echo "$stderr"; false; }
	done
	while IFS='|' read -r from to text; do
		perl -0777 -pe "s/(training.*?)$from/\$1$to/s or die; s/(\xa3end)\x83(.*)\xa4xxh3\xb0.{16}\$/\$1\x82\$2/s" part > forged
		run -1 --separate-stderr cnn-step --resume forged data.tns -o out
		[[ $stderr == "cnn-step: "*"checkpoint's $text" ]] || { echo "$stderr"; false; }
	done <<-'END'
		momentum=0.5|momentum=1.5|optimizer_args: momentum=1.5: must be a number from 0 to 1
		momentum=0.5|memontum=0.5|optimizer_args: memontum=: unknown argument (did you mean momentum?) (known: momentum, weight_decay)
		weight_decay=0|weight_decay:0|optimizer_args: weight_decay:0: must be KEY=VALUE
		optimizer_args|optimizer_argz|momentum is missing or invalid
	END
	perl -0777 -pe "s/(training.*?optimizer\xa3)sgd/\$1sgz/s or die; s/(\xa3end)\x83(.*)\xa4xxh3\xb0.{16}\$/\$1\x82\$2/s" part > forged
	run -3 --separate-stderr cnn-step --resume forged data.tns -o out
	says "cnn-step: the checkpoint's optimizer: sgz: no such optimizer (did you mean sgd?); known: adam, sgd"
}

@test "resume: a checkpoint from before optimizers had arguments" {
	for o in "sgd --momentum 0.5 --weight-decay 0.125" "adam --weight-decay 0.125"; do
		cnn-step -q -e 3 -b 24 --optimizer $o tiny.cnn data.tns > whole
		# its two numbers in the place of the text, in a map with one entry more
		cnn-step -q -e 3 -b 24 -n 4 --optimizer $o tiny.cnn data.tns |
			perl -0777 -pe 'my ($m) = /momentum=([0-9.]+)/; $m //= 0;
				s/(\xa8training\xde)(..)/$1 . pack("n", unpack("n", $2) + 1)/se or die;
				s/(training.*?)\xaeoptimizer_args(?:\xd9(.)|([\xa0-\xbf]))(?s:(??{ "." x ($2 ? ord $2 : ord($3) & 31) }))/$1 .
					"\xa8momentum\xcb" . pack("d>", $m) . "\xacweight_decay\xcb" . pack("d>", 0.125)/se or die;
				s/(\xa3end)\x83(.*)\xa4xxh3\xb0.{16}$/$1\x82$2/s' > part
		run -1 grep -aqF optimizer_args part
		cnn-step -q --resume part data.tns | cmp - whole
		run -2 --separate-stderr cnn-step --resume --weight-decay 0.25 part data.tns -o out
		says "cnn-step: --weight-decay: conflicts with the checkpoint (omit it *"
	done
}

@test "resume: from what is no checkpoint" {
	cnn-step -q --strip mixed.cnn data.tns > stripped
	for m in stripped mixed.cnn; do
		run -1 --separate-stderr cnn-step --resume $m data.tns -o out
		says "cnn-step: *no training state to resume from*"
	done
	cnn-step -q --stream mixed.cnn data.tns > streamed
	run -1 --separate-stderr cnn-step --resume streamed data.tns -o out
	says "cnn-step: *"
}

@test "resume: with --val, with --checkpoint, with --strip" {
	cnn-step -q --epochs 3 --val data.tns --metrics w.tsv mixed.cnn data.tns > want
	cnn-step -q --epochs 3 --steps 1 --metrics m.tsv mixed.cnn data.tns > part
	cnn-step -q --epochs 3 --resume --val data.tns --checkpoint c --metrics m.tsv part data.tns > got
	cmp got want
	cmp c want
	cmp m.tsv w.tsv
	cnn-step -q --epochs 3 --strip mixed.cnn data.tns > want
	cnn-step -q --epochs 3 --strip --resume part data.tns | cmp - want
}

@test "without --resume only the weights of a checkpoint are taken" {
	cnn-step -q mixed.cnn data.tns > one
	cnn-step -q --strip mixed.cnn data.tns > bare
	a=$(cnn-step -q --batch 20 --seed 5 one data.tns | stat_of digest -)
	b=$(cnn-step -q --batch 20 --seed 5 bare data.tns | stat_of digest -)
	[ "$a" = "$b" ]
	cnn-step -q --optimizer sgd one data.tns > two
	run -1 grep -aqF @adam two
	[ "$(cnn-info two | grep -c sgd)" = 1 ]
}
