"""Networks and results in files: the same bits after loading, or an error that explains."""

import io
import json
import zipfile

import numpy as np
import pytest
from conftest import bits

import fastnn
from fastnn.storage.npz import save
from fastnn.support.atomic_files import canonical, digest_of

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
N = 20
RATES = np.linspace(0.1, 5, N)
GRID = fastnn.Grid(learning_rate=[0.1, 1, 3], momentum=[0, 0.5], restarts_per_cell=2)


def many(restarts=N, **options):
    options = {"epochs": 12, "target_sse": 0.9, "seed": 7, **options}
    return fastnn.train_many(NET, X, Y, restarts=restarts, **options)


def one(**options):
    return fastnn.train(NET, X, Y, **{"epochs": 12, "seed": 3, "restart": 5, **options})


def diverged():
    net = fastnn.Network([2, 2, 1], "identity")
    runs = fastnn.train_many(
        net, 100 * X, Y, restarts=3, epochs=50, optimizer=fastnn.GradientDescent(100.0)
    )
    assert not np.isfinite(runs.loss).any()
    return runs


def not_finite():
    runs = fastnn.train_many(
        fastnn.Network([2, 2, 1], "identity"), 100 * X, Y, restarts=3, epochs=5, batch_size=2,
        optimizer=fastnn.GradientDescent(1e308),
    )  # fmt: skip
    assert not np.isfinite(runs.parameters).all()
    return runs


SWEEP = {"optimizer": fastnn.GradientDescent(RATES, momentum=0.5, schedule=fastnn.StepDecay(5))}
RUNS = {
    "plain": many,
    **{keep: lambda keep=keep: many(keep=keep) for keep in ("all", "parameters", "outcomes")},
    "status": lambda: many(keep=["status"]),
    "loss": lambda: many(keep=["loss"]),
    "state": lambda: many(keep=["state", "epochs"]),
    "best": lambda: many(keep=fastnn.Best(3)),
    "best of float32": lambda: many(keep=fastnn.Best(30), dtype=np.float32),
    "float32": lambda: many(dtype=np.float32, optimizer=fastnn.Adam()),
    "sweep": lambda: many(**SWEEP),
    "grid": lambda: many(None, grid=GRID, target_sse=None),
    "part of a grid": lambda: many(5, grid=GRID, first=3),
    "mask": lambda: many(**SWEEP)[np.arange(N) % 3 == 1],
    "none": lambda: many()[:0],
    "backwards": lambda: many()[::-1],
    "starts": lambda: many(init=fastnn.Uniform(-1, RATES)),
    "explicit": lambda: many(init=np.random.default_rng(0).normal(size=(N, 9))),
    "weights": lambda: many(sample_weight=np.random.default_rng(0).random((N, 4))),
    "bootstrap": lambda: many(sample_weight=fastnn.Bootstrap()),
    "rules": lambda: many(stop=[fastnn.NoProgress(3), fastnn.MeanLossBelow(0.2, last=3)]),
    "batches": lambda: many(batch_size=3, shuffle=True),
    "continued": lambda: fastnn.train_many(NET, X, Y, continue_from=many(), epochs=4),
    "diverged": diverged,
    "diverged and continued": lambda: fastnn.train_many(
        fastnn.Network([2, 2, 1], "identity"), X, Y, continue_from=not_finite(), epochs=4
    ),
    "late": lambda: many(3, first=2**63 - 10, seed=2**64 - 1),
}  # fmt: skip
SINGLE = {
    "run": one,
    "every third": lambda: one(history=3),
    "without history": lambda: one(history=False),
    "float32": lambda: one(dtype=np.float32, optimizer=fastnn.RPROP()),
    "samples": lambda: one(parallel="samples", loss=fastnn.Huber(delta=0.3, l2=0.1)),
    "Levenberg-Marquardt": lambda: one(optimizer=fastnn.LevenbergMarquardt()),
    "explicit": lambda: one(init=np.arange(9.0)),
    "validation": lambda: one(stop=fastnn.Validation(2), validation=(X[:2], Y[:2])),
    "continued": lambda: one(continue_from=one(), seed=0, restart=0),
}
SINGLE |= {
    f"best of {name}": lambda m=make: m().best
    for name, make in RUNS.items()
    if name not in ("status", "state", "none") and not name.startswith("diverged")
}
SINGLE |= {
    f"restart of {name}": lambda m=make: (lambda runs: runs.restart(int(runs.indices[-1])))(m())
    for name, make in RUNS.items() if name != "none"
}  # fmt: skip


def again(thing, path):
    thing.save(path)
    loaded = fastnn.load(path)
    assert type(loaded) is type(thing)
    return loaded


def assert_same(one, other):
    assert (one is None) == (other is None)
    if one is not None:
        one, other = np.asarray(one), np.asarray(other)
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        np.testing.assert_array_equal(bits(one), bits(other))


def assert_same_run(run, expected):
    for name in ("parameters", "history", "state", "loss", "sse"):
        assert_same(getattr(run, name), getattr(expected, name))
    for name in ("network", "epochs", "status", "history_every", "seed", "restart", "loss_name"):
        assert getattr(run, name) == getattr(expected, name)
        assert type(getattr(run, name)) is type(getattr(expected, name))


def assert_same_runs(runs, expected):
    assert runs.columns.keys() == expected.columns.keys()
    for name, values in expected.columns.items():
        assert_same(runs.columns[name], values)
    assert_same(runs.indices, expected.indices)
    assert runs.statistics == expected.statistics
    assert repr(runs.grid) == repr(expected.grid)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "saved.npz"


@pytest.mark.parametrize("net", [
    NET, fastnn.Network([3, 1, 4, 2], ["tanh", "relu", "softmax"], bias=False),
])  # fmt: skip
def test_networks(net, path):
    assert again(net, path) == net


@pytest.mark.parametrize("name", SINGLE)
def test_runs_of_one(name, path):
    run = SINGLE[name]()
    loaded = again(run, path)
    assert_same_run(loaded, run)
    assert_same(loaded.predict(X), run.predict(X))
    if run.job.validation is not None:
        return
    try:
        more = fastnn.train(run.network, run.job.X, Y, continue_from=run, epochs=3,
                            dtype=run.job.dtype)  # fmt: skip
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)[:20]):
            fastnn.train(NET, X, Y, continue_from=loaded, epochs=3, dtype=run.job.dtype)
    else:
        assert_same_run(
            fastnn.train(run.network, run.job.X, Y, continue_from=loaded, epochs=3,
                         dtype=run.job.dtype),
            more,
        )  # fmt: skip
        assert_same_run(again(more, path), more)


@pytest.mark.parametrize("name", RUNS)
def test_runs_of_many(name, path):
    runs = RUNS[name]()
    loaded = again(runs, path)
    assert_same_runs(loaded, runs)
    assert_same_runs(again(loaded[1:], path), runs[1:])
    assert loaded.summary() == runs.summary()
    for k in runs.indices[:2].tolist():
        assert_same_run(loaded.restart(k), runs.restart(k))
    assert_same(loaded.predict(X, "all"), runs.predict(X, "all"))
    if name == "grid":
        assert_same(loaded.in_grid("loss"), runs.in_grid("loss"))
    if {"state", "parameters"} <= runs.columns.keys() and name in ("plain", "rules", "batches"):
        options = {"epochs": 5, "stop": runs.job.rules or None}
        if name == "batches":
            options |= {"batch_size": 3, "shuffle": True}
        assert_same_runs(
            fastnn.train_many(NET, X, Y, continue_from=loaded, **options),
            fastnn.train_many(NET, X, Y, continue_from=runs, **options),
        )


@pytest.mark.parametrize("options", [
    {}, SWEEP, {"dtype": np.float32}, {"target_sse": None},
    {"restarts": None, "grid": GRID},
])  # fmt: skip
def test_statistics(options, path):
    statistics = many(keep="statistics", **options)
    loaded = again(statistics, path)
    assert loaded == statistics
    assert loaded.summary() == statistics.summary()
    assert_same_run(loaded.best, statistics.best)
    assert loaded + fastnn.Statistics.empty(loaded.job) == statistics


def content_of(path):
    """The text and the arrays of a file."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return json.loads(str(arrays.pop("about"))), arrays


def forge(path, about, arrays, *, seal=True):
    """Write a file with any content, and a digest that fits."""
    if seal:
        about = {key: value for key, value in about.items() if key != "digest"}
        about["digest"] = digest_of(canonical(about), arrays)
    np.savez(path, about=np.array(json.dumps(about)), **arrays)


def refuses(path, reason):
    with pytest.raises(fastnn.DamagedFile, match=reason) as caught:
        fastnn.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.path == path


def archive_of(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def test_foreign_files_are_refused(path, tmp_path):
    for content, reason in (
        (b"", "foreign"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "foreign"),
        (b"some text\n", "foreign"),
        (b"PK", "archive is damaged"),
        (b"PK\x05\x06" + bytes(18), "foreign"),
        (archive_of(x=np.ones(3)), "foreign"),
        (archive_of(about=np.array("hello")), "foreign"),
        (archive_of(about=np.array("[1]")), "foreign"),
        (archive_of(about=np.array("[" * 10**5)), "foreign"),
        (archive_of(about=np.array("null")), "foreign"),
        (archive_of(about=np.ones(3)), "foreign"),
        (archive_of(about=np.array('{"format": "fastnn", "version": NaN}')), "foreign"),
        (archive_of(about=np.array({"a": 1}, dtype=object)), "damaged"),
    ):
        path.write_bytes(content)
        refuses(path, reason)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")
    refuses(path, "foreign")
    refuses(tmp_path, "got a folder; fastnn.open_run")
    with pytest.raises(FileNotFoundError, match="nothing"):
        fastnn.load(tmp_path / "nothing")
    with pytest.raises(TypeError, match="path: expected"):
        fastnn.load(5)


def test_no_file_is_unpickled(path):
    many().save(path)
    about, arrays = content_of(path)
    forge(path, about, arrays | {"loss": np.array([print, 1], dtype=object)}, seal=False)
    refuses(path, "archive is damaged")


def test_archives_that_unpack_to_more_are_refused(path):
    many().save(path)
    about, arrays = content_of(path)
    np.savez_compressed(path, about=np.array(json.dumps(about)), **arrays)
    refuses(path, "compressed")


def test_other_versions_are_refused(path, monkeypatch):
    many().save(path)
    monkeypatch.setattr("fastnn.storage.npz.NUMERICS_VERSION", 99)
    refuses(path, "expected results of numerics version 99, got")
    monkeypatch.undo()
    about, arrays = content_of(path)
    for version in (2, None, "1", [], {}):
        forge(path, about | {"version": version}, arrays)
        refuses(path, "expected version 1 of the format, got")
    for kind in ("forest", None, [], {}, 5):
        forge(path, about | {"kind": kind}, arrays)
        refuses(path, "expected a known kind of results, got")
    NET.save(path)
    monkeypatch.setattr("fastnn.storage.npz.NUMERICS_VERSION", 99)
    assert fastnn.load(path) == NET  # no bit of it depends on the numerics


def test_forged_content_is_refused(path):
    many(keep=fastnn.Best(3)).save(path)
    about, arrays = content_of(path)
    forge(path, about, arrays)
    assert len(fastnn.load(path)) == 3
    for name, array in arrays.items():
        less = {key: value for key, value in arrays.items() if key != name}
        changed = [array[None], array.astype(np.complex64 if array.dtype.kind in "iuf" else "S")]
        if name.startswith("job."):
            changed = changed[:0]
        if name not in ("epochs", "loss", "parameters"):
            forge(path, about, less)
            refuses(path, "does not describe a result of fastnn")
        for other in changed:
            forge(path, about, arrays | {name: other})
            refuses(path, "does not describe a result of fastnn")
    for name, value in (
        ("restart", [0, 1, N]), ("restart", [-1, 0, 1]), ("status", np.int8([0, 1, 99])),
        ("status", np.int8([-1, 0, 0])),
    ):  # fmt: skip
        forge(path, about, arrays | {name: np.array(value)})
        refuses(path, f"{name}: expected")
    for value in (0, -1, 10**13, 1.5, None, "a", []):
        forge(path, about | {"restarts": value}, arrays)
        refuses(path, "does not describe a result of fastnn")
    for value in (None, [], {}, 5, "a", about["job"] | {"seed": -1}, about["job"] | {"more": 1}):
        forge(path, about | {"job": value}, arrays)
        refuses(path, "does not describe a result of fastnn")


def test_a_failed_write_leaves_the_older_file(path, monkeypatch):
    NET.save(path)
    before = path.read_bytes()

    def fail(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fastnn.storage.npz.np.savez", fail)
    with pytest.raises(OSError, match=r"cannot write .*saved\.npz: No space left"):
        many().save(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with pytest.raises(OSError, match="cannot write"):
        NET.save(path.parent / "none" / "saved.npz")
    with pytest.raises(ValueError, match="path: expected a file or a new name, got a folder"):
        NET.save(path.parent)
    with pytest.raises(TypeError, match="path: expected"):
        NET.save(5)


@pytest.mark.parametrize("kind", ["network", "run", "runs", "statistics"])
def test_random_corruptions(kind, path):
    thing = {
        "network": lambda: NET, "run": one, "runs": lambda: many(keep=fastnn.Best(3)),
        "statistics": lambda: many(keep="statistics"),
    }[kind]()  # fmt: skip
    thing.save(path)
    content = path.read_bytes()
    rng = np.random.default_rng(len(kind))
    refused = 0
    for _ in range(150):
        damaged = bytearray(content)
        place = int(rng.integers(len(content)))
        size = int(rng.integers(1, 100))
        match int(rng.integers(5)):
            case 0:
                damaged[place] ^= 1 << int(rng.integers(8))
            case 1:
                del damaged[place:]
            case 2:
                damaged[place:place] = rng.bytes(size)
            case 3:
                damaged[place : place + size] = bytes(len(damaged[place : place + size]))
            case 4:
                del damaged[place : place + size]
        path.write_bytes(damaged)
        try:
            loaded = fastnn.load(path)
        except fastnn.DamagedFile:
            refused += 1
            continue
        if kind == "run":
            assert_same_run(loaded, thing)
        elif kind == "runs":
            assert_same_runs(loaded, thing)
        else:
            assert loaded == thing
    assert refused > 75


def test_only_results_are_saved(path):
    for thing in (5, None, np.ones(3)):
        with pytest.raises(TypeError, match="expected a Network, Model, Models, Run, Runs or"):
            save(thing, path)


def test_one_of_a_grid_where_some_have_no_momentum(path):
    runs = many(None, grid=GRID)
    for k in range(len(runs)):
        run = runs.restart(k)
        assert_same_run(again(run, path), run)
        best = runs[[k]].best
        assert_same_run(again(best, path), best)
        assert_same(best.state, run.state)
