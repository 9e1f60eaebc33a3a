"""A plugin that hangs at import: it is named, and the verbs that report on plugins get past it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anncore.contract import patience
from anncore.contract.admission import Refused
from anncore.contract.errors import PluginError
from anncore.contract.loading import load_registry
from anncore.contract.patience import Waiting, limited_patience, named_if_slow
from anncore.contract.telling import TELLER


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """An event that plugins wait for; opened at the end, so that no thread is left."""
    event = threading.Event()
    yield event
    event.set()


def test_what_loads_for_long_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "NAMED_AFTER", 0.0)  # the clock does not decide: the wait below does
    said, lines = threading.Event(), list[str]()
    monkeypatch.setattr(TELLER, "say", lambda text: (lines.append(text), said.set()))
    with Waiting() as waiting:
        waiting.begin("annx-slow:slow (annx_slow)")
        assert waiting.run(lambda: said.wait(60))
    assert lines == ["annx: plugin annx-slow:slow (annx_slow) is loading ..."]


def test_what_loads_at_once_is_not_named(capsys: pytest.CaptureFixture[str]) -> None:
    with Waiting() as waiting:
        waiting.begin("annx-quick:quick")
        assert waiting.run(lambda: 3) == 3
    assert capsys.readouterr().err == ""


def test_limited_patience_gives_up_and_says_so(gate: threading.Event) -> None:
    with limited_patience(0.05), Waiting() as waiting:
        waiting.begin("annx-slow:slow")
        with pytest.raises(Refused, match=r"has not loaded after 0\.05 s, so it was left out"):
            waiting.run(gate.wait, "annx-slow")
        with pytest.raises(Refused, match="annx-slow:slow of the same package is loading still"):
            waiting.run(lambda: 1, "annx-slow")
        assert waiting.run(lambda: 1, "annx-other") == 1


def test_what_a_plugin_raises_comes_through() -> None:
    def broken() -> None:
        raise SystemExit(3)

    with limited_patience(60), Waiting() as waiting, pytest.raises(SystemExit):
        waiting.run(broken)


def test_a_file_that_hangs_is_a_broken_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(time, "gate", gate, raising=False)
    (tmp_path / "slow.py").write_text("import time\ntime.gate.wait()\n")
    with limited_patience(0.05), pytest.raises(PluginError, match=r"file:slow is broken: it has not loaded"):
        load_registry([tmp_path / "slow.py"])
    gate.set()


def test_what_takes_long_is_named_and_what_does_not_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    said = threading.Event()
    monkeypatch.setattr(TELLER, "say", lambda text: (lines.append(text), said.set()))
    monkeypatch.setattr(patience, "NAMED_AFTER", 1e6)
    with named_if_slow("data set quick is being made"):
        pass
    monkeypatch.setattr(patience, "NAMED_AFTER", 0.0)
    with named_if_slow("data set slow is being made"):
        assert said.wait(60)
    assert lines == ["annx: data set slow is being made ..."]
