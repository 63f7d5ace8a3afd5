#!/bin/sh
# coverage.sh - reports the coverage of libcore, formats and the parts of tools
#
#   build-aux/coverage.sh                   lines and branches per file, lowest first
#   build-aux/coverage.sh FILE...           the lines of the files that were never run
#
# Reads the counts that the programs of `make coverage` wrote below BUILD, with gcov or,
# if CC is clang, with llvm-cov. Exits 1 if a sum is below LEAST (90) % of the lines.
set -eu

cd "$(dirname "$0")/.."
BUILD=${BUILD:-build/coverage/build}
case $(${CC:-cc} --version) in
*clang*) gcov='llvm-cov gcov' ;;
*) gcov=gcov ;;
esac

# said FILE...: prints each source with its counts, as gcov does
said() {
	for c; do
		o=$BUILD/obj/${c%.c}
		[ -e "$o.gcno" ] || { echo "coverage.sh: $c: not built by make coverage" >&2; exit 1; }
		$gcov -b -c -t -o "$o.o" "$c" 2> /dev/null
	done
}

# Lines are "COUNT:NUMBER:TEXT", with ##### for a count of 0 and - for lines without
# code; "branch N taken COUNT" or "never executed" follow. Headers are left out, because
# each file that includes one has its own counts.
if [ $# -gt 0 ]; then
	said "$@" | awk -F: '
		$2 ~ /^ *0$/ && $3 == "Source" { file = $4; next }
		file ~ /\.c$/ && $1 ~ /#####|=====/ {
			text = $0
			sub(/^[^:]*:[^:]*:/, "", text)
			printf "%s:%d:%s\n", file, $2, text
		}'
	exit
fi

# shellcheck disable=SC2046
said $(find libcore formats tools/*/ -name '*.c') | awk -F: -v least="${LEAST:-90}" '
	function percent(n, of) { return of ? sprintf("%.1f", 100 * n / of) : "-" }
	function row(name) {
		return sprintf("%6s %6d %10s %6d  %s", percent(lines[name], all_lines[name]),
			all_lines[name], percent(branches[name], all_branches[name]),
			all_branches[name], name)
	}
	$2 ~ /^ *0$/ && $3 == "Source" {
		file = $4
		whole = file
		sub(/\/.*/, "", whole)
		if (counts = file ~ /\.c$/)
			files[file]
		next
	}
	!counts { next }
	$1 ~ /^ *([0-9]+\*?|#####|=====)$/ {
		hit = $1 ~ /[0-9]/
		all_lines[file]++; lines[file] += hit
		all_lines[whole]++; lines[whole] += hit
		next
	}
	/^branch / {
		hit = /taken [1-9]/
		all_branches[file]++; branches[file] += hit
		all_branches[whole]++; branches[whole] += hit
	}
	END {
		print "lines %     of branches %     of"
		for (file in files)
			print row(file) | "sort -n -k 1,1 -k 5"
		close("sort -n -k 1,1 -k 5")
		print row("libcore")
		print row("formats")
		print row("tools")
		for (whole in all_lines)
			bad += whole !~ /\// && 100 * lines[whole] < least * all_lines[whole]
		exit !!bad
	}'
