# choice.awk - is the kernel that is predicted to be fastest also measured to be?
#
#   cnn-info --training MODEL > chosen
#   cnn-step -v --tune -n 1 MODEL DATA 2> timed
#   awk -f choice.awk chosen timed
#
# Prints the number of nodes whose run takes at most 10 % longer than the fastest runs
# that were timed for the same nodes, the number of nodes, and the run that is furthest
# from it, with the ratio. Reorders are left out.

FNR == 1 { file++ }

# A row of cnn-info's table: name, type, ..., device/provider, "(same run)" after the
# first node of a run.
file == 1 && / (cpu|cuda)\// {
	same = sub(/ \(same run\) *$/, "")
	name[++n] = $1
	number[$1] = n
	if (!same)
		first[++runs] = n
	provider[runs] = $NF
	type[runs] = (same ? type[runs] "+" : "") $2
	next
}

# cnn-step: --tune: NODE: DEVICE/PROVIDER/RUN, LAYOUT to LAYOUT: TIME us (predicted: ...)
file == 2 && / --tune: / {
	node = $3
	sub(/:$/, "", node)
	run = $4
	sub(/,$/, "", run)
	i = number[node]
	time = $8
	if (!((i, run) in least) || time < least[i, run])
		least[i, run] = time
	count = gsub(/\+/, "+", run) + 1
	if (!((i, count) in fastest) || time < fastest[i, count])
		fastest[i, count] = time
}

END {
	first[runs + 1] = n + 1
	for (r = 1; r <= runs; r++) {
		end = first[r + 1]
		if (!((first[r], provider[r] "/" type[r]) in least))
			continue
		own = least[first[r], provider[r] "/" type[r]]
		best[end] = 0
		for (i = end - 1; i >= first[r]; i--) {
			best[i] = 1e30
			for (count = 1; i + count <= end; count++)
				if ((i, count) in fastest &&
				    fastest[i, count] + best[i + count] < best[i])
					best[i] = fastest[i, count] + best[i + count]
		}
		all += end - first[r]
		ratio = best[first[r]] > 0 ? own / best[first[r]] : 1
		if (ratio <= 1.1)
			near += end - first[r]
		if (ratio > worst) {
			worst = ratio
			which = name[first[r]]
		}
	}
	printf "%d\t%d\t%s\t%.2f\n", near, all, which, worst
}
