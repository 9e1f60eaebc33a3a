"""What the pages of a field share: tables of texts, where numbers come from, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from anncore._version import __version__
from anncore.contract.registry import Registry
from anncore.evidence.units import counted
from anncore.report.html import asset
from anncore.report.markdown import escape
from anncore.report.printable import printable
from anncore.running.field import Field, suite_version

FEW = 6  # names in a cell, beyond which they are counted


class Table(NamedTuple):
    """A table of texts."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class Page(NamedTuple):
    """A page as HTML and Markdown have it."""

    title: str
    sentence: str
    tables: Sequence[Table]
    notes: Sequence[str]
    picture: str = ""


def named(names: Sequence[str]) -> str:
    """Return names as a sentence lists them: "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def some_of(names: Sequence[str]) -> str:
    """Return a few names, or how many there are."""
    if len(names) <= FEW:
        return ", ".join(names) or "none"
    return f"{', '.join(names[:FEW])} and {len(names) - FEW} more"


def provenance_of(fields: Sequence[Field], registry: Registry) -> list[str]:
    """Say which protocols and suites the trials ran by, and which arms would have other numbers here."""
    lines = []
    for field in fields:
        protocol = field.protocol
        version = suite_version(protocol, registry)
        lines.append(
            f"{protocol.kind}/{protocol.path.name} (digest {protocol.digest}), suite {protocol.suite_name}, "
            f"version {version}: {len(field.trials):,} trials of {counted(len(field.arms), 'arms')}."
        )
        stale = field.stale(registry)
        lines += [f"{arm} is not what it would be here: {reason}." for arm, reason in stale.items()]
    return lines


def markdown(page: Page) -> str:
    """Return a page as Markdown; every text is escaped."""
    parts = [f"# {escape(page.title)}", f"**{escape(printable(page.sentence))}**"]
    if page.picture:
        parts.append(f"![{escape(page.title)}]({page.picture})")
    for table in page.tables:
        lines = [table.columns, ["---"] * len(table.columns), *table.rows]
        body = [f"| {' | '.join(escape(printable(text)) for text in row)} |" for row in lines]
        body[1] = f"|{'---|' * len(table.columns)}"
        parts.append(f"{escape(table.caption)}\n\n" + "\n".join(body))
    parts.append("\n".join(f"- {escape(printable(note))}" for note in page.notes))
    parts.append(f"Written by annx {__version__}; `annx verify reports/field` computes a sample again.")
    return "\n\n".join(parts) + "\n"


def html(page: Page) -> str:
    """Return a page as one HTML file without scripts; every text is escaped, the picture lies beside it."""
    from jinja2 import Environment, StrictUndefined

    from anncore.report.html import source_hash

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = asset("card.css")
    policy = (
        f"default-src 'none'; img-src 'self'; style-src '{source_hash(style)}'; base-uri 'none'; "
        "form-action 'none'"
    )
    return environment.from_string(asset("field.html.j2")).render(
        page=page, style=style, policy=policy, generator=f"annx {__version__}"
    )
