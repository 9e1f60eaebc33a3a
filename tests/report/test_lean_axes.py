"""Axes that draw their ticks at once look as matplotlib's own do, to the pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from anncore.report.drawing import drawing_style, log_axis, place, plain_axis
from anncore.report.drawing.lean_axes import LeanAxes


def no_labels(ax: Any) -> None:
    ax.set_yticks(range(4), [""] * 4)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    ax.set(xlabel="below", ylabel="beside", ylim=(-0.5, 3.5))


def logarithms(ax: Any) -> None:
    log_axis(ax.xaxis, 0.01, 300.0)
    log_axis(ax.yaxis, 1.0, 2.0)
    ax.set(xlabel="steps (log)", ylabel="factor")


def whole_values(ax: Any) -> None:
    plain_axis(ax.xaxis, -3.0, 1e7)
    plain_axis(ax.yaxis, 5.0, -5.0)  # downwards
    ax.set_xlabel("small", size=7)


def words_of_two_lines(ax: Any) -> None:
    ax.set_xticks([0, 1, 2], ["one", "two\nlines", "a\nb"], size=6)
    ax.set(xlim=(-0.5, 2.5), xlabel="words")


def above(ax: Any) -> None:
    ax.set_xticks([0.2, 0.8], ["left", "right"])
    ax.tick_params(pad=4, length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    ax.xaxis.set_label_position("top")
    ax.set(xlabel="heads")


def ticks_on_top(ax: Any) -> None:
    ax.xaxis.tick_top()
    ax.yaxis.tick_right()
    ax.yaxis.set_label_position("right")
    ax.set(xlabel="still below", ylabel="right")


def other_colors(ax: Any) -> None:
    ax.tick_params(colors="#aa0000", labelsize=5, width=2, length=6, pad=8)


def what_is_left_to_matplotlib(ax: Any) -> None:
    ax.tick_params(axis="x", labelrotation=30)
    ax.tick_params(axis="y", direction="in")
    ax.minorticks_on()


def common_offset(ax: Any) -> None:
    ax.set(ylim=(1e9, 1e9 + 1), xlim=(0, 1e9))


def some_ticks_by_hand(ax: Any) -> None:
    ax.set_yticks(range(2), ["a", "b"])
    for text in ax.get_yticklabels():
        text.set(color="#0000aa", weight="bold")


def nothing(ax: Any) -> None:
    ax.set(xticks=[], yticks=[])


def ticks_out_of_view(ax: Any) -> None:
    ax.set_xticks([0, 1, 2, 3])
    ax.set_xlim(0.5, 2.0)
    ax.spines[:].set_visible(True)


CASES = [
    no_labels,
    logarithms,
    whole_values,
    words_of_two_lines,
    above,
    ticks_on_top,
    other_colors,
    what_is_left_to_matplotlib,
    common_offset,
    some_ticks_by_hand,
    nothing,
    ticks_out_of_view,
]


def pixels(kind: type[Axes], change: Callable[[Any], None]) -> Any:
    with drawing_style():
        figure = Figure(figsize=(3.0, 2.2), dpi=150)
        ax: Any = figure.add_axes((0.25, 0.25, 0.5, 0.5), axes_class=kind)
        ax.plot([0.3, 0.7], [0.1, 0.9])
        change(ax)
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba()).copy()


@pytest.mark.parametrize("change", CASES, ids=lambda case: case.__name__)
def test_they_look_as_matplotlibs_own(change: Callable[[Any], None]) -> None:
    lean, own = pixels(LeanAxes, change), pixels(Axes, change)
    assert len(np.unique(own)) > 1
    assert np.array_equal(lean, own)


def test_no_tick_is_made_unless_somebody_asks() -> None:
    with drawing_style():
        figure = Figure(figsize=(3.0, 2.2))
        ax = place(figure, 0.5, 0.5, 2.0, 1.5)
        ax.set_xticks([0, 1], ["none", "all"], size=7)
        ax.grid(visible=False, axis="y")
        figure.canvas.draw()
        assert ax.xaxis.majorTicks == ax.yaxis.majorTicks == []
        assert [text.get_text() for text in ax.get_xticklabels()] == ["none", "all"]
        assert [text.get_fontsize() for text in ax.get_xticklabels()] == [7, 7]
        assert len(ax.xaxis.majorTicks) == 2
