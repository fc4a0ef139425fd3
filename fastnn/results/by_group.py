"""Results by group, if restarts were trained on groups of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..job.grouping import Groups
from ..job.job import Job
from ..spec.status import NOT_RUN
from ..support.checks import integer, shown
from ..support.group_labels import GroupLabels, listed
from .group_counts import GroupCounts
from .model import Model
from .models import Models
from .scaling import Scaling
from .scalings import Scalings, check_scalings

if TYPE_CHECKING:
    import pandas

    from .runs import Runs
    from .statistics import Statistics

Outcome = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Indices, losses and statuses of restarts."""
BEST_OF_EACH = "each group has a best of its own: runs.best_of_groups()"


@dataclass(frozen=True, eq=False)
class GroupTable:
    """Outcomes by group, an array (groups,) for each column, in the order of `labels`.

    Attributes
    ----------
    labels : array
        The labels, in the order of their first rows.
    rows : array of int64
        Number of rows of each group.
    ended, converged, diverged : arrays of int64
        Number of restarts that ended, that met a target, and that diverged.
    best : array of int64
        Index k of the restart of lowest finite loss; -1 if there is none.
    loss : array of float
        The lowest finite loss; NaN if there is none.
    median_loss : array of float, or None
        The median of the finite losses; NaN if there is none, and None if they were not kept.
    """

    labels: np.ndarray
    rows: np.ndarray
    ended: np.ndarray
    converged: np.ndarray
    diverged: np.ndarray
    best: np.ndarray
    loss: np.ndarray
    median_loss: np.ndarray | None

    def __len__(self) -> int:
        return len(self.labels)

    def to_frame(self) -> pandas.DataFrame:
        """A pandas frame with the columns that there are, indexed by label.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_frame() needs pandas: pip install pandas") from error
        columns = {name: values for name, values in vars(self).items() if values is not None}
        del columns["labels"]
        return pandas.DataFrame(columns, index=pandas.Index(self.labels, name="group"))


class ByGroup:
    """Results of restarts that may belong to groups of rows."""

    if TYPE_CHECKING:

        @property
        def job(self) -> Job: ...

    def _counts(self) -> GroupCounts:
        """The outcomes by group."""
        raise NotImplementedError

    def _losses(self) -> Iterator[Outcome] | None:
        """Indices, losses and statuses of all restarts, or None if they were not kept."""
        raise NotImplementedError

    def _parameters_of(self, indices: np.ndarray) -> np.ndarray:
        """The parameters of restarts, trained again if they were not kept."""
        raise NotImplementedError

    def _groups(self, what: str) -> Groups:
        if self.job.groups is None:
            raise ValueError(f"{what}: expected runs of groups, trained with groups=, got others")
        return self.job.groups

    @property
    def group_labels(self) -> np.ndarray:
        """The labels of the groups (groups,), in the order of their first rows.

        Raises
        ------
        ValueError
            If the restarts were not trained with `groups`, as for all results by group.
        """
        return self._groups("group_labels").labels

    def restarts_of(self, label: Any) -> np.ndarray:
        """The indices k of a group's restarts, (restarts,) int64, whether they have ended or not.

        Parameters
        ----------
        label : label of a group

        Raises
        ------
        ValueError
            If there is no such group.
        """
        groups = self._groups("restarts_of")
        known = GroupLabels(groups.labels)
        (place,) = known.find("label", [label])
        if place < 0:
            raise ValueError(
                f"label: expected one of {known.listed()}, got {shown(label)}{known.unknown(label)}"
            )
        first = int(groups.ranks[place]) * groups.restarts
        return np.arange(first, first + groups.restarts)

    def best_of_groups(self, missing: int | None = None) -> np.ndarray:
        """The index k of the restart of lowest finite loss in each group; ties go to the lowest.

        Parameters
        ----------
        missing : int, optional
            What to return for a group none of whose restarts has a finite loss; by default an
            error names it.

        Returns
        -------
        (groups,) array of int64
            In the order of `group_labels`.

        Raises
        ------
        ValueError
            If a group has no restart with a finite loss, and `missing` is None.
        """
        self._groups("best_of_groups")
        best = self._counts().of_labels().best
        gone = np.flatnonzero(best < 0)
        if len(gone) and missing is None:
            raise ValueError(
                "best_of_groups: expected a restart with a finite loss in each group, got none in "
                f"{listed(self.group_labels[gone].tolist())}; pass missing=-1 to mark them"
            )
        if missing is not None:
            best[gone] = integer("missing", missing, -(2**63), 2**63 - 1)
        return best

    def models(
        self,
        *,
        inputs: Scaling | Sequence[Scaling] | None = None,
        outputs: Scaling | Sequence[Scaling] | None = None,
        classes: ArrayLike | None = None,
        features: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
        by: str | None = None,
        fallback: Model | None = None,
    ) -> Models:
        """The best network of each group, which predict rows by their group.

        Parameters that were not kept are trained again.

        Parameters
        ----------
        inputs, outputs, classes, by : optional
            As for `Models`; scalings of groups in the order of `group_labels`.
        features, targets : sequence of str, optional
            As for `Models`; by default the names of the columns on which the restarts were trained.
        fallback : Model, optional
            As for `Models`.  With it, groups without a restart of finite loss are left out, so that
            it predicts their rows, too.

        Returns
        -------
        Models
            In the order of `group_labels`.

        Raises
        ------
        TypeError, ValueError
            If an argument has the wrong type or value, or a group has no restart with a finite loss
            and there is no fallback.
        """
        labels, best = self.group_labels, self.best_of_groups(missing=-1)
        there = best >= 0
        if not there.all() and (fallback is None or not there.any()):
            raise ValueError(
                "models: expected a restart with a finite loss in each group, got none in "
                f"{listed(labels[~there].tolist())}; pass fallback=, a model for such groups"
            )
        n_in, n_out, count = self.job.net.sizes[0], self.job.net.sizes[-1], len(labels)
        of_inputs = check_scalings("inputs", inputs, count, n_in, log=False)
        of_outputs = check_scalings("outputs", outputs, count, n_out, log=True)
        return Models(
            self.job.net, self._parameters_of(best[there]), labels[there],
            inputs=_of_some(of_inputs, there), outputs=_of_some(of_outputs, there), classes=classes,
            features=self.job.features if features is None else features,
            targets=self.job.targets if targets is None else targets, by=by, fallback=fallback,
        )  # fmt: skip

    def by_group(self) -> GroupTable:
        """Outcomes by group: counts, the best restart, and the losses.

        Statistics, and results of which only the best restarts were kept, count all restarts that
        ended.  They have no median losses.

        Returns
        -------
        GroupTable
        """
        groups = self._groups("by_group")
        outcomes = self._counts().of_labels()
        ended, converged, diverged, _ = outcomes.counts
        losses = self._losses()
        return GroupTable(
            labels=groups.labels,
            rows=groups.sizes[groups.ranks],
            ended=ended,
            converged=converged,
            diverged=diverged,
            best=outcomes.best,
            loss=np.where(outcomes.best < 0, np.nan, outcomes.lowest),
            median_loss=None if losses is None else _medians(losses, groups)[groups.ranks],
        )


class Grouped(ByGroup):
    """Restarts, one by one, that may belong to groups of rows."""

    indices: Any
    if TYPE_CHECKING:

        @property
        def statistics(self) -> Statistics | None: ...

    def _counts(self) -> GroupCounts:
        if self.statistics is not None:
            return self.statistics._counts()
        counts = GroupCounts(self._groups("by_group"))
        for outcomes in self._outcomes():
            counts.add(GroupCounts.of(counts.groups, *outcomes))
        return counts

    def _losses(self) -> Iterator[Outcome] | None:
        return self._outcomes() if self.statistics is None else None

    def _outcomes(self) -> Iterator[Outcome]:
        """Indices, losses and statuses of the restarts, in one or several parts."""
        raise NotImplementedError

    def of_group(self, label: Any) -> Runs:
        """The restarts of a group that are among these; a folder reads only the files with them.

        Parameters
        ----------
        label : label of a group

        Returns
        -------
        Runs

        Raises
        ------
        ValueError
            If there is no such group, or no restart was kept.
        """
        return self._some_of(self.restarts_of(label))

    def _some_of(self, indices: np.ndarray) -> Runs:
        """The restarts of some consecutive indices, as far as they are there."""
        raise NotImplementedError

    @property
    def group(self) -> Any:
        """The label of each restart's group, (restarts,)."""
        groups = self._groups("group")
        return self._by_index(groups.labels_of, groups.labels.dtype)

    @property
    def restart_in_group(self) -> Any:
        """The index of each restart (restarts,) in its group, which `train` calls `restart`."""
        groups = self._groups("restart_in_group")

        def places(indices: np.ndarray) -> np.ndarray:
            return groups.begin + indices % groups.restarts

        return self._by_index(places, np.dtype(np.int64))

    def _by_index(self, function: Callable[[np.ndarray], np.ndarray], dtype: np.dtype) -> Any:
        """A function of the indices: an array, or a lazy column if they are one."""
        if isinstance(self.indices, np.ndarray):
            return function(self.indices)
        return self.indices.mapped(function, dtype)


def _of_some(scaling: Scaling | Scalings | None, there: np.ndarray) -> Scaling | Scalings | None:
    """The scaling of all groups, or those of some."""
    return scaling.of_rows(there) if isinstance(scaling, Scalings) else scaling


def _medians(parts: Iterator[Outcome], groups: Groups) -> np.ndarray:
    """The median of the finite losses of each group; NaN if it has none."""
    chosen = []
    for indices, losses, status in parts:
        there = np.isfinite(losses) & (status != NOT_RUN)
        chosen.append((indices[there] // groups.restarts, losses[there].astype(np.float64)))
    group = np.concatenate([np.empty(0, np.int64), *(each for each, _ in chosen)])
    loss = np.concatenate([np.empty(0), *(each for _, each in chosen)])
    loss = loss[np.lexsort((loss, group))]
    sizes = np.bincount(group, minlength=groups.count)
    ends = np.cumsum(sizes)
    medians, there = np.full(groups.count, np.nan), np.flatnonzero(sizes)
    low = loss[(ends - sizes)[there] + (sizes[there] - 1) // 2]
    high = loss[(ends - sizes)[there] + sizes[there] // 2]
    medians[there] = low + (high - low) / 2
    return medians
