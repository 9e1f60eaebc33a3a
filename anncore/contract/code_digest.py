"""Which code a plugin is: a digest of its own files, and the versions of the packages they import.

A wheel's files are those of its RECORD. Of an editable install, whose RECORD names none, and of a plugin file
they are the module itself and the modules beside it that it imports, one after the other; a package counts
with all its files. Files are read when the digest is first asked for; that they are still those that were
loaded is seen from their sizes and times.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import os
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from anncore.contract.errors import PluginError
from anncore.contract.plugin_files import RESERVED, is_neighbour

DIGITS = 16
DISTRIBUTIONS = {"sklearn": "scikit-learn"}  # where a package's distribution is called otherwise
NO_CODE = (".pyc", ".pyo", ".pyi", ".md", ".rst", ".typed")
SITE = ("site-packages", "dist-packages")


class Stamp(NamedTuple):
    """By which two versions of a file are told apart without reading it."""

    modified: int  # nanoseconds
    size: int


class Code:
    """The code of one plugin, as it was when this process loaded it.

    owner, version: the distribution's, or the file's name and "". files: its own files. root: the folder that
    their names start from.
    """

    def __init__(self, owner: str, version: str, files: Iterable[Path], root: Path) -> None:
        self.owner, self.version, self.root = owner, version, root
        self.files = sorted(files)
        self._loaded = {file: _LOADED.setdefault(file, _stamp(file)) for file in self.files}

    @cached_property
    def digest(self) -> str:
        """The first digits of a SHA-256 over all files and their names.

        Raises PluginError for a file that has changed since this process loaded it: its digest would stand
        for code that does not run.
        """
        whole = hashlib.sha256()
        for file in self.files:
            stamp = _stamp(file)
            if stamp != self._loaded[file]:
                raise PluginError(f"{self.owner}: {file} has changed since it was loaded; start again.")
            whole.update(f"{file.relative_to(self.root).as_posix()}\0{_digest(file, stamp)}\n".encode())
        return whole.hexdigest()[:DIGITS]

    @cached_property
    def text(self) -> str:
        """What enters a trial's key: version, digest, and the versions of what the files import."""
        imported = {name for file in self.files if file.suffix == ".py" for name in imports(file, self.root)}
        return " ".join([f"{self.version}+{self.digest}".lstrip("+"), *versions(imported, self.root)])


_LOADED: dict[Path, Stamp] = {}
"""The files of installed plugins as they were when this process first saw them: it imports them only once."""


def installed_code(dist: importlib.metadata.Distribution | None, owner: str, name: str) -> Code:
    """Return the code of a distribution's plugin, whose entry point names the imported module `name`."""
    version = "" if dist is None else dist.version
    module, top = sys.modules[name], sys.modules[name.partition(".")[0]]
    folders = [Path(folder).resolve() for folder in getattr(top, "__path__", ())]
    start = Path(module.__file__ or ".").resolve()
    root = folders[0].parent if folders else start.parent
    recorded = [Path(str(file.locate())).resolve() for file in (dist.files or [])] if dist else []
    if start in recorded:
        own = [file for file in recorded if file.is_relative_to(root) and _counts(file.relative_to(root))]
        return Code(owner, version, own, root)
    files = {file for folder in folders for file in _package(folder)} or {start}
    if root.name not in SITE:  # there the neighbours are other distributions
        files = _with_neighbours(files, root)
    return Code(owner, version, [file for file in files if file.is_relative_to(root)], root)


def file_code(path: Path) -> Code:
    """Return the code of a plugin file and of the modules beside it that it imports."""
    files = _with_neighbours({path}, path.parent)
    for file in files:
        _LOADED.pop(file, None)  # unlike an installed plugin, it is executed at every load
    return Code(path.stem, "", files, path.parent)


def beside_code(folder: Path, name: str) -> Code:
    """Return the code of a module or package that lies in a folder, with what it imports from there."""
    single = folder / f"{name}.py"
    files = _with_neighbours({single} if single.is_file() else set(_package(folder / name)), folder)
    for file in files:
        _LOADED.pop(file, None)  # it is executed at every load
    return Code(name, "", files, folder)


def own_versions(module: str) -> str:
    """Return the versions of what one of annx's own modules imports beside NumPy, "" for most."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return _own_versions(file) if file else ""


@cache
def _own_versions(file: str) -> str:
    text = Path(file).read_text(encoding="utf-8")
    return " ".join(versions(re.findall(r"^\s*(?:from|import) (scipy|sklearn)\b", text, re.MULTILINE), None))


def versions(names: Iterable[str], root: Path | None) -> list[str]:
    """Return "torch 2.1.0" for each of these packages that is installed and no neighbour in `root`."""
    installed = []
    for name in sorted(set(names) - (RESERVED - {"scipy"})):
        if root is None or not is_neighbour(root, name):
            version = _version(DISTRIBUTIONS.get(name, name))
            installed += [f"{DISTRIBUTIONS.get(name, name)} {version}"] if version else []
    return installed


@cache
def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ""


def _with_neighbours(files: Iterable[Path], root: Path) -> set[Path]:
    """Return the files with all that they import from `root`, directly or not."""
    waiting, known = list(files), set(files)
    while waiting:
        file = waiting.pop()
        for name in imports(file, root) if file.suffix == ".py" else ():
            if is_neighbour(root, name):
                single = root / f"{name}.py"
                new = ({single} if single.is_file() else set(_package(root / name))) - known
                waiting += new
                known |= new
    return known


def _package(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        if file.is_file() and _counts(file.relative_to(folder)):
            yield file


def _counts(name: Path) -> bool:
    """Tell whether a file may determine numbers: no cache, no prose, nothing hidden or about the install."""
    inside = any(part == "__pycache__" or part.startswith(".") or ".dist-info" in part for part in name.parts)
    return not inside and name.suffix not in NO_CODE


def imports(file: Path, root: Path) -> set[str]:
    """Return the top-level names that a file below `root` imports; none where it is no valid Python."""
    return _imports(file, root, _stamp(file))


@cache
def _imports(file: Path, root: Path, stamp: Stamp) -> set[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return set()
    package = file.relative_to(root).parent.parts
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            whole = (*base, *(node.module.split(".") if node.module else ()))
            names.update(whole[:1] or [alias.name for alias in node.names])
    return names


def _stamp(file: Path) -> Stamp:
    try:
        status = os.stat(file)
    except OSError:
        return Stamp(0, -1)
    return Stamp(status.st_mtime_ns, status.st_size)


@cache
def _digest(file: Path, stamp: Stamp) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:  # named in RECORD and not there
        return ""
