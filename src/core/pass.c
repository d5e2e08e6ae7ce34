/*
 * pass.c
 *	  A pass over packed users whose partial results add up.
 *
 * The matrix is A = X with x = log2(1 + strength) / (count of the row's items)^a / scale; what divides
 * columns is in the basis, whose rows were divided before the pass as those of the product are after it.  So
 * workers need neither counts nor factors of columns.
 */
#include "core/pass.h"

#include <math.h>
#include <string.h>

#include "core/bytes.h"
#include "core/kernels.h"
#include "core/rows.h"

#define STATE_VERSION 1

static const char state_magic[4] = {'u', 'v', 'p', 's'};

/* a * b * c, SIZE_MAX where that is too much. */
static size_t
product_of(uint64_t a, uint64_t b, uint64_t c)
{
	size_t product;

	if (__builtin_mul_overflow(a, b, &product) || __builtin_mul_overflow(product, c, &product))
		return SIZE_MAX;
	return product;
}

/* ---------- the job ---------- */

size_t
uiml_pass_payload_size(const UimlPassJob *job)
{
	switch (job->kind)
	{
		case UIML_PASS_MASSES:
			return 0;
		case UIML_PASS_PRODUCT:
		case UIML_PASS_GRAM:
			return product_of(job->n_items, job->width, sizeof(float));
		case UIML_PASS_PRIOR:
			return product_of(job->n_items, 1, sizeof(uint32_t));
		default:
			return SIZE_MAX;
	}
}

size_t
uiml_pass_job_size(const UimlPassJob *job)
{
	size_t payload = uiml_pass_payload_size(job);
	size_t excluded = product_of(job->n_excluded, 1, sizeof(uint32_t));
	size_t size;

	if (payload == SIZE_MAX || excluded == SIZE_MAX || __builtin_add_overflow(payload, excluded, &size) ||
		__builtin_add_overflow(size, sizeof(*job), &size))
		return SIZE_MAX;
	return size;
}

UimlStatus
uiml_pass_open(const void *bytes, size_t length, UimlPass *pass)
{
	const uint8_t *payload = (const uint8_t *) bytes + sizeof(UimlPassJob);
	const UimlPassJob *job = &pass->job;

	if (length < sizeof(UimlPassJob))
		return UIML_ECORRUPT;
	memcpy(&pass->job, bytes, sizeof(UimlPassJob));
	if (job->mark != UIML_PASS_MARK || uiml_pass_job_size(job) != length || job->n_items > UINT32_MAX ||
		!(job->row_scale >= 0 && job->row_scale <= 1) || !(job->scale > 0) || !(job->window.half_life > 0) ||
		!isfinite(job->window.until) || isnan(job->window.from) || isnan(job->window.before))
		return UIML_ECORRUPT;
	pass->basis = (const float *) (const void *) payload;
	pass->interest = (const uint32_t *) (const void *) payload;
	pass->excluded = (const uint32_t *) (const void *) (payload + uiml_pass_payload_size(job));
	return UIML_OK;
}

static bool
is_excluded(const UimlPass *pass, uint32_t user)
{
	size_t low = 0;
	size_t high = pass->job.n_excluded;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (pass->excluded[middle] == user)
			return true;
		if (pass->excluded[middle] < user)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* ---------- the state ---------- */

/* Cells and their size. */
static size_t
cells_of(uint32_t kind, uint64_t n_items, uint64_t width, size_t *size)
{
	*size = kind == UIML_PASS_PRODUCT ? sizeof(float) : sizeof(double);
	switch (kind)
	{
		case UIML_PASS_MASSES:
			return product_of(n_items, sizeof(UimlPassItem) / sizeof(double), 1);
		case UIML_PASS_PRODUCT:
			return product_of(n_items, width, 1);
		case UIML_PASS_GRAM:
			return product_of(width, width, 1);
		case UIML_PASS_PRIOR:
			return width < SIZE_MAX ? (size_t) width : SIZE_MAX;
		default:
			return SIZE_MAX;
	}
}

size_t
uiml_pass_state_size(uint32_t kind, uint64_t n_items, uint64_t width)
{
	size_t size;
	size_t cells = cells_of(kind, n_items, width, &size);
	size_t bytes = cells == SIZE_MAX ? SIZE_MAX : product_of(cells, size, 1);

	return bytes > SIZE_MAX - sizeof(UimlPassState) ? SIZE_MAX : sizeof(UimlPassState) + bytes;
}

void
uiml_pass_state_init(UimlPassState *state, uint32_t kind, uint64_t n_items, uint64_t width)
{
	state->kind = kind;
	state->n_items = n_items;
	state->width = width;
	state->users = 0;
	memset(state->cell, 0, uiml_pass_state_size(kind, n_items, width) - sizeof(UimlPassState));
}

void
uiml_pass_merge(UimlPassState *state, const UimlPassState *other)
{
	size_t size;
	size_t n = cells_of(state->kind, state->n_items, state->width, &size);
	const UimlKernels *kernels = uiml_kernels();

	state->users += other->users;
	if (state->kind == UIML_PASS_PRODUCT)
	{
		float *sum = (float *) (void *) state->cell;

		kernels->add(sum, (const float *) (const void *) other->cell, n, sum);
		return;
	}
	if (state->kind == UIML_PASS_MASSES)
	{
		UimlPassItem *to = (UimlPassItem *) (void *) state->cell;
		const UimlPassItem *from = (const UimlPassItem *) (const void *) other->cell;

		for (size_t i = 0; i < state->n_items; i++)
		{
			to[i].entries += from[i].entries;
			to[i].largest = fmax(to[i].largest, from[i].largest);
			to[i].squares += from[i].squares;
			to[i].mass += from[i].mass;
			to[i].faded += from[i].faded;
		}
		return;
	}
	kernels->accumulate_f64(other->cell, 1, n, state->cell);
}

/* ---------- one user ---------- */

/* What the events of one user come to, and room for it. */
typedef struct Row
{
	UimlUserSums sums;
	size_t n; /* items, without texts */
	float *z; /* width */
	double *own;
} Row;

static void
row_free(const UimlEnv *env, Row *row)
{
	uiml_free(env, row->sums.item);
	uiml_free(env, row->sums.strength);
	uiml_free(env, row->sums.mass);
	uiml_free(env, row->z);
	uiml_free(env, row->own);
}

static UimlStatus
row_open(const UimlEnv *env, const UimlPassJob *job, size_t n_events, Row *row)
{
	bool masses = job->kind == UIML_PASS_MASSES || job->kind == UIML_PASS_PRIOR;

	row->sums.item = uiml_alloc(env, n_events, sizeof(uint32_t));
	row->sums.strength = uiml_alloc(env, n_events, sizeof(float));
	row->sums.mass = masses ? uiml_alloc(env, n_events, sizeof(float)) : NULL;
	row->z = masses ? NULL : uiml_alloc(env, job->width, sizeof(float));
	row->own = job->kind == UIML_PASS_PRIOR ? uiml_alloc(env, job->width, sizeof(double)) : NULL;
	if (row->sums.item == NULL || row->sums.strength == NULL || (masses && row->sums.mass == NULL) ||
		(!masses && row->z == NULL) || (job->kind == UIML_PASS_PRIOR && row->own == NULL))
		return UIML_ENOMEM;
	return UIML_OK;
}

static UimlStatus
row_read(const UimlEnv *env, const UimlPass *pass, const void *bytes, size_t n_events, Row *row)
{
	UimlEvent *events = uiml_alloc(env, n_events, sizeof(UimlEvent));
	UimlStatus status = events == NULL ? UIML_ENOMEM : uiml_userpack_read(bytes, n_events, 0, events);

	if (status == UIML_OK)
		status = row_open(env, &pass->job, n_events, row);
	if (status == UIML_OK)
		status = uiml_events_sum_user(env, events, n_events, &pass->job.window, &row->sums);
	uiml_free(env, events);
	row->n = row->sums.n;
	while (status == UIML_OK && row->n > 0 && row->sums.item[row->n - 1] >= pass->job.n_items)
		row->n--;
	return status;
}

/* Turns strengths into values, in place. */
static void
scale_values(const UimlPassJob *job, Row *row)
{
	double divisor = pow((double) row->n, job->row_scale) * job->scale;

	for (size_t e = 0; e < row->n; e++)
	{
		float compressed = (float) (log1p(row->sums.strength[e]) * M_LOG2E);

		row->sums.strength[e] = (float) (compressed / divisor);
	}
}

static void
add_masses(const UimlPassJob *job, const Row *row, UimlPassItem *cell)
{
	double divisor = pow((double) row->n, job->row_scale);

	for (size_t e = 0; e < row->n; e++)
	{
		UimlPassItem *item = &cell[row->sums.item[e]];
		double value = (float) (log1p(row->sums.strength[e]) * M_LOG2E) / divisor;

		item->entries++;
		item->largest = fmax(item->largest, value);
		item->squares += value * value;
		item->mass += row->sums.mass[e];
		item->faded += row->sums.mass[e] * row->sums.fade;
	}
}

/* gram += z z', the upper triangle. */
static void
add_gram(const UimlKernels *kernels, const float *z, size_t l, double *gram)
{
	for (size_t i = 0; i < l; i++)
		kernels->accumulate_weighted(z + i, z[i], l - i, gram + i * l + i);
}

static void
add_row(const UimlPass *pass, Row *row, UimlPassState *state)
{
	const UimlPassJob *job = &pass->job;
	const UimlKernels *kernels = uiml_kernels();

	switch (job->kind)
	{
		case UIML_PASS_MASSES:
			add_masses(job, row, (UimlPassItem *) (void *) state->cell);
			break;
		case UIML_PASS_PRIOR:
			uiml_rows_add_prior(row->sums.item, row->sums.mass, row->sums.n, pass->interest, job->n_items,
								job->width, row->own, state->cell, &state->users);
			return;
		default:
			scale_values(job, row);
			memset(row->z, 0, job->width * sizeof(float));
			kernels->gather_rows(row->sums.item, row->sums.strength, row->n, pass->basis, job->width,
								 job->width, row->z);
			if (job->kind == UIML_PASS_GRAM)
				add_gram(kernels, row->z, job->width, state->cell);
			else
				kernels->scatter_rows(row->sums.item, row->sums.strength, row->n, row->z, job->width,
									  job->width, (float *) (void *) state->cell);
			break;
	}
	state->users++;
}

UimlStatus
uiml_pass_add(const UimlEnv *env, const UimlPass *pass, uint32_t user, const void *bytes, size_t length,
			  UimlPassState *state)
{
	Row row = {.n = 0};
	size_t n_events;
	UimlStatus status = uiml_userpack_count(bytes, length, &n_events);

	if (status != UIML_OK || n_events == 0 || is_excluded(pass, user))
		return status;
	status = row_read(env, pass, bytes, n_events, &row);
	if (status == UIML_OK && (row.n > 0 || pass->job.kind == UIML_PASS_PRIOR))
		add_row(pass, &row, state);
	row_free(env, &row);
	return status;
}

/* ---------- the binary form of a state ---------- */

size_t
uiml_pass_state_binary_size(const UimlPassState *state)
{
	return uiml_pass_state_size(state->kind, state->n_items, state->width) - sizeof(UimlPassState) +
		   UIML_PASS_STATE_HEADER;
}

void
uiml_pass_state_write(const UimlPassState *state, void *bytes)
{
	uint8_t *byte = bytes;
	const uint8_t *cell = (const uint8_t *) state->cell;
	size_t size;
	size_t n = cells_of(state->kind, state->n_items, state->width, &size);

	memcpy(byte, state_magic, sizeof(state_magic));
	byte = uiml_put_bytes(byte + sizeof(state_magic), STATE_VERSION, 2);
	byte = uiml_put_bytes(byte, 0, 2);
	byte = uiml_put_bytes(byte, state->kind, 4);
	byte = uiml_put_bytes(byte, 0, 4);
	byte = uiml_put_bytes(byte, state->n_items, 8);
	byte = uiml_put_bytes(byte, state->width, 8);
	byte = uiml_put_f64(byte, state->users);
	for (size_t i = 0; i < n; i++, cell += size)
	{
		uint32_t narrow;
		uint64_t wide;

		memcpy(size == sizeof(narrow) ? (void *) &narrow : (void *) &wide, cell, size);
		byte = uiml_put_bytes(byte, size == sizeof(narrow) ? narrow : wide, (int) size);
	}
}

UimlStatus
uiml_pass_state_read_size(const void *bytes, size_t length, size_t *size)
{
	const uint8_t *byte = bytes;

	if (length < UIML_PASS_STATE_HEADER || memcmp(byte, state_magic, sizeof(state_magic)) != 0 ||
		uiml_get_bytes(byte + 4, 2) != STATE_VERSION || uiml_get_bytes(byte + 6, 2) != 0 ||
		uiml_get_bytes(byte + 12, 4) != 0)
		return UIML_ECORRUPT;
	*size = uiml_pass_state_size((uint32_t) uiml_get_bytes(byte + 8, 4), uiml_get_bytes(byte + 16, 8),
								 uiml_get_bytes(byte + 24, 8));
	if (*size == SIZE_MAX || *size - sizeof(UimlPassState) != length - UIML_PASS_STATE_HEADER)
		return UIML_ECORRUPT;
	return UIML_OK;
}

void
uiml_pass_state_read(const void *bytes, UimlPassState *state)
{
	const uint8_t *byte = (const uint8_t *) bytes + UIML_PASS_STATE_HEADER;
	uint8_t *cell = (uint8_t *) state->cell;
	size_t size;
	size_t n;

	state->kind = (uint32_t) uiml_get_bytes((const uint8_t *) bytes + 8, 4);
	state->n_items = uiml_get_bytes((const uint8_t *) bytes + 16, 8);
	state->width = uiml_get_bytes((const uint8_t *) bytes + 24, 8);
	state->users = uiml_get_f64((const uint8_t *) bytes + 32);
	n = cells_of(state->kind, state->n_items, state->width, &size);
	for (size_t i = 0; i < n; i++, byte += size, cell += size)
	{
		uint64_t wide = uiml_get_bytes(byte, (int) size);
		uint32_t narrow = (uint32_t) wide;

		memcpy(cell, size == sizeof(narrow) ? (void *) &narrow : (void *) &wide, size);
	}
}
