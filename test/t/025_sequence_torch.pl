# Networks go both ways: PyTorch tells the same probabilities from an export, and what was made there is imported and used.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $script = "$ENV{UIML_TREE}/test/reference/lstm.py";
my ($python) = grep { system("$_ -c 'import numpy, torch' >/dev/null 2>&1") == 0 } '/usr/bin/python3', 'python3';
plan skip_all => 'no python3-torch' unless $python;

my $node = PostgreSQL::Test::Cluster->new('torch');
$node->init;
$node->start;
# Shoppers go from one kind of goods to the next.
$node->safe_psql('postgres', <<'SQL');
SET client_min_messages = warning;
CREATE EXTENSION uiml;
CREATE TABLE shop AS
	SELECT u AS user_id, 'é' || 10 * ((u + t) % 6) + abs(hashint8extended(u * 100 + t, 1)) % 10 AS item_id, to_timestamp(1000 * t + u) AS at
	FROM generate_series(1, 300) u, generate_series(0, 3 + u % 9) t;
SELECT FROM uiml_train('shop', 'shop', dims => 8, interests => 6, half_life => '0');
SQL

my $dir = PostgreSQL::Test::Utils::tempdir();

# The model of a target as a file, and the shares that it gives.
sub export_model
{
	my $target = shift;
	my $hex = $node->safe_psql('postgres', "SELECT encode(uiml_export_sequence('shop', '$target'), 'hex')");
	open my $file, '>:raw', "$dir/$target.safetensors" or die $!;
	print $file pack('H*', $hex);
	close $file;
	open my $cases, '>', "$dir/$target.cases" or die $!;
	print $cases $node->safe_psql('postgres', <<"SQL"), "\n";
SELECT json_build_object('history', classes, 'shares', (SELECT json_object_agg(id, score)
	FROM uiml_predict_next(items, 'shop', 1000, '$target', exclude_seen => false)))
FROM (SELECT array_agg(e.item_id ORDER BY at) AS items,
	json_agg(CASE '$target' WHEN 'item' THEN e.item_id ELSE interest_id::text END ORDER BY at) AS classes
	FROM shop e JOIN shop_items i ON i.item_id = e.item_id WHERE user_id % 10 = 0 GROUP BY user_id) h
SQL
	close $cases;
	return;
}

sub check_model
{
	my ($target, $arguments, $what) = @_;
	$node->safe_psql('postgres', "SET client_min_messages = warning;
		SELECT FROM uiml_train_sequence('shop', '$target', 'lstm', epochs => 2, max_length => 8, $arguments)");
	export_model($target);
	my $said = `OMP_NUM_THREADS=1 $python $script check $dir/$target.safetensors $dir/$target.cases 2>&1`;
	is($?, 0, "PyTorch tells the same probabilities: $what");
	note($said);
	return;
}

check_model('interest', 'embedding => 5, hidden => 7', 'interests');
check_model('interest', q(options => '{"mask": false}'), 'interests, with padding');
check_model('item', 'embedding => 16, hidden => 24', 'items');

# A network of PyTorch's, with the names of these classes
my $made = `OMP_NUM_THREADS=1 $python $script make $dir/item.safetensors $dir/made.safetensors $dir/made.cases 2>&1`;
is($?, 0, 'a network was made in PyTorch') or diag($made);
my $hex = unpack('H*', slurp_file("$dir/made.safetensors"));
$node->safe_psql('postgres', "SELECT uiml_import_sequence('shop', '\\x$hex', 'item')");
is($node->safe_psql('postgres', "SELECT model, embedding, hidden FROM uiml.sequence_models WHERE target = 'item'"), 'lstm|24|40', 'it is imported');
my ($worst, $asked) = (0, 0);
for my $line (split /\n/, slurp_file("$dir/made.cases"))
{
	my $case = decode_json($line);
	my $items = join ',', map { "\"$_\"" } @{ $case->{history} };
	utf8::encode($items);
	for my $row (split /\n/, $node->safe_psql('postgres',
		"SELECT id, score FROM uiml_predict_next('{$items}'::text[], 'shop', 1000, 'item', exclude_seen => false)"))
	{
		my ($id, $score) = split /\|/, $row;
		utf8::decode($id);
		my $difference = abs($score - $case->{shares}{$id});
		$worst = $difference if $difference > $worst;
		$asked++;
	}
}
is($asked, 5 * 60, 'it gives shares of all items');
cmp_ok($worst, '<', 1e-6, 'those that PyTorch gives');
is($node->safe_psql('postgres', "SELECT count(*) FROM uiml_recommend(10, 'shop') WHERE basis = 'sequence'"), '0',
	'and has no part in recommendations, for nobody knows what it is worth');

done_testing();
