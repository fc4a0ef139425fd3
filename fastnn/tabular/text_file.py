"""Text files: plain, compressed or from standard input, in a known encoding, line by line."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

STANDARD_INPUT = Path("-")
LONGEST_LINE = 2**24
# The first bytes of files that say how they are encoded; those of UTF-32 begin like UTF-16's.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"


class TextError(ValueError):
    """A text that cannot be read; `line` is None if it is about the whole file."""

    def __init__(self, what: str, line: int | None = None) -> None:
        super().__init__(what)
        self.line = line


class TextFile:
    """An open text file; its first bytes tell whether it is compressed by gzip.

    Parameters
    ----------
    path : Path
        `STANDARD_INPUT` is the process's.
    encoding : str, optional
        By default UTF-8.  A byte order mark overrides it.

    Attributes
    ----------
    line : int
        The number of the last line that was read, from 1.

    Raises
    ------
    TextError
        If the file cannot be opened.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.line = 0
        self._kept = ""
        try:
            self._raw = _opened(path)
        except OSError as error:
            raise TextError(_reason(error)) from None
        try:
            text, start = _unpacked(self._raw)
            marked = [name for mark, name in BYTE_ORDER_MARKS.items() if start.startswith(mark)]
            self.encoding = marked[0] if marked else encoding or "utf-8"
            self._file = io.TextIOWrapper(text, self.encoding, errors="surrogateescape", newline="")
        except BaseException:
            self._raw.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._raw.close()

    def lines(self) -> Iterator[str]:
        """Yield the lines of the file, with their ends.

        Raises
        ------
        TextError
            At the first line that cannot be decoded, is too long, or has a NUL character.
        """
        while line := self._next():
            self.line += 1
            if "\0" in line:
                what = "expected text, got a NUL character"
                if line.count("\0") >= len(line) // 2 > 0:
                    what += "; it seems to be UTF-16: --encoding utf-16-le or utf-16-be reads it"
                raise TextError(what, self.line)
            if not line.isascii() and (wrong := re.search("[\ud800-\udfff]", line)):
                raise TextError(self._undecodable(f"the byte 0x{ord(wrong[0]) & 0xFF:02X}"),
                                self.line)  # fmt: skip
            if len(line) == LONGEST_LINE:
                what = (
                    f"expected a line of fewer than {LONGEST_LINE:,} characters, got a longer one"
                )
                raise TextError(what, self.line)
            yield line

    def ahead(self) -> str:
        """The next line, which `lines` still yields; empty at the end."""
        self._kept = self._kept or self._next()
        return self._kept

    def _next(self) -> str:
        if self._kept:
            line, self._kept = self._kept, ""
            return line
        try:
            return self._file.readline(LONGEST_LINE)
        except UnicodeError as error:
            bad = getattr(error, "object", b"")[getattr(error, "start", 0) :][:1]
            what = f"the byte 0x{bad[0]:02X}" if bad else "other bytes"
            # Blocks of bytes are decoded, so that the line is not known.
            raise TextError(self._undecodable(f"{what} after line {self.line}")) from None
        except (OSError, EOFError, zlib.error) as error:
            raise TextError(_reason(error), self.line + 1) from None

    def _undecodable(self, what: str) -> str:
        name = self.encoding.upper().removesuffix("-SIG")
        other = "latin-1" if name == "UTF-8" else "NAME"
        return f"expected {name} text, got {what}; --encoding {other} reads another encoding"


def title(path: Path) -> str:
    """The name of a file in messages."""
    return "standard input" if path == STANDARD_INPUT else str(path)


def _opened(path: Path) -> io.BufferedReader:
    if path != STANDARD_INPUT:
        return open(path, "rb")
    if sys.stdin is None or sys.stdin.closed:
        raise OSError("standard input is closed")
    return io.BufferedReader(cast(io.RawIOBase, sys.stdin.buffer))


def _unpacked(raw: io.BufferedReader) -> tuple[BinaryIO, bytes]:
    """The bytes of the text, and the first few of them."""
    try:
        start = raw.peek(4)
        if start.startswith(GZIP):
            packed = gzip.GzipFile(fileobj=raw)
            return cast(BinaryIO, packed), packed.peek(4)
    except (OSError, EOFError, zlib.error) as error:
        raise TextError(_reason(error)) from None
    if start.startswith(ZIP):
        raise TextError("expected text, got a ZIP archive, as spreadsheets are; save it as CSV")
    return raw, start


def _reason(error: Exception) -> str:
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"
