"""Ends a command that hangs in other people's C code: no thread of Python's own can, as none of them runs.

C code that loops and holds the interpreter's lock stops every thread of its process, also those that would
say what takes so long. So a small process listens to a heartbeat. Where it stops for long, it asks the
hanging process by a signal for the place (`faulthandler` answers without the lock), says it in one line, and
kills it in the end. Only the command line is watched, and only once it loads a stranger's plugin: who calls
annx from Python may have reasons of their own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

NAMED_AFTER = 10.0  # seconds without a heartbeat, then the place is said
LIMIT = 120.0  # seconds, then the process is killed
BEAT = 0.25  # seconds between two heartbeats
ASKS_FOR_PLACE: int = getattr(signal, "SIGRTMAX", getattr(signal, "SIGUSR1", 0))
"""The signal that asks a process where it hangs; schedulers send SIGUSR1, which is left to them on Linux."""


class Oversight:
    """The watched end; nothing happens before it is `enabled` and somebody else's code is about to run."""

    def __init__(self, named_after: float = NAMED_AFTER, limit: float = LIMIT) -> None:
        self.enabled = False
        self.named_after, self.limit = named_after, limit
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Be watched from now on; done once, and only where it is enabled."""
        if not self.enabled or self._process is not None or os.name != "posix":
            return
        import faulthandler
        import subprocess  # `annx --help` answers without both

        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)  # a trace that nobody reads must not hang either
        faulthandler.register(ASKS_FOR_PLACE, file=writing, all_threads=True)
        own = [str(Path(__file__).parent.parent), os.path.dirname(os.__file__)]
        numbers = [os.getpid(), reading, self.named_after, self.limit, int(ASKS_FOR_PLACE)]
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", WATCH, *map(str, numbers), *own],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=(reading,),
            )
            threading.Thread(target=self._beat, daemon=True, name="annx-heartbeat").start()
        os.close(reading)

    def _beat(self) -> None:
        pipe = self._process.stdin if self._process else None
        pause = threading.Event()
        with contextlib.suppress(OSError, ValueError):  # it has ended: nobody listens
            while pipe is not None and not pause.wait(BEAT):
                pipe.write(b".")
                pipe.flush()


OVERSIGHT = Oversight()

WATCH = """
import os, select, signal, sys, time
pid, traces, named_after, limit = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
asks = int(sys.argv[5])
own, library = sys.argv[6:8]
signal.signal(signal.SIGINT, signal.SIG_IGN)
TICK = 0.5

def say(text):
    try:
        os.write(2, f"annx: {text}\\n".encode())
    except OSError:
        pass

def suspended():
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] in "Tt"
    except OSError:
        return False

def place():
    os.kill(pid, asks)
    time.sleep(TICK)
    try:
        text = os.read(traces, 1 << 16).decode("utf-8", "replace")
    except OSError:
        text = ""
    frames = [line.strip() for line in text.splitlines() if line.startswith("  File ")]
    def foreign(frame):
        path = frame.split('"')[1]
        return not path.startswith((own, "<")) and ("site-packages" in path or not path.startswith(library))
    strange = [frame for frame in frames if foreign(frame)]
    best = (strange or frames or ["code of a plugin"])[0]
    return best.replace('File "', "", 1).replace('", line ', ":", 1).replace(" in ", ", ", 1)

silent, where = 0.0, ""
while True:
    if select.select([0], [], [], TICK)[0]:
        if not os.read(0, 1 << 16):
            break
        silent, where = 0.0, ""
        continue
    if suspended():
        continue
    silent += TICK
    try:
        if silent >= named_after and not where:
            where = place()
            say(f"{where} holds the interpreter, and nothing else can run ...")
        if silent >= limit:
            say(f"{where} has held the interpreter for {limit:g} s, so this command ends; a loop in C that "
                "never ends? What is stored stays; the same command resumes without it.")
            os.kill(pid, signal.SIGKILL)
            break
    except ProcessLookupError:
        break
"""
