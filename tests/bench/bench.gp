# bench.gp - draws what `make bench` found
#
#   gnuplot -e "table='build/bench/bench.tsv'; picture='bench.svg'" tests/bench/bench.gp
#
# Bars are medians, the lines on them the least and the most of the rounds. What was
# not measured leaves its panel empty.
set terminal svg size 1200,900 font "sans-serif,12" background "#ffffff"
set output picture
set datafile separator tab
set multiplot layout 2,2
set style fill solid 0.7
set boxwidth 0.7
set grid y
set xtics noenhanced nomirror
set key noenhanced
blue = 0x4477aa

# The rows of which both fields match; and whether there are any.
rows(what, variant) = sprintf("< awk -F'\\t' '$1 ~ /^%s/ && $2 ~ /%s/' '%s'", \
	what, variant, table)
any(what, variant) = system(rows(what, variant)[3:]) ne ""
peak(type) = real(system(sprintf("awk -F'\\t' '%s { v = $3 } END { print v + 0 }' '%s'", \
	"$1 == \"peak ".type."\"", table)))

set title "An epoch at batch 128, seconds"
set logscale y
set yrange [0.5:*]
if (any("epoch .* 128", ".")) {
	plot rows("epoch .* 128", ".") using 0:3:5:6:xtic(strcol(2)." ".word(strcol(1), 2)) \
		with boxerrorbars notitle linecolor rgb blue
} else { set multiplot next }

set title "GFLOP/s by type and batch; lines: the peak of the machine"
unset logscale y
set yrange [0:*]
if (any("speed ", ".")) {
	f32 = peak("f32") > 0 ? peak("f32") : NaN
	bf16 = peak("bf16") > 0 ? peak("bf16") : NaN
	plot rows("speed ", ".") using 0:3:5:6:xtic(strcol(1)[7:]) \
			with boxerrorbars notitle linecolor rgb blue, \
		f32 with lines title "f32" linewidth 2 linecolor rgb "#cc6677", \
		bf16 with lines title "bf16" linewidth 2 linecolor rgb "#117733"
} else { set multiplot next }

set title "From exec on, ms"
set logscale y
set yrange [1:*]
set xtics rotate by -20
if (any("start", ".")) {
	plot rows("start", ".") using 0:3:5:6:xtic(2) with boxerrorbars notitle \
		linecolor rgb blue
} else { set multiplot next }

set title "Into a pipe, GB/s"
unset logscale y
set yrange [0:*]
if (any("stream ", "^[a-z-]*$")) {
	plot rows("stream ", "^[a-z-]*$") \
		using 0:3:5:6:xtic(strcol(2).", ".strcol(1)[8:]) \
		with boxerrorbars notitle linecolor rgb blue
}
unset multiplot
