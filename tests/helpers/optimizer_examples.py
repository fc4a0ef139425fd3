"""Optimizers with every option, and problems to try them on, for the tests of optimizers."""

import numpy as np

import fastnn
from fastnn import (
    RPROP,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    GradientDescent,
    Lion,
    Nadam,
    OneCycle,
    PerLayer,
    Quickprop,
    ReduceOnPlateau,
    RMSProp,
    StepDecay,
    WarmUp,
)

VARIANTS = ("Rprop-", "iRprop-", "Rprop+", "iRprop+")

# In RPROP and Quickprop the sign of a slope decides, beside a minimum the sign of its rounding
# error.  RPROP's shortest steps here are so long that no weight comes to lie at its minimum to
# within rounding, and the longest so short that no unit saturates.  Quickprop with a `max_growth`
# of 1 or more multiplies a rounding error by about 1.2 in each epoch, whatever the rate: it is less
# here, and more only in a test of fewer epochs.  The rates of the others are below the stability
# limit, above which rounding errors grow too.
STEPS = {"initial_step": 0.05, "min_step": 0.005, "max_step": 0.1}
STEPS_OF_LAYERS = {
    "initial_step": PerLayer(0.05, 0.03), "min_step": PerLayer(0.005, 0.006),
    "max_step": PerLayer(0.1, 0.07), "increase": PerLayer(1.2, 1.1), "decrease": PerLayer(0.5, 0.6),
}  # fmt: skip

EXAMPLES = {
    "plain": GradientDescent(0.02),
    "momentum": GradientDescent(0.01, momentum=0.9),
    "nesterov": GradientDescent(0.01, momentum=0.9, nesterov=True),
    "clip": GradientDescent(0.02, clip=0.3),
    "step decay": GradientDescent(0.02, schedule=StepDecay(30, factor=0.7)),
    "exponential decay": GradientDescent(0.02, schedule=ExponentialDecay(0.99)),
    "cosine decay": GradientDescent(0.02, schedule=CosineDecay(150, floor=0.1)),
    "per layer": GradientDescent(PerLayer(0.03, 0.01)),
    "all at once": GradientDescent(
        PerLayer(0.02, 0.01), momentum=0.8, nesterov=True, clip=0.5, schedule=CosineDecay(250)
    ),
    "momentum, clip, steps": GradientDescent(
        0.02, momentum=0.5, clip=0.4, schedule=StepDecay(1, factor=0.995)
    ),
    **{variant: RPROP(variant, **STEPS) for variant in VARIANTS},
    **{
        f"{variant}, other factors": RPROP(variant, increase=1.1, decrease=0.7, **STEPS)
        for variant in VARIANTS
    },
    "Quickprop": Quickprop(0.005, max_growth=0.5, decay=1e-3),
    "Quickprop without decay": Quickprop(0.002, max_growth=0.4, decay=0.0),
    "Adam": Adam(0.01),
    "Adam, other means": Adam(0.003, beta1=0.5, beta2=0.95, epsilon=1e-3),
    "Adam without memory": Adam(0.005, beta1=0.0, beta2=0.0, epsilon=0.1),
    "Adam, cosine decay": Adam(0.02, schedule=CosineDecay(100, floor=0.05)),
    "Adam, step decay": Adam(0.02, schedule=StepDecay(50, factor=0.3)),
    "AMSGrad": AMSGrad(0.01),
    "AMSGrad, other numbers": AMSGrad(
        PerLayer(0.005, 0.01), beta1=0.5, beta2=PerLayer(0.8, 0.9), schedule=StepDecay(50)
    ),
    "Nadam": Nadam(0.01),
    "Nadam, other numbers": Nadam(0.003, beta1=0.7, beta2=0.95, epsilon=0.1, momentum_decay=0.1),
    # With a small epsilon steps are of one length, and the sign of a rounding error decides, too.
    "RMSProp": RMSProp(0.001, decay=0.99, epsilon=0.03),
    "RMSProp, other numbers": RMSProp(PerLayer(0.003, 0.001), epsilon=0.5),
    "Adagrad": Adagrad(0.02),
    "Adagrad, cosine decay": Adagrad(0.03, epsilon=0.1, schedule=CosineDecay(150)),
    "Lion": Lion(0.0005),
    "Lion, other numbers": Lion(0.001, beta1=0.5, beta2=0.9, weight_decay=0.1),
    "AdamW": AdamW(0.01, weight_decay=0.1),
    "AdamW, exponential decay": AdamW(
        0.02, beta1=0.8, weight_decay=0.5, schedule=ExponentialDecay(0.99)
    ),
    "momentum and clip per layer": GradientDescent(
        0.02, momentum=PerLayer(0.3, 0.7), clip=PerLayer(0.2, 0.3),
        schedule=CosineRestarts(30, growth=2, floor=0.1),
    ),
    "one cycle": GradientDescent(PerLayer(0.02, 0.03), momentum=0.5, schedule=OneCycle(190)),
    "iRprop- per layer": RPROP(**STEPS_OF_LAYERS),
    "iRprop+ per layer": RPROP("iRprop+", **STEPS_OF_LAYERS),
    "Quickprop per layer": Quickprop(
        PerLayer(0.004, 0.006), max_growth=PerLayer(0.5, 0.4), decay=PerLayer(1e-3, 5e-4),
        schedule=WarmUp(20, then=ExponentialDecay(0.995)),
    ),
    "Adam per layer": Adam(
        PerLayer(0.01, 0.005), beta1=PerLayer(0.9, 0.8), beta2=PerLayer(0.99, 0.999),
        epsilon=PerLayer(1e-8, 1e-3), schedule=WarmUp(10, start=0.2, then=CosineRestarts(40)),
    ),
    # No loss comes so close to the threshold that rounding would decide.
    "AdamW per layer, plateaus": AdamW(
        0.01, weight_decay=PerLayer(0.1, 0.3),
        schedule=ReduceOnPlateau(20, factor=0.7, threshold=0.33, floor=0.3),
    ),
}  # fmt: skip


def xor_problem():
    """XOR with three hidden units: network, inputs, targets."""
    return fastnn.Network([2, 3, 1]), *fastnn.datasets.xor()


def regression_problem(samples=20):
    """Random inputs and targets with two outputs, tanh below identity."""
    rng = np.random.default_rng(5)
    net = fastnn.Network([3, 4, 2], activation=["tanh", "identity"])
    return net, rng.normal(size=(samples, 3)), 0.5 * rng.normal(size=(samples, 2))


PROBLEMS = {"xor": xor_problem, "regression": regression_problem}
