"""Products of matrices on lanes: tiles of sums that stay in registers, and what each reads from near by.

Every sum is k = 0, 1, ... by fused multiply-add from 0, whatever the tile: tiles move no bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from anncore.engine.lanes.code import Code, Index

NEAR = 32  # columns of which a factor may lie in the first-level cache
PACKED = 512  # vectors of a factor that may be laid in a row, of 32 kB in the first-level cache
LONG, CHUNK = 96, 64  # sums longer than this are made in parts, of at most so many terms
INLINE = 400  # lines of formulas that may follow a tile one after the other; longer ones are a loop


Finish = Callable[[list[tuple[Index, Index]], Sequence[str]], None]


class Factor(NamedTuple):
    """Where the numbers of a factor lie, in vectors: from the place of its first, by row or column, by k."""

    pointer: str
    first: Index
    apart: int
    along: int

    @classmethod
    def of(
        cls,
        shape: tuple[int, ...],
        lead: tuple[Index, ...],
        located: Callable[[tuple[Index, ...]], tuple[str, Index] | None],
        *,
        by_rows: bool,
    ) -> Factor:
        """Return where a matrix lies, of those at `lead` in an array of this shape, one if it is broadcast.

        located: tells where an element lies. by_rows: whether k is the last axis.
        """

        def at(lead: tuple[Index, ...], *last: int) -> tuple[str, Index]:
            index = (*lead, *last)
            place = located(tuple(0 if n == 1 else one for one, n in zip(index, shape, strict=True)))
            assert place is not None
            return place

        def step(*last: int) -> int:
            # From numbers a place is computed here, and no instruction appended.
            end, start = at((0,) * len(lead), *last)[1], at((0,) * len(lead), 0, 0)[1]
            assert isinstance(end, int)
            assert isinstance(start, int)
            return end - start

        down, right = (
            step(*last) if n > 1 else 0 for last, n in zip(((1, 0), (0, 1)), shape[-2:], strict=True)
        )
        return cls(*at(lead, 0, 0), *((down, right) if by_rows else (right, down)))


class Tile(NamedTuple):
    """Rows and columns of sums that are computed together."""

    rows: int
    columns: int


class Registers(NamedTuple):
    """What a processor's registers have room for: sums, rows of a tile, one of so many parts of a vector."""

    sums: int
    rows: int
    parts: int


ROOMY = Registers(24, 8, 1)  # 32 of 512 bits


@cache
def registers() -> Registers:
    """Return what this machine's registers have room for; it moves no bit."""
    import llvmlite.binding as llvm

    if not llvm.get_process_triple().startswith("x86_64"):
        return Registers(24, 8, 4)  # 32 of 128 bits, as NEON has
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return ROOMY
    return Registers(12, 4, 2 if features.get("avx") else 4)  # 16


def tile_of(rows: int, columns: int, room: Registers = ROOMY) -> Tile:
    """Return the tile of a product.

    A row is read again for each tile of columns and should stay in the first-level cache, so that few are
    taken at once; a column comes from afar for each tile of rows, so that rows are more than columns.
    """
    if columns <= 2:
        return Tile(_even(rows, room.sums // columns), columns)
    if rows < room.rows:
        return Tile(rows, _even(columns, room.sums // rows))
    # Two columns are as fast where a factor lies in the first-level cache, and leave no edge.
    two = room == ROOMY and columns <= NEAR and columns % 2 == 0
    return Tile(_even(rows, room.rows), 2 if two else room.sums // room.rows)


def _even(length: int, most: int) -> int:
    """Return how long pieces of about equal length are, none longer than `most`."""
    return -(-length // -(-length // most))


def _divisor(length: int, most: int) -> int:
    return next(step for step in range(most, 0, -1) if length % step == 0)


def over(code: Code, length: int, step: int, body: Callable[[Index, Index], None]) -> None:
    """Append a loop over an axis in steps; the last one begins earlier if it would reach beyond the end.

    body: gets where a step begins, and where it would begin.
    """

    def turn(index: Index) -> None:
        body(code.smaller(index, length - step) if length % step else index, index)

    code.turns(-(-length // step) * step, turn, step)


def append_product(
    code: Code,
    factors: tuple[Factor, Factor],
    shape: tuple[int, int, int],
    room: Callable[[int], tuple[str, Index]],
    finish: Finish,
    *,
    once: bool,
) -> None:
    """Append the loops of a product.

    shape: rows, columns, the length of the sums. room: returns memory for so many vectors. finish: gets the
    places of sums, and the sums. once: whether each place may come once only, as its formulas read what they
    write.
    """
    before = len(code.lines)
    product = _Product(code, factors, shape, finish, once=once)
    product.take(room)
    product.append()
    code.count(_usual_length(tile_of(*shape[:2]), product.lines), len(code.lines) - before)


class _Product:
    """The loops of a product under construction; see `append_product`."""

    def __init__(
        self,
        code: Code,
        factors: tuple[Factor, Factor],
        shape: tuple[int, int, int],
        finish: Finish,
        *,
        once: bool,
    ) -> None:
        self._code, self._finish, self._registers = code, finish, registers()
        self._left, self._right = factors
        self._rows, self._columns, self._inner = shape
        self._tile = tile_of(self._rows, self._columns, self._registers)
        if once:
            rows, columns = _divisor(self._rows, self._tile.rows), _divisor(self._columns, self._tile.columns)
            self._tile = Tile(rows, columns)
        self._chunk = self._inner if self._inner <= LONG else _even(self._inner, CHUNK)
        self._across = -(-self._columns // self._tile.columns) * self._tile.columns  # columns of whole tiles
        self.lines = 0  # of the formulas that follow one sum

    def take(self, room: Callable[[int], tuple[str, Index]]) -> None:
        """Take the memory that the loops need."""
        code, tile, columns, inner = self._code, self._tile, self._columns, self._inner

        def taken(vectors: int, needed: bool) -> str:
            return code.at(*room(vectors)) if needed else ""

        packed, sums = tile.rows * self._chunk, tile.rows * tile.columns
        packs = self._left.along != 1 and columns >= 4 * tile.columns and packed <= PACKED
        self._packed = taken(packed, packs)  # the rows of a tile
        self._sofar = taken(tile.rows * self._across, self._chunk < inner)  # sums up to the present chunk
        self.lines = code.measured(lambda: self._finish([(0, 0)], [code.number(0.0)]))
        self._spare = taken(sums, self.lines * sums > INLINE)  # the sums of a tile, for a loop over its rows
        # Short registers take columns several times, in parts whose lines should not drive each other out.
        again = self._registers.parts > 1 and self._right.along != 1 and self._rows >= 4 * tile.rows
        self._panels = taken(self._across * inner, again and columns * inner > 2 * PACKED)  # all columns

    def append(self) -> None:
        """Append the loops."""
        if self._panels:
            over(self._code, self._columns, self._tile.columns, self._lay_panel)
        over(self._code, self._rows, self._tile.rows, lambda i, _: self._append_rows(i))

    def _lay_panel(self, j: Index, index: Index) -> None:
        code = self._code
        target = code.at(self._panels, code.product(index, self._inner))
        _pack(code, _begun(code, self._right, j), target, self._tile.columns, self._inner)

    def _append_rows(self, i: Index) -> None:
        """Append the sums of the rows of a tile, chunk after chunk."""
        code, chunk = self._code, self._chunk
        rows = _begun(code, self._left, i)
        last = (-(-self._inner // chunk) - 1) * chunk
        if last:
            _clear(code, self._sofar, self._tile.rows * self._across)
            over(code, last, chunk, lambda start, _: self._append_chunk(i, rows, start, chunk, ends=False))
        self._append_chunk(i, rows, last, self._inner - last, ends=True)

    def _append_chunk(self, i: Index, rows: Factor, start: Index, length: int, *, ends: bool) -> None:
        """Append so many terms of the sums; ends: whether they are the last ones."""
        code, tile = self._code, self._tile
        rows = _from(code, rows, start)
        if self._packed:
            rows = _pack(code, rows, self._packed, tile.rows, length)

        def column(j: Index, index: Index) -> None:
            columns = _begun(code, self._right, j)
            if self._panels:
                place = code.at(self._panels, code.product(index, self._inner))
                columns = Factor(place, 0, 1, tile.columns)
            columns = _from(code, columns, start)
            sofar = code.at(self._sofar, code.product(index, tile.rows)) if self._sofar else ""
            totals = _summed(code, rows, columns, tile, length, self._registers.parts, sofar)
            if ends:
                self._append_ends((i, j), totals)
                return
            for at, total in enumerate(totals):
                code.store(total, sofar, at)

        over(code, self._columns, tile.columns, column)

    def _append_ends(self, start: tuple[Index, Index], totals: Sequence[str]) -> None:
        """Append the formulas that follow the sums of a tile."""
        code, tile = self._code, self._tile
        if self._spare:
            _finish_by_rows(code, totals, tile, start, self._spare, self._finish)
            return
        offsets = [(r, c) for r in range(tile.rows) for c in range(tile.columns)]
        self._finish([(code.sum(start[0], r), code.sum(start[1], c)) for r, c in offsets], totals)


def _clear(code: Code, pointer: str, vectors: int) -> None:
    code.turns(vectors, lambda at: code.store(code.number(0.0), pointer, at))


def _from(code: Code, factor: Factor, start: Index) -> Factor:
    """Return a factor from one k on."""
    return factor._replace(pointer=code.at(factor.pointer, code.product(start, factor.along)))


def _usual_length(tile: Tile, lines: int) -> int:
    """Return about how many lines a product takes where registers are `ROOMY`; lines: those of a formula."""
    sums = tile.rows * tile.columns
    return 100 + 6 * sums + (lines * sums if lines * sums <= INLINE else lines)


def _finish_by_rows(
    code: Code, totals: Sequence[str], tile: Tile, start: tuple[Index, Index], spare: str, finish: Finish
) -> None:
    """Append a loop over the rows of a tile, where the formulas that follow are long."""
    for at, total in enumerate(totals):
        code.store(total, spare, at)

    def row(r: Index) -> None:
        top, first = code.sum(start[0], r), code.product(r, tile.columns)
        own = range(tile.columns)
        totals = [code.load(spare, code.sum(first, c)) for c in own]
        finish([(top, code.sum(start[1], c)) for c in own], totals)

    code.turns(tile.rows, row)


def _begun(code: Code, factor: Factor, at: Index) -> Factor:
    """Return a factor from a row or column on."""
    place = code.sum(factor.first, code.product(at, factor.apart))
    return factor._replace(pointer=code.at(factor.pointer, place), first=0)


def _pack(code: Code, factor: Factor, start: str, height: int, inner: int) -> Factor:
    """Append the copying of some rows to where they lie in a row, in the order that sums read them."""

    def turn(k: Index) -> None:
        source = code.at(factor.pointer, code.product(k, factor.along))
        target = code.at(start, code.product(k, height))
        for r in range(height):
            code.store(code.load(source, r * factor.apart), target, r)

    code.turns(inner, turn)
    return Factor(start, 0, 1, height)


def _summed(
    code: Code, left: Factor, right: Factor, tile: Tile, inner: int, parts: int, sofar: str
) -> Sequence[str]:
    """Append the sums of a tile, row by row, part by part of their vectors.

    sofar: where the sums up to here lie, "" where they begin.
    """
    sums = tile.rows * tile.columns

    def part(at: int) -> Sequence[str]:
        def turn(k: Index, sums: Sequence[str]) -> Sequence[str]:
            one = code.at(left.pointer, code.sum(code.product(k, left.along * parts), at))
            other = code.at(right.pointer, code.sum(code.product(k, right.along * parts), at))
            values = [code.load(other, c * right.apart * parts) for c in range(tile.columns)]
            results = []
            for r in range(tile.rows):
                value = code.load(one, r * left.apart * parts)
                for c in range(tile.columns):
                    results.append(code.fma(value, values[c], sums[r * tile.columns + c]))
            return results

        with code.in_parts(parts):
            begin = [code.load(sofar, s * parts + at) if sofar else code.number(0.0) for s in range(sums)]
            return code.loop(inner, turn, begin)

    made = [part(at) for at in range(parts)]
    return [code.put_together(one) for one in zip(*made, strict=True)]
