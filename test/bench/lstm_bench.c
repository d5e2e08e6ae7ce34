/*
 * lstm_bench.c
 *	  Times steps of training an LSTM, and what comes next for one user.
 *
 * usage: lstm_bench THREADS SECONDS SHAPE...
 * A SHAPE is V:D:H:T:B:targets, where targets is "last" or "all" (softmax over V - 1 classes, Adam), "sampled" (all
 * positions, tied output, 2,048 drawn classes, Adagrad), or "one" (inference after T tokens of one sequence).  Each takes so
 * many seconds.  Lines of output are "SHAPE uiml-THREADS STEPS/S", sequences times tokens a second of all batches, or "SHAPE
 * uiml-THREADS MICROSECONDS", the median of one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/lstm.h"
#include "core/team.h"

#define NEGATIVES 2048
#define BATCHES   32
#define TIMES     100000

typedef struct Run
{
	size_t steps, sequences;
	const char *targets;
	UimlLstmShape shape;
	UimlLstmWeights weights;
	uint32_t *rows, *token[BATCHES], *target[BATCHES];
} Run;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void *
allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL)
		abort();
	return memory;
}

static void
run_on_team(void *ctx, size_t n, UimlTaskFn task, void *arg)
{
	uiml_team_run(ctx, n, task, arg);
}

static uint32_t
below(UimlRng *rng, size_t n)
{
	return (uint32_t) uiml_rng_below(rng, n);
}

static void
make_batches(Run *run, UimlRng *rng)
{
	size_t n = run->steps * run->sequences;
	bool last = strcmp(run->targets, "last") == 0;

	run->rows = allocate(run->steps, sizeof(uint32_t));
	for (size_t t = 0; t < run->steps; t++)
		run->rows[t] = (uint32_t) run->sequences;
	for (size_t b = 0; b < BATCHES; b++)
	{
		run->token[b] = allocate(n, sizeof(uint32_t));
		run->target[b] = allocate(n, sizeof(uint32_t));
		for (size_t i = 0; i < n; i++)
		{
			run->token[b][i] = 1 + below(rng, run->shape.tokens - 1);
			run->target[b][i] =
				last && i < n - run->sequences ? UIML_LSTM_NO_TARGET : below(rng, run->shape.classes);
		}
	}
}

static void
free_run(Run *run, float *weights)
{
	for (size_t b = 0; b < BATCHES; b++)
	{
		free(run->token[b]);
		free(run->target[b]);
	}
	free(run->rows);
	free(weights);
}

static double
time_training(const UimlEnv *env, const Run *run, double seconds)
{
	bool sampled = strcmp(run->targets, "sampled") == 0;
	size_t n = run->steps * run->sequences, done = 0;
	double *share = allocate(run->shape.classes, sizeof(double));
	UimlLstmOptions options = {.optimizer = sampled ? UIML_LSTM_ADAGRAD : UIML_LSTM_ADAM,
							   .learning_rate = 1e-3,
							   .negatives = sampled ? NEGATIVES : 0,
							   .share = share,
							   .max_sequences = run->sequences,
							   .max_steps = run->steps,
							   .max_tokens = n};
	UimlLstmTrainer *trainer;
	UimlLstmLoss loss = {0};
	double start = 0, end;

	for (size_t c = 0; c < run->shape.classes; c++)
		share[c] = 1 / (double) run->shape.classes;
	if (uiml_lstm_trainer_create(env, &run->weights, &options, &trainer) != UIML_OK)
		abort();
	do
	{
		UimlLstmBatch batch = {.sequences = run->sequences,
							   .steps = run->steps,
							   .rows = run->rows,
							   .token = run->token[done % BATCHES],
							   .target = run->target[done % BATCHES],
							   .n_tokens = n,
							   .n_targets = strcmp(run->targets, "last") == 0 ? run->sequences : n};

		if (uiml_lstm_step(trainer, &batch, &loss) != UIML_OK)
			abort();
		end = now();
		if (done++ == 4)
			start = end; /* pages are there */
	} while (done < 10 || end - start < seconds);
	uiml_lstm_trainer_destroy(trainer);
	free(share);
	return (double) (n * (done - 5)) / (end - start);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
time_inference(const Run *run, double seconds)
{
	void *room = allocate(uiml_lstm_room(&run->shape, run->steps), 1);
	float *share = allocate(run->shape.classes, sizeof(float));
	double *time = allocate(TIMES, sizeof(double)), end = now() + seconds, median;
	size_t n = 0;

	do
	{
		double start = now();

		uiml_lstm_predict(&run->weights, run->token[n % BATCHES], run->steps, room, share);
		time[n++] = now() - start;
	} while (now() < end && n < TIMES);
	qsort(time, n, sizeof(double), compare);
	median = time[n / 2] * 1e6;
	free(room);
	free(share);
	free(time);
	return median;
}

static void
time_shape(const UimlEnv *env, int threads, double seconds, const char *text)
{
	UimlRng rng;
	Run run = {0};
	char targets[16];
	float *weights;

	if (sscanf(text, "%zu:%zu:%zu:%zu:%zu:%15s", &run.shape.tokens, &run.shape.embedding, &run.shape.hidden,
			   &run.steps, &run.sequences, targets) != 6)
		return;
	run.targets = targets;
	run.shape.classes = run.shape.tokens - 1;
	run.shape.tied = strcmp(targets, "sampled") == 0;
	weights = allocate(uiml_lstm_size(&run.shape), sizeof(float));
	uiml_lstm_view(&run.weights, &run.shape, weights);
	uiml_rng_init(&rng, 1);
	if (uiml_lstm_init(env, &rng, &run.weights) != UIML_OK)
		abort();
	make_batches(&run, &rng);
	if (strcmp(targets, "one") == 0)
		printf("%s uiml-%d %.1f\n", text, threads, time_inference(&run, seconds));
	else
		printf("%s uiml-%d %.0f\n", text, threads, time_training(env, &run, seconds));
	fflush(stdout);
	free_run(&run, weights);
}

int
main(int argc, char **argv)
{
	UimlEnv env = uiml_env_malloc();
	int threads;

	if (argc < 4)
	{
		fprintf(stderr, "usage: lstm_bench THREADS SECONDS SHAPE...\n");
		return 1;
	}
	threads = atoi(argv[1]);
	env.ctx = uiml_team_start(threads);
	env.parallel = env.ctx != NULL ? run_on_team : NULL;
	for (int i = 3; i < argc; i++)
		time_shape(&env, threads, atof(argv[2]), argv[i]);
	uiml_team_end(env.ctx);
	return 0;
}
