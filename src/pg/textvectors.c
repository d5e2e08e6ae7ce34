/*
 * textvectors.c
 *	  A vector for each text of a source.
 *
 * For encoders whose vectors are kept, the texts are first read for their hashes alone, which are sorted, so
 * that equal texts lie next to each other; the first of them, the leader, has the vector, and the others get
 * it when all are there.  The table of texts is then read once, whole: nearly all of it is wanted, as a rule,
 * and what is not is what the next training may take away.  Only if some are missing are the texts read again,
 * and encoded in batches.  Texts themselves are never held beyond a batch.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/encoder.h"
#include "pg/env.h"
#include "pg/textvectors.h"
#include "pg/utf8.h"

/* Texts that an encoder gets at once, and their bytes. */
#define BATCH_TEXTS 256
#define BATCH_BYTES ((size_t) 1024 * 1024)

#define INTERRUPT_COMPARE 0xffff

typedef enum EntryState
{
	ENTRY_MISSING,
	ENTRY_KNOWN,  /* its vector was there */
	ENTRY_QUEUED, /* in the batch */
	ENTRY_ENCODED
} EntryState;

typedef struct TextEntry
{
	UimlTextHash hash;
	uint32 row;
	EntryState state; /* of a leader */
} TextEntry;

typedef struct VectorWork
{
	UimlTextVectors *v;
	size_t dims;
	pg_cryptohash_ctx *hasher;
	MemoryContext row_context; /* emptied after each text */
	TextEntry *entry;          /* n_entries; sorted by hash and row once all are there */
	size_t n_entries;
	size_t n_missing;

	/* Texts of the table that nobody has any more. */
	UimlTextHash *stale;
	size_t n_stale;
	size_t stale_capacity;

	/* The batch. */
	MemoryContext batch_context; /* emptied after each batch */
	size_t n_batch;
	size_t batch_bytes;
	UimlText text[BATCH_TEXTS];
	TextEntry *leader[BATCH_TEXTS];
	float *made; /* BATCH_TEXTS x dims */
} VectorWork;

bool
uiml_text_vectors_kept(const UimlEncoder *encoder)
{
	return encoder->kind != UIML_ENCODER_HASH && encoder->kind != UIML_ENCODER_LSA &&
		   encoder->kind != UIML_ENCODER_STATIC;
}

double
uiml_text_vectors_memory(size_t n_rows)
{
	return (double) n_rows * (double) (sizeof(TextEntry) + sizeof(uint32));
}

static void
check_encoded(const VectorWork *work, UimlStatus status)
{
	if (status == UIML_ENOMEM && work->v->budget->refused)
		uiml_budget_exceeded(work->v->budget, "the encoder's vectors of a batch of texts",
							 1.25 * (double) work->v->budget->peak);
	if (status == UIML_EINVALID)
		ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
						errmsg("a text of domain \"%s\" is not valid UTF-8", work->v->domain->name)));
	uiml_encoder_check(status, "text vectors");
}

/* --- every text ----------------------------------------------------------------------------------------- */

/* What to do with the text of a row, in UTF-8; it is gone afterwards. */
typedef void (*TextRowFn)(VectorWork *work, size_t row, const char *utf8, size_t length);

typedef struct TextRows
{
	VectorWork *work;
	TextRowFn fn;
} TextRows;

static void
take_text(const TextRows *rows, size_t row, const char *text, size_t length)
{
	VectorWork *work = rows->work;
	MemoryContext old = MemoryContextSwitchTo(work->row_context);
	size_t utf8_length;
	const char *utf8 = uiml_utf8_from_server(text, length, &utf8_length);

	MemoryContextSwitchTo(old);
	rows->fn(work, row, utf8, utf8_length);
	MemoryContextReset(work->row_context);
}

static void
take_item(void *ctx, uint32 item, const char *title, const char *text)
{
	(void) title;
	take_text(ctx, item, text, strlen(text));
}

/* Items first: where an item and an event have the same text, the item leads. */
static void
each_text(VectorWork *work, TextRowFn fn)
{
	const UimlSource *source = work->v->source;
	TextRows rows = {.work = work, .fn = fn};

	uiml_source_texts(work->v->domain, source, take_item, &rows);
	for (size_t t = 0; t < source->texts.n; t++)
	{
		text *written = DatumGetTextPP(source->texts.key[t]);

		CHECK_FOR_INTERRUPTS();
		take_text(&rows, source->items.n + t, VARDATA_ANY(written), VARSIZE_ANY_EXHDR(written));
	}
}

/* --- which texts there are ------------------------------------------------------------------------------ */

static int
compare_entries(const void *a, const void *b, void *arg)
{
	const TextEntry *x = a;
	const TextEntry *y = b;
	uint64 *compared = arg;
	int order = memcmp(&x->hash, &y->hash, sizeof(UimlTextHash));

	if ((++*compared & INTERRUPT_COMPARE) == 0)
		CHECK_FOR_INTERRUPTS();
	return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

static bool
leads(const VectorWork *work, size_t i)
{
	return i == 0 || memcmp(&work->entry[i - 1].hash, &work->entry[i].hash, sizeof(UimlTextHash)) != 0;
}

/* The leader of a text, NULL where there is no such text. */
static TextEntry *
find_entry(const VectorWork *work, const UimlTextHash *hash)
{
	size_t low = 0;
	size_t high = work->n_entries;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (memcmp(&work->entry[middle].hash, hash, sizeof(UimlTextHash)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == work->n_entries || memcmp(&work->entry[low].hash, hash, sizeof(UimlTextHash)) != 0)
		return NULL;
	return &work->entry[low];
}

static void
add_entry(VectorWork *work, size_t row, const char *utf8, size_t length)
{
	TextEntry *entry = &work->entry[work->n_entries++];

	entry->hash = uiml_text_hash(work->hasher, utf8, length);
	entry->row = (uint32) row;
	entry->state = ENTRY_MISSING;
	work->v->embedded += row < work->v->source->items.n;
}

static void
sort_entries(VectorWork *work)
{
	UimlTextVectors *v = work->v;
	uint64 compared = 0;

	qsort_arg(work->entry, work->n_entries, sizeof(TextEntry), compare_entries, &compared);
	v->item = MemoryContextAllocHuge(CurrentMemoryContext, Max(work->n_entries, 1) * sizeof(uint32));
	for (size_t i = 0; i < work->n_entries; i++)
	{
		if (!leads(work, i))
			continue;
		v->n_distinct++;
		if (work->entry[i].row < v->source->items.n)
			v->item[v->n_items++] = work->entry[i].row;
	}
	work->n_missing = v->n_distinct;
}

/* --- vectors that were made before ---------------------------------------------------------------------- */

static void
add_stale(VectorWork *work, const UimlTextHash *hash)
{
	if (!work->v->keep)
		return;
	if (work->n_stale == work->stale_capacity)
	{
		work->stale_capacity = Max(2 * work->stale_capacity, 1024);
		work->stale = work->stale == NULL
						  ? palloc(work->stale_capacity * sizeof(UimlTextHash))
						  : repalloc_huge(work->stale, work->stale_capacity * sizeof(UimlTextHash));
	}
	work->stale[work->n_stale++] = *hash;
}

static bool
usable(const UimlVectorView *vector, size_t dims)
{
	if ((size_t) vector->dim != dims)
		return false;
	for (size_t j = 0; j < dims; j++)
	{
		float x;

		memcpy(&x, vector->x + j, sizeof(x)); /* perhaps not aligned */
		if (!isfinite(x))
			return false;
	}
	return true;
}

/* A row of the table; one that no encoder wrote is made anew. */
static void
take_cached(void *ctx, const UimlTextHash *hash, const UimlVectorView *vector)
{
	VectorWork *work = ctx;
	TextEntry *entry = find_entry(work, hash);

	if (entry == NULL || !usable(vector, work->dims))
	{
		add_stale(work, hash);
		return;
	}
	if (entry->state != ENTRY_MISSING)
		return;
	memcpy(work->v->x + (size_t) entry->row * work->dims, vector->x, work->dims * sizeof(float));
	entry->state = ENTRY_KNOWN;
	work->n_missing--;
}

static void
take_remembered(VectorWork *work)
{
	const UimlTextMemory *memory = work->v->memory;

	if (memory == NULL || memory->digest != work->v->digest)
		return;
	for (size_t i = 0; i < memory->n; i++)
	{
		UimlVectorView view = {.x = memory->x + i * work->dims, .dim = (int) work->dims};

		take_cached(work, &memory->hash[i], &view);
	}
}

/* --- vectors that are missing --------------------------------------------------------------------------- */

static void
encode_batch(VectorWork *work)
{
	UimlTextVectors *v = work->v;

	check_encoded(work, uiml_encoder_embed_all(v->env, v->encoder, work->text, work->n_batch, work->made));
	for (size_t i = 0; i < work->n_batch; i++)
	{
		memcpy(v->x + (size_t) work->leader[i]->row * work->dims, work->made + i * work->dims,
			   work->dims * sizeof(float));
		work->leader[i]->state = ENTRY_ENCODED;
	}
	v->n_encoded += work->n_batch;
	work->n_batch = 0;
	work->batch_bytes = 0;
	MemoryContextReset(work->batch_context);
	uiml_budget_used(v->budget);
	if (v->env->progress != NULL)
		v->env->progress(v->env->ctx, "encoding texts", (double) v->n_encoded, (double) work->n_missing);
}

/* A text whose hash is not known was another one when hashes were taken. */
static void
queue_text(VectorWork *work, size_t row, const char *utf8, size_t length)
{
	UimlTextHash hash = uiml_text_hash(work->hasher, utf8, length);
	TextEntry *entry = find_entry(work, &hash);
	char *copy;

	(void) row;
	if (entry == NULL || entry->state != ENTRY_MISSING)
		return;
	copy = MemoryContextAllocHuge(work->batch_context, Max(length, 1));
	memcpy(copy, utf8, length);
	work->text[work->n_batch] = (UimlText){.text = copy, .length = length};
	work->leader[work->n_batch++] = entry;
	work->batch_bytes += length;
	entry->state = ENTRY_QUEUED;
	if (work->n_batch == BATCH_TEXTS || work->batch_bytes >= BATCH_BYTES)
		encode_batch(work);
}

static void
encode_missing(VectorWork *work)
{
	UimlTextVectors *v = work->v;

	if (work->n_missing == 0)
		return;
	work->batch_context =
		AllocSetContextCreate(CurrentMemoryContext, "uiml batch of texts", ALLOCSET_DEFAULT_SIZES);
	work->made = palloc(BATCH_TEXTS * work->dims * sizeof(float));
	if (v->env->progress != NULL)
		v->env->progress(v->env->ctx, "encoding texts", 0, (double) work->n_missing);
	each_text(work, queue_text);
	if (work->n_batch > 0)
		encode_batch(work);
	pfree(work->made);
	MemoryContextDelete(work->batch_context);
}

/* Hashes and rows of what was encoded. */
static size_t
list_encoded(const VectorWork *work, UimlTextHash *hash, uint32 *at)
{
	size_t n = 0;

	for (size_t i = 0; i < work->n_entries; i++)
	{
		if (work->entry[i].state != ENTRY_ENCODED)
			continue;
		hash[n] = work->entry[i].hash;
		at[n++] = work->entry[i].row;
	}
	return n;
}

/* For the next run of the call, if there is room. */
static void
remember(const VectorWork *work, const UimlTextHash *hash, const uint32 *at, size_t n)
{
	UimlTextMemory *memory = work->v->memory;
	size_t row_bytes = work->dims * sizeof(float);

	if (memory == NULL || n == 0 || memory->n > 0 ||
		!uiml_budget_fits(work->v->budget, n * (row_bytes + sizeof(UimlTextHash))))
		return;
	memory->digest = work->v->digest;
	memory->hash = MemoryContextAllocHuge(memory->context, n * sizeof(UimlTextHash));
	memory->x = MemoryContextAllocHuge(memory->context, n * row_bytes);
	memcpy(memory->hash, hash, n * sizeof(UimlTextHash));
	for (size_t i = 0; i < n; i++)
		memcpy(memory->x + i * work->dims, work->v->x + (size_t) at[i] * work->dims, row_bytes);
	memory->n = n;
}

static void
keep_encoded(VectorWork *work)
{
	UimlTextVectors *v = work->v;
	size_t n = v->n_encoded;
	UimlTextHash *hash = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(UimlTextHash));
	uint32 *at = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(uint32));

	n = list_encoded(work, hash, at);
	if (v->keep)
	{
		uiml_text_cache_forget(v->domain, v->digest, work->stale, work->n_stale);
		if (n > 0)
			uiml_text_cache_add(v->domain, v->digest, hash, v->x, work->dims, at, n);
	}
	else
		remember(work, hash, at, n);
	pfree(at);
	pfree(hash);
}

/* Equal texts have equal vectors. */
static void
spread(const VectorWork *work)
{
	const UimlTextVectors *v = work->v;
	size_t leader = 0;

	for (size_t i = 0; i < work->n_entries; i++)
	{
		if (leads(work, i))
			leader = work->entry[i].row;
		else
			memcpy(v->x + (size_t) work->entry[i].row * work->dims, v->x + leader * work->dims,
				   work->dims * sizeof(float));
	}
}

/* --- encoders that are as fast as a table --------------------------------------------------------------- */

static void
embed_now(VectorWork *work, size_t row, const char *utf8, size_t length)
{
	UimlTextVectors *v = work->v;

	check_encoded(work, uiml_encoder_embed(v->env, v->encoder, utf8, length, v->x + row * work->dims));
	v->n_encoded++;
	if (work->entry != NULL)
		add_entry(work, row, utf8, length);
	else
		v->embedded += row < v->source->items.n;
}

void
uiml_text_vectors(UimlTextVectors *v)
{
	VectorWork *work = palloc0(sizeof(VectorWork));
	size_t n_rows = v->source->items.n + v->source->texts.n;

	work->v = v;
	work->dims = v->encoder->dims;
	work->row_context = AllocSetContextCreate(CurrentMemoryContext, "uiml text", ALLOCSET_DEFAULT_SIZES);
	if (v->digest != 0 || v->distinct)
	{
		work->entry = MemoryContextAllocHuge(CurrentMemoryContext, Max(n_rows, 1) * sizeof(TextEntry));
		work->hasher = uiml_text_hasher();
	}
	each_text(work, v->digest != 0 ? add_entry : embed_now);
	if (work->entry != NULL)
		sort_entries(work);
	if (v->digest != 0)
	{
		uiml_text_cache_read(v->domain, v->digest, take_cached, work);
		take_remembered(work);
		encode_missing(work);
		keep_encoded(work);
		spread(work);
	}
	if (work->entry != NULL)
	{
		pg_cryptohash_free(work->hasher);
		pfree(work->entry);
	}
	MemoryContextDelete(work->row_context);
	pfree(work);
}
