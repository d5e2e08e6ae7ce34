/*
 * terms_top.c
 *	  The terms that label a class.
 *
 * c-TF-IDF alone gives labels that people don't recognise, for three reasons; each has its remedy here.
 *
 * Terms common everywhere.  The weight is tf times a logarithm, so a term of half of all texts outweighs one
 * of every tenth text of one class.  The weight is therefore multiplied by min(1, log2 lift), lift being the
 * term's share of the class's texts over its share of all other texts: from a lift of 2 it counts in full,
 * and a term that is no more frequent than elsewhere says nothing.
 *
 * Rare names.  A term of few texts tells little about its class, however rare it is elsewhere.  A term is
 * well supported where MIN_TEXTS texts have it and we can be fairly sure that it holds for MIN_SHARE of the
 * class, MIN_WORD_SHARE for words, which recur more than pairs of characters do (a label "western" of 1990s
 * hits on movielens-small rested on one text of 25): the lower end of Wilson's interval (1927), with Kish's
 * effective number of texts (1965), since texts have weights.
 *
 * Terms that tell little.  A well-supported term marks its class where its lift is 2 or its share exceeds
 * that elsewhere by MIN_EXCESS; below, it is a tendency, down to MIN_LIFT.  Marks come first, then
 * tendencies, then the rest.
 *
 * Pairs of characters are not words.  A pair grows by the character that follows or precedes it in at least
 * MIN_COHESION of the texts which have the pair; triples of characters, counted beside the pairs, prove it.
 * So "ren gong", "gong zhi" and "zhi neng" become one term of four characters, artificial intelligence, while
 * a pair that is a word of its own stays as it is.  What a chosen term contains, or is contained in, is
 * skipped.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "core/terms_table.h"
#include "core/tfidf.h"

#define MARKING_LIFT   2.0
#define MIN_EXCESS     0.1
#define MIN_LIFT       1.25
#define MIN_TEXTS      2
#define MIN_SHARE      0.02
#define MIN_WORD_SHARE 0.04
#define SUPPORT_Z      1.645 /* 95 % one-sided */
#define MIN_COHESION   0.7

typedef struct Candidate
{
	const UimlTerm *term;
	double count;  /* in the class */
	double weight; /* c-TF-IDF */
	double score;  /* what candidates are ordered by */
	UimlTermGrade grade;
} Candidate;

/* A class at work: its candidates in order, and its triples that occur more than once. */
typedef struct ClassTerms
{
	Candidate *candidate;
	size_t n_candidates;
	const UimlTermCell **triple;
	size_t n_triples;
} ClassTerms;

/* Sums over all classes. */
typedef struct Totals
{
	double terms;
	double texts;
} Totals;

/* A pair and what it has grown to. */
typedef struct Label
{
	char text[UIML_TERM_MAX_LENGTH];
	size_t length;
	size_t first_length; /* bytes of its first two characters */
	size_t last_length;  /* bytes of its last two */
} Label;

/* Best first: grade, score, then byte order. */
static int
compare_candidates(const void *a, const void *b)
{
	const Candidate *x = a;
	const Candidate *y = b;
	size_t common = x->term->length < y->term->length ? x->term->length : y->term->length;
	int order;

	if (x->grade != y->grade)
		return x->grade > y->grade ? -1 : 1;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	order = memcmp(x->term->text, y->term->text, common);
	return order != 0 ? order : (x->term->length > y->term->length) - (x->term->length < y->term->length);
}

/*
 * The share of the class's texts that have a term, over that of all other texts; infinite where these don't
 * have it.  What is left of a sum of weights when all have been taken from it may not be exactly nothing.
 */
static double
term_lift(double in_class, double class_total, double everywhere, double total)
{
	double elsewhere = everywhere - in_class;

	return elsewhere > everywhere * 1e-9 ? in_class / elsewhere * ((total - class_total) / class_total)
										 : INFINITY;
}

/* The lower end of Wilson's interval of a share of n texts. */
static double
wilson_low(double share, double n)
{
	double z2 = SUPPORT_Z * SUPPORT_Z;
	double spread = SUPPORT_Z * sqrt(fmax(0, share * (1 - share) / n) + z2 / (4 * n * n));

	return (share + z2 / (2 * n) - spread) / (1 + z2 / n);
}

static UimlTermGrade
term_grade(const UimlTerms *terms, const UimlTermCell *cell, double lift)
{
	double texts = terms->class_texts[cell->class_number];
	double share = cell->count / texts;
	double n = texts * texts / terms->class_squares[cell->class_number];
	int kind = terms->term[cell->term].kind;

	if (kind == UIML_TERM_CHARACTER || cell->texts < MIN_TEXTS || lift < MIN_LIFT ||
		wilson_low(share, n) < (kind == UIML_TERM_WORD ? MIN_WORD_SHARE : MIN_SHARE))
		return UIML_TERM_WEAK;
	return lift >= MARKING_LIFT || share - share / lift >= MIN_EXCESS ? UIML_TERM_MARK : UIML_TERM_TENDENCY;
}

/* False when the term says nothing for the class. */
static bool
candidate_make(const UimlTerms *terms, const UimlTermCell *cell, const Totals *totals, Candidate *candidate)
{
	const UimlTerm *term = &terms->term[cell->term];
	double mean = totals->terms / (double) terms->n_classes;
	double lift = term_lift(cell->count, terms->class_texts[cell->class_number], term->count, totals->texts);

	candidate->term = term;
	candidate->count = cell->count;
	candidate->weight =
		uiml_class_tfidf_weight(cell->count, terms->class_terms[cell->class_number], term->count, mean);
	candidate->score = candidate->weight * fmin(1, log2(lift));
	candidate->grade = term_grade(terms, cell, lift);
	return lift > 1;
}

/* Fills the class's candidates, in order, and triples. */
static void
class_collect(const UimlTerms *terms, uint32_t class_number, ClassTerms *class)
{
	Totals totals = {0};

	for (size_t c = 0; c < terms->n_classes; c++)
	{
		totals.terms += terms->class_terms[c];
		totals.texts += terms->class_texts[c];
	}
	for (size_t i = 0; i < terms->n_cells; i++)
	{
		const UimlTermCell *cell = &terms->cell[i];

		if (cell->texts == 0 || cell->class_number != class_number)
			continue;
		if (terms->term[cell->term].kind != UIML_TERM_TRIPLE)
			class->n_candidates +=
				candidate_make(terms, cell, &totals, &class->candidate[class->n_candidates]);
		else if (cell->texts >= 2)
			class->triple[class->n_triples++] = cell;
	}
	qsort(class->candidate, class->n_candidates, sizeof(Candidate), compare_candidates);
}

/* How many cells of a class hold candidates, and how many triples that occur more than once. */
static void
class_count(const UimlTerms *terms, uint32_t class_number, size_t *n_candidates, size_t *n_triples)
{
	*n_candidates = *n_triples = 0;
	for (size_t i = 0; i < terms->n_cells; i++)
	{
		const UimlTermCell *cell = &terms->cell[i];

		if (cell->texts == 0 || cell->class_number != class_number)
			continue;
		if (terms->term[cell->term].kind != UIML_TERM_TRIPLE)
			(*n_candidates)++;
		else if (cell->texts >= 2)
			(*n_triples)++;
	}
}

/* ---------- growing pairs ---------- */

static bool
is_mark(utf8proc_int32_t c)
{
	utf8proc_category_t category = utf8proc_category(c);

	return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
		   category == UTF8PROC_CATEGORY_ME;
}

/* Bytes of the first character of a text, with its marks. */
static size_t
first_character(const char *text, size_t length)
{
	size_t at = 0;

	while (at < length)
	{
		utf8proc_int32_t c;
		utf8proc_ssize_t used =
			utf8proc_iterate((const utf8proc_uint8_t *) text + at, (utf8proc_ssize_t) (length - at), &c);

		if (used <= 0 || (at > 0 && !is_mark(c)))
			break;
		at += (size_t) used;
	}
	return at;
}

/* Whether a triple continues the label: without its last, or first, character it is the label's end. */
static bool
triple_continues(const UimlTerm *triple, const Label *label, bool forward)
{
	size_t head = first_character(triple->text, triple->length);
	size_t shared = forward ? label->last_length : label->first_length;

	if (triple->length <= shared)
		return false;
	if (!forward)
		return triple->length - head == shared && memcmp(triple->text + head, label->text, shared) == 0;
	return memcmp(triple->text, label->text + label->length - shared, shared) == 0 &&
		   head + first_character(triple->text + head, triple->length - head) == shared;
}

/*
 * Appends to the label, or puts before it, the character of the most frequent triple that continues it in at
 * least enough texts.  False when there is none, or no room.
 */
static bool
label_grow(const UimlTerms *terms, const ClassTerms *class, Label *label, bool forward, double enough)
{
	const UimlTerm *best = NULL;
	double best_count = 0;
	size_t added;
	size_t head;

	for (size_t i = 0; i < class->n_triples; i++)
	{
		const UimlTerm *triple = &terms->term[class->triple[i]->term];
		double count = class->triple[i]->count;

		if (count < enough || count <= best_count || !triple_continues(triple, label, forward))
			continue;
		best = triple;
		best_count = count;
	}
	if (best == NULL)
		return false;
	added = best->length - (forward ? label->last_length : label->first_length);
	if (added > sizeof(label->text) - label->length)
		return false;
	head = first_character(best->text, best->length);
	if (forward)
	{
		memcpy(label->text + label->length, best->text + best->length - added, added);
		label->last_length = best->length - head;
	}
	else
	{
		memmove(label->text + added, label->text, label->length);
		memcpy(label->text, best->text, added);
		label->first_length = head + first_character(best->text + head, best->length - head);
	}
	label->length += added;
	return true;
}

/* A candidate's label: its own text, or what its pair grows to. */
static void
label_make(const UimlTerms *terms, const ClassTerms *class, const Candidate *candidate, Label *label)
{
	const UimlTerm *term = candidate->term;
	double enough = MIN_COHESION * candidate->count;

	memcpy(label->text, term->text, term->length);
	label->length = label->first_length = label->last_length = term->length;
	if (term->kind != UIML_TERM_PAIR)
		return;
	while (label_grow(terms, class, label, true, enough))
		;
	while (label_grow(terms, class, label, false, enough))
		;
}

/* ---------- choosing ---------- */

static bool
contains(const char *text, size_t length, const char *part, size_t part_length)
{
	for (size_t at = 0; at + part_length <= length; at++)
	{
		if (memcmp(text + at, part, part_length) == 0)
			return true;
	}
	return false;
}

/*
 * Whether a label says again what a chosen one says.  Words may contain each other by chance ("art" and
 * "party"): they are skipped only when they have the same count as well.
 */
static bool
is_repeated(const Label *label, const Candidate *candidate, const char *chosen, size_t chosen_length,
			const Candidate *chosen_candidate)
{
	if (candidate->term->kind == UIML_TERM_WORD && candidate->count != chosen_candidate->count)
		return false;
	return contains(label->text, label->length, chosen, chosen_length) ||
		   contains(chosen, chosen_length, label->text, label->length);
}

/*
 * The bytes of a label where they stay: the term's own, or a copy; the bare pair when there is no room for
 * one.
 */
static UimlStatus
label_store(UimlTerms *terms, const Candidate *candidate, const Label *label, const char **text,
			size_t *length)
{
	UimlStatus status;

	*text = candidate->term->text;
	*length = candidate->term->length;
	if (label->length == *length)
		return UIML_OK;
	status = uiml_terms_store(terms, label->text, label->length, text);
	if (status == UIML_OK)
		*length = label->length;
	return status == UIML_ELIMIT ? UIML_OK : status;
}

/* Takes candidates in order until n are chosen; chosen receives which. */
static UimlStatus
choose(UimlTerms *terms, const ClassTerms *class, size_t n, const Candidate **chosen, const char **term,
	   size_t *length, size_t *found)
{
	for (size_t i = 0; i < class->n_candidates && *found < n; i++)
	{
		const Candidate *candidate = &class->candidate[i];
		bool repeated = false;
		UimlStatus status;
		Label label;

		if (uiml_interrupted(&terms->env))
			return UIML_EINTERRUPTED;
		label_make(terms, class, candidate, &label);
		for (size_t j = 0; j < *found && !repeated; j++)
			repeated = is_repeated(&label, candidate, term[j], length[j], chosen[j]);
		if (repeated)
			continue;
		status = label_store(terms, candidate, &label, &term[*found], &length[*found]);
		if (status != UIML_OK)
			return status;
		chosen[(*found)++] = candidate;
	}
	return UIML_OK;
}

UimlStatus
uiml_terms_top(UimlTerms *terms, uint32_t class_number, size_t n, const char **term, size_t *length,
			   double *weight, UimlTermGrade *grade, size_t *found)
{
	ClassTerms class = {0};
	const Candidate **chosen;
	size_t n_candidates;
	size_t n_triples;
	UimlStatus status = UIML_ENOMEM;

	*found = 0;
	if (class_number >= terms->n_classes)
		return UIML_EINVALID;
	class_count(terms, class_number, &n_candidates, &n_triples);
	if (n > n_candidates)
		n = n_candidates;
	if (n == 0)
		return UIML_OK;
	class.candidate = uiml_alloc(&terms->env, n_candidates, sizeof(Candidate));
	class.triple = uiml_alloc(&terms->env, n_triples, sizeof(UimlTermCell *));
	chosen = uiml_alloc(&terms->env, n, sizeof(Candidate *));
	if (class.candidate != NULL && class.triple != NULL && chosen != NULL)
	{
		class_collect(terms, class_number, &class);
		status = choose(terms, &class, n, chosen, term, length, found);
	}
	for (size_t i = 0; i < *found; i++)
	{
		if (weight != NULL)
			weight[i] = chosen[i]->weight;
		if (grade != NULL)
			grade[i] = chosen[i]->grade;
	}
	uiml_free(&terms->env, chosen);
	uiml_free(&terms->env, class.triple);
	uiml_free(&terms->env, class.candidate);
	return status;
}
