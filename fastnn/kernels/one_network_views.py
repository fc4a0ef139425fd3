"""Views of the passes for one network: a layer is a row of neighbouring samples for each unit.

Output j of sample n of a tile is number ``j * tile + n``.
"""

from ..jit.compiling import inlined
from ..lanes.buffers import lane_count
from ..lanes.matrices import in_registers, matrix, registers_at
from .views import layer_at


@inlined
def unit_rows(net, values, units, count):
    """The numbers of a layer, a row (count,) for each unit; the transpose is (samples, units)."""
    return matrix(values, units, count, net.tile, 1, 0)


@inlined
def whole_groups(net, count):
    """`count` samples, rounded up to whole groups."""
    group = net.group_strips * lane_count(in_registers(net.parameters).data)
    # The group is a power of two, unknown to the compiler, and a division takes 6 ns.
    return (count + group - 1) & -group


@inlined
def outputs(net, level, count):
    """Outputs, a row for each unit."""
    layer = layer_at(net, level)
    return unit_rows(net, net.space + layer.outputs, layer.n_out, count)


@inlined
def slopes(net, level, count):
    """The slopes, or the outputs that determine them, a row for each unit."""
    layer = layer_at(net, level)
    return unit_rows(net, net.space + layer.slopes, layer.n_out, count)


@inlined
def deltas(net, level, count):
    """Derivatives of the loss by a layer's pre-activations, a row for each unit: see `views`."""
    region = net.other if (net.depth - level) & 1 == 0 else net.delta
    return unit_rows(net, region.data, layer_at(net, level).n_out, count)


@inlined
def grouped(net, rows):
    """Unit rows in vectors, a column for each group of samples."""
    width = lane_count(in_registers(rows).data)
    group = net.group_strips * width
    columns = whole_groups(net, rows.columns) // group
    places = matrix(rows.data, rows.rows, columns, rows.row_step, group, width)
    return registers_at(places)


@inlined
def sums_of(net, level):
    """The vectors of sums of a layer's gradient: of the weights, and of the biases."""
    layer = layer_at(net, level)
    width = lane_count(in_registers(net.sums).data)
    group = net.group_strips * width
    first = net.sums.data + layer.weights * group
    dW = matrix(first, layer.n_in, layer.n_out, layer.n_out * group, group, width)
    first = first + layer.n_in * layer.n_out * group
    db = matrix(first, layer.has_bias, layer.n_out, layer.n_out * group, group, width)
    return registers_at(dW), registers_at(db)


@inlined
def loss_vectors(net):
    """The sums of the losses, a vector for each strip of a group."""
    width = lane_count(in_registers(net.losses).data)
    return registers_at(matrix(net.sum_of_losses.data, 1, net.group_strips, 0, width, width))
