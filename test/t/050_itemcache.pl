# The mapped file of packed items: whatever happens to it, recommendations stay the same; a restart, a standby and a restored dump
# make their own.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "autovacuum = off\n");
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION uiml;
	CREATE TABLE events AS
		SELECT u AS user_id, 10 * (CASE WHEN e = 8 THEN u / 4 ELSE u END % 4) + (u * 7 + e * 3) % 10 AS item_id
		FROM generate_series(0, 79) u, generate_series(0, 8) e;
	SET client_min_messages = warning;
	SELECT FROM uiml_train('shop', 'events', dims => 8, interests => 4);
});

my $question = q{SELECT md5(string_agg(r::text, '' ORDER BY u, r.rank))
	FROM generate_series(0, 80) u, LATERAL uiml_recommend(u, 'shop', 40) r};

sub directory { return $_[0]->data_dir . '/base/pgsql_tmp/pgsql_tmp_uiml' }

sub files
{
	my @files = glob(directory($_[0]) . '/*');
	return @files;
}
sub answer { return $_[0]->safe_psql($_[1] // 'postgres', $question) }

is(scalar(files($node)), 0, 'no file before the first recommendation');
my $expected = answer($node);
my ($file, @more) = files($node);
is(scalar(@more), 0, 'one file per version');
like($file, qr{/\d+-\d+-[0-9a-f]{16}\.items$}, 'named by database, relation and digest');
is((stat $file)[2] & 0777, 0600, 'only the server can read it');
my $inode = (stat $file)[1];
is(answer($node), $expected, 'a second backend answers the same');
is((stat $file)[1], $inode, 'from the same file');

my $whole = slurp_file($file);

sub damage
{
	my ($name, $action, $message) = @_;
	my $offset = -s $node->logfile;
	$action->();
	is(answer($node), $expected, "$name: the answer stays");
	ok(-f $file && !-l $file, "$name: the file is there again");
	is(slurp_file($file), $whole, "$name: as it was, byte for byte");
	like(slurp_file($node->logfile, $offset), $message, "$name: the log tells") if $message;
}

# Damage goes to a copy that takes the name, since a mapped file is never changed in place.
sub replace
{
	my ($contents) = @_;
	open(my $out, '>:raw', "$file.new") or die $!;
	print $out $contents;
	close $out;
	rename("$file.new", $file) or die $!;
}

my $damaged = qr/file ".*\.items" is damaged and will be rebuilt/;

damage('deleted', sub { unlink $file });
for my $at (0, 40, 64, int(length($whole) / 2), length($whole) - 70)
{
	damage("byte $at flipped",
		sub { my $c = $whole; substr($c, $at, 1) ^= "\x55"; replace($c) }, $damaged);
}
damage('cut in half', sub { replace(substr($whole, 0, length($whole) / 2)) }, $damaged);
damage('cut by one byte', sub { replace(substr($whole, 0, -1)) }, $damaged);
damage('longer', sub { replace($whole . "\0" x 64) }, $damaged);
damage('empty', sub { replace('') });
damage('zeros', sub { replace("\0" x length($whole)) }, $damaged);
damage('a symbolic link', sub { rename($file, "$file.elsewhere"); symlink("$file.elsewhere", $file) });
unlink "$file.elsewhere";

# Many that find no file at once: one builds it, the others wait for it.
unlink $file;
$node->pgbench('-n -c 8 -j 2 -t 4', 0, [qr{32/32}], [qr{^$}],
	'eight sessions at once', { '050_recommend' => q{SELECT * FROM uiml_recommend(7, 'shop')} });
is(slurp_file($file), $whole, 'make one good file');
is(scalar(files($node)), 1, 'and leave nothing else');

# Nobody can write there: a copy of the backend's own, and a line in the log.
SKIP:
{
	skip 'root writes everywhere', 2 if $> == 0;
	my $offset = -s $node->logfile;
	unlink $file;
	chmod 0500, directory($node);
	is(answer($node), $expected, 'without write access the answer stays');
	like(slurp_file($node->logfile, $offset),
		qr/could not write file .*items": Permission denied/, 'and the log tells');
	chmod 0700, directory($node);
	answer($node);
}

# Files of databases and relations that are gone go with the next publication, others stay.
my ($database) = $file =~ m{/(\d+)-[^/]*$};
for my $name ("987654-1-0000000000000001.items", "$database-987654-0000000000000001.items", 'other')
{
	append_to_file(directory($node) . "/$name", 'x');
}
unlink $file;
answer($node);
my @left = sort map { s{.*/}{}r } files($node);
is_deeply(\@left, [ sort($file =~ m{([^/]+)$}, 'other') ], 'files of what is gone are swept');

# Each start empties the directory.
$node->restart;
is(scalar(files($node)), 0, 'a restart removes the files');
ok(!-d directory($node), 'and the directory');
unlike(slurp_file($node->logfile), qr/could not remove/, 'without complaint');
is(answer($node), $expected, 'the answer after a restart');
$node->stop('immediate');
$node->start;
is(answer($node), $expected, 'the answer after a crash');

# A base backup leaves the files out, and a standby, which can't write WAL, makes its own.
$node->backup('base');
my @copied = glob($node->backup_dir . '/base/base/pgsql_tmp/*');
is(scalar(@copied), 0, 'not in a base backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(answer($standby), $expected, 'a standby answers the same');
is(scalar(files($standby)), 1, 'from a file of its own');
$standby->stop;

# A dump restored elsewhere.
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('copy') ], 'restore');
is(answer($node, 'copy'), $expected, 'the restored database answers the same');
is($node->safe_psql('copy', q{SELECT md5(string_agg(p::text, '')) FROM generate_series(0, 80) u, uiml_predict(u) p}),
	$node->safe_psql('postgres', q{SELECT md5(string_agg(p::text, '')) FROM generate_series(0, 80) u, uiml_predict(u) p}),
	'and predicts the same interests');
is(scalar(grep { /items$/ } files($node)), 2, 'from a file of its own');

# Two versions in a row: the file of a version whose tables are gone is swept.
$node->safe_psql('postgres', "SET client_min_messages = warning; SELECT FROM uiml_train('shop')");
is($node->safe_psql('postgres', q{SELECT DISTINCT version FROM uiml_recommend(3, 'shop')}), '2', 'the new version answers');
ok(-f (grep { !m{/$database-} || $_ ne $file } files($node))[0], 'from a new file');

# The file of a transfer likewise.
$node->safe_psql(
	'postgres', q{
	CREATE TABLE visits AS
		SELECT u AS user_id, 10 * (u % 4) + (u * 3 + e * 7) % 10 AS page_id FROM generate_series(0, 119) u, generate_series(0, 8) e;
	SET client_min_messages = warning;
	SELECT FROM uiml_train('visits', 'visits', dims => 8, interests => 4);
	SELECT FROM uiml_train_transfer('visits', 'shop');
});
my $newcomers = q{SELECT min(p.basis) || min(r.basis) || md5(string_agg(p::text || r::text, '' ORDER BY u, r.rank, p.rank))
	FROM generate_series(80, 119) u, LATERAL uiml_predict(u, 'shop') p, LATERAL uiml_recommend(u, 'shop', 5) r};
sub transfers { return grep { /\.transfer$/ } files($node) }
sub told { return $node->safe_psql('postgres', $newcomers) }

is(scalar(transfers()), 0, 'no file before the first newcomer');
my $told = told();
like($told, qr/^transfertransfer/, 'a transfer tells of newcomers');
($file, @more) = transfers();
is(scalar(@more), 0, 'from one file');
$whole = slurp_file($file);
replace(substr($whole, 0, 100) . ~substr($whole, 100));
is(told(), $told, 'damaged: the answer stays');
is(slurp_file($file), $whole, 'and the file is as it was');
$node->stop('immediate');
$node->start;
is(scalar(transfers()), 0, 'a crash takes the file');
is(told(), $told, 'the answer after it');
is(slurp_file((transfers())[0] // $file), $whole, 'from a file made anew, byte for byte');

$node->stop;
done_testing();
