"""Estimators take numbers alone, and say how texts become numbers."""

import numpy as np
import pytest

pandas = pytest.importorskip("pandas")
pytest.importorskip("sklearn")

from sklearn.compose import make_column_transformer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder  # noqa: E402

from fastnn.sklearn import MLPClassifier, MLPRegressor  # noqa: E402

FRAME = pandas.DataFrame({"size": [1.0, np.nan, 3.0, 4.0] * 5, "kind": ["a", "b", "a", "c"] * 5})
Y = [0, 1] * 10


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::fastnn.TrainingWarning")
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_texts_are_refused_with_advice_that_works(kind):
    model = kind((3,), n_restarts=1, max_iter=2)
    texts = FRAME.fillna(0)
    advice = f"X: expected numbers: .*'a'.*make_column_transformer.*SimpleImputer.*{kind.__name__}"
    for X in (texts, texts.to_numpy(dtype=object)):
        with pytest.raises(ValueError, match=advice):
            model.fit(X, Y)
    model.fit(texts[["size"]].assign(kind=1), Y)
    with pytest.raises(ValueError, match=advice):
        model.predict(texts)
    encoded = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
            remainder=SimpleImputer(strategy="median"),
        ),
        kind((3,), n_restarts=1, max_iter=2),
    )
    encoded.fit(FRAME, Y)
    assert len(encoded.predict(FRAME)) == 20
