/*
 * features.c
 *	  Text into hashed features.
 *
 * Runs of characters overlap and outnumber words, so they weigh less: see the table in encoder_features.c.
 */
#include <math.h>
#include <string.h>

#include "core/features.h"
#include "core/terms_split.h"

#define MIN_RUN 2
#define MAX_RUN 4

typedef enum FeatureKind
{
	FEATURE_WORD,
	FEATURE_RUN,
	FEATURE_CHARACTER,
	FEATURE_PAIR,
	FEATURE_TRIPLE
} FeatureKind;

static const float kind_weight[] = {1.0f, 0.5f, 0.5f, 1.0f, 1.0f};

void
uiml_features_init(UimlFeatures *features, const UimlEnv *env, int bits)
{
	features->env = *env;
	features->bits = bits;
	features->slot = features->first;
	features->n_slots = UIML_FEATURES_INLINE;
	features->n = 0;
}

void
uiml_features_free(UimlFeatures *features)
{
	if (features->slot != features->first)
		uiml_free(&features->env, features->slot);
	features->slot = features->first;
	features->n_slots = UIML_FEATURES_INLINE;
	features->n = 0;
}

/* ---------- the table ---------- */

/* The slot of an id, or the free one where it belongs. */
static UimlFeature *
slot_find(UimlFeature *slot, size_t n_slots, uint32_t id)
{
	size_t at = (size_t) uiml_mix(id) & (n_slots - 1);

	while (slot[at].count != 0 && slot[at].id != id)
		at = (at + 1) & (n_slots - 1);
	return &slot[at];
}

static UimlStatus
slots_grow(UimlFeatures *features)
{
	size_t n_slots = 2 * features->n_slots;
	UimlFeature *slot = uiml_alloc0(&features->env, n_slots, sizeof(UimlFeature));

	if (slot == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < features->n_slots; i++)
	{
		const UimlFeature *old = &features->slot[i];

		if (old->count != 0)
			*slot_find(slot, n_slots, old->id) = *old;
	}
	if (features->slot != features->first)
		uiml_free(&features->env, features->slot);
	features->slot = slot;
	features->n_slots = n_slots;
	return UIML_OK;
}

static UimlStatus
feature_add(UimlFeatures *features, FeatureKind kind, uint64_t hash)
{
	uint32_t id = (uint32_t) (uiml_mix(hash ^ (uint64_t) kind << 56) >> (64 - features->bits));
	UimlFeature *feature = slot_find(features->slot, features->n_slots, id);

	if (feature->count == 0)
	{
		if (4 * (features->n + 1) > 3 * features->n_slots)
		{
			UimlStatus status = slots_grow(features);

			if (status != UIML_OK)
				return status;
			feature = slot_find(features->slot, features->n_slots, id);
		}
		*feature = (UimlFeature){.id = id, .weight = kind_weight[kind]};
		features->n++;
	}
	feature->count++;
	return UIML_OK;
}

/* ---------- terms into features ---------- */

#define HASH_START UINT64_C(0xCBF29CE484222325)

/* FNV-1a; feature_add finalizes. */
static uint64_t
hash_bytes(uint64_t hash, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char) bytes[i]) * UINT64_C(0x100000001B3);
	return hash;
}

/* The length of the character that starts a string of valid UTF-8. */
static size_t
character_length(const char *text)
{
	unsigned char c = (unsigned char) *text;

	return c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

/* The runs of characters of "<word>", but for the whole of it. */
static UimlStatus
add_runs(UimlFeatures *features, const char *word, size_t length)
{
	size_t start[UIML_TERM_MAX_LENGTH + 3];
	char bounded[UIML_TERM_MAX_LENGTH + 2];
	size_t n = 0;
	UimlStatus status = UIML_OK;

	bounded[0] = '<';
	memcpy(bounded + 1, word, length);
	bounded[length + 1] = '>';
	for (size_t at = 0; at < length + 2; at += character_length(bounded + at))
		start[n++] = at;
	start[n] = length + 2;
	for (size_t first = 0; status == UIML_OK && first + MIN_RUN <= n; first++)
	{
		uint64_t hash = HASH_START;

		for (size_t last = first + 1; status == UIML_OK && last <= n && last - first <= MAX_RUN; last++)
		{
			hash = hash_bytes(hash, bounded + start[last - 1], start[last] - start[last - 1]);
			if (last - first >= MIN_RUN && last - first < n)
				status = feature_add(features, FEATURE_RUN, hash);
		}
	}
	return status;
}

/* A text's terms on their way. */
typedef struct FeatureVisit
{
	UimlFeatures *features;
	char second[4]; /* the newest pair's second character, which the next pair may start with */
	size_t second_length;
} FeatureVisit;

/*
 * The characters of a pair, each of a run once.  A pair with marks of its own (Thai) is left whole.
 */
static UimlStatus
add_characters(FeatureVisit *visit, const char *pair, size_t length)
{
	size_t half = character_length(pair);
	bool continues = visit->second_length == half && memcmp(visit->second, pair, half) == 0;
	UimlStatus status = UIML_OK;

	if (half >= length || half + character_length(pair + half) != length)
		return UIML_OK;
	if (!continues)
		status = feature_add(visit->features, FEATURE_CHARACTER, hash_bytes(HASH_START, pair, half));
	visit->second_length = length - half;
	memcpy(visit->second, pair + half, length - half);
	if (status == UIML_OK)
		status = feature_add(visit->features, FEATURE_CHARACTER,
							 hash_bytes(HASH_START, pair + half, length - half));
	return status;
}

static UimlStatus
visit_term(void *ctx, UimlTermKind kind, const char *term, size_t length)
{
	static const FeatureKind kind_of[] = {[UIML_TERM_WORD] = FEATURE_WORD,
										  [UIML_TERM_CHARACTER] = FEATURE_CHARACTER,
										  [UIML_TERM_PAIR] = FEATURE_PAIR,
										  [UIML_TERM_TRIPLE] = FEATURE_TRIPLE,
										  [UIML_TERM_NUMBER] = FEATURE_WORD};
	FeatureVisit *visit = ctx;
	UimlStatus status = feature_add(visit->features, kind_of[kind], hash_bytes(HASH_START, term, length));

	if (status == UIML_OK && (kind == UIML_TERM_WORD || kind == UIML_TERM_NUMBER))
		status = add_runs(visit->features, term, length);
	if (status == UIML_OK && kind == UIML_TERM_PAIR)
		status = add_characters(visit, term, length);
	if (kind != UIML_TERM_PAIR && kind != UIML_TERM_TRIPLE)
		visit->second_length = 0;
	return status;
}

UimlStatus
uiml_features_of(UimlFeatures *features, const char *text, size_t length)
{
	FeatureVisit visit = {.features = features};
	UimlStatus status;

	/* back to the small table: clearing one that a book has left would make every title after it slow */
	uiml_features_free(features);
	memset(features->slot, 0, features->n_slots * sizeof(UimlFeature));
	if (length > UIML_FEATURES_MAX_TEXT)
		length = UIML_FEATURES_MAX_TEXT;
	status = uiml_terms_split(&features->env, text, length, visit_term, &visit);
	for (size_t i = 0; i < features->n_slots; i++)
	{
		if (features->slot[i].count > 1)
			features->slot[i].weight *= 1 + logf((float) features->slot[i].count);
	}
	return status;
}
