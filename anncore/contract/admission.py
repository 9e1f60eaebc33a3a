"""What a class must be to count as a component: checked once, when its plugin is loaded.

These checks look at declarations only. The conformance kit (`anncore.testing`) checks what a component
computes.
"""

from __future__ import annotations

import dataclasses
import inspect
import keyword
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from anncore.contract import kinds
from anncore.contract.documentation import REMOVED, documentation
from anncore.contract.errors import ComponentError, nearest
from anncore.contract.hyperparameters import Interval, declared, references, resolve
from anncore.contract.kind_names import HOOKS, KINDS
from anncore.contract.verbs import VERBS

# Keys of the experiment itself in a component's section, and names with a special meaning there.
RESERVED_KEYS = ("use", "preset")
RESERVED_NAMES = ("auto", "search")

OWN_KEYS: Mapping[str, tuple[str, ...]] = {
    "sampler": ("method", "samples", "widen"),
    "selector": ("metric", "goal", "rule"),
    "stopper": ("rule", "most"),
    "executor": ("executor",),
}
"""By kind, the experiment's own keys in the section where a component's hyperparameters stand beside them."""

# Class attributes that hold an interval, unless a component has a hyperparameter of that name.
OF_TASKS = {"metric": ("tasks", "primary_for"), "loss": ("natural_for",), "network": ("tasks",)}
"""By kind, the class attributes that hold tasks."""
INTERVALS = ("range", "accepts", "targets", "bounds")


class Refused(Exception):
    """A mistake of a plugin, in one line."""


def refuse_malformed(kind: str, cls: Any) -> None:
    """Raise Refused unless `cls` is a frozen dataclass of its kind with all required members."""
    if not inspect.isclass(cls):
        raise Refused(f"{HOOKS[kind]} must return classes, got {cls!r}")
    owner, base = cls.__qualname__, kinds.BASES[kind]
    # A class inherits the mark of its parent's decorator, but needs its own.
    parameters = vars(cls).get("__dataclass_params__")
    if parameters is None or not parameters.frozen:
        raise Refused(f"{owner} must be a frozen dataclass: write @dataclass(frozen=True)")
    if not issubclass(cls, base):
        if issubclass(cls, kinds.Component):
            own = next(kind for kind, other in kinds.BASES.items() if issubclass(cls, other))
            raise Refused(f"{owner} is no {kind}, it derives from {own}; return it by {HOOKS[own]}")
        form = base.__name__.removeprefix("Any")
        raise Refused(f"{owner} must derive from anncore.{form}: write class {_derived(cls, form)}")
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not name.isidentifier() or name != name.lower():
        raise Refused(f"{owner} must have a class attribute name in snake_case, got {name!r}{_spelt(name)}")
    if name in RESERVED_NAMES or keyword.iskeyword(name):
        raise Refused(
            f"{owner} cannot be called {name!r}, which experiments use otherwise; choose another name"
        )
    # Under python -OO a docstring is known only where there is a source file.
    if not documentation(cls) and not REMOVED:
        raise Refused(f"{owner} must have a docstring: formula, domain, reference")
    _refuse_methods(kind, cls)
    _refuse_attributes(cls)
    _refuse_unknown_tasks(kind, cls)
    _refuse_fields(kind, cls)
    if kind == "optimizer":
        _refuse_references_to_optimizers(cls)
    if kind == "network":
        _refuse_network_without_output(cls)
    if kind == "schedule":
        _refuse_schedule_that_hides_losses(cls)
    if kind == "command":
        _refuse_our_verbs(cls)


def _spelt(name: Any) -> str:
    """Return how a name that is not in snake_case is written: MyOpt is my_opt."""
    snake = snake_case(name) if isinstance(name, str) else ""
    return f"; write {snake!r}" if snake.isidentifier() and len(snake) < 60 else ""


def snake_case(name: str) -> str:
    """Return a name in snake_case: MyOpt is my_opt, Adam-2 is adam_2."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]", "_", words)).strip("_").lower()


def _derived(cls: Any, form: str) -> str:
    """Return the first line of the class as it should be."""
    others = [parent.__name__ for parent in cls.__bases__ if parent is not object]
    return f"{cls.__name__}({', '.join([*others, form])})"


def form_of(cls: Any) -> Any:
    """Return the base class of the contract that a component class has: its kind, or a form of it."""
    return next(parent for parent in cls.__mro__ if parent.__module__.startswith(f"{kinds.__name__}."))


@cache
def methods(form: Any) -> dict[str, tuple[str, ...]]:
    """Return the methods that a base class of the contract declares, with their parameters."""
    return {
        name: tuple(inspect.signature(function).parameters)
        for name, function in inspect.getmembers(form, inspect.isfunction)
        if not name.startswith("_")
    }


def _refuse_methods(kind: str, cls: Any) -> None:
    owner, form = cls.__qualname__, form_of(cls)
    for method, wants in methods(form).items():
        offered = inspect.getattr_static(cls, method)
        if getattr(offered, "__isabstractmethod__", False) or offered is None:
            raise Refused(f"{owner} is no {kind}: it has no method {method}")
        if offered is getattr(form, method):  # inherited
            continue
        if not callable(getattr(cls, method)):
            raise Refused(f"{owner}.{method} must be a method, got {getattr(cls, method)!r}")
        has = tuple(inspect.signature(getattr(cls, method)).parameters)
        if isinstance(offered, (staticmethod, classmethod)):
            wants = wants[1:]
        if has != wants:
            raise Refused(f"{owner}.{method} must take ({', '.join(wants)}), it takes ({', '.join(has)})")
    contract = set(dir(form))
    for name in vars(cls):
        if name.startswith("_") or name in contract or name in cls.__dataclass_fields__:
            continue
        meant = nearest(name, sorted(contract - {"name"}))
        if meant and callable(getattr(cls, name)):  # with a misspelt method the default would silently stay
            raise Refused(f"{owner}.{name} is no method of {kind}s.{meant}")


def _refuse_attributes(cls: Any) -> None:
    owner, form = cls.__qualname__, form_of(cls)
    for base in form.__mro__:
        for attribute in inspect.get_annotations(base):
            if not attribute.startswith("_") and not hasattr(cls, attribute):
                raise Refused(f"{owner} has no class attribute {attribute}, which {form.__name__} needs")
    if getattr(inspect.getattr_static(cls, "dimensions", None), "__isabstractmethod__", False):
        raise Refused(f"{owner} has no dimensions: give it a class attribute, a property or a hyperparameter")
    for attribute in sorted(set(INTERVALS) - {field.name for field in dataclasses.fields(cls)}):
        value = vars(cls).get(attribute)
        if isinstance(value, str):
            try:
                Interval.parse(value)
            except ValueError as error:
                raise Refused(f"{owner}.{attribute}: {error}") from None


def _refuse_unknown_tasks(kind: str, cls: Any) -> None:
    for attribute in OF_TASKS.get(kind, ()):
        tasks = vars(cls).get(attribute, ())
        strange = [] if isinstance(tasks, str) else [task for task in tasks if task not in kinds.TASKS]
        if isinstance(tasks, str) or strange:
            hint = nearest(str(strange[0]), kinds.TASKS) if strange else f" Write ({tasks!r},)."
            known = ", ".join(kinds.TASKS)
            raise Refused(
                f"{cls.__qualname__}.{attribute} must be a tuple of tasks among {known}, got {tasks!r}.{hint}"
            )


def _refuse_references_to_optimizers(cls: Any) -> None:
    """Refuse an optimizer that holds another one, but is not a wrapper and does not route arrays to it.

    It would be evaluated at its own weights and ignore those of the optimizer inside.
    """
    inside = [key for key, reference in references(cls).items() if reference.kind == "optimizer"]
    owner, wraps = cls.__qualname__, issubclass(cls, (kinds.OptimizerWrapper, kinds.AskingWrapper))
    if wraps and not inside:
        raise Refused(f'{owner} wraps no optimizer; give it a field optimizer: Any = ref("optimizer", "sgd")')
    if inside and not wraps and not kinds.overrides(cls, kinds.AnyOptimizer.route):
        form = kinds.AskingWrapper if issubclass(cls, kinds.AskingOptimizer) else kinds.OptimizerWrapper
        raise Refused(
            f"{owner}.{inside[0]} refers to an optimizer: derive {owner} from anncore.{form.__name__}, "
            "or write a method route that says which arrays that one updates"
        )


def _refuse_network_without_output(cls: Any) -> None:
    """Refuse a network without the reference that names its output activation: all its trials would fail."""
    output = references(cls).get("output")
    if output is None or output.kind != "activation":
        raise Refused(
            f"{cls.__qualname__} has no output activation; give it a field "
            'output: Any = ref("activation", "auto")'
        )


def _refuse_schedule_that_hides_losses(cls: Any) -> None:
    """Refuse a schedule around another one if it does not pass the validation losses on to it."""
    inside = [key for key, reference in references(cls).items() if reference.kind == "schedule"]
    for method in (kinds.Schedule.init, kinds.Schedule.observe):
        if inside and not kinds.overrides(cls, method):
            raise Refused(
                f"{cls.__qualname__}.{inside[0]} refers to a schedule, which may need the losses: write "
                f"{method.__name__}, and call its {method.__name__} there"
            )


def _refuse_our_verbs(cls: Any) -> None:
    """Refuse a command that would take the place of one of annx's own verbs."""
    verb = cls.name.replace("_", "-")
    if verb in VERBS:
        raise Refused(
            f"{cls.__qualname__} cannot be called {verb!r}, which is a verb of annx's own; rename it"
        )


def _refuse_fields(kind: str, cls: Any) -> None:
    owner = cls.__qualname__
    undeclared = [field.name for field in dataclasses.fields(cls) if "annx" not in field.metadata]
    if undeclared:
        raise Refused(f"{owner}.{undeclared[0]} must be declared by anncore.hyper or anncore.ref")
    taken = (*RESERVED_KEYS, *OWN_KEYS.get(kind, ()))
    reserved = [key for key in (*declared(cls), *references(cls)) if key in taken]
    if reserved:
        raise Refused(f"{owner}.{reserved[0]} is a key of experiments themselves; choose another name")
    for reference in references(cls).values():
        if reference.kind not in KINDS:
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
    for preset in cls.presets:
        try:
            resolve(cls, {"preset": preset})
            resolve(cls, cls.presets[preset])
        except ComponentError as error:
            raise Refused(f"{owner}, preset {preset!r}: {error}") from None
    cls()  # any exception here is a mistake of the plugin
