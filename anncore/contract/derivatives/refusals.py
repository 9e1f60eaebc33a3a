"""Refusals: what a trace says of a formula that it cannot follow, with the line of the formula."""

from __future__ import annotations

import ast
import linecache
import operator
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.errors import ComponentError

# A formula is written outside of these.
LIBRARIES = tuple(f"{folder}{os.sep}" for folder in (Path(__file__).parents[2], Path(np.__file__).parent))

MIXES = "mixes the trials, which are axis 0 of every array"

NEEDS_VALUES = "needs the numbers of an array, which a derivative cannot follow"


class Underivable(ComponentError):
    """A formula that the trace cannot follow, or an operation without a known derivative.

    what: the operation and the reason. where: the line of the formula, in parentheses. component: its name.
    instead: the method that the author may write.
    """

    def __init__(self, what: str, where: str = "", component: str = "", instead: str = "") -> None:
        self.what, self.where, self.component, self.instead = what, where, component, instead
        super().__init__(f"{component}: {self.reason}" if component else self.reason)

    def __reduce__(self) -> Any:
        return type(self), (self.what, self.where, self.component, self.instead)

    @property
    def reason(self) -> str:
        """The message without the component's name."""
        way_out = f"; write {self.instead}, or the formula without it" if self.instead else ""
        return f"{self.what}{self.where}{way_out}"


class Mistaken(Underivable):
    """A formula that is wrong by itself: no gradient written by hand would help."""


class Mixing(Mistaken):
    """A reduction over the trials."""

    @property
    def reason(self) -> str:
        """The message without the component's name."""
        return f"{super().reason}; name the other axes, as in axis=(1, 2)"


class Place(NamedTuple):
    """An instruction of a formula."""

    code: CodeType
    instruction: int
    line: int

    def __str__(self) -> str:
        text = linecache.getline(self.code.co_filename, self.line).strip()
        return f" ({Path(self.code.co_filename).name}, line {self.line}{f': {text}' if text else ''})"

    @property
    def stores(self) -> bool:
        """Whether it assigns to a part of an array."""
        import dis

        return dis.opname[self.code.co_code[self.instruction]].startswith("STORE")

    @property
    def expression(self) -> ast.expr | None:
        """The expression that it computes; None where the source is not known."""
        spans = next(islice(self.code.co_positions(), self.instruction // 2, None), (None,) * 4)
        first, last, start, end = spans
        if first is None or last is None or start is None or end is None:
            return None
        lines = [linecache.getline(self.code.co_filename, at).encode() for at in range(first, last + 1)]
        lines[-1] = lines[-1][:end]
        lines[0] = lines[0][start:]
        try:
            return ast.parse(f"({b''.join(lines).decode()})", mode="eval").body
        except (SyntaxError, ValueError):
            return None

    @property
    def called(self) -> str:
        """The function that it calls, as the author writes it; "" if it calls none."""
        expression = self.expression
        return ast.unparse(expression.func) if isinstance(expression, ast.Call) else ""


def formula_place() -> Place | None:
    """Return where the formula is that called into the trace."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_library(frame.f_code.co_filename):
        frame = frame.f_back
    return None if frame is None else Place(frame.f_code, frame.f_lasti, frame.f_lineno)


@lru_cache(maxsize=4096)
def _is_library(name: str) -> bool:
    """Tell whether a file belongs to annx, NumPy or SciPy."""
    return name.startswith(LIBRARIES) or f"{os.sep}scipy{os.sep}" in name or name.startswith("<__array_")


def refuse(operation: str, reason: str = "has no known derivative") -> Underivable:
    """Return the error for an operation, with the line of the formula that calls it."""
    place = formula_place()
    return Underivable(f"{operation} {reason}", "" if place is None else str(place))


def refuse_mixing(operation: str) -> Mixing:
    """Return the error for a reduction over the trials, with the line of the formula that calls it."""
    refused = refuse(operation, MIXES)
    return Mixing(refused.what, refused.where)


def refuse_values(otherwise: str = "") -> Underivable:
    """Return the error for a formula that needs the values of an array.

    otherwise: what to say if it does not call a function with the array.
    """
    place = formula_place()
    if place is None:
        return Underivable(f"the formula {NEEDS_VALUES}")
    if place.called:
        what = f"{place.called} {NEEDS_VALUES}"
    elif otherwise:
        what = otherwise
    elif place.stores:
        what = "assignment to a part of an array cannot be followed: use np.where or np.concatenate"
    elif isinstance(place.expression, ast.Subscript):
        what = "an index that depends on values cannot be followed: use np.where or one-hot sums"
    else:
        what = "a decision by a value (if, while, and, or) cannot be followed: use np.where"
    return Underivable(what, str(place))


def refuse_out(ufunc: Any, options: dict[str, Any]) -> Underivable:
    """Return the error for an option of a ufunc."""
    option, place = next(iter(options)), formula_place()
    if option == "out" and place is not None and not place.called:
        what = "a change of an array in place (+=) cannot be followed: make a new array"
    else:
        what = f"{name_of(ufunc)} with {option}= cannot be followed: use np.where"
    return Underivable(what, "" if place is None else str(place))


def line_in(file: str, error: BaseException) -> str:
    """Return the last line of a file that an error passed through, in parentheses; "" if there is none."""
    place, tail = "", error.__traceback__
    while tail is not None:
        if tail.tb_frame.f_code.co_filename == file:
            place = str(Place(tail.tb_frame.f_code, tail.tb_lasti, tail.tb_lineno))
        tail = tail.tb_next
    return place


def refuse_raised(error: Exception) -> Underivable:
    """Return the error for a formula that raises an exception on symbols."""
    trail: list[tuple[FrameType, TracebackType]] = []
    tail = error.__traceback__
    while tail is not None:
        trail.append((tail.tb_frame, tail))
        tail = tail.tb_next
    text = " ".join(f"{type(error).__name__}: {error}".split())
    for at in reversed(range(len(trail))):
        frame, tail = trail[at]
        if not _is_library(frame.f_code.co_filename):
            place = Place(frame.f_code, tail.tb_lasti, tail.tb_lineno)
            deeper = at + 1 < len(trail)
            if place.called and (deeper or isinstance(error, TypeError)):
                return Underivable(f"{place.called} cannot be followed ({text})", str(place))
            return Mistaken(f"the formula raises {text}", str(place))
    return Mistaken(f"the formula raises {text}")


def name_of(function: Any) -> str:
    """Return what an author calls a function: np.exp, @, np.linalg.svd, scipy.special.erf."""
    if function in SIGNS:
        return SIGNS[function]
    name = getattr(function, "__name__", str(function))
    if getattr(np, name, None) is function:
        return f"np.{name}"
    if isinstance(function, np.ufunc):
        return f"scipy.special.{name}"
    module = getattr(function, "__module__", "") or ""
    if module.startswith("numpy."):
        return f"np{module.removeprefix('numpy')}.{name}"
    return OWN.get(name, name.strip("_").replace("_", " "))


OWN = {
    "item": "a slice",
    "reshaped": "reshape",
    "joined": "np.concatenate",
    "stacked": "np.stack",
    "einsum": "np.einsum",
}
OWN |= {"cast": ".astype", "spread": "np.broadcast_to", "windows": "sliding_window_view"}
OWN |= {"put_along": "np.take_along_axis", "put_back": "a slice", "sum_examples": "np.sum", "power": "**"}

SIGNS: dict[Callable[..., Any], str] = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.truediv: "/",
    operator.pow: "**",
    operator.matmul: "@",
    operator.neg: "-",
    operator.floordiv: "//",
    operator.mod: "%",
    operator.abs: "abs",
    **{operator.gt: ">", operator.ge: ">=", operator.lt: "<", operator.le: "<="},
    **{operator.eq: "==", operator.ne: "!=", operator.and_: "&", operator.or_: "|", operator.xor: "^"},
    operator.invert: "~",
}
