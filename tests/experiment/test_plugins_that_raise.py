"""A component whose author's code raises, leaves or returns something else while the plan asks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import right
from shipped import REGISTRY

from anncore.contract.errors import ExperimentError, described
from anncore.contract.registry import Registered, Registry
from anncore.experiment.plan import make_plan
from anncore.experiment.read import load_experiment


def leave(*_: Any) -> Any:
    raise SystemExit(3)


def boom(*_: Any) -> Any:
    raise RuntimeError("boom")


def stop(*_: Any) -> Any:
    raise GeneratorExit


def giving(value: Any) -> Callable[..., Any]:
    return lambda *_: value


CASES = [
    ("optimizer", "Plain", "validate", leave, "[optimizer.plain] cannot be made: SystemExit: 3"),
    ("optimizer", "Plain", "validate", boom, "[optimizer.plain] cannot be made: RuntimeError: boom"),
    ("optimizer", "Plain", "fingerprint", giving(float("nan")), "fingerprint() must return a text, got nan"),
    ("optimizer", "Plain", "fingerprint", giving(b"x"), "fingerprint() must return a text, got b'x'"),
    ("optimizer", "Plain", "fingerprint", giving(None), "fingerprint() must return a text, got None"),
    ("optimizer", "Plain", "route", boom, "[optimizer.plain] and [network.mlp]: RuntimeError: boom"),
    ("optimizer", "Plain", "route", leave, "[optimizer.plain] and [network.mlp]: SystemExit: 3"),
    ("optimizer", "Plain", "route", giving([]), "[optimizer.plain] and [network.mlp]: TypeError: "),
    ("optimizer", "Plain", "__reduce__", boom, "[optimizer.plain] and [network.mlp]: RuntimeError: boom"),
    ("dataset", "Coins", "make", leave, "[dataset.coins] cannot be made: SystemExit: 3"),
    ("dataset", "Coins", "make", stop, "[dataset.coins] cannot be made: GeneratorExit"),
    ("network", "Shallow", "specs", boom, "on data set 'two_moons': cannot be made: RuntimeError: boom"),
    ("network", "Shallow", "specs", leave, "on data set 'two_moons': cannot be made: SystemExit: 3"),
    ("network", "Shallow", "specs", giving("x"), "shallow: specs() must return a list of WeightSpec, got"),
    ("network", "Shallow", "specs", giving(3), "on data set 'two_moons': cannot be made: TypeError: "),
    ("network", "Furnished", "places", giving(3), "on data set 'two_moons': cannot be made: TypeError: "),
]


@pytest.mark.parametrize(("kind", "name", "method", "does", "words"), CASES)
def test_the_plan_says_in_one_line_what_a_component_does(
    kind: str, name: str, method: str, does: Callable[..., Any], words: str
) -> None:
    keeps: Any = getattr(right, name)
    raises = type(name, (keeps,), {method: does, "__doc__": keeps.__doc__})
    component = Registered(kind, keeps.name, raises, "p", "1", f"p:{keeps.name}")
    registry = Registry((*REGISTRY.components, component), REGISTRY.plugins)
    document: dict[str, Any] = {
        "train": {"steps": 4},
        "seeds": {"report": [1]},
        "dataset": {"two_moons": {"n": 40}},
        "network": {"mlp": {"hidden": [[2]]}},
        "optimizer": {"sgd": {}},
    }
    document[kind] = {keeps.name: {"use": f"p:{keeps.name}"}}
    with pytest.raises(ExperimentError) as caught:
        make_plan(load_experiment(document, registry=registry))
    (line,) = caught.value.lines
    assert words in line
    assert line.startswith("experiment: ")


def test_an_error_that_cannot_be_written_is_described_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError("no")

    assert described(Mute()) == "Mute: its message cannot be written as text"
    assert described(ValueError("two\n lines")) == "ValueError: two lines"
    assert described(KeyboardInterrupt()) == "KeyboardInterrupt"
