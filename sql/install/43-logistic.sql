/*
 * 43-logistic.sql
 *	  Multinomial logistic regression from interest vectors to counts of classes: a pass over rows,
 *	  and the fit.
 *
 * The state is a base type, not internal, so that parallel workers can send what they have added up.
 */
CREATE TYPE uiml_logistic_state;

CREATE FUNCTION uiml_logistic_state_in(cstring)
	RETURNS uiml_logistic_state
	AS 'MODULE_PATHNAME', 'uiml_logistic_state_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_logistic_state_in(cstring) IS 'I/O: reads the binary form in hexadecimal';

CREATE FUNCTION uiml_logistic_state_out(uiml_logistic_state)
	RETURNS cstring
	AS 'MODULE_PATHNAME', 'uiml_logistic_state_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_logistic_state_out(uiml_logistic_state) IS 'I/O: the binary form in hexadecimal, exact';

CREATE FUNCTION uiml_logistic_state_recv(internal)
	RETURNS uiml_logistic_state
	AS 'MODULE_PATHNAME', 'uiml_logistic_state_recv'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_logistic_state_recv(internal) IS 'I/O: reads the versioned binary form, checked';

CREATE FUNCTION uiml_logistic_state_send(uiml_logistic_state)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'uiml_logistic_state_send'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_logistic_state_send(uiml_logistic_state) IS 'I/O: the versioned binary form';

CREATE TYPE uiml_logistic_state (
	INPUT = uiml_logistic_state_in,
	OUTPUT = uiml_logistic_state_out,
	RECEIVE = uiml_logistic_state_recv,
	SEND = uiml_logistic_state_send,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE uiml_logistic_state IS
	'Loss and gradient of multinomial logistic regression over rows at given coefficients; they add up over any partition of the rows';

CREATE FUNCTION uiml_logistic_accum(uiml_logistic_state, interest_vector, interest_vector, transfer_matrix)
	RETURNS uiml_logistic_state
	AS 'MODULE_PATHNAME', 'uiml_logistic_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION uiml_logistic_accum(uiml_logistic_state, interest_vector, interest_vector, transfer_matrix) IS
	'Transition function of uiml_logistic_pass';

CREATE FUNCTION uiml_logistic_combine(uiml_logistic_state, uiml_logistic_state)
	RETURNS uiml_logistic_state
	AS 'MODULE_PATHNAME', 'uiml_logistic_combine'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION uiml_logistic_combine(uiml_logistic_state, uiml_logistic_state) IS
	'Combine function of uiml_logistic_pass';

CREATE AGGREGATE uiml_logistic_pass(source interest_vector, counts interest_vector, model transfer_matrix) (
	SFUNC = uiml_logistic_accum,
	STYPE = uiml_logistic_state,
	COMBINEFUNC = uiml_logistic_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_logistic_pass(interest_vector, interest_vector, transfer_matrix) IS
	'Cross-entropy of softmax(source * model) with counts of classes, and its gradient by the model, which has an intercept and is the same for all rows; rows with a NULL don''t count';

CREATE FUNCTION uiml_loss(state uiml_logistic_state)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_logistic_loss'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_loss(uiml_logistic_state) IS 'Nats per event; NULL without events';

CREATE FUNCTION uiml_gradient(state uiml_logistic_state)
	RETURNS transfer_matrix
	AS 'MODULE_PATHNAME', 'uiml_logistic_gradient'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_gradient(uiml_logistic_state) IS
	'Gradient of the nats per event by the model, in the model''s shape; NULL without events';

CREATE FUNCTION uiml_solve_cross_entropy(
	relation pg_catalog.regclass, source_col name, counts_col name, lambda double precision DEFAULT 0.0003,
	prior transfer_matrix DEFAULT NULL)
	RETURNS transfer_matrix
	AS 'MODULE_PATHNAME', 'uiml_solve_cross_entropy'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000;
COMMENT ON FUNCTION uiml_solve_cross_entropy(regclass, name, name, double precision, transfer_matrix) IS
	'The model whose softmax(source * model) predicts counts of classes best: multinomial logistic regression over any relation you may read, by passes of uiml_logistic_pass, with the penalty lambda |B - B0|^2 per event. source_col, counts_col: interest_vector or what has a cast to it; sources of length 1, counts zero or more. lambda: finite, above zero; prior: B0, NULL for zeros; its intercept is not looked at, and that of the model is not penalised. Rows with a NULL do not count';
