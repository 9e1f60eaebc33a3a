"""Figures as SVG and PNG: the same bytes for the same drawing."""

from __future__ import annotations

import io
import re
from typing import Any

from anncore.report.drawing.sheet import DPI


def to_svg(figure: Any) -> str:
    """Return a figure as SVG without date, its numbers cut to a hundredth of a point.

    What is not visible is left out as well: indentation, comments, metadata and the names of groups make a
    seventh of the file, and a report holds every figure twice.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r' d="[^"]*"', lambda path: _shorter(path[0]), buffer.getvalue())
    text = re.sub(r"<metadata>.*?</metadata>|<!-- .*? -->", "", text, flags=re.DOTALL)
    text = re.sub(r'(translate\([^)]*\)| [xy]="[^"]*")', lambda place: _cut(place[0]), text)
    text = re.sub(r'<g id="[^"]*_\d+">', "<g>", text)
    return re.sub(r"[ \t]*\n\s*", "\n", text)


def _shorter(path: str) -> str:
    return re.sub(r"\s*\n\s*", " ", _cut(path)).replace(' "', '"')


def _cut(numbers: str) -> str:
    return re.sub(r"(\d\.\d\d)\d+", r"\1", numbers)


def to_png(figure: Any) -> bytes:
    """Return a figure as PNG, without the writing program's name."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
