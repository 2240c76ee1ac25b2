"""The one definition of the model's input: same for files and objects, blind to exposure."""

import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from pydicom import dcmread

from inference.pixels import read_pixels, read_raster
from inference.preprocessing import INPUT_SIZE, to_model_input
from tests.builders.kaggle import drawn_picture
from tests.builders.radiographs import drawn_chest
from training.dicomize import Subject, dicomize
from training.samples import as_png


def test_input_is_one_grey_square_between_black_and_white() -> None:
    result = to_model_input((drawn_chest() / 4095).astype(np.float32))

    assert type(result) is torch.Tensor
    assert result.shape == (1, INPUT_SIZE, INPUT_SIZE)
    assert result.dtype == torch.float32
    assert result.min() >= 0
    assert result.max() <= 1


def test_orientation_is_kept() -> None:
    result = to_model_input((drawn_chest() / 4095).astype(np.float32))[0]

    corners = [result[4, 4], result[4, -5], result[-5, 4], result[-5, -5]]
    assert corners[0] > 0.95
    assert max(corners[1:]) < 0.95


def test_histogram_is_flat() -> None:
    rng = np.random.default_rng(1)
    result = to_model_input(rng.beta(2, 8, (INPUT_SIZE, INPUT_SIZE)).astype(np.float32))

    assert np.quantile(result.numpy(), [0.25, 0.5, 0.75]) == pytest.approx(
        [0.25, 0.5, 0.75], abs=0.02
    )


def test_exposure_and_window_make_no_difference() -> None:
    grey = (drawn_picture(is_ill=True, seed=1) / 255).astype(np.float32)
    dim = 0.2 + 0.5 * grey

    difference = to_model_input(grey) - to_model_input(dim.astype(np.float32))
    assert difference.abs().max() < 2 / 255


def test_a_featureless_image_does_not_fail() -> None:
    assert torch.isfinite(to_model_input(np.zeros((50, 60), dtype=np.float32))).all()


@pytest.mark.parametrize("bits", [8, 12])
def test_picture_wrapped_in_dicom_gives_the_same_input_as_the_picture(bits: int) -> None:
    picture = drawn_picture(is_ill=True, seed=3)
    stored = picture if bits == 8 else picture.astype(np.uint16) * 16
    stream = io.BytesIO()
    subject = Subject(patient_name="Nobody^A", patient_id="1")
    ds = dicomize(stored, subject=subject, bits_stored=bits)
    ds.save_as(stream, enforce_file_format=True)

    through_dicom = to_model_input(read_pixels(dcmread(io.BytesIO(stream.getvalue()))))
    directly = to_model_input(read_raster(as_png(picture)))

    allowed = 0 if bits == 8 else 1 / 255
    assert (through_dicom - directly).abs().max() <= allowed


def test_importing_the_definition_imports_neither_torch_nor_monai() -> None:
    code = (
        "import sys, inference.preprocessing, inference.bundle, inference.labels, inference.errors;"
        "sys.exit(bool({'torch', 'monai'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
