"""[explain]: the numbers of an exercise, which take the place of data and first weights in `annx explain`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from anncore.contract.errors import ExperimentError, nearest
from anncore.contract.kinds import Array
from anncore.experiment.document import Document, Section, is_number, show

KEYS = ("choose", "layout", "file", "x", "y", "weights", "cases")
NUMBERS = ("x", "y", "weights")
LAYOUTS = ("in_out", "out_in")
LARGEST_FILE = 2_000_000  # bytes of a file with the numbers of an exercise


@dataclass(frozen=True)
class Case:
    """The numbers of one exercise: x (N, D), y (N, K) and weights by name, as the file has them."""

    x: Array | None = None
    y: Array | None = None
    weights: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Exercise:
    """[explain] of an experiment.

    choose: which configuration is explained, by labels ("optimizer") and values ("optimizer.lr").
    transposed: weights are written units x inputs, z = W x + b. cases: by name; "" has the section's own.
    """

    choose: Mapping[str, Any] = field(default_factory=dict)
    transposed: bool = False
    cases: Mapping[str, Case] = field(default_factory=dict)

    def case(self, name: str | None, file: str) -> Case:
        """Return the case of a name, by default the first."""
        if name is None:
            return next(iter(self.cases.values()), Case())
        if name not in self.cases:
            known = [known for known in self.cases if known]
            offer = f"it has {', '.join(known)}" if known else "its [explain] names none"
            raise ExperimentError(f"{file}: there is no case {name!r}; {offer}.{nearest(name, known)}")
        return self.cases[name]


def read_exercise(document: Document, base: Path) -> Exercise:
    """Read [explain]; raises ExperimentError for the first mistake in it."""
    section = document.section("explain")
    section.allow(KEYS)
    layout = section.one_of("layout", "in_out", LAYOUTS)
    choose = section.data.get("choose", {})
    if not isinstance(choose, dict):
        raise section.wrong("choose", 'a table, such as { optimizer = "sgd", "optimizer.lr" = 0.1 }')
    own = {key: value for key, value in section.data.items() if key in NUMBERS}
    cases = section.data.get("cases", {})
    if "file" in section.data:
        loaded = _file(section, base)
        cases = loaded.pop("cases", {}) | cases
        own = loaded | own
    if not isinstance(cases, dict) or not all(isinstance(case, dict) for case in cases.values()):
        raise section.error("cases", "cases must be tables: write [explain.cases.NAME].")
    transposed = layout == "out_in"
    shared = own.get("weights", {})
    made = {}
    for name, numbers in (cases or {"": {}}).items():
        inner = (
            document.section("explain", "cases", name) if name in section.data.get("cases", {}) else section
        )
        if inner is not section:
            inner.allow(NUMBERS)
        made[str(name)] = _case(inner, own | numbers, shared, transposed)
    return Exercise(choose, transposed, made)


def _file(section: Section, base: Path) -> dict[str, Any]:
    """Return x, y, weights and cases of a JSON file; every other key that holds an array is a weight."""
    name = section.text("file", "")
    path = base / name
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise section.error("file", f"file {name!r} has more than {LARGEST_FILE // 1_000_000} MB.")
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or f"not JSON ({error})"
        raise section.error("file", f"file {name!r} cannot be read: {reason}.") from None
    if not isinstance(loaded, dict):
        raise section.error("file", f"file {name!r} must hold one JSON object.")
    plain = {key: loaded[key] for key in (*NUMBERS, "cases") if key in loaded}
    arrays = {key: value for key, value in loaded.items() if key not in plain and isinstance(value, list)}
    given = plain.get("weights", {})
    plain["weights"] = arrays | (given if isinstance(given, dict) else {})
    cases = plain.get("cases", {})
    if isinstance(cases, dict):
        plain["cases"] = {
            name: {key: case[key] for key in NUMBERS if key in case}
            for name, case in cases.items()
            if isinstance(case, dict)
        }
    return plain


def _case(section: Section, numbers: Mapping[str, Any], shared: Any, transposed: bool) -> Case:
    weights = numbers.get("weights", {})
    for table in (shared, weights):
        if not isinstance(table, dict):
            raise section.error(
                "weights", f"weights must be a table: weights.W1 = [[..]], got {show(table)}."
            )
    arrays = {
        name: _array(section, f"weights.{name}", value, transposed)
        for name, value in (shared | weights).items()
    }
    given = {key: _array(section, key, numbers[key]) for key in ("x", "y") if key in numbers}
    if "x" not in given:
        if given:
            raise section.error(None, "needs x: examples have inputs x and targets y.")
        return Case(weights=arrays)
    x = given["x"]
    x = x.reshape(1, -1) if x.ndim < 2 else x
    if "y" not in given:  # which only data without targets can do without
        return Case(x, None, arrays)
    y = given["y"]
    if y.ndim < 2:  # one target of each example, or all targets of the only one
        y = y.reshape(1, -1) if len(x) == 1 else y.reshape(-1, 1)
    if len(y) != len(x):
        raise section.error("y", f"y must have a row for each of the {len(x)} examples of x, got {len(y)}.")
    return Case(x, y, arrays)


def _array(section: Section, key: str, value: Any, transposed: bool = False) -> Array:
    """Return numbers, a list of them or a list of rows as an array; rows of a matrix are turned if asked."""
    rows = value if isinstance(value, list) else [value]
    flat = not any(isinstance(row, list) for row in rows)
    table = [rows] if flat else rows
    sound = (
        table
        and all(isinstance(row, list) and row for row in table)
        and len({len(row) for row in table}) == 1
        and all(is_number(number) for row in table for number in row)
    )
    if not sound:
        raise section.error(
            key.partition(".")[0],
            f"{key} must be a number, a list of numbers or of rows of equal length, got {show(value)}.",
        )
    array = np.array(table, float)
    if flat:
        return array[0]
    return array.T if transposed else array
