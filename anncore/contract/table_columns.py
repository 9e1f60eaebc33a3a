"""The columns of a table: from texts to numbers, categories, dates and targets."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from anncore.contract import table_cells as cells
from anncore.contract.kinds import Array, Column, Task
from anncore.contract.table_cells import cells_shown, in_toml, short
from anncore.contract.table_roles import CellKind, Table, TableKeys

MOST_CLASSES = 20  # up to this number of different whole numbers count as classes
FEWEST_NAMES = 20  # rows from which on texts that all differ are names of rows
PLAIN = re.compile(r"[0-9.eE+-]+(\n[0-9.eE+-]+)*")  # numbers, one on a line, without names such as inf


class Outcome(NamedTuple):
    """Targets, task and the names of the classes."""

    y: Array | None
    task: Task
    classes: tuple[str, ...] = ()


class ColumnReader:
    """Reads the columns of one table; what is wrong is added to `mistakes`."""

    def __init__(self, described: TableKeys, table: Table, mistakes: list[str]) -> None:
        self.described, self.table, self.mistakes = described, table, mistakes
        self.decimal = str(getattr(described, "decimal", "."))
        own = frozenset((*described.missing, "")) if described.missing else None
        self.no_value, self.no_text = own or cells.NO_VALUE, own or cells.NO_TEXT
        self._none: dict[int, frozenset[str]] = {}

    def check_missing(self, i: int) -> bool:
        """Tell whether a column that must be whole is; else note it."""
        name = self.table.header[i]
        lines = [line for text, line in self.cells(i) if text in self._no(i)]
        if lines:
            count = f"{len(lines)} values are" if len(lines) > 1 else "a value is"
            self.mistakes.append(
                f"{count} missing in column {name!r}, first on {self.table.unit} {lines[0]}; "
                "fill them or take the rows out"
            )
        return not lines

    def _no(self, i: int) -> frozenset[str]:
        """Return which texts of a column mean a missing value; of columns of texts fewer do."""
        none = self._none.get(i)
        if none is None:
            none = self._none[i] = self._meant_as_none(i)
        return none

    def _meant_as_none(self, i: int) -> frozenset[str]:
        kind = self.table.kinds.get(i)
        if kind is not None:
            return frozenset([""]) if kind == "text" else self.no_value
        there = [text for text, _ in self.cells(i) if text not in self.no_value]
        plain = sum(cells.looks_numeric(text, self.decimal) for text in there)
        return self.no_value if 2 * plain >= len(there) else self.no_text

    def cells(self, i: int) -> Iterator[tuple[str, int]]:
        """Yield the text of every row in a column, and its line."""
        return ((row[i], line) for row, line in zip(self.table.rows, self.table.lines, strict=True))

    def block(self, kept: Sequence[int]) -> Array | None:
        """Return all features at once if every cell is a plain number; None if a column needs a closer look.

        A file of a million columns is read so in seconds, column by column in a minute.
        """
        named = {*self.described.categories, *self.described.dates}
        if self.described.missing or any(self.table.header[i] in named for i in kept):
            return None
        if any(self.table.kinds.get(i, "number") != "number" for i in kept):
            return None
        rows = []
        for row in self.table.rows:
            text = "\n".join([row[i] for i in kept])
            if self.decimal != ".":
                text = "" if "." in text else text.replace(self.decimal, ".")
            if not PLAIN.fullmatch(text):
                return None
            try:
                rows.append(list(map(float, text.split("\n"))))
            except ValueError:
                return None
        block = np.array(rows)
        return block if block.size and np.abs(block).max() < cells.WHOLE_FLOATS else None

    def feature(self, i: int) -> tuple[Array, Column] | None:
        """Return a column's numbers, NaN where one is missing, and what they are; None with a mistake."""
        name = self.table.header[i]
        there = [(text, line) for text, line in self.cells(i) if text not in self._no(i)]
        texts = [text for text, _ in there if text not in self.no_value]
        kind = self._kind(i, texts)
        if not there or (not texts and kind != "text"):
            if self.table.rows:
                self.mistakes.append(
                    f"column {name!r} holds no value at all; leave it out with drop = [{in_toml(name)}]"
                )
            return None
        if kind == "bool":
            values = [float(text in cells.TRUE) for text in texts]
            gaps = len(there) < len(self.table.rows)
            return self._spread(i, np.array(values)), Column(how="1 for true, 0 for false" if gaps else "")
        if kind == "date":
            return self._date(i)
        if kind == "text":
            return self._category(i)
        quoted = in_toml(name)
        way_out = f"turn it into numbers, or leave it out with drop = [{quoted}]"
        numbers = self.numbers(i, f"{way_out}, or read all as texts with categories = [{quoted}]")
        return None if numbers is None else (self._spread(i, numbers), Column())

    def _kind(self, i: int, texts: Sequence[str]) -> CellKind:
        """Return what a column holds: as the caller says, as the source says, or by what most cells are."""
        name = self.table.header[i]
        if name in self.described.categories:
            return "text"
        if name in self.described.dates:
            return "date"
        if i in self.table.kinds:
            return self.table.kinds[i]
        if texts and all(text in cells.TRUE or text in cells.FALSE for text in texts):
            return "bool"
        if 2 * sum(cells.looks_numeric(text, self.decimal) for text in texts) >= len(texts):
            return "number"
        form = self.described.date_format
        dates = sum(
            cells.days(text, form) is not None or bool(cells.OTHER_DATE.fullmatch(text)) for text in texts
        )
        return "date" if 2 * dates >= len(texts) else "text"

    def _spread(self, i: int, values: Array) -> Array:
        """Return the values of a column with NaN in the rows without one."""
        spread = np.full(len(self.table.rows), np.nan)
        spread[[text not in self.no_value for text, _ in self.cells(i)]] = values
        return spread

    def _date(self, i: int) -> tuple[Array, Column] | None:
        name, form = self.table.header[i], self.described.date_format
        there = [(text, line) for text, line in self.cells(i) if text not in self.no_value]
        values = [cells.days(text, form) for text, _ in there]
        bad = [cell for cell, value in zip(there, values, strict=True) if value is None]
        if bad:
            example = form or "2024-03-31"
            hint = "" if form else '; say how they are written, date_format = "%d.%m.%Y" for 31.03.2024'
            quoted = in_toml(name)
            self.mistakes.append(
                f"column {name!r} must hold dates such as {example}, got {cells_shown(bad, self.table.unit)}"
                f"{hint}, or leave it out with drop = [{quoted}], or read it as texts with categories = "
                f"[{quoted}]"
            )
            return None
        return self._spread(i, np.array(values, float)), Column(how=cells.DATES_AS_DAYS)

    def _category(self, i: int) -> tuple[Array, Column] | None:
        name, none = self.table.header[i], self._no(i)
        texts = [text for text, _ in self.cells(i) if text not in none]
        classes = cells.classes_of(texts, self.decimal)
        different, most = len(classes.names), self.described.most_categories
        quoted = in_toml(name)
        if different == len(self.table.rows) > FEWEST_NAMES:
            self.mistakes.append(
                f"column {name!r} holds another text in every row, as names of rows do; set id = {quoted}, "
                f"or leave it out with drop = [{quoted}]"
            )
            return None
        if different > most:
            self.mistakes.append(
                f"column {name!r} has {different} different texts, and most_categories is {most}; leave it "
                f"out with drop = [{quoted}], or set most_categories = {different}"
            )
            return None
        codes = np.full(len(self.table.rows), np.nan)
        codes[[text not in none for text, _ in self.cells(i)]] = classes.places
        return codes, Column("category", classes.names)

    def is_negative(self, text: str) -> bool:
        """Tell whether a cell is a finite number below zero."""
        value = cells.number(text, self.decimal)
        return value is not None and -math.inf < value < 0

    def numbers(self, i: int, way_out: str) -> Array | None:
        """Return a column's numbers, or None with a mistake."""
        name = self.table.header[i]
        there = [(text, line) for text, line in self.cells(i) if text not in self.no_value]
        values = [cells.number(text, self.decimal) for text, _ in there]
        bad = [k for k, value in enumerate(values) if value is None or math.isinf(value)]
        if bad:
            wrong = [there[k] for k in bad]
            hint = self._spelling_hint([text for text, _ in wrong]) or way_out
            self.mistakes.append(
                f"column {name!r} must hold finite numbers, got {cells_shown(wrong, self.table.unit)}; {hint}"
            )
            return None
        numbers = np.array(values, dtype=float)
        needed = name in (self.described.target, self.described.weight)
        drop = "" if needed else f", or leave it out with drop = [{in_toml(name)}]"
        largest = np.abs(numbers).max(initial=0.0)
        if largest > cells.LARGEST:
            self.mistakes.append(
                f"column {name!r} holds values up to {largest:g}, too large to compute with; "
                f"divide them{drop}"
            )
            return None
        merged = cells.merged([text for text, _ in there]) if largest >= cells.WHOLE_FLOATS else None
        if merged is not None:
            self.mistakes.append(
                f"column {name!r} holds whole numbers beyond 2**53, of which float64 cannot tell {merged[0]} "
                f"and {merged[1]} apart; subtract a constant from all"
                f"{'' if needed else ', or leave the column out'}"
            )
            return None
        return numbers

    def _spelling_hint(self, texts: Sequence[str]) -> str:
        """Return what to do where all these texts are numbers in another spelling, else ""."""
        other = "," if self.decimal == "." else "."
        if all(
            cells.number(text, self.decimal) is None and cells.number(text, other) is not None
            for text in texts
        ):
            if getattr(self.described, "separator", "") == other:
                return f"write decimals with {self.decimal!r}"
            return f"set decimal = {in_toml(other)}?"
        if all(cells.THOUSANDS.fullmatch(text) for text in texts):
            return "write numbers without separators of thousands"
        if all(cells.AFFIXED.fullmatch(text) for text in texts):
            return "write numbers without signs of percent or money"
        return ""

    def target(self, i: int) -> Outcome | None:
        """Return the targets, the task and the classes' names, or None with a mistake."""
        target, asked, none = self.table.header[i], self.described.task, self._no(i)
        texts = [text for text, _ in self.cells(i) if text not in none]
        classes = cells.classes_of(texts, self.decimal)
        different = len(classes.names)
        if different <= 1:
            if texts:
                self.mistakes.append(
                    f"target {target!r} is {short(texts[0])} in every row; there is nothing to learn"
                )
            return None
        whole = cells.whole_numbers(classes.names, self.decimal)
        few = different <= min(MOST_CLASSES, len(texts) / 2) and whole
        numeric = classes.numeric and self.table.kinds.get(i) != "text"
        if asked == "regression" or (asked == "auto" and numeric and not few):
            numbers = self.numbers(i, 'a regression needs them; set task = "classification"?')
            return None if numbers is None else Outcome(numbers, "regression")
        if different > len(texts) / 2:
            self.mistakes.append(
                f"target {target!r} has {different} different values in {len(texts)} rows, too many for "
                'classes; name another target, or set task = "regression" if it holds numbers'
            )
            return None
        task: Task = "binary" if different == 2 else "multiclass"
        return Outcome(classes.places, task, classes.names)
