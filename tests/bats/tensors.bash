# tensors.bash - what the tests of the tensor tools share: where the tools are,
# small files in known formats, and how to look into a stream.

BIN=$(cd "${BIN:-$BATS_TEST_DIRNAME/../../bin}" && pwd)
PATH=$BIN:$PATH
PYTHON=/usr/bin/python3
export LC_ALL=C

# images FILE N H W: an IDX file of u8; pixel p of sample i is (37 i + p) mod 251.
images() {
	perl -e 'binmode STDOUT; my ($n, $h, $w) = @ARGV;
		print pack("N4", 0x803, $n, $h, $w);
		for my $i (0 .. $n - 1) {
			print pack("C*", map { (37 * $i + $_) % 251 } 0 .. $h * $w - 1);
		}' "${@:2}" > "$1"
}

# labels FILE N: an IDX file of u8; label i is i mod 10.
labels() {
	perl -e 'binmode STDOUT; my $n = shift;
		print pack("N2 C*", 0x801, $n, map { $_ % 10 } 0 .. $n - 1)' "$2" > "$1"
}

# data FILE N [H W]: a data set of N images, 4 x 5 pixels, and labels.
data() {
	images "$1.i" "$2" "${3:-4}" "${4:-5}"
	labels "$1.l" "$2"
	tensor-cat "$1.i" "$1.l" -o "$1"
	rm "$1.i" "$1.l"
}

# stat KEY FILE: one value of tensor-stat's, of the last segment that has it.
stat_of() {
	tensor-stat --tsv "$2" | awk -F'\t' -v k="$1" '$1 == k { v = $2 } END { print v }'
}

# Skips where Debian's Python has not got what the test needs.
need_python() {
	"$PYTHON" -c "import $1" 2> /dev/null || skip "no $PYTHON with $1"
}

# refused TEXT: what tensor-cat says of the file `x`, read as field f; nothing
# may come out.
refused() {
	run -1 --separate-stderr tensor-cat --field f=x -o out
	[[ $stderr == "tensor-cat: x"*"$1"* ]] || { echo "$stderr"; false; }
	[ ! -e out ]
}
