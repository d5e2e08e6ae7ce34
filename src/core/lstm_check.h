/*
 * lstm_check.h
 *	  What is checked before an LSTM is trained.
 */
#ifndef UIML_LSTM_CHECK_H
#define UIML_LSTM_CHECK_H

#include "core/lstm.h"

/* Whether options, and a batch, are as lstm.h says and within the largest batch. */
extern bool uiml_lstm_options_valid(const UimlLstmShape *shape, const UimlLstmOptions *options);
extern bool uiml_lstm_batch_valid(const UimlLstmShape *shape, const UimlLstmOptions *options,
								  const UimlLstmBatch *batch);

#endif /* UIML_LSTM_CHECK_H */
