"""Commands that plugins bring, found without importing a plugin that brings none.

`annx --help` must answer at once, so no plugin is imported to ask it. A module that implements the hook
`annx_commands` has its name in its text: only such modules are loaded, and annx's own are not even read.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anncore.contract.verbs import VERBS

if TYPE_CHECKING:
    from anncore.contract.registry import Registered

GROUP = HOME = "annx"  # the entry-point group, and the distribution whose modules hold no commands
HOOK = b"annx_commands"
OURS = re.compile(r"annx-\d[^-]*\.(dist|egg)-info")


@dataclass(frozen=True)
class PluginCommands:
    """The commands by what a user types, and the plugins that should have brought some but are broken.

    shared: by a name that several packages use, the full names to write in its place.
    """

    by_verb: dict[str, Registered] = field(default_factory=dict)
    shared: dict[str, list[str]] = field(default_factory=dict)
    broken: tuple[tuple[str, str], ...] = ()

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield each command with its short help, and each broken plugin with its reason."""
        for verb, component in self.by_verb.items():
            if ":" not in verb or verb.partition(":")[2] in self.shared:
                yield verb, self._short_help(component)
        for plugin, reason in self.broken:
            yield f"({plugin})", f"is broken: {reason}; 'annx plugins -v' says more"

    def get(self, verb: str) -> click.Command | None:
        """Return the click command of a verb; None where there is none.

        Raises UsageError for a name that several plugins use, PluginError for a command that cannot be made.
        """
        if verb in self.shared:
            raise click.UsageError(
                f"Several plugins bring the command {verb!r}; write one of {', '.join(self.shared[verb])}."
            )
        component = self.by_verb.get(verb)
        return None if component is None else _made(component)

    def _short_help(self, component: Registered) -> str:
        from anncore.contract.errors import PluginError

        try:
            return _made(component).get_short_help_str(100)
        except PluginError as error:
            return str(error)


def plugin_commands(files: Sequence[str] = ()) -> PluginCommands:
    """Return the commands of installed plugins and of these plugin files."""
    if not files and not _strangers_may_be_there():
        return PluginCommands()
    names = {name for name, module in _strangers() if _may_bring_commands(module)}
    if not names and not files:
        return PluginCommands()
    from anncore.contract.loading import load_registry
    from anncore.contract.patience import limited_patience

    with limited_patience():
        registry = load_registry(files, only=names)
    by_verb: dict[str, Registered] = {}
    shared: dict[str, list[str]] = {}
    for component in registry.of_kind("command"):
        verb = component.name.replace("_", "-")
        full = f"{component.dist}:{verb}"
        by_verb[full] = component
        if verb in shared or verb in by_verb:
            other = by_verb.pop(verb, None)
            shared.setdefault(verb, [] if other is None else [f"{other.dist}:{verb}"]).append(full)
        else:
            by_verb[verb] = component
    broken = tuple((plugin.name, plugin.problem.rstrip(".")) for plugin in registry.broken)
    return PluginCommands(by_verb, shared, broken)


def _made(component: Registered) -> click.Command:
    """Return a component's click command; raises PluginError where it cannot be made."""
    from anncore.contract.documentation import documentation
    from anncore.contract.errors import PluginError

    try:
        command = component.cls().command()
    except Exception as error:
        raise PluginError(f"command {component.full_name} raised {type(error).__name__}: {error}.") from error
    if not isinstance(command, click.Command):
        raise PluginError(f"command {component.full_name} gives no click command, but {command!r}.")
    command.help = command.help or documentation(component.cls)
    return command


def _strangers_may_be_there() -> bool:
    """Tell whether a distribution beside annx has plugins; a look at the folders of sys.path.

    importlib.metadata would know it too, but importing it takes a third of the time of `annx --help`.
    """
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except NotADirectoryError:
            return True  # an archive
        except OSError:
            continue
        for name in names:
            if not name.endswith((".dist-info", ".egg-info")) or OURS.fullmatch(name):
                continue
            with contextlib.suppress(OSError):
                if b"[annx]" in Path(folder, name, "entry_points.txt").read_bytes():
                    return True
    return False


def _strangers() -> Iterator[tuple[str, str]]:
    """Yield name and module of each installed plugin that is not annx's own, those of ANNX_PLUGINS if set."""
    wanted = os.environ.get("ANNX_PLUGINS")
    allowed = None if wanted is None else {_normal(name) for name in wanted.split(",")}
    import importlib.metadata

    for entry in importlib.metadata.entry_points(group=GROUP):
        dist = _normal(entry.dist.name) if entry.dist is not None else "unknown"
        if dist != HOME and (allowed is None or dist in allowed):
            yield f"{dist}:{entry.name}", entry.module


def _normal(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(".", "-")


def _may_bring_commands(module: str) -> bool:
    """Tell whether a module's text names the hook; one whose text cannot be read may."""
    try:
        file = _source(module)
        return file is None or HOOK in file.read_bytes()
    except (ImportError, OSError, ValueError):
        return True  # loading it will say what is wrong


def _source(module: str) -> Path | None:
    """Return a module's file without importing the packages it lies in; None where it has none."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    name = top
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = importlib.machinery.PathFinder.find_spec(name, list(spec.submodule_search_locations))
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def nearest_verb(name: str, commands: PluginCommands) -> str:
    """Return what to say of a verb that nobody has: the nearest one, a broken plugin, or all of them."""
    from anncore.contract.errors import nearest

    known = [*VERBS, *commands.by_verb]
    text = nearest(name, known)
    if not text:
        short = [verb for verb in known if ":" not in verb]
        text = f" Verbs are {', '.join(short)}."
    for plugin, reason in commands.broken:
        text = f" Plugin {plugin!r} is broken: {reason}.{text}"
    return text
