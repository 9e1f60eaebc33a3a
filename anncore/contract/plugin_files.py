"""Plugins that are single files: imported under a name of their own, with the modules beside them.

A plugin file may import its neighbours as a script does (`import helper`), while it is loaded and later. Two
plugins' helpers of equal name stay apart: each file is given a package of its own, which stands for its
folder, and its absolute imports are answered from there first. A reload executes file and helpers anew.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

PREFIX = "annx_file_"

# A neighbour never takes the place of these.
RESERVED = sys.stdlib_module_names | {"anncore", "annx_plugins", "numpy", "scipy"}


def is_neighbour(folder: Path, name: str) -> bool:
    """Tell whether a file in `folder` finds the module or package `name` beside it."""
    if name in RESERVED:
        return False
    return (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()


def import_plugin_file(path: Path) -> ModuleType:
    """Import a Python file, anew where this process has it already; raises whatever the file raises."""
    name = module_name(path)
    package = name.partition(".")[0]
    home = _home(package, path.parent, path)
    loader = _Loader(name, str(path))
    spec = importlib.machinery.ModuleSpec(name, loader, origin=str(path))
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    sys.modules[package], sys.modules[name] = home, module  # dataclasses look their module up
    try:
        loader.exec_module(module)
    except BaseException:
        _forget(package)
        raise
    return module


def import_beside(folder: Path, name: str) -> ModuleType:
    """Import a module or package that lies in a folder, by its dotted name; raises whatever it raises."""
    package = module_name(folder / name.partition(".")[0]).partition(".")[0]
    sys.modules[package] = _home(package, folder, folder)
    try:
        return importlib.import_module(f"{package}.{name}")
    except BaseException:
        _forget(package)
        raise


def _home(package: str, folder: Path, file: Path) -> ModuleType:
    """Return a new package that stands for a folder; what was imported from it before is forgotten."""
    if not any(isinstance(finder, _Neighbours) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Neighbours())
    importlib.invalidate_caches()  # a neighbour may have been written a moment ago
    _forget(package)
    home = ModuleType(package)
    home.__path__, home.plugin_file = [str(folder)], file  # type: ignore[attr-defined]
    return home


def module_name(path: Path) -> str:
    """Return the name that a plugin file is imported under, inside a package of its own."""
    stem = re.sub(r"\W", "_", path.stem)
    # The digest keeps files of one name in two directories apart.
    return f"{PREFIX}{stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}.{stem}"


def _forget(package: str) -> None:
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles the source each time and lets its module import its neighbours.

    Python's own cache tells versions of a file apart by its size and by whole seconds, which an edit made at
    once may not change.
    """

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of the source as it is now."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module; its import statements find the plugin's neighbours."""
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import}
        super().exec_module(module)


class _Neighbours(MetaPathFinder):
    """Finds the modules beside a plugin file, inside the package that stands for its folder."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return Python's own spec with a loader that lets the neighbour import further ones."""
        if path is None or not fullname.startswith(PREFIX):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path)
        return spec


def _import(
    name: str,
    globals: Mapping[str, Any] | None = None,
    locals: Mapping[str, Any] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """Do what an import statement does, with the importing plugin's folder looked at first."""
    package = str((globals or {}).get("__name__", "")).partition(".")[0]
    top = name.partition(".")[0]
    home = sys.modules.get(package)
    if level or home is None or not is_neighbour(Path(home.__path__[0]), top):
        return builtins.__import__(name, globals, locals, fromlist or (), level)
    module = builtins.__import__(f"{package}.{name}", globals, locals, fromlist or (), 0)
    return module if fromlist else sys.modules[f"{package}.{top}"]
