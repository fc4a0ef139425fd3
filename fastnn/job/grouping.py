"""Groups of samples: networks of their own for each data set of many.

Groups are numbered by size, the largest first, and their rows lie together in that order.  So
neighbouring restarts have nearly the same number of samples, and lanes lose little time by waiting
for each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..spec.sample_weights import KFold, Weighting
from ..support.checks import integer, shown
from ..support.frames import series_values
from ..support.gate import check_array, frozen
from ..support.group_labels import as_array, plain_labels

if TYPE_CHECKING:
    from .job import Job

MOST_ROWS = 2**24
"""Maximum number of samples of a group, which kernels count in float32."""
# Kinds of arrays whose labels are sorted, which is quicker than looking up each.
PLAIN = "Uiufb"
INTEGER = np.dtype(np.int64)
LATER = {"added_later": True}


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of a job.

    Restart k is restart ``begin + k % restarts`` of group ``k // restarts``.
    """

    labels: np.ndarray
    """(groups,): the labels, in the order of their first rows."""
    places: np.ndarray
    """(groups,) int64: the place in `labels` of each group's label."""
    rows: np.ndarray
    """(groups + 1,) int64: the first row of each group, and the end of the last."""
    restarts: int
    """Number of restarts of each group."""
    common_inputs: bool = False
    """True if all groups have the same inputs, and only targets of their own."""
    first: int = 0
    """The number of the first group, in a part of a job; a part has no labels."""
    capacity: int = 0
    """Number of samples for which there is memory in each lane; 0: those of the largest group."""
    validation_rows: np.ndarray | None = field(default=None, metadata=LATER)
    """(groups + 1,) int64: as `rows`, of the validation set, if there is one."""
    validation_capacity: int | None = field(default=None, metadata=LATER)
    """The same as `capacity`, of the validation set; None: those of the group with the most."""
    first_restart: int | None = field(default=None, metadata=LATER)
    """Index of the first restart of each group, in the group; None: 0."""

    def __post_init__(self) -> None:
        """Check everything, since compiled code trusts it."""
        count = len(self.rows) - 1
        check_array("rows", self.rows, INTEGER, (max(count, 1) + 1,))
        integer("restarts", self.restarts, 1, 10**12)
        integer("first", self.first, 0)
        integer("first_restart", self.begin, 0, 2**63 - 1 - self.restarts)
        sizes = self.sizes
        if self.rows[0] != 0 or not (sizes[-1] > 0 and sizes[0] <= MOST_ROWS):
            raise ValueError("rows: expected groups of at least one row, got others")
        if (np.diff(sizes) > 0).any():
            raise ValueError("rows: expected the largest group first, got another order")
        if self.common_inputs and sizes[0] != sizes[-1]:
            raise ValueError("rows: expected groups of one size, with common inputs")
        if self.capacity:
            integer("capacity", self.capacity, 1, 2 * MOST_ROWS)
        self._check_validation(count)
        if len(self.labels):
            check_array("places", self.places, INTEGER, (count,))
            check_array("labels", self.labels, self.labels.dtype, (count,))
            if (np.bincount(self.places, minlength=count) != 1).any():
                raise ValueError("places: expected each group once, got another order")

    def _check_validation(self, count: int) -> None:
        rows = self.validation_rows
        if rows is None:
            return
        check_array("validation_rows", rows, INTEGER, (count + 1,))
        sizes = np.diff(rows)
        if rows[0] != 0 or sizes.min() < 1 or sizes.max() > MOST_ROWS:
            raise ValueError("validation_rows: expected at least one row of each group, got none")
        if self.common_inputs and (sizes != sizes[0]).any():
            raise ValueError("validation_rows: expected groups of one size, with common inputs")
        if self.validation_capacity is not None:
            integer("validation_capacity", self.validation_capacity, 1, 2 * MOST_ROWS)

    def check_job(self, job: Job) -> None:
        """Raise ValueError unless these are the groups of the job's rows and restarts."""
        rows = int(self.rows[-1])
        inputs = int(self.rows[1]) if self.common_inputs else rows
        if (len(job.X), len(job.y)) != (inputs, rows):
            raise ValueError(
                f"groups: expected groups of {len(job.y)} rows, as many as y has, got {rows}"
            )
        if (self.validation_rows is None) != (job.validation is None):
            raise ValueError("validation: expected rows of groups, got others")
        if self.validation_rows is not None and job.validation is not None:
            held = int(self.validation_rows[-1])
            inputs = int(self.validation_rows[1]) if self.common_inputs else held
            if tuple(map(len, job.validation)) != (inputs, held):
                raise ValueError(f"validation: expected {held} rows of groups, got others")
        first, last = job.first // self.restarts, (job.first + job.restarts - 1) // self.restarts
        if not self.first <= first <= last < self.first + self.count:
            raise ValueError(f"groups: expected restarts of {self.count} groups, got others")

    @property
    def begin(self) -> int:
        """Index of the first restart of each group, in the group."""
        return self.first_restart or 0

    @property
    def count(self) -> int:
        """Number of groups."""
        return len(self.rows) - 1

    @property
    def total(self) -> int:
        """Number of restarts of all groups."""
        return self.count * self.restarts

    @property
    def sizes(self) -> np.ndarray:
        """(groups,) int64: the number of samples of each group."""
        return np.diff(self.rows)

    @property
    def samples(self) -> int:
        """Number of samples for which lanes have memory: at least those of the largest group."""
        return self.capacity or int(self.rows[1])

    @property
    def is_mixed(self) -> bool:
        """True if not all groups have as many samples as there is memory for."""
        sizes = self.sizes
        return not sizes[0] == sizes[-1] == self.samples

    @property
    def validation_samples(self) -> int:
        """Number of validation samples for which lanes have memory."""
        if self.validation_rows is None:
            return 0
        return self.validation_capacity or int(np.diff(self.validation_rows).max())

    @property
    def mean_share(self) -> float:
        """Mean number of a restart's samples, of those for which there is memory."""
        held = 0 if self.validation_rows is None else int(self.validation_rows[-1])
        rooms = self.samples + self.validation_samples
        return (int(self.rows[-1]) + held) / (self.count * rooms)

    @property
    def ranks(self) -> np.ndarray:
        """(groups,) int64: the number of the group of each label."""
        ranks = np.empty(self.count, dtype=np.int64)
        ranks[self.places] = np.arange(self.count)
        return ranks

    def labels_of(self, indices: np.ndarray) -> np.ndarray:
        """The labels of the groups of restarts."""
        labels: np.ndarray = self.labels[self.places[indices // self.restarts]]
        return labels

    def rows_of(self, group: int) -> slice:
        """The rows of a group, by its number."""
        at = group - self.first
        return slice(int(self.rows[at]), int(self.rows[at + 1]))

    def inputs_of(self, group: int) -> slice:
        """The rows of its inputs."""
        return slice(0, int(self.rows[1])) if self.common_inputs else self.rows_of(group)

    def part(self, first: int, last: int) -> tuple[Groups, slice, slice]:
        """The groups ``first … last`` alone, and their rows among inputs and targets."""
        some = slice(first - self.first, last + 2 - self.first)
        rows, held = self.rows[some], self.validation_rows
        if held is not None:
            held = frozen(held[some] - held[some.start])
        nothing = np.empty(0, dtype=np.int64)
        made = replace(
            self, labels=nothing, places=nothing, rows=frozen(rows - rows[0]), first=first,
            validation_rows=held,
        )  # fmt: skip
        targets = slice(int(rows[0]), int(rows[-1]))
        return made, self.inputs_of(first) if self.common_inputs else targets, targets


def validation_of(job: Job, first: int, last: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The validation rows of the groups ``first … last`` of a job, if there are any."""
    groups = job.groups
    if job.validation is None or groups is None or groups.validation_rows is None:
        return None
    X, y = job.validation
    rows = groups.validation_rows[[first - groups.first, last + 1 - groups.first]]
    some = slice(*rows.tolist())
    return X if groups.common_inputs else X[some], y[some]


def named(label: Any) -> str:
    """A label for an error message."""
    return shown(label.item() if isinstance(label, np.generic) else label)


def groups_of(
    labels: np.ndarray, codes: np.ndarray, restarts: int, *, common_inputs: bool = False
) -> tuple[Groups, np.ndarray]:
    """The groups of rows whose labels are ``labels[codes]``, and the rows in their order."""
    sizes = np.bincount(codes, minlength=len(labels)).astype(np.int64)
    places = np.argsort(-sizes, kind="stable").astype(np.int64)
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[places] = np.arange(len(labels))
    rows = np.concatenate([[0], np.cumsum(sizes[places])]).astype(np.int64)
    if sizes.max() > MOST_ROWS:
        label = labels[int(sizes.argmax())]
        raise ValueError(
            f"groups: expected at most {MOST_ROWS:,} rows in a group, got {sizes.max():,} with the "
            f"label {named(label)}"
        )
    made = Groups(frozen(labels), frozen(places), frozen(rows), restarts, common_inputs)
    return made, np.argsort(ranks[codes], kind="stable")


def same_groups(one: Groups | None, other: Groups | None) -> bool:
    """Return whether both have the same labels, restarts and numbers of rows, or both are None."""
    if one is None or other is None:
        return one is other
    arrays = ((one.labels, other.labels), (one.places, other.places), (one.rows, other.rows))
    same = (one.restarts, one.begin) == (other.restarts, other.begin)
    return same and all(np.array_equal(*pair) for pair in arrays)


def isolate_group(job: Job) -> Job:
    """The job of a single restart, on its group's rows alone."""
    groups, weighting = job.groups, job.weighting
    assert groups is not None
    group, restart = divmod(job.first, groups.restarts)
    rows = groups.rows_of(group)
    samples = rows.stop - rows.start
    size = samples if job.batch_size == job.samples else min(samples, job.batch_size)
    return replace(
        job,
        X=job.X[groups.inputs_of(group)],
        y=job.y[rows],
        weighting=weighting[:, rows] if isinstance(weighting, np.ndarray) else weighting,
        validation=validation_of(job, group, group),
        batch_size=size,
        shuffle=job.shuffle and size < samples,
        first=groups.begin + restart,
        groups=None,
    )


def with_groups_of(job: Job, start: int, stop: int) -> Job:
    """The same job with no other data than those of the restarts at these positions."""
    if job.groups is None:
        return job
    restarts, weighting = job.groups.restarts, job.weighting
    first, last = (job.first + start) // restarts, (job.first + stop - 1) // restarts
    groups, inputs, rows = job.groups.part(first, last)
    return replace(
        job,
        X=job.X[inputs],
        y=job.y[rows],
        weighting=weighting[:, rows] if isinstance(weighting, np.ndarray) else weighting,
        validation=validation_of(job, first, last),
        batch_size=min(job.batch_size, groups.samples),
        groups=groups,
    )


def sorted_rows(
    order: np.ndarray | None, X: np.ndarray, y: np.ndarray, weighting: Weighting
) -> tuple[np.ndarray, np.ndarray, Weighting]:
    """Inputs, targets and weights in the order of the groups."""
    if order is None:
        return X, y, weighting
    if isinstance(weighting, np.ndarray):
        weighting = np.ascontiguousarray(weighting[:, order])
    return X[order], y[order], weighting


def check_group_weights(weighting: Weighting, groups: Groups) -> None:
    """Raise ValueError if a group has nothing to train on, since all its weights are 0."""
    sizes, what, needed = groups.sizes, "a weight > 0", 1
    if isinstance(weighting, np.ndarray):
        empty = np.maximum.reduceat(weighting[0], groups.rows[:-1]) <= 0
        given = "only zeros"
    else:
        needed = 2 if isinstance(weighting, KFold) else 1
        empty, what, given = sizes < needed, f"at least 2 samples with {weighting!r}", "1"
    if empty.any():
        label = groups.labels[groups.places[int(np.flatnonzero(empty)[0])]]
        raise ValueError(
            f"sample_weight: expected {what} in each group, got {given} in group {named(label)}; "
            "leave this group out"
        )


def refuse_groups(job: Job, name: str, instead: str) -> None:
    """Raise ValueError if the restarts of a job belong to groups."""
    if job.groups is not None:
        raise ValueError(f"{name}: expected runs of one data set, got groups; {instead}")


def split_labels(groups: Any, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Split labels into the distinct ones, in the order of their first rows, and each row's place.

    Raises
    ------
    TypeError, ValueError
        If they are not a label for each of these rows.
    """
    values = series_values(groups)
    plain = isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in PLAIN
    labels: Any = values if plain else plain_labels("groups", values)
    if len(labels) != rows:
        raise ValueError(
            f"groups: expected {rows} labels, one for each row of X, got {len(labels)}"
        )
    return _split_array(labels) if plain else _split_objects(labels)


def _split_array(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    distinct, first, codes = np.unique(values, return_index=True, return_inverse=True)
    if values.dtype.kind == "f" and np.isnan(distinct).any():
        raise _missing(int(np.flatnonzero(np.isnan(values))[0]), np.nan)
    order = np.argsort(first)
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return distinct[order], places[codes]


def _split_objects(values: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """The same for labels of any hashable kind; those that compare equal are the same."""
    places: dict[Any, int] = {}
    codes = np.empty(len(values), dtype=np.int64)
    for i, value in enumerate(values):
        if value is None or value != value:
            raise _missing(i, value)
        try:
            codes[i] = places.setdefault(value, len(places))
        except TypeError:
            raise TypeError(
                f"groups: expected labels that can be hashed, got {shown(value)} at index {i}"
            ) from None
    return as_array(list(places)), codes


def _missing(place: int, value: Any) -> ValueError:
    return ValueError(
        f"groups: expected a label for each row, got {value!r} at index {place}; leave out rows "
        "without a label"
    )
