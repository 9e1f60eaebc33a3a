"""What the last report of a folder drew, where it would be drawn the same again.

figures/drawn.json says of each figure what it was drawn from, as one digest of the data, the code and the
versions, and holds a digest of each of its files. It is sealed as plan.json is: a picture that somebody else
has put into a folder enters no report. Whatever is missing, damaged or unknown is drawn again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from anncore.contract.errors import AnnxError
from anncore.contract.kinds import FigureInput
from anncore.contract.registry import Registered, Registry
from anncore.engine.decision_maps import PackedMaps
from anncore.running.own_folders import is_own, sealed

DRAWN = "drawn.json"
SCHEMA = 1
DRAWS_WITH = ("contourpy", "matplotlib", "numpy", "pandas", "pillow", "scikit-learn", "scipy", "seaborn")
PLAIN = {type(None), str, float, int, bool, np.float64}  # their repr tells them apart
LEFT = ("memory", "width")  # of what a figure is handed: both widths are drawn, and a memory adds nothing


@dataclasses.dataclass
class Drawn:
    """A figure as it was drawn: as SVG, as PNG, and as SVG laid out for a phone.

    name: the drawing's, by which its files are called; "" where there is none. entry: what report.json says
    of it. reason: why it has nothing to show. fault, phone_fault: what is said where it failed.
    """

    name: str = ""
    entry: dict[str, Any] | None = None
    picture: str = ""
    pixels: bytes = b""
    phone: str = ""
    reason: str = ""
    fault: str = ""
    phone_fault: str = ""

    def files(self) -> dict[str, bytes]:
        """Return the content of each file by its name."""
        if self.entry is None:
            return {}
        files = {f"{self.name}.svg": self.picture.encode(), f"{self.name}.png": self.pixels}
        return files | ({f"{self.name}.phone.svg": self.phone.encode()} if self.phone else {})


def last_drawings(folder: Path, keys: Mapping[str, str]) -> dict[str, Drawn]:
    """Return by full name the figures whose files in `folder` are what these keys would draw again."""
    try:
        content = json.loads((folder / DRAWN).read_bytes())
        if content["schema"] != SCHEMA or not is_own(content):
            return {}
        known = {
            name: _read(folder, content["figures"][name])
            for name, key in keys.items()
            if content["figures"].get(name, {}).get("key") == key
        }
    except Exception:  # a file of our own that is damaged may make the reading raise anything
        return {}
    return {name: drawn for name, drawn in known.items() if drawn is not None}


def _read(folder: Path, record: Mapping[str, Any]) -> Drawn | None:
    """Return a figure of the last report; None where a file is not what it was."""
    if record["reason"]:
        return Drawn(reason=record["reason"])
    entry = record["entry"]
    files = {}
    for name, digest in record["files"].items():
        path = folder / name
        data = path.read_bytes() if path.is_file() else b""
        if Path(name).name != name or hashlib.sha256(data).hexdigest() != digest:
            return None
        files[name] = data
    name = entry["name"]
    phone = files.get(f"{name}.phone.svg", b"").decode()
    return Drawn(name, entry, files[f"{name}.svg"].decode(), files[f"{name}.png"], phone)


def record_of(figures: Mapping[str, Drawn], keys: Mapping[str, str]) -> bytes:
    """Return drawn.json for these figures; those that failed are not in it."""
    records = {
        name: {
            "key": keys[name],
            "reason": drawn.reason,
            "entry": drawn.entry,
            "files": {file: hashlib.sha256(data).hexdigest() for file, data in drawn.files().items()},
        }
        for name, drawn in figures.items()
        if name in keys and not drawn.fault and not drawn.phone_fault
    }
    return json.dumps(sealed({"schema": SCHEMA, "figures": records}), indent=1).encode()


def keys_of(figures: Sequence[Registered], data: FigureInput, registry: Registry) -> dict[str, str]:
    """Return by full name a digest of all that a figure is drawn from; none where it cannot be told."""
    classes = {known.cls: known for known in registry.components}
    whole = hashlib.sha256(_own_code().encode())

    def told(cls: type[Any]) -> str:
        code = classes[cls].code if cls in classes else ""
        return f"{cls.__module__}.{cls.__qualname__} {code} {_module_digest(cls)}"

    try:
        for field in dataclasses.fields(data):
            if field.name not in LEFT:
                whole.update(field.name.encode())
                _feed(whole.update, getattr(data, field.name), told)
        text = whole.hexdigest()
        return {
            figure.full_name: hashlib.sha256(f"{text} {told(figure.cls)}".encode()).hexdigest()
            for figure in figures
        }
    except (_UntoldError, OSError, AnnxError):
        return {}


class _UntoldError(Exception):
    """Of this value nobody can say whether it is the same again."""


def _feed(update: Callable[[bytes], object], value: Any, told: Callable[[type[Any]], str]) -> None:
    """Hand a value on as bytes, no two values as the same ones."""
    if value is None or isinstance(value, str | bytes | int | float | np.generic):
        update(f"{type(value).__name__}{value!r};".encode("utf-8", "surrogatepass"))
    elif isinstance(value, np.ndarray):
        update(f"array{value.dtype.str}{value.shape}".encode())
        if value.dtype.hasobject:
            _feed_all(update, value.ravel().tolist(), told)
        else:
            update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, PackedMaps):
        update(f"maps{value.digest()}".encode())
    elif type(value) in (dict, list) and (text := _as_json(value)):
        update(b"json")
        update(text)
    elif isinstance(value, Mapping):
        update(f"mapping{len(value)}".encode())
        for key, item in value.items():
            _feed(update, key, told)
            _feed(update, item, told)
    elif isinstance(value, list | tuple):
        update(f"sequence{len(value)}".encode())
        _feed_all(update, value, told)
    elif hasattr(value, "columns") and hasattr(value, "index"):  # a data frame
        update(f"frame{value.shape}".encode())
        # By place: a column may be called as another one, or "index".
        columns = [("", value.index), *((name, value.iloc[:, at]) for at, name in enumerate(value.columns))]
        for name, column in columns:
            _feed(update, str(name), told)
            if str(column.dtype) == "str":  # each text once: curves have a row per trial and evaluation
                places, texts = column.factorize()
                _feed(update, places, told)
                _feed(update, list(texts), told)
                continue
            plain = column.dtype.kind in "biuf"
            _feed(update, column.to_numpy() if plain else column.to_numpy(object), told)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        update(told(type(value)).encode())
        for field in dataclasses.fields(value):
            _feed(update, field.name, told)
            _feed(update, getattr(value, field.name), told)
    else:
        raise _UntoldError(type(value).__qualname__)


def _as_json(value: Any) -> bytes:
    """Return lists and tables as JSON, as a report's content is; b"" where they hold what JSON has not."""
    try:
        return json.dumps(value).encode()
    except (TypeError, ValueError, RecursionError):
        return b""


def _feed_all(
    update: Callable[[bytes], object], values: Iterable[Any], told: Callable[[type[Any]], str]
) -> None:
    """Hand many values on; texts and numbers, as tables are full of, all at once."""
    items = list(values)
    if set(map(type, items)) <= PLAIN:
        update("\x1f".join(map(repr, items)).encode("utf-8", "surrogatepass"))
        return
    for item in items:
        _feed(update, item, told)


@cache
def _own_code() -> str:
    """Return a digest of annx's own files, which say how a figure is drawn, and of what it draws with."""
    whole = hashlib.sha256(platform.python_version().encode())
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*.py")):
        whole.update(f"{path.relative_to(root).as_posix()} {_file_digest(path)}".encode())
    for name in DRAWS_WITH:
        whole.update(f"{name} {importlib.metadata.version(name)}".encode())
    return whole.hexdigest()


@cache
def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _module_digest(cls: type[Any]) -> str:
    """Return a digest of the file that a class is written in."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if file is None:
        raise _UntoldError(cls.__qualname__)
    return _file_digest(Path(file))
