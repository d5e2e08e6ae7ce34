-- Sequence models in the catalog and what users did last beside them: rights, clean-up, the view, the report.  The models here
-- are written by hand, as nobody but the owner of the catalog may; no prediction is made from them.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE ROLE regress_uiml_alice;
CREATE ROLE regress_uiml_bob;
CREATE ROLE regress_uiml_carol;
CREATE ROLE regress_uiml_mallory;
CREATE SCHEMA sequence_test AUTHORIZATION regress_uiml_alice;
GRANT USAGE ON SCHEMA sequence_test TO PUBLIC;
SET search_path = sequence_test, public;

SET ROLE regress_uiml_alice;
CREATE TABLE events (user_id text, item_id int, ts timestamptz);
INSERT INTO events SELECT 'user ' || u, i, timestamptz '2025-01-01 00:00 UTC' + (u * 20 + i) * interval '1 minute'
FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE (u * 7 + i * 3) % 4 < 2 AND u % 2 = i % 2;
SELECT version FROM uiml_train('shop', 'events', dims => 4, interests => 2);
SELECT uiml_grant('shop', 'regress_uiml_bob'), uiml_grant('shop', 'regress_uiml_carol', 'train');

-- The table is there before there is a model; the first training of one makes the version's partition
\d shop_sequences
\d shop_sequences_versions
SELECT count(*) FROM shop_sequences;
SELECT * FROM uiml.sequence_models;

RESET ROLE;
CREATE FUNCTION put(version integer, target text, kind text, network jsonb DEFAULT '[]') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v uiml.version;
	id bigint;
BEGIN
	SELECT * INTO STRICT v FROM uiml.version x WHERE x.domain = 'shop' AND x.version = put.version;
	DELETE FROM uiml.sequence_model m WHERE m.version_id = v.version_id AND m.target = put.target;
	EXECUTE format('CREATE TABLE IF NOT EXISTS sequence_test.shop_sequences_v%s PARTITION OF sequence_test.shop_sequences_versions
		FOR VALUES IN (%1$s)', version);
	EXECUTE format('ALTER TABLE sequence_test.shop_sequences_v%s OWNER TO regress_uiml_alice', version);
	INSERT INTO uiml.sequence_model (domain_id, owner, version_id, target, trained_by, kind, classes, embedding, hidden, max_length,
		users, events, sequences_table, settings, metrics, digest, bytes)
	VALUES (v.domain_id, v.owner, v.version_id, target, v.owner, kind, 2, 32, 64, 50, 24, 120,
		format('sequence_test.shop_sequences_v%s', version)::regclass, '{"by": "hand"}',
		jsonb_build_object('networks', network, 'results', jsonb_build_array(
			jsonb_build_object('model', 'popularity', 'loss', 0.75), jsonb_build_object('model', kind, 'loss', 0.61234567))), 1, 3)
	RETURNING sequence_model_id INTO id;
	INSERT INTO uiml.sequence_part VALUES (id, 0, '\x010203');
END $$;
SELECT put(1, 'interest', 'lstm', '[
	{"network": "lstm", "epochs": [
		{"epoch": 1, "loss": 0.70001, "accuracy": 0.5, "validation_loss": 0.69, "validation_accuracy": 0.51, "test_loss": null,
			"test_accuracy": null, "events_per_second": 1234.56, "kept": false},
		{"epoch": 2, "loss": 0.6, "accuracy": 0.6, "validation_loss": 0.61, "validation_accuracy": 0.59, "test_loss": 0.62,
			"test_accuracy": 0.58, "events_per_second": 2345.67, "kept": true}]},
	{"network": "generalization", "epochs": [{"epoch": 1, "loss": 0.8, "kept": true}]}]'), put(1, 'item', 'rules');
SET ROLE regress_uiml_alice;
INSERT INTO shop_sequences_versions SELECT 1, 'user ' || u, ARRAY[u, u % 3] FROM generate_series(1, 5) u;

--
-- Rights
--
-- Owner and grantees see a model, its parts, the view, and what users did
RESET ROLE;
CREATE FUNCTION sees() RETURNS TABLE (who name, models bigint, parts bigint, of_view text, rows text) LANGUAGE plpgsql AS $$
BEGIN
	SELECT current_user, (SELECT count(*) FROM uiml.sequence_model), (SELECT count(*) FROM uiml.sequence_part),
		(SELECT string_agg(m.target || ' ' || m.model, ', ' ORDER BY m.target) FROM uiml.sequence_models m)
	INTO who, models, parts, of_view;
	rows := (SELECT count(*) FROM sequence_test.shop_sequences);
	RETURN NEXT;
EXCEPTION WHEN insufficient_privilege THEN
	rows := SQLERRM;
	RETURN NEXT;
END $$;
SET ROLE regress_uiml_alice;
SELECT * FROM sees();
SET ROLE regress_uiml_bob;
SELECT * FROM sees();
SELECT count(*) AS partition FROM shop_sequences_versions;
SET ROLE regress_uiml_mallory;
SELECT * FROM sees();
SELECT count(*) FROM shop_sequences; \echo :SQLSTATE
SELECT count(*) FROM shop_sequences_v1; \echo :SQLSTATE

-- Nobody writes them, not even the owner of the domain, nor takes their numbers or locks them
SET ROLE regress_uiml_alice;
\set VERBOSITY terse
INSERT INTO uiml.sequence_model SELECT * FROM uiml.sequence_model; \echo :SQLSTATE
UPDATE uiml.sequence_model SET digest = 0; \echo :SQLSTATE
DELETE FROM uiml.sequence_model; \echo :SQLSTATE
INSERT INTO uiml.sequence_part SELECT sequence_model_id, 1, '\x' FROM uiml.sequence_model; \echo :SQLSTATE
DELETE FROM uiml.sequence_part; \echo :SQLSTATE
SELECT nextval('uiml.sequence_model_id_seq'); \echo :SQLSTATE
BEGIN;
LOCK uiml.sequence_model; \echo :SQLSTATE
ROLLBACK;

-- A function of a stranger's in the condition sees no row that isn't his to see
SET ROLE regress_uiml_mallory;
CREATE FUNCTION pg_temp.spy(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE WARNING 'saw %', $1; RETURN true; END $$;
SELECT count(*) FROM uiml.sequence_models WHERE pg_temp.spy(domain);
DROP FUNCTION pg_temp.spy;
\set VERBOSITY default

-- A new partition is granted as the others, and what is revoked is revoked of all
SET ROLE regress_uiml_alice;
SELECT uiml_grant('shop', 'regress_uiml_mallory');
SET ROLE regress_uiml_mallory;
SELECT * FROM sees();
SET ROLE regress_uiml_alice;
SELECT uiml_revoke('shop', 'regress_uiml_mallory');
SET ROLE regress_uiml_mallory;
SELECT * FROM sees();

--
-- The view and the report
--
SET ROLE regress_uiml_bob;
SELECT domain, target, model, version, serving, users, classes, size, loss FROM uiml.sequence_models ORDER BY target;
SELECT network, epoch, loss, accuracy AS acc, validation_loss AS v_loss, validation_accuracy AS v_acc, kept
FROM uiml_sequence_report('shop');
SELECT network, epoch, test_loss, test_accuracy, events_per_second FROM uiml_sequence_report('regress_uiml_alice.shop', 'interest');
SELECT * FROM uiml_sequence_report('shop', 'item');
SELECT * FROM uiml_sequence_report('shop', 'word'); \echo :SQLSTATE
SELECT count(*) AS of_null FROM uiml_sequence_report(NULL);
SELECT * FROM uiml_sequence_report('nowhere'); \echo :SQLSTATE
SET ROLE regress_uiml_mallory;
SELECT * FROM uiml_sequence_report('shop'); \echo :SQLSTATE

-- Metrics that no training wrote are an error at most
RESET ROLE;
\set VERBOSITY terse
BEGIN;
UPDATE uiml.sequence_model SET metrics = '{"networks": [{"network": "lstm", "epochs": [{"epoch": "first"}]}]}' WHERE target = 'item';
SELECT * FROM uiml_sequence_report('regress_uiml_alice.shop', 'item'); \echo :SQLSTATE
ROLLBACK;
BEGIN;
UPDATE uiml.sequence_model SET metrics = '{"networks": 7}' WHERE target = 'item';
SELECT * FROM uiml_sequence_report('regress_uiml_alice.shop', 'item'); \echo :SQLSTATE
ROLLBACK;
BEGIN;
UPDATE uiml.sequence_model SET metrics = '{}' WHERE target = 'item';
SELECT count(*) FROM uiml_sequence_report('regress_uiml_alice.shop', 'item');
SELECT loss FROM uiml.sequence_models WHERE target = 'item';
ROLLBACK;

\set VERBOSITY default

--
-- Dropping a model
--
-- It needs train; the rows of users stay as long as the other target's model needs them
SET ROLE regress_uiml_bob;
SELECT uiml_drop_sequence('shop'); \echo :SQLSTATE
SET ROLE regress_uiml_mallory;
SELECT uiml_drop_sequence('regress_uiml_alice.shop'); \echo :SQLSTATE
SET ROLE regress_uiml_carol;
SELECT uiml_drop_sequence('shop', 'word'); \echo :SQLSTATE
SELECT uiml_drop_sequence('shop');
SELECT * FROM sees();
SELECT uiml_drop_sequence('shop'); \echo :SQLSTATE
SELECT * FROM uiml_sequence_report('shop'); \echo :SQLSTATE
SELECT uiml_drop_sequence('shop', 'item');
SELECT * FROM sees();
SET ROLE regress_uiml_alice;
SELECT count(*) AS of_all_versions FROM shop_sequences_versions;

--
-- Versions
--
-- The view has the newest of each target; those of older versions are gone with them, by bounds and not by name
RESET ROLE;
SELECT put(1, 'interest', 'lstm'), put(1, 'item', 'rules');
SET ROLE regress_uiml_alice;
ALTER TABLE shop_sequences_v1 RENAME TO renamed;
CREATE TABLE shop_sequences_v1 ();
BEGIN;
SET LOCAL client_min_messages = error; -- of models that are written by hand
SELECT version FROM uiml_train('shop');
COMMIT;
RESET ROLE;
SELECT put(2, 'interest', 'mixture');
SELECT target, model, version, serving FROM uiml.sequence_models WHERE owner = 'regress_uiml_alice'::regrole ORDER BY target;
DELETE FROM uiml.sequence_model;
SELECT put(2, 'interest', 'mixture');
SELECT uiml_drop_sequence('regress_uiml_alice.shop');
SET ROLE regress_uiml_alice;
SET uiml.keep_versions = 1;
SELECT version FROM uiml_train('shop');
SELECT version FROM uiml_train('shop');
SELECT relname FROM pg_class WHERE (relname ~ '^shop_.*_v[12]$' OR relname = 'renamed') AND relnamespace = 'sequence_test'::regnamespace;
DROP TABLE shop_sequences_v1;
RESET uiml.keep_versions;

--
-- Tables that are not there, or not ours
--
SET ROLE regress_uiml_alice;
ALTER TABLE shop_sequences_versions RENAME TO other;
CREATE TABLE shop_sequences_versions ();
SELECT version > 4 AS trained FROM uiml_train('shop');
DROP TABLE shop_sequences_versions;
DROP TABLE other CASCADE;
SELECT version FROM uiml_train('shop'); \echo :SQLSTATE
RESET ROLE;
SELECT target FROM uiml.sequence_models WHERE owner = 'regress_uiml_alice'::regrole;
SET ROLE regress_uiml_alice;
SELECT uiml_drop_sequence('shop'); \echo :SQLSTATE
SELECT uiml_grant('shop', 'regress_uiml_bob');
SELECT uiml_drop_domain('shop');
SELECT relname FROM pg_class WHERE relname LIKE 'shop%' AND relnamespace = 'sequence_test'::regnamespace;
-- Another's table under a name that is needed
RESET ROLE;
GRANT CREATE ON SCHEMA sequence_test TO regress_uiml_mallory;
SET ROLE regress_uiml_mallory;
CREATE TABLE shop_sequences_versions ();
SET ROLE regress_uiml_alice;
SELECT uiml_create_domain('shop', 'events'); \echo :SQLSTATE
RESET ROLE;
DROP TABLE shop_sequences_versions;

-- A domain takes its models along
SET ROLE regress_uiml_alice;
SELECT version FROM uiml_train('shop', 'events', dims => 4, interests => 2);
RESET ROLE;
SELECT put(1, 'interest', 'lstm');
SET ROLE regress_uiml_alice;
SELECT uiml_drop_domain('shop');
RESET ROLE;
SELECT (SELECT count(*) FROM uiml.sequence_model) AS models, (SELECT count(*) FROM uiml.sequence_part) AS parts;

DROP SCHEMA sequence_test CASCADE;
DROP ROLE regress_uiml_alice, regress_uiml_bob, regress_uiml_carol, regress_uiml_mallory;
