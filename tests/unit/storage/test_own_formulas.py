"""Own activations in files and other processes: their formulas go with them."""

import copy
import json
import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from conftest import assert_same_bits, bits, python, remove_own_activations

import fastnn
from fastnn.extend import activation, add_activation, formulas
from fastnn.spec import own_activations
from fastnn.spec.activations import BY_NAME, CODES
from fastnn.support.atomic_files import DamagedFile

XOR = fastnn.datasets.xor()
SIZES = [2, 3, 1]


@pytest.fixture(autouse=True)
def _removed():
    yield
    remove_own_activations()


def swish(x):
    return x * formulas.sigmoid(x)


def lowered(x):
    return formulas.select(x > 0.0, x, 0.2 * x)


def network():
    """A network of two own activations, of which one has a slope of its own at its kink."""
    activation(swish)
    if "lowered" not in CODES:
        add_activation(
            "lowered", function=lowered, kink=0.0,
            slope=lambda y: formulas.select(y >= 0.0, 1.0, 0.2),
        )  # fmt: skip
    return fastnn.Network([2, 3, 2, 1], ["swish", "lowered", "sigmoid"])


def trained(**options):
    options = {"restarts": 7, "epochs": 20, "optimizer": fastnn.GradientDescent(1.0), **options}
    return fastnn.train_many(network(), *XOR, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All kinds of files of runs, and what restart 2 predicts."""
    folder, runs = tmp_path_factory.mktemp("own"), trained()
    np.save(folder / "expected.npy", runs.restart(2).predict(XOR[0]))
    runs.save(folder / "runs.npz")
    runs.restart(2).save(folder / "run.npz")
    fastnn.Model(runs.network, runs.parameters).save(folder / "model.npz")
    runs.network.save(folder / "network.npz")
    trained(keep="statistics").save(folder / "statistics.npz")
    trained(out=folder / "folder")
    fastnn.export.to_json(runs.restart(2), folder / "model.json")
    (folder / "network.pickle").write_bytes(pickle.dumps(runs.network))
    remove_own_activations()
    return folder


READERS = {
    "runs.npz": fastnn.load, "run.npz": fastnn.load, "model.npz": fastnn.load,
    "network.npz": fastnn.load, "statistics.npz": fastnn.load, "folder": fastnn.open_run,
    "model.json": fastnn.export.from_json,
    "network.pickle": lambda path: pickle.loads(path.read_bytes()),
}  # fmt: skip


@pytest.mark.thorough
def test_a_process_that_never_saw_the_formulas_reads_them(folder):
    code = f"""
import fastnn, numpy as np
from pathlib import Path

folder = Path({str(folder)!r})
X, y = fastnn.datasets.xor()
expected = np.load(folder / "expected.npy")

def forget():
    for name in ("swish", "lowered"):
        fastnn.extend.remove(name)

runs = fastnn.load(folder / "runs.npz")
assert (runs.restart(2).parameters == runs.parameters[2]).all()
assert (runs.restart(2).predict(X) == expected).all()
forget()
run = fastnn.load(folder / "run.npz")
assert (run.predict(X) == expected).all()
assert fastnn.train(run.network, X, y, continue_from=run, epochs=3).loss < run.loss
forget()
stored = fastnn.open_run(folder / "folder")
assert (stored.restart(2).predict(X) == expected).all()
more = fastnn.train_many(stored.network, X, y, restarts=9, epochs=20, out=folder / "folder",
                         optimizer=fastnn.GradientDescent(1.0), resume=True)
forget()
model = fastnn.export.from_json(folder / "model.json")
assert (model.predict(X) == expected).all()
forget()
assert "swish" in fastnn.export.to_c(fastnn.load(folder / "model.npz"))
print(len(more), stored.network.activation)
"""
    assert python(code).stdout == "9 ('swish', 'lowered', 'sigmoid')\n"


@pytest.mark.parametrize("name", READERS)
def test_a_loaded_formula_can_be_added_again(name, folder):
    network()
    before = {own: BY_NAME[own] for own in ("swish", "lowered")}
    remove_own_activations()
    READERS[name](folder / name)
    for own, known in before.items():
        assert BY_NAME[own] is not known
        assert BY_NAME[own].slope_expression == known.slope_expression
        properties = ("of_input", "kinks", "symmetry", "range")
        for each in properties:
            assert getattr(BY_NAME[own], each) == getattr(known, each)
    assert repr(activation(swish)) == "Expression(x: x * sigmoid(x))"  # the same: no error
    network()
    READERS[name](folder / name)


@pytest.mark.parametrize("name", READERS)
def test_another_formula_of_the_name_is_told(name, folder):
    activation(lambda x: x * formulas.sigmoid(1.5 * x), name="swish")
    message = (
        "activation: expected 'swish' as this process knows it, got another one: here it is "
        "Expression(x: x * sigmoid(1.5 * x)), there Expression(x: x * sigmoid(x)); to take the "
        "other one, call fastnn.extend.remove('swish') first"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        READERS[name](folder / name)
    assert "lowered" not in CODES  # all or nothing
    remove_own_activations()
    add_activation("lowered", function=lowered, kink=0.0)  # with another slope at 0
    with pytest.raises(ValueError, match=r"here it is .*, there Expression\(y: select\(y >= 0.0"):
        READERS[name](folder / name)


def test_jobs_of_a_folder_need_the_same_formula(tmp_path):
    trained(out=tmp_path / "folder")
    remove_own_activations()
    add_activation("lowered", function=lowered, kink=0.0)
    activation(swish)
    with pytest.raises(ValueError, match="expected 'lowered' as this process knows it"):
        trained(out=tmp_path / "folder", resume=True)


@pytest.mark.thorough
def test_bits_are_those_of_the_first_process(tmp_path):
    runs = trained(restarts=40)
    runs.save(tmp_path / "runs.npz")
    spawn = get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as pool:
        assert_same_bits(trained(restarts=40, executor=pool, chunk=20), runs)
    remove_own_activations()
    loaded = fastnn.load(tmp_path / "runs.npz")
    np.testing.assert_array_equal(bits(loaded.restart(30).parameters), bits(runs.parameters[30]))
    for again in (copy.copy(loaded.network), copy.deepcopy(loaded.network)):
        assert again == loaded.network


def test_files_without_formulas_are_read_by_name(tmp_path):
    """As earlier versions wrote them, and as for functions that no formula holds."""
    add_activation(
        "typed", function=lambda x: 2.0 * x if x.is_double else x + x, slope_of="input",
        slope=lambda x: x.constant(2.0), numpy=lambda x: x + x, numpy_slope=lambda x: 2,
    )  # fmt: skip
    net = fastnn.Network([2, 1], "typed")
    net.save(tmp_path / "network.npz")
    fastnn.train_many(net, *XOR, restarts=3, epochs=2, out=tmp_path / "folder")
    assert "activations" not in json.loads((tmp_path / "folder" / "manifest.json").read_text())
    assert fastnn.load(tmp_path / "network.npz") == net
    assert fastnn.open_run(tmp_path / "folder").network == net
    fastnn.extend.remove("typed")
    for read in (
        lambda: fastnn.load(tmp_path / "network.npz"),
        lambda: fastnn.open_run(tmp_path / "folder"),
    ):
        with pytest.raises(DamagedFile, match="got 'typed'; an activation of your own must be ad"):
            read()


def test_built_in_activations_add_nothing_to_files():
    assert own_activations.definitions(fastnn.Network([1, 1, 1], "gelu").activation) == []
    assert "activations" not in fastnn.export.to_json(
        fastnn.Model(fastnn.Network([1, 1]), np.zeros(2))
    )
    assert "own" not in fastnn.Network([1, 1]).__getstate__()


def formula(*nodes, arguments=("x",)):
    return {"arguments": [*arguments], "nodes": [*nodes]}


IDENTITY = formula(["argument", "x"])
FORGED = [
    (3, "activation: expected a list of definitions, got 3"),
    ([3], "activation: expected function, kinks, name, range, slope, slope_of, symmetry, got 3"),
    ({"more": 1}, "activation: expected function, kinks, name, range, slope, slope_of, symmetry"),
    ({"name": "a b"}, "activation: expected a name of letters, digits and underscores, got 'a b'"),
    ({"name": 3}, "activation: expected a name of letters, digits and underscores, got 3"),
    ({"name": "tanh"}, "activation: expected 'tanh' as this process knows it, got another one"),
    ({"name": "softmax"}, "activation: expected 'softmax' as this process knows it, got another"),
    ({"slope_of": "x"}, "activation: expected slope_of 'input' or 'output', got 'x'"),
    ({"function": "x * x"}, "expression: expected a dict of 'arguments' and 'nodes', got 'x * x'"),
    ({"function": formula()}, "expression: expected a list of 1 to 10000 nodes, got []"),
    ({"function": formula(["argument", "y"])}, "expression: expected an operation with its oper"),
    ({"function": formula(["__import__", "os"])}, "expression: expected an operation with its op"),
    ({"function": formula(["argument", "x"], ["exp", 1])}, "expression: expected operands among"),
    ({"function": formula(["argument", "x"], ["lt", 0, 0])}, "expression: expected a number for"),
    ({"slope": formula(["argument", "x"], arguments="xy")}, "activation: expected formulas of one"),
    ({"slope": None}, "expression: expected a dict of 'arguments' and 'nodes', got None"),
    ({"kinks": "0"}, "kinks: expected real numbers, got dtype <U1"),
    ({"kinks": 0.0}, "activation: expected a list of kinks, got 0.0"),
    ({"kinks": [[0.0]]}, "activation: expected a list of kinks, got [[0.0]]"),
    ({"range": [0.0]}, "activation: expected a range of two ends, got [0.0]"),
    ({"range": ["a", None]}, "range: expected real numbers, got dtype <U1"),
    ({"symmetry": 2}, "symmetry: expected an integer from -1 to 1, got 2"),
    ({"symmetry": None}, "symmetry: expected an integer, got None"),
]


@pytest.mark.parametrize(("change", "message"), FORGED, ids=range(len(FORGED)))
def test_definitions_that_are_none(change, message):
    given = {
        "name": "own", "function": IDENTITY, "slope": formula(["constant", 1.0], ["argument", "x"]),
        "slope_of": "input", "kinks": [], "symmetry": -1, "range": [None, None],
    }  # fmt: skip
    before = dict(CODES)
    with pytest.raises((ValueError, TypeError), match="^" + re.escape(message)):
        own_activations.define([given | change] if isinstance(change, dict) else change)
    assert before == CODES
    record = json.loads(fastnn.export.to_json(fastnn.Model(fastnn.Network([1, 1]), np.zeros(2))))
    del record["digest"]
    record["activations"] = [given | change] if isinstance(change, dict) else change
    with pytest.raises(DamagedFile, match=r"^the text: it does not describe a model: "):
        fastnn.export.from_json(json.dumps(record))
    assert before == CODES


def test_a_name_that_is_taken():
    activation(swish)
    with pytest.raises(
        ValueError,
        match=r"^name: expected a new name, got 'swish', which already exists: here it is "
        r"Expression\(x: x \* sigmoid\(x\)\), there Expression\(x: x\); to take the other one, ",
    ):
        activation(lambda x: x, name="swish")
    add_activation(
        "typed", function=lambda x: 2.0 * x if x.is_double else x + x, slope_of="input",
        slope=lambda x: x.constant(2.0), numpy=lambda x: x + x, numpy_slope=lambda x: 2,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"^name: expected a new name, got 'typed', which alread"):
        activation(lambda x: 2.0 * x, name="typed")
