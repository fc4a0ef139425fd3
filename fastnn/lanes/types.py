"""The two value types that kernels compute with: lane vectors and buffers of them.

A ``Lanes(element, count)`` holds `count` numbers that travel together through LLVM vector
registers.  A ``Buffer(element)`` is a bare pointer to consecutive elements, each a plain number or
a lane vector, so that a kernel's source reads ``w[i]`` whatever flows through it.  Neither type has
a Python form: both live and die inside compiled code.
"""

from llvmlite import ir
from numba import types
from numba.extending import models, register_model


class Lanes(types.Type):
    """`count` values of `element` (float64, float32, or boolean for a mask), one per lane."""

    def __init__(self, element: types.Type, count: int) -> None:
        if count < 2 or count & (count - 1):
            raise ValueError(f"count: expected a power of two from 2, got {count}")
        self.element = element
        self.count = count
        # Numba takes types of equal name for one type, so the name must tell them all apart.
        super().__init__(name=f"Lanes({element}, {count})")

    @property
    def mask(self) -> "Lanes":
        """The type of a comparison of two such vectors."""
        return Lanes(types.boolean, self.count)


class Buffer(types.Type):
    """A pointer to consecutive elements; bounds are the caller's duty."""

    def __init__(self, element: types.Type) -> None:
        self.element = element
        super().__init__(name=f"Buffer({element})")


def number_of(kind: types.Type) -> types.Type:
    """The type of the numbers in a lane vector; a plain number is its own."""
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
