"""The suite's session: a clean environment, one CPU, turns, and the printed and saved results.

BLAS, PyTorch and JAX size their thread pools when they are imported, so variables are cleared and
the process is put on one CPU before that.
"""

import ast
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
# Settings that pin BLAS to another kind of processor slow NumPy down; the comparison is without.
PINNED = (
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "NVPL_BLAS_DEBUG_CPU_TYPE", "MKL_DEBUG_CPU_TYPE",
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
)  # fmt: skip
CLEARED = {name: os.environ.pop(name) for name in PINNED if name in os.environ}
LATE = [name for name in ("numpy", "torch", "jax") if name in sys.modules]


def xla_flags() -> str:
    """The fastest flags for the JAX contenders, read without importing JAX."""
    try:
        tree = ast.parse((FOLDER / "contenders" / "jax_batched.py").read_text())
    except OSError:
        return ""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "XLA_FLAGS":
            return str(ast.literal_eval(node.value))
    return ""


if xla_flags() not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {xla_flags()}".strip()

import cpus  # noqa: E402

cpus.keep_one()

import earlier  # noqa: E402
import pytest  # noqa: E402
import session  # noqa: E402
import works  # noqa: E402


def pytest_addoption(parser):
    group = parser.getgroup("fastnn's suite")
    group.addoption("--turns", type=int, default=3, help="how often all contenders take turns")
    group.addoption("--quick", action="store_true", help="only check that everything runs")
    group.addoption("--before", metavar="PYTHON", help="Python of an environment with an earlier "
                    "fastnn, which takes turns with this one")  # fmt: skip
    group.addoption("--huge", action="store_true", help="also 10^6 and 10^7 restarts (two minutes)")


def pytest_configure(config):
    if config.option.quick:  # before contenders see the works
        works.make_quick()
        config.option.turns = 1
    results = FOLDER / "results"
    results.mkdir(exist_ok=True)
    if not config.option.benchmark_json and not config.option.collectonly:
        config.option.benchmark_json = str(
            results / ("latest-quick.json" if config.option.quick else "latest.json")
        )
    config.option.benchmark_quiet = True  # the suite's own tables are shorter
    config.stash[session.KEY] = session.Session(CLEARED, LATE)
    if config.option.before:
        try:
            earlier.begin(config.option.before)
        except ValueError as error:
            raise pytest.UsageError(f"--before: {error}") from None
        process = earlier.process()
        config.stash[session.KEY].before = process and process.about


def pytest_unconfigure():
    earlier.end()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session):
    if not session.config._benchmarksession.benchmarks:
        session.config._benchmarksession.json = None  # it would warn that there is nothing to save
    return (yield)


@pytest.fixture
def suite(request):
    """The session's record."""
    return request.config.stash[session.KEY]


def pytest_generate_tests(metafunc):
    if "turn" in metafunc.fixturenames:
        turns = range(metafunc.config.option.turns)
        pairs = session.pairs()
        metafunc.parametrize(
            ("turn", "work", "contender"),
            [(turn, work, contender) for turn in turns for work, contender in pairs],
            ids=[f"{t + 1}-{w.key}-{c.name}" for t in turns for w, c in pairs],
        )


def pytest_terminal_summary(terminalreporter, config):
    record = config.stash[session.KEY].record()
    if record["rows"] or record["measurements"]:
        import tables

        path = session.save(record)
        for text in tables.report(record):
            terminalreporter.write_line(text)
        terminalreporter.write_line(f"recorded in {path.relative_to(FOLDER.parent)}")
