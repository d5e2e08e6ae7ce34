# Real data: the quality of rankings of unseen users, the half-life of films, and labels that name their films.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = ($ENV{UIML_SHARED} // '') . '/data';
plan skip_all => "no movielens-small and movielens-1m in $data"
  unless -r "$data/movielens-small/ratings.csv" && -r "$data/movielens-1m/events.csv";

my $node = PostgreSQL::Test::Cluster->new('movielens');
$node->init;
$node->start;
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION uiml;
CREATE TABLE movies ("movieId" integer PRIMARY KEY, title text, genres text);
CREATE TABLE ratings ("userId" integer, "movieId" integer REFERENCES movies, rating real, timestamp bigint);
\\copy movies FROM '$data/movielens-small/movies.csv' CSV HEADER
\\copy ratings FROM '$data/movielens-small/ratings.csv' CSV HEADER
CREATE TABLE events (user_id integer, item_id integer);
\\copy events FROM '$data/movielens-1m/events.csv' CSV HEADER
SQL

# movielens-1m, 1,000 unseen users: popularity reaches .18 and .217, numpy's scaled SVD .379 and .450 (test/bench/quality).
$node->safe_psql('postgres', q(SET client_min_messages = warning; SELECT uiml_create_domain('ml', 'events', dims => 64)));
my ($recall, $ndcg, $auc, $varied) = split /\|/, $node->safe_psql('postgres', <<'SQL');
SET client_min_messages = warning;
SELECT max(value) FILTER (WHERE metric = 'recall' AND k = 20), max(value) FILTER (WHERE metric = 'ndcg' AND k = 100),
	max(value) FILTER (WHERE metric = 'auc'),
	bool_and(value < baseline_value) FILTER (WHERE metric = 'gini') AND bool_and(value > baseline_value) FILTER (WHERE metric IN ('novelty', 'coverage'))
FROM uiml_evaluate('ml', at => '{20,100}', seed => 1)
SQL
cmp_ok($recall, '>', .365, 'Recall@20 on movielens-1m');
cmp_ok($ndcg, '>', .438, 'NDCG@100 on movielens-1m');
cmp_ok($auc, '>', .91, 'AUC on movielens-1m');
is($varied, 't', 'lists are spread over more, and less known, items than those of popularity');

# movielens-small, default settings in the default memory.
$node->safe_psql('postgres', q(SET client_min_messages = warning; SELECT FROM uiml_train('movies', 'ratings')));
is($node->safe_psql('postgres', <<'SQL'), 't|t', 'unseen users are predicted better than by popularity and prior');
SELECT max(value) FILTER (WHERE metric = 'recall' AND k = 20) > 1.3 * max(baseline_value) FILTER (WHERE metric = 'recall' AND k = 20),
	max(value) FILTER (WHERE metric = 'logloss') < max(baseline_value) FILTER (WHERE metric = 'logloss')
FROM uiml.evaluation
SQL
is($node->safe_psql('postgres', q(SELECT coalesce(half_life, 'Infinity') >= 90 * 86400 FROM uiml.version)),
	't', 'taste in films lasts');
my $labels = $node->safe_psql('postgres', q(SELECT string_agg(label, '; ') FROM uiml_interests('movies')));
for my $word (qw(horror comedy action children drama romance))
{
	like($labels, qr/\b$word\b/, "an interest is called $word");
}

# A label's word tells its items from others: at least twice as common among them.
is($node->safe_psql('postgres', <<'SQL'), 't', 'films of horror are in the interests of horror');
SELECT avg((genres ILIKE '%horror%')::integer) FILTER (WHERE label LIKE '%horror%')
	> 2 * avg((genres ILIKE '%horror%')::integer) FILTER (WHERE label NOT LIKE '%horror%')
FROM movies_items i JOIN movies m ON m."movieId" = i.item_id JOIN movies_interests USING (interest_id)
SQL

# 16 dimensions are too few for movielens-small, which 152 users tell in pairs; predicted interest shares come true.
is($node->safe_psql('postgres', <<'SQL'), 'b is better', 'more dimensions are better');
SET client_min_messages = warning;
SELECT verdict FROM uiml_compare('movies', '{"dims": 16}', '{"dims": 64}', at => '{20}') WHERE metric = 'ndcg'
SQL
is($node->safe_psql('postgres', <<'SQL'), 't|t', 'interest shares are calibrated');
SET client_min_messages = warning;
SELECT error < .01, covered > .9 FROM uiml_calibration('movies', dims => 64) WHERE bin IS NULL
SQL

is($node->safe_psql('postgres', <<'SQL'), 't|610|t', 'shares of every user add up to one');
SELECT bool_and(abs(total - 1) < 1e-6), count(*), bool_and(finite) FROM (
	SELECT user_id, sum(score) AS total, bool_and(score >= 0 AND low <= high) AS finite
	FROM uiml_predict_all('movies', 10000) GROUP BY user_id) s
SQL

$node->stop;
done_testing();
