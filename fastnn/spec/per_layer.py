"""Numbers per layer, for optimizers and initializations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from ..support.checks import hyperparameter, shown
from ..support.suggestions import suggests

if TYPE_CHECKING:
    from .network import Network


@dataclass(frozen=True, init=False, eq=False)
class PerLayer:
    """One number for each layer after the input.

    Parameters
    ----------
    *values : float or (restarts,) array of float
        One value for each layer.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.GradientDescent(learning_rate=fastnn.PerLayer(0.5, 0.1)).learning_rate
    PerLayer(0.5, 0.1)
    """

    values: tuple[Any, ...]

    @suggests
    def __init__(self, *values: ArrayLike) -> None:
        if not values:
            raise ValueError("PerLayer: expected a number for each layer, got none")
        checked = tuple(hyperparameter(f"PerLayer[{i}]", value) for i, value in enumerate(values))
        object.__setattr__(self, "values", checked)

    def __repr__(self) -> str:
        return f"PerLayer({', '.join(map(shown, self.values))})"


def layer_numbers(name: str, value: Any, net: Network) -> dict[str, Any]:
    """Convert a number for all layers, or a `PerLayer`, to one named number for each layer."""
    if not isinstance(value, PerLayer):  # errors name the first
        return {f"{name}[{i}]" if i else name: value for i in range(net.depth)}
    if len(value.values) != net.depth:
        raise ValueError(
            f"{name}: expected PerLayer of {net.depth} numbers for {net!r}, got {len(value.values)}"
        )
    return {f"{name}[{i}]": number for i, number in enumerate(value.values)}
