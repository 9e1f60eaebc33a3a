"""A run folder that is damaged: `annx doctor DIR` keeps what is sound, and a sweep makes the rest again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sweep_factory import load, stored_maps, without_seconds

from anncore.cli.group import cli
from anncore.running.run_folder import RunFolder
from anncore.running.store import Store
from anncore.running.sweep import sweep

MANY = """
seeds = { tune = { start = 0, num = 40 }, report = [100, 101, 102] }
optimizer.sgd.lr = [0.1, 0.2]
optimizer.adam.lr = [0.01, 0.02]
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A sweep of 166 trials that is complete, and its experiment."""
    place = tmp_path_factory.mktemp("whole")
    experiment = load(place, MANY, only=["optimizer=*"])
    sweep(experiment, out=place / "run", executor="serial")
    return experiment, place / "run"


def doctor(*args: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *args], catch_exceptions=False)


def zeroed(first: int, last: int) -> Callable[[bytearray], bytes]:
    """Return what overwrites pages of a database with zeros; a negative number counts from the end."""

    def damage(data: bytearray) -> bytes:
        pages = len(data) // 4096
        start, stop = ((place + pages if place < 0 else place) * 4096 for place in (first, last))
        data[start:stop] = bytes(stop - start)
        return bytes(data)

    return damage


DAMAGE: dict[str, Callable[[bytearray], bytes]] = {
    "half of it": lambda data: bytes(data[: len(data) // 2]),
    "cut in a page": lambda data: bytes(data[: len(data) // 3 * 2 + 1000]),
    "no first page": zeroed(0, 1),
    "the first bytes": lambda data: b"\x00" * 16 + bytes(data[16:]),
    "a page in the middle": zeroed(20, 21),
    "many pages": zeroed(10, 25),
    "the last pages": zeroed(-8, -1),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_sound_is_kept_and_the_same_sweep_makes_the_rest(
    whole: tuple[Any, Path], tmp_path: Path, name: str
) -> None:
    experiment, folder = whole
    run = tmp_path / "run"
    shutil.copytree(folder, run)
    spoilt = DAMAGE[name](bytearray((run / "trials.sqlite").read_bytes()))
    (run / "trials.sqlite").write_bytes(spoilt)

    result = doctor(str(run))

    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "This run folder can be used.")
    assert "was damaged; " in result.stdout
    assert (run / "trials.sqlite.damaged-1").read_bytes() == spoilt
    assert [path for path in run.iterdir() if path.name.startswith(".")] == []
    with Store(folder / "trials.sqlite", write=False) as true, Store(run / "trials.sqlite") as mended:
        mended.check()
        keys = mended.keys()
        assert 20 <= len(keys) <= 166
        right = {one.key: one for one in true.results(keys)}
        assert {one.key: one._replace(environment="") for one in mended.results(keys)} == {
            key: one._replace(environment="") for key, one in right.items()
        }
        assert mended.descriptions(keys) == true.descriptions(keys)
    sweep(experiment, out=run, executor="serial")
    assert without_seconds(run) == without_seconds(folder)
    assert stored_maps(run).keys() <= stored_maps(folder).keys()
    assert doctor(str(run)).stdout.count("ok") >= 4


def test_a_folder_that_is_whole_is_said_to_be_and_left_alone(whole: tuple[Any, Path]) -> None:
    _, run = whole
    before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
    result = doctor(str(run), "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["well"]) == (0, True)
    assert found["findings"][0]["facts"] == {"results": 166}
    assert {path: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def set_version(path: Path) -> None:
    with sqlite3.connect(path) as store:
        store.execute("PRAGMA user_version = 99")
    store.close()


def other_program(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as store:
        store.execute("CREATE TABLE notes (text)")
    store.close()


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (set_version, "was written by a newer annx (schema 99)"),
        (other_program, "is no store of annx"),
        (folder_instead, "is a folder, where annx writes a file"),
        (lambda path: path.unlink(), "has no trials.sqlite"),
        (lambda path: path.write_bytes(b"no database " * 1000), "no result can be read from"),
        (lambda path: path.write_bytes(b""), "no result can be read from"),
    ],
)
def test_what_is_no_damaged_store_is_said_and_left_alone(
    whole: tuple[Any, Path], tmp_path: Path, damage: Callable[[Path], Any], words: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole[1], run)
    damage(run / "trials.sqlite")
    before = sorted(path.name for path in run.iterdir())
    result = doctor(str(run))
    assert result.exit_code == 1
    assert words in result.stdout
    assert sorted(path.name for path in run.iterdir()) == before


def test_a_folder_whose_sweep_runs_is_left_alone(whole: tuple[Any, Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole[1], run)
    with RunFolder(run).store():
        assert "a sweep is writing it" in doctor(str(run)).stdout


def test_records_that_are_lost_are_named(whole: tuple[Any, Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole[1], run)
    (run / "env.json").write_text("{")
    (run / "plan.json").unlink()
    result = doctor(str(run))
    assert result.exit_code == 1
    assert result.stdout.count("which writes it anew") == 3
    assert doctor(str(tmp_path / "nothing")).exit_code == 1


def test_shared_texts_that_are_lost_are_written_anew_from_the_plan(
    whole: tuple[Any, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole[1], run)
    db = sqlite3.connect(run / "trials.sqlite", isolation_level=None)
    db.execute("DELETE FROM texts")
    db.close()
    found = json.loads(doctor(str(run), "--json").stdout)["findings"]
    facts = found[0]["facts"]
    assert (facts["results"], facts["undescribed"]) == (166, 0)
    with Store(run / "trials.sqlite", write=False) as mended:
        assert len(mended.descriptions(mended.keys())) == 166
