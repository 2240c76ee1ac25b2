"""Model bundles with untrained networks: whole and verified, and good for nothing but tests."""

import hashlib
import json
from datetime import date
from pathlib import Path

import torch
from safetensors.torch import save_file

from inference.bundle import (
    HASHED_FILES,
    VECTORS_FILE,
    WEIGHTS_FILE,
    BundleCode,
    BundleManifest,
    Population,
    write_manifest,
)
from inference.labels import THREE_CLASS_NAMES
from inference.model import Classifier
from inference.network import build_network
from inference.preprocessing import PREPROCESSING_VERSION

CHILDREN = Population(min_age_years=1, max_age_years=5, view="AP", site="nowhere")


def a_manifest(
    *, decision_threshold: float = 0.5, version: str = "1.0.0", weights_sha256: str = "ab" * 32
) -> BundleManifest:
    """A manifest of a bundle that need not exist."""
    return BundleManifest(
        name="pneumonia-test",
        version=version,
        created=date(2026, 1, 1),
        architecture="mobilenet_v2",
        labels=THREE_CLASS_NAMES,
        codes=(BundleCode(value="233604007", scheme="SCT", meaning="Pneumonia"),),
        decision_threshold=decision_threshold,
        calibration_temperature=1.5,
        averages_flip=False,
        preprocessing_version=PREPROCESSING_VERSION,
        population=CHILDREN,
        training_data="none",
        training_data_sha256="cd" * 32,
        figures=(),
        vector_tolerance=0.01,
        sha256={WEIGHTS_FILE: weights_sha256},
    )


def write_bundle(folder: Path, *, decision_threshold: float = 0.5) -> Path:
    """Write a whole bundle of an untrained network; the same one every time."""
    torch.manual_seed(7)
    network = build_network("mobilenet_v2", outputs=len(THREE_CLASS_NAMES))
    for name in HASHED_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps({}), encoding="utf-8")
    save_file(network.state_dict(), folder / WEIGHTS_FILE)
    manifest = a_manifest(decision_threshold=decision_threshold)
    images = torch.zeros(1, 1, 224, 224)
    answers = torch.from_numpy(Classifier(network, manifest).probabilities(images))
    save_file({"images": images, "probabilities": answers}, folder / VECTORS_FILE)
    hashes = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in HASHED_FILES
    }
    write_manifest(manifest.model_copy(update={"sha256": hashes}), folder)
    return folder
