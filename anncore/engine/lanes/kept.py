"""Machine code of kernels in the user's cache folder, so that a second run compiles nothing.

A file is named by what determines it: the text, LLVM, the processor. It begins with a digest of its content;
one that is damaged, or that another user could have written, is not used. Two processes may write at once: a
file appears whole or not at all. Nothing depends on it but time, so where it cannot be written it is not.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from anncore.contract.cache_folder import cache_folder

DIGEST = 32  # bytes
MOST_FILES = 8192  # of about 20 kB each; beyond it the oldest ones go
FAILURES = (OSError, RuntimeError, ValueError)


def named(text: str, machine: str) -> str:
    """Return the name of a kernel's file."""
    return hashlib.sha256(f"{machine}\n{text}".encode()).hexdigest()


def kept_code(name: str) -> bytes | None:
    """Return a kernel's machine code, None if there is none that is sound."""
    with suppress(*FAILURES):
        folder = _folder()
        if not _own(folder):
            return None
        content = (folder / name).read_bytes()
        digest, code = content[:DIGEST], content[DIGEST:]
        if code and hashlib.sha256(code).digest() == digest:
            return code
    return None


def keep_code(name: str, code: bytes) -> None:
    """Keep a kernel's machine code, if the folder can be written."""
    temporary: Path | None = None
    with suppress(*FAILURES):
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _own(folder):
            return
        _make_room(folder)
        temporary = folder / f".{name}.{secrets.token_hex(8)}"
        with temporary.open("xb") as file:
            file.write(hashlib.sha256(code).digest() + code)
        os.replace(temporary, folder / name)
        temporary = None
    if temporary is not None:
        with suppress(OSError):
            temporary.unlink()


def _folder() -> Path:
    return cache_folder() / "kernels"


def _own(folder: Path) -> bool:
    """Tell whether nobody but this user can write into a folder, where the system has users."""
    if not hasattr(os, "getuid"):
        return True
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _make_room(folder: Path) -> None:
    """Delete the older half of the files when there are too many."""
    paths = [folder / name for name in os.listdir(folder)]
    if len(paths) < MOST_FILES:
        return
    files = []
    for path in paths:
        with suppress(OSError):  # another process may have taken it away
            files.append((path.lstat().st_mtime, path))
    for _, path in sorted(files)[: MOST_FILES // 2]:
        with suppress(OSError):
            os.unlink(path)
