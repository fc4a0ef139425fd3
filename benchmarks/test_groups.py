"""Groups: a network for each of many small data sets, all together, one by one, and by others."""

import time
import warnings

import cpus
import numpy as np
import pytest
from contenders import missing
from kinds import warmed
from works import quick

import fastnn

NET = fastnn.Network([3, 8, 1], ["tanh", "identity"])
L2 = 1e-4
TURNS = 3
DEFAULTS = {"threads": 1, "progress": False}
TO_CONVERGENCE = {
    "optimizer": "lbfgs", "loss": fastnn.MSE(l2=L2), "epochs": 1000,
    "stop": fastnn.NoProgress(10, min_improvement=1e-5), **DEFAULTS,
}  # fmt: skip
EPOCHS = 30
OPTIMIZERS = {
    "gradient descent": fastnn.GradientDescent(0.01),
    "RPROP": fastnn.RPROP(),
    "L-BFGS": fastnn.LBFGS(),
    "Levenberg–Marquardt": fastnn.LevenbergMarquardt(),
}


class Shops:
    """Shops with 30 to 300 weeks, each with a demand curve of its own, and 100 other weeks."""

    def __init__(self, count, seed=0):
        rng = np.random.default_rng(seed)
        self.count = count
        self.sizes = rng.integers(30, 301, count)
        curves = rng.uniform([1, -0.5, 0, -0.5], [6, 0.8, 0.8, 0.5], (count, 4))
        self.X, self.y, self.groups = self._weeks(rng, curves, self.sizes)
        self.other = self._weeks(rng, curves, np.full(count, 100))

    def _weeks(self, rng, curves, sizes):
        groups = np.repeat(np.arange(self.count), sizes)
        steepness, threshold, rivalry, warmth = curves[groups].T
        X = rng.uniform(-1, 1, (len(groups), 3))
        price, temperature, competitor = X.T
        excess = steepness * (price - threshold - rivalry * competitor)
        demand = 2 * (1 + warmth * temperature) / (1 + np.exp(excess))
        return X, (demand + 0.08 * rng.normal(size=len(groups)))[:, None], groups

    def each(self, most):
        """The rows of the first groups, one by one."""
        starts = np.cumsum(self.sizes) - self.sizes
        for start, size in list(zip(starts, self.sizes, strict=True))[:most]:
            yield self.X[start : start + size], self.y[start : start + size]

    def score(self, predict, most):
        """The median R² of the first groups on the other weeks, by a function of rows and group."""
        X, y, groups = self.other
        found = []
        for group in range(most):
            rows = groups == group
            errors = (predict(X[rows], group).ravel() - y[rows].ravel()) ** 2
            found.append(1 - errors.mean() / y[rows].var())
        return float(np.median(found))


def best_of(calls, special=True):
    """The fewest seconds of each of some calls, which take turns after one that warms up.

    `special` tells whether special kernels are compiled before.
    """
    for call in calls.values():
        (warmed(call) if special else call)()
    taken = dict.fromkeys(calls, np.inf)
    for _ in range(1 if quick() else TURNS):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            taken[name] = min(taken[name], time.perf_counter() - begin)
    return taken


def test_to_convergence(suite):
    """µs per network, L-BFGS to convergence, ten restarts a group, and scikit-learn's one."""
    count, some = (4, 2) if quick() else (1000, 100)
    shops = Shops(count)
    together = {"groups": shops.groups, **TO_CONVERGENCE}

    def grouped(restarts):
        return fastnn.train_many(NET, shops.X, shops.y, restarts=restarts, **together)

    def one_by_one():
        for X, y in shops.each(some):
            fastnn.train_many(NET, X, y, restarts=10, **TO_CONVERGENCE)

    with cpus.of_threads(1):
        taken = best_of({"one": lambda: grouped(1), "ten": lambda: grouped(10)})
        # Nobody would compile a special kernel for each size.
        apart = best_of({"one by one": one_by_one}, special=False)["one by one"]
        models = grouped(1).models()
        found = {
            "fastnn, one restart": 1e6 * taken["one"] / count,
            "fastnn, ten restarts": 1e6 * taken["ten"] / count / 10,
            "fastnn, one by one": 1e6 * apart / some / 10,
            "score": shops.score(lambda X, group: models[group].predict(X), some),
        }
        if not missing("sklearn")():
            seconds, score = scikit_learn(shops, some)
            found |= {"scikit-learn": 1e6 * seconds / some, "score of scikit-learn": score}
    suite.measurements["groups to convergence"] = found


def scikit_learn(shops, some):
    """Seconds of a fit for each group, as GroupedPredictor of scikit-lego does it, and the score.

    Half its loss is the mean square error plus ``alpha / n`` for every squared weight.
    """
    from sklearn.neural_network import MLPRegressor

    fitted = []
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for X, y in shops.each(some):
            alpha = L2 * len(X)
            settings = {"activation": "tanh", "solver": "lbfgs", "alpha": alpha, "max_iter": 1000}
            network = MLPRegressor(hidden_layer_sizes=(8,), random_state=0, **settings)
            fitted.append(network.fit(X, y.ravel()))
    seconds = time.perf_counter() - begin
    return seconds, shops.score(lambda X, group: fitted[group].predict(X), some)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_cost_of_groups(suite, name):
    """The time per row and epoch of groups in times of data that all restarts share."""
    count = 8 if quick() else 1000
    shops = Shops(count)
    settings = {"loss": "mse", "epochs": EPOCHS, "keep": "outcomes", **DEFAULTS}
    rows = int(shops.sizes.mean())
    calls = {}
    for restarts in (1, 10):
        calls["groups", restarts] = lambda r=restarts: fastnn.train_many(
            NET, shops.X, shops.y, groups=shops.groups, restarts=r,
            optimizer=OPTIMIZERS[name], **settings,
        )  # fmt: skip
        calls["common", restarts] = lambda r=restarts: fastnn.train_many(
            NET, shops.X[:rows], shops.y[:rows], restarts=r * count,
            optimizer=OPTIMIZERS[name], **settings,
        )  # fmt: skip
    with cpus.of_threads(1):
        taken = best_of(calls)
    share = shops.sizes.sum() / (rows * count)
    suite.measurements.setdefault("cost of groups", {})[name] = {
        str(restarts): taken["groups", restarts] / taken["common", restarts] / share
        for restarts in (1, 10)
    }


def test_padded_in_jax(suite):
    """ns per row and epoch of gradient descent: fastnn, and `vmap` over padded data in JAX."""
    if reason := missing("jax")():
        suite.skip("groups in JAX", "groups in JAX, vmap over padded data", reason)
    count = 8 if quick() else 1000
    shops = Shops(count)

    def train(epochs=EPOCHS):
        return fastnn.train_many(
            NET, shops.X, shops.y, groups=shops.groups, restarts=1, epochs=epochs, loss="mse",
            optimizer=OPTIMIZERS["gradient descent"], **DEFAULTS,
        )  # fmt: skip

    start = train(0)
    with cpus.of_threads(1):
        padded = padded_in_jax(shops, start, 0.01)
        runs = train()
        np.testing.assert_allclose(padded()[runs.group], runs.loss, rtol=1e-9)
        taken = best_of({"fastnn": train, "JAX": padded})
    per_row = 1e9 / EPOCHS / shops.sizes.sum()
    suite.measurements["groups in JAX"] = {
        name: seconds * per_row for name, seconds in taken.items()
    }


def padded_in_jax(shops, start, rate):
    """`jit(vmap(scan))` over groups that are padded to the largest: a call that returns MSEs."""
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    most = shops.sizes.max()
    X, y, mask = (np.zeros((shops.count, most, n)) for n in (3, 1, 1))
    for group, (rows, targets) in enumerate(shops.each(shops.count)):
        X[group, : len(rows)], y[group, : len(rows)], mask[group, : len(rows)] = rows, targets, 1
    parameters = np.empty_like(start.parameters)
    parameters[start.group] = start.parameters
    networks = [NET.unpack(row) for row in parameters]
    weights = [np.stack([W[k] for W, _ in networks]) for k in range(2)]
    biases = [np.stack([b[k] for _, b in networks]) for k in range(2)]

    def mse(layers, X, y, mask):
        (W1, W2), (b1, b2) = layers
        outputs = jnp.tanh(X @ W1 + b1) @ W2 + b2
        return jnp.sum(mask * (outputs - y) ** 2) / jnp.sum(mask)

    def train(layers, *data):
        def epoch(layers, _):
            slopes = jax.grad(mse)(layers, *data)
            return jax.tree.map(lambda p, g: p - rate * g, layers, slopes), None

        layers, _ = jax.lax.scan(epoch, layers, length=EPOCHS)
        return mse(layers, *data)

    arguments = [jax.device_put(a) for a in ((weights, biases), X, y, mask)]
    compiled = jax.jit(jax.vmap(train)).lower(*arguments).compile()
    return lambda: np.asarray(compiled(*arguments))
