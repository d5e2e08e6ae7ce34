#!/usr/bin/perl
#
# check_meta.pl
#	  META.json against the PGXN meta specification 1.0.0 (https://pgxn.org/spec/), and against the control files:
#	  the version lives in uiml.control, everything else must say the same.
#
use strict;
use warnings;

use JSON::PP;

my @errors;
sub complain { push @errors, join '', @_ }

sub slurp
{
	my ($path) = @_;
	open(my $in, '<:raw', $path) or die "$path: $!\n";
	local $/;
	return scalar <$in>;
}

my $semver = qr/(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-?[A-Za-z][\w.-]*)?/;
my $range = qr/(?:0|(?:==|!=|>=|<=|>|<)?\s*$semver(?:\s*,\s*(?:==|!=|>=|<=|>|<)\s*$semver)*)/;
my $term = qr/[^\x00-\x20\/\\\x7f]{2,}/;
my $licences = qr/agpl_3|apache_1_1|apache_2_0|artistic_1|artistic_2|bsd|freebsd|gfdl_1_2|gfdl_1_3|gpl_1|gpl_2|gpl_3|lgpl_2_1|lgpl_3_0|mit|mozilla_1_0|mozilla_1_1|openssl|perl_5|postgresql|qpl_1_0|ssleay|sun|zlib|open_source|restricted|unrestricted|unknown/;

my $meta = decode_json(slurp('META.json'));
ref $meta eq 'HASH' or die "META.json is not an object\n";

my %known = map { $_ => 1 } qw(abstract maintainer license provides name version meta-spec description
	generated_by no_index prereqs release_status resources tags);
for my $key (sort keys %$meta)
{
	complain "unknown key \"$key\"" unless $known{$key} || $key =~ /^x_/i;
}
for my $key (qw(abstract maintainer license provides name version meta-spec))
{
	complain "required key \"$key\" is missing" unless defined $meta->{$key};
}
for my $key (qw(abstract name version description generated_by release_status))
{
	complain "\"$key\" is not a string" if exists $meta->{$key} && (ref $meta->{$key} || $meta->{$key} eq '');
}

complain 'name is not a term' unless $meta->{name} =~ /^$term$/;
complain 'version is not semantic' unless $meta->{version} =~ /^$semver$/;
complain 'release_status is unknown' unless ($meta->{release_status} // 'stable') =~ /^(?:stable|testing|unstable)$/;
complain 'meta-spec has the wrong version' unless ($meta->{'meta-spec'}{version} // '') eq '1.0.0';
complain 'license is unknown' unless $meta->{license} =~ /^(?:$licences)$/;

for my $list (qw(maintainer tags))
{
	my $value = $meta->{$list} // [];
	for my $entry (ref $value ? @$value : $value)
	{
		complain "$list has an entry that is not a string" if ref $entry || $entry eq '';
	}
}
for my $tag (@{$meta->{tags} // []})
{
	complain "tag \"$tag\" is not valid" if length $tag > 255 || $tag =~ m{[/\\\x00-\x1f\x7f]};
}

for my $name (sort keys %{$meta->{provides}})
{
	my $provided = $meta->{provides}{$name};
	complain "extension name \"$name\" is not a term" unless $name =~ /^$term$/;
	for my $key (sort keys %$provided)
	{
		complain "provides.$name has the unknown key \"$key\"" unless $key =~ /^(?:file|version|abstract|docfile|x_.*)$/i;
	}
	for my $key (qw(file version))
	{
		complain "provides.$name.$key is missing" unless defined $provided->{$key};
	}
	complain "provides.$name.version is not semantic" unless $provided->{version} =~ /^$semver$/;
	for my $key (grep { defined $provided->{$_} } qw(file docfile))
	{
		complain "provides.$name.$key: no file $provided->{$key}" unless -f $provided->{$key};
	}
}

for my $phase (sort keys %{$meta->{prereqs} // {}})
{
	complain "unknown phase $phase" unless $phase =~ /^(?:configure|build|test|runtime|develop|x_.*)$/i;
	for my $relation (sort keys %{$meta->{prereqs}{$phase}})
	{
		complain "unknown relation $relation" unless $relation =~ /^(?:requires|recommends|suggests|conflicts|x_.*)$/i;
		my $wanted = $meta->{prereqs}{$phase}{$relation};
		for my $name (sort keys %$wanted)
		{
			complain "$phase.$relation.$name: not a version range" unless $wanted->{$name} =~ /^$range$/;
		}
	}
}

for my $key (sort keys %{$meta->{resources} // {}})
{
	complain "unknown resource $key" unless $key =~ /^(?:homepage|bugtracker|repository|x_.*)$/i;
}

# One version everywhere.
my ($version) = slurp('uiml.control') =~ /^default_version = '([^']+)'/m or die "uiml.control has no version\n";
complain "META.json has version $meta->{version}, uiml.control $version" unless $meta->{version} eq $version;
for my $control (glob '*.control')
{
	(my $name = $control) =~ s/\.control$//;
	my ($own) = slurp($control) =~ /^default_version = '([^']+)'/m;
	complain "$control has version ", $own // 'none', ", uiml.control $version" unless ($own // '') eq $version;
	complain "META.json does not provide $name" unless $meta->{provides}{$name};
	complain "provides.$name.version is not $version" unless ($meta->{provides}{$name}{version} // '') eq $version;
}
complain "CHANGELOG.md has no section [$version]" unless slurp('CHANGELOG.md') =~ /^## \[\Q$version\E\]/m;

print "META.json: $_\n" for @errors;
exit 1 if @errors;
print "META.json: valid, version $version\n";
