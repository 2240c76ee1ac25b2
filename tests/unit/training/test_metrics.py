"""Figures agree with scikit-learn, torchmetrics-style definitions and worked examples."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from training.calibrate import ValidationLogits, find_threshold, fit_temperature
from training.metrics import bootstrap_auc, expected_calibration_error, figures


def answers(count: int = 500) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    is_ill = rng.random(count) < 0.6
    return is_ill, expit(rng.normal(np.where(is_ill, 1.0, -1.0), 1.2)).round(2)


def test_figures_equal_scikit_learn() -> None:
    is_ill, probabilities = answers()
    called = probabilities >= 0.4

    measured = figures(is_ill, probabilities, threshold=0.4)

    assert measured.auc.value == pytest.approx(roc_auc_score(is_ill, probabilities))
    assert measured.accuracy == pytest.approx(accuracy_score(is_ill, called))
    assert measured.precision == pytest.approx(precision_score(is_ill, called))
    assert measured.sensitivity == pytest.approx(recall_score(is_ill, called))
    assert measured.specificity == pytest.approx(recall_score(~is_ill, ~called))
    assert measured.f1 == pytest.approx(f1_score(is_ill, called))
    total = measured.true_positives + measured.false_negatives
    assert total == is_ill.sum()


def test_bootstrap_interval_holds_the_value_and_narrows_with_more_images() -> None:
    few, many = (bootstrap_auc(*answers(count)) for count in (100, 2000))

    assert few.low < few.value < few.high
    assert many.high - many.low < (few.high - few.low) / 2


def test_bootstrap_counts_ties_half_as_scikit_learn_does() -> None:
    is_ill = np.array([False, True] * 50)

    assert bootstrap_auc(is_ill, np.full(100, 0.3)).low == 0.5


def test_calibration_error_of_a_worked_example() -> None:
    probabilities = np.array([0.05] * 10 + [0.95] * 10)
    is_ill = np.array([True] * 2 + [False] * 8 + [True] * 9 + [False])

    # bins: |0.2 - 0.05| and |0.9 - 0.95|, ten images each
    assert expected_calibration_error(is_ill, probabilities) == pytest.approx(0.1)
    assert expected_calibration_error(np.array([True]), np.array([1.0])) == 0


def test_temperature_finds_the_factor_by_which_the_logits_are_too_large() -> None:
    rng = np.random.default_rng(2)
    true_logits = rng.normal(0, 3, 20_000)
    classes = (rng.random(20_000) < expit(true_logits)).astype(int)

    assert fit_temperature(2.5 * true_logits, classes) == pytest.approx(2.5, rel=0.05)


def some_logits() -> ValidationLogits:
    """Log odds six times too large, and two shifts that make everybody healthier."""
    rng = np.random.default_rng(3)
    classes = rng.integers(0, 3, 900)
    logits = 6 * rng.normal(np.where(classes > 0, 1.0, -1.0), 1.0, (3, 900))
    return ValidationLogits(plain=logits[0], shifted=logits[1:] - 2, classes=classes)


def test_calibration_lowers_the_loss_and_keeps_the_wanted_sensitivity_on_both_sets() -> None:
    scored = some_logits()

    found = scored.calibrate(0.95, of_another_time=False)

    plain, shifted = (scored.figures(found, shifted=shifted) for shifted in (False, True))
    assert plain.sensitivity > shifted.sensitivity
    assert 0.95 <= shifted.sensitivity < 0.96
    assert shifted.images == 2 * plain.images
    probabilities = expit(scored.plain / found.temperature)
    is_ill = scored.classes > 0
    assert log_loss(is_ill, probabilities) < log_loss(is_ill, expit(scored.plain))


def test_films_of_another_time_need_no_made_up_shift_for_their_threshold() -> None:
    scored = some_logits()

    found = scored.calibrate(0.95, of_another_time=True)

    assert 0.95 <= scored.figures(found, shifted=False).sensitivity < 0.96
    assert found.temperature == scored.calibrate(0.95, of_another_time=False).temperature


def test_threshold_misses_no_more_than_allowed() -> None:
    ill = np.linspace(0.01, 1.0, 100)

    assert find_threshold(ill, 0.95) == pytest.approx(0.06)
    assert find_threshold(ill, 1.0) == pytest.approx(0.01)
