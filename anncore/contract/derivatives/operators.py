"""Python's operators on what stands for an array while a formula is recorded."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any


def _binary(function: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    def forward(self: Operators, other: Any) -> Any:
        return self._apply(function, self, other)

    def reflected(self: Operators, other: Any) -> Any:
        return self._apply(function, other, self)

    return forward, reflected


class Operators:
    """Every operator becomes a call of `_apply` with the function of Python's module `operator`.

    No ABC, though `_apply` is abstract: a recording asks 100,000 times whether something is a symbol, and of
    an ABC that takes ten times as long.
    """

    def _apply(self, function: Any, *args: Any) -> Any:
        """Return what stands for function(*args)."""
        raise NotImplementedError

    __add__, __radd__ = _binary(operator.add)
    __sub__, __rsub__ = _binary(operator.sub)
    __mul__, __rmul__ = _binary(operator.mul)
    __truediv__, __rtruediv__ = _binary(operator.truediv)
    __floordiv__, __rfloordiv__ = _binary(operator.floordiv)
    __mod__, __rmod__ = _binary(operator.mod)
    __pow__, __rpow__ = _binary(operator.pow)
    __matmul__, __rmatmul__ = _binary(operator.matmul)
    __gt__, __lt__ = _binary(operator.gt)[0], _binary(operator.lt)[0]
    __ge__, __le__ = _binary(operator.ge)[0], _binary(operator.le)[0]
    __eq__, __ne__ = _binary(operator.eq)[0], _binary(operator.ne)[0]
    __and__, __rand__ = _binary(operator.and_)
    __or__, __ror__ = _binary(operator.or_)
    __xor__, __rxor__ = _binary(operator.xor)
    __hash__ = object.__hash__

    def __neg__(self) -> Any:
        return self._apply(operator.neg, self)

    def __abs__(self) -> Any:
        return self._apply(operator.abs, self)

    def __invert__(self) -> Any:
        return self._apply(operator.invert, self)
