"""Figures that are wrong on purpose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from right.figures import Bars

from wrong.base import wrong


def nothing(self: Any, data: Any) -> None:
    return None


def a_number(self: Any, data: Any) -> Any:
    return 3


def untitled(self: Any, data: Any) -> Any:
    drawing = Bars.draw(self, data)
    return drawing and replace(drawing, title=" ")


def wordy(self: Any, data: Any) -> Any:
    drawing = Bars.draw(self, data)
    return drawing and replace(drawing, alt="The best scored nan.")


def only_with_several(self: Any, data: Any) -> Any:
    if len(data.report["arms"]) < 2:
        raise IndexError("no second arm")
    return Bars.draw(self, data)


def writes_to_the_frame(self: Any, data: Any) -> Any:
    data.trials["label"] = "mine"
    return Bars.draw(self, data)


def corrects_the_report(self: Any, data: Any) -> Any:
    data.report["arms"].reverse()
    return Bars.draw(self, data)


def restyles(self: Any, data: Any) -> Any:
    import matplotlib

    matplotlib.rcParams["font.size"] = 30
    return Bars.draw(self, data)


def opens_a_window(self: Any, data: Any) -> Any:
    import matplotlib.pyplot as plt

    plt.figure()
    return Bars.draw(self, data)


FIGURES = [
    wrong("figure", "attributes", "question must end with a question mark", question="Who wins"),
    wrong("figure", "attributes", "section must be one of success", section="leader"),
    wrong("figure", "drawing", "draws nothing for a tuned sweep", draw=nothing),
    wrong("figure", "drawing", "must return a Drawing, a sentence or None, got <class 'int'>", draw=a_number),
    wrong("figure", "drawing", "title is empty", draw=untitled),
    wrong("figure", "drawing", "alt says nan", draw=wordy),
    wrong(
        "figure",
        "hard_cases",
        "one arm on one data set: raised IndexError: no second",
        draw=only_with_several,
    ),
    wrong("figure", "data_unchanged", "it changes data.trials", draw=writes_to_the_frame),
    wrong("figure", "data_unchanged", "it changes data.report", draw=corrects_the_report),
    wrong("figure", "settings_kept", "it changes matplotlib's font.size", draw=restyles),
    wrong("figure", "settings_kept", "it leaves a figure in pyplot", draw=opens_a_window),
]
