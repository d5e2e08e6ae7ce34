"""Judges the vectors that test/bench/distill wrote by their ten nearest neighbours."""
import csv
import sys

import numpy as np

K = 10


def nearest(x, n):
    queries = np.random.default_rng(0).permutation(len(x))[:n]
    scores = x[queries] @ x.T
    scores[np.arange(len(queries)), queries] = -np.inf
    return queries, np.argpartition(-scores, K, axis=1)[:, :K]


def jaccard(sets, queries, found):
    names = sorted({name for row in sets for name in row})
    has = np.array([[name in row for name in names] for row in sets], np.float32)
    common = np.take_along_axis(has[queries] @ has.T, found, 1)
    size = has.sum(1)
    return (common / (size[queries][:, None] + size[found] - common)).mean()


def main(folder, n):
    labels = {}
    for name in ("products", "titles", "films"):
        with open(f"{folder}/{name}.csv", newline="") as file:
            labels[name] = [set(row[0].split("|")) for row in csv.reader(file)]
    print(f"{'encoder':<12}" + "".join(f"{name:>10}{'':>8}" for name in labels))
    teacher = {}
    for encoder in ("minilm", "distilled", "words", "lsa", "hash"):
        line = f"{encoder:<12}"
        for name, sets in labels.items():
            x = np.loadtxt(f"{folder}/{name}-{encoder}", np.float32, delimiter=",", ndmin=2)
            value = jaccard(sets, *nearest(x, n))
            teacher.setdefault(name, value)
            line += f"{value:>10.4f}{100 * value / teacher[name]:>6.1f} %"
        print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
