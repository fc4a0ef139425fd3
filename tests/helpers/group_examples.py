"""Groups of rows for tests, and the comparison of their restarts with `train` on a group alone."""

import numpy as np
from conftest import bits

import fastnn

NET = fastnn.Network([3, 4, 1], activation=["tanh", "identity"])


def data_of(sizes, n_in=3, n_out=1, seed=0):
    """Inputs, targets and labels of groups of these sizes, whose rows lie in random order."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    X = rng.normal(size=(len(labels), n_in))
    return X, rng.uniform(0.1, 0.9, size=(len(labels), n_out)), labels


def validation_of(sizes, n_in=3, n_out=1, seed=1):
    """The same as a validation set, whose groups have from one row to five."""
    more = np.random.default_rng(seed).integers(1, 6, size=len(sizes))
    return data_of(more, n_in, n_out, seed)


def assert_alone(runs, X, y, labels, net=NET, some=None, **arguments):
    """Assert that restarts have the bits of `train` on the rows of their group alone."""
    weights, held = arguments.pop("sample_weight", None), arguments.pop("validation", None)
    for position in range(len(runs)) if some is None else some:
        rows = labels == runs.group[position]
        if isinstance(weights, np.ndarray):
            arguments["sample_weight"] = weights[rows]
        elif weights is not None:
            arguments["sample_weight"] = weights
        if held is not None:
            own = held[2] == runs.group[position]
            arguments["validation"] = held[0][own], held[1][own]
        r = int(runs.restart_in_group[position])
        alone = fastnn.train(net, X[rows], y[rows], restart=r, **arguments)
        for name in ("parameters", "state"):
            np.testing.assert_array_equal(
                bits(runs.columns[name][position]), bits(getattr(alone, name))
            )
        np.testing.assert_array_equal(
            bits(runs.loss[position]), bits(runs.loss.dtype.type(alone.loss))
        )
        assert (runs.epochs[position], runs.status[position]) == (alone.epochs, alone.status)
