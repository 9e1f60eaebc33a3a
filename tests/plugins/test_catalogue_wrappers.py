"""Wrappers: changed gradients, penalties and averages worked by hand, and nests."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from sameness import by_key
from shipped import REGISTRY
from trial_factory import make_objective_trial, make_part, make_trial
from walking import GRADS, START, bowl, made, specs_of, walk

from anncore import Array, ComponentError, WeightSpec
from anncore.contract.hyperparameters import references
from anncore.contract.trial import Part, Trial
from anncore.engine.nested import fit
from anncore.engine.training import train_stack


def test_penalties_by_hand() -> None:
    specs = specs_of((1, 3), (1, 1), roles="wb")
    sgd = made("sgd", lr=1.0)
    start = [2.0, -3, 0, 4]
    for name, values, weights, bias in (
        ("l1_penalty", {}, [1.5, -2.5, 0], 4),
        ("l1_penalty", {"on": "all"}, [1.5, -2.5, 0], 3.5),
        ("l2_penalty", {}, [1, -1.5, 0], 4),
        ("l2_penalty", {"half": False}, [0, 0, 0], 4),
        ("l2_penalty", {"on": "all"}, [1, -1.5, 0], 2),
    ):
        visited, _ = walk(made(name, sgd, strength=0.5, **values), [np.zeros(4)], start, specs)
        assert visited[0].tolist() == [*weights, bias], (name, values)


def test_two_penalties_are_the_elastic_net() -> None:
    both = made("l1_penalty", made("l2_penalty", made("sgd", lr=1.0), strength=0.5), strength=0.25)
    assert walk(both, [[0, 0]], [2.0, -3])[0][0].tolist() == [0.75, -1.25]


@pytest.mark.parametrize("name", ["l1_penalty", "l2_penalty", "gradient_noise"])
@pytest.mark.parametrize("on", ["weights", "all"])
def test_what_asks_inside_sees_the_loss_whose_gradient_it_gets(name: str, on: str) -> None:
    values = {"eta": 0.3} if name == "gradient_noise" else {"strength": 0.3, "on": on}
    wrapper = made(name, **values).fitted_to(specs_of((2, 2), (1, 2), roles="wb"))
    slope, loss = bowl(np.ones((1, 1, 6)))
    inside = wrapper.evaluate_inside(lambda at: (loss(at)[:, :, None], slope(at)), (), 3)
    at = np.random.default_rng(5).normal(size=(1, 1, 6))
    ahead, behind = (at + side * 1e-6 * np.eye(6)[:, None, :] for side in (1, -1))
    rises = [
        (inside(one[None])[0] - inside(other[None])[0]).item() / 2e-6
        for one, other in zip(ahead, behind, strict=True)
    ]
    np.testing.assert_allclose(inside(at)[1][0, 0], rises, rtol=1e-6, atol=1e-8)


def test_penalties_nest_around_a_line_search() -> None:
    slope, loss = bowl(np.ones((1, 1, 2)))
    at, _ = walk(made("l2_penalty", made("lbfgs"), strength=1.0), lambda at: slope(at - 1), [5.0, -5], None,
                 lambda at: loss(at - 1))  # fmt: skip
    np.testing.assert_allclose(at[-1], [0.5, 0.5], rtol=1e-8)  # the minimum of (θ - 1)² / 2 + θ² / 2


def test_gradient_centralization_by_hand() -> None:
    # Columns (1, 5) and (2, 4), means 3 and 3; the bias and the matrix of one input are as they are
    specs = specs_of((2, 2), (1, 2), (1, 1), roles="wbw")
    wrapper = made("gradient_centralization", made("sgd", lr=1.0))
    visited, _ = walk(wrapper, [[1, 2, 5, 4, 7, 8, 9]], np.zeros(7), specs)
    assert visited[0].tolist() == [2, 1, -2, -1, -7, -8, -9]


def test_centralized_gradients_keep_the_sum_of_a_units_weights() -> None:
    wrapper = made("gradient_centralization", made("sgd", lr=0.1, momentum=0.9))
    visited, _ = walk(wrapper, GRADS, START, specs_of((3, 2)))
    sums = visited.reshape(-1, 3, 2).sum(axis=1)
    np.testing.assert_allclose(sums, np.broadcast_to(START.reshape(3, 2).sum(axis=0), sums.shape), rtol=1e-12)


def test_grokfast_by_hand() -> None:
    # m = 1, then (1 + 3) / 2 = 2: steps of 1 + 2 and 3 + 4
    sgd = made("sgd", lr=1.0)
    visited, _ = walk(made("grokfast", sgd, alpha=0.5, strength=2.0), [[1], [3]], [0.0])
    assert visited[:, 0].tolist() == [-3, -10]
    same, plain = walk(made("grokfast", sgd, strength=0.0), GRADS, START), walk(sgd, GRADS, START)
    np.testing.assert_array_equal(same, plain)


def test_adaptive_clipping_by_hand() -> None:
    # The columns of W are (3, 4) and (0, 0), a tenth of their lengths 0.5 and, by eps, 0.1; (6, 8) and (0, 2)
    # are longer, and (0.3, 0.4) is not
    sgd, specs, start = made("sgd", lr=1.0), specs_of((2, 2)), [3.0, 0, 4, 0]
    clip = made("clip_adaptive", sgd, clipping=0.1, eps=1.0)
    visited, _ = walk(clip, [[6, 0, 8, 2]], start, specs)
    np.testing.assert_allclose(visited[0] - start, [-0.3, 0, -0.4, -0.1], rtol=1e-14, atol=1e-14)
    visited, _ = walk(clip, [[0.3, 0, 0.4, 0]], start, specs)
    np.testing.assert_allclose(visited[0] - start, [-0.3, 0, -0.4, 0], rtol=1e-14, atol=1e-14)
    # Of a bias the norm is that of the row: 5, and a tenth of it
    visited, _ = walk(clip, [[0.0, 6, 8]], [0.0, 3, 4], specs_of((1, 3)))
    np.testing.assert_allclose(visited[0], [0, 2.7, 3.6], rtol=1e-14)


def test_adaptive_clipping_leaves_the_last_layer_on_request() -> None:
    specs = [WeightSpec("W1", (1, 1), 1, 1, place="input"), WeightSpec("W2", (1, 1), 1, 1, place="output")]
    clip = made("clip_adaptive", made("sgd", lr=1.0), preset="paper")
    visited, _ = walk(clip, [[5, 5]], [1.0, 1], specs)
    np.testing.assert_allclose(visited[0], [0.99, -4], rtol=1e-14)


def test_gradient_normalization_by_hand() -> None:
    # ‖(3, 4)‖ = 5, ‖12‖ = 12, of both 13
    specs = specs_of((1, 2), (1, 1))
    sgd = made("sgd", lr=1.0)
    for per, expected in (("trial", [-3 / 13, -4 / 13, -12 / 13]), ("array", [-0.6, -0.8, -1])):
        wrapper = made("gradient_normalization", sgd, per=per, eps=1e-30)
        visited, _ = walk(wrapper, [[3, 4, 12]], np.zeros(3), specs)
        np.testing.assert_allclose(visited[0], expected, rtol=1e-14)


@pytest.mark.parametrize("size", [1e-200, 1e200, 0.0])
def test_gradient_normalization_sees_tiny_and_huge_gradients(size: float) -> None:
    wrapper = made("gradient_normalization", made("sgd", lr=1.0), eps=1e-300)
    visited, _ = walk(wrapper, [[3 * size, 4 * size]], np.zeros(2))
    np.testing.assert_allclose(visited[0], [-0.6, -0.8] if size else [0, 0], rtol=1e-12)


def test_swa_by_hand() -> None:
    # θ = 8, 7, 5, 1; from step 2 on, every second step: 7, and (7 + 1) / 2; before that θ itself
    swa = made("swa", made("sgd", lr=1.0), start=2, every=2)
    visited, at = walk(swa, [[2], [1], [2], [4]], [10.0])
    assert visited[:, 0].tolist() == [8, 7, 5, 1]
    assert at[:, 0].tolist() == [8, 7, 7, 4]


def test_swa_averages_where_the_optimizer_inside_is_evaluated() -> None:
    inner = made("ema", made("sgd", lr=1.0), decay=0.5, start="initial")  # 0, then -1, -5/2 for θ = -2, -4
    assert walk(made("swa", inner), [[2], [2]], [0.0])[1][:, 0].tolist() == [-1, -1.75]


def noise(eta: float = 1.0, gamma: float = 0.0, seeds: Any = None, size: int = 4000, t: int = 1) -> Array:
    wrapper = made("gradient_noise", eta=eta, gamma=gamma)
    wrapper = wrapper if seeds is None else wrapper.seeded(np.array(seeds, np.uint64).reshape(-1, 1, 1))
    zeros = np.zeros((1 if seeds is None else len(seeds), 1, size))
    return wrapper.gradient(zeros, zeros, (), t)


def test_gradient_noise_has_the_variance_of_its_step() -> None:
    for eta, gamma, t in ((1.0, 0.0, 7), (0.3, 0.55, 1), (0.3, 0.55, 9)):
        draws = noise(eta, gamma, t=t, size=40_000) / math.sqrt(eta / t**gamma)
        assert abs(draws.mean()) < 4 / 200
        assert abs(draws.var() - 1) < 4 * math.sqrt(2) / 200
        assert abs((draws**4).mean() - 3) < 4 * math.sqrt(96) / 200


def test_gradient_noise_depends_on_seed_and_step_alone() -> None:
    together = noise(seeds=[1, 2, 1])
    assert together[0].tobytes() == together[2].tobytes() == noise(seeds=[1])[0].tobytes()
    assert abs(np.corrcoef(together[0, 0], together[1, 0])[0, 1]) < 0.07
    assert abs(np.corrcoef(together[0, 0], noise(seeds=[1], t=2)[0, 0])[0, 1]) < 0.07


def test_seeds_of_a_study_get_noise_of_their_own_and_arms_the_same() -> None:
    """On an objective every seed starts at the same place, so that only the noise tells them apart."""

    def ends(seed: int, eta: float, depth: int = 1) -> float:
        part = make_part(REGISTRY, "optimizer", ("sgd", {"lr": 1e-4}))
        for _ in range(depth):
            part = make_part(REGISTRY, "optimizer", ("gradient_noise", {"eta": eta}), optimizer=(part,))
        trial = make_objective_trial(REGISTRY, objective="rosenbrock", seed=seed, steps=5, optimizer=part)
        return train_stack([trial], REGISTRY)[0].metrics["test_loss"]

    assert ends(0, 0.0) == ends(1, 0.0)
    assert ends(0, 0.01) != ends(1, 0.01)
    assert ends(0, 0.01) == ends(0, 0.01)
    assert ends(0, 0.01, depth=2) != ends(0, 0.02)  # two draws of their own, not one twice


# Nests: each goes around and inside each other

NEW: dict[str, dict[str, Any]] = {
    "l1_penalty": {"strength": 0.05},
    "l2_penalty": {"strength": 0.05},
    "gradient_centralization": {},
    "gradient_normalization": {},
    "gradient_noise": {"eta": 0.1},
    "swa": {"start": 2},
    "mechanic": {"first": 0.01},
}
OLD: dict[str, dict[str, Any]] = {
    "clip_norm": {"max_norm": 0.05},
    "clip_value": {"max_value": 0.01},
    "ema": {"decay": 0.8},
    "lookahead": {"k": 2},
    "accumulate": {"k": 2},
    "cautious": {},
    "sam": {"rho": 0.2},
}
BASES: dict[str, dict[str, Any]] = {
    "sgd": {"lr": 0.3, "momentum": 0.9},
    "schedule_free_sgd": {"lr": 0.5},
    "splus": {"every": 2},
    "polyak": {},
    "sophia": {"lr": 0.05},
}


def part(*names: str) -> Part:
    """Return an optimizer around another, the outermost first."""
    name, *inner = names
    values = {**NEW, **OLD, **BASES}.get(name, {})
    fields = list(references(REGISTRY.get("optimizer", name).cls))
    refs = {fields[0]: (part(*inner),)} if inner else {}
    return make_part(REGISTRY, "optimizer", (name, values), **refs)


def nest(*names: str, seed: int = 0) -> Trial:
    network = ("mlp", {"hidden": [4]})
    return make_trial(REGISTRY, optimizer=part(*names), seed=seed, steps=4, network=network, eval_every=2)


PAIRS = [
    *((one, other, "sgd") for one, other in product(NEW, [*NEW, *OLD])),
    *((one, other, "sgd") for one, other in product(OLD, NEW)),
    *((wrapper, base) for wrapper, base in product([*NEW, "lookahead", "ema"], BASES) if base != "sgd"),
]


@pytest.mark.slow
def test_wrappers_nest_around_everything_the_same_alone_and_stacked() -> None:
    trials, alone, refused = [], [], []
    for i, names in enumerate(PAIRS):
        trial = nest(*names, seed=i % 2)
        try:
            alone += train_stack([trial], REGISTRY)
            trials.append(trial)
        except ComponentError as error:
            refused.append((names, str(error)))
    assert by_key(train_stack(trials, REGISTRY)) == by_key(alone)
    assert {result.status for result in alone} == {"ok"}
    # cautious works array by array, and these need the whole trial; accumulate has no gradient to ask for
    assert {names[0] for names, _ in refused} <= {"cautious", "accumulate"}
    assert all(
        "needs all weights of a trial at once" in why for names, why in refused if names[0] == "cautious"
    )
    assert len(trials) > len(PAIRS) - 12


@pytest.mark.parametrize(
    "name", [*NEW, "aggmo", "laprop", "ftrl", "fista", "sophia", "splus", "scion", "dog"]
)
def test_a_sick_trial_leaves_its_neighbours_alone(name: str) -> None:
    specs = specs_of((3, 2), (1, 2), roles="wb")
    optimizer = made(name, **{**NEW, **BASES}.get(name, {}))
    grads = np.random.default_rng(5).normal(size=(6, 3, 1, 8))
    grads[0, 0], grads[3, 1, 0, 2] = np.nan, np.inf  # one trial from the start, one in the middle

    def changes(rows: slice) -> list[Array]:
        now: list[Array] = []
        fitted = fit(optimizer, specs, lambda: lambda at: (at[:, :, :1] * 0, now[-1] + at))
        theta = np.ones((3, 1, 8))[rows]
        state, made_so_far = fitted.init(theta), []
        for t, grad in enumerate(grads[:, rows], start=1):
            now.append(grad)
            change, state = fitted.step(theta, grad, state, t)
            theta = theta + change
            made_so_far.append(change)
        return made_so_far

    with np.errstate(all="ignore"):
        for together, alone in zip(changes(slice(0, 3)), changes(slice(2, 3)), strict=True):
            assert together[2:].tobytes() == alone.tobytes()
