/*
 * lstm64_names.h
 *	  The names of the network in float64: included around lstm_network.h and lstm_body.h.
 */
#define real                      double
#define UimlLstmWeights           UimlLstm64Weights
#define UimlLstmTrainer           UimlLstm64Trainer
#define uiml_lstm_view            uiml_lstm64_view
#define uiml_lstm_trainer_bytes   uiml_lstm64_trainer_bytes
#define uiml_lstm_trainer_create  uiml_lstm64_trainer_create
#define uiml_lstm_trainer_destroy uiml_lstm64_trainer_destroy
#define uiml_lstm_step            uiml_lstm64_step
#define uiml_lstm_gradient        uiml_lstm64_gradient
#define uiml_lstm_get_gradient    uiml_lstm64_get_gradient
