"""The data sets of the catalogue: what is known of each from outside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from hypothesis import given, settings, strategies as st
from shipped import REGISTRY
from sklearn.linear_model import LogisticRegression
from trial_factory import make_trial

from anncore import ComponentError, Data, build
from anncore.contract.trial import Split
from anncore.engine.training import train_stack


def make(name: str, seed: int = 0, **values: Any) -> Data:
    return build(REGISTRY.get("dataset", name).cls, **values).make(np.random.default_rng(seed))


def spoilt(inner: str, seed: int = 0, inside: dict[str, Any] | None = None, **values: Any) -> Data:
    """Return another data set with wrong labels."""
    dataset = build(REGISTRY.get("dataset", inner).cls, **(inside or {}))
    wrapped = build(REGISTRY.get("dataset", "noisy_labels").cls, **values, dataset=(dataset,))
    return wrapped.make(np.random.default_rng(seed))


def counts(y: Any) -> list[int]:
    return np.bincount(y).tolist()


CLASSES_FROM_2 = ("blobs", "classification", "shells", "spirals")

# Shape and task of each; those with a seed differ with it


@pytest.mark.parametrize(
    ("name", "values", "shape", "targets", "task"),
    [
        ("parity", {}, (1000, 20), (1000,), "binary"),
        ("majority", {"n": 30, "bits": 4}, (30, 4), (30,), "binary"),
        ("teacher_student", {"n": 40, "features": 7}, (40, 7), (40,), "regression"),
        ("teacher_student", {"n": 41, "answers": "sign"}, (41, 10), (41,), "binary"),
        ("gaussian_mixture", {"n": 50}, (50, 2), (50,), "binary"),
        ("gaussian_mixture", {"n": 50, "classes": 4, "features": 6}, (50, 6), (50,), "multiclass"),
        ("shells", {"n": 50, "features": 1}, (50, 1), (50,), "binary"),
        ("shells", {"n": 50, "classes": 3, "features": 9}, (50, 9), (50,), "multiclass"),
        ("staircase", {"n": 50, "bits": 6}, (50, 6), (50,), "regression"),
        ("additive_regression", {"n": 50, "features": 3}, (50, 3), (50,), "regression"),
        ("multiplicative_regression", {"n": 50, "features": 3}, (50, 3), (50,), "regression"),
        ("heteroscedastic", {"n": 50}, (50, 1), (50,), "regression"),
        ("heavy_tails", {"n": 50, "features": 2}, (50, 2), (50,), "regression"),
        ("covariate_shift", {"n": 50}, (50, 1), (50,), "regression"),
        ("own_features", {"n": 20}, (20, 103), (20,), "binary"),
        ("lorenz", {"n": 10, "window": 5}, (10, 15), (10,), "regression"),
        (
            "lorenz",
            {"n": 10, "window": 5, "observe": "u", "predict": "every"},
            (10, 5),
            (10, 5),
            "regression",
        ),
        ("copy_task", {"n": 10, "length": 3, "delay": 0}, (10, 12), (10, 6), "regression"),
        ("mnist1d", {"n": 57}, (57, 40), (57,), "multiclass"),
        ("imbalanced", {"n": 90, "classes": 5}, (90, 5), (90,), "multiclass"),
        ("two_moons", {"n": 90, "ratio": 8.0}, (90, 2), (90,), "binary"),
    ],
)
def test_shape_and_task(
    name: str, values: dict[str, Any], shape: tuple[int, ...], targets: tuple[int, ...], task: str
) -> None:
    one, again, other = make(name, 1, **values), make(name, 1, **values), make(name, 2, **values)
    assert (one.x.shape, np.shape(one.y), one.task) == (shape, targets, task)
    assert one.x.tobytes() == again.x.tobytes()
    assert np.asarray(one.y).tobytes() == np.asarray(again.y).tobytes()
    assert (np.asarray(one.y) != np.asarray(other.y)).any()
    assert np.isfinite(one.x).all()
    assert one.features == () or len(one.features) == shape[1]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("parity", {"bits": 3, "relevant": 4}, "relevant must be at most bits, 3, got 4"),
        ("staircase", {"bits": 3, "height": 4}, "height must be at most bits, 3, got 4"),
        ("gaussian_mixture", {"classes": 3}, "classes must be at most features, 2, got 3"),
        (
            "gaussian_mixture",
            {"n": 10, "classes": 11, "features": 11},
            "classes must be at most n, 10, got 11",
        ),
        ("imbalanced", {"classes": 33}, r"classes must be at most 2\^features, 32, got 33"),
        ("imbalanced", {"classes": 11, "n": 10}, "classes must be at most n, 10, got 11"),
        *(
            (name, {"classes": 11, "n": 10}, "classes must be at most n, 10, got 11")
            for name in CLASSES_FROM_2
        ),
        ("two_moons", {"ratio": 0.9}, r"ratio must be in \[1, inf\)"),
        ("heavy_tails", {"df": 0.4}, r"df must be in \[0.5, inf\)"),
        ("own_features", {"positives": 0.5}, r"positives must be in \(0.5, 1\)"),
        ("lorenz", {"window": 0}, "window must be a whole number"),
    ],
)
def test_values_outside_the_domain_are_refused(name: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentError, match=f"^{name}: {message}"):
        make(name, **values)


# Bits


def test_parity_counts_the_relevant_bits_and_no_others() -> None:
    data = make("parity", bits=6, relevant=3)
    by_hand = {(-1, -1, -1): 0, (1, -1, -1): 1, (1, 1, -1): 0, (1, 1, 1): 1, (-1, 1, 1): 0, (-1, -1, 1): 1}
    for row, label in zip(data.x, data.y, strict=True):  # type: ignore[arg-type]
        assert by_hand.get(tuple(row[:3].astype(int)), label) == label
    assert len(np.unique(data.x, axis=0)) == 64
    every_bit = abs(data.x.T @ (2 * data.y - 1)) / 1000  # type: ignore[operator]
    assert every_bit.max() < 5 / np.sqrt(1000)  # no bit by itself says anything
    np.testing.assert_array_equal(make("parity", relevant=1).y, make("parity", relevant=1).x[:, 0] > 0)


@pytest.mark.parametrize("bits", [1, 5, 11, 4])
def test_a_bit_agrees_with_the_vote_as_often_as_computed(bits: int) -> None:
    data = make("majority", n=20_000, bits=bits)
    np.testing.assert_array_equal(data.y, (data.x > 0).sum(axis=1) > bits / 2)
    if bits % 2:
        agrees = np.mean((data.x[:, 0] > 0) == data.y)
        exact = 1 / 2 + scipy.special.comb(bits - 1, (bits - 1) // 2) / 2**bits
        assert abs(agrees - exact) < 5 * np.sqrt(0.25 / 20_000)


@pytest.mark.parametrize("height", [1, 3, 6])
def test_a_staircase_has_the_variance_of_its_steps(height: int) -> None:
    """Products of different sets of coins are uncorrelated with variance 1 (O'Donnell 2014, section 1.4)."""
    data = make("staircase", n=20_000, bits=8, height=height)
    y = np.asarray(data.y)
    assert abs(y.mean()) < 0.05
    assert y.var() == pytest.approx(1, abs=0.08)
    assert np.mean((y - data.x[:, 0] / np.sqrt(height)) ** 2) == pytest.approx(1 - 1 / height, abs=0.08)
    last = make("staircase", n=100, bits=8, height=height, terms="last")
    np.testing.assert_array_equal(last.y, last.x[:, :height].prod(axis=1))


def test_a_staircase_by_hand() -> None:
    """Of (-1, 1, -1): -1, -1 · 1, -1 · 1 · -1 add up to -1 - 1 + 1 = -1."""
    data = make("staircase", n=200, bits=3, height=3)
    found = (data.x == [-1, 1, -1]).all(axis=1)
    np.testing.assert_allclose(np.asarray(data.y)[found], -1 / np.sqrt(3))
    assert found.sum() > 5


# Classes


@pytest.mark.parametrize("ratio", [1.0, 4.0])
@pytest.mark.parametrize("distance", [0.0, 1.0, 2.5])
def test_the_bayes_error_of_two_gaussians_is_that_of_the_formula(distance: float, ratio: float) -> None:
    """The best rule, a threshold on the line through both means, is wrong as often as documented."""
    data = make("gaussian_mixture", n=40_000, distance=distance, ratio=ratio, features=3)
    means = np.stack([data.x[data.y == c].mean(axis=0) for c in (0, 1)])
    assert np.linalg.norm(means[1] - means[0]) == pytest.approx(distance, abs=0.06)
    shares = np.array([ratio, 1]) / (1 + ratio)
    if not distance:
        assert counts(data.y)[1] == round(40_000 / (1 + ratio))
        return
    gain = np.log(ratio) / distance
    exact = shares @ scipy.stats.norm.cdf([-distance / 2 - gain, -distance / 2 + gain])
    densities = -0.5 * ((data.x[:, None] - means) ** 2).sum(axis=2) + np.log(shares)
    wrong = np.mean(densities.argmax(axis=1) != data.y)
    assert abs(wrong - exact) < 5 * np.sqrt(exact / 40_000)


def test_the_bayes_error_of_several_gaussians_is_that_of_the_integral() -> None:
    data = make("gaussian_mixture", n=40_000, distance=2.0, classes=5, features=7)
    right, _ = scipy.integrate.quad(
        lambda t: scipy.stats.norm.pdf(t) * scipy.stats.norm.cdf(t + 2 / np.sqrt(2)) ** 4, -9, 9
    )
    means = np.stack([data.x[data.y == c].mean(axis=0) for c in range(5)])
    nearest = np.linalg.norm(data.x[:, None] - means, axis=2).argmin(axis=1)
    assert abs(np.mean(nearest != data.y) - (1 - right)) < 5 * np.sqrt((1 - right) / 40_000)


@pytest.mark.parametrize(("classes", "features"), [(2, 1), (3, 2), (4, 10)])
def test_shells_have_their_radius_and_no_direction(classes: int, features: int) -> None:
    data = make("shells", n=4000, noise=0.0, classes=classes, features=features)
    np.testing.assert_allclose(np.linalg.norm(data.x, axis=1), np.asarray(data.y) + 1)
    assert np.abs(data.x.mean(axis=0)).max() < 5 * classes / np.sqrt(4000)
    assert max(counts(data.y)) - min(counts(data.y)) <= 1
    noisy = make("shells", n=4000, noise=0.2, classes=classes, features=features)
    assert (np.linalg.norm(noisy.x, axis=1) - np.asarray(noisy.y) - 1).std() < 0.21


@pytest.mark.parametrize(
    ("n", "ratio", "sizes"), [(500, 1.0, [250, 250]), (501, 4.0, [401, 100]), (100, 1e6, [99, 1])]
)
def test_one_moon_may_be_rare(n: int, ratio: float, sizes: list[int]) -> None:
    data = make("two_moons", n=n, ratio=ratio, noise=0.0)
    assert counts(data.y) == sizes
    np.testing.assert_allclose(np.hypot(*data.x[data.y == 0].T), 1)
    np.testing.assert_allclose(np.hypot(*(data.x[data.y == 1] - [1, 0.5]).T), 1)


@settings(deadline=None, max_examples=40)
@given(st.integers(10, 300), st.floats(1, 500), st.integers(2, 10))
@pytest.mark.parametrize("name", ["imbalanced", "gaussian_mixture"])
def test_a_long_tail_has_all_examples_and_every_class(name: str, n: int, ratio: float, classes: int) -> None:
    data = make(name, n=n, ratio=ratio, classes=classes, features=10)
    sizes = counts(data.y)
    assert sum(sizes) == n
    assert len(sizes) == classes
    assert min(sizes) >= 1


def test_sizes_of_a_long_tail_fall_by_one_factor() -> None:
    """Of 1110 examples with a ratio of 100 in three classes: 1000, 100 and 10."""
    assert counts(make("imbalanced", n=1110, ratio=100.0, classes=3).y) == [1000, 100, 10]
    assert counts(make("gaussian_mixture", n=1110, ratio=100.0, classes=3, features=3).y) == [1000, 100, 10]


# Labels


@pytest.mark.parametrize(
    ("way", "matrix"),
    [
        ("symmetric", [[0.7, 0.15, 0.15], [0.15, 0.7, 0.15], [0.15, 0.15, 0.7]]),
        ("pair", [[0.7, 0.3, 0.0], [0.0, 0.7, 0.3], [0.3, 0.0, 0.7]]),
        ("one_way", [[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    ],
)
def test_labels_go_wrong_by_the_matrix_of_their_way(way: str, matrix: list[list[float]]) -> None:
    """Row c holds how often class c becomes each class: Patrini et al. 2017, section 3."""
    clean = make("blobs", n=9000)
    data = spoilt("blobs", inside={"n": 9000}, way=way, share=0.3)
    np.testing.assert_array_equal(data.clean_y, clean.y)
    np.testing.assert_array_equal(data.x, clean.x)
    seen = np.array([[np.mean(data.y[data.clean_y == c] == d) for d in range(3)] for c in range(3)])  # type: ignore[index]
    np.testing.assert_allclose(seen, matrix, atol=5 * np.sqrt(0.25 / 3000))
    assert ((seen == 0) == (np.array(matrix) == 0)).all()


def test_labels_near_another_class_go_wrong_more_often() -> None:
    data = spoilt("gaussian_mixture", inside={"n": 9000, "distance": 3.0}, way="near", share=0.3)
    wrong = np.asarray(data.y) != data.clean_y
    assert abs(wrong.mean() - 0.3) < 5 * np.sqrt(0.21 / 9000)
    means = np.stack([data.x[data.clean_y == c].mean(axis=0) for c in (0, 1)])
    apart = np.linalg.norm(data.x[:, None] - means, axis=2)
    near = apart.max(axis=1) - apart.min(axis=1) < np.median(apart.max(axis=1) - apart.min(axis=1))
    assert wrong[near].mean() > 0.4 > 0.2 > wrong[~near].mean()


@pytest.mark.parametrize("way", ["symmetric", "pair", "near"])
@pytest.mark.parametrize("seed", range(6))
def test_a_rare_class_whose_labels_are_all_wrong_is_still_a_class(way: str, seed: int) -> None:
    """Of 12 examples in six classes, four labels of five wrong already, a class may have no label left."""
    inside = {"n": 12, "classes": 6, "features": 6, "label_noise": 0.8}
    before = np.asarray(spoilt("gaussian_mixture", seed, inside, way=way, share=0.0).y)
    data = spoilt("gaussian_mixture", seed, inside, way=way, share=0.5)
    np.testing.assert_array_equal(
        data.clean_y, make("gaussian_mixture", seed, **inside | {"label_noise": 0}).y
    )
    moved = np.asarray(data.y) != before
    assert moved.any()
    if way == "pair":
        np.testing.assert_array_equal(np.asarray(data.y)[moved], (before[moved] + 1) % 6)
    if way == "near":
        assert set(np.asarray(data.y)) <= set(before)  # a class without a mean is not near


def test_wrong_labels_need_classes_and_keep_what_was_clean() -> None:
    twice = spoilt("two_moons", inside={"label_noise": 0.3}, way="pair", share=0.0)
    np.testing.assert_array_equal(twice.clean_y, make("two_moons").y)
    assert (twice.y != twice.clean_y).any()
    with pytest.raises(ComponentError, match="dataset must have classes, got sine, a regression task"):
        spoilt("sine")
    with pytest.raises(ComponentError, match=r"share must be at most 0.5 where way is near, got 0.6"):
        spoilt("two_moons", way="near", share=0.6)


# Regression


@pytest.mark.parametrize("features", [1, 3, 8])
def test_additive_and_multiplicative_targets_have_their_published_variances(features: int) -> None:
    """Saltelli & Sobol' 1995: feature j has Vⱼ = 1 / (3 (1 + aⱼ)²); a product has Π (1 + Vⱼ) - 1."""
    parts = 1 / (3 * (1 + np.arange(features) / 2) ** 2)
    added, product = (
        np.asarray(make(f"{form}_regression", n=200_000, features=features, noise=0.0).y)
        for form in ("additive", "multiplicative")
    )
    assert abs(added.mean()) < 0.01
    assert added.var() == pytest.approx(parts.sum(), rel=0.02)
    assert product.mean() == pytest.approx(1, abs=0.01)
    assert product.var() == pytest.approx((1 + parts).prod() - 1, rel=0.02)


def test_the_noise_of_the_wave_grows_along_the_way() -> None:
    data = make("heteroscedastic", n=100_000, noise=0.6)
    residuals = np.asarray(data.y) - np.sin(2 * np.pi * data.x[:, 0])
    assert np.mean(residuals**2) == pytest.approx(0.6**2 / 3, rel=0.03)
    for place in (0.25, 0.75):
        here = np.abs(data.x[:, 0] - place) < 0.02
        assert residuals[here].std() == pytest.approx(0.6 * place, rel=0.05)


@pytest.mark.parametrize("df", [1.0, 2.0, 30.0])
def test_errors_have_the_quantiles_of_students_distribution(df: float) -> None:
    data = make("heavy_tails", n=50_000, df=df, noise=0.5)
    errors = (np.asarray(data.y) - data.clean_y) / 0.5  # type: ignore[operator]
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    want = scipy.stats.t.ppf(levels, df)
    np.testing.assert_allclose(np.quantile(errors, levels), want, atol=0.05 * max(want))
    weights, *_ = np.linalg.lstsq(data.x, data.clean_y, rcond=None)  # type: ignore[arg-type]
    np.testing.assert_allclose(data.x @ weights, data.clean_y, atol=1e-12)  # type: ignore[arg-type]


def test_the_test_s_inputs_lie_elsewhere_and_the_curve_is_the_same() -> None:
    data = make("covariate_shift", n=20_000, noise=0.0)
    test = np.zeros(20_000, bool)
    test[data.test_index] = True
    assert test.sum() == 4000
    for rows, mean, spread in ((~test, 1.0, 0.5), (test, 2.0, 0.25)):
        assert data.x[rows].mean() == pytest.approx(mean, abs=0.02)
        assert data.x[rows].std() == pytest.approx(spread, abs=0.01)
    x = data.x[:, 0]
    np.testing.assert_allclose(np.asarray(data.y) * np.pi * x, np.sin(np.pi * x), atol=1e-12)


@pytest.mark.parametrize(
    ("activation", "theirs"),
    [
        ("erf", lambda z: scipy.special.erf(z / np.sqrt(2))),
        ("tanh", np.tanh),
        ("relu", lambda z: z * (z > 0)),
    ],
)
def test_the_teacher_is_a_network_of_its_activation(activation: str, theirs: Any) -> None:
    """Saad & Solla's formula on the same draws."""
    data = make("teacher_student", activation=activation, units=2, features=4, noise=0.1)
    rng = np.random.default_rng(0)
    x, teacher = rng.standard_normal((1000, 4)), rng.standard_normal((4, 2))
    exact = theirs(x @ teacher / 2).sum(axis=1) / np.sqrt(2)
    np.testing.assert_allclose(data.clean_y, exact, rtol=1e-12)
    assert (np.asarray(data.y) - exact).std() == pytest.approx(0.1, rel=0.15)
    signs = make("teacher_student", activation=activation, units=2, features=4, answers="sign")
    np.testing.assert_array_equal(signs.y, exact > np.median(exact))
    assert abs(counts(signs.y)[0] - 500) <= 1


# Own features: Wilson et al. 2017


def test_every_example_has_columns_of_its_own() -> None:
    data = make("own_features", n=30)
    sign = 2 * np.asarray(data.y) - 1
    np.testing.assert_array_equal(data.x[:, :3], np.column_stack([sign, np.ones(30), np.ones(30)]))
    own = data.x[:, 3:].reshape(30, 30, 5)
    np.testing.assert_array_equal(own.sum(axis=2), np.diag(np.where(sign > 0, 1, 5)))
    assert counts(data.y) == [12, 18]


@pytest.mark.parametrize(
    ("n", "positives", "sizes"),
    [(10, 0.51, [4, 6]), (11, 0.501, [5, 6]), (100, 0.501, [49, 51]), (10, 0.99, [2, 8])],
)
def test_class_1_is_the_larger_one_however_few_examples_there_are(
    n: int, positives: float, sizes: list[int]
) -> None:
    assert counts(make("own_features", n=n, positives=positives).y) == sizes


@pytest.mark.parametrize(
    ("optimizer", "right"), [(("sgd", {"lr": 0.3}), True), (("adagrad", {"lr": 0.1}), False)]
)
def test_descent_is_right_on_new_examples_and_adagrad_calls_all_positive(optimizer: Any, right: bool) -> None:
    trial = make_trial(
        REGISTRY,
        dataset="own_features",
        network=("mlp", {"hidden": []}),
        activation=[],
        optimizer=optimizer,
        initializer="zeros",
        split=Split(standardize=False),
        steps=800,
        batch_size="full",
    )
    accuracy = train_stack([trial], REGISTRY)[0].metrics["test_accuracy"]
    assert accuracy == 1.0 if right else accuracy < 0.7


# Sequences


@pytest.mark.slow
def test_the_lorenz_stream_is_scipys() -> None:
    """From the first place of a window on, SciPy's integrator goes through all others and the target."""
    data = make("lorenz", n=10, window=12, ahead=5, every=2)
    places = data.x.reshape(10, 12, 3)
    for i in range(3):
        theirs = scipy.integrate.solve_ivp(
            lambda _, p: [10 * (p[1] - p[0]), p[0] * (28 - p[2]) - p[1], p[0] * p[1] - 8 / 3 * p[2]],
            (0, 0.32),
            places[i, 0],
            t_eval=np.arange(17) * 0.02,
            rtol=1e-10,
            atol=1e-10,
        ).y.T
        np.testing.assert_allclose(places[i], theirs[:12], atol=5e-4)  # a step of order 4, h = 0.01
        assert np.asarray(data.y)[i] == pytest.approx(theirs[16, 0], abs=5e-4)
    long = make("lorenz", n=300, window=20, every=10, observe="u").x
    assert long.std() == pytest.approx(7.9, abs=0.4)
    every = make("lorenz", n=10, window=12, ahead=5, every=2, predict="every", observe="u")
    np.testing.assert_array_equal(np.asarray(every.y)[:, :7], every.x[:, 5:])
    np.testing.assert_array_equal(every.x, places[:, :, 0])


@pytest.mark.parametrize(("length", "delay"), [(1, 0), (4, 8), (3, 20)])
def test_what_was_shown_is_asked_for_after_the_delay(length: int, delay: int) -> None:
    data = make("copy_task", length=length, delay=delay)
    steps = 2 * length + delay
    bits, signs = np.moveaxis(data.x.reshape(500, steps, 2), 2, 0)
    np.testing.assert_array_equal(signs[0], [0] * (length + delay) + [1] * length)
    np.testing.assert_array_equal(np.asarray(data.y)[:, -length:], bits[:, :length])
    assert not np.asarray(data.y)[:, :-length].any()
    assert not bits[:, length:].any()
    assert np.mean(np.asarray(data.y) ** 2) == length / steps  # of who remembers nothing


@pytest.mark.parametrize("order", ["rows", "columns", "permuted"])
def test_sequential_digits_are_the_digits_in_another_order(order: str) -> None:
    data, digits = make("sequential_digits", order=order), make("digits")
    places = [digits.features.index(name) for name in data.features]
    np.testing.assert_array_equal(data.x, digits.x[:, places])
    np.testing.assert_array_equal(data.y, digits.y)
    assert sorted(places) == list(range(64))
    if order != "permuted":
        assert places[:3] == ([0, 1, 2] if order == "rows" else [0, 8, 16])


@pytest.mark.slow
def test_mnist1d_has_the_moments_of_the_published_set() -> None:
    """Of its 5000 examples: each class's spread, moments of all numbers, how neighbours are correlated.

    The paper's table gives logistic regression 32 %.
    """
    data = make("mnist1d", n=5000)
    spreads = [data.x[data.y == c].std() for c in range(10)]
    published = [1.196, 0.873, 0.835, 1.009, 0.881, 0.838, 1.191, 0.877, 1.0, 0.899]
    np.testing.assert_allclose(spreads, published, atol=0.03)
    assert np.mean(data.x**4) == pytest.approx(4.402, abs=0.1)
    assert np.mean(data.x**3) == pytest.approx(-0.066, abs=0.06)
    assert np.corrcoef(data.x[:, 10], data.x[:, 11])[0, 1] == pytest.approx(0.786, abs=0.03)
    assert (data.x.mean(), data.x.std()) == (pytest.approx(0, abs=1e-12), pytest.approx(1))
    linear = LogisticRegression(C=0.01).fit(data.x[:4000], data.y[:4000])  # type: ignore[index]
    assert linear.score(data.x[4000:], data.y[4000:]) == pytest.approx(0.32, abs=0.04)  # type: ignore[index]
    shuffled = make("mnist1d", n=5000, shuffled=True)
    np.testing.assert_array_equal(np.sort(shuffled.x, axis=1), np.sort(data.x, axis=1))
    assert (shuffled.x != data.x).any()


def test_linnerud_begins_with_the_first_of_twenty_men() -> None:
    data = make("linnerud")
    assert (data.x[0].tolist(), np.asarray(data.y)[0].tolist()) == ([5, 162, 60], [191, 36, 50])
    assert data.features == ("Chins", "Situps", "Jumps")
