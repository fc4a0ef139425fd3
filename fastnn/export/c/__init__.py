"""Models as a C header: in double or float, or with weights and activations of eight bits."""

from .header import Header, to_c
from .narrow import Loss

__all__ = ["Header", "Loss", "to_c"]
