"""What `annx list` says of the components, kept between calls.

Importing some 350 modules to print a line about each takes longer than a reader waits. So the lines about
annx's own components are kept in the user's cache folder, by a digest of all that they rest on: the text of
every module of the plugins and of the contract, the entry points, the installed distributions, the version of
Python. Where a third party's plugins take part, nothing is kept, as nobody knows what they rest on.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from anncore._version import __version__
from anncore.contract.cache_folder import cache_folder
from anncore.contract.home import HOME, PROJECT
from anncore.contract.kind_names import KINDS
from anncore.running.files import replace_file

if TYPE_CHECKING:
    from anncore.contract.registry import Registry

FILE = "catalogue.json"
STEERING = ("ANNX_PLUGINS", "ANNX_STRICT_PLUGINS")  # variables that change what is loaded
OURS = ("anncore/contract", "anncore/cli", "annx_plugins")


class Row(NamedTuple):
    """A component as it is listed; `name` is the short one where that means it, else the full one."""

    kind: str
    name: str
    short_name: str
    full_name: str
    version: str
    summary: str


class Catalogue(NamedTuple):
    """All that is listed: components kind by kind, libraries with a line each, names of broken plugins."""

    rows: tuple[Row, ...]
    libraries: tuple[tuple[str, str], ...]
    broken: tuple[str, ...] = ()


def catalogue(plugins: tuple[str, ...]) -> Catalogue:
    """Return what is installed and in the given plugin files, from the cache where that holds."""
    digest = None if plugins or any(name in os.environ for name in STEERING) else _digest()
    kept = None if digest is None else _read(digest)
    if kept is not None:
        return kept
    from anncore import load_registry

    made = _of(load_registry(plugins))
    if digest is not None and not made.broken:
        _write(digest, made)
    return made


def _of(registry: Registry) -> Catalogue:
    from anncore.cli.common import shown_name, summary

    rows = (
        Row(
            component.kind,
            shown_name(registry, component),
            component.name,
            component.full_name,
            component.version,
            summary(component.cls),
        )
        for kind in KINDS
        for component in registry.of_kind(kind)
    )
    libraries = tuple(
        (
            offered.library.prefix,
            f"What {offered.library.title} has ({', '.join(offered.library.offers)}), as it is: "
            f'use = "{offered.library.prefix}:PATH".',
        )
        for offered in registry.libraries
    )
    return Catalogue(tuple(rows), libraries, tuple(plugin.name for plugin in registry.broken))


# ---------------------------------------------------------------- what is kept


def _digest() -> str | None:
    """Return a digest of all that the lines rest on; None where others' plugins take part."""
    entries = list(importlib.metadata.entry_points(group=PROJECT))
    # Its name is read from the metadata anew at every look, a millisecond or more: once per distribution.
    owners = {id(entry.dist): entry.dist for entry in entries}.values()
    if any(owner is None or owner.name != HOME for owner in owners):
        return None
    digest = hashlib.blake2b(digest_size=16)
    facts = [__version__, sys.version, *sorted(f"{entry.name} = {entry.value}" for entry in entries)]
    modules = list(_modules())
    for text in (*facts, *_installed(), *map(str, modules)):
        digest.update(text.encode() + b"\0")
    for path in modules:
        digest.update(hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()


def _modules() -> Iterator[Path]:
    """Yield every module of ours that a line may rest on, in an order that never varies."""
    for place in OURS:
        package, _, inner = place.partition("/")
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            yield from sorted((Path(folder) / inner).rglob("*.py"))


def _installed() -> list[str]:
    """Return the names of the folders that say what is installed, versions included, without reading them."""
    names: set[str] = set()
    for folder in sys.path:
        with contextlib.suppress(OSError):
            names |= {
                name for name in os.listdir(folder or ".") if name.endswith((".dist-info", ".egg-info"))
            }
    return sorted(names)


def _read(digest: str) -> Catalogue | None:
    """Return what is kept under this digest; a file that is damaged is as good as none."""
    try:
        kept = json.loads((cache_folder() / FILE).read_bytes())
        if kept["digest"] != digest:
            return None
        rows = tuple(Row(*row) for row in kept["rows"])
        libraries = tuple((str(prefix), str(text)) for prefix, text in kept["libraries"])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return None
    sound = rows and all(isinstance(text, str) for row in rows for text in row)
    return Catalogue(rows, libraries) if sound else None


def _write(digest: str, made: Catalogue) -> None:
    content = {"digest": digest, "rows": made.rows, "libraries": made.libraries}
    # A cache that cannot be written is as good as none: RuntimeError where nobody knows the user's home.
    from anncore.contract.errors import AnnxError

    with contextlib.suppress(OSError, AnnxError, RuntimeError):
        cache_folder().mkdir(parents=True, exist_ok=True)
        replace_file(cache_folder() / FILE, json.dumps(content).encode())
