/*
 * lstm_network.h
 *	  What lstm.h declares for float32 and lstm64.h for float64; real is which.
 */

/* Weights, or views of them; each tensor is row-major. */
typedef struct UimlLstmWeights
{
	UimlLstmShape shape;
	real *tensor[UIML_LSTM_N_TENSORS]; /* NULL: has none */
} UimlLstmWeights;

/* Points the tensors of a valid shape into a run of uiml_lstm_size elements, one behind the other. */
extern void uiml_lstm_view(UimlLstmWeights *weights, const UimlLstmShape *shape, real *run);

/* Weights in training, gradients, moments and workspace: one allocation. */
typedef struct UimlLstmTrainer UimlLstmTrainer;

/* Bytes that a trainer allocates; 0 where shape or options are not valid, or on overflow. */
extern size_t uiml_lstm_trainer_bytes(const UimlLstmShape *shape, const UimlLstmOptions *options);

/*
 * uiml_lstm_trainer_create
 *		A trainer of weights, which stay the caller's and are changed in place by each step, and by nobody else meanwhile.
 *		env must outlive it.
 *
 * Returns UIML_OK, UIML_EINVALID (a shape or options out of range), UIML_ENOMEM.
 */
extern UimlStatus uiml_lstm_trainer_create(const UimlEnv *env, const UimlLstmWeights *weights,
										   const UimlLstmOptions *options, UimlLstmTrainer **trainer);
extern void uiml_lstm_trainer_destroy(UimlLstmTrainer *trainer);

/*
 * uiml_lstm_step
 *		One step of the optimizer down the gradient of the mean cross-entropy of a batch's targets.  Adds to *loss.
 *
 * Deterministic for the seed, the weights and the number of steps done, under any number of threads.  Returns UIML_OK;
 * UIML_EINVALID (a batch beyond the largest, or not in the documented form, a token or target out of range);
 * UIML_ENOTFINITE (the loss or the gradient; nothing was changed); UIML_EINTERRUPTED (the weights may be half changed).
 */
extern UimlStatus uiml_lstm_step(UimlLstmTrainer *trainer, const UimlLstmBatch *batch, UimlLstmLoss *loss);

/* The gradient alone, with the dropout and the draws that the next step will have. Statuses of uiml_lstm_step. */
extern UimlStatus uiml_lstm_gradient(UimlLstmTrainer *trainer, const UimlLstmBatch *batch,
									 UimlLstmLoss *loss);

/* Writes a tensor's whole gradient (uiml_lstm_tensor_size elements), before clipping; zeros for a frozen one. */
extern void uiml_lstm_get_gradient(const UimlLstmTrainer *trainer, UimlLstmTensor tensor, real *gradient);
