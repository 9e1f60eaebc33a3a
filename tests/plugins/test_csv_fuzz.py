"""Mutated CSV files: data, or a few lines that say what is wrong. No traceback, hang, file, or much memory.

The normal suite looks at the same few hundred files every time. `pytest -m large` looks at 30,000, by another
seed each time if ANNX_FUZZ_SEED gives one.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import random
import resource
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY

from anncore import ComponentError, DataError
from anncore.contract.hyperparameters import build
from anncore.contract.trial import Split
from anncore.engine.datasets import prepare
from anncore.experiment.parts import make_part

CSV = REGISTRY.get("dataset", "csv")
FEW, MANY = 700, 30_000
LONGEST_LINE = 2000
MOST_MEMORY = 500 * 2**20

Rows = list[list[str]]
CELLS = [
    *(
        "",
        " ",
        "NA",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "-1e400",
        "1e-400",
        "1e308",
        "-1.7e308",
        "1e154",
        "1e-170",
        "5e-324",
    ),
    *(
        "9007199254740993",
        "9007199254740992",
        "123456789012345678901234567890",
        "1" * 400,
        "1e9999999999999999999",
    ),
    *(
        "1_000",
        "0x1F",
        "1,5",
        "1.234,5",
        "1'000",
        "١٢",
        "½",
        "²",
        "−1",
        "+-1",
        "--",
        "1e",
        ".",
        "-",
        "+",
        "e5",
        "0e0",
        "-0",
    ),
    *(
        "true",
        "FALSE",
        "True",
        "yes",
        "no",
        "007",
        "7",
        "7.0",
        "0",
        "1",
        "2",
        "x" * 5000,
        "=1+1",
        '"',
        '""',
        "'",
        "\\",
    ),
    *(
        "\x1b[31m",
        "\u202e",
        "\u0000",
        "\x85",
        "\u2028",
        "\ud7ff",
        "😀",
        "\ufeff",
        "a\nb",
        "a\rb",
        "a,b",
        "a;b",
        "#N/A",
        "<script>",
    ),
]
MARKS = [",", ";", "\t", "|", " ", '"', "\n", "\r", "\r\n", "\n\n", "\0", "\x1a", "#", "\u00a0"]
ENCODINGS = [
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "latin-1",
    "cp1252",
    "gbk",
    "utf-32",
    "shift_jis",
    "ascii",
    "utf-7",
]
PACKERS: list[Callable[[bytes], bytes]] = [partial(gzip.compress, mtime=0), bz2.compress, lzma.compress]


def table(rng: random.Random) -> tuple[Rows, dict[str, Any]]:
    """Return a table that can be read, header first, and the settings that read it."""
    n, columns = rng.choice([5, 8, 12, 30]), rng.choice([1, 2, 3, 6])
    names = [*(f"c{i}" for i in range(columns)), "y"]
    labels = rng.choice([["0", "1"], ["yes", "no"], ["a", "b", "c"], None, ["1", "2", "3", "4"]])
    rows = [names]
    for k in range(n):
        target = f"{rng.gauss(0, 1):.4f}" if labels is None else labels[k % len(labels)]
        rows.append([f"{rng.gauss(0, 10):.3f}" for _ in range(columns)] + [target])
    return rows, {"target": "y"}


def change_cells(rng: random.Random, rows: Rows) -> None:
    for _ in range(rng.choice([1, 1, 2, 5])):
        row = rng.choice(rows)
        if row:
            row[rng.randrange(len(row))] = rng.choice(CELLS)


def change_column(rng: random.Random, rows: Rows) -> None:
    """Fill a column with one value, or with a few."""
    place, few = rng.randrange(len(rows[0]) or 1), rng.sample(CELLS, rng.choice([1, 2, 3]))
    for row in rows[1:]:
        if place < len(row):
            row[place] = rng.choice(few)


def scale_column(rng: random.Random, rows: Rows) -> None:
    place, power = rng.randrange(len(rows[0]) or 1), rng.choice([-320, -308, -170, 20, 154, 200, 300, 308])
    for row in rows[1:]:
        if place < len(row):
            row[place] += f"e{power}"


def change_rows(rng: random.Random, rows: Rows) -> None:
    at = rng.randrange(len(rows))
    action = rng.randrange(6)
    if action == 0:
        del rows[at]
    elif action == 1:
        rows.insert(at, list(rng.choice(rows)))
    elif action == 2:
        rows[at] = rows[at][: rng.randrange(len(rows[at]) + 1)]
    elif action == 3:
        rows[at] = rows[at] + [rng.choice(CELLS)] * rng.choice([1, 2, 300])
    elif action == 4:
        rng.shuffle(rows)
    else:
        del rows[rng.randrange(len(rows)) :]


def change_header(rng: random.Random, rows: Rows) -> None:
    header = rows[0] if rows else []
    if header:
        header[rng.randrange(len(header))] = rng.choice([*CELLS, "y", "c0", "Y", "1", "c1 "])


def written(rng: random.Random, rows: Rows, settings: dict[str, Any]) -> bytes:
    """Return the table as text, in one of many ways, packed at times."""
    mark = rng.choice([",", ",", ",", ";", "\t", "|"])
    end = rng.choice(["\n", "\n", "\r\n", "\r"])
    quote = rng.choice(["", "", '"'])
    text = end.join(mark.join(f"{quote}{cell}{quote}" for cell in row) for row in rows) + rng.choice(
        [end, ""]
    )
    encoding = rng.choice(["utf-8"] * 6 + ENCODINGS)
    content = text.encode(encoding, "replace")
    if rng.random() < 0.9:
        settings |= {"separator": mark, "encoding": encoding}
    return rng.choice(PACKERS)(content) if rng.random() < 0.1 else content


def change_bytes(rng: random.Random, content: bytes) -> bytes:
    raw = bytearray(content)
    for _ in range(rng.choice([1, 1, 3, 10])):
        at = rng.randrange(len(raw) + 1)
        action = rng.randrange(5)
        if action == 0:
            raw[at : at + rng.randrange(20)] = rng.randbytes(rng.randrange(4))
        elif action == 1:
            raw[at:at] = rng.choice(MARKS).encode("utf-8")
        elif action == 2:
            del raw[at:]
        elif action == 3:
            raw[at:at] = raw[: rng.randrange(200)]
        elif raw:
            raw[min(at, len(raw) - 1)] ^= 1 << rng.randrange(8)
    return bytes(raw)


def change_settings(rng: random.Random, settings: dict[str, Any]) -> None:
    odd: dict[str, list[Any]] = {
        "target": ["", "c0", "Y", "nothing", "1", "y " * 3000, "\x1b[2J"],
        "drop": [["c0"], ["c0", "c1"], ["y"], ["none"], ["", "c0"], ["c0", "c0"]],
        "task": ["classification", "regression", "auto"],
        "separator": [",", ";", "\t", " ", "a", "1", ".", "é", "\x1f"],
        "decimal": [",", "."],
        "encoding": [*ENCODINGS, "idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-8"],
    }
    for key in rng.sample(list(odd), rng.choice([0, 0, 0, 1, 2])):
        settings[key] = rng.choice(odd[key])


CHANGES = (change_cells, change_column, scale_column, change_rows, change_header)


def mutated(seed: int) -> tuple[bytes, dict[str, Any]]:
    """Return a file and the settings it is read by."""
    rng = random.Random(seed)
    rows, settings = table(rng)
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
        if rows:
            rng.choice(CHANGES)(rng, rows)
    content = written(rng, rows, settings)
    if rng.random() < 0.25:
        content = change_bytes(rng, content)
    change_settings(rng, settings)
    return content, settings


def read(file: Path, settings: dict[str, Any], seed: int) -> list[str]:
    """Read, split and scale it, as a trial would; return what is said where that fails."""
    try:
        build(CSV.cls, path=str(file), **settings)
        part = make_part(CSV, {"path": str(file), **settings})
        split = Split(stratify=seed % 3 != 0, standardize=seed % 5 != 0)
        prepared = prepare(part, split, 0, seed, REGISTRY, ("float32", "float64")[seed % 2])
    except (ComponentError, DataError) as error:
        return list(error.lines)
    for array in prepared.arrays:
        assert np.isfinite(array).all()
    assert len(set(prepared.classes)) == len(prepared.classes)
    return []


class Hangs(Exception):
    pass


@contextmanager
def ends_within(seconds: int) -> Iterator[None]:
    """Raise Hangs where the body takes far longer than any machine needs."""

    def raise_hangs(*_: object) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, raise_hangs)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def look_at(seeds: range, folder: Path) -> tuple[int, int]:
    """Return how many files were read and how many refused; raise AssertionError for what should not be."""
    file = folder / "mine.csv"
    read_well = refused = 0
    for seed in seeds:
        content, settings = mutated(seed)
        file.write_bytes(content)
        try:
            with ends_within(60), warnings.catch_warnings():
                warnings.simplefilter("error")
                lines = read(file, settings, seed)
        except Exception as error:
            raise AssertionError(
                f"seed {seed}: {type(error).__name__}: {error}; {settings}; {content!r}"
            ) from error
        for line in lines:
            assert line.startswith("csv: "), (seed, line)
            assert len(line) <= LONGEST_LINE, (seed, line)
            assert "\n" not in line, (seed, line)
        read_well, refused = read_well + (not lines), refused + bool(lines)
    assert [path.name for path in folder.iterdir()] == ["mine.csv"]
    return read_well, refused


def test_mutated_files_are_read_or_refused_in_lines(tmp_path: Path) -> None:
    read_well, refused = look_at(range(FEW), tmp_path)
    assert read_well > FEW / 10
    assert refused > FEW / 10


@pytest.mark.large
def test_30000_mutated_files_are_read_or_refused_in_lines(tmp_path: Path) -> None:
    start = int(os.environ.get("ANNX_FUZZ_SEED", "1")) * 1_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read_well, refused = look_at(range(start, start + MANY), tmp_path)
    assert min(read_well, refused) > MANY / 10
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 < MOST_MEMORY
