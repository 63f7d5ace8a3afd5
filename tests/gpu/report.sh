# report.sh - sourced by gpu-check.sh: the report, the log, the clock, the budget
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # report, log, work, budget: gpu-check.sh's

failed=0 passed=0 unreached=0

log() {
	printf '%s\n' "$*" >> "$log"
}

# say KEY VALUE [UNIT [DETAIL]]: a line of the report
say() {
	printf '%s\t%s\t%s\t%s\n' "$1" "$2" "${3:--}" "${4-}" >> "$report"
	log "= $1 $2 ${3-} ${4-}"
}

# unreached KEY REASON: a check that there was no time for
unreached() {
	unreached=$((unreached + 1))
	omit "$1" "$2"
}

# check KEY STATUS DETAIL: STATUS 0 is a pass; what the exit status hangs on. When
# time has run out, a failure says nothing of what was checked.
check() {
	if [ "$2" = 0 ]; then
		passed=$((passed + 1))
		say "check.$1" pass - "$3"
	elif [ "$(left)" -lt 1 ]; then
		unreached "check.$1" "time ran out; $3"
		return
	else
		failed=$((failed + 1))
		say "check.$1" fail - "$3"
	fi
	show "$(tail -n 1 "$report" | awk -F '\t' '{ printf "%-8s %-34s %s", $2, $1, $4 }')"
}

# omit KEY REASON: nothing is silently left out
omit() {
	say "$1" left-out - "$2"
	show "left out: $1: $2"
}

# show LINE: for who watches
show() {
	printf '%4d s  %s\n' "$SECONDS" "$*"
}

# --- the budget ------------------------------------------------------------------

left() {
	echo $((budget - SECONDS))
}

# room KEY SECONDS: is so much time left? If not, KEY is left out.
room() {
	[ "$(left)" -lt "$2" ] || return 0
	set -- "$1" "$(left) s are left, and it may take $2"
	case $1 in
	check.*) unreached "$@" ;;
	*) omit "$@" ;;
	esac
	return 1
}

# run SECONDS COMMAND...: ends it after so long or with the budget; what it says on
# standard error goes to the log
run() {
	local limit=$1 status=0 most
	shift
	most=$(left)
	[ "$limit" -le "$most" ] || limit=$most
	log "\$ ${*//"$work/"/}"
	[ "$most" -ge 1 ] || { log "! no time" && return 124; }
	timeout --kill-after=5 "$limit" "$@" 2>> "$log" || status=$?
	[ "$status" = 0 ] || log "! exit status $status"
	return "$status"
}

# --- figures ---------------------------------------------------------------------

# clock COMMAND...: its wall clock in ms, in $took
clock() {
	local begin=$EPOCHREALTIME status=0
	"$@" || status=$?
	took=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f", 1000 * (b - a) }')
	return $status
}

# figures FILE: median, least, most and count of a file's numbers
figures() {
	sort -g "$1" | awk '
		{ v[NR] = $1 }
		END {
			if (!NR) exit 1
			m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
			printf "%.4g %.4g %.4g %d\n", m, v[1], v[NR], NR
		}'
}

# timing KEY FILE [DETAIL]: the median of a file of milliseconds, and its spread
timing() {
	local median least most count
	if ! read -r median least most count < <(figures "$2"); then
		say "$1" fail ms "${3:+$3; }no run ended well: see the log"
		show "$1: no run ended well: see the log"
		return 1
	fi
	say "$1" "$median" ms "$least to $most, n $count${3:+; $3}"
	show "$(printf '%-34s %9s ms  (%s to %s)' "$1" "$median" "$least" "$most")"
}

# value KEY: of a line of the report, if it is a number
value() {
	awk -F '\t' -v key="$1" '$1 == key && $2 ~ /^[0-9.e+-]+$/ { v = $2 } END { if (v == "") exit 1; print v }' "$report"
}

# target KEY VALUE most|least GOAL UNIT: what was aimed at, beside what it is
target() {
	local word=not-judged
	[ "$quick" ] || word=$(awk -v v="$2" -v g="$4" -v how="$3" 'BEGIN { print (how == "most" ? v <= g : v >= g) ? "met" : "missed" }')
	say "target.$1" "$word" - "$2 $5, to be at $3 $4"
	show "$(printf '%-34s %9s %s, to be at %s %s: %s' "target.$1" "$2" "$5" "$3" "$4" "$word")"
}
