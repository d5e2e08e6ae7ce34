-- The type transfer_matrix: texts, bytes, casts, functions, operators.
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

-- The worked example of the reference, which prints [.28, .52]
SELECT '[[.6,.4],[.4,.6]]'::transfer_matrix * '[.2,.8]'::interest_vector AS transferred;
-- rows are source dimensions, columns target dimensions: u W + b
SELECT '[[1,2,3],[10,20,30]]+[.5,0,-.5]'::transfer_matrix * '[2,1]'::interest_vector AS transferred;

-- Text
SELECT m::transfer_matrix FROM (VALUES ('[[.6,.4],[.4,.6]]'), (' [ [ 1 ] , [ -2e-3 ] ] + [ 1e300 ] '), ('[[0.1,1e-320,-0]]'), ('[[5e-324]]')) t (m);
SELECT bool_and(m::text::transfer_matrix = m) AS lossless, count(*)
	FROM (SELECT uiml_matrix(ARRAY[[sin(i), exp(i)], [1 / (i + .1), -i / 3.0]], ARRAY[cos(i), 1e-5 * i]) m FROM generate_series(0, 200) i) t;

-- Accessors
SELECT uiml_rows(m), uiml_cols(m), uiml_element(m, 2, 3), uiml_intercept(m), round(uiml_frobenius(m)::numeric, 6) AS norm, uiml_rank(m)
	FROM (VALUES ('[[1,2,3],[4,5,6]]+[7,8,9]'::transfer_matrix), ('[[1,2,3],[2,4,6]]')) t (m);
SELECT uiml_rank('[[1,0],[0,1e-12]]') AS two, uiml_rank('[[1,0],[0,1e-17]]') AS one, uiml_rank('[[0,0]]') AS none;

-- Casts
SELECT ARRAY[[.6, .4], [.4, .6]]::transfer_matrix AS "numeric", ARRAY[[1, 2]]::transfer_matrix AS "integer",
	ARRAY[[.5, 2]]::real[]::transfer_matrix AS "real", '{{.1},{.2}}'::double precision[]::transfer_matrix AS "double";
SELECT '[[1,2],[3,4]]+[5,6]'::transfer_matrix::double precision[] AS coefficients,
	uiml_matrix('{{1,2},{3,4}}', '{5,6}') = '[[1,2],[3,4]]+[5,6]' AS same, uiml_matrix('{{1}}') AS plain, uiml_matrix(NULL) IS NULL AS none;

-- Equality
SELECT a = b AS eq, a <> b AS ne
	FROM (VALUES ('[[1,0]]'::transfer_matrix, '[[1,-0]]'::transfer_matrix), ('[[1,0]]', '[[1],[0]]'), ('[[1,0]]', '[[1,0]]+[0,0]'), ('[[1,0]]', '[[1,1e-300]]')) t (a, b);

-- Binary
SELECT transfer_matrix_send('[[1,2]]+[3,4]');
CREATE TABLE kept (m transfer_matrix);
-- a large one is stored out of line
INSERT INTO kept SELECT ('[' || string_agg('[' || i || repeat(',.5', 299) || ']', ',') || ']')::transfer_matrix FROM generate_series(1, 300) i;
SELECT uiml_rows(m), uiml_cols(m), uiml_element(m, 299, 1), pg_column_size(m) > 720000 AS whole FROM kept WHERE uiml_rows(m) > 1;
DROP TABLE kept;

-- Refused
\x on
SELECT left(statement, 60) AS statement, e.* FROM unnest(ARRAY[
	'SELECT ''''::transfer_matrix',
	'SELECT ''[]''::transfer_matrix',
	'SELECT ''[[]]''::transfer_matrix',
	'SELECT ''[1,2]''::transfer_matrix',
	'SELECT ''[[1,2],[3]]''::transfer_matrix',
	'SELECT ''[[1,2],[3,4]''::transfer_matrix',
	'SELECT ''[[1,2]]x''::transfer_matrix',
	'SELECT ''[[1,2]]+[3]''::transfer_matrix',
	'SELECT ''[[1,two]]''::transfer_matrix',
	'SELECT ''[[1,NaN]]''::transfer_matrix',
	'SELECT ''[[1,-inf]]''::transfer_matrix',
	'SELECT ''[[1,1e400]]''::transfer_matrix',
	'SELECT (''[['' || repeat(''1,'', 4096) || ''1]]'')::transfer_matrix',
	'SELECT (''['' || repeat(''[1],'', 4096) || ''[1]]'')::transfer_matrix',
	'SELECT ''{1,2}''::double precision[]::transfer_matrix',
	'SELECT ''{}''::double precision[]::transfer_matrix',
	'SELECT ''{{1,NULL}}''::double precision[]::transfer_matrix',
	'SELECT ''{{1,NaN}}''::double precision[]::transfer_matrix',
	'SELECT uiml_matrix(''{{1,2}}'', ''{1}'')',
	'SELECT uiml_matrix(''{{1,2}}'', ''{1,Infinity}'')',
	'SELECT uiml_element(''[[1,2]]'', 0, 1)',
	'SELECT uiml_element(''[[1,2]]'', 1, 3)',
	'SELECT uiml_frobenius(''[[1.7e308,1.7e308]]'')',
	'SELECT ''[[1,2]]''::transfer_matrix * ''[1,2]''::interest_vector',
	'SELECT ''[[1e300]]''::transfer_matrix * ''[1]''::interest_vector'])
	WITH ORDINALITY AS u (statement, n), error_of(statement) e ORDER BY n;
\x off
