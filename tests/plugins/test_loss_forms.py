"""Losses whose outputs are not themselves predictions: margins, and a mean with a variance."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sameness import trained_the_same
from scipy.stats import norm
from shipped import REGISTRY
from trial_factory import make_trial

from anncore import ComponentError, build
from anncore.contract.trial import Trial
from anncore.engine.batches import load
from anncore.engine.network_stack import Stack
from anncore.engine.training import train_stack


def make(name: str, **values: Any) -> Any:
    return build(REGISTRY.get("loss", name).cls, **values)


def value(loss: Any, output: Any, target: Any) -> float:
    return float(loss.value(np.array([output], float), np.array([target], float))[0])


def grad(loss: Any, output: Any, target: Any) -> list[Any]:
    return loss.grad(np.array([output], float), np.array([target], float))[0].tolist()


# Hinge, one output


@pytest.mark.parametrize(
    ("squared", "expected"),
    # Flux's doctests of hinge_loss and squared_hinge_loss, labels -1 and 1 there
    [(False, 0.55), (True, 0.625)],
)
def test_hinge_gives_the_figures_that_flux_documents(squared: bool, expected: float) -> None:
    output, target = [[0.1], [0.3], [1.0], [1.5]], [[1.0], [0.0], [1.0], [1.0]]
    assert value(make("hinge", squared=squared), output, target) == pytest.approx(expected, rel=1e-12)


def test_hinge_has_no_gradient_beyond_the_margin_and_none_at_the_corner() -> None:
    loss = make("hinge")
    outputs, targets = [[0.9], [1.0], [1.1], [-0.9], [-1.0], [-1.1]], [[1.0]] * 3 + [[0.0]] * 3
    assert grad(loss, outputs, targets) == [[-1 / 6], [0], [0], [1 / 6], [0], [0]]


@given(st.floats(0.1, 5), st.lists(st.floats(-20, 20), min_size=1, max_size=9))
def test_the_margin_scales_hinge_with_its_outputs(margin: float, outputs: list[float]) -> None:
    x = [[value] for value in outputs]
    y = [[float(i % 2)] for i in range(len(x))]
    scaled = [[value * margin] for [value] in x]
    assert value(make("hinge", margin=margin), scaled, y) == pytest.approx(
        margin * value(make("hinge"), x, y)
    )


# Hinge, several outputs: x_y = 1, rivals 0.5, -2 by hand


@pytest.mark.parametrize(
    ("form", "squared", "expected"),
    [
        ("crammer_singer", False, 0.5),  # 1 - 1 + 0.5
        ("crammer_singer", True, 0.25),
        ("multi_margin", False, 0.5 / 3),  # (0.5 + 0) / 3
        ("multi_margin", True, 0.25 / 3),
        ("keras", False, 0.5),
    ],
)
def test_the_forms_of_several_classes(form: str, squared: bool, expected: float) -> None:
    loss = make("hinge", form=form, squared=squared)
    assert value(loss, [[1.0, 0.5, -2.0]], [[1.0, 0, 0]]) == pytest.approx(expected, abs=1e-15)


def test_keras_counts_a_rival_of_zero_where_all_others_are_below() -> None:
    output, target = [[0.5, -1.0, -2.0]], [[1.0, 0, 0]]
    assert value(make("hinge", form="crammer_singer"), output, target) == 0  # 1 - 0.5 - 1 < 0
    assert value(make("hinge", form="keras"), output, target) == 0.5  # 1 - 0.5 + 0
    assert grad(make("hinge", form="keras"), output, target) == [[-1, 0, 0]]


def test_of_several_largest_rivals_the_first_is_blamed() -> None:
    assert grad(make("hinge"), [[0.0, 1.0, 1.0]], [[1.0, 0, 0]]) == [[-1, 1, 0]]


@given(st.integers(0, 2**32 - 1), st.sampled_from(["crammer_singer", "multi_margin"]), st.booleans())
def test_what_is_added_to_every_class_changes_nothing(seed: int, form: str, squared: bool) -> None:
    rng = np.random.default_rng(seed)
    loss = make("hinge", form=form, squared=squared)
    output, target = rng.normal(size=(1, 6, 4)), np.eye(4)[rng.integers(4, size=(1, 6))]
    np.testing.assert_allclose(loss.value(output + 3, target), loss.value(output, target), rtol=1e-12)
    np.testing.assert_allclose(loss.grad(output, target).sum(axis=2), 0, atol=1e-15)


def test_scores_of_margins_keep_order_winner_and_the_threshold() -> None:
    loss = make("hinge")
    margins = np.array([[[-700.0], [-1.0], [0.0], [1.0], [700.0]]])
    np.testing.assert_allclose(
        loss.predict(margins)[0, :, 0], [0, 1 / (1 + math.e), 0.5, math.e / (1 + math.e), 1], atol=1e-15
    )
    several = np.array([[[3.0, 1.0, 2.0], [-800.0, 0.0, -5.0]]])
    assert loss.predict(several).argmax(axis=2).tolist() == [[0, 1]]


# Gaussian


def test_a_variance_of_one_costs_half_the_squared_error() -> None:
    loss = make("gaussian_nll")
    assert value(loss, [[1.0, 0.0]], [[3.0]]) == pytest.approx(2.0, abs=1e-15)
    full = make("gaussian_nll", full=True)
    assert value(full, [[1.0, 0.0]], [[3.0]]) == pytest.approx(2.0 + 0.5 * math.log(2 * math.pi), abs=1e-15)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-4, 4))
def test_in_full_it_is_the_density_of_the_normal_distribution(mean: float, y: float, log_v: float) -> None:
    expected = -norm.logpdf(y, mean, math.exp(0.5 * log_v))
    assert value(make("gaussian_nll", full=True), [[mean, log_v]], [[y]]) == pytest.approx(
        expected, abs=1e-12
    )


def test_means_come_first_and_metrics_see_them() -> None:
    output = np.arange(12.0).reshape(1, 3, 4)
    assert make("gaussian_nll").predict(output).tolist() == [[[0, 1], [4, 5], [8, 9]]]


def test_a_variance_below_eps_is_still_pushed_up() -> None:
    # v = eps = 0.1, σ² = exp(-5): (1 - 4 / 0.1) exp(-5) / 0.2 by hand
    [[to_mean, to_s]] = grad(make("gaussian_nll", eps=0.1), [[0.0, -5.0]], [[2.0]])
    assert to_mean == pytest.approx(-20)
    assert to_s == pytest.approx((1 - 40) * math.exp(-5) / 0.2)


# In training


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_hinge_trains_the_same_alone_and_in_any_stack(dtype: str) -> None:
    optimizers = (("sgd", {"lr": 0.1}), ("adam", {"lr": 0.01}))

    def trials(dataset: str, losses: list[Any]) -> list[Trial]:
        return [
            make_trial(
                REGISTRY,
                dataset=dataset,
                output="identity" if loss[0] == "hinge" else "softmax" if dataset == "iris" else "sigmoid",
                loss=loss,
                optimizer=optimizer,
                seed=i,
                dtype=dtype,
            )
            for loss, (i, optimizer) in itertools.product(losses, enumerate(optimizers))
        ]

    ones = [("hinge", values) for values in ({}, {"squared": True}, {"margin": 0.5})]
    forms = itertools.product(("crammer_singer", "multi_margin", "keras"), (False, True))
    several = [("hinge", {"form": form, "squared": squared}) for form, squared in forms]
    moons = trials("two_moons", [*ones, ("binary_cross_entropy", {})])
    iris = trials("iris", [*several, ("categorical_cross_entropy", {})])
    for results in (trained_the_same(moons, REGISTRY), trained_the_same(iris, REGISTRY)):
        assert all(result.metrics["valid_accuracy"] > 0.6 for result in results)
        assert all(0 < result.metrics["valid_brier"] < 1 for result in results)


@pytest.mark.parametrize("dataset", ["friedman", "diabetes"])
def test_gaussian_nll_trains_the_same_alone_and_in_any_stack(dataset: str) -> None:
    trials = [
        make_trial(
            REGISTRY, dataset=dataset, output="identity", loss=("gaussian_nll", values), optimizer=opt, seed=s
        )
        for values in ({}, {"variance": "softplus"}, {"eps": 1e-3}, {"full": True})
        for opt, s in ((("sgd", {"lr": 0.01}), 0), (("adam", {"lr": 0.01}), 1))
    ]
    results = trained_the_same(trials, REGISTRY)
    assert all(math.isfinite(result.metrics["valid_rmse"]) and result.status == "ok" for result in results)


def test_gaussian_nll_learns_where_the_noise_is() -> None:
    # y = noise of standard deviation 0.1 where x < 0 and 1 elsewhere, which no mean can tell.
    trial = make_trial(
        REGISTRY, dataset="sine", output="identity", loss="gaussian_nll", dtype="float64", batch_size="full"
    )
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (400, 1))
    y = np.where(x < 0, 0.1, 1.0) * rng.standard_normal((400, 1))
    data = replace(load([trial], REGISTRY)[0], x_train=x, y_train=y)
    stack = Stack([trial], REGISTRY, [data])
    stack.initialize()
    for t in range(1, 1001):
        stack.step(t, 1000)
    out = stack.network.forward(stack.weights, np.array([[[-0.5], [0.5]]]))[0][0]
    np.testing.assert_allclose(np.exp(0.5 * out[:, 1]), [0.1, 1.0], rtol=0.35)


def test_a_form_and_an_eps_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ComponentError, match=r"hinge: form must be one of"):
        make("hinge", form="weston")
    with pytest.raises(ComponentError, match=r"gaussian_nll: eps must be"):
        make("gaussian_nll", eps=0.0)


def test_the_mean_as_a_baseline_is_unknown_where_an_output_has_a_variance_too() -> None:
    # So no finite result counts as diverged, be the limit ever so low.
    trial = make_trial(
        REGISTRY, dataset="friedman", output="identity", loss="gaussian_nll", diverged_above=1e-9
    )
    assert train_stack([trial], REGISTRY)[0].status == "ok"
