"""From a graph of elementwise operations to machine code: one loop that keeps all in registers.

LLVM is handed vectors of 512 bits, which it splits where a processor's are shorter, and a scalar loop for
the rest of a row. Every operation is IEEE's own and none is contracted, so the numbers are NumPy's to the
bit; what NumPy computes by a method of its own (exp, tanh) is left to it.

A kernel `void f(i64 *table)` finds in its table the three lengths T, N, D, then for each array, and for each
value per trial (T, 1, 1), the address of the array object itself: where its numbers lie and how far apart
its trials and examples are is read from NumPy's struct, as asking for it in Python takes longer than many a
kernel. The last axis is contiguous, or has length 1 and is broadcast.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from anncore.engine.fusing.trace import Node

Function = Callable[[int], None]
"""A kernel; its argument is the address of its table."""

FLOATS = {"float32": ("float", "f32", 16), "float64": ("double", "f64", 8)}
ARITHMETIC = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv"}
COMPARED = {
    "greater": "ogt",
    "greater_equal": "oge",
    "less": "olt",
    "less_equal": "ole",
    "equal": "oeq",
    "not_equal": "une",
}
INTRINSICS = {"sqrt": "sqrt", "absolute": "fabs"}
# NumPy's maximum and clip hand NaN on from either side; they differ in which zero they prefer.
EXTREMES = {"maximum": "oge", "minimum": "ole", "clip_low": "ogt", "clip_high": "olt"}


# PyArrayObject_fields in numpy/ndarraytypes.h, part of NumPy's binary interface: after the head that all
# Python objects have, the address of the numbers, the number of axes, and the addresses of shape and strides.
DATA = object.__basicsize__
STRIDES = DATA + 24


class Operand(NamedTuple):
    """An array of a kernel: `wide` unless its last axis is broadcast, `tall` unless the middle one is."""

    wide: bool = True
    tall: bool = True


class Emitter:
    """Writes the body of one loop for `width` numbers at a time."""

    def __init__(self, dtype: str, width: int, names: Iterator[int]) -> None:
        self.scalar, self.suffix, _ = FLOATS[dtype]
        self.width, self._names = width, names
        vector = width > 1
        self.type = f"<{width} x {self.scalar}>" if vector else self.scalar
        self.truth = f"<{width} x i1>" if vector else "i1"
        self.intrinsic = f"v{width}{self.suffix}" if vector else self.suffix
        self.lines: list[str] = []

    def add(self, text: str) -> str:
        """Append an instruction and return the name of its result."""
        name = f"%v{next(self._names)}"
        self.lines.append(f"{name} = {text}")
        return name

    def constant(self, value: float) -> str:
        """Return a number written as LLVM wants it, exact to the bit."""
        number = f"0x{struct.pack('>d', value).hex().upper()}"
        if self.width == 1:
            return number
        return "<" + ", ".join([f"{self.scalar} {number}"] * self.width) + ">"

    def splat(self, scalar: str) -> str:
        """Return a vector of one number."""
        if self.width == 1:
            return scalar
        one = self.add(f"insertelement {self.type} poison, {self.scalar} {scalar}, i32 0")
        zeros = f"<{self.width} x i32> zeroinitializer"
        return self.add(f"shufflevector {self.type} {one}, {self.type} poison, {zeros}")

    def real(self, node: Node, value: str) -> str:
        """Return a truth value as 0 or 1, anything else as it is."""
        return self.add(f"uitofp {self.truth} {value} to {self.type}") if node.boolean else value

    def operation(self, node: Node, args: Sequence[str]) -> str:
        """Append one operation."""
        op, kind = node.op, self.type
        if op in ("and", "or"):
            return self.add(f"{op} {self.truth} {args[0]}, {args[1]}")
        if op == "where":
            yes, no = (self.real(arg, value) for arg, value in zip(node.args[1:], args[1:], strict=True))
            return self.add(f"select {self.truth} {args[0]}, {kind} {yes}, {kind} {no}")
        values = [self.real(arg, value) for arg, value in zip(node.args, args, strict=True)]
        if op == "cast":
            return values[0]
        if op in ARITHMETIC:
            return self.add(f"{ARITHMETIC[op]} {kind} {values[0]}, {values[1]}")
        if op in COMPARED:
            return self.add(f"fcmp {COMPARED[op]} {kind} {values[0]}, {values[1]}")
        if op == "negative":
            return self.add(f"fneg {kind} {values[0]}")
        if op in INTRINSICS:
            return self.add(f"call {kind} @llvm.{INTRINSICS[op]}.{self.intrinsic}({kind} {values[0]})")
        if op in EXTREMES:
            wins = self.add(f"fcmp {EXTREMES[op]} {kind} {values[0]}, {values[1]}")
            sick = self.add(f"fcmp uno {kind} {values[0]}, {values[0]}")
            kept = self.add(f"or {self.truth} {wins}, {sick}")
            return self.add(f"select {self.truth} {kept}, {kind} {values[0]}, {kind} {values[1]}")
        if op == "sign":
            zero, one, minus = self.constant(0.0), self.constant(1.0), self.constant(-1.0)
            above = self.add(f"fcmp ogt {kind} {values[0]}, {zero}")
            below = self.add(f"fcmp olt {kind} {values[0]}, {zero}")
            rest = self.add(f"select {self.truth} {below}, {kind} {minus}, {kind} {values[0]}")
            return self.add(f"select {self.truth} {above}, {kind} {one}, {kind} {rest}")
        raise KeyError(op)


def source(
    dtype: str,
    nodes: Sequence[Node],
    reads: Sequence[tuple[Node, Operand]],
    writes: Sequence[Node],
    smalls: Sequence[Node],
) -> str:
    """Return LLVM's text of a kernel `f`.

    nodes: what it computes, arguments first. reads: the nodes it loads, and how. writes: what it stores,
    each into an array of its own, after those it reads in the table. smalls: one value per trial each.
    """
    scalar, _, width = FLOATS[dtype]
    names = count()
    arrays = {f"r{i}": operand for i, (_, operand) in enumerate(reads)}
    arrays |= {f"w{i}": Operand() for i in range(len(writes))}
    head = ["define void @f(ptr noalias readonly %table) {", "entry:"]
    head += described(
        ("T", "N", "D"), arrays, [f"s{i}" for i in range(len(smalls))], np.dtype(dtype).itemsize
    )
    head += [f"%whole = and i64 %D, {-width}", "br label %trials"]
    trials = ["trials:", "%t = phi i64 [0, %entry], [%t1, %endtrial]"]
    for array in arrays:
        trials += [
            f"%{array}to = mul i64 %t, %{array}t",
            f"%{array}tp = getelementptr {scalar}, ptr %{array}0, i64 %{array}to",
        ]
    wide, thin = Emitter(dtype, width, names), Emitter(dtype, 1, names)
    known: dict[int, dict[Node, str]] = {width: {}, 1: {}}
    hoisted = Emitter(dtype, width, names)
    for i, node in enumerate(smalls):
        trials.append(f"%s{i}a = getelementptr {scalar}, ptr %s{i}0, i64 %t")
        trials.append(f"%s{i}v = load {scalar}, ptr %s{i}a")
        known[1][node] = f"%s{i}v"
    single = Emitter(dtype, 1, names)
    for node in nodes:
        if node.single:
            args = [_value(single, known[1], arg) for arg in node.args]
            known[1][node] = single.operation(node, args)
    for node, value in known[1].items():
        known[width][node] = hoisted.splat(value)
    nodes = [node for node in nodes if not node.single]
    trials += [*single.lines, *hoisted.lines, "br label %examples"]
    examples = ["examples:", "%n = phi i64 [0, %trials], [%n1, %endexample]"]
    for array in arrays:
        examples += [
            f"%{array}no = mul i64 %n, %{array}n",
            f"%{array}np = getelementptr {scalar}, ptr %{array}tp, i64 %{array}no",
        ]
    hoisted = Emitter(dtype, width, names)
    for i, (node, operand) in enumerate(reads):
        if not operand.wide:
            examples.append(f"%r{i}v = load {scalar}, ptr %r{i}np")
            known[1][node] = f"%r{i}v"
            known[width][node] = hoisted.splat(f"%r{i}v")
    examples += [*hoisted.lines, "%some = icmp sgt i64 %whole, 0", "br i1 %some, label %vectors, label %rest"]
    vectors = ["vectors:", "%i = phi i64 [0, %examples], [%i1, %vectors]"]
    vectors += _body(wide, "%i", nodes, reads, writes, known[width])
    vectors += [f"%i1 = add i64 %i, {width}", "%more = icmp slt i64 %i1, %whole"]
    vectors += ["br i1 %more, label %vectors, label %rest"]
    rest = ["rest:", "%left = icmp slt i64 %whole, %D", "br i1 %left, label %scalars, label %endexample"]
    scalars = ["scalars:", "%j = phi i64 [%whole, %rest], [%j1, %scalars]"]
    scalars += _body(thin, "%j", nodes, reads, writes, known[1])
    scalars += ["%j1 = add i64 %j, 1", "%again = icmp slt i64 %j1, %D"]
    scalars += ["br i1 %again, label %scalars, label %endexample"]
    end = ["endexample:", "%n1 = add i64 %n, 1", "%moren = icmp slt i64 %n1, %N"]
    end += ["br i1 %moren, label %examples, label %endtrial"]
    end += ["endtrial:", "%t1 = add i64 %t, 1", "%moret = icmp slt i64 %t1, %T"]
    end += ["br i1 %moret, label %trials, label %done", "done:", "ret void", "}"]
    body = [*head, *trials, *examples, *vectors, *rest, *scalars, *end]
    return "\n".join([*_declared("\n".join(body), (wide, thin)), *body]) + "\n"


def described(
    lengths: Sequence[str], arrays: Mapping[str, Operand], smalls: Sequence[str], size: int
) -> Iterator[str]:
    """Yield what reads a table: lengths, arrays whose numbers begin at %NAME0, values per trial likewise."""
    yield from _entries(lengths, 0)
    for slot, (name, operand) in enumerate(arrays.items(), start=len(lengths)):
        yield from _object(name, slot)
        yield from _strides(name, operand, size)
    for slot, name in enumerate(smalls, start=len(lengths) + len(arrays)):
        yield from _object(name, slot)


def _entries(names: Sequence[str], slot: int) -> Iterator[str]:
    for i, name in enumerate(names, start=slot):
        yield f"%{name}e = getelementptr i64, ptr %table, i64 {i}"
        yield f"%{name} = load i64, ptr %{name}e"


def _object(name: str, slot: int) -> Iterator[str]:
    yield f"%{name}e = getelementptr i64, ptr %table, i64 {slot}"
    yield f"%{name}o = load ptr, ptr %{name}e"
    yield f"%{name}d = getelementptr i8, ptr %{name}o, i64 {DATA}"
    yield f"%{name}0 = load ptr, ptr %{name}d"


def _strides(name: str, operand: Operand, size: int) -> Iterator[str]:
    """How many numbers lie between an array's trials (t) and its examples (n)."""
    yield f"%{name}se = getelementptr i8, ptr %{name}o, i64 {STRIDES}"
    yield f"%{name}s = load ptr, ptr %{name}se"
    yield f"%{name}tb = load i64, ptr %{name}s"
    yield f"%{name}t = sdiv exact i64 %{name}tb, {size}"
    yield f"%{name}ne = getelementptr i64, ptr %{name}s, i64 1"
    yield f"%{name}nb = load i64, ptr %{name}ne"
    yield f"%{name}n = {f'sdiv exact i64 %{name}nb, {size}' if operand.tall else 'add i64 0, 0'}"


def _body(
    emitter: Emitter,
    at: str,
    nodes: Sequence[Node],
    reads: Sequence[tuple[Node, Operand]],
    writes: Sequence[Node],
    known: dict[Node, str],
) -> list[str]:
    values = dict(known)
    align = np.dtype({"float": "f4", "double": "f8"}[emitter.scalar]).itemsize
    for i, (node, operand) in enumerate(reads):
        if operand.wide:
            place = emitter.add(f"getelementptr {emitter.scalar}, ptr %r{i}np, i64 {at}")
            values[node] = emitter.add(f"load {emitter.type}, ptr {place}, align {align}")
    for node in nodes:
        values[node] = emitter.operation(node, [_value(emitter, values, arg) for arg in node.args])
    for i, node in enumerate(writes):
        value = emitter.real(node, _value(emitter, values, node))
        place = emitter.add(f"getelementptr {emitter.scalar}, ptr %w{i}np, i64 {at}")
        emitter.lines.append(f"store {emitter.type} {value}, ptr {place}, align {align}")
    return emitter.lines


def _value(emitter: Emitter, values: dict[Node, str], node: Node) -> str:
    return emitter.constant(node.value) if node.op == "const" else values[node]


def _declared(body: str, emitters: Sequence[Emitter]) -> Iterator[str]:
    for emitter in emitters:
        for intrinsic in INTRINSICS.values():
            name = f"@llvm.{intrinsic}.{emitter.intrinsic}"
            if f"{name}(" in body:
                yield f"declare {emitter.type} {name}({emitter.type})"


@cache
def _machine() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=3, jit=True
    )


def processor() -> str:
    """Return what LLVM takes this machine's processor for, "znver4" for instance."""
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name()


@cache
def available() -> bool:
    """Tell whether kernels can be made here, and are wanted: ANNX_FUSING=0 runs all formulas as written."""
    if os.environ.get("ANNX_FUSING") == "0":
        return False
    try:
        _machine()
    except Exception:  # no llvmlite, or none for this processor
        return False
    return _knows_arrays()


def _knows_arrays() -> bool:
    """Tell whether array objects are laid out as kernels read them; not so on PyPy, for one."""
    if sys.implementation.name != "cpython":
        return False
    probe = np.empty((3, 2, 5))[:, :, 1:]
    data, strides = (ctypes.c_void_p.from_address(id(probe) + at).value for at in (DATA, STRIDES))
    if data != probe.ctypes.data or strides is None:
        return False
    return tuple((ctypes.c_ssize_t * 3).from_address(strides)) == probe.strides


@cache
def compiled(text: str) -> Function:
    """Return the kernel of a text, compiled once per process, in some 15 ms."""
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(text)
    module.verify()
    engine = llvm.create_mcjit_compiler(module, _machine())
    engine.finalize_object()
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(engine.get_function_address("f"))
    _ENGINES.append(engine)  # the code lives as long as its engine
    return function


_ENGINES: list[Any] = []
