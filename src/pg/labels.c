/*
 * labels.c
 *	  What interests are called.
 *
 * Items are typical of their interest by their cosine to its centroid, times the logarithm of their users: the cosine
 * alone would name items hardly anybody knows.  An interest's words are those that the texts of its typical items use more than
 * the texts of others do (class-based TF-IDF, core/terms.h); the first three make its label.  Without texts the label
 * lists the most typical items.
 *
 * The core counts UTF-8; in a database of another encoding texts are converted, and words that the encoding cannot
 * hold once they are folded are left out.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/terms.h"
#include "pg/env.h"
#include "pg/labels.h"

#define LABEL_TERMS    3
#define STORED_TERMS   10
#define TYPICAL_ITEMS  5
#define LABEL_ITEMS    3
#define SPEAKING_ITEMS 30
#define TITLE_BYTES    500 /* longer titles are cut: they are shown in lists */

typedef struct LabelReader
{
	const UimlModel *model;
	UimlLabels *labels;
	UimlTerms *terms;
	MemoryContext titles;
	MemoryContext work;
	float *typicality; /* by item */
	uint32 *order;     /* items by interest, most typical first */
	uint32 *rank;      /* by item: its place in its interest */
} LabelReader;

/* --- texts ----------------------------------------------------------------------------------------------------- */

static void
count_text(LabelReader *reader, uint32 interest, const char *text)
{
	const char *utf8 = text;
	UimlStatus status;

	/* Bytes of unknown encoding may be UTF-8; the core passes over those that are not. */
	if (GetDatabaseEncoding() != PG_SQL_ASCII)
		utf8 = (const char *) pg_server_to_any(text, (int) strlen(text), PG_UTF8);
	status = uiml_terms_add(reader->terms, interest, utf8, strlen(utf8));

	/* A full table goes on counting the words it knows, the frequent ones among them. */
	if (status != UIML_ELIMIT)
		uiml_check(status, "words of item texts");
}

/*
 * Words are counted over this many of an interest's most typical items: those at its fringe are what nobody would name it
 * after, and among the rarely used ones the clustering itself is a guess.
 */
static uint32
speaking_items(const LabelReader *reader, uint32 interest)
{
	return (uint32) Max(reader->labels->label[interest].n_items / 4, SPEAKING_ITEMS);
}

static void
add_text(void *ctx, uint32 item, const char *title, const char *text)
{
	LabelReader *reader = ctx;
	uint32 interest = reader->model->interest[item];

	if (title[0] != '\0')
		reader->labels->title[item] = MemoryContextStrdup(
			reader->titles, pnstrdup(title, (Size) pg_mbcliplen(title, (int) strlen(title), TITLE_BYTES)));
	if (interest != UINT32_MAX && reader->rank[item] < speaking_items(reader, interest))
		count_text(reader, interest, text);
}

/* A UTF-8 word in the database encoding, or NULL where that cannot hold it. */
static char *
server_word(const char *utf8, size_t length)
{
	int encoding = GetDatabaseEncoding();
	Oid conversion;
	char *word;
	int converted;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return pnstrdup(utf8, length);
	conversion = FindDefaultConversionProc(PG_UTF8, encoding);
	if (!OidIsValid(conversion))
		return NULL;
	word = palloc(length * MAX_CONVERSION_GROWTH + 1);
	converted = pg_do_encoding_conversion_buf(
		conversion, PG_UTF8, encoding, (unsigned char *) unconstify(char *, utf8), (int) length,
		(unsigned char *) word, (int) (length * MAX_CONVERSION_GROWTH + 1), true);
	return converted == (int) length ? word : NULL;
}

static List *
top_terms(UimlTerms *terms, uint32 interest)
{
	const char *term[STORED_TERMS];
	size_t length[STORED_TERMS];
	size_t found;
	List *list = NIL;

	uiml_check(uiml_terms_top(terms, interest, STORED_TERMS, term, length, NULL, &found), "labels");
	for (size_t i = 0; i < found; i++)
	{
		char *word = server_word(term[i], length[i]);

		if (word != NULL)
			list = lappend(list, word);
	}
	return list;
}

/* --- typical items --------------------------------------------------------------------------------------------- */

/* Items sit at v sigma in the space of the centroids; in-vectors are a positive multiple of v. */
static double
typicality(const UimlModel *model, size_t item, uint32 users)
{
	const float *in = model->in + item * model->dims;
	const float *centroid = model->centroid + model->interest[item] * model->dims;
	double dot = 0;
	double square = 0;

	for (size_t j = 0; j < model->dims; j++)
	{
		double x = in[j] * model->sigma[j];

		dot += x * centroid[j];
		square += x * x;
	}
	return square > 0 ? dot / sqrt(square) * log2(1 + (double) users) : 0;
}

static int
compare_typical(const void *a, const void *b, void *arg)
{
	const LabelReader *reader = arg;
	uint32 x = *(const uint32 *) a;
	uint32 y = *(const uint32 *) b;
	uint32 p = reader->model->interest[x];
	uint32 q = reader->model->interest[y];

	if (p != q)
		return p < q ? -1 : 1;
	if (reader->typicality[x] != reader->typicality[y])
		return reader->typicality[x] > reader->typicality[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Orders items by interest, most typical first; those of no interest come last. */
static void
rank_items(LabelReader *reader, const uint32 *item_users)
{
	const UimlModel *model = reader->model;
	UimlLabels *labels = reader->labels;
	size_t n = model->n_items;

	reader->typicality = MemoryContextAllocHuge(reader->work, Max(n, 1) * sizeof(float));
	reader->order = MemoryContextAllocHuge(reader->work, Max(n, 1) * sizeof(uint32));
	reader->rank = MemoryContextAllocHuge(reader->work, Max(n, 1) * sizeof(uint32));
	for (size_t i = 0; i < n; i++)
	{
		bool has_interest = model->interest[i] != UINT32_MAX;

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		reader->order[i] = (uint32) i;
		reader->typicality[i] = has_interest ? (float) typicality(model, i, item_users[i]) : 0;
		if (has_interest)
			labels->label[model->interest[i]].n_items++;
	}
	qsort_arg(reader->order, n, sizeof(uint32), compare_typical, reader);
	for (size_t i = 0; i < n; i++)
	{
		bool first = i == 0 || model->interest[reader->order[i]] != model->interest[reader->order[i - 1]];

		reader->rank[reader->order[i]] = first ? 0 : reader->rank[reader->order[i - 1]] + 1;
	}
}

static void
name_typical(LabelReader *reader, const UimlSource *source)
{
	UimlLabels *labels = reader->labels;

	for (size_t i = 0; i < reader->model->n_items; i++)
	{
		uint32 item = reader->order[i];
		uint32 interest = reader->model->interest[item];
		char *name = labels->title[item];

		if (interest == UINT32_MAX || reader->rank[item] >= TYPICAL_ITEMS)
			continue;
		if (name == NULL)
			name = text_to_cstring(uiml_key_as_text(source->items.type, source->items.key[item]));
		labels->label[interest].typical = lappend(labels->label[interest].typical, name);
	}
}

/* --- labels ----------------------------------------------------------------------------------------------------- */

static char *
join(const List *words, int n)
{
	StringInfoData joined;
	ListCell *cell;

	initStringInfo(&joined);
	foreach (cell, words)
	{
		if (foreach_current_index(cell) >= n)
			break;
		appendStringInfo(&joined, "%s%s", joined.len > 0 ? ", " : "", (char *) lfirst(cell));
	}
	return joined.data;
}

static bool
is_taken(const UimlLabels *labels, size_t n, const char *label)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(labels->label[i].label, label) == 0)
			return true;
	return false;
}

/* The first few words; more of them, then a number, where another interest has the same. */
static char *
unique_label(const UimlLabels *labels, size_t interest)
{
	const UimlLabel *own = &labels->label[interest];
	const List *words = own->terms != NIL ? own->terms : own->typical;
	int n = own->terms != NIL ? LABEL_TERMS : LABEL_ITEMS;
	char *base = words != NIL ? join(words, n) : psprintf("interest %zu", interest + 1);
	char *label = base;

	while (is_taken(labels, interest, label) && n < list_length(words))
		label = join(words, ++n);
	for (int number = 2; is_taken(labels, interest, label); number++)
		label = psprintf("%s (%d)", base, number);
	return label;
}

static void
read_texts(LabelReader *reader, const UimlDomain *domain, const UimlSource *source, UimlBudget *budget)
{
	UimlLabels *labels = reader->labels;
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, reader->work, NULL, NULL);
	size_t used = uiml_budget_used(budget);
	size_t room = used < budget->limit ? budget->limit - used : 0;

	/* Half of what is left, and enough for the words of a language whatever is left. */
	reader->terms = uiml_terms_create(&env, labels->n, Max(room / 2, (size_t) 4 * 1024 * 1024));
	if (reader->terms == NULL)
		uiml_check(UIML_ENOMEM, "labels");
	uiml_source_texts(domain, source, add_text, reader);
	uiml_budget_used(budget);
	for (size_t j = 0; j < labels->n; j++)
	{
		CHECK_FOR_INTERRUPTS();
		labels->label[j].terms = top_terms(reader->terms, (uint32) j);
	}
	uiml_terms_destroy(reader->terms);
}

UimlLabels *
uiml_labels_find(const UimlDomain *domain, const UimlSource *source, const UimlModel *model,
				 const uint32 *item_users, UimlBudget *budget, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	UimlLabels *labels = palloc0(sizeof(UimlLabels));
	LabelReader reader = {.model = model,
						  .labels = labels,
						  .titles = context,
						  .work = AllocSetContextCreate(context, "uiml labels", ALLOCSET_DEFAULT_SIZES)};

	labels->n = model->n_interests;
	labels->label = palloc0(Max(labels->n, 1) * sizeof(UimlLabel));
	labels->title = MemoryContextAllocExtended(context, Max(model->n_items, 1) * sizeof(char *),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	rank_items(&reader, item_users);
	read_texts(&reader, domain, source, budget);
	name_typical(&reader, source);
	for (size_t j = 0; j < labels->n; j++)
		labels->label[j].label = unique_label(labels, j);
	MemoryContextDelete(reader.work);
	MemoryContextSwitchTo(old);
	return labels;
}
