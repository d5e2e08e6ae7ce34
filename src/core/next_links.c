/*
 * next_links.c
 *	  Links of classes while they are made, and the sequential rules.
 */
#include "core/next_links.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/topk.h"

#define ALL_LINKS   2000000
#define LEAST_LINKS 100

size_t
uiml_next_most_links(size_t n_classes)
{
	size_t most = ALL_LINKS / (n_classes > 0 ? n_classes : 1);

	most = most > LEAST_LINKS ? most : LEAST_LINKS;
	return most < n_classes ? most : n_classes;
}

UimlStatus
uiml_next_writer_create(const UimlEnv *env, size_t n_classes, size_t room, UimlNextWriter *writer)
{
	*writer = (UimlNextWriter){.most = uiml_next_most_links(n_classes), .room = room, .n_classes = n_classes};
	writer->start = uiml_alloc0(env, n_classes + 1, sizeof(uint64_t));
	writer->class_no = uiml_alloc(env, room, sizeof(uint32_t));
	writer->weight = uiml_alloc(env, room, sizeof(float));
	writer->depth = uiml_alloc(env, n_classes, sizeof(float));
	writer->chosen = uiml_alloc(env, n_classes, sizeof(uint32_t));
	return writer->start != NULL && writer->class_no != NULL && writer->weight != NULL &&
				   writer->depth != NULL && writer->chosen != NULL
			   ? UIML_OK
			   : UIML_ENOMEM;
}

void
uiml_next_writer_free(const UimlEnv *env, UimlNextWriter *writer)
{
	uiml_free(env, writer->start);
	uiml_free(env, writer->class_no);
	uiml_free(env, writer->weight);
	uiml_free(env, writer->depth);
	uiml_free(env, writer->chosen);
	*writer = (UimlNextWriter){0};
}

void
uiml_next_writer_finish(const UimlEnv *env, UimlNextWriter *writer, UimlNextLinks *links)
{
	*links = (UimlNextLinks){.start = writer->start, .class_no = writer->class_no, .weight = writer->weight};
	writer->start = NULL;
	writer->class_no = NULL;
	writer->weight = NULL;
	uiml_next_writer_free(env, writer);
}

void
uiml_next_links_free(const UimlEnv *env, UimlNextLinks *links)
{
	uiml_free(env, (void *) links->start);
	uiml_free(env, (void *) links->class_no);
	uiml_free(env, (void *) links->weight);
	*links = (UimlNextLinks){0};
}

static int
compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a;
	uint32_t y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

void
uiml_next_writer_put(UimlNextWriter *writer, const uint32_t *col, const float *value, size_t n,
					 const float *importance)
{
	uint64_t at = writer->start[writer->next];
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
	{
		uint32_t c = col != NULL ? col[i] : (uint32_t) i;
		float depth = fabsf(value[c]) * (importance != NULL ? importance[c] : 1);

		/* What is 0 is no link. */
		writer->depth[i] = depth > 0 ? depth : -INFINITY;
	}
	kept = uiml_topk(writer->depth, n, writer->most, writer->chosen);
	if (col != NULL)
		for (size_t i = 0; i < kept; i++)
			writer->chosen[i] = col[writer->chosen[i]];
	qsort(writer->chosen, kept, sizeof(uint32_t), compare_numbers);
	kept = kept < writer->room - at ? kept : writer->room - at;
	for (size_t i = 0; i < kept; i++)
	{
		writer->class_no[at + i] = writer->chosen[i];
		writer->weight[at + i] = value[writer->chosen[i]];
	}
	writer->start[++writer->next] = at + kept;
}

UimlStatus
uiml_next_fit_rules(const UimlEnv *env, const UimlNextEvents *events, size_t steps, UimlNextLinks *links)
{
	size_t most = uiml_next_most_links(events->n_classes);
	size_t room = 0;
	UimlNextWriter writer = {0};
	UimlNextRow row = {0};
	UimlStatus status;

	for (size_t c = 0; c < events->n_classes; c++)
	{
		size_t pairs = (events->start[c + 1] - events->start[c]) * steps;

		room += pairs < most ? pairs : most;
	}
	status = uiml_next_writer_create(env, events->n_classes, room, &writer);
	if (status == UIML_OK)
		status = uiml_next_row_create(env, events->n_classes, &row);
	for (uint32_t c = 0; status == UIML_OK && c < events->n_classes; c++)
	{
		float scale = 1 / sqrtf((float) (events->start[c + 1] - events->start[c]));

		status = uiml_next_count_successors(env, events, 1, steps, c, &row);
		for (size_t i = 0; i < row.n; i++)
			row.value[row.col[i]] *= scale;
		uiml_next_writer_put(&writer, row.col, row.value, row.n, NULL);
		uiml_next_row_clear(&row);
		if (c % 256 == 255 && status == UIML_OK && uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
	}
	uiml_next_row_free(env, &row);
	if (status == UIML_OK)
		uiml_next_writer_finish(env, &writer, links);
	uiml_next_writer_free(env, &writer);
	return status;
}
