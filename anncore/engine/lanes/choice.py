"""Which trials lanes can compute, and which are faster there: decided by a trial's description alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from anncore.contract.errors import ComponentError
from anncore.contract.kinds import Initializer, overrides
from anncore.contract.registry import Registry
from anncore.contract.trial import BLAS, LANES, Trial
from anncore.engine.build import structure
from anncore.engine.fusing.emit import available
from anncore.engine.lanes.facts import facts
from anncore.engine.lanes.made import codes_of
from anncore.engine.problem import ON_DATA, problem_of

if TYPE_CHECKING:
    from anncore.engine.lanes.stack import LaneStack

MOST_WEIGHTS = 25_000
"""More weights are left to BLAS: where half of the lanes stay empty it is then faster on most processors."""
LONGEST = 1 << 20
"""The characters of a kernel that take about half a second to compile."""


def why_not_lanes(trial: Trial, registry: Registry) -> str:
    """Return why lanes cannot compute a trial, for a sentence that goes on with it; "" if they can."""
    return _looked_at(trial, registry).why_not


def engine_of(trial: Trial, registry: Registry) -> str:
    """Return the engine of a trial that asks for "auto": lanes where they can compute it and are faster.

    A trial has the same engine everywhere, but where llvmlite is missing all have "blas".
    """
    if not available():
        return BLAS
    look = _looked_at(trial, registry)
    fits = look.weights <= MOST_WEIGHTS and look.length <= LONGEST
    return LANES if fits and not look.why_not else BLAS


class _Look(NamedTuple):
    """What was found of a trial's passes, or of its updates."""

    why_not: str
    weights: int = 0
    length: int = 0  # of the longest kernel
    depends_on: frozenset[str] = frozenset()  # of updates, what else may have another answer; see `_MORE`


def _looked_at(trial: Trial, registry: Registry) -> _Look:
    """Return why lanes cannot compute a trial, the number of its weights, and the length of its kernels."""
    if problem_of(trial) is not ON_DATA:
        return _Look("an objective has no layers")
    initializer = registry.get("initializer", trial.parts["initializer"].name)
    if overrides(initializer.cls, Initializer.adjust):
        return _Look(
            f"initializer {initializer.name} looks at layers before the training, which NumPy computes"
        )
    memo: dict[Any, Any] = registry.memo
    passes, updates = _passes_key(trial), _updates_key(trial, registry)
    if updates in memo:
        updates = (*updates, *(_MORE[what](trial) for what in sorted(memo[updates].depends_on)))
    whole = passes, updates
    if whole not in memo and not {*whole} <= memo.keys():
        from anncore.engine.lanes.stack import LaneStack  # only who asks for lanes needs it

        try:
            # Two of it, so that what would take trials apart, or together, shows.
            stack = LaneStack([trial] * 2, registry, ON_DATA.load([trial] * 2, registry))
        except ComponentError as error:
            memo[whole] = _Look(str(error).rstrip("."))
        else:
            for key, look in ((passes, _look_at_passes), (updates, _look_at_updates)):
                if key not in memo:
                    memo[key] = look(stack)
    if whole in memo:
        return cast(_Look, memo[whole])
    one, other = memo[passes], memo[updates]
    return _Look(one.why_not or other.why_not, one.weights, max(one.length, other.length))


def _passes_key(trial: Trial) -> tuple[Any, ...]:
    """Return what determines the kernels of passes and losses.

    These are whole texts: what hyperparameters change within one structure may matter, as dropout of 0 draws
    nothing.
    """
    others = ("optimizer", "schedule", "initializer")
    texts = (part.text for kind, part in trial.parts.items() if kind not in others)
    train = trial.train
    sizes = trial.split.text, str(train.batch_size), train.eval_train  # also those of losses
    return ("lanes", "passes", *texts, *sizes, train.dtype)


def _updates_key(trial: Trial, registry: Registry) -> tuple[Any, ...]:
    """Return what determines the kernel of updates, but for the values that a formula looks at."""
    optimizer, schedule = trial.parts["optimizer"], trial.parts["schedule"]
    own = structure(optimizer, registry), codes_of(optimizer), facts(trial, registry), schedule.text
    return ("lanes", "updates", *own, trial.train.dtype, str(trial.train.batch_size))


def _examples_key(trial: Trial) -> tuple[str, str]:
    """Return what determines the number of examples, and so of the steps of an epoch."""
    return trial.parts["dataset"].text, trial.split.text


_MORE: dict[str, Callable[[Trial], Any]] = {
    "values": lambda trial: trial.parts["optimizer"].text,
    "network": _passes_key,
    "steps": lambda trial: trial.train.steps or (trial.train.epochs, *_examples_key(trial)),
}
"""What updates may depend on beside their structure, and what is equal where it is equal."""


def _look_at_passes(stack: LaneStack) -> _Look:
    from anncore.engine.lanes.evaluator import LaneEvaluator

    try:
        length = stack.write_passes()
        LaneEvaluator(stack).write()
    except ComponentError as error:
        return _Look(str(error).rstrip("."))
    return _Look("", stack.layout.size, length)


def _look_at_updates(stack: LaneStack) -> _Look:
    try:
        length, depends_on = stack.write_updates()
    except ComponentError as error:
        return _Look(str(error).rstrip("."), depends_on=frozenset(_MORE))
    return _Look("", 0, length, depends_on)
