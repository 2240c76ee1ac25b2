"""Every kind of object that we make, sent as the sender does, comes back from Orthanc as it was.

One Orthanc for all of them: it stores what it takes, and the tests only read.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
from pydicom.dataset import Dataset

from archive.records import Presence, Refusal, StudyState
from dicom_node.sender import Peer, StoreLink
from inference.report.decisions import ReviewDecision, Withdrawal
from inference.report.document import encode
from inference.report.evidence import reference_to
from inference.report.regions import outline, segmentation
from inference.report.rejection_note import rejection_note
from tests.builders.radiographs import radiograph
from tests.builders.reports import (
    MADE_AT,
    a_decision,
    a_heat_map,
    a_refusal,
    a_review,
    an_ai_result,
    an_author,
)
from tests.builders.reports_to_send import a_consignment
from tests.builders.studies import as_dataset
from tests.orthanc import Orthanc

TIMEOUT_SECONDS = 30.0
STORED = 0x0000
INPUTS = ("CR", "DX", "SC")
HEAT = np.eye(7, dtype=np.float32)


def _results(kind: str, source: Dataset) -> dict[str, Dataset]:
    drawn = a_heat_map(source)
    first = reference_to(an_ai_result(source))
    return {
        "positive": an_ai_result(source, heat_map=drawn),
        "negative": an_ai_result(radiograph(kind), Presence.ABSENT),
        "undetermined": an_ai_result(radiograph(kind), Presence.UNDETERMINED),
        "not analysed": a_refusal(source, Refusal.NOT_FRONTAL),
        "failed": a_refusal(source, Refusal.PROCESSING_FAILED, state=StudyState.FAILED),
        "superseding": an_ai_result(source, author=an_author(version="2.0.0"), predecessor=first),
        "heat map": drawn,
        "segmentation": segmentation(source, HEAT, an_author(), made_at=MADE_AT),
        "presentation state": outline(source, HEAT, an_author(), made_at=MADE_AT),
    }


def _reviews(source: Dataset) -> dict[str, Dataset]:
    ai_result = an_ai_result(source)
    corrected = a_decision(ReviewDecision.CORRECTED, Presence.UNDETERMINED, review_id="3")
    return {
        "accepted": a_review(ai_result, a_decision(review_id="1")),
        "rejected": a_review(ai_result, a_decision(ReviewDecision.REJECTED, review_id="2")),
        "corrected": a_review(ai_result, corrected),
        "rejection note": rejection_note(
            [ai_result], Withdrawal.FAULTY_RUN, review_id="2", made_at=MADE_AT
        ),
    }


def _objects() -> dict[str, Dataset]:
    made = {}
    for kind in INPUTS:
        source = radiograph(kind)
        for name, ds in (_results(kind, source) | _reviews(source)).items():
            made[f"{kind} {name}"] = ds
    return made


OBJECTS = _objects()


class Archived(NamedTuple):
    """A running Orthanc and what it answered to each object."""

    orthanc: Orthanc
    statuses: dict[str, int | None]


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archived]:
    with Orthanc.running(tmp_path_factory.mktemp("orthanc")) as orthanc:
        peer = Peer(ae_title=orthanc.ae_title, host=orthanc.host, port=orthanc.port)
        link = StoreLink(peer, calling_ae_title="HILUM", timeout_seconds=TIMEOUT_SECONDS)
        statuses = {
            name: link.send(a_consignment(encode(ds))).dicom_status for name, ds in OBJECTS.items()
        }
        link.close()
        yield Archived(orthanc, statuses)


@pytest.mark.peer("orthanc")
@pytest.mark.parametrize("name", OBJECTS)
def test_orthanc_keeps_it_as_it_was_sent(archived: Archived, name: str) -> None:
    assert archived.statuses[name] == STORED
    sent = as_dataset(encode(OBJECTS[name]))
    kept = as_dataset(archived.orthanc.file_of(str(sent.SOPInstanceUID)))
    assert kept == sent
    assert kept.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID


@pytest.mark.peer("orthanc")
def test_sending_it_all_again_doubles_nothing(archived: Archived) -> None:
    orthanc = archived.orthanc
    before = orthanc.get("/statistics")["CountInstances"]
    assert before == len(OBJECTS)
    peer = Peer(ae_title=orthanc.ae_title, host=orthanc.host, port=orthanc.port)
    link = StoreLink(peer, calling_ae_title="HILUM", timeout_seconds=TIMEOUT_SECONDS)
    assert {link.send(a_consignment(encode(ds))).dicom_status for ds in OBJECTS.values()} == {
        STORED
    }
    link.close()
    assert orthanc.get("/statistics")["CountInstances"] == before


def test_no_two_of_them_share_a_uid() -> None:
    assert len({str(ds.SOPInstanceUID) for ds in OBJECTS.values()}) == len(OBJECTS)
