"""What embedding does to a drawing's paths and marks; that it looks the same is seen in a browser."""

from __future__ import annotations

import re

import pytest

from anncore.report.pictures import _relative, embedded


@pytest.mark.parametrize(
    ("path", "short"),
    [
        # By hand: each number is the distance from the point before.
        ("M 10.5 20 L 12 20 L 12 18.25 L 10.5 20 z", "m10.5 20h1.5v-1.75l-1.5 1.75z"),
        ("M 1 1 L 2 2 z M 5 5 L 6.5 7", "m1 1l1 1zm4 4l1.5 2"),  # z goes back to where it began
        ("M 0 0 Q 1 2 3 4 C 4 4 5 5 6 6", "m0 0q1 2 3 4c1 0 2 1 3 2"),
        ("M -0.25 -1 L 0.05 -1", "m-.25-1h.3"),
        ("M 1 1 A 5 5 0 0 1 2 2", "M 1 1 A 5 5 0 0 1 2 2"),  # arcs stay as they are
        ("M 1e-3 1 L 2 2", "M 1e-3 1 L 2 2"),
    ],
)
def test_a_path_says_how_far_its_points_lie_apart(path: str, short: str) -> None:
    assert _relative(path) == short


def svg(marks: str) -> str:
    shape = '<path id="m1" d="M 0 1 L 1 0" style="stroke: #000000"/>'
    return f'<?xml version="1.0"?><svg width="9pt" height="9pt"><defs>{shape}</defs><g>{marks}</g></svg>'


def mark(x: float, y: float, style: str = "fill: #0072b2") -> str:
    return f'<use xlink:href="#m1" x="{x}" y="{y}" style="{style}"/>'


def test_a_mark_at_many_places_is_named_once() -> None:
    small = embedded(svg("".join(mark(i, 2 * i) for i in range(9))))
    (places,) = re.findall(r'<path d="(m[^"]*|M[^"]*)" class="k0"/>', small)
    assert places == "M" + " ".join(f"{i} {2 * i}" for i in range(9))
    assert small.count("<use") == 1  # inside of the marker
    assert ".k0{fill:none;stroke:none;marker:url(#k0)}" in small


def test_marks_of_two_styles_stay_apart_and_few_stay_marks() -> None:
    marks = "".join(mark(i, 1) for i in range(6)) + "".join(mark(i, 2, "fill: #d55e00") for i in range(5))
    small = embedded(svg(marks))
    assert small.count("<marker") == 1
    assert small.count("<use") == 1 + 5
