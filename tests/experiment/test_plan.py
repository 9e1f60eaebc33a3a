"""The plan: which trials there are, in which order, under which keys."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from experiment_factory import SMALL, load, plan

from anncore.contract.errors import AnnxError
from anncore.contract.registry import Registered
from anncore.contract.trial import Part, Trial, canonical
from anncore.experiment import load_experiment
from anncore.experiment.names import spell
from anncore.experiment.parts import make_part
from anncore.experiment.plan import Plan, make_plan

DATA = "[dataset.two_moons]\nn = 60\n"
SGD = "[optimizer.sgd]\n"
GRID = """
[seeds]
tune = [0, 1]
report = [10, 11, 12]
[dataset.two_moons]
n = 60
noise = [0.1, 0.3]
[dataset.circles]
n = 60
[network.mlp]
hidden = [[4], [8, 8]]
activation = "tanh"
[optimizer.sgd]
lr = [0.1, 1.0]
[optimizer.heavy]
use = "sgd"
"lr, momentum" = [[0.1, 0.9], [0.01, 0.99], [0.001, 0.999]]
"""


def trials(of: Plan) -> list[Trial]:
    return [*of.tune(), *of.report()]


def keys(tmp_path: Path, text: str, **options: Any) -> set[str]:
    return {trial.key for trial in trials(plan(tmp_path, text, **options))}


def configs(of: Plan) -> list[tuple[str, str, str]]:
    return list(dict.fromkeys((t.problem, t.arm, t.config) for t in of.report()))


def test_entries_are_united_and_kinds_multiplied(tmp_path: Path) -> None:
    made = plan(tmp_path, GRID)
    # 3 data sets x 2 networks x (2 + 3) optimizers; 6 problems x 2 arms.
    assert made.counts == {
        "product": 30,
        "excluded": 0,
        "included": 0,
        "configurations": 30,
        "tune": 60,
        "report": 36,
        "total": 96,
    }
    assert made.arms == ("sgd", "heavy")
    assert made.problems == (
        "two_moons noise=0.1, hidden=4",
        "two_moons noise=0.1, hidden=8x8",
        "two_moons noise=0.3, hidden=4",
        "two_moons noise=0.3, hidden=8x8",
        "circles, hidden=4",
        "circles, hidden=8x8",
    )
    budgets = {"sgd": 2, "heavy": 3}
    assert made.configurations == {(p, arm): budgets[arm] for p in made.problems for arm in made.arms}
    tuned = list(made.tune())
    assert len(tuned) == 60
    assert len({t.key for t in tuned}) == 60
    assert {t.config for t in tuned if t.arm == "heavy"} == {
        "lr=0.1, momentum=0.9",
        "lr=0.01, momentum=0.99",
        "lr=0.001, momentum=0.999",
    }


def test_report_runs_only_what_was_selected(tmp_path: Path) -> None:
    made = plan(tmp_path, GRID)
    chosen = {(problem, "sgd"): "lr=1" for problem in made.problems[:2]}
    reported = list(made.report(chosen))
    assert len(reported) == 2 * 3
    assert {(t.problem, t.arm, t.config) for t in reported} == {(*pair, "lr=1") for pair in chosen}
    assert {t.seed for t in reported} == {10, 11, 12}
    assert all(t.test and t.phase == "report" for t in reported)
    assert not any(t.test for t in made.tune())


def test_without_tune_seeds_everything_is_reported(tmp_path: Path) -> None:
    made = plan(tmp_path, GRID.replace("tune = [0, 1]", ""))
    assert list(made.tune()) == []
    assert made.counts["report"] == made.counts["total"] == 90
    assert len(list(made.report())) == 90


def test_a_trial_says_everything_about_itself(tmp_path: Path) -> None:
    trial = next(plan(tmp_path, GRID + "[limits]\ntimeout = 5\n").tune())
    assert trial.labels == {
        "dataset": "two_moons",
        "network": "mlp",
        "activation": "tanh",
        "loss": "auto",
        "optimizer": "sgd",
        "schedule": "constant",
        "initializer": "glorot_uniform",
    }
    assert trial.values == {
        "dataset.n": 60,
        "dataset.noise": 0.1,
        "network.hidden": [4],
        "network.activation": "tanh",
        "optimizer.lr": 0.1,
        "optimizer.momentum": 0.0,  # set in the other entry, so it has a column here too
    }
    assert trial.timeout == 5
    assert trial.parts["loss"].name == "annx:binary_cross_entropy"
    network = trial.parts["network"]
    assert [part.name for part in network.refs["output"]] == ["annx:sigmoid"]
    assert [part.name for part in network.refs["activation"]] == ["annx:tanh"]
    assert network.params == {
        "hidden": [4],
        "bias": True,
        "dropout": 0.0,
        "norm": "none",
        "norm_momentum": 0.1,
        "norm_eps": 1e-5,
    }


def test_auto_follows_the_task(tmp_path: Path) -> None:
    text = f"[dataset.iris]\n[dataset.diabetes]\n{SGD}"
    by_problem = {t.problem: t.parts for t in plan(tmp_path, text).report()}
    assert {
        problem: (parts["loss"].name, parts["network"].refs["output"][0].name)
        for problem, parts in by_problem.items()
    } == {
        "iris": ("annx:categorical_cross_entropy", "annx:softmax"),
        "diabetes": ("annx:mse", "annx:identity"),
    }


def test_activations_fill_the_network(tmp_path: Path) -> None:
    text = f"{DATA}{SGD}[activation.relu]\n[activation.leaky_relu]\nslope = [0.1, 0.2]\n"
    made = plan(tmp_path, text)
    assert made.experiment.vary == ("activation",)
    assert configs(made) == [
        ("two_moons", "relu", ""),
        ("two_moons", "leaky_relu", "slope=0.1"),
        ("two_moons", "leaky_relu", "slope=0.2"),
    ]
    last = list(made.report())[-1]
    (filled,) = last.parts["network"].refs["activation"]
    assert (filled.name, filled.params) == ("annx:leaky_relu", {"slope": 0.2})
    assert last.labels["activation"] == "leaky_relu"


def test_arms_may_be_combinations_and_other_kinds_make_problems(tmp_path: Path) -> None:
    text = f"""vary = ["optimizer", "initializer"]\n{DATA}{SGD}[optimizer.adam]
        [initializer.zeros]\n[initializer.he_normal]\n[schedule.constant]\n[schedule.cosine]
        [network.narrow]\nuse = "mlp"\nhidden = [4]\n[network.wide]\nuse = "mlp"\n"""
    made = plan(tmp_path, text)
    assert made.arms == ("sgd + zeros", "sgd + he_normal", "adam + zeros", "adam + he_normal")
    assert made.problems[:2] == ("two_moons, narrow, constant", "two_moons, narrow, cosine")
    assert made.counts["configurations"] == 16


def test_a_network_under_comparison_is_tuned_too(tmp_path: Path) -> None:
    text = f"""vary = ['network']\n{DATA}{SGD}[network.mlp]\nhidden = [[4], [8]]
        [network.linear]\nuse = 'mlp'\nhidden = []"""
    assert configs(plan(tmp_path, text)) == [
        ("two_moons", "mlp", "hidden=4"),
        ("two_moons", "mlp", "hidden=8"),
        ("two_moons", "linear", ""),
    ]


def test_names_of_close_values_differ_and_shared_keys_say_their_kind(tmp_path: Path) -> None:
    text = f"{DATA}{SGD}lr = [0.10001, 0.10002, 0.1]\n[schedule.cosine]\n"
    assert {c for *_, c in configs(plan(tmp_path, text))} == {"lr=0.10001", "lr=0.10002", "lr=0.1"}
    text = f"""{DATA}[optimizer.adam]\neps = [1e-8, 1e-7]\n[loss.binary_cross_entropy]\neps = [1e-7, 1e-6]
        [select]\nmetric = 'valid_accuracy'"""
    assert ("two_moons", "adam", "loss.eps=1e-07, optimizer.eps=1e-08") in configs(plan(tmp_path, text))


# Exclude and include


def excluded(tmp_path: Path, rule: str) -> set[tuple[str, str, str]]:
    every = configs(plan(tmp_path, GRID))
    made = plan(tmp_path, f"{GRID}\n[[exclude]]\n{rule}")
    left = configs(made)
    assert made.counts["excluded"] == len(every) - len(left)
    assert made.counts["configurations"] == len(left)
    assert made.counts["tune"] == len(list(made.tune()))
    pairs = {(problem, arm) for problem, arm, _ in left}
    assert set(made.configurations) == pairs
    assert made.counts["report"] == 3 * len(pairs)
    return set(every) - set(left)


@pytest.mark.parametrize(
    ("rule", "number"),
    [
        ('optimizer = "sgd"', 12),
        ('optimizer = ["sgd"]\ndataset = "circles"', 4),
        ('"optimizer.lr" = 0.1', 12),
        ('"optimizer.lr" = [0.1, 0.01]', 18),
        ('"optimizer.lr" = { gt = 0.1 }', 6),
        ('"optimizer.lr" = { ge = 0.1 }', 18),
        ('"optimizer.lr" = { lt = 0.01 }', 6),
        ('"optimizer.lr" = { le = 0.01, gt = 0.001 }', 6),
        ('"optimizer.lr" = { ne = 0.1 }', 18),
        ('"optimizer.lr" = { in = [1.0] }', 6),
        ('"dataset.noise" = { gt = 0.2 }', 10),
        ('"dataset.noise" = 0.1\n"network.hidden" = [4]', 10),  # circles' own noise is 0.1 as well
        ('"network.hidden" = [[4], [9]]', 15),
        ('"network.activation" = "tanh"\noptimizer = "sgd"', 12),
        ('"network.activation" = ["relu"]', 0),
        ('optimizer = "sgd"\n[[exclude]]\n"optimizer.lr" = 0.1', 18),
    ],
)
def test_exclude(tmp_path: Path, rule: str, number: int) -> None:
    assert len(excluded(tmp_path, rule)) == number


def test_include_adds_complete_combinations_after_excluding(tmp_path: Path) -> None:
    rules = """
[[exclude]]
optimizer = "sgd"
[[include]]
dataset = "circles"
optimizer = "sgd"
"network.hidden" = [4]
"optimizer.lr" = 5
[[include]]
dataset = "circles"
optimizer = "sgd"
"network.hidden" = [16]
"optimizer.lr" = 1
"optimizer.nesterov" = true
"optimizer.momentum" = 0.5
"""
    made = plan(tmp_path, GRID + rules)
    assert made.counts["included"] == 2
    added = [row for row in configs(made) if row[1] == "sgd"]
    assert added == [
        ("circles, hidden=4", "sgd", "lr=5"),
        ("circles, hidden=16", "sgd", "lr=1, nesterov=true, momentum=0.5"),
    ]
    assert made.counts["report"] == 3 * (6 + 2)


def test_include_of_what_is_there_adds_nothing(tmp_path: Path) -> None:
    rule = """
[[include]]
dataset = "circles"
optimizer = "sgd"
"network.hidden" = [4]
"optimizer.lr" = 0.1
"""
    assert plan(tmp_path, GRID + rule).counts["included"] == 0
    assert plan(tmp_path, GRID + "[[exclude]]\noptimizer = 'sgd'\n" + rule + rule).counts["included"] == 1


def test_presets_are_conditions_too(tmp_path: Path) -> None:
    text = f"{DATA}[optimizer.adam]\npreset = ['paper', 'seed']\nlr = [0.1, 0.2]\n[[exclude]]\n"
    made = plan(tmp_path, text + "'optimizer.preset' = 'seed'\n'optimizer.lr' = 0.2")
    assert [c for *_, c in configs(made)] == [
        "preset=paper, lr=0.1",
        "preset=paper, lr=0.2",
        "preset=seed, lr=0.1",
    ]


# Search


SEARCH = """
[dataset.two_moons]
n = [60, 80]
[optimizer.sgd]
lr = { log = [1e-3, 1] }
[optimizer.adam]
lr = "search"
beta1 = [0.8, 0.9]
[optimizer.fixed]
use = "sgd"
[search]
method = "METHOD"
samples = 6
"""


@pytest.mark.parametrize("method", ["random", "lhs", "halton", "sobol"])
def test_search_gives_every_arm_as_many_configurations(tmp_path: Path, method: str) -> None:
    made = plan(tmp_path, SEARCH.replace("METHOD", method))
    budgets = {"sgd": 6, "adam": 6, "fixed": 1}
    assert made.configurations == {(p, arm): budgets[arm] for p in made.problems for arm in made.arms}
    assert made.counts["configurations"] == 2 * 13
    assert len(set(configs(made))) == 26
    by_problem = {problem: {(a, c) for p, a, c in configs(made) if p == problem} for problem in made.problems}
    first, second = by_problem.values()
    assert first == second  # the same configurations on every problem


def test_search_points_do_not_depend_on_labels_or_order(tmp_path: Path) -> None:
    text = SEARCH.replace("METHOD", "halton")
    turned = text.replace('lr = "search"\nbeta1 = [0.8, 0.9]', 'beta1 = [0.8, 0.9]\nlr = "search"')
    renamed = turned.replace("[optimizer.adam]", '[optimizer.other]\nuse = "adam"')
    assert turned != text
    assert keys(tmp_path, text) == keys(tmp_path, turned) == keys(tmp_path, renamed)
    assert keys(tmp_path, text) != keys(tmp_path, text + "[seeds]\nsweep = 1")


# Keys

BASE = """
[train]
steps = 20
[dataset.two_moons]
n = 60
[network.mlp]
hidden = [4]
[optimizer.adam]
lr = 0.1
beta1 = 0.8
[seeds]
report = [1]
"""


def test_key_is_free_of_order_titles_and_labels(tmp_path: Path) -> None:
    (key,) = keys(tmp_path, BASE)
    other = """
title = "Something else"
vary = ["optimizer"]
[seeds]
report = { start = 1, num = 1 }
[optimizer.'My Adam']
beta1 = 0.8
lr = [1e-1]
use = "annx:adam"
beta2 = 0.999
[report]
rope = 0.1
[limits]
timeout = 3
[network.net]
use = "mlp"
hidden = [[4.0]]
activation = "relu"
output = "sigmoid"
[loss.binary_cross_entropy]
[schedule.constant]
[dataset.moons]
use = "two_moons"
n = 60.0
[train]
batch_size = 32
steps = 2e1
"""
    assert keys(tmp_path, other) == {key}


@pytest.mark.parametrize(
    "override",
    [
        "train.steps=21",
        "train.batch_size=16",
        "train.batch_size=full",
        "train.shuffle=false",
        "train.eval_every=7",
        "train.dtype=float64",
        "train.stop.loss=0.01",
        "train.diverged_above=3",
        "split.valid=0.3",
        "split.test=0.3",
        "split.stratify=false",
        "split.standardize=false",
        "seeds.report=[2]",
        "seeds.sweep=1",
        "dataset.two_moons.n=61",
        "dataset.two_moons.noise=0.2",
        "dataset.two_moons.use=circles",
        "network.mlp.hidden=[5]",
        "network.mlp.bias=false",
        "network.mlp.activation=tanh",
        "loss.mse={}",
        "loss.focal.gamma=1",
        "optimizer.adam.lr=0.2",
        "optimizer.adam.preset=seed",
        "optimizer.adam.eps_mode=inside",
        "schedule.cosine={}",
        "initializer.he_normal={}",
        "activation.leaky_relu.slope=0.3",
    ],
)
def test_every_setting_that_changes_numbers_changes_the_key(tmp_path: Path, override: str) -> None:
    (before,) = keys(tmp_path, BASE)
    (after,) = keys(tmp_path, BASE, overrides=[override])
    assert before != after


def test_a_files_content_is_part_of_the_key_and_its_path_is_not(tmp_path: Path) -> None:
    rows = "x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(20))
    text = f"{SGD}[seeds]\nreport = [1]\n[dataset.mine]\nuse = 'csv'\ntarget = 'y'\npath = 'NAME.csv'"
    (tmp_path / "a.csv").write_text(rows)
    (tmp_path / "b.csv").write_text(rows)
    (tmp_path / "c.csv").write_text(rows.replace("3,", "4,"))
    a, b, c = (keys(tmp_path, text.replace("NAME", name)) for name in "abc")
    assert a == b != c
    part = next(plan(tmp_path, text.replace("NAME", "a")).report()).parts["dataset"]
    assert part.paths == {"path": str(tmp_path / "a.csv")}
    assert "path" not in part.params


def test_a_key_is_the_digest_of_the_description(tmp_path: Path) -> None:
    for trial in trials(plan(tmp_path, GRID)):
        assert trial.key == hashlib.sha256(canonical(trial.description).encode()).hexdigest()


def test_order_never_varies(tmp_path: Path) -> None:
    first, second = (plan(tmp_path, GRID) for _ in range(2))
    assert [t.key for t in trials(first)] == [t.key for t in trials(second)]


def test_two_arms_may_be_copies(tmp_path: Path) -> None:
    made = plan(tmp_path, f"{DATA}{SGD}[optimizer.twin]\nuse = 'sgd'\n")
    assert made.arms == ("sgd", "twin")
    assert len({t.key for t in made.report()}) == 10


# Size


def test_a_plan_above_the_limit_is_refused_unless_allowed(tmp_path: Path) -> None:
    text = f"{DATA}{SGD}lr = {{ log = [1e-3, 1], num = 600 }}"
    with pytest.raises(AnnxError, match=r"the plan has 6000 trials, more than .* max_trials = 5000"):
        plan(tmp_path, text)
    assert plan(tmp_path, text, allow_large=True).counts["total"] == 6000


def test_a_million_trials_are_counted_at_once(tmp_path: Path) -> None:
    text = f"""{DATA}{SGD}lr = {{ log = [1e-3, 1], num = 100 }}
        momentum = {{ linear = [0, 0.99], num = 100 }}\n[seeds]\nreport = {{ num = 100 }}"""
    experiment = load(tmp_path, text)
    made = Plan(experiment)
    assert made.counts["total"] == 1_000_000
    slots = {slot for combo in made.combos for slot in combo.slots}
    assert not [slot for slot in slots if "options" in vars(slot)]  # no configuration was made


def test_a_million_trials_with_an_exclude_are_counted_by_configuration(tmp_path: Path) -> None:
    text = f"""{DATA}{SGD}lr = {{ log = [1e-3, 1], num = 100 }}
        momentum = {{ linear = [0, 0.99], num = 100 }}\n[seeds]\nreport = {{ num = 100 }}
        [[exclude]]\n"optimizer.momentum" = {{ gt = 0.5 }}"""
    experiment = load(tmp_path, text)
    made = Plan(experiment)
    # 0.00, 0.01 ... 0.99: 49 values lie above 0.5.
    assert made.counts["excluded"] == 4900
    slots = {slot for combo in made.combos for slot in combo.slots}
    assert not [slot for slot in slots if "options" in vars(slot)]  # no configuration was made


@pytest.mark.slow
def test_a_hundred_thousand_trials_share_the_parts_of_a_thousand_configurations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"""{DATA}[dataset.circles]\nn = 60\n{SGD}lr = {{ log = [1e-3, 1], num = 500 }}
        [optimizer.adam]\nlr = {{ log = [1e-4, 1], num = 500 }}\n[seeds]\nreport = {{ num = 50 }}"""
    names: list[str] = []

    def counting(component: Registered, given: Any) -> Part:
        names.append(component.name)
        return make_part(component, given)

    monkeypatch.setattr("anncore.experiment.parts.make_part", counting)
    made = plan(tmp_path, text, allow_large=True)
    assert sum(1 for _ in made.report()) == 100_000
    assert (names.count("sgd"), names.count("adam")) == (500, 500)
    assert len(names) < 1020  # the rest: data sets, network with activations, loss, schedule, initializer


def test_axes_list_every_entry(tmp_path: Path) -> None:
    axes = plan(tmp_path, SMALL).axes
    by_label = {axis["label"]: axis for axis in axes}
    assert by_label["adam"] == {
        "kind": "optimizer",
        "label": "adam",
        "component": "annx:adam",
        "size": 3,
        "values": {"lr": ["0.001", "0.01", "0.1"]},
    }
    assert by_label["auto"]["component"] == "auto"
    searched = plan(tmp_path, SEARCH.replace("METHOD", "lhs")).axes
    assert next(a for a in searched if a["label"] == "sgd")["values"] == {"lr": ["log 0.001 to 1"]}


def test_a_drawn_value_is_written_in_the_fewest_digits_that_are_it() -> None:
    assert spell(0.088236) == "0.088236"  # not 0.088235999999999995
    assert spell(1 / 3) == "0.3333333333333333"
    assert spell(1e-5) == "1e-05"
    assert spell(100.0) == "100"


# What no trial could train


@pytest.mark.parametrize(
    ("optimizer", "network", "message"),
    [
        (
            "[optimizer.muon]",
            "hidden = [[8]]",
            r"muon has nothing to update itself here: .* where = \"matrices\"",
        ),
        (
            "[optimizer.muon]\nrest = 'prodigy'",
            "hidden = [[8, 8]]",
            "prodigy needs all weights of a trial at once",
        ),
        ("[optimizer.shampoo]\n", "hidden = [[8]]", ""),
        ("[optimizer.muon]\nwhere = 'matrices'", "hidden = [[8]]", ""),
        ("[optimizer.muon]\nwhere = ['matrices', 'hidden']", "hidden = [[8]]", "muon has nothing to update"),
        ("[optimizer.muon]\nwhere = ['matrices', 'hidden']", "hidden = [[8, 8]]", ""),
        (
            "[optimizer.clip_norm]\noptimizer = 'muon'",
            "hidden = [[8]]",
            "muon has nothing to update itself here",
        ),
        ("[optimizer.lookahead]\noptimizer = 'muon'", "hidden = [[8, 8], [8]]", "muon has nothing to update"),
    ],
)
def test_an_optimizer_that_cannot_update_is_refused_by_the_plan(
    tmp_path: Path, optimizer: str, network: str, message: str
) -> None:
    text = f"[dataset.iris]\n[network.mlp]\n{network}\n{optimizer}\n"
    if not message:
        assert plan(tmp_path, text).total
        return
    with pytest.raises(AnnxError, match=message) as caught:
        plan(tmp_path, text)
    assert "[network.mlp]" in str(caught.value)
    assert "leave the pair out by [[exclude]]" in str(caught.value)


def test_a_pair_that_is_excluded_is_not_refused(tmp_path: Path) -> None:
    text = "[dataset.iris]\n[network.mlp]\nhidden = [[8], [8, 8]]\n[optimizer.muon]\n[optimizer.sgd]\n"
    with pytest.raises(AnnxError, match="muon has nothing to update itself here"):
        plan(tmp_path, text)
    rule = "[[exclude]]\noptimizer = 'muon'\n'network.hidden' = [8]\n"
    assert plan(tmp_path, text + rule).total == 30


def test_an_objective_has_no_hidden_matrix(tmp_path: Path) -> None:
    with pytest.raises(AnnxError, match=r"\[optimizer.muon\] and \[objective.rosenbrock\]: muon has nothing"):
        plan(tmp_path, "[objective.rosenbrock]\n[optimizer.muon]\n")


RATELESS = """
from dataclasses import dataclass
from typing import ClassVar
from anncore import Optimizer, hookimpl

@dataclass(frozen=True)
class Fixed(Optimizer):
    \"\"\"Gradient descent at a rate of its own: θ ← θ - g / 10.\"\"\"
    name: ClassVar[str] = "fixed"
    def init(self, weight): return ()
    def step(self, weight, grad, state, t): return -grad / 10, ()

@hookimpl
def annx_optimizers(): return [Fixed]
"""


def test_a_schedule_needs_a_rate_to_act_on(tmp_path: Path) -> None:
    (tmp_path / "fixed.py").write_text(RATELESS)
    (tmp_path / "x.toml").write_text(
        "[plugins]\nfiles = ['fixed.py']\n[dataset.iris]\n[optimizer.fixed]\n[schedule.cosine]\n"
    )
    with pytest.raises(AnnxError, match="fixed has no learning rate lr, so schedule cosine cannot act on it"):
        make_plan(load_experiment(tmp_path / "x.toml"))
    assert make_plan(load_experiment(tmp_path / "x.toml", overrides=["schedule.cosine.use=constant"])).total


@pytest.mark.parametrize(
    ("problem", "extra", "words"),
    [
        (
            "[objective.rosenbrock]",
            "[report]\nmaps_at = 4",
            "[report] maps_at asks for maps of what networks",
        ),
        *(
            (
                data,
                "[report]\nmaps_at = [0, 5]",
                "[report] maps_at asks for maps over the plane of two features",
            )
            for data in ("[dataset.iris]", "[dataset.friedman]", "[dataset.unit_square]\n[network.som]")
        ),
        ("[dataset.friedman]", "[split]\nstratify = true", "no data set here has classes"),
    ],
)
def test_what_nothing_in_the_plan_can_give_is_refused(
    tmp_path: Path, problem: str, extra: str, words: str
) -> None:
    text = f"{problem}\n[optimizer.sgd]\nlr = 0.1\n[seeds]\nreport = [1]\n{extra}\n"
    with pytest.raises(AnnxError, match=re.escape(words)):
        make_plan(text)


@pytest.mark.parametrize(
    "text",
    [
        "[dataset.two_moons]\n[dataset.friedman]\n[optimizer.sgd]\nlr = 0.1\n[split]\nstratify = true",
        "[dataset.friedman]\n[optimizer.sgd]\nlr = 0.1\n[split]\nstratify = false",
        "[dataset.friedman]\n[dataset.two_moons]\n[optimizer.sgd]\nlr = 0.1\n[report]\nmaps_at = 3",
    ],
)
def test_it_is_enough_where_some_data_set_can_give_it(text: str) -> None:
    assert make_plan(text).total
