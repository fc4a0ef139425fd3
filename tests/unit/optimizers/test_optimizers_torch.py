"""Optimizers and schedules against PyTorch's, an independent implementation."""

import math

import numpy as np
import pytest
from optimizer_examples import xor_problem

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
    ReduceOnPlateau,
    RMSProp,
    StepDecay,
    WarmUp,
)

pytestmark = pytest.mark.thorough

torch = pytest.importorskip("torch")
sgd, rates = torch.optim.SGD, torch.optim.lr_scheduler
STEPS = 100


@pytest.fixture(autouse=True)
def _numbers_of_theirs_are_float64():
    """Otherwise NAdam keeps its product of momenta in float32."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def trajectory(make_optimizer, make_scheduler=None, clip=None, steps=STEPS, seed=0):
    """The flat parameters after each of `steps` steps of PyTorch, from fastnn's start."""
    net, X, y = xor_problem()
    start = fastnn.train(net, X, y, epochs=0, seed=seed)
    inputs, targets = torch.tensor(X), torch.tensor(y)
    weights = [torch.tensor(w, requires_grad=True) for w in start.weights]
    biases = [torch.tensor(b, requires_grad=True) for b in start.biases]
    tensors = weights + biases
    optimizer = make_optimizer(tensors)
    scheduler = make_scheduler(optimizer) if make_scheduler else None
    found = []
    for _ in range(steps):
        outputs = inputs
        for w, b in zip(weights, biases, strict=True):
            outputs = torch.sigmoid(outputs @ w + b)
        optimizer.zero_grad()
        loss = ((outputs - targets) ** 2).sum()
        loss.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(tensors, clip)
        optimizer.step()
        if isinstance(scheduler, rates.ReduceLROnPlateau):
            scheduler.step(loss.item())
        elif scheduler:
            scheduler.step()
        arrays = [[t.detach().numpy() for t in group] for group in (weights, biases)]
        found.append(net.pack(*arrays))
    return np.array(found)


def ours(optimizer, steps=STEPS, seed=0):
    """The same from fastnn, step by step."""
    runs = [
        fastnn.train(*xor_problem(), optimizer=optimizer, epochs=e, seed=seed, history=False)
        for e in range(1, steps + 1)
    ]
    return np.array([run.parameters for run in runs])


PAIRS = {
    "SGD": (GradientDescent(0.5), lambda p: sgd(p, 0.5)),
    "momentum": (GradientDescent(0.1, momentum=0.9), lambda p: sgd(p, 0.1, momentum=0.9)),
    "nesterov": (
        GradientDescent(0.1, momentum=0.9, nesterov=True),
        lambda p: sgd(p, 0.1, momentum=0.9, nesterov=True),
    ),
    "Adam": (Adam(0.05), lambda p: torch.optim.Adam(p, 0.05)),
    "Adam, other means": (
        Adam(0.02, beta1=0.5, beta2=0.99, epsilon=1e-2),
        lambda p: torch.optim.Adam(p, 0.02, betas=(0.5, 0.99), eps=1e-2),
    ),
    "AdamW": (AdamW(0.05), lambda p: torch.optim.AdamW(p, 0.05)),
    "AdamW, more decay": (
        AdamW(0.05, weight_decay=0.3),
        lambda p: torch.optim.AdamW(p, 0.05, weight_decay=0.3),
    ),
    "RMSProp": (RMSProp(0.02), lambda p: torch.optim.RMSprop(p, 0.02, alpha=0.9)),
    "RMSProp, other numbers": (
        RMSProp(0.02, decay=0.99, epsilon=0.1),
        lambda p: torch.optim.RMSprop(p, 0.02, eps=0.1),
    ),
    "Adagrad": (Adagrad(0.2), lambda p: torch.optim.Adagrad(p, 0.2)),
    "Adagrad, other numbers": (
        Adagrad(0.5, epsilon=0.1),
        lambda p: torch.optim.Adagrad(p, 0.5, eps=0.1),
    ),
    "AMSGrad": (AMSGrad(0.05), lambda p: torch.optim.Adam(p, 0.05, amsgrad=True)),
    "AMSGrad, other means": (
        AMSGrad(0.05, beta1=0.5, beta2=0.8, epsilon=1e-2),
        lambda p: torch.optim.Adam(p, 0.05, betas=(0.5, 0.8), eps=1e-2, amsgrad=True),
    ),
    "Nadam": (Nadam(0.02), lambda p: torch.optim.NAdam(p, 0.02)),
    "Nadam, other numbers": (
        Nadam(0.05, beta1=0.7, beta2=0.95, epsilon=1e-2, momentum_decay=0.3),
        lambda p: torch.optim.NAdam(p, 0.05, betas=(0.7, 0.95), eps=1e-2, momentum_decay=0.3),
    ),
    # With bounds, since the sign of a slope of a saturated unit is that of its rounding error.
    "Rprop": (
        RPROP(min_step=1e-4, max_step=0.2),
        lambda p: torch.optim.Rprop(p, 0.1, step_sizes=(1e-4, 0.2)),
    ),
    "Rprop, other numbers": (
        RPROP(increase=1.3, decrease=0.4, initial_step=0.02, min_step=1e-3, max_step=0.1),
        lambda p: torch.optim.Rprop(p, 0.02, etas=(0.4, 1.3), step_sizes=(1e-3, 0.1)),
    ),
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", PAIRS)
def test_trajectories(name, seed):
    optimizer, theirs = PAIRS[name]
    # Rounding errors grow along the way: up to 3.1e-12, depending on the machine.
    np.testing.assert_allclose(
        ours(optimizer, seed=seed), trajectory(theirs, seed=seed), rtol=0, atol=1e-11
    )


def rate_of(optimizer):
    return optimizer.param_groups[0]["lr"]


SCHEDULES = {
    "step": (StepDecay(15, factor=0.6), lambda o: rates.StepLR(o, 15, 0.6)),
    "exponential": (ExponentialDecay(0.97), lambda o: rates.ExponentialLR(o, 0.97)),
    # Theirs rises again after the last epoch; ours stays.
    "cosine": (CosineDecay(STEPS), lambda o: rates.CosineAnnealingLR(o, STEPS)),
    "cosine to a floor": (
        CosineDecay(STEPS, floor=0.1),
        lambda o: rates.CosineAnnealingLR(o, STEPS, 0.1 * rate_of(o)),
    ),
    "warm restarts": (
        CosineRestarts(13),
        lambda o: rates.CosineAnnealingWarmRestarts(o, 13),
    ),
    "longer and longer restarts": (
        CosineRestarts(7, growth=2, floor=0.1),
        lambda o: rates.CosineAnnealingWarmRestarts(o, 7, 2, 0.1 * rate_of(o)),
    ),
    "one cycle": (
        OneCycle(STEPS),
        lambda o: rates.OneCycleLR(o, rate_of(o), STEPS, cycle_momentum=False),
    ),
    "another cycle": (
        OneCycle(STEPS, rise=0.45, start=0.1, end=0.02),
        lambda o: rates.OneCycleLR(
            o, rate_of(o), STEPS, pct_start=0.45, cycle_momentum=False, div_factor=10,
            final_div_factor=5,
        ),
    ),
    "warm-up": (WarmUp(20, start=0.1), lambda o: rates.LinearLR(o, 0.1, total_iters=20)),
    "warm-up and cosine": (
        WarmUp(20, start=0.25, then=CosineDecay(STEPS - 20)),
        lambda o: rates.SequentialLR(
            o,
            [rates.LinearLR(o, 0.25, total_iters=20), rates.CosineAnnealingLR(o, STEPS - 20)],
            [20],
        ),
    ),
    "plateaus": (
        ReduceOnPlateau(4, factor=0.6, threshold=0.02),
        lambda o: rates.ReduceLROnPlateau(o, factor=0.6, patience=4, threshold=0.02, eps=0),
    ),
    "plateaus to a floor": (
        ReduceOnPlateau(1, factor=0.5, threshold=0.01, floor=0.2),
        lambda o: rates.ReduceLROnPlateau(
            o, factor=0.5, patience=1, threshold=0.01, min_lr=0.2 * rate_of(o), eps=0
        ),
    ),
}  # fmt: skip


# Their sequences call their own schedulers in a way that these warn of.
@pytest.mark.filterwarnings("ignore:The epoch parameter in .scheduler.step:UserWarning")
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    schedule, theirs = SCHEDULES[name]
    for optimizer, other in (
        (GradientDescent(0.5, schedule=schedule), lambda p: sgd(p, 0.5)),
        (Adam(0.05, schedule=schedule), lambda p: torch.optim.Adam(p, 0.05)),
        (AdamW(0.05, schedule=schedule), lambda p: torch.optim.AdamW(p, 0.05)),
        (Nadam(0.02, schedule=schedule), lambda p: torch.optim.NAdam(p, 0.02)),
        (Adagrad(0.05, schedule=schedule), lambda p: torch.optim.Adagrad(p, 0.05)),
    ):
        np.testing.assert_allclose(
            ours(optimizer), trajectory(other, theirs), rtol=0, atol=1e-11, err_msg=str(optimizer)
        )


@pytest.mark.parametrize("clip", [0.02, 0.05])
def test_clip(clip):
    """They divide by the norm plus 1e-6, so their steps are shorter by 1e-6 over the norm."""
    theirs = trajectory(lambda p: sgd(p, 0.5), clip=clip)
    clipped, free = ours(GradientDescent(0.5, clip=clip)), ours(GradientDescent(0.5))
    difference = np.abs(clipped - theirs).max()
    assert difference < STEPS * 0.5 * 1e-6
    assert np.abs(clipped - free).max() > 1000 * difference


def test_clip_in_one_step():
    theirs = trajectory(lambda p: sgd(p, 0.5), clip=0.05, steps=1)[0]
    start = fastnn.train(*xor_problem(), epochs=0).parameters
    found = ours(GradientDescent(0.5, clip=0.05), steps=1)[0]
    assert np.linalg.norm(found - start) == pytest.approx(0.5 * 0.05, rel=1e-12)
    length = np.linalg.norm(theirs - start)
    assert math.isclose(length, 0.5 * 0.05, rel_tol=1e-4)
    np.testing.assert_allclose(
        (found - start) / np.linalg.norm(found - start), (theirs - start) / length, rtol=1e-12
    )


class TheirLion(torch.optim.Optimizer):
    """Lion as its authors publish it: PyTorch has none."""

    def __init__(self, params, lr, betas, weight_decay):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                update = mean.mul(beta1).add(p.grad, alpha=1 - beta1).sign_()
                p.add_(update, alpha=-group["lr"])
                mean.mul_(beta2).add_(p.grad, alpha=1 - beta2)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("numbers", [(0.001, 0.9, 0.99, 0.0), (0.003, 0.5, 0.9, 0.3)])
def test_lion(numbers, seed):
    rate, beta1, beta2, decay = numbers
    found = ours(Lion(rate, beta1=beta1, beta2=beta2, weight_decay=decay), seed=seed)
    theirs = trajectory(lambda p: TheirLion(p, rate, (beta1, beta2), decay), seed=seed)
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-12)


def by_layer(numbers, p):
    """Groups of PyTorch's optimizers: weights and biases of each layer, with its numbers."""
    depth = len(p) // 2
    groups = [[p[layer], p[depth + layer]] for layer in range(depth)]
    return [{"params": group, **own} for group, own in zip(groups, numbers, strict=True)]


LAYERS = {
    "momentum": (
        GradientDescent(PerLayer(0.5, 0.1), momentum=PerLayer(0.5, 0.9)),
        lambda p: sgd(by_layer([{"lr": 0.5, "momentum": 0.5}, {"lr": 0.1, "momentum": 0.9}], p)),
    ),
    "Adam": (
        Adam(PerLayer(0.05, 0.02), beta1=PerLayer(0.9, 0.7), beta2=PerLayer(0.99, 0.999),
             epsilon=PerLayer(1e-8, 1e-3)),
        lambda p: torch.optim.Adam(by_layer([
            {"lr": 0.05, "betas": (0.9, 0.99), "eps": 1e-8},
            {"lr": 0.02, "betas": (0.7, 0.999), "eps": 1e-3},
        ], p)),
    ),
    "AdamW": (
        AdamW(0.05, weight_decay=PerLayer(0.1, 0.5)),
        lambda p: torch.optim.AdamW(by_layer([{"weight_decay": 0.1}, {"weight_decay": 0.5}], p),
                                    0.05),
    ),
    "Rprop": (
        RPROP(increase=PerLayer(1.2, 1.3), decrease=PerLayer(0.5, 0.4),
              initial_step=PerLayer(0.1, 0.02), min_step=PerLayer(1e-4, 1e-3),
              max_step=PerLayer(0.2, 0.1)),
        lambda p: torch.optim.Rprop(by_layer([
            {"lr": 0.1, "etas": (0.5, 1.2), "step_sizes": (1e-4, 0.2)},
            {"lr": 0.02, "etas": (0.4, 1.3), "step_sizes": (1e-3, 0.1)},
        ], p)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_numbers_of_layers(name):
    optimizer, theirs = LAYERS[name]
    np.testing.assert_allclose(ours(optimizer), trajectory(theirs), rtol=0, atol=1e-12)
