/*
 * model_config.h
 *	  The settings of a language model, from config.json and the files of sentence-transformers.
 */
#ifndef UIML_MODEL_CONFIG_H
#define UIML_MODEL_CONFIG_H

#include "core/model_convert.h"

/* The numbers of a transformer are 0 for a static model.  What options say is in it. */
typedef struct UimlModelConfig
{
	UimlEncoderKind kind; /* UIML_ENCODER_BERT or UIML_ENCODER_STATIC */
	char type
		[UIML_MODEL_TYPE_SIZE]; /* model_type; "" (and static) where config.json doesn't tell or isn't there */
	bool distilbert;            /* names its tensors in its own way */
	size_t vocabulary;
	size_t hidden;
	size_t layers;
	size_t heads;
	size_t ffn;
	size_t positions;      /* rows of the position embeddings, */
	size_t position_first; /* the first of which are not for tokens: pad_token_id + 1 in RoBERTa, else 0 */
	size_t token_types;    /* 0: none */
	double eps;
	UimlActivation activation;
	UimlPooling pooling; /* never 0 */
	int normalize;       /* 0, 1; -1: nothing tells */
	size_t max_tokens;   /* 0: nothing tells */
} UimlModelConfig;

/*
 * uiml_model_config_read
 *		Reads the texts among files.  UIML_OK, UIML_ECORRUPT with a fault, UIML_EINVALID with a fault for
 *		options, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_model_config_read(const UimlEnv *env, const UimlModelFiles *files,
										 const UimlModelOptions *options, UimlModelConfig *config,
										 UimlFault *fault);

#endif /* UIML_MODEL_CONFIG_H */
