/*
 * textspace.h
 *	  The texts of a domain as vectors: what features of text and hybrid are made of.
 */
#ifndef UIML_PG_TEXTSPACE_H
#define UIML_PG_TEXTSPACE_H

#include "core/encoder.h"
#include "pg/budget.h"
#include "pg/source.h"
#include "pg/textvectors.h"

/* Dimensions of the text vectors that places are predicted from, where an encoder is trained for them. */
#define UIML_HYBRID_DIMS 512

typedef struct UimlTextSpace
{
	size_t dims;
	float *x;      /* (items.n + texts.n) x dims, as UimlModelParams has them */
	char *encoder; /* its name */
	UimlWhitening whitening;
	size_t
		whitened_by; /* distinct texts of items that whitening was learned from; 0: it is the encoder's own */
	bool kept;       /* vectors are kept in the domain's table of texts, and of */
	size_t n_distinct; /* texts */
	size_t n_encoded;  /* were not there */
	void *bytes; /* of an encoder that was trained here and is to be stored under that name; else NULL */
	size_t length;
} UimlTextSpace;

/* What texts are embedded for. */
typedef struct UimlTextTask
{
	uint64 seed;
	double reserved;        /* bytes of maintenance_work_mem that are to be left */
	bool keep;              /* write what a slow encoder says into the domain's table of texts */
	UimlTextMemory *memory; /* what several runs of one call share where it isn't written; NULL: nothing */
	const UimlEnv *env;     /* watched by budget */
	UimlBudget *budget;
	MemoryContext context; /* of everything */
} UimlTextTask;

/*
 * uiml_text_space_wanted
 *		Whether a fit with the domain's features needs text vectors: always for features of text; for hybrid
 *		ones where there are items without events, or texts without items.
 */
extern bool uiml_text_space_wanted(const UimlDomain *domain, const UimlSource *source);

/*
 * uiml_text_space_memory
 *		Bytes that text vectors, as many dimensions as a quarter of limit allows, an encoder of them and what is
 *		placed by them add to those of a fit; 0 where none are wanted.
 */
extern double uiml_text_space_memory(const UimlDomain *domain, const UimlSource *source, size_t limit);

/*
 * uiml_text_space
 *		Reads the texts as the caller and embeds them by the encoder that option "encoder" names, as the
 *		domain's owner finds it, else by one that is trained on the texts of the domain's items.
 *
 * That one is of latent semantic analysis, with the whitening of option "whitening", and as many dimensions
 * as the domain asks for with features of text, else 512, or fewer where the vectors would take more than a
 * quarter of maintenance_work_mem or leave less than reserved bytes of it.  Vectors of a named one are
 * whitened after it, where that option is set.  NULL where not even 32 dimensions, or those of the named one,
 * fit and features are 'auto' (a NOTICE says so); PROGRAM_LIMIT_EXCEEDED where they are not; also NULL where
 * no item has a text with a word.
 */
extern UimlTextSpace *uiml_text_space(const UimlDomain *domain, const UimlSource *source,
									  const UimlTextTask *task);

/* Sets features, text and text_dims of params, and for features of text the dims; space may be NULL. */
extern void uiml_text_space_params(const UimlDomain *domain, const UimlTextSpace *space,
								   UimlModelParams *params);

#endif /* UIML_PG_TEXTSPACE_H */
