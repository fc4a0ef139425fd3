"""The supported versions of Numba: the kernels use internals, which may change at any time."""

import re

import numba

OLDEST, BELOW = (0, 68), (0, 69)
"""Bounds as in pyproject.toml; `test_numba.py` tries the oldest and the newest version."""


def check_numba(version: str) -> None:
    """Raise ImportError unless this version of Numba is supported."""
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if not OLDEST <= numbers < BELOW:
        low, high = (".".join(map(str, bound)) for bound in (OLDEST, BELOW))
        raise ImportError(
            f"numba: expected a version from {low} to below {high}, since fastnn uses Numba's "
            f"internals, got {version}; run: python -m pip install 'numba>={low},<{high}'"
        )


check_numba(numba.__version__)
