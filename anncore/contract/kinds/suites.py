"""Suites: named, versioned lists of problems."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from anncore.contract.kinds.base import Component

PROBLEM_TRAIN_KEYS = ("steps", "epochs", "batch_size", "eval_every")
"""The keys of [train] that a problem of a suite may set."""

PROBLEM_SPLIT_KEYS = ("valid", "test", "stratify", "standardize")
"""The keys of [split] that a problem of a suite may set."""

Sections = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By kind and label the keys of an experiment file's section, as Python has them: `[dataset.wine] n = 3`."""


class Problem(NamedTuple):
    """One problem of a suite: which sections it is made of, and how long it is trained.

    name: as reports name it. group: what it has in common with others, in the plural ("noisy problems"), so
    that one can say on what an arm is strong or weak. parts: by kind the label of a section of the suite.
    train: keys of [train] that belong to the problem, of PROBLEM_TRAIN_KEYS. split: keys of [split] that
    belong to its data set, of PROBLEM_SPLIT_KEYS, the same in all problems with these data.
    """

    name: str
    group: str
    parts: Mapping[str, str]
    train: Mapping[str, Any] = {}
    split: Mapping[str, Any] = {}


class Suite(Component):
    """A named list of problems that arms are compared on: `suite = "core"` in an experiment file.

    A problem is a data set with a network, or an objective. What a suite says could be written by hand: its
    sections are those of an experiment file, and a trial of it has the key and the bits that the same trial
    has elsewhere. Each value is one value, never a grid. All problems name the same kinds, no two the same
    sections. What the problems do not name comes from the file: optimizers, and whatever else is compared.
    """

    version: ClassVar[int]
    """Raised whenever the list or anything in it changes, so that results on two versions are told apart."""

    @abstractmethod
    def sections(self) -> Sections:
        """Return by kind and label the keys of the sections that the problems are made of."""

    @abstractmethod
    def problems(self) -> Sequence[Problem]:
        """Return the problems, in the order of reports."""
