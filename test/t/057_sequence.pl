# Sequence models among others: a training of one that is cancelled, ended, fails or is killed leaves the one before serving and
# nothing behind; what is dumped and restored, and what a standby has, predicts the same to the last byte.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use UimlShop;

my $node = start_node('sequence', allows_streaming => 1);
create_events($node, 'shop', 1, 800, 0);
$node->safe_psql('postgres', q(SELECT FROM uiml_train('shop', 'shop', interests => 6, dims => 8)));

my $train = q(SELECT FROM uiml_train_sequence('shop', model => 'lstm', epochs => 3));
$node->safe_psql('postgres', $train);
my $started = time;
$node->safe_psql('postgres', $train);
my $duration = time - $started;
$node->safe_psql('postgres', q(SELECT FROM uiml_train_sequence('shop', 'item', model => 'rules')));
is($node->safe_psql('postgres', q(SELECT target, model, version, serving FROM uiml.sequence_models ORDER BY target)),
	"interest|lstm|1|t\nitem|rules|1|t", 'both models serve');
is($node->safe_psql('postgres', q(SELECT count(*), max(array_length(recent, 1)) FROM shop_sequences)),
	'800|60', 'and what users did last is stored once');

my $tell = q(SELECT user_id, n.*, p.interest_id, p.score, p.low, p.high, p.basis, r.item_id, r.score, r.basis
	FROM generate_series(1, 800, 40) user_id,
		LATERAL (SELECT string_agg(concat_ws(' ', id, score, model), ',' ORDER BY rank) FROM uiml_predict_next(user_id, 'shop', 6)) n,
		LATERAL (SELECT string_agg(concat_ws(' ', id, score, model), ',' ORDER BY rank) FROM uiml_predict_next(user_id, 'shop', 6, 'item')) i,
		uiml_predict(user_id, 'shop', 2) p, uiml_recommend(user_id, 'shop', 2) r
	ORDER BY user_id, p.rank, r.rank);
my $report = q(SELECT * FROM uiml_sequence_report('shop'));
my $told = $node->safe_psql('postgres', $tell);
like($told, qr/ lstm/, 'predictions are made by them');

# What must be as it was; a training that was over before it could be ended has a line in the log.
my $count = q(SELECT count(*) FROM uiml.training_log);
my $trainings = $node->safe_psql('postgres', $count);
my $state;

sub note_state
{
	$trainings = $node->safe_psql('postgres', $count);
	$told = $node->safe_psql('postgres', $tell);
	$state = state_of($node);
}

sub is_as_before # after what
{
	my $after = shift;
	if ($node->safe_psql('postgres', $count) > $trainings)
	{
		note('a training was over before it was ended');
		note_state();
	}
	is(state_of($node), $state, "$after leaves the model as it was and nothing behind");
	is($node->safe_psql('postgres', $tell), $told, 'and it serves as it did');
}

# Cancelled at moments spread over the training
note_state();
my $cancelled = 0;
for my $i (1 .. 12)
{
	my $ms = int($duration * 1000 * $i / 14) + 1;
	my ($result, $out, $err) = $node->psql('postgres', qq(SET statement_timeout = '${ms}ms'; $train));
	next if $result == 0; # it was over in time
	$cancelled++;
	like($err, qr/canceling statement due to statement timeout/, "cancelled after $ms ms");
}
cmp_ok($cancelled, '>=', 3, 'several trainings were cancelled');
is_as_before('a cancelled training');

# Ended by pg_terminate_backend
for my $part (.2, .5, .8)
{
	my $psql = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $psql->query('SELECT pg_backend_pid()');

	$psql->query_until(qr/go/, "\\echo go\n$train;\n");
	usleep($duration * $part * 1e6);
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	ok($node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)"),
		"ended at $part of a training");
	eval { $psql->quit };
}
is_as_before('an ended training');

# A failure in the last step, when the parts are stored
$node->safe_psql('postgres', 'ALTER TABLE uiml.sequence_part ADD CONSTRAINT refuses CHECK (part < 0) NOT VALID');
my ($result, $out, $err) = $node->psql('postgres', $train);
like($err, qr/violates check constraint "refuses"/, 'what fails says why');
is_as_before('a failed training');
# The domain's own training goes on, and tells of it
($result, $out, $err) = $node->psql('postgres', q(BEGIN; SELECT FROM uiml_train('shop'); ROLLBACK));
is($result, 0, 'a sequence model that fails fails no training of a domain');
like($err, qr/WARNING:  the sequence model for target "$_" of domain "shop" was not trained/, "but that of $_ is told of")
	for qw(interest item);
$node->safe_psql('postgres', 'ALTER TABLE uiml.sequence_part DROP CONSTRAINT refuses');
is_as_before('what is rolled back');

# kill -9 of the backend that trains, and a server that stops at once
for my $part (.3, .7)
{
	kill_during($node, $train, $duration * $part);
	is_as_before("a crash at $part of a training");
}
{
	my $psql = $node->background_psql('postgres', on_error_stop => 0);

	$psql->query_until(qr/go/, "\\echo go\n$train;\n");
	usleep($duration * .5 * 1e6);
	$node->stop('immediate');
	eval { $psql->quit };
	$node->start;
	is_as_before('an immediate stop');
}

# Dump and restore
my $dump = $node->basedir . '/dump';
my $reported = $node->safe_psql('postgres', $report);
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-p', $node->port, '-h', $node->host, 'postgres' ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', 'restored', '-p', $node->port, '-h', $node->host, $dump ], 'pg_restore');
is($node->safe_psql('restored', $tell), $told, 'restored models tell users the same');
is($node->safe_psql('restored', $report), $reported, 'and have the same report');
is($node->safe_psql('restored', q(SELECT count(*) > 0 FROM uiml_train_sequence('shop', 'item', model => 'ridge'))), 't', 'and go on');
is($node->safe_psql('restored', q(SELECT target, model, version, serving FROM uiml.sequence_models ORDER BY target)),
	"interest|lstm|1|t\nitem|ridge|1|t", 'each by itself');

# A standby
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('sequence_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', $tell), $told, 'a standby tells users the same');
is($standby->safe_psql('postgres', $report), $reported, 'and has the same report');
$node->safe_psql('postgres', q(SELECT uiml_drop_sequence('shop')));
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
($result, $out, $err) = $standby->psql('postgres', $report);
like($err, qr/there is no sequence model for target "interest" of domain "shop"/, 'until it is dropped');
$standby->stop;

# A new version has models of its own, with the settings of those before
is( $node->safe_psql('postgres', q(SELECT version FROM uiml_train('shop');
	SELECT target, model, version, serving FROM uiml.sequence_models ORDER BY target)),
	"2\nitem|rules|2|t", 'a new version has the models of the one before');

$node->stop;
done_testing();
