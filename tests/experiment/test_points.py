"""Numbers of a grid are known without being made, and rules leave out what they exclude before it is made."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from experiment_factory import load, plan

from anncore.contract.errors import AnnxError
from anncore.experiment import choices, keys
from anncore.experiment.model import Comparison, Rule
from anncore.experiment.plan import Plan, make_plan
from anncore.experiment.points import Points, Spaced, Steps, Whole
from anncore.experiment.rules import holds

HEAD = "[dataset.two_moons]\nn = 60\n[seeds]\nreport = [1]\n"
BOTH = "lr = { linear = [0.0001, 0.9], num = 2000 }\nbeta1 = { linear = [0.1, 0.9], num = 2000 }\n"


def counting(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[int]:
    """Return a list that grows by one with every call."""
    calls: list[int] = []
    original = getattr(owner, name)

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(1)
        return original(*args, **options)

    monkeypatch.setattr(owner, name, counted)
    return calls


@pytest.mark.parametrize(
    "excludes", ["", "[[exclude]]\n", "[[exclude]]\n'optimizer.lr' = 0.1\n[[exclude]]\n"]
)
def test_no_value_of_a_large_grid_is_made_before_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, excludes: str
) -> None:
    names = ("lr", "beta1", "beta2", "eps")
    text = HEAD + "[optimizer.adam]\n"
    text += "".join(f"{name} = {{ linear = [0.1, 0.9], num = 100000 }}\n" for name in names)
    if excludes:
        text += excludes + "".join(f"'optimizer.{name}' = {{ gt = 0.5 }}\n" for name in names)
    checked, made = counting(monkeypatch, keys, "checked"), counting(monkeypatch, Spaced, "value")
    with pytest.raises(AnnxError, match="at most 10,000,000 can be planned"):
        plan(tmp_path, text)
    assert len(checked) < 50
    assert len(made) < 1000  # bisection


def test_many_data_sets_with_long_ranges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = ("range = [10, 100000]", "linear = [10, 100000], num = 100000")
    text = "[seeds]\nreport = [1]\n[optimizer.sgd]\n" + "".join(
        f"[dataset.d{i}]\nuse = 'two_moons'\nn = {{ {sizes[i % 2]} }}\n"
        f"noise = {{ linear = [0.1, 0.4], num = 1000 }}\n"
        for i in range(10)
    )
    checked = counting(monkeypatch, keys, "checked")
    with pytest.raises(AnnxError, match="at most 10,000,000 can be planned"):
        plan(tmp_path, text + "[[exclude]]\n'dataset.n' = { gt = 5000 }\n")
    assert len(checked) < 100


@pytest.mark.parametrize("order", [BOTH, "\n".join(reversed(BOTH.splitlines())) + "\n"], ids=["lr", "beta1"])
def test_what_is_excluded_is_never_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    text = (
        f"{HEAD}[optimizer.adam]\n{order}[schedule.cosine]\n[[exclude]]\n'optimizer.lr' = {{ gt = 0.0001 }}\n"
    )
    made = counting(monkeypatch, choices.Choice, "__init__")
    asked = counting(monkeypatch, choices, "option_bits")
    experiment = load(tmp_path, text)
    planned = make_plan(experiment)
    assert planned.total == 2000
    assert len(made) < 2000 + 50
    assert not asked
    values = [trial.values for trial in itertools.islice(planned.report(), 3)]
    assert [value["optimizer.lr"] for value in values] == [0.0001] * 3
    assert values[0]["optimizer.beta1"] == 0.1
    assert len(made) < 2000 + 50


def test_rules_on_two_axes_leave_their_product(tmp_path: Path) -> None:
    text = (
        "[seeds]\nreport = [1]\n[dataset.two_moons]\nn = { range = [10, 2010] }\n"
        "noise = { linear = [0.0, 0.5], num = 2000 }\n[optimizer.sgd]\n"
        "[[exclude]]\n'dataset.n' = { gt = 11 }\n[[exclude]]\n'dataset.noise' = { gt = 0.0 }\n"
    )
    planned = Plan(load(tmp_path, text))
    given = [choice.given for config in planned._configs() for choice in config if choice.given]
    assert given == [{"n": 10, "noise": 0.0}, {"n": 11, "noise": 0.0}]


GRIDS: list[Points] = [
    Spaced("linear", 0.1, 0.9, 9),
    Spaced("linear", -0.5, 0.5, 11),
    Spaced("linear", 0.3, 0.3 + 4e-10, 7),  # neighbours that a rule holds for the same
    Spaced("log", 1e-3, 1.0, 7),
    Steps(0.1, 0.1, 9, False),
    Steps(9, -3, 5, True),
    Steps(5, 2, 6, False),
    Whole(Spaced("linear", 1, 10, 19)),
]


@pytest.mark.parametrize("points", GRIDS, ids=lambda points: f"{type(points).__name__}{points[0]}")
def test_runs_compare_alike(points: Points) -> None:
    numbers = [0.3, 0.30000000001, 0.5, 0.0, 1e-3, 3, 6, 100, -100]
    tests = [Comparison(op, number) for op in ("eq", "ne", "gt", "ge", "lt", "le") for number in numbers]
    tests.append(Comparison("in", (0.5, 3, 0.30000000001)))
    runs = list(points.runs(numbers))
    assert [start for start, _ in runs] == [0, *(stop for _, stop in runs[:-1])]
    assert runs[-1][1] == len(points)
    for start, stop in runs:
        answers = {tuple(holds([test], value) for test in tests) for (value,) in points[start:stop]}
        assert len(answers) == 1


def test_numbers_of_a_grid() -> None:
    assert list(Steps(0.1, 0.1, 3, False)) == [(0.1,), (0.2,), (0.3,)]  # not 0.30000000000000004
    assert [repr(value) for (value,) in Steps(9, -3, 3, False)] == ["9.0", "6.0", "3.0"]
    assert [repr(value) for (value,) in Steps(9, -3, 3, True)] == ["9", "6", "3"]
    assert Spaced("log", 1e-3, 1.0, 4)[1:3] == ((0.01,), (0.1,))
    # Python rounds halves to even: 1, 1.5, 2, 2.5, 3, 3.5, 4
    assert list(Whole(Spaced("linear", 1, 4, 7))) == [(1,), (2,), (3,), (4,)]
    assert GRIDS[0] == tuple(GRIDS[0])
    assert hash(GRIDS[0]) == hash(tuple(GRIDS[0]))
    with pytest.raises(IndexError):
        _ = GRIDS[0][9]


@pytest.mark.parametrize(("how", "low", "high"), [("linear", 3, 70_001), ("log", 2, 99_999_999)])
def test_whole_numbers_are_those_of_rounding_one_by_one(how: str, low: int, high: int) -> None:
    for num in (2, 7, 140_000 // 7 + 1):
        one_by_one = dict.fromkeys(map(round, Spaced(how, low, high, num).values()))
        assert list(Whole(Spaced(how, low, high, num))) == [(value,) for value in one_by_one]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{ linear = [0.1, 0.1000000000000001], num = 5 }", "lists 0.1 twice"),
        ("{ range = [0.5, -0.5, -0.25] }", "must be in .*, got 0.0"),
        ("{ range = [5, 1] }", "is an empty grid"),
    ],
)
def test_what_is_wrong_in_a_grid_is_still_said(tmp_path: Path, value: str, message: str) -> None:
    with pytest.raises(AnnxError, match=message):
        load(tmp_path, f"{HEAD}[optimizer.adam]\nlr = {value}\n")


def test_rules_without_a_test_leave_nothing(tmp_path: Path) -> None:
    planned = Plan(load(tmp_path, f"{HEAD}[optimizer.adam]\n{BOTH}[[exclude]]\noptimizer = 'adam'\n"))
    assert planned.experiment.exclude == (Rule({"optimizer": ("adam",)}, {}),)
    assert list(planned._configs()) == []
    assert planned.total == 0


def test_points_are_those_of_numpy() -> None:
    wanted = [float(f"{value:.12g}") for value in np.geomspace(1e-4, 0.3, 37)]
    assert [value for (value,) in Spaced("log", 1e-4, 0.3, 37)] == wanted
