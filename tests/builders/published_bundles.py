"""Model bundles with untrained networks: real files, no knowledge."""

from datetime import date
from pathlib import Path

import torch

from config.training import PublishSettings, Recipe, load_training_settings
from inference.bundle import BundleManifest
from inference.network import build_network
from training.dataset import PreparedSet
from training.publish import Identity, publish
from training.run import FinishedRun
from training.vectors import sample_vectors

SETTINGS = PublishSettings(target_sensitivity=0.9, averages_flip=False)


def a_recipe() -> Recipe:
    """The shipped recipe with a network small enough for a test."""
    recipe = load_training_settings().recipes["hilum"]
    return recipe.model_copy(update={"architecture": "mobilenet_v2"})


def a_finished_run(data_sha256: str) -> FinishedRun:
    torch.manual_seed(1)
    network = build_network("mobilenet_v2", outputs=3).eval()
    return FinishedRun(network=network, recipe=a_recipe(), data_sha256=data_sha256, history=())


def a_bundle(
    folder: Path, prepared: PreparedSet, *, version: str = "1.0.0", with_test: bool = True
) -> BundleManifest:
    """Publish an untrained network into `folder`."""
    return publish(
        a_finished_run(prepared.data_sha256),
        prepared,
        folder,
        identity=Identity(name="untrained", version=version, created=date(2026, 1, 2)),
        settings=SETTINGS,
        vectors=sample_vectors(folder / "no samples"),
        with_test=with_test,
    )
