"""JAX: `jit(vmap(scan))` as its users write it, and backward passes by hand as an expert would.

XLA reads its flags when JAX is imported, so whoever starts the process sets ``XLA_FLAGS`` first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from works import Work

from contenders import Contender, Train, missing

XLA_FLAGS = "--xla_cpu_prefer_vector_width=512"
"""For the environment variable XLA_FLAGS before JAX is imported.

XLA asks for 256-bit vectors unless told; with 512 the loops over restarts take half the time where
AVX-512 is present.  Of what else was tried, fast math gained 5 % in float32 only; the optimization
level, the scheduler and single-threaded Eigen made no difference; other emitters were slower.
"""

CHUNK = {
    "W2": 256, "W2-float32": 512, "W2s": 256, "W2b": 256, "W2v": 256, "W3": 32, "W3-float32": 64,
    "W4": 16, "W4-float32": 32, "W5": 4, "W5-float32": 8,
}  # fmt: skip
"""Restarts that the expert's loop keeps in the cache together."""

ROUND = 250
"""Epochs between two rounds of making full chunks of the unfinished."""


def jax_numpy() -> tuple[Any, Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax, jax.numpy


def activations(work: Work) -> list[tuple[Callable, Callable]]:
    """For each layer the function, and its derivative from its value."""
    _, jnp = jax_numpy()
    # XLA's float64 tanh is quicker than its exp and a division; in float32 they take the same.
    by_tanh = work.dtype == "float64"
    functions = {
        "sigmoid": (
            lambda z: 0.5 * jnp.tanh(0.5 * z) + 0.5 if by_tanh else 1 / (1 + jnp.exp(-z)),
            lambda a: a * (1 - a),
        ),
        "tanh": (jnp.tanh, lambda a: 1 - a * a),
        "identity": (lambda z: z, lambda a: 1),
    }
    return [functions[name] for name in work.net.activation]


def call(function: Callable, *arguments: np.ndarray) -> Train:
    """Make a call: compiled, warmed up, with its arguments in place."""
    jax, _ = jax_numpy()
    placed = [jax.device_put(argument) for argument in arguments]
    compiled = jax.jit(function).lower(*placed).compile()
    compiled(*placed)[0].block_until_ready()
    return lambda: np.asarray(compiled(*placed), dtype=np.float64)


def layers_of(work: Work, starts: np.ndarray) -> list[tuple]:
    """Per layer the weights (restarts, n_in, n_out) and biases (restarts, n_out) or None."""
    rows = [work.net.unpack(row) for row in starts]
    weights = [np.stack(stack) for stack in zip(*(W for W, _ in rows), strict=True)]
    biases = [np.stack(stack) for stack in zip(*(b for _, b in rows if b), strict=True)]
    return list(zip(weights, biases or [None] * len(weights), strict=True))


def sse_function(work: Work) -> Callable:
    """(layers, X, y) -> SSE of one network, for `jax.grad`."""
    jax, jnp = jax_numpy()
    named = {"sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh, "identity": lambda z: z}

    def sse(layers, X, y):
        for (W, b), activation in zip(layers, work.net.activation, strict=True):
            z = X @ W
            X = named[activation](z if b is None else z + b)
        return jnp.sum((X - y) ** 2)

    return sse


def call_one_or_many(work: Work, restarts: int, train: Callable) -> Train:
    """`vmap`, unless there is one network only."""
    jax, _ = jax_numpy()
    starts, rates = layers_of(work, work.start(restarts)), work.learning_rates(restarts)
    if restarts > 1:
        return call(jax.vmap(train, in_axes=(0, 0, None, None)), starts, rates, *work.arrays)
    starts = jax.tree.map(lambda a: a[0], starts)
    return call(lambda *all_of_it: train(*all_of_it)[None], starts, rates[0], *work.arrays)


def scan(work: Work, restarts: int) -> Train:
    jax, _ = jax_numpy()
    sse = sse_function(work)

    def train(layers, rate, X, y):
        def epoch(layers, _):
            gradient = jax.grad(sse)(layers, X, y)
            return jax.tree.map(lambda p, g: p - rate * g, layers, gradient), None

        layers, _ = jax.lax.scan(epoch, layers, length=work.epochs)
        return sse(layers, X, y)

    return call_one_or_many(work, restarts, train)


def while_loop(work: Work, restarts: int) -> Train:
    """Each member keeps its state once it is below the target; all wait for the slowest."""
    jax, _ = jax_numpy()
    value_and_grad = jax.value_and_grad(sse_function(work))

    def train(layers, rate, X, y):
        def unfinished(state):
            _, error, _, epoch = state
            return (error >= work.target_sse) & (epoch < work.epochs)

        def epoch(state):
            layers, _, gradient, epoch = state
            layers = jax.tree.map(lambda p, g: p - rate * g, layers, gradient)
            return layers, *value_and_grad(layers, X, y), epoch + 1

        state = jax.lax.while_loop(unfinished, epoch, (layers, *value_and_grad(layers, X, y), 0))
        return state[1]

    return call_one_or_many(work, restarts, train)


def last_axis(work: Work) -> tuple[Callable, Callable]:
    """An epoch and the SSE for arrays (…, restarts), every sum written out term by term."""
    _, jnp = jax_numpy()
    functions = activations(work)
    last = work.net.depth - 1

    def forward(layers, X):
        outputs = [X[:, :, None]]
        for (W, b), (function, _) in zip(layers, functions, strict=True):
            a = outputs[-1]
            z = sum(a[:, i, None] * W[i] for i in range(len(W)))
            outputs.append(function(z if b is None else z + b))
        return outputs

    def sse(layers, X, y):
        return jnp.sum((forward(layers, X)[-1] - y[:, :, None]) ** 2, (0, 1))

    def epoch(layers, rate, X, y):
        outputs = forward(layers, X)
        error = outputs[-1] - y[:, :, None]
        if work.target_sse is not None:
            # A rate of zero freezes a member that has reached the target.
            rate = jnp.where(jnp.sum(error * error, (0, 1)) < work.target_sse, 0, rate)
        delta = 2 * rate * error * functions[last][1](outputs[-1])
        updated = []
        for layer in range(last, -1, -1):
            (W, b), a = layers[layer], outputs[layer]
            samples = range(len(delta))
            new_W = W - sum(a[n, :, None] * delta[n] for n in samples)
            new_b = None if b is None else b - sum(delta[n] for n in samples)
            updated.insert(0, (new_W, new_b))
            if layer:
                delta = sum(delta[:, j, None] * W[:, j] for j in range(W.shape[1]))
                delta *= functions[layer - 1][1](a)
        return updated

    return epoch, sse


def unrolled(work: Work, restarts: int) -> Train:
    """Train chunks of restarts that fit the cache."""
    if work.target_sse is not None:
        return compacted(work, restarts)
    jax, _ = jax_numpy()
    epoch, sse = last_axis(work)
    size = min(CHUNK.get(work.key, 1), restarts)

    def chunk(layers, rate, X, y):
        layers = jax.lax.fori_loop(0, work.epochs, lambda _, p: epoch(p, rate, X, y), layers)
        return sse(layers, X, y)

    def train(layers, rate, X, y):
        return jax.lax.map(lambda part: chunk(*part, X, y), (layers, rate)).reshape(-1)

    def in_chunks(a):
        return np.moveaxis(a.reshape(-1, size, *a.shape[1:]), 1, -1)

    starts = jax.tree.map(in_chunks, layers_of(work, work.start(restarts)))
    return call(train, starts, work.learning_rates(restarts).reshape(-1, size), *work.arrays)


def compacted(work: Work, restarts: int) -> Train:
    """Train to a target: every few hundred epochs the unfinished restarts form full chunks."""
    jax, _ = jax_numpy()
    epoch, sse = last_axis(work)
    size = CHUNK[work.key]
    assert work.epochs % ROUND == 0

    def advance(layers, rate, X, y):
        layers = jax.lax.fori_loop(0, ROUND, lambda _, p: epoch(p, rate, X, y), layers)
        return layers, sse(layers, X, y)

    starts = jax.tree.map(lambda a: np.moveaxis(a, 0, -1), layers_of(work, work.start(restarts)))
    rates = work.learning_rates(restarts)
    X, y = (jax.device_put(a) for a in work.arrays)
    first = jax.tree.map(lambda a: a[..., :size], starts)
    compiled = jax.jit(advance).lower(first, rates[:size], X, y).compile()

    def train() -> np.ndarray:
        arrays, shape = jax.tree.flatten(jax.tree.map(np.copy, starts))
        errors = np.full(restarts, np.inf)
        unfinished = np.arange(restarts)
        for _ in range(work.epochs // ROUND):
            # The last chunk is filled up with copies of its last member.
            full = np.pad(unfinished, (0, -len(unfinished) % size), mode="edge")
            for members in full.reshape(-1, size):
                part = shape.unflatten([a[..., members] for a in arrays])
                layers, error = compiled(part, rates[members], X, y)
                for a, new in zip(arrays, jax.tree.leaves(layers), strict=True):
                    a[..., members] = new
                errors[members] = error
            unfinished = unfinished[errors[unfinished] >= work.target_sse]
            if not len(unfinished):
                break
        return errors

    return train


def by_hand(work: Work, restarts: int) -> Train:
    """Matrix products with the samples on the last axis; members in turn or by chunks."""
    jax, jnp = jax_numpy()
    functions = activations(work)
    last = work.net.depth - 1

    def forward(layers, X):
        outputs = [X]
        for (W, b), (function, _) in zip(layers, functions, strict=True):
            outputs.append(function(W @ outputs[-1] + b[:, None]))
        return outputs

    def train(layers, rate, X, y):
        def epoch(_, layers):
            outputs = forward(layers, X)
            delta = 2 * rate * (outputs[-1] - y) * functions[last][1](outputs[-1])
            updated = []
            for layer in range(last, -1, -1):
                (W, b), a = layers[layer], outputs[layer]
                updated.insert(0, (W - delta @ a.T, b - jnp.sum(delta, 1)))
                if layer:
                    delta = (W.T @ delta) * functions[layer - 1][1](a)
            return updated

        layers = jax.lax.fori_loop(0, work.epochs, epoch, layers)
        return jnp.sum((forward(layers, X)[-1] - y) ** 2)

    def all_of_them(layers, rate, X, y):
        size = CHUNK.get(work.key)
        return jax.lax.map(lambda part: train(*part, X, y), (layers, rate), batch_size=size)

    starts = [(W.transpose(0, 2, 1), b) for W, b in layers_of(work, work.start(restarts))]
    X, y = work.arrays
    return call(all_of_them, starts, work.learning_rates(restarts), X.T.copy(), y.T.copy())


MANY = {
    "W4": 512, "W4-float32": 512, "W5": 16, "W5-float32": 16, "W6": 8, "W6-float32": 8,
    "W3-one": 1, "W4-one": 1, "W5-one": 1, "W6-one": 1, "W6-one-float32": 1,
}  # fmt: skip
SMALL = {
    "W1": 1, "W2": 2048, "W2-float32": 4096, "W2b": 1024, "W3": 256, "W3-float32": 256,
    "W4": 64, "W4-float32": 64, "W5": 4, "W5-float32": 4, "W6": 2, "W6-float32": 2,
}  # fmt: skip
"""`vmap` is quicker for each network where all of them fit the cache."""

CONTENDERS = [
    Contender(
        "jax scan", "JAX, jit(vmap(scan)) with grad", "peer", missing("jax"), MANY | SMALL, scan,
    ),
    Contender(
        "jax while", "JAX, jit(vmap(while_loop)) with grad", "peer", missing("jax"),
        {"W2s": 1024, "W2v": 2048}, while_loop,
    ),
    Contender(
        "jax unrolled", "JAX, unrolled by hand, restarts on the last axis", "peer", missing("jax"),
        {
            "W1": 1, "W2": 16384, "W2-float32": 32768, "W2b": 16384, "W2s": 4096, "W2v": 8192,
            "W3": 2048, "W3-float32": 4096,
        },
        unrolled,
    ),
    Contender(
        "jax by hand", "JAX, backward pass by hand, samples on the last axis", "peer",
        missing("jax"), MANY, by_hand,
    ),
]  # fmt: skip
