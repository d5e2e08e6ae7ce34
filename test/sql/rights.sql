-- Who may see, use, train and change a domain: owner, grantees, everybody else; and what a forger can't do.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
RESET client_min_messages;
CREATE ROLE regress_uiml_alice;
CREATE ROLE regress_uiml_bob;
CREATE ROLE "regress uiml.Carol";
CREATE SCHEMA rights_test AUTHORIZATION regress_uiml_alice;
CREATE SCHEMA rights_bob AUTHORIZATION regress_uiml_bob;
SET search_path = rights_test, public;

SET ROLE regress_uiml_alice;
CREATE TABLE events (user_id int, item_id int, ts timestamptz);
INSERT INTO events SELECT u, i, timestamptz '2025-01-01 00:00 UTC' + (u * 20 + i) * interval '1 minute'
FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE (u * 7 + i * 3) % 4 < 2 AND u % 2 = i % 2;
SET client_min_messages = warning;
SELECT uiml_create_domain('shop', 'events', dims => 4, interests => 2, half_life => NULL);
SELECT version FROM uiml_train('shop');
RESET client_min_messages;

-- Others see nothing and learn no names

SET ROLE regress_uiml_bob;
SELECT count(*) FROM uiml.domains WHERE owner::text ~ 'regress_uiml';
SELECT count(*) FROM uiml.domain WHERE owner::text ~ 'regress_uiml';
SELECT count(*) FROM uiml.version WHERE owner::text ~ 'regress_uiml';
SELECT count(*) FROM uiml.training_log WHERE owner::text ~ 'regress_uiml';
SELECT count(*) FROM uiml_predict(1);
SELECT count(*) FROM uiml_predict(1, 'shop'); \echo :SQLSTATE
SELECT version FROM uiml_train('shop'); \echo :SQLSTATE
SELECT uiml_alter_domain('shop', dims => 5); \echo :SQLSTATE
SELECT uiml_drop_domain('regress_uiml_alice.shop'); \echo :SQLSTATE
SELECT uiml_grant('shop', 'regress_uiml_bob', 'own'); \echo :SQLSTATE

-- Nor can they write in another's name

INSERT INTO uiml.domain (owner, name, events, user_col, item_col, kind_weights, features, options, items_table, interests_table, users_table, sequences_table)
VALUES ('regress_uiml_alice', 'forged', 0, 'u', 'i', '{}', 'auto', '{}', 0, 0, 0, 0); \echo :SQLSTATE
INSERT INTO uiml.domain (domain_id, owner, name, events, user_col, item_col, kind_weights, features, options, items_table, interests_table, users_table, sequences_table)
VALUES (1000000, 'regress_uiml_bob', 'forged', 0, 'u', 'i', '{}', 'auto', '{}', 0, 0, 0, 0); \echo :SQLSTATE
RESET ROLE;
SELECT domain_id AS shop FROM uiml.domain WHERE owner = 'regress_uiml_alice'::regrole \gset
SET ROLE regress_uiml_bob;
INSERT INTO uiml.grants VALUES (:shop, 'regress_uiml_alice', 'regress_uiml_bob', 'own'); \echo :SQLSTATE
INSERT INTO uiml.grants SELECT :shop, 'regress_uiml_bob', 'regress_uiml_bob', 'own'; \echo :SQLSTATE
INSERT INTO uiml.training_log (domain_id, owner, version, trained_by, started_at, elapsed, phases, memory)
SELECT :shop, 'regress_uiml_bob', 1, 0, now(), '0', '{}', 0; \echo :SQLSTATE
UPDATE uiml.version SET active = false;
DELETE FROM uiml.domain;
UPDATE uiml.version SET alpha = 1; \echo :SQLSTATE
SELECT setval('uiml.domain_id_seq', 1); \echo :SQLSTATE
SELECT count(*) FROM rights_test.shop_items; \echo :SQLSTATE

-- predict

SET ROLE regress_uiml_alice;
SELECT uiml_grant('shop', 'regress_uiml_bob');
GRANT USAGE ON SCHEMA rights_test TO regress_uiml_bob;
SELECT uiml_grant('shop', 'regress_uiml_bob', 'everything'); \echo :SQLSTATE
SELECT uiml_grant('shop', 'regress_uiml_nobody'); \echo :SQLSTATE
SELECT uiml_grant('shop', 'regress_uiml_alice'); \echo :SQLSTATE
SELECT uiml_revoke('shop', 'regress_uiml_alice'); \echo :SQLSTATE
SELECT grantee, privilege FROM uiml.grants;
SET ROLE regress_uiml_bob;
SELECT domain, owner, version FROM uiml.domains WHERE owner::text ~ 'regress_uiml';
SELECT count(*) > 0 AS predicts FROM uiml_predict(1, 'shop');
SELECT count(*) > 0 AS predicts FROM uiml_predict(1, 'regress_uiml_alice.shop');
SELECT count(*) > 0 AS reads FROM rights_test.shop_items;
SELECT count(*) > 0 AS reads FROM rights_test.shop_users_v1;
SELECT version FROM uiml_train('shop'); \echo :SQLSTATE
SELECT uiml_alter_domain('shop', dims => 5); \echo :SQLSTATE
SELECT uiml_drop_domain('shop'); \echo :SQLSTATE
SELECT uiml_grant('shop', 'regress uiml.Carol'); \echo :SQLSTATE
DELETE FROM uiml.grants;
INSERT INTO uiml.grants VALUES (:shop, 'regress_uiml_alice', '"regress uiml.Carol"', 'own'); \echo :SQLSTATE

-- train: reads with the trainer's rights, stores as the owner

SET ROLE regress_uiml_alice;
SELECT uiml_grant('shop', 'regress_uiml_bob', 'train');
SET ROLE regress_uiml_bob;
SET client_min_messages = warning;
SELECT version FROM uiml_train('shop'); \echo :SQLSTATE
SET ROLE regress_uiml_alice;
GRANT SELECT ON events TO regress_uiml_bob;
SET ROLE regress_uiml_bob;
SELECT version FROM uiml_train('shop');
RESET client_min_messages;
SELECT version, owner, trained_by, active FROM uiml.version WHERE domain_id = :shop ORDER BY version;
SELECT relowner::regrole FROM pg_class WHERE relname = 'shop_users_v2' AND relnamespace = 'rights_test'::regnamespace;
SELECT count(*) > 0 AS reads FROM rights_test.shop_users_v2;
SELECT current_user, current_setting('search_path');
SELECT uiml_alter_domain('shop', dims => 5); \echo :SQLSTATE

-- own

SET ROLE regress_uiml_alice;
SELECT uiml_grant('shop', 'regress_uiml_bob', 'own');
SELECT grantee, privilege FROM uiml.grants;
SET ROLE regress_uiml_bob;
SET client_min_messages = warning;
SELECT uiml_alter_domain('shop', dims => 5);
RESET client_min_messages;
SELECT dims FROM uiml.domain;
SELECT uiml_grant('shop', 'regress uiml.Carol', 'predict');
SELECT uiml_revoke('shop', 'regress uiml.Carol');
SELECT uiml_revoke('shop', 'regress uiml.Carol');

-- Names: one's own, else the only one, else 'owner.name'

CREATE TABLE rights_bob.events AS SELECT * FROM events;
SET client_min_messages = warning;
SELECT uiml_create_domain('shop', 'rights_bob.events', dims => 4, interests => 2);
SELECT domain, version FROM uiml_train('shop');
SELECT domain, version FROM uiml_train('regress_uiml_alice.shop');
SELECT uiml_grant('shop', 'regress uiml.Carol');
RESET client_min_messages;
SELECT DISTINCT domain, version FROM uiml_predict(1, 'shop');
SELECT DISTINCT domain, version FROM uiml_predict(1, 'regress_uiml_alice.shop');
SET ROLE regress_uiml_alice;
SELECT uiml_grant('shop', 'public');
SELECT grantee, privilege FROM uiml.grants ORDER BY grantee::text;
SET ROLE "regress uiml.Carol";
SELECT count(*) FROM uiml_predict(1, 'shop'); \echo :SQLSTATE
SELECT uiml_drop_domain('shop'); \echo :SQLSTATE
SELECT count(*) FROM uiml_predict(1, 'regress_uiml_nobody.shop'); \echo :SQLSTATE
SELECT count(*) FROM uiml_predict(1, 'regress uiml.Carol.shop'); \echo :SQLSTATE
SELECT domain, owner FROM uiml.domains WHERE owner::text ~ 'regress_uiml' ORDER BY owner::text;

-- Another's domain of the name doesn't keep one from registering one's own
RESET ROLE;
CREATE SCHEMA rights_carol AUTHORIZATION "regress uiml.Carol";
GRANT USAGE ON SCHEMA rights_bob TO "regress uiml.Carol";
SET ROLE "regress uiml.Carol";
CREATE TABLE rights_carol.events (user_id int, item_id int);
SET client_min_messages = warning;
SELECT uiml_create_domain('shop', 'rights_carol.events');
SELECT uiml_drop_domain('shop');
SELECT uiml_create_domain('mine', 'rights_bob.events', schema => 'rights_bob'); \echo :SQLSTATE
SELECT uiml_create_domain('mine', 'rights_bob.events', schema => 'rights_carol');
RESET client_min_messages;
SELECT version FROM uiml_train('mine'); \echo :SQLSTATE
SELECT count(*) FROM uiml_predict(1, 'mine'); \echo :SQLSTATE

-- Revoked

SET ROLE regress_uiml_alice;
SELECT uiml_revoke('shop', 'public'), uiml_revoke('shop', 'regress_uiml_bob');
SET ROLE regress_uiml_bob;
SELECT count(*) FROM rights_test.shop_items; \echo :SQLSTATE
SELECT count(*) FROM rights_test.shop_users_v3; \echo :SQLSTATE
SELECT DISTINCT domain, version FROM uiml_predict(1);
SELECT count(*) FROM uiml_predict(1, 'regress_uiml_alice.shop'); \echo :SQLSTATE

-- A grantee whose SELECT was taken away by hand: named an error, otherwise left out

SET ROLE regress_uiml_alice;
SELECT uiml_grant('shop', 'regress_uiml_bob');
REVOKE SELECT ON shop_items_v3 FROM regress_uiml_bob;
SET ROLE regress_uiml_bob;
SELECT DISTINCT domain, version FROM uiml_predict(1);
SELECT count(*) FROM uiml_predict(1, 'regress_uiml_alice.shop'); \echo :SQLSTATE

-- Hostile values: what an owner writes by hand is an error for him and is left out for others

SET ROLE regress_uiml_alice;
SELECT uiml_grant('shop', 'regress_uiml_bob');
CREATE VIEW trap AS SELECT 1 / (SELECT 0) AS user_id;
RESET ROLE;
-- DELETE isn't granted; an old dump, say, could bring such rows
CREATE FUNCTION forget_active() RETURNS void SECURITY DEFINER LANGUAGE sql AS $$ DELETE FROM uiml.version WHERE active AND owner = 'regress_uiml_alice'::regrole $$;
SET ROLE regress_uiml_alice;
CREATE FUNCTION as_forged(assignment text) RETURNS TABLE (code text, message text) LANGUAGE plpgsql AS $$
DECLARE
	columns text := 'domain_id, owner, domain, version, active, trained_by, rls_bypassed, data_until, half_life, users, items, '
		'events, dims, interests, explained, silhouette, alpha, item_alpha, temperature, event_mass, dispersion, generalization, sigma, digest, '
		'settings, items_table, interests_table, users_table';
BEGIN
	EXECUTE 'CREATE TEMP TABLE kept AS SELECT * FROM uiml.version WHERE active';
	EXECUTE 'CREATE TEMP TABLE forged AS SELECT * FROM kept';
	EXECUTE 'UPDATE forged SET ' || assignment;
	PERFORM rights_test.forget_active();
	EXECUTE format('INSERT INTO uiml.version (%1$s) SELECT %1$s FROM forged', columns);
	BEGIN
		PERFORM * FROM uiml_predict(1);
		code := 'none';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
	END;
	RETURN NEXT;
	PERFORM rights_test.forget_active();
	EXECUTE format('INSERT INTO uiml.version (%1$s) SELECT %1$s FROM kept', columns);
	DROP TABLE kept, forged;
END $$;
RESET ROLE;
DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO regress_uiml_alice', current_database()); END $$;
SET ROLE regress_uiml_alice;
SELECT assignment, f.* FROM unnest('{dims = 4,dims = 0,dims = 1000000000,interests = -1,items = -1,items = 4000000000,alpha = ''NaN'',alpha = 0,item_alpha = ''-Infinity'',temperature = -1,event_mass = 0,dispersion = -1,"generalization = ''{}''",half_life = 0,users_table = ''trap'',items_table = 0,items_table = ''pg_class'',interests_table = ''events''}'::text[])
	WITH ORDINALITY u (assignment, n), as_forged(assignment) f ORDER BY n;
UPDATE uiml.domain SET dims = -5;
SELECT version FROM uiml_train('shop'); \echo :SQLSTATE
UPDATE uiml.domain SET dims = 4, kind_weights = '{"view": -1}';
SELECT version FROM uiml_train('shop'); \echo :SQLSTATE
UPDATE uiml.domain SET kind_weights = '{}';

-- Row-level security on a derived table may run anybody's code: refused for the owner, left out for a grantee

ALTER TABLE shop_users_v3 ENABLE ROW LEVEL SECURITY;
SELECT count(*) FROM uiml_predict(1, 'shop'); \echo :SQLSTATE
SET ROLE regress_uiml_bob;
SELECT DISTINCT domain, version FROM uiml_predict(1);

SET ROLE regress_uiml_alice;
ALTER TABLE shop_users_v3 DISABLE ROW LEVEL SECURITY;

-- Code of the owner that a grantee's training meets, here in an index, runs as the owner and can't get out of that

SELECT uiml_grant('shop', 'regress_uiml_bob', 'train');
CREATE FUNCTION spy(real) RETURNS real LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF current_user <> 'regress_uiml_alice' OR session_user = current_user THEN
		RAISE 'spy runs as %', current_user;
	END IF;
	RETURN $1;
END $$;
CREATE INDEX shop_spy ON shop_interests_versions (spy(share));
SET ROLE regress_uiml_bob;
SET client_min_messages = warning;
SELECT version FROM uiml_train('regress_uiml_alice.shop');
RESET client_min_messages;
SET ROLE regress_uiml_alice;
CREATE OR REPLACE FUNCTION spy(real) RETURNS real LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM set_config('role', 'regress_uiml_bob', false);
	RETURN $1;
END $$;
SET ROLE regress_uiml_bob;
SET client_min_messages = warning;
SELECT version FROM uiml_train('regress_uiml_alice.shop'); \echo :SQLSTATE
RESET client_min_messages;
SELECT current_user;
SELECT DISTINCT domain, version FROM uiml_predict(1, 'regress_uiml_alice.shop');

RESET ROLE;
SET client_min_messages = warning;
SELECT uiml_drop_domain('regress_uiml_alice.shop'), uiml_drop_domain('regress_uiml_bob.shop'), uiml_drop_domain('mine');
DROP SCHEMA rights_test, rights_bob, rights_carol CASCADE;
DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM regress_uiml_alice', current_database()); END $$;
DROP ROLE regress_uiml_alice, regress_uiml_bob, "regress uiml.Carol";
