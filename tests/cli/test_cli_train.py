"""From a CSV file to a model, to predictions, and to C and ONNX."""

import csv
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import onnxruntime
import pytest
from export_examples import COMPILER, WARNINGS
from sklearn.datasets import load_diabetes, load_iris

import fastnn
from fastnn.cli import main
from fastnn.results.model import Model

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Iris with names of classes, and Diabetes, as CSV files, and what they hold."""
    folder = tmp_path_factory.mktemp("csv")
    data = {}
    for name, load in (("iris", load_iris), ("diabetes", load_diabetes)):
        loaded = load()
        labels = loaded.target.tolist()
        if name == "iris":
            labels = [str(loaded.target_names[code]) for code in labels]
        path = folder / f"{name}.csv"
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*loaded.feature_names, "what it is"])
            writer.writerows(
                [*row, label] for row, label in zip(loaded.data.tolist(), labels, strict=True)
            )
        data[name] = path, loaded.data, labels
    return data


@pytest.fixture
def place(files, tmp_path):
    """The same files in a folder of the test's own."""
    for path, _, _ in files.values():
        shutil.copy(path, tmp_path)
    return tmp_path


def run(capsys, *arguments, code=0):
    assert main([str(argument) for argument in arguments]) == code
    return capsys.readouterr()


def train(capsys, path, *options, code=0):
    return run(
        capsys, "train", path, "--target", "what it is", "--restarts", 60, *options, code=code
    )


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_a_model_says_the_same_in_python_c_and_onnx(files, place, capsys, name):
    _, X, labels = files[name]
    path, model_path = place / f"{name}.csv", place / f"{name}.npz"
    told = train(capsys, path, "--figure", place / "report.png").out
    assert (
        "classification of what it is: text" if name == "iris" else "regression of what"
    ) in told
    assert (place / "report.png").read_bytes().startswith(b"\x89PNG")
    model = fastnn.load(model_path)
    expected = model.probabilities(X) if name == "iris" else model.evaluate(X)

    done = run(capsys, "predict", model_path, path, "--out", place / "out.csv",
               *(["--probabilities"] if name == "iris" else []))  # fmt: skip
    with open(place / "out.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header[0] == "what it is"
    if name == "iris":
        assert header[1:] == [f"what it is={c}" for c in ("setosa", "versicolor", "virginica")]
        assert [row[0] for row in rows] == model.predict(X).tolist()
        np.testing.assert_array_equal(np.array([row[1:] for row in rows], dtype=float), expected)
        right = np.mean(model.predict(X) == np.array(labels))
        assert right > 0.95
        assert f"right: {right:.2%}" in done.err
    else:
        np.testing.assert_array_equal(np.array(rows, dtype=float), expected)
        r2 = 1 - np.sum((expected[:, 0] - labels) ** 2) / np.sum((labels - np.mean(labels)) ** 2)
        assert r2 > 0.45
        assert f"{r2:.4f}" in done.err

    run(capsys, "export", model_path, place / "model.onnx")
    session = onnxruntime.InferenceSession(place / "model.onnx")
    output = session.run(["probabilities" if name == "iris" else "outputs"], {"X": X})[0]
    scale = np.abs(expected).max()
    np.testing.assert_allclose(output, expected, rtol=1e-12, atol=1e-12 * scale)
    if name == "iris":
        assert session.run(["label"], {"X": X})[0].tolist() == model.predict(X).tolist()

    if COMPILER is None:
        pytest.skip("no C compiler")
    run(capsys, "export", model_path, place / "model.h")
    (place / "main.c").write_text(
        '#include <stdio.h>\n#include "model.h"\n'
        "int main(void) {\n    double x[model_INPUTS], y[model_OUTPUTS];\n    int i;\n"
        "    for (;;) {\n"
        "        for (i = 0; i < model_INPUTS; i++)\n"
        '            if (scanf("%lf", &x[i]) != 1) return 0;\n'
        "        model_predict(x, y);\n"
        "        for (i = 0; i < model_OUTPUTS; i++)\n"
        '            printf("%.17g ", y[i]);\n    }\n}\n'
    )
    program = place / "program"
    # What a program does not use of a header need not be used.
    flags = [*WARNINGS, "-Wno-unused-function", "-Wno-unused-variable"]
    subprocess.run(
        [COMPILER, "-std=c99", *flags, place / "main.c", "-o", program, "-lm"], check=True
    )
    text = " ".join(repr(float(x)) for x in X.ravel())
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    in_c = np.array(done.stdout.split(), dtype=float).reshape(expected.shape)
    np.testing.assert_allclose(in_c, expected, rtol=1e-12, atol=1e-12 * scale)


def test_scales_are_learnt_from_the_rows_that_train(files, place, capsys):
    path, X, labels = files["diabetes"]
    train(capsys, path, "--model", place / "m.npz", "--seed", 5, "--test", 0.3, "--validation", 0.1)
    model = fastnn.load(place / "m.npz")
    from fastnn.tabular.target import split

    class Numbers:
        classes, values = None, np.array(labels)[:, np.newaxis]

    rows, validation, test = split(Numbers, 0.1, 0.3, 5)
    assert (len(rows), len(validation), len(test)) == (265, 44, 133)
    np.testing.assert_allclose(model.inputs.mean, X[rows].mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(model.outputs.scale, np.std(Numbers.values[rows]), rtol=1e-12)


def test_the_restart_of_the_lowest_validation_loss_is_chosen(files, place, capsys):
    """Trained again alone, from the options that the command names."""
    from fastnn.tabular.target import split

    path, X, labels = files["diabetes"]
    told = train(capsys, path, "--model", place / "m.npz", "--optimizer", "rprop").out
    y = np.array(labels)[:, np.newaxis]

    class Numbers:
        classes, values = None, y

    rows, held, _ = split(Numbers, 0.2, 0.2, 0)
    inputs, outputs = fastnn.Scaling.of(X[rows]), fastnn.Scaling.of(y[rows])
    net = fastnn.Network([10, 10, 1], ["tanh", "identity"])
    validation = inputs.apply(X[held]), outputs.apply(y[held])
    runs = fastnn.train_many(
        net, inputs.apply(X[rows]), outputs.apply(y[rows]), restarts=60, loss="mse", epochs=1000,
        optimizer=fastnn.RPROP(), init=fastnn.GlorotUniform(), stop=fastnn.Validation(20),
        validation=validation,
    )  # fmt: skip
    losses = fastnn.loss(net, runs.parameters, *validation, loss="mse")
    order = np.argsort(losses)
    best = int(order[0])
    assert f"the 10 best restarts; the best: restart {best}, {runs.epochs[best]} epochs" in told
    assert f"best {losses[best]:.4g}" in told
    model = fastnn.load(place / "m.npz")
    np.testing.assert_array_equal(model.parameters, runs.parameters[order[:10]])


@pytest.mark.parametrize("optimizer", ["lm", "lbfgs", "rprop", "adam"])
@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_every_optimizer_learns(files, place, capsys, name, optimizer):
    path, X, labels = files[name]
    out = train(capsys, path, "--model", place / "m.npz", "--optimizer", optimizer).out
    assert f", {optimizer}, 60 restarts" in out
    model = fastnn.load(place / "m.npz")
    if name == "iris":
        np.testing.assert_allclose(model.probabilities(X).sum(axis=1), 1, rtol=1e-12)
        assert np.mean(model.predict(X) == np.array(labels)) > 0.93
    else:
        assert np.corrcoef(model.evaluate(X)[:, 0], labels)[0, 1] > 0.6


def test_options(files, place, capsys):
    path = place / "iris.csv"
    names = load_iris().feature_names
    told = train(
        capsys, path, "--ignore", names[0], "--hidden", "3,2", "--activation", "sigmoid",
        "--test", 0, "--validation", 0, "--epochs", 30, "--optimizer", "lbfgs", "--threads", 1,
    ).out  # fmt: skip
    assert "Network([3, 3, 2, 3], activation=['sigmoid', 'sigmoid', 'softmax']" in told
    assert "rows, split by seed 0: 150 training\n" in told
    assert fastnn.load(place / "iris.npz").features == tuple(names[1:])
    told = run(capsys, "train", path, "--target", names[0], "--target", names[1], "--ignore",
               "what it is", "--restarts", 20).out  # fmt: skip
    assert "2 targets" in told
    done = run(capsys, "predict", place / "iris.npz", path)
    assert done.out.startswith(f"{names[0]},{names[1]}\n")
    assert "150 rows" in done.err


def test_columns_may_come_in_any_order_and_without_the_target(files, place, capsys):
    train(capsys, place / "iris.csv")
    _, X, _ = files["iris"]
    names = load_iris().feature_names
    lines = [";".join(["more", *names[::-1]]), *(
        ";".join(["?", *map(repr, row[::-1])]) for row in X.tolist()
    )]  # fmt: skip
    (place / "other.csv").write_text("\n".join(lines))
    done = run(capsys, "predict", place / "iris.npz", place / "other.csv")
    assert done.out.splitlines()[1:] == fastnn.load(place / "iris.npz").predict(X).tolist()
    assert done.err == ""


WRONG = [
    (["--target", "species"], "expected a column 'species', got 'sepal length (cm)'"),
    (["--target", "what it is", "--ignore", "age"], "--ignore: expected a column 'age'"),
    (["--target", "what it is", "--target", "what it is"], "--target: expected different columns"),
    (["--target", "what it is", "--test", "1"], "--test: expected a share from 0 to less than 1"),
    (
        ["--target", "what it is", "--test", ".9", "--validation", ".5"],
        "--test: expected a sum with --v",
    ),
    (
        ["--target", "what it is", "--test", "1e-3"],
        "expected more rows to split, got 150, of which",
    ),
    (["--target", "what it is", "--test", "nan"], "--test: expected a share from 0"),
    (["--target", "what it is", "--task", "regression"], "expected a number, got 'setosa'"),
    (["--target", "what it is", "--hidden", "8,0"], "--hidden: expected an integer from 1"),
    (["--target", "what it is", "--hidden", "99999999"], "--hidden: expected at most 100000000"),
    (["--target", "what it is", "--restarts", "0"], "--restarts: expected an integer from 1"),
    (["--target", "what it is", "--seed", "-1"], "--seed: expected an integer from 0"),
    (["--target", "what it is", "--model", "model.txt"], "--model: expected a file name ending"),
    (["--target", "what it is", "--model", "no/m.npz"], "--model: expected an existing folder"),
    (["--target", "what it is", "--figure", "f.gif"], "--figure: expected a file name ending"),
    (["--target", "what it is", "--delimiter", ",,"], "delimiter: expected one character"),
    (["--target", "what it is", "--optimizer", "lm", "--hidden", "100"], "at most 500 par"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_wrong_options_are_refused_before_any_training(
    place, capsys, monkeypatch, options, message
):
    def never(*args, **kwargs):
        raise AssertionError("training began")

    monkeypatch.setattr("fastnn.cli.fitting.train_many", never)
    done = run(capsys, "train", place / "iris.csv", *options, code=2)
    assert message in done.err
    assert done.err.startswith("fastnn: error: ")
    assert done.err.count("\n") == 1
    assert not list(place.glob("*.npz"))


def test_wrong_models_and_data_are_refused(files, place, capsys):
    iris, diabetes = place / "iris.csv", place / "diabetes.csv"
    train(capsys, iris)
    train(capsys, diabetes, "--optimizer", "lbfgs")
    X, y = fastnn.datasets.xor()
    net = fastnn.Network([2, 2, 1])
    fastnn.train(net, X, y, epochs=1).save(place / "run.npz")
    Model(net, np.zeros(9)).save(place / "nameless.npz")
    text = iris.read_text()
    (place / "new.csv").write_text(text.replace("virginica", "sunflower"))
    done = run(capsys, "predict", place / "iris.npz", place / "new.csv")  # not known to be wrong
    assert done.out.count("\n") == 151
    told = "fastnn: not scored: .*new.csv, line 102, column 'what it is': expected one of setosa, "
    assert re.fullmatch(told + ".*got 'sunflower'\n", done.err)
    for model, data, options, message in [
        ("iris.npz", diabetes, [], "expected a column 'sepal length (cm)', got 'age'"),
        ("iris.npz", place / "none.csv", [], "none.csv: cannot be read: No such file"),
        ("none.npz", iris, [], "none.npz, which does not exist"),
        ("run.npz", iris, [], "run.npz: expected a model, got Run"),
        ("nameless.npz", iris, [], "expected a model with names of its inputs"),
        ("diabetes.npz", diabetes, ["--probabilities"], "expected a classification model"),
        ("iris.npz", iris, ["--out", place / "out.txt"], "--out: expected a file name ending in"),
    ]:
        done = run(capsys, "predict", place / model, data, *options, code=2)
        assert message in done.err
        assert done.err.count("\n") == 1


def test_what_predict_writes_takes_no_place_of_what_it_reads(place, capsys):
    path = place / "iris.csv"
    train(capsys, path)
    text = path.read_text()
    (place / "link.csv").symlink_to(path)
    for out in (path, place / "link.csv"):
        done = run(capsys, "predict", place / "iris.npz", path, "--out", out, code=2)
        assert "--out: expected a file other than" in done.err
    assert path.read_text() == text


def test_a_target_that_is_to_be_filled_in_has_no_scores(files, place, capsys):
    path = place / "iris.csv"
    train(capsys, path)
    lines = path.read_text().splitlines()
    empty = [lines[0], *(line.rpartition(",")[0] + "," for line in lines[1:])]
    (place / "new.csv").write_text("\n".join(empty))
    done = run(capsys, "predict", place / "iris.npz", place / "new.csv")
    assert (
        done.out.splitlines()[1:]
        == fastnn.load(place / "iris.npz").predict(files["iris"][1]).tolist()
    )
    assert done.err == ""


def test_names_with_line_breaks_are_told_in_one_line(tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_text('"a\nb",c,kind\n1,2,x\nred,3,"y\nz"\n' + 5 * '3,4,x\n5,6,"y\nz"\n')
    done = run(capsys, "train", path, "--target", "kind", code=2)
    assert done.err.count("\n") == 1
    assert "line 4, column 'a\\nb': expected a number, got 'red'" in done.err
    assert "--category 'a\\nb'" in done.err


def test_the_time_limit_is_that_of_all_restarts(place, capsys, monkeypatch):
    """Also where so many weights are trained in several calls; on a clock of the test's own."""
    from fastnn.cli import fitting

    now, limits, kept = [100.0], [], slice(None)

    def trained(*args, time_limit, **kwargs):
        limits.append(time_limit)
        now[0] += 0.75
        return fastnn.train_many(*args, **kwargs | {"restarts": 2, "epochs": 3})[kept]

    monkeypatch.setattr(fitting, "BYTES", 2**20)
    monkeypatch.setattr(fitting, "perf_counter", lambda: now[0])
    monkeypatch.setattr(fitting, "train_many", trained)
    options = ["--optimizer", "lbfgs", "--restarts", "1e6", "--time-limit"]
    out = train(capsys, place / "diabetes.csv", *options, 2).out
    assert "\n6 of 1,000,000 restarts finished within the time limit\n" in out
    assert limits == [2, 1.25, 0.5]

    kept = slice(0)
    done = train(capsys, place / "diabetes.csv", *options, 0.5, code=1)
    assert done.err == "fastnn: error: no restart ended within 0.5 s\n"
    assert limits[3:] == [0.5]


def test_large_tables_have_fewer_restarts_by_default(place, capsys, monkeypatch):
    from fastnn.cli import fitting
    from fastnn.tabular.target import Target

    def defaults(rows, *sizes):
        net = fastnn.Network(sizes)
        target = Target(("y",), None, np.zeros((1, sizes[-1])), "")
        name = fitting.default_optimizer(target, rows, net.n_parameters)
        return name, fitting.default_restarts(rows, net, name)

    assert defaults(266, 10, 10, 1) == ("lm", 1000)
    assert defaults(20_000, 10, 10, 1) == ("lm", 34)  # 121 parameters
    assert defaults(100_000, 10, 10, 1) == ("lbfgs", 82)
    assert defaults(1_000_000, 10, 10, 1) == ("lbfgs", 10)
    assert defaults(100, 100, 10, 1) == ("lbfgs", 1000)  # too many for lm

    monkeypatch.setattr(fitting, "WORK", 90 * 83 * 12.5)
    out = run(capsys, "train", place / "iris.csv", "--target", "what it is").out
    assert ", lbfgs, 12 restarts, fewer for a large file\n" in out


def test_ctrl_c_saves_the_best_so_far(files, place):
    path = place / "diabetes.csv"
    command = [sys.executable, "-m", "fastnn", "train", path, "--target", "what it is",
               "--restarts", "1e7", "--optimizer", "adam"]  # fmt: skip
    few = ["4" if part == "1e7" else part for part in command]
    subprocess.run(few, check=True, capture_output=True)  # compiles
    begin = time.monotonic()
    subprocess.run(few, check=True, capture_output=True)
    enough_for_some = time.monotonic() - begin
    (place / "diabetes.npz").unlink()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if "restarts" in line:
                break
        time.sleep(enough_for_some)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.search(r"interrupted after [\d,]+ restarts", err)
    assert "saved" in out
    assert isinstance(fastnn.load(place / "diabetes.npz"), Model)


def test_a_file_that_is_no_model_is_not_replaced(files, place, capsys):
    np.savez(place / "iris.npz", X=np.zeros(3))
    before = (place / "iris.npz").read_bytes()
    done = train(capsys, place / "iris.csv", code=2)
    assert "--model: expected a file name, since" in done.err
    assert (place / "iris.npz").read_bytes() == before
    train(capsys, place / "iris.csv", "--model", place / "iris.npz")  # asked for
    train(capsys, place / "iris.csv")
