"""Intervals, operating points, subgroups, folds and ensembles of worked examples."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from config.training import RecipeChanges, load_training_settings
from training.dataset import NO_FOLD, Example, PreparedSet
from training.ensemble import combined_scores
from training.experiments import answered
from training.folds import held_out
from training.operating import calibration_bins, intervals, operating_points, subgroups
from training.ranks import Ranks
from training.report.evaluation import worst_failures


def answers(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Classes 0 to 2 and probabilities that tell ill from well, not perfectly."""
    rng = np.random.default_rng(4)
    classes = rng.integers(0, 3, count)
    return classes, expit(rng.normal(np.where(classes > 0, 1.0, -1.0), 1.2))


def test_intervals_hold_their_values() -> None:
    classes, probabilities = answers()

    found = intervals(classes > 0, probabilities, threshold=0.4)

    assert found["auc"].value == pytest.approx(roc_auc_score(classes > 0, probabilities))
    assert found["sensitivity"].value == pytest.approx((probabilities >= 0.4)[classes > 0].mean())
    for name, interval in found.items():
        if name != "expected_calibration_error":  # resampling adds to an absolute error
            assert interval.low < interval.value < interval.high, name
            assert interval.high - interval.low < 0.2


def test_operating_points_reach_the_sensitivity_in_their_name() -> None:
    classes, probabilities = answers()

    own, even, *wanted = operating_points(classes > 0, probabilities, threshold=0.4)

    assert (own.threshold, even.threshold) == (0.4, 0.5)
    assert own.sensitivity > even.sensitivity
    for point, least in zip(wanted, (0.9, 0.95, 0.98, 0.99), strict=True):
        assert point.sensitivity >= least
        assert f"{least:.0%}" in point.name
    specificities = [point.specificity for point in wanted]
    assert specificities == sorted(specificities, reverse=True)


def test_subgroups_are_measured_against_all_normal_images() -> None:
    classes = np.array([0, 0, 0, 0, 1, 1, 2])
    probabilities = np.array([0.1, 0.2, 0.3, 0.6, 0.9, 0.95, 0.25])

    normal, bacterial, viral = subgroups(classes, probabilities, threshold=0.5)

    assert (normal.images, normal.called_ill, normal.auc) == (4, 0.25, None)
    assert (bacterial.name, bacterial.called_ill, bacterial.auc) == ("bacterial", 1.0, 1.0)
    assert (viral.called_ill, viral.auc) == (0.0, 0.5)


def test_calibration_bins_leave_out_empty_tenths() -> None:
    low, high = calibration_bins(np.array([True, False, True]), np.array([0.04, 0.06, 1.0]))

    assert (low.images, low.observed) == (2, 0.5)
    assert low.predicted == pytest.approx(0.05)
    assert (high.images, high.predicted, high.observed) == (1, 1.0, 1.0)


def test_failures_are_sorted_by_how_wrong_they_are() -> None:
    is_ill = np.array([True, True, False, False])

    rows = worst_failures(is_ill, np.array([0.45, 0.9, 0.95, 0.1]), threshold=0.5)

    assert rows.tolist() == [2, 0]


def test_a_tied_vote_counts_as_pneumonia_and_means_are_of_probabilities() -> None:
    logits = np.array([[2.0, -2.0, -1.0], [-3.0, -2.0, 9.0]])

    _, voted = combined_scores(logits, "vote")
    means, called = combined_scores(logits, "mean probability")

    assert voted.tolist() == [True, False, True]
    assert means[0] == pytest.approx((expit(2.0) + expit(-3.0)) / 2)
    assert called.tolist() == [False, False, True]


def test_answers_at_even_odds() -> None:
    measured = answered(np.array([True, True, False, False]), np.array([1.0, -1.0, 0.5, -2.0]))

    assert (measured.accuracy, measured.precision, measured.recall) == (0.5, 0.5, 0.5)
    assert measured.auc == 0.75


def example(number: int, *, fold: int, class_index: int) -> Example:
    return Example(
        name=f"{number}",
        split="test" if fold == NO_FOLD else "train",
        fold=fold,
        class_index=class_index,
        patient_key=f"person{number // 2}" if fold != NO_FOLD else f"other{number}",
        sha256=f"{number:064d}",
    )


def test_every_patient_is_held_out_exactly_once() -> None:
    examples = [example(n, fold=0, class_index=n // 2 % 3) for n in range(90)]
    examples += [example(n, fold=NO_FOLD, class_index=0) for n in range(90, 95)]
    prepared = PreparedSet(
        examples=tuple(examples),
        images=np.zeros((95, 2, 2), np.uint8),
        data_sha256="",
        duplicates=(),
    )

    sets = [held_out(prepared, fold=fold, count=5, seed=1) for fold in range(5)]

    held = [e.name for s in sets for e in s.examples if e.split == "validation"]
    assert sorted(held, key=int) == [str(n) for n in range(90)]
    for one in sets:
        assert sum(e.split == "test" for e in one.examples) == 5
        train = {e.patient_key for e in one.examples if e.split == "train"}
        assert train.isdisjoint(e.patient_key for e in one.examples if e.split == "validation")
        ill = [e.class_index for e in one.examples if e.split == "validation"]
        assert set(ill) == {0, 1, 2}


def test_ranks_share_a_batch_without_overlap_and_change_images_differently() -> None:
    ranks = [Ranks(device=torch.device("cpu"), rank=n, count=4) for n in range(4)]

    shares = [rank.share(torch.arange(32)) for rank in ranks]

    assert sorted(torch.cat(shares).tolist()) == list(range(32))
    assert {len(share) for share in shares} == {8}
    assert len({rank.seed_offset for rank in ranks}) == 4
    assert [rank.is_first for rank in ranks] == [True, False, False, False]


def test_changes_leave_the_rest_of_a_recipe_alone() -> None:
    seed = load_training_settings().recipes["seed"]

    changed = seed.with_changes(RecipeChanges(learning_rate=0.01))

    assert changed.learning_rate == 0.01
    assert changed.model_copy(update={"learning_rate": seed.learning_rate}) == seed
    assert seed.with_changes(RecipeChanges()) == seed


def test_the_second_recipe_is_the_first_at_full_resolution() -> None:
    recipes = load_training_settings().recipes

    first, second = recipes["hilum"], recipes["hilum-224"]

    assert second.augmentation == first.augmentation
    assert {second.size_of(epoch) for epoch in range(second.epochs)} == {224}
    assert (second.epochs, second.learning_rate, second.seed) == (14, 6e-4, 5)
