"""Looks at a Kaggle folder before anything is trained: counts, shapes, grey values, repetitions."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.errors import InferenceError
from inference.labels import THREE_CLASS_NAMES
from inference.pixels import read_raster
from training.errors import UnreadableImage
from training.kaggle import OFFICIAL_SPLITS, LabelledImage, duplicate_groups, read_folder

GREY_BINS = 64
SAMPLES_PER_CLASS = 6


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """What a folder holds; classes by their three names."""

    counts: dict[str, dict[str, int]]  # images by split and class
    patients: dict[str, int]  # patient keys by split
    patients_in_both: tuple[str, ...]
    duplicates: tuple[tuple[str, ...], ...]
    rows: dict[str, np.ndarray]  # pixels, by class
    aspect_ratios: dict[str, np.ndarray]  # columns divided by rows, by class
    mean_grey: dict[str, np.ndarray]  # of each image, in [0, 1], by class
    histograms: dict[str, np.ndarray]  # (64,), share of the pixels at each grey value, by class
    samples: tuple[tuple[str, np.ndarray], ...]  # class name and uint8 (rows, columns)


def explore(
    folder: Path, *, progress: Callable[[list[LabelledImage]], Iterable[LabelledImage]] = iter
) -> Exploration:
    """Read every image of a folder once.

    Raises
    ------
    UnknownLayout, EmptyClass, UnreadableImage
        Each names the folder or file.
    """
    images = read_folder(folder)
    greys = _Greys()
    for image in progress(images):
        greys.add(image)
    keys = {split: {i.patient_key for i in images if i.split == split} for split in OFFICIAL_SPLITS}
    return Exploration(
        counts={split: _counts(images, split) for split in OFFICIAL_SPLITS},
        patients={split: len(found) for split, found in keys.items()},
        patients_in_both=tuple(sorted(set.intersection(*keys.values()))),
        duplicates=tuple(
            tuple(f"{i.split}/{i.name}" for i in group) for group in duplicate_groups(images)
        ),
        rows=_by_class(greys.rows),
        aspect_ratios=_by_class(greys.aspects),
        mean_grey=_by_class(greys.means),
        histograms={name: found / found.sum() for name, found in greys.histograms.items()},
        samples=tuple(greys.samples),
    )


def _counts(images: Sequence[LabelledImage], split: str) -> dict[str, int]:
    found = Counter(THREE_CLASS_NAMES[i.class_index] for i in images if i.split == split)
    return {name: found[name] for name in THREE_CLASS_NAMES}


def _by_class(values: Mapping[str, list[float]]) -> dict[str, np.ndarray]:
    return {name: np.array(found) for name, found in values.items() if found}


class _Greys:
    """What the pixels of the images seen so far say."""

    def __init__(self) -> None:
        self.rows: dict[str, list[float]] = {name: [] for name in THREE_CLASS_NAMES}
        self.aspects: dict[str, list[float]] = {name: [] for name in THREE_CLASS_NAMES}
        self.means: dict[str, list[float]] = {name: [] for name in THREE_CLASS_NAMES}
        self.histograms: dict[str, np.ndarray] = {}
        self.samples: list[tuple[str, np.ndarray]] = []

    def add(self, image: LabelledImage) -> None:
        try:
            grey = read_raster(image.path.read_bytes())
        except InferenceError as error:
            raise UnreadableImage(f"{image.path}: {error}") from error
        name = THREE_CLASS_NAMES[image.class_index]
        counts, _ = np.histogram(grey, bins=GREY_BINS, range=(0, 1))
        self.histograms[name] = self.histograms.get(name, np.zeros(GREY_BINS)) + counts
        self.rows[name].append(grey.shape[0])
        self.aspects[name].append(grey.shape[1] / grey.shape[0])
        self.means[name].append(float(grey.mean()))
        if sum(seen == name for seen, _ in self.samples) < SAMPLES_PER_CLASS:
            self.samples.append((name, (grey * 255).round().astype(np.uint8)))
