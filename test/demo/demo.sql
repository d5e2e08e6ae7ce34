/*
 * demo.sql
 *	  The first minute with uiml, on the tables of generate.sql.
 */
\pset footer off
\pset null '-'
\timing off

\echo
\echo '== The data: what people did on a news site and in a shop'
\echo
SELECT 'news_events' AS "table", count(*) AS events, count(DISTINCT user_id) AS users, count(DISTINCT article_id) AS items,
	   min(created_at)::date AS "from", max(created_at)::date AS "to"
FROM news_events
UNION ALL
SELECT 'shop_events', count(*), count(DISTINCT user_id), count(DISTINCT product_id), min(created_at)::date, max(created_at)::date
FROM shop_events
ORDER BY 1;
SELECT user_id, kind, to_char(created_at, 'MM-DD HH24:MI') AS at, left(coalesce(title, 'query: ' || query), 44) AS what
FROM news_events LEFT JOIN news_articles USING (article_id)
WHERE user_id = 1001 ORDER BY created_at DESC LIMIT 5;

\echo '== Train: columns are recognised, interests found and labelled'
\echo
CREATE EXTENSION uiml;
\set ECHO queries
SELECT domain, version, users, items, events, dims, interests, elapsed
FROM uiml_train('news', 'news_events', items => 'news_articles');
SELECT domain, version, users, items, events, dims, interests, elapsed
FROM uiml_train('shop', 'shop_events', items => 'shop_products');
\set ECHO none

\echo '== The interests that were found'
\echo
\set ECHO queries
SELECT interest_id AS id, label, round(100 * share) AS "%", items
FROM uiml_interests('news');
SELECT interest_id AS id, label, round(100 * share) AS "%", items
FROM uiml_interests('shop');
\set ECHO none

\echo '== Predict: user 1001 is known in both domains, user 99 only reads news,'
\echo '== and nobody has seen user 999999, who gets what people like in general'
\echo
\set ECHO queries
SELECT domain, rank, label, round(score::numeric, 3) AS score, basis
FROM uiml_predict(1001, k => 3);
\set ECHO none
\echo 'What the generator made user 1001 like:'
SELECT p.domain, m.name AS main, s.name AS second, l.name AS lately
FROM demo_planted p
JOIN demo_words m ON m.domain = 'shop' AND m.topic = p.main
JOIN demo_words s ON s.domain = 'shop' AND s.topic = p.second
JOIN demo_words l ON l.domain = 'shop' AND l.topic = p.later
WHERE p.user_id = 1001 ORDER BY 1;
\set ECHO queries
SELECT domain, rank, label, round(score::numeric, 3) AS score, basis
FROM uiml_predict(99, k => 2);
SELECT domain, rank, label, round(score::numeric, 3) AS score, basis
FROM uiml_predict(999999, k => 2);
\set ECHO none

\echo '== Recommend: items the user has not seen'
\echo
\set ECHO queries
SELECT rank, left(title, 52) AS title, round(score::numeric, 4) AS score, basis
FROM uiml_recommend(1001, 'shop', k => 5);
SELECT rank, left(title, 52) AS title, round(score::numeric, 4) AS score, basis
FROM uiml_recommend(999999, 'news', k => 5);
\set ECHO none
