/*
 * 53-sequence_exchange.sql
 *	  Sequence models as safetensors files.
 */
CREATE FUNCTION uiml_export_sequence(domain text, target text DEFAULT 'interest')
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'uiml_export_sequence'
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION uiml_export_sequence(text, text) IS
	'The sequence model of a domain''s active version (target interest or item) as a safetensors file: the network''s tensors with the names and shapes of Keras (embedding/embeddings, lstm/lstm_cell/kernel with gates i, f, c, o, lstm/lstm_cell/recurrent_kernel, lstm/lstm_cell/bias, dense/kernel, dense/bias; no dense/kernel where the output is tied to the embedding), the other parts of the model, and the ids and labels of its classes';

CREATE FUNCTION uiml_import_sequence(domain text, data bytea, target text DEFAULT 'interest')
	RETURNS void
	AS 'MODULE_PATHNAME', 'uiml_import_sequence'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION uiml_import_sequence(text, bytea, text) IS
	'Makes a safetensors file as uiml_export_sequence gives it, or as others write it, the sequence model of a domain''s active version, in place of the one it has; needs train on the domain. Its classes must be the interests or items of that version, in any order';
