"""A small text drawing of an activation and its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

WIDTH, HEIGHT, REACH = 65, 15, 4.0


def curve(cls: Any) -> str:
    """Return a drawing of f (•) and f' (·) over [-4, 4]; "" where it is not a function of one number."""
    f = cls()
    z = np.linspace(-REACH, REACH, WIDTH).reshape(1, 1, WIDTH)
    values = f.forward(z)
    alone = np.concatenate([f.forward(z[:, :, i : i + 1]) for i in range(WIDTH)], axis=2)
    if not np.allclose(values, alone):
        return ""
    slopes = f.backward(np.ones_like(z), z, values)
    low = min(values.min(), slopes.min(), 0.0)
    high = max(values.max(), slopes.max(), 0.0)
    rows = [[" "] * WIDTH for _ in range(HEIGHT)]

    def row(value: float) -> int:
        return HEIGHT - 1 - round((value - low) / (high - low or 1.0) * (HEIGHT - 1))

    rows[row(0.0)] = ["─"] * WIDTH
    for line in rows:
        line[WIDTH // 2] = "┼" if line[0] == "─" else "│"
    for points, mark in ((slopes, "·"), (values, "•")):
        for i, value in enumerate(points.ravel()):
            rows[row(value)][i] = mark
    labels = {0: f"{high:.3g}", HEIGHT - 1: f"{low:.3g}", row(0.0): "0"}
    drawn = [f"{labels.get(i, ''):>6} {''.join(line).rstrip()}" for i, line in enumerate(rows)]
    axis = f"{'':>6} {-REACH:<{WIDTH // 2}g}0{REACH:>{WIDTH // 2}g}"
    return "\n".join(["", f"{'':>6} • f(z)   · f'(z)", *drawn, axis, ""])
