import pytest

from archive.errors import MoveForbidden
from archive.records import DeliveryState, StudyState
from archive.workflow import (
    DELIVERY_MOVES,
    STUDY_MOVES,
    check_delivery_move,
    check_study_move,
    studies_that_may_become,
)


def test_every_state_stands_in_its_table() -> None:
    assert set(STUDY_MOVES) == set(StudyState)
    assert set(DELIVERY_MOVES) == set(DeliveryState)


def test_a_late_image_is_welcome_in_every_state() -> None:
    assert set(studies_that_may_become(StudyState.RECEIVING)) == set(StudyState)


def test_a_study_is_not_reported_without_being_analysed() -> None:
    assert studies_that_may_become(StudyState.REPORTED) == (StudyState.ANALYSING,)
    with pytest.raises(MoveForbidden):
        check_study_move(StudyState.QUEUED, StudyState.REPORTED)


def test_nothing_is_delivered_that_was_not_being_sent() -> None:
    with pytest.raises(MoveForbidden):
        check_delivery_move(DeliveryState.READY, DeliveryState.DELIVERED)
