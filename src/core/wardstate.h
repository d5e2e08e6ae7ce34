/*
 * wardstate.h
 *	  The mergeable state of uiml_ward: the heaviest events of a group, each with its vector.
 *
 * Ward's criterion needs all points at once, so the state holds them: up to UIML_WARD_MAX_POINTS, and of more
 * events the heaviest, which with decayed weights are the newest.  Which these are doesn't depend on the
 * order of the rows or on how they were divided: a merge of two states keeps the heaviest of both.
 */
#ifndef UIML_WARDSTATE_H
#define UIML_WARDSTATE_H

#include "core/uiml.h"
#include "core/ward.h"

typedef struct UimlWardState
{
	uint32_t length_word; /* the owner's: a varlena header in the server */
	uint32_t dim;
	uint32_t n;        /* events held; at UIML_WARD_MAX_POINTS they are a heap with the lightest on top */
	uint32_t capacity; /* events that there is room for, <= UIML_WARD_MAX_POINTS */
	double cut;        /* height of the cut, >= 0, perhaps INFINITY */
	double event[];    /* capacity times the weight and dim floats, padded to a double */
} UimlWardState;

#define UIML_WARD_STRIDE(dim) (1 + ((size_t) (dim) + 1) / 2)
#define UIML_WARD_STATE_SIZE(dim, capacity)                                                                  \
	(sizeof(UimlWardState) + sizeof(double) * UIML_WARD_STRIDE(dim) * (size_t) (capacity))

/* Makes UIML_WARD_STATE_SIZE(dim, capacity) bytes an empty state; length_word is left alone. */
extern void uiml_ward_state_init(UimlWardState *state, size_t dim, size_t capacity, double cut);

/* The weight of event i. */
extern double uiml_ward_state_weight(const UimlWardState *state, size_t i);

/*
 * uiml_ward_state_add
 *		Adds dim elements x with a weight, finite and >= 0.  There must be room, or UIML_WARD_MAX_POINTS held
 *		already: then the lightest event goes, of equal weights the one whose vector sorts last.
 */
extern void uiml_ward_state_add(UimlWardState *state, const float *x, double weight);

/* Adds the events of another state of the same dim, with room for min(n + n, UIML_WARD_MAX_POINTS). */
extern void uiml_ward_state_merge(UimlWardState *state, const UimlWardState *other);

/* One interest. */
typedef struct UimlWardCluster
{
	const float *medoid; /* dim, in the state */
	double importance;   /* sum of weights */
	double height;       /* of its last merge, 0 for a single event */
	uint32_t size;       /* events */
} UimlWardCluster;

/*
 * uiml_ward_state_clusters
 *		Clusters the events, cut at the state's height; the most important come first, of equal ones that with
 *		the heaviest event.
 *
 * cluster: receives up to n.  Returns the statuses of uiml_ward_link, and UIML_ENOTFINITE where weights add
 * up to infinity.
 */
extern UimlStatus uiml_ward_state_clusters(const UimlEnv *env, const UimlWardState *state,
										   UimlWardCluster *cluster, size_t *found);

/*
 * The binary form, little-endian: magic "uwst", uint16 version 1, uint16 zero, uint32 length of all, uint32
 * dim, uint32 n, uint32 zero, float8 cut, then for each event float8 weight and dim float4.
 */
#define UIML_WARD_HEADER 32
#define UIML_WARD_BINARY_SIZE(dim, n)                                                                        \
	(UIML_WARD_HEADER + (sizeof(double) + sizeof(float) * (size_t) (dim)) * (size_t) (n))

extern void uiml_ward_state_write(const UimlWardState *state, void *bytes);

/*
 * uiml_ward_state_read_head
 *		Checks the head of a binary form against its length and against max_dim.  Returns UIML_OK;
 *		UIML_ECORRUPT; UIML_ELIMIT when there are more than max_dim dimensions or too many events.
 */
extern UimlStatus uiml_ward_state_read_head(const void *bytes, size_t length, size_t max_dim, size_t *dim,
											size_t *n);

/*
 * uiml_ward_state_read
 *		Reads a binary form whose head has been checked into a new state with room for its n events.
 *		UIML_ECORRUPT when a field is out of its range, UIML_ENOTFINITE for a number that is not finite.
 */
extern UimlStatus uiml_ward_state_read(const void *bytes, size_t dim, size_t n, UimlWardState *state);

#endif /* UIML_WARDSTATE_H */
