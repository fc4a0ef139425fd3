"""Models as a C header that needs only a C99 compiler."""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..results.model import Model, as_model
from ..spec.activations import LEAK, SOFTMAX
from ..support.atomic_files import destination
from ..support.checks import shown
from ..support.suggestions import suggests
from ..support.version import __version__
from .c_encoding import code_lines, comment_of, encode_lines
from .common import form_of, labels_of, layers_of, write

WIDTH = 100
LONGEST_NAME = 30
LONGEST_LABEL = 1000
"""Bytes: C99 guarantees strings of 4,095 characters, and one byte may need four."""
# Bodies of functions of x.  In all code NAME stands for the prefix of names, `real` for the type of
# the network's numbers, LARGEST for the largest of them, @ for the suffix of the math functions of
# that type.
FORMS: dict[str, tuple[str, ...]] = {
    "sigmoid": ("const real e = exp@(-fabs@(x));", "return (x < 0 ? e : 1) / (1 + e);"),
    "tanh": ("return tanh@(x);",),
    "relu": ("return x < 0 ? 0 : x;",),
    "identity": (),
    "leaky_relu": ("return x < 0 ? LEAK * x : x;",),
    "softplus": ("return (x > 0 ? x : 0) + log1p@(exp@(-fabs@(x)));",),
    "elliott": ("return x / (1 + fabs@(x));",),
    "sine": ("return sin@(x);",),
    "gaussian": ("return exp@(-(x * x));",),
    SOFTMAX: (),
}
BOUNDED_CODE = """
static inline real NAME_bounded(real x)
{
    const real most = LARGEST;
    return x > most ? most : x < -most ? -most : x;
}
"""
SOFTMAX_CODE = """
static inline void NAME_softmax(real *y, int n)
{
    real largest = -LARGEST, sum = 0;
    int j;
    for (j = 0; j < n; j++) {
        y[j] = NAME_bounded(y[j]);
        if (y[j] > largest)
            largest = y[j];
    }
    for (j = 0; j < n; j++) {
        y[j] = exp@(y[j] - largest);
        sum += y[j];
    }
    for (j = 0; j < n; j++)
        y[j] /= sum;
}
"""
DENSE_CODE = """
static inline void NAME_dense(const real *x, int n_in, const real *w,
                              const real *b, real *y, int n_out)
{
    int i, j;
    for (j = 0; j < n_out; j++)
        y[j] = b ? b[j] : 0;
    for (i = 0; i < n_in; i++)
        for (j = 0; j < n_out; j++)
            y[j] += x[i] * w[i * n_out + j];
}
"""
# Logarithms of sigmoids do not underflow; a softmax of them divides the sigmoids by their sum.
SHARE_CODE = """
static inline real NAME_logshare(real x)
{
    x = NAME_bounded(x);
    return (x < 0 ? x : 0) - log1p@(exp@(-fabs@(x)));
}

static inline real NAME_logsum(real x, real y)
{
    return (x > y ? x : y) + log1p@(exp@(-fabs@(x - y)));
}
"""
CLASSIFY_CODE = """
static inline int NAME_classify(const double *x)
{
    double y[NAME_OUTPUTS];
    int j, best = 0;
    NAME_predict(x, y);
    for (j = 1; j < NAME_OUTPUTS; j++)
        if (y[j] > y[best])
            best = j;
    return best;
}
"""


@suggests
def to_c(model: Any, path: Any = None, name: str = "model") -> str:
    """Convert a model to a self-contained C99 header, which is also valid C++17.

    The header includes only ``<math.h>``, allocates nothing, and holds the weights bit for bit in
    ``static const`` arrays.  With the name "model" it declares:

    - ``model_INPUTS`` and ``model_OUTPUTS``, constants;
    - ``static inline void model_predict(const double *x, double *y)``: computes from one sample's
      inputs the outputs in the units of the data, or the probability of every class, like
      `Model.evaluate` and `Model.scores`, and NaN if the network overflows; x and y may be the same
      array;
    - for classes ``static inline int model_classify(const double *x)``, the index of the most
      probable class, and ``model_labels``, the labels by index: ``const char *`` in UTF-8,
      ``long long`` (``unsigned`` if one needs it), ``double``, or ``int`` for bools.

    All other names also begin with ``model_``, so a program can include several headers with
    different names.  The inputs of a model with an encoding are its columns: numbers, with NAN for
    missing ones, and the codes of categories, such as ``model_codeColorRed``, with -1 for any
    other text.  The network computes in the model's dtype, scaling in double.  Results agree
    with Python's to 1e-12 for float64 and to 1e-6 for float32, relative to the larger of the number
    and one unit of the outputs' scale; a network that amplifies rounding errors also amplifies this
    difference.

    Parameters
    ----------
    model : Model, Run, or estimator with a method `to_model`
    path : str or PathLike, optional
        A file to write as well.  An existing file, or the target of a symbolic link, is replaced
        once the new one is complete, and keeps its permissions.
    name : str, default "model"
        Prefix of the names in C: a letter, then up to 29 letters, digits and single underscores,
        not ending in an underscore.

    Returns
    -------
    str
        The header, in ASCII, with lines of up to 100 characters.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value, or a label is longer than 1,000 bytes or
        contains a NUL character.
    OSError
        If the file cannot be written.
    """
    model = as_model(model)
    if path is not None:
        destination(path)
    if not isinstance(name, str):
        raise TypeError(f"name: expected a str, got {shown(name)}")
    if len(name) > LONGEST_NAME or not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", name):
        raise ValueError(
            f"name: expected a letter, then up to {LONGEST_NAME - 1} letters, digits and single "
            f"underscores, not ending in an underscore, got {shown(name)}"
        )
    header = _Header(model, name)
    body = "\n".join([*header.constants(), *header.tables(), *header.functions()])
    # The guard depends on the content: a second header of the same name is an error, not skipped.
    guard = f"FASTNN_{name}_{hashlib.sha256(body.encode()).hexdigest()[:16]}_H"
    begin = [*header.comment(), f"#ifndef {guard}", f"#define {guard}", "", "#include <math.h>", ""]
    text = "\n".join([*begin, body, "#endif", ""])
    if path is not None:
        write(path, text.encode())
    return text


class _Header:
    """The parts of a header, as lines."""

    def __init__(self, model: Model, name: str) -> None:
        self.model = model
        self.name = name
        self.real = "double" if model.dtype == np.float64 else "float"
        self.layers = layers_of(model)
        self.labels = labels_of(model)
        self.members = len(model.parameters)
        self.encoding = model.encoding
        self.n_in, self.n_out = model.network.sizes[0], model.network.sizes[-1]
        self.n_given = self.n_out if self.labels is None else len(self.labels)

    def code(self, text: str) -> str:
        """Code with the name, the number type and its functions filled in."""
        text = text.replace("@", "" if self.real == "double" else "f")
        text = re.sub(r"\breal\b", self.real, text).replace("LEAK", self.number(LEAK))
        text = text.replace("LARGEST", self.number(np.finfo(self.model.dtype).max))
        return text.replace("NAME", self.name)  # last: it may contain the other placeholders

    def number(self, value: float) -> str:
        """A number of the network's type, bit for bit."""
        exact = float(self.model.dtype.type(value))
        return _hexadecimal(exact) + ("" if self.real == "double" else "f")

    def comment(self) -> Iterator[str]:
        """A comment that says what the header is and how to use it."""
        net, name = self.model.network, self.name
        sizes, activations = "-".join(map(str, net.sizes)), ", ".join(net.activation)
        members = f", the average of {self.members} networks" if self.members > 1 else ""
        stack = (2 * max(net.sizes) + self.n_out) * self.model.dtype.itemsize
        stack += 0 if self.encoding is None else 8 * self.n_in
        yield f"/* A trained neural network in C99 or C++17, written by fastnn {__version__}."
        yield ""
        yield from _wrapped(
            f"Units {sizes} ({activations}){members}, in {self.real}; it needs about {stack} bytes "
            "of stack.  Link with the math library, as in cc -std=c99 program.c -lm"
        )
        yield ""
        yield f"       double x[{name}_INPUTS], y[{name}_OUTPUTS];"
        yield f"       {name}_predict(x, y);"
        if self.labels is not None:
            yield f"       {name}_labels[{name}_classify(x)];"
        yield ""
        for i, feature in enumerate(self.model.features or ()):
            coded = "" if self.encoding is None else comment_of(self.encoding, i, name)
            yield from _wrapped(f"x[{i}]: {_in_comment(feature + coded)}")
        outputs = (self.model.targets or ()) if self.labels is None else self.labels
        share = "the share of " if self.model.has_shares else ""
        for i, output in enumerate(outputs):
            yield from _wrapped(f"y[{i}]: {share}{_in_comment(str(output))}")
        yield "*/"

    def constants(self) -> Iterator[str]:
        """Constants for the number of inputs and outputs."""
        columns = self.n_in if self.encoding is None else len(self.encoding.columns)
        yield self.code(f"enum {{ NAME_INPUTS = {columns}, NAME_OUTPUTS = {self.n_given} }};")
        if self.encoding is not None:
            yield from code_lines(self.encoding, self.name)

    def tables(self) -> Iterator[str]:
        """Tables of labels, scaling, weights and biases."""
        if self.labels is not None:
            kind, values = _label_table(self.labels)
            yield from self._table(f"{kind}NAME_labels[{len(values)}]", values)
        for where, scaling in (("in", self.model.inputs), ("out", self.model.outputs)):
            if scaling is not None:
                for part, numbers in (("mean", scaling.mean), ("scale", scaling.scale)):
                    values = [_hexadecimal(number) for number in numbers.tolist()]
                    yield from self._table(f"double NAME_{where}{part}[{len(values)}]", values)
        for i, layer in enumerate(self.layers, 1):
            for letter, array in (("w", layer.weights), ("b", layer.biases)):
                if array is not None:
                    rows = array.reshape(self.members, -1).tolist()
                    yield self.code(
                        f"\nstatic const real NAME_{letter}{i}[{self.members}][{len(rows[0])}] = {{"
                    )
                    for row in rows:
                        yield from ["    {", *_packed(map(self.number, row), " " * 8), "    },"]
                    yield "};"

    def _table(self, declared: str, values: Iterable[str]) -> Iterator[str]:
        yield self.code(f"\nstatic const {declared} = {{")
        yield from [*_packed(values, " " * 4), "};"]

    def functions(self) -> Iterator[str]:
        """The functions."""
        yield self.code(DENSE_CODE)
        names = self.model.network.activation
        for name in dict.fromkeys(names[:-1] if self.model.divides else names):
            body = form_of(FORMS, name, "C")
            if body:
                head = f"static inline real {self._function(name)}(real x)\n{{"
                yield self.code("\n".join([head, *(f"    {line}" for line in body), "}\n"]))
        if self.model.network.activation[-1] == SOFTMAX or self.model.divides:
            yield self.code(BOUNDED_CODE.lstrip("\n") + SOFTMAX_CODE)
        if self.model.divides:
            yield self.code(SHARE_CODE.lstrip("\n"))
        if self.encoding is not None:
            yield from encode_lines(self.encoding, self.name, _hexadecimal)
        yield self.code("\n".join(self._predict()))
        if self.labels is not None:
            yield self.code(CLASSIFY_CODE)

    def _function(self, activation: str) -> str:
        # Without underscores, so that no two prefixes and suffixes make the same name.
        return f"NAME_{activation.replace('_', '')}"

    def _predict(self) -> Iterator[str]:
        widest = max(self.model.network.sizes)
        yield "static inline void NAME_predict(const double *x, double *y)\n{"
        yield f"    real u[{widest}], v[{widest}], sum[{self.n_out}];"
        if self.encoding is not None:
            yield f"    double e[{self.n_in}];"
        yield "    int i, m;"
        if self.encoding is not None:
            yield "    NAME_encode(x, e);"
        yield from self._each(self.n_out, "sum[i] = 0;", "    ")
        yield f"    for (m = 0; m < {self.members}; m++) {{"
        given = "x" if self.encoding is None else "e"
        seen = f"{given}[i]"
        if self.model.inputs is not None:
            seen = f"(({given}[i] - NAME_inmean[i])\n                / NAME_inscale[i])"
        cast = "" if self.real == "double" else "(real)"
        yield from self._each(self.n_in, f"u[i] = {cast}{seen};")
        source, result = "u", "v"
        sizes = self.model.network.sizes
        for number, layer in enumerate(self.layers, 1):
            n_in, n_out = sizes[number - 1 : number + 1]
            biases = "0" if layer.biases is None else f"NAME_b{number}[m]"
            yield f"        NAME_dense({source}, {n_in}, NAME_w{number}[m],"
            yield f"            {biases}, {result}, {n_out});"
            if layer.activation == SOFTMAX:
                yield f"        NAME_softmax({result}, {n_out});"
            elif FORMS[layer.activation] and not (self.model.divides and layer is self.layers[-1]):
                function = self._function(layer.activation)
                yield from self._each(n_out, f"{result}[i] = {function}({result}[i]);")
            source, result = result, source
        if self.model.divides:
            added = f"NAME_logshare({source}[i])"
            if self.members > 1:
                added = f"m ? NAME_logsum(sum[i], {added})\n                : {added}"
            yield from self._each(self.n_out, f"sum[i] = {added};")
        else:
            yield from self._each(self.n_out, f"sum[i] += {source}[i];")
        yield "    }"
        if self.model.divides:
            yield f"    NAME_softmax(sum, {self.n_out});"
        single = self.members == 1 or self.model.divides
        mean = "sum[i]" if single else f"sum[i] / {self.members}"
        if self.model.outputs is not None:
            mean = f"{mean} * NAME_outscale[i]\n            + NAME_outmean[i]"
            mean = f"exp({mean})" if self.model.outputs.log else mean
        if self.n_given > self.n_out:
            share = mean.replace("[i]", "[0]")
            yield f"    y[0] = 1 - {share};\n    y[1] = {share};"
        else:
            yield from self._each(self.n_out, f"y[i] = {mean};", "    ")
        yield "}"

    def _each(self, count: int, body: str, indent: str = " " * 8) -> Iterator[str]:
        yield f"{indent}for (i = 0; i < {count}; i++)"
        yield f"{indent}    {body}"


def _label_table(labels: list[Any]) -> tuple[str, list[str]]:
    """The C type of the labels, and each label as a C literal."""
    kind: Any = type(labels[0])
    if kind is str:
        return "char *const ", [_string(label) for label in labels]
    if kind is bool:
        return "int ", [str(int(label)) for label in labels]
    if kind is float:
        return "double ", [_hexadecimal(label) for label in labels]
    if max(labels) >= 2**63:
        return "unsigned long long ", [f"{label}ULL" for label in labels]
    # C has no negative literals, so the smallest integer is computed from one that fits.
    least = -(2**63)
    return "long long ", [
        f"{label}LL" if label > least else f"{label + 1}LL - 1" for label in labels
    ]


def _hexadecimal(value: float) -> str:
    """A float as a C99 literal, bit for bit."""
    mantissa, _, exponent = value.hex().partition("p")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}p{exponent}"


def _string(text: str) -> str:
    """A C string literal, in pieces that fit the line length."""
    data = text.encode()
    if len(data) > LONGEST_LABEL or 0 in data:
        raise ValueError(
            f"classes: expected labels of up to {LONGEST_LABEL} bytes without NUL characters, got "
            f"{shown(text)}"
        )
    parts = [_escaped(data[i : i + 20]) for i in range(0, max(1, len(data)), 20)]
    return "\n    ".join(f'"{part}"' for part in parts)


def _escaped(data: bytes) -> str:
    """Bytes escaped for a C string, including ?, which could begin a trigraph."""
    plain = set(range(32, 127)) - set(b'"\\?')
    return "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in data)


def _in_comment(text: str) -> str:
    """A name made safe inside a comment, which it must not end."""
    return _escaped(text.encode()).replace("*", "\\052")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=" " * 3, subsequent_indent=" " * 6)


def _packed(values: Iterable[str], indent: str) -> Iterator[str]:
    """Values with commas, as many to a line as fit."""
    line = indent
    for value in values:
        if len(line) + len(value) >= WIDTH and line != indent:
            yield line.rstrip()
            line = indent
        line += f"{value}, "
    yield line.rstrip()
