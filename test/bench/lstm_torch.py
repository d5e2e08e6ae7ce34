"""Times steps of training an LSTM in PyTorch: embedding, nn.LSTM, linear, cross-entropy, Adam, on the CPU.

usage: lstm_torch.py THREADS SECONDS SHAPE...
Shapes are those of lstm_bench.c; targets "sampled" and "one" are left out.  Tokens lie ready in tensors of the order that
nn.LSTM likes best (time-major).  Lines of output are "SHAPE torch-THREADS STEPS/S".
"""
import sys
import time

import torch
import torch.nn.functional as F

BATCHES = 32


def train(vocabulary, embedding, hidden, steps, sequences, targets, seconds):
    embed = torch.nn.Embedding(vocabulary, embedding)
    lstm = torch.nn.LSTM(embedding, hidden)
    dense = torch.nn.Linear(hidden, vocabulary - 1)
    optimizer = torch.optim.Adam([p for m in (embed, lstm, dense) for p in m.parameters()], 1e-3, eps=1e-7)
    tokens = [torch.randint(1, vocabulary, (steps, sequences)) for _ in range(BATCHES)]
    classes = [torch.randint(0, vocabulary - 1, (steps, sequences)) for _ in range(BATCHES)]
    done, start = 0, 0
    while done < 10 or time.perf_counter() - start < seconds:
        h, _ = lstm(embed(tokens[done % BATCHES]))
        target = classes[done % BATCHES]
        h, target = (h[-1], target[-1]) if targets == "last" else (h.flatten(0, 1), target.flatten())
        loss = F.cross_entropy(dense(h), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if done == 4:  # what is made at first
            start = time.perf_counter()
        done += 1
    return steps * sequences * (done - 5) / (time.perf_counter() - start)


def main():
    threads, seconds = int(sys.argv[1]), float(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    for shape in sys.argv[3:]:
        *sizes, targets = shape.split(":")
        if targets in ("last", "all"):
            print(shape, f"torch-{threads}", f"{train(*map(int, sizes), targets, seconds):.0f}", flush=True)


main()
