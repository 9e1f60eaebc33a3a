"""report.md as GitHub reads it, parsed by markdown-it-py (which rich brings along) with GitHub's tables."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from results_factory import make_results
from unsaved import unsaved_figures

from anncore.report import write_report
from anncore.report.markdown import escape
from anncore.report.view import Section, Table, first_screen, sections

pytestmark = pytest.mark.slow
PLAIN = ("sgd", "rmsprop", "adam")
HOSTILE = (
    "<script>alert(1)</script>",
    "`tick` | **b** <img src=x onerror=alert(1)> \\| \\\\",
    "1. one",
    "- dash",
    "+ plus ~~gone~~ __init__ *",
    "![x](http://a.example/b.png) [y](javascript:1) &lt; &#124; :smile:",
    "$x^2$ #1 = --- ===",
)


def parse(text: str) -> list[Token]:
    """Return the tokens, HTML among them where there is any."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)


def every_table(parts: Sequence[Section]) -> Iterator[Table]:
    for section in parts:
        yield from section.tables
        yield from every_table(section.parts)


def read_tables(tokens: Sequence[Token]) -> list[list[list[str]]]:
    """Return the tables as a reader sees them: rows of cells' texts, the header first."""
    tables: list[list[list[str]]] = []
    for before, token in itertools.pairwise(tokens):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type == "inline" and before.type in ("th_open", "td_open"):
            tables[-1][-1].append("".join(child.content for child in token.children or ()))
    return tables


def line(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module", params=[PLAIN, HOSTILE], ids=["plain", "hostile"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("markdown")
    arms = request.param
    problems = ("two_moons", "sine") if arms is PLAIN else ("<b>|`x`", "2) a_b_ $y$")
    results = make_results(
        arms=arms,
        problems=problems,
        seeds=(1, 2, 3, 4),
        steps=50,
        title="Which?" if arms is PLAIN else "# <i>T</i> | `x`",
        status=lambda p, a, s: {(0, 2): "failed", (1, 1): "diverged"}.get((arms.index(a), s), "ok"),
    )
    with unsaved_figures():
        return folder, write_report(results, folder, meta={"command": f"annx sweep {arms[0]}"})


def test_every_table_has_the_reports_rows_and_cells(written: tuple[Path, Any]) -> None:
    folder, report = written
    tables = read_tables(parse((folder / "report.md").read_text()))
    wanted = [
        [[line(name) for name in table.header], *([line(cell.text) for cell in row] for row in table.rows)]
        for table in every_table([first_screen(report), *sections(report)])
    ]
    assert len(tables) == len(wanted) > 5
    assert tables == wanted


def test_no_name_becomes_html_or_code_or_a_link_or_a_list_of_its_own(written: tuple[Path, Any]) -> None:
    folder, report = written
    tokens = parse((folder / "report.md").read_text())
    inline = [child for token in tokens for child in token.children or ()]
    kinds = {token.type for token in (*tokens, *inline)}
    assert not kinds & {"html_block", "html_inline", "code_inline", "code_block", "s_open", "blockquote_open"}
    assert "ordered_list_open" not in kinds
    assert sum(token.type == "fence" for token in tokens) == 1
    links = [str(child.attrs["href"]) for child in inline if child.type == "link_open"]
    assert all(re.fullmatch(r"#[\w-]+|[\w.]+/?", link) for link in links)
    images = [str(child.attrs["src"]) for child in inline if child.type == "image"]
    assert sorted(images) == sorted(figure["png"] for figure in report["figures"])
    assert all((folder / image).is_file() for image in images)


def test_headings_are_the_sections_and_one_title(written: tuple[Path, Any]) -> None:
    folder, report = written
    tokens = parse((folder / "report.md").read_text())
    headings = [
        (token.tag, "".join(child.content for child in after.children or ()))
        for token, after in itertools.pairwise(tokens)
        if token.type == "heading_open"
    ]
    top_sections = sections(report)
    parts = [
        [("h2", top_section.title), *(("h3", part.title) for part in top_section.parts)]
        for top_section in top_sections
    ]
    assert headings == [
        ("h1", report["title"]),
        *(top_section for section in parts for top_section in section),
    ]


@pytest.mark.parametrize("text", ["- a", "+ a", "1. a", "12) a", "# a", "=", "---", "***", "> a", "~~~ a"])
def test_what_begins_a_block_is_a_text_all_the_same(text: str) -> None:
    first, second, third = parse(escape(text))
    assert (first.type, third.type) == ("paragraph_open", "paragraph_close")
    assert "".join(child.content for child in second.children or ()) == text
