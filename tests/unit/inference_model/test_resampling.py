"""The fast resize is MONAI's resize."""

import numpy as np
import pytest
import torch
from monai.transforms.spatial.array import Resize

from inference.resampling import resize_anti_aliased

ALLOWED = 1 / 255


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(224, 224), (512, 448), (1955, 1841), (2048, 1024), (97, 121), (180, 700), (225, 223)],
)
def test_equals_monai_on_noise_and_edges(rows: int, columns: int) -> None:
    rng = np.random.default_rng(1)
    image = rng.random((rows, columns), dtype=np.float32)
    image[: rows // 3, : columns // 4] = 1.0
    image[rows // 2 :, columns // 2 :] = 0.0

    monai = Resize((224, 224), mode="bilinear", anti_aliasing=True)(torch.from_numpy(image)[None])[
        0
    ].numpy()

    difference = np.abs(resize_anti_aliased(image, 224) - monai).max()
    assert difference < ALLOWED / 20


def test_an_image_of_the_right_size_is_not_touched() -> None:
    image = np.random.default_rng(1).random((224, 224), dtype=np.float32)

    assert np.array_equal(resize_anti_aliased(image, 224), image)
