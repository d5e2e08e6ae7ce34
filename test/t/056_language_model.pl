# Language models: the published ones against reference.jsonl, files that are none, what a directory may hold, sharing
# by backends, restarts, standby, dump, other encodings, cancels.
use strict;
use warnings;

use File::Copy qw(copy);
use IPC::Run qw(start);
use POSIX qw(mkfifo);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $models = ($ENV{UIML_SHARED} // '') . '/models';
my $minilm = "$models/all-MiniLM-L6-v2";
plan skip_all => "no all-MiniLM-L6-v2, zh-tiny and model2vec-tiny in $models"
  if grep { !-r "$models/$_/model.safetensors" || !-r "$models/$_/reference.jsonl" } qw(all-MiniLM-L6-v2 zh-tiny model2vec-tiny);

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "autovacuum = off\nclient_min_messages = warning\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION uiml;
	CREATE TABLE reference (model text, line text);
	CREATE FUNCTION vector(j jsonb) RETURNS interest_vector LANGUAGE sql IMMUTABLE AS 'SELECT j::text::interest_vector';
	CREATE FUNCTION largest(v interest_vector) RETURNS real LANGUAGE sql IMMUTABLE AS 'SELECT max(abs(x)) FROM unnest(v::real[]) x'});

sub load_sql { my ($name, $directory, $more) = @_; return "SELECT FROM uiml_load_encoder('$name', '$directory'" . ($more // '') . ')' }
sub files { my @files = glob($_[0]->data_dir . '/base/pgsql_tmp/pgsql_tmp_uiml/*.encoder'); return @files }

# -- The references of the published models

my $started = time;
$node->safe_psql('postgres', load_sql('minilm', $minilm, q{, licence => 'Apache-2.0'}));
note sprintf('loading 90 MB: %.1f s', time - $started);
$node->safe_psql('postgres', load_sql('zh_cls', "$models/zh-tiny", q{, pooling => 'cls'}));
$node->safe_psql('postgres', load_sql('zh_mean', "$models/zh-tiny", q{, pooling => 'mean'}));
$node->safe_psql('postgres', load_sql('m2v', "$models/model2vec-tiny"));

for my $case (['minilm', $minilm, 'emb', 1e-4], ['zh_cls', "$models/zh-tiny", 'emb_cls', 1e-4],
	['zh_mean', "$models/zh-tiny", 'emb_mean', 1e-4], ['m2v', "$models/model2vec-tiny", 'emb', 1e-5])
{
	my ($name, $directory, $key, $most) = @$case;

	$node->safe_psql('postgres', qq{
		CREATE TEMP TABLE lines (line text);
		\\copy lines FROM '$directory/reference.jsonl' WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')
		DELETE FROM reference;
		INSERT INTO reference SELECT '$name', line FROM lines});
	my ($n, $ids, $cosine, $difference, $array) = split /\|/, $node->safe_psql('postgres', qq{
		WITH r AS MATERIALIZED (SELECT line::jsonb AS j FROM reference),
		v AS MATERIALIZED (SELECT j->>'text' AS text, ARRAY(SELECT i::integer FROM jsonb_array_elements_text(j->'ids') i) AS ids,
			vector(NULLIF(j->'$key', 'null')) AS e, uiml_embed(j->>'text', '$name') AS v FROM r)
		SELECT count(*), bool_and(ids = ARRAY(SELECT id FROM uiml_tokenize(text, '$name') WITH ORDINALITY t (id, token, n) ORDER BY n)),
			min(1 - (e <=> v)) FILTER (WHERE uiml_norm(e) > 0), max(largest(e - v)),
			array_agg(v) = uiml_embed(array_agg(text), '$name') FROM v});
	cmp_ok($n, '>=', 120, "$name: $n texts");
	is($ids, 't', "$name: the ids of the reference");
	cmp_ok($cosine, '>', .99999, "$name: cosine");
	cmp_ok($difference, '<', $most, "$name: largest difference");
	is($array, 't', "$name: the same vectors in one array");
}

# -- Sharing

my ($file) = grep { -s $_ > 80e6 } files($node);
ok($file, 'one file of MiniLM');
$node->safe_psql('postgres', 'CREATE TABLE texts AS SELECT i, format(\'a text about subject %s\', i) AS t FROM generate_series(1, 200) i');
my $question = q{SELECT md5(string_agg(uiml_embed(t, 'minilm')::text, '' ORDER BY i)) FROM texts};
my $expected = $node->safe_psql('postgres', $question);
my $first = $node->safe_psql('postgres', q{
	CREATE TEMP TABLE t AS SELECT clock_timestamp() AS c;
	SELECT uiml_dims(uiml_embed('a short text', 'minilm')), extract(milliseconds FROM clock_timestamp() - c) FROM t});
note "first call in a new backend: $first (dims, ms)";

sub pss # of backends, in kB
{
	my $sum = 0;

	for my $pid (@_)
	{
		$sum += $1 if slurp_file("/proc/$pid/smaps_rollup") =~ /^Pss:\s+(\d+) kB/m;
	}
	return $sum;
}

SKIP:
{
	skip 'no /proc/PID/smaps_rollup', 1 unless -r '/proc/self/smaps_rollup';
	my (@in, @out, @session);

	for my $i (0 .. 9)
	{
		$in[$i] = "SELECT pg_backend_pid();\n";
		$out[$i] = '';
		$session[$i] = start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in[$i], '>', \$out[$i]);
		$session[$i]->pump until $out[$i] =~ /\d+\n/;
	}
	my @pid = map { /(\d+)/ } @out;
	my $before = pss(@pid);
	for my $i (0 .. 9)
	{
		$in[$i] .= "SELECT 'sum ' || count(uiml_embed(t, 'minilm')) FROM texts;\n";
		$session[$i]->pump until $out[$i] =~ /sum 200\n/;
	}
	my $copies = (pss(@pid) - $before) * 1024 / -s $file;
	cmp_ok($copies, '<', 1.3, sprintf('ten backends have %.2f copies of the file', $copies));
	$_->finish for @session;
}

my $parallel = q{
	SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
	SET min_parallel_table_scan_size = 0; };
like($node->safe_psql('postgres', "$parallel EXPLAIN SELECT uiml_embed(t, 'minilm') FROM texts"), qr/Parallel Seq Scan/, 'a parallel plan');
is($node->safe_psql('postgres', "$parallel $question"), $expected, 'answers as a serial one');

unlink $_ for files($node);
rmdir $node->data_dir . '/base/pgsql_tmp/pgsql_tmp_uiml';
is($node->safe_psql('postgres', $question), $expected, 'so does one after the files were deleted');

# -- Cancels

my $rows = q{SELECT (SELECT count(*) FROM uiml.encoder) + (SELECT count(*) FROM uiml.encoder_part)};
my $had = $node->safe_psql('postgres', $rows);
for my $statement (load_sql('cancelled', $minilm),
	q{SELECT uiml_embed(array_agg(repeat('a long text ', 300)), 'minilm') FROM generate_series(1, 1000)},
	q{SELECT count(uiml_embed(repeat('a long text ', 300), 'minilm')) FROM generate_series(1, 1000)})
{
	my $t = time;
	my ($status, $stdout, $stderr) = $node->psql('postgres', "SET statement_timeout = 200; $statement");
	like($stderr, qr/canceling statement due to statement timeout/, 'a cancel');
	cmp_ok(time - $t, '<', 5, sprintf('after %.2f s', time - $t));
}
is($node->safe_psql('postgres', $rows), $had, 'a cancelled load leaves nothing');

# -- Directories with other things in them

sub broken
{
	my ($what, $change, $error) = @_;
	my $directory = PostgreSQL::Test::Utils::tempdir();

	copy("$models/zh-tiny/$_", "$directory/$_") for qw(config.json tokenizer.json model.safetensors);
	$change->($directory);
	my ($status, $stdout, $stderr) = $node->psql('postgres', load_sql('broken', $directory));
	like($stderr, $error, $what);
	is(() = $stderr =~ /ERROR:/g, 1, "$what: one error");
}
my $invalid = qr/ERROR:\s+could not load encoder "broken"\nDETAIL:/;
broken('no weights', sub { unlink "$_[0]/model.safetensors" }, qr/has no model\.safetensors\nHINT:/);
broken('no tokenizer', sub { unlink "$_[0]/tokenizer.json" }, qr/neither tokenizer\.json nor vocab\.txt/);
broken('no config', sub { unlink "$_[0]/config.json" }, $invalid);
broken('a FIFO', sub { unlink "$_[0]/model.safetensors"; mkfifo("$_[0]/model.safetensors", 0644) }, qr/is not a regular file/);
broken('a directory', sub { unlink "$_[0]/config.json"; mkdir "$_[0]/config.json" }, qr/is not a regular file/);
broken('truncated weights', sub { truncate "$_[0]/model.safetensors", 100000 }, $invalid);
broken('weights of another model', sub { copy("$models/model2vec-tiny/model.safetensors", "$_[0]/model.safetensors") }, $invalid);
broken('a large config', sub { truncate "$_[0]/config.json", 2**21 }, qr/config\.json is too large/);
for my $case (['an oversized header', "\xff\xff\xff\xff\xff\xff\xff\x7f"], ['a short header', pack('Q<', 40)], ['an empty header', pack('Q<', 0)])
{
	my ($what, $length) = @$case;
	broken($what, sub {
		open(my $out, '+<:raw', "$_[0]/model.safetensors") or die $!;
		print $out $length;
		close $out }, $invalid);
}
broken('overlapping tensors', sub {
	my $bytes = slurp_file("$_[0]/model.safetensors");
	$bytes =~ s/"data_offsets":\s?\[(\d+),(\s?)(\d)/'"data_offsets":[' . $1 . ',' . $2 . ($3 eq '9' ? '8' : $3 + 1)/e;
	open(my $out, '>:raw', "$_[0]/model.safetensors") or die $!;
	print $out $bytes;
	close $out }, $invalid);
is($node->safe_psql('postgres', $rows), $had, 'and nothing is left of them');

# -- A domain's encoder stays

$node->safe_psql('postgres', q{
	CREATE TABLE events AS SELECT i % 20 AS user_id, i % 50 AS item_id, 'word ' || i % 50 AS said FROM generate_series(1, 500) i;
	SELECT uiml_create_domain('talk', 'events', text_cols => '{said}', options => '{"encoder": "m2v"}')});
my (undef, undef, $refused) = $node->psql('postgres', q{SELECT uiml_drop_encoder('m2v')});
like($refused, qr/cannot drop encoder "m2v" because domains use it/, 'an encoder that a domain uses stays');

# -- Crash, standby, dump

$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', $question), $expected, 'the same after a crash');
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(scalar(files($standby)), 0, 'no file in a base backup');
is($standby->safe_psql('postgres', $question), $expected, 'a standby answers the same');
$standby->stop;

my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'restore');
is($node->safe_psql('restored', $question), $expected, 'the restored encoder is the same');
is($node->safe_psql('restored', q{SELECT licence FROM uiml.encoders WHERE encoder = 'minilm'}), 'Apache-2.0', 'with what is recorded of it');

# -- Databases of other encodings

my $accents = q{SELECT uiml_embed(U&'caf\00e9 \00fcber' || t, 'zh_mean')::text, (SELECT string_agg(id::text, ' ') FROM uiml_tokenize(U&'\00e9t\00e9', 'zh_mean')) FROM (VALUES ('')) v (t)};
my $in_utf8 = $node->safe_psql('postgres', $accents);
$node->safe_psql('postgres', q{CREATE DATABASE latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
$node->safe_psql('latin1', 'CREATE EXTENSION uiml; ' . load_sql('zh_mean', "$models/zh-tiny"));
is($node->safe_psql('latin1', $accents), $in_utf8, 'LATIN1 gives the vectors and ids of UTF8');
is($node->safe_psql('latin1', q{SELECT max(token) FROM uiml_tokenize('a', 'zh_mean')}), 'a', 'and tokens');
$node->safe_psql('postgres', q{CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0});
$node->safe_psql('ascii', 'CREATE EXTENSION uiml; ' . load_sql('zh_mean', "$models/zh-tiny"));
is($node->safe_psql('ascii', q{SELECT string_agg(id::text, ' ') FROM uiml_tokenize(E'\xc3\xa9t\xc3\xa9', 'zh_mean')}),
	(split /\|/, $in_utf8)[1], 'SQL_ASCII that holds UTF-8 gives the ids of UTF8');
for my $call (q{uiml_embed(E'caf\xe9', 'zh_mean')}, q{uiml_embed(ARRAY['a', E'caf\xe9'], 'zh_mean')}, q{uiml_tokenize(E'caf\xe9', 'zh_mean')})
{
	my (undef, undef, $stderr) = $node->psql('ascii', "\\set VERBOSITY verbose\nSELECT $call");
	like($stderr, qr/ERROR:\s+22021: a text is not valid UTF-8/, 'bytes that are not UTF-8');
}

# -- A million calls

my $grown = $node->safe_psql('postgres', q{
	CREATE TEMP TABLE rss (n int, kb bigint);
	CREATE FUNCTION note(n int) RETURNS void LANGUAGE sql AS $$
		INSERT INTO rss SELECT n, substring(pg_read_file('/proc/' || pg_backend_pid() || '/status') FROM 'RssAnon:\s+(\d+)')::bigint $$;
	SET jit = off;
	SELECT count(uiml_embed(t, 'm2v')) FROM texts, generate_series(1, 50);
	SELECT note(1);
	SELECT count(uiml_embed(t, 'm2v')) FROM texts, generate_series(1, 5000);
	SELECT note(2);
	SELECT max(kb) FILTER (WHERE n = 2) - max(kb) FILTER (WHERE n = 1) FROM rss});
$grown =~ s/.*\n//s;
cmp_ok($grown, '<', 1000, "a million texts: $grown kB more");

$node->stop;
done_testing();
