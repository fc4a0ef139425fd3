"""One call of the compiled engine: a job as frame, workspace and addresses of its pieces."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from .activations import keeps_slopes
from .frame import COMMON, GRADIENT, LANES, OWN, RULE_STATE, TICK
from .job import Job
from .kernels.engine import run_engine, train_restarts
from .kernels.losses import (
    add_losses,
    add_penalties,
    gathered_losses,
    keep_slopes_of,
    single_losses,
)
from .kernels.passes import gathered_loss_and_gradient, loss_and_gradient
from .kernels.plan import (
    CACHE_LINE,
    Needs,
    Plan,
    by_tile,
    make_plan,
    make_single_plan,
    zeros_aligned,
)
from .kernels.restarts import begin_otherwise, begin_restart
from .kernels.rules import judge, rule_table, single_watch_errors, watch_errors
from .kernels.shuffling import compute_gathered_single, gather, gather_single, shuffle
from .kernels.single_pass import LEAST_GROUPS, MOST_RUNS, single_loss_and_gradient
from .lanes.pieces import Piece
from .lanes.types import register_bytes
from .stopping import GradientBelow, Validation
from .weighting import GIVEN


def vector_width(lanes: int, dtype: np.dtype) -> int:
    """How many of `lanes` networks lie in one vector, which is as long as a register."""
    return min(lanes, register_bytes() // dtype.itemsize)


def _needs(job: Job) -> Needs:
    """What the job needs room for."""
    return Needs(
        n_hyper=job.hyper.shape[1],
        n_state=job.setup.n_state,
        rule_state=job.n_state - job.setup.n_state,
        scratch=job.setup.scratch,
        one_tile=job.setup.one_tile,
        keeps_slopes=job.setup.slope_offset != 0,
        linear_output=job.loss.output is not None,
        factors=not job.has_plain_loss or job.shuffle,
        gathers=job.batch_size if job.shuffle else 0,
        own_weights=len(job.X) if job.has_own_weights else 0,
        watches=job.watches,
        validates=job.validation is not None,
    )


@dataclass(frozen=True)
class Outputs:
    """Where the engine writes what becomes of each restart."""

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


class _Call:
    """The pieces and arrays of one call; arrays live as long as it does."""

    def __init__(self, job: Job, width: int, stop_flag: np.ndarray) -> None:
        self.job = job
        self.width = width
        self.kept: list[np.ndarray] = []
        setup = job.setup
        numbers = np.array([job.loss.number, setup.slope_offset], dtype=job.dtype)
        slots, slot_values = job.state_slots()
        self.values = {
            "COUNT": job.restarts,
            "FIRST": job.first,
            "INDICES": _address(job.indices),
            "EPOCHS": job.epochs,
            "TARGET": self.address(np.array([job.target], dtype=job.dtype)),
            "JUDGED": job.judged,
            "HYPER_ROWS": job.hyper.ctypes.data,
            "HYPER_STEP": job.hyper.shape[1] if len(job.hyper) > 1 else 0,
            "INIT_STEP": job.start.numbers.strides[0] if len(job.start.numbers) > 1 else 0,
            "N_SLOTS": len(slots),
            "SLOTS": self.address(slots),
            "SLOT_VALUES": self.address(slot_values.astype(job.dtype)),
            "START_STATE": _address(job.start_state),
            "START_EPOCHS": _address(job.start_epochs),
            "RESUMES": job.resumes_rules,
            "STOP": stop_flag.ctypes.data,
            "INIT_CODE": job.start.code,
            "INIT": job.start.numbers.ctypes.data,
            "INIT_TABLE": job.start.table.ctypes.data,
            "SEED": int(np.uint64(job.seed).view(np.int64)),
            "UPDATE": self.piece(setup.update),
            "OPTION": setup.option,
            "OTHER_OPTION": setup.other_option,
            "LOSS_CODE": job.loss_code,
            "LOSS_SCALE": job.loss.scale,
            "LOSS_NUMBERS": self.address(numbers),
            "BATCH_SIZE": job.batch_size,
            "BATCHES": -(-len(job.X) // job.batch_size),
            # No update follows a pass that is made for rules and history.
            "JUDGED_FORWARD": job.batch_size < len(job.X)
            and not any(isinstance(rule, GradientBelow) for rule in job.rules),
        }
        begin = self.piece(begin_restart)
        if job.start.table.size or job.has_own_weights:
            self.values.update(BEGIN_PLAINLY=begin)
            begin = self.piece(begin_otherwise)
        self.values.update(BEGIN_RESTART=begin)
        if setup.observe is not None:
            self.values.update(OBSERVE=self.piece(setup.observe))
        if setup.observe is not None or setup.compute is not None:
            self.values.update(OBSERVED=1)
        if setup.slope_offset or any(map(keeps_slopes, job.net.activation)):
            self.values.update(KEEP_SLOPES=self.piece(keep_slopes_of(job.net.activation)))
        penalties = job.loss.penalties(job.net, job.dtype)
        if penalties is not None:
            self.values.update(PENALTY=self.piece(add_penalties), PENALTIES=self.address(penalties))
        if job.shuffle:
            self.values.update(SHUFFLE=self.piece(shuffle))
        self._add_weights()
        self._add_rules()

    def piece(self, piece: Piece) -> int:
        """The address of a piece for this call's numbers and vectors."""
        return piece.address(self.job.dtype, self.width)

    def address(self, array: np.ndarray) -> int:
        """The address of an array, which is kept."""
        self.kept.append(array)
        return int(array.ctypes.data)

    def _add_weights(self) -> None:
        weighting = self.job.weighting
        if weighting is None:
            return
        if isinstance(weighting, np.ndarray):
            if self.job.has_common_weights:
                self.values.update(WEIGHTING=COMMON, SAMPLE_WEIGHTS=self.address(weighting))
                return
            self.values.update(
                WEIGHT_SOURCE=GIVEN,
                WEIGHT_ROWS=self.address(weighting),
                WEIGHT_STEP=weighting.shape[1] * weighting.itemsize,
            )
        else:
            self.values.update(WEIGHT_SOURCE=weighting.code, WEIGHT_NUMBER=weighting.number)
        self.values.update(WEIGHTING=OWN)

    def _add_rules(self) -> None:
        job = self.job
        if job.rules:
            numbers = np.array([rule.number for rule in job.rules], dtype=job.dtype)
            self.values.update(
                JUDGE=self.piece(judge),
                N_RULES=len(job.rules),
                RULES=self.address(rule_table(job.rules, job.net.n_parameters)),
                RULE_NUMBERS=self.address(numbers),
            )

    def run(self, plan: Plan, outputs: Outputs) -> int:
        """Call the engine; returns the number of ticks."""
        job = self.job
        at = int(plan.frame[RULE_STATE])
        for rule in job.rules:  # the best parameters are the result, with their loss
            if isinstance(rule, Validation):
                plan.set(RESULT_LOSSES=at + 2, RESULT=at + 3)
            at += sum(count for count, _ in rule.slots(job.net.n_parameters))
        lanes = int(plan.frame[LANES])
        lane_state = np.zeros(4 * lanes, dtype=np.int64)
        order = np.zeros(lanes * len(job.X) if job.shuffle else 0, dtype=np.int64)
        plan.set(
            **self.values,
            LANE_STATE=lane_state.ctypes.data,
            ORDER=order.ctypes.data,
            OUT_PARAMETERS=_address(outputs.parameters),
            OUT_STATE=_address(outputs.state),
            OUT_LOSS=outputs.loss.ctypes.data,
            OUT_EPOCHS=outputs.epochs.ctypes.data,
            OUT_STATUS=outputs.status.ctypes.data,
            HISTORY=_address(outputs.history),
            HISTORY_EVERY=outputs.history_every,
            OUT_JACOBIAN=_address(outputs.jacobian),
        )
        if outputs.gradient:
            plan.set(RESULT=plan.frame[GRADIENT])
        workspace = zeros_aligned(plan.end * lanes, job.dtype)
        run_engine(self.piece(train_restarts), plan.frame, workspace)
        return int(plan.frame[TICK])


def _address(array: np.ndarray | None) -> int:
    return 0 if array is None or not array.size else int(array.ctypes.data)


def train_in_lanes(job: Job, lanes: int, stop_flag: np.ndarray, outputs: Outputs) -> int:
    """Train the restarts of `job`, `lanes` at once; returns the number of ticks."""
    width = vector_width(lanes, job.dtype)
    call = _Call(job, width, stop_flag)
    plan = make_plan(job.net, len(job.X), lanes, job.dtype.itemsize, _needs(job))
    call.values.update(
        STRIPS=lanes // width,
        X=job.X.ctypes.data,
        Y=job.y.ctypes.data,
        COMPUTE=call.piece(job.setup.compute or loss_and_gradient),
    )
    if not job.has_plain_loss and (job.setup.compute is None or job.validation is not None):
        call.values.update(LOSS=call.piece(add_losses))
    if job.watches:
        call.values.update(MONITOR=call.piece(watch_errors))
    if job.validation is not None:
        X, y = job.validation
        call.values.update(
            VALIDATION_X=call.address(X),
            VALIDATION_Y=call.address(y),
            VALIDATION_SAMPLES=len(X),
            VALIDATE=call.piece(loss_and_gradient),
        )
    if job.shuffle:
        call.values.update(
            GATHER=call.piece(gather),
            COMPUTE_GATHERED=call.piece(gathered_loss_and_gradient),
            LOSS_GATHERED=call.piece(gathered_losses),
        )
    return call.run(plan, outputs)


def train_singly(job: Job, threads: int, stop_flag: np.ndarray, outputs: Outputs) -> int:
    """Train the restarts of `job` one after another; returns the number of epochs."""
    samples, size = len(job.X), job.dtype.itemsize
    in_lanes = job.parallel == "samples"
    group, register = CACHE_LINE // size, register_bytes() // size
    run_length = job.batch_size
    if in_lanes and run_length == samples:
        groups = -(-samples // group)
        run_length = max(-(-groups // MOST_RUNS), LEAST_GROUPS) * group
    runs = -(-samples // run_length)
    threads = min(threads, runs) if in_lanes and job.batch_size == samples else 1
    compute = single_loss_and_gradient.address(job.dtype, register if in_lanes else 1)
    arrived = np.zeros(1, dtype=np.int64)
    shares = np.zeros(2 * runs * (job.net.n_parameters + 1), dtype=job.dtype)
    needs = _needs(job)
    plans = [
        make_single_plan(job.net, min(samples, run_length), size, group, in_lanes, needs)
        for _ in range(threads)
    ]
    tile, n_out = plans[0].tile, job.net.sizes[-1]
    data = [by_tile(array, run_length, tile) for array in (job.X, job.y)]
    call = _Call(job, 1, stop_flag)
    call.values.update(
        X=data[0].ctypes.data,
        Y=data[1].ctypes.data,
        SAMPLES=samples,
        COMPUTE=compute,
        GROUP_STRIPS=group // register,
        RUNS=runs,
        RUN_LENGTH=run_length,
        TILES=data[0].shape[1],
        THREADS=threads,
        SHARES=shares.ctypes.data,
        ARRIVED=arrived.ctypes.data,
    )
    if not job.has_plain_loss:
        call.values.update(LOSS=call.piece(single_losses))
    if job.watches:
        call.values.update(MONITOR=call.piece(single_watch_errors))
    if job.validation is not None:
        checked = [by_tile(array, len(array), tile) for array in job.validation]
        call.values.update(
            VALIDATION_X=call.address(checked[0]),
            VALIDATION_Y=call.address(checked[1]),
            VALIDATION_SAMPLES=len(job.validation[0]),
            VALIDATION_TILES=checked[0].shape[1],
            VALIDATE=single_loss_and_gradient.address(job.dtype, 1),
        )
    if job.shuffle:
        tiles = data[0].shape[1] * tile
        batch = [zeros_aligned(tiles * n, job.dtype) for n in (job.net.sizes[0], n_out, 1)]
        call.values.update(
            GATHER=call.piece(gather_single),
            COMPUTE_GATHERED=call.piece(compute_gathered_single),
            ROWS_X=job.X.ctypes.data,
            ROWS_Y=job.y.ctypes.data,
            GATHERED_X=call.address(batch[0]),
            GATHERED_Y=call.address(batch[1]),
            GATHERED_WEIGHTS=call.address(batch[2]),
        )

    def work(thread: int) -> int:
        plans[thread].set(THREAD=thread)
        return call.run(plans[thread], outputs)

    if threads == 1:
        return work(0)
    # All write the same results: of the same bits, since each adds the same shares in one order.
    with ThreadPoolExecutor(threads, thread_name_prefix="fastnn-samples") as pool:
        try:
            return max(pool.map(work, range(threads)))
        except BaseException:
            stop_flag[0] = 1  # those that have begun wait for the others
            raise
