/*
 * features.h
 *	  Text into hashed features: words, and the runs of characters within them.
 *
 * A word of a script with spaces gives itself and its runs of 2 to 4 characters, with its boundaries as
 * characters (Bojanowski et al. 2017), so that forms of a word, compounds and misspellings share most of
 * their features.  A script without spaces gives single characters, pairs and triples.  Words are those of
 * core/terms.h: folded, without function words.
 *
 * A feature is known by the first bits of its hash only: no text of it is kept anywhere, and two features
 * with the same bits are one.
 */
#ifndef UIML_FEATURES_H
#define UIML_FEATURES_H

#include "core/uiml.h"

/* Of a text beyond this many bytes only the beginning counts: some tens of milliseconds of work. */
#define UIML_FEATURES_MAX_TEXT ((size_t) 262144)

/* As many slots as nearly all titles need: then nothing is allocated. */
#define UIML_FEATURES_INLINE 512

typedef struct UimlFeature
{
	uint32_t id;    /* the first bits of the hash */
	uint32_t count; /* in the text; 0: a free slot */
	float weight;   /* of its kind, times 1 + ln count */
} UimlFeature;

/*
 * The features of one text: the slots of a hash table, free ones between them.  The same text gives the same
 * slots in the same order.
 */
typedef struct UimlFeatures
{
	UimlEnv env;
	int bits; /* of the hash that make an id, 1 .. 32 */
	UimlFeature *slot;
	size_t n_slots; /* a power of two */
	size_t n;       /* that are taken */
	UimlFeature first[UIML_FEATURES_INLINE];
} UimlFeatures;

extern void uiml_features_init(UimlFeatures *features, const UimlEnv *env, int bits);

/*
 * uiml_features_of
 *		Replaces the features by those of a UTF-8 text.  Invalid UTF-8 separates words.
 *
 * Returns UIML_OK, UIML_ENOMEM.
 */
extern UimlStatus uiml_features_of(UimlFeatures *features, const char *text, size_t length);
extern void uiml_features_free(UimlFeatures *features);

/* The finalizer of splitmix64: every bit of x reaches every bit of the result. */
static inline uint64_t
uiml_mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
	return x ^ x >> 31;
}

#endif /* UIML_FEATURES_H */
