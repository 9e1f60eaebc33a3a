"""Files and the disk they lie on: whole or not at all, and where a database can live."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from anncore.contract.errors import StoreError

NETWORK = ("nfs", "cifs", "smb", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "sshfs", "orangefs")


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)  # mkstemp leaves it to its owner alone
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


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
