"""Reports of training that show what a constant would reach, and doubt useless models."""

import numpy as np
import pytest
from sklearn import metrics

from fastnn.cli import main
from fastnn.cli.fitting import Fit, Split
from fastnn.cli.scores import usual_shares
from fastnn.cli.verdicts import Tried, doubts_of_classes, doubts_of_fit, doubts_of_numbers
from fastnn.spec.status import Status
from fastnn.tabular.metrics import Rates, confusion

RNG = np.random.default_rng(8)
CLASSES = np.array(["No", "Yes"])
PLAIN = Tried("lm", "--l2 auto")


def run(capsys, *arguments, code=0):
    assert main([str(argument) for argument in arguments]) == code
    return capsys.readouterr()


def write(path, names, *columns):
    rows = zip(*(column.tolist() for column in columns), strict=True)
    path.write_text("\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)]))
    return path


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A rare class, and numbers, that have nothing to do with the inputs."""
    rng = np.random.default_rng(1)  # the same whichever tests have run
    X = rng.normal(size=(300, 3)).round(3)
    kind = np.where(rng.uniform(size=300) < 0.2, "Yes", "No")
    path = tmp_path_factory.mktemp("noise") / "noise.csv"
    return write(path, ["a", "b", "c", "kind", "y"], *X.T, kind, rng.normal(size=300).round(3))


def test_rates_are_scikit_learns():
    true, predicted = RNG.integers(0, 4, (2, 300))
    rates = Rates.of(confusion(true, predicted, 6), 2)
    assert rates.accuracy == pytest.approx(metrics.accuracy_score(true, predicted))
    assert rates.balanced == pytest.approx(metrics.balanced_accuracy_score(true, predicted))
    assert rates.share == pytest.approx(np.mean(true == 2))
    assert rates.gain == pytest.approx(rates.accuracy - rates.share)
    expected = metrics.recall_score(true, predicted, average=None)
    np.testing.assert_allclose(rates.recall, [*expected, np.nan, np.nan])


def said(*doubts):
    return "\n".join(doubts)


def test_a_model_that_says_no_to_all_is_doubted():
    counts = {"training": np.array([[70, 0], [30, 0]]), "test": np.array([[24, 0], [6, 0]])}
    told = said(*doubts_of_classes(counts, 0, CLASSES, PLAIN))
    assert "got none of Yes (6 rows); try --balanced" in told
    assert "than the 80.00% of always No, got 80.00%" in told


@pytest.mark.parametrize(
    ("counts", "weighted", "expected"),
    [
        (
            [[860, 44], [41, 55]],
            False,
            "90.40% of always No, got 91.50%: the model tells the "
            "classes apart, by a balanced accuracy of 76.21% in place of 50.00%",
        ),  # 55 against 44
        ([[901, 3], [90, 6]], False, "got 90.70%: the model tells the classes apart"),
        ([[900, 4], [95, 1]], False, "got 90.10%: this model is hardly worth more than that"),
        ([[895, 9], [41, 55]], False, None),
        ([[560, 344], [10, 86]], True, None),  # fewer right than always No, as asked for
        ([[452, 452], [48, 48]], True, "above the 50.00% of a constant, got 50.00%"),
    ],
)
def test_a_model_must_be_clearly_better_than_a_constant(counts, weighted, expected):
    tried = Tried("lbfgs", weighted=weighted)
    told = said(*doubts_of_classes({"test": np.array(counts)}, 0, CLASSES, tried))
    assert told == "" if expected is None else expected in told


def test_a_test_far_below_the_validation_is_doubted():
    counts = {"validation": np.array([[50, 0], [0, 50]]), "test": np.array([[45, 5], [15, 35]])}
    told = said(*doubts_of_classes(counts, 0, CLASSES, PLAIN))
    assert "validation score 100.00% on the test rows, got 80.00% right: the 100 valid" in told
    true = RNG.normal(size=50)
    parts = {"validation": (true, true), "test": (true, true + RNG.normal(size=50) / 2)}
    told = said(*doubts_of_numbers("y", parts, 0.0, PLAIN))
    assert "score 1.0000 on the test rows, got R²" in told
    assert "of the mean" not in told


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e99])
def test_numbers_are_compared_with_the_mean_at_all_sizes(size):
    true = size * RNG.normal(size=40)

    def told(predicted):
        return said(*doubts_of_numbers("y", {"test": (true, predicted)}, 0.0, PLAIN))

    assert told(0.5 * true) == ""
    for predicted in (0 * true, true[::-1]):
        assert "of the mean, got" in told(predicted)


@pytest.mark.parametrize("rows", [30, 200])
@pytest.mark.parametrize("spread", [1.2, 2.0])
def test_good_models_of_skewed_numbers_are_not_doubted(rows, spread):
    """One value of many decides over the mean square, so that its standard error is large."""
    rng = np.random.default_rng(rows)
    doubted = dict.fromkeys(["good", "mean", "median", "noise"], 0)
    for _ in range(100):
        true, trained = np.exp(spread * rng.normal(size=(2, rows)))
        for name, predicted in {
            "good": true * np.exp(0.3 * rng.normal(size=rows)),
            "mean": np.full(rows, trained.mean()),
            "median": np.full(rows, np.median(trained)),
            "noise": trained.mean() + trained.std() / 4 * rng.normal(size=rows),
        }.items():
            told = said(*doubts_of_numbers("y", {"test": (true, predicted)}, trained.mean(), PLAIN))
            doubted[name] += "hardly worth" in told
            assert "or --log-target" in told or not told or spread < 2
    assert doubted.pop("good") <= 8
    assert min(doubted.values()) >= 90


@pytest.mark.parametrize(("known", "tested"), [(9, 10), (20, 20), (60, 30), (500, 400)])
def test_the_usual_shares_in_intervals_are_those_of_many_files(known, tested):
    rng = np.random.default_rng(known)
    errors = np.sort(rng.exponential(size=(4000, known)), axis=1)
    width = errors[:, int(np.ceil((known + 1) * 0.9)) - 1, np.newaxis]
    shares = (rng.exponential(size=(4000, tested)) <= width).mean(axis=1)
    low, high = usual_shares(known, tested, 0.9)
    assert low == pytest.approx(shares.mean() - 2 * shares.std(), abs=0.01)
    assert high == pytest.approx(min(1, shares.mean() + 2 * shares.std()), abs=0.01)
    assert 0.92 < np.mean((low <= shares) & (shares <= high)) < 0.99


@pytest.mark.parametrize(("rows", "doubted"), [(0, False), (16, True), (30, False)])
def test_a_choice_by_few_rows_is_doubted(rows, doubted):
    every = np.arange(100)
    parts = Split(every[rows:], every[:rows], every[:0])
    fit = Fit(None, np.full(1000, 0.5), 0, 1, False, Status.STALLED, 1.0, 0.0, 0.5, 0)
    told = said(*doubts_of_fit(fit, parts, PLAIN))
    assert ("to choose one of 1,000 restarts, got 16" in told) is doubted
    assert told == "" or doubted


def test_reports_of_noise_say_so(noise, tmp_path, capsys):
    options = ["--restarts", 5, "--model", tmp_path / "m.npz", "--epochs", 20]
    done = run(capsys, "train", noise, "--target", "kind", "--ignore", "y", *options)
    assert "\nright if always No: training 8" in done.out
    assert "\nbalanced accuracy: training 5" in done.out
    assert "of always No, got " in done.err
    done = run(capsys, "train", noise, "--target", "y", "--ignore", "kind", *options)
    assert "RMSE of y on the test rows clearly below the" in done.err
    assert "90% intervals, from the errors on 60 validation rows, hold " in done.out


@pytest.mark.parametrize(
    ("options", "advised"),
    [
        ([], "lbfgs, fewer --hidden units or --l2 auto"),
        (["--l2", "auto"], "rprop or fewer --hidden units"),
        (["--l2", "0.1"], "rprop, fewer --hidden units or --l2 auto"),
        (["--hidden", "0", "--l2", "0,1"], "rprop"),
        (["--hidden", "0", "--optimizer", "adam"], "lbfgs or --l2 auto"),
        (["--optimizer", "lm"], "lbfgs, fewer --hidden units or --l2 auto with --optimizer lbfgs"),
        (["--validation", "0"], "lbfgs, fewer --hidden units or --l2 0.01"),
        (["--validation", "0", "--l2", "1"], "rprop or fewer --hidden units"),
    ],
)
def test_what_has_been_tried_is_not_advised(noise, tmp_path, capsys, options, advised):
    every = ["--restarts", 5, "--model", tmp_path / "m.npz", "--epochs", 20, *options]
    told = run(capsys, "train", noise, "--target", "y", "--ignore", "kind", *every).err
    line = next(line for line in told.splitlines() if "hardly worth more than that" in line)
    expected = "than that constant; try other columns, more rows"
    alone = " or" if advised == "rprop" else ","
    assert line.endswith(f"{expected}{alone} another --optimizer, such as {advised}")
