/*
 * next_score.c
 *	  The scores of the experts, of one user at a time.
 *
 * Links are added class by class into a run of floats: some ten thousand additions for fifty classes of some
 * hundred links, whatever the number of classes.  The products with dense weights go through the kernels of
 * sparse products, whose columns are items (x = sum of weight times in-vectors) or simply all rows (y = x W).
 */
#include "core/next_score.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/parts.h"

bool
uiml_next_present(const UimlNextModel *model, UimlNextExpert expert)
{
	switch (expert)
	{
		case UIML_EXPERT_RULES:
			return model->rules.links.start != NULL;
		case UIML_EXPERT_RIDGE:
			return model->ridge.links.start != NULL || model->ridge.w != NULL;
		case UIML_EXPERT_EASE:
			return model->ease.links.start != NULL;
		case UIML_EXPERT_LSTM:
			return model->lstm.shape.classes > 0;
		default:
			return model->popularity != NULL;
	}
}

/* How far back any expert looks. */
static size_t
window_of(const UimlNextModel *model)
{
	size_t window = model->max_length;

	window = model->rules.steps > window ? model->rules.steps : window;
	window = model->ridge.steps > window ? model->ridge.steps : window;
	return model->ease.steps > window ? model->ease.steps : window;
}

/* The next part of a room, or NULL where there is none or only its size is asked for. */
static void *
part(char *bytes, size_t *at, size_t count, size_t width, bool *fits)
{
	size_t start;

	*fits = *fits && uiml_part_place(at, count, width, &start);
	return *fits && bytes != NULL && count > 0 ? bytes + start : NULL;
}

size_t
uiml_next_lay_out(const UimlNextModel *model, const UimlNextSpace *space, void *bytes, UimlNextRoom *room)
{
	size_t n = model->n_classes;
	size_t window = window_of(model);
	bool dense = model->ridge.w != NULL;
	bool lstm = uiml_next_present(model, UIML_EXPERT_LSTM);
	size_t at = 0;
	bool fits = true;

	(void) space;
	*room = (UimlNextRoom){.window = window};
	for (UimlNextExpert e = 0; e < UIML_N_EXPERTS; e++)
		room->share[e] = part(bytes, &at, uiml_next_present(model, e) ? n : 0, sizeof(float), &fits);
	room->item = part(bytes, &at, window, sizeof(uint32_t), &fits);
	room->class_no = part(bytes, &at, window, sizeof(uint32_t), &fits);
	room->weight = part(bytes, &at, window, sizeof(float), &fits);
	room->row = part(bytes, &at, dense ? model->ridge.p : 0, sizeof(uint32_t), &fits);
	room->x = part(bytes, &at, dense ? model->ridge.p : 0, sizeof(float), &fits);
	room->y = part(bytes, &at, dense ? model->ridge.q : 0, sizeof(float), &fits);
	room->token = part(bytes, &at, lstm ? model->max_length : 0, sizeof(uint32_t), &fits);
	room->state = part(bytes, &at, lstm ? model->lstm.shape.hidden : 0, sizeof(float), &fits);
	room->lstm = part(bytes, &at, lstm ? uiml_lstm_room(&model->lstm.shape, model->max_length) : 0, 1, &fits);
	return fits ? at : 0;
}

void
uiml_next_look_back(const UimlNextModel *model, const UimlNextSpace *space, const uint32_t *item, size_t n,
					UimlNextRoom *room)
{
	size_t skip;
	size_t seen = 0;

	room->n_known = 0;
	room->n_window = 0;
	for (size_t i = 0; i < n; i++)
		room->n_known += uiml_next_class(model->target, space, item[i]) < model->n_classes;
	skip = room->n_known > room->window ? room->n_known - room->window : 0;
	for (size_t i = 0; i < n; i++)
	{
		uint32_t c = uiml_next_class(model->target, space, item[i]);

		if (c >= model->n_classes || seen++ < skip)
			continue;
		room->item[room->n_window] = item[i];
		room->class_no[room->n_window++] = c;
	}
}

/* score += sum of decay^t times the links of the class at distance t. */
static void
add_links(const UimlNextLinks *links, float decay, size_t steps, const UimlNextRoom *room, float *score)
{
	size_t n = room->n_window < steps ? room->n_window : steps;
	float weight = 1;

	for (size_t t = 0; t < n; t++, weight *= decay)
	{
		uint32_t c = room->class_no[room->n_window - 1 - t];

		for (uint64_t e = links->start[c]; e < links->start[c + 1]; e++)
			score[links->class_no[e]] += weight * links->weight[e];
	}
}

/* Scales x to length 1, if it has any. */
static void
make_unit(float *x, size_t d)
{
	double square = uiml_kernels()->square_sum(x, d);

	if (square > 0)
		uiml_kernels()->scale(x, 1 / sqrt(square), d, x);
}

void
uiml_next_features(UimlNextTarget target, const UimlNextSpace *space, float decay, size_t steps,
				   UimlNextRoom *room)
{
	size_t n = room->n_window < steps ? room->n_window : steps;
	size_t from = room->n_window - n;
	float weight = 1;
	float sum = 0;

	for (size_t t = n; t-- > 0; weight *= decay)
	{
		room->weight[t] = weight;
		sum += weight;
	}
	memset(room->x, 0, space->dims * sizeof(float));
	uiml_kernels()->gather_rows(room->item + from, room->weight, n, space->in, space->dims, space->dims,
								room->x);
	if (target == UIML_NEXT_ITEM)
		return;
	make_unit(room->x, space->dims);
	for (size_t t = 0; t < n; t++)
		room->x[space->dims + room->class_no[from + t]] += room->weight[t] / sum;
}

/* score = x W of interests, or out' (x W) of items. */
static void
dense_scores(const UimlNextModel *model, const UimlNextSpace *space, UimlNextRoom *room, float *score)
{
	const UimlNextRidge *ridge = &model->ridge;
	float *y = model->target == UIML_NEXT_ITEM ? room->y : score;

	if (room->n_window == 0)
		return;
	memset(room->x, 0, ridge->p * sizeof(float));
	uiml_next_features(model->target, space, ridge->decay, ridge->steps, room);
	for (size_t j = 0; j < ridge->p; j++)
		room->row[j] = (uint32_t) j;
	if (ridge->b != NULL)
		memcpy(y, ridge->b, ridge->q * sizeof(float));
	else
		memset(y, 0, ridge->q * sizeof(float));
	uiml_kernels()->gather_rows(room->row, room->x, ridge->p, ridge->w, ridge->q, ridge->q, y);
	if (model->target == UIML_NEXT_ITEM)
		uiml_kernels()->score_rows(space->out, model->n_classes, space->dims, y, space->dims, score);
}

/* Logits after the last max_length classes; where sequences were padded in training, they are here as well. */
static void
lstm_scores(const UimlNextModel *model, UimlNextRoom *room, float *score)
{
	size_t n = room->n_window < model->max_length ? room->n_window : model->max_length;
	size_t padding = model->padded ? model->max_length - n : 0;

	memset(room->token, 0, padding * sizeof(uint32_t));
	for (size_t t = 0; t < n; t++)
		room->token[padding + t] = 1 + room->class_no[room->n_window - n + t];
	uiml_lstm_state(&model->lstm, room->token, padding + n, room->lstm, room->state);
	uiml_lstm_logits(&model->lstm, room->state, score);
}

void
uiml_next_scores(const UimlNextModel *model, const UimlNextSpace *space, UimlNextExpert expert,
				 UimlNextRoom *room, float *score)
{
	memset(score, 0, model->n_classes * sizeof(float));
	if (expert == UIML_EXPERT_RULES)
		add_links(&model->rules.links, model->rules.decay, model->rules.steps, room, score);
	else if (expert == UIML_EXPERT_EASE)
		add_links(&model->ease.links, model->ease.decay, model->ease.steps, room, score);
	else if (expert == UIML_EXPERT_RIDGE && model->ridge.links.start != NULL)
		add_links(&model->ridge.links, model->ridge.decay, model->ridge.steps, room, score);
	else if (expert == UIML_EXPERT_RIDGE)
		dense_scores(model, space, room, score);
	else if (expert == UIML_EXPERT_LSTM)
		lstm_scores(model, room, score);
}

/* Sets the shares of n classes to 0, and scales the others so that the sum of all is 1; even ones where none is left. */
static void
leave_out(const uint32_t *item, size_t n, size_t n_classes, float *share)
{
	double left = 0;

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (item[i] < n_classes)
			share[item[i]] = 0;
	for (size_t j = 0; j < n_classes; j++)
		left += (double) share[j];
	if (left > 0)
		uiml_kernels()->scale(share, 1 / left, n_classes, share);
}

void
uiml_next_popularity(const UimlNextModel *model, const uint32_t *item, size_t n, float *popularity)
{
	memcpy(popularity, model->popularity, model->n_classes * sizeof(float));
	leave_out(item, n, model->n_classes, popularity);
}

void
uiml_next_shares(UimlNextExpert expert, double temperature, const float *popularity, const uint32_t *item,
				 size_t n, size_t n_classes, float *score)
{
	const UimlKernels *kernels = uiml_kernels();
	float best, mass, items, share;

	if (expert == UIML_EXPERT_LSTM)
	{
		kernels->softmax(score, 1, n_classes, n_classes, (float) (1 / temperature), &share);
		kernels->scale(score, (double) share, n_classes, score);
		leave_out(item, n, n_classes, score);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (item[i] < n_classes)
			score[item[i]] = 0;
	kernels->survey_scores(score, popularity, n_classes, &best, &mass, &items);
	if (best >= UIML_NEXT_LEAST_SCORE)
		kernels->scale(score,
					   1 / kernels->raise_scores(score, n_classes, 1 / best, (float) (1 / temperature)),
					   n_classes, score);
	else
		memcpy(score, popularity, n_classes * sizeof(float));
}
