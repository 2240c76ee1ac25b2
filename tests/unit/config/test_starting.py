"""The collector rests while a process starts, and not a moment longer."""

import gc

import pytest

from config.starting import collector_at_rest


def test_the_collector_rests_until_it_is_woken_and_then_spares_what_is_there() -> None:
    with collector_at_rest() as wake:
        assert not gc.isenabled()
        wake()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_a_start_that_fails_leaves_the_collector_awake() -> None:
    with pytest.raises(OSError, match="no port"), collector_at_rest():
        raise OSError("no port")
    assert gc.isenabled()
