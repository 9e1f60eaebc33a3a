"""The gathering of a batch: each lane gets the examples of its own trial, in that trial's order.

Trials of the same data lie side by side. Where a group has few data sets, each is spread over all lanes from
the first of its own on, and the next one over those behind; where it has many, lanes are filled one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from anncore.engine.lanes.code import Code, Index

AHEAD = 6  # examples whose numbers are on their way while others are copied
FEW = 8
LINE = 64  # bytes that come from memory together
UNROLLED = 4  # numbers of an example that are copied in one turn of a loop


class Gathered(NamedTuple):
    """Numbers of examples: the addresses of each lane's array, how many of an example, and where they go."""

    addresses: str
    width: int
    target: Index


def gather(
    code: Code, arrays: Sequence[Gathered], order: str, firsts: str, target: str, batch: int, start: Index
) -> None:
    """Append the gathering of one group's batch.

    order: the addresses of each lane's order of examples, in which the batch begins at `start`. firsts: how
    many data sets the group has, then the first lane of each.
    """
    count = code.load_scalar("i64", firsts)
    scalar = code.kind.scalar

    def copied(lane: Index, n: Index, write: Callable[[str, str, Index], None]) -> None:
        rows = code.load_scalar("ptr", order, lane)
        row = code.load_scalar("i64", rows, code.sum(start, n))
        for array in arrays:
            pointer = code.load_scalar("ptr", array.addresses, lane)
            length = array.width * code.kind.bytes
            if length >= LINE // 2:
                next_one = code.smaller(code.sum(n, AHEAD), batch - 1)
                later = code.load_scalar("i64", rows, code.sum(start, next_one))
                code.fetch(pointer, code.product(later, length), length)
            head = code.at(pointer, code.product(row, array.width), scalar)
            end = code.at(target, code.sum(array.target, code.product(n, array.width)))

            def number(d: Index, head: str = head, end: str = end) -> None:
                write(code.load_scalar(scalar, head, d), end, d)

            _each(code, array.width, number)

    def whole(value: str, end: str, d: Index) -> None:
        code.store(code.splat(value), end, d)

    def together() -> None:
        one = code.load_scalar("i64", firsts, 1)
        rest = code.add(f"sub i64 {count}, 1")
        several = code.add(f"icmp sgt i64 {count}, 1")

        def example(n: Index) -> None:
            def following(s: Index) -> None:
                first = code.load_scalar("i64", firsts, code.sum(s, 2))
                mine = code.mask_from(first)

                def behind(value: str, end: str, d: Index) -> None:
                    code.store(code.masked(mine, code.splat(value), code.load(end, d)), end, d)

                copied(first, n, behind)

            copied(one, n, whole)
            code.branch(several, lambda: code.turns(rest, following), lambda: None)

        code.turns(batch, example)

    def apart() -> None:
        def example(n: Index) -> None:
            def own(lane: Index) -> None:
                def alone(value: str, end: str, d: Index) -> None:
                    code.store_scalar(value, code.at(end, d), lane)

                copied(lane, n, alone)

            code.turns(code.kind.lanes, own)

        code.turns(batch, example)

    code.branch(code.add(f"icmp sle i64 {count}, {FEW}"), together, apart)


def _each(code: Code, count: int, body: Callable[[Index], None]) -> None:
    """Append what is done for each of some numbers, several in a turn."""

    def several(start: Index) -> None:
        for more in range(UNROLLED):
            body(code.sum(start, more))

    whole = count // UNROLLED * UNROLLED
    if whole:
        code.turns(whole, several, UNROLLED)
    for at in range(whole, count):
        body(at)
