"""What kernels take for granted of a process, and what of Windows: named where it is not so."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY
from shipped_bits import DATA
from trial_factory import make_trial

from anncore.contract.errors import ComponentError
from anncore.engine.lanes import arithmetic, compiling, stack
from anncore.engine.lanes.arithmetic import refuse_other_arithmetic
from anncore.engine.lanes.code import Code
from anncore.engine.lanes.compiling import kernel
from anncore.engine.training import train_stack

llvm = pytest.importorskip("llvmlite.binding")


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    arithmetic._multiply_add.cache_clear()
    yield
    arithmetic._multiply_add.cache_clear()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_this_process_has_the_arithmetic(dtype: str) -> None:
    refuse_other_arithmetic(dtype)


def twice(code: Code, one: str, other: str, more: str) -> str:
    return code.plus(code.times(one, other), more)


def by_float64(code: Code, one: str, other: str, more: str) -> str:
    """Right for most numbers of float32: their product is exact in float64, but the sum is rounded twice."""
    if code.dtype == "float64":
        return code._called("fma", one, other, more)
    wide = code.widened()
    return code.narrowed(twice(wide, *(wide.widen(value) for value in (one, other, more))))


@pytest.mark.parametrize("fma", [twice, by_float64])
def test_a_multiply_add_that_rounds_twice_is_refused(monkeypatch: pytest.MonkeyPatch, fma: Any) -> None:
    monkeypatch.setattr(Code, "fma", fma)
    with pytest.raises(ComponentError, match=r"needs a multiply-add that rounds once.* engine = 'blas'"):
        refuse_other_arithmetic("float32")


@pytest.fixture
def control() -> Any:
    """Sets the register of this thread that says what is done with small numbers."""
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("the register is that of x86")
    text = """declare void @llvm.x86.sse.ldmxcsr(ptr)
    define void @f(ptr %table) nounwind {
        %value = load ptr, ptr %table
        call void @llvm.x86.sse.ldmxcsr(ptr %value)
        ret void
    }"""
    load = kernel(text)
    yield lambda value: load([np.array([value], np.uint32)])
    load([np.array([0x1F80], np.uint32)])


@pytest.mark.parametrize("flag", [0x8000, 0x0040])
def test_small_numbers_that_count_as_zero_are_refused(control: Any, flag: int) -> None:
    """As results, or as what is computed with; also where a library sets it after a first training."""
    short = make_trial(REGISTRY, engine="lanes", steps=2, eval_every=1)
    train_stack([short], REGISTRY)
    control(0x1F80 | flag)
    with pytest.raises(ComponentError, match=r"float32 numbers below 1\.2e-38.* engine = 'blas'") as error:
        train_stack([short], REGISTRY)
    assert "\n" not in str(error.value)
    control(0x1F80)
    train_stack([short], REGISTRY)


def test_training_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "ONCE", {"float32": ((1.0, 1.0, 1.0, 3.0),)})  # 1 · 1 + 1 is not 3
    monkeypatch.setattr(stack, "_AGREED", set())
    with pytest.raises(ComponentError, match="rounds once"):
        train_stack([make_trial(REGISTRY, engine="lanes", steps=2, eval_every=1)], REGISTRY)


def test_on_windows_llvm_is_told_where_the_probe_of_the_stack_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    probe = ctypes.CFUNCTYPE(None)(lambda: None)
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr(ctypes, "WinDLL", lambda name: {"ntdll": {"__chkstk": probe}}[name], raising=False)
    monkeypatch.setattr(llvm, "add_symbol", lambda name, place: told.append((name, place)))
    compiling._name_stack_probe(llvm)
    assert told == [("__chkstk", ctypes.cast(probe, ctypes.c_void_p).value)]


@pytest.mark.parametrize(("dtype", "rate"), [("float32", 1e30), ("float64", 1e200)])
def test_a_loss_that_is_no_number_has_the_same_bits_everywhere(dtype: str, rate: float) -> None:
    """Intel's processors make a NaN with the sign of a negative number, ARM's without; results are stored."""
    options: dict[str, Any] = {**DATA["regression"], "optimizer": ("momentum", {"lr": rate})}
    adrift = make_trial(REGISTRY, engine="lanes", dtype=dtype, steps=40, eval_every=40, **options)
    [result] = train_stack([adrift], REGISTRY)
    losses = np.array([*result.curves["train_loss"], *result.curves["valid_loss"], *result.metrics.values()])
    assert result.status == "diverged"
    assert np.isnan(losses).any()
    assert not np.signbit(losses[np.isnan(losses)]).any()
