"""How close a component is to what a user looks for: `annx list --like TEXT`."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

SIMILAR = 0.7  # difflib's ratio of two spellings, from which one may be a slip of the other
SHORTEST = 3  # letters: below, any two spellings would be similar


class Said(NamedTuple):
    """What a component says of itself in a list."""

    name: str
    summary: str


def closest_first(text: str, said: Sequence[Said]) -> list[int]:
    """Return the places of those that are like the text, the closest first; equally close ones as they stand.

    In this order: the name itself; names that begin with the text; names that contain it; a name or a first
    line in which each word of the text begins a word. Only where there is none of these, names that are
    spelt like it. Capitals, accents and what joins words do not matter: "cross entropy" is in
    binary_cross_entropy.
    """
    ranks = [_rank(text, one) for one in said]
    if not any(rank is not None for rank in ranks):
        ranks = [_similar(text, one.name) for one in said]
    near = [(rank, place) for place, rank in enumerate(ranks) if rank is not None]
    return [place for _, place in sorted(near)]


def _rank(text: str, said: Said) -> float | None:
    wanted, name = _joined(text), _joined(said.name)
    if not wanted:
        return None
    if wanted == name:
        return 0
    if wanted in name:
        return 1 if name.startswith(wanted) else 2
    words = [*_words(said.name), *_words(said.summary)]
    return 3 if all(any(word.startswith(part) for word in words) for part in _words(text)) else None


def _similar(text: str, name: str) -> float | None:
    """Return how far apart two spellings are, of names or of a name's words; None where they are far."""
    wanted = _joined(text)
    if len(wanted) < SHORTEST:
        return None
    spellings = [_joined(name), *_words(name)]
    ratio = max(difflib.SequenceMatcher(None, wanted, spelling).ratio() for spelling in spellings)
    return -ratio if ratio >= SIMILAR else None


def _words(text: str) -> list[str]:
    """Return the words of a text in plain small letters; a_name has two."""
    return re.findall(r"[^\W_]+", _plain(text))


def _joined(text: str) -> str:
    return "".join(_words(text))


def _plain(text: str) -> str:
    """Return a text in small letters without accents."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))
