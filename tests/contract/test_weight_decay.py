"""Weight decay, once for all optimizers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from shipped import REGISTRY
from trial_factory import make_trial

from anncore import DECAY_MODES, Array, Hyper, WeightDecay, hyper
from anncore.engine.training import train_stack

OFFERED_BY = [
    component.cls for component in REGISTRY.of_kind("optimizer") if issubclass(component.cls, WeightDecay)
]


@dataclass(frozen=True)
class Descent(WeightDecay):
    """The plainest optimizer with weight decay."""

    name: ClassVar[str] = "descent"

    lr: Hyper = hyper(0.1, "(0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)")
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def change(self, theta: Array, grad: Array) -> Array:
        return self.decay_change(theta, -self.lr * self.decay_gradient(theta, grad))


def column(*values: float, dtype: Any = float) -> Array:
    return np.array(values, dtype=dtype).reshape(-1, 1, 1)


@pytest.mark.parametrize(
    ("mode", "expected"),
    # θ = 3, g = 2, lr .1, weight_decay .5: the penalty's gradient is 1.5
    [("coupled", -0.1 * 3.5), ("decoupled", -0.2 - 0.1 * 1.5), ("independent", -0.2 - 1.5)],
)
def test_modes_by_hand(mode: str, expected: float) -> None:
    change = Descent(weight_decay=0.5, decay_mode=mode).change(column(3), column(2))
    assert change.item() == pytest.approx(expected, rel=1e-15)


def test_a_schedule_scales_the_independent_decay_by_its_factor_alone() -> None:
    # Loshchilov & Hutter, algorithm 2: η = .25 is on both parts, lr on the first
    optimizer = Descent(lr=column(0.1, 0.2), weight_decay=column(0.5, 0.5), decay_mode="independent")
    np.multiply(optimizer.lr.copy(), 0.25, out=optimizer.lr)  # as the engine does
    change = optimizer.change(column(3, 3), column(2, 2))
    np.testing.assert_allclose(change.ravel(), [-0.05 - 0.375, -0.1 - 0.375], rtol=1e-15)


@pytest.mark.parametrize("mode", DECAY_MODES)
def test_without_decay_nothing_is_computed(mode: str) -> None:
    for zero in (0.0, column(0, 0)):
        optimizer, given = Descent(weight_decay=zero, decay_mode=mode), column(2, 2)
        assert optimizer.decay_gradient(column(3, 3), given) is given
        assert optimizer.decay_change(column(3, 3), given) is given


@pytest.mark.parametrize("mode", DECAY_MODES)
@pytest.mark.parametrize("theta", [3.0, -0.0, math.inf, math.nan])
def test_a_trial_without_decay_is_untouched_by_its_neighbours_decay(mode: str, theta: float) -> None:
    grad = column(-0.0, 2, dtype="float32")
    both = Descent(column(0.1, 0.1, dtype="float32"), column(0, 0.5, dtype="float32"), mode)
    alone = Descent(column(0.1, dtype="float32"), column(0, dtype="float32"), mode)
    with np.errstate(invalid="ignore"):  # 0 · inf
        change = both.change(column(theta, 1, dtype="float32"), grad)
    assert change[:1].tobytes() == alone.change(column(theta, dtype="float32"), grad[:1]).tobytes()
    assert change.dtype == "float32"


@pytest.mark.slow
def test_training_hands_the_schedules_factor_to_the_independent_decay() -> None:
    # A linear model whose weights shrink by 1 - η/10 and else stand still, as lr is next to nothing: its mean
    # squared error is a parabola in how much of them is left. η = 1, 1/2, 1/4, ...
    trial = make_trial(
        REGISTRY,
        dataset="linear_regression",
        network=("mlp", {"hidden": ()}),
        output="identity",
        loss="mse",
        optimizer=("sgd", {"lr": 1e-30, "weight_decay": 0.1, "decay_mode": "independent"}),
        schedule=("step", {"gamma": 0.5, "step_size": 1}),
        steps=6,
        eval_every=1,
        dtype="float64",
    )
    (result,) = train_stack([trial], REGISTRY)
    left = np.cumprod([1, *(1 - 0.1 * 0.5**k for k in range(6))])
    parabola = np.polynomial.Polynomial.fit(left, result.curves["train_loss"], 2)
    np.testing.assert_allclose(parabola(left), result.curves["train_loss"], rtol=1e-12)
    assert np.ptp(result.curves["train_loss"]) > 1e-3


def stepped(
    optimizer: Any, theta: Array, grad: Array, state: Any, t: int, penalty: float = 0.0
) -> tuple[Array, Any]:
    """Take a step; one that asks for other gradients gets those of Σ θ⁴ / 4, whose curvature is 3 θ².

    penalty: what θ²/2 is weighted by in these.
    """
    if not optimizer.asks:
        return optimizer.step(theta, grad, state, t)
    return optimizer.step(
        *(theta, grad, state, t),
        lambda other: (
            (other**4 / 4 + penalty * other**2 / 2).sum(axis=2, keepdims=True),
            other**3 + penalty * other,
        ),
    )


# Those whose own rate is not lr: the rate of their decay is that of their step.
OWN_RATE = {
    "prodigy": lambda state: 0.01 * state.d,
    "d_adaptation": lambda state: 0.01 * state.d,
    "splus": lambda state: 0.01 * 1e-3,  # `small`, as an array of one row has
}


def test_these_offer_it() -> None:
    names = {cls.name for cls in OFFERED_BY}
    assert names >= {"sgd", "momentum", "nesterov", "adam", "adamw", "amsgrad", "lion"}


@pytest.mark.parametrize("cls", OFFERED_BY, ids=lambda cls: cls.name)
def test_decay_besides_the_step_is_the_step_without_it_less_a_share_of_the_weights(cls: Any) -> None:
    # Algorithm 2's last line: whatever the rule, θ loses η weight_decay θ, where η is lr or the rule's own
    # rate, or, in the mode "independent", weight_decay θ. Those with a rate of their own have no such mode.
    rng = np.random.default_rng(0)
    theta, grads = rng.normal(size=(1, 1, 5)), rng.normal(size=(4, 1, 1, 5))
    rates: dict[str, Any] = {"decoupled": lambda state: 0.01, "independent": lambda state: 1.0}
    if cls.name in OWN_RATE:
        rates = {"decoupled": OWN_RATE[cls.name]}
    for mode, rate in rates.items():
        plain = cls(lr=0.01, weight_decay=0.0, decay_mode=mode)
        decayed = cls(lr=0.01, weight_decay=0.3, decay_mode=mode)
        states = [plain.init(theta), decayed.init(theta)]
        for t, grad in enumerate(grads, start=1):
            lost = 0.3 * rate(states[1]) * theta
            without, states[0] = stepped(plain, theta, grad, states[0], t)
            change, states[1] = stepped(decayed, theta, grad, states[1], t)
            np.testing.assert_allclose(change, without - lost, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("cls", [cls for cls in OFFERED_BY if cls.name != "adamw"], ids=lambda cls: cls.name)
def test_coupled_decay_is_the_penaltys_gradient(cls: Any) -> None:
    # L2: weight_decay/2 |θ|² adds weight_decay θ to the gradient
    rng = np.random.default_rng(1)
    theta, grads = rng.normal(size=(1, 1, 5)), rng.normal(size=(4, 1, 1, 5))
    plain = cls(weight_decay=0.0, decay_mode="coupled")
    decayed = cls(weight_decay=0.3, decay_mode="coupled")
    states = [plain.init(theta), decayed.init(theta)]
    for t, grad in enumerate(grads, start=1):
        expected, states[0] = stepped(plain, theta, grad + 0.3 * theta, states[0], t, 0.3)
        change, states[1] = stepped(decayed, theta, grad, states[1], t)
        np.testing.assert_array_equal(change, expected)
