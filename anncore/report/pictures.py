"""Figures as the page embeds them: small, and dark where the reader's page is.

An SVG from matplotlib says each element's style in full and names every group. Here equal styles become one
class, names that nothing refers to go, numbers end at a hundredth of a point, and a style sheet holds each
class twice: light, and dark under `prefers-color-scheme`, which an image inherits from its page.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping

from anncore.report.theme import darken

STYLE = re.compile(r' style="([^"]*)"')


def data_uris(pictures: Mapping[str, str], pixels: Mapping[str, bytes], most: int) -> dict[str, str]:
    """Return each drawing as a data URI, all together at most about `most` bytes.

    As an image an SVG can run no script and load nothing. Where they are too long, the longest become pixels
    of few colours, which have no dark twin; `pixels` holds them as PNG.
    """
    found = {name: _uri("svg+xml", embedded(svg).encode()) for name, svg in pictures.items()}
    for name in sorted(pixels, key=lambda each: -len(found[each])):
        if sum(map(len, found.values())) <= most:
            break
        found[name] = min(found[name], _uri("png", few_colors(pixels[name])), key=len)
    return found


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def few_colors(png: bytes) -> bytes:
    """Return a PNG with at most 64 colours: plenty for a drawing, and a third of the bytes."""
    from PIL import Image  # matplotlib writes its PNG with it

    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def embedded(svg: str) -> str:
    """Return the drawing that matplotlib wrote as `svg`, a half or a third as long, light and dark in one."""
    head, svg = svg[: svg.find("<svg")], svg[svg.find("<svg") :]
    head = head[: head.find("?>") + 2]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.S)
    sheets = "".join(re.findall(r"<style[^>]*>(.*?)</style>", svg, flags=re.S))
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.S)
    classes: dict[str, str] = {}

    def classed(found: re.Match[str]) -> str:
        name = classes.setdefault(found[1], f"c{len(classes)}")
        return f' class="{name}"'

    svg = _short_names(STYLE.sub(classed, svg))
    # Places are cut, scales are not: a glyph is drawn at a sixty-fourth of its size.
    svg = re.sub(r' [xy]="[^"]*"|translate\([^)]*\)', lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m[0]), svg)
    svg = re.sub(r">\s+<", "><", svg)
    svg = re.sub(r"<g>\s*</g>|<defs>\s*</defs>|<defs/>", "", svg)
    light = "".join(f".{name}{{{style}}}" for style, name in classes.items())
    dark = "".join(f".{name}{{{darken(style)}}}" for style, name in classes.items() if darken(style) != style)
    end = svg.index(">", svg.index("<svg")) + 1
    sheet = f"<style>{sheets}{light}@media (prefers-color-scheme:dark){{{dark}}}</style>"
    return head + svg[:end] + sheet + svg[end:].strip()


def _short_names(svg: str) -> str:
    """Drop the names that nothing refers to, and shorten the others."""
    wanted = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg))
    names = dict.fromkeys(name for pair in sorted(wanted) for name in pair if name)
    short = {name: f"n{i}" for i, name in enumerate(names)}
    svg = re.sub(r' id="([^"]*)"', lambda m: f' id="{short[m[1]]}"' if m[1] in short else "", svg)
    svg = re.sub(r'href="#([^"]+)"', lambda m: f'href="#{short[m[1]]}"', svg)
    return re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{short[m[1]]})", svg)
