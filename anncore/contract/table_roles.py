"""What the columns of a table are for: keys of a data set, looked up among the names of the columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

from anncore.contract import table_cells as cells
from anncore.contract.counts import counted
from anncore.contract.errors import DataError, nearest
from anncore.contract.hyperparameters import hyper
from anncore.contract.kinds import Dataset
from anncore.contract.table_cells import in_toml, names_shown

FEWEST_ROWS = 5
MOST_MISTAKES = 20  # that are printed, one line each
NUMBERS_ONLY = "line 1 holds numbers only; it must name the columns"
CellKind = Literal["number", "bool", "date", "text"]


@dataclass
class Table:
    """A table as texts: column names, the rows as long as these, and the line on which each row ends.

    A cell without a value is "". odd_lines: line and number of fields of the rows of another length. unit:
    what `lines` count. kinds: what columns hold, by their place, where the source says so; other columns are
    read as what their texts look like.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    odd_lines: list[tuple[int, int]] = field(default_factory=list)
    unit: str = "line"
    kinds: Mapping[int, CellKind] = field(default_factory=dict)


class Roles(NamedTuple):
    """The places of the columns that are no features."""

    target: int | None
    dropped: frozenset[int]
    id: int | None
    group: int | None
    weight: int | None
    split: int | None

    @property
    def taken(self) -> frozenset[int]:
        """All places but those that are dropped."""
        single = (self.target, self.id, self.group, self.weight, self.split)
        return frozenset(place for place in single if place is not None)


@dataclass(frozen=True)
class TableKeys(Dataset):
    """What the columns of a table are for, by name: the keys of every `TableDataset`."""

    encodes: ClassVar[bool] = True

    target: str = hyper("", "str", help="the column to predict")
    task: str = hyper("auto", ("auto", "classification", "regression", "unsupervised"))
    drop: tuple[str, ...] = hyper((), "list str", help="columns to leave out")
    id: str = hyper("", "str", help="a column that names each row; it is no feature")
    group: str = hyper("", "str", help="a column whose equal values stay in one split")
    weight: str = hyper("", "str", help="a column of example weights")
    split_column: str = hyper("", "str", help="a column of train, valid and test")
    categories: tuple[str, ...] = hyper((), "list str", help="columns of numbers that are categories")
    dates: tuple[str, ...] = hyper((), "list str", help="columns of dates")
    date_format: str = hyper("", "str", help='as strptime reads it, "%d.%m.%Y"')
    missing: tuple[str, ...] = hyper((), "list str", help="what means a missing value, beside nothing")
    most_categories: int = hyper(100, "int [1, inf)", help="of one column")

    def error(self, *mistakes: str) -> DataError:
        """Return the error of one line per mistake."""
        where = f"{self.name}: {path}" if (path := getattr(self, "path", "")) else self.name
        shown = [f"{where}: {mistake}" for mistake in mistakes[:MOST_MISTAKES]]
        if len(mistakes) > MOST_MISTAKES:
            shown.append(f"{where}: and {len(mistakes) - MOST_MISTAKES} more such mistakes")
        return DataError(*shown)


class RoleFinder:
    """Finds the columns that a data set names; what is wrong is added to `mistakes`."""

    def __init__(self, described: TableKeys, table: Table, mistakes: list[str]) -> None:
        self.described, self.table, self.mistakes = described, table, mistakes
        self.decimal = str(getattr(described, "decimal", "."))

    def roles(self) -> Roles:
        """Return the places of the columns that are named; what is named twice or is not there is noted."""
        described = self.described
        target, dropped = self._find_target(), self._find_dropped()
        single = {
            key: self._find(getattr(described, key), key) if getattr(described, key) else None
            for key in ("id", "group", "weight", "split_column")
        }
        if target is not None and target in dropped:
            self.mistakes.append(f"the target {described.target!r} cannot be in drop")
        used: dict[int, str] = {} if target is None else {target: "target"}
        for key, place in single.items():
            if place is None:
                continue
            if place in used:
                self.mistakes.append(
                    f"column {self.table.header[place]!r} is named by {used[place]} and by {key}; keep one"
                )
            used.setdefault(place, key)
        for key in ("categories", "dates"):
            for name in getattr(described, key):
                place = self._find(name, key)
                if place in used:
                    self.mistakes.append(f"{key} names {name!r}, which is no feature but the {used[place]}")
        for name in set(described.categories) & set(described.dates):
            self.mistakes.append(f"column {name!r} is in categories and in dates; keep one")
        return Roles(
            target,
            frozenset(dropped),
            single["id"],
            single["group"],
            single["weight"],
            single["split_column"],
        )

    def check_kept(self, kept: Sequence[int], roles: Roles) -> None:
        """Note where no feature is left."""
        if not kept and self.described.task == "unsupervised":
            self.mistakes.append("no feature column is left")
        elif not kept and roles.target is not None:
            self.mistakes.append(f"no feature column is left beside the target {self.described.target!r}")

    def check_lines(self) -> None:
        """Note what is wrong with the names, with the lengths of rows and with their number."""
        header, rows, odd_lines = self.table.header, self.table.rows, self.table.odd_lines
        repeated = [name for name, count in Counter(header).items() if name and count > 1]
        if repeated and self._numbers_only():
            self.mistakes.append(NUMBERS_ONLY)
            repeated = []
        for i, name in enumerate(header):
            if not name:
                self.mistakes.append(
                    f"column {i + 1} has no name; give it one, or take it out "
                    "(pandas leaves the row numbers out with to_csv(index=False))"
                )
        for name in repeated:
            places = [str(i + 1) for i, other in enumerate(header) if other == name]
            both = "both" if len(places) == 2 else "all"
            more = f" and {len(places) - 4} more" if len(places) > 5 else f" and {places[-1]}"
            first = ", ".join(places[:4] if len(places) > 5 else places[:-1])
            self.mistakes.append(f"columns {first}{more} are {both} called {name!r}; rename one")
        if odd_lines:
            line, count = odd_lines[0]
            more = f" ({len(odd_lines)} lines are not as long as the header)" if len(odd_lines) > 1 else ""
            self.mistakes.append(
                f"line {line} has {counted(count, 'fields')}, the header {len(header)}; "
                f"quote texts that contain the separator{more}"
            )
        below = len(rows) + len(odd_lines)
        if below < FEWEST_ROWS:
            self.mistakes.append(
                f"has {counted(below, 'rows')} below its header; at least {FEWEST_ROWS} are needed"
            )

    def _numbers_only(self) -> bool:
        return all(cells.number(name, self.decimal) is not None for name in self.table.header)

    def _find_target(self) -> int | None:
        header, target = self.table.header, self.described.target
        if self.described.task == "unsupervised":
            if target:
                self.mistakes.append(
                    f"an unsupervised task has no target, got {target!r}; leave target out, and the column "
                    f"with drop = [{in_toml(target)}]"
                )
            return None
        if target or target in header:
            return self._find(target, "target")
        self.mistakes.append(
            f"target is missing; name the column to predict, one of {names_shown(header)}, or set task = "
            '"unsupervised" if there is none'
        )
        return None

    def _find_dropped(self) -> set[int]:
        places = (self._find(name, "drop") for name in self.described.drop)
        return {place for place in places if place is not None}

    def _find(self, name: str, key: str) -> int | None:
        """Return the place of a column; where there is none of the name note it, and return the nearest."""
        header = self.table.header
        if name in header:
            return header.index(name)
        guess = nearest(name, header)
        place = next((i for i, other in enumerate(header) if guess.endswith(f" {other!r}?")), None)
        if self._numbers_only():
            guess, place = " Line 1 holds numbers only; it must name the columns.", None
        if NUMBERS_ONLY not in self.mistakes:
            hint = guess or f" It has {names_shown(header)}."
            self.mistakes.append(f"has no column {name!r}, which {key} names.{hint}")
        return place
