/*
 * sequencefile.c
 *	  Packing sequence models, and checking packed ones.
 *
 * The layout follows from the header's numbers, so that what is left to check are these, and the links of the
 * experts.  Packing and opening share those checks: what is written can be read.
 */
#include <math.h>
#include <string.h>

#include "core/bytes.h"
#include "core/checksum.h"
#include "core/parts.h"
#include "core/sequencefile.h"

#define MAGIC       "uimlnext"
#define VERSION     1
#define HEADER_SIZE ((size_t) 320)

/* Where each field of the header starts. */
#define AT_VERSION  8   /* uint32 */
#define AT_ORDER    12  /* uint32: of the arrays; 0 little-endian, 1 big-endian */
#define AT_TARGET   16  /* uint32: UimlNextTarget */
#define AT_USED     20  /* uint32: an OR of USED_* */
#define AT_SIZE     24  /* uint64 */
#define AT_NUMBERS  32  /* N_NUMBERS uint64 */
#define AT_SCALARS  128 /* N_SCALARS float */
#define AT_RESERVED 280 /* zero bytes */
#define AT_CHECKSUM 312 /* uint64: of all the other bytes */

#define USED_RULES  1
#define USED_LINKS  2 /* of a ridge of full rank */
#define USED_MATRIX 4 /* of one of low rank */
#define USED_BIAS   8 /* only with USED_MATRIX */
#define USED_EASE   16
#define USED_LSTM   32
#define USED_TIED   64  /* only with USED_LSTM, as what follows */
#define USED_PADDED 128 /* sequences are padded for it */
#define USED_ALL    255

/* Shares may miss a sum of 1 by rounding. */
#define SHARE_TOLERANCE 1e-3

enum
{
	NUMBER_CLASSES,
	NUMBER_MAX_LENGTH,
	NUMBER_RULES_STEPS,
	NUMBER_RULES_LINKS,
	NUMBER_RIDGE_STEPS,
	NUMBER_RIDGE_LINKS,
	NUMBER_RIDGE_P,
	NUMBER_RIDGE_Q,
	NUMBER_EASE_STEPS,
	NUMBER_EASE_LINKS,
	NUMBER_EMBEDDING,
	NUMBER_HIDDEN,
	N_NUMBERS
};

enum
{
	SCALAR_MIX,
	SCALAR_BLEND = SCALAR_MIX + UIML_NEXT_LENGTHS * UIML_N_EXPERTS,
	SCALAR_TEMPERATURE = SCALAR_BLEND + UIML_NEXT_LENGTHS,
	SCALAR_RULES_DECAY = SCALAR_TEMPERATURE + UIML_N_EXPERTS,
	SCALAR_RIDGE_DECAY,
	SCALAR_EASE_DECAY,
	N_SCALARS
};

_Static_assert(AT_NUMBERS + 8 * N_NUMBERS == AT_SCALARS && AT_SCALARS + 4 * N_SCALARS == AT_RESERVED,
			   "the fields of the header follow each other");

/* The arrays, in the order they lie in; links are three each. */
enum
{
	PART_POPULARITY,
	PART_RULES,
	PART_RIDGE = PART_RULES + 3,
	PART_RIDGE_W = PART_RIDGE + 3,
	PART_RIDGE_B,
	PART_EASE,
	PART_LSTM = PART_EASE + 3,
	N_PARTS = PART_LSTM + UIML_LSTM_N_TENSORS
};

typedef struct Layout
{
	size_t start[N_PARTS];
	size_t count[N_PARTS]; /* elements */
	size_t size;
} Layout;

/* What the header says, beside its size and checksum. */
typedef struct Header
{
	uint32_t order;
	uint32_t target;
	uint32_t used;
	uint64_t number[N_NUMBERS];
	float scalar[N_SCALARS];
} Header;

/* The experts that have links: what says that they are there, and where their fields and arrays are. */
typedef struct Linked
{
	uint32_t used;
	int links; /* NUMBER_* */
	int part;  /* the first of three */
} Linked;

static const Linked linked[] = {{USED_RULES, NUMBER_RULES_LINKS, PART_RULES},
								{USED_LINKS, NUMBER_RIDGE_LINKS, PART_RIDGE},
								{USED_EASE, NUMBER_EASE_LINKS, PART_EASE}};

#define N_LINKED (sizeof(linked) / sizeof(linked[0]))

static size_t
part_width(int part)
{
	return part == PART_RULES || part == PART_RIDGE || part == PART_EASE ? sizeof(uint64_t)
																		 : sizeof(uint32_t);
}

static UimlLstmShape
shape_of(const Header *header)
{
	size_t classes = (size_t) header->number[NUMBER_CLASSES];

	return (UimlLstmShape){.tokens = classes + 1,
						   .embedding = (size_t) header->number[NUMBER_EMBEDDING],
						   .hidden = (size_t) header->number[NUMBER_HIDDEN],
						   .classes = classes,
						   .tied = (header->used & USED_TIED) != 0};
}

/* Places the arrays that a file of this header, which is sound, has; false where size_t overflows. */
static bool
layout_compute(const Header *header, Layout *layout)
{
	const uint64_t *number = header->number;
	UimlLstmShape shape = shape_of(header);
	size_t at = HEADER_SIZE;

	memset(layout, 0, sizeof(*layout));
	layout->count[PART_POPULARITY] = shape.classes;
	for (size_t i = 0; i < N_LINKED; i++)
	{
		size_t *count = &layout->count[linked[i].part];

		if (!(header->used & linked[i].used))
			continue;
		count[0] = shape.classes + 1;
		count[1] = count[2] = (size_t) number[linked[i].links];
	}
	if (__builtin_mul_overflow((size_t) number[NUMBER_RIDGE_P], (size_t) number[NUMBER_RIDGE_Q],
							   &layout->count[PART_RIDGE_W]))
		return false;
	if (header->used & USED_BIAS)
		layout->count[PART_RIDGE_B] = (size_t) number[NUMBER_RIDGE_Q];
	for (int t = 0; (header->used & USED_LSTM) && t < UIML_LSTM_N_TENSORS; t++)
		layout->count[PART_LSTM + t] = uiml_lstm_tensor_size(&shape, (UimlLstmTensor) t);
	for (int part = 0; part < N_PARTS; part++)
		if (!uiml_part_place(&at, layout->count[part], part_width(part), &layout->start[part]))
			return false;
	layout->size = at;
	return true;
}

/* ---------- header ---------- */

static void
header_put(char *data, const Header *header, size_t size)
{
	uint8_t *byte = (uint8_t *) data;

	memset(data, 0, HEADER_SIZE);
	memcpy(data, MAGIC, 8);
	(void) uiml_put_bytes(byte + AT_VERSION, VERSION, 4);
	(void) uiml_put_bytes(byte + AT_ORDER, header->order, 4);
	(void) uiml_put_bytes(byte + AT_TARGET, header->target, 4);
	(void) uiml_put_bytes(byte + AT_USED, header->used, 4);
	(void) uiml_put_bytes(byte + AT_SIZE, size, 8);
	for (int n = 0; n < N_NUMBERS; n++)
		(void) uiml_put_bytes(byte + AT_NUMBERS + 8 * n, header->number[n], 8);
	for (int s = 0; s < N_SCALARS; s++)
		(void) uiml_put_f32(byte + AT_SCALARS + 4 * s, header->scalar[s]);
	(void) uiml_put_bytes(byte + AT_CHECKSUM, uiml_checksum_block(data, size, HEADER_SIZE), 8);
}

/* False for a header that no version of ours wrote. */
static bool
header_get(const char *data, size_t size, Header *header)
{
	static const char zero[AT_CHECKSUM - AT_RESERVED];
	const uint8_t *byte = (const uint8_t *) data;

	if (size < HEADER_SIZE || memcmp(data, MAGIC, 8) != 0 ||
		uiml_get_bytes(byte + AT_VERSION, 4) != VERSION || uiml_get_bytes(byte + AT_SIZE, 8) != size ||
		memcmp(data + AT_RESERVED, zero, sizeof(zero)) != 0)
		return false;
	header->order = (uint32_t) uiml_get_bytes(byte + AT_ORDER, 4);
	header->target = (uint32_t) uiml_get_bytes(byte + AT_TARGET, 4);
	header->used = (uint32_t) uiml_get_bytes(byte + AT_USED, 4);
	for (int n = 0; n < N_NUMBERS; n++)
		header->number[n] = uiml_get_bytes(byte + AT_NUMBERS + 8 * n, 8);
	for (int s = 0; s < N_SCALARS; s++)
		header->scalar[s] = uiml_get_f32(byte + AT_SCALARS + 4 * s);
	return true;
}

static bool
shares_are_sound(const float *share, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
	{
		if (!(share[i] >= 0))
			return false;
		sum += share[i];
	}
	return fabs(sum - 1) <= SHARE_TOLERANCE;
}

/* Numbers that mean something are in range, the others 0.  steps, links: NUMBER_*, decay: SCALAR_*. */
static bool
steps_are_sound(const Header *header, uint32_t used, int steps, int links, int decay)
{
	if (!(header->used & used))
		return header->number[steps] == 0 && header->number[links] == 0 && header->scalar[decay] == 0;
	return header->number[steps] >= 1 && header->number[steps] <= UIML_NEXT_MAX_STEPS &&
		   header->number[links] <= SIZE_MAX / 16 && header->scalar[decay] > 0 && header->scalar[decay] <= 1;
}

static bool
ridge_is_sound(const Header *header)
{
	const uint64_t *number = header->number;

	if ((header->used & USED_LINKS) && (header->used & USED_MATRIX))
		return false;
	if (!steps_are_sound(header, USED_LINKS | USED_MATRIX, NUMBER_RIDGE_STEPS, NUMBER_RIDGE_LINKS,
						 SCALAR_RIDGE_DECAY))
		return false;
	if (!(header->used & USED_LINKS) && number[NUMBER_RIDGE_LINKS] != 0)
		return false;
	if (header->used & USED_MATRIX)
		return number[NUMBER_RIDGE_P] >= 1 && number[NUMBER_RIDGE_P] <= UINT32_MAX &&
			   number[NUMBER_RIDGE_Q] >= 1 && number[NUMBER_RIDGE_Q] <= UINT32_MAX;
	return number[NUMBER_RIDGE_P] == 0 && number[NUMBER_RIDGE_Q] == 0 && !(header->used & USED_BIAS);
}

static bool
lstm_is_sound(const Header *header)
{
	UimlLstmShape shape = shape_of(header);

	if (header->used & USED_LSTM)
		return uiml_lstm_shape_valid(&shape);
	return shape.embedding == 0 && shape.hidden == 0 && (header->used & (USED_TIED | USED_PADDED)) == 0;
}

/* Which experts the file has. */
static void
experts_of(uint32_t used, bool *present)
{
	present[UIML_EXPERT_POPULARITY] = true;
	present[UIML_EXPERT_RULES] = (used & USED_RULES) != 0;
	present[UIML_EXPERT_RIDGE] = (used & (USED_LINKS | USED_MATRIX)) != 0;
	present[UIML_EXPERT_EASE] = (used & USED_EASE) != 0;
	present[UIML_EXPERT_LSTM] = (used & USED_LSTM) != 0;
}

/* Every row of the mixture is one of experts that are there. */
static bool
mixture_is_sound(const Header *header)
{
	bool present[UIML_N_EXPERTS];

	experts_of(header->used, present);
	for (int e = 0; e < UIML_N_EXPERTS; e++)
		if (!(header->scalar[SCALAR_TEMPERATURE + e] > 0) || isinf(header->scalar[SCALAR_TEMPERATURE + e]))
			return false;
	for (int length = 0; length < UIML_NEXT_LENGTHS; length++)
	{
		const float *mix = &header->scalar[SCALAR_MIX + length * UIML_N_EXPERTS];
		float blend = header->scalar[SCALAR_BLEND + length];

		if (!(blend >= 0 && blend <= 1) || !shares_are_sound(mix, UIML_N_EXPERTS))
			return false;
		for (int e = 0; e < UIML_N_EXPERTS; e++)
			if (mix[e] > 0 && !present[e])
				return false;
	}
	return true;
}

static bool
header_is_sound(const Header *header)
{
	const uint64_t *number = header->number;

	/* UINT32_MAX stands for no class */
	return header->order <= 1 && header->target <= UIML_NEXT_ITEM && (header->used & ~USED_ALL) == 0 &&
		   number[NUMBER_CLASSES] >= 1 && number[NUMBER_CLASSES] < UINT32_MAX &&
		   number[NUMBER_MAX_LENGTH] >= 1 && number[NUMBER_MAX_LENGTH] <= UIML_NEXT_MAX_STEPS &&
		   steps_are_sound(header, USED_RULES, NUMBER_RULES_STEPS, NUMBER_RULES_LINKS, SCALAR_RULES_DECAY) &&
		   steps_are_sound(header, USED_EASE, NUMBER_EASE_STEPS, NUMBER_EASE_LINKS, SCALAR_EASE_DECAY) &&
		   ridge_is_sound(header) && lstm_is_sound(header) && mixture_is_sound(header);
}

/* ---------- the view ---------- */

/* An array, aligned to 64 bytes within the file; NULL for one that it does not have. */
static void *
part_of(char *data, const Layout *layout, int part)
{
	return layout->count[part] > 0 ? data + layout->start[part] : NULL;
}

static UimlNextLinks
links_of(char *data, const Layout *layout, int part)
{
	return (UimlNextLinks){.start = part_of(data, layout, part),
						   .class_no = part_of(data, layout, part + 1),
						   .weight = part_of(data, layout, part + 2)};
}

static UimlNextRules
rules_of(char *data, const Layout *layout, const Header *header, int part, int steps, int decay)
{
	return (UimlNextRules){.decay = header->scalar[decay],
						   .steps = (uint32_t) header->number[steps],
						   .links = links_of(data, layout, part)};
}

static void
view_set(char *data, const Header *header, const Layout *layout, UimlSequenceFile *file)
{
	UimlNextModel *model = &file->model;

	memset(file, 0, sizeof(*file));
	file->size = layout->size;
	model->target = (UimlNextTarget) header->target;
	model->n_classes = (size_t) header->number[NUMBER_CLASSES];
	model->max_length = (size_t) header->number[NUMBER_MAX_LENGTH];
	memcpy(model->mix, &header->scalar[SCALAR_MIX], sizeof(model->mix));
	memcpy(model->blend, &header->scalar[SCALAR_BLEND], sizeof(model->blend));
	memcpy(model->temperature, &header->scalar[SCALAR_TEMPERATURE], sizeof(model->temperature));
	model->popularity = part_of(data, layout, PART_POPULARITY);
	model->rules = rules_of(data, layout, header, PART_RULES, NUMBER_RULES_STEPS, SCALAR_RULES_DECAY);
	model->ease = rules_of(data, layout, header, PART_EASE, NUMBER_EASE_STEPS, SCALAR_EASE_DECAY);
	model->ridge = (UimlNextRidge){.decay = header->scalar[SCALAR_RIDGE_DECAY],
								   .steps = (uint32_t) header->number[NUMBER_RIDGE_STEPS],
								   .links = links_of(data, layout, PART_RIDGE),
								   .p = (uint32_t) header->number[NUMBER_RIDGE_P],
								   .q = (uint32_t) header->number[NUMBER_RIDGE_Q],
								   .w = part_of(data, layout, PART_RIDGE_W),
								   .b = part_of(data, layout, PART_RIDGE_B)};
	if (!(header->used & USED_LSTM))
		return;
	model->padded = (header->used & USED_PADDED) != 0;
	model->lstm.shape = shape_of(header);
	for (int t = 0; t < UIML_LSTM_N_TENSORS; t++)
		model->lstm.tensor[t] = part_of(data, layout, PART_LSTM + t);
}

static bool
links_are_sound(char *data, const Layout *layout)
{
	size_t n_classes = layout->count[PART_POPULARITY];

	for (size_t i = 0; i < N_LINKED; i++)
	{
		UimlNextLinks links = links_of(data, layout, linked[i].part);

		if (links.start != NULL && !uiml_lists_are_sound(links.start, n_classes, links.class_no,
														 layout->count[linked[i].part + 1], n_classes))
			return false;
	}
	return true;
}

static bool
weights_are_sound(const float *x, size_t n)
{
	bool sound = true;

	for (size_t i = 0; i < n; i++)
		sound &= fabsf(x[i]) <= UIML_SEQUENCEFILE_MAX_WEIGHT; /* not a NaN */
	return sound;
}

static bool
floats_are_sound(char *data, const Layout *layout)
{
	for (int part = 0; part < N_PARTS; part++)
	{
		bool is_float = part_width(part) == sizeof(float);

		for (size_t i = 0; i < N_LINKED; i++)
			is_float &= part != linked[i].part + 1;
		if (is_float && !weights_are_sound(part_of(data, layout, part), layout->count[part]))
			return false;
	}
	return true;
}

/* ---------- packing ---------- */

static uint32_t
lstm_flags(const UimlNextModel *model)
{
	return USED_LSTM | (model->lstm.shape.tied ? USED_TIED : 0) | (model->padded ? USED_PADDED : 0);
}

static uint32_t
used_by(const UimlNextModel *model)
{
	return (model->rules.links.start != NULL ? USED_RULES : 0) |
		   (model->ridge.links.start != NULL ? USED_LINKS : 0) | (model->ridge.w != NULL ? USED_MATRIX : 0) |
		   (model->ridge.w != NULL && model->ridge.b != NULL ? USED_BIAS : 0) |
		   (model->ease.links.start != NULL ? USED_EASE : 0) |
		   (model->lstm.shape.classes > 0 ? lstm_flags(model) : 0);
}

static uint64_t
count_links(const UimlNextLinks *links, size_t n_classes)
{
	return links->start != NULL ? links->start[n_classes] : 0;
}

static Header
header_of(const UimlNextModel *model)
{
	size_t n_classes = model->n_classes;
	Header header = {.target = (uint32_t) model->target, .used = used_by(model)};
	uint64_t *number = header.number;
	float *scalar = header.scalar;

	number[NUMBER_CLASSES] = n_classes;
	number[NUMBER_MAX_LENGTH] = model->max_length;
	memcpy(&scalar[SCALAR_MIX], model->mix, sizeof(model->mix));
	memcpy(&scalar[SCALAR_BLEND], model->blend, sizeof(model->blend));
	memcpy(&scalar[SCALAR_TEMPERATURE], model->temperature, sizeof(model->temperature));
	if (header.used & USED_RULES)
	{
		number[NUMBER_RULES_STEPS] = model->rules.steps;
		number[NUMBER_RULES_LINKS] = count_links(&model->rules.links, n_classes);
		scalar[SCALAR_RULES_DECAY] = model->rules.decay;
	}
	if (header.used & (USED_LINKS | USED_MATRIX))
	{
		number[NUMBER_RIDGE_STEPS] = model->ridge.steps;
		number[NUMBER_RIDGE_LINKS] = count_links(&model->ridge.links, n_classes);
		scalar[SCALAR_RIDGE_DECAY] = model->ridge.decay;
	}
	if (header.used & USED_MATRIX)
	{
		number[NUMBER_RIDGE_P] = model->ridge.p;
		number[NUMBER_RIDGE_Q] = model->ridge.q;
	}
	if (header.used & USED_EASE)
	{
		number[NUMBER_EASE_STEPS] = model->ease.steps;
		number[NUMBER_EASE_LINKS] = count_links(&model->ease.links, n_classes);
		scalar[SCALAR_EASE_DECAY] = model->ease.decay;
	}
	if (header.used & USED_LSTM)
	{
		number[NUMBER_EMBEDDING] = model->lstm.shape.embedding;
		number[NUMBER_HIDDEN] = model->lstm.shape.hidden;
	}
	return header;
}

/* The header of a model that can be packed, and where its arrays go. */
static bool
plan_packing(const UimlNextModel *model, Header *header, Layout *layout)
{
	const UimlLstmShape *shape = &model->lstm.shape;

	*header = header_of(model);
	return header_is_sound(header) && layout_compute(header, layout) && model->popularity != NULL &&
		   (!(header->used & USED_LSTM) ||
			(shape->classes == model->n_classes && shape->tokens == model->n_classes + 1));
}

size_t
uiml_sequencefile_size(const UimlNextModel *model)
{
	Header header;
	Layout layout;

	return plan_packing(model, &header, &layout) ? layout.size : 0;
}

static void
put_part(char *data, const Layout *layout, int part, const void *from)
{
	if (layout->count[part] > 0)
		memcpy(data + layout->start[part], from, layout->count[part] * part_width(part));
}

static void
put_links(char *data, const Layout *layout, int part, const UimlNextLinks *links)
{
	put_part(data, layout, part, links->start);
	put_part(data, layout, part + 1, links->class_no);
	put_part(data, layout, part + 2, links->weight);
}

UimlStatus
uiml_sequencefile_pack(const UimlNextModel *model, char *buffer, size_t size)
{
	Header header;
	Layout layout;

	if ((uintptr_t) buffer % sizeof(uint64_t) != 0 || !plan_packing(model, &header, &layout) ||
		layout.size != size)
		return UIML_EINVALID;
	memset(buffer, 0, size);
	put_part(buffer, &layout, PART_POPULARITY, model->popularity);
	put_links(buffer, &layout, PART_RULES, &model->rules.links);
	put_links(buffer, &layout, PART_RIDGE, &model->ridge.links);
	put_part(buffer, &layout, PART_RIDGE_W, model->ridge.w);
	put_part(buffer, &layout, PART_RIDGE_B, model->ridge.b);
	put_links(buffer, &layout, PART_EASE, &model->ease.links);
	for (int t = 0; t < UIML_LSTM_N_TENSORS; t++)
		put_part(buffer, &layout, PART_LSTM + t, model->lstm.tensor[t]);
	if (!links_are_sound(buffer, &layout))
		return UIML_EINVALID;
	if (!floats_are_sound(buffer, &layout))
		return UIML_ENOTFINITE;
	if (!shares_are_sound(part_of(buffer, &layout, PART_POPULARITY), model->n_classes))
		return UIML_EINVALID;
	header.order = UIML_SEQUENCEFILE_FOREIGN ? 1 : 0;
	header_put(buffer, &header, size);
	return UIML_SEQUENCEFILE_FOREIGN ? uiml_sequencefile_swap(buffer, size) : UIML_OK;
}

/* ---------- opening ---------- */

/* The header and the layout of a block, both checked; not the arrays. */
static bool
block_read(const char *data, size_t size, Header *header, Layout *layout)
{
	return header_get(data, size, header) && header_is_sound(header) && layout_compute(header, layout) &&
		   layout->size == size;
}

static bool
checksum_is_right(const char *data, size_t size)
{
	return uiml_get_bytes((const uint8_t *) data + AT_CHECKSUM, 8) ==
		   uiml_checksum_block(data, size, HEADER_SIZE);
}

UimlStatus
uiml_sequencefile_swap(char *data, size_t size)
{
	Header header;
	Layout layout;

	if (!block_read(data, size, &header, &layout) || !checksum_is_right(data, size))
		return UIML_ECORRUPT;
	for (int part = 0; part < N_PARTS; part++)
		uiml_part_swap(data + layout.start[part], layout.count[part], part_width(part));
	header.order = 1 - header.order;
	header_put(data, &header, size);
	return UIML_OK;
}

UimlStatus
uiml_sequencefile_open(const char *data, size_t size, bool verify, UimlSequenceFile *file)
{
	/* tensors of a model can be written, those of a view are not */
	char *bytes = (char *) (uintptr_t) data;
	Header header;
	Layout layout;

	if ((uintptr_t) data % sizeof(uint64_t) != 0)
		return UIML_EINVALID;
	if (!block_read(data, size, &header, &layout) || (verify && !checksum_is_right(data, size)))
		return UIML_ECORRUPT;
	if (header.order != (UIML_SEQUENCEFILE_FOREIGN ? 1 : 0))
		return UIML_EINVALID;
	view_set(bytes, &header, &layout, file);
	if (!links_are_sound(bytes, &layout) ||
		(verify && (!floats_are_sound(bytes, &layout) ||
					!shares_are_sound(file->model.popularity, file->model.n_classes))))
		return UIML_ECORRUPT;
	return UIML_OK;
}
