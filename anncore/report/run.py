"""A run folder in Python: its results, and what one does with them: the answer, figures, the report."""

from __future__ import annotations

import dataclasses
import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from anncore.contract.counts import agreeing, counted
from anncore.contract.errors import ComponentError, ReportError, nearest, tells_users
from anncore.contract.kinds import FigureInput
from anncore.contract.shown import html_table
from anncore.evidence.results import Results
from anncore.report.build import build_report
from anncore.report.drawing import Drawing
from anncore.report.refresh import render
from anncore.report.terminal import summary
from anncore.report.tiers import arms_table
from anncore.report.write import draw_figure, draw_figures, figure_input, write_report
from anncore.running import run_folder
from anncore.running.files import replace_file
from anncore.running.looks import remember
from anncore.running.run_folder import RunFolder


@dataclass(frozen=True, repr=False)
class Run(Results):
    """The results of a run folder, as `sweep` and `load_run` return them.

    Beside the frames of `Results` (`trials`, `curves`, `selection`) it has `summary`, the answer in words;
    `figure(name)`, which a notebook shows; `report()`, which writes the report's files. At a prompt a run
    shows what it is in one line, in a notebook its answer with the table of arms. folder: where it lies.
    """

    folder: Path = Path()

    @classmethod
    def of(cls, results: Results, folder: str | os.PathLike[str]) -> Run:
        """Return results with the folder where they lie."""
        held = {field.name: getattr(results, field.name) for field in dataclasses.fields(Results)}
        return cls(**held, folder=Path(folder).absolute())  # a notebook may change its directory

    def __fspath__(self) -> str:
        return str(self.folder)  # a run stands for its folder: compare_runs(first, second)

    def _facts(self) -> dict[str, object]:
        inside = self.folder.is_relative_to(Path.cwd())
        return {**super()._facts(), "folder": self.folder.relative_to(Path.cwd()) if inside else self.folder}

    def _repr_html_(self) -> str:
        if not self.reportable:
            return super()._repr_html_()
        _, header, rows = arms_table(self.findings)
        answer = html.escape(str(self.findings["answer"]["headline"]))
        return f"{super()._repr_html_()}<p>{answer}</p>{html_table(rows, header)}"

    @property
    def reportable(self) -> bool:
        """Whether there is anything to report: a trial of the report, or a choice that came to nothing."""
        nothing_chosen = bool((self.selection["n_ok"] == 0).any())
        return nothing_chosen or bool((self.trials["phase"] == "report").any())

    @cached_property
    def findings(self) -> Mapping[str, Any]:
        """What report.json holds, without the figures: leaderboards, comparisons, cautions, provenance.

        Numbers that do not exist are NaN here. Raises ReportError where no trial of the report has run.
        """
        if not self.reportable:
            raise ReportError(
                f"{self.experiment.name}: nothing to report yet: {counted(len(self.trials), 'trials')} "
                f"{agreeing(len(self.trials), 'have')} run, none of the report; run the sweep again, which "
                "resumes."
            )
        remember(self, self.folder)
        return build_report(self, self._environment())

    @property
    @tells_users
    def summary(self) -> str:
        """The answer, the table of arms and the warnings as plain text, as `annx sweep` prints them."""
        return summary(self.findings)

    @tells_users
    def report(self, folder: str | os.PathLike[str] | None = None, *, figures: bool = True) -> Path:
        """Write report.html, report.md, report.json, the tables and figures; return report.html's path.

        folder: by default the run folder, where a report that is up to date already stays as it is. figures:
        whether to draw, which takes most of the time. Raises ReportError where there is nothing to report
        yet.
        """
        assert self.findings
        if folder is None or Path(folder).resolve() == self.folder.resolve():
            render(self, self.folder, figures=figures)
            return self.folder / "report.html"
        target = Path(folder)
        try:
            target.mkdir(parents=True, exist_ok=True)
            write_report(self, target, meta=self._environment(), figures=figures)
            RunFolder(target).write_tables(self)
            replace_file(target / "experiment.toml", self.experiment.text.encode())
        except OSError as error:
            raise ReportError(f"{target} cannot hold a report: {error.strerror or error}.") from None
        return target / "report.html"

    @cached_property
    def figures(self) -> tuple[str, ...]:
        """The names of the figures that have something to show, in the report's order."""
        drawn = draw_figures(self, self.findings)
        return tuple(drawing.name for _, drawing in drawn if isinstance(drawing, Drawing))

    @tells_users
    def figure(self, name: str) -> Drawing:
        """Draw one of the report's figures; a notebook shows it, and `save` of it writes a file.

        Raises ComponentError for a name that no figure has, and ReportError where it has nothing to show.
        """
        known = [component.name for component in self.experiment.registry.of_kind("figure")]
        if name not in known and ":" not in str(name):
            hint = nearest(str(name), known) or f" Figures are {', '.join(known)}."
            raise ComponentError(f"No figure is called {name!r}.{hint}")
        component = self.experiment.registry.get("figure", name)
        drawing = draw_figure(component, self._figure_input)
        if isinstance(drawing, Drawing):
            return drawing
        why = "cannot be drawn" if drawing.failed else "has nothing to show for these results"
        raise ReportError(f"{self.experiment.name}: figure {name!r} {why}: {drawing.reason}")

    @cached_property
    def _figure_input(self) -> FigureInput:
        return figure_input(self, self.findings)

    def _environment(self) -> dict[str, Any]:
        return RunFolder(self.folder).environment()


@tells_users
def load_run(
    folder: str | os.PathLike[str],
    *,
    curves: bool = True,
    components: Sequence[type[Any]] = (),
    plugins: Sequence[str] = (),
) -> Run:
    """Return the results of a run folder, also while its sweep is running.

    Neither data nor the original experiment file are needed. curves=False leaves the curves out, for a quick
    look. components: the classes that the sweep was handed, if any. plugins: plugin files to load. Those that
    the folder names are loaded where this user has made it, on this machine; of any other folder nothing is
    run. Raises StoreError where the folder holds no run.
    """
    read = run_folder.load_run(folder, curves=curves, components=components, plugins=plugins)
    return Run.of(read, folder)
