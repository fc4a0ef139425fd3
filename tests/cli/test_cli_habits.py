"""What people type: other programs' options, other spellings, wrong orders, and the answers."""

import pytest

import fastnn
from fastnn.cli import bench, export, habits, info, main, predict, restarts, train, xor
from fastnn.cli.arguments import Parser
from fastnn.support.suggestions import meanings

MODULES = {"xor": xor, "restarts": restarts, "train": train, "predict": predict,
           "export": export, "bench": bench, "info": info}  # fmt: skip
ROWS = "a,b,kind\n" + "".join(
    f"{i % 7},{i % 5},{'no' if i % 7 < 3 else 'yes'}\n" for i in range(60)
)
QUICK = ["--restarts", "2", "--epochs", "5", "--threads", "1"]


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """Runs the command in a folder with a file; returns its code and what it writes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text(ROWS)

    def run(*arguments):
        try:
            code = main(list(arguments))
        except SystemExit as error:
            code = error.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def options_of(command):
    parser = Parser(prog=command)
    MODULES[command].add_arguments(parser)
    return parser.options


@pytest.mark.parametrize("command", MODULES)
def test_every_option_may_be_spelled_with_underscores_capitals_or_one_hyphen(command):
    parser = Parser(prog=command)
    MODULES[command].add_arguments(parser)
    for option in parser.options:
        name = option[2:]
        for other in (name.replace("-", "_"), name.upper(), name.replace("-", "")):
            for hyphens in ("-", "--"):
                assert parser._spelled(f"{hyphens}{other}=1") == f"{option}=1"


@pytest.mark.parametrize("value", ["-", "-5", "-1e-3", "-.5", "a b", "--what is this", ""])
def test_other_arguments_stay_as_they_are(value):
    parser = Parser()
    parser.add_argument("--seed")
    assert parser._spelled(value) == value


def test_what_follows_two_hyphens_is_no_option(told):
    assert "--lr.csv: cannot be read" in told("train", "--target", "a", "--", "--lr.csv")[2]


# Words of pandas, scikit-learn, Keras, XGBoost and others, and the answers.
@pytest.mark.parametrize(
    ("command", "word", "advice"),
    [
        ("train", "--lr", "the optimizers choose their steps"),
        ("train", "--learning_rate", "the optimizers choose their steps"),
        ("restarts", "--lr", "did you mean --learning-rate?"),
        ("train", "--batch-size", "every step uses all training rows"),
        ("train", "--random_state", "did you mean --seed?"),
        ("train", "--test-size", "did you mean --test?"),
        ("train", "--validation_split", "did you mean --validation?"),
        ("train", "--hidden-layer-sizes", "did you mean --hidden?"),
        ("train", "--max-iter", "did you mean --epochs?"),
        ("train", "--n-jobs", "did you mean --threads?"),
        ("train", "--n_estimators", "did you mean --average?"),
        ("train", "--alpha", "did you mean --l2?"),
        ("train", "--sep", "did you mean --delimiter?"),
        ("train", "-t", "did you mean --target?"),
        ("train", "--label", "did you mean --target?"),
        ("train", "--segment-by", "did you mean --group-by?"),
        ("train", "--drop", "did you mean --ignore?"),
        ("train", "--output", "did you mean --model?"),
        ("predict", "--output", "did you mean --out?"),
        ("train", "--classification", "did you mean --task classification?"),
        ("train", "--no-shuffle", "did you mean --split last?"),
        ("predict", "--predict-proba", "did you mean --probabilities?"),
        ("predict", "--confidence", "did you mean --interval?"),
        ("export", "--quantize", "did you mean --dtype int8?"),
        ("export", "--float32", "did you mean --dtype float32?"),
        ("export", "--format", "the extension of the file to write decides"),
        ("train", "--early-stopping", "restarts always end when"),
        ("train", "--input", "the file has no option before it"),
        ("train", "--targt", "did you mean --target?"),
        ("train", "--tets-file", "did you mean --test-file?"),
        ("train", "--te", "did you mean --test or --test-file?"),
    ],
)
def test_options_of_other_programs(told, command, word, advice):
    files = ["m.npz", "data.csv"] if command in ("predict", "export") else ["data.csv"]
    code, out, err = told(command, *(files if command != "restarts" else []), word, "1")
    assert (code, out) == (2, "")
    usage, error = err.splitlines()
    assert usage.startswith(f"usage: fastnn {command} ")
    assert len(usage) < 100
    assert error.startswith(f"fastnn {command}: error: unknown option {word}")
    assert advice in error


def test_the_words_of_other_programs_mean_options_that_there_are():
    known = {option for command in MODULES for option in options_of(command)}
    meant = {way.partition("=")[0] for ways in meanings(habits.WORDS).values() for way in ways}
    assert meant <= known


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--epochs", "-5"], "--epochs: expected an integer from 0 to"),
        (["--epochs", "many"], "--epochs: expected a whole number, got 'many'"),
        (["--threads", "0"], "--threads: expected an integer from 1 to 4096, got 0"),
        (["--time-limit", "0"], "--time-limit: expected a positive number, got 0"),
        (["--time-limit", "nan"], "--time-limit: expected a positive number, got nan"),
        (["--time-limit", "1h"], "--time-limit: expected a number, got '1h'"),
        (["--seed", "1.5"], "--seed: expected a whole number, got '1.5'"),
        (["--seed", "-1"], "--seed: expected an integer from 0 to"),
        (["--restarts", "0"], "--restarts: expected an integer from 1 to"),
        (["--average", "0"], "--average: expected an integer from 1 to"),
        (["--hidden", "3,x"], "--hidden: expected a whole number, got 'x'"),
        (["--hidden", "-3"], "--hidden: expected an integer from 1 to"),
        (["--activation", "logistic"], "got 'logistic'; did you mean 'sigmoid'?"),
        (["--optimizer", "sgd"], "got 'sgd'; did you mean 'rprop' or 'adam'?"),
        (["--optimizer", "L-BFGS-B"], "got 'L-BFGS-B'; did you mean 'lbfgs'?"),
        (["--dtype", "half"], "--dtype: expected one of float64, float32, got 'half'"),
        (["--validation", "20%"], "--validation: expected a number, got '20%'"),
        (["--validation", "20"], "--validation: expected a share from 0 to less than 1, got 20.0"),
        (["--cv", "1"], "--cv: expected an integer from 2 to 100, got 1"),
        (["--l2", "-1"], "--l2: expected numbers from 0 to"),
        (["extra.csv"], "unexpected 'extra.csv'; an option takes one value"),
    ],
)
def test_options_are_checked_before_the_file_is_read_and_named_in_errors(told, options, error):
    code, out, err = told("train", "missing.csv", "--target", "kind", *options)
    assert (code, out) == (2, "")
    assert error in err.splitlines()[-1]


def test_without_a_target_the_columns_and_the_command_are_told(told):
    code, out, err = told("train", "data.csv")
    assert (code, out) == (2, "")
    assert err == (
        "fastnn: error: --target: expected the column to predict, got none; data.csv has a, b, "
        "kind; for example: fastnn train data.csv --target kind\n"
    )
    assert "missing.csv: cannot be read" in told("train", "missing.csv")[2]
    assert "--seed: expected" in told("train", "data.csv", "--seed", "-1")[2]


@pytest.mark.parametrize("option", ["--target", "--ignore", "--category"])
def test_several_columns_in_one_option(told, option):
    code, _, err = told("train", "data.csv", "--target", "kind", option, "a, b")
    assert code == 2
    assert f"{option}: expected one column, got 'a, b'; repeat the option for several" in err


@pytest.mark.parametrize("given", ["4,3", "(4, 3)", "[4,3]", "4,3,"])
def test_hidden_units_as_python_writes_them(told, given):
    code, *_ = told("train", "data.csv", "--target", "kind", "--hidden", given, *QUICK)
    assert code == 0
    assert fastnn.load("data.npz").network.sizes == (2, 4, 3, 1)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["predict", "no.npz", "data.csv"], "MODEL: expected a saved model"),
        (["export", "no.npz", "m.h"], "MODEL: expected a saved model"),
        (["info", "no.npz"], "PATH: expected the folder of a run or a saved model"),
    ],
)
def test_a_model_that_is_not_there(told, arguments, what):
    code, out, err = told(*arguments)
    assert (code, out) == (2, "")
    ending = "got no.npz, which does not exist"
    assert err == f"fastnn: error: {what}, {ending}; fastnn train saves models\n"
    told("train", "data.csv", "--target", "kind", "--model", "now.npz", *QUICK)
    assert f"{ending}; did you mean now.npz?" in told(*arguments)[2]


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        (["predict", "data.csv", "data.npz"], "fastnn predict data.npz data.csv"),
        (["export", "data.csv", "data.npz"], "fastnn export data.npz data.csv"),
        (["export", "new.h", "data.npz"], "fastnn export data.npz new.h"),
    ],
)
def test_files_in_the_wrong_order(told, arguments, right):
    told("train", "data.csv", "--target", "kind", *QUICK)
    code, out, err = told(*arguments)
    assert (code, out) == (2, "")
    assert f"expected the model before the file, got {arguments[1]} first; try {right}\n" in err


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "dtype"), [("float", "float32"), ("double", "float64"), ("float32", "float32")]
)
def test_types_of_numbers_have_their_names_in_c(told, name, dtype):
    assert told("train", "data.csv", "--target", "kind", "--dtype", name, *QUICK)[0] == 0
    assert fastnn.load("data.npz").dtype == dtype
    assert told("export", "data.npz", "m.h", "--dtype", name)[0] == 0
