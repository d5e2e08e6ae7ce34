/*
 * 55-metrics.sql
 *	  Metrics of one list each: their avg over users is the metric.
 *
 * Keys are of any type with a hash class; an untyped literal is an array of text.
 */
CREATE FUNCTION uiml_ndcg(
	ranked anycompatiblearray, relevant anycompatiblearray, k integer DEFAULT NULL, gains real[] DEFAULT NULL)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_ndcg'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION uiml_ndcg(anycompatiblearray, anycompatiblearray, integer, real[]) IS
	'NDCG of a list: sum of gain / log2(rank + 1), divided by that of the best list of k. ranked is the list, best first (NULL elements and repetitions take a rank and never hit); relevant is what it should hold (a set: NULLs and repetitions are ignored); k >= 1 looks at the first k only, NULL at the whole list. NULL without relevant items or where an array is NULL. gains: one per element of relevant, finite and >= 0 (NULL: 1 each; an item named twice has the greatest)';

CREATE FUNCTION uiml_recall(ranked anycompatiblearray, relevant anycompatiblearray, k integer DEFAULT NULL)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_recall'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION uiml_recall(anycompatiblearray, anycompatiblearray, integer) IS
	'Part of the relevant items that the list has, of min(k, relevant). ranked is the list, best first (NULL elements and repetitions take a rank and never hit); relevant is what it should hold (a set: NULLs and repetitions are ignored); k >= 1 looks at the first k only, NULL at the whole list. NULL without relevant items or where an array is NULL';

CREATE FUNCTION uiml_precision(ranked anycompatiblearray, relevant anycompatiblearray, k integer DEFAULT NULL)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_precision'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION uiml_precision(anycompatiblearray, anycompatiblearray, integer) IS
	'Part of the k ranks (of the list, where k is NULL) that are relevant. ranked is the list, best first (NULL elements and repetitions take a rank and never hit); relevant is what it should hold (a set: NULLs and repetitions are ignored); k >= 1 looks at the first k only, NULL at the whole list. NULL without relevant items or where an array is NULL';

CREATE FUNCTION uiml_hr(ranked anycompatiblearray, relevant anycompatiblearray, k integer DEFAULT NULL)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_hr'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION uiml_hr(anycompatiblearray, anycompatiblearray, integer) IS
	'Hit rate: 1 where the list has a relevant item, else 0. ranked is the list, best first (NULL elements and repetitions take a rank and never hit); relevant is what it should hold (a set: NULLs and repetitions are ignored); k >= 1 looks at the first k only, NULL at the whole list. NULL without relevant items or where an array is NULL';

CREATE FUNCTION uiml_mrr(ranked anycompatiblearray, relevant anycompatiblearray, k integer DEFAULT NULL)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_mrr'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION uiml_mrr(anycompatiblearray, anycompatiblearray, integer) IS
	'Reciprocal rank of the first relevant item, 0 where there is none. ranked is the list, best first (NULL elements and repetitions take a rank and never hit); relevant is what it should hold (a set: NULLs and repetitions are ignored); k >= 1 looks at the first k only, NULL at the whole list. NULL without relevant items or where an array is NULL';

CREATE FUNCTION uiml_map(ranked anycompatiblearray, relevant anycompatiblearray, k integer DEFAULT NULL)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_map'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION uiml_map(anycompatiblearray, anycompatiblearray, integer) IS
	'Average precision: the sum of the precision at each hit, divided by min(k, relevant). ranked is the list, best first (NULL elements and repetitions take a rank and never hit); relevant is what it should hold (a set: NULLs and repetitions are ignored); k >= 1 looks at the first k only, NULL at the whole list. NULL without relevant items or where an array is NULL';

CREATE FUNCTION uiml_auc(score double precision[], positive boolean[])
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_auc'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION uiml_auc(double precision[], boolean[]) IS
	'Area under the ROC curve: the probability that a positive scores higher than a negative, ties counting one half. Two arrays of the same length; pairs with a NULL are left out, NaN is refused. NULL where all are positive, or none';

CREATE FUNCTION uiml_gini(value double precision[])
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_gini'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION uiml_gini(double precision[]) IS
	'Gini coefficient of finite values >= 0, such as how often each item is recommended: 0 where all are the same, near 1 where few have everything. NULL elements are left out; NULL where the values add up to 0';

CREATE FUNCTION uiml_coverage(recommended anycompatiblearray, n_items bigint)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_coverage'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION uiml_coverage(anycompatiblearray, bigint) IS
	'Part of a catalog of n_items that is recommended: the number of different elements of an array of any dimensions, NULLs left out, divided by n_items';

CREATE FUNCTION uiml_novelty(popularity double precision[])
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_novelty'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION uiml_novelty(double precision[]) IS
	'Mean of -log2(popularity) over a list, in bits; popularity is an item''s share, 0 < share <= 1. NULL elements are left out; NULL for an empty list';

CREATE FUNCTION uiml_intra_list_similarity(vectors interest_vector[])
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_intra_list_similarity'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION uiml_intra_list_similarity(interest_vector[]) IS
	'Mean cosine over all pairs of a list of vectors of the same dimensions, -1 to 1; one minus it is the intra-list diversity. A zero vector has cosine 0 with every other. NULL elements are left out; NULL for fewer than two vectors';
