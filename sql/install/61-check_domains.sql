/*
 * 61-check_domains.sql
 *	  Items of two domains that are the same thing, and what a transfer is worth without them.
 *
 * VOLATILE and PARALLEL UNSAFE although it changes nothing: it fits transfers, so the planner must not move it
 * to where it could run twice, and the threads of BLAS belong to the leader.
 */
CREATE FUNCTION uiml_check_domains(
	source text,
	target text,
	jaccard double precision DEFAULT 0.8,
	users integer DEFAULT 4,
	gain boolean DEFAULT true)
	RETURNS TABLE (
		pair bigint, source_item text, target_item text, users bigint, jaccard double precision, share double precision,
		gain double precision, gain_without double precision)
	AS 'MODULE_PATHNAME', 'uiml_check_domains'
	LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100 COST 100000;
COMMENT ON FUNCTION uiml_check_domains(text, text, double precision, integer, boolean) IS
	'Lists pairs of a source and a target item of two trained domains whose users, of those active in both domains, are nearly the same: a product that is listed in both, mostly. jaccard: users of both items by users of either, above 0 to 1. users: how many must have both, 1 to 1000000. gain: whether to measure what the pairs do to the transfer. Returns for each pair, most users first, its number, the keys of the items as text, the users who have both, their Jaccard coefficient, and the share of the overlapping users'' target items that the target item is; in the last row, whose items are NULL, the number of pairs, the overlapping users, the share of all target items that are in a pair, and the gain of the item transfer over popularity, in nats per item out of fold, as it is and with the pairs'' source items left out of the users'' histories';
