"""Runs annx with a pseudo-terminal for standard output."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

ANNX = Path(sys.executable).with_name("annx")


def on_a_terminal(*args: str, code: int = 0, **environ: str) -> str:
    """Return what it prints on 100 columns; it must end with `code`."""
    parent, child = pty.openpty()
    environ = {**os.environ, "COLUMNS": "100", "LINES": "40", "TERM": "xterm", **environ}
    with subprocess.Popen([str(ANNX), *args], stdout=child, stderr=subprocess.PIPE, env=environ) as process:
        os.close(child)
        limit = threading.Timer(120, process.kill)
        limit.start()
        output = b""
        while True:
            try:
                chunk = os.read(parent, 65536)
            except OSError:  # Linux says so when the other end closes
                break
            if not chunk:
                break
            output += chunk
        process.wait(120)
        limit.cancel()
    os.close(parent)
    assert process.returncode == code
    return output.decode().replace("\r\n", "\n")
