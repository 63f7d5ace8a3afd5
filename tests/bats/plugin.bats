#!/usr/bin/env bats
# Plugins, through the tools: the example is built against what was installed,
# by pkg-config alone.

bats_require_minimum_version 1.5.0

setup_file() {
	load plugins
	plugins_setup_file
}

setup() {
	load plugins
	plugins_setup
}

# weights FILE: the digest of a model's weights.
weights() {
	tensor-stat --tsv "$1" | awk '$1 == "digest" { print $2 }'
}

@test "the example is a whole layer in under 80 lines" {
	[ "$(wc -l < "$ROOT/examples/plugin/leaky_relu.c")" -lt 80 ]
}

@test "the example is built against the installed header alone" {
	[ -s "$mine/cpu/example/leaky_relu.so" ]
	flags=$(PKG_CONFIG_PATH=$PREFIX/lib/pkgconfig pkg-config --cflags cnntools)
	[ "$(echo $flags)" = "-I$PREFIX/include" ]
	# nothing of ours is asked for, and one thing exported
	undefined=$(nm -D --undefined-only "$mine/cpu/example/leaky_relu.so" | grep -c cnn) || :
	[ "$undefined" = 0 ]
	[ "$(nm -D --defined-only "$mine/cpu/example/leaky_relu.so" | awk '{ print $3 }')" = cnn_plugin_entry ]
}

@test "the example passes the installed cnn-plugin-check" {
	run -0 --separate-stderr cnn-plugin-check "$mine/cpu/example/leaky_relu.so"
	[[ $output == *$'\n'"ok    leaky_relu  "* ]]
	[ -z "$stderr" ]
}

@test "make uninstall leaves nothing of ours" {
	cp -r "$PREFIX" other
	make -s -C "$ROOT" uninstall prefix="$PWD/other" \
		BIN="$(realpath --relative-to "$ROOT" "$BIN")" \
		BUILD="$(realpath --relative-to "$ROOT" "${BUILD:-$(dirname "$BIN")/build}")"
	run -0 find other ! -type d
	[ -z "$output" ] || { echo "$output"; false; }
}

@test "the installed tools find their own plugins, and the example by --plugin-dir" {
	run -0 cnn-info
	[[ $output == *"plugins cpu/ref in $PREFIX/lib/cnntools/plugins/cpu/ref"$'\n'* ]]
	[[ $output != *leaky_relu* ]]
	run -0 cnn-info --plugin-dir "$mine"
	[[ $output == *"plugins cpu/example in $mine/cpu/example"$'\n'"  leaky_relu   leaky_relu, definition of leaky_relu"* ]]
	run -0 env CNN_PLUGIN_PATH="/nowhere:$mine" cnn-info
	[[ $output == *"plugins cpu/example in $mine/cpu/example"$'\n'"  leaky_relu   leaky_relu, definition of leaky_relu"* ]]
}

@test "the example's net is made, shown, trained, evaluated and used" {
	export CNN_PLUGIN_PATH=$mine
	mnist-fetch -q -d strokes -n 200 train > train.tns
	cnn-init "$BATS_FILE_TMPDIR/example/leaky.net" > init.cnn
	cnn-info init.cnn | grep -E '^leaky_relu2 +leaky_relu +64x11x11 .*cpu/example'
	cnn-step -q --epochs 10 init.cnn train.tns > trained.cnn
	cnn-eval --tsv trained.cnn train.tns |
		awk -F'\t' '$1 == "accuracy" { found = 1; print; exit !($2 > 0.7) } END { exit !found }'
	[ "$(cnn-predict --tsv trained.cnn train.tns | wc -l)" = 201 ]
	# in half precision too, where the definition asks for float
	cnn-step -q --amp bf16 init.cnn train.tns > half.cnn
}

@test "the same bytes for one thread and two" {
	cnn-init --plugin-dir "$mine" leaky.net > init.cnn
	for n in 1 2; do
		cnn-step -q --plugin-dir "$mine" --threads $n init.cnn data.tns > $n.cnn
	done
	cmp 1.cnn 2.cnn
}

@test "slope 0 is relu, slope 1 is no layer, and the default neither" {
	export CNN_PLUGIN_PATH=$mine
	sed 's/leaky_relu/& negative_slope=0/' leaky.net > zero.net
	sed 's/leaky_relu/& negative_slope=1/' leaky.net > one.net
	grep -v relu relu.net > none.net
	for n in relu none zero one leaky; do
		cnn-init $n.net | cnn-step -q --optimizer sgd --lr 0.5 --batch 10 --strip \
			--provider linear=ref --provider conv2d=ref --no-fuse - data.tns > $n.cnn
	done
	[ "$(weights zero.cnn)" = "$(weights relu.cnn)" ]
	[ "$(weights one.cnn)" = "$(weights none.cnn)" ]
	[ "$(weights leaky.cnn)" != "$(weights relu.cnn)" ]
	[ "$(weights leaky.cnn)" != "$(weights none.cnn)" ]
}

@test "its gradient is that of finite differences" {
	need_python msgpack_numpy
	export CNN_PLUGIN_PATH=$mine
	sed 's/leaky_relu/& negative_slope=0.3/' leaky.net > steep.net
	cnn-init steep.net > w0.cnn
	# One step of SGD at rate 1 over the whole set: w1 = w0 - g.
	cnn-step -q --strip --optimizer sgd --lr 1 --batch 40 --no-shuffle w0.cnn data.tns > w1.cnn
	cat > move.py <<-'END'
		# w0 + a (w0 - w1) along every parameter; prints |g|^2 on stderr
		import sys, msgpack, msgpack_numpy as mn, numpy as np
		read = lambda f: list(msgpack.Unpacker(open(f, "rb"), object_hook=mn.decode))
		a, w0, w1 = float(sys.argv[1]), read("w0.cnn"), read("w1.cnn")
		square = 0
		for x, y in zip(w0[1:-1], w1[1:-1]):
		    for k in x:
		        g = x[k].astype("f8") - y[k].astype("f8")
		        square += (g * g).sum()
		        x[k] = (x[k] + a * g).astype("f4")
		del w0[-1]["end"]["xxh3"]
		for item in w0: sys.stdout.buffer.write(msgpack.packb(item, default=mn.encode))
		print(square, file=sys.stderr)
	END
	loss() {
		cnn-eval --tsv "$1" data.tns | awk -F'\t' '$1 == "loss" { print $2 }'
	}
	"$PYTHON" move.py 0.01 > plus.cnn 2> square
	"$PYTHON" move.py -0.01 > minus.cnn 2> square
	awk -v p="$(loss plus.cnn)" -v m="$(loss minus.cnn)" -v s="$(cat square)" '
		BEGIN { d = (p - m) / 0.02 / s; print d; exit !(d > 0.99 && d < 1.01) }'
}

@test "its arguments are checked as any layer's" {
	sed 's/leaky_relu/& negative_slope=2/' leaky.net > x.net
	run -1 --separate-stderr cnn-init --plugin-dir "$mine" x.net
	[[ $stderr == "cnn-init: x.net:3: leaky_relu: negative_slope=2: "*"from 0 to 1"* ]]
	sed 's/leaky_relu/& slope=0.1/' leaky.net > x.net
	run -1 --separate-stderr cnn-init --plugin-dir "$mine" x.net
	[[ $stderr == "cnn-init: x.net:3: leaky_relu: slope=: unknown argument (known: negative_slope)"* ]]
}

# --- what is not there --------------------------------------------------------------

@test "an unknown layer type is exit 3, with the known ones" {
	run -3 --separate-stderr cnn-init leaky.net
	[[ $stderr == "cnn-init: leaky.net:3: "*"leaky_relu: no such layer type; known: conv2d, "* ]]
	run -3 --separate-stderr cnn-init --plugin-dir "$mine" sieve.net
	[[ $stderr == *"sieve: no such layer type; known: "*", leaky_relu"* ]]
}

@test "a plugin in a wrong folder is named when its layer is not found" {
	local so=$mine/cpu/example/leaky_relu.so why="not loaded, because not named DEVICE/PROVIDER/NAME.so in lower case"
	mkdir -p root device/cpu name/cpu/example
	cp "$so" root
	cp "$so" device/cpu
	cp "$so" name/cpu/example/Leaky.so
	for place in root/leaky_relu.so device/cpu/leaky_relu.so name/cpu/example/Leaky.so; do
		run -3 --separate-stderr env CNN_PLUGIN_PATH="$PWD/${place%%/*}" cnn-init leaky.net
		[[ $stderr == *"no such layer type; $why: $PWD/$place; known: conv2d, "* ]]
		run -3 --separate-stderr cnn-init --plugin-dir "${place%%/*}" leaky.net
		[[ $stderr == *"no such layer type; $why: $place; known: conv2d, "* ]]
	done
	run -2 --separate-stderr cnn-step --plugin-dir root --optimizer lion x -o out
	[[ $stderr == *"lion: no such optimizer; $why: root/leaky_relu.so; known: "* ]]
	# Several, in the order of their names; they do not matter otherwise.
	run -3 --separate-stderr cnn-init --plugin-dir root --plugin-dir device leaky.net
	[[ $stderr == *"$why: device/cpu/leaky_relu.so, root/leaky_relu.so; known: "* ]]
	cnn-init -q --plugin-dir root --plugin-dir "$mine" -o init.cnn leaky.net
}

@test "a model whose layer's plugin is gone is exit 3 everywhere" {
	cnn-init --plugin-dir "$mine" leaky.net > init.cnn
	for tool in "cnn-step -q -o y init.cnn data.tns" "cnn-eval init.cnn data.tns" \
		"cnn-predict -o y init.cnn data.tns" "cnn-info init.cnn"; do
		run -3 --separate-stderr $tool
		[[ $stderr == "${tool%% *}: init.cnn"*"leaky_relu: no such layer type"* ]]
		[ ! -e y ]
	done
	tensor-stat init.cnn > /dev/null            # which needs none
}

@test "a definition without a kernel: made and moved, but not run" {
	plugin dir -DOFFERS='CNN_DEFINITIONS(definitions)' -UDEVICE -DDEVICE='"any"' 2> /dev/null
	mkdir dir/any
	mv dir/cpu/bad dir/any/bad
	cnn-init --plugin-dir dir sieve.net > init.cnn
	run -3 --separate-stderr cnn-step -q --plugin-dir dir -o y init.cnn data.tns
	[[ $stderr == "cnn-step: "*sieve* ]]
	[ ! -e y ]
}

@test "no such provider, no such device" {
	cnn-init relu.net > init.cnn
	run -3 --separate-stderr cnn-step -q -o y --provider conv2d=nobody init.cnn data.tns
	[[ $stderr == "cnn-step: "*nobody* ]]
	run -3 --separate-stderr cnn-step -q -o y --device cuda:999 init.cnn data.tns
	[[ $stderr == "cnn-step: "*cuda* ]]
	run -3 --separate-stderr cnn-eval --device cuda:999 init.cnn data.tns
	[ ! -e y ]
	run -2 --separate-stderr cnn-step -q -o y --device abacus init.cnn data.tns
	run -2 --separate-stderr cnn-step -q -o y --provider nobody init.cnn data.tns
}

@test "tools without their plugins say which and where" {
	mkdir -p alone/bin
	cp "$PREFIX"/bin/cnn-* alone/bin
	alone/bin/cnn-init relu.net > init.cnn      # needs none: the built-in layers
	run -3 --separate-stderr alone/bin/cnn-step -q -o y init.cnn data.tns
	[[ $stderr == "cnn-step: "*"no such plugin"* ]]
	[ ! -e y ]
	run -0 alone/bin/cnn-info
	[[ $output == *"plugins none"* ]]
	# and with them, from wherever the tree is moved to
	mkdir alone/lib
	cp -r "$PREFIX/lib/cnntools" alone/lib
	alone/bin/cnn-step -q init.cnn data.tns > y
}

@test "a resume keeps to its plugins: a better one changes nothing, a missing one is exit 3" {
	# leaky_relu by a provider that says it is better, and rounds otherwise.
	mkdir -p new/cpu/better
	sed 's/"example"/"better"/; s/run->dtype == CNN_F32/100 * (&)/
		s/l->slope \* from/1.01f * &/' "$BATS_FILE_TMPDIR/example/leaky_relu.c" > better.c
	${CC:-cc} -I"$PREFIX/include" -fPIC -shared -fvisibility=hidden \
		-o new/cpu/better/leaky_relu.so better.c
	export CNN_PLUGIN_PATH=$mine
	cnn-init leaky.net > init.cnn
	cnn-step -q -e 3 -b 10 init.cnn data.tns > whole
	cnn-step -q -e 3 -b 10 --steps 2 init.cnn data.tns > part
	cnn-step -q -e 3 -b 10 --plugin-dir new init.cnn data.tns > other
	run -1 cmp -s whole other           # it would have been taken
	cnn-step -q --resume --plugin-dir new part data.tns | cmp - whole
	run -2 --separate-stderr cnn-step -q --resume --plugin-dir new -p leaky_relu=better \
		part data.tns -o y
	[[ $stderr == "cnn-step: --provider: conflicts with the checkpoint (omit it "* ]]
	# Now only the better one is there, which is another.
	run -3 --separate-stderr env -u CNN_PLUGIN_PATH "$PREFIX/bin/cnn-step" -q --resume \
		--plugin-dir new part data.tns -o y
	[[ $stderr == "cnn-step: leaky_relu"[12]": the checkpoint used cpu/example, which is not available"* ]] || { echo "$stderr"; false; }
	[ ! -e y ]
}

@test "a plugin whose library is not there is passed over; one that is broken is not" {
	cnn-init "$BATS_FILE_TMPDIR/relu.net" > init.cnn
	ln -sf "$BATS_FILE_TMPDIR/data.tns" .
	mkdir -p p/cpu/missing p/cpu/broken lib
	echo 'int nothing;' > nothing.c
	cc -shared -fPIC -o lib/libnothing.so nothing.c
	cat > relu.c <<-END
		extern int nothing;
		int *use(void) { return &nothing; }
	END
	cc -shared -fPIC -o p/cpu/missing/relu.so relu.c -Llib -lnothing
	run -0 --separate-stderr cnn-step -v -o out --plugin-dir p init.cnn data.tns
	[[ $stderr == *"libnothing.so: cannot open"* ]]
	cnn-step -q init.cnn data.tns | cmp - out
	run -3 cnn-step -q --plugin-dir p -p relu=missing init.cnn data.tns
	echo broken > p/cpu/broken/relu.so
	run -3 --separate-stderr cnn-step -q --plugin-dir p init.cnn data.tns
	[[ $stderr == *"cpu/broken/relu.so: not loaded"* ]]
}

@test "oneDNN is opened only for a net that uses it; where it is missing, others compute" {
	[ -d "$PREFIX/lib/cnntools/plugins/cpu/onednn" ] || skip "cpu/onednn is not built"
	cnn-init - > wide.cnn <<-END
		input 16x12x12
		conv2d out=16 kernel=5
		flatten
		linear out=10
		cross_entropy
	END
	cnn-info wide.cnn | grep -E '^conv2d1 .*cpu/onednn$'
	cnn-init relu.net > init.cnn
	ref=(-p conv2d=ref -p linear=ref -p relu=ref -p flatten=ref)
	LD_DEBUG=libs cnn-info "${ref[@]}" init.cnn 2> loaded
	run -1 grep -c dnnl loaded
	# A library of that name without its functions.
	echo 'int nothing;' > nothing.c
	name=$(grep -ao 'libdnnl\.so\.[0-9.]*' "$PREFIX/lib/cnntools/plugins/cpu/onednn/conv.so" | head -n 1)
	cc -shared -fPIC -o "$name" nothing.c
	LD_LIBRARY_PATH=$PWD cnn-info -v wide.cnn > shown 2> said
	grep -E '^conv2d1 .*cpu/native$' shown
	grep -qF "cpu/onednn: $name lacks a function" said
	grep -q 'conv2d1: cpu/onednn/conv2d cannot be used here' said
	run -3 --separate-stderr env LD_LIBRARY_PATH="$PWD" cnn-info -p conv2d=onednn wide.cnn
	[[ $stderr == "cnn-info: conv2d1: no provider onednn of conv2d "* ]]
}

@test "a new optimizer: its arguments, its checkpoint, a resume" {
	mkdir -p new/cpu/example bad/cpu/example
	cat > signs.c <<-'END'
		/* signs: param -= lr * scale * sign(grad) */
		#include <cnn/plugin.h>
		#ifndef MOST
		#define MOST 4
		#endif
		static const struct cnn_arg scale = { "scale", CNN_ARG_FLOAT, 0, 1, 0, MOST };
		static const struct cnn_optimizer_def signs = { .size = sizeof(signs), .name = "signs",
			.summary = "steps of one size", .args = &scale, .arg_count = 1,
			.moment_count = 1, .moments = { "last" } };
		static int update(const struct cnn_host *host, const struct cnn_update *u)
		{
			const float step = (float)(u->state->lr * u->args[0].f);

			for (size_t i = 0; i < u->count; i++) {
				u->params[i] -= step * (float)((u->grads[i] > 0) - (u->grads[i] < 0));
				u->moments[0][i] = u->grads[i];
			}
			return (void)host, CNN_OK;
		}
		static const struct cnn_optimizer optimizers[] = { { .size = sizeof(struct cnn_optimizer),
			.name = "signs", .definition = &signs, .update = update } };
		CNN_PLUGIN_ENTRY(.name = NAME, .version = "1", .device = "cpu",
			.provider = "example", CNN_OPTIMIZERS(optimizers));
	END
	build="cc -O2 -I$PREFIX/include -fPIC -shared -fvisibility=hidden signs.c"
	(umask 022; $build -DNAME='"signs"' -o new/cpu/example/signs.so
		$build -DNAME='"again"' -DMOST=5 -o bad/cpu/example/again.so)
	chmod -R go-w new bad
	cnn-init relu.net > init.cnn
	run -2 --separate-stderr cnn-step -q --optimizer signs init.cnn data.tns
	[[ $stderr == "cnn-step: --optimizer: signs: no such optimizer; known: adam, sgd" ]]
	step="cnn-step --plugin-dir new"
	$step -q -e 2 --optimizer signs:scale=0.5 init.cnn data.tns > want
	[[ $(tensor-stat --tsv want) == *'"optimizer": "signs:scale=0.5"'* ]]
	tensor-stat --tsv want | grep -q '@signs\.last'
	$step -q -e 2 --optimizer signs:scale=0.5 --steps 1 init.cnn data.tns > part
	$step -q --resume part data.tns | cmp - want
	for misuse in "--optimizer signs:scale=5|*scale=5: must be a number from 0 to 4" \
		"--optimizer signs:beta=1|*beta=: unknown argument (known: scale)" \
		"--optimizer signs --momentum 0.9|--momentum: does not apply to signs, only to sgd" \
		"--optimizer lion|*known: adam, sgd, signs" \
		"--resume --optimizer signs:scale=1|--optimizer: conflicts with the checkpoint (omit it *"; do
		run -2 --separate-stderr $step ${misuse%|*} part data.tns
		[[ $stderr == "cnn-step: "${misuse#*|} ]] || { echo "$stderr"; false; }
	done
	run -3 --separate-stderr cnn-step --resume part data.tns
	[[ $stderr == "cnn-step: the checkpoint's optimizer: signs: no such optimizer; known: adam, sgd" ]]
	run -3 --separate-stderr $step --plugin-dir bad --optimizer signs init.cnn data.tns
	[[ $stderr == *"defines the optimizer signs differently from "* ]]
}

@test "a communicator is offered" {
	mkdir -p ring/cpu/example
	(umask 022; cc -I"$PREFIX/include" -fPIC -shared -fvisibility=hidden \
		-DDEVICE='"cpu"' -DPROVIDER='"example"' -DNAME='"ring"' -DCOMMUNICATOR='"ring"' \
		-DOFFERS='CNN_COMMUNICATORS(communicators)' -o ring/cpu/example/ring.so \
		"$ROOT/tests/unit/loader/plugin.c")
	chmod -R go-w ring
	cnn-info --plugin-dir ring > shown
	grep -E '^  ring +communicator ring$' shown
}
