# models.bash - what the tests of the cnn tools share, besides tensors.bash.

load tensors

# tiny [FILE]: a net of 8x8 grey pictures and ten classes.
tiny() {
	cat <<-END
		input 1x8x8
		conv1: conv2d out=2 kernel=3
		relu
		maxpool2d kernel=2
		flatten
		fc1: linear out=10
		cross_entropy
	END
}

# mixed: a net with a layer that looks across samples, one that is random, and
# a node of two inputs.
mixed() {
	cat <<-END
		input 1x8x8
		a: conv2d out=4 kernel=3 padding=1
		batchnorm2d
		relu
		b: conv2d out=4 kernel=3 padding=1 bias=false
		sum: add from=b,a
		avgpool2d kernel=2
		flatten
		dropout p=0.3
		fc: linear out=10
		cross_entropy
	END
}

# weights MODEL: the digest of its parameters, without its training's state.
weights() {
	cnn-step -q --no-shuffle --strip --steps 1 --lr 0 --optimizer sgd "$1" \
		"${2:-data.tns}" | stat_of digest -
}

# with N VALUE FILE: the IDX labels with label N changed.
with_label() {
	perl -pe 'BEGIN { $/ = undef; ($n, $v) = splice @ARGV, 0, 2 }
		substr($_, 8 + $n, 1) = chr $v' "$1" "$2" "$3"
}

# far BASE: an npy file of 64 images 1x8x8 of even numbers from BASE to BASE + 62
far() {
	perl -e '($base) = @ARGV;
		$d = q({"descr": "<f4", "fortran_order": False, "shape": (64, 1, 8, 8), });
		$d .= " " x (117 - length $d) . "\n";
		print "\x93NUMPY\1\0", pack("v", length $d), $d;
		print pack "f<*", map { $base + 2 * ($_ * 7919 % 32) } 0 .. 4095' "$1"
}

# says STATUS TOOL TEXT...: what `run --separate-stderr` got. TEXT is a pattern
# of the one line on standard error behind "TOOL: "; nothing was written.
says() {
	[[ $stderr == $1 ]] || { echo "said: $stderr"; return 1; }
	[ -z "$output" ] || { echo "wrote: $output"; return 1; }
	[ ! -e out ] || { echo "left a file"; return 1; }
	[ "$(ls -A | grep -c '^\.')" = 0 ] || { echo "left a temporary file"; return 1; }
}

# classes FILE NAME ...: 20 samples that fit tiny.net, labels in turn, with those names.
classes() {
	"$PYTHON" - "$@" <<-'END'
		import msgpack, msgpack_numpy, sys, numpy as np
		names = sys.argv[2:]
		f = open(sys.argv[1], "wb")
		def put(item): f.write(msgpack.packb(item, default=msgpack_numpy.encode))
		put({"tensor-stream": 1, "kind": "data", "fields": {
		    "image": {"dtype": "uint8", "shape": [1, 8, 8]},
		    "label": {"dtype": "uint8", "shape": [], "classes": names}}})
		put({"image": np.arange(20 * 64, dtype="u1").reshape(20, 1, 8, 8),
		    "label": np.arange(20, dtype="u1") % min(10, len(names))})
		put({"end": {}})
	END
}

# make_files: what the tests of a file share, in the present folder: a model, data
# that fit it, data that do not, data of no sample.
make_files() {
	tiny > tiny.net
	cnn-init tiny.net > init.cnn
	images i.idx 100 8 8
	labels l.idx 100
	tensor-cat i.idx l.idx -o data.tns
	images wide.idx 100 4 5
	tensor-cat wide.idx l.idx -o wide.tns
	tensor-cat -q --range :0 data.tns -o none.tns
}

# use_files: the same in a folder of the test's own.
use_files() {
	cd "$BATS_TEST_TMPDIR"
	ln -s "$BATS_FILE_TMPDIR"/*.{net,tns,cnn,idx} .
	export NO_COLOR=1
}

# make_trainings: in the present folder, three models and data that fit them: data.tns
# for tiny.cnn and mixed.cnn, train.tns for seed.cnn.
make_trainings() {
	tiny > tiny.net
	mixed > mixed.net
	for n in tiny mixed; do cnn-init $n.net > $n.cnn; done
	images i.idx 103 8 8
	labels l.idx 103
	tensor-cat i.idx l.idx -o data.tns
	mnist-fetch -q -d strokes -n 150 train > train.tns
	cnn-init "$BATS_TEST_DIRNAME/../../examples/seed.net" > seed.cnn
}

# rewrite_header FILE PYTHON: the stream with another header, `h`, and no digest.
rewrite_header() {
	"$PYTHON" - "$@" <<-'END'
		import msgpack, sys
		up = msgpack.Unpacker(open(sys.argv[1], "rb"), max_buffer_size=1 << 28)
		items = list(up)
		h = items[0]
		exec(sys.argv[2])
		items[-1] = {"end": {}}
		with open(sys.argv[1], "wb") as f:
		    for i in items:
		        f.write(msgpack.packb(i))
	END
}
