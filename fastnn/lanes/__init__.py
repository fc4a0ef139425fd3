"""The lane vector: the value type that carries many networks through one kernel source.

Numba learns the operators when this package is imported.
"""

from . import buffers, operators  # noqa: F401
