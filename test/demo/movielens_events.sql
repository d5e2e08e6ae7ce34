/*
 * movielens_events.sql
 *	  Ratings as events: who, which movie, when.  The stars are the weight.
 */
CREATE TABLE ratings AS
SELECT user_id, movie_id, rating, to_timestamp(seconds) AS rated_at FROM movielens_ratings;
DROP TABLE movielens_ratings;

-- "Comedy|Drama" are two words to the reader, and so should they be to the labels.
UPDATE movies SET genres = CASE genres WHEN '(no genres listed)' THEN '' ELSE replace(genres, '|', ' ') END;
ANALYZE;
