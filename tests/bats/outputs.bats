#!/usr/bin/env bats
# Where results go: files, links, descriptors; and standard streams that are closed.

bats_require_minimum_version 1.5.0

setup_file() {
	load models
	cd "$BATS_FILE_TMPDIR"
	make_files
}

setup() {
	load models
	use_files
	cnn-init tiny.net > want
}

@test "a link is written through, there or not what it leads to" {
	mkdir runs
	echo before > runs/1.cnn
	chmod 640 runs/1.cnn
	ln -s runs/1.cnn latest
	cnn-init tiny.net -o latest
	[ "$(readlink latest)" = runs/1.cnn ]
	cmp runs/1.cnn want
	[ "$(stat -c %a runs/1.cnn)" = 640 ]
	ln -sf "$PWD/runs/2.cnn" latest
	ln -s latest newest
	cnn-init tiny.net -o newest
	cmp runs/2.cnn want
	[ -L newest ] && [ -L latest ]
	# a checkpoint's, too
	cnn-step -q -c newest want data.tns > end
	cmp runs/2.cnn end
	[ "$(ls -A runs)" = "1.cnn"$'\n'"2.cnn" ]
}

@test "links that lead nowhere, in a ring, to a folder" {
	ln -s missing/x gone
	run -1 --separate-stderr cnn-init tiny.net -o gone
	[[ $stderr == "cnn-init: gone: can't create a temporary file beside it: No such file"* ]]
	ln -s b a
	ln -s a b
	run -1 --separate-stderr cnn-init tiny.net -o a
	[[ $stderr == "cnn-init: a: can't open: Too many levels"* ]]
	[ "$(readlink a)" = b ]
	mkdir f
	ln -s f folder
	run -1 --separate-stderr cnn-init tiny.net -o folder
	[[ $stderr == "cnn-init: folder: is a directory" ]]
}

@test "a descriptor is written to, and its name stays" {
	cnn-init tiny.net -o /dev/fd/3 3> got
	cmp got want
	cnn-init tiny.net -o /proc/self/fd/3 3> got
	cmp got want
	cnn-init tiny.net -o /dev/stdout > got
	cmp got want
	{ echo first; cnn-init tiny.net -o /dev/fd/3 3>&1; } > got
	tail -n +2 got | cmp - want
	ln -s /proc/self/fd/1 out.cnn
	cnn-init tiny.net -o out.cnn > got
	cmp got want
	[ -L out.cnn ]
	cnn-init tiny.net -o out.cnn | cmp - want
	cnn-init tiny.net -o >(cat > got; : > done)
	until [ -e done ]; do sleep 0.01; done
	cmp got want
	run -1 --separate-stderr cnn-init tiny.net -o /dev/fd/77
	[[ $stderr == "cnn-init: /dev/fd/77: can't open: Bad file descriptor" ]]
}

@test "an empty name is told of before the work" {
	for o in "-o" "-c"; do
		run -2 --separate-stderr cnn-step $o "" want data.tns
		[ "$stderr" = "cnn-step: the output's file name is empty" ]
	done
	run -2 --separate-stderr tensor-cat -o "" data.tns
	[ "$stderr" = "tensor-cat: the output's file name is empty" ]
}

@test "nothing is written into a file for standard error's sake when that is closed" {
	tensor-cat -r 1000: -o none data.tns 2>&-
	[ "$(stat_of samples none)" = 0 ]
	cnn-step -q -e 2 --val data.tns -m w want data.tns > w.cnn
	cnn-step -e 2 --val data.tns -m m -o m.cnn want data.tns 2>&-
	cmp m w
	cmp m.cnn w.cnn
}

@test "standard input and output that are closed are errors" {
	run -1 --separate-stderr bash -c 'cnn-init tiny.net >&-'
	[[ $stderr == "cnn-init: standard output: can't write: Bad file descriptor" ]]
	run -1 --separate-stderr bash -c 'tensor-cat -o x <&-'
	[[ $stderr == "tensor-cat: standard input: "*"Bad file descriptor"* ]]
	run -1 --separate-stderr bash -c 'cnn-step --help >&-'
	# a file that is opened does not take their place
	run -1 bash -c 'cnn-step -q -m m want data.tns >&-'
	run -1 grep -c tensor-stream m
}
