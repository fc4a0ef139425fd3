"""Models of the best restart of each group."""

import numpy as np
import pandas as pd
import pytest
from conftest import bits
from group_examples import NET, data_of

import fastnn

X, Y, LABELS = data_of([3, 12, 1, 12, 30])
SETTINGS = {"optimizer": "rprop", "epochs": 20, "restarts": 4}


def many(y=Y, **arguments):
    return fastnn.train_many(NET, X, y, groups=LABELS, **SETTINGS | arguments)


@pytest.mark.parametrize("keep", ["all", "outcomes"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_models_have_the_best_network_of_each_group(keep, dtype):
    runs = many(keep=keep, dtype=dtype)
    reversed_runs = runs[np.arange(len(runs))[::-1]]
    for models in (runs.models(), reversed_runs.models()):
        assert models.dtype == dtype
        np.testing.assert_array_equal(models.labels, runs.group_labels)
        found = models.predict(X, LABELS)
        for label, k in zip(models, runs.best_of_groups(), strict=True):
            rows = label == LABELS
            expected = runs.restart(k).predict(X[rows])
            np.testing.assert_array_equal(bits(found[rows]), bits(expected))


@pytest.mark.parametrize("keep", ["all", "outcomes"])
def test_models_of_a_folder_are_those_of_memory(keep, folder):
    expected = many().models()
    models = many(keep=keep, out=folder, chunk=3).models()
    np.testing.assert_array_equal(models.labels, expected.labels)
    np.testing.assert_array_equal(bits(models.parameters), bits(expected.parameters))


def test_names_of_columns_go_along():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    runs = fastnn.train_many(
        NET, frame, pd.DataFrame(Y, columns=["sold"]), groups=LABELS, **SETTINGS
    )
    models = runs.models(by="shop")
    assert (models.features, models.targets) == (("a", "b", "c"), ("sold",))
    rows = frame[["c", "a", "b"]].assign(shop=LABELS)
    np.testing.assert_array_equal(models.predict(rows), models.predict(X, LABELS))
    assert runs.models(features=["u", "v", "w"]).features == ("u", "v", "w")


def test_scalings_and_classes_are_those_of_models():
    runs = many()
    scalings = [fastnn.Scaling([i, 0, 0], [1, 2, 3]) for i in range(5)]
    models = runs.models(inputs=scalings, outputs=fastnn.Scaling([1], [2]))
    for label, scaling in zip(runs.group_labels, scalings, strict=True):
        np.testing.assert_array_equal(models[label].inputs.mean, scaling.mean)
    assert runs.models(classes=["no", "yes"]).predict(X[:1], LABELS[:1])[0] in ("no", "yes")


def test_groups_without_a_finite_loss_are_left_to_the_fallback():
    runs = many(np.where(LABELS == 3, 1e200, Y[:, 0]), optimizer=fastnn.GradientDescent(0.01))
    with pytest.raises(ValueError, match=r"^models: expected .* got none in 3; pass fallback="):
        runs.models()
    fallback = fastnn.Model(NET, np.ones(NET.n_parameters))
    scalings = [fastnn.Scaling([i, 0, 0], [1, 2, 3]) for i in range(5)]
    models = runs.models(fallback=fallback, inputs=scalings)
    assert 3 not in models
    for wrong in (scalings[:4], [1] * 5):
        with pytest.raises((ValueError, TypeError), match=r"^inputs: expected"):
            runs.models(fallback=fallback, inputs=wrong)
    rows = LABELS == 3
    found = models.predict(X, LABELS)
    np.testing.assert_array_equal(found[rows], fallback.predict(X[rows]))
    for label, scaling in zip(runs.group_labels, scalings, strict=True):
        if label != 3:
            np.testing.assert_array_equal(models[label].inputs.mean, scaling.mean)


def test_runs_of_one_data_set_have_no_groups():
    with pytest.raises(ValueError, match=r"expected runs of groups, trained with groups="):
        fastnn.train_many(NET, X, Y, **SETTINGS).models()
