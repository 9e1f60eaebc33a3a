"""The checks of an optimizer."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from anncore.contract.kinds import (
    AnyOptimizer,
    Array,
    AskingWrapper,
    CurvatureOptimizer,
    OptimizerWrapper,
    WeightSpec,
    overrides,
)
from anncore.engine.curvature import ASKED
from anncore.engine.nested import asks, fit, scope_of
from anncore.testing.descent import (
    BIAS,
    FLAT,
    FLAT_WEIGHT,
    LARGE_NETWORK,
    LARGE_WEIGHT,
    NETWORK,
    STEPS,
    WEIGHT,
    WIDE_NETWORK,
    Bowl,
    Seen,
    fields,
    is_plain,
    leaves,
    walk,
)
from anncore.testing.kit import Case, Kit, Named, Subject, must, must_equal_bits
from anncore.testing.nests import asked, nests


class OptimizerKit(Kit):
    """State, scope, progress on a convex quadratic, zero gradients, and the promises of its form."""

    stacked = True

    def cases(self, subject: Subject) -> list[Case]:
        """Make a few steps on a weight and a bias, and on a flat buffer or all arrays of a network."""
        if overrides(subject.cls, AnyOptimizer.route):
            # It may route a single array to another optimizer.
            return [_case(NETWORK, f"{len(NETWORK)} arrays")]
        more = [FLAT] if is_plain(subject.cls) and _own_scope(subject) == "number" else []
        cases = [_case([spec], f"{spec.shape[0]} x {spec.shape[1]}") for spec in (WEIGHT, BIAS, *more)]
        return cases if more else [*cases, _case(NETWORK, f"{len(NETWORK)} arrays")]

    def large_cases(self, subject: Subject) -> list[Case]:
        """Make the same steps on arrays eight times as long on each side."""
        if overrides(subject.cls, AnyOptimizer.route):
            return [_case(LARGE_NETWORK, f"{len(LARGE_NETWORK)} large arrays")]
        if getattr(subject.build(subject.variants()[0]), "needs", "") == "residuals":
            return [_case(WIDE_NETWORK, f"{len(WIDE_NETWORK)} wide arrays")]
        case = _case([LARGE_WEIGHT], f"{LARGE_WEIGHT.shape[0]} x {LARGE_WEIGHT.shape[1]}")
        if is_plain(subject.cls) and _own_scope(subject) == "number":
            return [case]
        return [case, _case(LARGE_NETWORK, f"{len(LARGE_NETWORK)} large arrays")]

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        plain: list[Named] = [
            ("state", state_is_arrays),
            ("state_round_trip", state_round_trip),
            ("quadratic", quadratic),
            ("zero_gradient", zero_gradient),
            ("scope", scope),
        ]
        cls = subject.cls
        forms = [
            ("asks", asking, cls.asks),
            ("evaluated", evaluated, overrides(cls, AnyOptimizer.evaluated)),
            ("route", route, overrides(cls, AnyOptimizer.route)),
            ("nests", nests, issubclass(cls, (OptimizerWrapper, AskingWrapper))),
            ("asked", asked, issubclass(cls, (OptimizerWrapper, AskingWrapper))),
        ]
        return [*plain, *((name, check) for name, check, holds in forms if holds)]


def _own_scope(subject: Subject) -> str:
    """Return the scope of an optimizer with its default hyperparameters."""
    return subject.build(subject.variants()[0]).scope


def _case(specs: Sequence[WeightSpec], name: str) -> Case:
    shape = specs[0].shape if len(specs) == 1 else (1, sum(spec.shape[0] * spec.shape[1] for spec in specs))

    def inputs(rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
        return {
            "weight": rng.normal(size=(trials, *shape)).astype(dtype),
            "grads": rng.normal(size=(trials, STEPS, *shape)).astype(dtype),
        }

    def run(component: Any, inputs: dict[str, Array]) -> dict[str, Array]:
        figures = {}
        for i, taken in enumerate(walk(component, specs, inputs["weight"], inputs["grads"]), start=1):
            figures[f"change {i}"] = taken.change
            figures.update({f"state {i}.{k}": leaf for k, leaf in enumerate(leaves(taken.state))})
            if taken.at is not None:
                figures[f"evaluated {i}"] = taken.at
        return figures

    return Case(name, inputs, run)


class Example(NamedTuple):
    """A variant of a component, and its inputs."""

    label: str
    component: Any
    specs: Sequence[WeightSpec]
    inputs: dict[str, Array]

    def seen(self, inputs: dict[str, Array]) -> Iterator[Seen]:
        """Yield the result of each step."""
        return walk(self.component, self.specs, inputs["weight"], inputs["grads"])


def _examples(subject: Subject, dtype: str = "float32") -> Iterator[Example]:
    specs = [WEIGHT] if is_plain(subject.cls) and _own_scope(subject) != "trial" else NETWORK
    for variant in subject.variants():
        inputs = _case(specs, "").inputs(np.random.default_rng(11), 3, dtype)
        yield Example(variant.label, subject.stack(subject.rows(variant, 3), dtype), specs, inputs)


def state_is_arrays(subject: Subject) -> int:
    """init returns a tuple of arrays with the trials first, and step keeps their shapes."""
    count = 0
    for label, component, specs, inputs in _examples(subject):
        weight = inputs["weight"]
        plain = is_plain(type(component))
        state = (component if plain else fit(component, specs)).init(weight)
        must(
            isinstance(state, tuple), f"{label}: the state must be a NamedTuple of arrays, got {type(state)}"
        )
        before = [leaf.shape for leaf in leaves(state)]
        must(all(shape[0] == 3 for shape in before), f"{label}: a state's first axis must be the trials")
        for taken in walk(component, specs, weight, inputs["grads"], state):
            after = [leaf.shape for leaf in leaves(taken.state)]
            must(after == before, f"{label}: step changes the state's shapes from {before} to {after}")
            count += 1
    return count


def state_round_trip(subject: Subject) -> int:
    """After an interruption it continues with the same bits from its pickled state."""
    count = 0
    for label, component, specs, inputs in _examples(subject):
        weight, grads = inputs["weight"], inputs["grads"]
        whole = list(walk(component, specs, weight, grads))
        half = STEPS // 2
        state = pickle.loads(pickle.dumps(whole[half - 1].state))
        moved = weight + 0
        for taken in whole[:half]:
            moved = moved + taken.change
        # The function is the same in every step for one that needs the full batch and asks: see walk.
        ahead = grads[:, [0] * half] if component.full_batch and asks(component) else grads[:, half:]
        rest = walk(component, specs, moved, ahead, state, first=half + 1)
        for taken, expected in zip(rest, whole[half:], strict=True):
            message = f"{label}: a change after the state was saved and read"
            must_equal_bits(taken.change, expected.change, message)
            count += 1
    return count


def quadratic(subject: Subject) -> int:
    """From (1, -1), 500 steps on (θ₁² + 4 θ₂²) / 2 stay finite and end lower."""
    count = 0
    curvature, start = np.array([[[1.0, 4.0, 4.0, 1.0]]]), np.array([[[1.0, -1.0, -1.0, 1.0]]])
    spec = WeightSpec("W", (2, 2), 2, 2, place="hidden")
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 1), "float64")
        bowl = Bowl(curvature)
        driver, weight = fit(component, [spec], bowl.ask), start
        state, hint = driver.init(weight), ""
        for t in range(1, 501):
            change, state = driver.step(weight, curvature * weight, state, t)
            if t == 1 and np.linalg.norm(change - start) < np.linalg.norm(start) / 2:
                hint = "; step must return the change of a weight, not the new weight"
            weight = weight + change
            must(np.isfinite(weight).all(), f"{variant.label}: not finite after step {t}{hint}")
        at = driver.evaluated(weight, state)
        before, after = (float((curvature * weights * weights).sum()) for weights in (start, at))
        ends = f"{variant.label}: the quadratic goes from {before:g} to {after:g}"
        must(after < 0.99 * before, f"{ends}{hint}")
        count += 1
    return count


def zero_gradient(subject: Subject) -> int:
    """Gradients of 0 from the start give finite changes and a finite state."""
    count = 0
    for dtype in ("float32", "float64"):
        for label, component, specs, inputs in _examples(subject, dtype):
            weight, grads = inputs["weight"], np.zeros_like(inputs["grads"])
            level = Bowl(np.zeros_like(weight))
            with np.errstate(invalid="raise", divide="raise"):
                taken = list(walk(component, specs, weight, grads, bowl=level))
            for change, state, _ in taken:
                for array in (change, *leaves(state)):
                    must(
                        np.isfinite(array).all(), f"{label}: a gradient of 0 gives {array.flat[0]} ({dtype})"
                    )
                    count += 1
    return count


def scope(subject: Subject) -> int:
    """The update of a number depends only on its scope: on itself, on its array, or on its trial."""
    return sum(SCOPES[scope_of(example.component)](example) for example in _examples(subject))


def _by_number(example: Example) -> int:
    """All weights as one flat buffer get the same changes as one array at a time."""
    component, specs, count = example.component, [WEIGHT], 0
    inputs = _case(specs, "").inputs(np.random.default_rng(11), 3, "float32")
    weight, grads = inputs["weight"], inputs["grads"]
    flat = walk(component, [FLAT_WEIGHT], weight.reshape(3, 1, -1), grads.reshape(3, STEPS, 1, -1))
    for taken, expected in zip(flat, walk(component, specs, weight, grads), strict=True):
        message = f"{example.label}: a change in a flat buffer and in a matrix (or declare a wider scope)"
        must_equal_bits(taken.change.reshape(expected.change.shape), expected.change, message)
        count += 1
    return count


def _by_array(example: Example) -> int:
    """An array gets the same changes with any other arrays beside it."""
    inputs = _case(NETWORK, "").inputs(np.random.default_rng(12), 3, "float32")
    together = list(walk(example.component, NETWORK, inputs["weight"], inputs["grads"]))
    count, start = 0, 0
    for spec in NETWORK:
        mine = slice(start, start + spec.shape[0] * spec.shape[1])
        start = mine.stop
        if example.component.route(spec):
            continue  # alone, it would have nothing to update itself
        weight = inputs["weight"][..., mine].reshape(3, *spec.shape)
        grads = inputs["grads"][..., mine].reshape(3, STEPS, *spec.shape)
        for taken, all_ in zip(walk(example.component, [spec], weight, grads), together, strict=True):
            message = f"{example.label}: a change of {spec.name} alone and beside others"
            must_equal_bits(taken.change.reshape(3, 1, -1), all_.change[..., mine].copy(), message)
            count += 1
    return count


def _by_trial(example: Example) -> int:
    """A trial gets the same changes with any other trials beside it."""
    other = {key: value[[1, 2, 0]] for key, value in example.inputs.items()}
    for key, value in other.items():
        value[1] = example.inputs[key][1]
    count = 0
    for taken, expected in zip(example.seen(other), example.seen(example.inputs), strict=True):
        message = f"{example.label}: a change of a trial beside other trials"
        must_equal_bits(taken.change[1], expected.change[1], message)
        count += 1
    return count


SCOPES = {"number": _by_number, "array": _by_array, "arrays": _by_trial, "trial": _by_trial}


def asking(subject: Subject) -> int:
    """It asks for gradients at weights of the right shape, and has scope "trial"."""
    count = 0
    for label, component, specs, inputs in _examples(subject):
        wide = component.scope
        must(wide == "trial", f'{label}: one that asks must have scope "trial", it has "{wide}"')
        bowl = Bowl.like(inputs["weight"])
        count += len(list(walk(component, specs, inputs["weight"], inputs["grads"], bowl=bowl)))
        must(bowl.asked, f"{label}: step never calls evaluate; derive it from anncore.Optimizer")
        if isinstance(component, CurvatureOptimizer):
            count += _needs(label, component.needs, bowl.questions)
    return count


def _needs(label: str, needs: str, questions: set[str]) -> int:
    """Fail unless an optimizer asks, beyond gradients, for what it says and for nothing else."""
    known = ("", *ASKED)
    must(needs in known, f"{label}: needs must be one of {', '.join(map(repr, known))}, got {needs!r}")
    more = sorted(questions - {needs})
    must(not more, f'{label}: step asks for {", ".join(more)}, but needs is "{needs}"')
    must(not needs or needs in questions, f'{label}: needs is "{needs}", but step never asks for it')
    return 1


def evaluated(subject: Subject) -> int:
    """The weights to evaluate at have shape and dtype of the weights, and begin at the start."""
    count = 0
    for dtype in ("float32", "float64"):
        for label, component, specs, inputs in _examples(subject, dtype):
            weight = inputs["weight"]
            driver = component if is_plain(type(component)) else fit(component, specs)
            start = driver.evaluated(weight, driver.init(weight))
            must_equal_bits(start, weight, f"{label}: evaluated before the first step and the start")
            for taken in walk(component, specs, weight, inputs["grads"]):
                evaluated_at = np.asarray(taken.at)
                same = (evaluated_at.shape, evaluated_at.dtype) == (weight.shape, weight.dtype)
                must(same, f"{label}: evaluated is not a {weight.dtype} array shaped as the weights")
                must(np.isfinite(evaluated_at).all(), f"{label}: evaluated is not finite")
                count += 1
    return count


SHAPES = ((4, 3), (1, 3), (4, 1), (1, 1))
PLACES: tuple[Literal["input", "hidden", "output", ""], ...] = ("input", "hidden", "output", "")


def route(subject: Subject) -> int:
    """route sends every array, of any role and place, to an optimizer that it has."""
    own_fields, count = ["", *fields(subject.cls)], 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 1), "float64")
        for like in NETWORK:
            for spec in (like._replace(shape=shape, place=place) for shape in SHAPES for place in PLACES):
                field = component.route(spec)
                where = f'role "{spec.role}" and place "{spec.place}"'
                must(
                    field in own_fields,
                    f"{variant.label}: route sends {where} to {field!r}, not a field of it",
                )
                count += 1
    return count
