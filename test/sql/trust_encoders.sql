--
-- Encoders of somebody who writes his rows of the catalog by hand, and grants them to everybody.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
\set tiny `echo "$PG_ABS_SRCDIR/models/tiny-bert"`
CREATE ROLE regress_uiml_mallory;
CREATE ROLE regress_uiml_victim;
CREATE SCHEMA encoder_traps;
GRANT ALL ON SCHEMA encoder_traps TO PUBLIC;
SET search_path = encoder_traps, public;
CREATE TABLE events AS SELECT u AS user_id, i AS item_id, 'word ' || i % 5 AS title FROM generate_series(1, 60) u, generate_series(1, 30) i
WHERE (u * 7 + i * 3) % 4 < 2 AND u % 3 = i % 3;
GRANT SELECT ON events TO PUBLIC;

-- Numbers that no encoder has: what is reckoned with them before the bytes are read ends, too
SET ROLE regress_uiml_mallory;
SELECT uiml_create_domain('bait', 'events', text_cols => '{title}', features => 'text', options => '{"encoder": "odd"}');
CREATE FUNCTION try(claimed integer, size bigint, OUT embedded text, OUT listed text, OUT trained text) LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO uiml.encoder (owner, name, kind, dims, whitening, bytes, digest)
	VALUES ('regress_uiml_mallory', 'odd', 'bert', claimed, 'none', size, 1);
	BEGIN PERFORM uiml_embed('a', 'odd'); EXCEPTION WHEN OTHERS THEN embedded := SQLSTATE; END;
	BEGIN PERFORM uiml_embed('{a}'::text[], 'odd'); EXCEPTION WHEN OTHERS THEN listed := SQLSTATE; END;
	BEGIN PERFORM uiml_train('bait'); EXCEPTION WHEN OTHERS THEN trained := SQLSTATE; END;
	PERFORM uiml_drop_domain('bait');
	PERFORM uiml_drop_encoder('odd');
	RAISE 'done' USING ERRCODE = 'P0003';
EXCEPTION WHEN SQLSTATE 'P0003' THEN
END $$;
SET maintenance_work_mem = '12MB';
SELECT claimed, size, t.* FROM (VALUES (0, 100), (-1, 100), (2147483647, 100), (24, 0), (24, -1), (24, 9223372036854775807)) v (claimed, size), LATERAL try(claimed, size) t;
RESET maintenance_work_mem;
SELECT uiml_drop_domain('bait');

-- Bytes by hand: none, in a part larger than any, in parts that are not numbered from 0, and of no encoder
CREATE FUNCTION try_parts(parts integer[], size integer, OUT result text) LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
BEGIN
	INSERT INTO uiml.encoder (owner, name, kind, dims, whitening, bytes, digest)
	VALUES ('regress_uiml_mallory', 'odd', 'bert', 24, 'none', size * cardinality(parts), 1) RETURNING encoder_id INTO id;
	INSERT INTO uiml.encoder_part SELECT id, 'regress_uiml_mallory', part, convert_to(repeat('x', size), 'UTF8') FROM unnest(parts) part;
	BEGIN PERFORM uiml_embed('a', 'odd'); EXCEPTION WHEN OTHERS THEN result := SQLSTATE; END;
	PERFORM uiml_drop_encoder('odd');
END $$;
SELECT parts, size, try_parts(parts, size) FROM (VALUES ('{}'::integer[], 8), ('{0}', 2097152), ('{1}', 1024), ('{0,2}', 1024), ('{0,1}', 1024)) v (parts, size);

-- A grant that nobody asked for takes the place of no encoder that was there, nor makes its name ambiguous
RESET ROLE;
SELECT max_tokens FROM uiml_load_encoder('model', :'tiny');
SELECT uiml_grant_encoder('model', 'public');
CREATE FUNCTION file(name text) RETURNS bytea LANGUAGE sql AS $$ SELECT pg_read_binary_file(current_setting('traps.tiny') || '/' || name) $$;
SELECT set_config('traps.tiny', :'tiny', false) <> '' AS set;
CREATE TABLE files AS SELECT file('config.json') AS config, file('tokenizer.json') AS tokenizer, file('model.safetensors') AS weights;
GRANT SELECT ON files TO PUBLIC;
SET ROLE regress_uiml_mallory;
SELECT e.max_tokens FROM files, uiml_load_encoder('model', config, tokenizer, weights, max_tokens => 3) e;
SELECT uiml_grant_encoder('model', 'public');
SELECT count(*) FROM uiml_tokenize('a war at sea', 'model');
SET ROLE regress_uiml_victim;
SELECT count(*) > 2 AS trusted FROM uiml_tokenize('a war at sea', 'model');
SELECT count(*) FROM uiml_tokenize('a war at sea', 'regress_uiml_mallory.model');
RESET ROLE;
SELECT count(*) > 2 AS trusted FROM uiml_tokenize('a war at sea', 'model');
-- Of roles that one is a member of
CREATE ROLE regress_uiml_team;
GRANT regress_uiml_team TO regress_uiml_victim;
SELECT uiml_drop_encoder('model');
SET ROLE regress_uiml_team;
SELECT e.max_tokens FROM files, uiml_load_encoder('model', config, tokenizer, weights) e;
SET ROLE regress_uiml_victim;
SELECT count(*) > 2 AS trusted FROM uiml_tokenize('a war at sea', 'model');
RESET ROLE;
REVOKE regress_uiml_team FROM regress_uiml_victim;
SELECT uiml_grant_encoder('regress_uiml_team.model', 'regress_uiml_victim');
SET ROLE regress_uiml_victim;
SELECT count(*) FROM uiml_tokenize('a war at sea', 'model'); \echo :SQLSTATE
RESET ROLE;
SELECT uiml_drop_encoder('regress_uiml_team.model'), uiml_drop_encoder('regress_uiml_mallory.model');

-- Who may train a domain gives its owner no encoder by which another is no longer found
SET ROLE regress_uiml_victim;
SELECT uiml_create_domain('shop', 'events', text_cols => '{title}', features => 'text', options => '{"encoder": "model"}');
SELECT uiml_grant('shop', 'regress_uiml_mallory', 'train');
RESET ROLE;
SELECT dims FROM uiml_load_encoder('model', :'tiny');
SELECT uiml_grant_encoder('model', 'public');
SET ROLE regress_uiml_mallory;
SELECT dims FROM uiml_train_encoder('regress_uiml_victim.shop', 'hash', name => 'model'); \echo :SQLSTATE
SELECT distilled FROM uiml_distill('model', 4, 'model', 'regress_uiml_victim.shop'); \echo :SQLSTATE
SELECT dims FROM uiml_train_encoder('regress_uiml_victim.shop', 'hash', name => 'words');
SELECT dims FROM uiml_train_encoder('regress_uiml_victim.shop', 'hash', name => 'words');
SELECT dims FROM uiml_train_encoder('regress_uiml_victim.shop', 'hash');
SET ROLE regress_uiml_victim;
SELECT count(*) > 2 AS trusted FROM uiml_tokenize('a war at sea', 'model');
SELECT dims FROM uiml_train_encoder('shop', 'hash', name => 'model');
SELECT uiml_drop_encoder('model');
SELECT uiml_drop_domain('shop');
RESET ROLE;
SELECT uiml_drop_encoder('model');

-- A role that is gone leaves its encoder to those who may drop it
SET ROLE regress_uiml_team;
SELECT e.max_tokens FROM files, uiml_load_encoder('left', config, tokenizer, weights) e;
RESET ROLE;
DROP ROLE regress_uiml_team;
SELECT uiml_drop_encoder('left');

-- More vectors than an array holds are refused before the work
SELECT uiml_embed(array_fill('a'::text, ARRAY[1100000])); \echo :SQLSTATE

DROP SCHEMA encoder_traps CASCADE;
DROP ROLE regress_uiml_mallory, regress_uiml_victim;
