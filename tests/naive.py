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
}


def sse(net, parameters, X, y):
    """The sum of squared errors; complex `parameters` give a complex sum."""
    total = 0.0
    for inputs, targets in zip(X, y, strict=True):
        values, at = list(inputs), 0
        for n_out, name in zip(net.sizes[1:], net.activation, strict=True):
            n_in = len(values)
            weights, at = parameters[at : at + n_in * n_out], at + n_in * n_out
            biases, at = (
                (parameters[at : at + n_out], at + n_out) if net.bias else ([0] * n_out, at)
            )
            values = [
                FUNCTIONS[name](
                    biases[j] + sum(values[i] * weights[i * n_out + j] for i in range(n_in))
                )
                for j in range(n_out)
            ]
        total += sum((value - target) ** 2 for value, target in zip(values, targets, strict=True))
    return total


def complex_step_gradient(net, parameters, X, y):
    """The gradient of `sse`, exact to rounding (Squire and Trapp 1998, equation 6)."""
    step = 1e-200
    gradient = np.empty(len(parameters))
    for m in range(len(parameters)):
        shifted = parameters.astype(complex)
        shifted[m] += step * 1j
        gradient[m] = sse(net, shifted, X, y).imag / step
    return gradient
