"""Whatever a run folder holds: what can be shown, or one line that says what is wrong.

The same inputs in every run. `-m large` tries twenty thousand.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mutation import byte_mutant, tree_mutant

from anncore import load_registry
from anncore.cli.group import cli

EXPERIMENT = """\
# Which of two?
vary = ["optimizer"]
train = { steps = 4, eval_every = 2 }
seeds = { tune = [0], report = [1, 2] }
dataset.two_moons.n = 40
network.mlp.hidden = [[2]]
optimizer.sgd.lr = [0.1, 0.2]
optimizer.adam.lr = 0.1
"""
JSON = ("plan.json", "env.json", "looks.json", "report.json", "costs.json", "running.json")
VERBS = (
    ("status", "run"),
    ("report", "run", "-q"),
    ("export", "run", "--format", "csv"),
    ("compare", "run", "other"),
    ("merge", "run", "other", "--out", "joined", "-q"),
)
CELLS = (
    None,
    "",
    "x",
    0,
    -1,
    3,
    2**62,
    1e300,
    float("inf"),
    b"",
    b"\0",
    b"\xff" * 9,
    "ok",
    "failed",
    "\u202e",
)
HANG = 60.0  # seconds of this process's own time; the slowest input takes less than one
MOST_MEMORY = 500e6


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A place with two run folders of one experiment; figures are left out, plugins loaded once."""
    place = tmp_path_factory.mktemp("whole")
    registry = load_registry()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("anncore.report.write.figures_to_draw", lambda results: [])
        for module in ("experiment.read", "running.stored_plan"):
            monkeypatch.setattr(f"anncore.{module}.load_registry", lambda files=(): registry)
        monkeypatch.setattr("anncore.running.run_folder.environment", lambda *arguments: {"command": "annx"})
        monkeypatch.chdir(place)
        (place / "x.toml").write_text(EXPERIMENT)
        made = CliRunner().invoke(cli, ["sweep", "x.toml", "--executor", "serial", "--out", "run", "-q"])
        assert made.exit_code == 0, made.output
        for name, content in (("costs.json", '{"schema": 1, "costs": []}'), ("running.json", "{}")):
            (place / "run" / name).write_text(content)
        shutil.copytree(place / "run", place / "other")
        yield place


def rewritten(chance: random.Random, run: Path) -> str:
    """Change one file of a run folder; return its name."""
    name = chance.choice((*JSON, "experiment.toml", "trials.sqlite", "trials.sqlite", "trials.csv"))
    file = run / name
    if name == "trials.sqlite" and chance.random() < 0.6:
        return f"{name} {_other_cell(chance, file)}"
    if name in JSON and chance.random() < 0.7:
        try:
            content = json.loads(file.read_bytes()) if file.is_file() else {"a": 1}
            file.write_text(json.dumps(tree_mutant(chance, content), default=str))
        except (ValueError, RecursionError):  # damaged already, or what json does not write
            file.write_text(f'{{"schema": {"9" * 5000}, "a": {"[" * 3000}')
    elif name == "trials.sqlite":
        raw = bytearray(file.read_bytes())
        for _ in range(chance.choice((1, 3, 40))):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        file.write_bytes(raw[: chance.choice((len(raw), len(raw), len(raw) // 2))])
    else:
        text = file.read_bytes().decode("utf-8", "replace") if file.is_file() else "{}"
        file.write_bytes(byte_mutant(chance, text))
    return name


def _other_cell(chance: random.Random, file: Path) -> str:
    """Change a cell, a column or a table; a file that is damaged already stays as it is."""
    store = sqlite3.connect(file)
    try:
        with store:
            return _changed(chance, store)
    except sqlite3.DatabaseError as error:
        return f"unchanged: {error}"
    finally:
        store.close()


def _changed(chance: random.Random, store: sqlite3.Connection) -> str:
    tables = [row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    if not tables:
        return "unchanged: no tables"
    table = chance.choice(tables)
    column = chance.choice([row[1] for row in store.execute(f"PRAGMA table_info({table})")])
    value = chance.choice(CELLS)
    what = chance.choice(("one", "all", "gone"))
    try:
        if what == "gone":
            store.execute(f"DROP TABLE {table}")
        elif what == "all":
            store.execute(f'UPDATE {table} SET "{column}" = ?', (value,))
        else:
            rows = store.execute(f"SELECT rowid FROM {table} ORDER BY rowid").fetchall()
            one = chance.choice(rows or [(0,)])
            store.execute(f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?', (value, *one))
    except sqlite3.Error:  # a constraint, or a table without row numbers
        store.execute(f"DELETE FROM {table}")
    return f"{table}.{column} {what} {value!r}"


def _ended(number: int, frame: Any) -> None:
    raise AssertionError("it hangs")


def try_mutants(whole: Path, tmp_path: Path, seeds: range) -> None:
    """Ask for the status of each mutant, and open it by one more verb."""
    unit = 1024 if sys.platform == "linux" else 1
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit + MOST_MEMORY
    before = signal.signal(signal.SIGVTALRM, _ended)
    os.chdir(tmp_path)
    try:
        for seed in seeds:
            chance = random.Random(seed)
            for name in ("run", "other", "joined"):
                shutil.rmtree(tmp_path / name, ignore_errors=True)
            for name in ("run", "other"):
                shutil.copytree(whole / name, tmp_path / name)
            changed = [rewritten(chance, tmp_path / "run") for _ in range(chance.choice((1, 1, 2)))]
            for verb in (VERBS[0], chance.choice(VERBS[1:])):
                signal.setitimer(signal.ITIMER_VIRTUAL, HANG)
                result = CliRunner().invoke(cli, verb)
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
                told = f"seed {seed}, {changed}, {verb[0]}: {result.exception!r} {result.output[-300:]!r}"
                assert result.exception is None or isinstance(result.exception, SystemExit), told
                assert result.exit_code in (0, 2, 4, 5), told
                if result.exit_code == 2:
                    assert result.stderr.startswith("annx: "), told
                    assert result.stderr.count("\n") == 1, told
            outside = {path.name for path in tmp_path.iterdir()} - {"run", "other", "joined"}
            assert not outside, f"seed {seed}, {changed}: {outside}"
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit < most
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        os.chdir(whole)


def test_a_folder_of_any_content_is_shown_or_refused_in_one_line(whole: Path, tmp_path: Path) -> None:
    try_mutants(whole, tmp_path, range(40))


@pytest.mark.slow
@pytest.mark.large
def test_twenty_thousand_folders(whole: Path, tmp_path: Path) -> None:
    try_mutants(whole, tmp_path, range(1000, 21_000))
