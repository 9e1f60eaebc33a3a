"""Which numbers the engine computes: its number-version, its library, and the environment it computes in.

The engine's files do not enter a trial's key, as most of their changes move no bit. NUMBER_VERSION stands for
them and for annx's own components. It is raised when bits change; `tests/engine/test_bits.py` notices that.

Formulas run as machine code (llvmlite) give the bits that NumPy gives, so llvmlite is no part of the key.
What only some components import, such as SciPy, is part of their `Component.code`. Everything else that last
digits may depend on, from the processor's kernels to the C library, is no part of the key: each result names
it.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import platform
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

NUMBER_VERSION = 2
LANE_NUMBERS = 2
"""The number-version of the lanes engine, whose bits do not depend on the machine."""


@cache
def engine_version() -> str:
    """Return what the engine's numbers depend on in this process, as "numbers 1, numpy 2.3.5"."""
    import numpy as np

    return f"numbers {NUMBER_VERSION}, numpy {np.__version__}"


@cache
def numeric_environment() -> str:
    """Return what of this process last digits depend on, as canonical JSON; others may give other bits.

    NumPy, SciPy and llvmlite by version; Python and the C library; the kernels that BLAS chose for this
    processor, and the vector instructions that NumPy found beyond those it was built for.
    """
    facts = {
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libc": " ".join(platform.libc_ver()).strip(),
        **{name: version for name in ("numpy", "scipy", "llvmlite") if (version := installed_version(name))},
        "blas": _blas_kernels(),
        "vectors": " ".join(_vector_instructions()),
    }
    return json.dumps(facts, sort_keys=True, separators=(",", ":"))


def _blas_kernels() -> str:
    """Return NumPy's BLAS, its version and kernels; other packages may have loaded libraries of their own."""
    import numpy  # noqa: F401  # its libraries must be loaded to be seen
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


@cache
def environment_digest(text: str) -> str:
    """Return the short name of what `numeric_environment` says; "" of "", which is unknown."""
    return hashlib.sha256(text.encode()).hexdigest()[:8] if text else ""


def told_apart(environments: Iterable[str]) -> list[str]:
    """Return for each environment the facts in which it differs from the others, as "blas x, numpy 2.3.5"."""
    several = [json.loads(text) for text in environments]
    names = dict.fromkeys(name for facts in several for name in facts)
    differing = [name for name in names if len({facts.get(name) for facts in several}) > 1]
    return [", ".join(f"{name} {facts.get(name) or 'none'}" for name in differing) for facts in several]


def _vector_instructions() -> list[str]:
    """Return the instructions that NumPy chooses faster loops for; their last digits may differ."""
    try:
        umath: Any = importlib.import_module("numpy._core._multiarray_umath")
        dispatch, features = umath.__cpu_dispatch__, umath.__cpu_features__
    except (ImportError, AttributeError):  # private, and not in every version
        return []
    return [name for name in dispatch if features.get(name)]


def installed_version(package: str) -> str:
    """Return a distribution's version, "" where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
