import base64
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from archive.account_records import AuditAction, AuditEntry
from dicom_node.audit_kinds import KINDS
from dicom_node.audit_message import AuditSource, audit_message
from dicom_node.syslog import Severity, SyslogMessage, framed
from tests.builders.audit import a_line, a_source

TYPE_OF_OUR_WORD = -1


def message_of(action: str, **entry: Any) -> ElementTree.Element:
    names_patients = entry.pop("names_patients", True)
    written = audit_message(a_line(action, **entry), a_source(names_patients=names_patients))
    return ElementTree.fromstring(written)  # noqa: S314  # our own


def codes(message: ElementTree.Element, path: str) -> list[str]:
    return [one.attrib["csd-code"] for one in message.findall(path)]


def test_every_word_of_the_audit_trail_is_an_event_of_the_standard() -> None:
    assert KINDS.keys() == set(AuditAction)


@pytest.mark.parametrize(
    ("action", "event", "event_type"),
    [
        ("STARTED", "110100", "110120"),
        ("SIGN_IN", "110114", "110122"),
        ("SIGN_OUT", "110114", "110123"),
        ("USER_ADDED", "110113", "110137"),
        ("PAUSE", "110113", "110128"),
    ],
)
def test_events_have_the_codes_of_ps3_15(action: str, event: str, event_type: str) -> None:
    message = message_of(action)
    assert codes(message, "EventIdentification/EventID") == [event]
    assert codes(message, "EventIdentification/EventTypeCode") == [event_type, action]


@pytest.mark.parametrize(
    ("action", "event", "action_code"),
    [
        ("IMAGE_SHOWN", "110103", "R"),
        ("REVIEW", "110103", "C"),
        ("OBJECT_READ", "110104", "R"),
        ("STUDY_DELETED", "110105", "D"),
        ("OBJECT_STORED", "110104", "C"),
        ("STUDIES_SEARCHED", "110112", "E"),
        ("EXPORT", "110106", "R"),
        ("AUDIT_READ", "110101", "R"),
        ("DEFER", "110111", "U"),
        ("A_WORD_OF_A_LATER_VERSION", "110113", "E"),
    ],
)
def test_events_say_what_was_done(action: str, event: str, action_code: str) -> None:
    message = message_of(action)
    assert codes(message, "EventIdentification/EventID") == [event]
    assert codes(message, "EventIdentification/EventTypeCode")[TYPE_OF_OUR_WORD] == action
    identification = message.find("EventIdentification")
    assert identification is not None
    assert identification.attrib["EventActionCode"] == action_code


def test_an_export_of_the_trail_itself_is_use_of_the_audit_log() -> None:
    message = message_of("EXPORT", details={"form": "audit"})
    assert codes(message, "EventIdentification/EventID") == ["110101"]


def test_who_from_where_and_with_what_outcome() -> None:
    message = message_of("SIGN_IN", actor="ito", address="10.0.0.9", outcome="refused")
    user, ours = message.findall("ActiveParticipant")
    assert user.attrib == {
        "UserID": "ito",
        "UserIsRequestor": "true",
        "NetworkAccessPointID": "10.0.0.9",
        "NetworkAccessPointTypeCode": "2",
    }
    assert (ours.attrib["UserID"], ours.attrib["NetworkAccessPointTypeCode"]) == ("HILUM", "1")
    identification = message.find("EventIdentification")
    assert identification is not None
    assert identification.attrib["EventOutcomeIndicator"] == "4"
    assert message.findtext("EventIdentification/EventOutcomeDescription") == "refused"


@pytest.mark.parametrize("names_patients", [True, False])
def test_a_study_is_named_and_its_patient_where_the_site_wants_it(names_patients: bool) -> None:
    message = message_of(
        "STUDY_OPENED", study_uid="1.2.3", patient_id="P<1>", names_patients=names_patients
    )
    found = {
        one.attrib["ParticipantObjectID"]: codes(one, "ParticipantObjectIDTypeCode")
        for one in message.findall("ParticipantObjectIdentification")
    }
    assert found == {"1.2.3": ["110180"]} | ({"P<1>": ["2"]} if names_patients else {})


RECEIVED = {"sender": "CT1", "receiver": "HILUM2", "instances": {"1.2": 3, "1.1": 1}, "new": 2}
SENT = {"receiver": "PACS", "host": "10.0.0.2", "kind": "dimse", "instances": {"1.2": 1}}


def participants(message: ElementTree.Element) -> list[tuple[str, ...]]:
    """User, other name, whether it began, role, and where, of each."""
    return [
        (
            one.attrib["UserID"],
            one.attrib.get("AlternativeUserID", ""),
            one.attrib["UserIsRequestor"],
            *codes(one, "RoleIDCode"),
            one.attrib["NetworkAccessPointID"],
        )
        for one in message.findall("ActiveParticipant")
    ]


def test_what_a_peer_sent_names_both_ends_and_counts_the_instances() -> None:
    message = message_of("STUDY_RECEIVED", study_uid="1.9", address="10.0.0.7", details=RECEIVED)
    assert codes(message, "EventIdentification/EventID") == ["110104"]
    assert participants(message) == [
        ("CT1", "AETITLES=CT1", "true", "110153", "10.0.0.7"),
        ("HILUM", "AETITLES=HILUM2", "false", "110152", "hilum.hospital.example"),
    ]
    [study] = message.findall("ParticipantObjectIdentification")
    classes = study.findall("ParticipantObjectDescription/SOPClass")
    assert [one.attrib for one in classes] == [
        {"UID": "1.1", "NumberOfInstances": "1"},
        {"UID": "1.2", "NumberOfInstances": "3"},
    ]


@pytest.mark.parametrize(("new", "action_code"), [(2, "C"), (0, "R")])
def test_what_was_here_before_is_not_created_again(new: int, action_code: str) -> None:
    message = message_of("STUDY_RECEIVED", study_uid="1.9", details=RECEIVED | {"new": new})
    identification = message.find("EventIdentification")
    assert identification is not None
    assert identification.attrib["EventActionCode"] == action_code


def test_what_a_pacs_took_was_begun_by_us() -> None:
    message = message_of("REPORT_SENT", actor="sender", study_uid="1.9", details=SENT)
    assert codes(message, "EventIdentification/EventID") == ["110104"]
    assert participants(message) == [
        ("HILUM", "AETITLES=HILUM", "true", "110153", "hilum.hospital.example"),
        ("PACS", "AETITLES=PACS", "false", "110152", "10.0.0.2"),
    ]


def test_what_a_receiver_of_other_messages_took_is_an_export() -> None:
    message = message_of("REPORT_SENT", study_uid="1.9", details=SENT | {"kind": "hl7v2"})
    assert codes(message, "EventIdentification/EventID") == ["110106"]
    assert codes(message, "ActiveParticipant/RoleIDCode") == ["110153", "110154"]
    assert codes(message, "ActiveParticipant/MediaIdentifier/MediaType") == ["110037"]


def test_details_are_kept() -> None:
    message = message_of("TOKEN_ADDED", actor="ann", details={"token_id": "t1", "count": 2})
    (account,) = message.findall("ParticipantObjectIdentification")
    assert account.attrib["ParticipantObjectID"] == "ann"
    details = {
        one.attrib["type"]: base64.b64decode(one.attrib["value"]).decode()
        for one in account.findall("ParticipantObjectDetail")
    }
    assert details == {"token_id": "t1", "count": "2"}


def test_a_message_is_framed_as_rfc_5424_says() -> None:
    message = SyslogMessage(
        number=7,
        at=datetime(2026, 3, 14, 15, 9, 26, 535897, tzinfo=UTC),
        severity=Severity.NOTICE,
        content="<a>ü</a>".encode(),
    )
    expected = (
        "<85>1 2026-03-14T15:09:26.535897Z host.example hilum - DICOM+RFC3881 "
        '[meta sequenceId="7"] \ufeff<a>ü</a>'
    )
    assert framed(message, "host.example").decode() == expected
    assert b" - hilum " in framed(message, "ü \n")


def test_an_entry_of_nobody_has_a_participant_all_the_same() -> None:
    line = a_line("SIGN_IN", actor="")
    assert isinstance(line.event.entry, AuditEntry)
    source = AuditSource(ae_title="HILUM", host="h", enterprise_site="", names_patients=True)
    assert b'UserID="unknown"' in audit_message(line, source)
