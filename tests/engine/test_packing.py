"""Packing: what lies side by side in a stack, and how many stacks there are."""

from __future__ import annotations

import pytest
from trial_factory import make_trial

from anncore.contract.loading import load_registry
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.packing import MOST_IN_LANES, MOST_TRIALS, pack, stack_size


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


def grid(registry: Registry, rates: int, seeds: int, **options: object) -> list[Trial]:
    """The trials of some learning rates on some seeds, seed by seed within each rate as a plan has them."""
    return [
        make_trial(registry, optimizer=("sgd", {"lr": 0.1 / (1 + rate)}), seed=seed, **options)
        for rate in range(rates)
        for seed in range(seeds)
    ]


@pytest.mark.parametrize("engine", ["blas", "lanes"])
def test_trials_with_the_same_data_lie_side_by_side(registry: Registry, engine: str) -> None:
    trials = grid(registry, rates=8, seeds=4, engine=engine)
    one, other = pack(trials, registry, jobs=2)
    assert [trial.seed for trial in one] == [0] * 8 + [1] * 8
    assert [trial.seed for trial in other] == [2] * 8 + [3] * 8
    assert {trial.key for trial in one + other} == {trial.key for trial in trials}


def test_equal_components_come_before_equal_data(registry: Registry) -> None:
    trials = [
        make_trial(registry, activation=activation, seed=seed, dataset=dataset, loss="mse")
        for dataset in (("two_moons", {"noise": 0.1}), ("two_moons", {"noise": 0.2}))
        for seed in range(2)
        for activation in ("relu", "tanh")
    ]
    [stack] = pack(trials, registry)
    places = [
        (
            trial.parts["network"].refs["activation"][0].name,
            trial.parts["dataset"].params["noise"],
            trial.seed,
        )
        for trial in stack
    ]
    assert [activation for activation, _, _ in places] == ["annx:relu"] * 4 + ["annx:tanh"] * 4
    assert [place[1:] for place in places[:4]] == [(0.1, 0), (0.1, 1), (0.2, 0), (0.2, 1)]


def test_every_job_gets_as_many_stacks(registry: Registry) -> None:
    trials = grid(registry, rates=5, seeds=2 * MOST_TRIALS // 5 + 20)
    assert len(list(pack(trials, registry, jobs=1))) == 3
    sizes = [len(stack) for stack in pack(trials, registry, jobs=2)]
    assert len(sizes) == 4
    assert max(sizes) - min(sizes) <= 1


def test_a_few_trials_are_not_divided_for_that(registry: Registry) -> None:
    assert [len(stack) for stack in pack(grid(registry, rates=3, seeds=3), registry, jobs=8)] == [5, 4]


def test_stacks_in_lanes_hold_more_trials_of_small_networks(registry: Registry) -> None:
    small, wide = (("mlp", {"hidden": [width]}) for width in (4, 64))
    sizes = [
        stack_size(make_trial(registry, network=network, engine=engine), registry)
        for network in (small, wide)
        for engine in ("blas", "lanes")
    ]
    assert sizes[:2] == [MOST_TRIALS, MOST_IN_LANES]
    assert sizes[2] <= sizes[3] < MOST_IN_LANES
