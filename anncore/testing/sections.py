"""The checks of a report's section: texts and tables, from any part of a sweep, the same each time."""

from __future__ import annotations

import math
from typing import Any

from anncore.contract.kinds.sections import PLACES
from anncore.testing.figure_data import Made, copied, hard, ordinary
from anncore.testing.kit import Kit, Named, Subject, must, raised


class SectionKit(Kit):
    """It writes, whatever the sweep came to, and changes nothing."""

    computes = False  # it gives texts

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [
            ("attributes", attributes),
            ("content", content),
            ("hard_cases", hard_cases),
            ("repeatable", repeatable),
            ("data_unchanged", data_unchanged),
        ]


def attributes(subject: Subject) -> int:
    """`title` is one line of text, `order` a number, `after` one of the report's sections."""
    title, order, after = subject.cls.title, subject.cls.order, subject.cls.after
    line = isinstance(title, str) and bool(title.strip()) and "\n" not in title
    must(line, f"title must be one line of text, got {title!r}")
    real = isinstance(order, (int, float)) and math.isfinite(order)
    must(real, f"order must be a number, got {order!r}")
    must(after in PLACES, f"after must be one of {', '.join(PLACES)}, got {after!r}")
    return 1


def _written(component: Any, made: Made, where: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the paragraphs and tables of a section; an AssertionError says what is none."""
    from anncore.report.sections import checked

    written = component.write(copied(made.data))
    try:
        paragraphs, tables = checked(written)
    except TypeError as error:
        raise AssertionError(f"{where}: {error}") from None
    for caption in (table["caption"] for table in tables):
        must(caption.strip(), f"{where}: a table has no caption")
    return paragraphs, tables


def content(subject: Subject) -> int:
    """A good sweep gives a text or a table with rows."""
    from anncore.report.sections import NOTHING_TO_SHOW

    count = 0
    for variant in subject.variants():
        paragraphs, tables = _written(subject.build(variant), ordinary(), variant.label)
        shown = [text for text in paragraphs if text.strip() and text != NOTHING_TO_SHOW]
        shown += [row for table in tables for row in table["rows"]]
        must(shown, f"{variant.label}: it writes nothing for {ordinary().label}")
        count += 1
    return count


def hard_cases(subject: Subject) -> int:
    """Divergence, failures, one arm, markup, part of a sweep: texts, tables or None; no error."""
    count = 0
    for variant in subject.variants():
        for made in hard():
            where = f"{variant.label}, {made.label}"
            try:
                _written(subject.build(variant), made, where)
            except AssertionError:
                raise
            except Exception as error:
                raise AssertionError(f"{where}: {raised(subject.cls, error)}") from error
            count += 1
    return count


def repeatable(subject: Subject) -> int:
    """The same sweep gives the same section again, word for word."""
    count = 0
    for variant in subject.variants():
        first = _written(subject.build(variant), ordinary(), variant.label)
        for _ in range(3):
            again = _written(subject.build(variant), ordinary(), variant.label)
            must(again == first, f"{variant.label}: another text the second time")
            count += 1
    return count


def data_unchanged(subject: Subject) -> int:
    """It does not change the frames and the report that it gets."""
    count = 0
    for variant in subject.variants():
        data = copied(ordinary().data)
        before = copied(data)
        subject.build(variant).write(data)
        for what in ("trials", "curves"):
            same = getattr(data, what).equals(getattr(before, what))
            must(same, f"{variant.label}: it changes data.{what}; work on a copy")
        must(repr(data.report) == repr(before.report), f"{variant.label}: it changes data.report")
        count += 1
    return count
