"""Archives of arrays, ``.npz``, of which nothing is believed before it is unpacked.

A few bytes can be packed that unpack to gigabytes, and a list of members may name one of them many
times over.  So names and sizes are checked first: those in the list of members, and those that
each array's own header tells.
"""

from __future__ import annotations

import math
import zipfile

import numpy as np

SUFFIX = ".npy"
BLOCK = 2**20
"""Bytes that are unpacked at a time."""
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def members_of(archive: zipfile.ZipFile, most: int) -> dict[str, zipfile.ZipInfo]:
    """The members of an archive by the names of their arrays.

    Parameters
    ----------
    archive : ZipFile
    most : int
        Bytes that all of them may take, unpacked.

    Raises
    ------
    ValueError
        If one is listed twice or is no array, or they take more.
    """
    members = {member.filename: member for member in archive.infolist()}
    if len(members) < len(archive.infolist()):
        raise ValueError("expected members with different names, got a name twice")
    size = sum(member.file_size for member in members.values())
    if size > most:
        raise ValueError(f"expected arrays of at most {most:,} bytes, got {size:,}")
    for name in members:
        if not name.endswith(SUFFIX):
            raise ValueError(f"expected arrays, got a member {name[:60]!r}")
    return {name.removesuffix(SUFFIX): member for name, member in members.items()}


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """The array of a member, in C order.

    Raises
    ------
    ValueError
        If it has objects, or a size that its header does not tell of.
    Exception
        Of other kinds if it is damaged.
    """
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"{member.filename}: expected version 1 or 2, got {version}")
        shape, by_columns, dtype = _HEADERS[version](file)
        if dtype.hasobject or not dtype.itemsize:
            raise ValueError(f"{member.filename}: expected numbers or text, got {dtype}")
        size = math.prod(shape) * dtype.itemsize
        if file.tell() + size != member.file_size:
            raise ValueError(
                f"{member.filename}: expected the bytes of {dtype} of shape {shape}, got "
                f"{member.file_size:,} including the header"
            )
        content = np.empty(size, dtype=np.uint8)
        for begin in range(0, size, BLOCK):
            block = content[begin : begin + BLOCK]
            got = file.read(len(block))
            if len(got) < len(block):
                raise ValueError(f"{member.filename}: the data end early")
            block[:] = np.frombuffer(got, dtype=np.uint8)
    array = content.view(dtype).reshape(shape, order="F" if by_columns else "C")
    return np.asarray(array, order="C")
