"""The terms on which components of one kind are compared on a suite: the same for a newcomer and for the field.

An experiment file that lacks only its arms is a protocol. It fixes seeds and budgets; `arm_table` is the one
rule by which an arm is tuned, so that a trial has the same key whoever asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import Search, declared, references
from anncore.contract.kind_names import PROBLEMS, SECTIONS, article
from anncore.contract.registry import Registered, Registry

COMPARABLE = tuple(kind for kind in SECTIONS if kind not in PROBLEMS)
"""The kinds whose components have a field."""

RATES = 8  # of an optimizer
RATES_BESIDE = 5  # of the optimizer that trains with another kind's component
TUNE, REPORT = [0], {"start": 100, "num": 5}
DEEPEST = 4  # wrappers in each other whose inner rate is looked for


def protocol(kind: str, suite: str, registry: Registry) -> dict[str, Any]:
    """Return the experiment, without its arms, by which components of a kind are compared on a suite.

    Where another kind than the optimizer is compared, annx's first optimizer for comparisons trains, and its
    rate is tuned for each arm. Raises ComponentError for a kind of which nothing can be compared.
    """
    if kind not in COMPARABLE:
        raise ComponentError(
            f"{article(kind)} {kind} has no field to be placed in; {', '.join(COMPARABLE)} have one."
        )
    document: dict[str, Any] = {
        "title": f"Which {kind} is best on {suite}?",
        "suite": suite,
        "vary": [kind],
        "seeds": {"tune": list(TUNE), "report": dict(REPORT)},
    }
    if kind != "optimizer":
        beside = registry.companions("optimizer")
        if not beside:
            raise ComponentError("No optimizer is installed that could train with the components compared.")
        document["optimizer"] = {beside[0].name: arm_table(beside[0], registry, RATES_BESIDE)}
    return document


def arm_table(component: Registered, registry: Registry, rates: int = RATES) -> dict[str, Any]:
    """Return the section of an arm without its `use`: an optimizer's rate over the range that it declares.

    A wrapper without a rate of its own takes that of the optimizer inside it. All other hyperparameters, and
    components of other kinds, keep their defaults.
    """
    if component.kind != "optimizer":
        return {}
    rate = _rate(component, registry)
    if rate is None:
        return {}
    key, search = rate
    how = search.how if search.how in ("log", "linear") else "log"
    return {key: {how: list(search.values), "num": rates}}


def _rate(component: Registered, registry: Registry, depth: int = 0) -> tuple[str, Search] | None:
    """Return the key of the learning rate and its range; None where there is none."""
    cls: Any = component.cls
    rate = declared(cls).get("lr")
    if rate is not None:
        return ("lr", rate.search) if rate.search is not None and len(rate.search.values) == 2 else None
    for key, reference in references(cls).items():
        if reference.kind == "optimizer" and depth < DEEPEST:
            inside = _rate(registry.get("optimizer", reference.default), registry, depth + 1)
            return None if inside is None else (f"{key}.{inside[0]}", inside[1])
    return None


def with_arms(document: Mapping[str, Any], kind: str, arms: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a protocol with the tables of some arms."""
    return {**document, kind: {label: dict(table) for label, table in arms.items()}}
