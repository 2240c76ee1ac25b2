"""HTTPS by the web process itself, and behind a proxy: real handshakes, real forwarded headers."""

import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from api.app import run
from api.auth.accounts import add_user
from archive.account_records import Role
from archive.database import Archive
from config.settings import Settings
from tests.processes import wait_until
from tests.web import web_settings
from tests.web_server import free_port, running

pytestmark = pytest.mark.peer("openssl")

PASSWORD = "correct horse battery"  # noqa: S105


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A certificate for this machine, and its key."""

    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return a_pair(tmp_path_factory.mktemp("tls"), "hilum.example")


def a_pair(folder: Path, name: str) -> Pair:
    made = Pair(certificate=folder / f"{name}.pem", key=folder / f"{name}.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(made.key), "-out", str(made.certificate)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return made


def over_tls(pair: Pair) -> Settings:
    return web_settings(
        api={"port": free_port(), "tls_certificate": pair.certificate, "tls_key": pair.key}
    )


@contextmanager
def trusting(settings: Settings, pair: Pair) -> Iterator[httpx.Client]:
    """A client that checks the server's certificate."""
    checks = ssl.create_default_context(cafile=str(pair.certificate))
    address = f"https://127.0.0.1:{settings.api.port}"
    with httpx.Client(base_url=address, verify=checks) as client:
        yield client


def sign_in(client: httpx.Client, **headers: str) -> httpx.Response:
    origin = headers.pop("origin", str(client.base_url).rstrip("/"))
    response = client.post(
        "/api/v1/session",
        json={"login": "ito", "password": PASSWORD},
        headers={"Origin": origin, **headers},
    )
    assert response.status_code == 200, response.text
    return response


def add_ito(archive: Archive) -> None:
    add_user(
        archive,
        login="ito",
        person_name="Ito^Ken",
        roles=frozenset({Role.ADMIN}),
        password=PASSWORD,
    )


def sign_in_address(archive: Archive) -> str:
    newest_first = archive.repository.audit_events(limit=10)
    return next(one.entry.address for one in newest_first if one.entry.action == "SIGN_IN")


def test_over_tls_the_cookie_is_bound_to_host_and_transport(archive: Archive, pair: Pair) -> None:
    add_ito(archive)
    settings = over_tls(pair)
    with running(archive, settings), trusting(settings, pair) as client:
        response = sign_in(client)
        name, _, attributes = response.headers["set-cookie"].partition("=")
        assert name == "__Host-hilum"
        kept = {part.strip().lower() for part in attributes.split(";")[1:]}
        assert {"secure", "httponly", "samesite=strict", "path=/"} <= kept
        assert not any(part.startswith("domain") for part in kept)
        assert response.headers["strict-transport-security"] == "max-age=31536000"
        assert client.get("/api/v1/session").json()["login"] == "ito"
        secret = client.cookies["__Host-hilum"]
        client.cookies.clear()
        plain = client.get("/api/v1/session", headers={"Cookie": f"hilum={secret}"})
        assert plain.status_code == 401, "the cookie of plain HTTP passes over TLS"
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{settings.api.port}/health/live")


@pytest.mark.parametrize(
    ("version", "is_served"), [("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)]
)
def test_only_tls_1_2_and_1_3_are_spoken(
    archive: Archive, pair: Pair, version: str, is_served: bool
) -> None:
    settings = over_tls(pair)
    with running(archive, settings):
        found = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{settings.api.port}", version,
             # Lets this client offer TLS 1.1 at all.
             "-cipher", "DEFAULT@SECLEVEL=0", "-CAfile", str(pair.certificate)],
            input="", capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
    said = found.stdout + found.stderr
    assert ("Verify return code: 0 (ok)" in said and "Cipher is (NONE)" not in said) == is_served
    if not is_served:
        written = re.search(r"written (\d+) bytes", said)
        assert written is not None
        assert int(written.group(1)) > 0, "the client did not even offer it"


def test_a_certificate_of_no_use_stops_the_start_naming_the_setting(
    archive: Archive, pair: Pair, tmp_path: Path
) -> None:
    other = tmp_path / "other.key"
    other.write_text("no key")
    for key, words in ((other, "do not make a pair"), (tmp_path / "absent", "api.tls_key")):
        settings = over_tls(Pair(certificate=pair.certificate, key=key))
        with pytest.raises(OSError, match=words):
            run(settings, archive, threading.Event())


def shown_certificate(settings: Settings, *options: str) -> str:
    """The subject of the certificate that a new connection is shown, as openssl says it."""
    found = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{settings.api.port}", *options],
        input="", capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    subject = re.search(r"subject=.*", found.stdout)
    assert subject is not None, found.stderr
    return subject.group()


@pytest.mark.parametrize("options", [("-noservername",), ("-servername", "hilum.example")])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_renewed_certificate_is_shown_without_a_restart(
    archive: Archive, tmp_path: Path, version: str, options: tuple[str, ...]
) -> None:
    first, second = a_pair(tmp_path, "first"), a_pair(tmp_path, "second")
    used = Pair(certificate=tmp_path / "used.pem", key=tmp_path / "used.key")

    def use(made: Pair) -> None:
        shutil.copy(made.key, used.key)
        shutil.copy(made.certificate, used.certificate)

    use(first)
    settings = over_tls(used)
    with running(archive, settings):
        assert "CN = first" in shown_certificate(settings, version, *options)
        with capture_logs() as said:
            used.certificate.write_text("no certificate at all")
            wait_until(
                lambda: any("the old ones stay" in one["event"] for one in said),
                within_seconds=10,
                what="the refusal of the broken file",
            )
        assert "CN = first" in shown_certificate(settings, version, *options)
        use(second)
        wait_until(
            lambda: "CN = second" in shown_certificate(settings, version, *options),
            within_seconds=10,
            what="the new certificate",
        )


def test_who_asks_to_read_files_again_has_the_certificate_read_too(
    archive: Archive, pair: Pair
) -> None:
    with running(archive, over_tls(pair)), capture_logs() as said:
        archive.repository.ask_rule_reload(asked_by="SIGHUP")
        wait_until(
            lambda: any(one["event"] == "TLS files renewed" for one in said),
            within_seconds=10,
            what="the reading of the files",
        )


FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}


def test_forwarded_headers_count_from_a_named_proxy_only(archive: Archive) -> None:
    add_ito(archive)
    for proxy, cookie, address in (
        ("127.0.0.1", "__Host-hilum", "198.51.100.7"),
        ("192.0.2.1", "hilum", "127.0.0.1"),
    ):
        settings = web_settings(api={"port": free_port(), "trusted_proxies": (proxy,)})
        is_trusted = proxy == "127.0.0.1"
        with (
            running(archive, settings),
            httpx.Client(base_url=f"http://127.0.0.1:{settings.api.port}") as client,
        ):
            origin = str(client.base_url).rstrip("/")
            seen = origin.replace("http:", "https:") if is_trusted else origin
            response = sign_in(client, origin=seen, **FORWARDED)
            assert response.headers["set-cookie"].startswith(f"{cookie}=")
            assert ("strict-transport-security" in response.headers) == is_trusted
            assert sign_in_address(archive) == address
