"""A model bundle on disk: what it is, who it is for, and whether its bytes are what was published.

The layout is MONAI's (configs/, docs/, models/) plus `manifest.json`, our one record of everything,
and `vectors/`, small inputs with the probabilities they must give. Knows no torch.
"""

import hashlib
import json
import os
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from inference.errors import BundleInvalid

MANIFEST_FILE = "manifest.json"
WEIGHTS_FILE = "models/model.safetensors"
METADATA_FILE = "configs/metadata.json"
INFERENCE_FILE = "configs/inference.json"
CARD_FILE = "docs/README.md"
GATE_FILE = "models/gate.safetensors"
VECTORS_FILE = "vectors/vectors.safetensors"
HASHED_FILES = (WEIGHTS_FILE, METADATA_FILE, INFERENCE_FILE, CARD_FILE, VECTORS_FILE)
READ_SIZE_BYTES = 1 << 20
SHIPPED_BUNDLES = Path(__file__).parent / "models"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Population(_Record):
    """Whom the model was made for; others get a statement that they are outside."""

    min_age_years: int
    max_age_years: int
    view: str  # value of ViewPosition
    site: str


class BundleCode(_Record):
    """A coded finding that a positive result stands for."""

    value: str
    scheme: str
    meaning: str


class FigureWithInterval(_Record):
    """A figure and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class BundleFigures(_Record):
    """What the bundle did on one split at its own threshold."""

    split: Literal[
        "validation", "shifted validation", "film block", "shifted film block", "test"
    ]  # the blocks are those of the network that the bundle was calibrated by
    images: int
    auc: FigureWithInterval
    accuracy: float
    precision: float
    sensitivity: float
    specificity: float
    f1: float
    expected_calibration_error: float


class GateFigures(_Record):
    """How many chest radiographs of one split the gate refuses, all of them wrongly."""

    split: Literal["validation", "varied validation", "test"]
    images: int
    refused: int


class BundleGate(_Record):
    """What refuses images that are no frontal chest radiographs."""

    tap: str  # path of the module inside the trunk whose pooled output is looked at
    images: int  # training images that it was fitted to, each plain and varied
    target_false_refusals: float  # share of validation images, by which the thresholds were set
    figures: tuple[GateFigures, ...]


class BundleManifest(_Record):
    """Everything about a bundle that a program or a report needs to know."""

    name: str
    version: str
    created: date
    calibrated: date | None = None  # None in bundles made before it was written down
    architecture: str
    labels: tuple[str, ...]  # in the order of the network's outputs; the first is normal
    codes: tuple[BundleCode, ...]
    decision_threshold: float  # pneumonia is called from this calibrated probability on
    calibration_temperature: float
    averages_flip: bool  # whether the mirrored image is scored too and the two are averaged
    preprocessing_version: str
    population: Population
    training_data: str
    training_data_sha256: str
    figures: tuple[BundleFigures, ...]
    gate: BundleGate | None = None  # None in bundles made before there was one
    vector_tolerance: float  # largest accepted difference of a test vector's probability
    sha256: dict[str, str]  # of every other file of the bundle, by its path inside it

    @property
    def calibrated_on(self) -> date:
        """When threshold and temperature were chosen; as far as it was written down."""
        return self.calibrated or self.created

    @property
    def weights_sha256(self) -> str:
        """Hash of the weights, which identifies the model in reports."""
        return self.sha256[WEIGHTS_FILE]

    @property
    def weights_file(self) -> str:
        """Path of the weights inside the bundle."""
        return WEIGHTS_FILE


def bundle_folder(bundle: str, installed: Path) -> Path:
    """Folder of a bundle: a shipped or an installed one by its name, any other by its path."""
    if os.sep in bundle or bundle in {".", ".."}:
        return Path(bundle)
    shipped = SHIPPED_BUNDLES / bundle
    return shipped if shipped.is_dir() else installed / bundle


def folders_of_bundles(installed: Path) -> tuple[Path, ...]:
    """Return the folders of all that have a name: those that ship, then the installed ones."""
    folders = (*sorted(SHIPPED_BUNDLES.glob("*/")), *sorted(installed.glob("*/")))
    return tuple(one for one in folders if not one.name.startswith("."))


def read_manifest(folder: Path) -> BundleManifest:
    """Read a bundle's manifest without looking at its other files.

    Raises
    ------
    BundleInvalid
        There is no manifest, or it does not say what a manifest must.
    """
    path = folder / MANIFEST_FILE
    try:
        return BundleManifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BundleInvalid(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BundleInvalid(f"{path}: {place or 'content'}: {first['msg']}") from error


def verify_bundle(folder: Path) -> BundleManifest:
    """Read the manifest and compare every file with its hash.

    Raises
    ------
    BundleInvalid
        A file is missing or differs, or the manifest does not cover a file that it must.
    """
    manifest = read_manifest(folder)
    for name in files_of(manifest):
        if name not in manifest.sha256:
            raise BundleInvalid(f"{folder / MANIFEST_FILE}: gives no hash for {name}")
    for name, expected in manifest.sha256.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BundleInvalid(f"{folder / MANIFEST_FILE}: {name} lies outside the bundle")
        if file_sha256(folder / name) != expected:
            raise BundleInvalid(f"{folder / name}: differs from the hash in the manifest")
    return manifest


def files_of(manifest: BundleManifest) -> tuple[str, ...]:
    """Return the files that a bundle has beside its manifest."""
    return (*HASHED_FILES, GATE_FILE) if manifest.gate else HASHED_FILES


def file_sha256(path: Path) -> str:
    """SHA-256 of a bundle's file in hexadecimal.

    Raises
    ------
    BundleInvalid
        The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(READ_SIZE_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise BundleInvalid(f"{path}: cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def write_manifest(manifest: BundleManifest, folder: Path) -> None:
    """Write the manifest, last of all files, so that a bundle that has one is whole."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=2)
    (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")
