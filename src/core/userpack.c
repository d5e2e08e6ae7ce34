/*
 * userpack.c
 *	  The events of one user as bytes.
 */
#include "core/userpack.h"

#include <math.h>
#include <string.h>

#include "core/bytes.h"

#define VERSION 1

static const char magic[4] = {'u', 'v', 'e', 'v'};

size_t
uiml_userpack_size(size_t n, bool has_time)
{
	return UIML_USERPACK_HEADER + n * (sizeof(uint32_t) + sizeof(float) + (has_time ? sizeof(double) : 0));
}

void
uiml_userpack_write(const UimlEvent *events, size_t n, bool has_time, void *bytes)
{
	uint8_t *byte = bytes;

	memcpy(byte, magic, sizeof(magic));
	byte = uiml_put_bytes(byte + sizeof(magic), VERSION, 2);
	byte = uiml_put_bytes(byte, has_time ? UIML_USERPACK_TIMES : 0, 2);
	byte = uiml_put_bytes(byte, uiml_userpack_size(n, has_time), 4);
	byte = uiml_put_bytes(byte, n, 4);
	for (size_t i = 0; i < n; i++)
		byte = uiml_put_bytes(byte, events[i].item, 4);
	for (size_t i = 0; i < n; i++)
		byte = uiml_put_f32(byte, events[i].weight);
	for (size_t i = 0; has_time && i < n; i++)
		byte = uiml_put_f64(byte, events[i].at);
}

static bool
has_times(const uint8_t *head)
{
	return (head[6] & UIML_USERPACK_TIMES) != 0;
}

UimlStatus
uiml_userpack_count(const void *bytes, size_t length, size_t *n)
{
	const uint8_t *head = bytes;

	if (length < UIML_USERPACK_HEADER || memcmp(head, magic, sizeof(magic)) != 0 || head[4] != VERSION ||
		head[5] != 0 || (head[6] & ~UIML_USERPACK_TIMES) != 0 || head[7] != 0 ||
		uiml_get_bytes(head + 8, 4) != length)
		return UIML_ECORRUPT;
	*n = uiml_get_bytes(head + 12, 4);
	return uiml_userpack_size(*n, has_times(head)) == length ? UIML_OK : UIML_ECORRUPT;
}

UimlStatus
uiml_userpack_read(const void *bytes, size_t n, uint32_t user, UimlEvent *events)
{
	const uint8_t *head = bytes;
	const uint8_t *item = head + UIML_USERPACK_HEADER;
	const uint8_t *weight = item + n * sizeof(uint32_t);
	const uint8_t *at = weight + n * sizeof(float);
	bool timed = has_times(head);
	bool valid = true;

	for (size_t i = 0; i < n; i++)
	{
		UimlEvent *e = &events[i];

		e->user = user;
		e->item = (uint32_t) uiml_get_bytes(item + i * sizeof(uint32_t), 4);
		e->weight = uiml_get_f32(weight + i * sizeof(float));
		e->at = timed ? uiml_get_f64(at + i * sizeof(double)) : 0;
		valid &= e->weight > 0 && isfinite(e->weight) && isfinite(e->at);
		valid &= i == 0 || e->item > e[-1].item || (e->item == e[-1].item && e->at >= e[-1].at);
	}
	return valid ? UIML_OK : UIML_ECORRUPT;
}
