"""From installed plugins to components by kind and name.

A plugin is a module that implements hooks of `anncore.hookspecs`. Installed ones come by the
entry-point group `annx`, ours and a stranger's alike; local files are named explicitly. Each is loaded
alone: one that fails at import, misspells a hook or returns what is no component is set aside with its
reason and stops nobody else.

A component's full name is `distribution:name`, for a file `stem:name`. The short name belongs to annx's
own component where there is one, so that installing a package never changes an old experiment; a short
name that two others share is an error where it is used.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from anncore import hookspecs, types
from anncore._version import __version__
from anncore.errors import ComponentError, PluginError, nearest
from anncore.params import declared

HOME = "annx"  # the distribution whose components keep their short names


@dataclass(frozen=True)
class Component:
    """One registered component: its class and where it came from."""

    kind: str
    name: str
    cls: type[Any]
    dist: str
    version: str
    plugin: str

    @property
    def full_name(self) -> str:
        """`distribution:name`, unique among all components of a kind."""
        return f"{self.dist}:{self.name}"


@dataclass(frozen=True)
class Plugin:
    """One plugin as it was found: `problem` is empty when it loaded."""

    name: str  # "distribution:entry" or "file:stem"
    dist: str
    version: str
    origin: str  # module or file
    problem: str = ""
    detail: str = ""  # the traceback, where there is one
    components: tuple[str, ...] = ()


class _Refused(Exception):
    """A plugin's own mistake, said in one line."""


@dataclass(frozen=True)
class Registry:
    """All components that could be loaded, and all plugins whether they could or not."""

    components: tuple[Component, ...]
    plugins: tuple[Plugin, ...]
    files: tuple[str, ...] = ()
    _by_kind: dict[str, dict[str, list[Component]]] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        for kind in hookspecs.KINDS:
            self._by_kind[kind] = {}
        for component in self.components:
            for name in (component.name, component.full_name):
                self._by_kind[component.kind].setdefault(name, []).append(component)

    def of_kind(self, kind: str) -> list[Component]:
        """Return the components of a kind, sorted by name, ours before others of the same name."""
        found = [component for component in self.components if component.kind == kind]
        return sorted(found, key=lambda c: (c.name, c.dist != HOME, c.dist))

    def get(self, kind: str, name: str) -> Component:
        """Return the component of that kind and short or full name.

        Raises ComponentError with the nearest spelling, with the plugin that should have brought it
        but is broken, or with the full names where several distributions share a short one.
        """
        known = self._by_kind[kind]
        found = known.get(name, [])
        if not found:
            broken = [p for p in self.plugins if p.problem and name in (p.name, p.name.split(":")[-1])]
            why = f" Plugin {broken[0].name!r} is broken: {broken[0].problem}." if broken else ""
            article = "an" if kind[0] in "aeiou" else "a"
            raise ComponentError(
                f"No {kind} is called {name!r}.{nearest(name, known)}{why}"
                + (
                    ""
                    if why or nearest(name, known)
                    else f" 'annx list {kind}' names all; is {article} plugin missing?"
                )
            )
        ours = [component for component in found if component.dist == HOME]
        if ours:
            return ours[0]
        if len(found) > 1:
            owners = ", ".join(sorted(component.full_name for component in found))
            raise ComponentError(f"{kind} {name!r} is offered by several plugins; write one of {owners}.")
        return found[0]

    def default(self, kind: str) -> Component:
        """Return the component that serves where an experiment names none of this kind."""
        for component in self.of_kind(kind):
            if component.dist == HOME and getattr(component.cls, "default", False):
                return component
        raise ComponentError(f"No {kind} is named and no default is installed. Add a [{kind}.NAME] section.")

    def natural_loss(self, task: str) -> Component:
        """Return the loss that "auto" means for a task."""
        for component in self.of_kind("loss"):
            if component.dist == HOME and task in getattr(component.cls, "natural_for", ()):
                return component
        raise ComponentError(f"No loss is the natural one for a {task} task. Name one in [loss.NAME].")

    def metrics(self, task: str) -> list[Component]:
        """Return the metrics that fit a task, sorted by name."""
        return [component for component in self.of_kind("metric") if task in component.cls.tasks]

    def primary_metric(self, task: str) -> Component:
        """Return the headline metric of a task."""
        for component in self.metrics(task):
            if component.dist == HOME and task in getattr(component.cls, "primary_for", ()):
                return component
        raise ComponentError(f"No metric is the headline one for a {task} task. Name one in [select].")

    @cached_property
    def broken(self) -> tuple[Plugin, ...]:
        """The plugins that could not be loaded."""
        return tuple(plugin for plugin in self.plugins if plugin.problem)


def load_registry(files: Sequence[str | Path] = (), environ: Mapping[str, str] | None = None) -> Registry:
    """Load every installed plugin and the given local files.

    ANNX_PLUGINS=a,b limits third-party distributions to those named (empty: none).
    ANNX_STRICT_PLUGINS=1 raises PluginError for the first broken plugin instead of setting it aside.
    A file that cannot be loaded always raises: it was asked for by name.
    """
    environ = os.environ if environ is None else environ
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    components: list[Component] = []
    plugins: list[Plugin] = []
    for plugin, load in _candidates(files, environ):
        loaded, provided = _load(manager, plugin, load, components)
        if loaded.problem and (environ.get("ANNX_STRICT_PLUGINS") == "1" or loaded.dist == "file"):
            raise PluginError(f"plugin {loaded.name} is broken: {loaded.problem}")
        plugins.append(loaded)
        components.extend(provided)
    return Registry(
        tuple(sorted(components, key=lambda c: (hookspecs.KINDS.index(c.kind), c.name, c.full_name))),
        tuple(plugins),
        tuple(str(Path(file).resolve()) for file in files),
    )


def _candidates(files: Sequence[str | Path], environ: Mapping[str, str]) -> Iterator[tuple[Plugin, Any]]:
    """Yield each plugin to load with the function that imports it, in an order that never varies."""
    wanted = environ.get("ANNX_PLUGINS")
    allowed = None if wanted is None else {name.strip() for name in wanted.split(",") if name.strip()}
    entries = []
    for entry in importlib.metadata.entry_points(group=hookspecs.PROJECT):
        dist = entry.dist.metadata["Name"] if entry.dist else "unknown"
        version = __version__ if dist == HOME else (entry.dist.version if entry.dist else "0")
        if dist == HOME or allowed is None or dist in allowed:
            entries.append((dist != HOME, dist, entry.name, entry.value, version, entry))
    for _, dist, name, value, version, entry in sorted(entries, key=lambda row: row[:4]):
        yield Plugin(f"{dist}:{name}", dist, version, value), entry.load
    for file in files:
        path = Path(file).resolve()
        if not path.is_file():
            raise PluginError(f"plugin file {str(file)!r} does not exist. Give the path of a Python file.")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        yield Plugin(f"file:{path.stem}", "file", digest, str(path)), lambda path=path: _import_file(path)


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"annx_file_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise _Refused("it is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _load(
    manager: pluggy.PluginManager, plugin: Plugin, load: Any, known: Iterable[Component]
) -> tuple[Plugin, list[Component]]:
    """Import, register and ask one plugin; whatever it raises stays with it."""
    module = None
    try:
        module = load()
        if manager.is_registered(module):
            raise _Refused(f"module {plugin.origin} is registered already under another entry point")
        manager.register(module, plugin.name)
        manager.check_pending()
        components = list(_provided(manager, module, plugin))
        _refuse_clashes(components, known)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a plugin must not end its host
        if module is not None and manager.is_registered(module):
            manager.unregister(module)
        reason = str(error) if isinstance(error, _Refused) else f"{type(error).__name__}: {error}"
        detail = "" if isinstance(error, _Refused) else traceback.format_exc()
        return dataclasses.replace(plugin, problem=" ".join(reason.split()), detail=detail), []
    names = tuple(f"{component.kind} {component.name}" for component in components)
    return dataclasses.replace(plugin, components=names), components


def _provided(manager: pluggy.PluginManager, module: Any, plugin: Plugin) -> Iterator[Component]:
    """Call the plugin's own hook implementations one by one, so that none can abort another's."""
    callers = manager.get_hookcallers(module) or []
    if not callers:
        hooks = ", ".join(hookspecs.HOOKS.values())
        raise _Refused(f"it implements no hook; mark a function with @hookimpl, named one of {hooks}")
    kinds = {hook: kind for kind, hook in hookspecs.HOOKS.items()}
    for caller in sorted(callers, key=lambda caller: caller.name):
        for implementation in caller.get_hookimpls():
            if implementation.plugin is not module:
                continue
            classes = implementation.function()
            if not isinstance(classes, (list, tuple)):
                raise _Refused(f"{caller.name} must return a list of classes, got {type(classes).__name__}")
            for cls in classes:
                kind = kinds[caller.name]
                _refuse_malformed(kind, cls)
                # A local file's components are named after the file, as a package's after the package.
                dist = plugin.name.split(":")[1] if plugin.dist == "file" else plugin.dist
                yield Component(kind, cls.name, cls, dist, plugin.version, plugin.name)


_PROTOCOLS = {
    "activation": types.Activation,
    "loss": types.Loss,
    "optimizer": types.Optimizer,
    "schedule": types.Schedule,
    "initializer": types.Initializer,
    "dataset": types.Dataset,
    "network": types.Network,
    "metric": types.Metric,
    "figure": types.Figure,
    "executor": types.Executor,
}


def _refuse_malformed(kind: str, cls: Any) -> None:
    """Raise _Refused unless `cls` is a frozen dataclass with a name, a docstring and the kind's methods."""
    if not inspect.isclass(cls):
        raise _Refused(f"{hookspecs.HOOKS[kind]} must return classes, got {cls!r}")
    owner = cls.__qualname__
    if not dataclasses.is_dataclass(cls) or not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise _Refused(f"{owner} must be a frozen dataclass: write @dataclass(frozen=True)")
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not name.isidentifier() or name != name.lower():
        raise _Refused(f"{owner} must have a class attribute name in snake_case, got {name!r}")
    # dataclass() writes "Name(field, ...)" where the author wrote nothing.
    if not cls.__doc__ or cls.__doc__.startswith(f"{cls.__name__}("):
        raise _Refused(f"{owner} must have a docstring: formula, domain, reference")
    protocol = _PROTOCOLS[kind]
    for method, expected in inspect.getmembers(protocol, inspect.isfunction):
        if method.startswith("_"):
            continue
        offered = inspect.getattr_static(cls, method, None)
        if offered is None:
            raise _Refused(f"{owner} is no {kind}: it has no method {method}")
        wants = list(inspect.signature(expected).parameters)
        has = list(inspect.signature(getattr(cls, method)).parameters)
        if isinstance(offered, staticmethod):
            wants = wants[1:]
        if has != wants:
            raise _Refused(f"{owner}.{method} must take ({', '.join(wants)}), it takes ({', '.join(has)})")
    for attribute in protocol.__annotations__:
        if attribute != "name" and not hasattr(cls, attribute):
            raise _Refused(f"{owner} is no {kind}: it has no class attribute {attribute}")
    undeclared = [f.name for f in dataclasses.fields(cls) if "annx" not in f.metadata]
    if undeclared:
        raise _Refused(f"{owner}.{undeclared[0]} must be declared by anncore.param or anncore.ref")
    for declaration in declared(cls).values():
        try:
            declaration.domain.check(declaration.default)
        except ValueError as error:
            raise _Refused(f"{owner}.{declaration.name}: the default {error}") from None


def _refuse_clashes(components: Sequence[Component], known: Iterable[Component]) -> None:
    taken = {(component.kind, component.full_name): component for component in known}
    for component in components:
        other = taken.setdefault((component.kind, component.full_name), component)
        if other is not component:
            raise _Refused(
                f"{component.kind} {component.full_name!r} is provided already by plugin {other.plugin!r}"
            )
