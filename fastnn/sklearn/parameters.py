"""scikit-learn's parameters and their names in fastnn."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from inspect import cleandoc, signature
from typing import Any

from ..optimizers import (
    LBFGS,
    RPROP,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    GradientDescent,
    LevenbergMarquardt,
    Lion,
    Nadam,
    Optimizer,
    Quickprop,
    ReduceOnPlateau,
    RMSProp,
)
from ..optimizers.common import BELOW_ONE
from ..spec.activations import BY_NAME
from ..spec.network import Network
from ..support.suggestions import hint

SMALL_ALPHA = 0.0001
"""The penalty of scikit-learn, where none is chosen."""
ADAPTIVE_FACTOR, LEAST_RATE = 0.2, 1e-6
"""Factor of the rate for "adaptive", and the rate at which it ends, as in scikit-learn."""
ACTIVATIONS = {"logistic": "sigmoid"}
"""Activations with another name in scikit-learn."""


@dataclass(frozen=True)
class Solver:
    """A solver, as named in scikit-learn or in addition to it, and its setup."""

    make: Callable[[Any, float], Optimizer]
    """Makes the optimizer from an estimator and the ratio of its loss to scikit-learn's."""
    stochastic: bool = False
    """True if it makes an update for each batch and supports `partial_fit`."""
    squares: bool = False
    """True if it needs a sum of squares."""
    penalized: bool = True
    """True if `alpha` is a penalty in the loss."""
    by_gradient: bool = False
    """True if it ends at a small gradient, usually soon, and not when the loss stops decreasing."""


def sgd_schedule(estimator: Any) -> ReduceOnPlateau | None:
    """The schedule of "sgd": none for "constant"."""
    if estimator.learning_rate != "adaptive":
        return None
    threshold = min(float(estimator.tol), BELOW_ONE)
    return ReduceOnPlateau(
        int(estimator.n_iter_no_change), factor=ADAPTIVE_FACTOR, threshold=threshold
    )


def decreases(estimator: Any) -> int:
    """The number of times that "adaptive" lowers the rate before it is too small to matter."""
    if estimator.learning_rate != "adaptive" or _is_not(estimator.solver, "sgd"):
        return 0
    ratio = estimator.learning_rate_init / LEAST_RATE
    return max(0, math.ceil(math.log(ratio, 1 / ADAPTIVE_FACTOR)))


def _is_not(value: Any, word: str) -> bool:
    return not isinstance(value, str) or value != word


def _like_adam(kind: type[Adam | AMSGrad | Nadam]) -> Solver:
    """The solver of an optimizer with the numbers of Adam."""
    return Solver(
        lambda e, scale: kind(
            e.learning_rate_init, beta1=e.beta_1, beta2=e.beta_2, epsilon=e.epsilon
        ),
        stochastic=True,
    )


SOLVERS = {
    "lbfgs": Solver(lambda e, scale: LBFGS(), by_gradient=True),
    "sgd": Solver(
        lambda e, scale: GradientDescent(
            e.learning_rate_init / scale,
            momentum=e.momentum,
            nesterov=bool(e.nesterovs_momentum and e.momentum > 0),
            schedule=sgd_schedule(e),
        ),
        stochastic=True,
    ),
    "adam": _like_adam(Adam),
    "adamw": Solver(
        lambda e, scale: AdamW(
            e.learning_rate_init,
            beta1=e.beta_1,
            beta2=e.beta_2,
            epsilon=e.epsilon,
            weight_decay=SMALL_ALPHA if isinstance(e.alpha, str) else e.alpha,
        ),
        stochastic=True,
        penalized=False,
    ),
    "amsgrad": _like_adam(AMSGrad),
    "nadam": _like_adam(Nadam),
    "rmsprop": Solver(
        lambda e, scale: RMSProp(e.learning_rate_init, epsilon=e.epsilon), stochastic=True
    ),
    "adagrad": Solver(lambda e, scale: Adagrad(e.learning_rate_init), stochastic=True),
    "lion": Solver(lambda e, scale: Lion(e.learning_rate_init), stochastic=True),
    "rprop": Solver(lambda e, scale: RPROP()),
    "quickprop": Solver(lambda e, scale: Quickprop(e.learning_rate_init / scale)),
    "lm": Solver(
        lambda e, scale: LevenbergMarquardt(), squares=True, penalized=False, by_gradient=True
    ),
}
"""Solvers for all values of `solver`."""

# The bound of the uniform start is sqrt(6 / (n_in + n_out)), with sigmoids sqrt(2 / …), as there.
GAINS = {"sigmoid": 1 / math.sqrt(3)}

TABLE = (
    ("hidden_layer_sizes=(10,)", "Network([n_in, 10, n_out])", "a single number works too"),
    ("activation='logistic'", "activation='sigmoid'", "all others keep their names"),
    ("solver='lbfgs'", "LBFGS()", "max_iter counts evaluations"),
    (
        "solver='sgd'",
        "GradientDescent(learning_rate_init, momentum=…, nesterov=nesterovs_momentum)",
        "",
    ),
    ("solver='adam'", "Adam(learning_rate_init, beta1=beta_1, beta2=beta_2, epsilon=…)", ""),
    ("solver='adamw'", "AdamW(…, weight_decay=alpha)", "not in scikit-learn"),
    (
        "solver='amsgrad', 'nadam'",
        "AMSGrad(…), Nadam(…), with the numbers of adam",
        "not in scikit-learn",
    ),
    ("solver='rmsprop'", "RMSProp(learning_rate_init, epsilon=…)", "not in scikit-learn"),
    (
        "solver='adagrad', 'lion'",
        "Adagrad(learning_rate_init), Lion(learning_rate_init)",
        "not in scikit-learn",
    ),
    ("solver='rprop'", "RPROP()", "not in scikit-learn"),
    ("solver='quickprop'", "Quickprop(learning_rate_init)", "not in scikit-learn"),
    ("solver='lm'", "LevenbergMarquardt()", "not in scikit-learn; without alpha"),
    ("alpha", "l2 = alpha / (2 n), n being the samples of a batch", "'auto' chooses, see below"),
    (
        "learning_rate='adaptive'",
        "ReduceOnPlateau(n_iter_no_change, factor=0.2, threshold=tol)",
        "sgd; tol is a share of the loss",
    ),
    ("learning_rate='invscaling', power_t", "schedule of GradientDescent", "not for sgd"),
    ("max_iter", "epochs", ""),
    ("max_fun", "epochs", "lbfgs: the smaller of both"),
    ("loss='squared_error'", "MSE()", "or any loss of fastnn for numbers"),
    ("class_weight", "sample_weight", "not in its MLP"),
    (
        "tol, n_iter_no_change",
        "NoProgress(n_iter_no_change, min_improvement=tol)",
        "sgd, adam, adamw, …",
    ),
    ("tol", "GradientBelow(tol sqrt(n_parameters))", "lbfgs and lm"),
    (
        "early_stopping, validation_fraction",
        "Validation(n_iter_no_change, min_improvement=tol)",
        "of the loss",
    ),
    ("batch_size, shuffle", "batch_size, shuffle", "sgd, adam, adamw, …"),
    ("random_state", "seed", "0 by default"),
    ("n_restarts", "restarts", "not in scikit-learn"),
    ("n_estimators", "the average of at most this many best restarts", "not in its MLP; ten"),
    ("n_jobs", "threads", "not in its MLP"),
)
"""Table of scikit-learn's parameters, their counterparts in fastnn, and remarks."""


def activation_of(name: Any) -> str:
    """fastnn's name for an activation of hidden layers; ValueError for an unknown one."""
    own = ACTIVATIONS.get(name, name) if isinstance(name, str) else None
    if own not in BY_NAME:
        names = [*ACTIVATIONS, *BY_NAME]
        known, meant = ", ".join(map(repr, names)), hint(name, names)
        raise ValueError(f"activation: expected one of {known}, got {name!r}{meant}")
    return str(own)


def solver_of(name: Any) -> Solver:
    """The solver with this name, or for an optimizer; ValueError for anything else."""
    if isinstance(name, Optimizer):
        setup = type(name)().setup(Network([1, 1]), 1)
        return Solver(
            lambda e, scale: name,
            stochastic=not setup.full_batch,
            squares=setup.squares_only,
            penalized=not setup.squares_only,
            by_gradient=setup.observe is not None or setup.compute is not None,  # trial steps
        )
    if not isinstance(name, str) or name not in SOLVERS:
        known = ", ".join(map(repr, SOLVERS))
        raise ValueError(
            f"solver: expected one of {known}, or an optimizer, got {name!r}{hint(name, SOLVERS)}"
        )
    return SOLVERS[name]


PARAMETERS = """Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default (100,)
        Units of each hidden layer.
    activation : str, default "relu"
        Activation of the hidden layers: "logistic" or a name of fastnn, such as "tanh".
    solver : str or optimizer, default "lbfgs"
        "lbfgs", "sgd", "adam", "adamw", "amsgrad", "nadam", "rmsprop", "adagrad", "lion", "rprop",
        "quickprop" or "lm"; see `fastnn.sklearn.parameters.TABLE` for their counterparts.  An
        optimizer of fastnn or of your own, such as ``fastnn.RPROP(max_step=1.0)``, uses its own
        hyperparameters.
    alpha : float or "auto", default "auto"
        Penalty on the squares of the weights, as in scikit-learn; "lm" has no penalty, "adamw"
        uses it as its weight decay.  "auto" is 0.0001 as there, but "lbfgs" without early stopping
        and warm start chooses, from 100 samples on, the one of 0.0001, 0.03, 3 and 10 with which
        four networks, trained on four fifths of the samples, predict the rest best.  All samples
        then train, and all networks with that one.
    batch_size : int or "auto", default "auto"
        Samples per update of all solvers but "lbfgs", "rprop", "quickprop" and "lm", and of
        optimizers that support batches; "auto" is 200, or all samples if there are fewer.
    learning_rate : "constant", "invscaling" or "adaptive", default "constant"
        Of "sgd": "adaptive" divides the rate by 5 when the training loss has not fallen by the
        share `tol` of it for `n_iter_no_change` epochs; "invscaling" is not there.  For other
        schedules, use an optimizer.  Other solvers ignore it, as in scikit-learn.
    learning_rate_init : float, default 0.001
        Learning rate of all solvers but "lbfgs", "rprop" and "lm".
    power_t : float, default 0.5
        Ignored, since it is of "invscaling".
    max_iter : int, default 200
        Maximum number of epochs; each trial step of "lbfgs" and "lm" counts as one.
    shuffle : bool, default True
        If True, batches are drawn in random order.
    random_state : int, RandomState or None, default 0
        Seed: with the number of a restart, the key of all its random numbers.
    tol : float, default 0.0001
        "lbfgs" and "lm" end when the root mean square of the gradient is below it, the others when
        the loss has not fallen by it for `n_iter_no_change` epochs.
    verbose : bool, default False
        If True, a progress bar counts the restarts.
    warm_start : bool, default False
        If True, `fit` continues all restarts where the last fit ended: m and then n epochs on the
        same data give the same bits as m + n.  With `early_stopping` the optimizer starts anew.
    momentum : float, default 0.9
        Momentum of "sgd".
    nesterovs_momentum : bool, default True
        If True, "sgd" uses Nesterov's momentum.
    early_stopping : bool, default False
        If True, each restart ends when its loss on a validation set has not fallen by `tol` for
        `n_iter_no_change` epochs, and keeps its best parameters there.  The best restart is then
        the one with the lowest loss on the validation set, otherwise on the training data.
    validation_fraction : float, default 0.1
        Share of the samples for the validation set.
    beta_1, beta_2, epsilon : float, default 0.9, 0.999, 1e-8
        Numbers of "adam", "adamw", "amsgrad" and "nadam"; epsilon also of "rmsprop".
    n_iter_no_change : int, default 10
        Number of epochs for `tol`.
    max_fun : int, default 15000
        Maximum number of evaluations by "lbfgs", as is `max_iter`; the smaller one counts.
    n_restarts : int, default 10
        Number of networks to train from random starts.
    halving : bool, default True
        If True, restarts are trained in rounds: all for a sixteenth of `max_iter`, the better
        quarter of them for a quarter, and the better quarter of these to their end.  This takes
        about a fifth of the time, and finds the third best of a hundred, on average.  Otherwise,
        with `warm_start`, and with "lbfgs" and "lm", which take few epochs, all are trained to
        their end.
    n_estimators : int, optional
        Number of best restarts to keep, whose outputs are averaged; by default ten, or all if
        there are fewer.  With 1, the best alone predicts.  Restarts that diverged or are stuck are
        left out of the average: those whose loss is more than twice the lowest, and more than
        ``(constant / lowest) ** 0.25`` times, `constant` being the loss of the best constant
        prediction.
    n_jobs : int, optional
        Number of threads, by default the CPUs available to the process; for a joblib worker its
        share."""
ATTRIBUTES = """network_ : fastnn.Network
    parameters_ : (n_kept, n_parameters) array
        Parameters of the restarts that were kept, at most `n_estimators`, the best first.
    coefs_, intercepts_ : lists of (n_in, n_out) and (n_out,) arrays
        Weights and biases of the best restart, layer by layer.
    restarts_ : (n_kept,) array of int
        Their numbers: with `random_state`, the keys of their random numbers.
    restart_losses_ : (n_restarts,) array of float
        The loss of each restart at the end of its last round, with `early_stopping` on the
        validation set; NaN or infinite where it diverged.
    loss_, n_iter_, status_ : float, int, fastnn.Status
        Loss on the training data, epochs and status of the best restart.
    loss_curve_ : list of float
        Loss of the best restart after each epoch.  It is trained again when this is read, so the
        estimator refers to the data; a loaded or continued one does not have it.
    validation_scores_ : list of float, or None
        Its score on the validation set after each epoch, likewise; None without `early_stopping`.
    best_validation_score_ : float, or None
        The score of its parameters there.
    alpha_ : float
        The penalty that was used.
    n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn.

    Raises
    ------
    TypeError, ValueError
        From `fit`, before any training: if a parameter or the data are invalid.

    Warns
    -----
    FitWarning
        From `fit`, once: if the best restart diverged, or is worse than the best constant.
    ConvergenceWarning
        From `fit`: if it was still improving at `max_iter`.  Of both, the fits of a search or a
        cross-validation give one together."""


def documented(kind: Any) -> Any:
    """Fill in the common parts of an estimator's docstring; those that it has are left out."""
    text = cleandoc(kind.__doc__)  # from Python 3.13 on it is not indented
    names = signature(kind).parameters
    entries = re.split(r"\n(?=\w)", cleandoc(PARAMETERS).partition("---\n")[2])
    common = [
        entry
        for entry in entries
        if entry.partition(":")[0].partition(",")[0].strip() in names
        and f"\n{entry.partition(':')[0]}:" not in text
    ]
    text = text.replace("{parameters}", "\n".join(["Parameters", "----------", *common]))
    text = text.replace("{common}", "\n".join(common))
    kind.__doc__ = text.replace("{attributes}", cleandoc(ATTRIBUTES))
    return kind
