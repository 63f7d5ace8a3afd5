#!/bin/sh
# arrows.sh - checks the directions of dependencies between source files
#
#   build-aux/arrows.sh [BUILD]             (build)
#
# The layers, from the top: tools, formats/operand, formats, then those of libcore:
# train, executor, net, plugin, then stream, cli, layers and optimizers, then base. A
# file may include headers and call functions of its own folder and of lower layers. A
# dependency on a higher layer is an error, and so is one across: from stream to cli, or
# from one tool's folder to another's. A plugin includes only cnn/plugin.h, cnn/types.h and its
# own folder. No struct tag has two definitions that a program could confuse. Files must
# not call each other in a circle, unless one of their headers says "calls in a circle"
# and why.
#
# Reads #include lines, and the symbols of the objects in BUILD/obj. Prints the errors
# and exits 1 if there is one.
set -eu
cd "$(dirname "$0")/.."
BUILD=${1:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- dependencies: "FROM TO WHY", one per line ---------------------------------------

# The path of an included header: beside the file, in libcore, or below the top.
find libcore formats tools plugins -name '*.[ch]' -o -name '*.cu' | sort > "$work/files"
xargs grep -H '^#[[:space:]]*include [<"]' < "$work/files" |
	sed 's/:#[[:space:]]*include */ /; s/[<">]/ /g' |
	while read -r file header _; do
		for place in "${file%/*}/$header" "libcore/$header" "libcore/include/$header" "$header"; do
			if [ -e "$place" ]; then
				printf '%s %s include\n' "$file" "$place"
				break
			fi
		done
	done > "$work/includes"

# Functions and data that an object defines (T D B R W V) and needs (U).
find "$BUILD/obj/libcore" "$BUILD/obj/formats" "$BUILD/obj/tools" -name '*.o' |
	while read -r object; do
		source=${object#"$BUILD/obj/"}
		[ ! -e "${source%.o}.c" ] || echo "$object"
	done | sort > "$work/objects"
[ -s "$work/objects" ] || { echo "arrows.sh: $BUILD/obj: no objects: make first" >&2; exit 1; }
xargs nm -A < "$work/objects" | awk -v build="$BUILD/obj/" '
	{
		split($0, part, ":")
		file = substr(part[1], length(build) + 1)
		sub(/\.o$/, ".c", file)
		symbol = $NF
		type = $(NF - 1)
		if (type ~ /^[TDBRWV]$/ && symbol != "main") has[symbol] = file
		else if (type == "U") wants[file, symbol] = 1
	}
	END {
		for (pair in wants) {
			split(pair, p, SUBSEP)
			if (p[2] in has && has[p[2]] != p[1])
				print p[1], has[p[2]], p[2]
		}
	}' > "$work/calls"

# --- up and across -----------------------------------------------------------------------

cat "$work/includes" "$work/calls" | awk '
	BEGIN {
		n = split("base stream plugin net executor train", name, " ")
		for (i = 1; i <= n; i++) floor["libcore/" name[i]] = i
		floor["libcore/cli"] = floor["libcore/layers"] = floor["libcore/stream"]
		floor["libcore/optimizers"] = floor["libcore/layers"]
		floor["libcore/include/cnn"] = 0
		floor["formats"] = n + 1
		floor["formats/operand"] = n + 2
		floor["tools"] = n + 4
	}
	function folder(file) { sub(/\/[^\/]*$/, "", file); return file }
	function height(f) { return f ~ /^tools\// ? floor["tools"] - 1 : f in floor ? floor[f] : -1 }
	{
		from = folder($1); to = folder($2)
		if (from == to) next
		if (from ~ /^plugins\//) {
			if (to != "libcore/include/cnn") print "a plugin sees the host: " $1 " -> " $2
			next
		}
		if (height(from) < 0 || height(to) < 0) { print "no floor: " $1 " -> " $2; next }
		if (height(to) > height(from)) print "up: " $1 " -> " $2 " (" $3 ")"
		else if (height(to) == height(from)) print "across: " $1 " -> " $2 " (" $3 ")"
		else if (from == "tools" && to ~ /^tools\// && to != substr($1, 1, length($1) - 2))
			print "into the folder of another tool: " $1 " -> " $2 " (" $3 ")"
	}' | sort -u > "$work/faults"

# --- circles -------------------------------------------------------------------------------

# tsort prints the files of each circle that it finds.
cut -d ' ' -f 1,2 "$work/calls" | tsort 2>&1 > /dev/null |
	awk '/input contains a loop/ { if (line) print line; line = ""; next }
		{ line = line (line ? " " : "") $2 }
		END { if (line) print line }' | sort -u |
	while read -r circle; do
		stated=''
		for file in $circle; do
			for header in "${file%/*}"/*.h; do
				! grep -q 'calls in a circle' "$header" 2> /dev/null || stated=yes
			done
		done
		[ "$stated" ] || echo "a circle: $circle"
	done >> "$work/faults"

# --- structs ---------------------------------------------------------------------------------

# In libcore, formats and tools, which are linked into one program.
grep -E '^libcore|^formats|^tools' "$work/files" |
	xargs grep -HoE '^struct [a-z_0-9]+ \{' |
	sed 's/:struct / /; s/ {//' | awk '
		{ where[$2] = where[$2] " " $1; count[$2]++ }
		END { for (tag in count) if (count[tag] > 1) print "two structs: " tag ":" where[tag] }' |
	sort >> "$work/faults"

cat "$work/faults"
[ ! -s "$work/faults" ]
