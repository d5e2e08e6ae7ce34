-- Whoever predicts from a domain runs no code of its owner's: what the planner evaluates of a table runs as the owner.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE ROLE regress_uiml_mallory;
CREATE SCHEMA trust_test AUTHORIZATION regress_uiml_mallory;
SET search_path = trust_test, public;

SET ROLE regress_uiml_mallory;
CREATE TABLE events (user_id int, item_id int);
INSERT INTO events SELECT u, i FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE (u * 7 + i * 3) % 4 < 2 AND u % 2 = i % 2;
SELECT version FROM uiml_train('trap', 'events', dims => 4, interests => 2);
CREATE FUNCTION spy(place text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF current_user <> 'regress_uiml_mallory' THEN
		RAISE WARNING 'code of mallory runs as somebody else, through %', place;
	END IF;
	RETURN true;
END $$;
CREATE INDEX ON trap_users_v1 (mass) WHERE spy('an index of users');
CREATE INDEX ON trap_items_v1 (item_no) WHERE spy('an index of items');
CREATE INDEX ON trap_interests_v1 (interest_no) WHERE spy('an index of interests');
CREATE STATISTICS trap_statistics (ndistinct) ON (spy('statistics')), mass FROM trap_users_v1;
ALTER TABLE trap_users_v1 ADD CHECK (spy('a constraint'));

RESET ROLE;
SET constraint_exclusion = on;
SELECT count(*) FROM uiml_predict(1, 'trap');
SELECT count(*) FROM uiml_predict(1, 'trap');
SELECT count(*) FROM uiml_predict_all('trap', 1);
SELECT count(*) FROM uiml_predict_from('{1,2}'::int[], 'trap');
SELECT count(*) FROM uiml_recommend(1, 'trap', 5);
SELECT count(*) FROM uiml_recommend_from('{1,2}'::int[], 'trap', 5);
SELECT count(*) FROM uiml_interests('trap');
SELECT current_user = session_user AS myself, current_setting('search_path');

-- Nobody can lock the catalog against the others
SET ROLE regress_uiml_mallory;
SELECT relation, refused FROM unnest('{domain,version,grants,evaluation,training_log}'::text[]) relation,
	LATERAL (SELECT NOT has_table_privilege('uiml.' || relation, 'DELETE, UPDATE, TRUNCATE') AS refused) r;
BEGIN;
LOCK TABLE uiml.version IN ACCESS EXCLUSIVE MODE; \echo :SQLSTATE
ROLLBACK;
RESET ROLE;

-- Types and operators are pg_catalog's, even where a schema, or the session's temporary one, comes first
CREATE SCHEMA trust_first;
SET search_path = trust_first, pg_catalog, trust_test, public;
CREATE FUNCTION never() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'hijacked'; END $$;
CREATE FUNCTION never(pg_catalog.text, pg_catalog.text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'hijacked'; END $$;
CREATE FUNCTION never(pg_catalog.int4, pg_catalog.int4) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'hijacked'; END $$;
CREATE OPERATOR trust_first.= (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = never);
CREATE OPERATOR trust_first.<> (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = never);
CREATE OPERATOR trust_first.= (LEFTARG = pg_catalog.int4, RIGHTARG = pg_catalog.int4, FUNCTION = never);
CREATE DOMAIN trust_first.text AS pg_catalog.text CHECK (never());
CREATE DOMAIN trust_first.name AS pg_catalog.name CHECK (never());
CREATE DOMAIN trust_first.jsonb AS pg_catalog.jsonb CHECK (never());
CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (never());
CREATE DOMAIN pg_temp.name AS pg_catalog.name CHECK (never());
CREATE TABLE trust_test.titled AS SELECT user_id, item_id, concat('title ', item_id) AS title, now() AS ts, 'view'::pg_catalog.text AS kind FROM trust_test.events;
SET client_min_messages = error;
DO $$
DECLARE
	path pg_catalog.text;
	call pg_catalog.text;
BEGIN
	FOREACH path IN ARRAY ARRAY['trust_first, pg_catalog, trust_test, public', 'trust_test, public']::pg_catalog.text[] LOOP
		PERFORM pg_catalog.set_config('search_path', path, true);
		FOREACH call IN ARRAY ARRAY['uiml_train(''held'', ''titled'', dims => 4, interests => 2)', 'uiml_train(''held'')', 'uiml_predict(1, ''held'')', 'uiml_predict(1)',
			'uiml_recommend(1, ''held'')', 'uiml_interests(''held'')', 'uiml_evaluate(''held'')', 'uiml_grant(''held'', ''public'')', 'uiml_alter_domain(''held'', dims => 3)',
			'uiml_revoke(''held'', ''public'')', 'uiml_drop_domain(''held'')']::pg_catalog.text[] LOOP
			EXECUTE 'SELECT pg_catalog.count(*) FROM ' OPERATOR(pg_catalog.||) call;
		END LOOP;
	END LOOP;
END $$;
DROP SCHEMA trust_first CASCADE;
RESET client_min_messages;
DROP DOMAIN pg_temp.text, pg_temp.name;
SET search_path = trust_test, public;

-- A broken domain that everybody may read is an error for whoever names it, and left out of the others' predictions
SET ROLE regress_uiml_mallory;
SET client_min_messages = error;
SELECT uiml_grant('trap', 'public');
GRANT USAGE ON SCHEMA trust_test TO PUBLIC;
RESET client_min_messages;
CREATE TABLE calls (name text, call text);
INSERT INTO calls VALUES ('named', $$uiml_predict(1, 'trap')$$), ('predicted', 'uiml_predict(1)'), ('recommended', 'uiml_recommend(1)'),
	('history', $$uiml_recommend_from('{1,2}'::int[])$$), ('all users', 'uiml_predict_all()');
GRANT SELECT ON calls TO PUBLIC;
RESET ROLE;
CREATE FUNCTION results() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	c record;
	found bigint;
	result text;
BEGIN
	FOR c IN SELECT * FROM trust_test.calls LOOP
		BEGIN
			EXECUTE format('SELECT count(*) FROM %s p WHERE domain = %L', c.call, 'trap') INTO found;
			result := concat_ws(', ', result, c.name || ' ' || found);
		EXCEPTION WHEN OTHERS THEN
			result := concat_ws(', ', result, c.name || ' ' || SQLSTATE);
		END;
	END LOOP;
	RETURN result;
END $$;
CREATE FUNCTION damage(statement text, OUT owner text, OUT other text) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_uiml_mallory;
	EXECUTE statement;
	owner := trust_test.results();
	RESET ROLE;
	other := trust_test.results();
	RAISE '% | %', owner, other;
EXCEPTION WHEN raise_exception THEN
	NULL;
END $$;
CREATE TABLE mine AS SELECT * FROM events;
SELECT version FROM uiml_train('mine', 'mine', dims => 4, interests => 2);
\x on
SELECT * FROM damage('RESET client_min_messages');
SELECT * FROM damage($$UPDATE trap_users_v1 SET mass = 'NaN' WHERE user_id = 1$$);
SELECT * FROM damage($$UPDATE trap_users_v1 SET items = '{99}' WHERE user_id = 1$$);
SELECT * FROM damage($$ALTER TABLE trap_users_versions DETACH PARTITION trap_users_v1; ALTER TABLE trap_users_v1 RENAME COLUMN mass TO mess$$);
\x off
SELECT DISTINCT domain FROM uiml_predict(1);
SELECT uiml_drop_domain('mine');
DROP TABLE mine;

-- A key is a scalar: reading a value of another type could run the CHECK of a DOMAIN in it
SET ROLE regress_uiml_mallory;
CREATE DOMAIN spied AS int CHECK (spy('a domain'));
CREATE TYPE boxed AS (a spied);
ALTER TABLE trap_users_versions DETACH PARTITION trap_users_v1;
ALTER TABLE trap_users_v1 DROP CONSTRAINT trap_users_v1_pkey, ALTER user_id TYPE boxed USING row(user_id)::boxed;
RESET ROLE;
SELECT count(*) FROM uiml_predict('(1)', 'trap'); \echo :SQLSTATE
SET ROLE regress_uiml_mallory;
ALTER TABLE trap_users_v1 ALTER user_id TYPE spied[] USING ARRAY[(user_id).a];
RESET ROLE;
SELECT count(*) FROM uiml_predict('{1}', 'trap'); \echo :SQLSTATE
SET ROLE regress_uiml_mallory;
ALTER TABLE trap_users_v1 ALTER user_id TYPE spied USING user_id[1];
RESET ROLE;
SELECT count(*) FROM uiml_predict('1', 'trap');

-- Training casts keys to the type of the parent's column
SET ROLE regress_uiml_mallory;
SELECT version FROM uiml_train('trap2', 'events', dims => 4, interests => 2);
DROP TABLE trap2_users_versions CASCADE;
CREATE TABLE trap2_users_versions (version int, user_id spied) PARTITION BY LIST (version);
RESET ROLE;
DELETE FROM uiml.domain WHERE name = 'trap2';
SET ROLE regress_uiml_mallory;
INSERT INTO uiml.domain (owner, name, events, user_col, item_col, kind_weights, features, options, items_table, interests_table, users_table, sequences_table)
VALUES ('regress_uiml_mallory', 'trap2', 'events', 'user_id', 'item_id', '{}', 'auto', '{}', 'trap2_items_versions', 'trap2_interests_versions', 'trap2_users_versions', 'trap2_sequences_versions');
RESET ROLE;
\set VERBOSITY terse
SELECT version FROM uiml_train('trap2'); \echo :SQLSTATE
\set VERBOSITY default

-- The table that training passes over is its owner's to alter, from a view that texts are read from: what is read is checked
SET ROLE regress_uiml_mallory;
CREATE TABLE mischief AS SELECT ''::text AS statement;
CREATE FUNCTION meddle(item_id int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	made name := (SELECT c.oid::regclass FROM pg_class c WHERE relname ~ '^passed_work_v[0-9]+$' AND relkind = 'r');
	todo text := (SELECT replace(statement, 'WORK', made::text) FROM mischief);
BEGIN
	IF todo <> '' AND current_setting('trust_test.done', true) IS DISTINCT FROM todo THEN
		PERFORM set_config('trust_test.done', todo, false);
		EXECUTE todo;
	END IF;
	RETURN 'title ' || item_id;
END $$;
CREATE VIEW meddling AS SELECT i AS item_id, meddle(i) AS title FROM generate_series(1, 20) i;
-- the events of a user, packed: an item that does not exist
CREATE FUNCTION packed(item int) RETURNS bytea LANGUAGE sql AS $$
	SELECT decode('75766576' || '01000000' || '18000000' || '01000000', 'hex')
		|| set_byte(set_byte(set_byte(set_byte('\x00000000'::bytea, 0, item & 255), 1, item >> 8 & 255), 2, item >> 16 & 255), 3, item >> 24 & 255)
		|| '\x0000803f' $$;
SET uiml.memory_mode = 'passes';
CREATE FUNCTION try(todo text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	UPDATE mischief SET statement = todo;
	PERFORM FROM uiml_train('passed', 'events', dims => 4, interests => 2, items => 'meddling', item_key => 'item_id');
	RETURN 'trained';
EXCEPTION WHEN OTHERS THEN
	RETURN format('%s %s', SQLSTATE, SQLERRM);
END $$;
SET client_min_messages = warning;
SELECT try('ALTER TABLE WORK ALTER events TYPE int USING 123456');
SELECT try('ALTER TABLE WORK ALTER user_no TYPE text');
SELECT try('UPDATE WORK SET events = packed(2147483647)');
SELECT try('UPDATE WORK SET events = packed(20)');
SELECT try('UPDATE WORK SET user_no = 0');
SELECT try('ALTER TABLE WORK ALTER events DROP NOT NULL; UPDATE WORK SET events = NULL');
SELECT try('UPDATE WORK SET events = $x$\x$x$');
SELECT try('DROP TABLE WORK') ~ '^42P01 relation with OID [0-9]+ does not exist$' AS refused;
SELECT try('DELETE FROM WORK WHERE user_no > 0') <> '' AS survived;
SELECT try('');
RESET client_min_messages;
RESET uiml.memory_mode;
SELECT uiml_drop_domain('passed');
RESET ROLE;

-- What was dropped by hand is told, and keeps nobody from dropping the rest
SELECT uiml_drop_domain('trap2');
SELECT uiml_drop_domain('trap');
SET ROLE regress_uiml_mallory;
CREATE TABLE titles AS SELECT DISTINCT item_id, 'title' AS title FROM events;
SELECT version FROM uiml_train('trap3', 'events', dims => 4, interests => 2, items => 'titles', item_key => 'item_id');
BEGIN;
DROP TABLE trap3_users_versions CASCADE;
SELECT uiml_grant('trap3', 'public');
SELECT uiml_revoke('trap3', 'public');
SELECT uiml_drop_domain('trap3');
ROLLBACK;
DROP TABLE titles;
SELECT version FROM uiml_train('trap3'); \echo :SQLSTATE
DROP TABLE events;
SELECT version FROM uiml_train('trap3'); \echo :SQLSTATE
SELECT count(*) FROM uiml_evaluate('trap3'); \echo :SQLSTATE
SELECT count(*) FROM uiml_predict(1, 'trap3');
RESET ROLE;
REASSIGN OWNED BY regress_uiml_mallory TO CURRENT_USER;
DROP OWNED BY regress_uiml_mallory;
DROP ROLE regress_uiml_mallory;
\set VERBOSITY terse
SELECT uiml_drop_domain('trap3'); \echo :SQLSTATE
\set VERBOSITY default
UPDATE uiml.domain SET owner = current_user::regrole WHERE name = 'trap3';
SELECT count(*) FROM uiml_predict(1, 'trap3');
SELECT uiml_drop_domain('trap3');
DROP SCHEMA trust_test CASCADE;
