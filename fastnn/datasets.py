"""Small classic data sets, as pairs of float64 arrays ``X (n, n_in)`` and ``y (n, n_out)``."""

import numpy as np

__all__ = ["xor"]


def __dir__() -> list[str]:
    return __all__


def xor() -> tuple[np.ndarray, np.ndarray]:
    """The truth table of exclusive or.

    Returns
    -------
    X : (4, 2) array of float64
        The inputs 00, 01, 10, 11.
    y : (4, 1) array of float64
        1 where the inputs differ.
    """
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float64)
    y = np.array([[0], [1], [1], [0]], dtype=np.float64)
    return X, y
