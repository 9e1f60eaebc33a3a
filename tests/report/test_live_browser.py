"""The page that lives in a real browser, on a sweep that really runs: by keyboard, in the dark, small."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Browser, axe_core, browser
from live_factory import ended, make_run, trial
from sweep_factory import load

from anncore.report.live.board import Board
from anncore.running.sweep import sweep

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.slow,
]
LIMIT = 60  # seconds after which a test stops waiting
SLOW = """
seeds = { tune = [0, 1], report = [100] }
optimizer.trouble = { how = "slow", lr = [0.1, 0.2] }
optimizer.wild = { use = "trouble", how = "raise" }
optimizer.sgd.lr = [0.1, 0.2]
"""
HIDDEN = "[[2], [3], [4]]"
HOSTILE = ("<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "\u202egnp.exe", "a" * 150)


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


class Served:
    """A page that is served in this process."""

    def __init__(self, *folders: Path, port: int = 0) -> None:
        from anncore.report.live.server import listen, make_server

        self._listening = listen("127.0.0.1", port)
        self.port = self._listening.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/secret/"
        self._server = make_server(Board(list(folders)), "secret", "127.0.0.1")
        run: Any = self._server.run
        self._thread = threading.Thread(target=run, kwargs={"sockets": [self._listening]}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(LIMIT)
        self._listening.close()


def wait(window: Browser, expression: str) -> Any:
    """Wait until an expression in the page is true, and return it."""
    end = time.monotonic() + LIMIT
    while True:
        value = window.run(expression)
        if value:
            return value
        assert time.monotonic() < end, f"{expression} stays {value!r}: {window.run(TEXT)}"
        time.sleep(0.1)


def press(window: Browser, key: str, code: int) -> None:
    for kind in ("rawKeyDown", "char", "keyUp") if key == "Enter" else ("rawKeyDown", "keyUp"):
        more = {"text": "\r"} if kind == "char" else {}
        window.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **more)


def strange(window: Browser, address: str) -> list[str]:
    """Return what the page complains of, and what it asks of others than its server."""
    return [text for text in window.complaints() if not text.startswith(f"request: {address}")]


TEXT = "document.body.innerText"
CELLS = "[...document.querySelectorAll('td.cell')].map(cell => cell.textContent)"
SET_PHASE = (
    "const phase = document.querySelector('#phase'); phase.value = 'tune'; "
    "phase.dispatchEvent(new Event('change'))"
)
FIND = (
    "const find = document.querySelector('#find'); find.value = 'SIN'; find.dispatchEvent(new Event('input'))"
)
STATE = "document.querySelector('.state')?.textContent"
WIDTH = "document.documentElement.scrollWidth"


def test_a_sweep_that_runs_is_seen_from_its_begin_to_its_end(window: Browser, tmp_path: Path) -> None:
    # Some seconds, so that a page that looks every second sees it run, also on a machine with much to do.
    experiment = load(tmp_path, SLOW, hidden=HIDDEN, overrides=["train.steps=30"])
    served = Served(tmp_path / "run")
    running = threading.Thread(
        target=sweep, args=(experiment,), kwargs={"out": tmp_path / "run", "executor": "serial"}, daemon=True
    )
    try:
        window.open(served.address)
        wait(window, f"{STATE} === 'not begun'")
        running.start()
        wait(window, f"{STATE} === 'running'")
        assert "so far" in window.run("document.querySelector('.far').textContent")
        wait(window, "document.querySelectorAll('.curves .curve').length")
        running.join(LIMIT)
        assert not running.is_alive()
        wait(window, f"{STATE} === 'finished'")
        # Three networks, three arms, of which one has no configuration to report.
        assert window.run(CELLS) == ["1/1", "–", "1/1"] * 3
        window.run(SET_PHASE)
        wait(window, f"({CELLS})[0] === '4/4'")
        assert window.run(CELLS) == ["4/4", "2/22 failed", "4/4"] * 3
        assert "I cannot go on" in window.run("document.querySelector('.errors').textContent")
        assert "trouble" in window.run("document.querySelector('.errors').textContent")
        assert strange(window, served.address) == []
    finally:
        served.close()
        running.join(LIMIT)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve two runs with arms in common."""
    place = tmp_path_factory.mktemp("two")
    for name, arms in (("first", ("adam", "sgd", *HOSTILE)), ("second", ("sgd", "adam"))):
        problems = ("xor", "sine", *HOSTILE)
        trials = [trial(arm, problem, seed) for arm in arms for problem in problems for seed in range(2)]
        lost = [ended(one, status="failed", error=f"no {HOSTILE[0]}") for one in trials[:2]]
        make_run(place / name, trials, [*lost, *map(ended, trials[2:-2])])
    served = Served(place / "first", place / "second")
    yield served.address
    served.close()


def ready(window: Browser, address: str, **options: Any) -> None:
    window.open(address, **options)
    wait(window, "document.querySelectorAll('.run').length === 2")
    # Six arms on six problems and two on six, but for the first and the last pair of each run.
    wait(window, "document.querySelectorAll('.curve').length === 44")


LIT = "[...document.querySelectorAll('.run')].map(run => run.querySelectorAll('.curve.lit').length)"
DIM = "[...document.querySelectorAll('.run')].map(run => run.querySelectorAll('.curve.dim').length)"
FOCUS = "document.activeElement.textContent"


def test_an_arm_that_is_chosen_by_keyboard_is_lit_in_every_figure_of_every_run(
    window: Browser, two: str
) -> None:
    ready(window, two)
    for _ in range(30):
        press(window, "Tab", 9)
        if window.run("document.activeElement.matches('#arms button')") and window.run(FOCUS) == "sgd":
            break
    assert window.run(FOCUS) == "sgd"
    assert window.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    press(window, "Enter", 13)
    # Six problems; the first pair of arm and problem failed in each run, the last pair is not run.
    assert window.run(LIT) == [6, 5]
    assert window.run(DIM) == [28, 5]
    assert window.run("document.querySelectorAll('td.cell.lit').length") == 12
    pressed = "[...document.querySelectorAll('button[aria-pressed=true]')].map(button => button.textContent)"
    assert window.run(pressed) == ["sgd"] * 3  # among the arms, and in both tables
    press(window, "Escape", 27)
    assert window.run(LIT) == [0, 0]
    window.run("document.querySelector('.curves .hit[data-arm=\"0\"]').dispatchEvent(new Event('click'))")
    assert window.run(LIT) == [5, 5]
    press(window, "Escape", 27)


def test_a_page_whose_server_ends_says_so_and_goes_on_when_it_is_back(
    window: Browser, tmp_path: Path
) -> None:
    trials = [trial("adam", "xor", seed) for seed in range(2)]
    make_run(tmp_path, trials, [ended(trials[0])])
    far = "document.querySelector('.far')?.textContent"
    link = "document.querySelector('#link').textContent"
    served = Served(tmp_path)
    try:
        window.open(served.address)
        wait(window, f"{far} === '1 of 2 trials done'")
        assert window.run(link) == "Live"
        served.close()
        wait(window, f"{link}.startsWith('The connection is lost')")
        make_run(tmp_path, trials, map(ended, trials))
        served = Served(tmp_path, port=served.port)
        wait(window, f"{link} === 'Live' && {far} === '2 of 2 trials done'")
    finally:
        served.close()


def test_the_filters_act_on_every_run(window: Browser, two: str) -> None:
    ready(window, two)
    window.run(FIND)
    headings = "[...document.querySelectorAll('.curves h4')].map(heading => heading.textContent).join()"
    wait(window, f"{headings} === 'sine,sine'")
    assert window.run("document.querySelectorAll('tbody th.name').length") == 2
    window.run("document.querySelector('#which input').click()")
    wait(window, "document.querySelectorAll('.run').length === 1")
    assert window.run("document.querySelector('.run h2').textContent").endswith("second")
    window.run("document.querySelector('.run > details').open = true")
    rows = "document.querySelectorAll('.run > details tbody tr').length"
    wait(window, f"{rows} === 4")
    window.run("document.querySelector('#arms button').click()")
    wait(window, f"{rows} === 2")
    press(window, "Escape", 27)


def test_workers_and_run_folders_that_are_left_out_are_said_on_the_page(
    window: Browser, tmp_path: Path
) -> None:
    for number in range(25):
        make_run(tmp_path / f"run{number:02}", [trial("adam", "xor", 0)])
        os.utime(tmp_path / f"run{number:02}" / "trials.sqlite", (1e9 + number,) * 2)
    progress = {"phase": "tune", "done": 0.5, "total": 1, "share": 0.5, "elapsed": 1.0, "left": 4.0}
    content = {"pid": os.getpid(), "time": time.time(), "host": "node7", **progress}
    content |= {"workers": 3, "lost": 1, "rate": 12.0}
    (tmp_path / "run24" / "running.json").write_text(json.dumps(content))
    served = Served(tmp_path)
    try:
        window.open(served.address, width=390)
        wait(window, "document.querySelectorAll('#which input').length === 24")
        wait(window, "!document.querySelector('#left').hidden")
        assert window.run("document.querySelector('#left').textContent").startswith(
            "1 older run folder is left"
        )
        wait(window, "document.querySelectorAll('.run').length === 1")
        staff = window.run("document.querySelector('.staff').textContent")
        assert staff == (
            "The sweep runs on node7, another machine. "
            "Workers of the cluster: 3, 1 was lost, 12 trials per second."
        )
        assert window.run(WIDTH) <= 390
    finally:
        served.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390, 320])
def test_hostile_names_are_text_and_nothing_is_wider_than_the_window(
    window: Browser, two: str, width: int, dark: bool
) -> None:
    ready(window, two, width=width, dark=dark)
    assert window.run(WIDTH) <= width
    assert window.run("document.querySelectorAll('img, main script').length") == 0
    assert HOSTILE[0] in window.run(TEXT)
    assert "\u202e" not in window.run("document.documentElement.textContent")
    assert strange(window, two) == []
    color = window.run("getComputedStyle(document.querySelector('.arm-0')).stroke")
    assert color == ("rgb(86, 180, 233)" if dark else "rgb(0, 114, 178)")
    script = axe_core()
    if script is not None and width != 320:
        window.run("document.querySelector('#arms button').click()")
        assert window.axe(script) == []
