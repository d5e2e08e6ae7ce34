#!/usr/bin/python3
"""Rankings of unseen users in numpy, on splits written by the `quality` script next to this file.

Reads train.csv (user,item), seen.csv and hidden.csv (user,item of the judged users) from a directory and prints, for
each method, Recall@20 and NDCG@100 as uiml defines them: full ranking of all items but the seen ones,
Recall@k over min(k, hidden), NDCG@k over the best DCG of min(k, hidden) hits.
"""
import sys
import time

import numpy as np
import scipy.sparse as sp


def read(path):
    rows = np.loadtxt(path, delimiter=",", dtype=np.int64, ndmin=2)
    return rows[:, 0], rows[:, 1]


def matrix(users, items, n_items):
    names, index = np.unique(users, return_inverse=True)
    ones = np.ones(len(items), dtype=np.float32)
    return names, sp.csr_matrix((ones, (index, items)), shape=(len(names), n_items))


def scaled_svd(x, d, a=0.25, b=0.25, oversample=16, iterations=4, seed=0):
    """Randomised subspace iteration on A'A with A = Du^-a X Di^-b; returns in- and out-vectors of the items."""
    du = np.asarray(x.sum(1)).ravel()
    di = np.asarray(x.sum(0)).ravel()
    scale = np.where(di > 0, np.maximum(di, 1.0) ** b, 1.0)
    A = (sp.diags(np.maximum(du, 1.0) ** -a) @ x @ sp.diags(1.0 / scale)).tocsr().astype(np.float32)
    At = A.T.tocsr()
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((x.shape[1], d + oversample)).astype(np.float32))[0]
    for _ in range(iterations):
        Q = np.linalg.qr(At @ (A @ Q))[0]
    Z = A @ Q
    value, vector = np.linalg.eigh(Z.T.astype(np.float64) @ Z)
    V = (Q @ vector[:, ::-1][:, :d]).astype(np.float32)
    return V / scale[:, None], V * scale[:, None]


def ease(x, penalty=500.0):
    gram = (x.T @ x).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += penalty
    P = np.linalg.inv(gram)
    B = -P / np.diag(P)
    np.fill_diagonal(B, 0.0)
    return B.astype(np.float32)


def judge(scores, seen, hidden):
    """Per-user Recall@20 and NDCG@100."""
    scores = scores.copy()
    scores[seen.nonzero()] = -np.inf
    top = np.argpartition(-scores, 100, axis=1)[:, :100]
    order = np.argsort(-np.take_along_axis(scores, top, 1), axis=1, kind="stable")
    top = np.take_along_axis(top, order, 1)
    hit = np.take_along_axis(hidden.toarray() > 0, top, 1)
    n = np.asarray((hidden > 0).sum(1)).ravel()
    recall = hit[:, :20].sum(1) / np.minimum(20, n)
    discount = 1.0 / np.log2(np.arange(2, 102))
    ideal = np.cumsum(discount)[np.minimum(100, n) - 1]
    return recall, (hit * discount).sum(1) / ideal


def main(directory, dims):
    tu, ti = read(f"{directory}/train.csv")
    su, si = read(f"{directory}/seen.csv")
    hu, hi = read(f"{directory}/hidden.csv")
    n_items = int(max(ti.max(), si.max(), hi.max())) + 1
    _, x = matrix(tu, ti, n_items)
    judged = np.unique(hu)
    keep = np.isin(su, judged)
    names, seen = matrix(su[keep], si[keep], n_items)
    assert (names == judged).all()
    _, hidden = matrix(hu, hi, n_items)
    popularity = np.asarray(x.sum(0)).ravel()
    table = {"popularity": np.tile(popularity, (len(judged), 1)).astype(np.float32)}
    start = time.process_time()
    v_in, v_out = scaled_svd(x, dims)
    svd_seconds = time.process_time() - start
    table[f"svd {dims} numpy"] = (seen @ v_in) @ v_out.T
    start = time.process_time()
    B = ease(x)
    ease_seconds = time.process_time() - start
    table["ease numpy"] = seen @ B
    for name, scores in table.items():
        recall, ndcg = judge(np.asarray(scores, dtype=np.float32), seen, hidden)
        print(f"{name}|{recall.mean():.6f}|{ndcg.mean():.6f}")
    print(f"# cpu seconds: svd {svd_seconds:.2f}, ease {ease_seconds:.2f}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
