"""The checks of a schedule."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from anncore.contract.kinds import Array, Schedule, overrides
from anncore.testing import stacks
from anncore.testing.descent import leaves
from anncore.testing.kit import Case, Kit, Named, Subject, must, must_equal_bits

LENGTHS = (1, 2, 7, 60)
WATCHED = (1, 2, 7, 60)  # with an evaluation every third step
EVERY = 3


class ScheduleKit(Kit):
    """Factors: finite, not negative, a float or one per trial; and the state of one that watches."""

    stacked = True
    fed = False  # except for one that watches, which gets losses

    def cases(self, subject: Subject) -> list[Case]:
        """Ask for every factor of short and long runs."""
        if _watches(subject):
            return [_watching(steps) for steps in WATCHED]
        return [_case(steps) for steps in LENGTHS]

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        checks: list[Named] = [("factors", factors)]
        if _watches(subject):
            checks += [("state", state), ("isolated", partial(stacks.isolated, kit=self))]
        return checks


def _watches(subject: Subject) -> bool:
    return overrides(subject.cls, Schedule.init) or overrides(subject.cls, Schedule.observe)


def _case(steps: int) -> Case:
    def inputs(rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
        return {"one": np.ones((trials, 1, 1), dtype=dtype)}  # not used by a schedule; it gives T and dtype

    def run(component: Any, inputs: dict[str, Array]) -> dict[str, Array]:
        one = np.ones_like(inputs["one"])
        factors = [one * component.factor(t, steps, component.init(one)) for t in range(1, steps + 1)]
        return {"factors": np.concatenate(factors, axis=2)}

    return Case(f"{steps} steps", inputs, run)


def _scores(rng: np.random.Generator, trials: int, steps: int, dtype: str) -> Array:
    """Draw noisy losses (T, 1, evaluations): some trials keep falling, some stand still."""
    count = steps // EVERY + 1
    falling = rng.uniform(0, 0.2, (trials, 1, 1)) * np.arange(count) * rng.integers(2, size=(trials, 1, 1))
    return (np.exp(-falling) + 0.01 * rng.random((trials, 1, count))).astype(dtype)


def _watch(component: Any, scores: Array, steps: int, first: int = 1, memory: Any = None) -> Iterator[Any]:
    """Yield (factor, state) of each step from `first` on; all arguments are read-only."""
    memory = component.init(np.ones_like(scores[:, :, :1])) if memory is None else memory
    for t in range(first - 1, steps + 1):
        for leaf in leaves(memory):
            leaf.setflags(write=False)
        if t >= first:
            yield component.factor(t, steps, memory), memory
        if t % EVERY == 0 and (t >= first or first == 1):
            score = scores[:, :, t // EVERY, None]
            score.setflags(write=False)
            memory = component.observe(memory, score, t)


def _watching(steps: int) -> Case:
    def inputs(rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
        return {"scores": _scores(rng, trials, steps, dtype)}

    def run(component: Any, inputs: dict[str, Array]) -> dict[str, Array]:
        one = np.ones_like(inputs["scores"][:, :, :1])
        paced = [(one * factor, memory) for factor, memory in _watch(component, inputs["scores"], steps)]
        final_state = {f"state.{i}": leaf for i, leaf in enumerate(leaves(paced[-1][1]))}
        return {"factors": np.concatenate([factor for factor, _ in paced], axis=2), **final_state}

    return Case(f"{steps} steps", inputs, run)


def _factors(subject: Subject, component: Any, steps: int) -> list[Array]:
    if not _watches(subject):
        return [np.asarray(component.factor(t, steps, ())) for t in range(1, steps + 1)]
    scores = _scores(np.random.default_rng(18), 3, steps, "float64")
    return [np.asarray(factor) for factor, _ in _watch(component, scores, steps)]


def factors(subject: Subject) -> int:
    """Every factor is finite and not negative; the largest is above 0."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 3), "float64")
        for steps in WATCHED if _watches(subject) else LENGTHS:
            all_factors = _factors(subject, component, steps)
            for t, factor in enumerate(all_factors, start=1):
                must(factor.shape in ((), (3, 1, 1)), f"{variant.label}: a factor has shape {factor.shape}")
                good = np.isfinite(factor).all() and (factor >= 0).all()
                must(good, f"{variant.label}: the factor of update {t} of {steps} is {factor.ravel()}")
                count += 1
            must(max(float(f.max()) for f in all_factors) > 0, f"{variant.label}: the factor is 0 throughout")
    return count


def state(subject: Subject) -> int:
    """Its state has arrays with the trials first, keeps their shapes, and survives pickling bit for bit."""
    count, steps = 0, WATCHED[-1]
    for variant in subject.variants():
        label, rows = variant.label, subject.rows(variant, 3)
        scores = _scores(np.random.default_rng(19), 3, steps, "float32")
        first = subject.stack(rows, "float32").init(np.ones((3, 1, 1), "float32"))
        must(
            isinstance(first, tuple), f"{label}: the state must be a NamedTuple of arrays, got {type(first)}"
        )
        shapes = [leaf.shape for leaf in leaves(first)]
        must(all(shape[:1] == (3,) for shape in shapes), f"{label}: a state's first axis must be the trials")
        whole = list(_watch(subject.stack(rows, "float32"), scores, steps))
        for _, memory in whole:
            after = [leaf.shape for leaf in leaves(memory)]
            must(after == shapes, f"{label}: observe changes the state's shapes from {shapes} to {after}")
            count += 1
        half = steps // 2
        memory = pickle.loads(pickle.dumps(whole[half][1]))
        rest = _watch(subject.stack(rows, "float32"), scores, steps, half + 1, memory)
        for (factor, _), (expected, _) in zip(rest, whole[half:], strict=True):
            where = f"{label}: a factor after the state was saved and read"
            must_equal_bits(np.asarray(factor), np.asarray(expected), where)
            count += 1
    return count
