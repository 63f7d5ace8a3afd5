#!/usr/bin/env bats
# Operands together: pairs that are joined, names, what stands for none.

bats_require_minimum_version 1.5.0

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
}

@test "pairs of arrays are joined, in whatever order" {
	images i 9 4 5
	labels l 9
	tensor-cat i l -o a
	tensor-cat l i -o b
	[ "$(stat_of samples a)" = 9 ]
	tensor-cat --fields image,label b | tensor-stat --tsv | grep -v history > b.tsv
	tensor-stat --tsv a | grep -v history | cmp - b.tsv
	tensor-cat i l i l -o c
	[ "$(tensor-stat --tsv c | grep -c '^segment')" = 2 ]
	cat a a | cmp - c
}

@test "arrays of one field follow one another before they are joined" {
	images i 9 4 5
	labels l 9
	labels m 18
	tensor-cat i i m -o out
	[ "$(stat_of samples out)" = 18 ]
	tensor-cat i i l l -o two
	[ "$(stat_of samples two)" = 18 ]
	[ "$(tensor-stat --tsv two | grep -c '^segment')" = 1 ]
}

@test "arrays of different length are not joined" {
	images i 9 4 5
	labels l 8
	run -1 --separate-stderr tensor-cat i l -o out
	[ "$stderr" = "tensor-cat: l: 8 samples of label, but i has 9 of image" ]
	[ ! -e out ]
}

@test "more pictures than files may be open" {
	images i 1 4 5
	tensor-cat i --to png -o x.png
	for n in {1..100}; do cp x.png $n.png; done
	labels l 100
	run -0 bash -c 'ulimit -n 90; tensor-cat {1..100}.png l > out'
	[ "$(stat_of samples out)" = 100 ]
	[ "$(stat_of label.count.3 out)" = 10 ]
	[ "$(tensor-stat --tsv out | grep -c '^segment')" = 1 ]
}

@test "pictures of different size are different segments" {
	images i 1 4 5
	images j 1 5 4
	tensor-cat i j -o out
	[ "$(tensor-stat --tsv out | grep -c '^segment')" = 2 ]
}

@test "an array that is neither image nor label must be named" {
	perl -e 'print pack("N3 C*", 0x802, 3, 2, 1 .. 6)' > x
	run -2 --separate-stderr tensor-cat x
	[[ $stderr == "tensor-cat: x: uint8 3x2 is neither images nor labels: "*"--field NAME=x" ]]
	tensor-cat --field code=x -o out
	[ "$(stat_of code.shape out)" = 2 ]
	labels l 3
	tensor-cat --field code=x l -o out
	[ "$(stat_of code.max out)" = 6 ]
	[ "$(stat_of label.max out)" = 2 ]
}

@test "--field: misuse" {
	images i 3 4 5
	data d 3
	for text in x =i x= ; do
		run -2 --separate-stderr tensor-cat --field "$text"
		[[ $stderr == *"must be NAME=FILE"* ]]
	done
	run -2 --separate-stderr tensor-cat --field x=d
	[[ $stderr == *"a tensor stream names its own fields"* ]]
	cp i j
	tar cf x.tar i j
	run -2 --separate-stderr tensor-cat --field x=x.tar
	[[ $stderr == *"not allowed in --field"* ]]
	run -1 tensor-cat --field x=absent
}

@test "standard input is read once, a FIFO in its turn" {
	images i 3 4 5
	labels l 3
	tensor-cat i l -o want
	run -2 --separate-stderr bash -c 'tensor-cat - - < i'
	[[ $stderr == *"only once"* ]]
	mkfifo f
	cat l > f &
	tensor-cat i f | cmp - want
	wait
	tensor-cat i - < l | cmp - want
	tensor-cat --field image=- l < i | cmp - want
}

@test "files in no known format, empty ones and folders are refused" {
	echo hello > x
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == "tensor-cat: x: unknown format"* ]]
	: > x
	run -1 --separate-stderr tensor-cat x
	[[ $stderr == "tensor-cat: x: empty file"* ]]
	mkdir d
	run -1 --separate-stderr tensor-cat d
	[[ $stderr == "tensor-cat: d: "* ]]
	run -1 --separate-stderr tensor-cat absent
	[[ $stderr == "tensor-cat: absent: "*"No such file"* ]]
}
