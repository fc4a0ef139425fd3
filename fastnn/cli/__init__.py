"""The command ``fastnn``: one module for each subcommand, errors as one line each."""

from __future__ import annotations

import argparse
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..support.version import __version__
from . import bench, export, info, predict, restarts, train, xor
from .arguments import Parser, with_option
from .report import warn

# Exit codes: argparse's for bad arguments, one for failures of the system, and those of shells for
# Ctrl-C and for a closed pipe.
USAGE, FAILURE, INTERRUPTED, BROKEN_PIPE = 2, 1, 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`, by default the process's own; returns the exit code."""
    parser = Parser(
        prog="fastnn", description="Train small neural networks, one or a million at a time."
    )
    parser.add_argument("--version", action="version", version=f"fastnn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (xor, restarts, train, predict, export, bench, info):
        name = module.__name__.rpartition(".")[2]
        summary, _, rest = (module.__doc__ or "").partition("\n")
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{summary}\n{rest}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.shorten_usage()
        command.set_defaults(run=module.run)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        commands.choices[options.command].refuse(unknown)
    try:
        if arguments is None and options.command == "bench":
            bench.restart_fairly()
        with _told_in_one_line():
            code: int = options.run(options)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        print("fastnn: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (ValueError, TypeError) as error:
        told = _in_one_line(with_option(str(error), commands.choices[options.command].options))
        print(f"fastnn: error: {told}", file=sys.stderr)
        return USAGE
    except (OSError, ImportError, MemoryError, RuntimeError) as error:
        text = re.sub(r"^\[Errno \d+\] ", "", str(error)) or type(error).__name__
        print(f"fastnn: error: {_in_one_line(text)}", file=sys.stderr)
        return FAILURE


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    """Show warnings about data and models like errors, without a line of fastnn's source."""
    with warnings.catch_warnings():
        shown = warnings.showwarning

        def show(
            message: Warning | str, category: type[Warning], *place: Any, **options: Any
        ) -> None:
            if issubclass(category, UserWarning):
                warn(_in_one_line(str(message)))
            else:
                shown(message, category, *place, **options)

        warnings.showwarning = show
        yield


def _in_one_line(text: str) -> str:
    """Escape line breaks and the like, which column names may contain."""
    return "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in text)
