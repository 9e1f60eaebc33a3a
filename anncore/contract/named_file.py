"""A file that a hyperparameter names: read whole, or refused in one line."""

from __future__ import annotations

import re
from pathlib import Path

from anncore.contract.errors import DataError, nearest

CARRIED: dict[str, bytes] = {}
"""By its path the content of a file that lies on another machine, whose driver has sent it along."""
_READ: dict[str, None] = {}


def read_files() -> dict[str, bytes]:
    """Return the content of each file that `named_file` has read in this process, as far as it is there."""
    contents = {}
    for path in _READ:
        try:
            if path in CARRIED:
                contents[path] = CARRIED[path]
            elif Path(path).is_file():  # it may have become a pipe, which nobody can open without a writer
                contents[path] = Path(path).read_bytes()
        except OSError:  # of an earlier experiment, and gone
            continue
    return contents


def named_file(owner: str, path: str, example: str) -> bytes:
    """Return the content of the file that a component's `path` names.

    owner: the component's name, with which each message begins. example: the name of such a file. Raises
    DataError, one line, for a path that is missing, or a web address, or names nothing (with the nearest name
    in its folder), a directory, a pipe or what may not be read.
    """
    if not path:
        raise DataError(f'{owner}: path is missing; name the file: path = "{example}"')
    if path in CARRIED:
        return CARRIED[path]
    file, begin = Path(path), f"{owner}: {path}: "
    try:
        if file.exists() and not file.is_dir() and not file.is_file():
            raise DataError(f"{begin}is a pipe or a device; write its content to a file and name that")
        content = file.read_bytes()
    except FileNotFoundError:
        siblings = [sibling.name for sibling in file.parent.glob("*")]
        raise DataError(f"{begin}no such file.{_address(path) or nearest(file.name, siblings)}") from None
    except IsADirectoryError:
        raise DataError(f"{begin}is a directory; name a file in it") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else None
        raise DataError(f"{begin}cannot be read: {reason or error}") from None
    _READ[path] = None
    return content


def _address(path: str) -> str:
    """Say what to do with a path that is a web address, or begins at the user's home."""
    if re.search(r"(https?|ftp|s3|gs):/", path):
        return " It is a web address; download the file and name that."
    if "/~" in path or path.startswith("~"):
        return " ~ is not read as your home; write the whole path."
    return ""
