"""Runs a network over prepared images; no labels, no figures."""

import numpy as np
import torch
from torch.nn import functional

from inference.network import RadiographNet, pneumonia_logit
from training.precision import has_bfloat16
from training.shift import Change, unchanged

SCORING_BATCH = 64


def reduced(batch: torch.Tensor, size: int) -> torch.Tensor:
    """Take a batch, (N, 1, rows, columns), to at most so many pixels per side without aliasing."""
    if batch.shape[-1] <= size:
        return batch
    return functional.interpolate(batch, size=(size, size), mode="bilinear", antialias=True)


@torch.inference_mode()
def score(
    network: RadiographNet,
    images: torch.Tensor,
    *,
    size: int,
    device: torch.device,
    change: Change = unchanged,
    averages_flip: bool = False,
    full_precision: bool = False,
) -> np.ndarray:
    """Log odds of pneumonia for prepared images.

    Parameters
    ----------
    images
        uint8, (N, 224, 224).
    size
        Images are reduced to this many pixels per side first.
    change
        Applied to each batch, float32 (n, 1, 224, 224) in [0, 1], before it is reduced.
    averages_flip
        Score the mirrored images too and return the mean.
    full_precision
        In 32 bits even where the device multiplies bfloat16 faster.

    Returns
    -------
    numpy.ndarray
        (N,), float64.
    """
    network.eval()
    in_bfloat16 = has_bfloat16(device) and not full_precision
    logits = []
    for rows in images.split(SCORING_BATCH):
        batch = change(rows[:, None].float() / 255.0)
        batch = reduced(batch, size).to(device, memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=in_bfloat16):
            scores = pneumonia_logit(network(batch).float())
            if averages_flip:
                scores = (scores + pneumonia_logit(network(batch.flip(3)).float())) / 2
        logits.append(scores.cpu())
    return torch.cat(logits).double().numpy()
