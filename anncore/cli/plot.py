"""`annx show NAME --plot`: a component's picture, on standard output or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from anncore.cli.common import say, width
from anncore.cli.printing import can_print, say_styled

if TYPE_CHECKING:
    from anncore.contract.registry import Registered, Registry
    from anncore.report.drawing import Drawing

WIDTH = 80  # columns, where standard output is no terminal
BY_ITSELF = ("activation",)  # kinds that are drawn on a terminal without being asked
STYLES = {
    **{"title": "bold", "muted": "dim"},
    **{f"line{at}": color for at, color in enumerate(("blue", "red", "green", "magenta", "cyan", "yellow"))},
}


def check_file(name: str) -> Path:
    """Return the path of a picture; a usage error where its ending is not .png or .svg."""
    file = Path(name)
    if file.suffix.lower() not in (".png", ".svg"):
        raise click.UsageError(f"--plot writes a file that ends in .png or .svg, got {name!r}.")
    return file


def write_plot(registry: Registry, component: Registered, file: Path) -> None:
    """Write the component's picture as PNG or SVG."""
    from anncore.report.plots import plot_of
    from anncore.report.plots.in_figure import in_figure

    write_picture(in_figure(plot_of(registry, component)), file)


def write_picture(drawing: Drawing, file: Path) -> None:
    """Write a figure as PNG or SVG, as its name ends."""
    from anncore.report.drawing import drawing_style, to_png, to_svg
    from anncore.running.files import make_folder, replace_file

    with drawing_style():
        picture = to_png(drawing.figure) if file.suffix.lower() == ".png" else to_svg(drawing.figure).encode()
    make_folder(file.parent)
    replace_file(file, picture)


def show_plot(registry: Registry, component: Registered, *, asked: bool) -> None:
    """Draw the component in text; without being asked only on a terminal, and only what is always drawn."""
    from anncore.contract.errors import ComponentError
    from anncore.report.plots import plot_of
    from anncore.report.plots.in_text import BRAILLE, in_text

    columns = width()
    if not asked and (columns is None or component.kind not in BY_ITSELF):
        return
    try:
        plot = plot_of(registry, component)
    except ComponentError:
        if asked:
            raise
        return
    say()
    say_styled(in_text(plot, columns or WIDTH, braille=can_print(chr(BRAILLE + 0xFF))), STYLES)
