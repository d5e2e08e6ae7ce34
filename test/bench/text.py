"""Judges the vectors that test/bench/text wrote, and scikit-learn's, by their ten nearest neighbours."""
import csv
import sys
import time

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

QUERIES = 4000
K = 10


def nearest(x, among):
    """Queries, drawn from among, and the K nearest of each by inner product, itself left out."""
    x = x[among]
    queries = np.random.default_rng(0).permutation(len(x))[:QUERIES]
    scores = x[queries] @ x.T
    scores[np.arange(len(queries)), queries] = -np.inf
    return among[queries], among[np.argpartition(-scores, K, axis=1)[:, :K]]


def agreement(x, category):
    queries, found = nearest(x, np.arange(len(x)))
    return (category[found] == category[queries][:, None]).mean()


def co_use(x, users):
    among = np.flatnonzero(np.diff(users.indptr) >= 5)
    queries, found = nearest(x, among)
    return np.mean([np.asarray(users[queries].multiply(users[found[:, k]]).sum(1)).mean() for k in range(K)])


def read_users(path, item_ids):
    number = {item: i for i, item in enumerate(item_ids)}
    rows, cols, users = [], [], {}
    with open(path, newline="") as file:
        for event in csv.DictReader(file):
            if event["item_id"] in number:
                rows.append(number[event["item_id"]])
                cols.append(users.setdefault(event["user_id"], len(users)))
    x = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, cols)), shape=(len(item_ids), len(users)))
    x.data[:] = 1
    x = (x @ sp.diags(1 / np.sqrt(1 + np.asarray(x.sum(0)).ravel()))).tocsr()
    norm = np.sqrt(np.asarray(x.multiply(x).sum(1)).ravel())
    return (sp.diags(1 / np.maximum(norm, 1e-9)) @ x).tocsr()


def main(folder, events):
    with open(f"{folder}/headlines.csv", newline="") as file:
        headlines = list(csv.reader(file))
    with open(f"{folder}/films.csv", newline="") as file:
        films = list(csv.reader(file))
    category = np.unique([row[0] for row in headlines], return_inverse=True)[1]
    users = read_users(events, [row[0] for row in films])

    def line(name, dims, whitening, x, y, train, embed):
        print(f"{name:<17}{dims:>6}  {whitening:<9}{agreement(x, category):>10.4f}{co_use(y, users):>10.4f}"
              f"{train:>10}{embed:>12}", flush=True)

    print(f"{len(headlines)} headlines of {category.max() + 1} categories, {len(films)} films")
    print(f"{'encoder':<17}{'dims':>6}  {'whitening':<9}{'headlines':>10}{'films':>10}{'train s':>10}{'embed us':>12}")
    settings = [("builtin", "256", "none", "", "")]
    with open(f"{folder}/times") as file:
        for row in file:
            kind, dims, whitening, seconds, millis = row.split()
            settings.append((kind, dims, whitening, f"{float(seconds):.2f}",
                             f"{1000 * float(millis) / len(headlines):.1f}"))
    for kind, dims, whitening, seconds, micros in settings:
        x, y = (np.loadtxt(f"{folder}/{name}-{kind}-{dims}-{whitening}", np.float32, delimiter=",", ndmin=2)
                for name in ("headlines", "films"))
        line("zh-tiny, random" if kind == "zh-tiny" else kind, dims, whitening, x, y, seconds, micros)
    for dims in (64, 128, 256):
        vectors = []
        took = []
        for texts in ([row[1] for row in headlines], [row[1] for row in films]):
            start = time.perf_counter()
            tfidf = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2)
            z = TruncatedSVD(dims, random_state=0).fit_transform(tfidf.fit_transform(texts)).astype(np.float32)
            took.append(time.perf_counter() - start)
            vectors.append(z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-9))
        line("scikit-learn", dims, "none", *vectors, f"{took[0]:.2f}", "")
    random = np.random.default_rng(1).normal(size=(max(len(headlines), len(films)), 64)).astype(np.float32)
    line("random", 64, "none", random[:len(headlines)], random[:len(films)], "", "")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
