"""PyTorch: batched over restarts with autograd, with `torch.func.vmap`, and by hand without it."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
from works import Work

from contenders import Contender, Train, missing


def setting(work: Work, restarts: int) -> tuple[Any, ...]:
    """Prepare torch, the start of each layer as [W, b] or [W], rates, X and y, on one thread."""
    import torch

    torch.set_num_threads(1)
    rows = [work.net.unpack(row) for row in work.start(restarts)]
    weights = [np.stack(stack) for stack in zip(*(W for W, _ in rows), strict=True)]
    biases = [np.stack(stack)[:, None] for stack in zip(*(b for _, b in rows if b), strict=True)]
    stacks = zip(weights, biases, strict=True) if biases else zip(weights, strict=True)
    layers = [[torch.from_numpy(stack) for stack in layer] for layer in stacks]
    arrays = (work.learning_rates(restarts), *work.arrays)
    return torch, layers, *(torch.from_numpy(np.ascontiguousarray(a)) for a in arrays)


def network(torch: Any, work: Work, layers: list, X: Any) -> Any:
    """Outputs, for one network or a batch of them."""
    named = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "identity": lambda z: z}
    for (W, *bias), activation in zip(layers, work.net.activation, strict=True):
        X = named[activation](sum(bias, X @ W))
    return X


def copies(layers: list) -> list:
    return [[tensor.clone() for tensor in layer] for layer in layers]


def sse_of_each(torch: Any, work: Work, layers: list, X: Any, y: Any) -> np.ndarray:
    with torch.no_grad():
        error = network(torch, work, layers, X) - y
        return (error * error).sum((-2, -1)).double().numpy().reshape(-1)


def autograd(work: Work, restarts: int) -> Train:
    torch, starts, rates, X, y = setting(work, restarts)
    rate = rates[:, None, None]
    if restarts == 1:  # plain matrices for one network
        starts = [[tensor[0] for tensor in layer] for layer in starts]
        rate = rates[0]

    def train() -> np.ndarray:
        layers = copies(starts)
        parameters = [parameter for layer in layers for parameter in layer]
        for parameter in parameters:
            parameter.requires_grad_()
        for _ in range(work.epochs):
            # The networks share no parameter, so the gradient of the sum is that of each.
            loss = ((network(torch, work, layers, X) - y) ** 2).sum()
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter -= rate * gradient
        return sse_of_each(torch, work, layers, X, y)

    return train


def func_vmap(work: Work, restarts: int) -> Train:
    torch, starts, rates, X, y = setting(work, restarts)

    def sse(layers):
        return ((network(torch, work, layers, X) - y) ** 2).sum()

    def step(layers, rate):
        gradients = torch.func.grad(sse)(layers)
        return torch.utils._pytree.tree_map(lambda p, g: p - rate * g, layers, gradients)

    every_step = torch.func.vmap(step)

    def train() -> np.ndarray:
        layers = starts
        with torch.no_grad():
            for _ in range(work.epochs):
                layers = every_step(layers, rates)
        return sse_of_each(torch, work, layers, X, y)

    return train


class Expert:
    """Hand-written passes for a few networks, with all results in existing memory.

    Samples lie on the last axis: MKL's products are quicker that way round.
    """

    def __init__(self, torch: Any, work: Work, rates: Any, X: Any, y: Any):
        self.torch, self.work, self.y = torch, work, y
        self.many = len(rates) > 1
        lead = (len(rates),) if self.many else ()
        self.step = (2 * rates)[:, None, None] if self.many else float(2 * rates[0])

        def empty(n):
            return torch.empty(*lead, n, X.shape[1], dtype=X.dtype)

        self.outputs = [X.expand(*lead, *X.shape), *map(empty, work.net.sizes[1:])]
        self.deltas, self.slopes = ([empty(n) for n in work.net.sizes[1:]] for _ in range(2))
        self.product, self.product_added, self.subtract_product = (
            (torch.bmm, torch.baddbmm, torch.Tensor.baddbmm_)
            if self.many
            else (torch.mm, torch.addmm, torch.Tensor.addmm_)
        )

    def forward(self, layers: list) -> None:
        for layer, (W, *bias) in enumerate(layers):
            a, out = self.outputs[layer], self.outputs[layer + 1]
            if bias:
                self.product_added(*bias, W, a, out=out)
            else:
                self.product(W, a, out=out)
            activation = self.work.net.activation[layer]
            if activation == "sigmoid":
                out.sigmoid_()
            elif activation == "tanh":  # a fifth of the time of torch.tanh
                out.mul_(2).sigmoid_().mul_(2).sub_(1)

    def through_activation(self, layer: int) -> None:
        """Step from the derivative by outputs to the derivative by pre-activations."""
        a, delta, slope = self.outputs[layer + 1], self.deltas[layer], self.slopes[layer]
        activation = self.work.net.activation[layer]
        if activation == "sigmoid":
            self.torch.addcmul(a, a, a, value=-1, out=slope)
            delta.mul_(slope)
        elif activation == "tanh":
            self.torch.mul(a, a, out=slope)
            delta.addcmul_(delta, slope, value=-1)

    def epoch(self, layers: list) -> None:
        self.forward(layers)
        self.torch.sub(self.outputs[-1], self.y, out=self.deltas[-1])
        self.deltas[-1].mul_(self.step)
        for layer in range(len(layers) - 1, -1, -1):
            (W, *bias), delta = layers[layer], self.deltas[layer]
            self.through_activation(layer)
            if layer:
                self.product(W.mT, delta, out=self.deltas[layer - 1])
            self.subtract_product(W, delta, self.outputs[layer].mT, alpha=-1)
            for b in bias:
                b.sub_(delta.sum(-1, keepdim=True))

    def sse(self, layers: list) -> np.ndarray:
        self.forward(layers)
        error = self.outputs[-1] - self.y
        return error.square_().sum((-2, -1)).double().numpy().reshape(-1)


def by_hand(work: Work, restarts: int) -> Train:
    torch, starts, rates, X, y = setting(work, restarts)
    starts = [[tensor.mT.contiguous() for tensor in layer] for layer in starts]
    size = min(CHUNK.get(work.key, 1), restarts)
    assert restarts % size == 0
    parts = [slice(first, first + size) for first in range(0, restarts, size)]
    experts = [Expert(torch, work, rates[p], X.T.contiguous(), y.T.contiguous()) for p in parts]

    def train() -> np.ndarray:
        errors = []
        with torch.inference_mode():
            for part, expert in zip(parts, experts, strict=True):
                pick = part.start if size == 1 else part  # plain matrices for one network
                layers = [[tensor[pick].clone() for tensor in layer] for layer in starts]
                for _ in range(work.epochs):
                    expert.epoch(layers)
                errors.append(expert.sse(layers))
        return np.concatenate(errors)

    return train


def compiled(work: Work, restarts: int) -> Train:
    """The 2-2-1 network unrolled by hand, restarts on the last axis, through `torch.compile`."""
    torch, starts, rates, X, y = setting(work, restarts)
    assert work.net.sizes == (2, 2, 1)
    assert not work.net.bias
    start = torch.cat([tensor.flatten(1) for layer in starts for tensor in layer], 1).T.contiguous()
    step, target = 2 * rates, y[:, 0].contiguous()

    def forward(p, X):
        hidden = [
            [torch.sigmoid(x[0] * p[j] + x[1] * p[2 + j]) for j in range(2)] for x in X.unbind()
        ]
        return hidden, [torch.sigmoid(h[0] * p[4] + h[1] * p[5]) for h in hidden]

    @torch.compile(dynamic=False, fullgraph=True)
    def epoch(p, X, target, step):
        hidden, outputs = forward(p, X)
        gradient = [0] * 6
        for x, t, h, o in zip(X.unbind(), target.unbind(), hidden, outputs, strict=True):
            delta = (o - t) * (o * (1 - o))
            for j in range(2):
                delta1 = delta * p[4 + j] * (h[j] * (1 - h[j]))
                gradient[j] += x[0] * delta1
                gradient[2 + j] += x[1] * delta1
                gradient[4 + j] += h[j] * delta
        p.sub_(step * torch.stack(gradient))

    with torch.inference_mode():
        epoch(start.clone(), X, target, step)

    def train() -> np.ndarray:
        with torch.inference_mode():
            p = start.clone()
            for _ in range(work.epochs):
                epoch(p, X, target, step)
            error = torch.stack(forward(p, X)[1]) - target[:, None]
            return error.square_().sum(0).double().numpy()

    return train


def needs_compiler() -> str | None:
    absent = missing("torch")()
    return absent or (None if shutil.which("g++") else "torch.compile needs g++")


CHUNK = {
    "W2": 2000, "W2-float32": 2000, "W2b": 2000, "W3": 400, "W3-float32": 400,
    "W4": 64, "W4-float32": 64, "W5": 2, "W5-float32": 2,
}  # fmt: skip
"""Restarts that the loop by hand keeps in the cache together."""

ONE = {"W1": 1, "W3-one": 1, "W4-one": 1, "W5-one": 1, "W6-one": 1, "W6-one-float32": 1}
MANY = {
    "W2": 2000, "W2-float32": 2000, "W2b": 1000, "W3": 400, "W3-float32": 400,
    "W4": 64, "W4-float32": 64, "W5": 4, "W5-float32": 4, "W6": 2, "W6-float32": 2,
}  # fmt: skip

CONTENDERS = [
    Contender(
        "torch autograd", "PyTorch, autograd, batched over restarts", "peer", missing("torch"),
        {**MANY, **ONE}, autograd,
    ),
    Contender(
        "torch vmap", "PyTorch, torch.func.vmap(grad)", "peer", missing("torch"), MANY, func_vmap,
    ),
    Contender(
        "torch by hand", "PyTorch, backward pass by hand, in place", "peer", missing("torch"),
        {**MANY, **ONE}, by_hand,
    ),
    Contender(
        "torch compiled", "PyTorch, unrolled by hand, torch.compile", "peer", needs_compiler,
        {"W2": 16384, "W2-float32": 16384}, compiled,
    ),
]  # fmt: skip
