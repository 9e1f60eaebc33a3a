"""Components by kind and name, and where each came from.

A component's full name is `distribution:name`, for a file `stem:name`. The short name belongs to annx's
own component where there is one, so that installing a package never changes an old experiment; a short
name that two others share is an error where it is used.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from anncore.contract.code_digest import Code, own_versions
from anncore.contract.documentation import documentation
from anncore.contract.errors import ComponentError, closest, nearest
from anncore.contract.home import HOME as HOME
from anncore.contract.kind_names import ALL_KINDS, KINDS, article
from anncore.contract.libraries import Offered, locate, made_class
from anncore.contract.session_code import SessionCode
from anncore.contract.shown import Shown, listed
from anncore.contract.standard_output import kept_for_results


@dataclass(frozen=True, repr=False)
class Registered(Shown):
    """One registered component: its class and where it came from.

    source: its plugin's code; None for annx's own, and for one that no plugin brought.
    """

    kind: str
    name: str
    cls: type[Any]
    dist: str
    version: str
    plugin: str
    source: Code | SessionCode | None = field(default=None, compare=False, repr=False)

    def _title(self) -> str:
        return f"{self.kind.capitalize()} {self.full_name}"

    def _facts(self) -> dict[str, object]:
        values = ", ".join(f"{field.name} = {field.default!r}" for field in dataclasses.fields(self.cls))
        return {"what": documentation(self.cls).partition("\n")[0], "defaults": values}

    @property
    def full_name(self) -> str:
        """`distribution:name`, unique among all components of a kind."""
        return f"{self.dist}:{self.name}"

    @property
    def code(self) -> str:
        """What identifies the code that runs, for a trial's key.

        A stranger's: version, digest of the plugin's files, versions of what they import. For annx's own the
        number-version stands (`engine_version`), so only the versions of what it imports are left.
        Raises PluginError where the files have changed since they were loaded.
        """
        if self.dist == HOME:
            return own_versions(self.cls.__module__)
        return self.version if self.source is None else self.source.text


@dataclass(frozen=True, repr=False)
class Plugin(Shown):
    """One plugin as it was found: `problem` is empty when it loaded."""

    name: str  # "distribution:entry" or "file:stem"
    dist: str
    version: str
    origin: str  # module or file
    problem: str = ""
    detail: str = ""  # the traceback, where there is one
    components: tuple[str, ...] = ()
    local: bool = False  # a file that was asked for by name, not an installed package

    def _title(self) -> str:
        return f"Plugin {self.name}"

    def _facts(self) -> dict[str, object]:
        return {"version": self.version, "brings": listed(self.components), "broken": self.problem}


@dataclass(frozen=True, repr=False)
class Registry(Shown):
    """All components that could be loaded, and all plugins whether they could or not."""

    components: tuple[Registered, ...]
    plugins: tuple[Plugin, ...]
    files: tuple[str, ...] = ()
    given: tuple[Registered, ...] = ()  # classes that a caller handed over (`handed_over`)
    libraries: tuple[Offered, ...] = ()
    folder: str = ""  # where a library's path finds files; "" is the working directory
    _by_kind: dict[str, dict[str, list[Registered]]] = field(default_factory=dict, compare=False, repr=False)
    # What others worked out from these components and will be asked for again, by owner and question.
    memo: dict[tuple[str, ...], str] = field(default_factory=dict, compare=False, repr=False)
    _made: dict[tuple[str, str], Registered] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        for kind in KINDS:
            self._by_kind[kind] = {}
        for component in self.components:
            for name in (component.name, component.full_name):
                self._by_kind[component.kind].setdefault(name, []).append(component)

    def changed(self, **changes: Any) -> Registry:
        """Return a registry with some of its parts replaced."""
        return dataclasses.replace(self, _by_kind={}, memo={}, _made={}, **changes)

    def _facts(self) -> dict[str, object]:
        names = {kind.plural: [known.name for known in self.of_kind(kind.name)] for kind in ALL_KINDS}
        counts = {plural: f"{len(known)} ({listed(known, 3)})" for plural, known in names.items() if known}
        return {**counts, "broken plugins": listed(plugin.name for plugin in self.broken)}

    def of_kind(self, kind: str) -> list[Registered]:
        """Return the components of a kind, sorted by name, ours before others of the same name."""
        components = [component for component in self.components if component.kind == kind]
        return sorted(components, key=lambda c: (c.name, c.dist != HOME, c.dist))

    def get(self, kind: str, name: str) -> Registered:
        """Return the component of that kind and short or full name.

        Raises ComponentError with the nearest spelling, with the plugin that should have brought it
        but is broken, or with the full names where several distributions share a short one.
        """
        if kind not in self._by_kind:
            raise ComponentError(
                f"No kind is called {kind!r}; kinds are {', '.join(KINDS)}." + nearest(kind, KINDS)
            )
        named = self._by_kind[kind].get(name, [])
        if not named and self.library(name) is not None:
            return self._from_library(kind, name)
        if not named:
            raise ComponentError(f"No {kind} is called {name!r}.{self._way_out(kind, name)}")
        ours = [component for component in named if component.dist == HOME]
        if ours:
            return ours[0]
        if len(named) > 1:
            owners = ", ".join(sorted(component.full_name for component in named))
            raise ComponentError(f"{kind} {name!r} is offered by several plugins; write one of {owners}.")
        return named[0]

    def library(self, name: str) -> Offered | None:
        """Return the library whose prefix a name has, None where it has none."""
        prefix, colon, _ = name.partition(":")
        known = (offered for offered in self.libraries if colon and offered.library.prefix == prefix)
        return next(known, None)

    def kind_of(self, name: str) -> str:
        """Return the kind of what a name with a library's prefix leads to; raises ComponentError for none."""
        offered = self.library(name)
        assert offered is not None
        thing = locate(offered, name.partition(":")[2], Path(self.folder).resolve()).thing
        kind = offered.library.kind_of(thing)
        if not kind:
            forms = "; ".join(f"{known}: {form}" for known, form in offered.library.offers.items())
            raise ComponentError(f"{name} cannot be a component. {offered.library.title} gives {forms}.")
        return kind

    def _from_library(self, kind: str, name: str) -> Registered:
        made = self._made.get((kind, name))
        if made is None:
            offered = self.library(name)
            assert offered is not None
            prefix, _, path = name.partition(":")
            with kept_for_results():
                located = locate(offered, path, Path(self.folder).resolve())
                cls = made_class(offered, kind, path, located)
            cls.place = (self.files, str(Path(self.folder).resolve()))
            version = offered.library.version
            made = Registered(kind, path, cls, prefix, version, name, located.code)
            self._made[kind, name] = made
        return made

    @property
    def made(self) -> list[Registered]:
        """The components that libraries have made so far, by the names that an experiment gives them."""
        return list(self._made.values())

    def namesakes(self, component: Registered) -> list[Registered]:
        """Return the other components of that kind and short name."""
        named = self._by_kind[component.kind].get(component.name, [])
        return [other for other in named if other is not component]

    def _way_out(self, kind: str, name: str) -> str:
        """Say what may be meant by an unknown name: a broken plugin's, a near spelling, another kind's."""
        for plugin in self.broken:
            if _would_bring(plugin, kind, name):
                return f" Plugin {plugin.name!r} is broken: {plugin.problem.rstrip('.')}."
        if nearest(name, self._by_kind[kind]):
            return nearest(name, self._by_kind[kind])
        prefix, colon, path = name.partition(":")
        meant = closest(prefix, [offered.library.prefix for offered in self.libraries]) if colon else ""
        if meant:
            return f" Did you mean '{meant}:{path}'?"
        others = [other for other in KINDS if name in self._by_kind[other]]
        if others:
            return f" {name!r} is {article(others[0])} {others[0]}."
        return f" 'annx list {kind}' names all."

    def default(self, kind: str) -> Registered:
        """Return the component that serves where an experiment names none of this kind."""
        for component in self.of_kind(kind):
            if component.dist == HOME and component.cls.default:
                return component
        raise ComponentError(f"No {kind} is named and no default is installed. Add a [{kind}.NAME] section.")

    def companions(self, kind: str) -> list[Registered]:
        """Return annx's own components of a kind that plots show others on or beside."""
        return [c for c in self.of_kind(kind) if c.dist == HOME and c.cls.companion is not None]

    def companion(self, kind: str) -> Registered:
        """Return the first of the companions; raises ComponentError where none is installed."""
        for component in self.companions(kind):
            return component
        raise ComponentError(f"No {kind} is installed that plots could show others on or beside.")

    def natural_loss(self, task: str) -> Registered:
        """Return the loss that "auto" means for a task."""
        for component in self.of_kind("loss"):
            if component.dist == HOME and task in component.cls.natural_for:
                return component
        raise ComponentError(f"No loss is the natural one for the task {task!r}. Name one in [loss.NAME].")

    def metrics(self, task: str) -> list[Registered]:
        """Return the metrics that fit a task, sorted by name."""
        return [component for component in self.of_kind("metric") if task in component.cls.tasks]

    def primary_metric(self, task: str) -> Registered:
        """Return the headline metric of a task."""
        for component in self.metrics(task):
            if component.dist == HOME and task in component.cls.primary_for:
                return component
        raise ComponentError(f"No metric is the headline one for the task {task!r}. Name one in [select].")

    @cached_property
    def broken(self) -> tuple[Plugin, ...]:
        """The plugins that could not be loaded."""
        return tuple(plugin for plugin in self.plugins if plugin.problem)


def _would_bring(plugin: Plugin, kind: str, name: str) -> bool:
    """Tell whether a broken plugin's name suggests that it would have brought the component."""
    dist, _, short = name.rpartition(":")
    entry = plugin.name.partition(":")[2]
    if dist and (dist != plugin.dist or dist != HOME):
        return dist == plugin.dist
    return short in (entry, entry.removeprefix(f"{kind}_"))
