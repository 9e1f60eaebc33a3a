"""Parts of a function that occur several times, such as the loops of equal layers, as functions of their own.

So that a deep network, or one unrolled in time, is compiled once for each loop that differs. A part sees
pointers and lengths from outside alone; two are the same if their texts are, names aside.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

NAME = re.compile(r"%[a-z]\w*")
LABEL = re.compile(r"^(b\d+):$")
PHI = re.compile(r"%(b\d+|entry)\]")


class Part(NamedTuple):
    """Lines from `start` to `end`, which begin in the block `before` and leave the block `after`.

    prelude: lines that belong before it. text: with names of its own. arguments: what it sees from outside,
    each with its type; None where it sees anything but pointers and i64, and so must stay where it is.
    """

    start: int
    end: int
    before: str
    after: str
    prelude: Sequence[str]
    text: str
    arguments: tuple[str, ...] | None

    @classmethod
    def of(cls, lines: Sequence[str], start: int, before: str, after: str, prelude: Sequence[str]) -> Part:
        """Return the part that begins at a line and ends with the last one."""
        own = lines[start:]
        names: dict[str, str] = {f"%{before}": "%entry"}
        for line in own:
            head, equals, _ = line.partition(" = ")
            label = LABEL.match(line)
            if equals:
                names[head] = f"%a{len(names)}"
            elif label:
                names[f"%{label[1]}"] = f"%l{len(names)}"
        arguments: dict[str, str | None] = {}

        def renamed(match: re.Match[str]) -> str:
            name = match[0]
            if name not in names:
                names[name] = f"%p{len(arguments)}"
                arguments[name] = None
            if name in arguments and arguments[name] is None:
                arguments[name] = _type_at(match.string, match.start())
            return names[name]

        texts = []
        for line in own:
            label = LABEL.match(line)
            texts.append(f"{names['%' + label[1]][1:]}:" if label else NAME.sub(renamed, line))
        typed = [f"{kind} {name}" for name, kind in arguments.items() if kind is not None]
        fits = len(typed) == len(arguments)
        return cls(
            start, len(lines), before, after, prelude, "\n".join(texts), tuple(typed) if fits else None
        )


def _type_at(line: str, at: int) -> str | None:
    """Return the type that is written before a name, if it is one that a part may see."""
    word = line[:at].rstrip().rpartition(" ")[2].lstrip("(")
    return word if word in ("ptr", "i64") else None


def joined(lines: Sequence[str], parts: Sequence[Part]) -> tuple[list[str], list[str]]:
    """Return functions for the parts that occur several times, and the lines that call them."""
    counts = Counter(part.text for part in parts if part.arguments is not None)
    functions: dict[str, str] = {}
    blocks: dict[str, str] = {}  # where a call stands in a block's place
    made: list[str] = []

    def placed(several: Sequence[str]) -> Iterator[str]:
        for line in several:
            yield (
                PHI.sub(lambda match: f"%{blocks.get(match[1], match[1])}]", line) if "phi" in line else line
            )

    at = 0
    for part in parts:
        made += placed(lines[at : part.start])
        made += part.prelude
        at = part.end
        if part.arguments is None or counts[part.text] == 1:
            made += placed(lines[part.start : part.end])
            continue
        name = functions.setdefault(part.text, f"@part{len(functions)}")
        made.append(f"call void {name}({', '.join(part.arguments)})")
        blocks[part.after] = blocks.get(part.before, part.before)
    made += placed(lines[at:])
    texts = []
    for text, name in functions.items():
        part = next(part for part in parts if part.text == text)
        assert part.arguments is not None
        kinds = [argument.partition(" ")[0] for argument in part.arguments]
        head = ", ".join(f"{kind} %p{place}" for place, kind in enumerate(kinds))
        texts.append(f"define internal void {name}({head}) {{\nentry:\n{text}\nret void\n}}")
    return texts, made
