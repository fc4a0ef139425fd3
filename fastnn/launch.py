"""The launch of a compiled training run: a job as launch record, workspace and kernels.

A `Launch` is made once for a job and serves all of its chunks: what differs between them is their
rows of numbers and where results go.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from .job import Job
from .kernels.activation import activation_pieces
from .kernels.forward_backward import gathered_loss_and_gradient, loss_and_gradient
from .kernels.layout import (
    COLUMNS,
    COMMON,
    KERNELS,
    LAYERS,
    OWN,
    PLACES,
    REGIONS,
    SIZES,
    UNWEIGHTED,
)
from .kernels.losses import add_penalties, loss_pieces
from .kernels.one_network_pass import LEAST_GROUPS, MOST_RUNS, pass_in_lanes, pass_in_order
from .kernels.pieces import Kind, Piece, Sizes, run_piece
from .kernels.shuffling import compute_gathered_single, gather, gather_single, shuffle
from .kernels.starts import begin_otherwise, begin_restart
from .kernels.stopping import judge_of, rule_table, single_watch_errors, watch_errors
from .kernels.train_loop import train_epochs, train_restarts
from .kernels.workspace import (
    CACHE_LINE,
    Needs,
    Plan,
    by_tile,
    make_plan,
    make_single_plan,
    zeros_aligned,
)
from .lanes.compiling import announced, any_kernel_compiled
from .lanes.types import register_bytes
from .specialize import (
    AHEAD,
    compilations,
    has_own_parts,
    is_quickly_compiled,
    is_small,
    mode,
)
from .stopping import GradientBelow, Validation
from .weighting import GIVEN


def vector_width(lanes: int, dtype: np.dtype) -> int:
    """How many of `lanes` networks lie in one vector, which is as long as a register."""
    return min(lanes, register_bytes() // dtype.itemsize)


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


def needs_of(job: Job) -> Needs:
    """What the job needs room for."""
    setup = job.setup
    return Needs(
        n_hyper=job.hyper.shape[1],
        n_state=setup.n_state,
        rule_state=job.n_state - setup.n_state,
        scratch=setup.scratch,
        one_tile=setup.one_tile,
        keeps_slopes=setup.slope_offset != 0,
        linear_output=job.loss.output is not None,
        factors=not job.has_plain_loss or job.shuffle,
        gathers=job.batch_size if job.shuffle else 0,
        own_weights=len(job.X) if job.has_own_weights else 0,
        watches=job.watches,
        validates=job.validation is not None,
    )


# Parts of the record that a special kernel contains.
INLINED = ("compute", "update")
# A pass for the losses alone, without weights and rules.
VALIDATION = {
    "forward_only": 1, "weighting": UNWEIGHTED, "monitor": 0, "batches": 1, "begin": 0, "end": 1,
}  # fmt: skip


class Launch:
    """What all chunks of a job have in common; arrays live as long as it does."""

    def __init__(self, job: Job, plan: Plan, kind: Kind) -> None:
        self.job = job
        self.plan = plan
        self.kind = kind
        self.kept: list[np.ndarray] = []
        self.pieces: dict[str, Piece] = {}
        self.others: dict[str, dict[str, int]] = {}
        """The fields of records for passes over other data."""
        self.buffers: dict[str, int] = {}
        """Numbers of arrays that each chunk has to itself."""
        self.expected = job.restarts * job.seconds_of_a_restart
        """A guess, rather too long, how many seconds the whole job takes."""
        self.special = kind
        """The kind of the special kernel, if there may be one."""
        self.uses_special = False
        self.may_change = False
        self._add_numbers()
        self._add_data()
        self._add_rules()

    def set(self, **values: int) -> None:
        """Write numbers, offsets or addresses into the record."""
        self.plan.set(**values)

    def use(self, **pieces: Piece) -> None:
        """Declare what does the record's fields; `prepare` compiles it if need be."""
        self.pieces.update(pieces)

    def address(self, array: np.ndarray) -> int:
        """The address of an array, which is kept."""
        self.kept.append(array)
        return int(array.ctypes.data)

    def _add_numbers(self) -> None:
        job, setup = self.job, self.job.setup
        slots, slot_values = job.state_slots()
        target = np.array([job.target], dtype=job.dtype)
        self.set(
            epochs=job.epochs,
            target=self.address(target),
            judged=job.judged,
            n_slots=len(slots),
            slots=self.address(slots),
            slot_values=self.address(slot_values.astype(job.dtype)),
            resumes=job.resumes_rules,
            init_code=job.start.code,
            init_table=self.address(job.start.table),
            seed=int(np.uint64(job.seed).view(np.int64)),
            option=setup.option,
            other_option=setup.other_option,
            batch_size=job.batch_size,
            batches=-(-len(job.X) // job.batch_size),
            # No update follows a pass that is made for rules and history.
            judged_forward=job.batch_size < len(job.X)
            and not any(isinstance(rule, GradientBelow) for rule in job.rules),
            observed=setup.observe is not None or setup.compute is not None,
        )
        if job.start.table.size or job.has_own_weights:
            self.use(begin_plainly=begin_restart, begin_restart=begin_otherwise)
        else:
            self.use(begin_restart=begin_restart)
        self.use(update=setup.update)
        if setup.observe is not None:
            self.use(observe=setup.observe)

    def _add_data(self) -> None:
        job, setup = self.job, self.job.setup
        numbers = np.array([job.loss.number, setup.slope_offset], dtype=job.dtype)
        self.set(loss_scale=job.loss.scale, loss_numbers=self.address(numbers))
        penalties = job.loss.penalties(job.net, job.dtype)
        if penalties is not None:
            self.use(penalty=add_penalties)
            self.set(penalties=self.address(penalties))
        if job.shuffle:
            self.use(shuffle=shuffle)
        weighting = job.weighting
        if job.has_common_weights:
            self.set(weighting=COMMON, sample_weights=self.address(weighting))
        elif isinstance(weighting, np.ndarray):
            self.set(weighting=OWN, weight_source=GIVEN, weight_step=weighting.shape[1])
        elif weighting is not None:
            code, number = weighting.code, weighting.number
            self.set(weighting=OWN, weight_source=code, weight_number=number)

    def _add_rules(self) -> None:
        job, plan = self.job, self.plan
        at = plan.get("rule_state")
        for rule in job.rules:  # the best parameters are the result, with their loss
            if isinstance(rule, Validation):
                plan.set(result_losses=at + 2, result=at + 3)
            at += sum(count for count, _ in rule.slots(job.net.n_parameters))
        if job.rules:
            numbers = np.array([rule.number for rule in job.rules], dtype=job.dtype)
            self.use(judge=judge_of(job.rules))
            self.set(
                n_rules=len(job.rules),
                rules=self.address(rule_table(job.rules, job.net.n_parameters)),
                rule_numbers=self.address(numbers),
            )

    def sizes(self) -> Sizes:
        """What a kernel for this job alone knows when it is compiled."""
        plan = self.plan
        known = {name: plan.get(name) for name in (*SIZES, *REGIONS)}
        known |= {name: 0 for name in KERNELS if name not in (*self.pieces, "epochs_kernel")}
        return Sizes(
            fields=tuple(known.items()),
            layers=tuple(tuple(map(int, row)) for row in plan.layers[:, :-2]),
            activations=tuple(plan.activations),
            unrolled=True,
            parts=tuple((name, self.pieces[name]) for name in INLINED),
        )

    def prepare(self) -> Launch:
        """Choose between the special and the general kernel, and compile what is missing."""
        asked = mode()
        if asked != "general" and is_small(self.job):
            self.special = replace(self.kind, sizes=self.sizes())
            self.uses_special = asked == "special" or self._begins_special()
            foreign = has_own_parts(self.pieces, self.special.sizes)
            self.may_change = asked == "auto" and not self.uses_special and not foreign
        wanted = self._wanted()
        missing = not all(piece.is_at_hand(kind) for _, piece, kind in wanted)
        with announced(missing):
            for place, piece, kind in wanted:
                self.plan.record[place] = piece.address(kind)
        return self

    def _begins_special(self) -> bool:
        """Whether the special kernel is there, or is the quicker one to compile."""
        if has_own_parts(self.pieces, self.special.sizes):
            return False
        if train_epochs.is_at_hand(self.special):
            return True
        general = train_epochs.is_at_hand(self.kind) or any_kernel_compiled()
        return not general and is_quickly_compiled(self.job)

    def _wanted(self) -> list[tuple[int, Piece, Kind]]:
        """Places in the record, and the pieces for them."""
        pieces, job = dict(self.pieces), self.job
        kind = self.special if self.uses_special else self.kind
        # What the special kernel contains is called by address only by passes over other data.
        others = job.validation is not None or job.shuffle
        if self.uses_special and not others:
            pieces = {name: piece for name, piece in pieces.items() if name not in INLINED}
        wanted = [(PLACES[name], piece, self.kind) for name, piece in pieces.items()]
        wanted.append((PLACES["epochs_kernel"], train_epochs, kind))
        if not self.uses_special or others:
            for level, (activation, keeps) in enumerate(self.plan.activations):
                at = LAYERS + (level + 1) * COLUMNS - 2
                for place, piece in enumerate(activation_pieces(activation, keeps), start=at):
                    wanted.append((place, piece, self.kind))
        return wanted

    def take_over(self, record: np.ndarray) -> None:
        """Go on with the special kernel, in a run that is under way too."""
        address = train_epochs.address(self.special)
        self.uses_special, self.may_change = True, False
        self.set(epochs_kernel=address)
        record[PLACES["epochs_kernel"]] = address

    def record_of(self, part: Job, stop_flag: np.ndarray, outputs: Outputs) -> Plan:
        """The record of one chunk."""
        own = self.plan.copy()
        start = part.start.numbers
        own.set(
            count=part.restarts,
            first=part.first,
            indices=_address(part.indices),
            hyper_rows=part.hyper.ctypes.data,
            hyper_step=part.hyper.shape[1] if len(part.hyper) > 1 else 0,
            init_rows=start.ctypes.data,
            init_step=start.shape[1] if len(start) > 1 else 0,
            start_state=_address(part.start_state),
            start_epochs=_address(part.start_epochs),
            stop=stop_flag.ctypes.data,
            out_parameters=_address(outputs.parameters),
            out_state=_address(outputs.state),
            out_loss=outputs.loss.ctypes.data,
            out_epochs=outputs.epochs.ctypes.data,
            out_status=outputs.status.ctypes.data,
            history=_address(outputs.history),
            history_every=outputs.history_every,
            out_jacobian=_address(outputs.jacobian),
        )
        if self.job.has_own_weights and isinstance(part.weighting, np.ndarray):
            own.set(weight_rows=part.weighting.ctypes.data)
        if outputs.gradient:
            own.set(result=own.get("gradient"))
        return own

    def run(self, part: Job, stop_flag: np.ndarray, outputs: Outputs, **own: int) -> int:
        """Train the restarts of `part`; returns the number of ticks."""
        job = self.job
        plan = self.record_of(part, stop_flag, outputs)
        lanes = plan.get("lanes")
        lane_state = np.zeros(4 * lanes, dtype=np.int64)
        order = np.zeros(lanes * len(job.X) if job.shuffle else 0, dtype=np.int64)
        buffers = {name: zeros_aligned(count, job.dtype) for name, count in self.buffers.items()}
        plan.set(lane_state=lane_state.ctypes.data, order=_address(order), **own)
        plan.set(**{name: buffer.ctypes.data for name, buffer in buffers.items()})
        others = [self._other_record(plan, name) for name in self.others]
        plan.set(
            **{
                f"{name}_record": other.ctypes.data
                for name, other in zip(self.others, others, strict=True)
            }
        )
        workspace = zeros_aligned(plan.end * lanes, job.dtype)
        address = train_restarts.address(self.kind)
        if not (self.may_change and self.expected > AHEAD):
            run_piece(address, plan.record, workspace)
            return plan.get("tick")
        compilations.begin(self, plan.record)
        try:
            run_piece(address, plan.record, workspace)
        finally:
            compilations.end(self, plan.record)
        return plan.get("tick")

    def _other_record(self, plan: Plan, name: str) -> np.ndarray:
        """A record of the same workspace for a pass over other data."""
        other = plan.copy()
        other.set(**self.others[name])
        return other.record


def _address(array: np.ndarray | None) -> int:
    return 0 if array is None or not array.size else int(array.ctypes.data)


def launch_in_lanes(job: Job, lanes: int) -> Launch:
    """The launch of `job` with `lanes` networks at once."""
    width = vector_width(lanes, job.dtype)
    plan = make_plan(job.net, len(job.X), lanes, job.dtype.itemsize, needs_of(job))
    plan.set(strips=lanes // width)
    launch = Launch(job, plan, Kind(job.dtype, width))
    pieces = None if job.has_plain_loss else loss_pieces(job.loss_code)
    launch.set(x=launch.address(job.X), y=launch.address(job.y))
    launch.use(compute=job.setup.compute or loss_and_gradient)
    if pieces and (job.setup.compute is None or job.validation is not None):
        launch.use(loss=pieces.shared)
    if job.watches:
        launch.use(monitor=watch_errors)
    if job.validation is not None:
        X, y = job.validation
        launch.use(validate=loss_and_gradient)
        launch.others["validation"] = {
            **VALIDATION,
            "x": launch.address(X),
            "y": launch.address(y),
            "samples": len(X),
            "batch_size": len(X),
            "losses": plan.get("validation_losses"),
        }
    if job.shuffle:
        launch.use(gather=gather, compute_gathered=gathered_loss_and_gradient)
        launch.use(loss_gathered=loss_pieces(job.loss_code).gathered)
    return launch


@dataclass(frozen=True)
class SampleRuns:
    """How the samples of one network are cut: into runs, and these into tiles."""

    group: int
    """Samples side by side, as many as fill a cache line."""
    run_length: int
    runs: int

    @classmethod
    def of(cls, job: Job) -> SampleRuns:
        """Runs are batches or, where sums are in lanes, what threads share."""
        samples, group = len(job.X), CACHE_LINE // job.dtype.itemsize
        length = job.batch_size
        if job.parallel == "samples" and length == samples:
            groups = -(-samples // group)
            length = max(-(-groups // MOST_RUNS), LEAST_GROUPS) * group
        return cls(group, length, -(-samples // length))


def launch_one(job: Job) -> Launch:
    """The launch of `job` with one network after the other."""
    samples, size, cut = len(job.X), job.dtype.itemsize, SampleRuns.of(job)
    in_lanes = job.parallel == "samples"
    compute = pass_in_lanes if in_lanes else pass_in_order
    plan = make_single_plan(
        job.net, min(samples, cut.run_length), size, cut.group, in_lanes, needs_of(job)
    )
    launch = Launch(job, plan, Kind(job.dtype, 1))
    X, y = (by_tile(array, cut.run_length, plan.tile) for array in (job.X, job.y))
    launch.use(compute=compute)
    launch.set(
        x=launch.address(X),
        y=launch.address(y),
        samples=samples,
        group_strips=cut.group * size // register_bytes(),
        runs=cut.runs,
        run_length=cut.run_length,
        tiles=X.shape[1],
        threads=1,
    )
    if not job.has_plain_loss:
        launch.use(loss=loss_pieces(job.loss_code).one_network)
    if job.watches:
        launch.use(monitor=single_watch_errors)
    if job.validation is not None:
        _add_validation_of_one(launch)
    if job.shuffle:
        _add_batches_of_one(launch, X.shape[1])
    return launch


def _add_validation_of_one(launch: Launch) -> None:
    X, y = launch.job.validation or ()
    samples = len(X)
    X, y = (by_tile(array, samples, launch.plan.tile) for array in (X, y))
    launch.use(validate=pass_in_order)
    launch.others["validation"] = {
        **VALIDATION,
        "x": launch.address(X),
        "y": launch.address(y),
        "samples": samples,
        "batch_size": samples,
        "losses": launch.plan.get("validation_losses"),
        "tiles": X.shape[1],
        "run_length": samples,
        "runs": 1,
        "thread": 0,
        "threads": 1,
    }


def _add_batches_of_one(launch: Launch, tiles: int) -> None:
    job, room = launch.job, tiles * launch.plan.tile
    launch.use(gather=gather_single, compute_gathered=compute_gathered_single)
    launch.set(rows_x=launch.address(job.X), rows_y=launch.address(job.y))
    launch.buffers.update(
        batch_x=room * job.net.sizes[0], batch_y=room * job.net.sizes[-1], batch_weights=room
    )


_launches: WeakKeyDictionary[Job, dict[int, Launch]] = WeakKeyDictionary()


def launch_of(job: Job, lanes: int) -> Launch:
    """The launch of `job` with `lanes` networks at once, made when it is first asked for."""
    made = _launches.setdefault(job, {})
    if lanes not in made:
        launch = launch_in_lanes(job, lanes) if lanes > 1 else launch_one(job)
        made.setdefault(lanes, launch.prepare())
    return made[lanes]


def train(launch: Launch, part: Job, threads: int, stop_flag: np.ndarray, outputs: Outputs) -> int:
    """Train the restarts of `part`; returns the number of epochs that kernels computed.

    Several `threads` share the samples of one network, where sums over samples are in lanes.
    """
    job, runs = launch.job, launch.plan.get("runs")
    shares_work = job.parallel == "samples" and job.batch_size == len(job.X)
    threads = min(threads, runs) if shares_work else 1
    arrived = np.zeros(1, dtype=np.int64)
    shares = np.zeros(2 * runs * (job.net.n_parameters + 1), dtype=job.dtype)
    common = {
        "threads": threads, "arrived": arrived.ctypes.data, "shares": shares.ctypes.data,
    }  # fmt: skip
    if threads == 1:
        return launch.run(part, stop_flag, outputs, **common)

    def work(thread: int) -> int:
        return launch.run(part, stop_flag, outputs, thread=thread, **common)

    # All write the same results: of the same bits, since each adds the same shares in one order.
    with ThreadPoolExecutor(threads, thread_name_prefix="fastnn-samples") as pool:
        try:
            return max(pool.map(work, range(threads)))
        except BaseException:
            stop_flag[0] = 1  # those that have begun wait for the others
            raise
