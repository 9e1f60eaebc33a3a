"""Files and the disk they lie on: whole or not at all, and where a database can live."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from anncore.contract.errors import StoreError

NETWORK = ("nfs", "cifs", "smb", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "sshfs", "orangefs")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ENDINGS = ("toml", "json", "csv", "gz", "parquet", "tex", "html", "md", "svg", "png")
LEFTOVER = re.compile(rf"\..*\.(?:{'|'.join(ENDINGS)})\.[a-z0-9_]{{8}}")  # as `replace_files` calls them


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part; see `replace_files`."""
    replace_files({path: data})


def replace_files(contents: Mapping[Path, bytes | Iterable[bytes]]) -> None:
    """Write files so that a reader sees of each the old one or the new one, never a part.

    A content may come in pieces, so that nobody need hold the whole of it.

    All are written aside first, so that a disk that is full leaves every old one in its place. Raises
    StoreError where one cannot be written.
    """
    aside: dict[Path, str] = {}
    path = Path()
    try:
        for path, data in contents.items():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "it is a folder")
            handle, aside[path] = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            with os.fdopen(handle, "wb") as file:
                file.writelines([data] if isinstance(data, bytes) else data)
            with contextlib.suppress(OSError):  # some file systems have no permissions
                os.chmod(aside[path], 0o644)  # mkstemp leaves it to its owner alone
        for path in list(aside):
            os.replace(aside[path], path)
            del aside[path]
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        for name in aside.values():
            with contextlib.suppress(OSError):
                Path(name).unlink(missing_ok=True)


def make_secret(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read; one that another process has just made stays.

    Raises OSError.
    """
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # for its owner alone
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.link(aside, path)  # whole, or not at all
    except FileExistsError:
        pass
    finally:
        Path(aside).unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless it is there. Raises StoreError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(path, error) from error


def not_written(path: Path, error: OSError) -> StoreError:
    """Return the error for a file or folder that cannot be written: what is wrong and what helps."""
    reason = error.strerror or str(error)
    if error.errno == errno.EISDIR:
        return StoreError(f"{path} is a folder, where annx writes a file; move it away.")
    if isinstance(error, FileExistsError):
        return StoreError(f"{path} is a file, where annx makes a folder; move it away.")
    if error.errno in FULL:
        cure = "Make room and give the same command again; what is done is kept."
    elif error.errno == errno.ENOTDIR:
        cure = "Give a folder by --out."
    else:
        cure = "Check the folder's permissions, or give another folder by --out."
    return StoreError(f"{path} cannot be written to: {reason}. {cure}")


def remove_leftovers(folders: Iterable[Path]) -> None:
    """Remove what a process that was killed in the middle of `replace_files` left in these folders."""
    for folder in folders:
        with contextlib.suppress(OSError):
            for path in folder.iterdir():
                if LEFTOVER.fullmatch(path.name) and path.is_file():
                    path.unlink()


def refuse_network(folder: Path, mounts: str | None = None) -> None:
    """Raise StoreError for a folder on a network file system, where SQLite's locks and memory do not work.

    mounts: what /proc/self/mounts says; on systems without it nothing is refused here.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
    path, best, kind = Path(os.path.realpath(folder)), Path(), ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) > 2:
            mount = Path(fields[1].replace("\\040", " "))
            # The last of equals is the one mounted on top.
            if path.is_relative_to(mount) and len(mount.parts) >= len(best.parts):
                best, kind = mount, fields[2]
    if kind.removeprefix("fuse.").startswith(NETWORK):
        raise StoreError(
            f"{folder} lies on a network file system ({kind} at {best}), on which SQLite's write-ahead log "
            "does not work; give a folder on a local disk by --out."
        )
