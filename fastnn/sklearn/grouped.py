"""The base of estimators with a network for each group of rows."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_y, check_is_fitted, validate_data

from ..results.model import Model
from ..results.models import Models
from ..results.scaling import Scaling
from ..spec.status import Status
from ..support.checks import shown
from ..support.group_labels import listed
from .base import BaseMLP
from .group_column import Split, check_column, split_groups
from .group_problem import GroupRows, alpha_of_groups, group_rows, train_groups
from .group_scaling import Scales, scales_of
from .numbers_only import OF_INPUTS
from .outcome import warn_of_groups
from .stored import Stored

OWN = ("groups", "scaling", "fallback")
SCALINGS = ("group", "common")
MOST = 0.5
"""The share of groups above which a fit warns of best restarts that were still improving."""


class GroupedMLP(Stored):
    """The base of both estimators with groups, whose docstrings describe the parameters."""

    groups: str | int
    scaling: str
    fallback: bool
    kind: ClassVar[type[BaseMLP]]
    """The estimator without groups, which knows the parameters and makes the fallback."""
    models_: Models

    def _single(self, **others: Any) -> Any:
        """The estimator without groups, with the same parameters."""
        given = {name: v for name, v in self.get_params(deep=False).items() if name not in OWN}
        single = self.kind(**given | {"shuffle": False} | others)
        single._inner_of = type(self).__name__
        search = getattr(self, "_search", None)
        if search is not None:
            single._search = search
        return single

    def _check(self, single: Any) -> None:
        check_column(self.groups)
        if not isinstance(self.scaling, str) or self.scaling not in SCALINGS:
            raise ValueError(
                f"scaling: expected 'group', a scale for each group, or 'common', got "
                f"{shown(self.scaling)}"
            )
        if not isinstance(self.fallback, bool | np.bool_):
            raise TypeError(f"fallback: expected True or False, got {shown(self.fallback)}")
        single._check()

    def _scales_targets(self, single: Any) -> bool:
        """Return whether the networks predict scaled targets."""
        return False

    def _targets(self, single: Any, y: Any) -> np.ndarray:
        """Convert `y` to the networks' targets (n, n_out); sets the attributes about them."""
        raise NotImplementedError

    def _counted(self) -> dict[str, Any]:
        """Parameters of the fallback, whose weights of samples have all factors already."""
        return {}

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train `n_restarts` networks for each group from random starts, and keep its best.

        Parameters
        ----------
        X : (n, n_features) array or data frame
            One column holds the groups, all others are numbers.
        y : (n,) or (n, n_outputs) array
        sample_weight : (n,) array of float, optional
            Non-negative, not all 0.  Rows of weight 0 are left out.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If a parameter or the data are invalid, before any training; if all restarts of a group
            diverged, and there is no fallback.

        Warns
        -----
        FitWarning
            If all restarts of a group diverged, so that the fallback predicts its rows.
        ConvergenceWarning
            If the best restart of most groups was still improving at `max_iter`.
        """
        single = self._single()
        self._check(single)
        labels, inputs, names, by = self._split(X, reset=True)
        if y is None:
            raise ValueError(
                f"y: expected targets; {type(self).__name__} requires y to be passed, but the "
                "target y is None"
            )
        y = _check_y(single._given(y), multi_output=True, y_numeric=False, estimator=self)
        check_consistent_length(inputs, y)
        targets = self._targets(single, y)
        weights = single._weights(sample_weight, inputs, targets)
        every = group_rows(inputs, targets, weights, labels)
        self._train(single, every, y, {"features": names}, by)
        return self

    def _split(self, X: Any, *, reset: bool) -> Split:
        """The groups and the features of inputs, all checked."""
        found = split_groups(X, self.groups, OF_INPUTS.format(name=type(self).__name__))
        validate_data(self, X, skip_check_array=True, reset=reset)
        if found.features.shape[1] == 0:
            raise ValueError("X: expected features beside the column of groups, got n_features=1")
        return found

    def _train(
        self, single: Any, every: GroupRows, y: np.ndarray, names: dict[str, Any], by: str | None
    ) -> None:
        """Train and store the networks; `single` has the parameters, and knows the targets."""
        data = every.with_weight()
        seed, threads, epochs = single._seed(), single._threads(), single._epochs()
        targets = data.targets if self._scales_targets(single) else None
        common = scales_of(data.X, targets, data.weights)
        scales = common
        if self.scaling == "group":
            scales = scales_of(data.X, targets, data.weights, data.codes)
        seen = data.scaled(scales)
        alpha = alpha_of_groups(single, seen, epochs=epochs, seed=seed, threads=threads)
        runs = train_groups(
            single, seen, alpha, restarts=int(self.n_restarts), epochs=epochs, seed=seed,
            threads=threads, progress=bool(self.verbose),
        )  # fmt: skip
        best = runs.best_of_groups(missing=-1)
        gone = best < 0
        if gone.all() or (gone.any() and not self.fallback):
            raise ValueError(
                "learning_rate_init: expected a finite loss, got one that is not finite in all "
                f"restarts of the groups {listed(runs.group_labels[gone].tolist())}; use smaller "
                "values, or another solver"
            )
        fallback = self._fallback(every.scaled(common), y, common, names, seed)
        single.network_ = runs.network
        meaning = names | single._meaning()
        if scales.targets is not None:
            meaning["outputs"] = scales.targets
        self.models_ = runs.models(inputs=scales.inputs, by=by, fallback=fallback, **meaning)
        self.by_group_ = runs.by_group()
        self.alpha_ = alpha
        kept = best[~gone]
        self.n_iter_ = int(runs.epochs[kept].max())
        unfinished = runs.status[kept] == Status.EPOCH_LIMIT
        search = getattr(self, "_search", None)
        warn_of_groups(bool(gone.any()), bool(unfinished.mean() > MOST), search)

    def _fallback(
        self, data: GroupRows, y: np.ndarray, scales: Scales, names: dict[str, Any], seed: int
    ) -> Model | None:
        """The model of all rows, for other groups, if there should be one."""
        if not self.fallback:
            return None
        assert isinstance(scales.inputs, Scaling)
        if scales.targets is not None:
            y = data.targets if data.targets.shape[1] > 1 else data.targets[:, 0]
        single = self._single(random_state=seed, **self._counted()).fit(data.X, y, data.weights)
        meaning = names | single._meaning()
        if scales.targets is not None:
            meaning["outputs"] = scales.targets
        return Model(single.network_, single.parameters_, inputs=scales.inputs, **meaning)

    def _predicted(self, method: str, X: Any) -> np.ndarray:
        """Call a method of `models_` for the rows of inputs."""
        check_is_fitted(self, "models_")
        found = self._split(X, reset=False)
        if self.models_.fallback is None:
            unknown = [label for label in found.labels if label not in self.models_]
            if unknown:
                raise ValueError(
                    f"X: expected groups of the {len(self.models_):,} that were fitted, got "
                    f"{listed(list(dict.fromkeys(unknown)))}; leave such rows out, or use "
                    "fallback=True"
                )
        outputs: np.ndarray = getattr(self.models_, method)(found.features, found.labels)
        return outputs
