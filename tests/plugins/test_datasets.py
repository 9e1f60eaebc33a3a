from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from shipped import REGISTRY
from sklearn.datasets import make_blobs, make_circles, make_moons

from anncore import ComponentError, Data
from anncore.contract.hyperparameters import build
from anncore.engine.datasets import check_data

FILES = ("csv", "parquet", "data_frame")  # these read one
NAMES = [c.name for c in REGISTRY.of_kind("dataset") if c.dist == "annx" and c.name not in FILES]
SYNTHETIC = ["two_moons", "circles", "blobs", "spirals", "xor", "checkerboard", "classification"]
SYNTHETIC += ["linear_regression", "friedman", "sine", "outlier_regression", "imbalanced"]
# Synthetic, but without n, or without noise that is added to the features alone.
SEQUENCES = ["temporal_xor", "stored_patterns", "letters", "largest", "pixel_shapes"]
UNSUPERVISED = ["unit_square", "gaussian_ring", "bars_and_stripes", "unlabelled"]
SEQUENCES += ["adding", "sequence_parity", "circling", "mackey_glass", "bars"]
REAL = ["iris", "wine", "breast_cancer", "digits", "diabetes", "linnerud", "sequential_digits", "sklearn"]
# More of what is known of each is in test_catalogue_datasets.py.
CATALOGUE = ["parity", "majority", "teacher_student", "gaussian_mixture", "shells", "staircase"]
CATALOGUE += ["additive_regression", "multiplicative_regression", "heteroscedastic", "heavy_tails"]
CATALOGUE += ["noisy_labels", "covariate_shift", "own_features", "lorenz", "copy_task", "mnist1d"]


def make(name: str, seed: int = 0, **values: Any) -> Data:
    around = name in ("unlabelled", "noisy_labels")
    inside = {"dataset": (build(REGISTRY.get("dataset", "iris").cls),)} if around else {}
    component = build(REGISTRY.get("dataset", name).cls, **values, **inside)
    return component.make(np.random.default_rng(seed))


def sizes(y: np.ndarray) -> list[int]:
    return np.bincount(y).tolist()


def declares(name: str, key: str) -> bool:
    return key in REGISTRY.get("dataset", name).cls.__dataclass_fields__


def test_every_data_set_of_the_catalogue_is_here() -> None:
    assert sorted(NAMES) == sorted([*SYNTHETIC, *SEQUENCES, *UNSUPERVISED, *REAL, *CATALOGUE])


# All of them


@pytest.mark.parametrize("name", NAMES)
def test_data_are_sound_and_repeat(name: str) -> None:
    a, b = make(name), make(name)
    check_data(a)
    assert pickle.dumps(a) == pickle.dumps(b)


@pytest.mark.parametrize("name", NAMES)
def test_numpys_global_state_is_neither_read_nor_changed(name: str) -> None:
    with_seed = {}
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002
        before = np.random.get_state()[1].tobytes()  # type: ignore[index, union-attr]  # noqa: NPY002
        with_seed[seed] = pickle.dumps(make(name))
        after = np.random.get_state()[1].tobytes()  # type: ignore[index, union-attr]  # noqa: NPY002
        assert before == after
    assert with_seed[1] == with_seed[2]


@pytest.mark.parametrize("name", SYNTHETIC)
def test_synthetic_sets_have_n_rows_and_change_with_the_seed(name: str) -> None:
    a, b = make(name, seed=1, n=123), make(name, seed=2, n=123)
    assert len(a.x) == len(a.y) == 123
    assert not np.array_equal(a.x, b.x)


@pytest.mark.parametrize("name", [name for name in NAMES if declares(name, "label_noise")])
def test_label_noise_flips_its_share_and_touches_nothing_else(name: str) -> None:
    size = {} if name in REAL else {"n": 5000}
    clean, noisy = make(name, **size), make(name, label_noise=0.3, **size)
    assert np.array_equal(clean.y, clean.clean_y)
    assert np.array_equal(noisy.clean_y, clean.y)
    assert np.array_equal(noisy.x, clean.x)
    n = len(clean.y)
    assert abs(np.mean(noisy.y != clean.y) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / n)  # binomial


@pytest.mark.parametrize("name", ["linear_regression", "friedman", "sine", "outlier_regression"])
def test_outliers_spoil_their_share_of_targets_and_touch_nothing_else(name: str) -> None:
    clean, spoilt = make(name, n=5000, outliers=0.0), make(name, n=5000, outliers=0.2)
    assert np.array_equal(clean.y, clean.clean_y)
    assert np.array_equal(spoilt.clean_y, clean.y)
    assert np.array_equal(spoilt.x, clean.x)
    assert abs(np.mean(spoilt.y != clean.y) - 0.2) < 5 * np.sqrt(0.2 * 0.8 / 5000)


@pytest.mark.parametrize("name", [name for name in SYNTHETIC if name not in ("blobs", "outlier_regression")])
def test_noise_is_scaled_from_the_same_draws(name: str) -> None:
    exact, little, more = (make(name, noise=noise) for noise in (0.0, 0.1, 0.2))
    if exact.task == "regression":
        a, b = little.clean_y - exact.clean_y, more.clean_y - exact.clean_y  # type: ignore[operator]
    else:
        a, b = little.x - exact.x, more.x - exact.x
    np.testing.assert_allclose(b, 2 * a, atol=1e-9)
    assert 0.08 < a.std() < 0.12


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("two_moons", {"n": 5}, r"n must be a whole number in \[10, inf\)"),
        ("two_moons", {"noise": -0.1}, r"noise must be in \[0, inf\)"),
        ("circles", {"factor": 1.0}, r"factor must be in \[0, 1\)"),
        ("iris", {"label_noise": 1.0}, r"label_noise must be in \[0, 1\)"),
        ("friedman", {"problem": 4}, "problem must be one of 1, 2, 3"),
        ("letters", {"letters": "AbC"}, 'letters must be different capital letters, as "AJSTXZ", got'),
        ("letters", {"letters": "ABA"}, "letters must be different capital letters"),
        ("letters", {"letters": ""}, "letters must be different capital letters"),
        ("letters", {"letters": 7}, "letters must be a text"),
        ("imbalanced", {"ratio": 0.5}, r"ratio must be in \[1, inf\)"),
        ("linear_regression", {"informative": 11}, "informative must be at most features, 10, got 11"),
        (
            "classification",
            {"classes": 20},
            r"classes · clusters must be at most 2\^informative, 32, got 20 · 2",
        ),
        ("diabetes", {"n": 10}, "unknown hyperparameter 'n'; known are none"),
    ],
)
def test_values_outside_the_domain_are_refused(name: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentError, match=f"^{name}: {message}"):
        make(name, **values)


# Geometry


def test_two_moons_are_two_half_circles() -> None:
    data = make("two_moons", n=201, noise=0.0)
    upper, lower = data.x[data.y == 0], data.x[data.y == 1]
    np.testing.assert_allclose(np.hypot(*upper.T), 1)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1)
    assert upper[:, 1].min() > -1e-12
    assert lower[:, 1].max() < 0.5 + 1e-12
    assert sizes(data.y) == [100, 101]


def test_circles_have_radius_one_and_factor() -> None:
    data = make("circles", n=100, noise=0.0, factor=0.3)
    radius = np.hypot(*data.x.T)
    np.testing.assert_allclose(radius[data.y == 0], 1)
    np.testing.assert_allclose(radius[data.y == 1], 0.3)
    assert sizes(data.y) == [50, 50]


def test_blobs_are_clouds_of_the_stated_width() -> None:
    points = make("blobs", noise=0.0, classes=4, features=3)
    assert len(np.unique(points.x, axis=0)) == 4
    assert np.abs(points.x).max() <= 10
    data = make("blobs", n=4000, noise=2.0, classes=4, features=3)
    assert sizes(data.y) == [1000] * 4
    for k in range(4):
        # A standard deviation of 3000 normal numbers is known to 2 / √6000.
        centred = data.x[data.y == k] - points.x[points.y == k][0]
        assert abs(centred.std() - 2) < 5 * 2 / np.sqrt(6000)


@pytest.mark.parametrize(("classes", "task"), [(2, "binary"), (3, "multiclass")])
@pytest.mark.parametrize("name", ["blobs", "spirals", "classification"])
def test_the_number_of_classes_gives_the_task(name: str, classes: int, task: str) -> None:
    data = make(name, classes=classes)
    assert data.task == task
    assert len(sizes(data.y)) == classes
    assert max(sizes(data.y)) - min(sizes(data.y)) <= 2


def test_spirals_hold_the_points_of_lang_and_witbrock() -> None:
    # The generator of the CMU benchmark: for i = 0 ... 96, angle = i π / 16, radius = 6.5 (104 - i) / 104,
    # (radius sin angle, radius cos angle) in one class and its mirror image in the other.
    i = np.arange(97)
    radius, angle = 6.5 * (104 - i) / 104, i * np.pi / 16
    first = np.column_stack([radius * np.sin(angle), radius * np.cos(angle)])
    data = make("spirals", n=194, noise=0.0)
    for label, expected in ((0, first), (1, -first)):
        points = data.x[data.y == label]
        points = points[np.argsort(-np.hypot(*points.T))]
        np.testing.assert_allclose(points, expected, atol=1e-12)


def test_spirals_turn_as_often_as_asked() -> None:
    data = make("spirals", n=300, noise=0.0, turns=1.0, classes=3)
    arm = data.x[data.y == 0]
    arm = arm[np.argsort(-np.hypot(*arm.T))]
    angle = np.unwrap(np.arctan2(arm[:, 0], arm[:, 1]))
    assert angle[-1] - angle[0] == pytest.approx(2 * np.pi)


@pytest.mark.parametrize("bits", [2, 3, 5])
def test_xor_is_the_parity_of_the_corner(bits: int) -> None:
    data = make("xor", n=640, noise=0.05, bits=bits)
    corner = (data.x > 0).astype(int)
    assert np.array_equal(data.y, corner.sum(axis=1) % 2)
    np.testing.assert_allclose(np.abs(data.x), 1, atol=0.3)
    assert set(np.unique(corner, axis=0, return_counts=True)[1]) == {640 // 2**bits}


@pytest.mark.parametrize("cells", [2, 3, 4])
def test_checkerboard_squares_alternate(cells: int) -> None:
    data = make("checkerboard", n=2000, cells=cells)
    square = np.floor(data.x).astype(int)
    assert np.array_equal(data.y, (square[:, 0] + square[:, 1]) % 2)
    assert len(np.unique(square, axis=0)) == cells**2
    assert (square.min(), square.max()) == (0, cells - 1)


def test_classification_has_as_many_dimensions_as_informative_features() -> None:
    data = make("classification", n=400, features=9, informative=4, redundant=5, clusters=2)
    assert np.linalg.matrix_rank(data.x - data.x.mean(axis=0), tol=1e-8) == 4
    noisy = make("classification", n=400, features=9, informative=4, redundant=5, noise=0.1)
    assert np.linalg.matrix_rank(noisy.x - noisy.x.mean(axis=0), tol=1e-8) == 9


def test_imbalanced_has_one_rare_example_for_each_ratio_of_others() -> None:
    assert sizes(make("imbalanced").y) == [950, 50]
    assert sizes(make("imbalanced", n=1010, ratio=100.0).y) == [1000, 10]
    assert sizes(make("imbalanced", ratio=1.0).y) == [500, 500]


@settings(deadline=None, max_examples=60)
@given(st.integers(10, 2000), st.floats(1, 500))
def test_imbalanced_counts_are_exact(n: int, ratio: float) -> None:
    rare = max(1, round(n / (1 + ratio)))
    assert sizes(make("imbalanced", n=n, ratio=ratio).y) == [n - rare, rare]


# Regression


def test_linear_regression_is_linear_in_the_informative_features() -> None:
    data = make("linear_regression", n=200, noise=0.0, features=8, informative=3)
    weights, *_ = np.linalg.lstsq(data.x, data.y, rcond=None)
    np.testing.assert_allclose(data.x @ weights, data.y, atol=1e-9)
    assert (np.abs(weights) > 1e-9).sum() == 3
    assert weights.min() > -1e-9
    assert weights.max() < 100


def test_friedman_1_is_its_formula() -> None:
    data = make("friedman", noise=0.0)
    assert data.x.shape == (500, 10)
    assert data.x.min() >= 0
    assert data.x.max() <= 1
    a, b, c, d, e = data.x[:, :5].T
    expected = 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e
    np.testing.assert_allclose(data.y, expected)


@pytest.mark.parametrize("problem", [2, 3])
def test_friedman_2_and_3_are_their_formulas(problem: int) -> None:
    data = make("friedman", noise=0.0, problem=problem, n=2000)
    for column, (low, high) in zip(
        data.x.T, [(0, 100), (40 * np.pi, 560 * np.pi), (0, 1), (1, 11)], strict=True
    ):
        assert low <= column.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < column.max() <= high
    r, f, length, c = data.x.T  # a circuit's resistance, frequency, inductance and capacity
    reactance = f * length - 1 / (f * c)
    expected = np.hypot(r, reactance) if problem == 2 else np.arctan(reactance / r)
    np.testing.assert_allclose(data.y, expected)


def test_sine_is_a_sine() -> None:
    data = make("sine", noise=0.0, frequency=2.0)
    assert data.x.shape == (500, 1)
    assert data.x.min() >= 0
    assert data.x.max() < 1
    np.testing.assert_allclose(data.y, np.sin(4 * np.pi * data.x[:, 0]), atol=1e-12)


@pytest.mark.parametrize("name", ["linear_regression", "friedman", "sine", "outlier_regression"])
def test_noise_has_its_standard_deviation_and_stays_in_the_clean_targets(name: str) -> None:
    residual = make(name, n=4000, noise=0.5).clean_y - make(name, n=4000, noise=0.0).clean_y  # type: ignore[operator]
    assert abs(residual.std() - 0.5) < 5 * 0.5 / np.sqrt(8000)


def test_outliers_pull_the_mean_but_not_the_median() -> None:
    # The line is y = 2 x + 1; a tenth of the targets is 20 too high, so least squares finds 3 for 1.
    data = make("outlier_regression", n=20_000)
    columns = np.column_stack([data.x[:, 0], np.ones(20_000)])
    slope, intercept = np.linalg.lstsq(columns, data.y, rcond=None)[0]
    assert slope == pytest.approx(2, abs=0.25)
    assert intercept == pytest.approx(3, abs=0.25)
    slope, intercept = np.linalg.lstsq(columns, data.clean_y, rcond=None)[0]  # type: ignore[arg-type]
    assert (slope, intercept) == (pytest.approx(2, abs=0.02), pytest.approx(1, abs=0.02))
    assert np.median(data.y - 2 * data.x[:, 0]) == pytest.approx(1, abs=0.1)
    assert set(np.round(data.y - data.clean_y, 9)) == {0.0, 20.0}  # type: ignore[operator]


# Real data: sizes as published with each


@pytest.mark.parametrize(
    ("name", "shape", "counts"),
    [
        ("iris", (150, 4), [50, 50, 50]),
        ("wine", (178, 13), [59, 71, 48]),
        ("breast_cancer", (569, 30), [212, 357]),
        ("digits", (1797, 64), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
    ],
)
def test_real_classification_sets_are_whole(name: str, shape: tuple[int, int], counts: list[int]) -> None:
    data = make(name)
    assert data.x.shape == shape
    assert sizes(data.y) == counts
    assert (len(data.classes), len(data.features)) == (len(counts), shape[1])
    assert data.task == ("binary" if len(counts) == 2 else "multiclass")


def test_real_data_do_not_depend_on_the_seed() -> None:
    for name in REAL:
        assert pickle.dumps(make(name, seed=1)) == pickle.dumps(make(name, seed=2))


def test_iris_begins_with_fishers_first_flower() -> None:
    data = make("iris")
    assert data.x[0].tolist() == [5.1, 3.5, 1.4, 0.2]
    assert data.classes == ("setosa", "versicolor", "virginica")


def test_digits_are_grey_values() -> None:
    data = make("digits")
    assert (data.x.min(), data.x.max()) == (0, 16)
    assert np.array_equal(data.x, np.round(data.x))


def test_diabetes_is_whole() -> None:
    data = make("diabetes")
    assert data.x.shape == (442, 10)
    assert (data.y.min(), data.y.max()) == (25, 346)
    assert data.features[:4] == ("age", "sex", "bmi", "bp")
    np.testing.assert_allclose((data.x**2).sum(axis=0), 1)


# Streams and patterns


@pytest.mark.parametrize("window", [2, 5, 11])
def test_where_windows_fit_the_triples_every_third_bit_is_the_exclusive_or_of_two(window: int) -> None:
    data = make("temporal_xor", n=60, window=window)
    assert data.x.shape == (60, window)
    pieces = np.column_stack([data.x, data.y]).astype(int).reshape(-1, 3)
    np.testing.assert_array_equal(pieces[:, 0] ^ pieces[:, 1], pieces[:, 2])
    every = make("temporal_xor", n=60, window=window, predict="every")
    np.testing.assert_array_equal(every.x, data.x)  # the same stream
    np.testing.assert_array_equal(every.y, np.column_stack([data.x[:, 1:], data.y]))
    assert (data.task, every.task) == ("binary", "regression")


def test_windows_that_do_not_fit_begin_anywhere_in_a_triple() -> None:
    pieces = make("temporal_xor", n=60, window=6, predict="every")
    stream = np.column_stack([pieces.x, pieces.y[:, -1]]).astype(int).ravel()
    triples = stream.reshape(-1, 3)
    np.testing.assert_array_equal(triples[:, 0] ^ triples[:, 1], triples[:, 2])


def test_the_sum_of_two_numbers_has_the_variance_one_sixth() -> None:
    data = make("adding", n=20_000, steps=9)
    values, markers = data.x.reshape(-1, 9, 2).swapaxes(0, 2).swapaxes(1, 2)
    np.testing.assert_array_equal(data.y, (values * markers).sum(axis=1))
    np.testing.assert_array_equal(markers[:, :4].sum(axis=1), 1)  # one in the first half, one behind it
    np.testing.assert_array_equal(markers[:, 4:].sum(axis=1), 1)
    assert (markers.mean(axis=0) > [1 / 4.3] * 4 + [1 / 5.3] * 5).all()
    assert np.mean((data.y - 1) ** 2) == pytest.approx(1 / 6, rel=0.04)  # of always guessing the mean


def test_parity_counts_the_ones() -> None:
    last, every = (make("sequence_parity", n=60, steps=7, predict=predict) for predict in ("last", "every"))
    np.testing.assert_array_equal(last.x, every.x)
    np.testing.assert_array_equal(last.y, last.x.sum(axis=1) % 2)
    np.testing.assert_array_equal(every.y[:, -1], last.y)
    np.testing.assert_array_equal(every.y[:, 1:], np.abs(every.y[:, :-1] - every.x[:, 1:]))  # p xor b
    assert (last.task, every.task) == ("binary", "regression")


def test_points_run_round_a_circle_and_the_teacher_is_one_step_behind() -> None:
    exact, noisy = (make("circling", n=40, steps=5, noise=noise) for noise in (0.0, 0.2))
    points = exact.y.reshape(40, 5, 2)
    np.testing.assert_allclose(np.hypot(*points.T), 1)
    plan, before = np.split(exact.x.reshape(40, 5, 3), [1], axis=2)
    np.testing.assert_array_equal(before[:, 1:], points[:, :-1])
    angle = np.unwrap(np.arctan2(points[..., 1], points[..., 0]))
    np.testing.assert_allclose(np.diff(angle), plan[:, 1:, 0], rtol=1e-9)
    np.testing.assert_allclose(np.hypot(*before[:, 0].T), 1)
    np.testing.assert_array_equal(noisy.clean_y, exact.y)
    np.testing.assert_array_equal(noisy.x.reshape(40, 5, 3)[:, 1:, 1:].reshape(40, 8), noisy.y[:, :8])
    assert 0.15 < (noisy.y - exact.y).std() < 0.25


def test_the_mackey_glass_series_settles_for_a_short_delay_and_not_for_a_long_one() -> None:
    """0.2 v / (1 + v¹⁰) = 0.1 v at v = 1, which is stable for short delays: Mackey & Glass 1977."""
    settled = make("mackey_glass", n=10, tau=2, window=30)
    np.testing.assert_allclose(settled.x, 1, atol=1e-3)
    chaotic = make("mackey_glass", n=30, window=60, predict="every")
    assert 0.2 < chaotic.x.min() < 0.6
    assert 1.2 < chaotic.x.max() < 1.4
    np.testing.assert_array_equal(chaotic.y[:, :-6], chaotic.x[:, 6:])
    last = make("mackey_glass", n=30, window=60)
    np.testing.assert_array_equal(last.y, chaotic.y[:, -1])
    assert last.x.std(axis=1).min() > 0.1


def test_bars_lie_anywhere_and_local_patterns_in_their_places() -> None:
    same = make("bars", n=200, noise=0.0, patches=2)
    images = same.x.reshape(200, 6, 6)
    assert (np.abs(images).sum(axis=(1, 2)) == 12).all()  # three pixels in each of four patches
    across = (
        np.abs(images).sum(axis=2).max(axis=1)
    )  # the fullest row: both bars of two patches, or one pixel each
    np.testing.assert_array_equal(across, np.where(same.y == 0, 6, 2))
    local = make("bars", n=400, noise=0.0, patches=2, statistics="local").x.reshape(400, 2, 3, 2, 3)
    for row in range(2):
        for column in range(2):
            assert len(np.unique(local[:, row, :, column].reshape(400, 9), axis=0)) in (2, 4)
    assert np.abs(np.mean(local, axis=0)).max() < 5 / np.sqrt(400)  # a pixel by itself says nothing


def test_patterns_are_coins_and_their_copies_damaged_evenly() -> None:
    data = make("stored_patterns", patterns=40, size=150, copies=5, noise=0.3)
    assert data.x.shape == data.y.shape == (200, 150)
    assert len(np.unique(data.y, axis=0)) == 40
    assert set(np.unique(data.x)) == set(np.unique(data.y)) == {-1, 1}
    assert abs(data.y[::5].mean()) < 5 / np.sqrt(40 * 150)
    assert abs(np.mean(data.x != data.y) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / data.x.size)
    less = make("stored_patterns", patterns=40, size=150, copies=5, noise=0.1)
    assert ((less.x != less.y) <= (data.x != data.y)).all()  # the same draws


def test_letters_are_pictures_that_differ_and_their_copies_damaged_evenly() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    data = make("letters", letters=alphabet, copies=8, noise=0.2)
    assert data.x.shape == data.y.shape == (26 * 8, 64)
    pictures = data.y[::8]
    assert set(np.unique(data.x)) == set(np.unique(data.y)) == {-1, 1}
    apart = (pictures[:, None] != pictures).sum(axis=2) + 64 * np.eye(26, dtype=int)
    assert apart.min() >= 4  # no two letters look the same
    assert abs(np.mean(data.x != data.y) - 0.2) < 5 * np.sqrt(0.2 * 0.8 / data.x.size)
    drawn = ["".join("#" if pixel > 0 else "." for pixel in row) for row in pictures[11].reshape(8, 8)]
    assert drawn == ["##......"] * 6 + ["########"] * 2  # L
    np.testing.assert_array_equal(make("letters", letters="ZL", copies=1).y, pictures[[25, 11]])


def test_the_largest_number_may_stand_anywhere_and_its_gap_is_that_of_spacings() -> None:
    data = make("largest", n=4000, inputs=7)
    np.testing.assert_array_equal(data.x.argmax(axis=1), data.y)
    assert max(sizes(data.y)) - min(sizes(data.y)) <= 1
    ordered = np.sort(data.x, axis=1)
    assert np.mean(ordered[:, -1] - ordered[:, -2]) == pytest.approx(1 / 8, rel=0.1)
    assert np.mean(data.x) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("wanted", ["clean", "edges", "filled"])
def test_noise_flips_pixels_of_shapes_and_leaves_the_answers(wanted: str) -> None:
    exact, noisy = (make("pixel_shapes", wanted=wanted, noise=noise, n=50) for noise in (0.0, 0.2))
    np.testing.assert_array_equal(exact.y, noisy.y)
    assert abs(np.mean(exact.x != noisy.x) - 0.2) < 5 * np.sqrt(0.2 * 0.8 / exact.x.size)
    same = (exact.x == exact.y).mean()
    assert same == 1 if wanted == "clean" else 0.3 < same < 1


@pytest.mark.parametrize(
    ("name", "values", "theirs"),
    [
        ("two_moons", {}, lambda **given: make_moons(**given)),
        ("circles", {"factor": 0.3}, lambda **given: make_circles(factor=0.3, **given)),
        ("blobs", {"classes": 3, "features": 5}, lambda **given: blobs(3, 5, **given)),
        ("blobs", {"classes": 10, "features": 1}, lambda **given: blobs(10, 1, **given)),
    ],
)
def test_the_draws_are_scikit_learns_bit_for_bit(name: str, values: dict[str, Any], theirs: Any) -> None:
    for seed, (n, noise) in enumerate([(10, 0.0), (11, 0.1), (57, 2.5), (500, 0.1), (1001, 0.3)]):
        data = make(name, seed, n=n, noise=noise, **values)
        random_state = int(np.random.default_rng(seed).integers(2**32))
        x, y = theirs(n_samples=n, noise=noise, random_state=random_state)
        assert data.x.tobytes() == x.tobytes()
        assert data.x.flags.c_contiguous == x.flags.c_contiguous
        assert data.clean_y.tolist() == y.tolist()
        assert data.clean_y.dtype == y.dtype


def blobs(classes: int, features: int, noise: float, **given: Any) -> Any:
    return make_blobs(centers=classes, n_features=features, cluster_std=noise, **given)


# Without targets


def test_unlabelled_is_the_inputs_of_the_other_data_set() -> None:
    data, iris = make("unlabelled"), make("iris")
    assert np.array_equal(data.x, iris.x)
    assert (data.y, data.task, data.features, data.classes) == (None, "unsupervised", iris.features, ())


def test_a_ring_has_its_clouds_where_they_belong() -> None:
    x = make("gaussian_ring", n=4000, modes=4, radius=3.0, noise=0.1).x
    places = np.array([(3, 0), (0, 3), (-3, 0), (0, -3)])
    nearest = np.linalg.norm(x[:, None] - places, axis=2).argmin(axis=1)
    for k, place in enumerate(places):
        cloud = x[nearest == k]
        assert 900 < len(cloud) < 1100
        np.testing.assert_allclose(cloud.mean(axis=0), place, atol=0.02)
        np.testing.assert_allclose(cloud.std(axis=0), 0.1, atol=0.01)


def test_bars_and_stripes_are_all_of_them_and_no_others() -> None:
    """2^4 + 2^4 - 2 pictures of side 4, of which the empty and the full one are twice as likely."""
    x = make("bars_and_stripes", n=16_000, side=4).x
    pictures, counts = np.unique(x, axis=0, return_counts=True)
    assert len(pictures) == 30
    for picture, count in zip(pictures.reshape(-1, 4, 4), counts, strict=True):
        assert (picture == picture[:1]).all() or (picture == picture[:, :1]).all()
        assert count == pytest.approx(1000 if len(np.unique(picture)) == 1 else 500, rel=0.2)


def test_the_unit_square_is_evenly_filled() -> None:
    x = make("unit_square", n=10_000, features=3).x
    assert x.shape == (10_000, 3)
    assert 0 <= x.min() < x.max() < 1
    np.testing.assert_allclose(x.std(axis=0), 1 / np.sqrt(12), atol=0.005)
