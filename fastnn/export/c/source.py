"""The text of a C header, part by part."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator

import numpy as np

from ...results.model import Model
from ...results.models import Models
from ...results.outcomes import SHARES
from ...results.scalings import Scalings
from ...spec.activations import SOFTMAX
from ...support.version import __version__
from ...tabular.encoding import Encoding
from ..common import labels_of, layers_of
from . import code
from .encoding import code_lines, comment_of, encode_lines
from .formulas import Functions
from .groups import Index
from .narrow import Loss
from .quantize import WholeModel
from .text import folded, hexadecimal, in_comment, label_table, packed, wrapped
from .vector import Vector


class Source:
    """The parts of a header, as lines.

    Parameters
    ----------
    model : Model or Models
        In the type in which the code computes, without its encoding.
    name : str
    encoding : Encoding or None
        How columns become the model's inputs.
    whole : WholeModel or None
        The model in eight bits.
    vector : Vector or None
    loss : Loss or None
    tested : list of int, optional
        The group of each sample of the test vector.
    """

    def __init__(
        self,
        model: Model | Models,
        name: str,
        encoding: Encoding | None,
        whole: WholeModel | None,
        vector: Vector | None,
        loss: Loss | None,
        tested: list[int] | None = None,
    ) -> None:
        self.model, self.name, self.encoding = model, name, encoding
        self.whole, self.vector, self.loss, self.tested = whole, vector, loss, tested
        self.in_double = model.dtype == np.float64
        self.real = "double" if self.in_double else "float"
        self.layers = layers_of(model)
        self.labels = labels_of(model)
        self.index = Index(list(model)) if isinstance(model, Models) else None
        self.members = len(model.parameters) if self.index is None else 1
        self.sizes = model.network.sizes
        self.n_in, self.n_out = self.sizes[0], self.sizes[-1]
        self.n_given = self.n_out if self.labels is None else len(self.labels)
        activations = model.network.activation
        computed = activations[:-1] if model.divides else activations
        self.made = Functions(dict.fromkeys(computed), self.constant, self.in_double)

    def text(self) -> str:
        """The whole header."""
        used = "\n".join(self.declarations())
        defined = "\n".join([*self.tables(), *self.functions()])
        # The guards depend on the content: a second header of a name is an error, not skipped.
        digest = hashlib.sha256(f"{used}{defined}".encode()).hexdigest()[:16]
        guard = f"FASTNN_{self.name}_{digest}"
        parts = [
            *self.comment(),
            self.code(code.LINKAGE),
            f"#ifndef {guard}_H\n#define {guard}_H\n",
            used,
            "\n#endif",
            self.code("#if !defined(NAME_DECLARATIONS) \\\n    || defined(NAME_IMPLEMENTATION)"),
            f"#ifndef {guard}_C\n#define {guard}_C",
            defined,
            "#endif\n#endif\n",
        ]
        return "\n".join(parts)

    def code(self, text: str) -> str:
        """Code with the name, the number type and its functions filled in."""
        for name, part in (code.NO_GROUP if self.index is None else code.GROUP).items():
            text = text.replace(name, part)
        text = text.replace("@", "" if self.in_double else "f")
        text = re.sub(r"\breal\b", self.real, text)
        text = text.replace("LARGEST", self.number(np.finfo(self.model.dtype).max))
        text = text.replace("HALF", self.number(0.5)).replace("WIDEST", str(max(self.sizes)))
        return text.replace("NAME", self.name)  # last: it may contain the other placeholders

    def number(self, value: float) -> str:
        """A number of the network's type, bit for bit."""
        exact = float(self.model.dtype.type(value))
        return hexadecimal(exact) + ("" if self.in_double else "f")

    def constant(self, value: float) -> str:
        """A constant of a formula: an infinity, NaN, a short fraction as decimals, or any other."""
        with np.errstate(over="ignore"):
            exact = float(self.model.dtype.type(value))
        if not math.isfinite(exact):
            return "NAN" if math.isnan(exact) else f"{'-' if exact < 0 else ''}INFINITY"
        if abs(exact) < 2**20 and (8 * exact).is_integer():
            return repr(exact) + ("" if self.in_double else "f")
        return self.number(value)

    def comment(self) -> Iterator[str]:
        """A comment that says what the header is and how to use it."""
        net, name = self.model.network, self.name
        sizes, activations = "-".join(map(str, net.sizes)), ", ".join(net.activation)
        members = f", the average of {self.members} networks" if self.members > 1 else ""
        if self.index is not None:
            members = f", a network for each of {len(self.index.labels)} groups"
        kind = self.real if self.whole is None else "int8"
        stack = (2 * max(net.sizes) + self.n_out) * self.model.dtype.itemsize
        stack += 0 if self.whole is None else max(net.sizes)
        stack += 0 if self.encoding is None else self.n_in * self.model.dtype.itemsize
        yield f"/* A trained neural network in C99 or C++17, written by fastnn {__version__}."
        yield ""
        yield from wrapped(
            f"Units {sizes} ({activations}){members}, in {kind}; it needs about {stack} bytes "
            "of stack.  Link with the math library, as in cc -std=c99 program.c -lm"
        )
        if self.loss is not None:
            yield from wrapped(f"Beside the model it was made from: {self.loss}.")
        yield ""
        yield f"       {self.real} x[{name}_INPUTS], y[{name}_OUTPUTS];"
        group = ""
        if self.index is not None:
            group = "group, "
            yield f"       int group = {name}_find(label);"
        yield f"       {name}_predict({group}x, y);"
        if self.labels is not None:
            yield f"       {name}_labels[{name}_classify({group}x)];"
        if self.vector is not None:
            yield f"       {name}_check();  (0 if the test vector below comes out right)"
        yield ""
        yield from wrapped(
            f"Every file that includes it has its own copy.  For a single one, define "
            f"{name}_DECLARATIONS before that, and in one file {name}_IMPLEMENTATION."
        )
        yield ""
        encoding = self.encoding
        names = self.model.features if encoding is None else encoding.names
        for i, feature in enumerate(names or ()):
            coded = "" if encoding is None else comment_of(encoding, i, name)
            yield from wrapped(f"x[{i}]: {in_comment(feature + coded)}")
        outputs = (self.model.targets or ()) if self.labels is None else self.labels
        share = "the share of " if self.model.has_shares else ""
        for i, output in enumerate(outputs):
            yield from wrapped(f"y[{i}]: {share}{in_comment(str(output))}")
        yield "*/"

    def declarations(self) -> Iterator[str]:
        """Names that programs use."""
        yield "#include <math.h>"
        if self.whole is not None:
            yield "#include <stdint.h>"
        yield '\n#ifdef __cplusplus\nextern "C" {\n#endif\n'
        columns = self.n_in if self.encoding is None else len(self.encoding.columns)
        groups = "" if self.index is None else f", NAME_GROUPS = {len(self.index.labels)}"
        sizes = f"NAME_INPUTS = {columns}, NAME_OUTPUTS = {self.n_given}{groups}"
        yield self.code(f"enum {{ {sizes} }};\n")
        if self.encoding is not None:
            yield from code_lines(self.encoding, self.name)
        yield self.code("NAME_PUBLIC void\nNAME_predict(TAKEN_GROUPconst real *x, real *y);")
        if self.labels is not None:
            yield self.code("NAME_PUBLIC int NAME_classify(TAKEN_GROUPconst real *x);")
        if self.index is not None:
            yield self.code(f"NAME_PUBLIC int NAME_find({self.index.taken}label);")
        if self.vector is not None:
            yield self.code("NAME_PUBLIC int NAME_check(void);")
        for table, (kind, values) in self._labels():
            yield self.code(
                "#if defined(NAME_DECLARATIONS) \\\n    || defined(NAME_IMPLEMENTATION)\n"
                f"extern const {kind}NAME_{table}[{len(values)}];\n#endif"
            )
        yield "\n#ifdef __cplusplus\n}\n#endif"

    def tables(self) -> Iterator[str]:
        """Tables of labels, scaling, weights and biases, and the test vector."""
        for table, (kind, values) in self._labels():
            yield self.code(f"\nNAME_TABLE const {kind}NAME_{table}[{len(values)}] = {{")
            yield from [*packed(values, " " * 4), "};"]
        for where, scaling in (("in", self.model.inputs), ("out", self.model.outputs)):
            if isinstance(scaling, Scalings):
                yield from self._numbers(f"{where}mean", scaling.mean)
                yield from self._numbers(f"{where}scale", scaling.scale)
            elif scaling is not None:
                for part, numbers in (("mean", scaling.mean), ("scale", scaling.scale)):
                    values = [self.number(number) for number in numbers.tolist()]
                    yield self.code(f"\nstatic const real NAME_{where}{part}[{len(values)}] = {{")
                    yield from [*packed(values, " " * 4), "};"]
        yield from self._layer_tables() if self.whole is None else self._whole_tables(self.whole)
        if self.vector is not None:
            yield from self._numbers("checkx", self.vector.x)
            yield from self._numbers("checky", self.vector.y)
            yield from self._numbers("checkoff", self.vector.off[np.newaxis])
        if self.tested is not None:
            places = ", ".join(map(str, self.tested))
            yield self.code(f"\nstatic const int NAME_checkgroup[] = {{{places}}};")

    def _labels(self) -> Iterator[tuple[str, tuple[str, list[str]]]]:
        """The tables of labels: their name, type and values."""
        if self.labels is not None:
            yield "labels", label_table(self.labels, self.in_double)
        if self.index is not None:
            yield "groups", self.index.table

    def _layer_tables(self) -> Iterator[str]:
        for i, layer in enumerate(self.layers, 1):
            yield from self._numbers(f"w{i}", layer.weights)
            if layer.biases is not None:
                yield from self._numbers(f"b{i}", layer.biases)

    def _whole_tables(self, whole: WholeModel) -> Iterator[str]:
        for i, layers in enumerate(zip(*whole.members, strict=True), 1):
            yield from self._numbers(f"middle{i}", np.stack([layer.middle for layer in layers]))
            yield from self._numbers(f"inverse{i}", np.stack([layer.inverse for layer in layers]))
            yield from self._integers("int8_t", f"w{i}", [layer.weights for layer in layers])
            yield from self._integers("int32_t", f"b{i}", [layer.biases for layer in layers])
            yield from self._numbers(f"step{i}", np.array([[layer.step for layer in layers]]))

    def _numbers(self, name: str, array: np.ndarray) -> Iterator[str]:
        rows = array.reshape(len(array), -1).tolist()
        yield from self._table("real", name, ([*map(self.number, row)] for row in rows))

    def _integers(self, kind: str, name: str, arrays: list[np.ndarray]) -> Iterator[str]:
        rows = ([*map(str, array.ravel().tolist())] for array in arrays)
        yield from self._table(kind, name, rows)

    def _table(self, kind: str, name: str, rows: Iterable[list[str]]) -> Iterator[str]:
        """A table of one row for each member of the model, or for each sample."""
        rows = [*rows]
        shape = f"[{len(rows)}][{len(rows[0])}]"
        yield self.code(f"\nstatic const {kind} NAME_{name}{shape} = {{")
        for row in rows:
            yield from ["    {", *packed(row, " " * 8), "    },"]
        yield "};"

    def functions(self) -> Iterator[str]:
        """The functions."""
        model = self.model
        yield self.code(code.DENSE if self.whole is None else code.WHOLE + code.DENSE_OF_WHOLE)
        names = model.network.activation
        for text in self.made.helpers():
            yield self.code(text.lstrip("\n"))
        for comment, text in self.made.definitions():
            yield comment + folded(self.code(text))
        if names[-1] == SOFTMAX or model.divides:
            yield self.code(code.BOUNDED.lstrip("\n") + code.SOFTMAX_OF)
        if model.divides:
            yield self.code(code.SHARE.lstrip("\n"))
        if self.encoding is not None:
            yield self.code("\n".join(encode_lines(self.encoding, self.name, self.number)))
        yield self.code("\n".join(self._network()))
        yield self.code("\n".join(self._predict()))
        if self.labels is not None:
            yield self.code(self._classify())
        if self.index is not None:
            yield from map(self.code, self.index.functions())
        if self.vector is not None:
            yield self.code(code.CHECK.replace("CHECKED", str(len(self.vector.x))))

    def _input(self) -> str:
        """The network's input i as a C expression of the program's inputs `x`."""
        given = "x[i]" if self.encoding is None else "e[i]"
        if self.model.inputs is None:
            return given
        own = "[m]" if isinstance(self.model.inputs, Scalings) else ""
        return f"(({given} - NAME_inmean{own}[i])\n            / NAME_inscale{own}[i])"

    def _network(self) -> Iterator[str]:
        """A function of one member: the inputs of its last activation, in `u` or in `v`."""
        yield "static inline real *NAME_network(const real *x, int m,"
        yield "                                 real *u, real *v)\n{"
        yield "    int i;"
        if self.whole is not None:
            yield "    int8_t q[WIDEST];"
        if self.encoding is not None:
            yield f"    real e[{self.n_in}];\n    NAME_encode(x, e);"
        yield from _each(self.n_in, f"u[i] = {self._input()};")
        source, result = "u", "v"
        for number, layer in enumerate(self.layers, 1):
            yield from self._dense(number, source, result)
            function = self.made.names.get(layer.activation)
            if layer is not self.layers[-1] and function is not None:
                yield from _each(self.sizes[number], f"{result}[i] = {function}({result}[i]);")
            source, result = result, source
        yield f"    (void)m;\n    return {source};\n}}\n"

    def _dense(self, number: int, source: str, result: str) -> Iterator[str]:
        n_in, n_out = self.sizes[number - 1 : number + 1]
        if self.whole is None:
            biases = "0" if self.layers[number - 1].biases is None else f"NAME_b{number}[m]"
            yield f"    NAME_dense({source}, {n_in}, NAME_w{number}[m],"
            yield f"        {biases}, {result}, {n_out});"
            return
        place = "i" if number == 1 else "0"
        yield from _each(
            n_in,
            f"q[i] = NAME_whole(\n            ({source}[i] - NAME_middle{number}[m][{place}])\n"
            f"            * NAME_inverse{number}[m][{place}]);",
        )
        yield f"    NAME_dense(q, {n_in}, NAME_w{number}[m],"
        yield f"        NAME_b{number}[m], NAME_step{number}[0][m], {result}, {n_out});"

    def _predict(self) -> Iterator[str]:
        """The function of all members: the average of their outputs, in the data's units."""
        model, last = self.model, self.model.network.activation[-1]
        yield "NAME_PUBLIC void\nNAME_predict(TAKEN_GROUPconst real *x, real *y)\n{"
        yield f"    real u[WIDEST], v[WIDEST], sum[{self.n_out}];"
        yield "    int i, m;"
        yield from _each(self.n_out, "sum[i] = 0;")
        first = "0"
        if self.index is not None:
            yield "    if (group < 0 || group >= NAME_GROUPS) {"
            yield from _each(self.n_given, "y[i] = NAN;", " " * 8)
            yield "        return;\n    }"
            first = "group"
        end = self.members if self.index is None else "group + 1"
        yield f"    for (m = {first}; m < {end}; m++) {{"
        yield "        real *z = NAME_network(x, m, u, v);"
        if last == SOFTMAX:
            yield f"        NAME_softmax(z, {self.n_out});"
        if model.divides:
            added = "NAME_logshare(z[i])"
            if self.members > 1:
                yield from _each(self.n_out, f"z[i] = {added};", " " * 8)
                added = "m ? NAME_logsum(sum[i], z[i]) : z[i]"
            yield from _each(self.n_out, f"sum[i] = {added};", " " * 8)
        else:
            function = self.made.names[last]
            output = "z[i]" if function is None else f"{function}(z[i])"
            yield from _each(self.n_out, f"sum[i] += {output};", " " * 8)
        yield "    }"
        if model.divides:
            yield f"    NAME_softmax(sum, {self.n_out});"
        single = self.members == 1 or model.divides
        mean = "sum[i]" if single else f"sum[i] / {self.members}"
        if model.outputs is not None:
            own = "[group]" if isinstance(model.outputs, Scalings) else ""
            mean = f"{mean} * NAME_outscale{own}[i]\n            + NAME_outmean{own}[i]"
            mean = f"exp@({mean})" if model.outputs.log else mean
        if self.n_given > self.n_out:
            share = mean.replace("[i]", "[0]")
            yield f"    y[0] = 1 - {share};\n    y[1] = {share};"
        else:
            yield from _each(self.n_out, f"y[i] = {mean};")
        yield "}"

    def _classify(self) -> str:
        last = self.model.network.activation[-1]
        grows = self.members == 1 and last in SHARES
        # The softmax of one unit is 1, whatever the unit's input.
        if self.in_double or not grows or (self.n_out == 1 and last == SOFTMAX):
            return code.CLASSIFY
        return code.CLASSIFY_INPUTS if self.n_out > 1 else code.CLASSIFY_SIGN


def _each(count: int, body: str, indent: str = " " * 4) -> Iterator[str]:
    yield f"{indent}for (i = 0; i < {count}; i++)"
    yield f"{indent}    {body}"
