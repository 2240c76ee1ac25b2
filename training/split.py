"""Divides the official training images into training and validation, by patient, never by image."""

import hashlib
from collections.abc import Sequence
from typing import Protocol

FOLDS = 8  # one of eight is held out: 12.5 % of the patients of each class


class Grouped(Protocol):
    """An image whose patient, class and bytes are known."""

    @property
    def patient_key(self) -> str:
        """Whose image it is."""

    @property
    def class_index(self) -> int:
        """What it shows."""

    @property
    def sha256(self) -> str:
        """Hash of its file."""


def fold_of_each(images: Sequence[Grouped], *, seed: int, folds: int = FOLDS) -> list[int]:
    """Give every image a fold number such that no patient and no duplicate stands in two folds.

    Patients are dealt out class by class in the order of a keyed hash, so the folds are balanced,
    do not depend on the order of the files, and stay the same when images are added elsewhere.
    """
    groups = linked_groups(images)
    members: dict[str, list[Grouped]] = {}
    for image, group in zip(images, groups, strict=True):
        members.setdefault(group, []).append(image)
    by_class: dict[int, list[str]] = {}
    for group, group_images in members.items():
        by_class.setdefault(group_images[0].class_index, []).append(group)
    fold_of_group: dict[str, int] = {}
    for class_groups in by_class.values():
        ordered = sorted(
            class_groups, key=lambda g: hashlib.sha256(f"{seed}:{g}".encode()).digest()
        )
        fold_of_group |= {group: place % folds for place, group in enumerate(ordered)}
    return [fold_of_group[group] for group in groups]


def linked_groups(images: Sequence[Grouped]) -> list[str]:
    """Name each image's group: patients who share a byte-identical image count as one."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            key = parent[key]
        return key

    for image in images:
        first, second = sorted((root(image.patient_key), root(f"sha256:{image.sha256}")))
        parent[second] = first
    return [root(image.patient_key) for image in images]
