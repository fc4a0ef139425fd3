"""Statistics from columns and from files: only consistent ones are accepted."""

import numpy as np
import pytest
from statistics_examples import FIRST, job_of, rows_of, statistics_of

from fastnn.results.statistics import Statistics
from fastnn.spec.status import Status


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": np.zeros(3)}, r"loss: expected shape \(2,\) and dtype float64"),
        ({"loss": np.zeros(2, np.float32)}, "loss: expected shape"),
        ({"epochs": np.zeros(2)}, "epochs: expected shape"),
        ({"epochs": np.array([0, -1])}, "epochs: expected numbers from 0"),
        ({"epochs": np.array([0, 10**15 + 1])}, "epochs: expected numbers from 0"),
        ({"status": np.array([1, len(Status)])}, "status: expected"),
        ({"status": np.array([1, -1])}, "status: expected"),
        ({"status": np.array([1.0, 2.0])}, "status: expected"),
        ({"parameters": np.zeros((2, 8))}, "parameters: expected shape"),
        ({"first": FIRST - 1}, "first: expected an integer"),
        ({"first": FIRST + 9}, "first: expected an integer"),
    ],
)
def test_wrong_columns_are_refused(change, message):
    columns = {"loss": np.zeros(2), "epochs": np.zeros(2, np.int64), "status": np.ones(2, np.int8),
               "parameters": np.zeros((2, 9)), "first": FIRST}  # fmt: skip
    with pytest.raises(ValueError, match=message):
        Statistics.of(job_of(restarts=10), **{**columns, **change})


@pytest.mark.parametrize("q", [-0.1, 1.1, np.nan, "half", None, True])
def test_wrong_shares_are_refused(q):
    with pytest.raises((TypeError, ValueError), match="q: expected a number from 0 to 1"):
        Statistics.empty(job_of()).loss_quantile(q)


@pytest.mark.parametrize("size", [0, 1, 400])
def test_files_give_back_the_same(size, tmp_path):
    job = job_of()
    statistics = statistics_of(job, rows_of(job, size, 2))
    np.savez_compressed(tmp_path / "file.npz", **statistics.to_arrays())
    with np.load(tmp_path / "file.npz", allow_pickle=False) as arrays:
        back = Statistics.from_arrays(job, arrays)
    assert back == statistics
    assert (back + statistics).restarts == 2 * statistics.restarts


def changed(name, place, value):
    def change(arrays):
        arrays[name][place] = value

    return change


def replaced(name, value):
    def change(arrays):
        arrays[name] = np.asarray(value(arrays[name]))

    return change


DAMAGE = [
    ("epochs_places: expected numbers of bins", changed("epochs_places", -1, 10**9)),
    ("epochs_places: expected numbers of bins", changed("epochs_places", 0, 5)),
    ("epochs_places: expected numbers of bins", replaced("epochs_places", lambda a: a[::-1])),
    ("epochs_counts: expected positive", changed("epochs_counts", 0, 0)),
    ("epochs_counts: expected positive", changed("epochs_counts", 0, 2**62)),
    ("epochs_counts: expected shape", replaced("epochs_counts", lambda a: a[1:])),
    ("epochs_sums: expected integers", changed("epochs_sums", 1, "-3")),
    ("epochs_sums: expected integers", changed("epochs_sums", 1, "1_0")),
    ("epochs_sums, epochs_least", changed("epochs_sums", 1, "3")),
    ("epochs_sums: expected shape", replaced("epochs_sums", lambda a: np.arange(7))),
    ("epochs_sums: expected shape", replaced("epochs_sums", lambda a: a[:-1])),
    ("epochs_sums, epochs_least", changed("epochs_least", 1, -1)),
    ("epochs_sums, epochs_least", changed("epochs_least", 0, 1)),
    ("epochs_sums, epochs_least", changed("epochs_most", 2, 2**62)),
    ("epochs_most: expected shape", replaced("epochs_most", lambda a: a.astype(np.int32))),
    ("loss_places: expected numbers", changed("loss_places", 0, -1)),
    ("loss_counts: expected positive", changed("loss_counts", 0, -1)),
    ("loss_counts: expected at most", changed("loss_counts", 0, 9000)),
    ("loss_sum: expected integers", replaced("loss_sum", lambda a: "g")),
    ("loss_sum: expected integers", replaced("loss_sum", lambda a: "f" * 601)),
    ("loss_sum, loss_range", replaced("loss_sum", lambda a: "f" * 600)),
    ("loss_sum, loss_range", replaced("loss_sum", lambda a: "-" + str(a))),
    ("loss_sum: expected shape", replaced("loss_sum", lambda a: [str(a)])),
    ("loss_sum, loss_range", changed("loss_range", 0, np.nan)),
    ("loss_sum, loss_range", changed("loss_range", 1, np.inf)),
    ("loss_sum, loss_range", changed("loss_range", 1, 0.0)),
    ("loss_sum, loss_range", replaced("best", lambda a: FIRST - 1)),
    ("best: expected shape", replaced("best", lambda a: 3.0)),
    ("minima_keys: expected shape", replaced("minima_keys", lambda a: a[:, np.newaxis])),
    ("minima: expected keys", changed("minima_keys", 0, 1001)),
    ("minima: expected keys", changed("minima_keys", -1, 10**6)),
    ("minima: expected keys in order", replaced("minima_keys", lambda a: a[::-1])),
    ("minima: expected counts", changed("minima_counts", 0, 0)),
    ("minima: expected counts", changed("minima_counts", 0, 2**62)),
    ("minima: expected firsts", changed("minima_firsts", 0, 10**9)),
    ("minima: expected form_counts", changed("forms_counts", (0, 0), -1)),
    ("minima: expected form_counts", changed("forms_counts", (-1, 0), 9)),
    ("minima: expected form_counts in order", changed("forms_counts", (-1, 0), 0)),
    ("minima: expected fingerprints", changed("forms_fingerprints", (0, 0), 2**64 - 1)),
    ("minima: expected fingerprints of none", changed("forms_fingerprints", (-1, 7), 1)),
    ("forms_fingerprints: expected shape",
     replaced("forms_fingerprints", lambda a: a.astype(np.int64))),
    ("minima: expected form_firsts", changed("forms_firsts", (0, 0), 10**9)),
    ("minima: expected form_firsts", changed("forms_firsts", (0, 0), 0)),
    ("minima: expected form_firsts", changed("forms_firsts", (-1, 7), 1)),
]  # fmt: skip


def example(job):
    """Arrays with many forms of the first loss, and one of the last."""
    loss, epochs, status, parameters = rows_of(job, 400, 2)
    parameters[loss > 1e300] = 0
    return statistics_of(job, (loss, epochs, status, parameters)).to_arrays()


@pytest.mark.parametrize(("message", "change"), DAMAGE)
def test_damaged_arrays_are_refused(message, change):
    job = job_of(restarts=10**4)
    arrays = example(job)
    assert arrays["forms_counts"][0].all()
    assert np.count_nonzero(arrays["forms_counts"][-1]) == 1
    change(arrays)
    with pytest.raises(ValueError, match=message):
        Statistics.from_arrays(job, arrays)


def test_more_minima_than_losses_are_refused():
    job = job_of(restarts=10**4)
    arrays = example(job)
    whole = arrays["forms_counts"][:, -1] > 0
    arrays["minima_counts"][whole] += 1000
    with pytest.raises(ValueError, match="minima_counts: expected counts"):
        Statistics.from_arrays(job, arrays)


@pytest.mark.parametrize("name", sorted(Statistics.empty(job_of()).to_arrays()))
def test_missing_arrays_and_other_kinds_are_refused(name):
    job = job_of()
    arrays = example(job)
    for value in (np.array(None), np.zeros(3, dtype=complex), np.zeros((2, 2, 2))):
        with pytest.raises(ValueError, match="statistics: "):
            Statistics.from_arrays(job, {**arrays, name: value})
    del arrays[name]
    with pytest.raises(ValueError, match=f"expected an array {name}, got none"):
        Statistics.from_arrays(job, arrays)
