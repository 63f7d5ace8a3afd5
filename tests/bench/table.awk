# table.awk - bench.tsv for people, and what came of each target
#
#   awk -f table.awk bench.tsv targets.tsv
BEGIN { FS = "\t" }

/^#/ { print substr($0, 3); next }

$1 == "what" { file = 1; next }
$1 == "target" { file = 2; print "\nTargets"; next }

file == 1 {
	value[$1, $2] = $3
	group = $1
	sub(/ .*/, "", group)
	if (group != before)
		print ""
	before = group
	printf "  %-22s %-32s %9.4g %-8s", $1, $2, $3, $4 == "-" ? "" : $4
	print ($7 + 0 > 1 ? sprintf(" (%.4g to %.4g)", $5, $6) : "")
	next
}

# What parts and peers that were left out would have shown is only counted.
($2, $3) in value {
	v = value[$2, $3]
	met = $4 == "least" ? v >= $5 : v <= $5
	printf "  %-55s %9.4g   %s\n", $1, v, met ? "met" : "NOT MET"
	next
}
{ unknown++ }

END { print unknown ? "  not measured: " unknown "\n" : "" }
