/*
 * solve.h
 *	  Arguments that the solvers of transfer_stats have in common, and their errors.
 */
#ifndef UIML_PG_SOLVE_H
#define UIML_PG_SOLVE_H

#include "postgres.h"

#include "fmgr.h"

#include "core/matrix.h"
#include "core/ridge.h"

/*
 * uiml_solve_prior
 *		W0 of an argument of type transfer_matrix, p x q, or NULL where that is; its intercept is not looked
 *		at.  DATA_EXCEPTION for another shape.
 */
extern const double *uiml_solve_prior(FunctionCallInfo fcinfo, int argument, size_t p, size_t q);

/* A boolean that must not be NULL. */
extern bool uiml_solve_intercept(FunctionCallInfo fcinfo, int argument);

/*
 * The penalty of an argument, of lowest GCV for NULL.  Errors where it is negative, or 0 and the rows don't
 * span the source's dimensions.
 */
extern double uiml_solve_lambda(FunctionCallInfo fcinfo, int argument, const UimlRidge *ridge);

/*
 * uiml_solve_begin
 *		Decomposes statistics, in the current memory context and within maintenance_work_mem.
 */
extern void uiml_solve_begin(const UimlTransferStats *stats, bool intercept, const double *prior,
							 UimlRidge *ridge);

/* Errors where so many bytes for statistics of p x q exceed maintenance_work_mem. */
extern void uiml_solve_check_memory(size_t bytes, size_t p, size_t q);

/* The elements of an array argument, none of them NULL; name is that of the argument. */
extern Datum *uiml_solve_elements(FunctionCallInfo fcinfo, int argument, const char *name, size_t *n);

#endif /* UIML_PG_SOLVE_H */
