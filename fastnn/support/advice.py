"""Warnings about training that cannot succeed, or did not."""

from __future__ import annotations

import sys
import warnings

PACKAGE = __name__.partition(".")[0]
REMEDY = (
    "a smaller learning rate, scaled data, loss='mse' for many samples, or optimizer='rprop' helps"
)
"""Remedies for a training run that diverged."""


class TrainingWarning(UserWarning):
    """Training cannot give a useful network, or did not give one; the text says what helps.

    It is given for targets that the output's activation never reaches, by `train` for a run that
    diverged with a learning rate that nobody has chosen, and by the estimators and the command line
    for a best network that diverged or is worse than a constant.
    """


def warn(text: str, category: type[Warning] = TrainingWarning) -> None:
    """Warn at the line outside of this package whose call led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_own(str(frame.f_globals.get("__name__", ""))):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)


def _is_own(module: str) -> bool:
    return module == PACKAGE or module.startswith(f"{PACKAGE}.")
