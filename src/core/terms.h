/*
 * terms.h
 *	  Words of a text in any language, counted per class and weighted by class-based TF-IDF: labels for
 *	  interests.
 *
 * Words are runs of letters, digits and marks, case-folded and compatibility-composed (about NFKC_Casefold),
 * with single hyphens and apostrophes between two letters kept; a final 's is dropped.  Runs of Han,
 * Hiragana, Katakana, Thai, Lao or Khmer letters, which are written without spaces, give their overlapping
 * pairs, and the single character where it stands alone between separators.  Numbers, single letters, the
 * most common English function words, Romance articles and Chinese function characters are left out.  Unicode
 * properties come from utf8proc.
 */
#ifndef UIML_TERMS_H
#define UIML_TERMS_H

#include "core/uiml.h"

typedef struct UimlTerms UimlTerms;

/*
 * uiml_terms_each
 *		Calls visit(ctx, term, length) for each term of a UTF-8 text, in order, folded; term is not
 *		zero-terminated.  Invalid UTF-8 bytes separate words.  Terms longer than 64 bytes are left out.
 *		Stops early when visit returns other than UIML_OK and returns that; UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_terms_each(const UimlEnv *env, const char *text, size_t length,
								  UimlStatus (*visit)(void *ctx, const char *term, size_t length), void *ctx);

/* A table of counts for n_classes classes, 1 .. 65535, that holds at most max_bytes. NULL: out of memory. */
extern UimlTerms *uiml_terms_create(const UimlEnv *env, size_t n_classes, size_t max_bytes);

extern void uiml_terms_destroy(UimlTerms *terms);

/*
 * uiml_terms_add
 *		Counts the terms of one text of a class, by the text's weight > 0; a term counts once per text.  Of a
 *		text beyond 256 KiB only the beginning counts.
 *
 * Returns UIML_OK, UIML_EINVALID (class, weight), UIML_ELIMIT (more than max_bytes, or 2^32 - 1 texts),
 * UIML_ENOMEM.  After UIML_ELIMIT the terms that the table has room for, known ones above all, are counted,
 * and more texts may be added: where they come in no particular order, a term frequent enough for a label is
 * in the table long before it is full, so a caller may treat this status as a notice.
 */
extern UimlStatus uiml_terms_add(UimlTerms *terms, uint32_t class_number, double weight, const char *text,
								 size_t length);

/* What a term tells of a class, by its lift and the texts that have it. */
typedef enum UimlTermGrade
{
	UIML_TERM_WEAK, /* in too few of its texts, a single character, or hardly more frequent than elsewhere */
	UIML_TERM_TENDENCY, /* lift 1.25 or more */
	UIML_TERM_MARK /* lift 2 or more, or a share of the texts that exceeds that elsewhere by 10 % of them */
} UimlTermGrade;

/*
 * uiml_terms_top
 *		The up to n terms of a class that label it, by c-TF-IDF: tf / sum tf * log(1 + A / f) with A the mean
 *		count of terms per class and f the term's count over all classes (Grootendorst 2022), times min(1,
 *		log2 lift).
 *
 * Counts are sums of text weights, and a term's lift is its share of the class's texts over its share of all
 * others.  Marks come first, then tendencies, then the other terms whose lift is above 1.  Within a grade the
 * best come first, ties in byte order.  Pairs of a script without spaces grow to the longer term that they
 * are nearly always part of; weight is the pair's.  A term that is contained in, or contains, one already
 * taken is skipped (words only when they have the same count as well).
 *
 * term, length: receive n pointers into the table, valid until it is destroyed; weight receives n c-TF-IDF
 * weights (may be NULL), grade n grades (may be NULL), *found how many were written.  Linear in the table's
 * cells.  Returns UIML_OK, UIML_EINVALID, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_terms_top(UimlTerms *terms, uint32_t class_number, size_t n, const char **term,
								 size_t *length, double *weight, UimlTermGrade *grade, size_t *found);

#endif /* UIML_TERMS_H */
