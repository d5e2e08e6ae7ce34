/*
 * gemm_bench.c
 *	  Times the layers of MiniLM: our affine, cblas_sgemm, and oneDNN's matmul with packed weights where it is
 *	  there (-DWITH_DNNL).
 *
 * usage: gemm_bench SECONDS
 * For each number of rows, six layers of the shapes 384 -> 1152, 384 -> 384, 384 -> 1536 and 1536 -> 384, each
 * with weights of its own (42 MB), are passed until so many seconds are over; the contestants take turns, and
 * each one's fastest turn counts.
 */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/affine.h"
#include "core/rng.h"
#ifdef WITH_DNNL
#include <dnnl.h>
#endif

#define LAYERS 6
#define SHAPES 4
#define ROWS   512

static const size_t shapes[SHAPES][2] = {{384, 1152}, {384, 384}, {384, 1536}, {1536, 384}};
static const size_t rows[] = {1, 4, 7, 12, 32, 128, 384, 512};

typedef struct Contestant
{
	const char *name;
	void (*multiply)(size_t layer, size_t shape, size_t m);
	double best[SHAPES + 1]; /* seconds of each shape, all layers, and of all shapes */
} Contestant;

static float *weights[LAYERS][SHAPES], *panels[LAYERS][SHAPES];
static float *x, *y;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static float *
floats(size_t n)
{
	float *p = aligned_alloc(64, (n * sizeof(float) + 63) / 64 * 64);

	if (p == NULL)
		exit(1);
	return p;
}

/* ---------- contestants ---------- */

static void
ours(size_t layer, size_t shape, size_t m)
{
	UimlEnv env = uiml_env_malloc();
	UimlAffine affine = {.m = m, .k = shapes[shape][0], .n = shapes[shape][1]};

	affine.x = x;
	affine.ldx = uiml_affine_stride(affine.k);
	affine.panels = panels[layer][shape];
	affine.y = y;
	affine.ldy = affine.n;
	uiml_affine(&env, &affine);
}

static void
blas(size_t layer, size_t shape, size_t m)
{
	int k = (int) shapes[shape][0], n = (int) shapes[shape][1];

	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int) m, n, k, 1, x, k, weights[layer][shape], k, 0,
				y, n);
}

#ifdef WITH_DNNL
static dnnl_engine_t engine;
static dnnl_stream_t stream;
static dnnl_primitive_t product[SHAPES];
static dnnl_memory_t packed[LAYERS][SHAPES], source[SHAPES], target[SHAPES];

static void
check(dnnl_status_t status)
{
	if (status != dnnl_success)
		fprintf(stderr, "oneDNN: status %d\n", (int) status), exit(1);
}

static void
describe(dnnl_memory_desc_t *desc, size_t a, size_t b, dnnl_format_tag_t tag)
{
	dnnl_dims_t dims = {(dnnl_dim_t) a, (dnnl_dim_t) b};

	check(dnnl_memory_desc_init_by_tag(desc, 2, dims, dnnl_f32, tag));
}

/* An inner product of m rows whose weights have whatever layout it prefers, and the weights in it. */
static void
prepare_dnnl_shape(size_t shape, size_t m)
{
	size_t k = shapes[shape][0], n = shapes[shape][1];
	dnnl_memory_desc_t xd, wd, plain, yd;
	dnnl_inner_product_desc_t desc;
	dnnl_primitive_desc_t product_desc;
	const dnnl_memory_desc_t *layout;

	describe(&xd, m, k, dnnl_ab);
	describe(&wd, n, k, dnnl_format_tag_any);
	describe(&plain, n, k, dnnl_ab);
	describe(&yd, m, n, dnnl_ab);
	check(dnnl_inner_product_forward_desc_init(&desc, dnnl_forward_inference, &xd, &wd, NULL, &yd));
	check(dnnl_primitive_desc_create(&product_desc, &desc, NULL, engine, NULL));
	check(dnnl_primitive_create(&product[shape], product_desc));
	check(dnnl_memory_create(&source[shape], &xd, engine, x));
	check(dnnl_memory_create(&target[shape], &yd, engine, y));
	layout = dnnl_primitive_desc_query_md(product_desc, dnnl_query_weights_md, 0);
	for (size_t layer = 0; layer < LAYERS; layer++)
	{
		dnnl_memory_t from;
		dnnl_primitive_desc_t reorder_desc;
		dnnl_primitive_t reorder;
		dnnl_exec_arg_t args[2];

		check(dnnl_memory_create(&from, &plain, engine, weights[layer][shape]));
		check(dnnl_memory_create(&packed[layer][shape], layout, engine, DNNL_MEMORY_ALLOCATE));
		check(dnnl_reorder_primitive_desc_create(&reorder_desc, &plain, engine, layout, engine, NULL));
		check(dnnl_primitive_create(&reorder, reorder_desc));
		args[0] = (dnnl_exec_arg_t){DNNL_ARG_FROM, from};
		args[1] = (dnnl_exec_arg_t){DNNL_ARG_TO, packed[layer][shape]};
		check(dnnl_primitive_execute(reorder, stream, 2, args));
		check(dnnl_stream_wait(stream));
		dnnl_memory_destroy(from);
		dnnl_primitive_destroy(reorder);
		dnnl_primitive_desc_destroy(reorder_desc);
	}
	dnnl_primitive_desc_destroy(product_desc);
}

static void
prepare_dnnl(size_t m)
{
	for (size_t shape = 0; shape < SHAPES; shape++)
	{
		if (product[shape] != NULL)
		{
			dnnl_primitive_destroy(product[shape]);
			dnnl_memory_destroy(source[shape]);
			dnnl_memory_destroy(target[shape]);
			for (size_t layer = 0; layer < LAYERS; layer++)
				dnnl_memory_destroy(packed[layer][shape]);
		}
		prepare_dnnl_shape(shape, m);
	}
}

static void
dnnl(size_t layer, size_t shape, size_t m)
{
	dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, source[shape]},
							  {DNNL_ARG_WEIGHTS, packed[layer][shape]},
							  {DNNL_ARG_DST, target[shape]}};

	(void) m;
	check(dnnl_primitive_execute(product[shape], stream, 3, args));
	check(dnnl_stream_wait(stream));
}
#endif

static Contestant contestants[] = {
	{.name = "uiml", .multiply = ours},
	{.name = "sgemm", .multiply = blas},
#ifdef WITH_DNNL
	{.name = "oneDNN", .multiply = dnnl},
#endif
};

#define CONTESTANTS (sizeof(contestants) / sizeof(contestants[0]))

/* ---------- the race ---------- */

/* All layers once, in the order of a forward pass. */
static void
run(Contestant *contestant, size_t m)
{
	double each[SHAPES + 1] = {0};

	for (size_t layer = 0; layer < LAYERS; layer++)
		for (size_t shape = 0; shape < SHAPES; shape++)
		{
			double start = now();

			contestant->multiply(layer, shape, m);
			each[shape] += now() - start;
		}
	for (size_t shape = 0; shape < SHAPES; shape++)
		each[SHAPES] += each[shape];
	for (size_t shape = 0; shape <= SHAPES; shape++)
		if (contestant->best[shape] == 0 || each[shape] < contestant->best[shape])
			contestant->best[shape] = each[shape];
}

static void
print_result(const Contestant *contestant, size_t m)
{
	double total = 0;

	printf("%5zu %-7s", m, contestant->name);
	for (size_t shape = 0; shape < SHAPES; shape++)
	{
		double flop = 2.0 * LAYERS * (double) (m * shapes[shape][0] * shapes[shape][1]);

		total += flop;
		printf(" %9.1f", flop / contestant->best[shape] * 1e-9);
	}
	printf(" %9.1f %9.0f %6.2f\n", total / contestant->best[SHAPES] * 1e-9,
		   (double) m / contestant->best[SHAPES], contestants[1].best[SHAPES] / contestant->best[SHAPES]);
}

static void
race(size_t m, double seconds)
{
	double end = now() + seconds;

#ifdef WITH_DNNL
	prepare_dnnl(m);
#endif
	for (size_t c = 0; c < CONTESTANTS; c++)
		memset(contestants[c].best, 0, sizeof(contestants[c].best));
	do
		for (size_t c = 0; c < CONTESTANTS; c++)
			for (int turn = 0; turn < 3; turn++)
				run(&contestants[c], m);
	while (now() < end);
	for (size_t c = 0; c < CONTESTANTS; c++)
		print_result(&contestants[c], m);
}

/* Bytes read a second by something that does nothing else. */
static double
bandwidth(void)
{
	double best = 0;

	for (int turn = 0; turn < 10; turn++)
	{
		double start = now(), rate;
		size_t bytes = 0;

		for (size_t layer = 0; layer < LAYERS; layer++)
			for (size_t shape = 0; shape < SHAPES; shape++)
			{
				size_t n = shapes[shape][0] * shapes[shape][1];

				(void) uiml_kernels()->is_finite(panels[layer][shape], n);
				bytes += n * sizeof(float);
			}
		rate = (double) bytes / (now() - start);
		best = rate > best ? rate : best;
	}
	return best;
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	UimlRng rng;

	uiml_rng_init(&rng, 1);
	x = floats(ROWS * 1700);
	y = floats(ROWS * 1700);
	for (size_t i = 0; i < ROWS * 1700; i++)
		x[i] = (float) uiml_rng_normal(&rng);
	for (size_t layer = 0; layer < LAYERS; layer++)
		for (size_t shape = 0; shape < SHAPES; shape++)
		{
			size_t k = shapes[shape][0], n = shapes[shape][1];

			weights[layer][shape] = floats(k * n);
			panels[layer][shape] = floats(k * n);
			for (size_t i = 0; i < k * n; i++)
				weights[layer][shape][i] = (float) uiml_rng_uniform(&rng);
			uiml_kernels()->pack_outputs(weights[layer][shape], n, k, k, panels[layer][shape]);
		}
#ifdef WITH_DNNL
	check(dnnl_engine_create(&engine, dnnl_cpu, 0));
	check(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
#endif
	printf("kernels %s, one thread; weights of 42 MB are read at %.1f GB/s\n", uiml_kernels()->name,
		   bandwidth() * 1e-9);
	printf("%5s %-7s %9s %9s %9s %9s %9s %9s %6s\n", "rows", "GFLOP/s", "384>1152", "384>384", "384>1536",
		   "1536>384", "all", "tokens/s", "ratio");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		race(rows[i], seconds);
	return 0;
}
