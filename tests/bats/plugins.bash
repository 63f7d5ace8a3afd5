# plugins.bash - what the tests of plugins share: an installed copy of the tools, the
# example built against it, and plugins that are bad on purpose.

load tensors

# To be called by setup_file().
plugins_setup_file() {
	cd "$BATS_FILE_TMPDIR"
	export ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	export PREFIX=$BATS_FILE_TMPDIR/usr
	umask 022
	# What is being tested is installed, whatever has changed since.
	make -s -C "$ROOT" -o all install prefix="$PREFIX" \
		BIN="$(realpath --relative-to "$ROOT" "$BIN")" \
		BUILD="$(realpath --relative-to "$ROOT" "${BUILD:-$(dirname "$BIN")/build}")" \
		> install.log 2>&1 ||
		{ tail install.log >&2; return 1; }
	cp -r "$PREFIX/share/cnntools/examples/plugin" example
	PKG_CONFIG_PATH=$PREFIX/lib/pkgconfig make -s -C example plugins="$PWD/mine"
	data data.tns 40 6 6
	net relu > relu.net
	net leaky_relu > leaky.net
	net sieve > sieve.net
}

# To be called by every setup().
plugins_setup() {
	PATH=$PREFIX/bin:$PATH
	export NO_COLOR=1
	unset CNN_PLUGIN_PATH
	umask 022
	cd "$BATS_TEST_TMPDIR"
	mine=$BATS_FILE_TMPDIR/mine
	ln -s "$BATS_FILE_TMPDIR"/*.{net,tns} .
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

# plugin_refused WHERE WHY: cnn-init of sieve.net with --plugin-dir DIR says so.
plugin_refused() {
	run -3 --separate-stderr cnn-init --plugin-dir dir -o out.cnn sieve.net
	[[ $stderr == "cnn-init: "*"$1"*"$2"* ]] || { echo "$stderr"; return 1; }
	[ ! -e out.cnn ]
}
