"""Random jobs between guard pages: run by `test_guard` in a process that may crash.

Each job is printed before it runs: first on plain memory, then with protected pages after all
memory that kernels see, and then before it.  The three must give the same bits.
"""

import faulthandler
import random
import sys
import warnings
from collections import Counter
from dataclasses import replace
from unittest.mock import patch

import numpy as np
from guard import guarded

import fastnn
from fastnn import optimizers
from fastnn.engine import blueprint
from fastnn.engine.chunk import train_chunk
from fastnn.kernels import workspace
from fastnn.kernels.predict_groups import predict_groups
from fastnn.rules import RULES
from fastnn.spec import activations, losses
from fastnn.starts import INITIALIZATIONS

SAMPLES = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100, 129, 257]
RESTARTS = [1, 2, 4, 7, 8, 9, 16, 17, 33, 64, 65, 100, 129]
UNITS = [1, 1, 2, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33]
NUMBERS = {"sse": 0.3, "loss": 0.3, "norm": 0.1, "epochs": 3, "last": 3, "patience": 2,
           "tolerance": 0.3, "learning_rate": 0.05, "memory": 3}  # fmt: skip
"""Arguments of optimizers and rules that decide something within few epochs."""


def made(kind, **arguments):
    """An object of a class, with its arguments from `NUMBERS` and from those given."""
    names = kind.__dataclass_fields__
    return kind(**{name: value for name, value in (NUMBERS | arguments).items() if name in names})


def optimizer_of(r, net, restarts):
    """An optimizer for the network, plain or not; some differ between restarts."""
    kind = r.choice(optimizers.OPTIMIZERS)
    if kind is fastnn.LevenbergMarquardt and (
        net.activation[-1] == "softmax" or net.n_parameters > 200
    ):
        kind = fastnn.LBFGS
    many = np.linspace(0.01, 0.1, restarts)
    rate = r.choice([0.05, many, 0.05, fastnn.PerLayer(many, *[0.05] * (net.depth - 1))])
    if r.random() < 0.5:
        return made(kind, learning_rate=rate)
    return made(
        kind, learning_rate=rate, momentum=0.5, nesterov=r.random() < 0.5,
        clip=r.choice([None, 0.5]),
        schedule=r.choice([None, *map(made, optimizers.schedules.SCHEDULES)]),
        gradient_tolerance=1e-3, step_tolerance=1e-3, memory=r.randrange(1, 9), slope_offset=0.1,
        variant=r.choice(["Rprop+", "Rprop-", "iRprop+", "iRprop-"]),
    )  # fmt: skip


def loss_of(r, last, n_out, squares_only):
    """A loss that fits the last layer and the optimizer."""
    if squares_only:
        return r.choice([fastnn.SSE(), fastnn.MSE(), fastnn.Asymmetric(under=0.3)])
    fitting = [kind for kind in losses.LOSSES if "CrossEntropy" not in kind.__name__]
    fitting = [kind for kind in fitting if n_out % kind.formula.outputs == 0]
    fitting += [fastnn.BinaryCrossEntropy] if last == "sigmoid" else []
    kind = fastnn.CrossEntropy if last == "softmax" else r.choice(fitting)
    if r.random() < 0.7:
        return kind()
    l1, draw = r.choice([0.0, 0.01]), r.random()
    towards = "start" if 0.3 < draw < 0.7 else None
    return kind(l1=l1, l2=0.01, penalize_biases=draw < 0.5, l2_towards=towards)


class RandomJob:
    """A job and its options."""

    def __init__(self, number, few):
        self.few = few
        """Whether it has one of few sizes, and nothing is done with its result."""
        self.r = r = random.Random(number)
        self.rng = np.random.default_rng(number)
        sizes = [r.choice(UNITS) for _ in range(r.choice([2, 3, 3, 3, 4]))]
        sizes = r.choice([[2, 3, 1], [9, 17, 3]]) if few else sizes
        last = r.choice([*activations.NAMES, "sigmoid", "softmax"])
        names = [r.choice(activations.NAMES[:-1]) for _ in sizes[2:]] + [last]
        self.net = fastnn.Network(sizes, activation=names, bias=r.random() < 0.7)
        self.last, self.samples = last, r.choice(SAMPLES)
        self.restarts = r.choice(RESTARTS)
        self.many = r.random() < 0.6
        self.tile_bytes = r.choice([4096, 2**17, 2**17])
        self.n_targets = self.net.sizes[-1]
        self.X, self.y = self.data(self.samples)
        self.arguments = self.common() | (self.of_many() if self.many else self.of_one())

    def data(self, n):
        """Inputs and targets."""
        y = self.rng.random((n, self.net.sizes[-1]))
        if self.last == "softmax":
            y /= y.sum(axis=1, keepdims=True)
        return self.rng.normal(size=(n, self.net.sizes[0])), y[:, : self.n_targets]

    def common(self):
        """Arguments of both `train` and `train_many`."""
        r, n = self.r, self.samples
        optimizer = optimizer_of(r, self.net, self.restarts if self.many else 1)
        setup = optimizer.setup(self.net, n)
        common = {
            "optimizer": optimizer,
            "loss": loss_of(r, self.last, self.net.sizes[-1], setup.squares_only),
            "dtype": r.choice([np.float64, np.float32]),
            "epochs": r.choice([0, 1, 2, 3, 5, 7]),
            "seed": r.choice([0, 2**64 - 1]),
            "parallel": "restarts" if setup.compute else r.choice(["restarts"] * 3 + ["samples"]),
        }
        self.n_targets = common["loss"].targets_of(self.net)
        self.y = self.y[:, : self.n_targets]
        start = r.choice([None, "own", *INITIALIZATIONS])
        if start == "own":
            shape = (self.restarts,) * self.many + (self.net.n_parameters,)
            common["init"] = self.rng.normal(size=shape)
        elif start is not None:
            common["init"] = start()
        if not setup.full_batch and r.random() < 0.5:
            common["batch_size"] = r.choice([1, 2, 3, 7, 8, 9, 16, 17, 33, 100, 300])
            common["shuffle"] = r.random() < 0.6
        in_lanes = common["parallel"] == "samples"  # which takes less
        if r.random() < 0.4:
            rows = (self.restarts, n) if self.many else (n,)
            common["sample_weight"] = self.rng.random(n) if in_lanes else r.choice(
                [self.rng.random(n), self.rng.random(rows), fastnn.Bootstrap(), fastnn.KFold(3)]
            )  # fmt: skip
        if r.random() < 0.4:
            left_out = (fastnn.Validation, fastnn.ErrorsWithin, fastnn.SSEBelow) if in_lanes else ()
            kinds = [kind for kind in RULES if kind not in left_out]
            kinds = r.sample(kinds, r.randrange(1, 4))
            common["stop"] = [made(kind) for kind in kinds]
            if fastnn.Validation in kinds:
                common["validation"] = self.data(r.choice(SAMPLES))
        return common

    def of_many(self):
        """Arguments of `train_many` only."""
        r = self.r
        return {
            "restarts": self.restarts,
            "first": r.choice([0, 3, 2**40]),
            "chunk": r.choice([None, 1, 3, 40]),
            "keep": r.choice(["all", "all", "parameters", "outcomes", "statistics",
                              fastnn.Best(3)]),
            "threads": r.choice([1, 1, 2]),
            "progress": False,
        }  # fmt: skip

    def of_one(self):
        """Arguments of `train` only."""
        r = self.r
        return {
            "restart": r.choice([0, 2**50]),
            "history": r.choice([True, False, 2]),
            "threads": r.choice([1, 1, 2, 3]),
        }

    def __str__(self):
        shown = {
            name: value.shape if isinstance(value, np.ndarray) else value
            for name, value in self.arguments.items()
        }
        if "validation" in shown:
            shown["validation"] = shown["validation"][0].shape
        function = "train_many" if self.many else "train"
        return f"{function}({self.net!r}, X {self.X.shape}, tiles of {self.tile_bytes}, {shown})"

    def results(self):
        """All arrays that result, or the error."""
        try:
            return list(self.many_results() if self.many else self.one_results())
        except (ValueError, TypeError) as error:
            return [str(error)]

    def going_on(self):
        """The arguments of a call that continues a result."""
        left = ("init", "seed", "restart", "restarts", "first", "keep", "chunk")
        return {name: value for name, value in self.arguments.items() if name not in left}

    def many_results(self):
        """Results of many restarts, of their continuation, and of one of them alone; outputs."""
        found = fastnn.train_many(self.net, self.X, self.y, **self.arguments)
        if isinstance(found, fastnn.Statistics):
            yield from found.to_arrays().values()
            return
        yield from found.columns.values()
        if self.few:
            return
        if "parameters" in found.columns and len(found):
            yield found.predict(self.X[:7].astype(found.parameters.dtype), "all")
            yield found.restart(int(found.indices[0])).parameters
        yield from self.grouped_results()
        picked = found.job.select_positions(np.arange(0, self.restarts, 2))
        yield train_chunk(picked, 0, picked.restarts).loss
        if self.arguments["keep"] == "all" and "validation" not in self.arguments:
            more = fastnn.train_many(
                self.net, self.X, self.y, continue_from=found, **self.going_on()
            )
            yield from more.columns.values()

    def grouped_results(self):
        """Results of networks for groups of the rows, or the error if they do not go together."""
        left = ("validation", "stop", "keep", "restarts")
        arguments = {name: it for name, it in self.arguments.items() if name not in left}
        groups = np.random.default_rng(self.samples).integers(
            0, 1 + self.samples // 3, self.samples
        )
        rules = [made(kind) for kind in RULES if kind is not fastnn.Validation]
        rules = rules[: self.samples % 5]
        if self.restarts % 2:
            held = np.append(np.unique(groups, return_index=True)[1], np.arange(self.samples // 2))
            arguments["validation"] = self.X[held], self.y[held], groups[held]
            rules.append(fastnn.Validation(2))
        try:
            found = fastnn.train_many(
                self.net, self.X, self.y, groups=groups, restarts=1 + self.restarts % 5,
                stop=rules, keep="all", **arguments,
            )  # fmt: skip
        except ValueError as error:
            yield np.frombuffer(str(error).encode(), dtype=np.uint8)
            return
        yield from found.columns.values()
        yield found.restart(int(found.indices[-1])).parameters

    def one_results(self):
        """Results of one run and its continuation; outputs, losses, gradients, and Jacobians."""
        run = fastnn.train(self.net, self.X, self.y, **self.arguments)
        yield from (run.parameters, run.state, np.array(run.loss))
        if run.history is not None:
            yield run.history
        if self.few or not np.isfinite(run.parameters).all():
            return
        yield run.predict(self.X)
        yield self.outputs_by_group(run)
        if "validation" not in self.arguments:
            more = fastnn.train(self.net, self.X, self.y, continue_from=run, **self.going_on())
            yield from (more.parameters, more.state)
        rows = np.tile(run.parameters, (self.restarts % 19 + 1, 1))
        data = self.net, rows, self.X, self.y
        loss = replace(self.arguments["loss"], l2_towards=None)
        yield fastnn.loss(*data, loss=loss)
        yield fastnn.gradient(*data, loss=loss)
        if self.last != "softmax":
            yield fastnn.jacobian(self.net, rows, self.X)

    def outputs_by_group(self, run):
        """The outputs of networks of groups, of which some are empty."""
        n_groups = self.restarts % 19 + 1
        rows = np.tile(run.parameters, (n_groups, 1))
        groups = self.rng.integers(0, n_groups, self.samples)
        return predict_groups(self.net, rows, self.X.astype(rows.dtype), groups)


def bits(results):
    """The bits to compare."""
    return [each if isinstance(each, str) else np.asarray(each).tobytes() for each in results]


def check(job, seen):
    """Run a job on plain memory and at both ends of guarded memory; returns if it was refused."""
    blueprint._made.clear()  # they have the tiles of other bytes
    names = ("TILE_BYTES", "SINGLE_TILE_BYTES")
    with patch.multiple(workspace, **dict.fromkeys(names, job.tile_bytes)):
        plain = job.results()
        for at_end in (True, False):
            with guarded(at_end=at_end) as guard:
                assert bits(job.results()) == bits(plain)
            seen.update(guard.seen)
    return isinstance(plain[-1], str)


def main(first, last, few):
    """Run the jobs with these numbers; prints how many were refused, and the fields seen."""
    faulthandler.enable()
    np.set_printoptions(threshold=3, edgeitems=1, linewidth=1000)
    warnings.simplefilter("error")
    seen, refused = Counter(), 0
    for number in range(first, last):
        job = RandomJob(number, few)
        print(f"job {number}: {job}", flush=True)
        refused += check(job, seen)
    print(f"refused: {refused}")
    print("seen:", *sorted(seen))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), few="few" in sys.argv)
