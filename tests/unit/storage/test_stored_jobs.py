"""Jobs in files: grids and parts of sweeps, records in other forms, lost manifests."""

import json
import os

import numpy as np
import pytest
from conftest import bits

import fastnn
from fastnn import DamagedFile, Grid
from fastnn.job.build import make_job
from fastnn.job.record import job_digest, job_of, job_record
from fastnn.support.atomic_files import RECORD_BYTES

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()


def many(**options):
    return fastnn.train_many(NET, X, Y, **{"epochs": 5, "keep": "all", **options})


def test_a_grid_of_two_bounds_whose_axes_differ_in_length(tmp_path):
    grid = Grid(c1=[0.1, 0.2, 0.3], c2=[0.5, 0.6, 0.7, 0.8])
    runs = many(grid=grid, optimizer=fastnn.LBFGS())
    runs.save(tmp_path / "x.npz")
    again = many(grid=grid, optimizer=fastnn.LBFGS(), out=tmp_path / "run")
    for found in (fastnn.load(tmp_path / "x.npz"), fastnn.open_run(again.path).load()):
        np.testing.assert_array_equal(bits(found.parameters), bits(runs.parameters))
        assert found.grid.shape == (3, 4)
        np.testing.assert_array_equal(found.restart(7).parameters, runs.parameters[7])


@pytest.mark.parametrize(
    "options",
    [
        {"restarts": 6, "optimizer": fastnn.Adam(np.linspace(0.1, 1, 6))},
        {"grid": Grid(learning_rate=[0.1, 0.2, 0.3], momentum=[0.1, 0.9])},
        {"grid": Grid(learning_rate_0=[0.1, 0.2, 0.3], learning_rate_1=[0.1, 0.9])},
    ],
)
def test_a_part_of_a_sweep_goes_on(options):
    whole, begun = many(**options, epochs=12), many(**options)
    rest = many(continue_from=begun[2:5], epochs=7)
    np.testing.assert_array_equal(bits(rest.parameters), bits(whole.parameters[2:5]))
    np.testing.assert_array_equal(rest.indices, [2, 3, 4])


def test_records_that_leave_something_out_or_say_more():
    rates = fastnn.PerLayer(np.linspace(0.1, 1, 5), 0.2)
    job = make_job(NET, X, Y, restarts=5, optimizer=fastnn.GradientDescent(rates))
    record, arrays = job_record(job)
    record = json.loads(json.dumps(record))
    assert job_digest(*job_record(job_of(record, arrays, 5))) == job_digest(record, arrays)
    for name in record:
        with pytest.raises(ValueError, match=r"."):
            job_of({key: part for key, part in record.items() if key != name}, arrays, 5)
    for name in record["optimizer"]:
        part = {key: value for key, value in record["optimizer"].items() if key != name}
        with pytest.raises(ValueError, match=r"."):
            job_of(record | {"optimizer": part}, arrays, 5)
    layers = record["optimizer"]["learning_rate"] | {"more": 1}
    for change in (
        {"more": 1},
        {"loss": "mse"},
        {"optimizer": record["optimizer"] | {"learning_rate": layers}},
        {"epochs": True},
        {"stop": None},
    ):
        with pytest.raises(ValueError, match=r"."):
            job_of(record | change, arrays, 5)
    with pytest.raises(ValueError, match=r"got another form"):
        job_of(record, arrays | {"more": np.zeros(3)}, 5)
    with pytest.raises(ValueError, match=r"got another form"):
        job_of(record, arrays | {"X": X.astype(bool)}, 5)


def test_arrays_of_another_layout_have_the_same_numbers(tmp_path):
    runs = many(restarts=6, optimizer=fastnn.Adam())
    more = many(continue_from=runs, restarts=6)
    more.save(tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as archive:
        arrays = {name: np.asfortranarray(array) for name, array in archive.items()}
    np.savez(tmp_path / "x.npz", **arrays | {"about": arrays["about"].reshape(())})
    loaded = fastnn.load(tmp_path / "x.npz")
    assert loaded.parameters.flags.c_contiguous
    assert loaded.job.start_state.flags.c_contiguous
    np.testing.assert_array_equal(loaded.restart(3).parameters, more.parameters[3])
    expected = many(continue_from=more, restarts=6).parameters
    rest = many(continue_from=loaded, restarts=6).parameters
    np.testing.assert_array_equal(bits(rest), bits(expected))


@pytest.mark.parametrize("resume", [False, True])
def test_shards_whose_manifest_is_lost_are_not_written_over(resume, tmp_path):
    many(restarts=6, chunk=3, out=tmp_path / "run")
    manifest = (tmp_path / "run" / "manifest.json").read_bytes()
    (tmp_path / "run" / "manifest.json").unlink()
    before = sorted(os.listdir(tmp_path / "run" / "shards"))
    for seed in (0, 1):
        with pytest.raises(ValueError, match=r"expected a new or an empty folder"):
            many(restarts=6, seed=seed, out=tmp_path / "run", resume=resume)
    assert sorted(os.listdir(tmp_path / "run" / "shards")) == before
    (tmp_path / "run" / "manifest.json").write_bytes(manifest)
    assert fastnn.open_run(tmp_path / "run").complete


def test_texts_that_are_too_long_to_be_read(tmp_path):
    many(restarts=3, out=tmp_path / "run")
    (shard,) = (tmp_path / "run" / "shards").iterdir()
    for path in (shard / "shard.json", tmp_path / "run" / "manifest.json"):
        os.truncate(path, RECORD_BYTES + 1)
        with pytest.raises(DamagedFile, match=rf"{path.name}: expected a text of at most"):
            fastnn.open_run(tmp_path / "run")
