-- Metrics of lists, values and vectors: known answers, NULLs, repetitions, keys of any type, mistakes.
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

-- Hits at ranks 1 and 3 of 2 relevant; hits at ranks 2, 3 and 6 of 4 relevant
SELECT abs(uiml_ndcg(ARRAY[7, 8, 9], ARRAY[9, 7], 3) - .9197207891) < 1e-10 AS ndcg;
CREATE VIEW lists AS SELECT '{10,1,2,11,12,3}'::integer[] AS ranked, '{1,2,3,4}'::integer[] AS relevant;
SELECT k, round(uiml_recall(ranked, relevant, k)::numeric, 6) AS recall, round(uiml_precision(ranked, relevant, k)::numeric, 6) AS precision,
	uiml_hr(ranked, relevant, k) AS hr, round(uiml_ndcg(ranked, relevant, k)::numeric, 6) AS ndcg,
	uiml_mrr(ranked, relevant, k) AS mrr, round(uiml_map(ranked, relevant, k)::numeric, 6) AS map
	FROM lists, unnest('{1,2,3,6,10,1000000000,NULL}'::integer[]) WITH ORDINALITY u (k, n) ORDER BY n;
-- the same from the definitions, for 2,000 random lists
SELECT setseed(.25);
CREATE TABLE random_lists AS
	SELECT g AS id, 1 + g % 12 AS k, ARRAY(SELECT n FROM generate_series(1, 20) n WHERE g > 0 ORDER BY random() LIMIT 3 + g % 9) AS ranked,
		ARRAY(SELECT n FROM generate_series(1, 20) n WHERE g > 0 ORDER BY random() LIMIT 1 + g % 7) AS relevant
	FROM generate_series(1, 2000) g;
WITH by_rank AS (
	SELECT l.*, r.rank, r.item = ANY (relevant) AS hit, least(k, cardinality(relevant)) AS best,
		count(*) FILTER (WHERE r.item = ANY (relevant)) OVER (PARTITION BY id ORDER BY r.rank) AS hits
	FROM random_lists l, unnest(ranked) WITH ORDINALITY r (item, rank) WHERE r.rank <= k
), slowly AS (
	SELECT id, sum(hit::integer)::float8 / max(best) AS recall, sum(hit::integer)::float8 / max(k) AS precision, bool_or(hit)::integer AS hr,
		coalesce(1.0 / min(rank) FILTER (WHERE hit), 0) AS mrr,
		coalesce(sum(hits::float8 / rank) FILTER (WHERE hit), 0) / max(best) AS map,
		coalesce(sum(1 / log(2, rank + 1)) FILTER (WHERE hit), 0) / (SELECT sum(1 / log(2, i + 1)) FROM generate_series(1, max(best)) i) AS ndcg
	FROM by_rank GROUP BY id
)
SELECT count(*), max(abs(s.recall - uiml_recall(ranked, relevant, k))) < 1e-12 AS recall,
	max(abs(s.precision - uiml_precision(ranked, relevant, k))) < 1e-12 AS precision, max(abs(s.hr - uiml_hr(ranked, relevant, k))) = 0 AS hr,
	max(abs(s.mrr - uiml_mrr(ranked, relevant, k))) < 1e-12 AS mrr, max(abs(s.map - uiml_map(ranked, relevant, k))) < 1e-12 AS map,
	max(abs(s.ndcg - uiml_ndcg(ranked, relevant, k))) < 1e-12 AS ndcg,
	max(abs(s.ndcg - uiml_ndcg(ranked, relevant, k, array_fill(2::real, ARRAY[cardinality(relevant)])))) < 1e-12 AS graded
	FROM random_lists JOIN slowly s USING (id);

-- Nothing relevant, NULL, an empty list
SELECT uiml_ndcg(ARRAY[1], '{}', 1) AS none, uiml_recall(ARRAY[1], ARRAY[NULL]::integer[]) AS only_null, uiml_map(NULL::integer[], ARRAY[1]) AS no_list,
	uiml_mrr(ARRAY[1], NULL) AS no_set, uiml_hr('{}'::integer[], ARRAY[1]) AS empty_list, uiml_precision('{}'::integer[], ARRAY[1]) AS empty_precision,
	uiml_precision('{}'::integer[], ARRAY[1], 5) AS empty_of_5;
-- a NULL takes a rank; of a repeated item only the first hits; the set may repeat
SELECT uiml_mrr(ARRAY[NULL, 1], ARRAY[1, NULL]) AS null_takes_rank, uiml_precision(ARRAY[1, 1, 2], ARRAY[1, 1, 2, 2], 3) AS two_of_three,
	uiml_recall(ARRAY[1, 1], ARRAY[1, 1, 2]) AS half, uiml_ndcg(ARRAY[1, 1, 2], ARRAY[1, 2, 2]) < 1 AS repetition_costs;

-- Keys of any type; two types with a common one; literals; equal numbers that look different
SELECT uiml_hr('{a,b}', '{b}') AS literals, uiml_hr(ARRAY['a', 'b'], '{c}') AS miss, uiml_hr(ARRAY[1, 2], ARRAY[2]::bigint[]) AS two_types,
	uiml_hr(ARRAY[1.0], ARRAY[1.00]) AS numerics, uiml_hr(ARRAY[date '2026-01-01'], ARRAY[date '2026-01-01']) AS dates,
	uiml_hr(ARRAY[md5('1')::uuid], ARRAY[md5('1')::uuid]) AS uuids;
SELECT uiml_mrr(array_agg('item ' || i ORDER BY i), '{item 2000}') AS long_text_list FROM generate_series(1, 2000) i;

-- Gains: 3, 2 and 1 at ranks 2, 1 and 4, and one of 5 that the list lacks
SELECT abs(uiml_ndcg('{b,a,x,c}', '{a,b,c,d}', 2, '{3,2,1,5}') - (2 + 3 / log(2, 3)) / (5 + 3 / log(2, 3))) < 1e-12 AS at_2,
	abs(uiml_ndcg('{b,a,x,c}', '{a,b,c,d}', gains => '{3,2,1,5}') - (2 + 3 / log(2, 3) + 1 / log(2, 5)) / (5 + 3 / log(2, 3) + 2 / log(2, 4) + 1 / log(2, 5))) < 1e-12 AS whole,
	uiml_ndcg('{a}', '{a,a}', gains => '{1,4}') AS greatest_counts, uiml_ndcg('{a}', '{a}', gains => '{0}') AS no_gain,
	uiml_ndcg('{a}', '{NULL,a}', gains => '{7,1}') AS null_item, uiml_ndcg('{}', '{a}', gains => '{1}') AS empty_list;

-- AUC: scikit-learn's example; ties; NULLs; one class
SELECT uiml_auc('{.1,.4,.35,.8}', '{f,f,t,t}') AS auc, uiml_auc('{1,1}', '{t,f}') AS tie, uiml_auc('{1,2,NULL,3}', '{f,t,f,NULL}') AS nulls,
	uiml_auc('{1,2}', '{t,t}') AS one_class, uiml_auc('{}', '{}') AS nothing, uiml_auc('{-Infinity,Infinity}', '{f,t}') AS infinite;
WITH s AS (SELECT round((random() * 20)::numeric)::float8 AS score, random() < .3 AS positive FROM generate_series(1, 300))
SELECT abs(uiml_auc(array_agg(score), array_agg(positive)) - (SELECT avg(CASE WHEN a.score > b.score THEN 1 WHEN a.score = b.score THEN .5 ELSE 0 END)
	FROM s a, s b WHERE a.positive AND NOT b.positive)) < 1e-12 AS auc FROM s;

-- Gini, coverage, novelty, similarity
SELECT uiml_gini('{3,3,3}') AS equal, uiml_gini('{0,7,0,0}') AS one, uiml_gini('{4,1,NULL,3,2}') AS uneven, uiml_gini('{0,0}') AS zero, uiml_gini('{}') AS nothing;
SELECT uiml_coverage('{a,b,a,NULL}', 4) AS coverage, uiml_coverage('{{1,2},{2,3}}'::integer[], 10) AS lists, uiml_coverage('{}', 10) AS nothing,
	uiml_coverage('{a}', NULL) AS unknown;
SELECT uiml_coverage(array_agg(ranked[:3]), 20) FROM random_lists;
SELECT round(uiml_novelty('{.5,.125,1,NULL}')::numeric, 9) AS novelty, uiml_novelty('{}') AS nothing;
SELECT round(uiml_intra_list_similarity('{"[1,0]","[0,2]","[0,1]"}')::numeric, 6) AS third, uiml_intra_list_similarity('{"[1,0]","[-3,0]",NULL}') AS opposite,
	uiml_intra_list_similarity('{"[1,0]"}') AS one, uiml_intra_list_similarity('{"[0,0]","[1,0]"}') AS zero_vector;
WITH v AS (SELECT g AS id, ARRAY[sin(g), cos(2 * g), g % 3, 1 - g % 2]::interest_vector AS x FROM generate_series(1, 40) g)
SELECT abs(uiml_intra_list_similarity(array_agg(x)) - (SELECT avg(1 - (a.x <=> b.x)) FROM v a, v b WHERE a.id < b.id)) < 1e-6 AS pairs FROM v;

-- Mistakes
SELECT statement, e.* FROM unnest(ARRAY[
	'SELECT uiml_ndcg(ARRAY[1], ARRAY[1], 0)',
	'SELECT uiml_recall(ARRAY[[1]], ARRAY[1])',
	'SELECT uiml_recall(ARRAY[1], ARRAY[[1]])',
	'SELECT uiml_hr(ARRAY[point(1, 2)], ARRAY[point(1, 2)])',
	'SELECT uiml_ndcg(ARRAY[1], ARRAY[1, 2], 1, ''{1}'')',
	'SELECT uiml_ndcg(ARRAY[1], ARRAY[1], 1, ''{-1}'')',
	'SELECT uiml_ndcg(ARRAY[1], ARRAY[1], 1, ''{NaN}'')',
	'SELECT uiml_ndcg(ARRAY[1], ARRAY[1], 1, ''{Infinity}'')',
	'SELECT uiml_ndcg(ARRAY[1], ARRAY[1], 1, ''{NULL}'')',
	'SELECT uiml_auc(''{1}'', ''{t,f}'')',
	'SELECT uiml_auc(''{NaN,1}'', ''{t,f}'')',
	'SELECT uiml_gini(''{1,-1}'')',
	'SELECT uiml_gini(''{1,Infinity}'')',
	'SELECT uiml_novelty(''{.5,0}'')',
	'SELECT uiml_novelty(''{1.5}'')',
	'SELECT uiml_coverage(''{a,b}'', 1)',
	'SELECT uiml_coverage(''{a,b}'', 0)',
	'SELECT uiml_intra_list_similarity(''{"[1]","[1,2]"}'')'])
	WITH ORDINALITY AS u (statement, n), error_of(statement) e ORDER BY n;

-- A parallel plan may run them
SELECT bool_and(proparallel = 's' AND provolatile = 'i') AS safe FROM pg_proc
	WHERE proname ~ '^uiml_(ndcg|recall|precision|hr|mrr|map|auc|gini|coverage|novelty|intra_list_similarity)$';
