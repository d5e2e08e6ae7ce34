/*
 * test_team.c
 *	  Threads that wait for jobs: every piece is run once, whoever is late.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/team.h"

#define PIECES 40

typedef struct Count
{
	size_t runs[PIECES];
	size_t sum;
} Count;

static void
count_piece(void *arg, size_t piece)
{
	Count *count = arg;

	count->runs[piece]++;
	__atomic_fetch_add(&count->sum, piece, __ATOMIC_RELAXED);
}

static void
slow_piece(void *arg, size_t piece)
{
	const struct timespec while_they_sleep = {.tv_nsec = 2000000};

	nanosleep(&while_they_sleep, NULL);
	count_piece(arg, piece);
}

static void
check_job(UimlTeam *team, UimlTaskFn task, size_t n)
{
	Count count = {{0}, 0};

	uiml_team_run(team, n, task, &count);
	for (size_t i = 0; i < PIECES; i++)
		assert_int_equal(count.runs[i], i < n);
	assert_int_equal(count.sum, n * (n - (n > 0)) / 2);
}

static void
test_jobs(void **state)
{
	(void) state;
	for (int threads = 2; threads <= 9; threads++)
	{
		UimlTeam *team = uiml_team_start(threads);

		assert_non_null(team);
		for (size_t job = 0; job < 2000; job++)
			check_job(team, count_piece, job % (PIECES + 1));
		for (size_t job = 0; job < 3; job++)
			check_job(team, slow_piece, 5 * job);
		uiml_team_end(team);
	}
}

static void
test_nobody(void **state)
{
	(void) state;
	assert_null(uiml_team_start(1));
	uiml_team_end(NULL);
	uiml_team_end(uiml_team_start(3)); /* threads that never had a job */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_jobs), cmocka_unit_test(test_nobody)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
