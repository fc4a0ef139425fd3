"""Archives of arrays, ``.npz``, checked before they are unpacked.

A few bytes can unpack to gigabytes, and a list of members may name one member many times.  So names
and sizes are checked first: those in the list of members, and those in each array's own header.
"""

from __future__ import annotations

import math
import zipfile

import numpy as np

SUFFIX = ".npy"
BLOCK = 2**20
"""Bytes to unpack at a time."""
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
        Maximum bytes of all members, unpacked.

    Raises
    ------
    ValueError
        If a member is listed twice or is not an array, or they take more.
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
    """Read the array of a member, in C order.

    Raises
    ------
    ValueError
        If it has objects, or its size does not match its header.
    Exception
        Of other kinds, if it is damaged.
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
