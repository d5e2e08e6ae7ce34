/*
 * calibration.h
 *	  Do predicted interest shares come true?  Held-out users' shares, by what was predicted.
 */
#ifndef UIML_CALIBRATION_H
#define UIML_CALIBRATION_H

#include "core/model.h"

#define UIML_MAX_BINS 1000

/*
 * The pairs of a user and an interest whose predicted share is in low .. high, high itself in the last bin
 * only.
 */
typedef struct UimlCalibrationBin
{
	double low;
	double high;
	size_t pairs;
	double predicted; /* mean over the pairs; NaN without any, like the figures that follow */
	double observed;
	double observed_low; /* 95 % bootstrap interval of observed, by user; NaN for all pairs together */
	double observed_high;
	double
		error; /* |observed - predicted|; for all pairs, its mean over them: the expected calibration error */
	double covered; /* share of the pairs whose interval has the observed share in it */
	double
		expected; /* mean probability of the intervals: what covered should be, steps being what they are */
} UimlCalibrationBin;

/*
 * uiml_model_calibrate
 *		Predicted interest shares of the users of a holdout beside the shares of their hidden events.
 *
 * n_bins:	1 .. UIML_MAX_BINS, of equal width
 * level:	of the intervals of the predictions, e.g. .9: each for as many events as the user has hidden items
 *			(at most 1,000).  Observed shares count as the nearest whole number of events: where events weigh
 *			differently, they lie between
 * bin:		receives n_bins + 1, the last for all pairs together, from 0 to 1
 *
 * Every user with hidden events in some interest gives one pair for each interest, so each has the same say.
 * Deterministic for the seed.  Returns UIML_OK, UIML_EINVALID, UIML_ENOMEM, UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_model_calibrate(const UimlEnv *env, const UimlModel *model, const UimlHoldout *holdout,
									   size_t n_bins, double level, uint64_t seed, UimlCalibrationBin *bin);

#endif /* UIML_CALIBRATION_H */
