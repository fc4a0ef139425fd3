"""Data frames: their columns by name, whichever library they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .checks import shown
from .suggestions import hint

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

Names = tuple[str, ...]
LISTED = 10
"""Maximum number of names that an error lists."""
_NO_FRAMES = (type(None), np.ndarray, np.generic, list, tuple, float, int)
_WAY = "; rename its columns, or pass an array, whose columns go by position"


def take_columns(name: str, value: Any, expected: Names | None = None) -> tuple[Any, Names | None]:
    """Take the columns of a data frame by their names, and anything else as it is.

    Names are the labels as text.

    Parameters
    ----------
    name : str
        The argument, for errors.
    value : data frame of pandas, Polars, PyArrow or another library that narwhals knows, or array
    expected : tuple of str, optional
        The columns to take, in this order; others are left out.  By default all.

    Returns
    -------
    array, or `value` if it is no frame
    tuple of str or None
        The names of its columns: `expected` for what has none.

    Raises
    ------
    TypeError
        If the frame is not in memory, or a column does not hold numbers.
    ValueError
        If columns are missing, or have the same name.
    """
    found = _chosen(name, value, expected)
    if found is None:
        return value, expected
    frame, names = found
    return _numbers(name, frame), names


def frame_columns(
    name: str, value: Any, expected: Names | None = None
) -> tuple[list[np.ndarray], Names] | None:
    """Take the columns of a data frame by their names; None for what is no frame.

    Parameters
    ----------
    name, value, expected
        As for `take_columns`.

    Returns
    -------
    list of (n,) arrays
        Of numbers or bools, or of objects; then empty cells are None or NaN.
    tuple of str
        Their names.

    Raises
    ------
    TypeError, ValueError
        As for `take_columns`, except that columns may hold anything.
    """
    found = _chosen(name, value, expected)
    if found is None:
        return None
    frame, names = found
    return [_column(frame[:, place]) for place in range(len(names))], names


def split_frame(name: str, value: Any, place: int) -> tuple[np.ndarray, Any]:
    """The cells (n,) of one column of a data frame, and the frame of all others."""
    frame = _frame(name, value)
    assert frame is not None
    others = [other for other in range(len(frame.columns)) if other != place]
    return _column(frame[:, place]), frame[:, others].to_native()


def series_values(value: Any) -> Any:
    """The cells (n,) of a data frame's series; anything else as it is."""
    if isinstance(value, _NO_FRAMES):
        return value
    import narwhals.stable.v2 as nw

    found = nw.from_native(value, pass_through=True, allow_series=True)
    return _column(found) if isinstance(found, nw.Series) else value


def frame_names(name: str, value: Any) -> Names | None:
    """The names of a data frame's columns; None for what is no frame.

    Raises
    ------
    TypeError, ValueError
        As by `take_columns`, if the frame is not in memory, or names are not distinct.
    """
    found = _chosen(name, value, None)
    return None if found is None else found[1]


def columns_of_dates(name: str, value: Any) -> Names:
    """The columns of dates, times or durations of a data frame; none for what is no frame."""
    if not hasattr(value, "columns"):
        return ()
    try:
        frame = _frame(name, value)
    except ValueError:  # columns of the same name
        return ()
    if frame is None:
        return ()
    return tuple(label for label, dtype in frame.schema.items() if dtype.is_temporal())


def check_same(name: str, names: Names | None, expected: Names | None) -> None:
    """Raise ValueError if names are known on both sides and differ, if only in their order."""
    if names is not None and expected is not None and names != expected:
        raise ValueError(
            f"{name}: expected the columns {listed(expected)}, in this order, got {listed(names)}"
        )


def checked_names(name: str, values: Any, count: int) -> Names | None:
    """Convert `values` to `count` names, or None.

    Raises
    ------
    TypeError, ValueError
        If they are not names, or more or fewer.
    """
    if values is None:
        return None
    if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray):
        raise TypeError(f"{name}: expected a sequence of names, got {shown(values)}")
    names = tuple(str(value) if isinstance(value, str) else value for value in values)
    if not all(isinstance(value, str) for value in names):
        raise TypeError(f"{name}: expected a sequence of names, got {shown(values)}")
    if len(names) != count:
        raise ValueError(f"{name}: expected {count} names, got {len(names)}")
    return names


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    text = ", ".join(map(shown, names[:LISTED]))
    return f"{text} and {len(names) - LISTED:,} more" if len(names) > LISTED else text


def _frame(name: str, value: Any) -> nw.DataFrame[Any] | None:
    """The frame behind narwhals' interface, or None for what is none."""
    if isinstance(value, _NO_FRAMES):
        return None
    import narwhals.stable.v2 as nw  # half the time of importing fastnn: only for frames

    try:
        found = nw.from_native(value, pass_through=True)
    except ValueError as error:  # of pandas, with columns of the same name
        text = " ".join(str(error).split())
        raise ValueError(f"{name}: expected columns of different names: {text}{_WAY}") from error
    if isinstance(found, nw.DataFrame):
        return found
    if isinstance(found, nw.LazyFrame):
        raise TypeError(
            f"{name}: expected a data frame in memory, got {shown(type(value))}; collect it first"
        )
    if hasattr(value, "__dataframe__"):  # which narwhals does not know: never by position
        raise TypeError(
            f"{name}: expected a data frame such as of pandas, Polars or PyArrow (a Table), or an "
            f"array, got {shown(type(value))}"
        )
    return None


def _chosen(
    name: str, value: Any, expected: Names | None
) -> tuple[nw.DataFrame[Any], Names] | None:
    """The expected columns of a frame, and their names; None for what is no frame."""
    frame = _frame(name, value)
    if frame is None:
        return None
    names = tuple(map(str, frame.columns))
    places = {label: place for place, label in enumerate(names)}
    if len(places) < len(names):
        raise ValueError(f"{name}: expected columns of different names, got {listed(names)}{_WAY}")
    wanted = names if expected is None else expected
    for label in wanted:
        if label not in places:
            raise ValueError(
                f"{name}: expected the columns {listed(wanted)}, got {listed(names)}, without "
                f"{shown(label)}{_WAY}{hint(label, names, shown)}"
            )
    chosen = [places[label] for label in wanted]
    return (frame if wanted == names else frame[:, chosen]), wanted


def _column(series: nw.Series[Any]) -> np.ndarray:
    """The cells of a column; empty ones of numbers are NaN, others are None or NaN."""
    array = series.to_numpy()
    if array.dtype.kind in "iuf" or (array.dtype.kind == "b" and not series.is_null().any()):
        return array
    values = np.empty(len(series), dtype=object)
    values[:] = series.to_list()
    return values


def _numbers(name: str, frame: nw.DataFrame[Any]) -> np.ndarray:
    """The columns of a frame as an array of numbers (rows, columns)."""
    array = frame.to_numpy() if frame.columns else np.empty((len(frame), 0))
    if array.dtype.kind in "biuf":
        return array
    columns = [frame[:, place].to_numpy() for place in range(len(frame.columns))]
    for place, column in enumerate(columns):
        if column.dtype.kind not in "biuf":
            raise TypeError(
                f"{name}: expected columns of real numbers, got {shown(str(frame.columns[place]))} "
                f"of type {frame[:, place].dtype}; leave it out, or encode it as numbers, as "
                "fastnn.Encoding does"
            )
    return np.column_stack(columns)
