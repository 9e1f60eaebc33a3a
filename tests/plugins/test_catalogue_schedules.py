"""The schedules of the catalogue: factors by hand, what includes what, what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY

from anncore import ComponentError, Schedule, build


def made(name: str, **values: Any) -> Schedule:
    return build(REGISTRY.get("schedule", name).cls, **values)


def factors(name: str, steps: int, values: dict[str, Any], beyond: int = 0) -> list[float]:
    """Return the factors of a run, and of some updates after its end."""
    schedule = made(name, **values)
    return [float(schedule.factor(t, steps, ())) for t in range(1, steps + beyond + 1)]


HALF = math.sqrt(0.5)
BY_HAND: list[tuple[str, dict[str, Any], list[float]]] = [
    ("exponential", {"gamma": 0.25}, [1, 0.25**0.25, 0.5, 0.25**0.75]),  # 1/4 after all four updates
    ("exponential", {"gamma": 0.5, "decay_steps": 1}, [1, 0.5, 0.25, 0.125]),
    ("exponential", {"gamma": 1.0}, [1, 1]),
    ("linear", {}, [1, 0.75, 0.5, 0.25]),
    ("linear", {"start": 0.2, "end": 1.0, "decay_steps": 2}, [0.2, 0.6, 1, 1, 1]),
    ("polynomial", {"power": 2.0}, [1, 9 / 16, 1 / 4, 1 / 16]),
    ("polynomial", {"power": 0.5, "alpha": 0.5, "decay_steps": 1}, [1, 0.5, 0.5]),
    # With cycles of 2: at s = 3 and 4 of 4 updates, at s = 5 of 6
    ("polynomial", {"decay_steps": 2, "cycle": True}, [1, 0.5, 0, 0.25, 0, 1 / 6, 0]),
    ("inverse_time", {"decay_rate": 1.0, "decay_steps": 1}, [1, 1 / 2, 1 / 3, 1 / 4]),
    ("inverse_time", {"decay_rate": 3.0}, [1, 1 / 2.5]),
    (
        "inverse_time",
        {"decay_rate": 1.0, "decay_steps": 2, "staircase": True},
        [1, 1, 1 / 2, 1 / 2, 1 / 3],
    ),
    ("inverse_sqrt", {"warmup": 4}, [0.25, 0.5, 0.75, 1, math.sqrt(0.8)]),
    ("inverse_sqrt", {"warmup": 2, "ramp": False}, [1, 1, math.sqrt(2 / 3), HALF]),
    ("inverse_sqrt", {"warmup": 1}, [1, HALF, math.sqrt(1 / 3), 0.5]),
    ("cosine_restarts", {"period": 2}, [1, 0.5, 1, 0.5, 1]),
    ("cosine_restarts", {"period": 1, "t_mult": 2}, [1, 1, 0.5, 1, (1 + HALF) / 2, 0.5, (1 - HALF) / 2, 1]),
    ("cosine_restarts", {"period": 2, "m_mult": 0.5, "alpha": 0.2}, [1, 0.6, 0.6, 0.4, 0.4]),
    # 10 updates: 2 to rise, 4 to fall
    (
        "wsd",
        {"warmup": 0.2, "decay": 0.4, "start": 0.0, "shape": "linear"},
        [0, 0.5, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25],
    ),
    (
        "wsd",
        {"warmup": 0.0, "decay": 0.4, "alpha": 0.2, "shape": "1-sqrt"},
        [1, 1, 1, 1, 1, 1, 1, 0.6, 0.2 + 0.8 * (1 - HALF), 0.2 + 0.8 * (1 - math.sqrt(0.75))],
    ),
    (
        "wsd",
        {"warmup": 0.0, "decay": 0.4, "shape": "1-square"},
        [1, 1, 1, 1, 1, 1, 1, 15 / 16, 3 / 4, 7 / 16],
    ),
    ("wsd", {"warmup": 0.0, "decay": 1.0, "shape": "cosine"}, [1, (1 + HALF) / 2, 0.5, (1 - HALF) / 2]),
    ("wsd", {"warmup": 0.0, "decay": 0.0}, [1, 1, 1]),
    # Both halves of 3 are rounded up to 2: the fall waits for the rise, and begins at the peak
    ("wsd", {"warmup": 0.5, "decay": 0.5, "start": 0.0, "shape": "linear"}, [0, 0.5, 1]),
    ("wsd", {"warmup": 1.0, "decay": 0.0, "start": 0.5}, [0.5, 0.75]),
    ("triangular", {"low": 0.2, "up": 2}, [0.2, 0.6, 1, 0.6, 0.2, 0.6]),
    ("triangular", {"low": 0.0, "up": 1, "down": 3}, [0, 1, 2 / 3, 1 / 3, 0, 1]),
    ("triangular", {"low": 0.0, "up": 1, "mode": "triangular2"}, [0, 1, 0, 0.5, 0, 0.25]),
    ("triangular", {"low": 0.0, "up": 1, "mode": "exp_range", "gamma": 0.5}, [0, 0.5, 0, 0.125]),
    ("piecewise", {"boundaries": (1, 3), "values": (1.0, 0.5, 0.25)}, [1, 0.5, 0.5, 0.25, 0.25]),
    ("piecewise", {"boundaries": (), "values": (0.7,)}, [0.7, 0.7]),
    ("piecewise", {"boundaries": (2,), "values": (0.0, 2.0)}, [0, 0, 2]),
]


@pytest.mark.parametrize(("name", "values", "expected"), BY_HAND)
def test_factors_by_hand(name: str, values: Any, expected: list[float]) -> None:
    np.testing.assert_allclose(factors(name, len(expected), values), expected, rtol=1e-14, atol=1e-16)


INCLUSIONS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("polynomial", {"power": 1.0, "alpha": 0.3}, "linear", {"end": 0.3}),
    ("linear", {"end": 1.0}, "constant", {}),
    ("exponential", {"gamma": 1.0}, "constant", {}),
    ("inverse_time", {"decay_rate": 0.0}, "constant", {}),
    ("wsd", {"warmup": 0.0, "decay": 1.0, "shape": "linear"}, "linear", {}),
    ("wsd", {"warmup": 0.0, "decay": 1.0, "shape": "cosine", "alpha": 0.1}, "cosine", {"alpha": 0.1}),
    ("cosine_restarts", {"period": 40, "alpha": 0.1}, "cosine", {"alpha": 0.1}),
    ("cosine_restarts", {"period": 40, "t_mult": 3}, "cosine", {}),
    ("triangular", {"low": 1.0}, "constant", {}),
    (
        "piecewise",
        {"boundaries": (10, 20, 30), "values": (1.0, 0.5, 0.25, 0.125)},
        "step",
        {"gamma": 0.5, "step_size": 10},
    ),
]


@pytest.mark.parametrize(("name", "values", "other", "others"), INCLUSIONS)
def test_special_values_are_other_schedules(name: str, values: Any, other: str, others: Any) -> None:
    np.testing.assert_allclose(factors(name, 40, values), factors(other, 40, others), rtol=1e-13, atol=1e-15)


def test_the_papers_rate_of_the_transformer() -> None:
    # Vaswani et al., equation 3, d_model = 512 and 4000 updates: the highest rate is 1 / √(512 · 4000)
    highest = 1 / math.sqrt(512 * 4000)
    for t in (1, 2000, 4000, 16000):
        expected = 512**-0.5 * min(t**-0.5, t * 4000**-1.5)
        assert highest * made("inverse_sqrt", warmup=4000).factor(t, 10**5, ()) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "values", "last"),
    [("linear", {"end": 0.1}, 0.1), ("polynomial", {"alpha": 0.1}, 0.1), ("wsd", {"alpha": 0.1}, 0.1)],
)
def test_the_end_is_reached_after_the_last_update_and_kept(name: str, values: Any, last: float) -> None:
    assert factors(name, 20, values, beyond=3)[20:] == pytest.approx([last] * 3, rel=1e-12)


def test_restarts_come_exactly_after_each_period() -> None:
    # Of periods 3, 9, 27, 81, ...: a logarithm of base 3 rounds to the wrong side of some
    peaks = [0, 3, 12, 39, 120, 363, 1092, 3279]
    schedule = made("cosine_restarts", period=3, t_mult=3)
    assert [s for s in range(3300) if schedule.factor(s + 1, 3300, ()) == 1] == peaks


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_stack_keeps_its_type_and_each_trials_values(dtype: str) -> None:
    column = {
        key: np.array(values, dtype).reshape(-1, 1, 1)
        for key, values in {
            "warmup": [0.0, 0.5],
            "decay": [1.0, 0.5],
            "start": [0.5, 0.0],
            "alpha": [0, 0],
        }.items()
    }
    schedule: Any = REGISTRY.get("schedule", "wsd").cls(**column, shape="linear")
    together = [schedule.factor(t, 4, ()) for t in range(1, 5)]
    assert {factor.dtype for factor in together} == {np.dtype(dtype)}
    np.testing.assert_allclose(np.ravel([factor[0] for factor in together]), [1, 0.75, 0.5, 0.25])
    np.testing.assert_allclose(np.ravel([factor[1] for factor in together]), [0, 0.5, 1, 0.5])


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("linear", {"start": 0.0}, "linear: start and end must not both be 0"),
        (
            "wsd",
            {"warmup": 0.7, "decay": 0.4},
            "wsd: warmup and decay must add up to at most 1, got 0.7 and 0.4",
        ),
        ("inverse_time", {"staircase": True}, "inverse_time: staircase needs decay_steps of at least 1"),
        ("piecewise", {"boundaries": (5, 5)}, "piecewise: boundaries must rise, got [5, 5]"),
        ("piecewise", {"values": (1.0,)}, "piecewise: values must be one more than the 2 boundaries, got 1"),
        ("piecewise", {"values": (0.0, 0.0, 0.0)}, "piecewise: values must not all be 0"),
        ("piecewise", {"boundaries": (0, 3)}, "piecewise: boundaries must"),
        ("polynomial", {"power": 0.0}, "polynomial: power must be in (0, inf), got 0"),
        ("cosine_restarts", {"period": 0}, "cosine_restarts: period must be"),
    ],
)
def test_what_makes_no_schedule_is_refused(name: str, values: Any, message: str) -> None:
    with pytest.raises(ComponentError) as refused:
        made(name, **values)
    assert message in str(refused.value)
