"""Figures: questions that a drawing answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

from anncore.contract.kinds.base import Array, Component
from anncore.contract.shown import Shown, listed

Made = TypeVar("Made")


@dataclass(frozen=True, repr=False)
class FigureInput(Shown):
    """The data that a figure may draw; see `anncore.report` for the columns of the frames."""

    trials: Any  # DataFrame, one row per trial
    curves: Any  # DataFrame, long: key, step, metric, value
    report: Mapping[str, Any]  # report.json's content so far
    theme: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    components: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By varied kind and label, the components under comparison, with the values of most of their trials."""
    maps: Mapping[str, Any] = field(default_factory=dict)
    """By the key of a trial its `DecisionMap` of two features; a trial may have none."""
    snapshots: Mapping[str, Any] = field(default_factory=dict)
    """By the key of a trial its `Snapshot`, what its network shows of itself; a trial may have none."""
    moments: Mapping[str, Mapping[int, Any]] = field(default_factory=dict)
    """By the key of a trial and the step its maps along the way, where [report] maps_at asks for them."""
    objectives: Mapping[str, Any] = field(default_factory=dict)
    """By problem its objective, with the values of its hyperparameters; empty for data sets.

    The paths of trials on objectives of two arguments are the curves "x.1" and "x.2"."""
    width: float = 9.6
    """How wide the sheet may be in inches: `drawing.WIDE` on a page, `drawing.PHONE` (3.6) on a phone.

    A report draws every figure for both, unless arms times data sets are more than 300. A figure that is
    wider all the same is not shown on a phone in its place: there the one for the page scrolls in a box."""
    memory: dict[Any, Any] = field(default_factory=dict, compare=False)
    """What the frames of `anncore.evidence`, and `once`, have computed of these data for both drawings."""

    def once(self, name: Any, compute: Callable[[], Made]) -> Made:
        """Return what `compute` makes of these very data, made for both drawings together.

        name: what it is, such as the figure's class. What it returns is not to be changed. A copy of other
        data has its own.
        """
        made_of = [getattr(self, one.name) for one in fields(self) if one.name not in ("memory", "width")]
        known = self.memory.get((name, "once"))
        if known is None or any(mine is not its for mine, its in zip(made_of, known[0], strict=True)):
            known = self.memory[name, "once"] = (made_of, compute())
        made: Made = known[1]
        return made

    def _facts(self) -> dict[str, object]:
        arms, problems = (listed(self.report.get(name, ())) for name in ("arms", "problems"))
        return {"trials": len(self.trials), "arms": arms, "problems": problems}


class Figure(Component):
    """A question, and the drawing that answers it."""

    question: ClassVar[str]
    """The reader's question, with a question mark."""

    order: ClassVar[int]
    """Its place in the report."""

    section: ClassVar[str] = "diagnostics"
    """Its section of the report."""

    @abstractmethod
    def draw(self, data: FigureInput) -> Any:
        """Return an `anncore.report.Drawing`.

        Where the data cannot answer the question, return a sentence that says why, which the report prints,
        or None. The data may be any part of a sweep: its first trials only, or none.
        """

    def example(self) -> Mapping[str, Array]:
        """Return arrays as they are in the snapshots that it draws, for the kit's made-up sweeps.

        By default none: it draws no snapshots.
        """
        return {}
