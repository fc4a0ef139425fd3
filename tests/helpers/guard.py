"""Guard pages around all memory that compiled code sees: any access outside it crashes.

Launches take the address of an array by `address_of`, and hand records and workspaces to
`run_piece`.  A `Guard` stands in for both.  Each array has a twin with protected pages right after
its last byte or right before its first one, and kernels see only the twins: numbers are copied
there before they run, and back afterwards.  An address that was not handed out is an error.
"""

import ctypes
import mmap
import sys
import weakref
from collections import Counter
from contextlib import contextmanager
from threading import Lock

import numpy as np

from fastnn.kernels import pieces, statistics
from fastnn.kernels.layout import CHANGING, FLOATS, INTEGERS, PLACES
from fastnn.support import gate

ARRAYS = [name for name, kind in CHANGING.items() if kind in (FLOATS, INTEGERS)]
"""The fields of a record that are addresses of arrays."""
# Bytes on either side that nobody may touch.
PROTECTED = max(2**18, mmap.PAGESIZE)
PROTECT = ctypes.CDLL(None, use_errno=True).mprotect


def fenced(n_bytes, at_end):
    """A number of bytes, with protected pages right after (`at_end`) or right before them."""
    room = -(-n_bytes // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, room + 2 * PROTECTED, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    whole = np.frombuffer(memory, dtype=np.uint8)
    for place in (0, PROTECTED + room):
        start = ctypes.c_void_p(whole.ctypes.data + place)
        if PROTECT(start, ctypes.c_size_t(PROTECTED), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    first = PROTECTED + (room - n_bytes if at_end else 0)
    return whole[first : first + n_bytes]


class Twin:
    """A fenced copy of an array, with the same numbers while kernels run."""

    def __init__(self, array, at_end):
        assert array.flags.c_contiguous
        self.array = weakref.ref(array)
        self.fenced = fenced(array.nbytes, at_end).view(array.dtype).reshape(array.shape)
        self.address = self.fenced.ctypes.data
        self.users = 0

    def begin(self):
        """Copy the numbers, unless another kernel is working with them."""
        if not self.users:
            self.fenced[...] = self.array()
        self.users += 1

    def end(self):
        """Copy them back; arrays that kernels may not write to must be unchanged."""
        self.users -= 1
        array = self.array()
        if self.users or array is None:
            return
        if array.flags.writeable:
            array[...] = self.fenced
        else:
            assert array.tobytes() == self.fenced.tobytes()


class Guard:
    """A layer between launches and kernels."""

    def __init__(self, at_end):
        self.at_end = at_end
        self.lock = Lock()
        self.by_array = {}
        """Twins by the `id` of the array, as long as it lives."""
        self.by_address = {}
        self.seen = Counter()
        """How often the array of each field was guarded."""

    def twin_of(self, array):
        """The twin of an array, made at the first request."""
        key = id(array)
        with self.lock:
            found = self.by_array.get(key)
            if found is None:
                found = self.by_array[key] = Twin(array, self.at_end)
                self.by_address[found.address] = found
                weakref.finalize(array, self.forget, key, found.address)
        return found

    def forget(self, key, address):
        """Remove the twin of an array that no longer exists."""
        self.by_array.pop(key, None)
        self.by_address.pop(address, None)

    def address_of(self, name, array, dtype, shape):
        """Replace `gate.address_of`, without its checks; returns the address of the twin."""
        if name == "memory":  # that is still to be aligned
            return address_of(name, array, dtype, shape)
        return self.twin_of(array).address

    def run_piece(self, address, record, space):
        """Replace `pieces.run_piece`."""
        with self.used([self.twin_of(record), self.twin_of(space), *self.twins_in(record)]):
            run_piece(address, self.twin_of(record).fenced, self.twin_of(space).fenced)

    def twins_in(self, record):
        """The twins of all arrays in a record and its inner record."""
        found = []
        for name in ARRAYS:
            address = int(record[PLACES[name]])
            if address:
                assert address in self.by_address, f"{name}: an address that is not guarded"
                found.append(self.by_address[address])
                self.seen[name] += 1
                if name == "validation_record":
                    found += self.twins_in(found[-1].array())
        return found

    def counter(self):
        """Replace `statistics._counter`, whose arguments are tuples of arrays."""

        def count(*records):
            twins = [
                {name: self.twin_of(value) for name, value in record._asdict().items()
                 if isinstance(value, np.ndarray)}
                for record in records
            ]  # fmt: skip
            self.seen["statistics"] += 1
            with self.used([twin for record in twins for twin in record.values()]):
                counter()(
                    *(
                        record._replace(**{name: twin.fenced for name, twin in own.items()})
                        for record, own in zip(records, twins, strict=True)
                    )
                )

        return count

    @contextmanager
    def used(self, twins):
        """Context in which kernels work with the twins."""
        with self.lock:
            for twin in twins:
                twin.begin()
        try:
            yield
        finally:
            with self.lock:
                for twin in twins:
                    twin.end()


address_of, run_piece, counter = gate.address_of, pieces.run_piece, statistics._counter


@contextmanager
def guarded(*, at_end):
    """Context with a guard around all launches, in any module."""
    guard = Guard(at_end)
    with (
        standing_in(address_of, guard.address_of),
        standing_in(run_piece, guard.run_piece),
        standing_in(counter, guard.counter),
    ):
        yield guard


@contextmanager
def standing_in(function, other):
    """Replace `function` by `other` under all names that it has in the package."""
    places = [
        (module, name)
        for at, module in list(sys.modules.items())
        if at.startswith("fastnn.")
        for name, value in vars(module).items()
        if value is function
    ]
    for module, name in places:
        setattr(module, name, other)
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, function)
