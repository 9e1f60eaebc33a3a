"""From a graph of elementwise operations to machine code: one loop that keeps all values in registers.

LLVM gets vectors of 512 bits, which it splits for processors with shorter ones, and a scalar loop for the
rest of a row. Every operation is the IEEE operation and none is contracted, so the result equals NumPy's to
the bit. Functions that NumPy computes by its own methods (exp, tanh) are left to NumPy.

The table of a kernel `void f(i64 *table)` holds the three lengths T, N, D, then for each array, and for each
value per trial (T, 1, 1), the address of the array object. The kernel reads the address of the numbers and
the strides from NumPy's struct, because asking for them in Python takes longer than many kernels. The last
axis is contiguous, or has length 1 and is broadcast.
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
# NumPy's maximum and clip keep a NaN from either side; they differ in which zero they prefer.
EXTREMES = {"maximum": "oge", "minimum": "ole", "clip_low": "ogt", "clip_high": "olt"}


# PyArrayObject_fields in numpy/ndarraytypes.h, part of NumPy's binary interface: after the head that all
# Python objects have, the address of the numbers, the number of axes, and the addresses of shape and strides.
DATA = object.__basicsize__
STRIDES = DATA + 24


Values = dict[int, dict[Node, str]]
"""Names of the values known outside the innermost loop, for vectors (by width) and single numbers (1)."""


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
        """Return a truth value as 0 or 1, and any other value unchanged."""
        return self.add(f"uitofp {self.truth} {value} to {self.type}") if node.boolean else value

    def operation(self, node: Node, args: Sequence[str]) -> str:
        """Append one operation."""
        op, kind = node.op, self.type
        if op in ("and", "or"):
            return self.add(f"{op} {self.truth} {args[0]}, {args[1]}")
        if op == "not":
            true = "true" if self.width == 1 else "<" + ", ".join(["i1 true"] * self.width) + ">"
            return self.add(f"xor {self.truth} {args[0]}, {true}")
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

    nodes: what it computes, arguments first. reads: the nodes that it loads, and how. writes: the nodes that
    it stores, each in its own array; these follow the arrays of `reads` in the table. smalls: nodes with one
    value per trial.
    """
    width = FLOATS[dtype][2]
    names = count()
    arrays = {f"r{i}": operand for i, (_, operand) in enumerate(reads)}
    arrays |= {f"w{i}": Operand() for i in range(len(writes))}
    values: Values = {width: {}, 1: {}}
    wide, thin = Emitter(dtype, width, names), Emitter(dtype, 1, names)
    trials = _trials(dtype, arrays, smalls, [node for node in nodes if node.single], names, values)
    examples = _examples(dtype, arrays, reads, names, values)
    nodes = [node for node in nodes if not node.single]
    body = [
        *_head(dtype, arrays, len(smalls)),
        *trials,
        *examples,
        *("vectors:", "%i = phi i64 [0, %examples], [%i1, %vectors]"),
        *_body(wide, "%i", nodes, reads, writes, values[width]),
        *(f"%i1 = add i64 %i, {width}", "%more = icmp slt i64 %i1, %whole"),
        "br i1 %more, label %vectors, label %rest",
        *("rest:", "%left = icmp slt i64 %whole, %D", "br i1 %left, label %scalars, label %endexample"),
        *("scalars:", "%j = phi i64 [%whole, %rest], [%j1, %scalars]"),
        *_body(thin, "%j", nodes, reads, writes, values[1]),
        *("%j1 = add i64 %j, 1", "%again = icmp slt i64 %j1, %D"),
        "br i1 %again, label %scalars, label %endexample",
        *("endexample:", "%n1 = add i64 %n, 1", "%moren = icmp slt i64 %n1, %N"),
        "br i1 %moren, label %examples, label %endtrial",
        *("endtrial:", "%t1 = add i64 %t, 1", "%moret = icmp slt i64 %t1, %T"),
        *("br i1 %moret, label %trials, label %done", "done:", "ret void", "}"),
    ]
    return "\n".join([*_declared("\n".join(body), (wide, thin)), *body]) + "\n"


def _head(dtype: str, arrays: Mapping[str, Operand], smalls: int) -> Iterator[str]:
    """Yield the start of a kernel: it reads its table, and rounds the row length down to whole vectors."""
    yield from ("define void @f(ptr noalias readonly %table) {", "entry:")
    small_names = [f"s{i}" for i in range(smalls)]
    yield from described(("T", "N", "D"), arrays, small_names, np.dtype(dtype).itemsize)
    yield from (f"%whole = and i64 %D, {-FLOATS[dtype][2]}", "br label %trials")


def _trials(
    dtype: str,
    arrays: Mapping[str, Operand],
    smalls: Sequence[Node],
    singles: Sequence[Node],
    names: Iterator[int],
    values: Values,
) -> list[str]:
    """Return the block that each trial enters; add what is computed once per trial to `values`."""
    scalar, _, width = FLOATS[dtype]
    lines = ["trials:", "%t = phi i64 [0, %entry], [%t1, %endtrial]"]
    for array in arrays:
        lines += [
            f"%{array}to = mul i64 %t, %{array}t",
            f"%{array}tp = getelementptr {scalar}, ptr %{array}0, i64 %{array}to",
        ]
    for i, node in enumerate(smalls):
        lines.append(f"%s{i}a = getelementptr {scalar}, ptr %s{i}0, i64 %t")
        lines.append(f"%s{i}v = load {scalar}, ptr %s{i}a")
        values[1][node] = f"%s{i}v"
    single, hoisted = Emitter(dtype, 1, names), Emitter(dtype, width, names)
    for node in singles:
        values[1][node] = single.operation(node, [_value(single, values[1], arg) for arg in node.args])
    for node, value in values[1].items():
        values[width][node] = hoisted.splat(value)
    return [*lines, *single.lines, *hoisted.lines, "br label %examples"]


def _examples(
    dtype: str,
    arrays: Mapping[str, Operand],
    reads: Sequence[tuple[Node, Operand]],
    names: Iterator[int],
    values: Values,
) -> list[str]:
    """Return the block that each example enters; add the arrays with one number per example to `values`."""
    scalar, _, width = FLOATS[dtype]
    lines = ["examples:", "%n = phi i64 [0, %trials], [%n1, %endexample]"]
    for array in arrays:
        lines += [
            f"%{array}no = mul i64 %n, %{array}n",
            f"%{array}np = getelementptr {scalar}, ptr %{array}tp, i64 %{array}no",
        ]
    hoisted = Emitter(dtype, width, names)
    for i, (node, operand) in enumerate(reads):
        if not operand.wide:
            lines.append(f"%r{i}v = load {scalar}, ptr %r{i}np")
            values[1][node] = f"%r{i}v"
            values[width][node] = hoisted.splat(f"%r{i}v")
    return [
        *lines,
        *hoisted.lines,
        "%some = icmp sgt i64 %whole, 0",
        "br i1 %some, label %vectors, label %rest",
    ]


def described(
    lengths: Sequence[str], arrays: Mapping[str, Operand], smalls: Sequence[str], size: int
) -> Iterator[str]:
    """Yield the lines that read a table: lengths, arrays, values per trial; numbers begin at %NAME0."""
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
    """Yield the lines that read an array's strides, in numbers: between trials (t) and examples (n)."""
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
    outside: Mapping[Node, str],
) -> list[str]:
    """Return the innermost loop's lines; `outside` holds the values that are known before it."""
    values = dict(outside)
    align = np.dtype({"float": "f4", "double": "f8"}[emitter.scalar]).itemsize
    for i, (node, operand) in enumerate(reads):
        if operand.wide:
            place = emitter.add(f"getelementptr {emitter.scalar}, ptr %r{i}np, i64 {at}")
            value = emitter.add(f"load {emitter.type}, ptr {place}, align {align}")
            if node.boolean:  # an earlier kernel has stored it as 0 or 1
                value = emitter.add(f"fcmp une {emitter.type} {value}, {emitter.constant(0.0)}")
            values[node] = value
    for node in nodes:
        values[node] = emitter.operation(node, [_value(emitter, values, arg) for arg in node.args])
    for i, node in enumerate(writes):
        value = emitter.real(node, _value(emitter, values, node))
        place = emitter.add(f"getelementptr {emitter.scalar}, ptr %w{i}np, i64 {at}")
        emitter.lines.append(f"store {emitter.type} {value}, ptr {place}, align {align}")
    return emitter.lines


def _value(emitter: Emitter, values: Mapping[Node, str], node: Node) -> str:
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
    """Return LLVM's name of this machine's processor, for instance "znver4"."""
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name()


def why_unavailable() -> str:
    """Return why no kernels can be made here, for a sentence that goes on with it; "" if they can."""
    if available():
        return ""
    return "ANNX_FUSING=0 turns kernels off" if _turned_off() else "llvmlite does not work"


def _turned_off() -> bool:
    return os.environ.get("ANNX_FUSING") == "0"


@cache
def available() -> bool:
    """Tell whether kernels can be made here; ANNX_FUSING=0 turns them off."""
    if _turned_off():
        return False
    try:
        _machine()
    except Exception:  # no llvmlite, or none for this processor
        return False
    return _knows_arrays()


def _knows_arrays() -> bool:
    """Tell whether array objects have the layout that kernels read; on PyPy, for instance, they do not."""
    if sys.implementation.name != "cpython":
        return False
    probe = np.empty((3, 2, 5))[:, :, 1:]
    data, strides = (ctypes.c_void_p.from_address(id(probe) + at).value for at in (DATA, STRIDES))
    if data != probe.ctypes.data or strides is None:
        return False
    return tuple((ctypes.c_ssize_t * 3).from_address(strides)) == probe.strides


@cache
def compiled(text: str) -> Function:
    """Return the kernel of a text; it is compiled once per process, in about 15 ms."""
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(text)
    module.verify()
    engine = llvm.create_mcjit_compiler(module, _machine())
    engine.finalize_object()
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(engine.get_function_address("f"))
    _ENGINES.append(engine)  # the code lives as long as its engine
    return function


_ENGINES: list[Any] = []
