"""Elementary functions on lanes, made of IEEE operations alone: the same bits on every processor.

Each is the textbook's reduction of the argument and a polynomial; coefficients are those of the Taylor series
where no other source is named. Errors are below 1.5 units in the last place, those of tanh, expm1, log1p and
of the power of float64 below 3, of ndtr below 5; tests/engine/lanes compares with mpmath. Infinities, NaN and
signed zeros are those of C's functions; numbers below the smallest normal one are kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from typing import NamedTuple

from anncore.engine.lanes.code import Code

LN2 = Decimal("0.693147180559945309417232121458176568")


class _Format(NamedTuple):
    """What the functions need to know of a floating-point format."""

    mantissa: int  # its bits, without the first one
    bias: int
    magic: float  # adding it rounds to whole numbers: 1.5 · 2^mantissa
    high: float  # the first bits of ln 2, few enough to be multiplied by any exponent exactly
    low: float  # ln 2 - high
    exponential: tuple[float, float]  # beyond these exp is 0 or infinite
    expm1: int  # the number of terms of e^r - 1, |r| ≤ ln 2 / 2
    atanh: int  # the number of terms of the logarithm
    saturated: float  # beyond it tanh is 1
    erf: int  # the number of terms of erf below 1
    erfcx: tuple[float, ...]
    ends: float  # up to which the fit holds, where erfc is 0 or nearly


def _split(bits: int) -> tuple[float, float]:
    with localcontext() as context:
        context.prec = 50
        high = math.floor(LN2 * 2**bits) / 2**bits
        return high, float(LN2 - Decimal(high))


# erfc(a) exp(a²) (a + 3) in t = (a - 3) / (a + 3), the highest power first: Chebyshev fits of degree 8 on
# [1, 10.5] (error 3.5e-9) and 22 on [1, 27.5] (2.0e-20), by mpmath's chebyfit.
_SHORT = (
    *(-0.0005457036754017835, 0.0028781481039724744, -0.001196538717534321, -0.026796863041122738),
    *(0.11952454100680891, -0.31046949031831883, 0.5902285289334296, -0.8833944084123734),
    1.0740069057616635,
)
_LONG = (
    *(4.7013700680138884e-09, -1.7092044251151485e-08, -2.6231775652060563e-09, 6.323387598542372e-08),
    *(4.2348387536719433e-08, -2.4187184522561956e-07, -4.0437007464034713e-07, 1.0025209870373325e-06),
    *(2.7637777273083504e-06, -4.750392496980744e-06, -1.747011761721185e-05, 3.039843772812906e-05),
    *(0.00010756140510410993, -0.00027677789006288935, -0.0005483096824171277, 0.0030340620055060996),
    *(-0.0012124166278242986, -0.026827234624711753, 0.11952776128731038, -0.3104672619005618),
    *(0.5902283571041016, -0.8833944531698836, 1.0740069070883398),
)
_FORMATS = {
    "float32": _Format(
        *(23, 127, 1.5 * 2**23, *_split(10), (-104.0, 89.0), 7, 5, 10.0, 10, _SHORT, 10.5),
    ),
    "float64": _Format(
        *(52, 1023, 1.5 * 2.0**52, *_split(40), (-746.0, 710.0), 13, 11, 22.0, 19, _LONG, 27.5),
    ),
}


def polynomial(code: Code, x: str, coefficients: Sequence[float]) -> str:
    """Append c₀ xⁿ + c₁ xⁿ⁻¹ + ... + cₙ by Horner's rule."""
    value = code.number(coefficients[0])
    for coefficient in coefficients[1:]:
        value = code.fma(value, x, code.number(coefficient))
    return value


def _scaled(code: Code, value: str, exponent: str) -> str:
    """Append value · 2^exponent for integers, in two steps, as 2^exponent itself may be no number."""
    form = _FORMATS[code.dtype]
    half = code.on_integers("ashr", exponent, code.integer(1))
    for part in (half, code.on_integers("sub", exponent, half)):
        biased = code.on_integers("add", part, code.integer(form.bias))
        power = code.from_bits(code.on_integers("shl", biased, code.integer(form.mantissa)))
        value = code.times(value, power)
    return value


def _reduced(code: Code, x: str) -> tuple[str, str]:
    """Append k and r with x = k ln 2 + r, |r| ≤ ln 2 / 2: an integer and a number."""
    form = _FORMATS[code.dtype]
    magic = code.number(form.magic)
    shifted = code.fma(x, code.number(float(1 / LN2)), magic)
    k = code.on_integers("sub", code.bits(shifted), code.bits(magic))
    near = code.minus(shifted, magic)
    r = code.fma(near, code.number(-form.high), x)
    return k, code.fma(near, code.number(-form.low), r)


def _expm1_small(code: Code, r: str) -> str:
    """Append e^r - 1 for |r| ≤ ln 2 / 2."""
    terms = _FORMATS[code.dtype].expm1
    series = polynomial(code, r, [1 / math.factorial(n) for n in range(terms, 1, -1)])
    return code.fma(code.times(series, r), r, r)


def _within(code: Code, x: str, low: float, high: float) -> str:
    """Append x, no further out than `low` and `high`; NaN stays."""
    x = code.chosen(code.compared("ogt", x, code.number(high)), code.number(high), x)
    return code.chosen(code.compared("olt", x, code.number(low)), code.number(low), x)


def exp(code: Code, x: str) -> str:
    """Append e^x."""
    k, r = _reduced(code, _within(code, x, *_FORMATS[code.dtype].exponential))
    return _scaled(code, code.plus(code.number(1.0), _expm1_small(code, r)), k)


def expm1(code: Code, x: str) -> str:
    """Append e^x - 1."""
    form = _FORMATS[code.dtype]
    near = _within(code, x, -form.mantissa, form.mantissa)
    k, r = _reduced(code, near)
    one = _scaled(code, code.number(1.0), k)
    small = code.fma(one, _expm1_small(code, r), code.minus(one, code.number(1.0)))
    # Where k is 0 the sum above would make 0 of -0.
    small = code.chosen(code.compared("oeq", x, code.number(0.0)), x, small)
    large = code.minus(exp(code, x), code.number(1.0))
    inside = code.compared("olt", code.absolute(x), code.number(form.mantissa))
    return code.chosen(inside, small, large)


def _parts(code: Code, x: str) -> tuple[str, str]:
    """Append k, as a number, and m in [√½, √2) with x = m 2^k, for positive x."""
    form = _FORMATS[code.dtype]
    tiny = code.compared("olt", x, code.number(2.0 ** (1 - form.bias)))
    raised = code.chosen(tiny, code.times(x, code.number(2.0 ** (form.mantissa + 2))), x)
    root = code.bits(code.number(math.sqrt(0.5)))
    offset = code.on_integers("sub", code.bits(raised), root)
    k = code.on_integers("ashr", offset, code.integer(form.mantissa))
    shift = code.on_integers("shl", k, code.integer(form.mantissa))
    m = code.from_bits(code.on_integers("sub", code.bits(raised), shift))
    number = code.add(f"sitofp {code.whole} {k} to {code.type}")
    lowered = code.minus(number, code.number(float(form.mantissa + 2)))
    return code.chosen(tiny, lowered, number), m


def _atanh_rest(code: Code, square: str) -> str:
    """Append Σ 2/(2n+1) s²ⁿ from n = 1 on, which with 2 s gives the logarithm."""
    terms = _FORMATS[code.dtype].atanh
    series = polynomial(code, square, [2 / (2 * n + 1) for n in range(terms, 0, -1)])
    return code.times(series, square)


def log(code: Code, x: str) -> str:
    """Append the natural logarithm."""
    form = _FORMATS[code.dtype]
    k, m = _parts(code, x)
    f = code.minus(m, code.number(1.0))
    s = code.over(f, code.plus(code.number(2.0), f))
    half = code.times(code.times(code.number(0.5), f), f)
    rest = code.plus(half, _atanh_rest(code, code.times(s, s)))
    inner = code.fma(s, rest, code.times(k, code.number(form.low)))
    value = code.fma(k, code.number(form.high), code.minus(f, code.minus(half, inner)))
    return _at_ends(code, x, value)


def _at_ends(code: Code, x: str, value: str) -> str:
    """Append a logarithm's value, and what it is at 0, below, at infinity and of NaN."""
    infinite, zero = code.number(math.inf), code.number(0.0)
    value = code.chosen(code.compared("oeq", x, infinite), infinite, value)
    value = code.chosen(code.compared("oeq", x, zero), code.number(-math.inf), value)
    value = code.chosen(code.compared("olt", x, zero), code.number(math.nan), value)
    return code.chosen(code.compared("uno", x, x), x, value)


def log1p(code: Code, x: str) -> str:
    """Append log(1 + x)."""
    one = code.number(1.0)
    u = code.plus(one, x)
    # What rounding took from 1 + x, from the larger of the two; the loss is exact.
    big = code.compared("ogt", x, one)
    lost = code.chosen(big, code.minus(one, code.minus(u, x)), code.minus(x, code.minus(u, one)))
    corrected = code.plus(log(code, u), code.over(lost, u))
    sound = code.logical(
        "and",
        code.compared("ogt", u, code.number(0.0)),
        code.compared("olt", u, code.number(math.inf)),
    )
    value = code.chosen(sound, corrected, log(code, u))
    return code.chosen(code.compared("oeq", u, one), x, value)


def tanh(code: Code, x: str) -> str:
    """Append the hyperbolic tangent."""
    form = _FORMATS[code.dtype]
    size = _within(code, code.absolute(x), 0.0, form.saturated)
    t = expm1(code, code.plus(size, size))
    return signed(code, code.over(t, code.plus(t, code.number(2.0))), x)


def signed(code: Code, size: str, like: str) -> str:
    """Append a number that is not negative with the sign of another."""
    mask = code.integer(-(2 ** (8 * code.kind.bytes - 1)))
    sign = code.on_integers("and", code.bits(like), mask)
    return code.from_bits(code.on_integers("or", code.bits(size), sign))


def erf(code: Code, x: str) -> str:
    """Append the error function."""
    size = _within(code, code.absolute(x), 0.0, _FORMATS[code.dtype].ends)
    large = code.minus(code.number(1.0), _erfc_large(code, size, size, code.number(1.0)))
    small = code.compared("olt", size, code.number(1.0))
    return signed(code, code.chosen(small, _erf_small(code, size), large), x)


def ndtr(code: Code, x: str) -> str:
    """Append the normal distribution's Φ(x), with all digits of small values."""
    form, half = _FORMATS[code.dtype], code.number(0.5)
    whole = _within(code, code.absolute(x), 0.0, form.ends * math.sqrt(2))
    size = code.times(whole, code.number(math.sqrt(0.5)))
    tail = code.times(half, _erfc_large(code, size, whole, half))
    far = code.chosen(code.compared("olt", x, code.number(0.0)), tail, code.minus(code.number(1.0), tail))
    near = code.fma(half, signed(code, _erf_small(code, size), x), half)
    return code.chosen(code.compared("olt", size, code.number(1.0)), near, far)


def _erf_small(code: Code, size: str) -> str:
    """Append erf of 0 ≤ size < 1."""
    scale = 2 / math.sqrt(math.pi)
    count = _FORMATS[code.dtype].erf
    terms = [scale * (-1) ** n / (math.factorial(n) * (2 * n + 1)) for n in range(count, 0, -1)]
    series = polynomial(code, code.times(size, size), [*terms, scale - 1])
    return code.fma(size, series, size)


def _erfc_large(code: Code, size: str, whole: str, share: str) -> str:
    """Append erfc of size ≥ 1, where size² is share · whole²."""
    three = code.number(3.0)
    below = code.plus(size, three)
    t = code.over(code.minus(size, three), below)
    square = code.times(whole, whole)
    lost = code.times(share, code.fma(whole, whole, code.negative(square)))
    falling = exp(code, code.negative(code.times(share, square)))
    falling = code.fma(code.negative(falling), lost, falling)
    return code.times(falling, code.over(polynomial(code, t, _FORMATS[code.dtype].erfcx), below))


def power(code: Code, base: str, exponent: str) -> str:
    """Append base ** exponent, by float64 and by two floats for the logarithm in float64.

    The error of float64 grows with |exponent log(base)|: 1 unit in the last place up to 10, 50 at 700.
    """
    if code.dtype == "float32":
        wide = code.widened()
        return code.narrowed(_power(wide, wide.widen(base), wide.widen(exponent)))
    return _power(code, base, exponent)


def _power(code: Code, base: str, exponent: str) -> str:
    zero, one = code.number(0.0), code.number(1.0)
    size = code.absolute(base)
    whole = code.compared("oeq", _rounded(code, exponent), exponent)
    half = code.times(code.number(0.5), exponent)
    odd = code.logical("and", whole, code.compared("une", _rounded(code, half), half))
    value = _power_of_size(code, size, exponent)
    minus = code.compared("olt", signed(code, one, base), zero)  # of -0, too
    value = code.chosen(code.logical("and", odd, minus), code.negative(value), value)
    infinite = code.compared("oeq", size, code.number(math.inf))
    real = code.logical("or", whole, code.logical("or", code.compared("oge", base, zero), infinite))
    value = code.chosen(
        code.logical("or", real, code.compared("uno", base, base)), value, code.number(math.nan)
    )
    always = code.logical("or", code.compared("oeq", exponent, zero), code.compared("oeq", base, one))
    ends = code.compared("oeq", code.absolute(exponent), code.number(math.inf))
    turned = code.logical("and", ends, code.compared("oeq", base, code.number(-1.0)))
    always = code.logical("or", always, turned)
    return code.chosen(always, one, value)


def _rounded(code: Code, x: str) -> str:
    """Append the nearest whole number; beyond 2^mantissa, where all are whole, x itself."""
    form = _FORMATS[code.dtype]
    magic = code.number(form.magic)
    near = code.minus(code.plus(x, magic), magic)
    small = code.compared("olt", code.absolute(x), code.number(2.0 ** (form.mantissa - 1)))
    return code.chosen(small, near, x)


def _power_of_size(code: Code, size: str, exponent: str) -> str:
    """Append size ** exponent for size ≥ 0, from log(size) as a sum of two floats."""
    form = _FORMATS[code.dtype]
    k, m = _parts(code, size)
    one = code.number(1.0)
    f = code.minus(m, one)
    below = code.plus(m, one)
    lost = code.minus(m, code.minus(below, one))
    s = code.over(f, below)
    rest = code.fma(code.negative(s), below, f)
    s_low = code.over(code.fma(code.negative(s), lost, rest), below)
    square = code.times(s, s)
    tail = code.fma(s, _atanh_rest(code, square), code.plus(s_low, s_low))
    tail = code.fma(k, code.number(form.low), tail)
    twice = code.plus(s, s)
    shifted = code.times(k, code.number(form.high))
    high = code.plus(shifted, twice)
    # The exact rest of the sum, whichever of the two is larger.
    virtual = code.minus(high, shifted)
    error = code.plus(code.minus(shifted, code.minus(high, virtual)), code.minus(twice, virtual))
    rough = code.plus(error, tail)
    first = high
    high = code.plus(first, rough)
    low = code.minus(rough, code.minus(high, first))
    product = code.times(exponent, high)
    below_product = code.fma(exponent, high, code.negative(product))
    correction = code.fma(exponent, low, below_product)
    value = exp(code, product)
    # Beyond all numbers a correction of less than 0 would make NaN of infinity.
    moderate = code.compared("olt", code.absolute(product), code.number(1000.0))
    finite = code.compared("olt", value, code.number(math.inf))
    value = code.chosen(code.logical("and", moderate, finite), code.fma(value, correction, value), value)
    # At 0, at infinity and of NaN the logarithm has no two parts.
    plain = exp(code, code.times(exponent, _at_ends(code, size, high)))
    usual = code.logical(
        "and",
        code.compared("ogt", size, code.number(0.0)),
        code.compared("olt", size, code.number(math.inf)),
    )
    return code.chosen(usual, value, plain)


def logaddexp(code: Code, one: str, other: str) -> str:
    """Append log(exp(one) + exp(other))."""
    first = code.compared("oge", one, other)
    more, less = code.chosen(first, one, other), code.chosen(first, other, one)
    rest = log1p(code, exp(code, code.minus(less, more)))
    value = code.plus(more, rest)
    # Two equal infinities differ by NaN.
    value = code.chosen(code.compared("oeq", one, other), code.plus(one, code.number(math.log(2.0))), value)
    sick = code.compared("uno", one, other)
    return code.chosen(sick, code.plus(one, other), value)


FUNCTIONS: dict[str, Callable[..., str]] = {
    function.__name__: function for function in (exp, expm1, log, log1p, tanh, erf, ndtr, power, logaddexp)
}
