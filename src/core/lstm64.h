/*
 * lstm64.h
 *	  The network of lstm.h in float64: uiml_lstm64_step and so on, for tests.
 */
#ifndef UIML_LSTM64_H
#define UIML_LSTM64_H

#include "core/lstm.h"

#include "core/lstm64_names.h"
#include "core/lstm_network.h"

#undef real
#undef UimlLstmWeights
#undef UimlLstmTrainer
#undef uiml_lstm_view
#undef uiml_lstm_trainer_bytes
#undef uiml_lstm_trainer_create
#undef uiml_lstm_trainer_destroy
#undef uiml_lstm_step
#undef uiml_lstm_gradient
#undef uiml_lstm_get_gradient

#endif /* UIML_LSTM64_H */
