-- Language models: loading, using, granting and dropping them, and files that are none.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
RESET client_min_messages;
CREATE ROLE regress_uiml_alice;
CREATE ROLE regress_uiml_bob;
CREATE SCHEMA load_test AUTHORIZATION regress_uiml_alice;
SET search_path = load_test, public;
-- What psql can read, the server may not: it gets files of its own
CREATE TABLE files (name text, body bytea);
\set config `base64 < test/models/tiny-bert/config.json`
\set tokenizer `base64 < test/models/tiny-bert/tokenizer.json`
\set weights `base64 < test/models/tiny-bert/model.safetensors`
INSERT INTO files VALUES ('config.json', decode(:'config', 'base64')), ('tokenizer.json', decode(:'tokenizer', 'base64')),
	('model.safetensors', decode(:'weights', 'base64'));
SELECT current_setting('data_directory') || '/pgsql_tmp_regress_uiml' AS tiny \gset
\set make 'mkdir -p ' :tiny
\set remove 'rm -r ' :tiny
COPY (SELECT WHERE false) TO PROGRAM :'make';
CREATE TABLE large AS SELECT name, lo_from_bytea(0, body) AS id FROM files;
SELECT lo_export(id, :'tiny' || '/' || name), lo_unlink(id) FROM large;
GRANT SELECT ON files TO PUBLIC;
GRANT USAGE ON SCHEMA load_test TO PUBLIC;
CREATE FUNCTION file(text) RETURNS bytea LANGUAGE sql STABLE AS 'SELECT body FROM load_test.files WHERE name = $1';
CREATE FUNCTION load(name text, config bytea DEFAULT load_test.file('config.json'), tokenizer bytea DEFAULT load_test.file('tokenizer.json'),
	weights bytea DEFAULT load_test.file('model.safetensors')) RETURNS text LANGUAGE sql AS $$
	SELECT kind || ' ' || dims FROM uiml_load_encoder(name, config, tokenizer, weights) $$;

-- From a directory of the server, and once more

SELECT encoder, kind, dims, max_tokens, parameters, size, elapsed > '0' AS elapsed
FROM uiml_load_encoder('tiny', :'tiny', licence => 'CC0-1.0');
SELECT encoder FROM uiml_load_encoder('tiny', :'tiny');
SELECT dims FROM uiml_load_encoder('tiny', :'tiny', normalized => true, pooling => 'mean');
SELECT load('tiny');
\x
SELECT encoder, domain, kind, architecture, dims, max_tokens, vocabulary, parameters, size, pooling, normalized, whitening, texts, features, licence
FROM uiml.encoders WHERE encoder = 'tiny';
\x
SELECT sha256 = encode(sha256(file('model.safetensors')), 'hex') AS sha256 FROM uiml.encoders;
SELECT count(*) AS parts, sum(octet_length(data)) = (SELECT bytes FROM uiml.encoder WHERE name = 'tiny') AS bytes FROM uiml.encoder_part;

-- What a name stands for never changes

SELECT uiml_load_encoder('tiny', :'tiny', normalized => false); \echo :SQLSTATE
SELECT uiml_load_encoder('tiny', :'tiny', pooling => 'cls'); \echo :SQLSTATE
SELECT uiml_load_encoder('tiny', :'tiny', max_tokens => 16); \echo :SQLSTATE
SELECT pooling, normalized, max_tokens FROM uiml.encoders;
SELECT max_tokens FROM uiml_load_encoder('short', :'tiny', max_tokens => 4);
SELECT dims FROM uiml_load_encoder('long', :'tiny', normalized => false);
SELECT dims FROM uiml_load_encoder('cls', :'tiny', pooling => 'cls');

-- Texts

SELECT uiml_dims(v) AS dims, abs(uiml_norm(v) - 1) < 1e-6 AS unit FROM uiml_embed('the text', 'tiny') v;
SELECT abs(uiml_norm(uiml_embed('the text', 'long')) - 1) > .01 AS not_unit,
	uiml_embed('the text', 'long') <=> uiml_embed('the text', 'tiny') < 1e-6 AS same_direction,
	uiml_embed('the text', 'cls') <=> uiml_embed('the text', 'tiny') > 1e-3 AS other_direction;
SELECT abs(uiml_norm(uiml_embed('', 'tiny')) - 1) < 1e-6 AS empty, uiml_embed(NULL, 'tiny') IS NULL AS strict;
SELECT uiml_embed(repeat('a ', 100000), 'tiny') = uiml_embed(repeat('a ', 30), 'tiny') AS truncated;
SELECT * FROM uiml_tokenize('A b!', 'tiny');
SELECT count(*), min(id) = (SELECT id FROM uiml_tokenize('', 'short') LIMIT 1) AS begins FROM uiml_tokenize('a b c d e f', 'short');
SELECT count(*) FROM uiml_tokenize(repeat('a ', 100), 'tiny');
SELECT count(*) FROM uiml_tokenize(NULL, 'tiny');
SELECT uiml_tokenize('a', 'hash'); \echo :SQLSTATE
SELECT uiml_tokenize('a', 'nowhere'); \echo :SQLSTATE

-- Arrays: of the same shape, with the same vectors

SELECT uiml_embed('{}'::text[], 'tiny'), uiml_embed('{NULL}'::text[], 'tiny'), uiml_embed(NULL::text[], 'tiny') IS NULL AS strict;
SELECT array_dims(v), v[1][1] = uiml_embed('a', 'tiny') AS first, v[1][2] IS NULL AS second, v[2][2] = uiml_embed('the text', 'tiny') AS last
FROM uiml_embed('{{a,NULL},{"",the text}}'::text[], 'tiny') v;
SELECT array_dims(v), v[0] = uiml_embed('a') AS hash FROM uiml_embed('[0:1]={a,b}'::text[]) v;
SELECT count(*), bool_and(v = uiml_embed(t, 'tiny')) AS same
FROM (SELECT array_agg(repeat('ab ', i % 40) || i ORDER BY i) AS texts FROM generate_series(1, 600) i) s,
	unnest(texts, uiml_embed(texts, 'tiny')) u (t, v);

-- Finite weights whose numbers overflow: an error, never a vector that is none
CREATE FUNCTION filled(tensor text, value bytea) RETURNS bytea LANGUAGE sql AS $$
	SELECT overlay(w PLACING decode(repeat(encode(value, 'hex'), (t->>1)::integer / 4 - (t->>0)::integer / 4), 'hex') FROM 9 + head + (t->>0)::integer)
	FROM (SELECT w, head, convert_from(substr(w, 9, head), 'UTF8')::jsonb -> tensor -> 'data_offsets' AS t
		FROM (SELECT file('model.safetensors') AS w, get_byte(file('model.safetensors'), 0) + 256 * get_byte(file('model.safetensors'), 1) AS head) f) g $$;
CREATE FUNCTION overflows(name text, tensor text, value bytea, OUT one text, OUT several text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM load(name, weights => filled(tensor, value));
	BEGIN PERFORM uiml_embed('war and love', name); EXCEPTION WHEN OTHERS THEN one := SQLERRM; END;
	BEGIN PERFORM uiml_embed('{war,love}'::text[], name); EXCEPTION WHEN OTHERS THEN several := SQLSTATE; END;
	PERFORM uiml_drop_encoder(name);
END $$;
SELECT name, o.* FROM (VALUES ('words', 'embeddings.word_embeddings.weight', '\xffff7f7f'::bytea),
	('norm', 'embeddings.LayerNorm.weight', '\xcaf24971'), ('query', 'encoder.layer.0.attention.self.query.weight', '\xffff7f7f'),
	('scores', 'encoder.layer.1.attention.self.query.bias', '\xffff7f7f'), ('values', 'encoder.layer.1.attention.self.value.bias', '\xffff7f7f'),
	('inner', 'encoder.layer.1.intermediate.dense.bias', '\xffff7f7f'), ('last', 'encoder.layer.1.output.LayerNorm.weight', '\xffff7f7f'))
	m (name, tensor, value), LATERAL overflows(name, tensor, value) o;

-- Names

SELECT load(''); \echo :SQLSTATE
SELECT load('a.b'); \echo :SQLSTATE
SELECT load(repeat('x', 41)); \echo :SQLSTATE
SELECT load('hash'); \echo :SQLSTATE
SELECT load(NULL); \echo :SQLSTATE

-- Arguments

SELECT uiml_load_encoder('x', NULL::text); \echo :SQLSTATE
SELECT uiml_load_encoder('x', 'models/tiny-bert'); \echo :SQLSTATE
SELECT uiml_load_encoder('x', '/no/such/directory'); \echo :SQLSTATE
SELECT uiml_load_encoder('x', :'tiny', pooling => 'sum'); \echo :SQLSTATE
SELECT uiml_load_encoder('x', :'tiny', max_tokens => 0); \echo :SQLSTATE
SELECT uiml_load_encoder('x', :'tiny', max_tokens => 2000000); \echo :SQLSTATE
SELECT uiml_load_encoder('x', :'tiny', max_tokens => 33); \echo :SQLSTATE
SELECT load('x', config => NULL); \echo :SQLSTATE
SELECT load('x', tokenizer => NULL); \echo :SQLSTATE
SELECT load('x', weights => NULL); \echo :SQLSTATE

-- Files that are no model: one error each, and nothing is left

SELECT load('x', weights => '\x'); \echo :SQLSTATE
SELECT load('x', weights => 'weights'); \echo :SQLSTATE
SELECT load('x', weights => substr(file('model.safetensors'), 1, 50000)); \echo :SQLSTATE
SELECT load('x', weights => file('model.safetensors') || '\x00'); \echo :SQLSTATE
SELECT load('x', weights => '\xffffffffffffff7f'::bytea || substr(file('model.safetensors'), 9)); \echo :SQLSTATE
SELECT load('x', weights => overlay(file('model.safetensors') PLACING '\x0000c07f' FROM length(file('model.safetensors')) - 3)); \echo :SQLSTATE
SELECT load('x', config => '\x'); \echo :SQLSTATE
SELECT load('x', config => '{"model_type": "llama"}'); \echo :SQLSTATE
SELECT load('x', config => convert_to(replace(convert_from(file('config.json'), 'UTF8'), '"hidden_size": 24', '"hidden_size": 25'), 'UTF8')); \echo :SQLSTATE
SELECT load('x', tokenizer => '{}'); \echo :SQLSTATE
SELECT load('x', tokenizer => 'no vocabulary'); \echo :SQLSTATE
SELECT load('x', config => convert_to(repeat(' ', 1100000), 'UTF8')); \echo :SQLSTATE
SELECT encoder FROM uiml.encoders ORDER BY encoder;
SELECT count(*) FROM uiml.encoder_part WHERE NOT EXISTS (SELECT FROM uiml.encoder e WHERE e.encoder_id = encoder_part.encoder_id);
SELECT load('x', weights => convert_to(E'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 90868376\n', 'UTF8')); \echo :SQLSTATE

-- Weights of other shapes than the config says, of none, and over each other

CREATE FUNCTION edited(pattern text, replacement text) RETURNS bytea LANGUAGE sql AS $$
	SELECT overlay(body PLACING convert_to(header, 'UTF8') FROM 9 FOR length(header))
	FROM (SELECT body, regexp_replace(convert_from(substr(body, 9, get_byte(body, 0) + 256 * get_byte(body, 1)), 'UTF8'), pattern, replacement) AS header
		FROM load_test.files WHERE name = 'model.safetensors') f $$;
SELECT load('x', weights => edited('\[32,24\]', '[24,32]')); \echo :SQLSTATE
SELECT load('x', weights => edited('"shape":\s*\[24\]', '"shape":[42]')); \echo :SQLSTATE
SELECT load('x', weights => edited('"shape":\s*\[24\]', '"shape":[ 0]')); \echo :SQLSTATE
SELECT load('x', weights => edited('"data_offsets":\s*\[0,', '"data_offsets":[9,')); \echo :SQLSTATE
SELECT load('x', weights => edited('F32', 'F31')); \echo :SQLSTATE

-- One bit of any file turned over: a model all the same, or one error of a few kinds, and nothing left

CREATE FUNCTION flipped(file text, place integer) RETURNS bytea LANGUAGE sql AS $$
	SELECT set_bit(body, place, 1 - get_bit(body, place)) FROM load_test.files WHERE name = file $$;
CREATE FUNCTION try(file text, bits integer, step integer) RETURNS TABLE (state text) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 0 .. (bits - 1) / step LOOP
		BEGIN
			PERFORM load_test.load('flipped', CASE file WHEN 'config.json' THEN load_test.flipped(file, i * step) ELSE load_test.file('config.json') END,
				CASE file WHEN 'tokenizer.json' THEN load_test.flipped(file, i * step) ELSE load_test.file('tokenizer.json') END,
				CASE file WHEN 'model.safetensors' THEN load_test.flipped(file, i * step) ELSE load_test.file('model.safetensors') END);
			PERFORM uiml_embed('a text', 'flipped'), uiml_drop_encoder('flipped');
			state := 'loaded';
		EXCEPTION WHEN invalid_parameter_value OR numeric_value_out_of_range OR program_limit_exceeded OR invalid_binary_representation THEN
			state := 'refused';
		END;
		RETURN NEXT;
	END LOOP;
END $$;
SELECT file, count(*) AS bits, count(DISTINCT state) AS ends
FROM (VALUES ('config.json', 4000, 13), ('tokenizer.json', 40000, 131), ('model.safetensors', 24000, 79)) f (file, bits, step),
	LATERAL try(file, least(bits, 8 * (SELECT length(body) FROM files WHERE name = file)), step)
GROUP BY file ORDER BY file;
SELECT encoder FROM uiml.encoders ORDER BY encoder;

-- Directories that lack a file: the hint tells what is there in its place

CREATE FUNCTION run(commands text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY (SELECT WHERE false) TO PROGRAM %L', commands);
END $$;
-- Without the path, which differs
CREATE FUNCTION hint_of_directory(files text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	directory text := current_setting('data_directory') || '/pgsql_tmp_regress_uiml/other';
	state text;
	message text;
	hint text;
BEGIN
	PERFORM load_test.run(format('mkdir %1$s && cd %1$s && touch %2$s', directory, files));
	BEGIN
		PERFORM uiml_load_encoder('x', directory);
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	END;
	PERFORM load_test.run(format('rm -r %s', directory));
	RETURN concat_ws(E'\n', state, replace(message, directory, '...'), hint);
END $$;
\pset format unaligned
\pset tuples_only on
SELECT hint_of_directory(files) FROM unnest('{README.md,model.gguf,model.onnx,tf_model.h5,pytorch_model.bin,model.fp16.safetensors,
	pytorch_model.bin model-00001-of-00002.safetensors model.safetensors.index.json,
	model.safetensors,model.safetensors sentencepiece.bpe.model,model.safetensors vocab.json merges.txt}'::text[]) files;
\pset tuples_only off
\pset format aligned

-- A failed statement leaves nothing, a rolled back one neither

BEGIN;
SELECT dims FROM uiml_load_encoder('gone', :'tiny');
SELECT uiml_dims(uiml_embed('a', 'gone'));
ROLLBACK;
SELECT uiml_embed('a', 'gone'); \echo :SQLSTATE

-- Rights: files of the server need pg_read_server_files, contents need nothing

SET ROLE regress_uiml_alice;
SELECT uiml_load_encoder('mine', :'tiny'); \echo :SQLSTATE
RESET ROLE;
GRANT EXECUTE ON FUNCTION uiml_load_encoder(text, text, text, boolean, integer, text) TO regress_uiml_alice;
SET ROLE regress_uiml_alice;
SELECT uiml_load_encoder('mine', :'tiny'); \echo :SQLSTATE
RESET ROLE;
REVOKE EXECUTE ON FUNCTION uiml_load_encoder(text, text, text, boolean, integer, text) FROM regress_uiml_alice;
GRANT pg_read_server_files TO regress_uiml_alice;
SET ROLE regress_uiml_alice;
SELECT dims FROM uiml_load_encoder('mine', :'tiny');
SELECT load('mine');
SELECT encoder, owner FROM uiml.encoders;

-- An encoder is its owner's until he grants it

SET ROLE regress_uiml_bob;
SELECT count(*) FROM uiml.encoders;
SELECT count(*) FROM uiml.encoder;
SELECT count(*) FROM uiml.encoder_part;
SELECT uiml_embed('a', 'mine'); \echo :SQLSTATE
SELECT uiml_tokenize('a', 'regress_uiml_alice.mine'); \echo :SQLSTATE
SELECT uiml_grant_encoder('regress_uiml_alice.mine', 'regress_uiml_bob'); \echo :SQLSTATE
SET ROLE regress_uiml_alice;
SELECT uiml_grant_encoder('mine', 'regress_uiml_bob');
SELECT uiml_grant_encoder('mine', 'regress_uiml_bob');
SELECT grantee FROM uiml.encoder_grant;
SET ROLE regress_uiml_bob;
SELECT encoder, owner FROM uiml.encoders;
SELECT grantee FROM uiml.encoder_grant;
SELECT uiml_dims(uiml_embed('a', 'mine')), uiml_dims(uiml_embed('a', 'regress_uiml_alice.mine'));
SELECT uiml_grant_encoder('mine', 'public'); \echo :SQLSTATE
SELECT uiml_revoke_encoder('mine', 'regress_uiml_bob'); \echo :SQLSTATE
SELECT uiml_drop_encoder('mine'); \echo :SQLSTATE
DELETE FROM uiml.encoder_grant; \echo :SQLSTATE
INSERT INTO uiml.encoder_grant SELECT encoder_id, 'regress_uiml_bob', '-' FROM uiml.encoder; \echo :SQLSTATE
INSERT INTO uiml.encoder_grant SELECT encoder_id, 'regress_uiml_bob', 'regress_uiml_bob' FROM uiml.encoder; \echo :SQLSTATE
INSERT INTO uiml.encoder_grant SELECT encoder_id, 'regress_uiml_alice', 'regress_uiml_bob' FROM uiml.encoder; \echo :SQLSTATE
SET ROLE regress_uiml_alice;
SELECT uiml_revoke_encoder('mine', 'regress_uiml_bob');
SELECT uiml_revoke_encoder('mine', 'regress_uiml_bob');
SELECT uiml_grant_encoder('mine', 'public');
SET ROLE regress_uiml_bob;
SELECT uiml_dims(uiml_embed('a', 'mine'));
SET ROLE regress_uiml_alice;
SELECT uiml_revoke_encoder('mine', 'public');
SELECT uiml_grant_encoder('mine', 'regress_uiml_alice'); \echo :SQLSTATE
SELECT uiml_grant_encoder('mine', 'no_such_role'); \echo :SQLSTATE
SELECT uiml_grant_encoder('hash', 'public'); \echo :SQLSTATE
SELECT uiml_grant_encoder('nowhere', 'public'); \echo :SQLSTATE

-- Trainings and loaded models keep off each other's names

CREATE TABLE said AS SELECT i % 7 AS user_id, i AS item_id, 'word' || i % 5 AS said FROM generate_series(1, 40) i;
SET client_min_messages = warning;
SELECT uiml_create_domain('talk', 'said', text_cols => '{said}', options => '{"encoder": "mine"}');
RESET client_min_messages;
SELECT uiml_train_encoder('talk', name => 'mine', dims => 2); \echo :SQLSTATE
SELECT dims FROM uiml_train_encoder('talk', name => 'taught', dims => 2);
SELECT load('taught'); \echo :SQLSTATE
SELECT uiml_grant_encoder('taught', 'public'); \echo :SQLSTATE

-- No encoder is dropped that a domain's option names, be it another role's

SELECT uiml_drop_encoder('mine'); \echo :SQLSTATE
SELECT uiml_drop_encoder('taught');
SELECT uiml_grant_encoder('mine', 'regress_uiml_bob');
RESET ROLE;
GRANT CREATE ON SCHEMA load_test TO regress_uiml_bob;
SET ROLE regress_uiml_bob;
CREATE TABLE heard AS SELECT i % 7 AS user_id, i AS item_id, 'word' || i % 5 AS said FROM generate_series(1, 40) i;
SET client_min_messages = warning;
SELECT uiml_create_domain('ear', 'heard', text_cols => '{said}', options => '{"encoder": "regress_uiml_alice.mine"}');
SET ROLE regress_uiml_alice;
SELECT uiml_drop_domain('talk');
RESET client_min_messages;
SELECT uiml_drop_encoder('mine'); \echo :SQLSTATE
SELECT uiml_revoke_encoder('mine', 'regress_uiml_bob');
SELECT uiml_drop_encoder('mine');
SELECT count(*) FROM uiml.encoder_grant;

-- Damage in the catalog is told

RESET ROLE;
SELECT dims FROM uiml_load_encoder('damaged', :'tiny');
UPDATE uiml.encoder_part p SET data = set_byte(data, 40000, get_byte(data, 40000) # 1)
FROM uiml.encoder e WHERE e.encoder_id = p.encoder_id AND e.name = 'damaged';
SELECT uiml_embed('a', 'damaged'); \echo :SQLSTATE
SELECT uiml_embed('{a}'::text[], 'damaged'); \echo :SQLSTATE
SELECT uiml_tokenize('a', 'damaged'); \echo :SQLSTATE

SET client_min_messages = warning;
SET ROLE regress_uiml_bob;
SELECT uiml_drop_domain('ear');
RESET ROLE;
SELECT uiml_drop_encoder(encoder) FROM uiml.encoders;
SELECT count(*) FROM uiml.encoder_part;
COPY (SELECT WHERE false) TO PROGRAM :'remove';
DROP SCHEMA load_test CASCADE;
DROP ROLE regress_uiml_alice, regress_uiml_bob;
