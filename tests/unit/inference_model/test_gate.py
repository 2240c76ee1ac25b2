"""The gate that ships: chest radiographs pass, other pictures are refused, whatever they are."""

from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import sklearn
import torch
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file

from inference.bundle import GATE_FILE, SHIPPED_BUNDLES, verify_bundle
from inference.errors import BundleInvalid
from inference.gate import Gate, gate_of, gate_tensors, is_stranger
from inference.model import Classifier, load_classifier
from inference.pixels import read_pixels, read_raster
from inference.preprocessing import to_model_input
from tests.builders.radiographs import WHITE, drawn_chest
from training.samples import as_png
from training.synthesis import draw_limb

SAMPLES = Path(__file__).parents[3] / "training" / "samples"
ROWS, COLUMNS = 320, 256


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier(SHIPPED_BUNDLES / "default")


def strangeness(classifier: Classifier, *pictures: np.ndarray) -> list[float]:
    batch = torch.stack([to_model_input(one.astype(np.float32)) for one in pictures])
    scores = classifier.features_and_probabilities(batch).strangeness
    assert scores is not None
    return [float(score) for score in scores]


def samples(kind: str) -> list[np.ndarray]:
    return [read_raster(file.read_bytes()) for file in sorted(SAMPLES.glob(f"{kind}-*.png"))]


def picture_of(file: str | Path) -> np.ndarray:
    with Image.open(file) as picture:
        return np.asarray(picture.convert("L"), dtype=np.float32) / 255


def nonsense() -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    down, across = np.mgrid[0:ROWS, 0:COLUMNS] / ROWS
    page = np.ones((ROWS, COLUMNS))
    page[20:300:12, 20:230] = random.random((24, 210)) > 0.5
    return {
        "noise": random.random((ROWS, COLUMNS)),
        "slope down": down,
        "slope across": across,
        "text page": page,
        "chequers": ((down * 8).astype(int) + (across * 8).astype(int)) % 2,
        "stripes": (np.sin(across * 40) + 1) / 2,
        "disc": 1.0 * ((down - 0.5) ** 2 + (across - 0.4) ** 2 < 0.05),
        "half": 0.1 + 0.8 * (across > 0.4),
        "limb": read_raster(as_png(draw_limb())),
    }


def photographs() -> dict[str, np.ndarray]:
    photographs = Path(sklearn.__file__).parent / "datasets" / "images"
    samples = Path(matplotlib.__file__).parent / "mpl-data" / "sample_data"
    files = [*photographs.glob("*.jpg"), *samples.glob("*.[jp][pn]g")]
    assert len(files) >= 4
    return {file.stem: picture_of(file) for file in files}


@pytest.mark.parametrize("kind", ["normal", "pneumonia"])
def test_what_looks_like_a_chest_passes(classifier: Classifier, kind: str) -> None:
    assert not any(map(is_stranger, strangeness(classifier, *samples(kind))))


def test_the_drawn_chest_of_the_tests_passes_in_any_size(classifier: Classifier) -> None:
    drawn = [drawn_chest(*size) / WHITE for size in ((300, 240), (1200, 1000))]
    assert not any(map(is_stranger, strangeness(classifier, *drawn)))


def test_drawn_nonsense_is_refused(classifier: Classifier) -> None:
    pictures = nonsense()
    scores = dict(zip(pictures, strangeness(classifier, *pictures.values()), strict=True))
    assert [name for name, score in scores.items() if not is_stranger(score)] == []


def test_photographs_are_refused(classifier: Classifier) -> None:
    pictures = photographs()
    scores = dict(zip(pictures, strangeness(classifier, *pictures.values()), strict=True))
    assert [name for name, score in scores.items() if not is_stranger(score)] == []


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "693_J2KI.dcm"])
def test_slices_of_ct_and_mr_are_refused(classifier: Classifier, name: str) -> None:
    grey = read_pixels(dcmread(BytesIO(Path(str(get_testdata_file(name))).read_bytes())))
    assert is_stranger(strangeness(classifier, grey)[0])


def test_a_chest_that_is_turned_or_upside_down_is_refused(classifier: Classifier) -> None:
    (chest, *_) = samples("normal")
    turned = [chest[::-1], chest[::-1, ::-1], np.rot90(chest), np.rot90(chest, 3), 1 - chest]
    assert all(map(is_stranger, strangeness(classifier, *map(np.ascontiguousarray, turned))))


@pytest.mark.data
def test_a_real_chest_passes_and_a_real_limb_does_not(
    classifier: Classifier, test_data: Path
) -> None:
    objects = [dcmread(test_data / "dicom_samples" / f"{name}_J2KI.dcm") for name in ("RG1", "RG3")]
    chest, limb = strangeness(classifier, *(read_pixels(ds) for ds in objects))
    assert not is_stranger(chest)
    assert is_stranger(limb)


def test_the_gate_looks_at_the_forward_pass_that_scores(classifier: Classifier) -> None:
    passes: list[int] = []
    hook = classifier.network.trunk.register_forward_hook(lambda *_: passes.append(1))
    strangeness(classifier, *samples("normal"))
    hook.remove()
    assert len(passes) == 1


def test_an_image_without_a_usable_score_is_refused() -> None:
    assert is_stranger(float("nan"))
    assert is_stranger(float("inf"))
    assert not is_stranger(1.0)


def test_a_gate_survives_its_file(classifier: Classifier) -> None:
    assert isinstance(classifier.gate, Gate)
    again = gate_of(gate_tensors(classifier.gate))
    tapped, small = np.ones((1, len(again.features.mean))), np.full((1, 256), 1 / 16)
    assert again.scores(tapped, small) == pytest.approx(classifier.gate.scores(tapped, small))


def test_the_manifest_says_how_many_chests_the_gate_refuses() -> None:
    manifest = verify_bundle(SHIPPED_BUNDLES / "default")
    assert manifest.gate is not None
    figures = {one.split: one for one in manifest.gate.figures}
    assert figures.keys() == {"validation", "varied validation", "test"}
    assert figures["test"].images == 624
    assert figures["test"].refused / 624 <= 0.01


def test_a_damaged_gate_is_not_served(tmp_path: Path) -> None:
    source = SHIPPED_BUNDLES / "default"
    for file in (file for file in source.rglob("*") if file.is_file()):
        target = tmp_path / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    damaged = tmp_path / GATE_FILE
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\x01")
    with pytest.raises(BundleInvalid, match=r"gate\.safetensors: differs"):
        verify_bundle(tmp_path)
