/*
 * labels.h
 *	  What interests are called: their words, and their most typical items.
 */
#ifndef UIML_PG_LABELS_H
#define UIML_PG_LABELS_H

#include "core/model.h"
#include "pg/budget.h"
#include "pg/source.h"

typedef struct UimlLabel
{
	char *label;   /* unique among the domain's interests, database encoding */
	List *terms;   /* of char *: up to 10 words, best first; NIL without texts */
	List *typical; /* of char *: titles, else keys, of up to 5 items, most typical first */
	int64 n_items; /* items of the interest */
} UimlLabel;

typedef struct UimlLabels
{
	size_t n;
	UimlLabel *label; /* n, by interest */
	char **title;     /* n_items; NULL where an item has no text */
} UimlLabels;

/*
 * uiml_labels_find
 *		Reads the texts of the domain's items and names the model's interests.
 *
 * item_users: how many users each item has.  Everything is allocated in context; words are counted within
 * what the budget leaves.
 */
extern UimlLabels *uiml_labels_find(const UimlDomain *domain, const UimlSource *source,
									const UimlModel *model, const uint32 *item_users, UimlBudget *budget,
									MemoryContext context);

#endif /* UIML_PG_LABELS_H */
