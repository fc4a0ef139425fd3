"""Models of groups of every shape to export, and rows of their groups."""

import numpy as np
from export_examples import models as model_examples
from hypothesis import strategies as st

import fastnn

LABELS = {
    "text": lambda n: [["grün", "", "a b", 'c"?\\', "Z", "zz"][i] for i in range(n)],
    "integers": lambda n: [[7, -(2**63), 2**63 - 1, 0, -5, 1000][i] for i in range(n)],
}


@st.composite
def groups(draw, fallback=None, **fixed):
    """Models of up to six groups like a random model, each with a network and scales of its own."""
    like = draw(model_examples(members=1, **fixed))
    n = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shares = rng.normal(size=(n, like.network.n_parameters)) / 4
    parameters = (like.parameters + shares).astype(like.dtype)
    own = draw(st.booleans())
    scaled = {}
    for name in ("inputs", "outputs"):
        scaling = getattr(like, name)
        if scaling is not None and own:
            scaled[name] = [
                fastnn.Scaling(scaling.mean + rng.normal(size=len(scaling.mean)),
                               scaling.scale * rng.uniform(0.5, 2, len(scaling.mean)))
                for _ in range(n)
            ]  # fmt: skip
        else:
            scaled[name] = scaling
    labels = LABELS[draw(st.sampled_from([*LABELS]))](n)
    return fastnn.Models(
        like.network, parameters, labels, **scaled, classes=like.classes,
        fallback=like if (draw(st.booleans()) if fallback is None else fallback) else None,
    )  # fmt: skip


def rows_of(models, n=9, seed=2, unknown=False):
    """Typical inputs, and the label of each row; with `unknown`, some are no group's."""
    rng = np.random.default_rng(seed)
    labels = [list(models)[i] for i in rng.integers(0, len(models), n)]
    X = rng.normal(size=(n, models.network.sizes[0]))
    rows = [
        x if models.inputs is None else models[label].inputs.undo(x[np.newaxis])[0]
        for x, label in zip(X, labels, strict=True)
    ]
    if unknown:
        labels[::3] = ["?" if isinstance(labels[0], str) else 99] * len(labels[::3])
    return np.array(rows).astype(models.dtype), labels


def unit_of(models, labels):
    """The scale of the outputs in each row."""
    if models.outputs is None:
        return 1.0
    return np.array([model_of(models, label).outputs.scale for label in labels])


def model_of(models, label):
    """The model that predicts rows of a label."""
    try:
        return models[label]
    except KeyError:
        return models.fallback
