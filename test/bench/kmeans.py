"""The vectors of test/bench/kmeans, and scikit-learn's k-means on them.

kmeans.py generate FOLDER ROWS DIMS K: points.npy, init.npy, and both as binary COPY of interest_vector
kmeans.py fit FOLDER K START SEED: seconds and inertia of 20 iterations; START: init or k-means++
kmeans.py version
"""

import struct
import sys
import time

import numpy as np


def write_copy(path, x):
    """interest_vector's binary form is int16 dimensions, int16 zero and float4 elements, all big-endian."""
    n, d = x.shape
    row = np.dtype([("fields", ">i2"), ("length", ">i4"), ("dim", ">i2"), ("zero", ">i2"), ("x", ">f4", (d,))])
    rows = np.zeros(n, row)
    rows["fields"], rows["length"], rows["dim"], rows["x"] = 1, 4 + 4 * d, d, x
    with open(path, "wb") as file:
        file.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
        rows.tofile(file)
        file.write(struct.pack(">h", -1))


def generate(folder, n, d, k):
    rng = np.random.default_rng(1)
    means = rng.standard_normal((150, d), dtype=np.float32)
    x = means[rng.integers(0, len(means), n)] + rng.standard_normal((n, d), dtype=np.float32)
    init = x[rng.choice(n, k, replace=False)]
    np.save(f"{folder}/points.npy", x)
    np.save(f"{folder}/init.npy", init)
    write_copy(f"{folder}/points.copy", x)
    write_copy(f"{folder}/init.copy", init)


def fit(folder, k, start, seed):
    from sklearn.cluster import KMeans

    x = np.load(f"{folder}/points.npy")
    init = np.load(f"{folder}/init.npy") if start == "init" else start
    model = KMeans(k, algorithm="lloyd", n_init=1, max_iter=20, tol=0, init=init, random_state=seed)
    began = time.perf_counter()
    model.fit(x)
    print(f"{time.perf_counter() - began:.3f} {model.inertia_:.17g}")


def version():
    import sklearn

    print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}")


if sys.argv[1] == "generate":
    generate(sys.argv[2], *map(int, sys.argv[3:6]))
elif sys.argv[1] == "fit":
    fit(sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
else:
    version()
