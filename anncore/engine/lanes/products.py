"""Products of matrices on lanes: tiles of sums that stay in registers, and what each reads from near by.

Every sum is k = 0, 1, ... by fused multiply-add from 0, whatever the tile: tiles move no bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from anncore.engine.lanes.code import Code, Index

MOST_SUMS = 24  # that lie in registers, of which AVX-512 has 32
ROWS = 8  # of a tile
NEAR = 32  # columns of which a factor may lie in the first-level cache
PACKED = 512  # vectors of a factor that may be laid in a row, of 32 kB in the first-level cache
INLINE = 400  # lines of formulas that may follow a tile one after the other; longer ones are a loop


Finish = Callable[[list[tuple[Index, Index]], Sequence[str]], None]


class Factor(NamedTuple):
    """Where the numbers of a factor lie, in vectors: from the place of its first, by row or column, by k."""

    pointer: str
    first: Index
    apart: int
    along: int


class Tile(NamedTuple):
    """Rows and columns of sums that are computed together."""

    rows: int
    columns: int


def tile_of(rows: int, columns: int) -> Tile:
    """Return the tile of a product.

    A row is read again for each tile of columns and should stay in the first-level cache, so that few are
    taken at once; a column comes from afar for each tile of rows, so that rows are more than columns.
    """
    if columns <= 2:
        return Tile(_even(rows, MOST_SUMS // columns), columns)
    if rows < ROWS:
        return Tile(rows, _even(columns, MOST_SUMS // rows))
    # Two columns are as fast where a factor lies in the first-level cache, and leave no edge.
    return Tile(_even(rows, ROWS), 2 if columns <= NEAR and columns % 2 == 0 else 3)


def _even(length: int, most: int) -> int:
    """Return how long pieces of about equal length are, none longer than `most`."""
    return -(-length // -(-length // most))


def _divisor(length: int, most: int) -> int:
    return next(step for step in range(most, 0, -1) if length % step == 0)


def over(code: Code, length: int, step: int, body: Callable[[Index], None]) -> None:
    """Append a loop over an axis in steps; the last one begins earlier if it would reach beyond the end."""

    def turn(index: Index, _: Sequence[str]) -> Sequence[str]:
        body(code.smaller(index, length - step) if length % step else index)
        return []

    code.loop(-(-length // step) * step, turn, step=step)


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
    rows, columns, inner = shape
    left, right = factors
    tile = tile_of(rows, columns)
    if once:
        tile = Tile(_divisor(rows, tile.rows), _divisor(columns, tile.columns))
    near, sums = tile.rows * inner, tile.rows * tile.columns
    packs = left.along != 1 and columns >= 4 * tile.columns and near <= PACKED
    memory = code.at(*room(near)) if packs else ""
    longest = sums * code.measured(lambda: finish([(0, 0)], [code.number(0.0)]))
    spare = code.at(*room(sums)) if longest > INLINE else ""

    def row(i: Index) -> None:
        own = _begun(code, left, i)
        if packs:
            own = _pack(code, own, memory, tile.rows, inner)

        def column(j: Index) -> None:
            totals = _summed(code, own, _begun(code, right, j), tile, inner)
            if spare:
                _finish_one_by_one(code, totals, tile, (i, j), spare, finish)
                return
            places = [(code.sum(i, r), code.sum(j, c)) for r in range(tile.rows) for c in range(tile.columns)]
            finish(places, totals)

        over(code, columns, tile.columns, column)

    over(code, rows, tile.rows, row)


def _finish_one_by_one(
    code: Code, totals: Sequence[str], tile: Tile, start: tuple[Index, Index], spare: str, finish: Finish
) -> None:
    """Append a loop over the sums of a tile, where the formulas that follow are long."""
    for at, total in enumerate(totals):
        code.store(total, spare, at)

    def row(r: Index, _: Sequence[str]) -> Sequence[str]:
        def column(c: Index, _: Sequence[str]) -> Sequence[str]:
            total = code.load(spare, code.sum(code.product(r, tile.columns), c))
            finish([(code.sum(start[0], r), code.sum(start[1], c))], [total])
            return []

        code.loop(tile.columns, column)
        return []

    code.loop(tile.rows, row)


def _begun(code: Code, factor: Factor, at: Index) -> Factor:
    """Return a factor from a row or column on."""
    place = code.sum(factor.first, code.product(at, factor.apart))
    return factor._replace(pointer=code.at(factor.pointer, place), first=0)


def _pack(code: Code, factor: Factor, start: str, height: int, inner: int) -> Factor:
    """Append the copying of some rows to where they lie in a row, in the order that sums read them."""

    def turn(k: Index, _: Sequence[str]) -> Sequence[str]:
        source = code.at(factor.pointer, code.product(k, factor.along))
        target = code.at(start, code.product(k, height))
        for r in range(height):
            code.store(code.load(source, r * factor.apart), target, r)
        return []

    code.loop(inner, turn)
    return Factor(start, 0, 1, height)


def _summed(code: Code, left: Factor, right: Factor, tile: Tile, inner: int) -> Sequence[str]:
    """Append the sums of a tile, row by row."""

    def turn(k: Index, sums: Sequence[str]) -> Sequence[str]:
        one = code.at(left.pointer, code.product(k, left.along))
        other = code.at(right.pointer, code.product(k, right.along))
        values = [code.load(other, c * right.apart) for c in range(tile.columns)]
        results = []
        for r in range(tile.rows):
            value = code.load(one, r * left.apart)
            for c in range(tile.columns):
                results.append(code.fma(value, values[c], sums[r * tile.columns + c]))
        return results

    return code.loop(inner, turn, [code.number(0.0)] * (tile.rows * tile.columns))
