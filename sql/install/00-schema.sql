/*
 * 00-schema.sql
 *	  The schema of the catalog, and what a DBA asks first.
 *
 * Functions live in the schema the extension is created in; tables and views in schema uiml, which this
 * script creates itself: a schema named in the control file would adopt one that somebody else made first.
 */
CREATE SCHEMA uiml;
COMMENT ON SCHEMA uiml IS 'Catalog of the uiml extension: domains, versions, grants, training log';
GRANT USAGE ON SCHEMA uiml TO PUBLIC;

CREATE FUNCTION uiml_version(
	OUT version text, OUT postgres text, OUT blas text, OUT blas_core text,
	OUT blas_threads integer, OUT threads_in_backend integer, OUT kernels text)
	RETURNS record
	AS 'MODULE_PATHNAME', 'uiml_version'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION uiml_version() IS
	'Versions of uiml, PostgreSQL and OpenBLAS, the CPU kernel OpenBLAS chose, its thread count (uiml.blas_threads) and the threads this backend really has (1 unless training), and the instruction set of its own loops';
