/*
 * sequence_blend.c
 *	  Two networks blended, with shares that are fitted on half of the sequences and judged on the other half.
 */
#include <float.h>
#include <string.h>

#include "core/sequence_judge.h"
#include "core/sequence_windows.h"

/* What two networks say of each event, and which half of the sequences it is of. */
typedef struct Pair
{
	size_t n;
	float *probability; /* n x 2 */
	uint8_t *odd;       /* n */
} Pair;

static void
mark_odd(const UimlSequences *sequences, const UimlSequenceClasses *classes,
		 const UimlSequenceJudging *judging, Pair *pair)
{
	size_t at = 0;

	for (size_t s = 0; s < sequences->n; s++)
	{
		size_t n = uiml_sequence_predictable(sequences, classes, s);
		size_t most = judging->last ? 1 : judging->most == 0 ? n : judging->most;

		n = n < most ? n : most;
		memset(pair->odd + at, s % 2, n);
		at += n;
	}
	pair->n = at;
}

/* How the likelihood of half of the events rises with the first network's share. */
static double
slope(const Pair *pair, uint8_t half, double share)
{
	double sum = 0;

	for (size_t i = 0; i < pair->n; i++)
	{
		const float *p = pair->probability + 2 * i;
		double a = p[0] > FLT_MIN ? p[0] : FLT_MIN;
		double b = p[1] > FLT_MIN ? p[1] : FLT_MIN;

		if (pair->odd[i] == half)
			sum += (a - b) / (share * a + (1 - share) * b);
	}
	return sum;
}

/* The likelihood is concave in the share, so its slope falls: bisection.  Half where no event speaks. */
static UimlStatus
best_share(const UimlEnv *env, const Pair *pair, uint8_t half, double *share)
{
	double low = 0, high = 1;

	for (int i = 0; i < 30; i++)
	{
		double rise = slope(pair, half, *share = (low + high) / 2);

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (rise == 0)
			return UIML_OK;
		if (rise > 0)
			low = *share;
		else
			high = *share;
	}
	return UIML_OK;
}

UimlStatus
uiml_sequence_judge_blend(const UimlEnv *env, const UimlLstmWeights *const network[2],
						  const UimlSequences *sequences, const UimlSequenceClasses *classes,
						  const UimlSequenceJudging *judging, double share[2],
						  UimlSequenceJudgement *judgement)
{
	size_t room = uiml_sequence_judged_events(sequences, classes, judging->last);
	Pair pair = {.probability = uiml_alloc(env, room, 2 * sizeof(float)), .odd = uiml_alloc(env, room, 1)};
	UimlSequenceJudging losses = *judging;
	UimlStatus status = pair.probability != NULL && pair.odd != NULL ? UIML_OK : UIML_ENOMEM;

	losses.k = 0;
	share[0] = share[1] = .5;
	if (status == UIML_OK)
		status = uiml_sequence_judge(env, network, 2, share, sequences, classes, &losses, pair.probability,
									 judgement);
	if (status == UIML_OK)
	{
		mark_odd(sequences, classes, judging, &pair);
		status = best_share(env, &pair, 1, &share[0]);
	}
	if (status == UIML_OK)
		status = best_share(env, &pair, 0, &share[1]);
	if (status == UIML_OK)
		status = uiml_sequence_judge(env, network, 2, share, sequences, classes, judging, NULL, judgement);
	uiml_free(env, pair.probability);
	uiml_free(env, pair.odd);
	return status;
}
