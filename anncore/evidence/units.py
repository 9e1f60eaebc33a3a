"""What a report calls what arms are compared on, and what is measured there: one place for all of it.

`unit` is the plural, as `report.json` holds it: "data sets", or "functions" where objectives are minimised.
`problem_unit` is what to say where problems are counted: "variants", where there are several of one data set.
"""

from __future__ import annotations

from collections.abc import Mapping

from anncore.contract.counts import agreeing as agreeing, counted as counted, singular as singular
from anncore.contract.problem_kinds import NETWORK_ON_DATA, OBJECTIVE

SEEDS, VARIANTS = "seeds", "variants"
SPLITS = {"train": "training", "valid": "validation", "test": "test"}
ABBREVIATIONS = frozenset(["AUC", "ECE", "F1", "MAE", "MAPE", "MCC", "MSE", "NLL", "PR", "RMSE", "ROC"])
WRITTEN = {  # not by their words
    "brier": "Brier score",
    "cohen_kappa": "Cohen's kappa",
    "pinball": "pinball score",
    "r2": "R²",
    "top_k": "top-k accuracy",
    "update_to_weight_ratio": "update-to-weight ratio",
    "zero_one_error": "zero-one error",
}
DATA_SETS, FUNCTIONS = NETWORK_ON_DATA.unit, OBJECTIVE.unit


def said_of(text: str, unit: str) -> str:
    """Return a text that speaks of data sets, saying the unit in their place: a figure's question."""
    return text.replace(singular(DATA_SETS), singular(unit))


def metric_words(metric: str, unit: str = DATA_SETS) -> str:
    """Write a metric, or its column, in words: "test loss" of "test_loss", "validation ROC AUC" of
    "valid_roc_auc", "R²" of "r2".

    On functions every loss, on whatever split, is the function's value, and is called that.
    """
    if unit == FUNCTIONS and metric.rpartition("_")[2] == "loss":
        return "function value"
    first, _, rest = metric.partition("_")
    split, name = (SPLITS[first], rest) if first in SPLITS and rest else ("", metric)
    words = (word.upper() if word.upper() in ABBREVIATIONS else word for word in name.split("_"))
    return f"{split} {WRITTEN.get(name) or ' '.join(words)}".strip()


def sentence(text: str) -> str:
    """Return a text with its first letter in upper case; abbreviations in it keep theirs."""
    return text[:1].upper() + text[1:]


STATUS_VERBS = {"failed": "failed", "timeout": "timed out", "crashed": "crashed", "diverged": "diverged"}


def of_trials(counts: Mapping[str, int], total: int) -> str:
    """Say how many of so many trials ended how, by status: "2 failed, 1 timed out of 8 trials"."""
    parts = ", ".join(f"{count} {STATUS_VERBS.get(status, status)}" for status, count in counts.items())
    return f"{parts} of {counted(total, 'trials')}"
