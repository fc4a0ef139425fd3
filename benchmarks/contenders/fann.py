"""FANN, the Fast Artificial Neural Network Library, driven from C, one network after another.

Its neurons always have a bias, so it does the works with biases.  Its batch training averages
over the samples, leaves out the factor 2, and keeps the rate in single precision, whatever the
number type.  By design it also computes the derivative of a sigmoid as though its value lay in
0.01 … 0.99 (of tanh in -0.98 … 0.98), so saturated units move differently.  `prepare` therefore
first holds it against NumPy with the same bounds, to 1e-9 (float32: 1e-3).  Against the others its
final SSE differs by up to a hundredth, and has no bound for XOR, where the paths part.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from works import Work

from contenders import Contender, Train

DRIVER = Path(__file__).with_name("fann_driver.c")


@cache
def driver(dtype: str) -> ctypes.CDLL:
    """The compiled driver; raises CalledProcessError if it cannot be compiled."""
    options = ["-DFANN_DOUBLE", "-ldoublefann"] if dtype == "float64" else ["-lfann"]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/driver.so"
        command = ["cc", "-O3", "-shared", "-fPIC", DRIVER, "-o", path, *options]
        subprocess.run(command, check=True, capture_output=True)
        library = ctypes.CDLL(path)
    library.create.restype = library.data.restype = ctypes.c_void_p
    return library


def needs() -> str | None:
    if shutil.which("cc") is None:
        return "no C compiler"
    try:
        driver("float64")
    except (subprocess.CalledProcessError, OSError):
        return "libdoublefann (Debian: libfann-dev) not installed"
    return None


BOUNDED_SLOPES = {
    "sigmoid": lambda a: (c := np.clip(a, np.float32(0.01), np.float32(0.99))) * (1 - c),
    "tanh": lambda a: 1 - np.clip(a, np.float32(-0.98), np.float32(0.98)) ** 2,
    "identity": lambda a: 1,
}
FUNCTIONS = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "identity": lambda z: z,
}


def expected(work: Work, start: np.ndarray, rate: np.float32) -> float:
    """FANN's final SSE of one network, by NumPy."""
    X, y = work.arrays
    parameters = start.copy()
    weights, biases = work.net.unpack(parameters)  # views
    functions = [FUNCTIONS[name] for name in work.net.activation]
    slopes = [BOUNDED_SLOPES[name] for name in work.net.activation]
    step = parameters.dtype.type(rate / np.float32(len(X)))
    for epoch in range(work.epochs + 1):
        outputs = [X]
        for W, b, function in zip(weights, biases, functions, strict=True):
            outputs.append(function(outputs[-1] @ W + b))
        error = outputs[-1] - y
        if epoch == work.epochs:
            break
        delta = error * slopes[-1](outputs[-1])
        for layer in range(work.net.depth - 1, -1, -1):
            gradient = outputs[layer].T @ delta
            biases[layer] -= step * delta.sum(axis=0)
            if layer:
                delta = delta @ weights[layer].T * slopes[layer - 1](outputs[layer])
            weights[layer] -= step * gradient
    return float(np.vdot(error, error))


def prepare(work: Work, restarts: int) -> Train:
    library = driver(work.dtype)
    X, y = (np.ascontiguousarray(a) for a in work.arrays)
    sizes = np.array(work.net.sizes, dtype=np.uint32)
    # Neuron by neuron: its weights, then its bias.
    ours = work.start(restarts)
    starts = np.array(
        [
            np.concatenate([np.vstack([W, b]).T.ravel() for W, b in zip(*parts, strict=True)])
            for parts in map(work.net.unpack, ours)
        ]
    )
    rates = (2 * len(X) * work.learning_rates(restarts)).astype(np.float32)
    codes = "".join(name[0] for name in work.net.activation).encode()

    def at(array: np.ndarray) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    net = ctypes.c_void_p(library.create(len(sizes), at(sizes), codes))
    samples = ctypes.c_void_p(library.data(*X.shape, y.shape[1], at(X), at(y)))

    def train() -> np.ndarray:
        sse = np.empty(restarts)
        library.train(net, samples, restarts, at(starts), at(rates), work.epochs, at(sse))
        return sse

    np.testing.assert_allclose(
        train()[:2],
        [expected(work, *pair) for pair in zip(ours[:2], rates[:2], strict=True)],
        rtol=1e-9 if work.dtype == "float64" else 1e-3,
    )
    return train


CONTENDERS = [
    Contender(
        "fann", "FANN, batch training", "peer", needs,
        {
            "W3": 200, "W3-float32": 200, "W3-one": 1, "W4": 50, "W4-float32": 50, "W4-one": 1,
            "W5": 2, "W5-float32": 2, "W5-one": 1, "W6": 2, "W6-float32": 2,
            "W6-one": 1, "W6-one-float32": 1,
        },
        prepare, tolerance=0.03,
    ),
    Contender(
        "fann xor", "FANN, batch training, slopes bounded (other path)", "peer", needs,
        {"W2b": 500}, prepare, tolerance=np.inf,
    ),
]  # fmt: skip
