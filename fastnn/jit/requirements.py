"""Which Numba works: the kernels need parts of it that are not public, and may change any time."""

import re

import numba

OLDEST, BELOW = (0, 68), (0, 69)
"""As in pyproject.toml; `tests/test_numba.py` tries the oldest and the newest."""


def check_numba(version: str) -> None:
    """ImportError unless Numba has a version that works."""
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if not OLDEST <= numbers < BELOW:
        low, high = (".".join(map(str, bound)) for bound in (OLDEST, BELOW))
        raise ImportError(
            f"numba: expected a version from {low} to below {high}, whose inner parts fastnn "
            f"knows, got {version}; run: python -m pip install 'numba>={low},<{high}'"
        )


check_numba(numba.__version__)
