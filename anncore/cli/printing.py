"""The one place that prints: it knows what would steer a terminal, and what its encoding lacks.

`tests/test_one_place.py` reads all sources: no other module calls print, click.echo or the standard streams.
Errors come here shortened (`anncore.contract.errors`).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

import click

from anncore.contract.telling import TELLER
from anncore.report.printable import printable, printable_lines, spelt

if TYPE_CHECKING:
    from rich.console import Console

PLAIN = dict(zip("–—−‐‑’‘“”×·•✓", "-----''\"\"x.*+", strict=True)) | {
    **{"→": "->", "←": "<-", "⇔": "<=>", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "±": "+-"},
    **{"√": "sqrt", "∞": "inf", "∂": "d", "✗": "x", "⌊": "floor(", "⌋": ")"},
}


def prepare_streams() -> None:
    """Make standard input, output and error usable, whatever the process was started with.

    Standard output and error replace what their encoding lacks: cp1252 and GBK know few formulas.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        _refill(descriptor, name)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _refill(descriptor: int, name: str) -> None:
    """Let a standard stream that is closed be the null device.

    Otherwise the next file that is opened gets its number, the store for instance, and what a plugin prints
    would be written into it.
    """
    try:
        os.fstat(descriptor)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != descriptor:
            os.dup2(null, descriptor)
            os.close(null)
        os.set_inheritable(descriptor, True)
    if getattr(sys, name) is None:
        mode = "w" if descriptor else "r"
        setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def drop_stream(*, err: bool = False) -> None:
    """Let standard output or error write nowhere: Python flushes it at its end, and would raise again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), (sys.stderr if err else sys.stdout).fileno())


def say(text: object = "", *, err: bool = False) -> None:
    """Print lines for people, without the characters that would control their terminal."""
    put(printable_lines(text), err=err)


def put(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a printable text; what the stream's encoding lacks is replaced by what means the same, or ?."""
    text = _encodable(text, sys.stderr if err else sys.stdout)
    if err:
        click.echo(text, err=True, nl=nl)
        return
    with unread_output_dropped():
        click.echo(text, nl=nl)


@contextlib.contextmanager
def unread_output_dropped() -> Iterator[None]:
    """Go on without standard output where its reader has closed the pipe, as in `annx verify DIR | head -1`.

    What a verb finds out stands in its exit code too, so that it must come to its end.
    """
    try:
        yield
    except BrokenPipeError:
        drop_stream()


def can_print(text: str) -> bool:
    """Tell whether the encoding of standard output has all characters of a text."""
    return _fits(text, sys.stdout)


def passing(text: str) -> None:
    """Show a line on standard error, a terminal, which the next one or "" replaces; no thread draws it."""
    if os.environ.get("TERM") == "dumb":
        return
    put(f"\r\x1b[K{_encodable(text, sys.stderr)}", err=True, nl=False)


def say_styled(lines: Iterable[Sequence[tuple[str, str]]], styles: Mapping[str, str]) -> None:
    """Print lines of pieces, each with the name of its style; in colour on a terminal that wants it.

    styles: by name what rich calls a style. NO_COLOR, TERM=dumb and a pipe give plain text.
    """
    from rich.text import Text

    terminal = console() if width() else None
    for line in lines:
        if terminal is None or terminal.no_color or terminal.color_system is None:
            say("".join(text for text, _ in line).rstrip())
            continue
        pieces = [
            (_encodable(printable_lines(text), sys.stdout), styles.get(name, "")) for text, name in line
        ]
        terminal.print(Text.assemble(*pieces), soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one JSON document on standard output, with escapes for characters that are not printable."""
    put_json(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def put_json(piece: str) -> None:
    """Print a piece of JSON, with escapes for what is not printable or not in the stream's encoding."""
    text = spelt(piece)
    if not _fits(text, sys.stdout):
        text = "".join(c if _fits(c, sys.stdout) else json.dumps(c)[1:-1] for c in text)
    with unread_output_dropped():
        click.echo(text, nl=False)


def width(*, err: bool = False) -> int | None:
    """Return the terminal's width, None where standard output (or error) is no terminal."""
    if not (sys.stderr if err else sys.stdout).isatty():
        return None
    return shutil.get_terminal_size().columns


@contextlib.contextmanager
def told_above(bars: Console) -> Iterator[None]:
    """While the body runs, print what the lower wings tell above the bars that move on a console."""
    before = TELLER.say
    TELLER.say = lambda text: bars.print(printable(text), markup=False, highlight=False)
    try:
        yield
    finally:
        TELLER.say = before


def console(*, err: bool = False, **settings: Any) -> Console:
    """Return a rich console on standard output or error; what it prints must be printable."""
    from rich.console import Console

    return Console(stderr=err, highlight=False, **settings)


def _fits(text: str, stream: IO[str] | None) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _encodable(text: str, stream: IO[str] | None) -> str:
    if _fits(text, stream):
        return text
    return "".join(c if _fits(c, stream) else _like(c, stream) for c in text)


def _like(c: str, stream: IO[str] | None) -> str:
    """Return what means the same as a character that the stream's encoding lacks."""
    plain = PLAIN.get(c) or "".join(part for part in unicodedata.normalize("NFKD", c) if part.isascii())
    if unicodedata.decomposition(c).startswith("<super>"):
        plain = f"^{plain}"
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(c, ""))
    if greek:
        plain = greek[2].lower() if greek[1] == "SMALL" else greek[2].capitalize()
    return plain if (plain or unicodedata.combining(c)) and _fits(plain, stream) else "?"
