-- Static encoders from a transformer, of its vocabulary and of the words of a domain.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
RESET client_min_messages;
\set tiny `pwd` '/test/models/tiny-bert'
CREATE ROLE regress_uiml_alice;
CREATE ROLE regress_uiml_bob;
CREATE SCHEMA distill_test;
GRANT USAGE ON SCHEMA distill_test TO PUBLIC;
SET search_path = distill_test, public;
SELECT dims FROM uiml_load_encoder('tiny', :'tiny', licence => 'CC0-1.0');

-- Of the vocabulary alone

SELECT distilled, dims, vocabulary, words, explained > 0.5 AND explained < 1 AS explained, size, elapsed > '0' AS elapsed
FROM uiml_distill('tiny', 8);
\x
SELECT encoder, domain, kind, dims, whitening, texts, features, architecture, max_tokens, vocabulary, pooling, normalized,
	parameters, sha256, licence
FROM uiml.encoders WHERE encoder = 'tiny_distilled';
\x
SELECT text, round(uiml_norm(uiml_embed(text, 'tiny_distilled'))::numeric, 4) AS length
FROM unnest('{Red apples,"",[MASK]}'::text[]) text;
SELECT uiml_norm(uiml_embed('red pear', 'tiny_distilled') - uiml_embed('PEAR  red', 'tiny_distilled')) < 1e-6 AS same;
SELECT token FROM uiml_tokenize('Newsbase, apples', 'tiny_distilled');

-- No more dimensions than the transformer has

SELECT distilled, dims <= 24 AS dims, round(explained::numeric, 3) AS explained
FROM uiml_distill(encoder => 'tiny', dims => 1000, name => 'wide');

-- Names

SELECT uiml_distill('tiny', 8); \echo :SQLSTATE
SELECT uiml_distill('tiny', 8, 'tiny'); \echo :SQLSTATE
SELECT uiml_distill('tiny', 8, 'a.b'); \echo :SQLSTATE
SELECT uiml_distill('tiny', 8, 'hash'); \echo :SQLSTATE
SELECT uiml_distill('nobody'); \echo :SQLSTATE

-- What can't be distilled

SELECT uiml_distill(NULL); \echo :SQLSTATE
SELECT uiml_distill('tiny', NULL); \echo :SQLSTATE
SELECT uiml_distill('tiny', 0); \echo :SQLSTATE
SELECT uiml_distill('tiny', 1025); \echo :SQLSTATE
SELECT uiml_distill('hash'); \echo :SQLSTATE
SELECT uiml_distill('tiny_distilled'); \echo :SQLSTATE

-- Words of a domain that the vocabulary has only in pieces, from three occurrences on

CREATE TABLE items (item integer, title text);
INSERT INTO items SELECT i, (ARRAY['Newsbase, red', 'newsbase filmed', 'the newsbase is filmed', 'filmed apples', 'redly red',
	NULL, ''])[i] FROM generate_series(1, 7) i;
CREATE TABLE events (who integer, item integer);
GRANT SELECT ON items, events TO regress_uiml_alice;
SET client_min_messages = warning;
SELECT uiml_create_domain('shop', 'events', user_col => 'who', item_col => 'item', items => 'items', item_key => 'item',
	item_text => '{title}');
RESET client_min_messages;
SELECT distilled, dims, vocabulary, words FROM uiml_distill('tiny', 8, 'shop_words', 'shop');
SELECT domain, kind, dims, licence FROM uiml.encoders WHERE encoder = 'shop_words';
SELECT token FROM uiml_tokenize('Newsbases filmed redly', 'shop_words');
SELECT distilled, dims, words FROM uiml_distill('tiny', 6, 'shop_words', 'shop');
SELECT uiml_distill('tiny', 8, 'wide', 'shop'); \echo :SQLSTATE
SELECT uiml_distill('tiny', 8, domain => 'nowhere'); \echo :SQLSTATE
CREATE TABLE views (who integer, item integer);
SELECT uiml_create_domain('plain', 'views', user_col => 'who', item_col => 'item');
SELECT uiml_distill('tiny', 8, 'plain_words', 'plain'); \echo :SQLSTATE

-- Rights: an encoder that was granted, and a domain that may be trained

SET ROLE regress_uiml_alice;
SELECT uiml_distill('tiny', 8); \echo :SQLSTATE
RESET ROLE;
SELECT uiml_grant_encoder('tiny', 'regress_uiml_alice');
SELECT uiml_grant('shop', 'regress_uiml_bob', 'predict');
SELECT uiml_grant('shop', 'regress_uiml_alice', 'train');
SELECT uiml_grant_encoder('tiny', 'regress_uiml_bob');
SET ROLE regress_uiml_alice;
SELECT distilled, dims FROM uiml_distill('tiny', 8, 'mine');
SELECT distilled, dims, words FROM uiml_distill('tiny', 8, 'ours', 'shop');
SET ROLE regress_uiml_bob;
SELECT uiml_distill('tiny', 8, 'theirs', 'shop'); \echo :SQLSTATE
SELECT uiml_norm(uiml_embed('red', 'ours')) > 0 AS granted;
SELECT uiml_embed('red', 'mine'); \echo :SQLSTATE
RESET ROLE;
SELECT encoder, owner = 'regress_uiml_alice'::regrole AS alice, domain FROM uiml.encoders WHERE encoder IN ('mine', 'ours') ORDER BY 1;

SET client_min_messages = warning;
SELECT uiml_drop_domain('shop');
SELECT uiml_drop_domain('plain');
SELECT count(uiml_drop_encoder(owner || '.' || encoder)) FROM uiml.encoders;
DROP SCHEMA distill_test CASCADE;
DROP ROLE regress_uiml_alice, regress_uiml_bob;
