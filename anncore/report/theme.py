"""Colours, marks and the light and dark of every figure, in one place.

The palette keeps 3:1 contrast on its paper and stays apart under colour-vision deficiency; marker and
dash repeat what the colour says. Every colour a figure may use has one light and one dark value, so a
dark figure is its light one with the colours exchanged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

LIGHT = ("#0072b2", "#d55e00", "#32a588", "#b4065f", "#9d80f7", "#493802", "#3506b7", "#2e0f50")
DARK = ("#56b4e9", "#e69f00", "#1ee5a4", "#ff4d6a", "#b590b2", "#f0e442", "#8fa8ff", "#e6ccfa")
# Of a data set's classes, whose regions and examples must not look like an arm's lines.
CLASSES = ("#9c7a10", "#4a8797", "#63402f", "#b05c94", "#5f8a3a", "#5d63a0", "#77808a", "#c2607a")
DARK_CLASSES = ("#d6bd5e", "#8fbccb", "#c7a593", "#e3a0cd", "#a6cf86", "#b3b6e6", "#bcc4cd", "#f0a9b8")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (6, 1.5)),
    (0, (4, 1.2, 1.2, 1.2)),
    (0, (2.5, 1)),
    (0, (7, 1.5, 1.2, 1.5, 1.2, 1.5)),
    (0, (1.2, 0.8)),
    (0, (9, 2)),
    (0, (5, 1, 1, 1, 1, 1)),
)
TOKENS = {
    "ink": ("#1b2733", "#eef1f4"),
    "muted": ("#56616f", "#a7afba"),
    "grid": ("#e1e4e8", "#2c3138"),
    "frame": ("#5a6473", "#9aa2ad"),
    "paper": ("#ffffff", "#14171c"),
    "alarm": ("#8b1a1a", "#ff9a90"),
    "alarm_fill": ("#fbe9e7", "#3b2021"),
    "zebra": ("#f4f5f7", "#1b1f25"),
    "bar": ("#c5c8ce", "#4b525c"),
    "others": ("#9aa1ab", "#727a86"),
    "on_pale": ("#05080c", "#fafbfc"),  # text on the pale half of the ramp, and its dark counterpart
    "on_deep": ("#fffffe", "#05080b"),
}
LEVELS = 16
ALPHABET = r"#[0-9a-fA-F]{6}\b"


def _mix(low: str, high: str, share: float) -> str:
    ends = [[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in (low, high)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(*ends, strict=True))


def _ramp(low: str, middle: tuple[str, str], high: str) -> tuple[str, ...]:
    """Return LEVELS colours in two runs; the gap between them is where no text would be legible."""
    half = LEVELS // 2
    first = [_mix(low, middle[0], i / (half - 1)) for i in range(half)]
    return (*first, *(_mix(middle[1], high, i / (half - 1)) for i in range(half)))


RAMP = _ramp("#eff6fd", ("#7fa9c8", "#3f7399"), "#0a4c7d")
DARK_RAMP = _ramp("#1a2530", ("#38607f", "#6ea3c6"), "#bfe3ff")
_EXCHANGE = {
    **dict(zip(LIGHT, DARK, strict=True)),
    **dict(zip(CLASSES, DARK_CLASSES, strict=True)),
    **dict(TOKENS.values()),
    **dict(zip(RAMP, DARK_RAMP, strict=True)),
}
EVERY_COLOR = tuple(_EXCHANGE)
"""Every light colour there is; `darken` knows its dark value."""


@dataclass(frozen=True)
class Style:
    """How one arm is drawn throughout a report."""

    color: str
    marker: str
    dash: Any
    highlighted: bool = True


@dataclass(frozen=True)
class Theme:
    """The colours of a report and the style of each of its arms.

    Up to eight arms have a colour each, in the experiment's order. With more, the seven that rank best
    are highlighted and the others grey: twenty colours cannot be told apart.
    """

    styles: dict[str, Style] = field(default_factory=dict)
    ramp: tuple[str, ...] = RAMP

    @classmethod
    def of(cls, arms: Sequence[str], ranked: Sequence[str] = ()) -> Theme:
        """Give each arm its style; `ranked` names the arms from the best down."""
        chosen = list(arms)
        if len(chosen) > len(LIGHT):
            best = set(list(ranked or arms)[: len(LIGHT) - 1])
            chosen = [arm for arm in arms if arm in best]
        grey = Style(TOKENS["others"][0], ".", "-", highlighted=False)
        styles = dict.fromkeys(arms, grey)
        for place, arm in enumerate(chosen):
            styles[arm] = Style(LIGHT[place], MARKERS[place], DASHES[place])
        return cls(styles)

    def __getitem__(self, arm: str) -> Style:
        """Return an arm's style; an unknown arm is grey."""
        return self.styles.get(arm, Style(TOKENS["others"][0], ".", "-", highlighted=False))

    def token(self, name: str) -> str:
        """Return a named colour: ink, muted, grid, frame, paper, alarm, alarm_fill, zebra, bar, others."""
        return TOKENS[name][0]

    def class_color(self, place: int) -> str:
        """Return the colour of a data set's class, one of eight, which no arm has."""
        return CLASSES[place % len(CLASSES)]

    def level(self, share: float) -> int:
        """Return the ramp's level for a share of its length in [0, 1]."""
        return min(LEVELS - 1, max(0, int(share * LEVELS)))

    def text_on(self, level: int) -> str:
        """Return the colour of text on a level of the ramp."""
        return TOKENS["on_pale" if level < LEVELS // 2 else "on_deep"][0]


def darken(svg: str) -> str:
    """Return the dark variant of an SVG drawn with this theme's colours."""
    return re.sub(ALPHABET, lambda match: _EXCHANGE.get(match[0].lower(), match[0]), svg)
