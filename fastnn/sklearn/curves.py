"""The best restart's losses and scores, epoch by epoch: it is trained again when they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..kernels.predict import predict
from ..spec.network import Network
from ..training import train, train_many


@dataclass(frozen=True)
class Replay:
    """The arguments of a fit, in memory only."""

    net: Network
    X: np.ndarray
    targets: np.ndarray
    options: dict[str, Any]
    held_weights: np.ndarray | None
    """Weights of the samples in ``options["validation"]``."""


class Curves:
    """The attributes `loss_curve_` and `validation_scores_` of an estimator."""

    _replay: Replay | None
    restarts_: np.ndarray

    def _score(self, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None) -> float:
        """Compute the score of outputs, as `score` does."""
        raise NotImplementedError

    @property
    def loss_curve_(self) -> list[float]:
        """The loss of the best restart after each of its epochs, the last being `loss_`."""
        if not hasattr(self, "_loss_curve"):
            replay = self._again("loss_curve_")
            run = train(
                replay.net, replay.X, replay.targets, restart=int(self.restarts_[0]),
                **replay.options,
            )  # fmt: skip
            assert run.history is not None
            self._loss_curve: list[float] = run.history[1:].tolist()
        return self._loss_curve

    @property
    def validation_scores_(self) -> list[float] | None:
        """The best restart's score on the validation set after each of its epochs, or None."""
        if not hasattr(self, "_validation_scores"):
            replay = self._again("validation_scores_")
            held = replay.options["validation"]
            self._validation_scores = None if held is None else self._scores(replay, *held)
        return self._validation_scores

    def _scores(self, replay: Replay, X: np.ndarray, targets: np.ndarray) -> list[float]:
        options = {**replay.options, "validation": None, "stop": None, "epochs": 1}
        start: dict[str, Any] = {"restarts": 1, "first": int(self.restarts_[0])}
        scores = []
        for _ in self.loss_curve_:
            runs: Any = train_many(
                replay.net, replay.X, replay.targets, keep="all", threads=1, **start, **options
            )
            outputs = predict(replay.net, runs.parameters, X)[0]
            scores.append(self._score(outputs, targets, replay.held_weights))
            start = {"continue_from": runs}
            options |= {"init": None, "parallel": runs.job.parallel}
        return scores

    def _again(self, name: str) -> Replay:
        check_is_fitted(self, "parameters_")
        replay: Replay | None = getattr(self, "_replay", None)
        if replay is None:
            raise AttributeError(
                f"{name}: expected an estimator fitted at once in this process, got one that was "
                "continued or loaded; read it before, or fit again"
            )
        return replay
