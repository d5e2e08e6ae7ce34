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

\echo '== Predict: user 1001 is known in both domains, and nobody has seen user 999999,'
\echo '== who gets what people like in general'
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
FROM uiml_predict(999999, k => 2);
\set ECHO none

\echo '== Transfer: 900 people do both. What they read tells what they buy, on held-out users,'
\echo '== in nats per event (interests) or per item over the prior and popularity'
\echo
\set ECHO queries
SELECT source, target, predicts, verdict, used, users, gain, gain_se
FROM uiml_train_transfer();
SELECT * FROM uiml_transfer_report('news', 'shop')
WHERE line ~ ' -> ' LIMIT 4;
\set ECHO none

\echo '== So user 99, who reads news and has never been in the shop, is no stranger there'
\echo
\set ECHO queries
SELECT domain, rank, label, round(score::numeric, 3) AS score, basis
FROM uiml_predict(99, k => 2);
SELECT rank, left(title, 52) AS title, round(score::numeric, 4) AS score, basis
FROM uiml_recommend(99, 'shop', k => 3);
\set ECHO none
\echo 'What the generator made user 99 like:'
SELECT p.domain, m.name AS main, s.name AS second
FROM demo_planted p
JOIN demo_words m ON m.domain = 'shop' AND m.topic = p.main
JOIN demo_words s ON s.domain = 'shop' AND s.topic = p.second
WHERE p.user_id = 99;

\echo '== Recommend: items the user has not seen'
\echo
\set ECHO queries
SELECT rank, left(title, 52) AS title, round(score::numeric, 4) AS score, basis
FROM uiml_recommend(1001, 'shop', k => 5);
SELECT rank, left(title, 52) AS title, round(score::numeric, 4) AS score, basis
FROM uiml_recommend(999999, 'news', k => 5);
\set ECHO none

\echo '== New products, which nobody has touched, have a place by their texts'
\echo
\set ECHO queries
INSERT INTO shop_products VALUES (gen_random_uuid(), 'Electric Guitar, Red', 249),
	(gen_random_uuid(), 'Cast Iron Bread Pan', 45), (gen_random_uuid(), 'Carbon Hiking Poles', 79);
SELECT version, items FROM uiml_train('shop');
SELECT rank, title, round(score::numeric, 2) AS score, basis
FROM uiml_recommend(1001, 'shop',
	candidates => (SELECT array_agg(item_id) FROM shop_items WHERE users = 0));
\set ECHO none

\echo '== Sequences: an LSTM and simpler models learn in which order things are done,'
\echo '== and what held-out users show to be best takes part in predictions'
\echo
\set ECHO queries
SELECT model, users, epochs, loss, accuracy, used
FROM uiml_train_sequence('shop', epochs => 3);
SELECT rank, label, round(score::numeric, 3) AS score, model
FROM uiml_predict_next(1001, 'shop', k => 3);
\set ECHO none

\echo '== Search: texts become vectors by an encoder that the training made of the titles'
\echo
\set ECHO queries
SELECT title FROM shop_products
ORDER BY uiml_embed(title, 'shop') <=> uiml_embed('espreso', 'shop') LIMIT 3;
SELECT left(title, 60) AS title FROM news_articles
ORDER BY uiml_embed(title, 'news') <=> uiml_embed('火星 火箭', 'news') LIMIT 3;
\set ECHO none

\echo '== Compose: four segments of users, and what most of each like'
\echo
\set ECHO queries
CREATE TABLE segments AS
SELECT * FROM uiml_kmeans('shop_users', 'vector', 4, distance => 'cosine');
SELECT uiml_assign(u.vector, s.centroids, 'cosine') AS segment, count(*) AS users,
	   mode() WITHIN GROUP (ORDER BY p.label) AS mostly
FROM (SELECT array_agg(centroid ORDER BY cluster) AS centroids FROM segments) s,
	 shop_users u, uiml_predict(u.user_id, 'shop', 1) p
GROUP BY 1 ORDER BY 1;
\set ECHO none

\echo '== Compare: would more dimensions do better? On users neither model has seen'
\echo
\set ECHO queries
SELECT metric, k, a, b, difference, low, high, verdict
FROM uiml_compare('shop', '{"dims": 16}', '{"dims": 64}', at => '{10}')
WHERE metric IN ('recall', 'ndcg', 'auc');
\set ECHO none
