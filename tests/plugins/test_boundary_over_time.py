"""Decision boundaries over time: which moments a file asks for, what the panels hold, and what moves."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lazy_report import LazyReport
from matplotlib.text import Text
from PIL import Image
from results_factory import make_results
from trial_factory import make_trial

from anncore import (
    AnnxError,
    DecisionMap,
    Drawing,
    ExperimentError,
    load_experiment,
    load_registry,
    load_run,
    make_plan,
    sweep,
)
from anncore.contract.trial import Train, TrialResult
from anncore.engine.decision_maps import unpacked
from anncore.engine.training import moments_of, train_stack
from anncore.evidence import boundary_rows
from anncore.report.export import export
from anncore.report.write import draw_figures, figure_input
from anncore.running.store import Store

SIDE = 20
MIDDLES = (np.arange(SIDE) + 0.5) / SIDE
MapsOf = Callable[[str, int], dict[int, DecisionMap]]
"""A trial's maps by step from its arm and seed."""


def right_of(at: float) -> DecisionMap:
    """Return a map on the unit square whose second class lies right of `at`."""
    levels = np.broadcast_to(255 * (at < MIDDLES), (1, SIDE, SIDE)).astype(np.uint8)
    examples, labels = np.array([[0.25, 0.5], [0.75, 0.5]]), np.array([0, 1])
    return DecisionMap(("x1", "x2"), ("no", "yes"), (0.0, 0.0), (1.0, 1.0), levels, examples, labels)


def results(make: MapsOf, **options: Any) -> Any:
    given: dict[str, Any] = {"arms": ("sgd", "adam"), "problems": ("moons",), "regression": (), "steps": 100}
    swept = make_results(**(given | {"tune_seeds": (), "rates": (0.1,), "seeds": (1, 2, 3)} | options))
    report = swept.trials[(swept.trials["phase"] == "report") & (swept.trials["status"] == "ok")]
    for row in report.itertuples():
        swept.moments[row.key] = make(row.arm, row.seed)
    return swept


def sliding(arm: str, seed: int) -> dict[int, DecisionMap]:
    """The border of adam reaches its end at step 10, that of sgd at step 50, or at the end with seed 3."""
    if arm == "adam":
        return {0: right_of(0.1), 10: right_of(0.5), 50: right_of(0.55), 100: right_of(0.5)}
    late = 0.2 if seed == 3 else 0.5
    return {0: right_of(0.1), 10: right_of(0.3), 50: right_of(late), 100: right_of(0.5)}


def drawn(swept: Any, width: float = 9.6) -> Drawing:
    content = LazyReport(swept)
    data = replace(figure_input(swept, content), width=width)
    for _, drawing in draw_figures(swept, content, data, only=("boundary_over_time",)):
        assert isinstance(drawing, Drawing), drawing
        return drawing
    raise AssertionError("nothing is drawn")


def texts(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.findobj(Text) if text.get_text()]


# Which moments


def test_moments_lie_closer_together_in_the_beginning() -> None:
    assert sorted(moments_of(Train(maps_at=5), 400)) == [0, 25, 100, 225, 400]  # 400 (i/4)²
    assert sorted(moments_of(Train(maps_at=(0, 7, 900)), 400)) == [0, 7]
    assert moments_of(Train(), 400) == set()


def test_no_other_trial_s_key_knows_of_moments() -> None:
    assert "maps_at" not in Train().to_json()
    assert Train(maps_at=3).to_json()["maps_at"] == 3
    assert Train(maps_at=3).text != Train().text


@pytest.mark.parametrize("asked", [1, 25, True, 2.5, "8", [], [0, 0], [-1], [0.5], list(range(25))])
def test_a_wrong_number_of_moments_is_refused(asked: Any) -> None:
    with pytest.raises(ExperimentError, match="maps_at must be a number of moments from 2 to 24, or a list"):
        load_experiment(
            {"dataset": {"two_moons": {}}, "optimizer": {"sgd": {}}, "report": {"maps_at": asked}}
        )


def test_trials_that_tune_are_the_same_with_and_without() -> None:
    tables = {
        "dataset": {"two_moons": {}},
        "optimizer": {"sgd": {"lr": [0.1, 1.0]}},
        "seeds": {"tune": [0], "report": [100]},
    }
    without, asked = (make_plan(load_experiment(tables | {"report": r})) for r in ({}, {"maps_at": [50, 0]}))
    assert [trial.key for trial in without.tune()] == [trial.key for trial in asked.tune()]
    assert {trial.train.maps_at for trial in asked.report()} == {(0, 50)}
    assert not {trial.key for trial in without.report()} & {trial.key for trial in asked.report()}


def test_maps_along_the_way_change_no_number_and_the_last_one_is_the_map() -> None:
    registry = load_registry()
    trials = [make_trial(registry, test=True, steps=30, seed=seed) for seed in range(3)]
    asking = [replace(trial, train=replace(trial.train, maps_at=(0, 10, 30))) for trial in trials]
    plain, kept = train_stack(trials, registry), train_stack(asking, registry)
    for without, result, trial in zip(plain, kept, asking, strict=True):
        assert (result.metrics, result.curves, result.map) == (without.metrics, without.curves, without.map)
        assert without.moments == ()
        assert [step for step, _ in result.moments] == [0, 10, 30]
        assert result.moments[-1][1] == result.map
        assert result.moments == train_stack([trial], registry)[0].moments  # alone and in a stack
        first, last = (unpacked(blob) for blob in (result.moments[0][1], result.map))
        assert (first.predicted != last.predicted).any()
    tuning = replace(asking[0], test=False)
    assert train_stack([tuning], registry)[0].moments == ()


def test_the_store_gives_moments_back_and_forgets_them_with_their_trial(tmp_path: Path) -> None:
    registry = load_registry()
    trial = make_trial(registry, test=True, steps=4)
    asking = replace(trial, train=replace(trial.train, maps_at=(0, 4)))
    (result,) = train_stack([asking], registry)
    with Store(tmp_path / "trials.sqlite") as store:
        assert store.moments([asking.key]) == {}  # a store of trials that keep none has no table of them
        store.delete([asking.key])
        store.add([(asking, result)])
        by_step = store.moments([asking.key, "unknown"])[asking.key]
        assert list(by_step) == [0, 4]
        np.testing.assert_array_equal(by_step[4].levels, unpacked(result.map).levels)
        store.add([(asking, TrialResult(asking.key, "crashed"))])
        assert store.moments([asking.key]) == {}
        store.add([(asking, result)])
        store.delete([asking.key])
        store.add([(asking, result._replace(moments=()))])
        assert store.moments([asking.key]) == {}


# What is drawn


def test_a_boundary_stays_where_at_most_a_twentieth_still_changes() -> None:
    swept = results(sliding)
    by_arm = {row.arm: row for row in boundary_rows(figure_input(swept, LazyReport(swept)))}
    assert by_arm["adam"].settled == {
        1: 10,
        2: 10,
        3: 10,
    }  # a column of twenty is 5 %, and step 50 is that far off
    assert by_arm["sgd"].settled == {1: 50, 2: 50, 3: 100}
    assert by_arm["sgd"].typical == 50
    assert [round(by_arm["sgd"].to_go(step), 2) for step in (0, 10)] == [0.4, 0.2]


def test_a_row_per_arm_and_a_panel_per_moment() -> None:
    drawing = drawn(results(sliding))
    assert drawing.title == "moons: adam's boundary stays from step 10 on, sgd's stays from step 50 on"
    panels = drawing.figure.axes
    assert len(panels) == 8
    assert [texts(ax)[:2] for ax in panels[:4]] == [
        ["step 0", "40 %"], ["step 10", "0 %"], ["step 50", "5 %"], ["step 100"]
    ]  # fmt: skip
    assert panels[0].get_ylabel() == "adam"
    for ax in panels:
        assert (ax.get_xlim(), ax.get_ylim()) == ((0, 1), (0, 1))
        (image,) = ax.images
        assert np.asarray(image.get_array()).shape[:2] == (3 * SIDE, 3 * SIDE)
    border = panels[0].collections[0].get_paths()[0].vertices[:, 0]
    assert np.abs(border - 0.1).max() < 1 / SIDE
    assert "adam on moons: step 0 40 %" in drawing.alt


def test_one_that_moves_until_its_end_is_said_to() -> None:
    drawing = drawn(results(lambda arm, seed: sliding("sgd", 3), arms=("sgd",)))
    assert drawing.title == "moons: the boundary of sgd still moves before step 100"


def test_arms_that_settle_together_are_named_together() -> None:
    drawing = drawn(results(lambda arm, seed: sliding("adam", seed)))
    assert drawing.title.startswith("moons: the boundaries of ")
    assert drawing.title.endswith(" stay from step 10 on")


def test_all_arms_show_the_seed_that_is_typical() -> None:
    score = {1: 0.1, 2: 0.2, 3: 0.9}
    swept = results(sliding, score=lambda problem, arm, seed: score[seed])
    assert {row.seed for row in boundary_rows(figure_input(swept, LazyReport(swept)))} == {2}


def test_a_phone_gets_fewer_moments_the_first_and_the_last_among_them() -> None:
    panels = drawn(results(sliding), width=3.6).figure.axes
    shown = [ax.texts[0].get_text() for ax in panels]
    assert shown[: len(shown) // 2] == ["step 0", "step 50", "step 100"]


def test_without_moments_the_report_says_how_to_ask_for_them() -> None:
    swept = results(lambda arm, seed: {})
    swept.moments.clear()
    content = LazyReport(swept)
    assert list(draw_figures(swept, content, only=("boundary_over_time",))) == []
    (reason,) = [entry["reason"] for entry in content["not_drawn"] if entry["name"] == "boundary_over_time"]
    assert "[report] maps_at = 8 asks for them" in reason


# What moves


def test_the_picture_that_moves_has_a_frame_per_moment() -> None:
    swept = results(sliding)
    files = export(swept, load_registry().get("exporter", "gif"))
    assert list(files) == ["moons.gif"]
    with Image.open(io.BytesIO(files["moons.gif"])) as picture:
        assert (picture.format, picture.n_frames, picture.info["loop"]) == ("GIF", 4, 0)
        frames, stands = [], []
        for frame in range(4):
            picture.seek(frame)
            frames.append(np.asarray(picture.convert("RGB"), int))
            stands.append(picture.info.get("duration"))
    assert all((one != other).any() for one, other in pairwise(frames))
    assert stands[-1] > stands[0]


def test_an_export_without_moments_says_what_to_write() -> None:
    swept = results(lambda arm, seed: {})
    swept.moments.clear()
    with pytest.raises(AnnxError, match="Write maps_at = 8 under \\[report\\]"):
        export(swept, load_registry().get("exporter", "gif"))


def test_a_sweep_keeps_moments_and_its_report_draws_them(tmp_path: Path) -> None:
    tables = {
        "train": {"steps": 20, "eval_every": 10},
        "seeds": {"report": [0, 1]},
        "report": {"maps_at": 3},
        "dataset": {"two_moons": {"n": 60}},
        "network": {"mlp": {"hidden": [[4]]}},
        "optimizer": {"sgd": {"lr": 1.0}},
    }
    sweep(load_experiment(tables), out=tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert [sorted(by_step) for by_step in run.moments.values()] == [[0, 5, 20]] * 2
    figure = run.figure("boundary_over_time")
    assert [ax.texts[0].get_text() for ax in figure.figure.axes] == ["step 0", "step 5", "step 20"]
