"""Models of every shape to export, and the required accuracy of other programs."""

import shutil
import subprocess
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

import fastnn
from fastnn.results.model import Model
from fastnn.results.scaling import Scaling
from fastnn.spec.activations import BY_NAME, NAMES

TOLERANCES = {"float64": 1e-12, "float32": 1e-6}
LABELS = {
    "words": lambda n: [f"grün {i}" for i in range(n)],
    "whole": lambda n: [2**40 - i for i in range(n)],
    "real": lambda n: [i / 3 for i in range(n)],
    "bools": lambda n: [True, False],
}
COMPILER = shutil.which("cc")
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic"]


def random_model(
    sizes, activation, *, bias=True, dtype="float64", members=1, inputs=False, outputs=False,
    labels=None, seed=0, gain=1.0, **options,
):  # fmt: skip
    """A model whose layers, with a gain of 1, neither amplify nor dampen much."""
    rng = np.random.default_rng(seed)
    net = fastnn.Network(sizes, activation, bias)

    def layer(n_in, n_out):
        weights = rng.uniform(-1, 1, (n_in, n_out)) * gain / np.sqrt(n_in)
        return [weights.ravel(), rng.uniform(-gain, gain, n_out * bias)]

    parameters = np.stack(
        [np.concatenate([part for pair in pairwise(sizes) for part in layer(*pair)])
         for _ in range(members)]
    )  # fmt: skip
    scaling = {
        name: Scaling(rng.normal(0, 100, count), rng.uniform(0.1, 10, count))
        for name, count, asked in (("inputs", sizes[0], inputs), ("outputs", sizes[-1], outputs))
        if asked
    }
    classes = None if labels is None else LABELS[labels](max(2, sizes[-1]))
    return Model(net, parameters.astype(dtype), **scaling, classes=classes, **options)


@st.composite
def models(draw, **fixed):
    """Random architectures, ensembles, scalings and labels."""
    sizes = draw(st.lists(st.integers(1, 7), min_size=2, max_size=5))
    activation = [draw(st.sampled_from([*BY_NAME])) for _ in sizes[2:]]
    activation.append(draw(st.sampled_from(NAMES)))
    labels = draw(st.sampled_from([None, *LABELS]))
    if labels == "bools" and sizes[-1] > 2:
        labels = "words"
    options = {
        "bias": draw(st.booleans()),
        "dtype": draw(st.sampled_from([*TOLERANCES])),
        "members": draw(st.integers(1, 3)),
        "inputs": draw(st.booleans()),
        "outputs": draw(st.booleans()) and labels is None,
        "labels": labels,
        "seed": draw(st.integers(0, 2**32)),
    }
    return random_model(sizes, activation, **{**options, **fixed})


def samples(model, n=9, seed=1):
    """Typical inputs of the model, of its dtype."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, model.network.sizes[0]))
    return (X if model.inputs is None else model.inputs.undo(X)).astype(model.dtype)


def expected_of(model, X):
    """The expected outputs of other programs: shares, or numbers."""
    return model.evaluate(X) if model.classes is None else model.scores(X)


def in_deviations(model, X):
    """The largest input in standard deviations, at least 1: what float32 rounds."""
    if model.dtype == np.float64:
        return 1.0
    return max(1.0, np.abs(X if model.inputs is None else X / model.inputs.scale).max())


def assert_agree(model, X, found, amplified=1.0):
    """Assert that `found` is what the model predicts, to the promised accuracy."""
    expected = expected_of(model, X)
    assert found.shape == expected.shape
    unit = 1.0 if model.outputs is None else model.outputs.scale
    off = np.abs(found - expected) / np.maximum(unit, np.abs(expected))
    assert off.max() <= amplified * TOLERANCES[model.dtype.name], model


def assert_labels(model, X, found, shares, amplified=1.0):
    """Assert that labels belong to the largest share, and are the model's own except for ties."""
    places = (np.asarray(found)[:, np.newaxis] == model.classes).argmax(axis=1)
    chosen = shares[np.arange(len(X)), places]
    equal = 0 if model.dtype == np.float64 else 1e-6  # the inputs of shares tell more apart
    np.testing.assert_allclose(chosen, shares.max(axis=1), rtol=equal, atol=0)
    own = np.sort(model.scores(X), axis=1)
    clear = own[:, -1] - own[:, -2] > 1e-5 * amplified
    np.testing.assert_array_equal(np.asarray(found)[clear], model.predict(X)[clear])


MAIN = """
#include <stdio.h>
#include "NAME.h"
int main(void)
{
    REAL x[NAME_INPUTS], y[NAME_OUTPUTS];
    int j;
    while (fread(x, sizeof x, 1, stdin) == 1) {
        NAME_predict(x, y);
        for (j = 0; j < NAME_OUTPUTS; j++)
            printf("%a ", (double)y[j]);
        EXTRA
        printf("\\n");
    }
    return 0;
}
"""
CLASSIFY = 'printf("%d", NAME_classify(x));'


def main_for(model, name="model", dtype=None):
    """A program that reads samples and prints what the model's header makes of them."""
    real = "double" if (dtype or model.dtype.name) == "float64" else "float"
    extra = "" if model.classes is None else CLASSIFY
    return MAIN.replace("EXTRA", extra).replace("NAME", name).replace("REAL", real)


def compiled(source, folder, *, language="c99", flags=()):
    """Compile a program without a warning."""
    program, file = folder / "program", folder / "program.c"
    file.write_text(source)
    kind = ["-std=c99"] if language == "c99" else ["-x", "c++", "-std=c++17"]
    done = subprocess.run(
        [COMPILER, *kind, *WARNINGS, *flags, str(file), "-o", str(program), "-lm"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return program


def c_predicts(program, X):
    """Run a program of `main_for` on samples of its type; returns numbers and classes' indices."""
    done = subprocess.run([str(program)], input=X.tobytes(), capture_output=True, timeout=300)
    assert done.returncode == 0
    rows = [line.split() for line in done.stdout.decode().splitlines()]
    numbers = [[float.fromhex(text) for text in row if "x" in text or "n" in text] for row in rows]
    classes = [int(row[-1]) for row in rows if row[-1].isdigit()]
    return np.array(numbers), np.array(classes)
