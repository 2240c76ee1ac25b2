"""Drift: shifts by hand, and what is too little to tell."""

import math
from datetime import UTC, datetime

import pytest

from api.drift import LEAST_RESULTS, drift_by_model, shift
from archive.model_records import ModelOutput
from archive.records import Presence


def outputs(
    month: int, count: int, probability: float | None, *, sender: str = "DX1", age: int | None = 40
) -> list[ModelOutput]:
    is_present = probability is not None and probability >= 0.5
    presence = None if probability is None else Presence.PRESENT if is_present else Presence.ABSENT
    return [
        ModelOutput(
            made_at=datetime(2026, month, 1, tzinfo=UTC),
            model_name="model",
            model_version="1.0.0",
            weights_sha256="f" * 64,
            presence=presence,
            probability=probability,
            calling_ae_title=sender,
            patient_age_years=age,
        )
        for _ in range(count)
    ]


def test_the_index_is_the_one_counted_by_hand() -> None:
    then = outputs(1, 60, 0.05, sender="A") + outputs(1, 40, 0.95, sender="B")
    now = outputs(2, 30, 0.05, sender="A") + outputs(2, 70, 0.95, sender="B")
    expected = (0.3 - 0.6) * math.log(0.3 / 0.6) + (0.7 - 0.4) * math.log(0.7 / 0.4)
    assert shift(now, then, lambda one: one.calling_ae_title) == pytest.approx(expected)
    assert shift(then, then, lambda one: one.calling_ae_title) == 0


def test_a_sender_that_is_new_is_a_finite_shift() -> None:
    found = shift(
        outputs(2, 100, 0.1, sender="NEW"), outputs(1, 100, 0.1), lambda one: one.calling_ae_title
    )
    assert found is not None
    assert 5 < found < 12


def test_fewer_results_than_chance_needs_tell_nothing() -> None:
    few = outputs(2, LEAST_RESULTS - 1, 0.9)
    assert shift(few, outputs(1, 100, 0.1), lambda one: one.calling_ae_title) is None


def test_months_are_compared_with_the_first_results() -> None:
    [drift] = drift_by_model(
        [
            *outputs(1, 250, 0.1),
            *outputs(2, 60, 0.9, sender="DX2", age=3),
            *outputs(2, 20, None),
            *outputs(3, 5, 0.1),
        ]
    )
    assert drift.reference_count == 200
    first, second, third = drift.months
    assert [part.month for part in drift.months] == ["2026-01", "2026-02", "2026-03"]
    assert (first.count, first.positive_share, first.probability_shift) == (250, 0.0, 0.0)
    assert (second.count, second.refused, second.positive_share) == (60, 20, 1.0)
    assert second.median_probability == 0.9
    assert min(second.probability_shift or 0, second.sender_shift or 0, second.age_shift or 0) > 1
    assert (third.count, third.probability_shift) == (5, None)


def test_a_month_in_which_nothing_was_scored_has_no_shares() -> None:
    [drift] = drift_by_model(outputs(1, 3, None))
    [part] = drift.months
    assert (part.count, part.refused, part.positive_share, part.median_probability) == (
        0, 3, None, None,
    )  # fmt: skip
