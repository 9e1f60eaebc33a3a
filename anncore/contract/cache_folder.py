"""Where annx keeps, for a user, what it can make anew at any time."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """Return annx's folder among the user's caches; it need not be there.

    Raises RuntimeError where nobody knows the user's home.
    """
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "annx"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "annx"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "annx" / "Cache"
    return Path.home() / ".cache" / "annx"
