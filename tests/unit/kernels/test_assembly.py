"""The machine code of the kernels: whole vectors, and numbers that stay in registers.

A small change of a source can make the compiler fall back to single numbers or to memory, which no
test of results sees.
"""

import json
import re

import pytest
from conftest import outputs
from test_machines import TARGETS

pytestmark = pytest.mark.thorough

CODE = """
import json, os, re
import numpy as np
from dataclasses import replace
import fastnn
from fastnn.spec.activations import BY_NAME
from fastnn.job.build import make_job
from fastnn.engine.blueprint import blueprint_of
from fastnn.kernels.activation import activation_pieces
from fastnn.kernels.forward_backward import loss_and_gradient
from fastnn.kernels.train_loop import train_epochs
from fastnn.optimizers.gradient_descent import plain_update

dtype = np.dtype(os.environ["DTYPE"])
job = make_job(fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), dtype=dtype, restarts=32)
made = blueprint_of(job, 32)
general = (loss_and_gradient, plain_update, *activation_pieces(BY_NAME["sigmoid"], False))
pieces = [piece.compiled(made.kind) for piece in general]
special = replace(made.kind, sizes=made.sizes(unrolled=True))
pieces.append(train_epochs.compiled(special))
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


KINDS = [("float64", None), ("float32", None), ("float64", "avx2")]


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    """The instructions of the functions of two pieces, by dtype and instruction set.

    Each is compiled anew: what is loaded from the cache has no assembly.
    """
    environments = [
        {"DTYPE": dtype, "FASTNN_KERNELS": "general",
         "NUMBA_CACHE_DIR": str(tmp_path_factory.mktemp("cache")), **TARGETS.get(target, {})}
        for dtype, target in KINDS
    ]  # fmt: skip
    return dict(zip(KINDS, map(json.loads, outputs(CODE, environments)), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_passes_in_lanes_compute_with_whole_vectors(functions, kind):
    found = functions[kind]
    tiles = {name: lines for name, lines in found.items() if "tiles" in name}
    wanted = ("sigmoid", "loss_and_gradient", "plain_update")
    passes = [lines for name, lines in found.items() if any(word in name for word in wanted)]
    assert len(tiles) > 10
    assert len(passes) >= 4
    for name, lines in tiles.items():
        assert count(PACKED, lines) >= 1, name
        assert count(SCALAR, lines) == 0, name
        assert count(SPILL, lines) == 0, name
    assert sum(count(PACKED, lines) for lines in passes) > 100
    assert sum(count(SCALAR, lines) for lines in passes) == 0


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_an_unrolled_epoch_is_straight_and_in_whole_vectors(functions, kind):
    """XOR's: the products of a strip or more, without a number taken out of a vector."""
    special = [lines for name, lines in functions[kind].items() if "special" in name]
    lines = max(special, key=len)  # and not the one that calls it
    # Forward 96 in four strips; errors, slopes, backward pass, gradient and update 89 in one; 60
    # and more in two loops over sigmoids, each of two vectors.
    assert count(PACKED, lines) > 245
    assert count(SCALAR, lines) == 0
    taken_apart = re.compile(r"^v?(?:p?insr|p?extr|insertps|movd\b)")
    assert count(taken_apart, lines) < 10
    # The loops over activations, over epochs, and what looks for the end.
    assert sum(line.startswith("j") for line in lines) < 40


def test_tiles_multiply_and_add_in_one_instruction(functions):
    for name, lines in functions["float64", "avx2"].items():
        if "tiles" in name:
            rows, columns = map(int, re.search(r"(\d)x(\d)", name).groups())
            fused = sum(line.startswith("vfmadd") for line in lines)
            assert fused > 0, name
            assert fused % (rows * columns) == 0, name
            assert not any(re.match(r"v(mul|add)p", line) for line in lines), name
