# k-means with threads: the same result however many there are, none is left, and a thread that can't be had is
# done without.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('kmeans');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION uiml;
	CREATE TABLE points AS
	SELECT ARRAY(SELECT sin(i * j * .7 + j) + (i % 31) * cos(j * j * (i % 31)) FROM generate_series(1, 20) j)::real[]::interest_vector AS v
	FROM generate_series(1, 40000) i;
});

my $clusters = q{SELECT md5(string_agg(k::text, ' ' ORDER BY cluster)) FROM uiml_kmeans('points', 'v', 40, seed => 3) k;};
my $one = $node->safe_psql('postgres', $clusters);
for my $threads (2, 4)
{
	is($node->safe_psql('postgres', "SET uiml.blas_threads = $threads; $clusters SELECT threads_in_backend FROM uiml_version();"),
		"$one\n1", "the same with $threads threads, which end with the call");
}

# A cancel in the middle is prompt and leaves no thread.
my ($status, $out, $err) = $node->psql('postgres', qq{
	SET uiml.blas_threads = 4;
	SET statement_timeout = '60ms';
	SELECT count(*) FROM uiml_kmeans('points', 'v', 2000, tolerance => 0, max_iterations => 100000, restarts => 100);
	RESET statement_timeout;
	SELECT threads_in_backend FROM uiml_version();
}, on_error_stop => 0);
is($out, '1', 'threads end with a cancelled call');
like($err, qr/canceling statement due to statement timeout/, 'which is cancelled');

SKIP:
{
	skip 'prlimit is not there', 1 if system('prlimit --version >/dev/null 2>&1') != 0;
	($status, $out, $err) = $node->psql('postgres', qq{
		SET uiml.blas_threads = 4;
		SELECT pg_backend_pid() AS pid \\gset
		\\setenv BACKEND :pid
		\\! prlimit --pid \$BACKEND --nproc=1:
		$clusters
	});
	is($out, $one, 'the same where no thread can be had');
}

$node->stop;
done_testing();
