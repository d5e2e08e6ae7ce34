/*
 * bytes.h
 *	  Little-endian fields of binary forms, on any machine.
 */
#ifndef UIML_BYTES_H
#define UIML_BYTES_H

#include <stdint.h>
#include <string.h>

/* Writes the low size bytes of value; returns the byte behind them. */
static inline uint8_t *
uiml_put_bytes(uint8_t *byte, uint64_t value, int size)
{
	for (int i = 0; i < size; i++)
		*byte++ = (uint8_t) (value >> (8 * i));
	return byte;
}

static inline uint8_t *
uiml_put_f64(uint8_t *byte, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return uiml_put_bytes(byte, bits, 8);
}

static inline uint8_t *
uiml_put_f32(uint8_t *byte, float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return uiml_put_bytes(byte, bits, 4);
}

/* Reads size bytes, 8 at the most. */
static inline uint64_t
uiml_get_bytes(const uint8_t *byte, int size)
{
	uint64_t value = 0;

	for (int i = 0; i < size; i++)
		value |= (uint64_t) byte[i] << (8 * i);
	return value;
}

/* NaN and infinity come back as they are. */
static inline double
uiml_get_f64(const uint8_t *byte)
{
	uint64_t bits = uiml_get_bytes(byte, 8);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline float
uiml_get_f32(const uint8_t *byte)
{
	uint32_t bits = (uint32_t) uiml_get_bytes(byte, 4);
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

#endif /* UIML_BYTES_H */
