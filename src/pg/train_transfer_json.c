/*
 * train_transfer_json.c
 *	  What is told of a transfer in uiml.transfer.metrics.
 *
 *	{"sample": users the fits saw, "parts": ..., "memory": bytes, "phases": {"reading": ms, ...},
 *	 "map": {"prior": "caller", "previous" or "identity", "error": {"mean": ..., "ridge": ..., ...},
 *			 "gain": ..., "gain_se": ..., "fold_gain": [...], "path": [[lambda, df, error, se], ...],
 *			 "biased": [...]},
 *	 "items": {"weights": {"map": ..., ...}, "strength": ..., "fold_gain": [...], ...},
 *	 "interests": {"prior_loss": ..., "loss": ..., "mixing": ..., "alpha": ..., "fold_gain": [...]}}
 *
 * Numbers that are not finite are null; what was not fitted is absent.
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "lib/stringinfo.h"

#include "pg/train_transfer.h"

const char *
uiml_candidate_name(UimlCandidate candidate)
{
	static const char *const name[] = {[UIML_CANDIDATE_MEAN] = "mean",
									   [UIML_CANDIDATE_RIDGE] = "ridge",
									   [UIML_CANDIDATE_BIASED] = "biased",
									   [UIML_CANDIDATE_PRIOR] = "prior"};

	return name[candidate];
}

static void
add_number(StringInfo json, double value)
{
	char number[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (!isfinite(value))
	{
		appendStringInfoString(json, "null");
		return;
	}
	double_to_shortest_decimal_buf(value, number);
	appendStringInfoString(json, number);
}

/* The name of a member, behind a comma unless it is the first of its object. */
static void
add_name(StringInfo json, const char *name)
{
	appendStringInfo(json, "%s\"%s\": ", json->data[json->len - 1] == '{' ? "" : ", ", name);
}

static void
add_member(StringInfo json, const char *name, double value)
{
	add_name(json, name);
	add_number(json, value);
}

static void
add_numbers(StringInfo json, const char *name, const double *value, size_t n)
{
	add_name(json, name);
	for (size_t i = 0; i < n; i++)
	{
		appendStringInfoString(json, i == 0 ? "[" : ", ");
		add_number(json, value[i]);
	}
	appendStringInfoChar(json, ']');
}

static void
add_path(StringInfo json, const char *name, const UimlPathPoint *path)
{
	if (isnan(path[0].error))
		return;
	add_name(json, name);
	for (int i = 0; i < UIML_RIDGE_PENALTIES; i++)
	{
		const double point[] = {path[i].lambda, path[i].df, path[i].error, path[i].se};

		appendStringInfoString(json, i == 0 ? "[" : ", ");
		for (size_t j = 0; j < lengthof(point); j++)
		{
			appendStringInfoString(json, j == 0 ? "[" : ", ");
			add_number(json, point[j]);
		}
		appendStringInfoChar(json, ']');
	}
	appendStringInfoChar(json, ']');
}

static void
add_map(StringInfo json, const UimlVerdict *map, const char *prior)
{
	add_name(json, "map");
	appendStringInfoChar(json, '{');
	if (prior != NULL)
	{
		add_name(json, "prior");
		appendStringInfo(json, "\"%s\"", prior);
	}
	add_name(json, "error");
	appendStringInfoChar(json, '{');
	for (int c = 0; c < UIML_N_CANDIDATES; c++)
		if (!isnan(map->error[c]))
			add_member(json, uiml_candidate_name(c), map->error[c]);
	appendStringInfoChar(json, '}');
	add_member(json, "gain", map->gain);
	add_member(json, "gain_se", map->gain_se);
	add_numbers(json, "fold_gain", map->fold_gain, UIML_FOLDS);
	add_path(json, "path", map->path);
	add_path(json, "biased", map->biased);
	appendStringInfoChar(json, '}');
}

static void
add_items(StringInfo json, const UimlItemTransfer *items, const UimlItemEvidence *evidence)
{
	static const char *const part[] = {[UIML_PART_MAP] = "map",
									   [UIML_PART_NEIGHBOURS] = "neighbours",
									   [UIML_PART_OVERLAP] = "overlap",
									   [UIML_PART_POPULARITY] = "popularity"};

	add_name(json, "items");
	appendStringInfoChar(json, '{');
	add_name(json, "weights");
	appendStringInfoChar(json, '{');
	for (int i = 0; i < UIML_N_ITEM_PARTS; i++)
		add_member(json, part[i], items->weight[i]);
	appendStringInfoChar(json, '}');
	add_member(json, "temperature", items->temperature);
	add_member(json, "strength", items->strength);
	add_member(json, "pool", (double) items->pool.n_users);
	add_numbers(json, "fold_gain", evidence->fold_gain, UIML_FOLDS);
	appendStringInfoChar(json, '}');
}

static void
add_interests(StringInfo json, const UimlInterestTransfer *interests, const UimlInterestEvidence *evidence)
{
	add_name(json, "interests");
	appendStringInfoChar(json, '{');
	add_member(json, "prior_loss", evidence->prior_loss);
	add_member(json, "loss", evidence->loss);
	add_member(json, "mixing", interests->mixing);
	add_member(json, "alpha", interests->alpha);
	add_member(json, "alpha_ratio", evidence->alpha_ratio);
	add_member(json, "history_gain", evidence->history_gain);
	add_numbers(json, "fold_gain", evidence->fold_gain, UIML_FOLDS);
	add_name(json, "path");
	for (int i = 0; i < UIML_INTEREST_PENALTIES; i++)
	{
		appendStringInfoString(json, i == 0 ? "[[" : ", [");
		add_number(json, evidence->path[i].lambda);
		appendStringInfoString(json, ", ");
		add_number(json, evidence->path[i].loss);
		appendStringInfoChar(json, ']');
	}
	appendStringInfoString(json, "]}");
}

char *
uiml_transfer_metrics(const TransferTraining *training)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	add_member(&json, "sample", (double) training->shared.users.n);
	add_member(&json, "memory", (double) training->budget.peak);
	add_name(&json, "phases");
	appendStringInfoString(&json, uiml_phases_json(&training->phases));
	if (training->items.w != NULL)
	{
		add_map(&json, &training->item_evidence.map, training->prior_origin);
		add_items(&json, &training->items, &training->item_evidence);
	}
	if (training->interests.coef != NULL)
		add_interests(&json, &training->interests, &training->interest_evidence);
	appendStringInfoChar(&json, '}');
	return json.data;
}
