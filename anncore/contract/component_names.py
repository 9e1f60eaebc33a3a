"""Which component a name means where no kind is given, and what a component is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anncore.contract.errors import ComponentError, nearest
from anncore.contract.home import HOME
from anncore.contract.kind_names import AROUND, KINDS

if TYPE_CHECKING:
    from anncore.contract.registry import Registered, Registry


def find(registry: Registry, name: str, kind: str | None = None) -> Registered:
    """Return the component of that name; without a kind, of the only kind that has it.

    Where a search method, an export format and the like share a name with a component of which experiments
    are made, the name means the latter.

    Raises ComponentError where no component, or one of several kinds, has the name.
    """
    first, _, rest = name.partition(":")
    if kind is None and rest and first in KINDS:
        kind, name = first, rest
    if kind is not None:
        return registry.get(kind, name)
    kinds = [known for known in KINDS if any(name in (c.name, c.full_name) for c in registry.of_kind(known))]
    kinds = [known for known in kinds if known not in AROUND] or kinds
    if len(kinds) > 1:
        choices = " or ".join(f"{known}:{name}" for known in kinds)
        raise ComponentError(f"{name!r} names a component of {len(kinds)} kinds; write {choices}.")
    if not kinds and registry.library(name) is not None:
        return registry.get(registry.kind_of(name), name)
    if not kinds:
        names = {known for c in registry.components for known in (c.name, c.full_name)}
        guess = nearest(name, names) or " 'annx list' names all."
        raise ComponentError(f"No component is called {name!r}.{guess}")
    return registry.get(kinds[0], name)


def shown_name(registry: Registry, component: Registered) -> str:
    """Return the short name where it means this component, else the full one."""
    same = [c for c in registry.of_kind(component.kind) if c.name == component.name]
    return component.name if same == [component] or component.dist == HOME else component.full_name
