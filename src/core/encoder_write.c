/*
 * encoder_write.c
 *	  Writing the bytes of a language model as a stream.
 */
#include "core/checksum.h"
#include "core/encoder_format.h"
#include "core/encoder_write.h"
#include "core/parts.h"

/* Read between two questions for an interrupt: a millisecond from memory, more where pages come from a disk. */
#define CHECKED_BYTES ((size_t) 2 * 1024 * 1024)

static const unsigned char zeros[UIML_PART_ALIGNMENT];

void
uiml_encoder_write_begin(UimlEncoderWriter *writer, UimlOutput *out)
{
	*writer = (UimlEncoderWriter){.out = out};
}

/* The checksum takes words of 8 bytes; what is left of them waits. */
static void
count_in(UimlEncoderWriter *writer, const unsigned char *bytes, size_t count)
{
	size_t held = writer->written % sizeof(writer->word);
	size_t whole;

	writer->written += count;
	if (held > 0)
	{
		size_t missing = sizeof(writer->word) - held;
		size_t taken = count < missing ? count : missing;

		memcpy(writer->word + held, bytes, taken);
		if (taken < missing)
			return;
		writer->checksum = uiml_checksum(writer->checksum, writer->word, sizeof(writer->word));
		bytes += taken;
		count -= taken;
	}
	whole = count - count % sizeof(writer->word);
	writer->checksum = uiml_checksum(writer->checksum, bytes, whole);
	memcpy(writer->word, bytes + whole, count - whole);
}

UimlStatus
uiml_encoder_write(UimlEncoderWriter *writer, const void *bytes, size_t count)
{
	if (count == 0)
		return UIML_OK;
	count_in(writer, bytes, count);
	return writer->out->write(writer->out->ctx, bytes, count);
}

UimlStatus
uiml_encoder_write_pad(UimlEncoderWriter *writer)
{
	size_t beyond = writer->written % UIML_PART_ALIGNMENT;

	return beyond == 0 ? UIML_OK : uiml_encoder_write(writer, zeros, UIML_PART_ALIGNMENT - beyond);
}

UimlStatus
uiml_encoder_write_end(UimlEncoderWriter *writer)
{
	unsigned char checksum[8];
	UimlStatus status = uiml_encoder_write_pad(writer);

	if (status == UIML_OK)
		status = uiml_encoder_write(writer, zeros, ENCODER_END_SIZE - sizeof(checksum));
	if (status != UIML_OK)
		return status;
	encoder_store64(checksum, writer->checksum);
	return uiml_encoder_write(writer, checksum, sizeof(checksum));
}

UimlStatus
uiml_encoder_end_check(const UimlEnv *env, const void *data, size_t length)
{
	const unsigned char *bytes = data;
	uint64_t checksum = 0;

	for (size_t at = 0; at < length - 8; at += CHECKED_BYTES)
	{
		size_t left = length - 8 - at;

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		checksum = uiml_checksum(checksum, bytes + at, left < CHECKED_BYTES ? left : CHECKED_BYTES);
	}
	return checksum == encoder_load64(bytes + length - 8) ? UIML_OK : UIML_ECORRUPT;
}

bool
uiml_encoder_end_is_right(const void *data, size_t length)
{
	UimlEnv env = uiml_env_malloc();

	return uiml_encoder_end_check(&env, data, length) == UIML_OK;
}
