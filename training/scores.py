"""Runs a network over prepared images; no labels, no figures."""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from inference.model import RadiographNet, pneumonia_logit

SCORING_BATCH = 64


@torch.inference_mode()
def score(
    network: RadiographNet,
    images: torch.Tensor,
    *,
    size: int,
    device: torch.device,
    change: Callable[[torch.Tensor], torch.Tensor] = lambda batch: batch,
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

    Returns
    -------
    numpy.ndarray
        (N,), float64.
    """
    network.eval()
    logits = []
    for rows in images.split(SCORING_BATCH):
        batch = change(rows[:, None].float() / 255.0)
        if batch.shape[-1] != size:
            batch = functional.interpolate(batch, size=(size, size), mode="bilinear", antialias=True)
        batch = batch.to(device, memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            scores = network(batch)
        logits.append(pneumonia_logit(scores.float()).cpu())
    return torch.cat(logits).double().numpy()
