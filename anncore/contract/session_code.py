"""Components that were defined in a Python session: which code they are, and how they reach another process.

A class from a notebook cell, a prompt, a script or `python -c` has no file whose digest could enter a trial's
key. Its code objects do instead, with all that they use: default values, attributes, helper functions and
constants of the session, one after the other. Comments and line numbers do not count. What a name in the code
stands for counts as it is when the class is handed over. Bytecode belongs to a minor version of Python, so
another one gives other keys.

What can be imported is named, not looked into: by its version, where it belongs to an installed package, and
by the digest of its file, where it belongs to a file of the user's.
"""

from __future__ import annotations

import dataclasses
import dis
import functools
import hashlib
import inspect
import operator
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.code_digest import DIGITS, SITE, file_code, versions
from anncore.contract.plugin_files import RESERVED

SESSION = "session"
"""The owner's name of components that were defined in a session, as a file's stem is that of a file's."""

SHARED = (tuple, frozenset, CodeType, np.generic)  # Python may or may not make one object of equal ones
FORM = 0xFFF  # the flags of a code object that say what it is; above are those of __future__ imports
WRITTEN_IN_C = (
    *(types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType),
    *(types.ClassMethodDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType),
)
GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME")


class SessionCode(NamedTuple):
    """The code of a class that was handed over; `text` is what enters a trial's key."""

    text: str

    @property
    def digest(self) -> str:
        """The digest alone, without the versions of what the code imports."""
        return self.text.partition(" ")[0]


class Unclear(Exception):
    """A value that the code uses and that nothing identifies, in one line."""


def has_no_home(thing: Any) -> bool:
    """Tell whether a class or function cannot be imported by its name from a module with a file."""
    name = getattr(thing, "__module__", None) or ""
    module = sys.modules.get(name)
    if name == "__main__" or module is None:
        return True
    if getattr(module, "__file__", None) is None and name not in sys.stdlib_module_names:
        return True
    try:
        return operator.attrgetter(thing.__qualname__)(module) is not thing
    except AttributeError:
        return True


def owner_of(cls: type[Any]) -> str:
    """Return the first half of a handed-over component's full name: its module, or "session"."""
    return SESSION if has_no_home(cls) else cls.__module__.rpartition(".")[2]


def session_code(cls: type[Any]) -> SessionCode:
    """Return the code of a class that was handed over.

    Raises Unclear where it uses a value that cannot be told from another one of its type.
    """
    reader = _Reader(set())
    whole = hashlib.sha256()
    try:
        for piece in reader.read(cls):
            whole.update(piece.encode("utf-8", "backslashreplace") + b"\0")
    except RecursionError:
        raise Unclear("uses a value that is nested too deeply") from None
    return SessionCode(" ".join([whole.hexdigest()[:DIGITS], *sorted(reader.imported)]))


class _Reader:
    """Spells a class and all that it uses, each thing once, in an order that never varies."""

    def __init__(self, imported: set[str]) -> None:
        self.imported = imported  # versions and digests of what is named and not looked into
        self._places: dict[int, int] = {}
        self._kept: list[Any] = []  # an id is another object's once its owner is gone

    def read(self, value: Any) -> Iterator[str]:
        """Yield the pieces of a value."""
        if value is None or value is ... or isinstance(value, (bool, int, float, complex, str, bytes)):
            yield f"{type(value).__name__} {value!r}"
            return
        if not isinstance(value, SHARED):
            if id(value) in self._places:
                yield f"number {self._places[id(value)]}"
                return
            self._places[id(value)] = len(self._places)
            self._kept.append(value)
        yield type(value).__name__
        yield from self._inside(value)

    def _inside(self, value: Any) -> Iterator[str]:
        if isinstance(value, ModuleType):
            yield from self._named(value.__name__, value.__name__)
        elif isinstance(value, type):
            yield from self._class(value) if has_no_home(value) else self._named_thing(value)
        elif inspect.isfunction(value):
            yield from self._function(value) if has_no_home(value) else self._named_thing(value)
        elif isinstance(value, WRITTEN_IN_C) and isinstance(
            getattr(value, "__self__", None), (ModuleType, type(None))
        ):
            yield from self._named_thing(value)
        elif isinstance(value, CodeType):
            yield from self._code(value)
        elif isinstance(value, (tuple, list)):
            yield from self._each(value)
        elif isinstance(value, (set, frozenset)):
            yield from sorted("\0".join(_Reader(self.imported).read(item)) for item in value)
        elif isinstance(value, Mapping):
            yield from self._mapping(value)
        elif isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind != "O":
            yield f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
        else:
            yield from self._object(value)

    def _each(self, values: Iterable[Any]) -> Iterator[str]:
        for value in values:
            yield from self.read(value)

    def _mapping(self, values: Mapping[Any, Any]) -> Iterator[str]:
        for key, value in sorted(values.items(), key=lambda pair: repr(pair[0])):
            yield from self.read(key)
            yield from self.read(value)

    def _named_thing(self, thing: Any) -> Iterator[str]:
        return self._named(getattr(thing, "__module__", None) or "", thing.__qualname__)

    def _named(self, module: str, name: str) -> Iterator[str]:
        """Name what can be imported; its package's version or its file's digest counts as well."""
        top = module.partition(".")[0]
        yield f"{module}:{name}"
        if top in RESERVED and top != "scipy":
            return
        file = Path(getattr(sys.modules.get(module), "__file__", None) or "")
        if file.suffix == ".py" and not set(SITE) & set(file.parts):
            self.imported.add(f"{module} {file_code(file).text}")
        self.imported.update(versions([top], None))

    def _class(self, cls: type[Any]) -> Iterator[str]:
        yield cls.__qualname__
        yield from self._each(cls.__bases__)
        for name, value in sorted(vars(cls).items()):
            if name == "__dataclass_fields__":
                for field in dataclasses.fields(cls):
                    yield field.name
                    yield from self._each((field.default, field.default_factory, field.metadata))
            elif not _made_by_python(name, value) and not _made_by_dataclass(value):
                yield name
                yield from self.read(value)

    def _function(self, function: Any) -> Iterator[str]:
        yield from self._code(function.__code__)
        yield from self._each((function.__defaults__, function.__kwdefaults__))
        for cell in function.__closure__ or ():
            try:
                inside = cell.cell_contents
            except ValueError:  # not filled yet
                continue
            yield from self.read(inside)
        for name in sorted(_globals(function.__code__)):
            if name in function.__globals__:
                yield name
                yield from self.read(function.__globals__[name])

    def _code(self, code: CodeType) -> Iterator[str]:
        yield code.co_code.hex()
        yield from self._each((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars))
        kind = code.co_flags & FORM
        yield from self._each((code.co_argcount, code.co_kwonlyargcount, kind))
        yield from self._each(code.co_consts)

    def _object(self, value: Any) -> Iterator[str]:
        """Spell an object by what would make it again."""
        if isinstance(value, (staticmethod, classmethod)):
            yield from self.read(value.__func__)
        elif isinstance(value, property):
            yield from self._each((value.fget, value.fset))
        elif isinstance(value, functools.cached_property):
            yield from self.read(value.func)
        elif isinstance(value, np.ufunc) and getattr(np, _name(value), None) is value:
            yield from self._named("numpy", _name(value))
        elif hasattr(value, "__wrapped__"):  # functools.cache and other decorators
            yield from self.read(value.__wrapped__)
        elif value is dataclasses.MISSING:
            yield "MISSING"
        elif dataclasses.is_dataclass(value):
            yield from self.read(type(value))
            yield from self._mapping(
                {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            )
        else:
            try:
                made = value.__reduce_ex__(4)
            except Exception:
                raise Unclear(f"uses a {type(value).__name__}, whose content cannot be read") from None
            if isinstance(made, str):
                home = sys.modules.get(getattr(value, "__module__", None) or "")
                if getattr(home, made, None) is not value:
                    raise Unclear(f"uses {made}, a {type(value).__name__} that no module holds")
                yield from self._named(value.__module__, made)
            else:
                yield from self._each(list(part) if isinstance(part, Iterator) else part for part in made)


def _made_by_python(name: str, value: Any) -> bool:
    """Tell whether an attribute is Python's own note on a class, some of which come with its first use."""
    double = name.startswith("__") and name.endswith("__")
    return name == "_abc_impl" or (double and not inspect.isroutine(value))


def _name(ufunc: Any) -> str:
    return str(ufunc.__name__)


def _made_by_dataclass(value: Any) -> bool:
    """Tell whether `dataclass` wrote a method, from the fields that are read by themselves."""
    inner = inspect.unwrap(value) if inspect.isfunction(value) else value
    return inspect.isfunction(inner) and inner.__code__.co_filename == "<string>" and _is_dunder(inner)


def _is_dunder(function: Any) -> bool:
    return function.__name__ in (
        *("__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__"),
        *("__lt__", "__le__", "__gt__", "__ge__", "__replace__"),
    )


def _globals(code: CodeType) -> set[str]:
    """Return the global names that a code object and those inside it look up."""
    names = {
        step.argval
        for step in dis.get_instructions(code)
        if step.opname in GLOBAL and step.argval is not None
    }
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _globals(constant)
    return names
