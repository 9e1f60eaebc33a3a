"""Hyperparameters varied as factors, and depth and width of an mlp: which arms and trials they make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from anncore.contract.errors import AnnxError
from anncore.experiment.plan import Plan, make_plan
from anncore.experiment.read import load_experiment


def planned(network: Mapping[str, Any], vary: Any = ("network.hidden",), **tables: Any) -> Plan:
    document: dict[str, Any] = {
        "vary": list(vary),
        "train": {"steps": 10},
        "seeds": {"report": [1]},
        "dataset": {"two_moons": {"n": 100}},
        "network": {"mlp": dict(network)},
        "optimizer": {"adam": {"lr": 0.01}},
    }
    return make_plan(
        load_experiment({name: table for name, table in {**document, **tables}.items() if table})
    )


def keys(plan: Plan) -> list[str]:
    return [trial.key for trial in plan.report()]


def test_each_value_makes_arms_of_its_own_and_the_same_trials() -> None:
    grid = {"hidden": [[4], [16, 8]], "dropout": [0.0, 0.1]}
    varied, plain = planned(grid), planned(grid, ["optimizer"])
    assert varied.arms == ("hidden=4", "hidden=16x8")
    assert varied.problems == ("two_moons, dropout=0", "two_moons, dropout=0.1")
    assert plain.arms == ("adam",)
    assert len(plain.problems) == 4
    assert sorted(keys(varied)) == sorted(keys(plain))
    assert varied.counts["total"] == plain.counts["total"] == 4


def test_kinds_and_hyperparameters_multiply_in_the_order_of_kinds() -> None:
    activations = {"relu": {}, "tanh": {}}
    plan = planned({"hidden": [[4], [8]]}, ["activation", "network.hidden"], activation=activations)
    assert plan.arms == ("hidden=4 + relu", "hidden=4 + tanh", "hidden=8 + relu", "hidden=8 + tanh")
    assert plan.experiment.vary == ("network.hidden", "activation")
    first = next(iter(plan.report()))
    assert first.labels["network"] == "mlp"
    assert first.values["network.hidden"] == [4]


def test_a_varied_rate_is_not_tuned_and_the_rest_is() -> None:
    plan = planned(
        {},
        ["optimizer", "optimizer.lr"],
        optimizer={
            "sgd": {"lr": [0.01, 0.1], "momentum": [0.0, 0.9]},
            "adam": {"lr": [0.01, 0.1]},
        },
        seeds={"tune": [0], "report": [1]},
    )
    assert plan.arms == ("sgd + lr=0.01", "sgd + lr=0.1", "adam + lr=0.01", "adam + lr=0.1")
    assert [count for _, count in plan.configurations.items()] == [2, 2, 1, 1]
    assert plan.counts["tune"] == 6
    assert plan.counts["report"] == 4


def test_a_search_draws_as_many_configurations_for_every_value() -> None:
    plan = planned(
        {},
        ["optimizer.momentum"],
        optimizer={"sgd": {"momentum": [0.0, 0.9], "lr": {"log": [1e-3, 1.0]}}},
        search={"method": "random", "samples": 3},
        seeds={"tune": [0], "report": [1]},
    )
    assert plan.arms == ("momentum=0", "momentum=0.9")
    rates: dict[str, list[float]] = {}
    for trial in plan.tune():
        rates.setdefault(trial.arm, []).append(trial.values["optimizer.lr"])
    assert len(rates["momentum=0"]) == 3
    assert rates["momentum=0"] == rates["momentum=0.9"]


def test_rules_ask_about_values_as_before() -> None:
    left_out = {"network.hidden": [4], "activation": "tanh"}
    activations = {"relu": {}, "tanh": {}}
    grid = {"hidden": [[4], [8]]}
    vary = ["activation", "network.hidden"]
    plan = planned(grid, vary, activation=activations, exclude=[left_out])
    assert plan.arms == ("hidden=4 + relu", "hidden=8 + relu", "hidden=8 + tanh")
    back = {"dataset": "two_moons", "network": "mlp", "optimizer": "adam", **left_out}
    again = planned(grid, vary, activation=activations, exclude=[left_out], include=[back])
    assert set(again.arms) == {"hidden=4 + relu", "hidden=8 + relu", "hidden=8 + tanh", "hidden=4 + tanh"}


def test_values_in_rows_make_arms_with_what_stands_beside_them() -> None:
    rows = {"depth, width": [[1, 16], [2, 8], [2, 4]]}
    plan = planned(rows, ["network.depth"])
    assert plan.arms == ("depth=1", "depth=2")
    assert [(trial.arm, trial.values["network.width"]) for trial in plan.report()] == [
        ("depth=1", 16),
        ("depth=2", 8),
        ("depth=2", 4),
    ]


def test_depth_and_width_are_the_same_trials_as_hidden() -> None:
    assert keys(planned({"depth": 2, "width": 16}, ())) == keys(planned({"hidden": [16, 16]}, ()))
    assert keys(planned({"depth": [1, 3]}, ["network.depth"])) == keys(
        planned({"hidden": [[32], [32, 32, 32]]})
    )
    assert keys(planned({"width": [8, 16]}, ["network.width"])) == keys(
        planned({"hidden": [[8, 8], [16, 16]]})
    )
    rule = {"network.hidden": [16, 16]}
    grid = {"depth": [1, 2], "width": [8, 16]}
    plan = planned(grid, ["network.depth", "network.width"], exclude=[rule])
    assert plan.arms == ("depth=1 + width=8", "depth=1 + width=16", "depth=2 + width=8")


@pytest.mark.parametrize(
    ("network", "vary", "said"),
    [
        ({"hidden": [8], "depth": 2}, (), "mlp: depth stands for hidden, which is given too; leave out one"),
        ({"hidden": [[8], [9]], "depth": 2, "width": 3}, (), "depth and width stand for hidden"),
        ({"depth": 0}, (), "mlp: depth must be a whole number in [1, 1000], got 0"),
        ({"width": 1.5}, (), "mlp: width must be a whole number in [1, inf), got 1.5"),
        ({"hidden": [8]}, ["network.hidden"], "vary names 'network.hidden', which has a single value"),
        ({"hidden": [[8], [9]]}, ["network.hiden"], "Did you mean 'network.hidden'?"),
        (
            {"hidden": [[8], [9]]},
            ["network.depth"],
            "[network.mlp] does not set depth; give it a list of values",
        ),
        ({"hidden": [[8], [9]]}, ["network.hidden", "network.hidden"], "vary names a hyperparameter twice"),
        ({"hidden": [[8], [9]]}, ["networks.hidden"], "Did you mean 'network'?"),
        ({}, ["dataset.n"], "vary cannot name 'dataset.n': arms are compared on it"),
        ({}, ["loss.delta"], "vary names 'loss.delta', but there is no [loss.NAME] section."),
        ({"depth": [0, 1]}, ["network.depth"], "depth must be a whole number in [1, 1000], got 0"),
    ],
)
def test_what_cannot_be_varied_is_refused_in_one_line(
    network: Mapping[str, Any], vary: Any, said: str
) -> None:
    with pytest.raises(AnnxError) as caught:
        planned(network, vary)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_range_to_draw_from_makes_no_arms() -> None:
    with pytest.raises(AnnxError, match="draws from a range; give a list of values"):
        planned(
            {},
            ["optimizer.lr"],
            optimizer={"adam": {"lr": {"log": [1e-3, 1.0]}}},
            search={"method": "random", "samples": 3},
            seeds={"tune": [0], "report": [1]},
        )


def test_an_include_with_a_value_that_no_section_lists_is_refused() -> None:
    rule = {"network.hidden": [99], "dataset": "two_moons", "network": "mlp", "optimizer": "adam"}
    with pytest.raises(AnnxError, match=r"\[\[include\]\] sets network.hidden = \[99\].*add it to the list"):
        planned({"hidden": [[4], [8]]}, include=[rule])
