#!/usr/bin/env bats
# cnn-init: a net's text to a model with initial weights.

bats_require_minimum_version 1.5.0

setup() {
	load models
	cd "$BATS_TEST_TMPDIR"
	tiny > tiny.net
}

@test "a net from a file, from standard input, to a file" {
	cnn-init tiny.net > a
	cnn-init < tiny.net | cmp - a
	cnn-init - < tiny.net | cmp - a
	run -0 --separate-stderr cnn-init tiny.net -o b
	[ -z "$output$stderr" ]
	cmp a b
	cnn-init -- tiny.net | cmp - a
	mkfifo f
	cat tiny.net > f &
	cnn-init f | cmp - a
}

@test "byte-order marks and carriage returns leave no trace in a model" {
	printf 'input 1x2x2\n\nflatten # a\rb\nlinear out=3\n' > x.net
	cnn-init -o want x.net
	{ printf '\xef\xbb\xbf'; cat x.net; } > bom.net
	sed 's/$/\r/' x.net > crlf.net
	sed 's/$/\r/' bom.net > both.net
	for f in bom crlf both; do
		! cmp -s $f.net x.net
		cnn-init $f.net | cmp - want
	done
	printf 'input 1x2x2\nflatten\nlinear out=3' | cnn-init -o want
	printf 'input 1x2x2\r\nflatten\r\nlinear out=3\r' | cnn-init | cmp - want
	# a mark elsewhere is no mark
	printf 'input 3\n\xef\xbb\xbflinear out=2\n' > x.net
	run -1 --separate-stderr cnn-init x.net
	[[ $stderr == "cnn-init: x.net:2: "* ]]
	printf '\xef\xbb\xbf' > x.net
	run -1 --separate-stderr cnn-init x.net
	[ "$stderr" = "cnn-init: x.net: the net has no layers" ]
}

@test "the model has the net and its parameters" {
	cnn-init tiny.net > a
	cnn-info --net a | cmp - tiny.net
	run -0 bash -c "tensor-stat --tsv a | grep shape"
	[ "$output" = "conv1.weight.shape	2x1x3x3
conv1.bias.shape	2
fc1.weight.shape	10x18
fc1.bias.shape	10" ]
	[ "$(stat_of kind a)" = model ]
	[[ $(tensor-stat --tsv a | grep ^history) == \
		*'[{"tool": "cnn-init", "version": "'*'", "options": {"seed": 0}}]' ]]
}

@test "initial weights are PyTorch's: uniform within 1 / sqrt(fan_in)" {
	cnn-init "$BATS_TEST_DIRNAME/../../examples/seed.net" > a
	tensor-stat --tsv a > t
	for line in "conv1 9" "conv2 288" "fc1 1600" "fc2 128"; do
		set -- $line
		for p in weight bias; do
			awk -F'\t' -v p="$1.$p." -v f="$2" '
				$1 == p "min" { min = $2 } $1 == p "max" { max = $2 }
				$1 == p "std" { std = $2 }
				END { b = 1 / sqrt(f); e = b / sqrt(3)
					exit !(min >= -b && max <= b && max > 0.7 * b &&
						min < -0.7 * b && std > 0.7 * e && std < 1.3 * e) }' t ||
				{ echo "$1.$p"; grep "^$1.$p" t; false; }
		done
	done
	printf 'input 3x4x4\nbatchnorm2d\nflatten\nlinear out=2 bias=false\n' | cnn-init > b
	[ "$(stat_of batchnorm2d1.weight.min b)$(stat_of batchnorm2d1.weight.max b)" = 11 ]
	[ "$(stat_of batchnorm2d1.running_var.min b)" = 1 ]
	[ "$(stat_of batchnorm2d1.running_mean.max b)" = 0 ]
	[ -z "$(stat_of linear1.bias.max b)" ]
}

@test "the seed decides" {
	cnn-init tiny.net > a
	cnn-init --seed 0 tiny.net | cmp - a
	cnn-init -s 18446744073709551615 tiny.net > b
	cnn-init --seed=1 tiny.net > c
	[ "$(stat_of digest a)" != "$(stat_of digest b)" ]
	[ "$(stat_of digest a)" != "$(stat_of digest c)" ]
	[ "$(stat_of digest b)" != "$(stat_of digest c)" ]
	# a parameter's values hang on its name, not on its place
	sed 's/^relu$/& \n# comment/' tiny.net | cnn-init > d
	[ "$(stat_of digest a)" = "$(stat_of digest d)" ]
}

# bad LINE MESSAGE TEXT: the net is refused, and the line named.
bad() {
	printf '%b' "$3" > bad.net
	run -${4:-1} --separate-stderr cnn-init bad.net -o out
	says "cnn-init: bad.net:$1: $2"
}

@test "what is wrong in a net is named with its line" {
	bad 3 "convd2: convd2: no such layer type (did you mean conv2d?); known: conv2d*linear*" 'input 1x8x8\n\nconvd2 out=3\n' 3
	bad 2 "conv2d: kernal=: unknown argument (did you mean kernel?) (known: out, kernel, stride, padding, dilation, groups, bias)" \
		'input 1x8x8\nconv2d out=3 kernal=3\n'
	bad 2 "Conv2d: layer types are lower case: conv2d" 'input 1x8x8\nConv2d out=3\n'
	bad 2 "conv2d: kernel= is missing" 'input 1x8x8\nconv2d out=3\n'
	bad 2 "conv2d: kernel 9x9 does not fit input 1x8x8" 'input 1x8x8\nconv2d out=3 kernel=9\n'
	bad 2 "relu: slope=: unknown argument (known: none)" 'input 1x8x8\nrelu slope=1\n'
	bad 2 "linear: *flatten before it" 'input 1x8x8\nlinear out=3\n'
	bad 3 "add: *input 1 is 1x8x8, input 2 is 1x4x4" \
		'input 1x8x8\np: maxpool2d kernel=2\nadd from=input,p\n'
	bad 2 "from=x: no layer above has this name" 'input 1x8x8\nrelu from=x\n'
	bad 1 "the first layer must be the input*" 'relu\n'
	bad 1 "input: needs a shape such as 1x28x28" 'input 1x\n'
	bad 2 "dropout: p=2: must be a number from 0 to 1" 'input 4\ndropout p=2\n'
}

@test "what is no net is refused" {
	run -1 --separate-stderr cnn-init /dev/null -o out
	says "cnn-init: /dev/null: empty file"
	printf '# nothing\n\n' > c
	run -1 --separate-stderr cnn-init c -o out
	says "cnn-init: c: the net has no layers"
	echo 'input 1x8x8' > c
	run -1 --separate-stderr cnn-init c -o out
	says "cnn-init: c: the net has no layer besides the input"
	cnn-init tiny.net > model
	run -1 --separate-stderr cnn-init model -o out
	says "cnn-init: model: not text"
	head -c 70000 /dev/zero | tr '\0' '#' > c
	run -1 --separate-stderr cnn-init c -o out
	says "cnn-init: c: *more than 65536 bytes*"
	run -1 --separate-stderr cnn-init nowhere -o out
	says "cnn-init: nowhere: *No such file*"
	run -1 --separate-stderr cnn-init . -o out
	says "cnn-init: .: *"
	run -1 --separate-stderr bash -c "echo junk | cnn-init -o out"
	says "cnn-init: standard input:1: *"
}

@test "a net beyond --max-memory is refused before anything is taken" {
	printf 'input 10000\nlinear out=1000\n' > big.net
	run -1 --separate-stderr cnn-init --max-memory 10 big.net -o out
	says "cnn-init: big.net: *more than --max-memory (10 MiB in all)"
	cnn-init --max-memory 1 tiny.net > a
	cnn-init --max-memory 0 tiny.net | cmp - a
}

@test "misuse" {
	for seed in -1 1.5 x '' 18446744073709551616 0x1; do
		run -2 --separate-stderr cnn-init --seed="$seed" tiny.net -o out
		says "cnn-init: --seed: $seed: *"
	done
	run -2 --separate-stderr cnn-init --max-memory x tiny.net -o out
	says "cnn-init: --max-memory: x: *"
	run -2 --separate-stderr cnn-init tiny.net tiny.net -o out
	says "cnn-init: *"
	run -2 --separate-stderr cnn-init --see 1 tiny.net -o out
	says "cnn-init: *--see*"                     # no abbreviations
	run -2 --separate-stderr cnn-init --seed
	says "cnn-init: *"
}

@test "--help and --version" {
	run -0 --separate-stderr cnn-init --help
	[[ $output == "Usage: cnn-init "*--seed*--plugin-dir* && -z $stderr ]]
	run -0 --separate-stderr cnn-init -V
	[[ $output == "cnn-init (cnntools) "* && -z $stderr ]]
}

@test "a full disk, a terminal" {
	run -1 --separate-stderr bash -c "cnn-init tiny.net > /dev/full"
	[[ $stderr == "cnn-init: standard output: "*"No space left"* ]]
	run -1 cnn-init tiny.net -o nowhere/x
	command -v script > /dev/null || skip "no script(1)"
	run -2 script -qec "cnn-init tiny.net" /dev/null
	[[ $output == *"standard output: is a terminal"* ]]
	run -2 script -qec "cnn-init > out" /dev/null
	[[ $output == *"standard input: is a terminal"* ]]
}
