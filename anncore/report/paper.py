r"""A report's figures for a paper: vector files without headings, and their words as captions.

    figure-NAME.svg   text is text, to be edited and searched
    figure-NAME.pdf   the same for LaTeX, with TrueType fonts, as conferences ask for
    figure-NAME.txt   the caption: what the figure shows, and how to read it
    figure-NAME.tex   the same as `\caption{...}` with a label, for `\input`

One column is 89 mm wide and two are 183 mm, as the columns of IEEE's and Nature's journals are within a
millimetre or two. Text is 8 pt, but for small numbers at marks and in cells.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from anncore.contract.shown import shortened
from anncore.evidence.results import Results
from anncore.report.drawing import Drawing, drawing_style, to_svg
from anncore.report.drawing.our_matplotlib import our_matplotlib
from anncore.report.drawing.sheet import without_heading
from anncore.report.latex import escape
from anncore.report.view import part_of
from anncore.report.write import draw_figures, figure_input, with_sections

INCH = 25.4  # millimetres
WIDTHS = {1: 89 / INCH, 2: 183 / INCH}
SIZE = 8.0  # points
NEAR = (7.0, 9.0)  # sizes that become SIZE
FALLBACK = "'DejaVu Sans', Verdana, sans-serif"  # Verdana's letters are as wide


class Paper(NamedTuple):
    """The files by name, and what could not be drawn as asked, a sentence each."""

    files: dict[str, bytes]
    said: list[str]


def paper_figures(results: Results, columns: int = 1, only: Collection[str] = ()) -> Paper:
    """Return a run's figures as files for a paper, `columns` (1 or 2) wide.

    only: the names of the figure plugins to draw, all where there are none.
    A figure that needs more room than that is left out, which `said` names.
    """
    width = WIDTHS[columns]
    content = with_sections(results, {})
    data = dataclasses.replace(figure_input(results, content), width=width)
    files: dict[str, bytes] = {}
    said: list[str] = []
    with without_heading():
        for component, drawing in draw_figures(results, content, data, only):
            if isinstance(drawing, str):
                said.append(f"Figure {component.name} could not be drawn: {shortened(drawing, 200)}")
            elif drawing.figure.get_figwidth() > width + 0.01:
                way = "--columns 2 has room for it" if columns == 1 else "the report's own SVG has it"
                said.append(f"Figure {drawing.name} does not fit into {round(width * INCH)} mm; {way}.")
            else:
                files.update(_files(drawing, width, content))
    return Paper(files, said)


def _files(drawing: Drawing, width: float, content: Mapping[str, Any]) -> dict[str, bytes]:
    """Return one figure's files."""
    _prepare(drawing.figure, width)
    text = caption(drawing, content)
    name = f"figure-{drawing.name}"
    with drawing_style():
        parameters: Any = our_matplotlib().rcParams
        parameters.update({"svg.fonttype": "none", "pdf.fonttype": 42})
        svg = to_svg(drawing.figure).replace("'DejaVu Sans'", FALLBACK)
        buffer = io.BytesIO()
        nothing = dict.fromkeys(("CreationDate", "Creator", "Producer"))  # the same bytes on every day
        drawing.figure.savefig(buffer, format="pdf", metadata=nothing)
    label = f"fig:{drawing.name.replace('_', '-')}"
    tex = (
        f"% \\includegraphics[width=\\{'columnwidth' if width == WIDTHS[1] else 'textwidth'}]{{{name}.pdf}}\n"
        f"% Needs \\usepackage[T1]{{fontenc}}.\n\\caption{{{escape(text)}}}\n\\label{{{label}}}\n"
    )
    return {
        f"{name}.svg": svg.encode(),
        f"{name}.pdf": buffer.getvalue(),
        f"{name}.txt": f"{text}\n".encode(),
        f"{name}.tex": tex.encode(),
    }


def _prepare(figure: Any, width: float) -> None:
    """Make a figure as wide as its column, and its text of one size."""
    from matplotlib.text import Text

    figure.set_figwidth(width)  # a narrower sheet than asked for is stretched by its axes alone
    for text in figure.findobj(Text):
        if NEAR[0] <= text.get_fontsize() <= NEAR[1]:
            text.set_fontsize(SIZE)


def caption(drawing: Drawing, content: Mapping[str, Any]) -> str:
    """Return what a figure shows and how to read it, as one text."""
    title = drawing.title.rstrip(".")
    return f"{title}. {drawing.subtitle}{part_of(content)}".strip()
