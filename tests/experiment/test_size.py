"""Size is counted before anything is made, in little memory, and refused in one line."""

from __future__ import annotations

import importlib
import itertools
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from experiment_factory import load, plan

from anncore.cli.group import cli
from anncore.contract.errors import AnnxError
from anncore.experiment.plan import Plan

HEAD = "[dataset.two_moons]\nn = 60\n"


@contextmanager
def little_memory(most: float) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def grid(num: int, *keys: str) -> str:
    values = {
        "lr": f"{{ log = [1e-6, 1.0], num = {num} }}",
        "beta1": f"{{ linear = [0.1, 0.9], num = {num} }}",
        "beta2": f"{{ linear = [0.1, 0.9], num = {num} }}",
        "eps": f"{{ log = [1e-9, 1e-3], num = {num} }}",
    }
    return f"{HEAD}[optimizer.adam]\n" + "".join(f"{key} = {values[key]}\n" for key in keys)


# 10^(-6 + 6 i / 1023) is at most 0.5 for i up to 971, and 10^(-6 + 6 i / 127) for i up to 120.
@pytest.mark.parametrize(
    ("text", "total"),
    [
        (grid(1024, "lr", "beta1", "beta2", "eps"), 1024**4 * 10),
        (
            grid(1024, "lr", "beta1", "beta2", "eps") + "[[exclude]]\n'optimizer.lr' = {gt = 0.5}\n",
            972 * 1024**3 * 10,
        ),
        (grid(128, "lr", "beta1", "beta2") + "[[exclude]]\n'optimizer.lr' = {gt = 0.5}\n", 121 * 128**2 * 10),
        (grid(1024, "lr", "beta1", "beta2") + "[seeds]\ntune = [1]\nreport = [2]\n", 1024**3),
    ],
)
def test_a_grid_of_any_size_is_counted_and_refused(tmp_path: Path, text: str, total: int) -> None:
    experiment = load(tmp_path, text)
    with little_memory(20e6):
        assert Plan(experiment).total == total
        with pytest.raises(
            AnnxError, match=rf"the plan has {total:,} trials; at most 10,000,000 can be planned"
        ):
            plan(tmp_path, text, allow_large=True)


def test_a_plan_above_the_limit_is_shown_and_nothing_of_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.toml").write_text(grid(64, "lr", "beta1"))
    monkeypatch.setattr("anncore.experiment.parts.prepare", None)  # makes data
    done = CliRunner().invoke(cli, ["plan", str(tmp_path / "x.toml")])
    assert done.exit_code == 0
    assert "40960 trials, more than [limits] max_trials = 5000: a sweep needs --yes" in done.output


RULES = """
vary = ["optimizer"]
[network.mlp]
hidden = [[4], [8], [4, 4]]
[dataset.two_moons]
n = [60, 80]
[dataset.iris]
[optimizer.sgd]
lr = [0.1, 0.2, 0.3]
momentum = [0.0, 0.5]
[optimizer.adam]
preset = ["paper", "keras"]
beta1 = [0.8, 0.9]
"lr, eps" = [[0.1, 1e-8], [0.2, 1e-7], [0.3, 1e-6]]
[optimizer.lookahead]
optimizer = ["sgd", "adam"]
"optimizer.lr" = [0.1, 0.2]
"""
EXCLUDES = (
    "'optimizer.lr' = 0.2\n",
    "optimizer = 'adam'\n'optimizer.eps' = { gt = 1e-8 }\n'optimizer.beta1' = 0.9\n",
    "'optimizer.preset' = 'keras'\n'network.hidden' = [[4], [8]]\n",
    "'optimizer.beta2' = { ge = 0.999 }\n",
    "optimizer = 'lookahead'\n'optimizer.optimizer' = 'adam'\n'optimizer.optimizer.lr' = 0.1\n",
    "'optimizer.optimizer.beta1' = 0.9\ndataset = 'iris'\n",
    "'dataset.n' = 60\n'optimizer.momentum' = { lt = 0.1 }\n",
)


@pytest.mark.parametrize("search", ["", "[search]\nmethod = 'random'\nsamples = 5\n"], ids=["grid", "search"])
@pytest.mark.parametrize(
    "chosen",
    [
        *itertools.combinations(EXCLUDES, 1),
        *itertools.islice(itertools.combinations(EXCLUDES, 3), 0, None, 6),
    ],
    ids=lambda _: "",
)
def test_what_is_counted_is_what_is_listed(tmp_path: Path, chosen: tuple[str, ...], search: str) -> None:
    text = RULES + "".join(f"[[exclude]]\n{rule}" for rule in chosen)
    combos = Plan(load(tmp_path, text + search)).combos
    everything = Plan(load(tmp_path, RULES + search)).combos
    rules = load(tmp_path, text).exclude
    for combo, whole in zip(combos, everything, strict=True):
        kept = [config for config in whole.configurations() if not _excluded(config, rules)]
        listed = list(combo.configurations())
        assert [_spelled(config) for config in listed] == [_spelled(config) for config in kept]
        assert combo.count() == len(kept)
        for kinds in (("dataset",), ("dataset", "network"), ("optimizer",)):
            counts = {}
            for config in kept:
                slots = [slot.kinds for slot in combo.along(kinds)]
                of_kinds = [choice for choice in config if any(choice.entry.kind in kinds for kinds in slots)]
                key = sorted(_spelled(of_kinds))
                counts[str(key)] = counts.get(str(key), 0) + 1
            assert {str(sorted(_spelled(o))): n for o, n in combo.options_of(kinds)} == counts
            assert combo.groups(kinds) == len(counts)


def _spelled(config: Any) -> list[str]:
    return [f"{choice.entry.kind} {choice.entry.label} {choice.given}" for choice in config]


def _excluded(config: Any, rules: Any) -> bool:
    """Apply the rules as the README states them, one configuration at a time."""
    by_kind = {choice.entry.kind: choice for choice in config}
    compare = {
        "eq": lambda a, b: a == b,
        "gt": lambda a, b: isinstance(a, float) and a > b,  # texts have no order
        "ge": lambda a, b: isinstance(a, float) and a >= b,
        "lt": lambda a, b: isinstance(a, float) and a < b,
        "in": lambda a, b: a in b,
    }
    return any(
        all(by_kind[kind].entry.label in labels for kind, labels in rule.labels.items())
        and all(
            name in by_kind[kind].values
            and all(compare[test.op](by_kind[kind].values[name], test.value) for test in tests)
            for (kind, name), tests in rule.tests.items()
        )
        for rule in rules
    )


def test_an_include_is_looked_for_without_making_the_grid(tmp_path: Path) -> None:
    text = grid(100, "lr", "beta1", "beta2") + (
        "[seeds]\nreport = [1]\n[limits]\nmax_trials = 2000000\n"
        "[[include]]\n'optimizer.lr' = 1e-6\n'optimizer.beta1' = 0.1\n'optimizer.beta2' = 0.9\n"
        "[[include]]\n'optimizer.lr' = 7.0\n'optimizer.beta1' = 0.1\n'optimizer.beta2' = 0.9\n"
    )
    experiment = load(tmp_path, text)
    with little_memory(20e6):
        assert Plan(experiment).counts["included"] == 1  # the first one is a point of the grid


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seeds.report={start=0,num=1e12}", r"\[seeds.report\] num must be .* at most 100000"),
        ("seeds.tune={start=0,num=1000000}", r"\[seeds.tune\] num must be .* at most 100000"),
        ("search={method='random',samples=1e12}", r"samples must be .* at most 100000"),
        ("train.steps=1e18", r"steps must be at most 1,000,000,000"),
        ("train.epochs=1e9", r"epochs must be at most 1,000,000"),
        (
            "train={steps=1000000,eval_every=1}",
            r"eval_every = 1 evaluates 1,000,000 times .* eval_every = 10 or",
        ),
        ("train={epochs=100000,eval_every=1}", r"eval_every = 1 evaluates 200,000 times"),
        (
            "dataset.two_moons.n=1e12",
            r"\[dataset.two_moons\] two_moons: n = 1000000000000 would fill the memory",
        ),
        (
            "dataset.two_moons.n=20000001",
            r"two_moons: n = 20000001 would fill the memory; it may be 20,000,000",
        ),
        (
            "dataset.blobs={n=1000000,features=1000}",
            r"n = 1000000 x classes = 3 x features = 1000 would fill the memory; their product may be",
        ),
        ("network.mlp.hidden=[[1000000000]]", r"\[network.mlp\] .* it has 4,000,000,001 weights"),
        ("network.cnn.filters=1000000000", r"cnn: filters = 1000000000 would fill the memory"),
        ("optimizer.sgd.lr={log=[0.1,1],num=1e9}", r"num must be a whole number .* at most 100000"),
        ("optimizer.sgd.lr={range=[0,1,1e-9]}", r"range may have at most 100000 values"),
    ],
)
def test_every_way_to_make_size_is_refused(tmp_path: Path, override: str, message: str) -> None:
    importlib.import_module("sklearn.datasets")  # whose first import alone takes 70 MB
    with little_memory(60e6), pytest.raises(AnnxError, match=message):
        plan(tmp_path, f"{HEAD}[optimizer.sgd]\n", overrides=[override], allow_large=True)


def test_dimensions_of_an_objective(tmp_path: Path) -> None:
    with pytest.raises(AnnxError, match="rosenbrock: dimensions = 1000000000 would fill the memory"):
        plan(tmp_path, "[objective.rosenbrock]\ndimensions = 1000000000\n[optimizer.sgd]\n")


def test_many_labels(tmp_path: Path) -> None:
    def sections(kind: str, name: str) -> str:
        return "".join(f"[{kind}.a{i}]\nuse = '{name}'\n" for i in range(50))

    text = sections("optimizer", "sgd") + sections("network", "mlp") + sections("dataset", "iris")
    with pytest.raises(
        AnnxError, match="50 dataset x 50 network x 50 optimizer sections make 125,000 combin"
    ):
        plan(tmp_path, text)


def test_a_range_that_is_too_narrow_for_its_samples(tmp_path: Path) -> None:
    search = "[search]\nmethod = 'random'\nsamples = 10\n"
    text = f"{HEAD}{search}[optimizer.sgd]\nlr = {{ uniform = [0.1, 0.1000001] }}"
    with pytest.raises(
        AnnxError, match="samples = 10 draws from lr, which have only about 1 different values"
    ):
        plan(tmp_path, text)


def test_many_seeds_of_which_two_are_one(tmp_path: Path) -> None:
    seeds = [*range(50_000), 49_999]
    with pytest.raises(AnnxError, match="report lists seed 49999 twice"):
        load(tmp_path, f"{HEAD}[optimizer.sgd]\n[seeds]\nreport = {seeds}")
