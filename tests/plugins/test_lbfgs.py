"""L-BFGS: the minima and the iterates of other libraries, and many trials that go their own ways at once."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sameness import by_key
from scipy import optimize
from shipped import REGISTRY
from trial_factory import make_part, make_trial

from anncore import Array, ComponentError, WeightSpec, build
from anncore.contract.trial import Stop, Trial
from anncore.engine.batches import load
from anncore.engine.nested import fit
from anncore.engine.training import train_stack

LBFGS: Any = REGISTRY.get("optimizer", "lbfgs").cls
SEARCHES = ("strong_wolfe", "armijo")

Function = Callable[[Array], tuple[Array, Array]]


def rosenbrock(theta: Array) -> tuple[Array, Array]:
    """Return the value (T, 1, 1) and gradient of Rosenbrock's function, by SciPy."""
    rows = theta[:, 0]
    value = np.array([optimize.rosen(row) for row in rows]).reshape(-1, 1, 1)
    return value, np.array([optimize.rosen_der(row) for row in rows])[:, None, :]


def descend(function: Function, start: Any, steps: int, **values: Any) -> Array:
    """Return where each trial is after every step, (steps, T, P)."""
    theta = np.array(start, float)[:, None, :]
    driver = fit(build(LBFGS, **values), [WeightSpec("W", theta.shape[1:], 1, 1)], lambda: function)
    state, seen = driver.init(theta), []
    for t in range(1, steps + 1):
        change, state = driver.step(theta, function(theta)[1], state, t)
        theta = theta + change
        seen.append(theta[:, 0])
    return np.array(seen)


EXACT = {"tolerance_grad": 1e-10, "tolerance_change": 1e-20}


@pytest.mark.parametrize("line_search", SEARCHES)
@pytest.mark.parametrize("size", [2, 5, 10])
def test_rosenbrocks_minimum_is_found(size: int, line_search: str) -> None:
    start = np.tile([-1.2, 1.0], size)[:size]
    end = descend(rosenbrock, [start], 150, line_search=line_search, **EXACT)[-1, 0]
    expected = optimize.minimize(
        optimize.rosen,
        start,
        jac=optimize.rosen_der,
        method="L-BFGS-B",
        options={"ftol": 1e-16, "gtol": 1e-10},
    )
    np.testing.assert_allclose(end, expected.x, atol=1e-7)


@pytest.mark.parametrize("line_search", SEARCHES)
def test_logistic_regression_ends_where_scipy_does(line_search: str) -> None:
    trial = regression(optimizer=("lbfgs", {"line_search": line_search, **EXACT}), steps=60, dtype="float64")
    [data] = load([trial], REGISTRY)
    x, y = np.c_[data.x_train, np.ones(len(data.x_train))], data.y_train[:, 0]

    def loss(w: Array) -> tuple[float, Array]:
        z = x @ w
        return float(np.mean(np.logaddexp(0, z) - y * z)), x.T @ (1 / (1 + np.exp(-z)) - y) / len(y)

    expected = optimize.minimize(
        loss, np.zeros(3), jac=True, method="L-BFGS-B", options={"ftol": 1e-16, "gtol": 1e-10}
    )
    [result] = train_stack([trial], REGISTRY)
    assert result.metrics["train_loss"] == pytest.approx(expected.fun, rel=1e-12)


def regression(**how: Any) -> Trial:
    how = {"network": ("mlp", {"hidden": []}), "batch_size": "full", **how}
    return make_trial(REGISTRY, **how)


STARTS = [[-1.2, 1.0], [3.0, -4.0], [1.0, 1.0], [0.0, 0.0], [-5.0, 20.0]]


@pytest.mark.parametrize(("history", "steps"), [(1, 15), (3, 20), (10, 40)])
def test_the_iterates_are_pytorchs(history: int, steps: int) -> None:
    torch: Any = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[oracles]'")
    ours = descend(rosenbrock, STARTS, steps, history=history)
    for row, start in enumerate(STARTS):
        theta = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [theta], max_iter=1, max_eval=26, history_size=history, line_search_fn="strong_wolfe"
        )

        def closure(theta: Any = theta) -> Any:
            value = 100 * (theta[1] - theta[0] ** 2) ** 2 + (1 - theta[0]) ** 2
            theta.grad = torch.autograd.grad(value, theta)[0]
            return value.detach()

        for step in range(steps):
            optimizer.step(closure)
            # Roundings grow along the valley's floor.
            np.testing.assert_allclose(ours[step, row], theta.detach().numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("line_search", SEARCHES)
@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(-10, 10), min_size=3, max_size=3), min_size=2, max_size=5))
def test_no_step_goes_up_and_trials_go_their_own_ways(line_search: str, starts: list[list[float]]) -> None:
    together = descend(rosenbrock, starts, 8, line_search=line_search)
    for row, start in enumerate(starts):
        alone = descend(rosenbrock, [start], 8, line_search=line_search)
        assert alone[:, 0].tobytes() == together[:, row].tobytes()
        values = [optimize.rosen(np.array(start)), *map(optimize.rosen, alone[:, 0])]
        assert all(after <= before for before, after in pairwise(values))


@pytest.mark.parametrize("c2", [0.9, 0.3])
def test_each_step_fulfils_wolfes_conditions(c2: float) -> None:
    path = np.concatenate([np.array(STARTS)[None], descend(rosenbrock, STARTS, 12, c2=c2)])
    value, grad = (
        np.array(arrays)[:, :, 0] for arrays in zip(*(rosenbrock(at[:, None]) for at in path), strict=True)
    )
    step = np.diff(path, axis=0)
    before, after = (grad[:-1] * step).sum(-1), (grad[1:] * step).sum(-1)
    moved = np.abs(step).max(-1) > 1e-6  # nearer to the minimum, differences of values drown in rounding
    assert moved.sum() > 30
    assert (value[1:, :, 0] <= value[:-1, :, 0] + 1e-4 * before)[moved].all()
    assert (np.abs(after) <= c2 * np.abs(before))[moved].all()


def test_a_function_that_is_not_defined_everywhere_is_descended_where_it_is() -> None:
    def logs(theta: Array) -> tuple[Array, Array]:  # θ - log θ, least at 1, undefined below 0
        with np.errstate(all="ignore"):
            return (theta - np.log(theta)).sum(axis=2, keepdims=True), 1 - 1 / theta

    for line_search in SEARCHES:
        path = descend(logs, [[5.0, 0.01], [0.5, 0.5]], 40, line_search=line_search)
        assert (path > 0).all()
        np.testing.assert_allclose(path[-1], 1, atol=1e-4)


# In training


def around(*names: str) -> Any:
    values = {"sam": {"rho": 0.02}, "clip_norm": {"max_norm": 0.1}, "armijo": {"line_search": "armijo"}}
    name, *inner = names
    component = "lbfgs" if name == "armijo" else name
    refs = {"optimizer": (around(*inner),)} if inner else {}
    return make_part(REGISTRY, "optimizer", (component, values.get(name, {})), **refs)


def test_trials_train_the_same_alone_and_in_any_stack_and_when_others_leave() -> None:
    optimizers = [
        *(around(name, "lbfgs") for name in ("clip_norm", "clip_value", "ema", "lookahead", "sam")),
        *(around("lbfgs"), around("armijo"), around("lookahead", "armijo")),
        *(("adam", {"lr": 0.05}), ("sgd", {"lr": 0.5})),
    ]
    trials = [
        make_trial(
            REGISTRY,
            optimizer=optimizer,
            batch_size="full",
            network=("mlp", {"hidden": [6]}),
            steps=25,
            eval_every=3,
            stop=Stop(loss=0.3),
            seed=seed,
            activation="tanh",
        )
        for seed in range(2)
        for optimizer in optimizers
    ]
    alone = [result for single in trials for result in train_stack([single], REGISTRY)]
    assert len({result.steps_done for result in alone}) > 2, (
        "the test wants trials that end at different steps"
    )
    assert all(result.status == "ok" for result in alone)
    for size in (2, 7, len(trials)):
        stacks = [trials[start : start + size] for start in range(0, len(trials), size)]
        assert by_key([r for stack in stacks for r in train_stack(stack, REGISTRY)]) == by_key(alone)


@pytest.mark.parametrize("names", [("lbfgs",), ("ema", "lbfgs")])
def test_batches_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ComponentError, match="lbfgs needs all examples in every step, got batches of 32"):
        train_stack([make_trial(REGISTRY, optimizer=around(*names))], REGISTRY)


def test_a_second_condition_below_the_first_is_refused() -> None:
    with pytest.raises(ComponentError, match="c1 must be less than c2, got c1 = 0"):
        build(LBFGS, c1=0.5, c2=0.4)
