# What the tests of training among others share: a server, and events that are the same in every run.
package UimlShop;
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use Exporter 'import';
our @EXPORT = qw(start_node create_events state_of kill_during);

use Time::HiRes qw(usleep);

sub start_node # name, arguments of init
{
	my $node = PostgreSQL::Test::Cluster->new(shift);
	$node->init(@_);
	$node->append_conf('postgresql.conf',
		"log_min_messages = warning\nclient_min_messages = warning\nrestart_after_crash = on\n");
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION uiml');
	return $node;
}

# Users first .. last and 600 items in six groups, 60 events each; hashes, so that every run sees the same rows.
sub create_events # node table first last turn: a user's group is that of his number and turn
{
	my ($node, $table, $first, $last, $turn) = @_;
	$node->safe_psql('postgres', <<"SQL");
CREATE TABLE $table (user_id bigint, item_id bigint, created_at timestamptz);
INSERT INTO $table
SELECT u, CASE WHEN h % 10 < 8 THEN (h / 16 % 100) * 6 + (u + $turn) % 6 ELSE h / 16 % 600 END,
	'2024-01-01 00:00+00'::timestamptz + n * interval '1 day' + u * interval '1 second'
FROM generate_series($first, $last) u, generate_series(1, 60) n,
	LATERAL (SELECT abs(hashint8extended(u * 100 + n, 1 + $turn) % 100003) AS h) x;
SQL
}

# Versions, tables, and the log: what a training that did not come to its end must leave as it was.
sub state_of # node
{
	return shift->safe_psql('postgres', <<'SQL');
SELECT (SELECT string_agg(domain || version || ':' || active, ',' ORDER BY domain, version) FROM uiml.version),
	(SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relkind IN ('r', 'p', 'v')
		AND relnamespace = 'public'::regnamespace),
	(SELECT count(*) FROM uiml.training_log),
	(SELECT string_agg(concat_ws(':', transfer_id, source_version_id, version_id, users, digest, bytes,
		(SELECT count(*) FROM uiml.transfer_part p WHERE p.transfer_id = t.transfer_id)), ',' ORDER BY transfer_id) FROM uiml.transfer t),
	(SELECT string_agg(concat_ws(':', sequence_model_id, version_id, target, kind, users, digest, bytes,
		(SELECT count(*) FROM uiml.sequence_part p WHERE p.sequence_model_id = m.sequence_model_id)), ',' ORDER BY sequence_model_id)
	FROM uiml.sequence_model m)
SQL
}

# Starts a statement, kills its backend with -9 after so many seconds, and waits until the server is back.
sub kill_during # node statement seconds
{
	my ($node, $statement, $seconds) = @_;
	my $psql = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $psql->query('SELECT pg_backend_pid()');
	$psql->query_until(qr/go/, "\\echo go\n$statement;\n");
	usleep($seconds * 1e6);
	kill 'KILL', $pid;
	eval { $psql->quit };
	$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
}

1;
