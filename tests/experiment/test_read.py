"""What a valid experiment file means."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiment_factory import SMALL, load, registry

from anncore.contract.errors import ExperimentError
from anncore.contract.loading import load_registry
from anncore.contract.trial import Split, Stop, Train
from anncore.experiment import Limits, Range, Rows, SearchSettings, Select, load_experiment
from anncore.experiment.plan import make_plan

HEAD = "[dataset.two_moons]\nn = 60\n"


def lr_rows(tmp_path: Path, value: str, **options: object) -> list[float]:
    experiment = load(tmp_path, f"{HEAD}[optimizer.sgd]\nlr = {value}", **options)
    (axis,) = experiment.entries["optimizer"][0].axes
    assert isinstance(axis, Rows)
    return [row[0] for row in axis.rows]


def test_smallest_experiment_has_defaults_for_all_else(tmp_path: Path) -> None:
    experiment = load(tmp_path, "[dataset.two_moons]\n[optimizer.sgd]\n", "first.toml")
    assert (experiment.name, experiment.title, experiment.question) == ("first", "first", "")
    assert experiment.vary == ("optimizer",)
    assert experiment.train == Train()
    assert experiment.split == Split()
    assert (experiment.tune_seeds, experiment.report_seeds) == ((), tuple(range(100, 110)))
    assert experiment.limits == Limits(5000, None)
    assert experiment.search is None
    assert make_plan(experiment).experiment.select == Select("valid_loss", "min")
    labels = {kind: [entry.label for entry in entries] for kind, entries in experiment.entries.items()}
    assert labels == {
        "dataset": ["two_moons"],
        "objective": [],
        "network": ["mlp"],
        "activation": [],
        "loss": ["auto"],
        "optimizer": ["sgd"],
        "schedule": ["constant"],
        "initializer": ["glorot_uniform"],
    }


def test_every_setting_is_read(tmp_path: Path) -> None:
    experiment = load(
        tmp_path,
        """
        schema = 1
        title = "T"
        [train]
        epochs = 3
        batch_size = "full"
        shuffle = false
        eval_every = 5
        dtype = "float64"
        stop = { loss = 0.05, patience = 20, min_delta = 1e-4, monitor = "train_loss" }
        diverged_above = 10
        [split]
        valid = 0.1
        test = 0.3
        stratify = false
        standardize = false
        [seeds]
        tune = { start = 5, num = 2 }
        report = [1, 2]
        sweep = 7
        [select]
        metric = "valid_accuracy"
        [search]
        method = "sobol"
        samples = 8
        [limits]
        max_trials = 10
        timeout = "5m"
        [report]
        control = "sgd"
        rope = 0.01
        anything = { goes = [1] }
        [dataset.two_moons]
        [optimizer.sgd]
        """,
    )
    assert experiment.title == "T"
    assert experiment.train == Train(
        steps=None,
        epochs=3,
        batch_size="full",
        shuffle=False,
        eval_every=5,
        dtype="float64",
        stop=Stop(0.05, 20, 1e-4, "train_loss"),
        diverged_above=10.0,
    )
    assert experiment.split == Split(0.1, 0.3, False, False)
    assert (experiment.tune_seeds, experiment.report_seeds, experiment.sweep_seed) == ((5, 6), (1, 2), 7)
    assert make_plan(experiment).experiment.select == Select("valid_accuracy", "max")
    assert experiment.search == SearchSettings("sobol", 8)
    assert experiment.limits == Limits(10, 300.0)
    assert experiment.report["anything"] == {"goes": [1]}


@pytest.mark.parametrize(
    ("written", "seconds"),
    [('"60s"', 60), ('"5m"', 300), ('"1.5h"', 5400), ('"250ms"', 0.25), ('"7"', 7), ("2.5", 2.5), ("3", 3)],
)
def test_timeout_is_text_with_a_unit_or_seconds(tmp_path: Path, written: str, seconds: float) -> None:
    experiment = load(tmp_path, f"{HEAD}[optimizer.sgd]\n[limits]\ntimeout = {written}")
    assert experiment.limits.timeout == seconds


def test_question_is_the_first_comment(tmp_path: Path) -> None:
    text = "\n# Which one\n# is best?\n#\n# More words.\n# And more.\n" + SMALL
    assert load(tmp_path, text).question == "Which one is best?"
    assert load(tmp_path, "title = 'x' # no question\n# nor here\n" + HEAD + "[optimizer.sgd]").question == ""


def test_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert load_experiment(file, registry=registry()).question == "Which optimizer is faster?"


def test_scalar_fixes_and_list_is_a_grid(tmp_path: Path) -> None:
    assert lr_rows(tmp_path, "0.5") == [0.5]
    assert lr_rows(tmp_path, "[1, 0.5]") == [1.0, 0.5]
    assert lr_rows(tmp_path, "{ choice = [0.1, 0.2] }") == [0.1, 0.2]


def test_ranges_are_exact_where_decimals_are(tmp_path: Path) -> None:
    assert lr_rows(tmp_path, "{ log = [1e-3, 1], num = 4 }") == [0.001, 0.01, 0.1, 1.0]
    assert lr_rows(tmp_path, "{ linear = [0.1, 0.5], num = 5 }") == [0.1, 0.2, 0.3, 0.4, 0.5]
    # As NumPy's arange and Python's range: the second number is left out.
    assert lr_rows(tmp_path, "{ range = [0.1, 0.4, 0.1] }") == [0.1, 0.2, 0.3]
    assert lr_rows(tmp_path, "{ range = [1, 4] }") == [1.0, 2.0, 3.0]
    assert lr_rows(tmp_path, "{ range = [3, 0, -1] }") == [3.0, 2.0, 1.0]


def test_ranges_of_whole_numbers_are_whole(tmp_path: Path) -> None:
    text = "[dataset.two_moons]\nn = { log = [16, 256], num = 5 }\n[optimizer.sgd]"
    (axis,) = load(tmp_path, text).entries["dataset"][0].axes
    assert axis.rows == ((16,), (32,), (64,), (128,), (256,))  # type: ignore[union-attr]
    assert all(type(row[0]) is int for row in axis.rows)  # type: ignore[union-attr]


def test_only_a_list_of_lists_is_a_grid_of_lists(tmp_path: Path) -> None:
    def rows(value: str) -> object:
        text = f"{HEAD}[network.mlp]\nhidden = {value}\n[optimizer.sgd]"
        return load(tmp_path, text).entries["network"][0].axes[0].rows  # type: ignore[union-attr]

    assert rows("[32, 16]") == (((32, 16),),)
    assert rows("[[32, 16], [8], []]") == (((32, 16),), ((8,),), ((),))
    assert rows("[]") == (((),),)


def test_references_take_a_name_a_grid_or_one_per_layer(tmp_path: Path) -> None:
    def rows(value: str) -> object:
        text = f"{HEAD}[network.mlp]\nactivation = {value}\n[optimizer.sgd]"
        return load(tmp_path, text).entries["network"][0].axes[0].rows  # type: ignore[union-attr]

    relu, tanh = "annx:relu", "annx:tanh"
    assert rows('"relu"') == (((relu,),),)
    assert rows('"annx:relu"') == (((relu,),),)
    assert rows('["relu", "tanh"]') == (((relu,),), ((tanh,),))
    assert rows('[["relu", "tanh"]]') == (((relu, tanh),),)


def test_zip_walks_rows(tmp_path: Path) -> None:
    text = f'{HEAD}[optimizer.sgd]\n"lr, momentum" = [[0.1, 0.9], [0.01, 0.99]]'
    entry = load(tmp_path, text).entries["optimizer"][0]
    assert entry.axes == (Rows(("lr", "momentum"), ((0.1, 0.9), (0.01, 0.99))),)
    assert entry.varying == ("lr", "momentum")


def test_search_takes_the_declared_range(tmp_path: Path) -> None:
    text = (
        f'{HEAD}[optimizer.adam]\nlr = "search"\nbeta1 = "search"\n[search]\nmethod = "random"\nsamples = 3'
    )
    lr, beta1 = load(tmp_path, text).entries["optimizer"][0].axes
    assert isinstance(lr, Range)
    assert isinstance(beta1, Rows)
    adam = registry().get("optimizer", "adam").cls
    from anncore.contract.hyperparameters import declared

    assert lr.search == declared(adam)["lr"].search  # type: ignore[arg-type]
    assert tuple(row[0] for row in beta1.rows) == declared(adam)["beta1"].search.values  # type: ignore[arg-type, union-attr]


def test_label_may_differ_from_the_component(tmp_path: Path) -> None:
    text = f'{HEAD}[optimizer.heavy]\nuse = "sgd"\nmomentum = 0.9\n[optimizer."plain sgd"]\nuse = "annx:sgd"'
    entries = load(tmp_path, text).entries["optimizer"]
    assert [entry.label for entry in entries] == ["heavy", "plain sgd"]
    assert {entry.component.full_name for entry in entries if entry.component} == {"annx:sgd"}


def test_vary_defaults_to_the_kinds_of_which_there_are_several(tmp_path: Path) -> None:
    text = f"{HEAD}[optimizer.sgd]\n[activation.relu]\n[activation.tanh]\n[loss.binary_cross_entropy]"
    assert load(tmp_path, text).vary == ("activation",)


def test_only_and_skip_choose_entries(tmp_path: Path) -> None:
    def kept(**options: object) -> list[str]:
        return [entry.label for entry in load(tmp_path, SMALL, **options).entries["optimizer"]]

    assert kept(only=["optimizer=sgd"]) == ["sgd"]
    assert kept(only=["optimizer=sgd", "optimizer=ad*"]) == ["sgd", "adam"]
    assert kept(skip=["optimizer=sgd"]) == ["adam"]


@pytest.mark.parametrize("option", ["only", "skip"])
def test_only_and_skip_that_leave_nothing_end_with_exit_code_5(tmp_path: Path, option: str) -> None:
    choice = "optimizer=adma" if option == "only" else "optimizer=*"
    with pytest.raises(ExperimentError, match="optimizer") as caught:
        load(tmp_path, SMALL, **{option: [choice]})
    assert caught.value.exit_code == 5


def test_unknown_kind_in_only_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(
        ExperimentError, match=r"only 'optimiser=sgd' must be .* Did you mean 'optimizer'"
    ) as e:
        load(tmp_path, SMALL, only=["optimiser=sgd"])
    assert e.value.exit_code == 2


def test_quick_takes_fewer_steps_seeds_and_samples(tmp_path: Path) -> None:
    text = SMALL.replace("steps = 10", "steps = 500") + "[search]\nmethod = 'lhs'\nsamples = 9\n"
    experiment = load(tmp_path, text, quick=True)
    assert (experiment.train.steps, experiment.train.eval_every) == (50, 10)
    assert (experiment.tune_seeds, experiment.report_seeds) == ((0,), (100, 101, 102))
    assert experiment.search == SearchSettings("lhs", 4)
    assert experiment.quick


def test_plugin_files_are_relative_to_the_experiment(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        '''
from dataclasses import dataclass
from typing import ClassVar
from anncore import hookimpl, hyper, Optimizer

@dataclass(frozen=True)
class Still(Optimizer):
    """Never moves."""
    name: ClassVar[str] = "still"
    lr: float = hyper(1.0, "(0, inf)")
    def init(self, weight): return ()
    def step(self, weight, grad, state, t): return 0 * weight, state

@hookimpl
def annx_optimizers():
    return [Still]
'''
    )
    text = f'[plugins]\nfiles = ["mine.py"]\n{HEAD}[optimizer.still]\n[optimizer.other]\nuse = "mine:still"'
    (tmp_path / "x.toml").write_text(text)
    experiment = load_experiment(tmp_path / "x.toml")
    assert experiment.plugin_files == (str(tmp_path / "mine.py"),)
    assert {e.component.full_name for e in experiment.entries["optimizer"] if e.component} == {"mine:still"}
    given = load_registry(files=[tmp_path / "mine.py"])
    assert load_experiment(tmp_path / "x.toml", registry=given).registry is given


# Overrides


def override(tmp_path: Path, *texts: str) -> object:
    return load(tmp_path, SMALL, overrides=texts)


def test_overrides_set_what_the_file_has_and_what_it_could_have(tmp_path: Path) -> None:
    experiment = load(
        tmp_path,
        SMALL,
        overrides=[
            "train.steps=20",
            "train.steps=30",  # the last one wins
            "split.valid = 0.1",
            "title=Bare words",
            "optimizer.sgd.lr=[0.5]",
            'optimizer.adam."beta1, beta2"=[[0.9, 0.99]]',
            "seeds.report={ start = 1000, num = 2 }",
            "seeds.tune=[]",
        ],
    )
    assert experiment.train.steps == 30
    assert experiment.split.valid == 0.1
    assert experiment.title == "Bare words"
    assert experiment.entries["optimizer"][0].axes[0] == Rows(("lr",), ((0.5,),))
    assert experiment.report_seeds == (1000, 1001)
    assert experiment.tune_seeds == ()
    assert experiment.document["train"]["steps"] == 30
    assert experiment.text == SMALL


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train.stepz=3", r"x\.toml with 'train\.stepz=3': unknown key 'stepz' in \[train\].*'steps'"),
        ("train.steps=many", r"x\.toml with 'train\.steps=many': \[train\] steps must be .* got 'many'"),
        ("trian.steps=3", r"unknown key 'trian' in the experiment.* Did you mean 'train'"),
        ("optimizer.adma.lr=1", r"\[optimizer\.adma\] No optimizer is called 'adma'.* Did you mean 'adam'"),
        ("train", "override 'train' must be KEY=VALUE"),
        ("=3", "override '=3' must be KEY=VALUE"),
        ("train.steps=", "override 'train.steps=' has no value"),
        ("train..steps=3", r"'train\.\.steps' is not a dotted key"),
        ("optimizer.sgd.lr=[0.1", r"'\[0\.1' is not a TOML value"),
        ("train.steps.more=3", r"train\.steps is 10 in x\.toml, not a table"),
        ("optimizer.sgd.lr, momentum=1", "is not a dotted key"),
    ],
)
def test_wrong_overrides(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ExperimentError, match=said):
        override(tmp_path, text)
