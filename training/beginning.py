"""Finds the weights that a run is to begin with: of a bundle, or of an earlier run."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from inference.bundle import MANIFEST_FILE, file_sha256, verify_bundle
from inference.bundle import WEIGHTS_FILE as BUNDLE_WEIGHTS
from inference.preprocessing import PREPROCESSING_VERSION
from training.errors import RunUnusable
from training.evaluate import locate_bundle
from training.run import RUN_FILE, WEIGHTS_FILE, Beginning, Origin, read_record


def begin_with(name_or_folder: str, installed: Path) -> Beginning:
    """Read the weights of a bundle, by name or folder, or of a run folder.

    Raises
    ------
    RunUnusable
        There is neither here, or it was made for another preprocessing.
    BundleInvalid
        The bundle's files differ from its manifest.
    """
    folder = locate_bundle(name_or_folder, installed)
    if (folder / MANIFEST_FILE).exists():
        return _of_bundle(folder)
    if (folder / RUN_FILE).exists():
        return of_run(folder)
    raise RunUnusable(f"{name_or_folder}: neither a bundle nor a run to begin with")


def _of_bundle(folder: Path) -> Beginning:
    manifest = verify_bundle(folder)
    if manifest.preprocessing_version != PREPROCESSING_VERSION:
        raise RunUnusable(f"{folder}: made for preprocessing {manifest.preprocessing_version}")
    origin = Origin(name=f"{manifest.name} {manifest.version}", sha256=manifest.weights_sha256)
    return Beginning(origin=origin, weights=_read(folder / BUNDLE_WEIGHTS))


def of_run(folder: Path) -> Beginning:
    """Take the averaged weights of a run.

    Raises
    ------
    RunUnusable
        The folder holds no whole epoch of a run.
    """
    read_record(folder)
    return Beginning(origin=origin_of_run(folder), weights=_read(folder / WEIGHTS_FILE))


def origin_of_run(folder: Path) -> Origin:
    """Name a run and the hash of its averaged weights."""
    return Origin(name=f"run {folder.name}", sha256=file_sha256(folder / WEIGHTS_FILE))


def _read(path: Path) -> dict[str, torch.Tensor]:
    """Read weights in 32 bits; bundles keep them in 16."""
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in load_file(path).items()
    }
