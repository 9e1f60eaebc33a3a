"""What annx needs of a machine: a function for each thing, which yields what it finds and what to do."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from anncore.cli.common import counted
from anncore.engine.process import memory_bytes

Status = Literal["ok", "note", "bad"]

MODULES = {"scikit-learn": "sklearn"}  # packages whose module has another name
OUR_OWN = ("test", "bench", "dev", "oracles")  # extras for working on annx itself
WORKER = 150 << 20  # bytes that a worker process takes before it trains anything
LEAST_DISK = 500 << 20


class Finding(NamedTuple):
    """One thing that was checked: its state and, where that should be different, what to do."""

    topic: str
    status: Status
    text: str
    way_out: str = ""
    facts: Mapping[str, Any] = {}


def examine(folder: Path) -> Iterator[Finding]:
    """Yield all findings; `folder` is where reports will be written."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        python,
        packages,
        blas,
        kernels,
        cores,
        memory,
        allocator,
        plugins,
        lambda: disk(folder),
    )
    for check in checks:
        yield from check()


def python() -> Iterator[Finding]:
    """Version and implementation."""
    version = platform.python_version()
    text = f"{version} ({platform.python_implementation()}) on {platform.platform()}"
    yield Finding("python", "ok", text, facts={"version": version, "executable": sys.executable})


def packages() -> Iterator[Finding]:
    """Every package annx requires: installed, of a version that fits, and importable."""
    from packaging.requirements import Requirement  # comes with matplotlib

    good = {}
    for text in importlib.metadata.requires("annx") or []:
        requirement = Requirement(text)
        extra = _extra(text)
        unwanted = requirement.marker is not None and not extra and not requirement.marker.evaluate()
        if extra in OUR_OWN or requirement.name == "annx" or unwanted:
            continue
        version = _version(requirement.name)
        wanted = f"{requirement.name}{requirement.specifier}"
        if not version and extra:
            way_out = f"only the extra {extra} needs it: pip install 'annx[{extra}]'"
            yield Finding("package", "note", f"{requirement.name} is not installed", way_out)
        elif not version:
            yield Finding("package", "bad", f"{requirement.name} is not installed", f"pip install '{wanted}'")
        elif not requirement.specifier.contains(version, prereleases=True):
            yield Finding(
                "package", "bad", f"{requirement.name} {version} does not fit", f"pip install '{wanted}'"
            )
        elif problem := _import_problem(MODULES.get(requirement.name, requirement.name)):
            way_out = f"pip install --force-reinstall '{wanted}'"
            yield Finding("package", "bad", f"{requirement.name} {version}: {problem}", way_out)
        else:
            good[requirement.name] = version
    text = ", ".join(f"{name} {version}" for name, version in good.items())
    yield Finding("packages", "ok", f"annx {_version('annx')}, {text}", facts=good)


def _extra(requirement: str) -> str:
    """Return the extra that a requirement belongs to, "" for the core's."""
    marker = requirement.partition(";")[2]
    return marker.partition("extra ==")[2].strip().strip("'\"") if "extra ==" in marker else ""


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _import_problem(module: str) -> str:
    try:
        importlib.import_module(module.replace("-", "_"))
    except Exception as error:
        return f"cannot be imported ({type(error).__name__}: {' '.join(str(error).split())})"
    return ""


def kernels() -> Iterator[Finding]:
    """Whether formulas are compiled to machine code."""
    from anncore.engine.fusing.emit import available, processor

    if os.environ.get("ANNX_FUSING") == "0":
        yield Finding(
            "kernels", "note", "ANNX_FUSING=0: formulas are not compiled", "unset it to train faster"
        )
    elif available():
        text = f"formulas are compiled to machine code for {processor()}"
        yield Finding("kernels", "ok", text, facts={"processor": processor()})
    else:
        way_out = "results are the same, but training takes twice as long; pip install llvmlite"
        yield Finding("kernels", "note", "formulas are not compiled: llvmlite makes no code here", way_out)


def blas() -> Iterator[Finding]:
    """The libraries behind NumPy's and SciPy's matrix products, their kernels and threads."""
    import threadpoolctl

    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    if not pools:
        yield Finding(
            "BLAS",
            "note",
            "no library whose number of threads can be set",
            "results may depend on the number of cores; NumPy's wheels from PyPI contain OpenBLAS",
        )
    for pool in pools:
        kernels = pool.get("architecture") or "unknown"
        owner = next((name for name in ("numpy", "scipy") if name in pool["filepath"]), "another package")
        text = f"{owner}'s {pool['internal_api']} {pool['version']}, {kernels} kernels"
        text += f", {counted(pool['num_threads'], 'thread')}"
        keys = ("internal_api", "version", "architecture", "num_threads", "filepath")
        facts = {key: pool.get(key) for key in keys}
        if pool["num_threads"] == 1:
            yield Finding("BLAS", "ok", text, facts=facts)
        else:
            way_out = (
                "sweeps set it to 1; in your own scripts set OPENBLAS_NUM_THREADS=1 before you import NumPy"
            )
            yield Finding("BLAS", "note", text, way_out, facts)
    for name in ("OPENBLAS_CORETYPE", "MKL_CBWR"):
        if os.environ.get(name):
            yield Finding(
                "BLAS",
                "note",
                f"{name}={os.environ[name]} chooses the kernels",
                "the last digits of results differ from machines where it is not set",
            )


def cores() -> Iterator[Finding]:
    """How many cores there are, and how many of them this process may use."""
    everything, allowed, quota = os.cpu_count() or 1, allowed_cores(), cpu_quota()
    facts = {"cores": everything, "allowed": allowed, "quota": quota}
    text = f"{everything}" if allowed == everything else f"this process may use {allowed} of {everything}"
    if quota is None or quota >= allowed:
        yield Finding("cores", "ok", f"{text}; by default a sweep has as many workers", facts=facts)
    else:
        limited = f"{text}, but its container has the time of only {quota:g}"
        yield Finding("cores", "note", limited, f"run sweeps with --jobs {max(1, round(quota))}", facts)


def allowed_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_quota(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Return the cores that a container may use, None where there is no limit."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        quota, period = (root / "cpu.max").read_text(encoding="utf-8").split()[:2]
        return None if quota == "max" else int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError):
        quota_us = int((root / "cpu" / "cpu.cfs_quota_us").read_text(encoding="utf-8"))
        period_us = int((root / "cpu" / "cpu.cfs_period_us").read_text(encoding="utf-8"))
        return quota_us / period_us if quota_us > 0 else None
    return None


def memory() -> Iterator[Finding]:
    """How much memory there is, how much is free, and whether it is enough for a worker per core."""
    total, free = memory_bytes()
    if total is None:
        yield Finding("memory", "note", "unknown on this system", "watch it during a first sweep")
        return
    workers = allowed_cores()
    facts = {"total": total, "available": free}
    text = f"{_gigabytes(total)}, {_gigabytes(free)} free" if free is not None else _gigabytes(total)
    fit = (total if free is None else free) // WORKER
    if fit >= workers:
        yield Finding("memory", "ok", text, facts=facts)
    else:
        way_out = f"{counted(workers, 'worker')} may need more; run sweeps with --jobs {max(1, fit)}"
        yield Finding("memory", "note", text, way_out, facts)


def _gigabytes(number: int) -> str:
    return f"{number / 2**30:.1f} GiB"


def allocator() -> Iterator[Finding]:
    """Whether the C library can keep freed memory, which saves sweeps page faults."""
    from anncore.engine.process import keep_memory_mapped

    if keep_memory_mapped():
        yield Finding("mallopt", "ok", "works: freed memory is kept for the next array")
    else:
        way_out = "results are the same, but large networks train slower; glibc (most Linux systems) has it"
        yield Finding("mallopt", "note", "not in this C library", way_out)


def plugins() -> Iterator[Finding]:
    """Which plugins are loaded, and which are broken and why."""
    from anncore import load_registry
    from anncore.contract.patience import limited_patience

    with limited_patience():
        registry = load_registry(environ={k: v for k, v in os.environ.items() if k != "ANNX_STRICT_PLUGINS"})
    dists = {plugin.dist: plugin.version for plugin in registry.plugins if not plugin.problem}
    text = f"{len(registry.components)} components from {', '.join(dists) or 'no plugin'}"
    if dists:
        yield Finding("plugins", "ok", text, facts=dists)
    else:
        yield Finding("plugins", "bad", text, "pip install --force-reinstall annx")
    for plugin in registry.broken:
        way_out = f"'annx plugins -v' shows where; upgrade or uninstall {plugin.dist}"
        if plugin.dist == "annx":
            way_out = "'annx plugins -v' shows where; pip install --force-reinstall annx"
        yield Finding("plugin", "bad", f"{plugin.name} is broken: {plugin.problem}", way_out)


def disk(folder: Path) -> Iterator[Finding]:
    """Whether reports can be written to `folder`: SQLite's write-ahead log works and there is room."""
    from anncore.contract.errors import StoreError
    from anncore.running.files import refuse_network

    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    elsewhere = "run sweeps with --out and a folder on a local disk"
    try:
        refuse_network(there)
        _try_wal(there)
    except StoreError as error:
        yield Finding("disk", "bad", str(error).partition(";")[0], elsewhere)
        return
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        yield Finding("disk", "bad", f"{there} cannot hold a store: {reason}", elsewhere)
        return
    free = shutil.disk_usage(there).free
    text = f"{there}: SQLite's write-ahead log works, {_gigabytes(free)} free"
    if free >= LEAST_DISK:
        yield Finding("disk", "ok", text, facts={"folder": str(there), "free": free})
    else:
        yield Finding(
            "disk", "note", text, "free some space, or " + elsewhere, {"folder": str(there), "free": free}
        )


def _try_wal(folder: Path) -> None:
    """Write and read a database as a sweep and `annx status` do; raises where that does not work."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".annx-doctor-") as place:
        file = Path(place) / "trial.sqlite"
        writer = sqlite3.connect(file)
        try:
            (mode,) = writer.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise sqlite3.OperationalError(f"SQLite's journal stays in mode {mode!r}, not 'wal'")
            with writer:
                writer.execute("CREATE TABLE t (x)")
                writer.execute("INSERT INTO t VALUES (1)")
            reader = sqlite3.connect(file)
            try:
                reader.execute("SELECT x FROM t").fetchone()
            finally:
                reader.close()
        finally:
            writer.close()
