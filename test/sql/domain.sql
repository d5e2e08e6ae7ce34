-- Registering domains: which columns are chosen, what is refused, altering and dropping.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
RESET client_min_messages;
CREATE ROLE regress_uiml_domain;
CREATE SCHEMA domain_test AUTHORIZATION regress_uiml_domain;
CREATE SCHEMA "Domain test 2" AUTHORIZATION regress_uiml_domain;
CREATE FOREIGN DATA WRAPPER domain_test_fdw;
CREATE SERVER domain_test_server FOREIGN DATA WRAPPER domain_test_fdw;
CREATE FOREIGN TABLE domain_test.remote (user_id int, item_id int) SERVER domain_test_server;
SET ROLE regress_uiml_domain;
SET search_path = domain_test, public;

-- Recognition: common layouts

CREATE TABLE plain (user_id bigint, item_id bigint, created_at timestamptz, kind text, rating real, title text);
SELECT uiml_create_domain('plain', 'plain');

CREATE TABLE camel ("userId" int, "movieId" int, rating numeric, "timestamp" bigint);
SELECT uiml_create_domain('camel', 'camel');

CREATE TYPE action AS ENUM ('view', 'like');
CREATE TABLE article (sku varchar(20) PRIMARY KEY, body text, "Headline" text, price numeric);
CREATE TABLE clicks (customer uuid, sku varchar(20) REFERENCES article, action action, clicked date, at timestamp,
	updated_at timestamptz, body text);
SELECT uiml_create_domain('clicks', 'clicks');

-- A single timestamp is the time whatever its name.
CREATE TABLE stamped (uid text, product_id text, wann timestamptz, modified timestamptz);
SELECT uiml_create_domain('stamped', 'stamped');

-- Many long names stay within 80 columns.
CREATE TABLE wide (user_id int, item_id int, title text, headline text, item_title text, product_title text, item_name text,
	product_name text, subject text, caption text, name text, query text, description text);
SELECT uiml_create_domain('wide', 'wide');

SELECT domain, events, columns, items_table, texts, half_life, version FROM uiml.domains ORDER BY domain;
SELECT name, kind_weights, features, dims, interests, options FROM uiml.domain WHERE name = 'plain';

-- Recognition: a doubt is an error that tells the way out

CREATE TABLE two_users (user_id int, customer_id int, item_id int);
SELECT uiml_create_domain('d', 'two_users'); \echo :SQLSTATE
CREATE TABLE two_items (user_id int, track_id int, artist_id int, album_id int);
SELECT uiml_create_domain('d', 'two_items'); \echo :SQLSTATE
CREATE TABLE two_times (user_id int, item_id int, created_at timestamp, ts timestamp);
SELECT uiml_create_domain('d', 'two_times'); \echo :SQLSTATE
CREATE TABLE no_user (who int, item_id int, user_id json);
SELECT uiml_create_domain('d', 'no_user'); \echo :SQLSTATE
CREATE TABLE no_item (user_id int);
SELECT uiml_create_domain('d', 'no_item'); \echo :SQLSTATE
CREATE TABLE no_columns ();
SELECT uiml_create_domain('d', 'no_columns'); \echo :SQLSTATE
CREATE TABLE dropped (user_id int, item_id int, customer_id int, ts timestamp);
ALTER TABLE dropped DROP customer_id, DROP ts;
SELECT uiml_create_domain('dropped', 'dropped');
SELECT uiml_drop_domain('dropped');

-- Columns that are given

SELECT uiml_create_domain('given', 'two_users', user_col => 'customer_id');
SELECT uiml_drop_domain('given');
SELECT uiml_create_domain('given', 'plain', time_col => '', kind_col => '', weight_col => '', text_cols => '{}', half_life => NULL);
SELECT uiml_drop_domain('given');
SELECT uiml_create_domain('d', 'plain', user_col => 'nobody'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'no_user', user_col => 'user_id'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', user_col => ''); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', user_col => 'item_id', item_col => 'item_id'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', user_col => 'ctid'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', time_col => 'title'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', kind_col => 'rating'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', weight_col => 'kind'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', text_cols => '{title,rating}'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', text_cols => '{title,NULL}'); \echo :SQLSTATE

-- Keys of any scalar type; not composites, arrays or what has no order

CREATE DOMAIN code AS text CHECK (VALUE <> '');
CREATE TABLE keys (d code, u uuid, e action, n numeric, i inet, j jsonb, a int[], c plain, p point, x xml, r int4range);
SELECT uiml_create_domain('k1', 'keys', user_col => 'd', item_col => 'u');
SELECT uiml_create_domain('k2', 'keys', user_col => 'e', item_col => 'n');
SELECT uiml_create_domain('k3', 'keys', user_col => 'i', item_col => 'j');
SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod) AS type, collname AS collation
FROM pg_attribute LEFT JOIN pg_collation c ON c.oid = attcollation
WHERE attrelid IN ('k1_users_versions'::regclass, 'k1_items_versions'::regclass, 'k2_users_versions'::regclass,
	'k2_items_versions'::regclass) AND attname IN ('user_id', 'item_id') ORDER BY 1, 2;
SELECT uiml_create_domain('d', 'keys', user_col => 'a', item_col => 'u'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'keys', user_col => 'c', item_col => 'u'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'keys', user_col => 'p', item_col => 'u'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'keys', user_col => 'x', item_col => 'u'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'keys', user_col => 'r', item_col => 'u'); \echo :SQLSTATE

-- Items tables

CREATE TABLE item (code text, "productID" int UNIQUE, name text);
CREATE TABLE item_pk (number int PRIMARY KEY, name text, genres text);
CREATE TABLE item_none (item_id int PRIMARY KEY, price numeric);
SELECT uiml_create_domain('i1', 'plain', items => 'item_pk');
SELECT uiml_create_domain('i2', 'plain', items => 'item', item_text => '{name}');
SELECT uiml_create_domain('d', 'plain', items => 'item', item_key => 'code'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', items => 'item', item_key => 'number'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', items => 'item_none'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', item_text => '{name}'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', items => 'item_pk', item_text => '{number}'); \echo :SQLSTATE
CREATE TABLE item_parted (id int PRIMARY KEY, title text) PARTITION BY RANGE (id);
CREATE TABLE item_parted_1 PARTITION OF item_parted FOR VALUES FROM (0) TO (10);
CREATE TABLE item_parted_2 PARTITION OF item_parted FOR VALUES FROM (10) TO (20);
CREATE TABLE of_parted (uid int, product int REFERENCES item_parted) PARTITION BY RANGE (uid);
SELECT uiml_create_domain('i3', 'of_parted');
CREATE TABLE tag (name text PRIMARY KEY);
CREATE TABLE of_tag (uid int, item text REFERENCES tag);
SELECT uiml_create_domain('i4', 'of_tag');
-- The only text of a referenced table is its title, whatever the name.
CREATE TABLE film (code int PRIMARY KEY, "片名" text, year int);
CREATE TABLE of_film (uid int, film int REFERENCES film);
SELECT uiml_create_domain('i5', 'of_film');
CREATE TABLE two_texts (code int PRIMARY KEY, a text, b text);
CREATE TABLE of_two_texts (uid int, item int REFERENCES two_texts);
SELECT uiml_create_domain('i6', 'of_two_texts');
SELECT uiml_create_domain('i7', 'of_two_texts', item_text => '{b}');

-- Sources of every kind

CREATE VIEW plain_view AS SELECT * FROM plain;
CREATE MATERIALIZED VIEW plain_matview AS SELECT user_id, item_id FROM plain;
CREATE TABLE parted (LIKE plain) PARTITION BY RANGE (created_at);
CREATE SEQUENCE sequence;
CREATE INDEX plain_index ON plain (user_id);
CREATE TEMP TABLE passing (user_id int, item_id int);
SET client_min_messages = warning;
SELECT uiml_create_domain('s1', 'plain_view'), uiml_create_domain('s2', 'plain_matview'), uiml_create_domain('s3', 'parted'),
	uiml_create_domain('s4', 'remote');
RESET client_min_messages;
SELECT uiml_create_domain('d', 'sequence'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain_index'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'passing'); \echo :SQLSTATE
DROP TABLE passing;
SELECT uiml_create_domain('d', 'nowhere'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 4294967295::oid::regclass); \echo :SQLSTATE
SELECT uiml_create_domain('d', NULL); \echo :SQLSTATE

-- Names

SELECT uiml_create_domain(NULL, 'plain'); \echo :SQLSTATE
SELECT uiml_create_domain('', 'plain'); \echo :SQLSTATE
SELECT uiml_create_domain('a.b', 'plain'); \echo :SQLSTATE
SELECT uiml_create_domain(repeat('n', 41), 'plain'); \echo :SQLSTATE
SELECT uiml_create_domain('plain', 'plain'); \echo :SQLSTATE
SET client_min_messages = warning;
SELECT uiml_create_domain(repeat('n', 40), 'plain');
SELECT uiml_create_domain('Robert''); DROP TABLE "plain"; --', 'plain');
RESET client_min_messages;
SELECT count(*), max(length(relname)) FROM pg_class WHERE relname LIKE 'nnnnn%' AND relkind IN ('p', 'v');
SELECT relname FROM pg_class WHERE relname LIKE 'Robert%' AND relkind IN ('p', 'v') ORDER BY 1;
SELECT uiml_drop_domain('Robert''); DROP TABLE "plain"; --');
CREATE TABLE taken_users ();
SELECT uiml_create_domain('taken', 'plain'); \echo :SQLSTATE
SELECT uiml_create_domain('taken', 'plain', schema => 'Domain test 2', dims => 8);
SELECT uiml_create_domain('d', 'plain', schema => 'nowhere'); \echo :SQLSTATE
SELECT c.relname, a.attname, format_type(atttypid, atttypmod) AS type, attnotnull
FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = '"Domain test 2"'::regnamespace AND relkind = 'p' AND attnum > 0 ORDER BY relname COLLATE "C", attnum;
SELECT pg_get_viewdef('"Domain test 2".taken_users') LIKE '%v.active%' AS view_of_active;
SELECT obj_description(c.oid) FROM pg_class c WHERE relnamespace = '"Domain test 2"'::regnamespace AND relkind IN ('p', 'v')
ORDER BY relname COLLATE "C";

-- Values

SELECT uiml_create_domain('d', 'plain', dims => 0); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', dims => 1025); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', interests => -1); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', interests => 4097); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', half_life => '-1 day'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', half_life => '20000 years'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', features => 'magic'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', kind_weights => '[1]'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', kind_weights => '{"view": -1}'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', kind_weights => '{"view": "1"}'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', kind_weights => '{"view": {"a": 1}}'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', kind_weights => '{"view": 1e999}'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', options => '3'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', options => '{"sead": 1}'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', options => '{"seed": 1.5}'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', options => '{"whitening": "some"}'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', options => '{"encoder": 1}'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', options => '{"row_scale": 1.6}'); \echo :SQLSTATE
SELECT uiml_create_domain('d', 'plain', options => '{"row_scale": null}'); \echo :SQLSTATE

-- Altering

SELECT uiml_alter_domain('taken', weight_col => '', half_life => '1 month 2 hours', interests => 12,
	kind_weights => '{"buy": 5}', features => 'behaviour', options => '{"seed": 7, "row_scale": 0.2}');
SELECT half_life, dims, interests, kind_weights, features, options FROM uiml.domain WHERE name = 'taken';
SELECT uiml_alter_domain('taken', unset => '{time_col,kind_col,text_cols,half_life,dims,interests}');
SELECT half_life, dims, interests FROM uiml.domain WHERE name = 'taken';
SELECT uiml_alter_domain('taken', events => 'parted', items => 'item_pk');
SELECT uiml_alter_domain('taken', unset => '{items}');
SELECT uiml_alter_domain('taken', unset => '{user_col}'); \echo :SQLSTATE
SELECT uiml_alter_domain('taken', user_col => 'title'); \echo :SQLSTATE
SELECT uiml_alter_domain('taken', events => 'camel'); \echo :SQLSTATE
SELECT uiml_alter_domain('taken', dims => 5000); \echo :SQLSTATE
SELECT uiml_alter_domain('missing', dims => 5); \echo :SQLSTATE
SELECT uiml_alter_domain(NULL); \echo :SQLSTATE

-- Dropping: what depends on a derived table is in the way, and the owner may have dropped some by hand

CREATE VIEW dependent AS SELECT * FROM "Domain test 2".taken_items;
SELECT uiml_drop_domain('taken'); \echo :SQLSTATE
DROP VIEW dependent, "Domain test 2".taken_interests;
DROP TABLE "Domain test 2".taken_interests_versions;
SELECT uiml_drop_domain('taken');
SELECT relname FROM pg_class WHERE relnamespace = '"Domain test 2"'::regnamespace;
SELECT uiml_drop_domain('taken'); \echo :SQLSTATE
SELECT uiml_drop_domain(NULL);

-- The events of a domain may be gone; it can be dropped all the same.
DROP TABLE wide;
SELECT uiml_alter_domain('wide', dims => 5); \echo :SQLSTATE
SELECT uiml_drop_domain('wide');

SET client_min_messages = warning;
DO $$ DECLARE d text; BEGIN FOR d IN SELECT name FROM uiml.domain LOOP PERFORM uiml_drop_domain(d); END LOOP; END $$;
SELECT count(*) FROM pg_class WHERE relnamespace = 'domain_test'::regnamespace AND relkind IN ('p', 'v')
	AND relname ~ '_(items|interests|users)(_|$)';
RESET ROLE;
DROP SCHEMA domain_test, "Domain test 2" CASCADE;
DROP SERVER domain_test_server;
DROP FOREIGN DATA WRAPPER domain_test_fdw;
DROP ROLE regress_uiml_domain;
