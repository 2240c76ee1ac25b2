"""Every response that is no success is problem+json with a stable code."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from archive.database import Archive
from archive.errors import ArchiveUnavailable
from tests.web import a_client, web_settings

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "trace_id", "errors"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/static/nowhere.css", 404, "not_found"),
        ("GET", "/api/v1/studies/1.2.3", 404, "not_found"),
        ("GET", "/api/v1/studies?cursor=nonsense", 404, "not_found"),
        ("PUT", "/api/v1/studies", 405, "method_not_allowed"),
        ("POST", "/docs", 405, "method_not_allowed"),
        ("GET", "/api/v1/studies/not-a-uid", 422, "invalid_request"),
        ("GET", "/api/v1/studies?limit=0", 422, "invalid_request"),
        ("POST", "/predict", 415, "unsupported_media_type"),
        ("POST", "/api/v1/deliveries/7/replay", 404, "not_found"),
    ],
)
def test_every_refusal_is_a_problem_document(
    archive: Archive, method: str, path: str, status: int, code: str
) -> None:
    response = a_client(archive).request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert set(problem) == MEMBERS
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:hilum:problem:{code}"
    assert problem["instance"] == path.partition("?")[0]
    assert len(problem["trace_id"]) == 32


def test_a_fault_names_its_place_and_does_not_repeat_what_was_sent(archive: Archive) -> None:
    problem = a_client(archive).get("/api/v1/studies?state=Doe^Jane").json()
    assert problem["errors"][0]["location"] == "query.state"
    assert "Doe" not in str(problem)


def test_a_405_says_which_methods_are_served(archive: Archive) -> None:
    client = a_client(archive)
    assert client.put("/api/v1/studies").headers["allow"] == "GET"
    assert client.get("/predict").headers["allow"] == "POST"


def test_the_trace_id_of_the_caller_is_kept(archive: Archive) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    response = a_client(archive).get(
        "/nowhere", headers={"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    )
    assert response.json()["trace_id"] == trace_id


def test_an_archive_that_does_not_answer_is_503_with_retry_after(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise ArchiveUnavailable("database: locked")

    monkeypatch.setattr(archive.repository, "studies", refuse)
    response = a_client(archive).get("/api/v1/studies")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert response.json()["code"] == "unavailable"


def test_an_unforeseen_fault_is_a_500_problem_that_says_nothing_of_values(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise ZeroDivisionError("Doe^Jane")

    monkeypatch.setattr(archive.repository, "studies", fail)
    response = a_client(archive).get("/api/v1/studies")
    assert response.status_code == 500
    assert response.json()["code"] == "internal_error"
    captured = capsys.readouterr()
    assert "Doe" not in response.text + captured.out + captured.err


@pytest.mark.parametrize("path", ["/", "/nowhere", "/docs", "/health/live", "/static/hilum.css"])
def test_every_response_carries_the_security_headers(archive: Archive, path: str) -> None:
    headers = a_client(archive).get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_a_body_announced_too_large_is_refused_before_it_is_read(archive: Archive) -> None:
    client = a_client(archive)
    response = client.post("/api/v1/deliveries/7/replay", content=b"x" * ((1 << 20) + 1))
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "body_too_large"


def test_an_unannounced_body_is_refused_while_it_streams(archive: Archive) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        while sent < 100:
            sent += 1
            yield b"x" * 4096

    client: TestClient = a_client(archive, web_settings(api={"maximum_upload_bytes": 1024}))
    response = client.post(
        "/predict",
        content=endless(),
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert response.status_code == 413
    assert response.json()["code"] == "body_too_large"
