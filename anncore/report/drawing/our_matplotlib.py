"""matplotlib as a report needs it, whatever is set for the user's own figures.

At its first import matplotlib reads MPLBACKEND, which a notebook sets for its own kernel, and the file
matplotlibrc of the working directory. Either can make the import itself fail.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


def our_matplotlib() -> Any:
    """Return matplotlib; its first import in this process succeeds whatever the user's settings are.

    They hold afterwards, as far as they can be read: the user's own figures may follow.
    """
    if "matplotlib" in sys.modules:
        import matplotlib

        return matplotlib
    with _without_settings():
        import matplotlib
    with suppress(Exception), _silent():
        matplotlib.rcParams.update(matplotlib.rc_params())
    with suppress(Exception):
        matplotlib.rcParams["backend"] = os.environ["MPLBACKEND"]
    return matplotlib


@contextmanager
def _without_settings() -> Iterator[None]:
    """Let matplotlib read its own defaults: neither MPLBACKEND nor any matplotlibrc of the user's."""
    kept = {name: os.environ.get(name) for name in ("MPLBACKEND", "MATPLOTLIBRC")}
    spec = importlib.util.find_spec("matplotlib")
    origin = "" if spec is None else spec.origin or ""
    os.environ["MPLBACKEND"] = "agg"
    os.environ["MATPLOTLIBRC"] = os.path.join(os.path.dirname(origin), "mpl-data", "matplotlibrc")
    exists = os.path.exists
    try:
        # It looks for this name in the working directory before anything else.
        os.path.exists = lambda path: path != "matplotlibrc" and exists(path)
        with _silent():
            yield
    finally:
        os.path.exists = exists
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _silent() -> Iterator[None]:
    """Keep matplotlib from saying what it thinks of settings and folders: nobody asked it to."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
