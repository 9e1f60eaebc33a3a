"""Figures are drawn alike whatever the host has set for its own, and never replace better ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sweep_factory import load

from anncore import StoreError
from anncore.report import write_report
from anncore.report.write import NotDrawn, figures_to_draw
from anncore.running.sweep import sweep

DRAWN = """
import hashlib, sys
from anncore.report.drawing import drawing_style, to_png
from anncore.report.drawing.sheet import new_sheet
from anncore.report.theme import Theme
with drawing_style():
    figure = new_sheet(4, 1, "A title", "how to read it", Theme.of(["a"], ["a"]))
    print(hashlib.sha256(to_png(figure)).hexdigest())
import matplotlib
print(matplotlib.rcParams["figure.dpi"], matplotlib.rcParams._get("backend"))
"""


def drawn(folder: Path, **environ: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", DRAWN],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    return drawn(tmp_path_factory.mktemp("plain"))[0]


@pytest.mark.parametrize(
    "environ",
    [
        {"MPLBACKEND": "module://a_notebook.that.is.not.here"},
        {"MPLBACKEND": "nonsense", "MATPLOTLIBRC": "/nowhere", "MPLCONFIGDIR": "/dev/null"},
        {"PYTHONWARNINGS": "error", "TMPDIR": "/nowhere", "COLUMNS": "x", "TERM": "nonsense"},
    ],
    ids=["notebook", "nonsense", "others"],
)
def test_a_figure_is_the_same_whatever_is_inherited(
    tmp_path: Path, plain: str, environ: dict[str, str]
) -> None:
    assert drawn(tmp_path, **environ)[0] == plain


def test_a_settings_file_that_cannot_be_read_does_not_matter(tmp_path: Path, plain: str) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"figure.dpi: 30\n\xff\xfe")
    assert drawn(tmp_path)[0] == plain


def test_the_user_s_own_settings_hold_afterwards(tmp_path: Path, plain: str) -> None:
    (tmp_path / "matplotlibrc").write_text("figure.dpi: 30\n")
    digest, settings = drawn(tmp_path, MPLBACKEND="svg")
    assert digest == plain
    assert settings == "30.0 svg"


# ---- a report never replaces a better one


def drawing(figure: Any, data: Any) -> Any:
    from anncore.report.drawing import Drawing
    from anncore.report.drawing.sheet import new_sheet
    from anncore.report.theme import Theme

    return Drawing(new_sheet(4, 1, "T", "S", Theme.of(["a"], ["a"])), figure.name, "T", "alt")


def failing(figure: Any, data: Any) -> Any:
    return NotDrawn("ValueError: no backend", failed=True)


def test_a_report_that_lost_its_figures_does_not_replace_one_that_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = load(tmp_path, "\nseeds.report = [0, 1]\noptimizer.sgd.lr = 0.1\n")
    run = tmp_path / "run"
    results = sweep(experiment, out=run, executor="serial")
    first = partial(figures_to_draw, only=("leaderboard",))
    monkeypatch.setattr("anncore.report.write.figures_to_draw", first)
    monkeypatch.setattr("anncore.report.write.draw_figure", drawing)
    write_report(results, run)
    before = {path: path.read_bytes() for path in (*run.glob("report.*"), *(run / "figures").iterdir())}
    assert len(before) == 6
    (run / "figures" / "drawn.json").unlink()
    del before[run / "figures" / "drawn.json"]
    monkeypatch.setattr("anncore.report.write.draw_figure", failing)
    with pytest.raises(StoreError, match=r"stays as it was, .* could not be drawn: ValueError: no backend"):
        write_report(results, run)
    assert {path: path.read_bytes() for path in before} == before
    # Of other results the numbers matter more, and without an older report there is nothing to lose.
    more = load(tmp_path, "\nseeds.report = [0, 1, 2]\noptimizer.sgd.lr = 0.1\n")
    write_report(sweep(more, out=run, executor="serial"), run)
    assert json.loads((run / "report.json").read_text())["figures"] == []
