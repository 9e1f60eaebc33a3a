"""Reports whose figures are drawn, with all their words, but saved as one small picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

from anncore.report.drawing import drawing_style, new_sheet, to_png, to_svg
from anncore.report.theme import Theme


@contextmanager
def unsaved_figures() -> Iterator[None]:
    """Save no figure as it is: to write SVG and PNG takes half of the time, and no text tells."""
    svg, png = _small()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("anncore.report.write.to_svg", lambda figure: svg)
        monkeypatch.setattr("anncore.report.write.to_both", lambda figure: (svg, png))
        yield


@cache
def _small() -> tuple[Any, Any]:
    with drawing_style():
        sheet = new_sheet(2.0, 1.0, "A picture", "", Theme())
        return to_svg(sheet), to_png(sheet)
