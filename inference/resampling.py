"""MONAI's anti-aliased bilinear resize as two small matrices, for large images on few cores.

`Resize(mode="bilinear", anti_aliasing=True)` smooths the whole image with a Gaussian and then keeps
one pixel in seventy. Both steps are linear and act on rows and columns separately, so the result
is `down @ image @ across.T`; each matrix has a narrow band and is made once per image size.
"""

from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array
from scipy.special import erf

# MONAI cuts its Gaussian off here, in standard deviations (monai.networks.layers.gaussian_1d).
GAUSSIAN_REACH = 4.0
SIZES_KEPT = 64  # of images seen lately; a matrix takes about 60 kB


def resize_anti_aliased(image: np.ndarray, size: int) -> np.ndarray:
    """Resize to a square as MONAI does, within rounding.

    Parameters
    ----------
    image
        (rows, columns), float32.

    Returns
    -------
    numpy.ndarray
        (size, size), float32.
    """
    rows, columns = image.shape
    narrow = image if rows == size else _matrix(rows, size) @ image
    return (
        narrow if columns == size else np.ascontiguousarray((_matrix(columns, size) @ narrow.T).T)
    )


@lru_cache(maxsize=2 * SIZES_KEPT)
def _matrix(length: int, size: int) -> csr_array:
    """Weights of every input place (columns) in every output place (rows) along one axis."""
    places = ((np.arange(size) + 0.5) * length / size - 0.5).clip(min=0)
    first = np.floor(places).astype(int).clip(max=length - 1)
    second = (first + 1).clip(max=length - 1)
    share = places - first
    kernel = _gaussian(max(0.0, (length / size - 1) / 2))
    reach = len(kernel) // 2
    # Smoothing around both bilinear neighbours; what falls outside the image counts as black.
    offsets = np.arange(-reach, reach + 1)
    columns = np.concatenate([first[:, None] + offsets, second[:, None] + offsets], axis=1)
    weights = np.concatenate([(1 - share)[:, None] * kernel, share[:, None] * kernel], axis=1)
    rows = np.repeat(np.arange(size), columns.shape[1])
    inside = ((columns >= 0) & (columns < length)).ravel()
    entries = (weights.ravel()[inside], (rows[inside], columns.ravel()[inside]))
    return csr_array(entries, shape=(size, length), dtype=np.float32)


def _gaussian(sigma: float) -> np.ndarray:
    """MONAI's kernel: the integral of the Gaussian over each pixel."""
    reach = int(max(sigma * GAUSSIAN_REACH, 0.5) + 0.5)
    if sigma == 0:
        return np.ones(1)
    edges = (np.arange(-reach, reach + 2) - 0.5) / (sigma * np.sqrt(2))
    return np.asarray(0.5 * np.diff(erf(edges)))
