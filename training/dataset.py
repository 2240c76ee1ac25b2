"""The prepared set: every image once through the serving code, as bytes in one array in memory."""

import io
import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from inference.errors import InferenceError
from inference.pixels import read_raster
from inference.preprocessing import PREPROCESSING_VERSION, to_model_input
from training.disk import write_file
from training.errors import RunUnusable, UnreadableImage
from training.kaggle import (
    OFFICIAL_SPLITS,
    LabelledImage,
    data_sha256,
    duplicate_groups,
    read_folder,
)
from training.split import fold_of_each

ARRAY_FILE = "images.npy"
RECORD_FILE = "prepared.json"
VALIDATION_FOLD = 0
NO_FOLD = -1  # of an image of the official test split

# By what the validation images were chosen among the official training images.
RANDOM_PATIENTS, LOWEST_FILMS = "random patients", "lowest film numbers"


@dataclass(frozen=True, kw_only=True)
class Example:
    """One row of the prepared array: its name, class and part of the split."""

    name: str
    split: str  # train, validation or test
    fold: int  # -1 in the official test split
    class_index: int
    patient_key: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class PreparedSet:
    """All examples and their preprocessed pixels.

    `images` is uint8, (count, 224, 224): the model's input times 255, rounded.
    """

    examples: tuple[Example, ...]
    images: np.ndarray
    data_sha256: str
    duplicates: tuple[tuple[str, ...], ...]
    held_out: str = RANDOM_PATIENTS

    def part(self, split: str) -> "Part":
        """Take the pixels and classes of one split."""
        rows = [i for i, example in enumerate(self.examples) if example.split == split]
        return Part(
            images=torch.from_numpy(self.images[rows]),
            classes=torch.tensor([self.examples[i].class_index for i in rows]),
            names=tuple(self.examples[i].name for i in rows),
        )


@dataclass(frozen=True, kw_only=True)
class Part:
    """One split: uint8 images (count, 224, 224), int64 classes (count), names."""

    images: torch.Tensor
    classes: torch.Tensor
    names: tuple[str, ...]

    def first(self, count: int) -> "Part":
        """Take a smaller part that keeps the mix of classes: every n-th image."""
        if count >= len(self.names):
            return self
        rows = torch.linspace(0, len(self.names) - 1, count).long()
        return Part(
            images=self.images[rows],
            classes=self.classes[rows],
            names=tuple(self.names[int(i)] for i in rows),
        )


def as_bytes(model_input: torch.Tensor) -> np.ndarray:
    """Round a model input (1, 224, 224) in [0, 1] to uint8 (224, 224)."""
    return (model_input[0].numpy() * 255.0).round().astype(np.uint8)


def raster_to_bytes(image: LabelledImage) -> np.ndarray:
    """Take one image file through the serving code."""
    try:
        return as_bytes(to_model_input(read_raster(image.path.read_bytes())))
    except InferenceError as error:
        raise UnreadableImage(f"{image.path}: {error}") from error


def prepare(
    folder: Path,
    *,
    seed: int,
    splits: Collection[str] = OFFICIAL_SPLITS,
    to_bytes: Callable[[LabelledImage], np.ndarray] = raster_to_bytes,
    progress: Callable[[list[LabelledImage]], Iterable[LabelledImage]] = iter,
) -> PreparedSet:
    """Read a Kaggle folder, split it by patient and preprocess the images of the given splits.

    Raises
    ------
    UnknownLayout, EmptyClass, UnreadableImage
        Each names the folder or file.
    """
    images = read_folder(folder)
    train = [image for image in images if image.split == "train"]
    folds = dict(zip((i.path for i in train), fold_of_each(train, seed=seed), strict=True))
    wanted = [image for image in images if image.split in splits]
    return PreparedSet(
        examples=tuple(_example(image, folds.get(image.path, NO_FOLD)) for image in wanted),
        images=np.stack([to_bytes(image) for image in progress(wanted)]),
        data_sha256=data_sha256(train),
        duplicates=tuple(
            tuple(f"{i.split}/{i.name}" for i in group) for group in duplicate_groups(images)
        ),
    )


def _example(image: LabelledImage, fold: int) -> Example:
    split = "validation" if fold == VALIDATION_FOLD else image.split
    return Example(
        name=image.name,
        split=split,
        fold=fold,
        class_index=image.class_index,
        patient_key=image.patient_key,
        sha256=image.sha256,
    )


def save(prepared: PreparedSet, folder: Path) -> None:
    """Write the set; the record goes last, so that a folder with a record is whole.

    Raises
    ------
    OutOfSpace
        The disk is full.
    """
    header = io.BytesIO()
    images = np.ascontiguousarray(prepared.images)
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(images))
    write_file(folder / ARRAY_FILE, header.getbuffer(), images.data)
    record = {
        "preprocessing_version": PREPROCESSING_VERSION,
        "data_sha256": prepared.data_sha256,
        "duplicates": prepared.duplicates,
        "examples": [asdict(example) for example in prepared.examples],
    }
    write_file(folder / RECORD_FILE, f"{json.dumps(record, indent=1)}\n".encode())


def open_data(
    folder: Path,
    *,
    seed: int,
    splits: Collection[str] = OFFICIAL_SPLITS,
    progress: Callable[[list[LabelledImage]], Iterable[LabelledImage]] = iter,
) -> PreparedSet:
    """Take a folder that `prepare` wrote, or a raw one in the Kaggle layout."""
    if (folder / RECORD_FILE).exists():
        return load(folder)
    return prepare(folder, seed=seed, splits=splits, progress=progress)


def load(folder: Path) -> PreparedSet:
    """Read a set that `save` wrote.

    Raises
    ------
    RunUnusable
        The set was prepared by another version of the preprocessing.
    """
    record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    if record["preprocessing_version"] != PREPROCESSING_VERSION:
        raise RunUnusable(
            f"{folder}: prepared with preprocessing {record['preprocessing_version']}, "
            f"this is {PREPROCESSING_VERSION}; run prepare again"
        )
    return PreparedSet(
        examples=tuple(Example(**example) for example in record["examples"]),
        images=np.load(folder / ARRAY_FILE, allow_pickle=False),
        data_sha256=record["data_sha256"],
        duplicates=tuple(tuple(group) for group in record["duplicates"]),
    )
