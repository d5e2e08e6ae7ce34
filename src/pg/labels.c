/*
 * labels.c
 *	  What interests are called.
 *
 * Items are typical of their interest by their cosine to its centroid, times the logarithm of their users:
 * the cosine alone would name items hardly anybody knows.
 *
 * An interest's words are those that the texts of its items use more than the texts of others do (class-based
 * TF-IDF, core/terms.h).  A text counts by the square root of its item's users: the many items that few know
 * must not outvote those which the interest is known for, nor a handful of these all others.  Measured on
 * three clusterings of movielens-small and two of movielens-1m: how much larger the share of an interest's
 * events is, whose items have a word of the label, than that of other events (mean over interests by share);
 * and how many words of labels are in less than 3 % of their interest's events:
 *
 *	weight			  1		 log users	sqrt users	sqrt users * cosine^2	users
 *	difference		.313	   .333		   .330				.327			 .321
 *	rare words	   11 of 261  6 of 266	 1 of 268		  7 of 274		   0 of 272
 *
 * The label is the first words that mark the interest, up to three.  Where fewer than two do, as in an
 * interest that is about an age or a taste which the texts don't tell, a typical item's title completes it;
 * likewise where another interest has the same words (or more words do, where no title fits).  Without such
 * words the label lists typical items.  It is kept within LABEL_WIDTH columns if possible.
 *
 * The core counts UTF-8; in a database of another encoding texts are converted, and words that the encoding
 * cannot hold once they are folded are left out.
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/terms.h"
#include "pg/env.h"
#include "pg/labels.h"
#include "pg/utf8.h"

#define LABEL_TERMS       3
#define STORED_TERMS      10
#define TYPICAL_ITEMS     5
#define LABEL_ITEMS       3
#define LABEL_WIDTH       40 /* columns: labels are read in tables */
#define TITLE_WIDTH       12 /* columns that a title must get in a label with words */
#define UNKNOWN_WIDTH     64 /* bytes of a title whose column was never analysed */
#define INTERRUPT_COMPARE 0xffff
#define TITLE_BYTES       500 /* longer titles are cut: they are shown in lists */

/* How many of an interest's words mark it, and how many are tendencies at least. */
typedef struct Strength
{
	int marks;
	int fair;
} Strength;

typedef struct LabelReader
{
	const UimlModel *model;
	const uint32 *item_users;
	UimlLabels *labels;
	UimlTerms *terms;
	MemoryContext titles;
	MemoryContext work;
	float *typicality;  /* by item */
	uint32 *order;      /* items by interest, most typical first */
	uint32 *rank;       /* by item: its place in its interest */
	Strength *strength; /* by interest */
	uint64 compared;
} LabelReader;

/* --- texts ---------------------------------------------------------------------------------------------- */

static void
count_text(LabelReader *reader, uint32 interest, double weight, const char *text)
{
	size_t length;
	const char *utf8 = uiml_utf8_from_server(text, strlen(text), &length);
	UimlStatus status = uiml_terms_add(reader->terms, interest, weight, utf8, length);

	/* A full table goes on counting the words it knows, the frequent ones among them. */
	if (status != UIML_ELIMIT)
		uiml_check(status, "words of item texts");
}

static void
add_text(void *ctx, uint32 item, const char *title, const char *text)
{
	LabelReader *reader = ctx;
	uint32 interest = reader->model->interest[item];

	if (title[0] != '\0')
		reader->labels->title[item] = MemoryContextStrdup(
			reader->titles, pnstrdup(title, (Size) pg_mbcliplen(title, (int) strlen(title), TITLE_BYTES)));
	if (interest != UINT32_MAX && reader->item_users[item] > 0)
		count_text(reader, interest, sqrt((double) reader->item_users[item]), text);
}

static List *
top_terms(UimlTerms *terms, uint32 interest, Strength *strength)
{
	UimlTermGrade grade[STORED_TERMS];
	const char *term[STORED_TERMS];
	size_t length[STORED_TERMS];
	size_t found;
	List *list = NIL;

	uiml_check(uiml_terms_top(terms, interest, STORED_TERMS, term, length, NULL, grade, &found), "labels");
	for (size_t i = 0; i < found; i++)
	{
		char *word = uiml_utf8_to_server(term[i], length[i]);

		if (word == NULL)
			continue;
		list = lappend(list, word);
		strength->marks += grade[i] == UIML_TERM_MARK;
		strength->fair += grade[i] >= UIML_TERM_TENDENCY;
	}
	return list;
}

/* --- typical items -------------------------------------------------------------------------------------- */

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
	LabelReader *reader = arg;
	uint32 x = *(const uint32 *) a;
	uint32 y = *(const uint32 *) b;
	uint32 p = reader->model->interest[x];
	uint32 q = reader->model->interest[y];

	if ((++reader->compared & INTERRUPT_COMPARE) == 0)
		CHECK_FOR_INTERRUPTS();
	if (p != q)
		return p < q ? -1 : 1;
	if (reader->typicality[x] != reader->typicality[y])
		return reader->typicality[x] > reader->typicality[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Orders items by interest, most typical first; those of no interest come last. */
static void
rank_items(LabelReader *reader)
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
		reader->typicality[i] = has_interest ? (float) typicality(model, i, reader->item_users[i]) : 0;
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

/* --- labels --------------------------------------------------------------------------------------------- */

/* Columns that a character takes; line ends and tabs become spaces in a label. */
static int
columns(const char *character)
{
	return (unsigned char) *character < ' ' ? 1 : Max(pg_dsplen(character), 0);
}

static int
width(const char *text)
{
	int n = 0;

	for (; *text != '\0'; text += pg_mblen(text))
		n += columns(text);
	return n;
}

/* A title in at most room columns: what is longer ends after a word and three dots. */
static char *
cut_title(const char *title, int room)
{
	const char *end = title;
	const char *word_end = NULL;
	int n = 0;

	if (width(title) <= room)
		return pstrdup(title);
	for (; n + columns(end) <= room - 3; end += pg_mblen(end))
	{
		if ((unsigned char) *end <= ' ')
			word_end = end;
		n += columns(end);
	}
	if ((unsigned char) *end > ' ' && word_end != NULL)
		end = word_end;
	return psprintf("%.*s...", (int) (end - title), title);
}

/* The first n words, but for those that don't fit beside the ones before. */
static char *
join(const List *words, int n)
{
	StringInfoData joined;

	initStringInfo(&joined);
	for (int i = 0; i < n && i < list_length(words); i++)
	{
		const char *word = list_nth(words, i);

		if (i == 0)
			appendStringInfoString(&joined, word);
		else if (width(joined.data) + 2 + width(word) <= LABEL_WIDTH)
			appendStringInfo(&joined, ", %s", word);
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

/*
 * Whether an interest before has the same first n words, and no more, in whatever order: who would tell them
 * apart?
 */
static bool
words_taken(const LabelReader *reader, size_t interest, int n)
{
	const UimlLabel *label = reader->labels->label;

	for (size_t i = 0; i < interest; i++)
	{
		int same = 0;

		if (Min(reader->strength[i].marks, LABEL_TERMS) != n)
			continue;
		for (int x = 0; x < n; x++)
			for (int y = 0; y < n; y++)
				same += strcmp(list_nth(label[interest].terms, x), list_nth(label[i].terms, y)) == 0;
		if (same == n)
			return true;
	}
	return false;
}

/*
 * The first n words and the first typical item that fits beside them and makes the label unique; NULL if none
 * does.
 */
static char *
label_with_title(const UimlLabels *labels, size_t interest, int n, bool may_cut)
{
	const UimlLabel *own = &labels->label[interest];
	char *words = join(own->terms, n);
	int room = LABEL_WIDTH - 2 - width(words);
	ListCell *cell;

	if (room < TITLE_WIDTH)
		return NULL;
	foreach (cell, own->typical)
	{
		const char *title = lfirst(cell);
		char *label = psprintf("%s, %s", words, cut_title(title, room));

		if ((may_cut || width(title) <= room) && !is_taken(labels, interest, label))
			return label;
	}
	return NULL;
}

/*
 * More marks than the first n, which are taken: they say more than half a title.  NULL where there are none.
 */
static char *
label_with_more_words(const LabelReader *reader, size_t interest, int n)
{
	while (++n <= reader->strength[interest].marks)
	{
		char *label = join(reader->labels->label[interest].terms, n);

		if (!is_taken(reader->labels, interest, label))
			return label;
	}
	return NULL;
}

/* Titles instead of words: as many as fit, the first cut where it alone doesn't. */
static char *
label_of_titles(const UimlLabel *own)
{
	if (own->typical == NIL)
		return NULL;
	if (width(linitial(own->typical)) > LABEL_WIDTH)
		return cut_title(linitial(own->typical), LABEL_WIDTH);
	return join(own->typical, LABEL_ITEMS);
}

/* The best label, which another interest may have already. */
static char *
wanted_label(const LabelReader *reader, size_t interest)
{
	const UimlLabels *labels = reader->labels;
	const UimlLabel *own = &labels->label[interest];
	const Strength *strength = &reader->strength[interest];
	int n = Min(strength->marks, LABEL_TERMS);
	char *label = NULL;

	if (n >= 2 && !words_taken(reader, interest, n))
		label = join(own->terms, n);
	if (label != NULL && !is_taken(labels, interest, label))
		return label;
	label = NULL;
	if (strength->fair > 0)
		label = label_with_title(labels, interest, Min(Max(n, 1), LABEL_TERMS - 1), false);
	if (label == NULL && n >= 2)
		label = label_with_more_words(reader, interest, n);
	if (label == NULL && strength->fair > 0)
		label = label_with_title(labels, interest, 1, true);
	if (label == NULL)
		label = label_of_titles(own);
	return label != NULL ? label : psprintf("interest %zu", interest + 1);
}

static char *
unique_label(const LabelReader *reader, size_t interest)
{
	char *wanted = wanted_label(reader, interest);
	char *label = wanted;

	for (char *c = wanted; *c != '\0'; c++)
		*c = (unsigned char) *c < ' ' ? ' ' : *c;
	for (int number = 2; is_taken(reader->labels, interest, label); number++)
		label = psprintf("%s (%d)", wanted, number);
	return label;
}

/* What the titles will take, by the statistics of their column. */
static size_t
titles_memory(const UimlDomain *domain, size_t n_items)
{
	bool from_items = OidIsValid(domain->items);
	Oid relation = from_items ? domain->items : domain->events;
	const List *columns = from_items ? domain->item_text : domain->text_cols;
	int32 width;

	if (columns == NIL)
		return 0;
	width = get_attavgwidth(relation, get_attnum(relation, linitial(columns)));
	width = width > 0 ? Min(width, TITLE_BYTES) : UNKNOWN_WIDTH;

	/* Chunks have a header, and a power of two for their size. */
	return n_items * (16 + (size_t) width * 4 / 3);
}

static void
read_texts(LabelReader *reader, const UimlDomain *domain, const UimlSource *source, UimlBudget *budget)
{
	UimlLabels *labels = reader->labels;
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, reader->work, NULL, NULL);
	size_t used = uiml_budget_used(budget) + titles_memory(domain, reader->model->n_items);
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
		labels->label[j].terms = top_terms(reader->terms, (uint32) j, &reader->strength[j]);
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
						  .item_users = item_users,
						  .labels = labels,
						  .titles = context,
						  .work = AllocSetContextCreate(context, "uiml labels", ALLOCSET_DEFAULT_SIZES)};

	labels->n = model->n_interests;
	labels->label = palloc0(Max(labels->n, 1) * sizeof(UimlLabel));
	labels->title = MemoryContextAllocExtended(context, Max(model->n_items, 1) * sizeof(char *),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	reader.strength = MemoryContextAllocZero(reader.work, Max(labels->n, 1) * sizeof(Strength));
	rank_items(&reader);
	read_texts(&reader, domain, source, budget);
	name_typical(&reader, source);
	for (size_t j = 0; j < labels->n; j++)
		labels->label[j].label = unique_label(&reader, j);
	MemoryContextDelete(reader.work);
	MemoryContextSwitchTo(old);
	return labels;
}
