--
-- Two settings on the same users: differences, what follows from them, and what is refused.
--
-- Four groups of 50 users and 30 items each; everything follows from hashes, so every run sees the same rows.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE SCHEMA compare_test;
SET search_path = compare_test, public;

CREATE TABLE reads (user_id bigint, article_id bigint, read_at timestamptz);
INSERT INTO reads
SELECT u, i, '2024-03-01 00:00+00'::timestamptz - (h % 4000) * interval '20 minutes'
FROM generate_series(1, 200) u, generate_series(1, 120) i,
	LATERAL (SELECT abs(hashint8extended(u * 1000 + i, 7)) % 1000003 AS h) x
WHERE h % 100 < CASE WHEN u % 4 = (i - 1) / 30 THEN 50 ELSE 4 END;
SELECT uiml_create_domain('judged', 'reads', dims => 4, interests => 4, half_life => '30 days');

-- The same settings differ by nothing.
SELECT metric, k, difference, low, high, users, verdict FROM uiml_compare('judged', '{}', '{"dims": 4}', at => '{10}');

-- Each side is what uiml_evaluate says of these settings.
SELECT count(*) AS figures,
	bool_and(c.a IS NOT DISTINCT FROM a.value) AS a, bool_and(c.b IS NOT DISTINCT FROM b.value) AS b,
	bool_and(abs(c.difference - (b.value - a.value)) < 1.6e-4) AS difference,
	bool_and(c.low <= difference AND difference <= c.high) AS interval
FROM uiml_compare('judged', '{"dims": 1}', '{"half_life": "0", "interests": 3}', seed => 3, users => 40) c
	JOIN uiml_evaluate('judged', dims => 1, seed => 3, users => 40) a USING (metric, k)
	JOIN uiml_evaluate('judged', half_life => '0', interests => 3, seed => 3, users => 40) b USING (metric, k);

-- One dimension can't tell four groups apart; what has no better and worse, or other interests, has no verdict.
CREATE TABLE found AS SELECT * FROM uiml_compare('judged', '{"dims": 1}', '{}', at => '{10}');
SELECT metric, k, verdict FROM found;
SELECT verdict FROM uiml_compare('judged', '{}', '{"dims": 1}', at => '{10}') WHERE metric = 'recall';

-- Pairs tell more than two intervals: those of the difference are narrower than the intervals of both values together.
SELECT bool_and(f.high - f.low < sqrt((a.high - a.low) ^ 2 + (b.high - b.low) ^ 2)) AS narrower
FROM found f JOIN uiml_evaluate('judged', at => '{10}', dims => 1) a USING (metric)
	JOIN uiml_evaluate('judged', at => '{10}') b USING (metric)
WHERE metric IN ('recall', 'ndcg', 'auc');

-- A version stands for what it was trained with, chosen or not; a setting beside it goes before.
SELECT version FROM uiml_train('judged');
SELECT uiml_alter_domain('judged', dims => 2, half_life => '1 day', options => '{"col_scale": 0.5, "seed": 4}');
SELECT version FROM uiml_train('judged');
SELECT max(abs(difference)) AS same FROM uiml_compare('judged', '{"version": 1}',
	'{"dims": 4, "interests": 4, "half_life": "30 days", "col_scale": 0.25, "row_scale": 0.25, "seed": 0}', at => '{10}');
SELECT max(abs(difference)) AS same FROM uiml_compare('judged', '{"version": 2}', '{"seed": 4}', at => '{10}');
SELECT max(abs(difference)) AS same FROM uiml_compare('judged', '{"version": 1, "dims": 2, "half_life": "24 hours"}',
	'{"col_scale": 0.25}', at => '{10}');
SELECT max(abs(difference)) > 0 AS differ FROM uiml_compare('judged', '{"version": 1}', '{"version": 2}', at => '{10}');

-- By time, and with what training chooses.
SELECT count(*), bool_and(users > 100) AS users
FROM uiml_compare('judged', '{"dims": null, "half_life": null}', '{"interests": null}', holdout => 'time', at => '{5}');

-- Nothing is stored.
SELECT count(*) AS versions FROM uiml.version JOIN uiml.domain USING (domain_id) WHERE name = 'judged';

-- Mistakes.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT * FROM uiml_compare('judged', NULL, '{}'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{}', '[1]'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{"dim": 3}', '{}'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{}', '{"dims": 0}'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{}', '{"dims": 1.5}'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{}', '{"interests": "many"}'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{}', '{"half_life": 30}'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{}', '{"half_life": "soon"}'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{}', '{"half_life": "-1 day"}'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{}', '{"features": "colours"}'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{}', '{"features": null}'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{}', '{"row_scale": 2}'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{}', '{"version": 0}'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{}', '{"version": 7}'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{}', '{}', holdout => 'items'); \echo :SQLSTATE
SELECT * FROM uiml_compare('judged', '{}', '{}', users => NULL); \echo :SQLSTATE
SELECT * FROM uiml_compare('nobody', '{}', '{}'); \echo :SQLSTATE

SELECT uiml_drop_domain('judged');
DROP SCHEMA compare_test CASCADE;
