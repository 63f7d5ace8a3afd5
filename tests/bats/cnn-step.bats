#!/usr/bin/env bats
# cnn-step: trains. That the same bytes come again is determinism.bats.

bats_require_minimum_version 1.5.0

setup_file() {
	load models
	cd "$BATS_FILE_TMPDIR"
	make_files
}

setup() {
	load models
	use_files
}

# --- options ------------------------------------------------------------------------

steps_of() {
	cnn-info "$1" | sed -n 's/^checkpoint: step \([0-9]*\), epoch \([0-9]*\),.*/\1 \2/p'
}

@test "--epochs, --steps and --batch say how far" {
	[ "$(steps_of <(cnn-step -q init.cnn data.tns))" = "2 1" ]
	[ "$(steps_of <(cnn-step -q -e 3 -b 30 init.cnn data.tns))" = "12 3" ]
	[ "$(steps_of <(cnn-step -q -n 3 -b 30 init.cnn data.tns))" = "3 0" ]
	[ "$(steps_of <(cnn-step -q -n 9 -b 30 init.cnn data.tns))" = "9 2" ]
	[ "$(steps_of <(cnn-step -q -n 9 -e 1 -b 30 init.cnn data.tns))" = "4 1" ]
	[ "$(steps_of <(cnn-step -q -b 65536 init.cnn data.tns))" = "1 1" ]
	[ "$(steps_of <(cnn-step -q -b 1 -n 2 init.cnn data.tns))" = "2 0" ]
}

@test "--metrics has a line a step" {
	cnn-step -q --epochs 2 --batch 40 --schedule constant --metrics m --val data.tns init.cnn data.tns > got
	[ "$(head -1 m)" = "step	epoch	samples	loss	accuracy	lr	val_loss	val_accuracy" ]
	[ "$(cut -f1 m | xargs)" = "step 1 2 3 4 5 6" ]
	[ "$(cut -f2 m | xargs)" = "epoch 0 0 1 1 1 2" ]
	[ "$(cut -f3 m | xargs)" = "samples 40 40 20 40 40 20" ]
	[ "$(cut -f8 m | grep -c '^-$')" = 4 ]
	awk -F'\t' 'NR > 1 && !($4 > 0 && $5 >= 0 && $5 <= 1 && $6 == 0.001) { exit 1 }' m
	# the last validation is what cnn-eval says of the result
	[ "$(tail -1 m | cut -f8)" = "$(cnn-eval --tsv got data.tns | awk '$1 == "accuracy" { print $2 }')" ]
	run -1 --separate-stderr cnn-step --metrics nowhere/m init.cnn data.tns -o out
	says "cnn-step: nowhere/m: *"
	run -1 --separate-stderr cnn-step -q --metrics /dev/full init.cnn data.tns -o out
	says "cnn-step: /dev/full: *No space left*"
}

@test "--val changes no result, and the log has it" {
	cnn-step -q --epochs 2 init.cnn data.tns > want
	cnn-step -q --epochs 2 --val data.tns init.cnn data.tns | cmp - want
	run -0 --separate-stderr cnn-step --epochs 2 --val data.tns init.cnn data.tns -o got
	[[ $stderr == *"epoch 1: "*", validation loss "*", validation accuracy "*"epoch 2: "* ]]
	run -1 --separate-stderr cnn-step --val nowhere init.cnn data.tns -o out
	says "cnn-step: nowhere: *"
	run -1 --separate-stderr cnn-step --val i.idx init.cnn data.tns -o out
	says "cnn-step: i.idx: no field label*"
}

@test "--schedule" {
	for s in constant linear cosine; do
		cnn-step -q --epochs 2 --batch 25 --lr 0.8 --optimizer sgd --schedule $s -m $s init.cnn data.tns > $s.cnn
	done
	[ "$(cut -f6 constant | xargs)" = "lr 0.8 0.8 0.8 0.8 0.8 0.8 0.8 0.8" ]
	[ "$(cut -f6 linear | xargs)" = "lr 0.8 0.7 0.6 0.5 0.4 0.3 0.2 0.1" ]
	# Whoever says how long the run is gets a rate that ends at zero.
	cnn-step -q --epochs 2 --batch 25 --lr 0.8 --optimizer sgd init.cnn data.tns | cmp - linear.cnn
	cnn-step -q --steps 8 --batch 25 --lr 0.8 --optimizer sgd -m auto init.cnn data.tns > auto.cnn
	cmp auto constant
	awk -F'\t' 'NR > 1 { want = 0.4 * (1 + cos(3.14159265358979 * (NR - 2) / 8));
		if (($6 - want) ^ 2 > 1e-14) exit 1 }' cosine
	run -2 --separate-stderr cnn-step --schedule step init.cnn data.tns -o out
	says "cnn-step: --schedule: step: no such schedule; known: auto, constant, linear, cosine*"
	run -2 --separate-stderr cnn-step --schedule linear:end=0 init.cnn data.tns -o out
	says "cnn-step: --schedule: linear: end=: unknown argument (known: none)*"
	run -2 --separate-stderr cnn-step --stream --schedule cosine init.cnn data.tns -o out
	says "cnn-step: --schedule: cosine: can't be combined with --stream: *"
}

@test "--optimizer with arguments" {
	# a short form and the argument are the same, and so are a default and none
	cnn-step -q --optimizer sgd --momentum 0.9 --weight-decay 0.1 init.cnn data.tns > want
	cnn-step -q --optimizer sgd:momentum=0.9,weight_decay=0.1 init.cnn data.tns | cmp - want
	cnn-step -q --optimizer sgd:weight_decay=1e-1 --momentum .9 init.cnn data.tns | cmp - want
	cnn-step -q init.cnn data.tns > want
	cnn-step -q --optimizer adam:beta2=0.999,beta1=0.9,weight_decay=0 init.cnn data.tns | cmp - want
	for o in adam adam:beta1=0.5 adam:beta2=0.5 adam:eps=0.1 adam:weight_decay=0.1 \
		adam:beta1=0,beta2=0 sgd sgd:momentum=0.5 sgd:weight_decay=0.5; do
		cnn-step -q --strip --epochs 2 --optimizer $o init.cnn data.tns | stat_of digest -
	done > digests
	[ "$(sort -u digests | wc -l)" = 9 ]
	# The history repeats what was asked for, the checkpoint has all arguments.
	cnn-step -q --optimizer adam:eps=1e-4,beta1=0.5 --weight-decay 0.25 init.cnn data.tns > m
	[[ $(tensor-stat --tsv m) == *'"optimizer": "adam:beta1=0.5,eps=0.0001", '*'"weight-decay": 0.25, '* ]]
	grep -qaF 'beta1=0.5,beta2=0.999,eps=0.0001,weight_decay=0.25' m
	[[ $(cnn-info m) == *"checkpoint: step 2, epoch 1, adam"* ]]
}

@test "--optimizer: misuse" {
	while IFS='|' read -r options text; do
		run -2 --separate-stderr cnn-step $options init.cnn data.tns -o out
		says "cnn-step: $text"
	done <<-'END'
		--optimizer lion|--optimizer: lion: no such optimizer; known: adam, sgd
		--optimizer lion:beta1=0.9|--optimizer: lion: no such optimizer; known: adam, sgd
		--optimizer adam:beta3=1|--optimizer: adam: beta3=: unknown argument (did you mean beta1?) (known: beta1, beta2, eps, weight_decay)
		--optimizer sgd:momentum|--optimizer: sgd: momentum: must be KEY=VALUE
		--optimizer sgd:momentum=|--optimizer: sgd: momentum=: must be a number from 0 to 1
		--optimizer sgd:momentum=1.5|--optimizer: sgd: momentum=1.5: must be a number from 0 to 1
		--optimizer sgd:momentum=0,9|--optimizer: sgd: 9: must be KEY=VALUE
		--optimizer adam:beta1=1|--optimizer: adam: beta1=1: must be a number from 0 to 0.999999
		--optimizer adam:eps=1e-3,eps=1e-3|--optimizer: adam: eps= is given twice
		--optimizer adam:|--optimizer: adam: an empty argument: must be KEY=VALUE
		--optimizer sgd:momentum=0.9 --momentum 0.9|--momentum: is also given in --optimizer: sgd:momentum=0.9
		--optimizer adam:weight_decay=0 --weight-decay 0|--weight-decay: is also given in --optimizer: adam:weight_decay=0
		--optimizer adam:beta1=0.8 --momentum 0.9|--momentum: does not apply to adam, only to sgd
	END
}

@test "--help lists the optimizers and schedules with their arguments" {
	text=$(cnn-step --help | tr -s ' \n' ' ')
	[[ $text == *" adam: "*" (beta1=0.9, beta2=0.999, eps=1e-08, weight_decay=0) sgd: "* ]]
	[[ $text == *" sgd: stochastic gradient descent (momentum=0, weight_decay=0) "* ]]
	[[ $text == *"[auto] auto: "*" constant: "*" linear: linear decay to 0 cosine: "* ]]
	[ "$(cnn-step --help | awk '{ n = length > n ? length : n } END { print n }')" -le 79 ]
}

@test "--lr, --momentum, --weight-decay and --optimizer change the result" {
	for o in "" "--lr 0.01" "--optimizer sgd" "--optimizer sgd --momentum 0.9" \
		"--weight-decay 0.1" "--optimizer sgd --weight-decay 0.1" "--seed 1" \
		"--batch 32" "--no-shuffle"; do
		cnn-step -q --strip --epochs 2 $o init.cnn data.tns | stat_of digest -
	done > digests
	[ "$(sort -u digests | wc -l)" = 9 ]
	# with the rate 0 nothing moves
	cnn-step -q --strip --lr 0 --optimizer sgd init.cnn data.tns > still
	[ "$(stat_of digest still)" = "$(stat_of digest init.cnn)" ]
}

@test "--strip writes the weights alone" {
	cnn-step -q init.cnn data.tns > full
	cnn-step -q --strip init.cnn data.tns > bare
	grep -qa 'adam' <(tensor-stat --tsv full)
	run -0 bash -c "tensor-stat --tsv bare | grep 'dtype'"
	[ "$output" = "conv1.weight.dtype	float32
conv1.bias.dtype	float32
fc1.weight.dtype	float32
fc1.bias.dtype	float32" ]
	diff <(tensor-stat --tsv full | grep -v @ | grep -E '(min|max|mean|std)') \
		<(tensor-stat --tsv bare | grep -E '(min|max|mean|std)')
	diff <(cnn-predict --tsv full data.tns) <(cnn-predict --tsv bare data.tns)
	[ "$(stat -c %s bare)" -lt "$(stat -c %s full)" ]
}

@test "what changes no result stays out of the history" {
	cnn-step -q init.cnn data.tns > want
	cnn-step -q --threads 1 --checkpoint c --metrics m --val data.tns -o got init.cnn data.tns
	cmp got want
	cmp c want
	[[ $(tensor-stat --tsv want | grep ^history) == *'"tool": "cnn-init"'*'"tool": "cnn-step"'* ]]
	[[ $(tensor-stat --tsv want | grep ^history) != *threads* ]]
	# nor does anything tell where and when it was made
	run -1 grep -aE "$PWD|$(hostname)|/tmp" want
}

@test "how far a rate falls is in the history" {
	cnn-step -q -e 1 --strip init.cnn data.tns > one
	cnn-step -q -e 50 -n 2 -b 50 --strip init.cnn data.tns > other
	cnn-step -q -n 2 -b 50 --strip init.cnn data.tns > constant
	[[ $(tensor-stat --tsv one | grep ^history) == *'"steps": 2, "planned_steps": 2}'* ]]
	[[ $(tensor-stat --tsv other | grep ^history) == *'"steps": 2, "planned_steps": 100}'* ]]
	[[ $(tensor-stat --tsv constant | grep ^history) == *'"steps": 2}'* ]]
}

@test "--metrics goes to a pipe or a device as it goes to a file, on a resume too" {
	cnn-step -q -e 1 -b 50 init.cnn data.tns > one.cnn
	cnn-step -q -e 2 --resume -m m one.cnn data.tns > want
	mkfifo f
	cat f > piped &
	cnn-step -q -e 2 --resume -m f one.cnn data.tns | cmp - want
	wait
	cmp piped m
	cnn-step -q -e 2 --resume -m /dev/null one.cnn data.tns | cmp - want
	run -2 --separate-stderr cnn-step -m - init.cnn data.tns -o out
	says "cnn-step: --metrics: -: must be a file"
}

@test "weights that are no numbers are told of, whatever the loss says" {
	perl -e 'print pack("N4", 0xd03, 3, 8, 8), "\x7f\xc0\0\0" x (3 * 64)' > nan.idx
	perl -e 'print pack("NN", 0x801, 3), "\0\1\2"' > three.idx
	run -0 --separate-stderr cnn-step -n 2 -o got init.cnn nan.idx three.idx
	[[ $stderr == *"the loss is not finite"* || $stderr == *"values are not finite"* ]]
	run -0 --separate-stderr cnn-step -n 2 -o got init.cnn data.tns
	[[ $stderr != *"not finite"* ]]
	# no pooling makes a number of windows that have none
	printf '%s\n' 'input 1x8x8' 'maxpool2d kernel=3' relu 'maxpool2d kernel=2' flatten \
		'linear out=10' cross_entropy | cnn-init > pools.cnn
	for o in "" "--no-fuse" "-p maxpool2d=ref"; do
		run -0 --separate-stderr cnn-step -n 1 -m m $o -o got pools.cnn nan.idx three.idx
		[[ $stderr == *"step 1: the loss is not finite"* ]]
		[ "$(tail -n 1 m | cut -f4)" = nan ]
	done
}

@test "steps that were all skipped are told of, and can be gone on from" {
	perl -e 'print pack("N4", 0xd03, 3, 8, 8), "\x7f\x80\0\0" x (3 * 64)' > inf.idx
	perl -e 'print pack("NN", 0x801, 3), "\0\1\2"' > three.idx
	run -0 --separate-stderr cnn-step --amp fp16 -n 160 -b 3 -o got init.cnn inf.idx three.idx
	[[ $stderr == *$'\n'"cnn-step: all 160 steps were skipped: "* ]]
	cnn-step -q --resume -n 2 got inf.idx three.idx > more
	[ "$(weights more)" = "$(weights init.cnn)" ]
}

@test "a net without parameters is trained, and its training taken up" {
	printf 'input 1x8x8\nflatten\ncross_entropy\n' | cnn-init > none.cnn
	cnn-step -q -e 1 none.cnn data.tns > one
	cnn-step -q -e 2 --resume one data.tns | cmp - <(cnn-step -q -e 2 none.cnn data.tns)
}

@test "--val takes standard input, if nobody else does" {
	cnn-step -q -e 1 --val data.tns -m want init.cnn data.tns > end.cnn
	cnn-step -q -e 1 --val - -m m init.cnn data.tns < data.tns | cmp - end.cnn
	cmp m want
	run -2 --separate-stderr cnn-step --val - init.cnn - -o out < data.tns
	says "cnn-step: --val: -: standard input is already an operand"
	run -2 --separate-stderr cnn-step --val - -o out < data.tns
	says "cnn-step: --val: -: standard input is already an operand"
	run -2 --separate-stderr cnn-step --val - init.cnn -o out < data.tns
	says "cnn-step: no data in any operand, and standard input is used by --val"
}

@test "--checkpoint and --checkpoint-every" {
	cnn-step -q --batch 25 --epochs 2 --checkpoint c --checkpoint-every 3 init.cnn data.tns > /dev/null
	[ "$(steps_of c)" = "6 1" ]
	cnn-step -q --batch 25 --epochs 3 --steps 10 --checkpoint c init.cnn data.tns > /dev/null
	[ "$(steps_of c)" = "8 2" ]
	run -2 --separate-stderr cnn-step --checkpoint-every 3 init.cnn data.tns -o out
	says "cnn-step: --checkpoint-every: needs --checkpoint"
	run -1 --separate-stderr cnn-step -q --checkpoint nowhere/c init.cnn data.tns -o out
	says "cnn-step: nowhere/c*"
}

@test "--stream: --metrics has the rows of a run that holds the data" {
	cnn-step -q --no-shuffle --schedule constant -b 40 --metrics want init.cnn data.tns > held
	cnn-step -q --stream -b 40 --metrics m init.cnn data.tns > streamed
	# The end of the data is not known before they end: no epoch is finished.
	awk -F'\t' -v OFS='\t' 'NR > 1 { $2 = 0 } 1' want | diff - m
	# Data may be named more than once.
	cnn-step -q --stream -b 50 --metrics m init.cnn data.tns data.tns > streamed
	[ "$(cut -f1 m | xargs)" = "step 1 2 3 4" ]
}

@test "--stream: misuse" {
	for o in --resume "--val data.tns" "--epochs 2" --time-epochs; do
		run -2 --separate-stderr cnn-step --stream $o init.cnn data.tns -o out
		says "cnn-step: --stream *"
	done
	cnn-step -q --stream -c c init.cnn data.tns > end.cnn
	cmp c end.cnn
	run -1 --separate-stderr cnn-step --resume end.cnn data.tns -o out
	says "cnn-step: trained with --stream: can't be resumed, as its position in the data is unknown"
	run -1 --separate-stderr bash -c "cat data.tns init.cnn | cnn-step --stream -o out"
	says "cnn-step: *contains data, but *begins with a model"
}

@test "--amp: half precision trains to nearly the same weights" {
	cnn-step -q --optimizer sgd --lr 0.1 init.cnn data.tns > full
	for amp in bf16 fp16; do
		cnn-step -q --optimizer sgd --lr 0.1 --amp $amp init.cnn data.tns > half
		run -1 cmp -s full half
		for p in conv1.weight fc1.weight; do
			a=$(stat_of $p.std full) b=$(stat_of $p.std half)
			awk "BEGIN { exit !(($a - $b) ^ 2 < ($a * 0.02) ^ 2) }" || { echo "$amp $p $a $b"; false; }
		done
	done
}

@test "providers are chosen, named and refused" {
	cnn-step -q init.cnn data.tns > want
	cnn-step -q --provider conv2d=ref --provider linear=ref init.cnn data.tns > got
	[ "$(stat_of samples want)" = "$(stat_of samples got)" ]
	cnn-step -q --no-fuse init.cnn data.tns > /dev/null
	run -3 --separate-stderr cnn-step --provider conv2d=magic init.cnn data.tns -o out
	says "cnn-step: *magic*"
	run -2 --separate-stderr cnn-step --provider conv2d init.cnn data.tns -o out
	says "cnn-step: --provider: conv2d: must be TYPE=NAME"
}

@test "devices" {
	cnn-step -q init.cnn data.tns > want
	cnn-step -q --device cpu init.cnn data.tns | cmp - want
	run -2 --separate-stderr cnn-step --device tpu init.cnn data.tns -o out
	says "cnn-step: *tpu*"
	cnn-info --devices | grep -q '^device  cuda   none' || skip "a CUDA device is there"
	cnn-step -q --device auto init.cnn data.tns | cmp - want
	run -3 --separate-stderr cnn-step --device cuda init.cnn data.tns -o out
	says "cnn-step: *cuda*"
	run -3 --separate-stderr cnn-step --device cuda:1 init.cnn data.tns -o out
	says "cnn-step: *cuda*"
}

@test "--profile tells of each operation, and changes no byte" {
	run -0 --separate-stderr cnn-step --profile --no-fuse --steps 2 -q -o out init.cnn data.tns
	for line in 'conv1 +forward ' 'conv1 +backward ' 'fc1 +forward ' '- +gather ' \
		'- +update ' 'all .*\(mean of 1 steps?\)'; do
		grep -qE "^$line" <<< "$stderr" || { echo "no $line in $stderr"; false; }
	done
	cnn-step -q --no-fuse --steps 2 init.cnn data.tns | cmp - out
}

# epochs FILE: the epochs that --time-epochs printed, as "number samples"
epochs() {
	sed -nE 's/^cnn-step: epoch ([0-9]+): [0-9]+\.[0-9]{3} ms, ([0-9]+) samples$/\1 \2/p' "$1"
}

@test "--time-epochs prints the time of each epoch, and changes no byte" {
	cnn-step -q -e 3 init.cnn data.tns > want
	cnn-step -q -e 3 --time-epochs init.cnn data.tns 2> said | cmp - want
	n=$(cnn-eval --tsv init.cnn data.tns | awk 'NF == 2 && $1 == "samples" { print $2 }')
	[ "$(wc -l < said)" = 3 ]
	[ "$(epochs said)" = "$(printf '%s\n' "1 $n" "2 $n" "3 $n")" ]
	# Times are positive, and those of three epochs no longer than the run.
	begin=${EPOCHREALTIME//./}
	cnn-step -q -e 3 --time-epochs --val data.tns init.cnn data.tns -o out 2> said
	took=$((${EPOCHREALTIME//./} - begin))
	sed 's/.*: \(.*\) ms.*/\1/' said | awk -v most="$took" '
		{ bad += $1 <= 0; sum += 1000 * $1 } END { exit !(NR == 3 && !bad && sum < most) }'
	# A part of an epoch counts when its end is reached.
	cnn-step -q -b 16 -e 2 -n 3 --time-epochs init.cnn data.tns -o half.cnn 2> said
	[ ! -s said ]
	cnn-step -q --time-epochs --resume half.cnn data.tns -o out 2> said
	[ "$(epochs said)" = "$(printf '%s\n' "1 $((n - 48))" "2 $n")" ]
	rm out
	run -2 --separate-stderr cnn-step --stream --time-epochs init.cnn data.tns -o out
	says "cnn-step: --stream *--time-epochs"
}

@test "--max-memory refuses what takes more" {
	run -1 --separate-stderr cnn-step --max-memory 1 --batch 4096 --shard-size 4096 \
		init.cnn data.tns data.tns data.tns data.tns data.tns data.tns data.tns \
		data.tns -o out
	says "cnn-step: *--max-memory*"
	printf 'input 1x8x8\nflatten\nlinear out=10000\nlinear out=10\ncross_entropy\n' | cnn-init > big.cnn
	run -1 --separate-stderr cnn-step --max-memory 2 big.cnn data.tns -o out
	says "cnn-step: big.cnn: *--max-memory*"
	run -1 --separate-stderr cnn-step --max-memory 5 big.cnn data.tns -o out
	says "cnn-step: *--max-memory*"
	# (oneDNN 3 takes more scratch memory than 2)
	cnn-step -q --max-memory 2000 big.cnn data.tns > /dev/null
}

@test "a net whose moments no header can hold is refused before it is trained" {
	{ echo input 4; yes 'linear out=4' | head -700; echo cross_entropy; } | cnn-init > deep.cnn
	perl -e 'print pack("NNN", 0x0802, 8, 4), "x" x 32' > flat.idx
	perl -e 'print pack("NN", 0x0801, 8), "\1" x 8' > flat-labels.idx
	tensor-cat --field image=flat.idx --field label=flat-labels.idx -o flat.tns
	run -1 --separate-stderr cnn-step deep.cnn flat.tns -o out
	says "cnn-step: 4200 parameters and moments of adam: *at most 4096"
	[ ! -e out ]
	# sgd has one moment, not two
	cnn-step -q --optimizer sgd deep.cnn flat.tns | tensor-cat > /dev/null
}

@test "misuse of options" {
	for o in "--epochs 0" "--epochs x" "--steps 0" "--batch 0" "--batch 65537" "--lr x" \
		"--lr -1" "--lr nan" "--lr 1e7" "--momentum 1.5" "--weight-decay -1" \
		"--optimizer lion" "--amp int8" "--shard-size 0" "--seed -1" "--threads 1025" \
		"--checkpoint-every 0" "--max-memory -1"; do
		set -- $o
		run -2 --separate-stderr cnn-step $1=$2 init.cnn data.tns -o out
		says "cnn-step: $1: $2: *"
	done
	run -2 --separate-stderr cnn-step --strips init.cnn data.tns -o out
	says "cnn-step: *--strips*"
	run -2 --separate-stderr cnn-step --lr
	[[ $stderr == "cnn-step: "* ]]
	run -2 --separate-stderr cnn-step --momentum 0.9 init.cnn data.tns -o out
	says "cnn-step: --momentum: does not apply to adam, only to sgd"
	[ ! -e out ]
}

# --- manners ------------------------------------------------------------------------

@test "quiet by -q; no bars and no colours where there is no terminal" {
	run -0 --separate-stderr cnn-step -q init.cnn data.tns -o got
	[ -z "$output$stderr" ]
	run -0 --separate-stderr cnn-step init.cnn data.tns -o got
	[ -z "$output" ]
	[[ $stderr != *$'\r'* && $stderr != *$'\e'* ]]
}

@test "--help and --version" {
	run -0 --separate-stderr cnn-step --help
	[[ $output == "Usage: cnn-step "*--resume*--max-memory* && -z $stderr ]]
	run -0 --separate-stderr cnn-step -V
	[[ $output == "cnn-step (cnntools) "* && -z $stderr ]]
}

# log: standard input without the digits of what depends on the clock.
log() {
	sed -E 's|, [0-9]+ samples/s$|, N samples/s|; s|[0-9.]+ s$|N s|'
}

@test "the log has a line per epoch and a last one, and -q none" {
	cnn-step -b 40 -e 2 -m m --val data.tns init.cnn data.tns -o got 2> said
	# The means of the steps, as the table of metrics has them.
	awk -F'\t' 'NR > 1 { n++; all += $3; c += $3; loss += $3 * $4; acc += $3 * $5 }
		$7 != "-" && NR > 1 {
			printf "cnn-step: epoch %d: %d steps, loss %.4f, accuracy %.2f %%, ", $2, n, loss / c, 100 * acc / c
			printf "validation loss %.4f, validation accuracy %.2f %%, N samples/s\n", $7, 100 * $8
			n = c = loss = acc = 0
		}
		END { printf "cnn-step: finished: 2 epochs, 6 steps; %d samples in N s\n", all }' m > want
	log < said | diff want -
	cnn-step -b 40 -e 2 init.cnn data.tns -o got 2>&1 | log > said
	sed 's/validation loss.*%, //' want | diff - said
	# Steps of an unfinished epoch, and the rest of it in another run.
	cnn-step -b 40 -e 2 -n 4 init.cnn data.tns 2> said > part
	[ "$(log < said | sed 's/loss.*%, //')" = "cnn-step: epoch 1: 3 steps, N samples/s
cnn-step: epoch 2, unfinished: 1 step, N samples/s
cnn-step: finished: 1 epoch, 4 steps; 140 samples in N s" ]
	cnn-step -r part data.tns 2>&1 > got | log > said
	[ "$(sed 's/loss.*%, //' said)" = "cnn-step: epoch 2: 2 steps, N samples/s
cnn-step: finished: 2 epochs, 6 steps; 60 samples in N s" ]
	# A stream has no epochs.
	cnn-step --stream -b 40 init.cnn data.tns data.tns 2>&1 > got | log > said
	[ "$(sed 's/loss.*%, //' said)" = "cnn-step: 5 steps, N samples/s
cnn-step: finished: 5 steps; 200 samples in N s" ]
	for o in "-e 2 --val data.tns" --stream; do
		cnn-step -q $o init.cnn data.tns 2> said > got
		[ ! -s said ]
	done
	# What was not written is not called finished.
	run -1 --separate-stderr bash -c "cnn-step init.cnn data.tns > /dev/full"
	[[ $stderr == *"epoch 1: "*"No space left"* && $stderr != *finished* ]]
}

# drawn COLUMNS COMMAND: what a terminal of that width gets, one line per carriage return.
drawn() {
	env -u NO_COLOR TERM=xterm script -qec "stty cols $1; $2" /dev/null | tr '\r' '\n' | tr -s '\n'
}

@test "a progress bar has only whole parts, and makes way for messages" {
	command -v script > /dev/null || skip "no script(1)"
	step="cnn-step --threads 1 --batch 1 -e 300 --val data.tns -o out init.cnn data.tns"
	for columns in 20 40 60 130; do
		drawn $columns "$step" > got
		# A message starts its line, above the bar that is drawn again.
		[ "$(grep -c '^cnn-step: epoch .*samples/s$' got)" = 300 ]
		[ "$(grep -c 'cnn-step: ' got)" = 301 ]
		grep '^train' got | sed 's/ *$//' > bars
		[ -s bars ]
		[ "$(grep -cvE '^train( \[[#-]{4,20}\])? [0-9]+%(  epoch [0-9]+(  loss [0-9.]+(  acc [0-9.]+%)?)?)?(  [0-9,]+ samples/s)?(  [0-9]+:[0-9]+ left)?$' bars)" = 0 ]
		[ "$(awk '{ n = length > n ? length : n } END { print n }' bars)" -lt $columns ]
	done
	# The widest has them all.
	grep -qE '^train \[.*  acc .*samples/s  .* left$' bars
	drawn 60 "$step" | sed 's/ *$//' | grep -E '^train [0-9]+%  epoch [0-9]+  loss [0-9.]+  acc [0-9.]+%  [0-9]+:[0-9]+ left$'
}

@test "a terminal is shown how far it is, on one line that goes away" {
	command -v script > /dev/null || skip "no script(1)"
	step="cnn-step --threads 1 --batch 1 -e 600 -o out init.cnn data.tns"
	run env -u NO_COLOR TERM=xterm script -qec "$step" /dev/null
	[[ $output == *$'\r'"train ["[#-]*"]"*"%  epoch "*"loss "* ]]
	grep -aqE $'\r +\r' <<< "$output"
	for off in TERM=dumb NO_COLOR=1; do
		run env -u NO_COLOR TERM=xterm $off script -qec "$step" /dev/null
		[[ $output != *"train "* ]]
	done
	run env -u NO_COLOR TERM=xterm script -qec "$step -q" /dev/null
	[[ $output != *"train "* ]]
}

@test "a full disk, a terminal, a reader that goes away" {
	run -1 --separate-stderr bash -c "cnn-step -q init.cnn data.tns > /dev/full"
	[[ $stderr == "cnn-step: standard output: "*"No space left"* ]]
	run -1 --separate-stderr cnn-step -q --checkpoint /dev/full init.cnn data.tns -o out
	[[ $stderr == "cnn-step: /dev/full"* ]]
	[ ! -e out ]
	run -1 --separate-stderr cnn-step -q init.cnn data.tns -o nowhere/out
	[[ $stderr == "cnn-step: nowhere/out"* ]]
	command -v script > /dev/null || skip "no script(1)"
	run -2 script -qec "cnn-step init.cnn data.tns" /dev/null
	[[ $output == *"standard output: is a terminal"* ]]
	run -2 script -qec "cnn-step init.cnn > out" /dev/null
	[[ $output == *"data operands are missing, and standard input is a terminal"* ]]
	for o in "" --stream; do
		run -2 script -qec "cnn-step $o data.tns > out" /dev/null
		[[ $output == *"the model operand is missing, and standard input is a terminal"* ]]
	done
	run -2 script -qec "cnn-step > out" /dev/null
	[[ $output == *"model and data operands are missing, and standard input is a terminal"* ]]
	run -2 script -qec "cnn-step init.cnn - > out" /dev/null
	[[ $output == *"standard input: is a terminal"* ]]
}
