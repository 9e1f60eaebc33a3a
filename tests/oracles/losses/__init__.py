"""Losses: our values and gradients beside those of the libraries."""

from __future__ import annotations

from oracles.losses import of_classes, of_margins, of_numbers
from oracles.losses.sides import THEIRS as THEIRS, ours as ours

ROWS = [*of_numbers.ROWS, *of_classes.ROWS, *of_margins.ROWS]
