from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY

from anncore import ComponentError, build
from anncore.testing import Check, parametrize_with_checks

GOLDEN = Path(__file__).parents[1] / "golden"
KERAS = json.loads((GOLDEN / "keras_losses_facts.json").read_text())["cases"]


@parametrize_with_checks(REGISTRY.of_kind("loss"))
def test_conformance(check: Check) -> None:
    check()


def make(name: str, **values: Any) -> Any:
    return build(REGISTRY.get("loss", name).cls, **values)


def value(name: str, output: Any, target: Any, **values: Any) -> float:
    """Return the loss of one trial, from (N, D) predictions and targets."""
    return float(make(name, **values).value(np.array([output], float), np.array([target], float))[0])


def grad(name: str, output: Any, target: Any, **values: Any) -> np.ndarray:
    return make(name, **values).grad(np.array([output], float), np.array([target], float))[0]


# Keras: every fact of its own test-suite on these losses

COUNTERPARTS = {
    "BinaryCrossentropy": "binary_cross_entropy",
    "BinaryFocalCrossentropy": "focal",
    "CategoricalCrossentropy": "categorical_cross_entropy",
    "CategoricalFocalCrossentropy": "focal",
    "Huber": "huber",
    "KLDivergence": "kl_divergence",
    "MeanAbsoluteError": "mae",
    "MeanSquaredError": "mse",
}
ELEMENTWISE = (
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "Huber",
    "MeanAbsoluteError",
    "MeanSquaredError",
)


def keras_per_example(case: dict[str, Any]) -> np.ndarray:
    """Return each example's loss by our component with the preset "keras", as Keras averages it."""
    loss, config = case["loss"], case["config"]
    # float32, as Keras computed: its 1 - 1e-7 is then 1 - 1.19e-7, which a logarithm shows.
    target, output = np.array(case["y_true"], np.float32), np.array(case["y_pred"], np.float32)
    leading = output.shape[:-1]
    classes = output.shape[-1]
    values: dict[str, Any] = {}
    if loss == "CategoricalFocalCrossentropy":  # its smoothing is of the targets alone
        s = config["label_smoothing"]
        target = np.float32((1 - s) * target + s / classes)
        values = {"gamma": config["gamma"], "alpha": config["alpha"], "balance": True}
        output = output / output.sum(axis=-1, keepdims=True) if not config["from_logits"] else output
    elif loss == "BinaryFocalCrossentropy":
        assert config["label_smoothing"] == 0
        values = {
            "gamma": config["gamma"],
            "alpha": config["alpha"],
            "balance": config["apply_class_balancing"],
        }
    elif "label_smoothing" in config:
        values = {"preset": "keras", "smoothing": config["label_smoothing"]}
        values["from_logits"] = config["from_logits"]
    elif loss == "KLDivergence":
        values = {"preset": "keras"}
    if loss == "KLDivergence" and classes == 1:
        # Keras sums over a single class here; ours would add the complement. Both divide by nothing, so
        # give each as one of two classes of which the other, 1e-7 against 1e-7, adds 0.
        pad = np.full(output.shape, 1e-7, np.float32)
        target, output = np.concatenate([target, pad], axis=-1), np.concatenate([output, pad], axis=-1)
    # One trial for each example, so that `value` gives each its own; a question per unit where units are.
    width = 1 if loss == "BinaryFocalCrossentropy" else output.shape[-1]
    target, output = (array.reshape(math.prod(leading), -1, width) for array in (target, output))
    component = make(COUNTERPARTS[loss], **values)
    if config.get("from_logits"):
        link = "sigmoid" if loss.startswith("Binary") else "softmax"
        losses: np.ndarray = component.value_from_logits(output, target, link)
    else:
        losses = component.value(output, target)
    return losses.reshape(leading)


@pytest.mark.parametrize(
    "case", KERAS, ids=[f"{i}-{case['loss']}.{case['test']}" for i, case in enumerate(KERAS)]
)
def test_keras_facts(case: dict[str, Any]) -> None:
    losses = keras_per_example(case)
    weight = np.array(1.0 if case["sample_weight"] is None else case["sample_weight"])
    if weight.ndim == losses.ndim + 1:
        weight = weight[..., 0]
    weight = np.broadcast_to(weight, losses.shape)
    weighted = losses * weight
    reduction = case["config"]["reduction"]
    if reduction == "sum_over_batch_size":
        weighted = weighted.mean()
    elif reduction == "sum":
        weighted = weighted.sum()
    elif reduction == "mean_with_sample_weight":
        weighted = weighted.sum() / weight.sum()
    # Keras's own tests state few digits and allow 1e-3; what it computes in float32 loses more than ours.
    np.testing.assert_allclose(weighted, case["expected"], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(weighted, case["keras_float32"], rtol=1e-5, atol=3e-7)


def test_there_are_keras_facts_of_each_loss() -> None:
    assert {case["loss"] for case in KERAS} == set(COUNTERPARTS)


# Flux.jl, test/losses.jl and the doctests of src/losses/functions.jl


def test_flux_literals_on_four_numbers() -> None:
    y, p = [[1], [1], [0], [0]], [[0.9], [0.1], [0.1], [0.9]]
    assert value("mse", p, y) == pytest.approx(0.41, rel=1e-14)
    assert value("huber", p, y) == pytest.approx(0.205, rel=1e-14)
    assert value("mae", p, y) == pytest.approx(0.5, rel=1e-14)


def test_flux_binary_focal_literal() -> None:
    y, p = [0, 1, 0, 1, 0, 1], [0.268941, 0.5, 0.268941, 0.731059, 0.5, 0.731059]
    loss = value("focal", np.reshape(p, (6, 1)), np.reshape(y, (6, 1)), preset="flux")
    assert loss == pytest.approx(0.0728675615927385, rel=1e-12)


def test_flux_focal_literal() -> None:
    z, y = np.arange(-7.0, 8.0).reshape(1, 5, 3), np.eye(3)[[0, 1, 2, 1, 0]][None]
    losses = make("focal", preset="flux").value_from_logits(z, y, "softmax")
    assert float(losses[0]) == pytest.approx(1.1277571935622628, rel=1e-6)  # Flux adds float32's ε to p


def test_flux_cross_entropy_literal() -> None:
    # A class predicted at 0.3: -log 0.3
    assert value("categorical_cross_entropy", [[0.3, 0.7]], [[1, 0]]) == pytest.approx(
        1.203972804325936, rel=1e-15
    )


def test_flux_kl_divergence_literal() -> None:
    # kldivergence([4, 5, 6], [1, 2, 3]): the mean over three numbers, by reduction "mean"
    loss = value("kl_divergence", [[4, 5, 6]], [[1, 2, 3]], reduction="mean")
    assert loss == pytest.approx(-1.7661057888493457, rel=1e-14)


# The seed document, and the table of disagreements


def test_focal_four_points() -> None:
    p, y = [[0.9], [0.2], [0.1], [0.6]], [[1], [1], [0], [0]]
    # By hand: (1 - p_t)² (-log p_t) is .0010536, 1.0300403, .0010536, .3298653
    assert value("focal", p, y) == pytest.approx(0.12649, abs=5e-6)  # alpha for the positives
    assert value("focal", p, y, alpha=0.75) == pytest.approx(0.21401, abs=5e-6)  # the seed's code
    assert value("focal", p, y, balance=False) == pytest.approx(0.34050, abs=5e-6)
    assert value("focal", p, y, preset="seed") == value("focal", p, y)


def test_focal_without_focus_is_cross_entropy() -> None:
    p, y = [[0.9], [0.2], [0.1]], [[1], [0], [0]]
    binary = value("focal", p, y, gamma=0, balance=False)
    assert binary == pytest.approx(value("binary_cross_entropy", p, y), rel=1e-14)
    p, y = [[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]], [[1, 0, 0], [0, 0, 1]]
    several = value("focal", p, y, gamma=0, balance=False)
    assert several == pytest.approx(value("categorical_cross_entropy", p, y), rel=1e-14)


@pytest.mark.parametrize(
    ("guard", "expected"),
    [("torch", 100.0), ("keras", 16.11809565095832), ("flux", 36.04365338911715)],
)
def test_a_surely_wrong_probability_costs_what_each_framework_says(guard: str, expected: float) -> None:
    assert value("binary_cross_entropy", [[0.0]], [[1]], preset=guard) == pytest.approx(expected, rel=1e-12)


def test_the_gradient_there_is_that_of_pytorch_or_none() -> None:
    assert grad("binary_cross_entropy", [[0.0]], [[1]], preset="torch")[0, 0] == pytest.approx(-1e12)
    assert grad("binary_cross_entropy", [[0.0]], [[1]], preset="keras")[0, 0] == 0
    assert grad("binary_cross_entropy", [[0.0]], [[1]], preset="flux")[0, 0] == pytest.approx(-(2.0**52) + 1)


def test_keras_goes_through_the_clipped_probability_where_others_use_logits() -> None:
    z, y = np.full((1, 1, 1), -50.0), np.ones((1, 1, 1))
    assert make("binary_cross_entropy").value_from_logits(z, y, "sigmoid") == pytest.approx(50, rel=1e-12)
    keras = make("binary_cross_entropy", preset="keras")
    assert keras.value_from_logits(z, y, "sigmoid") == pytest.approx(16.11809565095832, rel=1e-12)
    assert keras.grad_from_logits(z, y, "sigmoid") == 0


def test_keras_normalises_rows() -> None:
    row = [[0.2, 0.3, 0.1]]
    assert value("categorical_cross_entropy", row, [[1, 0, 0]]) == pytest.approx(math.log(5))  # 1.6094
    normalised = value("categorical_cross_entropy", row, [[1, 0, 0]], preset="keras")
    assert normalised == pytest.approx(math.log(3))  # 1.0986


def test_kl_reductions() -> None:
    # y = (1/2, 1/2, 0) against p = (1/4, 1/4, 1/2): log 2; PyTorch's default divides by 3 more
    p, y = [[0.25, 0.25, 0.5]] * 2, [[0.5, 0.5, 0]] * 2
    assert value("kl_divergence", p, y) == pytest.approx(math.log(2), rel=1e-15)
    assert value("kl_divergence", p, y, preset="torch") == pytest.approx(math.log(2) / 3, rel=1e-15)


def test_kl_of_one_output_counts_both_outcomes() -> None:
    # y = 1/2 against p = 1/4: 1/2 log 2 + 1/2 log(2/3)
    expected = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    assert value("kl_divergence", [[0.25]], [[0.5]]) == pytest.approx(expected, rel=1e-14)


def test_for_hard_targets_kl_is_cross_entropy() -> None:
    p, y = [[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]], [[1, 0, 0], [0, 0, 1]]
    assert value("kl_divergence", p, y) == pytest.approx(value("categorical_cross_entropy", p, y), rel=1e-15)


def test_half_the_squared_error() -> None:
    output, target = [[1, 2], [3, 4]], [[0, 2], [3, 2]]  # errors 1, 0, 0, 2
    assert value("mse", output, target) == 1.25
    assert value("mse", output, target, preset="optax") == 0.625
    np.testing.assert_array_equal(grad("mse", output, target), [[0.5, 0], [0, 1]])
    np.testing.assert_array_equal(grad("mse", output, target, half=True), [[0.25, 0], [0, 0.5]])


def test_mae_takes_the_subgradient_0() -> None:
    assert value("mae", [[1, 2]], [[0, 5]]) == 2
    np.testing.assert_array_equal(grad("mae", [[1, 2, 3, 4]], [[0, 2, 5, 4]]), [[0.25, 0, -0.25, 0]])


def test_huber_changes_from_square_to_line_at_delta() -> None:
    output, zero = [[0.5], [1.0], [3.0], [-3.0]], [[0]] * 4
    # delta = 1: 1/8, 1/2, 5/2, 5/2; delta = 2: 1/8, 1/2, 2 (3 - 1) = 4 and again
    assert value("huber", output, zero) == pytest.approx((0.125 + 0.5 + 5) / 4)
    assert value("huber", output, zero, delta=2) == pytest.approx((0.125 + 0.5 + 8) / 4)
    np.testing.assert_array_equal(grad("huber", output, zero).ravel(), [0.125, 0.25, 0.25, -0.25])


def test_label_smoothing_by_hand() -> None:
    # s = .2, two classes: y' = .9; p = .5 gives log 2 whatever y'
    assert value("binary_cross_entropy", [[0.5]], [[1]], smoothing=0.2) == pytest.approx(math.log(2))
    expected = -0.9 * math.log(0.8) - 0.1 * math.log(0.2)
    assert value("binary_cross_entropy", [[0.8]], [[1]], smoothing=0.2) == pytest.approx(expected)
    # s = .3, three classes: y' = (.8, .1, .1)
    expected = -0.8 * math.log(0.6) - 0.1 * math.log(0.3) - 0.1 * math.log(0.1)
    row = [[0.6, 0.3, 0.1]]
    assert value("categorical_cross_entropy", row, [[1, 0, 0]], smoothing=0.3) == pytest.approx(expected)


def test_optax_softmax_cross_entropy_literals() -> None:
    # optax/losses/_classification_test.py: 9.00013 and 3.0696733 for these logits and targets
    z = np.array([[[10.0, 1.0, -2.0], [1.0, 4.0, 0.2]]])
    y = np.array([[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]])
    losses = [
        make("categorical_cross_entropy").value_from_logits(z[:, i : i + 1], y[:, i : i + 1], "softmax")
        for i in (0, 1)
    ]
    np.testing.assert_allclose(np.ravel(losses), [9.00013, 3.0696733], rtol=1e-6)


def test_zero_one_counts_one_half_as_class_0_and_cannot_train() -> None:
    assert value("zero_one", [[0.5], [0.51], [0.2], [0.9]], [[0], [1], [1], [0]]) == 0.5
    assert value("zero_one", [[0.2, 0.5, 0.3], [0.4, 0.3, 0.3]], [[0, 1, 0], [0, 0, 1]]) == 0.5
    assert not REGISTRY.get("loss", "zero_one").cls.trainable
    assert not grad("zero_one", [[0.9]], [[1]]).any()


def test_the_natural_losses() -> None:
    names = [REGISTRY.natural_loss(task).name for task in ("binary", "multiclass", "regression")]
    assert names == ["binary_cross_entropy", "categorical_cross_entropy", "mse"]


# Weights of classes


@parametrize_with_checks(
    [REGISTRY.get("loss", "categorical_cross_entropy")],
    values={"categorical_cross_entropy": {"class_weights": [0.5, 1.0, 4.0]}},
)
def test_conformance_with_class_weights(check: Check) -> None:
    check()


@pytest.mark.parametrize("preset", ["torch", "keras", "flux"])
def test_class_weights_by_hand(preset: str) -> None:
    # -log p of the true classes: log 2, log 5, log 10, weights 1, 1, 4 (of the third class)
    p = [[0.5, 0.25, 0.25], [0.2, 0.6, 0.2], [0.3, 0.6, 0.1]]
    y = [[1, 0, 0], [1, 0, 0], [0, 0, 1]]
    total = math.log(2) + math.log(5) + 4 * math.log(10)
    values = {"preset": preset, "class_weights": [1, 2, 4]}
    for reduction, count in (("weighted", 6), ("mean", 3)):
        loss = value("categorical_cross_entropy", p, y, **values, weight_reduction=reduction)
        assert loss == pytest.approx(total / count, rel=1e-12)


def test_torch_and_keras_divide_weighted_losses_by_different_numbers() -> None:
    weight_reduction = {
        preset: make("categorical_cross_entropy", preset=preset).weight_reduction
        for preset in ("torch", "keras")
    }
    assert weight_reduction == {"torch": "weighted", "keras": "mean"}


def test_equal_class_weights_are_none() -> None:
    rng = np.random.default_rng(1)
    z, y = rng.normal(size=(1, 6, 3)), np.eye(3)[rng.integers(3, size=6)][None]
    plain, equal = (
        make("categorical_cross_entropy", class_weights=w, smoothing=0.1) for w in ([], [2, 2, 2])
    )
    for method in ("value_from_logits", "grad_from_logits"):
        actual, expected = (getattr(component, method)(z, y, "softmax") for component in (equal, plain))
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-16)


def test_class_weights_must_be_as_many_as_classes() -> None:
    message = r"class_weights must hold one number for each of the 3 classes, got 2"
    with pytest.raises(ComponentError, match=message):
        value("categorical_cross_entropy", [[0.2, 0.3, 0.5]], [[1, 0, 0]], class_weights=[1, 2])
    with pytest.raises(ComponentError, match=r"class_weights must be a list, each item in \(0, inf\)"):
        make("categorical_cross_entropy", class_weights=[1, 0])


def test_positives_may_count_for_more() -> None:
    # -3 log .8, -log(1 - .4), -3 log .3
    p, y = [[0.8], [0.4], [0.3]], [[1], [0], [1]]
    expected = -(3 * math.log(0.8) + math.log(0.6) + 3 * math.log(0.3)) / 3
    for guard in ("log", "clip", "add"):
        loss = value("binary_cross_entropy", p, y, pos_weight=3, guard=guard, eps=1e-15)
        assert loss == pytest.approx(expected, rel=1e-12)
    z = np.log(np.array([p]) / (1 - np.array([p])))
    joint = make("binary_cross_entropy", pos_weight=3)
    assert joint.value_from_logits(z, np.array([y]), "sigmoid") == pytest.approx(expected, rel=1e-14)


def test_a_positive_of_weight_w_is_w_positives() -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(size=(1, 4, 1))
    y = np.array([[[1.0], [0], [1], [0]]])
    order = [0, 0, 0, 1, 2, 2, 2, 3]  # each positive three times, of which 4 are counted
    plain, weighted = make("binary_cross_entropy"), make("binary_cross_entropy", pos_weight=3)
    expected = plain.value_from_logits(z[:, order], y[:, order], "sigmoid") * 8 / 4
    assert weighted.value_from_logits(z, y, "sigmoid") == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("z", [-3.0, 800.0, -math.inf])
def test_a_trial_without_pos_weight_is_untouched_by_its_neighbours(z: float) -> None:
    cls = REGISTRY.get("loss", "binary_cross_entropy").cls
    logits = np.full((2, 3, 1), z, "float32")
    target = np.ones_like(logits)
    both = cls(pos_weight=np.array([1, 5], "float32").reshape(2, 1, 1))
    with np.errstate(invalid="ignore"):
        for method in ("value_from_logits", "grad_from_logits"):
            beside = getattr(both, method)(logits, target, "sigmoid")[:1]
            alone = getattr(cls(), method)(logits[:1], target[:1], "sigmoid")
            assert beside.tobytes() == alone.tobytes()


# Quantiles


def test_quantile_by_hand() -> None:
    # level .8: short by 2 costs 1.6, over by 3 costs .6
    assert value("quantile", [[1], [5]], [[3], [2]], level=0.8) == pytest.approx((1.6 + 0.6) / 2, rel=1e-15)
    slopes = grad("quantile", [[1], [5], [2]], [[3], [2], [2]], level=0.8)
    np.testing.assert_allclose(slopes.ravel(), np.array([-0.8, 0.2, 0]) / 3, rtol=1e-14)


def test_the_median_costs_half_the_absolute_error() -> None:
    output, target = [[1, 2], [5, 0]], [[0, 5], [2, 0]]
    assert value("quantile", output, target) == pytest.approx(value("mae", output, target) / 2, rel=1e-15)


def test_quantile_is_least_at_the_quantile() -> None:
    # Koenker & Bassett: of 1, 2, ..., 10 the .75-quantile is 8: 7.5 examples lie below it
    target = [[float(k)] for k in range(1, 11)]
    costs = {a: value("quantile", [[a]] * 10, target, level=0.75) for a in range(1, 11)}
    assert min(costs, key=lambda a: costs[a]) == 8


def test_quantile_does_not_hide_nan() -> None:
    assert np.isnan(grad("quantile", [[math.nan]], [[0]])).all()
