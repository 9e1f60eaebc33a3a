"""The one place that says how a metric is written."""

from __future__ import annotations

import pytest
from shipped import REGISTRY

from anncore.evidence.units import DATA_SETS, FUNCTIONS, metric_words, sentence


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("test_brier", "test Brier score"),
        ("valid_roc_auc", "validation ROC AUC"),
        ("f1", "F1"),
        ("test_r2", "test R²"),
        ("train_rmse", "training RMSE"),
        ("mae", "MAE"),
        ("test_zero_one_error", "test zero-one error"),
        ("test_cohen_kappa", "test Cohen's kappa"),
        ("valid_top_k", "validation top-k accuracy"),
        ("test_pinball", "test pinball score"),
        ("update_to_weight_ratio", "update-to-weight ratio"),
        ("valid_loss", "validation loss"),
        ("test_balanced_accuracy", "test balanced accuracy"),
        ("gradient_norm", "gradient norm"),
        ("test", "test"),
        ("train_my_metric", "training my metric"),
    ],
)
def test_metrics_are_written_as_people_write_them(column: str, words: str) -> None:
    assert metric_words(column, DATA_SETS) == words


def test_a_loss_on_functions_is_the_function_value() -> None:
    assert metric_words("test_loss", FUNCTIONS) == "function value"


def test_a_sentence_that_begins_with_a_metric_keeps_its_capitals() -> None:
    assert sentence(metric_words("test_roc_auc")) == "Test ROC AUC"


def test_no_shipped_metric_is_an_abbreviation_in_small_letters() -> None:
    small = {metric.name for metric in REGISTRY.of_kind("metric") if metric_words(metric.name).islower()}
    words = {"accuracy", "balanced_accuracy", "log_loss", "zero_one_error", "dead_units", "saturated_units"}
    words |= {"gradient_norm", "log_likelihood", "reconstruction_error", "quantization_error", "coverage"}
    words |= {"topographic_error", "idle_prototypes", "average_precision", "precision", "recall", "top_k"}
    words |= {"expected_calibration_error", "explained_variance", "effective_rank", "sharpness", "pinball"}
    assert small <= words | {"modes_covered", "update_to_weight_ratio"}
