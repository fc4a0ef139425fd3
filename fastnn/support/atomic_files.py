"""Files that are either complete or absent, and errors that name them."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .checks import check_path, shown

_TEMPORARY = re.compile(r"\.new-[0-9a-f]{16}")
"""Names of incomplete files and folders."""
BLOCK = 2**20
RECORD_BYTES = 2**26
"""Maximum size of a record's text."""
GONE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""Errors for a missing file; others, such as missing permissions, may be temporary."""

Content = Callable[[BinaryIO], Any]
"""Function that writes a file's content."""


class DamagedFile(ValueError):  # noqa: N818  the caller's word for it
    """A file that is damaged, not from fastnn, or of a later version.

    Attributes
    ----------
    path : Path
    reason : str
    """

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = Path(path)
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.reason)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Add the file's name to errors of the system."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"cannot write {path}: {reason}") from error


# Errors of systems that cannot flush a folder, or do not permit it.
CANNOT_FLUSH = (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM)


def flush_folder(path: Path) -> None:
    """Make names in a folder survive a loss of power, if the system can."""
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in CANNOT_FLUSH:
            raise


def temporary(path: Path) -> Path:
    """A unique name beside `path`.

    Files made there get the usual permissions: a process has one umask, which cannot be read
    without changing it, and two threads doing so at once could leave it changed.
    """
    return path.parent / f".new-{secrets.token_hex(8)}"


def is_temporary(name: str) -> bool:
    """Return whether `temporary` may have made this name."""
    return _TEMPORARY.fullmatch(name) is not None


def kind_of(mode: int) -> str:
    """Describe what is not a regular file, by its mode."""
    kinds = {
        stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link",
        stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket",
    }  # fmt: skip
    return kinds.get(stat.S_IFMT(mode), "a device")


def destination(path: Any, name: str = "path") -> Path:
    """The file that writing to `path` makes or replaces, after following symbolic links.

    Only files are replaced.  Call it before any work; `name` is the argument's name.

    Raises
    ------
    TypeError
        If it is not a path.
    ValueError
        If there is a folder, a device, a pipe, a socket or a broken link.
    OSError
        If its folder does not exist, or cannot be read.
    """
    check_path(path)
    place = Path(os.fsdecode(path))
    try:
        with writing(place):
            there = _mode_of(place)
    except ValueError as error:  # a NUL character
        raise ValueError(f"{name}: expected the path of a file, got {shown(path)}") from error
    if there is not None and not stat.S_ISREG(there):
        what = "a link to nothing" if stat.S_ISLNK(there) else kind_of(there)
        raise ValueError(f"{name}: expected a file or a new name, got {what}: {place}")
    return Path(os.path.realpath(place))


def _mode_of(path: Path) -> int | None:
    """The mode of the file that `path` leads to, or of a broken link; None if there is neither."""
    try:
        return path.stat().st_mode
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ELOOP):
            raise
    if path.is_symlink():
        return path.lstat().st_mode
    path.parent.stat()
    return None


def write_new(path: Path, content: Content) -> None:
    """Write a new file at `path`, and flush it to disk."""
    with writing(path), open(path, "wb") as file:
        content(file)
        file.flush()
        os.fsync(file.fileno())


def write_file(path: Any, content: Content) -> None:
    """Write a file at the `destination` of `path`; it appears once it is complete and on disk."""
    replace_file(destination(path), content)


def replace_file(path: Path, content: Content) -> None:
    """Write a file that replaces `path` once it is complete and on disk.

    It gets the mode of an existing file, and its owner where permitted; other hard links keep the
    old content.  ValueError if something else exists there, such as a symbolic link.
    """
    new = temporary(path)
    try:
        with writing(path):
            old = os.lstat(path) if os.path.lexists(path) else None
            if old is not None and not stat.S_ISREG(old.st_mode):
                raise ValueError(f"{path}: expected a file, got {kind_of(old.st_mode)}")
            rights = 0o666 if old is None else 0o600
            with open(new, "xb", opener=lambda name, flags: os.open(name, flags, rights)) as file:
                content(file)
                file.flush()
                if old is not None:
                    _give_rights(new, old)
                os.fsync(file.fileno())
            os.replace(new, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(new)
        raise
    flush_folder(path.parent)


def _give_rights(path: Path, old: os.stat_result) -> None:
    """Give a file the mode and the owner of an `old` one, where supported and permitted.

    Otherwise it keeps its initial ones, which give nobody else any access.
    """
    with suppress(OSError, AttributeError):  # Windows has no owners
        os.chown(path, old.st_uid, old.st_gid)
    with suppress(OSError):  # not all file systems have modes
        os.chmod(path, stat.S_IMODE(old.st_mode) & 0o777)


def canonical(record: Any) -> bytes:
    """JSON in the canonical form, from which digests are computed."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest_of(text: bytes, arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of a text and of named arrays, with their names, types, shapes and bytes."""
    digest = hashlib.sha256(text)
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


def sealed(record: dict[str, Any]) -> dict[str, Any]:
    """Add its digest to a record."""
    return record | {"digest": hashlib.sha256(canonical(record)).hexdigest()}


def write_record(record: dict[str, Any], write: Callable[[Content], None]) -> None:
    """Write a record as JSON with its own digest, through `write`."""
    text = json.dumps(sealed(record), indent=1, allow_nan=False) + "\n"
    write(lambda file: file.write(text.encode()))


def read_record(path: Path, kind: str, version: int) -> dict[str, Any]:
    """Read a record from a file that `write_record` wrote.

    Raises
    ------
    DamagedFile
        If it is not a record, or is damaged, or of another kind or a later version.
    FileNotFoundError
        If there is no file.
    """
    refuse_others(path)
    if os.stat(path).st_size > RECORD_BYTES:
        raise DamagedFile(path, f"expected a text of at most {RECORD_BYTES:,} bytes, got more")
    return record_in(path.read_bytes(), path, kind, version)


def record_in(
    text: str | bytes,
    path: Path,
    kind: str | tuple[str, ...],
    version: int | Callable[[dict[str, Any]], int],
    *,
    needs_digest: bool = True,
) -> dict[str, Any]:
    """Read a record from the text of the file `path`; DamagedFile as for `read_record`.

    Several kinds may be expected, and the version may depend on the record.  Without
    `needs_digest`, a record without a digest is accepted.
    """
    try:
        record = json.loads(text, parse_constant=no_number)
        digest = record.pop("digest", None) if isinstance(record, dict) else None
        found = hashlib.sha256(canonical(record)).hexdigest()
    except (ValueError, RecursionError) as error:
        raise DamagedFile(path, f"expected JSON, got damaged or other text ({error})") from error
    kinds = (kind,) if isinstance(kind, str) else kind
    if not isinstance(record, dict) or record.get("format") not in kinds:
        expected_kinds = " or ".join(map(repr, kinds))
        raise DamagedFile(path, f"expected the format {expected_kinds}, got another file")
    expected = version(record) if callable(version) else version
    if record.get("version") != expected or isinstance(record["version"], bool):
        raise DamagedFile(
            path, f"expected version {expected} of its format, got {shown(record.get('version'))}"
        )
    if digest != found and (needs_digest or digest is not None):
        raise DamagedFile(path, "its text does not match its digest: it was damaged or edited")
    return record


def refuse_others(path: Path) -> None:
    """Raise DamagedFile if `path` exists but is not a file, such as a pipe, a device or a loop."""
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        regular = not path.is_symlink()
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        regular = False
    if not regular:
        raise DamagedFile(path, "expected a file, got something else")


def no_number(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def file_entry(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file."""
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
    return {"bytes": size, "sha256": digest.hexdigest()}


def check_file(path: Path, entry: Any) -> None:
    """Raise DamagedFile unless a file matches its `entry`."""
    try:
        refuse_others(path)
        size = entry.get("bytes") if isinstance(entry, dict) else None
        same = path.stat().st_size == size and file_entry(path) == entry
    except GONE as error:
        raise DamagedFile(path, f"expected a file, got none ({error.strerror})") from error
    if not same:
        raise DamagedFile(path, "its content does not match its digest: it was damaged or replaced")


class _Plain:
    """Wrapper of a file, for writing by NumPy: for real files it does not report errors."""

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write


def save_array(array: np.ndarray, file: BinaryIO) -> None:
    """Write an array as ``.npy``."""
    np.save(_Plain(file), array, allow_pickle=False)


def read_array(
    path: Path, dtype: np.dtype | None = None, shape: tuple[int, ...] | None = None
) -> np.ndarray:
    """Map an array of the given type and shape from a ``.npy`` file into memory."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (OSError, MemoryError):  # not a fault of the content
        raise
    except Exception as error:  # headers raise many kinds of errors
        raise DamagedFile(path, f"expected an array, got none ({error})") from error
    if (dtype is not None and array.dtype != dtype) or (shape is not None and array.shape != shape):
        raise DamagedFile(
            path, f"expected {dtype} of shape {shape}, got {array.dtype} of shape {array.shape}"
        )
    size = path.stat().st_size
    if array.offset + array.nbytes != size:
        raise DamagedFile(
            path, f"expected only the bytes of its array, got {size:,} bytes in total"
        )
    return array
