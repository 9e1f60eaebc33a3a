"""Keys of components inside components: "inner.lr" is the lr of what the reference inner names.

A path is a chain of references with a key of the last component at its end: a hyperparameter, a reference of
its own, or preset. What it leads to depends on what the references on the way name, which may be a grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anncore.contract.errors import ComponentError, nearest
from anncore.contract.hyperparameters import references, resolve, settable
from anncore.contract.registry import Registered, Registry

DEEPEST = 8  # references of references; more is a circle

Named = Mapping[str, Sequence[tuple[str, ...]]]
"""By the path of a reference, what it may hold; one that is missing holds its default."""


def owners(component: Registered, path: str, named: Named, registry: Registry) -> list[Registered]:
    """Return the components whose key the end of a path may be.

    Raises ComponentError where a part on the way is not a reference, or names an unknown component.
    """
    reached, way = [component], ""
    for step in path.split(".")[:-1]:
        way = f"{way}.{step}".lstrip(".")
        inside: dict[str, Registered] = {}
        for outer in reached:
            refs = references(_class(outer))
            if step not in refs:
                rest = path[len(way) :]
                lacks = f"no reference {step!r}, only {', '.join(refs)}" if refs else "no references"
                raise ComponentError(
                    f"unknown key {path!r}; {outer.name} has {lacks}."
                    + nearest(path, [f"{way.removesuffix(step)}{key}{rest}" for key in refs])
                )
            for name in (name for names in named.get(way) or ((refs[step].default,),) for name in names):
                if name == "auto":
                    raise ComponentError(f"{path}: {way} is 'auto'; name a component to set its values")
                inner = registry.get(refs[step].kind, name)
                inside[inner.full_name] = inner
        reached = list(inside.values())
    return reached


def keys(component: Registered) -> list[str]:
    """Return what can be set of a component itself."""
    cls = _class(component)
    return [*settable(cls), *references(cls), "preset"]


def reachable(component: Registered, named: Named, registry: Registry) -> Iterator[tuple[str, Registered]]:
    """Yield a component and those it may refer to, at any depth, each with its place ("", "inner.", ...)."""
    yield from _reachable(component, named, registry, "", 0)


def _reachable(
    component: Registered, named: Named, registry: Registry, place: str, depth: int
) -> Iterator[tuple[str, Registered]]:
    if depth > DEEPEST:
        raise ComponentError(f"{component.name}: its references form a circle")
    yield place, component
    for key, reference in references(_class(component)).items():
        held = named.get(place + key) or ((reference.default,),)
        for name in dict.fromkeys(name for names in held for name in names if name != "auto"):
            inner = registry.get(reference.kind, name)
            yield from _reachable(inner, named, registry, f"{place}{key}.", depth + 1)


def apart(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return a component's own values, and by reference those of what is inside."""
    own: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for path, value in given.items():
        key, dot, rest = path.partition(".")
        if dot:
            inner.setdefault(key, {})[rest] = value
        else:
            own[key] = value
    return own, inner


def resolve_all(
    component: Registered, given: Mapping[str, Any], registry: Registry, depth: int = 0
) -> dict[str, Any]:
    """Return every hyperparameter and reference by its path, with what is inside at any depth.

    Where a reference names several components, a path stands for the first that has it.
    """
    if depth > DEEPEST:
        raise ComponentError(f"{component.name}: its references form a circle")
    cls = _class(component)
    own, inner = apart(given)
    refs = {key: own.get(key, (reference.default,)) for key, reference in references(cls).items()}
    for key in inner:
        if key not in refs:
            raise ComponentError(f"{component.name}: has no reference {key!r}")
    resolved = {**resolve(cls, own), **refs}
    for key, names in refs.items():
        for name in dict.fromkeys(names):
            if name == "auto":
                continue
            within = registry.get(references(cls)[key].kind, name)
            for path, value in resolve_all(within, inner.get(key, {}), registry, depth + 1).items():
                resolved.setdefault(f"{key}.{path}", value)
    return resolved


def _class(component: Registered) -> Any:
    return component.cls
