"""scikit-learn's MLPRegressor, for suitable models: hidden tanh and identity output.

A sigmoid output with the sum of squared errors it does not have, so it takes part in W6 only.
"""

from __future__ import annotations

import warnings

import numpy as np
from works import Work

from contenders import Contender, Train, missing


def prepare(work: Work, restarts: int) -> Train:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    X, y = work.arrays
    starts = [work.net.unpack(row) for row in work.start(restarts)]
    *hidden, output = work.net.activation
    assert len(set(hidden)) == 1
    assert output == "identity"

    class Started(MLPRegressor):
        """An estimator that starts from given parameters instead of random ones."""

        def _initialize(self, y, layer_units, dtype):
            super()._initialize(y, layer_units, dtype)
            weights, biases = starts[self.random_state]
            self.coefs_ = [W.copy() for W in weights]
            self.intercepts_ = [b.copy() for b in biases]

    # Its gradient is X.T @ (output - y) / n: that of the sum of squares is 2 n times as much.
    rates = (2 * len(X) * work.learning_rates(restarts).astype(np.float64)).tolist()
    networks = [
        Started(
            hidden_layer_sizes=work.net.sizes[1:-1], activation=hidden[0],
            solver="sgd", alpha=0, batch_size=len(X), learning_rate="constant",
            learning_rate_init=rates[k], momentum=0, nesterovs_momentum=False, shuffle=False,
            max_iter=work.epochs, tol=0, n_iter_no_change=10**9, random_state=k,
        )
        for k in range(restarts)
    ]  # fmt: skip

    def train() -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is meant
            for network in networks:
                network.fit(X, y)
        return np.array([np.sum((network.predict(X) - y) ** 2) for network in networks], float)

    return train


CONTENDERS = [
    Contender(
        "sklearn", "scikit-learn, MLPRegressor", "peer", missing("sklearn"),
        {"W6": 8, "W6-float32": 8, "W6-one": 1, "W6-one-float32": 1}, prepare,
    ),
]  # fmt: skip
