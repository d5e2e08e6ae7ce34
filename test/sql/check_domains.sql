--
-- Items that are the same in two domains: found, and what they are worth to the transfer.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE SCHEMA check_domains_test;
SET search_path = check_domains_test, public;

-- 300 readers of two shops who have nothing in common but eight things that are listed in both.
CREATE TABLE books AS
	SELECT u AS user_id, 'b' || i AS item_id FROM generate_series(1, 300) u, generate_series(1, 80) i
	WHERE i = 1 + u % 80 OR abs(hashint8extended(u * 1000 + i, 1)) % 100 < 8;
CREATE TABLE films AS
	SELECT u AS user_id, 'f' || i AS item_id FROM generate_series(1, 300) u, generate_series(1, 80) i
	WHERE i = 1 + u / 4 OR abs(hashint8extended(u * 1000 + i, 2)) % 100 < 8;
INSERT INTO books SELECT u, 'same ' || i FROM generate_series(1, 300) u, generate_series(1, 8) i
	WHERE abs(hashint8extended(u * 1000 + i, 3)) % 100 < 4 * i;
INSERT INTO films SELECT user_id, replace(item_id, 'same', 'also') FROM books WHERE item_id LIKE 'same%';
DELETE FROM films WHERE item_id = 'also 8' AND user_id % 9 = 0; -- not all of them noticed
SELECT name, users > 200 AS trained FROM unnest('{books,films}'::text[]) name,
	LATERAL uiml_train(name, name::regclass, dims => 16, interests => 4);

CREATE TABLE checked AS SELECT * FROM uiml_check_domains('books', 'films');
SELECT pair, source_item, target_item, users, jaccard, share FROM checked;

-- In SQL: the pairs, and the share of what users have in the target.
WITH b AS (SELECT item_id, array_agg(user_id) AS users FROM books GROUP BY item_id),
	f AS (SELECT item_id, array_agg(user_id) AS users FROM films GROUP BY item_id),
	p AS (
		SELECT b.item_id AS source_item, f.item_id AS target_item, cardinality(b.users) AS m, cardinality(f.users) AS n,
			(SELECT count(*) FROM unnest(b.users) u WHERE u = ANY (f.users)) AS users
		FROM b, f),
	q AS (SELECT * FROM p WHERE users >= 4 AND users >= .8 * (m + n - users))
SELECT count(*) AS pairs,
	count(*) FILTER (WHERE c.users = q.users AND abs(c.jaccard - q.users::float8 / (m + n - q.users)) < 5.1e-5
		AND abs(c.share - n::float8 / (SELECT count(*) FROM films)) < 5.1e-5) AS same,
	(SELECT abs(t.share - (SELECT count(*) FROM films f WHERE f.item_id IN (SELECT target_item FROM q))::float8
		/ (SELECT count(*) FROM films)) < 5.1e-5 FROM checked t WHERE t.source_item IS NULL) AS same_share
FROM q JOIN checked c USING (source_item, target_item);

-- They are all there is to gain.
SELECT gain > .01 AS gains, gain_without < .3 * gain AS little_without FROM checked WHERE source_item IS NULL;

-- A training tells.
\set VERBOSITY default
SELECT count(*) FROM uiml_train_transfer('books', 'films');

-- None: the last row alone, and nothing changes.
SELECT pair, source_item, users, jaccard, share, gain = gain_without AS same
FROM uiml_check_domains('books', 'films', users => 200);
SELECT pair, users, gain, gain_without FROM uiml_check_domains('books', 'films', jaccard => 1, gain => false)
WHERE source_item IS NULL;

-- Mistakes.
\set SHOW_CONTEXT never
SELECT * FROM uiml_check_domains(NULL, 'films'); \echo :SQLSTATE
SELECT * FROM uiml_check_domains('books', NULL); \echo :SQLSTATE
SELECT * FROM uiml_check_domains('books', 'books'); \echo :SQLSTATE
SELECT * FROM uiml_check_domains('books', 'plays'); \echo :SQLSTATE
SELECT * FROM uiml_check_domains('books', 'films', jaccard => 0); \echo :SQLSTATE
SELECT * FROM uiml_check_domains('books', 'films', jaccard => 1.5); \echo :SQLSTATE
SELECT * FROM uiml_check_domains('books', 'films', jaccard => NULL); \echo :SQLSTATE
SELECT * FROM uiml_check_domains('books', 'films', users => 0); \echo :SQLSTATE
SELECT * FROM uiml_check_domains('books', 'films', gain => NULL); \echo :SQLSTATE
CREATE TABLE strangers AS SELECT user_id + 1000 AS user_id, item_id FROM books;
SELECT uiml_create_domain('strangers', 'strangers', dims => 16, interests => 4);
SELECT * FROM uiml_check_domains('strangers', 'films'); \echo :SQLSTATE
SELECT version FROM uiml_train('strangers');
SELECT * FROM uiml_check_domains('strangers', 'films'); \echo :SQLSTATE

-- The caller must have the right to predict from both.
CREATE ROLE regress_uiml_checker;
GRANT USAGE ON SCHEMA check_domains_test TO regress_uiml_checker;
SELECT uiml_grant('books', 'regress_uiml_checker', 'predict');
SET ROLE regress_uiml_checker;
SELECT * FROM uiml_check_domains('books', 'films'); \echo :SQLSTATE
RESET ROLE;
SELECT uiml_grant('films', 'regress_uiml_checker', 'predict');
SET ROLE regress_uiml_checker;
SELECT pair FROM uiml_check_domains('books', 'films', gain => false) WHERE source_item IS NULL;
RESET ROLE;

SELECT count(uiml_drop_domain(name)) AS dropped FROM uiml.domain WHERE name IN ('books', 'films', 'strangers');
DROP OWNED BY regress_uiml_checker;
DROP ROLE regress_uiml_checker;
DROP SCHEMA check_domains_test CASCADE;
