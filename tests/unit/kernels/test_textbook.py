"""The textbook's loops: as shown on the page, NumPy's sums, and the bits of block products."""

import ast
from pathlib import Path

import numba
import numpy as np
import pytest
from conftest import bits
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import blocks

import fastnn
from fastnn.jit.compiling import FLAGS, inlined
from fastnn.kernels import textbook
from fastnn.kernels.matmul import matmul, matmul_across, matmul_of_known_size
from fastnn.kernels.matmul_tile import ITSELF, ROW, ZERO
from fastnn.lanes.buffers import buffer
from fastnn.lanes.math.exponentials import sigmoid
from fastnn.lanes.matrices import matrix
from fastnn.spec.activations import BY_NAME

ROOT = Path(fastnn.__file__).parent.parent
PAGE = ROOT / "docs" / "pages" / "kernels.md"
SOURCE = Path(textbook.__file__).read_text()
FUNCTIONS = [node for node in ast.parse(SOURCE).body if isinstance(node, ast.FunctionDef)]
ONE = np.int64(1)
SIGMOID = BY_NAME["sigmoid"]


def text_of(function):
    first = min([function.lineno, *(node.lineno for node in function.decorator_list)])
    return "\n".join(SOURCE.splitlines()[first - 1 : function.end_lineno])


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_the_page_shows_the_source(function):
    page = PAGE.read_text()
    assert text_of(function) in page
    assert f"`{function.name}`" in page


def test_the_readme_links_to_the_page_on_its_first_screen():
    head = (ROOT / "README.md").read_text().partition("\n## ")[0]
    assert "(docs/pages/kernels.md)" in head
    assert "fastnn/kernels/textbook.py" in PAGE.read_text()


kernel = numba.njit(**FLAGS)


@inlined
def of(array):
    rows, columns = array.shape
    return matrix(buffer(array), rows, columns, columns, 1, 0)


@kernel
def preactivate(A, W, b, Z):
    """The loops on plain arrays; `b` has one row or none."""
    textbook.preactivate(of(A), of(W), of(b), of(Z))


@kernel
def preactivate_in_blocks(A, W, b, Z, how):
    begin = ROW if b.shape[0] else ZERO
    if how == "across":
        matmul_across(of(Z), of(A), of(W), begin, of(b))
    elif how == "known":
        matmul_of_known_size(ONE, of(Z), of(A), of(W), begin, of(b))
    else:
        matmul(ONE, of(Z), of(A), of(W), begin, of(b))


@kernel
def backpropagate(D, W, D_below):
    textbook.backpropagate(of(D), of(W), of(D_below))


@kernel
def backpropagate_in_blocks(D, W, D_below):
    matmul(ONE, of(D_below), of(D), of(W).T, ZERO, of(D_below))


@kernel
def add_gradient(A, D, dW, db, fresh):
    textbook.add_gradient(of(A), of(D), of(dW), of(db), fresh)


@kernel
def add_gradient_in_blocks(A, D, dW, db, fresh, ones):
    begin = ZERO if fresh else ITSELF
    matmul(ONE, of(dW), of(A).T, of(D), begin, of(dW))
    if db.shape[0]:
        matmul(ONE, of(db), of(ones), of(D), begin, of(db))


@kernel
def squared_errors(A, Y, D, sse):
    return textbook.squared_errors(of(A), of(Y), of(D), sse)


ACTIVATE, MULTIPLY = textbook.activate(sigmoid), textbook.multiply_by_slope(SIGMOID.slope)


@kernel
def activate(Z):
    ACTIVATE(of(Z))


@kernel
def multiply_by_slope(A, D):
    MULTIPLY(of(A), of(D))


@kernel
def descend(w, g, rate):
    textbook.descend(of(w), of(g), of(rate))


def same(left, right):
    np.testing.assert_array_equal(bits(left), bits(right))


def close(left, right, scale=1.0):
    """To rounding: sums of up to 40 products of numbers of size 1."""
    np.testing.assert_allclose(left, right, rtol=0, atol=1e-13 * scale)


@given(
    samples=st.integers(1, 19),
    n_in=st.integers(1, 18),
    n_out=st.integers(1, 18),
    bias=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=200, deadline=None)
def test_loops_are_numpys_products_and_the_bits_of_blocks(samples, n_in, n_out, bias, seed):
    rng = np.random.default_rng(seed)
    A, W, b = (rng.uniform(-1, 1, shape) for shape in ((samples, n_in), (n_in, n_out), (1, n_out)))
    b = b[: int(bias)]
    Z = np.full((samples, n_out), np.nan)
    preactivate(A, W, b, Z)
    close(Z, A @ W + b.sum(axis=0))
    for how in ("across", "known", "rows"):
        blocks = np.full_like(Z, np.nan)
        preactivate_in_blocks(A, W, b, blocks, how)
        same(blocks, Z)

    D = rng.uniform(-1, 1, (samples, n_out))
    below, blocks = np.full((2, samples, n_in), np.nan)
    backpropagate(D, W, below)
    backpropagate_in_blocks(D, W, blocks)
    close(below, D @ W.T)
    same(blocks, below)

    for fresh in (True, False):
        before = rng.uniform(-1, 1, (n_in + len(b), n_out))
        loops, blocks = before.copy(), before.copy()
        add_gradient(A, D, loops[:n_in], loops[n_in:], fresh)
        add_gradient_in_blocks(A, D, blocks[:n_in], blocks[n_in:], fresh, np.ones((1, samples)))
        expected = np.vstack([A.T @ D, D.sum(axis=0, keepdims=True)[: len(b)]])
        close(loops, expected + (0 if fresh else before))
        same(blocks, loops)


def test_the_other_formulas():
    rng = np.random.default_rng(0)
    Z, Y = rng.normal(size=(7, 5)), rng.uniform(size=(7, 5))
    A = Z.copy()
    activate(A)
    close(A, 1 / (1 + np.exp(-Z)))
    D = np.empty_like(A)
    sse = squared_errors(A, Y, D, 0.0)
    close(sse, ((A - Y) ** 2).sum())
    close(D, 2 * (A - Y))
    errors = D.copy()
    multiply_by_slope(A, D)
    close(D, errors * A * (1 - A))
    w, g, rate = rng.normal(size=(6, 3)), rng.normal(size=(6, 3)), rng.uniform(size=(1, 3))
    expected = w - rate * g
    descend(w, g, rate)
    close(w, expected)


def parts(w):
    """W1, b1, W2 and b2 of a 2-2-1 network in its vector (9, 1)."""
    return w[:4].reshape(2, 2), w[4:6].reshape(1, 2), w[6:8], w[8:]


def test_the_epoch_of_the_page_trains():
    (epoch,) = (
        block for block in blocks(PAGE.read_text(), "py") if block.startswith("preactivate(")
    )
    X, Y = fastnn.datasets.xor()
    arguments = {"net": fastnn.Network([2, 2, 1]), "X": X, "y": Y}
    arguments["optimizer"] = fastnn.GradientDescent(0.5)
    w = fastnn.train(**arguments, epochs=0).parameters[:, None].copy()
    g = np.full_like(w, np.nan)
    names = {"X": X, "Y": Y, "w": w, "g": g, "rate": np.array([[0.5]])}
    names |= zip(("W1", "b1", "W2", "b2"), parts(w), strict=True)
    names |= zip(("dW1", "db1", "dW2", "db2"), parts(g), strict=True)
    names |= {name: np.full((4, 2), np.nan) for name in ("A1", "D1")}
    names |= {name: np.full((4, 1), np.nan) for name in ("A2", "D2")}
    losses = []
    for _ in range(20):
        exec(epoch, globals(), names)
        losses.append(names["sse"])
    run = fastnn.train(**arguments, epochs=20)
    same(w[:, 0], run.parameters)
    same(np.array(losses), run.history[:-1])
    assert run.loss < run.history[0]
