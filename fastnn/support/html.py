"""Small tables and pictures of results in HTML, for notebooks.

They need no libraries.  Text has the colour of the page, so that it is readable on light and dark
ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from .figures import BLUE

WIDTH, HEIGHT = 260, 150
LEFT, RIGHT, TOP, BOTTOM = 58, 8, 20, 20
POINTS = 200
"""Maximum number of points of a curve."""
_CELL = "text-align:left;padding:1px 10px 1px 0;border:none;background:none;color:inherit"


def card(title: str, rows: Iterable[tuple[str, str]], *pictures: str) -> str:
    """A table of labels and values, escaped here, beside pictures."""
    body = "".join(
        f'<tr style="background:none"><th style="{_CELL};'
        f'white-space:nowrap;font-weight:normal;opacity:0.75">'
        f'{escape(label)}</th><td style="{_CELL};max-width:26em">{escape(value)}</td></tr>'
        for label, value in rows
    )
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:20px;align-items:center">'
        f'<div><div style="font-weight:bold">{escape(title)}</div>'
        f'<table style="border:none;margin:0;color:inherit">{body}</table></div>'
        f"{''.join(pictures)}</div>"
    )


def svg(content: str, what: str, width: int = WIDTH, height: int = HEIGHT) -> str:
    """A picture of this content; `what` tells what it shows."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(what)}" '
        f'style="color:inherit" font-size="11" font-family="sans-serif">{content}</svg>'
    )


def text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    """Words at a place of a picture."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">'
        f"{escape(words)}</text>"
    )


def curve(x: np.ndarray, y: np.ndarray, title: str, x_name: str) -> str:
    """A curve through the finite points, on a logarithmic axis if they are above 0.

    Empty if there are fewer than two.
    """
    finite = np.isfinite(y)
    x, y = x[finite].astype(np.float64), y[finite].astype(np.float64)
    if len(x) < 2:
        return ""
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), POINTS)).astype(np.int64))
    x, y = x[chosen], y[chosen]
    low, high = float(y.min()), float(y.max())
    heights = np.log10(y) if low > 0 else y / (max(abs(low), abs(high)) or 1.0)
    points = " ".join(
        f"{a:.1f},{b:.1f}"
        for a, b in zip(
            _placed(x, LEFT, WIDTH - RIGHT), _placed(heights, HEIGHT - BOTTOM, TOP), strict=True
        )
    )
    line = f'<polyline points="{points}" fill="none" stroke="{BLUE}" stroke-width="2"/>'
    scale = " (log)" if low > 0 else ""
    ends = (f"{low:.2g}", f"{high:.2g}")
    return svg(
        _frame(title + scale, ends) + line + _below(f"{x[0]:,.0f}", x_name, f"{x[-1]:,.0f}"),
        f"{title}, from {y[0]:.3g} to {y[-1]:.3g}",
    )


def bars(counts: Sequence[int] | np.ndarray, title: str, ends: tuple[str, str]) -> str:
    """Bars of counts, on a logarithmic axis; empty without any."""
    most = max(counts, default=0)
    if most <= 0:
        return ""
    step = (WIDTH - RIGHT - LEFT) / len(counts)
    parts = []
    for i, count in enumerate(counts):
        if count > 0:
            tall = (HEIGHT - BOTTOM - TOP) * (np.log10(count) + 0.3) / (np.log10(most) + 0.3)
            parts.append(
                f'<rect x="{LEFT + i * step:.1f}" y="{HEIGHT - BOTTOM - tall:.1f}" '
                f'width="{max(step - 0.5, 0.5):.1f}" height="{tall:.1f}" fill="{BLUE}"/>'
            )
    frame = _frame(title, ("", f"{most:,}"))
    return svg(frame + "".join(parts) + _below(ends[0], "", ends[1]), title)


def _placed(values: np.ndarray, start: float, end: float) -> np.ndarray:
    """The numbers, from the lowest to the highest, between two places."""
    low, high = values.min(), values.max()
    if high == low:
        return np.full(len(values), (start + end) / 2)
    return np.asarray(start + (values - low) / (high - low) * (end - start))


def _frame(title: str, ends: tuple[str, str]) -> str:
    """Two axes, the title, and the numbers at the ends of the vertical one."""
    axes = f"M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"
    return (
        f'<path d="{axes}" fill="none" stroke="currentColor" opacity="0.6"/>'
        + text((LEFT + WIDTH - RIGHT) / 2, 12, title)
        + text(LEFT - 4, HEIGHT - BOTTOM, ends[0], "end")
        + text(LEFT - 4, TOP + 8, ends[1], "end")
    )


def _below(start: str, middle: str, end: str) -> str:
    y = HEIGHT - 6
    return (
        text(LEFT, y, start, "start")
        + text((LEFT + WIDTH - RIGHT) / 2, y, middle)
        + text(WIDTH - RIGHT, y, end, "end")
    )
