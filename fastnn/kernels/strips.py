"""One strip of a run by itself: the networks of one vector.

Strips are independent.  Where loops are unrolled, a strip goes through all steps before the next
one begins, so that its numbers stay in registers or close by; products in blocks take all strips.
"""

from dataclasses import replace

from numba import types
from numba.extending import intrinsic

from ..jit.compiling import inlined
from ..lanes.matrices import INTP, proxy
from .views import View


@intrinsic
def strip_of(typingctx, net, s):
    """The view of a run whose only strip is strip s of `net`; activations and pieces take all."""
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
    """`work`, a function of (net, …), for all strips at once or, unrolled, one after the other."""
    if not kind.is_unrolled:
        return work

    @inlined
    def each(net, *others):
        for s in range(net.strips):
            work(strip_of(net, s), *others)

    return each
