/*
 * sampled.c
 *	  The protocol of sampled negatives, beside the full ranking: each hidden item among others drawn at random.
 */
#include "core/sampled.h"

#include <math.h>

#include "core/rng.h"

static size_t
n_figures(const UimlJudgement *j)
{
	return uiml_judgement_sampled_row(j, UIML_SAMPLED_MRR, 0) + 1;
}

/* Place of an item among drawn ones, from 1; who scores the same stands half before it. */
static double
rank_of(uint32_t item, const float *score, const UimlSampledUser *user, const uint32_t *draw, size_t n)
{
	double ahead = 0;

	for (size_t i = 0; i < n; i++)
	{
		float other = score[user->other[draw[i]]];

		ahead += other > score[item] ? 1 : other == score[item] ? .5 : 0;
	}
	return 1 + ahead;
}

/* Adds what a rank is worth to a user's values. */
static void
add_rank(const UimlJudgement *j, double rank, double *value)
{
	for (size_t i = 0; i < j->n_k; i++)
	{
		bool hit = rank <= (double) j->k[i];

		value[uiml_judgement_sampled_row(j, UIML_SAMPLED_HR, i) * j->n_users] += hit;
		value[uiml_judgement_sampled_row(j, UIML_SAMPLED_NDCG, i) * j->n_users] +=
			hit ? 1 / log2(rank + 1) : 0;
	}
	value[uiml_judgement_sampled_row(j, UIML_SAMPLED_MRR, 0) * j->n_users] += 1 / rank;
}

void
uiml_sampled_judge(const UimlJudgement *j, const UimlSampledUser *user, uint64_t seed, uint32_t *draw)
{
	double *value = j->sampled + user->user;
	double *baseline = j->sampled_baseline + user->user;
	UimlRng rng;

	if (user->n_other == 0 || user->n_hidden == 0)
		return;
	for (size_t f = 0; f < n_figures(j); f++)
		value[f * j->n_users] = baseline[f * j->n_users] = 0;
	uiml_rng_init(&rng, seed + user->user);
	for (size_t h = 0; h < user->n_hidden; h++)
	{
		for (size_t i = 0; i < j->negatives; i++)
			draw[i] = (uint32_t) uiml_rng_below(&rng, user->n_other);
		add_rank(j, rank_of(user->hidden[h], user->score, user, draw, j->negatives), value);
		add_rank(j, rank_of(user->hidden[h], user->baseline, user, draw, j->negatives), baseline);
	}
}

void
uiml_sampled_weigh(const UimlJudgement *j, const size_t *row_start)
{
	size_t users = 0;
	size_t items = 0;

	for (size_t u = 0; u < j->n_users; u++)
	{
		users += !isnan(j->sampled[u]);
		items += isnan(j->sampled[u]) ? 0 : row_start[u + 1] - row_start[u];
	}
	for (size_t i = 0; items > 0 && i < n_figures(j) * j->n_users; i++)
	{
		j->sampled[i] *= (double) users / (double) items;
		j->sampled_baseline[i] *= (double) users / (double) items;
	}
}
