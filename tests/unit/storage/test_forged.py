"""Files with correct digests and wrong content: checked against the job before they are read."""

import io
import json
import os
import tracemalloc
import zipfile

import numpy as np
import pytest
from conftest import assert_same_bits
from directory_examples import NET, many
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import (
    array_shapes,
    boolean_dtypes,
    floating_dtypes,
    integer_dtypes,
    unicode_string_dtypes,
)
from hypothesis.extra.numpy import arrays as arrays_of

import fastnn
from fastnn.results.statistics_arrays import most_bytes
from fastnn.storage.shards import FOLDER, STATISTICS
from fastnn.support import archives
from fastnn.support.atomic_files import canonical, digest_of, file_entry, write_new, write_record

pytestmark = pytest.mark.thorough

KEEPS = {"all": "all", "statistics": "statistics", "best": fastnn.Best(3)}


def stored_at(folder, keep="all"):
    return many(restarts=40, chunk=20, out=folder, keep=keep)


def shard_of(folder):
    return sorted((folder / FOLDER).iterdir())[0]


def seal(shard):
    """Let a shard's record tell of the files that are there."""
    path = shard / "shard.json"
    record = json.loads(path.read_text())
    record.pop("digest")
    record["files"] = {name: file_entry(shard / name) for name in record["files"]}
    write_record(record, lambda content: write_new(path, content))


def read_all(folder):
    stored = fastnn.open_run(folder)
    return stored.load() if stored.keep.columns else None, stored.statistics


def refused_and_trained_again(folder, keep, match, expected):
    with pytest.raises(fastnn.DamagedFile, match=match) as caught:
        read_all(folder)
    assert str(caught.value.path).startswith(str(folder))
    stored = many(restarts=40, out=folder, resume=True, keep=keep)
    assert stored.complete
    runs, statistics = read_all(folder)
    assert statistics == expected[1]
    if runs is not None:
        assert_same_bits(runs, expected[0])


COLUMNS = {
    "another dtype": lambda array: array.astype(np.float32),
    "another order of bytes": lambda array: array.astype(array.dtype.newbyteorder()),
    "fewer rows": lambda array: array[:-1],
    "no rows": lambda array: array[:0],
    "more rows": lambda array: np.concatenate([array, array]),
    "more columns": lambda array: np.stack([array, array], axis=-1),
    "a number": lambda array: np.float64(1),
}


@pytest.mark.parametrize("change", COLUMNS)
@pytest.mark.parametrize("keep", ["all", "best"])
def test_columns_are_those_of_the_manifest(folder, keep, change):
    stored_at(folder, KEEPS[keep])
    expected, shard = read_all(folder), shard_of(folder)
    path = shard / "loss.npy"
    np.save(path, COLUMNS[change](np.load(path)))
    seal(shard)
    refused_and_trained_again(folder, KEEPS[keep], "loss.npy: expected float64", expected)


def test_fewer_of_the_best_are_not_all_of_them(folder):
    keep = KEEPS["best"]
    stored_at(folder, keep)
    expected, shard = read_all(folder), shard_of(folder)
    for path in shard.glob("*.npy"):
        np.save(path, np.load(path)[:1])
    seal(shard)
    refused_and_trained_again(folder, keep, r"expected .* of shape \(3", expected)


@pytest.mark.parametrize("extra", [b"\0", bytes(10**6)])
def test_a_column_is_all_that_its_file_has(folder, extra):
    stored_at(folder)
    expected, shard = read_all(folder), shard_of(folder)
    with open(shard / "loss.npy", "ab") as file:
        file.write(extra)
    seal(shard)
    refused_and_trained_again(folder, "all", "expected only the bytes of its array", expected)


def member(shape, dtype="<i8", data=b""):
    """An array as a file, of a header that may tell of more than there is."""
    file = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + data


def packed(path, members):
    """Write an archive of members, packed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def with_array(name, array):
    def change(members):
        file = io.BytesIO()
        np.save(file, array)
        return [pair for pair in members if pair[0] != name] + [(name, file.getvalue())]

    return change


BIG = 2**25
STATISTICS_CHANGES = {
    "got a name twice": lambda members: members + members[:1],
    "one name many times": lambda members: members + members[:1] * 20_000,
    "another array": with_array("more.npy", np.ones(3)),
    "no array": lambda members: [*members, ("notes.txt", b"hello")],
    "one too few": lambda members: members[1:],
    "much too large": with_array("epochs_places.npy", np.zeros(BIG, np.int64)),
    "another, much too large": with_array("more.npy", np.zeros(BIG, np.int64)),
    "a header that tells of more": lambda members: [
        ("best.npy", member((2**50,))), *(pair for pair in members if pair[0] != "best.npy"),
    ],
    "a header that tells of less": lambda members: [
        ("best.npy", member((), data=bytes(80))),
        *(pair for pair in members if pair[0] != "best.npy"),
    ],
    "no bytes each": lambda members: [
        ("epochs_sums.npy", member((2**50,), "<U0")),
        *(pair for pair in members if pair[0] != "epochs_sums.npy"),
    ],
    "no restarts": lambda members: list(
        {f"{k}.npy": v for k, v in _empty_statistics().items()}.items()
    ),
}  # fmt: skip


def _empty_statistics():
    arrays = {}
    for name, array in fastnn.Statistics.empty(many(restarts=40).job).to_arrays().items():
        file = io.BytesIO()
        np.save(file, array)
        arrays[name] = file.getvalue()
    return arrays


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("change", STATISTICS_CHANGES)
def test_statistics_are_checked_before_they_are_unpacked(folder, change):
    stored_at(folder, "statistics")
    expected, shard = read_all(folder), shard_of(folder)
    path = shard / STATISTICS
    packed(path, STATISTICS_CHANGES[change](members_of(path)))
    seal(shard)
    tracemalloc.start()
    try:
        refused_and_trained_again(folder, "statistics", "expected statistics", expected)
        assert tracemalloc.get_traced_memory()[1] < BIG
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("restarts", [1, 20, 3000])
def test_statistics_take_no_more_than_is_allowed(restarts):
    found = many(restarts=restarts, epochs=3, target_sse=None, keep="statistics")
    size = sum(array.nbytes + 1000 for array in found.to_arrays().values())
    assert size < most_bytes(restarts) < 2**25


# Of saved files.


def forged(path, extra=(), **arrays):
    """A saved network with more members, its digest that of all."""
    NET.save(path)
    with np.load(path) as archive:
        about = json.loads(str(archive["about"]))
    about.pop("digest")
    about["digest"] = digest_of(canonical(about), arrays)
    np.savez(path, about=np.array(json.dumps(about)), **arrays)
    with zipfile.ZipFile(path, "a") as archive:
        for name, content in extra:
            archive.writestr(name, content)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("extra", "arrays", "reason"), [
    ([], {"more": np.ones(3)}, "expected only the arrays of a network, got 'more'"),
    ([("x.npy", member((3,), data=bytes(24)))] * 2, {}, "got a name twice"),
    ([("x.npy", member((3,), data=bytes(24)))] * 20_000, {}, "got a name twice"),
    ([("about.npy", member((), "<U2", b"{}"))], {}, "got a name twice"),
    ([("notes.txt", b"hello")], {}, "expected arrays, got a member 'notes.txt'"),
])  # fmt: skip
def test_members_of_saved_files(tmp_path, extra, arrays, reason):
    path = tmp_path / "saved.npz"
    forged(path, extra, **arrays)
    with pytest.raises(fastnn.DamagedFile, match=reason):
        fastnn.load(path)


@pytest.mark.parametrize("content", [
    member((2**40,)), member((2**62, 2**62)), member((-1,)), member((2,), data=bytes(8)),
    member((2**50,), "<U0"), member((1,), "|O", b"cos\nsystem\n."),
])  # fmt: skip
def test_headers_of_saved_files(tmp_path, content):
    path = tmp_path / "saved.npz"
    many(restarts=2).save(path)
    members = [pair for pair in members_of(path) if pair[0] != "loss.npy"]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in [*members, ("loss.npy", content)]:
            archive.writestr(name, data)
    with pytest.raises(fastnn.DamagedFile, match=r"its archive is damaged: loss\.npy: expected"):
        fastnn.load(path)


ANY_ARRAY = arrays_of(
    st.one_of(
        integer_dtypes(endianness="?"),
        floating_dtypes(endianness="?"),
        unicode_string_dtypes(),
        boolean_dtypes(),
    ),
    array_shapes(min_dims=0, min_side=0, max_dims=4),
)


@given(array=ANY_ARRAY, packs=st.booleans(), by_columns=st.booleans())
def test_what_numpy_wrote_is_read(array, packs, by_columns):
    array = np.asarray(array, order="F" if by_columns else "C")
    file = io.BytesIO()
    (np.savez_compressed if packs else np.savez)(file, array=array)
    with zipfile.ZipFile(file) as archive:
        (found,) = archives.members_of(archive, 10**6).values()
        read = archives.read_member(archive, found)
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    assert read.tobytes() == array.tobytes()
    assert read.flags.c_contiguous
    assert read.flags.writeable


@given(array=ANY_ARRAY, place=st.integers(0), value=st.binary(min_size=1, max_size=8))
def test_damaged_arrays_are_refused_or_of_their_size(array, place, value):
    file = io.BytesIO()
    np.save(file, array)
    content = bytearray(file.getvalue())
    place %= len(content)
    content[place : place + len(value)] = value
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("array.npy", bytes(content))
    with zipfile.ZipFile(file) as archive:
        (found,) = archives.members_of(archive, 10**6).values()
        try:
            read = archives.read_member(archive, found)
        except MemoryError:
            raise
        except Exception:  # headers raise many kinds
            return
        assert read.nbytes < len(content)


def test_more_statistics_than_there_are(tmp_path):
    path = tmp_path / "saved.npz"
    found = many(restarts=20, keep="statistics")
    arrays = found.to_arrays()
    with pytest.raises(ValueError, match="statistics: expected only known arrays, got 'more'"):
        fastnn.Statistics.from_arrays(found.job, arrays | {"more": np.ones(3)})
    found.save(path)
    assert fastnn.load(path) == found


def test_pipes_are_not_loaded(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(fastnn.DamagedFile, match="expected a file, got something else"):
        fastnn.load(tmp_path / "pipe.npz")
