from types import SimpleNamespace
from typing import Any, cast

import pytest
from pynetdicom.events import Event

from archive.database import Archive
from dicom_node.access import GuestList
from dicom_node.call_log import CallLog
from dicom_node.completeness import OpenStudies
from dicom_node.handlers import Reception, handle_requested
from dicom_node.rejections import Rejections
from dicom_node.traffic import Traffic


class Acse:
    """Notes how an association was rejected."""

    def __init__(self) -> None:
        self.rejections: list[tuple[int, int, int]] = []

    def send_reject(self, result: int, source: int, reason: int) -> None:
        self.rejections.append((result, source, reason))


def request(address: str = "10.0.0.5", called: str = "HILUM") -> Any:
    primitive = SimpleNamespace(
        calling_ae_title="CT1", called_ae_title=called, presentation_context_definition_list=[]
    )
    return SimpleNamespace(
        requestor=SimpleNamespace(primitive=primitive, address=address),
        acceptor=SimpleNamespace(ae_title="", supported_contexts=[]),
        acse=Acse(),
        kill=lambda: None,
    )


@pytest.fixture
def reception(archive: Archive) -> Reception:
    return Reception(
        archive=archive,
        guests=GuestList(ae_titles=("HILUM",), peers=(), accept_unknown_peers=True),
        open_studies=OpenStudies(),
        traffic=Traffic(),
        rejections=Rejections(),
        calls=CallLog(is_tls=False, keep=100),
        maximum_associations=1,
    )


def ask(association: Any, reception: Reception) -> list[tuple[int, int, int]]:
    handle_requested(cast(Event, SimpleNamespace(assoc=association)), reception)
    rejections: list[tuple[int, int, int]] = association.acse.rejections
    return rejections


def test_a_welcome_association_is_counted(reception: Reception) -> None:
    assert ask(request(), reception) == []
    assert reception.traffic.count == 1


def test_one_beyond_the_limit_is_rejected_for_now(reception: Reception) -> None:
    first = request()
    ask(first, reception)
    assert ask(request(), reception) == [(2, 3, 2)]


def test_a_stopping_node_rejects_for_now(reception: Reception) -> None:
    reception.traffic.stop()
    assert ask(request(), reception) == [(2, 1, 1)]
    reception.rejections.write_down(reception.archive.repository)
    assert reception.archive.repository.rejection_counts() == {"stopping": 1}


def test_a_request_that_cannot_be_judged_is_rejected_not_accepted(archive: Archive) -> None:
    class Broken(GuestList):
        def judge(self, *, calling_ae: str, called_ae: str, address: str) -> None:  # noqa: ARG002
            raise RuntimeError("a defect")

    reception = Reception(
        archive=archive,
        guests=Broken(ae_titles=("HILUM",), peers=(), accept_unknown_peers=True),
        open_studies=OpenStudies(),
        traffic=Traffic(),
        rejections=Rejections(),
        calls=CallLog(is_tls=False, keep=100),
        maximum_associations=1,
    )
    assert ask(request(), reception) == [(2, 1, 1)]
    assert reception.traffic.count == 0
