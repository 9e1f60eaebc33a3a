"""How a page keeps small: paths and marks that are embedded, many trials, bands of many seeds."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from lazy_report import LazyReport
from matplotlib.collections import PathCollection
from results_factory import make_results

from anncore import Drawing
from anncore.report import html
from anncore.report.drawing import many
from anncore.report.drawing.many import in_bands, seed_row
from anncore.report.pictures import _relative, embedded
from anncore.report.write import figures_of, write_report


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


def test_a_page_of_many_trials_is_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = make_results(arms=["a", "b", "c"], problems=["p", "q"], seeds=range(8))
    write_report(results, tmp_path / "few", meta={})
    whole = (tmp_path / "few" / "report.html").stat().st_size
    text = len(re.sub(r'data:image/[^"\s]+', "", (tmp_path / "few" / "report.html").read_text("utf-8")))
    monkeypatch.setattr(html, "MANY", len(results.trials))
    monkeypatch.setattr(html, "MOST_OF_MANY", text + (whole - text) // 2)
    write_report(results, tmp_path / "many", meta={})
    page = tmp_path / "many" / "report.html"
    # Small drawings are no smaller as pixels: those for a phone go.
    assert text < page.stat().st_size < 0.9 * whole
    assert page.read_text("utf-8").count("<img") == (tmp_path / "few" / "report.html").read_text(
        "utf-8"
    ).count("<img")
    assert len(list((tmp_path / "many" / "figures").glob("*.svg"))) == len(
        list((tmp_path / "few" / "figures").glob("*.svg"))
    )


def test_many_seeds_become_bands_and_the_dots_beyond_them() -> None:
    values = np.arange(101.0)
    row = seed_row(values, 3.0, banded=True)
    assert row.x.tolist() == [0, 1, 2, 3, 4, 96, 97, 98, 99, 100]  # beyond 5 and 95
    assert row.bands == ((5.0, 95.0, 0.1), (25.0, 75.0, 0.22))
    assert row.boxes(3.0)[0] == [(5.0, 2.9), (95.0, 2.9), (95.0, 3.1), (5.0, 3.1)]
    each = seed_row(values, 3.0, banded=False)
    assert (each.x.tolist(), each.bands) == (values.tolist(), ())
    assert (each.y.min(), each.y.max()) == (3 - 0.22, 3 + 0.22)
    assert seed_row([7.0], 0.0, banded=True).x.tolist() == [7.0]
    assert in_bands(30, 101)
    assert not in_bands(30, 100)


@pytest.mark.parametrize("name", ["leaderboard", "paired_differences"])
def test_a_figure_of_many_seeds_says_that_it_draws_bands(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    results = make_results(arms=["a", "b", "c"], problems=["p", "q"], seeds=range(40))
    monkeypatch.setattr(many, "MOST_DOTS", 100)
    (drawn,) = (drawing for _, drawing in figures_of(results, LazyReport(results), only=(name,)))
    assert isinstance(drawn, Drawing)
    assert drawn.subtitle.startswith("Bands: the middle nine tenths and the middle half of 40 ")
    assert "trials.csv has each" in drawn.subtitle
    dots = sum(
        len(one.get_offsets())
        for ax in drawn.figure.axes
        for one in ax.collections
        if isinstance(one, PathCollection)
    )
    rows = 6 if name == "leaderboard" else 4
    assert 2 * rows <= dots <= 5 * rows  # of 40 seeds those beyond the middle nine tenths


def test_a_page_says_in_its_text_what_a_figure_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = make_results(arms=["a", "b", "c"], problems=["p", "q"], seeds=range(40))
    monkeypatch.setattr(many, "MOST_DOTS", 100)
    write_report(results, tmp_path, meta={})
    page = (tmp_path / "report.html").read_text("utf-8")
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page, flags=re.DOTALL)
    assert sum("Bands: the middle nine tenths" in caption for caption in captions) == 2
    assert html.left_out(
        "A curve. report.md's table has all. 3 of 9 sets: why; report.md has all. Red: lost."
    ) == ("report.md's table has all. 3 of 9 sets: why; report.md has all.")
    assert html.left_out("Dot: one of 10 fresh seeds.") == ""
