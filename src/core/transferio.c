/*
 * transferio.c
 *	  The external forms of transfer statistics, and what makes statistics believable.
 *
 * Both forms hold the upper triangles only, so no reader need ask what lies below.
 */
#include "core/transferio.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/bytes.h"

static const char magic[4] = {'u', 't', 's', 't'};

#define VERSION 1

/* By how much rounding may break an inequality, relatively. */
#define TOLERANCE 1e-6

/* ---------- checks ---------- */

static size_t
cells_of(const UimlTransferStats *stats)
{
	return (UIML_TRANSFER_STATS_SIZE(stats->p, stats->q) - sizeof(UimlTransferStats)) / sizeof(double);
}

/* Sums of n weights and of their squares: weight^2 / n <= weight2 <= weight^2. */
static UimlStatus
check_weights(const UimlTransferStats *stats)
{
	double square = stats->weight * stats->weight;
	bool any = false;

	if (stats->n < 0)
		return UIML_EINVALID;
	if (stats->n > 0)
		return stats->weight > 0 && stats->weight2 <= square * (1 + TOLERANCE) + DBL_MIN &&
					   stats->weight2 * (double) stats->n >= square * (1 - TOLERANCE) - DBL_MIN
				   ? UIML_OK
				   : UIML_EINVALID;
	for (size_t i = 0; i < cells_of(stats); i++)
		any |= stats->data[i] != 0;
	return any || stats->weight != 0 || stats->weight2 != 0 ? UIML_EINVALID : UIML_OK;
}

/* |c_ij| <= sqrt(a_ii b_jj); where c is a or b itself, of a triangle. */
static bool
within_bounds(const double *c, const double *a, size_t m, const double *b, size_t n, bool upper)
{
	for (size_t i = 0; i < m; i++)
		for (size_t j = upper ? i : 0; j < n; j++)
		{
			double bound = sqrt(a[i * m + i]) * sqrt(b[j * n + j]);

			/* written so that NaN, from a negative sum of squares, is refused */
			if (!(fabs(c[i * n + j]) <= bound * (1 + TOLERANCE) + DBL_MIN))
				return false;
		}
	return true;
}

UimlStatus
uiml_stats_check(const UimlTransferStats *stats)
{
	const double *cxx = uiml_transfer_cxx(stats);
	const double *cyy = uiml_transfer_cyy(stats);
	double zero = stats->weight * 0 + stats->weight2 * 0;
	UimlStatus status;

	for (size_t i = 0; i < cells_of(stats); i++)
		zero += stats->data[i] * 0;
	if (!(zero == 0))
		return UIML_ENOTFINITE;
	status = check_weights(stats);
	if (status != UIML_OK)
		return status;
	return within_bounds(cxx, cxx, stats->p, cxx, stats->p, true) &&
				   within_bounds(cyy, cyy, stats->q, cyy, stats->q, true) &&
				   within_bounds(uiml_transfer_cxy(stats), cxx, stats->p, cyy, stats->q, false)
			   ? UIML_OK
			   : UIML_EINVALID;
}

bool
uiml_stats_equal(const UimlTransferStats *a, const UimlTransferStats *b)
{
	if (a->p != b->p || a->q != b->q || a->n != b->n || a->weight != b->weight || a->weight2 != b->weight2)
		return false;
	for (size_t i = 0; i < cells_of(a); i++)
		if (a->data[i] != b->data[i])
			return false;
	return true;
}

/* ---------- text ---------- */

/* Once a status is not UIML_OK, nothing more is read. */
typedef struct Reader
{
	UimlScan scan;
	UimlStatus status;
	UimlTextError *error;
} Reader;

static void
read_mark(Reader *reader, const char *mark)
{
	if (reader->status == UIML_OK)
		reader->status = uiml_scan_expect_word(&reader->scan, mark, reader->error);
}

static void
read_key(Reader *reader, const char *before, const char *key)
{
	read_mark(reader, before);
	read_mark(reader, key);
	read_mark(reader, ":");
}

static void
read_double(Reader *reader, const char *key, double *x)
{
	read_key(reader, ",", key);
	if (reader->status == UIML_OK)
		reader->status = uiml_scan_double(&reader->scan, x, reader->error);
}

/* A row of any length; x may be NULL. */
static void
read_means(Reader *reader, const char *key, double *x, size_t *n)
{
	read_key(reader, ",", key);
	if (reader->status == UIML_OK)
		reader->status = uiml_scan_row(&reader->scan, UIML_TRANSFER_MAX_DIMS, x, n, reader->error);
}

/* Rows of a matrix of m x n; upper: each from the diagonal on. */
static void
read_moments(Reader *reader, const char *key, double *c, size_t m, size_t n, bool upper)
{
	size_t found;

	read_key(reader, ",", key);
	for (size_t i = 0; i < m; i++)
	{
		size_t first = upper ? i : 0;

		read_mark(reader, i == 0 ? "[" : ",");
		if (reader->status == UIML_OK)
			reader->status =
				uiml_scan_row_of(&reader->scan, n - first, c + i * n + first, &found, reader->error);
	}
	read_mark(reader, "]");
}

/* Up to the means, which are stored unless they are NULL; fields receives n, weight and weight2. */
static void
read_head(Reader *reader, UimlTransferStats *fields, double *mean_x, size_t *p, double *mean_y, size_t *q)
{
	read_key(reader, "{", "\"n\"");
	if (reader->status == UIML_OK)
		reader->status = uiml_scan_int64(&reader->scan, &fields->n, reader->error);
	read_double(reader, "\"weight\"", &fields->weight);
	read_double(reader, "\"weight2\"", &fields->weight2);
	read_means(reader, "\"mean_source\"", mean_x, p);
	read_means(reader, "\"mean_target\"", mean_y, q);
}

UimlStatus
uiml_stats_text_shape(const char *text, size_t length, size_t *p, size_t *q, UimlTextError *error)
{
	Reader reader = {.scan = {.text = text, .length = length}, .error = error};
	UimlTransferStats fields;

	*error = (UimlTextError){0};
	read_head(&reader, &fields, NULL, p, NULL, q);
	return reader.status;
}

UimlStatus
uiml_stats_parse(const char *text, size_t length, UimlTransferStats *stats, UimlTextError *error)
{
	Reader reader = {.scan = {.text = text, .length = length}, .error = error};
	size_t p, q;

	*error = (UimlTextError){0};
	read_head(&reader, stats, uiml_transfer_mean_x(stats), &p, uiml_transfer_mean_y(stats), &q);
	read_moments(&reader, "\"source\"", uiml_transfer_cxx(stats), stats->p, stats->p, true);
	read_moments(&reader, "\"cross\"", uiml_transfer_cxy(stats), stats->p, stats->q, false);
	read_moments(&reader, "\"target\"", uiml_transfer_cyy(stats), stats->q, stats->q, true);
	read_mark(&reader, "}");
	if (reader.status == UIML_OK)
		reader.status = uiml_scan_expect_end(&reader.scan, error);
	return reader.status == UIML_OK ? uiml_stats_check(stats) : reader.status;
}

/* ---------- binary ---------- */

/* Rows of a matrix of m x n; upper: each from the diagonal on.  Returns the byte behind them. */
static uint8_t *
put_moments(uint8_t *byte, const double *c, size_t m, size_t n, bool upper)
{
	for (size_t i = 0; i < m; i++)
		for (size_t j = upper ? i : 0; j < n; j++)
			byte = uiml_put_f64(byte, c[i * n + j]);
	return byte;
}

static const uint8_t *
get_moments(const uint8_t *byte, double *c, size_t m, size_t n, bool upper)
{
	for (size_t i = 0; i < m; i++)
		for (size_t j = upper ? i : 0; j < n; j++, byte += sizeof(double))
			c[i * n + j] = uiml_get_f64(byte);
	return byte;
}

void
uiml_stats_write(const UimlTransferStats *stats, void *bytes)
{
	size_t p = stats->p, q = stats->q;
	uint8_t *byte = bytes;

	memcpy(byte, magic, sizeof(magic));
	byte = uiml_put_bytes(byte + sizeof(magic), VERSION, 2);
	byte = uiml_put_bytes(byte, 0, 2);
	byte = uiml_put_bytes(byte, uiml_stats_binary_size(p, q), 4);
	byte = uiml_put_bytes(byte, p, 4);
	byte = uiml_put_bytes(byte, q, 4);
	byte = uiml_put_bytes(byte, 0, 4);
	byte = uiml_put_bytes(byte, (uint64_t) stats->n, 8);
	byte = uiml_put_f64(byte, stats->weight);
	byte = uiml_put_f64(byte, stats->weight2);
	byte = put_moments(byte, stats->data, 1, p + q, false);
	byte = put_moments(byte, uiml_transfer_cxx(stats), p, p, true);
	byte = put_moments(byte, uiml_transfer_cxy(stats), p, q, false);
	put_moments(byte, uiml_transfer_cyy(stats), q, q, true);
}

UimlStatus
uiml_stats_read_shape(const void *bytes, size_t length, size_t *p, size_t *q)
{
	const uint8_t *byte = bytes;

	if (length < UIML_STATS_HEADER || memcmp(byte, magic, sizeof(magic)) != 0 ||
		uiml_get_bytes(byte + 4, 2) != VERSION || uiml_get_bytes(byte + 6, 2) != 0 ||
		uiml_get_bytes(byte + 8, 4) != length || uiml_get_bytes(byte + 20, 4) != 0)
		return UIML_ECORRUPT;
	*p = uiml_get_bytes(byte + 12, 4);
	*q = uiml_get_bytes(byte + 16, 4);
	if (*p > UIML_TRANSFER_MAX_DIMS || *q > UIML_TRANSFER_MAX_DIMS)
		return UIML_ELIMIT;
	return *p > 0 && *q > 0 && length == uiml_stats_binary_size(*p, *q) ? UIML_OK : UIML_ECORRUPT;
}

UimlStatus
uiml_stats_read(const void *bytes, UimlTransferStats *stats)
{
	const uint8_t *byte = bytes;

	stats->n = (int64_t) uiml_get_bytes(byte + 24, 8);
	stats->weight = uiml_get_f64(byte + 32);
	stats->weight2 = uiml_get_f64(byte + 40);
	byte = get_moments(byte + UIML_STATS_HEADER, stats->data, 1, (size_t) stats->p + stats->q, false);
	byte = get_moments(byte, uiml_transfer_cxx(stats), stats->p, stats->p, true);
	byte = get_moments(byte, uiml_transfer_cxy(stats), stats->p, stats->q, false);
	get_moments(byte, uiml_transfer_cyy(stats), stats->q, stats->q, true);
	return uiml_stats_check(stats);
}
