"""Derivatives as text: what `annx show` prints, from formulas whose derivatives are known by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import scipy.special
from shipped import REGISTRY

from anncore import Activation, Array, ComponentError, Hyper, Loss, Task, derivative, hyper
from anncore.contract.derived_text import derivative_lines


def lines(formula: Callable[..., Any]) -> list[str]:
    """Return the printed derivative of an activation with this formula."""

    @dataclass(frozen=True)
    class Made(Activation):
        name: ClassVar[str] = "made"
        alpha: Hyper = hyper(1.5, "(0, inf)")

        def forward(self, z: Array) -> Array:
            return formula(self, z)

    return derivative_lines(Made)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (
            lambda self, z: z * np.tanh(np.logaddexp(0, z)),
            ["t + z (1 - t²) σ(z)", "t = tanh(log(1 + exp(z)))"],
        ),
        (lambda self, z: np.tanh(z), ["1 - f(z)²"]),
        (lambda self, z: np.maximum(z, 0), ["1 where z > 0, 0 elsewhere"]),
        (lambda self, z: z**3 + 2 * z, ["3 z² + 2"]),
        (lambda self, z: np.negative(-(z * 1)) + 0, ["1"]),
        (lambda self, z: np.exp(-(z**2)), ["-2 z f(z)"]),
        (lambda self, z: z / (1 + z * z), ["1 / (1 + z²) - 2 z² / (1 + z²)²"]),
        (lambda self, z: np.sin(self.alpha * z), ["alpha cos(alpha z)"]),
        (lambda self, z: z * scipy.special.ndtr(z), ["Φ(z) + 0.398942 z exp(-0.5 z²)"]),
        (
            lambda self, z: np.where(z > 0, z, self.alpha * np.expm1(np.minimum(z, 0))),
            ["1 where z > 0, alpha exp(min(z, 0)) elsewhere"],
        ),
        (lambda self, z: np.abs(z), ["sign(z)"]),
        (lambda self, z: z * z + np.sqrt(z), ["0.5 / √z + 2 z"]),
    ],
)
def test_derivatives_read_as_one_would_write_them(formula: Callable[..., Any], expected: list[str]) -> None:
    first, *names = lines(formula)
    assert [first, *(name.strip() for name in names)] == [f"f'(z) = {expected[0]}", *expected[1:]]


def test_a_long_derivative_has_named_parts() -> None:
    def formula(self: Any, z: Any) -> Any:
        return 0.5 * z * (1 + np.tanh(0.8 * (z + 0.04 * z**3)))

    first, *names = lines(formula)
    assert len(first) < 100
    assert [name.split()[0] for name in names] == ["t"]


def test_an_activation_over_the_units_is_shown_with_the_gradient_that_it_gets() -> None:
    def formula(self: Any, z: Any) -> Any:
        e = np.exp(z)
        return e / e.sum(axis=-1, keepdims=True)

    assert lines(formula)[0].startswith("∂L/∂z, where g = ∂L/∂f, = ")


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("loss", "mse", {"∂ℓ/∂a": "2 (a - y) / (N D)"}),
        ("loss", "mae", {"∂ℓ/∂a": "sign(a - y) / (N D)"}),
        ("activation", "leaky_relu", {"f'(z)": "1 where z > 0, slope elsewhere"}),
        ("activation", "rrelu", {"f'(z)": "1 where z > 0, low + noise (high - low) elsewhere"}),
        ("activation", "sigmoid", {}),  # written by hand
        ("optimizer", "adam", {}),
    ],
)
def test_of_shipped_components(kind: str, name: str, expected: dict[str, str]) -> None:
    shown = derivative(REGISTRY.get(kind, name).cls)
    assert {left: printed.text for left, printed in shown.items()} == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (lambda error: (error * error).sum(axis=2).mean(axis=1), "2 (a - y) / N"),
        (lambda error: (error * error / 2).sum(axis=2).mean(axis=1), "(a - y) / N"),
        (lambda error: (0.25 * error * error).sum(axis=2).mean(axis=1), "0.5 (a - y) / N"),
        (lambda error: (0.25 * error * error).mean(axis=(1, 2)), "0.5 (a - y) / (N D)"),
        (lambda error: (error * error / 6).mean(axis=(1, 2)), "(a - y) / (3 N D)"),
    ],
)
def test_a_mean_is_told_from_a_sum_over_outputs(value: Callable[..., Any], expected: str) -> None:
    @dataclass(frozen=True)
    class Made(Loss):
        name: ClassVar[str] = "made"
        outputs: ClassVar[Mapping[Task, str]] = {"regression": "identity"}

        def value(self, output: Array, target: Array) -> Array:
            return value(output - target)

    assert derivative(Made)["∂ℓ/∂a"].text == expected


def test_what_cannot_be_derived_says_so() -> None:
    with pytest.raises(
        ComponentError, match=r"^made: np.linalg.svd has no known derivative \(test_derived_text"
    ):
        lines(lambda self, z: z * np.linalg.svd(z)[1][..., :1, None])


def test_a_long_loop_is_counted_and_not_written_out() -> None:
    (line,) = derivative_lines(REGISTRY.get("objective", "recurrent_wall").cls)
    assert re.fullmatch(r"∂f/∂x = a formula of \d{3,4} operations, too long to be written here", line)


def test_every_derived_gradient_of_ours_can_be_shown() -> None:
    for kind in ("activation", "loss", "objective"):
        for component in REGISTRY.of_kind(kind):
            for line in derivative_lines(component.cls):
                assert len(line) < 130
