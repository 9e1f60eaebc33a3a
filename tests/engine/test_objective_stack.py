"""Objectives in place of networks: sameness in every stack, noise, divergence, experiments."""

from __future__ import annotations

import itertools
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text
from sameness import as_bytes, by_key
from trial_factory import make_objective_trial, make_part, make_trial
from unsaved import unsaved_figures

from anncore import sweep
from anncore.contract.errors import ComponentError, ExperimentError
from anncore.contract.loading import load_registry
from anncore.contract.registry import Registry
from anncore.contract.trial import Stop, Trial, TrialResult
from anncore.engine.packing import pack
from anncore.engine.training import train_stack
from anncore.evidence.cautions import audit
from anncore.evidence.curves import curves_frame
from anncore.evidence.study import Study
from anncore.experiment import load_experiment
from anncore.experiment.plan import make_plan
from anncore.report import write_report
from anncore.report.build import build_report
from anncore.report.export import export
from anncore.report.terminal import summary
from anncore.report.write import NotDrawn, draw_figure

FORMS = '''
"""Optimizers that ask, evaluate elsewhere, and are wrapped; a schedule that watches."""
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from anncore import AskingOptimizer, OptimizerWrapper, hookimpl, hyper, ref


class Nothing(NamedTuple):
    v: Any


@dataclass(frozen=True)
class TwoLooks(AskingOptimizer):
    """It steps by the gradient at where the gradient leads.

        x ← x - lr g(x - lr g(x))

    Nobody, "Two looks", 2020.
    """

    name: ClassVar[str] = "two_looks"
    scope: ClassVar[str] = "trial"
    lr: Any = hyper(0.01, "(0, inf)")

    def init(self, weight):
        return Nothing(np.zeros_like(weight))

    def step(self, weight, grad, state, t, evaluate):
        value, there = evaluate(weight - self.lr * grad)
        return -self.lr * there, Nothing(state.v + value)


@dataclass(frozen=True)
class Averaged(OptimizerWrapper):
    """It evaluates at the mean of where it has been.

        mean ← mean + (x - mean) / t

    Nobody, "Averages", 2020.
    """

    name: ClassVar[str] = "averaged"
    inner: Any = ref("optimizer", "adam")

    def init(self, weight):
        return weight, self.inner[0].init(weight)

    def step(self, weight, grad, state, t):
        mean, before = state
        change, after = self.inner[0].step(weight, grad, before, t)
        return change, (mean + (weight + change - mean) / t, after)

    def evaluated(self, weight, state):
        return state[0]


@hookimpl
def annx_optimizers():
    return [TwoLooks, Averaged]
'''


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    file = tmp_path_factory.mktemp("plugins") / "forms.py"
    file.write_text(FORMS)
    return load_registry(files=[file])


def mixture(registry: Registry, **common: Any) -> list[Trial]:
    """Trials of equally many arguments that differ in all that may differ within a stack."""
    objectives = [
        ("rosenbrock", {"dimensions": 4, "spread": 0.2}),
        ("quadratic", {"dimensions": 4, "rotated": True, "condition": 30.0}),
        ("quadratic", {"dimensions": 4, "condition": 300.0, "spread": 0.1}),
        ("noisy_quadratic", {"dimensions": 4, "batch": 3.0}),
    ]
    optimizers = [
        ("sgd", {"lr": 0.001}),
        ("momentum", {"lr": 0.0005}),
        ("adam", {"lr": 0.03}),
        ("adam", {"lr": 0.3}),
        ("lion", {"lr": 0.01}),
    ]
    rows = itertools.product(objectives, optimizers, ["constant", "cosine"])
    return [
        make_objective_trial(
            registry, objective=objective, optimizer=optimizer, schedule=schedule, seed=i % 3, **common
        )
        for i, (objective, optimizer, schedule) in enumerate(rows)
    ]


def same_everywhere(trials: list[Trial], registry: Registry) -> None:
    alone = by_key([result for trial in trials for result in train_stack([trial], registry)])
    for size in (2, 7, 64):
        for order in (trials, trials[::-1]):
            stacked = [
                result
                for start in range(0, len(order), size)
                for result in train_stack(order[start : start + size], registry)
            ]
            assert by_key(stacked) == alone
    packed = [result for stack in pack(trials, registry, jobs=2) for result in train_stack(stack, registry)]
    assert by_key(packed) == alone


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_trial_is_the_same_alone_and_in_any_stack(registry: Registry, dtype: str) -> None:
    same_everywhere(mixture(registry, dtype=dtype), registry)


def test_every_form_of_optimizer_runs_on_objectives_too(registry: Registry) -> None:
    """One that asks and one that evaluates elsewhere, beside others and alone."""
    two_looks = [
        make_objective_trial(
            registry, objective=("noisy_quadratic", {"dimensions": 3}), optimizer=("two_looks", {"lr": lr})
        )
        for lr in (0.1, 0.3, 0.5)
    ]
    same_everywhere(two_looks, registry)
    quadratic = ("quadratic", {"condition": 10.0})
    trial = make_objective_trial(
        registry, objective=quadratic, optimizer=("two_looks", {"lr": 0.05}), steps=1, dtype="float64"
    )
    # By hand: y = (-1, 1), h = (1, 10): y - lr h (y - lr h y) = y (1 - lr h + lr² h²) = (-.9525, .75).
    want = 0.5 * (0.9525**2 + 10 * 0.75**2)
    assert train_stack([trial], registry)[0].metrics["test_loss"] == pytest.approx(want, rel=1e-12)


def test_trials_that_end_early_leave_the_noise_of_the_others_as_it_was(registry: Registry) -> None:
    trials = [
        make_objective_trial(
            registry,
            objective=("noisy_quadratic", {"dimensions": 5}),
            optimizer=("adam", {"lr": lr}),
            seed=seed,
            steps=200,
            stop=Stop(loss=0.05),
        )
        for lr in (0.3, 0.1, 1e-4, 1e-5)
        for seed in range(2)
    ]
    results = train_stack(trials, registry)
    assert len({result.steps_done for result in results}) > 2
    for trial, result in zip(trials, results, strict=True):
        assert as_bytes(result) == as_bytes(train_stack([trial], registry)[0])


def test_all_arms_of_a_seed_start_together_and_see_the_same_noise(registry: Registry) -> None:
    noisy = ("noisy_quadratic", {"dimensions": 5})
    one, same, other = (
        train_stack(
            [make_objective_trial(registry, objective=noisy, optimizer=("sgd", {"lr": lr}), seed=seed)],
            registry,
        )[0].curves["train_loss"]
        for lr, seed in ((0.1, 0), (0.1000001, 0), (0.1, 1))
    )
    assert one[0] == same[0] != other[0]
    np.testing.assert_allclose(one, same, rtol=1e-3)
    assert not np.allclose(one, other, rtol=1e-1)


def test_every_loss_is_the_value_without_noise(registry: Registry) -> None:
    (result,) = train_stack([make_objective_trial(registry, objective="noisy_quadratic")], registry)
    assert set(result.metrics) == {"train_loss", "valid_loss", "test_loss"}
    assert len(set(result.metrics.values())) == 1
    assert result.curves["train_loss"] == result.curves["valid_loss"]


def path(result: TrialResult) -> list[tuple[float, ...]]:
    return list(zip(*(result.curves[name] for name in ("x.1", "x.2")), strict=True))


def test_a_report_s_trial_of_two_arguments_keeps_its_path(registry: Registry) -> None:
    """By hand: descent with lr 1/10 on h = (1, 10) from (-1, 1) leaves 0.9 of x₁ at each step, none of x₂."""
    trial = make_objective_trial(
        registry,
        objective=("quadratic", {"condition": 10.0}),
        optimizer=("sgd", {"lr": 0.1}),
        steps=3,
        eval_every=1,
        dtype="float64",
    )
    (result,) = train_stack([trial], registry)
    assert result.steps == (0, 1, 2, 3)
    np.testing.assert_allclose(path(result), [(-1, 1), (-0.9, 0), (-0.81, 0), (-0.729, 0)], atol=1e-15)
    assert set(result.metrics) == {"train_loss", "valid_loss", "test_loss"}


def test_a_path_leads_through_where_the_value_was_taken(registry: Registry) -> None:
    """x₁ = -1, -0.9, -0.81; its mean by halves, from the first step on, is -0.9, then -0.855."""
    trial = make_objective_trial(
        registry,
        objective=("quadratic", {"condition": 10.0}),
        steps=2,
        eval_every=1,
        dtype="float64",
    )
    inner = make_part(registry, "optimizer", ("sgd", {"lr": 0.1}))
    averaged = make_part(registry, "optimizer", ("ema", {"decay": 0.5}), optimizer=(inner,))
    (result,) = train_stack([replace(trial, parts={**trial.parts, "optimizer": averaged})], registry)
    np.testing.assert_allclose(path(result)[1:], [(-0.9, 0), (-0.855, 0)], atol=1e-15)
    np.testing.assert_allclose(result.curves["valid_loss"][1:], [0.9**2 / 2, 0.855**2 / 2], rtol=1e-12)


@pytest.mark.parametrize("name", ["ema", "schedule_free_adamw"])
def test_an_optimizer_that_is_evaluated_elsewhere_begins_where_the_others_do(
    registry: Registry, name: str
) -> None:
    inner = {"optimizer": (make_part(registry, "optimizer", "adam"),)} if name == "ema" else {}
    trial = make_objective_trial(registry, dtype="float64")
    trial = replace(
        trial, parts={**trial.parts, "optimizer": make_part(registry, "optimizer", name, **inner)}
    )
    (result,) = train_stack([trial], registry)
    assert result.status == "ok"
    assert path(result)[0] == (-1.2, 1.0)
    assert result.curves["valid_loss"][0] == pytest.approx(24.2, rel=1e-12)


def test_neither_a_trial_that_tunes_nor_one_of_many_arguments_keeps_a_path(registry: Registry) -> None:
    tuning = make_objective_trial(registry, test=False)
    large = make_objective_trial(registry, objective=("rosenbrock", {"dimensions": 3}))
    for trial in (tuning, large):
        assert set(train_stack([trial], registry)[0].curves) == {"train_loss", "valid_loss"}


@pytest.mark.parametrize(
    ("size", "asked", "kept"), [(2, None, 2), (2, False, 0), (2, True, 2), (12, None, 0), (12, True, 12)]
)
def test_a_path_of_any_number_of_arguments_is_kept_on_request(
    registry: Registry, size: int, asked: bool | None, kept: int
) -> None:
    trial = make_objective_trial(registry, objective=("rosenbrock", {"dimensions": size}), paths=asked)
    (result,) = train_stack([trial], registry)
    places = [f"x.{i}" for i in range(1, kept + 1)]
    assert set(result.curves) == {"train_loss", "valid_loss", *places}
    assert list(curves_frame([result], [result.key])["metric"].unique()) == [
        "train_loss",
        "valid_loss",
        *places,
    ]
    assert [result.curves[name][0] for name in places] == pytest.approx(
        np.resize([-1.2, 1.0], size)[:kept].tolist()
    )
    assert not train_stack([replace(trial, test=False)], registry)[0].curves.keys() & {"x.1"}
    assert ("paths" in trial.train.to_json()) == (asked is not None)  # other trials keep their keys


def test_a_path_comes_after_the_losses_in_a_fixed_order() -> None:
    names = ("x.10", "x.2", "valid_loss", "train_dead_units.1", "x.1", "train_loss")
    result = TrialResult("k", "ok", steps=(0,), curves=dict.fromkeys(names, (0.0,)))
    want = ["train_loss", "valid_loss", "train_dead_units.1", "x.1", "x.2", "x.10"]
    assert list(curves_frame([result], ["k"])["metric"]) == want


@pytest.mark.parametrize(("limit", "status"), [(100.0, "ok"), (1.0, "ok"), (0.9, "diverged")])
def test_it_diverges_above_so_many_times_the_value_at_its_start(
    registry: Registry, limit: float, status: str
) -> None:
    """A rate so small that nothing moves ends where it started."""
    trial = make_objective_trial(registry, optimizer=("sgd", {"lr": 1e-30}), diverged_above=limit)
    assert train_stack([trial], registry)[0].status == status


def test_what_is_not_finite_diverges_at_once_and_touches_nobody(registry: Registry) -> None:
    calm = make_objective_trial(registry, optimizer=("sgd", {"lr": 1e-3}))
    wild = make_objective_trial(registry, optimizer=("sgd", {"lr": 10.0}))
    results = train_stack([calm, wild], registry)
    assert [result.status for result in results] == ["ok", "diverged"]
    assert not math.isfinite(results[1].metrics["train_loss"])
    assert results[1].steps_done < 40
    assert as_bytes(results[0]) == as_bytes(train_stack([calm], registry)[0])


def test_objectives_and_networks_never_share_a_stack(registry: Registry) -> None:
    trials = [make_objective_trial(registry), make_trial(registry), make_objective_trial(registry, seed=1)]
    stacks = list(pack(trials, registry))
    assert sorted(len(stack) for stack in stacks) == [1, 2]
    together = train_stack(trials, registry)
    assert [as_bytes(r) for r in together] == [as_bytes(train_stack([t], registry)[0]) for t in trials]


def test_a_metric_that_looks_into_a_network_is_refused(registry: Registry, tmp_path: Path) -> None:
    watched = make_objective_trial(registry, watch=("accuracy",))
    with pytest.raises(ComponentError, match="accuracy looks into a network, and an objective has none"):
        train_stack([watched], registry)


# Experiments

FILE = """
# Who descends?
[train]
steps = 30
eval_every = 10
[seeds]
tune = [0, 1]
report = [10, 11, 12]
[objective.rosenbrock]
spread = [0.1, 0.3]
[objective.ravine]
use = "quadratic"
condition = 50
spread = 0.1
[optimizer.sgd]
lr = [1e-5, 1e-4, 1e-3]
[optimizer.adam]
lr = [0.01, 0.1, 1.0]
"""


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "descent.toml"
    file.write_text(text)
    return file


@pytest.mark.slow
def test_a_report_on_functions_speaks_of_functions_and_their_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawings: list[Any] = []

    def kept(*inputs: Any) -> Any:
        drawing = draw_figure(*inputs)
        drawings.extend([] if isinstance(drawing, NotDrawn) else [drawing])
        return drawing

    monkeypatch.setattr("anncore.report.write.draw_figure", kept)
    monkeypatch.setattr("anncore.report.write.cores", lambda: 1)  # others would keep theirs
    text = FILE.replace("lr = [1e-5,", "lr = [10.0,") + BOWLS
    results = sweep(load_experiment(write(tmp_path, text)), out=tmp_path / "out", executor="serial")
    with unsaved_figures():
        report = write_report(results, tmp_path / "out")
    assert report["unit"] == "functions"
    said = (tmp_path / "out" / "report.md").read_text().partition("## Provenance")[0]
    page = (tmp_path / "out" / "report.html").read_text().partition('id="provenance"')[0]
    page = re.sub(r"<style>.*?</style>|data:[^\"]*", "", page, flags=re.DOTALL)
    drawn = " ".join(
        f"{figure['title']} {figure['subtitle']} {figure['alt']}" for figure in report["figures"]
    )
    shown = " ".join(
        text.get_text()
        for drawing in drawings  # for a page, and for a phone
        if not isinstance(drawing, str)
        for text in drawing.figure.findobj(Text)
    )
    tables = "".join(data.decode() for data in export(results, "latex").values())
    for words in (said, page, drawn, shown, summary(report), tables):
        assert "data set" not in words.lower()
        assert "data-set" not in re.sub(r'(id|href|aria-labelledby)="[^"]*"', "", words)
        assert not re.search(r"(valid|validation|training|train|test)[ _]loss", words)
    assert "## Function by function" in said
    assert "Function value by function and arm" in said


BOWLS = """
[objective.bowl]
use = "quadratic"
condition = 2
spread = 0.1
[objective.beale]
spread = 0.1
[objective.himmelblau]
spread = 0.1
[objective.steep]
use = "quadratic"
condition = 9
spread = 0.1
"""


def test_problems_are_objectives_and_trials_have_three_parts(tmp_path: Path) -> None:
    plan = make_plan(load_experiment(write(tmp_path, FILE)))
    assert plan.problems == ("rosenbrock spread=0.1", "rosenbrock spread=0.3", "ravine")
    assert plan.arms == ("sgd", "adam")
    trials = list(plan.tune())
    assert len(trials) == plan.counts["tune"] == 3 * 2 * 3 * 2
    assert all(set(trial.parts) == {"objective", "optimizer", "schedule"} for trial in trials)
    assert trials[0].train.batch_size == "full"
    assert trials[0].values["objective.spread"] == 0.1
    assert trials[0].labels == {"objective": "rosenbrock", "optimizer": "sgd", "schedule": "constant"}
    assert trials[0].config == "lr=1e-05"


def test_a_sweep_selects_reports_and_resumes(tmp_path: Path) -> None:
    experiment = load_experiment(write(tmp_path, FILE))
    results = sweep(experiment, out=tmp_path / "run", jobs=1, executor="serial")
    assert list(results.trials.columns[:9]) == [
        *("key", "phase", "status", "problem", "arm", "config"),
        *("objective", "optimizer", "schedule"),
    ]
    assert set(results.trials["status"]) <= {"ok", "diverged"}
    assert len(results.selection) == 3 * 2
    report = build_report(results, {})
    assert report["data_sets"]["rosenbrock spread=0.3"] == "rosenbrock"
    assert {row["hyperparameter"] for row in report["sensitivity"]} == {"optimizer.lr"}
    training = next(p["text"] for p in report["methods"]["paragraphs"] if p["title"] == "Training")
    assert "Functions are minimised" in training
    assert "batch" not in training
    again = sweep(experiment, out=tmp_path / "run", jobs=1, executor="serial")
    assert again.trials.equals(results.trials)
    assert json.loads((tmp_path / "run" / "plan.json").read_text())["shapes"] == {}


def test_equal_seeds_are_said_to_be_one_observation(tmp_path: Path) -> None:
    text = FILE.replace("spread = [0.1, 0.3]", "").replace("spread = 0.1", "")
    still = Study(sweep(load_experiment(write(tmp_path, text)), out=tmp_path / "a", executor="serial"))
    cautions = {caution.kind: caution.text for caution in audit(still, 1)}
    assert "On rosenbrock and ravine all 3 seeds give the same scores" in cautions["equal_seeds"]
    moving = Study(sweep(load_experiment(write(tmp_path, FILE)), out=tmp_path / "b", executor="serial"))
    assert "equal_seeds" not in {caution.kind for caution in audit(moving, 1)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[dataset.iris]", "[dataset] and [objective] cannot both be given"),
        ("[network.mlp]", "[network] and [objective] cannot both be given"),
        ("[loss.mse]", "[loss] and [objective] cannot both be given"),
        ("[initializer.zeros]", "[initializer] and [objective] cannot both be given"),
        ("[activation.relu]", "[activation] and [objective] cannot both be given"),
        ("[split]\nvalid = 0.1", "[split] has no meaning for an objective, which has no data"),
        ("[select]\nmetric = 'valid_accuracy'", "metric must be 'valid_loss' for objectives"),
        ("[objective.rosenbork]", "Did you mean 'rosenbrock'?"),
        (
            "[objective.b]\nuse = 'rosenbrock'\ndimensions = 1",
            "dimensions must be a whole number in [2, inf)",
        ),
    ],
)
def test_what_has_no_meaning_for_an_objective_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        make_plan(load_experiment(write(tmp_path, f"{FILE}\n{text}\n")))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.batch_size=16", "batch_size has no meaning for an objective, which has no data, got 16"),
        ("train.epochs=3", "epochs has no meaning for an objective"),
        ("train.shuffle=false", "shuffle has no meaning for an objective"),
        (
            'train.watch=["gradient_norm"]',
            "watch has no meaning for an objective, which has no network, got ['gradient_norm']; leave it",
        ),
        ("vary='objective'", "vary cannot name 'objective': arms are compared on objectives, not by them."),
        ("objective.ravine.spread='search'", "spread is part of the problem and is not tuned"),
    ],
)
def test_settings_of_data_are_refused_too(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        load_experiment(write(tmp_path, FILE), overrides=[override])
    assert message in str(caught.value)


@pytest.mark.parametrize("asked", [True, False])
def test_the_file_asks_for_paths_of_report_trials(tmp_path: Path, asked: bool) -> None:
    asking = f"{FILE}\n[report]\npaths = {str(asked).lower()}\n"
    experiment = load_experiment(write(tmp_path, asking.replace("tune = [0, 1]\n", "")))
    assert {trial.train.paths for trial in make_plan(experiment).report()} == {asked}
    tuned = make_plan(load_experiment(write(tmp_path, asking)))
    assert {trial.train.paths for trial in tuned.tune()} == {None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[report]\npaths = 3", r"paths must be true or false, got 3"),
        (
            "[report]\npaths = true\n[objective.wide]\nuse = 'sphere'\ndimensions = 3_000_000",
            r"paths = true keeps 3,000,000 arguments of \[objective.wide\] at .* numbers; write a larger",
        ),
    ],
)
def test_a_path_that_would_fill_the_store_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        make_plan(load_experiment(write(tmp_path, f"{FILE}\n{text}\n")))


def test_data_sets_have_no_paths(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"paths has no meaning for a data set.*got true; leave it out"):
        load_experiment(write(tmp_path, "[dataset.iris]\n[optimizer.sgd]\n[report]\npaths = true\n"))


def test_a_full_batch_may_be_written(tmp_path: Path) -> None:
    experiment = load_experiment(write(tmp_path, FILE), overrides=["train.batch_size=full"])
    assert experiment.train.batch_size == "full"
