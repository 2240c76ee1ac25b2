"""Webhooks at a real HTTP server: signed, repeated, and silent about patients."""

import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydicom.dataset import Dataset

from archive.database import Archive
from archive.records import DeliveryState, ReportKind, StudyState
from config.destinations import WebhookDestination
from dicom_node.links import try_destination
from tests.builders.radiographs import radiograph
from tests.builders.reports import a_refusal, a_review, an_ai_result
from tests.builders.reports_to_send import a_study_with_object
from tests.integration.dicom_node.test_delivering import (
    deliveries,
    running_sender,
    sender_settings,
    wait_for,
)
from tests.processes import wait_until
from tests.web_server import listening

SECRET = b"0123456789abcdef0123456789abcdef"


class Got(NamedTuple):
    """One request."""

    headers: dict[str, str]
    body: bytes


class Listener:
    """What an address answers, and what it got."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[Got] = []

    def answer(self, got: Got) -> int:
        self.got.append(got)
        return self.statuses.pop(0) if self.statuses else 204


@contextlib.contextmanager
def serving(listener: Listener) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(listener.answer(Got(dict(self.headers), body)))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with listening(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"http://127.0.0.1:{port}/hook"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "webhook_secret"
    file.write_bytes(SECRET + b"\n")
    return file


def is_signed(got: Got) -> bool:
    """As a receiver checks it, written down from the documentation."""
    signed = got.headers["Hilum-Timestamp"].encode() + b"." + got.body
    expected = "sha256=" + hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, got.headers["Hilum-Signature"])


def made(archive: Archive, ds: Dataset, kind: ReportKind = ReportKind.AI_RESULT) -> None:
    a_study_with_object(archive, ds, kind=kind, destinations=["hook"])


@pytest.mark.parametrize(
    ("ds", "event"),
    [
        pytest.param(an_ai_result(radiograph()), "result.ready", id="ready"),
        pytest.param(a_refusal(radiograph()), "study.not_analysed", id="not analysed"),
        pytest.param(a_refusal(radiograph(), state=StudyState.FAILED), "study.failed", id="failed"),
        pytest.param(a_review(an_ai_result(radiograph())), "study.reviewed", id="reviewed"),
    ],
)
def test_what_happened_is_told_signed_and_without_the_patient(
    archive: Archive, secret_file: Path, ds: Dataset, event: str
) -> None:
    listener = Listener()
    made(archive, ds, ReportKind.REVIEW if event == "study.reviewed" else ReportKind.AI_RESULT)
    with serving(listener) as url:
        hook = WebhookDestination(name="hook", url=url, secret_file=secret_file)
        with running_sender(archive, hook):
            wait_for(archive, DeliveryState.DELIVERED, name="hook")
    (got,) = listener.got
    assert is_signed(got)
    said = json.loads(got.body)
    assert said["event"] == event
    assert said["study_uid_sha256"] == hashlib.sha256(ds.StudyInstanceUID.encode()).hexdigest()
    for secret in (*_of_patient(ds), str(ds.StudyInstanceUID), str(ds.SOPInstanceUID)):
        assert secret.encode() not in got.body


def _of_patient(ds: Dataset) -> list[str]:
    keywords = ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyDate")
    return [str(ds[keyword].value) for keyword in keywords]


def test_a_busy_address_gets_the_same_body_again_and_a_gone_one_does_not(
    archive: Archive, secret_file: Path
) -> None:
    busy, gone = Listener(503, 500, 429), Listener(410)
    made(archive, an_ai_result(radiograph()))
    with serving(busy) as url:
        hook = WebhookDestination(name="hook", url=url, secret_file=secret_file)
        with running_sender(archive, hook):
            wait_for(archive, DeliveryState.DELIVERED, name="hook")
    assert len(busy.got) == 4
    assert {one.body for one in busy.got} == {busy.got[0].body}
    assert all(is_signed(one) for one in busy.got)
    archive.repository.replay_deliveries([one.delivery_id for one in deliveries(archive, "hook")])
    with serving(gone) as url:
        hook = WebhookDestination(name="hook", url=url, secret_file=secret_file)
        with running_sender(archive, hook):
            wait_for(archive, DeliveryState.GAVE_UP, name="hook")
    assert deliveries(archive, "hook")[0].reason == "HTTP 410 Gone"


def test_nothing_leaves_unsigned(archive: Archive, secret_file: Path) -> None:
    listener = Listener()
    secret_file.write_bytes(b"short")
    made(archive, an_ai_result(radiograph()))
    with serving(listener) as url:
        hook = WebhookDestination(name="hook", url=url, secret_file=secret_file)
        with running_sender(archive, hook):
            wait_for(archive, DeliveryState.READY, name="hook")
            assert listener.got == []
            secret_file.write_bytes(SECRET)
            wait_for(archive, DeliveryState.DELIVERED, name="hook")
        assert try_destination(hook, sender_settings(hook)) > 0
    assert is_signed(listener.got[-1])
    assert json.loads(listener.got[-1].body) == {"event": "ping"}


def given_up(archive: Archive) -> int:
    """Let the one delivery to a destination of no use be given up; return its number."""
    [claim] = archive.repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60)
    archive.repository.give_up_delivery(claim, dicom_status=0xA900, reason="refused")
    return claim.delivery_id


def test_a_webhook_that_asks_for_it_is_told_of_what_others_gave_up(
    archive: Archive, secret_file: Path
) -> None:
    ds, listener = an_ai_result(radiograph()), Listener(503)
    a_study_with_object(archive, ds, destinations=["pacs"])
    number = given_up(archive)  # before anybody asked
    with serving(listener) as url:
        hook = WebhookDestination(name="hook", url=url, secret_file=secret_file, gave_up=True)
        archive.repository.begin_telling_give_ups("hook")
        archive.repository.replay_deliveries([number])
        given_up(archive)
        with running_sender(archive, hook):
            wait_until(
                lambda: archive.repository.next_give_up("hook") is None,
                within_seconds=60,
                what="the webhook told",
            )
    busy, told = listener.got
    assert busy.body == told.body
    assert is_signed(told)
    said = json.loads(told.body)
    assert (said["event"], said["destination"]) == ("delivery.gave_up", "pacs")
    assert said["document_uid_sha256"] == hashlib.sha256(ds.SOPInstanceUID.encode()).hexdigest()
    for secret in (*_of_patient(ds), str(ds.StudyInstanceUID)):
        assert secret.encode() not in told.body


def test_who_does_not_ask_is_not_told_and_nobody_of_his_own(
    any_archive: Archive, secret_file: Path
) -> None:
    a_study_with_object(any_archive, an_ai_result(radiograph()), destinations=["pacs"])
    any_archive.repository.begin_telling_give_ups("pacs")
    any_archive.repository.begin_telling_give_ups("hook")
    given_up(any_archive)
    assert any_archive.repository.next_give_up("pacs") is None
    assert any_archive.repository.next_give_up("nobody") is None
    told = any_archive.repository.next_give_up("hook")
    assert told is not None
    any_archive.repository.give_up_told("hook", told.give_up_id)
    assert any_archive.repository.next_give_up("hook") is None
