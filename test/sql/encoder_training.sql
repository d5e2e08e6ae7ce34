--
-- encoder_training
--	  Domains whose texts a language model encodes: each distinct text once, whatever is trained afterwards.
--
CREATE EXTENSION uiml;
SET client_min_messages = warning;
\set tiny `echo "$PG_ABS_SRCDIR/models/tiny-bert"`
SELECT kind, dims FROM uiml_load_encoder('tiny', :'tiny');
CREATE TABLE films (film_id integer PRIMARY KEY, title text);
INSERT INTO films
SELECT i, CASE i % 2 WHEN 0 THEN 'the war at sea ' ELSE 'love in the city ' END || (ARRAY['one','two','three','four','five'])[1 + i % 5]
FROM generate_series(1, 60) i;
CREATE TABLE views AS
SELECT u AS user_id, 1 + (u % 2 + 2 * (hashint4(u * 100 + e) & 1023)) % 40 AS film_id, NULL::text AS query
FROM generate_series(1, 120) u, generate_series(1, 8) e;
INSERT INTO views SELECT u, NULL, CASE u % 2 WHEN 0 THEN 'war' ELSE 'love in the city two' END FROM generate_series(1, 120) u;
SELECT uiml_create_domain('film', 'views', items => 'films', item_text => '{title}', text_cols => '{query}', interests => 2,
	features => 'text', options => '{"encoder": "tiny", "whitening": "none"}');

-- How many texts there are, how many the encoder was asked for, and how many are kept.
CREATE FUNCTION train(OUT texts integer, OUT encoded integer, OUT kept bigint, OUT whitening text, OUT whitened_by integer, OUT phase boolean)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM FROM uiml_train('film');
	SELECT v.settings->>'distinct_texts', v.settings->>'encoded_texts', v.settings->>'whitening', v.settings->>'whitened_by',
		l.phases ? 'encoding texts' INTO texts, encoded, whitening, whitened_by, phase
	FROM uiml.version v JOIN uiml.training_log l USING (domain_id, version) WHERE v.active;
	SELECT count(*) INTO kept FROM film_texts;
END $$;

-- The first training: the distinct texts of 60 items and of 120 events.
SELECT * FROM train();
\d film_texts

-- A row is found by what the text says, and is what uiml_embed gives.
SELECT count(*) AS items, bool_and(t.vector = uiml_embed(f.title, 'tiny')) AS embedded, bool_and((i.in_vector <=> t.vector) < 1e-6) AS used
FROM film_items i JOIN films f ON f.film_id = i.item_id
JOIN film_texts t ON t.text_hash = encode(substr(sha256(convert_to(f.title, 'UTF8')), 1, 16), 'hex')::uuid;

-- The second training encodes nothing; a changed text only that one, and a text that is gone is taken away.
SELECT * FROM train();
UPDATE films SET title = 'war and love' WHERE film_id = 7;
SELECT * FROM train();
UPDATE films SET title = 'war and love' WHERE film_id % 10 = 7;
SELECT * FROM train();

-- Whitening works on what is kept, comes from the texts of items alone, and is what features of text have unless told otherwise.
SELECT uiml_alter_domain('film', options => '{"encoder": "tiny"}');
SELECT * FROM train();
SELECT bool_and(abs((out_vector <#> out_vector) + 1) < 1e-5) AS unit, bool_and((i.in_vector <=> t.vector) > .01) AS whitened
FROM film_items i JOIN films f ON f.film_id = i.item_id
JOIN film_texts t ON t.text_hash = encode(substr(sha256(convert_to(f.title, 'UTF8')), 1, 16), 'hex')::uuid;
SELECT uiml_alter_domain('film', options => '{"encoder": "tiny", "whitening": "full"}');
SELECT * FROM train();
SELECT uiml_alter_domain('film', options => '{"encoder": "hash", "whitening": "full"}');
SELECT * FROM train();

-- Evaluations read what is kept, and write nothing, also where something is missing.
SELECT uiml_alter_domain('film', features => 'hybrid', options => '{"encoder": "tiny"}');
DELETE FROM film_texts WHERE text_hash < '80000000-0000-0000-0000-000000000000';
SELECT count(*) AS kept INTO TEMP before FROM film_texts;
SELECT DISTINCT users > 10 AS users FROM uiml_evaluate('film');
SELECT count(*) > 5 AS figures FROM uiml_compare('film', '{"features": "behaviour"}', '{"features": "text", "whitening": "relaxed"}');
SELECT count(*) = (SELECT kept FROM before) AS unchanged FROM film_texts;
SELECT texts = encoded + (SELECT kept FROM before) AS rest, kept = texts AS all, whitening FROM train();

-- Rows that no encoder wrote: of other dims, of nobody's text; the owner may write what he likes.
UPDATE film_texts SET vector = '[1,2]' WHERE text_hash = (SELECT min(text_hash::text) FROM film_texts)::uuid;
INSERT INTO film_texts SELECT md5(i::text)::uuid, encoder, vector
FROM (SELECT encoder, vector FROM film_texts WHERE vector <> '[1,2]' LIMIT 1) t, generate_series(1, 20) i;
INSERT INTO film_texts SELECT text_hash, 42, '[1]' FROM film_texts ON CONFLICT DO NOTHING;
SELECT * FROM train();
SELECT count(DISTINCT encoder) AS encoders FROM film_texts;

-- Another encoder by the same options: its vectors replace the others.
SELECT kind, dims FROM uiml_load_encoder('short', :'tiny', max_tokens => 4);
SELECT uiml_alter_domain('film', options => '{"encoder": "short"}');
SELECT * FROM train();
SELECT uiml_alter_domain('film', options => '{"encoder": "tiny"}');
SELECT * FROM train();

-- Passes give the same.
SET uiml.memory_mode = passes;
SELECT * FROM train();
RESET uiml.memory_mode;

-- The table may be dropped by hand, at the cost of encoding all again.
DROP TABLE film_texts;
SELECT * FROM train();

-- An encoder that a domain uses stays; one that is not there is told before the work.
SELECT uiml_drop_encoder('tiny');
SELECT uiml_alter_domain('film', options => '{"encoder": "absent"}');
SELECT FROM uiml_train('film');

-- What is in the way of the table.
SELECT uiml_alter_domain('film', options => '{"encoder": "tiny"}');
DROP TABLE film_texts;
CREATE TABLE film_texts (text_hash uuid);
SELECT FROM uiml_train('film');
SELECT count(*) > 5 AS figures FROM uiml_evaluate('film');
DROP TABLE film_texts;

-- Nobody but the owner reads it; who may train fills it as the owner, and needs no right to the encoder.
CREATE ROLE regress_uiml_trainer;
SELECT uiml_grant('film', 'regress_uiml_trainer', 'train');
GRANT SELECT ON films, views TO regress_uiml_trainer;
SET ROLE regress_uiml_trainer;
SELECT items FROM uiml_train('film');
SELECT FROM film_texts;
SELECT FROM uiml_embed('war', 'tiny');
RESET ROLE;
SELECT count(*) AS kept, pg_get_userbyid(relowner) = current_user AS mine
FROM film_texts, pg_class WHERE relname = 'film_texts' GROUP BY 2;
SELECT * FROM train();

-- Another's table of that name is not taken for ours: its triggers would run as the owner.
ALTER TABLE film_texts OWNER TO regress_uiml_trainer;
SELECT FROM uiml_train('film');
ALTER TABLE film_texts OWNER TO CURRENT_USER;

-- A cancel while texts are read to be encoded leaves nothing behind.
CREATE SEQUENCE calls;
CREATE FUNCTION counted(title text) RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
	IF nextval('calls') = 2 * 400 + 300 THEN -- once for the items, once for their hashes, and now for the vectors
		PERFORM pg_cancel_backend(pg_backend_pid());
	END IF;
	RETURN title;
END $$;
CREATE VIEW many AS SELECT i AS film_id, counted('film number ' || i) AS title FROM generate_series(1, 400) i;
SELECT uiml_create_domain('many', 'views', items => 'many', item_key => 'film_id', item_text => '{title}', text_cols => '{}', interests => 2,
	features => 'hybrid', options => '{"encoder": "tiny"}');
\set SHOW_CONTEXT never
SELECT FROM uiml_train('many');
SELECT last_value AS calls, to_regclass('many_texts') FROM calls;
SELECT count(*) AS versions FROM uiml.version WHERE domain = 'many';
SELECT items FROM uiml_train('many');
SELECT settings->>'distinct_texts' AS texts, settings->>'encoded_texts' AS encoded FROM uiml.version WHERE domain = 'many';
SELECT uiml_drop_domain('many');

-- It goes with the domain.
SELECT uiml_drop_domain('film');
SELECT to_regclass('film_texts');
SELECT uiml_drop_encoder('tiny');
DROP EXTENSION uiml CASCADE;
DROP OWNED BY regress_uiml_trainer;
DROP ROLE regress_uiml_trainer;
