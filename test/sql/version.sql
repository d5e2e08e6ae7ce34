-- What a DBA asks first, and the settings.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
RESET client_min_messages;

SELECT version = (SELECT extversion FROM pg_extension WHERE extname = 'uiml') AS version_is_installed,
	   postgres = current_setting('server_version') AS postgres_is_server,
	   blas LIKE 'OpenBLAS %' AS blas_is_openblas,
	   blas_core <> '' AS core_is_told,
	   blas_threads,
	   threads_in_backend,
	   kernels IN ('portable', 'x86-64-v3', 'x86-64-v4', 'neon') AS kernels_are_told
FROM uiml_version();

-- Threads are raised inside a training call only.
SET uiml.blas_threads = 2;
SELECT blas_threads, threads_in_backend FROM uiml_version();
SET uiml.blas_threads = 0;
SET uiml.blas_threads = 65;
RESET uiml.blas_threads;

SHOW uiml.keep_versions;
SET uiml.keep_versions = 0;
SET uiml.keep_versions = 1;
SHOW uiml.keep_versions;

SHOW uiml.memory_mode;
SET uiml.memory_mode = disk;
SET uiml.memory_mode = passes;
RESET uiml.memory_mode;
