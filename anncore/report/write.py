"""Write a report: report.json first, then its views and figures, each by temp file and `os.replace`."""

from __future__ import annotations

import dataclasses
import json
import os
import traceback
from collections.abc import Collection, Iterator, Mapping
from functools import reduce
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from anncore.contract.errors import RAISED_BY_PLUGINS, StoreError, described
from anncore.contract.file_names import readable
from anncore.contract.kinds import FigureInput
from anncore.contract.kinds.sections import PLACES
from anncore.contract.registry import Registered
from anncore.engine.decision_maps import DecisionMap
from anncore.evidence.study import Study
from anncore.evidence.units import said_of
from anncore.report.build import build_report
from anncore.report.components import components_of, objectives_of
from anncore.report.drawing import PHONE, Drawing, drawing_style, to_png, to_svg
from anncore.report.html import render_html
from anncore.report.json_values import plain
from anncore.report.markdown import render_markdown
from anncore.report.printable import printable
from anncore.report.refresh import UNDRAWN
from anncore.report.sections import add_sections
from anncore.report.shares import is_own, shared
from anncore.report.theme import Theme
from anncore.running.files import make_folder, not_written, replace_files
from anncore.running.sweep import cores

WIDE = "as wide as the page"  # sorts before the other layout, which is for a phone
NOTHING_TO_SHOW = "It has nothing to show of these results."


def write_report(
    results: Any, folder: Path, *, meta: Mapping[str, Any] | None = None, figures: bool = True
) -> dict[str, Any]:
    """Write report.html, report.md, report.json and figures/ into `folder`; return report.json's content.

    meta: what the caller knows of the run (command, versions, machine), shown under provenance. figures:
    whether to draw, which takes most of the time; a report without figures says so. The same results and
    meta give the same bytes. A figure or section whose plugin fails is named among the warnings and stops
    nothing; a figure that has nothing to show is listed with the reason. All is drawn first and written then,
    so that an error leaves the last report as it was. Raises StoreError where a file cannot be written.
    """
    *_, report = writing_report(results, folder, meta=meta, figures=figures)
    return report


def writing_report(
    results: Any, folder: Path, *, meta: Mapping[str, Any] | None = None, figures: bool = True
) -> Iterator[dict[str, Any]]:
    """Write a report as `write_report` does; yield its content before anything is drawn, and at the end.

    The answer need not wait for its figures.
    """
    folder = Path(folder)
    make_folder(folder / "figures")
    content = with_sections(results, meta or {})
    yield plain(content)
    drawn = Drawn()
    if figures:
        drawn = _draw_into(content, results)
    else:
        way = (
            "the same command without --no-figures"
            if "judged" in (meta or {})
            else "'annx report' of this folder"
        )
        text = f"The figures were left out, as asked for; {way} draws them."
        content["answer"]["warnings"].append({"kind": UNDRAWN, "text": text})
    report = plain(content)
    _refuse_to_lose(folder, report)
    files = {f"figures/{name}": data for name, data in drawn.files().items()}
    views = {
        "report.json": json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False),
        "report.md": render_markdown(report),
        "report.html": render_html(report, drawn.pictures, drawn.pixels, drawn.phones),
    }
    files |= {name: readable(text).encode() for name, text in views.items()}
    replace_files({folder / name: data for name, data in files.items()})
    _remove_old_figures(folder / "figures", {Path(name).name for name in files})
    yield report


def with_sections(results: Any, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report's content with the sections that plugins write."""
    content = build_report(results, meta)
    registry = results.experiment.registry
    if registry.of_kind("section"):
        add_sections(content, registry, figure_input(results, content))
    return content


@dataclasses.dataclass
class Drawn:
    """The figures of a report by name: as SVG, as PNG, and as SVG laid out for a phone.

    entries, undrawn: with the number of a figure what report.json says of it, and why it has nothing to show.
    faults: by layout and number what is said of a figure that failed.
    """

    pictures: dict[str, str] = dataclasses.field(default_factory=dict)
    pixels: dict[str, bytes] = dataclasses.field(default_factory=dict)
    phones: dict[str, str] = dataclasses.field(default_factory=dict)
    entries: dict[int, dict[str, Any]] = dataclasses.field(default_factory=dict)
    undrawn: list[tuple[int, dict[str, Any]]] = dataclasses.field(default_factory=list)
    faults: dict[tuple[str, int], str] = dataclasses.field(default_factory=dict)

    def files(self) -> dict[str, bytes]:
        """Return the content of each file by its name."""
        files = {f"{name}.svg": svg.encode() for name, svg in self.pictures.items()}
        files |= {f"{name}.png": png for name, png in self.pixels.items()}
        return files | {f"{name}.phone.svg": svg.encode() for name, svg in self.phones.items()}

    def joined(self, other: Drawn) -> Drawn:
        """Return these figures and those that another process has drawn."""
        return Drawn(
            self.pictures | other.pictures,
            self.pixels | other.pixels,
            self.phones | other.phones,
            self.entries | other.entries,
            self.undrawn + other.undrawn,
            self.faults | other.faults,
        )


def _draw_into(content: dict[str, Any], results: Any) -> Drawn:
    """Draw every figure, for a page and for a phone; add its entry, or its warning, to the content."""
    data = figure_input(results, content)
    number = {figure.full_name: n for n, figure in enumerate(_figures(results))}
    said = len(content["not_drawn"])
    parts = shared(lambda: _drawn(content, results, data, number), min(cores(), len(number)))
    drawn = reduce(Drawn.joined, parts)
    content["not_drawn"][said:] = (entry for _, entry in sorted(drawn.undrawn, key=itemgetter(0)))
    for _, text in sorted(drawn.faults.items()):
        content["answer"]["warnings"].append({"kind": "figure", "text": text})
    for _, entry in sorted(drawn.entries.items()):
        name = entry["name"]
        phone = f"figures/{name}.phone.svg" if name in drawn.phones else None
        content["figures"].append({**entry, "phone": phone})
    order = [entry["name"] for entry in content["figures"]]
    drawn.pictures = {name: drawn.pictures[name] for name in order}
    return drawn


def _drawn(content: dict[str, Any], results: Any, data: FigureInput, number: Mapping[str, int]) -> Drawn:
    """Draw this process's share of the figures."""
    drawn = Drawn()
    listed = len(content["not_drawn"])
    for figure, drawing in draw_figures(results, content, data):
        place = number[figure.full_name]
        if isinstance(drawing, str):
            drawn.faults[WIDE, place] = f"Figure {figure.name} could not be drawn: {drawing}"
            continue
        with drawing_style():
            drawn.pictures[drawing.name] = to_svg(drawing.figure)
            drawn.pixels[drawing.name] = to_png(drawing.figure)
        drawn.entries[place] = _entry(figure, drawing, content["unit"])
    for figure, drawing in draw_figures(results, content, dataclasses.replace(data, width=PHONE)):
        place = number[figure.full_name]
        if isinstance(drawing, str):
            if (WIDE, place) not in drawn.faults:
                text = f"Figure {figure.name} could not be drawn for a phone: {drawing}"
                drawn.faults["for a phone", place] = text
        elif drawing.figure.get_figwidth() <= PHONE + 0.01:
            # In place of one that needs a wider sheet the page shows the wide one in a box that scrolls.
            with drawing_style():
                drawn.phones[drawing.name] = to_svg(drawing.figure)
    names = {figure.name: number[figure.full_name] for figure in reversed(_figures(results))}
    drawn.undrawn = [(names[entry["name"]], entry) for entry in content["not_drawn"][listed:]]
    del content["not_drawn"][listed:]
    return drawn


def _entry(figure: Registered, drawing: Drawing, unit: str) -> dict[str, Any]:
    """Return what report.json says of a figure."""
    section = figure.cls.section
    return {
        "name": drawing.name,
        "question": said_of(figure.cls.question, unit),
        "section": section if section in PLACES else "diagnostics",
        "title": drawing.title,
        "subtitle": drawing.subtitle,
        "alt": drawing.alt,
        "png": f"figures/{drawing.name}.png",
        "svg": f"figures/{drawing.name}.svg",
    }


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


def draw_figures(
    results: Any, content: Mapping[str, Any], data: FigureInput | None = None, only: Collection[str] = ()
) -> Iterator[tuple[Registered, Drawing | str]]:
    """Yield (component, drawing) of every figure plugin that has something to show.

    data: what they draw, `figure_input` of the same results by default. only: the names of the plugins to
    ask, all where there are none. In place of a drawing comes the reason, where a plugin failed. Figures that
    have nothing to show are listed under `not_drawn` of the content.
    """
    listed = {entry["name"] for entry in content["not_drawn"]}
    for component, drawing in figures_of(results, content, data, only):
        if isinstance(drawing, Drawing):
            yield component, drawing
        elif drawing.failed:
            yield component, drawing.reason
        elif component.name not in listed:
            question = said_of(component.cls.question, content["unit"])
            entry = {"name": component.name, "question": question, "reason": drawing.reason}
            content["not_drawn"].append(entry)


def figures_of(
    results: Any, content: Mapping[str, Any], data: FigureInput | None = None, only: Collection[str] = ()
) -> Iterator[tuple[Registered, Drawing | NotDrawn]]:
    """Yield every figure plugin, in the report's order, with its drawing or why there is none."""
    data = figure_input(results, content) if data is None else data
    asked = [figure for figure in _figures(results) if not only or figure.name in only]
    for place, figure in enumerate(asked):
        if is_own(place):
            yield figure, draw_figure(figure, data)


def _figures(results: Any) -> list[Registered]:
    figures = results.experiment.registry.of_kind("figure")
    return sorted(figures, key=lambda c: (c.cls.order, c.full_name))


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
        snapshots={
            key: dataclasses.replace(snapshot, features=tuple(map(printable, snapshot.features)))
            for key, snapshot in results.snapshots.items()
        },
        moments={
            key: {step: _named(learned) for step, learned in by_step.items()}
            for key, by_step in results.moments.items()
        },
        objectives=objectives_of(study),
    )


def draw_figure(component: Registered, data: FigureInput) -> Drawing | NotDrawn:
    """Return a figure's drawing, or why there is none."""
    try:
        with drawing_style():
            drawing: Drawing | str | None = component.cls().draw(data)
    except RAISED_BY_PLUGINS as error:
        if os.environ.get("ANNX_STRICT_PLUGINS") == "1":
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        return NotDrawn(f"{described(error)} ({where})", failed=True)
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
