"""The record of a job in files: plain, readable data without pickle, and back.

A record holds JSON values: objects are dicts with their "type" and their fields; arrays have names
and are stored beside it.  Reading a record calls the public constructors and the checks of
arguments, so a file can ask for nothing that a caller could not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from ..optimizers import OPTIMIZERS
from ..optimizers.one_formula import OwnOptimizer, own_optimizer_of
from ..optimizers.schedules import SCHEDULES
from ..rules import RULES
from ..rules.loss_below import LossBelow
from ..rules.own_rules import OwnRule, own_rule_of
from ..spec import own_activations
from ..spec.grid import Grid
from ..spec.losses import LOSSES
from ..spec.network import Network
from ..spec.own_losses import OwnLoss, own_loss_of
from ..spec.per_layer import PerLayer
from ..spec.sample_weights import Bootstrap, KFold
from ..starts import INITIALIZATIONS
from ..starts.common import Start
from ..starts.explicit import Explicit
from ..support.atomic_files import canonical, digest_of
from ..support.checks import shown
from ..support.frames import checked_names
from ..support.gate import check_array, frozen
from ..support.version import NUMERICS_VERSION
from .build import make_job
from .grouping import Groups
from .job import Job, check_epochs
from .parts import with_numbers

T = TypeVar("T")
TYPES: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        Network, Grid, PerLayer, Bootstrap, KFold, Groups,
        *SCHEDULES, *LOSSES, *INITIALIZATIONS, *RULES,
    )
}  # fmt: skip
"""Classes that a record may hold besides optimizers, by name."""
OWN: dict[type[Any], Callable[..., Any]] = {
    OwnOptimizer: own_optimizer_of, OwnLoss: own_loss_of, OwnRule: own_rule_of,
}  # fmt: skip
"""The bases of users' classes, which records define, and what makes their objects."""


def kind_of(name: str) -> Any:
    """The class of this name, if records may hold it, or None."""
    return TYPES.get(name) or next((kind for kind in OPTIMIZERS if kind.__name__ == name), None)


def network_record(net: Network) -> dict[str, Any]:
    """A network as a record."""
    record: dict[str, Any] = _described(net, "", {})
    return record


def network_of(record: Any) -> Network:
    """The inverse of `network_record`; ValueError for anything else."""
    net = _checked(lambda: _rebuilt(record, {}))
    if not isinstance(net, Network):
        raise ValueError("network: expected a record of a network, got something else")
    return net


def job_record(job: Job) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A job, without the number of its restarts, as a record and the arrays that it names."""
    rules = job.rules if job.target == -np.inf else (LossBelow(job.target), *job.rules)
    init = job.init
    if job.start.kind is Explicit:
        goes_on, groups = job.start_state is not None, job.groups
        own = slice(None) if goes_on or groups is None else slice(groups.restarts)
        init = job.start.numbers[own]
    whole = job.batch_size == job.samples
    weights = job.weighting
    if isinstance(weights, np.ndarray) and len(weights) == 1:
        weights = weights[0]
    arrays: dict[str, np.ndarray] = {}
    # Axes of a grid differ in length, so each part is written with one number of each.
    axes = job.axes_of_numbers()
    optimizer, loss = (
        with_numbers(part, lambda a: float(a[0]) if id(a) in axes else a)
        for part in (job.optimizer, job.loss)
    )
    parts: dict[str, Any] = {
        "network": job.net,
        "X": job.X,
        "y": job.y,
        "dtype": job.dtype.name,
        "optimizer": optimizer,
        "grid": job.grid,
        "loss": loss,
        "sample_weight": weights,
        "stop": rules,
        "validation": job.validation,
        "epochs": job.epochs,
        "batch_size": None if whole else job.batch_size,
        "shuffle": job.shuffle,
        "init": init,
        "seed": job.seed,
        "first": job.first,
        "parallel": job.parallel,
    }
    if job.start_state is not None:
        parts |= {
            "start_state": job.start_state,
            "start_epochs": job.start_epochs,
            "resumes_rules": job.resumes_rules,
        }
    if job.groups is not None:
        if job.groups.labels.dtype == object:
            raise TypeError(
                "groups: expected labels of type str, int, float or bool, the only ones that files "
                f"hold, got {shown(job.groups.labels[0])}"
            )
        parts["groups"] = job.groups
    record = {name: _described(value, name, arrays) for name, value in parts.items()}
    return record, arrays


def job_of(record: Any, arrays: Mapping[str, np.ndarray], restarts: int | None) -> Job:
    """The inverse of `job_record`, for a number of restarts (None: one run).

    Raises
    ------
    ValueError
        If the record does not describe a job, or one that no call could have made.
    """

    def made() -> Job:
        job = _job_of(record, arrays, restarts)
        own, own_arrays = job_record(job)
        # A missing field would become a default, which may differ from what was used in training.
        if canonical(own) != canonical(record) or not _same(own_arrays, arrays):
            raise ValueError(
                "expected the record of a job exactly as fastnn writes it, got another form"
            )
        return job

    return _checked(made)


def names_record(job: Job) -> dict[str, list[str]]:
    """The names of a job's columns, if it has any: beside its record, since they change no bit."""
    named = {"features": job.features, "targets": job.targets}
    return {name: list(names) for name, names in named.items() if names is not None}


def activations_record(net: Network) -> dict[str, Any]:
    """The formulas of a network's own activations, if it has any: beside its record of names."""
    own = own_activations.definitions(net.activation)
    return {"activations": own} if own else {}


def with_names(job: Job, record: Mapping[str, Any]) -> Job:
    """The job with the names that `names_record` wrote into a record, if there are any."""
    features = checked_names("features", record.get("features"), job.net.sizes[0])
    targets = checked_names("targets", record.get("targets"), job.n_targets)
    nameless = features is None and targets is None
    return job if nameless else replace(job, features=features, targets=targets)


def _job_of(record: Any, arrays: Mapping[str, np.ndarray], restarts: int | None) -> Job:
    parts = {name: _rebuilt(value, arrays) for name, value in dict(record).items()}
    goes_on = "start_state" in parts
    state = parts.pop("start_state", None)
    epochs, resumes = parts.pop("start_epochs", None), parts.pop("resumes_rules", False)
    init = parts.pop("init")
    if isinstance(init, np.ndarray) and len(init) == 1:
        init = init[0]
    net = parts.pop("network")
    if not goes_on:
        return make_job(net, restarts=restarts, init=init, is_stored=True, **parts)
    # Not as explicit weights, since those of diverged restarts need not be finite.
    job = make_job(net, restarts=restarts, is_stored=True, **parts)
    numbers = np.atleast_2d(init)
    check_array("init", numbers, job.dtype, (job.restarts, net.n_parameters))
    check_array("start_state", state, job.dtype, (job.restarts, job.n_state))
    check_array("start_epochs", epochs, np.dtype(np.int64), (job.restarts,))
    check_epochs(job.epochs, epochs)
    if not isinstance(resumes, bool):
        raise ValueError("resumes_rules: expected True or False, got something else")
    return replace(
        job,
        start=Start(Explicit, frozen(np.array(numbers, order="C")), job.start.table[:, :0]),
        init=None,
        start_state=frozen(np.array(state, order="C")),
        start_epochs=frozen(np.array(epochs, order="C")),
        resumes_rules=resumes,
    )


def _same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    """Return whether arrays have the same names, types and bits."""
    return one.keys() == other.keys() and all(
        (array.dtype, array.shape) == (other[name].dtype, other[name].shape)
        and array.tobytes() == other[name].tobytes()
        for name, array in one.items()
    )


def job_digest(record: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Digest of 64 hexadecimal digits that identifies the job and the version of the numerics."""
    text = f"fastnn job, numerics {NUMERICS_VERSION}\n".encode() + canonical(record)
    return digest_of(text, arrays)


def joined_job(one: Job, other: Job) -> Job:
    """Join two jobs into one of their restarts, and of those between them.

    Raises
    ------
    ValueError
        If they differ in anything but their restarts.
    """
    if one is other:
        return one
    same = (one.first, one.restarts) == (other.first, other.restarts)
    found = set()
    for job in (one, other):
        record, arrays = job_record(job)
        found.add(job_digest(record | {"first": 0}, arrays))
    if len(found) > 1 or (fixed_restarts(one) and not same):
        raise ValueError("expected the same job, got a different one")
    first = min(one.first, other.first)
    stop = max(one.first + one.restarts, other.first + other.restarts)
    return one if same else replace(one, first=first, restarts=stop - first)


def fixed_restarts(job: Job) -> bool:
    """Return whether the job has numbers for each restart, so that their count is fixed."""
    given = [job.hyper, job.start.numbers]
    if isinstance(job.weighting, np.ndarray):
        given.append(job.weighting)
    fixed = job.start_state is not None or job.groups is not None
    return fixed or any(len(array) > 1 for array in given)


def _described(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """Convert `value` to a record; its arrays go into `arrays`, with the prefix `name`."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.bool_ | np.integer | np.floating):
        return value.item()
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if isinstance(value, tuple | list):
        return [_described(item, f"{name}.{i}", arrays) for i, item in enumerate(value)]
    if isinstance(value, Grid):
        parts = {"restarts_per_cell": value.restarts_per_cell, **value.axes}
    else:
        own = isinstance(value, OwnOptimizer | OwnLoss | OwnRule)
        if not own and kind_of(type(value).__name__) is not type(value):
            raise TypeError(
                f"{name}: expected a class of fastnn, or an optimizer added by "
                f"fastnn.extend.add_optimizer, got {shown(value)}"
            )
        parts = {
            field.name: getattr(value, field.name)
            for field in fields(value)
            if "added_later" not in field.metadata or getattr(value, field.name) is not None
        }
    described = {key: _described(part, f"{name}.{key}", arrays) for key, part in parts.items()}
    if isinstance(value, OwnOptimizer | OwnLoss | OwnRule):
        kind = next(kind for kind in OWN if isinstance(value, kind))
        return {"type": kind.__name__, "definition": value.definition, "values": described}
    return {"type": type(value).__name__, **described}


def _rebuilt(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The inverse of `_described`."""
    if isinstance(value, list):
        return [_rebuilt(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"array"}:
        return arrays[value["array"]]
    for own, own_of in OWN.items():
        if value["type"] == own.__name__:
            values = {name: _rebuilt(part, arrays) for name, part in value["values"].items()}
            return own_of(value["definition"], values)
    kind = kind_of(value["type"])
    if kind is None:
        raise ValueError(
            f"expected a class of fastnn, got {shown(value['type'])}; add an optimizer of your own "
            "first (fastnn.extend.add_optimizer)"
        )
    parts = {name: _rebuilt(part, arrays) for name, part in value.items() if name != "type"}
    if kind is PerLayer:
        return PerLayer(*parts["values"])
    return kind(**parts)


def _checked(make: Callable[[], T]) -> T:
    """Call `make`, and turn every error about a record into a ValueError."""
    try:
        return make()
    except ValueError:
        raise
    except Exception as error:  # constructors raise many kinds for nonsense
        detail = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"the record of the job is not valid: {detail}") from error
