/*
 * kernels_body.h
 *	  One table of kernels: included by a file that has defined LANES, TABLE and TABLE_NAME.
 *
 * A new kernel takes a member of UimlKernels, its code in a file included here, and its name in the table
 * below.
 */
#include "core/kernels_lanes.h"

#include "core/kernels_above.h"
#include "core/kernels_gram.h"
#include "core/kernels_nearest.h"
#include "core/kernels_score.h"
#include "core/kernels_sparse.h"
#include "core/kernels_vector.h"

#include "core/kernels_neural.h"

#include "core/kernels_affine.h"

#include "core/kernels_lstm.h"

const UimlKernels TABLE = {
	.name = TABLE_NAME,

	.dot = dot,
	.l2_squared = l2_squared,
	.l1 = l1,
	.cosine = cosine,
	.square_sum = square_sum,
	.add = add,
	.subtract = subtract,
	.multiply = multiply,
	.scale = scale,
	.is_finite = is_finite,
	.accumulate = accumulate,
	.accumulate_weighted = accumulate_weighted,
	.accumulate_f64 = accumulate_f64,

	.widen = widen,
	.centre = centre,
	.gram_add = gram_add,

	.score_rows = score_rows,
	.score_rows_twice = score_rows_twice,
	.survey_scores = survey_scores,
	.raise_scores = raise_scores,
	.mix_scores = mix_scores,
	.score_depths = score_depths,

	.gather_rows = gather_rows,
	.scatter_rows = scatter_rows,

	.find_above = find_above,

	.panel = PANEL,
	.nearest = nearest,
	.scores = scores,

	.affine = affine,
	.pack_outputs = pack_outputs,
	.pack_inputs = pack_inputs,
	.softmax = softmax,
	.layer_norm = layer_norm,
	.maximum = maximum,

	.outer_add = outer_add,
	.lstm_forward = lstm_forward,
	.lstm_backward = lstm_backward,
	.add_rows = add_rows,
	.cross_entropy = cross_entropy,
	.adam = adam,
	.adagrad = adagrad,
};
