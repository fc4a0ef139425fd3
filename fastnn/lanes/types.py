"""The two value types that kernels compute with: lane vectors and buffers of them.

A ``Lanes(element, count)`` holds `count` numbers that travel together through LLVM vector
registers.  A ``Buffer(element)`` is a bare pointer to consecutive elements, each a plain number or
a lane vector, so that a kernel's source reads ``w[i]`` whatever flows through it.  Neither type has
a Python form: both exist only inside compiled code.
"""

from functools import cache

from llvmlite import binding, ir
from numba import types
from numba.core import config
from numba.extending import models, register_model


class Lanes(types.Type):
    """`count` values of `element` (float64, float32, or boolean for a mask), one per lane."""

    def __init__(self, element: types.Type, count: int) -> None:
        if count < 2 or count & (count - 1):
            raise ValueError(f"count: expected a power of two from 2, got {count}")
        self.element = element
        self.count = count
        # Numba identifies types of equal name, so names must be unique.
        super().__init__(name=f"Lanes({element}, {count})")

    @property
    def mask(self) -> "Lanes":
        """The type of a comparison of two such vectors."""
        return Lanes(types.boolean, self.count)


class Buffer(types.Type):
    """A pointer to consecutive elements; the caller must respect the bounds."""

    def __init__(self, element: types.Type) -> None:
        self.element = element
        super().__init__(name=f"Buffer({element})")


def number_of(kind: types.Type) -> types.Type:
    """The type of the numbers in a lane vector, or of a plain number itself."""
    return kind.element if isinstance(kind, Lanes) else kind


def llvm_element(element: types.Type) -> ir.Type:
    """The LLVM type of one number."""
    kinds = {
        types.float64: ir.DoubleType(),
        types.float32: ir.FloatType(),
        types.boolean: ir.IntType(1),
    }
    if element in kinds:
        return kinds[element]
    return ir.IntType(element.bitwidth)


def llvm_value(kind: types.Type) -> ir.Type:
    """The LLVM type of a number or of a lane vector."""
    if isinstance(kind, Lanes):
        return ir.VectorType(llvm_element(kind.element), kind.count)
    return llvm_element(kind)


@cache
def register_bytes() -> int:
    """Bytes of a vector register of the machine that kernels are compiled for."""
    if config.CPU_FEATURES is None:
        features = {name for name, present in binding.get_host_cpu_features().items() if present}
    else:
        features = {name[1:] for name in config.CPU_FEATURES.split(",") if name.startswith("+")}
    return 64 if "avx512f" in features else 32 if "avx2" in features else 16


def register_lanes(number: types.Type) -> int:
    """Number of floats of type `number` in a vector register; no bit depends on it."""
    return register_bytes() * 8 // int(number.bitwidth)


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """A lane vector is an LLVM vector."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind, llvm_value(kind))


@register_model(Buffer)
class BufferModel(models.PrimitiveModel):
    """A buffer is an LLVM pointer."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind, llvm_value(kind.element).as_pointer())
