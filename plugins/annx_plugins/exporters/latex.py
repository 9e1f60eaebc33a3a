"""Exporter: latex."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from anncore import Exporter, ExportInput, hookimpl


@dataclass(frozen=True)
class LaTeX(Exporter):
    r"""LaTeX for booktabs: each table of the report and one of the trials in its own file.

    A paper has `\input{leaderboard.tex}`; preview.tex shows them all.
    """

    name: ClassVar[str] = "latex"

    def files(self, data: ExportInput) -> Mapping[str, bytes]:
        from anncore import latex_files  # it brings the whole report, which `annx list` need not wait for

        return latex_files(data)


@hookimpl
def annx_exporters() -> list[type[Exporter]]:
    return [LaTeX]
