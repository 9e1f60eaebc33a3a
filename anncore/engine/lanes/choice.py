"""Which trials lanes can compute, and which are faster there: decided by a trial's description alone."""

from __future__ import annotations

from typing import Any

from anncore.contract.errors import ComponentError
from anncore.contract.kinds import Initializer, overrides
from anncore.contract.registry import Registry
from anncore.contract.trial import BLAS, LANES, Trial
from anncore.engine.build import build_stack, structure
from anncore.engine.fusing.emit import available
from anncore.engine.lanes.facts import signature
from anncore.engine.lanes.made import codes_of, with_inner
from anncore.engine.problem import ON_DATA, problem_of

MOST_WEIGHTS = 12_000
"""More weights are left to BLAS: they and their gradients, times 16, leave the second-level cache."""
LONGEST = 3 << 20
"""The characters of a kernel that take about half a second to compile."""


def why_not_lanes(trial: Trial, registry: Registry) -> str:
    """Return why lanes cannot compute a trial, for a sentence that goes on with it; "" if they can."""
    return _looked_at(trial, registry)[0]


def engine_of(trial: Trial, registry: Registry) -> str:
    """Return the engine of a trial that asks for "auto": lanes where they can compute it and are faster.

    A trial has the same engine everywhere, but where llvmlite is missing all have "blas".
    """
    if not available():
        return BLAS
    why, weights, length = _looked_at(trial, registry)
    return LANES if not why and weights <= MOST_WEIGHTS and length <= LONGEST else BLAS


def _looked_at(trial: Trial, registry: Registry) -> tuple[str, int, int]:
    """Return why lanes cannot compute a trial, the number of its weights, and the length of its kernel."""
    if problem_of(trial) is not ON_DATA:
        return "an objective has no layers", 0, 0
    # What hyperparameters change within one structure may matter, too: dropout of 0 draws nothing.
    texts = (part.text for kind, part in trial.parts.items() if kind not in ("optimizer", "initializer"))
    moving = [trial.parts[kind] for kind in ("optimizer", "initializer")]
    own = tuple((structure(part, registry), codes_of(part)) for part in moving)
    train = trial.train
    key = "lanes", *texts, own, facts(trial, registry), trial.split.text, str(train.batch_size), train.dtype
    memo: dict[Any, Any] = registry.memo
    if key not in memo:
        memo[key] = _look(trial, registry)
    if memo[key][3]:  # a formula looks at values, or at the number of the step: others may be refused
        key = (*key, *(part.text for part in moving), str((train.steps, train.epochs)))
        if key not in memo:
            memo[key] = _look(trial, registry)
    why, weights, length, _ = memo[key]
    return why, weights, length


def facts(trial: Trial, registry: Registry) -> tuple[str, ...]:
    """Return what the optimizer of one trial computed from its hyperparameters; see `signature`."""
    optimizer = trial.parts["optimizer"]
    key: Any = ("lanes", "facts", optimizer.text)
    memo: dict[Any, Any] = registry.memo
    if key not in memo:
        components = with_inner(build_stack([optimizer], registry, "float64"))
        try:
            memo[key] = signature(list(components))
        except ComponentError as error:
            memo[key] = (str(error),)
    known: tuple[str, ...] = memo[key]
    return known


def _look(trial: Trial, registry: Registry) -> tuple[str, int, int, bool]:
    from anncore.engine.lanes.stack import LaneEvaluator, LaneStack

    initializer = registry.get("initializer", trial.parts["initializer"].name)
    if overrides(initializer.cls, Initializer.adjust):
        return (
            f"initializer {initializer.name} looks at layers before the training, which NumPy computes",
            0,
            0,
            False,
        )
    try:
        # Two of it, so that what would take trials apart, or together, shows.
        stack = LaneStack([trial] * 2, registry, ON_DATA.load([trial] * 2, registry))
        length = stack.write()
        LaneEvaluator(stack).write()
    except ComponentError as error:
        return str(error).rstrip("."), 0, 0, True
    return "", stack.layout.size, length, stack.looks or stack.counts
