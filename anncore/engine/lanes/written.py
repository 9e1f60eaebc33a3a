"""What was written for a structure, kept on disk: a later process records and writes nothing for it.

An entry is named by all that determines it: the structure, the content of the packages that its components,
their base classes and the engine come from, the processor, and NumPy, which computes constants. As with
machine code, one that is damaged or another user's is not used, and kernels are compared with their formulas
all the same before a process first uses them.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
import zlib
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from anncore.contract.engine_version import numeric_environment
from anncore.contract.kinds import base
from anncore.contract.session_code import has_no_home
from anncore.engine.lanes.compiling import machine
from anncore.engine.lanes.facts import PROCESS
from anncore.engine.lanes.kept import keep_code, kept_code, named

ENGINE = __name__.partition(".")[0]
MOST_FILES = 1000  # of a package whose content is read for its digest


def name_of(key: Any, components: Iterable[Any]) -> str:
    """Return the name of a structure's entry; "" where no other process can have the same.

    So it is where nobody can say which code the components are, or where they keep an object that nothing but
    its address tells apart.
    """
    classes, text = [type(component) for component in components], repr(key)
    if PROCESS in text or any(has_no_home(cls) for cls in classes):
        return ""
    modules = {one.__module__.partition(".")[0] for cls in classes for one in cls.__mro__}
    digests = [_content(root) for root in sorted({ENGINE, *modules} - sys.stdlib_module_names)]
    if not all(digests):
        return ""
    return named(f"{text}\n{' '.join(digests)}", f"written {machine()} {numeric_environment()}")


def read(name: str) -> list[Any]:
    """Return what is kept under a name; nothing where there is nothing that is sound."""
    content = kept_code(name) if name else None
    if content is not None:
        with suppress(Exception):  # whatever is wrong with it, it can be made anew
            entries: list[Any] = pickle.loads(zlib.decompress(content))
            return entries
    return []


def write(name: str, entries: list[Any]) -> None:
    """Keep entries under a name, in place of those that were there."""
    if name:
        keep_code(name, zlib.compress(pickle.dumps(entries), 1))


@cache
def _content(root: str) -> str:
    """Return a digest of all code of a package or module; "" where that is not in a few files, or not that
    which runs: a file may have been edited since it was imported.
    """
    module = sys.modules.get(root)
    file = getattr(module, "__file__", None)
    if module is None or file is None or root == "__main__":
        return ""
    folders = [Path(folder) for folder in getattr(module, "__path__", ())]
    files = sorted(path for folder in folders for path in folder.rglob("*.py")) or [Path(file)]
    if len(files) > MOST_FILES:
        return ""
    whole = hashlib.sha256()
    try:
        for path in files:
            content = path.read_bytes()
            if path.stat().st_mtime >= base.LOADED:
                return ""
            whole.update(f"{path}\n{len(content)}\n".encode() + content)
    except OSError:
        return ""
    return whole.hexdigest()
