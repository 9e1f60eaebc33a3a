"""The two kinds of problems that arms are compared on: a network on data, and an objective by itself.

An experiment, a trial and a table of results each belong to one of them. `problem_in` is the one place that
looks which; everything else asks what it needs to know.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import NamedTuple

from anncore.contract.kind_names import ON_DATA, ON_OBJECTIVES, PARTS_ON_DATA


class ProblemKind(NamedTuple):
    """What the rest of annx must know of a kind of problem.

    kind: the kind of component that a problem is. kinds: those that have a meaning here, in the order of
    lists. parts: the kinds of a trial's own parts. noun: what it is called in a message. unit: what the
    problems are called in the plural. lacks: keys of the experiment file that have no meaning here, by
    section and key ("" for the whole section), and what is missing. scored: whether metrics score it beside
    its loss. batches: whether a step looks at some of the examples.
    """

    kind: str
    kinds: tuple[str, ...]
    parts: tuple[str, ...]
    noun: str
    unit: str
    lacks: Mapping[tuple[str, str], str] = {}
    scored: bool = True
    batches: bool = True


NETWORK_ON_DATA = ProblemKind("dataset", ON_DATA, PARTS_ON_DATA, "a data set", "data sets")

OBJECTIVE = ProblemKind(
    "objective",
    ON_OBJECTIVES,
    ON_OBJECTIVES,
    "an objective",
    "functions",
    lacks={
        ("split", ""): "data",
        ("train", "epochs"): "data",
        ("train", "shuffle"): "data",
        ("train", "eval_train"): "data",
        ("train", "watch"): "network",
    },
    scored=False,
    batches=False,
)


def problem_in(names: Container[str]) -> ProblemKind:
    """Return the kind of problem of something that has sections, parts, labels or columns of these kinds."""
    return OBJECTIVE if OBJECTIVE.kind in names else NETWORK_ON_DATA
