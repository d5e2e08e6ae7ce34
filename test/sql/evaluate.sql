--
-- Evaluation: figures on users and on times that were held out, and what is refused.
--
-- Four groups of 50 users and 30 items each; everything follows from hashes, so every run sees the same rows.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE SCHEMA evaluate_test;
SET search_path = evaluate_test, public;

CREATE TABLE reads (user_id bigint, article_id bigint, kind text, read_at timestamptz);
INSERT INTO reads
SELECT u, i, CASE WHEN h % 5 = 0 THEN 'like' ELSE 'view' END,
	'2024-03-01 00:00+00'::timestamptz - (h % 4000) * interval '20 minutes'
FROM generate_series(1, 200) u, generate_series(1, 120) i,
	LATERAL (SELECT abs(hashint8extended(u * 1000 + i, 7)) % 1000003 AS h) x
WHERE h % 100 < CASE WHEN u % 4 = (i - 1) / 30 THEN 50 ELSE 4 END;
SELECT uiml_create_domain('judged', 'reads', interests => 4, half_life => '30 days');

-- An untrained domain can be evaluated, and stays untrained.
CREATE TABLE by_users AS SELECT * FROM uiml_evaluate('judged');
SELECT metric, k, baseline, users, value > baseline_value AS above_baseline,
	low <= value AND value <= high AS interval
FROM by_users;
SELECT bool_and(value BETWEEN 0 AND 1) AS shares FROM by_users WHERE metric NOT IN ('logloss', 'novelty');
SELECT value > 1.5 * baseline_value AS planted FROM by_users WHERE metric = 'ndcg' AND k = 20;
SELECT value > .6 AS planted FROM by_users WHERE metric = 'accuracy';
SELECT abs(baseline_value - ln(4)) < .1 AS even_prior FROM by_users WHERE metric = 'logloss';
SELECT count(*) AS versions FROM uiml.version JOIN uiml.domain USING (domain_id) WHERE name = 'judged';

-- The same seed gives the same figures, in any order of rows; another one other test users.
CREATE TABLE shuffled AS SELECT * FROM reads ORDER BY hashint8extended(article_id * 1000 + user_id, 1);
SELECT uiml_create_domain('shuffled', 'shuffled', interests => 4, half_life => '30 days');
SELECT count(*) AS differ FROM (SELECT * FROM by_users EXCEPT SELECT * FROM uiml_evaluate('shuffled')) x;
SELECT count(*) > 0 AS differ FROM (SELECT * FROM by_users EXCEPT SELECT * FROM uiml_evaluate('judged', seed => 1)) x;

-- The split and the popularity baseline, repeated in SQL.
WITH pair AS (
	SELECT user_id, article_id, sum(CASE kind WHEN 'like' THEN 3 ELSE 1 END
		* 2 ^ (extract(epoch FROM read_at - (SELECT max(read_at) FROM reads)) / (30 * 86400))) AS mass
	FROM reads GROUP BY user_id, article_id
), judge AS (
	SELECT user_id, hashtextextended(user_id::text, 5) AS hash, count(*) AS items
	FROM pair GROUP BY user_id HAVING count(*) >= 2 ORDER BY 2 LIMIT 50
), split AS (
	SELECT user_id, article_id, greatest(1, floor(.25 * items)) AS n,
		row_number() OVER (PARTITION BY user_id ORDER BY hashtextextended(article_id::text, hash))
			<= greatest(1, floor(.25 * items)) AS hidden
	FROM pair JOIN judge USING (user_id)
), popularity AS (
	SELECT article_id, sum(mass) AS mass FROM pair WHERE user_id NOT IN (SELECT user_id FROM judge) GROUP BY article_id
), ranked AS (
	SELECT j.user_id, p.article_id, row_number() OVER (PARTITION BY j.user_id ORDER BY p.mass DESC) AS rank
	FROM judge j CROSS JOIN popularity p
	WHERE NOT EXISTS (SELECT FROM split s WHERE s.user_id = j.user_id AND s.article_id = p.article_id AND NOT s.hidden)
), recall AS (
	SELECT s.user_id, count(r.rank)::float8 / least(10, max(s.n)) AS value
	FROM split s LEFT JOIN ranked r ON r.user_id = s.user_id AND r.article_id = s.article_id AND r.rank <= 10
	WHERE s.hidden GROUP BY s.user_id
)
SELECT count(*) AS users, abs(avg(r.value) - max(e.baseline_value)) < 5.1e-5 AS same
FROM recall r, uiml_evaluate('judged', fold_in => .75, seed => 5) e WHERE e.metric = 'recall' AND e.k = 10;

-- By time: what comes after the oldest nine tenths of the events.
CREATE TABLE by_time AS SELECT * FROM uiml_evaluate('judged', holdout => 'time', at => '{5}');
SELECT metric, k, users > 100 AS users, value > baseline_value AS above_baseline FROM by_time;
SELECT users = (
	SELECT count(*) FROM (
		SELECT user_id FROM reads r,
			(SELECT read_at FROM reads ORDER BY read_at OFFSET (SELECT floor(.9 * count(*)) FROM reads) LIMIT 1) AS cut (at)
		GROUP BY user_id HAVING bool_or(r.read_at < cut.at) AND bool_or(r.read_at >= cut.at)) AS both_sides) AS both_sides
FROM by_time WHERE metric = 'recall';

-- Lists, test users, the folded-in share, dims and interests as asked.
SELECT DISTINCT k, users FROM uiml_evaluate('judged', at => '{7,3}', users => 20) ORDER BY k;
SELECT a.value < b.value AS more_history_helps
FROM uiml_evaluate('judged', fold_in => .05) a JOIN by_users b USING (metric) WHERE metric = 'accuracy';
SELECT a.baseline_value < b.baseline_value AS two_are_easier
FROM uiml_evaluate('judged', dims => 3, interests => 2) a JOIN by_users b USING (metric) WHERE metric = 'logloss';

-- Users with one item are never tested; they still count as popularity.
INSERT INTO reads SELECT 1000 + g, 1 + g % 120, 'view', '2024-02-01' FROM generate_series(1, 400) g;
SELECT DISTINCT users FROM uiml_evaluate('judged') WHERE metric IN ('recall', 'logloss');

-- Mistakes.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT * FROM uiml_evaluate(NULL); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('judged', NULL); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('judged', 'items'); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('judged', at => '{10,0}'); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('judged', at => '{10,NULL}'); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('judged', at => '{}'); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('judged', at => '{{1,2},{3,4}}'); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('judged', fold_in => 1); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('judged', fold_in => 'NaN'); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('judged', users => 0); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('judged', dims => 0); \echo :SQLSTATE
SELECT * FROM uiml_evaluate('judged', interests => 5000); \echo :SQLSTATE

CREATE TABLE untimed AS SELECT user_id, article_id FROM reads;
SELECT uiml_create_domain('untimed', 'untimed');
SELECT * FROM uiml_evaluate('untimed', 'time'); \echo :SQLSTATE
CREATE TABLE one_moment AS SELECT user_id, article_id, timestamptz '2024-01-01' AS read_at FROM reads;
SELECT uiml_create_domain('one_moment', 'one_moment');
SELECT * FROM uiml_evaluate('one_moment', 'time'); \echo :SQLSTATE
CREATE TABLE singles AS SELECT g AS user_id, g % 20 AS article_id FROM generate_series(1, 100) g
	UNION ALL SELECT g, (g + 1) % 20 FROM generate_series(1, 3) g;
SELECT uiml_create_domain('singles', 'singles');
SELECT * FROM uiml_evaluate('singles'); \echo :SQLSTATE
CREATE TABLE few AS SELECT * FROM untimed LIMIT 20;
SELECT uiml_create_domain('few', 'few');
SELECT * FROM uiml_evaluate('few'); \echo :SQLSTATE
SET maintenance_work_mem = '1MB';
INSERT INTO untimed SELECT g % 3000, g / 3000 FROM generate_series(1, 60000) g;
\set VERBOSITY terse
SELECT * FROM uiml_evaluate('untimed'); \echo :SQLSTATE
\set VERBOSITY default
RESET maintenance_work_mem;

-- The caller needs the right to predict, and to read the events.
CREATE ROLE regress_uiml_judge;
GRANT USAGE ON SCHEMA evaluate_test TO regress_uiml_judge;
SET ROLE regress_uiml_judge;
SELECT * FROM uiml_evaluate('judged'); \echo :SQLSTATE
RESET ROLE;
SELECT uiml_grant('judged', 'regress_uiml_judge', 'predict');
SET ROLE regress_uiml_judge;
SELECT * FROM uiml_evaluate('judged'); \echo :SQLSTATE
RESET ROLE;
GRANT SELECT ON reads TO regress_uiml_judge;
SET ROLE regress_uiml_judge;
SELECT count(*) FROM uiml_evaluate('judged');
RESET ROLE;

SELECT count(uiml_drop_domain(name)) AS dropped FROM uiml.domain
WHERE name IN ('judged', 'shuffled', 'untimed', 'one_moment', 'singles', 'few');
DROP OWNED BY regress_uiml_judge;
DROP ROLE regress_uiml_judge;
DROP SCHEMA evaluate_test CASCADE;
