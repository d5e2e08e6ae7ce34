--
-- Transfers of somebody whose tables are traps: code of the owner's that runs, as himself, while others read
-- his tables can alter them between two statements.  What is read is checked where it is read.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE ROLE regress_uiml_mallory;
CREATE ROLE regress_uiml_victim;
CREATE SCHEMA traps AUTHORIZATION regress_uiml_mallory;
GRANT ALL ON SCHEMA traps TO PUBLIC;
SET search_path = traps, public;

SET ROLE regress_uiml_mallory;
CREATE TABLE events AS SELECT u AS user_id, i AS item_id FROM generate_series(1, 60) u, generate_series(1, 30) i
WHERE (u * 7 + i * 3) % 4 < 2 AND u % 3 = i % 3;
SELECT version FROM uiml_train('bait', 'events', dims => 4, interests => 3);
SELECT version FROM uiml_train('far', 'events', dims => 4, interests => 3);
SELECT uiml_grant('bait', 'public'), uiml_grant('far', 'public');
ALTER TABLE far_users_versions ADD COLUMN number int DEFAULT 1234567,
	ADD COLUMN other interest_vector DEFAULT '[0,0,0,0]', ADD COLUMN list int[] DEFAULT '{1,2,3}';
-- What the setting says, once
CREATE FUNCTION spring() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	todo text := current_setting('traps.todo', true);
BEGIN
	IF todo <> '' AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'traps.far_users_v1'::regclass AND attname = 'away') THEN
		EXECUTE todo;
	END IF;
END $$;
CREATE FUNCTION trap(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM traps.spring(); RETURN true; END $$;
ALTER TABLE bait_users_v1 ADD CHECK (trap(1));
GRANT SELECT ON events TO PUBLIC;
SET ROLE regress_uiml_victim;
CREATE TABLE mine AS SELECT * FROM events;
SELECT version FROM uiml_train('mine', 'mine', dims => 4, interests => 3);
SELECT count(*) FROM uiml_train_transfer('bait', 'mine');
RESET ROLE;

SET constraint_exclusion = on;
CREATE FUNCTION try(call text, todo text, OUT result text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('traps.todo', todo, true);
	EXECUTE 'SELECT count(*) FROM ' || call;
	RAISE 'done' USING ERRCODE = 'P0003';
EXCEPTION WHEN OTHERS THEN
	result := format('%s %s', SQLSTATE, SQLERRM);
END $$;
CREATE FUNCTION swap(one text, other text) RETURNS text LANGUAGE sql AS $$
	SELECT format('ALTER TABLE traps.far_users_versions RENAME %1$I TO away; ALTER TABLE traps.far_users_versions RENAME %2$I TO %1$I', one, other) $$;
CREATE VIEW swaps AS SELECT one, other, swap(one, other) AS todo FROM
	(VALUES ('items', 'number'), ('items', 'list'), ('vector', 'number'), ('vector', 'other'), ('user_id', 'other'), ('user_id', 'number')) s (one, other);
SELECT one, other, result FROM swaps, LATERAL try('uiml_train_transfer(''bait'', ''far'')', todo);
SELECT one, other, result FROM swaps, LATERAL try('uiml_check_domains(''bait'', ''far'', gain => false)', todo);
-- A source is read a second time after the trap of the target: who was there must still be
SELECT one, other, result FROM swaps, LATERAL try('uiml_train_transfer(''far'', ''bait'')', todo);
-- Where several domains are read for one user
SELECT one, other, result FROM swaps, LATERAL try('uiml_recommend(1)', todo);

-- A list that is longer than there are items would keep a transfer busy with it
SET ROLE regress_uiml_mallory;
UPDATE bait_users_v1 SET items = array_fill(1, ARRAY[100]) WHERE user_id = 1;
SET ROLE regress_uiml_victim;
SELECT count(*) FROM uiml_recommend(1, 'bait'); \echo :SQLSTATE
SELECT count(*) > 0 AS others FROM uiml_recommend(1);

-- A domain that everybody may read, and nobody can, keeps nobody from training what he may
SELECT * FROM uiml_train_transfer('bait', 'mine'); \echo :SQLSTATE
RESET client_min_messages;
SELECT DISTINCT source, target, users FROM uiml_train_transfer();
SET client_min_messages = warning;
RESET ROLE;
DROP SCHEMA traps CASCADE;
DELETE FROM uiml.domain WHERE name IN ('bait', 'far', 'mine');
DROP ROLE regress_uiml_mallory, regress_uiml_victim;
