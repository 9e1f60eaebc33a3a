"""Schedules that watch, and those around another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sameness import trained_the_same
from shipped import REGISTRY
from trial_factory import Spec, make_part, make_trial

from anncore import ComponentError, Schedule, build
from anncore.contract.trial import Stop, Trial
from anncore.engine.training import train_stack


def make(name: str, **values: Any) -> Schedule:
    """Return a schedule as the core calls it; a reference is given as the schedule itself."""
    return build(REGISTRY.get("schedule", name).cls, **values)


def inner(name: str, **values: Any) -> tuple[Any]:
    return (build(REGISTRY.get("schedule", name).cls, **values),)


def factors(pace: Schedule, steps: int, scores: Any = ()) -> list[float]:
    """Return the factor of each update, after each of which comes one of the scores."""
    state, values = pace.init(np.ones((1, 1, 1))), []
    for t in range(1, steps + 1):
        values.append(float(np.ravel(pace.factor(t, steps, state))[0]))
        if t <= len(scores):
            state = pace.observe(state, np.full((1, 1, 1), float(scores[t - 1])), t)
    return values


# Warm-up


def test_the_ramp_rises_evenly_and_is_gone_after_the_warm_up() -> None:
    # PyTorch's LinearLR(start_factor=0.2, total_iters=4)
    ramp = factors(make("warmup", start=0.2, updates=4, after=inner("constant")), 7)
    np.testing.assert_allclose(ramp, [0.2, 0.4, 0.6, 0.8, 1, 1, 1], rtol=1e-15)


def test_what_comes_after_counts_from_the_end_of_the_warm_up_or_from_the_first_update() -> None:
    step = {"step_size": 2, "gamma": 0.5}
    after = make("warmup", start=0.5, updates=2, after=inner("step", **step))
    assert factors(after, 6) == [0.5, 0.75, 1, 1, 0.5, 0.5]
    through = make("warmup", start=0.5, updates=2, count="through", after=inner("step", **step))
    assert factors(through, 6) == [0.5, 0.75, 0.5, 0.5, 0.25, 0.25]


def test_the_last_update_of_what_comes_after_is_that_of_the_run() -> None:
    whole = factors(make("warmup", start=0.0, updates=3, after=inner("cosine")), 11)
    alone = factors(make("cosine"), 8)
    assert whole[3:] == alone


def test_a_run_shorter_than_its_warm_up_stays_on_the_ramp() -> None:
    ramp = factors(make("warmup", start=0.0, updates=10, after=inner("one_cycle")), 3)
    begins = factors(make("one_cycle"), 1)[0]
    np.testing.assert_allclose(ramp, [0, 0.1 * begins, 0.2 * begins], rtol=1e-15)


def test_without_updates_there_is_no_warm_up() -> None:
    assert factors(make("warmup", updates=0, after=inner("cosine")), 9) == factors(make("cosine"), 9)


def test_a_plateau_sees_losses_from_the_end_of_the_warm_up_on() -> None:
    # It stands still from the start; patience 1 is used up by the third loss that it sees.
    plateau = inner("plateau", patience=1, gamma=0.5)
    still = [1.0] * 8
    assert factors(make("warmup", start=1.0, updates=3, after=plateau), 8, still) == [1] * 5 + [0.5] * 2 + [
        0.25
    ]
    early = factors(make("warmup", start=1.0, updates=3, count="through", after=plateau), 8, still)
    assert early == [1] * 3 + [0.5] * 2 + [0.25] * 2 + [0.125]


def test_a_warm_up_may_stand_before_another() -> None:
    twice = make(
        "warmup", start=0.5, updates=1, after=inner("warmup", start=0.5, updates=2, after=inner("constant"))
    )
    assert factors(twice, 5) == [0.25, 0.5, 0.75, 1, 1]


# Plateau


def test_patience_is_borne_and_the_next_evaluation_cuts() -> None:
    assert factors(make("plateau", patience=2, gamma=0.5), 8, [1.0] * 8) == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25]


def test_bad_evaluations_in_the_cooldown_do_not_count() -> None:
    # Cut after the third loss; the fourth and fifth rest, two more are bad.
    steps_down = factors(make("plateau", patience=1, cooldown=2, gamma=0.5), 9, [1.0] * 9)
    assert steps_down == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_the_threshold_is_a_share_of_the_best_or_a_difference() -> None:
    falling = [10.0, 9.95, 9.9, 9.85, 9.8]  # by half a hundredth of the best, and by 0.05
    relative = {"mode": "relative", "patience": 0, "gamma": 0.5}
    absolute = {"mode": "absolute", "patience": 0, "gamma": 0.5}
    assert factors(make("plateau", threshold=0.004, **relative), 5, falling) == [1] * 5
    assert factors(make("plateau", threshold=0.04, **absolute), 5, falling) == [1] * 5
    # Of 10, 0.06 are missed by 9.95 and reached by 9.9; then 9.85 misses and 9.8 reaches.
    assert factors(make("plateau", threshold=0.006, **relative), 5, falling) == [1, 1, 0.5, 0.5, 0.25]
    assert factors(make("plateau", threshold=0.06, **absolute), 5, falling) == [1, 1, 0.5, 0.5, 0.25]


def test_a_factor_does_not_fall_below_the_lowest() -> None:
    assert min(factors(make("plateau", patience=0, min_factor=0.3), 9, [1.0] * 9)) == 0.3


@given(st.lists(st.lists(st.floats(0, 2, width=32), min_size=8, max_size=8), min_size=2, max_size=5))
def test_every_trial_goes_by_its_own_losses(scores: list[list[float]]) -> None:
    together = make("plateau", patience=1, gamma=0.5)
    state = together.init(np.ones((len(scores), 1, 1)))
    for t, column in enumerate(np.array(scores).T):
        state = together.observe(state, column[:, None, None], t)
    for row, one in enumerate(scores):
        assert state.factor[row, 0, 0] == factors(make("plateau", patience=1, gamma=0.5), 9, one)[-1]


def test_nan_is_never_better() -> None:
    assert factors(make("plateau", patience=1, gamma=0.5), 5, [1.0, np.nan, np.nan, 0.5]) == [
        1,
        1,
        1,
        0.5,
        0.5,
    ]


def test_values_out_of_domain_are_refused() -> None:
    with pytest.raises(ComponentError, match="plateau: mode must be one of"):
        make("plateau", mode="rel")
    with pytest.raises(ComponentError, match="warmup: start must be"):
        make("warmup", start=1.5)


# In training


def trial(schedule: Spec, after: Spec | None = None, **settings: Any) -> Trial:
    made = make_trial(REGISTRY, eval_every=4, steps=60, **settings)
    refs = {} if after is None else {"after": (make_part(REGISTRY, "schedule", after),)}
    part = make_part(REGISTRY, "schedule", schedule, **refs)
    object.__setattr__(made, "parts", {**made.parts, "schedule": part})
    return made


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stop", [None, Stop(loss=0.3)])
def test_schedules_train_the_same_alone_and_in_any_stack(dtype: str, stop: Stop | None) -> None:
    eager = ("plateau", {"patience": 0, "gamma": 0.5, "threshold": 0.05, "cooldown": 1})
    trials = [
        trial(schedule, after, seed=seed, optimizer=optimizer, dtype=dtype, stop=stop)
        for schedule, after in (
            (eager, None),
            (("plateau", {"patience": 1, "gamma": 0.3, "mode": "absolute"}), None),
            (("warmup", {"updates": 10}), "constant"),
            (("warmup", {"updates": 10, "start": 0.3}), "constant"),
            (("warmup", {"updates": 10, "count": "through"}), "cosine"),
            (("warmup", {"updates": 10}), eager),
            ("cosine", None),
        )
        for seed, optimizer in ((0, ("adam", {"lr": 0.03})), (1, ("momentum", {"lr": 0.1})))
    ]
    results = trained_the_same(trials, REGISTRY)
    assert all(result.status == "ok" for result in results)
    if stop is not None:
        assert len({result.steps_done for result in results}) > 1, "the test wants trials that end apart"


def test_a_plateau_in_training_cuts_the_rate_that_a_trial_by_hand_would() -> None:
    # The loss before the first update counts; a threshold that nothing reaches cuts at every evaluation
    # after it. So the updates are made at rates 1, 1, 1/2, 1/2, 1/4, 1/4 ... as by step decay.
    rates = {"gamma": 0.5}
    cut = trial(("plateau", {**rates, "patience": 0, "threshold": 0.999}), optimizer=("sgd", {"lr": 0.5}))
    steps = trial(("step", {**rates, "step_size": 4}), optimizer=("sgd", {"lr": 0.5}))
    first, second = train_stack([cut, steps], REGISTRY)
    assert first.curves == second.curves
    assert first.metrics == second.metrics
