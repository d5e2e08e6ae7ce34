-- Solvers of transfer_stats: known answers, paths, folds, rows, intervals, stacked matrices, mistakes.
SET client_min_messages = warning;
CREATE EXTENSION uiml;
RESET client_min_messages;
CREATE FUNCTION error_of(statement text, OUT code text, OUT message text, OUT detail text, OUT hint text)
	LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	code := 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END
$$;
-- The numbers of a matrix, rounded
CREATE FUNCTION rounded(matrix transfer_matrix, digits integer DEFAULT 8) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(cells, ' | ' ORDER BY r) FROM (
		SELECT r, string_agg(round(uiml_element(matrix, r, c)::numeric, digits)::text, ' ' ORDER BY c) AS cells
			FROM generate_series(1, uiml_rows(matrix)) r, generate_series(1, uiml_cols(matrix)) c GROUP BY r) s
$$;
CREATE FUNCTION of_row(x double precision[], y double precision[], weight double precision DEFAULT 1) RETURNS transfer_stats LANGUAGE sql AS $$
	SELECT uiml_transfer_stats(x, y, weight)
$$;

-- Known answers: X'X + .5 I without intercept, the same towards a prior, and what is left of an infinite penalty
CREATE TABLE small (id integer, x double precision[], y double precision[]);
INSERT INTO small VALUES (1, '{1,0}', '{.6,.4}'), (2, '{0,1}', '{.4,.6}'), (3, '{1,1}', '{1,1.1}'), (4, '{2,1}', '{1.7,1.3}');
CREATE TABLE known AS SELECT uiml_transfer_stats(x, y ORDER BY id) AS stats, '[[.6,.4],[.4,.6]]'::transfer_matrix AS prior FROM small;
SELECT rounded(uiml_solve(stats, .5, intercept => false)) FROM known;
SELECT rounded(uiml_solve(stats, .5, prior, false)) FROM known;
SELECT uiml_solve(stats, 'Infinity', prior, false) = prior AS prior_exactly, rounded(uiml_solve(stats, 1e12, prior, false)) AS nearly FROM known;
SELECT round(df::numeric, 10) AS df, round(gcv::numeric, 13) AS gcv FROM known, uiml_ridge_path(stats, '{.5}', intercept => false);
SELECT round(avg(uiml_leave_one_out(stats, x, y, .5, intercept => false))::numeric, 13) AS leave_one_out FROM known, small;
-- with an intercept; without a penalty W is what it was, and lambda is chosen where it is not given
SELECT rounded(uiml_solve(stats, 0)) AS matrix, array(SELECT round(b::numeric, 8) FROM unnest(uiml_intercept(uiml_solve(stats, 0))) b) AS intercept,
	uiml_intercept(uiml_solve(stats, 0, intercept => false)) IS NULL AS none FROM known;
SELECT uiml_solve(stats) = uiml_solve(stats, lambda) AS chosen_by_gcv, (SELECT count(*) FROM uiml_ridge_path(stats)) AS penalties
	FROM known, uiml_ridge_path(stats) WHERE best;
SELECT uiml_solve(NULL) IS NULL AS of_null, (SELECT count(*) FROM uiml_ridge_path(NULL)) AS path, (SELECT count(*) FROM uiml_cross_validate(NULL)) AS folds,
	uiml_leave_one_out(NULL, '[1,1]'::interest_vector, '[1,1]') IS NULL AS row, uiml_stack(NULL, NULL) IS NULL AS stacked, uiml_transfer_verdict(NULL) IS NULL AS verdict;

-- 60 rows in 4 folds; numbers that real and double precision both have
CREATE TABLE rows AS SELECT id, (id * id + id / 7) % 4 AS fold, CASE WHEN id % 2 = 0 THEN 1 ELSE .5 END::float8 AS weight,
	ARRAY(SELECT round(256 * (sin(id * (j + .3)) * j + 2)) / 256 FROM generate_series(1, 3) j) AS x FROM generate_series(1, 60) id;
ALTER TABLE rows ADD y double precision[];
UPDATE rows SET y = ARRAY[round(256 * (x[1] - 2 * x[2] + cos(id * id))) / 256, round(256 * (.5 * x[3] + cos(id * 7.7) + 1)) / 256];
CREATE TABLE sums AS SELECT uiml_merge(s ORDER BY fold) AS stats, array_agg(s ORDER BY fold) AS folds
	FROM (SELECT fold, uiml_transfer_stats(x, y, weight ORDER BY id) AS s FROM rows GROUP BY fold) f;
-- The squared error of a matrix on a row
CREATE FUNCTION error_on(matrix transfer_matrix, x double precision[], y double precision[]) RETURNS double precision LANGUAGE sql AS $$
	SELECT sum((y[c] - coalesce((uiml_intercept(matrix))[c], 0) - (SELECT sum(x[r] * uiml_element(matrix, r, c)) FROM generate_series(1, cardinality(x)) r)) ^ 2)
		FROM generate_series(1, cardinality(y)) c
$$;
-- Cross-validation row by row gives the same to 1e-9
CREATE VIEW path AS SELECT v.* FROM sums, uiml_cross_validate(folds, '[[1,0],[-2,0],[0,.4]]') v;
SELECT candidate, count(*), min(df) >= 1 AND max(df) <= 4 AS df_in_range, count(*) FILTER (WHERE best) AS best, bool_and(se > 0) AS se_known
	FROM path GROUP BY candidate ORDER BY candidate;
WITH fitted AS (
		SELECT candidate, lambda, error, fold, uiml_solve(others, lambda, CASE WHEN candidate IN ('biased', 'prior') THEN '[[1,0],[-2,0],[0,.4]]'::transfer_matrix END) AS matrix
			FROM (SELECT f.fold, uiml_transfer_stats(x, y, weight ORDER BY r.id) AS others FROM (SELECT DISTINCT fold FROM rows) f JOIN rows r ON r.fold <> f.fold GROUP BY f.fold) o,
				(SELECT candidate, coalesce(lambda, 'Infinity') AS lambda, error FROM path) p),
	by_rows AS (SELECT candidate, lambda, error, sum(weight * error_on(matrix, x, y)) / sum(weight) AS by_rows FROM fitted JOIN rows USING (fold) GROUP BY 1, 2, 3)
SELECT count(*), max(abs(error - by_rows) / by_rows) < 1e-9 AS equal FROM by_rows;
-- The verdict: y does depend on x; a prior that is nearly the truth beats ridge to zero
SELECT candidate, used, gain > gain_se AS gains, cardinality(fold_gains) AS folds FROM sums, uiml_transfer_verdict(folds);
SELECT candidate IN ('biased', 'prior') AS prior_helps, used FROM sums, uiml_transfer_verdict(folds, '[[1,0],[-2,0],[0,.5]]');
-- Scrambled: the rows of one, the targets of another
SELECT candidate, used, gain <= gain_se AS within_error FROM (
	SELECT array_agg(s ORDER BY fold) AS folds FROM (SELECT r.fold, uiml_transfer_stats(r.x, o.y ORDER BY r.id) AS s FROM rows r JOIN rows o ON o.id = (r.id * 23 + 11) % 61 GROUP BY r.fold) f) s,
	uiml_transfer_verdict(folds);

-- Leaving a row out, for several penalties in one scan, is a fit without it
SELECT lambda, max(abs(uiml_leave_one_out(stats, x::interest_vector, y::interest_vector, lambda, weight => weight)
		/ error_on(uiml_solve(stats - of_row(x, y, weight), lambda), x, y) - 1)) < 1e-7 AS equal
	FROM sums, rows, unnest('{0,1,30}'::float8[]) lambda GROUP BY lambda ORDER BY lambda;
-- each call with other statistics, prior or intercept than the one before, and with those again
SELECT bool_and(abs(uiml_leave_one_out(s, x, y, 1, p, i, 0) / error_on(uiml_solve(s, 1, p, i), x, y) - 1) < 1e-9) AS equal
	FROM (SELECT CASE WHEN id % 2 = 0 THEN stats ELSE folds[1] END AS s, CASE WHEN id % 3 = 0 THEN '[[1,0],[-2,0],[0,.4]]'::transfer_matrix END AS p, id % 5 < 3 AS i, x, y
		FROM sums, rows) calls;
SELECT abs(uiml_leave_one_out(stats, '{2,1,3}'::float8[], '{1,0}'::float8[], 5, weight => 0) / error_on(uiml_solve(stats, 5), '{2,1,3}', '{1,0}') - 1) < 1e-9 AS not_among_the_rows,
	uiml_leave_one_out(of_row('{1,2}', '{3}'), '[1,2]'::interest_vector, '[3]', 1) AS alone FROM sums;

-- Several matrices: weights that are zero or more; the sum is a prior
SELECT array(SELECT round(w::numeric, 4) FROM unnest(weights) w) AS weights, rounded(matrix, 4) AS matrix, uiml_intercept(matrix) IS NOT NULL AS intercept,
	abs(error - (SELECT sum(weight * error_on(matrix, x, y)) / sum(weight) FROM rows)) < 1e-9 AS error_by_rows
	FROM sums, uiml_stack(stats, ARRAY['[[1,0],[-2,0],[0,0]]', '[[0,0],[0,0],[0,1]]', '[[-1,1],[2,0],[0,0]]']::transfer_matrix[]);
SELECT rounded(matrix, 4) AS matrix, uiml_intercept(matrix) IS NULL AS no_intercept, uiml_solve(stats, 1, matrix) IS NOT NULL AS prior
	FROM sums, uiml_stack(stats, ARRAY['[[1,0],[-2,0],[0,0]]', '[[0,0],[0,0],[0,1]]']::transfer_matrix[], false);

-- Intervals: wider at a higher level and far from the mean, along a coordinate the same as along its unit vector
SELECT i.coordinate, round(i.predicted::numeric, 4) AS predicted, round(i.low::numeric, 4) AS low, round(i.high::numeric, 4) AS high
	FROM sums, uiml_transfer_interval(stats, '[2,2,2]', lambda => 1) i;
WITH i AS (SELECT v.name, i.* FROM sums, (VALUES ('near', '[2,2,2]'::interest_vector, .9), ('far', '[20,2,2]', .9), ('sure', '[2,2,2]', .99)) v (name, x, level),
	uiml_transfer_interval(stats, x, '[1,0]', level, 1) i)
SELECT near.high - near.low < far.high - far.low AS far_is_wider, near.high - near.low < sure.high - sure.low AS sure_is_wider, near.coordinate IS NULL AS no_coordinate,
	(near.predicted, near.low, near.high) = (SELECT c.predicted, c.low, c.high FROM sums, uiml_transfer_interval(stats, '[2,2,2]', lambda => 1) c WHERE coordinate = 1) AS same
	FROM i near, i far, i sure WHERE near.name = 'near' AND far.name = 'far' AND sure.name = 'sure';
-- 95 % of the rows are within; of the fit itself, so a little more
SELECT count(*) FILTER (WHERE y[1] BETWEEN low AND high) BETWEEN 54 AND 60 AS within FROM sums, rows, uiml_transfer_interval(stats, x::interest_vector, '[1,0]', .95);

-- Mistakes
CREATE TABLE odd AS SELECT stats, stats - stats AS none, of_row('{1,2}', '{3}') AS one, of_row('{1}', '{3}') AS narrow FROM sums;
SELECT e.* FROM unnest(ARRAY[
	'SELECT uiml_solve(none) FROM odd', 'SELECT uiml_solve(stats, -1) FROM odd', 'SELECT uiml_solve(stats, ''NaN'') FROM odd',
	'SELECT uiml_solve(one, 0) FROM odd', 'SELECT uiml_solve(stats, 1, ''[[1,2],[3,4]]'') FROM odd', 'SELECT uiml_solve(stats, intercept => NULL) FROM odd']) statement, error_of(statement) e;
SELECT e.* FROM unnest(ARRAY[
	'SELECT * FROM odd, uiml_ridge_path(stats, ''{1,-1}'')', 'SELECT * FROM odd, uiml_ridge_path(one, ''{0}'')', 'SELECT * FROM odd, uiml_ridge_path(stats, ''{1,NULL}'')']) statement, error_of(statement) e;
SELECT e.* FROM unnest(ARRAY[
	'SELECT * FROM odd, uiml_cross_validate(ARRAY[one])', 'SELECT * FROM odd, uiml_cross_validate(ARRAY[one, NULL])', 'SELECT * FROM odd, uiml_cross_validate(ARRAY[one, narrow])',
	'SELECT * FROM odd, uiml_cross_validate(ARRAY[one, one - one])', 'SELECT * FROM odd, uiml_cross_validate(ARRAY[one, one], ''[[1]]'')',
	'SELECT * FROM odd, uiml_transfer_verdict(array_fill(one, ARRAY[65]))']) statement, error_of(statement) e;
SELECT e.* FROM unnest(ARRAY[
	'SELECT uiml_leave_one_out(one, ''[1,2,3]''::interest_vector, ''[1]'') FROM odd', 'SELECT uiml_leave_one_out(one, ''[1,2]''::interest_vector, ''[1,2]'') FROM odd',
	'SELECT uiml_leave_one_out(one, ''{1,2,3}''::float8[], ''{1}''::float8[]) FROM odd', 'SELECT uiml_leave_one_out(one, ''{1,2}''::float8[], ''{NULL}''::float8[]) FROM odd',
	'SELECT uiml_leave_one_out(one, ''[1,2]''::interest_vector, ''[1]'', -1) FROM odd', 'SELECT uiml_leave_one_out(one, ''[1,2]''::interest_vector, ''[1]'', weight => -1) FROM odd',
	'SELECT uiml_leave_one_out(one, ''[1,2]''::interest_vector, ''[1]'', weight => NULL) FROM odd', 'SELECT uiml_leave_one_out(none, ''[1,2,3]''::interest_vector, ''[1,2]'') FROM odd']) statement, error_of(statement) e;
SELECT e.* FROM unnest(ARRAY[
	'SELECT * FROM odd, uiml_transfer_interval(stats, ''[1,2,3]'', level => 1)', 'SELECT * FROM odd, uiml_transfer_interval(one, ''[1,2]'')',
	'SELECT * FROM odd, uiml_transfer_interval(stats, ''[1,2]'')', 'SELECT * FROM odd, uiml_transfer_interval(stats, ''[1,2,3]'', ''[1]'')']) statement, error_of(statement) e;
SELECT e.* FROM unnest(ARRAY[
	'SELECT uiml_stack(stats, ''{}'') FROM odd', 'SELECT uiml_stack(stats, ARRAY[NULL::transfer_matrix]) FROM odd', 'SELECT uiml_stack(stats, ARRAY[''[[1]]''::transfer_matrix]) FROM odd',
	'SELECT uiml_stack(none, ARRAY[''[[1,0],[0,1],[0,0]]''::transfer_matrix]) FROM odd']) statement, error_of(statement) e;
-- More than maintenance_work_mem allows is told before work begins
SET maintenance_work_mem = '1MB';
SELECT e.code, e.message, e.hint FROM error_of('SELECT uiml_solve(of_row(array_fill(1, ARRAY[200]), ''{1}''), 1)') e;
