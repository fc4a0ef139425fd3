"""The exercise in plain NumPy, for this network only: two loops to compare the reference with.

Both train a 2-2-1 sigmoid network without biases by gradient descent on the sum of squared errors,
change the weights in place, and return the error at the start of every epoch.
"""

import numpy as np


def textbook(X, y, W1, W2, learning_rate, epochs):
    """The loop as in a textbook: ``@``, ``np.exp``, ``.T``."""
    history = []
    for _ in range(epochs):
        hidden = 1 / (1 + np.exp(-(X @ W1)))
        output = 1 / (1 + np.exp(-(hidden @ W2)))
        error = output - y
        history.append(np.vdot(error, error))
        delta2 = 2 * error * (output * (1 - output))
        delta1 = delta2 @ W2.T * (hidden * (1 - hidden))
        W2 -= learning_rate * (hidden.T @ delta2)
        W1 -= learning_rate * (X.T @ delta1)
    return np.array(history)


def tuned(X, y, W1, W2, learning_rate, epochs):
    """The loop tuned by hand: all results go into existing memory, all constants are arrays."""
    dot, exp, add, subtract = np.dot, np.exp, np.add, np.subtract
    multiply, reciprocal, negative, vdot = np.multiply, np.reciprocal, np.negative, np.vdot
    hidden, slope1, delta1 = (np.empty((len(X), W1.shape[1])) for _ in range(3))
    output, slope2, delta2, error = (np.empty((len(X), W2.shape[1])) for _ in range(4))
    gradient1, gradient2, history = np.empty_like(W1), np.empty_like(W2), np.empty(epochs)
    one, step = np.array(1.0), np.array(2 * learning_rate)
    minus_X, X_T, hidden_T, W2_T = -X, X.T.copy(), hidden.T, W2.T
    for epoch in range(epochs):
        dot(minus_X, W1, hidden)
        exp(hidden, hidden)
        add(hidden, one, hidden)
        reciprocal(hidden, hidden)
        dot(hidden, W2, output)
        negative(output, output)
        exp(output, output)
        add(output, one, output)
        reciprocal(output, output)
        subtract(output, y, error)
        history[epoch] = vdot(error, error)
        multiply(output, output, slope2)
        subtract(output, slope2, slope2)
        multiply(error, slope2, delta2)
        multiply(delta2, step, delta2)
        dot(delta2, W2_T, delta1)
        multiply(hidden, hidden, slope1)
        subtract(hidden, slope1, slope1)
        multiply(delta1, slope1, delta1)
        dot(hidden_T, delta2, gradient2)
        subtract(W2, gradient2, W2)
        dot(X_T, delta1, gradient1)
        subtract(W1, gradient1, W1)
    return history
