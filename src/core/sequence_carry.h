/*
 * sequence_carry.h
 *	  The weights of a network carried over to other classes: the start of the next version's, or of another domain's.
 *
 * A class map says of each target class t which source classes it is made of: rows sum to 1, or to 0 where nothing is
 * known of t.  Embedding and output row of t are the sums of the source's rows with these weights; kernel, recurrent
 * and bias are copied.
 */
#ifndef UIML_SEQUENCE_CARRY_H
#define UIML_SEQUENCE_CARRY_H

#include "core/lstm.h"
#include "core/rng.h"
#include "core/sequences.h"

/* In compressed rows; free with uiml_class_map_free. */
typedef struct UimlClassMap
{
	size_t n_target;
	size_t n_source;
	size_t *row_start; /* n_target + 1 */
	uint32_t *source;  /* below n_source, ascending in a row */
	float *weight;     /* > 0 */
} UimlClassMap;

extern void uiml_class_map_free(const UimlEnv *env, UimlClassMap *map);

/*
 * uiml_class_map_dense
 *		From a matrix (n_target x n_source, row-major, finite, >= 0): rows are normalised, weights below .001 of a row left
 *		out.
 *
 * UIML_OK, UIML_EINVALID (a negative element), UIML_ENOTFINITE, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_class_map_dense(const UimlEnv *env, size_t n_target, size_t n_source,
									   const float *matrix, UimlClassMap *map);

/*
 * uiml_class_map_shared
 *		From items that both have: P(s | t) is the share of s among the items of t.
 *
 * other:	of each target item, the source's number of it, UINT32_MAX for none
 * weight:	of each target item, e.g. its popularity, >= 0; NULL: 1
 */
extern UimlStatus uiml_class_map_shared(const UimlEnv *env, const UimlSequenceClasses *target,
										const UimlSequenceClasses *source, const uint32_t *other,
										const float *weight, UimlClassMap *map);

/*
 * uiml_class_map_transfer
 *		From what a source class makes likely in the target (Bayes): P(s | t) in proportion to prior(s) share(s, t).
 *
 * share:	n_source x n_target, row-major: rows are distributions over target classes, of a user who did nothing but s
 * prior:	n_source, >= 0
 */
extern UimlStatus uiml_class_map_transfer(const UimlEnv *env, size_t n_source, size_t n_target,
										  const float *share, const float *prior, UimlClassMap *map);

/*
 * uiml_class_map_through
 *		Of target items by their interests: a target item is made of the items of the source interests that map says of its
 *		own, each interest's items in proportion to weight.
 *
 * interests: map of interests; target, source: the interest of each item
 * weight:	of each source item, >= 0; NULL: 1
 *
 * Sparse maps would have as many elements as pairs of items: rows of interests are made first, each of at most `most` items
 * of the largest weights.
 */
extern UimlStatus uiml_class_map_through(const UimlEnv *env, const UimlClassMap *interests,
										 const UimlSequenceClasses *target, const UimlSequenceClasses *source,
										 const float *weight, size_t most, UimlClassMap *map);

/*
 * uiml_sequence_carry
 *		Fills target, whose shape is to->shape with map->n_target classes.
 *
 * embedding, hidden and tied must be those of from, its classes map->n_source: else UIML_EINVALID.  Rows of classes that the map
 * knows nothing of are drawn as uiml_lstm_init draws them, output biases of such classes are the lowest of the
 * others.  UIML_OK, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_sequence_carry(const UimlEnv *env, const UimlLstmWeights *from,
									  const UimlClassMap *map, UimlRng *rng, UimlLstmWeights *to);

#endif /* UIML_SEQUENCE_CARRY_H */
