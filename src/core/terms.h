/*
 * terms.h
 *	  Words of a text in any language, counted per class and weighted by class-based TF-IDF: labels for interests.
 *
 * Words are runs of letters, digits and marks, case-folded; runs of Han, Hiragana, Katakana, Thai, Lao or Khmer
 * letters, which are written without spaces, give their overlapping pairs (and the single character where a run
 * has only one).  Numbers, single Latin letters and the most common English function words are left out.  Unicode
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
 *		Stops early when visit returns other than UIML_OK and returns that.
 */
extern UimlStatus uiml_terms_each(const char *text, size_t length,
								  UimlStatus (*visit)(void *ctx, const char *term, size_t length), void *ctx);

/* A table of counts for n_classes classes, 1 .. 65535, that holds at most max_bytes. NULL: out of memory. */
extern UimlTerms *uiml_terms_create(const UimlEnv *env, size_t n_classes, size_t max_bytes);

extern void uiml_terms_destroy(UimlTerms *terms);

/*
 * uiml_terms_add
 *		Counts the terms of one text of a class; a term counts once per text.
 *
 * Returns UIML_OK, UIML_EINVALID (class), UIML_ELIMIT (more than max_bytes), UIML_ENOMEM.
 */
extern UimlStatus uiml_terms_add(UimlTerms *terms, uint32_t class_number, const char *text, size_t length);

/*
 * uiml_terms_top
 *		The up to n terms of a class with the highest c-TF-IDF, tf / sum tf * log(1 + A / f) with A the mean number
 *		of terms per class and f the term's frequency over all classes (Grootendorst 2022), best first, ties in
 *		byte order.  A term that only adds characters to, or is contained in, one already taken and has
 *		the same count is skipped (so Chinese pairs of one word do not crowd the list out).
 *
 * term, length: receive n pointers into the table, valid until it is destroyed; weight receives n weights (may
 * be NULL); *found how many were written.  Returns UIML_OK, UIML_EINVALID, UIML_ENOMEM.
 */
extern UimlStatus uiml_terms_top(UimlTerms *terms, uint32_t class_number, size_t n, const char **term,
								 size_t *length, double *weight, size_t *found);

/*
 * uiml_ctfidf
 *		Class-based TF-IDF of a dense n_classes x n_terms count matrix, row-major; weight receives the same shape.
 */
extern UimlStatus uiml_ctfidf(const double *count, size_t n_classes, size_t n_terms, double *weight);

#endif /* UIML_TERMS_H */
