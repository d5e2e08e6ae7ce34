#!/usr/bin/python3
"""The item vectors of src/core/svd.c in numpy and scipy: the same algorithm as a good engineer would write it.

usage: svd.py PAIRS DIMS RUNS [--compare FILE]
       svd.py --generate PAIRS

Prints the median of the CPU seconds per run, reading excluded, and the share of the squared Frobenius norm explained.
With --compare, reads the result that test/bench/svd_bench wrote, computes the decomposition with scipy.sparse.linalg.svds to
machine precision, and prints how far both are from it.  --generate writes pairs of 6,000 users and 3,000 items in 40 groups, for
want of a data set.
"""
import argparse
import time

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg


def read_pairs(path):
    pairs = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.int64, usecols=(0, 1))
    shape = pairs.max(axis=0) + 1
    return sp.csr_matrix((np.ones(len(pairs), np.float32), (pairs[:, 0], pairs[:, 1])), shape=shape)


def generate(path, users=6000, items=3000, groups=40, seed=0):
    """Users with a lognormal number of items, of popularity by rank, mostly from three groups of their own."""
    rng = np.random.default_rng(seed)
    group = rng.integers(groups, size=items)
    popularity = 1 / (10 + rng.permutation(items)) ** 0.8
    with open(path, "w") as file:
        file.write("user,item\n")
        for user in range(users):
            own = np.isin(group, rng.integers(groups, size=3))
            weight = popularity * np.where(own, 1, 0.1)
            count = int(np.clip(rng.lognormal(4.5, 0.9), 5, items // 3))
            for item in np.sort(rng.choice(items, count, replace=False, p=weight / weight.sum())):
                file.write(f"{user},{item}\n")


def scale(x, row_scale=0.25, col_scale=0.25):
    """A = Du^-a X Di^-b"""
    rows = np.maximum(np.diff(x.indptr), 1).astype(np.float32) ** -row_scale
    cols = np.maximum(np.bincount(x.indices, minlength=x.shape[1]), 1).astype(np.float32) ** -col_scale
    return (sp.diags(rows) @ x @ sp.diags(cols)).tocsr().astype(np.float32)


def svd_items(x, dims, oversample=16, iterations=4, seed=0):
    """Subspace iteration on A'A (Halko, Martinsson & Tropp 2011, algorithm 4.4) and Rayleigh-Ritz."""
    a = scale(x)
    at = a.T.tocsr()
    rng = np.random.default_rng(seed)
    q = rng.standard_normal((a.shape[1], dims + oversample), dtype=np.float32)
    for _ in range(iterations):
        q = scipy.linalg.qr(at @ (a @ q), mode="economic", check_finite=False)[0]
    aq = a @ q
    value, u = np.linalg.eigh((aq.T @ aq).astype(np.float64))
    value, u = value[::-1][:dims], u[:, ::-1][:, :dims]
    v = q @ u.astype(np.float32)
    sigma = np.sqrt(np.maximum(value, 0))
    largest = v[np.abs(v).argmax(axis=0), np.arange(dims)]
    v *= np.where(largest < 0, -1, 1).astype(np.float32)
    return v, sigma, float((sigma**2).sum() / (a.data.astype(np.float64) ** 2).sum())


def subspace_angle(v, exact):
    """Sine of the largest principal angle between two subspaces."""
    v = np.linalg.qr(v.astype(np.float64))[0]
    return np.linalg.norm(v - exact @ (exact.T @ v), 2)


def report(name, v, sigma, exact_v, exact_sigma):
    dims = v.shape[1]
    wide = v.astype(np.float64)
    print(f"{name}: |V'V - I| {np.abs(wide.T @ wide - np.eye(dims)).max():.1e},"
          f" relative error of sigma {np.abs(sigma / exact_sigma - 1).max():.1e},"
          f" sine of the angle to the exact space of 16 {subspace_angle(v[:, :16], exact_v[:, :16]):.1e},"
          f" of {dims // 2} {subspace_angle(v[:, :dims // 2], exact_v[:, :dims // 2]):.1e},"
          f" of {dims} {subspace_angle(v, exact_v):.1e}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pairs")
    parser.add_argument("dims", type=int, nargs="?", default=64)
    parser.add_argument("runs", type=int, nargs="?", default=5)
    parser.add_argument("--compare")
    parser.add_argument("--generate", action="store_true")
    args = parser.parse_args()
    if args.generate:
        generate(args.pairs)
        return
    x = read_pairs(args.pairs)
    seconds = []
    for _ in range(args.runs):
        start = time.process_time()
        v, sigma, explained = svd_items(x, args.dims)
        seconds.append(time.process_time() - start)
    print(f"{np.median(seconds):.4f} {explained:.6f}")
    if args.compare:
        raw = open(args.compare, "rb").read()
        size = x.shape[1] * args.dims * 4
        ours = np.frombuffer(raw[:size], np.float32).reshape(-1, args.dims)
        our_sigma = np.frombuffer(raw[size:], np.float64)
        a = scale(x).astype(np.float64)
        _, s, vt = scipy.sparse.linalg.svds(a, k=args.dims, tol=1e-12, random_state=0)
        order = np.argsort(-s)
        s, exact = s[order], vt[order].T
        print(f"exact: explained {(s**2).sum() / (a.data**2).sum():.6f}")
        report("uiml", ours, our_sigma, exact, s)
        report("numpy", v, sigma, exact, s)


if __name__ == "__main__":
    main()
