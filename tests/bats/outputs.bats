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

# unprivileged COMMAND: root too is held to the modes of files.
unprivileged() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --bounding-set=-all --inh-caps=-all "$@"
	else
		"$@"
	fi
}

@test "a file that must not be written is refused before the work, not replaced" {
	echo before > kept
	chmod 444 kept
	for run in "cnn-init tiny.net" "tensor-cat data.tns" \
		"cnn-step -m m.tsv want data.tns" "cnn-eval want data.tns"; do
		run -1 --separate-stderr unprivileged $run -o kept
		[ "$stderr" = "${run%% *}: kept: can't write: Permission denied" ]
		[ "$(cat kept)" = before ]
		[ ! -e m.tsv ]
	done
	run -1 --separate-stderr unprivileged cnn-step -m m.tsv -c kept want data.tns -o got
	[ "$stderr" = "cnn-step: kept: can't write: Permission denied" ]
	[ ! -e m.tsv ] && [ ! -e got ]
	ln -s kept link
	run -1 --separate-stderr unprivileged cnn-init tiny.net -o link
	[ "$stderr" = "cnn-init: link: can't write: Permission denied" ]
	chmod 200 kept
	unprivileged cnn-init tiny.net -o kept
	[ "$(stat -c %a kept)" = 200 ]
}

@test "a name as long as a file system takes" {
	mkdir in
	for length in 255 249 248; do
		name=in/$(printf '%0*d' $length 0)
		cnn-init tiny.net -o "$name"
		cmp "$name" want
		cnn-step -q -c "$name" want data.tns > end
		cmp "$name" end
		rm "$name"
		[ -z "$(ls -A in)" ]
	done
	run -1 --separate-stderr cnn-step -m m.tsv want data.tns -o "in/$(printf '%0256d' 0)"
	[[ $stderr == "cnn-step: in/0"*": File name too long" ]]
	[ ! -e m.tsv ] && [ -z "$(ls -A in)" ]
}

@test "an empty name is refused before the work" {
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
