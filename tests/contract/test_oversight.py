"""A command that hangs in C code and holds the interpreter's lock is named and ended by another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from anncore.contract.oversight import Oversight

HANGING = """
import sys, threading
from anncore.contract.oversight import Oversight
sys.path.insert(0, sys.argv[1])
oversight = Oversight(named_after={named}, limit={limit})
oversight.enabled = True
oversight.begin()
import stranger
{call}
print("done")
"""
STRANGER = """
import re

def stuck():
    re.match("(a+)+$", "a" * 60 + "b")  # tries 2^60 ways, and never gives the interpreter back
"""


def ended(tmp_path: Path, call: str, named: float, limit: float) -> subprocess.CompletedProcess[str]:
    (tmp_path / "stranger.py").write_text(STRANGER)
    script = HANGING.format(call=call, named=named, limit=limit)
    command = [sys.executable, "-c", script, str(tmp_path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals tell where a process hangs")
@pytest.mark.parametrize(
    "call", ["stranger.stuck()", "t = threading.Thread(target=stranger.stuck); t.start(); t.join()"]
)
def test_c_code_that_holds_the_interpreter_is_named_and_ended(tmp_path: Path, call: str) -> None:
    process = ended(tmp_path, call, named=3.0, limit=4.0)
    assert process.returncode == -signal.SIGKILL
    place = f"{tmp_path / 'stranger.py'}:5, stuck"
    named, killed = process.stderr.splitlines()
    assert named == f"annx: {place} holds the interpreter, and nothing else can run ..."
    assert killed.startswith(f"annx: {place} has held the interpreter for 4 s, so this command ends;")


@pytest.mark.slow
def test_what_comes_back_is_left_alone(tmp_path: Path) -> None:
    # Limits that no busy machine reaches: what is watched ends as it would alone, and so does what watches.
    process = ended(tmp_path, "sum(range(10**6))", named=60.0, limit=120.0)
    assert (process.returncode, process.stdout, process.stderr) == (0, "done\n", "")


def test_only_the_command_line_is_watched() -> None:
    oversight = Oversight()
    oversight.begin()
    assert oversight._process is None
