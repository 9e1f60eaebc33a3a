"""What the targets of `annx check` mean: components, plugins, kinds, files, and values of hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from anncore.cli.common import complete_components, counted, find, shown_name
from anncore.contract.kind_names import KINDS, kind_called

if TYPE_CHECKING:
    from anncore.contract.registry import Plugin, Registered, Registry


class Chosen(NamedTuple):
    """What to check, and which of the plugins among it cannot be checked: broken, with the reason."""

    components: list[Registered]
    broken: dict[str, str]
    left_out: list[Registered]  # they read a file, and none was given


def complete_targets(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str] | list[CompletionItem]:
    """Return the components, kinds and distributions that begin so, else files, for the shell."""
    from anncore import load_registry

    others = {*KINDS, *(plugin.dist for plugin in load_registry().plugins)}
    names = complete_components(ctx, param, incomplete)
    matches = sorted({*names, *(name for name in others if name.startswith(incomplete))})
    return matches or [CompletionItem(incomplete, type="file")]


def load_targets(targets: Sequence[str], plugins: Sequence[str]) -> tuple[Registry, dict[str, str]]:
    """Return the registry with the files among the targets, and the reasons of those that are broken."""
    from anncore import load_registry
    from anncore.contract.errors import PluginError

    files = [target for target in targets if _is_file(target)]
    broken: dict[str, str] = {}
    for file in files:
        if not Path(file).is_file():
            raise PluginError(f"file {file!r} does not exist. Give the path of a Python file.")
    try:
        return load_registry([*plugins, *files]), broken
    except PluginError:
        load_registry(plugins)  # a broken file that is no target is an error
    for file in files:
        try:
            load_registry([*plugins, file])
        except PluginError as error:
            broken[file] = str(error).partition(" is broken: ")[2] or str(error)
    return load_registry([*plugins, *(file for file in files if file not in broken)]), broken


def choose(registry: Registry, broken_files: Mapping[str, str], targets: Sequence[str]) -> Chosen:
    """Return the components that the targets name; raises ComponentError for a name that is unknown."""
    components: list[Registered] = []
    broken: dict[str, str] = {}
    left_out: list[Registered] = []
    for target in targets:
        if target in broken_files:
            broken[target] = broken_files[target]
            continue
        plugins = _plugins(registry, target)
        component = _component(registry, target, known=bool(plugins))
        if component is not None:
            components.append(component)
            continue
        kind = kind_called(target)
        if kind is not None:
            several = registry.of_kind(kind)
        else:
            names = {plugin.name for plugin in plugins}
            several = [component for component in registry.components if component.plugin in names]
            broken.update({plugin.name: plugin.problem for plugin in plugins if plugin.problem})
        # A component that needs a file is checked where it is the only one that was asked for.
        alone = len(several) == 1 and kind is None
        components += [component for component in several if alone or not reads_a_file(component)]
        left_out += [component for component in several if not alone and reads_a_file(component)]
    return Chosen(list(dict.fromkeys(components)), broken, left_out)


def given_values(registry: Registry, chosen: Chosen, settings: Sequence[str]) -> dict[str, Any]:
    """Return the hyperparameters of `settings`, KEY=VALUE texts for the one component that is chosen.

    Raises ComponentError where they do not fit it, or where it needs a file and has none.
    """
    from anncore.contract.errors import AnnxError, ComponentError
    from anncore.contract.hyperparameters import resolve
    from anncore.experiment.overrides import parse_override

    values: dict[str, Any] = {}
    for text in settings:
        (key, *rest), value = parse_override(text)
        if rest:
            raise ComponentError(f"{text!r} must be KEY=VALUE with a hyperparameter's name for KEY.")
        values[key] = value
    if values and len(chosen.components) != 1:
        number = counted(len(chosen.components), "component")
        raise AnnxError(
            f"{settings[0]!r} is for a single component, and {number} were named; check it alone."
        )
    if len(chosen.components) == 1:
        (component,) = chosen.components
        resolve(component.cls, values)
        if reads_a_file(component) and not values:
            name = shown_name(registry, component)
            raise ComponentError(f"{component.kind} {name!r} reads a file: annx check {name} path=FILE")
    return values


def reads_a_file(component: Registered) -> bool:
    """Tell whether the component cannot be built without the path of a file."""
    from anncore.contract.hyperparameters import Plain, declared

    cls: Any = component.cls
    return any(
        isinstance(field.domain, Plain) and field.domain.type == "path" and not field.default
        for field in declared(cls).values()
    )


def _is_file(target: str) -> bool:
    return target.endswith(".py")


def _plugins(registry: Registry, target: str) -> list[Plugin]:
    """Return the plugins that a target names: a file's, a distribution's, or the one of that entry."""
    if _is_file(target):
        path = str(Path(target).resolve())
        return [plugin for plugin in registry.plugins if plugin.origin == path]
    dist = target.lower().replace("_", "-")
    return [plugin for plugin in registry.plugins if target == plugin.name or dist == plugin.dist]


def _component(registry: Registry, target: str, known: bool) -> Registered | None:
    """Return the component of that name, None for the name of a plugin, a kind or a file.

    known: whether a plugin has the name, so that it need not be a component's.
    """
    from anncore.contract.errors import ComponentError

    if kind_called(target) or _is_file(target):
        return None
    try:
        return find(registry, target)
    except ComponentError:
        if known:
            return None
        raise
