"""An encoding with columns of every kind, rows for it, and models that have it."""

import numpy as np
import pytest
from export_examples import random_model

import fastnn
from fastnn.results.scaling import Scaling
from fastnn.tabular.cells import cells_of
from fastnn.tabular.encoding import Column, Encoding

COLUMNS = [
    Column("size [m²]"),
    Column("age", fill=41.5, indicator=True),
    Column("speed", fill=-2.25),
    Column("smokes", ["No", "Yes"]),
    Column("car", ["", "real NAME"]),
    Column("kind", ["LEAK*/", "b", "", "größer"]),
    Column("one", ["only"]),
    Column("LARGEST", ["1", "2.5", "?!", "100"]),
]
ENCODING = Encoding(COLUMNS)
ROWS = [
    [1.5, 30, 4, "Yes", "real NAME", "b", "only", "1"],
    [-2.0, None, None, "No", None, None, "only", "?!"],
    [3e5, np.nan, 7.5, " Yes", "", "größer", "other", "100"],
    [0.0, 41, 0, "perhaps", "none", "LEAK*/", "only", 2.5],
    [1.0, "?", "12", "no", "bus", "c", "only", 1],
]
SEEN = [
    [1.5, 30, 0, 4, 1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0],
    [-2.0, 41.5, 1, -2.25, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0],
    [3e5, 41.5, 1, 7.5, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    [0.0, 41, 0, 0, 0.5, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0],
    [1.0, 41.5, 1, 12, 0.5, 0.5, 0, 0, 0, 0, 1, 1, 0, 0, 0],
]


def model_of(dtype="float64", labels="words", encoding=ENCODING, scaled=True, members=2):
    """A model of random weights with an encoding."""
    n_in, n_out = len(encoding.inputs), 3 if labels else 2
    plain = random_model(
        [n_in, 5, n_out], ["tanh", "softmax" if labels else "identity"], dtype=dtype,
        labels=labels, members=members, seed=n_in,
    )  # fmt: skip
    scale = Scaling(np.linspace(-1, 1, n_in), np.linspace(0.5, 2, n_in)) if scaled else None
    return fastnn.Model(
        plain.network, plain.parameters, inputs=scale, classes=plain.classes, encoding=encoding
    )


def objects(rows):
    table = np.empty((len(rows), len(rows[0])), dtype=object)
    table[:] = rows
    return table


def frame_of(rows, names=ENCODING.names):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({name: [row[i] for row in rows] for i, name in enumerate(names)})


def cells_in(rows):
    return cells_of(objects(rows), ENCODING.names)[0]
