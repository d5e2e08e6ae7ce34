--
-- Newcomers: what users of one domain do in another, hidden and told from a transfer.
--
-- 400 readers of two shops, of four kinds; what a reader does in the second shop follows from his kind.  Everything
-- follows from hashes, so every run sees the same rows.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE SCHEMA newcomers_test;
SET search_path = newcomers_test, public;

CREATE FUNCTION did(reader integer, item integer, kind integer, salt integer) RETURNS boolean
	IMMUTABLE LANGUAGE sql AS $$
	SELECT abs(hashint8extended(reader * 1000 + item, salt)) % 100 < CASE WHEN (item - 1) / 30 = kind THEN 40 ELSE 4 END
$$;
CREATE TABLE books AS
	SELECT u AS user_id, i AS item_id FROM generate_series(1, 400) u, generate_series(1, 120) i WHERE did(u, i, u % 4, 1);
-- The keys are of another type there, and a hundred people are in one shop only.
CREATE TABLE films AS
	SELECT u::text AS user_id, 'f' || i AS item_id FROM generate_series(101, 500) u, generate_series(1, 120) i
	WHERE did(u, i, (u + 1) % 4, 2);
-- The same people, each in the place of another.
CREATE TABLE scrambled AS
	SELECT p.number AS user_id, item_id
	FROM books JOIN (SELECT u, row_number() OVER (ORDER BY hashint8extended(u, 9)) AS number FROM generate_series(1, 400) u) p
		ON p.u = user_id;
CREATE TABLE strangers AS SELECT user_id + 1000 AS user_id, item_id FROM books;

SELECT uiml_create_domain(name, name::regclass, interests => 4, dims => 8)
FROM unnest('{books,films,scrambled,strangers}'::text[]) name;

-- From books to films: 300 are in both, a quarter is tested.
CREATE TABLE gained AS
	SELECT * FROM uiml_evaluate('films', 'newcomers', at => '{10}', source => 'books', negatives => 50);
SELECT metric, k, baseline, users, value > baseline_value AS above,
	low <= value AND value <= high AS interval
FROM gained;
SELECT bool_and(value > 1.3 * baseline_value) AS planted FROM gained WHERE metric IN ('ndcg', 'mrr (50 sampled)');
SELECT bool_and(value < baseline_value - .2) AS planted FROM gained WHERE metric = 'logloss' AND baseline <> 'linear';
SELECT count(*) FROM uiml.version JOIN uiml.domain USING (domain_id) WHERE name IN ('books', 'films');

-- Nothing is gained where nothing is to be gained, and nothing lost: the verdict is against the transfer.
SELECT metric, baseline, value = baseline_value AS same
FROM uiml_evaluate('films', 'newcomers', at => '{10}', source => 'scrambled')
WHERE metric IN ('ndcg', 'hr', 'logloss', 'accuracy') AND baseline NOT IN ('linear', 'history alone', 'history smoothed');

-- Observed items count as history: the same users, of whom more is known.
CREATE TABLE observed AS
	SELECT n, e.* FROM unnest('{0,2,6}'::integer[]) n,
		LATERAL uiml_evaluate('films', 'newcomers', at => '{10}', source => 'books', observed => n) e;
SELECT bool_and(a.baseline_value > b.baseline_value) AS more_is_known
FROM observed a JOIN observed b USING (metric, baseline)
WHERE metric = 'logloss' AND baseline = 'history' AND a.n < b.n;
SELECT n, max(users) AS users FROM observed WHERE metric = 'logloss' GROUP BY n ORDER BY n;

-- Five users are too few to learn from.
SELECT bool_and(few.value > g.value + .2) AS less
FROM uiml_evaluate('films', 'newcomers', at => '{10}', source => 'books', overlap => 5) few JOIN gained g USING (metric, baseline)
WHERE metric = 'logloss' AND baseline = 'prior';

-- The same seed gives the same figures, in either memory mode and whatever the order of rows.
SET uiml.memory_mode = 'passes';
SELECT count(*) AS differ FROM (
	SELECT metric, round(value::numeric, 2) FROM gained EXCEPT
	SELECT metric, round(value::numeric, 2)
	FROM uiml_evaluate('films', 'newcomers', at => '{10}', source => 'books', negatives => 50)) x;
RESET uiml.memory_mode;
CREATE TABLE shuffled AS SELECT * FROM films ORDER BY hashtext(user_id || item_id);
SELECT uiml_create_domain('shuffled', 'shuffled', interests => 4, dims => 8);
SELECT count(*) AS differ FROM (SELECT * FROM gained EXCEPT
	SELECT * FROM uiml_evaluate('shuffled', 'newcomers', at => '{10}', source => 'books', negatives => 50)) x;

-- Mistakes.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT * FROM uiml_evaluate('films', 'newcomers'); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('films', 'newcomers', source => 'films'); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('films', 'newcomers', source => 'plays'); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('films', 'newcomers', source => 'strangers'); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('films', 'newcomers', source => 'books', observed => 1000); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('films', 'newcomers', source => 'books', observed => -1); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('films', 'newcomers', source => 'books', observed => NULL); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('films', 'newcomers', source => 'books', overlap => 0); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('films', 'newcomers', source => 'books', negatives => 0); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('films', 'newcomers', source => 'books', negatives => 100001); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('films', source => 'books'); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('films', observed => 2); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('films', 'time', negatives => 99); \echo :SQLSTATE
SELECT * FROM uiml_compare('films', '{}', '{}', 'newcomers'); \echo :SQLSTATE
SET maintenance_work_mem = '1MB';
\set VERBOSITY terse
INSERT INTO books SELECT g / 40, g % 3000 FROM generate_series(1, 60000) g;
SELECT * FROM uiml_evaluate('films', 'newcomers', source => 'books'); \echo :SQLSTATE
\set VERBOSITY default
RESET maintenance_work_mem;

-- The caller needs the right to predict, and to read the events, of both.
CREATE ROLE regress_uiml_newcomer;
GRANT USAGE ON SCHEMA newcomers_test TO regress_uiml_newcomer;
SELECT uiml_grant('films', 'regress_uiml_newcomer', 'predict');
GRANT SELECT ON films TO regress_uiml_newcomer;
SET ROLE regress_uiml_newcomer;
SELECT * FROM uiml_evaluate('films', 'newcomers', source => 'scrambled'); \echo :SQLSTATE
RESET ROLE;
SELECT uiml_grant('scrambled', 'regress_uiml_newcomer', 'predict');
SET ROLE regress_uiml_newcomer;
SELECT * FROM uiml_evaluate('films', 'newcomers', source => 'scrambled'); \echo :SQLSTATE
RESET ROLE;
GRANT SELECT ON scrambled TO regress_uiml_newcomer;
SET ROLE regress_uiml_newcomer;
SELECT count(*) > 0 AS evaluated FROM uiml_evaluate('films', 'newcomers', source => 'scrambled');
RESET ROLE;

SELECT count(uiml_drop_domain(name)) AS dropped FROM uiml.domain
WHERE name IN ('books', 'films', 'scrambled', 'strangers', 'shuffled');
DROP OWNED BY regress_uiml_newcomer;
DROP ROLE regress_uiml_newcomer;
DROP SCHEMA newcomers_test CASCADE;
