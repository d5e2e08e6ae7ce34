/*
 * lstm_f32.c
 *	  The network in float32, on vectorised kernels.
 */
#include "core/lstm.h"

#define real float
#define UIML_LSTM_KERNELS
#include "core/lstm_body.h"
