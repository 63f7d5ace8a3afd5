# reduce.awk - samples of rounds to medians, and what follows from them
#
#   awk -v threads=N -f reduce.awk samples.tsv > bench.tsv
#
# In: round, what, variant, unit, value. Out: what, variant, value, unit, low, high,
# rounds. A ratio is taken within each round, and the median is that of the ratios.
BEGIN {
	FS = OFS = "\t"
	all = threads == 1 ? "1 thread" : threads " threads"
	epoch = 924              # GFLOP of 60,000 images, forward and backward
	print "what", "variant", "value", "unit", "low", "high", "rounds"
}

function add(round, what, variant, unit, value,    key) {
	key = what FS variant
	if (!(key in units)) {
		keys[++n] = key
		units[key] = unit
	}
	values[key, ++count[key]] = value
	if (count[key] > 1 && round == last[key])
		return           # several in a round: no ratio is taken of these
	last[key] = round
	of[key, round] = value
	if (round > rounds)
		rounds = round
}

{ add($1, $2, $3, $4, $5) }

# What an epoch comes to: a step of it, operations a second, share of the peak.
function speed(type, batch,    r, key, peak) {
	key = "epoch " type " " batch FS "cnn-step"
	peak = "peak " type FS all
	for (r = 1; r <= rounds; r++) {
		if (!((key, r) in of))
			continue
		add(r, "step " type " " batch, "cnn-step", "ms", of[key, r] * batch / 60)
		add(r, "speed " type " " batch, "cnn-step", "GFLOP/s", epoch / of[key, r])
		if ((peak, r) in of)
			add(r, "share of peak " type " " batch, "cnn-step", "%",
				100 * epoch / of[key, r] / of[peak, r])
	}
}

# WHAT, VARIANT: the factor times A over B
function ratio(what, variant, unit, factor, a, b,    r) {
	for (r = 1; r <= rounds; r++)
		if ((a, r) in of && (b, r) in of)
			add(r, what, variant, unit, factor * of[a, r] / of[b, r])
}

# What 16 times the data cost beyond 4 times, over what these cost beyond 1: the
# start drops out, and 1 is a straight line.
function linear(one, four, sixteen,    r) {
	for (r = 1; r <= rounds; r++)
		if ((sixteen, r) in of)
			add(r, "data", "a sample more, 4 to 16 over 1 to 4", "x",
				(of[sixteen, r] - of[four, r]) / (of[four, r] - of[one, r]) / 4)
}

# A net of the panel: its arithmetic, and in each round the fastest peer. Training is
# counted as three times the forward pass.
function panel(what,    w, r, i, flop, best, own) {
	split(what, w, " ")
	flop = "panel " w[2] FS "operations a sample, forward"
	own = what FS "ours"
	for (r = 1; r <= rounds; r++) {
		if (!((own, r) in of))
			continue
		add(r, what, "speed", "GFLOP/s",
			of[own, r] * of[flop, r] / 1000 * (w[5] == "training" ? 3 : 1))
		best = 0
		for (i = 1; i <= n; i++)
			if (index(keys[i], what FS "PyTorch") == 1 && of[keys[i], r] > best)
				best = of[keys[i], r]
		if (!best)
			continue
		add(r, what, "best peer", "images/s", best)
		add(r, what, "over the best peer", "x", of[own, r] / best)
	}
}

# The sprint: in each round the fastest peer with this recipe, over ours.
function sprint(recipe,    r, i, m, best) {
	m = n
	for (r = 1; r <= rounds; r++) {
		best = 0
		for (i = 1; i <= m; i++)
			if (index(keys[i], "sprint" FS "PyTorch") == 1 &&
			    keys[i] ~ (", " recipe "$") && (keys[i], r) in of &&
			    (!best || of[keys[i], r] < best))
				best = of[keys[i], r]
		if (best)
			add(r, "sprint over ours", "PyTorch, " recipe, "x",
				best / of["sprint" FS "ours", r])
	}
}

function median(key,    i, j, v, m, t) {
	m = count[key]
	for (i = 1; i <= m; i++) {
		t = values[key, i] + 0
		for (j = i; j > 1 && v[j - 1] > t; j--)
			v[j] = v[j - 1]
		v[j] = t
	}
	low = v[1]
	high = v[m]
	return m % 2 ? v[(m + 1) / 2] : (v[m / 2] + v[m / 2 + 1]) / 2
}

function row(key,    value) {
	value = median(key)
	printf "%s\t%.5g\t%s\t%.5g\t%.5g\t%d\n", key, value,
		units[key] == "" ? "-" : units[key], low, high, count[key]
}

END {
	split("f32 bf16", types, " ")
	split("32 128 512", batches, " ")
	for (t = 1; t <= 2; t++) {
		type = types[t]
		for (b = 1; b <= 3; b++)
			speed(type, batches[b])
		own = "epoch " type " 128" FS "cnn-step"
		ratio("times as fast " type, "as PyTorch", "x", 1,
			"epoch " type " 128" FS "PyTorch", own)
		ratio("times as fast " type, "as PyTorch, reference BLAS", "x", 1,
			"epoch " type " 128" FS "PyTorch, reference BLAS", own)
		ratio("times as fast " type, "as tiny-dnn", "x", 1,
			"epoch " type " 128" FS "tiny-dnn", own)
		ratio("threads " type, "1 over " threads, "x", 1,
			"threads " type FS "1 thread", "threads " type FS all)
	}
	m = n
	for (i = 1; i <= m; i++)
		if (keys[i] ~ /^stream .*\ttensor-/) {
			split(keys[i], k, FS)
			ratio(k[1], k[2] " of cat", "%", 100, keys[i], k[1] FS "cat")
		}
	linear("data" FS "1 x 3750 samples", "data" FS "4 x 3750 samples",
		"data" FS "16 x 3750 samples")
	for (i = 1; i <= m; i++)
		if (keys[i] ~ /^panel .*\tours$/) {
			split(keys[i], k, FS)
			panel(k[1])
		}
	sprint("the same recipe")
	sprint("its own recipe")
	g = split("peak epoch step speed share times accuracy start memory stream " \
		"shuffle threads data steady choice sprint taken panel", groups, " ")
	for (j = 1; j <= g; j++)
		for (i = 1; i <= n; i++)
			if (index(keys[i], groups[j]) == 1)
				row(keys[i])
}
