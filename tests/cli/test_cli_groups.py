"""A network for each group of a file's rows: trained, reported, described and used to predict."""

import csv
import html
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_cli_reports import run

import fastnn
from fastnn.cli import group_fits
from fastnn.scheduling.scheduler import Interrupted
from fastnn.tabular.target import Target, split

QUICK = ("--restarts", 3, "--epochs", 60, "--hidden", 4, "--l2", "0,0.001")
SIZES = {"north": 60, "south": 40, "west": 30, "east": 4, "": 3}
"""Rows of each store; "east" has too few for a network, and some rows name none."""


def rows(kind=str):
    """Stores whose demand falls with the price, in the others' middle, each at its own level."""
    rng = np.random.default_rng(3)
    for place, (store, count) in enumerate(SIZES.items()):
        for price in rng.uniform(1, 5, count).round(3):
            day = rng.choice(["week", "end"])
            sold = (1, 8, 3, 4, 4)[place] * np.exp(-0.4 * price) + (day == "end")
            name = store and kind(store)
            yield (
                name,
                price,
                day,
                round(sold, 4),
                "many" if sold > (0.5, 3, 1, 2, 2)[place] else "few",
            )


def write(path, found, names=("store", "price", "day", "sold", "rate")):
    found = [list(row) for row in found]
    order = np.random.default_rng(0).permutation(len(found))
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([names, *(found[at] for at in order)])
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("groups") / "shops.csv", rows())


def train(capsys, path, place, *options, target="sold", code=0):
    other = "rate" if target == "sold" else "sold"
    return run(
        capsys, "train", path, "--target", target, "--ignore", other, "--group-by", "store",
        *QUICK, "--model", place / "m.npz", *options, code=code,
    )  # fmt: skip


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.thorough
def test_each_store_has_its_network_and_the_report_tells_the_scores(path, tmp_path, capsys):
    told = train(capsys, path, tmp_path, "--report", tmp_path / "r.html").out
    models = fastnn.load(tmp_path / "m.npz")
    assert models.by == "store"
    assert sorted(models) == ["north", "south", "west"]
    assert "a network for each store: 3 groups of 30 to 60 rows, median 40" in told
    assert "1 more with fewer than 10 rows, 4 rows in all, have the common network" in told
    assert "'store' is empty in 3 of 137 rows" in told
    assert "split by seed 0 within each store: 81 training, 28 validation, 28 test" in told
    page = html.unescape((tmp_path / "r.html").read_text())
    assert "Test rows by store" in page
    assert 'alt="The scores of the groups beside those of the common network" src="data:' in page
    # The scores are those of the model on each store's rows that test.
    table = read(path)
    target = Target(("sold",), None, np.array([[float(row["sold"])] for row in table]), "")
    names = [row["store"] for row in table]
    first = {name: place for place, name in enumerate(dict.fromkeys(filter(None, names)))}
    codes = np.array([first.get(name, -1) for name in names])
    _, _, tested = split(target, 0.2, 0.2, 0, within=codes)
    errors = {}
    for store in models:
        at = [place for place in tested if names[place] == store]
        X = np.array([[float(table[k]["price"]), table[k]["day"]] for k in at], dtype=object)
        errors[store] = [
            float(np.sqrt(np.mean((guess - target.values[at]) ** 2)))
            for guess in (models[store].predict(X), models.fallback.predict(X))
        ]
        own, common = errors[store]
        line = rf"^{store} +{SIZES[store]} +{len(at)} +{own:.5g} +{common:.5g}$"
        assert re.search(line, told, re.MULTILINE), line
    own, common = np.array(list(errors.values())).T
    assert f"better than the common network: {(own < common).sum()} of 3 groups" in told
    quartiles = " +".join(f"{number:.5g}" for number in np.quantile(own, [0, 0.25, 0.5, 0.75, 1]))
    assert re.search(rf"^own network +{quartiles}$", told, re.MULTILINE)
    assert own.max() < common.max() / 2


def test_files_are_predicted_by_group_and_others_by_the_common_network(path, tmp_path, capsys):
    train(capsys, path, tmp_path)
    models = fastnn.load(tmp_path / "m.npz")
    new = write(
        tmp_path / "new.csv",
        [("north", 2, "week"), ("nowhere", 2, "week"), ("NA", 2, "week"), ("west", "", "end"),
         ("east", 2, "week")],
        ("store", "price", "day"),
    )  # fmt: skip
    done = run(capsys, "predict", tmp_path / "m.npz", new, "--keep", "store",
               "--out", tmp_path / "out.csv")  # fmt: skip
    X = np.array([[2.0, "week"]], dtype=object)
    other = str(models.fallback.predict(X)[0, 0])
    expected = {"north": str(models["north"].predict(X)[0, 0]), "west": ""}
    found = read(tmp_path / "out.csv")
    assert [row["store"] for row in found] == [row["store"] for row in read(new)]
    for row in found:
        assert row["sold"] == expected.get(row["store"], other)
    assert "2 of 4 rows have a group without a network of its own, such as" in done.err
    assert "1 of 4 rows has no group; the common network predicts such rows" in done.err
    # The column that names the groups is read, and written only if asked for.
    run(capsys, "predict", tmp_path / "m.npz", new, "--out", tmp_path / "plain.csv")
    assert list(read(tmp_path / "plain.csv")[0]) == ["sold"]


def test_classes_are_predicted_by_group_with_probabilities(path, tmp_path, capsys):
    told = train(capsys, path, tmp_path, target="rate").out
    assert "share right of 3 groups" in told
    models = fastnn.load(tmp_path / "m.npz")
    done = run(capsys, "predict", tmp_path / "m.npz", path, "--probabilities", "--keep", "store",
               "--out", tmp_path / "out.csv")  # fmt: skip
    assert "right: " in done.err
    table = read(path)
    X = np.array([[float(row["price"]), row["day"]] for row in table], dtype=object)
    shares = models.probabilities(X, [row["store"] for row in table])
    found = np.array(
        [[row["rate=few"], row["rate=many"]] for row in read(tmp_path / "out.csv")], dtype=float
    )
    np.testing.assert_array_equal(found, shares)


@pytest.mark.parametrize(
    ("kind", "labels", "written"),
    [
        ({"north": 1, "south": 2, "west": 30, "east": 4}.get, [1, 2, 30], "30.0"),
        ({"north": "01", "south": "02", "west": "30", "east": "4"}.get, ["01", "02", "30"], "30"),
        ({"north": "a b", "south": "True", "west": "x", "east": "y"}.get, ["True", "a b", "x"],
         " x "),
    ],
)  # fmt: skip
def test_labels_are_whole_numbers_or_the_texts_of_the_file(tmp_path, capsys, kind, labels, written):
    train(capsys, write(tmp_path / "shops.csv", rows(kind)), tmp_path)
    models = fastnn.load(tmp_path / "m.npz")
    assert sorted(models) == labels
    new = write(tmp_path / "new.csv", [(written, 2, "week")], ("store", "price", "day"))
    done = run(capsys, "predict", tmp_path / "m.npz", new)
    expected = models[labels[2]].predict(np.array([[2.0, "week"]], dtype=object))[0, 0]
    assert done.out.splitlines() == ["sold", str(expected)]
    assert not done.err


def test_a_network_is_the_one_that_its_rows_alone_would_give(path, tmp_path, capsys):
    train(capsys, path, tmp_path, "--l2", 0.001)
    models = fastnn.load(tmp_path / "m.npz")
    table = read(path)
    values = np.array([[float(row["sold"])] for row in table])
    names = [row["store"] for row in table]
    first = {name: place for place, name in enumerate(dict.fromkeys(filter(None, names)))}
    within = np.array([first.get(name, -1) for name in names])
    trained, *_ = split(Target(("sold",), None, values, ""), 0.2, 0.2, 0, within=within)
    at = [place for place in trained if names[place] == "west"]
    X = np.array([[float(table[k]["price"]), table[k]["day"] == "week"] for k in at], dtype=float)
    runs = fastnn.train_many(
        models.network, models.inputs.apply(X), models.outputs.apply(values[at]), restarts=3,
        loss=fastnn.MSE(l2=0.001), optimizer="lbfgs", epochs=60, init=fastnn.GlorotUniform(),
        stop=fastnn.NoProgress(20),
    )  # fmt: skip
    np.testing.assert_array_equal(models["west"].parameters[0], runs.best.parameters)


@pytest.mark.parametrize(("ended", "penalty"), [(1, "0.001"), (2, "0.001"), (0, None)])
def test_ctrl_c_saves_the_groups_that_have_ended(
    path, tmp_path, capsys, monkeypatch, ended, penalty
):
    """It comes while the groups train with the first penalty or the second; or before any."""
    calls = []

    def interrupted(*data, **options):
        calls.append(options)
        runs = fastnn.train_many(*data, **options)
        if len(calls) < ended:
            return runs
        if not ended:
            runs = SimpleNamespace(loss=np.full(len(runs), np.nan))
        raise Interrupted(runs, 9, 9)

    monkeypatch.setattr(group_fits, "train_many", interrupted)
    done = train(capsys, path, tmp_path, "--l2", "0.001,100", code=130)
    assert len(calls) == max(1, ended)
    assert "interrupted" in done.err
    assert (tmp_path / "m.npz").exists() == bool(ended)
    if penalty is not None:
        assert f"the best restart of each, l2 {penalty} for all" in done.out
        assert sorted(fastnn.load(tmp_path / "m.npz")) == ["north", "south", "west"]


def test_info_describes_models_of_groups(path, tmp_path, capsys):
    train(capsys, path, tmp_path, "--log-target")
    told = run(capsys, "info", tmp_path / "m.npz").out
    for line in (
        r"network +Network\(\[2, 4, 1\].*, float64, one for each group",
        r"groups +3 of column store: .*north",
        r"others +a common network, the average of \d",
        r"target +sold",
        r"scales +inputs and the logarithms of outputs",
        r"  day: 0 for 'end', 1 for 'week'",
    ):
        assert re.search(rf"^{line}", told, re.MULTILINE), line


def test_the_penalty_is_chosen_by_the_validation_rows_of_all_groups(path, tmp_path, capsys):
    """A penalty that no network survives is not taken."""
    told = train(capsys, path, tmp_path, "--l2", "100,0", "--optimizer", "lbfgs").out
    assert "the best restart of each, l2 0 for all" in told
    both = fastnn.load(tmp_path / "m.npz").parameters
    train(capsys, path, tmp_path, "--l2", "0", "--optimizer", "lbfgs")
    np.testing.assert_array_equal(fastnn.load(tmp_path / "m.npz").parameters, both)


def test_networks_of_groups_that_are_no_better_are_doubted(tmp_path, capsys):
    rng = np.random.default_rng(1)
    found = [("ab"[k % 2], x, x + 0.5 * rng.normal()) for k, x in enumerate(rng.normal(size=60))]
    same = write(tmp_path / "same.csv", found, ("store", "x", "y"))
    done = run(capsys, "train", same, "--target", "y", "--group-by", "store", *QUICK, "--l2", 1e-5)
    assert "expected networks of groups better than the common one on the test rows" in done.err


BAD = {
    "--cv 5": "--cv: not available with --group-by",
    "--importance": "--importance: not available with --group-by",
    "--balanced": "--balanced: not available with --group-by",
    "--class-weight a=2": "--class-weight: not available with --group-by",
    "--time-limit 3": "--time-limit: not available with --group-by",
    "--test-file other.csv": "--test-file: not available with --group-by",
    "--group-rows 0": "--group-rows: expected",
    "--group-rows x": "--group-rows: ",
}


@pytest.mark.parametrize(("options", "said"), BAD.items(), ids=BAD)
def test_what_does_not_go_with_groups_is_refused_before_the_file_is_read(
    tmp_path, capsys, options, said
):
    """The file is missing, which would be told otherwise."""
    arguments = ["train", tmp_path / "no.csv", "--target", "y", "--group-by", "store"]
    try:
        err = run(capsys, *arguments, *options.split(), code=2).err
    except SystemExit:
        err = capsys.readouterr().err
    assert said in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--group-by", "stoer"], "--group-by: expected .*store"),
        (["--group-by", "sold"], "--group-by: expected columns other than the target, got 'sold'"),
        (["--group-by", "rate", "--ignore", "rate"], "--group-by: expected columns other than"),
        (["--group-by", "day", "--category", "day"], "--group-by: expected columns other than"),
        (["--group-by", "store", "--group-rows", "100"],
         "column 'store': expected a group with at least 100 rows, got 4 groups of up to 60"),
        (["--group-by", "one"], "column 'one': expected several groups, got 1 alone"),
        (["--group-by", "none"], "column 'none': expected several groups, got empty cells alone"),
        (["--group-rows", "5"], "--group-rows: expected --group-by beside it, got none"),
    ],
)  # fmt: skip
def test_columns_that_make_no_groups_are_refused(tmp_path, capsys, options, said):
    names = ("store", "price", "day", "sold", "rate", "one", "none")
    path = write(tmp_path / "shops.csv", [(*row, 1, "") for row in rows()], names)
    err = run(capsys, "train", path, "--target", "sold", *options, code=2).err
    assert re.search(said, err), err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--interval", "0.9"], "--interval: expected a model of one network"),
        (["--probabilities"], "--probabilities: expected a classification model"),
    ],
)
def test_predictions_that_models_of_groups_lack_are_refused(path, tmp_path, capsys, options, said):
    _plain(by="store").save(tmp_path / "m.npz")
    assert said in run(capsys, "predict", tmp_path / "m.npz", path, *options, code=2).err


def test_groups_without_a_network_are_refused_without_a_common_one(path, tmp_path, capsys):
    _plain(by="store").save(tmp_path / "m.npz")
    err = run(capsys, "predict", tmp_path / "m.npz", path, code=2).err
    assert re.search(r"line \d+, column 'store': expected one of the groups, such as 'north'", err)
    _plain().save(tmp_path / "m.npz")
    err = run(capsys, "predict", tmp_path / "m.npz", path, code=2).err
    assert "name the column of their groups" in err


def _plain(**more):
    net = fastnn.Network([1, 1])
    return fastnn.Models(net, np.zeros((1, 2)), ["north"], features=["price"], **more)


@given(st.lists(st.integers(-1, 4), min_size=30, max_size=80), st.integers(0, 9),
       st.sampled_from(["random", "last"]))  # fmt: skip
def test_rows_are_split_within_each_group(codes, seed, order):
    within = np.array([*codes, *[5] * 20])
    target = Target(("y",), None, np.zeros((len(within), 1)), "")
    parts = split(target, 0.2, 0.2, seed, order, within)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(within)))
    for code in np.unique(within):
        trained, validated, tested = (part[within[part] == code] for part in parts)
        size = len(trained) + len(validated) + len(tested)
        assert len(tested) == min(size - 1, int(0.2 * size + 0.5))
        assert len(validated) == min(size - 1 - len(tested), int(0.2 * size + 0.5))
        if order == "last":
            ordered = [*trained, *validated, *tested]
            assert ordered == sorted(ordered)
