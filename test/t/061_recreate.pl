# The extension in a schema that is not on the search_path, and dropped and created again under a living session, whose caches
# (plans, versions, mapped files) must not outlive it.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('recreate');
$node->init;
$node->append_conf('postgresql.conf', "client_min_messages = error\nmax_prepared_transactions = 2\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE events AS SELECT u AS user_id, i AS item_id, timestamptz '2025-01-01 UTC' + (u * 20 + i) * interval '1 hour' AS ts
FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE (u * 7 + i * 3) % 4 < 2 AND u % 2 = i % 2;
CREATE SCHEMA "an ""odd schema";
CREATE SCHEMA other;
SQL

# What each round does in the schema at hand, and what it prints.
sub round
{
	my $schema = shift;
	return <<SQL;
CREATE EXTENSION uiml SCHEMA $schema;
SELECT version FROM $schema.uiml_train('shop', 'events', dims => 4, interests => 2);
SELECT count(*) FROM $schema.uiml_predict(1);
SELECT count(*) FROM $schema.uiml_recommend(1);
SELECT count(*) FROM $schema.uiml_recommend_from('{1,3}'::int[]);
SELECT count(*) FROM $schema.uiml_interests('shop');
SELECT count(*) > 0 FROM $schema.uiml_evaluate('shop');
SELECT version FROM $schema.uiml_train('shop');
SELECT max(version) FROM $schema.uiml_predict(1);
SELECT count(*) FROM shop_items;
SELECT $schema.uiml_drop_domain('shop');
DROP EXTENSION uiml;
SQL
}

my $printed = "1\n2\n10\n10\n2\nt\n2\n2\n20\n\n";
is($node->safe_psql('postgres', round('"an ""odd schema"') . round('other') . round('public')) . "\n",
	$printed x 3, 'three times in one session, each in another schema');

my ($status, $out, $err) = $node->psql('postgres', "CREATE EXTENSION uiml SCHEMA other; ALTER EXTENSION uiml SET SCHEMA public");
like($err, qr/does not support SET SCHEMA/, 'the extension stays in its schema');

# A prepared transaction holds what it did until it is decided.
$node->safe_psql('postgres', "SELECT FROM other.uiml_train('shop', 'events', dims => 4, interests => 2)");
$node->safe_psql('postgres', "BEGIN; SELECT FROM other.uiml_train('shop'); SELECT FROM other.uiml_recommend(1); PREPARE TRANSACTION 'second'");
is($node->safe_psql('postgres', 'SELECT max(version) FROM other.uiml_predict(1)'), '1', 'the version before serves');
($status, $out, $err) = $node->psql('postgres', "SET lock_timeout = '100ms'; SELECT FROM other.uiml_train('shop')");
like($err, qr/lock timeout/, 'another training waits for the prepared one');
$node->restart;
$node->safe_psql('postgres', "COMMIT PREPARED 'second'");
is($node->safe_psql('postgres', 'SELECT max(version) FROM other.uiml_predict(1)'), '2', 'committed, it serves');

# Tables that lost their columns of the type with the extension are told, not read.
$node->safe_psql('postgres', 'DROP EXTENSION uiml CASCADE; CREATE EXTENSION uiml SCHEMA other');
($status, $out, $err) = $node->psql('postgres', "SELECT FROM other.uiml_train('shop', 'events')");
like($err, qr/relation "shop_items_versions" already exists/, 'what a dropped extension left behind is not adopted');

done_testing();
