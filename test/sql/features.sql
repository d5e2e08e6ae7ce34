--
-- features
--	  Items without events placed by their texts, and texts without an item as evidence.
--
-- Two groups of users read articles of two topics, and search for theirs; a third part of the articles nobody has
-- read.
--
CREATE EXTENSION uiml;
SET client_min_messages = warning;
CREATE TABLE articles (article_id integer PRIMARY KEY, title text);
INSERT INTO articles
SELECT i, CASE i % 2 WHEN 0 THEN 'football match goal league cup ' ELSE 'bank stocks market trade rates ' END
	|| (ARRAY['report','news','today','live','review'])[1 + i % 5]
FROM generate_series(1, 60) i;
CREATE TABLE reads (user_id integer, article_id integer, kind text, query text);
INSERT INTO reads (user_id, article_id, kind)
SELECT u, 1 + (u % 2 + 2 * (hashint4(u * 100 + e) & 1023)) % 40, 'view'
FROM generate_series(1, 120) u, generate_series(1, 8) e;
INSERT INTO reads (user_id, kind, query)
SELECT u, 'search', CASE u % 2 WHEN 1 THEN 'football cup' ELSE 'stocks and rates' END FROM generate_series(1, 120) u;
INSERT INTO reads (user_id, kind, query) VALUES (500, 'search', 'goal of the match'), (501, 'search', '  ');

SET client_min_messages = notice;

-- 'auto' takes the texts there are: says what it placed, and keeps an encoder under the domain's name.
SELECT domain, users, items, events, interests FROM uiml_train('news', 'reads', items => 'articles', interests => 2);
SELECT settings - '{seed,fold_in,row_scale,col_scale,dims,interests,text_weight,text_dims,memory_mode}'::text[] AS settings,
	settings ? 'text_weight' AS weight, (settings->>'text_dims')::integer > 1 AS dims
FROM uiml.version;
SELECT encoder, kind FROM uiml.encoders;

-- Who has not been read is where its topic is: no users, no popularity, an interest and vectors.
SELECT users = 0 AS new, count(*), count(interest_id) AS interest,
	bool_and(popularity = 0) AS unpopular, count(DISTINCT (item_id % 2, interest_id)) AS pairs
FROM news_items GROUP BY 1 ORDER BY 1;
SELECT sum(items) FROM news_interests;

-- Candidates nobody has read are ranked by topic; they may be a history, too.
SELECT u.user_id, array_agg(DISTINCT r.item_id::integer % 2) AS topic, count(*)
FROM (VALUES (1), (2)) u (user_id),
	uiml_recommend(u.user_id, 'news', 10, candidates => ARRAY(SELECT generate_series(41, 60))) r
GROUP BY 1 ORDER BY 1;
SELECT count(*), bool_and(item_id <> '58') AS others FROM uiml_recommend_from(ARRAY[58], 'news', 5);
SELECT i.interest_id = n.interest_id AS same, i.score > .5 AS most
FROM uiml_predict_from(ARRAY[59], 'news', 1) i, news_items n WHERE n.item_id = 59;

-- The same without texts.
SELECT uiml_alter_domain('news', features => 'behaviour');
SELECT users, items, events FROM uiml_train('news');
SELECT settings->>'features' AS features, settings ? 'encoder' AS encoder FROM uiml.version WHERE active;

-- Texts alone are the space.
SELECT uiml_alter_domain('news', features => 'text', options => '{"encoder": "hash"}');
SELECT users, items, dims, interests FROM uiml_train('news');
SELECT settings->>'features' AS features, settings->>'encoder' AS encoder FROM uiml.version WHERE active;
SELECT bool_and(in_vector = out_vector) AS same,
	bool_and(abs((out_vector <#> out_vector) + 1) < 1e-5) AS unit, count(DISTINCT (item_id % 2, interest_id)) AS pairs
FROM news_items;
SELECT array_agg(DISTINCT item_id::integer % 2) AS topic
FROM uiml_recommend(1, 'news', 10, candidates => ARRAY(SELECT generate_series(41, 60)));

-- Somebody who only searched is known by that.
SELECT events, items, texts > 0 AS texts, mass > 0 AS mass FROM news_users WHERE user_id = 500;
SELECT array_agg(DISTINCT item_id::integer % 2) AS topic
FROM uiml_recommend(500, 'news', 5, candidates => ARRAY(SELECT generate_series(41, 60)));
SELECT basis FROM uiml_recommend(501, 'news', 1);

-- Evaluation with each of them, and without leaving an encoder behind.
SELECT DISTINCT users > 10 AS users FROM uiml_evaluate('news');
SELECT uiml_alter_domain('news', features => 'hybrid', options => '{"whitening": "full"}');
SELECT DISTINCT users > 10 AS users FROM uiml_evaluate('news');
SELECT count(*) FROM uiml_compare('news', '{"features": "behaviour"}', '{"features": "hybrid"}');
SELECT FROM uiml_train('news');
SELECT settings->>'whitening' AS whitening FROM uiml.version WHERE active;

-- In passes, the same.
SET uiml.memory_mode = passes;
SELECT users, items, events FROM uiml_train('news');
SELECT settings->>'placed' AS placed, settings->>'texts' AS texts FROM uiml.version WHERE active;
RESET uiml.memory_mode;

-- An encoder takes half of the memory, of fewer dimensions where features need the room.
SET client_min_messages = warning;
CREATE TABLE works (item_id integer PRIMARY KEY, title text);
INSERT INTO works
SELECT i, (SELECT string_agg('w' || (hashint8(i * 10 + j) & 2047), ' ') FROM generate_series(1, 5) j)
FROM generate_series(1, 1000) i;
CREATE TABLE uses AS
SELECT u AS user_id, 1 + (hashint8(u * 100 + e) & 511) AS item_id FROM generate_series(1, 100) u, generate_series(1, 8) e;
SET maintenance_work_mem = '16MB';
SELECT items FROM uiml_train('works', 'uses', items => 'works', dims => 8, interests => 2);
SELECT (settings->>'text_dims')::integer BETWEEN 32 AND 128 AS dims
FROM uiml.version WHERE settings->>'encoder' = 'works';
SET client_min_messages = notice;
SET maintenance_work_mem = '4MB';
SELECT items FROM uiml_train('works');
SET client_min_messages = warning;
RESET maintenance_work_mem;
SELECT uiml_drop_domain('works');
DROP TABLE works, uses;

-- What can't be.
SELECT uiml_alter_domain('news', options => '{"encoder": "nobody.missing"}');
SELECT FROM uiml_train('news'); \echo :SQLSTATE
CREATE VIEW plain AS SELECT user_id, article_id FROM reads;
SELECT FROM uiml_train('plain', 'plain', features => 'text'); \echo :SQLSTATE
UPDATE articles SET title = '!';
SELECT uiml_alter_domain('news', features => 'text', options => '{}');
SELECT FROM uiml_train('news'); \echo :SQLSTATE

-- A bare name is the owner's encoder, also where somebody who may train has a namesake.
CREATE ROLE regress_uiml_owner;
CREATE ROLE regress_uiml_trainer;
GRANT CREATE ON SCHEMA public TO regress_uiml_owner, regress_uiml_trainer;
GRANT SELECT ON reads, articles TO regress_uiml_owner, regress_uiml_trainer;
UPDATE articles SET title = CASE article_id % 2 WHEN 0 THEN 'football match ' ELSE 'bank stocks ' END || article_id % 7;
SET client_min_messages = warning;
SET ROLE regress_uiml_trainer;
SELECT uiml_create_domain('theirs', 'reads', items => 'articles');
SELECT dims FROM uiml_train_encoder('theirs', 'hash', dims => 16, name => 'words');
SET ROLE regress_uiml_owner;
SELECT uiml_create_domain('ours', 'reads', items => 'articles', features => 'text', options => '{"encoder": "words"}');
SELECT dims FROM uiml_train_encoder('ours', 'hash', dims => 8, name => 'words');
SELECT uiml_grant('ours', 'regress_uiml_trainer', 'train');
SET ROLE regress_uiml_trainer;
SELECT domain FROM uiml_train('ours');
RESET ROLE;
SELECT settings->'text_dims' AS text_dims FROM uiml.version WHERE domain = 'ours';
DROP OWNED BY regress_uiml_trainer, regress_uiml_owner CASCADE;
DROP ROLE regress_uiml_trainer, regress_uiml_owner;
DROP TABLE reads, articles CASCADE;
