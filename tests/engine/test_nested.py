"""Components inside components: their hyperparameters set, gridded, searched, excluded, named, reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from work_count import counted

from anncore import sweep
from anncore.contract.errors import ExperimentError
from anncore.contract.kinds import FigureInput
from anncore.contract.loading import load_registry
from anncore.contract.registry import Registry
from anncore.engine.training import train_stack
from anncore.experiment import Experiment, load_experiment
from anncore.experiment.plan import Plan, make_plan
from anncore.report.build import build_report
from anncore.report.theme import Theme

PLUGIN = '''
"""Wrappers of each kind, and an optimizer that needs the full batch."""
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from anncore import Activation, Optimizer, OptimizerWrapper, Schedule, hookimpl, hyper, linear, ref


class Empty(NamedTuple):
    v: Any


class Kept(NamedTuple):
    inner: Any


@dataclass(frozen=True)
class Damped(OptimizerWrapper):
    """Half a step of what is inside, or share of one."""

    name: ClassVar[str] = "damped"
    presets: ClassVar[Any] = {"half": {"share": 0.5}, "most": {"share": 0.9}}
    share: Any = hyper(0.5, "(0, 1]", search=linear(0.1, 1.0))
    inner: Any = ref("optimizer", "sgd")

    def init(self, weight):
        return Kept(self.inner[0].init(weight))

    def step(self, weight, grad, state, t):
        change, after = self.inner[0].step(weight, grad, state.inner, t)
        return self.share * change, Kept(after)


@dataclass(frozen=True)
class Exact(Optimizer):
    """Plain descent that wants the full batch."""

    name: ClassVar[str] = "exact"
    full_batch: ClassVar[bool] = True
    lr: Any = hyper(0.1, "(0, inf)")

    def init(self, weight):
        return Empty(np.zeros_like(weight))

    def step(self, weight, grad, state, t):
        return -self.lr * grad, state


@dataclass(frozen=True)
class Fussy(Optimizer):
    """Plain descent whose lr must not be 7."""

    name: ClassVar[str] = "fussy"
    lr: Any = hyper(0.1, "(0, inf)")

    def validate(self):
        if self.lr == 7:
            raise ValueError("lr must not be 7")

    def init(self, weight):
        return Empty(np.zeros_like(weight))

    def step(self, weight, grad, state, t):
        return -self.lr * grad, state


@dataclass(frozen=True)
class Late(Schedule):
    """Nothing for `wait` steps, then what is inside."""

    name: ClassVar[str] = "late"
    wait: int = hyper(5, "int [0, inf)")
    inner: Any = ref("schedule", "cosine")

    def init(self, ones):
        return self.inner[0].init(ones)

    def observe(self, state, score, t):
        return self.inner[0].observe(state, score, t)

    def factor(self, t, steps, state):
        return 0.0 if t <= self.wait else self.inner[0].factor(t, steps, state)


@dataclass(frozen=True)
class Twice(Activation):
    """Twice what is inside."""

    name: ClassVar[str] = "twice"
    inner: Any = ref("activation", "tanh")

    def forward(self, z):
        return 2 * self.inner[0].forward(z)

    def backward(self, grad, z, a):
        return self.inner[0].backward(2 * grad, z, a / 2)


@dataclass(frozen=True)
class Endless(OptimizerWrapper):
    """What is inside is itself."""

    name: ClassVar[str] = "endless"
    inner: Any = ref("optimizer", "endless")

    def init(self, weight):
        return self.inner[0].init(weight)

    def step(self, weight, grad, state, t):
        return self.inner[0].step(weight, grad, state, t)


@hookimpl
def annx_optimizers():
    return [Damped, Exact, Fussy, Endless]


@hookimpl
def annx_schedules():
    return [Late]


@hookimpl
def annx_activations():
    return [Twice]
'''

HEAD = """
# Which?
[train]
steps = 10
batch_size = "full"
[seeds]
tune = [0, 1]
report = [10, 11]
"""
DATA = "[dataset.two_moons]\nn = 60\n"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    file = tmp_path_factory.mktemp("plugins") / "nest.py"
    file.write_text(PLUGIN)
    return load_registry(files=[file], environ={"ANNX_PLUGINS": ""})


class Files:
    """Writes experiments and reads them with the plugin's components."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.folder, self.registry = folder, registry

    def load(self, text: str, head: str = HEAD + DATA, **options: Any) -> Experiment:
        file = self.folder / "nest.toml"
        file.write_text(head + text)
        return load_experiment(file, registry=self.registry, **options)

    def plan(self, text: str, **options: Any) -> Plan:
        return make_plan(self.load(text, **options), allow_large=True)

    def error(self, text: str, **options: Any) -> str:
        with pytest.raises(ExperimentError) as caught:
            self.plan(text, **options)
        assert str(caught.value).startswith("nest.toml")
        assert "\n" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def files(tmp_path: Path, registry: Registry) -> Files:
    return Files(tmp_path, registry)


def configs(plan: Plan) -> list[str]:
    return list(dict.fromkeys(trial.config for trial in plan.tune()))


def inner(plan: Plan, index: int = 0, depth: int = 1) -> Any:
    part = list(plan.tune())[index].parts["optimizer"]
    for _ in range(depth):
        (part,) = part.refs["inner"]
    return part


def test_a_value_inside_is_set_and_the_rest_keeps_its_default(files: Files) -> None:
    plan = files.plan('[optimizer.damped]\ninner = "adam"\n"inner.lr" = 0.25\n')
    part = inner(plan)
    assert (part.name, part.params["lr"], part.params["beta1"]) == ("annx:adam", 0.25, 0.9)
    assert plan.counts["configurations"] == 1
    (trial, *_) = plan.tune()
    assert trial.values["optimizer.inner.lr"] == 0.25
    assert trial.values["optimizer.inner"] == "adam"


def test_a_key_may_stand_before_the_reference_and_the_reference_may_be_left_out(files: Files) -> None:
    before = files.plan('[optimizer.damped]\n"inner.beta1" = 0.8\ninner = "adam"\n')
    assert inner(before).params["beta1"] == 0.8
    default = files.plan('[optimizer.damped]\n"inner.lr" = 0.3\n')
    assert (inner(default).name, inner(default).params["lr"]) == ("annx:sgd", 0.3)


def test_a_grid_inside_names_configurations_and_makes_different_trials(files: Files) -> None:
    plan = files.plan(
        '[optimizer.damped]\ninner = "adam"\n"inner.lr" = { log = [1e-4, 1e-1], num = 4 }\nshare = [0.5, 1]'
    )
    assert configs(plan) == [
        f"inner.lr={rate}, share={share}"
        for rate in ("0.0001", "0.001", "0.01", "0.1")
        for share in ("0.5", "1")
    ]
    assert len({trial.key for trial in plan.tune()}) == plan.counts["tune"] == 4 * 2 * 2


def test_nests_in_nests(files: Files) -> None:
    plan = files.plan(
        '[optimizer.deep]\nuse = "damped"\ninner = "damped"\n"inner.share" = 0.25\n'
        '"inner.inner" = "momentum"\n"inner.inner.momentum" = [0.5, 0.95]\n"inner.inner.lr" = 0.2\n'
    )
    assert inner(plan).params == {"share": 0.25}
    assert inner(plan, 0, 2).params["momentum"] == 0.5
    assert inner(plan, -1, 2).params["momentum"] == 0.95
    assert inner(plan, 0, 2).params["lr"] == 0.2
    assert configs(plan) == ["inner.inner.momentum=0.5", "inner.inner.momentum=0.95"]
    assert next(plan.tune()).values["optimizer.inner.inner"] == "momentum"


def test_presets_inside(files: Files) -> None:
    plan = files.plan('[optimizer.damped]\ninner = "adam"\n"inner.preset" = ["paper", "seed"]\n')
    registry = files.registry
    for index, preset in ((0, "paper"), (-1, "seed")):
        want: Any = registry.get("optimizer", "adam").cls
        for key, value in want.presets[preset].items():
            assert inner(plan, index).params[key] == value
    assert configs(plan) == ["inner.preset=paper", "inner.preset=seed"]
    twins = files.error('[optimizer.o]\nuse = "damped"\ninner = "sgd"\n"inner.preset" = ["seed", "paper"]\n')
    assert "of inner.preset are the same configuration" in twins


def test_rows_walk_through_references_and_what_is_inside_each(files: Files) -> None:
    plan = files.plan(
        '[optimizer.damped]\n"inner, inner.lr" = [["adam", 0.01], ["sgd", 0.5], ["momentum", 0.1]]\n'
    )
    optimizers = {(part.name, part.params["lr"]) for part in (inner(plan, i) for i in (0, 2, 4))}
    assert optimizers == {("annx:adam", 0.01), ("annx:sgd", 0.5), ("annx:momentum", 0.1)}
    assert configs(plan)[0] == "inner=adam, inner.lr=0.01"
    plan = files.plan('[optimizer.damped]\ninner = "adam"\n"share, inner.lr" = [[0.5, 0.02], [1, 0.01]]\n')
    assert configs(plan) == ["share=0.5, inner.lr=0.02", "share=1, inner.lr=0.01"]


def test_a_grid_of_references_shares_the_keys_that_all_have(files: Files) -> None:
    plan = files.plan('[optimizer.damped]\ninner = ["adam", "sgd"]\n"inner.lr" = [0.1, 0.2]\n')
    assert plan.counts["configurations"] == 4
    message = files.error('[optimizer.damped]\ninner = ["adam", "sgd"]\n"inner.beta1" = 0.5\n')
    assert "unknown key 'inner.beta1'; sgd has lr, momentum" in message


def test_search_draws_from_the_range_that_the_component_inside_declares(files: Files) -> None:
    search = '[search]\nmethod = "halton"\nsamples = 8\n'
    text = f'{search}[optimizer.damped]\ninner = "adam"\n"inner.lr" = "search"\n'
    plan = files.plan(text)
    rates = [trial.values["optimizer.inner.lr"] for trial in plan.tune()]
    assert plan.counts["configurations"] == len(set(rates)) == 8
    plain = files.plan(f'{search}[optimizer.adam]\nlr = "search"\n')
    assert rates == [trial.values["optimizer.lr"] for trial in plain.tune()]
    message = files.error(text.replace('inner = "adam"', 'inner = ["adam", "sgd"]'))
    assert "declare different ranges for lr" in message
    message = files.error(text.replace("inner.lr", "inner.eps"))
    assert "adam declares no range for eps (it declares one for: inner.lr" in message
    message = files.error('[optimizer.damped]\n"inner.lr" = { log = [1e-3, 1] }\n')
    assert "inner.lr is a range without num, which needs a sampler" in message


def test_excludes_and_includes_speak_of_what_is_inside(files: Files) -> None:
    grid = '[optimizer.damped]\ninner = "adam"\n"inner.lr" = [0.001, 0.01, 0.1]\n'
    plan = files.plan(f'{grid}[[exclude]]\n"optimizer.inner.lr" = {{ gt = 0.05 }}\n')
    assert configs(plan) == ["inner.lr=0.001", "inner.lr=0.01"]
    never_set = files.plan(f'{grid}[optimizer.sgd]\n[[exclude]]\n"optimizer.inner.beta1" = 0.9\n')
    assert {trial.arm for trial in never_set.tune()} == {"sgd"}
    plan = files.plan(f'{grid}[[include]]\n"optimizer.inner.lr" = 0.5\n')
    assert configs(plan)[-1] == "inner.lr=0.5"
    assert inner(plan, -1).params["lr"] == 0.5
    again = files.plan(f'{grid}[[include]]\n"optimizer.inner.lr" = 0.1\n')
    assert again.counts["included"] == 0
    message = files.error(f'{grid}[[exclude]]\n"optimizer.inner.lrr" = 1\n')
    assert "no hyperparameter 'inner.lrr' in optimizer damped" in message
    assert "Did you mean 'inner.lr'?" in message
    message = files.error(f'{grid}[[exclude]]\n"optimizer.inner.lr" = -1\n')
    assert "adam: lr must be in (0, inf), got -1" in message


def test_an_include_of_another_component_must_take_the_keys_that_are_set(files: Files) -> None:
    grid = '[optimizer.damped]\ninner = "adam"\n"inner.beta1" = [0.8, 0.9]\n'
    message = files.error(f'{grid}[[include]]\n"optimizer.inner" = "sgd"\n"optimizer.inner.beta1" = 0.8\n')
    assert (
        "[[include]] of optimizer 'damped' is no configuration: sgd: unknown hyperparameter 'beta1'"
        in message
    )


def test_schedules_and_activations_nest_too(files: Files) -> None:
    plan = files.plan(
        '[optimizer.sgd]\n[schedule.late]\nwait = 2\ninner = "step"\n"inner.gamma" = [0.5, 0.1]\n'
        '[activation.twice]\ninner = "leaky_relu"\n"inner.slope" = [0.1, 0.2]\n'
    )
    assert plan.counts["configurations"] == 4
    parts = list(plan.tune())[-1].parts
    assert parts["schedule"].refs["inner"][0].params["gamma"] == 0.1
    hidden = parts["network"].refs["activation"][0]
    assert (hidden.name, hidden.refs["inner"][0].params["slope"]) == ("nest:twice", 0.2)
    assert configs(plan)[0] == "inner.slope=0.1, inner.gamma=0.5"
    assert next(plan.tune()).values["activation.inner.slope"] == 0.1


def test_a_network_sets_what_is_inside_its_own_activation(files: Files) -> None:
    text = '[optimizer.sgd]\n[network.mlp]\nactivation = "leaky_relu"\n"activation.slope" = [0.1, 0.3]\n'
    plan = files.plan(text)
    slopes = [t.parts["network"].refs["activation"][0].params["slope"] for t in plan.tune()]
    assert sorted(set(slopes)) == [0.1, 0.3]
    assert plan.problems == ("two_moons, activation.slope=0.1", "two_moons, activation.slope=0.3")
    message = files.error('[optimizer.sgd]\n[network.mlp]\n"output.slope" = 1\n')
    assert "output is 'auto'; name a component to set its values" in message
    message = files.error(
        "[optimizer.sgd]\n[activation.relu]\n"
        '[network.mlp]\nactivation = "leaky_relu"\n"activation.slope" = 1\n'
    )
    assert "names its own activation" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"inner.lrr" = 1', "[optimizer.damped] unknown key 'inner.lrr'; sgd has lr, momentum"),
        ('"inner.lrr" = 1', "(and preset). Did you mean 'inner.lr'?"),
        ('"iner.lr" = 1', "damped has no reference 'iner', only inner. Did you mean 'inner.lr'?"),
        ('"share.lr" = 1', "damped has no reference 'share', only inner."),
        ('"inner.inner.lr" = 1', "sgd has no references."),
        ('"inner.lr" = -1', "[optimizer.damped] inner.lr: sgd: lr must be in (0, inf), got -1"),
        ('"inner.lr" = [1, 1.0]', "inner.lr lists 1.0 twice"),
        ('"inner.lr" = []', "inner.lr is an empty grid"),
        ('"inner.decay_mode" = "copled"', "Did you mean 'coupled'?"),
        ('"inner.preset" = "kears"', "sgd: no preset is called 'kears'"),
        ('inner = "adm"\n"inner.lr" = 1', "No optimizer is called 'adm'. Did you mean 'adam'?"),
        ('"inner.lr" = 1\ninner = "adm"', "No optimizer is called 'adm'. Did you mean 'adam'?"),
        ("inner.lr = 0.1", 'inner.lr must be written in quotes: "inner.lr" = ..'),
        ("lr = 0.1", "unknown key 'lr'; damped has share, inner (and use, preset). Did you mean 'inner.lr'?"),
        ('"inner, inner.beta1" = [["adam", 0.9], ["sgd", 0.5]]', "unknown key 'inner.beta1'; sgd has"),
        ('"inner.lr, inner.lr" = [[1, 1]]', "names a hyperparameter twice"),
        ('"inner.lr" = 1\n"inner.lr, share" = [[1, 1]]', "inner.lr is given twice"),
        ('inner = "fussy"\n"inner.lr" = [1, 7]', "fussy: lr must not be 7"),
        ('inner = "endless"', "endless: its references form a circle"),
        (
            'inner = "wide"\n[optimizer.wide]\nuse = "sgd"',
            "'wide' is a label of this experiment; a reference names",
        ),
    ],
)
def test_mistakes_name_file_key_rule_value_and_nearest_spelling(
    files: Files, text: str, message: str
) -> None:
    assert message in files.error(f"[optimizer.damped]\n{text}\n")


@pytest.mark.parametrize("override", ["optimizer.damped.inner.lr=0.75", 'optimizer.damped."inner.lr"=0.75'])
@pytest.mark.parametrize("text", ['inner = "adam"', 'inner = "adam"\n"inner.lr" = [1, 2]', ""])
def test_an_override_reaches_inside_with_and_without_quotes(files: Files, text: str, override: str) -> None:
    plan = files.plan(f"[optimizer.damped]\n{text}\n", overrides=[override])
    assert {inner(plan, i).params["lr"] for i in range(plan.counts["tune"])} == {0.75}


def test_a_million_trials_of_a_wrapper_are_counted_at_once(files: Files) -> None:
    experiment = files.load(
        '[optimizer.damped]\ninner = "adam"\n"inner.lr" = { log = [1e-3, 1], num = 100 }\n'
        '"inner.beta1" = { linear = [0, 0.99], num = 100 }\n',
        head="# ?\n[seeds]\nreport = { num = 100 }\n" + DATA,
    )
    counts, calls = counted(lambda: Plan(experiment).counts)
    assert counts["total"] == 1_000_000
    assert calls < 10_000


# Through training and the report


def test_a_wrapper_of_share_1_trains_as_what_is_inside_and_one_half_as_half_the_rate(files: Files) -> None:
    """share · lr is the rate of plain descent: 0.5 · 0.25 is 0.125 exactly, in any stack."""
    wrapped = files.plan('[optimizer.damped]\nshare = 0.5\n"inner.lr" = [0.25, 0.5]\n')
    plain = files.plan("[optimizer.sgd]\nlr = [0.125, 0.25]\n")
    one, other = (train_stack(list(plan.tune()), files.registry) for plan in (wrapped, plain))
    assert [result.metrics for result in one] == [result.metrics for result in other]
    alone = [train_stack([trial], files.registry)[0].metrics for trial in wrapped.tune()]
    assert [result.metrics for result in one] == alone


SWEPT = """
[optimizer.sgd]
lr = [1e-6, 1e-5, 1e-4]
[optimizer.damped]
share = 1
inner = "adam"
"inner.lr" = [1e-6, 1e-5, 1e-4]
"""


@pytest.mark.slow
def test_the_rate_inside_has_a_column_is_audited_and_drawn_with_the_others(
    files: Files, tmp_path: Path
) -> None:
    results = sweep(files.load(SWEPT), out=tmp_path / "run", jobs=1, executor="serial")
    trials = results.trials
    wrapped = trials[trials["optimizer"] == "damped"]
    assert set(wrapped["optimizer.inner.lr"]) <= {1e-6, 1e-5, 1e-4}
    assert wrapped["optimizer.lr"].isna().all()
    assert "optimizer.inner.lr" in (tmp_path / "run" / "trials.csv").read_text().splitlines()[0].split(",")
    selection = results.selection.set_index("arm")
    assert selection.loc["damped", "edge"] == "optimizer.inner.lr"  # rates this small: the largest is best
    assert selection.loc["sgd", "edge"] == "optimizer.lr"
    report = build_report(results, {})
    assert {row["arm"]: row["hyperparameter"] for row in report["sensitivity"]} == {
        "sgd": "optimizer.lr",
        "damped": "optimizer.inner.lr",
    }
    edge = [warning["text"] for warning in report["answer"]["warnings"] if warning["kind"] == "edge"]
    assert "damped on 1 of 1" in edge[0]
    figure: Any = files.registry.get("figure", "lr_sensitivity").cls()
    drawing = figure.draw(FigureInput(trials, results.curves, report, Theme.of(report["arms"])))
    (ax,) = (axes for axes in drawing.figure.axes if axes.lines)
    assert {line.get_label() for line in ax.lines} >= {"sgd", "damped"}


# The full batch


@pytest.mark.parametrize(
    "text",
    [
        "[optimizer.exact]",
        '[optimizer.damped]\ninner = "exact"',
        '[optimizer.damped]\ninner = ["sgd", "exact"]',
        '[optimizer.damped]\ninner = "damped"\n"inner.inner" = "exact"',
        '[optimizer.damped]\n[[include]]\n"optimizer.inner" = "exact"',
    ],
)
def test_an_optimizer_that_needs_the_full_batch_is_refused_with_batches(files: Files, text: str) -> None:
    small = HEAD.replace('"full"', "16") + DATA
    message = files.error(f"{text}\n", head=small)
    assert 'exact needs the full batch; write [train] batch_size = "full", got 16.' in message
    assert files.plan(f"{text}\n").counts["total"] > 0


def test_on_objectives_it_needs_one_without_noise(files: Files) -> None:
    head = HEAD.replace('batch_size = "full"\n', "")
    assert files.plan("[objective.rosenbrock]\n[optimizer.exact]\n", head=head).counts["total"] > 0
    message = files.error("[objective.noisy_quadratic]\n[optimizer.exact]\n", head=head)
    assert "exact needs the full batch, an exact gradient, but that of [objective.noisy_quadratic]" in message


def test_wrappers_descend_objectives(files: Files) -> None:
    head = HEAD.replace('batch_size = "full"\n', "") + "[objective.quadratic]\ncondition = 10\n"
    plan = files.plan('[optimizer.damped]\nshare = 0.5\n"inner.lr" = 0.2\n', head=head)
    (result, _) = train_stack(list(plan.tune()), files.registry)
    # By hand: x ← (1 - 0.1 h) x from (-1, 1), h = (1, 10): (0.9¹⁰, 0).
    np.testing.assert_allclose(result.metrics["train_loss"], 0.5 * 0.9**20, rtol=1e-5)
