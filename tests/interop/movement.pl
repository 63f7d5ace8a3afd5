#!/usr/bin/perl
# movement.pl BEFORE WANT AFTER - do a model's parameters move as they should?
#
# Three streams of kind model. Exit 1 where |(AFTER - BEFORE) - (WANT - BEFORE)|
# is more than 1e-4 |WANT - BEFORE| in a parameter, or the parameters differ.
# Decodes MessagePack itself, so that it asks for nothing but perl.
use strict;
use warnings;

my $at;

sub take {
	my ($data, $n) = @_;
	my $bytes = substr $$data, $at, $n;
	$at += $n;
	return $bytes;
}

sub number { return unpack $_[1], take($_[0], $_[2]) }

sub list { my ($data, $n) = @_; return [ map { decode($data) } 1 .. $n ] }

sub map_of {
	my ($data, $n) = @_;
	my %h;
	for (1 .. $n) { my $key = decode($data); $h{$key} = decode($data) }
	return \%h;
}

sub decode {
	my $data = shift;
	my $b = number($data, 'C', 1);
	return $b if $b < 0x80;
	return $b - 256 if $b >= 0xe0;
	return map_of($data, $b & 15) if $b < 0x90;
	return list($data, $b & 15) if $b < 0xa0;
	return take($data, $b & 31) if $b < 0xc0;
	return undef if $b == 0xc0;
	return $b == 0xc3 if $b == 0xc2 || $b == 0xc3;
	return take($data, number($data, 'C', 1)) if $b == 0xc4 || $b == 0xd9;
	return take($data, number($data, 'n', 2)) if $b == 0xc5 || $b == 0xda;
	return take($data, number($data, 'N', 4)) if $b == 0xc6 || $b == 0xdb;
	return number($data, 'f>', 4) if $b == 0xca;
	return number($data, 'd>', 8) if $b == 0xcb;
	return number($data, 'C', 1) if $b == 0xcc;
	return number($data, 'n', 2) if $b == 0xcd;
	return number($data, 'N', 4) if $b == 0xce;
	return number($data, 'Q>', 8) if $b == 0xcf;
	return list($data, number($data, 'n', 2)) if $b == 0xdc;
	return map_of($data, number($data, 'n', 2)) if $b == 0xde;
	die sprintf "byte %d: 0x%02x\n", $at - 1, $b;
}

# Name -> list of numbers, of all parameters.
sub parameters {
	my $path = shift;
	my (%p, $data);

	open my $f, '<:raw', $path or die "$path: $!\n";
	$data = do { local $/; <$f> };
	for ($at = 0; $at < length $data; ) {
		my $item = decode(\$data);
		next if exists $item->{'tensor-stream'} || exists $item->{end};
		for my $name (grep { !/@/ } keys %$item) {
			my $t = $item->{$name};
			push @{$p{$name}}, unpack(($t->{type} eq '<f8' ? 'd<*' : 'f<*'), $t->{data});
		}
	}
	return \%p;
}

my ($before, $want, $after) = map { parameters($_) } @ARGV;
my $differs = 0;

for my $p ($want, $after) {
	die "other parameters\n" if join(' ', sort keys %$p) ne join(' ', sort keys %$before);
}
for my $name (sort keys %$before) {
	my ($should, $error, $n) = (0, 0, scalar @{$before->{$name}});
	die "$name: other sizes\n" if $n != @{$want->{$name}} || $n != @{$after->{$name}};
	for my $i (0 .. $n - 1) {
		$should += ($want->{$name}[$i] - $before->{$name}[$i]) ** 2;
		$error += ($want->{$name}[$i] - $after->{$name}[$i]) ** 2;
	}
	next if $should > 0 && sqrt($error) <= 1e-4 * sqrt($should);
	printf "%s: %.3g apart where it should move %.6g\n", $name, sqrt $error, sqrt $should;
	$differs = 1;
}
exit $differs;
