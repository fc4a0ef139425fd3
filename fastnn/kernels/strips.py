"""One strip of a run by itself: the networks of one vector.

Strips are independent.  With unrolled loops, a strip goes through all steps before the next one
starts, so its numbers stay in or near registers; products in blocks process all strips.
"""

from dataclasses import replace

from numba import types
from numba.extending import intrinsic

from ..jit.compiling import inlined
from ..lanes.matrices import INTP, proxy
from .views import View


@intrinsic
def strip_of(typingctx, net, s):
    """View strip s of `net` as a run with one strip; activations and pieces still see all."""
    if not (isinstance(net, View) and isinstance(s, types.Integer) and net.known is not None):
        return None
    fields = tuple({**net.fields, "strips": 1}.items())
    kind = View(net.number, net.width, replace(net.known, fields=fields))

    def generate(context, builder, signature, arguments):
        whole = proxy(context, builder, net, arguments[0])
        index = context.cast(builder, arguments[1], signature.args[1], types.intp)
        made = proxy(context, builder, kind)
        made.record = whole.record
        made.space = builder.gep(whole.space, [builder.mul(index, INTP(net.width))])
        return made._getvalue()

    return kind(net, s), generate


def by_strips(kind, work):
    """Apply `work`, a function of (net, …), to all strips at once or, unrolled, one by one."""
    if not kind.is_unrolled:
        return work

    @inlined
    def each(net, *others):
        for s in range(net.strips):
            work(strip_of(net, s), *others)

    return each
