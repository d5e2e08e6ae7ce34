/*
 * model_convert.h
 *	  The files of a pretrained language model, as they are published, to the bytes of an encoder.
 *
 * What a model is and how its vectors are made is read from config.json and, where they are, from the files of
 * sentence-transformers; tensors from model.safetensors, part by part in the order of the encoder's bytes, so that
 * the scratch memory is that of the tokenizer and some megabytes, whatever the size of the model.
 */
#ifndef UIML_MODEL_CONVERT_H
#define UIML_MODEL_CONVERT_H

#include "core/bert_format.h"
#include "core/encoder.h"
#include "core/fault.h"
#include "core/stream.h"

/* A small file that is held; bytes is NULL where there is none. */
typedef struct UimlModelFile
{
	const char *bytes;
	size_t length;
} UimlModelFile;

typedef struct UimlModelFiles
{
	UimlModelFile config;           /* config.json; optional for static models */
	UimlModelFile tokenizer;        /* tokenizer.json; else */
	UimlModelFile vocabulary;       /* vocab.txt, and */
	UimlModelFile tokenizer_config; /* tokenizer_config.json, which may be absent */
	UimlModelFile modules;          /* modules.json, and the rest, may be absent */
	UimlModelFile pooling;          /* 1_Pooling/config.json */
	UimlModelFile sentences;        /* sentence_bert_config.json */
	const UimlInput *weights;       /* model.safetensors */
} UimlModelFiles;

/* What whoever loads a model wants, before what the files say. */
typedef struct UimlModelOptions
{
	UimlPooling pooling; /* 0: as the files say, else mean */
	int normalize;       /* 0 or 1; -1: as modules.json says, else 1 */
	size_t max_tokens;   /* 0: as the files say, at most as many as there are positions */
} UimlModelOptions;

#define UIML_MODEL_TYPE_SIZE 64

typedef struct UimlModelInfo
{
	UimlEncoderKind kind;
	char type[UIML_MODEL_TYPE_SIZE]; /* printable ASCII: "bert", "xlm-roberta", "model2vec" */
	size_t dims;
	size_t vocabulary;
	size_t layers;     /* 0: none */
	size_t max_tokens; /* 0: no limit */
	UimlPooling pooling;
	bool normalize;
	uint64_t parameters; /* numbers that are learned */
	uint64_t size;       /* of the encoder's bytes */
} UimlModelInfo;

/*
 * uiml_model_convert
 *		Writes the encoder of a model.
 *
 * info: filled before the first byte is written, so that out->write may read it.  No memory but env's is
 * held while out and the weights are called: they may raise errors.
 *
 * UIML_OK; UIML_ECORRUPT with a fault for files that aren't what they should be, or a kind of model that isn't known:
 * a model is exact or refused; UIML_ENOTFINITE with a fault for weights; UIML_EINVALID with a fault for options that
 * the model can't have; UIML_ENOMEM; UIML_EINTERRUPTED; what out and the weights return.
 */
extern UimlStatus uiml_model_convert(const UimlEnv *env, const UimlModelFiles *files,
									 const UimlModelOptions *options, UimlOutput *out, UimlModelInfo *info,
									 UimlFault *fault);

#endif /* UIML_MODEL_CONVERT_H */
