"""Optimizers around others, and what is evaluated elsewhere than where it trains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sameness import by_key
from shipped import REGISTRY
from sweep_factory import load
from trial_factory import make_part, make_trial

from anncore import Array, ComponentError, WeightSpec, build, sweep
from anncore.contract.hyperparameters import references
from anncore.contract.trial import Part, Trial
from anncore.engine.nested import fit, scope_of
from anncore.engine.training import train_stack

# Settings in which each does something within few steps
WRAPPERS: Mapping[str, Mapping[str, Any]] = {
    "clip_norm": {"max_norm": 0.05},
    "clip_norm per array": {"max_norm": 0.02, "per": "array"},
    "clip_value": {"max_value": 0.01},
    "ema": {"decay": 0.8},
    "lookahead": {"k": 3},
    "accumulate": {"k": 3},
    "cautious": {},
    "cautious per trial": {"per": "trial", "scale": "mean"},
    "sam": {"rho": 0.2},
}
BASES: Mapping[str, Mapping[str, Any]] = {"sgd": {"lr": 0.3, "momentum": 0.9}, "adam": {"lr": 0.02}}


def part(*names: str) -> Part:
    """Return an optimizer around another, the outermost first."""
    name, *inner = names
    values = WRAPPERS.get(name) or BASES.get(name, {})
    component = name.partition(" ")[0]
    (field,) = [*references(REGISTRY.get("optimizer", component).cls)] or [""]
    refs = {field: (part(*inner),)} if inner else {}
    return make_part(REGISTRY, "optimizer", (component, values), **refs)


def made(name: str, inner: Any = None, **values: Any) -> Any:
    """Return an optimizer, hyperparameters as plain numbers, around another."""
    cls: Any = REGISTRY.get("optimizer", name).cls
    return build(cls, **values, **({"optimizer": (inner,)} if inner is not None else {}))


def trial(*names: str, seed: int = 0, **settings: Any) -> Trial:
    settings = {"steps": 14, "network": ("mlp", {"hidden": [5]}), "eval_every": 7, **settings}
    return make_trial(REGISTRY, optimizer=part(*names), seed=seed, **settings)


def trained_alike(trials: list[Trial]) -> list[Any]:
    """Return the results of trials alone; stacks of 2, of 7 and of all must give the same bytes."""
    alone = [result for single in trials for result in train_stack([single], REGISTRY)]
    for size in (2, 7, len(trials)):
        for order in (trials, trials[::-1]):
            stacks = [order[start : start + size] for start in range(0, len(order), size)]
            stacked = [result for stack in stacks for result in train_stack(stack, REGISTRY)]
            assert by_key(stacked) == by_key(alone)
    return alone


def asks_for_a_mean(names: tuple[str, ...]) -> bool:
    """Tell whether an optimizer that asks for gradients is inside one that has the mean of batches."""
    return "accumulate" in names and "sam" in names[names.index("accumulate") :]


def fits(names: tuple[str, ...]) -> bool:
    """Tell whether no optimizer that needs all of a trial is inside one that works array by array."""
    parts = [part(*names[i:]) for i in range(len(names))]
    scopes = [build(REGISTRY.get("optimizer", part.name).cls, **part.params).scope for part in parts]
    return "trial" not in scopes[scopes.index("array") :] if "array" in scopes else True


SINGLES = [(name, base) for name, base in product(WRAPPERS, BASES)]
PAIRS = [nest for nest in product(WRAPPERS, WRAPPERS, BASES) if not asks_for_a_mean(nest)]


def test_wrappers_in_each_other_train_the_same_alone_and_in_any_stack() -> None:
    names = [*((base,) for base in BASES), *SINGLES, *filter(fits, PAIRS)]
    assert len(names) > 100
    results = trained_alike([trial(*nest, seed=i % 3) for i, nest in enumerate(names)])
    plain = {base: as_curve(result) for (base,), result in zip(names[:2], results[:2], strict=True)}
    for nest, result in zip(names, results, strict=True):
        assert result.status == "ok", nest
        assert result.curves["train_loss"][-1] < result.curves["train_loss"][0], nest
    for nest in SINGLES:  # each does something
        [result] = train_stack([trial(*nest, seed=names.index((nest[1],)))], REGISTRY)
        assert as_curve(result) != plain[nest[1]], nest


def as_curve(result: Any) -> tuple[float, ...]:
    return result.curves["train_loss"]


@pytest.mark.parametrize("names", [pair for pair in PAIRS if not fits(pair)], ids=" ".join)
def test_what_needs_all_of_a_trial_cannot_be_inside_what_works_by_array(names: tuple[str, ...]) -> None:
    inner = names[1].partition(" ")[0]
    with pytest.raises(ComponentError, match=rf"{inner} needs all weights of a trial at once"):
        train_stack([trial(*names)], REGISTRY)


def test_trials_of_one_wrapper_share_a_stack_whatever_their_numbers() -> None:
    clipped = [
        make_trial(
            REGISTRY,
            optimizer=make_part(
                REGISTRY,
                "optimizer",
                ("clip_norm", {"max_norm": limit}),
                optimizer=(make_part(REGISTRY, "optimizer", ("adam", {"lr": lr})),),
            ),
            steps=20,
            schedule="cosine",
            seed=seed,
        )
        for limit, lr, seed in product((0.01, 0.1), (0.01, 0.03), range(2))
    ]
    trained_alike(clipped)


# Clipping


def gradients(*grads: Array) -> tuple[list[WeightSpec], Array]:
    """Return specs for arrays of gradients (T, *shape), and the gradients side by side."""
    specs = [WeightSpec(f"W{i}", grad.shape[1:], *grad.shape[1:]) for i, grad in enumerate(grads)]
    return specs, np.concatenate([grad.reshape(len(grad), 1, -1) for grad in grads], axis=2)


def changes(optimizer: Any, specs: list[WeightSpec], grad: Array) -> Array:
    fitted = fit(optimizer, specs)
    change, _ = fitted.step(np.zeros_like(grad), grad, fitted.init(np.zeros_like(grad)), 1)
    return change


def test_clip_norm_by_hand() -> None:
    # Norms of the arrays 5 and 12, of the trial 13; what is inside has a rate of 1.
    specs, grad = gradients(np.array([[[3.0, 4.0]]]), np.array([[[12.0]]]))
    inner = made("sgd", lr=1.0)
    by_trial = changes(made("clip_norm", inner, max_norm=6.5, eps=0.0), specs, grad)
    assert by_trial[0, 0] == pytest.approx([-1.5, -2, -6], rel=1e-15)
    by_array = changes(made("clip_norm", inner, max_norm=6.0, per="array", eps=0.0), specs, grad)
    assert by_array[0, 0] == pytest.approx([-3, -4, -6], rel=1e-15)
    untouched = changes(made("clip_norm", inner, max_norm=13.1), specs, grad)
    assert untouched[0, 0].tolist() == [-3, -4, -12]


def test_clip_norm_is_pytorchs_over_several_arrays() -> None:
    torch: Any = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[oracles]'")
    rng = np.random.default_rng(3)
    arrays = [rng.normal(size=(1, 4, 3)), rng.normal(size=(1, 1, 3)), rng.normal(size=(1, 3, 2))]
    parameters = [torch.zeros(array.shape, dtype=torch.float64) for array in arrays]
    for parameter, array in zip(parameters, arrays, strict=True):
        parameter.grad = torch.tensor(array)
    torch.nn.utils.clip_grad_norm_(parameters, 0.7)
    expected = np.concatenate([parameter.grad.numpy().ravel() for parameter in parameters])
    change = changes(
        made("clip_norm", made("sgd", lr=1.0), preset="torch", max_norm=0.7), *gradients(*arrays)
    )
    np.testing.assert_allclose(-change[0, 0], expected, rtol=1e-14)


def test_clip_value_by_hand() -> None:
    specs, grad = gradients(np.array([[[3.0, -0.5, -4.0]]]))
    change = changes(made("clip_value", made("sgd", lr=0.1), max_value=1.0), specs, grad)
    assert change[0, 0] == pytest.approx([-0.1, 0.05, 0.1], rel=1e-15)


# Averages


def seen(optimizer: Any, grads: list[float], start: float = 0.0) -> tuple[list[float], list[float]]:
    """Return θ after each step, and where it is evaluated."""
    theta = np.full((1, 1, 1), start)
    fitted = fit(optimizer, [WeightSpec("W", (1, 1), 1, 1)])
    state, visited, at = fitted.init(theta), [], []
    for t, g in enumerate(grads, start=1):
        change, state = fitted.step(theta, np.full((1, 1, 1), g), state, t)
        theta = theta + change
        visited.append(theta.item())
        at.append(fitted.evaluated(theta, state).item())
    return visited, at


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        # θ = 8, 7, 5 after θ₀ = 10; decay 3/4
        ("initial", [9.5, 8.875, 7.90625]),
        ("first", [8, 7.75, 7.0625]),
        ("corrected", [8, (0.75 * 2 + 7 / 4) / (7 / 16), (0.75 * 3.25 + 5 / 4) / (37 / 64)]),
    ],
)
def test_ema_by_hand(start: str, expected: list[float]) -> None:
    ema = made("ema", made("sgd", lr=1.0), decay=0.75, start=start)
    visited, at = seen(ema, [2, 1, 2], start=10.0)
    assert visited == [8, 7, 5]
    assert at == pytest.approx(expected, rel=1e-14)


def test_lookahead_by_hand() -> None:
    # k = 2, α = 1/4: θ = 8, 4 → φ = 10 - 6/4 = 8.5; then 6.5, 2.5 → φ = 8.5 - 6/4 = 7
    slow = made("lookahead", made("sgd", lr=1.0), k=2, alpha=0.25)
    assert seen(slow, [2, 4, 2, 4], start=10.0) == ([8, 8.5, 6.5, 7], [10, 8.5, 8.5, 7])
    fast = made("lookahead", made("sgd", lr=1.0), k=2, alpha=0.25, evaluate_at="fast")
    assert seen(fast, [2, 4, 2, 4], start=10.0) == ([8, 8.5, 6.5, 7],) * 2


def test_accumulate_by_hand() -> None:
    # k = 2: the means of (2, 4) and (1, 0) are 3 and 1/2; with momentum 1/2 the steps are 3 and 1/2 · 3 + 1/2
    held = made("accumulate", made("sgd", lr=1.0, momentum=0.5), k=2)
    assert seen(held, [2, 4, 1, 0], start=10.0)[0] == [10, 7, 7, 5]


def test_accumulated_single_examples_are_a_full_batch() -> None:
    """60 examples, 36 of them in training: 36 batches of one make the step that the full batch makes."""
    data = {"dataset": ("two_moons", {"n": 60}), "dtype": "float64", "steps": 72, "eval_every": 36}
    one_by_one = make_trial(
        REGISTRY,
        optimizer=make_part(
            REGISTRY,
            "optimizer",
            ("accumulate", {"k": 36}),
            optimizer=(make_part(REGISTRY, "optimizer", ("sgd", {"lr": 0.5})),),
        ),
        **data,
        batch_size=1,
    )
    whole = make_trial(
        REGISTRY, optimizer=("sgd", {"lr": 0.5}), **{**data, "steps": 2, "eval_every": 1}, batch_size="full"
    )
    results = [train_stack([trial], REGISTRY)[0] for trial in (one_by_one, whole)]
    assert results[0].metrics["train_loss"] == pytest.approx(results[1].metrics["train_loss"], rel=1e-12)


def test_lookahead_may_start_its_optimizer_afresh() -> None:
    # v = 2, then 1/2 · 2 + 2 = 3: θ = -2, -5 → φ = -5/2; with v kept the next is 1/2 · 3 + 2, afresh 2
    inner = made("sgd", lr=1.0, momentum=0.5)
    kept, _ = seen(made("lookahead", inner, k=2), [2, 2, 2])
    afresh, _ = seen(made("lookahead", inner, k=2, momentum="reset"), [2, 2, 2])
    assert kept == [-2, -2.5, -6]
    assert afresh == [-2, -2.5, -4.5]


def test_averages_of_averages() -> None:
    # EMA around Lookahead (k = 2, α = 1/2) averages the slow weights: φ = 0, -2 for θ = -2, -4 → -2
    ema = made("ema", made("lookahead", made("sgd", lr=1.0), k=2), decay=0.5, start="initial")
    assert seen(ema, [2, 2]) == ([-2, -2], [0, -1])


# Cautious


def cautious_changes(**values: Any) -> list[float]:
    # Momentum 1/2 and rate 1: v = (4, 4, -4), then (2 - 1, 2 + 1, -2 + 4) = (1, 3, 2): -v for g = (-1, 1, 4)
    # is up the gradient in the first only.
    optimizer = fit(
        made("cautious", made("sgd", lr=1.0, momentum=0.5), **values), [WeightSpec("W", (1, 3), 1, 3)]
    )
    theta = np.zeros((1, 1, 3))
    _, state = optimizer.step(theta, np.array([[[4.0, 4, -4]]]), optimizer.init(theta), 1)
    change, _ = optimizer.step(theta, np.array([[[-1.0, 1, 4]]]), state, 2)
    return change[0, 0].tolist()


def test_cautious_by_hand() -> None:
    assert cautious_changes(scale="none") == [0, -3, -2]
    assert cautious_changes(scale="count") == [0, -3, -2]  # 3 / (2 + 1)
    assert cautious_changes(scale="mean") == pytest.approx([0, -4.5, -3], rel=1e-15)


def test_cautious_takes_all_of_a_step_whose_numbers_are_too_small_to_multiply() -> None:
    specs, grad = gradients(np.full((1, 1, 2), 1e-30, "float32"))
    change = changes(made("cautious", made("sgd", lr=0.5), scale="none"), specs, grad)
    np.testing.assert_allclose(change, -0.5 * grad)


# SAM


def test_sam_by_hand() -> None:
    # L = θ₁² + θ₂² / 2 at (1, 2): g = (2, 2), norm √8; rho = √8 leads to (3, 4), where g = (6, 4).
    def evaluate(at: Array) -> tuple[Array, Array]:
        return (at * at / [2, 1]).sum(axis=2, keepdims=True), at * [2.0, 1.0]

    theta = np.array([[[1.0, 2.0]]])
    sam = fit(
        made("sam", made("sgd", lr=0.1), rho=math.sqrt(8)), [WeightSpec("W", (1, 2), 1, 2)], lambda: evaluate
    )
    change, _ = sam.step(theta, evaluate(theta)[1], sam.init(theta), 1)
    assert change[0, 0] == pytest.approx([-0.6, -0.4], rel=1e-12)


def test_sam_without_a_radius_is_what_is_inside() -> None:
    inner = make_part(REGISTRY, "optimizer", ("adam", {"lr": 0.02}))
    still = make_part(REGISTRY, "optimizer", ("sam", {"rho": 0.0}), optimizer=(inner,))
    one, other = train_stack(
        [make_trial(REGISTRY, optimizer=optimizer) for optimizer in (inner, still)], REGISTRY
    )
    assert one.curves == other.curves


# Schedule-free


def test_schedule_free_adamw_by_hand() -> None:
    # β₂ = 0, no ε: u = sign g = 1; rate 1, β₁ = 1/2, equal weights: z = -1, -2, x = -1, -1.5, and
    # y = x / 2 + z / 2 = -1, -1.75
    free = made("schedule_free_adamw", lr=1.0, beta1=0.5, beta2=0.0, eps=1e-30)
    visited, at = seen(free, [3, 0.2])
    assert visited == pytest.approx([-1, -1.75], rel=1e-14)
    assert at == pytest.approx([-1, -1.5], rel=1e-14)


def test_schedule_free_adamw_warms_up_by_hand() -> None:
    # As above with warm-up 2: rates 1/2 and 1, weights 1/4 and 1, c = 1 and 4/5: z = -.5, -1.5, and
    # x = -.5, .2 · -.5 + .8 · -1.5 = -1.3
    free = made("schedule_free_adamw", lr=1.0, beta1=0.5, beta2=0.0, eps=1e-30, warmup=2)
    assert seen(free, [3, 0.2])[1] == pytest.approx([-0.5, -1.3], rel=1e-14)


def test_schedule_free_adamw_trains_the_same_alone_and_in_any_stack() -> None:
    names = [("schedule_free_adamw",), *((name, "schedule_free_adamw") for name in WRAPPERS), ("adam",)]
    results = trained_alike([trial(*nest, seed=i % 2) for i, nest in enumerate(names)])
    assert all(result.status == "ok" for result in results)


def test_the_scope_of_a_wrapper_is_the_widest_inside() -> None:
    adam = made("adam")
    assert scope_of(made("ema", adam)) == "number"
    assert scope_of(made("ema", made("clip_norm", adam, per="array"))) == "array"
    assert scope_of(made("clip_value", made("sam", adam))) == "trial"
    assert scope_of(made("cautious", adam, scale="none")) == "number"


# What holds for all gradients and paths

NUMBERS = st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3)


@given(NUMBERS, st.floats(1e-3, 1e3))
def test_clipped_gradients_are_no_longer_than_the_limit_and_point_the_same_way(
    numbers: list[float], limit: float
) -> None:
    specs, grad = gradients(np.array([[numbers]]))
    clipped = -changes(made("clip_norm", made("sgd", lr=1.0), max_norm=limit), specs, grad)
    norm, length = np.linalg.norm(grad), np.linalg.norm(clipped)
    assert length <= min(norm, limit) * (1 + 1e-12)
    np.testing.assert_allclose(clipped * norm, grad * length, atol=1e-9 * norm * length)
    if norm < limit - 1e-5:
        assert clipped.tolist() == grad.tolist()


@given(st.lists(NUMBERS, min_size=2, max_size=6))
def test_no_number_of_a_cautious_change_goes_up_its_gradient(grads: list[list[float]]) -> None:
    specs, _ = gradients(np.zeros((1, 1, 3)))
    driver = fit(made("cautious", made("adam")), specs)
    theta = np.zeros((1, 1, 3))
    state = driver.init(theta)
    for t, numbers in enumerate(grads, start=1):
        change, state = driver.step(theta, np.array([[numbers]]), state, t)
        assert (np.sign(change) * np.sign([[numbers]]) <= 0).all()


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=12), st.sampled_from(["first", "initial", "corrected"])
)
def test_an_average_lies_among_what_it_averages(grads: list[float], start: str) -> None:
    visited, at = seen(made("ema", made("sgd", lr=1.0), decay=0.7, start=start), grads)
    for i, mean in enumerate(at, start=1):
        among = [0.0, *visited[:i]] if start == "initial" else visited[:i]
        assert min(among) - 1e-9 <= mean <= max(among) + 1e-9


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=12))
def test_lookahead_that_takes_over_every_step_is_what_is_inside(grads: list[float]) -> None:
    inner = made("sgd", lr=1.0, momentum=0.5)
    alone, _ = seen(inner, grads)
    assert seen(made("lookahead", inner, k=1, alpha=1.0), grads)[0] == pytest.approx(alone, abs=1e-9)


# From an experiment


def test_an_experiment_names_what_is_inside(tmp_path: Path) -> None:
    text = """
seeds = { report = [0, 1] }
optimizer.adam.lr = 0.001
optimizer.mean = { use = "ema", optimizer = "adam", decay = 0.5 }
optimizer.flat = { use = "sam", optimizer = "adam", rho = 0.0 }
optimizer.free = { use = "schedule_free_adamw", warmup = 3 }
"""
    trials = sweep(load(tmp_path, text), out=tmp_path / "run", executor="serial").trials
    assert trials["status"].tolist() == ["ok"] * 8
    losses = {arm: rows["valid_loss"].tolist() for arm, rows in trials.groupby("arm")}
    assert losses["flat"] == losses["adam"]
    assert losses["mean"] != losses["adam"]
