-- The type transfer_stats and the aggregates over pairs (source, target).
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
-- the largest difference of two matrices, relative to the largest element
CREATE FUNCTION distance(a double precision[], b double precision[]) RETURNS double precision LANGUAGE sql AS $$
	SELECT coalesce(max(abs(x - y)) / max(greatest(abs(x), abs(y), 1e-300)), 0) FROM unnest(a, b) AS t (x, y) $$;
CREATE FUNCTION distance(a transfer_stats, b transfer_stats) RETURNS double precision LANGUAGE sql AS $$
	SELECT greatest(distance(uiml_mean_source(a), uiml_mean_source(b)), distance(uiml_mean_target(a), uiml_mean_target(b)),
		distance(uiml_covariance_source(a), uiml_covariance_source(b)), distance(uiml_covariance_cross(a), uiml_covariance_cross(b)),
		distance(uiml_covariance_target(a), uiml_covariance_target(b)), abs(uiml_weight(a) / uiml_weight(b) - 1), abs(uiml_n(a) - uiml_n(b))) $$;

-- Text, accessors, operators
CREATE TABLE pairs (x double precision[], y double precision[], w double precision);
INSERT INTO pairs VALUES ('{1,2}', '{1}', 1), ('{3,2}', '{2}', 2), ('{2,5}', '{6}', 1), ('{0,1}', '{9}', 0), (NULL, '{1}', 1), ('{1,1}', NULL, 1), ('{7,7}', '{7}', NULL);
\x on
SELECT uiml_transfer_stats(x, y) AS stats FROM pairs WHERE x[1] IN (1, 3) AND w > 0;
\x off
SELECT uiml_transfer_stats(x::interest_vector, y::interest_vector, w) = uiml_transfer_stats(x, y, w) AS same,
	uiml_transfer_stats(x, y, w)::text::transfer_stats = uiml_transfer_stats(x, y, w) AS lossless,
	uiml_transfer_stats(x, y, w) <> uiml_transfer_stats(x, y, 2 * w) AS differ FROM pairs;
SELECT uiml_rows(s), uiml_cols(s), uiml_n(s), uiml_weight(s), uiml_mean_source(s), uiml_mean_target(s) FROM (SELECT uiml_transfer_stats(x, y, w) s FROM pairs) t;
SELECT uiml_covariance_source(s) AS source, uiml_covariance_cross(s) AS cross, uiml_covariance_target(s) AS target
	FROM (SELECT uiml_transfer_stats(x, y) s FROM pairs WHERE x[1] IN (1, 3) AND w > 0) t;
SELECT uiml_covariance_source(s) IS NULL AS of_one, uiml_n(s - s) AS nothing, uiml_mean_source(s - s) IS NULL AS no_mean, (s - s) + s = s AS back
	FROM (SELECT uiml_transfer_stats('{1,2}'::double precision[], '{3}') s) t;
SELECT uiml_transfer_stats(x, y) IS NULL AS no_rows, uiml_merge(NULL) IS NULL AS no_stats FROM pairs WHERE x IS NULL;
SELECT uiml_transfer_stats(x, y, 0) IS NULL AS no_weight FROM pairs;
SELECT s::text::jsonb -> 'mean_source' AS mean, jsonb_array_length(s::text::jsonb -> 'source') AS rows FROM (SELECT uiml_transfer_stats(x, y) s FROM pairs WHERE w = 1) t;

-- The same as the server's own aggregates
CREATE TABLE users AS
	SELECT u, ARRAY[sin(u), cos(u * u), sin(u * .37)] AS x, ARRAY[sin(u) - .5 * cos(u * u) + .1 * sin(u * 7.7), cos(u * 3.3)] AS y FROM generate_series(1, 20000) u;
SELECT distance(uiml_mean_source(s), m) < 1e-12 AS mean, distance(uiml_covariance_cross(s), c) < 1e-12 AS cross, distance(uiml_covariance_target(s), v) < 1e-12 AS target
	FROM (SELECT uiml_transfer_stats(x, y) s, ARRAY[avg(x[1]), avg(x[2]), avg(x[3])] m,
		ARRAY[[covar_samp(x[1], y[1]), covar_samp(x[1], y[2])], [covar_samp(x[2], y[1]), covar_samp(x[2], y[2])], [covar_samp(x[3], y[1]), covar_samp(x[3], y[2])]] c,
		ARRAY[[var_samp(y[1]), covar_samp(y[1], y[2])], [covar_samp(y[1], y[2]), var_samp(y[2])]] v FROM users) t;
-- an offset of 1e8, where sums of squares would lose the slope
SELECT round(((uiml_covariance_cross(s))[1][1] / (uiml_covariance_source(s))[1][1])::numeric, 3) AS slope
	FROM (SELECT uiml_transfer_stats(ARRAY[1e8 + x[1]], ARRAY[2 * x[1] + .001 * x[3]]) s FROM users) t;

-- Any partition gives the whole
SELECT n, distance(uiml_merge(s), (SELECT uiml_transfer_stats(x, y) FROM users)) < 1e-12 AS merged
	FROM (VALUES (2), (7), (333)) p (n), LATERAL (SELECT uiml_transfer_stats(x, y) s FROM users GROUP BY u % n) t GROUP BY n ORDER BY n;
SELECT distance((SELECT uiml_transfer_stats(x, y) FROM users WHERE u <= 37) + (SELECT uiml_transfer_stats(x, y) FROM users WHERE u > 37),
	(SELECT uiml_transfer_stats(x, y ORDER BY u DESC) FROM users)) < 1e-12 AS sum;
-- a thousand users forgotten: as if they had never been there
SELECT distance(a - b, c) < 1e-9 AS forgotten, uiml_n(a - b) AS left, distance(uiml_solve(a - b, .5)::double precision[], uiml_solve(c, .5)::double precision[]) < 1e-9 AS matrix,
	distance(uiml_intercept(uiml_solve(a - b, 0)), uiml_intercept(uiml_solve(c, 0))) < 1e-9 AS intercept
	FROM (SELECT uiml_transfer_stats(x, y) a, uiml_transfer_stats(x, y) FILTER (WHERE u % 20 = 3) b, uiml_transfer_stats(x, y) FILTER (WHERE u % 20 <> 3) c FROM users) t;
-- a window, where the state goes on after each row
SELECT array_agg(uiml_n(s)) AS n FROM (SELECT uiml_transfer_stats(x, y) OVER (ORDER BY u) s FROM users WHERE u <= 6) t;

-- In parallel as in one process
CREATE FUNCTION plan_of(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || statement;
END
$$;
CREATE TABLE serial AS SELECT uiml_transfer_stats(x, y) s, uiml_transfer(x::interest_vector, y::interest_vector, .5, '[[1,0],[0,1],[0,0]]', 'cosine') m FROM users;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*) AS partial FROM plan_of('SELECT uiml_transfer_stats(x, y) FROM users') p WHERE p LIKE '%Partial Aggregate%';
SELECT distance(uiml_transfer_stats(x, y), (SELECT s FROM serial)) < 1e-12 AS stats,
	distance(uiml_transfer(x::interest_vector, y::interest_vector, .5, '[[1,0],[0,1],[0,0]]', 'cosine')::double precision[], (SELECT m FROM serial)::double precision[]) < 1e-12 AS matrix FROM users;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- One step: matrices
CREATE FUNCTION rounded(m transfer_matrix) RETURNS transfer_matrix LANGUAGE sql AS $$
	SELECT uiml_matrix(array_agg(r ORDER BY i), (SELECT array_agg(round(b::numeric, 5)::double precision + 0 ORDER BY o) FROM unnest(uiml_intercept(m)) WITH ORDINALITY t (b, o)))
	FROM (SELECT i, array_agg(round(uiml_element(m, i, j)::numeric, 5)::double precision + 0 ORDER BY j) r FROM generate_series(1, uiml_rows(m)) i, generate_series(1, uiml_cols(m)) j GROUP BY i) t $$;
SELECT rounded(uiml_transfer(ARRAY[a, b]::real[]::interest_vector, ARRAY[2 * a - b + 1, b]::real[]::interest_vector, 0)) AS exact
	FROM (SELECT i % 7 a, i % 11 b FROM generate_series(1, 100) i) t;
CREATE VIEW examples AS SELECT x::real[]::interest_vector AS x, y::real[]::interest_vector AS y
	FROM (VALUES ('{1,0}', '{.6,.4}'), ('{0,1}', '{.4,.6}'), ('{1,1}', '{1,1.1}'), ('{2,1}', '{1.7,1.3}')) t (x, y);
SELECT rounded(uiml_transfer(x, y, .5)) AS ridge, rounded(uiml_transfer(x, y, .5, '[[.6,.4],[.4,.6]]')) AS towards_prior FROM examples;
SELECT rounded(uiml_transfer(x, y, 'infinity', '[[.6,.4],[.4,.6]]')) AS prior, rounded(uiml_transfer(x, y, 'infinity')) AS zero FROM examples;
SELECT rounded(uiml_transfer(x, y, .5, NULL, 'cosine')) = rounded(uiml_transfer(x, uiml_normalise(y), .5)) AS cosine FROM examples;
SELECT distance(uiml_transfer(x::interest_vector, y::interest_vector)::double precision[], '{{1,0},{-.5,0},{0,0}}') < .05 AS by_gcv FROM users;
SELECT uiml_transfer(x, y, .5) IS NULL AS no_rows FROM examples WHERE x IS NULL;

-- Cross-entropy: shares of counts, by a fit that keeps the rows
CREATE TABLE counts AS SELECT i, (CASE WHEN i % 2 = 0 THEN '[1,0]' ELSE '[0,1]' END)::interest_vector AS x, (CASE WHEN i % 2 = 0 THEN '[6,3,1]' ELSE '[1,1,8]' END)::interest_vector AS y
	FROM generate_series(1, 1000) i;
SELECT ARRAY(SELECT round((exp(v) / sum(exp(v)) OVER ())::numeric, 3) FROM unnest((m * u)::real[]) v) AS shares
	FROM (SELECT uiml_transfer(x, y, 1e-9, NULL, 'cross_entropy') m FROM counts) f, (VALUES ('[1,0]'::interest_vector), ('[0,1]')) t (u);
SELECT distance(uiml_transfer(x, y, 1e9, '[[1,0,0],[0,1,0]]', 'cross_entropy')::double precision[], '{{1,0,0},{0,1,0}}') < 1e-6 AS prior,
	uiml_transfer(x, '[0,0,0]', NULL, NULL, 'cross_entropy') IS NULL AS no_events FROM counts;
CREATE TABLE serial_rows AS SELECT uiml_transfer(x, y, 1e-3, '[[1,0,0],[0,1,0]]', 'cross_entropy') m FROM counts;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT distance(uiml_transfer(x, y, 1e-3, '[[1,0,0],[0,1,0]]', 'cross_entropy')::double precision[], (SELECT m FROM serial_rows)::double precision[]) < 1e-3 AS parallel FROM counts;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
CREATE AGGREGATE rows_of(interest_vector, interest_vector, double precision, transfer_matrix, text) (SFUNC = uiml_transfer_accum, STYPE = uiml_transfer_state);
SELECT length(s::text), s::text::uiml_transfer_state::text = s::text AS same, uiml_transfer_final(s::text::uiml_transfer_state) = uiml_transfer_final(s) AS fit
	FROM (SELECT rows_of(x, y, .5, '[[1,0,0],[0,1,0]]', 'cross_entropy') s FROM counts) t;

-- The state, with rows waiting and without: its text and binary forms read back
CREATE AGGREGATE state_of(interest_vector, interest_vector, double precision) (SFUNC = uiml_transfer_accum, STYPE = uiml_transfer_state);
SELECT n, length(s::text), s::text::uiml_transfer_state::text = s::text AS same, uiml_n(uiml_transfer_stats_final(s::text::uiml_transfer_state)) AS rows
	FROM (VALUES (1), (31), (32), (75)) v (n), LATERAL (SELECT state_of(ARRAY[i]::interest_vector, ARRAY[-i, 1]::interest_vector, 2) s FROM generate_series(1, n) i) t;

-- Refused
\x on
SELECT left(statement, 90) AS statement, e.* FROM unnest(ARRAY[
	'SELECT ''''::transfer_stats',
	'SELECT ''{}''::transfer_stats',
	'SELECT ''{"n":2,"weight":2,"weight2":2,"mean_source":[],"mean_target":[1]}''::transfer_stats',
	'SELECT ''{"n":2,"weight":2,"weight2":2,"mean_source":[1],"mean_target":[1]}''::transfer_stats',
	'SELECT ''{"n":2,"weight":2,"weight2":2,"mean_source":[NaN],"mean_target":[1],"source":[[1]],"cross":[[1]],"target":[[1]]}''::transfer_stats',
	'SELECT ''{"n":2,"weight":2,"weight2":2,"mean_source":[1],"mean_target":[1],"source":[[1,1]],"cross":[[1]],"target":[[1]]}''::transfer_stats',
	'SELECT ''{"n":2,"weight":2,"weight2":2,"mean_source":[1],"mean_target":[1],"source":[[1]],"cross":[[2]],"target":[[1]]}''::transfer_stats',
	'SELECT ''{"n":2,"weight":2,"weight2":2,"mean_source":[1],"mean_target":[1],"source":[[-1]],"cross":[[0]],"target":[[1]]}''::transfer_stats',
	'SELECT ''{"n":2,"weight":0,"weight2":2,"mean_source":[1],"mean_target":[1],"source":[[1]],"cross":[[1]],"target":[[1]]}''::transfer_stats',
	'SELECT ''{"n":-1,"weight":2,"weight2":2,"mean_source":[1],"mean_target":[1],"source":[[1]],"cross":[[1]],"target":[[1]]}''::transfer_stats',
	'SELECT uiml_transfer_stats(a, b) FROM (VALUES (''[1]''::interest_vector, ''[1]''::interest_vector), (''[1,2]'', ''[1]'')) t (a, b)',
	'SELECT uiml_transfer_stats(a, b) FROM (VALUES (''{1}''::double precision[], ''{1}''::double precision[]), (''{1}'', ''{1,2}'')) t (a, b)',
	'SELECT uiml_transfer_stats(''{1,NaN}''::double precision[], ''{1}'')',
	'SELECT uiml_transfer_stats(''{1,NULL}''::double precision[], ''{1}'')',
	'SELECT uiml_transfer_stats(''{}''::double precision[], ''{1}'')',
	'SELECT uiml_transfer_stats(x, x) FROM (VALUES (''{1e200}''::double precision[]), (''{-1e200}'')) t (x)',
	'SELECT uiml_transfer_stats(''[1]''::interest_vector, ''[1]''::interest_vector, -1)',
	'SELECT uiml_transfer_stats(''[1]''::interest_vector, ''[1]''::interest_vector, ''Infinity'')',
	'SELECT uiml_transfer_stats(array_fill(1::real, ARRAY[4097])::interest_vector, ''[1]''::interest_vector)',
	'SELECT uiml_transfer_stats(x[1:1], y) - uiml_transfer_stats(x, y) FROM users',
	'SELECT uiml_transfer_stats(x, y) FILTER (WHERE u < 5) - uiml_transfer_stats(x, y) FROM users',
	'SELECT uiml_transfer_stats(x, y) - uiml_transfer_stats(ARRAY[x[1] * 100, x[2], x[3]], y) FILTER (WHERE u < 900) FROM users',
	'SELECT uiml_merge(s) FROM (SELECT uiml_transfer_stats(x, y) s FROM users UNION ALL SELECT uiml_transfer_stats(x, x) FROM users) t',
	'SELECT uiml_transfer(x, y, -1) FROM examples',
	'SELECT uiml_transfer(x, y, ''NaN'') FROM examples',
	'SELECT uiml_transfer(x, y, n) FROM (SELECT x, y, row_number() OVER ()::double precision n FROM examples) t',
	'SELECT uiml_transfer(x, y, 1, m) FROM (SELECT x, y, CASE WHEN y = ''[.4,.6]'' THEN ''[[1,0],[0,1]]''::transfer_matrix END m FROM examples) t',
	'SELECT uiml_transfer(x, y, 0) FROM examples WHERE y = ''[.4,.6]''',
	'SELECT uiml_transfer(x, y, 1, ''[[1]]'') FROM examples',
	'SELECT uiml_transfer(x, y, 1, NULL, ''hinge'') FROM examples',
	'SELECT uiml_transfer(x, ''[1,-1]'', 1, NULL, ''cross_entropy'') FROM examples',
	'SELECT uiml_transfer(x, y, 0, NULL, ''cross_entropy'') FROM examples',
	'SELECT uiml_transfer_stats_final(rows_of(x, y, 1, NULL, ''cross_entropy'')) FROM examples',
	'SELECT uiml_transfer_stats_accum(NULL, ''[1]''::interest_vector, ''[1]''::interest_vector)',
	'SELECT ''\x75''::uiml_transfer_state'])
	WITH ORDINALITY AS u (statement, n), error_of(statement) e ORDER BY n;
\x off
