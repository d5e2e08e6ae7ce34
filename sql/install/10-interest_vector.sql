/*
 * 10-interest_vector.sql
 *	  The type interest_vector: input and output, casts, functions, operators, operator classes.
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

-- Functions.

CREATE FUNCTION uiml_dims(vector interest_vector)
	RETURNS integer
	AS 'MODULE_PATHNAME', 'uiml_dims'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_dims(interest_vector) IS 'Number of dimensions';

CREATE FUNCTION uiml_norm(vector interest_vector)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_norm'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_norm(interest_vector) IS 'Euclidean norm';

CREATE FUNCTION uiml_normalise(vector interest_vector)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'uiml_normalise'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_normalise(interest_vector) IS 'The vector divided by its Euclidean norm; a zero vector stays zero';

CREATE FUNCTION uiml_subvector(vector interest_vector, start integer, count integer)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'uiml_subvector'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_subvector(interest_vector, integer, integer) IS 'count elements from position start (1 is the first); positions outside the vector are left out, and at least one must remain';

CREATE FUNCTION uiml_inner_product(a interest_vector, b interest_vector)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_inner_product'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_inner_product(interest_vector, interest_vector) IS 'Inner product of two vectors of the same dimensions';

CREATE FUNCTION uiml_l2_distance(a interest_vector, b interest_vector)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_l2_distance'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_l2_distance(interest_vector, interest_vector) IS 'Euclidean distance, operator <->';

CREATE FUNCTION uiml_l1_distance(a interest_vector, b interest_vector)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_l1_distance'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_l1_distance(interest_vector, interest_vector) IS 'Taxicab distance, operator <+>';

CREATE FUNCTION uiml_cosine_distance(a interest_vector, b interest_vector)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_cosine_distance'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_cosine_distance(interest_vector, interest_vector) IS '1 - cosine of the angle, 0 to 2, operator <=>; 1 where a vector is zero';

CREATE FUNCTION interest_vector_negative_inner_product(interest_vector, interest_vector)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'interest_vector_negative_inner_product'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_negative_inner_product(interest_vector, interest_vector) IS 'Implements the operator <#>';

CREATE FUNCTION interest_vector_l2_squared(interest_vector, interest_vector)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'interest_vector_l2_squared'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_l2_squared(interest_vector, interest_vector) IS 'Squared Euclidean distance: support function of indexes';

-- Arithmetic.  What overflows float4 is an error, what underflows becomes zero.

CREATE FUNCTION interest_vector_add(interest_vector, interest_vector)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_add'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_add(interest_vector, interest_vector) IS 'Implements the operator +';

CREATE FUNCTION interest_vector_sub(interest_vector, interest_vector)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_sub'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_sub(interest_vector, interest_vector) IS 'Implements the operator -';

CREATE FUNCTION interest_vector_mul(interest_vector, interest_vector)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_mul'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_mul(interest_vector, interest_vector) IS 'Implements the operator *';

CREATE FUNCTION interest_vector_scale(interest_vector, double precision)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_scale'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_scale(interest_vector, double precision) IS 'Implements the operator *';

CREATE FUNCTION interest_vector_scale_left(double precision, interest_vector)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_scale_left'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_scale_left(double precision, interest_vector) IS 'Implements the operator *';

CREATE FUNCTION interest_vector_concat(interest_vector, interest_vector)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'interest_vector_concat'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_concat(interest_vector, interest_vector) IS 'Implements the operator ||';

CREATE OPERATOR + (
	LEFTARG = interest_vector, RIGHTARG = interest_vector, FUNCTION = interest_vector_add, COMMUTATOR = +
);
COMMENT ON OPERATOR + (interest_vector, interest_vector) IS 'Element-wise sum';

CREATE OPERATOR - (
	LEFTARG = interest_vector, RIGHTARG = interest_vector, FUNCTION = interest_vector_sub
);
COMMENT ON OPERATOR - (interest_vector, interest_vector) IS 'Element-wise difference';

CREATE OPERATOR * (
	LEFTARG = interest_vector, RIGHTARG = interest_vector, FUNCTION = interest_vector_mul, COMMUTATOR = *
);
COMMENT ON OPERATOR * (interest_vector, interest_vector) IS 'Element-wise product';

CREATE OPERATOR * (
	LEFTARG = interest_vector, RIGHTARG = double precision, FUNCTION = interest_vector_scale, COMMUTATOR = *
);
COMMENT ON OPERATOR * (interest_vector, double precision) IS 'Product with a number';

CREATE OPERATOR * (
	LEFTARG = double precision, RIGHTARG = interest_vector, FUNCTION = interest_vector_scale_left, COMMUTATOR = *
);
COMMENT ON OPERATOR * (double precision, interest_vector) IS 'Product with a number';

CREATE OPERATOR || (
	LEFTARG = interest_vector, RIGHTARG = interest_vector, FUNCTION = interest_vector_concat
);
COMMENT ON OPERATOR || (interest_vector, interest_vector) IS 'Concatenation';

-- Distances.

CREATE OPERATOR <-> (
	LEFTARG = interest_vector, RIGHTARG = interest_vector, FUNCTION = uiml_l2_distance, COMMUTATOR = <->
);
COMMENT ON OPERATOR <-> (interest_vector, interest_vector) IS 'Euclidean distance';

CREATE OPERATOR <#> (
	LEFTARG = interest_vector, RIGHTARG = interest_vector, FUNCTION = interest_vector_negative_inner_product, COMMUTATOR = <#>
);
COMMENT ON OPERATOR <#> (interest_vector, interest_vector) IS 'Negative inner product: ascending order puts the largest product first';

CREATE OPERATOR <=> (
	LEFTARG = interest_vector, RIGHTARG = interest_vector, FUNCTION = uiml_cosine_distance, COMMUTATOR = <=>
);
COMMENT ON OPERATOR <=> (interest_vector, interest_vector) IS 'Cosine distance';

CREATE OPERATOR <+> (
	LEFTARG = interest_vector, RIGHTARG = interest_vector, FUNCTION = uiml_l1_distance, COMMUTATOR = <+>
);
COMMENT ON OPERATOR <+> (interest_vector, interest_vector) IS 'Taxicab distance';

-- Comparison: by the first element that differs, then by dimensions.

CREATE FUNCTION interest_vector_lt(interest_vector, interest_vector)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'interest_vector_lt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_lt(interest_vector, interest_vector) IS 'Implements the operator <';

CREATE FUNCTION interest_vector_le(interest_vector, interest_vector)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'interest_vector_le'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_le(interest_vector, interest_vector) IS 'Implements the operator <=';

CREATE FUNCTION interest_vector_eq(interest_vector, interest_vector)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'interest_vector_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_eq(interest_vector, interest_vector) IS 'Implements the operator =';

CREATE FUNCTION interest_vector_ne(interest_vector, interest_vector)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'interest_vector_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_ne(interest_vector, interest_vector) IS 'Implements the operator <>';

CREATE FUNCTION interest_vector_ge(interest_vector, interest_vector)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'interest_vector_ge'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_ge(interest_vector, interest_vector) IS 'Implements the operator >=';

CREATE FUNCTION interest_vector_gt(interest_vector, interest_vector)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'interest_vector_gt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_gt(interest_vector, interest_vector) IS 'Implements the operator >';

CREATE FUNCTION interest_vector_cmp(interest_vector, interest_vector)
	RETURNS integer
	AS 'MODULE_PATHNAME', 'interest_vector_cmp'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_cmp(interest_vector, interest_vector) IS '-1, 0 or 1: less, equal, greater';

CREATE FUNCTION interest_vector_hash(interest_vector)
	RETURNS integer
	AS 'MODULE_PATHNAME', 'interest_vector_hash'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_hash(interest_vector) IS 'Hash value';

CREATE FUNCTION interest_vector_hash_extended(interest_vector, bigint)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'interest_vector_hash_extended'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION interest_vector_hash_extended(interest_vector, bigint) IS 'Hash value with a seed';

CREATE OPERATOR < (
	LEFTARG = interest_vector, RIGHTARG = interest_vector, FUNCTION = interest_vector_lt,
	COMMUTATOR = >, NEGATOR = >=, RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (interest_vector, interest_vector) IS 'Less than';

CREATE OPERATOR <= (
	LEFTARG = interest_vector, RIGHTARG = interest_vector, FUNCTION = interest_vector_le,
	COMMUTATOR = >=, NEGATOR = >, RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (interest_vector, interest_vector) IS 'Less than or equal';

CREATE OPERATOR = (
	LEFTARG = interest_vector, RIGHTARG = interest_vector, FUNCTION = interest_vector_eq,
	COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR = (interest_vector, interest_vector) IS 'Equal';

CREATE OPERATOR <> (
	LEFTARG = interest_vector, RIGHTARG = interest_vector, FUNCTION = interest_vector_ne,
	COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (interest_vector, interest_vector) IS 'Not equal';

CREATE OPERATOR >= (
	LEFTARG = interest_vector, RIGHTARG = interest_vector, FUNCTION = interest_vector_ge,
	COMMUTATOR = <=, NEGATOR = <, RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (interest_vector, interest_vector) IS 'Greater than or equal';

CREATE OPERATOR > (
	LEFTARG = interest_vector, RIGHTARG = interest_vector, FUNCTION = interest_vector_gt,
	COMMUTATOR = <, NEGATOR = <=, RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (interest_vector, interest_vector) IS 'Greater than';

CREATE OPERATOR CLASS interest_vector_ops
	DEFAULT FOR TYPE interest_vector USING btree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 interest_vector_cmp(interest_vector, interest_vector);
COMMENT ON OPERATOR CLASS interest_vector_ops USING btree IS 'Sorting, grouping and merge joins of interest_vector';

CREATE OPERATOR CLASS interest_vector_ops
	DEFAULT FOR TYPE interest_vector USING hash AS
	OPERATOR 1 =,
	FUNCTION 1 interest_vector_hash(interest_vector),
	FUNCTION 2 interest_vector_hash_extended(interest_vector, bigint);
COMMENT ON OPERATOR CLASS interest_vector_ops USING hash IS 'Hashing, grouping and hash joins of interest_vector';
