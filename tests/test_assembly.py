"""The machine code of the kernels: whole vectors, and numbers that stay in registers.

A small change of a source can make the compiler fall back to single numbers or to memory, which no
test of results sees.
"""

import json
import re

import pytest
from conftest import outputs
from test_machines import TARGETS

CODE = """
import json, os, re
import numpy as np
from fastnn.calls import vector_width
from fastnn.kernels.passes import loss_and_gradient
from fastnn.optimizers.gradient_descent import plain_update

dtype = np.dtype(os.environ["DTYPE"])
width = vector_width(32, dtype)
pieces = [piece.compiled(dtype, width) for piece in (loss_and_gradient, plain_update)]
text = "\\n".join(piece.assembly for piece in pieces)
functions, name = {}, None
for line in text.splitlines():
    label = re.match(r'"?([^\\s"]+?[^"]*)"?:', line)
    if label and not line.startswith((".", "\\t", " ")):
        name = label.group(1)
        functions[name] = []
    elif name and line.startswith("\\t") and not line.startswith("\\t."):
        functions[name].append(line.strip())
print(json.dumps(functions))
"""
PACKED = re.compile(r"^v?(?:fn?m(?:add|sub)\w*|add|sub|mul|div|min|max)p[sd]\b")
SCALAR = re.compile(r"^v?(?:fn?m(?:add|sub)\w*|add|sub|mul|div|min|max)s[sd]\b")
SPILL = re.compile(r"^v?mov[au]p[sd]\t.*\(%rsp\)")


def count(pattern, lines):
    return sum(bool(pattern.match(line)) for line in lines)


KINDS = [(dtype, target) for dtype in ("float64", "float32") for target in (None, "avx2")]


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    """The instructions of the functions of two pieces, by dtype and instruction set.

    Each is compiled anew: what is loaded from the cache has no assembly.
    """
    environments = [
        {"DTYPE": dtype, "NUMBA_CACHE_DIR": str(tmp_path_factory.mktemp("cache")),
         **TARGETS.get(target, {})}
        for dtype, target in KINDS
    ]  # fmt: skip
    return dict(zip(KINDS, map(json.loads, outputs(CODE, environments)), strict=True))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_passes_in_lanes_compute_with_whole_vectors(functions, kind):
    found = functions[kind]
    tiles = {name: lines for name, lines in found.items() if "tiles" in name}
    wanted = ("activate", "multiply_by_slope", "output_errors", "update")
    passes = {n: lines for n, lines in found.items() if any(word in n for word in wanted)}
    assert len(tiles) > 10
    assert len(passes) >= 3
    for name, lines in tiles.items():
        assert count(PACKED, lines) >= 1, name
        assert count(SCALAR, lines) == 0, name
        assert count(SPILL, lines) == 0, name
    packed = sum(count(PACKED, lines) for lines in passes.values())
    scalar = sum(count(SCALAR, lines) for lines in passes.values())
    assert packed > 100
    assert scalar == 0


def test_tiles_multiply_and_add_in_one_instruction(functions):
    for name, lines in functions["float64", "avx2"].items():
        if "tiles" in name:
            rows, columns = map(int, re.search(r"(\d)x(\d)", name).groups())
            fused = sum(line.startswith("vfmadd") for line in lines)
            assert fused > 0, name
            assert fused % (rows * columns) == 0, name
            assert not any(re.match(r"v(mul|add)p", line) for line in lines), name
