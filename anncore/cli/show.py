"""`annx show`: one component's documentation and hyperparameters."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

import click

from anncore.cli.common import (
    complete_components,
    json_option,
    plugin_option,
    print_json,
    say,
    table,
    width,
)
from anncore.contract.kind_names import KINDS

if TYPE_CHECKING:
    from anncore.contract.hyperparameters import Declared
    from anncore.contract.registry import Component, Registry


@click.command(short_help="Show a component: formula, hyperparameters, reference.")
@click.argument("name", shell_complete=complete_components)
@click.option("--kind", metavar="KIND", help="Its kind, where several share the name; or write KIND:NAME.")
@json_option
@plugin_option
def command(name: str, kind: str | None, as_json: bool, plugins: tuple[str, ...]) -> int:
    """Show the documentation of the component NAME, its hyperparameters, presets and origin.

    NAME is a short name, or a full one as distribution:name; kind:name tells kinds apart.
    """
    from anncore import load_registry

    component = find(load_registry(plugins), name, kind)
    if as_json:
        print_json(_plain(component))
    else:
        say(_text(component))
        if component.kind == "activation" and width():
            from anncore.cli.curve import curve

            say(curve(component.cls).removesuffix("\n"))
    return 0


def find(registry: Registry, name: str, kind: str | None = None) -> Component:
    """Return the component of that name; without a kind, the only kind that has it."""
    from anncore.contract.errors import ComponentError, nearest

    first, _, rest = name.partition(":")
    if kind is None and rest and first in KINDS:
        kind, name = first, rest
    if kind is not None:
        return registry.get(kind, name)
    kinds = [each for each in KINDS if any(name in (c.name, c.full_name) for c in registry.of_kind(each))]
    if len(kinds) > 1:
        ways = " or ".join(f"{each}:{name}" for each in kinds)
        raise ComponentError(f"{name!r} names a component of {len(kinds)} kinds; write {ways}.")
    if not kinds:
        known = {each for c in registry.components for each in (c.name, c.full_name)}
        guess = nearest(name, known) or " 'annx list' names all."
        raise ComponentError(f"No component is called {name!r}.{guess}")
    return registry.get(kinds[0], name)


def _text(component: Component) -> str:
    from anncore.contract.hyperparameters import declared, references
    from anncore.contract.registry import article

    cls: Any = component.cls
    parts = [f"{component.name} ({component.kind})", inspect.cleandoc(cls.__doc__)]
    rows = [
        (key, _value(each.default), each.domain.describe(), _search(each), each.help)
        for key, each in declared(cls).items()
    ]
    for other in references(cls).values():
        rows.append((other.name, other.default, f"the name of {article(other.kind)} {other.kind}", "", ""))
    if rows:
        parts.append("Hyperparameters\n" + table([("", "default", "domain", "search", ""), *rows], "  "))
    presets = cls.presets
    if presets:
        values = [
            (name, ", ".join(f"{key} = {_value(v)}" for key, v in preset.items()))
            for name, preset in presets.items()
        ]
        parts.append("Presets\n" + table(values, "  "))
    attributes = _attributes(component)
    if attributes:
        parts.append(table(((key, _value(value)) for key, value in attributes.items())))
    parts.append(f"From {component.dist} {component.version}, {_origin(component)}")
    return "\n\n".join(parts)


def _plain(component: Component) -> dict[str, Any]:
    from anncore.contract.hyperparameters import declared, references

    cls: Any = component.cls
    return {
        "kind": component.kind,
        "name": component.name,
        "full_name": component.full_name,
        "version": component.version,
        "plugin": component.plugin,
        "origin": _origin(component),
        "documentation": inspect.cleandoc(cls.__doc__),
        "hyperparameters": {
            key: {
                "default": each.default,
                "domain": each.domain.describe(),
                "search": {"how": each.search.how, "values": each.search.values} if each.search else None,
                "help": each.help,
            }
            for key, each in declared(cls).items()
        },
        "references": {key: each._asdict() for key, each in references(cls).items()},
        "presets": {key: dict(values) for key, values in cls.presets.items()},
        **_attributes(component),
    }


def _attributes(component: Component) -> dict[str, Any]:
    """Return what the class itself declares of its kind: tasks, goal, range, ..."""
    known = {field.name for field in dataclasses.fields(component.cls)} | {"name", "presets"}
    return {
        key: value
        for key, value in vars(component.cls).items()
        if not key.startswith("_")
        and key not in known
        and (isinstance(value, (str, bool, int, float, tuple, dict)))
    }


def _origin(component: Component) -> str:
    return f"{component.cls.__module__}.{component.cls.__qualname__}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_value(each)}" for key, each in value.items())
    return str(value)


def _search(declaration: Declared) -> str:
    search = declaration.search
    if search is None:
        return ""
    if search.how == "choice":
        return "choice of " + ", ".join(map(_value, search.values))
    return f"{search.how} {_value(search.values[0])} to {_value(search.values[1])}"
