/*
 * model_source.h
 *	  What the conversion of an architecture is given, and those that there are.
 *
 * Internal to the conversion of models.  A third architecture is a function here, and a line for its model type in
 * model_convert.c.
 */
#ifndef UIML_MODEL_SOURCE_H
#define UIML_MODEL_SOURCE_H

#include "core/encoder_write.h"
#include "core/model_config.h"
#include "core/safetensors.h"
#include "core/tokenizer.h"

typedef struct UimlModelSource
{
	const UimlModelConfig *config;
	const UimlSafetensors *weights;
	const UimlTokenizer *tokenizer; /* compiled and opened; its bytes and length are those to be written */
} UimlModelSource;

/*
 * Fills all of info but its type, then writes the encoder's bytes, header to end: statuses of uiml_model_convert.
 * Asks env->interrupted at least every megabyte that it converts.
 */
typedef UimlStatus (*UimlModelConversion)(const UimlEnv *env, const UimlModelSource *source, UimlOutput *out,
										  UimlModelInfo *info, UimlFault *fault);

/* bert_convert.c */
extern UimlStatus uiml_bert_convert(const UimlEnv *env, const UimlModelSource *source, UimlOutput *out,
									UimlModelInfo *info, UimlFault *fault);

/* static_convert.c */
extern UimlStatus uiml_static_convert(const UimlEnv *env, const UimlModelSource *source, UimlOutput *out,
									  UimlModelInfo *info, UimlFault *fault);

#endif /* UIML_MODEL_SOURCE_H */
