"""The report as one HTML file: no remote asset, complete without JavaScript, a strict content policy."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from anncore.report.theme import darken
from anncore.report.view import sections

MOST_IMAGES = 4_500_000  # characters: a page that can be mailed


def _asset(name: str) -> str:
    return (resources.files("anncore.report") / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def data_uri(svg: str) -> str:
    """Return an SVG as a data URI. As an image it can run no script and load nothing."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def render_html(content: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """Return the page; `pictures` holds each figure's SVG by name.

    Every text is escaped by the template engine, and a name the template misspells is an error. Style and
    script are admitted by their hash, images as data alone, everything else by nothing.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style, script = _asset("report.css"), _asset("sort.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    images = _images(pictures)
    return environment.from_string(_asset("report.html.j2")).render(
        content=content,
        sections=sections(content),
        images=images,
        sizes={name: _size(svg) for name, svg in pictures.items()},
        policy=policy,
        # Only our own two files are taken as they are.
        style=Markup(style),
        script=Markup(script),
    )


def _images(pictures: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return each figure's light and dark image; the largest go without a dark one once the page is full."""
    images = {name: (data_uri(svg), data_uri(darken(svg))) for name, svg in pictures.items()}
    room = MOST_IMAGES - sum(len(uri) for pair in images.values() for uri in pair)
    for name in sorted(images, key=lambda name: -len(images[name][1])):
        if room >= 0:
            break
        light, dark = images[name]
        images[name] = (light, "")
        room += len(dark)
    return images


def _size(svg: str) -> tuple[int, int]:
    """Return a drawing's width and height in CSS pixels, so that the page does not jump."""
    head = svg[: svg.find(">", svg.find("<svg"))]
    width, height = (
        float(head.split(f'{side}="', 1)[1].split('pt"', 1)[0]) * 96 / 72 for side in ("width", "height")
    )
    return round(width), round(height)
