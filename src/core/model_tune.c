/*
 * model_tune.c
 *	  What tuning users decide: the strength of the priors, the form of the item shares, the weight of texts.
 */
#include "core/model_tune.h"

#include <math.h>

#include "core/blend.h"
#include "core/generalize.h"

/* Users looked at: more would not change the choice. */
#define MOST_USERS   1000
#define FEWEST_USERS 100

size_t
uiml_tuning_step(size_t n_users, double n_wanted)
{
	if (n_wanted > MOST_USERS)
		n_wanted = MOST_USERS;
	if (n_wanted < FEWEST_USERS)
		n_wanted = FEWEST_USERS;
	return (double) n_users > n_wanted ? (size_t) ceil((double) n_users / n_wanted) : 1;
}

void
uiml_tuning_fill(UimlBatch *batch, const UimlHoldout *tuning, size_t step, bool with_texts, size_t *at)
{
	batch->n = 0;
	for (; *at < tuning->seen.n_users && batch->n < batch->most; *at += step)
	{
		bool texts = uiml_items_end(&tuning->seen, *at) < tuning->seen.row_start[*at + 1];

		if (uiml_row_length(&tuning->hidden, *at) > 0 && uiml_row_length(&tuning->seen, *at) > 0 &&
			(texts || !with_texts))
			batch->user[batch->n++] = (uint32_t) *at;
	}
}

/* What the users of a holdout did, over interests: seen and hidden masses and hidden events. */
typedef struct Folded
{
	size_t n;
	float *seen;      /* n x k */
	float *hidden;    /* n x k */
	uint32_t *events; /* n: hidden items that have an interest */
} Folded;

static void
folded_free(const UimlEnv *env, Folded *folded)
{
	uiml_free(env, folded->seen);
	uiml_free(env, folded->hidden);
	uiml_free(env, folded->events);
}

static UimlStatus
fold_in(const UimlEnv *env, const UimlModel *model, const UimlHoldout *holdout, Folded *folded)
{
	const UimlInteractions *seen = &holdout->seen;
	const UimlInteractions *hidden = &holdout->hidden;
	size_t n = seen->n_users;
	size_t k = model->n_interests;

	folded->n = n;
	folded->seen = uiml_alloc(env, n, k * sizeof(float));
	folded->hidden = uiml_alloc(env, n, k * sizeof(float));
	folded->events = uiml_alloc0(env, n, sizeof(uint32_t));
	if (folded->seen == NULL || folded->hidden == NULL || folded->events == NULL)
		return UIML_ENOMEM;
	for (size_t u = 0; u < n; u++)
	{
		uiml_model_user(model, seen->item + seen->row_start[u], seen->mass + seen->row_start[u],
						uiml_row_length(seen, u), NULL, folded->seen + u * k);
		uiml_model_user(model, hidden->item + hidden->row_start[u], hidden->mass + hidden->row_start[u],
						uiml_row_length(hidden, u), NULL, folded->hidden + u * k);
		for (size_t e = hidden->row_start[u]; e < hidden->row_start[u + 1]; e++)
			folded->events[u] += model->interest[hidden->item[e]] != UINT32_MAX;
	}
	return UIML_OK;
}

/* Hidden masses scaled to one per user: each has the same say. */
static void
scale_hidden(Folded *folded, size_t k)
{
	for (size_t u = 0; u < folded->n; u++)
	{
		float *held = folded->hidden + u * k;
		double sum = 0;

		for (size_t j = 0; j < k; j++)
			sum += held[j];
		for (size_t j = 0; j < k && sum > 0; j++)
			held[j] = (float) (held[j] / sum);
	}
}

/*
 * The strength of the prior over interests.  loss receives the nats per hidden event under it, NaN where
 * there is none.
 */
static UimlStatus
tune_prior(const UimlEnv *env, UimlModel *model, const UimlHoldout *tuning, double *loss)
{
	size_t k = model->n_interests;
	double alpha = model->alpha;
	Folded folded = {0};
	UimlStatus status = fold_in(env, model, tuning, &folded);

	*loss = NAN;
	if (status == UIML_OK)
	{
		scale_hidden(&folded, k);
		status = uiml_blend_fit_alpha(env, folded.seen, folded.hidden, model->prior, folded.n, k,
									  UIML_TUNING_SPREAD, &alpha);
	}
	if (status == UIML_OK)
	{
		model->alpha = alpha;
		*loss = uiml_blend_loss(folded.seen, folded.hidden, model->prior, folded.n, k, alpha);
	}
	folded_free(env, &folded);
	return status == UIML_EEMPTY ? UIML_OK : status;
}

/*
 * What history (n x k) and the prior (n x k) give to the shares of who was folded in, or both together where
 * base is NULL, and the masses of the posteriors (n; may be NULL).
 */
static void
predict_folded(const UimlModel *model, const Folded *folded, double *share, double *base, double *weight)
{
	size_t k = model->n_interests;

	for (size_t u = 0; u < folded->n; u++)
	{
		const float *mass = folded->seen + u * k;
		double total = model->alpha;

		for (size_t j = 0; j < k; j++)
			total += mass[j];
		for (size_t j = 0; j < k; j++)
		{
			double of_prior = model->alpha * model->prior[j] / total;

			share[u * k + j] = mass[j] / total + (base != NULL ? 0 : of_prior);
			if (base != NULL)
				base[u * k + j] = of_prior;
		}
		if (weight != NULL)
			weight[u] = total;
	}
}

UimlStatus
uiml_model_tune_generalization(const UimlEnv *env, UimlModel *model, const UimlHoldout *tuning)
{
	size_t n = tuning->seen.n_users;
	size_t k = model->n_interests;
	UimlGeneralization result = {0};
	Folded folded = {0};
	double *share, *w;
	uint8_t *judge;
	UimlStatus status;

	uiml_free(env, model->generalization);
	model->generalization = NULL;
	if (k > UIML_GENERALIZE_MAX_K)
		return UIML_OK;
	share = uiml_alloc(env, n, 2 * k * sizeof(double));
	w = uiml_alloc(env, k * k, sizeof(double));
	judge = uiml_alloc(env, n, 1);
	status = share == NULL || w == NULL || judge == NULL ? UIML_ENOMEM : fold_in(env, model, tuning, &folded);
	if (status == UIML_OK)
	{
		predict_folded(model, &folded, share, share + n * k, NULL);
		scale_hidden(&folded, k);
		for (size_t u = 0; u < n; u++)
			judge[u] = u % 2;
		status = uiml_generalize(env, share, share + n * k, folded.hidden, judge, n, k, w, &result);
	}
	folded_free(env, &folded);
	uiml_free(env, share);
	uiml_free(env, judge);
	if (status == UIML_OK && result.used)
		model->generalization = w;
	else
		uiml_free(env, w);
	return status;
}

UimlStatus
uiml_model_tune_intervals(const UimlEnv *env, UimlModel *model, const UimlHoldout *newest)
{
	size_t n = newest->seen.n_users;
	size_t k = model->n_interests;
	Folded folded = {0};
	double *share = uiml_alloc(env, n, k * sizeof(double));
	double *weight = uiml_alloc(env, n, sizeof(double));
	double event_mass, dispersion;
	UimlStatus status = share == NULL || weight == NULL ? UIML_ENOMEM : fold_in(env, model, newest, &folded);

	if (status == UIML_OK)
	{
		for (size_t u = 0; u < n; u++)
			uiml_model_generalize(model, folded.seen + u * k, share);
		predict_folded(model, &folded, share, NULL, weight);
		status = uiml_blend_fit_dispersion(env, share, weight, folded.hidden, folded.events, n, k,
										   &event_mass, &dispersion);
	}
	if (status == UIML_OK)
	{
		model->event_mass = event_mass;
		model->dispersion = dispersion;
	}
	folded_free(env, &folded);
	uiml_free(env, share);
	uiml_free(env, weight);
	return status == UIML_EEMPTY ? UIML_OK : status;
}

/* Users who wrote texts and have hidden items that must be there for the weight of texts to be chosen. */
#define FEWEST_WRITERS 10

static const double text_weights[] = {.25, .5, 1, 2, 4};

/* The mean of before - after over the users who have both, 0 where it is within its standard error. */
static double
certain_gain(const double *before, const double *after, size_t n)
{
	double sum = 0;
	double square = 0;
	double count = 0;
	double mean, error;

	for (size_t u = 0; u < n; u++)
	{
		double gain = before[u] - after[u];

		if (isnan(gain))
			continue;
		sum += gain;
		square += gain * gain;
		count++;
	}
	if (count < FEWEST_WRITERS)
		return 0;
	mean = sum / count;
	error = sqrt(fmax(square / count - mean * mean, 0) / (count - 1));
	return mean > error ? mean : 0;
}

/* The weight under which writers' hidden items are most likely; 0 where none is certain to be better. */
static UimlStatus
choose_text_weight(const UimlEnv *env, UimlModel *model, const UimlHoldout *tuning, double *weight)
{
	size_t n = tuning->seen.n_users;
	double *loss = uiml_alloc(env, n, 2 * sizeof(double));
	double best = 0;
	UimlStatus status = loss == NULL ? UIML_ENOMEM : uiml_model_writer_losses(env, model, tuning, loss);

	*weight = 0;
	for (size_t i = 0; status == UIML_OK && i < sizeof(text_weights) / sizeof(*text_weights); i++)
	{
		double gain;

		model->text_weight = text_weights[i];
		status = uiml_model_writer_losses(env, model, tuning, loss + n);
		gain = status == UIML_OK ? certain_gain(loss, loss + n, n) : 0;
		if (gain > best)
		{
			best = gain;
			*weight = text_weights[i];
		}
	}
	model->text_weight = 0;
	uiml_free(env, loss);
	return status;
}

/*
 * What texts count, and all else anew with them; everything stays as it is without them where interests are
 * then told worse.
 */
static UimlStatus
tune_texts(const UimlEnv *env, UimlModel *model, const UimlHoldout *tuning, double interest_loss)
{
	double alpha = model->alpha;
	double weight, with_texts, loss;
	UimlStatus status = choose_text_weight(env, model, tuning, &weight);

	if (status != UIML_OK || weight == 0)
		return status;
	model->text_weight = weight;
	status = tune_prior(env, model, tuning, &with_texts);
	if (status == UIML_OK && with_texts <= interest_loss)
		return uiml_model_tune_shares(env, model, tuning, &loss);
	model->text_weight = 0;
	model->alpha = alpha;
	return status;
}

UimlStatus
uiml_model_tune(const UimlEnv *env, UimlModel *model, const UimlHoldout *tuning)
{
	UimlStatus status;
	double interest_loss, loss;

	uiml_progress(env, "tuning", 0, 3);
	status = tune_prior(env, model, tuning, &interest_loss);
	uiml_progress(env, "tuning", 1, 3);
	if (status == UIML_OK)
		status = uiml_model_tune_shares(env, model, tuning, &loss);
	uiml_progress(env, "tuning", 2, 3);
	if (status == UIML_OK && model->n_texts > 0)
		status = tune_texts(env, model, tuning, interest_loss);
	uiml_progress(env, "tuning", 3, 3);
	return status;
}
