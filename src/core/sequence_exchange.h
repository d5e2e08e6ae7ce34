/*
 * sequence_exchange.h
 *	  Sequence models as safetensors files, with the names and shapes that Keras gives to such a network.
 *
 *	embedding/embeddings			V x D		V = classes + 1: row 0 is padding, row 1 + c class c
 *	lstm/lstm_cell/kernel			D x 4H		gates i, f, c, o
 *	lstm/lstm_cell/recurrent_kernel	H x 4H
 *	lstm/lstm_cell/bias				4H
 *	dense/kernel					H x C		none where the output is tied to the embedding
 *	dense/bias						C
 *	popularity						C
 *	rules/decay, rules/steps		scalars
 *	rules/start						C + 1, I32: links of class c are start[c] .. start[c + 1] - 1
 *	rules/class, rules/weight		links: I32, the class that follows, and F32
 *	ridge/decay, ridge/steps		scalars, and either start, class and weight as of rules (also ease/...), or
 *	ridge/kernel, ridge/bias		p x q, q: on the vectors of the version's items
 *	mixture/weights					5 x E: by number of known events, and expert
 *	mixture/temperature				E
 *	mixture/blend					5
 *	classes/id, classes/id_start	U8, I32 C + 1: ids of the classes in UTF-8, one behind the other, and where each starts
 *	classes/label, .../label_start	the same for labels
 *
 * All F32 where nothing else is said.  Metadata: format "uiml-sequence", version "1", target "interest" or "item", domain,
 * max_length, gates "i,f,c,o", output "dense" or "tied", mask "true" or "false", experts (names, separated by commas, in the
 * order of E), and with a ridge/kernel item_vectors, the digest of the vectors.  What a model hasn't is left out.
 *
 * A file by others needs format, version, target, max_length, the tensors of the network and classes/id: popularity is then
 * uniform, the network is all of the mixture, its temperature 1 and its blend 0, since nobody knows what it is worth beside the
 * rest.  Other metadata and tensors are errors only where they contradict.
 */
#ifndef UIML_SEQUENCE_EXCHANGE_H
#define UIML_SEQUENCE_EXCHANGE_H

#include "core/next.h"
#include "core/safetensors_write.h"

/* A string for each class: string c is text[start[c]] .. text[start[c + 1] - 1], UTF-8. */
typedef struct UimlClassNames
{
	const char *text;
	const int32_t *start; /* n_classes + 1, from 0; NULL: none */
} UimlClassNames;

/* What is written. */
typedef struct UimlSequenceOut
{
	const UimlNextModel *model;
	UimlClassNames id;
	UimlClassNames label;
	const char *domain;   /* UTF-8 */
	int64_t item_vectors; /* the digest */
} UimlSequenceOut;

/* Tensors and metadata of a model, in memory of env; they point to the model. */
typedef struct UimlSequenceExport
{
	UimlTensorFile file;
	size_t size; /* of the file in bytes */
	void *memory;
} UimlSequenceExport;

/*
 * uiml_sequence_export_open
 *		Prepares a file, for uiml_safetensors_write(&out->file).  UIML_OK (then close it); UIML_ELIMIT for more links than
 *		2^31 - 1; UIML_ENOMEM.
 */
extern UimlStatus uiml_sequence_export_open(const UimlEnv *env, const UimlSequenceOut *what,
											UimlSequenceExport *out);
extern void uiml_sequence_export_close(const UimlEnv *env, UimlSequenceExport *out);

/* A file that is read, of unknown origin. */
typedef struct UimlSequenceImport
{
	UimlSafetensors tensors;
	UimlNextTarget target;
	size_t n_classes;
	size_t max_length;
	bool padded;
	bool needs_vectors;   /* there is a ridge/kernel */
	int64_t item_vectors; /* the digest */
	UimlClassNames id;
	UimlClassNames label;
	void *memory[4];
} UimlSequenceImport;

/*
 * uiml_sequence_import_open
 *		Reads metadata and the names of classes.  UIML_OK (then close it); UIML_ECORRUPT with a fault; UIML_ENOMEM;
 *		UIML_EINTERRUPTED; what reading returns.  input must outlive it.
 */
extern UimlStatus uiml_sequence_import_open(const UimlEnv *env, const UimlInput *input,
											UimlSequenceImport *import, UimlFault *fault);
extern void uiml_sequence_import_close(const UimlEnv *env, UimlSequenceImport *import);

/*
 * uiml_sequence_import_model
 *		Reads the model, its classes in another order.
 *
 * place:	n_classes, a permutation: the class in the model of each class of the file
 * space:	of the version that it is for; n_classes of its items or interests
 *
 * Statuses as above, UIML_ENOTFINITE with a fault for numbers that are none, UIML_ECORRUPT for what uiml_next_valid refuses.
 * Free with uiml_sequence_import_free in any case.
 */
extern UimlStatus uiml_sequence_import_model(const UimlEnv *env, const UimlSequenceImport *import,
											 const uint32_t *place, const UimlNextSpace *space,
											 UimlNextModel *model, UimlFault *fault);
extern void uiml_sequence_import_free(const UimlEnv *env, UimlNextModel *model);

#endif /* UIML_SEQUENCE_EXCHANGE_H */
