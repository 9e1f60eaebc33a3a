"""`annx doctor`: what is found on this machine, and what is said of machines that are not well."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from terminal import on_a_terminal

from anncore.cli import health
from anncore.cli.group import OK, SOME_FAILED, cli
from anncore.contract.errors import StoreError
from anncore.contract.registry import Plugin, Registry


def doctor(*args: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *args])


def only(findings: Any) -> health.Finding:
    (finding,) = findings
    return finding


# This machine


@pytest.mark.slow
def test_every_matter_is_looked_at(tmp_path: Path) -> None:
    result = doctor("--out", str(tmp_path), "--json")
    assert result.exit_code == OK, result.output
    content = json.loads(result.stdout)
    assert content["well"] is True
    by_topic = {finding["topic"]: finding for finding in content["findings"]}
    topics = {"python", "packages", "BLAS", "kernels", "cores", "memory", "mallopt", "plugins", "disk"}
    assert set(by_topic) - {"package"} == topics
    assert by_topic["python"]["facts"]["version"] == platform.python_version()
    assert by_topic["packages"]["facts"]["numpy"] == np.__version__
    assert by_topic["cores"]["facts"]["cores"] == os.cpu_count()
    assert by_topic["disk"]["facts"]["folder"] == str(tmp_path)
    assert list(tmp_path.iterdir()) == []  # what was tried is gone


@pytest.mark.slow
def test_plain_lines_in_a_pipe_and_marks_on_a_terminal(tmp_path: Path) -> None:
    lines = doctor("--out", str(tmp_path)).stdout.splitlines()
    assert lines[0].startswith("ok    python")
    assert lines[-1] == "Sweeps work here."
    assert "✓" in on_a_terminal("doctor", "--out", str(tmp_path))


def test_a_folder_that_is_not_there_yet_is_judged_by_the_one_it_will_lie_in(tmp_path: Path) -> None:
    finding = only(health.disk(tmp_path / "reports" / "new"))
    assert (finding.status, finding.facts["folder"]) == ("ok", str(tmp_path))
    assert not (tmp_path / "reports").exists()


def test_the_blas_of_this_process_is_told_with_kernels_and_threads() -> None:
    findings = list(health.blas())
    ours = [finding for finding in findings if "numpy" in finding.text]
    assert ours
    for finding in ours:
        assert str(finding.facts["num_threads"]) in finding.text
        assert str(finding.facts["architecture"]) in finding.text


# Machines that are not well


def test_a_problem_is_a_line_with_its_way_out_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["no-such-package-anywhere>=3"])
    result = doctor("--out", str(tmp_path))
    assert result.exit_code == SOME_FAILED
    lines = result.stdout.splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith("BAD")]
    assert lines[at].split(maxsplit=2)[1:] == ["package", "no-such-package-anywhere is not installed"]
    assert lines[at + 1].strip() == "-> pip install 'no-such-package-anywhere>=3'"
    assert lines[-1] == "1 problem."
    assert json.loads(doctor("--out", str(tmp_path), "--json").stdout)["well"] is False


@pytest.mark.parametrize(
    ("requirement", "status", "text", "way_out"),
    [
        ("numpy<1", "bad", f"numpy {np.__version__} does not fit", "pip install 'numpy<1'"),
        (
            "no-such-thing>=1; extra == 'far'",
            "note",
            "no-such-thing is not installed",
            "only the extra far needs it: pip install 'annx[far]'",
        ),
    ],
)
def test_packages_that_are_missing_or_do_not_fit(
    monkeypatch: pytest.MonkeyPatch, requirement: str, status: str, text: str, way_out: str
) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: [requirement])
    finding, _ = health.packages()
    assert finding[:4] == ("package", status, text, way_out)


def test_extras_for_working_on_annx_are_nobodys_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ['no-such-thing>=1; extra == "dev"'])
    assert only(health.packages()).status == "ok"


def test_a_package_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise OSError("libfoo.so: cannot open\nshared object file")

    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["numpy>=1"])
    monkeypatch.setattr(health.importlib, "import_module", refuse)
    finding, _ = health.packages()
    assert finding.status == "bad"
    assert "cannot be imported (OSError: libfoo.so: cannot open shared object file)" in finding.text
    assert finding.way_out == "pip install --force-reinstall 'numpy>=1'"


def pools(monkeypatch: pytest.MonkeyPatch, *libraries: dict[str, Any]) -> list[health.Finding]:
    monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: list(libraries))
    return list(health.blas())


def test_blas_on_several_threads_or_none_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)  # some machines set it
    pool = {
        "user_api": "blas",
        "internal_api": "openblas",
        "version": "0.3.30",
        "architecture": "Haswell",
        "num_threads": 8,
        "filepath": "/x/numpy.libs/libopenblas.so",
    }
    finding = only(pools(monkeypatch, pool))
    assert (finding.status, finding.text) == ("note", "numpy's openblas 0.3.30, Haswell kernels, 8 threads")
    assert only(pools(monkeypatch)).text == "no library whose number of threads can be set"
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    one = {**pool, "num_threads": 1}
    assert [finding.status for finding in pools(monkeypatch, one)] == ["ok", "note"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_a_containers_share_of_the_cores(
    tmp_path: Path, files: dict[str, str], expected: float | None
) -> None:
    write(tmp_path, files)
    assert health.cpu_quota(tmp_path) == expected


def test_fewer_cores_than_a_sweep_would_take_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(health, "allowed_cores", lambda: 16)
    monkeypatch.setattr(health, "cpu_quota", lambda: 2.0)
    finding = only(health.cores())
    assert finding.text == "this process may use 16 of 64, but its container has the time of only 2"
    assert (finding.status, finding.way_out) == ("note", "run sweeps with --jobs 2")


def test_memory_is_what_the_container_leaves(tmp_path: Path) -> None:
    write(tmp_path, {"meminfo": "MemTotal:       16777216 kB\nMemAvailable:    8388608 kB\n"})
    gib = 2**30
    assert health.memory_bytes(tmp_path / "meminfo", tmp_path) == (16 * gib, 8 * gib)
    write(tmp_path, {"memory.max": f"{2 * gib}\n", "memory.current": f"{gib // 2}\n"})
    assert health.memory_bytes(tmp_path / "meminfo", tmp_path) == (2 * gib, gib + gib // 2)
    write(tmp_path, {"memory.max": "max\n"})
    assert health.memory_bytes(tmp_path / "meminfo", tmp_path) == (16 * gib, 8 * gib)


def test_memory_for_too_few_workers_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "allowed_cores", lambda: 32)
    monkeypatch.setattr(health, "memory_bytes", lambda: (2**30, 600 << 20))
    finding = only(health.memory())
    assert (finding.status, finding.text) == ("note", "1.0 GiB, 0.6 GiB free")
    assert finding.way_out == "32 workers may need more; run sweeps with --jobs 4"  # 600 MiB / 150 MiB


def test_another_c_library_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anncore.engine.process.keep_memory_mapped", lambda: False)
    assert only(health.allocator())[:3] == ("mallopt", "note", "not in this C library")


def test_broken_plugins_are_problems_with_their_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Plugin("annx-x:x", "annx-x", "1", "annx_x", problem="ModuleNotFoundError: no y")
    monkeypatch.setattr("anncore.load_registry", lambda environ: Registry((), (broken,)))
    nothing, finding = health.plugins()
    assert (nothing.status, nothing.text) == ("bad", "0 components from no plugin")
    assert finding.text == "annx-x:x is broken: ModuleNotFoundError: no y"
    assert finding.way_out == "'annx plugins -v' shows where; upgrade or uninstall annx-x"


def test_a_network_file_system_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(folder: Path) -> None:
        raise StoreError(f"{folder} lies on a network file system (nfs4 at /home); give another.")

    monkeypatch.setattr("anncore.running.files.refuse_network", refuse)
    finding = only(health.disk(tmp_path))
    assert finding.text == f"{tmp_path} lies on a network file system (nfs4 at /home)"
    assert (finding.status, finding.way_out) == ("bad", "run sweeps with --out and a folder on a local disk")


def test_a_disk_on_which_the_write_ahead_log_does_not_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Stubborn(sqlite3.Connection):
        def execute(self, *statement: Any) -> Any:
            return super().execute("SELECT 'delete'")

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda file: real(file, factory=Stubborn))
    finding = only(health.disk(tmp_path))
    assert finding.status == "bad"
    assert (
        finding.text == f"{tmp_path} cannot hold a store: SQLite's journal stays in mode 'delete', not 'wal'"
    )


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder nobody can write to")
def test_a_folder_nobody_can_write_to() -> None:
    assert only(health.disk(Path("/proc/reports"))).text.startswith("/proc cannot hold a store: ")


def test_a_full_disk_is_noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Usage:
        free = 100 << 20

    monkeypatch.setattr(health.shutil, "disk_usage", lambda folder: Usage)
    finding = only(health.disk(tmp_path))
    assert (finding.status, "0.1 GiB free" in finding.text) == ("note", True)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
