"""The job: everything that a restart's result depends on, in the kernels' form."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..optimizers import Optimizer, Setup
from ..rules import rule_numbers
from ..rules.common import Rule
from ..spec.activations import keeps_slopes
from ..spec.grid import Grid
from ..spec.loss_formulas import ARCTANH_SQUARES, LossFormula
from ..spec.losses import SSE, Penalized
from ..spec.network import Network
from ..spec.sample_weights import Weighting
from ..spec.status import Status
from ..starts.common import Start
from ..support.checks import MAX_COUNT, integer, shown
from ..support.frames import Names, checked_names
from ..support.gate import check_array
from .grouping import Groups, isolate_group, with_groups_of
from .parts import ends, laid_out, setup_of, slot_table, with_numbers

MAX_SEED = 2**64 - 1
MAX_RESTART = 2**63 - 1

KINDS: dict[str, Any] = {
    "net": Network, "X": np.ndarray, "y": np.ndarray, "dtype": np.dtype, "loss": Penalized,
    "weighting": Weighting, "optimizer": Optimizer, "hyper": np.ndarray, "grid": Grid | None,
    "start": Start, "rules": tuple, "validation": tuple | None, "target": float,
}  # fmt: skip
"""The parts of a job and their types."""


def check_epochs(epochs: int, before: np.ndarray) -> None:
    """Raise unless this many more epochs can be counted."""
    most = int(before.max(initial=0))
    if before.min(initial=0) < 0 or most + epochs > MAX_COUNT:
        raise ValueError(
            f"epochs: expected at most {MAX_COUNT} together with earlier ones, got {most} and "
            f"{epochs}"
        )


@dataclass(frozen=True, eq=False)
class Job:
    """A plain, picklable description of restarts ``first … first + restarts - 1``."""

    net: Network
    X: np.ndarray
    """(n, n_in), of `dtype`."""
    y: np.ndarray
    """(n, n_out), of `dtype`."""
    dtype: np.dtype
    loss: Penalized
    weighting: Weighting
    """Sample weights: (1 or restarts, n), a function of the restart, or None."""
    optimizer: Optimizer
    hyper: np.ndarray
    """(1 or restarts, n_hyper): the hyperparameters of optimizer and loss, of `dtype`."""
    grid: Grid | None
    """Grid, if columns of `hyper` are functions of the restart's index: see `grid_columns`."""
    grid_columns: tuple[tuple[int, str], ...]
    """Columns of `hyper`, each with the axis of the grid that fills it."""
    start: Start
    init: Any
    """The initialization as given; None for explicit parameters."""
    batch_size: int
    shuffle: bool
    epochs: int
    target: float
    """A restart whose loss falls below it has converged; -inf without a target."""
    rules: tuple[Rule, ...]
    """The other stopping rules."""
    validation: tuple[np.ndarray, np.ndarray] | None
    seed: int
    first: int
    restarts: int
    parallel: str = "restarts"
    """One of `PARALLEL`: the content of the lanes, which decides the order of sums over samples."""
    start_state: np.ndarray | None = None
    """(restarts, n_state): the memory of restarts that continue."""
    start_epochs: np.ndarray | None = None
    """(restarts,) int64: the epochs that they have already trained."""
    resumes_rules: bool = False
    """True if the state includes the previous rules, already evaluated at these parameters."""
    indices: np.ndarray | None = None
    """(restarts,) int64: the indices of a selection of restarts, not consecutive."""
    features: Names | None = None
    """The names of the columns of X, if it was a data frame."""
    targets: Names | None = None
    """The names of the columns of y."""
    groups: Groups | None = None
    """Groups of rows, each with restarts of its own: rows of data lie in their order."""

    @cached_property
    def is_sound(self) -> bool:
        """True once all parts have been checked, whatever their origin; compiled code trusts them.

        The layout of arrays is checked where their addresses are taken.

        Raises
        ------
        TypeError, ValueError
            If a part has the wrong type or value.
        """
        for name, kind in KINDS.items():
            if not isinstance(getattr(self, name), kind):
                raise TypeError(f"{name}: expected {kind}, got {shown(getattr(self, name))}")
        if not all(isinstance(rule, Rule) for rule in self.rules):
            raise TypeError(f"rules: expected stopping rules, got {shown(self.rules)}")
        count = integer("restarts", self.restarts, 0, 10**12)
        integer("first", self.first, 0, MAX_RESTART - count)
        integer("seed", self.seed, 0, MAX_SEED)
        integer("epochs", self.epochs, 0)
        n_in, n_targets = self.net.sizes[0], self.n_targets
        for X, y in ((self.X, self.y), self.validation or (self.X, self.y)):
            check_array("X", X, self.dtype, (len(X), n_in))
            check_array("y", y, self.dtype, (len(X) if self.groups is None else len(y), n_targets))
        if self.groups is not None:
            self.groups.check_job(self)
        checked_names("features", self.features, n_in)
        checked_names("targets", self.targets, n_targets)
        integer("batch_size", self.batch_size, 1, self.samples)
        rows = 1 if len(self.hyper) == 1 else count
        check_array("hyper", self.hyper, self.dtype, (rows, len(self.numbers)))
        if self.start_state is not None:
            check_array("start_state", self.start_state, self.dtype, (count, self.n_state))
        if self.start_epochs is not None:
            check_array("start_epochs", self.start_epochs, np.dtype(np.int64), (count,))
            check_epochs(self.epochs, self.start_epochs)
        return True

    @cached_property
    def samples(self) -> int:
        """Number of samples of a restart; with groups, the most for which lanes have memory."""
        return len(self.X) if self.groups is None else self.groups.samples

    @cached_property
    def setup(self) -> Setup:
        """The optimizer's setup for the kernels."""
        return setup_of(self.optimizer, self.net, self.samples, self.loss)

    @cached_property
    def n_targets(self) -> int:
        """Number of columns of the targets."""
        return self.loss.targets_of(self.net)

    @property
    def numbers(self) -> list[Any]:
        """The columns of `hyper`: the numbers of the optimizer, then those of the loss."""
        return [*self.setup.numbers.values(), *self.loss.numbers.values()]

    @cached_property
    def launches(self) -> dict[int, Any]:
        """Launches made for the job, by number of lanes."""
        return {}

    @cached_property
    def piece_jobs(self) -> dict[tuple[int, int, int | None], Job]:
        """Jobs of groups of similar sizes: see `fastnn.engine.group_chunk`."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state, with aligned arrays: Dask's messages may hold them at any address."""
        vars(self).update({name: laid_out(part) for name, part in state.items()})

    @property
    def work(self) -> float:
        """Approximate number of multiplications in an epoch of one restart."""
        n, p, setup = self.samples, self.net.n_parameters, self.setup
        held, groups = self.validation, self.groups
        validated = groups.validation_samples if groups else len(held[0]) if held else 0
        passes = (n + validated) * p
        if setup.compute is not None:  # a Jacobian, a system, and its factors, with idle lanes
            residuals = n * self.net.sizes[-1]
            q = min(residuals, p)
            return 8.0 * (passes + residuals * p * (1 + q) + q**3 / 3)
        return float(passes + setup.n_state)

    @property
    def seconds_of_a_restart(self) -> float:
        """Estimate, on the high side, for training to the last epoch."""
        units = self.samples * sum(self.net.sizes[1:])
        seconds = 1e-9 * max(1, self.epochs) * (0.2 * self.work + 0.5 * units)
        return seconds if self.groups is None else seconds * self.groups.mean_share

    @property
    def has_common_weights(self) -> bool:
        """True if samples have weights, the same in all restarts."""
        given = isinstance(self.weighting, np.ndarray) and len(self.weighting) == 1
        return given and self.groups is None

    @property
    def has_own_weights(self) -> bool:
        """True if samples have weights that differ between restarts."""
        return self.weighting is not None and not self.has_common_weights

    @property
    def has_plain_loss(self) -> bool:
        """True if the data's part of the loss is the SSE without weights or other slopes."""
        kept = self.setup.slope_offset != 0 or keeps_slopes(self.net.activation[-1])
        plain = type(self.loss) is SSE and not self.setup.arctanh_error
        return plain and self.weighting is None and not kept

    @property
    def loss_is_sse(self) -> bool:
        """True if the loss is the sum of squared errors and nothing else."""
        plain = self.loss.name == "SSE" and not self.loss.has_penalties
        return plain and self.weighting is None

    @property
    def loss_name(self) -> str:
        """The name of the loss in texts and figures."""
        name = self.loss.name if self.weighting is None else f"weighted {self.loss.name}"
        return f"{name} and penalties" if self.loss.has_penalties else name

    @property
    def loss_formula(self) -> LossFormula:
        """The formula of the loss's terms."""
        return ARCTANH_SQUARES if self.setup.arctanh_error else self.loss.formula

    @property
    def watches(self) -> bool:
        """True if some rule looks at the errors themselves."""
        return any(rule.watches for rule in self.rules)

    @property
    def judged(self) -> bool:
        """True if restarts may end early."""
        return self.target > 0 or bool(self.rules)

    @property
    def has_targets(self) -> bool:
        """True if restarts may converge."""
        return self.target > 0 or any(rule.status == Status.CONVERGED for rule in self.rules)

    @cached_property
    def n_state(self) -> int:
        """Size of each restart's memory, of the optimizer and the rules."""
        return self.setup.n_state + rule_numbers(self.rules, self.net.n_parameters)

    def state_slots(self) -> tuple[np.ndarray, np.ndarray]:
        """Initial content of that memory: see `parts.slot_table`."""
        slots = [*self.setup.slots]
        for rule in self.rules:
            slots += rule.slots(self.net.n_parameters)
        return slot_table(slots, list(self.setup.numbers))

    @cached_property
    def column_types(self) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        """The type of every column in parts and files, and the shape of its rows."""
        return {
            "loss": (self.dtype, ()),
            "epochs": (np.min_scalar_type(self.most_epochs), ()),
            "status": (np.dtype(np.int8), ()),
            "parameters": (self.dtype, (self.net.n_parameters,)),
            "state": (self.dtype, (self.n_state,)),
            "restart": (np.dtype(np.int64), ()),
        }

    @cached_property
    def most_epochs(self) -> int:
        """Maximum number of epochs of any restart, including those before this job."""
        behind = 0 if self.start_epochs is None else int(self.start_epochs.max(initial=0))
        return behind + self.epochs

    def epochs_before(self, indices: Any) -> Any:
        """The epochs that the restarts of these indices have already trained."""
        return 0 if self.start_epochs is None else self.start_epochs[indices - self.first]

    @property
    def requires_lanes(self) -> bool:
        """True if only the kernels for many networks can train it, if need be with idle lanes."""
        own = self.has_own_weights or self.groups is not None
        return own or self.setup.compute is not None

    def expand_range(self, start: int, stop: int) -> Job:
        """The job of the restarts at positions ``start … stop - 1``, for kernels.

        Hyperparameters that a grid gives are written out.
        """
        part = self.select_range(start, stop)
        if part.grid is None:
            return part
        values = part.grid.values(part.indices_of_numbers(0, part.restarts))
        hyper = np.array(
            np.broadcast_to(part.hyper, (part.restarts, part.hyper.shape[1])), order="C"
        )
        for column, axis in part.grid_columns:
            hyper[:, column] = values[axis]
        return replace(part, hyper=hyper, grid=None)

    def indices_of_numbers(self, start: int, stop: int) -> np.ndarray:
        """The indices by which the numbers of these restarts differ: with groups, those in each."""
        indices, groups = np.arange(start, stop) + self.first, self.groups
        return indices if groups is None else groups.begin + indices % groups.restarts

    def select_range(self, start: int, stop: int) -> Job:
        """The job of the restarts at these positions, with the grid unchanged."""
        if (start, stop) == (0, self.restarts):
            return self

        def own(values: np.ndarray) -> np.ndarray:
            return values[start:stop] if len(values) > 1 else values

        def own_if_given(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[start:stop]

        weighting = self.weighting
        return replace(
            self,
            hyper=own(self.hyper),
            start=replace(self.start, numbers=own(self.start.numbers)),
            weighting=own(weighting) if isinstance(weighting, np.ndarray) else weighting,
            start_state=own_if_given(self.start_state),
            start_epochs=own_if_given(self.start_epochs),
            indices=own_if_given(self.indices),
            first=self.first + start,
            restarts=stop - start,
        )

    def select_positions(self, positions: np.ndarray) -> Job:
        """The job of the restarts at these positions, in this order; for training only."""

        def own(values: np.ndarray) -> np.ndarray:
            return values[positions] if len(values) > 1 else values

        if self.grid is not None or self.start_state is not None or self.indices is not None:
            raise ValueError(
                "positions: expected a job of new restarts without a grid, got a different job"
            )
        weighting = self.weighting
        return replace(
            self,
            hyper=own(self.hyper),
            start=replace(self.start, numbers=own(self.start.numbers)),
            weighting=own(weighting) if isinstance(weighting, np.ndarray) else weighting,
            indices=self.first + positions.astype(np.int64),
            restarts=len(positions),
        )

    def isolate_range(self, start: int, stop: int) -> Job:
        """The job of these restarts, for results: optimizer and start have only their numbers."""
        axes = self.axes_of_numbers()
        indices, groups = self.indices_of_numbers(start, stop), self.groups
        values = {} if self.grid is None else self.grid.values(indices)

        def own(array: np.ndarray) -> np.ndarray:
            axis = axes.get(id(array))
            if axis is not None:
                return values[axis]
            return array[start:stop] if groups is None else array[indices - groups.begin]

        return replace(
            self.expand_range(start, stop),
            optimizer=with_numbers(self.optimizer, own),
            loss=with_numbers(self.loss, own),
            init=with_numbers(self.init, own),
            grid_columns=(),
        )

    def axes_of_numbers(self) -> dict[int, str]:
        """The axes of the grid, by the `id` of the array of a part that has its values."""
        if self.grid is None:
            return {}
        numbers = self.numbers
        return {id(numbers[column]): axis for column, axis in self.grid_columns}

    def isolate_restart(self, position: int) -> Job | None:
        """The job of one restart, with its own numbers instead of arrays in all parts.

        None if that would be a different kind of job, such as one without momentum where others
        have some.  With groups it is the job of the group's rows alone.
        """
        one = self.isolate_range(position, position + 1)
        if self.groups is not None:
            one = isolate_group(one)
        optimizer, loss, init = (
            with_numbers(part, lambda array: float(array[0]))
            for part in (one.optimizer, one.loss, one.init)
        )
        made = replace(one, optimizer=optimizer, loss=loss, init=init)
        same = (made.setup.kind, made.n_state) == (self.setup.kind, self.n_state)
        return made if same or self.groups is not None else None

    def compact_range(self, start: int, stop: int) -> Job:
        """The job of these restarts for other processes, without the numbers of other restarts."""
        optimizer, loss = with_numbers(self.optimizer, ends), with_numbers(self.loss, ends)
        part = with_groups_of(self, start, stop).select_range(start, stop)
        if part.grid is not None and part.grid.bytes > part.restarts * part.hyper[0].nbytes:
            part = part.expand_range(0, part.restarts)
        return replace(part, optimizer=optimizer, loss=loss, init=None)
