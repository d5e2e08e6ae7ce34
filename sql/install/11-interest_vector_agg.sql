/*
 * 11-interest_vector_agg.sql
 *	  Aggregates over interest_vector.
 *
 * Their state is a base type, not internal, so that partial results can cross processes and servers.
 */
CREATE TYPE uiml_vector_state;

CREATE FUNCTION uiml_vector_state_in(cstring)
	RETURNS uiml_vector_state
	AS 'MODULE_PATHNAME', 'uiml_vector_state_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_vector_state_in(cstring) IS 'I/O: reads the binary form in hexadecimal';

CREATE FUNCTION uiml_vector_state_out(uiml_vector_state)
	RETURNS cstring
	AS 'MODULE_PATHNAME', 'uiml_vector_state_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_vector_state_out(uiml_vector_state) IS 'I/O: the binary form in hexadecimal, exact';

CREATE FUNCTION uiml_vector_state_recv(internal)
	RETURNS uiml_vector_state
	AS 'MODULE_PATHNAME', 'uiml_vector_state_recv'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_vector_state_recv(internal) IS 'I/O: reads the versioned binary form, checked';

CREATE FUNCTION uiml_vector_state_send(uiml_vector_state)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'uiml_vector_state_send'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_vector_state_send(uiml_vector_state) IS 'I/O: the versioned binary form';

CREATE TYPE uiml_vector_state (
	INPUT = uiml_vector_state_in,
	OUTPUT = uiml_vector_state_out,
	RECEIVE = uiml_vector_state_recv,
	SEND = uiml_vector_state_send,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE uiml_vector_state IS
	'Partial result of an aggregate over interest_vector: row count, sum of weights, sums of weighted elements, decay';

CREATE FUNCTION interest_vector_accum(uiml_vector_state, interest_vector)
	RETURNS uiml_vector_state
	AS 'MODULE_PATHNAME', 'interest_vector_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_accum(uiml_vector_state, interest_vector) IS 'Transition function of sum and avg';

CREATE FUNCTION interest_vector_weighted_accum(uiml_vector_state, interest_vector, double precision)
	RETURNS uiml_vector_state
	AS 'MODULE_PATHNAME', 'interest_vector_weighted_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_weighted_accum(uiml_vector_state, interest_vector, double precision) IS 'Transition function of uiml_weighted_avg';

CREATE FUNCTION interest_vector_decay_accum(uiml_vector_state, interest_vector, double precision, timestamp with time zone, interval)
	RETURNS uiml_vector_state
	AS 'MODULE_PATHNAME', 'interest_vector_decay_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_decay_accum(uiml_vector_state, interest_vector, double precision, timestamp with time zone, interval) IS 'Transition function of uiml_decay_avg';

CREATE FUNCTION interest_vector_decay_accum(uiml_vector_state, interest_vector, double precision, timestamp with time zone, interval, timestamp with time zone)
	RETURNS uiml_vector_state
	AS 'MODULE_PATHNAME', 'interest_vector_decay_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_decay_accum(uiml_vector_state, interest_vector, double precision, timestamp with time zone, interval, timestamp with time zone) IS 'Transition function of uiml_decay_avg';

CREATE FUNCTION interest_vector_combine(uiml_vector_state, uiml_vector_state)
	RETURNS uiml_vector_state
	AS 'MODULE_PATHNAME', 'interest_vector_combine'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_combine(uiml_vector_state, uiml_vector_state) IS 'Combine function of the aggregates over interest_vector';

CREATE FUNCTION interest_vector_sum_final(uiml_vector_state)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_sum_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_sum_final(uiml_vector_state) IS 'Final function of sum';

CREATE FUNCTION interest_vector_avg_final(uiml_vector_state)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_avg_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_avg_final(uiml_vector_state) IS 'Final function of avg, uiml_weighted_avg and uiml_decay_avg';

CREATE AGGREGATE sum(interest_vector) (
	SFUNC = interest_vector_accum,
	STYPE = uiml_vector_state,
	COMBINEFUNC = interest_vector_combine,
	FINALFUNC = interest_vector_sum_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(interest_vector) IS
	'Element-wise sum of vectors of the same dimensions, added up in double precision';

CREATE AGGREGATE avg(interest_vector) (
	SFUNC = interest_vector_accum,
	STYPE = uiml_vector_state,
	COMBINEFUNC = interest_vector_combine,
	FINALFUNC = interest_vector_avg_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(interest_vector) IS
	'Element-wise mean of vectors of the same dimensions, added up in double precision';

CREATE AGGREGATE uiml_weighted_avg(vector interest_vector, weight double precision) (
	SFUNC = interest_vector_weighted_accum,
	STYPE = uiml_vector_state,
	COMBINEFUNC = interest_vector_combine,
	FINALFUNC = interest_vector_avg_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_weighted_avg(interest_vector, double precision) IS
	'Mean of vectors with weights of zero or more; NULL where the weights add up to zero';

CREATE AGGREGATE uiml_decay_avg(vector interest_vector, weight double precision, at timestamp with time zone, half_life interval) (
	SFUNC = interest_vector_decay_accum,
	STYPE = uiml_vector_state,
	COMBINEFUNC = interest_vector_combine,
	FINALFUNC = interest_vector_avg_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_decay_avg(interest_vector, double precision, timestamp with time zone, interval) IS
	'Mean of vectors whose weights halve with every half_life of age (at is the time of a row; half_life is the same in all rows)';

CREATE AGGREGATE uiml_decay_avg(vector interest_vector, weight double precision, at timestamp with time zone, half_life interval, as_of timestamp with time zone) (
	SFUNC = interest_vector_decay_accum,
	STYPE = uiml_vector_state,
	COMBINEFUNC = interest_vector_combine,
	FINALFUNC = interest_vector_avg_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_decay_avg(interest_vector, double precision, timestamp with time zone, interval, timestamp with time zone) IS
	'As the form without as_of, of the rows up to as_of (NULL: of all)';
