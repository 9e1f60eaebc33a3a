"""Losses of the catalogue: what each of them becomes at special values, and figures worked by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from experiment_factory import plan
from shipped import REGISTRY

from anncore import ComponentError, build
from anncore.contract.errors import ExperimentError

RNG = np.random.default_rng(5)
A, Y = RNG.normal(scale=3, size=(2, 4, 7, 3))
P = RNG.uniform(0.02, 0.98, size=(4, 7, 3))
P /= P.sum(axis=2, keepdims=True)
HOT = np.eye(3)[RNG.integers(3, size=(4, 7))]
ONE_P, ONE_Y = RNG.uniform(0.02, 0.98, size=(4, 7, 1)), RNG.integers(2, size=(4, 7, 1)).astype(float)
MARKED = RNG.integers(2, size=(4, 7, 3)).astype(float)

INPUTS: Mapping[str, tuple[np.ndarray, np.ndarray]] = {
    "real": (A, Y),
    "classes": (P, HOT),
    "binary": (ONE_P, ONE_Y),
    "margin": (A[..., :1], ONE_Y),
    "margins": (A, HOT),
    "picture": (RNG.uniform(size=(4, 7, 3)), MARKED),
}


def make(name: str, **values: Any) -> Any:
    return build(REGISTRY.get("loss", name).cls, **values)


def value(name: str, output: Any, target: Any, **values: Any) -> float:
    return float(make(name, **values).value(np.array([output], float), np.array([target], float))[0])


def grad(name: str, output: Any, target: Any, **values: Any) -> np.ndarray:
    return make(name, **values).grad(np.array([output], float), np.array([target], float))[0]


# One loss, its values, another one with its values, a factor, and how closely they agree
INCLUSIONS: list[tuple[str, str, dict[str, Any], str, dict[str, Any], float, float]] = [
    ("real", "huber", {"delta": 1e6}, "mse", {"half": True}, 1, 1e-13),
    ("real", "smooth_l1", {"beta": 0.7}, "huber", {"delta": 0.7}, 1 / 0.7, 1e-13),
    ("real", "smooth_l1", {"beta": 1.0}, "huber", {"delta": 1.0}, 1, 1e-13),
    ("real", "smooth_l1", {"beta": 1e-9}, "mae", {}, 1, 1e-8),
    ("real", "expectile", {"level": 0.5}, "mse", {"half": True}, 1, 1e-13),
    ("real", "tukey", {"c": 1e7}, "mse", {"half": True}, 1, 1e-10),
    ("real", "general_robust", {"shape": 2.0}, "mse", {"half": True}, 1, 1e-13),
    ("real", "general_robust", {"shape": 2.0, "scale": 0.5}, "mse", {}, 2, 1e-13),
    ("real", "general_robust", {"shape": 2 - 1e-9}, "mse", {"half": True}, 1, 1e-7),
    ("real", "general_robust", {"shape": 1e-9}, "general_robust", {"shape": 0.0}, 1, 1e-7),
    ("real", "general_robust", {"shape": -1e-300}, "general_robust", {"shape": 0.0}, 1, 1e-13),
    ("real", "cosine_similarity", {}, "cosine_similarity", {"eps": 1e-30}, 1, 1e-13),
    ("classes", "generalized_cross_entropy", {"q": 1e-9}, "categorical_cross_entropy", {}, 1, 1e-7),
    ("binary", "generalized_cross_entropy", {"q": 1e-9}, "binary_cross_entropy", {}, 1, 1e-7),
    ("binary", "generalized_cross_entropy", {"q": 1.0}, "mae", {}, 1, 1e-12),
    (
        "classes",
        "symmetric_cross_entropy",
        {"alpha": 1.0, "beta": 0.0},
        "categorical_cross_entropy",
        {},
        1,
        1e-12,
    ),
    (
        "binary",
        "symmetric_cross_entropy",
        {"alpha": 0.3, "beta": 0.0},
        "binary_cross_entropy",
        {},
        0.3,
        1e-12,
    ),
    ("binary", "symmetric_cross_entropy", {"alpha": 0.0, "beta": 1.0, "floor": -4.0}, "mae", {}, 4, 1e-12),
    ("classes", "poly1_cross_entropy", {"epsilon": 0.0}, "categorical_cross_entropy", {}, 1, 1e-12),
    ("binary", "poly1_cross_entropy", {"epsilon": 0.0}, "binary_cross_entropy", {}, 1, 1e-12),
    ("binary", "asymmetric", {"gamma_neg": 0.0, "clip": 0.0}, "binary_cross_entropy", {}, 1, 1e-12),
    (
        "binary",
        "asymmetric",
        {"gamma_pos": 1.5, "gamma_neg": 1.5, "clip": 0.0},
        "focal",
        {"gamma": 1.5, "balance": False},
        1,
        1e-12,
    ),
    (
        "margins",
        "bi_tempered",
        {"t1": 1 - 1e-9, "t2": 1 + 1e-9},
        "bi_tempered",
        {"t1": 1.0, "t2": 1.0},
        1,
        1e-7,
    ),
    ("classes", "focal", {"gamma": 0.0, "balance": False}, "categorical_cross_entropy", {}, 1, 1e-12),
    (
        "classes",
        "focal",
        {"gamma": 0.0, "balance": False, "smoothing": 0.1},
        "categorical_cross_entropy",
        {"smoothing": 0.1},
        1,
        1e-12,
    ),
    (
        "classes",
        "focal",
        {"gamma": 0.0, "balance": False, "smoothing": 0.1, "class_weights": (1.0, 2.0, 4.0)},
        "categorical_cross_entropy",
        {"smoothing": 0.1, "class_weights": (1.0, 2.0, 4.0), "weight_reduction": "mean"},
        1,
        1e-12,
    ),
    (
        "binary",
        "focal",
        {"gamma": 0.0, "balance": False, "smoothing": 0.2, "class_weights": (1.0, 3.0)},
        "binary_cross_entropy",
        {"smoothing": 0.2, "pos_weight": 3.0},
        1,
        1e-12,
    ),
    (
        "classes",
        "js_divergence",
        {"weight": 0.5, "scaled": True},
        "js_divergence",
        {},
        1 / (0.5 * math.log(2)),
        1e-12,
    ),
    ("picture", "tversky", {"smooth": 0.5}, "dice", {"smooth": 1.0}, 1, 1e-12),
    ("margin", "squared_hinge", {"margin": 0.7}, "hinge", {"squared": True, "margin": 0.7}, 1, 1e-12),
    ("margins", "categorical_hinge", {"margin": 0.7}, "hinge", {"preset": "keras", "margin": 0.7}, 1, 1e-12),
]


@pytest.mark.parametrize(
    ("inputs", "name", "values", "other", "other_values", "factor", "rtol"),
    INCLUSIONS,
    ids=[f"{row[1]} {row[2]} {row[0]}" for row in INCLUSIONS],
)
def test_at_special_values_a_loss_is_another_one(
    inputs: str,
    name: str,
    values: dict[str, Any],
    other: str,
    other_values: dict[str, Any],
    factor: float,
    rtol: float,
) -> None:
    output, target = INPUTS[inputs]
    one, two = make(name, **values), make(other, **other_values)
    np.testing.assert_allclose(one.value(output, target), factor * two.value(output, target), rtol, rtol)
    np.testing.assert_allclose(one.grad(output, target), factor * two.grad(output, target), rtol, rtol)


def test_a_scaled_js_divergence_with_a_tiny_weight_is_cross_entropy() -> None:
    # By the logits: by probabilities the two differ by a constant, which their sum of 1 makes meaningless.
    one, two = make("js_divergence", weight=1e-9, scaled=True), make("categorical_cross_entropy")
    for method in ("value_from_logits", "grad_from_logits"):
        results = [getattr(component, method)(A, HOT, "softmax") for component in (one, two)]
        np.testing.assert_allclose(*results, rtol=1e-6, atol=1e-9)


def test_generalized_cross_entropy_at_1_is_half_the_absolute_error_summed_over_classes() -> None:
    halves = 0.5 * np.abs(P - HOT).sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(make("generalized_cross_entropy", q=1.0).value(P, HOT), halves, rtol=1e-12)


E = 1.5  # an error, for the special shapes of Barron's table 1


@pytest.mark.parametrize(
    ("shape", "expected", "slope"),
    [
        (2.0, E**2 / 2, E),
        (1.0, math.sqrt(E**2 + 1) - 1, E / math.sqrt(E**2 + 1)),
        (0.0, math.log(E**2 / 2 + 1), 2 * E / (E**2 + 2)),
        (-2.0, 2 * E**2 / (E**2 + 4), 16 * E / (E**2 + 4) ** 2),
        (-1e15, 1 - math.exp(-(E**2) / 2), E * math.exp(-(E**2) / 2)),
        (-1e300, 1 - math.exp(-(E**2) / 2), E * math.exp(-(E**2) / 2)),
    ],
)
def test_the_general_robust_loss_at_its_special_shapes(shape: float, expected: float, slope: float) -> None:
    assert value("general_robust", [[3 + E]], [[3]], shape=shape) == pytest.approx(expected, rel=1e-13)
    assert grad("general_robust", [[3 + E]], [[3]], shape=shape) == pytest.approx(slope, rel=1e-13)
    assert value("general_robust", [[3 + 0.1 * E]], [[3]], shape=shape, scale=0.1) == pytest.approx(
        expected, rel=1e-12
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_in_one_stack_every_shape_is_that_of_the_trial(dtype: str) -> None:
    shapes = [2.0, 1.0, 0.0, -2.0, -1e6]
    column = np.array(shapes, dtype).reshape(-1, 1, 1)
    component = REGISTRY.get("loss", "general_robust").cls(shape=column, scale=np.ones_like(column))
    output = np.broadcast_to(A[:1], (5, 7, 3)).astype(dtype)
    target = np.broadcast_to(Y[:1], (5, 7, 3)).astype(dtype)
    alone = [make("general_robust", shape=shape).value(A[:1], Y[:1])[0] for shape in shapes]
    values, slopes = component.value(output, target), component.grad(output, target)
    assert values.dtype == slopes.dtype == dtype
    np.testing.assert_allclose(values, alone, rtol=1e-12 if dtype == "float64" else 2e-6)
    assert np.isfinite(slopes).all()


@pytest.mark.parametrize(
    ("name", "output", "target", "values", "expected", "slopes"),
    [
        ("log_cosh", [[2.0]], [[1]], {}, math.log(math.cosh(1)), [math.tanh(1)]),
        ("log_cosh", [[1e-9]], [[0]], {}, 5e-19, [1e-9]),
        ("log_cosh", [[-800.0]], [[0]], {}, 800 - math.log(2), [-1]),
        ("smooth_l1", [[0.5], [3]], [[0], [0]], {"beta": 2.0}, (0.0625 + 2) / 2, [0.125, 0.5]),
        ("expectile", [[3.0], [0]], [[1], [1]], {"level": 0.9}, (0.1 * 4 + 0.9 * 1) / 2, [0.2, -0.9]),
        ("expectile", [[1.0]], [[1]], {"level": 0.9}, 0, [0]),
        ("tukey", [[1.0], [3]], [[0], [0]], {"c": 2.0}, ((1 - 27 / 64) * 4 / 6 + 4 / 6) / 2, [9 / 32, 0]),
        ("tukey", [[2.0], [-2]], [[0], [0]], {"c": 2.0}, 4 / 6, [0, 0]),  # at the corner
        ("tukey", [[1e-9]], [[0]], {"c": 2.0}, 5e-19, [1e-9]),
        ("msle", [[0.0], [math.e - 1]], [[0], [0]], {}, 1 / 2, [0, 1 / math.e]),
        ("mape", [[3.0], [-1]], [[4], [-2]], {}, (0.25 + 0.5) / 2, [-1 / 8, 1 / 4]),
        ("mape", [[3.0], [-1]], [[4], [-2]], {"preset": "keras"}, 37.5, [-12.5, 25]),
        ("mape", [[1.0]], [[0]], {"eps": 0.5}, 2, [2]),
        ("mape", [[2.0]], [[2]], {}, 0, [0]),
        ("poisson_nll", [[0.0]], [[2]], {}, 1, [-1]),
        ("poisson_nll", [[math.log(2)]], [[3]], {}, 2 - 3 * math.log(2), [-1]),
        ("poisson_nll", [[52.0]], [[0]], {}, 3 * math.exp(50), [math.exp(50)]),  # on the straight line
        ("poisson_nll", [[0.0], [0]], [[1], [0]], {"full": True}, 1, [0, 1 / 2]),  # no term up to 1
        ("cosine_similarity", [[3.0, 4]], [[4, 3]], {}, 1 - 24 / 25, [-0.0448, 0.0336]),
        ("cosine_similarity", [[3.0, 4]], [[8, 6]], {"negative": True}, -24 / 25, [-0.0448, 0.0336]),
        ("cosine_similarity", [[0.0, 0]], [[4, 3]], {}, 1, [-8e7, -6e7]),  # divided by eps
        ("cosine_similarity", [[1e200, 0.0]], [[0, 1e200]], {}, 1, [0, -1e-200]),
        ("generalized_cross_entropy", [[0.25]], [[1]], {"q": 0.5}, 1, [-2]),
        ("symmetric_cross_entropy", [[0.25, 0.75]], [[1, 0]], {}, 0.1 * math.log(4) + 3, [-0.4, 4]),
        ("poly1_cross_entropy", [[0.25, 0.75]], [[1, 0]], {}, math.log(4) + 1.5, [-6, 0]),
        ("asymmetric", [[0.55]], [[0]], {}, -(0.5**4) * math.log(0.5), [0.5**3 * (4 * math.log(2) + 1)]),
        ("asymmetric", [[0.05], [0.01]], [[0], [0]], {}, 0, [0, 0]),
        ("asymmetric", [[0.25]], [[1]], {}, math.log(4), [-4]),
        ("js_divergence", [[0.0, 1]], [[1, 0]], {}, math.log(2), None),
        ("js_divergence", [[1.0, 0]], [[1, 0]], {}, 0, None),
        # p = (0.65, 0.35, 0), τ = -0.15: -0.5 + (0.5² - τ² + 0.2² - τ²) / 2 + 1/2
        ("sparsemax_loss", [[0.5, 0.2, -1]], [[1, 0, 0]], {}, 0.1225, [-0.35, 0.35, 0]),
        ("sparsemax_loss", [[3.0, 1]], [[1, 0]], {}, 0, [0, 0]),
        ("sparsemax_loss", [[1.0, 3]], [[1, 0]], {}, 2, [-1, 1]),  # τ = 2: -1 + (9 - 4) / 2 + 1/2
        ("sparsemax_loss", [[0.0]], [[1]], {}, 1 / 4, [-1 / 2]),
        # Of two equal z, p = (1/2, 1/2): 2 (1 - √½) - (1 - 2 √½³) / 1.5, and e = (-½, ½) √½
        (
            "bi_tempered",
            [[3.0, 3]],
            [[1, 0]],
            {"t1": 0.5, "t2": 1.0},
            2 - math.sqrt(2) - (1 - math.sqrt(0.5)) / 1.5,
            [-math.sqrt(0.5) / 2, math.sqrt(0.5) / 2],
        ),
        # 1 / (1 + w) + 1 / (1 + w + 3/2) = 1 for w = ½: p = (2/3, 1/3)
        ("bi_tempered", [[1.5, 0]], [[0, 1]], {"t1": 0.0, "t2": 2.0}, 4 / 9, [16 / 135, -16 / 135]),
        ("bi_tempered", [[1.5]], [[0]], {"t1": 0.0, "t2": 2.0}, 4 / 9, [16 / 135]),
        ("dice", [[0.5, 0.5, 0]], [[1, 0, 0]], {}, 1 - 2 / 3, [-4 / 9, 2 / 9, 2 / 9]),
        ("dice", [[0.0, 0]], [[0, 0]], {}, 0, [1, 1]),
        ("tversky", [[0.5, 0.5, 0]], [[1, 0, 0]], {"alpha": 1.0, "beta": 1.0}, 1 - 1.5 / 2.5, None),
        ("squared_hinge", [[0.5], [-3]], [[1], [0]], {}, 0.125, [-0.5, 0]),
        ("squared_hinge", [[0.5, -3, 0]], [[1, 0, 0]], {}, 1.25 / 3, [-1 / 3, 0, 2 / 3]),
        ("categorical_hinge", [[0.5, -1, -2]], [[1, 0, 0]], {}, 0.5, [-1, 0, 0]),  # 0 is a rival
        ("categorical_hinge", [[0.5, 1, -2]], [[1, 0, 0]], {}, 1.5, [-1, 1, 0]),
    ],
)
def test_by_hand(
    name: str, output: Any, target: Any, values: dict[str, Any], expected: float, slopes: list[float] | None
) -> None:
    assert value(name, output, target, **values) == pytest.approx(expected, rel=1e-12, abs=1e-300)
    if slopes is not None:
        np.testing.assert_allclose(
            grad(name, output, target, **values).ravel(), slopes, rtol=1e-9, atol=1e-300
        )


def test_the_expectile_loss_is_least_at_the_expectile() -> None:
    # Of 0, 0, 0, 1 at level 0.75: 3 (1 - 0.75) m = 0.75 (1 - m), so m = 1/2.
    losses = {m: value("expectile", [[m]] * 4, [[0], [0], [0], [1]], level=0.75) for m in (0.45, 0.5, 0.55)}
    assert min(losses, key=lambda m: losses[m]) == 0.5


def test_an_outlier_has_the_influence_that_the_loss_gives_it() -> None:
    influence = {
        name: abs(grad(name, [[0.0]], [[1e3]])[0, 0]) for name in ("mse", "huber", "log_cosh", "tukey")
    }
    assert influence == {"mse": 2e3, "huber": 1, "log_cosh": 1, "tukey": 0}
    cauchy, welsch = (abs(grad("general_robust", [[0.0]], [[1e3]], shape=s)[0, 0]) for s in (0.0, -1e6))
    assert cauchy == pytest.approx(2e-3, rel=1e-5)
    assert welsch == 0


def test_losses_for_wrong_labels_are_bounded_where_cross_entropy_is_not() -> None:
    z, y = np.array([[[-300.0, 300.0]]]), np.array([[[1.0, 0.0]]])
    costs = {
        name: make(name).value_from_logits(z, y, "softmax")[0]
        for name in ("categorical_cross_entropy", "generalized_cross_entropy", "js_divergence")
    }
    assert costs == pytest.approx(
        {
            "categorical_cross_entropy": 600,
            "generalized_cross_entropy": 1 / 0.7,
            "js_divergence": math.log(2),
        },
        rel=1e-12,
    )


def test_the_bi_tempered_loss_at_1_is_the_cross_entropy_of_the_softmax() -> None:
    one, two = make("bi_tempered", t1=1.0, t2=1.0), make("categorical_cross_entropy")
    np.testing.assert_allclose(one.value(A, HOT), two.value_from_logits(A, HOT, "softmax"), rtol=1e-12)
    slopes = two.grad_from_logits(A, HOT, "softmax")
    np.testing.assert_allclose(one.grad(A, HOT), slopes, rtol=1e-10, atol=1e-14)
    binary = make("binary_cross_entropy").value_from_logits(A[..., :1], ONE_Y, "sigmoid")
    np.testing.assert_allclose(one.value(A[..., :1], ONE_Y), binary, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [0.0, 1e-20, 1.0, 1e10, 1e30])
def test_the_bi_tempered_loss_is_bounded_and_its_shares_sum_to_1(dtype: str, size: float) -> None:
    z, y = (A * size).astype(dtype), HOT.astype(dtype)
    for t1, t2 in ((0.0, 10.0), (0.8, 1.2), (0.5, 1.0)):
        loss = REGISTRY.get("loss", "bi_tempered").cls(
            t1=np.full((4, 1, 1), t1, dtype), t2=np.full((4, 1, 1), t2, dtype)
        )
        assert (loss.value(z, y) <= 1.0001 / (1 - t1)).all()
        assert np.isfinite(loss.grad(z, y)).all()
        np.testing.assert_allclose(loss.predict(z).sum(axis=2), 1, rtol=1e-5)


def test_targets_that_a_loss_cannot_take_are_refused(tmp_path: Path) -> None:
    text = "# Q?\n[train]\nsteps = 2\n[dataset.friedman]\nn = 50\n[optimizer.sgd]\n[loss.{}]\n"
    with pytest.raises(ExperimentError) as error:
        plan(tmp_path, text.format("poisson_nll"))
    message = str(error.value)
    assert "loss 'poisson_nll' takes targets in [0, inf), but those of 'friedman' lie in -" in message
    assert "set [split] standardize = false, or use another loss" in message
    plan(tmp_path, text.format("msle") + "[split]\nstandardize = false\n")


def test_focal_class_weights_must_be_as_many_as_classes() -> None:
    for output, target, weights, classes in (
        ([[0.2, 0.3, 0.5]], [[1, 0, 0]], [1, 2], 3),
        ([[0.2]], [[1]], [1, 2, 3], 2),
    ):
        with pytest.raises(ComponentError, match=f"one number for each of the {classes} classes"):
            value("focal", output, target, class_weights=weights)
