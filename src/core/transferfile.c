/*
 * transferfile.c
 *	  Packing transfers, and checking packed ones.
 *
 * The layout follows from the header's numbers, so that what is left to check are these, the offsets of the
 * pool and its item numbers.  Packing and opening share those checks: what is written can be read.
 */
#include <math.h>
#include <string.h>

#include "core/bytes.h"
#include "core/checksum.h"
#include "core/parts.h"
#include "core/transferfile.h"

#define MAGIC       "uimltran"
#define VERSION     1
#define HEADER_SIZE ((size_t) 256)

/* Where each field of the header starts. */
#define AT_VERSION  8   /* uint32 */
#define AT_ORDER    12  /* uint32: of the arrays; 0 little-endian, 1 big-endian */
#define AT_USED     16  /* uint32: USED_ITEMS | USED_INTERESTS | USED_HISTORY */
#define AT_ZERO     20  /* uint32: 0 */
#define AT_SIZE     24  /* uint64 */
#define AT_NUMBERS  32  /* N_NUMBERS uint64 */
#define AT_SCALARS  96  /* N_SCALARS double */
#define AT_RESERVED 160 /* zero bytes */
#define AT_CHECKSUM 248 /* uint64: of all the other bytes */

#define USED_ITEMS     1
#define USED_INTERESTS 2
#define USED_HISTORY   4 /* only with USED_INTERESTS */

/* Weights may miss a sum of 1 by rounding. */
#define WEIGHT_TOLERANCE 1e-6

enum
{
	NUMBER_P,
	NUMBER_Q,
	NUMBER_K,
	NUMBER_ITEMS,
	NUMBER_USERS, /* of the pool, as what follows */
	NUMBER_SOURCE_ITEMS,
	NUMBER_ENTRIES,
	NUMBER_CHOICES,
	N_NUMBERS
};

enum
{
	SCALAR_MIXING,
	SCALAR_ALPHA,
	SCALAR_TEMPERATURE,
	SCALAR_STRENGTH,
	SCALAR_WEIGHT,
	N_SCALARS = SCALAR_WEIGHT + UIML_N_ITEM_PARTS
};

_Static_assert(AT_NUMBERS + 8 * N_NUMBERS == AT_SCALARS && AT_SCALARS + 8 * N_SCALARS == AT_RESERVED,
			   "the fields of the header follow each other");

/* The arrays, in the order they lie in. */
enum
{
	PART_COEF,
	PART_BIAS,
	PART_AVERAGE,
	PART_HISTORY,
	PART_W,
	PART_B,
	PART_OVERLAP,
	PART_RARITY,
	PART_SCALE,
	PART_ITEM_START,
	PART_USER,
	PART_CHOICE_START,
	PART_CHOICE,
	N_PARTS
};

typedef struct Layout
{
	size_t start[N_PARTS];
	size_t count[N_PARTS]; /* elements */
	size_t size;
} Layout;

static size_t
part_width(int part)
{
	return part == PART_HISTORY || part == PART_ITEM_START || part == PART_CHOICE_START ? sizeof(uint64_t)
																						: sizeof(uint32_t);
}

static bool
multiply(size_t a, size_t b, size_t *product)
{
	return !__builtin_mul_overflow(a, b, product);
}

/* Places the arrays that a file of these numbers has; false where size_t overflows. */
static bool
layout_compute(uint32_t used, const uint64_t *number, Layout *layout)
{
	size_t p = (size_t) number[NUMBER_P];
	size_t q = (size_t) number[NUMBER_Q];
	size_t k = (size_t) number[NUMBER_K];
	size_t at = HEADER_SIZE;

	for (int n = 0; n < N_NUMBERS; n++)
		if (number[n] > SIZE_MAX / 2)
			return false;
	memset(layout, 0, sizeof(*layout));
	if (used & USED_INTERESTS)
	{
		layout->count[PART_BIAS] = layout->count[PART_AVERAGE] = k;
		if (!multiply(p, k, &layout->count[PART_COEF]))
			return false;
	}
	if ((used & USED_HISTORY) && !multiply(k, k, &layout->count[PART_HISTORY]))
		return false;
	if (used & USED_ITEMS)
	{
		layout->count[PART_B] = q;
		layout->count[PART_OVERLAP] = (size_t) number[NUMBER_ITEMS];
		layout->count[PART_RARITY] = (size_t) number[NUMBER_SOURCE_ITEMS];
		layout->count[PART_SCALE] = (size_t) number[NUMBER_USERS];
		layout->count[PART_ITEM_START] = (size_t) number[NUMBER_SOURCE_ITEMS] + 1;
		layout->count[PART_USER] = (size_t) number[NUMBER_ENTRIES];
		layout->count[PART_CHOICE_START] = (size_t) number[NUMBER_USERS] + 1;
		layout->count[PART_CHOICE] = (size_t) number[NUMBER_CHOICES];
		if (!multiply(p, q, &layout->count[PART_W]))
			return false;
	}
	for (int part = 0; part < N_PARTS; part++)
		if (!uiml_part_place(&at, layout->count[part], part_width(part), &layout->start[part]))
			return false;
	layout->size = at;
	return true;
}

/* ---------- header ---------- */

/* What the header says, beside its size and checksum. */
typedef struct Header
{
	uint32_t order;
	uint32_t used;
	uint64_t number[N_NUMBERS];
	double scalar[N_SCALARS];
} Header;

static void
header_put(char *data, const Header *header, size_t size)
{
	uint8_t *byte = (uint8_t *) data;

	memset(data, 0, HEADER_SIZE);
	memcpy(data, MAGIC, 8);
	(void) uiml_put_bytes(byte + AT_VERSION, VERSION, 4);
	(void) uiml_put_bytes(byte + AT_ORDER, header->order, 4);
	(void) uiml_put_bytes(byte + AT_USED, header->used, 4);
	(void) uiml_put_bytes(byte + AT_SIZE, size, 8);
	for (int n = 0; n < N_NUMBERS; n++)
		(void) uiml_put_bytes(byte + AT_NUMBERS + 8 * n, header->number[n], 8);
	for (int s = 0; s < N_SCALARS; s++)
		(void) uiml_put_f64(byte + AT_SCALARS + 8 * s, header->scalar[s]);
	(void) uiml_put_bytes(byte + AT_CHECKSUM, uiml_checksum_block(data, size, HEADER_SIZE), 8);
}

/* False for a header that no version of ours wrote. */
static bool
header_get(const char *data, size_t size, Header *header)
{
	static const char zero[AT_CHECKSUM - AT_RESERVED];
	const uint8_t *byte = (const uint8_t *) data;

	if (size < HEADER_SIZE || memcmp(data, MAGIC, 8) != 0 ||
		uiml_get_bytes(byte + AT_VERSION, 4) != VERSION || uiml_get_bytes(byte + AT_ZERO, 4) != 0 ||
		uiml_get_bytes(byte + AT_SIZE, 8) != size || memcmp(data + AT_RESERVED, zero, sizeof(zero)) != 0)
		return false;
	header->order = (uint32_t) uiml_get_bytes(byte + AT_ORDER, 4);
	header->used = (uint32_t) uiml_get_bytes(byte + AT_USED, 4);
	for (int n = 0; n < N_NUMBERS; n++)
		header->number[n] = uiml_get_bytes(byte + AT_NUMBERS + 8 * n, 8);
	for (int s = 0; s < N_SCALARS; s++)
		header->scalar[s] = uiml_get_f64(byte + AT_SCALARS + 8 * s);
	return header->order <= 1 && header->used <= (USED_ITEMS | USED_INTERESTS | USED_HISTORY);
}

static bool
is_positive(double value)
{
	return value > 0 && value < INFINITY;
}

static bool
weights_are_sound(const double *weight, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
	{
		if (!(weight[i] >= 0))
			return false;
		sum += weight[i];
	}
	return fabs(sum - 1) <= WEIGHT_TOLERANCE;
}

/* Numbers and scalars in their ranges; zero where they mean nothing. */
static bool
header_is_sound(const Header *header)
{
	const uint64_t *number = header->number;
	const double *scalar = header->scalar;

	if (number[NUMBER_P] < 1 || (header->used & (USED_ITEMS | USED_INTERESTS)) == 0 ||
		((header->used & USED_HISTORY) && !(header->used & USED_INTERESTS)))
		return false;
	if (header->used & USED_INTERESTS)
	{
		if (number[NUMBER_K] < 1 || !(scalar[SCALAR_MIXING] >= 0 && scalar[SCALAR_MIXING] <= 1) ||
			!is_positive(scalar[SCALAR_ALPHA]))
			return false;
	}
	else if (number[NUMBER_K] != 0 || scalar[SCALAR_MIXING] != 0 || scalar[SCALAR_ALPHA] != 0)
		return false;
	if (header->used & USED_ITEMS)
		return number[NUMBER_Q] >= 1 && number[NUMBER_ITEMS] >= 1 && number[NUMBER_ITEMS] < UINT32_MAX &&
			   number[NUMBER_USERS] < UINT32_MAX && number[NUMBER_SOURCE_ITEMS] < UINT32_MAX &&
			   is_positive(scalar[SCALAR_TEMPERATURE]) && is_positive(scalar[SCALAR_STRENGTH]) &&
			   weights_are_sound(scalar + SCALAR_WEIGHT, UIML_N_ITEM_PARTS);
	for (int n = NUMBER_ITEMS; n < N_NUMBERS; n++)
		if (number[n] != 0)
			return false;
	for (int s = SCALAR_TEMPERATURE; s < N_SCALARS; s++)
		if (scalar[s] != 0)
			return false;
	return number[NUMBER_Q] == 0;
}

/* ---------- the view ---------- */

static void
view_set(const char *data, const Header *header, const Layout *layout, UimlTransferFile *file)
{
	const void *part[N_PARTS];
	const uint64_t *number = header->number;
	const double *scalar = header->scalar;

	memset(file, 0, sizeof(*file));
	file->size = layout->size;
	for (int i = 0; i < N_PARTS; i++)
		part[i] = data + layout->start[i];
	if (header->used & USED_INTERESTS)
		file->interests =
			(UimlInterestTransfer){.p = (size_t) number[NUMBER_P],
								   .k = (size_t) number[NUMBER_K],
								   .coef = part[PART_COEF],
								   .b = part[PART_BIAS],
								   .average = part[PART_AVERAGE],
								   .history = header->used & USED_HISTORY ? part[PART_HISTORY] : NULL,
								   .mixing = scalar[SCALAR_MIXING],
								   .alpha = scalar[SCALAR_ALPHA],
								   .used = true};
	if (!(header->used & USED_ITEMS))
		return;
	file->items = (UimlItemTransfer){.p = (size_t) number[NUMBER_P],
									 .q = (size_t) number[NUMBER_Q],
									 .n_items = (size_t) number[NUMBER_ITEMS],
									 .w = part[PART_W],
									 .b = part[PART_B],
									 .temperature = scalar[SCALAR_TEMPERATURE],
									 .strength = scalar[SCALAR_STRENGTH],
									 .overlap = part[PART_OVERLAP],
									 .pool = {.n_users = (size_t) number[NUMBER_USERS],
											  .n_source_items = (size_t) number[NUMBER_SOURCE_ITEMS],
											  .n_entries = (size_t) number[NUMBER_ENTRIES],
											  .n_choices = (size_t) number[NUMBER_CHOICES],
											  .rarity = part[PART_RARITY],
											  .scale = part[PART_SCALE],
											  .item_start = part[PART_ITEM_START],
											  .user = part[PART_USER],
											  .choice_start = part[PART_CHOICE_START],
											  .choice = part[PART_CHOICE]},
									 .used = true};
	memcpy(file->items.weight, scalar + SCALAR_WEIGHT, sizeof(file->items.weight));
}

/* Whether the pool can be followed. */
static bool
pool_is_sound(const UimlItemTransfer *items)
{
	const UimlItemPool *pool = &items->pool;

	return !items->used || (uiml_lists_are_sound(pool->item_start, pool->n_source_items, pool->user,
												 pool->n_entries, pool->n_users) &&
							uiml_lists_are_sound(pool->choice_start, pool->n_users, pool->choice,
												 pool->n_choices, items->n_items));
}

/* Rows are distributions. */
static bool
history_is_sound(const double *w, size_t k)
{
	for (size_t i = 0; i < k; i++)
		if (!weights_are_sound(w + i * k, k))
			return false;
	return true;
}

/* Floats are finite, and what is a share, a rarity or a length not negative. */
static bool
floats_are_sound(const char *data, const Layout *layout)
{
	static const struct
	{
		int part;
		bool negative;
	} floats[] = {{PART_COEF, true}, {PART_BIAS, true},     {PART_AVERAGE, false}, {PART_W, true},
				  {PART_B, true},    {PART_OVERLAP, false}, {PART_RARITY, false},  {PART_SCALE, false}};

	for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++)
	{
		const void *part = data + layout->start[floats[i].part];
		size_t n = layout->count[floats[i].part];

		if (!uiml_floats_are_sound(part, n, floats[i].negative))
			return false;
	}
	return layout->count[PART_HISTORY] == 0 ||
		   history_is_sound((const double *) (const void *) (data + layout->start[PART_HISTORY]),
							layout->count[PART_BIAS]);
}

/* ---------- packing ---------- */

static bool
is_used(const UimlItemTransfer *items, const UimlInterestTransfer *interests)
{
	return (items != NULL && items->used) || (interests != NULL && interests->used);
}

static Header
header_of(const UimlItemTransfer *items, const UimlInterestTransfer *interests)
{
	Header header = {0};

	if (interests != NULL && interests->used)
	{
		header.used |= USED_INTERESTS | (interests->history != NULL ? USED_HISTORY : 0);
		header.number[NUMBER_P] = interests->p;
		header.number[NUMBER_K] = interests->k;
		header.scalar[SCALAR_MIXING] = interests->mixing;
		header.scalar[SCALAR_ALPHA] = interests->alpha;
	}
	if (items == NULL || !items->used)
		return header;
	header.used |= USED_ITEMS;
	header.number[NUMBER_P] = items->p;
	header.number[NUMBER_Q] = items->q;
	header.number[NUMBER_ITEMS] = items->n_items;
	if (items->pool.n_users > 0)
	{
		header.number[NUMBER_USERS] = items->pool.n_users;
		header.number[NUMBER_SOURCE_ITEMS] = items->pool.n_source_items;
		header.number[NUMBER_ENTRIES] = items->pool.n_entries;
		header.number[NUMBER_CHOICES] = items->pool.n_choices;
	}
	header.scalar[SCALAR_TEMPERATURE] = items->temperature;
	header.scalar[SCALAR_STRENGTH] = items->strength;
	memcpy(header.scalar + SCALAR_WEIGHT, items->weight, sizeof(items->weight));
	return header;
}

size_t
uiml_transferfile_size(const UimlItemTransfer *items, const UimlInterestTransfer *interests)
{
	Header header;
	Layout layout;

	if (!is_used(items, interests))
		return 0;
	header = header_of(items, interests);
	return layout_compute(header.used, header.number, &layout) ? layout.size : 0;
}

static void
put_part(char *data, const Layout *layout, int part, const void *from)
{
	if (layout->count[part] > 0)
		memcpy(data + layout->start[part], from, layout->count[part] * part_width(part));
}

static void
put_interests(char *data, const Layout *layout, const UimlInterestTransfer *interests)
{
	put_part(data, layout, PART_COEF, interests->coef);
	put_part(data, layout, PART_BIAS, interests->b);
	put_part(data, layout, PART_AVERAGE, interests->average);
	put_part(data, layout, PART_HISTORY, interests->history);
}

/* A pool without users needs no offsets: those that the file has are 0. */
static void
put_items(char *data, const Layout *layout, const UimlItemTransfer *items)
{
	const UimlItemPool *pool = &items->pool;

	put_part(data, layout, PART_W, items->w);
	put_part(data, layout, PART_B, items->b);
	put_part(data, layout, PART_OVERLAP, items->overlap);
	if (pool->n_users == 0)
		return;
	put_part(data, layout, PART_RARITY, pool->rarity);
	put_part(data, layout, PART_SCALE, pool->scale);
	put_part(data, layout, PART_ITEM_START, pool->item_start);
	put_part(data, layout, PART_USER, pool->user);
	put_part(data, layout, PART_CHOICE_START, pool->choice_start);
	put_part(data, layout, PART_CHOICE, pool->choice);
}

UimlStatus
uiml_transferfile_pack(const UimlItemTransfer *items, const UimlInterestTransfer *interests, char *buffer,
					   size_t size)
{
	Header header;
	Layout layout;
	UimlTransferFile file;

	if (!is_used(items, interests) || (uintptr_t) buffer % sizeof(uint64_t) != 0)
		return UIML_EINVALID;
	header = header_of(items, interests);
	if ((header.used & USED_ITEMS) && (header.used & USED_INTERESTS) && items->p != interests->p)
		return UIML_EINVALID;
	if (!header_is_sound(&header) || !layout_compute(header.used, header.number, &layout) ||
		layout.size != size)
		return UIML_EINVALID;
	memset(buffer, 0, size);
	if (header.used & USED_INTERESTS)
		put_interests(buffer, &layout, interests);
	if (header.used & USED_ITEMS)
		put_items(buffer, &layout, items);
	view_set(buffer, &header, &layout, &file);
	if (!pool_is_sound(&file.items))
		return UIML_EINVALID;
	if (!floats_are_sound(buffer, &layout))
		return UIML_ENOTFINITE;
	header.order = UIML_TRANSFERFILE_FOREIGN ? 1 : 0;
	header_put(buffer, &header, size);
	return UIML_TRANSFERFILE_FOREIGN ? uiml_transferfile_swap(buffer, size) : UIML_OK;
}

/* ---------- byte order ---------- */

UimlStatus
uiml_transferfile_swap(char *data, size_t size)
{
	Header header;
	Layout layout;

	if (!header_get(data, size, &header) || !layout_compute(header.used, header.number, &layout) ||
		layout.size != size ||
		uiml_get_bytes((const uint8_t *) data + AT_CHECKSUM, 8) !=
			uiml_checksum_block(data, size, HEADER_SIZE))
		return UIML_ECORRUPT;
	for (int part = 0; part < N_PARTS; part++)
		uiml_part_swap(data + layout.start[part], layout.count[part], part_width(part));
	header.order = 1 - header.order;
	header_put(data, &header, size);
	return UIML_OK;
}

/* ---------- opening ---------- */

UimlStatus
uiml_transferfile_open(const char *data, size_t size, bool verify, UimlTransferFile *file)
{
	Header header;
	Layout layout;

	if ((uintptr_t) data % sizeof(uint64_t) != 0)
		return UIML_EINVALID;
	if (!header_get(data, size, &header) || !header_is_sound(&header) ||
		!layout_compute(header.used, header.number, &layout) || layout.size != size)
		return UIML_ECORRUPT;
	if (verify && uiml_get_bytes((const uint8_t *) data + AT_CHECKSUM, 8) !=
					  uiml_checksum_block(data, size, HEADER_SIZE))
		return UIML_ECORRUPT;
	if (header.order != (UIML_TRANSFERFILE_FOREIGN ? 1 : 0))
		return UIML_EINVALID;
	view_set(data, &header, &layout, file);
	if (!pool_is_sound(&file->items) || (verify && !floats_are_sound(data, &layout)))
		return UIML_ECORRUPT;
	return UIML_OK;
}
