/*
 * 60-evaluate.sql
 *	  How good a model is on users, or a time, that it was not trained on.
 *
 * VOLATILE and PARALLEL UNSAFE although it changes nothing: it trains for as long as uiml_train does, so the
 * planner must not move it to where it could run twice, and the threads of BLAS belong to the leader.
 */
CREATE FUNCTION uiml_evaluate(
	domain text,
	holdout text DEFAULT 'users',
	at integer[] DEFAULT '{10,20}',
	fold_in double precision DEFAULT 0.8,
	users integer DEFAULT 1000,
	seed bigint DEFAULT 0,
	dims integer DEFAULT NULL,
	interests integer DEFAULT NULL,
	half_life interval DEFAULT NULL,
	features text DEFAULT NULL,
	source text DEFAULT NULL,
	observed integer DEFAULT 0,
	overlap integer DEFAULT NULL,
	negatives integer DEFAULT NULL)
	RETURNS TABLE (
		metric text, k integer, value double precision, low double precision, high double precision, baseline text,
		baseline_value double precision, users bigint)
	AS 'MODULE_PATHNAME', 'uiml_evaluate'
	LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 23 COST 100000;
COMMENT ON FUNCTION uiml_evaluate(text, text, integer[], double precision, integer, bigint, integer, integer, interval, text, text, integer, integer, integer) IS
	'Trains a domain anew on a part of its events and judges the model on the rest; stores nothing. holdout: ''users'' (test users are in no fit, the share fold_in of their items is folded in, the rest hidden), ''time'' (the newest tenth of the events is hidden) or ''newcomers'' (test users, who are in no fit of either domain, are known from the domain source, and what they did here is hidden). at: lengths of the lists that are judged, 1 to 10000 each. users: test users, at most a quarter of those with two items, in both domains for newcomers. seed: of the split and the training. dims, interests, half_life, features: NULL for the domain''s. For newcomers: observed: how many of their items here are not hidden, 0 to 10000; overlap: users of both domains that the transfers are fitted on at most, NULL for all; negatives: also rank each hidden item among so many sampled ones, 1 to 100000, as publications do. Returns recall, precision, hr, ndcg, mrr, map, novelty, diversity, coverage and gini at each k, auc, logloss and accuracy of the interests, each but coverage and gini with a 95 % bootstrap interval by user, the baseline (popularity, or the prior of the interests) and the number of users; for newcomers also logloss beside the history here alone (smoothed by one item of each interest, and as suits these users best), history and prior, and a linear map of interest shares, and hr, ndcg and mrr among sampled items, which are means over hidden items';

CREATE FUNCTION uiml_compare(
	domain text,
	a jsonb,
	b jsonb,
	holdout text DEFAULT 'users',
	at integer[] DEFAULT '{10,20}',
	fold_in double precision DEFAULT 0.8,
	users integer DEFAULT 1000,
	seed bigint DEFAULT 0)
	RETURNS TABLE (
		metric text, k integer, a double precision, b double precision, difference double precision, low double precision,
		high double precision, users bigint, verdict text)
	AS 'MODULE_PATHNAME', 'uiml_compare'
	LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 23 COST 200000;
COMMENT ON FUNCTION uiml_compare(text, jsonb, jsonb, text, integer[], double precision, integer, bigint) IS
	'Trains a domain twice on a part of its events, with the settings a and b, and judges both on the same users; stores nothing. Settings are JSON: {} for the domain''s, or what differs: dims, interests, half_life, features and the domain''s options; {"version": 3} for what that version was trained with. The other arguments as in uiml_evaluate. Returns the metrics of uiml_evaluate under a and b, the mean of the users'' differences b - a with its 95 % paired bootstrap interval, and what follows from it: a is better, b is better, undecided, or NULL where neither can be';

CREATE FUNCTION uiml_calibration(
	domain text,
	bins integer DEFAULT 10,
	holdout text DEFAULT 'users',
	fold_in double precision DEFAULT 0.8,
	users integer DEFAULT 1000,
	seed bigint DEFAULT 0,
	dims integer DEFAULT NULL,
	interests integer DEFAULT NULL,
	half_life interval DEFAULT NULL,
	features text DEFAULT NULL)
	RETURNS TABLE (
		bin integer, low double precision, high double precision, pairs bigint, predicted double precision,
		observed double precision, observed_low double precision, observed_high double precision, error double precision,
		covered double precision, expected double precision)
	AS 'MODULE_PATHNAME', 'uiml_calibration'
	LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 11 COST 100000;
COMMENT ON FUNCTION uiml_calibration(text, integer, text, double precision, integer, bigint, integer, integer, interval, text) IS
	'Trains a domain anew on a part of its events and tells whether the interest shares it predicts for the rest come true; stores nothing. Pairs of a test user and an interest are put into bins of equal width by the predicted share; the other arguments as in uiml_evaluate. Returns for each bin its bounds, the number of pairs, the mean predicted share, the mean share of the hidden events with its 95 % bootstrap interval by user, the difference of the two means, and how often the 90 % interval of the prediction held the observed share and how often it was expected to, shares coming in steps of one event; in the last row, whose bin is NULL, all pairs: error is the expected calibration error';
