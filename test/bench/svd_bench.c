/*
 * svd_bench.c
 *	  Times uiml_svd_items on a file of "user,item" pairs.
 *
 * usage: svd_bench PAIRS DIMS RUNS [OUT] Prints the median of the CPU seconds per run, reading excluded, and
 * the share explained; writes v (float32, row-major) followed by sigma (float64) to OUT.  Pairs are sorted by
 * user, numbered from 0, without duplicates.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/svd.h"

static void
fail(const char *what)
{
	fprintf(stderr, "svd_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *
checked(void *pointer)
{
	if (pointer == NULL)
		fail("allocation");
	return pointer;
}

static int
compare_cols(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

static UimlSparse
read_pairs(const char *path)
{
	FILE *file = fopen(path, "r");
	UimlSparse x = {0};
	size_t room = 1 << 20, n = 0;
	size_t *row;
	char line[256];

	if (file == NULL)
		fail(path);
	row = checked(malloc(room * sizeof(size_t)));
	x.col = checked(malloc(room * sizeof(uint32_t)));
	while (fgets(line, sizeof(line), file) != NULL)
	{
		unsigned long user, item;

		if (sscanf(line, "%lu%*[ ,\t]%lu", &user, &item) != 2)
			continue; /* the header */
		if (n == room)
		{
			room *= 2;
			row = checked(realloc(row, room * sizeof(size_t)));
			x.col = checked(realloc(x.col, room * sizeof(uint32_t)));
		}
		if (n > 0 && user < row[n - 1])
		{
			errno = EINVAL;
			fail("pairs are not sorted by user");
		}
		row[n] = user;
		x.col[n++] = (uint32_t) item;
		x.n_rows = user + 1;
		x.n_cols = item >= x.n_cols ? item + 1 : x.n_cols;
	}
	fclose(file);
	x.row_start = checked(calloc(x.n_rows + 1, sizeof(size_t)));
	x.value = checked(malloc((n + 1) * sizeof(float)));
	for (size_t k = 0; k < n; k++)
	{
		x.row_start[row[k] + 1]++;
		x.value[k] = 1;
	}
	for (size_t r = 0; r < x.n_rows; r++)
	{
		x.row_start[r + 1] += x.row_start[r];
		qsort(x.col + x.row_start[r], x.row_start[r + 1] - x.row_start[r], sizeof(uint32_t), compare_cols);
	}
	free(row);
	return x;
}

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

static void
write_result(const char *path, const UimlSparse *x, size_t dims, const float *v, const double *sigma)
{
	FILE *file = fopen(path, "wb");

	if (file == NULL || fwrite(v, sizeof(float), x->n_cols * dims, file) != x->n_cols * dims ||
		fwrite(sigma, sizeof(double), dims, file) != dims || fclose(file) != 0)
		fail(path);
}

int
main(int argc, char **argv)
{
	UimlEnv env = uiml_env_malloc();
	UimlSparse x;
	UimlSvdParams params;
	size_t runs;
	double *seconds, *sigma, explained;
	float *v, *factor;

	if (argc < 4)
	{
		fprintf(stderr, "usage: svd_bench PAIRS DIMS RUNS [OUT]\n");
		return 2;
	}
	x = read_pairs(argv[1]);
	params = uiml_svd_defaults(strtoul(argv[2], NULL, 10));
	runs = strtoul(argv[3], NULL, 10);
	seconds = checked(calloc(runs + 1, sizeof(double)));
	v = checked(malloc(x.n_cols * params.dims * sizeof(float) + 1));
	sigma = checked(malloc((params.dims + 1) * sizeof(double)));
	factor = checked(malloc((x.n_cols + 1) * sizeof(float)));
	for (size_t run = 0; run < runs; run++)
	{
		double start = cpu_seconds();
		UimlStatus status = uiml_svd_items(&env, &x, NULL, &params, v, sigma, factor, &explained);

		seconds[run] = cpu_seconds() - start;
		if (status != UIML_OK)
		{
			fprintf(stderr, "svd_bench: %s\n", uiml_status_name(status));
			return 1;
		}
	}
	qsort(seconds, runs, sizeof(double), compare_doubles);
	printf("%.4f %.6f\n", seconds[runs / 2], explained);
	if (argc > 4)
		write_result(argv[4], &x, params.dims, v, sigma);
	free(x.row_start), free(x.col), free(x.value), free(seconds), free(v), free(sigma), free(factor);
	return 0;
}
