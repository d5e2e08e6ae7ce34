# OpenBLAS during training: threads are there only while a training runs, and an address space too small for its
# buffer is an error at once (OpenBLAS 0.3.21 would try for ever).
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('blas');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION uiml;
	CREATE TABLE events AS
	SELECT u AS user_id, (u % 4) * 25 + (u * 7 + n * n) % 25 AS item_id
	FROM generate_series(1, 200) u, generate_series(1, 12) n;
});

# One session: train with threads, then count them.
my $threads = $node->safe_psql('postgres', q{
	SET client_min_messages = warning;
	SET uiml.blas_threads = 3;
	SELECT users FROM uiml_train('threads', 'events');
	SELECT threads_in_backend FROM uiml_version();
	RESET uiml.blas_threads;
	SELECT users FROM uiml_train('threads');
	SELECT threads_in_backend FROM uiml_version();
});
is($threads, "200\n1\n200\n1", 'threads end with the training');

# An error in the middle of a training ends them as well.
my ($status, $out, $err) = $node->psql('postgres', q{
	SET client_min_messages = warning;
	SET uiml.blas_threads = 3;
	SET statement_timeout = '20ms';
	SELECT users FROM uiml_train('threads');
	RESET statement_timeout;
	SELECT threads_in_backend FROM uiml_version();
}, on_error_stop => 0);
like($out, qr/^(200\n)?1$/, 'threads end with a cancelled training');

SKIP:
{
	skip 'prlimit or /proc is not there', 4
		if system('prlimit --version >/dev/null 2>&1') != 0 || !-r "/proc/$$/status";

	# The limit leaves 100 MB above what the backend has: too little for a buffer of 128 MB, whether the library is
	# there or its constructor is still to start a thread for each processor.
	for my $case (['loaded', 'SELECT threads_in_backend AS ignored FROM uiml_version() \gset'], ['to be loaded', ''])
	{
		my ($name, $before) = @$case;

		($status, $out, $err) = $node->psql('postgres', "SET client_min_messages = warning;\n$before" . q{
			SELECT pg_backend_pid() AS pid \gset
			\setenv BACKEND :pid
			\! prlimit --pid $BACKEND --as=$(awk '/^VmSize/ { print ($2 + 102400) * 1024 }' /proc/$BACKEND/status):unlimited
			SELECT users FROM uiml_train('cramped', 'events');
			\! prlimit --pid $BACKEND --as=unlimited
			SELECT users FROM uiml_train('cramped', 'events');
		}, on_error_stop => 0, timeout => 120);
		like($err, qr/not enough address space for OpenBLAS/, "too little address space is an error: $name");
		like($out, qr/^200$/m, "and the session works on when there is enough: $name");
	}
}

$node->stop;
done_testing();
