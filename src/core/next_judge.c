/*
 * next_judge.c
 *	  Loss, accuracy, HR@10 and NDCG@10 of experts, mixture, rest and blend on held-out users.
 */
#include <math.h>
#include <string.h>

#include "core/next_sample.h"

#define LIST        10
#define LEAST_SHARE 1e-12 /* that a loss is computed of */

/* Of each position and row. */
typedef struct Outcome
{
	float share;   /* of what came */
	uint32_t rank; /* of what came, from 0 on */
} Outcome;

typedef struct Judging
{
	const UimlNextChoice *choice;
	bool present[UIML_NEXT_ROWS];
	Outcome *outcome; /* positions x UIML_NEXT_ROWS */
} Judging;

/* Equal shares rank in the order of their classes, as in uiml_topk. */
static Outcome
outcome_of(const float *share, size_t n, uint32_t c)
{
	Outcome outcome = {.share = share[c]};

	for (size_t j = 0; j < n; j++)
		outcome.rank += share[j] > share[c];
	for (size_t j = 0; j < c; j++)
		outcome.rank += share[j] == share[c];
	return outcome;
}

/* share = the mixture of a row for a position. */
static void
mix_row(const UimlNextJob *job, const UimlNextPosition *position, const UimlNextDesk *desk, size_t row,
		float *share)
{
	const Judging *judging = job->arg;
	const float *mix = judging->choice->mix[row][position->length];
	size_t n = job->model->n_classes;

	for (size_t j = 0; j < n; j++)
		share[j] = mix[UIML_EXPERT_POPULARITY] * desk->popularity[j];
	for (size_t e = UIML_EXPERT_POPULARITY + 1; e < UIML_N_EXPERTS; e++)
		for (size_t j = 0; mix[e] > 0 && j < n; j++)
			share[j] += mix[e] * desk->room.share[e][j];
}

/* A UimlNextFn. */
static void
judge_position(const UimlNextJob *job, size_t i, UimlNextDesk *desk)
{
	const Judging *judging = job->arg;
	const UimlNextPosition *position = &job->sample->position[i];
	Outcome *outcome = judging->outcome + i * UIML_NEXT_ROWS;
	size_t n = job->model->n_classes;
	float blend = judging->choice->blend[position->length];

	for (UimlNextExpert e = UIML_EXPERT_POPULARITY + 1; e < UIML_N_EXPERTS; e++)
	{
		if (!uiml_next_present(job->model, e))
			continue;
		uiml_next_scores(job->model, job->space, e, &desk->room, desk->room.share[e]);
		uiml_next_shares(e, (double) judging->choice->temperature[e], desk->popularity, desk->item,
						 desk->n_out, n, desk->room.share[e]);
	}
	for (size_t row = 0; row <= UIML_NEXT_MIXTURE; row++)
	{
		if (!judging->present[row])
			continue;
		mix_row(job, position, desk, row, desk->share);
		outcome[row] = outcome_of(desk->share, n, position->class_no);
	}
	if (!judging->present[UIML_NEXT_HISTORY])
		return;
	outcome[UIML_NEXT_HISTORY] = outcome_of(desk->rest, n, position->class_no);
	mix_row(job, position, desk, judging->choice->kept, desk->share);
	for (size_t j = 0; j < n; j++)
		desk->share[j] = (1 - blend) * desk->rest[j] + blend * desk->share[j];
	outcome[UIML_NEXT_BLEND] = outcome_of(desk->share, n, position->class_no);
}

static void
sum_up(const UimlNextJob *job, size_t row, UimlNextFigures *figures)
{
	const Judging *judging = job->arg;
	const UimlNextSample *sample = job->sample;
	bool items = job->model->target == UIML_NEXT_ITEM;
	UimlNextFigures sum = {.events = sample->n};

	*figures = (UimlNextFigures){.loss = NAN, .accuracy = NAN, .hr = NAN, .ndcg = NAN};
	if (!judging->present[row])
		return;
	for (size_t i = 0; i < sample->n; i++)
	{
		Outcome outcome = judging->outcome[i * UIML_NEXT_ROWS + row];

		sum.users += i == 0 || sample->position[i].user != sample->position[i - 1].user;
		sum.loss -= log(fmax((double) outcome.share, LEAST_SHARE));
		sum.accuracy += outcome.rank == 0;
		if (outcome.rank >= LIST)
			continue;
		sum.hr += 1;
		sum.ndcg += 1 / log2(2 + (double) outcome.rank);
	}
	figures->users = sum.users;
	figures->events = sum.events;
	figures->loss = sum.loss / (double) sample->n;
	figures->accuracy = sum.accuracy / (double) sample->n;
	figures->hr = items ? sum.hr / (double) sample->n : NAN;
	figures->ndcg = items ? sum.ndcg / (double) sample->n : NAN;
}

/* A row is there if all experts are that it has weights of. */
static bool
row_present(const UimlNextModel *model, const UimlNextChoice *choice, size_t row)
{
	if (!choice->present[row])
		return false;
	for (size_t length = 0; length < UIML_NEXT_LENGTHS; length++)
		for (size_t e = 0; e < UIML_N_EXPERTS; e++)
			if (choice->mix[row][length][e] > 0 && !uiml_next_present(model, (UimlNextExpert) e))
				return false;
	return true;
}

UimlStatus
uiml_next_judge(const UimlEnv *env, const UimlNextModel *model, const UimlNextSpace *space,
				const UimlSequences *users, const UimlNextRest *rest, const UimlNextChoice *choice,
				UimlNextFigures *figures)
{
	UimlNextSample sample;
	Judging judging = {.choice = choice};
	UimlNextJob job = {.model = model,
					   .space = space,
					   .sample = &sample,
					   .rest = rest,
					   .at = judge_position,
					   .arg = &judging};
	UimlStatus status = uiml_next_sample(env, model->target, space, model->n_classes, users, &sample);

	for (size_t row = 0; row <= UIML_NEXT_MIXTURE; row++)
		judging.present[row] = row_present(model, choice, row);
	judging.present[UIML_NEXT_HISTORY] = rest != NULL && judging.present[choice->kept];
	judging.present[UIML_NEXT_BLEND] = judging.present[UIML_NEXT_HISTORY];
	if (status == UIML_OK)
	{
		judging.outcome = uiml_alloc0(env, sample.n, UIML_NEXT_ROWS * sizeof(Outcome));
		status = judging.outcome != NULL ? uiml_next_each(env, &job) : UIML_ENOMEM;
	}
	for (size_t row = 0; status == UIML_OK && row < UIML_NEXT_ROWS; row++)
		sum_up(&job, row, &figures[row]);
	uiml_free(env, judging.outcome);
	uiml_next_sample_free(env, &sample);
	return status;
}
