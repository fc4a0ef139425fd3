"""What every update takes out of the frame."""

from ..frame import GRADIENT, HYPER, N_PARAMETERS, PARAMETERS, STATE, STRIPS
from ..lanes.compiling import glue


@glue
def of_update(frame, vectors):
    """Strips, number of parameters, and buffers: parameters, gradient, state, hyperparameters."""
    strips = frame[STRIPS]
    return (
        strips,
        frame[N_PARAMETERS],
        vectors + frame[PARAMETERS] * strips,
        vectors + frame[GRADIENT] * strips,
        vectors + frame[STATE] * strips,
        vectors + frame[HYPER] * strips,
    )
