from __future__ import annotations

import itertools
import math

from anncore.report.theme import (
    CLASSES,
    DARK,
    DARK_CLASSES,
    DARK_RAMP,
    LEVELS,
    LIGHT,
    RAMP,
    TOKENS,
    Theme,
    darken,
)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lights = sorted(_luminance(color) for color in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast_as_wcag_defines_it() -> None:
    assert contrast("#000000", "#ffffff") == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48  # WebAIM's contrast checker


def test_every_arm_and_class_stands_out_from_its_paper() -> None:
    for colors, paper in (
        ((*LIGHT, *CLASSES), TOKENS["paper"][0]),
        ((*DARK, *DARK_CLASSES), TOKENS["paper"][1]),
    ):
        assert min(contrast(color, paper) for color in colors) >= 3


def lab(color: str) -> list[float]:
    """Return a colour's place in CIELAB under D65 (CIE 15:2004; the matrix of IEC 61966-2-1)."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    parts = [(x * r + y * g + z * b) / (x + y + z) for x, y, z in rows]
    x, y, z = (t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in parts)
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


def test_cielab_as_the_standard_has_it() -> None:
    assert [round(value, 1) for value in lab("#ff0000")] == [53.2, 80.1, 67.2]  # Lindbloom's calculator


def test_no_class_has_the_colour_of_an_arm() -> None:
    """The two things that a figure tells by colour: an arm, and what a network predicts. 2.3 is just seen."""
    for arms, classes in ((LIGHT, CLASSES), (DARK, DARK_CLASSES)):
        nearest = min(math.dist(lab(arm), lab(one)) for arm in arms for one in classes)
        assert nearest > 12
        assert math.dist(lab(classes[0]), lab(classes[1])) > 40
    theme = Theme.of([f"arm{i}" for i in range(8)])
    assert not {theme.class_color(k) for k in range(20)} & {style.color for style in theme.styles.values()}


def test_text_is_legible_on_its_ground() -> None:
    for side in (0, 1):
        paper = TOKENS["paper"][side]
        for name in ("ink", "muted", "alarm"):
            assert contrast(TOKENS[name][side], paper) >= 4.5, name
        assert contrast(TOKENS["alarm"][side], TOKENS["alarm_fill"][side]) >= 4.5


def test_cell_text_is_legible_on_every_level_light_and_dark() -> None:
    theme = Theme()
    for level in range(LEVELS):
        ink = theme.text_on(level)
        assert contrast(ink, RAMP[level]) >= 4.5, level
        assert contrast(darken(ink), DARK_RAMP[level]) >= 4.5, level


def test_exchanging_colours_is_unambiguous() -> None:
    used = [*LIGHT, *CLASSES, *(light for light, _ in TOKENS.values()), *RAMP]
    assert len(set(used)) == len(used)
    assert darken('fill="#0072B2" stroke="#123456"') == 'fill="#56b4e9" stroke="#123456"'


def test_eight_arms_have_eight_looks_and_keep_them() -> None:
    arms = [f"arm{i}" for i in range(8)]
    theme = Theme.of(arms, arms[::-1])
    assert [theme[arm].color for arm in arms] == list(LIGHT)
    assert len({(theme[a].marker, str(theme[a].dash)) for a in arms}) == 8


def test_of_twenty_arms_the_best_seven_are_highlighted() -> None:
    arms = [f"arm{i}" for i in range(20)]
    theme = Theme.of(arms, arms[::-1])
    assert [arm for arm in arms if theme[arm].highlighted] == arms[13:]
    assert not theme["stranger"].highlighted
    colors = [theme[arm].color for arm in arms[13:]]
    assert all(a != b for a, b in itertools.combinations(colors, 2))
