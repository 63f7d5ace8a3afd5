#!/usr/bin/env bats
# Every tool once under valgrind: nothing is read that was not written, nothing
# written that was not had, nothing lost; in runs that fail, too. Computed by the
# plugins that are ours, ref and native: oneDNN's code is made at run time, and is
# others'. valgrind shows a processor of AVX2 at most. There are no suppressions.

bats_require_minimum_version 1.5.0

# valgrind can't run what a sanitizer watches.
can_run() {
	command -v valgrind > /dev/null && [ -z "${SANITIZED-}" ]
}

setup_file() {
	can_run || return 0
	load models
	cd "$BATS_FILE_TMPDIR"
	umask 022
	make_files
	cnn-step -q --threads 1 init.cnn data.tns > model.cnn
	mixed > mixed.net
	cnn-init mixed.net > mixed.cnn
	tensor-cat --fields image --range :3 --to npy -o image.npy data.tns
	tensor-cat --fields image --range :1 --to png -o one.png data.tns
	tar --owner=0 --group=0 -czf both.tgz i.idx l.idx
	tensor-cat --batch 6 data.tns | head -c 3000 > cut.tns
	# The plugins of a prefix stand beside its tools.
	mkdir -p usr/bin usr/lib/cnntools/plugins/cpu
	cp "$BIN"/* usr/bin
	for p in ref native; do
		[ ! -d "$BUILD/plugins/cpu/$p" ] ||
			cp -r "$BUILD/plugins/cpu/$p" usr/lib/cnntools/plugins/cpu
	done
	rm -f usr/lib/cnntools/plugins/cpu/*/*.d
}

setup() {
	can_run || skip "no valgrind, or a sanitizer beside it"
	load models
	use_files
	ln -s "$BATS_FILE_TMPDIR"/*.{npy,png,tgz} .
	bin=$BATS_FILE_TMPDIR/usr/bin
}

# clean STATUS TOOL ARGUMENT ...: the exit status is that, so valgrind found no error:
# it would be 99.
clean() {
	local want=$1 tool=$2 status=0
	shift 2
	valgrind -q --error-exitcode=99 --leak-check=full \
		--show-leak-kinds=definite,possible --errors-for-leak-kinds=definite,possible \
		--log-file=said.valgrind "$bin/$tool" "$@" > printed 2> said < /dev/null || status=$?
	[ "$status" = "$want" ] ||
		{ echo "$tool $*: exit $status"; cat said said.valgrind; return 1; }
}

@test "valgrind notices what it is here for" {
	cat > bad.c <<-'END'
		#include <stdlib.h>
		static volatile char *lost;
		int main(int argc, char **argv)
		{
			volatile char *p = malloc(8);

			if (argc == 2) {
				lost = p;
				lost = NULL;
				p = NULL;
			} else if (p[argc])
				abort();
			free((char *)p);
			return 0;
		}
	END
	bin=.
	${CC:-cc} -O0 -o bad bad.c
	for arguments in lost "read it"; do
		run -1 clean 0 bad $arguments
		[[ $output == *"exit 99"* ]]
	done
}

@test "tensor-cat" {
	clean 0 tensor-cat -o out.tns i.idx l.idx
	cmp out.tns data.tns
	clean 0 tensor-cat --batch 7 --range 3:60 -o out.tns both.tgz
	clean 0 tensor-cat --pick 20,3,17-19,3 -o out.tns both.tgz
	clean 0 tensor-cat --to npy --field x=image.npy -o out.npy
	clean 0 tensor-cat --fields image --to png -o out.png one.png
	clean 0 tensor-cat --repair -o out.tns cut.tns
	clean 1 tensor-cat -o out.tns cut.tns
	clean 1 tensor-cat -o out.tns nowhere
	clean 2 tensor-cat --range x data.tns
}

@test "tensor-shuf" {
	clean 0 tensor-shuf --seed 3 --buffer 7 -o out.tns data.tns
	clean 1 tensor-shuf -o out.tns cut.tns
}

@test "tensor-stat" {
	clean 0 tensor-stat --json model.cnn data.tns
	clean 1 tensor-stat cut.tns
}

@test "tensor-view" {
	clean 0 tensor-view -n 3 data.tns
	clean 0 tensor-view -n 20 --png out.png data.tns
	clean 1 tensor-view -n 3 --png out.png none.tns
}

@test "mnist-fetch" {
	clean 0 mnist-fetch -q -d strokes -n 20 -o out.tns train
	export XDG_CACHE_HOME=$PWD/cache
	clean 1 mnist-fetch -q --from . -o out.tns test
	clean 1 mnist-fetch -q --from http://127.0.0.1:1 -o out.tns test
}

@test "cnn-init" {
	clean 0 cnn-init -o out.cnn mixed.net
	echo "conv2d out=0" >> mixed.net
	clean 1 cnn-init -o out.cnn mixed.net
}

@test "cnn-info" {
	clean 0 cnn-info
	clean 0 cnn-info --training mixed.cnn
	clean 1 cnn-info cut.tns
}

@test "cnn-step" {
	clean 0 cnn-step -q --threads 2 --steps 2 --val data.tns --metrics m.tsv \
		--checkpoint c.cnn --checkpoint-every 1 -o out.cnn mixed.cnn data.tns
	clean 0 cnn-step -q --threads 2 --resume --steps 1 -o more.cnn out.cnn data.tns
	clean 0 cnn-step -q --threads 1 --amp bf16 --optimizer sgd --momentum 0.9 --steps 1 \
		-o out.cnn init.cnn data.tns
	clean 0 cnn-step -q --threads 2 --stream --steps 2 -o out.cnn init.cnn data.tns
	clean 1 cnn-step -q --threads 2 -o out.cnn init.cnn cut.tns
	clean 1 cnn-step -q --threads 2 -o out.cnn init.cnn wide.tns
	clean 2 cnn-step -q --resume --no-fuse --batch 3 -o out.cnn more.cnn data.tns
	clean 3 cnn-step -q -p relu=magic -o out.cnn init.cnn data.tns
}

@test "cnn-eval" {
	clean 0 cnn-eval --threads 2 --json model.cnn data.tns
	clean 1 cnn-eval model.cnn none.tns
}

@test "cnn-predict" {
	clean 0 cnn-predict --threads 2 -o out.tns model.cnn data.tns
	clean 0 cnn-predict --threads 1 --tsv model.cnn data.tns
	clean 1 cnn-predict -o out.tns model.cnn cut.tns
}

@test "cnn-plugin-check" {
	cp -r "$BUILD/reference" usr.reference
	ln -sfn "$PWD/usr.reference" "$BATS_FILE_TMPDIR/usr/lib/cnntools/reference"
	cc -O1 -I"$BATS_TEST_DIRNAME/../../libcore/include" -fPIC -shared -fvisibility=hidden \
		-o leaky.so "$BATS_TEST_DIRNAME/../../examples/plugin/leaky_relu.c"
	chmod go-w leaky.so
	clean 0 cnn-plugin-check leaky.so
	clean 1 cnn-plugin-check -n relu leaky.so
	clean 3 cnn-plugin-check none.so
}

@test "no tool was left out" {
	sed -n 's/.*clean 0 \([a-z-]*\) .*/\1/p; s/.*clean 0 \([a-z-]*\)$/\1/p' \
		"$BATS_TEST_FILENAME" | grep -v bad | sort -u > tried
	(cd "$BIN" && ls) | diff - tried
}
