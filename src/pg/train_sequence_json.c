/*
 * train_sequence_json.c
 *	  What a training of a sequence model tells: rows of results, and the metrics that are stored.
 *
 *	{"results": [a row of uiml_train_sequence ...],
 *	 "networks": [{"network": name, "users": ..., "epochs": [{"epoch": 1, "loss": ..., ...}]}],
 *	 "split": {"fit": users, "validation": ..., "test": ..., "events": ..., "judged": events},
 *	 "kept": {"gain": of the mixture over the best of the others, "gain_se": ..., "blend": [by known events]},
 *	 "memory": bytes, "chunks": whether sequences were in a file, "phases": {"reading": ms, ...}}
 *
 * Numbers that are not finite are null.
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "utils/json.h"

#include "pg/train_sequence_run.h"

/* --- rows ----------------------------------------------------------------------------------------------- */

static UimlSequenceResult
network_result(const UimlSequenceNetwork *network)
{
	return (UimlSequenceResult){.model = network->name,
								.users = network->users,
								.epochs = network->epochs,
								.validation_loss = network->validation.loss,
								.validation_accuracy = network->validation.accuracy,
								.loss = network->test.loss,
								.accuracy = network->test.accuracy,
								.hr = network->test.hr,
								.ndcg = network->test.ndcg,
								.used = network->used};
}

/* The network that the expert is. */
static size_t
epochs_of(const SequenceTraining *training)
{
	for (size_t i = 0; i < training->n_networks; i++)
		if (training->network[i].used)
			return training->network[i].epochs;
	return 0;
}

static UimlSequenceResult
row_result(const SequenceTraining *training, size_t row)
{
	const UimlNextFigures *validation = &training->validation[row];
	const UimlNextFigures *test = &training->test[row];

	return (UimlSequenceResult){.model = uiml_sequence_row_name(row),
								.users = training->users->n_users[UIML_FIT],
								.epochs = row == UIML_EXPERT_LSTM ? epochs_of(training) : 0,
								.validation_loss = validation->loss,
								.validation_accuracy = validation->accuracy,
								.loss = test->loss,
								.accuracy = test->accuracy,
								.hr = test->hr,
								.ndcg = test->ndcg,
								.used = uiml_sequence_row_used(training, row)};
}

size_t
uiml_sequence_results(const SequenceTraining *training, UimlSequenceResult *result)
{
	bool migration = training->settings.from_domain != NULL;
	bool mixed = training->settings.model == UIML_N_EXPERTS;
	size_t n = 0;

	for (size_t i = 0; migration && i < training->n_networks; i++)
		result[n++] = network_result(&training->network[i]);
	/* Where one model was asked for, there is nothing to mix it with. */
	for (size_t row = 0; row < UIML_NEXT_ROWS; row++)
		if (training->choice.present[row] && (mixed || row != UIML_NEXT_MIXTURE))
			result[n++] = row_result(training, row);
	return n;
}

/* --- JSON ----------------------------------------------------------------------------------------------- */

static void
add_number(StringInfo json, const char *name, double value)
{
	char number[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (json->data[json->len - 1] != '{')
		appendStringInfoString(json, ", ");
	if (!isfinite(value))
	{
		appendStringInfo(json, "\"%s\": null", name);
		return;
	}
	double_to_shortest_decimal_buf(value, number);
	appendStringInfo(json, "\"%s\": %s", name, number);
}

static void
add_bool(StringInfo json, const char *name, bool value)
{
	appendStringInfo(json, ", \"%s\": %s", name, value ? "true" : "false");
}

static void
add_result(StringInfo json, const UimlSequenceResult *result)
{
	appendStringInfoString(json, "{\"model\": ");
	escape_json(json, result->model);
	add_number(json, "users", (double) result->users);
	add_number(json, "epochs", result->epochs > 0 ? (double) result->epochs : NAN);
	add_number(json, "validation_loss", result->validation_loss);
	add_number(json, "validation_accuracy", result->validation_accuracy);
	add_number(json, "loss", result->loss);
	add_number(json, "accuracy", result->accuracy);
	add_number(json, "hr", result->hr);
	add_number(json, "ndcg", result->ndcg);
	add_bool(json, "used", result->used);
	appendStringInfoChar(json, '}');
}

static void
add_epoch(StringInfo json, const UimlSequenceEpoch *epoch, bool blend)
{
	const UimlSequenceJudgement *test = blend ? &epoch->blend : &epoch->test;

	appendStringInfoChar(json, '{');
	add_number(json, "epoch", (double) epoch->epoch);
	add_number(json, "loss", blend ? NAN : epoch->loss);
	add_number(json, "accuracy", blend ? NAN : epoch->accuracy);
	add_number(json, "validation_loss", blend ? NAN : epoch->validation.loss);
	add_number(json, "validation_accuracy", blend ? NAN : epoch->validation.accuracy);
	add_number(json, "test_loss", test->loss);
	add_number(json, "test_accuracy", test->accuracy);
	add_number(json, "events_per_second", blend ? NAN : rint(epoch->events_per_second));
	add_bool(json, "kept", epoch->kept);
	appendStringInfoChar(json, '}');
}

static void
add_network(StringInfo json, const UimlSequenceNetwork *network)
{
	appendStringInfoString(json, "{\"network\": ");
	escape_json(json, network->title);
	add_number(json, "users", (double) network->users);
	appendStringInfoString(json, ", \"epochs\": [");
	for (size_t e = 0; e < network->epochs; e++)
	{
		appendStringInfoString(json, e > 0 ? ", " : "");
		add_epoch(json, &network->history[e], network->blend);
	}
	appendStringInfoString(json, "]}");
}

static void
add_split(StringInfo json, const SequenceTraining *training)
{
	const UimlUserSequences *users = training->users;

	appendStringInfoString(json, ", \"split\": {");
	add_number(json, "fit", (double) users->n_users[UIML_FIT]);
	add_number(json, "validation", (double) users->n_users[UIML_TUNE]);
	add_number(json, "test", (double) users->n_users[UIML_JUDGE]);
	add_number(json, "events", (double) users->n_events);
	add_number(json, "judged", (double) training->test[training->choice.kept].events);
	appendStringInfoChar(json, '}');
}

static void
add_kept(StringInfo json, const SequenceTraining *training)
{
	appendStringInfoString(json, ", \"kept\": {");
	add_number(json, "gain", training->choice.gain);
	add_number(json, "gain_se", training->choice.gain_se);
	appendStringInfoString(json, ", \"blend\": [");
	for (size_t l = 0; l < UIML_NEXT_LENGTHS; l++)
		appendStringInfo(json, "%s%.4g", l > 0 ? ", " : "", training->choice.blend[l]);
	appendStringInfoString(json, "]}");
}

char *
uiml_sequence_metrics_json(const SequenceTraining *training)
{
	UimlSequenceResult *result = palloc(UIML_MOST_RESULTS * sizeof(UimlSequenceResult));
	size_t n = uiml_sequence_results(training, result);
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"results\": [");
	for (size_t i = 0; i < n; i++)
	{
		appendStringInfoString(&json, i > 0 ? ", " : "");
		add_result(&json, &result[i]);
	}
	appendStringInfoString(&json, "], \"networks\": [");
	for (size_t i = 0; i < training->n_networks; i++)
	{
		appendStringInfoString(&json, i > 0 ? ", " : "");
		add_network(&json, &training->network[i]);
	}
	appendStringInfoChar(&json, ']');
	add_split(&json, training);
	add_kept(&json, training);
	add_number(&json, "memory", (double) training->budget.peak);
	add_bool(&json, "chunks", training->users->chunks != NULL);
	appendStringInfo(&json, ", \"phases\": %s}", uiml_phases_json(&training->phases));
	pfree(result);
	return json.data;
}
