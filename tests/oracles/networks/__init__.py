"""Networks: our passes forward and back beside PyTorch's."""

from __future__ import annotations

from oracles.networks import layered, sequences
from oracles.networks.sides import THEIRS as THEIRS, ours as ours

ROWS = [*layered.ROWS, *sequences.ROWS]
