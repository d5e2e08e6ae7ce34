"""Times a model of the BERT family in PyTorch and ONNX Runtime, one thread, and writes it for the latter.

usage: encode_peers.py FOLDER SECONDS ONNX_FILE SHAPE...
A SHAPE is TEXTSxTOKENS.  Ids go in, unit vectors come out: texts are not tokenized here, as they are for uiml.
Batches are of equal lengths, so nothing is padded or masked.  Lines of output are "SHAPE PEER TOKENS/S", of the
fastest run in processor time, for PyTorch of several ways to run the layers.
"""
import json
import math
import struct
import sys
import time
import warnings

import torch
import torch.nn.functional as F


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    return {name.removeprefix("bert."):
            torch.frombuffer(data, dtype=types[t["dtype"]], offset=t["data_offsets"][0],
                             count=math.prod(t["shape"])).reshape(t["shape"]).float()
            for name, t in header.items() if t.get("dtype") in types and math.prod(t["shape"]) > 0}


class FusedAttention(torch.autograd.Function):
    """ONNX Runtime's own operator for all of an attention but the output's product."""

    @staticmethod
    def forward(ctx, x, weight, bias, heads):
        return x

    @staticmethod
    def symbolic(g, x, weight, bias, heads):
        return g.op("com.microsoft::Attention", x, weight, bias, num_heads_i=heads).setType(x.type())


class Layer(torch.nn.Module):
    def __init__(self, weights, prefix, heads, eps, fused):
        super().__init__()

        def pair(*names):
            return [torch.nn.Parameter(torch.cat([weights[f"{prefix}{n}.{kind}"] for n in names]))
                    for kind in ("weight", "bias")]

        self.heads, self.eps, self.fused = heads, eps, fused
        self.qkv = self.linear(*pair(*(f"attention.self.{n}" for n in ("query", "key", "value"))))
        self.out = self.linear(*pair("attention.output.dense"))
        self.up = self.linear(*pair("intermediate.dense"))
        self.down = self.linear(*pair("output.dense"))
        self.norm1 = self.norm(*pair("attention.output.LayerNorm"))
        self.norm2 = self.norm(*pair("output.LayerNorm"))

    @staticmethod
    def linear(weight, bias):
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
        linear.weight, linear.bias = weight, bias
        return linear

    def norm(self, weight, bias):
        norm = torch.nn.LayerNorm(weight.shape[0], self.eps)
        norm.weight, norm.bias = weight, bias
        return norm

    def attend(self, x):
        n, tokens, d = x.shape
        if self.fused:
            return FusedAttention.apply(x, self.qkv.weight.t(), self.qkv.bias, self.heads)
        q, k, v = self.qkv(x).view(n, tokens, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = torch.matmul(q * (d // self.heads) ** -0.5, k.transpose(2, 3))
        return torch.matmul(F.softmax(scores, -1), v).transpose(1, 2).reshape(n, tokens, d)

    def forward(self, x):
        x = self.norm1(x + self.out(self.attend(x)))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class Bert(torch.nn.Module):
    def __init__(self, weights, config, make_layer):
        super().__init__()
        words = weights["embeddings.word_embeddings.weight"]
        types = weights["embeddings.token_type_embeddings.weight"]
        self.words = torch.nn.Embedding.from_pretrained(words)
        self.positions = torch.nn.Parameter(weights["embeddings.position_embeddings.weight"] + types[0])
        self.norm = torch.nn.LayerNorm(words.shape[1], config["layer_norm_eps"])
        self.norm.weight = torch.nn.Parameter(weights["embeddings.LayerNorm.weight"])
        self.norm.bias = torch.nn.Parameter(weights["embeddings.LayerNorm.bias"])
        self.layers = torch.nn.ModuleList(make_layer(f"encoder.layer.{i}.") for i in range(config["num_hidden_layers"]))

    def forward(self, ids):
        x = self.norm(self.words(ids) + self.positions[: ids.shape[1]])
        for layer in self.layers:
            x = layer(x)
        return F.normalize(x.mean(1), dim=1)


def fast_path_layer(weights, prefix, config):
    """torch's fused encoder layer, which takes all of a layer's weights in one call."""
    own = Layer(weights, prefix, config["num_attention_heads"], config["layer_norm_eps"], False)
    layer = torch.nn.TransformerEncoderLayer(config["hidden_size"], config["num_attention_heads"],
                                             config["intermediate_size"], 0, "gelu", config["layer_norm_eps"], True)
    layer.self_attn.in_proj_weight, layer.self_attn.in_proj_bias = own.qkv.weight, own.qkv.bias
    layer.self_attn.out_proj.weight, layer.self_attn.out_proj.bias = own.out.weight, own.out.bias
    layer.linear1, layer.linear2, layer.norm1, layer.norm2 = own.up, own.down, own.norm1, own.norm2
    return layer


def ways(weights, config):
    """Functions from a shape to what runs it: eagerly, by torch's fused layers, and compiled for inference."""
    heads, eps = config["num_attention_heads"], config["layer_norm_eps"]
    plain = Bert(weights, config, lambda p: Layer(weights, p, heads, eps, False)).eval()
    fused = Bert(weights, config, lambda p: fast_path_layer(weights, p, config)).eval()

    def frozen(shape):
        traced = torch.jit.trace(plain, torch.ones(shape, dtype=torch.long), check_trace=False)
        return torch.jit.optimize_for_inference(torch.jit.freeze(traced))

    return [lambda shape: plain, lambda shape: fused, frozen]


def write_onnx(weights, config, path):
    """Attention is ONNX Runtime's own operator, which is more than what exporters leave it to find."""
    heads, eps = config["num_attention_heads"], config["layer_norm_eps"]
    fused = Bert(weights, config, lambda p: Layer(weights, p, heads, eps, True)).eval()
    torch.onnx.export(fused, torch.ones(2, 8, dtype=torch.long), path, opset_version=17, input_names=["ids"],
                      output_names=["vectors"], dynamic_axes={"ids": {0: "texts", 1: "tokens"}},
                      custom_opsets={"com.microsoft": 1})


def onnx_runner(path):
    try:
        import onnxruntime
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda ids: session.run(None, {"ids": ids.numpy()})


def fastest(run, seconds):
    best, end = float("inf"), time.process_time() + seconds
    while time.process_time() < end:
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def tell(peer, run, shape, seconds):
    n, tokens = shape
    ids = torch.arange(n * tokens).remainder(1000).add(1000).view(n, tokens)
    for _ in range(3):  # what is compiled at first
        run(ids)
    print(f"{n}x{tokens}", peer, f"{n * tokens / fastest(lambda: run(ids), seconds):.0f}", flush=True)


def main():
    folder, seconds, onnx = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    shapes = [tuple(map(int, s.split("x"))) for s in sys.argv[4:]]
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with open(f"{folder}/config.json") as file:
        config = json.load(file)
    weights = read_safetensors(f"{folder}/model.safetensors")
    with torch.inference_mode():
        for make in ways(weights, config):
            for shape in shapes:
                tell("torch", make(shape), shape, seconds)
    with torch.no_grad():
        write_onnx(weights, config, onnx)
    run = onnx_runner(onnx)
    for shape in shapes if run else []:
        tell("onnxruntime", run, shape, seconds)


main()
