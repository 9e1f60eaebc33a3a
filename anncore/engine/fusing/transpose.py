"""Transposing the matrices of a stack, block by block in registers.

OpenBLAS multiplies small matrices twice as fast if it need not read the right one across its rows, and NumPy
copies a transpose one number at a time.
"""

from __future__ import annotations

from array import array as Table
from functools import cache
from itertools import count

import numpy as np

from anncore.contract.kinds import Array
from anncore.engine.fusing.emit import FLOATS, Function, Operand, available, compiled, described


def transposed(matrices: Array) -> Array:
    """Return (T, R, C) as a new, contiguous (T, C, R)."""
    trials, rows, columns = matrices.shape
    dtype = _NAMES.get(matrices.dtype.char, "")
    if not dtype or min(rows, columns) < FLOATS[dtype][2] or not available():
        return np.ascontiguousarray(matrices.swapaxes(1, 2))
    if matrices.strides[1:] != (columns * matrices.itemsize, matrices.itemsize):
        matrices = np.ascontiguousarray(matrices)
    out = np.empty((trials, columns, rows), matrices.dtype)
    table = Table("q", (trials, rows, columns, id(matrices), id(out)))
    _kernel(dtype)(table.buffer_info()[0])
    return out


_NAMES = {np.dtype(name).char: name for name in FLOATS}  # a dtype's own `name` takes longer than the copy


@cache
def _kernel(dtype: str) -> Function:
    return compiled(_source(dtype))


class _Writer:
    """Writes the instructions of one kernel; all names come from one counter."""

    def __init__(self, dtype: str) -> None:
        self.scalar, _, self.width = FLOATS[dtype]
        self.vector, self.align = f"<{self.width} x {self.scalar}>", np.dtype(dtype).itemsize
        self._names = count()
        self.lines: list[str] = []

    def add(self, text: str) -> str:
        """Append an instruction and return the name of its result."""
        name = f"%x{next(self._names)}"
        self.lines.append(f"{name} = {text}")
        return name

    def place(self, base: str, row: str, length: str, column: str) -> str:
        """Append the address of a number in a matrix whose rows have `length` numbers."""
        start = self.add(f"mul i64 {row}, {length}")
        index = self.add(f"add i64 {start}, {column}")
        return self.add(f"getelementptr {self.scalar}, ptr {base}, i64 {index}")

    def square(self) -> list[str]:
        """Return the lines that transpose a square of width x width numbers in registers."""
        self.lines, width, vector = [], self.width, self.vector
        block = []
        for i in range(width):
            at = self.place("%source", self.add(f"add i64 %r, {i}"), "%C", "%c")
            block.append(self.add(f"load {vector}, ptr {at}, align {self.align}"))
        span = 1
        while span < width:  # swap ever larger off-diagonal squares
            low = [j if not j & span else width + j - span for j in range(width)]
            high = [j + span if not j & span else width + j for j in range(width)]
            for i in range(width):
                if not i & span:
                    one, two = block[i], block[i + span]
                    for row, mask in ((i, low), (i + span, high)):
                        chosen = ", ".join(f"i32 {j}" for j in mask)
                        block[row] = self.add(
                            f"shufflevector {vector} {one}, {vector} {two}, <{width} x i32> <{chosen}>"
                        )
            span *= 2
        for i in range(width):
            at = self.place("%target", self.add(f"add i64 %c, {i}"), "%R", "%r")
            self.lines.append(f"store {vector} {block[i]}, ptr {at}, align {self.align}")
        return self.lines

    def single(self) -> list[str]:
        """Return the lines that move one number."""
        self.lines, scalar, align = [], self.scalar, self.align
        value = self.add(f"load {scalar}, ptr {self.place('%source', '%i', '%C', '%j')}, align {align}")
        at = self.place("%target", "%j", "%R", "%i")
        self.lines.append(f"store {scalar} {value}, ptr {at}, align {align}")
        return self.lines


def _source(dtype: str) -> str:
    """Return LLVM's text of the kernel: whole squares by vectors, then the numbers beyond them one by one."""
    writer = _Writer(dtype)
    scalar, width, align = writer.scalar, writer.width, writer.align
    squares, single = writer.square(), writer.single()
    head = ["define void @f(ptr noalias readonly %table) {", "entry:"]
    head += described(("T", "R", "C"), {"source": Operand(), "target": Operand()}, (), align)
    return "\n".join([
        *head,
        f"%wr = and i64 %R, {-width}",
        f"%wc = and i64 %C, {-width}",
        "%anyr = icmp sgt i64 %wr, 0",
        "%anyc = icmp sgt i64 %wc, 0",
        "%any = and i1 %anyr, %anyc",
        "br label %trials",
        "trials:", "%t = phi i64 [0, %entry], [%t1, %endtrial]",
        "%so = mul i64 %t, %sourcet", f"%source = getelementptr {scalar}, ptr %source0, i64 %so",
        "%to = mul i64 %t, %targett", f"%target = getelementptr {scalar}, ptr %target0, i64 %to",
        "br i1 %any, label %rows, label %edge",
        "rows:", "%r = phi i64 [0, %trials], [%r1, %endrow]", "br label %columns",
        "columns:", "%c = phi i64 [0, %rows], [%c1, %columns]",
        *squares,
        f"%c1 = add i64 %c, {width}", "%morec = icmp slt i64 %c1, %wc",
        "br i1 %morec, label %columns, label %endrow",
        "endrow:", f"%r1 = add i64 %r, {width}", "%morer = icmp slt i64 %r1, %wr",
        "br i1 %morer, label %rows, label %edge",
        # The numbers beyond the last whole square, to the right of it or below.
        "edge:", "%done = phi i64 [0, %trials], [%wc, %endrow]", "br label %lines",
        "lines:", "%i = phi i64 [0, %edge], [%i1, %endline]",
        "%inside = icmp slt i64 %i, %wr",
        "%from = select i1 %inside, i64 %done, i64 0",
        "%some = icmp slt i64 %from, %C",
        "br i1 %some, label %numbers, label %endline",
        "numbers:", "%j = phi i64 [%from, %lines], [%j1, %numbers]",
        *single,
        "%j1 = add i64 %j, 1", "%morej = icmp slt i64 %j1, %C",
        "br i1 %morej, label %numbers, label %endline",
        "endline:", "%i1 = add i64 %i, 1", "%morei = icmp slt i64 %i1, %R",
        "br i1 %morei, label %lines, label %endtrial",
        "endtrial:", "%t1 = add i64 %t, 1", "%moret = icmp slt i64 %t1, %T",
        "br i1 %moret, label %trials, label %end",
        "end:", "ret void", "}\n",
    ])  # fmt: skip
