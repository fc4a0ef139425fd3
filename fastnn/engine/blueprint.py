"""The blueprint of a launch: everything that jobs of one kind share, made once and reused.

It holds the sizes, places and kernels in a launch record for a network, a number of samples, an
optimizer, a loss and rules; numbers and arrays come with each job.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..jit.cache import is_kept
from ..jit.compiling import announced, any_kernel_compiled
from ..job.job import Job
from ..kernels.activation import activation_pieces
from ..kernels.errors import single_watch_errors, watch_errors
from ..kernels.forward_backward import gathered_loss_and_gradient, loss_and_gradient
from ..kernels.layout import COMMON, KERNELS, LAYER_COLUMNS, LAYERS, OWN, PLACES, REGIONS, SIZES
from ..kernels.losses import add_penalties, add_penalties_from_start, loss_pieces
from ..kernels.one_network_pass import LEAST_GROUPS, MOST_RUNS, pass_in_lanes, pass_in_order
from ..kernels.own_rows import begin_own, begin_validation, settle_rows
from ..kernels.pieces import Kind, Piece, Sizes
from ..kernels.sample_weights import begin_weighted
from ..kernels.shuffling import compute_gathered_single, gather, gather_single, shuffle
from ..kernels.train_loop import train_epochs, train_restarts
from ..kernels.workspace import CACHE_LINE, Needs, Plan, make_plan, make_single_plan
from ..lanes.types import register_bytes
from ..rules.judging import judge_of
from ..rules.validation import Validation
from ..spec.activations import BY_NAME
from ..spec.sample_weights import GIVEN
from .specialize import (
    FOR_BLOCKS,
    gains_in_blocks,
    has_own_pieces,
    is_quickly_compiled,
    is_small,
    mode,
)

# Fields of the record whose pieces a special kernel contains.
INLINED = ("compute", "update")
# Those that read samples: their kind says whether each network has its own.
OF_SAMPLES = (
    "compute", "loss", "monitor", "validate", "gather", "compute_gathered", "loss_gathered",
)  # fmt: skip
# Number of kinds of jobs to cache.
MOST = 256


def vector_width(lanes: int, dtype: np.dtype) -> int:
    """Number of the `lanes` networks in one vector, which is as long as a register."""
    return min(lanes, register_bytes() // dtype.itemsize)


def needs_of(job: Job) -> Needs:
    """The memory that the job needs."""
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
        own_weights=job.samples if job.has_own_weights else 0,
        own_rows=own_numbers(job) if job.groups is not None else 0,
        watches=job.watches,
        validates=job.validation is not None,
        validation_rows=validation_numbers(job),
    )


def own_numbers(job: Job) -> int:
    """Size of the samples of each network's own, inputs and targets."""
    return job.samples * (job.net.sizes[0] + job.n_targets)


def validation_numbers(job: Job) -> int:
    """Size of the validation samples of each network's own, inputs and targets."""
    if job.groups is None or job.validation is None:
        return 0
    return job.groups.validation_samples * (job.net.sizes[0] + job.n_targets)


class SampleRuns(NamedTuple):
    """Partition of one network's samples into runs, and of these into tiles."""

    group: int
    """Number of samples side by side: as many as fill a cache line."""
    length: int
    runs: int

    @classmethod
    def of(cls, job: Job) -> SampleRuns:
        """Cut the samples into runs: batches or, with sums in lanes, the threads' shares."""
        samples, group = job.samples, CACHE_LINE // job.dtype.itemsize
        length = job.batch_size
        if job.parallel == "samples" and length == samples:
            groups = -(-samples // group)
            length = max(-(-groups // MOST_RUNS), LEAST_GROUPS) * group
        return cls(group, length, -(-samples // length))


class Blueprint:
    """The part of a launch that jobs of one kind share."""

    def __init__(self, job: Job, plan: Plan, kind: Kind, **pieces: Piece) -> None:
        self.plan = plan
        self.kind = kind
        self.plain = replace(kind, own_data=False)
        """The kind of pieces that read no samples."""
        self.pieces = pieces
        """Pieces for the record's fields, compiled for any sizes."""
        self.special = kind
        """The kind of the special kernel, or None if there can be none."""
        self.special_file: Path | None = None
        self.uses_special = False
        self.may_change = False
        """True while the special kernel may still take over."""
        self.mixed = job.groups is not None and job.groups.is_mixed
        """True if lanes have different numbers of samples."""
        self.reluctance = 1
        """Factor by which jobs must take longer than small ones before it is compiled."""
        self.address = 0
        """Address of the loop over all restarts."""
        self._add_numbers(job)
        self._add_pieces(job)

    def _add_numbers(self, job: Job) -> None:
        setup, plan = job.setup, self.plan
        plan.set(
            option=setup.option,
            other_option=setup.other_option,
            spans=setup.spans,
            span_numbers=setup.span_numbers,
            batch_size=job.batch_size,
            batches=-(-job.samples // job.batch_size),
            # A pass made only for rules and history is not followed by an update.
            judged_forward=job.batch_size < job.samples
            and not any(rule.needs_gradient for rule in job.rules),
            observed=setup.observe is not None or setup.compute is not None,
            loss_scale=job.loss.reduction,
            loss_hyper=len(setup.numbers),
            n_targets=job.n_targets,
            n_rules=len(job.rules),
        )
        weighting = job.weighting
        if job.has_common_weights:
            plan.set(weighting=COMMON)
        elif isinstance(weighting, np.ndarray):
            plan.set(weighting=OWN, weight_source=GIVEN)
        elif weighting is not None:
            code, number = weighting.code, weighting.number
            plan.set(weighting=OWN, weight_source=code, weight_number=number)
        at = plan.get("rule_state")
        for rule in job.rules:  # the best parameters are the result, with their loss
            if isinstance(rule, Validation):
                plan.set(result_losses=at + 2, result=at + 3)
            at += sum(count for count, _ in rule.slots(job.net.n_parameters))

    def _add_pieces(self, job: Job) -> None:
        setup, pieces = job.setup, self.pieces
        pieces.update(begin_restart=job.start.kind.begin, update=setup.update)
        if job.has_own_weights:
            pieces.update(begin_plainly=job.start.kind.begin, begin_restart=begin_weighted)
        if job.groups is not None:
            pieces.update(
                begin_plainly=job.start.kind.begin, begin_restart=begin_own, settle_rows=settle_rows
            )
        if job.groups is not None and job.validation is not None:
            pieces.update(begin_validation=begin_validation)
        if setup.observe is not None:
            pieces.update(observe=setup.observe)
        if job.loss.has_penalties:
            towards_start = job.loss.pulls_to_start
            pieces.update(penalty=add_penalties_from_start if towards_start else add_penalties)
        if job.shuffle:
            pieces.update(shuffle=shuffle)
        if job.rules:
            pieces.update(judge=judge_of(job.rules))

    def sizes(self, *, unrolled: bool) -> Sizes:
        """The constants of a kernel compiled for jobs of this kind alone."""
        plan = self.plan
        known = {name: plan.get(name) for name in (*SIZES, *REGIONS)}
        known |= {name: 0 for name in KERNELS if name not in (*self.pieces, "epochs_kernel")}
        if self.mixed:  # lanes change it when they take restarts
            del known["samples"]
        # Long code for loops over 41 parameters made an epoch of L-BFGS 15 to 40 % slower.
        if not unrolled:
            del known["n_parameters"]
        return Sizes(
            fields=tuple(known.items()),
            layers=tuple(tuple(map(int, row)) for row in plan.layers[:, :-2]),
            activations=tuple(plan.activations),
            unrolled=unrolled,
            inlined=tuple((name, self.pieces[name]) for name in INLINED),
        )

    def prepare(self, job: Job) -> Blueprint:
        """Choose the special or the general kernel, and compile what is missing."""
        asked, lanes = mode(), self.plan.get("lanes")
        small = is_small(job, lanes)
        self.reluctance = 1 if small else FOR_BLOCKS
        if asked == "special" or (asked == "auto" and (small or gains_in_blocks(job, lanes))):
            sizes = self.sizes(unrolled=small)
            self.special = replace(self.kind, sizes=sizes)
            own = has_own_pieces(self.pieces, sizes)
            self.special_file = None if own else train_epochs.kept_file(self.special)
            self.uses_special = asked == "special" or (not own and self._begins_special(job))
            self.may_change = not self.uses_special and self.special_file is not None
        wanted = self._wanted(job)
        with announced(not all(piece.is_compiled(kind) for _, piece, kind in wanted)):
            for place, piece, kind in wanted:
                self.plan.record[place] = piece.address(kind)
            self.address = train_restarts.address(self.plain)
        return self

    def _begins_special(self, job: Job) -> bool:
        """Return whether the special kernel exists, or is faster to compile."""
        if train_epochs.is_compiled(self.special):
            return True
        general = train_epochs.is_compiled(self.plain) or any_kernel_compiled()
        return not general and is_quickly_compiled(job)

    def _wanted(self, job: Job) -> list[tuple[int, Piece, Kind]]:
        """Places in the record, and the pieces that belong there."""
        pieces = dict(self.pieces)
        kind = self.special if self.uses_special else self.kind
        # Only passes over other data call by address what the special kernel contains.
        others = job.validation is not None or job.shuffle
        if self.uses_special and not others:
            pieces = {name: piece for name, piece in pieces.items() if name not in INLINED}
        wanted = [
            (PLACES[name], piece, self.kind if name in OF_SAMPLES else self.plain)
            for name, piece in pieces.items()
        ]
        wanted.append((PLACES["epochs_kernel"], train_epochs, kind if kind.sizes else self.plain))
        if not self.uses_special or others:
            for level, (activation, keeps) in enumerate(self.plan.activations):
                at = LAYERS + (level + 1) * LAYER_COLUMNS - 2
                for place, piece in enumerate(activation_pieces(activation, keeps), start=at):
                    wanted.append((place, piece, self.plain))
        return wanted

    def look_for_special(self) -> bool:
        """Switch to the special kernel if it is in the cache by now; return whether it is."""
        if self.may_change and self.special_file is not None and is_kept(self.special_file):
            address = train_epochs.address(self.special)
            self.uses_special, self.may_change = True, False
            self.plan.set(epochs_kernel=address)
        return self.uses_special


def _many_at_once(job: Job, lanes: int) -> Blueprint:
    """Make the blueprint for `lanes` networks at once."""
    width = vector_width(lanes, job.dtype)
    plan = make_plan(job.net, job.samples, lanes, job.dtype.itemsize, needs_of(job))
    plan.set(strips=lanes // width)
    pieces = {"compute": job.setup.compute or loss_and_gradient}
    if not job.has_plain_loss and (job.setup.compute is None or job.validation is not None):
        pieces["loss"] = loss_pieces(job.loss_formula).shared
    if job.watches:
        pieces["monitor"] = watch_errors
    if job.validation is not None:
        pieces["validate"] = loss_and_gradient
    if job.shuffle:
        pieces["gather"] = gather
        pieces["compute_gathered"] = gathered_loss_and_gradient
        pieces["loss_gathered"] = loss_pieces(job.loss_formula).gathered
    kind = Kind(job.dtype, width, own_data=job.groups is not None)
    return Blueprint(job, plan, kind, **pieces)


def _one_by_one(job: Job) -> Blueprint:
    """Make the blueprint for one network at a time."""
    samples, size, sample_runs = job.samples, job.dtype.itemsize, SampleRuns.of(job)
    samples_in_lanes = job.parallel == "samples"
    rows = min(samples, sample_runs.length)
    plan = make_single_plan(job.net, rows, size, sample_runs.group, samples_in_lanes, needs_of(job))
    plan.set(
        samples=samples,
        group_strips=sample_runs.group * size // register_bytes(),
        runs=sample_runs.runs,
        run_length=sample_runs.length,
        tiles=-(-rows // plan.tile),
    )
    pieces = {"compute": pass_in_lanes if samples_in_lanes else pass_in_order}
    if not job.has_plain_loss:
        pieces["loss"] = loss_pieces(job.loss_formula).one_network
    if job.watches:
        pieces["monitor"] = single_watch_errors
    if job.validation is not None:
        pieces["validate"] = pass_in_order
    if job.shuffle:
        pieces["gather"], pieces["compute_gathered"] = gather_single, compute_gathered_single
    return Blueprint(job, plan, Kind(job.dtype, 1), **pieces)


def _key(job: Job, lanes: int) -> tuple[Any, ...]:
    """The key of a blueprint: everything that it depends on."""
    setup, loss, weighting = job.setup, job.loss, job.weighting
    given = None if weighting is None else getattr(weighting, "code", GIVEN)
    return (
        lanes, job.net, tuple(BY_NAME.get(name) for name in job.net.activation), job.samples,
        job.dtype, job.parallel, job.batch_size, job.shuffle, mode(),
        setup.update, setup.compute, setup.observe, setup.n_state, job.hyper.shape[1],
        setup.option, setup.other_option, setup.spans, setup.span_numbers, setup.scratch,
        setup.one_tile, setup.slope_offset != 0,
        job.loss_formula, loss.reduction, loss.has_penalties, loss.pulls_to_start,
        job.has_plain_loss, given, getattr(weighting, "number", 0), job.has_own_weights,
        tuple((type(rule), rule.slots(job.net.n_parameters)) for rule in job.rules),
        job.validation is not None, job.start.kind.begin,
        None if job.groups is None else job.groups.is_mixed, validation_numbers(job),
    )  # fmt: skip


_made: OrderedDict[tuple[Any, ...], Blueprint] = OrderedDict()


def blueprint_of(job: Job, lanes: int) -> Blueprint:
    """The blueprint for `job` with `lanes` networks at once, shared by jobs of its kind."""
    key = _key(job, lanes)
    found = _made.get(key)
    if found is None:
        new = _many_at_once(job, lanes) if lanes > 1 else _one_by_one(job)
        found = _made.setdefault(key, new.prepare(job))
        while len(_made) > MOST:
            _made.popitem(last=False)
    return found
