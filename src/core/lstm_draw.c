/*
 * lstm_draw.c
 *	  Random numbers of training that depend on a step and a place alone.
 */
#include "core/lstm_draw.h"

#include <math.h>

#define LOWEST_CHANCE 1e-9

uint64_t
uiml_lstm_stream(uint64_t seed, uint64_t step, UimlLstmStream stream)
{
	return uiml_lstm_bits(uiml_lstm_bits(seed, step + 1), (uint64_t) stream + 1);
}

void
uiml_lstm_cumulate(const double *share, size_t n, double *cumulative)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		cumulative[i] = sum += share[i];
	for (size_t i = 0; i < n; i++)
		cumulative[i] /= sum;
}

/* The first class whose sum is above a uniform number. */
uint32_t
uiml_lstm_draw(const double *cumulative, size_t n, uint64_t stream, uint64_t i)
{
	double x = (double) (uiml_lstm_bits(stream, i) >> 11) * 0x1.0p-53;
	size_t low = 0, high = n - 1;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (cumulative[middle] > x)
			high = middle;
		else
			low = middle + 1;
	}
	return (uint32_t) low;
}

double
uiml_lstm_log_chance(const double *cumulative, uint32_t class_no, size_t draws)
{
	double share = cumulative[class_no] - (class_no == 0 ? 0 : cumulative[class_no - 1]);
	double chance = -expm1((double) draws * log1p(-share));

	return log(chance > LOWEST_CHANCE ? chance : LOWEST_CHANCE);
}
