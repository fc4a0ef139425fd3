"""Models of groups: a network for each, and the meaning of their inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..job.data import check_inputs
from ..kernels.predict_groups import predict_groups
from ..spec.network import Network
from ..spec.network_html import activations, drawing, in_short
from ..support.checks import real_array, shown
from ..support.frames import Names, check_same, frame_columns, frame_names, take_columns
from ..support.group_labels import GroupLabels, listed, plain_labels
from ..support.html import card
from ..support.suggestions import suggests
from ..tabular.encoding import Encoding
from ..tabular.reading import Reading
from .model import Model
from .outcomes import Outcomes
from .scaling import Scaling
from .scalings import Scalings, check_scalings

Rows = Callable[[Any], np.ndarray]


@dataclass(frozen=True, init=False, eq=False)
class Models(Outcomes):
    """A predictor with a network for each group of rows, such as a shop, a sensor or a patient.

    ``models[label]`` is the `Model` of a group.  ``len(models)`` is the number of groups, ``label
    in models`` tells whether there is such a group, and iteration goes over the labels.

    Parameters
    ----------
    network : Network
    parameters : (groups, n_parameters) array of float
        Finite; float32 stays float32, everything else becomes float64.
    labels : (groups,) sequence
        A label for each group: different, of any hashable kind, such as str, int or tuple.  Labels
        that compare equal in Python are the same, such as 1 and 1.0.
    inputs, outputs : Scaling or sequence of Scaling, optional
        As for `Model`: one of all groups, or one for each label.
    classes : (n_classes,) array, optional
        As for `Model`: of all groups.
    features, targets, encoding, reading : optional
        As for `Model`.
    by : str, optional
        Name of the column that holds the labels, in which predictions for data frames look for
        them.  It is no feature.
    fallback : Model, optional
        Predicts rows of other groups, for example a network trained on all rows.  By default their
        prediction is refused.

    Attributes
    ----------
    labels : (groups,) array
        Of objects if no other type holds the labels as they are.
    inputs, outputs : Scaling, sequence of Scaling, or None

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """

    network: Network
    parameters: np.ndarray
    labels: np.ndarray
    inputs: Scaling | Scalings | None
    outputs: Scaling | Scalings | None
    classes: np.ndarray | None
    features: Names | None
    targets: Names | None
    encoding: Encoding | None
    reading: Reading | None
    by: str | None
    fallback: Model | None

    @suggests
    def __init__(
        self,
        network: Network,
        parameters: ArrayLike,
        labels: Sequence[Any] | np.ndarray,
        *,
        inputs: Scaling | Sequence[Scaling] | None = None,
        outputs: Scaling | Sequence[Scaling] | None = None,
        classes: ArrayLike | None = None,
        features: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
        encoding: Encoding | None = None,
        reading: Reading | None = None,
        by: str | None = None,
        fallback: Model | None = None,
    ) -> None:
        if not isinstance(network, Network):
            raise TypeError(f"network: expected a fastnn.Network, got {shown(network)}")
        known = GroupLabels(labels)
        rows = _parameters(network, parameters, known)
        n_in, n_out, groups = network.sizes[0], network.sizes[-1], len(known)
        of_inputs = check_scalings("inputs", inputs, groups, n_in, log=False)
        of_outputs = check_scalings("outputs", outputs, groups, n_out, log=True)
        # A group's model checks the rest, and joins the names.
        first = Model(
            network, rows[0], inputs=_at(of_inputs, 0), outputs=_at(of_outputs, 0),
            classes=classes, features=features, targets=targets, encoding=encoding,
            reading=reading,
        )  # fmt: skip
        if by is not None and not isinstance(by, str):
            raise TypeError(f"by: expected the name of a column, got {shown(by)}")
        if by is not None and by in (first.features or ()):
            raise ValueError(f"by: expected a column that is no feature, got {by!r}")
        vars(self).update(
            network=network, parameters=rows, labels=known.array, inputs=of_inputs,
            outputs=of_outputs, classes=first.classes, features=first.features,
            targets=first.targets, encoding=encoding, reading=reading, by=by,
            fallback=_check_fallback(first, fallback), _known=known,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._known)

    def __contains__(self, label: object) -> bool:
        return label in self._known.places

    def __getitem__(self, label: Any) -> Model:
        if label not in self:
            raise KeyError(
                f"expected the label of a group, got {shown(label)}, not among "
                f"{self._known.listed()}{self._known.unknown(label)}"
            )
        place = self._known.places[label]
        return Model(
            self.network, self.parameters[place], inputs=_at(self.inputs, place),
            outputs=_at(self.outputs, place), classes=self.classes, features=self.features,
            targets=self.targets, encoding=self.encoding, reading=self.reading,
        )  # fmt: skip

    @property
    def _known(self) -> GroupLabels:
        known: GroupLabels = vars(self)["_known"]
        return known

    def without_encoding(self) -> Models:
        """The same models of inputs that are encoded already, as by ``encoding.apply(X)``.

        Returns
        -------
        Models
        """
        if self.encoding is None:
            return self
        other = self.fallback and self.fallback.without_encoding()
        changed = {"encoding": None, "features": self.encoding.inputs, "fallback": other}
        return Models(**self.__getstate__() | changed)

    def evaluate(self, X: ArrayLike, groups: Any = None) -> np.ndarray:
        """The networks' outputs, in the units of the data.

        Parameters
        ----------
        X : (n, n_in) array or data frame of float
        groups : (n,) sequence of labels, or str, optional
            The group of each row, or the name of the frame's column that holds it; by default `by`.

        Returns
        -------
        (n, n_out) array of the parameters' dtype; of float64 if outputs are scaled
            To the last bit those of ``models[label].evaluate``.

        Raises
        ------
        TypeError, ValueError
            If `X` has another shape, lacks columns, or has numbers that are not finite; if `groups`
            are not labels, or some are unknown and there is no fallback.
        """
        return self._by_group(X, groups, "evaluate")

    def probabilities(self, X: ArrayLike, groups: Any = None) -> np.ndarray:
        """The probability of every class; each row sums to 1.

        Parameters
        ----------
        X, groups
            As for `evaluate`.

        Returns
        -------
        (n, n_classes) array of the parameters' dtype

        Raises
        ------
        TypeError, ValueError
            As by `evaluate` and `Model.probabilities`.
        """
        self._must_classify("probabilities")
        return self.scores(X, groups)

    def scores(self, X: ArrayLike, groups: Any = None) -> np.ndarray:
        """A score for every class, as from `Model.scores`; the largest is predicted.

        Parameters
        ----------
        X, groups
            As for `evaluate`.

        Returns
        -------
        (n, n_classes) array of the parameters' dtype

        Raises
        ------
        TypeError, ValueError
            As by `evaluate` and `Model.scores`.
        """
        self._must_classify("scores")
        return self._by_group(X, groups, "scores")

    def predict(self, X: ArrayLike, groups: Any = None) -> np.ndarray:
        """Predict labels of classes (those of the largest score), or numbers.

        Parameters
        ----------
        X, groups
            As for `evaluate`.

        Returns
        -------
        (n,) array of labels, or (n, n_out) array of float without classes

        Raises
        ------
        TypeError, ValueError
            As by `evaluate`; for classes also if a network overflows so that outputs are NaN.
        """
        if self.classes is None:
            return self.evaluate(X, groups)
        labels: np.ndarray = self.classes[self.scores(X, groups).argmax(axis=1)]
        return labels

    def _by_group(self, X: Any, groups: Any, method: str) -> np.ndarray:
        """Call the method for the rows of known groups, and the fallback's for all others."""
        rows, labels = self._taken(X, groups)
        places = self._known.find("groups", labels)
        if len(places) != len(rows):
            raise ValueError(
                f"groups: expected {len(rows)} labels, as many as X has rows, got {len(places)}"
            )
        others = places < 0
        if not others.any():
            return self._own(rows, places, method)
        if self.fallback is None:
            raise self._unknown(labels, others)
        found = getattr(self.fallback.without_encoding(), method)(rows[others])
        if others.all():
            return np.asarray(found)
        own = self._own(rows[~others], places[~others], method)
        together = np.empty((len(rows), own.shape[1]), dtype=np.result_type(own, found))
        together[others], together[~others] = found, own
        return together

    def _own(self, rows: np.ndarray, places: np.ndarray, method: str) -> np.ndarray:
        """Evaluations or scores of rows of known groups."""
        seen, outputs = rows, self.outputs
        if self.inputs is not None:
            seen = _of_rows(self.inputs, places).apply(rows)
        if seen is not rows or seen.dtype != self.dtype:
            seen = check_inputs(self.network, seen, self.dtype)
        values = predict_groups(self.network, self.parameters, seen, places)
        if outputs is not None:
            values = _of_rows(outputs, places).undo(values.astype(np.float64))
        if method == "evaluate":
            return values

        def preactivations(linear: Network, lost: np.ndarray) -> np.ndarray:
            return predict_groups(linear, self.parameters, seen[lost], places[lost])[np.newaxis]

        return self._scores_of(values, preactivations)

    def _taken(self, X: Any, groups: Any) -> tuple[np.ndarray, Any]:
        """The inputs of all rows, encoded and checked, and the labels of their groups."""
        by = self.by if groups is None else groups
        names, features = frame_names("X", X), self.features
        if isinstance(by, str) and names is not None:
            taken = frame_columns("X", X, (by,))
            assert taken is not None
            labels: Any = taken[0][0]
            features = features or tuple(name for name in names if name != by)
        elif groups is None or isinstance(groups, str):
            raise TypeError(
                "groups: expected the label of each row, or the name of a column where X is a data "
                f"frame, got {shown(groups)}"
            )
        else:
            labels = plain_labels("groups", groups)
        if self.encoding is not None:
            return self.encoding.apply(X), labels
        dtype = np.dtype(np.float64) if self.inputs is not None or self.fallback else self.dtype
        columns = X if names is None else take_columns("X", X, features)[0]
        return check_inputs(self.network, columns, dtype), labels

    def _unknown(self, labels: Any, others: np.ndarray) -> ValueError:
        """The error for rows of groups without a network and without a fallback."""
        every = plain_labels("groups", labels)
        places = np.flatnonzero(others)
        unknown = list(dict.fromkeys(every[place] for place in places))
        return ValueError(
            f"groups: expected labels of the {len(self):,} groups, such as {self._known.listed()}, "
            f"got {listed(unknown)}, first in row {places[0]}; leave such rows out, or make the "
            f"models with fallback=, a model for all other groups{self._known.unknown(unknown[0])}"
        )

    def __repr__(self) -> str:
        what = "" if self.classes is None else f", classes={self.classes.tolist()}"
        other = "" if self.fallback is None else ", with a fallback"
        return f"Models({self.network!r}, {self._named()}{what}{other})"

    def _repr_html_(self) -> str:
        """A small table for notebooks, and the network."""
        net = self.network
        rows = [
            ("network", f"{in_short(net)}, {activations(net)}"),
            ("groups", self._named()),
            ("parameters", f"{net.n_parameters:,} of each group, {self.dtype}"),
            ("other groups", "refused" if self.fallback is None else "by the fallback"),
        ]
        return card("Models", rows, drawing(net))

    def _named(self) -> str:
        every = "group" if len(self) == 1 else "groups"
        return f"{len(self):,} {every}: {self._known.listed()}"


def _parameters(network: Network, parameters: ArrayLike, known: GroupLabels) -> np.ndarray:
    """Check the parameters of all groups."""
    dtype = np.float32 if getattr(parameters, "dtype", None) == np.float32 else np.float64
    expected = (len(known), network.n_parameters)
    if np.shape(parameters) != expected:
        raise ValueError(
            f"parameters: expected shape {expected}, a row for each label, for {network!r}, got "
            f"{np.shape(parameters)}"
        )
    try:
        rows = real_array("parameters", parameters, dtype)
    except ValueError as error:
        finite = np.isfinite(np.asarray(parameters)).all(axis=1)
        labels = listed([label for label, fine in zip(known, finite, strict=True) if not fine])
        raise ValueError(f"{error}; not finite are those of {labels}: leave them out") from error
    rows.flags.writeable = False
    return rows


def _check_fallback(first: Model, fallback: Any) -> Model | None:
    """Check that the fallback predicts the same from the same columns as the model of a group."""
    if fallback is None:
        return None
    if not isinstance(fallback, Model):
        raise TypeError(f"fallback: expected a fastnn.Model, got {shown(fallback)}")
    for name, expected, got in (
        ("inputs", first.network.sizes[0], fallback.network.sizes[0]),
        ("outputs", first.network.sizes[-1], fallback.network.sizes[-1]),
        ("classes", _listed(first.classes), _listed(fallback.classes)),
        ("probabilities", first.has_shares, fallback.has_shares),
        ("encoding", _record(first.encoding), _record(fallback.encoding)),
    ):
        if expected != got:
            raise ValueError(
                f"fallback: expected a model of the same {name} as the groups', {shown(expected)}, "
                f"got {shown(got)}"
            )
    check_same("fallback", fallback.features, first.features)
    check_same("fallback", fallback.targets, first.targets)
    return fallback


def _listed(classes: np.ndarray | None) -> list[Any] | None:
    return None if classes is None else classes.tolist()


def _record(encoding: Encoding | None) -> list[Any] | None:
    return None if encoding is None else encoding.record()


def _at(scaling: Scaling | Scalings | None, place: int) -> Scaling | None:
    """The scaling of a group."""
    return scaling[place] if isinstance(scaling, Scalings) else scaling


def _of_rows(scaling: Scaling | Scalings, places: np.ndarray) -> Scaling | Scalings:
    """The scaling of rows, by the places of their groups."""
    return scaling.of_rows(places) if isinstance(scaling, Scalings) else scaling
