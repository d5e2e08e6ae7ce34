/*
 * evaluate_newcomers.c
 *	  uiml_evaluate with holdout 'newcomers': users who are new to a domain and known from another one.
 *
 * Users are the same where their keys are equal as text.  Of those with two items or more in both domains the
 * first ones in order of hash are tested, a quarter at the most; they are in no fit of either domain.  Both
 * models are fitted as a training does, the transfers on the other users who are in both, with the folds that
 * hashes give, and what test users did in the source is folded in.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/newcomers.h"
#include "pg/evaluation.h"

#define FEWEST_ITEMS 2
#define NOBODY       PG_UINT32_MAX

/* Users the rivals of the transfer are fitted on at most: a few numbers each. */
#define RIVAL_USERS 2000

/* Users between two questions after interruption. */
#define CHECK_USERS 0x3fff

/* Roles in both domains, once the models are fitted. */
#define ROLE_OTHER 0
#define ROLE_FIT   1 /* the transfers are fitted on */
#define ROLE_TEST  2

/* What is known of one of the two domains. */
typedef struct Side
{
	UimlEvaluation *e;
	UimlKnown all;
	uint32 *items; /* by user: how many he has */
	uint8 *role;   /* by user */
	uint32 *row;   /* by user: among those selected for a role */
} Side;

typedef struct Newcomers
{
	Side source;
	Side target;
	uint32 *same; /* by user of the target: his number in the source, or NOBODY */
	UimlItemTransfer items;
	UimlInterestTransfer interests;
	UimlNewcomers judged;
} Newcomers;

static void
check(const Newcomers *n, UimlStatus status, const char *what)
{
	const UimlEvaluation *e = n->target.e;

	if (status == UIML_ENOMEM && (e->budget.refused || e->from->budget.refused))
		uiml_budget_exceeded(&e->budget,
							 psprintf("the evaluation of newcomers, of %zu and %zu events",
									  e->from->source->n_events, e->source->n_events),
							 1.5 * (double) e->budget.peak);
	uiml_check(status, what);
}

/* --- who is in both domains ----------------------------------------------------------------------------- */

/* A user of the source by the hash of his key. */
typedef struct Hashed
{
	uint64 hash;
	uint32 user;
} Hashed;

static int
compare_hashed(const void *a, const void *b, void *arg)
{
	const Hashed *x = a;
	const Hashed *y = b;
	uint64 *compared = arg;

	if ((++*compared & CHECK_USERS) == 0)
		CHECK_FOR_INTERRUPTS();
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->user < y->user ? -1 : x->user > y->user;
}

static bool
same_text(const UimlKeys *a, size_t i, const UimlKeys *b, size_t j)
{
	text *x = uiml_key_as_text(a->type, a->key[i]);
	text *y = uiml_key_as_text(b->type, b->key[j]);

	return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) &&
		   memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
}

/* The source's number of a user of the target: hashes have the same seed in both. */
static uint32
find_user(const Hashed *hashed, const UimlKeys *source, const UimlKeys *target, size_t user)
{
	size_t low = 0;
	size_t high = source->n;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (hashed[middle].hash < target->hash[user])
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < source->n && hashed[low].hash == target->hash[user]; low++)
		if (same_text(source, hashed[low].user, target, user))
			return hashed[low].user;
	return NOBODY;
}

static void
match_users(Newcomers *n)
{
	MemoryContext context = n->target.e->run_context;
	const UimlKeys *source = &n->source.e->source->users;
	const UimlKeys *target = &n->target.e->source->users;
	Hashed *hashed = MemoryContextAllocHuge(context, Max(source->n, 1) * sizeof(Hashed));
	MemoryContext scratch = AllocSetContextCreate(context, "uiml keys", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	uint64 compared = 0;

	n->same = MemoryContextAllocHuge(context, Max(target->n, 1) * sizeof(uint32));
	for (size_t u = 0; u < source->n; u++)
		hashed[u] = (Hashed){source->hash[u], (uint32) u};
	qsort_arg(hashed, source->n, sizeof(Hashed), compare_hashed, &compared);
	old = MemoryContextSwitchTo(scratch);
	for (size_t u = 0; u < target->n; u++)
	{
		if ((u & CHECK_USERS) == 0)
			CHECK_FOR_INTERRUPTS();
		n->same[u] = find_user(hashed, source, target, u);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	pfree(hashed);
}

/* A UimlUserRowFn: counts items, which come before texts. */
static void
count_row(void *ctx, uint32 user, const uint32 *item, const float *mass, size_t n)
{
	Side *side = ctx;

	(void) mass;
	while (n > 0 && item[n - 1] >= side->e->source->items.n)
		n--;
	side->items[user] = (uint32) n;
}

static void
open_side(UimlEvaluation *e, Side *side)
{
	size_t n_users = e->source->users.n;

	side->e = e;
	uiml_evaluation_start(e);
	uiml_evaluation_build(e, -INFINITY, INFINITY, e->source->until, false, &side->all);
	side->items = MemoryContextAllocHuge(e->run_context, n_users * sizeof(uint32));
	side->row = MemoryContextAllocHuge(e->run_context, n_users * sizeof(uint32));
	side->role = MemoryContextAllocExtended(e->run_context, n_users, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	memset(side->items, 0, n_users * sizeof(uint32));
	uiml_check(side->all.rows.each(side->all.rows.ctx, &e->env, count_row, side), "users");
}

/* --- test users ----------------------------------------------------------------------------------------- */

/* Nobody, or too few, to test: what there is. */
static void
no_newcomers(const Newcomers *n, size_t both, size_t eligible)
{
	const UimlEvaluation *e = n->target.e;
	const char *source = n->source.e->domain->name;

	if (both == 0)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("domains \"%s\" and \"%s\" have no user in common", source, e->domain->name),
				errdetail("Users are the same where their keys are equal as text."));
	uiml_evaluation_no_users(
		e,
		psprintf(
			"Of %zu users who are in domain \"%s\" too, %zu have %d items there and %zu here; %d are needed.",
			both, source, eligible, FEWEST_ITEMS, Max(FEWEST_ITEMS, e->observed + 1),
			UIML_SMALLEST_FIT_SHARE));
}

/* Gives the test users their role in both domains. */
static void
choose_test_users(Newcomers *n)
{
	UimlEvaluation *e = n->target.e;
	size_t n_users = e->source->users.n;
	size_t fewest = Max(FEWEST_ITEMS, e->observed + 1);
	size_t both = 0;
	size_t eligible = 0;
	size_t n_test;

	for (size_t u = 0; u < n_users; u++)
	{
		bool known = n->same[u] != NOBODY;

		both += known;
		e->rows[u] = known && n->target.items[u] >= fewest && n->source.items[n->same[u]] >= FEWEST_ITEMS;
		eligible += e->rows[u];
	}
	n_test = Min(e->users, eligible / UIML_SMALLEST_FIT_SHARE);
	if (n_test == 0)
		no_newcomers(n, both, eligible);
	uiml_check(uiml_split_roles(&e->env, &e->keys, n_users, e->rows, n_test, 0, e->role), "split");
	for (size_t u = 0; u < n_users; u++)
		if (e->role[u] == UIML_JUDGE)
			n->target.role[u] = n->source.role[n->same[u]] = ROLE_TEST;
}

/* Fits a domain's model on all but the test users, a part of whom tune and return. */
static void
fit_side(Side *side)
{
	UimlEvaluation *e = side->e;
	size_t n_users = e->source->users.n;
	size_t eligible = 0;

	for (size_t u = 0; u < n_users; u++)
	{
		e->rows[u] = side->items[u] >= FEWEST_ITEMS && side->role[u] != ROLE_TEST;
		eligible += e->rows[u];
	}
	uiml_check(uiml_split_roles(&e->env, &e->keys, n_users, e->rows, 0,
								Min(e->users, eligible / UIML_SMALLEST_FIT_SHARE), e->role),
			   "split");
	for (size_t u = 0; u < n_users; u++)
		if (side->role[u] == ROLE_TEST)
			e->role[u] = UIML_JUDGE;
	uiml_evaluation_fit(e, &side->all);
}

/* --- the transfers -------------------------------------------------------------------------------------- */

/* The users the transfers are fitted on: all who are in both and not tested, or so many, by hash. */
static void
choose_fit_users(Newcomers *n)
{
	UimlEvaluation *e = n->target.e;
	size_t n_users = e->source->users.n;

	for (size_t u = 0; u < n_users; u++)
		e->rows[u] = n->same[u] != NOBODY && n->target.role[u] != ROLE_TEST;
	uiml_check(uiml_split_roles(&e->env, &e->keys, n_users, e->rows, Min(e->overlap, n_users), 0, e->role),
			   "split");
	for (size_t u = 0; u < n_users; u++)
		if (e->role[u] == UIML_JUDGE)
			n->target.role[u] = n->source.role[n->same[u]] = ROLE_FIT;
}

/* The rows of the users with a role, in memory, and which row is whose. */
static void
select_rows(const Newcomers *n, Side *side, uint8 role, UimlInteractions *rows)
{
	uint32 next = 0;

	check(n, side->all.rows.select(side->all.rows.ctx, &side->e->env, side->role, role, rows),
		  "overlapping users");
	for (size_t u = 0; u < side->e->source->users.n; u++)
		side->row[u] = side->role[u] == role ? next++ : NOBODY;
}

static uint8
fold_of(const Newcomers *n, size_t user)
{
	return (uint8) ((n->target.e->keys.user_hash[user] & PG_INT64_MAX) % UIML_FOLDS);
}

/* The overlap of the users that the transfers are fitted on. */
static void
make_overlap(Newcomers *n, const UimlInteractions *source_rows, UimlOverlap *overlap)
{
	UimlEvaluation *e = n->target.e;
	UimlInteractions rows;
	UimlDomainRows source = {&n->source.e->model, source_rows};
	UimlDomainRows target = {&e->model, &rows};
	UimlUserPair *pair;

	select_rows(n, &n->target, ROLE_FIT, &rows);
	pair = MemoryContextAllocHuge(e->run_context, Max(rows.n_users, 1) * sizeof(UimlUserPair));
	for (size_t u = 0; u < e->source->users.n; u++)
		if (n->target.role[u] == ROLE_FIT)
			pair[n->target.row[u]] =
				(UimlUserPair){n->source.row[n->same[u]], n->target.row[u], fold_of(n, u)};
	check(n, uiml_overlap_from_models(&e->env, &source, &target, pair, rows.n_users, overlap),
		  "overlapping users");
	pfree(pair);
	uiml_interactions_free(&e->env, &rows);
}

/* A transfer that too few users speak for is none. */
static void
fit_transfers(Newcomers *n, const UimlOverlap *overlap)
{
	UimlEvaluation *e = n->target.e;
	const UimlModel *target = &e->model;
	UimlInterestTarget interests = {.k = target->n_interests,
									.interest = target->interest,
									.prior = target->prior,
									.alpha = target->alpha,
									.generalization = target->generalization};
	UimlItemEvidence of_items;
	UimlInterestEvidence of_interests;
	UimlStatus status;

	n->items.used = n->interests.used = false;
	if (overlap->n < UIML_OVERLAP_MIN_USERS)
		return;
	uiml_phases_enter(&e->phases, "transfer of items");
	check(n, uiml_item_transfer_fit(&e->env, overlap, target, NULL, NULL, e->seed, &n->items, &of_items),
		  "transfer of items");
	uiml_phases_enter(&e->phases, "transfer of interests");
	status =
		uiml_interest_transfer_fit(&e->env, overlap, &interests, NULL, e->seed, &n->interests, &of_interests);
	if (status == UIML_EEMPTY)
		n->interests.used = false;
	else
		check(n, status, "transfer of interests");
}

/* Splits the users with a role in the target; users points into what is allocated in the run's context. */
static void
split_users(Newcomers *n, const uint8 *role, uint8 which, const UimlInteractions *source_rows,
			UimlHoldout *holdout, UimlNewcomerUsers *users)
{
	UimlEvaluation *e = n->target.e;
	uint32_t *user;
	uint32 *row;
	uint8 *fold;
	size_t n_users;

	check(n,
		  uiml_split_observed(&e->env, &n->target.all.rows, &e->keys, role, (UimlRole) which, e->observed,
							  holdout, &user),
		  "split");
	n_users = holdout->seen.n_users;
	row = MemoryContextAllocHuge(e->run_context, Max(n_users, 1) * sizeof(uint32));
	fold = MemoryContextAllocHuge(e->run_context, Max(n_users, 1));
	for (size_t h = 0; h < n_users; h++)
	{
		row[h] = n->source.row[n->same[user[h]]];
		fold[h] = fold_of(n, user[h]);
	}
	uiml_free(&e->env, user);
	*users = (UimlNewcomerUsers){.source = source_rows, .source_row = row, .target = holdout, .fold = fold};
}

/* The rivals of the transfers, on some of the same users. */
static void
fit_rivals(Newcomers *n, const UimlInteractions *source_rows)
{
	UimlEvaluation *e = n->target.e;
	size_t n_users = e->source->users.n;
	UimlHoldout holdout;
	UimlNewcomerUsers users;

	for (size_t u = 0; u < n_users; u++)
		e->rows[u] = n->target.role[u] == ROLE_FIT;
	uiml_check(uiml_split_roles(&e->env, &e->keys, n_users, e->rows, Min(RIVAL_USERS, n_users), 0, e->role),
			   "split");
	split_users(n, e->role, UIML_JUDGE, source_rows, &holdout, &users);
	n->judged = (UimlNewcomers){
		.source = &n->source.e->model, .target = &e->model, .items = &n->items, .interests = &n->interests};
	check(n, uiml_newcomers_fit_rivals(&e->env, &users, &n->judged), "linear map of interests");
	uiml_holdout_free(&e->env, &holdout);
}

static void
fit_all(Newcomers *n)
{
	UimlEvaluation *e = n->target.e;
	UimlInteractions source_rows;
	UimlOverlap overlap;

	choose_fit_users(n);
	select_rows(n, &n->source, ROLE_FIT, &source_rows);
	make_overlap(n, &source_rows, &overlap);
	fit_transfers(n, &overlap);
	uiml_overlap_free(&e->env, &overlap);
	fit_rivals(n, &source_rows);
	uiml_interactions_free(&n->source.e->env, &source_rows);
}

static void
judge(Newcomers *n)
{
	UimlEvaluation *e = n->target.e;
	UimlInteractions source_rows;
	UimlNewcomerUsers users;
	UimlJudgeParams params = {.k = e->k, .n_k = e->n_k, .negatives = e->negatives, .seed = e->seed};

	uiml_phases_enter(&e->phases, "judging");
	select_rows(n, &n->source, ROLE_TEST, &source_rows);
	split_users(n, n->target.role, ROLE_TEST, &source_rows, &e->judging, &users);
	check(n, uiml_newcomers_judge(&e->env, &n->judged, &users, &params, &e->judgement), "judgement");
}

void
uiml_evaluate_newcomers(UimlEvaluation *e)
{
	Newcomers n = {.same = NULL};

	open_side(e->from, &n.source);
	open_side(e, &n.target);
	match_users(&n);
	choose_test_users(&n);
	fit_side(&n.source);
	fit_side(&n.target);
	fit_all(&n);
	judge(&n);
}
