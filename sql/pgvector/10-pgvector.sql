/*
 * 10-pgvector.sql
 *	  interest_vector beside pgvector's vector.
 *
 * Both types have the same bytes and refuse the same values (NaN, infinity, no or more than 16000
 * dimensions), so a cast relabels and copies nothing; a type modifier is checked by the target's own length
 * cast after that.  The casts are for assignment: implicit ones would make an operator between the two types
 * ambiguous.
 */
CREATE CAST (vector AS interest_vector) WITHOUT FUNCTION AS ASSIGNMENT;
COMMENT ON CAST (vector AS interest_vector) IS 'The same bytes; interest_vector(n) checks the dimensions';

CREATE CAST (interest_vector AS vector) WITHOUT FUNCTION AS ASSIGNMENT;
COMMENT ON CAST (interest_vector AS vector) IS 'The same bytes; vector(n) checks the dimensions';

-- HNSW indexes.  pgvector's access method asks the class for a distance (1) and, for cosine, for a norm (2)
-- that leaves zero vectors out; vectors of a class without type support (3) it takes as its own, up to 2000
-- dimensions.

CREATE OPERATOR CLASS interest_vector_l2_ops
	FOR TYPE interest_vector USING hnsw AS
	OPERATOR 1 <-> (interest_vector, interest_vector) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 interest_vector_l2_squared(interest_vector, interest_vector);
COMMENT ON OPERATOR CLASS interest_vector_l2_ops USING hnsw IS 'Nearest neighbours by Euclidean distance, <->';

CREATE OPERATOR CLASS interest_vector_ip_ops
	FOR TYPE interest_vector USING hnsw AS
	OPERATOR 1 <#> (interest_vector, interest_vector) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 interest_vector_negative_inner_product(interest_vector, interest_vector);
COMMENT ON OPERATOR CLASS interest_vector_ip_ops USING hnsw IS 'Largest inner product first, <#>';

CREATE OPERATOR CLASS interest_vector_cosine_ops
	FOR TYPE interest_vector USING hnsw AS
	OPERATOR 1 <=> (interest_vector, interest_vector) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 interest_vector_negative_inner_product(interest_vector, interest_vector),
	FUNCTION 2 uiml_norm(interest_vector);
COMMENT ON OPERATOR CLASS interest_vector_cosine_ops USING hnsw IS
	'Nearest neighbours by cosine distance, <=>; zero vectors are not indexed';

CREATE OPERATOR CLASS interest_vector_l1_ops
	FOR TYPE interest_vector USING hnsw AS
	OPERATOR 1 <+> (interest_vector, interest_vector) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 uiml_l1_distance(interest_vector, interest_vector);
COMMENT ON OPERATOR CLASS interest_vector_l1_ops USING hnsw IS 'Nearest neighbours by taxicab distance, <+>';
