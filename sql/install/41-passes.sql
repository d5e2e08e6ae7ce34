/*
 * 41-passes.sql
 *	  Passes over a work table: how training sums over users that don't fit into memory.
 *
 * The state is a base type, not internal, so that parallel workers can send what they have added up.
 */
CREATE TYPE uiml_pass_state;

CREATE FUNCTION uiml_pass_state_in(cstring)
	RETURNS uiml_pass_state
	AS 'MODULE_PATHNAME', 'uiml_pass_state_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_pass_state_in(cstring) IS 'I/O: reads the binary form in hexadecimal';

CREATE FUNCTION uiml_pass_state_out(uiml_pass_state)
	RETURNS cstring
	AS 'MODULE_PATHNAME', 'uiml_pass_state_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_pass_state_out(uiml_pass_state) IS 'I/O: the binary form in hexadecimal, exact';

CREATE FUNCTION uiml_pass_state_recv(internal)
	RETURNS uiml_pass_state
	AS 'MODULE_PATHNAME', 'uiml_pass_state_recv'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_pass_state_recv(internal) IS 'I/O: reads the versioned binary form, checked';

CREATE FUNCTION uiml_pass_state_send(uiml_pass_state)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'uiml_pass_state_send'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_pass_state_send(uiml_pass_state) IS 'I/O: the versioned binary form';

CREATE TYPE uiml_pass_state (
	INPUT = uiml_pass_state_in,
	OUTPUT = uiml_pass_state_out,
	RECEIVE = uiml_pass_state_recv,
	SEND = uiml_pass_state_send,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE uiml_pass_state IS
	'Partial result of a pass over users in training: sums by item, by dimension or by interest';

CREATE FUNCTION uiml_pass_accum(uiml_pass_state, user_no integer, events bytea, job bytea)
	RETURNS uiml_pass_state
	AS 'MODULE_PATHNAME', 'uiml_pass_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION uiml_pass_accum(uiml_pass_state, integer, bytea, bytea) IS 'Transition function of uiml_pass';

CREATE FUNCTION uiml_pass_combine(uiml_pass_state, uiml_pass_state)
	RETURNS uiml_pass_state
	AS 'MODULE_PATHNAME', 'uiml_pass_combine'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION uiml_pass_combine(uiml_pass_state, uiml_pass_state) IS 'Combine function of uiml_pass';

CREATE AGGREGATE uiml_pass(user_no integer, events bytea, job bytea) (
	SFUNC = uiml_pass_accum,
	STYPE = uiml_pass_state,
	COMBINEFUNC = uiml_pass_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_pass(integer, bytea, bytea) IS
	'A pass of training over the packed events of users; called by uiml_train and uiml_evaluate on their work tables';
