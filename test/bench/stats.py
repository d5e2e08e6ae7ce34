"""The vectors of test/bench/stats, and numpy's statistics of them.

stats.py generate ROWS DIMS: pairs as binary COPY, to stdout
stats.py products DIMS: of pairs by binary COPY on stdin, the seconds of everything, of products of all rows, and of blocks of 33 rows
stats.py version
"""

import struct
import sys
import time

import numpy as np
from scipy.linalg.blas import dgemm, dsyrk

BLOCK = 33


def row_type(d):
    """A pair: of each interest_vector its bytes, int16 dimensions, int16 zero and float4 elements, all big-endian."""
    vector = [("length", ">i4"), ("dim", ">i2"), ("zero", ">i2"), ("x", ">f4", (d,))]
    return np.dtype([("fields", ">i2"), ("a", vector), ("b", vector)])


def generate(n, d):
    rng = np.random.default_rng(1)
    out = sys.stdout.buffer
    out.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
    for first in range(0, n, 10000):
        rows = np.zeros(min(10000, n - first), row_type(d))
        rows["fields"] = 2
        for side in "ab":
            rows[side]["length"], rows[side]["dim"] = 4 + 4 * d, d
            rows[side]["x"] = rng.standard_normal((len(rows), d), dtype=np.float32)
        rows.tofile(out)
    out.write(struct.pack(">h", -1))


def add_products(x, y, cxx, cxy, cyy):
    """x.T of a row-major x is what BLAS calls column-major, so nothing is copied."""
    dsyrk(1, x.T, 1, cxx, overwrite_c=1)
    dsyrk(1, y.T, 1, cyy, overwrite_c=1)
    dgemm(1, x.T, y.T, 1, cxy, trans_b=1, overwrite_c=1)


def zeros(d):
    return [np.zeros((d, d), order="F") for _ in range(3)]


def products(d):
    start = time.perf_counter()
    data = sys.stdin.buffer.read()
    rows = np.frombuffer(data, row_type(d), count=(len(data) - 21) // row_type(d).itemsize, offset=19)
    x, y = (rows[side]["x"].astype(float) for side in "ab")
    x -= x.mean(axis=0)
    y -= y.mean(axis=0)
    read = time.perf_counter()
    add_products(x, y, *zeros(d))
    end = time.perf_counter()
    block = zeros(d)
    blocks = time.perf_counter()
    for first in range(0, len(x), BLOCK):
        add_products(x[first : first + BLOCK], y[first : first + BLOCK], *block)
    print(end - start, end - read, time.perf_counter() - blocks)


if sys.argv[1] == "generate":
    generate(int(sys.argv[2]), int(sys.argv[3]))
elif sys.argv[1] == "products":
    products(int(sys.argv[2]))
else:
    print(f"numpy {np.__version__}")
