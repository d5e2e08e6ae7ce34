/*
 * modeldirectory.c
 *	  The directory that a language model is published as.
 *
 * Models are published in many forms, and one of them is read.  So an error about a missing file looks at what
 * there is in its place, and says how that becomes what is needed.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "storage/fd.h"

#include "pg/modeldirectory.h"

#define NEEDED_HINT "A model's directory has model.safetensors, config.json, and tokenizer.json or vocab.txt."

/* A file, known by how its name ends, that is there in place of one that is read. */
typedef struct Substitute
{
	const char *suffix;
	const char *hint;
} Substitute;

/* The first in this list that is there is told. */
static const Substitute substitutes_of_weights[] = {
	{".safetensors.index.json",
	 "The weights are in several files. Save them as one, in Python: "
	 "AutoModel.from_pretrained(directory).save_pretrained(directory, max_shard_size=\"100GB\")."},
	{".safetensors", "Rename the file of weights to model.safetensors."},
	{"pytorch_model.bin",
	 "pytorch_model.bin is a format of PyTorch. Save the weights as safetensors, in Python: "
	 "AutoModel.from_pretrained(directory).save_pretrained(directory, safe_serialization=True)."},
	{"pytorch_model.bin.index.json",
	 "The weights are in a format of PyTorch. Save them as safetensors, in Python: "
	 "AutoModel.from_pretrained(directory).save_pretrained(directory, max_shard_size=\"100GB\")."},
	{".h5", "Weights of TensorFlow are not read. Take the model's model.safetensors."},
	{".msgpack", "Weights of Flax are not read. Take the model's model.safetensors."},
	{".gguf", "GGUF is not read: its weights are rounded. Take the model.safetensors that it was made from."},
	{".onnx", "ONNX is not read. Take the model.safetensors that it was made from."},
	{"onnx", "ONNX is not read. Take the model.safetensors that it was made from."},
	{"0_Transformer", "Pass its subdirectory 0_Transformer, and pooling as 1_Pooling/config.json says."},
	{NULL, NEEDED_HINT}};

static const Substitute substitutes_of_tokenizers[] = {
	{".model", "A tokenizer of SentencePiece is read as tokenizer.json only. Make that, in Python: "
			   "AutoTokenizer.from_pretrained(directory).save_pretrained(directory)."},
	{"merges.txt", "vocab.json and merges.txt are read as tokenizer.json only. Make that, in Python: "
				   "AutoTokenizer.from_pretrained(directory).save_pretrained(directory)."},
	{NULL, NEEDED_HINT}};

static bool
ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name);
	size_t m = strlen(suffix);

	return n >= m && strcmp(name + n - m, suffix) == 0;
}

/* The best hint that the names in the directory give. */
static const char *
hint_of(const char *directory, const Substitute *substitutes)
{
	const Substitute *end = substitutes;
	const Substitute *best;
	DIR *dir = AllocateDir(directory);
	struct dirent *entry;

	while (end->suffix != NULL)
		end++;
	best = end;
	while ((entry = ReadDir(dir, directory)) != NULL)
		for (const Substitute *s = substitutes; s < best; s++)
			if (ends_with(entry->d_name, s->suffix))
				best = s;
	FreeDir(dir);
	return best->hint;
}

static void
check_directory(const char *directory)
{
	struct stat status;

	if (stat(directory, &status) != 0)
	{
		if (errno == ENOENT)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FILE), errmsg("directory \"%s\" does not exist", directory),
					 errdetail("It is looked for on the server."),
					 errhint("Pass the contents of files that are elsewhere: uiml_load_encoder(name, config, "
							 "tokenizer, weights).")));
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not stat directory \"%s\": %m", directory)));
	}
	if (!S_ISDIR(status.st_mode))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a directory", directory),
						errhint(NEEDED_HINT)));
}

static bool
read_text_if_there(const char *directory, const char *name, Size most, UimlModelFile *text)
{
	UimlModelInput file;

	if (!uiml_modelfile_open_if_there(&file, psprintf("%s/%s", directory, name)))
		return false;
	text->bytes = uiml_modelfile_whole(&file, name, most);
	text->length = (size_t) file.input.size;
	uiml_modelfile_check(&file);
	uiml_modelfile_close(&file);
	return true;
}

void
uiml_modeldirectory_read(const char *directory, UimlModelFiles *files, UimlModelInput *weights)
{
	check_directory(directory);
	if (!uiml_modelfile_open_if_there(weights, psprintf("%s/model.safetensors", directory)))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_FILE),
				errmsg("directory \"%s\" has no model.safetensors", directory),
				errhint("%s", hint_of(directory, substitutes_of_weights)));
	if (!read_text_if_there(directory, "tokenizer.json", UIML_MAX_TOKENIZER_BYTES, &files->tokenizer) &&
		!read_text_if_there(directory, "vocab.txt", UIML_MAX_TOKENIZER_BYTES, &files->vocabulary))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_FILE),
				errmsg("directory \"%s\" has neither tokenizer.json nor vocab.txt", directory),
				errhint("%s", hint_of(directory, substitutes_of_tokenizers)));
	read_text_if_there(directory, "config.json", UIML_MAX_CONFIG_BYTES, &files->config);
	read_text_if_there(directory, "tokenizer_config.json", UIML_MAX_CONFIG_BYTES, &files->tokenizer_config);
	read_text_if_there(directory, "modules.json", UIML_MAX_CONFIG_BYTES, &files->modules);
	read_text_if_there(directory, "1_Pooling/config.json", UIML_MAX_CONFIG_BYTES, &files->pooling);
	read_text_if_there(directory, "sentence_bert_config.json", UIML_MAX_CONFIG_BYTES, &files->sentences);
}
