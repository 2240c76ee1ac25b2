"""A bundle is taken in only if it is what was published, and whole or not at all."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner, Result

from inference.bundle import (
    CARD_FILE,
    GATE_FILE,
    MANIFEST_FILE,
    SHIPPED_BUNDLES,
    VECTORS_FILE,
    WEIGHTS_FILE,
    bundle_folder,
    read_manifest,
    verify_bundle,
)
from inference.commands import app
from inference.errors import BundleInvalid, BundleNotInstalled
from inference.installing import install_bundle
from tests.builders.kaggle import kaggle_folder
from tests.builders.training_commands import hilum_train
from tests.processes import wait_until
from training.beginning import begin_with

NAME = "hilum-pneumonia-resnet18-9.0.0"
INSTALL = """
from pathlib import Path
import sys
from inference.bundle import read_manifest
from inference.installing import install_bundle
source, installed = map(Path, sys.argv[1:])
install_bundle(source, read_manifest(source), installed)
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this site has its bundles, as the environment tells every command."""
    folder = tmp_path / "site" / "models"
    monkeypatch.setenv("HILUM_MODEL__INSTALLED", str(folder))
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A real network, published under a version of its own."""
    folder = Path(shutil.copytree(SHIPPED_BUNDLES / "default", tmp_path / "published"))
    change_manifest(folder, version="9.0.0")
    return folder


def change_manifest(bundle: Path, **changes: Any) -> None:
    path = bundle / MANIFEST_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_hash(bundle: Path, name: str) -> None:
    """Let the manifest give the hash that a file has, as a forger would."""
    hashes = read_manifest(bundle).sha256 | {name: sha256((bundle / name).read_bytes()).hexdigest()}
    change_manifest(bundle, sha256=hashes)


def hilum_model(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def test_an_installed_bundle_is_found_by_its_name_everywhere(
    source: Path, installed: Path, tmp_path: Path
) -> None:
    taken = hilum_model("install", source)
    shutil.rmtree(source)

    assert taken.exit_code == 0, taken.output
    assert f"model: {{bundle: {NAME}}}" in taken.stdout
    assert f"{NAME}: hilum-pneumonia-resnet18 9.0.0 (resnet18)\n" in hilum_model("list").stdout
    assert "# hilum-pneumonia-resnet18" in hilum_model("show", NAME).stdout
    assert "intact" in hilum_model("verify", NAME).stdout
    origin = begin_with(NAME, installed).origin
    assert origin is not None
    assert origin.name == "hilum-pneumonia-resnet18 9.0.0"
    data = kaggle_folder(tmp_path / "kaggle", train=2, test=2)
    measured = hilum_train("evaluate", "--data", data, "--bundle", NAME)
    assert measured.exit_code == 0, measured.output


def test_versions_lie_side_by_side_and_none_replaces_another(source: Path, installed: Path) -> None:
    first = install_bundle(source, read_manifest(source), installed, name="chest")
    change_manifest(source, version="9.1.0")

    with pytest.raises(BundleNotInstalled, match=r"chest stands for .* 9\.0\.0 already.* 9\.1\.0"):
        install_bundle(source, read_manifest(source), installed, name="chest")
    second = install_bundle(source, read_manifest(source), installed)
    assert second == install_bundle(source, read_manifest(source), installed)

    assert [verify_bundle(one).version for one in (first, second)] == ["9.0.0", "9.1.0"]
    assert sorted(one.name for one in installed.iterdir()) == ["chest", second.name]


@pytest.mark.parametrize("name", ["default", "../chest", "a/b", ".chest", "chest\n", "x" * 200])
def test_a_name_that_ships_or_that_leads_elsewhere_is_refused(
    source: Path, installed: Path, name: str
) -> None:
    with pytest.raises(BundleNotInstalled, match="name"):
        install_bundle(source, read_manifest(source), installed, name=name)
    assert not installed.exists()


def flip_a_weight(bundle: Path) -> None:
    content = bytearray((bundle / WEIGHTS_FILE).read_bytes())
    content[-1] ^= 1
    (bundle / WEIGHTS_FILE).write_bytes(content)


def promise_something_else(bundle: Path) -> None:
    vectors = load_file(bundle / VECTORS_FILE)
    save_file(vectors | {"probabilities": vectors["probabilities"] / 2}, bundle / VECTORS_FILE)
    change_hash(bundle, VECTORS_FILE)


def promise_nothing(bundle: Path) -> None:
    save_file({"images": torch.zeros(1, 1, 224, 224)}, bundle / VECTORS_FILE)
    change_hash(bundle, VECTORS_FILE)


def link_the_gate(bundle: Path) -> None:
    (bundle / GATE_FILE).rename(bundle.parent / "gate")
    (bundle / GATE_FILE).symlink_to(bundle.parent / "gate")


def link_a_folder(bundle: Path) -> None:
    (bundle / "docs").rename(bundle.parent / "docs")
    (bundle / "docs").symlink_to(bundle.parent / "docs")


def bring_a_pickle(bundle: Path) -> None:
    (bundle / "models" / "model.pt").write_bytes(b"\x80\x04.")
    change_hash(bundle, "models/model.pt")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (flip_a_weight, "model.safetensors: differs"),
        (promise_something_else, "a test vector is off"),
        (promise_nothing, "not test vectors"),
        (link_the_gate, "gate.safetensors: is a link"),
        (link_a_folder, "docs: is a link"),
        (bring_a_pickle, "model.pt is no file of a bundle"),
        (lambda bundle: change_manifest(bundle, preprocessing_version="older/1"), "older/1"),
        (lambda bundle: change_manifest(bundle, name="../out"), "no name for a bundle"),
        (shutil.rmtree, "manifest.json: cannot be read"),
    ],
)
def test_what_is_not_as_it_was_published_is_not_placed(
    source: Path, installed: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(source)

    refused = hilum_model("install", source)

    assert refused.exit_code == 1
    assert words in refused.stderr
    assert not installed.exists() or list(installed.iterdir()) == []


def test_what_changes_after_it_was_verified_is_not_placed(source: Path, installed: Path) -> None:
    manifest = read_manifest(source)
    (source / CARD_FILE).write_text("another card")

    with pytest.raises(BundleInvalid, match="changed since"):
        install_bundle(source, manifest, installed)
    assert list(installed.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said_in_a_line(
    source: Path, installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "site").write_text("a file where the folder should be")
    refused = hilum_model("install", source)
    assert refused.exit_code == 1
    assert refused.stderr == f"not installed: {installed}: Not a directory\n"


def test_a_killed_installation_leaves_no_bundle_and_the_next_one_makes_it_whole(
    source: Path, installed: Path
) -> None:
    vectors = (source / VECTORS_FILE).read_bytes()
    (source / VECTORS_FILE).unlink()
    os.mkfifo(source / VECTORS_FILE)  # reading it waits for ever
    process = subprocess.Popen([sys.executable, "-c", INSTALL, source, installed])
    unfinished = installed / f".{NAME}.part"
    wait_until(lambda: (unfinished / CARD_FILE).exists(), within_seconds=60)
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    (source / VECTORS_FILE).unlink()
    (source / VECTORS_FILE).write_bytes(vectors)

    assert unfinished.exists()
    assert ".part" not in hilum_model("list").output
    with pytest.raises(BundleInvalid):
        verify_bundle(bundle_folder(NAME, installed))
    verify_bundle(install_bundle(source, read_manifest(source), installed))
    assert [one.name for one in installed.iterdir()] == [NAME]
