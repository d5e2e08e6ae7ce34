# Training in passes among others: two workers really run, a cancelled training leaves nothing behind, and neither does one
# whose backend or one of whose workers is killed.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = PostgreSQL::Test::Cluster->new('passes');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
log_min_messages = debug1
client_min_messages = warning
restart_after_crash = on
max_parallel_workers_per_gather = 2
max_worker_processes = 8
uiml.memory_mode = passes
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION uiml;
CREATE TABLE events (user_id bigint, item_id bigint, created_at timestamptz);
INSERT INTO events
SELECT u, CASE WHEN h % 10 < 8 THEN (h / 16 % 100) * 6 + u % 6 ELSE h / 16 % 600 END,
	'2024-01-01 00:00+00'::timestamptz + n * interval '1 day' + u * interval '1 second'
FROM generate_series(1, 3000) u, generate_series(1, 60) n,
	LATERAL (SELECT abs(hashint8extended(u * 100 + n, 1) % 100003) AS h) x;
ANALYZE events;
SQL

sub state
{
	return $node->safe_psql('postgres', <<'SQL');
SELECT (SELECT string_agg(version || ':' || active, ',' ORDER BY version) FROM uiml.version),
	(SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relkind IN ('r', 'p', 'v')
		AND relnamespace = 'public'::regnamespace),
	(SELECT count(*) FROM shop_users), (SELECT count(*) FROM uiml.training_log)
SQL
}

my $offset = -s $node->logfile;
my $started = time;
$node->safe_psql('postgres', q(SELECT FROM uiml_train('shop', 'events', dims => 16)));
my $duration = time - $started;
my $log = slurp_file($node->logfile, $offset);
my $workers = () = $log =~ /starting background worker process "parallel worker for PID/g;
note("$workers workers in $duration s");
cmp_ok($workers, '>=', 16, 'passes have two workers each');
is($node->safe_psql('postgres', q(SELECT settings->>'memory_mode' FROM uiml.version)), 'passes', 'the version tells');

my $state = state();
unlike($state, qr/_work_/, 'the work table is gone');
my $cancelled = 0;
my $worst = 0;
for my $i (1 .. 12)
{
	my $ms = int($duration * 1000 * $i / 13) + 1;
	my $then = time;
	my ($result, $out, $err) =
	  $node->psql('postgres', qq(SET statement_timeout = '${ms}ms'; SELECT FROM uiml_train('shop')));
	my $late = (time - $then) * 1000 - $ms;
	if ($result == 0)
	{
		$state = state(); # it was over in time
		next;
	}
	$cancelled++;
	$worst = $late if $late > $worst;
	like($err, qr/canceling statement due to statement timeout/, "cancelled after $ms ms");
	is(state(), $state, 'and nothing is left');
}
cmp_ok($cancelled, '>=', 2, 'several trainings were cancelled');
note(sprintf 'errors came within %.0f ms', $worst);

# kill -9 in the middle: an unlogged table of a transaction that never ended.
my $psql = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $psql->query('SELECT pg_backend_pid()');
$psql->query_until(qr/go/, "\\echo go\nSELECT FROM uiml_train('shop');\n");
usleep($duration * .5 * 1e6);
kill 'KILL', $pid;
eval { $psql->quit };
$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
unlike(state(), qr/_work_/, 'no work table after a crash');
like($node->safe_psql('postgres', q(SELECT version FROM uiml_train('shop'))), qr/^\d+$/, 'and it can be trained');

# An evaluation leaves as little.
$node->safe_psql('postgres', q(SELECT FROM uiml_evaluate('shop', users => 50)));
$node->psql('postgres', q(SET statement_timeout = '300ms'; SELECT FROM uiml_evaluate('shop', 'time', users => 50)));
unlike(state(), qr/_work_/, 'nor does an evaluation');

$node->stop;
done_testing();
