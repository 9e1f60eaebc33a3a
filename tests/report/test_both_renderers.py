"""A figure that is laid out once looks as matplotlib's own renderers draw it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from matplotlib.path import Path
from PIL import Image

from anncore.report.drawing import drawing_style, log_axis, new_sheet, place, renderers, to_png, to_svg
from anncore.report.drawing.saving import to_both
from anncore.report.theme import Theme


def lines(ax: Any) -> None:
    log_axis(ax.yaxis, 1e-3, 10.0)
    ax.plot([0, 1, 2, 3], [0.01, 1, 0.1, 100], linestyle=(0, (6, 1.5)), alpha=0.8)  # past the axes' edge
    ax.plot([0.5, 1.5], [0.1, 0.1], "s", markersize=5, clip_on=False)
    ax.set(xlabel="optimizer steps", ylabel="loss (log)")


def many_marks(ax: Any) -> None:
    ax.scatter(np.linspace(0, 1, 20), np.linspace(0, 1, 20) ** 2, s=5, alpha=0.45, linewidths=0)
    ax.add_collection(LineCollection([[(0, 0), (1, 1)], [(0, 1), (1, 0)]], colors=["#aa0000", "#0000aa"]))


def areas(ax: Any) -> None:
    ax.fill_between([0, 1, 2], [0, 1, 0], [1, 2, 1], alpha=0.15, linewidth=0)
    box = Rectangle((0.5, 0.5), 1.0, 1.0, facecolor="#fbe9e7", edgecolor="#8b1a1a", linewidth=0)
    box.set_hatch("////")
    ax.add_patch(box)
    ax.text(1.0, 1.0, "3/10\nlost", ha="center", rotation=90, bbox={"facecolor": "#fbe9e7", "pad": 1})


def cells(ax: Any) -> None:
    ax.pcolormesh(np.arange(6).reshape(2, 3), linewidths=1.5, edgecolors="#ffffff")


def a_picture(ax: Any) -> None:
    ax.imshow(np.eye(5), interpolation="none", aspect="auto")


def two_pictures(ax: Any) -> None:
    """One lies above another, is seen through, and reaches beyond the axes."""
    ax.imshow(np.arange(12).reshape(3, 4), interpolation="none", aspect="auto", extent=(0, 4, 0, 3))
    upper = np.zeros((5, 7, 4), np.uint8)
    upper[:2, :3] = (200, 0, 0, 120)
    ax.imshow(upper, interpolation="none", aspect="auto", origin="lower", extent=(1, 5, 1, 2))
    ax.set(xlim=(0, 4), ylim=(3, 0))


def a_smooth_picture(ax: Any) -> None:
    ax.imshow(np.eye(5), interpolation="bilinear", aspect="auto")


def a_pale_picture(ax: Any) -> None:
    ax.imshow(np.arange(12).reshape(3, 4), interpolation="none", aspect="auto", alpha=0.4)


def a_pale_picture_in_a_circle(ax: Any) -> None:
    image = ax.imshow(np.arange(12).reshape(3, 4), interpolation="none", aspect="auto", alpha=0.4)
    image.set_clip_path(Path.circle((0.5, 0.5), 0.4), ax.transAxes)


def a_picture_pale_in_places(ax: Any) -> None:
    alpha = np.linspace(0, 1, 12).reshape(3, 4)
    ax.imshow(np.zeros((3, 4)), interpolation="none", aspect="auto", alpha=alpha)


def a_picture_of_the_sheet(ax: Any) -> None:
    ax.figure.figimage(np.arange(1200).reshape(30, 40), 20, 10)


def smooth_cells(ax: Any) -> None:
    ax.pcolormesh(np.arange(12.0).reshape(3, 4), shading="gouraud")


def lines_in_a_circle(ax: Any) -> None:
    (line,) = ax.plot([0, 1], [0, 1], linewidth=8)
    line.set_clip_path(Path.circle((0.5, 0.5), 0.3), ax.transAxes)


def formulas(ax: Any) -> None:
    ax.text(0.1, 0.5, r"$\beta_1 = \frac{1}{2}$ and x", alpha=0.7)
    ax.text(0.5, 0.1, "down", rotation=-60, color="#aa0000")


def sheet(draw: Callable[[Any], None]) -> Any:
    figure = new_sheet(4.0, 2.4, "A title of the figure", "how to read it, with fi and Å", Theme())
    draw(place(figure, 0.6, 0.5, 3.0, 1.6))
    return figure


def of_matplotlib(figure: Any) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def elements(svg: str) -> list[tuple[str, dict[str, str]]]:
    """Return what is drawn, element by element, numbers cut to a hundredth, without mere groups."""

    def cut(text: str) -> str:
        return re.sub(r"(\d\.\d\d)\d+", r"\1", " ".join(text.split()))

    drawn = []
    for one in ElementTree.fromstring(svg).iter():
        if one.tag.partition("}")[2] in ("path", "use", "image", "rect", "clipPath", "pattern"):
            drawn.append((one.tag, {name: cut(value) for name, value in one.attrib.items()}))
    return drawn


KINDS = [
    *(lines, many_marks, areas, cells, smooth_cells, lines_in_a_circle, formulas),
    *(a_picture, two_pictures, a_smooth_picture, a_picture_of_the_sheet),
    *(a_pale_picture, a_pale_picture_in_a_circle, a_picture_pale_in_places),
]


@pytest.mark.parametrize("draw", KINDS, ids=lambda draw: draw.__name__)
def test_both_are_as_drawn_one_by_one(draw: Callable[[Any], None]) -> None:
    with drawing_style():
        svg, png = to_both(sheet(draw))
        assert svg == to_svg(sheet(draw))
        assert elements(svg) == elements(of_matplotlib(sheet(draw)))
        with rc_context({"text.hinting": "none"}):  # letters as wide as their outlines
            own = np.asarray(Image.open(io.BytesIO(to_png(sheet(draw)))).convert("RGB"), float)
    both = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), float)
    assert both.shape == own.shape
    # Letters may lie a part of a pixel beside: the same ink is in every square of an eighth of an inch.
    side = 19
    height, width = (length // side * side for length in own.shape[:2])
    squares = [
        one[:height, :width].reshape(height // side, side, width // side, side, 3).mean(axis=(1, 3))
        for one in (both, own)
    ]
    assert np.ptp(squares[1]) > 30
    assert np.abs(squares[0] - squares[1]).max() < 20  # a box about a text may be a pixel wider


def test_the_figure_is_left_as_it_was() -> None:
    with drawing_style():
        figure = sheet(lines)
        before = figure.dpi
        first = to_both(figure)
        assert figure.dpi == before
        assert to_both(figure) == first


def test_texts_that_end_at_one_place_end_there_in_the_pixels_too() -> None:
    def last_ink(text: str) -> int:
        figure = new_sheet(3.0, 0.5, "", "", Theme())
        figure.text(0.9, 0.4, text, ha="right", size=6.5, weight="bold")
        pixels = np.asarray(Image.open(io.BytesIO(to_both(figure)[1])).convert("L"))
        return int(np.flatnonzero((pixels < 128).any(axis=0)).max())

    with drawing_style():
        ends = [last_ink(text) for text in ("sgd ×1/7", "momentum ×1/7", "mmmmmmmmmmmm ×1/7")]
    assert max(ends) - min(ends) <= 1
    assert abs(max(ends) - 0.9 * 3.0 * 150) <= 3


def test_few_texts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = renderers.LETTERS
    known = letters._sizes, letters._lines, letters._outlines
    with drawing_style():
        whole = to_both(sheet(lines))
        monkeypatch.setattr(renderers, "MOST_TEXTS", 3)
        for texts in known:
            texts.clear()
        assert to_both(sheet(lines)) == whole
    assert all(0 < len(texts) <= 3 for texts in known)
