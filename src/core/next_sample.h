/*
 * next_sample.h
 *	  Events of held-out users that are predicted, each from what the user did before.
 */
#ifndef UIML_NEXT_SAMPLE_H
#define UIML_NEXT_SAMPLE_H

#include "core/next_score.h"

typedef struct UimlNextPosition
{
	uint32_t user;
	uint32_t n;        /* events before it, of a class or not, > 0 */
	uint32_t length;   /* uiml_next_length of those that have a class */
	uint32_t class_no; /* what came */
	size_t first;      /* where the user's sequence starts */
} UimlNextPosition;

typedef struct UimlNextSample
{
	const UimlSequences *users;
	size_t n;
	UimlNextPosition *position; /* in the order of users */
} UimlNextSample;

/*
 * uiml_next_sample
 *		The last five events of each user: fewer, and at last fewer users, where there are so many classes that it would
 *		take long.  Of items, events of items that the user had already are none.
 *
 * Returns UIML_OK, UIML_EEMPTY, UIML_ENOMEM, UIML_EINTERRUPTED; free with uiml_next_sample_free in any case.
 */
extern UimlStatus uiml_next_sample(const UimlEnv *env, UimlNextTarget target, const UimlNextSpace *space,
								   size_t n_classes, const UimlSequences *users, UimlNextSample *sample);
extern void uiml_next_sample_free(const UimlEnv *env, UimlNextSample *sample);

/* What one position is worked on with. */
typedef struct UimlNextDesk
{
	UimlNextRoom room;
	const uint32_t *item; /* what is known, and */
	size_t n;
	size_t n_out;      /* how many of them are left out: n of items, 0 of interests */
	float *popularity; /* n_classes: among what is not left out */
	float *share;      /* n_classes */
	float *rest;       /* n_classes: what the rest says; only where there is one */
	double *mass;      /* n_classes or dims, twice: for the rest */
	float *vector;     /* the larger of n_classes and dims */
	void *bytes;
} UimlNextDesk;

typedef struct UimlNextJob UimlNextJob;

/* Does what is to be done at position i of the sample, on any thread. */
typedef void (*UimlNextFn)(const UimlNextJob *job, size_t i, UimlNextDesk *desk);

struct UimlNextJob
{
	const UimlNextModel *model;
	const UimlNextSpace *space;
	const UimlNextSample *sample;
	const UimlNextRest *rest; /* NULL: none */
	UimlNextFn at;
	void *arg;
};

/* Calls job->at for each position.  Returns UIML_OK, UIML_ENOMEM, UIML_EINTERRUPTED. */
extern UimlStatus uiml_next_each(const UimlEnv *env, const UimlNextJob *job);

#endif /* UIML_NEXT_SAMPLE_H */
