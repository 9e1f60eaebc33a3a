"""A figure that would be drawn the same again is taken from the last report, and never anything else."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from results_factory import make_results

from anncore.report import redrawing
from anncore.report.redrawing import DRAWN, keys_of
from anncore.report.write import draw_figure, figure_input, figures_to_draw, with_sections, write_report

NAMES = ("leaderboard", "differences", "som_map", "success_rates")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Draw a few figures in this process alone, and note which."""
    names: list[str] = []

    def noted(figure: Any, data: Any) -> Any:
        names.append(figure.name)
        return draw_figure(figure, data)

    monkeypatch.setattr("anncore.report.write.draw_figure", noted)
    monkeypatch.setattr("anncore.report.write.cores", lambda: 1)
    monkeypatch.setattr("anncore.report.write.figures_to_draw", partial(figures_to_draw, only=NAMES))
    return names


def results(**options: Any) -> Any:
    return make_results(**{"arms": ("sgd", "adam"), "problems": ("xor",), "regression": (), **options})


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_second_report_draws_nothing_and_is_the_same(tmp_path: Path, drawn: list[str]) -> None:
    write_report(results(), tmp_path)
    assert {"leaderboard", "differences"} < set(drawn)
    first = files(tmp_path)
    drawn.clear()
    write_report(results(), tmp_path)
    assert drawn == []
    assert files(tmp_path) == first


@pytest.mark.parametrize(
    "damage", ["cut", "gone", "changed record", "no record", "record of another user", "record of lists"]
)
def test_what_is_damaged_is_drawn_again(
    damage: str, tmp_path: Path, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(results(), tmp_path)
    first = files(tmp_path)
    drawn.clear()
    svg, record = tmp_path / "figures" / "leaderboard.svg", tmp_path / "figures" / DRAWN
    if damage == "cut":
        svg.write_bytes(svg.read_bytes()[:-1])
    elif damage == "gone":
        svg.unlink()
    elif damage == "changed record":
        content = json.loads(record.read_text())
        content["figures"]["annx:leaderboard"]["entry"]["title"] = "sgd is best"
        record.write_text(json.dumps(content))
    elif damage == "no record":
        record.unlink()
    elif damage == "record of another user":
        monkeypatch.setattr("anncore.running.own_folders.cache_folder", lambda: tmp_path / "another")
    else:
        record.write_text("[]")
    write_report(results(), tmp_path)
    assert drawn.count("leaderboard") == 2
    if damage in ("cut", "gone"):
        assert "differences" not in drawn, "its files are whole"
    after = files(tmp_path)
    assert {name: after[name] for name in first if name != DRAWN} == {
        name: first[name] for name in first if name != DRAWN
    }


def test_other_scores_are_drawn_again(tmp_path: Path, drawn: list[str]) -> None:
    write_report(results(), tmp_path)
    drawn.clear()
    write_report(results(seeds=(100, 101, 102)), tmp_path)
    assert "leaderboard" in drawn


def test_other_code_is_drawn_again(tmp_path: Path, drawn: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(results(), tmp_path)
    drawn.clear()
    monkeypatch.setattr(redrawing, "_own_code", lambda: "changed")
    write_report(results(), tmp_path)
    assert "leaderboard" in drawn


@pytest.mark.parametrize("name", ["contourpy", "matplotlib", "pillow", "seaborn"])
def test_another_version_of_what_draws_is_other_code(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of annx's own figures, whose code is not asked for their imports."""
    version, code = importlib.metadata.version, redrawing._own_code.__wrapped__
    before = code()
    monkeypatch.setattr(importlib.metadata, "version", lambda one: "0.0" if one == name else version(one))
    assert code() != before


def test_a_changed_figure_is_drawn_again_and_the_others_are_not(
    tmp_path: Path, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(results(), tmp_path)
    drawn.clear()
    known = redrawing._module_digest

    def changed(cls: type[Any]) -> str:
        return "changed" if cls.__name__ == "Leaderboard" else known(cls)

    monkeypatch.setattr(redrawing, "_module_digest", changed)
    write_report(results(), tmp_path)
    assert set(drawn) == {"leaderboard"}


def test_a_report_without_figures_leaves_no_record(tmp_path: Path, drawn: list[str]) -> None:
    write_report(results(), tmp_path)
    write_report(results(), tmp_path, figures=False)
    assert list((tmp_path / "figures").iterdir()) == []


def test_every_part_of_what_a_figure_is_handed_is_in_its_key() -> None:
    swept = results()
    data = figure_input(swept, with_sections(swept, {}))
    figures, registry = figures_to_draw(swept), swept.experiment.registry

    def key(**changes: Any) -> str:
        return keys_of(figures, dataclasses.replace(data, **changes), registry)["annx:leaderboard"]

    trials = data.trials.copy()
    trials.loc[trials.index[0], "seed"] += 1
    curves = data.curves.copy()
    curves.loc[curves.index[0], "value"] += 1e-9
    changes: list[dict[str, Any]] = [
        {"trials": trials},
        {"trials": data.trials.rename(columns={"seed": "seeds"})},
        {"curves": curves},
        {"report": {**data.report, "title": "another"}},
        {"theme": dataclasses.replace(data.theme, ramp=data.theme.ramp[::-1])},
        {"options": {"x": 1}},
        {"options": {"x": "1"}},
        {"maps": {"a": np.zeros((2, 2))}},
        {"maps": {"a": np.zeros((4, 1))}},
        {"moments": {"a": {1: (1.0, "b")}}},
        {"snapshots": {"a": pd.DataFrame({"n": ["x\x1f", "y"]})}},
        {"snapshots": {"a": pd.DataFrame({"n": ["x", "\x1fy"]})}},
        {"snapshots": {"a": pd.DataFrame({"index": [1, 2]})}},
        {"snapshots": {"a": pd.DataFrame({"index": [1, 3]})}},
        {"snapshots": {"a": pd.DataFrame({"index": [1, 3]}, index=[1, 2])}},
        {"snapshots": {"a": pd.DataFrame([[1, 2]], columns=["n", "n"])}},
        {"snapshots": {"a": pd.DataFrame([[1, 3]], columns=["n", "n"])}},
        {"components": {"optimizer": {"sgd": registry.get("optimizer", "sgd").cls()}}},
        {"components": {"optimizer": {"sgd": registry.get("optimizer", "sgd").cls(lr=0.5)}}},
        {"components": {"optimizer": {"sgd": registry.get("optimizer", "adam").cls()}}},
    ]
    keys = [key(), *(key(**change) for change in changes)]
    assert len(set(keys)) == len(keys)
    assert key() == keys[0]
    left = {field.name for field in dataclasses.fields(data)} - {name for one in changes for name in one}
    assert left == {"objectives", "width", "memory"}


def test_what_cannot_be_told_apart_is_drawn_every_time() -> None:
    swept = results()
    data = figure_input(swept, with_sections(swept, {}))
    unknown = dataclasses.replace(data, options={"x": object()})
    assert keys_of(figures_to_draw(swept), unknown, swept.experiment.registry) == {}
