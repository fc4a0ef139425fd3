"""The commands of continuous integration, one by one: ``nox -s tests``, ``nox -s lint``."""

import nox

nox.options.sessions = ["lint", "tests"]
PYTHONS = ["3.11", "3.12", "3.13"]


@nox.session(python=PYTHONS)
def tests(session):
    """What CI runs: the thorough tests, and the default ones; or ``nox -s tests -- --slow``."""
    session.install("-e", ".[test]")
    if session.posargs:
        session.run("python", "-m", "pytest", *session.posargs)
        return
    session.run("python", "-m", "pytest", "--rest")
    session.run("python", "-m", "pytest", "--cov", "-n", "logical", "--dist", "worksteal")


@nox.session
def lint(session):
    """Style, format, types, and the layers of imports."""
    session.install("-e", ".[test]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports", "--no-cache")


@nox.session
def docs(session):
    """The documentation, in ``docs/_build``."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build")


@nox.session
def benchmarks(session):
    """The benchmark suite."""
    session.install("-e", ".[bench]")
    session.run("python", "-m", "pytest", "benchmarks", *session.posargs)
