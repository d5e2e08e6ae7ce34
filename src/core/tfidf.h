/*
 * tfidf.h
 *	  Weights of terms in texts: sublinear counts times smoothed inverse document frequencies; and in classes
 *	  of texts.
 */
#ifndef UIML_TFIDF_H
#define UIML_TFIDF_H

#include "core/sparse.h"

/*
 * uiml_tf
 *		1 + ln(count), count >= 1: the tenth occurrence tells less than the first.  Below 1, where counts are
 *		weights of some kind, count itself, which meets it with the same slope.
 */
extern double uiml_tf(double count);

/*
 * 1 + ln((1 + n_texts) / (1 + n_with)): as if one more text held every term, so that none is without bounds.
 */
extern double uiml_idf(size_t n_texts, size_t n_with);

/*
 * uiml_tfidf
 *		Turns the counts of x (texts x terms) into uiml_tf(count) * idf, each row scaled to length 1, in
 *		place.
 *
 * idf:	receives the n_cols inverse document frequencies; caller allocates
 *
 * Rows without entries stay as they are.  Returns UIML_OK; UIML_EINVALID for a negative count, with x partly
 * weighted; UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_tfidf(const UimlEnv *env, UimlSparse *x, double *idf);

/*
 * uiml_class_tfidf_weight
 *		Class-based TF-IDF (Grootendorst 2022): count / class_total * ln(1 + mean / term_total).
 *
 * count: of the term in the class; class_total: of all terms in the class; term_total: of the term in all
 * classes; mean: count of terms per class.
 */
extern double uiml_class_tfidf_weight(double count, double class_total, double term_total, double mean);

/*
 * uiml_class_tfidf
 *		The same for all counts of x (classes x terms).
 *
 * weight:	receives one per entry, in their order; caller allocates
 *
 * Returns UIML_OK; UIML_EINVALID for a count that is negative, infinite or NaN; UIML_ENOMEM;
 * UIML_EINTERRUPTED.  n_rows + n_cols doubles of workspace.
 */
extern UimlStatus uiml_class_tfidf(const UimlEnv *env, const UimlSparse *x, double *weight);

#endif /* UIML_TFIDF_H */
