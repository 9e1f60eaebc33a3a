"""Optimizers that ask for more than gradients, and which networks, losses and objectives can answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anncore.contract.errors import ComponentError
from anncore.contract.kinds import (
    AskingWrapper,
    CurvatureOptimizer,
    Loss,
    Objective,
    OptimizerWrapper,
    changes_the_problem,
    learns_by_rule,
    overrides,
)
from anncore.contract.registry import Registry
from anncore.contract.trial import Part
from anncore.engine.build import build_part
from anncore.engine.nested import nested

ASKED = {"residuals": "residuals", "sampled_gradient": "targets drawn from what the network predicts"}
"""What `CurvatureOptimizer.needs` may be, in words."""


def refuse_unanswered(parts: Mapping[str, Part], registry: Registry) -> None:
    """Raise ComponentError where an optimizer asks what a wrapper, the problem or the loss cannot answer.

    parts: those of a trial that have a say: the optimizer, and either network and loss or the objective.
    """
    optimizer = build_part(parts["optimizer"], registry)
    for asker, around in _askers(optimizer, ()):
        if asker.needs not in ASKED:
            known = ", ".join(map(repr, ("", *ASKED)))
            raise ComponentError(f"{asker.name}: needs must be one of {known}, got {asker.needs!r}")
        asks = f"{asker.name} asks for {ASKED[asker.needs]}, and"
        changing = [outer.name for outer in around if _changes(type(outer))]
        if changing:
            raise ComponentError(
                f"{asks} {changing[0]} around it changes the loss or its gradient alone; put another "
                "optimizer inside it."
            )
        if "objective" in parts:
            _refuse_objective(asker, asks, parts["objective"], registry)
        else:
            _refuse_network(asks, parts["network"], registry)
            _refuse_loss(asker, asks, parts["loss"], registry)


def asks_for_residuals(optimizer: Any) -> bool:
    """Tell whether an optimizer, or one inside it, asks for residuals and their derivatives."""
    return any(asker.needs == "residuals" for asker, _ in _askers(optimizer, ()))


def _askers(optimizer: Any, around: tuple[Any, ...]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Yield each optimizer of a nest that asks for more than gradients, with those around it."""
    if isinstance(optimizer, CurvatureOptimizer) and optimizer.needs:
        yield optimizer, around
    for inner in nested(optimizer):
        yield from _askers(inner, (*around, optimizer))


def _changes(cls: Any) -> bool:
    return issubclass(cls, (OptimizerWrapper, AskingWrapper)) and changes_the_problem(cls)


def _refuse_network(asks: str, network: Part, registry: Registry) -> None:
    known = registry.get("network", network.name)
    if learns_by_rule(known.cls):
        raise ComponentError(
            f"{asks} network {known.name} learns by a rule of its own, without a gradient of the loss; use "
            "another optimizer."
        )


def _refuse_loss(asker: Any, asks: str, part: Part, registry: Registry) -> None:
    loss = build_part(part, registry)
    method = Loss.residuals if asker.needs == "residuals" else Loss.draw
    fit = overrides(type(loss), method)
    if fit and (asker.needs == "residuals" or loss.likelihood):
        return
    what = "sum of squares" if asker.needs == "residuals" else "likelihood"
    if fit:
        raise ComponentError(f"{asks} loss {loss.name} is no {what} with these settings; use its defaults.")
    raise ComponentError(f"{asks} loss {loss.name} is no {what}; use {_with(method, 'loss', registry)}.")


def _refuse_objective(asker: Any, asks: str, part: Part, registry: Registry) -> None:
    known = registry.get("objective", part.name)
    if asker.needs != "residuals":
        raise ComponentError(f"{asks} objective {known.name} predicts nothing; use another optimizer.")
    if not _has(known.cls, Objective.residuals):
        others = _with(Objective.residuals, "objective", registry)
        raise ComponentError(f"{asks} objective {known.name} is no sum of squares; use {others}.")


def _has(cls: Any, method: Any) -> bool:
    return hasattr(cls, method.__name__) and overrides(cls, method)


def _with(method: Any, kind: str, registry: Registry) -> str:
    """Name the components of a kind that have a method."""
    names = [other.name for other in registry.of_kind(kind) if _has(other.cls, method)]
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names or ["another one"])
