# Transfers among others: a training of one that is cancelled, fails or is killed leaves the one before in place and nothing
# behind; what is dumped and restored tells newcomers the same.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use UimlShop;

my $node = start_node('transfer');
create_events($node, 'films', 1, 2500, 0);
create_events($node, 'books', 501, 3000, 1);
$node->safe_psql('postgres', q(SELECT FROM uiml_train('films', 'films', interests => 6, dims => 16)));
$node->safe_psql('postgres', q(SELECT FROM uiml_train('books', 'books', interests => 6, dims => 16)));

# From the beginning, so that there is something to do although no user is new
my $train = q(SELECT FROM uiml_train_transfer('films', 'books', incremental => false));
my $started = time;
$node->safe_psql('postgres', $train);
my $duration = time - $started;
is($node->safe_psql('postgres', q(SELECT string_agg(DISTINCT used::text, ',') FROM uiml.transfers)),
	'true', 'the transfer is used');

my $tell = q(SELECT user_id, p.interest_id, p.label, p.score, p.low, p.high, p.basis
	FROM generate_series(1, 500, 20) user_id, uiml_predict(user_id, 'books') p ORDER BY 1, p.rank);
my $recommend = q(SELECT user_id, p.item_id, p.score, p.basis
	FROM generate_series(1, 500, 20) user_id, uiml_recommend(user_id, 'books') p ORDER BY 1, p.rank);
my $report = q(SELECT line FROM uiml_transfer_report('films', 'books') WHERE line !~ '^Trained');
my $told = $node->safe_psql('postgres', $tell);
like($told, qr/transfer$/m, 'newcomers are told by it');

# Cancelled at moments spread over the training
my $state = state_of($node);
my $cancelled = 0;
for my $i (1 .. 12)
{
	my $ms = int($duration * 1000 * $i / 14) + 1;
	my ($result, $out, $err) = $node->psql('postgres', qq(SET statement_timeout = '${ms}ms'; $train));
	if ($result == 0)
	{
		$state = state_of($node); # it was over in time
		next;
	}
	$cancelled++;
	like($err, qr/canceling statement due to statement timeout/, "cancelled after $ms ms");
}
cmp_ok($cancelled, '>=', 3, 'several trainings were cancelled');
is(state_of($node), $state, 'cancelled trainings leave the transfer as it was and nothing behind');

# A failure in the last step, when the parts are stored
$node->safe_psql('postgres', 'ALTER TABLE uiml.transfer_part ADD CONSTRAINT refuses CHECK (part < 0) NOT VALID');
my ($result, $out, $err) = $node->psql('postgres', $train);
like($err, qr/violates check constraint "refuses"/, 'what fails says why');
is(state_of($node), $state, 'a failed training leaves the transfer as it was and nothing behind');
# The domain's own training goes on, and tells of it
($result, $out, $err) = $node->psql('postgres', q(BEGIN; SELECT FROM uiml_train('films'); ROLLBACK));
is($result, 0, 'a transfer that fails fails no training of a domain');
like($err, qr/WARNING:  the transfer from domain "films" to domain "books" was not trained/, 'but is told of');
$node->safe_psql('postgres', 'ALTER TABLE uiml.transfer_part DROP CONSTRAINT refuses');
is(state_of($node), $state, 'and what is rolled back leaves nothing either');
is($node->safe_psql('postgres', $tell), $told, 'newcomers are told the same');

# kill -9 of the backend that trains the transfer
for my $part (.3, .6, .9)
{
	kill_during($node, $train, $duration * $part);
	my $now = state_of($node);
	if ($now ne $state && $node->safe_psql('postgres', 'SELECT count(*) FROM uiml.transfer') eq '1')
	{
		note('the training was over before it was killed');
		$state = $now;
	}
	is($now, $state, "the transfer before serves after a crash at $part of a training");
	is($node->safe_psql('postgres', $tell), $told, 'as it did');
}

# Dump and restore
my $dump = $node->basedir . '/dump';
my $recommended = $node->safe_psql('postgres', $recommend);
like($recommended, qr/transfer$/m, 'newcomers are recommended items by it');
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-p', $node->port, '-h', $node->host, 'postgres' ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', 'restored', '-p', $node->port, '-h', $node->host, $dump ], 'pg_restore');
is($node->safe_psql('restored', $tell), $told, 'a restored transfer tells newcomers the same');
is($node->safe_psql('restored', $recommend), $recommended, 'and recommends the same items');
is($node->safe_psql('restored', $report), $node->safe_psql('postgres', $report), 'and has the same report');
is($node->safe_psql('restored', q(SELECT count(*) FROM uiml_train_transfer('films', 'books'))), '2', 'and goes on');
is( $node->safe_psql('restored', q(SET client_min_messages = error; SELECT version FROM uiml_train('films');
	SELECT metrics -> 'map' ->> 'prior' FROM uiml.transfer ORDER BY transfer_id DESC LIMIT 1)),
	"2\nprevious", 'and is the prior of its successor');

$node->stop;
done_testing();
