"""Corrupted results and files: run by `test_fuzz` in its own process.

Each call must end in a correct result, or in a documented exception.
"""

import copy
import dataclasses
import faulthandler
import pickle
import random
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from tampering import (
    content_of,
    forge,
    forge_shard,
    laid_otherwise,
    numbers_of_no_run,
    of_other_kinds,
    tampered_copy,
)

import fastnn
from fastnn.results.runs import Runs

DOCUMENTED = (ValueError, TypeError)
X, Y = fastnn.datasets.xor()
NET = fastnn.Network([2, 2, 1])
OTHERS = [NET, fastnn.Network([2, 2, 1], bias=False), fastnn.Network([2, 40, 1]), None, "x"]
EPOCHS = 6
JOBS = [
    {"optimizer": fastnn.Adam(0.1), "stop": fastnn.NoProgress(4)},
    {"optimizer": fastnn.GradientDescent(0.7)},
    {"optimizer": fastnn.LevenbergMarquardt(), "target_sse": 0.04},
]
JUNK = [None, -1, 0, 1, 2.5, np.nan, "x", 10**14, 2**63, -(2**63), [], object(), True]


class Originals:
    """Intact results of one job."""

    def __init__(self, number, place):
        self.options = JOBS[number]
        self.run = self.train(restart=3)
        begun = self.many()
        again = fastnn.train_many(NET, X, Y, continue_from=begun, epochs=2, **self.options)
        self.runs = [begun, again]
        self.path = place / f"{number}.npz"
        self.folder = place / f"{number}"
        self.many(out=self.folder, chunk=4)

    def train(self, **options):
        return fastnn.train(NET, X, Y, epochs=EPOCHS, **self.options, **options)

    def many(self, **options):
        options = {"restarts": 8, "keep": "all", **options}
        return fastnn.train_many(NET, X, Y, epochs=EPOCHS, **self.options, **options)


class Fuzz:
    """Random calls with a fixed seed, and the files that they need."""

    def __init__(self, seed, place):
        self.random = random.Random(seed)
        self.place = place
        self.remembers = True
        """Whether what the optimizer remembers is as it was."""
        self.jobs = [Originals(number, place) for number in range(len(JOBS))]

    def pick(self, items):
        return self.random.choice(list(items))

    def array(self, array, name=""):
        """A replacement for an array, and whether its numbers are the same."""
        way = self.random.random()
        self.remembers = name != "state" or way < 0.3
        if way < 0.3 and array.size:
            return self.pick(laid_otherwise(array).values()), True
        if way < 0.7:
            return self.pick(of_other_kinds(array).values()), False
        other = np.array(array)
        if other.dtype.kind in "iu" and other.size:
            other.flat[self.random.randrange(other.size)] = self.pick(
                [*numbers_of_no_run(other.dtype), 1, 2, 3]
            )
        elif other.size:
            other.flat[self.random.randrange(other.size)] = self.pick([np.nan, np.inf, 0.0, 1e300])
        return other, False

    # -- each makes one call, and checks its result --------------------------------------------

    def run_replaced(self, job):
        """Continue a run with a replaced field, or a copy that bypassed checks, and predict."""
        run, same = job.run, False
        name = self.pick(field.name for field in dataclasses.fields(run))
        value = getattr(run, name)
        if isinstance(value, np.ndarray):
            value, same = self.array(value, name)
        elif name == "network":
            value = self.pick(OTHERS)
        elif name == "job":
            value = self.harmed_job(run.job)
        elif name == "status":
            value = self.pick([*fastnn.Status, *JUNK])
        else:
            value = self.pick(JUNK)
        way = self.random.random()
        if way < 0.6:
            other = dataclasses.replace(run, **{name: value})
        else:
            other = tampered_copy(run, **{name: value})
            other = pickle.loads(pickle.dumps(other)) if way < 0.8 else copy.copy(other)
        self.use_run(job, other, same)

    def use_run(self, job, other, same):
        epochs = self.pick([0, 0, 3])
        if self.random.random() < 0.3:
            outputs = other.predict(X)
            if same:
                np.testing.assert_array_equal(outputs, job.run.predict(X))
            assert outputs.shape == (4, 1)
            return
        if self.random.random() < 0.2:
            other.save(self.place / "saved.npz")
            other = fastnn.load(self.place / "saved.npz")
        more = fastnn.train(NET, X, Y, continue_from=other, epochs=epochs, **job.options)
        self.check_goes_on(more.parameters, other.parameters, epochs)
        assert more.epochs - other.epochs <= epochs
        if same:
            right = fastnn.train(NET, X, Y, continue_from=job.run, epochs=epochs, **job.options)
            assert_same(more.parameters, right.parameters)

    def check_goes_on(self, more, before, epochs):
        """Check that training that continues for no epochs changes nothing."""
        assert more.shape == before.shape
        if epochs == 0 and self.remembers and np.isfinite(before).all():
            assert_same(more, before)

    def harmed_job(self, job):
        """A job with a replaced field, or of another run."""
        if self.random.random() < 0.3:
            return self.pick([self.pick(self.jobs).run.job, self.pick(self.jobs).runs[1].job, "x"])
        name = self.pick(["X", "y", "hyper", "start_state", "start_epochs", "epochs", "restarts",
                          "first", "seed", "batch_size", "net", "optimizer", "weighting",
                          "rules"])  # fmt: skip
        value = getattr(job, name)
        if isinstance(value, np.ndarray):
            value = self.array(value)[0]
        else:
            value = self.pick([*JUNK, *OTHERS, fastnn.Adam(), fastnn.RPROP(), np.ones((1, 4))])
        return dataclasses.replace(job, **{name: value})

    def runs_assigned(self, job):
        """Continue, retrain and predict runs with a replaced column, with or without checks."""
        original = self.pick(job.runs)
        names = [*original.columns, "indices"]
        name, columns = self.pick(names), {"indices": original.indices, **original.columns}
        value, same = self.array(columns[name], name)
        way = self.random.random()
        runs = copy.copy(original)
        if way < 0.4:
            setattr(runs, name, value)
        elif way < 0.6:
            runs = Runs(original.job, **columns | {name: value})
        elif way < 0.8:
            inside = original.columns | ({name: value} if name != "indices" else {})
            runs = tampered_copy(original, _columns=inside)
            if name == "indices":
                runs = tampered_copy(original, indices=value)
            runs = pickle.loads(pickle.dumps(runs))
        else:
            rows = self.pick([slice(None, None, -1), slice(2, 5), [3], [0, 7, 3], slice(4, 4)])
            runs, same = original[rows], False
        self.use_runs(job, original, runs, same)

    def use_runs(self, job, original, runs, same, same_job=True):
        way = self.random.random()
        if way < 0.3:
            k = self.random.randrange(8)
            run = runs.restart(k)
            row = int(np.flatnonzero(original.indices == k)[0])
            if same_job:
                assert_same(run.parameters, original.parameters[row])
            assert len(run.history) == run.epochs - int(run.job.epochs_before(k)) + 1
        elif way < 0.6:
            which = self.pick(["best", "all", [0, 7], np.array([3])])
            outputs = runs.predict(X, which)
            assert outputs.shape[-2:] == (4, 1)
            if same:
                assert_same(outputs, original.predict(X, which))
        elif way < 0.65:
            str(runs.summary())
            assert runs.sse.shape == runs.status.shape
        else:
            epochs = self.pick([0, 0, 2])
            more = fastnn.train_many(
                NET, X, Y, continue_from=runs, epochs=epochs, progress=False, **job.options
            )
            self.check_goes_on(more.parameters, runs.parameters, epochs)
            if same:
                right = fastnn.train_many(
                    NET, X, Y, continue_from=original, epochs=epochs, progress=False, **job.options
                )
                assert_same(more.parameters, right.parameters)

    def file_forged(self, job):
        """Load a file with a correct digest, and nonsense inside."""
        thing = self.pick([job.run, *job.runs])
        thing.save(job.path)
        about, arrays = content_of(job.path)
        same, same_job = False, False
        if self.random.random() < 0.75:
            name = self.pick(arrays)
            arrays[name], same = self.array(arrays[name], name)
            same_job = not name.startswith("job.")  # else it is a whole file of another job
        elif self.random.random() < 0.5:
            name = self.pick(about)
            about[name] = self.pick([None, -1, 0, 2.5, "x", 10**14, 2**63, [], {}, True])
        else:
            name = self.pick(about["job"])
            about["job"][name] = self.pick([None, -1, 0, 2.5, "x", 10**14, 2**63, [], {}, True])
        if any(np.asarray(array).dtype.hasobject for array in arrays.values()):
            raise ValueError("files hold no objects")
        forge(job.path, about, arrays)
        loaded = fastnn.load(job.path)
        if isinstance(loaded, fastnn.Run):
            self.use_run(job, loaded, same and thing is job.run)
        elif isinstance(loaded, Runs):
            self.use_runs(job, thing, loaded, same, same_job)

    def folder_forged(self, job):
        """Read and continue a folder with correct digests, and nonsense in a shard."""
        folder = self.place / "forged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(job.folder, folder)
        shard = self.pick(sorted((folder / "shards").iterdir()))
        name = self.pick(["loss", "epochs", "status", "parameters", "state"])
        column, same = self.array(np.load(shard / f"{name}.npy"), name)
        forge_shard(shard, name, np.asarray(column))
        if self.random.random() < 0.4:
            stored = job.many(out=folder, resume=True, restarts=self.pick([8, 12]))
            assert stored.complete
        stored = fastnn.open_run(folder)
        way = self.random.random()
        if way < 0.3:
            run = stored.restart(5)
            assert_same(run.parameters, job.runs[0].parameters[5])
        elif way < 0.5:
            assert np.asarray(getattr(stored, self.pick(["loss", "epochs", "status"]))).ndim == 1
        elif way < 0.6:
            assert stored.predict(X, [3, 1]).shape == (2, 4, 1)
        else:
            runs = stored.load()
            self.use_runs(job, job.runs[0], runs[:8], same)

    def file_damaged(self, job):
        """Load a file with some bytes changed or missing."""
        self.pick([job.run, *job.runs]).save(job.path)
        content = bytearray(job.path.read_bytes())
        if self.random.random() < 0.3:
            del content[self.random.randrange(len(content)) :]
        else:
            for _ in range(self.random.randrange(1, 4)):
                content[self.random.randrange(len(content))] = self.random.randrange(256)
        job.path.write_bytes(content)
        fastnn.load(job.path)

    def call(self):
        """Make one call; returns whether it was refused."""
        job, self.remembers = self.pick(self.jobs), True
        ways = [self.run_replaced] * 5 + [self.runs_assigned] * 6 + [self.file_forged] * 5
        way = self.pick([*ways, self.folder_forged, self.folder_forged, self.file_damaged])
        try:
            way(job)
        except DOCUMENTED as error:
            if not str(error):
                raise
            return True
        return False


def assert_same(one, other):
    """Assert that two arrays have the same numbers."""
    np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def main(examples, seed):
    """Make a number of calls; prints how many were refused."""
    faulthandler.enable()
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as place:
        fuzz, refused = Fuzz(seed, Path(place)), 0
        for number in range(examples):
            state = fuzz.random.getstate()
            try:
                refused += fuzz.call()
            except BaseException:
                print(f"call {number} of seed {seed} failed; its random state: {hash(state)}")
                raise
    print(f"{examples} calls, {refused} of them refused")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
