"""The web process itself: it listens, beats, and ends when told."""

import socket
import threading
import time

import httpx
import pytest

from api.app import run
from archive.database import Archive
from archive.records import ProcessKind
from tests.builders.arrivals import an_arrival
from tests.web import session_of, web_settings
from tests.web_server import free_port, running


def test_the_web_process_answers_once_ready_and_ends_when_told(archive: Archive) -> None:
    settings = web_settings(api={"port": free_port()})
    address = f"http://127.0.0.1:{settings.api.port}"
    with running(archive, settings) as end:
        response = httpx.get(f"{address}/health/live")
        assert response.status_code == 200
        assert "server" not in response.headers
        end()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{address}/health/live")


def test_the_web_process_goes_on_beating(archive: Archive) -> None:
    with running(archive, web_settings(api={"port": free_port()})):
        [first] = archive.repository.beats()
        assert first.kind is ProcessKind.API
        deadline = time.monotonic() + 20
        while archive.repository.beats()[0].beat_at == first.beat_at:
            assert time.monotonic() < deadline, "no second beat within 5 s"
            threading.Event().wait(0.05)


def test_an_open_request_does_not_hold_up_the_end(archive: Archive) -> None:
    settings = web_settings(api={"port": free_port()})
    with (
        running(archive, settings) as end,
        socket.create_connection(("127.0.0.1", settings.api.port)) as client,
    ):
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        end()


def test_a_port_that_is_taken_stops_the_start(archive: Archive) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = web_settings(api={"port": taken.getsockname()[1]})
        with pytest.raises(OSError, match="in use"):
            run(settings, archive, threading.Event())


def test_requests_leave_no_patient_data_and_no_uid_in_the_log(
    archive: Archive, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = web_settings(api={"port": free_port()})
    with running(archive, settings):
        for path in ("/api/v1/studies/1.2.840.99", "/api/v1/studies?state=Doe%5EJane", "/Doe"):
            assert httpx.get(f"http://127.0.0.1:{settings.api.port}{path}").is_client_error
    logged = "".join(capfd.readouterr())
    assert "Doe" not in logged
    assert "1.2.840.99" not in logged


def test_an_arrival_reaches_an_open_page_within_a_second(archive: Archive) -> None:
    settings = web_settings(api={"port": free_port()})
    cookies = {"hilum": session_of(archive, "ito")}
    address = f"http://127.0.0.1:{settings.api.port}/api/v1/events"
    with (
        running(archive, settings),
        httpx.stream("GET", address, cookies=cookies, timeout=10) as stream,
    ):
        lines = stream.iter_lines()
        assert "missed" in next(line for line in lines if line.startswith("data:"))
        archive.repository.record_instance(an_arrival(7, 1))
        recorded = time.monotonic()
        data = next(line for line in lines if line.startswith("data:"))
        assert time.monotonic() - recorded < 1
        assert '"study_uid":"1.2.3.7"' in data.replace(" ", "")
        assert "Doe" not in data


def test_an_open_stream_does_not_hold_up_the_end(archive: Archive) -> None:
    settings = web_settings(api={"port": free_port()})
    cookies = {"hilum": session_of(archive, "ito")}
    address = f"http://127.0.0.1:{settings.api.port}/api/v1/events"
    with (
        running(archive, settings) as end,
        httpx.stream("GET", address, cookies=cookies, timeout=10) as stream,
    ):
        next(stream.iter_lines())
        end()
