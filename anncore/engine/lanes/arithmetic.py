"""What kernels take for granted, tried before each training: IEEE's fused multiply-add and its small numbers.

A processor without an instruction for the first (Intel's before 2013) calls the C library's function, and
some round twice. Some libraries set the processor to take small numbers as 0. Either would give other bits.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from anncore.contract.errors import ComponentError
from anncore.contract.kinds import Array
from anncore.engine.lanes.code import Code
from anncore.engine.lanes.compiling import Kernel, kernel
from anncore.engine.lanes.places import aligned

Case = tuple[float, float, float, float]
"""Two factors, what is added to their product, and the result."""

ONCE: dict[str, tuple[Case, ...]] = {
    "float32": (
        (1 + 2**-12, 1 + 2**-12, -1 - 2**-11, 2**-24),  # 0 where the product is rounded by itself
        # The sum is 2^-70 below the middle of two numbers. In float64 it would be the middle, and go up.
        (1 + 2**-23, 2**-24 - 2**-47, 1 + 2**-23, 1 + 2**-23),
    ),
    "float64": ((1 + 2**-27, 1 + 2**-27, -1 - 2**-26, 2**-54),),
}
SMALL: dict[str, tuple[Case, ...]] = {  # below the smallest normal number: a result, a factor
    "float32": ((2**-100, 2**-40, 0.0, 2**-140), (2**-140, 2**20, 0.0, 2**-120)),
    "float64": ((2**-1000, 2**-60, 0.0, 2**-1060), (2**-1060, 2**100, 0.0, 2**-960)),
}


def refuse_other_arithmetic(dtype: str) -> None:
    """Raise ComponentError where kernels would give other bits in this thread than elsewhere.

    A library that is imported later may still set it to take small numbers as 0, so each stack asks.
    """
    if not _exact(dtype, ONCE[dtype]):
        raise ComponentError(
            "the engine 'lanes' needs a multiply-add that rounds once; this processor has none, and that "
            "of the C library rounds twice. Write [train] engine = 'blas'."
        )
    if not _exact(dtype, SMALL[dtype]):
        raise ComponentError(
            f"the engine 'lanes' needs {dtype} numbers below {np.finfo(dtype).tiny:.2g}; a library has "
            "set this process to take them as 0. Do without it, or write [train] engine = 'blas'."
        )


def _exact(dtype: str, cases: tuple[Case, ...]) -> bool:
    """Tell whether a kernel computes the results of these cases."""
    arrays, expected = _laid(dtype, cases)
    _multiply_add(dtype)(arrays)
    # By their bits: a comparison, too, would take small numbers as 0.
    return arrays[3][: len(cases)].tobytes() == expected


@cache
def _multiply_add(dtype: str) -> Kernel:
    code = Code(dtype)
    places = [code.load_scalar("ptr", "%table", at) for at in range(4)]
    code.store(code.fma(*(code.load(place) for place in places[:3])), places[3])
    return kernel(code.function())


@cache
def _laid(dtype: str, cases: tuple[Case, ...]) -> tuple[list[Array], bytes]:
    """Return factors, what is added, and room for the results; and their bytes as they should be."""
    *factors, expected = np.array(cases, dtype).T
    arrays = [aligned((Code(dtype).kind.lanes,), dtype) for _ in range(4)]
    for array, values in zip(arrays, factors, strict=False):
        array[: len(values)] = values
    return arrays, expected.tobytes()
