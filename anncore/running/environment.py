"""Where and with what a sweep ran: what a reader needs to repeat it."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anncore._version import __version__
from anncore.contract.engine_version import installed_version
from anncore.contract.registry import Registry

PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "matplotlib",
    "pluggy",
    "threadpoolctl",
    "llvmlite",
)


def environment(registry: Registry, base: Path, command: Sequence[str] | None = None) -> dict[str, Any]:
    """Return versions, machine, git commit of `base` and the command, as plain JSON.

    command: what the user typed; None for this process's own arguments.
    """
    return {
        "annx": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "packages": {name: version for name in PACKAGES if (version := installed_version(name))},
        "blas": _blas(),
        "plugins": {plugin.dist: plugin.version for plugin in registry.plugins if not plugin.problem},
        "broken_plugins": {plugin.name: plugin.problem for plugin in registry.broken},
        "git_commit": _git_commit(base),
        "command": shlex.join(command if command is not None else _own_command()),
    }


def _own_command() -> list[str]:
    program, *arguments = sys.argv or [""]
    return [Path(program).name or "python", *arguments]


def _blas() -> str:
    """Return the name and version of the BLAS that NumPy was built with."""
    built = np.show_config(mode="dicts")
    blas = (built or {}).get("Build Dependencies", {}).get("blas", {})
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()


def _cpu() -> str:
    """Return the processor's name as its maker spells it, "" where nothing tells."""
    try:
        model = re.search(
            r"^model name\s*:\s*(.+)$",
            Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"),
            re.MULTILINE,
        )
    except OSError:
        model = None
    return model.group(1).strip() if model else platform.processor()


def _git_commit(base: Path) -> str | None:
    """Return the commit that is checked out at `base`, with "+" where files differ; None outside of git."""
    commit = _git(base, "rev-parse", "HEAD")
    if not commit:
        return None
    return commit + ("+" if _git(base, "status", "--porcelain", "--untracked-files=no") else "")


def _git(base: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(base), *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",  # names of branches are bytes
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
