"""Fixed changes of the validation images, to choose between recipes.

Plain validation saturates (the training split is easy against itself) and the test split must not
choose anything; another hospital, or the other half of this set, differs in contrast, cropping and
sharpness. These are fixed guesses at such differences, made before any test figure was known.
"""

from collections.abc import Callable

import torch
from torch.nn import functional

from training.augment import blur

Change = Callable[[torch.Tensor], torch.Tensor]


def unchanged(batch: torch.Tensor) -> torch.Tensor:
    """Return the batch as it is."""
    return batch


def _resample(batch: torch.Tensor, across: float, down: float, shift: float = 0.0) -> torch.Tensor:
    rows = torch.tensor([[across, 0.0, shift], [0.0, down, -shift]])
    grid = functional.affine_grid(
        rows.expand(len(batch), 2, 3), list(batch.shape), align_corners=False
    )
    return functional.grid_sample(batch, grid, padding_mode="zeros", align_corners=False)


def _bright_and_cropped(batch: torch.Tensor) -> torch.Tensor:
    return _resample(batch, 0.85, 0.85) ** 0.55


def _dark_and_collimated(batch: torch.Tensor) -> torch.Tensor:
    return _resample(batch, 1.12, 1.12) ** 1.8


def _flat_and_blurred(batch: torch.Tensor) -> torch.Tensor:
    return 0.2 + 0.6 * blur(batch, 1.5)


def _stretched_and_noisy(batch: torch.Tensor) -> torch.Tensor:
    noise = torch.randn(batch.shape, generator=torch.Generator().manual_seed(1))
    return (_resample(batch, 0.8, 1.0, 0.05) + 0.06 * noise).clamp(0, 1)


SHIFTS: dict[str, Change] = {
    "bright, cropped": _bright_and_cropped,
    "dark, collimated": _dark_and_collimated,
    "flat, blurred": _flat_and_blurred,
    "stretched, noisy": _stretched_and_noisy,
}
