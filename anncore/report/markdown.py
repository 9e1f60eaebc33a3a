"""The report as Markdown: the same sections as the HTML page, figures beside it as files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from anncore.report.view import Section, Table, View, part_of, view_of


def escape(text: str) -> str:
    """Return text that Markdown shows as it is: on one line, without tables, code, HTML, links or lists."""
    text = " ".join(text.split())
    text = re.sub(r"([\\`*|\[\]~#$])", r"\\\1", text)
    text = re.sub(r"^([-+](?=[ -]|$)|\d{1,9}(?=[.)](?: |$)))", _no_list, text)
    text = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _no_list(match: re.Match[str]) -> str:
    return f"\\{match[0]}" if match[0] in "-+" else f"{match[0]}\\"


def render_markdown(content: Mapping[str, Any]) -> str:
    """Return the report as Markdown (GitHub's tables); every text from outside is escaped."""
    return markdown_of(view_of(content))


def markdown_of(view: View) -> str:
    """Return `render_markdown` of a report's view."""
    return "\n".join(_lines(view)).rstrip() + "\n"


def _lines(view: View) -> Iterator[str]:
    content, parts = view.content, view.sections
    yield f"# {escape(content['title'])}"
    yield ""
    if content["question"] and content["question"] != content["title"]:
        yield f"*{escape(content['question'])}*"
        yield ""
    yield f"**{escape(content['answer']['headline'])}**"
    yield ""
    yield from _body(view.first, part_of(content))
    yield from (f"- {escape(finding['text'])}" for finding in content["answer"]["findings"])
    warnings = content["answer"]["warnings"]
    if warnings:
        yield ""
        yield "Mind:"
        yield ""
        yield from (f"- {escape(warning['text'])}" for warning in warnings)
    yield ""
    yield from (f"- [{escape(section.title)}](#{_anchor(section.title)})" for section in parts)
    yield ""
    for section in parts:
        yield from _section(section, 2, part_of(content))


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _section(section: Section, depth: int, part_text: str) -> Iterator[str]:
    yield f"{'#' * depth} {escape(section.title)}"
    yield ""
    yield from _body(section, part_text)
    for part in section.parts:
        yield from _section(part, depth + 1, part_text)


def _body(section: Section, part_text: str) -> Iterator[str]:
    for text in section.paragraphs:
        yield escape(text)
        yield ""
    for figure in section.figures:
        yield f"**{escape(figure['title'])}**"
        yield ""
        yield f"![{escape(figure['alt'])}]({figure['png']})"
        yield ""
        yield escape(figure["subtitle"] + part_text)
        yield ""
    for one in section.tables:
        yield from _table(one)
    for title, text in section.terms:
        yield f"**{escape(title)}.** {escape(text)}"
        yield ""
    if section.items:
        yield from (f"- {escape(item)}" for item in section.items)
        yield ""
    if section.links:
        yield from (f"- [{name}]({name}): {escape(text)}" for name, text in section.links)
        yield ""
    if section.code:
        longest = max((len(run) for run in re.findall(r"`+", section.code)), default=0)
        fence = "`" * max(3, longest + 1)
        yield f"{fence}toml"
        yield section.code.rstrip("\n")
        yield fence
        yield ""


def _table(whole: Table) -> Iterator[str]:
    yield escape(whole.caption)
    yield ""
    yield f"| {' | '.join(map(escape, whole.header))} |"
    yield f"|{'|'.join('---:' if numeric else '---' for numeric in whole.numeric)}|"
    for row in whole.rows:
        cells = [f"**{escape(cell.text)}**" if cell.best else escape(cell.text) for cell in row]
        yield f"| {' | '.join(cells)} |"
    yield ""
