"""A score outside its metric's bounds is a mistake of the metric, and no result."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from shipped import REGISTRY

from anncore import ComponentError, load_experiment, make_plan
from anncore.engine.evaluation import _refuse_out_of_bounds
from anncore.engine.training import train_stack

SHARE = SimpleNamespace(name="share", bounds="[0, 1]")


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.5, np.nan], [1 + 1e-6, -1e-6]])
def test_what_lies_within_but_for_rounding_passes(values: list[float]) -> None:
    _refuse_out_of_bounds(SHARE, np.array(values))


@pytest.mark.parametrize(("values", "shown"), [([0.5, 1.7], "1.7"), ([-0.1, 0.5], "-0.1"), ([np.inf], "inf")])
def test_what_lies_outside_names_the_metric_its_bounds_and_the_value(values: list[float], shown: str) -> None:
    with pytest.raises(ComponentError) as caught:
        _refuse_out_of_bounds(SHARE, np.array(values))
    assert str(caught.value) == (
        f"metric share must lie in its bounds [0, 1], got {shown}; mend its score or its bounds."
    )


def test_a_metric_that_watches_is_held_to_its_bounds_too(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {
        "train": {"steps": 2, "watch": ["gradient_norm"]},
        "seeds": {"report": [1]},
        "dataset": {"two_moons": {"n": 30}},
        "optimizer": {"sgd": {"lr": 0.1}},
    }
    [trial] = make_plan(load_experiment(document, registry=REGISTRY)).report(None)
    monkeypatch.setattr(REGISTRY.get("metric", "gradient_norm").cls, "bounds", "[0, 1e-9]")
    with pytest.raises(ComponentError, match=r"metric gradient_norm must lie in its bounds \[0, 1e-09\]"):
        train_stack([trial], REGISTRY)
