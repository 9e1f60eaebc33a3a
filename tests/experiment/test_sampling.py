"""Drawn configurations: as many as asked for, all different, inside their ranges, evenly spread."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import qmc
from shipped import REGISTRY

from anncore.contract.hyperparameters import Search
from anncore.experiment import Axis, Range, Rows, sampling

METHODS = ("random", "lhs", "halton", "sobol")
LR = Range(("lr",), Search("log", (1e-4, 1e-1)), False)
MOMENTUM = Range(("momentum",), Search("linear", (0.5, 0.99)), False)
FORM = Rows(("form",), (("a",), ("b",), ("c",)))
WIDTH = Range(("width",), Search("linear", (1, 6)), True)


def draw(method: str, samples: int, axes: list[Axis], seed: int) -> list[tuple[tuple[Any, ...], ...]]:
    return sampling.draw(REGISTRY.get("sampler", method).cls(), samples, axes, seed)


def values(method: str, samples: int, axes: list[Axis], seed: int = 0) -> np.ndarray:
    return np.array([[row[0] for row in point] for point in draw(method, samples, axes, seed)])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("samples", [1, 2, 7, 20, 33])
def test_exactly_so_many_different_points_inside_the_ranges(method: str, samples: int) -> None:
    points = draw(method, samples, [LR, MOMENTUM, FORM], 0)
    assert len(points) == len(set(points)) == samples
    for (lr,), (momentum,), (form,) in points:
        assert 1e-4 <= lr <= 1e-1
        assert 0.5 <= momentum <= 0.99
        assert form in "abc"


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_points_and_another_seed_others(method: str) -> None:
    assert draw(method, 5, [LR, MOMENTUM], 3) == draw(method, 5, [LR, MOMENTUM], 3)
    assert draw(method, 5, [LR, MOMENTUM], 3) != draw(method, 5, [LR, MOMENTUM], 4)


def test_log_ranges_are_even_in_their_logarithm() -> None:
    exponents = np.log10(values("random", 2000, [LR])[:, 0])
    # Uniform on [-4, -1]: mean -2.5, standard error (3 / √12) / √2000 = 0.019.
    assert abs(exponents.mean() + 2.5) < 4 * 0.0194


def test_latin_hypercube_has_one_point_in_each_of_n_strata() -> None:
    shares = (values("lhs", 16, [MOMENTUM])[:, 0] - 0.5) / 0.49
    assert sorted(np.floor(shares * 16).astype(int)) == list(range(16))


@pytest.mark.parametrize("method", ["halton", "sobol"])
def test_low_discrepancy_methods_spread_more_evenly_than_chance(method: str) -> None:
    unit = [Range((key,), Search("linear", (0.0, 1.0)), False) for key in "ab"]
    chance = np.mean([qmc.discrepancy(values("random", 64, unit, seed)) for seed in range(5)])
    spread = np.mean([qmc.discrepancy(values(method, 64, unit, seed)) for seed in range(5)])
    assert spread < chance / 3


@pytest.mark.parametrize("method", METHODS)
def test_small_spaces_are_taken_whole(method: str) -> None:
    points = draw(method, 18, [WIDTH, FORM], 0)
    assert points == [((width,), (form,)) for width in range(1, 7) for form in "abc"]


@pytest.mark.parametrize("method", METHODS)
def test_nearly_whole_spaces_repeat_no_point(method: str) -> None:
    points = draw(method, 17, [WIDTH, FORM], 0)
    assert len(set(points)) == 17


def test_whole_numbers_are_all_as_likely() -> None:
    widths = [row[0][0] for row in draw("sobol", 960, [WIDTH, MOMENTUM], 0)]
    assert np.ptp(np.bincount(widths)[1:]) <= 20  # 160 each


def test_what_is_drawn_has_six_digits() -> None:
    assert all(math.isclose(v, float(f"{v:.6g}"), rel_tol=1e-15) for v in values("halton", 50, [LR])[:, 0])


def test_nothing_to_draw_is_one_configuration() -> None:
    assert draw("sobol", 5, [], 0) == [()]
