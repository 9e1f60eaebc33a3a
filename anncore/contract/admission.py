"""What a class must be to count as a component: checked once, when its plugin is loaded.

Everything here looks at declarations only. What a component computes is checked by the conformance kit
(`anncore.testing`).
"""

from __future__ import annotations

import dataclasses
import inspect
import keyword
from typing import Any

from anncore.contract import hookspecs, kinds
from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import Interval, declared, references, resolve

PROTOCOLS: dict[str, Any] = {
    "activation": kinds.Activation,
    "loss": kinds.Loss,
    "optimizer": kinds.Optimizer,
    "schedule": kinds.Schedule,
    "initializer": kinds.Initializer,
    "dataset": kinds.Dataset,
    "network": kinds.Network,
    "objective": kinds.Objective,
    "metric": kinds.Metric,
    "figure": kinds.Figure,
    "executor": kinds.Executor,
}

# An experiment's own keys in a component's section, and the names it gives a meaning of its own.
RESERVED_KEYS = ("use", "preset")
RESERVED_NAMES = ("auto", "search")

# By kind and class attribute, what a door that is opened adds to or makes of a method's parameters.
DOORS: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {
    ("activation", "learns"): {
        "forward": ("self", "z", "params"),
        "backward": ("self", "grad", "z", "a", "params", "grads"),
        "specs": ("self", "units"),
    },
    ("activation", "random"): {
        "forward": ("self", "z", "noise"),
        "backward": ("self", "grad", "z", "a", "noise"),
        "draw": ("self", "rng", "shape"),
    },
    ("optimizer", "asks"): {"step": ("self", "param", "grad", "state", "t", "evaluate")},
    ("schedule", "watches"): {
        "init": ("self", "ones"),
        "observe": ("self", "state", "score", "t"),
        "factor": ("self", "t", "steps", "state"),
    },
    ("network", "modes"): {"forward": ("self", "params", "x", "mode")},
    ("metric", "watches"): {"score": ("self", "layers", "params", "grads")},
}

# Methods that a component may have besides.
OPTIONAL: dict[str, dict[str, tuple[str, ...]]] = {
    "activation": {"width": ("self", "units")},
    "loss": {"predict": ("self", "output")},
    "optimizer": {"evaluated": ("self", "param", "state"), "route": ("self", "spec")},
    "initializer": {"adjust": ("self", "weight", "z", "attempt")},
    "network": {
        "places": ("self", "inputs", "outputs"),
        "draw": ("self", "rng", "spec"),
        "layers": ("self", "tape"),
        "learn": ("self", "params", "x", "y", "grads"),
    },
    "objective": {"draw": ("self", "rng")},
}

# Class attributes that hold an interval, where a component has no hyperparameter of that name.
INTERVALS = ("range", "accepts", "bounds")


class Refused(Exception):
    """A plugin's own mistake, said in one line."""


def refuse_malformed(kind: str, cls: Any) -> None:
    """Raise Refused unless `cls` is a frozen dataclass that offers what its kind must offer."""
    if not inspect.isclass(cls):
        raise Refused(f"{hookspecs.HOOKS[kind]} must return classes, got {cls!r}")
    owner = cls.__qualname__
    # The parameters of a parent's decorator would be found by inheritance; a class needs its own.
    parameters = vars(cls).get("__dataclass_params__")
    if parameters is None or not parameters.frozen:
        raise Refused(f"{owner} must be a frozen dataclass: write @dataclass(frozen=True)")
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not name.isidentifier() or name != name.lower():
        raise Refused(f"{owner} must have a class attribute name in snake_case, got {name!r}")
    if name in RESERVED_NAMES or keyword.iskeyword(name):
        raise Refused(f"{owner} cannot be called {name!r}, which means something else; choose another name")
    # dataclass() writes "Name(field, ...)" where the author wrote nothing.
    if not cls.__doc__ or cls.__doc__.startswith(f"{cls.__name__}("):
        raise Refused(f"{owner} must have a docstring: formula, domain, reference")
    _refuse_methods(kind, cls)
    _refuse_attributes(kind, cls)
    _refuse_fields(cls)
    if kind == "schedule":
        _refuse_blind_wrapper(cls)


def methods(kind: str, cls: Any) -> dict[str, tuple[str, ...]]:
    """Return the methods that a class must have, with their parameters, given the doors it opens."""
    found = {
        name: tuple(inspect.signature(function).parameters)
        for name, function in inspect.getmembers(PROTOCOLS[kind], inspect.isfunction)
        if not name.startswith("_")
    }
    for (owner, attribute), changed in DOORS.items():
        if owner == kind and getattr(cls, attribute, False):
            found |= changed
    if kind == "objective" and hasattr(cls, "draw"):
        found["grad"] = ("self", "x", "noise")
    found |= {name: wants for name, wants in OPTIONAL.get(kind, {}).items() if hasattr(cls, name)}
    return found


def _refuse_methods(kind: str, cls: Any) -> None:
    owner = cls.__qualname__
    if getattr(cls, "learns", False) and getattr(cls, "random", False) and kind == "activation":
        raise Refused(f"{owner} cannot both learn and be random")
    for method, wants in methods(kind, cls).items():
        offered = inspect.getattr_static(cls, method, None)
        if offered is None:
            raise Refused(f"{owner} is no {kind}: it has no method {method}")
        if not callable(getattr(cls, method)):
            raise Refused(f"{owner}.{method} must be a method, got {getattr(cls, method)!r}")
        has = tuple(inspect.signature(getattr(cls, method)).parameters)
        if isinstance(offered, (staticmethod, classmethod)):
            wants = wants[1:]
        if has != wants:
            raise Refused(f"{owner}.{method} must take ({', '.join(wants)}), it takes ({', '.join(has)})")


def _refuse_blind_wrapper(cls: Any) -> None:
    inside = [key for key, reference in references(cls).items() if reference.kind == "schedule"]
    if inside and not getattr(cls, "watches", False):
        raise Refused(f"{cls.__qualname__}.{inside[0]} refers to a schedule, which may watch; so must it")


def _refuse_attributes(kind: str, cls: Any) -> None:
    owner = cls.__qualname__
    for attribute in PROTOCOLS[kind].__annotations__:
        if attribute != "name" and not hasattr(cls, attribute):
            raise Refused(f"{owner} is no {kind}: it has no class attribute {attribute}")
    if kind == "objective" and not hasattr(cls, "dimensions"):
        raise Refused(f"{owner} is no objective: it has no dimensions, a property or a hyperparameter")
    for attribute in sorted(set(INTERVALS) - {field.name for field in dataclasses.fields(cls)}):
        value = vars(cls).get(attribute)
        if isinstance(value, str):
            try:
                Interval.parse(value)
            except ValueError as error:
                raise Refused(f"{owner}.{attribute}: {error}") from None


def _refuse_fields(cls: Any) -> None:
    owner = cls.__qualname__
    undeclared = [field.name for field in dataclasses.fields(cls) if "annx" not in field.metadata]
    if undeclared:
        raise Refused(f"{owner}.{undeclared[0]} must be declared by anncore.param or anncore.ref")
    reserved = [key for key in (*declared(cls), *references(cls)) if key in RESERVED_KEYS]
    if reserved:
        raise Refused(f"{owner}.{reserved[0]} is a key of the experiment's own; choose another name")
    for reference in references(cls).values():
        if reference.kind not in hookspecs.KINDS:
            raise Refused(f"{owner}.{reference.name} refers to {reference.kind!r}, which is no kind")
    for declaration in declared(cls).values():
        key = f"{owner}.{declaration.name}"
        try:
            declaration.domain.check(declaration.default)
        except ValueError as error:
            raise Refused(f"{key}: the default {error}, got {declaration.default!r}") from None
        for value in declaration.search.values if declaration.search else ():
            try:
                declaration.domain.check(value)
            except ValueError as error:
                raise Refused(f"{key}: every value of the search {error}, got {value!r}") from None
    for preset in getattr(cls, "presets", {}):
        try:
            resolve(cls, {"preset": preset})
            resolve(cls, cls.presets[preset])
        except ComponentError as error:
            raise Refused(f"{owner}, preset {preset!r}: {error}") from None
    cls()  # whatever this raises is the plugin's problem
