"""A record as sections of documents: a table in the README, and everything on a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from earlier import name_of
from figures_of import (
    BEFORE,
    FAMILIES,
    LIMIT,
    MANY_2,
    REFERENCE,
    SAMPLES_2,
    TEXTBOOK,
    Figures,
    NoFigureError,
)
from tables import amount, bound, left_by_sigmoids, number
from targets import outcomes

FIGURES = {
    "ratios": "How many times as long as fastnn the peers take, by work",
    "restarts": "Nanoseconds per network and epoch against the number of restarts",
    "threads": "Speed-up against threads",
    "size": "Time against network size",
}
OTHERS = ("NumPy loop", *FAMILIES, "C++ limit")
FASTNN = ("two threads", "general kernels", "before")
BRIEF = ("W1", "W2", "W3", "W4", "W5", "W6")
"""The works in the README's table."""


def brief(record: dict[str, Any]) -> str:
    """The README's section: a table of a few works, with other programs."""
    figures = Figures(record)
    named = {work: _of_networks(figures, work) for work in BRIEF}
    found = outcomes(figures)
    met = sum(outcome.met is True for outcome in found)
    more = f"Of the suite's {len(found)} targets {met} are met: [all figures](docs/pages/speed.md)."
    return "\n".join((*_machine(record), *_table(figures, named, OTHERS), "", more))


def full(record: dict[str, Any]) -> str:
    """The section of the page on speed: all works, figures and targets."""
    return "\n".join(_full(record))


def _full(record: dict[str, Any]) -> Iterator[str]:
    figures = Figures(record)
    values = record["measurements"]
    works = {work: _title(record, work) for work in record["works"]}
    yield from _machine(record)
    yield from _table(figures, works, OTHERS)
    broken = figures.broken_limits()
    if broken:
        yield f"\nThe C++ limit is slower than fastnn, so it is none, on {', '.join(broken)}."
    yield "\n![{}](../../benchmarks/figures/{}.png)\n".format(FIGURES["ratios"], "ratios")
    yield "## Threads, kernels, and an earlier fastnn\n"
    yield "The first two columns are nanoseconds per network and epoch, on one thread and on two."
    yield "The others say how many times as long general kernels take, and an earlier fastnn.\n"
    yield from _table(figures, works, FASTNN)
    sentences = list(left_by_sigmoids(figures))
    if sentences:
        yield ""
        yield from sentences
    if "million" in values:
        yield ""
        yield from million(figures)
    yield from _optimizers(values)
    groups = list(_groups(values))
    if groups:
        yield "\n## Groups\n"
        yield from groups
    yield ""
    for name, text in FIGURES.items():
        if name in values:
            yield f"![{text}](../../benchmarks/figures/{name}.png)"
    yield "\n## Targets\n"
    yield from _targets(figures)
    if record["skipped"]:
        left = "; ".join(f"{a['title']}: {a['reason']}" for a in record["skipped"].values())
        yield f"\nLeft out of this run: {left}."


def _machine(record: dict[str, Any]) -> Iterator[str]:
    """The machine, the versions, and how to read the table."""
    about, has_512 = record["machine"], Figures(record).has_512
    units = "AVX-512" if has_512 else "AVX2" if "avx2" in about["vector_units"] else "SSE"
    threads = f"{about['threads']} thread{'s' if about['threads'] > 1 else ''}"
    versions = {**about["versions"], **about["peers"]}
    named = [
        f"{name} {versions[key]}"
        for name, key in (
            ("NumPy", "numpy"), ("Numba", "numba"), ("scikit-learn", "scikit-learn"),
            ("PyTorch", "torch"), ("JAX", "jax"),
        )
        if key in versions
    ]  # fmt: skip
    yield f"Measured on {about['date']} on {about['processor']} ({about['architecture']}, {units}),"
    yield f"{threads}; {', '.join(named)}."
    yield "All run on one thread. The first number is fastnn's, in nanoseconds per network and"
    yield "epoch. The others say how many times as long the fastest form of each program takes;"
    yield "**bold** where it is ahead of fastnn.\n"


def _title(record: dict[str, Any], work: str) -> str:
    single = ", float32" if work.endswith("-float32") else ""
    return f"{work.removesuffix('-float32')}: {record['works'][work]}{single}"


def _of_networks(figures: Figures, work: str) -> str:
    """A work's title with its number of networks."""
    title = figures.record["works"].get(work, "")
    try:
        restarts = figures.row(work, figures.own(work))["restarts"]
    except NoFigureError:
        return title
    return title if restarts == 1 else f"{title}, {restarts:,} networks"


def _table(figures: Figures, works: dict[str, str], wanted: Iterable[str]) -> Iterator[str]:
    """A table of works, with those of the columns that have a figure."""
    columns = [name for name in wanted if any(_cell(figures, work, name) for work in works)]
    titles = [name_of(figures.before) if name == "before" else name for name in columns]
    yield "| work | fastnn, ns | " + " | ".join(titles) + " |"
    yield "|---|---:|" + "---:|" * len(columns)
    for work, title in works.items():
        try:
            own = number(figures.ns(work, figures.own(work)))
        except NoFigureError:
            continue
        cells = (_cell(figures, work, name) for name in columns)
        yield f"| {title} | {own} | {' | '.join(cells)} |"


def _cell(figures: Figures, work: str, column: str) -> str:
    """The text of a column for a work; empty without a figure."""
    try:
        if column == "two threads":
            there = (name for name in (MANY_2, SAMPLES_2) if (work, name) in figures.rows)
            return number(figures.ns(work, next(there, MANY_2)))
        pair = (work, _contender(figures, work, column))
        ratio = figures.ratio(pair, (work, figures.own(work))).median
    except NoFigureError:
        return ""
    return number(ratio) if ratio >= 1 else f"**{number(ratio)}**"


def _contender(figures: Figures, work: str, column: str) -> str:
    """The contender of `column` for `work`."""
    if column == "general kernels":
        return figures.general(work)
    if column == "before":
        return figures.row(work, BEFORE[figures.own(work)])["contender"]
    if column == "C++ limit":
        return figures.row(work, LIMIT)["contender"]
    if column == "NumPy loop":
        name = TEXTBOOK if (work, TEXTBOOK) in figures.rows else REFERENCE
        return figures.row(work, name)["contender"]
    return figures.best(work, FAMILIES[column])


def million(figures: Figures) -> Iterator[str]:
    """The time of a million restarts, here and in a NumPy loop."""
    about = figures.measurement("million")
    seconds, epochs = about["seconds"], about["epochs"]
    yield (
        f"A million restarts of W2s took {seconds:.0f} seconds on {about['threads']} threads, "
        f"{epochs / 1e6:,.0f} epochs each"
    )
    hours = epochs * figures.ns("W2", TEXTBOOK) / 1e9 / 3600
    yield f"on average; the NumPy loop would take {hours:.0f} hours."


def _optimizers(values: dict[str, Any]) -> Iterator[str]:
    """The costs of other optimizers, and results of Levenberg–Marquardt."""
    costs = values.get("optimizers")
    if not costs:
        return
    plain = costs["gradient descent"]
    shares = [f"{name} {ns / plain:.2f}" for name, ns in costs.items() if ns != plain]
    yield ""
    yield f"An epoch of W2 takes, in times of plain gradient descent: {', '.join(shares)}."
    if {"levenberg_marquardt", "solved"} <= set(values):
        ns, about = values["levenberg_marquardt"], values["solved"]
        beside = ""
        if "SciPy trf" in ns:
            beside = f" (SciPy's `least_squares`, method trf, {number(ns['SciPy trf'] / 1e3)} µs)"
        yield ""
        yield (
            f"Levenberg–Marquardt on XOR with biases takes {number(ns['fastnn'])} ns for each "
            f"trial{beside}."
        )
        yield (
            f"A million solved restarts, {about['solved'] / about['restarts']:.0%} of those that "
            f"started, took {about['seconds']:.2f} seconds on {about['threads']} threads."
        )
    if "batches" in values:
        batches = values["batches"]
        ratio = batches["shuffled"] / batches["given order"]
        take = f"take {ratio:.2f} times as long as in the given order"
        yield f"Shuffled batches of 15 of Iris {take}."


def _groups(values: dict[str, Any]) -> Iterator[str]:
    """Networks of their own for many data sets: all together, one by one, and by others."""
    found = values.get("groups to convergence")
    if not found:
        return
    alone = ""
    if "scikit-learn" in found:
        alone = (
            f"; scikit-learn's, one fit for each group, {number(found['scikit-learn'])} µs, "
            f"R² {found['score of scikit-learn']:.3f}"
        )
    yield (
        "A 3-8-1 network for each of 1,000 groups of 30 to 300 rows, trained to convergence by "
        f"L-BFGS, takes {number(found['fastnn, ten restarts'])} µs with ten restarts for each "
        f"group, {number(found['fastnn, one restart'])} µs with one, and "
        f"{number(found['fastnn, one by one'])} µs with a call for each group; median test R² "
        f"{found['score']:.3f}{alone}."
    )
    if "groups in JAX" in values:
        ns = values["groups in JAX"]
        yield (
            f"An epoch of gradient descent takes {number(ns['fastnn'])} ns per row, and "
            f"{number(ns['JAX'])} ns with JAX's `vmap` over data that are padded."
        )
    if "cost of groups" in values:
        shares = [
            f"{name} {number(times['1'])} and {number(times['10'])}"
            for name, times in values["cost of groups"].items()
        ]
        yield (
            "In times of data that all restarts share, a row takes, with one restart and with ten: "
            f"{', '.join(shares)}."
        )


def _targets(figures: Figures) -> Iterator[str]:
    """The targets in brief: the number met, and the gaps of the others."""
    found = outcomes(figures)
    met = sum(outcome.met is True for outcome in found)
    missed = [outcome for outcome in found if outcome.met is False]
    rest = "; these are not:" if missed else "."
    yield f"Of the suite's {len(found)} targets {met} are met{rest}"
    if missed:
        yield ""
    for outcome in missed:
        target = outcome.target
        figure = amount(outcome.figure or 0.0, target.unit)
        yield f"- {target.work}, {target.what}: {figure}, target {bound(outcome)}"
    without = [o for o in found if o.met is None]
    if without:
        yield "\nNot measured in this run:\n"
    reasons = dict.fromkeys(outcome.reason for outcome in without)
    for reason in reasons:
        named = (f"{o.target.work}, {o.target.what}" for o in without if o.reason == reason)
        yield f"- {'; '.join(named)}: {reason}"
