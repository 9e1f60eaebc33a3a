"""`annx show`: one component's documentation and hyperparameters."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from anncore.cli.common import complete_components, find, folded, print_json, say, table
from anncore.cli.options import json_option, plugin_option
from anncore.contract.documentation import documentation

if TYPE_CHECKING:
    from anncore.contract.hyperparameters import Declared
    from anncore.contract.registry import Registered, Registry

HERE = "-"  # what --plot without a file means


@click.command(short_help="Show a component: formula, hyperparameters, reference.")
@click.argument("name", required=False, shell_complete=complete_components)
@click.option("--kind", metavar="KIND", help="The kind, where several share the name; or write KIND:NAME.")
@click.option(
    "--plot",
    is_flag=False,
    flag_value=HERE,
    metavar="[FILE]",
    help="Draw it: below the text, or in FILE, which ends in .png or .svg.",
)
@json_option
@plugin_option
def command(
    name: str | None, kind: str | None, plot: str | None, as_json: bool, plugins: tuple[str, ...]
) -> int:
    """Show the documentation of the component NAME, its hyperparameters, its presets and where it is from.

    NAME is a short name (adam) or a full one (annx-lion:lion). Where kinds share a name, write kind:name.

    --plot draws what can be drawn: an activation and its derivative, a loss and its gradient, an optimizer on
    a valley beside plain gradient descent, a schedule over steps, the spread of activations by depth that an
    initializer gives, the contours of an objective, the examples of a data set.
    """
    from anncore import load_registry
    from anncore.cli.plot import check_file, show_plot, write_plot

    if name is None and plot not in (None, HERE):  # annx show --plot relu
        name, plot = plot, HERE
    if name is None:
        raise click.UsageError("Missing argument 'NAME'.")
    file = check_file(plot) if plot not in (None, HERE) else None
    if as_json and plot == HERE:
        raise click.UsageError("--json and --plot without a FILE exclude each other.")

    registry = load_registry(plugins)
    component = find(registry, name, kind)
    if ":" not in name.removeprefix(f"{component.kind}:"):
        for other in registry.namesakes(component):
            say(f"annx: this is annx's own {component.name}; also installed: {other.full_name}", err=True)
    if file is not None:
        write_plot(registry, component, file)
    if as_json:
        print_json(_plain(component, registry))
    elif file is not None:
        say(file)
    else:
        say(_text(component, registry))
        show_plot(registry, component, asked=plot == HERE)
    return 0


def _text(component: Registered, registry: Registry) -> str:
    from anncore.contract.hyperparameters import references, settable
    from anncore.contract.kind_names import article

    cls: Any = component.cls
    parts = [f"{component.name} ({component.kind})", folded(documentation(cls))]
    derived = _derived(component, registry)
    if derived:
        parts.append("Derived from the formula\n" + "\n".join(f"  {line}" for line in derived))
    rows = [
        (key, _value(field.default), field.domain.describe(), _search(field), field.help)
        for key, field in settable(cls).items()
    ]
    for reference in references(cls).values():
        domain = f"the name of {article(reference.kind)} {reference.kind}"
        rows.append((reference.name, reference.default, domain, "", ""))
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


def _derived(component: Registered, registry: Registry) -> list[str]:
    """Return the lines of the derivatives that annx derives, or why it cannot."""
    from anncore.contract.derived_text import derivative_lines
    from anncore.contract.errors import ComponentError

    try:
        if component.kind == "network":
            return _of_network(component, registry)
        return derivative_lines(component.cls)
    except ComponentError as error:
        return [str(error)]


def _of_network(component: Registered, registry: Registry) -> list[str]:
    """Return the gradients of a network with its default hyperparameters and activations."""
    from anncore.contract.hyperparameters import build, references
    from anncore.engine.network import OUTPUT
    from anncore.engine.shown_gradients import backward_lines
    from anncore.testing.networks import sizes_of

    cls: Any = component.cls
    activations = {
        key: (registry.get(reference.kind, reference.default).cls(),)
        for key, reference in references(cls).items()
        if reference.kind == "activation" and key != OUTPUT
    }
    network = build(cls, **activations)
    try:
        return backward_lines(network, *sizes_of(network))
    except AssertionError as error:  # it accepts none of the sizes that are tried
        return [str(error)]


def _plain(component: Registered, registry: Registry) -> dict[str, Any]:
    from anncore.contract.hyperparameters import references, settable

    cls: Any = component.cls
    return {
        "kind": component.kind,
        "name": component.name,
        "full_name": component.full_name,
        "version": component.version,
        "plugin": component.plugin,
        "origin": _origin(component),
        "documentation": documentation(cls),
        "derivative": _derived(component, registry),
        "hyperparameters": {
            key: {
                "default": field.default,
                "domain": field.domain.describe(),
                "search": {"how": field.search.how, "values": field.search.values} if field.search else None,
                "help": field.help,
            }
            for key, field in settable(cls).items()
        },
        "references": {key: reference._asdict() for key, reference in references(cls).items()},
        "presets": {key: dict(values) for key, values in cls.presets.items()},
        **_attributes(component),
    }


def _attributes(component: Registered) -> dict[str, Any]:
    """Return what the class itself declares of its kind: tasks, goal, range, ..."""
    known = {field.name for field in dataclasses.fields(component.cls)} | {
        "name",
        "presets",
        "other_names",
        "shorthands",
        "companion",
    }
    own = {key: value for key, value in vars(component.cls).items() if key[0] != "_" and key not in known}
    if isinstance(own.get("kinks"), property):  # they depend on a hyperparameter
        own["kinks"] = component.cls().kinks
    return {
        key: value for key, value in own.items() if isinstance(value, (str, bool, int, float, tuple, dict))
    }


def _origin(component: Registered) -> str:
    if component.plugin == component.full_name:  # a library made it
        return component.name
    return f"{component.cls.__module__}.{component.cls.__qualname__}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_value(item)}" for key, item in value.items())
    return str(value)


def _search(declaration: Declared) -> str:
    search = declaration.search
    if search is None:
        return ""
    if search.how == "choice":
        return "choice of " + ", ".join(map(_value, search.values))
    return f"{search.how} {_value(search.values[0])} to {_value(search.values[1])}"
