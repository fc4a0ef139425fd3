"""The launch of a compiled training run: a job as launch record, workspace and kernels.

A `Launch` is made once for a job and serves all of its chunks, which differ only in their rows of
numbers and in where results go.  It starts from the `Blueprint` that jobs of one kind share.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..job.grouping import Groups
from ..job.job import Job
from ..kernels.layout import PLACES, UNWEIGHTED
from ..kernels.pieces import run_piece
from ..kernels.workspace import Plan, by_tile, zeros_aligned
from ..rules.judging import RULE_COLUMNS, rule_table
from ..support.checks import integer
from ..support.threads import together
from .blueprint import Blueprint, SampleRuns, blueprint_of
from .specialize import compilations

# Minimum seconds for an epoch of one network.
EPOCH_OF_ONE = 1e-7
# A pass for the losses alone, without weights and rules.
VALIDATION = {
    "forward_only": 1, "weighting": UNWEIGHTED, "monitor": 0, "batches": 1, "begin": 0, "end": 1,
    "begin_validation": 0,
}  # fmt: skip


class Outputs(NamedTuple):
    """Arrays into which kernels write the result of each restart."""

    parameters: np.ndarray | None
    """(restarts, n_parameters), or None if not kept."""
    state: np.ndarray | None
    """(restarts, n_state), or None if not kept."""
    loss: np.ndarray
    epochs: np.ndarray
    status: np.ndarray
    """(restarts,) int64."""
    history: np.ndarray | None = None
    history_every: int = 0
    gradient: bool = False
    """True if gradients are written in place of the parameters."""
    jacobian: np.ndarray | None = None
    """(restarts, n, n_out, n_parameters), or None if Jacobians are not computed."""

    def part(self, start: int, stop: int) -> Outputs:
        """The results of some of the restarts."""
        if stop - start == len(self.loss):  # takes 4 of the 150 µs of a short call otherwise
            return self
        arrays = {
            name: array[start:stop]
            for name in ("parameters", "state", "loss", "epochs", "status", "jacobian")
            if (array := getattr(self, name)) is not None
        }
        return self._replace(**arrays)


class Launch:
    """Everything that all chunks of a job share; its arrays live as long as it does."""

    def __init__(self, job: Job, blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self.dtype = job.dtype
        self.samples_in_lanes = job.parallel == "samples"
        self.has_own_weights = job.has_own_weights
        self.shuffled = job.samples if job.shuffle else 0
        self.n_hyper, self.n_state = job.hyper.shape[1], job.n_state
        self.plan = blueprint.plan.copy()
        self.validation: dict[str, int] = {}
        """Fields of the record for passes over the validation set."""
        self.validation_data: dict[str, tuple[np.ndarray, tuple[int, ...]]] = {}
        """Arrays of the validation set, and their shapes, by field."""
        self.buffers: dict[str, int] = {}
        """Sizes of the arrays that each chunk has to itself."""
        self.expected = job.restarts * job.seconds_of_a_restart
        """Estimate, on the high side, of the seconds that the whole job takes."""
        if self.plan.get("lanes") == 1:  # whose vectors wait for each other
            self.expected = 4 * self.expected + job.restarts * job.epochs * EPOCH_OF_ONE
        self._add_numbers(job)
        if self.plan.get("lanes") > 1:
            self._add_data_of_many(job)
        else:
            self._add_data_of_one(job)

    def _add_numbers(self, job: Job) -> None:
        dtype, plan, p = job.dtype, self.plan, job.net.n_parameters
        plan.set(
            epochs=job.epochs,
            judged=job.judged,
            resumes=job.resumes_rules,
            seed=job.seed if job.seed < 2**63 else job.seed - 2**64,
        )
        plan.point("target", np.array([job.target], dtype=dtype), 1)
        if job.n_state:
            slots, slot_values = job.state_slots()
            plan.set(n_slots=len(slots))
            plan.point("slots", slots, len(slots), 2)
            plan.point("slot_values", slot_values.astype(dtype), len(slots))
        if job.start.kind.has_table:
            plan.point("init_table", job.start.table, 2, p)
        plan.point("slope_offset", np.array([job.setup.slope_offset], dtype=dtype), 1)
        penalties = job.loss.penalties(job.net, dtype)
        if penalties is not None:
            plan.point("penalties", penalties, 2, p)
        if isinstance(job.weighting, np.ndarray):
            if job.has_common_weights:
                plan.point("sample_weights", job.weighting, 1, job.samples)
            elif job.groups is not None:
                plan.point("sample_weights", job.weighting, 1, len(job.y))
            else:
                plan.set(weight_step=job.samples)
        if job.rules:
            count = len(job.rules)
            numbers = np.array([rule.number for rule in job.rules], dtype=dtype)
            plan.point("rules", rule_table(job.rules, p), count, RULE_COLUMNS)
            plan.point("rule_numbers", numbers, count)

    def _add_data_of_many(self, job: Job) -> None:
        n_in, n_targets = job.net.sizes[0], job.n_targets
        self.plan.point("x", job.X, len(job.X), n_in)
        self.plan.point("y", job.y, len(job.y), n_targets)
        if job.groups is not None:
            self._add_groups(job.groups)
        if job.validation is not None:
            groups = job.groups
            samples = len(job.validation[0]) if groups is None else groups.validation_samples
            self._add_validation(samples)
            for name, array, units in zip("xy", job.validation, (n_in, n_targets), strict=True):
                self.validation_data[name] = array, (len(array), units)
            if groups is not None and groups.validation_rows is not None:
                self.validation.update(self.plan.own_validation)
                self.validation_data["group_rows"] = groups.validation_rows, (groups.count + 1,)

    def _add_groups(self, groups: Groups) -> None:
        self.plan.set(
            group_restarts=groups.restarts,
            group_begin=groups.begin,
            first_group=groups.first,
            common_inputs=groups.common_inputs,
        )
        self.plan.point("group_rows", groups.rows, groups.count + 1)

    def _add_validation(self, samples: int) -> None:
        losses = self.plan.get("validation_losses")
        self.validation = {
            **VALIDATION, "samples": samples, "batch_size": samples, "losses": losses,
        }  # fmt: skip

    def _add_data_of_one(self, job: Job) -> None:
        plan, sample_runs = self.plan, SampleRuns.of(job)
        ends = job.net.sizes[0], job.n_targets
        runs, tiles = sample_runs.runs, plan.get("tiles")
        for name, array, units in zip("xy", (job.X, job.y), ends, strict=True):
            tiled = by_tile(array, sample_runs.length, plan.tile)
            plan.point(name, tiled, runs, tiles, units, plan.tile)
        plan.set(threads=1)
        if job.validation is not None:
            samples = len(job.validation[0])
            tiles = -(-samples // plan.tile)
            self._add_validation(samples)
            self.validation.update(tiles=tiles, run_length=samples, runs=1, thread=0, threads=1)
            for name, array, units in zip("xy", job.validation, ends, strict=True):
                tiled = by_tile(array, samples, plan.tile)
                self.validation_data[name] = tiled, (1, tiles, units, plan.tile)
        if job.shuffle:
            for name, array, units in zip(("rows_x", "rows_y"), (job.X, job.y), ends, strict=True):
                plan.point(name, array, job.samples, units)
            room = plan.get("tiles") * plan.tile
            self.buffers = {
                "batch_x": room * ends[0], "batch_y": room * ends[1], "batch_weights": room,
            }  # fmt: skip

    def plan_of_chunk(self, chunk_job: Job, stop_flag: np.ndarray, outputs: Outputs) -> Plan:
        """The plan of one chunk; `chunk_job` is the job of its restarts alone."""
        plan, count, p = self.plan.copy(), chunk_job.restarts, chunk_job.net.n_parameters
        start, width = chunk_job.start.numbers, chunk_job.start.kind.width or p
        plan.set(
            count=count,
            first=chunk_job.first,
            hyper_step=self.n_hyper if len(chunk_job.hyper) > 1 else 0,
            init_step=width if len(start) > 1 else 0,
            history_every=outputs.history_every,
            epochs_kernel=self.blueprint.plan.get("epochs_kernel"),
        )
        plan.point("hyper_rows", chunk_job.hyper, _rows(chunk_job.hyper, count), self.n_hyper)
        plan.point("init_rows", start, _rows(start, count), width)
        plan.point("stop", stop_flag, 1)
        plan.point("out_loss", outputs.loss, count)
        plan.point("out_epochs", outputs.epochs, count)
        plan.point("out_status", outputs.status, count)
        if chunk_job.indices is not None:
            plan.point("indices", chunk_job.indices, count)
        if chunk_job.start_state is not None:
            plan.point("start_state", chunk_job.start_state, count, self.n_state)
        if chunk_job.start_epochs is not None:
            plan.point("start_epochs", chunk_job.start_epochs, count)
        if outputs.parameters is not None:
            plan.point("out_parameters", outputs.parameters, count, p)
        if outputs.state is not None:
            plan.point("out_state", outputs.state, count, self.n_state)
        if outputs.history_every and outputs.history is not None:
            integer("history: restarts", count, 0, 1)
            epochs = plan.get("epochs")
            plan.point("history", outputs.history, epochs // outputs.history_every + 1)
        if outputs.jacobian is not None:
            shape = count, chunk_job.samples, chunk_job.net.sizes[-1], p
            plan.point("out_jacobian", outputs.jacobian, *shape)
        weights = chunk_job.weighting
        if self.has_own_weights and isinstance(weights, np.ndarray) and chunk_job.groups is None:
            plan.point("weight_rows", weights, count, chunk_job.samples)
        if outputs.gradient:
            plan.set(result=plan.get("gradient"))
        return plan

    def run(
        self,
        chunk_job: Job,
        stop_flag: np.ndarray,
        outputs: Outputs,
        shared: Shared | None = None,
        thread: int = 0,
    ) -> int:
        """Train the restarts of `chunk_job`, in this thread; returns the number of ticks."""
        blueprint = self.blueprint
        blueprint.look_for_special()
        plan = self.plan_of_chunk(chunk_job, stop_flag, outputs)
        lanes = plan.get("lanes")
        plan.point("lane_state", np.zeros(4 * lanes, dtype=np.int64), 4 * lanes)
        if self.shuffled:
            orders = np.zeros(lanes * self.shuffled, dtype=np.int64)
            plan.point("order", orders, len(orders))
        if shared is not None:
            plan.set(thread=thread, threads=shared.threads)
            plan.point("arrived", shared.arrived, 1)
            plan.point("shares", shared.sums, 2 * plan.get("runs") * (plan.get("n_parameters") + 1))
        for name, count in self.buffers.items():
            plan.point(name, zeros_aligned(count, self.dtype), count)
        if self.validation:
            validation = plan.copy()
            validation.set(**self.validation)
            for name, (array, shape) in self.validation_data.items():
                validation.point(name, array, *shape)
            plan.point("validation_record", validation.record, len(plan.record))
        workspace = zeros_aligned(plan.end * lanes, self.dtype)
        if not compilations.may_help(self):
            run_piece(blueprint.address, plan.record, workspace)
            return plan.get("tick")
        compilations.begin(self, plan.record)
        try:
            run_piece(blueprint.address, plan.record, workspace)
        finally:
            compilations.end(plan.record)
        return plan.get("tick")

    def take_over(self, record: np.ndarray) -> bool:
        """Continue a running job with the special kernel, if it is available."""
        if not self.blueprint.look_for_special():
            return False
        record[PLACES["epochs_kernel"]] = self.blueprint.plan.get("epochs_kernel")
        return True


class Shared(NamedTuple):
    """Memory shared by threads that train one network."""

    threads: int
    arrived: np.ndarray
    """(1,) int64."""
    sums: np.ndarray
    """Each sample run's share of the gradient and the loss, twice."""


def _rows(array: np.ndarray, count: int) -> int:
    """Number of rows of an array: one for all restarts, or one for each."""
    return 1 if len(array) == 1 else count


def launch_of(job: Job, lanes: int) -> Launch:
    """The launch of `job` with `lanes` networks at once, made on first use."""
    if lanes not in job.launches:
        assert job.is_sound
        job.launches.setdefault(lanes, Launch(job, blueprint_of(job, lanes)))
    launch: Launch = job.launches[lanes]
    return launch


def run_kernels(
    launch: Launch, chunk_job: Job, threads: int, stop_flag: np.ndarray, outputs: Outputs
) -> int:
    """Train the restarts of `chunk_job`; returns the number of epochs that kernels computed.

    Several `threads` share the samples of one network, where sums over samples are in lanes.
    """
    if not launch.samples_in_lanes:
        return launch.run(chunk_job, stop_flag, outputs)
    runs, count = launch.plan.get("runs"), launch.plan.get("n_parameters")
    threads = min(threads, runs) if launch.plan.get("batches") == 1 else 1
    sums = np.zeros(2 * runs * (count + 1), dtype=launch.dtype)
    shared = Shared(threads, np.zeros(1, dtype=np.int64), sums)
    if threads == 1:
        return launch.run(chunk_job, stop_flag, outputs, shared)

    def work(thread: int) -> int:
        return launch.run(chunk_job, stop_flag, outputs, shared, thread)

    # All threads write the same bits, since each adds the same shares in the same order.
    return max(together(work, threads, abandon=lambda: stop_flag.fill(1)))
