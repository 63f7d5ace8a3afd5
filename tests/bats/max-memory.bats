#!/usr/bin/env bats
# --max-memory: what is held is counted, refused as early as it is known, and changes no
# result; and memory that is not needed at all.

bats_require_minimum_version 1.5.0

# zeros FILE N: an IDX file of N grey images of 64 x 64, 4 KiB each.
zeros() {
	perl -e 'print pack "N4", 0x803, $ARGV[0], 64, 64' "$2" > "$1"
	head -c $(($2 * 4096)) /dev/zero >> "$1"
}

setup_file() {
	load models
	cd "$BATS_FILE_TMPDIR"
	make_files
	zeros many.idx 2048              # 8 MiB
	labels many-labels.idx 2048
	tensor-cat many.idx many-labels.idx -o many.tns
	sed 's/1x8x8/1x64x64/' tiny.net > wide.net
	cnn-init wide.net > wide.cnn
}

setup() {
	load models
	use_files
}

# Whether the tool was refused for --max-memory N, and named the file.
refuses() {
	says "${1%% *}: $2: * MiB*, more than --max-memory ($3 MiB in all)"
}

@test "samples that will not fit are refused at once: shapes, sizes of files" {
	# What is not there would be noticed at the end.
	head -c 1000000 many.idx > short.idx
	head -c 8000000 many.tns > short.tns
	for run in "tensor-shuf short.idx" "tensor-shuf short.tns" "cnn-step wide.cnn short.tns" \
		"cnn-step --val short.tns wide.cnn data.tns"; do
		run -1 --separate-stderr $run --max-memory 3 -o out
		refuses "$run" "short.*" 3
		run -1 --separate-stderr $run --max-memory 0 -o out
		says "*truncated*"
	done
	# By default there is a limit, and this is more.
	perl -e 'print pack "N4", 0x803, 4294967295, 64, 64; print "0" x 1000000' > claims.idx
	run -1 --separate-stderr tensor-shuf claims.idx -o out
	says "tensor-shuf: claims.idx: 1678* MiB, more than --max-memory (* MiB by default; raise it if there is more)"
}

@test "or as soon as they pass the limit" {
	for file in many.idx many.tns; do
		for run in "tensor-shuf -" "tensor-cat --fields image --to npy -" "tensor-shuf --buffer 2000"; do
			run -1 --separate-stderr $run --max-memory 3 -o out < <(cat $file)
			says "${run%% *}: *more than --max-memory (3 MiB in all)"
		done
	done
	for run in "cnn-step wide.cnn -" "cnn-step --val - wide.cnn data.tns" \
		"cnn-eval -b 1024 -t 1 wide.cnn -"; do
		run -1 --separate-stderr $run --max-memory 4 -o out < <(cat many.tns)
		says "cnn-*more than --max-memory (4 MiB in all)"
	done
}

@test "so are the members of an archive" {
	tar -hcf both.tar many.idx many-labels.idx
	for run in "tensor-cat" "tensor-stat" "tensor-view" "tensor-shuf" "cnn-step wide.cnn"; do
		run -1 --separate-stderr $run both.tar --max-memory 3
		says "${run%% *}: *many.idx: * MiB*, more than --max-memory (3 MiB in all)"
		$run both.tar > /dev/null
	done
}

@test "so is an array in Fortran order" {
	"$PYTHON" - <<-'END'
		import numpy as np
		np.save("f.npy", np.asfortranarray(np.ones((3000, 1000), "u1")))
	END
	run -1 --separate-stderr tensor-cat --max-memory 2 --field x=f.npy
	[[ $stderr == "tensor-cat: f.npy: "*"more than --max-memory (2 MiB in all)" ]]
	tensor-cat --max-memory 3 --field x=f.npy -o out
	[ "$(stat_of samples out)" = 3000 ]
}

@test "all that is held at a time counts: a net, its moments, data" {
	cat > big.net <<-'END'
		input 1x64x64
		flatten
		linear out=200
		linear out=10
		cross_entropy
	END
	cnn-init big.net > big.cnn       # 3.2 MiB
	run -1 --separate-stderr cnn-step --max-memory 10 big.cnn many.tns -o out
	says "cnn-step: *--max-memory*"
	run -1 --separate-stderr cnn-step --max-memory 20 -t 1 big.cnn many.tns -o out
	says "cnn-step: *--max-memory*"
	cnn-step -q --max-memory 20 -t 1 -b 16 big.cnn data.tns 2>&1 > /dev/null | grep shape
	cnn-step -q -t 1 -b 64 big.cnn many.tns > want
	for most in 0 60; do
		cnn-step -q --max-memory $most -t 1 -b 64 big.cnn many.tns | cmp - want
	done
}

@test "what just fits has the same result, however it comes" {
	tensor-shuf --max-memory 0 many.tns > want
	tensor-shuf --max-memory 9 many.tns | cmp - want
	tensor-shuf --max-memory 9 many.idx many-labels.idx | tensor-cat -f image | stat_of digest - > a
	tensor-cat -f image want | stat_of digest - | cmp - a
	cat many.tns | tensor-shuf --max-memory 10 | cmp - want
	tar -hcf both.tar many.idx
	tensor-shuf --max-memory 0 both.tar > want
	tensor-shuf --max-memory 17 both.tar | cmp - want
	# Room that is made at once is not taken from a second file.
	tensor-cat -r :1000 many.tns > one.tns
	tensor-cat -r 1000: many.tns > two.tns
	tensor-shuf many.tns | tensor-cat -f image,label | stat_of digest - > want
	tensor-shuf --max-memory 9 one.tns two.tns | tensor-cat -f image,label |
		stat_of digest - | cmp - want
}

@test "a stream or an array that unpacks to a hundred times its size is not held" {
	zeros zeros.idx 70000            # 273 MiB
	gzip -1 < zeros.idx | gzip > zeros.idx.gz.gz
	tensor-cat zeros.idx | gzip -1 | gzip > zeros.tns.gz.gz
	rm zeros.idx
	for file in zeros.idx.gz.gz zeros.tns.gz.gz; do
		for run in "tensor-shuf" "cnn-step wide.cnn"; do
			run -1 --separate-stderr $run $file -o out
			says "${run%% *}: *: unpacks to more than 100 times its size: if this is expected, unpack it first" ||
				says "cnn-step: *no field label*"
		done
		tensor-cat $file | tail -c 1 > /dev/null    # what is not held may be large
	done
}

@test "the room for a file's samples is made once" {
	zeros some.idx 16384             # 64 MiB
	tensor-cat some.idx -o some.tns
	for file in some.idx some.tns; do
		(ulimit -v 120000; tensor-shuf $file) | tail -c 100 > /dev/null
		[ "${PIPESTATUS[0]}" = 0 ]
	done
}

@test "headers that are not being read take no memory" {
	need_python msgpack
	cp data.tns heavy.tns
	rewrite_header heavy.tns 'h["meta"]["pad"] = [[] for _ in range(250000)]'
	cnn-eval init.cnn heavy.tns > /dev/null
	(ulimit -v 400000
	cnn-eval init.cnn $(yes heavy.tns | head -n 60)) > got
	grep 6000 got
}
