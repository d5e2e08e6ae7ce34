/*
 * topk.h
 *	  The k best-scored of n candidates.
 */
#ifndef UIML_TOPK_H
#define UIML_TOPK_H

#include "core/uiml.h"

/*
 * uiml_topk
 *		Indexes of the k highest scores, best first; ties go to the lower index; -INFINITY is never chosen.
 *
 * index: receives up to min(k, n) indexes; caller allocates that many.  Returns how many were written.
 * O(n log k) at worst, about O(n) on unordered scores; no allocation.
 */
extern size_t uiml_topk(const float *score, size_t n, size_t k, uint32_t *index);

#endif /* UIML_TOPK_H */
