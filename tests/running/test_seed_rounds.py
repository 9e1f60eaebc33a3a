"""Report seeds in rounds, until every claim is settled. Looks and numbers of seeds are counted by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from compared import comparisons, must_be_the_report_s
from results_factory import asked, make_results
from scipy import integrate, stats as scipy_stats
from sweep_factory import without_seconds

from anncore import ExperimentError, load_experiment, load_run, sweep
from anncore.cli.group import cli
from anncore.contract.events import PhaseStarted
from anncore.experiment.model import Rounds
from anncore.report.build import build_report
from anncore.running.seed_rounds import extended
from anncore.running.stopping import Stopper
from anncore.running.store import Store

LARGE = [pytest.mark.slow, pytest.mark.large]
# At a rate of a millionth nothing moves. Eight pairs settle a single claim at the soonest.
CLEAR = """\
# Which one moves?
vary = ["optimizer"]
train = { steps = 30, eval_every = 12, batch_size = 16 }
seeds = { report = { start = 100, num = 6 } }
dataset.blobs.n = 60
network.mlp.hidden = [[4]]
[optimizer.still]
use = "sgd"
lr = 1e-6
[optimizer.moving]
use = "sgd"
lr = 0.1
"""


def experiment(folder: Path, text: str = CLEAR) -> Any:
    (folder / "x.toml").write_text(text)
    return load_experiment(folder / "x.toml")


def invoke(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, args)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anncore.report.write.figures_to_draw", lambda results: [])


def run(folder: Path, text: str = CLEAR, **options: Any) -> Any:
    given: dict[str, Any] = {"executor": "serial", "until_decided": True}
    return sweep(experiment(folder, text), out=folder / "run", **(given | options))


def test_two_rounds_settle_what_six_seeds_cannot(tmp_path: Path) -> None:
    results = run(tmp_path)
    # Six pairs give (6 + 1) / 2^6 = .11 at the least; half as many again is nine, with (9 + 1) / 2^9 = .02.
    assert results.experiment.rounds == Rounds((6, 9), 60, 0)
    assert sorted(results.trials["seed"].unique()) == list(range(100, 109))
    content = build_report(results, {})
    (comparison,) = content["comparisons"]["problems"][content["problems"][0]]
    assert (comparison["a"], comparison["verdict"], comparison["n"]) == ("moving", "better", 9)
    loss = results.trials.pivot_table("test_loss", "seed", "arm")
    gaps = np.log(loss["still"] / loss["moving"]).to_numpy()
    ranks = [np.mean(np.abs(gaps[: j + 1]) <= abs(gaps[j])) for j in range(9)]
    bets = np.sign(gaps) * np.sqrt(ranks)
    capital = [integrate.quad(lambda x, n=n: np.prod(1 + x * bets[:n]) / 2, -1, 1)[0] for n in range(1, 10)]
    assert comparison["p"] == pytest.approx(1 / max(capital))


def norm_of(x: Any) -> tuple[float, float]:
    """Return the mean and its standard error."""
    return float(np.mean(x)), float(np.std(x, ddof=1) / math.sqrt(len(x)))


def test_the_report_says_how_often_it_looked_and_by_which_method(tmp_path: Path) -> None:
    results = run(tmp_path)
    content = build_report(results, {})
    assert content["rounds"] == {"looks": (6, 9), "most": 60, "open": 0}
    texts = [finding["text"] for finding in content["answer"]["findings"]]
    assert "Every claim on a data set is settled after 2 looks (at 6 and 9 seeds)." in texts
    paragraphs = {paragraph["title"]: paragraph["text"] for paragraph in content["methods"]["paragraphs"]}
    assert "2 looks, at 6 and 9 seeds" in paragraphs["Rounds"]
    assert "Ville" in paragraphs["Rounds"]
    assert "all looks' intervals hold the true one together" in paragraphs["Rounds"]
    # Scores at the second look: 5 % / (2 · 3) of error.
    assert content["level"] == pytest.approx(1 - 0.05 / 6)
    assert "are at 99.17 %" in paragraphs["Rounds"]
    problem = content["problems"][0]
    (row,) = [row for row in content["leaderboard"]["problems"][problem] if row["arm"] == "moving"]
    trials = results.trials[results.trials["arm"] == "moving"]
    wide = scipy_stats.t.interval(1 - 0.05 / 6, 8, *norm_of(np.log(trials["test_loss"])))
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.exp(wide)))
    assert "Wilcoxon" not in paragraphs["Within one data set"]
    assert any(paragraph.startswith("Shafer (2021)") for paragraph in content["methods"]["references"])


def test_copies_of_one_arm_are_settled_at_once(tmp_path: Path) -> None:
    copies = CLEAR.replace("lr = 1e-6", "lr = 0.1")
    assert run(tmp_path, copies).experiment.rounds == Rounds((6,), 60, 0)  # the same to the last bit


def test_a_limit_that_is_reached_leaves_claims_open(tmp_path: Path) -> None:
    results = run(tmp_path, max_seeds=7)
    assert results.experiment.rounds == Rounds((6, 7), 7, 1)  # 8 / 2^7 = .0625 can still not be small enough
    texts = [finding["text"] for finding in build_report(results, {})["answer"]["findings"]]
    assert (
        "1 claim on a data set is still open after 2 looks (at 6 and 7 seeds); the limit is 7 seeds." in texts
    )


@pytest.mark.slow
def test_the_same_command_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    expected = without_seconds(run(whole))

    def stop(event: Any) -> None:
        if isinstance(event, PhaseStarted) and event.total > 12:  # the second round
            stopper.request()

    stopper = Stopper()
    half = run(tmp_path, stopper=stopper, on_event=stop)
    assert half.stopped == "interrupted"
    assert half.experiment.rounds == Rounds((6, 9), 60, None)
    events: list[Any] = []
    results = run(tmp_path, on_event=events.append)
    assert without_seconds(results) == expected
    assert results.experiment.rounds == Rounds((6, 9), 60, 0)
    (begun,) = [event for event in events if isinstance(event, PhaseStarted)]
    assert (begun.total, begun.todo) == (18, 6)


def test_a_higher_limit_goes_on_after_a_lower_one(tmp_path: Path) -> None:
    run(tmp_path, max_seeds=7)
    assert run(tmp_path, max_seeds=20).experiment.rounds == Rounds((6, 7, 11), 20, 0)  # 7 + 4


@pytest.mark.slow
def test_another_experiment_in_the_same_folder_begins_anew(tmp_path: Path) -> None:
    run(tmp_path)
    assert run(tmp_path, CLEAR.replace("steps = 30", "steps = 31")).experiment.rounds.looks == (6, 9)
    assert sweep(experiment(tmp_path), out=tmp_path / "run", executor="serial").experiment.rounds is None


def test_fresh_runs_each_trial_once(tmp_path: Path) -> None:
    run(tmp_path)
    events: list[Any] = []
    run(tmp_path, fresh=True, on_event=events.append)
    assert [event.todo for event in events if isinstance(event, PhaseStarted)] == [12, 6]


def test_a_folder_gives_back_what_was_swept(tmp_path: Path) -> None:
    results = run(tmp_path)
    again = load_run(tmp_path / "run")
    assert again.experiment.rounds == results.experiment.rounds
    assert again.experiment.report_seeds == results.experiment.report_seeds
    pd.testing.assert_frame_equal(again.trials, results.trials)


def test_a_folder_that_lost_trials_calls_no_claim_settled(tmp_path: Path) -> None:
    """Half of the second round's rows are gone, as after damage: what its look counted is void."""
    run(tmp_path)
    with Store(tmp_path / "run" / "trials.sqlite") as store:
        store.delete([row.key for row in store.planned("report")[-3:]])
    content = build_report(load_run(tmp_path / "run"), {})
    assert content["rounds"] == {"looks": (6, 9), "most": 60, "open": None}
    assert not [finding for finding in content["answer"]["findings"] if "settled" in finding["text"]]
    paragraphs = {paragraph["title"]: paragraph["text"] for paragraph in content["methods"]["paragraphs"]}
    assert "they ended while its trials were running" in paragraphs["Rounds"]
    assert run(tmp_path).experiment.rounds == Rounds((6, 9), 60, 0)  # the same command mends it


def test_tuning_seeds_are_not_reported_on() -> None:
    assert extended((1, 2), 4, taken=(3, 5)) == (1, 2, 4, 6)
    assert extended((7, 5), 4) == (7, 5, 8, 9)


@pytest.mark.parametrize(
    ("most", "limits", "message"),
    [
        (5, "", "max_seeds must be at least 6, the number of report seeds of the experiment, got 5"),
        (
            40,
            "limits.max_trials = 50\n",
            "max_seeds 40 may come to 80 trials, more than [limits] max_",
        ),
    ],
)
def test_a_limit_must_fit(tmp_path: Path, most: int, limits: str, message: str) -> None:
    text = CLEAR.replace("dataset.", f"{limits}dataset.", 1)
    with pytest.raises(ExperimentError) as caught:
        run(tmp_path, text, max_seeds=most)
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_the_default_limit_keeps_to_the_most_trials(tmp_path: Path) -> None:
    text = CLEAR.replace("dataset.", "limits.max_trials = 50\ndataset.", 1)
    assert run(tmp_path, text).experiment.rounds.most == 25  # two arms


@pytest.mark.slow
def test_commands_tell_of_the_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undrawn: None) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.toml").write_text(CLEAR)
    dry = invoke("sweep", "x.toml", "--until-decided", "--dry-run").stdout
    assert "until decided: 6 report seeds first, then half as many again each round, up to 60\n" in dry
    assert not (tmp_path / "reports").exists()
    done = invoke("sweep", "x.toml", "--until-decided", "--executor", "serial").stdout
    assert "Every claim on a data set is settled after 2 looks" in done
    so_far = "until decided, so far: looked at 6, 9 seeds of at most 60, 0 claims open\n"
    assert so_far in invoke("status", "reports/x").stdout
    assert so_far in invoke("plan", "x.toml").stdout
    status = json.loads(invoke("status", "reports/x", "--json").stdout)
    assert status["rounds"] == {"looks": [6, 9], "most": 60, "open": 0}
    assert "18 of 18 done, 0 to do" in invoke("plan", "x.toml", "--until-decided").stdout
    report = (tmp_path / "reports" / "x" / "report.md").read_text()
    assert invoke("report", "reports/x").exit_code == 0
    assert (tmp_path / "reports" / "x" / "report.md").read_text() == report
    refused = invoke("sweep", "x.toml", "--max-seeds", "9", code=2)
    assert "--max-seeds needs --until-decided" in refused.output


def looks_like_a_sweep(
    rng: Any, effect: float, arms: int, looks: tuple[int, ...], whole: bool = False
) -> bool:
    """Return whether any look calls an arm better; arms differ by `effect`. whole: ask the report too."""
    seeds = tuple(range(looks[-1]))
    luck = {seed: rng.normal(0, 0.5) for seed in seeds}
    names = tuple(f"arm{i}" for i in range(arms))
    made = {(arm, seed): math.exp(luck[seed] + rng.normal(0, 0.2)) for arm in names for seed in seeds}
    results = make_results(
        names, ("set",), seeds, (), (0.1,), score=lambda p, a, s: made[a, s], steps=1, regression=()
    )
    results.trials.loc[results.trials["arm"] == names[0], "test_loss"] *= math.exp(effect)
    results.trials.insert(0, "number", np.arange(len(results.trials)))
    every = results.trials
    for i, look in enumerate(looks):
        seen = replace(results, trials=every[every["seed"] < look].reset_index(drop=True))
        seen = asked(seen, report_seeds=seeds[:look], rounds=Rounds(looks[: i + 1], looks[-1]))
        better = any(claim["verdict"] == "better" for claim in comparisons(seen)["problems"]["set"])
        if whole or better:
            must_be_the_report_s(seen)
        if better:
            return True
    return False


LOOKS = (10, 15, 23, 35)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("repetitions", "most"), [(25, 4), pytest.param(400, 29, marks=LARGE)]
)  # 5 % are 1.25 and 20; no more than the 98th percentile
def test_however_often_the_report_looks_equal_arms_are_rarely_told_apart(repetitions: int, most: int) -> None:
    rng = np.random.default_rng(11)
    mistaken = [looks_like_a_sweep(rng, 0.0, 3, LOOKS, whole=i == 0) for i in range(repetitions)]
    assert sum(mistaken) <= most


@pytest.mark.slow
def test_and_arms_that_differ_are() -> None:
    rng = np.random.default_rng(12)
    assert sum(looks_like_a_sweep(rng, 0.4, 2, LOOKS) for _ in range(8)) >= 7
