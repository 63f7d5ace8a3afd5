#!/usr/bin/env bats
# What other programs make of our streams and nets, and we of theirs.

bats_require_minimum_version 1.5.0

setup() {
	load ../bats/tensors
	here=$BATS_TEST_DIRNAME
	cd "$BATS_TEST_TMPDIR"
}

# steps CASE MODEL DATA: what cnn-step makes of torch-step.py's case.
steps() {
	local net optimizer lr batch steps clip options=
	IFS=: read -r net optimizer lr batch steps clip <<< "$1"
	[ -z "$clip" ] || more="${more-} --grad-clip $clip"
	[ $optimizer != momentum ] || options="--momentum 0.9 --weight-decay 0.01"
	cnn-step -q --optimizer ${optimizer/momentum/sgd} --lr $lr --batch $batch --no-shuffle \
		--steps $steps $options ${more-} "$2" "$3"
}

# --- against PyTorch ------------------------------------------------------------------

# like_torch MODEL DATA CASE ...
like_torch() {
	local model=$1 data=$2 case
	shift 2
	for case; do
		steps $case $model $data > after.cnn
		"$PYTHON" "$here/torch-step.py" check $case $model $data after.cnn ||
			{ echo "in $case"; return 1; }
	done
}

@test "the seed's network moves as PyTorch's autograd says" {
	need_python msgpack_numpy
	need_python torch
	cnn-init "$here/../../examples/seed.net" > seed.cnn
	mnist-fetch -q -d strokes -n 200 train > train.tns
	# a whole batch, one whose last microbatch is smaller, three steps with moments
	like_torch seed.cnn train.tns seed:sgd:1:64:1 seed:sgd:1:50:1 seed:adam:0.001:64:3 \
		seed:momentum:0.1:50:3
}

@test "batch norm, add, average pooling, groups, strides, dilation: so do they" {
	need_python msgpack_numpy
	need_python torch
	cnn-init "$here/mixed.net" > mixed.cnn
	"$PYTHON" "$here/torch-step.py" data 7 2x9x10 5 200 data.tns
	like_torch mixed.cnn data.tns mixed:sgd:1:64:1 mixed:sgd:1:50:1 mixed:adam:0.01:64:3 \
		mixed:momentum:0.1:50:4
	more="$(printf -- '--provider %s=ref ' conv2d linear maxpool2d avgpool2d relu)"
	like_torch mixed.cnn data.tns mixed:sgd:1:50:1
}

@test "gradients are clipped as clip_grad_norm_ clips them" {
	need_python msgpack_numpy
	need_python torch
	cnn-init "$here/mixed.net" > mixed.cnn
	"$PYTHON" "$here/torch-step.py" data 7 2x9x10 5 200 data.tns
	# Always, never, and now and then.
	like_torch mixed.cnn data.tns mixed:sgd:1:64:3:0.125 mixed:momentum:0.1:50:4:0.25 \
		mixed:adam:0.01:64:3:0.0625 mixed:sgd:1:64:1:1000 mixed:momentum:0.1:64:3:1
	# The test would notice.
	steps mixed:sgd:1:64:3:0.126 mixed.cnn data.tns > after.cnn
	run -1 "$PYTHON" "$here/torch-step.py" check mixed:sgd:1:64:3:0.125 mixed.cnn data.tns after.cnn
}

@test "a net that is not the same is found out" {
	need_python msgpack_numpy
	need_python torch
	sed 's/momentum=0.2/momentum=0.21/' "$here/mixed.net" | cnn-init > mixed.cnn
	"$PYTHON" "$here/torch-step.py" data 7 2x9x10 5 64 data.tns
	steps mixed:sgd:1:64:1 mixed.cnn data.tns > after.cnn
	run -1 "$PYTHON" "$here/torch-step.py" check mixed:sgd:1:64:1 mixed.cnn data.tns after.cnn
	[[ $output == *"norm.running_mean: moved "* && $output != *weight* ]]
}

@test "recorded: what PyTorch said, for where there is none" {
	cd "$here/recorded"
	for case in mixed:sgd:1:40:1 mixed:momentum:0.1:40:3 mixed:adam:0.01:40:3; do
		IFS=: read -r _ name _ <<< "$case"
		for more in "" "--provider conv2d=ref --provider linear=ref --provider avgpool2d=ref --provider relu=ref" \
			"--threads 3 --shard-size 7"; do
			steps $case mixed.cnn mixed.tns > "$BATS_TEST_TMPDIR/after.cnn"
			perl "$here/movement.pl" mixed.cnn $name "$BATS_TEST_TMPDIR/after.cnn" ||
				{ echo "in $case $more"; false; }
		done
	done
	# and it would find a difference
	steps mixed:adam:0.0101:40:3 mixed.cnn mixed.tns > "$BATS_TEST_TMPDIR/after.cnn"
	run -1 perl "$here/movement.pl" mixed.cnn adam "$BATS_TEST_TMPDIR/after.cnn"
	[ "$(cat * | wc -c)" -lt 100000 ]
}

# --- the stream, from Python -----------------------------------------------------------

@test "six lines of Python read every kind of stream" {
	need_python msgpack_numpy
	cat > read.py <<-'END'
		import sys, msgpack, msgpack_numpy
		for item in msgpack.Unpacker(sys.stdin.buffer, object_hook=msgpack_numpy.decode):
		    if "tensor-stream" in item: print("header", item["kind"])
		    elif "end" in item: print("end", item["end"]["records"], item["end"]["samples"])
		    else:
		        for name, t in item.items(): print(name, t.dtype, *t.shape)
	END
	[ "$(wc -l < read.py)" = 6 ]
	data data.tns 20 28 28
	cnn-init "$here/../../examples/seed.net" > seed.cnn
	run -0 bash -c '"$0" read.py < data.tns' "$PYTHON"
	[ "$output" = "header data
image uint8 20 1 28 28
label uint8 20
end 1 20" ]
	run -0 bash -c '"$0" read.py < seed.cnn' "$PYTHON"
	[[ $output == "header model
conv1.weight float32 32 1 3 3
conv1.bias float32 32
"*"
fc2.bias float32 10
end 8 0" ]]
	cnn-step -q seed.cnn data.tns > step.cnn
	run -0 bash -c '"$0" read.py < step.cnn' "$PYTHON"
	[[ $output == *"conv1.weight@adam.m float32 32 1 3 3"*"end 24 0" ]]
	cnn-predict step.cnn data.tns > p
	run -0 bash -c 'cat seed.cnn p | "$0" read.py' "$PYTHON"
	[[ $output == "header model"*"header data"*"logits float32 20 10
class int32 20
end 1 20" ]]
}

@test "six lines of Python write what every tool takes" {
	need_python msgpack_numpy
	cat > write.py <<-'END'
		import sys, msgpack, msgpack_numpy, numpy as np
		def put(item): sys.stdout.buffer.write(msgpack.packb(item, default=msgpack_numpy.encode))
		put({"tensor-stream": 1, "kind": "data"})
		for n in 30, 20:
		    put({"image": np.random.rand(n, 1, 28, 28).astype(">f4"), "label": np.arange(n) % 10})
		put({"end": {"records": 2, "samples": 50}})
	END
	[ "$(wc -l < write.py)" = 6 ]
	"$PYTHON" write.py > x
	cnn-init "$here/../../examples/seed.net" > seed.cnn
	tensor-cat x | cmp - x
	[ "$(tensor-shuf x | stat_of samples -)" = 50 ]
	[ "$(stat_of label.dtype x)" = int64 ]
	cnn-step -q seed.cnn x > m
	cnn-step -q --stream seed.cnn x > /dev/null
	[ "$(cnn-eval --tsv m x | awk 'NF == 2 && $1 == "samples" { print $2 }')" = 50 ]
	[ "$(cnn-predict --tsv m x | wc -l)" = 51 ]
	tensor-view x > /dev/null
}

@test "weights written by Python are a model" {
	need_python msgpack_numpy
	"$PYTHON" - <<-'END'
		import msgpack, msgpack_numpy, numpy as np
		def put(item): f.write(msgpack.packb(item, default=msgpack_numpy.encode))
		f = open("m", "wb")
		put({"tensor-stream": 1, "kind": "model",
		     "model": {"net": "input 3\nfc: linear out=2\n"}})
		put({"fc.weight": np.array([[1, 2, 3], [4, 5, 6.5]], "f8"),
		     "fc.bias": np.array([0.5, -1], "f2")})
		put({"end": {}})
		f = open("d", "wb")
		put({"tensor-stream": 1, "kind": "data"})
		put({"image": np.array([[1, 0, 1], [0, 2, 0]], "f4")})
		put({"end": {}})
	END
	cnn-predict m d > p
	"$PYTHON" - <<-'END'
		import msgpack, msgpack_numpy
		for item in msgpack.Unpacker(open("p", "rb"), object_hook=msgpack_numpy.decode):
		    if "logits" in item:
		        assert item["logits"].tolist() == [[4.5, 9.5], [4.5, 9]], item["logits"]
		        assert item["class"].tolist() == [1, 1]
	END
	cnn-info m | grep -q '^fc  *linear  *2  *8'
}
