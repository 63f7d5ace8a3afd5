#!/usr/bin/env bats
# tensor-cat: samples selected by a list of indices, and by a wrong prediction.

bats_require_minimum_version 1.5.0

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
}

# numbered FILE FIRST N [BATCH]: a stream of N samples whose x is FIRST, FIRST + 1, ...
# and whose y is 3 of them
numbered() {
	perl -e 'my ($first, $n) = @ARGV;
		print pack("N2 N*", 0xc01, $n, $first .. $first + $n - 1)' "$2" "$3" > "$1.x"
	perl -e 'my ($first, $n) = @ARGV; print pack("N3 N*", 0xc02, $n, 3,
		map { ($_) x 3 } $first .. $first + $n - 1)' "$2" "$3" > "$1.y"
	tensor-cat -F x="$1.x" -F y="$1.y" -b "${4:-4}" -o "$1"
	rm "$1.x" "$1.y"
}

# x [OPTION|FILE ...]: the values of x that tensor-cat selects, in a line. Those of y
# must agree.
x() {
	tensor-cat "$@" > x.tns
	tensor-cat -f x -t idx x.tns | tail -c +9 |
		perl -0777 -ne 'print join(" ", unpack("N*")), "\n"' > x.out
	tensor-cat -f y -t idx x.tns | tail -c +13 |
		perl -0777 -ne 'my @y = unpack("N*"); print join(" ", map { $y[3 * $_] } 0 .. @y / 3 - 1), "\n"' |
		diff x.out -
	cat x.out
}

@test "--pick: the listed samples, in the order of the list, with repeats" {
	numbered a 100 20
	[ "$(x --pick 3 a)" = "103" ]
	[ "$(x --pick 3,17,5 a)" = "103 117 105" ]
	[ "$(x --pick 0,0,19,0,19,19 a)" = "100 100 119 100 119 119" ]
	[ "$(x --pick 2-6,4-4,18-19,0-1 a)" = "102 103 104 105 106 104 118 119 100 101" ]
	[ "$(x --pick "$(seq -s , 19 -1 0)" a)" = "$(seq -s ' ' 119 -1 100)" ]
	[ "$(x --pick 0-19 a)" = "$(seq -s ' ' 100 119)" ]
}

@test "--pick counts the samples of all operands, however they are divided" {
	numbered a 0 7 3
	numbered b 7 5 5
	numbered c 12 9 1
	for list in 0-20 20,0,12,11,7,6 6,6,7,20,6 3,11-13,2,11-13; do
		want=$(tr , '\n' <<< "$list" | awk -F- '{ for (i = $1; i <= $NF; i++) print i }' | xargs)
		[ "$(x --pick $list a b c)" = "$want" ]
		[ "$(cat a b c | x --pick $list)" = "$want" ]
		[ "$(x --pick $list --batch 2 a b c)" = "$want" ]
		[ "$(tensor-cat --pick $list -f x -t idx a b c | tail -c +9 |
			perl -0777 -ne 'print join " ", unpack("N*")')" = "$want" ]
	done
	[ "$(tensor-cat --pick 20,0,12 a b c | tensor-stat --tsv | grep -c ^segment)" = 1 ]
}

@test "--pick: any list, against perl" {
	numbered a 0 300 7
	for seed in 1 2 3 4 5 6 7 8; do
		perl -e 'srand shift; my $n = 1 + int rand 60; my $near = rand() < 0.5;
			print join ",", map { my $i = int rand 300;
				$i = int(300 * $_ / $n) + int rand 4 if $near; $i > 299 ? 299 : $i } 1 .. $n' \
			$seed > list
		[ "$(x --pick "$(cat list)" a)" = "$(tr , ' ' < list)" ]
	done
}

@test "--pick reads a file, and standard input" {
	numbered a 0 20
	printf '3\n 17 \r\n\n5-7\n' > list
	[ "$(x --pick list a)" = "3 17 5 6 7" ]
	printf '12\n1' > list
	[ "$(x --pick list a)" = "12 1" ]
	[ "$(seq 5 -1 2 | x --pick - a)" = "5 4 3 2" ]
	mkfifo fifo
	seq 2 4 > fifo &
	[ "$(x --pick fifo a)" = "2 3 4" ]
	echo 8 > 3
	[ "$(x --pick 3 a)" = "3" ]
	[ "$(x --pick ./3 a)" = "8" ]
}

@test "--pick: the history names the samples, not the file" {
	numbered a 0 400
	tensor-cat --pick 3,4,5,9 a -o want
	[[ $(tensor-stat --tsv want | grep ^history) == *'"options": {"pick": "3-5,9"}}]' ]]
	printf '03\n4\n5-5\n9\n' > list
	tensor-cat --pick list a | cmp - want
	tensor-cat --pick list < a | cmp - want
	seq 0 2 399 > long
	[[ $(tensor-cat --pick long a | tensor-stat --tsv | grep ^history) == *'"pick": "200 samples, xxh3 '????????????????'"}}]' ]]
	seq 0 2 397 > other
	echo 399 >> other
	tensor-cat --pick long a | tensor-stat --tsv | grep ^history > first
	tensor-cat --pick other a | tensor-stat --tsv | grep ^history > second
	run -1 cmp -s first second
}

@test "--pick past the end names the index, and leaves no file" {
	numbered a 0 20
	run -1 --separate-stderr tensor-cat --pick 3,20,5 a -o out
	[ "$stderr" = "tensor-cat: --pick: there is no sample 20: the operands have 20, counted from 0" ]
	[ ! -e out ]
	run -1 --separate-stderr tensor-cat --pick 18446744073709551615 a a
	[[ $stderr == *"no sample 18446744073709551615: the operands have 40,"* ]]
	tensor-cat --pick 39 a a > /dev/null
}

@test "--pick still checks the samples that it leaves out" {
	numbered a 0 20
	head -c -10 a > bad
	run -1 tensor-cat --pick 0 bad -o out
	[ ! -e out ]
}

@test "--pick across segments that can't be joined" {
	numbered a 0 5
	data b 5
	echo 'input 1x4x5
flatten
fc: linear out=10
cross_entropy' > net
	cnn-init net > m
	# Ascending: each segment has its own.
	[ "$(tensor-cat --pick 1,3,6,7 a b | tensor-stat --tsv | awk '$1 == "samples" { print $2 }' | xargs)" = "2 2" ]
	tensor-cat --pick 1,3,6 a m b > all
	tensor-stat --tsv all | grep -c '^segment' | grep -x 3
	run -1 --separate-stderr tensor-cat --pick 6,3 a b -o out
	[ "$stderr" = "tensor-cat: --pick: can't write sample 3 after sample 6: their segments have different fields, or a model is between them" ]
	[ ! -e out ]
	run -1 --separate-stderr tensor-cat --pick 7,3 a m a -o out
	[[ $stderr == *"can't write sample 3 after sample 7"* ]]
	# What is not needed any more, or is all in one segment, is no obstacle.
	tensor-cat --pick 3,1,4 a m > /dev/null
	[ "$(tensor-cat --pick 3,1,6,5 a b | tensor-stat --tsv | awk '$1 == "samples" { print $2 }' | xargs)" = "2 2" ]
}

@test "--pick: samples are gathered into records" {
	numbered a 0 40 10
	[ "$(tensor-cat --pick 1,3,5,22 a | tensor-stat --tsv | awk '$1 == "records" { print $2 }')" = 2 ]
	[ "$(tensor-cat --pick 1,3,5,22 -b 3 a | tensor-stat --tsv | awk '$1 == "records" { print $2 }')" = 2 ]
	[ "$(tensor-cat --pick 22,1,3,5 a | tensor-stat --tsv | awk '$1 == "records" { print $2 }')" = 1 ]
	# Records of about 512 KiB, even if all is held until the last sample.
	data b 2000 28 28
	tensor-cat --pick 1999-1999,0-1998 b > all
	[ "$(tensor-stat --tsv all | awk '$1 == "records" { print $2 }')" = 3 ]
}

@test "--pick: misuse" {
	numbered a 0 20
	for list in '' , 3, ,3 3,,5 - 5-3 3- -3 1-2-3 99999999999999999999 0-99999999; do
		run -2 --separate-stderr tensor-cat --pick="$list" - < a
		[[ $stderr == "tensor-cat: --pick"* ]] || { echo "$list: $stderr"; false; }
		[ -z "$output" ]
	done
	run -2 --separate-stderr tensor-cat --pick 5-3 a
	[[ $stderr == "tensor-cat: --pick: 5-3: ends before it begins"* ]]
	run -2 --separate-stderr tensor-cat --pick 0-16777216 a
	[[ $stderr == *"lists more than 16777216 samples"* ]]
	run -1 --separate-stderr tensor-cat --pick 0-16777215 a
	[[ $stderr == *"no sample 20:"* ]]
	run -2 --separate-stderr tensor-cat --pick - -F x=- a < a
	[[ $stderr == *"standard input is an operand"* ]]
	for with in --range=1: --wrong --repair; do
		run -2 --separate-stderr tensor-cat --pick 1 "$with" a
		[[ $stderr == *"combined with"* ]]
	done
	run -1 --separate-stderr tensor-cat --pick 3,x a
	[[ $stderr == "tensor-cat: --pick: 3,x: can't open: No such file"* ]]
	printf '3\n4 5\n' > list
	run -1 --separate-stderr tensor-cat --pick list a
	[ "$stderr" = 'tensor-cat: --pick: list: line 2: "4 5" is not an index (3) or a range (5-9) of samples' ]
	printf '1\n\n%100s\n' 3 > list
	run -1 --separate-stderr tensor-cat --pick list a
	[[ $stderr == *"list: line 3: too long"* ]]
	: > list
	run -0 --separate-stderr tensor-cat --pick list -o out a
	[ "$stderr" = "tensor-cat: --pick: selects no samples (there are 20)" ]
	[ "$(stat_of samples out)" = 0 ]
}

# --- predictions ------------------------------------------------------------------

# predictions FILE LABEL:CLASS ...: samples with these, and with their number as x
predictions() {
	local n=$(($# - 1))
	perl -e 'print pack("N2 C*", 0x801, $#ARGV + 1, map { /(.*):/ } @ARGV)' "${@:2}" > "$1.l"
	perl -e 'print pack("N2 l>*", 0xc01, $#ARGV + 1, map { /:(.*)/ } @ARGV)' "${@:2}" > "$1.c"
	perl -e 'print pack("N2 N*", 0xc01, $ARGV[0], 0 .. $ARGV[0] - 1)' $n > "$1.x"
	perl -e 'print pack("N3 N*", 0xc02, $ARGV[0], 3, map { ($_) x 3 } 0 .. $ARGV[0] - 1)' $n > "$1.y"
	tensor-cat -F label="$1.l" -F class="$1.c" -F x="$1.x" -F y="$1.y" -b 3 -o "$1"
}

@test "--wrong: the samples whose class differs from their label" {
	predictions p 1:1 2:3 4:4 5:5 6:1 7:2 0:0 9:9 9:-1
	[ "$(x --wrong p)" = "1 4 5 8" ]
	[ "$(x --wrong -b 3 p)" = "1 4 5 8" ]
	[ "$(x --wrong --fields x,y p)" = "1 4 5 8" ]
	[ "$(x --wrong p p)" = "1 4 5 8 1 4 5 8" ]
	[[ $(tensor-cat --wrong p | tensor-stat --tsv | grep ^history) == *'"options": {"wrong": true, "label": "label"}}]' ]]
	[[ $(tensor-cat --batch 2 p | tensor-stat --tsv | grep ^history) == *'"options": {}}]' ]]
	[ "$(tensor-cat --wrong p | tensor-stat --tsv | awk '$1 == "records" { print $2 }')" = 3 ]
	[ "$(tensor-cat --wrong -b 99 p | tensor-stat --tsv | awk '$1 == "records" { print $2 }')" = 1 ]
}

@test "--wrong selects from the samples of --range" {
	predictions p 1:1 2:3 4:4 5:5 6:1 7:2 0:0 9:9 9:-1
	[ "$(x --wrong --range 4: p)" = "4 5 8" ]
	[ "$(x --wrong --range 1:5 p)" = "1 4" ]
	[ "$(tensor-cat --wrong p | x --range 1:3)" = "4 5" ]
	run -0 --separate-stderr tensor-cat --wrong --range 2:4 p -o out
	[ "$stderr" = "tensor-cat: --range 2:4 --wrong: selects no samples (there are 9)" ]
	predictions good 1:1 2:2
	run -0 --separate-stderr tensor-cat --wrong good -o out
	[ "$stderr" = "tensor-cat: --wrong: selects no samples (there are 2)" ]
	[ "$(stat_of samples out)" = 0 ]
}

@test "--wrong: another field of labels" {
	predictions p 1:1 2:3
	tensor-cat -F digit=p.l -F class=p.c -F x=p.x -F y=p.y -o q
	[ "$(x --wrong --label digit q)" = "1" ]
	run -1 --separate-stderr tensor-cat --wrong q
	[ "$stderr" = "tensor-cat: q: no field label: --wrong needs labels and the classes that cnn-predict adds (--label names another field)" ]
	run -2 --separate-stderr tensor-cat --label digit q
	[[ $stderr == *"--label applies only to --wrong"* ]]
}

@test "--wrong refuses data without predictions" {
	data a 3
	run -1 --separate-stderr tensor-cat --wrong a -o out
	[ "$stderr" = "tensor-cat: a: no field class: --wrong needs labels and the classes that cnn-predict adds" ]
	[ ! -e out ]
	predictions p 1:1 2:3
	tensor-cat -F label=p.l -F class=p.y -o q
	run -1 --separate-stderr tensor-cat --wrong q
	[[ $stderr == "tensor-cat: q: field class: --wrong needs one integer per sample" ]]
	run -2 --separate-stderr tensor-cat --wrong --repair p
}

@test "--wrong: the samples that cnn-predict's table says are wrong" {
	data a 40
	echo 'input 1x4x5
flatten
fc: linear out=10
cross_entropy' > net
	cnn-init net | cnn-step -q --steps 5 -b 8 a > m
	cnn-predict --tsv m a | awk -F '\t' 'NR > 1 && $2 != $4 { print $1 }' > wrong
	[ "$(wc -l < wrong)" -gt 0 ] && [ "$(wc -l < wrong)" -lt 40 ]
	cnn-predict m a > p
	tensor-cat --wrong -f image -t idx p > images
	tensor-cat --pick wrong -f image -t idx p | cmp - images
	tensor-cat --pick wrong -f image -t idx a | cmp - images
	cnn-predict --tsv m a | awk -F '\t' '$2 != $4 { print $1 }' | tail -n +2 |
		tensor-cat --pick - -f image -t idx a | cmp - images
}
