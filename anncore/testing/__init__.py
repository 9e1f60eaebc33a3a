"""The conformance kit: what every component must keep, as named checks.

Three functions use the checks of a kind:

    check_component(Adam)                       raises AssertionError with every broken promise
    for check in checks_for(Adam): check()      one by one
    @parametrize_with_checks([Adam, SGD])       one pytest case per check
    def test_mine(check): check()

A check that has nothing to look at fails, because it has tested nothing. If a component breaks a promise on
purpose, declare an expected failure with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from anncore.contract.kinds import Adopted, component_class
from anncore.contract.registry import Registered
from anncore.testing import generic, stacks
from anncore.testing.activations import ActivationKit
from anncore.testing.commands import CommandKit
from anncore.testing.datasets import DatasetKit
from anncore.testing.executors import ExecutorKit
from anncore.testing.exporters import ExporterKit
from anncore.testing.figures import FigureKit
from anncore.testing.initializers import InitializerKit
from anncore.testing.kit import Check, Kit, Outcome, Subject, kind_of
from anncore.testing.listeners import ListenerKit
from anncore.testing.losses import LossKit
from anncore.testing.metrics import MetricKit
from anncore.testing.networks import NetworkKit
from anncore.testing.objectives import ObjectiveKit
from anncore.testing.optimizers import OptimizerKit
from anncore.testing.samplers import SamplerKit
from anncore.testing.schedules import ScheduleKit
from anncore.testing.sections import SectionKit
from anncore.testing.selectors import SelectorKit
from anncore.testing.stoppers import StopperKit
from anncore.testing.suites import SuiteKit

__all__ = ["Check", "Outcome", "check_component", "checks_for", "parametrize_with_checks"]

KITS: Mapping[str, Kit] = {
    "activation": ActivationKit(),
    "loss": LossKit(),
    "optimizer": OptimizerKit(),
    "schedule": ScheduleKit(),
    "initializer": InitializerKit(),
    "dataset": DatasetKit(),
    "network": NetworkKit(),
    "objective": ObjectiveKit(),
    "metric": MetricKit(),
    "figure": FigureKit(),
    "executor": ExecutorKit(),
    "sampler": SamplerKit(),
    "selector": SelectorKit(),
    "stopper": StopperKit(),
    "suite": SuiteKit(),
    "section": SectionKit(),
    "exporter": ExporterKit(),
    "listener": ListenerKit(),
    "command": CommandKit(),
}


def checks_for(
    component: Any, kind: str | None = None, values: Mapping[str, Any] | None = None
) -> Iterator[Check]:
    """Yield the checks of a component's kind.

    component: a class, a registry's Registered, or a click command. kind: by default that of the base class.
    values: hyperparameters that every check uses, for instance the path of a file that a data set reads.
    Raises TypeError for a class that is not derived from any kind.
    """
    if isinstance(component, Registered):
        component, kind = component.cls, component.kind
    if kind in (None, "command"):
        component = component_class("command", component)
    kind = kind or kind_of(component)
    kit = KITS[kind].of_form(component)
    subject = Subject(component, kind, dict(values or {}))
    for name, run in [*generic.CHECKS, *generic.computing(kit), *stacks.checks(kit), *kit.checks(subject)]:
        if name == "pickles" and issubclass(component, Adopted):
            continue  # a click command stays in its process
        yield Check(subject, name, run)


def check_component(
    component: Any,
    kind: str | None = None,
    values: Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> None:
    """Run every check of a component; raise AssertionError with one line for each that failed.

    expected_failures: reasons by name of check. An expected failure that passes, or that is not a check, is a
    failure too. Raises ValueError for one without a reason.
    """
    expected = _reasoned(expected_failures or {})
    problems = []
    name = ""
    for check in checks_for(component, kind, values):
        name = f"{check.subject.kind} {check.subject.label}"
        expectation = expected.pop(check.name, None)
        reason = check.outcome().reason
        if reason and expectation is None:
            problems.append(f"{name}: {check.name}: {reason}")
        elif expectation is not None and not reason:
            problems.append(f"{name}: {check.name}: passes, though expected to fail ({expectation})")
    problems += [f"{name}: {unknown}: no such check, though expected to fail" for unknown in expected]
    if problems:
        raise AssertionError("\n".join(problems))


def _reasoned(expected: Mapping[str, str]) -> dict[str, str]:
    for name, reason in expected.items():
        if not reason:
            raise ValueError(f"{name} is expected to fail without a reason; say why")
    return dict(expected)


def parametrize_with_checks(
    components: Iterable[Any],
    values: Mapping[str, Mapping[str, Any]] | None = None,
    expected_failures: Mapping[str, Mapping[str, str]] | None = None,
) -> Any:
    """Return a pytest mark that gives a test each check of each component, as argument `check`.

    values and expected_failures are as in `check_component`, by the component's name; ValueError for a
    name or a check that is not among them.
    """
    import pytest

    cases = []
    components = list(components)
    names = [getattr(component, "name", "") or component.__name__ for component in components]
    for name in {**(values or {}), **(expected_failures or {})}:
        if name not in names:
            raise ValueError(f"no component is called {name}; they are {', '.join(names)}")
    for component, name in zip(components, names, strict=True):
        reasons = _reasoned((expected_failures or {}).get(name, {}))
        for check in checks_for(component, values=(values or {}).get(name)):
            reason = reasons.pop(check.name, None)
            marks = [pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError)] if reason else []
            cases.append(pytest.param(check, id=f"{name}-{check.name}", marks=marks))
        if reasons:
            raise ValueError(f"{name} has no check called {', '.join(reasons)}")
    return pytest.mark.parametrize("check", cases)
