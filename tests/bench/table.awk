# table.awk - bench.tsv for people, and what came of each target
#
#   awk -f table.awk bench.tsv targets.tsv
BEGIN { FS = "\t" }

/^#/ { print substr($0, 3); next }

$1 == "what" { file = 1; next }
$1 == "target" { file = 2; panel(); next }

file == 1 {
	value[$1, $2] = $3
	if ($1 ~ /^panel /) {
		if ($2 == "ours")
			nets[++n] = $1
		range[$1, $2] = $7 + 0 > 1 ? sprintf(" (%.4g to %.4g)", $5, $6) : ""
		next
	}
	group = $1
	sub(/ .*/, "", group)
	if (group != before)
		print ""
	before = group
	printf "  %-22s %-43s %9.4g %-8s", $1, $2, $3, $4 == "-" ? "" : $4
	print ($7 + 0 > 1 ? sprintf(" (%.4g to %.4g)", $5, $6) : "")
	next
}

# The worst ratio first; without a peer, the slowest.
function rank(what) {
	if ((what, "over the best peer") in value)
		return value[what, "over the best peer"]
	return 1e9 + value[what, "speed"]
}

function panel(    i, j, t, w) {
	if (!n)
		return
	for (i = 2; i <= n; i++) {
		t = nets[i]
		for (j = i; j > 1 && rank(nets[j - 1]) > rank(t); j--)
			nets[j] = nets[j - 1]
		nets[j] = t
	}
	printf "\n  %-12s %5s  %-4s  %-9s %10s %9s", "net", "batch", "type", "mode",
		"images/s", "GFLOP/s"
	print rank(nets[1]) < 1e9 ? "  best peer   ratio" : ""
	for (i = 1; i <= n; i++) {
		t = nets[i]
		split(t, w, " ")
		printf "  %-12s %5d  %-4s  %-9s %10.0f %9.1f", w[2], w[3], w[4], w[5],
			value[t, "ours"], value[t, "speed"]
		if ((t, "best peer") in value)
			printf " %10.0f %7.2f%s", value[t, "best peer"],
				value[t, "over the best peer"], range[t, "over the best peer"]
		print ""
	}
}

# What parts and peers that were left out would have shown is only counted.
($2, $3) in value {
	v = value[$2, $3]
	met = $4 == "least" ? v >= $5 : v <= $5
	if (!measured++)
		print "\nTargets"
	printf "  %-55s %9.4g   %s\n", $1, v, met ? "met" : "NOT MET"
	next
}
{ unknown++ }

END { print measured && unknown ? "  not measured: " unknown "\n" : "" }
