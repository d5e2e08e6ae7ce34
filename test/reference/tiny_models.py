#!/usr/bin/python3
"""Tiny language models with seeded random weights, in the layout that real ones are published in: they prove an
implementation exact and say nothing of quality.

usage: tiny_models.py [DIR]

Writes DIR/tiny-bert (DIR: test/models) with config.json, tokenizer.json, vocab.txt, tokenizer_config.json and model.safetensors:
what the tests load where no real model is at hand.  DIR/tiny-roberta has positions from 2 on and weights of type F16,
DIR/tiny-distilbert tensors of other names and type BF16.  Sizes are no multiples of 16 on purpose.

Each has a reference.json: texts, their token ids, and their vectors, not normalized, by each pooling, as the formulas of
the papers give them in float64.
"""
import json
import math
import os
import struct
import sys

import numpy as np

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PUNCTUATION = list("!,-.?'")
WORDS = ["a", "an", "and", "the", "of", "to", "in", "is", "red", "green", "apple", "apples", "pear", "pears", "data", "base", "news",
         "sport", "film", "music", "cafe", "naïve", "straße", "øre"]
PIECES = ["##s", "##ing", "##ed", "##er", "##base", "##e", "##ly", "##ß"]
CHINESE = list("人工智能中文新闻电影音乐体育苹果数据库的是了在大小")


def vocabulary():
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    tokens = SPECIAL + PUNCTUATION + list("0123456789") + letters + ["##" + c for c in letters] + WORDS + PIECES + CHINESE
    return list(dict.fromkeys(tokens))


def tokenizer(tokens):
    """tokenizer.json of an uncased BERT."""
    number = {token: i for i, token in enumerate(tokens)}

    def special(name, kind):
        return {"SpecialToken": {"id": name, "type_id": kind}}

    def sequence(name, kind):
        return {"Sequence": {"id": name, "type_id": kind}}

    single = [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number[token], "content": token, "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True} for token in SPECIAL],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                       "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": single,
                           "pair": single + [sequence("B", 1), special("[SEP]", 1)],
                           "special_tokens": {token: {"id": token, "ids": [number[token]], "tokens": [token]}
                                              for token in ("[CLS]", "[SEP]")}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                  "vocab": number},
    }


def bert_config(tokens):
    return {"architectures": ["BertModel"], "model_type": "bert", "vocab_size": len(tokens), "hidden_size": 24,
            "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 40, "hidden_act": "gelu",
            "max_position_embeddings": 32, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0,
            "position_embedding_type": "absolute"}


def bert_tensors(config, rng):
    """Tensors of transformers' BertModel.  Weights are larger than trained ones, so that attention is far from uniform."""
    hidden, ffn = config["hidden_size"], config["intermediate_size"]
    tensors = {}

    def linear(name, outputs, inputs):
        tensors[name + ".weight"] = rng.normal(0, 1.5 / np.sqrt(inputs), (outputs, inputs))
        tensors[name + ".bias"] = rng.normal(0, 0.2, outputs)

    def norm(name):
        tensors[name + ".weight"] = 1 + rng.normal(0, 0.1, hidden)
        tensors[name + ".bias"] = rng.normal(0, 0.1, hidden)

    for name, rows in (("word", config["vocab_size"]), ("position", config["max_position_embeddings"]),
                       ("token_type", config["type_vocab_size"])):
        tensors[f"embeddings.{name}_embeddings.weight"] = rng.normal(0, 0.5, (rows, hidden))
    norm("embeddings.LayerNorm")
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}"
        for name in ("query", "key", "value"):
            linear(f"{layer}.attention.self.{name}", hidden, hidden)
        linear(f"{layer}.attention.output.dense", hidden, hidden)
        norm(f"{layer}.attention.output.LayerNorm")
        linear(f"{layer}.intermediate.dense", ffn, hidden)
        linear(f"{layer}.output.dense", hidden, ffn)
        norm(f"{layer}.output.LayerNorm")
    return {name: value.astype(np.float32) for name, value in tensors.items()}


def roberta_config(tokens):
    """As tiny-bert, but smaller; positions 0 and 1 are never used, so texts have 24 of them."""
    return {"architectures": ["RobertaModel"], "model_type": "roberta", "vocab_size": len(tokens), "hidden_size": 12,
            "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 20, "hidden_act": "gelu_new",
            "max_position_embeddings": 26, "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1,
            "position_embedding_type": "absolute"}


def distilbert_config(tokens):
    return {"architectures": ["DistilBertModel"], "model_type": "distilbert", "vocab_size": len(tokens), "dim": 12, "n_layers": 2,
            "n_heads": 2, "hidden_dim": 20, "activation": "relu", "max_position_embeddings": 24, "pad_token_id": 0}


DISTILBERT_NAMES = [("encoder.layer.", "distilbert.transformer.layer."), ("attention.self.query", "attention.q_lin"),
                    ("attention.self.key", "attention.k_lin"), ("attention.self.value", "attention.v_lin"),
                    ("attention.output.dense", "attention.out_lin"), ("attention.output.LayerNorm", "sa_layer_norm"),
                    ("intermediate.dense", "ffn.lin1"), ("output.dense", "ffn.lin2"), ("output.LayerNorm", "output_layer_norm")]


def distilbert_name(name):
    if name.startswith("embeddings."):
        return "distilbert." + name
    for bert, distilbert in DISTILBERT_NAMES:
        name = name.replace(bert, distilbert)
    return name


# ---------- the reference ----------

# Texts, and the tokens that they consist of.
TEXTS = [
    ("", ""),
    ("a", "a"),
    ("The red apples!", "the red apples !"),
    ("Data-bases, databases?", "data - base ##s , data ##base ##s ?"),
    ("\u4eba\u5de5\u667a\u80fd\u65b0\u95fb", "\u4eba \u5de5 \u667a \u80fd \u65b0 \u95fb"),
    ("pear " * 50, "pear " * 50),
]


def layer_norm(x, weight, bias, eps):
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred ** 2).mean(axis=1, keepdims=True) + eps) * weight + bias


ACTIVATIONS = {
    "gelu": np.vectorize(lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2),
    "gelu_new": lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3))) / 2,
    "relu": lambda x: np.maximum(x, 0),
}


def forward(ids, shape, tensors):
    """The last hidden states; tensors by BertModel's names."""
    def linear(name, x):
        return x @ tensors[name + ".weight"].T + tensors[name + ".bias"]

    def norm(name, x):
        return layer_norm(x, tensors[name + ".weight"], tensors[name + ".bias"], shape["eps"])

    first = shape["first"]
    x = tensors["embeddings.word_embeddings.weight"][ids]
    x = x + tensors["embeddings.position_embeddings.weight"][first:first + len(ids)]
    if "embeddings.token_type_embeddings.weight" in tensors:
        x = x + tensors["embeddings.token_type_embeddings.weight"][0]
    x = norm("embeddings.LayerNorm", x)
    for i in range(shape["layers"]):
        layer = f"encoder.layer.{i}"
        query, key, value = (np.split(linear(f"{layer}.attention.self.{name}", x), shape["heads"], axis=1)
                             for name in ("query", "key", "value"))
        heads = []
        for q, k, v in zip(query, key, value):
            scores = q @ k.T / math.sqrt(q.shape[1])
            share = np.exp(scores - scores.max(axis=1, keepdims=True))
            heads.append(share / share.sum(axis=1, keepdims=True) @ v)
        x = norm(f"{layer}.attention.output.LayerNorm", x + linear(f"{layer}.attention.output.dense", np.hstack(heads)))
        inner = ACTIVATIONS[shape["activation"]](linear(f"{layer}.intermediate.dense", x))
        x = norm(f"{layer}.output.LayerNorm", x + linear(f"{layer}.output.dense", inner))
    return x


def reference(tokens, shape, tensors):
    number = {token: i for i, token in enumerate(tokens)}
    tensors = {name: value.astype(np.float64) for name, value in tensors.items()}
    rows = []
    for text, words in TEXTS:
        words = ["[CLS]"] + words.split()[:shape["positions"] - 2] + ["[SEP]"]
        ids = [number[word] for word in words]
        x = forward(ids, shape, tensors)
        row = {"text": text, "ids": ids}
        row.update((name, [float(f"{v:.8g}") for v in vector])
                   for name, vector in (("mean", x.mean(axis=0)), ("cls", x[0]), ("max", x.max(axis=0))))
        rows.append(row)
    return rows


# ---------- files ----------

TYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "uint16": "BF16", "int64": "I64", "int32": "I32"}


def to_bf16(value):
    """The nearest numbers of type BF16, as the integers that numpy has for them."""
    return ((value.astype(np.float32).view(np.uint32) + 0x8000) >> 16).astype(np.uint16)


def from_bf16(value):
    return (value.astype(np.uint32) << 16).view(np.float32)


def write_safetensors(path, tensors):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(tensors):
        value = tensors[name]
        header[name] = {"dtype": TYPES[value.dtype.name], "shape": list(value.shape), "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(tensors):
            file.write(np.ascontiguousarray(tensors[name]).tobytes())


def write_json(path, value, indent=1):
    with open(path, "w") as file:
        json.dump(value, file, ensure_ascii=False, indent=indent)
        file.write("\n")


def write_reference(folder, rows):
    with open(f"{folder}/reference.json", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


def write_bert(folder):
    tokens = vocabulary()
    config = bert_config(tokens)
    tensors = bert_tensors(config, np.random.default_rng(5))
    os.makedirs(folder, exist_ok=True)
    write_json(f"{folder}/config.json", config)
    write_json(f"{folder}/tokenizer.json", tokenizer(tokens))
    write_json(f"{folder}/tokenizer_config.json", {"do_lower_case": True, "model_max_length": 1000000000000000019884624838656,
                                                   "strip_accents": None, "tokenize_chinese_chars": True,
                                                   "tokenizer_class": "BertTokenizer"})
    with open(f"{folder}/vocab.txt", "w") as file:
        file.write("".join(token + "\n" for token in tokens))
    write_safetensors(f"{folder}/model.safetensors", tensors)
    shape = {"layers": 2, "heads": 2, "eps": 1e-12, "activation": "gelu", "first": 0, "positions": 32}
    write_reference(folder, reference(tokens, shape, tensors))


def write_roberta(folder):
    tokens = vocabulary()
    config = roberta_config(tokens)
    tensors = {name: value.astype(np.float16) for name, value in bert_tensors(config, np.random.default_rng(6)).items()}
    os.makedirs(folder, exist_ok=True)
    write_json(f"{folder}/config.json", config)
    write_json(f"{folder}/tokenizer.json", tokenizer(tokens))
    write_safetensors(f"{folder}/model.safetensors", {"roberta." + name: value for name, value in tensors.items()})
    shape = {"layers": 2, "heads": 3, "eps": 1e-5, "activation": "gelu_new", "first": 2, "positions": 24}
    write_reference(folder, reference(tokens, shape, tensors))


def write_distilbert(folder):
    tokens = vocabulary()
    config = distilbert_config(tokens)
    sizes = {"vocab_size": len(tokens), "hidden_size": 12, "num_hidden_layers": 2, "intermediate_size": 20,
             "max_position_embeddings": 24, "type_vocab_size": 1}
    tensors = {name: to_bf16(value) for name, value in bert_tensors(sizes, np.random.default_rng(7)).items()
               if "token_type" not in name}
    os.makedirs(folder, exist_ok=True)
    write_json(f"{folder}/config.json", config)
    write_json(f"{folder}/tokenizer.json", tokenizer(tokens))
    write_safetensors(f"{folder}/model.safetensors", {distilbert_name(name): value for name, value in tensors.items()})
    shape = {"layers": 2, "heads": 2, "eps": 1e-12, "activation": "relu", "first": 0, "positions": 24}
    write_reference(folder, reference(tokens, shape, {name: from_bf16(value) for name, value in tensors.items()}))


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "models")
    write_bert(os.path.join(folder, "tiny-bert"))
    write_roberta(os.path.join(folder, "tiny-roberta"))
    write_distilbert(os.path.join(folder, "tiny-distilbert"))


if __name__ == "__main__":
    main()
