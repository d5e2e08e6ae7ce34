/*
 * encoder_train.c
 *	  Training encoders: document frequencies, a sample of the texts, the choice of features.
 *
 * One pass over the texts counts in how many each feature is, in a table addressed by the feature's id (no
 * keys: ids that meet are one feature), and keeps the features of a sample of texts.  The sample is those
 * texts whose hash is below a limit, halved whenever the sample is full: any number of texts takes the same
 * memory, and their order makes no difference.
 *
 * Then the features that most texts share are chosen, by document frequency, as many as the memory has room
 * for.  encoder_fit.c does the rest.
 */
#include <stdlib.h>
#include <string.h>

#include "core/encoder_train.h"
#include "core/svd.h"
#include "core/tfidf.h"

#define DEFAULT_BYTES ((size_t) 64 * 1024 * 1024)
#define MAX_SAMPLE    ((size_t) 262144) /* texts: more of them change the singular vectors no more */
#define MAX_FEATURES  ((size_t) 32768)  /* of lsa: twice as many find no better neighbours */
#define HASH_FEATURES ((size_t) 262144) /* of hash: 12 bytes each */
#define MIN_BITS      14
#define MAX_BITS      22
#define FIRST_ENTRIES ((size_t) 4096)
#define FIRST_ROWS    ((size_t) 256)
#define RARE_TEXTS    100 /* from so many texts on, a feature must be in two */
#define PER_DIM       8   /* so many features per dimension, where there are so many, must find room */

/* ---------- memory ---------- */

UimlEncoderParams
uiml_encoder_defaults(UimlEncoderKind kind)
{
	return (UimlEncoderParams){.kind = kind,
							   .dims = kind == UIML_ENCODER_LSA ? 64 : 256,
							   .whitening = UIML_WHITENING_NONE,
							   .max_bytes = DEFAULT_BYTES};
}

static bool
params_valid(const UimlEncoderParams *params)
{
	return (params->kind == UIML_ENCODER_HASH || params->kind == UIML_ENCODER_LSA) && params->dims >= 1 &&
		   params->dims <= UIML_ENCODER_MAX_DIMS && params->whitening <= UIML_WHITENING_FULL;
}

UimlEncoderTrainer *
uiml_encoder_train_begin(const UimlEnv *env, const UimlEncoderParams *params)
{
	UimlEncoderTrainer *trainer;

	if (!params_valid(params))
		return NULL;
	trainer = uiml_alloc0(env, 1, sizeof(UimlEncoderTrainer));
	if (trainer == NULL)
		return NULL;
	trainer->env = *env;
	trainer->params = *params;
	if (params->max_bytes == 0)
		trainer->params.max_bytes = SIZE_MAX;
	trainer->bits = MAX_BITS;
	while (trainer->bits > MIN_BITS && (sizeof(uint32_t) << trainer->bits) > trainer->params.max_bytes / 4)
		trainer->bits--;
	/* half of the memory; arrays that grow hold what they held beside it, and the vectors a copy of value */
	trainer->max_entries = trainer->params.max_bytes / 2 / 12;
	trainer->limit = UINT64_MAX;
	uiml_features_init(&trainer->features, env, trainer->bits);
	trainer->count = uiml_alloc0(env, (size_t) 1 << trainer->bits, sizeof(uint32_t));
	if (trainer->count == NULL)
	{
		uiml_encoder_train_destroy(trainer);
		return NULL;
	}
	return trainer;
}

void
uiml_encoder_train_destroy(UimlEncoderTrainer *trainer)
{
	UimlEnv env;

	if (trainer == NULL)
		return;
	env = trainer->env;
	uiml_features_free(&trainer->features);
	uiml_free(&env, trainer->count);
	uiml_free(&env, trainer->row_start);
	uiml_free(&env, trainer->row_hash);
	uiml_free(&env, trainer->col);
	uiml_free(&env, trainer->value);
	uiml_free(&env, trainer->idf);
	uiml_free(&env, trainer->v);
	uiml_free(&env, trainer->mean);
	uiml_free(&env, trainer->whiten);
	uiml_free(&env, trainer);
}

/* Replaces *array by one of capacity elements that starts with its n. */
static UimlStatus
array_grow(const UimlEnv *env, void **array, size_t n, size_t capacity, size_t size)
{
	void *grown = uiml_alloc(env, capacity, size);

	if (grown == NULL)
		return UIML_ENOMEM;
	if (n > 0)
		memcpy(grown, *array, n * size);
	uiml_free(env, *array);
	*array = grown;
	return UIML_OK;
}

#define ARRAY_GROW(env, array, n, capacity) array_grow(env, (void **) &(array), n, capacity, sizeof(*(array)))

/* ---------- the sample ---------- */

static size_t
sample_entries(const UimlEncoderTrainer *trainer)
{
	return trainer->n_rows > 0 ? trainer->row_start[trainer->n_rows] : 0;
}

/*
 * Keeps the texts whose hash is within half the limit, or one with the smallest hash where that would leave
 * none: a text that comes very often comes with the same hash each time.
 */
static void
sample_halve(UimlEncoderTrainer *trainer)
{
	size_t smallest = 0;
	size_t kept = 0;
	size_t at = 0;
	bool one;

	for (size_t row = 1; row < trainer->n_rows; row++)
	{
		if (trainer->row_hash[row] < trainer->row_hash[smallest])
			smallest = row;
	}
	one = trainer->row_hash[smallest] > trainer->limit / 2;
	trainer->limit = one ? trainer->row_hash[smallest] : trainer->limit / 2;
	for (size_t row = 0; row < trainer->n_rows; row++)
	{
		size_t start = trainer->row_start[row];
		size_t n = trainer->row_start[row + 1] - start;

		if (one ? row != smallest : trainer->row_hash[row] > trainer->limit)
			continue;
		memmove(trainer->col + at, trainer->col + start, n * sizeof(uint32_t));
		memmove(trainer->value + at, trainer->value + start, n * sizeof(float));
		trainer->row_hash[kept] = trainer->row_hash[row];
		trainer->row_start[kept++] = at;
		at += n;
	}
	trainer->row_start[kept] = at;
	trainer->n_rows = kept;
}

/* Room for a row of n entries, which there is within max_entries. */
static UimlStatus
sample_reserve(UimlEncoderTrainer *trainer, size_t n)
{
	const UimlEnv *env = &trainer->env;
	size_t used = sample_entries(trainer);
	UimlStatus status = UIML_OK;

	if (trainer->n_rows == trainer->row_capacity)
	{
		size_t capacity = trainer->row_capacity > 0 ? 2 * trainer->row_capacity : FIRST_ROWS;

		status =
			ARRAY_GROW(env, trainer->row_start, trainer->n_rows > 0 ? trainer->n_rows + 1 : 0, capacity + 1);
		if (status == UIML_OK)
			status = ARRAY_GROW(env, trainer->row_hash, trainer->n_rows, capacity);
		if (status != UIML_OK)
			return status;
		trainer->row_capacity = capacity;
	}
	if (n > trainer->entry_capacity - used)
	{
		size_t capacity = trainer->entry_capacity > 0 ? trainer->entry_capacity : FIRST_ENTRIES;

		while (capacity - used < n)
			capacity *= 2;
		capacity = capacity < trainer->max_entries ? capacity : trainer->max_entries;
		status = ARRAY_GROW(env, trainer->col, used, capacity);
		if (status == UIML_OK)
			status = ARRAY_GROW(env, trainer->value, used, capacity);
		if (status == UIML_OK)
			trainer->entry_capacity = capacity;
	}
	return status;
}

static int
compare_ids(const void *a, const void *b)
{
	const UimlFeature *left = a;
	const UimlFeature *right = b;

	return (left->id > right->id) - (left->id < right->id);
}

/* Adds the text whose features are at hand; its entries come in ascending order of id. */
static UimlStatus
sample_add(UimlEncoderTrainer *trainer, uint64_t hash)
{
	UimlFeatures *features = &trainer->features;
	UimlFeature *feature = features->slot;
	size_t n = 0;
	size_t at;
	UimlStatus status;

	if (features->n > trainer->max_entries)
		return UIML_OK;
	while (features->n > trainer->max_entries - sample_entries(trainer) || trainer->n_rows == MAX_SAMPLE)
	{
		if (trainer->n_rows > 1)
			sample_halve(trainer);
		else if (hash < trainer->row_hash[0])
			trainer->n_rows = 0;
		else
			return UIML_OK;
	}
	if (hash > trainer->limit)
		return UIML_OK;
	status = sample_reserve(trainer, features->n);
	if (status != UIML_OK)
		return status;
	for (size_t i = 0; i < features->n_slots; i++)
	{
		if (feature[i].count != 0)
			feature[n++] = feature[i];
	}
	qsort(feature, n, sizeof(UimlFeature), compare_ids);
	at = sample_entries(trainer);
	trainer->row_start[trainer->n_rows] = at;
	for (size_t i = 0; i < n; i++, at++)
	{
		trainer->col[at] = feature[i].id;
		trainer->value[at] = feature[i].weight;
	}
	trainer->row_hash[trainer->n_rows++] = hash;
	trainer->row_start[trainer->n_rows] = at;
	return UIML_OK;
}

/* Of the text, with the seed; the same text always gives the same. */
static uint64_t
text_hash(uint64_t seed, const char *text, size_t length)
{
	uint64_t hash = uiml_mix(seed + UINT64_C(0x9E3779B97F4A7C15));

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char) text[i]) * UINT64_C(0x100000001B3);
	return uiml_mix(hash);
}

UimlStatus
uiml_encoder_train_add(UimlEncoderTrainer *trainer, const char *text, size_t length)
{
	UimlStatus status = uiml_features_of(&trainer->features, text, length);
	uint64_t hash;

	if (status != UIML_OK || trainer->features.n == 0)
		return status;
	trainer->n_texts++;
	for (size_t i = 0; i < trainer->features.n_slots; i++)
	{
		const UimlFeature *feature = &trainer->features.slot[i];

		if (feature->count != 0 && trainer->count[feature->id] < UINT32_MAX)
			trainer->count[feature->id]++;
	}
	hash = text_hash(trainer->params.seed, text, length);
	return hash <= trainer->limit ? sample_add(trainer, hash) : UIML_OK;
}

/* ---------- the vocabulary ---------- */

/* How many features the memory has room for, with all that the singular vectors take. */
static size_t
features_that_fit(const UimlEncoderTrainer *trainer, size_t n)
{
	size_t room = trainer->params.max_bytes;
	size_t taken =
		(sizeof(uint32_t) << trainer->bits) + 8 * trainer->entry_capacity + 16 * trainer->row_capacity;
	size_t dims = trainer->params.dims;

	if (trainer->params.kind == UIML_ENCODER_HASH)
		return n < HASH_FEATURES ? n : HASH_FEATURES;
	room -= taken < room ? taken : room;
	n = n < MAX_FEATURES ? n : MAX_FEATURES;
	while (n > 0 && uiml_svd_memory(trainer->n_rows, n, sample_entries(trainer), dims) +
							n * (dims + 1) * sizeof(float) >
						room)
		n -= n / 16 + 1;
	return n;
}

/* A feature that only one of many texts has tells nothing of another. */
static uint32_t
least_count(const UimlEncoderTrainer *trainer)
{
	return trainer->n_texts >= RARE_TEXTS ? 2 : 1;
}

/* The document frequency from which on at most n features are, and how many of those just below still fit. */
static uint32_t
count_threshold(const UimlEncoderTrainer *trainer, size_t n, size_t *below)
{
	size_t n_ids = (size_t) 1 << trainer->bits;
	uint32_t low = least_count(trainer);
	uint32_t high = UINT32_MAX;
	size_t above = 0;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;
		size_t found = 0;

		for (size_t id = 0; id < n_ids; id++)
			found += trainer->count[id] >= middle;
		if (found <= n)
			high = middle;
		else
			low = middle + 1;
	}
	for (size_t id = 0; id < n_ids; id++)
		above += trainer->count[id] >= low;
	*below = low > least_count(trainer) ? n - above : 0;
	return low;
}

/*
 * Numbers the chosen features in the order of their ids: count becomes row + 1, idf is filled.  In the few
 * dimensions of hash, rare features that meet by chance would drown the frequent ones, so that all weigh the
 * same.
 */
static void
number_features(UimlEncoderTrainer *trainer, uint32_t threshold, size_t below)
{
	size_t n_ids = (size_t) 1 << trainer->bits;
	size_t row = 0;

	for (size_t id = 0; id < n_ids; id++)
	{
		uint32_t count = trainer->count[id];
		bool chosen = count >= threshold;

		if (!chosen && below > 0 && count + 1 == threshold)
		{
			chosen = true;
			below--;
		}
		if (chosen && trainer->params.kind == UIML_ENCODER_LSA)
			trainer->idf[row++] = (float) uiml_idf(trainer->n_texts, count);
		else if (chosen)
			trainer->idf[row++] = 1;
		trainer->count[id] = chosen ? (uint32_t) row : 0;
	}
}

static UimlStatus
choose_features(UimlEncoderTrainer *trainer)
{
	size_t n_ids = (size_t) 1 << trainer->bits;
	size_t n = 0;
	size_t room;
	size_t below;
	uint32_t threshold;

	for (size_t id = 0; id < n_ids; id++)
		n += trainer->count[id] >= least_count(trainer);
	room = features_that_fit(trainer, n);
	if (room < n && room < PER_DIM * trainer->params.dims)
		return UIML_ELIMIT;
	threshold = count_threshold(trainer, room, &below);
	trainer->n_features = room < n ? room : n;
	if (trainer->n_features == 0)
		return UIML_EEMPTY;
	trainer->idf = uiml_alloc(&trainer->env, trainer->n_features, sizeof(float));
	if (trainer->idf == NULL)
		return UIML_ENOMEM;
	number_features(trainer, threshold, below);
	return UIML_OK;
}

UimlStatus
uiml_encoder_train_finish(UimlEncoderTrainer *trainer, void **bytes, size_t *length)
{
	UimlStatus status;

	if (trainer->n_texts == 0)
		return UIML_EEMPTY;
	trainer->dims = trainer->params.dims;
	status = choose_features(trainer);
	return status == UIML_OK ? uiml_encoder_fit(trainer, bytes, length) : status;
}
