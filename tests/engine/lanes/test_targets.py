"""Kernels compiled for other systems and processors: they ask for nothing, and do the same arithmetic."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

import pytest
from lane_bits import module_of
from object_files import undefined
from shipped import REGISTRY

from anncore.engine.batches import load
from anncore.engine.lanes.code import Code
from anncore.engine.lanes.evaluator import BLOCK, LaneEvaluator
from anncore.engine.lanes.programs import driver_program
from anncore.engine.lanes.stack import LaneStack

pytest.importorskip("llvmlite")

INTEL = re.compile(r"\s+v?(fn?m(?:add|sub)|add|sub|mul|div|sqrt)(?:132|213|231)?([ps])[sd]\s.*%([xyz])mm")
ARM = re.compile(r"\s+f(n?m(?:la|ls|ad|sb|add|sub)|add|sub|subr|mul|div|divr|sqrt)(?:\.\w+)?\s+([vdszq])")
LINUX, ARM_LINUX = "x86_64-pc-linux-gnu", "aarch64-unknown-linux-gnu"
TARGETS = {
    (LINUX, "haswell"): INTEL,
    (LINUX, "znver4"): INTEL,
    ("x86_64-pc-windows-msvc", "haswell"): INTEL,
    ("x86_64-pc-windows-msvc", "znver4"): INTEL,
    ("x86_64-apple-macosx10.15.0", "haswell"): INTEL,
    (ARM_LINUX, "generic"): ARM,
    (ARM_LINUX, "neoverse-v1"): ARM,
    ("aarch64-pc-windows-msvc", "generic"): ARM,
    ("arm64-apple-macosx11.0.0", "apple-m1"): ARM,
}
UNWINDING = re.compile(r"pdata|xdata|eh_frame|unwind")
OTHERS = {"_fltused", "__chkstk"}
"""What LLVM names on Windows: a mark for linkers, to which nothing refers, and the probe of the stack."""
SOME = ("mlp float32", "mlp float64")

pytestmark = pytest.mark.slow


@cache
def texts(name: str) -> tuple[str, ...]:
    """The kernels of a training of the fixed set."""
    trial = module_of("test_lane_training").fixed_set()[name]
    stack = LaneStack([trial], REGISTRY, load([trial], REGISTRY))
    examples = 1 if stack.weighted else BLOCK
    shapes = (1, examples, stack.network_outputs), (1, examples, stack.data[0].outputs)
    loss = LaneEvaluator(stack)._made_loss(*shapes)
    stack.write_updates()
    updates = [program for update in stack._updates for program in update.prepare(trial.train.steps)]
    made = [*stack._made_passes, stack.made_forward, loss, stack.made_prediction]
    written = [one.text for one in (*(own.program for own in made), *updates) if one.text]
    return *written, driver_program().text


@cache
def machine(triple: str, processor: str) -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(triple).create_target_machine(cpu=processor, opt=3, jit=True)


def module(text: str, triple: str, processor: str) -> Any:
    import llvmlite.binding as llvm

    made = llvm.parse_assembly(text)
    made.triple, made.data_layout = triple, str(machine(triple, processor).target_data)
    return made


@cache
def arithmetic(text: str, triple: str, processor: str) -> Counter[str]:
    """How many vectors a kernel's instructions add, multiply, ..., by operation; one of 256 bits is two."""
    counts: Counter[str] = Counter()
    for line in machine(triple, processor).emit_assembly(module(text, triple, processor)).splitlines():
        if match := TARGETS[triple, processor].match(line):
            name = match[1]
            if name not in ("add", "sub", "mul", "div", "sqrt"):
                name = {"subr": "sub", "divr": "div"}.get(name, "fused")
            wide = match[2] == "p" or "v" in match[2]
            counts[name] += {"y": 2, "z": 4}.get(match.group(match.lastindex), 1) if wide else 1
    return counts


def asked_for(text: str, triple: str, processor: str) -> set[str]:
    """What a kernel needs from outside; it has no tables for unwinding (`Code.function` says why)."""
    import llvmlite.binding as llvm

    content = machine(triple, processor).emit_object(module(text, triple, processor))
    sections = [str(section.name()) for section in llvm.ObjectFileRef.from_data(content).sections()]
    assert not any(UNWINDING.search(name) for name in sections)
    return undefined(content) - (OTHERS if "windows" in triple else set())


@pytest.mark.parametrize(("triple", "processor"), TARGETS)
def test_a_kernel_asks_for_nothing_from_outside(triple: str, processor: str) -> None:
    """No function of the C library, whose bits are its own, nor one that fills or copies memory."""
    for name in SOME:
        for text in texts(name):
            assert asked_for(text, triple, processor) == set()


@pytest.mark.large
@pytest.mark.parametrize(("triple", "processor"), TARGETS)
def test_no_kernel_of_the_fixed_set_asks_for_anything(triple: str, processor: str) -> None:
    names = module_of("test_lane_training").fixed_set()
    for text in {text for name in names for text in texts(name)}:
        assert asked_for(text, triple, processor) == set()


@pytest.mark.parametrize("triple", [LINUX, "x86_64-pc-windows-msvc", "x86_64-apple-macosx10.15.0"])
def test_what_a_kernel_asks_for_is_seen(triple: str) -> None:
    """Without an instruction for it, fma is a function; arithmetic.py tries whether that rounds once."""
    assert {name.lstrip("_") for name in asked_for(fused("float32"), triple, "nehalem")} == {"fmaf"}
    assert {name.lstrip("_") for name in asked_for(fused("float64"), triple, "nehalem")} == {"fma"}


def fused(dtype: str) -> str:
    """A kernel of one multiply-add."""
    code = Code(dtype)
    place = code.load_scalar("ptr", "%table", 0)
    value = code.load(place)
    code.store(code.fma(value, value, value), place)
    return code.function()


@pytest.mark.parametrize(("triple", "processor"), TARGETS)
def test_arithmetic_is_the_same_on_every_system(triple: str, processor: str) -> None:
    """As many numbers are added, multiplied and so on, and as many of these in one rounding."""
    reference = (LINUX, "haswell") if TARGETS[triple, processor] is INTEL else (ARM_LINUX, "generic")
    for text in texts("mlp float64"):
        assert arithmetic(text, triple, processor) == arithmetic(text, *reference)


@pytest.mark.parametrize(("triple", "processor"), TARGETS)
def test_a_product_and_a_sum_stay_two_roundings(triple: str, processor: str) -> None:
    code = Code("float32")
    place = code.load_scalar("ptr", "%table", 0)
    value = code.load(place)
    code.store(code.plus(code.times(value, value), value), place)
    assert arithmetic(code.function(), triple, processor) == {"mul": 4, "add": 4}  # of 4 numbers each
    assert arithmetic(fused("float32"), triple, processor) == {"fused": 4}
