-- Ward's clustering: known answers, a user's interests, any order and plan, the state, mistakes.
SET client_min_messages = warning;
CREATE EXTENSION uiml;
RESET client_min_messages;
CREATE FUNCTION error_of(statement text, OUT code text, OUT message text, OUT detail text)
	LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	code := 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
END
$$;

-- {0, 1, 10, 11}: heights 1, 1 and 10 sqrt 2
SELECT round(h::numeric, 8) AS height FROM unnest(uiml_ward_heights('{"[0]","[1]","[10]","[11]"}')) h;
SELECT uiml_ward_heights('{"[0]"}') AS one, uiml_ward_heights('{}') AS none, uiml_ward_heights(NULL) AS unknown;
CREATE TABLE line (v interest_vector, w float8);
INSERT INTO line VALUES ('[0]', 1), ('[10]', .5), ('[11]', 4), ('[1]', 2), (NULL, 7), ('[5]', NULL);
SELECT cut, medoid, importance, size, round(height::numeric, 6) AS height FROM unnest('{0,1,14.14,14.15,Infinity}'::float8[]) cut, LATERAL (SELECT uiml_ward(v, w, cut) AS clusters FROM line) s,
	unnest(clusters) c ORDER BY cut, importance DESC;
SELECT uiml_ward(v, w, 1) FROM line WHERE false;
SELECT uiml_ward(v, w, 1) FROM line WHERE v IS NULL;
-- the two most important; equal importance: the heaviest event first
SELECT (uiml_ward(v, w, 1))[:1] FROM line;
SELECT (c).medoid, (c).importance FROM (SELECT unnest(uiml_ward(v, w, 1)) AS c FROM (VALUES ('[0]'::interest_vector, 2), ('[9]', 3), ('[0.5]', 1)) s (v, w)) t;

-- Two interests of one user and one of another; lengths count unless they are normalised
CREATE TABLE read (reader text, what text, v interest_vector, at date);
INSERT INTO read VALUES ('ann', 'chess', '[1,0.1,0]', '2026-01-01'), ('ann', 'go', '[9,0.3,0]', '2026-01-20'), ('ann', 'bread', '[0,0.1,1]', '2026-01-31'),
	('ann', 'cake', '[0.1,0,2]', '2026-01-30'), ('ann', 'pie', '[0,0,3]', '2026-01-31'), ('bob', 'go', '[9,0.3,0]', '2026-01-31');
SELECT s.reader, what, size, round(importance::numeric, 3) AS importance, round(height::numeric, 3) AS height
	FROM (SELECT reader, uiml_ward(uiml_normalise(v), 2 ^ -((date '2026-01-31' - at) / 30.0), 1) AS interests FROM read GROUP BY reader) s
		CROSS JOIN unnest(interests) i JOIN read r ON r.reader = s.reader AND uiml_normalise(r.v) = i.medoid ORDER BY reader, importance DESC;

-- The same to the last digit in any order of rows, and in a parallel plan
CREATE TABLE events AS SELECT g AS id, g % 40 AS usr, ARRAY[sin(g), cos(g * g), sin(g * .3)]::interest_vector AS v, (g * 7919 % 17)::float8 AS w FROM generate_series(1, 20000) g;
ALTER TABLE events SET (parallel_workers = 2);
CREATE TABLE in_order AS SELECT usr, uiml_ward(v, w, 3 ORDER BY id) AS interests FROM events GROUP BY usr;
SELECT count(*), count(*) FILTER (WHERE o.interests = r.interests) AS same, min(cardinality(o.interests)) > 1 AS several
	FROM in_order o JOIN (SELECT usr, uiml_ward(v, w, 3 ORDER BY id DESC) AS interests FROM events GROUP BY usr) r USING (usr);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT usr, uiml_ward(v, w, 3) FROM events GROUP BY usr;
SELECT count(*) FILTER (WHERE o.interests = r.interests) AS same
	FROM in_order o JOIN (SELECT usr, uiml_ward(v, w, 3) AS interests FROM events GROUP BY usr) r USING (usr);
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
-- of more than 512 rows the heaviest count
SELECT sum(size) AS size, sum(importance) = (SELECT sum(w) FROM (SELECT w FROM events WHERE id <= 1000 ORDER BY w DESC LIMIT 512) s) AS heaviest
	FROM unnest((SELECT uiml_ward(v, w, 3) FROM events WHERE id <= 1000)) c;
-- as windows, where the state goes on after each row
SELECT array_agg(cardinality(i) ORDER BY n) AS clusters FROM (SELECT n, uiml_ward(ARRAY[n % 5]::interest_vector, 1, .5) OVER (ORDER BY n) AS i FROM generate_series(1, 8) n) s;

-- The state: its text and binary forms read back
SELECT uiml_ward_state_out(uiml_ward_state_in(t::cstring))::text = t AS same, length(t)
	FROM (VALUES ('\x7577737401000000300000000200000001000000000000000000000000000040000000000000f03f0000803f00000040')) s (t);
SELECT uiml_ward_final('\x7577737401000000300000000200000001000000000000000000000000000040000000000000f03f0000803f00000040');
SELECT statement, e.* FROM unnest(ARRAY[
	'SELECT ''''::uiml_ward_state',
	'SELECT ''\x75''::uiml_ward_state',
	'SELECT ''\x7577737402000000300000000200000001000000000000000000000000000040000000000000f03f0000803f00000040''::uiml_ward_state',
	'SELECT ''\x7577737401000000300000000200000001000000000000000000000000000040000000000000f0bf0000803f00000040''::uiml_ward_state',
	'SELECT ''\x7577737401000000300000000200000001000000000000000000000000000040000000000000f03f0000807f00000040''::uiml_ward_state',
	'SELECT uiml_ward_accum(NULL, ''[1]'', 1, 1)',
	'SELECT uiml_ward(''[1]'', -1, 1)',
	'SELECT uiml_ward(''[1]'', ''NaN'', 1)',
	'SELECT uiml_ward(''[1]'', 1, -1)',
	'SELECT uiml_ward(''[1]'', 1, ''NaN'')',
	'SELECT uiml_ward(''[1]'', 1, NULL)',
	'SELECT uiml_ward(v, 1, c) FROM (VALUES (''[1]''::interest_vector, 1), (''[2]'', 2)) s (v, c)',
	'SELECT uiml_ward(v, 1, 1) FROM (VALUES (''[1]''::interest_vector), (''[2,3]'')) s (v)',
	'SELECT uiml_ward(v, 1.5e308, 1) FROM (VALUES (''[1]''::interest_vector), (''[1]'')) s (v)',
	'SELECT uiml_ward_heights(array_agg(ARRAY[g]::interest_vector)) FROM generate_series(1, 513) g',
	'SELECT uiml_ward_heights(''{"[1]","[1,2]"}'')',
	'SELECT uiml_ward_heights(''{"[1]",NULL}'')'])
	WITH ORDINALITY AS u (statement, n), error_of(statement) e ORDER BY n;
