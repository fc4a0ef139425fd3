"""The tiers of tests: which are chosen, and which runs are distributed over processes."""

from types import SimpleNamespace

import conftest
import pytest

NAMED, BY_DEFAULT = pytest.Config.ArgsSource.ARGS, pytest.Config.ArgsSource.TESTPATHS
OPTIONS = {
    "numprocesses": None, "maxprocesses": None, "dist": "no", "capture": "fd", "keyword": "",
    "markexpr": "", "lf": False, "stepwise": False, "usepdb": False, "trace": False,
    "collectonly": False, "cov_source": [],
}  # fmt: skip


def distributed(source=BY_DEFAULT, *, config=None, **options):
    """The number of processes and the kind of distribution that a run gets."""
    option = SimpleNamespace(**{**OPTIONS, **options})
    conftest.pytest_cmdline_main(
        SimpleNamespace(option=option, args_source=source, **(config or {}))
    )
    return option.numprocesses, option.dist, option.maxprocesses


def test_a_whole_tier_is_distributed():
    assert distributed() == ("logical", "worksteal", conftest.MOST_PROCESSES)
    assert distributed(maxprocesses=9) == ("logical", "worksteal", 9)


@pytest.mark.parametrize(
    "options",
    [
        {"source": NAMED}, {"capture": "no"}, {"keyword": "lanes"}, {"markexpr": "slow"},
        {"lf": True}, {"stepwise": True}, {"usepdb": True}, {"trace": True}, {"collectonly": True},
        {"cov_source": ["fastnn"]}, {"config": {"workerinput": {}}},
    ],
    ids=str,
)  # fmt: skip
def test_other_runs_stay_in_one_process(options):
    assert distributed(**options) == (None, "no", None)


def test_what_the_command_line_says_is_done():
    for numprocesses, dist in ((0, "no"), (3, "loadfile"), ("auto", "load")):
        assert distributed(numprocesses=numprocesses, dist=dist) == (numprocesses, dist, None)


def test_without_the_plugin_nothing_is_distributed():
    option = SimpleNamespace(capture="fd")
    conftest.pytest_cmdline_main(SimpleNamespace(option=option, args_source=BY_DEFAULT))
    assert vars(option) == {"capture": "fd"}


class Item:
    """A test with marks."""

    def __init__(self, *marks):
        self.marks, self.added = marks, []

    def get_closest_marker(self, name):
        return name if name in self.marks else None

    def add_marker(self, mark):
        self.added.append(mark.name)


PLAIN, THOROUGH, SLOW, BOTH = (), ("thorough",), ("slow",), ("thorough", "slow")


@pytest.mark.parametrize(
    ("asked", "source", "kept", "run"),
    [
        (None, BY_DEFAULT, [PLAIN, SLOW], [PLAIN]),
        (None, NAMED, [PLAIN, THOROUGH, SLOW, BOTH], [PLAIN, THOROUGH]),
        ("rest", BY_DEFAULT, [THOROUGH, BOTH], [THOROUGH]),
        ("rest", NAMED, [THOROUGH, BOTH], [THOROUGH]),
        ("all", BY_DEFAULT, [PLAIN, THOROUGH, SLOW, BOTH], [PLAIN, THOROUGH]),
        ("slow", BY_DEFAULT, [PLAIN, THOROUGH, SLOW, BOTH], [PLAIN, THOROUGH, SLOW, BOTH]),
    ],
)
def test_tiers(asked, source, kept, run):
    deselected = []
    config = SimpleNamespace(
        args_source=source, getoption=lambda name: name == f"--{asked}",
        hook=SimpleNamespace(pytest_deselected=lambda items: deselected.extend(items)),
    )  # fmt: skip
    everything = [Item(*marks) for marks in (PLAIN, THOROUGH, SLOW, BOTH)]
    items = everything[:]
    conftest.pytest_collection_modifyitems(config, items)
    assert [item.marks for item in items] == kept
    assert {*items, *deselected} == {*everything}
    assert [item.marks for item in items if "skip" not in item.added] == run
    for item in items:
        assert ("timeout" in item.added) == (asked == "slow" and "slow" in item.marks)
