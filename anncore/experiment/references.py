"""Keys of components inside components: "inner.lr" is the lr of what the reference inner names.

A path is a chain of references with a key of the last component at its end: a hyperparameter, a reference of
its own, or preset. What it leads to depends on what the references on the way name, which may be a grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anncore.contract.errors import ComponentError, nearest
from anncore.contract.hyperparameters import declared, references, resolve
from anncore.contract.registry import Component, Registry

DEEPEST = 8  # references of references; more is a circle

Named = Mapping[str, Sequence[tuple[str, ...]]]
"""By the path of a reference, what it may hold; one that is missing holds its default."""


def owners(component: Component, path: str, named: Named, registry: Registry) -> list[Component]:
    """Return the components whose key the end of a path may be.

    Raises ComponentError where a part on the way is no reference, names nothing or what there is not.
    """
    found, way = [component], ""
    for step in path.split(".")[:-1]:
        before, way = found, f"{way}.{step}".lstrip(".")
        found = []
        for each in before:
            refs = references(_class(each))
            if step not in refs:
                rest = path[len(way) :]
                raise ComponentError(
                    f"unknown key {path!r}; {each.name} refers to nothing by {step!r}, but by "
                    f"{', '.join(refs) or 'nothing else'}."
                    + nearest(path, [f"{way.removesuffix(step)}{key}{rest}" for key in refs])
                )
            names = [name for names in named.get(way) or ((refs[step].default,),) for name in names]
            if "auto" in names:
                raise ComponentError(f"{path}: {way} is 'auto'; name it to set what is inside")
            found += [registry.get(refs[step].kind, name) for name in names]
        found = list({each.full_name: each for each in found}.values())
    return found


def keys(component: Component) -> list[str]:
    """Return what can be set of a component itself."""
    cls = _class(component)
    return [*declared(cls), *references(cls), "preset"]


def reachable(component: Component, named: Named, registry: Registry) -> Iterator[tuple[str, Component]]:
    """Yield a component and those it may refer to, at any depth, each with its place ("", "inner.", ...)."""
    yield from _reachable(component, named, registry, "", 0)


def _reachable(
    component: Component, named: Named, registry: Registry, place: str, depth: int
) -> Iterator[tuple[str, Component]]:
    if depth > DEEPEST:
        raise ComponentError(f"{component.name}: its references go round in a circle")
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
    component: Component, given: Mapping[str, Any], registry: Registry, depth: int = 0
) -> dict[str, Any]:
    """Return every hyperparameter and reference by its path, with what is inside at any depth.

    Where a reference names several components, a path stands for the first that has it.
    """
    if depth > DEEPEST:
        raise ComponentError(f"{component.name}: its references go round in a circle")
    cls = _class(component)
    own, inner = apart(given)
    refs = {key: own.get(key, (reference.default,)) for key, reference in references(cls).items()}
    for key in inner:
        if key not in refs:
            raise ComponentError(f"{component.name}: refers to nothing by {key!r}")
    found = {**resolve(cls, own), **refs}
    for key, names in refs.items():
        for name in dict.fromkeys(names):
            if name == "auto":
                continue
            within = registry.get(references(cls)[key].kind, name)
            for path, value in resolve_all(within, inner.get(key, {}), registry, depth + 1).items():
                found.setdefault(f"{key}.{path}", value)
    return found


def _class(component: Component) -> Any:
    return component.cls
