import threading

import pytest

from dicom_node.backoff import BackOff
from dicom_node.errors import PeerUnavailable
from dicom_node.follower import POLL_SECONDS, Follower

EVEN = BackOff(first_seconds=2, longest_seconds=5, uniform=lambda _low, _high: 1.0)
AWAY = PeerUnavailable("nobody answers")


class AFeed:
    """Answers `forward` with what the test says, one after the other."""

    destination = "somebody"
    claimant = "me"

    def __init__(self, *answers: bool | PeerUnavailable) -> None:
        self._answers = list(answers)
        self.reasons: list[str] = []

    def forward(self) -> bool:
        answer = self._answers.pop(0)
        if isinstance(answer, PeerUnavailable):
            raise answer
        return answer

    def not_forwarded(self, reason: str) -> None:
        self.reasons.append(reason)

    def close(self) -> None: ...

    def abort(self) -> None: ...


@pytest.mark.parametrize(("went_on", "seconds"), [(True, 0), (False, POLL_SECONDS)])
def test_what_is_there_is_forwarded_at_once(went_on: bool, seconds: float) -> None:
    assert Follower(AFeed(went_on), back_off=EVEN).step(threading.Event()) == seconds


def test_who_does_not_take_it_is_asked_ever_later_until_he_does() -> None:
    feed = AFeed(AWAY, AWAY, AWAY, True, AWAY)
    follower = Follower(feed, back_off=EVEN)
    waits, states = [], []
    for _ in range(5):
        waits.append(follower.step(threading.Event()))
        states.append(follower.is_waiting)
    assert waits == [2, 4, 5, 0, 2]
    assert states == [True, True, True, False, True]
    assert feed.reasons == ["nobody answers"] * 4
