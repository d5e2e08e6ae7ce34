/*
 * judgement.c
 *	  What judging a model gives: a value per figure and user, what sums them up, and two of them compared.
 *
 * Intervals resample users.  Totals have none: a resample holds about 63 % of the distinct users, whose lists
 * cover fewer items than those of all, so an interval from resamples would lie below the value itself.
 */
#include "core/judgement.h"

#include <math.h>
#include <string.h>

#define BOOTSTRAP_ROUNDS 1000
#define BOOTSTRAP_LEVEL  .95

/* Names, and whether higher (1) or lower (-1) is better. */
typedef struct Meaning
{
	const char *name;
	int better;
} Meaning;

static const Meaning of_user[UIML_N_USER_FIGURES] = {{"auc", 1}, {"logloss", -1}, {"accuracy", 1}};
static const char *const of_sampled[UIML_N_SAMPLED_FIGURES] = {"hr", "ndcg", "mrr"};
static const Meaning of_total[UIML_N_TOTAL_FIGURES] = {{"coverage", 0}, {"gini", 0}};

/* One of the figures, in the order of rows in tables. */
typedef struct Place
{
	const char *metric;
	int better;
	size_t k;
	bool of_interests;
	bool is_total;
	size_t at; /* row of values, or index of the total */
} Place;

static Place
place_of(const UimlJudgement *j, size_t n)
{
	size_t lists = UIML_N_LIST_FIGURES * j->n_k;
	size_t totals = UIML_N_TOTAL_FIGURES * j->n_k;
	Place place = {.at = n};

	if (n < lists)
	{
		size_t figure = n / j->n_k;

		place.k = j->k[n % j->n_k];
		place.better = figure < UIML_N_METRICS;
		place.metric = figure == UIML_NOVELTY     ? "novelty"
					   : figure == UIML_DIVERSITY ? "diversity"
												  : uiml_metric_name((UimlMetric) figure);
	}
	else if (n < lists + totals)
	{
		const Meaning *meaning = &of_total[(n - lists) / j->n_k];

		place = (Place){.metric = meaning->name, .better = meaning->better, .is_total = true};
		place.at = n - lists;
		place.k = j->k[place.at % j->n_k];
	}
	else
	{
		size_t figure = n - lists - totals;

		place.metric = of_user[figure].name;
		place.better = of_user[figure].better;
		place.of_interests = figure == UIML_LOGLOSS || figure == UIML_ACCURACY;
		place.at = uiml_judgement_user_row(j, (UimlUserFigure) figure);
	}
	return place;
}

static size_t
n_rows(size_t n_k)
{
	return UIML_N_LIST_FIGURES * n_k + UIML_N_USER_FIGURES;
}

static double *
alloc_nan(const UimlEnv *env, size_t n, size_t m)
{
	double *value = uiml_alloc(env, n, m * sizeof(double));

	for (size_t i = 0; value != NULL && i < n * m; i++)
		value[i] = NAN;
	return value;
}

UimlStatus
uiml_judgement_create(const UimlEnv *env, size_t n_users, const size_t *k, size_t n_k, UimlJudgement *j)
{
	*j = (UimlJudgement){.n_users = n_users, .n_k = n_k};
	j->k = uiml_alloc(env, n_k, sizeof(size_t));
	j->value = alloc_nan(env, n_users, n_rows(n_k));
	j->baseline = alloc_nan(env, n_users, n_rows(n_k));
	j->total = alloc_nan(env, n_k, UIML_N_TOTAL_FIGURES);
	j->baseline_total = alloc_nan(env, n_k, UIML_N_TOTAL_FIGURES);
	if (j->k == NULL || j->value == NULL || j->baseline == NULL || j->total == NULL ||
		j->baseline_total == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < n_k; i++)
		j->k[i] = k[i];
	return UIML_OK;
}

UimlStatus
uiml_judgement_add_rivals(const UimlEnv *env, const char *const *name, size_t n_rivals, UimlJudgement *j)
{
	if (n_rivals > UIML_MAX_RIVALS)
		return UIML_EINVALID;
	j->rival_loss = alloc_nan(env, j->n_users, n_rivals);
	if (j->rival_loss == NULL)
		return UIML_ENOMEM;
	j->n_rivals = n_rivals;
	for (size_t i = 0; i < n_rivals; i++)
		j->rival[i] = name[i];
	return UIML_OK;
}

/* Rows of sampled figures: all but the last have one for each k. */
static size_t
n_sampled(const UimlJudgement *j)
{
	return j->negatives > 0 ? (UIML_N_SAMPLED_FIGURES - 1) * j->n_k + 1 : 0;
}

UimlStatus
uiml_judgement_add_sampled(const UimlEnv *env, size_t negatives, UimlJudgement *j)
{
	if (negatives == 0 || j->n_k == 0)
		return UIML_EINVALID;
	j->negatives = negatives;
	j->sampled = alloc_nan(env, j->n_users, n_sampled(j));
	j->sampled_baseline = alloc_nan(env, j->n_users, n_sampled(j));
	return j->sampled == NULL || j->sampled_baseline == NULL ? UIML_ENOMEM : UIML_OK;
}

UimlStatus
uiml_judgement_copy(const UimlEnv *env, const UimlJudgement *from, UimlJudgement *to)
{
	size_t values = from->n_users * n_rows(from->n_k) * sizeof(double);
	size_t totals = from->n_k * UIML_N_TOTAL_FIGURES * sizeof(double);
	UimlStatus status = uiml_judgement_create(env, from->n_users, from->k, from->n_k, to);

	if (status != UIML_OK)
		return status;
	memcpy(to->value, from->value, values);
	memcpy(to->baseline, from->baseline, values);
	memcpy(to->total, from->total, totals);
	memcpy(to->baseline_total, from->baseline_total, totals);
	return UIML_OK;
}

void
uiml_judgement_free(const UimlEnv *env, UimlJudgement *j)
{
	uiml_free(env, j->k);
	uiml_free(env, j->value);
	uiml_free(env, j->baseline);
	uiml_free(env, j->total);
	uiml_free(env, j->baseline_total);
	uiml_free(env, j->rival_loss);
	uiml_free(env, j->sampled);
	uiml_free(env, j->sampled_baseline);
	*j = (UimlJudgement){0};
}

double
uiml_judgement_memory(double n_users, size_t n_k)
{
	return n_users * 2 * (double) n_rows(n_k) * sizeof(double);
}

/* Figures that every judgement has. */
static size_t
n_standard(const UimlJudgement *j)
{
	return n_rows(j->n_k) + UIML_N_TOTAL_FIGURES * j->n_k;
}

size_t
uiml_judgement_n_figures(const UimlJudgement *j)
{
	return n_standard(j) + j->n_rivals + n_sampled(j);
}

/* Users with lists: those that recall has. */
static size_t
count_listed(const UimlJudgement *j)
{
	size_t users = 0;

	for (size_t u = 0; j->n_k > 0 && u < j->n_users; u++)
		users += !isnan(j->value[u]);
	return users;
}

/* Mean, interval and baseline mean of one figure, a value per user. */
static UimlStatus
summarise(const UimlEnv *env, const double *value, const double *baseline, size_t n, uint64_t seed,
		  UimlFigure *figure)
{
	double sum = 0;
	size_t compared = 0;

	for (size_t u = 0; u < n; u++)
	{
		figure->users += !isnan(value[u]);
		if (isnan(value[u]) || isnan(baseline[u]))
			continue;
		sum += baseline[u];
		compared++;
	}
	figure->baseline_value = compared > 0 ? sum / (double) compared : NAN;
	return uiml_bootstrap(env, value, n, BOOTSTRAP_ROUNDS, BOOTSTRAP_LEVEL, seed, &figure->value,
						  &figure->low, &figure->high);
}

/* The log-loss of the model beside that of a rival. */
static UimlStatus
summarise_rival(const UimlEnv *env, const UimlJudgement *j, size_t rival, uint64_t seed, UimlFigure *figure)
{
	size_t row = uiml_judgement_user_row(j, UIML_LOGLOSS);

	*figure = (UimlFigure){.metric = of_user[UIML_LOGLOSS].name, .baseline = j->rival[rival]};
	return summarise(env, j->value + row * j->n_users, j->rival_loss + rival * j->n_users, j->n_users, seed,
					 figure);
}

static UimlStatus
summarise_sampled(const UimlEnv *env, const UimlJudgement *j, size_t row, uint64_t seed, UimlFigure *figure)
{
	size_t which = row / j->n_k;

	*figure = (UimlFigure){.metric = of_sampled[which],
						   .k = which == UIML_SAMPLED_MRR ? 0 : j->k[row % j->n_k],
						   .baseline = "popularity",
						   .negatives = j->negatives};
	return summarise(env, j->sampled + row * j->n_users, j->sampled_baseline + row * j->n_users, j->n_users,
					 seed, figure);
}

UimlStatus
uiml_judgement_figures(const UimlEnv *env, const UimlJudgement *j, uint64_t seed, UimlFigure *figure)
{
	size_t standard = n_standard(j);
	UimlStatus status = UIML_OK;

	for (size_t n = 0; status == UIML_OK && n < standard; n++)
	{
		Place place = place_of(j, n);

		figure[n] = (UimlFigure){.metric = place.metric,
								 .k = place.k,
								 .baseline = place.of_interests ? "prior" : "popularity",
								 .low = NAN,
								 .high = NAN};
		if (place.is_total)
		{
			figure[n].value = j->total[place.at];
			figure[n].baseline_value = j->baseline_total[place.at];
			figure[n].users = count_listed(j);
		}
		else
			status = summarise(env, j->value + place.at * j->n_users, j->baseline + place.at * j->n_users,
							   j->n_users, seed, &figure[n]);
	}
	for (size_t n = 0; status == UIML_OK && n < j->n_rivals; n++)
		status = summarise_rival(env, j, n, seed, &figure[standard + n]);
	for (size_t n = 0; status == UIML_OK && n < n_sampled(j); n++)
		status = summarise_sampled(env, j, n, seed, &figure[standard + j->n_rivals + n]);
	return status;
}

/* Paired means and interval of one figure; pair is room for n values. */
static UimlStatus
compare_values(const UimlEnv *env, const double *a, const double *b, size_t n, uint64_t seed, double *pair,
			   UimlDifference *d)
{
	d->a = d->b = 0;
	for (size_t u = 0; u < n; u++)
	{
		pair[u] = b[u] - a[u]; /* NaN where either is */
		if (isnan(pair[u]))
			continue;
		d->a += a[u];
		d->b += b[u];
		d->users++;
	}
	d->a = d->users > 0 ? d->a / (double) d->users : NAN;
	d->b = d->users > 0 ? d->b / (double) d->users : NAN;
	return uiml_bootstrap(env, pair, n, BOOTSTRAP_ROUNDS, BOOTSTRAP_LEVEL, seed, &d->difference, &d->low,
						  &d->high);
}

UimlStatus
uiml_judgement_compare(const UimlEnv *env, const UimlJudgement *a, const UimlJudgement *b, uint64_t seed,
					   UimlDifference *difference)
{
	size_t n = a->n_users;
	double *pair;
	UimlStatus status = UIML_OK;

	if (b->n_users != n || b->n_k != a->n_k)
		return UIML_EINVALID;
	for (size_t i = 0; i < a->n_k; i++)
		if (a->k[i] != b->k[i])
			return UIML_EINVALID;
	pair = uiml_alloc(env, n, sizeof(double));
	if (pair == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; status == UIML_OK && i < n_standard(a); i++)
	{
		Place place = place_of(a, i);

		difference[i] = (UimlDifference){.metric = place.metric,
										 .k = place.k,
										 .low = NAN,
										 .high = NAN,
										 .of_interests = place.of_interests,
										 .better = place.better};
		if (place.is_total)
		{
			difference[i].a = a->total[place.at];
			difference[i].b = b->total[place.at];
			difference[i].difference = difference[i].b - difference[i].a;
			difference[i].users = count_listed(a);
		}
		else
			status = compare_values(env, a->value + place.at * n, b->value + place.at * n, n, seed, pair,
									&difference[i]);
	}
	uiml_free(env, pair);
	return status;
}
