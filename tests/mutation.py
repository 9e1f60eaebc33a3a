"""Mutated experiment files and overrides: of bytes and of structure, the same ones for the same seed."""

from __future__ import annotations

import random
from datetime import date, datetime, time
from typing import Any

MARKS = (
    *(
        b"[",
        b"]",
        b"[[",
        b"]]",
        b"{",
        b"}",
        b"=",
        b",",
        b".",
        b'"',
        b"'",
        b'"""',
        b"#",
        b"\n",
        b"\r\n",
        b"\\",
    ),
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"\x1b[31m", b"-", b"e999", b"inf", b"nan", b"true"),
    *(b"1e400", b"9223372036854775808", b"0x" + b"f" * 60, b"1979-05-27", b"[exclude]\n", b"[[exclude]]\n"),
    *(b"[[include]]\n", b"[optimizer.sgd]\n", b"a.b.c.d = 1\n", b"lr = 'search'\n", b'use = "sgd"\n'),
)
NUMBERS = (
    *(0, 1, -1, 2, 3, 7, 60, 1e-3, 0.5, 1.0, -0.5, 1e300, 5e-324, float("inf"), float("-inf"), float("nan")),
    *(10**9, 10**12, 2**31, 2**63 - 1, 2**63, -(2**63), 10**40, 10**5000, 1e12),
)
WORDS = (
    *("sgd", "adam", "momentum", "relu", "auto", "search", "full", "use", "lr", "log", "linear", "range"),
    *("uniform", "choice", "num", "preset", "iris", "two_moons", "valid_loss", "valid_accuracy", "random"),
    *("sobol", "60s", "600h", "", " ", "a, b", "lr, momentum", "optimizer.lr", "network.hidden", "inner"),
    *("optimizer", "lookahead", "clipped", "muon", "SGD", "annx:sgd", "x" * 300, "\u202e", "\0", "a.b", "*"),
)
KEYS = (
    *("schema", "title", "vary", "train", "split", "seeds", "select", "search", "dataset", "objective"),
    *("network", "activation", "loss", "optimizer", "schedule", "initializer", "exclude", "include"),
    *("limits", "plugins", "report", "steps", "epochs", "batch_size", "eval_every", "stop", "patience"),
    *("tune", "start", "method", "samples", "widen", "metric", "goal", "max_trials", "timeout", "control"),
    *("target", "rope", "waive", "watch", "files", "hidden", "n", "noise", "lr", "gt", "in", "eq", "path"),
)


def byte_mutant(chance: random.Random, text: str) -> bytes:
    """Return a text with a few of its bytes, marks or lines changed."""
    raw = bytearray(text.encode())
    for _ in range(chance.randint(1, 4)):
        at, size = chance.randrange(len(raw) + 1), chance.randint(1, 12)
        change = chance.randrange(6)
        if change == 0:
            del raw[at : at + size]
        elif change == 1:
            raw[at:at] = chance.choice(MARKS)
        elif change == 2:
            raw[at : at + size] = bytes(chance.randrange(256) for _ in range(size))
        elif change == 3:
            lines = raw.split(b"\n")
            lines.insert(chance.randrange(len(lines)), chance.choice(lines))
            raw = bytearray(b"\n".join(lines))
        elif change == 4:
            lines = raw.split(b"\n")
            del lines[chance.randrange(len(lines))]
            raw = bytearray(b"\n".join(lines))
        else:
            start = chance.randrange(len(raw) + 1)
            raw[at:at] = raw[start : start + 3 * size] * chance.choice((1, 1, 2, 40))
    return bytes(raw)


def tree_mutant(chance: random.Random, data: dict[str, Any]) -> dict[str, Any]:
    """Return a document with a few values, keys or tables changed."""
    document = _copied(data)
    for _ in range(chance.randint(1, 3)):
        holders = _holders(document)
        holder = chance.choice(holders)
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        change = chance.randrange(5)
        if isinstance(holder, dict) and (change == 0 or not keys):
            holder[chance.choice(KEYS + WORDS)] = value(chance)
        elif not keys:
            holder.append(value(chance))
        elif change == 1:
            del holder[chance.choice(keys)]
        elif change == 2:  # what stands elsewhere in the document
            holder[chance.choice(keys)] = _copied(chance.choice(holders))
        elif change == 3 and isinstance(holder, dict):
            holder[chance.choice(KEYS + WORDS)] = holder.pop(chance.choice(keys))
        else:
            holder[chance.choice(keys)] = value(chance)
    return document


def _copied(node: Any, depth: int = 0) -> Any:
    """Return a copy whose innermost levels, beyond 100, are those of the original."""
    if depth > 100 or not isinstance(node, (dict, list)):
        return node
    if isinstance(node, dict):
        return {key: _copied(item, depth + 1) for key, item in node.items()}
    return [_copied(item, depth + 1) for item in node]


def _holders(document: dict[str, Any]) -> list[Any]:
    """Return every table and list of a document, up to twenty levels."""
    holders: list[Any] = [document]
    level: list[Any] = [document]
    for _ in range(20):
        items = [item for node in level for item in (node.values() if isinstance(node, dict) else node)]
        level = [item for item in items if isinstance(item, (dict, list))]
        holders += level
    return holders


def value(chance: random.Random, depth: int = 0) -> Any:
    """Return any value that a TOML file can hold, likely or not."""
    kind = chance.randrange(12 if depth < 3 else 8)
    if kind < 3:
        return chance.choice(NUMBERS)
    if kind < 6:
        return chance.choice(WORDS)
    if kind == 6:
        return chance.random() < 0.5
    if kind == 7:
        return chance.choice((date(2024, 1, 2), time(3, 4), datetime(2024, 1, 2, 3, 4)))
    if kind < 10:
        return [value(chance, depth + 1) for _ in range(chance.randint(0, 3))]
    if kind == 10:
        return {chance.choice(WORDS + KEYS): value(chance, depth + 1) for _ in range(chance.randint(0, 3))}
    return _nested(chance, chance.choice((2, 30, 3000)))


def _nested(chance: random.Random, levels: int) -> Any:
    inner: Any = chance.choice(NUMBERS)
    for _ in range(levels):
        inner = [inner] if chance.random() < 0.5 else {chance.choice(("a", "n", "stop")): inner}
    return inner


def override(chance: random.Random, document: dict[str, Any]) -> str:
    """Return a text as a user may give it after the file, likely KEY=VALUE, often of a key that it has."""
    if chance.random() < 0.6:
        path = chance.choice(_paths(document))
    else:
        length = chance.choice((1, 2, 2, 3, 3, 4, 40))
        path = [_quoted(chance, chance.choice(KEYS + WORDS)) for _ in range(length)]
    key = ".".join(path)
    if chance.random() < 0.05:
        key = byte_mutant(chance, key).decode("utf-8", "replace")
    return f"{key}{chance.choice('=' * 12 + ': ')}{written(chance)}"


def _paths(document: dict[str, Any]) -> list[list[str]]:
    """Return where the values of a document stand, each as keys from the top down."""
    paths: list[list[str]] = []
    for key, item in document.items():
        own = [f'"{key}"' if "." in key or "," in key else key]
        paths += [own + below for below in _paths(item)] if item and isinstance(item, dict) else [own]
    return paths


def _quoted(chance: random.Random, key: str) -> str:
    return f'"{key}"' if chance.random() < 0.15 else key


def written(chance: random.Random) -> str:
    """Return a value as a user writes it, likely TOML."""
    likely = chance.choice((NUMBERS, WORDS, (0.1, 0.5, 2, 3, 7), (0.1, 2, [0.1], [4], [1, 2])))
    text = _toml(value(chance) if chance.random() < 0.2 else chance.choice(likely))
    if chance.random() < 0.1:
        text = byte_mutant(chance, text).decode("utf-8", "replace")
    return text


def _toml(item: Any, depth: int = 0) -> str:
    """Return a value as TOML writes it inline; what lies deep is cut off."""
    if isinstance(item, bool):
        return str(item).lower()
    if depth > 200:
        return "0"
    if isinstance(item, dict):
        return "{ " + ", ".join(f"{key} = {_toml(inner, depth + 1)}" for key, inner in item.items()) + " }"
    if isinstance(item, list):
        return "[" + ", ".join(_toml(inner, depth + 1) for inner in item) + "]"
    if isinstance(item, int):
        return hex(item) if item > 2**64 else str(item)  # Python writes no more than 4300 digits
    return repr(item) if isinstance(item, str) else str(item)
