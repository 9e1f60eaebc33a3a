from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY

from anncore import ComponentError, build
from anncore.testing import Check, parametrize_with_checks


@parametrize_with_checks(REGISTRY.of_kind("schedule"))
def test_conformance(check: Check) -> None:
    check()


def factors(name: str, steps: int, **values: Any) -> list[float]:
    schedule = build(REGISTRY.get("schedule", name).cls, **values)
    return [float(schedule.factor(t, steps, ())) for t in range(1, steps + 1)]


def test_constant_is_the_default_and_1() -> None:
    assert REGISTRY.default("schedule").name == "constant"
    assert factors("constant", 3) == [1, 1, 1]


def test_step_keeps_each_rate_for_step_size_updates() -> None:
    # torch.optim.lr_scheduler.StepLR(step_size=2, gamma=0.5) stepped after every update
    assert factors("step", 7, step_size=2, gamma=0.5) == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_cosine_starts_full_and_ends_one_update_short_of_alpha() -> None:
    # torch's CosineAnnealingLR(T_max=4), Keras's CosineDecay(decay_steps=4), by hand at 0, 1, 2, 3
    half = math.sqrt(0.5)
    expected = [1, (1 + half) / 2, 0.5, (1 - half) / 2]
    np.testing.assert_allclose(factors("cosine", 4), expected, rtol=1e-15)
    np.testing.assert_allclose(factors("cosine", 4, alpha=0.2), 0.2 + 0.8 * np.array(expected), rtol=1e-15)


def test_cosine_stays_down_past_the_end() -> None:
    schedule = build(REGISTRY.get("schedule", "cosine").cls, alpha=0.1)
    assert [schedule.factor(t, 4, ()) for t in (5, 6, 9)] == pytest.approx([0.1, 0.1, 0.1])


def test_one_cycle_by_hand() -> None:
    # 10 updates, from 1/4 up to 1 at s = .5 · 10 - 1 = 4, down to 1/8 at s = 9, in steps of .75/4 and .875/5
    values = {"pct_start": 0.5, "div_factor": 4, "final_div_factor": 2, "anneal": "linear"}
    expected = [0.25, 0.4375, 0.625, 0.8125, 1, 0.825, 0.65, 0.475, 0.3, 0.125]
    np.testing.assert_allclose(factors("one_cycle", 10, **values), expected, rtol=1e-14)
    # "after": 1 at s = 5, 1/8 at s = 10, which no update reaches
    expected = [0.25, 0.4, 0.55, 0.7, 0.85, 1, 0.825, 0.65, 0.475, 0.3]
    np.testing.assert_allclose(factors("one_cycle", 10, **values, reached="after"), expected, rtol=1e-14)


def test_one_cycle_in_three_phases_by_hand() -> None:
    # 1/4 at s = 0, 1 at s = 2, 1/4 again at s = 4, 1/8 at s = 9
    values = {"pct_start": 0.3, "pct_final": 0.6, "div_factor": 4, "final_div_factor": 2}
    actual = factors("one_cycle", 10, **values, anneal="linear", three_phase=True)
    expected = [0.25, 0.625, 1, 0.625, 0.25, 0.225, 0.2, 0.175, 0.15, 0.125]
    np.testing.assert_allclose(actual, expected, rtol=1e-14)


def test_one_cycle_ends_exactly_on_its_floor_in_float32_too() -> None:
    cls = REGISTRY.get("schedule", "one_cycle").cls
    column = [np.full((2, 1, 1), value, "float32") for value in (0.3, 25, 1e8, 0.6)]
    schedule = cls(pct_start=column[0], div_factor=column[1], final_div_factor=column[2], pct_final=column[3])
    floor = schedule.factor(100, 100, ())
    np.testing.assert_array_equal(floor, np.float32(1) / column[1] / column[2])
    assert floor.dtype == "float32"


def test_one_cycle_refuses_phases_out_of_order() -> None:
    cls = REGISTRY.get("schedule", "one_cycle").cls
    with pytest.raises(ComponentError, match=r"one_cycle: pct_final must be above pct_start, 0.6, got 0.5"):
        build(cls, three_phase=True, pct_start=0.6, pct_final=0.5)
    build(cls, pct_start=0.6, pct_final=0.5)  # of no account in two phases
