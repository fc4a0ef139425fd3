"""Errors for attributes that are not there, which say what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from .suggestions import bare, hint

# What the attributes of other libraries are here: words, and what does the same.
GUESSES = {
    "fastnn": """
        SGD GD Momentum: fastnn.GradientDescent(learning_rate, momentum=…)
        LM LevenbergMarquart trainlm: fastnn.LevenbergMarquardt()
        fit learn run optimize minimize compile: fastnn.train(net, X, y)
        fit_many train_all multistart restarts: fastnn.train_many(net, X, y, restarts=…)
        predict: run.predict(X) after run = fastnn.train(net, X, y)
        Sequential NeuralNetwork NeuralNet NN MLP Perceptron: fastnn.Network([2, 2, 1])
        Dense Linear Layer Layers Input: fastnn.Network([2, 2, 1]), with all layers at once
        MLPClassifier Classifier: fastnn.sklearn.MLPClassifier
        MLPRegressor Regressor: fastnn.sklearn.MLPRegressor
        StandardScaler MinMaxScaler Standardizer normalize: fastnn.Scaling
        sigmoid tanh relu softmax identity: fastnn.Network([2, 2, 1], activation="…")
        xor parity encoder circles moons spirals sine: fastnn.datasets, which has this set
        BCE BCELoss: fastnn.BinaryCrossEntropy()
        CategoricalCrossEntropy CrossEntropyLoss: fastnn.CrossEntropy()
        MSELoss MeanSquaredError: fastnn.MSE()
        MAE L1Loss MeanAbsoluteError: fastnn.Quantile(0.5), half of the absolute error
        HuberLoss SmoothL1Loss: fastnn.Huber()
        EarlyStopping early_stopping: fastnn.Validation()
        Xavier XavierUniform: fastnn.GlorotUniform()
        Random RandomUniform: fastnn.Uniform(low, high)
        seed set_seed manual_seed random_seed: fastnn.train(net, X, y, seed=…)
        to_c to_onnx to_json to_torch from_torch: fastnn.export, which has this function
        add_activation add_optimizer Activation: fastnn.extend, which has this function
        plot plot_loss: run.plot() after run = fastnn.train(net, X, y)
        read open load_model load_run: fastnn.load(path)
        backprop backward grad gradients: fastnn.gradient(net, parameters, X, y)
        numerical_gradient gradient_check check_gradient grad_check: \
differences of fastnn.loss(net, parameters, X, y), beside fastnn.gradient
        save dump save_model: run.save(path)
        activations: fastnn.Network([2, 2, 1], activation="…"), whose help lists them
    """,
    "fastnn.reference": """
        fit: fastnn.reference.train(net, X, y)
        gradient grad backward backprop step update: \
fastnn.gradient(net, parameters, X, y), or one epoch of fastnn.reference.train
        loss sse: fastnn.loss(net, parameters, X, y)
    """,
    "fastnn.datasets": """
        make_moons load_moons two_moons moon: fastnn.datasets.moons()
        make_circles load_circles circle rings: fastnn.datasets.circles()
        make_spirals spiral two_spirals: fastnn.datasets.spirals()
        load_xor make_xor: fastnn.datasets.xor()
        sin sinus: fastnn.datasets.sine()
        iris load_iris wine load_wine digits load_digits mnist: sklearn.datasets, of scikit-learn
    """,
    "Network": """
        fit train learn compile optimize: run = fastnn.train(net, X, y)
        predict forward predict_proba transform evaluate score call: \
run.predict(X) after run = fastnn.train(net, X, y), since a network holds no weights
        weights biases W W1 W2 b b1 b2 params parameters coefs_ intercepts_ state_dict \
get_weights: \
run.weights, run.biases or run.parameters after run = fastnn.train(net, X, y), \
since a network holds no weights
        backward backprop grad gradients: fastnn.gradient(net, parameters, X, y)
        layers layer_sizes size n_layers hidden units shape architecture topology: net.sizes
        activations: net.activation
        use_bias biased: net.bias
        count_params n_params num_params n_weights: net.n_parameters
        summary show draw visualize: net.plot(), or print(net)
    """,
    "Run": """
        fit train resume continue_training partial_fit: \
fastnn.train(net, X, y, continue_from=run, epochs=…)
        predict_proba forward transform call output outputs: run.predict(X)
        evaluate score: fastnn.loss(run.network, run.parameters, X, y)
        accuracy accuracy_score: (run.predict(X).argmax(axis=1) == labels).mean()
        losses errors loss_curve loss_curve_ loss_history cost costs sse_history: run.history
        final_loss error best_loss_: run.loss
        mse: run.loss after training with loss="mse"
        coefs_ W get_weights state_dict: run.weights
        W1: run.weights[0]
        W2: run.weights[1]
        intercepts_ b: run.biases
        b1: run.biases[0]
        b2: run.biases[1]
        params theta get_params: run.parameters
        converged success successful has_converged: run.status == "CONVERGED"
        n_iter_ n_iter iterations n_epochs epoch n_epochs_: run.epochs
        net model nn: run.network
        plot_history plot_loss plot_losses plot_error plot_errors plot_curve show draw: run.plot()
        plot_decision_boundary decision_boundary plot_decision boundary: run.plot_boundary()
        plot_surface loss_surface plot_loss_landscape: run.plot_loss_surface()
        plot_network plot_weights draw_network: run.network.plot(run.weights, run.biases)
        summary report: print(run)
        dump to_file save_model: run.save(path)
        to_c to_onnx to_json to_torch export: fastnn.export, which has this function
        gradient grad: fastnn.gradient(run.network, run.parameters, X, y)
        to_dict as_dict: dict(zip(run.network.names, run.parameters))
    """,
    "Runs": """
        fit train resume: fastnn.train_many(net, X, y, continue_from=runs, epochs=…)
        converged success successful has_converged: runs.status == "CONVERGED"
        success_rate convergence_rate converged_share: runs.summary().success_rate
        losses final_loss final_losses errors error: runs.loss
        history loss_curves loss_curve_: runs.histories("all")
        weights biases coefs_ W: runs.best.weights, or runs.parameters for all restarts
        best_run best_ best_network best_model top: runs.best
        best_index best_k argmin: runs.best.restart
        best_loss best_loss_ min_loss: runs.best.loss
        n_iter_ n_iter iterations n_epochs: runs.epochs
        net model nn: runs.network
        restarts n_restarts n count: len(runs)
        seeds ids index: runs.indices
        get run item loc iloc: runs.restart(k)
        plot_history plot_loss plot_losses plot_curves: runs.plot_histories("all")
        hist plot_hist histogram show draw: runs.plot()
        df to_pandas to_dataframe dataframe frame: runs.to_frame()
        describe stats report: runs.summary()
        to_csv: runs.to_frame().to_csv(path)
        dump to_file: runs.save(path)
        sort sorted order: runs[runs.loss.argsort()]
        plot_boundary plot_decision_boundary boundary: runs.best.plot_boundary()
        plot_loss_surface loss_surface: runs.best.plot_loss_surface()
    """,
    "Summary": """
        converged n_converged: summary.counts["CONVERGED"]
        diverged n_diverged: summary.counts["DIVERGED"]
        rate share: summary.success_rate
        interval confidence: summary.success_interval
        to_dict dict: summary.as_dict()
    """,
    "Model": """
        predict_proba proba: model.probabilities(X)
        forward transform: model.evaluate(X)
        fit train partial_fit: model = fastnn.Model(net, run.parameters) after \
run = fastnn.train(net, X, y)
        weights coefs_ W params: model.parameters
        net: model.network
        classes_ labels: model.classes
        feature_names feature_names_in_ columns: model.features
        dump to_file: model.save(path)
        to_c to_onnx to_json to_torch export: fastnn.export, which has this function
    """,
}


@cache
def _advice(owner: str) -> dict[str, str]:
    """List what to write instead of each word, for a module or class."""
    found = {}
    for line in GUESSES.get(owner, "").strip().splitlines():
        words, _, instead = line.strip().partition(": ")
        found.update({bare(word): instead for word in words.split()})
    return found


def no_attribute(owner: str, name: str, known: Iterable[str], text: str) -> AttributeError:
    """Make the error for an attribute that is not there.

    Parameters
    ----------
    owner : str
        The module or class, as in `GUESSES`.
    name : str
        The attribute.
    known : iterable of str
        Those that there are.
    text : str
        The usual message.
    """
    instead = _advice(owner).get(bare(name))
    return AttributeError(text + (f"; use {instead}" if instead else hint(name, known, str)))


class Guessed:
    """The base of public classes whose attributes people guess from other libraries."""

    if not TYPE_CHECKING:  # for type checkers every attribute would be there

        def __getattr__(self, name: str) -> Any:
            """Raise AttributeError; called only for what is not there."""
            kind = type(self)
            parts = (vars(part) | getattr(part, "__annotations__", {}) for part in kind.__mro__)
            known = {attribute for part in parts for attribute in part if attribute[0] != "_"}
            if name[:1] == "_" or name in known:  # Python's own protocols; an error of a property
                return object.__getattribute__(self, name)
            owner = next((part.__name__ for part in kind.__mro__ if part.__name__ in GUESSES), "")
            text = f"{kind.__name__!r} object has no attribute {name!r}"
            raise no_attribute(owner, name, known, text)
