"""C headers: they compile without a warning and compute the predictions; refusals."""

import re
import subprocess

import numpy as np
import pytest
from conftest import bits
from export_examples import (
    COMPILER,
    LABELS,
    assert_agree,
    assert_labels,
    c_predicts,
    compiled,
    in_deviations,
    main_for,
    models,
    random_model,
    samples,
)
from hypothesis import HealthCheck, given, settings

import fastnn
from fastnn.export import to_c
from fastnn.export.c.header import LONGEST_NAME
from fastnn.results.model import Model
from fastnn.spec.activations import NAMES

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no cc")
FLOATS = ["-Wconversion", "-Wshadow"]


def check(model, X, folder, name="model", **options):
    to_c(model, folder / f"{name}.h")
    found, classes = c_predicts(compiled(main_for(model, name), folder, **options), X)
    size = in_deviations(model, X)
    assert_agree(model, X, found, size)
    if model.classes is not None:
        assert_labels(model, X, model.classes[classes], found, size)


@needs_compiler
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(model=models())
def test_c_predicts_the_same(tmp_path_factory, model):
    check(model, samples(model), tmp_path_factory.mktemp("c"), flags=FLOATS)


@needs_compiler
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(model=models())
def test_it_is_c_plus_plus_too(tmp_path_factory, model):
    check(model, samples(model), tmp_path_factory.mktemp("c"), language="c++", flags=["-O2"])


@needs_compiler
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("activation", NAMES)
def test_every_activation_from_end_to_end(activation, dtype, tmp_path):
    """Inputs from deep in saturation to next to nothing, past what exp can hold."""
    model = Model(fastnn.Network([1, 1], activation, bias=False), np.ones(1, dtype))
    ends = np.geomspace(1e-8, 1500, 60)
    X = np.concatenate([-ends, [0], ends])[:, np.newaxis].astype(dtype)
    check(model, X, tmp_path, flags=["-O2"])


@needs_compiler
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_shares_of_outputs_far_apart(dtype, tmp_path):
    net = fastnn.Network([1, 3], "softmax")
    parameters = np.array([900.0, -900, 1, 0, 1000, -1000], dtype)
    model = Model(net, parameters)
    X = np.linspace(-2, 2, 9, dtype=dtype)[:, np.newaxis]
    check(model, X, tmp_path)


@needs_compiler
def test_many_headers_in_one_program(tmp_path):
    """Of names that begin alike, and one included twice; the tables hold the very weights."""
    first = random_model([2, 3, 1], "leaky_relu", labels="words", inputs=True, seed=1)
    other = random_model([3, 4, 2], "softplus", members=2, outputs=True, dtype="float32", seed=2)
    third = random_model([1, 1, 4], ["sine", "softmax"], labels="whole", seed=3)
    named = {"a": first, "a_w1": other, "A": third, "a_labels_" * 2 + "a": first}
    lines = ["#include <stdio.h>"]
    for name, model in named.items():
        to_c(model, tmp_path / f"_{len(lines)}.h", name)
        lines += [f'#include "_{len(lines)}.h"'] * 2
    lines += ["int main(void)", "{", "int i;", "double x[3] = {0.25, -1, 2}, y[4];",
              "float xf[3] = {0.25, -1, 2}, yf[4];"]  # fmt: skip
    for name, model in named.items():
        f = "" if model.dtype == np.float64 else "f"
        lines.append(f"{name}_predict(x{f}, y{f});")
        lines.append(f'for (i = 0; i < {name}_OUTPUTS; i++) printf("%a ", (double)y{f}[i]);')
    lines.append('for (i = 0; i < 12; i++) printf("%a ", (double)a_w1_w1[i / 12][i % 12]);')
    lines += ['printf("\\n%d %s", a_classify(x), a_labels[a_classify(x)]);', "return 0;", "}"]
    done = subprocess.run([compiled("\n".join(lines), tmp_path)], capture_output=True, timeout=60)
    numbers, text = done.stdout.decode().split("\n")
    found = np.array([float.fromhex(part) for part in numbers.split()])
    X = np.array([[0.25, -1, 2]])
    predicted = [
        model.evaluate(x) if model.classes is None else model.scores(x)
        for model in named.values()
        for x in [X[:, : model.network.sizes[0]]]
    ]
    np.testing.assert_allclose(found[:-12], np.concatenate(predicted, axis=None), rtol=1e-5)
    weights = other.network.unpack(other.parameters[0])[0][0]  # of a layer without scaling
    np.testing.assert_array_equal(bits(found[-12:]), bits(weights.ravel().astype(float)))
    assert text.split(" ", 1)[1] == first.predict(X[:, :2])[0]


@needs_compiler
def test_two_headers_of_one_name_are_an_error(tmp_path):
    for seed in (1, 2):
        to_c(random_model([1, 1], "sine", seed=seed), tmp_path / f"{seed}.h", "model")
    (tmp_path / "program.c").write_text('#include "1.h"\n#include "2.h"\nint main(void){return 0;}')
    done = subprocess.run(
        [COMPILER, "-std=c99", "program.c", "-lm"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "redefinition" in done.stderr


@needs_compiler
@pytest.mark.parametrize(
    ("labels", "form"),
    [
        (['"', "\\"], "%s"),
        (["*/ /*", "??/\n\r\t"], "%s"),
        (["", "ß" * 500], "%s"),
        (["\\x41" * 30, "%d 1" * 20], "%s"),
        ([-(2**63), 2**63 - 1], "%lld"),
        (np.array([2**64 - 1, 0], np.uint64), "%llu"),
        ([0.1, -0.0], "%.17g"),
        ([False, True], "%d"),
    ],
)
def test_labels_are_the_same(labels, form, tmp_path):
    model = random_model([1, 1], "sigmoid", features=["*/ #error"], targets=["??/"])
    model = Model(model.network, model.parameters, classes=labels, features=model.features)
    to_c(model, tmp_path / "model.h")
    source = (
        '#include <stdio.h>\n#include "model.h"\nint main(void)\n'
        f'{{ printf("{form}|{form}|", model_labels[0], model_labels[1]); return 0; }}'
    )
    done = subprocess.run([compiled(source, tmp_path)], capture_output=True, timeout=60)
    found = done.stdout.decode().split("|")[:2]
    kind = {"%s": str, "%.17g": float, "%d": lambda text: bool(int(text))}.get(form, int)
    assert [kind(text) for text in found] == list(model.classes)


@needs_compiler
def test_names_in_the_comment_cannot_end_it(tmp_path):
    names = ["*/ #error", "/*", "??/", "\\", "a\nb", "ä" * 300, "NAME real @ LEAK"]
    model = random_model([7, 7], "tanh", features=names, targets=names)
    text = to_c(model)
    assert "NAME real @ LEAK" in text
    assert "ä" * 80 in text
    check(model, samples(model), tmp_path)


@needs_compiler
def test_input_and_output_may_be_the_same_array(tmp_path):
    model = random_model([3, 5, 3], "tanh", members=2, inputs=True, outputs=True)
    to_c(model, tmp_path / "model.h")
    source = main_for(model).replace("predict(x, y)", "predict(y, y)")
    source = source.replace("fread(x, sizeof x", "fread(y, sizeof y")
    source = source.replace("double x[model_INPUTS], ", "double ")
    X = samples(model)
    assert_agree(model, X, c_predicts(compiled(source, tmp_path), X)[0])


def test_large_tables_have_short_lines_of_the_very_numbers():
    model = random_model(
        [300, 200, 10], ["tanh", "softmax"], labels="words", inputs=True, members=2,
        features=[f"feature {i}" * 20 for i in range(300)],
    )  # fmt: skip
    text = to_c(model, name="a" * LONGEST_NAME)
    assert max(map(len, text.splitlines())) <= 100
    table = re.search(r"a_w1\[2\]\[60000\] = \{(.*?)\};", text, re.DOTALL)[1]
    found = [float.fromhex(number) for number in re.findall(r"-?0x[0-9.a-f]+p[+-]\d+", table)]
    expected = [model.network.unpack(p)[0][0].ravel() for p in model.parameters]
    np.testing.assert_array_equal(bits(np.array(found)), bits(np.concatenate(expected)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_at_the_ends_of_their_range(dtype):
    info = np.finfo(dtype)
    numbers = np.array([0, -0.0, 1, info.max, info.tiny, info.smallest_subnormal, 10], dtype)
    model = Model(fastnn.Network([7, 1], "identity", bias=False), numbers)
    table = re.search(r"model_w1\[1\]\[7\] = \{(.*?)\};", to_c(model), re.DOTALL)[1]
    found = [float.fromhex(number) for number in re.findall(r"-?0x[0-9.a-f]+p[+-]\d+", table)]
    np.testing.assert_array_equal(bits(np.array(found, dtype)), bits(numbers))


def test_the_header_is_written_whole(tmp_path):
    model, path = random_model([2, 2, 1], "sigmoid"), tmp_path / "model.h"
    path.write_text("older")
    text = to_c(model, path)
    assert path.read_text() == text
    assert [file.name for file in tmp_path.iterdir()] == ["model.h"]
    assert "#include" not in text.replace("#include <math.h>", "", 1)


MODEL = random_model([1, 2], "sigmoid")


def with_labels(labels):
    return Model(MODEL.network, MODEL.parameters, classes=labels)


@pytest.mark.parametrize("name", ["", "1a", "a b", "_a", "a_", "a__b", "a-b", "ä", "a" * 31, "a\n"])
def test_names_that_are_refused(name):
    with pytest.raises(ValueError, match=r"^name: expected a letter, then up to 29 letters"):
        to_c(MODEL, name=name)


@pytest.mark.parametrize(
    ("model", "options", "exception", "message"),
    [
        (3, {}, TypeError, "model: expected a fastnn.Model"),
        (MODEL, {"name": 3}, TypeError, "name: expected a str, got 3"),
        (MODEL, {"path": 3}, TypeError, "path: expected the path of a file, got 3"),
        (MODEL, {"path": "/nowhere/a.h"}, OSError, r"\[Errno 2\] cannot write /nowhere/a.h: No"),
        (with_labels(["a", "b\0c"]), {}, ValueError, "classes: expected labels of up to 1000 byt"),
        (with_labels(["a", "b" * 1001]), {}, ValueError, "classes: expected labels of up to 1000"),
        (with_labels([1, np.inf]), {}, ValueError, "classes: expected finite labels, got"),
    ],
)
def test_what_is_refused(model, options, exception, message):
    with pytest.raises(exception, match=f"^{message}"):
        to_c(model, **options)


def test_the_labels_of_the_examples_are_of_every_type():
    assert {np.array(make(2)).dtype.kind for make in LABELS.values()} == set("Uifb")
