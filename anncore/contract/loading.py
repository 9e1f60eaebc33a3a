"""From installed plugins and plugin files to a registry of their components.

A plugin is a module that implements hooks of `anncore.contract.hookspecs`. Installed ones come by the
entry-point group `annx`, ours and a stranger's alike; local files are named explicitly. Each is loaded
alone: one that fails at import, misspells a hook or returns what is no component is set aside with its
reason and stops nobody else.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import re
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pluggy

from anncore._version import __version__
from anncore.contract import hookspecs
from anncore.contract.admission import Refused, refuse_malformed
from anncore.contract.code_digest import Code, file_code, installed_code
from anncore.contract.errors import PluginError, closest, described, tells_users
from anncore.contract.kind_names import HOOKS, KINDS
from anncore.contract.kinds import component_class
from anncore.contract.libraries import Library, Offered
from anncore.contract.oversight import OVERSIGHT
from anncore.contract.patience import Waiting
from anncore.contract.plugin_files import import_plugin_file
from anncore.contract.registry import HOME, Plugin, Registered, Registry
from anncore.contract.standard_output import kept_for_results

PREFIX = f"{hookspecs.PROJECT}_"  # of every hook
LIBRARIES = f"{PREFIX}libraries"


@tells_users
def load_registry(
    files: Sequence[str | Path] = (),
    environ: Mapping[str, str] | None = None,
    *,
    only: Collection[str] | None = None,
    reports: bool = True,
) -> Registry:
    """Load every installed plugin and the given local files.

    only: names of installed plugins ("distribution:entry"); the others are left alone.
    reports: False leaves out annx's own figures and exporters, which take as long to import as all others.

    ANNX_PLUGINS=a,b limits third-party distributions to those named (empty: none).
    ANNX_STRICT_PLUGINS=1 raises PluginError for the first broken plugin instead of setting it aside.
    A file that cannot be loaded always raises: it was asked for by name.
    """
    environ = os.environ if environ is None else environ
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    components: list[Registered] = []
    plugins: list[Plugin] = []
    libraries: list[Offered] = []
    with Waiting() as waiting:
        for candidate in _candidates(files, environ, reports):
            if only is not None and not candidate.plugin.local and candidate.plugin.name not in only:
                continue
            loaded, provided = _load(manager, candidate, components, waiting, libraries)
            if loaded.problem and (loaded.local or environ.get("ANNX_STRICT_PLUGINS") == "1"):
                raise PluginError(f"plugin {loaded.name} is broken: {loaded.problem}")
            plugins.append(loaded)
            components.extend(provided)
    return Registry(
        tuple(sorted(components, key=lambda c: (KINDS.index(c.kind), c.name, c.full_name))),
        tuple(plugins),
        tuple(plugin.origin for plugin in plugins if plugin.local),
        libraries=tuple(libraries),
    )


class _Candidate(NamedTuple):
    """A plugin to load: what imports it, and what then gives its code (None for annx's own)."""

    plugin: Plugin
    load: Callable[[], Any]
    code: Callable[[], Code | None]


def _candidates(
    files: Sequence[str | Path], environ: Mapping[str, str], reports: bool
) -> Iterator[_Candidate]:
    """Yield each plugin to load, in an order that never varies."""
    wanted = environ.get("ANNX_PLUGINS")
    allowed = None if wanted is None else {_normal(name) for name in wanted.split(",") if name.strip()}
    known: dict[int, tuple[str, str]] = {}  # reading a distribution's metadata anew takes a millisecond
    entries = []
    for entry in importlib.metadata.entry_points(group=hookspecs.PROJECT):
        if id(entry.dist) not in known:
            known[id(entry.dist)] = _distribution(entry.dist)
        dist, version = known[id(entry.dist)]
        if dist == HOME and not reports and entry.name.startswith(("figure_", "exporter_")):
            continue
        if dist == HOME or allowed is None or dist in allowed:
            entries.append((dist != HOME, dist, entry.name, entry.value, version, entry))
    for _, dist, name, value, version, entry in sorted(entries, key=lambda row: row[:4]):
        code = _no_code if dist == HOME else partial(installed_code, entry.dist, dist, entry.module)
        yield _Candidate(Plugin(f"{dist}:{name}", dist, version, value), entry.load, code)
    for dist in sorted((allowed or set()) - {dist for dist, _ in known.values()}):
        yield _Candidate(Plugin(dist, dist, "", "ANNX_PLUGINS"), _not_installed, _no_code)
    for path in dict.fromkeys(Path(file).resolve() for file in files):  # asked for twice is loaded once
        if not path.is_file():
            raise PluginError(f"plugin file {str(path)!r} does not exist. Give the path of a Python file.")
        source = file_code(path)
        plugin = Plugin(f"file:{path.stem}", path.stem, source.digest, str(path), local=True)
        yield _Candidate(plugin, partial(_import_file, path), partial(_itself, source))


def _no_code() -> None:
    return None


def _itself(code: Code) -> Code:
    return code


def _distribution(dist: importlib.metadata.Distribution | None) -> tuple[str, str]:
    if dist is None:
        return "unknown", "0"
    name = _normal(dist.metadata["Name"])
    return name, __version__ if name == HOME else dist.version


def _normal(name: str) -> str:
    """Return a distribution's name as package indexes compare it: My_Plugin is my-plugin."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _not_installed() -> Any:
    raise Refused("ANNX_PLUGINS names it, but no such distribution with annx plugins is installed")


def _import_file(path: Path) -> Any:
    if _normal(path.stem) == HOME:  # its components would pass for annx's own
        raise Refused(f"a plugin file cannot be called {path.name}; rename it")
    if path.suffix != ".py":
        raise Refused(f"{path.name} is no Python file; its name must end in .py")
    return import_plugin_file(path)


class _Own(NamedTuple):
    """What a plugin of annx itself gave to this process, which imports it only once."""

    module: Any
    plugin: Plugin
    components: list[Registered]
    libraries: list[Offered]


_OWN: dict[Plugin, _Own] = {}


def _load(
    manager: pluggy.PluginManager,
    candidate: _Candidate,
    known: Sequence[Registered],
    waiting: Waiting,
    libraries: list[Offered],
) -> tuple[Plugin, list[Registered]]:
    """Import, register and ask one plugin; whatever it raises stays with it. Its libraries are added."""
    plugin, module, registered = candidate.plugin, None, False
    own = _OWN.get(plugin)
    if own is not None and sys.modules.get(plugin.origin) is own.module:
        libraries += own.libraries
        return own.plugin, own.components
    waiting.begin(f"{plugin.name} ({plugin.origin})")
    if plugin.dist != HOME:
        OVERSIGHT.begin()
    try:
        # What a plugin prints must not end up in the middle of our own output.
        with kept_for_results():
            module = waiting.run(candidate.load, plugin.dist)
            ours = any(other.dist == HOME and other.cls.__module__ == plugin.origin for other in known)
            if ours or manager.is_registered(module):
                raise Refused(f"{plugin.origin} is registered already under another entry point")
            if manager.has_plugin(plugin.name):
                raise Refused(f"another plugin is called {plugin.name} already; rename one of them")
            registered = True
            manager.register(module, plugin.name)
            _refuse_unknown_hooks(manager, module)
            offered = waiting.run(lambda: _offered(manager, module), plugin.dist)
            code = candidate.code()
            more = _admitted_libraries(offered, plugin, code, libraries)
            kinds = [(hook, classes) for hook, classes in offered if hook != LIBRARIES]
            components = list(_admitted(kinds, plugin, code))
        _refuse_clashes(components, known)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a plugin must not end its host
        if registered and manager.is_registered(module):
            manager.unregister(module)
        explained = isinstance(error, (Refused, pluggy.PluginValidationError))
        reason = str(error) if explained else f"{described(error)}{_beside(plugin, error)}"
        detail = "" if explained else traceback.format_exc()
        return dataclasses.replace(plugin, problem=" ".join(reason.split()), detail=detail), []
    libraries += more
    names = tuple(f"{component.kind} {component.name}" for component in components)
    names += tuple(f"library {library.library.prefix}" for library in more)
    loaded = dataclasses.replace(plugin, components=names)
    if plugin.dist == HOME:
        _OWN[plugin] = _Own(module, loaded, components, more)
    return loaded, components


def _refuse_unknown_hooks(manager: pluggy.PluginManager, module: Any) -> None:
    """Raise Refused for a misspelt hook; as `check_pending`, but for one plugin, and with the spelling."""
    for caller in manager.get_hookcallers(module) or []:
        if not caller.has_spec():
            # The beginning, which all hooks share, would make any two of them near.
            short = {hook.removeprefix(PREFIX): hook for hook in (*HOOKS.values(), LIBRARIES)}
            near = closest(caller.name.removeprefix(PREFIX), short)
            guess = f" Did you mean {short[near]!r}?" if near else f" Hooks are {', '.join(short.values())}."
            raise Refused(f"no hook is called {caller.name!r}.{guess}")


def _beside(plugin: Plugin, error: BaseException) -> str:
    """Say what a plugin file's missing import needs; "" for any other mistake."""
    if not (plugin.local and isinstance(error, ModuleNotFoundError) and error.name):
        return ""
    package, _, module = error.name.rpartition(".")
    if package == "anncore":
        return f"; 'from anncore import {module}' brings what anncore has by that name"
    folder, name = Path(plugin.origin).parent, module
    if (folder / name).is_dir():
        return f"; to make the folder {name} beside it a package, put an empty __init__.py into it"
    return f"; it finds modules beside it, as {folder / name}.py, and installed ones"


def _offered(manager: pluggy.PluginManager, module: Any) -> list[tuple[str, Any]]:
    """Call the plugin's own hook implementations one by one, so that none can abort another's.

    Returns the name of each hook and what it gives.
    """
    callers = manager.get_hookcallers(module) or []
    if not callers:
        hooks = ", ".join([*HOOKS.values(), LIBRARIES])
        raise Refused(f"it implements no hook; mark a function with @hookimpl, named one of {hooks}")
    return [
        (caller.name, implementation.function())
        for caller in sorted(callers, key=lambda caller: caller.name)
        for implementation in caller.get_hookimpls()
        if implementation.plugin is module
    ]


def _admitted(offered: Iterable[tuple[str, Any]], plugin: Plugin, code: Code | None) -> Iterator[Registered]:
    """Yield the components that a plugin offers; raises Refused for what is none."""
    kinds = {hook: kind for kind, hook in HOOKS.items()}
    for hook, classes in offered:
        if not isinstance(classes, (list, tuple)):
            raise Refused(f"{hook} must return a list of classes, got {type(classes).__name__}")
        for offer in classes:
            cls = component_class(kinds[hook], offer)
            refuse_malformed(kinds[hook], cls)
            yield Registered(kinds[hook], cls.name, cls, plugin.dist, plugin.version, plugin.name, code)


def _admitted_libraries(
    offered: Iterable[tuple[str, Any]], plugin: Plugin, code: Code | None, known: Iterable[Offered]
) -> list[Offered]:
    """Return the libraries that a plugin offers; raises Refused for what is none, and for a prefix in use."""
    taken = {library.library.prefix: library.plugin for library in known}
    admitted = []
    for hook, classes in offered:
        for cls in classes if hook == LIBRARIES else ():
            if not (isinstance(cls, type) and issubclass(cls, Library)):
                raise Refused(f"{LIBRARIES} must return subclasses of anncore.Library, got {cls!r}")
            try:
                library = cls()
            except TypeError as error:
                raise Refused(f"{cls.__name__} cannot be made: {error}") from None
            if not str(library.prefix).isidentifier():
                raise Refused(f"{cls.__name__}.prefix must be a name, got {library.prefix!r}")
            owner = taken.setdefault(library.prefix, plugin.name)
            if owner != plugin.name:
                raise Refused(f"the prefix {library.prefix!r} is that of plugin {owner!r} already")
            admitted.append(Offered(library, plugin.name, code))
    return admitted


def _refuse_clashes(components: Sequence[Registered], known: Iterable[Registered]) -> None:
    taken = {(component.kind, component.full_name): component for component in known}
    for component in components:
        other = taken.setdefault((component.kind, component.full_name), component)
        if other is not component:
            raise Refused(
                f"{component.kind} {component.full_name!r} is provided already by plugin {other.plugin!r}"
            )
