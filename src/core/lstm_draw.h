/*
 * lstm_draw.h
 *	  Random numbers of training that depend on a step and a place alone: dropout, and the classes a target is compared with.
 */
#ifndef UIML_LSTM_DRAW_H
#define UIML_LSTM_DRAW_H

#include <stddef.h>
#include <stdint.h>

typedef enum UimlLstmStream
{
	UIML_LSTM_DROP_INPUT,
	UIML_LSTM_DROP_OUTPUT,
	UIML_LSTM_NEGATIVES
} UimlLstmStream;

/* The key of a stream of random numbers in one step of training. */
extern uint64_t uiml_lstm_stream(uint64_t seed, uint64_t step, UimlLstmStream stream);

/*
 * The i-th 64 bits of a stream: splitmix64 (Steele, Lea & Flood 2014) of a counter, so that any thread has them at any
 * time, and backward those of forward.
 */
static inline uint64_t
uiml_lstm_bits(uint64_t stream, uint64_t i)
{
	uint64_t z = stream + i * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Sums of shares, >= 0 and some > 0, scaled so that the last is 1. */
extern void uiml_lstm_cumulate(const double *share, size_t n, double *cumulative);

/* Draw number i of a stream, 0 .. n - 1. */
extern uint32_t uiml_lstm_draw(const double *cumulative, size_t n, uint64_t stream, uint64_t i);

/*
 * The logarithm of how likely it is that a class is among so many draws, with replacement; never below that of 1e-9, which
 * bounds what a class never drawn is credited with.
 */
extern double uiml_lstm_log_chance(const double *cumulative, uint32_t class_no, size_t draws);

#endif /* UIML_LSTM_DRAW_H */
