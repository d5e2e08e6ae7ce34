/*
 * test_model_config.c
 *	  What config.json and the files of sentence-transformers say, and what they may not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/model_config.h"
#include "testenv.h"

static const UimlModelOptions no_options = {.normalize = -1};

/* Texts of the files, NULL for those that aren't there. */
typedef struct Texts
{
	const char *config;
	const char *modules;
	const char *pooling;
	const char *sentences;
	const char *tokenizer;
} Texts;

static UimlModelFile
file_of(const char *text)
{
	return (UimlModelFile){.bytes = text, .length = text != NULL ? strlen(text) : 0};
}

static UimlStatus
read_with(const UimlEnv *env, const Texts *texts, const UimlModelOptions *options, UimlModelConfig *config,
		  UimlFault *fault)
{
	UimlModelFiles files = {.config = file_of(texts->config),
							.modules = file_of(texts->modules),
							.pooling = file_of(texts->pooling),
							.sentences = file_of(texts->sentences),
							.tokenizer_config = file_of(texts->tokenizer)};

	fault->text[0] = '\0';
	return uiml_model_config_read(env, &files, options, config, fault);
}

static UimlStatus
read_texts(const Texts *texts, UimlModelConfig *config, UimlFault *fault)
{
	UimlEnv env = test_env_counting();

	return read_with(&env, texts, &no_options, config, fault);
}

#define SIZES                                                                                                \
	"\"vocab_size\": 100, \"hidden_size\": 24, \"num_hidden_layers\": 3, \"num_attention_heads\": 4, "       \
	"\"intermediate_size\": 40, \"max_position_embeddings\": 34"

static const char bert[] = "{\"model_type\": \"bert\", " SIZES "}";

/* ---------- what is read ---------- */

static void
test_bert(void **state)
{
	UimlModelConfig config;
	UimlFault fault;

	(void) state;
	assert_int_equal(read_texts(&(Texts){.config = bert}, &config, &fault), UIML_OK);
	assert_int_equal(config.kind, UIML_ENCODER_BERT);
	assert_string_equal(config.type, "bert");
	assert_false(config.distilbert);
	assert_int_equal(config.vocabulary, 100);
	assert_int_equal(config.hidden, 24);
	assert_int_equal(config.layers, 3);
	assert_int_equal(config.heads, 4);
	assert_int_equal(config.ffn, 40);
	assert_int_equal(config.positions, 34);
	assert_int_equal(config.position_first, 0);
	assert_int_equal(config.token_types, 2);
	assert_true(config.eps == 1e-12);
	assert_int_equal(config.activation, UIML_ACTIVATION_GELU);
	assert_int_equal(config.pooling, UIML_POOLING_MEAN);
	assert_int_equal(config.normalize, -1);
	assert_int_equal(config.max_tokens, 34);
}

static void
test_distilbert(void **state)
{
	UimlModelConfig config;
	UimlFault fault;

	(void) state;
	assert_int_equal(
		read_texts(&(Texts){.config = "{\"model_type\": \"distilbert\", \"vocab_size\": 7, \"dim\": 6, "
									  "\"n_layers\": 1, \"n_heads\": 2, \"hidden_dim\": 9, \"activation\": "
									  "\"relu\", \"max_position_embeddings\": 5, \"layer_norm_eps\": 3}"},
				   &config, &fault),
		UIML_OK);
	assert_true(config.distilbert);
	assert_int_equal(config.hidden, 6);
	assert_int_equal(config.layers, 1);
	assert_int_equal(config.heads, 2);
	assert_int_equal(config.ffn, 9);
	assert_int_equal(config.token_types, 0);
	assert_true(config.eps == 1e-12);
	assert_int_equal(config.activation, UIML_ACTIVATION_RELU);
}

/* Positions of tokens begin behind that of the padding token. */
static void
test_roberta(void **state)
{
	static const char *const types[] = {"roberta", "xlm-roberta", "camembert"};
	UimlModelConfig config;
	UimlFault fault;

	(void) state;
	for (size_t i = 0; i < 3; i++)
	{
		char text[512];

		(void) snprintf(text, sizeof(text),
						"{\"model_type\": \"%s\", %s, \"type_vocab_size\": 1, "
						"\"layer_norm_eps\": 1e-05}",
						types[i], SIZES);
		assert_int_equal(read_texts(&(Texts){.config = text}, &config, &fault), UIML_OK);
		assert_string_equal(config.type, types[i]);
		assert_int_equal(config.position_first, 2);
		assert_int_equal(config.max_tokens, 32);
		assert_int_equal(config.token_types, 1);
		assert_true(config.eps == 1e-5);
	}
	assert_int_equal(
		read_texts(&(Texts){.config = "{\"model_type\": \"roberta\", " SIZES ", \"pad_token_id\": 0}"},
				   &config, &fault),
		UIML_OK);
	assert_int_equal(config.position_first, 1);
}

static void
test_static(void **state)
{
	UimlModelConfig config;
	UimlFault fault;

	(void) state;
	assert_int_equal(read_texts(&(Texts){.config = "{\"model_type\": \"model2vec\", \"normalize\": true}",
										 .tokenizer = "{\"model_max_length\": 512}"},
								&config, &fault),
					 UIML_OK);
	assert_int_equal(config.kind, UIML_ENCODER_STATIC);
	assert_string_equal(config.type, "model2vec");
	assert_int_equal(config.normalize, 1);
	assert_int_equal(config.max_tokens, 0);
	assert_int_equal(config.layers, 0);

	/* Some have modules.json only. */
	assert_int_equal(
		read_texts(&(Texts){.modules = "[{\"type\": \"sentence_transformers.models.StaticEmbedding\"}]"},
				   &config, &fault),
		UIML_OK);
	assert_string_equal(config.type, "");
	assert_int_equal(config.kind, UIML_ENCODER_STATIC);
	assert_int_equal(config.normalize, 0);
}

static void
test_activations(void **state)
{
	static const struct
	{
		const char *name;
		UimlActivation activation;
	} known[] = {
		{"gelu", UIML_ACTIVATION_GELU},
		{"gelu_python", UIML_ACTIVATION_GELU},
		{"gelu_new", UIML_ACTIVATION_GELU_TANH},
		{"gelu_fast", UIML_ACTIVATION_GELU_TANH},
		{"gelu_pytorch_tanh", UIML_ACTIVATION_GELU_TANH},
		{"relu", UIML_ACTIVATION_RELU},
	};
	UimlModelConfig config;
	UimlFault fault;

	(void) state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		char text[512];

		(void) snprintf(text, sizeof(text), "{\"model_type\": \"bert\", %s, \"hidden_act\": \"%s\"}", SIZES,
						known[i].name);
		assert_int_equal(read_texts(&(Texts){.config = text}, &config, &fault), UIML_OK);
		assert_int_equal(config.activation, known[i].activation);
	}
}

#define MODULE(type) "{\"type\": \"sentence_transformers.models." type "\"}"

static void
test_sentence_transformers(void **state)
{
	UimlModelConfig config;
	UimlFault fault;

	(void) state;
	assert_int_equal(read_texts(&(Texts){.config = bert,
										 .modules = "[" MODULE("Transformer") "," MODULE(
											 "Pooling") "," MODULE("Normalize") "]",
										 .pooling = "{\"pooling_mode_cls_token\": true, "
													"\"pooling_mode_mean_tokens\": false}",
										 .sentences = "{\"max_seq_length\": 20, \"do_lower_case\": false}",
										 .tokenizer = "{\"model_max_length\": 10}"},
								&config, &fault),
					 UIML_OK);
	assert_int_equal(config.pooling, UIML_POOLING_CLS);
	assert_int_equal(config.normalize, 1);
	assert_int_equal(config.max_tokens, 20);

	/* Without a Normalize vectors keep their length; a length that isn't said is the tokenizer's. */
	assert_int_equal(read_texts(&(Texts){.config = bert,
										 .modules = "[" MODULE("Transformer") "," MODULE("Pooling") "]",
										 .pooling = "{\"pooling_mode\": \"max\"}",
										 .sentences = "{\"max_seq_length\": null}",
										 .tokenizer = "{\"model_max_length\": 10}"},
								&config, &fault),
					 UIML_OK);
	assert_int_equal(config.pooling, UIML_POOLING_MAX);
	assert_int_equal(config.normalize, 0);
	assert_int_equal(config.max_tokens, 10);

	/* No length is longer than the positions, and the customary "none" is none. */
	assert_int_equal(
		read_texts(&(Texts){.config = bert, .sentences = "{\"max_seq_length\": 512}"}, &config, &fault),
		UIML_OK);
	assert_int_equal(config.max_tokens, 34);
	assert_int_equal(
		read_texts(
			&(Texts){.config = bert, .tokenizer = "{\"model_max_length\": 1000000000000000019884624838656}"},
			&config, &fault),
		UIML_OK);
	assert_int_equal(config.max_tokens, 34);
}

static void
test_options(void **state)
{
	UimlEnv env = test_env_counting();
	Texts texts = {.config = bert,
				   .modules = "[" MODULE("Transformer") "," MODULE("Pooling") "," MODULE("Normalize") "]"};
	Texts model2vec = {.config = "{\"model_type\": \"model2vec\"}"};
	UimlModelOptions options = {.pooling = UIML_POOLING_MAX, .normalize = 0, .max_tokens = 34};
	UimlModelConfig config;
	UimlFault fault;

	(void) state;
	assert_int_equal(read_with(&env, &texts, &options, &config, &fault), UIML_OK);
	assert_int_equal(config.pooling, UIML_POOLING_MAX);
	assert_int_equal(config.normalize, 0);
	assert_int_equal(config.max_tokens, 34);

	options.max_tokens = 35;
	assert_int_equal(read_with(&env, &texts, &options, &config, &fault), UIML_EINVALID);
	assert_string_equal(fault.text, "The model has positions for 34 tokens.");
	assert_int_equal(read_with(&env, &model2vec, &options, &config, &fault), UIML_EINVALID);
	assert_string_equal(fault.text, "The vectors of a static model are means: it has no other pooling.");
	options.pooling = UIML_POOLING_MEAN;
	assert_int_equal(read_with(&env, &model2vec, &options, &config, &fault), UIML_OK);
	assert_int_equal(config.max_tokens, 35);
}

/* ---------- what isn't ---------- */

#define BERT_WITH(members) "{\"model_type\": \"bert\", " SIZES ", " members "}"

static void
test_faults(void **state)
{
	static const struct
	{
		Texts texts;
		const char *fault;
	} bad[] = {
		{{.config = "[]"}, "config.json is not an object."},
		{{.config = "{"},
		 "config.json is not valid JSON: line 1, column 1: string or '}' expected near end of file."},
		{{.config = "{\"model_type\": 1}"}, "\"model_type\" of config.json must be a string."},
		{{.config = "{\"model_type\": \"gpt2\"}"},
		 "config.json says model type \"gpt2\"; known are bert, distilbert, roberta, xlm-roberta, camembert "
		 "and "
		 "model2vec."},
		{{.config = "{\"model_type\": \"bert\"}"}, "config.json has no \"vocab_size\"."},
		{{.config = "{\"model_type\": \"distilbert\", \"vocab_size\": 3}"}, "config.json has no \"dim\"."},
		{{.config = "{\"model_type\": \"bert\", \"vocab_size\": 1048577}"},
		 "\"vocab_size\" of config.json must be a whole number from 1 to 1048576."},
		{{.config = "{\"model_type\": \"bert\", \"vocab_size\": 10, \"hidden_size\": 4097}"},
		 "\"hidden_size\" of config.json must be a whole number from 1 to 4096."},
		{{.config =
			  "{\"model_type\": \"bert\", \"vocab_size\": 10, \"hidden_size\": 24, \"num_hidden_layers\": "
			  "129}"},
		 "\"num_hidden_layers\" of config.json must be a whole number from 1 to 128."},
		{{.config =
			  "{\"model_type\": \"bert\", \"vocab_size\": 10, \"hidden_size\": 24, \"num_hidden_layers\": 1, "
			  "\"num_attention_heads\": 5, \"intermediate_size\": 3, \"max_position_embeddings\": 3}"},
		 "A hidden size of 24 can't be divided by 5 attention heads."},
		{{.config = "{\"model_type\": \"roberta\", \"vocab_size\": 10, \"hidden_size\": 24, "
					"\"num_hidden_layers\": 1, \"num_attention_heads\": 1, \"intermediate_size\": 3, "
					"\"max_position_embeddings\": 2}"},
		 "2 position embeddings leave none for tokens behind padding token 1."},
		{{.config = BERT_WITH("\"hidden_act\": \"quick_gelu\"")},
		 "config.json says activation \"quick_gelu\", which is not supported."},
		{{.config = BERT_WITH("\"position_embedding_type\": \"relative_key\"")},
		 "config.json says position embeddings \"relative_key\"; only absolute ones are supported."},
		{{.config = BERT_WITH("\"is_decoder\": true")}, "config.json says that the model is a decoder."},
		{{.config = BERT_WITH("\"layer_norm_eps\": 0")},
		 "\"layer_norm_eps\" of config.json must be positive and at most 1."},
		{{.config = BERT_WITH("\"layer_norm_eps\": 2")},
		 "\"layer_norm_eps\" of config.json must be positive and at most 1."},
		{{.config = BERT_WITH("\"layer_norm_eps\": \"x\"")},
		 "\"layer_norm_eps\" of config.json must be a number."},
		{{.config = BERT_WITH("\"type_vocab_size\": -1")},
		 "\"type_vocab_size\" of config.json must be a whole number from 0 to 65536."},
		{{.config = bert, .modules = "{}"}, "modules.json is not a list."},
		{{.config = bert, .modules = "[3]"}, "A module of modules.json is not an object."},
		{{.config = bert, .modules = "[" MODULE("Dense") "]"},
		 "modules.json has a module of type \"sentence_transformers.models.Dense\", which is not supported."},
		{{.config = bert, .modules = "[{\"type\": \"custom_st.Transformer\"}]"},
		 "modules.json has a module of type \"custom_st.Transformer\", which is not supported."},
		{{.config = bert, .modules = "[" MODULE("Pooling") "]"},
		 "modules.json has a pooling, but 1_Pooling/config.json is missing."},
		{{.config = bert, .pooling = "[]"}, "1_Pooling/config.json is not an object."},
		{{.config = bert, .pooling = "{\"pooling_mode_cls_token\": true}"},
		 "1_Pooling/config.json sets 2 kinds of pooling, not one."},
		{{.config = bert, .pooling = "{\"pooling_mode_mean_tokens\": false}"},
		 "1_Pooling/config.json sets 0 kinds of pooling, not one."},
		{{.config = bert,
		  .pooling = "{\"pooling_mode_mean_tokens\": false, \"pooling_mode_lasttoken\": true}"},
		 "1_Pooling/config.json sets \"pooling_mode_lasttoken\", which is not supported."},
		{{.config = bert, .pooling = "{\"pooling_mode\": \"lasttoken\"}"},
		 "1_Pooling/config.json says pooling \"lasttoken\"; known are mean, cls and max."},
		{{.config = bert, .sentences = "{\"do_lower_case\": true}"},
		 "sentence_bert_config.json asks for lower case before tokens, which is not supported."},
		{{.config = bert, .sentences = "{\"max_seq_length\": 0}"},
		 "\"max_seq_length\" of sentence_bert_config.json must be a whole number from 1 to 1000000."},
		{{.config = bert, .sentences = "3"},
		 "sentence_bert_config.json is not valid JSON: line 1, column 1: '[' or '{' expected near '3'."},
		{{.config = bert, .tokenizer = "{\"truncation_side\": \"left\"}"},
		 "tokenizer_config.json says truncation_side \"left\"; only \"right\" is supported."},
		{{.config = bert, .tokenizer = "{\"model_max_length\": \"512\"}"},
		 "\"model_max_length\" of tokenizer_config.json must be a number."},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		UimlModelConfig config;
		UimlFault fault;

		assert_int_equal(read_texts(&bad[i].texts, &config, &fault), UIML_ECORRUPT);
		assert_string_equal(fault.text, bad[i].fault);
	}
}

static void
test_truncated(void **state)
{
	UimlEnv env = test_env_counting();

	(void) state;
	for (size_t length = 0; length < sizeof(bert) - 1; length++)
	{
		UimlModelFiles files = {.config = {.bytes = bert, .length = length}};
		UimlModelConfig config;
		UimlFault fault = {""};

		assert_int_equal(uiml_model_config_read(&env, &files, &no_options, &config, &fault), UIML_ECORRUPT);
		assert_true(fault.text[0] != '\0');
	}
}

static void
test_interrupts(void **state)
{
	Texts texts = {.config = bert, .modules = "[]", .pooling = "{}", .sentences = "{}", .tokenizer = "{}"};
	long k;

	(void) state;
	for (k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlModelConfig config;
		UimlFault fault;
		UimlStatus status = read_with(&env, &texts, &no_options, &config, &fault);

		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
	assert_int_equal(k, 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bert),        cmocka_unit_test(test_distilbert),
		cmocka_unit_test(test_roberta),     cmocka_unit_test(test_static),
		cmocka_unit_test(test_activations), cmocka_unit_test(test_sentence_transformers),
		cmocka_unit_test(test_options),     cmocka_unit_test(test_faults),
		cmocka_unit_test(test_truncated),   cmocka_unit_test(test_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
