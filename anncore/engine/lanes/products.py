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


def cut(code: Code, length: int, step: int, body: Callable[[Index, int], None]) -> None:
    """Append a loop over an axis in steps, and what is left; `body` gets start and length."""
    whole = length // step * step

    def turn(index: Index, _: Sequence[str]) -> Sequence[str]:
        body(index, step)
        return []

    if whole:
        code.loop(whole, turn, step=step)
    if whole < length:
        body(whole, length - whole)


def append_product(
    code: Code,
    factors: tuple[Factor, Factor],
    shape: tuple[int, int, int],
    packed: Callable[[int], Factor],
    finish: Callable[[list[tuple[Index, Index]], Sequence[str]], None],
) -> None:
    """Append the loops of a product.

    shape: rows, columns, the length of the sums. packed: returns memory for so many vectors. finish: gets the
    places of sums, and the sums.
    """
    rows, columns, inner = shape
    left, right = factors
    tile = tile_of(rows, columns)
    near: Factor | None = None
    if left.along != 1 and columns >= 4 * tile.columns and tile.rows * inner <= PACKED:
        near = packed(tile.rows * inner)

    def row(i: Index, height: int) -> None:
        own = _begun(code, left, i)
        if near is not None:
            own = _pack(code, own, near, height, inner)

        def column(j: Index, width: int) -> None:
            sums = _summed(code, own, _begun(code, right, j), Tile(height, width), inner)
            places = [(code.sum(i, r), code.sum(j, c)) for r in range(height) for c in range(width)]
            finish(places, sums)

        cut(code, columns, tile.columns, column)

    cut(code, rows, tile.rows, row)


def _begun(code: Code, factor: Factor, at: Index) -> Factor:
    """Return a factor from a row or column on."""
    place = code.sum(factor.first, code.product(at, factor.apart))
    return factor._replace(pointer=code.at(factor.pointer, place), first=0)


def _pack(code: Code, factor: Factor, near: Factor, height: int, inner: int) -> Factor:
    """Append the copying of some rows to where they lie in a row, in the order that sums read them."""
    start = code.at(near.pointer, near.first)

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
