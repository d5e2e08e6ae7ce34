# cold.py DATA OUT SEED [VECTORS ...]
#	  Random order, and ridge from TF-IDF and SVD of texts to out-vectors in numpy, on the items and users in OUT; or variants
#	  with the text vectors in files of an item and its numbers, separated by commas.
import csv
import os
import sys

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

data, out, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
events = np.loadtxt(data + "/events.csv", delimiter=",", skiprows=1, dtype=int)
items = list(csv.DictReader(open(data + "/items.csv", encoding="utf-8")))
cold = np.loadtxt(out + "/cold.csv", dtype=int)
targets = np.loadtxt(out + "/targets.csv", delimiter=",", dtype=int)
n_items = max(events[:, 1].max(), max(int(r["item_id"]) for r in items)) + 1
text = [""] * n_items
for r in items:
    text[int(r["item_id"])] = r["title"] + " " + r["genres"]

warm = events[~np.isin(events[:, 1], cold)]
x = sp.csr_matrix((np.ones(len(warm), np.float32), (warm[:, 0], warm[:, 1])), (events[:, 0].max() + 1, n_items))
users_of = np.asarray(x.sum(0)).ravel()
rows = np.maximum(np.asarray(x.sum(1)).ravel(), 1) ** -0.25
factor = np.maximum(users_of, 1) ** 0.25
_, _, v = randomized_svd(sp.diags(rows) @ x @ sp.diags(1 / factor), 64, n_iter=6, random_state=seed)
known = users_of > 0
user_vectors = x @ (v.T / factor[:, None])
out_vectors = v.T * factor[:, None]



def tfidf_vectors(dims):
    t = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+").fit_transform(text)
    _, _, axes = randomized_svd(t, dims, random_state=seed)
    z = t @ axes.T
    return z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-9)


def read_vectors(name):
    rows = np.array([line.replace("\\", "").split(",") for line in open(name)], dtype=float)
    z = np.zeros((n_items, rows.shape[1] - 1))
    z[rows[:, 0].astype(int)] = rows[:, 1:]
    return z


def place(z, y, weight):
    """Cold items' rows of y by ridge from z, its penalty by generalised cross-validation."""
    weight = weight / weight.mean()
    mean_z, mean_y = np.average(z[known], 0, weight), np.average(y, 0, weight)
    root = np.sqrt(weight)[:, None]
    zc, yc = root * (z[known] - mean_z), root * (y - mean_y)
    values, q = np.linalg.eigh(zc.T @ zc)
    values = np.maximum(values, 0)
    p = q.T @ (zc.T @ yc)

    def gcv(penalty):
        damped = values + penalty
        rss = (yc**2).sum() - 2 * ((p**2).sum(1) / damped).sum() + (values * (p**2).sum(1) / damped**2).sum()
        return rss / (1 - (1 + (values / damped).sum()) / len(zc)) ** 2

    penalty = min(values.mean() * np.logspace(-4, 4, 25), key=gcv)
    return (z[cold] - mean_z) @ (q @ (p / (values + penalty)[:, None])) + mean_y


users = np.unique(targets[:, 0])
position = {item: i for i, item in enumerate(cold)}
relevant = np.zeros((len(users), len(cold)), bool)
relevant[np.searchsorted(users, targets[:, 0]), [position[i] for i in targets[:, 1]]] = True
discount = 1 / np.log2(np.arange(2, 102))


def ndcg(score):
    top = np.argsort(-score, axis=1, kind="stable")[:, :100]
    gain = (np.take_along_axis(relevant, top, 1) * discount).sum(1)
    best = np.cumsum(discount)[np.minimum(relevant.sum(1), 100) - 1]
    return (gain / best).mean()


def variants(name):
    """A text vector's cosines, and its ridges to out-vectors and to v, by weights."""
    z = read_vectors(name)
    what = os.path.basename(name).replace("vectors_lsa_", "").replace("_", ", ")
    what = what.rjust(len("1024, relaxed"))
    c = users_of[known]
    print(f"1 {what}: cosine|{seed}|{ndcg((x @ z)[users] @ z[cold].T)}")
    for target, y in (("out", out_vectors[known]), ("v", v.T[known])):
        for weight, w in (("1", np.ones(len(c))), ("c / (c + 1)", c / (c + 1)), ("c / (c + 10)", c / (c + 10))):
            print(f"2 {what}: ridge to {target}, {weight}|{seed}|{ndcg(user_vectors[users] @ place(z, y, w).T)}")


for name in sys.argv[4:]:
    variants(name)
if len(sys.argv) > 4:
    sys.exit()
print(f"1 random order|{seed}|{ndcg(np.random.default_rng(seed).random(relevant.shape))}")
for dims in (256, 512):
    placed = place(tfidf_vectors(dims), out_vectors[known], np.ones(known.sum()))
    print(f"7 ridge in numpy, {dims}|{seed}|{ndcg(user_vectors[users] @ placed.T)}")
