-- Maximal marginal relevance: known answer, vectors, bounds, mistakes.
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

-- The first two are nearly the same, so the second comes last
CREATE VIEW known AS SELECT '{1,.95,.6,.5}'::float8[] AS relevance,
	'{{1,.9,.1,.2},{.9,1,.15,.1},{.1,.15,1,.3},{.2,.1,.3,1}}'::float8[] AS similarity;
SELECT uiml_mmr(relevance, similarity) AS half, uiml_mmr(relevance, similarity, 1) AS relevance_only, uiml_mmr(relevance, similarity, 0) AS diversity_only,
	uiml_mmr(relevance, similarity, k => 2) AS two, uiml_mmr(relevance, similarity, .9, 100) AS all_of_four FROM known;
-- rows are candidates, columns what was chosen: only the first knows of the second
SELECT uiml_mmr('{.9,1,.8}'::float8[], '{{0,1,0},{0,0,0},{0,0,0}}'::float8[]) AS asymmetric;
-- integers and numerics will do
SELECT uiml_mmr(ARRAY[1, 1], ARRAY[[1, 0], [0, 1]]) AS ties_go_to_the_first;

-- By vectors: two alike, one other; a zero vector is like nothing
CREATE TABLE dishes (name text, liked float8, v interest_vector(2));
INSERT INTO dishes VALUES ('pizza', .9, '[1,0.1]'), ('calzone', .85, '[5,0.4]'), ('ramen', .6, '[0.1,1]'), ('unknown', .3, '[0,0]');
SELECT rank, names[position] AS name FROM (
		SELECT array_agg(name ORDER BY liked DESC) AS names,
			uiml_mmr(array_agg(liked ORDER BY liked DESC), array_agg(v ORDER BY liked DESC), .5) AS positions FROM dishes) s,
	unnest(positions) WITH ORDINALITY u (position, rank) ORDER BY rank;
SELECT uiml_mmr('{.9,.85,.6,.3}', ARRAY(SELECT v FROM dishes ORDER BY liked DESC), 0) AS unlike_first,
	uiml_mmr('{.9,.85,.6,.3}', ARRAY(SELECT v FROM dishes ORDER BY liked DESC), 1) AS relevance_first;
WITH v AS (SELECT g AS id, random() AS relevance, ARRAY[sin(g), cos(2 * g), g % 3, 1 - g % 2]::interest_vector AS x FROM generate_series(1, 40) g),
	m AS (SELECT array_agg(s ORDER BY id) AS similarity FROM (SELECT a.id, array_agg(1 - (a.x <=> b.x) ORDER BY b.id) AS s FROM v a, v b GROUP BY a.id) r)
SELECT uiml_mmr(array_agg(relevance ORDER BY id), array_agg(x ORDER BY id), .3) = uiml_mmr(array_agg(relevance ORDER BY id), similarity, .3) AS same
	FROM v, m GROUP BY similarity;

-- Nothing, NULL
SELECT uiml_mmr('{}'::float8[], '{}'::float8[]) AS nothing, uiml_mmr('{}'::float8[], '{}'::interest_vector[]) AS no_vectors,
	uiml_mmr(NULL::float8[], '{{1}}'::float8[]) AS no_relevance, uiml_mmr('{1}'::float8[], NULL::interest_vector[]) AS unknown_vectors;

-- Mistakes
SELECT statement, e.* FROM unnest(ARRAY[
	'SELECT uiml_mmr(''{1}'', ''{{1}}''::float8[], 1.5)',
	'SELECT uiml_mmr(''{1}'', ''{{1}}''::float8[], ''NaN'')',
	'SELECT uiml_mmr(''{1}'', ''{{1}}''::float8[], NULL)',
	'SELECT uiml_mmr(''{1}'', ''{{1}}''::float8[], .5, 0)',
	'SELECT uiml_mmr(''{1,2}'', ''{1,2}''::float8[])',
	'SELECT uiml_mmr(''{1,2}'', ''{{1,2}}''::float8[])',
	'SELECT uiml_mmr(''{}'', ''{{1}}''::float8[])',
	'SELECT uiml_mmr(''{{1}}'', ''{{1}}''::float8[])',
	'SELECT uiml_mmr(''{NULL}'', ''{{1}}''::float8[])',
	'SELECT uiml_mmr(''{1}'', ''{{NaN}}''::float8[])',
	'SELECT uiml_mmr(''{Infinity}'', ''{{1}}''::float8[])',
	'SELECT uiml_mmr(''{1}'', ''{"[1]","[2]"}''::interest_vector[])',
	'SELECT uiml_mmr(''{1,2}'', ''{"[1]",NULL}''::interest_vector[])',
	'SELECT uiml_mmr(''{1,2}'', ''{"[1]","[2,3]"}''::interest_vector[])'])
	WITH ORDINALITY AS u (statement, n), error_of(statement) e ORDER BY n;
