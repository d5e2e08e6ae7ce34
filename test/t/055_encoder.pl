# Encoders: the mapped file in parallel plans, on a standby, after a restore, after its encoder is gone; other encodings; memory.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "autovacuum = off\nclient_min_messages = warning\n");
$node->start;

my $setup = q{
	CREATE EXTENSION uiml;
	CREATE TABLE goods AS
		SELECT i AS item_id, (ARRAY['caf%s', 'sma%s lamp', 'garden rose', 'garden oven', 'kitchen lamp'])[i % 5 + 1] || ' '
			|| (ARRAY['red', 'blue', 'green', 'old'])[i / 5 % 4 + 1] AS title
		FROM generate_series(0, 4999) i;
	CREATE TABLE events AS SELECT i % 50 AS user_id, i AS item_id FROM generate_series(0, 999) i;
	SELECT uiml_create_domain('shop', 'events', items => 'goods', item_key => 'item_id', item_text => '{title}');
};
sub setup { my ($e, $o) = @_; return sprintf($setup, $e, $o) }
my $train = q{SELECT FROM uiml_train_encoder('shop', dims => 8)};
my $question = q{SELECT md5(string_agg(uiml_embed(title, 'shop')::text, '' ORDER BY item_id)) FROM goods};

sub files
{
	my @files = glob($_[0]->data_dir . '/base/pgsql_tmp/pgsql_tmp_uiml/*');
	return @files;
}
sub answer { return $_[0]->safe_psql($_[1] // 'postgres', $_[2] // $question) }

$node->safe_psql('postgres', setup("\x{c3}\x{a9}", "\x{c3}\x{b8}"));
$node->safe_psql('postgres', $train);
is(scalar(files($node)), 0, 'no file before the first text');
my $expected = answer($node);
my ($file, @more) = files($node);
is(scalar(@more), 0, 'one file per encoder');
like($file, qr{/\d+-\d+-[0-9a-f]{16}\.\d+\.encoder$}, 'named by database, catalog, digest and encoder');
my $whole = slurp_file($file);

# Parallel workers map the same file.
my $parallel = q{
	SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
	SET min_parallel_table_scan_size = 0; };
like(answer($node, 'postgres', "$parallel EXPLAIN SELECT sum(uiml_embed(title, 'shop')) FROM goods"),
	qr/Parallel Seq Scan/, 'a parallel plan');
unlink $file;
is(answer($node, 'postgres', "$parallel $question"), $expected, 'answers the same, and makes the file');
is(slurp_file((files($node))[0]), $whole, 'byte for byte');

# Damage on disk.
{
	my $offset = -s $node->logfile;
	my $c = $whole;
	substr($c, length($c) / 2, 1) ^= "\x55";
	open(my $out, '>:raw', "$file.new") or die $!;
	print $out $c;
	close $out;
	rename("$file.new", $file) or die $!;
	is(answer($node), $expected, 'a damaged file is built anew');
	like(slurp_file($node->logfile, $offset), qr/\.encoder" is damaged and will be rebuilt/, 'and the log tells');
}

# The file of an encoder that was replaced goes with the next publication.
$node->safe_psql('postgres', $train);
is(answer($node), $expected, 'the same texts give the same encoder');
is(scalar(files($node)), 1, 'the file before it is gone');

# A backend that embeds a million texts doesn't grow.
my $grown = $node->safe_psql(
	'postgres', q{
	CREATE TEMP TABLE rss (n int, kb bigint);
	CREATE FUNCTION note(n int) RETURNS void LANGUAGE sql AS $$
		INSERT INTO rss SELECT n, substring(pg_read_file('/proc/' || pg_backend_pid() || '/status') FROM 'RssAnon:\s+(\d+)')::bigint $$;
	SET jit = off;
	SELECT count(uiml_embed(title, 'shop')) FROM goods, generate_series(1, 20);
	SELECT note(1);
	SELECT count(uiml_embed(title, 'shop')) FROM goods, generate_series(1, 200);
	SELECT note(2);
	SELECT max(kb) FILTER (WHERE n = 2) - max(kb) FILTER (WHERE n = 1) FROM rss;});
$grown =~ s/.*\n//s;
cmp_ok($grown, '<', 2000, "a million texts: $grown kB more");

# Restart, standby, dump.
$node->restart;
is(answer($node), $expected, 'the answer after a restart');
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(answer($standby), $expected, 'a standby answers the same');
is(scalar(files($standby)), 1, 'from a file of its own');
$standby->stop;

my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ], 'restore');
is(answer($node, 'restored'), $expected, 'the restored encoder is the same');
is($node->safe_psql('restored', q{SELECT dims FROM uiml_train_encoder('shop', dims => 4, name => 'another')}), 4,
	'and new ones have numbers of their own');

# Databases of other encodings give the same vectors.
$node->safe_psql('postgres', q{CREATE DATABASE latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
$node->safe_psql('latin1', q{SET client_encoding = 'UTF8'; } . setup("\x{c3}\x{a9}", "\x{c3}\x{b8}"));
$node->safe_psql('latin1', $train);
is($node->safe_psql('latin1', q{SELECT count(*) FROM goods WHERE octet_length(title) = 8}), 500, 'one byte for an accent');
is(answer($node, 'latin1'), $expected, 'LATIN1 gives the vectors of UTF8');
$node->safe_psql('postgres', q{CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0});
$node->safe_psql('ascii', setup("\x{c3}\x{a9}", "\x{c3}\x{b8}"));
$node->safe_psql('ascii', $train);
is(answer($node, 'ascii'), $expected, 'and so does SQL_ASCII that holds UTF8');

$node->stop;
done_testing();
