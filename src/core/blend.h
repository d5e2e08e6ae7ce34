/*
 * blend.h
 *	  One formula for every user: p = (c + alpha prior) / (|c| + alpha).
 *
 * c is a user's decayed mass per class (interests), prior a distribution over the classes and alpha the
 * strength of the prior in units of mass: the posterior mean of a Dirichlet-multinomial.  alpha is the value
 * that maximises the likelihood of held-out events of held-out users.
 */
#ifndef UIML_BLEND_H
#define UIML_BLEND_H

#include "core/uiml.h"

/*
 * uiml_blend
 *		share_j = (mass_j + alpha prior_j) / (sum mass + alpha).
 *
 * mass: k, >= 0, or NULL for a user without history; prior: k, sums to 1; alpha > 0; share receives k.
 */
extern void uiml_blend(const float *mass, const float *prior, size_t k, double alpha, double *share);

/*
 * uiml_blend_loss
 *		Mean negative log-likelihood, in nats per event, of held-out counts under the blend.
 *
 * mass, held: n x k row-major, >= 0, what was observed and what was held out of the same n users; rows with
 * no held-out event do not count.  Shares below 1e-12 count as 1e-12.  NaN when there is no held-out event.
 */
extern double uiml_blend_loss(const float *mass, const float *held, const float *prior, size_t n, size_t k,
							  double alpha);

/*
 * uiml_blend_fit_alpha
 *		The alpha with the lowest uiml_blend_loss: a grid of log-spaced values in 1e-2 .. 1e4, then golden
 *		section.
 *
 * spread: standard deviation of a normal prior of log alpha about log k, beside which each held-out event
 * counts as one observation; INFINITY for none.
 *
 * Returns UIML_OK, UIML_EEMPTY (no held-out event: alpha is set to k), UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_blend_fit_alpha(const UimlEnv *env, const float *mass, const float *held,
									   const float *prior, size_t n, size_t k, double spread, double *alpha);

/*
 * uiml_blend_strength
 *		The weight of a posterior, in events, for uiml_blend_interval.
 *
 * mass: |c| + alpha, > 0; event_mass > 0: what one event weighs; dispersion >= 0
 *
 * Two things are not known of the next events: a user's shares, as far as history and prior tell them, and
 * how far the next events are from those shares, since people read in runs and change.  Their variances add,
 * so strengths add like resistors in parallel; 1 / dispersion is the strength of somebody known for ever.
 */
static inline double
uiml_blend_strength(double mass, double event_mass, double dispersion)
{
	return 1 / (event_mass / mass + dispersion);
}

/*
 * uiml_blend_fit_dispersion
 *		The dispersion with the highest Dirichlet-multinomial likelihood of held-out counts, and event_mass.
 *
 * share:	n x k row-major, what is predicted of n users
 * weight:	n, > 0: the mass of their posteriors, |c| + alpha
 * held:	n x k, >= 0: masses of what they did, not scaled
 * events:	n: how many events held is the mass of
 *
 * event_mass receives the mean mass of a held-out event.  dispersion receives 0 unless another value is
 * better by more than one nat, which single events of a user never tell.
 *
 * Returns UIML_OK, UIML_EEMPTY (no held-out event: 1 and 0), UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_blend_fit_dispersion(const UimlEnv *env, const double *share, const double *weight,
											const float *held, const uint32_t *events, size_t n, size_t k,
											double *event_mass, double *dispersion);

/*
 * uiml_blend_interval
 *		Interval of the share among the next m events: of Beta-binomial counts, the run of probability nearest
 *		to level.
 *
 * share in 0 .. 1 is the posterior mean and strength > 0 its weight in events (uiml_blend_strength), so a =
 * share * strength; level in 0 .. 1, e.g. .9; m in 1 .. 1000.  Of each length the most probable run of counts
 * is looked at.  Counts are steps: where a single count has more than level, or the next step would lead
 * further beyond level than this one stays below, the probability differs from level; probability (may be
 * NULL) receives it.
 *
 * low and high are multiples of 1/m, low <= high; NaN for a share or an m out of range.  O(m), no allocation,
 * no log-gamma: it runs for every row of a prediction.
 */
extern void uiml_blend_interval(double share, double strength, unsigned m, double level, double *low,
								double *high, double *probability);

#endif /* UIML_BLEND_H */
