"""Write a report: report.json first, then its views and figures, each by temp file and `os.replace`."""

from __future__ import annotations

import dataclasses
import json
import os
import traceback
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from anncore.contract.file_names import readable
from anncore.contract.kinds import FigureInput
from anncore.contract.registry import Registered
from anncore.engine.decision_maps import DecisionMap
from anncore.evidence.study import Study
from anncore.evidence.units import said_of
from anncore.report.build import build_report, plain
from anncore.report.components import components_of, objectives_of
from anncore.report.drawing import PHONE, Drawing, drawing_style, to_png, to_svg
from anncore.report.html import render_html
from anncore.report.markdown import render_markdown
from anncore.report.printable import printable
from anncore.report.refresh import UNDRAWN
from anncore.report.theme import Theme
from anncore.running.files import replace_file

SECTIONS = ("leaderboard", "differences", "data-sets", "speed", "sensitivity", "diagnostics")


def write_report(
    results: Any, folder: Path, *, meta: Mapping[str, Any] | None = None, figures: bool = True
) -> dict[str, Any]:
    """Write report.html, report.md, report.json and figures/ into `folder`; return report.json's content.

    meta: what the caller knows of the run (command, versions, machine), shown under provenance. figures:
    whether to draw, which takes most of the time; a report without figures says so. The same results and
    meta give the same bytes. A figure that cannot be drawn is named among the warnings and stops nothing.
    """
    folder = Path(folder)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    content = build_report(results, meta or {})
    drawn = Drawn()
    if figures:
        _draw_into(drawn, results, content)
    else:
        text = "The figures were left out, as asked for; 'annx report' of this folder draws them."
        content["answer"]["warnings"].append({"kind": UNDRAWN, "text": text})
    _write_figures(folder / "figures", drawn)
    report = plain(content)
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    replace_file(folder / "report.json", readable(text).encode())
    replace_file(folder / "report.md", readable(render_markdown(report)).encode())
    page = render_html(report, drawn.pictures, drawn.pixels, drawn.phones)
    replace_file(folder / "report.html", readable(page).encode())
    return report


@dataclasses.dataclass
class Drawn:
    """The figures of a report by name: as SVG, as PNG, and as SVG laid out for a phone."""

    pictures: dict[str, str] = dataclasses.field(default_factory=dict)
    pixels: dict[str, bytes] = dataclasses.field(default_factory=dict)
    phones: dict[str, str] = dataclasses.field(default_factory=dict)


def _draw_into(drawn: Drawn, results: Any, content: dict[str, Any]) -> None:
    """Draw every figure, for a page and for a phone; add its entry, or its warning, to the content."""
    data = figure_input(results, content)
    for figure, drawing in draw_figures(results, content, data):
        if isinstance(drawing, str):
            content["answer"]["warnings"].append(
                {"kind": "figure", "text": f"Figure {figure.name} could not be drawn: {drawing}"}
            )
            continue
        with drawing_style():
            drawn.pictures[drawing.name] = to_svg(drawing.figure)
            drawn.pixels[drawing.name] = to_png(drawing.figure)
        content["figures"].append(_entry(figure, drawing, content["unit"]))
    for _, drawing in draw_figures(results, content, dataclasses.replace(data, width=PHONE)):
        # In place of one that needs a wider sheet the page shows the wide one in a box that scrolls.
        if not isinstance(drawing, str) and drawing.figure.get_figwidth() <= PHONE + 0.01:
            with drawing_style():
                drawn.phones[drawing.name] = to_svg(drawing.figure)
    for entry in content["figures"]:
        name = entry["name"]
        entry["phone"] = f"figures/{name}.phone.svg" if name in drawn.phones else None


def _entry(figure: Registered, drawing: Drawing, unit: str) -> dict[str, Any]:
    """Return what report.json says of a figure."""
    section = figure.cls.section
    return {
        "name": drawing.name,
        "question": said_of(figure.cls.question, unit),
        "section": section if section in SECTIONS else "diagnostics",
        "title": drawing.title,
        "subtitle": drawing.subtitle,
        "alt": drawing.alt,
        "png": f"figures/{drawing.name}.png",
        "svg": f"figures/{drawing.name}.svg",
    }


def _write_figures(folder: Path, drawn: Drawn) -> None:
    """Write all files of the figures, and remove those of an earlier report that this one no longer has."""
    files = {f"{name}.svg": svg.encode() for name, svg in drawn.pictures.items()}
    files |= {f"{name}.png": png for name, png in drawn.pixels.items()}
    files |= {f"{name}.phone.svg": svg.encode() for name, svg in drawn.phones.items()}
    for name, content in files.items():
        replace_file(folder / name, content)
    for file in folder.iterdir():
        if file.suffix in (".svg", ".png") and file.name not in files:
            file.unlink()


def draw_figures(
    results: Any, content: Mapping[str, Any], data: FigureInput | None = None, only: Collection[str] = ()
) -> Iterator[tuple[Registered, Drawing | str]]:
    """Yield (component, drawing) of every figure plugin that has something to show.

    data: what they draw, `figure_input` of the same results by default. only: the names of the plugins to
    ask, all where there are none. In place of a drawing comes the reason, where a plugin failed.
    """
    data = figure_input(results, content) if data is None else data
    figures = results.experiment.registry.of_kind("figure")
    for component in sorted(figures, key=lambda c: (c.cls.order, c.full_name)):
        drawing = draw_figure(component, data) if not only or component.name in only else None
        if drawing is not None:
            yield component, drawing


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


def draw_figure(component: Registered, data: FigureInput) -> Drawing | str | None:
    """Return a figure's drawing, None where it has nothing to show, or the reason why it failed."""
    try:
        with drawing_style():
            drawing: Drawing | None = component.cls().draw(data)
    except Exception as error:
        if os.environ.get("ANNX_STRICT_PLUGINS") == "1":
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        return f"{type(error).__name__}: {error} ({where})"
    return drawing


def _named(learned: DecisionMap) -> DecisionMap:
    """Return a map whose names, which come from a data file, may be drawn."""
    x, y = map(printable, learned.features)
    return dataclasses.replace(learned, features=(x, y), classes=tuple(map(printable, learned.classes)))
