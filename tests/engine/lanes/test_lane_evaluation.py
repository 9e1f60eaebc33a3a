"""Evaluation in lanes: kernels give what formulas give of the same weights, wherever trials lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY
from trial_factory import make_trial

from anncore.contract.trial import Trial
from anncore.engine.evaluation import Evaluator
from anncore.engine.lanes.evaluator import LaneEvaluator
from anncore.engine.lanes.places import Lanes
from anncore.engine.lanes.stack import LaneStack
from anncore.engine.training import _loaded, train_stack

pytest.importorskip("llvmlite")


def trials(count: int, **options: Any) -> list[Trial]:
    """Trials of a few seeds, those of one seed side by side."""
    return [
        make_trial(
            REGISTRY,
            engine="lanes",
            seed=at // 3,
            optimizer=("adam", {"lr": 0.01 * (1 + at % 3)}),
            **{"steps": 20, "eval_every": 5, **options},
        )
        for at in range(count)
    ]


def stack_of(count: int, **options: Any) -> LaneStack:
    mine = trials(count, **options)
    stack = LaneStack(mine, REGISTRY, _loaded(mine, REGISTRY))
    stack.initialize()
    return stack


@pytest.mark.parametrize("count", [1, 5, 16, 32, 33])
def test_numbers_come_back_from_lanes_as_they_were_put(count: int) -> None:
    for group in (np.zeros(count, int), np.arange(count) % 3, np.arange(count)[::-1] // 4):
        lanes = Lanes(np.argsort(group, kind="stable"), "float32")
        values = np.random.default_rng(0).random((count, 7)).astype("float32")
        back, wider = np.empty_like(values), np.zeros((count, 9), "float32")
        laid = lanes.put(values)
        assert laid.shape == (lanes.groups, 7, lanes.lanes)
        lanes.take(laid, back)
        lanes.take(laid, wider[:, 1:8])
        assert np.array_equal(back, values)
        assert np.array_equal(wider[:, 1:8], values)


@pytest.mark.parametrize("count", [2, 16, 21])
def test_curves_and_scores_are_those_of_the_formulas(count: int) -> None:
    """The formulas score the same weights, in float32 by NumPy's own operations."""
    stack = stack_of(count)
    stack.advance(1, 7, 20)
    ours, theirs = LaneEvaluator(stack), Evaluator(stack)
    metrics = [component.cls() for component in REGISTRY.metrics("binary") if not component.cls.watches]
    metrics = [metric for metric in metrics if not metric.from_network]
    pairs = [(ours.curve(metrics), theirs.curve(metrics))]
    pairs += [(ours.split(name, metrics), theirs.split(name, metrics)) for name in ("train", "test")]
    for mine, formulas in pairs:
        assert mine.keys() == formulas.keys()
        for name in mine:
            np.testing.assert_allclose(mine[name], formulas[name], rtol=2e-4, atol=2e-4, err_msg=name)
    z, other = ours.outputs().by_trial(), theirs._forward(theirs._curve[0])
    np.testing.assert_allclose(z, other, rtol=1e-5, atol=1e-5)


def test_weights_and_states_are_the_newest_whenever_somebody_looks() -> None:
    looked, unseen = stack_of(5), stack_of(5)
    for first in (1, 4, 7):
        for stack in (looked, unseen):
            stack.advance(first, first + 2, 20)
        before = looked.theta.copy()
        assert np.array_equal(looked.weights["W1"].reshape(5, -1), before[:, : looked.weights["W1"][0].size])
    assert np.array_equal(unseen.theta, looked.theta)
    states = [run.state_of(row) for stack in (looked, unseen) for run in stack.optimizers for row in range(5)]
    for mine, other in zip(states[:5], states[5:], strict=True):
        assert all(np.array_equal(*pair) for pair in zip(mine[0], other[0], strict=True))
    smaller = unseen.narrowed(np.array([1, 4]))
    assert np.array_equal(smaller.theta, looked.theta[[1, 4]])


def test_a_state_that_overflows_is_found_in_the_lanes() -> None:
    stack = stack_of(18)
    stack.advance(1, 2, 20)
    assert stack.stuck() == {}
    stack._updates[0]._states[0][1, 3, 1] = np.inf  # the trial in the second lane of the second group
    stack._ahead = True
    assert list(stack.stuck()) == [17]
    assert "adam is not finite" in stack.stuck()[17]


@pytest.mark.parametrize("engine", ["lanes", "blas"])
def test_chance_is_each_trials_own(engine: str) -> None:
    """Trials share the data of their seed, and some the loss; expected: each alone."""
    losses = ["binary_cross_entropy", ("binary_cross_entropy", {"smoothing": 0.1})]
    mine = [
        make_trial(REGISTRY, engine=engine, seed=seed, loss=loss, steps=5)
        for loss in losses
        for seed in (3, 1, 3)
    ]
    data = _loaded(mine, REGISTRY)
    kind, scorer = (LaneStack, LaneEvaluator) if engine == "lanes" else (_blas(), Evaluator)
    together = scorer(kind(mine, REGISTRY, data)).chance()
    alone = [scorer(kind([trial], REGISTRY, [own])).chance() for trial, own in zip(mine, data, strict=True)]
    assert np.array_equal(together, np.concatenate(alone))
    shares = np.array([own.y_train.mean() for own in data[:3]], float)
    entropy = -(shares * np.log(shares) + (1 - shares) * np.log1p(-shares))
    np.testing.assert_allclose(together[:3], entropy, rtol=1e-5)


def _blas() -> Any:
    from anncore.engine.network_stack import Stack

    return Stack


def test_results_are_the_same_with_and_without_looks_in_between() -> None:
    """A metric that looks inside brings weights out of the lanes at every evaluation."""
    plain = train_stack(trials(6), REGISTRY)
    watched = train_stack(trials(6, watch=("annx:dead_units",)), REGISTRY)
    for one, other in zip(plain, watched, strict=True):
        assert dict(one.curves) == {name: other.curves[name] for name in one.curves}
        assert dict(one.metrics) == {name: other.metrics[name] for name in one.metrics}
