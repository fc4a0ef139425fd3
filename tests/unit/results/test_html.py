"""Networks and results in notebooks: well-formed, escaped, and complete for odd results."""

import sys
import types
import xml.etree.ElementTree as ET
from html import unescape

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastnn
from fastnn.scheduling.progress import progress_bar
from fastnn.support.html import bars, card, curve

SETTINGS = {"optimizer": fastnn.GradientDescent(2.0), "epochs": 200, "target_sse": 0.04}


@pytest.fixture(scope="module")
def runs():
    net = fastnn.Network([2, 2, 1])
    return fastnn.train_many(net, *fastnn.datasets.xor(), restarts=50, **SETTINGS)


def parsed(shown):
    """The tree of what a notebook shows, its words, and its numbers, all of which are finite."""
    html = shown if isinstance(shown, str) else shown._repr_html_()
    tree = ET.fromstring(html)
    for element in tree.iter():
        assert element.tag.rpartition("}")[2] != "script"
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            assert "nan" not in value.replace("transparent", "")
            assert "inf" not in value.replace("infinite", "") or name == "aria-label"
    return tree, " ".join(tree.itertext())


def drawn(tree, kind):
    return [element for element in tree.iter() if element.tag.endswith(f"}}{kind}")]


def test_a_network(runs):
    tree, text = parsed(runs.network)
    assert "2-2-1" in text
    assert len(drawn(tree, "line")) == 6
    assert len(drawn(tree, "circle")) == 5
    tree, text = parsed(fastnn.Network([64, 32, 10], ["tanh", "softmax"], bias=False))
    assert "8 of 64" in text
    assert "2,368" in text
    assert "none" in text
    assert len(parsed(fastnn.Network([1] * 40))[0]) == 1  # too deep for a drawing


def test_a_run(runs):
    tree, text = parsed(runs.restart(7))
    assert runs.restart(7).status.name in text
    (line,) = drawn(tree, "polyline")
    assert len(line.get("points").split()) <= 200
    tree, _ = parsed(runs.best)  # without a history
    assert not drawn(tree, "polyline")
    assert len(drawn(tree, "line")) == 6


def test_many_restarts(runs):
    converged = int((runs.status == fastnn.Status.CONVERGED).sum())
    statistics = fastnn.train_many(
        runs.network, *fastnn.datasets.xor(), restarts=50, keep="statistics", **SETTINGS
    )
    for shown in (runs, runs.summary(), statistics):
        tree, text = parsed(shown)
        assert f"{converged} ({converged / 50:.2%})" in text
        shares = sum(float(each.get("width")) for each in drawn(tree, "svg")[0].iter() if
                     each.tag.endswith("}rect"))  # fmt: skip
        assert shares == pytest.approx(260, abs=0.5)
    assert len(drawn(parsed(runs)[0], "svg")) == len(drawn(parsed(statistics)[0], "svg")) == 2


def odd_results(runs):
    """Results that are empty, diverged, cut off, without columns or without finite numbers."""
    X, y = fastnn.datasets.xor()
    net = runs.network
    yield runs[:0]
    yield runs[:0].summary()
    yield fastnn.train_many(net, X, y, restarts=3, keep=["status"], epochs=1)
    yield fastnn.train_many(net, X, y, restarts=3, keep=["loss"], epochs=0)
    yield fastnn.Statistics.empty(runs.job)
    yield fastnn.train(net, X, y, epochs=0)
    yield fastnn.reference.train(net, X, y, epochs=3)
    x, t = fastnn.datasets.sine()
    wide = fastnn.Network([1, 10, 1], ["tanh", "identity"])
    for keep in ("all", "statistics"):
        diverged = fastnn.train_many(wide, x, t, restarts=3, keep=keep)
        yield diverged
        yield diverged.summary()
        yield diverged.restart(1)
    run = fastnn.train(wide, x, t, optimizer=fastnn.GradientDescent(0.1), dtype="float32")
    vars(run)["parameters"] = np.full(wide.n_parameters, np.nan, dtype=np.float32)
    vars(run)["history"] = None
    yield run
    perfect = fastnn.train(
        fastnn.Network([1, 1], "identity"), [[1.0]], [[0.0]], init=[[[0.0]], [0]]
    )
    assert perfect.loss == 0
    yield perfect
    many = {"restarts": 10**6, "epochs": 10**5, "target_sse": 0.04, "time_limit": 0.05}
    yield fastnn.train_many(net, X, y, keep="statistics", **many)


def test_odd_results(runs):
    for shown in odd_results(runs):
        parsed(shown)


def test_words_are_escaped(runs):
    evil = "<script>alert('a')&amp;\"</script>"
    net = fastnn.Network([2, 2, 1])
    object.__setattr__(net, "activation", (evil, evil))
    assert evil in parsed(net)[1]
    assert "<script>" not in net._repr_html_()
    run = fastnn.train(runs.network, *fastnn.datasets.xor(), epochs=3, history=True)
    vars(run)["loss_name"] = evil
    assert evil in parsed(run)[1]
    html = card(evil, [(evil, evil)])
    assert "<script>" not in html
    assert unescape(html).count(evil) == 3


@given(
    st.lists(st.floats(), max_size=30),
    st.sampled_from([np.float32, np.float64]),
)
def test_curves_of_any_numbers(values, dtype):
    with np.errstate(over="ignore"):
        y = np.array(values, dtype=dtype)
    html = curve(np.arange(len(y)), y, "loss", "epoch")
    assert bool(html) == (np.isfinite(y).sum() >= 2)
    if html:
        parsed(html)


@given(st.lists(st.integers(0, 10**12), max_size=50))
def test_bars_of_any_counts(counts):
    html = bars(counts, "restarts", ("0", "1"))
    assert bool(html) == any(counts)
    if html:
        assert len(drawn(parsed(html)[0], "rect")) == np.count_nonzero(counts)


@pytest.mark.parametrize("notebook", [True, False])
def test_a_notebook_shows_progress_without_a_warning(runs, monkeypatch, notebook):
    shell = types.SimpleNamespace(config={"IPKernelApp": {}} if notebook else {})
    ipython = types.SimpleNamespace(get_ipython=lambda: shell, version_info=(8, 0))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    for name in ("tqdm.auto", "tqdm.autonotebook"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    bar = progress_bar(runs.job, 0, None)
    assert bar.disable is not notebook
    bar.close()
    assert progress_bar(runs.job, 0, False).disable
