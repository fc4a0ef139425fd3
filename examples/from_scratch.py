"""A neural network from scratch: XOR by back-propagation, in NumPy and with fastnn.

Run it as ``python examples/from_scratch.py``.  It prints what it does and saves the figure
``from_scratch.png`` (or the file named as its argument) of error against iterations.
"""

import sys
import time

import numpy as np
from matplotlib.figure import Figure

import fastnn

# The data: exclusive or, one row per sample.
X, y = fastnn.datasets.xor()
print("XOR:", *(f"{a:.0f} {b:.0f} -> {target:.0f}" for (a, b), (target,) in zip(X, y, strict=True)))

# The network: two inputs, two hidden units, one output, sigmoid throughout, no biases.
# Its weights start at random, uniform in [0, 1).
net = fastnn.Network([2, 2, 1], activation="sigmoid", bias=False)
W1, W2 = fastnn.train(net, X, y, epochs=0, init=fastnn.Uniform(0, 1), seed=0).weights
print("\nrandom weights\n", W1, "\n", W2)


def sigmoid(z):
    """The logistic function."""
    return 1 / (1 + np.exp(-z))


def predict(W1, W2):
    """Forward pass: the hidden layer's outputs and the network's."""
    hidden = sigmoid(X @ W1)
    return hidden, sigmoid(hidden @ W2)


# Before training, the predictions say nothing.
hidden, output = predict(W1, W2)
print("\npredictions before training:", output.ravel().round(3))

# The error is the sum of squared errors; the chain rule gives its gradient, layer by layer.
error = output - y
delta2 = 2 * error * output * (1 - output)
delta1 = delta2 @ W2.T * hidden * (1 - hidden)
print("sum of squared errors:", np.sum(error**2).round(6))
print("its gradient by the output weights:", (hidden.T @ delta2).ravel().round(6))
print("its gradient by the hidden weights:", (X.T @ delta1).ravel().round(6))

# Back-propagation repeats that and steps against the gradient: 10,000 times, first as
# textbooks write it (fastnn.reference), then compiled (fastnn.train).
settings = {
    "optimizer": fastnn.GradientDescent(learning_rate=0.5),
    "epochs": 10_000,
    "init": [W1, W2],
}
start = time.perf_counter()
textbook = fastnn.reference.train(net, X, y, **settings)
middle = time.perf_counter()
fast = fastnn.train(net, X, y, **settings)
end = time.perf_counter()
print(f"\nNumPy took {middle - start:.3f} s; fastnn took {end - middle:.3f} s", end="")
start = time.perf_counter()
fastnn.train(net, X, y, **settings)
print(f", and {time.perf_counter() - start:.4f} s once its kernels were loaded")
difference = np.max(np.abs(fast.history / textbook.history - 1))
print(f"largest relative difference of the error in any epoch: {difference:.1e}")

# After training, the network has learnt XOR.
print("\npredictions after training:", fast.predict(X).ravel().round(3))
print("sum of squared errors:", round(fast.sse, 6))

# The error against iterations shows it learning: first a plateau, then a cliff.
figure = Figure(figsize=(7, 4.5), layout="constrained")
ax = fast.plot(figure.subplots())
ax.plot(textbook.history, "--", color="black", lw=1)
ax.legend(["fastnn", "NumPy reference"])
name = sys.argv[1] if len(sys.argv) > 1 else "from_scratch.png"
figure.savefig(name, dpi=120)
print("\nfigure saved as", name)
