"""Hyperparameters from the signature of a function or class that was not written for annx.

A keyword argument becomes a hyperparameter of its name and default. Its domain follows from the default, and
from the annotation where the default says too little.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass
from typing import Any

import numpy as np

from anncore.contract.hyperparameters import hyper, log

RATE = ("lr", "learning_rate")  # the names of a learning rate; here it is called lr everywhere
USUAL_RATE = 1e-3  # of Adam's paper; where a signature gives the learning rate no default
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Signature:
    """The keyword arguments of a callable, as hyperparameters.

    fields: dataclass fields by name. names: by the name of a field what the callable calls it. needed: the
    fields without a default. whole: the fields whose default is a whole number though they may take any:
    a whole value is passed as an int.
    """

    fields: Mapping[str, Field[Any]]
    names: Mapping[str, str]
    needed: tuple[str, ...]
    whole: tuple[str, ...]

    def arguments(self, component: Any, trial: int = 0) -> dict[str, Any]:
        """Return the keyword arguments that a component has for one trial of its stack."""
        return {name: self.argument(key, getattr(component, key), trial) for key, name in self.names.items()}

    def argument(self, key: str, value: Any, trial: int) -> Any:
        """Return one argument as the callable takes it: a plain number, a tuple, a text."""
        number = value if np.ndim(value) != 3 else float(value[trial, 0, 0])
        if isinstance(number, np.generic):
            number = number.item()
        if isinstance(number, tuple):
            return tuple(self._plain(key, item) for item in number)
        return self._plain(key, number)

    def _plain(self, key: str, number: Any) -> Any:
        return (
            int(number) if key in self.whole and isinstance(number, float) and number.is_integer() else number
        )


def read_signature(
    thing: Any, positional: int, left_out: Iterable[str] = (), *, alone: bool = False
) -> Signature:
    """Return the keyword arguments of a function or class after its first `positional` ones.

    left_out: the names of arguments that are not offered. alone: whether only the learning rate may differ
    between the trials of one stack, since the thing may do something else for other numbers. What a class
    takes by **kwargs is looked for in its base classes. Raises ValueError for a callable that says nothing
    about its arguments.
    """
    skipped = set(left_out)
    fields: dict[str, Field[Any]] = {}
    names, needed, whole = {}, [], []
    for parameter in _parameters(thing)[positional:]:
        if parameter.name in skipped or parameter.kind in VARIADIC or parameter.name.startswith("_"):
            continue
        key = "lr" if parameter.name in RATE else parameter.name
        default, note = parameter.default, _note(parameter)
        if default is inspect.Parameter.empty and key != "lr":
            needed.append(key)
            default = None
        if not _is_plain(default) and key != "lr":
            continue  # a function, a type, an array: it stays the default
        names[key] = parameter.name
        fields[key] = _rate(default) if key == "lr" else _field(default, note, alone)
        if key != "lr" and _is_whole(default, note):
            whole.append(key)
    return Signature(fields, names, tuple(needed), tuple(whole))


def count_positional(thing: Any) -> int:
    """Return how many arguments a callable needs; raises ValueError where it does not say."""
    return sum(
        parameter.default is inspect.Parameter.empty and parameter.kind not in VARIADIC
        for parameter in _parameters(thing)
    )


def _parameters(thing: Any) -> list[inspect.Parameter]:
    if isinstance(thing, np.ufunc):  # its keywords, as out and where, are NumPy's
        return [inspect.Parameter(f"x{i}", inspect.Parameter.POSITIONAL_ONLY) for i in range(thing.nin)]
    if not inspect.isclass(thing):
        return list(_signature(thing).parameters.values())
    parameters: dict[str, inspect.Parameter] = {}
    for cls in thing.__mro__:
        if "__init__" not in vars(cls) or cls is object:
            continue
        own = list(inspect.signature(vars(cls)["__init__"]).parameters.values())[1:]
        for parameter in own:
            parameters.setdefault(parameter.name, parameter)
        if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in own):
            break
    return list(parameters.values())


def _signature(function: Any) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (ValueError, TypeError):
        pass
    # A function of a C extension; the first line of its text is its signature: "gelu(input, *, out=None)".
    written = re.match(r"\s*\w+\((.*?)\)\s*(?:->|$)", function.__doc__ or "", re.DOTALL | re.MULTILINE)
    if written is None:
        raise ValueError("it has no signature")
    try:
        [node] = ast.parse(f"def written({written[1]}): ...").body
    except SyntaxError:
        raise ValueError("it has no signature") from None
    assert isinstance(node, ast.FunctionDef)
    return inspect.Signature(list(_written(node.args)))


def _written(arguments: ast.arguments) -> Iterable[inspect.Parameter]:
    plain = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    pairs = [*zip(plain, [*missing, *arguments.defaults], strict=True)]
    for argument, node in pairs:
        yield inspect.Parameter(argument.arg, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=_value(node))
    for argument, node in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield inspect.Parameter(argument.arg, inspect.Parameter.KEYWORD_ONLY, default=_value(node))


def _value(node: ast.expr | None) -> Any:
    if node is None:
        return inspect.Parameter.empty
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _note(parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        return ""
    return (
        annotation
        if isinstance(annotation, str)
        else (annotation.__name__ if inspect.isclass(annotation) else str(annotation))
    )


def _rate(default: Any) -> Any:
    """Return the field of a learning rate, which is searched on a logarithmic scale."""
    number = float(default) if isinstance(default, (int, float)) and default > 0 else USUAL_RATE
    return hyper(number, "(0, inf)", search=log(number / 10, max(min(number * 100, 1.0), number * 10)))


def _field(default: Any, note: str, alone: bool) -> Any:
    if isinstance(default, bool):
        return hyper(default, "bool")
    if isinstance(default, int) and not _takes_floats(note):
        return hyper(default, "int (-inf, inf)")
    if isinstance(default, (int, float)):
        # What is optional never differs within a stack.
        return hyper(default, "optional (-inf, inf)" if alone or _is_whole(default, note) else "(-inf, inf)")
    if isinstance(default, str):
        return hyper(default, _choices(note, default) or "str")
    if isinstance(default, (tuple, list)):
        return hyper(_tuple(default), "list (-inf, inf)" if all(map(_is_number, default)) else "value")
    if re.search(r"\bfloat\b", note):
        return hyper(None, "optional (-inf, inf)")
    return hyper(None, "optional int (-inf, inf)" if re.search(r"\bint\b", note) else "value")


def _is_whole(default: Any, note: str) -> bool:
    """Tell whether a whole value must stay an int: the default is one, and no annotation says float alone."""
    items = default if isinstance(default, tuple) else (default,)
    only_float = re.search(r"\bfloat\b", note) and not re.search(r"\bint\b", note)
    return bool(items) and not only_float and all(type(item) is int for item in items)


def _takes_floats(note: str) -> bool:
    return bool(re.search(r"\bfloat\b", note)) or not re.search(r"\bint\b", note)


def _is_plain(value: Any) -> bool:
    """Tell whether an experiment file can hold a value, or it is None."""
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _choices(note: str, default: str) -> tuple[str, ...]:
    """Return the texts of a Literal annotation, () for any other."""
    literal = re.search(r"Literal\[(.*?)\]", note)
    texts = tuple(re.findall(r"['\"]([^'\"]*)['\"]", literal[1])) if literal else ()
    return texts if default in texts else ()


def _tuple(value: Any) -> Any:
    return tuple(map(_tuple, value)) if isinstance(value, (tuple, list)) else value
