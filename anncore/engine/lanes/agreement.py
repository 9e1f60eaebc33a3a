"""The comparison of kernels with the formulas that they are made of, before a process first uses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anncore.contract.errors import ComponentError
from anncore.contract.kinds import Array
from anncore.contract.trial import Trial
from anncore.engine.evaluation import Evaluator
from anncore.engine.lanes.arithmetic import refuse_other_arithmetic
from anncore.engine.lanes.evaluator import LaneEvaluator
from anncore.engine.network_stack import Stack

CLOSE = {"float32": 1e-3, "float64": 1e-8}
"""How far numbers may lie apart, as a share of the largest: rounding, many times over."""
MOST_APART = 0.1
"""The share of numbers that may lie further apart: at a kink rounding decides which slope counts."""
TIMES = 32
"""How many times a change by one rounding of every weight may be exceeded: each operation rounds as well."""


def refuse_disagreement(stack: Any, row: int, steps: Sequence[int]) -> None:
    """Raise ComponentError where kernels and formulas differ by more than rounding explains.

    stack: a `LaneStack`. Its trial at this row makes a step on both engines, from the same weights with the
    same examples; gradients, new weights, predictions and losses are compared. steps: those at which new
    weights are compared, from 1 on, as a formula may go another way at some.
    """
    refuse_other_arithmetic()
    trial, data = stack.trials[row], stack.data[row]
    one: Any = type(stack)([trial], stack.registry, [data], agreed=True)
    other = Stack([trial], stack.registry, [data])
    for each in (one, other):
        each.initialize()
    start = one.theta.copy()
    one.advance(1, 1, 2)
    other.step(1, 2)
    stages = {"gradients": (one.gradients, other.grads.copy())}
    # Updates from the same gradients: one that is 0 but for rounding is a whole step of Adam.
    for t in steps:
        if t > 1:
            one = type(stack)([trial], stack.registry, [data], agreed=True)
            one.initialize()
            one.advance(t, t, t + 1)
        # One that has made no step: a first state may be made of the learning rate, which steps change.
        other = Stack([trial], stack.registry, [data])
        other.initialize()
        other.grads[...] = one.gradients
        other.update(t, t + 1)
        stages["updates" if t == 1 else f"updates of step {t}"] = one.theta - start, other.theta - start
    ours, theirs = LaneEvaluator(one), Evaluator(other)
    for name, values in other.weights.items():
        values[...] = one.weights[name]
    stages |= {"losses": (_losses(ours), _losses(theirs))}

    def gradients_nearby() -> Array:
        nearby = Stack([trial], stack.registry, [data])
        nearby.initialize()
        _move(nearby.theta)
        nearby.step(1, 2)
        return nearby.grads

    def losses_nearby() -> Array:
        _move(other.theta)
        return _losses(Evaluator(other))

    nearby = {"gradients": gradients_nearby, "losses": losses_nearby}
    for name, (lanes, formulas) in stages.items():
        if apart(lanes, formulas) <= MOST_APART:
            continue
        # Formulas that a rounding of the weights changes more than usual may differ as much more.
        change = TIMES * np.abs(nearby[name]() - formulas) if name in nearby else np.zeros(1)
        if apart(lanes, formulas, float(change[np.isfinite(change)].max(initial=0.0))) > MOST_APART:
            raise ComponentError(
                f"the engine 'lanes' gives other {name} than the formulas of {_names(trial)}, by more than "
                "rounding explains; write [train] engine = 'blas', and please report it."
            )


def apart(lanes: Array, formulas: Array, more: float = 0.0) -> float:
    """Return the share of numbers that differ by more than rounding explains, and `more`."""
    sound = np.isfinite(formulas)
    if not sound.any():
        return 0.0
    bound = CLOSE[str(lanes.dtype)] * np.abs(formulas[sound]).max() + more
    off = ~(np.abs(lanes[sound] - formulas[sound]) <= bound)
    return float(off.mean())


def _losses(evaluator: Any) -> Array:
    return np.stack(list(evaluator.curve([]).values()))


def _move(weights: Array) -> None:
    """Change each weight by one rounding, up or down."""
    signs = np.random.default_rng(0).choice(np.array([-1, 1], weights.dtype), weights.shape)
    weights *= 1 + signs * np.finfo(weights.dtype).eps


def _names(trial: Trial) -> str:
    parts = trial.parts
    activations = {inner.name for inner in parts["network"].refs.get("activation", ())}
    names = [parts["network"].name, *sorted(activations), parts["loss"].name, parts["optimizer"].name]
    return ", ".join(name.rpartition(":")[2] for name in names)
