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

# pictures N: 0.png to N - 1.png of 4 x 5 pixels, and all of them as IDX in i
pictures() {
	images i "$1" 4 5
	for ((n = 0; n < $1; n++)); do
		tensor-cat -q --range $n:$((n + 1)) --to png -o $n.png i
	done
}

# odd FILE H W: a good picture of another size
odd() {
	images odd.i 1 "$2" "$3"
	tensor-cat -q --to png -o "$1" odd.i
	rm odd.i
}

@test "a picture that does not fit its set ends the run, by its own name" {
	pictures 5
	labels l 5
	odd 3.png 5 4
	for tool in tensor-cat tensor-stat tensor-view; do
		for operands in "?.png" "?.png l" "l ?.png"; do
			# shellcheck disable=SC2086
			run -1 --separate-stderr $tool $operands
			[ "$stderr" = "$tool: 3.png: the picture is 1x5x4, but 0.png is 1x4x5 (tensor-cat --skip-bad leaves such pictures out)" ]
		done
	done
	perl -e 'print pack("N5 C*", 0x804, 1, 3, 4, 5, (1) x 60)' > rgb.idx
	tensor-cat --to png -o 3.png rgb.idx
	tar cf x.tar ?.png l
	run -1 --separate-stderr tensor-cat -o out x.tar
	[[ $stderr == "tensor-cat: x.tar:3.png: the picture is 3x4x5, but x.tar:0.png is 1x4x5 "* ]]
	[ ! -e out ]
	# sets that other fields separate may differ
	labels one 1
	tensor-cat -o out 0.png one 3.png one
	[ "$(tensor-stat --tsv out | grep -c '^segment')" = 2 ]
}

@test "--skip-bad leaves out the samples of bad pictures" {
	pictures 6
	labels l 6
	tensor-cat -q --range 2:3 i l -o want2
	tensor-cat -q --range 5: i l -o want5
	tensor-cat -q want2 want5 | tensor-cat --fields image --to npy > want.image
	tensor-cat -q want2 want5 | tensor-cat --fields label --to npy > want.label
	head -c 20 1.png > x && mv x 0.png       # the head of one
	truncate -s -20 1.png                    # pixels are missing
	odd 3.png 5 4
	perl -pi -e 'BEGIN { $/ = undef } substr($_, 45, 1) ^= "\1"' 4.png
	tar cf x.tar ?.png
	for operands in "?.png l" "l ?.png" "x.tar l" "l x.tar"; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr tensor-cat --skip-bad -o out $operands
		[[ $stderr == "tensor-cat: left out 4 bad pictures; the first: "*"0.png: "* ]]
		[ "${#stderr_lines[@]}" = 1 ]
		tensor-cat --fields image --to npy out | cmp - want.image
		tensor-cat --fields label --to npy out | cmp - want.label
		[ "$(tensor-stat --tsv out | grep -c '^segment')" = 1 ]
		[[ $(tensor-stat --tsv out | grep ^history) == *'"skip-bad": true'* ]]
		# shellcheck disable=SC2086
		run -1 --separate-stderr tensor-cat -o none $operands
		[[ $stderr == *"0.png: "*"(tensor-cat --skip-bad leaves such pictures out)" ]]
		[ ! -e none ]
	done
	run -0 --separate-stderr tensor-cat --skip-bad -o out [45].png
	[ "$(stat_of samples out)" = 1 ]
	[[ $stderr == "tensor-cat: left out 1 bad picture; the first: 4.png: "* ]]
	run -0 --separate-stderr tensor-cat -q --skip-bad -o out ?.png
	[ "$stderr" = "" ]
	run -1 --separate-stderr tensor-cat --skip-bad -o none [014].png
	[[ $stderr == "tensor-cat: 0.png: "*" (no picture can be read)" ]]
	[ ! -e none ]
}

@test "--skip-bad: more pictures than files may be open, more than a record holds" {
	pictures 1
	tensor-cat -q i --to png -o x.png
	for n in {10..99}; do cp x.png $n.png; done
	rm 0.png
	labels l 90
	for n in 10 74 75 99; do truncate -s -20 $n.png; done
	odd 80.png 5 4
	run -0 --separate-stderr tensor-cat --skip-bad -o out ??.png l
	[[ $stderr == "tensor-cat: left out 5 bad pictures; the first: 10.png: truncated at byte "* ]]
	[ "$(stat_of samples out)" = 85 ]
	[ "$(stat_of label.count.0 out)" = 7 ]
	[ "$(stat_of label.count.4 out)" = 8 ]
	[ "$(stat_of label.count.5 out)" = 8 ]
	[ "$(stat_of label.count.9 out)" = 8 ]
	# records that lose all of their samples
	images j 1 300 300
	tensor-cat -q j --to png -o big.png
	rm ??.png
	for n in {10..49}; do cp big.png $n.png; done
	for n in {10..47}; do truncate -s -20 $n.png; done
	run -0 --separate-stderr tensor-cat --skip-bad -o out ??.png
	[[ $stderr == *"left out 38 bad pictures"* ]]
	[ "$(stat_of samples out)" = 2 ]
}

@test "--skip-bad hides no damage of anything else" {
	pictures 5
	labels l 4
	run -1 --separate-stderr tensor-cat --skip-bad -o out ?.png l
	[ "$stderr" = "tensor-cat: l: 4 samples of label, but 0.png has 5 of image" ]
	images j 3 4 5
	truncate -s -1 j
	run -1 --separate-stderr tensor-cat --skip-bad -o out j
	[[ $stderr == "tensor-cat: j: truncated"* ]]
	tar czf x.tgz ?.png
	head -c -20 x.tgz > cut.tgz
	run -1 --separate-stderr tensor-cat --skip-bad -o out cut.tgz
	[[ $stderr == "tensor-cat: cut.tgz: "* ]]
	run -1 --separate-stderr tensor-cat --skip-bad -o out 0.png absent.png
	[[ $stderr == *"absent.png: "*"No such file"* ]]
	[ ! -e out ]
	run -2 tensor-cat --repair --skip-bad 0.png
}

@test "integers N x 1 are labels" {
	need_python numpy
	images i 6 4 5
	labels l 6
	tensor-cat -o want i l
	perl -e 'binmode STDOUT; print pack("N3 C*", 0x802, 6, 1, 0 .. 5)' > column.idx
	"$PYTHON" -c 'import numpy as np
np.save("column", np.arange(6, dtype="u1").reshape(6, 1))
np.savez("named", label=np.arange(6, dtype="u1").reshape(6, 1))
np.save("floats", np.arange(6, dtype="f4").reshape(6, 1))'
	for f in column.idx column.npy named.npz; do
		tensor-cat i $f | cmp - want
	done
	tensor-cat --field label=column.npy --field image=i | tensor-cat --to npy --fields label > got
	tensor-cat --to npy --fields label want | cmp - got
	run -2 --separate-stderr tensor-cat floats.npy
	[[ $stderr == "tensor-cat: floats.npy: float32 6x1 is neither images nor labels: "* ]]
	tensor-cat --field x=column.npy -o out
	[ "$(stat_of x.shape out)" = 1 ]
	# those beyond the 64th operand are opened twice
	for n in {1..80}; do cp column.npy $n.npy; done
	tensor-cat -o out {1..80}.npy
	[ "$(stat_of samples out) $(stat_of label.shape out)" = "480 scalar" ]
}

@test "an array that is neither image nor label must be named" {
	perl -e 'print pack("N3 C*", 0x802, 3, 2, 1 .. 6)' > x
	run -2 --separate-stderr tensor-cat x
	[[ $stderr == "tensor-cat: x: uint8 3x2 is neither images nor labels: "*"--field NAME=x, or choose a column of labels with --column N" ]]
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
