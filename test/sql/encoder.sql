-- Encoders: the built-in one, training, replacing and dropping, who may use them, and damage.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
RESET client_min_messages;
CREATE ROLE regress_uiml_alice;
CREATE ROLE regress_uiml_bob;
CREATE SCHEMA encoder_test AUTHORIZATION regress_uiml_alice;
SET search_path = encoder_test, public;

-- The built-in encoder: any language, no catalog

SELECT uiml_dims(v) AS dims, abs(uiml_norm(v) - 1) < 1e-6 AS unit FROM uiml_embed('The interests of our users') v;
SELECT a, b, uiml_embed(a) <=> uiml_embed(b) < .5 AS near
FROM (VALUES ('recommendation', 'Recommendations'), ('recommendation', 'football'), ('人工智能的未来', '人工智能改变未来'),
	('人工智能的未来', '股市今天上涨'), ('Ｆｕｌｌ　Ｗｉｄｔｈ', 'full width')) t (a, b);
SELECT text, round(uiml_norm(uiml_embed(text))::numeric, 5) AS norm FROM (VALUES (''), ('  ,.!'), ('the of and'), ('1995'), ('是的')) t (text);
SELECT uiml_embed(NULL) IS NULL AS strict, uiml_embed('x', NULL) IS NULL AS strict;
SELECT uiml_embed('the beginning' || repeat(' ', 300000) || 'the end') = uiml_embed('beginning') AS beginning_counts;
SELECT abs(uiml_norm(uiml_embed(string_agg(md5(i::text), ' '))) - 1) < 1e-6 AS long_text FROM generate_series(1, 20000) i;

-- Training

SET ROLE regress_uiml_alice;
CREATE TABLE goods (item_id int PRIMARY KEY, title text, note text);
INSERT INTO goods
SELECT i, CASE i % 3
		WHEN 0 THEN format('%s %s', (ARRAY['football', 'league', 'striker', 'goal', 'keeper'])[i / 3 % 5 + 1],
			(ARRAY['penalty', 'goal', 'football', 'match'])[i / 7 % 4 + 1])
		WHEN 1 THEN format('%s %s', (ARRAY['guitar', 'concert', 'album', 'singer', 'melody'])[i / 3 % 5 + 1],
			(ARRAY['orchestra', 'concert', 'guitar', 'stage'])[i / 7 % 4 + 1])
		ELSE format('%s%s', (ARRAY['股市', '基金', '投资', '银行', '利率'])[i / 3 % 5 + 1],
			(ARRAY['上涨', '下跌', '股市', '基金'])[i / 7 % 4 + 1]) END,
	'note ' || i
FROM generate_series(1, 300) i;
CREATE TABLE events AS SELECT i % 40 AS user_id, i AS item_id, 'search for ' || i % 7 AS query FROM generate_series(1, 200) i;
SET client_min_messages = warning;
SELECT uiml_create_domain('shop', 'events', items => 'goods', item_key => 'item_id', item_text => '{title}');
SELECT uiml_create_domain('searches', 'events', text_cols => '{query}');
SELECT uiml_create_domain('silent', 'events', text_cols => '{}');
RESET client_min_messages;

SELECT encoder, kind, dims, whitening, texts, features > 100 AS features, bytes > 1000 AS bytes, elapsed > '0' AS elapsed
FROM uiml_train_encoder('shop', dims => 6);
SELECT encoder, kind, dims, whitening, texts FROM uiml_train_encoder('shop', 'hash', 64, 'full', 'shop_hash', 7);
SELECT encoder, kind, dims, whitening, texts FROM uiml_train_encoder('searches', whitening => 'relaxed');
SELECT encoder, owner, domain, kind, dims, whitening, texts FROM uiml.encoders ORDER BY encoder;

-- The nearest other title is of the same topic
SELECT e AS encoder, count(*) FILTER (WHERE (a.item_id - near.item_id) % 3 = 0) > 15 AS same_topic, count(*)
FROM (VALUES ('hash'), ('shop'), ('shop_hash')) t (e), goods a, LATERAL (
	SELECT b.item_id FROM goods b WHERE b.title <> a.title
	ORDER BY uiml_embed(b.title, e) <=> uiml_embed(a.title, e), b.item_id LIMIT 1) near
WHERE a.item_id <= 30 GROUP BY e ORDER BY e;
SELECT title FROM goods ORDER BY uiml_embed(title, 'shop') <=> uiml_embed('football goal', 'regress_uiml_alice.shop'), title LIMIT 1;
SELECT uiml_norm(uiml_embed('zzz', 'shop')) AS norm;
SELECT count(*), count(DISTINCT uiml_dims(uiml_embed(title, e))) AS dims
FROM goods, (VALUES ('shop'), ('shop_hash'), ('hash')) t (e);

-- A new training replaces the encoder, in one transaction

BEGIN;
SELECT dims FROM uiml_train_encoder('shop', dims => 3);
SELECT uiml_dims(uiml_embed('guitar', 'shop'));
ROLLBACK;
SELECT uiml_dims(uiml_embed('guitar', 'shop'));
SELECT dims FROM uiml_train_encoder('shop', dims => 4);
SELECT uiml_dims(uiml_embed('guitar', 'shop')), count(*) AS parts FROM uiml.encoder_part;
-- The same texts and seed, the same vectors
CREATE TABLE was AS SELECT item_id, uiml_embed(title, 'shop') AS v FROM goods;
SELECT dims FROM uiml_train_encoder('shop', dims => 4);
SELECT count(*) FROM goods JOIN was USING (item_id) WHERE v <-> uiml_embed(title, 'shop') > 1e-6;

-- Errors

SELECT uiml_embed('x', 'nowhere'); \echo :SQLSTATE
SELECT uiml_embed('x', 'regress_uiml_bob.shop'); \echo :SQLSTATE
SELECT uiml_train_encoder('nowhere'); \echo :SQLSTATE
SELECT uiml_train_encoder('silent'); \echo :SQLSTATE
SELECT uiml_train_encoder('shop', 'word2vec'); \echo :SQLSTATE
SELECT uiml_train_encoder('shop', dims => 0); \echo :SQLSTATE
SELECT uiml_train_encoder('shop', dims => 1025); \echo :SQLSTATE
SELECT uiml_train_encoder('shop', whitening => 'some'); \echo :SQLSTATE
SELECT uiml_train_encoder('shop', name => 'hash'); \echo :SQLSTATE
SELECT uiml_train_encoder('shop', name => 'a.b'); \echo :SQLSTATE
SELECT uiml_train_encoder('shop', name => ''); \echo :SQLSTATE
SELECT uiml_train_encoder('shop', name => 'searches'); \echo :SQLSTATE
SELECT uiml_train_encoder(NULL); \echo :SQLSTATE
SELECT uiml_train_encoder('shop', NULL); \echo :SQLSTATE
SET maintenance_work_mem = '1MB';
SELECT uiml_train_encoder('shop', dims => 512); \echo :SQLSTATE
RESET maintenance_work_mem;
SELECT uiml_drop_encoder('hash'); \echo :SQLSTATE
SELECT uiml_drop_encoder('nowhere'); \echo :SQLSTATE
CREATE TABLE blank AS SELECT 1 AS user_id, 1 AS item_id, '...'::text AS said;
SET client_min_messages = warning;
SELECT uiml_create_domain('blank', 'blank', text_cols => '{said}');
RESET client_min_messages;
SELECT uiml_train_encoder('blank'); \echo :SQLSTATE

-- Rights: the domain's grantees use its encoders, with train they train them, with own they drop them

SET ROLE regress_uiml_bob;
SELECT count(*) FROM uiml.encoders WHERE owner = 'regress_uiml_alice'::regrole;
SELECT count(*) FROM uiml.encoder WHERE owner = 'regress_uiml_alice'::regrole;
SELECT count(*) FROM uiml.encoder_part WHERE owner = 'regress_uiml_alice'::regrole;
SELECT uiml_embed('guitar', 'shop'); \echo :SQLSTATE
SELECT uiml_embed('guitar', 'regress_uiml_alice.shop'); \echo :SQLSTATE
SET ROLE regress_uiml_alice;
SELECT uiml_grant('shop', 'regress_uiml_bob');
SET ROLE regress_uiml_bob;
SELECT encoder, domain FROM uiml.encoders WHERE owner = 'regress_uiml_alice'::regrole ORDER BY encoder;
SELECT uiml_dims(uiml_embed('guitar', 'shop')), uiml_dims(uiml_embed('guitar', 'regress_uiml_alice.shop'));
SELECT uiml_embed('x', 'searches'); \echo :SQLSTATE
SELECT uiml_train_encoder('shop'); \echo :SQLSTATE
SELECT uiml_drop_encoder('shop'); \echo :SQLSTATE
DELETE FROM uiml.encoder; \echo :SQLSTATE
UPDATE uiml.encoder SET dims = 3; \echo :SQLSTATE
UPDATE uiml.encoder_part SET data = ''; \echo :SQLSTATE
INSERT INTO uiml.encoder (domain_id, owner, name, kind, dims, whitening, texts, features, bytes, digest)
SELECT domain_id, 'regress_uiml_bob', 'shop', kind, dims, whitening, texts, features, bytes, digest
FROM uiml.encoder WHERE name = 'shop'; \echo :SQLSTATE
INSERT INTO uiml.encoder_part SELECT encoder_id, 'regress_uiml_bob', 1, 'forged' FROM uiml.encoder WHERE name = 'shop'; \echo :SQLSTATE
-- A row of one's own with another's digest gets at nothing of his
INSERT INTO uiml.encoder (owner, name, kind, dims, whitening, texts, features, bytes, digest)
SELECT 'regress_uiml_bob', 'forged', kind, dims, whitening, texts, features, bytes, digest FROM uiml.encoder WHERE name = 'shop';
SELECT uiml_embed('guitar', 'forged'); \echo :SQLSTATE
INSERT INTO uiml.encoder_part SELECT encoder_id, owner, 0, 'forged' FROM uiml.encoder WHERE name = 'forged';
SELECT uiml_embed('guitar', 'forged'); \echo :SQLSTATE
SELECT uiml_drop_encoder('forged');
-- Nor does a row make the server allocate what it claims to have
INSERT INTO uiml.encoder (owner, name, kind, dims, whitening, texts, features, bytes, digest)
VALUES ('regress_uiml_bob', 'giant', 'lsa', 4, 'none', 1, 1, 1099511627776, 1);
SELECT uiml_embed('guitar', 'giant'); \echo :SQLSTATE
SELECT uiml_drop_encoder('giant');
SET ROLE regress_uiml_alice;
SELECT uiml_grant('shop', 'regress_uiml_bob', 'train');
SET ROLE regress_uiml_bob;
SELECT uiml_train_encoder('shop'); \echo :SQLSTATE
SET ROLE regress_uiml_alice;
GRANT USAGE ON SCHEMA encoder_test TO regress_uiml_bob;
GRANT SELECT ON goods, events TO regress_uiml_bob;
SET ROLE regress_uiml_bob;
SELECT dims FROM uiml_train_encoder('shop', dims => 5);
SELECT owner, dims FROM uiml.encoders WHERE encoder = 'shop';
SELECT uiml_drop_encoder('shop'); \echo :SQLSTATE
SET ROLE regress_uiml_alice;
SELECT uiml_grant('shop', 'regress_uiml_bob', 'own');
SET ROLE regress_uiml_bob;
SELECT uiml_drop_encoder('shop_hash');

-- One name, two owners: one's own comes first, a third role must say which

SET client_min_messages = warning;
RESET ROLE;
CREATE SCHEMA encoder_bob AUTHORIZATION regress_uiml_bob;
SET ROLE regress_uiml_bob;
CREATE TABLE encoder_bob.said AS SELECT 1 AS user_id, i AS item_id, 'word' || i % 5 AS said FROM generate_series(1, 20) i;
SELECT uiml_create_domain('mine', 'encoder_bob.said', text_cols => '{said}');
SELECT dims FROM uiml_train_encoder('mine', dims => 2, name => 'shop');
RESET client_min_messages;
SELECT uiml_dims(uiml_embed('guitar', 'shop')), uiml_dims(uiml_embed('guitar', 'regress_uiml_alice.shop'));
RESET ROLE;
SELECT uiml_embed('guitar', 'shop'); \echo :SQLSTATE

-- Rights are looked at in every statement, whatever the backend has mapped

SET ROLE regress_uiml_alice;
SELECT uiml_dims(uiml_embed('guitar', 'shop'));
SELECT uiml_revoke('shop', 'regress_uiml_bob');
SET ROLE regress_uiml_bob;
SELECT uiml_embed('guitar', 'regress_uiml_alice.shop'); \echo :SQLSTATE

-- Damage in the catalog is told

RESET ROLE;
SELECT dims FROM uiml_train_encoder('regress_uiml_alice.shop', dims => 5, name => 'damaged');
UPDATE uiml.encoder_part p SET data = set_byte(data, 2000, get_byte(data, 2000) # 1)
FROM uiml.encoder e WHERE e.encoder_id = p.encoder_id AND e.name = 'damaged';
SELECT uiml_embed('guitar', 'damaged'); \echo :SQLSTATE
SELECT uiml_train_encoder('regress_uiml_alice.shop', dims => 5, name => 'damaged') IS NOT NULL AS trained;
SELECT uiml_dims(uiml_embed('guitar', 'damaged'));

-- Dropping the domain drops its encoders

SET ROLE regress_uiml_alice;
SELECT uiml_drop_domain('shop');
SELECT encoder, domain FROM uiml.encoders ORDER BY encoder;
SELECT uiml_embed('guitar', 'shop'); \echo :SQLSTATE
SELECT uiml_drop_domain('searches'), uiml_drop_domain('silent'), uiml_drop_domain('blank');
SET ROLE regress_uiml_bob;
SELECT uiml_drop_domain('mine');
RESET ROLE;
SELECT count(*) FROM uiml.encoder_part;
SET client_min_messages = warning;
DROP SCHEMA encoder_test CASCADE;
DROP SCHEMA encoder_bob CASCADE;
DROP ROLE regress_uiml_alice, regress_uiml_bob;
