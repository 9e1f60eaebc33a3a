"""What the page does to sentences and long tables."""

from __future__ import annotations

import html
from dataclasses import replace

import pytest
from results_factory import make_results

from anncore.report.build import build_report, plain
from anncore.report.html import MOST_ROWS, kept_together, page_of
from anncore.report.markdown import markdown_of
from anncore.report.page_parts import Section, table
from anncore.report.view import view_of


def test_a_number_keeps_its_per_cent_and_a_p_value_its_sign() -> None:
    text = "2 % lower (95 % interval, adjusted p = .046, p < .001), 3 seeds; 100% of 1 arm"
    expected = "2_% lower (95_% interval, adjusted p_=_.046, p_<_.001), 3 seeds; 100% of 1 arm"
    assert kept_together(text) == expected.replace("_", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize("count", [MOST_ROWS, MOST_ROWS + 1])
def test_a_long_table_is_cut_on_the_page_which_says_so_and_whole_in_markdown(count: int) -> None:
    content = plain(build_report(make_results(arms=("sgd", "adam"), problems=("xor",), regression=()), {}))
    rows = [[f"trial {place}", "1"] for place in range(count)]
    long = replace(table("Many.", ["a", "b"], rows), detail=True)
    part = Section("part", "Part", tables=[long])
    view = view_of(content)._replace(sections=[Section("long", "Long", parts=[part])])
    page, text = page_of(view, {}), markdown_of(view)
    assert page.count(">trial ") == MOST_ROWS
    assert text.count("| trial ") == count
    said = "The first 240 of 241 rows; report.md's table has all."
    assert (said in html.unescape(page)) == (count > MOST_ROWS)
    assert "report.md" not in text
