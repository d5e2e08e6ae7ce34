-- Training over a work table: the same model as in memory, in parallel plans or not, and nothing left behind.
SET client_min_messages = warning;
CREATE EXTENSION uiml;
CREATE TABLE events (user_id bigint, item text, at timestamptz, kind text);
-- 400 users and 120 items in four groups; hashes, so that every run sees the same rows.
INSERT INTO events
SELECT u, 'item ' || CASE WHEN h % 10 < 8 THEN (h / 16 % 30) * 4 + u % 4 ELSE h / 16 % 120 END,
	'2024-01-01 00:00+00'::timestamptz + n * interval '1 day' + u * interval '1 second',
	CASE WHEN h % 7 = 0 THEN 'buy' ELSE 'view' END
FROM generate_series(1, 400) u, generate_series(1, 30) n,
	LATERAL (SELECT abs(hashint8extended(u * 100 + n, 1) % 100003) AS h) x;
ANALYZE events;
CREATE FUNCTION train(domain text, mode text, workers integer) RETURNS TABLE (users bigint, items bigint, events bigint, dims integer, held text)
	LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('uiml.memory_mode', mode, true);
	PERFORM set_config('max_parallel_workers_per_gather', workers::text, true);
	PERFORM FROM uiml_train(domain, 'events', interests => 4, kind_weights => '{"view": 1, "buy": 3}');
	RETURN QUERY SELECT v.users, v.items, v.events, v.dims, v.settings->>'memory_mode'
		FROM uiml.domain d JOIN uiml.version v USING (domain_id) WHERE d.name = train.domain AND v.active;
END $$;
SELECT * FROM train('memory', 'memory', 2);
SELECT * FROM train('serial', 'passes', 0);
SELECT * FROM train('workers', 'passes', 2);

-- Statistics and metrics agree.
SELECT p.name, bool_and(abs(p.popularity - m.popularity) <= 1e-6 * m.popularity) AS popularity, bool_and(p.users = m.users) AS users,
	bool_and(p.item_no = m.item_no) AS numbers
FROM (SELECT 'serial' AS name, * FROM serial_items UNION ALL SELECT 'workers', * FROM workers_items) p JOIN memory_items m USING (item_id)
GROUP BY 1 ORDER BY 1;
SELECT p.name, bool_and(abs(p.mass - m.mass) <= 1e-6 * m.mass) AS mass, bool_and(p.items = m.items AND p.events = m.events AND p.last_at = m.last_at) AS events,
	bool_and((p.interests <=> m.interests) < 1e-4) AS interests
FROM (SELECT 'serial' AS name, * FROM serial_users UNION ALL SELECT 'workers', * FROM workers_users) p JOIN memory_users m USING (user_id)
GROUP BY 1 ORDER BY 1;
SELECT d.name, count(*) > 20 AS figures, max(abs(p.value - m.value)) < .001 AS agree
FROM uiml.domain d JOIN uiml.version v USING (domain_id) JOIN uiml.evaluation p USING (version_id)
	JOIN uiml.evaluation m ON m.metric = p.metric AND m.k IS NOT DISTINCT FROM p.k
	JOIN uiml.version mv ON mv.version_id = m.version_id JOIN uiml.domain md ON md.domain_id = mv.domain_id AND md.name = 'memory'
WHERE d.name <> 'memory' GROUP BY 1 ORDER BY 1;
SELECT d.name, v.half_life, v.dims FROM uiml.domain d JOIN uiml.version v USING (domain_id) ORDER BY 1;

-- uiml_evaluate as well, both ways of holding out.
CREATE TABLE figures AS SELECT 'memory' AS mode, h, e.* FROM (VALUES ('users'), ('time')) v(h), uiml_evaluate('memory', h, users => 50) e;
SET uiml.memory_mode = passes;
INSERT INTO figures SELECT 'passes', h, e.* FROM (VALUES ('users'), ('time')) v(h), uiml_evaluate('memory', h, users => 50) e;
RESET uiml.memory_mode;
SELECT p.h, count(*) > 20 AS figures, bool_and(p.users = m.users) AS users, max(abs(p.value - m.value)) < .001 AS agree
FROM figures p JOIN figures m ON p.h = m.h AND p.metric = m.metric AND p.k IS NOT DISTINCT FROM m.k
WHERE p.mode = 'passes' AND m.mode = 'memory' GROUP BY 1 ORDER BY 1;

-- Keys of text in another collation, no time, and a weight column.
CREATE TABLE plain AS SELECT chr(64 + (user_id % 26)::integer) || user_id AS who, item, 1 + user_id % 3 AS weight FROM events WHERE user_id <= 120;
CREATE FUNCTION train_plain(domain text, mode text) RETURNS text LANGUAGE sql AS $$
	SELECT set_config('uiml.memory_mode', mode, true);
	SELECT users || ' ' || items || ' ' || events FROM uiml_train(domain, 'plain', 'who', 'item', weight_col => 'weight', dims => 8, interests => 4);
$$;
SELECT train_plain('plain_memory', 'memory');
SELECT train_plain('plain_passes', 'passes');
SELECT count(*) FROM plain_memory_users m JOIN plain_passes_users p USING (user_id) WHERE m.items = p.items AND abs(m.mass - p.mass) <= 1e-6 * m.mass;

-- auto takes what fits; where not even passes fit, figures are told.
CREATE TABLE wide AS SELECT u AS user_id, (n * 30 + u) % 3000 AS item_id FROM generate_series(1, 3000) u, generate_series(1, 100) n;
ANALYZE wide;
CREATE FUNCTION train_within(memory text, mode text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	PERFORM set_config('maintenance_work_mem', memory, true);
	PERFORM set_config('uiml.memory_mode', mode, true);
	PERFORM FROM uiml_train('wide', 'wide', dims => 16, interests => 8);
	RETURN (SELECT v.settings->>'memory_mode' FROM uiml.version v JOIN uiml.domain d USING (domain_id) WHERE d.name = 'wide' AND v.active);
EXCEPTION WHEN program_limit_exceeded THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN regexp_replace(SQLERRM || ' | ' || detail || ' | ' || hint, '(about |'')\d+', '\1N', 'g');
END $$;
SELECT train_within('64MB', 'auto');
SELECT train_within('10MB', 'memory');
SELECT train_within('10MB', 'auto');
SELECT train_within('1MB', 'passes');

-- A failure in the middle leaves nothing behind: the name of the table of users is taken.
CREATE TABLE serial_users_v2 ();
SELECT * FROM train('serial', 'passes', 2);
DROP TABLE serial_users_v2;
-- And one at the beginning: the name of the work table.
CREATE TABLE serial_work_v2 ();
SELECT * FROM train('serial', 'passes', 2);
DROP TABLE serial_work_v2;
SELECT relname FROM pg_class WHERE relname ~ '_work_|serial.*_v2';

-- Whoever may train reads with rights of his own, and the work table is the owner's.
CREATE ROLE regress_uiml_passer;
GRANT SELECT ON events TO regress_uiml_passer;
SELECT uiml_grant('serial', 'regress_uiml_passer', 'train');
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON events TO regress_uiml_passer USING (user_id <= 200);
SET ROLE regress_uiml_passer;
SET uiml.memory_mode = passes;
SELECT users FROM uiml_train('serial');
RESET uiml.memory_mode;
RESET ROLE;
SELECT tableowner = current_user AS owner, count(*) FROM pg_tables WHERE tablename ~ '^serial_.*_v2$' GROUP BY 1;
SELECT uiml_revoke('serial', 'regress_uiml_passer');
DROP OWNED BY regress_uiml_passer;
DROP ROLE regress_uiml_passer;

-- The aggregate trusts nobody.
CREATE TABLE work (user_no integer, events bytea);
INSERT INTO work SELECT i, '\x' FROM generate_series(1, 1000) i;
ANALYZE work;
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT uiml_pass(user_no, events, '\x00') FROM work;
ROLLBACK;
SELECT uiml_pass(user_no, events, '\x00') FROM work;
SELECT uiml_pass(user_no, NULL, '\x00') FROM work;
\set job '''\\x6d767031' '01000000' '0200000000000000' '0000000000000000' '0000000000000000' '000000000000f0ff' '000000000000f07f' '0000000000000000' '000000000000f07f' '0000000000000000' '000000000000f03f'''
SELECT uiml_pass(1, '\x75766576', :job);
SELECT uiml_pass(1, '\x75766576010000001000000000000000', :job) IS NOT NULL AS empty;
SELECT length(uiml_pass_state_send(uiml_pass(1, '\x757665760100000018000000010000000100000000000040', :job)));
SELECT length(uiml_pass_state_send(uiml_pass(i, '\x757665760100000018000000010000000100000000000040', :job))) FROM generate_series(1, 3) i;
SELECT '\x00'::uiml_pass_state;
SELECT uiml_pass_accum(NULL, 1, '\x', '\x');
SELECT uiml_pass_combine(NULL, NULL);
