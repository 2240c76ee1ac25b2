"""Liveness touches nothing; readiness names what is missing."""

from dataclasses import replace

import pytest

from archive.database import Archive
from archive.errors import ArchiveUnavailable
from archive.records import ProcessKind
from tests.builders.arrivals import an_arrival
from tests.web import a_client, beat_all, report_study, web_settings


def test_live_answers_without_touching_the_archive(archive: Archive) -> None:
    archive.repository.dispose()
    response = a_client(archive).get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


def test_ready_is_200_when_every_part_beat_just_now(archive: Archive) -> None:
    beat_all(archive)
    response = a_client(archive).get("/health/ready")
    assert response.status_code == 200
    body = response.json()
    assert body["status"] == "ready"
    assert body["missing"] == []
    assert set(body["checks"]) == {"database", "disk", "node", "worker", "sender", "api"}


@pytest.mark.parametrize("absent", list(ProcessKind))
def test_ready_names_the_part_that_never_ran(archive: Archive, absent: ProcessKind) -> None:
    for kind in set(ProcessKind) - {absent}:
        archive.repository.beat(kind, "test")
    response = a_client(archive).get("/health/ready")
    assert response.status_code == 503
    assert response.json()["missing"] == [absent.value]


def test_ready_names_a_part_that_fell_silent(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat_all(archive)
    beats = [
        beat if beat.kind is not ProcessKind.WORKER else replace(beat, age_seconds=10.5)
        for beat in archive.repository.beats()
    ]
    monkeypatch.setattr(archive.repository, "beats", lambda: tuple(beats))
    body = a_client(archive).get("/health/ready").json()
    assert body["missing"] == ["worker"]
    assert "last seen" in body["checks"]["worker"]["detail"]


def test_ready_names_the_disk_when_there_is_too_little_room(archive: Archive) -> None:
    beat_all(archive)
    settings = web_settings(node={"minimum_free_bytes": 1 << 60})
    response = a_client(archive, settings).get("/health/ready")
    assert response.status_code == 503
    assert response.json()["missing"] == ["disk"]


def test_ready_names_the_database_when_it_does_not_answer(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ArchiveUnavailable("database: locked")

    monkeypatch.setattr(archive.repository, "beats", refuse)
    monkeypatch.setattr(archive.repository, "queue_depths", refuse)
    response = a_client(archive).get("/health/ready")
    assert response.status_code == 503
    assert "database" in response.json()["missing"]


def test_ready_says_how_long_the_oldest_job_waits(archive: Archive) -> None:
    assert a_client(archive).get("/health/ready").json()["oldest_job_age_seconds"] == 0
    archive.repository.record_instance(an_arrival())
    assert a_client(archive).get("/health/ready").json()["oldest_job_age_seconds"] > 0


def test_metrics_show_queues_states_deliveries_and_beats(archive: Archive) -> None:
    report_study(archive)
    beat_all(archive)
    text = a_client(archive).get("/metrics").text
    for line in (
        "hilum_archive_up 1.0",
        'hilum_queue_depth{stage="ready"} 1.0',
        'hilum_worklist_unread{band="POSITIVE"} 1.0',
        'hilum_worklist_longest_wait_seconds{band="OVERDUE"} 0.0',
        'hilum_worklist_mean_wait_seconds{band="OVERDUE"} 0.0',
        'hilum_studies{state="REPORTED"} 1.0',
        'hilum_studies{state="FAILED"} 0.0',
        'hilum_deliveries{destination="pacs",state="READY"} 1.0',
        'hilum_process_beat_age_seconds{kind="worker",process="test"}',
    ):
        assert line in text


def test_metrics_hold_no_patient_data_and_no_uid(archive: Archive) -> None:
    report_study(archive)
    client = a_client(archive)
    assert client.get("/api/v1/studies/1.2.3.1").status_code == 200
    assert client.get("/1.2.3.1/Doe").status_code == 404
    text = client.get("/metrics").text
    assert "/api/v1/studies/{study_uid}" in text
    for secret in ("Doe", "P1", "1.2.3.1"):
        assert secret not in text


def test_metrics_say_that_the_archive_is_down(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ArchiveUnavailable("database: locked")

    monkeypatch.setattr(archive.repository, "queue_depths", refuse)
    response = a_client(archive).get("/metrics")
    assert response.status_code == 200
    assert "hilum_archive_up 0.0" in response.text
    assert "hilum_queue_depth{" not in response.text
