"""Write a report: report.json first, then its views and figures, each by temp file and `os.replace`."""

from __future__ import annotations

import dataclasses
import json
import os
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from anncore.contract.errors import StoreError
from anncore.contract.file_names import readable
from anncore.contract.kinds import FigureInput
from anncore.contract.registry import Registered
from anncore.engine.decision_maps import DecisionMap
from anncore.evidence.study import Study
from anncore.evidence.units import said_of
from anncore.report.build import build_report, plain
from anncore.report.components import components_of, objectives_of
from anncore.report.drawing import Drawing, drawing_style, to_png, to_svg
from anncore.report.html import render_html
from anncore.report.markdown import render_markdown
from anncore.report.printable import printable
from anncore.report.refresh import UNDRAWN
from anncore.report.theme import Theme
from anncore.running.files import make_folder, not_written, replace_files

SECTIONS = ("leaderboard", "differences", "data-sets", "speed", "sensitivity", "diagnostics")
NOTHING_TO_SHOW = "It has nothing to show of these results."


def write_report(
    results: Any, folder: Path, *, meta: Mapping[str, Any] | None = None, figures: bool = True
) -> dict[str, Any]:
    """Write report.html, report.md, report.json and figures/ into `folder`; return report.json's content.

    meta: what the caller knows of the run (command, versions, machine), shown under provenance. figures:
    whether to draw, which takes most of the time; a report without figures says so. The same results and
    meta give the same bytes. A figure whose plugin fails is named among the warnings and stops nothing; one
    that has nothing to show is listed with the reason. All is drawn first and written then, so that an error
    leaves the last report as it was. Raises StoreError where a file cannot be written.
    """
    folder = Path(folder)
    make_folder(folder / "figures")
    content = build_report(results, meta or {})
    pictures: dict[str, str] = {}
    pixels: dict[str, bytes] = {}
    if figures:
        _draw_into(results, content, pictures, pixels)
    else:
        text = "The figures were left out, as asked for; 'annx report' of this folder draws them."
        content["answer"]["warnings"].append({"kind": UNDRAWN, "text": text})
    report = plain(content)
    _refuse_to_lose(folder, report)
    files = {f"figures/{name}.svg": svg.encode() for name, svg in pictures.items()}
    files |= {f"figures/{name}.png": png for name, png in pixels.items()}
    views = {
        "report.json": json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False),
        "report.md": render_markdown(report),
        "report.html": render_html(report, pictures, pixels),
    }
    files |= {name: readable(text).encode() for name, text in views.items()}
    replace_files({folder / name: data for name, data in files.items()})
    _remove_old_figures(folder / "figures", {Path(name).name for name in files})
    return report


def _draw_into(
    results: Any, content: dict[str, Any], pictures: dict[str, str], pixels: dict[str, bytes]
) -> None:
    """Draw every figure; add its entry, or why there is none, to the content."""
    for figure, drawing in draw_figures(results, content):
        if isinstance(drawing, str):
            text = f"Figure {figure.name} could not be drawn: {drawing}"
            content["answer"]["warnings"].append({"kind": "figure", "text": text})
            continue
        with drawing_style():
            svg, png = to_svg(drawing.figure), to_png(drawing.figure)
        pictures[drawing.name], pixels[drawing.name] = svg, png
        section = figure.cls.section
        content["figures"].append(
            {
                "name": drawing.name,
                "question": said_of(figure.cls.question, content["unit"]),
                "section": section if section in SECTIONS else "diagnostics",
                "title": drawing.title,
                "subtitle": drawing.subtitle,
                "alt": drawing.alt,
                "png": f"figures/{drawing.name}.png",
                "svg": f"figures/{drawing.name}.svg",
            }
        )


def _refuse_to_lose(folder: Path, report: Mapping[str, Any]) -> None:
    """Raise StoreError where the last report, of the same results, has figures that cannot be drawn now."""
    lost = [warning["text"] for warning in report["answer"]["warnings"] if warning["kind"] == "figure"]
    if not lost:
        return
    try:
        last = json.loads((folder / "report.json").read_bytes())
        same = last["leaderboard"] == json.loads(json.dumps(report["leaderboard"]))
        missing = {figure["name"] for figure in last["figures"]} - {f["name"] for f in report["figures"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return
    if same and missing:
        raise StoreError(
            f"{folder / 'report.html'} stays as it was, as it has figures of the same results that cannot be "
            f"drawn now: {' '.join(lost)} Mend this, or remove report.json to write the report without them."
        )


class NotDrawn(NamedTuple):
    """Why there is no drawing of a figure: it has nothing to show, or its plugin failed."""

    reason: str
    failed: bool = False


def draw_figures(results: Any, content: Mapping[str, Any]) -> Iterator[tuple[Registered, Drawing | str]]:
    """Yield (component, drawing) of every figure plugin that has something to show.

    In place of a drawing comes the reason, where a plugin failed. Figures that have nothing to show are
    listed under `not_drawn` of the content.
    """
    listed = {entry["name"] for entry in content["not_drawn"]}
    for component, drawing in figures_of(results, content):
        if isinstance(drawing, Drawing):
            yield component, drawing
        elif drawing.failed:
            yield component, drawing.reason
        elif component.name not in listed:
            question = said_of(component.cls.question, content["unit"])
            entry = {"name": component.name, "question": question, "reason": drawing.reason}
            content["not_drawn"].append(entry)


def figures_of(results: Any, content: Mapping[str, Any]) -> Iterator[tuple[Registered, Drawing | NotDrawn]]:
    """Yield every figure plugin, in the report's order, with its drawing or why there is none."""
    data = figure_input(results, content)
    figures = results.experiment.registry.of_kind("figure")
    for component in sorted(figures, key=lambda c: (c.cls.order, c.full_name)):
        yield component, draw_figure(component, data)


def figure_input(results: Any, content: Mapping[str, Any]) -> FigureInput:
    """Return what every figure of a report is handed."""
    study = Study(results)
    theme = Theme.of(content["arms"], [row["arm"] for row in content["leaderboard"]["overall"]])
    trials = study.all_trials.assign(label=study.all_trials["arm"])
    trials.loc[study.trials.index, "label"] = study.trials["label"]
    return FigureInput(
        trials,
        study.curves,
        content,
        theme,
        study.options,
        components=components_of(study),
        maps={key: _named(learned) for key, learned in results.maps.items()},
        objectives=objectives_of(study),
    )


def draw_figure(component: Registered, data: FigureInput) -> Drawing | NotDrawn:
    """Return a figure's drawing, or why there is none."""
    try:
        with drawing_style():
            drawing: Drawing | str | None = component.cls().draw(data)
    except Exception as error:
        if os.environ.get("ANNX_STRICT_PLUGINS") == "1":
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        return NotDrawn(f"{type(error).__name__}: {error} ({where})", failed=True)
    return NotDrawn(drawing or NOTHING_TO_SHOW) if drawing is None or isinstance(drawing, str) else drawing


def _named(learned: DecisionMap) -> DecisionMap:
    """Return a map whose names, which come from a data file, may be drawn."""
    x, y = map(printable, learned.features)
    return dataclasses.replace(learned, features=(x, y), classes=tuple(map(printable, learned.classes)))


def _remove_old_figures(folder: Path, wanted: set[str]) -> None:
    """Remove figures of an earlier report that this one no longer has."""
    for file in folder.iterdir():
        if file.suffix in (".svg", ".png") and file.name not in wanted and file.is_file():
            try:
                file.unlink()
            except OSError as error:
                raise not_written(file, error) from error
