"""What an optimizer must keep."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from anncore.testing.kit import Case, Kit, Named, Subject, must, must_equal_bits
from anncore.types import Array

STEPS = 6


class OptimizerKit(Kit):
    """State, progress on a convex quadratic, zero gradients."""

    stacked = True

    def cases(self, subject: Subject) -> list[Case]:
        """Take a few steps on a weight, a bias and, where each number is by itself, a flat buffer."""
        shapes = [(4, 3), (1, 3)] + ([(1, 37)] if _by_number(subject) else [])
        return [_case(shape) for shape in shapes]

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        found: list[Named] = [
            ("state", state_is_arrays),
            ("state_round_trip", state_round_trip),
            ("quadratic", quadratic),
            ("zero_gradient", zero_gradient),
        ]
        return [*found, ("scope", scope)] if _by_number(subject) else found


def _by_number(subject: Subject) -> bool:
    return getattr(subject.cls, "scope", "number") == "number"


def leaves(state: Any) -> Iterator[Array]:
    """Yield the arrays of a state, however nested."""
    if isinstance(state, np.ndarray):
        yield state
    elif isinstance(state, Mapping):
        for value in state.values():
            yield from leaves(value)
    elif isinstance(state, (tuple, list)):
        for value in state:
            yield from leaves(value)


def _walk(component: Any, param: Array, grads: Array, state: Any = None, first: int = 1) -> Iterator[Any]:
    """Yield (change, state) of each step; what a step is handed cannot be written to."""
    state = component.init(param) if state is None else state
    for i in range(grads.shape[1]):
        for leaf in leaves(state):
            leaf.setflags(write=False)
        param.setflags(write=False)
        change, state = component.step(param, grads[:, i], state, first + i)
        must(change.shape == param.shape, f"step gives a change of shape {change.shape} for {param.shape}")
        yield change, state
        param = param + change


def _case(shape: tuple[int, int]) -> Case:
    def inputs(rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
        return {
            "param": rng.normal(size=(trials, *shape)).astype(dtype),
            "grads": rng.normal(size=(trials, STEPS, *shape)).astype(dtype),
        }

    def run(component: Any, inputs: dict[str, Array]) -> dict[str, Array]:
        found = {}
        for i, (change, state) in enumerate(_walk(component, inputs["param"], inputs["grads"]), start=1):
            found[f"change {i}"] = change
            found.update({f"state {i}.{k}": leaf for k, leaf in enumerate(leaves(state))})
        return found

    return Case(f"{shape[0]} x {shape[1]}", inputs, run)


def _example(subject: Subject, dtype: str = "float32") -> Iterator[tuple[str, Any, dict[str, Array]]]:
    for variant in subject.variants():
        case = _case((4, 3))
        component = subject.stack(subject.rows(variant, 3), dtype)
        yield variant.label, component, case.inputs(np.random.default_rng(11), 3, dtype)


def state_is_arrays(subject: Subject) -> int:
    """init gives a tuple of arrays with the trials first, and step keeps their shapes."""
    count = 0
    for label, component, inputs in _example(subject):
        state = component.init(inputs["param"])
        must(
            isinstance(state, tuple), f"{label}: the state must be a NamedTuple of arrays, got {type(state)}"
        )
        before = [leaf.shape for leaf in leaves(state)]
        must(all(shape[0] == 3 for shape in before), f"{label}: a state's first axis must be the trials")
        for _, later in _walk(component, inputs["param"], inputs["grads"], state):
            after = [leaf.shape for leaf in leaves(later)]
            must(after == before, f"{label}: step changes the state's shapes from {before} to {after}")
            count += 1
    return count


def state_round_trip(subject: Subject) -> int:
    """A run that is interrupted, its state pickled and read again, goes on bit for bit."""
    count = 0
    for label, component, inputs in _example(subject):
        param, grads = inputs["param"], inputs["grads"]
        whole = list(_walk(component, param, grads))
        half = STEPS // 2
        state = pickle.loads(pickle.dumps(whole[half - 1][1]))
        moved = param + 0
        for change, _ in whole[:half]:
            moved = moved + change
        rest = _walk(component, moved, grads[:, half:], state, first=half + 1)
        for (change, _), (expected, _) in zip(rest, whole[half:], strict=True):
            must_equal_bits(change, expected, f"{label}: a change after the state was saved and read")
            count += 1
    return count


def quadratic(subject: Subject) -> int:
    """From (1, -1), 500 steps of (θ₁² + 4 θ₂²) / 2 end lower, and finite all the way."""
    count = 0
    curvature = np.array([[[1.0, 4.0], [4.0, 1.0]]])
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 1), "float64")
        param = np.array([[[1.0, -1.0], [-1.0, 1.0]]])
        start, state = float((curvature * param * param).sum()), component.init(param)
        for t in range(1, 501):
            change, state = component.step(param, curvature * param, state, t)
            param = param + change
            must(np.isfinite(param).all(), f"{variant.label}: not finite after step {t}")
        end = float((curvature * param * param).sum())
        must(end < 0.99 * start, f"{variant.label}: the quadratic goes from {start:g} to {end:g}")
        count += 1
    return count


def zero_gradient(subject: Subject) -> int:
    """Gradients of 0 from the start give finite changes and a finite state."""
    count = 0
    for dtype in ("float32", "float64"):
        for label, component, inputs in _example(subject, dtype):
            with np.errstate(invalid="raise", divide="raise"):
                walk = list(_walk(component, inputs["param"], np.zeros_like(inputs["grads"])))
            for change, state in walk:
                for array in (change, *leaves(state)):
                    must(
                        np.isfinite(array).all(), f"{label}: a gradient of 0 gives {array.flat[0]} ({dtype})"
                    )
                    count += 1
    return count


def scope(subject: Subject) -> int:
    """All parameters as one flat buffer get the changes that they get one array at a time."""
    count = 0
    for label, component, inputs in _example(subject):
        param, grads = inputs["param"], inputs["grads"]
        flat = _walk(component, param.reshape(3, 1, -1), grads.reshape(3, STEPS, 1, -1))
        for (change, _), (expected, _) in zip(flat, _walk(component, param, grads), strict=True):
            message = f"{label}: a change in a flat buffer and in a matrix (or declare a wider scope)"
            must_equal_bits(change.reshape(expected.shape), expected, message)
            count += 1
    return count
