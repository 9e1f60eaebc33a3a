"""Texts from outside as they may be shown: nothing in them steers a terminal or the text around them.

Titles, comments, errors and names of classes come from files and components. A terminal obeys the control
characters in them; U+202E and its like turn the direction of whatever follows, so that a sentence seems to
say something else. Data keep every character: these functions are for views.
"""

from __future__ import annotations

import json

JOINERS = "\u200c\u200d"  # parts of words in some scripts, and of signs; they steer nothing


def printable(text: object) -> str:
    """Return a text as one line of printable characters: spaces for line breaks, the rest left out."""
    line = str(text)
    return line if line.isprintable() else "".join(map(_shown, line))


def printable_lines(text: object) -> str:
    """Return a text whose lines, ended by "\\n" alone, are printable."""
    return "\n".join(map(printable, str(text).split("\n")))


def spelt(text: str) -> str:
    """Return a text with escapes such as \\u202e for what is not printable; line breaks and tabs stay.

    Both JSON and TOML read them in a quoted text, so there it means the same as before.
    """
    return "".join(c if c.isprintable() or c in "\n\t" else json.dumps(c)[1:-1] for c in text)


def _shown(c: str) -> str:
    if c.isprintable() or c in JOINERS:
        return c
    return " " if c.isspace() else ""
