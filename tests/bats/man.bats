#!/usr/bin/env bats
# The man pages: lint, options against --help, and all that the EXAMPLES show is
# run, as a reader would type it: what mandoc renders is what is run.

bats_require_minimum_version 1.5.0

setup_file() {
	load tensors
	export MAN=$(cd "$BATS_TEST_DIRNAME/../../man" && pwd)
	export NO_COLOR=1
	unset CNN_PLUGIN_PATH
	cd "$BATS_FILE_TMPDIR"
	# What the pages take for given.
	cp "$MAN/../examples/seed.net" .
	mnist-fetch -q -d strokes -n 200 train > train.tns
	mnist-fetch -q -d strokes -n 100 test > test.tns
	cnn-init -q seed.net > init.cnn
	cnn-step -q --epochs 2 init.cnn train.tns > trained.cnn
	cp "$MAN/../examples/plugin/leaky"* .
	printf '%s\n' 'Name: cnntools' 'Description: -' 'Version: 0' \
		"Cflags: -I$MAN/../libcore/include" > cnntools.pc
	export PKG_CONFIG_PATH=$PWD
	# MNIST is not at hand, nor are 60,000 samples wanted.
	mkdir bin
	cat > bin/mnist-fetch <<-END
		#!/bin/bash
		args=() count=(-n 200)
		while [ \$# -gt 0 ]; do
			case \$1 in
			-d | -f | --dataset | --from) shift ;;
			-n | --count) count=(-n "\$2"); shift ;;
			*) args+=("\$1") ;;
			esac
			shift
		done
		exec "$BIN/mnist-fetch" -q -d strokes "\${count[@]}" "\${args[@]}"
	END
	chmod +x bin/mnist-fetch
}

setup() {
	load tensors
	cd "$BATS_TEST_TMPDIR"
	export HOME=$PWD XDG_CACHE_HOME=$PWD/.cache
}

need_mandoc() {
	command -v mandoc > /dev/null || skip "no mandoc"
}

tools() {
	local tool
	for tool in "$BIN"/*; do
		basename "$tool"
	done
}

# page NAME [WIDTH]: as a reader sees it, without overstriking.
page() {
	mandoc -Tascii -O width="${2:-200}" "$MAN/$1" | sed 's/.\x08//g'
}

# section PAGE NAME [WIDTH]
section() {
	page "$1" "$3" | awk -v name="$2" '/^[A-Z]/ { inside = $0 == name; next } inside'
}

# program PAGE PATTERN: the display whose first line matches, unindented.
program() {
	section "$1" EXAMPLES | awk -v pattern="$2" '
		!inside && $0 ~ pattern { inside = 1; match($0, /^ */); n = RLENGTH }
		inside {
			match($0, /^ */)
			if (NF && RLENGTH < n) exit
			print substr($0, n + 1)
		}'
}

# options_of_help TOOL, options_of_page TOOL: "letter name" of each, sorted.
options_of_help() {
	"$1" --help | sed -nE 's/^  (-(.), |    )--([a-z0-9-]+).*/\2 \3/p' | sort
}
options_of_page() {
	sed -nE '/^\.It Fl -?[a-zA-Z0-9]/ {
		s/^\.It Fl ([a-zA-Z]) , Fl -([a-z0-9-]+).*/\1 \2/p
		s/^\.It Fl -([a-z0-9-]+).*/ \1/p }' "$MAN/$1.1" | sort
}

# script PAGE: a shell script of its EXAMPLES, that stops at the first command
# whose pipeline does not do what it should. A filter that has seen enough ends
# those before it by SIGPIPE, which is right. Lines that follow a command in its
# display are what it says.
script() {
	cat <<-'END'
		set -u
		check() {
			local negated=$1 status=$2 s
			shift 2
			if [ "$negated" = 1 ]; then
				[ "$status" = 0 ] || { echo "it did not fail" >&2; exit 1; }
				return
			fi
			for s in "$@"; do
				[ "$s" = 0 ] || [ "$s" = 141 ] ||
					{ echo "exit $*" >&2; exit 1; }
			done
		}
	END
	section "$1" EXAMPLES | awk -v q="'" '
		function quoted(s) { gsub(q, q "\\" q q, s); return q s q }
		function finish() {
			if (command == "") return
			print "echo " quoted("$ " command) " >&2"
			print said != "" ? "{ " command "\n} > .said 2>&1" : command
			print "check " (command ~ /^! /) " $? \"${PIPESTATUS[@]}\""
			if (said != "")
				print "printf %s " quoted(said) " | diff - .said || exit 1"
			command = said = ""
		}
		match($0, /^ +\$ /) { finish(); n = RLENGTH; command = substr($0, n + 1); next }
		command != "" && substr($0, n - 1, 2) == "> " { command = command "\n" substr($0, n + 1); next }
		command != "" && NF && match($0, /^ */) && RLENGTH >= n - 2 { said = said substr($0, n - 1) "\n"; next }
		{ finish() }
		END { finish() }'
}

# --- the pages -------------------------------------------------------------------------

@test "every page is clean to mandoc" {
	need_mandoc
	run -0 mandoc -Tlint -W warning "$MAN"/*.[157]
	[ -z "$output" ]
}

@test "every tool has its page, and every page its place in cnntools(7)" {
	for tool in $(tools); do
		[ -s "$MAN/$tool.1" ] || { echo "no page: $tool(1)"; false; }
	done
	for path in "$MAN"/*.[157]; do
		file=${path##*/}
		[ "$file" != cnntools.7 ] || continue
		grep -qE "^\.It Xr ${file%.*} ${file##*.} Ta " "$MAN/cnntools.7" ||
			{ echo "not in cnntools(7): $file"; false; }
		grep -qx ".Nm ${file%.*}" "$path"
	done
}

@test "no reference leads nowhere" {
	grep -hoE 'Xr (cnn|tensor|mnist)[a-z-]* [0-9]' "$MAN"/*.[157] | sort -u > refs
	while read -r _ name number; do
		[ -e "$MAN/$name.$number" ] || { echo "$name($number)"; false; }
	done < refs
}

@test "a page names the options that --help names, and no others" {
	for tool in $(tools); do
		diff <(options_of_help $tool) <(options_of_page $tool) ||
			{ echo "$tool: --help (<) and $tool(1) (>) differ"; false; }
		[ "$(options_of_help $tool | wc -l)" -ge 5 ]
		# nor in the text or the synopsis
		grep -oE 'Fl -?[a-z][a-z0-9-]+' "$MAN/$tool.1" | sed 's/^Fl //' | sort -u |
			while read -r name; do
				case $name in
				-*) $tool --help | grep -q -e "-$name\>" ;;
				*) [ -z "${name//[qvjt]/}" ] ;;
				esac || { echo "$tool(1): $name"; exit 1; }
			done
	done
}

@test "defaults in a page are those of --help" {
	for tool in $(tools); do
		# --name N ... [7] in the help: the same in the page's item
		$tool --help | tr '\n' ' ' | sed -E 's/  +(-., )?--/\n--/g' |
			sed -nE 's/^--([a-z-]+) .*\[([a-z0-9.]+)\].*/\1 \2/p' > defaults
		while read -r name value; do
			awk -v want="Fl -$name" '/^\.It/ { inside = index($0 " ", want " ") } inside' \
				"$MAN/$tool.1" | grep -qw -e "$value" ||
				{ echo "$tool --$name: $value"; false; }
		done < defaults
	done
}

@test "cnn-step(1) has the optimizers and schedules of --help with their arguments" {
	# "NAME KEY VALUE ..." each; in the help "name: summary (key=value, key=value)"
	cnn-step --help | perl -0777 -ne 'while (/^ {32}([a-z0-9_]+): ((?:.+)(?:\n {34}.+)*)/mg) {
		my ($name, $text) = ($1, $2);
		my $args = $text =~ /\(([^)]*)\)/ ? $1 : "";
		print join(" ", $name, split /[=,\s]+/, $args), "\n" }' > names
	[ "$(cut -d' ' -f1 names | xargs)" = "adam sgd auto constant linear cosine" ]
	while read -r name rest; do
		awk -v name="$name" '/^\.It Cm / { inside = $3 == name } /^\.El/ { inside = 0 }
			inside' "$MAN/cnn-step.1" > item
		[ -s item ] || { echo "$name"; false; }
		for word in $rest; do
			grep -qwF -e "$word" item || { echo "$name: $word is not in cnn-step(1)"; false; }
		done
	done < names
}

@test "the net of cnn-net(5) is examples/seed.net" {
	need_mandoc
	section cnn-net.5 DESCRIPTION | awk '/# The seed/ { inside = 1 } !NF { inside = 0 }
		inside { sub(/^ +/, ""); print }' > page.net
	diff page.net "$MAN/../examples/seed.net"
}

@test "every layer of cnn-net(5) is there with its keys, and no other" {
	need_mandoc
	# what cnn-init says of an unknown type and of an unknown key
	printf 'input 1\nnosuch\n' > x.net
	run -3 --separate-stderr cnn-init x.net
	types=${stderr##*known: }
	[ "$(sed -n '/^\.Sh LAYERS/,/^\.Sh EX/s/^\.Ss //p' "$MAN/cnn-net.5" | sort)" = \
		"$(echo "$types" | tr -d ' ' | tr , '\n' | sort)" ]
	for type in $(echo "$types" | tr -d ,); do
		printf 'input 1\nx: %s nosuch=1 from=%s\n' $type \
			"$([ $type = add ] && echo input,input || echo input)" > x.net
		run -1 --separate-stderr cnn-init x.net
		keys=${stderr##*(known: }
		keys=${keys%)}
		[ "$keys" != none ] || keys=
		page cnn-net.5 | awk -v t="   $type" '/^   [a-z]/ { inside = $0 == t }
			/^[A-Z]/ { inside = 0 } inside' > text
		for key in $(echo $keys | tr -d ,); do
			[ $type = avgpool2d ] || grep -qE "^ +$key\*? " text ||
				{ echo "$type: $key is not in cnn-net(5)"; false; }
		done
		[ $type = avgpool2d ] || [ "$(awk '/^ +key +default/ { table = 1; next } !NF { table = 0 }
			table && /^          ? ?[a-z]/ { n++ } END { print n + 0 }' text)" = \
			"$(echo $keys | wc -w)" ] || { echo "$type: other keys in cnn-net(5)"; false; }
	done
}

@test "the nets of cnn-net(5) are nets" {
	need_mandoc
	{ section cnn-net.5 DESCRIPTION; section cnn-net.5 EXAMPLES; } | awk 'BEGIN { RS = "" }
		$1 == "input" { print > ("example" NR ".net") }'
	count=0
	for net in example*.net; do
		cnn-init "$net" | cnn-info - > /dev/null
		count=$((count + 1))
	done
	[ $count -ge 3 ]
}

@test "no command is broken where a terminal is narrow" {
	need_mandoc
	for path in "$MAN"/*.[157]; do
		diff <(section ${path##*/} EXAMPLES 78 | grep -E '^ +[$>] ') \
			<(section ${path##*/} EXAMPLES 200 | grep -E '^ +[$>] ') ||
			{ echo "${path##*/}"; false; }
	done
}

# --- what they show ----------------------------------------------------------------------

@test "the EXAMPLES of every page run" {
	need_mandoc
	for path in "$MAN"/*.[157]; do
		name=${path##*/}
		run -1 grep -nE '^ +\$[^ ]' <(section "$name" EXAMPLES 200)
		mkdir "$name"
		cp "$BATS_FILE_TMPDIR"/*.{net,tns,cnn,c} "$name"
		script "$name" > "$name.sh"
		grep -q '^check ' "$name.sh" || { echo "$name: no example"; false; }
		(cd "$name" && PATH=$BATS_FILE_TMPDIR/bin:$PATH bash ../"$name.sh") > "$name.log" 2>&1 ||
			{ echo "$name:"; tail -n 8 "$name.log"; false; }
		# nothing went wrong on the way that a pipe has hidden
		! grep -E '^(cnn|tensor|mnist)-[a-z]+: .*(error|refused|No such|died)' "$name.log" |
			grep -v -e broken.tns -e 'at byte 9000' || { echo "$name:"; cat "$name.log"; false; }
	done
	# and they do what they are shown for
	[ "$(tensor-stat -t tensor-cat.1/saved.tns | awk '$1 == "samples" { print $2 }')" = 120 ]
	cmp cnn-step.1/five.cnn <(cnn-step -q -e 5 cnn-step.1/init.cnn cnn-step.1/train.tns)
	[ "$(wc -l < cnn-step.1/run.tsv)" = 13 ]
}

# --- tensor-stream(5)'s programs -----------------------------------------------------------

# The programs, and a net that fits what the writers write.
programs() {
	need_mandoc
	need_python msgpack_numpy
	program tensor-stream.5 '^ +import msgpack, msgpack_numpy, sys' | sed '/^$/,$d' > reader.py
	program tensor-stream.5 '^ +import msgpack, msgpack_numpy, numpy, sys' | sed '/^$/,$d' > writer.py
	cp "$BATS_FILE_TMPDIR"/*.{tns,cnn} .
}

@test "Python's reader and writer are programs of six lines" {
	programs
	[ "$(wc -l < reader.py)" = 6 ]
	[ "$(wc -l < writer.py)" = 6 ]
}

@test "Python reads each kind of stream" {
	programs
	"$PYTHON" reader.py < train.tns > said
	grep -qx 'image (200, 1, 28, 28)' said
	grep -qx 'label (200,)' said
	grep -q "^kind data" said
	grep -q "^end {'records': 1, 'samples': 200" said
	cnn-predict -q trained.cnn test.tns | "$PYTHON" reader.py > said
	grep -qx 'logits (100, 10)' said
	grep -qx 'class (100,)' said
	"$PYTHON" reader.py < init.cnn > said
	grep -qx 'kind model' said
	grep -qx 'conv1.weight (32, 1, 3, 3)' said
	grep -qx 'fc2.bias (10,)' said
	"$PYTHON" reader.py < trained.cnn > said
	grep -qx 'fc1.weight@adam.v (128, 1600)' said
	cat init.cnn train.tns test.tns | "$PYTHON" reader.py > said
	[ "$(grep -c ^end said)" = 3 ]
	# other types and shapes
	tensor-cat --field d=<(perl -e 'print pack("N2 (d>)*", 0xE01, 3, 1, 2, 3)') |
		"$PYTHON" reader.py > said
	grep -qx 'd (3,)' said
}

@test "Python's reader knows a stream that stops" {
	programs
	for n in 0 10 200 5000; do
		run -1 bash -c "head -c $n train.tns | '$PYTHON' reader.py"
	done
}

@test "the tools take what Python writes" {
	programs
	"$PYTHON" writer.py > py.tns
	[ "$(stat_of samples py.tns)" = 100 ]
	[ "$(stat_of image.dtype py.tns)" = float32 ]
	[ "$(stat_of image.shape py.tns)" = 1x8x8 ]
	[ "$(stat_of label.count.9 py.tns)" = 10 ]
	tensor-cat py.tns | cmp - py.tns
	tensor-shuf py.tns | tensor-view -n 2 > /dev/null
	tensor-cat --batch 7 py.tns | "$PYTHON" reader.py | grep -c '^image (7, 1, 8, 8)' | grep -qx 14
	printf '%s\n' 'input 1x8x8' flatten 'linear out=10' cross_entropy | cnn-init > py.cnn
	cnn-step -q --epochs 2 py.cnn py.tns > stepped.cnn
	cnn-eval stepped.cnn py.tns | grep -q '^accuracy'
	cnn-predict stepped.cnn py.tns | "$PYTHON" reader.py | grep -qx 'logits (100, 10)'
}

@test "Python hands models on, and may change them" {
	programs
	cat > pass.py <<-'END'
		import msgpack, msgpack_numpy, sys
		for item in msgpack.Unpacker(sys.stdin.buffer, object_hook=msgpack_numpy.decode):
		    if "end" in item:
		        del item["end"]["xxh3"]
		    sys.stdout.buffer.write(msgpack.packb(item, default=msgpack_numpy.encode))
	END
	"$PYTHON" pass.py < trained.cnn > passed.cnn
	cmp <(cnn-eval --tsv trained.cnn test.tns) <(cnn-eval --tsv passed.cnn test.tns)
	cmp <(cnn-step -q --resume -e 3 trained.cnn train.tns) <(cnn-step -q --resume -e 3 passed.cnn train.tns)
	sed 's/^    sys/    if "fc2.bias" in item:\n        item["fc2.bias"] = item["fc2.bias"] + 1e6 * (msgpack_numpy.np.arange(10) == 3).astype("f4")\n&/' pass.py > three.py
	"$PYTHON" three.py < trained.cnn > three.cnn
	[ "$(cnn-predict --tsv three.cnn test.tns | cut -f 2 | sort -u | tr '\n' ' ')" = "3 class " ]
}

@test "what tensor-stream(5) says is taken from foreign programs, is" {
	need_python msgpack_numpy
	cat > foreign.py <<-'END'
		import msgpack, sys
		def stream(name, *items):
		    with open(name, "wb") as f:
		        for item in items: f.write(msgpack.packb(item))
		head = {"tensor-stream": 1, "kind": "data"}
		def tensor(type, shape, data):
		    return {b"nd": True, b"type": type, b"kind": b"", b"shape": shape, b"data": data}
		one = tensor("<i2", [2], b"\1\0\2\0")
		end = {"end": {"records": 1, "samples": 2}}
		stream("plain", head, {"x": one}, end)
		stream("bins", {b"tensor-stream": 1, b"kind": b"data"}, {b"x": one}, {b"end": {b"records": 1}})
		stream("texts", head, {"x": {k.decode(): v for k, v in one.items()}}, end)
		stream("textdata", head, {"x": tensor(b"<i2", [2], "\1\0\2\0")}, end)
		stream("order", head, {"x": dict(reversed(one.items()))}, end)
		stream("nokind", head, {"x": {k: v for k, v in one.items() if k != b"kind"}}, end)
		stream("big", head, {"x": tensor(">i2", [2], b"\0\1\0\2")}, end)
		stream("native", head, {"x": tensor("=i2", [2], b"\1\0\2\0")}, end)
		stream("noend", head, {"x": one}, {"end": {}})
		stream("unknown", {**head, "colour": "blue", "fields": {"x": {"dtype": "<i2", "shape": [], "unit": "m"}}},
		    {"x": one}, {"end": {"records": 1, "weather": "fine"}})
		wide = bytes.fromhex("82ad") + b"tensor-stream" + bytes.fromhex("cf0000000000000001") + \
		    bytes.fromhex("db00000004") + b"kind" + bytes.fromhex("d904") + b"data"
		open("wide", "wb").write(wide + msgpack.packb({"x": one}) + msgpack.packb(end))
		bf = {**head, "fields": {"x": {"dtype": "bfloat16", "shape": []}}}
		for i, type in enumerate(["<V2", "|V2", [["", "|V2"]]]):
		    stream(f"bf{i}", bf, {"x": tensor(type, [2], b"\x80\x3f\0\x40") | ({} if i < 2 else {b"kind": b"V"})}, end)
		for name, x in {
		    "object": tensor("|O", [1], b"\x80\4N.") | {b"kind": b"O"},
		    "structured": tensor([["a", "<i2"], ["b", "<i2"]], [1], b"1234") | {b"kind": b"V"},
		    "complex": tensor("<c8", [1], b"12345678"), "text": tensor("<U1", [1], b"1234"),
		    "date": tensor("<M8[s]", [1], b"12345678"), "unsigned": tensor("<u2", [1], b"12"),
		    "scalar": {b"nd": False, b"type": "<f4", b"data": b"1234"},
		    "v2": tensor("<V2", [1], b"12"), "number": 1, "extension": msgpack.ExtType(1, b"1")}.items():
		    stream("no-" + name, head, {"x": x}, end)
	END
	"$PYTHON" foreign.py
	for f in bins texts textdata order nokind big native noend unknown wide; do
		diff <(stat_of digest $f) <(stat_of digest plain) || { echo $f; false; }
		[ "$(stat_of x.dtype $f)/$(stat_of x.max $f)" = int16/2 ]
	done
	for f in bf0 bf1 bf2; do
		[ "$(stat_of x.dtype $f)/$(stat_of x.min $f)/$(stat_of x.max $f)" = bfloat16/1/2 ]
	done
	# what a program does not know goes on
	tensor-cat --range :1 unknown | grep -aq 'colour.*blue'
	tensor-cat --range :1 unknown | grep -aq 'unit'
	for f in no-*; do
		run -1 --separate-stderr tensor-stat $f
		[[ $stderr == "tensor-stat: $f: record 0: "* ]] || { echo "$f: $stderr"; false; }
	done
	run -1 --separate-stderr tensor-stat no-object
	[[ $stderr == *pickle* ]]
}

@test "the C program compiles without a warning, and the tools take what it writes" {
	need_mandoc
	program tensor-stream.5 '^ +#include <stdint.h>' > writer.c
	${CC:-cc} -std=c99 -Wall -Wextra -Wpedantic -Werror -o writer writer.c
	./writer > c.tns
	[ "$(stat_of samples c.tns)" = 10 ]
	[ "$(stat_of image.shape c.tns)" = 1x4x4 ]
	[ "$(stat_of label.count.1 c.tns)" = 5 ]
	tensor-cat c.tns | cmp - c.tns
	run -1 bash -c "./writer > /dev/full"
}
