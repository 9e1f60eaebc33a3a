"""LLVM's text of one function on lanes: vectors of the same number of 16 (float32) or 8 (float64) trials.

Every operation is the IEEE operation of each lane. Nothing crosses lanes, nothing is contracted or reordered,
so the bits of a trial depend neither on its neighbours nor on the width of the processor's vectors, for which
LLVM splits what is wider.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from anncore.engine.lanes.parts import Part, joined

Index = int | str
"""A place: a number, or the name of an i64."""


class Kind(NamedTuple):
    """How numbers of a dtype lie in vectors of 512 bits."""

    scalar: str
    suffix: str
    lanes: int
    integer: str
    bytes: int


KINDS = {"float32": Kind("float", "f32", 16, "i32", 4), "float64": Kind("double", "f64", 8, "i64", 8)}
ALIGN = 64  # bytes of a vector
LINE = 50  # characters of a line, about


class Code:
    """The body of a function under construction. Methods append instructions and return names of results."""

    def __init__(self, dtype: str, parameters: Sequence[str] = ()) -> None:
        self.dtype, self.kind = dtype, KINDS[dtype]
        self.parameters = tuple(parameters)  # further arguments, i64, besides the table
        lanes = self.kind.lanes
        self.type = f"<{lanes} x {self.kind.scalar}>"
        self.whole = f"<{lanes} x {self.kind.integer}>"
        self.truth = f"<{lanes} x i1>"
        self.lines: list[str] = []
        self.block = "entry"
        self.intrinsics: dict[str, str] = {}
        self.tables: dict[str, str] = {}
        self.align = ALIGN
        self._parts: list[Part] = []
        self._outside: dict[tuple[str, int], tuple[str, str]] | None = None  # addresses, while in a part
        self._more = 0  # lines that count besides those that are there; see `length`
        self._names = 0
        self._constants: dict[Any, str] = {}

    def name(self) -> str:
        """Return a name that is not in use."""
        self._names += 1
        return f"%v{self._names}"

    def add(self, text: str) -> str:
        """Append an instruction and return the name of its result."""
        name = self.name()
        self.lines.append(f"{name} = {text}")
        return name

    # Numbers

    def number(self, value: float) -> str:
        """Return a number in every lane, rounded to the dtype."""
        key = struct.pack(">d", value)
        if key not in self._constants:
            if self.dtype == "float32":
                value = _single(value)
            self._constants[key] = f"splat ({self.kind.scalar} 0x{struct.pack('>d', value).hex().upper()})"
        return self._constants[key]

    def is_constant(self, name: str) -> bool:
        """Tell whether a vector is a number that is known here."""
        return name.startswith("splat")

    def integer(self, value: int) -> str:
        """Return an integer in every lane."""
        return f"splat ({self.kind.integer} {value})"

    def arithmetic(self, operation: str, one: str, other: str) -> str:
        """Append fadd, fsub, fmul or fdiv."""
        return self.add(f"{operation} {self.type} {one}, {other}")

    def plus(self, one: str, other: str) -> str:
        """Append one + other."""
        return self.arithmetic("fadd", one, other)

    def minus(self, one: str, other: str) -> str:
        """Append one - other."""
        return self.arithmetic("fsub", one, other)

    def times(self, one: str, other: str) -> str:
        """Append one * other."""
        return self.arithmetic("fmul", one, other)

    def over(self, one: str, other: str) -> str:
        """Append one / other."""
        return self.arithmetic("fdiv", one, other)

    def fma(self, one: str, other: str, more: str) -> str:
        """Append one * other + more, rounded once."""
        return self._called("fma", one, other, more)

    def sqrt(self, value: str) -> str:
        """Append the root."""
        return self._called("sqrt", value)

    def absolute(self, value: str) -> str:
        """Append |value|."""
        return self._called("fabs", value)

    def whole_number(self, how: str, value: str) -> str:
        """Append floor, ceil, trunc or rint."""
        return self._called(how, value)

    def _called(self, function: str, *args: str) -> str:
        name = f"@llvm.{function}.v{self.kind.lanes}{self.kind.suffix}"
        self.intrinsics[name] = f"declare {self.type} {name}({', '.join([self.type] * len(args))})"
        return self.add(f"call {self.type} {name}({', '.join(f'{self.type} {arg}' for arg in args)})")

    def negative(self, value: str) -> str:
        """Append -value."""
        return self.add(f"fneg {self.type} {value}")

    def compared(self, how: str, one: str, other: str) -> str:
        """Append a comparison: ogt, oge, olt, ole, oeq, uge, ule, une, uno."""
        return self.add(f"fcmp {how} {self.type} {one}, {other}")

    def chosen(self, truth: str, one: str, other: str) -> str:
        """Append `one` where the truth value holds, `other` elsewhere."""
        return self.add(f"select {self.truth} {truth}, {self.type} {one}, {self.type} {other}")

    def logical(self, operation: str, one: str, other: str) -> str:
        """Append and, or, xor of truth values."""
        return self.add(f"{operation} {self.truth} {one}, {other}")

    def negated(self, truth: str) -> str:
        """Append not."""
        true = "<" + ", ".join(["i1 true"] * self.kind.lanes) + ">"
        return self.add(f"xor {self.truth} {truth}, {true}")

    def as_number(self, truth: str) -> str:
        """Append 1 where a truth value holds, 0 elsewhere."""
        return self.chosen(truth, self.number(1.0), self.number(0.0))

    def bits(self, value: str) -> str:
        """Append the bits of numbers as integers."""
        return self.add(f"bitcast {self.type} {value} to {self.whole}")

    def from_bits(self, value: str) -> str:
        """Append the numbers of these bits."""
        return self.add(f"bitcast {self.whole} {value} to {self.type}")

    def on_integers(self, operation: str, one: str, other: str) -> str:
        """Append add, sub, and, or, shl, lshr, ashr of integers."""
        return self.add(f"{operation} {self.whole} {one}, {other}")

    def splat(self, scalar: str) -> str:
        """Append a vector of one number."""
        one = self.add(f"insertelement {self.type} poison, {self.kind.scalar} {scalar}, i32 0")
        zeros = f"<{self.kind.lanes} x i32> zeroinitializer"
        return self.add(f"shufflevector {self.type} {one}, {self.type} poison, {zeros}")

    def mask_from(self, first: str) -> str:
        """Append integers whose bits are all set in the lanes from one on, an i64, and none before."""
        lanes, integer = self.kind.lanes, self.kind.integer
        if integer != "i64":
            first = self.add(f"trunc i64 {first} to {integer}")
        one = self.add(f"insertelement {self.whole} poison, {integer} {first}, i32 0")
        zeros = f"<{lanes} x i32> zeroinitializer"
        every = self.add(f"shufflevector {self.whole} {one}, {self.whole} poison, {zeros}")
        behind = "<" + ", ".join(f"{integer} {-lane - 1}" for lane in range(lanes)) + ">"
        return self.on_integers(
            "ashr", self.on_integers("add", every, behind), self.integer(8 * self.kind.bytes - 1)
        )

    def masked(self, mask: str, one: str, other: str) -> str:
        """Append `one` where the bits of a mask are set, `other` elsewhere.

        The bits are moved one by one, as a processor may take long to write some lanes of a vector.
        """
        before = self.bits(other)
        differing = self.add(f"xor {self.whole} {self.bits(one)}, {before}")
        own = self.on_integers("and", differing, mask)
        return self.from_bits(self.add(f"xor {self.whole} {before}, {own}"))

    @contextmanager
    def in_parts(self, parts: int) -> Iterator[None]:
        """Let vectors be as many times shorter: loops on them are for processors with short registers."""
        whole = self.kind, self.type, self.whole, self.truth, self.align
        lanes = self.kind.lanes // parts
        self.kind = self.kind._replace(lanes=lanes)
        self.type = f"<{lanes} x {self.kind.scalar}>"
        self.whole, self.truth = f"<{lanes} x {self.kind.integer}>", f"<{lanes} x i1>"
        self.align //= parts
        yield
        self.kind, self.type, self.whole, self.truth, self.align = whole

    def put_together(self, parts: Sequence[str]) -> str:
        """Append the vector of its parts, which are 1, 2, 4 or 8."""
        lanes = self.kind.lanes // len(parts)
        names = list(parts)
        while len(names) > 1:
            places = ", ".join(f"i32 {at}" for at in range(2 * lanes))
            kind = f"<{lanes} x {self.kind.scalar}>"
            names = [
                self.add(f"shufflevector {kind} {one}, {kind} {other}, <{2 * lanes} x i32> <{places}>")
                for one, other in zip(names[::2], names[1::2], strict=True)
            ]
            lanes *= 2
        return names[0]

    # The same lanes in float64

    def widened(self) -> Wide:
        """Return what appends operations on float64 to this code, which is of float32."""
        return Wide(self)

    def narrowed(self, value: str) -> str:
        """Append a vector of `widened`, rounded to float32."""
        lanes = self.kind.lanes
        return self.add(f"fptrunc <{lanes} x double> {value} to {self.type}")

    # Places and memory

    def sum(self, one: Index, other: Index) -> Index:
        """Append the sum of two places."""
        if isinstance(one, int) and isinstance(other, int):
            return one + other
        if one == 0:
            return other
        return one if other == 0 else self.add(f"add i64 {one}, {other}")

    def product(self, one: Index, factor: Index) -> Index:
        """Append a place times a factor."""
        if isinstance(one, int) and isinstance(factor, int):
            return one * factor
        if one == 0 or factor == 0:
            return 0
        if one == 1:
            return factor
        return one if factor == 1 else self.add(f"mul i64 {one}, {factor}")

    def at(self, pointer: str, place: Index, kind: str = "") -> str:
        """Append the address of an element, by default of a vector."""
        return self.add(f"getelementptr {kind or self.type}, ptr {pointer}, i64 {place}")

    def load(self, pointer: str, place: Index = 0) -> str:
        """Append the vector at a place."""
        return self.add(f"load {self.type}, ptr {self.at(pointer, place)}, align {self.align}")

    def load_scalar(self, kind: str, pointer: str, place: Index = 0) -> str:
        """Append one number of another kind, such as i64 or ptr."""
        return self.add(f"load {kind}, ptr {self.at(pointer, place, kind)}")

    def store(self, value: str, pointer: str, place: Index = 0) -> None:
        """Append the writing of a vector."""
        self.lines.append(f"store {self.type} {value}, ptr {self.at(pointer, place)}, align {self.align}")

    def store_scalar(self, value: str, pointer: str, place: Index) -> None:
        """Append the writing of one number."""
        self.lines.append(
            f"store {self.kind.scalar} {value}, ptr {self.at(pointer, place, self.kind.scalar)}"
        )

    def smaller(self, place: Index, most: int) -> Index:
        """Append the smaller of two places."""
        name = "@llvm.smin.i64"
        self.intrinsics[name] = f"declare i64 {name}(i64, i64)"
        return (
            min(place, most)
            if isinstance(place, int)
            else self.add(f"call i64 {name}(i64 {place}, i64 {most})")
        )

    def fetch(self, pointer: str, start: Index, length: int) -> None:
        """Append the fetching of so many bytes, which will be read soon."""
        name = "@llvm.prefetch.p0"
        self.intrinsics[name] = f"declare void {name}(ptr, i32, i32, i32)"
        for more in range(0, length, ALIGN):
            address = self.at(pointer, self.sum(start, more), "i8")
            self.lines.append(f"call void {name}(ptr {address}, i32 0, i32 3, i32 1)")

    def table(self, values: Sequence[float]) -> str:
        """Return the address of constants, one number each."""
        numbers = [_single(float(value)) if self.dtype == "float32" else float(value) for value in values]
        content = ", ".join(
            f"{self.kind.scalar} 0x{struct.pack('>d', number).hex().upper()}" for number in numbers
        )
        text = (
            f"private unnamed_addr constant [{len(numbers)} x {self.kind.scalar}] [{content}], align {ALIGN}"
        )
        return self.tables.setdefault(text, f"@c{len(self.tables)}")

    def listed(self, places: Sequence[int], at: Index) -> str:
        """Append the reading of one of some places that are known."""
        content = ", ".join(f"i64 {place}" for place in places)
        text = f"private unnamed_addr constant [{len(places)} x i64] [{content}], align {ALIGN}"
        return self.load_scalar("i64", self.tables.setdefault(text, f"@c{len(self.tables)}"), at)

    def measured(self, append: Callable[[], None]) -> int:
        """Return how many lines would be appended, without blocks, and append nothing."""
        before = len(self.lines)
        append()
        length = len(self.lines) - before
        del self.lines[before:]
        return length

    # Flow

    def begin(self, block: str) -> None:
        """Begin a block; the one before must have ended."""
        self.lines.append(f"{block}:")
        self.block = block

    def label(self) -> str:
        """Return the name of a new block."""
        return f"b{self.name()[2:]}"

    def loop(
        self,
        count: Index,
        body: Callable[[Index, Sequence[str]], Sequence[str]],
        carried: Sequence[str] = (),
        step: int = 1,
    ) -> Sequence[str]:
        """Append a loop that runs once at least; return what its last turn gives.

        body: called once, with the index and the carried vectors; returns these for the next turn.
        """
        if isinstance(count, int) and count == step:
            return body(0, carried)
        before, head, after = self.block, self.label(), self.label()
        self.lines.append(f"br label %{head}")
        self.begin(head)
        index, following = self.name(), self.name()
        places = []
        names = [self.name() for _ in carried]
        for _ in (index, *names):
            places.append(len(self.lines))
            self.lines.append("")
        results = list(body(index, names))
        end = self.block
        self.lines[places[0]] = f"{index} = phi i64 [0, %{before}], [{following}, %{end}]"
        for place, name, start, result in zip(places[1:], names, carried, results, strict=True):
            self.lines[place] = f"{name} = phi {self.type} [{start}, %{before}], [{result}, %{end}]"
        self.lines.append(f"{following} = add nuw nsw i64 {index}, {step}")
        more = self.add(f"icmp slt i64 {following}, {count}")
        self.lines.append(f"br i1 {more}, label %{head}, label %{after}")
        self.begin(after)
        return results

    def turns(self, count: Index, body: Callable[[Index], None], step: int = 1) -> None:
        """Append a loop that carries nothing on."""

        def turn(index: Index, _: Sequence[str]) -> Sequence[str]:
            body(index)
            return []

        self.loop(count, turn, step=step)

    def branch(self, condition: str, yes: Callable[[], None], no: Callable[[], None]) -> None:
        """Append what happens if an i1 holds, and what else."""
        one, other, after = self.label(), self.label(), self.label()
        self.lines.append(f"br i1 {condition}, label %{one}, label %{other}")
        for label, body in ((one, yes), (other, no)):
            self.begin(label)
            body()
            self.lines.append(f"br label %{after}")
        self.begin(after)

    @property
    def length(self) -> int:
        """About how many characters the code has, which say how long it takes to compile.

        It is the same on all machines, though loops are written for a machine's registers: whether lanes
        compute a trial depends on it.
        """
        return LINE * (len(self.lines) + self._more)

    def count(self, lines: int, written: int) -> None:
        """Let lines that were written, which may be others elsewhere, count as so many."""
        self._more += lines - written

    @contextmanager
    def part(self) -> Iterator[None]:
        """Let what is appended be a part, which is a function of its own if it occurs several times."""
        start, length, before = len(self.lines), len(self.lines) + self._more, self.block
        self._outside = {}
        yield
        prelude = [line for _, line in self._outside.values()]
        made = Part.of(self.lines, start, before, self.block, prelude)
        if made.arguments is not None and made.text in {part.text for part in self._parts}:
            self._more -= len(self.lines) + self._more - length
        self._parts.append(made)
        self._outside = None

    def outside(self, pointer: str, place: int) -> str:
        """Return the address of a vector, computed before the part that is being written."""
        if self._outside is None:
            return self.at(pointer, place)
        if (pointer, place) not in self._outside:
            name = self.name()
            line = f"{name} = getelementptr {self.type}, ptr {pointer}, i64 {place}"
            self._outside[pointer, place] = name, line
        return self._outside[pointer, place][0]

    def function(self) -> str:
        """Return the text of the whole module: `void f(ptr table, i64 ...)`.

        It raises nothing, so it has no tables for unwinding: where Windows puts code and tables far apart in
        memory, LLVM could not connect them and would end the process.
        """
        functions, lines = joined(self.lines, self._parts)
        more = "".join(f", i64 {name}" for name in self.parameters)
        head = [f"define void @f(ptr %table{more}) nounwind {{", "entry:"]
        tables = [f"{name} = {text}" for text, name in self.tables.items()]
        before = [*tables, *self.intrinsics.values(), *functions]
        return "\n".join([*before, *head, *lines, "ret void", "}"]) + "\n"


class Wide(Code):
    """Operations in float64 on all lanes of float32, appended to the code they are for."""

    def __init__(self, code: Code) -> None:
        super().__init__("float64")
        self._code = code
        self.kind = self.kind._replace(lanes=code.kind.lanes)
        self.type = f"<{code.kind.lanes} x double>"
        self.whole, self.truth = f"<{code.kind.lanes} x i64>", code.truth
        self.lines, self.intrinsics = code.lines, code.intrinsics

    def name(self) -> str:
        """Return a name that is not in use."""
        return self._code.name()

    def widen(self, value: str) -> str:
        """Append a vector of float32 in float64."""
        return self.add(f"fpext {self._code.type} {value} to {self.type}")


def _single(value: float) -> float:
    """Return the nearest number of float32."""
    try:
        rounded: float = struct.unpack(">f", struct.pack(">f", value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    return rounded
