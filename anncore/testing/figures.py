"""The checks of a figure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.errors import RAISED_BY_PLUGINS
from anncore.contract.kinds import Array, Figure, FigureInput, overrides
from anncore.contract.kinds.sections import PLACES
from anncore.engine.snapshots import Snapshot
from anncore.testing.figure_data import Made, copied, hard, ordinary
from anncore.testing.kit import Kit, Named, Subject, Variant, must, raised

DPI = 40  # high enough for every difference to show
PHONE = 3.6  # inches


class FigureKit(Kit):
    """It draws, states its finding, and changes nothing else."""

    dear = True

    def exercise(self, subject: Subject, component: Any) -> Iterable[Array]:
        """Draw the ordinary sweep, as pixels."""
        drawing = _draw(component, ordinary())
        if drawing is not None and not isinstance(drawing, str):
            yield _pixels(drawing)

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [
            ("attributes", attributes),
            ("drawing", drawing_sound),
            ("hard_cases", hard_cases),
            ("data_unchanged", data_unchanged),
            ("settings_kept", settings_kept),
        ]


def _draw(component: Any, made: Made, width: float | None = None) -> Any:
    from anncore.report.drawing import drawing_style

    data = _with_snapshots(component, copied(made.data))
    with drawing_style():
        return component.draw(data if width is None else replace(data, width=width))


class Drawn(NamedTuple):
    """What a component drew of the ordinary sweep, and what it changed on the way.

    data: the parts of its input that it changed. settings: matplotlib's settings that it changed, by name.
    left: whether it left a figure in pyplot.
    """

    drawing: Any
    data: list[str]
    settings: Sequence[str]
    left: bool


def _drawn(subject: Subject, variant: Variant) -> Drawn:
    """Return what a variant does with the ordinary sweep; three checks look at the same drawing."""
    import matplotlib
    import matplotlib.pyplot as plt

    from anncore.report.drawing import drawing_style

    if variant.label not in subject.drawn:
        component = subject.build(variant)
        data = _with_snapshots(component, copied(ordinary().data))
        before = copied(data)
        with drawing_style():
            settings, figures = dict(matplotlib.rcParams), set(plt.get_fignums())
            drawing = component.draw(data)
            changed = [key for key, value in matplotlib.rcParams.items() if settings.get(key) != value]
            left = set(plt.get_fignums()) - figures
        for number in left:
            plt.close(number)
        others = [
            what for what in ("trials", "curves") if not getattr(data, what).equals(getattr(before, what))
        ]
        # NaN does not equal NaN, but its text does.
        others += ["report"] if repr(data.report) != repr(before.report) else []
        subject.drawn[variant.label] = Drawn(drawing, others, changed, bool(left))
    return subject.drawn[variant.label]


def _with_snapshots(component: Any, data: FigureInput) -> FigureInput:
    """Return the data with the figure's own example as the snapshot of every report trial that ended well."""
    if not overrides(type(component), Figure.example):
        return data
    rng = np.random.default_rng(0)
    ok = data.trials[(data.trials["phase"] == "report") & (data.trials["status"] == "ok")]
    snapshots = {}
    for key in ok["key"]:
        x = rng.normal(size=(40, 2)).astype("f4")
        arrays = {name: np.asarray(array, "f4") for name, array in component.example().items()}
        snapshots[key] = Snapshot(arrays, x, x, ("u", "v"), np.array([2.0, 3.0]), np.array([1.0, -1.0]))
    return replace(data, snapshots=snapshots)


def _pixels(drawing: Any) -> Array:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from anncore.report.drawing import drawing_style

    with drawing_style():
        drawing.figure.set_dpi(DPI)
        canvas = FigureCanvasAgg(drawing.figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        return np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]


def attributes(subject: Subject) -> int:
    """`question` ends with a question mark, `order` is a whole number, `section` one of the report's."""
    question, order = subject.cls.question, subject.cls.order
    must(str(question).strip().endswith("?"), f"question must end with a question mark, got {question!r}")
    must(isinstance(order, int), f"order must be a whole number, got {order!r}")
    section = subject.cls.section
    must(section in PLACES, f"section must be one of {', '.join(PLACES)}, got {section!r}")
    return 1


def drawing_sound(subject: Subject) -> int:
    """A good sweep gives a Drawing of its name, with finding, text and ink; on a phone's sheet too."""
    count = 0
    for variant in subject.variants():
        drawing = _drawn(subject, variant).drawing
        nothing = drawing is None or isinstance(drawing, str)
        must(not nothing, f"{variant.label}: it draws nothing for {ordinary().label}")
        count += _must_be_sound(subject, drawing, variant.label)
        narrow = _draw(subject.build(variant), ordinary(), PHONE)
        must(narrow is not None, f"{variant.label}: it draws nothing on a phone's sheet of {PHONE} inches")
        count += _must_be_sound(subject, narrow, f"{variant.label}, on a phone's sheet")
    return count


def _must_be_sound(subject: Subject, drawing: Any, where: str) -> int:
    from matplotlib.figure import Figure as Sheet

    from anncore.report.drawing import Drawing

    must(
        isinstance(drawing, Drawing),
        f"{where}: draw must return a Drawing, a sentence or None, got {type(drawing)}",
    )
    must(isinstance(drawing.figure, Sheet), f"{where}: its figure is a {type(drawing.figure).__name__}")
    name = subject.cls.name
    must(drawing.name == name, f"{where}: the drawing must be called {name!r}, got {drawing.name!r}")
    for what, text in (("title", drawing.title), ("alt", drawing.alt)):
        must(str(text).strip(), f"{where}: {what} is empty")
    for what, text in (("title", drawing.title), ("alt", drawing.alt), ("subtitle", drawing.subtitle)):
        odd = re.search(r"\b(nan|inf)\b", str(text), re.IGNORECASE)
        must(odd is None, f"{where}: {what} says {odd and odd[0]}: {text!r}")
    size = drawing.figure.get_size_inches()
    pixels = _pixels(drawing)
    must(math.isfinite(size.sum()) and min(pixels.shape[:2]) > 0, f"{where}: its size is {size}")
    must(bool((pixels != pixels[0, 0]).any()), f"{where}: the sheet is blank")
    return 1


def hard_cases(subject: Subject) -> int:
    """Divergence, failures, one arm, markup, part of a sweep: a sound Drawing or why not; no error."""
    count = 0
    for variant in subject.variants():
        for made in hard():
            where = f"{variant.label}, {made.label}"
            try:
                drawing = _draw(subject.build(variant), made)
            except RAISED_BY_PLUGINS as error:
                raise AssertionError(f"{where}: {raised(subject.cls, error)}") from error
            if isinstance(drawing, str):
                said = bool(drawing.strip())
                must(said, f"{where}: the sentence that says why nothing is drawn is empty")
            elif drawing is not None:
                _must_be_sound(subject, drawing, where)
            count += 1
    return count


def data_unchanged(subject: Subject) -> int:
    """It does not change the frames and the report that it gets."""
    count = 0
    for variant in subject.variants():
        for what in _drawn(subject, variant).data:
            advice = "; work on a copy" if what != "report" else ""
            raise AssertionError(f"{variant.label}: it changes data.{what}{advice}")
        count += 1
    return count


def settings_kept(subject: Subject) -> int:
    """It leaves matplotlib's settings unchanged and no figure in pyplot."""
    count = 0
    for variant in subject.variants():
        _, _, changed, left = _drawn(subject, variant)
        must(not changed, f"{variant.label}: it changes matplotlib's {', '.join(changed[:3])}")
        must(not left, f"{variant.label}: it leaves a figure in pyplot; make one by anncore.new_sheet")
        del subject.drawn[variant.label]  # the last of the checks that look at it
        count += 1
    return count
