"""The lines of `annx list` are kept between calls, and never stale."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

import anncore
from anncore.cli import catalogue as module
from anncore.cli.catalogue import FILE, catalogue
from anncore.cli.group import cli
from anncore.contract.errors import StoreError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ANNX_PLUGINS", raising=False)
    return tmp_path / "annx" / FILE


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Note each time the plugins are loaded."""
    calls: list[tuple[str, ...]] = []
    load = anncore.load_registry

    def noted(plugins: tuple[str, ...] = ()) -> Any:
        calls.append(tuple(plugins))
        return load(plugins)

    monkeypatch.setattr(anncore, "load_registry", noted)
    return calls


def test_a_second_call_loads_nothing_and_says_the_same(cache: Path, loads: list[Any]) -> None:
    first = CliRunner().invoke(cli, ["list"])
    assert cache.is_file()
    second = CliRunner().invoke(cli, ["list"])
    assert len(loads) == 1
    assert first.output == second.output
    assert "adam " in first.output
    assert CliRunner().invoke(cli, ["list", "--json"]).exit_code == 0
    assert len(loads) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: b"",
        lambda text: b"[]",
        lambda text: b"null",
        lambda text: text[: len(text) // 2],
        lambda text: json.dumps({**json.loads(text), "rows": []}).encode(),
        lambda text: json.dumps({**json.loads(text), "rows": [[1, 2]]}).encode(),
        lambda text: json.dumps({**json.loads(text), "rows": [[1, 2, 3, 4, 5, 6]]}).encode(),
        lambda text: json.dumps({**json.loads(text), "libraries": 3}).encode(),
        lambda text: json.dumps({**json.loads(text), "digest": "other"}).encode(),
        lambda text: b"\xff\xfe\x00",
    ],
)
def test_a_damaged_file_is_as_good_as_none(
    cache: Path, loads: list[Any], damage: Callable[[bytes], bytes]
) -> None:
    made = catalogue(())
    cache.write_bytes(damage(cache.read_bytes()))
    assert catalogue(()) == made
    assert len(loads) == 2
    assert catalogue(()) == made  # mended
    assert len(loads) == 2


def test_every_module_and_what_is_installed_count(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = [module._digest()]
    modules = list(module._modules())
    assert {"adam.py", "activations.py", "list.py"} <= {path.name for path in modules}
    edited = tmp_path / "edited.py"
    for text in ("1", "2"):
        edited.write_text(text, encoding="utf-8")
        monkeypatch.setattr(module, "_modules", lambda: iter([*modules, edited]))
        digests.append(module._digest())
    (tmp_path / "new-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    digests.append(module._digest())
    assert None not in digests
    assert len(set(digests)) == len(digests)


def test_what_others_bring_is_not_kept(
    cache: Path, loads: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNX_PLUGINS", "")
    catalogue(())
    monkeypatch.delenv("ANNX_PLUGINS")
    entries = [SimpleNamespace(dist=SimpleNamespace(name="other"), name="x", value="other.x")]
    monkeypatch.setattr(module.importlib.metadata, "entry_points", lambda group: entries)
    assert module._digest() is None
    assert not cache.exists()


def test_a_folder_that_cannot_be_written_is_no_error(
    cache: Path, loads: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise StoreError("no space")

    monkeypatch.setattr(module, "replace_file", full)
    assert catalogue(()).rows
    cache.parent.rmdir()
    cache.parent.write_text("a file in its place", encoding="utf-8")
    assert catalogue(()).rows


def test_the_metadata_of_a_distribution_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One distribution has hundreds of entry points, and its name is parsed at every look."""
    honest = vars(importlib.metadata.Distribution)["name"]
    owners: list[Any] = []

    def name(dist: Any) -> Any:
        owners.append(dist)
        return honest.fget(dist)

    monkeypatch.setattr(importlib.metadata.Distribution, "name", property(name))
    assert module._digest()
    assert len(owners) == len({id(owner) for owner in owners}) >= 1
