#!/usr/bin/env bats
# Plugins that are not to be trusted: bad ones are refused before anything of them
# runs, by name, and nothing is left.

bats_require_minimum_version 1.5.0

setup_file() {
	load plugins
	plugins_setup_file
}

setup() {
	load plugins
	plugins_setup
}

teardown() {
	[ -z "${far-}" ] || rm -rf "$far"
}

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
	plugin_refused dir/cpu/bad/sieve.so "does not begin with the magic number"
	plugin dir -DMAJOR=3
	plugin_refused dir/cpu/bad/sieve.so "built for plugin interface 3.0, but this program has 2.0"
	plugin dir -DMAJOR=0
	plugin_refused dir/cpu/bad/sieve.so "built for plugin interface 0.0"
	plugin dir -DENTRY_SIZE=16
	plugin_refused dir/cpu/bad/sieve.so "of 16 bytes is too small"
	plugin dir -DKERNEL_SIZE=16
	plugin_refused dir/cpu/bad/sieve.so "of 16 bytes is too small"
}

@test "no entry, no functions, a missing symbol, no plugin at all" {
	plugin dir -DNO_ENTRY
	plugin_refused dir/cpu/bad/sieve.so "exports no cnn_plugin_entry"
	plugin dir '-DOFFERS=.kernels = NULL'
	plugin_refused dir/cpu/bad/sieve.so "offers nothing"
	plugin dir '-DOFFERS=.kernel_count = 3'
	plugin_refused dir/cpu/bad/sieve.so "has 3 kernels but no table of them"
	plugin dir -DFORWARD=NULL
	plugin_refused dir/cpu/bad/sieve.so "lacks one of"
	plugin dir -Wl,-z,undefs '-DFORWARD=cnn_forward_from_the_host' -include <(echo '
		#include <cnn/plugin.h>
		int cnn_forward_from_the_host(void *, const struct cnn_call *);')
	plugin_refused dir/cpu/bad/sieve.so "undefined symbol: cnn_forward_from_the_host"
	# one that is missed only where it is called: at once, not in the first step
	plugin dir -Wl,-z,undefs -Wl,-z,lazy '-DFORWARD=hollow' -include <(echo '
		#include <cnn/plugin.h>
		int cnn_called_later(void);
		static int hollow(void *p, const struct cnn_call *c)
		{
			return (void)p, (void)c, cnn_called_later();
		}')
	plugin_refused dir/cpu/bad/sieve.so "undefined symbol: cnn_called_later"
	echo "no plugin" > dir/cpu/bad/sieve.so
	plugin_refused dir/cpu/bad/sieve.so "not loaded"
	: > dir/cpu/bad/sieve.so
	plugin_refused dir/cpu/bad/sieve.so "not loaded"
	rm dir/cpu/bad/sieve.so
	mkdir dir/cpu/bad/sieve.so
	plugin_refused dir/cpu/bad/sieve.so "not loaded"
	rmdir dir/cpu/bad/sieve.so
	ln -s nowhere dir/cpu/bad/sieve.so
	plugin_refused dir/cpu/bad/sieve.so "not loaded"
}

@test "a name that is not the file's" {
	plugin dir -UNAME '-DNAME="colander"' 2> /dev/null
	plugin_refused dir/cpu/bad/sieve.so "calls itself cpu/bad/colander"
	plugin dir -UPROVIDER '-DPROVIDER="good"' 2> /dev/null
	plugin_refused dir/cpu/bad/sieve.so "calls itself cpu/good/sieve"
	plugin dir -UDEVICE '-DDEVICE="cuda"' 2> /dev/null
	plugin_refused dir/cpu/bad/sieve.so "calls itself cuda/bad/sieve"
	plugin dir '-DRUN="conv2d sieve"'
	plugin_refused dir/cpu/bad/sieve.so 'computes the run "conv2d sieve"'
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
	plugin_refused dir/cpu/bad/sieve.so "others can write to it"
	chmod 664 dir/cpu/bad/sieve.so
	plugin_refused dir/cpu/bad/sieve.so "others can write to it"
	chmod 644 dir/cpu/bad/sieve.so
	for folder in dir dir/cpu dir/cpu/bad; do
		chmod 777 $folder
		plugin_refused $folder "others can write to it"
		chmod 755 $folder
	done
	cnn-init --plugin-dir dir sieve.net > init.cnn
}

@test "files and folders of somebody else are refused" {
	[ "$(id -u)" = 0 ] || skip "only root can give files away"
	plugin dir
	for what in dir/cpu/bad/sieve.so dir/cpu/bad dir; do
		chown 12345 $what
		plugin_refused $what "belongs to another user (12345)"
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
		[[ $stderr == *"cnn-init: dir/cpu/bad/sieve.so: crashed while being loaded"* ]]
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
	[ "$(grep -F "in dir" <<< "$output" | grep ^plugins)" = "plugins cpu/bad in dir/cpu/bad" ]
	[ "$(grep -c sieve <<< "$output")" = 1 ]
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
	[ -z "${SANITIZED-}" ] || skip "sanitizers do not run in setuid programs"
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
