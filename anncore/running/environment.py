"""Where and with what a sweep ran: what a reader needs to repeat it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from anncore._version import __version__
from anncore.contract.registry import Registry

PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "matplotlib",
    "seaborn",
    "pluggy",
    "threadpoolctl",
    "llvmlite",
)


@cache
def numeric_environment() -> str:
    """Return what of this process last digits depend on, as canonical JSON; two that differ may differ in bits.

    NumPy, SciPy and llvmlite by version; Python and the C library; the kernels that BLAS chose for this
    processor, and the vector instructions that NumPy found beyond those it was built for.
    """
    facts = {
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libc": " ".join(platform.libc_ver()).strip(),
        **{name: version for name in ("numpy", "scipy", "llvmlite") if (version := _version(name))},
        "blas": _blas_kernels(),
        "vectors": " ".join(_vector_instructions()),
    }
    return json.dumps(facts, sort_keys=True, separators=(",", ":"))


def _blas_kernels() -> str:
    """Return NumPy's BLAS, its version and kernels; other packages may have loaded libraries of their own."""
    import threadpoolctl

    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    numpys = [pool for pool in pools if "numpy" in Path(pool["filepath"]).parent.name]
    others = [pool for pool in pools if "site-packages" not in Path(pool["filepath"]).parts]  # the system's
    return ", ".join(
        sorted(
            f"{pool['internal_api']} {pool['version']} {pool.get('architecture') or ''}".strip()
            for pool in numpys or others
        )
    )


def environment_digest(text: str) -> str:
    """Return the short name of what `numeric_environment` says; "" of "", which is unknown."""
    return hashlib.sha256(text.encode()).hexdigest()[:8] if text else ""


def _vector_instructions() -> list[str]:
    """Return the instructions that NumPy chooses faster loops for; their last digits may differ."""
    try:
        from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
    except ImportError:  # private, and not in every version
        return []
    return [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]


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
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "blas": _blas(),
        "plugins": {plugin.dist: plugin.version for plugin in registry.plugins if not plugin.problem},
        "broken_plugins": {plugin.name: plugin.problem for plugin in registry.broken},
        "git_commit": _git_commit(base),
        "command": shlex.join(command if command is not None else _own_command()),
    }


def _own_command() -> list[str]:
    program, *arguments = sys.argv or [""]
    return [Path(program).name or "python", *arguments]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _blas() -> str:
    """Return the name and version of the BLAS that NumPy was built with."""
    built = np.show_config(mode="dicts")
    found = (built or {}).get("Build Dependencies", {}).get("blas", {})
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()


def _cpu() -> str:
    """Return the processor's name as its maker spells it, "" where nothing tells."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.processor()


def _git_commit(base: Path) -> str | None:
    """Return the commit that is checked out at `base`, with "+" where files differ; None outside of git."""
    commit = _git(base, "rev-parse", "HEAD")
    if not commit:
        return None
    return commit + ("+" if _git(base, "status", "--porcelain", "--untracked-files=no") else "")


def _git(base: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(base), *arguments], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
