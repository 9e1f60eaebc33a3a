"""The page in a real browser: for who cannot see it, without JavaScript, in print, in the dark, small."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import CHROMIUM, Browser, axe_core, browser
from results_factory import make_results

from anncore.report import write_report
from anncore.report.pictures import embedded
from anncore.report.write import figures_to_draw
from anncore.testing.made_up import MadeUp

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
HOSTILE = ("<script>alert(1)</script>", "=cmd()|'x'!A1", "`tick` | **b** <img src=x onerror=alert(1)>")
FEW = ("leaderboard", "heat_map", "learning_curves", "paired_differences")
WIDE, PHONE = 1200, 390
WARMTH = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def written(folder: Path, figures: tuple[str, ...] | None = None, **options: Any) -> Path:
    """Write a report with all figures, or with these; none is drawn where there are no names."""
    given: dict[str, Any] = {"problems": ("two_moons", "sine", "xor"), "steps": 50}
    results, meta = make_results(**(given | options)), {"command": "annx sweep x.toml"}
    with pytest.MonkeyPatch.context() as patched:
        if figures:
            patched.setattr("anncore.report.write.figures_to_draw", partial(figures_to_draw, only=figures))
        write_report(results, folder, meta=meta, figures=figures != ())
    return folder / "report.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lost = {("two_moons", "sgd"): "diverged", ("sine", "adam"): "failed"}
    # A page shows each figure the same way; tests/report/test_report.py draws them all.
    return written(
        tmp_path_factory.mktemp("page"),
        FEW,
        status=lambda p, a, s: lost.get((p, a), "ok") if s < 103 else "ok",
    )


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(
        tmp_path_factory.mktemp("hostile"),
        FEW,  # tests/plugins/test_figures.py and the kit draw every figure with hostile names
        arms=HOSTILE,
        problems=("</title></style><script>alert(2)</script>", "a" * 200, "javascript:alert(3)"),
        title="</title><script>alert(4)</script>",
    )


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, PHONE])
@pytest.mark.parametrize("which", ["page", "hostile"])
def test_axe_finds_nothing(
    window: Browser, request: pytest.FixtureRequest, which: str, width: int, dark: bool
) -> None:
    script = axe_core()
    if script is None:
        pytest.skip("axe-core is not installed: npm install --no-save axe-core, or AXE_CORE=axe.min.js")
    window.open(request.getfixturevalue(which), width=width, dark=dark)
    assert window.axe(script) == []


@pytest.mark.parametrize("which", ["page", "hostile"])
def test_the_page_asks_for_nothing_and_complains_of_nothing(
    window: Browser, request: pytest.FixtureRequest, which: str
) -> None:
    window.open(request.getfixturevalue(which))
    assert window.complaints() == []
    assert window.run("document.images.length") >= 4
    assert window.run("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert window.run("document.scripts.length") == 1


def test_a_script_that_got_in_would_be_refused(window: Browser, page: Path) -> None:
    window.open(page)
    window.run(
        "{ const s = document.createElement('script'); s.textContent = 'window.got_in = true';"
        " document.body.append(s) }; 0"
    )
    assert window.run("window.got_in") is None


@pytest.mark.parametrize("which", ["page", "hostile"])
def test_a_phone_need_not_scroll_sideways(
    window: Browser, request: pytest.FixtureRequest, which: str
) -> None:
    window.open(request.getfixturevalue(which), width=PHONE)
    assert window.run("document.documentElement.scrollWidth") <= PHONE
    assert window.run("innerWidth") == PHONE


@pytest.mark.parametrize(
    ("arms", "seeds", "trials"),
    [(("sgd", "momentum", "adam"), 3, 29), (("sgd",), 1, 3), (("sgd", "momentum", "adam"), 3, 0)],
    ids=["part of a sweep", "one arm, one trial", "no results"],
)
def test_a_page_of_little_fits_a_phone(
    window: Browser, tmp_path: Path, arms: tuple[str, ...], seeds: int, trials: int
) -> None:
    made = MadeUp(
        arms, ("two_moons", "sine"), range(seeds), (0,), (0.01, 0.1, 1.0), steps=50, regression=("sine",)
    )
    kept = {row.key for row in (made.results().planned or ())[:trials]}
    write_report(made.results(lambda row: row.key in kept), tmp_path)
    for dark in (False, True):
        window.open(tmp_path / "report.html", width=PHONE, dark=dark)
        assert window.run("document.documentElement.scrollWidth") <= PHONE
        wide = "[...document.querySelectorAll('caption')].filter(one => one.offsetWidth > innerWidth).length"
        assert window.run(wide) == 0
        assert window.run("document.body.innerText.includes('not run')")


def test_no_table_scrolls_sideways_on_a_desk(window: Browser, page: Path, tmp_path: Path) -> None:
    overflow = (
        "[...document.querySelectorAll('.scroll')].filter(each => each.scrollWidth > each.clientWidth + 1)"
        ".map(each => each.getAttribute('aria-label'))"
    )
    arms = tuple(f"optimizer_{i}" for i in range(12))
    many = written(tmp_path, (), arms=arms, problems=("two_moons", "xor"))
    for wide in (page, many):
        window.open(wide)
        assert window.run(overflow) == []


def test_without_javascript_everything_is_there(window: Browser, page: Path) -> None:
    window.open(page)
    text = "document.body.innerText.replace(/\\s+/g, ' ')"
    with_scripts = window.run(text)
    assert window.run("document.querySelectorAll('th button').length") > 10
    window.open(page, scripts=False)
    assert window.run("document.querySelectorAll('th button').length") == 0
    assert window.run(text) == with_scripts


def test_a_click_or_a_key_sorts_and_says_so(window: Browser, page: Path) -> None:
    window.open(page)
    head = "document.querySelector('table thead th:nth-child(2)')"
    column = "[...document.querySelectorAll('table')][0].tBodies[0].rows"
    numbers = f"[...{column}].map(row => parseFloat(row.cells[1].textContent))"
    ranks = f"{numbers}.filter(number => !isNaN(number))"  # an arm without a tier has none
    window.run(f"{head}.querySelector('button').click()")
    up = window.run(ranks)
    assert (up, window.run(f"{head}.ariaSort")) == (sorted(up), "ascending")
    window.run(f"{head}.querySelector('button').focus()")
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
    window.call("Input.dispatchKeyEvent", type="keyDown", **key)
    window.call("Input.dispatchKeyEvent", type="keyUp", **key)
    assert (window.run(ranks), window.run(f"{head}.ariaSort")) == (sorted(up, reverse=True), "descending")


def pixels(window: Browser, svg: str, *, dark: bool = False) -> Any:
    """Return an SVG as an image of a page draws it: (height, width, 4)."""
    page = "<meta name=color-scheme content='light dark'><body style='margin:0'><img>"
    window.run(f"document.write({page!r}); document.close(); 0")
    uri = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    window.call("Emulation.setEmulatedMedia", media="", features=[scheme])
    window.run(
        f"(async () => {{ const i = document.images[0]; i.src = '{uri}'; await i.decode();"
        " const c = document.createElement('canvas'); c.width = i.width; c.height = i.height;"
        " const d = c.getContext('2d'); d.drawImage(i, 0, 0); window.drawn = d.getImageData(0, 0, c.width,"
        " c.height); })()"
    )
    size = window.run("[drawn.height, drawn.width]")
    return np.array(window.run("Array.from(drawn.data)"), np.int16).reshape(*size, 4)


def test_what_is_embedded_looks_like_the_drawing(window: Browser, page: Path, tmp_path: Path) -> None:
    blank = tmp_path / "blank.html"
    blank.write_text("")
    for name in ("leaderboard", "heat_map", "learning_curves"):
        svg = (page.parent / "figures" / f"{name}.svg").read_text()
        window.open(blank)
        before, after = pixels(window, svg), pixels(window, embedded(svg))
        assert before.shape == after.shape
        assert np.abs(before - after).mean() < 0.5  # of 255: places are cut at a hundredth of a point
        assert (np.abs(before - after).max(axis=2) > 64).mean() < 0.002
        assert len(embedded(svg)) < len(svg)


def test_the_page_and_its_figures_are_dark_where_the_reader_is(window: Browser, page: Path) -> None:
    window.open(page, dark=True)
    assert window.run(WARMTH) == "rgb(20, 23, 28)"
    svg = (page.parent / "figures" / "leaderboard.svg").read_text()
    window.open(page, dark=True)
    assert pixels(window, embedded(svg), dark=True)[2, 2].tolist() == [20, 23, 28, 255]
    window.open(page)
    assert pixels(window, embedded(svg))[2, 2].tolist() == [255, 255, 255, 255]


def test_paper_is_white_also_in_the_dark_and_holds_every_table(window: Browser, page: Path) -> None:
    window.open(page, dark=True)
    assert window.pdf().startswith(b"%PDF-")
    window.call("Emulation.setEmulatedMedia", media="print", features=[])
    assert window.run(WARMTH) in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
    assert window.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    a4 = {"width": 718, "height": 1000, "deviceScaleFactor": 1, "mobile": False}  # less 1 cm on either side
    window.call("Emulation.setDeviceMetricsOverride", **a4)
    too_wide = "[...document.querySelectorAll('table')].filter(t => t.offsetWidth > 718).length"
    assert window.run(too_wide) == 0


@pytest.mark.large
def test_ten_thousand_trials_make_a_page_that_opens(window: Browser, tmp_path: Path) -> None:
    """More seeds than tests/report/test_report.py's page of many arms and data sets, which opens too."""
    seeds, tune, rates = tuple(range(100, 125)), tuple(range(5)), (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    names = tuple(f"arm_{i}" for i in range(10)), tuple(f"data_set_{i}" for i in range(20))
    results = make_results(*names, seeds, tune, rates, regression=())
    assert len(results.trials) == 10_000
    write_report(results, tmp_path)
    assert (tmp_path / "report.html").stat().st_size < 5_000_000
    window.open(tmp_path / "report.html", width=PHONE)
    assert window.run("document.documentElement.scrollWidth") <= PHONE
    assert not re.search(r"request|error", " ".join(window.complaints()))
