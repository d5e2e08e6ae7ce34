/*
 * 10-interest_vector.sql
 *	  The type interest_vector: input and output, casts.
 */
CREATE TYPE interest_vector;

CREATE FUNCTION interest_vector_in(cstring, oid, integer)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_in(cstring, oid, integer) IS 'I/O: reads ''[1,2.5,-3e4]''';

CREATE FUNCTION interest_vector_out(interest_vector)
	RETURNS cstring
	AS 'MODULE_PATHNAME', 'interest_vector_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_out(interest_vector) IS 'I/O: the shortest text that reads back as the same value';

CREATE FUNCTION interest_vector_recv(internal, oid, integer)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_recv'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_recv(internal, oid, integer) IS
	'I/O: int16 dimensions, int16 zero, float4 elements, as pgvector''s vector';

CREATE FUNCTION interest_vector_send(interest_vector)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'interest_vector_send'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_send(interest_vector) IS 'I/O: the form that interest_vector_recv reads';

CREATE FUNCTION interest_vector_typmod_in(cstring[])
	RETURNS integer
	AS 'MODULE_PATHNAME', 'interest_vector_typmod_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_typmod_in(cstring[]) IS 'I/O: the type modifier, dimensions from 1 to 16000';

CREATE TYPE interest_vector (
	INPUT = interest_vector_in,
	OUTPUT = interest_vector_out,
	RECEIVE = interest_vector_recv,
	SEND = interest_vector_send,
	TYPMOD_IN = interest_vector_typmod_in,
	ALIGNMENT = int4,
	STORAGE = external
);
COMMENT ON TYPE interest_vector IS
	'Vector of 1 to 16000 finite real numbers, written ''[1,2,3]''; interest_vector(n) takes n dimensions only';

-- Casts.  Elements are float4: from wider numbers they are rounded, and what float4 can't hold is an error.

CREATE FUNCTION interest_vector_typmod(interest_vector, integer, boolean)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_typmod'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_typmod(interest_vector, integer, boolean) IS
	'Checks the dimensions against a type modifier; implements the cast to interest_vector(n)';

CREATE FUNCTION interest_vector_from_array(real[], integer, boolean)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_from_array'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_from_array(real[], integer, boolean) IS 'Implements the cast from real[]';

CREATE FUNCTION interest_vector_from_array(double precision[], integer, boolean)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_from_array'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_from_array(double precision[], integer, boolean) IS
	'Implements the cast from double precision[]';

CREATE FUNCTION interest_vector_from_array(integer[], integer, boolean)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_from_array'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_from_array(integer[], integer, boolean) IS 'Implements the cast from integer[]';

CREATE FUNCTION interest_vector_from_array(numeric[], integer, boolean)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_from_array'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_from_array(numeric[], integer, boolean) IS 'Implements the cast from numeric[]';

CREATE FUNCTION interest_vector_to_real(interest_vector)
	RETURNS real[]
	AS 'MODULE_PATHNAME', 'interest_vector_to_real'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_to_real(interest_vector) IS 'Implements the cast to real[]';

CREATE FUNCTION interest_vector_to_double(interest_vector)
	RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'interest_vector_to_double'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_to_double(interest_vector) IS 'Implements the cast to double precision[]';

CREATE CAST (interest_vector AS interest_vector)
	WITH FUNCTION interest_vector_typmod(interest_vector, integer, boolean) AS IMPLICIT;
CREATE CAST (real[] AS interest_vector)
	WITH FUNCTION interest_vector_from_array(real[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (double precision[] AS interest_vector)
	WITH FUNCTION interest_vector_from_array(double precision[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (integer[] AS interest_vector)
	WITH FUNCTION interest_vector_from_array(integer[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (numeric[] AS interest_vector)
	WITH FUNCTION interest_vector_from_array(numeric[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (interest_vector AS real[])
	WITH FUNCTION interest_vector_to_real(interest_vector) AS IMPLICIT;
CREATE CAST (interest_vector AS double precision[])
	WITH FUNCTION interest_vector_to_double(interest_vector) AS ASSIGNMENT;
