"""Folders in the Kaggle layout, filled with drawn pictures of nobody."""

from pathlib import Path

import numpy as np
from PIL import Image

ROWS, COLUMNS = 96, 120


def drawn_picture(*, is_ill: bool, seed: int) -> np.ndarray:
    """Two dark lungs, one of them clouded when ill; a bright corner; uint8 (96, 120)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:ROWS, 0:COLUMNS] / np.array([ROWS, COLUMNS])[:, None, None]
    grey = 0.6 + 0.2 * y
    for centre in (0.3, 0.7):
        lung = ((x - centre) / 0.16) ** 2 + ((y - 0.5) / 0.35) ** 2 < 1
        grey = np.where(lung, 0.2, grey)
    if is_ill:
        across, down = rng.uniform(0.25, 0.35), rng.uniform(0.35, 0.65)
        grey += 0.45 * np.exp(-(((x - across) / 0.1) ** 2 + ((y - down) / 0.2) ** 2))
    grey[:10, :14] = 1.0
    grey += rng.normal(0, 0.03, grey.shape)
    return np.asarray((grey.clip(0, 1) * 255).astype(np.uint8))


def kaggle_folder(root: Path, *, train: int = 24, test: int = 8) -> Path:
    """Write so many pictures of each class folder and split; half of the ill are viral.

    Every normal child has one picture, every ill child two.
    """
    for split, count in (("train", train), ("test", test)):
        offset = 0 if split == "train" else 5000
        for number in range(count):
            write_jpeg(
                root / split / "NORMAL" / f"IM-{number + offset:04d}-0001.jpeg",
                drawn_picture(is_ill=False, seed=number + offset),
            )
            kind = "bacteria" if number % 4 < 2 else "virus"
            name = f"person{number // 2 + offset}_{kind}_{number + offset}.jpeg"
            write_jpeg(
                root / split / "PNEUMONIA" / name,
                drawn_picture(is_ill=True, seed=10_000 + number + offset),
            )
    return root


def write_jpeg(path: Path, grey: np.ndarray) -> None:
    """Write a grey JPEG, as the set holds them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey).save(path, quality=95)
