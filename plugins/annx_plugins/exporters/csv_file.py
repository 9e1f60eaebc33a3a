"""Exporter: csv."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from anncore import Exporter, ExportInput, hookimpl, to_csv


@dataclass(frozen=True)
class CSV(Exporter):
    """Comma-separated values: trials.csv, a row per trial, and leaderboard.csv, a row per arm and data set.

    Numbers keep every digit. A text that a spreadsheet would run as a formula gets an apostrophe in front.
    """

    name: ClassVar[str] = "csv"
    whole: ClassVar[bool] = False

    def files(self, data: ExportInput) -> Mapping[str, bytes]:
        tables = {"trials.csv": data.trials, "leaderboard.csv": data.leaderboard}
        return {name: to_csv(frame) for name, frame in tables.items() if len(frame)}


@hookimpl
def annx_exporters() -> list[type[Exporter]]:
    return [CSV]
