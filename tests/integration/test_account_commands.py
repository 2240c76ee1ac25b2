"""`hilum user`, `hilum token` and `hilum audit` as an administrator types them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEW_USER = ["user", "add", "ann", "--name", "Lee^Ann", "--role", "admin"]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(
        f"archive: {{root: {tmp_path}/files, database_url: 'sqlite:///{tmp_path}/hilum.db'}}\n"
    )
    return file


def hilum(site: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "hilum", *arguments, "--config", str(site)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_an_administrator_makes_accounts_and_tokens_and_checks_the_trail(site: Path) -> None:
    made = hilum(site, *NEW_USER, "--password", "correct horse battery")
    assert (made.returncode, made.stdout) == (0, "ann: admin\n")
    token = hilum(site, "token", "create", "export", "--scope", "read")
    assert token.stdout.startswith("hilum_")
    listed = hilum(site, "token", "list").stdout
    assert token.stdout.split("_")[1] in listed
    assert token.stdout.strip().split("_", 2)[2] not in listed
    verified = hilum(site, "audit", "verify")
    assert (verified.returncode, verified.stdout) == (0, "2 lines, every digest fits\n")
    assert "USER_ADDED" in hilum(site, "audit", "list").stdout


@pytest.mark.parametrize("password", ["short", "ann has a long password"])
def test_a_weak_password_is_refused_with_the_reason(site: Path, password: str) -> None:
    refused = hilum(site, *NEW_USER, "--password", password)
    assert refused.returncode == 1
    assert "password" in refused.stderr
    assert hilum(site, "user", "list").stdout == ""


def test_a_link_lets_a_person_in_again_until_the_account_is_closed(site: Path) -> None:
    hilum(site, *NEW_USER, "--password", "correct horse battery")
    link = hilum(site, "user", "link", "Ann")
    assert link.stdout.startswith("http://127.0.0.1:8000/set-password?key=")
    assert hilum(site, "user", "close", "ann").stdout == "closed\n"
    assert "(closed)" in hilum(site, "user", "list").stdout
    refused = hilum(site, "user", "link", "ann")
    assert (refused.returncode, refused.stderr) == (1, "no such account, or it is closed\n")
    assert link.stdout.partition("key=")[2].strip() not in hilum(site, "audit", "list").stdout
