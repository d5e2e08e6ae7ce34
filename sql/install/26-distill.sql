/*
 * 26-distill.sql
 *	  Static encoders from transformers.
 */
CREATE FUNCTION uiml_distill(
	encoder text, dims integer DEFAULT 256, name text DEFAULT NULL, domain text DEFAULT NULL,
	OUT distilled text, OUT dims integer, OUT vocabulary integer, OUT words integer, OUT explained double precision,
	OUT size text, OUT elapsed interval)
	AS 'MODULE_PATHNAME', 'uiml_distill'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION uiml_distill(text, integer, text, text) IS
	'Makes a static encoder from a transformer and stores it under name (NULL: that of the encoder and _distilled): the vectors of the vocabulary''s tokens, reduced to dims principal components (at most as many as the encoder has) and weighted by how rare they are; some hundred times as fast. domain: words of its texts that the vocabulary has only in pieces get vectors of their own; the encoder then belongs to that domain, and replaces the one it has of that name. explained: share of the variance that the components keep. The licence is that of the encoder';
