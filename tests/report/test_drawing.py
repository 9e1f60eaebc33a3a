from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from anncore.report.drawing import (
    drawing_style,
    log_ticks,
    new_sheet,
    padded,
    shorten,
    spread,
    text_width,
    tick_text,
    to_png,
    to_svg,
    two_lines,
    wrap,
)
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
