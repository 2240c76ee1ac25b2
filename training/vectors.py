"""Test vectors of a bundle: inputs that show nobody, scored once when the bundle is made."""

from pathlib import Path

import numpy as np
import torch

from inference.pixels import read_raster
from inference.preprocessing import INPUT_SIZE, to_model_input
from training.dataset import as_bytes


def sample_vectors(samples: Path) -> torch.Tensor:
    """Prepare the synthetic samples and one drawn pattern, uint8 (N, 1, 224, 224)."""
    pictures = [read_raster(path.read_bytes()) for path in sorted(samples.glob("*.png"))]
    inputs = [as_bytes(to_model_input(picture)) for picture in [*pictures, drawn_pattern()]]
    return torch.from_numpy(np.stack(inputs))[:, None]


def drawn_pattern() -> np.ndarray:
    """Draw a bright ellipse off centre on a slope: no symmetry that a flip could hide behind."""
    down, across = np.mgrid[0:INPUT_SIZE, 0:INPUT_SIZE] / INPUT_SIZE
    ellipse = ((down - 0.35) / 0.2) ** 2 + ((across - 0.6) / 0.3) ** 2 < 1
    return np.asarray((0.3 * down + 0.2 * across + 0.5 * ellipse).clip(0, 1), dtype=np.float32)
