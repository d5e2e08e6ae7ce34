# Loading the library: a backend stays single-threaded however it is loaded, and a lack of address space is an
# error instead of a hang.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('load');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION uiml');

sub threads
{
	return $node->safe_psql('postgres', 'SELECT threads_in_backend FROM uiml_version()');
}

is(threads(), '1', 'one thread after loading on demand');

$node->append_conf('postgresql.conf', "session_preload_libraries = 'uiml'");
$node->reload;
is(threads(), '1', 'one thread after loading with the session');

$node->append_conf('postgresql.conf',
	"session_preload_libraries = ''\nshared_preload_libraries = 'uiml'");
$node->restart;
is(threads(), '1', 'one thread after loading with the server');

my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
opendir(my $tasks, "/proc/$postmaster/task") or plan skip_all => 'no /proc/PID/task here';
is(scalar(grep { /^\d+$/ } readdir $tasks), 1, 'the postmaster has one thread');
closedir $tasks;

my ($result, $out, $err) = $node->psql('postgres', "SET uiml.nonsense = '1'");
if ($node->pg_version >= 15)
{
	like($err, qr/invalid configuration parameter name "uiml.nonsense"/, 'misspelt settings are refused');
}

$node->stop;
done_testing();
