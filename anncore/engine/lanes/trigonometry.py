"""Sine, cosine, tangent and cube root on lanes, made of IEEE operations alone.

An argument is reduced by quarter turns (Cody & Waite, "Software Manual for the Elementary Functions", 1980,
chapter 8). In float64 π/2 is known to 159 bits, and every product and sum of the reduction with its rounding
error (Dekker, "A Floating-Point Technique for Extending the Available Precision", 1971). What is left, |r|
≤ π/4, goes into the Taylor series. float32 is computed in float64, with 106 bits of π/2.

Errors, in units in the last place: sine and cosine 0.51 in float32, 1 in float64; tangent 0.51 and 3; cube
root 0.51 and 1. They hold for |x| < 2^50 in float32 and 2^55 in float64. Beyond these neighbouring numbers
are more than a turn apart, and what is computed is the value at 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from anncore.engine.lanes.code import Code
from anncore.engine.lanes.elementary import polynomial, power, signed

# π/2 as a sum of three numbers, by mpmath.
QUARTER = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
FARTHEST = {"float32": 2.0**50, "float64": 2.0**55}
TERMS = {"float32": 6, "float64": 9}
ROUNDING = 1.5 * 2.0**52  # adding it rounds to whole numbers


def _in_float64(function: Callable[[Code, str, str], str]) -> Callable[[Code, str], str]:
    """Return a function of float64 for both types; its last argument is the type that it is for."""

    def make(code: Code, x: str) -> str:
        if code.dtype == "float32":
            wide = code.widened()
            return code.narrowed(function(wide, wide.widen(x), code.dtype))
        return function(code, x, code.dtype)

    make.__doc__ = function.__doc__
    return make


def _two_sum(code: Code, one: str, other: str) -> tuple[str, str]:
    """Append the sum of two numbers, and what rounding took from it."""
    total = code.plus(one, other)
    part = code.minus(total, one)
    lost = code.plus(code.minus(one, code.minus(total, part)), code.minus(other, part))
    return total, lost


def _two_product(code: Code, one: str, other: str) -> tuple[str, str]:
    product = code.times(one, other)
    return product, code.fma(one, other, code.negative(product))


def _whole(code: Code, x: str) -> str:
    """Append the nearest whole number; beyond 2^51 a number stays as it is."""
    near = _near(code, x)
    return code.chosen(code.compared("olt", code.absolute(x), code.number(2.0**51)), near, x)


def _near(code: Code, x: str) -> str:
    """Append the nearest whole number, for |x| < 2^51."""
    rounding = code.number(ROUNDING)
    return code.minus(code.plus(x, rounding), rounding)


def _reduced_short(code: Code, x: str) -> tuple[str, str]:
    """Append the quarter turns in x, modulo 4, and what is left, as exact as float32 asks."""
    count = _near(code, code.times(x, code.number(2 / math.pi)))
    back = code.negative(count)
    r = code.fma(back, code.number(QUARTER[1]), code.fma(back, code.number(QUARTER[0]), x))
    whole = _near(code, code.times(count, code.number(0.25)))
    return code.fma(whole, code.number(-4.0), count), r


def _reduced(code: Code, x: str) -> tuple[str, str, str]:
    """Append the quarter turns in x, modulo 4 and from -2 to 2, and what is left, as a sum of two numbers."""
    turns = code.number(2 / math.pi)
    count = _whole(code, code.times(x, turns))
    left = x
    high, middle, low = (code.number(part) for part in QUARTER)
    product, lost = _two_product(code, count, high)
    total, error = _two_sum(code, code.minus(left, product), code.negative(lost))
    product, lost = _two_product(code, count, middle)
    total, more = _two_sum(code, total, code.negative(product))
    rest = code.fma(code.negative(count), low, code.minus(code.plus(error, more), lost))
    # Of a large x the count above may be some quarters off.
    again = _whole(code, code.times(total, turns))
    product, lost = _two_product(code, again, high)
    total, error = _two_sum(code, code.minus(total, product), code.negative(lost))
    rest = code.plus(rest, code.fma(code.negative(again), middle, error))
    r = code.plus(total, rest)
    r_low = code.plus(code.minus(total, r), rest)
    four, quarter = code.number(4.0), code.number(0.25)
    quarters = count
    quarters = code.fma(code.negative(_whole(code, code.times(quarters, quarter))), four, quarters)
    quarters = code.plus(quarters, again)
    return code.fma(code.negative(_whole(code, code.times(quarters, quarter))), four, quarters), r, r_low


def _sine(code: Code, r: str, low: str | None, terms: int) -> str:
    square = code.times(r, r)
    series = polynomial(code, square, [(-1) ** n / math.factorial(2 * n + 1) for n in range(terms, 0, -1)])
    if low is None:
        return code.fma(code.times(square, r), series, r)
    slope = code.fma(code.number(-0.5), square, code.number(1.0))
    return code.plus(r, code.fma(code.times(square, r), series, code.times(low, slope)))


def _cosine(code: Code, r: str, low: str | None, terms: int) -> str:
    square, one = code.times(r, r), code.number(1.0)
    if low is None:
        return polynomial(code, square, [(-1) ** n / math.factorial(2 * n) for n in range(terms, -1, -1)])
    series = polynomial(code, square, [(-1) ** n / math.factorial(2 * n) for n in range(terms, 1, -1)])
    half = code.times(code.number(0.5), square)
    near = code.minus(one, half)
    lost = code.minus(code.minus(one, near), half)
    rest = code.fma(code.times(square, square), series, code.negative(code.times(r, low)))
    return code.plus(near, code.plus(lost, rest))


def _turned(code: Code, x: str, dtype: str) -> tuple[str, str]:
    """Append the sine and the cosine."""
    inside = code.compared("olt", code.absolute(x), code.number(FARTHEST[dtype]))
    near = code.chosen(inside, x, code.times(code.number(0.0), x))  # NaN for what is no number
    low: str | None = None
    if dtype == "float32":
        quarters, r = _reduced_short(code, near)
    else:
        quarters, r, low = _reduced(code, near)
    terms = TERMS[dtype]
    sine, cosine = _sine(code, r, low, terms), _cosine(code, r, low, terms)
    odd = code.compared("oeq", code.absolute(quarters), code.number(1.0))
    first, second = code.chosen(odd, cosine, sine), code.chosen(odd, sine, cosine)
    # In the quarters 2 and 3 the sine is below 0, in 1 and 2 the cosine.
    opposite = code.compared("oeq", code.absolute(quarters), code.number(2.0))
    below = code.logical("or", opposite, code.compared("oeq", quarters, code.number(-1.0)))
    left = code.logical("or", opposite, code.compared("oeq", quarters, code.number(1.0)))
    sine = code.chosen(below, code.negative(first), first)
    sine = code.chosen(code.compared("oeq", x, code.number(0.0)), x, sine)  # a 0 keeps its sign
    return sine, code.chosen(left, code.negative(second), second)


@_in_float64
def sin(code: Code, x: str, dtype: str) -> str:
    """Append the sine."""
    return _turned(code, x, dtype)[0]


@_in_float64
def cos(code: Code, x: str, dtype: str) -> str:
    """Append the cosine."""
    return _turned(code, x, dtype)[1]


@_in_float64
def tan(code: Code, x: str, dtype: str) -> str:
    """Append the tangent."""
    return code.over(*_turned(code, x, dtype))


@_in_float64
def cbrt(code: Code, x: str, dtype: str) -> str:
    """Append the cube root: a power, made better by a step of Newton's method."""
    whole = code.absolute(x)
    # The cube of the root of a small number would lose digits below the smallest normal one.
    small = code.compared("olt", whole, code.number(2.0**-900))
    size = code.chosen(small, code.times(whole, code.number(2.0**300)), whole)
    root = power(code, size, code.number(1 / 3))
    square, lost = _two_product(code, root, root)
    cube, more = _two_product(code, square, root)
    error = code.plus(code.minus(cube, size), code.fma(lost, root, more))
    better = code.minus(root, code.over(error, code.times(code.number(3.0), square)))
    usual = code.logical(
        "and",
        code.compared("ogt", size, code.number(0.0)),
        code.compared("olt", size, code.number(math.inf)),
    )
    value = code.chosen(usual, better, root)
    return signed(code, code.chosen(small, code.times(value, code.number(2.0**-100)), value), x)


FUNCTIONS: dict[str, Callable[..., str]] = {"sin": sin, "cos": cos, "tan": tan, "cbrt": cbrt}
