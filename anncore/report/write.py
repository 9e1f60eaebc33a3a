"""Write a report: report.json first, then its views and figures, each by temp file and `os.replace`."""

from __future__ import annotations

import dataclasses
import json
import os
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from anncore.contract.errors import RAISED_BY_PLUGINS, StoreError, described
from anncore.contract.file_names import readable
from anncore.contract.kinds import FigureInput
from anncore.contract.kinds.sections import PLACES
from anncore.contract.registry import Registered
from anncore.engine.decision_maps import DecisionMap, PackedMaps
from anncore.evidence.study import Study
from anncore.evidence.units import said_of
from anncore.report.build import build_report
from anncore.report.components import components_of, objectives_of
from anncore.report.drawing import PHONE, Drawing, drawing_style, to_svg
from anncore.report.drawing.saving import prepare_to_draw, to_both
from anncore.report.html import page_of
from anncore.report.json_values import json_text, plain
from anncore.report.markdown import markdown_of
from anncore.report.printable import printable
from anncore.report.redrawing import DRAWN, Drawn, keys_of, last_drawings, record_of
from anncore.report.refresh import UNDRAWN
from anncore.report.sections import add_sections
from anncore.report.shares import old_objects_left_alone, shared
from anncore.report.theme import Theme
from anncore.report.view import view_of
from anncore.running.files import make_folder, not_written, replace_files
from anncore.running.sweep import cores

Done = TypeVar("Done")
MOST_ON_PHONE = 300  # arms times data sets
DRAWN_PARTS = ("answer", "figures", "not_drawn")  # of a report's content: what drawing adds to
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
    with old_objects_left_alone():
        report = plain(content)
    yield report
    # What figures are handed is not what is written: none can change an answer or a table.
    report = {**report, **plain({name: report[name] for name in DRAWN_PARTS})}
    drawn = _Sheets()
    if figures:
        drawn = _draw_into(report, results, figure_input(results, content), folder / "figures")
    else:
        way = (
            "the same command without --no-figures"
            if "judged" in (meta or {})
            else "'annx report' of this folder"
        )
        text = f"The figures were left out, as asked for; {way} draws them."
        report["answer"]["warnings"].append({"kind": UNDRAWN, "text": text})
    _refuse_to_lose(folder, report)
    files = {f"figures/{name}": data for name, data in drawn.files.items()}
    with old_objects_left_alone():
        view = view_of(report)
    views: dict[str, Callable[[], str]] = {
        "report.html": lambda: page_of(view, drawn.pictures, drawn.pixels, drawn.phones),
        "report.md": lambda: markdown_of(view),
        "report.json": lambda: json_text(report),
    }
    with old_objects_left_alone():
        texts = shared(lambda piece: list(views.values())[piece](), len(views), cores())
    files |= {name: readable(text).encode() for name, text in zip(views, texts, strict=True)}
    replace_files({folder / name: data for name, data in files.items()})
    _remove_old_figures(folder / "figures", {Path(name).name for name in files})
    yield report


def with_sections(results: Any, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report's content with the sections that plugins write."""
    with old_objects_left_alone():
        content = build_report(results, meta, processes=cores())
    registry = results.experiment.registry
    if registry.of_kind("section"):
        add_sections(content, registry, figure_input(results, content))
    return content


@dataclasses.dataclass
class _Sheets:
    """The figures of a report by name: as SVG, as PNG, and as SVG laid out for a phone; and their files."""

    pictures: dict[str, str] = dataclasses.field(default_factory=dict)
    pixels: dict[str, bytes] = dataclasses.field(default_factory=dict)
    phones: dict[str, str] = dataclasses.field(default_factory=dict)
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)


def _draw_into(report: dict[str, Any], results: Any, data: FigureInput, folder: Path) -> _Sheets:
    """Draw every figure, for a page and for a phone; add its entry, or its warning, to the report.

    data: what the figures are handed. folder: of the last report's figures. Those that would be the same
    again are taken from there.
    """
    figures = figures_to_draw(results)
    keys = keys_of(figures, data, results.experiment.registry)
    known = last_drawings(folder, keys)
    left = [figure for figure in figures if figure.full_name not in known]
    unit = report["unit"]
    if left:
        prepare_to_draw()  # once, and not in each process
    with old_objects_left_alone():
        new = shared(lambda piece: _drawn(left[piece], data, unit), len(left), min(cores(), len(left)))
    known |= {figure.full_name: drawn for figure, drawn in zip(left, new, strict=True)}
    ordered = _each_name_once([(figure, known[figure.full_name]) for figure in figures])
    listed = {entry["name"] for entry in report["not_drawn"]}
    for figure, drawn in ordered:
        if drawn.reason and figure.name not in listed:
            report["not_drawn"].append(_not_drawn(figure, drawn.reason, unit))
            listed.add(figure.name)
    faults = [drawn.fault for _, drawn in ordered] + [drawn.phone_fault for _, drawn in ordered]
    report["answer"]["warnings"] += ({"kind": "figure", "text": text} for text in faults if text)
    sheets = _Sheets()
    for _, drawn in ordered:
        if drawn.entry is not None:
            phone = f"figures/{drawn.name}.phone.svg" if drawn.phone else None
            report["figures"].append({**drawn.entry, "phone": phone})
            sheets.pictures[drawn.name], sheets.pixels[drawn.name] = drawn.picture, drawn.pixels
            sheets.phones |= {drawn.name: drawn.phone} if drawn.phone else {}
            sheets.files |= drawn.files()
    sheets.files[DRAWN] = record_of(known, keys)
    return sheets


def _each_name_once(drawn: list[tuple[Registered, Drawn]]) -> list[tuple[Registered, Drawn]]:
    """Return the figures; in place of one that is called as an earlier one, by which files lie, a fault."""
    owners: dict[str, str] = {}
    kept = []
    for figure, one in drawn:
        owner = owners.setdefault(one.name, figure.full_name) if one.name else figure.full_name
        if owner != figure.full_name:
            one = Drawn(fault=f"Figure {figure.full_name} is left out: {owner} is called {figure.name}, too.")
        kept.append((figure, one))
    return kept


def _drawn(figure: Registered, data: FigureInput, unit: str) -> Drawn:
    """Draw a figure for the page, and for a phone where there is something to show that fits on its screen.

    In place of one of very many arms and data sets the page shows the wide one there, in a box that scrolls.
    """
    drawing = draw_figure(figure, data)
    if isinstance(drawing, NotDrawn):
        if drawing.failed:
            return Drawn(fault=f"Figure {figure.name} could not be drawn: {drawing.reason}")
        return Drawn(reason=drawing.reason)
    # Much of what a plugin asks for is looked at when it is rendered, such as the formulas in texts.
    sheets = _or_why_not(lambda: to_both(drawing.figure))
    if isinstance(sheets, NotDrawn):
        return Drawn(fault=f"Figure {figure.name} could not be drawn: {sheets.reason}")
    drawn = Drawn(drawing.name, _entry(figure, drawing, unit), *sheets)
    if len(data.report["arms"]) * len(data.report["problems"]) > MOST_ON_PHONE:
        return drawn
    phone: str | NotDrawn = _for_phone(figure, data)
    if isinstance(phone, str):
        drawn.phone = phone
    elif phone.failed:
        drawn.phone_fault = f"Figure {figure.name} could not be drawn for a phone: {phone.reason}"
    return drawn


def _for_phone(figure: Registered, data: FigureInput) -> str | NotDrawn:
    """Draw a figure for a phone; "" where it needs a wider sheet, which then scrolls in a box."""
    drawing = draw_figure(figure, dataclasses.replace(data, width=PHONE))
    if isinstance(drawing, NotDrawn):
        return drawing
    fits = drawing.figure.get_figwidth() <= PHONE + 0.01
    return _or_why_not(lambda: to_svg(drawing.figure)) if fits else ""


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
            content["not_drawn"].append(_not_drawn(component, drawing.reason, content["unit"]))


def _not_drawn(figure: Registered, reason: str, unit: str) -> dict[str, Any]:
    """Return what report.json says of a figure that has nothing to show."""
    return {"name": figure.name, "question": said_of(figure.cls.question, unit), "reason": reason}


def figures_of(
    results: Any, content: Mapping[str, Any], data: FigureInput | None = None, only: Collection[str] = ()
) -> Iterator[tuple[Registered, Drawing | NotDrawn]]:
    """Yield every figure plugin, in the report's order, with its drawing or why there is none."""
    data = figure_input(results, content) if data is None else data
    for figure in figures_to_draw(results, only):
        yield figure, draw_figure(figure, data)


def figures_to_draw(results: Any, only: Collection[str] = ()) -> list[Registered]:
    """Return the figure plugins in the report's order: those of these names, all where there are none."""
    figures = results.experiment.registry.of_kind("figure")
    asked = [figure for figure in figures if not only or figure.name in only]
    return sorted(asked, key=lambda c: (c.cls.order, c.full_name))


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
        maps=_all_named(results.maps),
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

    drawing = _or_why_not(lambda: _checked(component.cls().draw(data), component.name))
    return NotDrawn(drawing or NOTHING_TO_SHOW) if drawing is None or isinstance(drawing, str) else drawing


def _checked(drawing: Any, name: str) -> Drawing | str | None:
    """Return what a figure drew; raises TypeError or ValueError where the report cannot hold it."""
    if drawing is None or isinstance(drawing, str):
        return drawing
    if not isinstance(drawing, Drawing):
        raise TypeError(f"draw must return a Drawing, a text or None, got {type(drawing).__name__}")
    if drawing.name != name:  # by which its files are called
        raise ValueError(f"the drawing must be called {name!r}, got {drawing.name!r}")
    if not all(isinstance(text, str) for text in (drawing.title, drawing.alt, drawing.subtitle)):
        raise TypeError("title, alt and subtitle of a Drawing must be texts")
    return drawing


def _or_why_not(draw: Callable[[], Done]) -> Done | NotDrawn:
    """Return what a plugin's code draws in the report's style, or why it failed."""
    try:
        with drawing_style():
            return draw()
    except RAISED_BY_PLUGINS as error:
        if os.environ.get("ANNX_STRICT_PLUGINS") == "1":
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        return NotDrawn(f"{described(error)} ({where})", failed=True)


def _all_named(maps: Mapping[str, DecisionMap]) -> Mapping[str, DecisionMap]:
    """Return maps whose names may be drawn; those that are still packed stay so."""
    if isinstance(maps, PackedMaps):
        return maps.changed(_named)
    return {key: _named(learned) for key, learned in maps.items()}


def _named(learned: DecisionMap) -> DecisionMap:
    """Return a map whose names, which come from a data file, may be drawn."""
    x, y = map(printable, learned.features)
    return dataclasses.replace(learned, features=(x, y), classes=tuple(map(printable, learned.classes)))


def _remove_old_figures(folder: Path, wanted: set[str]) -> None:
    """Remove figures of an earlier report that this one no longer has."""
    for file in folder.iterdir():
        ours = file.suffix in (".svg", ".png") or file.name == DRAWN
        if ours and file.name not in wanted and file.is_file():
            try:
                file.unlink()
            except OSError as error:
                raise not_written(file, error) from error
