/*
 * generalize.h
 *	  W_g: what shares should have been, told by users held out of training.
 *
 * share' = share W_g with a row-stochastic k x k matrix W_g: row i says where those events go that were
 * expected in interest i.  It is the identity where they are right, and is drawn towards it, so that only
 * what many held-out users say moves a share.  Shares stay shares.
 */
#ifndef UIML_GENERALIZE_H
#define UIML_GENERALIZE_H

#include "core/uiml.h"

/* Above so many interests W_g is the identity: it has the square of that in numbers to fit. */
#define UIML_GENERALIZE_MAX_K 256

/* Fewer users than this on either side give the identity. */
#define UIML_GENERALIZE_MIN_USERS 20

typedef struct UimlGeneralization
{
	size_t users; /* with held-out events, who judged */
	double
		strength;   /* chosen: events that speak for the identity in each row; NaN where nothing was fitted */
	double loss;    /* nats per event under the shares as they are, of those who judged; NaN without any */
	double gain;    /* loss less that under W_g */
	double gain_se; /* over users */
	bool used;      /* gain > gain_se */
} UimlGeneralization;

/*
 * uiml_generalize_fit
 *		The W_g with the highest likelihood of held-out events under its prior, by expectation maximisation.
 *
 * share:	n x k row-major, >= 0, predictions for users who were in no fit of what predicts
 * base:	n x k, >= 0, what W_g does not change: it predicts share W_g + base, whose rows sum to 1; NULL: 0
 * held:	n x k row-major, >= 0, their held-out events; rows without any don't count
 * skip:	n flags of rows to leave out, or NULL
 * strength: >= 0, in events: a Dirichlet prior on each row that has so many more on the diagonal
 * w:		receives k x k row-major, rows sum to 1
 *
 * The likelihood is concave in W_g: there is one maximum.  A row of W_g whose interest is never predicted is
 * that of the identity.  Returns UIML_OK, UIML_EINVALID (a strength, or k), UIML_ENOMEM, UIML_EINTERRUPTED.
 * O(events of different interests x k) per iteration, of which there are 100 at the most.
 */
extern UimlStatus uiml_generalize_fit(const UimlEnv *env, const double *share, const double *base,
									  const float *held, const uint8_t *skip, size_t n, size_t k,
									  double strength, double *w);

/*
 * uiml_generalize
 *		Fits W_g on some users and judges it on the others.
 *
 * judge:	n flags: 0 fits, 1 judges
 * w:		receives k x k: the matrix that was judged where it is to be used, else the identity
 *
 * The strength is the one of a grid under which each half of those who fit predicts the other half best.
 * Statuses as uiml_generalize_fit; too few users, or too many interests, are UIML_OK with the identity.
 */
extern UimlStatus uiml_generalize(const UimlEnv *env, const double *share, const double *base,
								  const float *held, const uint8_t *judge, size_t n, size_t k, double *w,
								  UimlGeneralization *result);

/*
 * uiml_generalize_apply, uiml_generalize_mass
 *		out (k) = share (k) times w (k x k); the same of masses, in place, with room for k.  O(k^2), no
 *		allocation, no BLAS: they run in predictions.
 */
extern void uiml_generalize_apply(const double *w, size_t k, const double *share, double *out);
extern void uiml_generalize_mass(const double *w, size_t k, float *mass, double *room);

/* The identity, k x k. */
extern void uiml_generalize_identity(double *w, size_t k);

#endif /* UIML_GENERALIZE_H */
