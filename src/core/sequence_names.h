/*
 * sequence_names.h
 *	  What tensors of a sequence model are called in a safetensors file; see sequence_exchange.h.
 */
#ifndef UIML_SEQUENCE_NAMES_H
#define UIML_SEQUENCE_NAMES_H

#define UIML_SEQUENCE_FORMAT         "uiml-sequence"
#define UIML_SEQUENCE_FORMAT_VERSION "1"

#define UIML_NAME_EMBEDDING   "embedding/embeddings"
#define UIML_NAME_KERNEL      "lstm/lstm_cell/kernel"
#define UIML_NAME_RECURRENT   "lstm/lstm_cell/recurrent_kernel"
#define UIML_NAME_BIAS        "lstm/lstm_cell/bias"
#define UIML_NAME_DENSE       "dense/kernel"
#define UIML_NAME_DENSE_BIAS  "dense/bias"
#define UIML_NAME_POPULARITY  "popularity"
#define UIML_NAME_RIDGE       "ridge/kernel"
#define UIML_NAME_RIDGE_BIAS  "ridge/bias"
#define UIML_NAME_MIX         "mixture/weights"
#define UIML_NAME_TEMPERATURE "mixture/temperature"
#define UIML_NAME_BLEND       "mixture/blend"
#define UIML_NAME_ID          "classes/id"
#define UIML_NAME_ID_START    "classes/id_start"
#define UIML_NAME_LABEL       "classes/label"
#define UIML_NAME_LABEL_START "classes/label_start"

/* Of an expert that goes by links between classes, or by the last classes at all. */
typedef struct UimlLinkNames
{
	const char *decay;
	const char *steps;
	const char *start;
	const char *class_no;
	const char *weight;
} UimlLinkNames;

#define UIML_LINK_NAMES(expert)                                                                              \
	{                                                                                                        \
		expert "/decay", expert "/steps", expert "/start", expert "/class", expert "/weight"                 \
	}

static const UimlLinkNames uiml_rules_names = UIML_LINK_NAMES("rules");
static const UimlLinkNames uiml_ridge_names = UIML_LINK_NAMES("ridge");
static const UimlLinkNames uiml_ease_names = UIML_LINK_NAMES("ease");

#endif /* UIML_SEQUENCE_NAMES_H */
