/*
 * 57-solve.sql
 *	  Least squares from transfer_stats: matrices, penalties, cross-validation, intervals.
 */
CREATE FUNCTION uiml_solve(
	stats transfer_stats, lambda double precision DEFAULT NULL, prior transfer_matrix DEFAULT NULL, intercept boolean DEFAULT true)
	RETURNS transfer_matrix
	AS 'MODULE_PATHNAME', 'uiml_solve'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION uiml_solve(transfer_stats, double precision, transfer_matrix, boolean) IS
	'The transfer of least squares with the penalty lambda |W - W0|^2: x W + b comes closest to the target. lambda: 0 to Infinity, in squared units of the source times weight; NULL: of lowest generalised cross-validation among 25, 1e-4 to 1e4 times the mean eigenvalue. prior: W0, NULL for zeros, its intercept is not looked at; a lambda of Infinity gives it back. intercept: b, not penalised; false fits through the origin. NULL for NULL statistics';

CREATE FUNCTION uiml_ridge_path(
	stats transfer_stats, lambda double precision[] DEFAULT NULL, prior transfer_matrix DEFAULT NULL, intercept boolean DEFAULT true)
	RETURNS TABLE (lambda double precision, df double precision, error double precision, gcv double precision, best boolean)
	AS 'MODULE_PATHNAME', 'uiml_ridge_path'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000 ROWS 25;
COMMENT ON FUNCTION uiml_ridge_path(transfer_stats, double precision[], transfer_matrix, boolean) IS
	'For each penalty (NULL: the 25 that uiml_solve chooses from) the degrees of freedom, the mean squared error on the rows themselves and by generalised cross-validation, squares summed over the target''s dimensions; best marks the lowest gcv. The rest is as in uiml_solve';

CREATE FUNCTION uiml_leave_one_out(
	stats transfer_stats, source interest_vector, target interest_vector, lambda double precision DEFAULT NULL,
	prior transfer_matrix DEFAULT NULL, intercept boolean DEFAULT true, weight double precision DEFAULT 1)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_leave_one_out'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION uiml_leave_one_out(transfer_stats, interest_vector, interest_vector, double precision, transfer_matrix, boolean, double precision) IS
	'The squared error, summed over the target''s dimensions, on a row that the statistics contain when just this row is left out of the fit: exact, and its average over the rows is leave-one-out cross-validation. weight: the row''s; 0 for one that the statistics do not contain. Infinity where nothing else determines the fit at this row; NULL where an argument without default is. The rest is as in uiml_solve';

CREATE FUNCTION uiml_leave_one_out(
	stats transfer_stats, source double precision[], target double precision[], lambda double precision DEFAULT NULL,
	prior transfer_matrix DEFAULT NULL, intercept boolean DEFAULT true, weight double precision DEFAULT 1)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_leave_one_out_f64'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION uiml_leave_one_out(transfer_stats, double precision[], double precision[], double precision, transfer_matrix, boolean, double precision) IS
	'As the form with interest_vector, for rows in double precision';

CREATE FUNCTION uiml_cross_validate(
	folds transfer_stats[], prior transfer_matrix DEFAULT NULL, intercept boolean DEFAULT true)
	RETURNS TABLE (candidate text, lambda double precision, df double precision, error double precision, se double precision, best boolean)
	AS 'MODULE_PATHNAME', 'uiml_cross_validate'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000000 ROWS 52;
COMMENT ON FUNCTION uiml_cross_validate(transfer_stats[], transfer_matrix, boolean) IS
	'Exact cross-validation from the statistics of 2 to 64 folds, without a look at rows: each candidate is fitted on the other folds and judged on each. candidate: mean (of the target), ridge (towards zero), biased (towards the prior), prior (alone); 25 penalties, 1e-4 to 1e4 times the mean eigenvalue of all rows. error: squares summed over the target''s dimensions, averaged over rows by weight; se: its standard error over folds; df: of a fit to all rows; best marks the lowest error. The rest is as in uiml_solve';

CREATE FUNCTION uiml_transfer_verdict(
	folds transfer_stats[], prior transfer_matrix DEFAULT NULL, intercept boolean DEFAULT true,
	OUT candidate text, OUT used boolean, OUT lambda double precision, OUT error double precision, OUT gain double precision,
	OUT gain_se double precision, OUT fold_gains double precision[])
	AS 'MODULE_PATHNAME', 'uiml_transfer_verdict'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION uiml_transfer_verdict(transfer_stats[], transfer_matrix, boolean) IS
	'Is a transfer to be trusted? The best candidate of uiml_cross_validate with its penalty and error, and what the choice is worth: gain is how much lower than the target mean''s the error is, on each fold with the candidate and penalty that the other folds choose. used: gain exceeds gain_se, its standard error over folds. fold_gains: NaN for a fold without rows';

CREATE FUNCTION uiml_stack(
	stats transfer_stats, matrices transfer_matrix[], intercept boolean DEFAULT true,
	OUT weights double precision[], OUT matrix transfer_matrix, OUT error double precision)
	AS 'MODULE_PATHNAME', 'uiml_stack'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION uiml_stack(transfer_stats, transfer_matrix[], boolean) IS
	'Several matrices as one: weights of zero or more, by non-negative least squares, such that their weighted sum comes closest to the target; matrix: that sum, a prior for uiml_solve and uiml_cross_validate; error: its mean squared error on the rows, squares summed over the target''s dimensions. 1 to 1000 matrices, whose intercepts are not looked at';

CREATE FUNCTION uiml_transfer_interval(
	stats transfer_stats, source interest_vector, direction interest_vector DEFAULT NULL, level double precision DEFAULT 0.9,
	lambda double precision DEFAULT NULL, prior transfer_matrix DEFAULT NULL, intercept boolean DEFAULT true)
	RETURNS TABLE (coordinate integer, predicted double precision, low double precision, high double precision)
	AS 'MODULE_PATHNAME', 'uiml_transfer_interval'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION uiml_transfer_interval(transfer_stats, interest_vector, interest_vector, double precision, double precision, transfer_matrix, boolean) IS
	'What the target of a source vector will be and, with probability level, between which bounds it lies: the inner product with direction (an item''s out-vector, say), or for NULL each coordinate. From the leverage of the source vector and the covariance of residuals, by Student''s t. level: above 0, below 1. The rest is as in uiml_solve';
