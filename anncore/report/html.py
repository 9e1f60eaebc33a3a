"""The report as one HTML file: no remote asset, complete without JavaScript, a strict content policy."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from typing import Any

from anncore.report.page_parts import Table
from anncore.report.pictures import data_uris, narrow_uris
from anncore.report.view import Section, View, part_of, view_of

MOST_BYTES = 4_800_000
MOST_ROWS = 240  # of a table: nobody looks through more in a browser
MANY, MOST_OF_MANY = 10_000, 2_950_000  # trials from which on a page has fewer bytes


def asset(name: str) -> str:
    """Return a file of the folder templates/."""
    return (resources.files("anncore.report") / "templates" / name).read_text(encoding="utf-8")


def source_hash(text: str) -> str:
    """Return what admits a style or script in a content policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def kept_together(text: str) -> str:
    """Return a sentence in which no line ends between a number and its per cent, or inside of "p = .01"."""
    text = re.sub(r"(?<=\d) (?=%)", "\N{NO-BREAK SPACE}", text)
    return re.sub(r"\bp ([=<]) ", "p\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", text)


def render_html(
    content: Mapping[str, Any],
    pictures: Mapping[str, str],
    pixels: Mapping[str, bytes] | None = None,
    phones: Mapping[str, str] | None = None,
) -> str:
    """Return the page of a report; see `page_of`."""
    return page_of(view_of(content), pictures, pixels, phones)


def page_of(
    view: View,
    pictures: Mapping[str, str],
    pixels: Mapping[str, bytes] | None = None,
    phones: Mapping[str, str] | None = None,
) -> str:
    """Return the page of a report's view.

    pictures: each figure's SVG by name; pixels: its PNG; phones: its narrow SVG.

    Every text is escaped by the template engine, and a name the template misspells is an error. Style and
    script are admitted by their hash, images as data alone, everything else by nothing. Where the page would
    grow beyond MOST_BYTES, of MANY trials beyond MOST_OF_MANY, its largest drawings are embedded as pixels,
    and those for a phone are left out: there the wide ones scroll, each in its box. Of a folded table
    it has the first MOST_ROWS rows at most, and says so.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style, script = asset("report.css"), asset("sort.js")
    environment.filters["kept"] = kept_together
    policy = (
        f"default-src 'none'; img-src data:; style-src '{source_hash(style)}'; "
        f"script-src '{source_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    content, parts = view.content, list(map(_cut, view.sections))
    most = MOST_OF_MANY if content["counts"]["trials"] >= MANY else MOST_BYTES
    room = most - _text_size(parts)
    images = data_uris(pictures, pixels or {}, room)
    narrow = narrow_uris(phones or {}, room - sum(len(uri) for image in images.values() for uri in image))
    return environment.from_string(asset("report.html.j2")).render(
        content=content,
        part=part_of(content),
        first=view.first,
        cautions=_cautions(len(content["answer"]["warnings"])),
        sections=parts,
        images=images,
        sizes={name: _size(svg) for name, svg in pictures.items()},
        left_out={figure["name"]: left_out(figure["subtitle"]) for figure in content["figures"]},
        narrow=narrow,
        narrow_sizes={name: _size(phones[name]) for name in narrow} if phones else {},
        policy=policy,
        # Only our own two files are taken as they are.
        style=Markup(style),
        script=Markup(script),
    )


def _cut(section: Section) -> Section:
    """Return a section whose tables have as many rows as a page shows."""
    tables = [_first_rows(one) if one.folded else one for one in section.tables]
    return replace(section, tables=tables, parts=list(map(_cut, section.parts)))


def _first_rows(whole: Table) -> Table:
    if len(whole.rows) <= MOST_ROWS:
        return whole
    caption = f"{whole.caption} The first {MOST_ROWS} of {len(whole.rows):,} rows; report.md's table has all."
    return replace(whole, caption=caption, rows=whole.rows[:MOST_ROWS])


def left_out(subtitle: str) -> str:
    """Return what a figure's subtitle says of what it does not draw; a reader may not see the drawing."""
    sentences = re.split(r"(?<=\.)\s+", subtitle)
    return " ".join(one for one in sentences if re.search(r"report\.md|trials\.csv|Not drawn:", one))


def _cautions(count: int) -> str:
    return "caution" if count == 1 else f"{count} cautions"


def _text_size(parts: Sequence[Section]) -> int:
    """Return about how many bytes the sections take without their pictures: markup is below 40 a cell."""
    size = 0
    for section in parts:
        size += len(section.code) + sum(map(len, section.paragraphs)) + 500 * len(section.figures)
        for one in section.tables:
            size += sum(40 + len(cell.text) for row in one.rows for cell in row)
        size += _text_size(section.parts)
    return size


def _size(svg: str) -> tuple[int, int]:
    """Return a drawing's width and height in CSS pixels, so that the page does not jump."""
    head = svg[: svg.find(">", svg.find("<svg"))]
    width, height = (
        float(head.split(f'{side}="', 1)[1].split('pt"', 1)[0]) * 96 / 72 for side in ("width", "height")
    )
    return round(width), round(height)
