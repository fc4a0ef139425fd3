"""Corrupted arrays and results, for tests of trust in input."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from fastnn.support.atomic_files import (
    canonical,
    digest_of,
    file_entry,
    read_record,
    write_new,
    write_record,
)


class Own(np.ndarray):
    """A subclass of arrays."""


def misaligned(array):
    """The same numbers at an address one byte off."""
    memory = np.zeros(array.nbytes + 1, np.uint8)
    other = memory[1:].view(array.dtype).reshape(array.shape)
    other[...] = array
    return other


def laid_otherwise(array):
    """The same numbers with other memory layouts, by name."""
    if not array.ndim:
        return {"a writable copy": array.copy()}
    backwards = array[::-1].copy()[::-1]
    forms = {
        "Fortran order": np.asfortranarray(array),
        "negative strides": backwards,
        "every second": np.repeat(array, 2, axis=-1)[..., ::2],
        "other byte order": array.astype(array.dtype.newbyteorder("S")),
        "a subclass": array.copy().view(Own),
        "misaligned": misaligned(array),
        "read-only view": read_only_view(array.copy()),
        "a writable copy": array.copy(),
    }
    return {name: form for name, form in forms.items() if array.size}


def read_only_view(array):
    """A read-only view of a writable array."""
    view = array[...]
    view.flags.writeable = False
    return view


def of_other_kinds(array):
    """Objects that are not valid as such an array, by name."""
    if not array.ndim or array.dtype.kind not in "iuf":
        return {"another axis": array[np.newaxis], "a string": "x"}
    wide = np.float32 if array.dtype.itemsize == 8 else np.float64
    return {
        "fewer": array[..., :-1].copy(),
        "more": np.concatenate([array, array], axis=-1),
        "fewer rows": array[:-1].copy(),
        "another axis": array[np.newaxis],
        "empty": array[:0].copy(),
        "flat": array.reshape(-1, 1, 1),
        "another type": array.astype(wide),
        "complex": array.astype(complex),
        "objects": array.astype(object),
        "text": array.astype("S"),
        "a list": array.tolist(),
        "nothing": np.array(None),
        "masked": np.ma.masked_array(array, mask=True),
        "a number": 1.5,
        "a string": "x",
    }


def numbers_of_no_run(dtype):
    """Integers that fit, but are invalid in any column."""
    info = np.iinfo(dtype)
    wanted = (-1, -5, 99, 10**14, info.min, info.max)
    return [number for number in wanted if info.min <= number <= info.max]


def content_of(path):
    """The text and the arrays of a saved file."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    about = json.loads(str(arrays.pop("about")[()]))
    del about["digest"]
    return about, arrays


def forge(path, about, arrays):
    """Write a file with the correct digest, whatever its content."""
    plain = {name: np.asarray(array) for name, array in arrays.items()}
    text = np.array(json.dumps(about | {"digest": digest_of(canonical(about), plain)}))
    np.savez(path, about=text, **plain)


def forge_shard(shard, name, array):
    """Put an array into a shard of a run directory, with the correct digests."""
    shard = Path(shard)
    np.save(shard / f"{name}.npy", array, allow_pickle=True)
    record = read_record(shard / "shard.json", "fastnn shard", 1)
    record["files"][f"{name}.npy"] = file_entry(shard / f"{name}.npy")
    (shard / "shard.json").unlink()
    write_record(record, lambda content: write_new(shard / "shard.json", content))


def tampered_copy(thing, **changes):
    """The object with other attributes, without its checks."""
    made = object.__new__(type(thing))
    vars(made).update(vars(thing))
    vars(made).update(changes)
    return made


def replaced(job, **changes):
    """A job with other fields."""
    return dataclasses.replace(job, **changes)
