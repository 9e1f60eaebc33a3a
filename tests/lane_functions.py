"""Functions of lanes on arrays, and how far their results lie from exact ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath
import numpy as np

from anncore.engine.lanes import elementary, trigonometry
from anncore.engine.lanes.code import KINDS, Code
from anncore.engine.lanes.compiling import kernel
from anncore.engine.lanes.stack import aligned

DTYPES = ("float32", "float64")
PROCESSORS = ("", "haswell", "x86-64-v3", "x86-64-v4", "znver4")


FUNCTIONS = elementary.FUNCTIONS | trigonometry.FUNCTIONS


@cache
def function(name: str, dtype: str, arguments: int, processor: str = "") -> Callable[..., Any]:
    """A function of `elementary` or `trigonometry` on arrays."""
    code = Code(dtype)
    pointers = [code.load_scalar("ptr", "%table", at) for at in range(arguments + 1)]
    count = code.load_scalar("i64", "%table", arguments + 1)

    def body(at: Any, _: Any) -> list[str]:
        values = [code.load(pointer, at) for pointer in pointers[:-1]]
        code.store(FUNCTIONS[name](code, *values), pointers[-1], at)
        return []

    code.loop(count, body)
    made = kernel(code.function(), processor)
    lanes = KINDS[dtype].lanes

    def call(*arrays: Any) -> Any:
        vectors = -(-len(arrays[0]) // lanes)
        spaces = [aligned((vectors * lanes,), dtype) for _ in range(arguments + 1)]
        for space, array in zip(spaces, arrays, strict=False):
            space[: len(array)] = array
        made([*spaces, vectors])
        return spaces[-1][: len(arrays[0])].copy()

    return call


def errors(got: Any, exact: list[Any], dtype: str) -> Any:
    """How far numbers lie from exact ones, in units in the last place of these."""
    units = [float(np.spacing(np.abs(np.dtype(dtype).type(float(value))))) for value in exact]
    return np.array(
        [abs(float((mpmath.mpf(float(g)) - e) / u)) for g, e, u in zip(got, exact, units, strict=True)]
    )


def runnable(processors: tuple[str, ...]) -> list[str]:
    """The processors whose instructions this machine has."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    wide = features.get("avx512f") and features.get("avx512vl") and features.get("avx512bw")
    needs = {"": True, "znver4": bool(wide and features.get("avx512vbmi2")), "x86-64-v4": bool(wide)}
    return [name for name in processors if needs.get(name, bool(features.get("avx2")))]
