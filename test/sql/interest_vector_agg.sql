-- Aggregates over interest_vector: sum, avg, weighted and decayed averages, their state.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
RESET client_min_messages;

CREATE FUNCTION error_of(statement text, OUT code text, OUT message text, OUT detail text)
	LANGUAGE plpgsql SET search_path = public, pg_catalog, pg_temp AS $$
BEGIN
	EXECUTE statement;
	code := 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
END
$$;

-- The largest relative difference of elements, against the largest element.
CREATE FUNCTION difference(a interest_vector, b interest_vector) RETURNS double precision
	LANGUAGE sql IMMUTABLE SET search_path = public, pg_catalog, pg_temp AS $$
	SELECT max(abs(x - y)) / greatest(max(abs(x)), 1e-300) FROM unnest(a::float8[], b::float8[]) u (x, y)
$$;

-- Known answers: events of two days, the half-life is one day

CREATE TABLE events (id integer, v interest_vector(2), w float8, at timestamptz);
INSERT INTO events VALUES
	(1, '[8,0]', 1, '2026-01-01 00:00+00'),
	(2, '[0,8]', 2, '2026-01-02 00:00+00'),
	(3, '[4,4]', 0.5, '2026-01-03 00:00+00'),
	(4, NULL, 7, '2026-01-03 00:00+00'),
	(5, '[1,1]', 0, '2026-01-09 00:00+00');
SELECT sum(v), avg(v) FROM events;
SELECT uiml_weighted_avg(v, w) FROM events;
-- weights 1/4, 1, 1/2 at 2026-01-03: (2 + 2, 8 + 2) / 1.75
SELECT difference(uiml_decay_avg(v, w, at, '1 day'), ARRAY[4 / 1.75, 10 / 1.75]::interest_vector) < 1e-7 AS decay_avg FROM events;
SELECT uiml_decay_avg(v, w, at, '1 day', '2026-01-01 12:00+00') AS first_only,
	difference(uiml_decay_avg(v, w, at, '1 day', '2026-01-02 00:00+00'), ARRAY[4 / 2.5, 16 / 2.5]::interest_vector) < 1e-7 AS first_two,
	uiml_decay_avg(v, w, at, '1 day', '2025-12-31 00:00+00') AS none,
	uiml_decay_avg(v, w, at, '1 day', NULL) = uiml_decay_avg(v, w, at, '1 day') AS null_is_all,
	uiml_decay_avg(v, w, at, '1 day', 'infinity') = uiml_decay_avg(v, w, at, '1 day') AS infinity_is_all
	FROM events;
SELECT uiml_decay_avg(v, w, at, '30 years') <-> uiml_weighted_avg(v, w) < 0.01 AS long_half_life FROM events;

-- NULL, nothing, weights of zero

SELECT sum(v), avg(v), uiml_weighted_avg(v, w), uiml_decay_avg(v, w, at, '1 day') FROM events WHERE v IS NULL;
SELECT sum(v), avg(v), uiml_weighted_avg(v, w), uiml_decay_avg(v, w, at, '1 day') FROM events WHERE false;
SELECT sum(v), avg(v), uiml_weighted_avg(v, w), uiml_decay_avg(v, w, at, '1 day') FROM events WHERE w = 0;
SELECT uiml_weighted_avg(v, NULL), uiml_decay_avg(v, w, NULL, '1 day') AS no_time, uiml_decay_avg(v, w, at, NULL) AS no_half_life FROM events;
SELECT uiml_weighted_avg(v, nullif(w, 2)) AS null_weight_skipped FROM events;
SELECT g, avg(v), count(*) FROM (SELECT id % 2 AS g, v FROM events) s GROUP BY g ORDER BY g;

-- Extremes: nothing overflows on the way

SELECT avg(v) FROM (VALUES ('[3e38]'::interest_vector), ('[3e38]'), ('[3e38]')) s (v);
SELECT sum(v) FROM (VALUES ('[3e38]'::interest_vector), ('[3e38]'), ('[-3e38]'), ('[-3e38]'), ('[1]')) s (v);
SELECT uiml_weighted_avg(v, w) FROM (VALUES ('[3e38,1]'::interest_vector, 1e308), ('[3e38,1]', 1e308), ('[1,1]', 1e-300)) s (v, w);
SELECT uiml_weighted_avg(v, w) FROM (VALUES ('[2]'::interest_vector, 1e-300), ('[4]', 3e-300)) s (v, w);
SELECT uiml_weighted_avg(v, w) FROM (VALUES ('[2]'::interest_vector, 5e-324), ('[4]', 5e-324)) s (v, w);
SELECT uiml_weighted_avg(v, w) FROM (VALUES ('[2]'::interest_vector, 1e-300), ('[4]', 1e300)) s (v, w);
-- a million half-lives apart, either order: the newest counts
SELECT uiml_decay_avg(v, 1, at, '1 second') FROM (VALUES ('[2]'::interest_vector, '2000-01-01 00:00+00'::timestamptz), ('[4]', '2026-01-01 00:00+00')) s (v, at);
SELECT uiml_decay_avg(v, 1, at, '1 microsecond') FROM (VALUES ('[4]'::interest_vector, '294276-12-31 00:00+00'::timestamptz), ('[2]', '4713-01-01 00:00+00 BC')) s (v, at);
-- a quarter of a half-life is kept to the last digits, far from the landmark
SELECT abs((uiml_decay_avg(v, 1, at, '4 microseconds')::float8[])[1] - 1 / (1 + 2 ^ 0.25)) < 1e-7 AS exact
	FROM (VALUES ('[1]'::interest_vector, '2026-01-01 00:00:00.000001+00'::timestamptz), ('[0]', '2026-01-01 00:00:00.000002+00')) s (v, at);

-- Mistakes

SELECT statement, e.* FROM unnest(ARRAY[
	'SELECT sum(v) FROM (VALUES (''[1,2]''::interest_vector), (''[1]'')) s (v)',
	'SELECT avg(v) FROM (VALUES (''[1]''::interest_vector), (''[1,2,3]'')) s (v)',
	'SELECT sum(v) FROM (VALUES (''[3e38]''::interest_vector), (''[3e38]'')) s (v)',
	'SELECT uiml_weighted_avg(v, -1) FROM events',
	'SELECT uiml_weighted_avg(v, ''NaN'') FROM events',
	'SELECT uiml_weighted_avg(v, ''Infinity'') FROM events',
	'SELECT uiml_decay_avg(v, -w, at, ''1 day'') FROM events',
	'SELECT uiml_decay_avg(v, w, ''infinity'', ''1 day'') FROM events',
	'SELECT uiml_decay_avg(v, w, ''-infinity'', ''1 day'') FROM events',
	'SELECT uiml_decay_avg(v, w, at, ''0'') FROM events',
	'SELECT uiml_decay_avg(v, w, at, ''-1 day'') FROM events',
	'SELECT uiml_decay_avg(v, w, at, ''178000000 years'') FROM events',
	'SELECT uiml_decay_avg(v, w, at, id * interval ''1 day'') FROM events',
	'SELECT interest_vector_accum(NULL, ''[1]'')',
	'SELECT interest_vector_combine(NULL, NULL)'])
	WITH ORDINALITY AS u (statement, n), error_of(statement) e ORDER BY n;

-- Parallel and serial plans agree

CREATE TABLE history AS
	SELECT g AS id, ARRAY[sin(g), cos(g), g / 1000.0, 1]::interest_vector AS v, 1 + abs(sin(3 * g)) AS w,
		timestamptz '2026-01-01 00:00+00' + g * interval '7 hours' AS at
	FROM generate_series(1, 20000) g;
ANALYZE history;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE serial AS
	SELECT sum(v), avg(v), uiml_weighted_avg(v, w) AS weighted, uiml_decay_avg(v, w, at, '30 days') AS decayed,
		uiml_decay_avg(v, w, at, '30 days', '2030-01-01 00:00+00') AS decayed_then FROM history;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT sum(v), avg(v), uiml_weighted_avg(v, w), uiml_decay_avg(v, w, at, '30 days') FROM history;
SELECT difference(p.sum, s.sum) < 1e-6 AS sum, difference(p.avg, s.avg) < 1e-6 AS avg,
	difference(p.weighted, s.weighted) < 1e-6 AS weighted, difference(p.decayed, s.decayed) < 1e-6 AS decayed,
	difference(p.decayed_then, s.decayed_then) < 1e-6 AS decayed_then
	FROM serial s, (SELECT sum(v), avg(v), uiml_weighted_avg(v, w) AS weighted, uiml_decay_avg(v, w, at, '30 days') AS decayed,
		uiml_decay_avg(v, w, at, '30 days', '2030-01-01 00:00+00') AS decayed_then FROM history) p;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- Any partition, states carried as text or binary, gives what one pass gives

CREATE AGGREGATE vector_state(interest_vector, float8, timestamptz, interval) (
	SFUNC = interest_vector_decay_accum, STYPE = uiml_vector_state, COMBINEFUNC = interest_vector_combine, PARALLEL = SAFE);
CREATE AGGREGATE merge(uiml_vector_state) (
	SFUNC = interest_vector_combine, STYPE = uiml_vector_state, FINALFUNC = interest_vector_avg_final, PARALLEL = SAFE);
SELECT parts, difference(merge(state::text::uiml_vector_state ORDER BY part DESC), (SELECT decayed FROM serial)) < 1e-6 AS same
	FROM (SELECT parts, id * 7919 % parts AS part, vector_state(v, w, at, '30 days') AS state
		FROM history, unnest('{1,2,10,1000}'::integer[]) parts GROUP BY 1, 2) s GROUP BY parts ORDER BY parts;
CREATE TABLE states (part integer, state uiml_vector_state);
INSERT INTO states SELECT id % 5, vector_state(v, w, at, '30 days') FROM history GROUP BY 1;
INSERT INTO states VALUES (5, NULL);
CREATE TABLE states_received (LIKE states);
SELECT current_setting('data_directory') || '/uiml_vector_state.' || current_database() AS file \gset
\set ECHO errors
SELECT format('COPY states TO %L BINARY', :'file') \gexec
SELECT format('COPY states_received FROM %L BINARY', :'file') \gexec
SELECT format('COPY (SELECT WHERE false) TO PROGRAM %L', 'cat > /dev/null; rm -f ' || :'file') \gexec
\set ECHO all
SELECT count(*), bool_and(a.state::text IS NOT DISTINCT FROM b.state::text) AS equal FROM states a JOIN states_received b USING (part);
SELECT difference(merge(state), (SELECT decayed FROM serial)) < 1e-6 AS same FROM states_received;

-- What is no state is refused

SELECT vector_state(v, w, at, '1 day') AS state FROM events WHERE id = 1 \gset
SELECT :'state'::uiml_vector_state;
SELECT what, e.* FROM (VALUES
	(1, 'empty', ''), (2, 'odd digits', '\x757'), (3, 'short', substr(:'state', 1, 40)),
	(4, 'magic', overlay(:'state' PLACING '00' FROM 3)), (5, 'version', overlay(:'state' PLACING '02' FROM 11)),
	(6, 'reserved', overlay(:'state' PLACING '01' FROM 15)), (7, 'length', overlay(:'state' PLACING '41' FROM 19)),
	(8, 'dimensions', overlay(:'state' PLACING '03' FROM 27)), (9, 'many dimensions', overlay(:'state' PLACING 'ffffffff' FROM 27)),
	(10, 'negative count', overlay(:'state' PLACING 'ff' FROM 49)), (11, 'negative half-life', overlay(:'state' PLACING 'ff' FROM 65)),
	(12, 'negative weight', overlay(:'state' PLACING 'bf' FROM 97)), (13, 'NaN', overlay(:'state' PLACING 'f87f' FROM 111)),
	(14, 'longer', :'state' || '00')) AS s (n, what, state),
	error_of(format('SELECT %L::uiml_vector_state', state)) e ORDER BY n;
SELECT (error_of(format('SELECT merge(s) FROM (VALUES (%L::uiml_vector_state), (%L)) v (s)', :'state',
	(SELECT vector_state(v, w, at, '2 days') FROM events)))).*;
SELECT (error_of(format('SELECT merge(s) FROM (VALUES (%L::uiml_vector_state), (%L)) v (s)', :'state',
	(SELECT vector_state('[1]', w, at, '1 day') FROM events)))).*;

-- As window aggregates, and many groups

SELECT id, sum(v) OVER w, avg(v) OVER w FROM events WINDOW w AS (ORDER BY id ROWS 1 PRECEDING) ORDER BY id;
SELECT id, sum(v) OVER (ORDER BY id) FROM events ORDER BY id;
SET work_mem = '64kB';
SELECT count(*), bool_and(avg = ARRAY[g, 1]::interest_vector) AS right
	FROM (SELECT id % 5000 AS g, avg(ARRAY[id % 5000, 1]::interest_vector) FROM history GROUP BY 1) s;
RESET work_mem;

DROP AGGREGATE merge(uiml_vector_state);
DROP AGGREGATE vector_state(interest_vector, float8, timestamptz, interval);
DROP TABLE events, history, serial, states, states_received;
DROP FUNCTION error_of(text);
DROP FUNCTION difference(interest_vector, interest_vector);
