"""User-defined activations and optimizers: the page's, under the tests of built-in ones."""

import importlib
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import mpmath
import naive
import numpy as np
import optimizer_examples
import pytest
import test_activations
import test_gradients
import test_optimizers
import test_optimizers_bits
from conftest import assert_same_bits, bits, python, remove_own_activations
from pages import blocks
from paths import ROOT

import fastnn
from fastnn.cli import main
from fastnn.job.record import kind_of
from fastnn.kernels.pieces import Kind
from fastnn.kernels.train_loop import train_restarts
from fastnn.optimizers import OPTIMIZERS
from fastnn.storage.writer import is_begun

pytestmark = pytest.mark.thorough

PAGE = ROOT / "docs" / "pages" / "add_your_own.md"
MORE = """
from fastnn.extend import add_activation


def mish(x):
    return x * formulas.tanh(formulas.softplus(x))


def mish_slope(x):
    t = formulas.tanh(formulas.softplus(x))
    return formulas.fma(x * formulas.sigmoid(x), formulas.fma(-t, t, 1.0), t)


def root(x):
    return x / formulas.sqrt(formulas.fma(x, x, 1.0))


def root_slope(y):
    rest = formulas.fma(-y, y, 1.0)
    return rest * formulas.sqrt(rest)


add_activation(
    "mish", function=mish, slope=mish_slope, slope_of="input",
    numpy=lambda x: x * np.tanh(np.logaddexp(0, x)),
)
add_activation(
    "root", function=root, slope=root_slope, symmetry=-1,
    numpy=lambda x: x / np.sqrt(1 + x * x), numpy_slope=lambda y: (1 - y * y) ** 1.5,
)
"""
"""Two more: the slope of one is a function of its input, that of the other of its output."""
NAMES = ("swish", "mish", "root")
OPTIMIZER_NAMES = ("normalized", "normalized, other", "centered", "centered, other")
EXACT = {
    "swish": lambda x: x / (1 + mpmath.exp(-x)),
    "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    "root": lambda x: x / mpmath.sqrt(1 + x * x),
}
COMPLEX = {
    "swish": lambda x: x / (1 + np.exp(-x)),
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "root": lambda x: x / np.sqrt(1 + x * x),
}
XOR = fastnn.datasets.xor()


@pytest.fixture(scope="module")
def source():
    """The page's definitions as a module."""
    marks = ("@activation", "@optimizer", "@add_optimizer")
    found = blocks(PAGE.read_text(), "python")
    defining = [block for block in found if any(mark in block for mark in marks)]
    assert len(defining) == 3
    return "\n".join([*defining, MORE])


@pytest.fixture
def own(source, tmp_path, monkeypatch):
    """The module, imported; what it adds is taken back at the end."""
    (tmp_path / "own.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    before = list(OPTIMIZERS)
    yield importlib.import_module("own")
    del sys.modules["own"]
    remove_own_activations()
    for kind in set(OPTIMIZERS) - set(before):
        fastnn.extend.remove(kind)
    assert before == OPTIMIZERS


@pytest.fixture
def swept(own, monkeypatch):
    """Where the sweeps look for exact and naive forms, and for optimizers.

    Steps are short here: beside a minimum, rounding errors decide those of one length.
    """
    for name in NAMES:
        monkeypatch.setitem(test_activations.EXACT, name, EXACT[name])
        monkeypatch.setitem(naive.FUNCTIONS, name, COMPLEX[name])
    for name, optimizer in {
        "normalized": own.NormalizedDescent(0.001, decay=0.99, epsilon=0.03),
        "normalized, other": own.NormalizedDescent(0.003, epsilon=0.5),
        "centered": own.centered(0.001, epsilon=0.1),
        "centered, other": own.centered(
            fastnn.PerLayer(0.003, 0.001), decay=0.99, schedule=fastnn.StepDecay(90)
        ),
    }.items():
        monkeypatch.setitem(optimizer_examples.EXAMPLES, name, optimizer)
    return own


@pytest.mark.parametrize("name", NAMES)
def test_an_activation_by_the_sweeps_of_the_others(name, swept):
    for place in test_activations.PLACES:
        test_activations.test_agreement_with_the_reference(name, place)
    test_activations.test_float32(name)
    test_activations.test_numpy_forms(name)
    for parallel in ("restarts", "samples"):
        test_activations.test_values_and_slopes(name, parallel)
    for dtype in ("float64", "float32"):
        test_activations.test_softmax_outputs(name, dtype)
    for train in (fastnn.train, fastnn.reference.train):
        for depth in test_gradients.DEPTHS:
            test_gradients.test_gradient(name, depth, True, train)


def test_an_optimizer_by_the_sweeps_of_the_others(swept, monkeypatch):
    for name in OPTIMIZER_NAMES:
        for problem in optimizer_examples.PROBLEMS:
            test_optimizers.test_one_network_agrees_with_the_reference(name, problem)
            test_optimizers.test_networks_in_lanes_agree_with_the_reference(name, problem)
        for dtype in test_optimizers_bits.DTYPES:
            test_optimizers_bits.test_every_restart_alone(name, dtype)
            test_optimizers_bits.test_samples_in_lanes(name, dtype)
            for lanes in (1, 8, 16):
                test_optimizers_bits.test_lanes(name, lanes, dtype)
        test_optimizers_bits.test_threads_and_chunks(name)
        test_optimizers_bits.test_neighbours_that_diverge_harm_nobody(name)
        test_optimizers_bits.test_pickled(name)
    sweeps = {
        "rate": (swept.NormalizedDescent, np.geomspace(1e-3, 0.1, 24)),
        "decay": (lambda x: swept.NormalizedDescent(0.01, decay=x), np.linspace(0.1, 0.99, 24)),
    }
    for name, sweep in sweeps.items():
        monkeypatch.setitem(test_optimizers_bits.SWEEPS, name, sweep)
        for dtype in test_optimizers_bits.DTYPES:
            test_optimizers_bits.test_sweeps(name, dtype)


@pytest.mark.parametrize("shuffle", [False, True])
def test_both_with_batches_and_going_on(shuffle, own):
    net = fastnn.Network([3, 5, 4, 2], ["mish", "root", "swish"])
    X, y = test_activations.data()
    options = {"optimizer": own.NormalizedDescent(0.01), "batch_size": 5, "shuffle": shuffle,
               "loss": "mse"}  # fmt: skip
    whole = fastnn.train_many(net, X, y, restarts=9, epochs=40, **options)
    part = fastnn.train_many(net, X, y, restarts=9, epochs=15, **options)
    rest = fastnn.train_many(net, X, y, continue_from=part, epochs=25, **options)
    assert_same_bits(rest, whole)
    expected = fastnn.reference.train(net, X, y, restart=4, epochs=40, **options)
    np.testing.assert_allclose(whole.parameters[4], expected.parameters, rtol=1e-9)


@pytest.mark.parametrize("optimizer", [fastnn.LevenbergMarquardt(), fastnn.LBFGS(),
                                       fastnn.Quickprop(0.1, slope_offset=0.1)])  # fmt: skip
def test_an_activation_with_other_optimizers(optimizer, own):
    net = fastnn.Network([2, 3, 1], ["swish", "root"])
    runs = fastnn.train_many(net, *XOR, restarts=20, epochs=8, optimizer=optimizer)
    for k in (0, 19):
        expected = fastnn.reference.train(net, *XOR, restart=k, epochs=8, optimizer=optimizer)
        np.testing.assert_allclose(runs.loss[k], expected.loss, rtol=1e-8)
        np.testing.assert_array_equal(bits(runs.restart(k).parameters), bits(runs.parameters[k]))


def test_jacobian_and_minima(own):
    net = fastnn.Network([2, 2, 1], ["root", "identity"])
    start = np.linspace(-1, 1, net.n_parameters)
    step = 1e-6 * np.eye(net.n_parameters)
    up, down = fastnn.forward(net, start + step, XOR[0]), fastnn.forward(net, start - step, XOR[0])
    expected = np.moveaxis((up - down) / 2e-6, 0, -1)
    np.testing.assert_allclose(fastnn.jacobian(net, start, XOR[0]), expected, atol=1e-9)
    # A unit of an odd activation with all signs turned is the same.
    turned = start * np.where(np.isin(np.arange(9), [0, 2, 4, 6]), -1, 1)
    np.testing.assert_allclose(
        fastnn.forward(net, turned, XOR[0]), fastnn.forward(net, start, XOR[0]), rtol=1e-14
    )
    statistics = fastnn.train_many(
        net, *XOR, restarts=2, init=np.stack([start, turned]), epochs=0, keep="statistics"
    )
    assert [minimum.forms for minimum in statistics.minima()] == [1]


def test_files(own, tmp_path):
    net = fastnn.Network([2, 2, 1], ["swish", "sigmoid"])
    options = {"optimizer": own.NormalizedDescent(np.geomspace(0.01, 0.1, 40)), "epochs": 30}
    runs = fastnn.train_many(net, *XOR, restarts=40, **options)
    runs.save(tmp_path / "runs.npz")
    loaded = fastnn.load(tmp_path / "runs.npz")
    assert_same_bits(loaded, runs)
    assert type(loaded.restart(7).network) is fastnn.Network
    np.testing.assert_array_equal(loaded.restart(7).parameters, runs.parameters[7])
    fastnn.train_many(net, *XOR, restarts=40, out=tmp_path / "run", chunk=9, **options)
    np.testing.assert_array_equal(fastnn.open_run(tmp_path / "run").loss[:], runs.loss)
    net.save(tmp_path / "net.npz")

    fastnn.extend.remove("swish")
    assert fastnn.load(tmp_path / "net.npz") == net
    fastnn.extend.remove(own.NormalizedDescent)
    for read, name in ((fastnn.load, "runs.npz"), (fastnn.open_run, "run")):
        with pytest.raises(ValueError, match=r"add an optimizer of your own"):
            read(tmp_path / name)
    with pytest.raises(TypeError, match=r"or an optimizer added by .*, got NormalizedDescent\("):
        fastnn.train_many(fastnn.Network([2, 2, 1]), *XOR, restarts=40, out=tmp_path / "other",
                          **options)  # fmt: skip
    assert not is_begun(tmp_path / "other")


def test_exports_to_json(own):
    data = (np.repeat(XOR[0], 5, axis=0), np.repeat(XOR[1], 5))
    for place in (["swish", "sigmoid"], ["tanh", "root"]):
        run = fastnn.train(fastnn.Network([2, 3, 1], place), *data, epochs=20)
        own_name = next(name for name in place if name in NAMES)
        text = fastnn.export.to_json(run)
        again = fastnn.export.from_json(text)
        np.testing.assert_array_equal(bits(again.predict(XOR[0])), bits(run.predict(XOR[0])))
        fastnn.extend.remove(own_name)
        again = fastnn.export.from_json(text)
        np.testing.assert_array_equal(bits(again.predict(XOR[0])), bits(run.predict(XOR[0])))


def test_command_line(own, capsys):
    arguments = ["--optimizer", "centered", "--activation", "swish", "--learning-rate", "0.03"]
    assert main(["restarts", "500", "--epochs", "100", "--bias", *arguments]) == 0
    assert "swish" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["restarts", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "lion, centered, normalized-descent" in shown
    assert "arctan, swish" in shown


def test_processes(own, tmp_path):
    net = fastnn.Network([2, 2, 1], ["mish", "sigmoid"])
    options = {"restarts": 60, "epochs": 30, "chunk": 25, "optimizer": own.NormalizedDescent(0.05)}
    runs = fastnn.train_many(net, *XOR, **options)
    spawn = get_context("spawn")
    with ProcessPoolExecutor(1, spawn, importlib.import_module, ("own",)) as pool:
        assert_same_bits(fastnn.train_many(net, *XOR, executor=pool, **options), runs)
    options["optimizer"] = fastnn.GradientDescent()
    runs = fastnn.train_many(net, *XOR, **options)
    with ProcessPoolExecutor(1, spawn) as pool:  # which knows only the formula
        assert_same_bits(fastnn.train_many(net, *XOR, executor=pool, **options), runs)


CODE = """
import sys
sys.path.insert(0, {folder!r})
import own, fastnn
net, data = fastnn.Network([2, 2, 1], ["swish", "sigmoid"]), fastnn.datasets.xor()
print(fastnn.train(net, *data, epochs=20).loss)
optimizer = own.NormalizedDescent()
print(fastnn.train(net, *data, epochs=20, optimizer=optimizer).loss)
print(fastnn.train_many(net, *data, restarts=9, epochs=20, optimizer=optimizer).loss.sum())
"""


def test_an_edit_is_seen_by_the_next_process(source, tmp_path):
    """Also if it is of a file that the formula's file calls, and with a cache on disk."""
    (tmp_path / "helper.py").write_text("FACTOR = 1.0\n")
    own = tmp_path / "own.py"
    with_helper = source.replace("import numpy as np", "import numpy as np\nimport helper", 1)
    line = "x * formulas.sigmoid(x)"
    with_helper = with_helper.replace(f"return {line}\n", f"return helper.FACTOR * {line}\n")
    own.write_text(with_helper.replace("scale = rate", "scale = helper.FACTOR * rate"))

    def losses():
        code = CODE.format(folder=str(tmp_path))
        return python(code, PYTHONDONTWRITEBYTECODE="1").stdout.split()

    before = losses()
    (tmp_path / "helper.py").write_text("FACTOR = 1.5\n")
    after = losses()
    assert all(one != other for one, other in zip(before, after, strict=True))
    (tmp_path / "helper.py").write_text("FACTOR = 1.0\n")
    assert losses() == before
    folder = train_restarts.compiled(Kind(np.dtype(np.float64), 1)).cache_path
    kept = [path.name for path in Path(folder).rglob("*.nbc")]
    assert kept
    assert not [name for name in kept if re.search(r"(^|\.)own[._]", name)]
    assert not list(tmp_path.rglob("*.nbc"))


def test_what_is_added_again_is_the_new_one(own):
    net = fastnn.Network([2, 2, 1], ["swish", "sigmoid"])

    def loss():
        runs = fastnn.train_many(net, *XOR, restarts=9, epochs=20)
        expected = fastnn.reference.train_many(net, *XOR, restarts=9, epochs=20)
        np.testing.assert_allclose(runs.loss, expected.loss, rtol=1e-11)
        return runs.loss.tolist()

    def add(factor):
        fastnn.extend.remove("swish")
        fastnn.extend.add_activation(
            "swish", function=lambda x: factor * x, slope=lambda y: y.constant(factor),
            numpy=lambda x: x.dtype.type(factor) * x, numpy_slope=lambda y: factor,
        )  # fmt: skip
        return loss()

    first = loss()
    doubled, tripled = add(2.0), add(3.0)
    assert first != doubled != tripled
    assert add(2.0) == doubled


def test_an_optimizer_that_is_added_again_is_the_new_one(own, source):
    net, seen = fastnn.Network([2, 2, 1]), set()
    for factor in ("1.0", "4.0", "9.0"):  # as a notebook's cell that is edited and run again
        for added in (*NAMES, own.centered, own.NormalizedDescent):
            fastnn.extend.remove(added)
        edited = source.replace("scale = rate", f"scale = {factor} * rate")
        exec(edited.replace("w -= numbers", f"w -= {factor} * numbers"), own.__dict__)
        options = {"restarts": 9, "epochs": 20, "optimizer": own.NormalizedDescent(0.05)}
        loss = fastnn.train_many(net, *XOR, **options).loss
        expected = fastnn.reference.train_many(net, *XOR, **options).loss
        np.testing.assert_allclose(loss, expected, rtol=1e-11)
        seen.add(loss[0])
    assert len(seen) == 3


def test_what_was_not_added_is_not_taken_back(own):
    for added in ("sigmoid", "softmax", "nothing", fastnn.Adam, 3, None, np.zeros(2)):
        with pytest.raises(ValueError, match="added: expected an activation, loss or optimizer"):
            fastnn.extend.remove(added)
    fastnn.extend.remove(own.NormalizedDescent)
    assert kind_of("NormalizedDescent") is None
    fastnn.extend.add_optimizer(own.NormalizedDescent)


def test_unknown_names_are_told_what_there_is(own):
    with pytest.raises(ValueError, match=r"softmax, swish, mish, root, got 'swash'; an activation"):
        fastnn.Network([2, 1], "swash")
