from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from anncore import build, load_registry
from anncore.testing import Check, parametrize_with_checks

REGISTRY = load_registry(environ={"ANNX_PLUGINS": ""})


@parametrize_with_checks(REGISTRY.of_kind("schedule"))
def test_conformance(check: Check) -> None:
    check()


def factors(name: str, steps: int, **values: Any) -> list[float]:
    schedule = build(REGISTRY.get("schedule", name).cls, **values)
    return [float(schedule.factor(t, steps)) for t in range(1, steps + 1)]


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
    assert [schedule.factor(t, 4) for t in (5, 6, 9)] == pytest.approx([0.1, 0.1, 0.1])
