"""The optimizers: one file each, holding hyperparameters, compiled update and NumPy update."""

from .gradient_descent import GradientDescent

__all__ = ["GradientDescent"]
