"""Errors where data hold no numbers: estimators take numbers alone, as scikit-learn's own do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..support.frames import columns_of_dates, listed

OF_INPUTS = (
    "encode texts and fill gaps first, with a pipeline such as make_pipeline(make_column_"
    "transformer((OneHotEncoder(handle_unknown='ignore'), [names of columns]), "
    "remainder=SimpleImputer(strategy='median')), {name}())"
)
OF_TARGETS = "classes are for MLPClassifier"
OF_DATES = "make numbers of dates and times first, such as the days since the first one"
# What NumPy says of a text, and of another object.
TEXT, OBJECT = "could not convert string to float", "float() argument must be"


@contextmanager
def numbers_only(argument: str, value: Any, advice: str) -> Iterator[None]:
    """Refuse dates, which NumPy converts in silence, and add advice to errors about other cells.

    Parameters
    ----------
    argument : str
        Its name.
    value : array, data frame, or anything
    advice : str

    Raises
    ------
    TypeError, ValueError
        If there are dates, or if the block converts what is not a number: ValueError for a text
        or a date, TypeError for any other object.
    """
    names = columns_of_dates(argument, value)
    if names or getattr(getattr(value, "dtype", None), "kind", "") in ("M", "m"):
        where = f" in {listed(names)}" if names else ""
        raise ValueError(f"{argument}: expected numbers, got dates or times{where}; {OF_DATES}")
    try:
        yield
    except (TypeError, ValueError) as error:
        if TEXT not in str(error) and OBJECT not in str(error):
            raise
        if TEXT in str(error):
            raise ValueError(f"{argument}: expected numbers: {error}; {advice}") from error
        if "date" in str(error):
            raise ValueError(f"{argument}: expected numbers: {error}; {OF_DATES}") from error
        raise TypeError(f"{argument}: expected numbers: {error}") from error


def as_numbers(y: Any) -> np.ndarray:
    """Convert the targets of a regression; ValueError if they are no numbers."""
    with numbers_only("y", y, OF_TARGETS):
        return np.asarray(y, dtype=np.float64)
