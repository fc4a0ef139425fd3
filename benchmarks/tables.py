"""A record as text: what the terminal prints, and the README's section."""

from __future__ import annotations

from collections.abc import Iterator
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
from peak import sigmoids_of
from targets import Outcome, outcomes
from works import WORKS

from fastnn.cli.machine import line

MET = {True: "met", False: "NOT MET", None: "no figure"}
FIGURES = {
    "ratios": "How many times as long as fastnn the peers take, by work",
    "restarts": "Nanoseconds per network and epoch against the number of restarts",
    "threads": "Speed-up against threads",
    "size": "Time against network size",
}


def number(value: float) -> str:
    """Three digits, or all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def amount(value: float, unit: str) -> str:
    """A figure of a target with its unit."""
    return f"{number(value)} {unit}"


def bound(outcome: Outcome) -> str:
    """A target's threshold."""
    return f"{'≥' if outcome.target.least else '≤'} {outcome.bound:,g} {outcome.target.unit}"


def report(record: dict[str, Any]) -> Iterator[str]:
    """Lines for the terminal: machine, results, targets, and who was left out."""
    figures = Figures(record)
    yield from ("", *machine(record), "")
    yield f"{'ns per network and epoch':<66}{'median':>12}{'from':>12}{'to':>12}{'/ fastnn':>10}"
    for work, title in record["works"].items():
        rows = [row for row in record["rows"] if row["work"] == work]
        if rows:
            yield f"{work}: {title}"
        for row in sorted(rows, key=lambda row: row["ns"]["median"]):
            ns = row["ns"]
            cells = "".join(f"{number(ns[name]):>12}" for name in ("median", "min", "max"))
            compared = row.get("compared", row["restarts"])
            loose = "" if compared else ", not compared"
            label = f"  {row['title']} ({row['restarts']:,}{loose})"
            yield f"{label:<66}{cells}{_against_own(figures, row):>10}"
    disturbed = [row for row in record["rows"] if row.get("cpu_share", 1) < 0.95]
    if disturbed:
        yield f"DISTURBED by something else: {len(disturbed)} of {len(record['rows'])} rows:"
        yield "  " + ", ".join(f"{row['work']} {row['contender']}" for row in disturbed)
    for work in record["works"]:
        yield from compared_with_before(figures, work)
    broken = figures.broken_limits()
    if broken:
        named = ", ".join(f"{work} ({number(ratio)} ×)" for work, ratio in broken.items())
        yield f"BROKEN: limit slower than fastnn, so it is none: {named}"
    yield from measured(record["measurements"])
    yield from left_by_sigmoids(figures)
    yield f"\n{'target':<58}{'bound':>14}{'figure':>14}"
    for outcome in outcomes(figures):
        target = outcome.target
        figure = "–" if outcome.figure is None else amount(outcome.figure, target.unit)
        label = f"{target.work}: {target.what}"
        end = MET[outcome.met] + (f": {outcome.reason}" if outcome.reason else "")
        yield f"{label:<58}{bound(outcome):>14}{figure:>14}  {end}"
    for left in record["skipped"].values():
        yield f"left out: {left['title']}: {left['reason']}"


def _against_own(figures: Figures, row: dict[str, Any]) -> str:
    try:
        own = figures.own(row["work"])
        return number(figures.ratio((row["work"], row["contender"]), (row["work"], own)).median)
    except NoFigureError:
        return ""


def compared_with_before(figures: Figures, work: str) -> Iterator[str]:
    """How many times as fast as the earlier fastnn ours is."""
    try:
        ratio = figures.times_as_fast(work)
    except NoFigureError:
        return
    yield f"{work}: {number(ratio)} times as fast as {name_of(figures.before)}"


def left_by_sigmoids(figures: Figures) -> Iterator[str]:
    """How much of an epoch sigmoids alone take that wait for nothing."""
    for work in ("W2", "W2-float32"):
        try:
            own = figures.ns(work, figures.own(work))
            ns = figures.measurement("sigmoids", WORKS[work].dtype)
        except NoFigureError:
            continue
        count = sigmoids_of(WORKS[work].net.sizes, len(WORKS[work].data()[0]))
        yield (
            f"{work}: sigmoids alone take {number(count * ns['sigmoid'])} ns of the "
            f"{number(own)} ns, and their divisions alone {number(count * ns['division'])} ns."
        )


def machine(record: dict[str, Any]) -> Iterator[str]:
    """Where and with what."""
    about = record["machine"]
    peers = ", ".join(f"{name} {version}" for name, version in about["peers"].items())
    yield line(about)
    if about.get("quick"):
        yield "ONLY CHECKED that everything runs (--quick): no figure means anything"
    if about.get("before"):
        yield f"before: {name_of(about['before'])}"
    yield f"{about['date']}; {peers}; {about['compiler'] or 'no C++ compiler'}"
    if about["cleared"]:
        yield f"cleared from the environment: {', '.join(about['cleared'])}"
    if about["imported_before"]:
        yield f"imported before the process was put on one CPU: {about['imported_before']}"


def measured(values: dict[str, Any]) -> Iterator[str]:
    """The measurements beside the rows."""
    for dtype, pace in values.get("peak", {}).items():
        yield f"multiply-add peak of one core, {dtype}: {pace / 1e9:,.1f} · 10^9 per second"
    for work, share in values.get("lanes", {}).items():
        yield f"lanes busy in {work}: {share:.2%}"
    for part, whose in (("start", ""), ("start before", ", before")):
        for name, seconds in values.get(part, {}).items():
            yield f"new process until its first result, {name}{whose}: {seconds:.2f} s"
    for part, whose in (("calls", ""), ("calls before", ", before")):
        for name, ms in values.get(part, {}).items():
            yield f"a call of {name} for one epoch of XOR{whose}: {ms:.3f} ms"
    plain = values.get("optimizers", {}).get("gradient descent")
    for name, ns in values.get("optimizers", {}).items():
        yield f"W2 with {name}: {number(ns)} ns per network and epoch, {ns / plain:.2f} times plain"
    for name, ns in values.get("batches", {}).items():
        yield f"Iris 4-8-3, {name}: {number(ns)} ns per network and epoch"
    for name, ns in values.get("levenberg_marquardt", {}).items():
        yield f"Levenberg–Marquardt on XOR with biases, {name}: {number(ns)} ns per trial"
    if "solved" in values:
        about = values["solved"]
        yield (
            f"{about['solved']:,} solved of {about['restarts']:,} restarts in "
            f"{about['seconds']:.2f} s on {about['threads']} threads"
        )
    if "sweep" in values:
        about = values["sweep"]
        yield f"a sweep of {about['networks']:,} networks in {about['seconds']:.2f} s"
    for point in values.get("restarts", []):
        yield (
            f"{point['restarts']:>12,} restarts: {number(point['ns'])} ns per network and epoch, "
            f"{point['memory']:.0f} MiB beyond results"
        )
    for work, points in values.get("threads", {}).items():
        speed_ups = (f"{point['threads']}: {point['speed_up']:.2f}" for point in points)
        yield f"speed-up of {work} by threads: {', '.join(speed_ups)}"


def million(figures: Figures) -> Iterator[str]:
    """What a million restarts took, and would take a NumPy loop."""
    about = figures.measurement("million")
    seconds, epochs = about["seconds"], about["epochs"]
    yield (
        f"A million restarts of W2s took {seconds:.0f} seconds on {about['threads']} threads, "
        f"{epochs / 1e6:,.0f} epochs each"
    )
    hours = epochs * figures.ns("W2", TEXTBOOK) / 1e9 / 3600
    yield f"on average; the NumPy loop would take {hours:.0f} hours."


def readme(record: dict[str, Any]) -> str:
    """The README's section on speed."""
    return "\n".join(_readme(record))


def _readme(record: dict[str, Any]) -> Iterator[str]:
    figures = Figures(record)
    about = record["machine"]
    units = "AVX-512" if figures.has_512 else "AVX2" if "avx2" in about["vector_units"] else "SSE"
    versions = {**about["versions"], **about["peers"]}
    named = [
        f"{name} {versions[key]}"
        for name, key in (
            ("NumPy", "numpy"), ("Numba", "numba"), ("scikit-learn", "scikit-learn"),
            ("PyTorch", "torch"), ("JAX", "jax"),
        )
        if key in versions
    ]  # fmt: skip
    threads = f"{about['threads']} thread{'s' if about['threads'] > 1 else ''}"
    yield f"Measured on {about['date']} on {about['processor']} ({about['architecture']}, {units}),"
    yield f"{threads}; {', '.join(named)}."
    yield "One thread each, but for the column of two. The last columns say how many times as long"
    yield "as fastnn the fastest form of each peer takes; **bold** where it is ahead of fastnn.\n"
    names = ("general kernels", "before", "NumPy loop", *FAMILIES, "C++ limit")
    columns = [name for name in names if _any(figures, name)]
    titles = [name_of(figures.before) if name == "before" else name for name in columns]
    yield "| work | fastnn, ns per network and epoch | two threads | " + " | ".join(titles) + " |"
    yield "|---|" + "---:|" * (len(columns) + 2)
    for work, title in record["works"].items():
        try:
            own = figures.own(work)
        except NoFigureError:
            continue
        cells = [number(figures.ns(work, own)), _two_threads(figures, work)]
        cells += [_cell(figures, work, own, name) for name in columns]
        single = ", float32" if work.endswith("-float32") else ""
        yield f"| {work.removesuffix('-float32')}: {title}{single} | {' | '.join(cells)} |"
    broken = figures.broken_limits()
    if broken:
        yield ""
        yield f"The C++ limit is slower than fastnn, so it is none, on {', '.join(broken)}."
    sentences = list(left_by_sigmoids(figures))
    if sentences:
        yield ""
        yield from sentences
    if "million" in record["measurements"]:
        yield ""
        yield from million(figures)
    yield from _optimizers(record["measurements"])
    yield ""
    for name, text in FIGURES.items():
        if name in record["measurements"] or (name == "ratios" and columns):
            yield f"![{text}](benchmarks/figures/{name}.png)"
    yield ""
    yield from _targets(figures)
    if record["skipped"]:
        left = "; ".join(f"{a['title']}: {a['reason']}" for a in record["skipped"].values())
        yield f"\nLeft out of this run: {left}."


def _optimizers(values: dict[str, Any]) -> Iterator[str]:
    """What other optimizers cost, and what Levenberg–Marquardt does."""
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
            f"trial{beside}; a million solved"
        )
        yield (
            f"restarts, {about['solved'] / about['restarts']:.0%} of those that began, took "
            f"{about['seconds']:.2f} seconds on {about['threads']} threads."
        )
    if "batches" in values:
        batches = values["batches"]
        ratio = batches["shuffled"] / batches["given order"]
        yield f"Shuffled batches of 15 of Iris take {ratio:.2f} times as long as in given order."


def _contender(figures: Figures, work: str, column: str) -> str:
    """Who stands in `column` for `work`."""
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


def _any(figures: Figures, column: str) -> bool:
    return any(_cell(figures, work, None, column) for work in figures.record["works"])


def _cell(figures: Figures, work: str, own: str | None, column: str) -> str:
    try:
        ratio = figures.ratio(
            (work, _contender(figures, work, column)), (work, own or figures.own(work))
        ).median
    except NoFigureError:
        return ""
    return number(ratio) if ratio >= 1 else f"**{number(ratio)}**"


def _two_threads(figures: Figures, work: str) -> str:
    for name in (MANY_2, SAMPLES_2):
        if (work, name) in figures.rows:
            return number(figures.ns(work, name))
    return ""


def _targets(figures: Figures) -> Iterator[str]:
    """The targets in brief: how many are met, what is missing at the others."""
    found = outcomes(figures)
    met = sum(outcome.met is True for outcome in found)
    missed = [outcome for outcome in found if outcome.met is False]
    yield f"Of the suite's {len(found)} targets {met} are met" + (", not these:" if missed else ".")
    if missed:
        yield ""
    for outcome in missed:
        target = outcome.target
        figure = amount(outcome.figure or 0.0, target.unit)
        yield f"- {target.work}, {target.what}: {figure}, target {bound(outcome)}"
    without = [o for o in found if o.met is None]
    if without:
        yield "\nWithout a figure in this run:\n"
    reasons = dict.fromkeys(outcome.reason for outcome in without)
    for reason in reasons:
        named = (f"{o.target.work}, {o.target.what}" for o in without if o.reason == reason)
        yield f"- {'; '.join(named)}: {reason}"
