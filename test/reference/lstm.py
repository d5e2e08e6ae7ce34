#!/usr/bin/python3
"""The network of uiml_train_sequence in PyTorch: known answers, and models that go both ways as safetensors.

usage: lstm.py known
           prints the known answers of the tests in double precision
       lstm.py check EXPORT CASES
           the probabilities of an export (uiml_export_sequence) beside those that uiml_predict_next gave; fails where they are
           more than 1e-6 apart.  CASES: a JSON object a line, {"history": [class ids, oldest first], "shares": {class id: share}}
       lstm.py make EXPORT OUT CASES
           random weights of nn.LSTM for the classes of an export, as a file for uiml_import_sequence, and in CASES lines as above
           with histories of these classes and the shares that PyTorch gives

The container is read and written by hand; needs python3-torch and python3-numpy.  Keras's gates i, f, c, o are PyTorch's i, f, g, o in
the same order; its kernels are the transposes of PyTorch's weights, and its one bias is the sum of PyTorch's two.
"""
import json
import struct
import sys

import numpy as np
import torch

TOLERANCE = 1e-6
TYPES = {"F32": np.dtype("<f4"), "I32": np.dtype("<i4"), "U8": np.dtype("u1")}


# ---- the container


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, about in header.items():
        begin, end = (8 + length + offset for offset in about["data_offsets"])
        tensors[name] = np.frombuffer(data[begin:end], TYPES[about["dtype"]]).reshape(about["shape"])
    return tensors, metadata


def write_safetensors(path, tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    names = {dtype: name for name, dtype in TYPES.items()}
    for name, x in tensors.items():
        begin = len(data)
        data += np.ascontiguousarray(x).tobytes()
        header[name] = {"dtype": names[x.dtype], "shape": list(x.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def class_ids(tensors):
    """Keys of items, or numbers of interests, in the order of the classes."""
    text, start = tensors["classes/id"].tobytes(), tensors["classes/id_start"]
    return [text[start[i] : start[i + 1]].decode() for i in range(len(start) - 1)]


# ---- the network


class Network(torch.nn.Module):
    """Embedding, LSTM, dense, softmax, with weights as PyTorch has them."""

    def __init__(self, tokens, embedding, hidden, classes, tied=False):
        super().__init__()
        self.embedding = torch.nn.Embedding(tokens, embedding)
        self.lstm = torch.nn.LSTM(embedding, hidden, batch_first=True)
        self.dense = None if tied else torch.nn.Linear(hidden, classes, bias=False)
        self.bias = torch.nn.Parameter(torch.zeros(classes))
        self.double()

    def forward(self, token):
        state = self.lstm(self.embedding(token))[0][:, -1]
        weight = self.embedding.weight[1:] if self.dense is None else self.dense.weight
        return state @ weight.T + self.bias


def network_of(tensors):
    """From Keras's tensors; a model without a dense kernel has the embedding's rows 1 .. C there."""
    embedding = tensors["embedding/embeddings"]
    recurrent = tensors["lstm/lstm_cell/recurrent_kernel"]
    dense = tensors.get("dense/kernel")
    bias = tensors["dense/bias"]
    network = Network(*embedding.shape, len(recurrent), len(bias), dense is None)
    with torch.no_grad():
        network.embedding.weight.copy_(torch.tensor(embedding))
        network.lstm.weight_ih_l0.copy_(torch.tensor(tensors["lstm/lstm_cell/kernel"].T.copy()))
        network.lstm.weight_hh_l0.copy_(torch.tensor(recurrent.T.copy()))
        network.lstm.bias_ih_l0.copy_(torch.tensor(tensors["lstm/lstm_cell/bias"]))
        network.lstm.bias_hh_l0.zero_()
        network.bias.copy_(torch.tensor(bias))
        if dense is not None:
            network.dense.weight.copy_(torch.tensor(dense.T.copy()))
    return network


def tensors_of(network):
    """Keras's tensors of a network."""
    lstm = network.lstm
    tensors = {
        "embedding/embeddings": network.embedding.weight,
        "lstm/lstm_cell/kernel": lstm.weight_ih_l0.T,
        "lstm/lstm_cell/recurrent_kernel": lstm.weight_hh_l0.T,
        "lstm/lstm_cell/bias": lstm.bias_ih_l0 + lstm.bias_hh_l0,
        "dense/kernel": network.dense.weight.T,
        "dense/bias": network.bias,
    }
    return {name: x.detach().numpy().astype("<f4") for name, x in tensors.items()}


def shares(network, tensors, metadata, classes):
    """The distribution of what comes after classes (numbers), oldest first: of the network, mixed with popularity."""
    longest = int(metadata["max_length"])
    token = [1 + c for c in classes][-longest:]
    if metadata.get("mask") == "false":
        token = [0] * (longest - len(token)) + token
    with torch.no_grad():
        logits = network(torch.tensor([token]))[0]
    if "mixture/weights" not in tensors:
        return torch.softmax(logits, 0).numpy()
    experts = metadata["experts"].split(",")
    temperature = float(tensors["mixture/temperature"][experts.index("lstm")])
    known = sum(len(classes) >= at for at in (2, 4, 8, 16))
    weight = dict(zip(experts, tensors["mixture/weights"][known].tolist()))
    own, popular = weight.pop("lstm"), weight.pop("popularity")
    if any(weight.values()):
        sys.exit("there are other experts in the model: train it with model => 'lstm'")
    return own * torch.softmax(logits / temperature, 0).numpy() + popular * tensors["popularity"]


# ---- what is asked for


def wave(n, offset, *shape):
    return torch.tensor(0.5 * np.sin(0.7 * np.arange(1, n + 1) + offset)).reshape(shape)


def known():
    network = Network(5, 3, 4, 3)
    with torch.no_grad():
        network.embedding.weight.copy_(wave(15, 0.1, 5, 3))
        network.lstm.weight_ih_l0.copy_(wave(48, 0.2, 3, 16).T)
        network.lstm.weight_hh_l0.copy_(wave(64, 0.3, 4, 16).T)
        network.lstm.bias_ih_l0.copy_(torch.tensor([0.0] * 4 + [1.0] * 4 + [0.0] * 8))
        network.lstm.bias_hh_l0.zero_()
        network.dense.weight.copy_(wave(12, 0.4, 4, 3).T)
    network.lstm.bias_hh_l0.requires_grad = False
    token, target = torch.tensor([[1, 2, 3], [4, 0, 2], [2, 2, 1]]), torch.tensor([0, 2, 1])
    trained = [p for p in network.parameters() if p.requires_grad]
    names = [name for name, p in network.named_parameters() if p.requires_grad]
    m, v = ([torch.zeros_like(p) for p in trained] for _ in range(2))
    print("h1", network.lstm(network.embedding(token[:1]))[0][0, -1].tolist())
    for row in torch.softmax(network(token), 1).tolist():
        print("p ", row)
    for step in range(1, 12):
        network.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(token), target)
        if step in (1, 11):
            print(f"cross-entropy after {step - 1} steps of Adam: {loss.item():.16f}")
        loss.backward()
        if step == 1:
            for name, p in zip(names, trained):
                print(f"norm of the gradient of {name}: {p.grad.norm().item():.16f}")
        adam(trained, m, v, step, 0.01)


def adam(parameters, m, v, step, rate):
    """With Keras's epsilon beside the root of the moment as it is, not corrected for its bias."""
    rate *= np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    with torch.no_grad():
        for p, first, second in zip(parameters, m, v):
            first.mul_(0.9).add_(p.grad, alpha=0.1)
            second.mul_(0.999).addcmul_(p.grad, p.grad, value=0.001)
            p.addcdiv_(first, second.sqrt() + 1e-7, value=-rate)


def check(export, cases):
    tensors, metadata = read_safetensors(export)
    network, ids = network_of(tensors), class_ids(tensors)
    number = {name: i for i, name in enumerate(ids)}
    worst = asked = 0
    for line in open(cases):
        case = json.loads(line)
        expected = shares(network, tensors, metadata, [number[name] for name in case["history"]])
        for name, share in case["shares"].items():
            worst = max(worst, abs(share - expected[number[name]]))
            asked += 1
    print(f"{asked} probabilities, largest difference from PyTorch {worst:.1e}")
    return 0 if asked > 0 and worst <= TOLERANCE else 1


def make(export, out, cases):
    tensors, metadata = read_safetensors(export)
    ids = class_ids(tensors)
    torch.manual_seed(1)
    network = Network(len(ids) + 1, 24, 40, len(ids))
    kept = {name: x for name, x in tensors.items() if name.startswith("classes/")}
    metadata = {name: metadata[name] for name in ("format", "version", "target", "max_length")}
    made = tensors_of(network)
    write_safetensors(out, {**made, **kept}, metadata)
    network = network_of(made)
    rng = np.random.default_rng(1)
    with open(cases, "w") as file:
        for length in (1, 2, 7, int(metadata["max_length"]), int(metadata["max_length"]) + 3):
            history = rng.integers(0, len(ids), length)
            given = shares(network, {}, metadata, history)
            line = {"history": [ids[c] for c in history], "shares": dict(zip(ids, given.tolist()))}
            file.write(json.dumps(line) + "\n")


COMMANDS = {"known": (known, 0), "check": (check, 2), "make": (make, 3)}

if __name__ == "__main__":
    torch.set_num_threads(1)
    command, wanted = COMMANDS.get(sys.argv[1] if len(sys.argv) > 1 else "", (None, 0))
    if command is None or len(sys.argv) != 2 + wanted:
        sys.exit(__doc__)
    sys.exit(command(*sys.argv[2:]))
