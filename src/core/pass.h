/*
 * pass.h
 *	  A pass over packed users whose partial results add up: what an aggregate over a work table computes.
 *
 * A job says what to sum and brings what that needs, as bytes that a statement passes to all of its
 * processes.  Each process adds users to a state of its own, and states of any partition of the users add up
 * to that of one pass (sums of floats and doubles, so to rounding).
 */
#ifndef UIML_PASS_H
#define UIML_PASS_H

#include "core/userpack.h"

typedef enum UimlPassKind
{
	UIML_PASS_MASSES = 1,  /* by item: entries, largest value, squares, masses; see UimlPassItem */
	UIML_PASS_PRODUCT = 2, /* A'(A basis), n_items x width floats */
	UIML_PASS_GRAM = 3,    /* (A basis)'(A basis), width x width doubles, upper triangle */
	UIML_PASS_PRIOR = 4    /* width interests: sums of users' distributions */
} UimlPassKind;

/* A value is that of log2(1 + strength) over (the row's count of items)^row_scale. */
typedef struct UimlPassItem
{
	double entries;
	double largest; /* value */
	double squares; /* of values */
	double mass;    /* decayed to each row's own instant */
	double faded;   /* decayed to that of all */
} UimlPassItem;

/*
 * The head of a job.  In the bytes it is followed by the payload, and that by the numbers of the users to
 * leave out, ascending uint32: n_items x width floats of the basis (PRODUCT and GRAM), row-major, or an
 * interest of each item as uint32, UINT32_MAX for none (PRIOR), or nothing (MASSES).  All in the machine's
 * own order: jobs never leave it.
 */
typedef struct UimlPassJob
{
	uint32_t mark; /* UIML_PASS_MARK */
	uint32_t kind;
	uint64_t n_items; /* columns of the matrix; further ones (texts) are passed by */
	uint64_t width;   /* columns of the basis, or number of interests */
	uint64_t n_excluded;
	UimlWindow window;
	double row_scale;
	double scale; /* values are divided by it */
} UimlPassJob;

#define UIML_PASS_MARK 0x3170766dU /* "mvp1" where bytes are in the order of x86 */

/* A checked job: the head, and what follows it. */
typedef struct UimlPass
{
	UimlPassJob job;
	const float *basis;       /* may be unaligned to 8 bytes, not to 4 */
	const uint32_t *interest; /* n_items */
	const uint32_t *excluded; /* n_excluded */
} UimlPass;

/* Bytes of a job and of the payload in it; SIZE_MAX where they can't be counted. */
extern size_t uiml_pass_job_size(const UimlPassJob *job);
extern size_t uiml_pass_payload_size(const UimlPassJob *job);

/*
 * uiml_pass_open
 *		Checks bytes (aligned to 4) and points into them.  UIML_ECORRUPT where they are no job.  O(1): what
 *		the payload holds is checked when it is used.
 */
extern UimlStatus uiml_pass_open(const void *bytes, size_t length, UimlPass *pass);

/*
 * The mergeable state.  Its cells are floats (PRODUCT) or doubles.
 */
typedef struct UimlPassState
{
	uint32_t length_word; /* the owner's: a varlena header in the server */
	uint32_t kind;
	uint64_t n_items;
	uint64_t width;
	double users; /* with an entry (PRIOR: with an interest) */
	double cell[];
} UimlPassState;

/* Bytes of the state of a pass; SIZE_MAX where it can't be counted, or is no shape of a state. */
extern size_t uiml_pass_state_size(uint32_t kind, uint64_t n_items, uint64_t width);

/* Makes that many bytes an empty state; length_word is left alone. */
extern void uiml_pass_state_init(UimlPassState *state, uint32_t kind, uint64_t n_items, uint64_t width);

/*
 * uiml_pass_add
 *		Adds a packed user to a state of the pass's kind, n_items and width.
 *
 * Returns UIML_OK; UIML_ECORRUPT where length bytes are no packed user; UIML_ENOMEM; UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_pass_add(const UimlEnv *env, const UimlPass *pass, uint32_t user, const void *bytes,
								size_t length, UimlPassState *state);

/* Adds another state of the same kind, n_items and width. */
extern void uiml_pass_merge(UimlPassState *state, const UimlPassState *other);

/*
 * The binary form of a state, little-endian: magic "uvps", uint16 version 1, uint16 zero, uint32 kind, uint32
 * zero, uint64 n_items, uint64 width, float8 users, cells.
 */
#define UIML_PASS_STATE_HEADER 40
extern size_t uiml_pass_state_binary_size(const UimlPassState *state);
extern void uiml_pass_state_write(const UimlPassState *state, void *bytes);

/*
 * uiml_pass_state_read_size
 *		Checks the head of a binary form against its length; *size receives the bytes of the state.
 */
extern UimlStatus uiml_pass_state_read_size(const void *bytes, size_t length, size_t *size);
extern void uiml_pass_state_read(const void *bytes, UimlPassState *state);

#endif /* UIML_PASS_H */
