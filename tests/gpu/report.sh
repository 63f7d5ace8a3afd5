# report.sh - sourced by gpu-check.sh: the report, the log, time limits, statistics
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # report, log, work, deadline, part: see gpu-check.sh

# Each process writes a line as soon as it is known, so that the report is valid even if
# the script ends early.

log() {
	printf '%s\n' "$*" >> "$log"
}

# say KEY VALUE [UNIT [DETAIL]]: writes a line of the report
say() {
	printf '%s\t%s\t%s\t%s\n' "$1" "$2" "${3:--}" "${4-}" >> "$report"
	log "= $1 $2 ${3-} ${4-}"
}

# show LINE: prints a line for the user
show() {
	printf '%4d s  %s\n' "$SECONDS" "$*"
}

# omit KEY REASON: reports that something was left out
omit() {
	say "$1" left-out - "$2"
	show "left out: $1: $2"
}

# unreached KEY REASON: reports a check without a result
unreached() {
	say "$1" unreached - "$2"
	show "unreached: $1: $2"
}

# check KEY STATUS DETAIL: reports a check. STATUS 0 is a pass. 124 is a time-out, which
# is no result. The exit status of gpu-check.sh depends only on checks.
check() {
	case $2 in
	0) say "check.$1" pass - "$3" ;;
	124) unreached "check.$1" "$3" && return ;;
	*) say "check.$1" fail - "$3" ;;
	esac
	show "$(printf '%-9s %-32s %s' "$([ "$2" = 0 ] && echo pass || echo FAIL)" "$1" "$3")"
}

# judge KEY STATUS DETAIL: reports a check of the output of several commands. A failure
# counts as a time-out if one of them may have been stopped or not started.
judge() {
	if [ "$2" != 0 ] && { is_dropped || [ "$(left)" -lt 1 ]; }; then
		set -- "$1" 124 "a command was stopped or not started; $3"
	fi
	check "$@"
}

# count VALUE [PREFIX]: the number of lines with this value, and with keys that begin
# with PREFIX
count() {
	awk -F '\t' -v value="$1" -v prefix="${2-}" '
		$2 == value && index($1, prefix) == 1 { n++ }
		END { print n + 0 }' "$report"
}

# --- time limits -------------------------------------------------------------------

# left: the seconds before the deadline
left() {
	echo $((deadline - SECONDS))
}

# room KEY SECONDS: true if that much time is left. Otherwise reports KEY as left out.
room() {
	[ "$(left)" -lt "$2" ] || return 0
	set -- "$1" "$(left) s are left, but it may take $2 s"
	case $1 in
	check.*) unreached "$@" ;;
	*) omit "$@" ;;
	esac
	return 1
}

# Drops the part at its first time-out, because a command that hangs would hang again.
drop() {
	: > "$work/dropped.$part"
}

is_dropped() {
	[ -e "$work/dropped.$part" ]
}

# run SECONDS COMMAND...: runs a command, and stops it after that many seconds or at the
# deadline. Its standard error goes to the log, or with `errors=FILE run` to FILE.
# Returns 124 if it was stopped, or not started because the part was dropped or no time
# was left.
run() {
	local limit=$1 status=0 most
	shift
	most=$(left)
	log "\$ ${*//"$work/"/}"
	if is_dropped || [ "$most" -lt 1 ]; then
		log "! not started"
		return 124
	fi
	[ "$limit" -le "${GPU_CHECK_LIMIT:-$limit}" ] || limit=$GPU_CHECK_LIMIT
	[ "$limit" -le "$most" ] || limit=$most
	timeout --kill-after=5 "$limit" "$@" 2>> "${errors:-$log}" || status=$?
	case $status in
	0) return 0 ;;
	124 | 137)
		log "! stopped after $limit s"
		say "timeout.$part" "$limit" s "${*//"$work/"/}"
		drop
		return 124 ;;
	esac
	log "! exit status $status"
	return "$status"
}

# begin COMMAND...: runs it in the background; finish: waits for all of these
begun=()
begin() {
	"$@" &
	begun+=($!)
}
finish() {
	[ ${#begun[@]} = 0 ] || wait "${begun[@]}"
	begun=()
}

# --- statistics --------------------------------------------------------------------

# clock COMMAND...: runs it and sets $took to its time in ms
clock() {
	local begin=$EPOCHREALTIME status=0
	"$@" || status=$?
	took=$(since "$begin")
	return $status
}

# since TIME [TIME]: the ms from one time, in seconds since 1970, to another or to now
since() {
	awk -v a="$1" -v b="${2:-$EPOCHREALTIME}" 'BEGIN { printf "%.3f\n", 1000 * (b - a) }'
}

# figures FILE: the median, minimum, maximum and count of the numbers in a file
figures() {
	sort -g "$1" | awk '
		{ v[NR] = $1 }
		END {
			if (!NR) exit 1
			m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
			printf "%.4g %.4g %.4g %d\n", m, v[1], v[NR], NR
		}'
}

# timing KEY FILE [DETAIL]: reports the median and range of a file of milliseconds
timing() {
	local median least most count
	if ! read -r median least most count < <(figures "$2"); then
		omit "$1" "no run succeeded; the log shows why"
		return 1
	fi
	say "$1" "$median" ms "$least to $most, n $count${3:+; $3}"
	show "$(printf '%-34s %9s ms  (%s to %s)' "$1" "$median" "$least" "$most")"
}

# value KEY: its last number in the report
value() {
	awk -F '\t' -v key="$1" '
		$1 == key && $2 ~ /^[0-9.e+-]+$/ { v = $2 }
		END { if (v == "") exit 1; print v }' "$report"
}

# target KEY VALUE most|least GOAL UNIT: reports a measured value and its goal
target() {
	local word=not-judged
	[ "$quick" ] || word=$(awk -v v="$2" -v g="$4" -v how="$3" '
		BEGIN { print (how == "most" ? v <= g : v >= g) ? "met" : "missed" }')
	say "target.$1" "$word" - "$2 $5; goal: at $3 $4"
	show "$(printf '%-34s %9s %s; goal: at %s %s: %s' "target.$1" "$2" "$5" "$3" "$4" "$word")"
}
