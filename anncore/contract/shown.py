"""How an object shows itself: one line at a prompt, a small table in a notebook.

An object that holds frames, arrays or a whole registry would fill the screen with them; it says instead what
it is and how much it holds.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence

WIDEST = 300  # characters of a line


class Shown:
    """An object that shows its facts; a dataclass takes `repr=False`, or Python writes another one."""

    def _facts(self) -> Mapping[str, object]:
        """Return what there is to say, by its name; what is empty is left out."""
        raise NotImplementedError

    def _title(self) -> str:
        """Return what comes first: the name of the class, as a rule."""
        return type(self).__name__

    def __repr__(self) -> str:
        facts = "; ".join(f"{name}: {_short(value)}" for name, value in self._said().items())
        return shortened(f"<{self._title()}: {facts}>" if facts else f"<{self._title()}>", WIDEST)

    def _repr_html_(self) -> str:
        return f"<b>{html.escape(self._title())}</b>{html_table(self._said().items())}"

    def _said(self) -> dict[str, str]:
        return {name: str(value) for name, value in self._facts().items() if value not in ("", None, ())}


def html_table(rows: Iterable[Sequence[object]], header: Sequence[object] = ()) -> str:
    """Return rows of cells as an HTML table, everything in it escaped."""
    head = "".join(f"<th>{_cell(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if header else ''}<tbody>{body}</tbody></table>"


def _cell(cell: object) -> str:
    return html.escape(str(cell)).replace("\n", "<br>")


def _short(text: str) -> str:
    return shortened(" ".join(text.split()), 120)


def shortened(text: str, width: int) -> str:
    """Return a text, cut to `width` characters where it is longer."""
    return text if len(text) <= width else text[: width - 4] + " ..."


def listed(names: Iterable[str], most: int = 8) -> str:
    """Return names separated by commas, the first few of many: "sgd, adam and 12 more"."""
    known = [str(name) for name in names]
    if len(known) <= most:
        return ", ".join(known)
    return f"{', '.join(known[:most])} and {len(known) - most} more"
