"""The suite's targets as data: figures of a record and their bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from figures_of import (
    LIMIT,
    MANY,
    MANY_2,
    ONE,
    PROCESSES,
    REFERENCE,
    SAMPLES,
    SAMPLES_2,
    TEXTBOOK,
    UNROLLED,
    VMAP,
    VMAP_STOPPING,
    Figures,
    NoFigureError,
)

DIGITS = (64, 32, 10), 1797


@dataclass(frozen=True)
class Target:
    """One target."""

    work: str
    what: str
    figure: Callable[[Figures], float]
    threshold: float
    """With AVX-512."""
    threshold_256: float | None = None
    """With AVX2 only, if it differs."""
    least: bool = True
    """Whether the figure is to be at least the threshold, or at most."""
    unit: str = "×"

    def bound(self, figures: Figures) -> float:
        """The threshold on the record's machine."""
        if self.threshold_256 is not None and not figures.has_512:
            return self.threshold_256
        return self.threshold


@dataclass(frozen=True)
class Outcome:
    """The outcome of a target for a record."""

    target: Target
    bound: float
    figure: float | None
    reason: str | None
    """Why there is no figure."""

    @property
    def met(self) -> bool | None:
        """Return whether the target is met; None without a figure."""
        if self.figure is None:
            return None
        return self.figure >= self.bound if self.target.least else self.figure <= self.bound


def against(work: str, peer: str, own: str = MANY) -> Callable[[Figures], float]:
    """The time of `peer` in times of fastnn's."""
    return lambda figures: figures.ratio((work, peer), (work, own)).median


def longer(pair: tuple[str, str], than: tuple[str, str]) -> Callable[[Figures], float]:
    """The time of `pair` in times of `than`."""
    return lambda figures: figures.ratio(pair, than).median


def against_best(work: str, own: str) -> Callable[[Figures], float]:
    """The time of the best of NumPy, JAX and PyTorch on one thread, in times of fastnn's."""

    def figure(figures: Figures) -> float:
        for family in ("numpy", "jax", "torch"):  # all three must be there
            figures.best(work, family)
        best = figures.best(work, "numpy", "jax", "torch")
        return figures.ratio((work, best), (work, own)).median

    return figure


def gain(work: str) -> Callable[[Figures], float]:
    """The gain of the ratio to JAX's stopping loop over W2's ratio to JAX vmap."""
    return lambda figures: (
        against(work, VMAP_STOPPING)(figures) / against("W2", VMAP)(figures)
    )  # fmt: skip


def share_of_peak(figures: Figures) -> float:
    """Multiply-adds of W5's products in a second, in per cent of the peak."""
    from peak import multiply_adds_of

    pace = multiply_adds_of(*DIGITS) / figures.ns("W5", MANY) * 1e9
    return 100 * pace / figures.measurement("peak", "float64")


def busy(work: str) -> Callable[[Figures], float]:
    """Per cent of the lanes' time that trained a restart."""
    return lambda figures: 100 * figures.measurement("lanes", work)


def large_runs(figures: Figures) -> list[dict[str, Any]]:
    """Points from 10^3 to 10^7 restarts."""
    points = [p for p in figures.measurement("restarts") if p["restarts"] >= 1000]
    if not any(p["restarts"] == 10**7 for p in points):
        raise NoFigureError("10^7 restarts not measured (--huge)")
    return points


def flatness(figures: Figures) -> float:
    """The largest time per network and epoch over the smallest, in per cent above it."""
    ns = [point["ns"] for point in large_runs(figures)]
    return 100 * (max(ns) / min(ns) - 1)


def growth(figures: Figures) -> float:
    """The extra memory, beyond results, of the largest run compared with the smallest."""
    memory = [point["memory"] for point in large_runs(figures)]
    return max(memory) - min(memory)


def start(*names: str) -> Callable[[Figures], float]:
    """The longest of some start-up times."""
    return lambda figures: max(figures.measurement("start", name) for name in names)


def dearer(optimizer: str) -> Callable[[Figures], float]:
    """The time of an epoch of `optimizer` on W2, in times of gradient descent's."""
    return lambda figures: (
        figures.measurement("optimizers", optimizer)
        / figures.measurement("optimizers", "gradient descent")
    )  # fmt: skip


def shuffled(figures: Figures) -> float:
    """The time of shuffled batches, in times of that of batches in the given order."""
    return float(
        figures.measurement("batches", "shuffled") / figures.measurement("batches", "given order")
    )


def solved(figures: Figures) -> float:
    """Per cent of the restarts that Levenberg–Marquardt solved."""
    about = figures.measurement("solved")
    return 100 * about["solved"] / about["restarts"]


def of_groups(times: str, measured: str = "groups to convergence") -> Callable[[Figures], float]:
    """The time that groups take in another way, in times of fastnn's."""
    own = "fastnn, ten restarts" if measured == "groups to convergence" else "fastnn"
    return lambda figures: float(
        figures.measurement(measured, times) / figures.measurement(measured, own)
    )


def cost_of_groups(figures: Figures) -> float:
    """The largest time per row of groups, in times of data that all restarts share."""
    costs = figures.measurement("cost of groups")
    return max(ratio for of_optimizer in costs.values() for ratio in of_optimizer.values())


def ahead_of_limit(work: str) -> Target:
    """The target that fastnn is no slower than the C++ limit."""
    return Target(named(work), "time of the C++ limit", longer((work, MANY), (work, LIMIT)), 1,
                  least=False)  # fmt: skip


def faster(work: str, threshold: float, own: str = MANY) -> Target:
    """The target that fastnn is a number of times as fast as an earlier one."""
    return Target(named(work), BEFORE, lambda f: f.times_as_fast(work, own), threshold)


def named(work: str) -> str:
    """The name of a work in a target."""
    return work.replace("-float32", " float32")


def of_before(*path: str, before: tuple[str, ...]) -> Callable[[Figures], float]:
    """A measurement in times of the earlier fastnn's."""

    def figure(figures: Figures) -> float:
        _ = figures.before
        return float(figures.measurement(*path) / figures.measurement(*before))

    return figure


def start_of_before(*names: str) -> Callable[[Figures], float]:
    """The largest ratio of start-up times to the earlier fastnn's."""
    ratios = [of_before("start", name, before=("start before", name)) for name in names]
    return lambda figures: max(ratio(figures) for ratio in ratios)


BEFORE = "an earlier fastnn"
TINY = ("W2", "W2b", "W2d")
BOTH = ("", "-float32")

TARGETS = [
    Target("W1", "NumPy's textbook loop", against("W1", TEXTBOOK, ONE), 180),
    Target("W1", "JAX scan", against("W1", VMAP, ONE), 5),
    Target("W1", "JAX unrolled by hand", against("W1", UNROLLED, ONE), 1.2),
    faster("W1", 4, ONE),
    Target("W2", "NumPy's textbook loop", against("W2", TEXTBOOK), 2000, 1200),
    Target("W2", "JAX vmap", against("W2", VMAP), 4.5, 3),
    Target("W2", "JAX unrolled by hand", against("W2", UNROLLED), 1.4),
    Target("W2", "two threads, of two processes",
           lambda f: 100 * f.ratio(("W2", PROCESSES), ("W2", MANY_2)).median, 97, unit="%"),
    Target("W2 float32", "own float64", longer(("W2", MANY), ("W2-float32", MANY)), 2.2),
    Target("W2 float32", "JAX unrolled by hand", against("W2-float32", UNROLLED), 1.4),
    *(faster(work, 1.5) for work in TINY),
    *(faster(f"{work}-float32", 1.65) for work in TINY),
    faster("W2p", 1.35),
    faster("W2p-float32", 1.45),
    *(ahead_of_limit(work + number) for work in (*TINY, "W3", "W4") for number in BOTH),
    Target("W2s", "time of an epoch of W2", longer(("W2s", MANY), ("W2", MANY)), 1.08,
           least=False),
    Target("W2s", "lanes busy", busy("W2s"), 97, unit="%"),
    Target("W2s", "JAX vmap that stops, over the ratio of W2", gain("W2s"), 1.6),
    Target("W2v", "time of an epoch of W2b", longer(("W2v", MANY), ("W2b", MANY)), 1.08,
           least=False),
    Target("W2v", "lanes busy", busy("W2v"), 97, unit="%"),
    Target("W2v", "JAX vmap that stops, over the ratio of W2", gain("W2v"), 2.5),
    Target("W3", "JAX vmap", against("W3", VMAP), 5),
    Target("W3", "time of W2", longer(("W3", MANY), ("W2", MANY)), 22, least=False),
    *(faster(work + number, 1.1) for work in ("W3", "W4") for number in BOTH),
    faster("W3-one", 1.5, ONE),
    Target("W4", "NumPy's textbook loop", against("W4", REFERENCE), 14, 9),
    Target("W4", "JAX vmap", against("W4", VMAP), 3.5, 2.5),
    Target("W5", "best of NumPy, JAX and PyTorch", against_best("W5", MANY), 1.25),
    Target("W5 float32", "best of NumPy, JAX and PyTorch", against_best("W5-float32", MANY), 1.1),
    Target("W5", "of the multiply-add peak", share_of_peak, 62, unit="%"),
    *(target
      for work in ("W5-one", "W6-one", "W6-one-float32")
      for target in (
          Target(named(work), "best of NumPy, JAX and PyTorch", against_best(work, SAMPLES), 1.1),
          Target(named(work), "two threads", longer((work, SAMPLES), (work, SAMPLES_2)), 1.7),
      )),
    Target("momentum", "time of gradient descent", dearer("momentum"), 1.25, least=False),
    Target("RPROP", "time of gradient descent", dearer("RPROP"), 1.5, least=False),
    Target("Adam", "time of gradient descent", dearer("Adam"), 1.45, least=False),
    Target("shuffled", "time of batches in given order", shuffled, 3, least=False),
    Target("Levenberg–Marquardt", "a trial on XOR",
           lambda f: f.measurement("levenberg_marquardt", "fastnn"), 30, 55, least=False,
           unit="ns"),
    Target("Levenberg–Marquardt", f"a trial on XOR, of {BEFORE}",
           of_before("levenberg_marquardt", "fastnn", before=("levenberg_marquardt", "before")),
           0.65, least=False),
    Target("Levenberg–Marquardt", "a million solved",
           lambda f: f.measurement("solved", "seconds"), 0.5, 1, least=False, unit="s"),
    Target("Levenberg–Marquardt", "solved in 30 trials", solved, 84, unit="%"),
    Target("groups", "scikit-learn, one fit a group", of_groups("scikit-learn"), 100),
    Target("groups", "JAX vmap over padded data", of_groups("JAX", "groups in JAX"), 3),
    Target("groups", "one call a group", of_groups("fastnn, one by one"), 5),
    Target("groups", "time per row of common data", cost_of_groups, 1.3, least=False),
    Target("scale", "10^3 … 10^7 restarts, spread of ns", flatness, 10, least=False, unit="%"),
    Target("scale", "growth of memory beyond results", growth, 32, least=False, unit="MiB"),
    Target("start", "import", start("import"), 0.4, least=False, unit="s"),
    Target("start", "first result, warm", start("train, warm", "train_many, warm"), 1,
           least=False, unit="s"),
    Target("start", "first result, cold", start("train, cold", "train_many, cold"), 3,
           least=False, unit="s"),
    Target("start", f"import, of {BEFORE}", start_of_before("import"), 1, least=False),
    Target("start", f"first result, warm, of {BEFORE}",
           start_of_before("train, warm", "train_many, warm"), 1, least=False),
    Target("start", f"first result, cold, of {BEFORE}",
           start_of_before("train, cold", "train_many, cold"), 0.6, least=False),
    Target("call", "train, one epoch", lambda f: f.measurement("calls", "train"), 0.15,
           least=False, unit="ms"),
    Target("call", "train_many, 64 restarts", lambda f: f.measurement("calls", "train_many"), 0.3,
           least=False, unit="ms"),
]  # fmt: skip


def outcomes(figures: Figures) -> list[Outcome]:
    """The outcome of every target for a record."""
    found = []
    for target in TARGETS:
        bound = target.bound(figures)
        try:
            found.append(Outcome(target, bound, target.figure(figures), None))
        except NoFigureError as missing:
            found.append(Outcome(target, bound, None, str(missing)))
    return found
