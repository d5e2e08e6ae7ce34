/*
 * terms.c
 *	  A bounded table of term counts per class.
 *
 * Two open-addressing hash tables: terms by their bytes, and cells, the counts by (term, class).  Both
 * compare keys in full, so colliding hashes cost time only; the hash is seeded with the table's address,
 * which no text can know.  Bytes of terms live in blocks that never move, so pointers given out stay valid.
 */
#include <math.h>
#include <string.h>

#include "core/terms_table.h"

#define BLOCK_BYTES   ((size_t) 8192)
#define INITIAL_SLOTS ((size_t) 64)
#define MAX_TEXT                                                                                             \
	((size_t) 262144) /* bytes that count: some tens of milliseconds of work between two checks */
#define MAX_CLASSES 65535
#define MAX_TERMS   UINT32_C(0x7FFFFFFF)

/* ---------- memory ---------- */

/* Zeroed memory that counts towards max_bytes; *pointer is set on UIML_OK only. */
static UimlStatus
table_alloc(UimlTerms *terms, size_t count, size_t size, void **pointer)
{
	size_t bytes;
	void *got;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > terms->max_bytes ||
		terms->bytes > terms->max_bytes - bytes)
		return UIML_ELIMIT;
	got = uiml_alloc0(&terms->env, count, size);
	if (got == NULL)
		return UIML_ENOMEM;
	terms->bytes += bytes;
	*pointer = got;
	return UIML_OK;
}

static void
table_free(UimlTerms *terms, void *pointer, size_t bytes)
{
	uiml_free(&terms->env, pointer);
	terms->bytes -= pointer != NULL ? bytes : 0;
}

UimlStatus
uiml_terms_store(UimlTerms *terms, const char *bytes, size_t length, const char **stored)
{
	UimlTermBlock *block = terms->block;

	if (block == NULL || length > BLOCK_BYTES - sizeof(UimlTermBlock) - block->used)
	{
		void *got;
		UimlStatus status = table_alloc(terms, BLOCK_BYTES, 1, &got);

		if (status != UIML_OK)
			return status;
		block = got;
		block->next = terms->block;
		terms->block = block;
	}
	memcpy(block->bytes + block->used, bytes, length);
	*stored = block->bytes + block->used;
	block->used += length;
	return UIML_OK;
}

UimlTerms *
uiml_terms_create(const UimlEnv *env, size_t n_classes, size_t max_bytes)
{
	UimlTerms *terms;

	if (n_classes == 0 || n_classes > MAX_CLASSES)
		return NULL;
	terms = uiml_alloc0(env, 1, sizeof(UimlTerms));
	if (terms == NULL)
		return NULL;
	terms->env = *env;
	terms->max_bytes = max_bytes;
	terms->seed = (uint64_t) (uintptr_t) terms * UINT64_C(0x9E3779B97F4A7C15);
	terms->n_classes = n_classes;
	terms->class_terms = uiml_alloc0(env, n_classes, sizeof(double));
	terms->class_texts = uiml_alloc0(env, n_classes, sizeof(double));
	terms->class_squares = uiml_alloc0(env, n_classes, sizeof(double));
	terms->bytes = sizeof(UimlTerms) + n_classes * 3 * sizeof(double);
	if (terms->class_terms == NULL || terms->class_texts == NULL || terms->class_squares == NULL)
	{
		uiml_terms_destroy(terms);
		return NULL;
	}
	return terms;
}

void
uiml_terms_destroy(UimlTerms *terms)
{
	UimlEnv env;

	if (terms == NULL)
		return;
	env = terms->env;
	while (terms->block != NULL)
	{
		UimlTermBlock *next = terms->block->next;

		uiml_free(&env, terms->block);
		terms->block = next;
	}
	uiml_free(&env, terms->cell);
	uiml_free(&env, terms->slot);
	uiml_free(&env, terms->term);
	uiml_free(&env, terms->class_squares);
	uiml_free(&env, terms->class_texts);
	uiml_free(&env, terms->class_terms);
	uiml_free(&env, terms);
}

/* ---------- counting ---------- */

/* The finalizer of splitmix64: every bit of x reaches every bit of the result. */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
	return x ^ x >> 31;
}

/* FNV-1a, finalized. */
static uint32_t
hash_bytes(uint64_t seed, const char *bytes, size_t length)
{
	uint64_t hash = seed ^ UINT64_C(0xCBF29CE484222325);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char) bytes[i]) * UINT64_C(0x100000001B3);
	return (uint32_t) mix(hash);
}

/* The slot of these bytes, or the free one where they belong. */
static size_t
slot_find(const UimlTerms *terms, uint32_t hash, const char *text, size_t length)
{
	size_t at = hash & (terms->n_slots - 1);

	while (terms->slot[at] != 0)
	{
		const UimlTerm *term = &terms->term[terms->slot[at] - 1];

		if (term->hash == hash && term->length == length && memcmp(term->text, text, length) == 0)
			break;
		at = (at + 1) & (terms->n_slots - 1);
	}
	return at;
}

static UimlStatus
slots_grow(UimlTerms *terms)
{
	size_t n = terms->n_slots > 0 ? 2 * terms->n_slots : INITIAL_SLOTS;
	void *got;
	uint32_t *slot;
	UimlStatus status = table_alloc(terms, n, sizeof(uint32_t), &got);

	if (status != UIML_OK)
		return status;
	slot = got;
	for (size_t i = 0; i < terms->n_terms; i++)
	{
		size_t at = terms->term[i].hash & (n - 1);

		while (slot[at] != 0)
			at = (at + 1) & (n - 1);
		slot[at] = (uint32_t) i + 1;
	}
	table_free(terms, terms->slot, terms->n_slots * sizeof(uint32_t));
	terms->slot = slot;
	terms->n_slots = n;
	return UIML_OK;
}

static UimlStatus
term_array_grow(UimlTerms *terms)
{
	size_t n = terms->term_capacity > 0 ? 2 * terms->term_capacity : INITIAL_SLOTS / 2;
	void *got;
	UimlStatus status = table_alloc(terms, n, sizeof(UimlTerm), &got);

	if (status != UIML_OK)
		return status;
	if (terms->n_terms > 0)
		memcpy(got, terms->term, terms->n_terms * sizeof(UimlTerm));
	table_free(terms, terms->term, terms->term_capacity * sizeof(UimlTerm));
	terms->term = got;
	terms->term_capacity = n;
	return UIML_OK;
}

/* The number of a term, new or known. */
static UimlStatus
term_intern(UimlTerms *terms, UimlTermKind kind, const char *text, size_t length, uint32_t *number)
{
	uint32_t hash = hash_bytes(terms->seed, text, length);
	UimlStatus status = UIML_OK;
	UimlTerm *term;
	size_t at;

	if (terms->n_slots > 0)
	{
		at = slot_find(terms, hash, text, length);
		if (terms->slot[at] != 0)
		{
			*number = terms->slot[at] - 1;
			return UIML_OK;
		}
	}
	/* Triples only help to join pairs: they may take half of the memory, pairs and words all of it. */
	if (terms->n_terms >= MAX_TERMS || (kind == UIML_TERM_TRIPLE && terms->bytes > terms->max_bytes / 2))
		return UIML_ELIMIT;
	if (2 * (terms->n_terms + 1) > terms->n_slots)
		status = slots_grow(terms);
	if (status == UIML_OK && terms->n_terms == terms->term_capacity)
		status = term_array_grow(terms);
	if (status != UIML_OK)
		return status;
	term = &terms->term[terms->n_terms];
	*term = (UimlTerm){.hash = hash, .length = (uint8_t) length, .kind = (uint8_t) kind};
	status = uiml_terms_store(terms, text, length, &term->text);
	if (status != UIML_OK)
		return status;
	terms->slot[slot_find(terms, hash, text, length)] = (uint32_t) terms->n_terms + 1;
	*number = (uint32_t) terms->n_terms++;
	return UIML_OK;
}

/* The cell of a term and a class, or the free one where it belongs. */
static UimlTermCell *
cell_find(UimlTermCell *cell, size_t n_cells, uint32_t term, uint32_t class_number)
{
	size_t at = (size_t) mix((uint64_t) term << 16 ^ class_number) & (n_cells - 1);

	while (cell[at].texts != 0 && (cell[at].term != term || cell[at].class_number != class_number))
		at = (at + 1) & (n_cells - 1);
	return &cell[at];
}

static UimlStatus
cells_grow(UimlTerms *terms)
{
	size_t n = terms->n_cells > 0 ? 2 * terms->n_cells : INITIAL_SLOTS;
	void *got;
	UimlStatus status = table_alloc(terms, n, sizeof(UimlTermCell), &got);

	if (status != UIML_OK)
		return status;
	for (size_t i = 0; i < terms->n_cells; i++)
	{
		const UimlTermCell *old = &terms->cell[i];

		if (old->texts != 0)
			*cell_find(got, n, old->term, old->class_number) = *old;
	}
	table_free(terms, terms->cell, terms->n_cells * sizeof(UimlTermCell));
	terms->cell = got;
	terms->n_cells = n;
	return UIML_OK;
}

/* Counts a term in a text of a class. */
static UimlStatus
cell_add(UimlTerms *terms, uint32_t term, uint32_t class_number, double weight)
{
	UimlTermCell *cell = NULL;

	if (terms->n_cells > 0)
		cell = cell_find(terms->cell, terms->n_cells, term, class_number);
	if (cell == NULL || cell->texts == 0)
	{
		if (4 * (terms->n_cells_used + 1) > 3 * terms->n_cells)
		{
			UimlStatus status = cells_grow(terms);

			if (status != UIML_OK)
				return status;
		}
		cell = cell_find(terms->cell, terms->n_cells, term, class_number);
		cell->term = term;
		cell->class_number = class_number;
		terms->n_cells_used++;
	}
	cell->texts++;
	cell->count += weight;
	return UIML_OK;
}

/* The text at hand. */
typedef struct TextVisit
{
	UimlTerms *terms;
	uint32_t class_number;
	double weight;
	bool limited; /* a term found no room */
} TextVisit;

static UimlStatus
count_term(void *ctx, UimlTermKind kind, const char *text, size_t length)
{
	TextVisit *visit = ctx;
	UimlTerms *terms = visit->terms;
	uint32_t number = 0;
	UimlStatus status;

	if (kind == UIML_TERM_NUMBER)
		return UIML_OK;
	status = term_intern(terms, kind, text, length, &number);
	if (status == UIML_OK && terms->term[number].last_text == terms->n_texts)
		return UIML_OK;
	if (status == UIML_OK)
		status = cell_add(terms, number, visit->class_number, visit->weight);
	if (status == UIML_ELIMIT)
	{
		visit->limited |= kind != UIML_TERM_TRIPLE;
		return UIML_OK;
	}
	if (status != UIML_OK)
		return status;
	terms->term[number].count += visit->weight;
	terms->term[number].last_text = terms->n_texts;
	if (kind != UIML_TERM_TRIPLE)
		terms->class_terms[visit->class_number] += visit->weight;
	return UIML_OK;
}

UimlStatus
uiml_terms_add(UimlTerms *terms, uint32_t class_number, double weight, const char *text, size_t length)
{
	TextVisit visit = {terms, class_number, weight, false};
	UimlStatus status;

	if (class_number >= terms->n_classes || !(weight > 0) || isinf(weight))
		return UIML_EINVALID;
	if (terms->n_texts == UINT32_MAX)
		return UIML_ELIMIT;
	terms->n_texts++;
	terms->class_texts[class_number] += weight;
	terms->class_squares[class_number] += weight * weight;
	status = uiml_terms_split(&terms->env, text, length < MAX_TEXT ? length : MAX_TEXT, count_term, &visit);
	return status == UIML_OK && visit.limited ? UIML_ELIMIT : status;
}

/* Hides triples and numbers from the caller of uiml_terms_each. */
typedef struct EachVisit
{
	UimlStatus (*visit)(void *ctx, const char *term, size_t length);
	void *ctx;
} EachVisit;

static UimlStatus
each_term(void *ctx, UimlTermKind kind, const char *text, size_t length)
{
	EachVisit *each = ctx;

	return kind == UIML_TERM_TRIPLE || kind == UIML_TERM_NUMBER ? UIML_OK
																: each->visit(each->ctx, text, length);
}

UimlStatus
uiml_terms_each(const UimlEnv *env, const char *text, size_t length,
				UimlStatus (*visit)(void *ctx, const char *term, size_t length), void *ctx)
{
	EachVisit each = {visit, ctx};

	return uiml_terms_split(env, text, length, each_term, &each);
}
