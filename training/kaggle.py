"""Reads the Kaggle chest X-ray folder: which images, which class, which patient; no pixels."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.labels import NORMAL_INDEX, THREE_CLASS_NAMES
from training.errors import EmptyClass, UnknownLayout

CLASS_FOLDERS = ("NORMAL", "PNEUMONIA")
# The 16-image `val` folder of the original layout is ignored: too small to select anything with.
OFFICIAL_SPLITS = ("train", "test")
IMAGE_SUFFIXES = (".jpeg", ".jpg", ".png")

# `person12_virus_34.jpeg`, `person12_virus_34_1.jpeg`: numbers after the kind count images.
PNEUMONIA_NAME = re.compile(r"^(?P<patient>person\d+)_(?P<kind>bacteria|virus)(?:_\d+)+$")
# `IM-0115-0001.jpeg`, `NORMAL2-IM-0501-0001-0002.jpeg`: the patient is all up to the second number.
NORMAL_NAME = re.compile(r"^(?P<patient>(?:NORMAL\d*-)?IM-\d+-\d+)(?:-\d+)*$")
KIND_INDEX = {"bacteria": THREE_CLASS_NAMES.index("bacterial"), "virus": 2}


@dataclass(frozen=True, kw_only=True)
class LabelledImage:
    """One image of the set: where it lies, what it shows, whose it is."""

    path: Path
    split: str
    class_index: int
    patient_key: str
    sha256: str

    @property
    def name(self) -> str:
        """The file name without its ending, unique within a split."""
        return self.path.stem


def find_root(folder: Path) -> Path:
    """Find the folder that holds `train` and `test`, which downloads often nest once or twice."""
    for candidate in (folder, folder / "chest_xray", folder / "chest_xray" / "chest_xray"):
        if all(
            (candidate / split / name).is_dir()
            for split in OFFICIAL_SPLITS
            for name in CLASS_FOLDERS
        ):
            return candidate
    raise UnknownLayout(
        f"{folder}: expected train/ and test/, each with NORMAL/ and PNEUMONIA/ (the Kaggle layout)"
    )


def read_folder(folder: Path) -> list[LabelledImage]:
    """List every image of both official splits in a fixed order, hashed.

    Raises
    ------
    UnknownLayout
        The folder is not in the Kaggle layout, or a file name tells neither kind nor patient.
    EmptyClass
        One of the four class folders holds no image.
    """
    root = find_root(folder)
    images: list[LabelledImage] = []
    for split in OFFICIAL_SPLITS:
        for class_folder in CLASS_FOLDERS:
            images += _read_class(root / split / class_folder, split)
    return images


def _read_class(folder: Path, split: str) -> list[LabelledImage]:
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise EmptyClass(f"{folder}: holds no image")
    return [_label(path, split) for path in paths]


def _label(path: Path, split: str) -> LabelledImage:
    is_normal = path.parent.name == "NORMAL"
    match = (NORMAL_NAME if is_normal else PNEUMONIA_NAME).match(path.stem)
    if match is None:
        raise UnknownLayout(f"{path}: the name gives no patient key for {path.parent.name}")
    return LabelledImage(
        path=path,
        split=split,
        class_index=NORMAL_INDEX if is_normal else KIND_INDEX[match["kind"]],
        patient_key=match["patient"],
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def duplicate_groups(images: Sequence[LabelledImage]) -> list[list[LabelledImage]]:
    """List groups of two or more byte-identical images, in the order of their first member."""
    groups: dict[str, list[LabelledImage]] = {}
    for image in images:
        groups.setdefault(image.sha256, []).append(image)
    return [group for group in groups.values() if len(group) > 1]


def data_sha256(images: Sequence[LabelledImage]) -> str:
    """One hash for a set of images: of their contents, classes and splits, whatever their order."""
    lines = sorted(f"{i.sha256} {i.split} {i.class_index} {i.patient_key}\n" for i in images)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
