"""The conversion of a model to a C header."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...job.data import check_inputs
from ...results.model import Model
from ...results.models import Models
from ...support.atomic_files import destination
from ...support.checks import shown
from ...support.suggestions import suggests
from ..common import formula_of, labels_of, write
from ..number_types import LARGEST, type_of
from ..pipelines import exported_model
from .groups import in_order, vector_of_groups
from .narrow import Loss, loss_of, narrow, outputs_of
from .quantize import WholeModel
from .source import Source
from .vector import typical, vector_of

LONGEST_NAME = 30
DTYPES = ("float64", "float32", "int8")


class Header(str):
    """The text of a C header.

    Attributes
    ----------
    loss : Loss or None
        How far the code is from the model on the samples of the calibration; None without one.
    """

    loss: Loss | None

    def __new__(cls, text: str, loss: Loss | None = None) -> Header:
        header = super().__new__(cls, text)
        header.loss = loss
        return header

    def __getnewargs__(self) -> tuple[str, Loss | None]:  # type: ignore[override]
        return str(self), self.loss


@suggests
def to_c(
    model: Any,
    path: Any = None,
    name: str | None = None,
    *,
    dtype: Any = None,
    calibration: Any = None,
) -> Header:
    """Convert a model to a self-contained C99 header, which is also valid C++17.

    The header includes only ``<math.h>`` (and ``<stdint.h>`` for int8), allocates nothing, and
    holds the weights in constant arrays.  With the name "model" it declares, where ``real`` is
    ``double`` for float64 and ``float`` for float32 and int8:

    - ``model_INPUTS`` and ``model_OUTPUTS``, constants;
    - ``void model_predict(const real *x, real *y)``: computes from one sample's inputs, in the
      units of the data, the outputs in the units of the data, or the probability of every class,
      like `Model.evaluate` and `Model.scores`, and NaN if the network overflows; x and y may be the
      same array;
    - for classes ``int model_classify(const real *x)``, the index of the most probable class, and
      ``model_labels``, the labels by index: ``const char *`` in UTF-8, ``long long`` (``unsigned``
      if one needs it), ``real``, or ``int`` for bools;
    - ``int model_check(void)``: computes the results of a test vector in the header, and returns
      how many of them are wrong, 0 if all is well.  It is left out if the network overflows, and
      for models with an encoding.

    A header of `Models` has the networks of all groups.  ``model_predict`` and ``model_classify``
    take the number of the group first, as in ``model_predict(group, x, y)``; for any other number
    the outputs are NaN, and the class is -1.  ``int model_find(label)`` is the number of the group
    with a label, -1 if there is none: a ``const char *``, or a ``long long`` (``unsigned`` if one
    needs it).  ``model_groups`` has the labels by number, in their order, text by its bytes in
    UTF-8; ``model_GROUPS`` is their count.  The fallback is a model of its own:
    ``to_c(models.fallback)``.

    The inputs of a model with an encoding are its columns: numbers, with NAN for missing ones, and
    the codes of categories, such as ``model_codeColorRed``, with -1 for any other text.

    All of it is ``static inline``, so every file that includes the header has its own copy.  For a
    single copy, define ``model_DECLARATIONS`` before including it, and in one file of the program
    ``model_IMPLEMENTATION``.  All other names also begin with ``model_``, so a program can include
    several headers with different names.

    Results of float64 agree with Python's to 1e-12, relative to the larger of the number and one
    unit of the outputs' scale.  For float32, no part computes in double: the scaling is part of the
    weights and biases of the first layer, and of the last if its activation is the identity.  The
    results agree to 1e-6 times the size of the inputs in standard deviations (at least 1).  A
    network that amplifies rounding errors also amplifies these differences.  For float32 and int8
    ``model_classify`` compares the inputs of a softmax or of sigmoids, and computes no
    probabilities, unless the model is an ensemble.

    For int8, weights and the inputs of layers are rounded to eight bits, and summed as whole
    numbers; only activations are computed in float.  The samples of the calibration set the ranges;
    inputs outside them, and NaN, count as the end of the range.

    Parameters
    ----------
    model : Model, Models, Run, fitted estimator, or pipeline
        Of fastnn or scikit-learn; a pipeline has scalers and a network.
    path : str or PathLike, optional
        A file to write as well.  An existing file, or the target of a symbolic link, is replaced
        once the new one is complete, and keeps its permissions.
    name : str, optional
        Prefix of the names in C: a letter, then up to 29 letters, digits and single underscores,
        not ending in an underscore.  By default the name of the file in such letters, or "model".
    dtype : {"float64", "float32", "int8"}, optional
        Type of the numbers in the network, by default the model's.
    calibration : (n, n_in) array or data frame of float, optional
        Typical samples, such as the training data, on which the result's `loss` is measured; the
        first three are the test vector.  Necessary for int8.

    Returns
    -------
    Header
        A str with the attribute `loss`, None without a calibration: `loss.difference`, the largest
        difference from the model's outputs, in units of their scale, or probabilities;
        `loss.agreement`, the share of samples that get the model's class, None for regression;
        `loss.samples`, their number.  Only names in comments may have
        letters outside ASCII; lines have up to 100 characters.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value, a label is longer than 1,000 bytes or contains a
        NUL character, or float32 cannot hold a weight or the inputs.
    OSError
        If the file cannot be written.

    Warns
    -----
    UserWarning
        If float32 cannot resolve the spread of an input.
    """
    grouped = isinstance(model, Models)
    model = model if grouped else exported_model(model)
    if path is not None:
        destination(path)
    name = _name(name, path)
    number = type_of(model, dtype, DTYPES)
    if grouped and (calibration is not None or number == "int8"):
        wrong = "dtype" if number == "int8" else "calibration"
        raise ValueError(
            f"{wrong}: expected float64 or float32, and no calibration, with models of groups, got "
            f"{shown(dtype if number == 'int8' else calibration)}"
        )
    if number == "int8" and calibration is None:
        raise ValueError(
            "calibration: expected samples, which set the ranges of int8, got None; pass the "
            "training data"
        )
    samples = None
    if calibration is not None:
        given = calibration if model.encoding is None else model.encoding.apply(calibration)
        names = model.features if model.encoding is None else None
        number_type = np.dtype(np.float64)
        samples = check_inputs(model.network, given, number_type, "calibration", names)
    for activation in model.network.activation:
        formula_of(activation, "C")
    labels_of(model)
    header = (
        _header_of_groups(model, name, number)
        if isinstance(model, Models)
        else _header(model, name, number, samples)
    )
    if path is not None:
        write(path, header.encode())
    return header


def _header(model: Model, name: str, dtype: str, samples: np.ndarray | None) -> Header:
    """Convert a checked model; samples are encoded."""
    encoding, model = model.encoding, model.without_encoding()
    rows = typical(model) if samples is None else samples
    made, whole = replace(model, parameters=model.parameters.astype(np.float64)), None
    if dtype != "float64":
        made, rows = narrow(model), _narrow_samples(rows)
    if dtype == "int8":
        usual = np.ones(rows.shape[1]) if model.inputs is None else model.inputs.scale
        whole = WholeModel(made, rows, usual)

    def exported(X: np.ndarray, *nudge: float) -> np.ndarray:
        return outputs_of(made, X) if whole is None else whole(X, *nudge)

    loss = None if samples is None else loss_of(model, exported, rows)
    # The test vector has the network's inputs, which are not the program's if they are encoded.
    vector = None if encoding is not None else vector_of(model, exported, rows, dtype)
    return Header(Source(made, name, encoding, whole, vector, loss).text(), loss)


def _header_of_groups(models: Models, name: str, dtype: str) -> Header:
    """Convert checked models of groups."""
    made = in_order(models, dtype)
    vector, tested = None, None
    if models.encoding is None and (found := vector_of_groups(models, made)):
        vector, tested = found
    return Header(Source(made, name, models.encoding, None, vector, None, tested).text())


def _narrow_samples(X: np.ndarray) -> np.ndarray:
    """Samples rounded to float32."""
    largest = float(np.abs(X).max())
    if largest > LARGEST:
        raise ValueError(
            f"calibration: expected numbers of up to {LARGEST:.3g}, which float32 can hold, got "
            f"{largest:.3g}; use dtype='float64'"
        )
    return X.astype(np.float32).astype(np.float64)


def _name(name: Any, path: Any) -> str:
    """The prefix of names."""
    if name is None:
        return "model" if path is None else _from_file(Path(os.fsdecode(path)).stem)
    if not isinstance(name, str):
        raise TypeError(f"name: expected a str, got {shown(name)}")
    if len(name) > LONGEST_NAME or not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", name):
        raise ValueError(
            f"name: expected a letter, then up to {LONGEST_NAME - 1} letters, digits and single "
            f"underscores, not ending in an underscore, got {shown(name)}"
        )
    return name


def _from_file(stem: str) -> str:
    """A prefix from the name of a file: its letters and digits, the rest as underscores."""
    parts = re.findall("[A-Za-z0-9]+", stem)
    if not parts or parts[0][0].isdigit():
        parts = ["model", *parts]
    return "_".join(parts)[:LONGEST_NAME].rstrip("_")
