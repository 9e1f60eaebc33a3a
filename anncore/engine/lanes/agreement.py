"""The comparison of kernels with the formulas that they are made of, before a process first uses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anncore.contract.errors import ComponentError
from anncore.contract.kinds import Array
from anncore.contract.trial import Trial
from anncore.engine.evaluation import Evaluator
from anncore.engine.lanes.evaluator import LaneEvaluator
from anncore.engine.network_stack import Stack

CLOSE = {"float32": 1e-3, "float64": 1e-8}
"""How far numbers may lie apart, as a share of the largest: rounding, many times over."""
MOST_APART = 0.1
"""The share of numbers that may lie further apart: at a kink rounding decides which slope counts."""
MOST_OF_AN_ARRAY = 0.5
"""The same of any one array: a kink changes what belongs to one unit, an error what a formula computes."""
TIMES = 32
"""How many times a change by one rounding of every weight may be exceeded: each operation rounds as well."""


def refuse_disagreement(stack: Any, row: int, steps: Sequence[int]) -> None:
    """Raise ComponentError where kernels and formulas differ by more than rounding explains.

    stack: a `LaneStack`. Its trial at this row makes a step on both engines, from the same weights with the
    same examples; gradients, new weights, losses and predictions are compared. steps: those at which new
    weights are compared, from 1 on, as a formula may go another way at some.
    """
    both = _OnBothEngines(stack, row)
    for name, (lanes, formulas) in both.numbers(steps).items():
        ends = [] if name in ("losses", "predictions") else both.ends
        if agree(lanes, formulas, ends):
            continue
        # Formulas that a rounding of the weights changes more than usual may differ as much more.
        change = TIMES * np.abs(both.nearby(name) - formulas)
        if not agree(lanes, formulas, ends, float(change[np.isfinite(change)].max(initial=0.0))):
            raise ComponentError(
                f"the engine 'lanes' gives other {name} than the formulas of {_names(both.trial)}, by more "
                "than rounding explains; write [train] engine = 'blas', and please report it."
            )


class _OnBothEngines:
    """What one trial of a `LaneStack` computes in lanes, and by its formulas."""

    def __init__(self, stack: Any, row: int) -> None:
        self.trial, self._data = stack.trials[row], stack.data[row]
        self.ends = np.cumsum([spec.shape[0] * spec.shape[1] for spec in stack.specs]).tolist()
        self._kind, self._registry = type(stack), stack.registry

    def _kernels(self) -> Any:
        stack = self._kind([self.trial], self._registry, [self._data], agreed=True)
        stack.initialize()
        return stack

    def _formulas(self) -> Stack:
        stack = Stack([self.trial], self._registry, [self._data])
        stack.initialize()
        return stack

    def numbers(self, steps: Sequence[int]) -> dict[str, tuple[Array, Array]]:
        """Return by name the numbers of both: gradients of step 1, changes of weights at steps, losses,
        and predictions from the same pre-activations.
        """
        kernels, formulas = self._kernels(), self._formulas()
        start = kernels.theta.copy()
        kernels.advance(1, 1, 2)
        formulas.step(1, 2)
        numbers = {"gradients": (kernels.gradients, formulas.grads.copy())}
        # Updates from the same gradients: one that is 0 but for rounding is a whole step of Adam.
        for t in steps:
            if t > 1:
                kernels = self._kernels()
                kernels.advance(t, t, t + 1)
            # One that has made no step: a first state may be made of the learning rate, which steps change.
            formulas = self._formulas()
            formulas.grads[...] = kernels.gradients
            formulas.update(t, t + 1)
            name = "updates" if t == 1 else f"updates of step {t}"
            numbers[name] = kernels.theta - start, formulas.theta - start
        for name, values in formulas.weights.items():
            values[...] = kernels.weights[name]
        self._last = formulas
        evaluator = LaneEvaluator(kernels)
        numbers["losses"] = _losses(evaluator), _losses(Evaluator(formulas))
        outputs = evaluator.outputs()
        self._z = outputs.by_trial()
        numbers["predictions"] = outputs.predictions().reshape(1, -1), self._predictions()
        return numbers

    def _predictions(self) -> Array:
        return np.reshape(self._last.output.predict(self._z), (1, -1))

    def nearby(self, name: str) -> Array:
        """Return what formulas give of the numbers of a name for weights, or outputs, one rounding away."""
        if name == "gradients":
            formulas = self._formulas()
            _move(formulas.theta)
            formulas.step(1, 2)
            return formulas.grads
        if name == "losses":
            _move(self._last.theta)
            return _losses(Evaluator(self._last))
        if name == "predictions":
            _move(self._z)
            return self._predictions()
        return np.full(1, np.nan)  # updates follow from gradients, which are the same


def agree(lanes: Array, formulas: Array, ends: Sequence[int] = (), more: float = 0.0) -> bool:
    """Tell whether few numbers differ by more than rounding explains, and `more`.

    lanes, formulas: (1, P), of which each array ends where `ends` says.
    """
    sound = np.isfinite(formulas)
    if not sound.any():
        return True
    bound = CLOSE[str(lanes.dtype)] * np.abs(formulas[sound]).max() + more
    off = sound & ~(np.abs(lanes - formulas) <= bound)
    arrays = [array for array in np.split(off, ends, axis=1) if array.size] if len(ends) else []
    return bool(off[sound].mean() <= MOST_APART and all(array.mean() <= MOST_OF_AN_ARRAY for array in arrays))


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
