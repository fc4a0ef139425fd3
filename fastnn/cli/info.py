"""Show versions, machine and compiled kernels; or describe a run or a model.

With PATH, a folder written by ``fastnn restarts --out`` or ``train_many(…, out=)``: its job, its
progress, and statistics of its restarts.  Or a model that ``fastnn train`` or ``Model.save`` wrote:
its network, its outputs, and what it makes of each column.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..engine.blueprint import vector_width
from ..engine.chunk import MOST_LANES
from ..engine.specialize import mode
from ..jit.cache import SPECIAL, kept_files
from ..kernels.pieces import Kind
from ..kernels.train_loop import train_restarts
from ..results.model import Model
from ..results.models import Models
from ..storage.stored_runs import open_run
from ..support.machine import available_threads
from ..support.version import NUMERICS_VERSION, __version__
from .models import check_exists, load_exported
from .report import PRINTED, escaped, listed, short


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "path", type=Path, nargs="?", metavar="PATH", help="the folder of a run, or a saved model"
    )


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    if options.path is None:
        return _machine_info()
    check_exists(options.path, "PATH: expected the folder of a run or a saved model")
    is_folder = options.path.exists() and not options.path.is_file()
    return _run_info(options.path) if is_folder else _model_info(options.path)


def _model_info(path: Path) -> int:
    model = load_exported(path)
    rows = [("model", str(path)), ("network", f"{model.network!r}, {model.dtype}{_members(model)}")]
    if isinstance(model, Models):
        by = "" if model.by is None else f"of column {short(model.by)}: "
        groups = f"{len(model):,} {by}{listed([str(label) for label in model])}"
        other = model.fallback
        common = "refused" if other is None else f"a common network{_members(other)}"
        rows += [("groups", groups), ("others", common)]
    if model.classes is not None:
        classes = ", ".join(short(label) for label in model.classes[:PRINTED].tolist())
        more = len(model.classes) - PRINTED
        rows.append(("classes", classes + (f" and {more:,} more" if more > 0 else "")))
    if model.targets is not None:
        rows.append(("target" if len(model.targets) == 1 else "targets", listed(model.targets)))
    rows += _meanings(model)
    for name, value in rows:
        print(f"{name:<12}{value}")
    for column in model.encoding.columns if model.encoding is not None else ():
        print(f"  {short(column.name)}: {escaped(column.describe())}")
    return 0


def _members(model: Model | Models) -> str:
    if isinstance(model, Models):
        return ", one for each group"
    return f", the average of {len(model.parameters)}" if len(model.parameters) > 1 else ""


def _meanings(model: Model | Models) -> Iterator[tuple[str, str]]:
    """Yield what is scaled and read, and the inputs."""
    scaled = [name for name in ("inputs", "outputs") if getattr(model, name) is not None]
    if model.outputs is not None and model.outputs.log:
        scaled[-1] = "the logarithms of outputs"
    yield "scales", " and ".join(scaled) or "nothing"
    if isinstance(model, Model) and model.residuals is not None:
        yield "intervals", f"from the errors on {len(model.residuals):,} rows"
    if model.reading is not None and (options := model.reading.to_record()):
        yield "reads", ", ".join(f"{name} {value!r}" for name, value in options.items())
    if model.encoding is None:
        yield "inputs", listed(model.features or ()) or f"{model.network.sizes[0]}, unnamed"
    else:
        yield "inputs", f"{model.network.sizes[0]} of {len(model.encoding.columns)} columns"


def _run_info(folder: Path) -> int:
    stored = open_run(folder)
    job = stored.job
    size = _size(folder)
    made_with = stored.made_with
    endings = [f"loss < {job.target:g}"] if job.target > 0 else []
    endings += [repr(rule) for rule in job.rules]
    rows = [
        ("run", str(folder)),
        ("network", repr(job.net)),
        ("optimizer", " ".join(repr(job.optimizer).split())),
        ("loss", job.loss_name),
        ("epochs", f"up to {job.epochs:,}"),
        ("until", " or ".join(endings) or "the last epoch"),
        ("seed", f"{job.seed}, restarts from {job.first}"),
        ("started", f"{stored.created}, fastnn {made_with['versions']['fastnn']}"),
        ("machine", f"{made_with['processor']} ({made_with['architecture']})"),
        ("keeps", stored.keep.name),
        ("shards", f"{stored.shards:,}, {size / 2**20:,.1f} MiB in total"),
        ("there", f"{len(stored):,} of {stored.restarts:,} restarts"),
    ]
    for name, value in rows:
        print(f"{name:<12}{value}")
    if len(stored):
        print(stored.statistics)
    return 0


def _size(folder: Path) -> int:
    """Bytes of all finished files; one that is being written still has a temporary name."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += os.stat(os.path.join(place, name)).st_size
    return size


def _machine_info() -> int:
    import llvmlite
    import llvmlite.binding
    import matplotlib
    import numba

    features = llvmlite.binding.get_host_cpu_features()
    units = [name for name in ("avx512f", "avx2", "fma", "neon") if features.get(name)]
    processor = f"{llvmlite.binding.get_host_cpu_name()} ({', '.join(units) or 'no vector units'})"
    rows = [
        ("fastnn", f"{__version__} (numerics version {NUMERICS_VERSION})"),
        ("python", platform.python_version()),
        ("numpy", np.__version__),
        ("numba", f"{numba.__version__} (llvmlite {llvmlite.__version__})"),
        ("matplotlib", matplotlib.__version__),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("processor", processor),
        ("threads", str(available_threads())),
        ("lanes", ", ".join(f"up to {n} of {dtype}" for dtype, n in MOST_LANES.items())),
    ]
    for name, value in rows:
        print(f"{name:<12}{value}")
    for lanes, label in ((1, "train"), (MOST_LANES[np.dtype(np.float64)], "train_many")):
        seconds, loaded = _load(lanes)
        how = "warm: loaded from the cache" if loaded else "cold: compiled now"
        print(f"{label:<12}{how} in {seconds:.2f} s")
    folder = train_restarts.compiled(Kind(np.dtype(np.float64), 1)).cache_path
    print(f"{'kernels':<12}{_kept(Path(folder)) if folder else 'not kept; set NUMBA_CACHE_DIR'}")
    if folder:
        print(f"{'cache':<12}{folder}")
    return 0


def _kept(folder: Path) -> str:
    """Number and size of the cached kernels, general and for one network's sizes."""
    texts = []
    special = [path for path in kept_files(folder) if SPECIAL in path.name]
    general = [path for path in kept_files(folder) if SPECIAL not in path.name]
    for what, paths in (("general", general), ("special", special)):
        size = 0
        for path in paths:
            with suppress(FileNotFoundError):
                size += path.stat().st_size
        texts.append(f"{len(paths)} {what} ({size / 2**20:.1f} MiB)")
    return f"{', '.join(texts)}; FASTNN_KERNELS={mode()}"


def _load(lanes: int) -> tuple[float, bool]:
    """Seconds to load or compile the float64 kernels, and whether they came from the cache."""
    from ..datasets import xor
    from ..engine.chunk import train_chunk
    from ..job.build import make_job
    from ..spec.network import Network

    job = make_job(Network([2, 2, 1]), *xor(), epochs=0)
    start = time.perf_counter()
    train_chunk(job, 0, 1, lanes=lanes)
    seconds = time.perf_counter() - start
    kind = Kind(job.dtype, vector_width(lanes, job.dtype))
    return seconds, train_restarts.compiled(kind).cache_hits > 0
