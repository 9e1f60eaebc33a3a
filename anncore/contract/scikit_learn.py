"""scikit-learn's data sets without its import, which takes more than a second in every process.

The numbers are scikit-learn's to the last bit. A file is read only if it is the known one, and what is drawn
is drawn here only for versions whose draws were compared with these; else None or False says that
scikit-learn itself has to be asked.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from anncore.contract.arrays import Array

COMPARED = ("1.7", "1.8", "1.9")
MOST_BITS = 30  # of a corner, which is drawn as one number


class Bundled(NamedTuple):
    """A data set for classification that scikit-learn brings along, by the names that its loaders use."""

    data: Array
    target: Array
    target_names: Sequence[str]
    feature_names: Sequence[str]


def bundled_classes(file: str, digest: str, features: Sequence[str]) -> Bundled | None:
    """Return the data set of a file whose first line names the classes; None where it is not the known one.

    digest: the SHA-256 of the file. features: their names, which the file does not have.
    """
    lines = _lines(file, digest)
    if lines is None:
        return None
    head, *rows = csv.reader(lines)
    data = np.array([row[:-1] for row in rows], float)
    return Bundled(data, np.array([row[-1] for row in rows], int), head[2:], features)


def bundled_numbers(file: str, digest: str, separator: str | None = None) -> Array | None:
    """Return the table of numbers of a file, packed by gzip; None where it is not the known one.

    digest: the SHA-256 of the file. separator: between two numbers, white space by default.
    """
    lines = _lines(file, digest)
    return None if lines is None else np.array([line.split(separator) for line in lines], float)


def _lines(name: str, digest: str) -> list[str] | None:
    """Return the lines of a known file; None where scikit-learn has another one, or is no folder."""
    spec = importlib.util.find_spec("sklearn")  # which does not import it
    folders = [] if spec is None else spec.submodule_search_locations or []
    for folder in folders:
        path = Path(folder) / "datasets" / "data" / name
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() == digest:
            return (gzip.decompress(content) if name.endswith(".gz") else content).decode().splitlines()
    return None


@cache
def draws_known() -> bool:
    """Tell whether the installed scikit-learn draws data sets as the formulas here do, to the last bit."""
    try:
        version = importlib.metadata.version("scikit-learn")
    except importlib.metadata.PackageNotFoundError:
        return False
    return ".".join(version.split(".")[:2]) in COMPARED


def shuffled(x: Array, y: Array, rng: np.random.RandomState) -> tuple[Array, Array]:
    """Return examples in random order, with their features in random order."""
    rows, columns = np.arange(len(x)), np.arange(x.shape[1])
    rng.shuffle(rows)
    rng.shuffle(columns)
    return x[rows][:, columns], y[rows]


def clusters_on_corners(
    seed: int,
    sizes: Sequence[int],
    *,
    classes: int,
    features: int,
    informative: int,
    redundant: int = 0,
    separation: float = 1.0,
) -> tuple[Array, Array] | None:
    """Return x and y of normal clusters on corners of a hypercube, as `make_classification` does (flip_y=0).

    sizes: of each cluster; cluster k is of class k mod classes. separation: how far a corner lies from 0
    along each informative feature. None where scikit-learn has to be asked.
    """
    if informative > MOST_BITS or not draws_known():
        return None
    rng = np.random.RandomState(seed)
    n, inner = sum(sizes), informative
    x, y = np.zeros((n, features)), np.zeros(n, int)
    corners = _corners(len(sizes), inner, rng).astype(float)
    corners *= 2 * separation
    corners -= separation
    x[:, :inner] = rng.standard_normal(size=(n, inner))
    end = 0
    for k, (corner, size) in enumerate(zip(corners, sizes, strict=True)):
        start, end = end, end + size
        y[start:end] = k % classes
        cluster = x[start:end, :inner]
        cluster[...] = np.dot(cluster, 2 * rng.uniform(size=(inner, inner)) - 1)
        cluster += corner
    if redundant:
        mixed = 2 * rng.uniform(size=(inner, redundant)) - 1
        x[:, inner : inner + redundant] = np.dot(x[:, :inner], mixed)
    useless = features - inner - redundant
    if useless:
        x[:, -useless:] = rng.standard_normal(size=(n, useless))
    rng.uniform(size=n)  # which labels are replaced, of which there are none
    rng.randint(classes, size=0)
    return shuffled(x, y, rng)


def _corners(count: int, bits: int, rng: np.random.RandomState) -> Array:
    """Return different corners of a hypercube as rows of bits."""
    every = 2**bits
    share = count / every
    if 0.01 < share < 0.99:
        numbers = rng.permutation(every)[:count]
    elif share < 0.2:
        drawn: dict[int, None] = {}
        while len(drawn) < count:
            drawn.setdefault(int(rng.randint(every)))
        numbers = np.array(list(drawn))
    else:  # reservoir sampling, of all corners or nearly all
        numbers = np.arange(count)
        for i in range(count, every):
            place = int(rng.randint(0, i + 1))
            if place < count:
                numbers[place] = i
    return np.unpackbits(numbers.astype(">u4").view(">u1")).reshape(-1, 32)[:, -bits:]
