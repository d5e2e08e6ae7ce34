/*
 * 14-transfer_agg.sql
 *	  Aggregates over pairs (source, target): statistics, and matrices.
 *
 * Their state is a base type, not internal, so that partial results can cross processes and servers.
 */
CREATE TYPE uiml_transfer_state;

CREATE FUNCTION uiml_transfer_state_in(cstring)
	RETURNS uiml_transfer_state
	AS 'MODULE_PATHNAME', 'uiml_transfer_state_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_state_in(cstring) IS 'I/O: reads the binary form in hexadecimal';

CREATE FUNCTION uiml_transfer_state_out(uiml_transfer_state)
	RETURNS cstring
	AS 'MODULE_PATHNAME', 'uiml_transfer_state_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_state_out(uiml_transfer_state) IS 'I/O: the binary form in hexadecimal, exact';

CREATE FUNCTION uiml_transfer_state_recv(internal)
	RETURNS uiml_transfer_state
	AS 'MODULE_PATHNAME', 'uiml_transfer_state_recv'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_state_recv(internal) IS 'I/O: reads the versioned binary form, checked';

CREATE FUNCTION uiml_transfer_state_send(uiml_transfer_state)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'uiml_transfer_state_send'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_state_send(uiml_transfer_state) IS 'I/O: the versioned binary form';

CREATE TYPE uiml_transfer_state (
	INPUT = uiml_transfer_state_in,
	OUTPUT = uiml_transfer_state_out,
	RECEIVE = uiml_transfer_state_recv,
	SEND = uiml_transfer_state_send,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE uiml_transfer_state IS
	'Partial result of uiml_transfer_stats and uiml_transfer: statistics, up to 31 rows on the way to them, and what is to be fitted';

CREATE FUNCTION uiml_transfer_stats_accum(uiml_transfer_state, interest_vector, interest_vector)
	RETURNS uiml_transfer_state
	AS 'MODULE_PATHNAME', 'uiml_transfer_stats_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_stats_accum(uiml_transfer_state, interest_vector, interest_vector) IS 'Transition function of uiml_transfer_stats';

CREATE FUNCTION uiml_transfer_stats_accum(uiml_transfer_state, interest_vector, interest_vector, double precision)
	RETURNS uiml_transfer_state
	AS 'MODULE_PATHNAME', 'uiml_transfer_stats_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_stats_accum(uiml_transfer_state, interest_vector, interest_vector, double precision) IS 'Transition function of uiml_transfer_stats';

CREATE FUNCTION uiml_transfer_stats_accum(uiml_transfer_state, double precision[], double precision[])
	RETURNS uiml_transfer_state
	AS 'MODULE_PATHNAME', 'uiml_transfer_stats_accum_f64'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_stats_accum(uiml_transfer_state, double precision[], double precision[]) IS 'Transition function of uiml_transfer_stats';

CREATE FUNCTION uiml_transfer_stats_accum(uiml_transfer_state, double precision[], double precision[], double precision)
	RETURNS uiml_transfer_state
	AS 'MODULE_PATHNAME', 'uiml_transfer_stats_accum_f64'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_stats_accum(uiml_transfer_state, double precision[], double precision[], double precision) IS 'Transition function of uiml_transfer_stats';

CREATE FUNCTION uiml_transfer_accum(uiml_transfer_state, interest_vector, interest_vector)
	RETURNS uiml_transfer_state
	AS 'MODULE_PATHNAME', 'uiml_transfer_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_accum(uiml_transfer_state, interest_vector, interest_vector) IS 'Transition function of uiml_transfer';

CREATE FUNCTION uiml_transfer_accum(uiml_transfer_state, interest_vector, interest_vector, double precision)
	RETURNS uiml_transfer_state
	AS 'MODULE_PATHNAME', 'uiml_transfer_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_accum(uiml_transfer_state, interest_vector, interest_vector, double precision) IS 'Transition function of uiml_transfer';

CREATE FUNCTION uiml_transfer_accum(uiml_transfer_state, interest_vector, interest_vector, double precision, transfer_matrix)
	RETURNS uiml_transfer_state
	AS 'MODULE_PATHNAME', 'uiml_transfer_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_accum(uiml_transfer_state, interest_vector, interest_vector, double precision, transfer_matrix) IS 'Transition function of uiml_transfer';

CREATE FUNCTION uiml_transfer_accum(uiml_transfer_state, interest_vector, interest_vector, double precision, transfer_matrix, text)
	RETURNS uiml_transfer_state
	AS 'MODULE_PATHNAME', 'uiml_transfer_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_accum(uiml_transfer_state, interest_vector, interest_vector, double precision, transfer_matrix, text) IS 'Transition function of uiml_transfer';

CREATE FUNCTION uiml_transfer_combine(uiml_transfer_state, uiml_transfer_state)
	RETURNS uiml_transfer_state
	AS 'MODULE_PATHNAME', 'uiml_transfer_combine'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_combine(uiml_transfer_state, uiml_transfer_state) IS 'Combine function of uiml_transfer_stats and uiml_transfer';

CREATE FUNCTION uiml_transfer_merge_accum(transfer_stats, transfer_stats)
	RETURNS transfer_stats
	AS 'MODULE_PATHNAME', 'uiml_transfer_merge_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_merge_accum(transfer_stats, transfer_stats) IS 'Transition and combine function of uiml_merge';

CREATE FUNCTION uiml_transfer_stats_final(uiml_transfer_state)
	RETURNS transfer_stats
	AS 'MODULE_PATHNAME', 'uiml_transfer_stats_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_stats_final(uiml_transfer_state) IS 'Final function of uiml_transfer_stats';

CREATE FUNCTION uiml_transfer_merge_final(transfer_stats)
	RETURNS transfer_stats
	AS 'MODULE_PATHNAME', 'uiml_transfer_merge_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_transfer_merge_final(transfer_stats) IS 'Final function of uiml_merge';

CREATE FUNCTION uiml_transfer_final(uiml_transfer_state)
	RETURNS transfer_matrix
	AS 'MODULE_PATHNAME', 'uiml_transfer_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION uiml_transfer_final(uiml_transfer_state) IS 'Final function of uiml_transfer';

CREATE AGGREGATE uiml_transfer_stats(source interest_vector, target interest_vector) (
	SFUNC = uiml_transfer_stats_accum,
	STYPE = uiml_transfer_state,
	COMBINEFUNC = uiml_transfer_combine,
	FINALFUNC = uiml_transfer_stats_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_transfer_stats(interest_vector, interest_vector) IS
	'Statistics of the rows (source, target); rows with a NULL are skipped, NULL where none is left';

CREATE AGGREGATE uiml_transfer_stats(source interest_vector, target interest_vector, weight double precision) (
	SFUNC = uiml_transfer_stats_accum,
	STYPE = uiml_transfer_state,
	COMBINEFUNC = uiml_transfer_combine,
	FINALFUNC = uiml_transfer_stats_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_transfer_stats(interest_vector, interest_vector, double precision) IS
	'The same with weights of zero or more; rows of weight zero are left out';

CREATE AGGREGATE uiml_transfer_stats(source double precision[], target double precision[]) (
	SFUNC = uiml_transfer_stats_accum,
	STYPE = uiml_transfer_state,
	COMBINEFUNC = uiml_transfer_combine,
	FINALFUNC = uiml_transfer_stats_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_transfer_stats(double precision[], double precision[]) IS
	'Statistics of the rows (source, target), of arrays whose precision is kept; rows with a NULL are skipped, NULL where none is left';

CREATE AGGREGATE uiml_transfer_stats(source double precision[], target double precision[], weight double precision) (
	SFUNC = uiml_transfer_stats_accum,
	STYPE = uiml_transfer_state,
	COMBINEFUNC = uiml_transfer_combine,
	FINALFUNC = uiml_transfer_stats_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_transfer_stats(double precision[], double precision[], double precision) IS
	'The same with weights of zero or more; rows of weight zero are left out';

CREATE AGGREGATE uiml_merge(stats transfer_stats) (
	SFUNC = uiml_transfer_merge_accum,
	STYPE = transfer_stats,
	COMBINEFUNC = uiml_transfer_merge_accum,
	FINALFUNC = uiml_transfer_merge_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_merge(transfer_stats) IS
	'Statistics of the rows of all: of folds, days, shops or servers';

CREATE AGGREGATE uiml_transfer(source interest_vector, target interest_vector) (
	SFUNC = uiml_transfer_accum,
	STYPE = uiml_transfer_state,
	COMBINEFUNC = uiml_transfer_combine,
	FINALFUNC = uiml_transfer_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_transfer(interest_vector, interest_vector) IS
	'Matrix and intercept that predict target from source by ridge regression, its penalty by generalised cross-validation; rows with a NULL are skipped, NULL where none is left';

CREATE AGGREGATE uiml_transfer(source interest_vector, target interest_vector, lambda double precision) (
	SFUNC = uiml_transfer_accum,
	STYPE = uiml_transfer_state,
	COMBINEFUNC = uiml_transfer_combine,
	FINALFUNC = uiml_transfer_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_transfer(interest_vector, interest_vector, double precision) IS
	'The same with a penalty lambda >= 0, in squared units of the source times rows; NULL: by generalised cross-validation';

CREATE AGGREGATE uiml_transfer(source interest_vector, target interest_vector, lambda double precision, prior transfer_matrix) (
	SFUNC = uiml_transfer_accum,
	STYPE = uiml_transfer_state,
	COMBINEFUNC = uiml_transfer_combine,
	FINALFUNC = uiml_transfer_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_transfer(interest_vector, interest_vector, double precision, transfer_matrix) IS
	'The same, drawn towards the matrix prior instead of zero (NULL: zero); an infinite lambda gives the prior';

CREATE AGGREGATE uiml_transfer(source interest_vector, target interest_vector, lambda double precision, prior transfer_matrix, loss text) (
	SFUNC = uiml_transfer_accum,
	STYPE = uiml_transfer_state,
	COMBINEFUNC = uiml_transfer_combine,
	FINALFUNC = uiml_transfer_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_transfer(interest_vector, interest_vector, double precision, transfer_matrix, text) IS
	'The same with a loss: squared; cosine: squared error of targets brought to length 1, zero ones left out; cross_entropy: softmax(x W + b) fitted to the targets'' counts, lambda per event (NULL: 3e-4), sources of length 1';
