#!/usr/bin/python3
"""Tiny language models with seeded random weights, in the layout that real ones are published in: they prove an
implementation exact and say nothing of quality.

usage: tiny_models.py [DIR]

Writes DIR/tiny-bert (DIR: test/models) with config.json, tokenizer.json, vocab.txt, tokenizer_config.json and model.safetensors:
what the tests load where no real model is at hand.  Sizes are no multiples of 16 on purpose.
"""
import json
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


TYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32"}


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


def write_bert(folder):
    tokens = vocabulary()
    config = bert_config(tokens)
    os.makedirs(folder, exist_ok=True)
    write_json(f"{folder}/config.json", config)
    write_json(f"{folder}/tokenizer.json", tokenizer(tokens))
    write_json(f"{folder}/tokenizer_config.json", {"do_lower_case": True, "model_max_length": 1000000000000000019884624838656,
                                                   "strip_accents": None, "tokenize_chinese_chars": True,
                                                   "tokenizer_class": "BertTokenizer"})
    with open(f"{folder}/vocab.txt", "w") as file:
        file.write("".join(token + "\n" for token in tokens))
    write_safetensors(f"{folder}/model.safetensors", bert_tensors(config, np.random.default_rng(5)))


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "models")
    write_bert(os.path.join(folder, "tiny-bert"))


if __name__ == "__main__":
    main()
