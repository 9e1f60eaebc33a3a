"""A report's heat map imports no scipy.stats, and leaves the user's own seaborn whole."""

from __future__ import annotations

import subprocess
import sys

WHOLE = """
import io
import sys
import numpy as np
from matplotlib.figure import Figure
from anncore.report.drawing import our_seaborn

def picture(seaborn):
    figure, buffer = Figure(), io.BytesIO()
    mask = np.array([[False, True], [False, False]])
    seaborn.heatmap(np.eye(2), ax=figure.add_axes((0, 0, 1, 1)), mask=mask, cbar=False, linewidths=1.5)
    figure.savefig(buffer, format="raw")
    return np.frombuffer(buffer.getvalue(), np.uint8)

ours = our_seaborn()
assert our_seaborn() is ours
mine = picture(ours)
assert np.ptp(mine) > 100
assert not {"scipy.stats", "scipy.cluster", "seaborn"} & sys.modules.keys(), sys.modules.keys()

import matplotlib
matplotlib.use("agg")
import seaborn
assert seaborn is not ours
from seaborn import _statistics, matrix
assert not _statistics._no_scipy and not matrix._no_scipy
seaborn.kdeplot(x=[1.0, 2.0, 4.0], cumulative=True)  # which needs SciPy
assert (picture(seaborn) == mine).all()
"""
MISSING = """
import sys
sys.modules["seaborn"] = None
from anncore.report.drawing import our_seaborn
try:
    our_seaborn()
except ImportError:
    assert "seaborn.matrix" not in sys.modules
else:
    sys.exit("it was imported")
"""
THERE = "import seaborn; from anncore.report.drawing import our_seaborn; assert our_seaborn() is seaborn"


def run(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr


def test_it_does_without_scipy_stats_and_a_later_import_is_whole() -> None:
    run(WHOLE)


def test_one_that_is_there_is_taken() -> None:
    run(THERE)


def test_it_stays_missing_where_it_is_missing() -> None:
    run(MISSING)
