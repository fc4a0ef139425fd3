"""Statuses compare with their names and numbers, and with nothing else in silence."""

import operator
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastnn
from fastnn import Status
from fastnn.spec.status import StatusCodes

NAMES = list(Status.__members__)
WRONG = ["converged", "Converged", "done", "", "2"]


@pytest.fixture(scope="module")
def runs():
    """Restarts of which some have converged."""
    return fastnn.train_many(
        fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), restarts=40, epochs=200,
        target_sse=0.04, optimizer=fastnn.LevenbergMarquardt(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def stored(runs, tmp_path_factory):
    """The same restarts in a folder."""
    options = {"restarts": 40, "epochs": 200, "target_sse": 0.04, "chunk": 15}
    return fastnn.train_many(
        runs.network, *fastnn.datasets.xor(), optimizer=fastnn.LevenbergMarquardt(),
        out=tmp_path_factory.mktemp("status") / "run", **options,
    )  # fmt: skip


@pytest.mark.parametrize("status", Status, ids=str)
def test_a_status_is_equal_to_its_name_and_number_alone(status):
    for other in Status:
        for same in (other, int(other), np.int8(other), other.name):
            assert (status == same) == (status is other)
            assert (same == status) == (status is other)
            assert (status != same) == (status is not other)
    assert status in (status.name, "CONVERGED")
    assert status not in (None, 2.5)
    assert hash(status) == hash(int(status))
    assert pickle.loads(pickle.dumps(status)) is status


@pytest.mark.parametrize("text", WRONG)
@pytest.mark.parametrize("compare", [operator.eq, operator.ne])
def test_a_text_that_is_no_status_raises(text, compare, runs, stored):
    for left in (runs.best.status, runs.status, runs.status[0], stored.status):
        for sides in ((left, text), (text, left)):
            with pytest.raises(ValueError, match=r"^status: expected one of NOT_RUN, "):
                compare(*sides)


@given(st.lists(st.sampled_from(Status), max_size=20), st.sampled_from(Status))
def test_codes_compare_with_names_as_with_numbers(found, wanted):
    codes = np.array(found, dtype=np.int8).view(StatusCodes)
    plain = codes.view(np.ndarray)
    for same in (wanted, int(wanted), wanted.name, [wanted.name] * len(found)):
        for compare in (operator.eq, operator.ne):
            result = compare(codes, same)
            assert type(result) is np.ndarray
            np.testing.assert_array_equal(result, compare(plain, int(wanted)))
    assert [*codes] == found
    assert Counter(codes) == Counter(found)


def test_restarts_are_selected_by_name(runs, stored):
    converged = np.asarray(runs.status) == Status.CONVERGED
    assert 0 < converged.sum() < len(runs)
    for each in (runs, stored):
        assert (np.asarray(each.status == "CONVERGED") == converged).all()
        assert set(each[each.status == "CONVERGED"].status) == {Status.CONVERGED}
        assert str(each.status[0]) in NAMES
        assert set(each.status) == set(map(Status, np.unique(np.asarray(each.status)).tolist()))
    assert (runs.to_frame().status == "CONVERGED").to_numpy().tolist() == converged.tolist()
    assert type(pickle.loads(pickle.dumps(runs.status))) is StatusCodes
    assert not runs.status.flags.writeable


def test_plain_numbers_come_of_calculations(runs):
    for result in (runs.status + 1, runs.status > 1, abs(runs.status)):
        assert type(result) is np.ndarray
    assert runs.status.mean() == np.asarray(runs.status).mean()


@pytest.mark.parametrize("compare", [operator.eq, operator.ne])
def test_a_status_compares_with_arrays_on_either_side(compare, runs):
    plain = np.asarray(runs.status)
    expected = compare(plain, int(Status.CONVERGED))
    for codes in (runs.status, plain):
        np.testing.assert_array_equal(compare(Status.CONVERGED, codes), expected)
        np.testing.assert_array_equal(compare(codes, Status.CONVERGED), expected)
