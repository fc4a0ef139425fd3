"""Advice where data hold texts or gaps: estimators take numbers, as scikit-learn's own do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

ADVICE = (
    "encode texts and fill gaps first, with a pipeline such as make_pipeline(make_column_"
    "transformer((OneHotEncoder(handle_unknown='ignore'), [names of columns]), "
    "remainder=SimpleImputer(strategy='median')), {name}())"
)


@contextmanager
def numbers_only(name: str) -> Iterator[None]:
    """Add advice to scikit-learn's errors about texts; `name` is that of the estimator."""
    try:
        yield
    except ValueError as error:
        if "could not convert string to float" not in str(error):
            raise
        raise ValueError(f"X: expected numbers: {error}; {ADVICE.format(name=name)}") from error
