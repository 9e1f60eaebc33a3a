"""Figures for a paper: text that is text, the width of a column, captions with the heading's words."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from results_factory import make_results

from anncore.report.paper import WIDTHS, Paper, paper_figures

SVG = "{http://www.w3.org/2000/svg}"
ARMS = ("sgd", "100 % <b>_x", "adam")


@pytest.fixture(scope="module")
def paper() -> Paper:
    results = make_results(arms=ARMS, problems=("xor", "iris"), seeds=(100, 101, 102), rates=(0.1,))
    return paper_figures(results, only=("differences", "leaderboard", "heat_map"))


def names(paper: Paper) -> set[str]:
    return {re.sub(r"\.\w+$", "", name) for name in paper.files}


def test_each_figure_has_a_drawing_for_either_use_and_its_caption(paper: Paper) -> None:
    assert names(paper) == {"figure-differences", "figure-leaderboard", "figure-heat_map"}
    ends = ("svg", "pdf", "txt", "tex")
    assert set(paper.files) == {f"{name}.{end}" for name in names(paper) for end in ends}


def test_text_is_text_of_eight_points_and_no_heading_is_drawn(paper: Paper) -> None:
    for name in names(paper):
        root = ElementTree.fromstring(paper.files[f"{name}.svg"])
        texts = ["".join(node.itertext()).strip() for node in root.iter(f"{SVG}text")]
        title = paper.files[f"{name}.txt"].decode().partition(". ")[0]
        assert texts
        assert title not in " ".join(texts)
    root = ElementTree.fromstring(paper.files["figure-leaderboard.svg"])
    labels = {"".join(node.itertext()).strip(): node.get("style", "") for node in root.iter(f"{SVG}text")}
    assert "sgd" in labels
    assert "100 % <b>_x" in labels  # a name is a name
    assert re.search(r"font-size: 8px|font: (bold |700 )?8px", labels["sgd"])


def test_widths_are_those_of_one_column_and_of_two(paper: Paper) -> None:
    assert [round(25.4 * width) for width in WIDTHS.values()] == [89, 183]
    for name in names(paper):
        root = ElementTree.fromstring(paper.files[f"{name}.svg"])
        assert float(str(root.get("width")).removesuffix("pt")) == pytest.approx(72 * WIDTHS[1], abs=0.01)
        box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", paper.files[f"{name}.pdf"])
        assert box is not None
        assert float(box[1]) == pytest.approx(72 * WIDTHS[1], abs=0.01)
        assert b"/Type3" not in paper.files[f"{name}.pdf"]


def test_captions_carry_what_the_heading_said(paper: Paper) -> None:
    text = paper.files["figure-differences.txt"].decode()
    assert text.startswith("No tiers: nothing is told apart. Against ")
    assert "Small dot: one data set." in text
    tex = paper.files["figure-leaderboard.tex"].decode()
    assert "\\includegraphics[width=\\columnwidth]{figure-leaderboard.pdf}" in tex
    assert "\\caption{" in tex
    assert "95 \\% t{-}interval" in tex or "95 \\% t-interval" in tex
    assert "\\label{fig:leaderboard}" in tex
    assert "\\label{fig:heat-map}" in paper.files["figure-heat_map.tex"].decode()


def test_a_verb_without_a_format_or_figures_says_what_to_write(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from anncore.cli.export import command

    result = CliRunner().invoke(command, [str(tmp_path)])
    assert "Say what to write: --format NAME for tables, or --figures paper." in result.output
