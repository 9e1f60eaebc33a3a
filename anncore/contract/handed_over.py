"""Component classes that a caller hands over from Python: into a registry, and into other processes.

Their full names are `session:name`, or `module:name` where the class can be imported from a module. A worker
process gets them by value, code and all, because it cannot import what was typed at a prompt.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anncore.contract import kinds
from anncore.contract.admission import Refused, refuse_malformed
from anncore.contract.code_digest import file_code
from anncore.contract.errors import RAISED_BY_PLUGINS, PluginError, described
from anncore.contract.kind_names import KINDS
from anncore.contract.registry import HOME, Plugin, Registered, Registry
from anncore.contract.session_code import SessionCode, Unclear, has_no_home, owner_of, session_code
from anncore.contract.shown import shortened

ORIGIN = "a Python session"


def with_components(registry: Registry, classes: Sequence[type[Any]]) -> Registry:
    """Return a registry that also holds these component classes, which need no file and no hook.

    Raises PluginError, in one line, for what is no component class, for one that its kind does not admit, and
    for a full name that is taken.
    """
    if not isinstance(classes, (list, tuple)):
        raise PluginError(f"components must be a list of classes, got {_short(classes)}.")
    return _added(registry, [_registered(cls) for cls in dict.fromkeys(map(_class, classes))])


def _added(registry: Registry, given: Sequence[Registered]) -> Registry:
    taken = {(component.kind, component.full_name): component for component in registry.components}
    for component in given:
        other = taken.setdefault((component.kind, component.full_name), component)
        if other is not component:
            raise PluginError(
                f"{component.kind} {component.full_name!r} is there already, from {other.plugin}; give "
                f"{component.cls.__qualname__} another name."
            )
    plugins = tuple(
        Plugin(
            *(f"{component.full_name}", component.dist, component.version, ORIGIN),
            components=(f"{component.kind} {component.name}",),
        )
        for component in given
    )
    components = sorted(
        (*registry.components, *given), key=lambda c: (KINDS.index(c.kind), c.name, c.full_name)
    )
    return registry.changed(
        components=tuple(components),
        plugins=(*registry.plugins, *plugins),
        given=(*registry.given, *given),
    )


def _class(cls: Any) -> type[Any]:
    if not inspect.isclass(cls):
        hint = f"; give the class itself, {type(cls).__name__}" if isinstance(cls, kinds.Component) else ""
        raise PluginError(f"components must be classes, got {_short(cls)}{hint}.")
    return cls


def _registered(cls: type[Any]) -> Registered:
    owner = cls.__qualname__
    kind = next((kind for kind in KINDS if issubclass(cls, kinds.BASES[kind])), None)
    if kind is None:
        forms = ", ".join(base.__name__.removeprefix("Any") for base in kinds.BASES.values())
        raise PluginError(f"{owner} is no component: derive it from one of anncore's {forms}.")
    try:
        refuse_malformed(kind, cls)
        code = session_code(cls) if has_no_home(cls) else _file_code(cls)
    except Refused as error:
        raise PluginError(f"{error}.") from None
    except Unclear as error:
        raise PluginError(f"{owner} {error}; put it into a file and give that by plugins.") from None
    except RAISED_BY_PLUGINS as error:  # cls() is the author's code
        raise PluginError(f"{owner} cannot be made: {described(error)}.") from error
    dist = owner_of(cls)
    if dist == HOME:
        raise PluginError(f"{owner} comes from a module called {HOME}; rename the module.")
    return Registered(kind, cls.name, cls, dist, code.digest, f"{dist}:{cls.name}", code)


def _file_code(cls: type[Any]) -> SessionCode:
    """Return the code of a class from a module that Python can import: the module and what it imports."""
    code = file_code(Path(inspect.getfile(cls)).resolve())
    return SessionCode(code.text)


def _short(value: Any) -> str:
    return shortened(" ".join(repr(value).split()), 60)


def packed(given: Sequence[Registered]) -> bytes:
    """Return components so that another process can load them, classes without a file by value.

    Raises PluginError where one holds what cannot be sent, an open file for instance.
    """
    import cloudpickle

    try:
        data: bytes = cloudpickle.dumps(tuple(given))
    except RAISED_BY_PLUGINS as error:
        names = ", ".join(component.cls.__qualname__ for component in given)
        reason = " ".join(str(error).split())
        raise PluginError(
            f"{names} cannot be sent to worker processes: {reason}; run with executor='serial'."
        ) from error
    return data


def unpacked(registry: Registry, data: bytes) -> Registry:
    """Return the registry with the components of `packed`, as they were where they come from."""
    return _added(registry, pickle.loads(data)) if data else registry


__all__ = ["packed", "unpacked", "with_components"]
