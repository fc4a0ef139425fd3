"""A second implementation of Levenberg–Marquardt, and problems for it."""

import math
from itertools import islice
from types import SimpleNamespace

import numpy as np

import fastnn
from fastnn.job.build import make_job
from fastnn.reference.problem import Problem
from fastnn.reference.train import initial_parameters


def random_problem(sizes, samples, *, activation="tanh", bias=True, seed=0):
    """Network, inputs, and targets that none of the activations reaches exactly."""
    rng = np.random.default_rng([seed, samples, *sizes])
    net = fastnn.Network(sizes, activation=activation, bias=bias)
    X = rng.normal(size=(samples, sizes[0]))
    return net, X, rng.uniform(0.1, 0.9, (samples, sizes[-1]))


# More residuals than parameters, and fewer: the two forms of the step.
PRIMAL = random_problem([2, 3, 1], 40)
DUAL = random_problem([3, 5, 2], 6)
FORMS = {"primal": PRIMAL, "dual": DUAL}


def problem_of(net, X, y, **options):
    """The reference's problem of one restart, and its start."""
    optimizer = fastnn.LevenbergMarquardt()
    job = make_job(net, X, y, optimizer=optimizer, **options)
    start = initial_parameters(job)
    return Problem(job, start), start


def trials(problem, start, epochs, *, damping=0.01, increase=5.0, decrease=0.7, min_damping=1e-12):
    """The accepted state and the last trial, for every epoch and at the end."""

    def loop():
        held = SimpleNamespace(parameters=start, loss=math.inf, damping=damping)
        trial, length = start, math.inf
        while True:
            residuals, jacobian = problem.residuals_and_jacobian(trial)
            loss = float(residuals @ residuals)
            first = held.loss == math.inf
            accepted = first or loss < held.loss
            last = held
            if accepted:
                held = SimpleNamespace(parameters=trial, loss=loss, damping=last.damping)
                held.gradient = 2 * jacobian.T @ residuals
                held.system = jacobian.T @ jacobian
            if not first:
                held.damping = (
                    max(last.damping * decrease, min_damping)
                    if accepted
                    else last.damping * increase
                )
            yield SimpleNamespace(
                **vars(held), accepted=accepted, trial_loss=loss, loss_before=last.loss,
                relative_step=length,
            )  # fmt: skip
            damped = held.system + held.damping * np.eye(len(start))
            step = np.linalg.solve(damped, held.gradient / 2)
            length = np.linalg.norm(step) / np.linalg.norm(held.parameters)
            trial = held.parameters - step

    with np.errstate(over="ignore"):
        return list(islice(loop(), epochs + 1))
