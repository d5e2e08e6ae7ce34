/*
 * next.c
 *	  The distribution of what comes next: a mixture of experts, for one user.
 *
 * Nothing here allocates or calls BLAS: it runs in predictions, on weights that are mapped.
 */
#include "core/next.h"

#include <math.h>
#include <string.h>

#include "core/next_score.h"

const char *
uiml_next_expert_name(UimlNextExpert expert)
{
	static const char *const name[UIML_N_EXPERTS] = {"popularity", "rules", "ridge", "ease", "lstm"};

	return name[expert];
}

static bool
valid_steps(const UimlNextRules *rules)
{
	return rules->links.start == NULL || (rules->steps >= 1 && rules->steps <= UIML_NEXT_MAX_STEPS &&
										  rules->decay > 0 && rules->decay <= 1);
}

static bool
valid_ridge(const UimlNextModel *model, const UimlNextSpace *space)
{
	const UimlNextRidge *ridge = &model->ridge;
	bool items = model->target == UIML_NEXT_ITEM;

	if (ridge->links.start == NULL && ridge->w == NULL)
		return true;
	if (ridge->steps < 1 || ridge->steps > UIML_NEXT_MAX_STEPS || !(ridge->decay > 0 && ridge->decay <= 1))
		return false;
	if (ridge->w == NULL)
		return items;
	return space->in != NULL && ridge->p == space->dims + (items ? 0 : model->n_classes) &&
		   ridge->q == (items ? space->dims : model->n_classes) && (!items || space->out != NULL);
}

/* Rows of weights of a mixture: at least 0, and summing to 1; nothing for experts that are absent. */
static bool
valid_mix(const UimlNextModel *model)
{
	for (size_t length = 0; length < UIML_NEXT_LENGTHS; length++)
	{
		float sum = 0;

		if (!(model->blend[length] >= 0 && model->blend[length] <= 1))
			return false;
		for (UimlNextExpert e = 0; e < UIML_N_EXPERTS; e++)
		{
			if (!(model->mix[length][e] >= 0) || (model->mix[length][e] > 0 && !uiml_next_present(model, e)))
				return false;
			sum += model->mix[length][e];
		}
		if (!(fabsf(sum - 1) < 1e-3f))
			return false;
	}
	return true;
}

bool
uiml_next_valid(const UimlNextModel *model, const UimlNextSpace *space)
{
	bool items = model->target == UIML_NEXT_ITEM;

	if (model->n_classes == 0 || model->max_length < 1 || model->max_length > UIML_NEXT_MAX_STEPS ||
		model->popularity == NULL)
		return false;
	if (items ? model->n_classes != space->n_items : space->interest == NULL)
		return false;
	for (UimlNextExpert e = 0; e < UIML_N_EXPERTS; e++)
		if (!(model->temperature[e] > 0 && isfinite(model->temperature[e])))
			return false;
	if (uiml_next_present(model, UIML_EXPERT_LSTM) &&
		(!uiml_lstm_shape_valid(&model->lstm.shape) || model->lstm.shape.classes != model->n_classes ||
		 model->lstm.shape.tokens != model->n_classes + 1))
		return false;
	return valid_steps(&model->rules) && valid_steps(&model->ease) && valid_ridge(model, space) &&
		   valid_mix(model);
}

size_t
uiml_next_room(const UimlNextModel *model, const UimlNextSpace *space)
{
	UimlNextRoom room;

	return uiml_next_lay_out(model, space, NULL, &room);
}

/* The mixture that holds for so many known events; popularity alone for none. */
static const float *
mix_of(const UimlNextModel *model, size_t n_known)
{
	static const float popular[UIML_N_EXPERTS] = {1};

	return n_known > 0 ? model->mix[uiml_next_length(n_known)] : popular;
}

size_t
uiml_next_predict(const UimlNextModel *model, const UimlNextSpace *space, const uint32_t *item, size_t n,
				  bool exclude_seen, void *bytes, float *share)
{
	UimlNextRoom room;
	size_t n_out = exclude_seen && model->target == UIML_NEXT_ITEM ? n : 0;
	const float *mix;

	uiml_next_lay_out(model, space, bytes, &room);
	uiml_next_look_back(model, space, item, n, &room);
	mix = mix_of(model, room.n_known);
	uiml_next_popularity(model, item, n_out, room.share[UIML_EXPERT_POPULARITY]);
	for (size_t j = 0; j < model->n_classes; j++)
		share[j] = mix[UIML_EXPERT_POPULARITY] * room.share[UIML_EXPERT_POPULARITY][j];
	for (UimlNextExpert e = UIML_EXPERT_POPULARITY + 1; e < UIML_N_EXPERTS; e++)
	{
		float *own = room.share[e];

		if (!(mix[e] > 0))
			continue;
		uiml_next_scores(model, space, e, &room, own);
		uiml_next_shares(e, (double) model->temperature[e], room.share[UIML_EXPERT_POPULARITY], item, n_out,
						 model->n_classes, own);
		for (size_t j = 0; j < model->n_classes; j++)
			share[j] += mix[e] * own[j];
	}
	return room.n_known;
}

UimlNextExpert
uiml_next_reason(const UimlNextModel *model, const UimlNextSpace *space, size_t n_known, void *bytes,
				 uint32_t class_no)
{
	UimlNextRoom room;
	const float *mix = mix_of(model, n_known);
	UimlNextExpert reason = UIML_EXPERT_POPULARITY;
	float largest = -1;

	uiml_next_lay_out(model, space, bytes, &room);
	for (UimlNextExpert e = 0; e < UIML_N_EXPERTS; e++)
	{
		float part = mix[e] > 0 ? mix[e] * room.share[e][class_no] : 0;

		if (part > largest)
		{
			largest = part;
			reason = e;
		}
	}
	return reason;
}
