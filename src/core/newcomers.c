/*
 * newcomers.c
 *	  How well users are predicted in a domain that they are new to, from what they did in another.
 */
#include "core/newcomers.h"

#include <math.h>
#include <string.h>

#include "core/blend.h"
#include "core/minimise.h"

/* Strengths of rivals are looked for in this range, as uiml_blend_fit_alpha does. */
#define LOWEST_ALPHA   1e-2
#define HIGHEST_ALPHA  1e4
#define ALPHA_STEPS    24
#define ALPHA_ACCURACY .01

/* Users between two questions after interruption. */
#define CHECK_USERS 1024

const char *const uiml_rival_name[UIML_N_RIVALS] = {"history alone", "history smoothed", "history", "linear"};

/* --- what a user did ------------------------------------------------------------------------------------ */

/* Adds the masses of a row to share (k); false, and the sum of share, tell whether there are any. */
static void
add_masses(const UimlModel *model, const UimlInteractions *x, size_t row, float *mass, float *share)
{
	size_t first = x->row_start[row];

	uiml_model_user(model, x->item + first, x->mass + first, x->row_start[row + 1] - first, NULL, mass);
	for (size_t j = 0; j < model->n_interests; j++)
		share[j] += mass[j];
}

/* Makes masses a distribution; false where there are none. */
static bool
normalise(float *share, size_t k)
{
	double sum = 0;

	for (size_t j = 0; j < k; j++)
		sum += share[j];
	for (size_t j = 0; j < k && sum > 0; j++)
		share[j] = (float) (share[j] / sum);
	return sum > 0;
}

/* The shares of the source's interests; false where the user has none of them. */
static bool
source_shares(const UimlNewcomers *newcomers, const UimlNewcomerUsers *users, size_t user, float *share)
{
	const UimlInteractions *x = users->source;
	size_t row = users->source_row[user];
	size_t first = x->row_start[row];

	uiml_model_user(newcomers->source, x->item + first, x->mass + first, x->row_start[row + 1] - first, NULL,
					share);
	return normalise(share, newcomers->source->n_interests);
}

/* --- rivals --------------------------------------------------------------------------------------------- */

/* Those users, of the fit or judged, who say something about rivals, row by row. */
typedef struct Rows
{
	size_t n;
	size_t p;
	size_t k;
	float *x;      /* n x p: shares of the source's interests */
	float *y;      /* n x k: of the target's, seen and hidden together */
	float *seen;   /* n x k masses */
	float *hidden; /* n x k, distributions: each user has the same say */
	float *map;    /* n x k: what the map predicts, to users of the fit that of the other folds */
	float *mass;   /* the larger of p and k */
	uint8_t *fold;
} Rows;

static void
rows_free(const UimlEnv *env, Rows *rows)
{
	uiml_free(env, rows->x);
	uiml_free(env, rows->y);
	uiml_free(env, rows->seen);
	uiml_free(env, rows->hidden);
	uiml_free(env, rows->map);
	uiml_free(env, rows->mass);
	uiml_free(env, rows->fold);
}

static UimlStatus
rows_create(const UimlEnv *env, size_t n, Rows *rows)
{
	size_t x = rows->p * sizeof(float);
	size_t y = rows->k * sizeof(float);

	rows->x = uiml_alloc(env, n, x);
	rows->y = uiml_alloc0(env, n, y);
	rows->seen = uiml_alloc0(env, n, y);
	rows->hidden = uiml_alloc0(env, n, y);
	rows->map = uiml_alloc(env, n, y);
	rows->mass = uiml_alloc(env, 1, x > y ? x : y);
	rows->fold = uiml_alloc(env, n, 1);
	return rows->x == NULL || rows->y == NULL || rows->seen == NULL || rows->hidden == NULL ||
				   rows->map == NULL || rows->mass == NULL || rows->fold == NULL
			   ? UIML_ENOMEM
			   : UIML_OK;
}

/* Users with interests in the source and hidden ones in the target. */
static UimlStatus
rows_fill(const UimlEnv *env, const UimlNewcomers *newcomers, const UimlNewcomerUsers *users, Rows *rows)
{
	const UimlModel *target = newcomers->target;
	size_t k = rows->k;

	for (size_t u = 0; u < users->target->seen.n_users; u++)
	{
		float *y = rows->y + rows->n * k;
		float *seen = rows->seen + rows->n * k;
		float *hidden = rows->hidden + rows->n * k;

		if (u % CHECK_USERS == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		memset(seen, 0, k * sizeof(float));
		memset(hidden, 0, k * sizeof(float));
		add_masses(target, &users->target->seen, u, rows->mass, seen);
		add_masses(target, &users->target->hidden, u, rows->mass, hidden);
		for (size_t j = 0; j < k; j++)
			y[j] = seen[j] + hidden[j];
		if (!source_shares(newcomers, users, u, rows->x + rows->n * rows->p) || !normalise(hidden, k) ||
			!normalise(y, k))
			continue;
		rows->fold[rows->n++] = users->fold != NULL ? users->fold[u] : 0;
	}
	return UIML_OK;
}

/* A UimlFunction: nats per user of a strength of the map, by its logarithm. */
static double
linear_loss(void *ctx, double log_alpha)
{
	const Rows *rows = ctx;
	double alpha = exp(log_alpha);
	double loss = 0;

	for (size_t u = 0; u < rows->n; u++)
	{
		const float *seen = rows->seen + u * rows->k;
		const float *hidden = rows->hidden + u * rows->k;
		const float *map = rows->map + u * rows->k;
		double total = 0;

		for (size_t j = 0; j < rows->k; j++)
			total += seen[j];
		for (size_t j = 0; j < rows->k; j++)
			if (hidden[j] > 0)
				loss -= hidden[j] * log(fmax((seen[j] + alpha * map[j]) / (total + alpha), 1e-12));
	}
	return loss;
}

/* Nothing to learn from: everybody is expected to do what the domain does. */
static UimlStatus
map_to_prior(const UimlEnv *env, UimlNewcomers *newcomers)
{
	UimlShareMap *map = &newcomers->map;

	*map = (UimlShareMap){.p = newcomers->source->n_interests, .k = newcomers->target->n_interests};
	map->w = uiml_alloc0(env, map->p, map->k * sizeof(double));
	map->b = uiml_alloc(env, map->k, sizeof(double));
	if (map->w == NULL || map->b == NULL)
	{
		uiml_share_map_free(env, map);
		return UIML_ENOMEM;
	}
	for (size_t j = 0; j < map->k; j++)
		map->b[j] = newcomers->target->prior[j];
	return UIML_OK;
}

static UimlStatus
fit_map(const UimlEnv *env, Rows *rows, UimlNewcomers *newcomers)
{
	UimlShareRows shares = {
		.n = rows->n, .p = rows->p, .k = rows->k, .x = rows->x, .y = rows->y, .fold = rows->fold};
	UimlStatus status = uiml_share_map_fit(env, &shares, rows->map, &newcomers->map);

	return status == UIML_EEMPTY ? map_to_prior(env, newcomers) : status;
}

UimlStatus
uiml_newcomers_fit_rivals(const UimlEnv *env, const UimlNewcomerUsers *users, UimlNewcomers *newcomers)
{
	Rows rows = {.p = newcomers->source->n_interests, .k = newcomers->target->n_interests};
	UimlStatus status = rows_create(env, users->target->seen.n_users, &rows);

	newcomers->map = (UimlShareMap){0};
	if (status == UIML_OK)
		status = rows_fill(env, newcomers, users, &rows);
	if (status == UIML_OK)
		status = fit_map(env, &rows, newcomers);
	rows_free(env, &rows);
	if (status != UIML_OK)
		uiml_newcomers_free(env, newcomers);
	return status;
}

void
uiml_newcomers_free(const UimlEnv *env, UimlNewcomers *newcomers)
{
	uiml_share_map_free(env, &newcomers->map);
}

/* --- judging -------------------------------------------------------------------------------------------- */

typedef struct Expecting
{
	const UimlNewcomers *newcomers;
	const UimlNewcomerUsers *users;
	double smoothed_alpha;
	double linear_alpha;
	float *x;       /* the source's dims */
	float *masses;  /* its interests */
	double *shares; /* the target's interests */
} Expecting;

/*
 * The strengths of rivals that are the best ones for the very users who are judged.  Fitted to users of the
 * fit they would be too low: spaces and interests know those, so that their histories seem to tell more.
 */
static UimlStatus
fit_strengths(const UimlEnv *env, Rows *rows, Expecting *g)
{
	float *even = uiml_alloc(env, rows->k, sizeof(float));
	double x, y;
	UimlStatus status;

	if (even == NULL)
		return UIML_ENOMEM;
	for (size_t j = 0; j < rows->k; j++)
		even[j] = 1 / (float) rows->k;
	status = uiml_blend_fit_alpha(env, rows->seen, rows->hidden, even, rows->n, rows->k, INFINITY,
								  &g->smoothed_alpha);
	uiml_free(env, even);
	if (status != UIML_OK)
		return status == UIML_EEMPTY ? UIML_OK : status;
	for (size_t u = 0; u < rows->n; u++)
		uiml_share_map_predict(&g->newcomers->map, rows->x + u * rows->p, rows->map + u * rows->k);
	status = uiml_minimise(env, linear_loss, rows, log(LOWEST_ALPHA), log(HIGHEST_ALPHA), ALPHA_STEPS,
						   ALPHA_ACCURACY, &x, &y);
	if (status == UIML_OK && !isnan(y))
		g->linear_alpha = exp(x);
	return status;
}

static UimlStatus
suit_rivals(const UimlEnv *env, Expecting *g)
{
	const UimlNewcomers *newcomers = g->newcomers;
	Rows rows = {.p = newcomers->source->n_interests, .k = newcomers->target->n_interests};
	UimlStatus status = rows_create(env, g->users->target->seen.n_users, &rows);

	g->smoothed_alpha = g->linear_alpha = newcomers->target->alpha;
	if (status == UIML_OK)
		status = rows_fill(env, newcomers, g->users, &rows);
	if (status == UIML_OK)
		status = fit_strengths(env, &rows, g);
	rows_free(env, &rows);
	return status;
}

/* One event more of each interest, of the mean mass of those that a user was seen to do. */
static double
add_one_alpha(const Expecting *g, size_t user)
{
	const UimlModel *target = g->newcomers->target;
	const UimlInteractions *seen = &g->users->target->seen;
	double mass = 0;
	double events = 0;

	for (size_t e = seen->row_start[user]; e < uiml_items_end(seen, user); e++)
	{
		bool counts = target->interest[seen->item[e]] != UINT32_MAX;

		mass += counts ? seen->mass[e] : 0;
		events += counts;
	}
	return (double) target->n_interests * (mass > 0 ? mass / events : 1);
}

static void
expect_rivals(const Expecting *g, size_t user, UimlExpectation *of)
{
	const UimlNewcomers *newcomers = g->newcomers;
	const UimlModel *target = newcomers->target;
	size_t k = target->n_interests;
	float *linear = of->rival + UIML_RIVAL_LINEAR * k;

	for (size_t j = 0; j < k; j++)
		of->rival[UIML_RIVAL_ALONE * k + j] = of->rival[UIML_RIVAL_SMOOTHED * k + j] = 1 / (float) k;
	memcpy(of->rival + UIML_RIVAL_HISTORY * k, target->prior, k * sizeof(float));
	if (source_shares(newcomers, g->users, user, g->masses))
		uiml_share_map_predict(&newcomers->map, g->masses, linear);
	else
		memcpy(linear, target->prior, k * sizeof(float));
	of->rival_alpha[UIML_RIVAL_ALONE] = add_one_alpha(g, user);
	of->rival_alpha[UIML_RIVAL_SMOOTHED] = g->smoothed_alpha;
	of->rival_alpha[UIML_RIVAL_HISTORY] = target->alpha;
	of->rival_generalized[UIML_RIVAL_HISTORY] = true; /* what the domain says by itself */
	of->rival_alpha[UIML_RIVAL_LINEAR] = g->linear_alpha;
}

/* What he was seen to do in the target has no part in the transfer's distribution over items. */
static UimlStatus
expect_items(const UimlEnv *env, const Expecting *g, size_t user, UimlExpectation *of)
{
	const UimlItemTransfer *items = g->newcomers->items;
	const UimlModel *target = g->newcomers->target;
	const UimlInteractions *seen = &g->users->target->seen;
	const UimlInteractions *x = g->users->source;
	size_t row = g->users->source_row[user];
	size_t first = x->row_start[row];
	size_t end = uiml_items_end(seen, user);
	UimlStatus status;

	for (size_t e = seen->row_start[user]; e < end; e++)
		of->popularity[seen->item[e]] = -INFINITY;
	status = uiml_item_transfer_shares(env, items, target->out, target->popularity, g->x, x->item + first,
									   uiml_items_end(x, row) - first, of->popularity);
	for (size_t e = seen->row_start[user]; e < end; e++)
		of->popularity[seen->item[e]] = 0;
	of->item_alpha = items->strength;
	return status;
}

static void
expect_interests(const Expecting *g, UimlExpectation *of)
{
	const UimlInterestTransfer *interests = g->newcomers->interests;

	uiml_interest_transfer_shares(interests, g->x, g->shares);
	for (size_t j = 0; j < interests->k; j++)
		of->prior[j] = (float) g->shares[j];
	of->alpha = interests->alpha;
	of->history = interests->history;
}

/* A UimlExpectFn. */
static UimlStatus
expect(void *ctx, const UimlEnv *env, size_t user, UimlExpectation *of)
{
	const Expecting *g = ctx;
	const UimlNewcomers *newcomers = g->newcomers;
	const UimlInteractions *x = g->users->source;
	size_t row = g->users->source_row[user];
	size_t first = x->row_start[row];

	expect_rivals(g, user, of);
	uiml_model_user(newcomers->source, x->item + first, x->mass + first, x->row_start[row + 1] - first, g->x,
					NULL);
	if (!uiml_overlap_unit(g->x, newcomers->source->dims, g->x))
		return UIML_OK;
	if (newcomers->interests->used)
		expect_interests(g, of);
	return newcomers->items->used ? expect_items(env, g, user, of) : UIML_OK;
}

UimlStatus
uiml_newcomers_judge(const UimlEnv *env, const UimlNewcomers *newcomers, const UimlNewcomerUsers *users,
					 const UimlJudgeParams *params, UimlJudgement *judgement)
{
	Expecting g = {.newcomers = newcomers, .users = users};
	UimlJudgeParams p = *params;
	UimlStatus status = UIML_ENOMEM;

	*judgement = (UimlJudgement){0};
	p.expect = expect;
	p.ctx = &g;
	p.n_rivals = UIML_N_RIVALS;
	p.rival = uiml_rival_name;
	g.x = uiml_alloc(env, newcomers->source->dims, sizeof(float));
	g.masses = uiml_alloc(env, newcomers->source->n_interests, sizeof(float));
	g.shares = uiml_alloc(env, newcomers->target->n_interests, sizeof(double));
	if (g.x != NULL && g.masses != NULL && g.shares != NULL)
		status = suit_rivals(env, &g);
	if (status == UIML_OK)
		status = uiml_model_judge_expected(env, newcomers->target, users->target, &p, judgement);
	uiml_free(env, g.x);
	uiml_free(env, g.masses);
	uiml_free(env, g.shares);
	return status;
}
