"""A trained network as the start of others."""

from __future__ import annotations

from typing import Any

from ..spec.network import Network
from ..support.checks import shown
from .model import Model
from .models import Models
from .run import Run
from .runs import Runs


def trained_start(init: Any, net: Network) -> Any:
    """The parameters of a run or a model, for ``init=``; anything else as it is.

    Raises
    ------
    TypeError, ValueError
        If its network is not `net`, there are several, or it has scalings of its own, which
        training does not apply.
    """
    if isinstance(init, Runs | Models):
        one = "runs.best or runs.restart(k)" if isinstance(init, Runs) else "models[label]"
        raise TypeError(
            f"init: expected one trained network, such as {one}, got {type(init).__name__} of "
            f"{len(init):,}"
        )
    if not isinstance(init, Run | Model) or not isinstance(net, Network):
        return init
    kind = type(init).__name__
    if init.network != net:
        raise ValueError(
            f"init: expected a {kind} of the network that is trained, {net!r}, got one of "
            f"{init.network!r}"
        )
    if isinstance(init, Run):
        return init.parameters
    if len(init.parameters) > 1:
        raise ValueError(
            f"init: expected a Model of one network, got an ensemble of {len(init.parameters)}; "
            "pass the parameters of one of them, such as init=model.parameters[0]"
        )
    for name in ("inputs", "outputs", "encoding"):
        if getattr(init, name) is not None:
            raise ValueError(
                f"init: expected a Model without {name}, which training does not apply, got "
                f"{shown(getattr(init, name))}; apply them to the data, and pass "
                "init=model.parameters[0]"
            )
    return init.parameters[0]
