"""The base of classifier and regressor: from scikit-learn's parameters to a job, and back."""

from __future__ import annotations

import numbers
import os
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
from joblib.parallel import get_active_backend
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..job.build import make_job
from ..kernels.predict import predict
from ..optimizers import Optimizer
from ..results.judge import Judge
from ..results.model import Model
from ..results.runs import Runs
from ..results.verdict import is_worse_than, loss_of_constant
from ..rules.validation import Validation
from ..spec.losses import Penalized
from ..spec.network import Network
from ..spec.status import Status
from ..support.checks import shown
from ..support.machine import available_threads
from ..training import train_many
from .checking import check_parameters, members
from .curves import Curves, Replay
from .numbers_only import OF_INPUTS, numbers_only
from .of_batches import OfBatches
from .outcome import warn_of_outcome
from .parameters import ACTIVATIONS, solver_of
from .penalty import alpha_of
from .problem import problem_of
from .selection import Selection, best_of, best_restarts
from .stored import Stored


def _dense(X: Any) -> np.ndarray:
    return X.toarray() if hasattr(X, "toarray") else X


class BaseMLP(Curves, Stored):
    """The base of both estimators, whose docstrings describe the parameters."""

    hidden_layer_sizes: Any
    activation: str
    solver: str | Optimizer
    alpha: float | str
    batch_size: int | str
    max_iter: int
    max_fun: int
    random_state: Any
    verbose: bool
    warm_start: bool
    early_stopping: bool
    validation_fraction: float
    n_restarts: int
    halving: bool
    n_estimators: int | None
    n_jobs: int | None
    _inner_of: str | None = None
    """The name of the estimator with groups for which this one works, if any."""

    def __getstate__(self) -> Any:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_replay"}

    def _check(self) -> None:
        """Raise unless all parameters are valid."""
        check_parameters(self)

    def _given(self, y: Any) -> Any:
        """Convert a list of labels so that none is changed; anything else is left as it is."""
        return y

    def _targets(self, y: Any, classes: Any = None) -> np.ndarray:
        """Convert `y` to the network's targets (n, n_out); sets the attributes about classes."""
        raise NotImplementedError

    def _objective(self, penalty: float) -> tuple[Penalized, str, float]:
        """Loss, output activation, and the ratio of the loss to scikit-learn's.

        `penalty` is the factor of the squared weights in scikit-learn's loss.
        """
        raise NotImplementedError

    def _strata(self, targets: np.ndarray) -> np.ndarray | None:
        """Classes whose shares a split of the samples should keep, or None."""
        return None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train `n_restarts` networks from random starts, and average the best.

        Parameters
        ----------
        X : (n, n_features) array, sparse matrix or data frame of float
        y : (n,) or (n, n_outputs) array
        sample_weight : (n,) array of float, optional
            Non-negative, not all 0.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If a parameter or the data are invalid, before any training.

        Warns
        -----
        FitWarning
            If the best restart diverged, or ends above the loss of the best constant prediction.
        ConvergenceWarning
            If it was still improving at `max_iter`.
        """
        self._check()
        before = self._before() if self.warm_start else None
        inputs, y = self._validated(X, y, reset=before is None)
        targets = self._targets(y, None if before is None else getattr(self, "classes_", None))
        weights = self._weights(sample_weight, inputs, targets)
        keep = bool(self.warm_start)
        self._train(inputs, targets, weights, self._epochs(), before, keep=keep)
        return self

    @OfBatches
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train all restarts for one epoch on these data, and keep the best.

        Parameters
        ----------
        X : (n, n_features) array, sparse matrix or data frame of float
        y : (n,) or (n, n_outputs) array
        sample_weight : (n,) array of float, optional

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, None, sample_weight)

    def _partial_fit(self, X: Any, y: Any, classes: Any, sample_weight: Any) -> Any:
        self._check()
        if self.early_stopping:
            raise ValueError("early_stopping: expected False with partial_fit, got True")
        before = self._before()
        inputs, y = self._validated(X, y, reset=before is None)
        known = None if before is None else getattr(self, "classes_", None)
        if classes is not None and known is not None and set(classes) != set(known):
            raise ValueError(
                f"classes: expected {known.tolist()}, as in the first call, got {shown(classes)}"
            )
        targets = self._targets(y, classes if known is None else known)
        weights = self._weights(sample_weight, inputs, targets)
        self._train(inputs, targets, weights, 1, before, keep=True, judged=False)
        return self

    def _before(self) -> Runs | np.ndarray | None:
        """The state from which training continues: all restarts, or a fit's kept parameters."""
        runs: Runs | None = getattr(self, "_runs", None)
        return getattr(self, "parameters_", None) if runs is None else runs

    def _validated(self, X: Any, y: Any, *, reset: bool) -> tuple[np.ndarray, Any]:
        with self._numbers_only(X):
            X, y = validate_data(
                self, X, self._given(y), accept_sparse=["csr", "csc"], multi_output=True,
                dtype=np.float64, reset=reset,
            )  # fmt: skip
        return _dense(X), y

    def _numbers_only(self, X: Any) -> AbstractContextManager[None]:
        return numbers_only("X", X, OF_INPUTS.format(name=type(self).__name__))

    def _epochs(self) -> int:
        """The most epochs; those of "lbfgs" are evaluations, which `max_fun` limits too."""
        limited = isinstance(self.solver, str) and self.solver == "lbfgs"
        return int(min(self.max_iter, self.max_fun) if limited else self.max_iter)

    def _weights(self, sample_weight: Any, X: np.ndarray, targets: np.ndarray) -> np.ndarray | None:
        if sample_weight is None:
            return None
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weights.sum() > 0:
            raise ValueError("sample_weight: expected weights with a sum above 0, got 0")
        return weights

    def _split(
        self, X: np.ndarray, targets: np.ndarray, weights: np.ndarray | None, seed: int
    ) -> tuple[Any, ...]:
        """The samples to train on and to validate on, each with their weights."""
        rows = np.arange(len(X)) if weights is None else np.flatnonzero(weights)
        try:
            train, held = train_test_split(
                rows, test_size=self.validation_fraction, random_state=seed % 2**32,
                stratify=self._strata(targets[rows]),
            )  # fmt: skip
        except ValueError as error:
            raise ValueError(
                "early_stopping: expected enough samples to hold out the share validation_fraction="
                f"{self.validation_fraction:g} of them, of every class, got {len(rows)}: {error}"
            ) from error
        own, theirs = (None, None) if weights is None else (weights[train], weights[held])
        return X[train], targets[train], own, (X[held], targets[held]), theirs

    def _train(
        self,
        X: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray | None,
        epochs: int,
        before: Runs | np.ndarray | None,
        *,
        keep: bool,
        judged: bool = True,
    ) -> None:
        """Train, and store the result; with `keep` all of it, to continue training.

        If not `judged`, all epochs are trained, without rules.
        """
        solver, seed, validation, held_weights = solver_of(self.solver), self._seed(), None, None
        threads, progress = self._threads(), bool(self.verbose)
        alpha = alpha_of(self, X, targets, weights, epochs=epochs, seed=seed, threads=threads)
        if self.early_stopping:
            X, targets, weights, validation, held_weights = self._split(X, targets, weights, seed)
        net, options = problem_of(
            self, X, targets, weights, alpha=alpha, epochs=epochs, seed=seed,
            validation=validation, judged=judged,
        )  # fmt: skip
        runs, restarts = self._going_on(net, options, before)
        judge = None
        if validation is not None:
            held, theirs = validation
            plain = replace(options["loss"], l2=0.0, l1=0.0)
            judge = Judge(net, plain, held, theirs, held_weights)
        count = members(self)
        if keep:
            made: Runs = train_many(
                net, X, targets, restarts=restarts, keep="all", continue_from=runs,
                threads=threads, progress=progress, **options,
            )  # fmt: skip
            best = best_of(made, count, judge)
            self._runs = made
            self._asked: int = int(self.n_restarts)
        else:
            job = make_job(net, X, targets, restarts=int(self.n_restarts), **options)
            best = best_restarts(
                job,
                count,
                halving=bool(self.halving and not solver.by_gradient),
                threads=threads,
                progress=progress,
                score=judge,
            )
            self.__dict__.pop("_runs", None)
        given = options["sample_weight"]
        constant = loss_of_constant(options["loss"], targets, given)
        least = constant if judge is None else judge.of_constant(targets, given)
        self._keep(net, best.without_stuck(least))
        self.alpha_ = alpha
        self._replay = None
        for name in ("_loss_curve", "_validation_scores"):
            self.__dict__.pop(name, None)
        if before is None:
            self._replay = Replay(net, X, targets, options, held_weights)
        self.best_validation_score_ = None
        if validation is not None:
            outputs = predict(net, self.parameters_[:1], validation[0])[0]
            self.best_validation_score_ = self._score(outputs, validation[1], held_weights)
        if judged:
            worse = is_worse_than(self.loss_, constant)
            warn_of_outcome(
                self.status_, worse, getattr(self, "_search", None), self.solver,
                inner=self._inner_of is not None,
            )  # fmt: skip

    def _going_on(
        self, net: Network, options: dict[str, Any], before: Runs | np.ndarray | None
    ) -> tuple[Runs | None, int | None]:
        """Arguments of `train_many` for continued training: the runs, and the number of restarts.

        If the optimizer cannot continue, `options` start from the previous parameters.
        """
        restarts: int | None = int(self.n_restarts)
        if before is not None and self.network_ != net:
            raise ValueError(
                f"warm_start: expected data and parameters of {self.network_!r}, got {net!r}"
            )
        if isinstance(before, Runs) and self._asked != restarts:
            raise ValueError(
                f"n_restarts: expected {self._asked}, as before, to continue, got {restarts}"
            )
        runs = before if isinstance(before, Runs) and self._same_kind(before, options) else None
        if runs is not None:
            restarts = None
            options |= {"seed": runs.job.seed, "parallel": runs.job.parallel, "init": None}
        elif before is not None:  # the optimizer starts anew
            options["init"] = before.parameters if isinstance(before, Runs) else before
            restarts = len(options["init"])
        return runs, restarts

    def _same_kind(self, before: Runs, options: dict[str, Any]) -> bool:
        """Return whether training can continue with the optimizer's memory."""
        rules = (*before.job.rules, *(options["stop"] or ()))
        same = type(before.job.optimizer) is type(options["optimizer"])
        return same and not any(isinstance(rule, Validation) for rule in rules)

    def _keep(self, net: Network, best: Selection) -> None:
        self.network_ = net
        self.parameters_ = best.parameters
        self.coefs_, self.intercepts_ = net.unpack(best.parameters[0])
        self.n_layers_ = len(net.sizes)
        self.n_outputs_ = net.sizes[-1]
        names = {own: name for name, own in ACTIVATIONS.items()}
        self.out_activation_ = names.get(net.activation[-1], net.activation[-1])
        self.restarts_ = best.indices
        self.restart_losses_ = best.losses
        self.loss_ = float(best.loss[0])
        self.best_loss_ = None if self.early_stopping else self.loss_
        self.n_iter_ = int(best.epochs[0])
        self.status_ = Status(int(best.status[0]))

    def _seed(self) -> int:
        if isinstance(self.random_state, numbers.Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31))

    def _threads(self) -> int:
        """Number of threads for a fit; a joblib worker takes no more than its share."""
        cpus = available_threads()
        if self.n_jobs is not None:
            return self.n_jobs if self.n_jobs > 0 else max(1, cpus + 1 + self.n_jobs)
        if get_active_backend()[0].nesting_level == 0:
            return cpus
        # A joblib worker: its processes know their share, its threads do not.
        share = os.environ.get("NUMBA_NUM_THREADS", "")
        return max(1, min(cpus, int(share))) if share.isdecimal() else 1

    def _inputs(self, X: Any) -> np.ndarray:
        """Check inputs of a fitted estimator."""
        check_is_fitted(self, "parameters_")
        with self._numbers_only(X):
            return _dense(
                validate_data(self, X, accept_sparse=["csr", "csc"], dtype=np.float64, reset=False)
            )

    def _model(self, **meaning: Any) -> Model:
        return Model(self.network_, self.parameters_, **meaning)

    def to_model(self) -> Model:
        """Convert to a `fastnn.Model`, which can be saved and exported.

        Returns
        -------
        Model
        """
        check_is_fitted(self, "parameters_")
        return self._model(features=self._feature_names(), **self._meaning())

    def _meaning(self) -> dict[str, Any]:
        return {}

    def _feature_names(self) -> list[str] | None:
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else [str(name) for name in names]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
