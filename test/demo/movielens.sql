/*
 * movielens.sql
 *	  The first minute with uiml, on a MovieLens folder.
 */
\pset footer off
\pset null '-'

\echo
\echo '== The data: ratings of movies'
\echo
SELECT count(*) AS ratings, count(DISTINCT user_id) AS users, count(DISTINCT movie_id) AS movies,
	   min(rated_at)::date AS "from", max(rated_at)::date AS "to"
FROM ratings;

\echo '== Train: columns are recognised, interests found and labelled'
\echo
CREATE EXTENSION uiml;
\set ECHO queries
SELECT domain, version, users, items, events, dims, interests, elapsed
FROM uiml_train('movies', 'ratings',
				items => 'movies', item_text => '{title,genres}');
SELECT label, round(100 * share) AS "%", items,
	   left(typical[1], 22) AS "for example"
FROM uiml_interests('movies') ORDER BY share DESC LIMIT 12;
\set ECHO none

SELECT user_id AS known FROM ratings GROUP BY user_id ORDER BY abs(count(*) - 60), user_id LIMIT 1 \gset
SELECT max(user_id) + 1 AS unknown FROM ratings \gset

\echo '== Predict: a user with some 60 ratings, and one whom nobody has seen'
\echo
\echo 'User' :known 'rated highest, among others:'
SELECT rating, left(title, 40) AS title, left(genres, 26) AS genres
FROM ratings JOIN movies USING (movie_id)
WHERE user_id = :known ORDER BY rating DESC, rated_at DESC, movie_id LIMIT 5;
\set ECHO queries
SELECT rank, left(label, 44) AS label, round(score::numeric, 3) AS score, basis
FROM uiml_predict(:known, 'movies', k => 4);
SELECT rank, left(label, 44) AS label, round(score::numeric, 3) AS score, basis
FROM uiml_predict(:unknown, 'movies', k => 4);
\set ECHO none

\echo '== Recommend: movies that have not been rated yet'
\echo
\set ECHO queries
SELECT rank, left(title, 52) AS title, round(score::numeric, 4) AS score, basis
FROM uiml_recommend(:known, 'movies', k => 8);
SELECT rank, left(title, 52) AS title, round(score::numeric, 4) AS score, basis
FROM uiml_recommend(:unknown, 'movies', k => 4);
\set ECHO none
