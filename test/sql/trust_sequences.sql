--
-- Sequences of somebody whose tables are traps: their owner writes what he likes into the table of what users did last, and
-- alters it between two statements.  What is read is checked where it is read.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE ROLE regress_uiml_mallory;
CREATE ROLE regress_uiml_victim;
CREATE SCHEMA traps AUTHORIZATION regress_uiml_mallory;
GRANT ALL ON SCHEMA traps TO PUBLIC;
SET search_path = traps, public;

SET ROLE regress_uiml_mallory;
CREATE TABLE events AS SELECT u AS user_id, (u + n * (1 + u % 3)) % 30 AS item_id, timestamptz '2025-01-01 UTC' + n * interval '1 day' AS at
FROM generate_series(1, 60) u, generate_series(1, 12) n;
SELECT version FROM uiml_train('bait', 'events', dims => 4, interests => 3);
SELECT count(*) > 0 AS trained FROM uiml_train_sequence('bait', model => 'rules');
SELECT count(*) > 0 AS trained FROM uiml_train_sequence('bait', 'item', model => 'rules');
SELECT uiml_grant('bait', 'public');
RESET ROLE;

CREATE TABLE attempts (call text, statement text, named boolean);
INSERT INTO attempts VALUES
	('next', $$uiml_predict_next(7, 'regress_uiml_mallory.bait')$$, true),
	('next item', $$uiml_predict_next(7, 'regress_uiml_mallory.bait', target => 'item')$$, true),
	('predict', $$uiml_predict(7, 'regress_uiml_mallory.bait')$$, true),
	('predict all', $$uiml_predict_all('regress_uiml_mallory.bait')$$, true),
	('recommend', $$uiml_recommend(7, 'regress_uiml_mallory.bait')$$, true),
	('everything', $$uiml_predict(7)$$, false);
GRANT SELECT ON attempts TO PUBLIC;
-- As the victim, after the owner did something, which is rolled back: rows, or the error, of those who name the domain once
CREATE FUNCTION try(call text, OUT result text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT count(*) FROM ' || call INTO result;
EXCEPTION WHEN OTHERS THEN
	result := format('%s %s', SQLSTATE, SQLERRM);
END $$;
CREATE FUNCTION after(todo text) RETURNS TABLE (result text, calls text) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_uiml_mallory;
	EXECUTE todo;
	SET LOCAL ROLE regress_uiml_victim;
	RETURN QUERY SELECT t.result, string_agg(a.call, ', ' ORDER BY a.call) FROM attempts a, try(a.statement) t GROUP BY 1 ORDER BY 1;
	RESET ROLE;
END $$;

BEGIN; SELECT * FROM after('SELECT'); ROLLBACK;
-- Rows: numbers of items that are none, NULLs, shapes that no training writes
BEGIN; SELECT * FROM after($$UPDATE bait_sequences_versions SET recent = '{1,30}'$$); ROLLBACK;
BEGIN; SELECT * FROM after($$UPDATE bait_sequences_versions SET recent = '{-1}'$$); ROLLBACK;
BEGIN; SELECT * FROM after($$UPDATE bait_sequences_versions SET recent = '{1,NULL}'$$); ROLLBACK;
BEGIN; SELECT * FROM after($$UPDATE bait_sequences_versions SET recent = '{{1,2},{3,4}}'$$); ROLLBACK;
BEGIN; SELECT * FROM after($$UPDATE bait_sequences_versions SET recent = array_fill(1, '{201}')$$); ROLLBACK;
BEGIN; SELECT * FROM after($$UPDATE bait_sequences_versions SET recent = array_fill(1, '{1000000}')$$); ROLLBACK;
BEGIN; SELECT * FROM after($$ALTER TABLE bait_sequences_versions ALTER recent DROP NOT NULL; UPDATE bait_sequences_versions SET recent = NULL$$); ROLLBACK;
-- None: the model has nothing to say of him
BEGIN; SELECT * FROM after($$UPDATE bait_sequences_versions SET recent = '{}'$$); ROLLBACK;
BEGIN; SELECT * FROM after($$DELETE FROM bait_sequences_versions$$); ROLLBACK;
-- The table: columns, rights, row-level security, gone
BEGIN; SELECT * FROM after($$ALTER TABLE bait_sequences_versions RENAME recent TO away$$); ROLLBACK;
BEGIN; SELECT * FROM after($$DROP VIEW bait_sequences; ALTER TABLE bait_sequences_versions ALTER recent TYPE text$$); ROLLBACK;
BEGIN; SELECT * FROM after($$DROP VIEW bait_sequences; ALTER TABLE bait_sequences_versions ALTER recent TYPE bigint[]$$); ROLLBACK;
BEGIN; SELECT * FROM after($$ALTER TABLE bait_sequences_v1 ENABLE ROW LEVEL SECURITY$$); ROLLBACK;
BEGIN; SELECT * FROM after($$REVOKE SELECT ON bait_sequences_v1 FROM PUBLIC$$); ROLLBACK;
BEGIN; SELECT * FROM after($$ALTER TABLE bait_sequences_versions DETACH PARTITION bait_sequences_v1$$); ROLLBACK;
BEGIN; SELECT * FROM after($$DROP TABLE bait_sequences_v1$$); ROLLBACK;
BEGIN; SELECT * FROM after($$ALTER TABLE bait_sequences_v1 RENAME TO away; CREATE TABLE bait_sequences_v1 (version int, user_id text, recent text)$$); ROLLBACK;

-- A trap springs while the table is read: its columns change places between the check and the reading
SET ROLE regress_uiml_mallory;
ALTER TABLE bait_sequences_versions ADD COLUMN number int DEFAULT 1234567, ADD COLUMN other text DEFAULT 'none';
CREATE FUNCTION spring() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	todo text := current_setting('traps.todo', true);
BEGIN
	IF todo <> '' AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'traps.bait_sequences_v1'::regclass AND attname = 'away') THEN
		EXECUTE todo;
	END IF;
END $$;
CREATE FUNCTION trap(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM traps.spring(); RETURN true; END $$;
ALTER TABLE bait_users_v1 ADD CHECK (trap(1));
RESET ROLE;
SET constraint_exclusion = on;
CREATE FUNCTION swap(one text, other text) RETURNS text LANGUAGE sql AS $$
	SELECT format($f$SELECT set_config('traps.todo', $t$ALTER TABLE traps.bait_sequences_versions RENAME %1$I TO away;
		ALTER TABLE traps.bait_sequences_versions RENAME %2$I TO %1$I$t$, true)$f$, one, other) $$;
BEGIN; SELECT * FROM after(swap('recent', 'number')); ROLLBACK;
BEGIN; SELECT * FROM after(swap('recent', 'other')); ROLLBACK;
BEGIN; SELECT * FROM after(swap('user_id', 'other')); ROLLBACK;
RESET constraint_exclusion;

-- Tables of others under the names that a training needs fail it, and keep nobody from training the domain
SET ROLE regress_uiml_victim;
CREATE TABLE bait_sequences_v2 ();
CREATE TABLE bait_work_sequences ();
SET ROLE regress_uiml_mallory;
SELECT count(*) > 0 AS trained FROM uiml_train_sequence('bait', model => 'rules'); \echo :SQLSTATE
SELECT version FROM uiml_train('bait');
RESET ROLE;
SELECT domain, target, version, serving FROM uiml.sequence_models ORDER BY target;

DROP SCHEMA traps CASCADE;
DELETE FROM uiml.domain WHERE name = 'bait';
DROP ROLE regress_uiml_mallory, regress_uiml_victim;
