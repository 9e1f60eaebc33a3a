"""Machine code on disk: used when sound, ignored when not, never in the way."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anncore.engine.lanes import compiling, kept


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "annx" / "kernels"


def test_what_is_kept_is_read_again(folder: Path) -> None:
    name = kept.named("text", "machine")
    assert kept.kept_code(name) is None
    kept.keep_code(name, b"code")
    assert kept.kept_code(name) == b"code"
    assert [path.name for path in folder.iterdir()] == [name]  # nothing temporary is left
    assert kept.named("text", "another") != name != kept.named("other", "machine")


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:-1], lambda b: b[:40] + b"?" + b[41:]])
def test_damaged_code_is_not_used(folder: Path, damage: object) -> None:
    kept.keep_code("name", b"some machine code of a kernel")
    path = folder / "name"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert kept.kept_code("name") is None
    kept.keep_code("name", b"anew")
    assert kept.kept_code("name") == b"anew"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have no owner here")
def test_a_folder_that_others_can_write_is_not_read(folder: Path) -> None:
    kept.keep_code("name", b"code")
    folder.chmod(0o777)
    assert kept.kept_code("name") is None
    kept.keep_code("other", b"code")
    assert not (folder / "other").exists()


def test_a_folder_that_cannot_be_made_is_done_without(folder: Path) -> None:
    folder.parent.write_text("a file in the folder's place")
    kept.keep_code("name", b"code")
    assert kept.kept_code("name") is None


def test_where_the_system_has_no_owners_the_users_folder_is_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows."""
    monkeypatch.delattr(os, "getuid", raising=False)
    kept.keep_code("name", b"code")
    folder.chmod(0o777)  # bits that say nothing there
    assert kept.kept_code("name") == b"code"


def test_a_file_that_another_process_reads_stays_and_nothing_temporary_is_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows does not replace an open file."""
    kept.keep_code("name", b"code")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(os, "replace", refuse)
    kept.keep_code("name", b"the same code, compiled by another process")
    assert kept.kept_code("name") == b"code"
    assert [path.name for path in folder.iterdir()] == ["name"]


def test_a_file_that_cannot_be_deleted_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_FILES", 2)
    for name in ("one", "two"):
        kept.keep_code(name, b"code")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(os, "unlink", refuse)
    kept.keep_code("three", b"code")
    assert kept.kept_code("one") == kept.kept_code("three") == b"code"


def test_a_file_that_another_process_takes_away_meanwhile_is_no_trouble(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has written it under a temporary name, or makes room too."""
    monkeypatch.setattr(kept, "MOST_FILES", 2)
    for name in ("one", "two"):
        kept.keep_code(name, b"code")
    listed = os.listdir

    def vanishing(path: Path) -> list[str]:
        return [*listed(path), "gone"]

    monkeypatch.setattr(os, "listdir", vanishing)
    kept.keep_code("three", b"code")
    assert kept.kept_code("three") == b"code"


@pytest.mark.skipif(os.name == "nt", reason="links are for administrators there")
def test_a_link_to_nowhere_is_no_trouble(folder: Path) -> None:
    kept.keep_code("one", b"code")
    (folder / "link").symlink_to(folder / "nowhere")
    kept.keep_code("two", b"code")
    assert kept.kept_code("two") == b"code"


def test_no_home_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(kept, "cache_folder", homeless)
    kept.keep_code("name", b"code")
    assert kept.kept_code("name") is None


def test_writers_at_once_leave_one_whole_file(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: kept.keep_code("name", b"x" * 100_000), range(40)))
    assert kept.kept_code("name") == b"x" * 100_000
    assert len(list(folder.iterdir())) == 1


def test_the_folder_does_not_grow_without_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_FILES", 10)
    for number in range(25):
        kept.keep_code(f"name{number}", b"code")
    assert len(list(folder.iterdir())) <= 10
    assert kept.kept_code("name24") == b"code"


MEMORY = """
from anncore.engine.lanes import elementary
from anncore.engine.lanes.code import Code
from anncore.engine.lanes.compiling import address

def compiled(number):
    code = Code("float32")
    place = code.load_scalar("ptr", "%table", 0)
    value = code.load(place)
    for _ in range(20):
        value = elementary.tanh(code, code.times(value, code.number(number)))
    code.store(value, place)
    address(code.function())

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

compiled(0.5)
before = resident()
for number in range(30):
    compiled(number + 1.5)
print((resident() - before) / 30)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="nothing tells a process's memory here")
def test_of_a_compiled_kernel_little_but_its_code_stays_in_memory(folder: Path) -> None:
    """A sweep over a thousand structures compiles some thousand of them."""
    result = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert float(result.stdout) < 600  # kB, and 1,300 where the engine compiles the text itself


def test_a_table_stays_in_memory_while_its_kernel_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel reads its table at each step, and other threads may take memory meanwhile."""
    tables: list[Any] = []
    alive: list[bool] = []
    table_of = compiling.table_of

    def noted(arguments: Any) -> Any:
        table = table_of(arguments)
        tables.append(weakref.ref(table))
        return table

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    def function(_: int) -> None:
        alive.append(tables[0]() is not None)

    place = ctypes.cast(function, ctypes.c_void_p).value
    monkeypatch.setattr(compiling, "table_of", noted)
    monkeypatch.setattr(compiling, "address", lambda *_: place)
    compiling.kernel.__wrapped__("a text")([np.zeros(3), 2])
    assert alive == [True]
