"""The report as its readers get it: JSON, HTML, Markdown, the terminal."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import re
import struct
import zlib
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import CHROMIUM, browser
from matplotlib.figure import Figure
from results_factory import asked, make_results

from anncore.report import summary, words, write_report
from anncore.report.build import build_report, plain
from anncore.report.drawing import NARROW, PHONE, Drawing, drawing_style, new_sheet, place, to_png, to_svg
from anncore.report.html import render_html
from anncore.report.markdown import escape
from anncore.report.pictures import (
    MOST_SVG,
    Picture,
    dark_colors,
    data_uris,
    embedded,
    few_colors,
    narrow_uris,
)
from anncore.report.theme import DARK, LIGHT, TOKENS, Theme
from anncore.report.view import sections
from anncore.report.write import figures_to_draw

HOSTILE = ("<script>alert(1)</script>", "=cmd()|'x'!A1", "`tick` | **b** <img src=x onerror=alert(1)>")


class Page(HTMLParser):
    """The tags of a page, in order, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def sweep(**options: Any) -> Any:
    given: dict[str, Any] = {
        "arms": ("sgd", "rmsprop", "adam"),
        "problems": ("two_moons", "sine"),
        "steps": 50,
    }
    return make_results(**(given | options))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_report(sweep(), folder, meta={"command": "annx sweep x.toml", "versions": {"numpy": "2.4"}})
    return folder


two_figures = partial(figures_to_draw, only=("leaderboard", "lr_sensitivity"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    results = sweep(
        arms=HOSTILE,
        problems=("</title></style><script>alert(2)</script>",),
        title="</title><script>alert(3)</script>",
        status=lambda p, a, s: "failed" if a == HOSTILE[1] and s == 100 else "ok",
    )
    results = asked(results, text="```\n<script>alert(4)</script>\n````\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("anncore.report.write.figures_to_draw", two_figures)
        write_report(results, folder, meta={"command": "<b>x</b>"})
    return folder


@pytest.fixture
def few_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw two figures, where it is not figures that are tested: they take most of a report's time."""
    monkeypatch.setattr("anncore.report.write.figures_to_draw", two_figures)


def test_everything_is_written(folder: Path) -> None:
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    figures = ("leaderboard", "heat_map", "learning_curves", "paired_differences", "lr_sensitivity")
    assert {"report.html", "report.md", "report.json"} <= names
    assert {f"figures/{name}.{end}" for name in figures for end in ("png", "svg")} <= names
    assert not [name for name in names if Path(name).name.startswith(".")]


@pytest.mark.slow
def test_two_reports_of_the_same_results_are_the_same_bytes(tmp_path: Path, few_figures: None) -> None:
    """Of two figures; the kit draws every figure twice."""
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        write_report(sweep(), folder, meta={"command": "annx sweep x.toml", "versions": {"numpy": "2.4"}})
    names = [path.relative_to(one) for path in one.rglob("*") if path.is_file()]
    assert {"report.html", "report.md", "report.json", "leaderboard.svg", "lr_sensitivity.png"} <= {
        name.name for name in names
    }
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_of_very_many_arms_and_data_sets_no_figure_is_drawn_for_a_phone(
    tmp_path: Path, few_figures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With three arms and two data sets; there the page shows the wide drawing in a box that scrolls."""
    phones = {}
    for most in (6, 5):
        monkeypatch.setattr("anncore.report.write.MOST_ON_PHONE", most)
        folder = tmp_path / str(most)
        report = write_report(sweep(seeds=(100, 101)), folder)
        phones[most] = [figure["phone"] for figure in report["figures"]]
        files = [path for path in (folder / "figures").iterdir() if path.stem.endswith(".phone")]
        sources = Page((folder / "report.html").read_text()).all("source")
        assert len(files) == len(sources) == len([path for path in phones[most] if path])
    assert phones == {
        6: ["figures/leaderboard.phone.svg", "figures/lr_sensitivity.phone.svg"],
        5: [None, None],
    }


@pytest.mark.slow
def test_an_old_figure_does_not_stay(tmp_path: Path, few_figures: None) -> None:
    write_report(sweep(problems=("xor",), seeds=(100, 101), tune_seeds=(0,)), tmp_path)
    assert (tmp_path / "figures" / "lr_sensitivity.png").exists()
    write_report(sweep(problems=("xor",), seeds=(100, 101), tune_seeds=(), rates=(0.1,)), tmp_path)
    assert not (tmp_path / "figures" / "lr_sensitivity.png").exists()


@pytest.mark.slow
def test_json_is_strict_and_says_why_a_number_is_missing(tmp_path: Path, few_figures: None) -> None:
    write_report(
        sweep(problems=("xor",), status=lambda p, a, s: "diverged" if a == "sgd" else "ok"), tmp_path
    )
    report = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    row = next(row for row in report["leaderboard"]["problems"]["xor"] if row["arm"] == "sgd")
    assert (row["value"], row["status"], row["rank"]) == (None, "10/10 diverged", 3)
    assert report["schema"] == 2
    assert plain({"a": (float("nan"), float("inf"), 1)}) == {"a": [None, None, 1]}


@pytest.mark.parametrize(
    ("status", "headline", "tiers", "speed"),
    [
        (
            "failed",
            "No trial of the report finished; there is nothing to compare until they are run again.",
            "No tiers as every arm lacks trials",
            "",
        ),
        (
            "diverged",
            "Every trial of the report diverged; no arm can be ranked.",
            "No tiers as every trial diverged",
            "By speed to many targets: no arm reaches any target.",
        ),
    ],
)
def test_the_headlines_rank_nobody_where_no_trial_finished(
    tmp_path: Path, status: str, headline: str, tiers: str, speed: str
) -> None:
    report = build_report(sweep(problems=("xor",), status=lambda p, a, s: status), {})
    assert report["answer"]["headline"] == headline
    assert report["tiers"]["sentence"] == tiers
    assert (report["run_times"] or {"headline": ""})["headline"] == speed


def test_diverged_and_failed_seeds_are_counted_apart() -> None:
    ends = {100: "diverged", 101: "diverged", 102: "failed"}
    results = sweep(
        problems=("xor",), seeds=tuple(ends), status=lambda p, a, s: ends[s] if a == "sgd" else "ok"
    )
    report = build_report(results, {})
    row = next(row for row in report["leaderboard"]["problems"]["xor"] if row["arm"] == "sgd")
    assert words.score(row, report["measures"]["xor"]) == "diverged 2/3, failed 1/3"


@pytest.mark.parametrize(
    "problems", [("xor",), ("xor", "moons", "iris", "wine", "rings", "spirals", "digits")]
)
def test_arms_of_which_every_trial_diverged_are_not_equal(problems: tuple[str, ...]) -> None:
    report = build_report(sweep(problems=problems, status=lambda p, a, s: "diverged"), {})
    assert report["tiers"]["sentence"] == "No tiers as every trial diverged"
    assert not report["tiers"]["tiers"]
    assert {c["verdict"] for pairs in report["comparisons"]["problems"].values() for c in pairs} == {
        "blocked"
    }
    assert not [finding for finding in report["answer"]["findings"] if "equal" in finding["text"]]
    assert set(report["comparisons"]["sentences"].values()) == {
        "Every trial diverged, so nothing can be compared."
    }


@pytest.mark.parametrize(("problems", "over"), [(1, ""), (10, "over all data sets ")])
def test_equivalent_arms_are_so_over_all_data_sets_where_there_are_several(problems: int, over: str) -> None:
    """0.1 % apart, one way on half of ten data sets, the other way on the rest; 1 % is worth having."""

    def score(problem: str, arm: str, seed: int) -> float:
        ahead = problem < "set 5"
        return (1.001 if (arm == "a") == ahead else 1.0) * (0.5 + seed % 7 / 20)

    names = tuple(f"set {i}" for i in range(problems))
    report = build_report(make_results(arms=("a", "b"), problems=names, score=score), {})
    assert report["tiers"]["sentence"] == f"No tiers: {over}the arms are equal or equivalent"


def test_no_variant_of_a_data_set_speaks_for_the_others() -> None:
    easy, hard = "moons noise=0.1", "moons noise=0.3"

    def score(problem: str, arm: str, seed: int) -> float:  # b by far on one, nobody on the other
        return (0.1 if arm == "b" else 0.2) + seed * 1e-3 if problem == easy else 0.5 + (seed % 2) * 0.1

    results = sweep(
        arms=("a", "b"), problems=(easy, hard), datasets=dict.fromkeys((easy, hard), "moons"), score=score
    )
    report = build_report(results, {})
    assert [c["verdict"] for c in report["comparisons"]["problems"][easy]] == ["better"]
    tally = [finding["text"] for finding in report["answer"]["findings"] if finding["kind"] == "problems"]
    assert tally == ["Taken one by one, of 2 variants b beats a on 1."]
    assert report["answer"]["headline"] == (
        "On these 2 variants, each by itself and by test loss, b beats a on 1; no arm beats it."
    )


def test_a_gap_of_many_times_is_no_percentage() -> None:
    # Losses of tuning lie near 0.2, those of the report at 100.
    report = build_report(sweep(problems=("xor",), score=lambda p, a, s: 100.0), {})
    (said,) = [w["text"] for w in report["answer"]["warnings"] if w["kind"] == "selection_gap"]
    assert re.search(r"is [\d.]+ times higher than when they were chosen", said)


def test_the_headline_says_that_nothing_has_run() -> None:
    results = sweep(problems=("xor",))
    results = replace(
        results, trials=results.trials[results.trials["phase"] == "tune"].reset_index(drop=True)
    )
    headline = build_report(results, {})["answer"]["headline"]
    assert headline == "No trial of the report has run; there is nothing to compare yet."


def test_the_page_needs_nothing_from_outside(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    page = Page(text)
    for tag, attrs in page.tags:
        for name in ("src", "srcset", "href"):
            link = attrs.get(name)
            if link is not None:
                assert link.startswith(("data:image/", "#", "figures/")) or (
                    re.fullmatch(r"[\w.]+/?", link)
                ), (tag, link)
        assert "style" not in attrs
        assert not [name for name in attrs if name.startswith("on")]
    assert "http://" not in re.sub(r"data:[^\"]+", "", text)
    assert len(text) < 5_000_000


def test_the_policy_admits_the_pages_own_style_and_script_only(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    (policy,) = [
        attrs["content"]
        for attrs in Page(text).all("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (body,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_page_is_accessible_in_structure(folder: Path) -> None:
    page = Page((folder / "report.html").read_text())
    tags = [tag for tag, _ in page.tags]
    assert tags.count("h1") == 1
    assert {"header", "main", "nav", "footer"} <= set(tags)
    assert tags.count("table") == tags.count("caption")
    assert all(attrs.get("scope") in ("col", "row") for attrs in page.all("th"))
    assert all(attrs.get("alt") for attrs in page.all("img"))
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("a")[0] == {"class": "skip", "href": "#answer"}
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h\d", tag)]
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = [str(a["href"])[1:] for a in page.all("a") if str(a["href"]).startswith("#")]
    assert set(targets) <= set(ids)


def test_every_figure_is_light_and_dark_in_one(folder: Path) -> None:
    page = Page((folder / "report.html").read_text())
    svg = (folder / "figures" / "leaderboard.svg").read_text()
    small = embedded(svg)
    image = next(a for a in page.all("img") if base64.b64encode(small.encode()).decode() in str(a["src"]))
    assert str(image["width"]).isdigit()
    light, dark = small.split("@media (prefers-color-scheme:dark)")
    assert "fill: #ffffff" in light
    assert "fill: #14171c" in dark[: dark.index("</style>")]
    assert "#ffffff" not in dark


@pytest.mark.slow
def test_pictures_become_pixels_where_the_page_would_be_too_large(folder: Path) -> None:
    files = [path for path in (folder / "figures").glob("*.svg") if not path.stem.endswith(".phone")]
    svgs = {path.stem: path.read_text() for path in files}
    pngs = {name: (folder / "figures" / f"{name}.png").read_bytes() for name in svgs}

    def size(pictures: dict[str, Picture]) -> int:
        return sum(len(picture.light) + len(picture.dark) for picture in pictures.values())

    whole = data_uris(svgs, pngs, 10**9)
    assert all(picture.light.startswith("data:image/svg") and not picture.dark for picture in whole.values())
    limits = [int(size(whole) * share) for share in (0.9, 0.7, 0.5)]
    sizes = [size(data_uris(svgs, pngs, limit)) for limit in limits]
    assert all(got <= limit for got, limit in zip(sizes, limits, strict=True))
    least = data_uris(svgs, pngs, 1)
    assert size(least) < sizes[-1]
    assert all(picture.light.startswith("data:image/") for picture in least.values())


@pytest.mark.slow
def test_a_figure_of_very_many_points_is_embedded_as_pixels_light_and_dark(tmp_path: Path) -> None:
    """Its files stay: an SVG to enlarge, a PNG to paste."""
    from PIL import Image

    with drawing_style():
        sheet = new_sheet(NARROW, 3, "Thirty thousand points", "", Theme())
        ax = place(sheet, 0.5, 0.5, 6, 2.4)
        x = np.linspace(0, 1, 30_000)
        ax.plot(x, np.sin(1e5 * x), ".", color=Theme.of(["a"])["a"].color)
        svg, png = to_svg(sheet), to_png(sheet)
    assert len(embedded(svg)) > MOST_SVG
    (picture,) = data_uris({"f": svg}, {"f": png}, 10**9).values()
    images = []
    for uri in picture:
        kind, data = uri.split(";base64,")
        assert kind == "data:image/png"
        image = Image.open(io.BytesIO(base64.b64decode(data)))
        assert image.width / 96 > NARROW  # no coarser than the page's own pixels
        images.append(image.convert("RGB"))
    light, dark = (image.getcolors(1 << 20) for image in images)
    assert max(light)[1] == (255, 255, 255)
    assert max(dark)[1] == tuple(bytes.fromhex(TOKENS["paper"][1][1:]))
    for image, color in zip(images, (LIGHT[0], DARK[0]), strict=True):
        near = [
            sum(abs(a - b) for a, b in zip(c, bytes.fromhex(color[1:]), strict=True))
            for c in colors_of(image)
        ]
        assert min(near) <= 6
    assert len(picture.light) + len(picture.dark) < len(svg)


def colors_of(image: Any) -> list[tuple[int, int, int]]:
    return [color for _, color in image.getcolors(1 << 20)]


def test_the_dark_twin_has_the_same_pixels_and_a_palette_that_every_reader_accepts() -> None:
    """Its checksums by zlib's CRC-32 over each chunk's name and data, as the PNG specification has them."""
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=(2, 1))
    figure.add_axes((0, 0, 1, 1)).plot([0, 1], color="#0072b2")
    light, dark = few_colors(to_png(figure))
    pixels, palettes = [], []
    for png in (light, dark):
        at = 8
        while at < len(png):
            (length,) = struct.unpack(">I", png[at : at + 4])
            (checksum,) = struct.unpack(">I", png[at + 8 + length : at + 12 + length])
            assert zlib.crc32(png[at + 4 : at + 8 + length]) == checksum
            at += 12 + length
        assert at == len(png)
        with Image.open(io.BytesIO(png)) as image:
            pixels.append(np.array(image))
            palettes.append(np.array(image.getpalette()).reshape(-1, 3))
    np.testing.assert_array_equal(*pixels)
    used = np.unique(pixels[0])
    np.testing.assert_array_equal(palettes[1][used], dark_colors(palettes[0])[used])
    assert (palettes[0][used] == (0, 0x72, 0xB2)).all(axis=1).any()  # the arm keeps its very colour


def test_a_page_that_is_dark_gets_the_dark_pixels(folder: Path) -> None:
    content = json.loads((folder / "report.json").read_text())
    svgs = {figure["name"]: (folder / figure["svg"]).read_text() for figure in content["figures"]}
    pngs = {figure["name"]: (folder / figure["png"]).read_bytes() for figure in content["figures"]}
    name = content["figures"][0]["name"]
    svgs[name] = svgs[name].replace("</svg>", f"<!-- -->{'<path/>' * 200_000}</svg>")
    page = Page(render_html(content, svgs, pngs))
    (source,) = page.all("source")
    assert source["media"] == "(prefers-color-scheme: dark)"
    dark, light = str(source["srcset"]), str(page.all("img")[0]["src"])
    assert dark.startswith("data:image/png;base64,")
    assert light.startswith("data:image/png;base64,")
    assert dark != light
    assert len(page.all("picture")) == 1


@pytest.mark.slow
def test_a_phone_gets_the_narrow_drawings_as_far_as_the_page_has_room(folder: Path) -> None:
    content = json.loads((folder / "report.json").read_text())
    page = Page((folder / "report.html").read_text())
    sources = [source for source in page.all("source") if source["media"] == "(max-width: 40rem)"]
    phones = {entry["name"]: (folder / entry["phone"]).read_text() for entry in content["figures"]}
    assert len(sources) == len(phones) == len(content["figures"])
    assert all(int(str(source["width"])) == 346 for source in sources)  # 3.6 inches of 96 pixels
    sent = {base64.b64decode(str(source["srcset"]).partition(",")[2]).decode() for source in sources}
    assert sent == {embedded(svg) for svg in phones.values()}
    lengths = sorted(len(uri) for uri in narrow_uris(phones, 10**9).values())
    assert [len(narrow_uris(phones, most)) for most in (0, lengths[0], sum(lengths[:2]))] == [0, 1, 2]


def test_a_drawing_for_a_phone_may_be_larger_than_one_that_is_embedded_as_pixels() -> None:
    """Paths over contours are: without its own drawing a phone would show the wide one, cut at the edge."""
    for times, shown in ((1.5, 1), (2.5, 0)):
        shapes = '<rect width="1" height="1"/>' * int(times * MOST_SVG / 28)
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1">{shapes}</svg>'
        assert len(embedded(svg)) > MOST_SVG
        assert len(narrow_uris({"paths": svg}, 10**9)) == shown


@pytest.mark.parametrize(("light", "dark"), [*zip(LIGHT, DARK, strict=True), *TOKENS.values()])
def test_the_themes_colours_have_their_dark_values_as_pixels_too(light: str, dark: str) -> None:
    given, wanted = (np.array([list(bytes.fromhex(colour[1:]))]) for colour in (light, dark))
    np.testing.assert_allclose(dark_colors(given), wanted, atol=17 if light == "#fffffe" else 0)


def test_a_mixture_with_the_paper_is_the_same_mixture_in_the_dark() -> None:
    """By hand: half of #0072b2 on white, and half of its dark value #56b4e9 on the dark paper #14171c."""
    np.testing.assert_allclose(dark_colors(np.array([[127.5, 184.5, 216.5]])), [[53, 101.5, 130.5]], atol=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data_sets", "figures", "most"),
    [
        (5, ("leaderboard", "heat_map"), 1_000_000),
        pytest.param(
            40, None, 5_000_000, marks=pytest.mark.large
        ),  # 12,000 comparisons, figures of 40 panels
    ],
)
def test_a_page_of_very_many_arms_and_data_sets_stays_small_and_opens(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    data_sets: int,
    figures: tuple[str, ...] | None,
    most: int,
) -> None:
    """Of 25 arms; on a few data sets and with two figures unless large tests are asked for."""
    if figures:
        monkeypatch.setattr("anncore.report.write.figures_to_draw", partial(figures_to_draw, only=figures))
    arms, problems = [f"arm{i}" for i in range(25)], [f"set{i}" for i in range(data_sets)]
    results = make_results(arms=arms, problems=problems, seeds=(100, 101), rates=(0.01, 0.1), steps=50)
    report = write_report(results, tmp_path)
    assert (tmp_path / "report.html").stat().st_size < most
    page = Page((tmp_path / "report.html").read_text())
    assert len(page.all("img")) == len(report["figures"]) >= len(figures or range(7))
    assert len(report["comparisons"]["problems"]["set0"]) == 300
    captions = [table.caption for table in sections(report)[0].tables]
    assert "Of 300 pairs those of arm24; report.json has all." in captions[0]
    assert len(sections(report)[0].tables[0].rows) == 24
    if CHROMIUM is not None:
        with browser(tmp_path / "profile") as window:
            window.open(tmp_path / "report.html", width=390)
            assert window.run("document.documentElement.scrollWidth") <= 390
            assert not re.search(r"request|error", " ".join(window.complaints()))


def test_tables_show_their_denominators_and_methods_say_what_was_done(folder: Path) -> None:
    text = (folder / "report.md").read_text()
    assert re.search(r"^\| adam \| 1 \|.*\| 20/20 \|.*\| 1\.00 \|$", text, re.M)
    assert "over 3 tuning seeds was chosen" in text
    assert "adjusted by Holm over 3 comparisons per data set" in text
    assert "2 data sets are too few for any p-value to be significant; 7 would be enough." in text
    assert "annx sweep x.toml" in text
    assert "![" in text
    assert "(figures/leaderboard.png)" in text


def test_hostile_names_are_harmless_in_html(hostile: Path) -> None:
    text = (hostile / "report.html").read_text()
    page = Page(text)
    assert len(page.all("script")) == 1
    assert all(set(a) == {"src", "alt", "width", "height"} for a in page.all("img"))
    assert "alert(1)" in "".join(page.text)  # shown, not run
    assert "onerror" not in {name for _, attrs in page.tags for name in attrs}
    assert len(page.all("title")) == 1


def test_hostile_names_are_harmless_in_markdown(hostile: Path) -> None:
    text = (hostile / "report.md").read_text()
    fenced = re.sub(r"^(`{3,})toml\n.*?^\1$", "", text, flags=re.S | re.M)
    assert "<" not in re.sub(r"\\<", "", fenced)
    tables = re.findall(r"(?:^\|.*\n)+", fenced, flags=re.M)
    assert sum("tick" in table for table in tables) >= 3
    for table in tables:
        pipes = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(pipes) == 1, table
    assert "`````toml" in text  # a longer fence than any inside


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("two_moons", "two_moons"),
        ("__init__", r"\_\_init\_\_"),
        ("a|b`c`", r"a\|b\`c\`"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("[x](javascript:1)", r"\[x\](javascript:1)"),
        ("line\nbreak", "line break"),
        ("$x$ ~~y~~ #1", r"\$x\$ \~\~y\~\~ \#1"),
    ],
)
def test_markdown_escape(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@pytest.mark.parametrize("width", [40, 60, 100, 200])
def test_the_summary_fits_the_terminal(width: int, folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text())
    lines = summary(report, width).splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.startswith("adam") for line in lines)
    assert "\x1b" not in "".join(lines)


@pytest.mark.slow
def test_the_summary_passes_on_no_control_characters(tmp_path: Path, few_figures: None) -> None:
    report = write_report(sweep(arms=("a\x1b[31m", "b\r\x07"), problems=("xor",), seeds=(100, 101)), tmp_path)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", summary(report, 100))


def no_luck(*_: Any) -> Any:
    raise ValueError("no luck")


def whole(name: str) -> Drawing:
    return Drawing(Figure(figsize=(3, 2)), name, "A title", "what it shows")


def failing_when_rendered(name: str) -> Drawing:
    drawing = whole(name)
    drawing.figure.text(0.1, 0.1, "").draw = no_luck
    return drawing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wide", "phone", "said"),
    [
        (no_luck, whole, "drawn: ValueError: no luck (test_report.py:"),
        (failing_when_rendered, whole, "drawn: ValueError: no luck (test_report.py:"),
        (whole, failing_when_rendered, "drawn for a phone: ValueError: no luck (test_report.py:"),
        (
            lambda name: whole(name).figure,
            whole,
            "drawn: TypeError: draw must return a Drawing, a text or No",
        ),
        (lambda name: whole("../../x"), whole, "drawn: ValueError: the drawing must be called"),
        (lambda name: replace(whole(name), title=3), whole, "drawn: TypeError: title, alt and subtitle"),
    ],
)
def test_a_figure_that_fails_is_named_and_stops_nothing(
    wide: Any, phone: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = sweep(problems=("xor",), seeds=(100, 101), tune_seeds=(0,))
    component = results.experiment.registry.of_kind("figure")[0]
    name = component.name

    def broken(self: Any, data: Any) -> Any:
        return (phone if data.width == PHONE else wide)(name)

    monkeypatch.delenv("ANNX_STRICT_PLUGINS", raising=False)
    monkeypatch.setattr(component.cls, "draw", broken)
    two = partial(figures_to_draw, only=(name, "leaderboard"))
    monkeypatch.setattr("anncore.report.write.figures_to_draw", two)
    report = write_report(results, tmp_path / "a" / "run")
    texts = [warning["text"] for warning in report["answer"]["warnings"]]
    assert sum(text.startswith(f"Figure {name} could not be {said}") for text in texts) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["run"]
    folder = tmp_path / "a" / "run"
    assert (folder / "report.html").exists()
    drawn = {path.name for path in (folder / "figures").glob(f"{name}.*")}
    assert drawn == ({f"{name}.svg", f"{name}.png"} if "phone" in said else set())
    assert (folder / "figures" / "leaderboard.png").exists()


@pytest.mark.slow
def test_a_figure_cannot_change_what_the_report_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = sweep(problems=("xor",), seeds=(100, 101), tune_seeds=(0,))
    one = partial(figures_to_draw, only=("leaderboard",))
    monkeypatch.setattr("anncore.report.write.figures_to_draw", one)
    monkeypatch.setattr("anncore.report.write.cores", lambda: 1)  # which draws in the process that writes
    before = write_report(results, tmp_path)
    (tmp_path / "figures" / "drawn.json").unlink()
    [component] = one(results)

    def meddling(self: Any, data: Any) -> Any:
        data.report["answer"]["headline"] = "sgd is best"
        data.report["answer"]["findings"].append({"kind": "claim", "text": "sgd is best"})
        data.report["figures"].append({"name": "another"})
        data.report["leaderboard"]["overall"].clear()
        return self.name

    monkeypatch.setattr(component.cls, "draw", meddling)
    after = write_report(results, tmp_path)
    assert [entry["reason"] for entry in after["not_drawn"] if entry["name"] == "leaderboard"] == [
        "leaderboard"
    ]
    assert after["figures"] == []
    parts = set(before) - {"figures", "not_drawn"}
    assert {name: after[name] for name in parts} == {name: before[name] for name in parts}


@pytest.mark.slow
def test_two_figures_of_one_name_do_not_lie_in_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = sweep(problems=("xor",), seeds=(100, 101), tune_seeds=(0,))
    [own] = figures_to_draw(results, only=("leaderboard",))
    monkeypatch.setattr("anncore.report.write.figures_to_draw", lambda _: [own, replace(own, dist="other")])
    report = write_report(results, tmp_path)
    assert [figure["name"] for figure in report["figures"]] == ["leaderboard"]
    texts = [warning["text"] for warning in report["answer"]["warnings"]]
    assert "Figure other:leaderboard is left out: annx:leaderboard is called leaderboard, too." in texts


def test_what_no_file_holds_in_a_title_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = sweep(problems=("xor",), seeds=(100, 101), tune_seeds=(0,))
    one = partial(figures_to_draw, only=("leaderboard",))
    monkeypatch.setattr("anncore.report.write.figures_to_draw", one)
    [component] = one(results)
    odd = replace(whole("leaderboard"), title="A \ud800 title \udcc3\udca4")
    monkeypatch.setattr(component.cls, "draw", lambda self, data: odd)
    write_report(results, tmp_path)
    [figure] = json.loads((tmp_path / "report.json").read_bytes())["figures"]
    assert figure["title"] == "A \ufffd title ä"
