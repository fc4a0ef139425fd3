"""The launch of a compiled training run: a job as launch record, workspace and kernels.

A `Launch` is made once for a job and serves all of its chunks: what differs between them is their
rows of numbers and where results go.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .blueprint import Blueprint, SampleRuns, blueprint_of
from .job import Job
from .kernels.layout import PLACES, UNWEIGHTED
from .kernels.pieces import run_piece
from .kernels.stopping import rule_table
from .kernels.workspace import Plan, by_tile, data_of, zeros_aligned
from .specialize import compilations
from .threads import together

# Seconds of an epoch of one network, however small.
EPOCH_OF_ONE = 1e-7
# A pass for the losses alone, without weights and rules.
VALIDATION = {
    "forward_only": 1, "weighting": UNWEIGHTED, "monitor": 0, "batches": 1, "begin": 0, "end": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Outputs:
    """Where kernels write what becomes of each restart."""

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
    """Whether gradients take the place of the parameters."""
    jacobian: np.ndarray | None = None
    """(restarts, n, n_out, n_parameters), if Jacobians are computed."""


class Launch:
    """What all chunks of a job have in common; arrays live as long as it does."""

    def __init__(self, job: Job, blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self.dtype = job.dtype
        self.in_lanes = job.parallel == "samples"
        self.has_own_weights = job.has_own_weights
        self.order = len(job.X) if job.shuffle else 0
        self.plan = blueprint.plan.copy()
        self.kept: list[np.ndarray] = []
        self.validation: dict[str, int] = {}
        """The fields of the record for passes over the validation set."""
        self.buffers: dict[str, int] = {}
        """Numbers of arrays that each chunk has to itself."""
        self.expected = job.restarts * job.seconds_of_a_restart
        """A guess, rather too long, how many seconds the whole job takes."""
        if self.plan.get("lanes") == 1:  # whose vectors wait for each other
            self.expected = 4 * self.expected + job.restarts * job.epochs * EPOCH_OF_ONE
        self._add_numbers(job)
        if self.plan.get("lanes") > 1:
            self._add_data_of_lanes(job)
        else:
            self._add_data_of_one(job)

    def address(self, array: np.ndarray) -> int:
        """The address of an array, which is kept."""
        self.kept.append(array)
        return data_of(array)

    def _add_numbers(self, job: Job) -> None:
        dtype = job.dtype
        slots, slot_values = job.state_slots()
        self.plan.set(
            epochs=job.epochs,
            target=self.address(np.array([job.target], dtype=dtype)),
            judged=job.judged,
            n_slots=len(slots),
            slots=self.address(slots),
            slot_values=self.address(slot_values.astype(dtype)),
            resumes=job.resumes_rules,
            init_code=job.start.code,
            init_table=self.address(job.start.table),
            seed=job.seed if job.seed < 2**63 else job.seed - 2**64,
            loss_numbers=self.address(
                np.array([job.loss.number, job.setup.slope_offset], dtype=dtype)
            ),
        )
        penalties = job.loss.penalties(job.net, dtype)
        if penalties is not None:
            self.plan.set(penalties=self.address(penalties))
        if isinstance(job.weighting, np.ndarray):
            if job.has_common_weights:
                self.plan.set(sample_weights=self.address(job.weighting))
            else:
                self.plan.set(weight_step=job.weighting.shape[1])
        if job.rules:
            numbers = np.array([rule.number for rule in job.rules], dtype=dtype)
            self.plan.set(
                rules=self.address(rule_table(job.rules, job.net.n_parameters)),
                rule_numbers=self.address(numbers),
            )

    def _add_data_of_lanes(self, job: Job) -> None:
        self.plan.set(x=self.address(job.X), y=self.address(job.y))
        if job.validation is not None:
            X, y = job.validation
            self._add_validation(X, y, len(X))

    def _add_validation(self, X: np.ndarray, y: np.ndarray, samples: int) -> None:
        self.validation = {
            **VALIDATION,
            "x": self.address(X),
            "y": self.address(y),
            "samples": samples,
            "batch_size": samples,
            "losses": self.plan.get("validation_losses"),
        }

    def _add_data_of_one(self, job: Job) -> None:
        plan, cut = self.plan, SampleRuns.of(job)
        X, y = (by_tile(array, cut.length, plan.tile) for array in (job.X, job.y))
        plan.set(x=self.address(X), y=self.address(y), threads=1)
        if job.validation is not None:
            samples = len(job.validation[0])
            X, y = (by_tile(array, samples, plan.tile) for array in job.validation)
            self._add_validation(X, y, samples)
            self.validation.update(
                tiles=X.shape[1], run_length=samples, runs=1, thread=0, threads=1
            )
        if job.shuffle:
            room = plan.get("tiles") * plan.tile
            plan.set(rows_x=self.address(job.X), rows_y=self.address(job.y))
            self.buffers = {
                "batch_x": room * job.net.sizes[0],
                "batch_y": room * job.net.sizes[-1],
                "batch_weights": room,
            }

    def record_of(self, part: Job, stop_flag: np.ndarray, outputs: Outputs) -> Plan:
        """The record of one chunk."""
        own = self.plan.copy()
        start = part.start.numbers
        own.set(
            count=part.restarts,
            first=part.first,
            indices=_address(part.indices),
            hyper_rows=data_of(part.hyper),
            hyper_step=part.hyper.shape[1] if len(part.hyper) > 1 else 0,
            init_rows=data_of(start),
            init_step=start.shape[1] if len(start) > 1 else 0,
            start_state=_address(part.start_state),
            start_epochs=_address(part.start_epochs),
            stop=data_of(stop_flag),
            out_parameters=_address(outputs.parameters),
            out_state=_address(outputs.state),
            out_loss=data_of(outputs.loss),
            out_epochs=data_of(outputs.epochs),
            out_status=data_of(outputs.status),
            history=_address(outputs.history),
            history_every=outputs.history_every,
            out_jacobian=_address(outputs.jacobian),
            epochs_kernel=self.blueprint.plan.get("epochs_kernel"),
        )
        if self.has_own_weights and isinstance(part.weighting, np.ndarray):
            own.set(weight_rows=data_of(part.weighting))
        if outputs.gradient:
            own.set(result=own.get("gradient"))
        return own

    def run(self, part: Job, stop_flag: np.ndarray, outputs: Outputs, **own: int) -> int:
        """Train the restarts of `part`; returns the number of ticks."""
        blueprint = self.blueprint
        blueprint.look_for_special()
        plan = self.record_of(part, stop_flag, outputs)
        lanes = plan.get("lanes")
        lane_state = np.zeros(4 * lanes, dtype=np.int64)
        order = np.zeros(lanes * self.order, dtype=np.int64)
        buffers = {name: zeros_aligned(count, self.dtype) for name, count in self.buffers.items()}
        plan.set(lane_state=data_of(lane_state), order=_address(order), **own)
        plan.set(**{name: data_of(buffer) for name, buffer in buffers.items()})
        validation = plan.copy()
        if self.validation:
            validation.set(**self.validation)
            plan.set(validation_record=data_of(validation.record))
        workspace = zeros_aligned(plan.end * lanes, self.dtype)
        if not compilations.concern(self):
            run_piece(blueprint.address, plan.record, workspace)
            return plan.get("tick")
        compilations.begin(self, plan.record)
        try:
            run_piece(blueprint.address, plan.record, workspace)
        finally:
            compilations.end(plan.record)
        return plan.get("tick")

    def take_over(self, record: np.ndarray) -> bool:
        """Go on with the special kernel in a run that is under way, if it is there."""
        if not self.blueprint.look_for_special():
            return False
        record[PLACES["epochs_kernel"]] = self.blueprint.plan.get("epochs_kernel")
        return True


def _address(array: np.ndarray | None) -> int:
    return 0 if array is None or not array.size else data_of(array)


def launch_of(job: Job, lanes: int) -> Launch:
    """The launch of `job` with `lanes` networks at once, made when it is first asked for."""
    if lanes not in job.launches:
        job.launches.setdefault(lanes, Launch(job, blueprint_of(job, lanes)))
    launch: Launch = job.launches[lanes]
    return launch


def train(launch: Launch, part: Job, threads: int, stop_flag: np.ndarray, outputs: Outputs) -> int:
    """Train the restarts of `part`; returns the number of epochs that kernels computed.

    Several `threads` share the samples of one network, where sums over samples are in lanes.
    """
    if not launch.in_lanes:
        return launch.run(part, stop_flag, outputs)
    runs, count = launch.plan.get("runs"), launch.plan.get("n_parameters")
    threads = min(threads, runs) if launch.plan.get("batches") == 1 else 1
    arrived = np.zeros(1, dtype=np.int64)
    shares = np.zeros(2 * runs * (count + 1), dtype=launch.dtype)
    common = {
        "threads": threads, "arrived": data_of(arrived), "shares": data_of(shares),
    }  # fmt: skip
    if threads == 1:
        return launch.run(part, stop_flag, outputs, **common)

    def work(thread: int) -> int:
        return launch.run(part, stop_flag, outputs, thread=thread, **common)

    # All write the same results: of the same bits, since each adds the same shares in one order.
    return max(together(work, threads, abandon=lambda: stop_flag.fill(1)))
