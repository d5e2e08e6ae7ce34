--
-- Sequence models as files: what is exported, dropped and imported predicts the same, and what is no such file is refused.
--
-- Shoppers go from one kind of goods to the next; everything follows from hashes, so every run sees the same rows.
--
SET client_min_messages = warning;
CREATE EXTENSION uiml;
CREATE ROLE regress_uiml_alice;
CREATE ROLE regress_uiml_bob;
CREATE SCHEMA exchange_test;
GRANT ALL ON SCHEMA exchange_test TO PUBLIC;
SET search_path = exchange_test, public;

CREATE FUNCTION refused(statement text) RETURNS TABLE (line text) LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	line := 'not refused';
	RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN QUERY SELECT l FROM unnest(ARRAY[SQLSTATE || ' ' || message, detail, hint]) l WHERE l <> '';
END $$;
GRANT EXECUTE ON FUNCTION refused TO PUBLIC;

SET ROLE regress_uiml_alice;
CREATE TABLE shop AS
	SELECT u AS user_id, 'p' || 10 * ((u + t) % 4) + abs(hashint8extended(u * 100 + t, 1)) % 10 AS item_id,
		'kind' || (u + t) % 4 AS title, to_timestamp(1000 * t + u) AS at
	FROM generate_series(1, 300) u, generate_series(0, 3 + u % 9) t;
SELECT version FROM uiml_train('shop', 'shop', text_cols => '{title}', dims => 8, interests => 4, half_life => '0');
CREATE FUNCTION told(target text) RETURNS text LANGUAGE sql AS $$
	SELECT md5(string_agg(concat_ws(' ', u, p.rank, p.id, p.score), ',' ORDER BY u, p.rank))
	FROM generate_series(1, 300, 7) u, uiml_predict_next(u, 'shop', 5, target) p $$;
-- A place in a file changed to something of the same length.
CREATE FUNCTION changed(data bytea, old text, new text) RETURNS bytea LANGUAGE sql AS $$
	SELECT overlay(data PLACING convert_to(new, 'UTF8') FROM position(convert_to(old, 'UTF8') IN data)) $$;
CREATE FUNCTION header(data bytea) RETURNS jsonb LANGUAGE sql AS $$
	SELECT convert_from(substring(data FROM 9 FOR get_byte(data, 0) + 256 * get_byte(data, 1)), 'UTF8')::jsonb $$;

-- Before there is one.
SELECT * FROM refused($$ SELECT uiml_export_sequence('shop') $$);
SELECT uiml_export_sequence(NULL) IS NULL AS nothing;

-- A network alone.
SELECT model, used FROM uiml_train_sequence('shop', model => 'lstm', embedding => 6, hidden => 8, epochs => 4, max_length => 9)
	WHERE model = 'lstm';
CREATE TABLE kept AS SELECT 'interest' AS target, uiml_export_sequence('shop') AS data, told('interest') AS told;
SELECT j.key AS tensor, j.value ->> 'dtype' AS type, j.value ->> 'shape' AS shape
	FROM kept, jsonb_each(header(data)) j WHERE j.key <> '__metadata__' ORDER BY (j.value #>> '{data_offsets,0}')::integer, 1;
SELECT j.key, j.value FROM kept, jsonb_each_text(header(data) -> '__metadata__') j ORDER BY 1;
SELECT uiml_drop_sequence('shop');
SELECT * FROM refused($$ SELECT uiml_export_sequence('shop') $$);
SELECT uiml_import_sequence('shop', data) FROM kept;
SELECT told = told('interest') AS same, uiml_export_sequence('shop') = data AS same_file FROM kept;
SELECT target, model, serving, classes, embedding, hidden, max_length FROM uiml.sequence_models;
SELECT count(*) AS epochs FROM uiml_sequence_report('shop');
-- Who is held out may have been part of a file's network: a training begins anew, unless it is told not to.
BEGIN;
CREATE FUNCTION trained(options jsonb) RETURNS TABLE (model text, loss double precision) LANGUAGE sql AS $$
	SELECT model, loss FROM uiml_train_sequence('shop', model => 'lstm', embedding => 6, hidden => 8, epochs => 1, max_length => 9, options => options) $$;
CREATE TABLE usual AS SELECT * FROM trained(NULL);
CREATE TABLE anew AS SELECT * FROM trained('{"warm_start": false}');
SELECT uiml_import_sequence('shop', data) FROM kept;
CREATE TABLE warm AS SELECT * FROM trained('{"warm_start": true}');
SELECT u.loss = a.loss AS anew, w.loss <> a.loss AS warm FROM usual u JOIN anew a USING (model) JOIN warm w USING (model) WHERE model = 'lstm';
ROLLBACK;

-- Other experts, of items.
CREATE FUNCTION back_and_forth(kind text) RETURNS TABLE (model text, same boolean, same_file boolean) LANGUAGE plpgsql AS $$
DECLARE
	data bytea;
	before text;
BEGIN
	PERFORM FROM uiml_train_sequence('shop', 'item', kind, epochs => 2, hidden => 8, embedding => 8);
	data := uiml_export_sequence('shop', 'item');
	before := told('item');
	PERFORM uiml_drop_sequence('shop', 'item');
	PERFORM uiml_import_sequence('shop', data, 'item');
	INSERT INTO kept VALUES (kind, data, before);
	RETURN QUERY SELECT kind, before = told('item'), data = uiml_export_sequence('shop', 'item');
END $$;
SELECT * FROM unnest('{rules,ridge,lstm,auto}'::text[]) kind, back_and_forth(kind);

-- What is no such file.
SELECT * FROM refused($$ SELECT uiml_import_sequence('shop', 'nothing') $$);
SELECT * FROM refused($$ SELECT uiml_import_sequence('shop', substring(data FOR 2000)) FROM kept WHERE target = 'interest' $$);
SELECT * FROM refused($$ SELECT uiml_import_sequence('shop', changed(data, 'uiml-sequence', 'uiml-xxxxxxxx')) FROM kept
	WHERE target = 'interest' $$);
SELECT * FROM refused($$ SELECT uiml_import_sequence('shop', changed(data, 'i,f,c,o', 'i,f,o,c')) FROM kept
	WHERE target = 'interest' $$);
SELECT * FROM refused($$ SELECT uiml_import_sequence('shop', changed(data, 'dense/bias', 'dense/bia_')) FROM kept
	WHERE target = 'interest' $$);
-- Weights that no training makes, and that would lead beyond all numbers: the first one, as the greatest there is.
SELECT * FROM refused($$ SELECT uiml_import_sequence('shop', overlay(data PLACING '\xffff7f7f' FROM 9 + get_byte(data, 0) + 256 * get_byte(data, 1)))
	FROM kept WHERE target = 'interest' $$);
-- Files of another target, of other classes.
SELECT * FROM refused($$ SELECT uiml_import_sequence('shop', data) FROM kept WHERE target = 'lstm' $$);
SELECT * FROM refused($$ SELECT uiml_import_sequence('shop', data, 'user') FROM kept WHERE target = 'lstm' $$);
BEGIN;
INSERT INTO shop SELECT u, 'new', 'kind0', to_timestamp(0) FROM generate_series(1, 50) u;
SELECT uiml_alter_domain('shop', interests => 5);
SELECT version FROM uiml_train('shop');
SELECT * FROM refused($$ SELECT uiml_import_sequence('shop', data) FROM kept WHERE target = 'interest' $$);
SELECT * FROM refused($$ SELECT uiml_import_sequence('shop', data, 'item') FROM kept WHERE target = 'lstm' $$);
ROLLBACK;
-- A ridge of interests goes by the vectors of one version; a network doesn't, but interests may have got another meaning.
BEGIN;
SELECT model FROM uiml_train_sequence('shop', model => 'ridge') WHERE model = 'ridge' AND used;
CREATE TEMP TABLE ridge AS SELECT uiml_export_sequence('shop') AS data;
SELECT uiml_import_sequence('shop', data) FROM ridge;
SELECT uiml_export_sequence('shop') = data AS same_file FROM ridge;
UPDATE shop SET title = replace(title, 'kind', 'sort');
SELECT version FROM uiml_train('shop');
SELECT * FROM refused($$ SELECT uiml_import_sequence('shop', data) FROM ridge $$);
SELECT uiml_import_sequence('shop', data) FROM kept WHERE target = 'interest';
SELECT model, version, serving FROM uiml.sequence_models WHERE target = 'interest';
ROLLBACK;
-- Nothing of this has changed the model.
SELECT told = told('interest') AS same FROM kept WHERE target = 'interest';

-- A domain without times, or without a version.
CREATE TABLE timeless AS SELECT user_id, item_id FROM shop;
SELECT version FROM uiml_train('timeless', 'timeless', dims => 8, interests => 4);
SELECT * FROM refused($$ SELECT uiml_import_sequence('timeless', data) FROM kept WHERE target = 'interest' $$);
SELECT uiml_create_domain('untrained', 'shop');
SELECT * FROM refused($$ SELECT uiml_export_sequence('untrained') $$);
SELECT * FROM refused($$ SELECT uiml_import_sequence('untrained', data) FROM kept WHERE target = 'interest' $$);
SELECT * FROM refused($$ SELECT uiml_export_sequence('nowhere') $$);

-- Who may predict may export, who may train may import.
SELECT uiml_grant('shop', 'regress_uiml_bob', 'predict');
GRANT SELECT ON kept TO regress_uiml_bob;
SET ROLE regress_uiml_bob;
SELECT uiml_export_sequence('shop') = data AS exported FROM kept WHERE target = 'interest';
SELECT * FROM refused($$ SELECT uiml_import_sequence('shop', data) FROM kept WHERE target = 'interest' $$);
SET ROLE regress_uiml_alice;
SELECT uiml_grant('shop', 'regress_uiml_bob', 'train');
GRANT SELECT ON shop TO regress_uiml_bob;
SET ROLE regress_uiml_bob;
SELECT uiml_import_sequence('shop', data) FROM kept WHERE target = 'interest';
SELECT trained_by FROM uiml.sequence_models WHERE target = 'interest';
SET ROLE regress_uiml_alice;
SELECT uiml_revoke('shop', 'regress_uiml_bob');
SET ROLE regress_uiml_bob;
SELECT * FROM refused($$ SELECT uiml_export_sequence('shop') $$);

RESET ROLE;
SELECT uiml_drop_domain(d) FROM unnest('{regress_uiml_alice.shop,regress_uiml_alice.timeless,regress_uiml_alice.untrained}'::text[]) d;
DROP SCHEMA exchange_test CASCADE;
DROP ROLE regress_uiml_alice, regress_uiml_bob;
