"""The web application around an archive, for tests: settings, a client, a worker that answers."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from fastapi.testclient import TestClient
from pydicom import FileDataset
from pydicom.uid import UID

from api.app import create_app
from api.auth.accounts import add_token
from api.auth.principal import LOOPBACK_COOKIE
from api.auth.secrets import digest, new_secret
from archive.account_records import Role, Scope
from archive.database import Archive
from archive.files import sha256_of
from archive.records import (
    ClaimedPrediction,
    ClaimedStudy,
    InstanceKey,
    Outcome,
    Prediction,
    ProcessKind,
    SeriesUid,
    SopInstanceUid,
    StudyAttributes,
    StudyUid,
)
from config.settings import Settings, load_settings
from tests.builders.arrivals import A_MODEL, a_report, an_arrival, an_outcome
from tests.builders.grey_scales import a_radiograph, encoded
from tests.builders.people import a_new_user

PNG_BYTES = b"\x89PNG\r\n\x1a\n" + b"rest of a picture"
JPEG_BYTES = b"\xff\xd8\xff\xe0" + b"rest of a picture"
DICOM_BYTES = b"\0" * 128 + b"DICM" + b"rest of an object"


def web_settings(**sections: Any) -> Settings:
    """The default settings with single keys of sections, or whole lists, replaced."""
    values = load_settings().model_dump()
    for section, changes in sections.items():
        values[section] = changes if isinstance(changes, list) else values[section] | changes
    return Settings.model_validate(values)


def a_stranger(archive: Archive, settings: Settings | None = None) -> TestClient:
    """A browser in which nobody is signed in; sees 500s as responses."""
    app = create_app(settings or web_settings(), archive)
    client = TestClient(app, raise_server_exceptions=False, follow_redirects=False)
    client.headers["origin"] = "http://testserver"
    return client


def a_client(
    archive: Archive,
    settings: Settings | None = None,
    *,
    login: str = "ann",
    roles: Iterable[Role] = Role,
) -> TestClient:
    """A browser in which a person of these roles is signed in."""
    client = a_stranger(archive, settings)
    client.cookies[LOOPBACK_COOKIE] = session_of(archive, login, roles)
    return client


def session_of(archive: Archive, login: str, roles: Iterable[Role] = Role) -> str:
    """The secret of a new session of an account, which is made where there is none."""
    known = archive.repository.user_with_password(login)
    user = known[0] if known else archive.repository.add_user(a_new_user(login, *roles))
    secret = new_secret()
    archive.repository.open_session(user.user_id, digest(secret))
    return secret


def token_of(archive: Archive, *scopes: Scope) -> str:
    """The text of a new token."""
    return add_token(
        archive,
        name="test",
        scopes=frozenset(scopes),
        created_by="ann",
        life=timedelta(days=1),
    ).text


def report_study(
    archive: Archive, study: int = 1, *, outcome: Outcome | None = None, destination: str = "pacs"
) -> None:
    """Bring a study of one image as far as its report, with one delivery."""
    archive.repository.record_instance(an_arrival(study, 1))
    claim = claim_study(archive)
    archive.repository.finish_study(
        claim, outcome or an_outcome(study, 900), destinations=[destination]
    )


def store_radiograph(archive: Archive, ds: FileDataset, **attributes: str) -> InstanceKey:
    """Put an object into the archive as the node does; its study is still open then."""
    content = encoded(ds)
    key = InstanceKey(
        study_uid=StudyUid(ds.StudyInstanceUID),
        series_uid=SeriesUid(ds.SeriesInstanceUID),
        sop_instance_uid=SopInstanceUid(ds.SOPInstanceUID),
    )
    temporary = archive.files.new_temporary_file()
    temporary.write_bytes(content)
    digest_of_file = sha256_of(content)
    file_key = archive.files.keep_received(temporary, key, file_sha256=digest_of_file)
    shown = {"patient_name": str(ds.PatientName), "patient_id": str(ds.PatientID)} | attributes
    archive.repository.record_instance(
        replace(
            an_arrival(),
            key=key,
            sop_class_uid=ds.SOPClassUID,
            transfer_syntax_uid=ds.file_meta.TransferSyntaxUID,
            file_key=file_key,
            file_sha256=digest_of_file,
            byte_count=len(content),
            attributes=StudyAttributes(**shown),
        )
    )
    return key


def report_radiograph(
    archive: Archive, ds: FileDataset, *, probability: float = 0.9, **attributes: str
) -> InstanceKey:
    """Put an object into the archive and analyse its study."""
    key = store_radiograph(archive, ds, **attributes)
    claim = claim_study(archive)
    finding = replace(
        an_outcome(probability=probability).findings[0], sop_instance_uid=key.sop_instance_uid
    )
    # A report's UID of its own, below the 64 characters of a UID.
    uid = SopInstanceUid(f"1.2.3.{int(sha256_of(key.study_uid.encode())[:12], 16)}")
    report_key = replace(key, sop_instance_uid=uid, series_uid=SeriesUid(f"{uid}.1"))
    content = encoded(_an_object_under(report_key))
    report = replace(
        a_report(),
        key=report_key,
        file_key=archive.files.write_report(report_key, content),
        file_sha256=sha256_of(content),
        byte_count=len(content),
    )
    outcome = replace(an_outcome(), findings=(finding,), reports=(report,))
    archive.repository.finish_study(claim, outcome, destinations=["pacs"])
    return key


def _an_object_under(key: InstanceKey) -> FileDataset:
    """An object that stands for a report; what it says does not matter here."""
    ds = a_radiograph(study_uid=key.study_uid, sop_instance_uid=key.sop_instance_uid)
    ds.SeriesInstanceUID = UID(key.series_uid)
    return ds


def claim_study(archive: Archive) -> ClaimedStudy:
    """Complete and claim the one study that is open."""
    archive.repository.queue_complete_studies(quiet_period_seconds=0, cap_seconds=600)
    [claim] = archive.repository.claim_studies(
        "worker", limit=1, lease_seconds=60, maximum_attempts=3
    )
    return claim


def beat_all(archive: Archive) -> None:
    """Let every part of the process group have just said that it works."""
    for kind in ProcessKind:
        archive.repository.beat(kind, "test")


@contextmanager
def beating(archive: Archive) -> Iterator[None]:
    """Every part of the process group beats as long as the block runs."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(1):
            beat_all(archive)

    beat_all(archive)
    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


A_PREDICTION = Prediction(
    label="PNEUMONIA",
    probability=0.87,
    decision_threshold=0.5,
    model=A_MODEL,
    warnings=("not DICOM",),
)


@contextmanager
def answering_worker(
    archive: Archive, answer: Callable[[ClaimedPrediction], Prediction]
) -> Iterator[list[ClaimedPrediction]]:
    """A thread that answers questions of `/predict`; gives the list of those it was asked."""
    stop = threading.Event()
    asked: list[ClaimedPrediction] = []

    def work() -> None:
        while not stop.wait(0.005):
            claims = archive.repository.claim_predictions("worker", limit=8, lease_seconds=30)
            for claim in claims:
                asked.append(claim)
                archive.repository.finish_prediction(claim, answer(claim))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield asked
    finally:
        stop.set()
        thread.join()
