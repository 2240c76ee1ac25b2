"""Milliseconds from decoded pixels to the model's input, against MONAI's plain chain.

Run by hand on a quiet machine: `python -m benchmarks.preprocessing`. Both ways do the same work:
grey scale, anti-aliased resize, equalisation; the largest difference between them is printed too.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from monai.transforms.compose import Compose
from monai.transforms.intensity.array import ScaleIntensityRange
from monai.transforms.spatial.array import Resize
from monai.transforms.utility.array import EnsureChannelFirst
from pydicom import Dataset

from inference.pixels import read_pixels
from inference.resampling import resize_anti_aliased
from training.dicomize import Subject, dicomize

ROUNDS = 9
SIZES = ((2048, 2048), (1955, 1841), (512, 448))
WHITE = 4095


def drawn(rows: int, columns: int) -> np.ndarray:
    """Draw a slope, an ellipse and noise in 12 bits."""
    down, across = np.mgrid[0:rows, 0:columns] / np.array([rows, columns])[:, None, None]
    ellipse = ((down - 0.4) / 0.3) ** 2 + ((across - 0.6) / 0.2) ** 2 < 1
    grey = 0.2 + 0.3 * down + 0.4 * ellipse + np.random.default_rng(1).normal(0, 0.02, down.shape)
    return np.asarray((grey.clip(0, 1) * WHITE).astype(np.uint16))


def milliseconds(work: Callable[[], object]) -> float:
    """Median over the rounds, after one that warms up."""
    work()
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - started))
    return statistics.median(taken)


def _read_and_resize(ds: Dataset) -> np.ndarray:
    return resize_anti_aliased(read_pixels(ds), 224)


def main() -> None:
    """Print one line per size."""
    torch.set_num_threads(2)
    chain = Compose(
        [
            EnsureChannelFirst(channel_dim="no_channel"),
            ScaleIntensityRange(0, WHITE, 0.0, 1.0, clip=True),
            Resize((224, 224), mode="bilinear", anti_aliasing=True),
        ]
    )
    for rows, columns in SIZES:
        ds = dicomize(
            drawn(rows, columns), subject=Subject(patient_name="", patient_id="1"), bits_stored=12
        )
        pixels = ds.pixel_array.astype(np.float32)
        difference = np.abs(
            resize_anti_aliased(read_pixels(ds), 224) - chain(pixels)[0].numpy()
        ).max()
        theirs = milliseconds(partial(chain, pixels))
        ours = milliseconds(partial(_read_and_resize, ds))
        print(
            f"{rows} x {columns}: MONAI {theirs:.1f} ms, Hilum {ours:.1f} ms with reading the "
            f"stored values, {theirs / ours:.0f} x, largest difference {255 * difference:.3f}/255"
        )


if __name__ == "__main__":
    main()
