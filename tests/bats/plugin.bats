#!/usr/bin/env bats
# Plugins, through the tools: the example is built against what was installed,
# by pkg-config alone, and bad ones are refused before anything of them runs.

bats_require_minimum_version 1.5.0

setup_file() {
	load tensors
	cd "$BATS_FILE_TMPDIR"
	export ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	export PREFIX=$BATS_FILE_TMPDIR/usr
	umask 022
	# What is being tested is installed, whatever has changed since.
	make -s -C "$ROOT" -o all install prefix="$PREFIX" BIN="$BIN" \
		BUILD="${BUILD:-$(dirname "$BIN")/build}" > install.log 2>&1 ||
		{ tail install.log >&2; return 1; }
	cp -r "$PREFIX/share/cnntools/examples/plugin" example
	PKG_CONFIG_PATH=$PREFIX/lib/pkgconfig make -s -C example plugins="$PWD/mine"
	data data.tns 40 6 6
	net relu > relu.net
	net leaky_relu > leaky.net
	net sieve > sieve.net
}

setup() {
	load tensors
	PATH=$PREFIX/bin:$PATH
	export NO_COLOR=1
	unset CNN_PLUGIN_PATH
	umask 022
	cd "$BATS_TEST_TMPDIR"
	mine=$BATS_FILE_TMPDIR/mine
	ln -s "$BATS_FILE_TMPDIR"/*.{net,tns} .
}

teardown() {
	[ -z "${far-}" ] || rm -rf "$far"
}

# net LAYER: a net with that layer in its middle.
net() {
	cat <<-END
		input 1x6x6
		conv2d out=4 kernel=3
		$1
		flatten
		fc1: linear out=16
		$1
		fc2: linear out=10
		cross_entropy
	END
}

# plugin DIR [-DMACRO=VALUE ...]: a plugin of the layer type sieve, good but for
# what the macros say, as DIR/cpu/bad/sieve.so.
plugin() {
	mkdir -p "$1/cpu/bad"
	${CC:-cc} -I"$PREFIX/include" -fPIC -shared -fvisibility=hidden -Wl,-z,defs \
		-DDEVICE='"cpu"' -DPROVIDER='"bad"' -DNAME='"sieve"' -DTYPE='"sieve"' \
		-DALPHA=0.5 "${@:2}" -o "$1/cpu/bad/sieve.so" \
		"$ROOT/tests/unit/loader/plugin.c"
}

# refused WHERE WHY: cnn-init of sieve.net with --plugin-dir DIR says so.
refused() {
	run -3 --separate-stderr cnn-init --plugin-dir dir -o out.cnn sieve.net
	[[ $stderr == "cnn-init: "*"$1"*"$2"* ]] || { echo "$stderr"; return 1; }
	[ ! -e out.cnn ]
}

# weights FILE: the digest of a model's weights.
weights() {
	tensor-stat --tsv "$1" | awk '$1 == "digest" { print $2 }'
}

# --- the example --------------------------------------------------------------------

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

@test "the installed tools find their own plugins, and the example by --plugin-dir" {
	run -0 cnn-info
	[[ $output == *"plugins cpu/ref in $PREFIX/lib/cnntools/plugins/cpu/ref: "* ]]
	[[ $output != *leaky_relu* ]]
	run -0 cnn-info --plugin-dir "$mine"
	[[ $output == *"plugins cpu/example in $mine/cpu/example: leaky_relu"* ]]
	run -0 env CNN_PLUGIN_PATH="/nowhere:$mine" cnn-info
	[[ $output == *"plugins cpu/example in $mine/cpu/example: leaky_relu"* ]]
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
	[[ $stderr == "cnn-init: x.net:3: leaky_relu: slope=: no such key (negative_slope)"* ]]
}

# --- what is not there --------------------------------------------------------------

@test "an unknown layer type is exit 3, with the known ones" {
	run -3 --separate-stderr cnn-init leaky.net
	[[ $stderr == "cnn-init: leaky.net:3: "*"leaky_relu: no such layer type; known: conv2d, "* ]]
	run -3 --separate-stderr cnn-init --plugin-dir "$mine" sieve.net
	[[ $stderr == *"sieve: no such layer type; known: "*", leaky_relu"* ]]
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

@test "a definition without a provider: made and moved, but not run" {
	plugin dir -DKIND=CNN_PLUGIN_DEFINITION -DDEVICE='"any"' -DFUNCTIONS=NULL \
		-UPROVIDER -DPROVIDER='"bad"' 2> /dev/null
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
	alone/bin/cnn-init relu.net > init.cnn      # needs none: the house's layers
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

@test "a name from a net or a stream never becomes a path" {
	for type in ../leaky_relu cpu/example/leaky_relu Leaky "leaky-relu" .; do
		net "$type" > x.net
		run -1 --separate-stderr cnn-init --plugin-dir "$mine" x.net
		[[ $stderr == "cnn-init: x.net:3: $type: "* ]]
	done
	# all of type's characters are good, and nothing but a layer
	for type in device optimizer_adam; do
		net $type > x.net
		run -3 --separate-stderr cnn-init x.net
	done
}

@test "the current folder is not searched" {
	mkdir -p lib/cnntools plugins build
	cp -r "$mine" lib/cnntools/plugins
	cp -r "$mine/cpu" .
	cp -r "$mine" build/plugins
	cp "$mine/cpu/example/leaky_relu.so" .
	run -3 --separate-stderr cnn-init leaky.net
}

# --- bad ones -----------------------------------------------------------------------

@test "the plugin that the bad ones are made from is good" {
	plugin dir
	cnn-init --plugin-dir dir sieve.net > init.cnn
	cnn-info --plugin-dir dir init.cnn | grep -E '^sieve1 .*cpu/bad'
	# a newer minor version has only more at its end
	plugin dir -DMINOR=7
	cnn-init --plugin-dir dir sieve.net > init.cnn
}

@test "wrong magic, another major version, a short struct" {
	plugin dir -DMAGIC=1
	refused dir/cpu/bad/sieve.so "doesn't begin with the magic number"
	plugin dir -DMAJOR=2
	refused dir/cpu/bad/sieve.so "made for plugin interface 2.0, this program has 1.0"
	plugin dir -DMAJOR=0
	refused dir/cpu/bad/sieve.so "made for plugin interface 0.0"
	plugin dir -DENTRY_SIZE=16
	refused dir/cpu/bad/sieve.so "of 16 bytes is too small"
	plugin dir -DFUNCTIONS_SIZE=16
	refused dir/cpu/bad/sieve.so "of 16 bytes is too small"
}

@test "no entry, no functions, a missing symbol, no plugin at all" {
	plugin dir -DNO_ENTRY
	refused dir/cpu/bad/sieve.so "exports no cnn_plugin_entry"
	plugin dir -DFUNCTIONS=NULL
	refused dir/cpu/bad/sieve.so "has no functions"
	plugin dir -DFORWARD=NULL
	refused dir/cpu/bad/sieve.so "lacks one of"
	plugin dir -DKIND=99
	refused dir/cpu/bad/sieve.so "kind 99"
	plugin dir -Wl,-z,undefs '-DFORWARD=cnn_forward_from_the_host' -include <(echo '
		#include <cnn/plugin.h>
		int cnn_forward_from_the_host(void *, const struct cnn_call *);')
	refused dir/cpu/bad/sieve.so "undefined symbol: cnn_forward_from_the_host"
	# one that is missed only where it is called: at once, not in the first step
	plugin dir -Wl,-z,undefs -Wl,-z,lazy '-DFORWARD=hollow' -include <(echo '
		#include <cnn/plugin.h>
		int cnn_called_later(void);
		static int hollow(void *p, const struct cnn_call *c)
		{
			return (void)p, (void)c, cnn_called_later();
		}')
	refused dir/cpu/bad/sieve.so "undefined symbol: cnn_called_later"
	echo "no plugin" > dir/cpu/bad/sieve.so
	refused dir/cpu/bad/sieve.so "not loaded"
	: > dir/cpu/bad/sieve.so
	refused dir/cpu/bad/sieve.so "not loaded"
	rm dir/cpu/bad/sieve.so
	mkdir dir/cpu/bad/sieve.so
	refused dir/cpu/bad/sieve.so "not loaded"
	rmdir dir/cpu/bad/sieve.so
	ln -s nowhere dir/cpu/bad/sieve.so
	refused dir/cpu/bad/sieve.so "not loaded"
}

@test "a name that is not the file's" {
	plugin dir -UNAME '-DNAME="colander"' 2> /dev/null
	refused dir/cpu/bad/sieve.so "calls itself cpu/bad/colander"
	plugin dir -UPROVIDER '-DPROVIDER="good"' 2> /dev/null
	refused dir/cpu/bad/sieve.so "calls itself cpu/good/sieve"
	plugin dir -UDEVICE '-DDEVICE="cuda"' 2> /dev/null
	refused dir/cpu/bad/sieve.so "calls itself cuda/bad/sieve"
	plugin dir -UTYPE '-DTYPE="colander"' 2> /dev/null
	refused dir/cpu/bad/sieve.so "defines the layer type colander"
	plugin dir '-DRUN="conv2d sieve"'
	refused dir/cpu/bad/sieve.so 'computes the run "conv2d sieve"'
}

@test "two definitions that differ" {
	plugin dir
	mkdir -p dir/cpu/worse
	plugin dir -UPROVIDER '-DPROVIDER="worse"' -UALPHA -DALPHA=0.25 2> /dev/null
	mv dir/cpu/bad/sieve.so dir/cpu/worse
	plugin dir
	cnn-init --plugin-dir dir sieve.net > init.cnn    # the first there is
	run -3 --separate-stderr cnn-info --plugin-dir dir init.cnn
	[[ $stderr == *"defines the layer type sieve differently"* ]]
}

@test "files and folders that others may write are refused" {
	plugin dir
	chmod o+w dir/cpu/bad/sieve.so
	refused dir/cpu/bad/sieve.so "may be written by others"
	chmod 664 dir/cpu/bad/sieve.so
	refused dir/cpu/bad/sieve.so "may be written by others"
	chmod 644 dir/cpu/bad/sieve.so
	for folder in dir dir/cpu dir/cpu/bad; do
		chmod 777 $folder
		refused $folder "may be written by others"
		chmod 755 $folder
	done
	cnn-init --plugin-dir dir sieve.net > init.cnn
}

@test "files and folders of somebody else are refused" {
	[ "$(id -u)" = 0 ] || skip "only root can give files away"
	plugin dir
	for what in dir/cpu/bad/sieve.so dir/cpu/bad dir; do
		chown 12345 $what
		refused $what "belongs to another user (12345)"
		chown 0 $what
	done
	cnn-init --plugin-dir dir sieve.net > init.cnn
}

@test "a constructor that crashes: named, and no file is left" {
	cat > crash.c <<-'END'
		#include <stdlib.h>
		__attribute__((constructor)) static void crash(void)
		{
			HOW;
		}
	END
	for how in 'abort()' '*(volatile int *)8 = 1' '__builtin_trap()'; do
		mkdir -p dir/cpu/bad
		${CC:-cc} -shared -fPIC "-DHOW=$how" -o dir/cpu/bad/sieve.so crash.c
		run --separate-stderr cnn-init --plugin-dir dir -o out.cnn sieve.net
		[ "$status" -gt 128 ]
		[[ $stderr == *"cnn-init: dir/cpu/bad/sieve.so: crashed while it was loaded"* ]]
		[ "$(echo *.cnn*)" = '*.cnn*' ]
		# what does not need it goes on
		cnn-init --plugin-dir dir relu.net > y
	done
}

@test "files and folders of other names than plugins' are passed over" {
	plugin dir
	for name in Sieve 'si eve' $'si\e[31meve' .sieve sieve.so sieve.2 'sieve=ref' ''; do
		cp dir/cpu/bad/sieve.so "dir/cpu/bad/$name.so"
	done
	cp -r dir/cpu/bad dir/cpu/Bad
	cp -r dir/cpu/bad dir/cpu/.bad
	cp -r dir/cpu "dir/c-u"
	run -0 cnn-info --plugin-dir dir
	[ "$(grep -F "in dir" <<< "$output" | grep ^plugins)" = "plugins cpu/bad in dir/cpu/bad: sieve" ]
	[[ $output != *$'\e'* && $output != *Sieve* && $output != *[Bb]ad\ in*.bad* ]]
}

@test "a name with a slash or dots in a net, a model, an option" {
	plugin dir
	cp dir/cpu/bad/sieve.so evil.so
	for name in ../evil ../../evil ./evil "$PWD/evil" evil.so ..; do
		run --separate-stderr cnn-init --plugin-dir dir <<-END
			input 4
			$name
			cross_entropy
		END
		[ "$status" -eq 1 ] || [ "$status" -eq 3 ]
		[[ $stderr == "cnn-init: "* && $stderr != *crashed* ]]
		cnn-init relu.net > init.cnn
		run --separate-stderr cnn-step -q -o y --provider "relu=$name" init.cnn data.tns
		[ "$status" -eq 2 ] || [ "$status" -eq 3 ]
		[ ! -e y ]
	done
}

# as USER COMMAND ...: as that user, by number.
as() {
	perl -e '$) = $( = $ARGV[0]; $< = $> = shift; $> == $< or die; exec @ARGV or die' "$@"
}

@test "in a program that is setuid, neither the environment nor its caller's folders" {
	[ "$(id -u)" = 0 ] || skip "only root can make a program somebody else's"
	plugin elsewhere
	cnn-init --plugin-dir elsewhere sieve.net > init.cnn
	# With folders that the other user can pass, outside of bats' own.
	far=$(TMPDIR=/tmp mktemp -d)
	cp -r "$PREFIX" "$far/usr"
	cp -r elsewhere init.cnn "$far"
	cp -r elsewhere "$far/theirs"
	cp "$(command -v id)" "$far"
	chmod -R go+rX "$far"
	chown -R 54321 "$far/theirs"
	chown 12345 "$far/usr/bin/cnn-info" "$far/id"
	info=$far/usr/bin/cnn-info
	# As long as it is nobody's but the caller's, both may say where.
	CNN_PLUGIN_PATH=$far/elsewhere as 54321 "$info" "$far/init.cnn" > y
	as 54321 "$info" --plugin-dir "$far/theirs" "$far/init.cnn" > y
	chmod u+s "$info" "$far/id"
	[ "$(as 54321 "$far/id" -u)" = 12345 ] || skip "setuid has no effect here (nosuid?)"
	CNN_PLUGIN_PATH=$far/elsewhere run -3 --separate-stderr as 54321 "$info" "$far/init.cnn"
	[[ $stderr == *"sieve: no such layer type"* ]]
	run -3 --separate-stderr as 54321 "$info" --plugin-dir "$far/theirs" "$far/init.cnn"
	[[ $stderr == *"belongs to another user (54321)"* ]]
}

@test "--plugin-dir and CNN_PLUGIN_PATH: misuse" {
	run -2 --separate-stderr cnn-init --plugin-dir '' relu.net
	[[ $stderr == "cnn-init: --plugin-dir: "* ]]
	run -1 --separate-stderr cnn-init --plugin-dir nowhere relu.net
	[[ $stderr == "cnn-init: --plugin-dir: nowhere: "* ]]
	for path in : "$mine:" ":$mine" "$mine::$mine" mine ./mine "$mine:mine"; do
		run -2 --separate-stderr env CNN_PLUGIN_PATH="$path" cnn-init relu.net
		[[ $stderr == "cnn-init: CNN_PLUGIN_PATH: "* ]] || { echo "$path: $stderr"; false; }
	done
	CNN_PLUGIN_PATH= cnn-init relu.net > y
	CNN_PLUGIN_PATH=/nowhere cnn-init relu.net > y
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
	[[ $stderr == "cnn-step: --provider: contradicts the checkpoint"* ]]
	# Now only the better one is there, which is another.
	run -3 --separate-stderr env -u CNN_PLUGIN_PATH "$PREFIX/bin/cnn-step" -q --resume \
		--plugin-dir new part data.tns -o y
	[[ $stderr == "cnn-step: leaky_relu"[12]": the checkpoint that is resumed had it computed by cpu/example, which is not here"* ]] || { echo "$stderr"; false; }
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
