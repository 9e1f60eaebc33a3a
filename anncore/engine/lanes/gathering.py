"""The gathering of a batch: each lane gets the examples of its own trial, in that trial's order.

Trials of the same data lie side by side. Where a group has few data sets, each is spread over all lanes from
the first of its own on, and the next one over those behind; where it has many, lanes are filled one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from anncore.engine.lanes.code import Code, Index

AHEAD = 6  # examples whose numbers are on their way while others are copied
LINE = 64  # bytes that come from memory together
UNROLLED = 4  # numbers of an example that are copied without a loop


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
    lanes = code.kind.lanes
    count = code.load_scalar("i64", firsts)

    def spread(first: str, n: Index, *, over: bool) -> None:
        mine = code.mask_from(first) if over else ""
        rows = code.load_scalar("ptr", order, first)
        row = code.load_scalar("i64", rows, code.sum(start, n))
        for array in arrays:
            pointer = code.load_scalar("ptr", array.addresses, first)
            if array.width * code.kind.bytes >= LINE // 2:
                later = code.load_scalar(
                    "i64", rows, code.sum(start, code.smaller(code.sum(n, AHEAD), batch - 1))
                )
                code.fetch(
                    pointer, code.product(later, array.width * code.kind.bytes), array.width * code.kind.bytes
                )
            head = code.at(pointer, code.product(row, array.width), code.kind.scalar)
            end = code.at(target, code.sum(array.target, code.product(n, array.width)))

            def number(d: Index, head: str = head, end: str = end) -> None:
                vector = code.splat(code.load_scalar(code.kind.scalar, head, d))
                code.store(code.masked(mine, vector, code.load(end, d)) if over else vector, end, d)

            _each(code, array.width, number)

    def together() -> None:
        one = code.load_scalar("i64", firsts, 1)
        rest = code.add(f"sub i64 {count}, 1")
        several = code.add(f"icmp sgt i64 {count}, 1")

        def example(n: Index, _: Sequence[str]) -> Sequence[str]:
            def others() -> None:
                def following(s: Index, _: Sequence[str]) -> Sequence[str]:
                    spread(code.load_scalar("i64", firsts, code.sum(s, 2)), n, over=True)
                    return []

                code.loop(rest, following)

            spread(one, n, over=False)
            code.branch(several, others, lambda: None)
            return []

        code.loop(batch, example)

    def apart() -> None:
        rows = [code.load_scalar("ptr", order, lane) for lane in range(lanes)]
        pointers = [
            [code.load_scalar("ptr", array.addresses, lane) for lane in range(lanes)] for array in arrays
        ]

        def example(n: Index, _: Sequence[str]) -> Sequence[str]:
            place = code.sum(start, n)
            own = [code.load_scalar("i64", one, place) for one in rows]
            for array, starts in zip(arrays, pointers, strict=True):
                heads = [
                    code.at(one, code.product(row, array.width), code.kind.scalar)
                    for one, row in zip(starts, own, strict=True)
                ]
                end = code.at(target, code.sum(array.target, code.product(n, array.width)))

                def number(
                    d: Index, _: Sequence[str], heads: Sequence[str] = heads, end: str = end
                ) -> Sequence[str]:
                    code.store(
                        code.joined([code.load_scalar(code.kind.scalar, head, d) for head in heads]), end, d
                    )
                    return []

                code.loop(array.width, number)
            return []

        code.loop(batch, example)

    code.branch(code.add(f"icmp sle i64 {count}, {lanes // 2}"), together, apart)


def _each(code: Code, count: int, body: Callable[[Index], None]) -> None:
    """Append what is done for each of some numbers, in a loop where they are many."""
    if count <= UNROLLED:
        for at in range(count):
            body(at)
        return

    def turn(index: Index, _: Sequence[str]) -> Sequence[str]:
        body(index)
        return []

    code.loop(count, turn)
