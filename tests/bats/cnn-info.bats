#!/usr/bin/env bats
# cnn-info: devices, plugins, and what a model is made of.

bats_require_minimum_version 1.5.0

setup() {
	load models
	cd "$BATS_TEST_TMPDIR"
	export NO_COLOR=1
	tiny > tiny.net
	cnn-init tiny.net > init.cnn
	data data.tns 20 8 8
}

@test "alone: devices and plugins, and where they are" {
	run -0 --separate-stderr cnn-info
	[ -z "$stderr" ]
	[[ $output == "device  cpu "*$'\n'"device  cuda "* ]]
	[[ $output == *"plugins cpu/ref in /"*"/plugins/cpu/ref"$'\n'"  conv "*" conv2d"$'\n'* ]]
	[[ $output == *"  device       the device"$'\n'* && $output == *" adam, sgd"$'\n'* ]]
	[[ $output == *" relu, normalize, add, flatten, dropout"$'\n'* ]]
	run -0 cnn-info --devices
	[[ $output == "device  cpu "*$'\n'"device  cuda "* && $output != *$'\n'plugins* ]]
	run -0 cnn-info --devices
	[[ $output != *conv1* ]]
}

@test "a model: layers, shapes, parameters, and who computes them" {
	run -0 --separate-stderr cnn-info init.cnn
	[ -z "$stderr" ]
	[[ ${lines[1]} =~ ^input\ +input\ +1x8x8\ +0 ]]
	[[ ${lines[2]} =~ ^conv1\ +conv2d\ +2x6x6\ +20\ +1296\ +cpu/ ]]
	[[ ${lines[4]} =~ ^maxpool2d1\ +maxpool2d\ +2x3x3\ +0 ]]
	[[ ${lines[6]} =~ ^fc1\ +linear\ +10\ +190\ +360\ +cpu/ ]]
	[[ ${lines[8]} =~ ^all\ +210\  ]]
	[[ $output == *"tensors copied to another layout: "[0-9]* ]]
	[[ $output == *"memory at batch 64: "* ]]
	[[ $output != *checkpoint* ]]
	# Standard input is read where it is asked for: without operands, what is here.
	cnn-info < init.cnn | cmp - <(cnn-info)
	cnn-info - < init.cnn | cmp - <(cnn-info init.cnn)
	cnn-info <(cat init.cnn) | cmp - <(cnn-info init.cnn)
}

@test "the seed's numbers" {
	cnn-init "$BATS_TEST_DIRNAME/../../examples/seed.net" > seed.cnn
	run -0 cnn-info seed.cnn
	[[ $output =~ fc1\ +linear\ +128\ +204928\ +409600\  ]]
	[[ $output =~ all\ +225034\ +5319656 ]]
}

@test "--training shows what would train it" {
	cnn-init - <<< 'input 1x8x8
conv2d out=4 kernel=3
dropout
flatten
linear out=10
cross_entropy' > m
	run -0 cnn-info --training m
	[[ $output =~ dropout1\ +dropout\ .*cpu/ref ]]
	run -0 cnn-info m
	[[ $output =~ dropout1\ +dropout ]]
	grep -v cross tiny.net | cnn-init > no.cnn
	cnn-info no.cnn
	run -1 --separate-stderr cnn-info --training no.cnn
	[[ $stderr == "cnn-info: "*"no loss"* ]]
}

@test "the choice of providers is shown, and can be made" {
	run -0 cnn-info --provider conv2d=ref --provider linear=ref init.cnn
	[[ $output =~ conv1\ +conv2d\ .*cpu/ref ]]
	[[ $output =~ fc1\ +linear\ .*cpu/ref ]]
	[[ $(cnn-info --no-fuse init.cnn) != *"same run"* ]]
	run -3 --separate-stderr cnn-info --provider conv2d=magic init.cnn
	says "cnn-info: *magic*"
	run -2 --separate-stderr cnn-info --provider conv2d init.cnn
	says "cnn-info: --provider: conv2d: *"
}

@test "the batch and the instruction set count" {
	[[ $(cnn-info init.cnn) == *"memory at batch 64: "* ]]
	[[ $(cnn-info -b 7 init.cnn) == *"memory at batch 7: "* ]]
	[[ $(cnn-info --isa sse41 init.cnn) == *"memory at batch 64: "* ]]
	run -2 --separate-stderr cnn-info --isa mmx init.cnn
	says "cnn-info: --isa: *mmx*"
}

@test "a checkpoint says where its training stands" {
	cnn-step -q --epochs 2 --steps 3 --batch 10 --optimizer sgd init.cnn data.tns > c
	[[ $(cnn-info c) == *"checkpoint: step 3, epoch 1, sgd"* ]]
	cnn-step -q --strip init.cnn data.tns > s
	[[ $(cnn-info s) != *checkpoint* ]]
}

@test "--net gives the text back" {
	printf '# a\n\ninput 1x8x8   # b\r\n flatten\n\tlinear  out=3' > odd.net
	cnn-init odd.net > m
	tr -d '\r' < odd.net > want.net
	cnn-info --net m | cmp - want.net
	cnn-info --net init.cnn | cnn-init | cmp - init.cnn
	cnn-step -q init.cnn data.tns | cnn-info --net - | cmp - tiny.net
}

@test "neither a net's comments nor a checkpoint's optimizer drives a terminal" {
	printf '# \e]0;x\a\xc2\x9b31m \xe2\x80\xae \xff Gr\xc3\xb6\xc3\x9fe\n#\rinput 1x8x8\r\ninput\r1x8x8\nflatten\nlinear out=3' > odd.net
	printf '# ?]0;x???31m ??? ? Gr\xc3\xb6\xc3\x9fe\n# input 1x8x8\ninput 1x8x8\nflatten\nlinear out=3' > want.net
	cnn-init odd.net > m
	cnn-info --net m | cmp - want.net
	cnn-init want.net | cnn-info - > want
	cnn-info m | cmp - want
	cnn-step -q --optimizer sgd init.cnn data.tns > c
	perl -pe 's/(\xa9optimizer\xa3)sgd/$1\e[m/; s/xxh3\xb0/xxhx\xb0/' c > x
	run -1 cmp -s c x
	cnn-info x > said
	grep -q '^checkpoint: step .*, ?\[m$' said
	run -1 grep $'\e' said
}

@test "what is no model is refused" {
	run -1 --separate-stderr cnn-info data.tns
	says "cnn-info: no model in data.tns (tensor-stat describes data)"
	run -1 --separate-stderr cnn-info tiny.net
	says "cnn-info: tiny.net: unknown format*"
	run -1 --separate-stderr cnn-info nowhere
	says "cnn-info: nowhere: *No such file*"
	cat init.cnn data.tns > both
	run -1 --separate-stderr cnn-info both
	says "cnn-info: both: also contains data: give only a model"
	cat init.cnn init.cnn > both
	run -2 --separate-stderr cnn-info both
	says "cnn-info: both: second model: only one is allowed"
	head -c -3 init.cnn > cut
	run -1 --separate-stderr cnn-info cut
	says "cnn-info: cut: *truncated *"
	run -1 --separate-stderr cnn-info - < /dev/null
	says "cnn-info: standard input is empty: no data given?"
}

@test "the sizes of a net take no memory" {
	cat > huge.net <<-'END'
		input 1x2x2
		conv2d out=1 kernel=1 padding=8000
		batchnorm2d
		relu
		avgpool2d kernel=16002
		flatten
		linear out=3
		cross_entropy
	END
	cnn-init huge.net > huge.cnn
	for o in "" --training "--training --batch 65536"; do
		# The libraries take some of these 600 MB.
		(ulimit -v 600000; cnn-info $o huge.cnn) > said
		[ "$(sed -n 's/^memory at batch [0-9]*: \([0-9]*\)\..* MiB$/\1/p' said)" -gt 10000 ]
	done
	run -1 --separate-stderr cnn-info --max-memory 3000 huge.cnn
	says "cnn-info: *--max-memory*"
}

@test "misuse, --device, --max-memory" {
	run -2 --separate-stderr cnn-info init.cnn init.cnn
	says "cnn-info: *"
	run -2 --separate-stderr cnn-info --no-such
	says "cnn-info: *--no-such*"
	run -2 --separate-stderr cnn-info --device tpu init.cnn
	says "cnn-info: *tpu*"
	run -2 --separate-stderr cnn-info --devices init.cnn
	[[ $stderr == "cnn-info: --devices: takes no operands"* ]]
	for o in net training; do
		run -2 --separate-stderr cnn-info --$o < init.cnn
		[[ $stderr == "cnn-info: --$o: needs a model"* ]]
	done
	printf 'input 1000\nlinear out=1000\n' | cnn-init > big
	run -1 --separate-stderr cnn-info --max-memory 3 big
	says "cnn-info: *--max-memory*"
	cnn-info --devices | grep -q '^device  cuda   none' || skip "a CUDA device is there"
	run -3 --separate-stderr cnn-info --device cuda init.cnn
	says "cnn-info: *cuda*"
}

@test "--help, --version, a full disk" {
	run -0 --separate-stderr cnn-info --help
	[[ $output == "Usage: cnn-info "*--devices* && -z $stderr ]]
	run -0 --separate-stderr cnn-info -V
	[[ $output == "cnn-info (cnntools) "* && -z $stderr ]]
	for o in "" --devices init.cnn "--net init.cnn"; do
		run -1 --separate-stderr bash -c "cnn-info $o > /dev/full"
		[[ $stderr == "cnn-info: standard output: "*"No space left"* ]]
	done
}
