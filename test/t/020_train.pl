# Training among others: a cancelled, failed or killed training leaves the version before and no table behind; readers never
# wait for one; what is dumped and restored predicts the same.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use UimlShop;

my $node = start_node('train');
create_events($node, 'events', 1, 3000, 0);
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE items (item_id bigint PRIMARY KEY, title text);
INSERT INTO items SELECT i, 'topic' || chr(97 + i % 6) || ' item' FROM generate_series(0, 599) i;
ALTER TABLE events ADD FOREIGN KEY (item_id) REFERENCES items;
SQL

sub state
{
	return state_of($node) . '|' . $node->safe_psql('postgres', 'SELECT count(*) FROM shop_users');
}

my $started = time;
$node->safe_psql('postgres', q(SELECT FROM uiml_train('shop', 'events')));
my $duration = time - $started;
my $state = state();
like($state, qr/^shop1:true\|/, 'the first version is active');

# Cancel at twenty moments spread over the training, by a timeout and by another session.
my @late;
my $cancelled = 0;
for my $i (1 .. 20)
{
	my $ms = int($duration * 1000 * $i / 22) + 1;
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
	like($err, qr/canceling statement due to statement timeout/, "cancelled after $ms ms");
	push @late, $late;
}
cmp_ok($cancelled, '>=', 3, 'several trainings were cancelled');
my $worst = (sort { $b <=> $a } @late)[0];
note(sprintf 'a training takes %.0f ms; after a timeout the client had its error within %.0f ms (start of psql included)',
	$duration * 1000, $worst);
cmp_ok($worst, '<', 1000, 'a cancel is obeyed within a second');
is(state(), $state, 'cancelled trainings leave nothing behind');

# A failure in the middle: the disk is not full, but the last step is refused.
$state = state();
$node->safe_psql('postgres', q(UPDATE events SET created_at = NULL WHERE false; CREATE TABLE shop_users_v99 ();
	INSERT INTO uiml.training_log (domain_id, owner, version, trained_by, started_at, elapsed, phases, memory)
	SELECT domain_id, owner, 98, owner, now(), '0', '{}', 0 FROM uiml.domain));
my ($result, $out, $err) = $node->psql('postgres', q(SELECT FROM uiml_train('shop')));
isnt($result, 0, 'a training whose table name is taken fails');
like($err, qr/shop_users_v99.*already exists/, 'and says why');
$node->safe_psql('postgres', q(DROP TABLE shop_users_v99; DELETE FROM uiml.training_log WHERE version = 98));
is(state(), $state, 'a failed training leaves nothing behind');

# kill -9 of the backend that trains: the server restarts, the version before serves.
for my $part (.3, .6, .9)
{
	kill_during($node, q(SELECT FROM uiml_train('shop')), $duration * $part);
	my $now = state();
	if ((split /\|/, $now)[0] ne (split /\|/, $state)[0])
	{
		note('the training was over before it was killed');
		$state = $now;
	}
	is($now, $state, "the version before serves after a crash at $part of a training");
}

# Readers: an open transaction on the views delays no training, and sees its own version to the end; whoever reads during
# a training waits for nothing.
my $reader = $node->background_psql('postgres');
$reader->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $before = $reader->query('SELECT count(*), sum(mass) FROM shop_users');
my $old = $node->safe_psql('postgres', 'SELECT version FROM uiml.version WHERE active');
my $trainer = $node->background_psql('postgres');
$trainer->query_until(qr/go/, "\\echo go\nSET lock_timeout = '10s';\nSELECT version FROM uiml_train('shop');\n\\echo done\n");
my ($slowest, $reads) = split /\|/, $node->safe_psql('postgres', <<"SQL");
CREATE TEMP TABLE latency (slowest float8, reads int);
DO \$\$
DECLARE
	started timestamptz;
	slowest float8 := 0;
	reads int := 0;
BEGIN
	WHILE reads < 1000000 AND NOT EXISTS (SELECT FROM uiml.version WHERE version > $old) LOOP
		started := clock_timestamp();
		PERFORM mass FROM shop_users WHERE user_id = 77;
		slowest := greatest(slowest, extract(epoch FROM clock_timestamp() - started));
		reads := reads + 1;
		COMMIT;
	END LOOP;
	INSERT INTO latency VALUES (slowest, reads);
END \$\$;
SELECT slowest, reads FROM latency;
SQL
note(sprintf '%d reads during a training, the slowest %.1f ms', $reads, $slowest * 1000);
cmp_ok($slowest, '<', 1, 'no reader waits for a training');
$trainer->query_until(qr/done/, '');
$trainer->quit;
my $new = $node->safe_psql('postgres', 'SELECT version FROM uiml.version WHERE active');
is($new, $old + 1, 'the training went on under an open transaction');
is($reader->query('SELECT count(*), sum(mass) FROM shop_users'), $before,
	'a snapshot keeps seeing its version');
$reader->quit;

# Two at a time: the second waits for the first.
my @both = map { $node->background_psql('postgres') } 1 .. 2;
$_->query_until(qr/go/, "\\echo go\nSELECT 'version ' || version FROM uiml_train('shop');\n\\echo done\n") for @both;
$_->query_until(qr/done/, '') for @both;
$_->quit for @both;
is($node->safe_psql('postgres', 'SELECT count(*) FROM uiml.version WHERE active'),
	'1', 'after two trainings at a time one version is active');
is($node->safe_psql('postgres', 'SELECT max(version) FROM uiml.version'), $new + 2, 'and both were made');

# Dump and restore.
my $dump = $node->basedir . '/dump';
my $predictions = q(SELECT user_id, p.rank, p.interest_id, p.label, p.score, p.low, p.high, p.basis, p.version
	FROM generate_series(1, 3001, 50) user_id, uiml_predict(user_id, 'shop') p ORDER BY 1, 2);
my $items = q(SELECT user_id, p.rank, p.item_id, p.title, p.score
	FROM generate_series(1, 3001, 50) user_id, uiml_recommend(user_id, 'shop') p ORDER BY 1, 2);
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-p', $node->port, '-h', $node->host, 'postgres' ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', 'restored', '-p', $node->port, '-h', $node->host, $dump ], 'pg_restore');
is($node->safe_psql('restored', $predictions),
	$node->safe_psql('postgres', $predictions),
	'a restored domain predicts the same interests');
is($node->safe_psql('restored', $items), $node->safe_psql('postgres', $items), 'and recommends the same items');
like($node->safe_psql('restored', q(SELECT version FROM uiml_train('shop'))), qr/^\d+$/, 'and can be trained');

$node->stop;
done_testing();
