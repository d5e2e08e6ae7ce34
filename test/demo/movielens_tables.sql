/*
 * movielens_tables.sql
 *	  Tables for the files of a MovieLens folder, column for column.
 */
CREATE TABLE movies (movie_id bigint PRIMARY KEY, title text NOT NULL, genres text);
CREATE TABLE movielens_ratings (user_id bigint, movie_id bigint, rating real, seconds bigint);
