"""Texts that fit: their width in inches, lines broken, names shortened."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from functools import cache, partial

MEASURED_AT = 100.0  # points, as matplotlib measures outlines; widths grow with the size of the type


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Return the width of one line of text in inches."""
    return _width(text, weight) * (size / MEASURED_AT) / 72 if text else 0.0


@cache
def _width(text: str, weight: str) -> float:
    from matplotlib.font_manager import FontProperties

    from anncore.report.drawing.renderers import LETTERS

    font = FontProperties(family="DejaVu Sans", weight=weight)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(?s)Glyph .* missing from")
        return float(LETTERS.size(text, font)[0])


def wrap(text: str, width: float, size: float, weight: str = "normal") -> list[str]:
    """Break text into lines no wider than `width` inches, at spaces where it can.

    A number keeps its %, and what closes a bracket the word before it.
    """
    text = re.sub(r"(?<=\d) (?=%)| (?=\d+\))", "\N{NO-BREAK SPACE}", text)
    lines, words = [""], 0
    for word in re.split(r"[ \t\n]+", text.strip()):
        joined = f"{lines[-1]} {word}".strip()
        if _fits(joined, words + 1, width, size, weight):
            lines[-1], words = joined, words + 1
            continue
        if lines[-1]:
            lines.append("")
        while text_width(word, size, weight) > width and len(word) > 1:
            cut = _longest(len(word) - 1, partial(_head_fits, word, width, size, weight))
            lines[-1], word = word[:cut], word[cut:]
            lines.append("")
        lines[-1], words = word, 1
    return lines


def _fits(line: str, words: int, width: float, size: float, weight: str) -> bool:
    """Say whether a line is no wider than `width`, measuring it only where its words leave that open.

    The words' own widths are measured once for all texts; between two of them lies a space of about a third
    of the type size, and at most a fifth more at their edges.
    """
    together = sum(text_width(word, size, weight) for word in line.split(" "))
    em = size / 72
    if together + (words - 1) * 0.55 * em <= width:
        return True
    if together + (words - 1) * 0.25 * em > width:
        return False
    return text_width(line, size, weight) <= width


def evenly(text: str, width: float, size: float, weight: str = "normal") -> list[str]:
    """Wrap text, and where its last line would not fill a third, at the least width with room."""
    lines = wrap(text, width, size, weight)
    if len(lines) < 2 or text_width(lines[-1], size, weight) >= width / 3:
        return lines
    low, high = min(width, max(text_width(word, size, weight) for word in text.split())), width
    for _ in range(12):
        middle = (low + high) / 2
        tried = wrap(text, middle, size, weight)
        low, high = (low, middle) if len(tried) == len(lines) else (middle, high)
    return wrap(text, high, size, weight)


def _head_fits(word: str, width: float, size: float, weight: str, kept: int) -> bool:
    return text_width(word[:kept], size, weight) <= width


def shorten(text: str, width: float, size: float, weight: str = "normal") -> str:
    """Return `text`, cut in the middle with an ellipsis where it is wider than `width` inches."""
    if text_width(text, size, weight) <= width:
        return text

    def cut(kept: int) -> str:
        head = math.ceil(kept * 0.6)
        return f"{text[:head]}…{text[len(text) - (kept - head) :]}"

    kept = _longest(len(text) - 1, lambda n: text_width(cut(n), size, weight) <= width)
    return cut(kept) if kept > 1 else "…"


def name_lines(name: str, width: float, size: float, most: int, weight: str = "normal") -> list[str] | None:
    """Break a name after spaces, underscores, hyphens and slashes into at most `most` lines of this width.

    None where it does not fit.
    """
    lines = [""]
    for piece in re.split(r"(?<=[ _/-])(?=[^ _/-])", name.strip()):
        if lines[-1] and text_width((lines[-1] + piece).rstrip(), size, weight) > width:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += piece
    fits = len(lines) <= most and all(text_width(line, size, weight) <= width for line in lines)
    return lines if fits else None


def two_lines(text: str, width: float, size: float, weight: str = "normal") -> str:
    """Return text on one line, or on two where it is wider than `width` inches; the second may be cut.

    It ends its first line after a space, an underscore, a hyphen or a slash where both lines then fit.
    """
    parts = name_lines(text, width, size, 2, weight)
    if parts is not None:
        return "\n".join(parts)
    first, *rest = wrap(text, width, size, weight)
    return "\n".join([first, shorten(" ".join(rest), width, size, weight)] if rest else [first])


def _longest(most: int, fits: Callable[[int], bool]) -> int:
    """Return the greatest n from 1 to `most` that fits, by halving; 1 where none does."""
    low = 1
    while low < most:
        middle = (low + most + 1) // 2
        low, most = (middle, most) if fits(middle) else (low, middle - 1)
    return low
