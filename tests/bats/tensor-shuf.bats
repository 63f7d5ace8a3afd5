#!/usr/bin/env bats
# tensor-shuf: the same samples in another order, the same for the same seed.

bats_require_minimum_version 1.5.0

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
}

# numbered FILE N: samples of a field x, 0 .. N - 1 as int32, and y = x mod 10
numbered() {
	perl -e 'print pack("N2 N*", 0xC01, $ARGV[0], 0 .. $ARGV[0] - 1)' "$2" > x.idx
	labels y.idx "$2"
	tensor-cat --field x=x.idx --field y=y.idx -o "$1"
}

# values FIELD FILE: one a line
values() {
	tensor-cat --fields "$1" --to npy "$2" | tail -c +129 |
		od -An -v -t${3:-d4} -w${4:-4} | tr -d ' '
}

@test "every sample comes once, its fields together" {
	numbered a 5000
	tensor-shuf a -o s
	values x a > before
	values x s > after
	run -1 cmp -s before after
	sort -n after | cmp - before
	values y s u1 1 > y
	awk '{ print $1 % 10 }' after | cmp - y
	[ "$(stat_of digest s)" != "$(stat_of digest a)" ]
}

@test "the seed decides" {
	numbered a 500
	tensor-shuf a -o s0
	tensor-shuf --seed 0 a | cmp - s0
	tensor-shuf --seed 1 a -o s1
	tensor-shuf --seed 1 < a | cmp - s1
	run -1 cmp -s s0 s1
	values x s0 > v0
	values x s1 > v1
	run -1 cmp -s v0 v1
}

@test "the order is that of the permutation, pinned" {
	numbered a 10
	[ "$(values x <(tensor-shuf a) | xargs)" = "7 5 3 4 1 0 6 2 9 8" ]
	[ "$(values x <(tensor-shuf --seed 7 a) | xargs)" = "0 9 5 6 8 2 3 7 4 1" ]
	[ "$(values x <(tensor-shuf --buffer 3 a) | xargs)" = "2 3 4 1 6 5 0 8 9 7" ]
}

@test "how the input was cut makes no difference" {
	numbered a 1000
	for buffer in 0 1 64 5000; do
		tensor-shuf --buffer $buffer a -o want
		for batch in 1 7 1000; do
			tensor-cat --batch $batch a | tensor-shuf --buffer $buffer | cmp - want
		done
		tensor-cat --range :300 a -o p
		tensor-cat --range 300: a -o q
		tensor-shuf --buffer $buffer p q -o pq
		[ "$(stat_of digest pq)" = "$(stat_of digest want)" ]
		[ "$(tensor-stat --tsv pq | grep -c ^segment)" = 1 ]
	done
}

@test "a buffer bounds how far a sample comes forward" {
	numbered a 2000
	tensor-shuf --buffer 50 a -o s
	values x s > after
	sort -n after | cmp - <(values x a)
	awk '{ if ($1 - (NR - 1) > 50) bad = 1; moved += $1 != NR - 1 }
		END { exit bad || moved < 1000 }' after
}

@test "a buffer of all samples is the shuffle in memory" {
	numbered a 300
	values x <(tensor-shuf --buffer 300 a) > some
	values x <(tensor-shuf a) | cmp - some
	values x <(tensor-shuf --buffer 1 a) > one
	values x a | cmp - one
}

@test "a buffer bounds the memory" {
	data a 20000 28 28
	(ulimit -v 60000; tensor-shuf --version) || skip "no tool runs in 60 MB"
	(ulimit -v 60000; tensor-cat a > /dev/null)
	run -1 --separate-stderr bash -c 'for i in 1 2 3 4; do cat a; done |
		(ulimit -v 60000; tensor-shuf > /dev/null)'
	[[ $stderr == *"out of memory"* ]]
	run -0 bash -c 'set -o pipefail; for i in 1 2 3 4; do cat a; done |
		(ulimit -v 60000; tensor-shuf --buffer 1000) | tensor-stat --tsv'
	[[ $output == *"samples	80000"* ]]
}

@test "all orders of few samples come up" {
	numbered a 3
	for seed in {0..59}; do
		values x <(tensor-shuf --seed $seed a) | xargs
	done | sort | uniq -c > orders
	[ "$(wc -l < orders)" = 6 ]
	awk '$1 > 25 { exit 1 }' orders
}

@test "the seed and the buffer go into the history" {
	numbered a 3
	tensor-shuf --seed 5 a -o s
	[[ $(tensor-stat --tsv s | grep ^history) == \
		*'{"tool": "tensor-shuf", "version": "'*'", "options": {"seed": 5, "buffer": 0}}]' ]]
}

@test "none and one sample" {
	numbered a 1
	tensor-shuf a -o s
	[ "$(values x s)" = 0 ]
	images i 0 4 5
	labels l 0
	tensor-shuf i l -o s
	[ "$(stat_of samples s)" = 0 ]
	tensor-shuf --buffer 5 i l -o s
	[ "$(stat_of samples s)" = 0 ]
}

@test "what is not alike is refused" {
	data a 3
	data b 3 5 4
	run -1 --separate-stderr tensor-shuf a b -o out
	[[ $stderr == "tensor-shuf: b: its fields differ from those of the data before it" ]]
	[ ! -e out ]
	head -c -5 a > bad
	run -1 tensor-shuf bad -o out
	[ ! -e out ]
	run -1 --separate-stderr tensor-shuf /dev/null
	[[ $stderr == *"empty file"* ]]
}

@test "misuse, and a full disk" {
	data a 3
	run -2 tensor-shuf --seed x a
	run -2 tensor-shuf --seed -1 a
	run -2 tensor-shuf --buffer 4294967296 a
	run -0 --separate-stderr tensor-shuf --help
	[[ $output == "Usage: tensor-shuf"* ]]
	[ -c /dev/full ] || skip "no /dev/full"
	run -1 bash -c 'tensor-shuf a > /dev/full'
}
