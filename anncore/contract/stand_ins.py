"""What a run folder keeps of other packages' components, and classes that stand for them once they are gone.

A report needs of a component what it declares: its documentation, its hyperparameters, which way a metric is
better. All of that can be written down. A stand-in made of it declares the same and computes nothing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

from anncore.contract import kinds
from anncore.contract.admission import form_of
from anncore.contract.documentation import documentation
from anncore.contract.errors import AnnxError, PluginError
from anncore.contract.hyperparameters import (
    Declared,
    Domain,
    Interval,
    ListOf,
    OneOf,
    Plain,
    Search,
    declared,
    hyper,
    ref,
    references,
)
from anncore.contract.registry import Plugin, Registered, Registry

GONE = "is not here as it was"
NOT_RUN = "is not run, as this folder was made by somebody else or on another machine"


class StandIn:
    """What every stand-in derives from."""

    why: ClassVar[str] = GONE
    """Why the component itself is not there, after the name of its package."""


def describe(component: Registered) -> dict[str, Any]:
    """Return what a component declares, as plain JSON."""
    cls: Any = component.cls
    return {
        "kind": component.kind,
        "name": component.name,
        "dist": component.dist,
        "version": component.version,
        "plugin": component.plugin,
        "form": form_of(cls).__name__,
        "documentation": documentation(cls),
        "attributes": _attributes(cls),
        "presets": _plain({name: dict(values) for name, values in cls.presets.items()}) or {},
        "hyperparameters": [_written(declaration) for declaration in declared(cls).values()],
        "references": [list(reference) for reference in references(cls).values()],
    }


def with_stand_ins(
    registry: Registry, stored: Iterable[Mapping[str, Any]], *, every: bool = False, why: str = GONE
) -> Registry:
    """Return a registry with a stand-in for each component that is stored and not there.

    every: also in place of those that are there. why: what `gone` says of them. Raises TypeError,
    ValueError, KeyError or AttributeError for what `describe` cannot have written.
    """
    made = [_registered(plain, why) for plain in stored]
    made = [component for component in made if every or not _is_there(registry, component)]
    if not made:
        return registry
    taken = {(component.kind, component.full_name) for component in made}
    kept = [c for c in registry.components if (c.kind, c.full_name) not in taken]
    gone = {
        component.plugin: Plugin(
            component.plugin, component.dist, component.version, "", "it is not installed any more"
        )
        for component in made
    }
    plugins = [plugin for plugin in registry.plugins if plugin.name not in gone]
    return registry.changed(components=(*kept, *made), plugins=(*plugins, *gone.values()), given=())


def _is_there(registry: Registry, stored: Registered) -> bool:
    """Tell whether a registry has a component, or can make it from a library."""
    known = ((component.kind, component.full_name) for component in registry.components)
    if (stored.kind, stored.full_name) in known:
        return True
    try:
        return registry.library(stored.full_name) is not None and bool(
            registry.get(stored.kind, stored.full_name)
        )
    except AnnxError:
        return False


def gone(registry: Registry) -> list[str]:
    """Return a line for each package that stand-ins stand for: its name, its version, what it brought."""
    names: dict[tuple[str, str, str], list[str]] = {}
    for component in registry.components:
        if issubclass(component.cls, StandIn):
            unknown = component.cls.why == NOT_RUN and component.plugin.startswith("file:")
            way_out = " --plugin FILE.py loads a file that you know." if unknown else ""
            package = (f"{component.dist} {component.version}", component.cls.why, way_out)
            names.setdefault(package, []).append(f"{component.kind} {component.name}")
    return [
        f"{package} {why} ({', '.join(brought)}); shown is what the folder keeps.{way_out}"
        for (package, why, way_out), brought in names.items()
    ]


def _registered(plain: Mapping[str, Any], why: str) -> Registered:
    kind, name, dist, version, plugin = (
        _text(plain[key]) for key in ("kind", "name", "dist", "version", "plugin")
    )
    form = getattr(kinds, _text(plain["form"]))
    if not issubclass(form, kinds.BASES[kind]):
        raise TypeError(f"{form} is no {kind}")
    return Registered(kind, name, _class(form, name, plain, why), dist, version, plugin)


def _class(form: Any, name: str, plain: Mapping[str, Any], why: str) -> type[Any]:
    def refuse(self: Any, *arguments: Any, **options: Any) -> NoReturn:
        raise PluginError(f"{plain['dist']}:{name} is not installed any more, and cannot compute anything.")

    namespace: dict[str, Any] = dict.fromkeys(form.__abstractmethods__, refuse)
    namespace |= {key: _tuples(value) for key, value in plain["attributes"].items()}
    namespace |= {"name": name, "presets": plain["presets"], "__doc__": _text(plain["documentation"])}
    namespace["why"] = why
    fields: list[tuple[str, Any, Any]] = [
        (_text(field["name"]), Any, _field(field)) for field in plain["hyperparameters"]
    ]
    fields += [(key, Any, ref(kind, default)) for key, kind, default in plain["references"]]
    title = "".join(part.capitalize() for part in name.split("_"))
    return dataclasses.make_dataclass(title, fields, bases=(StandIn, form), namespace=namespace, frozen=True)


def _field(plain: Mapping[str, Any]) -> Any:
    domain, search = plain["domain"], plain["search"]
    return hyper(
        _tuples(plain["default"]),
        tuple(domain) if isinstance(domain, list) else _text(domain),
        None if search is None else Search(_text(search[0]), _tuples(search[1])),
        _text(plain["help"]),
    )


def _written(declaration: Declared) -> dict[str, Any]:
    search = declaration.search
    return {
        "name": declaration.name,
        "default": _plain(declaration.default),
        "domain": _domain(declaration.domain),
        "search": None if search is None else [search.how, list(search.values)],
        "help": declaration.help,
    }


def _domain(domain: Domain) -> Any:
    """Return a domain as its author writes it."""
    if isinstance(domain, OneOf):
        return list(domain.values)
    if isinstance(domain, ListOf):
        return f"list {_domain(domain.item)}"
    if isinstance(domain, Plain):
        return domain.type
    assert isinstance(domain, Interval)
    return f"{'optional ' * domain.optional}{'int ' * domain.integer}{domain}"


def _attributes(cls: Any) -> dict[str, Any]:
    """Return the class attributes that the contract knows and JSON can hold.

    An attribute may also take the place of a property of the form, as bounds do; a property is no JSON.
    """
    parents = form_of(cls).__mro__
    known = {name for parent in parents for name in vars(parent).get("__annotations__", {})}
    known |= {name for parent in parents for name, it in vars(parent).items() if isinstance(it, property)}
    fields = {field.name for field in dataclasses.fields(cls)}
    values = {name: _plain(getattr(cls, name)) for name in sorted(known - fields) if hasattr(cls, name)}
    return {name: value for name, value in values.items() if value is not None and name != "presets"}


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it, None where it cannot."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return None


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"not a text: {value!r}")
    return value
