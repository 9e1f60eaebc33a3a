"""Mutated tables of results from elsewhere: a report, or one line that says what is wrong.

The same tables in every run; `pytest -m large` looks at 30,000.
"""

from __future__ import annotations

import random
import resource
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from mutation import byte_mutant

import anncore
from anncore.contract.errors import AnnxError
from anncore.report.build import plain
from anncore.report.outside_files import read_table

FEW, MANY = 60, 30_000
HANG = 60.0  # seconds of this process's own time; the slowest table takes less than one
MOST_MEMORY = 500e6
LONG = "arm,problem,seed,score,status\n" + "".join(
    f"{arm},{problem},{seed},{0.5 + 0.01 * seed + 0.1 * (arm == 'b')},ok\n"
    for arm in ("a", "b")
    for problem in ("p", "q")
    for seed in range(4)
)
WIDE = "problem,seed,sgd,adam\n" + "".join(
    f"p{n},{seed},0.{n}{seed},0.2{seed}\n" for n in (1, 2) for seed in (1, 2)
)
STEPS = "Step;run a - loss;run b - loss\n" + "".join(f"{step};{1 / step};{2 / step}\n" for step in (1, 2, 3))
TUNED = "arm\tproblem\tseed\tphase\tconfig\ttest_accuracy\n" + "".join(
    f"{arm}\tp\t{seed}\t{phase}\tlr={rate}\t0.{seed}{rate}\n"
    for arm in ("a", "b")
    for phase in ("tune", "report")
    for seed in (1, 2)
    for rate in (1, 2)
)
TABLES = (LONG, WIDE, STEPS, TUNED)
CELLS = (
    *("", " ", "nan", "inf", "-inf", "1e999", "-0", "x", "NULL", "=1+1", "<b>", "%", "0x10", "1_000", "1,5"),
    *("9" * 400, "1e-320", "ok", "failed", "diverged", "\u202e", "\x1b[31m", "é", "'", "a\rb", "True"),
)


def mutant(chance: random.Random) -> bytes:
    """Return one of the tables with cells, lines or bytes changed."""
    text = chance.choice(TABLES)
    divider = next(mark for mark in ";\t," if mark in text.split("\n")[0])
    lines = [line.split(divider) for line in text.splitlines()]
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(len(lines))
        change = chance.randrange(5)
        if change == 0:
            lines[at] = list(lines[chance.randrange(len(lines))])
        elif change == 1:
            del lines[at][chance.randrange(len(lines[at]) + 1) :]
        elif change == 2:
            place = chance.randrange(len(lines[0]) + 1)
            value = chance.choice(CELLS)
            for line in lines[1:]:
                line[place : place + 1] = [value]
        elif lines[at]:
            lines[at][chance.randrange(len(lines[at]))] = chance.choice(CELLS)
    changed = "\n".join(divider.join(line) for line in lines) + "\n"
    return byte_mutant(chance, changed) if chance.random() < 0.4 else changed.encode()


def _ended(number: int, frame: Any) -> None:
    raise AssertionError("it hangs")


def judged_or_refused(file: Path, seed: int) -> str:
    """Return the headline of a table, or why it has none."""
    try:
        with warnings.catch_warnings(action="error"):
            return str(plain(anncore.judge(read_table(file)).findings)["answer"]["headline"])
    except AnnxError as error:
        return str(error)
    except Exception as error:
        raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error


def try_mutants(tmp_path: Path, seeds: range) -> None:
    unit = 1024 if sys.platform == "linux" else 1
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit + MOST_MEMORY
    before = signal.signal(signal.SIGVTALRM, _ended)
    file = tmp_path / "table.csv"
    try:
        for seed in seeds:
            file.write_bytes(mutant(random.Random(seed)))
            signal.setitimer(signal.ITIMER_VIRTUAL, HANG)
            told = judged_or_refused(file, seed)
            assert told.strip(), seed
            assert "\n" not in told, (seed, told)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit < most
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_a_table_of_any_content_is_judged_or_refused_in_one_line(tmp_path: Path) -> None:
    try_mutants(tmp_path, range(FEW))


@pytest.mark.slow
@pytest.mark.large
def test_thirty_thousand_tables(tmp_path: Path) -> None:
    try_mutants(tmp_path, range(1000, 1000 + MANY))
