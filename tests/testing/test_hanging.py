"""A test that hangs ends, with its name and the line where it hangs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HANGS = """
import time

def test_before():
    pass

def test_that_hangs():
    time.sleep(600)  # here

def test_after():
    pass
"""


@pytest.mark.slow
def test_a_test_that_hangs_is_named_and_the_others_run(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(HANGS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    options = ["-p", "hanging", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-n", "1", "-ra"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_it.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "ANNX_TEST_SECONDS": "5"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert "2 passed" in done.stdout
    assert "test_it.py::test_that_hangs" in done.stdout
    assert 'test_it.py", line 8 in test_that_hangs' in done.stderr
