"""A slow, obvious twin of the kernels, for any number type: loops over one sample and one unit."""

import numpy as np

FUNCTIONS = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "relu": lambda x: x if x.real > 0 else 0 * x,
    "identity": lambda x: x,
    "leaky_relu": lambda x: x if x.real > 0 else 0.01 * x,
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "elliott": lambda x: x / (1 + x) if x.real > 0 else x / (1 - x),
    "sine": np.sin,
    "gaussian": lambda x: np.exp(-x * x),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu": lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "elu": lambda x: x if x.real > 0 else np.expm1(x),
    "selu": lambda x: 1.0507009873554805 * (x if x.real > 0 else 1.6732632423543772 * np.expm1(x)),
    "hard_sigmoid": lambda x: 0 * x if x.real < -3 else 0 * x + 1 if x.real > 3 else x / 6 + 0.5,
    "arctan": np.arctan,
}


def outputs(net, parameters, inputs):
    """The outputs for one sample."""
    values, at = list(inputs), 0
    for n_out, name in zip(net.sizes[1:], net.activation, strict=True):
        n_in = len(values)
        weights, at = parameters[at : at + n_in * n_out], at + n_in * n_out
        biases, at = (parameters[at : at + n_out], at + n_out) if net.bias else ([0] * n_out, at)
        sums = [
            biases[j] + sum(values[i] * weights[i * n_out + j] for i in range(n_in))
            for j in range(n_out)
        ]
        if name == "softmax":
            powers = [np.exp(z) for z in sums]
            values = [power / sum(powers) for power in powers]
        else:
            values = [FUNCTIONS[name](z) for z in sums]
    return values


def sse(net, parameters, X, y):
    """The sum of squared errors; complex `parameters` give a complex sum."""
    return sum(
        (value - target) ** 2
        for inputs, targets in zip(X, y, strict=True)
        for value, target in zip(outputs(net, parameters, inputs), targets, strict=True)
    )


def huber(error, delta):
    """Huber's loss: a parabola inside, lines outside."""
    if abs(error.real) < delta:
        return error**2 / 2
    return delta * ((error if error.real > 0 else -error) - delta / 2)


def quantile(prediction, target, kind):
    """The pinball loss, with a parabola around its corner."""
    error, q, s = target - prediction, kind.q, kind.smoothing
    if error.real >= q * s:
        return q * error - q * q * s / 2
    if error.real <= (q - 1) * s:
        return (q - 1) * error - (q - 1) ** 2 * s / 2
    return error**2 / (2 * s)


def asymmetric(prediction, target, kind):
    """Squared errors with two weights."""
    error = prediction - target
    return (kind.over if error.real > 0 else kind.under) * error**2


# Functions of the outputs that belong to a target, the target, and the loss.
TERMS = {
    "SSE": lambda v, t, kind: (v - t) ** 2,
    "MSE": lambda v, t, kind: (v - t) ** 2,
    "Huber": lambda v, t, kind: huber(v - t, kind.delta),
    "BinaryCrossEntropy": lambda v, t, kind: -t * np.log(v) - (1 - t) * np.log(1 - v),
    "CrossEntropy": lambda v, t, kind: -t * np.log(v),
    "Quantile": quantile,
    "LogCosh": lambda v, t, kind: np.log(np.cosh(v - t)),
    "Asymmetric": asymmetric,
    "Poisson": lambda v, t, kind: np.exp(v) - t * v,
    "GaussianNLL": lambda v, s, t, kind: (s + (t - v) ** 2 * np.exp(-s)) / 2,
}


def penalty(net, parameters, l2, l1, penalize_biases):
    """The penalty on the weights; `l2` and `l1` are numbers, or one per layer."""
    total, at = 0.0, 0
    for layer, (n_in, n_out) in enumerate(zip(net.sizes[:-1], net.sizes[1:], strict=True)):
        square = l2[layer] if isinstance(l2, tuple) else l2
        size = l1[layer] if isinstance(l1, tuple) else l1
        penalized = n_in * n_out + (n_out if net.bias and penalize_biases else 0)
        for w in parameters[at : at + penalized]:
            total += square * w * w + size * (w if w.real > 0 else -w)
        at += (n_in + net.bias) * n_out
    return total


def loss(net, parameters, X, y, kind, weights=None):
    """The loss `kind` of the package, by its name and numbers."""
    name, total = type(kind).__name__, 0.0
    for n, (inputs, targets) in enumerate(zip(X, y, strict=True)):
        values = outputs(net, parameters, inputs)
        for j, target in enumerate(targets):
            term = TERMS[name](*values[j :: len(targets)], target, kind)
            total += term * (1.0 if weights is None else weights[n])
    if name == "CrossEntropy":
        total /= len(X)
    elif name != "SSE":
        total /= len(X) * len(y[0])
    return total + penalty(net, parameters, kind.l2, kind.l1, kind.penalize_biases)


def complex_step_gradient(net, parameters, X, y, function=sse, **options):
    """The gradient of `function`, exact to rounding (Squire and Trapp 1998, equation 6)."""
    step = 1e-200
    gradient = np.empty(len(parameters))
    for m in range(len(parameters)):
        shifted = parameters.astype(complex)
        shifted[m] += step * 1j
        gradient[m] = function(net, shifted, X, y, **options).imag / step
    return gradient
