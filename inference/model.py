"""The classifier: model inputs in, calibrated probabilities out.

Imports torch; nothing that the web process imports may import this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from inference.bundle import VECTORS_FILE, WEIGHTS_FILE, BundleManifest, verify_bundle
from inference.errors import BundleInvalid
from inference.network import ARCHITECTURES, RadiographNet, build_network, pneumonia_logit
from inference.preprocessing import PREPROCESSING_VERSION

__all__ = ["ARCHITECTURES", "Classifier", "Scores", "build_network", "load_classifier"]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Probabilities of a batch and the last convolutional features they came from."""

    probabilities: np.ndarray  # (N,), float64, P(pneumonia)
    features: np.ndarray  # (N, width, rows, columns), float32, of the images as given


class Classifier:
    """A network with its calibration; safe to call from one thread at a time."""

    def __init__(
        self, network: RadiographNet, manifest: BundleManifest, device: torch.device
    ) -> None:
        self.manifest = manifest
        self.device = device
        self.network = network.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs

    def probabilities(self, batch: torch.Tensor) -> np.ndarray:
        """Calibrated probability of pneumonia, (N,), of model inputs (N, 1, 224, 224) in [0, 1]."""
        return self.features_and_probabilities(batch).probabilities

    @torch.inference_mode()
    def features_and_probabilities(self, batch: torch.Tensor) -> Scores:
        """Probabilities and the features that a class activation map weighs."""
        batch = batch.to(self.device, torch.float32, memory_format=torch.channels_last)
        features = self.network.features(batch)
        logits = pneumonia_logit(self.network.logits(features))
        if self.manifest.averages_flip:
            logits = (logits + pneumonia_logit(self.network(batch.flip(3)))) / 2
        calibrated = torch.sigmoid(logits.double() / self.manifest.calibration_temperature)
        return Scores(probabilities=calibrated.cpu().numpy(), features=features.cpu().numpy())

    @property
    def pneumonia_weights(self) -> np.ndarray:
        """Weight of each feature for pneumonia against normal, (width,), for activation maps."""
        weights = self.network.head.weight.detach()
        return np.asarray((weights[1:].mean(dim=0) - weights[0]).cpu())


def load_classifier(folder: Path, *, device: str = "cpu") -> Classifier:
    """Verify a bundle and make it ready to score.

    Raises
    ------
    BundleInvalid
        The bundle's bytes differ from its manifest, or it is made for other code than this.
    """
    manifest = verify_bundle(folder)
    if manifest.preprocessing_version != PREPROCESSING_VERSION:
        raise BundleInvalid(
            f"{folder}: made for preprocessing {manifest.preprocessing_version}, "
            f"this is {PREPROCESSING_VERSION}"
        )
    if manifest.architecture not in ARCHITECTURES:
        raise BundleInvalid(f"{folder}: unknown architecture {manifest.architecture}")
    network = build_network(manifest.architecture, outputs=len(manifest.labels))
    try:
        network.load_state_dict(load_file(folder / WEIGHTS_FILE))
    except (SafetensorError, RuntimeError) as error:
        raise BundleInvalid(f"{folder / WEIGHTS_FILE}: not weights of this network") from error
    return Classifier(network, manifest, torch.device(device))


def largest_vector_difference(classifier: Classifier, folder: Path) -> float:
    """Score the bundle's test vectors and return the largest difference from what it promises."""
    vectors = load_file(folder / VECTORS_FILE)
    probabilities = classifier.probabilities(vectors["images"].float() / 255.0)
    return float(np.abs(probabilities - vectors["probabilities"].numpy()).max())


def verify_vectors(classifier: Classifier, folder: Path) -> float:
    """Check that this machine computes what the publisher's did.

    Raises
    ------
    BundleInvalid
        A probability differs by more than the manifest allows.
    """
    difference = largest_vector_difference(classifier, folder)
    if not difference <= classifier.manifest.vector_tolerance:
        raise BundleInvalid(f"{folder}: a test vector is off by {difference:.4f}")
    return difference
