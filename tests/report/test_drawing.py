from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from anncore.report.drawing.axes import log_ticks, padded, plain_axis, tick_text, y_labels
from anncore.report.drawing.saving import paletted, to_png, to_svg
from anncore.report.drawing.sheet import drawing_style, fit_columns, new_sheet, panels, place, spread
from anncore.report.drawing.text import evenly, name_lines, shorten, text_width, two_lines, wrap
from anncore.report.theme import Theme


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.9, 11, [1, 2, 5, 10]),
        (0.05, 2, [0.1, 0.3, 1]),
        (1e-4, 1, [1e-4, 1e-3, 1e-2, 1e-1, 1]),
        (0.21, 0.49, [0.25, 0.3, 0.35, 0.4, 0.45]),
        (1e-9, 1, [1e-9, 1e-7, 1e-5, 1e-3, 1e-1]),
    ],
)
def test_log_ticks(low: float, high: float, ticks: list[float]) -> None:
    np.testing.assert_allclose(log_ticks(low, high, 5), ticks)


def test_log_ticks_of_no_width() -> None:
    assert log_ticks(0.3, 0.3) == [0.3]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.001, "0.001"), (1e-4, "10⁻⁴"), (2e5, "2·10⁵"), (0.0, "0"), (1000.0, "1000"), (1e12, "10¹²")],
)
def test_tick_text(value: float, text: str) -> None:
    assert tick_text(value) == text


def test_labels_move_apart_as_little_as_possible() -> None:
    assert spread([0.5, 0.1], 0.1, 0, 1) == [0.5, 0.1]
    np.testing.assert_allclose(spread([0.5, 0.5], 0.1, 0, 1), [0.45, 0.55])
    np.testing.assert_allclose(spread([0.0, 0.01, 0.02], 0.1, 0, 1), [0, 0.1, 0.2])
    np.testing.assert_allclose(spread([1.0, 1.0], 0.1, 0, 1), [0.9, 1.0])
    assert spread([], 0.1, 0, 1) == []
    crowded = spread([0.5] * 40, 0.1, 0, 1)
    assert min(crowded) >= 0
    assert max(crowded) <= 1 + 1e-9


def test_wrapped_lines_fit_and_lose_nothing() -> None:
    text = "adam beats sgd on " + "a_very_long_name_without_any_space" * 6
    lines = wrap(text, 3.0, 11, "bold")
    assert all(text_width(line, 11, "bold") <= 3.0 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_shortened_names_fit_and_keep_both_ends() -> None:
    short = shorten("mlp hidden=[64, 64, 64], activation=leaky_relu", 1.5, 8)
    assert text_width(short, 8) <= 1.5
    assert short.startswith("mlp")
    assert short.endswith("u")
    assert shorten("adam", 1.5, 8) == "adam"


def test_two_lines_hold_a_name_that_one_does_not() -> None:
    name = "imbalanced ratio=19 separation=0.5"
    assert two_lines(name, 5.0, 7) == name
    assert two_lines(name, 1.2, 7) == "imbalanced ratio=19\nseparation=0.5"
    cut = two_lines(name * 3, 1.2, 7).split("\n")
    assert len(cut) == 2
    assert all(text_width(line, 7) <= 1.2 for line in cut)


def test_padded_is_never_empty() -> None:
    assert padded(1, 1, log=True) == (1 / 1.5, 1.5)
    low, high = padded(0, 0, log=False)
    assert low < 0 < high


def test_pictures_repeat_byte_for_byte_and_hold_no_date() -> None:
    def draw() -> tuple[str, bytes]:
        with drawing_style():
            sheet = new_sheet(4, 1, "Title with $dollars$ & <tags>", "how to read", Theme())
            return to_svg(sheet), to_png(sheet)

    svg, png = draw()
    assert (svg, png) == draw()
    assert "date" not in svg.lower()
    assert not re.search(r"\n[ \t]|<!--|metadata", svg)
    ElementTree.fromstring(svg)
    assert "matplotlib" not in png.decode("latin-1").lower()


@pytest.mark.parametrize(
    "text", ["x" * 9 + " claim of a share of 52 % of all", "an output (logit, target 1) is wrong"]
)
@pytest.mark.parametrize("width", [0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0])
def test_no_line_begins_with_a_per_cent_sign_or_the_end_of_a_bracket(text: str, width: float) -> None:
    lines = wrap(text, width, 8)
    assert not any(line.startswith(("%", "1)")) for line in lines)
    assert " ".join(lines).replace("\N{NO-BREAK SPACE}", " ") == text


def test_a_title_leaves_no_short_word_alone_on_its_last_line() -> None:
    text = "momentum ends with the lowest validation loss on two of the six data sets there are of it"
    width = text_width(text, 11, "bold") * 0.95
    assert wrap(text, width, 11, "bold")[-1] == "of it"
    lines = evenly(text, width, 11, "bold")
    assert len(lines) == 2
    assert text_width(lines[1], 11, "bold") > 0.8 * text_width(lines[0], 11, "bold")
    assert " ".join(lines) == text
    assert evenly("short", width, 11, "bold") == ["short"]


def test_a_last_line_that_fills_a_third_stays_as_it_is() -> None:
    text = "momentum ends with the lowest validation loss on two of the six data sets there are"
    width = text_width(text, 11) * 0.7
    assert evenly(text, width, 11) == wrap(text, width, 11)


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0, 1e7, ["0", "2·10⁶", "4·10⁶", "6·10⁶", "8·10⁶", "10⁷"]),
        (0.02365, 0.0237, ["0.02365", "0.02366", "0.02367", "0.02368", "0.02369", "0.0237"]),
        (-0.3, 0.3, ["−0.3", "−0.2", "−0.1", "0", "0.1", "0.2", "0.3"]),
    ],
)
def test_every_tick_of_a_plain_axis_says_its_whole_value(low: float, high: float, texts: list[str]) -> None:
    with drawing_style():
        sheet = new_sheet(4.0, 2.0, "title", "", Theme.of(()))
        ax = place(sheet, 0.5, 0.5, 3, 1)
        plain_axis(ax.xaxis, low, high, 6)
        to_png(sheet)
    shown = [tick for tick in ax.xaxis.get_major_ticks() if low - 1e-9 <= tick.get_loc() <= high + 1e-9]
    assert [tick.label1.get_text() for tick in shown] == texts
    assert ax.xaxis.get_offset_text().get_text() == ""


def test_a_palette_keeps_frequent_colours_and_few_colours_exactly() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (100, 100, 3), dtype=np.uint8)
    noise[:50] = (0, 0x72, 0xB2)
    drawn = np.asarray(paletted(noise).convert("RGB"))
    assert (drawn[:50] == (0, 0x72, 0xB2)).all()
    assert np.abs(drawn[50:].astype(int) - noise[50:]).max() < 64  # 160 colours for 5000
    few = noise[:, :2] // 128 * 255
    np.testing.assert_array_equal(np.asarray(paletted(few).convert("RGB")), few)


@pytest.mark.parametrize(
    ("count", "inner", "columns", "width"),
    [(10, 9.0, 4, 1.875), (2, 9.0, 2, 4.25), (10, 2.8, 1, 2.8), (3, 0.5, 1, 0.5)],
)
def test_as_many_panels_stand_side_by_side_as_fit(
    count: int, inner: float, columns: int, width: float
) -> None:
    assert fit_columns(count, 4, inner, 1.6, 0.5) == (columns, pytest.approx(width))


def test_a_name_breaks_after_its_underscores_or_not_at_all() -> None:
    assert name_lines("breast_cancer", 0.5, 7, 3) == ["breast_", "cancer"]
    assert name_lines("breast_cancer", 2.0, 7, 3) == ["breast_cancer"]
    assert name_lines("breast_cancer", 0.2, 7, 3) is None
    assert name_lines("a b c d", 0.06, 7, 3) is None


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["loss"] * 4, ["loss", "", "loss", ""]),  # two columns
        (
            ["loss (log)", "loss", "loss (log)", "loss (log)"],
            ["loss (log)", "loss", "loss (log)", "loss (log)"],
        ),
    ],
)
def test_y_axes_are_named_beside_every_panel_where_their_scales_differ(
    texts: list[str], expected: list[str]
) -> None:
    with drawing_style():
        sheet = new_sheet(6.0, 3.0, "title", "", Theme.of(()))
        axes = [place(sheet, 1 + i, 1, 0.5, 0.5) for i in range(4)]
    y_labels(axes, 2, texts)
    assert [ax.get_ylabel() for ax in axes] == expected


@pytest.mark.parametrize(
    "text", ["loss", "expected validation balanced accuracy (%)", "a much too long name " * 3]
)
@pytest.mark.parametrize("other", ["", " (log)"])
def test_names_of_y_axes_above_each_other_do_not_meet(text: str, other: str) -> None:
    with drawing_style():
        sheet = new_sheet(6.0, 4.0, "title", "", Theme.of(()))
        axes = panels(sheet, 2, 1, (2.0, 1.3), left=0.7, bottom=0.5, gaps=(0.4, 0.4))
    y_labels(axes, 1, [text, text + other])
    sheet.canvas.draw()
    above, below = (ax.yaxis.label.get_window_extent() for ax in axes)
    assert above.y0 >= below.y1


def test_two_lines_of_a_name_part_after_an_underscore_where_both_fit() -> None:
    width = text_width("useless_featur", 8)
    assert two_lines("useless_features", width, 8) == "useless_\nfeatures"
    assert two_lines("useless", width, 8) == "useless"
    assert "\n" in two_lines("uselessfeatures", text_width("uselessfeatur", 8), 8)  # has no such place
