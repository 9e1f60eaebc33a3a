"""What can go wrong, as exceptions whose messages a user can act on.

    AnnxError                  anything a user can mend; printed as one line, without a traceback
    ├── ExperimentError        the experiment file, an override, or the plan they make
    │   └── ExperimentErrors   several mistakes of one file, a line each
    ├── ComponentError         a component's name, or a hyperparameter outside its domain
    ├── PluginError            a plugin that cannot be loaded, where it was asked for
    ├── DataError              a data file that cannot be read as it was described
    ├── StoreError             a run folder that cannot be used
    └── ReportError            what is asked of results that do not have it

Every message names the owner, the rule and the value, then the way out. Several mistakes that are known at
once are several arguments, `DataError("a: ...", "b: ...")`, and are printed one line each.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

MOST_LINES = 20  # of the mistakes of one file
RAISED_BY_PLUGINS = (Exception, SystemExit, GeneratorExit)
"""What may come out of a plugin's code and must not end its host; KeyboardInterrupt is the user's."""

JOINTS = str.maketrans("", "", "_- ")
LONGEST_NAME = 60  # a longer name is no misspelling of a component or key


_COMMAND_LINE: ContextVar[bool] = ContextVar("command_line", default=False)
IN_PYTHON = {  # arguments of the functions by the options of the command line
    "out": "out=...",
    "against": "against",
    "only": "only",
    "skip": "skip",
    "plugin": "plugins",
    "executor": "executor=...",
    "jobs": "jobs=...",
    "max-time": "max_time",
    "max-seeds": "max_seeds",
    "yes": "allow_large=True",
    "fresh": "fresh=True",
    "retry-failed": "retry_failed=True",
    "until-decided": "until_decided=True",
    "unchecked": "unchecked=True",
    "shard": "shard=...",
    "scheduler-file": "scheduler_file=...",
    "scheduler": "scheduler=...",
}
_OPTION = re.compile(rf"(?<![\w-])--({'|'.join(IN_PYTHON)})(?![\w-])")


@contextmanager
def on_command_line() -> Iterator[None]:
    """Within the body, errors speak of options such as --out."""
    token = _COMMAND_LINE.set(True)
    try:
        yield
    finally:
        _COMMAND_LINE.reset(token)


def _in_python(line: str) -> str:
    return _OPTION.sub(lambda option: IN_PYTHON[option[1]], line)


_ANOTHER_FOLDER = re.compile(r"\b([Gg])ive (?:another|a) folder( on a local disk)? by --out\b")


def without_out(line: str) -> str:
    """Return a message for a verb without --out: a run folder that lies badly can be copied elsewhere."""

    def copied(advice: re.Match[str]) -> str:
        verb = "copy" if advice[1] == "g" else "Copy"
        return f"{verb} the run folder to {'a local disk' if advice[2] else 'another place'}"

    return _ANOTHER_FOLDER.sub(copied, line)


class AnnxError(Exception):
    """A mistake the user can mend, or several, one line each. `exit_code` is what annx ends with."""

    exit_code = 2

    @property
    def lines(self) -> tuple[str, ...]:
        """One line per mistake, in which what is very long is shortened.

        Options are called as they are given here: `--out` on the command line, `out=...` in Python.
        """
        lines = (shortened(" ".join(str(argument).split())) for argument in self.args)
        return tuple(line if _COMMAND_LINE.get() else _in_python(line) for line in lines)

    def __str__(self) -> str:
        return "\n".join(self.lines)


class ExperimentError(AnnxError):
    """The experiment file, an override, or the plan they make is not right."""


class ExperimentErrors(ExperimentError):
    """Several mistakes of one experiment file, up to twenty lines; `of` makes it of single errors."""

    @classmethod
    def of(cls, errors: Iterable[AnnxError], *, at_least: bool = False) -> ExperimentErrors:
        """Return one error with a line for each mistake; equal lines are said once.

        at_least: whether there may be more mistakes than these.
        """
        lines = list(dict.fromkeys(line for error in errors for line in error.lines))
        if len(lines) > MOST_LINES:
            more = f"{'at least ' if at_least else ''}{len(lines) - MOST_LINES + 1}"  # at least two
            lines[MOST_LINES - 1 :] = [f"... and {more} more mistakes."]
        return cls(*lines)


class ComponentError(AnnxError):
    """No such component, or a hyperparameter outside its domain."""


class PluginError(AnnxError):
    """A plugin that was asked for by name cannot be loaded."""


class DataError(AnnxError):
    """A data file cannot be read as it was described."""


class StoreError(AnnxError):
    """A run folder cannot be used."""


class ReportError(AnnxError):
    """Results do not have what is asked of them."""


def tells_users(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function of the public face raise its AnnxErrors as its own: their message is all that helps.

    In a notebook a user sees the call and the message, without the frames of the core between them.
    """

    @functools.wraps(function)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except AnnxError as error:
            raise error.with_traceback(None)  # noqa: B904 - it is the same error

    return told


def described(error: BaseException) -> str:
    """Return "ValueError: its message" in one line, also where a plugin's error cannot be written as text."""
    name = type(error).__name__
    try:
        message = " ".join(str(error).split())
    except RAISED_BY_PLUGINS:
        message = "its message cannot be written as text"
    return f"{name}: {message}" if message else name


def shortened(text: str, *, word: int = 300, line: int = 1500) -> str:
    """Return a message in which no word and no line is longer than so many characters.

    A value of a thousand characters would hide what is said of it. Of a long word the beginning stays, of a
    long line also the end, where the way out stands.
    """
    if len(text) > word:
        text = re.sub(rf"\S{{{word},}}", lambda match: _cut(match[0], word - 20, 0), text)
    return text if len(text) <= line else _cut(text, line * 2 // 3, line // 4)


def _cut(text: str, start: int, end: int) -> str:
    tail = text[len(text) - end :] if end else ""
    return f"{text[:start]}… ({len(text) - start - end} more characters) {tail}".rstrip()


def nearest(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'adam'?" for the spelling nearest to `name`, or "" if none is near.

    Where `name` is a part of several names, as cross_entropy is, all of them are offered.
    """
    known = list(known)
    guess = closest(name, known)
    longer = _names_around(name, known)
    if guess in longer and len(longer) > 1:
        return f" Did you mean one of {', '.join(longer)}?"
    return f" Did you mean {guess!r}?" if guess else ""


def _names_around(name: str, known: Iterable[str]) -> list[str]:
    """Return the names that begin or end with `name` and have more words; none if it is a single word."""
    part = name.casefold().replace("-", "_")
    if "_" not in part:
        return []
    short = (full for full in known if ":" not in full)  # not annx:adam, which is adam once more
    return [full for full in short if full.startswith(f"{part}_") or full.endswith(f"_{part}")]


def closest(name: str, known: Iterable[str]) -> str:
    """Return the known name whose spelling is nearest, "" if none is near.

    Names that differ in their capitals, or in what joins their words, are near: SGD, my-opt and MyOpt are
    sgd and my_opt. Of several names that have `name` as a part, the first one is returned.
    """
    if len(name) > LONGEST_NAME:
        return ""
    names = list(known)
    by_letters = {_letters(known_name): known_name for known_name in reversed(names)}
    if _letters(name) in by_letters and _letters(name):
        return by_letters[_letters(name)]
    # The same letters in another order are the likeliest slip: adma is adam, not the longer adamax.
    swapped = [known_name for known_name in names if sorted(known_name) == sorted(name)]
    guesses = swapped[:1] + difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    guesses += [by_letters[near] for near in difflib.get_close_matches(_letters(name), by_letters, 1, 0.6)]
    longer = _names_around(name, names)
    return longer[0] if guesses and guesses[0] in longer else next(iter(guesses), "")


def _letters(name: str) -> str:
    """Return a name without capitals and without what joins its words."""
    return name.casefold().translate(JOINTS)
