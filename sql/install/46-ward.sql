/*
 * 46-ward.sql
 *	  Ward's clustering of one group's vectors: the several interests of a user.
 */
CREATE TYPE uiml_ward_state;

CREATE FUNCTION uiml_ward_state_in(cstring)
	RETURNS uiml_ward_state
	AS 'MODULE_PATHNAME', 'uiml_ward_state_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_ward_state_in(cstring) IS 'I/O: reads the binary form in hexadecimal';

CREATE FUNCTION uiml_ward_state_out(uiml_ward_state)
	RETURNS cstring
	AS 'MODULE_PATHNAME', 'uiml_ward_state_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_ward_state_out(uiml_ward_state) IS 'I/O: the binary form in hexadecimal, exact';

CREATE FUNCTION uiml_ward_state_recv(internal)
	RETURNS uiml_ward_state
	AS 'MODULE_PATHNAME', 'uiml_ward_state_recv'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_ward_state_recv(internal) IS 'I/O: reads the versioned binary form, checked';

CREATE FUNCTION uiml_ward_state_send(uiml_ward_state)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'uiml_ward_state_send'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_ward_state_send(uiml_ward_state) IS 'I/O: the versioned binary form';

CREATE TYPE uiml_ward_state (
	INPUT = uiml_ward_state_in,
	OUTPUT = uiml_ward_state_out,
	RECEIVE = uiml_ward_state_recv,
	SEND = uiml_ward_state_send,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE uiml_ward_state IS 'Partial result of uiml_ward: up to 512 vectors with their weights, and the cut';

CREATE TYPE uiml_ward_cluster AS (
	medoid interest_vector,
	importance double precision,
	size integer,
	height double precision
);
COMMENT ON TYPE uiml_ward_cluster IS
	'A cluster of uiml_ward: the vector nearest to its mean, the sum of its weights, how many vectors it has, the height of its last merge (0 for a single vector)';

CREATE FUNCTION uiml_ward_accum(uiml_ward_state, interest_vector, double precision, double precision)
	RETURNS uiml_ward_state
	AS 'MODULE_PATHNAME', 'uiml_ward_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_ward_accum(uiml_ward_state, interest_vector, double precision, double precision) IS 'Transition function of uiml_ward';

CREATE FUNCTION uiml_ward_combine(uiml_ward_state, uiml_ward_state)
	RETURNS uiml_ward_state
	AS 'MODULE_PATHNAME', 'uiml_ward_combine'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_ward_combine(uiml_ward_state, uiml_ward_state) IS 'Combine function of uiml_ward';

CREATE FUNCTION uiml_ward_final(uiml_ward_state)
	RETURNS uiml_ward_cluster[]
	AS 'MODULE_PATHNAME', 'uiml_ward_final'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_ward_final(uiml_ward_state) IS 'Final function of uiml_ward';

CREATE AGGREGATE uiml_ward(vector interest_vector, weight double precision, cut double precision) (
	SFUNC = uiml_ward_accum,
	STYPE = uiml_ward_state,
	COMBINEFUNC = uiml_ward_combine,
	FINALFUNC = uiml_ward_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_ward(interest_vector, double precision, double precision) IS
	'Clusters of a group''s vectors by Ward''s criterion, merged up to the height cut, the most important first: unnest gives (medoid, importance, size, height). vector: as it is, so normalise where only directions count; weight >= 0 adds to a cluster''s importance and doesn''t move it; cut >= 0, the same in all rows. Rows with a NULL vector or weight are skipped; of more than 512 rows the heaviest count';

CREATE FUNCTION uiml_ward_heights(vectors interest_vector[])
	RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'uiml_ward_heights'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION uiml_ward_heights(interest_vector[]) IS
	'The heights at which up to 512 vectors merge by Ward''s criterion, ascending, one fewer than vectors: where they jump is a cut for uiml_ward. A height is sqrt(2 |A| |B| / (|A| + |B|)) times the distance of the two means';
