/*
 * next_links.h
 *	  Links of classes while they are made: the rules, and the ridges of full rank.
 */
#ifndef UIML_NEXT_LINKS_H
#define UIML_NEXT_LINKS_H

#include "core/next_events.h"

/* How many links a class keeps: 2 million of all classes together, but at least 100. */
extern size_t uiml_next_most_links(size_t n_classes);

/* Room for the links of classes, which are put in their order. */
typedef struct UimlNextWriter
{
	size_t most; /* of a class */
	size_t room; /* of all */
	size_t n_classes;
	size_t next; /* the class to be put */
	uint64_t *start;
	uint32_t *class_no;
	float *weight;
	float *depth;     /* n_classes: of one class, how large weights are */
	uint32_t *chosen; /* n_classes */
} UimlNextWriter;

/*
 * Free with uiml_next_writer_free in any case; uiml_next_writer_finish passes the links on to the caller, who frees them
 * with uiml_next_links_free.  Returns UIML_OK, UIML_ENOMEM.
 */
extern UimlStatus uiml_next_writer_create(const UimlEnv *env, size_t n_classes, size_t room,
										  UimlNextWriter *writer);
extern void uiml_next_writer_free(const UimlEnv *env, UimlNextWriter *writer);
extern void uiml_next_writer_finish(const UimlEnv *env, UimlNextWriter *writer, UimlNextLinks *links);
extern void uiml_next_links_free(const UimlEnv *env, UimlNextLinks *links);

/*
 * uiml_next_writer_put
 *		The links of the next class: of n with weights those that are largest, in absolute value, times importance
 *		(n_classes; NULL: 1).
 *
 * col: n classes, or NULL for 0 .. n - 1
 */
extern void uiml_next_writer_put(UimlNextWriter *writer, const uint32_t *col, const float *value, size_t n,
								 const float *importance);

/*
 * uiml_next_fit_rules
 *		Successors within steps, weights 1 / distance over the root of how often the class is there.
 *
 * Returns UIML_OK, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_next_fit_rules(const UimlEnv *env, const UimlNextEvents *events, size_t steps,
									  UimlNextLinks *links);

#endif /* UIML_NEXT_LINKS_H */
