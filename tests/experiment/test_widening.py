"""`[search] widen = true`: ranges that grow where a chosen value lies at their edge. Values by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sweep_factory import without_seconds

from anncore import ExperimentError, load_experiment, load_run, sweep
from anncore.cli.group import cli
from anncore.contract.events import PhaseStarted
from anncore.experiment.model import Range, Widening
from anncore.experiment.widening import wider
from anncore.report.build import build_report
from anncore.running.stopping import Stopper

# The rates of both are far too small for the loss to have any choice but to ask for larger ones.
NARROW = """\
# How far off may a range be?
vary = ["optimizer"]
train = { steps = 20, eval_every = 20, batch_size = 16 }
seeds = { tune = [0, 1], report = [100, 101] }
search.widen = true
dataset.blobs.n = 60
network.mlp.hidden = [[4]]
[optimizer.sgd]
lr = { log = [1e-5, 1e-4], num = 3 }
[optimizer.adam]
lr = [0.01, 0.03, 0.1, 0.3, 1.0]
"""


def experiment(folder: Path, text: str = NARROW, *overrides: str) -> Any:
    (folder / "x.toml").write_text(text)
    return load_experiment(folder / "x.toml", overrides=overrides)


def run(folder: Path, text: str = NARROW, **options: Any) -> Any:
    return sweep(experiment(folder, text), out=folder / "run", executor="serial", **options)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the results of the sweep of NARROW; no test changes them."""
    return run(tmp_path_factory.mktemp("grown"))


def rates(results: Any, arm: str) -> list[float]:
    tune = results.trials[(results.trials["phase"] == "tune") & (results.trials["arm"] == arm)]
    return sorted(tune["optimizer.lr"].unique())


def values(of: Any, label: str) -> list[float]:
    (axis,) = [axis for axis in of.entry("optimizer", label).axes if axis.keys == ("lr",)]
    return [row[0] for row in axis.rows]


def test_a_range_grows_for_every_arm_until_the_best_lies_inside_or_three_times(grown: Any) -> None:
    # In sgd's own pattern of two a decade (3.16 is √10), three times tenfold upwards.
    decades = sorted(10.0**power * step for power in range(-5, -1) for step in (1, 10**0.5))
    expected = [*decades, 0.1]
    assert rates(grown, "sgd") == pytest.approx(expected, rel=1e-9)
    assert rates(grown, "adam") == pytest.approx(
        [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000], rel=1e-9
    )
    assert grown.experiment.widened == (Widening("optimizer.lr", 0, 3),)
    assert not grown.missing


def test_the_report_says_what_grew_and_that_it_did_not_suffice(grown: Any) -> None:
    content = build_report(grown, {})
    assert content["widened"] == [{"key": "optimizer.lr", "down": 0, "up": 3}]
    methods = {part["title"]: part["text"] for part in content["methods"]["paragraphs"]}
    assert "the choice was made again: optimizer.lr a thousandfold upwards." in methods["Tuning"]
    warnings = {warning["kind"]: warning["text"] for warning in content["answer"]["warnings"]}
    assert "optimizer.lr a thousandfold upwards" in warnings["widened"]
    if "edge" in warnings:
        assert "widen could not help any more" in warnings["edge"]


def test_without_it_the_warning_names_it(tmp_path: Path) -> None:
    content = build_report(run(tmp_path, NARROW.replace("widen = true", "widen = false")), {})
    assert content["widened"] == []
    warnings = content["answer"]["warnings"]
    (edge,) = [warning["text"] for warning in warnings if warning["kind"] == "edge"]
    assert "let [search] widen = true do it" in edge


def test_a_range_that_is_wide_enough_stays(tmp_path: Path) -> None:
    wide = NARROW.replace("[1e-5, 1e-4], num = 3", "[1e-5, 1e4], num = 10").replace(
        "0.01, 0.03", "1e-4, 0.03"
    )
    results = run(tmp_path, wide)
    assert results.experiment.widened == ()
    assert len(rates(results, "sgd")) == 10


def test_a_list_goes_on_by_its_own_values_at_the_end_that_was_reached(tmp_path: Path) -> None:
    wide = wider(experiment(tmp_path), [("optimizer.lr", "down")])
    assert wide is not None
    assert values(wide, "adam") == [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
    assert values(wide, "sgd") == pytest.approx([1e-6, 3.16227766017e-6, 1e-5, 3.16227766017e-5, 1e-4])
    again = wider(wide, [("optimizer.lr", "down"), ("optimizer.lr", "up")])
    assert again is not None
    assert values(again, "adam") == [1e-4, 3e-4, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]
    assert again.widened == (Widening("optimizer.lr", 2, 1),)


def test_drawn_ranges_grow_and_every_arm_keeps_its_samples(tmp_path: Path) -> None:
    text = NARROW.replace("search.widen = true", "search = { method = 'halton', samples = 4, widen = true }")
    text = text.replace(", num = 3", "").replace("[0.01, 0.03, 0.1, 0.3, 1.0]", "{ log = [0.01, 1.0] }")
    wide = wider(experiment(tmp_path, text), [("optimizer.lr", "up")])
    assert wide is not None
    (axis,) = wide.entry("optimizer", "sgd").axes
    assert isinstance(axis, Range)
    assert axis.search.values == pytest.approx((1e-5, 1e-3))
    results = run(tmp_path, text)
    assert results.experiment.widened
    assert len(rates(results, "sgd")) == len(rates(results, "adam")) == 4
    assert max(rates(results, "sgd")) > 1e-4


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ("lr = 0.1", "lr"),  # fixed
        ("lr = [0.1, 0.2, 0.3]", "lr"),  # no scale: less than a factor of ten
        ('"lr, momentum" = [[0.01, 0.5], [0.1, 0.9], [1.0, 0.0]]', "lr"),  # walks with another
        ("momentum = [0.01, 0.1, 0.9]", "momentum"),  # 1.0 and 9.0 are no momentum
    ],
)
def test_what_is_no_scale_or_has_no_room_stays(tmp_path: Path, lines: str, key: str) -> None:
    narrow = experiment(
        tmp_path, NARROW[: NARROW.index("[optimizer.sgd]")] + f"[optimizer.momentum]\n{lines}\n"
    )
    assert wider(narrow, [(f"optimizer.{key}", "up")]) is None


def test_a_data_set_is_not_tuned_and_never_grows(tmp_path: Path) -> None:
    narrow = experiment(tmp_path, NARROW.replace("dataset.blobs.n = 60", "dataset.blobs.n = [60, 600, 6000]"))
    assert wider(narrow, [("dataset.n", "up")]) is None


def test_the_limit_on_trials_holds(tmp_path: Path) -> None:
    # 3 + 5 rates on 2 seeds and 2 arms on 2: 20 trials; a decade more is 2 + 2 rates, 28 trials.
    results = run(tmp_path, NARROW.replace("search.widen", "limits.max_trials = 28\nsearch.widen"))
    assert results.experiment.widened == (Widening("optimizer.lr", 0, 1),)
    assert len(results.trials) == 28


def test_the_same_command_resumes_in_the_middle_and_a_folder_gives_back_what_it_holds(
    tmp_path: Path, grown: Any
) -> None:
    def stop(event: Any) -> None:
        if isinstance(event, PhaseStarted) and event.total > 20:
            stopper.request()

    stopper = Stopper()
    half = run(tmp_path, stopper=stopper, on_event=stop)
    assert half.stopped
    assert len(half.selection) == 0
    assert load_run(tmp_path / "run").experiment.widened == (Widening("optimizer.lr", 0, 1),)
    results = run(tmp_path)
    assert without_seconds(results) == without_seconds(grown)
    again = load_run(tmp_path / "run")
    assert again.experiment.entries == results.experiment.entries
    events: list[Any] = []
    run(tmp_path, on_event=events.append)
    assert [event.todo for event in events if isinstance(event, PhaseStarted)] == [0] * 5


def test_it_goes_together_with_rounds(tmp_path: Path) -> None:
    results = run(tmp_path, until_decided=True, max_seeds=4)
    assert results.experiment.widened == (Widening("optimizer.lr", 0, 3),)
    assert results.experiment.rounds.looks[-1] <= 4
    assert load_run(tmp_path / "run").experiment.rounds == results.experiment.rounds


def test_nothing_can_lie_at_an_edge_where_nothing_is_tuned(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="widen needs tune seeds: without"):
        experiment(tmp_path, NARROW, "seeds.tune=[]")
    with pytest.raises(ExperimentError, match="widen must be true or false"):
        experiment(tmp_path, NARROW, "search.widen=1")


def test_a_plan_says_that_ranges_may_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.toml").write_text(NARROW)
    shown = CliRunner().invoke(cli, ["plan", "x.toml"]).output
    assert "where a chosen value lies at the edge of its range, it grows tenfold for every arm\n" in shown
