"""A classifier whose answers a test decides."""

from collections.abc import Callable
from typing import cast

import numpy as np
import torch

from inference.bundle import BundleManifest
from inference.model import Classifier, Scores
from tests.builders.bundles import a_manifest

FEATURES = 4


class FakeClassifier:
    """Answers with given probabilities, in turn, or with what a function makes of a batch."""

    def __init__(
        self,
        probabilities: list[float] | Callable[[torch.Tensor], np.ndarray],
        manifest: BundleManifest | None = None,
    ) -> None:
        self.manifest = manifest or a_manifest()
        self.batches: list[int] = []
        self._answers = probabilities

    def features_and_probabilities(self, batch: torch.Tensor) -> Scores:
        self.batches.append(len(batch))
        if callable(self._answers):
            probabilities = self._answers(batch)
        else:
            probabilities = np.array([self._answers.pop(0) for _ in batch])
        features = np.zeros((len(batch), FEATURES, 7, 7), dtype=np.float32)
        features[:, 0, 1, 5] = 1.0
        return Scores(probabilities=probabilities, features=features)

    def probabilities(self, batch: torch.Tensor) -> np.ndarray:
        return self.features_and_probabilities(batch).probabilities

    @property
    def pneumonia_weights(self) -> np.ndarray:
        return np.array([1.0, 0.0, -1.0, 0.0], dtype=np.float32)


def a_classifier(*probabilities: float, manifest: BundleManifest | None = None) -> Classifier:
    """A classifier that gives these probabilities, in turn."""
    return cast(Classifier, FakeClassifier(list(probabilities), manifest))
