"""Windows in time: what recurrent networks read, and what is read of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from anncore import read_states, root_mean_squares, steps_first


class Sequences(NamedTuple):
    features: int
    read: str
    name: str = "made"


def test_steps_first_brings_the_examples_of_a_step_together() -> None:
    # One trial, two examples of three steps with two features each: the number says example, step, feature.
    x = np.array([[[111, 112, 121, 122, 131, 132], [211, 212, 221, 222, 231, 232]]])
    by_step = [[111, 112], [211, 212], [121, 122], [221, 222], [131, 132], [231, 232]]
    assert steps_first(Sequences(2, "last"), x).tolist() == [by_step]


def test_the_last_state_is_read_or_every_one_in_the_order_of_time() -> None:
    # Two examples with one unit; the number says example and step.
    states = [np.array([[[11], [21]]]), np.array([[[12], [22]]]), np.array([[[13], [23]]])]
    assert read_states(Sequences(1, "last"), states).tolist() == [[[13], [23]]]
    assert read_states(Sequences(1, "every"), states).tolist() == [[[11], [12], [13], [21], [22], [23]]]


@pytest.mark.parametrize("size", [1.0, 1e300, 1e-300, 5e-324])
def test_root_mean_squares_of_numbers_of_any_size(size: float) -> None:
    errors = size * np.array([[[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]]])
    assert root_mean_squares(errors).tolist() == [[size, 0.0]]
    # √((3² + 4²) / 2) = 5 / √2
    pair = root_mean_squares(np.array([[[3.0], [4.0]]], np.float32))
    assert pair.dtype == np.float64
    assert pair[0, 0] == pytest.approx(5 / np.sqrt(2), rel=1e-15)
