"""The compose file against Debian's docker-compose, which checks it without an engine."""

import subprocess
from pathlib import Path

import pytest
import yaml

from config.settings import load_settings

ROOT = Path(__file__).parents[2]


@pytest.mark.peer("docker-compose")
def test_the_compose_file_is_valid_with_every_profile(tmp_path: Path) -> None:
    # Secrets are the site's; an empty one stands in for it in a copy of the file's folder.
    for name in ("docker-compose.yml", "Dockerfile"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/postgres_password").touch()
    checked = subprocess.run(
        ["docker-compose", "--profile", "scale", "config", "-q"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr


def test_every_part_runs_from_one_image_without_privileges() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for part in ("node", "worker", "sender", "api"):
        assert services[part]["command"][-2:] == ["--only", part]
        assert services[part]["cap_drop"] == ["ALL"]
        assert "healthcheck" in services[part]
    assert "USER hilum" in (ROOT / "Dockerfile").read_text()


def test_the_settings_files_that_ship_are_valid() -> None:
    for name in ("site.example.yaml", "compose.site.yaml"):
        destinations = load_settings(ROOT / "config" / name).destinations
        assert destinations[0].address.startswith("ORTHANC ")
