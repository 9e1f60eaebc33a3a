"""Optimizers that are wrong on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
from right.optimizers import Curved, Foresight, Halfway, State

from anncore.contract.kinds import Array, OptimizerWrapper
from wrong.base import Wrong, by_size, spoilt, wrong


def uphill(self: Any, weight: Array, grad: Array, state: Any, t: int) -> Any:
    return self.lr * grad, state


def whole(self: Any, weight: Array, grad: Array, state: Any, t: int) -> Any:
    return weight - self.lr * grad, state


def normed(self: Any, weight: Array, grad: Array, state: Any, t: int) -> Any:
    return -self.lr * grad / np.sqrt((grad * grad).sum(axis=2, keepdims=True) + 1e-8), state


def normed_inside(self: Any, weight: Array, grad: Array, state: Any, t: int) -> Any:
    size = 1 + np.abs(grad).max(axis=2, keepdims=True)
    change, inner = self.optimizer[0].step(weight, grad / size, state.inner, t)
    return change, state._replace(mean=(state.mean + weight + change) / 2, inner=inner)


def decayed_in_step(self: Any, weight: Array, grad: Array, state: Any, t: int) -> Any:
    change, inner = self.optimizer[0].step(weight, grad + 0.1 * weight, state.inner, t)
    return change, state._replace(inner=inner)


def divided_by_zero(self: Any, weight: Array, grad: Array, state: Any, t: int) -> Any:
    return -self.lr * grad / np.abs(grad), state


def written_state(self: Any, weight: Array, grad: Array, state: Any, t: int) -> Any:
    state.v[:] = 0.9 * state.v + grad
    return -self.lr * state.v, state


def without_trials(self: Any, weight: Array) -> State:
    return State(np.zeros(2))


HIDDEN: list[Any] = [0]


def remembers_elsewhere(self: Any, weight: Array, grad: Array, state: Any, t: int) -> Any:
    HIDDEN[0] = grad if t == 1 else HIDDEN[0] * 0.9 + grad
    return -self.lr * HIDDEN[0], state


def by_the_last_array(self: Any, weight: Array, grad: Array, state: Any, t: int) -> Any:
    before, HIDDEN[0] = HIDDEN[0], np.abs(grad).mean()
    return -self.lr * grad * (1 + before * (weight.size > 20)), state


def by_all_trials(self: Any, weight: Array, grad: Array, state: Any, t: int) -> Any:
    return -self.lr * grad / (1 + np.abs(grad).mean()), state


def silent_step(self: Any, weight: Array, grad: Array, state: Any, t: int, evaluate: Any) -> Any:
    return -self.lr * grad, state


def asks_at_its_weights(self: Any, weight: Array, grad: Array, state: Any, t: int, evaluate: Any) -> Any:
    return -self.lr * evaluate(weight)[1], state


def asks_at_nothing(self: Any, weight: Array, grad: Array, state: Any, t: int, evaluate: Any) -> Any:
    return -self.lr * evaluate(weight[:, :, :1])[1], state


def asks_too_finely(self: Any, weight: Array, grad: Array, state: Any, t: int, evaluate: Any) -> Any:
    return (-self.lr * evaluate(weight.astype("float64"))[1]).astype(weight.dtype), state


def spoils_the_answer(self: Any, weight: Array, grad: Array, state: Any, t: int, evaluate: Any) -> Any:
    ahead = evaluate(weight)[1]
    ahead *= -self.lr
    return ahead, state


def spoilt_optimizer(check: str, because: str, right: Any, **members: Any) -> Wrong:
    return Wrong("optimizer", check, because, spoilt(right, **members))


OPTIMIZERS = [
    wrong("optimizer", "scope", "alone and beside others", scope="array", step=by_the_last_array),
    wrong("optimizer", "scope", "beside other trials", scope="trial", step=by_all_trials),
    spoilt_optimizer("asks", "step never calls evaluate", Foresight, step=silent_step),
    spoilt_optimizer("asks", "weights of shape (3, 1, 1)", Foresight, step=asks_at_nothing),
    spoilt_optimizer("asks", "weights of dtype float64", Foresight, step=asks_too_finely),
    spoilt_optimizer("asks", 'must have scope "trial", it has "number"', Foresight, scope="number"),
    spoilt_optimizer(
        "asks", "needs must be one of '', 'residuals', 'sampled_gradient', got 'x'", Curved, needs="x"
    ),
    spoilt_optimizer("asks", 'step asks for sampled_gradient, but needs is ""', Curved, needs=""),
    spoilt_optimizer(
        "asks", 'needs is "sampled_gradient", but step never asks for it', Curved, step=asks_at_its_weights
    ),
    spoilt_optimizer("inputs_unchanged", "writes to an array", Foresight, step=spoils_the_answer),
    spoilt_optimizer(
        "evaluated",
        "halfway.evaluated gives shape (3,)",
        Halfway,
        evaluated=lambda self, weight, state: weight[:, 0, 0],
    ),
    spoilt_optimizer("evaluated", "and the start", Halfway, evaluated=lambda self, weight, state: 2 * weight),
    spoilt_optimizer(
        "stacked_as_alone",
        "evaluated 1 of a trial in a stack of 2",
        Halfway,
        evaluated=lambda self, weight, state: by_size(state.mean),
    ),
    spoilt_optimizer(
        "nests",
        "evaluated does not ask the optimizer inside",
        Halfway,
        evaluated=lambda self, weight, state: weight,
    ),
    spoilt_optimizer(
        "asked",
        "halfway hands probe another gradient than probe gets where it asks for more; write what changes",
        Halfway,
        route=OptimizerWrapper.route,
        step=decayed_in_step,
    ),
    spoilt_optimizer(
        "asked",
        "halfway: its methods loss and gradient do not belong together",
        Halfway,
        route=OptimizerWrapper.route,
        gradient=lambda self, weight, grad, state, t: grad + 0.1 * weight,
        step=OptimizerWrapper.step,
    ),
    spoilt_optimizer("route", "to 'nowhere', not a field of it", Halfway, route=lambda self, spec: "nowhere"),
    spoilt_optimizer("scope", "a change of W1 alone and beside others", Halfway, step=normed_inside),
    wrong("optimizer", "state", "first axis must be the trials", init=without_trials),
    wrong("optimizer", "state", "must be a NamedTuple of arrays", init=lambda self, weight: weight),
    wrong("optimizer", "state_round_trip", "after the state was saved and read", step=remembers_elsewhere),
    wrong("optimizer", "quadratic", "the quadratic goes from", step=uphill),
    wrong("optimizer", "quadratic", "return the change of a weight, not the new weight", step=whole),
    wrong("optimizer", "zero_gradient", "invalid value", step=divided_by_zero),
    wrong("optimizer", "scope", "declare a wider scope", step=normed),
    wrong("optimizer", "inputs_unchanged", "writes to an array it was handed", step=written_state),
]
