"""matplotlib as a report needs it, whatever is set for the user's own figures.

At its first import matplotlib reads MPLBACKEND, which a notebook sets for its own kernel, and the file
matplotlibrc of the working directory. Either can make the import itself fail.
"""

from __future__ import annotations

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
    """Hide MPLBACKEND, MATPLOTLIBRC and the working directory's matplotlibrc while the body runs."""
    kept = {name: os.environ.pop(name, None) for name in ("MPLBACKEND", "MATPLOTLIBRC")}
    os.environ["MPLBACKEND"] = "agg"
    getcwd, elsewhere = os.getcwd, os.path.dirname(__file__)
    try:
        os.getcwd = lambda: elsewhere  # the only way to pass by a matplotlibrc there
        with _silent():
            yield
    finally:
        os.getcwd = getcwd
        del os.environ["MPLBACKEND"]
        os.environ.update({name: value for name, value in kept.items() if value is not None})


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
