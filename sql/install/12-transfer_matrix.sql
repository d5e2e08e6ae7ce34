/*
 * 12-transfer_matrix.sql
 *	  The type transfer_matrix: input and output, casts, functions, operators.
 *
 * A row vector x of the source space becomes x W + b in the target space: W has a row for each source dimension
 * and a column for each target dimension.
 */
CREATE TYPE transfer_matrix;

CREATE FUNCTION transfer_matrix_in(cstring)
	RETURNS transfer_matrix
	AS 'MODULE_PATHNAME', 'transfer_matrix_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_matrix_in(cstring) IS 'I/O: reads ''[[.6,.4],[.4,.6]]'' or, with an intercept, ''[[.6,.4],[.4,.6]]+[.1,.2]''';

CREATE FUNCTION transfer_matrix_out(transfer_matrix)
	RETURNS cstring
	AS 'MODULE_PATHNAME', 'transfer_matrix_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_matrix_out(transfer_matrix) IS 'I/O: the shortest text that reads back as the same value';

CREATE FUNCTION transfer_matrix_recv(internal)
	RETURNS transfer_matrix
	AS 'MODULE_PATHNAME', 'transfer_matrix_recv'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_matrix_recv(internal) IS 'I/O: reads the versioned binary form, checked';

CREATE FUNCTION transfer_matrix_send(transfer_matrix)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'transfer_matrix_send'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_matrix_send(transfer_matrix) IS 'I/O: the versioned binary form';

CREATE TYPE transfer_matrix (
	INPUT = transfer_matrix_in,
	OUTPUT = transfer_matrix_out,
	RECEIVE = transfer_matrix_recv,
	SEND = transfer_matrix_send,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE transfer_matrix IS
	'Matrix W of 1 to 4096 rows (source dimensions) and columns (target dimensions), perhaps with an intercept b: x becomes x W + b; written ''[[.6,.4],[.4,.6]]+[.1,.2]''';

-- Casts.  An array has no place for an intercept: uiml_matrix and uiml_intercept do.

CREATE FUNCTION transfer_matrix_from_array(double precision[])
	RETURNS transfer_matrix
	AS 'MODULE_PATHNAME', 'transfer_matrix_from_array'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_matrix_from_array(double precision[]) IS 'Implements the cast from double precision[]';

CREATE FUNCTION transfer_matrix_from_array(real[])
	RETURNS transfer_matrix
	AS 'MODULE_PATHNAME', 'transfer_matrix_from_array'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_matrix_from_array(real[]) IS 'Implements the cast from real[]';

CREATE FUNCTION transfer_matrix_from_array(integer[])
	RETURNS transfer_matrix
	AS 'MODULE_PATHNAME', 'transfer_matrix_from_array'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_matrix_from_array(integer[]) IS 'Implements the cast from integer[]';

CREATE FUNCTION transfer_matrix_from_array(numeric[])
	RETURNS transfer_matrix
	AS 'MODULE_PATHNAME', 'transfer_matrix_from_array'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_matrix_from_array(numeric[]) IS 'Implements the cast from numeric[]';

CREATE FUNCTION transfer_matrix_to_array(transfer_matrix)
	RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'transfer_matrix_to_array'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_matrix_to_array(transfer_matrix) IS 'Implements the cast to double precision[], of the matrix without its intercept';

CREATE CAST (double precision[] AS transfer_matrix)
	WITH FUNCTION transfer_matrix_from_array(double precision[]) AS ASSIGNMENT;
CREATE CAST (real[] AS transfer_matrix)
	WITH FUNCTION transfer_matrix_from_array(real[]) AS ASSIGNMENT;
CREATE CAST (integer[] AS transfer_matrix)
	WITH FUNCTION transfer_matrix_from_array(integer[]) AS ASSIGNMENT;
CREATE CAST (numeric[] AS transfer_matrix)
	WITH FUNCTION transfer_matrix_from_array(numeric[]) AS ASSIGNMENT;
CREATE CAST (transfer_matrix AS double precision[])
	WITH FUNCTION transfer_matrix_to_array(transfer_matrix);

CREATE FUNCTION uiml_matrix(coefficients double precision[], intercept double precision[] DEFAULT NULL)
	RETURNS transfer_matrix
	AS 'MODULE_PATHNAME', 'uiml_matrix'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_matrix(double precision[], double precision[]) IS
	'A matrix from its rows, and an intercept with an element for each column (NULL: none)';

-- Functions.

CREATE FUNCTION uiml_rows(matrix transfer_matrix)
	RETURNS integer
	AS 'MODULE_PATHNAME', 'uiml_matrix_rows'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_rows(transfer_matrix) IS 'Number of rows: dimensions of the source';

CREATE FUNCTION uiml_cols(matrix transfer_matrix)
	RETURNS integer
	AS 'MODULE_PATHNAME', 'uiml_matrix_cols'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_cols(transfer_matrix) IS 'Number of columns: dimensions of the target';

CREATE FUNCTION uiml_element(matrix transfer_matrix, "row" integer, col integer)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_element'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_element(transfer_matrix, integer, integer) IS
	'The element of a row (source dimension) and column (target dimension), both from 1: what one unit of the source''s dimension adds to the target''s';

CREATE FUNCTION uiml_intercept(matrix transfer_matrix)
	RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'uiml_intercept'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_intercept(transfer_matrix) IS 'The intercept, an element for each column; NULL where there is none';

CREATE FUNCTION uiml_frobenius(matrix transfer_matrix)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_frobenius'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_frobenius(transfer_matrix) IS 'Frobenius norm: root of the sum of squared elements, without the intercept';

CREATE FUNCTION uiml_rank(matrix transfer_matrix)
	RETURNS integer
	AS 'MODULE_PATHNAME', 'uiml_rank'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION uiml_rank(transfer_matrix) IS
	'Numerical rank: singular values above max(rows, columns) times 2.2e-16 times the largest, without the intercept';

-- Operators.

CREATE FUNCTION transfer_matrix_apply(transfer_matrix, interest_vector)
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'transfer_matrix_apply'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_matrix_apply(transfer_matrix, interest_vector) IS 'Implements the operator *';

CREATE OPERATOR * (
	LEFTARG = transfer_matrix, RIGHTARG = interest_vector, FUNCTION = transfer_matrix_apply
);
COMMENT ON OPERATOR * (transfer_matrix, interest_vector) IS
	'The vector transferred: with u of as many dimensions as W has rows, W * u is the row vector u W + b, of as many dimensions as W has columns';

CREATE FUNCTION transfer_matrix_eq(transfer_matrix, transfer_matrix)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'transfer_matrix_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_matrix_eq(transfer_matrix, transfer_matrix) IS 'Implements the operator =';

CREATE FUNCTION transfer_matrix_ne(transfer_matrix, transfer_matrix)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'transfer_matrix_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_matrix_ne(transfer_matrix, transfer_matrix) IS 'Implements the operator <>';

CREATE OPERATOR = (
	LEFTARG = transfer_matrix, RIGHTARG = transfer_matrix, FUNCTION = transfer_matrix_eq,
	COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel
);
COMMENT ON OPERATOR = (transfer_matrix, transfer_matrix) IS 'Equal: the same shape, elements and intercept';

CREATE OPERATOR <> (
	LEFTARG = transfer_matrix, RIGHTARG = transfer_matrix, FUNCTION = transfer_matrix_ne,
	COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (transfer_matrix, transfer_matrix) IS 'Not equal';
