import pytest

from dicom_node.backoff import BackOff


def test_the_wait_doubles_up_to_the_limit() -> None:
    back_off = BackOff(first_seconds=2, longest_seconds=900, uniform=lambda _low, _high: 1.0)
    waits = [back_off.delay_seconds(failures) for failures in range(1, 12)]
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_years_of_failures_do_not_overflow() -> None:
    back_off = BackOff(first_seconds=2, longest_seconds=900)
    assert back_off.delay_seconds(100_000) <= 900


@pytest.mark.parametrize(("edge", "wait"), [(0, 6.0), (1, 10.0)])
def test_jitter_moves_the_wait_by_a_quarter(edge: int, wait: float) -> None:
    back_off = BackOff(first_seconds=8, longest_seconds=900, uniform=lambda *edges: edges[edge])
    assert back_off.delay_seconds(1) == wait
