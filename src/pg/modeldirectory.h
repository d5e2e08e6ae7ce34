/*
 * modeldirectory.h
 *	  The directory that a language model is published as.
 */
#ifndef UIML_PG_MODELDIRECTORY_H
#define UIML_PG_MODELDIRECTORY_H

#include "core/model_convert.h"
#include "pg/modelfile.h"

/* Texts that are read as a whole: the largest tokenizers have some 20 MB. */
#define UIML_MAX_TOKENIZER_BYTES ((Size) 32 * 1024 * 1024)
#define UIML_MAX_CONFIG_BYTES    ((Size) 1024 * 1024)

/*
 * uiml_modeldirectory_read
 *		All files of a directory of the server that tell of a model, but its weights, which are opened.
 *
 * directory:	absolute and canonical
 * files:		zero; receives the texts, in the current memory context, and no weights
 * weights:		model.safetensors, to be closed in the same transaction
 *
 * UNDEFINED_FILE with a hint that tells which file is missing, what lies there in its place, and how to make the
 * one from the other; WRONG_OBJECT_TYPE for what is no directory; PROGRAM_LIMIT_EXCEEDED; file access errors.
 */
extern void uiml_modeldirectory_read(const char *directory, UimlModelFiles *files, UimlModelInput *weights);

#endif /* UIML_PG_MODELDIRECTORY_H */
