"""Data set: letters."""

from dataclasses import dataclass
from string import ascii_uppercase
from typing import ClassVar

import numpy as np

from anncore import Array, Data, Dataset, Hyper, hookimpl, hyper, linear

DRAWN = """
..####.. ######.. .######. ######.. ######## ######## .######. ##....## ########
.######. #######. ######## #######. ######## ######## ######## ##....## ########
##....## ##...##. ##....## ##...### ##...... ##...... ##...... ##....## ...##...
##....## ######.. ##...... ##....## ######.. ######.. ##..#### ######## ...##...
######## #######. ##...... ##....## ######.. ######.. ##..#### ######## ...##...
######## ##....## ##....## ##...### ##...... ##...... ##....## ##....## ...##...
##....## #######. ######## #######. ######## ##...... ######## ##....## ########
##....## ######.. .######. ######.. ######## ##...... .######. ##....## ########

......## ##...### ##...... ##....## ##....## .######. #######. .######. #######.
......## ##..###. ##...... ###..### ###...## ######## ######## ######## ########
......## ##.###.. ##...... ######## ####..## ##....## ##....## ##....## ##....##
......## #####... ##...... ##.##.## #####.## ##....## ##....## ##....## ########
......## #####... ##...... ##....## ##.##### ##....## ######## ##.##.## #######.
##....## ##.###.. ##...... ##....## ##..#### ##....## #######. ##..#### ##.###..
######## ##..###. ######## ##....## ##...### ######## ##...... #######. ##..###.
.######. ##...### ######## ##....## ##....## .######. ##...... .####.## ##...###

.####### ######## ##....## ##....## ##....## ##....## ##....## ########
######## ######## ##....## ##....## ##....## ###..### ###..### ########
##...... ...##... ##....## ##....## ##....## .######. .######. ....###.
#######. ...##... ##....## ##....## ##....## ..####.. ..####.. ...###..
.####### ...##... ##....## ###..### ##.##.## ..####.. ...##... ..###...
......## ...##... ##....## .##..##. ######## .######. ...##... .###....
######## ...##... ######## ..####.. ###..### ###..### ...##... ########
#######. ...##... .######. ...##... ##....## ##....## ...##... ########
"""
"""The capital letters from A to Z, nine in a band, the last band eight."""


@dataclass(frozen=True)
class Letters(Dataset):
    """Capital letters as pictures of 8 x 8 pixels of ±1, and damaged copies of them, to be recalled.

        y = ξ_μ, the picture of a letter: ink is 1, paper -1
        x = ξ_μ, where each pixel is flipped with probability noise

    `letters` says which ones, in one text. Every letter has `copies` examples, which differ only in the
    flipped pixels. Unlike random patterns, letters resemble each other: O and Q differ in 7 of 64 pixels, so
    that Hebb's rule confuses them and the pseudo-inverse does not.

    A memory of signs needs ±1: set [split] standardize = false.

    Domain: letters from A to Z, each once; noise in [0, 1/2).
    Shapes: x and y (letters · copies, 64), row by row from the top left.

    The pictures are our own. For the task: Hopfield, "Neural networks and physical systems with emergent
    collective computational abilities", PNAS 79 (1982), 2554-2558. https://doi.org/10.1073/pnas.79.8.2554
    """

    name: ClassVar[str] = "letters"

    letters: str = hyper("AJSTXZ", "str")
    copies: int = hyper(20, "int [1, inf)")
    noise: Hyper = hyper(0.1, "[0, 0.5)", search=linear(0.0, 0.4))

    def validate(self) -> None:
        """Refuse what is no capital letter, no letter at all, and a letter that comes twice."""
        given = self.letters
        if not given or set(given) - set(ascii_uppercase) or len(set(given)) < len(given):
            raise ValueError(f'letters must be different capital letters, as "AJSTXZ", got "{given}"')

    def make(self, rng: np.random.Generator) -> Data:
        pictures = np.stack([picture(letter) for letter in self.letters])
        y = np.repeat(pictures.reshape(len(pictures), -1), self.copies, axis=0)
        flipped = rng.random(y.shape) < self.noise
        return Data(np.where(flipped, -y, y), y, "regression")


def picture(letter: str) -> Array:
    """Return a letter's pixels, (8, 8): ink is 1, paper -1."""
    bands = DRAWN.strip("\n").split("\n\n")
    band, place = divmod(ascii_uppercase.index(letter), 9)
    rows = [line.split()[place] for line in bands[band].splitlines()]
    return np.array([[1.0 if pixel == "#" else -1.0 for pixel in row] for row in rows])


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Letters]
