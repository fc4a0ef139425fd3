"""Comparison of the estimators with scikit-learn's: cross-validated scores and times of a fit.

On scikit-learn's bundled data, standardised, with 10 and with 100 hidden units: scores by 5-fold
cross-validation, ten times with other folds, and the time to fit all samples, median of turns.
scikit-learn fits one network; fastnn a hundred restarts, in rounds and to their end, and keeps the
best, or averages the ten best.  `n_restarts` apart all parameters are the same, all else being
scikit-learn's defaults.  A first table has both libraries' own defaults.  Run it as
``python benchmarks/sklearn_scores.py [--repeats 10]``, with nothing beside it: it takes some 40
minutes and writes ``benchmarks/sklearn_scores.json``, from which the tables in
``docs/pages/sklearn.md`` are made.  With ``--defaults`` only the first is measured.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sections import with_section
from sklearn import datasets, neural_network
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import fastnn
import fastnn.sklearn
from fastnn.cli.bench import PINNED
from fastnn.sklearn.parameters import TABLE
from fastnn.support.machine import describe

RECORD = Path(__file__).with_suffix(".json")
PAGE = RECORD.parent.parent / "docs" / "pages" / "sklearn.md"
LABELS = ("scikit-learn", "fastnn", "ten best", "to the end")
SETS: dict[str, Callable[..., Any]] = {
    "Iris": datasets.load_iris,
    "Wine": datasets.load_wine,
    "Breast cancer": datasets.load_breast_cancer,
    "Digits": datasets.load_digits,
    "Diabetes": datasets.load_diabetes,
}
TIMED = ("Iris", "Wine", "Breast cancer")
HIDDEN = (10, 100)
SOLVERS = ("lbfgs", "adam", "sgd")
TURNS = 7
# Seconds after which the threads of a library for matrices no longer spin.
REST = 0.2


def estimator(library: Any, name: str, hidden: int, solver: str, **options: Any) -> Any:
    """A pipeline that scales the inputs, and for a regression the target."""
    kind = "MLPRegressor" if name == "Diabetes" else "MLPClassifier"
    network = getattr(library, kind)(
        hidden_layer_sizes=(hidden,), solver=solver, random_state=0, **options
    )
    return scaled(name, network)


def scaled(name: str, network: Any) -> Any:
    """A network in a pipeline that scales the inputs, and for a regression the target."""
    if name == "Diabetes":
        network = TransformedTargetRegressor(network, transformer=StandardScaler())
    return make_pipeline(StandardScaler(), network)


def ours(name: str, hidden: int, solver: str, **options: Any) -> Any:
    """A hundred restarts of fastnn's."""
    same = {"n_restarts": 100, "n_estimators": 1, "alpha": 0.0001}
    return estimator(fastnn.sklearn, name, hidden, solver, **same | options)


def theirs(name: str, hidden: int, solver: str) -> Any:
    """One network of scikit-learn's."""
    return estimator(neural_network, name, hidden, solver)


def folds(name: str, repeats: int) -> Any:
    """Repeated divisions of the samples into five parts."""
    kind = RepeatedKFold if name == "Diabetes" else RepeatedStratifiedKFold
    return kind(n_splits=5, n_repeats=repeats, random_state=0)


def score(model: Any, X: np.ndarray, y: np.ndarray, name: str, repeats: int) -> dict[str, float]:
    """The mean of the repetitions' means, and its standard error."""
    values = [
        model.fit(X[train], y[train]).score(X[test], y[test])
        for train, test in folds(name, repeats).split(X, y)
    ]
    return mean_of(values, repeats)


def mean_of(values: list[float], repeats: int) -> dict[str, float]:
    """The mean of the repetitions' means, and its standard error."""
    means = np.reshape(values, (repeats, 5)).mean(axis=1)
    error = float(means.std(ddof=1) / math.sqrt(repeats)) if repeats > 1 else math.nan
    return {"score": float(means.mean()), "error": error}


def defaults(repeats: int, only: list[str]) -> list[dict[str, Any]]:
    """A row for each data set, with all parameters left out: scores, and milliseconds of a fit.

    Both fit the same samples in turns, scikit-learn with its products of matrices on one thread.
    """
    rows = []
    for name in only:
        X, y = SETS[name](return_X_y=True)
        kind = "MLPRegressor" if name == "Diabetes" else "MLPClassifier"
        values: dict[str, list[float]] = {label: [] for label in LABELS[:2]}
        ms: dict[str, list[float]] = {label: [] for label in LABELS[:2]}
        for turn, (train, test) in enumerate(folds(name, repeats).split(X, y)):
            for label, network in (
                (LABELS[0], getattr(neural_network, kind)(random_state=turn)),
                (LABELS[1], getattr(fastnn.sklearn, kind)()),
            ):
                model = scaled(name, network)
                with threadpool_limits(1 if label == LABELS[0] else None):
                    begin = time.perf_counter()
                    model.fit(X[train], y[train])
                    ms[label].append(1e3 * (time.perf_counter() - begin))
                values[label].append(model.score(X[test], y[test]))
        row = {
            "set": name,
            "scores": {label: mean_of(found, repeats) for label, found in values.items()},
            "ms": {label: float(np.median(found)) for label, found in ms.items()},
        }
        rows.append(row)
        print(line(row), flush=True)
    return rows


def times(models: dict[str, Any], X: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Milliseconds of a fit, the median of turns in which each is fitted once.

    scikit-learn's is fitted twice, its products of matrices on all threads and on one, which is
    faster for most; the faster counts.
    """
    taken: dict[tuple[str, int | None], list[float]] = {}
    for turn in range(TURNS + 1):
        for label, model in models.items():
            for threads in (None, 1) if label == "scikit-learn" else (None,):
                time.sleep(REST)
                with threadpool_limits(threads):
                    begin = time.perf_counter()
                    model.fit(X, y)
                    seconds = time.perf_counter() - begin
                if turn:  # the first compiles
                    taken.setdefault((label, threads), []).append(1e3 * seconds)
    medians = {key: float(np.median(values)) for key, values in taken.items()}
    return {label: min(medians[key] for key in medians if key[0] == label) for label in models}


def variants(name: str, hidden: int, solver: str) -> dict[str, Any]:
    """The estimators to compare, by label."""
    models = (
        theirs(name, hidden, solver),
        ours(name, hidden, solver),
        ours(name, hidden, solver, n_estimators=10),
        ours(name, hidden, solver, halving=False),
    )
    return dict(zip(LABELS, models, strict=True))


def measure(repeats: int, only: list[str]) -> list[dict[str, Any]]:
    """A row for each data set, size and solver: first all times, while nothing else runs."""
    rows = [
        {"set": name, "hidden": hidden, "solver": solver}
        for name in only
        for hidden in HIDDEN
        for solver in SOLVERS
    ]
    for what in ("ms", "scores"):
        for row in rows:
            name, solver = row["set"], row["solver"]
            X, y = SETS[name](return_X_y=True)
            compared = variants(name, row["hidden"], solver)
            if what == "ms":
                if name in TIMED:
                    row[what] = times(compared, X, y)
                    print(line(row), flush=True)
                continue
            scored = LABELS[:3]
            if name == "Digits" and solver != "lbfgs":  # hours
                scored = LABELS[:3:2] if solver == "adam" and row["hidden"] == 100 else LABELS[:1]
            row[what] = {label: score(compared[label], X, y, name, repeats) for label in scored}
            print(line(row), flush=True)
    return rows


def line(row: dict[str, Any]) -> str:
    """A row as text."""
    text = f"{row['set']:14s} {row.get('hidden', ''):4} {row.get('solver', ''):6s}"
    for label, value in row.get("scores", {}).items():
        text += f"  {label} {value['score']:.4f} ± {value['error']:.4f}"
    for label, value in row.get("ms", {}).items():
        text += f"  {label} {value:.1f} ms"
    return text


def tables(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    about = record["machine"]
    lines = [
        f"Measured on {record['date']} on {about['processor']}, {about['threads']} threads; "
        f"scikit-learn {record['scikit-learn']}.",
        "",
        "| data | hidden | solver | scikit-learn | fastnn | average of the ten best |",
        "|---|---:|---|---:|---:|---:|",
    ]
    for row in record["rows"]:
        cells = [text_of_score(row["scores"], label) for label in LABELS[:3]]
        lines.append(f"| {row['set']} | {row['hidden']} | {row['solver']} | {' | '.join(cells)} |")
    lines += [
        "",
        "| milliseconds of a fit | hidden | solver | scikit-learn, one network | fastnn, a hundred "
        "| all to the end |",
        "|---|---:|---|---:|---:|---:|",
    ]
    for row in record["rows"]:
        if "ms" in row:
            cells = [text_of_time(row["ms"], label) for label in (*LABELS[:2], LABELS[3])]
            lines.append(
                f"| {row['set']} | {row['hidden']} | {row['solver']} | {' | '.join(cells)} |"
            )
    return "\n".join(lines)


def table_of_defaults(record: dict[str, Any]) -> str:
    """The table of the defaults as Markdown."""
    found = record["defaults"]
    lines = [
        f"Measured on {found['date']} on {found['machine']['processor']}, "
        f"{found['machine']['threads']} threads; scikit-learn {found['scikit-learn']}; "
        f"{found['repeats']} times 5 folds.",
        "",
        "| data | scikit-learn | fastnn | ms of a fit: scikit-learn | fastnn |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in found["rows"]:
        scores = [text_of_score(row["scores"], label) for label in LABELS[:2]]
        ms = [f"{row['ms'][label]:.0f}" for label in LABELS[:2]]
        lines.append(f"| {row['set']} | {' | '.join(scores + ms)} |")
    return "\n".join(lines)


def text_of_score(scores: dict[str, Any], label: str) -> str:
    """A score with its error, bold where it is worse."""
    if label not in scores:
        return ""
    one, best = scores[label], scores[LABELS[0]]
    text = f"{one['score']:.3f} ± {one['error']:.3f}"
    worse = one["score"] + max(one["error"], best["error"]) < best["score"]
    return f"**{text}**" if worse else text


def text_of_time(ms: dict[str, float], label: str) -> str:
    """Format milliseconds, bold if they are more."""
    text = f"{ms[label]:.1f}"
    return f"**{text}**" if ms[label] > ms[LABELS[0]] else text


def write_page(record: dict[str, Any]) -> None:
    """Put the tables into the page of the documentation."""
    words = ["| scikit-learn | fastnn | |", "|---|---|---|"]
    words += [f"| `{theirs}` | `{own}` | {remark} |" for theirs, own, remark in TABLE]
    text = PAGE.read_text()
    for name, content in (
        ("words", "\n".join(words)),
        ("defaults", table_of_defaults(record)),
        ("scores", tables(record)),
    ):
        text = with_section(text, name, content)
    PAGE.write_text(text)


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--sets", nargs="*", default=[*SETS], choices=[*SETS])
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--defaults", action="store_true", help="measure only the defaults")
    options = parser.parse_args()
    free = {name: value for name, value in os.environ.items() if name not in PINNED}
    if len(free) < len(os.environ):  # what slows NumPy down is read when it is loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], free)
    warnings.simplefilter("ignore")  # both warn where they were still learning
    about = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe(),
        "scikit-learn": sklearn.__version__,
        "repeats": options.repeats,
    }
    if options.defaults:
        record = json.loads(RECORD.read_text())
    else:
        record = about | {"rows": measure(options.repeats, options.sets)}
    record["defaults"] = about | {"rows": defaults(options.repeats, options.sets)}
    options.record.write_text(json.dumps(record, indent=1) + "\n")
    if options.record == RECORD:
        write_page(record)


if __name__ == "__main__":
    main()
