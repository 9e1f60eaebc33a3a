"""Galleries of activations and losses: what the axes hold, by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from experiment_factory import load, registry
from lazy_report import LazyReport
from results_factory import asked, make_results

from anncore import Drawing, FigureInput, build
from anncore.evidence.study import Study
from anncore.report.components import components_of
from anncore.report.drawing import drawing_style
from anncore.report.theme import Theme


def parts(kind: str, *labels: str, **values: dict[str, Any]) -> dict[str, Any]:
    return {label: build(registry().get(kind, label).cls, **values.get(label, {})) for label in labels}


def draw(kind: str, components: dict[str, Any], **changes: Any) -> Drawing | None:
    results = make_results(
        arms=tuple(components) or ("mine",), problems=("xor",), seeds=(100,), tune_seeds=()
    )
    study, report = Study(results), LazyReport(results)
    theme = Theme.of(list(components))
    data = FigureInput(study.trials, study.curves, report, theme, {}, {kind: components})
    figure = next(c for c in registry().of_kind("figure") if c.name == f"{kind}_gallery")
    with drawing_style():
        drawing: Drawing | None = figure.cls().draw(replace(data, **changes))
    return drawing


def drawn(kind: str, components: dict[str, Any], **changes: Any) -> Drawing:
    drawing = draw(kind, components, **changes)
    assert drawing is not None
    return drawing


def value(ax: Any, label: str, x: float) -> float:
    line = next(line for line in ax.lines if line.get_label() == label)
    at = int(np.argmin(np.abs(line.get_xdata() - x)))
    assert math.isclose(line.get_xdata()[at], x, abs_tol=1e-9)
    return float(line.get_ydata()[at])


def words(ax: Any) -> str:
    return " ".join(text.get_text() for text in ax.texts)


def test_an_activation_is_drawn_with_its_slope_and_a_ring_at_its_kink() -> None:
    drawing = drawn("activation", parts("activation", "relu", "sigmoid"))
    relu, sigmoid = drawing.figure.axes
    assert [value(relu, "f", z) for z in (-2, 0, 2)] == [0, 0, 2]
    assert [value(relu, "f′", z) for z in (-2, 2)] == [0, 1]
    assert math.isnan(value(relu, "f′", 0))  # no line across the jump
    rings = [line for line in relu.lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in rings] == [[0]]
    assert value(sigmoid, "f", 0) == 0.5
    assert value(sigmoid, "f′", 0) == 0.25
    # σ' < 0.05 beyond |z| = 2.887: (4 - 2.887) / 4 = 27.8 % of the axis.
    assert "steepest 0.25" in words(sigmoid)
    assert "flat on 28 %" in words(sigmoid)
    assert "flat on 50 %" in words(relu)
    assert drawing.title == (
        "relu lets almost no gradient through on 50 % of −4 to 4; sigmoid's slope never exceeds 0.25"
    )


def test_the_shade_covers_where_almost_no_gradient_passes() -> None:
    (tanh,) = drawn("activation", parts("activation", "tanh")).figure.axes
    # 1 - tanh² < 0.05 beyond |z| = artanh(√0.95) = 2.178; the grid is 0.02 wide.
    spans = sorted(patch.get_x() for patch in tanh.patches)
    np.testing.assert_allclose(spans, [-4, 2.18], atol=1e-9)
    assert "flat on 46 %" in words(tanh)


def test_a_panel_names_the_values_its_activation_has() -> None:
    (ax,) = drawn("activation", parts("activation", "leaky_relu", leaky_relu={"slope": 0.1})).figure.axes
    assert ax.get_title(loc="left") == "leaky_relu (slope 0.1)"
    np.testing.assert_allclose(value(ax, "f", -2), -0.2)


def test_what_mixes_units_is_named_and_not_drawn() -> None:
    drawing = drawn("activation", parts("activation", "tanh", "softmax"))
    assert len(drawing.figure.axes) == 1
    assert drawing.subtitle.endswith("Not drawn: softmax.")
    assert isinstance(draw("activation", parts("activation", "softmax")), str)


def test_all_panels_share_their_axes() -> None:
    axes = drawn("activation", parts("activation", "tanh", "relu", "gelu")).figure.axes
    assert {(*ax.get_xlim(), *ax.get_ylim()) for ax in axes} == {(-4, 4, -1.9, 3.2)}


def test_losses_of_regressions_lie_over_the_error() -> None:
    losses = parts("loss", "mse", "mae", "huber", huber={"delta": 0.3})
    drawing = drawn("loss", losses)
    left, right = drawing.figure.axes
    np.testing.assert_allclose([value(left, name, 3) for name in losses], [9, 3, 0.3 * (3 - 0.15)])
    np.testing.assert_allclose([value(right, name, -3) for name in losses], [-6, -1, -0.3])
    assert drawing.title == "At an error of 3 the gradient of mse is 20 times that of huber"


@pytest.mark.parametrize("name", ["binary_cross_entropy", "categorical_cross_entropy"])
def test_losses_of_classes_lie_over_the_logit(name: str) -> None:
    # -log σ(-4) = log(1 + e⁴) = 4.01815; σ(-4) - 1 = -0.982014.
    drawing = drawn("loss", parts("loss", name))
    loss, gradient, other_loss, other_gradient = drawing.figure.axes
    np.testing.assert_allclose(value(loss, name, -4), 4.01815, rtol=1e-5)
    np.testing.assert_allclose(value(gradient, name, -4), -0.982014, rtol=1e-5)
    np.testing.assert_allclose(value(other_loss, name, 4), 4.01815, rtol=1e-5)
    np.testing.assert_allclose(value(other_gradient, name, 4), 0.982014, rtol=1e-5)
    assert loss.get_title(loc="left") == "loss, target 1"


def test_a_squared_error_beside_a_cross_entropy_goes_through_the_sigmoid() -> None:
    # (σ(-4) - 1)² = 0.964351; 2 (σ - 1) σ (1 - σ) = 2 · -0.982014 · 0.0176627 = -0.0346900.
    loss, gradient, *_ = drawn("loss", parts("loss", "mse", "binary_cross_entropy")).figure.axes
    np.testing.assert_allclose(value(loss, "mse", -4), 0.964351, rtol=1e-5)
    np.testing.assert_allclose(value(gradient, "mse", -4), -0.0346900, rtol=1e-5)


def test_labels_that_are_no_arms_get_colours_of_their_own() -> None:
    losses = parts("loss", "mse", "mae")
    left = drawn("loss", losses, theme=Theme.of(["mse + adam", "mae + adam"])).figure.axes[0]
    assert {line.get_color() for line in left.lines if line.get_label() in losses} == {"#0072b2", "#d55e00"}


@pytest.mark.parametrize("kind", ["activation", "loss"])
def test_without_components_there_is_no_gallery(kind: str) -> None:
    assert isinstance(draw(kind, {}), str)


def test_components_come_with_the_values_most_trials_had(tmp_path: Path) -> None:
    text = """
vary = ["activation"]
[dataset.two_moons]
[activation.relu]
[activation.leaky]
use = "leaky_relu"
slope = [0.1, 0.2]
[optimizer.adam]
"""
    results = make_results(arms=("relu", "leaky"), problems=("a", "b", "c"), seeds=(100,), tune_seeds=())
    results = asked(results, vary=("activation",), entries=load(tmp_path, text).entries)
    results.trials["activation"] = results.trials["arm"]
    results.trials["activation.slope"] = np.where(results.trials["arm"] == "leaky", 0.2, np.nan)
    results.trials.loc[results.trials["problem"] == "a", "activation.slope"] = 0.1
    results.trials.loc[results.trials["arm"] == "relu", "activation.slope"] = np.nan
    components = components_of(Study(results))
    assert list(components) == ["activation"]
    assert {label: component.name for label, component in components["activation"].items()} == {
        "relu": "relu",
        "leaky": "leaky_relu",
    }
    assert components["activation"]["leaky"].slope == 0.2


def test_a_loss_with_weights_for_three_classes_is_named_and_not_drawn() -> None:
    # Its curve is that of two classes, which have no such weights.
    weighted = {"class_weights": (1.0, 3.0, 10.0)}
    losses = parts("loss", "focal", "categorical_cross_entropy", categorical_cross_entropy=weighted)
    drawing = drawn("loss", losses)
    assert {line.get_label() for line in drawing.figure.axes[0].lines} & set(losses) == {"focal"}
    assert drawing.subtitle.endswith("Not drawn: categorical_cross_entropy.")
    del losses["focal"]
    assert draw("loss", losses) == "No loss that can be drawn as a curve is compared."


def test_a_loss_says_with_which_hyperparameters_it_is_drawn() -> None:
    drawing = drawn("loss", parts("loss", "mse", "huber", huber={"delta": 0.5}))
    assert " Drawn with huber (delta = 0.5)." in drawing.subtitle
    drawing = drawn("loss", parts("loss", "mse", "focal", focal={"balance": False}))
    assert "balance = false" in drawing.subtitle  # alone it makes the gradient four times as steep
