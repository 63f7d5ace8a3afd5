#!/usr/bin/perl
# hostile.pl - one tool against every damaged copy of a stream.
#
#     hostile.pl cut|flip STRIDE FILE TOOL [ARG ...]
#
# Cuts FILE at every STRIDE-th byte, or flips a bit of it, and runs the tool
# with the copy for each argument {} and a fresh path for each {o}. The tool
# must exit 1 (3 where a net now has an unknown layer), name the copy and what
# is wrong with it on standard error, print nothing that could pass for a result
# and leave no output. A flip inside the end item may leave a stream that is
# right (an unknown key, no digest): then the tool may exit 0, with the result it
# has for FILE. The first offsets that do otherwise are printed, and the exit
# status is 1.
use strict;
use warnings;

my ($how, $stride, $file, @tool) = @ARGV;
my $scratch = "hostile.$$";
my ($copy, $out, $stdout, $stderr) = map { "$scratch.$_" } qw(in out stdout stderr);
my ($runs, $bad) = (0, 0);

sub slurp {
	my $path = shift;
	open my $f, '<:raw', $path or die "$path: $!\n";
	local $/;
	return scalar(<$f>) // '';
}

sub spew {
	my ($path, $bytes) = @_;
	open my $f, '>:raw', $path or die "$path: $!\n";
	print $f $bytes;
	close $f or die "$path: $!\n";
}

# The exit status; 128 + n for a signal.
sub run {
	my @argv = map { s/\{o\}/$out/r } map { s/\{\}/$copy/r } @tool;
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', $stdout;
		open STDERR, '>', $stderr;
		exec @argv or die "$argv[0]: $!\n";
	}
	waitpid $pid, 0;
	return $? & 127 ? 128 + ($? & 127) : $? >> 8;
}

sub result {
	return slurp($stdout) . (-e $out ? slurp($out) : '');
}

my $whole = slurp($file);
my $end = rindex $whole, "\x81\xa3end";
die "$file: no end item\n" if $end < 0;
spew($copy, $whole);
my $status = run();
die "the whole stream: exit $status\n", slurp($stderr) if $status;
my $right = result();
my $same = $right eq $whole;     # it copies: so a copy is what is right
unlink $out;

for (my $i = 0; $i < length $whole; $i += $stride) {
	my $damaged = $how eq 'cut' ? substr($whole, 0, $i) : $whole;
	substr($damaged, $i, 1) ^= chr(1 << $i % 8) if $how eq 'flip';
	spew($copy, $damaged);
	$status = run();
	$runs++;

	my $said = slurp($stderr);
	my $why = '';
	if ($status == 0 && $how eq 'flip' && $i >= $end) {
		$why = 'another result' if result() ne ($same ? $damaged : $right);
	} else {
		$why = "exit $status" if $status != 1 &&
			!($status == 3 && $said =~ /: no such layer type; known: /);
		$why ||= 'no message, or one without the place'
			unless $said =~ /^\Q$tool[0]\E: \Q$copy\E:(\d+:)? ./m;
		$why ||= 'an output file is left' if -e $out;
		$why ||= 'a result all the same' if $i < $end && -s $stdout && result() eq $right;
	}
	unlink $out;
	next unless $why;
	print "@tool: $how at $i of ", length $whole, ": $why\n$said" if $bad++ < 5;
}
my @left = glob "$scratch.out*";
print "left behind: @left\n" if @left;
unlink $copy, $stdout, $stderr, @left;
print "@tool: $how: $runs runs, $bad wrong\n";
exit($bad || @left ? 1 : 0);
