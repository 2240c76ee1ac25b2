"""Results as ORU^R01 at a real MLLP receiver: taken, refused, or not answered."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hl7apy.core import Message
from hl7apy.mllp import AbstractHandler, MLLPServer
from hl7apy.parser import parse_message

from archive.database import Archive
from archive.records import DeliveryState, ReportKind
from config.destinations import Hl7v2Destination
from inference.report.decisions import ReviewDecision
from tests.builders.radiographs import radiograph
from tests.builders.reports import a_decision, a_review, an_ai_result
from tests.builders.reports_to_send import a_study_with_object
from tests.integration.dicom_node.test_delivering import deliveries, running_sender, wait_for
from tests.processes import free_port

SPEAKING_OF_THE_PATIENT = "who is Núñez^Zoë?"


class Ris:
    """What a receiver answers, and what it got."""

    def __init__(self, *codes: str) -> None:
        self.codes = list(codes)
        self.got: list[str] = []

    def answer(self, text: str) -> str:
        self.got.append(text)
        code = self.codes.pop(0) if self.codes else "AA"
        if code == "silence":
            raise ConnectionError
        asked = parse_message(text)
        reply = Message("ACK", version="2.5.1")
        reply.msh.msh_9 = "ACK^R01^ACK"
        reply.msh.msh_10 = "1"
        reply.msa.msa_1 = code
        reply.msa.msa_2 = asked.msh.msh_10.value
        if code != "AA":
            reply.msa.msa_3 = SPEAKING_OF_THE_PATIENT
            reply.add_segment("ERR")
            reply.err.err_3 = "204^unknown key identifier^HL70357"
            reply.err.err_4 = "E"
        return str(reply.to_mllp())


class Handler(AbstractHandler):  # type: ignore[misc]  # the library has no types
    def __init__(self, message: str, ris: Ris) -> None:
        super().__init__(message)
        self._ris = ris

    def reply(self) -> str:
        return self._ris.answer(self.incoming_message)


@contextlib.contextmanager
def listening(ris: Ris, port: int) -> Iterator[None]:
    handlers: dict[str, Any] = {"ORU^R01^ORU_R01": (Handler, ris)}
    server = MLLPServer("127.0.0.1", port, handlers, timeout=5)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def there(port: int, **changes: object) -> Hl7v2Destination:
    values = {"name": "ris", "host": "127.0.0.1", "port": port, **changes}
    return Hl7v2Destination.model_validate(values)


def test_a_result_is_delivered_once_the_receiver_accepts_it(archive: Archive) -> None:
    ris, port = Ris(), free_port()
    a_study_with_object(
        archive,
        an_ai_result(radiograph()),
        kind=ReportKind.AI_RESULT,
        destinations=["ris"],
    )
    with listening(ris, port), running_sender(archive, there(port)):
        wait_for(archive, DeliveryState.DELIVERED, name="ris")
    (text,) = ris.got
    message = parse_message(text)
    assert message.validate()
    assert message.msh.msh_18.value == "UNICODE UTF-8"
    assert "PID|1||HILUM-7^^^^PI||Núñez^Zoë^^^^^L^A||" in text
    assert "|NM|122157^Probability^DCM|1|87.0|%^Percent^UCUM|||||P" in text


@pytest.mark.parametrize("code", ["AE", "AR"])
def test_what_the_receiver_refuses_is_given_up_with_its_reason_and_no_patient(
    archive: Archive, code: str
) -> None:
    ris, port = Ris(code), free_port()
    result = an_ai_result(radiograph())
    a_study_with_object(archive, result, kind=ReportKind.AI_RESULT, destinations=["ris"])
    with listening(ris, port), running_sender(archive, there(port)):
        wait_for(archive, DeliveryState.GAVE_UP, name="ris")
    (delivery,) = deliveries(archive, "ris")
    assert delivery.reason == f"acknowledged with {code} unknown key identifier"
    assert len(ris.got) == 1


def test_without_an_answer_the_same_message_is_sent_again(archive: Archive) -> None:
    ris, port = Ris("silence", "silence"), free_port()
    result = a_review(an_ai_result(radiograph()), a_decision(ReviewDecision.REJECTED))
    a_study_with_object(archive, result, kind=ReportKind.REVIEW, destinations=["ris"])
    with running_sender(archive, there(port)), listening(ris, port):
        wait_for(archive, DeliveryState.DELIVERED, name="ris")
    assert len(ris.got) == 3
    assert len(set(ris.got)) == 1


def test_what_the_receivers_characters_cannot_write_is_given_up(archive: Archive) -> None:
    ris, port = Ris(), free_port()
    result = an_ai_result(radiograph())
    a_study_with_object(archive, result, kind=ReportKind.AI_RESULT, destinations=["ris"])
    with listening(ris, port), running_sender(archive, there(port, character_set="ASCII")):
        wait_for(archive, DeliveryState.GAVE_UP, name="ris")
    assert ris.got == []
    (delivery,) = deliveries(archive, "ris")
    assert "character set ASCII" in delivery.reason
