/*
 * student.h
 *	  Student's t distribution.
 */
#ifndef UIML_STUDENT_H
#define UIML_STUDENT_H

/*
 * uiml_student_tail
 *		P(T > t) for df > 0 degrees of freedom, not only whole ones; INFINITY is the normal distribution.
 */
extern double uiml_student_tail(double t, double df);

/*
 * uiml_student_quantile
 *		The t below which T is with probability p, 0 < p < 1; relative error below 1e-10.  NaN for arguments out
 *		of range.
 */
extern double uiml_student_quantile(double p, double df);

#endif /* UIML_STUDENT_H */
