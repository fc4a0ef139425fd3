"""Philox4x64-10, the counter-based generator of Salmon et al. 2011 (doi:10.1145/2063384.2063405).

Block c of key (seed, k) is four uint64 computed from a counter alone, so the random
numbers of restart k need no state and no other restart.  Initial parameters use the counters
(c, 0, 0, 0): NumPy's ``Philox(key=[seed, k])`` returns the blocks c = 1, 2, …; block 0 is never
used.  Other streams have a different second word.
"""

import numpy as np

from ...jit.compiling import inlined
from ..operations import high_product

MULTIPLIER_0 = np.uint64(0xD2E7470EE14C6C93)
MULTIPLIER_1 = np.uint64(0xCA5A826395121157)
WEYL_0 = np.uint64(0x9E3779B97F4A7C15)
WEYL_1 = np.uint64(0xBB67AE8584CAA73B)
ROUNDS = 10


@inlined
def philox(seed, k, block, stream, part):
    """The four uint64 of one block of a stream, from the counter (block, stream, part, 0)."""
    c0, c1, c2, c3 = block, stream, part, np.uint64(0)
    key0, key1 = seed, k
    for _ in range(ROUNDS):
        high0, low0 = high_product(MULTIPLIER_0, c0), MULTIPLIER_0 * c0
        high1, low1 = high_product(MULTIPLIER_1, c2), MULTIPLIER_1 * c2
        c0, c1, c2, c3 = high1 ^ c1 ^ key0, low1, high0 ^ c3 ^ key1, low0
        key0 += WEYL_0
        key1 += WEYL_1
    return c0, c1, c2, c3
