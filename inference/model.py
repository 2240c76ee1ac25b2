"""The classifier: model inputs in, calibrated probabilities out.

Imports torch; nothing that the web process imports may import this module.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from inference.bundle import (
    GATE_FILE,
    VECTORS_FILE,
    WEIGHTS_FILE,
    BundleManifest,
    verify_bundle,
)
from inference.engine import MakeEngine, Pass, PyTorchEngine
from inference.errors import BundleInvalid
from inference.gate import Gate, described_features, described_picture, gate_of
from inference.network import ARCHITECTURES, RadiographNet, build_network, pneumonia_logit
from inference.preprocessing import PREPROCESSING_VERSION

__all__ = ["ARCHITECTURES", "Classifier", "Scores", "build_network", "load_classifier"]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Probabilities of a batch and the last convolutional features they came from."""

    probabilities: np.ndarray  # (N,), float64, P(pneumonia)
    features: np.ndarray  # (N, width, rows, columns), float32, of the images as given
    strangeness: np.ndarray | None = None  # (N,), above 1: no frontal chest radiograph


class Classifier:
    """A network with its calibration and its gate; from any thread, one batch after the other."""

    def __init__(
        self,
        network: RadiographNet,
        manifest: BundleManifest,
        gate: Gate | None = None,
        *,
        make_engine: MakeEngine = PyTorchEngine,
    ) -> None:
        self.network = network.eval()
        self.manifest = manifest
        self.gate = gate
        self._turn = threading.Lock()
        tap = manifest.gate.tap if manifest.gate is not None and gate is not None else None
        self._engine = make_engine(network, tap)

    @property
    def engine_name(self) -> str:
        """What carries out the network, and the number format that it calculates in."""
        return self._engine.name

    def probabilities(self, batch: torch.Tensor) -> np.ndarray:
        """Calibrated probability of pneumonia, (N,), of model inputs (N, 1, 224, 224) in [0, 1]."""
        return self.features_and_probabilities(batch).probabilities

    @torch.inference_mode()
    def features_and_probabilities(self, batch: torch.Tensor) -> Scores:
        """Probabilities and the features that a class activation map weighs."""
        with self._turn:
            seen = self._engine(batch)
            logits = pneumonia_logit(seen.scores)
            if self.manifest.averages_flip:
                logits = (logits + pneumonia_logit(self._engine(batch.flip(3)).scores)) / 2
        calibrated = torch.sigmoid(logits.double() / self.manifest.calibration_temperature)
        return Scores(
            probabilities=calibrated.numpy(),
            features=seen.features,
            strangeness=self._strangeness(batch, seen),
        )

    def _strangeness(self, batch: torch.Tensor, seen: Pass) -> np.ndarray | None:
        if self.gate is None or seen.tapped is None:
            return None
        return self.gate.scores(described_features(seen.tapped), described_picture(batch))

    @property
    def pneumonia_weights(self) -> np.ndarray:
        """Weight of each feature for pneumonia against normal, (width,), for activation maps."""
        weights = self.network.head.weight.detach()
        return np.asarray((weights[1:].mean(dim=0) - weights[0]).cpu())


def load_classifier(folder: Path, *, make_engine: MakeEngine = PyTorchEngine) -> Classifier:
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
    try:
        gate = gate_of(load_file(folder / GATE_FILE)) if manifest.gate else None
        return Classifier(network, manifest, gate, make_engine=make_engine)
    except (SafetensorError, KeyError, ValueError, AttributeError) as error:
        raise BundleInvalid(f"{folder / GATE_FILE}: not the gate of this network") from error


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
        A probability differs by more than the manifest allows, or there are no test vectors.
    """
    try:
        difference = largest_vector_difference(classifier, folder)
    except (SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise BundleInvalid(f"{folder / VECTORS_FILE}: not test vectors of this network") from error
    if not difference <= classifier.manifest.vector_tolerance:
        raise BundleInvalid(f"{folder}: a test vector is off by {difference:.4f}")
    return difference
