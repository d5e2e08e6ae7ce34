/*
 * sequence_judge.h
 *	  What a network, or a blend of two, says of sequences that it was not fitted on.
 */
#ifndef UIML_SEQUENCE_JUDGE_H
#define UIML_SEQUENCE_JUDGE_H

#include "core/lstm.h"
#include "core/sequences.h"

typedef struct UimlSequenceJudging
{
	size_t max_length; /* events of the past that a prediction sees */
	bool mask;         /* as in training */
	bool last;         /* only what comes last in each sequence is predicted, not every event but the first */
	size_t
		most; /* events of a sequence that are predicted, evenly spaced with the last one among them; 0: all */
	size_t k;    /* HR@k and NDCG@k by full ranking; 0: neither */
	bool unseen; /* ranked are only classes not in the past; repeated ones are not asked for */
} UimlSequenceJudging;

/* Every event counts the same. */
typedef struct UimlSequenceJudgement
{
	size_t events;   /* predicted */
	size_t ranked;   /* of these, where a rank was asked for */
	double loss;     /* nats per event; NaN without events, as the others */
	double accuracy; /* share of events that had the highest probability (ties: the lowest class number) */
	double hr;       /* at k, by rank; ties count against it */
	double ndcg;
} UimlSequenceJudgement;

/*
 * uiml_sequence_judge
 *		Predicts events from the up to max_length ones before: from the last max_length where only the last event counts,
 *		else from at least half of them, since windows overlap by that.
 *
 * network:	1 or 2 of the same classes; probabilities are share times the one's + (1 - share) times the other's
 * share:	of the first network, 0 .. 1: by whether the sequence's number is even [0] or odd [1]; NULL for one network
 * probability: NULL, or receives for each predicted event, sequence by sequence, that of what came, networks side by side:
 *			room for uiml_sequence_judged_events x networks
 *
 * Returns UIML_OK, UIML_EINVALID, UIML_ENOMEM, UIML_EINTERRUPTED; UIML_ENOTFINITE where a probability is.
 */
extern UimlStatus uiml_sequence_judge(const UimlEnv *env, const UimlLstmWeights *const *network, size_t n,
									  const double *share, const UimlSequences *sequences,
									  const UimlSequenceClasses *classes, const UimlSequenceJudging *judging,
									  float *probability, UimlSequenceJudgement *judgement);

/* How many events it would predict were there no limit of a sequence's. */
extern size_t uiml_sequence_judged_events(const UimlSequences *sequences, const UimlSequenceClasses *classes,
										  bool last);

/*
 * uiml_sequence_judge_blend
 *		As uiml_sequence_judge of two networks, with shares that maximise the likelihood of the other half of the sequences:
 *		what is fitted on the even ones judges the odd ones, and the reverse.  share receives both.
 */
extern UimlStatus uiml_sequence_judge_blend(const UimlEnv *env, const UimlLstmWeights *const network[2],
											const UimlSequences *sequences,
											const UimlSequenceClasses *classes,
											const UimlSequenceJudging *judging, double share[2],
											UimlSequenceJudgement *judgement);

/* Bytes that judging takes; saturates. */
extern size_t uiml_sequence_judge_memory(const UimlLstmShape *shape, size_t max_length, size_t n_sequences,
										 size_t n_events);

#endif /* UIML_SEQUENCE_JUDGE_H */
