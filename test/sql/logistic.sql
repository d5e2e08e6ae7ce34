-- A pass of multinomial logistic regression: its loss and gradient against SQL, merged states, hostile ones, errors.
CREATE EXTENSION uiml;
SET extra_float_digits = 0;
CREATE TABLE rows AS
SELECT i, ARRAY[1, sin(i), cos(2 * i)]::interest_vector AS x, ARRAY[i % 3, i % 4, 1, i % 2]::interest_vector AS y
FROM generate_series(1, 5000) i;
CREATE TABLE model AS SELECT '[[.1,.2,.3,.4],[1,-1,.5,0],[0,.3,-2,1]]+[.4,.3,.2,.1]'::transfer_matrix AS m;

-- At zero, every class has the same share.
SELECT abs(uiml_loss(s) - ln(4)) < 1e-12 AS uniform, uiml_rows(uiml_gradient(s)), uiml_cols(uiml_gradient(s))
FROM (SELECT uiml_logistic_pass(x, y, '[[0,0,0,0],[0,0,0,0],[0,0,0,0]]+[0,0,0,0]') AS s FROM rows) p;

-- Loss and gradient of the intercept, computed in SQL.
CREATE VIEW shares AS
SELECT i, t, u.y, exp(u.z) / sum(exp(u.z)) OVER (PARTITION BY i) AS share, sum(u.y) OVER (PARTITION BY i) AS events
FROM (SELECT i, m * x AS z, y FROM rows, model) l, unnest(l.z::float8[], l.y::float8[]) WITH ORDINALITY AS u(z, y, t);
SELECT abs(uiml_loss(p.s) - s.loss) < 1e-6 AS loss
FROM (SELECT uiml_logistic_pass(x, y, m) AS s FROM rows, model) p, (SELECT -sum(y * ln(share)) / sum(y) AS loss FROM shares) s;
SELECT max(abs((uiml_intercept(uiml_gradient(p.s)))[t] - g)) < 1e-6 AS gradient
FROM (SELECT uiml_logistic_pass(x, y, m) AS s FROM rows, model) p,
	(SELECT t::integer, (sum(events * share) - sum(y)) / (SELECT sum(y) FROM shares) AS g FROM shares GROUP BY t) s;

-- A parallel plan gives the same.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
CREATE TABLE parallel AS SELECT uiml_logistic_pass(x, y, m) AS s FROM rows, model;
SET max_parallel_workers_per_gather = 0;
SELECT abs(uiml_loss(p.s) - uiml_loss(q.s)) < 1e-12 AS loss, (SELECT max(abs(a - b)) < 1e-12 FROM unnest(uiml_intercept(uiml_gradient(p.s)), uiml_intercept(uiml_gradient(q.s))) AS u(a, b)) AS gradient
FROM parallel p, (SELECT uiml_logistic_pass(x, y, m) AS s FROM rows, model) q;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- States as text and in binary, exact; rows with a NULL or without an event don't count.
SELECT s::text::uiml_logistic_state::text = s::text AS text, uiml_loss(s) = uiml_loss(s::text::uiml_logistic_state) AS loss FROM parallel;
CREATE TABLE nothing (i, x, y) AS VALUES (10, NULL, '[1,1,1,1]'::interest_vector), (11, '[1,1,1]'::interest_vector, NULL), (12, '[1,1,1]', '[0,0,0,0]');
SELECT a.s::text = b.s::text AS same
FROM (SELECT uiml_logistic_pass(x, y, m) AS s FROM rows, model WHERE i < 9) a,
	(SELECT uiml_logistic_pass(x, y, m) AS s FROM (
		SELECT i, x, y FROM rows WHERE i < 9 UNION ALL SELECT * FROM nothing
		ORDER BY i) r, model) b;
SELECT uiml_logistic_pass(x, y, m) IS NULL AS nothing FROM rows, model WHERE i < 0;
SELECT uiml_loss(uiml_logistic_pass(x, '[0,0,0,0]', m)), uiml_gradient(uiml_logistic_pass(x, '[0,0,0,0]', m)) FROM rows, model;

-- The fit: at its minimum, the gradient and that of the penalty cancel, whichever the penalty and the prior.
CREATE FUNCTION slope(lambda float8, prior transfer_matrix, OUT largest float8) LANGUAGE sql AS $$
	WITH fitted AS MATERIALIZED (SELECT uiml_solve_cross_entropy('rows', 'x', 'y', lambda, prior) AS b),
		passed AS MATERIALIZED (SELECT b, (SELECT uiml_gradient(uiml_logistic_pass(x, y, b)) FROM rows) AS g FROM fitted)
	SELECT greatest(
		(SELECT max(abs(uiml_element(g, i, j) + 2 * lambda * (uiml_element(b, i, j) - coalesce(uiml_element(prior, i, j), 0))))
			FROM generate_series(1, 3) i, generate_series(1, 4) j),
		(SELECT max(abs(e)) FROM unnest(uiml_intercept(g)) e))
	FROM passed
$$;
SELECT lambda, slope(lambda, NULL) < 1e-4 AS alone, slope(lambda, m) < 1e-4 AS drawn FROM model, unnest('{.0001,.01,1}'::float8[]) lambda;
-- A strong penalty gives the prior; cosines that tell a class are found.
SELECT max(abs(uiml_element(b, i, j) - uiml_element(m, i, j))) < 1e-5 AS prior
FROM (SELECT uiml_solve_cross_entropy('rows', 'x', 'y', 1e9, m) AS b, m FROM model) s, generate_series(1, 3) i, generate_series(1, 4) j;
CREATE TABLE plain AS SELECT ARRAY[sin(i), cos(i)] AS x, CASE WHEN sin(i) > 0 THEN ARRAY[1, 0] ELSE ARRAY[0, 1] END AS y FROM generate_series(1, 200) i;
SELECT uiml_element(b, 1, 1) > 5 AND abs(uiml_element(b, 1, 1) + uiml_element(b, 1, 2)) < .01 AS found, abs(uiml_element(b, 2, 1)) < 1 AS not_found
FROM uiml_solve_cross_entropy('plain', 'x', 'y') b;

CREATE TABLE none AS SELECT * FROM rows WHERE false;
CREATE TABLE zeros AS SELECT x, '[0,0]'::interest_vector AS y FROM rows;
-- What is refused.
SELECT uiml_solve_cross_entropy('rows', 'x', 'y', 0); \echo :SQLSTATE
SELECT uiml_solve_cross_entropy('rows', 'x', 'y', 'NaN'); \echo :SQLSTATE
SELECT uiml_solve_cross_entropy('rows', 'x', 'y', NULL); \echo :SQLSTATE
SELECT uiml_solve_cross_entropy('rows', 'x', 'z'); \echo :SQLSTATE
SELECT uiml_solve_cross_entropy('rows', 'i', 'y'); \echo :SQLSTATE
SELECT uiml_solve_cross_entropy('rows', 'y', 'x'); \echo :SQLSTATE
SELECT uiml_solve_cross_entropy('rows', 'x', 'y', .1, '[[1]]'); \echo :SQLSTATE
SELECT uiml_solve_cross_entropy('none', 'x', 'y'); \echo :SQLSTATE
SELECT uiml_solve_cross_entropy('zeros', 'x', 'y'); \echo :SQLSTATE
SELECT uiml_logistic_pass(x, y, '[[0,0,0,0],[0,0,0,0],[0,0,0,0]]') FROM rows; \echo :SQLSTATE
SELECT uiml_logistic_pass(x, y, '[[0,0,0,0],[0,0,0,0]]+[0,0,0,0]') FROM rows; \echo :SQLSTATE
SELECT uiml_logistic_pass(x, y, '[[0,0],[0,0],[0,0]]+[0,0]') FROM rows; \echo :SQLSTATE
SELECT uiml_logistic_pass(x, '[1,-1,0,0]', m) FROM rows, model; \echo :SQLSTATE
SELECT uiml_logistic_pass(CASE i WHEN 2 THEN '[1]' ELSE x END, CASE i WHEN 2 THEN '[1]' ELSE y END, CASE i WHEN 2 THEN '[[1]]+[1]' ELSE m END ORDER BY i) FROM rows, model; \echo :SQLSTATE
SELECT '\x00'::text::uiml_logistic_state; \echo :SQLSTATE
SELECT (left(s::text, -2))::uiml_logistic_state FROM parallel; \echo :SQLSTATE
SELECT ('\x75766c670200' || substr(s::text, 15))::uiml_logistic_state FROM parallel; \echo :SQLSTATE
SELECT uiml_logistic_accum(NULL, '[1]', '[1]', '[[1]]+[1]'); \echo :SQLSTATE
SELECT uiml_logistic_combine(s, s) FROM parallel; \echo :SQLSTATE
