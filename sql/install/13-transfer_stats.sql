/*
 * 13-transfer_stats.sql
 *	  The type transfer_stats, what least squares between two spaces needs of their rows: input and output,
 *	  functions, operators.
 */
CREATE TYPE transfer_stats;

CREATE FUNCTION transfer_stats_in(cstring)
	RETURNS transfer_stats
	AS 'MODULE_PATHNAME', 'transfer_stats_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_stats_in(cstring) IS 'I/O: reads the JSON object that transfer_stats_out writes, checked';

CREATE FUNCTION transfer_stats_out(transfer_stats)
	RETURNS cstring
	AS 'MODULE_PATHNAME', 'transfer_stats_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_stats_out(transfer_stats) IS 'I/O: a JSON object whose numbers read back as the same value';

CREATE FUNCTION transfer_stats_recv(internal)
	RETURNS transfer_stats
	AS 'MODULE_PATHNAME', 'transfer_stats_recv'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_stats_recv(internal) IS 'I/O: reads the versioned binary form, checked';

CREATE FUNCTION transfer_stats_send(transfer_stats)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'transfer_stats_send'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_stats_send(transfer_stats) IS 'I/O: the versioned binary form';

CREATE TYPE transfer_stats (
	INPUT = transfer_stats_in,
	OUTPUT = transfer_stats_out,
	RECEIVE = transfer_stats_recv,
	SEND = transfer_stats_send,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE transfer_stats IS
	'Statistics of rows (source, target): their number, weights, means and centred sums of squares and products, in double precision. They add up over any partition of the rows';

-- Functions.

CREATE FUNCTION uiml_rows(stats transfer_stats)
	RETURNS integer
	AS 'MODULE_PATHNAME', 'uiml_stats_rows'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_rows(transfer_stats) IS 'Dimensions of the source';

CREATE FUNCTION uiml_cols(stats transfer_stats)
	RETURNS integer
	AS 'MODULE_PATHNAME', 'uiml_stats_cols'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_cols(transfer_stats) IS 'Dimensions of the target';

CREATE FUNCTION uiml_n(stats transfer_stats)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'uiml_n'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_n(transfer_stats) IS 'Number of rows with a weight above zero';

CREATE FUNCTION uiml_weight(stats transfer_stats)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'uiml_weight'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_weight(transfer_stats) IS 'Sum of the rows'' weights';

CREATE FUNCTION uiml_mean_source(stats transfer_stats)
	RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'uiml_mean_source'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_mean_source(transfer_stats) IS 'Weighted mean of the sources; NULL without rows';

CREATE FUNCTION uiml_mean_target(stats transfer_stats)
	RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'uiml_mean_target'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_mean_target(transfer_stats) IS 'Weighted mean of the targets; NULL without rows';

CREATE FUNCTION uiml_covariance_source(stats transfer_stats)
	RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'uiml_covariance_source'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_covariance_source(transfer_stats) IS 
	'Covariances of the source''s dimensions, divided by W - W2 / W with W the sum of weights and W2 that of their squares: n - 1 where all weights are 1; NULL for fewer than two rows';

CREATE FUNCTION uiml_covariance_cross(stats transfer_stats)
	RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'uiml_covariance_cross'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_covariance_cross(transfer_stats) IS 
	'Covariances of the source''s dimensions (rows) with the target''s (columns), divided by W - W2 / W with W the sum of weights and W2 that of their squares: n - 1 where all weights are 1; NULL for fewer than two rows';

CREATE FUNCTION uiml_covariance_target(stats transfer_stats)
	RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'uiml_covariance_target'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_covariance_target(transfer_stats) IS 
	'Covariances of the target''s dimensions, divided by W - W2 / W with W the sum of weights and W2 that of their squares: n - 1 where all weights are 1; NULL for fewer than two rows';

-- Operators.

CREATE FUNCTION transfer_stats_add(transfer_stats, transfer_stats)
	RETURNS transfer_stats
	AS 'MODULE_PATHNAME', 'transfer_stats_add'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_stats_add(transfer_stats, transfer_stats) IS 'Implements the operator +';

CREATE FUNCTION transfer_stats_sub(transfer_stats, transfer_stats)
	RETURNS transfer_stats
	AS 'MODULE_PATHNAME', 'transfer_stats_sub'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_stats_sub(transfer_stats, transfer_stats) IS 'Implements the operator -';

CREATE FUNCTION transfer_stats_eq(transfer_stats, transfer_stats)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'transfer_stats_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_stats_eq(transfer_stats, transfer_stats) IS 'Implements the operator =';

CREATE FUNCTION transfer_stats_ne(transfer_stats, transfer_stats)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'transfer_stats_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION transfer_stats_ne(transfer_stats, transfer_stats) IS 'Implements the operator <>';

CREATE OPERATOR + (
	LEFTARG = transfer_stats, RIGHTARG = transfer_stats, FUNCTION = transfer_stats_add, COMMUTATOR = +
);
COMMENT ON OPERATOR + (transfer_stats, transfer_stats) IS 'Statistics of the rows of both';

CREATE OPERATOR - (
	LEFTARG = transfer_stats, RIGHTARG = transfer_stats, FUNCTION = transfer_stats_sub
);
COMMENT ON OPERATOR - (transfer_stats, transfer_stats) IS
	'Statistics of the rows that are left when those of the second, which are part of the first, are forgotten';

CREATE OPERATOR = (
	LEFTARG = transfer_stats, RIGHTARG = transfer_stats, FUNCTION = transfer_stats_eq,
	COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel
);
COMMENT ON OPERATOR = (transfer_stats, transfer_stats) IS 'Equal, to the last bit';

CREATE OPERATOR <> (
	LEFTARG = transfer_stats, RIGHTARG = transfer_stats, FUNCTION = transfer_stats_ne,
	COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (transfer_stats, transfer_stats) IS 'Not equal';
