"""A model: trained networks together with the meaning of their inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from ..job.data import check_inputs
from ..kernels.predict import predict
from ..spec.network import Network
from ..support.checks import real_array, shown
from ..support.frames import Names, check_same, checked_names
from ..support.guesses import Guessed
from ..support.suggestions import suggests
from ..tabular.encoding import Encoding
from ..tabular.reading import Reading
from .intervals import check_residuals, errors_of, half_width
from .model_names import class_labels, columns_of, joined
from .outcomes import Outcomes
from .run import Run
from .scaling import Scaling


@dataclass(frozen=True, init=False, eq=False)
class Model(Outcomes, Guessed):
    """A predictor: a network, its parameters, and the meaning of its inputs and outputs.

    Several vectors of parameters form an ensemble, whose outputs are averaged.  A model does not
    record how it was trained; `fastnn.export` writes it in other formats.

    Parameters
    ----------
    network : Network
    parameters : (n_parameters,) or (members, n_parameters) array of float
        Finite; float32 stays float32, everything else becomes float64.
    inputs : Scaling, optional
        Scaling of inputs, applied before the network sees them.
    outputs : Scaling, optional
        Scaling of targets in training, which predictions undo.
    classes : (n_classes,) array of str, int, float or bool, optional
        Distinct labels, one for each output of the network, or two for a network with one output,
        which is then the probability of the second.  Several sigmoids, which do not sum to 1, are
        divided by their sum.
    features, targets : sequence of str, optional
        Names of the inputs, and of the predicted quantities; by default those of the scalings.
        With them, the columns of data frames are taken by name, in any order, and others are left
        out.  Arrays go by position.
    encoding : Encoding, optional
        How columns of texts and with gaps become the inputs, before they are scaled.  Its names are
        then the features, and predictions take what `Encoding.apply` takes.
    reading : Reading, optional
        How ``fastnn train`` read its CSV file, so that ``fastnn predict`` reads others alike.
    residuals : (rows, n_out) array of float, optional
        Absolute errors of the network's outputs, before their scaling is undone, on rows that did
        not train it: for intervals of predictions.  `calibrated` computes them.

    Attributes
    ----------
    parameters : (members, n_parameters) array
    classes : (n_classes,) array, or None for regression

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """

    network: Network
    parameters: np.ndarray
    inputs: Scaling | None
    outputs: Scaling | None
    classes: np.ndarray | None
    features: Names | None
    targets: Names | None
    encoding: Encoding | None
    reading: Reading | None
    residuals: np.ndarray | None

    @suggests
    def __init__(
        self,
        network: Network,
        parameters: ArrayLike,
        *,
        inputs: Scaling | None = None,
        outputs: Scaling | None = None,
        classes: ArrayLike | None = None,
        features: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
        encoding: Encoding | None = None,
        reading: Reading | None = None,
        residuals: ArrayLike | None = None,
    ) -> None:
        if not isinstance(network, Network):
            raise TypeError(f"network: expected a fastnn.Network, got {shown(network)}")
        dtype = np.float32 if getattr(parameters, "dtype", None) == np.float32 else np.float64
        rows = np.atleast_2d(real_array("parameters", parameters, dtype))
        if rows.ndim != 2 or len(rows) == 0 or rows.shape[1] != network.n_parameters:
            raise ValueError(
                f"parameters: expected shape ({network.n_parameters},) or (members, "
                f"{network.n_parameters}) for {network!r}, got {np.shape(parameters)}"
            )
        rows.flags.writeable = False
        n_in, n_out = network.sizes[0], network.sizes[-1]
        for name, scaling, count in (("inputs", inputs, n_in), ("outputs", outputs, n_out)):
            if scaling is not None and not isinstance(scaling, Scaling):
                raise TypeError(f"{name}: expected a fastnn.Scaling, got {shown(scaling)}")
            if scaling is not None and len(scaling.mean) != count:
                raise ValueError(
                    f"{name}: expected a scale for {count} columns, got {len(scaling.mean)}"
                )
        if inputs is not None and inputs.log:
            raise ValueError("inputs: expected a scaling without log, got one of logarithms")
        for name, value in (("outputs", outputs), ("residuals", residuals)):
            if classes is not None and value is not None:
                raise ValueError(f"{name}: expected None with classes, got {shown(value)}")
        if reading is not None and not isinstance(reading, Reading):
            raise TypeError(f"reading: expected a Reading, got {shown(reading)}")
        labels = class_labels(classes, n_out)
        feature_names = checked_names(
            "features", features, n_in if encoding is None else len(columns_of(encoding, n_in))
        )
        target_names = checked_names("targets", targets, n_out if labels is None else 1)
        if encoding is None:
            inputs, feature_names = joined("inputs", inputs, feature_names)
        else:
            check_same("features", feature_names, encoding.names)
            feature_names = encoding.names
            inputs, _ = joined("inputs", inputs, encoding.inputs)
        outputs, target_names = joined("outputs", outputs, target_names)
        vars(self).update(
            network=network, parameters=rows, inputs=inputs, outputs=outputs, classes=labels,
            features=feature_names, targets=target_names, encoding=encoding, reading=reading,
            residuals=check_residuals(residuals, n_out),
        )  # fmt: skip

    def without_encoding(self) -> Model:
        """The same model of inputs that are encoded already, as by ``encoding.apply(X)``.

        Returns
        -------
        Model
        """
        if self.encoding is None:
            return self
        return Model(
            self.network, self.parameters, inputs=self.inputs, outputs=self.outputs,
            classes=self.classes, features=self.encoding.inputs, targets=self.targets,
            residuals=self.residuals,
        )  # fmt: skip

    def evaluate(self, X: ArrayLike) -> np.ndarray:
        """The network's outputs, averaged over members, in the units of the data.

        Parameters
        ----------
        X : (n, n_in) array or data frame of float

        Returns
        -------
        (n, n_out) array of the parameters' dtype; of float64 if outputs are scaled

        Raises
        ------
        TypeError, ValueError
            If `X` has another shape, lacks columns, or has numbers that are not finite.
        """
        return self._undone(self._outputs(X))

    def _outputs(self, X: ArrayLike) -> np.ndarray:
        """The network's outputs (n, n_out), averaged over members."""
        outputs = predict(self.network, self.parameters, self._seen(X))
        mean: np.ndarray = outputs[0] if len(outputs) == 1 else outputs.mean(axis=0)
        return mean

    def _undone(self, mean: np.ndarray) -> np.ndarray:
        """Outputs in the units of the data."""
        return mean if self.outputs is None else self.outputs.undo(mean.astype(np.float64))

    def probabilities(self, X: ArrayLike) -> np.ndarray:
        """The probability of every class; each row sums to 1.

        If several sigmoids are all too small to be divided by their sum, their logarithms are used:
        the largest input of a sigmoid decides.

        Parameters
        ----------
        X : (n, n_in) array or data frame of float

        Returns
        -------
        (n, n_classes) array of the parameters' dtype

        Raises
        ------
        TypeError, ValueError
            If `X` has the wrong type or value, the model has no classes, its outputs are neither
            sigmoids nor a softmax, or the network overflows so that the outputs are NaN.
        """
        self._must_classify("probabilities")
        return self.scores(X)

    def scores(self, X: ArrayLike) -> np.ndarray:
        """A score for every class; the class with the largest score is predicted.

        Parameters
        ----------
        X : (n, n_in) array or data frame of float

        Returns
        -------
        (n, n_classes) array of the parameters' dtype
            Probabilities, as from `probabilities`, for sigmoids and a softmax; otherwise the
            outputs, and for a single output y the two numbers ``1 - y`` and y.

        Raises
        ------
        TypeError, ValueError
            If `X` has the wrong type or value, the model has no classes, or the network overflows
            so that the outputs are NaN.
        """
        self._must_classify("scores")

        def preactivations(linear: Network, lost: np.ndarray) -> np.ndarray:
            return predict(linear, self.parameters, np.ascontiguousarray(self._seen(X)[lost]))

        return self._scores_of(self.evaluate(X), preactivations)

    @overload
    def predict(self, X: ArrayLike, *, interval: None = None) -> np.ndarray: ...

    @overload
    def predict(self, X: ArrayLike, *, interval: float) -> tuple[np.ndarray, np.ndarray]: ...

    def predict(self, X: ArrayLike, *, interval: float | None = None) -> Any:
        """Predict labels (those of the largest score), numbers, or bounds of numbers.

        Parameters
        ----------
        X : (n, n_in) array or data frame of float
        interval : float, optional
            The share of new values that the bounds should hold, such as 0.9.  The bounds are
            split-conformal: as far apart as the model's errors on rows held out of its training.

        Returns
        -------
        (n,) array of labels, or (n, n_out) array of float without classes; with `interval` a pair
        of such arrays, the lower and the upper bounds

        Raises
        ------
        TypeError, ValueError
            If `X` has another shape, lacks columns, or has numbers that are not finite; for classes
            also if the network overflows so that the outputs are NaN.  If `interval` is not a share
            between 0 and 1, or the model has classes, no residuals, or too few of them.
        """
        if interval is not None:
            if self.classes is not None:
                raise ValueError(
                    "interval: expected a regression model, got one of classes; use probabilities"
                )
            width = half_width(self.residuals, interval)
            middle = self._outputs(X).astype(np.float64)
            return self._undone(middle - width), self._undone(middle + width)
        if self.classes is None:
            return self.evaluate(X)
        labels: np.ndarray = self.classes[self.scores(X).argmax(axis=1)]
        return labels

    def calibrated(self, X: ArrayLike, y: ArrayLike) -> Model:
        """Return the same model with intervals from its errors on rows that did not train it.

        Parameters
        ----------
        X : (n, n_in) array or data frame of float
        y : (n,) or (n, n_out) array of float
            The true values, in the units of the data.

        Returns
        -------
        Model

        Raises
        ------
        TypeError, ValueError
            If `X` or `y` has the wrong shape or value, or the model has classes.
        """
        if self.classes is not None:
            raise ValueError("calibrated: expected a regression model, got one of classes")
        residuals = errors_of(self._outputs(X).astype(np.float64), y, self.outputs)
        return Model(**self.__getstate__() | {"residuals": residuals})

    def _seen(self, X: ArrayLike) -> np.ndarray:
        """Check, encode and scale `X` as the network sees it."""
        if self.encoding is not None:
            return self.without_encoding()._seen(self.encoding.apply(X))
        if self.inputs is None:
            return check_inputs(self.network, X, self.dtype, features=self.features)
        numbers = check_inputs(self.network, X, np.dtype(np.float64), features=self.features)
        scaled = self.inputs.apply(numbers)
        return check_inputs(self.network, scaled, self.dtype)

    def __repr__(self) -> str:
        members = f", {len(self.parameters)} members" if len(self.parameters) > 1 else ""
        what = "" if self.classes is None else f", classes={self.classes.tolist()}"
        return f"Model({self.network!r}{members}{what})"


def as_model(thing: Any) -> Model:
    """Convert a model, a run, or an estimator with a method `to_model` to a model."""
    if isinstance(thing, Model):
        return thing
    if isinstance(thing, Run):
        targets = thing.targets
        if targets is not None and len(targets) < thing.network.sizes[-1]:
            targets = None  # a target has several outputs
        return Model(thing.network, thing.parameters, features=thing.features, targets=targets)
    if hasattr(thing, "to_model") and not isinstance(thing, type):
        return as_model(thing.to_model())
    raise TypeError(
        "model: expected a fastnn.Model, a fastnn.Run or a fitted estimator of fastnn, got "
        f"{shown(thing)}"
    )
