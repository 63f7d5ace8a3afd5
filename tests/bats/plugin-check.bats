#!/usr/bin/env bats
# cnn-plugin-check: what it says of right plugins, and of one broken promise each. The
# broken ones are the example and tests/bats/tanh_affine.c, with one change.

bats_require_minimum_version 1.5.0

setup_file() {
	load plugins
	plugins_setup_file
	umask 022
	export CHECK_CC="${CC:-cc} -O1 -I$PREFIX/include -fPIC -shared -fvisibility=hidden"
}

setup() {
	load plugins
	plugins_setup
	bad=${BUILD:-$(dirname "$BIN")/build}/plugins-bad/cpu/bad
	example=$BATS_FILE_TMPDIR/example/leaky_relu.c
}

# changed SED: the example with a change, as changed.so.
changed() {
	sed "$1" "$example" > changed.c
	run -1 cmp -s changed.c "$example"
	$CHECK_CC -o changed.so changed.c
}

# other [-DMACRO=VALUE ...]: tanh_affine as changed.so.
other() {
	$CHECK_CC "$@" -o changed.so "$ROOT/tests/bats/tanh_affine.c" -lm
}

# found TEXT [ARGUMENT ...]: changed.so fails, and TEXT (a pattern) is the reason.
found() {
	run -1 --separate-stderr cnn-plugin-check "${@:2}" changed.so
	[ -z "$stderr" ] || { echo "$stderr"; return 1; }
	[[ $output == *FAIL*$'\n      '*": "$1* ]] || { echo "$output"; return 1; }
}

forward='leak(instance, call, call->in\[0\], call->out);'

# --- right ones -------------------------------------------------------------------------

@test "the example passes, by the installed program" {
	run -0 --separate-stderr cnn-plugin-check "$mine/cpu/example/leaky_relu.so"
	[ -z "$stderr" ]
	[ "${lines[0]}" = "ok    entry                 leaky_relu 1.0 of cpu/example" ]
	[ "${lines[1]}" = "ok    symbols               exports cnn_plugin_entry alone" ]
	[[ ${lines[2]} == "ok    type leaky_relu "*" cases" ]]
	[[ ${lines[3]} == "ok    leaky_relu  "*" cases" ]]
	[ ${#lines[@]} = 4 ]
	run -0 cnn-plugin-check -q "$mine/cpu/example/leaky_relu.so"
	[ -z "$output" ]
}

@test "a layer with parameters passes, wherever the file lies and whatever its name is" {
	other
	cnn-plugin-check changed.so
	cd /
	cnn-plugin-check "$BATS_TEST_TMPDIR/changed.so"
}

@test "-v names each case" {
	run -0 --separate-stderr cnn-plugin-check -v "$mine/cpu/example/leaky_relu.so"
	[[ $output == *"      ok: f32: leaky_relu negative_slope=1 of 7"$'\n'* ]]
}

@test "the plugins of cnntools pass, beside ref in double" {
	run -0 --separate-stderr cnn-plugin-check "$PREFIX"/lib/cnntools/plugins/cpu/ref/{loss,pool,linear}.so
	[[ $output == *"ref/loss.so:"$'\n'*"ok    cross_entropy  "*"ref/pool.so:"*"ok    maxpool2d  "*"ok    linear "* ]]
	[ -z "$stderr" ]
	# what no check exists for is said
	run -0 cnn-plugin-check "$PREFIX"/lib/cnntools/plugins/cpu/ref/{optimizers,device}.so
	[[ $output == *"-     adam "*"not tested"*"-     device "*"not tested"* ]]
}

@test "nets of the author" {
	so=$mine/cpu/example/leaky_relu.so
	run -0 cnn-plugin-check -v -n "leaky_relu negative_slope=0.2" -i 17x9x5 $so
	[[ $output == *"ok: f32: leaky_relu negative_slope=0.2 of 17x9x5"* ]]
	run -0 cnn-plugin-check -v -n leaky_relu -i 5 -n "leaky_relu negative_slope=0.7" -i 2x2x2 $so
	[[ $output == *"ok: f32: leaky_relu of 5"*"ok: f32: leaky_relu negative_slope=0.7 of 2x2x2"* ]]
	run -0 cnn-plugin-check -v -n "leaky_relu negative_slope=0.15" $so
	[[ $output == *"negative_slope=0.15 of 3x8x7"* ]]
	run -1 cnn-plugin-check -n "relu" -i 5 $so
	[[ $output == *"FAIL  --net  "*"relu: the plugin has no kernel for these layers" ]]
	run -1 cnn-plugin-check -n "leaky_relu negative_slope=3" -i 5 $so
	[[ $output == *"FAIL  --net  "*"negative_slope=3: must be a number from 0 to 1" ]]
	run -1 cnn-plugin-check -n "leaky_relu" -i 0x5 $so
	run -1 cnn-plugin-check -n "leaky_relu" -i five $so
}

# --- broken promises ----------------------------------------------------------------------

@test "CNN_KEEP_INPUT and CNN_KEEP_OUTPUT forgotten" {
	changed 's/plan->flags = CNN_KEEP_INPUT;//'
	found "backward reads its input, but the plan lacks CNN_KEEP_INPUT"
	other -DFLAGS=CNN_KEEP_INPUT
	found "backward reads its output, but the plan lacks CNN_KEEP_OUTPUT"
	other -DFLAGS=0
	found "*CNN_KEEP_INPUT; *CNN_KEEP_OUTPUT"
}

@test "writes outside of buffers" {
	changed "s/$forward/&((float *)call->out)[((struct leaky_relu *)instance)->count * call->samples] = 0;/"
	found "writes outside of its output"
	changed "s/$forward/&((float *)call->out)[-1] = 0;/"
	found "writes outside of its output"
	changed 's/if (call->grad_in\[0\])/&((float *)call->grad_in[0])[((struct leaky_relu *)instance)->count * call->samples + 9] = 0; &/'
	found "writes outside of the input's gradient"
	changed "s/$forward/&*((float *)call->in[0] - 1) = 1;/"
	found "writes outside of its input"
}

@test "what must be set is left or added to" {
	changed 's/for (size_t i = 0;/for (size_t i = from == call->grad_out ? 0 : 1;/'
	found "leaves 2 of 21 elements of the output unwritten"
	changed 's/for (size_t i = 0;/for (size_t i = from == call->grad_out ? 1 : 0;/'
	found "leaves 2 of 21 elements of the gradient of input 1 unwritten"
	changed 's/to\[i\] = \(.*\);/to[i] = (from == call->grad_out ? to[i] : 0) + (\1);/'
	found "adds to the gradient of input 1 instead of setting it"
	other -DADD=1
	found "adds to the gradient of weight instead of setting it"
}

@test "wrong gradients, of inputs and parameters" {
	changed 's/: l->slope \* from\[i\]/: (from == call->grad_out ? 1.1f : 1) * &/; s/: : / : /; s/\(1.1f : 1) \* \): l->slope/\1l->slope/'
	found "the gradient of input 1 is not that of finite differences: off by 0.09* of it"
	changed 's/> 0 ? from/> 0 ? (from == call->grad_out ? -1 : 1) * from/'
	found "the gradient of input 1 is not that of finite differences"
	run -0 cnn-plugin-check --no-gradients changed.so
	other -DWEIGHT_FACTOR=1.03
	found "the gradient of weight is not that of finite differences: off by 0.02* of it"
	other -DWEIGHT_FACTOR=1.003         # near enough for differences in float
	cnn-plugin-check changed.so
}

@test "state outside of the instance" {
	changed "s/^static int forward/static float calls;\n&/; s/$forward/& *(float *)call->out += ++calls;/"
	found "the same call gives other results the second time"
}

@test "memory that was not written is read" {
	other -DSCRATCH=1
	found "reads saved, scratch or packed memory that it has not written"
}

@test "an input is kept that may be overwritten" {
	other '-DFLAGS=CNN_KEEP_INPUT|CNN_KEEP_OUTPUT|CNN_INPLACE_FORWARD'
	found "keeps an input that it may overwrite"
}

@test "forward changes its input" {
	changed "s/$forward/&*(float *)call->in[0] += 1;/"
	found "forward changes its input"
}

@test "NaN is swallowed" {
	changed "s/$forward/&float *out = call->out; for (size_t i = 0; \
i < ((struct leaky_relu *)instance)->count * call->samples; i++) \
out[i] = out[i] == out[i] ? out[i] : 0;/"
	found "a NaN in input 1 (element 1) leaves none in the output"
}

@test "a crash, an exit and an abort are messages" {
	changed 's/if (call->grad_in\[0\])/*(volatile int *)8 = 1; &/'
	found "backward crashed: *"
	[[ $output == *"f32: leaky_relu of 7: backward"* ]]
	changed 's/if (call->grad_in\[0\])/exit(3); &/'
	found "backward ended the process with exit status 3"
	changed 's/if (call->grad_in\[0\])/abort(); &/'
	found "backward crashed: Aborted"
	changed 's/\*out = node->inputs\[0\];/abort();/'
	found "a function of the definition crashed: Aborted"
	[ "$(find . -name 'core*')" = "" ]
}

@test "a cost without create, and no case at all" {
	changed 's/return host->fail(host.*/return 0;/; s/^\t(void)kernel;$/& return CNN_EDATA;/'
	found "create: a plugin failed without a message"
	changed 's/^\t(void)kernel;$/& return host->fail(host, CNN_EDATA, "not today");/'
	found "create: not today"
	changed 's/run->dtype == CNN_F32 ?/0 \&\& &/'
	run -1 cnn-plugin-check changed.so
	[[ $output == *"FAIL  leaky_relu  "*"it takes none of 10 cases (its cost is 0)"* ]]
	changed 's/\*out = node->inputs\[0\];/return host->fail(host, CNN_EDATA, "too small");/'
	run -1 cnn-plugin-check changed.so
	[[ $output == *"FAIL  type leaky_relu "*"no case fits its definition (too small)"* ]]
}

@test "more symbols than one are exported" {
	changed 's/^static void leak/CNN_EXPORT void leak(const struct leaky_relu *, const struct cnn_call *, const float *, float *);\nvoid leak/'
	run -1 cnn-plugin-check changed.so
	[[ $output == *"FAIL  symbols  "*"also exports leak (compile with -fvisibility=hidden)"* ]]
}

@test "the plugins that conformance must find out" {
	for so in "$bad"/*.so; do
		cp "$so" changed.so
		run -1 --separate-stderr cnn-plugin-check changed.so
		[[ $output == *"FAIL  $(basename "$so" .so) "* ]] || { echo "$so: $output"; false; }
	done
	cp "$bad/add.so" changed.so
	found "writes outside of its output"
	cp "$bad/relu.so" changed.so
	found "backward reads its input, but the plan lacks CNN_KEEP_INPUT"
	cp "$bad/linear.so" changed.so
	found "adds to the gradient of weight instead of setting it"
	cp "$bad/flatten.so" changed.so
	found "leaves 120 of 180 elements of the gradient of input 1 unwritten"
}

# --- what cannot be tested -------------------------------------------------------------------

# No verdict: nothing is said of the plugin, and the message is the program's.
no_verdict() {
	[[ $output == *"-     leaky_relu  "*"not tested" ]] || { echo "$output"; return 1; }
	[[ $output != *FAIL* ]]
	[[ $stderr == "cnn-plugin-check: "*"$1"* ]] || { echo "$stderr"; return 1; }
}

@test "memory that runs out is no fault of the plugin" {
	so=$mine/cpu/example/leaky_relu.so
	if [ -z "${SANITIZED-}" ]; then       # they map far more than that
		run -1 --separate-stderr bash -c "ulimit -v 400000; exec cnn-plugin-check -n leaky_relu -i 64x512x512 '$so'"
		no_verdict "f32: leaky_relu of 64x512x512: out of memory"
	fi
	# in a function of the plugin, whose message counts
	changed 's/if (!l)/if (run->batch == 3)/'
	run -1 --separate-stderr cnn-plugin-check changed.so
	no_verdict "create: leaky_relu: out of memory"
	changed 's/if (call->grad_in\[0\])/return CNN_ENOMEM; &/'
	run -1 --separate-stderr cnn-plugin-check changed.so
	no_verdict "f32: leaky_relu of 7: backward: "
}

@test "a check that is killed from outside is no fault of the plugin" {
	changed 's/if (call->grad_in\[0\])/raise(9); &/; s/#include <stdlib.h>/&\n#include <signal.h>/'
	run -1 --separate-stderr cnn-plugin-check changed.so
	no_verdict "f32: leaky_relu of 7: the process was killed (out of memory?)"
}

@test "no plugin, a refused one, no device: exit 3" {
	run -3 --separate-stderr cnn-plugin-check nothing.so
	[[ $stderr == "cnn-plugin-check: nothing.so: not loaded: No such file or directory" ]]
	echo text > text.so
	run -3 --separate-stderr cnn-plugin-check text.so
	[[ $stderr == "cnn-plugin-check: $PWD/text.so: not loaded: "* ]]
	changed 's/"leaky_relu", .version/"Leaky\/x", .version/'
	run -3 --separate-stderr cnn-plugin-check changed.so
	[[ $stderr == *"calls itself cpu/example/Leaky/x, which no path can have"* ]]
	changed 's/.run = "leaky_relu"/.run = "leaky relu"/'
	run -3 --separate-stderr cnn-plugin-check changed.so
	[[ $stderr == *"computes the run \"leaky relu\""* ]]
	# the others are tested, and each is named
	run -3 --separate-stderr cnn-plugin-check nothing.so "$mine/cpu/example/leaky_relu.so" text.so
	[[ $output == *"ok    leaky_relu "* ]]
	[[ $stderr == *nothing.so*text.so* ]]
	changed 's/.run = "leaky_relu"/.run = "leaky_relu+leek"/'
	run -3 --separate-stderr cnn-plugin-check changed.so
	[[ $stderr == *"leek: no such layer type"* ]]
	changed 's/"cpu"/"abacus"/'
	run -3 --separate-stderr cnn-plugin-check changed.so
	[[ $stderr == *"abacus/*/device: no such plugin"* ]]
	[[ $output == *"-     leaky_relu  "*"not tested" ]]
}

@test "a plugin that others may write to is refused" {
	other
	chmod g+w changed.so
	run -3 --separate-stderr cnn-plugin-check changed.so
	[[ $stderr == *"changed.so: refused: others can write to it"* ]]
	chmod go-w changed.so
	mkdir open
	cp changed.so open
	chmod o+w open
	run -3 --separate-stderr cnn-plugin-check open/changed.so
	[[ $stderr == *"open/: refused: others can write to it"* ]]
	# not by way of a link either
	ln -s open/changed.so link.so
	run -3 --separate-stderr cnn-plugin-check link.so
	[[ $stderr == *"open/: refused"* ]]
}

@test "without the reference: exit 3, and where it should be" {
	mkdir -p alone/bin
	cp "$PREFIX/bin/cnn-plugin-check" alone/bin
	run -3 --separate-stderr alone/bin/cnn-plugin-check "$mine/cpu/example/leaky_relu.so"
	[[ $stderr == *"the reference is not installed: no ../lib/cnntools/reference"* ]]
}

@test "usage errors" {
	run -2 --separate-stderr cnn-plugin-check
	run -2 --separate-stderr cnn-plugin-check -i 7 x.so
	[[ $stderr == "cnn-plugin-check: --input: needs --net"* ]]
	run -2 --separate-stderr cnn-plugin-check -n relu -n relu -n relu -i 7 -i 8 x.so
	[[ $stderr == "cnn-plugin-check: --input: give one for all --net, or one for each"* ]]
	run -2 --separate-stderr cnn-plugin-check --isa mmx x.so
	run -1 --separate-stderr bash -c "cnn-plugin-check '$mine/cpu/example/leaky_relu.so' > /dev/full"
	[[ $stderr == "cnn-plugin-check: "*"No space left on device"* ]]
}
