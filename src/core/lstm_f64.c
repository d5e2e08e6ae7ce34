/*
 * lstm_f64.c
 *	  The network in float64, in plain loops: for tests.
 */
#include "core/lstm64.h"

#include "core/lstm64_names.h"

#include "core/lstm_body.h"
