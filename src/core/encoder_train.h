/*
 * encoder_train.h
 *	  An encoder in training.
 *
 * Internal to the files encoder*.c.
 */
#ifndef UIML_ENCODER_TRAIN_H
#define UIML_ENCODER_TRAIN_H

#include "core/encoder.h"
#include "core/features.h"

struct UimlEncoderTrainer
{
	UimlEnv env;
	UimlEncoderParams params;
	UimlFeatures features;
	int bits;
	uint32_t *count; /* 2^bits: texts that have the feature; then its row + 1 */
	size_t n_texts;  /* with a feature */

	/* The sample, in compressed rows. */
	uint64_t limit;     /* texts with a larger hash are not in it */
	size_t max_entries; /* that memory has room for */
	size_t n_rows;
	size_t row_capacity;
	size_t *row_start; /* row_capacity + 1 */
	uint64_t *row_hash;
	size_t entry_capacity;
	uint32_t *col; /* id; then row of the encoder */
	float *value;

	/* The encoder in the making. */
	size_t dims;
	size_t n_features;
	float *idf;
	float *v;      /* n_features x dims */
	double *mean;  /* dims */
	float *whiten; /* dims x dims */
};

/*
 * uiml_encoder_fit
 *		From chosen features to bytes: weighs the sample, learns the singular vectors and the whitening.
 */
extern UimlStatus uiml_encoder_fit(UimlEncoderTrainer *trainer, void **bytes, size_t *length);

#endif /* UIML_ENCODER_TRAIN_H */
