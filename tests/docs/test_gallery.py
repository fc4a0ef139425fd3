"""The gallery: its pictures exist, its page names them, and its numbers are correct."""

import itertools
import re
import runpy

import numpy as np
import pytest
from conftest import bits
from paths import ROOT

import fastnn

pytestmark = pytest.mark.thorough

EXAMPLES = ROOT / "examples"
PAGE = ROOT / "docs" / "pages" / "gallery.md"


def example(name):
    """What an example defines."""
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_the_page_shows_every_example_and_picture():
    text = PAGE.read_text()
    shown = re.findall(r"!\[[^\]]+\]\(\.\./\.\./examples/([\w.]+)\)", text)
    pictures = {path.name for kind in ("png", "gif") for path in EXAMPLES.glob(f"*.{kind}")}
    assert set(shown) == pictures
    assert len(shown) == len(set(shown))
    commands = set(re.findall(r"^python examples/(\w+\.py)", text, flags=re.MULTILINE))
    assert commands == {path.name for path in EXAMPLES.glob("*.py")}


def test_pictures_are_small():
    for path in EXAMPLES.glob("*.png"):
        assert path.stat().st_size < 400_000, path
    for path in EXAMPLES.glob("*.gif"):
        assert path.stat().st_size < 1_000_000, path


def test_slices_of_kolen_and_pollack():
    kolen = example("kolen_pollack")
    planes = [kolen["plane"](corner, step, 40) for _, corner, step in kolen["SLICES"]]
    for outer, inner in itertools.pairwise(planes):
        for wide, narrow in zip(outer, inner, strict=True):
            assert wide[0] <= narrow[0] < narrow[-1] <= wide[-1]
    shares = [np.isfinite(kolen["train_slice"](xs, ys)).mean() for xs, ys in planes]
    np.testing.assert_allclose(shares, [0.53, 0.36, 0.81], atol=0.03)
    # The last cell is the network of these nine weights.
    xs, ys = (np.array([0.0, 2.0]), np.array([0.0, 2.5]))
    epochs = kolen["train_slice"](xs, ys)
    start = [np.array([[7.0, -9], [4, -5]]), np.array([-9, 2.5]), np.array([[-3.0], [9]]), [2.0]]
    X, y = fastnn.datasets.xor()
    run = fastnn.reference.train(
        fastnn.Network([2, 2, 1]), X, 1 - y, init=start, epochs=200, stop=fastnn.ErrorsWithin(0.5),
        optimizer=fastnn.GradientDescent(1.5, momentum=0.7),
    )  # fmt: skip
    assert run.status == fastnn.Status.CONVERGED
    assert epochs[1, 1] == run.epochs
    # As the example says, none of the plane learns XOR itself.
    kolen["train_slice"].__globals__["Y"] = 1 - y
    assert np.isnan(kolen["train_slice"](*planes[0])).all()


def test_counts_of_kolen_and_pollack():
    """Within what an independent program counted, and three standard errors of 200 restarts."""
    kolen = example("kolen_pollack")
    failed = dict(zip(kolen["RHO"], kolen["failures"](200), strict=True))
    for rho, low, high in ((0.1, 0, 0.17), (0.5, 0, 0.17), (2, 0.22, 0.47), (4, 0.22, 0.47),
                           (10, 0.58, 0.82)):  # fmt: skip
        assert failed[rho].shape == (2, 3)
        assert (failed[rho] >= low - 0.1).all(), rho
        assert (failed[rho] <= high + 0.1).all(), rho
    means = [failed[rho].mean() for rho in kolen["RHO"][1:]]
    assert (np.diff(means) > 0).all()


def losses_of_the_paper(problem, n, rates):
    """The losses in the paper's own terms, with the factors in the forward pass."""
    weights = problem.net.unpack(problem.start.parameters[0])[0]
    W0, W1 = (W / factor for W, factor in zip(weights, problem.factors, strict=True))
    losses = []
    for step in range(problem.steps + 1):
        z = np.sqrt(2) * (problem.X @ W0) / np.sqrt(n)
        hidden = np.tanh(z)
        error = hidden @ W1 / np.sqrt(n) - problem.y
        losses.append(np.mean(error**2))
        if not np.isfinite(losses[-1]) or step == problem.steps:
            return np.array(losses)
        delta1 = 2 * error / len(error) / np.sqrt(n)
        delta0 = delta1 @ W1.T * (1 - hidden**2) * np.sqrt(2 / n)
        W1 = W1 - rates[1] * hidden.T @ delta1
        W0 = W0 - rates[0] * problem.X.T @ delta0
    return None


@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value encountered")
def test_trainability_is_that_of_the_paper():
    n, cells = 4, 7
    trainability = example("trainability")
    problem = trainability["Problem"](n, 30)
    window = (-3.0, 1.2, -3.0, 3.0)
    converged, sums = problem.map(window, cells)
    assert 0.2 < converged.mean() < 0.8
    for i, rate0 in enumerate(np.logspace(*window[:2], cells)):
        for j, rate1 in enumerate(np.logspace(*window[2:], cells)):
            losses = losses_of_the_paper(problem, n, (rate0, rate1))
            ends = len(losses) == 31 and np.isfinite(losses[-1])
            assert converged[i, j] == (ends and losses[-20:].mean() < losses[0])
            ratios = losses[np.isfinite(losses)] / losses[0]
            expected = ratios.sum() if converged[i, j] else (1 / ratios).sum()
            assert sums[i, j] == pytest.approx(expected, rel=1e-6)


def test_bands_of_the_trainability_map_fit_together():
    trainability = example("trainability")
    problem = trainability["Problem"](3, 25)
    whole = problem.map(trainability["WHOLE"], 9)
    problem.map.__func__.__globals__["BAND"] = 20
    for part, expected in zip(problem.map(trainability["WHOLE"], 9), whole, strict=True):
        np.testing.assert_array_equal(part, expected)


def test_exponentials_of_matrices():
    from scipy.linalg import expm

    chains = example("simple_chains")
    matrices = 2 * np.random.default_rng(0).normal(size=(200, 2, 2))
    expected = np.array([expm(matrix) for matrix in matrices])
    scale = np.abs(expected).max(axis=(1, 2), keepdims=True)
    assert (np.abs(chains["exponentials"](matrices) - expected) / scale).max() < 1e-11


def test_ends_of_basins():
    basins = example("basins")
    runs = basins["train"](30)
    ends = basins["ends_of"](runs)
    solved = ends < 2
    np.testing.assert_array_equal(solved, runs.loss < basins["SOLVED"])
    for i, level in enumerate(basins["LEVELS"]):
        assert (np.abs(runs.loss[ends == 2 + i] - level) < 0.02).all()
    assert (ends == 5).mean() < 0.02
    assert set(ends) >= {0, 1, 2, 3, 4}
    # A band of ones holds what lies between the two inputs that want ones.
    middle = runs.predict([[0.5, 0.5]], "all").ravel()
    assert (middle[ends == 0] > 0.5).all()
    assert (middle[ends == 1] <= 0.5).all()
    # Rows go up by the second weight, columns to the right by the first.
    start = fastnn.train(
        basins["NET"], *fastnn.datasets.xor(), restart=5, epochs=0, init=fastnn.Uniform(-2, 2)
    ).parameters.copy()
    side = np.linspace(-basins["REACH"], basins["REACH"], 30)
    start[list(basins["VARIED"])] = side[4], side[20]
    one = fastnn.train(
        basins["NET"], *fastnn.datasets.xor(), init=start, epochs=basins["EPOCHS"],
        stop=fastnn.LossBelow(basins["SOLVED"]), optimizer=fastnn.GradientDescent(2.0),
    )  # fmt: skip
    np.testing.assert_array_equal(bits(one.parameters), bits(runs.parameters[20 * 30 + 4]))


def test_distinct_solutions():
    solutions = example("solutions")
    runs = solutions["solve"](500)
    assert (runs.sse < solutions["TARGET"]).all()
    groups = solutions["distinct"](runs)
    assert sorted(np.concatenate(groups)) == list(range(len(runs)))
    assert [len(group) for group in groups] == sorted(map(len, groups), reverse=True)
    ones = runs.predict(solutions["LATTICE"], "all")[:, :, 0] > 0.5
    for group in groups:
        assert (ones[group] == ones[group[0]]).all()
    firsts = ones[[group[0] for group in groups]]
    assert len(np.unique(firsts, axis=0)) == len(groups) > 4


def test_frames_are_those_of_one_training():
    learning = example("learning")
    X, y = learning["moons"](50)
    assert X.shape == (50, 2)
    frames = learning["train"](X, y, 6, 40)
    assert frames[0].epochs == 0
    assert frames[-1].epochs == 40
    assert (np.diff([run.epochs for run in frames]) > 0).all()
    for run in frames:
        once = fastnn.train(
            learning["NET"], X, y, epochs=run.epochs, loss="binary_cross_entropy",
            optimizer=fastnn.RPROP(initial_step=0.02),
        )  # fmt: skip
        np.testing.assert_array_equal(bits(run.parameters), bits(once.parameters))


def test_shops_have_networks_of_their_own():
    shops_of = example("shops")
    shops = shops_of["Shops"](12)
    X, y, of = shops.weeks(np.arange(30, 42))
    assert np.abs(X).max() <= 1
    np.testing.assert_array_equal(np.bincount(of), np.arange(30, 42))
    noise = y - shops.demand(X, of)
    assert noise.std() == pytest.approx(shops_of["NOISE"], rel=0.2)  # 426 samples
    from sklearn.metrics import r2_score

    predicted = y + np.random.default_rng(0).normal(size=y.shape)
    expected = [r2_score(y[of == i], predicted[of == i]) for i in range(12)]
    np.testing.assert_allclose(shops_of["scores"](predicted, y, of), expected, rtol=1e-9)
    runs = fastnn.train_many(shops_of["NET"], X, y, groups=of, restarts=3, **shops_of["TRAINING"])
    assert (runs.status == "STALLED").all()
    own = shops_of["scores"](runs.models().predict(X, of), y, of)
    assert own.min() > 0.9


def test_p_values_are_those_of_single_trainings():
    test = example("permutation_test")
    X, y = test["samples"](20)
    targets = test["shuffled"](y, 30)
    np.testing.assert_array_equal(targets[0], y)
    np.testing.assert_array_equal(np.sort(targets, axis=1), np.tile(np.sort(y), (31, 1)))
    assert len(np.unique(targets, axis=0)) == 31
    settings = {**test["TRAINING"]}
    del settings["keep"]
    scores = test["network_scores"](X, targets, 2)
    for score, target in zip(scores, targets, strict=True):
        runs = [fastnn.train(test["NET"], X, target, restart=r, **settings) for r in range(2)]
        assert score == pytest.approx(1 - min(run.sse for run in runs) / (20 * y.var()))
    lines = np.column_stack([X, np.ones(20)])
    rest = [np.linalg.lstsq(lines, target)[1][0] for target in targets]
    np.testing.assert_allclose(
        test["linear_scores"](X, targets), 1 - np.array(rest) / (20 * y.var())
    )
    assert test["p_value"](np.array([2.0, 1, 2, 3]))[0] == 3 / 4


def test_fields_are_had_again_from_their_numbers():
    fields = example("neural_fields")
    images = fields["digits"](5)
    assert images.shape == (5, 64)
    assert (images.min(), images.max()) == (0, 1)
    places = fields["coordinates"](2)
    np.testing.assert_array_equal(places, [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]])
    runs = fields["train"](images, 2)
    for k in range(len(runs)):
        run = fields["again"](images, runs, k)
        np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
    errors = runs.models().predict(
        np.tile(fields["coordinates"](8), (5, 1)), np.repeat(range(5), 64)
    )
    assert np.sqrt(np.mean((errors.ravel() - images.ravel()) ** 2)) < 0.15
