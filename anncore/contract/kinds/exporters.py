"""Exporters: the formats that `annx export` writes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore.contract.kinds.base import Component
from anncore.contract.shown import Shown


@dataclass(frozen=True, repr=False)
class ExportInput(Shown):
    """The tables of a run folder.

    name: the experiment's. trials: DataFrame, a row per trial that has run, the columns of trials.csv.
    leaderboard: DataFrame, a row per arm and problem with the report's numbers; empty before any trial of the
    report has run. curves: DataFrame, long: key, step, metric, value. report: report.json's content without
    the figures. figures: the `FigureInput` that figures are drawn of; None without `whole`.
    """

    name: str
    trials: Any
    leaderboard: Any
    curves: Any
    report: Mapping[str, Any]
    figures: Any = None

    def _facts(self) -> dict[str, object]:
        return {"of": self.name, "trials": len(self.trials), "leaderboard": len(self.leaderboard)}


class Exporter(Component):
    """A format for other programs: `annx export DIR --format NAME`."""

    whole: ClassVar[bool] = True
    """Whether it needs curves, report and figures; without them they are empty, and it is done sooner."""

    @abstractmethod
    def files(self, data: ExportInput) -> Mapping[str, bytes]:
        """Return the content of each file by its name, which is a plain name without folders.

        No file for a table without rows: what an earlier export wrote is then removed.
        Raise an AnnxError where the user can mend what is missing.
        """
