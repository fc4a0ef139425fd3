"""C headers for firmware: no double in float, eight bits, one copy, a self-check, safe comments."""

import hashlib
import pickle
import re
import shutil
import subprocess

import numpy as np
import pytest
from export_examples import (
    COMPILER,
    WARNINGS,
    c_predicts,
    compiled,
    expected_of,
    main_for,
    models,
    random_model,
    samples,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.cli import main
from fastnn.export import to_c
from fastnn.export.c.quantize import MOST_INPUTS
from fastnn.export.c.source import Source
from fastnn.export.c.text import in_comment
from fastnn.results.model import Model
from fastnn.results.scaling import Scaling
from fastnn.spec.activations import BY_NAME

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no cc")
ARM = shutil.which("arm-none-eabi-gcc")
NARROW = ["float32", "int8"]


def code_of(text):
    """The header without its opening comment."""
    return text.split("*/", 1)[1]


MODELS = [
    random_model([3, 4, 4, 2], ["relu", "tanh", "softmax"], labels="words", inputs=True),
    random_model([3, 4, 2], "sigmoid", labels="real", inputs=True, members=2),
    random_model([3, 4, 2], "sigmoid", outputs=True, members=2, bias=False),
    random_model([3, 4, 1], "sigmoid", labels="bools", dtype="float32"),
]


@needs_compiler
@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("model", MODELS, ids=["classes", "shares", "scaled", "two"])
def test_no_double_is_left(model, dtype, tmp_path):
    text = code_of(to_c(model, tmp_path / "m.h", dtype=dtype, calibration=samples(model)))
    assert "double" not in text
    assert not re.findall(r"0x[0-9a-f.]+p[+-]\d+(?!f|\d)", text)
    assert not re.findall(r"\b(exp|tanh|sin|log1p|fabs)\(", text)
    use = "float x[m_INPUTS], y[m_OUTPUTS]; int main(void) { m_predict(x, y); return m_check(); }"
    flags = ["-O1", "-Wdouble-promotion", "-Wfloat-conversion", "-Wconversion", "-Wshadow"]
    program = compiled(f'#include "m.h"\n{use}', tmp_path, flags=flags)
    assert subprocess.run([program], timeout=60).returncode == 0


@needs_compiler
@pytest.mark.parametrize("activation", BY_NAME)
def test_no_activation_is_computed_in_double(activation, tmp_path):
    model = random_model([2, 2], activation, dtype="float32")
    text = Source(model, "m", None, None, None, None).text()
    assert "double" not in code_of(text)
    (tmp_path / "m.h").write_text(text)
    use = "float x[2]; int main(void) { m_predict(x, x); return 0; }"
    compiled(f'#include "m.h"\n{use}', tmp_path, flags=["-Wdouble-promotion", "-Wconversion"])


@needs_compiler
@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(model=models(dtype="float64"))
def test_a_model_of_float64_in_float(tmp_path_factory, model):
    """The result agrees to 1e-6 times the size of the inputs in deviations, as for float32."""
    folder, X = tmp_path_factory.mktemp("c"), samples(model).astype(np.float32)
    to_c(model, folder / "model.h", dtype="float32")
    found, _ = c_predicts(compiled(main_for(model, dtype="float32"), folder), X)
    size = max(1, np.abs(X if model.inputs is None else X / model.inputs.scale).max())
    expected = expected_of(model, X.astype(float))
    unit = 1.0 if model.outputs is None else model.outputs.scale
    assert (np.abs(found - expected) / np.maximum(unit, np.abs(expected))).max() <= 1e-6 * size


IRIS = random_model([4, 8, 3], ["relu", "softmax"], inputs=True, labels="words", seed=5)
CLASSIFY = """
#include "m.h"
volatile float in[4];
volatile int out;
int main(void)
{
    float x[4];
    int i;
    for (i = 0; i < 4; i++)
        x[i] = in[i];
    out = m_classify(x);
    return 0;
}
"""


@needs_compiler
@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("last", ["sigmoid", "softmax"])
def test_classes_need_no_exponentials(last, dtype, tmp_path):
    """The program links without the math library."""
    model = random_model([4, 8, 3], ["relu", last], inputs=True, labels="words")
    to_c(model, tmp_path / "m.h", dtype=dtype, calibration=samples(model))
    (tmp_path / "m.c").write_text(CLASSIFY)
    command = [COMPILER, "-std=c99", *WARNINGS, "-Os", "m.c", "-o", "m"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)


@pytest.mark.skipif(ARM is None, reason="there is no arm-none-eabi-gcc")
@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("hidden", ["relu", "tanh", "sigmoid"])
def test_a_cortex_m4_computes_nothing_in_double(hidden, dtype, tmp_path):
    model = random_model([4, 8, 3], [hidden, "softmax"], inputs=True, labels="words", seed=5)
    to_c(model, tmp_path / "m.h", dtype=dtype, calibration=samples(model))
    (tmp_path / "m.c").write_text(CLASSIFY)
    flags = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-std=c99"]
    flags += ["-Os", "-specs=nano.specs", "-specs=nosys.specs"]
    flags += ["-ffunction-sections", "-Wl,--gc-sections"]
    command = [ARM, *flags, "m.c", "-lm", "-o", "m.elf"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60, capture_output=True)
    tool = ARM.removesuffix("gcc")
    symbols = subprocess.run([f"{tool}nm", tmp_path / "m.elf"], check=True, capture_output=True)
    assert b"__aeabi_d" not in symbols.stdout
    told = subprocess.run([f"{tool}size", tmp_path / "m.elf"], check=True, capture_output=True)
    assert int(told.stdout.split(b"\n")[1].split()[3]) <= 3600


@needs_compiler
@pytest.mark.parametrize("language", ["c", "c++"])
def test_one_copy_for_a_program_of_several_files(language, tmp_path):
    model = random_model([2, 3, 2], "tanh", labels="words", inputs=True)
    to_c(model, tmp_path / "m.h")
    use = "int one(void) { double x[2] = {1, 2}; return m_classify(x) + (m_labels[0] == 0); }\n"
    parts = {
        "one.c": f'#define m_DECLARATIONS\n#include "m.h"\nint one(void);\n{use}',
        "two.c": '#define m_DECLARATIONS\n#include "m.h"\n#define m_IMPLEMENTATION\n'
        '#include "m.h"\n',
        f"main.{language}": '#define m_DECLARATIONS\n#include "m.h"\n#include "m.h"\n'
        "int main(void) { return m_check(); }\n",
    }
    for name, text in parts.items():
        (tmp_path / name).write_text(text)
        done = subprocess.run(
            [COMPILER, *WARNINGS, "-c", name], cwd=tmp_path, capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
    objects = [f"{name.split('.')[0]}.o" for name in parts]
    subprocess.run([COMPILER, *objects, "-lm", "-o", "m"], cwd=tmp_path, check=True, timeout=60)
    assert subprocess.run([tmp_path / "m"], timeout=60).returncode == 0
    symbols = subprocess.run(["nm", "two.o"], cwd=tmp_path, check=True, capture_output=True)
    found = re.findall(r" [A-Z] (m_\w+)", symbols.stdout.decode())
    assert sorted(found) == ["m_check", "m_classify", "m_labels", "m_predict"]


@needs_compiler
@pytest.mark.parametrize("dtype", ["float64", *NARROW])
def test_the_check_notices_a_wrong_weight(dtype, tmp_path):
    model = random_model([3, 4, 2], "tanh", inputs=True, outputs=True, members=2)
    X = samples(model)
    text = to_c(model, name="m", dtype=dtype, calibration=X)
    table = r"(m_w2\[2\]\[8\] = \{\s*\{\s*)([^,]+)"
    assert re.search(table, text)
    for name, header in (("right", text), ("wrong", re.sub(table, r"\g<1>0", text))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "m.h").write_text(header)
        program = compiled('#include "m.h"\nint main(void) { return m_check(); }', tmp_path / name)
        wrong = subprocess.run([program], timeout=60).returncode
        assert (wrong == 0) == (name == "right")


def test_a_network_that_overflows_has_no_check():
    model = Model(fastnn.Network([1, 1, 1], "identity"), [0.0, 1e300, 1e300, 0.0])
    assert "check" not in to_c(model)


@needs_compiler
@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("last", ["identity", "elliott", "sigmoid", "softmax"])
def test_the_loss_of_eight_bits_is_that_of_the_program(last, members, tmp_path):
    """Hidden units of the type elliott, which every machine computes to the same bits."""
    labels = None if last in ("identity", "elliott") else "words"
    model = random_model(
        [3, 6, 3], ["elliott", last], inputs=True, outputs=labels is None, labels=labels,
        members=members,
    )  # fmt: skip
    X = samples(model, 200).astype(np.float32)
    header = to_c(model, tmp_path / "model.h", dtype="int8", calibration=X)
    found, classes = c_predicts(compiled(main_for(model, dtype="int8"), tmp_path), X)
    expected = expected_of(model, X.astype(float))
    unit = 1.0 if model.outputs is None else model.outputs.scale
    off = (np.abs(found - expected) / unit).max()
    np.testing.assert_allclose(header.loss.difference, off, rtol=1e-3)
    assert 1e-4 < off < 0.1
    assert header.loss.samples == 200
    if labels is None:
        assert header.loss.agreement is None
    else:
        same = (classes == expected.argmax(axis=1)).mean()
        assert abs(header.loss.agreement - same) <= 0.005  # ties
        assert same > 0.9


@needs_compiler
def test_eight_bits_end_at_the_range_of_the_calibration(tmp_path):
    model = random_model([2, 3, 1], "tanh", inputs=True, outputs=True)
    low, high = model.inputs.undo([[-1, -1], [1, 1]])
    to_c(model, tmp_path / "model.h", dtype="int8", calibration=[low, high])
    X = np.array([high, high + 1e6, [3e38, 3e38], [np.inf, np.inf], [np.nan, np.nan], low])
    found, _ = c_predicts(compiled(main_for(model, dtype="int8"), tmp_path), X.astype(np.float32))
    assert len({*found[:5, 0]}) == 1
    assert found[0, 0] != found[5, 0]


@needs_compiler
def test_eight_bits_of_columns_that_do_not_vary(tmp_path):
    model = random_model([2, 3, 1], "relu")
    header = to_c(model, tmp_path / "m.h", dtype="int8", calibration=[[1, 0]])
    assert header.loss.difference < 0.05
    program = compiled('#include "m.h"\nint main(void) { return m_check(); }', tmp_path)
    assert subprocess.run([program], timeout=60).returncode == 0


def test_the_result_is_a_text_that_knows_its_loss():
    X = samples(IRIS, 50)
    header = to_c(IRIS, dtype="int8", calibration=X)
    assert isinstance(header, str)
    again = pickle.loads(pickle.dumps(header))
    assert (again, again.loss) == (header, header.loss)
    assert str(header.loss) in re.sub(r"\s+", " ", header)
    assert 0 < header.loss.difference < 0.2
    assert to_c(IRIS).loss is None
    assert to_c(IRIS, calibration=X).loss.difference == 0


@needs_compiler
def test_doubles_have_the_bits_of_earlier_versions(tmp_path):
    """Of models that need no library function: the outputs that version 0.1.0 printed."""
    digest = hashlib.sha256()
    for seed, (hidden, options) in enumerate(
        [
            ("relu", {"inputs": True, "outputs": True, "members": 3}),
            ("elliott", {"inputs": True, "labels": "words"}),
            ("leaky_relu", {"bias": False, "outputs": True}),
            ("elliott", {"labels": "whole", "members": 2, "sizes": [3, 4, 1]}),
        ]
    ):
        sizes = options.pop("sizes", [3, 5, 4, 2])
        model = random_model(sizes, hidden, seed=seed, **options)
        folder = tmp_path / str(seed)
        folder.mkdir()
        to_c(model, folder / "model.h")
        found, classes = c_predicts(compiled(main_for(model), folder), samples(model))
        digest.update(found.tobytes() + classes.astype(np.int8).tobytes())
    assert digest.hexdigest()[:16] == "6916c2c0947de388"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("iris.h", "iris"),
        ("my-model 2.h", "my_model_2"),
        ("__a__b__.h", "a_b"),
        ("2nd.h", "model_2nd"),
        ("Größe.h", "Gr_e"),
        ("ß.h", "model"),
        ("a.b.c.h", "a_b_c"),
        ("a" * 29 + "_b.h", "a" * 29),
        ("a" * 60 + ".h", "a" * 30),
    ],
)
def test_the_name_is_that_of_the_file(file, name, tmp_path):
    assert f"enum {{ {name}_INPUTS" in to_c(IRIS, tmp_path / file)
    assert "enum { other_INPUTS" in to_c(IRIS, tmp_path / file, "other")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Größe in °C, 温度", "Größe in °C, 温度"),
        ("*/ /*", r"\x2a/ /\x2a"),
        ("why? what??/", r"why? what?\x3f/"),
        ("????", r"?\x3f?\x3f"),
        ("a\\", r"a\x5c"),
        ("a\nb\r\0\t\x7f\x85", r"a\x0ab\x0d\x00\x09\x7f\x85"),
        ("\u202eabc\u2028\ufeff\u200b", r"\u202eabc\u2028\ufeff\u200b"),
        ("\ud800", r"\ud800"),
    ],
)
def test_names_in_comments(text, written):
    assert in_comment(text) == written


@settings(deadline=None, max_examples=40)
@given(text=st.text(max_size=20))
def test_no_name_can_end_a_comment(text):
    written = in_comment(text)
    assert written.isprintable()
    assert not re.search(r"[*]|\?\?|\\$", written)
    written.encode()


FAR = Model(IRIS.network, IRIS.parameters, inputs=Scaling([1.7e9, 0, 0, 0], [3600, 1, 1, 1]))
WIDE = Model(fastnn.Network([1, 1], "identity", bias=False), [1e300])
TINY = Model(WIDE.network, [1.0], inputs=Scaling([0], [1e-40]))
LARGE = Model(WIDE.network, [1.0], inputs=Scaling([1e39], [1e38]))
HIGH = Model(WIDE.network, [1.0], outputs=Scaling([1e39], [1]))
CLOSE = Model(WIDE.network, [1.0], classes=[0.1, np.nextafter(0.1, 1)])
BLOWN = Model(fastnn.Network([1, 1, 1, 1], "identity", bias=False), [1e30, 1e30, 1.0])
HALF = Model(WIDE.network, [1.0], classes=["a", "\ud800"])
LONG = Model(fastnn.Network([MOST_INPUTS + 1, 1], "identity"), np.ones(MOST_INPUTS + 2))


@pytest.mark.parametrize(
    ("model", "options", "exception", "message"),
    [
        (IRIS, {"dtype": "float16"}, ValueError, "dtype: expected float64, float32 or int8, got "),
        (IRIS, {"dtype": "flaot32"}, ValueError, "dtype: .*did you mean 'float32'"),
        (IRIS, {"dtype": 3}, ValueError, "dtype: expected float64, float32 or int8, got 3"),
        (IRIS, {"dtype": "int8"}, ValueError, "calibration: expected samples, which set the ran"),
        (IRIS, {"calibration": [[1, 2]]}, ValueError, r"calibration: expected shape \(n, 4\)"),
        (IRIS, {"calibration": np.empty((0, 4))}, ValueError, "calibration: expected at least one"),
        (IRIS, {"calibration": [[1, 2, 3, np.nan]]}, ValueError, "calibration: expected finite"),
        (IRIS, {"calibration": "a"}, TypeError, "calibration: "),
        (IRIS, {"calibration": [[1, 2, 3, 1e39]], "dtype": "float32"}, ValueError,
         r"calibration: expected numbers of up to 3.4e\+38, which float32 can hold, got 1e\+39"),
        (WIDE, {"dtype": "float32"}, ValueError, r"dtype: expected weights, .* got 1e\+300; use"),
        (TINY, {"dtype": "float32"}, ValueError, r"dtype: expected weights, .* got 1e\+40; use dt"),
        (LARGE, {"dtype": "float32"}, ValueError, "dtype: expected inputs of up to .* got 1.1e.39"),
        (HIGH, {"dtype": "float32"}, ValueError, r"dtype: expected weights, .* got 1e\+39"),
        (CLOSE, {"dtype": "float32"}, ValueError, "classes: expected labels that float32 tells"),
        (LONG, {"dtype": "int8", "calibration": np.ones((1, MOST_INPUTS + 1))}, ValueError,
         f"dtype: expected layers of up to {MOST_INPUTS} inputs for int8, whose sums fit 32 bits"),
        (BLOWN, {"dtype": "int8", "calibration": [[1.0]]}, ValueError,
         "dtype: expected sums of a unit of up to .* got 1e.60"),
        (HALF, {}, ValueError, "classes: expected labels of up to 1000 bytes without NUL"),
        (FAR, {"dtype": "float32"}, UserWarning, r"model: expected inputs whose spread float32 ca"),
    ],
)  # fmt: skip
def test_what_is_refused(model, options, exception, message, tmp_path):
    with pytest.raises(exception, match=f"^{message}"):
        to_c(model, tmp_path / "m.h", **options)
    assert not [*tmp_path.iterdir()]


def test_the_warning_is_about_the_call():
    with pytest.warns(UserWarning, match="subtract a constant") as told:
        to_c(FAR, dtype="float32")
    assert told[0].filename == __file__


def told(capsys, *arguments):
    code = main([*map(str, arguments)])
    done = capsys.readouterr()
    return code, done.out, done.err


def test_the_export_command_prints_the_loss(capsys, tmp_path):
    model = Model(IRIS.network, IRIS.parameters, inputs=IRIS.inputs, classes=IRIS.classes,
                  features=["a", "b", "c", "d"])  # fmt: skip
    model.save(tmp_path / "m.npz")
    X = samples(model, 20)
    rows = [",".join(map(str, row)) for row in X[:, ::-1].tolist()]
    (tmp_path / "x.csv").write_text("\n".join(["d,c,b,a", *rows]))
    code, out, _ = told(capsys, "export", tmp_path / "m.npz", tmp_path / "iris.h", "--dtype",
                        "int8", "--calibration", tmp_path / "x.csv")  # fmt: skip
    assert code == 0
    header = to_c(model, name="iris", dtype="int8", calibration=X)
    assert f"int8: {header.loss}" in out
    assert (tmp_path / "iris.h").read_text() == header


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("m.json", ["--dtype", "float32"], "--dtype: expected only with a C header (.h) or ONNX"),
        ("m.onnx", ["--dtype", "int8"], "--dtype: expected float64 or float32, got int8"),
        ("m.json", ["--calibration", "x.csv"], "--calibration: expected only with a C header"),
        ("m.h", ["--dtype", "int8"], "--calibration: expected a CSV file of typical samples"),
        ("m.h", ["--calibration", "x.csv"], "expected a model with names of its inputs for --cal"),
    ],
)
def test_what_the_command_refuses(file, options, message, capsys, tmp_path):
    IRIS.save(tmp_path / "m.npz")
    code, _, err = told(capsys, "export", tmp_path / "m.npz", tmp_path / file, *options)
    assert code != 0
    assert message in err
    assert not (tmp_path / file).exists()
