"""Another process to compare with: a component must compute the same bits there as here.

It starts once, when it is first needed, as workers start: as a new interpreter with one BLAS thread. Its own
hash seed shows results that depend on the order of a set. It ends with this process.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import importlib
import importlib.util
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle

from anncore.contract.code_digest import file_code
from anncore.contract.in_time import Overtime
from anncore.contract.libraries import MAKER
from anncore.contract.made_classes import look_in
from anncore.contract.plugin_files import PREFIX, import_plugin_file
from anncore.engine.process import children_on_one_blas_thread, ends_with_parent

MAIN = "__main__"
PARENT = "ANNX_CHECKED_BY"  # the process id of who asks
ENDED = "the process ended with exit code"
COMMAND = "from anncore.testing.elsewhere import serve; serve()"


class Home(NamedTuple):
    """A module that the other process must import before it can read a question."""

    name: str
    file: str
    digest: str  # of the file, which may have changed since


def ask(
    function: Callable[..., Any],
    *arguments: Any,
    classes: Iterable[Any] = (),
    seconds: float | None = None,
) -> Any:
    """Return function(*arguments) as another process computes it.

    classes: those that are pickled with the arguments; their modules are imported there first. seconds: after
    which the process is killed, None for as long as it likes. Raises AssertionError, with the reason, if the
    process cannot be asked or the function raises an exception; Ended, one of these, where the process ended
    instead of answering; Overtime where it was killed.
    """
    classes = list(classes)
    # A script is not run again there, and what was typed at a prompt has no file.
    by_value = any(cls.__module__ == MAIN for cls in classes)
    try:
        question = (cloudpickle if by_value else pickle).dumps((function, arguments))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise AssertionError(f"it cannot be pickled: {error}") from error
    homes = [] if by_value else _homes(classes)
    other = _Other.current()
    text = pickle.dumps((homes, question, by_value))
    answer, problem = other.answer(text) if seconds is None else other.answer_in_time(text, seconds)
    if problem.startswith(ENDED):
        raise Ended(f"in another process: {problem}")
    if problem:
        raise AssertionError(f"in another process: {problem}")
    return answer


class Ended(AssertionError):
    """The other process ended instead of answering, as where a component crashes the interpreter."""


def same(thing: Any) -> Any:
    """Return the argument, to test whether it survives the way there and back."""
    return thing


def _homes(classes: Iterable[Any]) -> list[Home]:
    homes = []
    for cls in classes:
        if cls.__module__ == MAKER:  # a library made it, and makes it there once more
            homes.append(Home(MAKER, json.dumps(cls.place), f"{cls.__qualname__} {id(cls._theirs)}"))
            continue
        file = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
        if cls.__module__.startswith(PREFIX):  # a plugin file, or one that it imports from beside it
            package = cls.__module__.partition(".")[0]
            path = sys.modules[package].plugin_file
            homes.append(Home(package, str(path), file_code(path).digest))
            continue
        digest = hashlib.sha256(Path(file).read_bytes()).hexdigest() if Path(file).is_file() else ""
        homes.append(Home(cls.__module__, file, digest))
    return homes


class _Other:
    """The driver's end of the other process."""

    _current: _Other | None = None

    def __init__(self) -> None:
        seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
        path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
        with children_on_one_blas_thread():
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", COMMAND],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path, PARENT: str(os.getpid())},
            )
        self.owner = os.getpid()

    @classmethod
    def current(cls) -> _Other:
        """Return the running process; start one if there is none, or only one of a parent process."""
        held = cls._current
        if held is not None and held.owner == os.getpid() and held.process.poll() is not None:
            cls.end()
        if cls._current is None or cls._current.owner != os.getpid():
            cls._current = cls()
        return cls._current

    @classmethod
    def end(cls) -> None:
        """End the process, if it was started here."""
        held, cls._current = cls._current, None
        if held is not None and held.owner == os.getpid():
            held.close()

    def answer(self, question: bytes) -> tuple[Any, str]:
        """Send a question; return the answer, or the reason why there is none."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(question)
            self.process.stdin.flush()
            answer_and_fault: tuple[Any, str] = pickle.load(self.process.stdout)
        except (EOFError, BrokenPipeError):
            code = self.process.wait()
            self.end()
            return None, f"{ENDED} {code}"
        except BaseException:  # Ctrl-C during an answer: the next question must not read the rest of it
            self.process.kill()
            self.end()
            raise
        return answer_and_fault

    def answer_in_time(self, question: bytes, seconds: float) -> tuple[Any, str]:
        """Do as `answer`; raise Overtime and kill the process where no answer comes in time.

        A killed process ends whatever its code does, also where C code never gives the interpreter back.
        """
        replies: list[tuple[Any, str]] = []
        reader = threading.Thread(target=lambda: replies.append(self.answer(question)), daemon=True)
        reader.start()
        try:
            reader.join(seconds)
            late = reader.is_alive()
        except BaseException:  # Ctrl-C
            self.process.kill()
            raise
        if late:
            self.process.kill()
            reader.join()  # it reads the end of the process's answers
            raise Overtime(f"did not end within {seconds:g} s")
        return replies[0]

    def close(self) -> None:
        """End the process by closing its questions."""
        with self.process, contextlib.suppress(BrokenPipeError):
            pass  # leaving a Popen closes its pipes and waits


atexit.register(_Other.end)


# The other end


def serve() -> None:
    """Answer questions from standard input until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the asking process handles Ctrl-C
    ends_with_parent(int(os.environ.get(PARENT, os.getppid())))  # also where C code never comes back
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of components must not mix with the answers
    known: dict[str, str] = {}
    while True:
        try:
            homes, question, by_value = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            for home in homes:
                _settle(home, known)
            function, arguments = pickle.loads(question)
            reply = (cloudpickle if by_value else pickle).dumps((function(*arguments), ""))
        except BaseException as error:  # SystemExit too: the next question needs the process
            reply = pickle.dumps((None, f"{type(error).__name__}: {error}"))
        answers.write(reply)
        answers.flush()


def _settle(home: Home, known: dict[str, str]) -> None:
    """Import a module as the asking process did: by its name, or else from its file."""
    if known.get(home.name) == home.digest:
        return
    anew = home.name in known or home.name == MAKER or home.name.startswith(PREFIX)
    if anew or not _importable(home):
        _load(home)
    known[home.name] = home.digest


def _importable(home: Home) -> bool:
    try:
        module = importlib.import_module(home.name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{home.name}.".startswith(f"{error.name}."):
            return False
        raise
    return not home.file or Path(getattr(module, "__file__", "") or "") == Path(home.file)


def _load(home: Home) -> None:
    if home.name == MAKER:
        look_in(*json.loads(home.file))
        return
    if home.name.startswith(PREFIX):
        import_plugin_file(Path(home.file))
        return
    spec = importlib.util.spec_from_file_location(home.name, home.file) if home.file else None
    if spec is None or spec.loader is None:
        raise ImportError(f"it comes from {home.name}, which is not a file; put it into a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[home.name] = module
    spec.loader.exec_module(module)
