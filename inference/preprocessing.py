"""The one definition of what the network sees, used by training and serving alike.

Imports torch and MONAI when first called, not when imported; knows no files and no DICOM.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

# Change this with every change below: a bundle made for another version refuses to load.
PREPROCESSING_VERSION = "equalised-224/1"
INPUT_SIZE = 224  # pixels per side; the training copy was squashed to a square of this size
HISTOGRAM_BINS = 256


def to_model_input(image: np.ndarray) -> torch.Tensor:
    """Resize to the model's square and equalise the histogram.

    The resize is MONAI's `Resize(mode="bilinear", anti_aliasing=True)`, computed faster.
    Equalisation makes the result independent of window, exposure and gamma, which differ between
    sites (and between the two halves of the training set) far more than between sick and well.

    Parameters
    ----------
    image
        (rows, columns), float32 in [0, 1], black is 0; the aspect ratio is not kept, because the
        training copy did not keep it.

    Returns
    -------
    torch.Tensor
        float32, (1, 224, 224), in [0, 1].
    """
    from inference.resampling import resize_anti_aliased

    square = resize_anti_aliased(np.asarray(image, dtype=np.float32), INPUT_SIZE)
    return _chain()(square).contiguous()


@cache
def _chain() -> Callable[[np.ndarray], torch.Tensor]:
    import torch
    from monai.transforms.compose import Compose
    from monai.transforms.intensity.array import HistogramNormalize
    from monai.transforms.utility.array import EnsureChannelFirst, EnsureType

    chain: Callable[[np.ndarray], torch.Tensor] = Compose(
        [
            EnsureChannelFirst(channel_dim="no_channel"),
            HistogramNormalize(num_bins=HISTOGRAM_BINS, min=0, max=1, dtype=np.float32),
            EnsureType(dtype=torch.float32, track_meta=False),
        ]
    )
    return chain
