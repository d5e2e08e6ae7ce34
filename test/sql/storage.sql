-- The tables of trained state: versions as partitions, the view of the active one, clean-up, failures.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE ROLE regress_uiml_storage;
CREATE SCHEMA storage_test AUTHORIZATION regress_uiml_storage;
CREATE SCHEMA storage_other AUTHORIZATION regress_uiml_storage;
SET ROLE regress_uiml_storage;
SET search_path = storage_test, public;

CREATE TABLE events (user_id text, item_id int, ts timestamptz, title text);
INSERT INTO events SELECT 'user ' || u, i, timestamptz '2025-01-01 00:00 UTC' + (u * 20 + i) * interval '1 minute', 'Title ' || i
FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE (u * 7 + i * 3) % 4 < 2 AND u % 2 = i % 2;
SELECT uiml_create_domain('shop', 'events', dims => 4, interests => 2);

-- What is left of a domain's tables: versions in the catalog, and partitions by number of version.
CREATE VIEW state AS
SELECT (SELECT string_agg(version || CASE WHEN active THEN ' active' ELSE '' END, ', ' ORDER BY version) FROM uiml.version
	WHERE owner = current_user::regrole AND domain = 'shop') AS versions,
	(SELECT string_agg(inhrelid::regclass::text, ', ' ORDER BY inhrelid::regclass::text COLLATE "C") FROM pg_inherits
	WHERE inhparent = 'shop_users_versions'::regclass) AS users,
	(SELECT count(*) FROM pg_inherits WHERE inhparent IN ('shop_items_versions'::regclass, 'shop_interests_versions'::regclass)) AS others;

-- Before the first training the views are there and empty.
SELECT (SELECT count(*) FROM shop_items) AS items, (SELECT count(*) FROM shop_interests) AS interests,
	(SELECT count(*) FROM shop_users) AS users;

SELECT version FROM uiml_train('shop');
SELECT version FROM uiml_train('shop');
SELECT * FROM state;
SELECT (SELECT count(*) FROM shop_items) AS items, (SELECT count(*) FROM shop_items_versions) AS of_all_versions,
	(SELECT count(*) FROM shop_items_v2) AS of_the_active, (SELECT count(*) FROM shop_interests) AS interests,
	(SELECT count(*) FROM shop_users) AS users;
SELECT item_no, item_id, title, users FROM shop_items ORDER BY item_no LIMIT 3;
SELECT DISTINCT uiml_dims(in_vector), uiml_dims(out_vector) FROM shop_items;

-- The executor reads the active version's partition only, by index
SET enable_seqscan = off;
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query;
END $$;
SELECT count(*) FILTER (WHERE p ~ 'Scan.* on shop_users_v1.*never executed') AS skipped,
	count(*) FILTER (WHERE p ~ 'Index Scan using shop_users_v2_pkey on shop_users_v2 .*rows=1') AS by_index
FROM plan('SELECT * FROM shop_users WHERE user_id = ''user 7''') p;
SELECT count(*) FILTER (WHERE p ~ 'Index Scan using shop_users_v2_pkey') AS by_key_alone
FROM plan('SELECT * FROM shop_users_v2 WHERE user_id = ''user 7''') p;
RESET enable_seqscan;

-- Rows of another version can't get in by hand
\set VERBOSITY terse
INSERT INTO shop_interests_v2 SELECT 1, interest_no, interest_id + 10, label, terms, share, items, typical, centroid
FROM shop_interests; \echo :SQLSTATE
INSERT INTO shop_interests_v2 SELECT 2, interest_no, interest_id, label, terms, share, items, typical, centroid
FROM shop_interests; \echo :SQLSTATE

\set VERBOSITY default

-- Versions beyond uiml.keep_versions go, but not inside a transaction block: locks would be held until its end
SET uiml.keep_versions = 2;
BEGIN;
SELECT version FROM uiml_train('shop');
COMMIT;
SELECT * FROM state;
SELECT version FROM uiml_train('shop');
SELECT version FROM uiml_train('shop');
SELECT version FROM uiml_train('shop');
SELECT count(*) AS of_old_versions FROM uiml.version WHERE domain = 'shop' AND version < 4;
SELECT count(*) AS of_old_versions FROM pg_class WHERE relname ~ '^shop_.*_v[123]$' AND relnamespace = 'storage_test'::regnamespace;

-- A view on a partition keeps its version and disturbs no training; a partition that is gone keeps nothing
CREATE VIEW dependent AS SELECT user_id FROM shop_users_v6;
SELECT version FROM uiml_train('shop');
SELECT version FROM uiml_train('shop');
SELECT version FROM uiml_train('shop');
SELECT version FROM uiml.version WHERE domain = 'shop' AND version = 6;
SELECT count(*) AS kept FROM pg_class WHERE relname ~ '^shop_.*_v6$' AND relnamespace = 'storage_test'::regnamespace;
DROP VIEW dependent;
DROP TABLE shop_users_v6;
SELECT version FROM uiml_train('shop');
SELECT version FROM uiml_train('shop');
SELECT count(*) AS kept FROM pg_class WHERE relname ~ '^shop_.*_v6$' AND relnamespace = 'storage_test'::regnamespace;

-- A training that fails leaves the version before it serving and no table behind
CREATE TABLE shop_users_v12 ();
SELECT version FROM uiml_train('shop'); \echo :SQLSTATE
SELECT count(*) AS left_behind FROM pg_class WHERE relname ~ '^shop_.*_v12$' AND relname <> 'shop_users_v12'
	AND relnamespace = 'storage_test'::regnamespace;
SELECT version FROM uiml.version WHERE domain = 'shop' AND active;
SELECT DISTINCT version FROM uiml_predict('user 7', 'shop');
DROP TABLE shop_users_v12;
SELECT version FROM uiml_train('shop');

-- Numbers of versions are not used again
BEGIN;
RESET ROLE;
DELETE FROM uiml.version WHERE domain = 'shop';
SET ROLE regress_uiml_storage;
SELECT version FROM uiml_train('shop'); \echo :SQLSTATE
ROLLBACK;

-- The tables may move to another schema; later versions follow
ALTER TABLE shop_users_versions SET SCHEMA storage_other;
SELECT version FROM uiml_train('shop');
SELECT relnamespace::regnamespace FROM pg_class WHERE relname = 'shop_users_v13' AND relowner = 'regress_uiml_storage'::regrole;
ALTER TABLE storage_other.shop_users_versions SET SCHEMA storage_test;

-- Without a parent there is nothing to add a version to
DROP TABLE shop_items_versions CASCADE;
SELECT version FROM uiml_train('shop'); \echo :SQLSTATE
SELECT uiml_drop_domain('shop');
SELECT relname FROM pg_class WHERE relname LIKE 'shop%' AND relowner = 'regress_uiml_storage'::regrole;

-- Keys: collations of the source are kept where they are deterministic
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE collated (user_id text COLLATE "POSIX", item_id text COLLATE caseless);
SELECT uiml_create_domain('collated', 'collated');
SELECT attname, attcollation::regcollation FROM pg_attribute
WHERE attrelid IN ('collated_users_versions'::regclass, 'collated_items_versions'::regclass) AND attname IN ('user_id', 'item_id')
ORDER BY 1;
SELECT uiml_drop_domain('collated');

RESET ROLE;
DROP SCHEMA storage_test, storage_other CASCADE;
DROP ROLE regress_uiml_storage;
