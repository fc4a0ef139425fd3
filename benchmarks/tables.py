"""A record as text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from earlier import name_of
from figures_of import (
    Figures,
    NoFigureError,
)
from peak import sigmoids_of
from targets import Outcome, outcomes
from works import WORKS

from fastnn.cli.machine import line

MET = {True: "met", False: "NOT MET", None: "no figure"}


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
    """Lines for the terminal: machine, results, targets, and omissions."""
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
    """The speed of ours in times of the earlier fastnn's."""
    try:
        ratio = figures.times_as_fast(work)
    except NoFigureError:
        return
    yield f"{work}: {number(ratio)} times as fast as {name_of(figures.before)}"


def left_by_sigmoids(figures: Figures) -> Iterator[str]:
    """The share of an epoch that sigmoids alone take."""
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
    """The machine and the versions."""
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
    """The measurements in addition to the rows."""
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
