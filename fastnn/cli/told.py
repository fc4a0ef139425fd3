"""A command's output: printed at once, and kept for a report in one HTML file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..support.atomic_files import write_file
from ..support.version import __version__
from .files import draw
from .report import table, warn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .2rem .8rem; border-bottom: 1px solid #ccc; text-align: right; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; }
.warning { background: #fff3cd; padding: .5rem 1rem; }
"""


class Told:
    """The output so far, in order."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def say(self, text: str) -> None:
        """Print a text."""
        print(text, flush=True)
        self._parts += [f"<p>{html.escape(line)}</p>" for line in text.splitlines() if line]

    def warn(self, text: str) -> None:
        """Print a warning."""
        warn(text)
        self._parts.append(f'<p class="warning">Warning: {html.escape(text)}</p>')

    def show(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        """Print a table, whose first row is its head, under a title, which may be empty."""
        print(f"\n{title}\n{table(rows)}" if title else table(rows), flush=True)
        self._keep(title, rows)

    def _keep(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        lines = [
            f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in row)}</tr>"
            for tag, row in zip(["th", *["td"] * (len(rows) - 1)], rows, strict=True)
        ]
        head = f"<h2>{html.escape(title[:1].upper() + title[1:])}</h2>\n" if title else ""
        self._parts.append(f"{head}<table>\n" + "\n".join(lines) + "\n</table>")

    def save(
        self, path: Path, title: str, figure: Figure, shows: str, settings: dict[str, str]
    ) -> None:
        """Write all of it, a figure and the settings to one HTML file that needs no other.

        `shows` says in words what the figure shows.
        """
        image = io.BytesIO()
        draw(figure, image, "png")
        encoded = base64.b64encode(image.getvalue()).decode()
        self._parts.append(
            f'<h2>Figure</h2>\n<img alt="{html.escape(shows)}" '
            f'src="data:image/png;base64,{encoded}">'
        )
        self._keep("Settings", [["option", "value"], *map(list, settings.items())])
        name = html.escape(title)
        text = "\n".join([
            "<!DOCTYPE html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{name}</title>',
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{name}</h1>",
            *self._parts,
            f"<p>Written by fastnn {__version__}.</p>",
            "</body></html>",
            "",
        ])  # fmt: skip
        write_file(path, lambda file: file.write(text.encode("utf-8", "replace")))
