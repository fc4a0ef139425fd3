"""Arguments by position and by name: only the first number of each class is positional."""

import copy
import inspect
import pickle
import re
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from conftest import bits

import fastnn
from fastnn.optimizers import OPTIMIZERS
from fastnn.optimizers.schedules import SCHEDULES
from fastnn.rules import RULES
from fastnn.spec.losses import LOSSES, ArctanhSSE

# Of every public class of settings, what may be given without its name.
FREE = {
    "AMSGrad": ["learning_rate"],
    "Adagrad": ["learning_rate"],
    "Adam": ["learning_rate"],
    "AdamW": ["learning_rate"],
    "Asymmetric": [],
    "Best": ["n"],
    "BinaryCrossEntropy": [],
    "Bootstrap": [],
    "CosineDecay": ["epochs"],
    "CosineRestarts": ["epochs"],
    "CrossEntropy": [],
    "Encoding": ["columns"],
    "ErrorsWithin": ["tolerance"],
    "ExponentialDecay": ["factor"],
    "GaussianNLL": [],
    "GlorotNormal": ["gain"],
    "GlorotUniform": ["gain"],
    "GradientBelow": ["norm"],
    "GradientDescent": ["learning_rate"],
    "Grid": [],
    "HeNormal": ["gain"],
    "HeUniform": ["gain"],
    "Huber": ["delta"],
    "KFold": ["folds"],
    "LBFGS": ["memory"],
    "LevenbergMarquardt": ["damping"],
    "Lion": ["learning_rate"],
    "LogCosh": [],
    "LossBelow": ["loss"],
    "MSE": [],
    "MeanLossBelow": ["ratio"],
    "Model": ["network", "parameters"],
    "Nadam": ["learning_rate"],
    "Models": ["network", "parameters", "labels"],
    "Network": ["sizes", "activation", "bias"],
    "NguyenWidrow": ["gain"],
    "NoProgress": ["epochs"],
    "Normal": ["mean", "std"],
    "OneCycle": ["epochs"],
    "PerLayer": ["values"],
    "Poisson": [],
    "Quantile": ["q"],
    "Quickprop": ["learning_rate"],
    "RMSProp": ["learning_rate"],
    "RPROP": ["variant"],
    "ReduceOnPlateau": ["patience"],
    "SSE": [],
    "SSEBelow": ["sse"],
    "Scaling": ["mean", "scale"],
    "StepDecay": ["every"],
    "SumOfLosses": [],
    "Uniform": ["low", "high"],
    "Validation": ["patience"],
    "WarmUp": ["epochs"],
}
# Made by fastnn, or not by numbers: they are no settings.
OTHERS = {
    "DamagedFile", "GroupTable", "Incomplete", "Interrupted", "Run", "Runs", "Statistics", "Status",
    "StoredRuns", "Summary", "TrainingWarning",
}  # fmt: skip
# They have a constructor of their own.
OF_THEIR_OWN = ("Encoding", "Grid", "Model", "Models", "Network", "PerLayer", "Scaling")
SETTINGS = {
    kind
    for name in FREE
    if is_dataclass(kind := getattr(fastnn, name)) and name not in OF_THEIR_OWN
} | {ArctanhSSE}


def names(kinds):
    return sorted(kind.__name__ for kind in kinds)


def test_every_public_class_is_in_the_table():
    public = {name for name in fastnn.__all__ if isinstance(getattr(fastnn, name), type)}
    assert public == FREE.keys() | OTHERS
    for group in (OPTIMIZERS, LOSSES, SCHEDULES, RULES):
        assert SETTINGS.issuperset(group), names(group)


@pytest.mark.parametrize("name", FREE)
def test_only_what_everybody_means_needs_no_name(name):
    parameters = inspect.signature(getattr(fastnn, name)).parameters.values()
    free = [p.name for p in parameters if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    assert free == FREE[name]


@pytest.mark.parametrize("kind", sorted(SETTINGS, key=lambda kind: kind.__name__))
def test_others_are_refused_and_named(kind):
    free = FREE.get(kind.__name__, [])
    named = [field.name for field in fields(kind) if field.name not in free]
    given = [0.4] * (len(free) + 1)
    with pytest.raises(TypeError) as caught:
        kind(*given)
    text = str(caught.value)
    assert text.startswith(f"{kind.__name__}: expected ")
    assert f"got {len(given)}" in text
    for name in free:
        assert re.search(rf"only .*\b{name}\b.* by position", text)
    for name in named:
        assert f"{name}=…" in text
    # As many as are there, and more.
    with pytest.raises(TypeError, match=f"^{kind.__name__}: expected"):
        kind(*[0.4] * 10)


def test_what_the_errors_say():
    cases = {
        "GradientDescent: expected only learning_rate by position, got 2; "
        "pass others by name: momentum=…, nesterov=…, clip=…, schedule=…": lambda: (
            fastnn.GradientDescent(0.5, 0.9)
        ),
        "Huber: expected only delta by position, got 2; "
        "pass others by name: l2=…, l1=…, penalize_biases=…, l2_towards=…": lambda: fastnn.Huber(
            0.4, 0.1
        ),
        "SSE: expected no arguments by position, got 1; "
        "pass others by name: l2=…, l1=…, penalize_biases=…, l2_towards=…": lambda: fastnn.SSE(0.1),
        "SumOfLosses: expected no arguments by position, got 1": (lambda: fastnn.SumOfLosses(3)),
    }
    for text, call in cases.items():
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value) == text


def test_the_number_of_huber_is_its_delta():
    assert fastnn.Huber(0.4) == fastnn.Huber(delta=0.4)
    assert fastnn.Huber(0.4).l2 == 0
    assert repr(fastnn.Huber(0.4, l2=0.1)) == (
        "Huber(l2=0.1, l1=0.0, penalize_biases=False, l2_towards=None, delta=0.4)"
    )


@pytest.mark.parametrize("kind", sorted(SETTINGS, key=lambda kind: kind.__name__))
def test_settings_are_copied_pickled_and_replaced(kind):
    needed = {"LossBelow": [1], "SSEBelow": [1], "GradientBelow": [1], "Best": [2]}
    made = kind(*needed.get(kind.__name__, []))
    for again in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made)),
                  replace(made)):  # fmt: skip
        assert type(again) is kind
        assert repr(again) == repr(made)


def test_a_class_of_your_own_may_inherit():
    class Gentle(fastnn.GradientDescent):
        def __init__(self):
            super().__init__(0.01, momentum=0.5)

    assert Gentle().momentum == 0.5
    with pytest.raises(TypeError, match=r"^Gentle: expected only learning_rate by position"):
        fastnn.GradientDescent.__init__(Gentle(), 0.5, 0.9)


def test_a_record_of_any_loss_is_read_by_name(tmp_path):
    X, y = fastnn.datasets.xor()
    runs = fastnn.train_many(
        fastnn.Network([2, 2, 1]), X, y, restarts=3, epochs=2, loss=fastnn.Huber(0.4, l2=0.1),
        optimizer=fastnn.GradientDescent(0.5, schedule=fastnn.StepDecay(1, factor=0.5)),
        stop=fastnn.NoProgress(5, min_improvement=0.1),
    )  # fmt: skip
    runs.save(tmp_path / "runs.npz")
    again = fastnn.load(tmp_path / "runs.npz")
    np.testing.assert_array_equal(bits(again.restart(2).parameters), bits(runs.parameters[2]))
