"""The common parts of the docstrings of estimators with groups."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

from sklearn.base import is_regressor

from .parameters import documented

PARAMETERS = """groups : str or int
        Name or index of the column of X that holds the groups, such as shops or sensors: numbers,
        texts, or anything hashable.  It is no feature.
    scaling : "group" or "common", default "group"
        Networks see {seen} with mean 0 and standard deviation 1: in each group,
        or in all rows together.  Where a group is constant, the deviation is that of all rows.
    fallback : bool, default True
        If True, an `{kind}` is trained on all rows, and predicts rows of groups that are
        unknown, or whose networks diverged.  If False, unknown groups are an error.
    alpha : float or "auto", default "auto"
        Penalty on the squares of the weights, as in scikit-learn, for each group by its own number
        of rows.  "auto" is chosen as by `{kind}`: with "lbfgs", if a fifth of each group's
        rows, rounded down, are at least 20 in all, these are held out, and the one of 0.0001, 0.03,
        3 and 10 with which the groups' networks predict them best is used.
    n_restarts : int, default 10
        Number of networks to train for each group, of which that of lowest loss is kept."""
ATTRIBUTES = """models_ : fastnn.Models
        The best network of each group, and the fallback, in the units of the data.  It can be saved
        and exported.
    by_group_ : table
        The outcomes, as ``Runs.by_group()`` returns them, with losses as the networks were trained.
    alpha_ : float
        The penalty that was used for the groups.
    n_iter_ : int
        The most epochs of a group's network.
    n_features_in_ : int
        Number of columns of X, with that of the groups.
    feature_names_in_ : array of str
        Their names, in a data frame.

    Raises
    ------
    TypeError, ValueError
        From `fit`, before any training: if a parameter or the data are invalid.

    Warns
    -----
    FitWarning, ConvergenceWarning
        From `fit`: of networks that diverged, or were still improving at `max_iter`."""


def documented_with_groups(kind: Any) -> Any:
    """Fill in the common parts of an estimator's docstring."""
    seen = "features and targets" if is_regressor(kind.kind()) else "features"
    parameters = cleandoc(PARAMETERS).format(seen=seen, kind=kind.kind.__name__)
    text = cleandoc(kind.__doc__).replace("{groups}", parameters)
    kind.__doc__ = text.replace("{attributes}", cleandoc(ATTRIBUTES))
    return documented(kind)
