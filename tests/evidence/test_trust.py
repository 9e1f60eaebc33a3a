"""What keeps a report honest: far-off seeds, choices made from nothing, values that are rounding."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from results_factory import make_results
from scipy import stats as scipy_stats

from anncore import load_experiment, load_run, sweep
from anncore.evidence import scores, stats
from anncore.evidence.cautions import audit
from anncore.evidence.frame import prepared
from anncore.evidence.measures import Measure, floors_of, with_floor_steps
from anncore.evidence.sentences import sentence
from anncore.evidence.study import Study
from anncore.evidence.verdicts import compare, seed_claims
from anncore.report.build import build_report, plain
from anncore.report.drawing import edge_values, robust_range
from anncore.report.words import score as score_words, value as value_words

# One seed that decides a mean


@pytest.mark.parametrize(
    ("values", "scale", "decides"),
    [
        ([1.0, 1.1, 0.9, 1.0, 945650.0], "linear", True),  # the mean of 189131 describes no seed
        ([1.0, 1.1, 0.9, 1.0, 945650.0], "log", True),
        ([0.9, 0.92, 0.91, 0.93, -500.0], "linear", True),
        ([1.0, 1.2, 0.9, 1.1, 1.4], "linear", False),
        ([0.1, 0.1, 0.1, 0.1, 0.12], "log", False),  # outside the middle half, but by nothing
        ([1.0, 1.0, 1.0, 1.0, 0.0], "unit", False),
        ([1.0, 1.0, 1000.0], "linear", False),  # three seeds have no middle half to speak of
        ([1e-8, 1e-6, 1e-4, 1e-2], "log", False),  # spread evenly: the mean is amid them
        ([1.0, 1.0, 2.0, math.inf, math.nan], "linear", False),
    ],
)
def test_a_single_seed_decides_the_mean(values: list[float], scale: str, decides: bool) -> None:
    assert stats.one_decides(values, scale) is decides


def test_the_interval_of_a_median_is_that_of_the_sign_test() -> None:
    # Ten values: P(B ≤ 1) = 11/1024 = .0107 and P(B ≤ 2) = .0547, so the second and the ninth.
    assert stats.median_interval(range(1, 11)) == (5.5, 2.0, 9.0, 10)
    # Twenty: P(B ≤ 5) = .0207, P(B ≤ 6) = .0577: the sixth and the fifteenth.
    assert stats.median_interval(range(1, 21)) == (10.5, 6.0, 15.0, 20)
    few = stats.median_interval([3.0, 1.0, 2.0, 5.0, 4.0])
    assert few.value == 3.0
    assert math.isnan(few.low)
    assert math.isnan(few.high)


@pytest.mark.parametrize("n", [6, 9, 17, 30])
def test_the_interval_of_a_median_agrees_with_scipy(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n)
    ends = scipy_stats.quantile_test(values, q=0, p=0.5).confidence_interval(0.95)
    got = stats.median_interval(values)
    assert (got.low, got.high) == (ends.low, ends.high)


def far_off(problem: str, arm: str, seed: int) -> float:
    return 3.6e6 if (arm, seed) == ("adam", 103) else 0.5 + 0.01 * (seed % 5)


def test_the_median_stands_where_one_seed_decides_the_mean() -> None:
    results = make_results(("sgd", "adam"), ("xor",), score=far_off)
    report = plain(build_report(results, {}))
    row = next(row for row in report["leaderboard"]["problems"]["xor"] if row["arm"] == "adam")
    losses = np.array([1.05 * far_off("xor", "adam", seed) for seed in range(100, 110)])
    assert row["centre"] == "median"
    assert row["value"] == pytest.approx(np.median(losses))
    assert [row["low"], row["high"]] == pytest.approx(np.sort(losses)[[1, 8]])
    assert score_words(row, report["measures"]["xor"]) == "0.546 (median)"
    (said,) = [w["text"] for w in report["answer"]["warnings"] if w["kind"] == "one_seed_decides"]
    assert "adam on xor" in said
    methods = " ".join(paragraph["text"] for paragraph in report["methods"]["paragraphs"])
    assert "marked “(median)”" in methods


def test_where_no_seed_is_far_off_nothing_is_said_of_medians() -> None:
    report = plain(build_report(make_results(("sgd", "adam"), ("xor",)), {}))
    assert {row["centre"] for row in report["leaderboard"]["problems"]["xor"]} == {"mean"}
    assert "one_seed_decides" not in [warning["kind"] for warning in report["answer"]["warnings"]]
    assert "(median)" not in str(report["methods"])


def test_a_difference_that_one_seed_decides_is_the_median_one() -> None:
    costs = pd.DataFrame({"a": [0.0] * 8, "b": [1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 1.0, 5000.0]})
    (claim,) = compare(costs)
    assert (claim.a, claim.verdict, claim.centre) == ("a", "typical", "median")
    assert claim.effect == pytest.approx(1.0, abs=0.06)
    assert claim.mean == pytest.approx(5007.0 / 8)
    assert claim.mean_low < 0 < claim.mean_high


# Axes


def test_an_axis_leaves_out_what_would_flatten_it() -> None:
    calm, wild = [1.0, 1.1, 1.2, 1.05, 1.15], [1.0, 1.1, 1.2, 1.1, 94565.0]
    assert robust_range([calm, wild], log=False) == (1.0, 1.2)
    assert robust_range([calm, wild], log=True) == pytest.approx((1.0, 1.2))
    assert robust_range([calm, [1.0, 1.1, 1.05, 1.1, 1.35]], log=False) == (1.0, 1.35)  # near enough
    # An arm that is far off as a whole belongs to the picture.
    assert robust_range([calm, [900.0, 950.0, 1000.0]], log=False) == (1.0, 1000.0)
    assert all(math.isnan(end) for end in robust_range([[], [math.nan, -1.0]], log=True))


def test_what_lies_beyond_the_axis_is_marked_with_its_value() -> None:
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    ax.set_xlim(0, 2)
    edge_values(ax, [1.0, 94565.0, 300.0, -5.0, math.inf], 3.0, "#000000")
    assert sorted(text.get_text() for text in ax.texts) == ["9.5·10⁴ ×2", "−5"]
    marks = sorted((float(line.get_xdata()[0]), line.get_marker()) for line in ax.lines)
    assert marks == [(0.0, "<"), (2.0, ">")]


# Nothing to choose from

TROUBLE = '''
from dataclasses import dataclass
from typing import Any, ClassVar
import numpy as np
from anncore import Array, Hyper, Optimizer, hookimpl, hyper

@dataclass(frozen=True)
class Trouble(Optimizer):
    """Gradient descent that fails, or whose steps are not finite."""
    name: ClassVar[str] = "trouble"
    how: str = hyper("raise", ("raise", "nan"))
    lr: Hyper = hyper(0.1, "(0, inf)")

    def init(self, weight: Array) -> Any:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        if self.how == "raise":
            raise ArithmeticError("I cannot go on")
        return grad * np.nan, ()

@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Trouble]
'''
NOTHING = """
vary = ["optimizer"]
plugins.files = ["trouble.py"]
train = { steps = 8, eval_every = 4 }
seeds = { tune = [0, 1], report = [100, 101, 102, 103, 104, 105, 106] }
dataset.two_moons.n = 60
optimizer.sgd.lr = [0.01, 0.1]
[optimizer.raises]
use = "trouble"
lr = [0.01, 0.1]
[optimizer.nans]
use = "trouble"
how = "nan"
lr = [0.01, 0.1]
"""


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nothing")
    (folder / "trouble.py").write_text(TROUBLE)
    (folder / "nothing.toml").write_text(NOTHING)
    sweep(load_experiment(folder / "nothing.toml"), out=folder / "run", executor="serial", unchecked=True)
    return folder / "run"


def test_no_report_trial_runs_under_a_choice_made_from_nothing(nothing: Path) -> None:
    results = load_run(nothing)
    report = results.trials[results.trials["phase"] == "report"]
    assert set(report["arm"]) == {"sgd"}
    assert results.missing == 0
    empty = results.selection[results.selection["n_ok"] == 0]
    assert set(empty["arm"]) == {"raises", "nans"}
    assert empty["config"].isna().all()


def test_the_report_says_that_there_was_nothing_to_choose_from(nothing: Path) -> None:
    report = plain(build_report(load_run(nothing), {}))
    rows = {row["arm"]: row for row in report["leaderboard"]["problems"]["two_moons"]}
    assert rows["raises"]["note"] == "nothing to choose from: 4 of 4 tuning trials failed"
    assert rows["nans"]["note"] == "nothing to choose from: 4 of 4 tuning trials diverged"
    assert {rows[arm]["value"] for arm in ("raises", "nans")} == {None}
    assert score_words(rows["raises"], report["measures"]["two_moons"]) == "nothing to choose from"
    chosen = {row["arm"]: row["config"] for row in report["selection"]}
    assert chosen["raises"] is chosen["nans"] is None
    assert chosen["sgd"] is not None
    kinds = [warning["kind"] for warning in report["answer"]["warnings"]]
    assert "nothing_chosen" in kinds
    assert not {"left_out", "incomplete"} & set(kinds)


def test_what_failed_blocks_a_claim_and_what_diverged_loses(nothing: Path) -> None:
    study = Study(load_run(nothing))
    verdicts = {frozenset((c.a, c.b)): c for c in seed_claims(study)["two_moons"]}
    assert verdicts[frozenset(("sgd", "raises"))].verdict == "blocked"
    lost = verdicts[frozenset(("sgd", "nans"))]
    assert (lost.a, lost.wins, lost.diverged) == ("sgd", 7, 7)
    frame = scores(load_run(nothing))
    assert set(frame.loc[frame["arm"] == "nans", "status"]) == {"diverged"}
    assert set(frame.loc[frame["arm"] == "raises", "status"]) == {"not chosen"}


# The floor of a function


def test_at_the_floor_the_steps_decide() -> None:
    measure = Measure("test_loss", "min", "log", "functions", floor=1e-16, steps=500)
    values, steps = [2e-16, 1e-16, 1e-20, 1e-66, 0.0], [math.nan, 500, 250, 100, math.nan]
    got = measure.scores(values, steps)
    np.testing.assert_allclose(got, [2e-16, 1e-16, 0.5e-16, 0.2e-16, 1e-16])
    assert measure.scores([1e-20, 1e-66], [300, 300]).tolist() == [0.6e-16] * 2  # equal, whatever the value
    assert Measure("test_loss", "min", "log").scores([1e-66], [3]).tolist() == [1e-66]  # no floor on data


def test_the_first_evaluation_at_the_floor_counts() -> None:
    trials = pd.DataFrame({"key": list("abc"), "phase": ["report", "report", "tune"], "objective": "bowl"})
    curves = pd.DataFrame(
        [
            *[("a", step, "valid_loss", value) for step, value in ((0, 1.0), (10, 1e-17), (20, 1e-30))],
            *[("b", step, "valid_loss", value) for step, value in ((0, 1.0), (10, 1e-3), (20, 1e-9))],
            *[("c", step, "valid_loss", value) for step, value in ((0, 1.0), (10, 1e-17))],
            ("a", 5, "train_loss", 0.0),
        ],
        columns=["key", "step", "metric", "value"],
    )  # fmt: skip

    class Bowl:
        floor = 2e-17

    class Part:
        label = "bowl"

        class component:
            cls = Bowl

    class Train:
        dtype = "float64"

    class Experiment:
        train = Train()
        entries = {"objective": (Part(),)}  # noqa: RUF012

    steps = with_floor_steps(trials, curves, Experiment())["floor_steps"]  # type: ignore[arg-type]
    np.testing.assert_array_equal(steps, [10.0, math.nan, math.nan])
    Train.dtype = "float32"  # whose rounding is 2²⁹ times as coarse
    assert floors_of(Experiment()) == {"bowl": 2e-17 * 2**29}  # type: ignore[arg-type]


def functions(tmp_path: Path) -> Any:
    (tmp_path / "f.toml").write_text(
        'vary = ["optimizer"]\ntrain = { steps = 400, eval_every = 1, dtype = "float64" }\n'
        "seeds = { report = [100, 101, 102, 103, 104, 105] }\n"
        "objective.quadratic = { condition = 2, spread = 0.2 }\n"
        "[optimizer.slow]\nuse = 'sgd'\nlr = 0.1\n[optimizer.fast]\nuse = 'sgd'\nlr = 0.3\n"
    )
    return sweep(load_experiment(tmp_path / "f.toml"), out=tmp_path / "run", executor="serial")


def test_of_two_arms_at_the_floor_the_one_with_fewer_steps_wins(tmp_path: Path) -> None:
    results = functions(tmp_path)
    study = Study(results)
    (claim,) = seed_claims(study)["quadratic"]
    assert (claim.a, claim.b, claim.verdict, claim.n, claim.at_floor) == ("fast", "slow", "better", 6, 6)
    # The value falls as (1 - 0.1)^2t and (1 - 0.3)^2t along the flatter axis, so the steps are in the ratio
    # log 0.9 / log 0.7 = 0.2954, up to one step of some 150.
    assert math.exp(-claim.effect) == pytest.approx(math.log(0.9) / math.log(0.7), rel=0.03)
    assert "% fewer steps" in sentence(claim)
    assert sentence(claim).endswith("All pairs are at the function's floor, where fewer steps win.")
    report = plain(build_report(results, {}))
    row = report["leaderboard"]["problems"]["quadratic"][0]
    measure = report["measures"]["quadratic"]
    assert measure["floor"] == 2.0**-52
    assert value_words(row["value"], measure).startswith("floor at 1")
    assert "rounding" in str(report["methods"])


def test_without_curves_the_steps_to_the_floor_are_known_all_the_same(tmp_path: Path) -> None:
    whole = functions(tmp_path)
    short = load_run(tmp_path / "run", curves=False)
    assert not len(short.curves)
    pd.testing.assert_frame_equal(scores(short), scores(whole))


# One frame


def test_a_study_and_the_public_frame_count_the_same_trials() -> None:
    def status(problem: str, arm: str, seed: int) -> str:
        return {("adam", 100): "diverged", ("adam", 101): "failed"}.get((arm, seed), "ok")

    results = make_results(("sgd", "adam"), ("xor", "iris"), status=status)
    study = Study(results)
    frame = prepared(scores(results))
    for problem in study.problems:
        mine = frame[frame["problem"] == problem].set_index(["seed", "arm"])["cost"].unstack()  # noqa: PD010
        np.testing.assert_array_equal(mine[list(study.arms)].to_numpy(), study.costs(problem).to_numpy())


def test_a_clean_sweep_has_no_caution_on_choices_or_means() -> None:
    kinds = {warning.kind for warning in audit(Study(make_results()), 10)}
    assert not kinds & {"nothing_chosen", "one_seed_decides"}
