"""Figures as the page embeds them: small, and dark where the reader's page is.

An SVG from matplotlib says each element's style in full and names every group. Here equal styles become one
class, names that nothing refers to go, numbers end at a hundredth of a point, a path says how far its points
lie apart, a mark that is drawn at many places is named once, and a style sheet holds each class twice: light,
and dark under `prefers-color-scheme`, which an image inherits from its page.
"""

from __future__ import annotations

import base64
import io
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.report.theme import EVERY_COLOR, TOKENS, darken

MOST_SVG = 300_000  # bytes; a browser is slow to draw more
MOST_NARROW = 2 * MOST_SVG  # of a drawing for a phone, where the wide one would be cut at the edge
COLORS = 64  # beside the theme's
LEVELS = ((1.0, True), (0.67, True), (0.67, False))  # a picture's share of its pixels, and has it a dark twin
APART = 8  # of 255: the least distance of two colours of a palette


def _channels(*colors: str) -> Array:
    return np.array([list(bytes.fromhex(color[1:])) for color in colors], float)


PAPER, DARK_PAPER = _channels(*TOKENS["paper"])
_INKS = [color for color in EVERY_COLOR if np.abs(_channels(color)[0] - PAPER).max() > 1]
LIGHTS, DARKS = _channels(*_INKS), _channels(*map(darken, _INKS))
"""The colours that are drawn on the paper, and their dark values, as rows of red, green and blue."""
STYLE = re.compile(r' style="([^"]*)"')
PATH = re.compile(r'(?<= d=")[^"]*')
STEP = re.compile(r"([MLQCz])|(-?\d+\.?\d*|-?\.\d+)")
MARKS = re.compile(
    r'<use href="#(\w+)" x="[^"]*" y="[^"]*" class="(\w+)"/>'
    r'(?:<use href="#\1" x="[^"]*" y="[^"]*" class="\2"/>){5,}'
)
PLACE = re.compile(r'x="([^"]*)" y="([^"]*)"')


class Picture(NamedTuple):
    """A figure as data URIs: `dark` is for pages that are dark, and empty where `light` knows both."""

    light: str
    dark: str = ""


def data_uris(pictures: Mapping[str, str], pixels: Mapping[str, bytes], most: int) -> dict[str, Picture]:
    """Return each drawing as data URIs, all together at most about `most` bytes.

    As an image an SVG can run no script and load nothing. One of more than MOST_SVG bytes is embedded as
    pixels of few colours, light and dark; `pixels` holds figures as PNG. Where all are still too long, the
    longest ones become pixels, then fewer pixels, and lose their dark twins last.
    """
    uris: dict[str, Picture] = {}
    levels = dict.fromkeys(pictures, 0)
    for name, svg in pictures.items():
        # An embedded drawing is a third as long as its file at the least: what is far too long needs no look.
        small = embedded(svg) if len(svg) <= 4 * MOST_SVG or name not in pixels else svg
        if len(small) <= MOST_SVG or name not in pixels:
            uris[name] = Picture(_uri("svg+xml", small.encode()))
        else:
            uris[name], levels[name] = _pixels(pixels[name], LEVELS[0]), 1
    while sum(map(_length, uris.values())) > most:
        left = [name for name in pixels if levels[name] < len(LEVELS)]
        if not left:
            break
        name = max(left, key=lambda name_: _length(uris[name_]))
        share, both = LEVELS[levels[name]]
        if not both and levels[name] and share == LEVELS[levels[name] - 1][0] and uris[name].dark:
            smaller = uris[name]._replace(dark="")  # the same pixels, without their twin
        else:
            smaller = _pixels(pixels[name], (share, both))
        uris[name], levels[name] = min(uris[name], smaller, key=_length), levels[name] + 1
    return uris


def narrow_uris(pictures: Mapping[str, str], most: int) -> dict[str, str]:
    """Return the drawings for a phone as data URIs, together at most `most` bytes; the shortest go first."""
    uris: dict[str, str] = {}
    drawings = {name: embedded(svg) for name, svg in pictures.items()}
    for name in sorted(drawings, key=lambda name: len(drawings[name])):
        uri = _uri("svg+xml", drawings[name].encode())
        most -= len(uri)
        if most < 0 or len(drawings[name]) > MOST_NARROW:
            break
        uris[name] = uri
    return uris


def _length(picture: Picture) -> int:
    return len(picture.light) + len(picture.dark)


def _pixels(png: bytes, level: tuple[float, bool]) -> Picture:
    share, both = level
    light, dark = few_colors(png, share)
    return Picture(_uri("png", light), _uri("png", dark) if both else "")


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def few_colors(png: bytes, share: float = 1.0) -> tuple[bytes, bytes]:
    """Return a PNG with the theme's colours and COLORS of its own, plenty for a drawing, and its dark twin.

    share: of its width and height. The twin has the same pixels and another palette: a colour between the
    paper and one of the theme's, as at the edge of a line, lies between the dark values of both.
    """
    from PIL import Image  # matplotlib writes its PNG with it

    with Image.open(io.BytesIO(png)) as opened:
        image = opened.convert("RGB")
    if share < 1:
        image = image.resize([round(side * share) for side in image.size], Image.Resampling.LANCZOS)
    own = image.quantize(COLORS, dither=Image.Dither.NONE).getpalette() or []
    colors = palette_of(own[: 3 * COLORS])
    palette = Image.new("P", (1, 1))
    palette.putpalette(colors.astype(int).ravel().tolist())
    drawn = image.quantize(palette=palette, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG", compress_level=9)
    light = buffer.getvalue()
    return light, _recolored(light, dark_colors(colors))


def _recolored(png: bytes, colors: Array) -> bytes:
    """Return a PNG with another palette; to pack the same pixels twice is what takes the time.

    A PNG's palette is a chunk: length, "PLTE", red, green and blue by turns, CRC-32 of name and data (W3C,
    "Portable Network Graphics", 3rd ed., 5.3 and 11.2.2).
    """
    at = png.index(b"PLTE")
    (length,) = struct.unpack(">I", png[at - 4 : at])
    body = b"PLTE" + colors.astype(np.uint8).tobytes()[:length].ljust(length, b"\0")
    return png[:at] + body + struct.pack(">I", zlib.crc32(body)) + png[at + 8 + length :]


def palette_of(own: Sequence[int]) -> Array:
    """Return the theme's colours, their mixtures with the paper as at the edges of lines, and `own` ones.

    An arm has to keep its very colour however few its pixels are. Colours too near to one before them are
    left out, as the search for a pixel's colour is a coarse one.
    """
    pure = np.vstack([[PAPER], LIGHTS])
    mixed = [PAPER + share * (pure - PAPER) for share in (1.0, 0.75, 0.5, 0.25)]
    chosen = [PAPER]
    for color in np.vstack([*mixed, np.array(own, float).reshape(-1, 3)]):
        if np.abs(np.array(chosen) - color).max(axis=1).min() >= APART:
            chosen.append(color)
    return np.rint(np.array(chosen[:256]))


def dark_colors(colors: Array) -> Array:
    """Return the dark counterparts, (N, 3), of colours given as rows of red, green and blue, 0 to 255.

    Each is taken for a mixture w + t (c - w) of the paper w with the theme's colour c that comes nearest,
    and is given the same mixture of their dark values.
    """
    ways = LIGHTS - PAPER  # (K, 3)
    share = np.clip((colors - PAPER) @ ways.T / (ways**2).sum(axis=1), 0, 1)  # (N, K)
    off = ((colors[:, None] - PAPER - share[..., None] * ways) ** 2).sum(axis=2)
    nearest = np.argmin(off + 30 * (1 - share), axis=1)  # of colours on one line, the one it is
    t = share[np.arange(len(colors)), nearest][:, None]
    return np.rint(DARK_PAPER + t * (DARKS[nearest] - DARK_PAPER))


def embedded(svg: str) -> str:
    """Return the drawing that matplotlib wrote as `svg`, a half or a third as long, light and dark in one."""
    head, svg = svg[: svg.find("<svg")], svg[svg.find("<svg") :]
    head = head[: head.find("?>") + 2]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.S)
    sheets = "".join(re.findall(r"<style[^>]*>(.*?)</style>", svg, flags=re.S))
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.S)
    classes: dict[str, str] = {}

    def classed(match: re.Match[str]) -> str:
        name = classes.setdefault(match[1], f"c{len(classes)}")
        return f' class="{name}"'

    svg = _short_names(STYLE.sub(classed, svg))
    # Places are cut, scales are not: a glyph is drawn at a sixty-fourth of its size.
    svg = re.sub(r' [xy]="[^"]*"|translate\([^)]*\)', lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m[0]), svg)
    # A letter is moved along its line by x alone; SVG 2, as every browser reads it, needs no xlink.
    svg = re.sub(r'(<use [^>]*)transform="translate\(([^ )]+) 0\)"', r'\1x="\2"', svg)
    svg = svg.replace(" xlink:href=", " href=").replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "")
    svg = re.sub(r">\s+<", "><", svg)
    svg = re.sub(r"<g>\s*</g>|<defs>\s*</defs>|<defs/>", "", svg)
    svg = PATH.sub(lambda path: _relative(path[0]), svg)
    svg, markers, sheet_of_marks = _marks_together(svg)
    sheets += sheet_of_marks
    light = "".join(f".{name}{{{style}}}" for style, name in classes.items())
    dark = "".join(f".{name}{{{darken(style)}}}" for style, name in classes.items() if darken(style) != style)
    end = svg.index(">", svg.index("<svg")) + 1
    sheet = f"<style>{sheets}{light}@media (prefers-color-scheme:dark){{{dark}}}</style>"
    return head + svg[:end] + sheet + markers + svg[end:].strip()


def _marks_together(svg: str) -> tuple[str, str, str]:
    """Return the drawing with one path in place of many marks, what defines its marks, and their style.

    An SVG draws a path's marker at each of its points: a point is a third of the bytes of a mark of its own.
    """
    names: dict[tuple[str, str], str] = {}

    def path(run: re.Match[str]) -> str:
        name = names.setdefault((run[1], run[2]), f"k{len(names)}")
        places = " ".join(f"{float(x):.6g} {float(y):.6g}" for x, y in PLACE.findall(run[0]))
        return f'<path d="M{places}" class="{name}"/>'

    svg = MARKS.sub(path, svg)
    markers = "".join(
        f'<marker id="{name}" markerUnits="userSpaceOnUse" overflow="visible">'
        f'<use href="#{shape}" class="{style}"/></marker>'
        for (shape, style), name in names.items()
    )
    sheet = "".join(f".{name}{{fill:none;stroke:none;marker:url(#{name})}}" for name in names.values())
    return svg, f"<defs>{markers}</defs>" if markers else "", sheet


@lru_cache(maxsize=4096)
def _relative(path: str) -> str:
    """Return a path whose points are given from one to the next, in hundredths as they were.

    A path that has other commands than M, L, Q, C and z, or a number with an exponent, stays as it is.
    """
    if set(re.findall(r"[A-Za-z]", path)) - set("MLQCz"):
        return path
    written, before = [], ""
    for command, numbers in _steps(path):
        again = command == before and command not in "mz"
        text = "" if again else command
        for number in numbers:
            word = _short(number)
            text += word if word[0] == "-" or not (text or again) or text[-1:].isalpha() else f" {word}"
        written.append(text)
        before = command
    return "".join(written)


def _steps(path: str) -> Iterator[tuple[str, list[int]]]:
    """Yield each step of an absolute path as a relative one: its command, and numbers in hundredths."""
    takes = {"M": 2, "L": 2, "Q": 4, "C": 6, "z": 0}
    given: list[int]
    at, start, command, given = (0, 0), (0, 0), "", []
    for letter, number in STEP.findall(path):
        if letter:
            command, given = letter, []
        else:
            given.append(round(100 * float(number)))
        if len(given) < takes[command]:
            continue
        if command == "z":
            yield "z", []
            at = start
            continue
        numbers = [value - at[i % 2] for i, value in enumerate(given)]
        end = given[-2], given[-1]
        if command == "M":
            start = end
        if command == "L" and 0 in numbers:
            yield ("v", numbers[1:]) if numbers[0] == 0 else ("h", numbers[:1])
        else:
            yield command.lower(), numbers
        at, given = end, []
        command = "L" if command == "M" else command  # pairs that follow a place to begin at are lines


def _short(hundredths: int) -> str:
    """Return a number of hundredths as short as it can be written: 1.5, -.25, 12."""
    whole, rest = divmod(abs(hundredths), 100)
    sign = "-" if hundredths < 0 else ""
    if not rest:
        return f"{sign}{whole}"
    return f"{sign}{whole or ''}.{rest:02d}".rstrip("0")


def _short_names(svg: str) -> str:
    """Drop the names that nothing refers to, and shorten the others."""
    wanted = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg))
    names = dict.fromkeys(name for pair in sorted(wanted) for name in pair if name)
    short = {name: f"n{i}" for i, name in enumerate(names)}
    svg = re.sub(r' id="([^"]*)"', lambda m: f' id="{short[m[1]]}"' if m[1] in short else "", svg)
    svg = re.sub(r'href="#([^"]+)"', lambda m: f'href="#{short[m[1]]}"', svg)
    return re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{short[m[1]]})", svg)
