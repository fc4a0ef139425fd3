"""The lane vector: the value type that carries many networks through one kernel source.

Numba learns the operators when this package is imported.
"""

from ..jit import requirements  # noqa: F401  before all that needs Numba

# isort: split
from . import buffers, operators  # noqa: F401
