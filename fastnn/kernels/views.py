"""Views of a training run for kernels: the launch record and the workspace, by name.

A `View`, which kernels call `net`, has an attribute for every field of `fastnn.kernels.layout`:
those of the networks, and those of their training.  ``layer_at(net, level)`` has those of a layer.
If the sizes of the run are known when a kernel is compiled, they are constants in its code;
otherwise the same attribute reads the record.

A region, such as `net.parameters`, is a matrix that knows its columns, the strips, but not how many
rows it has.  The whole workspace is `net.workspace` as such a matrix, `net.space` as plain numbers.
"""

import hashlib

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_getattr_generic, lower_setattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, models, register_model

from ..jit.compiling import inlined
from ..lanes.matrices import INTP, Matrix, build_matrix, proxy, sized
from ..lanes.types import Buffer, Lanes, llvm_value
from .layout import (
    FIELDS,
    FLOATS,
    INTEGERS,
    KERNEL,
    LAYER_COLUMNS,
    LAYER_FIELDS,
    LAYER_PLACES,
    LAYERS,
    NUMBER,
    PLACES,
    REGION,
)

RECORD = Buffer(types.int64)
WORD = ir.IntType(64)
ROW, LANE = PLACES["row"], PLACES["lane"]


class View(types.Type):
    """A run of networks in vectors of `width`; `known`: fields and layers that are constants."""

    def __init__(self, number, width, known=None):
        self.number, self.width, self.known = number, width, known
        self.element = Lanes(number, width) if width > 1 else number
        which = "any"
        if known is not None:
            which = hashlib.sha256(repr(known).encode()).hexdigest()[:16]
        super().__init__(name=f"View({number}, {width}, {which})")
        self.fields = dict(known.fields) if known is not None else {}


class Layer(types.Type):
    """One layer of a run."""

    def __init__(self, view):
        self.view = view
        super().__init__(name=f"Layer({view.name})")


@register_model(View)
class ViewModel(models.StructModel):
    """The launch record and the workspace."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind, [("record", RECORD), ("space", Buffer(kind.number))])


@register_model(Layer)
class LayerModel(models.StructModel):
    """The view, and the layer's place."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind, [("net", kind.view), ("level", types.intp)])


def _type_of(view, sort):
    if sort == REGION:
        return Matrix(view.element)
    if sort == FLOATS:
        return Buffer(view.number)
    return Buffer(types.int64) if sort == INTEGERS else types.int64


@infer_getattr
class ViewAttributes(AttributeTemplate):
    """The types of the fields."""

    key = View

    def generic_resolve(self, kind, name):
        """Type of the field `name`, or of the workspace."""
        if name in ("space", "workspace"):
            return Buffer(kind.number) if name == "space" else Matrix(kind.element)
        return _type_of(kind, FIELDS[name]) if name in FIELDS else None


@infer_getattr
class LayerAttributes(AttributeTemplate):
    """Numbers and addresses of functions are integers."""

    key = Layer

    def generic_resolve(self, kind, name):
        """Type of the layer's field `name`."""
        return types.int64 if name in LAYER_FIELDS else None


def _place(builder, record, index):
    return builder.gep(record, [index if isinstance(index, ir.Value) else INTP(index)])


def _field(builder, kind, view, name):
    """The integer in the field `name`: a constant if known."""
    if name in kind.fields:
        return WORD(kind.fields[name])
    return builder.load(_place(builder, view.record, PLACES[name]), align=8)


@lower_getattr_generic(View)
def _get(context, builder, kind, value, name):
    view = proxy(context, builder, kind, value)
    if name == "space":
        return view.space
    number, sort = WORD(0), REGION
    if name in FIELDS:
        number, sort = _field(builder, kind, view, name), FIELDS[name]
    if sort in (NUMBER, KERNEL):
        return number
    if sort != REGION:
        target = WORD if sort == INTEGERS else llvm_value(kind.number)
        return builder.inttoptr(number, target.as_pointer())
    strips, lanes = (_field(builder, kind, view, each) for each in ("strips", "lanes"))
    return build_matrix(
        context, builder, Matrix(kind.element),
        builder.gep(view.space, [builder.mul(number, lanes)]),
        rows=0, columns=strips, row_step=lanes, column_step=kind.width, strip_step=kind.width,
    )  # fmt: skip


@lower_setattr_generic(View)
def _set(context, builder, signature, arguments, name):
    kind = signature.args[0]
    if name in kind.fields:
        raise TypeError(f"{name} is a constant of this kernel")
    view = proxy(context, builder, kind, arguments[0])
    value, value_kind = arguments[1], signature.args[1]
    if isinstance(value_kind, Buffer):
        number = builder.ptrtoint(value, WORD)
    else:
        number = context.cast(builder, value, value_kind, types.int64)
    builder.store(number, _place(builder, view.record, PLACES[name]), align=8)


@lower_getattr_generic(Layer)
def _get_of_layer(context, builder, kind, value, name):
    layer = proxy(context, builder, kind, value)
    view = proxy(context, builder, kind.view, layer.net)
    place = INTP(LAYER_PLACES[name])
    at = builder.add(builder.mul(layer.level, INTP(LAYER_COLUMNS)), place)
    known = kind.view.known
    if known is not None and LAYER_FIELDS[name] == NUMBER:
        table = _constant_table(builder.module, kind.view)
        return builder.load(builder.gep(table, [INTP(0), at]), align=8)
    return builder.load(_place(builder, view.record, builder.add(at, INTP(LAYERS))), align=8)


def _constant_table(module, view):
    """The layers' numbers as a constant, from which LLVM reads while it compiles."""
    places = LAYER_COLUMNS - len(view.known.layers[0])  # without addresses, which are unknown
    numbers = [number for row in view.known.layers for number in (*row, *[0] * places)]
    name = f"fastnn.layers.{view.name}"
    if name in module.globals:
        return module.globals[name]
    kind = ir.ArrayType(WORD, len(numbers))
    table = ir.GlobalVariable(module, kind, name)
    table.linkage, table.global_constant = "internal", True
    table.initializer = ir.Constant(kind, numbers)
    return table


def view_of(kind):
    """Make an intrinsic that creates the view `kind` of a launch record and a workspace."""

    @intrinsic
    def view(typingctx, record, space):
        def generate(context, builder, signature, arguments):
            made = proxy(context, builder, kind)
            made.record, made.space = arguments
            return made._getvalue()

        return kind(record, space), generate

    return view


@intrinsic
def layer_at(typingctx, net, level):
    """The layer at a place, counted from 0 for the first after the inputs."""
    if not (isinstance(net, View) and isinstance(level, types.Integer)):
        return None
    kind = Layer(net)

    def generate(context, builder, signature, arguments):
        made = proxy(context, builder, kind)
        made.net = arguments[0]
        made.level = context.cast(builder, arguments[1], signature.args[1], types.intp)
        return made._getvalue()

    return kind(net, level), generate


@intrinsic
def call(typingctx, net, address):
    """Call the compiled function at `address` with this record and workspace."""
    if not (isinstance(net, View) and isinstance(address, types.Integer)):
        return None

    def generate(context, builder, signature, arguments):
        view = proxy(context, builder, signature.args[0], arguments[0])
        emit_call(context, builder, arguments[1], view.record, view.space, net.number)
        return context.get_dummy_value()

    return types.none(net, address), generate


@intrinsic
def call_at(typingctx, address, record, space):
    """Call the compiled function at `address` with a record and a workspace."""
    if not (record == RECORD and isinstance(space, Buffer)):
        return None

    def generate(context, builder, signature, arguments):
        emit_call(context, builder, *arguments, space.element)
        return context.get_dummy_value()

    return types.none(address, record, space), generate


def emit_call(context, builder, address, record, space, number):
    """Call as Numba calls its own functions: via the C wrapper, XOR took 5 ns more per epoch."""
    kinds = RECORD, Buffer(number)
    function = context.call_conv.get_function_type(types.int64, kinds)
    result, error = (cgutils.alloca_once(builder, kind.pointee) for kind in function.args[:2])
    builder.call(builder.inttoptr(address, function.as_pointer()), [result, error, record, space])


@intrinsic
def is_given(typingctx, buffer):
    """Return whether there is an array at all."""
    if not isinstance(buffer, Buffer):
        return None

    def generate(context, builder, signature, arguments):
        address = builder.ptrtoint(arguments[0], WORD)
        present = builder.icmp_unsigned("!=", address, WORD(0))
        return context.cast(builder, present, types.boolean, types.boolean)

    return types.boolean(buffer), generate


@inlined
def copy_row(net, record):
    """Write the restart that is being started, its row and lane, into another record."""
    record[ROW], record[LANE] = net.row, net.lane


@inlined
def weights(net, of, level):
    """The weights (n_in, n_out) of a layer in `of`: the parameters, or their gradient."""
    layer = layer_at(net, level)
    return sized(of + layer.weights, layer.n_in, layer.n_out)


@inlined
def biases(net, of, level):
    """The biases of a layer, a row (1, n_out), or none (0, n_out); they follow its weights."""
    layer = layer_at(net, level)
    return sized(of + (layer.weights + layer.n_in * layer.n_out), layer.has_bias, layer.n_out)


@inlined
def outputs(net, level, samples):
    """The outputs (samples, n_out) of a layer."""
    layer = layer_at(net, level)
    return sized(net.workspace + layer.outputs, samples, layer.n_out)


@inlined
def slopes(net, level, samples):
    """The slopes of a layer, or the outputs that determine them."""
    layer = layer_at(net, level)
    return sized(net.workspace + layer.slopes, samples, layer.n_out)


@inlined
def deltas(net, level, samples):
    """The derivatives (samples, n_out) of the loss with respect to a layer's pre-activations.

    Layers alternate between two regions: one is read while the other is written.
    """
    region = net.other if (net.depth - level) & 1 == 0 else net.delta
    return sized(region, samples, layer_at(net, level).n_out)
