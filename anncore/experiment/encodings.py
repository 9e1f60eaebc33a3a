"""What is done to the columns of an experiment's data sets, for the plan and the report."""

from __future__ import annotations

from typing import Any, NamedTuple

from anncore.contract.counts import agreeing, counted
from anncore.contract.errors import AnnxError, described
from anncore.contract.hyperparameters import references
from anncore.engine.datasets import Prepared, prepare
from anncore.engine.encoding import Encoding
from anncore.experiment.choices import Choice, combos
from anncore.experiment.model import Experiment
from anncore.experiment.parts import PartMaker

MOST_SETS = 12  # data sets whose columns are looked at


class EncodedSet(NamedTuple):
    """What was done to the columns of one data set, with one seed.

    rows: how many examples training, validation and test have. problem: why it is not known, else "".
    """

    data_set: str
    seed: int
    rows: tuple[int, int, int]
    inputs: int
    weighted: bool
    encodings: tuple[Encoding, ...]
    problem: str = ""


def encoded_sets(experiment: Experiment) -> list[EncodedSet]:
    """Return what is done to columns, for each data set with columns to encode, with the first report seed.

    A data set whose file is gone, or another one by now, says so.
    """
    if not experiment.entries.get("dataset") or not experiment.report_seeds:
        return []  # functions are minimised, or nothing is reported
    options = (option[0] for combo in combos(experiment) for option, _ in combo.options_of(("dataset",)))
    choices = {choice.entry.label: choice for choice in reversed(list(options)) if _encodes(choice)}
    maker, sets = PartMaker(experiment), []
    for label in reversed(list(choices)[-MOST_SETS:]):
        try:
            prepared = _prepared(maker, choices[label])
        except AnnxError as error:
            reason = " ".join(str(error).split())
            sets.append(EncodedSet(label, experiment.report_seeds[0], (0, 0, 0), 0, False, (), reason))
            continue
        except Exception as error:  # a data set of a plugin that is gone, or of another version
            sets.append(
                EncodedSet(label, experiment.report_seeds[0], (0, 0, 0), 0, False, (), described(error))
            )
            continue
        if prepared.encodings or prepared.w_train is not None:
            sets.append(
                EncodedSet(
                    label,
                    experiment.report_seeds[0],
                    prepared.shapes[3:6],
                    prepared.inputs,
                    prepared.w_train is not None,
                    prepared.encodings,
                )
            )
    return sets


def _prepared(maker: PartMaker, choice: Choice) -> Prepared:
    experiment = maker.experiment
    part, seed = maker.plain(choice), experiment.report_seeds[0]
    split = experiment.split_of(choice.entry.label)
    return prepare(part, split, experiment.sweep_seed, seed, maker.registry, experiment.train.dtype)


def _encodes(choice: Choice) -> bool:
    """Tell whether a data set may have columns to encode; one that takes another asks that one too."""
    component = choice.entry.component
    cls: Any = None if component is None else component.cls
    if cls is None or not cls.encodes:
        return False
    inner = [key for key, reference in references(cls).items() if reference.kind == "dataset"]
    registry = choice.entry.registry
    if not inner or registry is None:
        return True
    names = [name for key in inner for name in choice.resolved[key]]
    return any(bool(registry.get("dataset", name).cls.encodes) for name in names)


def encoding_line(done: EncodedSet) -> str:
    """Say in one line what is done to the columns of a data set."""
    if done.problem:
        return f"what is done to the columns of {done.data_set} is not known: {done.problem}"
    columns = done.encodings
    texts = []
    if columns:
        become = agreeing(len(columns), "become")
        texts.append(f"{counted(len(columns), 'columns')} {become} {counted(done.inputs, 'inputs')}")
    categories = [column for column in columns if column.kind == "category"]
    if categories:
        names = ", ".join(f"{column.column} ({column.categories})" for column in categories[:6])
        more = f" and {len(categories) - 6} more" if len(categories) > 6 else ""
        texts.append(f"categories: {names}{more}")
    missing = sum(sum(column.missing) for column in columns)
    if missing:
        of = sum(1 for column in columns if any(column.missing))
        texts.append(f"{counted(missing, 'missing values')} of {counted(of, 'columns')} filled")
    unseen = sum(column.unseen_rows for column in columns)
    if unseen:
        texts.append(f"{counted(unseen, 'held-out rows')} with a category that training has not")
    if done.weighted:
        texts.append("examples have weights")
    return f"{done.data_set}: {'; '.join(texts)} (seed {done.seed})"
